/*
 * ems_reg_plan - reads a fixed list of registers, several in one request where they stand close together.
 *
 * What a device does not give in one piece is asked for one by one, from then on; what it refuses even
 * so is not there. The values live in a memo. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_EMS_REG_PLAN_H
#define ADAPTERS_EMS_EMS_REG_PLAN_H

#include "adapters/ems/ems_registers.h"

enum { REG_ITEMS_MAX = 32 };

struct reg_item { /* in ascending order within a run */
    uint16_t at;
    enum reg_type type; /* up to two words */
};

/* Constant: items, and how many of them make up each run. */
struct reg_plan {
    const struct reg_item *items;
    const uint8_t *runs;
    uint8_t run_count;
};

struct reg_values {
    uint8_t run, item; /* item: of the run, where it is read one by one */
    uint32_t split;    /* runs that are */
    bool answered;     /* anything, in this round */
    struct {
        uint16_t word[2];
        bool read;
    } value[REG_ITEMS_MAX];
};

/* A round begins: all values are unknown. */
void reg_plan_begin(struct reg_values *v);
/* The next request; false: all is read. */
bool reg_plan_request(
        const struct reg_plan *p, const struct reg_values *v, struct ems_request *out);
/* Takes its answer. Not EMS_OK: silence, or nothing of all was given; the host has the sentence. */
enum ems_class reg_plan_parse(
        const struct reg_plan *p, struct reg_values *v, const struct ems_answer *a);

/* REG_OUTSIDE: was not given. */
enum reg_result reg_plan_value(const struct reg_plan *p, const struct reg_values *v, int item,
        bool low_first, int64_t *micro);
void reg_plan_raw(const struct reg_plan *p, const struct reg_values *v, int item,
        char dst[static EMS_RAW_ROOM]);
/* Why there is no value: "register 252 is not given". */
void reg_plan_why(
        const struct reg_plan *p, int item, enum reg_result r, char dst[static EMS_WHY_ROOM]);

#endif
