/*
 * ems_plan - when prices and forecasts are fetched. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems_plan.h"

#include "bridge/core/zone.h"

enum {
    DAY_S = 86400,
    HOUR_S = 3600,
    JITTER = 10,               /* a tenth */
    LAST_HOURS_S = 2 * HOUR_S, /* some lists end an hour early, by the day of another zone */
    SPACING_MIN_S = 900,
    RETRY_MIN_S = 60,
};

const struct ems_plan ems_plan_auction = {.kind = EMS_PLAN_DAY_AHEAD,
        .zone = "Europe/Brussels",
        .from_min = 12 * 60 + 45,
        .to_min = 15 * 60,
        .step_s = 900};

static int64_t with_jitter(int64_t wait_s, uint32_t random)
{
    return wait_s + (int64_t)(random % (uint32_t)(wait_s / JITTER + 1));
}

static int64_t day_ahead(const struct ems_planning *p, int64_t utc_s, uint32_t random)
{
    const struct ems_plan *w = p->plan;
    struct zone z;
    int minute;
    int64_t opens_s;

    if (!zone_find(&z, w->zone) ||
            slots_until(p->have, utc_s) >= zone_day(&z, utc_s, 2) - LAST_HOURS_S) {
        return with_jitter(p->interval_s, random);
    }
    minute = zone_local(&z, utc_s).minute;
    if (minute >= w->from_min && minute < w->to_min) {
        return with_jitter(w->step_s < p->interval_s ? w->step_s : p->interval_s, random);
    }
    opens_s = (int64_t)(w->from_min - minute) * 60;
    if (opens_s > 0 && opens_s < p->interval_s) {
        return with_jitter(opens_s, random) +
               (int64_t)(random % 240); /* all households at once */
    }
    return with_jitter(p->interval_s, random);
}

/* How long the sun shines in the day that begins at utc_s; 0: no idea, or not at all. */
static int64_t light(const struct slots *s, int64_t utc_s)
{
    int64_t sum_s = 0;

    for (int i = 0; i < s->n; i++) {
        const struct slot *x = &s->slot[i];
        int64_t from_s = x->start_s > utc_s ? x->start_s : utc_s;
        int64_t to_s = x->end_s < utc_s + DAY_S ? x->end_s : utc_s + DAY_S;

        if (x->value > 0 && to_s > from_s) {
            sum_s += to_s - from_s;
        }
    }
    return sum_s;
}

/* The next instant from utc_s on at which the sun shines; 0: none is known. */
static int64_t next_light(const struct slots *s, int64_t utc_s)
{
    for (int i = 0; i < s->n; i++) {
        if (s->slot[i].value > 0 && s->slot[i].end_s > utc_s) {
            return s->slot[i].start_s > utc_s ? s->slot[i].start_s : utc_s;
        }
    }
    return 0;
}

/* One call is left for a restart. */
static int64_t spacing(const struct ems_planning *p, int64_t utc_s)
{
    int64_t light_s = light(p->have, utc_s);
    int64_t s = (light_s > 0 ? light_s : DAY_S) / (p->calls > 1 ? p->calls - 1 : 1);

    return s > SPACING_MIN_S ? s : SPACING_MIN_S;
}

static int64_t daylight(const struct ems_planning *p, int64_t utc_s, uint32_t random)
{
    int64_t wait_s = with_jitter(spacing(p, utc_s), random);
    int64_t shines_s = next_light(p->have, utc_s + wait_s);

    return shines_s > 0 && shines_s < utc_s + DAY_S ? shines_s - utc_s : wait_s;
}

int64_t ems_plan_wait(const struct ems_planning *p, int64_t utc_s, uint32_t random)
{
    switch (p->plan->kind) {
    case EMS_PLAN_STEADY:
        break;
    case EMS_PLAN_DAY_AHEAD:
        return day_ahead(p, utc_s, random);
    case EMS_PLAN_DAYLIGHT:
        return daylight(p, utc_s, random);
    }
    return p->interval_s;
}

int64_t ems_plan_start(const struct ems_planning *p, int64_t fetched_s, int64_t utc_s)
{
    int64_t wait_s = p->plan->kind == EMS_PLAN_DAY_AHEAD ? p->plan->step_s
                                                         : ems_plan_wait(p, fetched_s, 0);

    if (fetched_s <= 0 || fetched_s > utc_s || fetched_s + wait_s <= utc_s) {
        return 0;
    }
    return fetched_s + wait_s - utc_s;
}

int64_t ems_plan_least(const struct ems_planning *p, int64_t utc_s)
{
    return p->plan->kind == EMS_PLAN_DAYLIGHT ? spacing(p, utc_s) : RETRY_MIN_S;
}
