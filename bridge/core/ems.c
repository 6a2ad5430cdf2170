/*
 * ems - reports into readings, readings that age. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems.h"

#include "bridge/base/str.h"

#include <string.h>

enum {
    FUTURE_MS = 5 * 60 * 1000, /* how wrong a clock may be */
    NIGHT_W = -50,             /* what an inverter draws at night */
};
/* No device measured anything before: a clock without power begins at 1970, 1999 or 2000. */
static const int64_t first_utc_ms = INT64_C(1009843200000); /* 2002-01-01 */

/* clang-format off */
#define POWER(f, name_, lively_) [f] = {.name = (name_), .unit = "W", .min = -100000, .max = 100000, .lively = (lively_)}
#define AMPS(f, name_) [f] = {.name = (name_), .unit = "mA", .min = -500000, .max = 500000, .lively = true}
#define VOLTS(f, name_) [f] = {.name = (name_), .unit = "mV", .min = 0, .max = 400000}

const struct ems_field_info ems_field_table[EMS_FIELDS] = {
    POWER(EMS_GRID_W, "grid_w", true),
    POWER(EMS_PV_W, "pv_w", false),
    POWER(EMS_BATTERY_W, "battery_w", false),
    [EMS_SOC_PERMILLE] = {.name = "soc_permille", .unit = "per mille", .min = 0, .max = 1000},
    [EMS_CONSUMPTION_W] = {.name = "consumption_w", .unit = "W", .min = 0, .max = 100000},
    AMPS(EMS_CURRENT_L1_MA, "current_l1_ma"),
    AMPS(EMS_CURRENT_L2_MA, "current_l2_ma"),
    AMPS(EMS_CURRENT_L3_MA, "current_l3_ma"),
    VOLTS(EMS_VOLTAGE_L1_MV, "voltage_l1_mv"),
    VOLTS(EMS_VOLTAGE_L2_MV, "voltage_l2_mv"),
    VOLTS(EMS_VOLTAGE_L3_MV, "voltage_l3_mv"),
};
/* clang-format on */

const char *const ems_role_words[] = {"primary", "sum", "fallback", NULL};

void ems_say(struct ems_reports *r, enum ems_field f, int64_t v, int64_t source_utc_ms,
        const char *raw)
{
    struct ems_report *x = &r->field[f];

    *x = (struct ems_report){
            .said = EMS_SAID_VALUE, .value = v, .source_utc_ms = source_utc_ms};
    (void)str_copy(x->raw, sizeof(x->raw), raw ? raw : "");
}

void ems_say_none(struct ems_reports *r, enum ems_field f, const char *why, const char *raw)
{
    struct ems_report *x = &r->field[f];

    *x = (struct ems_report){.said = EMS_SAID_NONE};
    (void)str_copy(x->why, sizeof(x->why), why);
    (void)str_copy(x->raw, sizeof(x->raw), raw ? raw : "");
}

int ems_said(const struct ems_reports *r)
{
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        n += r->field[f].said == EMS_SAID_VALUE;
    }
    return n;
}

static bool is_current(enum ems_field f)
{
    return f == EMS_CURRENT_L1_MA || f == EMS_CURRENT_L2_MA || f == EMS_CURRENT_L3_MA;
}

static bool inverted(const struct ems_source_config *c, enum ems_field f)
{
    return (c->invert_grid && (f == EMS_GRID_W || is_current(f))) ||
           (c->invert_pv && f == EMS_PV_W) || (c->invert_battery && f == EMS_BATTERY_W);
}

/* Why the value cannot be; "": it can. */
static void check_value(enum ems_field f, int64_t v, char why[static EMS_WHY_ROOM])
{
    const struct ems_field_info *i = &ems_field_table[f];

    why[0] = '\0';
    if (f == EMS_CONSUMPTION_W && v < 0) {
        (void)str_format(why, EMS_WHY_ROOM,
                "%lld W: a house gives no power; is its feed that of the grid or of the sun "
                "(swapped), or its sign wrong?",
                (long long)v);
    } else if (v < i->min || v > i->max) {
        (void)str_format(why, EMS_WHY_ROOM, "%lld is outside %lld to %lld %s", (long long)v,
                (long long)i->min, (long long)i->max, i->unit);
    } else if (f == EMS_PV_W && v < NIGHT_W) {
        (void)str_format(why, EMS_WHY_ROOM,
                "%lld W: production is not negative; is its sign inverted (invert_pv)?",
                (long long)v);
    }
}

