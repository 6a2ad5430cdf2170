/*
 * open_meteo - what a roof is expected to give, from the weather of Open-Meteo. No key.
 *
 *     GET https://api.open-meteo.com/v1/forecast?latitude=..&longitude=..&tilt=..&azimuth=..
 *         &minutely_15=temperature_2m,global_tilted_irradiance_instant&forecast_days=5
 *         &timezone=GMT&timeformat=unixtime
 *     {"minutely_15":{"time":[1795564800,..],"temperature_2m":[4.1,..],
 *                     "global_tilted_irradiance_instant":[0.0,..]}}
 *
 * Power of an instant: kwp * irradiance * (1 - 0.4 % for each kelvin of the cell above 25 degrees) *
 * efficiency; the cell is warmer than the air by 0.035 K for each W/m2. A slot has the mean of its two ends.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    STEP_MAX_S = 3600,
    MILD_MC = 20000,              /* where no temperature is given, in millidegrees */
    CELL_MC = 25000,              /* at which panels are rated */
    WARMER = 35,                  /* thousandths of a kelvin for each W/m2 */
    LOSS_PPM = 4,                 /* of the power for each thousandth of a kelvin */
    IRRADIANCE_MAX = 2000 * 1000, /* mW/m2 */
};

struct config {
    struct ems_http http;
    struct ems_roof roof;
    int32_t efficiency, limit_w;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.open-meteo.com."),
    EMS_ROOF_ROWS(struct config, roof),
    OPTION(struct config, "efficiency", efficiency, OPT_INT, .min = 1, .max = 100, .fallback = 90, .unit = "%", .flags = OPT_RESTART,
        .text = "What inverter, cables and dirt leave of it."),
    OPTION(struct config, "limit_w", limit_w, OPT_INT, .min = 1, .max = 1000000, .fallback = OPT_UNSET, .unit = "W", .flags = OPT_RESTART,
        .text = "What the inverter can give at most."),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "Free for private use, ten thousand questions a day; it is asked once an hour.",
        "Quarters of an hour for five days. Outside of Central Europe and North America they are "
        "interpolated from hours.",
        "Roofs of two directions are two sources (role sum).",
        "azimuth: 0 is south, -90 east; others count from north.",
        "It is a forecast of the weather, never a measurement of the sun.",
        "The service was not tried live in 2026.", NULL};

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_http_check(&c->http, path, errs, warnings);
    ems_roof_check(&c->roof, &c->http, path, warnings);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char lat[EMS_MICRO_ROOM], lon[EMS_MICRO_ROOM], tilt[EMS_MICRO_ROOM],
            azimuth[EMS_MICRO_ROOM], path[EMS_URL_ROOM];

    (void)s;
    out->optional = true; /* what it refuses, it explains */
    (void)str_format(path, sizeof(path),
            "/v1/forecast?latitude=%s&longitude=%s&tilt=%s&azimuth=%s"
            "&minutely_15=temperature_2m,global_tilted_irradiance_instant&forecast_days=5"
            "&timezone=GMT&timeformat=unixtime",
            ems_micro(lat, c->roof.latitude), ems_micro(lon, c->roof.longitude),
            ems_micro(tilt, c->roof.tilt), ems_micro(azimuth, c->roof.azimuth));
    return i == 0 && ems_list_page(out, c->http.url, path);
}

/* mW of an irradiance (mW/m2) at an air temperature (millidegrees). */
static int64_t power_mw(const struct config *c, int64_t irradiance, int64_t air_mc)
{
    int64_t cell_mc = air_mc + irradiance * WARMER / 1000;
    int64_t share = 1000000 - LOSS_PPM * (cell_mc - CELL_MC);
    int64_t mw = (int64_t)c->roof.kwp / 1000 * irradiance / 1000; /* W at the rating, mW here */

    share = share < 0 ? 0 : share;
    mw = mw * share / 1000000 * c->efficiency / 100;
    return c->limit_w != OPT_UNSET && mw > (int64_t)c->limit_w * 1000
                   ? (int64_t)c->limit_w * 1000
                   : mw;
}

struct point {
    bool known;
    int64_t at_s, mw;
};

static struct point read_point(
        const struct config *c, struct json_object *block, int i, struct ems_reports *out)
{
    struct json_object *irradiance =
            json_item(json_member(block, "global_tilted_irradiance_instant"), i);
    int64_t g = 0, air_mc = MILD_MC;
    struct point p = {false, 0, 0};

    if (!ems_moment(json_item(json_member(block, "time"), i), &p.at_s)) {
        ems_say_no_slots(out, SLOTS_FORECAST, "a time is none");
        return p;
    }
    if (!ems_scaled(irradiance, 1000, &g)) {
        if (irradiance) { /* null: so far it does not reach */
            ems_say_no_slots(out, SLOTS_FORECAST, "an irradiance is no number");
        }
        return p;
    }
    if (!ems_scaled(json_item(json_member(block, "temperature_2m"), i), 1000, &air_mc)) {
        air_mc = MILD_MC;
    }
    if (g < 0 || g > IRRADIANCE_MAX || air_mc < -100000 || air_mc > 100000) {
        ems_say_no_slots(out, SLOTS_FORECAST, "an irradiance or a temperature cannot be");
        return p;
    }
    p.known = true;
    p.mw = power_mw(c, g, air_mc);
    return p;
}

static void read_block(
        const struct config *c, struct json_object *block, struct ems_reports *out)
{
    int n = json_length(json_member(block, "time"));
    struct point before = {false, 0, 0};

    for (int i = 0; i < n; i++) {
        struct point p = read_point(c, block, i, out);
        const struct slot x = {.start_s = before.at_s,
                .end_s = p.at_s,
                .value = (before.mw + p.mw + 1000) / 2000};

        if (before.known && p.known && x.end_s > x.start_s &&
                x.end_s - x.start_s <= STEP_MAX_S) {
            char raw[EMS_RAW_ROOM] = "";

            json_as_text(
                    json_item(json_member(block, "global_tilted_irradiance_instant"), i - 1),
                    raw, sizeof(raw));
            ems_say_slot(out, SLOTS_FORECAST, &x, raw);
        }
        before = p;
    }
    ems_say_end(out, SLOTS_FORECAST, "minutely_15 has no irradiance");
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *root = good || a->status == 400 ? ems_json(a, e) : NULL;
    struct json_object *block = json_member(root, "minutely_15");
    char reason[120] = "";
    enum ems_class class = EMS_OK;

    (void)s;
    if (!root) {
        if (!good) {
            *e = (struct err){0};
        }
        return EMS_DATA;
    }
    json_as_text(json_member(root, "reason"), reason, sizeof(reason));
    if (json_member(root, "reason")) {
        err_set(e, ERR_IO, "Open-Meteo says: %s", reason);
        class = strstr(reason, "limit") ? EMS_RATE : EMS_DATA;
    } else if (!good) {
        class = EMS_DATA;
    } else if (json_kind(block) != JSON_OBJECT) {
        err_set(e, ERR_IO, "minutely_15 is not in the answer: is the address right?");
        class = EMS_DATA;
    } else {
        read_block(config, block, out);
    }
    json_put(root);
    return class;
}

const struct ems_adapter ems_open_meteo = {
        .name = "open_meteo",
        .title = "Open-Meteo (forecast)",
        .summary = "What a roof is expected to give, from the weather; no key needed.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 3600,
        .max_age_s = 43200,
        .cloud = true,
        .gives = "forecast of the sun",
        .fields = ems_no_fields,
        .slots = ems_gives_forecast,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
