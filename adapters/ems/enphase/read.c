/*
 * enphase/read - the pages that have lists of meters: /ivp/meters, /ivp/meters/readings,
 * /production.json. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    DEAD_MV = 40000,        /* what an open input picks up */
    INVERTERS_HOLD_S = 1200 /* each reports every 5 to 15 minutes */
};

static bool milli(struct json_object *v, const char *key, int64_t *out)
{
    return json_kind(json_member(v, key)) == JSON_NUMBER &&
           json_get_scaled(json_member(v, key), key, 1000, out, NULL) == ERR_OK;
}

static bool integer(struct json_object *v, const char *key, int64_t *out)
{
    int64_t thousandths = 0;
    bool ok = milli(v, key, &thousandths); /* some write 1785332841.0 */

    *out = thousandths / 1000;
    return ok;
}

static bool is(struct json_object *v, const char *key, const char *text)
{
    char have[32] = "";

    json_as_text(json_member(v, key), have, sizeof(have));
    return strcmp(have, text) == 0;
}

static int64_t time_of(struct json_object *v, const char *key)
{
    int64_t s = 0;

    return integer(v, key, &s) && s > 0 ? s * 1000 : 0;
}

/* A value that no better page gave before; a reason never replaces one. */
static void say(struct json_object *v, const char *path, enum ems_field f, int64_t utc_ms,
        struct ems_reports *out)
{
    struct ems_tree t = {.json = v};

    if (out->field[f].said != EMS_SAID_VALUE) {
        ems_expr_say(&t, path, f, utc_ms, out);
    }
}

static void say_none(enum ems_field f, const char *why, struct ems_reports *out)
{
    if (out->field[f].said == EMS_SAID_NOTHING) {
        ems_say_none(out, f, why, NULL);
    }
}

/* One phase: its voltage, and, at the grid, its current with the direction of its power. A phase
 * that is all zeros or floats is not connected. */
static void say_phase(struct json_object *v, int i, bool grid, const char *const keys[3],
        int64_t utc_ms, struct ems_reports *out)
{
    enum ems_field current = (enum ems_field)(EMS_CURRENT_L1_MA + i);
    int64_t mv = 0, ma = 0, mw = 0;
    char raw[EMS_RAW_ROOM] = "";

    if (!milli(v, keys[0], &mv) || mv < DEAD_MV) {
        return;
    }
    say(v, keys[0], (enum ems_field)(EMS_VOLTAGE_L1_MV + i), utc_ms, out);
    if (grid && milli(v, keys[1], &ma) && milli(v, keys[2], &mw) &&
            out->field[current].said != EMS_SAID_VALUE) {
        json_as_text(json_member(v, keys[1]), raw, sizeof(raw));
        ems_say(out, current, (mw < 0) == (ma < 0) ? ma : -ma, utc_ms, raw);
    }
}

/* ---- /ivp/meters and its readings ---- */

bool enphase_read_meters(struct enphase_memo *m, struct json_object *v)
{
    static const struct {
        const char *type;
        enum enphase_meter kind;
    } kinds[] = {{"production", ENPHASE_METER_PRODUCTION}, {"pv3p", ENPHASE_METER_PRODUCTION},
            {"net-consumption", ENPHASE_METER_NET}, {"total-consumption", ENPHASE_METER_TOTAL},
            {"storage", ENPHASE_METER_STORAGE}};

    m->meters = 0;
    for (int i = 0; i < json_length(v) && m->meters < ENPHASE_METERS_MAX; i++) {
        struct json_object *x = json_item(v, i);
        int64_t eid, phases = ENPHASE_PHASES;

        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            if (is(x, "measurementType", kinds[k].type) && is(x, "state", "enabled") &&
                    integer(x, "eid", &eid)) {
                (void)integer(x, "phaseCount", &phases);
                m->meter[m->meters].eid = eid;
                m->meter[m->meters].kind = (uint8_t)kinds[k].kind;
                m->meter[m->meters].phases =
                        (uint8_t)(phases < 1 || phases > ENPHASE_PHASES ? ENPHASE_PHASES
                                                                        : phases);
                m->meters++;
                break;
            }
        }
    }
    return json_kind(v) == JSON_LIST;
}

/* The sum of meters of one kind (a second one is of solar panels of another make). */
static void add_power(
        struct json_object *v, enum ems_field f, int64_t utc_ms, struct ems_reports *out)
{
    struct ems_report *x = &out->field[f], before = *x;
    struct ems_tree t = {.json = v};

    ems_expr_say(&t, "activePower", f, utc_ms, out);
    if (x->said == EMS_SAID_VALUE && before.said == EMS_SAID_VALUE) {
        x->value += before.value;
        (void)str_copy(x->raw, sizeof(x->raw), before.raw);
    }
}

static void read_reading(
        struct json_object *v, enum enphase_meter kind, int phases, struct ems_reports *out)
{
    static const enum ems_field fields[] = {[ENPHASE_METER_PRODUCTION] = EMS_PV_W,
            [ENPHASE_METER_NET] = EMS_GRID_W,
            [ENPHASE_METER_TOTAL] = EMS_CONSUMPTION_W,
            [ENPHASE_METER_STORAGE] = EMS_BATTERY_W};
    static const char *const keys[] = {"voltage", "current", "activePower"};
    struct json_object *channels = json_member(v, "channels");
    int64_t utc_ms = time_of(v, "timestamp"), mv = 0;