static void check_time(int64_t source_utc_ms, int64_t utc_ms, char why[static EMS_WHY_ROOM])
{
    char time[STR_TIME_ROOM];

    if (source_utc_ms == 0 ||
            (source_utc_ms >= first_utc_ms && source_utc_ms <= utc_ms + FUTURE_MS)) {
        return;
    }
    str_time(time, source_utc_ms);
    (void)str_format(why, EMS_WHY_ROOM, "its time is %s: %s; ignore_time takes it anyway", time,
            source_utc_ms < first_utc_ms ? "the device's clock was never set"
                                         : "more than five minutes ahead of ours");
}

static void take_value(struct ems_source *s, const struct ems_source_config *c,
        enum ems_field f, const struct ems_report *r, struct ems_now now)
{
    int64_t v = inverted(c, f) ? -r->value : r->value;
    int64_t source_ms = c->ignore_time ? 0 : r->source_utc_ms;
    struct ems_reading *old = &s->field[f],
                       x = {.source_utc_ms = source_ms, .holds_ms = (int64_t)r->holds_s * 1000};

    (void)str_copy(x.raw, sizeof(x.raw), r->raw);
    check_value(f, v, x.why);
    if (x.why[0] == '\0') {
        check_time(source_ms, now.utc_ms, x.why);
    }
    x.known = x.why[0] == '\0';
    x.value = f == EMS_PV_W && v < 0 ? 0 : v;
    x.no_clock = source_ms == 0;
    x.at_ms = now.now_ms;
    if (source_ms != 0 && source_ms < now.utc_ms) {
        x.at_ms = now.now_ms - (now.utc_ms - source_ms);
    }
    if (x.known != old->known || x.value != old->value ||
            x.source_utc_ms != old->source_utc_ms) {
        s->changed_ms = now.now_ms;
    } else if (!x.no_clock) {
        x.at_ms = old->at_ms; /* the same measurement again; our wall clock may have jumped */
    }
    x.held_ms = r->holds && !ems_field_table[f].lively ? now.now_ms : 0;
    *old = x;
}

void ems_take(struct ems_source *s, const struct ems_source_config *c,
        const struct ems_reports *r, struct ems_now now)
{
    for (int f = 0; f < EMS_FIELDS; f++) {
        const struct ems_report *x = &r->field[f];

        if (x->said == EMS_SAID_VALUE) {
            s->seen |= EMS_BIT(f);
            take_value(s, c, (enum ems_field)f, x, now);
        } else if (x->said == EMS_SAID_NONE) {
            struct ems_reading *old = &s->field[f];

            *old = (struct ems_reading){.at_ms = now.now_ms};
            (void)str_copy(old->why, sizeof(old->why), x->why);
            (void)str_copy(old->raw, sizeof(old->raw), x->raw);
        }
    }
}

int64_t ems_ttl_ms(
        const struct ems_source *s, const struct ems_source_config *c, enum ems_field f)
{
    int64_t holds_ms = s->field[f].holds_ms;

    return holds_ms > c->ttl_ms ? holds_ms : c->ttl_ms;
}

bool ems_fresh(const struct ems_source *s, const struct ems_source_config *c, enum ems_field f,
        int64_t now_ms, int64_t *value, const char **why)
{
    const struct ems_reading *x = &s->field[f];

    *why = NULL;
    if (!x->known) {
        *why = x->why[0] != '\0' ? x->why : "nothing was read yet";
    } else if (now_ms - ems_reading_ms(x) > ems_ttl_ms(s, c, f)) {
        *why = x->no_clock ? "the source gives no more values"
                           : "its measurement is older than max_age_s";
    } else if (ems_field_table[f].lively && now_ms - s->changed_ms > c->ttl_ms) {
        *why = "nothing of this source changes any more";
    } else {
        *value = x->value;
    }
    return *why == NULL;
}
