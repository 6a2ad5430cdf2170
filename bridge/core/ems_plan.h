/*
 * ems_plan - when a list of prices or a forecast is fetched next, after an answer.
 *
 * Prices of tomorrow come out at a known time of the day: hourly until then, more often while they
 * are due and not there. Forecasts that may be asked a few times a day are asked while the sun is
 * up, as far as the forecast itself knows. SPDX-License-Identifier: MIT
 */
#ifndef CORE_EMS_PLAN_H
#define CORE_EMS_PLAN_H

#include "bridge/core/slots.h"

enum ems_plan_kind {
    EMS_PLAN_STEADY,    /* every interval */
    EMS_PLAN_DAY_AHEAD, /* the interval; in the window every step_s until tomorrow is there */
    EMS_PLAN_DAYLIGHT,  /* a number of calls from sunrise to sunset */
};

struct ems_plan {
    enum ems_plan_kind kind;
    const char *zone;     /* of the window: a name of core/zone */
    int from_min, to_min; /* of the day */
    int32_t step_s;
};

/* The day-ahead auction of Europe: from 12:45 on; asked for until 15:00. */
extern const struct ems_plan ems_plan_auction;

struct ems_planning {
    const struct ems_plan *plan;
    const struct slots *have; /* price or forecast */
    int32_t interval_s;
    int calls; /* a day, for EMS_PLAN_DAYLIGHT; >= 1 */
};

/* From the answer at utc_s to the next request, in s; up to a tenth more by random, any number. */
int64_t ems_plan_wait(const struct ems_planning *p, int64_t utc_s, uint32_t random);

/* How long a start at utc_s waits, when the last answer is known from the disk (fetched_s). */
int64_t ems_plan_start(const struct ems_planning *p, int64_t fetched_s, int64_t utc_s);

/* The least from a failure to the next try: a quota counts failures, too. */
int64_t ems_plan_least(const struct ems_planning *p, int64_t utc_s);

#endif
