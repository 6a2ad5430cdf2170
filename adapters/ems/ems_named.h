/*
 * ems_named - fields whose expressions are over names that the system tells of one by one: entities,
 * items, channels. What each name said last is kept in the session, so that a message about one
 * serves the expressions that have it beside others. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_EMS_NAMED_H
#define ADAPTERS_EMS_EMS_NAMED_H

#include "adapters/ems/ems.h"

enum { NAMED_MAX = 24, NAMED_ROOM = 128, NAMED_STATE_ROOM = 21, NAMED_UNIT_ROOM = 9 };

/* A member of the config. */
struct named_config {
    char expr[EMS_FIELDS][EMS_EXPR_ROOM]; /* "": not read */
};

/* Its rows, for the config struct T with its member n; what_: "entity". */
/* clang-format off */
#define NAMED_ROW(T, n, f, name_, text_) \
    {.name = (name_), .type = OPT_STRING, .offset = offsetof(T, n) + (f) * EMS_EXPR_ROOM, \
     .size = EMS_EXPR_ROOM, .flags = OPT_RESTART, .text = text_}
#define NAMED_ROWS(T, n, what_, example_, difference_) \
    NAMED_ROW(T, n, EMS_GRID_W, "grid_w", "The " what_ " of the grid power, such as " example_ " or " difference_ "; import is positive."), \
    NAMED_ROW(T, n, EMS_PV_W, "pv_w", "The " what_ " of the solar power, or a sum of several (a + b)."), \
    NAMED_ROW(T, n, EMS_BATTERY_W, "battery_w", "The " what_ " of the battery power; discharging is positive."), \
    NAMED_ROW(T, n, EMS_SOC_PERMILLE, "soc", "The " what_ " of the charge of the battery, in %."), \
    NAMED_ROW(T, n, EMS_CONSUMPTION_W, "consumption_w", "The " what_ " of the power of the house; see includes_chargers."), \
    NAMED_ROW(T, n, EMS_CURRENT_L1_MA, "current_l1", "The " what_ " of the current of phase L1 of the grid; import is positive."), \
    NAMED_ROW(T, n, EMS_CURRENT_L2_MA, "current_l2", "The same for L2."), \
    NAMED_ROW(T, n, EMS_CURRENT_L3_MA, "current_l3", "The same for L3."), \
    NAMED_ROW(T, n, EMS_VOLTAGE_L1_MV, "voltage_l1", "The " what_ " of the voltage of phase L1."), \
    NAMED_ROW(T, n, EMS_VOLTAGE_L2_MV, "voltage_l2", "The same for L2."), \
    NAMED_ROW(T, n, EMS_VOLTAGE_L3_MV, "voltage_l3", "The same for L3.")
/* clang-format on */

enum named_kind {
    NAMED_UNHEARD,
    NAMED_VALUE,
    NAMED_MISSING, /* there is none of that name */
    NAMED_GONE,    /* there was one */
};

struct named {
    int64_t utc_ms; /* of the state; 0: not said */
    uint8_t kind;   /* enum named_kind */
    bool changed;   /* since fields were last told of */
    char state[NAMED_STATE_ROOM], unit[NAMED_UNIT_ROOM];
};

/* A member of what the adapter has in session.memo. */
struct named_set {
    struct named v[NAMED_MAX];
};

/* The i-th name, each once, in the order of the fields; false: there is none. */
bool named_at(const struct named_config *c, int i, char dst[static NAMED_ROOM]);
int named_count(const struct named_config *c); /* may pass NAMED_MAX: check refuses that */
int named_find(const struct named_config *c, const char *name); /* -1: none */
uint32_t named_fields(const struct named_config *c);

/* Expressions, their number, and each name by good; what: "an entity such as sensor.grid_power". */
void named_check(const struct named_config *c, bool (*good)(const char *name), const char *what,
        const char *path, struct opt_errors *errs);

/* A state of any length; its unit is left as it is. */
void named_put(struct named *v, const char *state, int64_t utc_ms);
void named_put_unit(struct named *v, const char *unit);

/* Reports every field whose names have all been heard of. missing, gone: phrases behind a name.
 * alive: the system has just shown that it still holds to what it said. A lively field has the
 * time of whichever lively name is newest: a meter of three phases moves as one; without times it
 * is told of when one of them changed. */
void named_say(const struct named_config *c, struct named_set *set, const char *missing,
        const char *gone, bool alive, struct ems_reports *out);

#endif
