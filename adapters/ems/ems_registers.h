/*
 * ems_registers - numbers out of Modbus registers, with integers alone, for all adapters over Modbus.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_EMS_REGISTERS_H
#define ADAPTERS_EMS_EMS_REGISTERS_H

#include "adapters/ems/ems.h"

/* clang-format off */
#define EMS_UNIT_ROW(T, member, fallback_, text_) \
    OPTION(T, "unit", member, OPT_INT, .min = 0, .max = 255, .fallback = (fallback_), .flags = OPT_RESTART, .text = (text_))
/* clang-format on */

enum reg_type { REG_U16, REG_S16, REG_U32, REG_S32, REG_U64, REG_S64, REG_F32, REG_F64 };
enum { REG_TYPES = REG_F64 + 1, REG_WORDS_MAX = 4 };
extern const char *const reg_type_words[REG_TYPES + 1];
unsigned reg_words(enum reg_type t); /* 1, 2, 4 */

enum reg_result {
    REG_OK,
    REG_ABSENT,    /* what stands there means "not there" */
    REG_OUTSIDE,   /* the answer does not reach so far */
    REG_TOO_LARGE, /* beyond 9 * 10^12 */
};

/* The words at p (high byte first) into *bits; low_first: the low word stands first. */
uint64_t reg_bits(const char *p, enum reg_type t, bool low_first);
/* Millionths, halves away from zero. REG_ABSENT: a float that is no number, or the lowest there is
 * (0xFF7FFFFF); and with nan all ones of an unsigned, the lowest of a signed number. */
enum reg_result reg_value(uint64_t bits, enum reg_type t, bool nan, int64_t *micro);

/* What an answer holds, from register start on. */
struct reg_block {
    const char *body;
    size_t len;
    uint16_t start;
};
enum reg_result reg_read(const struct reg_block *b, uint16_t at, enum reg_type t,
        bool low_first, int64_t *micro);
/* One register as it is; false: outside. */
bool reg_word(const struct reg_block *b, uint16_t at, uint16_t *word);

/* "65036", "50432 51200": the words at `at` for a report. */
void reg_raw(char dst[static EMS_RAW_ROOM], const struct reg_block *b, uint16_t at, unsigned n);

/* Millionths of W, A, V or % into the base unit of a field. */
int64_t reg_field(int64_t micro, enum ems_field f);

/* What an optional request's status that is not 200 is worth: an exception's code, or 0, silence. */
enum ems_class reg_class(int status);

/* For `check`: wire and unit id. */
void reg_check(const struct ems_wire *w, int32_t unit, const char *path,
        struct opt_errors *errs, struct opt_errors *warnings);

#endif