    if ((json_has(v, "timestamp") && utc_ms == 0) ||
            (milli(v, "voltage", &mv) && mv < DEAD_MV)) {
        say_none(fields[kind],
                "the meter of the gateway gives zeros alone: it is not connected", out);
        return;
    }
    add_power(v, fields[kind], utc_ms, out);
    for (int i = 0; i < phases && i < json_length(channels); i++) {
        say_phase(json_item(channels, i), i, kind == ENPHASE_METER_NET, keys, utc_ms, out);
    }
    if (phases == 1 && json_length(channels) == 0) {
        say_phase(v, 0, kind == ENPHASE_METER_NET, keys, utc_ms, out);
    }
}

bool enphase_read_readings(
        const struct enphase_memo *m, struct json_object *v, struct ems_reports *out)
{
    /* The meter at the grid first: its phases count. */
    static const enum enphase_meter order[] = {ENPHASE_METER_NET, ENPHASE_METER_TOTAL,
            ENPHASE_METER_PRODUCTION, ENPHASE_METER_STORAGE};

    for (size_t o = 0; o < ARRAY_LEN(order); o++) {
        for (int k = 0; k < m->meters; k++) {
            for (int i = 0; m->meter[k].kind == order[o] && i < json_length(v); i++) {
                int64_t eid;

                if (integer(json_item(v, i), "eid", &eid) && eid == m->meter[k].eid) {
                    read_reading(json_item(v, i), order[o], m->meter[k].phases, out);
                }
            }
        }
    }
    return json_kind(v) == JSON_LIST;
}

/* ---- /production.json ---- */

/* The item of a list with this type and measurement that counts anything; NULL: none. */
static struct json_object *item(
        struct json_object *list, const char *type, const char *measures)
{
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *x = json_item(list, i);
        int64_t count = 0;

        if (is(x, "type", type) && (!measures || is(x, "measurementType", measures)) &&
                integer(x, "activeCount", &count) && count > 0) {
            return x;
        }
    }
    return NULL;
}

static void read_solar(struct json_object *list, struct ems_reports *out)
{
    struct json_object *x = item(list, "eim", "production");
    bool inverters = !x;

    x = x ? x : item(list, "inverters", NULL);
    if (!x) {
        say_none(EMS_PV_W, "production has neither a meter nor inverters that count", out);
    } else if (out->field[EMS_PV_W].said != EMS_SAID_VALUE) {
        say(x, "wNow", EMS_PV_W, time_of(x, "readingTime"), out);
        out->field[EMS_PV_W].holds_s = inverters ? INVERTERS_HOLD_S : 0;
    }
}

/* What the house draws. Firmware that gives the grid's power for both counts no sun: it is added. */
static void say_house(struct json_object *total, struct json_object *net,
        struct json_object *sun, struct ems_reports *out)
{
    int64_t a = 0, b = 0, c = 0, utc_ms = time_of(total, "readingTime");
    char raw[EMS_RAW_ROOM] = "";

    if (out->field[EMS_CONSUMPTION_W].said == EMS_SAID_VALUE) {
        return;
    }
    if (net && sun && milli(total, "wNow", &a) && milli(net, "wNow", &b) && a == b &&
            milli(sun, "wNow", &c)) {
        json_as_text(json_member(total, "wNow"), raw, sizeof(raw));
        a += c;
        ems_say(out, EMS_CONSUMPTION_W, (a + (a < 0 ? -500 : 500)) / 1000, utc_ms, raw);
    } else {
        say(total, "wNow", EMS_CONSUMPTION_W, utc_ms, out);
    }
}

static void say_lines(struct json_object *x, bool grid, struct ems_reports *out)
{
    static const char *const keys[] = {"rmsVoltage", "rmsCurrent", "wNow"};
    struct json_object *lines = json_member(x, "lines");

    for (int i = 0; i < ENPHASE_PHASES && i < json_length(lines); i++) {
        say_phase(json_item(lines, i), i, grid, keys, time_of(x, "readingTime"), out);
    }
}

bool enphase_read_production(struct json_object *v, struct ems_reports *out)
{
    struct json_object *list = json_member(v, "consumption");
    struct json_object *net = item(list, "eim", "net-consumption");
    struct json_object *total = item(list, "eim", "total-consumption");
    struct json_object *sun = item(json_member(v, "production"), "eim", "production");
    struct json_object *cell = item(json_member(v, "storage"), "acb", NULL);

    if (json_kind(json_member(v, "production")) != JSON_LIST) {
        return false;
    }
    read_solar(json_member(v, "production"), out);
    if (net) {
        say(net, "wNow", EMS_GRID_W, time_of(net, "readingTime"), out);
        say_lines(net, true, out);
    }
    if (total) {
        say_house(total, net, sun, out);
    }
    if (sun) {
        say_lines(sun, false, out);
    }
    if (cell) {
        say(cell, "wNow", EMS_BATTERY_W, time_of(cell, "readingTime"), out);
        if (json_has(cell, "percentFull")) {
            say(cell, "percentFull", EMS_SOC_PERMILLE, time_of(cell, "readingTime"), out);
        }
    }
    return true;
}
