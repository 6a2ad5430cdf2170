/*
 * powerwall/read - the answers of a gateway and of the cloud. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/powerwall/powerwall.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    LEG_MIN_MV = 90000, /* of a 120 V leg */
    LEG_MAX_MV = 140000,
    PHASE_MIN_MV = 180000, /* of a 230 V phase */
    PHASE_MAX_MV = 280000,
    DEAD_MV = 20000 /* what an open input picks up */
};

/* A number at path, in thousandths. */
static bool milli(struct json_object *v, const char *key, int64_t *out)
{
    return json_kind(json_member(v, key)) == JSON_NUMBER &&
           json_get_scaled(json_member(v, key), key, 1000, out, NULL) == ERR_OK;
}

/* ---- /api/meters/aggregates ---- */

/* "0001-01-01T00:00:00Z": there is no such meter, or it never answered. False with that as none. */
static bool measured(struct json_object *part, const char *name, enum ems_field f,
        int64_t *utc_ms, struct ems_reports *out)
{
    struct ems_tree t = {.json = part};
    char why[EMS_WHY_ROOM];

    *utc_ms = 0;
    if (ems_expr_time(&t, "last_communication_time", utc_ms) && *utc_ms < 0) {
        (void)str_format(why, sizeof(why), "the meter of %s has never answered", name);
        ems_say_none(out, f, why, NULL);
        return false;
    }
    return true;
}

/* Whether the grid has 60 Hz, by the first part that says; -1: none does. */
static int sixty_hertz(struct json_object *v)
{
    static const char *const parts[] = {"site", "battery", "solar", "load"};
    int64_t mhz;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (milli(json_member(v, parts[i]), "frequency", &mhz) && mhz > 40000 && mhz < 70000) {
            return mhz > 55000;
        }
    }
    return -1;
}

/* The average over the meters, where it can be one phase to neutral. */
static void say_average(struct json_object *v, int64_t utc_ms, struct ems_reports *out)
{
    int sixty = sixty_hertz(v);
    int64_t mv;
    bool fits;

    if (!milli(json_member(v, "site"), "instant_average_voltage", &mv)) {
        ems_say_none(out, EMS_VOLTAGE_L1_MV, "site.instant_average_voltage is not there", NULL);
        return;
    }
    fits = sixty == 1 ? mv >= LEG_MIN_MV && mv <= LEG_MAX_MV
                      : sixty == 0 && mv >= PHASE_MIN_MV && mv <= PHASE_MAX_MV;
    if (fits) {
        struct ems_tree t = {.json = v};

        ems_expr_say(&t, "site.instant_average_voltage", EMS_VOLTAGE_L1_MV, utc_ms, out);
    } else {
        ems_say_none(out, EMS_VOLTAGE_L1_MV,
                "site.instant_average_voltage is an average or a sum, not one phase to neutral",
                NULL);
    }
}

/* Currents without a power of each phase: magnitudes, or all 0 where they are not measured. */
static void say_currents(struct json_object *site, int64_t utc_ms, struct ems_reports *out)
{
    static const char *const keys[] = {"i_a_current", "i_b_current", "i_c_current"};
    int64_t ma[3] = {0}, w = 0;
    int flowing = 0;
    bool negative = false;

    for (int i = 0; i < 3; i++) {
        flowing += milli(site, keys[i], &ma[i]) && ma[i] != 0;
        negative = negative || ma[i] < 0;
    }
    (void)milli(site, "instant_power", &w);
    for (int i = 0; i < 3; i++) {
        enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + i);
        char raw[EMS_RAW_ROOM] = "";

        json_as_text(json_member(site, keys[i]), raw, sizeof(raw));
        if (flowing == 0) {
            ems_say_none(
                    out, f, "the gateway measures no currents: it gives 0 for all phases", raw);
        } else if (w < 0 && !negative && flowing > 1) {
            ems_say_none(out, f, "the gateway gives currents without a direction", raw);
        } else {
            ems_say(out, f, w < 0 && !negative ? -ma[i] : ma[i], utc_ms, raw);
        }
    }
}

static bool read_aggregates(struct json_object *v, struct ems_reports *out)
{
    static const struct {
        const char *name, *expr;
        enum ems_field f;
    } parts[] = {{"site", "site.instant_power", EMS_GRID_W},
            {"solar", "solar.instant_power", EMS_PV_W},
            {"battery", "battery.instant_power", EMS_BATTERY_W},
            {"load", "load.instant_power", EMS_CONSUMPTION_W}};
    struct ems_tree t = {.json = v};
    struct json_object *site = json_member(v, "site");
    int64_t utc_ms;
    int there = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        there += json_kind(json_member(v, parts[i].name)) == JSON_OBJECT;
    }
    for (size_t i = 0; there > 0 && i < ARRAY_LEN(parts); i++) {
        if (measured(json_member(v, parts[i].name), parts[i].name, parts[i].f, &utc_ms, out)) {
            ems_expr_say(&t, parts[i].expr, parts[i].f, utc_ms, out);
        }
    }
    if (site && measured(site, "site", EMS_GRID_W, &utc_ms, out)) {
        say_average(v, utc_ms, out);
        say_currents(site, utc_ms, out);
    }
    return there > 0;
}

