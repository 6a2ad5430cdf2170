/*
 * ems - energy values in one normal form, how old they are, and what the site makes of several.
 *
 * A source reports fields: integers in base units, signs as below, with the source's own time
 * where it has one. `ems_take` judges a report (range, clock) and keeps it as a reading that ages
 * by itself; `ems_site` merges the readings of all sources by role, derives one missing term of
 *     load = grid + pv + battery        (load: house and chargers)
 * and says for each value where it came from, how old it is, and why it is not known. Unknown is
 * never 0. SPDX-License-Identifier: MIT
 */
#ifndef CORE_EMS_H
#define CORE_EMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ems_field {
    EMS_GRID_W,        /* + import, - export */
    EMS_PV_W,          /* >= 0 */
    EMS_BATTERY_W,     /* + discharges (feeds the house), - charges */
    EMS_SOC_PERMILLE,  /* 0..1000 */
    EMS_CONSUMPTION_W, /* the house, without chargers unless the source includes them; >= 0 */
    EMS_CURRENT_L1_MA, /* of the grid, + import */
    EMS_CURRENT_L2_MA,
    EMS_CURRENT_L3_MA,
    EMS_VOLTAGE_L1_MV, /* phase to neutral */
    EMS_VOLTAGE_L2_MV,
    EMS_VOLTAGE_L3_MV,
    EMS_FIELDS
};

struct ems_field_info {
    const char *name; /* "grid_w", "current_l1_ma" */
    const char *unit; /* "W" */
    int64_t min, max; /* beyond: not known */
    bool lively;      /* a value that never changes is a dead meter (grid power and currents) */
};
extern const struct ems_field_info ems_field_table[EMS_FIELDS];

/* A set of fields. */
#define EMS_BIT(f) (1u << (unsigned)(f))

/* ---- what one answer of a source said ---- */

enum { EMS_RAW_ROOM = 48, EMS_WHY_ROOM = 120 };

enum ems_said { EMS_SAID_NOTHING, EMS_SAID_VALUE, EMS_SAID_NONE };

struct ems_report {
    enum ems_said said;
    int64_t value;         /* EMS_SAID_VALUE */
    int64_t source_utc_ms; /* when the source measured it; 0: it does not say */
    int32_t holds_s; /* it is measured this seldom: at least so long it holds; 0: max age */
    char raw[EMS_RAW_ROOM]; /* the text it was read from, cut */
    char why[EMS_WHY_ROOM]; /* EMS_SAID_NONE: one phrase, "soc is not in data" */
    /* The source, which tells only what changes, has just said that it still holds to this value
     * of that time: it is as good as new, unless it is lively. */
    bool holds;
};

struct ems_slots; /* core/ems_slots.h: prices and forecasts */

struct ems_reports {
    struct ems_report field[EMS_FIELDS];
    struct ems_slots *slots; /* borrowed, of who runs the adapter; NULL: it gives none */
};

void ems_say(struct ems_reports *r, enum ems_field f, int64_t v, int64_t source_utc_ms,
        const char *raw);
void ems_say_none(struct ems_reports *r, enum ems_field f, const char *why, const char *raw);
/* How many fields have a value. */
int ems_said(const struct ems_reports *r);

/* ---- one source, over time ---- */

/* How readings of a field from several sources go together, in this order. */
enum ems_role {
    EMS_PRIMARY,  /* alone, while it is known; one source of a field at most */
    EMS_SUM,      /* the sum of all of this role; soc and voltage: their mean */
    EMS_FALLBACK, /* the first that is known, where the others give none */
    EMS_ROLES
};
extern const char *const ems_role_words[EMS_ROLES + 1];

struct ems_source_config {
    enum ems_role role;
    uint32_t fields;        /* what it can give: EMS_BIT */
    bool elsewhere;         /* a meter of one circuit: counts for nothing of the site */
    int64_t ttl_ms;         /* max age of a value */
    bool includes_chargers; /* its consumption has the chargers in it */
    bool invert_grid;       /* grid power and phase currents */
    bool invert_pv, invert_battery;
    bool ignore_time; /* its clock is wrong: the time of arrival counts */
};

struct ems_reading {
    bool known;
    int64_t value;
    int64_t at_ms;         /* boot clock: when it was measured, as far as we know */
    int64_t source_utc_ms; /* 0: the source did not say */
    int64_t holds_ms;      /* at least so long it holds, beyond the max age of its source */
    int64_t held_ms;       /* boot clock: when the source last held to it; 0: never */
    bool no_clock;         /* at_ms is the time of arrival */
    char why[EMS_WHY_ROOM];
    char raw[EMS_RAW_ROOM];
};

struct ems_source {
    struct ems_reading field[EMS_FIELDS];
    uint32_t seen;      /* fields that ever had a value: EMS_BIT */
    int64_t changed_ms; /* last time that any value or source time changed; 0: never */
};

struct ems_now {
    int64_t now_ms; /* boot clock */
    int64_t utc_ms; /* wall clock */
};

/* When it was last as good as new. */
static inline int64_t ems_reading_ms(const struct ems_reading *x)
{
    return x->held_ms > x->at_ms ? x->held_ms : x->at_ms;
}

/* Takes over what an answer said. Fields that it says nothing about keep what they had. */
void ems_take(struct ems_source *s, const struct ems_source_config *c,
        const struct ems_reports *r, struct ems_now now);

/* How long a reading holds. */
int64_t ems_ttl_ms(
        const struct ems_source *s, const struct ems_source_config *c, enum ems_field f);

/* The value, if it may be used now; else *why (a phrase, valid as long as s). */
bool ems_fresh(const struct ems_source *s, const struct ems_source_config *c, enum ems_field f,
        int64_t now_ms, int64_t *value, const char **why);

/* ---- the site ---- */

enum { EMS_SOURCES_MAX = 64 };

enum ems_origin { EMS_FROM_NOWHERE, EMS_FROM_SOURCES, EMS_DERIVED };

struct ems_value {
    bool known;
    int64_t value;
    int64_t at_ms; /* of its oldest part; when not known: of the newest reading there was, 0: none */
    int64_t ttl_ms; /* the shortest of its parts */
    uint64_t from;  /* bit i: source i is a part of it */
    enum ems_origin origin;
    const char *why; /* known: NULL */
};

struct ems_site {
    struct ems_value field[EMS_FIELDS]; /* consumption: without the chargers */
    struct ems_value surplus_w;         /* what the chargers take and what goes out */
    bool balanced_known;                /* all four terms come from sources */
    int64_t imbalance_w;                /* load - (grid + pv + battery) */
    bool implausible;                   /* more than 5 % and 100 W apart */
};

/* What the sources can ever give, derived values included; decides what is announced. */
uint32_t ems_site_fields(const struct ems_source_config c[], int n);

/* charger_w: what all chargers draw; NULL: not known. */
void ems_site_merge(const struct ems_source s[], const struct ems_source_config c[], int n,
        int64_t now_ms, const int64_t *charger_w, struct ems_site *out);

/* ---- doubts ---- */

/* Whether load = grid + pv + battery, within what readings of different instants differ. */
bool ems_adds_up(int64_t load, int64_t grid, int64_t pv, int64_t battery);

/* What a user probably set wrong, a sentence; NULL: nothing to be seen. known: EMS_BIT of what v,
 * indexed by field, has; an unknown battery is taken for none. For a source that measures grid and
 * sun itself. */
const char *ems_advice(uint32_t known, const int64_t v[static EMS_CONSUMPTION_W + 1]);

#endif
