/*
 * fronius - what its files share. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_FRONIUS_FRONIUS_H
#define ADAPTERS_EMS_FRONIUS_FRONIUS_H

#include "adapters/ems/ems.h"

struct fronius_memo {
    int32_t page;     /* that comes next; PAGES: none */
    int32_t device;   /* the id of an inverter */
    uint32_t missing; /* pages that answered 404: EMS_BIT */
    uint32_t rounds;
    bool flow, no_meter; /* of this round */
    bool good;           /* a page of this round was one of the Solar API */
};

/* A number, or one in a text, times 1000. */
bool fronius_milli(struct json_object *v, int64_t *milli);

/* What the Data of a page say, whatever page it is. */
void fronius_read(struct fronius_memo *m, struct json_object *data, int64_t utc_ms,
        struct ems_reports *out);

/* The meter of the page, if it has any. */
bool fronius_read_meters(struct json_object *data, int64_t utc_ms, struct ems_reports *out);

static inline bool fronius_has(const struct ems_reports *out, enum ems_field f)
{
    return out->field[f].said == EMS_SAID_VALUE;
}

/* Unless there is a value of it already. */
static inline void fronius_say(struct json_object *v, const char *expr, enum ems_field f,
        int64_t utc_ms, struct ems_reports *out)
{
    const struct ems_tree t = {.json = v};

    if (!fronius_has(out, f)) {
        ems_expr_say(&t, expr, f, utc_ms, out);
    }
}

#endif