/* ---- /api/meters/site ---- */

/* Phase i of the first meter: its voltage, and its current with the direction of its power. */
static void read_phase(struct json_object *r, int i, bool alone, struct ems_reports *out)
{
    static const char *const volts[] = {"v_l1n", "v_l2n", "v_l3n"};
    static const char *const amps[] = {"i_a_current", "i_b_current", "i_c_current"};
    static const char *const watts[] = {"real_power_a", "real_power_b", "real_power_c"};
    enum ems_field voltage = (enum ems_field)(EMS_VOLTAGE_L1_MV + i);
    struct ems_tree t = {.json = r};
    int64_t utc_ms = 0, mv = 0, ma = 0, mw = 0;
    char raw[EMS_RAW_ROOM] = "";

    (void)ems_expr_time(&t, "last_communication_time", &utc_ms);
    if (milli(r, volts[i], &mv) && mv < DEAD_MV) {
        json_as_text(json_member(r, volts[i]), raw, sizeof(raw));
        ems_say_none(out, voltage, "nothing is connected to this phase of the meter", raw);
        return;
    }
    if (mv > 0) {
        ems_expr_say(&t, volts[i], voltage, utc_ms, out);
    }
    if (alone && milli(r, amps[i], &ma) && ma != 0) {
        (void)milli(r, watts[i], &mw);
        json_as_text(json_member(r, amps[i]), raw, sizeof(raw));
        ems_say(out, (enum ems_field)(EMS_CURRENT_L1_MA + i),
                mw != 0 && (mw < 0) != (ma < 0) ? -ma : ma, utc_ms, raw);
    }
}

/* A list of meters; currents of several are parts of one, so only those of a lone meter count. */
static bool read_site_meters(struct json_object *v, struct ems_reports *out)
{
    struct json_object *first = NULL;
    int meters = 0;

    for (int i = 0; i < json_length(v); i++) {
        struct json_object *r = json_member(json_item(v, i), "Cached_readings");

        if (json_kind(r) == JSON_OBJECT) {
            first = first ? first : r;
            meters++;
        }
    }
    for (int phase = 0; first && phase < 3; phase++) {
        read_phase(first, phase, meters == 1, out);
    }
    return meters > 0;
}

/* ---- the charge, and the cloud ---- */

static void say_soc(const struct powerwall *c, const struct ems_tree *t, const char *path,
        int64_t utc_ms, struct ems_reports *out)
{
    struct ems_report *x = &out->field[EMS_SOC_PERMILLE];

    ems_expr_say(t, path, EMS_SOC_PERMILLE, utc_ms, out);
    if (c->app_percent && x->said == EMS_SAID_VALUE) {
        x->value = x->value <= 50 ? 0 : ((x->value - 50) * 100 + 47) / 95;
    }
}

static bool read_live(const struct powerwall *c, struct json_object *v, struct ems_reports *out,
        struct err *e)
{
    struct ems_tree t = {.json = v};
    int64_t utc_ms = 0;
    char text[80] = "";

    if (!json_member(v, "response")) {
        json_as_text(json_member(v, "error"), text, sizeof(text));
        err_set(e, ERR_IO, "the cloud refuses: %s", text);
        return false;
    }
    (void)ems_expr_time(&t, "response.timestamp", &utc_ms);
    ems_expr_say(&t, "response.grid_power", EMS_GRID_W, utc_ms, out);
    ems_expr_say(&t, "response.solar_power", EMS_PV_W, utc_ms, out);
    ems_expr_say(&t, "response.battery_power", EMS_BATTERY_W, utc_ms, out);
    ems_expr_say(&t, "response.load_power", EMS_CONSUMPTION_W, utc_ms, out);
    say_soc(c, &t, "response.percentage_charged", utc_ms, out);
    return true;
}

/* The only energy site of the account. */
static bool read_products(struct powerwall_memo *m, struct json_object *list, struct err *e)
{
    int sites = 0;

    for (int i = 0; i < json_length(list); i++) {
        struct json_object *id = json_member(json_item(list, i), "energy_site_id");

        if (id) {
            json_as_text(id, m->site, sizeof(m->site));
            sites++;
        }
    }
    if (sites != 1 || m->site[strspn(m->site, "0123456789")] != '\0') {
        m->site[0] = '\0';
        err_set(e, ERR_NOT_FOUND, "the account has %d energy sites; say which by site_id",
                sites);
        return false;
    }
    m->found = true;
    return true;
}

bool powerwall_read(const struct powerwall *c, struct powerwall_memo *m, struct json_object *v,
        struct ems_reports *out, struct err *e)
{
    struct ems_tree t = {.json = v};

    m->found = false;
    if (json_length(json_member(v, "response")) > 0) {
        return read_products(m, json_member(v, "response"), e);
    }
    if (json_has(v, "response") || json_has(v, "error")) {
        return read_live(c, v, out, e);
    }
    if (json_has(v, "percentage")) {
        say_soc(c, &t, "percentage", 0, out);
        return true;
    }
    if (read_site_meters(v, out) || read_aggregates(v, out)) {
        return true;
    }
    err_set(e, ERR_IO,
            "the answer has none of site, solar, battery and load: is it a Powerwall gateway?");
    return false;
}
