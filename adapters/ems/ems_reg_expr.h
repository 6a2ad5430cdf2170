/*
 * ems_reg_expr - which registers a value is made of, as a user writes it.
 *
 *     s32:820                         a holding register and the next one
 *     input:u16:30 * 0.1              input registers; a factor
 *     -holding:s16:37113              the other sign
 *     u32:10 + u32:12 - u32:20        sums and differences
 *     input:u16:5 * 0.1 - 40          an offset
 *     f32:40190:swapped               the low word stands first
 *     s32:30775:nan // 0              0x80000000 and 0x7FFFFFFF (all ones of unsigned ones) mean that
 *                                     there is no value; then 0 counts
 *
 * Types: u16 s16 u32 s32 u64 s64 f32 f64; addresses as on the wire (the first register is 0), also
 * 0x hexadecimal; operators stand between blanks. A float that is no number never is a value.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_EMS_REG_EXPR_H
#define ADAPTERS_EMS_EMS_REG_EXPR_H

#include "adapters/ems/ems_registers.h"

enum { REG_TERMS_MAX = 8 };

struct reg_ref {
    uint8_t function; /* 3, 4; 0: none, the term is a number */
    enum reg_type type;
    bool swapped, nan;
    uint16_t at;
};

struct reg_term {
    struct reg_ref ref;
    bool minus;
    int64_t factor; /* millionths; the number itself where there is no register */
};

struct reg_expr {
    int terms;
    struct reg_term term[REG_TERMS_MAX];
    bool has_default;
    int64_t fallback; /* millionths */
};

/* False with a sentence. "" has no terms and is true. */
bool reg_expr_parse(const char *s, struct reg_expr *x, struct err *e);

#endif
