/*
 * read - what the pages of a Solar API say. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/fronius/fronius.h"
#include "bridge/base/str.h"

#include <string.h>

/* ---- numbers ---- */

static int64_t rounded(int64_t milli)
{
    return (milli + (milli < 0 ? -500 : 500)) / 1000;
}

bool fronius_milli(struct json_object *v, int64_t *milli)
{
    char text[64];

    if (!v || (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT)) {
        return false;
    }
    json_as_text(v, text, sizeof(text));
    return str_scaled(text, strlen(text), 1000, milli) && *milli < INT64_C(1000000000000) &&
           *milli > -INT64_C(1000000000000);
}

struct total {
    int64_t milli;
    bool wrong;
    int n;
};

/* Of an inverter that sleeps there is null. */
static bool add_power(const char *key, struct json_object *v, void *user)
{
    struct total *t = user;
    int64_t milli = 0;

    (void)key;
    t->wrong = t->wrong || (v && !fronius_milli(v, &milli));
    t->milli += milli;
    return ++t->n < 100;
}

/* Meters of other generators, which P_PV does not count. */
static bool add_generator(const char *key, struct json_object *v, void *user)
{
    struct total *t = user;
    char category[32] = "";
    int64_t milli = 0;

    (void)key;
    json_as_text(json_member(v, "Category"), category, sizeof(category));
    if (strcmp(category, "METER_CAT_WR") == 0 && fronius_milli(json_member(v, "P"), &milli)) {
        t->milli += milli;
    }
    return ++t->n < 100;
}

/* ---- pages ---- */

static bool find_soc(const char *key, struct json_object *v, void *user)
{
    struct json_object **found = user;

    (void)key;
    *found = json_member(v, "SOC") ? v : NULL;
    return !*found;
}

static bool find_device(const char *key, struct json_object *v, void *user)
{
    int64_t id = 0;

    (void)v;
    if (str_int(key, strlen(key), &id) && id >= 0 && id <= 255) {
        *(int32_t *)user = (int32_t)id;
        return false;
    }
    return true;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* P_PV, and the generators behind secondary meters where the site's balance
 * (-P_Load = P_Grid + P_Akku + sun) says that they are not in it. */
static void say_sun(struct json_object *site, struct json_object *secondary, int64_t utc_ms,
        struct ems_reports *out)
{
    struct total other = {0};
    int64_t sun = 0, grid, load, cell = 0;

    ems_expr_say(&(struct ems_tree){.json = site}, "P_PV // 0", EMS_PV_W, utc_ms, out);
    (void)json_each(secondary, add_generator, &other);
    (void)fronius_milli(json_member(site, "P_PV"), &sun);
    (void)fronius_milli(json_member(site, "P_Akku"), &cell);
    if (other.milli > 0 && fronius_has(out, EMS_PV_W) &&
            fronius_milli(json_member(site, "P_Grid"), &grid) &&
            fronius_milli(json_member(site, "P_Load"), &load) &&
            distance(grid + cell + sun + other.milli, -load) <
                    distance(grid + cell + sun, -load)) {
        out->field[EMS_PV_W].value = rounded(sun + other.milli);
    }
}

static void read_flow(struct fronius_memo *m, struct json_object *data, int64_t utc_ms,
        struct ems_reports *out)
{
    struct json_object *site = json_member(data, "Site");
    struct json_object *inverters = json_member(data, "Inverters"), *cell = NULL;
    char mode[32] = "";

    json_as_text(json_member(site, "Mode"), mode, sizeof(mode));
    m->flow = true;
    m->no_meter = strcmp(mode, "produce-only") == 0;
    (void)json_each(inverters, find_device, &m->device);
    say_sun(site, json_member(data, "SecondaryMeters"), utc_ms, out);
    fronius_say(site, "-P_Load", EMS_CONSUMPTION_W, utc_ms, out);
    fronius_say(site, "P_Grid", EMS_GRID_W, utc_ms, out);
    if (m->no_meter && !fronius_has(out, EMS_GRID_W)) {
        for (int f = 0; f < EMS_FIELDS; f++) {
            if (f == EMS_GRID_W || f == EMS_CONSUMPTION_W ||
                    (f >= EMS_CURRENT_L1_MA && f <= EMS_CURRENT_L3_MA)) {
                ems_say_none(out, (enum ems_field)f, "the inverter has no meter", NULL);
            }
        }
    }
    fronius_say(site, "P_Akku", EMS_BATTERY_W, utc_ms, out);
    (void)json_each(inverters, find_soc, &cell);
    if (cell) {
        fronius_say(cell, "SOC", EMS_SOC_PERMILLE, utc_ms, out);
    } else if (!json_member(site, "P_Akku")) {
        ems_say_none(out, EMS_BATTERY_W, "the inverter has no battery", NULL);
        ems_say_none(out, EMS_SOC_PERMILLE, "the inverter has no battery", NULL);
    }
}

/* Of the inverters: the sum of all, or one of them. */
static void read_inverter(struct fronius_memo *m, struct json_object *data, int64_t utc_ms,
        struct ems_reports *out)
{
    struct json_object *power = json_member(data, "PAC");
    struct json_object *all = json_member(power, "Values");
    static const char *const phases[] = {"UAC_L1.Value", "UAC_L2.Value", "UAC_L3.Value"};
    struct total t = {0};
    char raw[EMS_RAW_ROOM] = "";

    for (unsigned i = 0; i < 3 && json_has(data, "UAC_L1"); i++) {
        fronius_say(data, phases[i], (enum ems_field)(EMS_VOLTAGE_L1_MV + i), utc_ms, out);
    }
    if (json_has(data, "UAC")) {
        fronius_say(data, "UAC.Value", EMS_VOLTAGE_L1_MV, utc_ms, out);
    }
    if (m->flow || fronius_has(out, EMS_PV_W)) {
        return;
    }
    if (all || json_has(json_member(data, "DAY_ENERGY"), "Values")) {
        (void)json_each(all, find_device, &m->device);
        (void)json_each(all, add_power, &t);
        if (all) {
            json_as_text(all, raw, sizeof(raw));
        }
        if (t.wrong) {
            ems_say_none(out, EMS_PV_W, "PAC.Values holds what is no number", raw);
        } else {
            ems_say(out, EMS_PV_W, rounded(t.milli), utc_ms, raw);
        }
    } else if (json_has(data, "DeviceStatus") || power) {
        fronius_say(data, "PAC.Value // 0", EMS_PV_W, utc_ms, out); /* asleep: it has no PAC */
    }
}

static bool find_cell(const char *key, struct json_object *v, void *user)
{
    struct json_object **found = user;

    (void)key;
    *found = json_member(v, "Controller");
    return !*found;
}

void fronius_read(struct fronius_memo *m, struct json_object *data, int64_t utc_ms,
        struct ems_reports *out)
{
    struct json_object *cell = json_member(data, "Controller");

    if (json_member(data, "Site")) {
        read_flow(m, data, utc_ms, out);
        return;
    }
    if (!cell) {
        (void)json_each(data, find_cell, &cell);
    }
    if (fronius_read_meters(data, utc_ms, out)) {
        return;
    }
    if (cell) {
        (void)ems_expr_time(&(struct ems_tree){.json = cell}, "TimeStamp", &utc_ms);
        fronius_say(cell, "StateOfCharge_Relative", EMS_SOC_PERMILLE, utc_ms, out);
    } else {
        read_inverter(m, data, utc_ms, out);
    }
}
