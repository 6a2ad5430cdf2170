/*
 * openweathermap - what a roof is expected to give, estimated from the cloud cover of OpenWeatherMap.
 *
 *     GET https://api.openweathermap.org/data/3.0/onecall?lat=..&lon=..&appid=KEY&units=metric
 *         &exclude=minutely,alerts
 *     {"hourly":[{"dt":1729872000,"temp":14.7,"clouds":100}],
 *      "daily":[{"dt":..,"temp":{"day":13.1},"clouds":11}]}
 *
 * It knows nothing of light, so: share of clear sky on the plane (core/sun) times (1 - 0.75 * clouds^3.4), times
 * 0.4 % less for each kelvin above 25. Hours for two days, then the day's clouds for each hour of it. Without
 * units=metric the temperature is in kelvin: what is above 150 is taken so.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"
#include "bridge/core/sun.h"

#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400, KELVIN_MC = 273150, LOSS_PPM = 4, CELL_MC = 25000 };

struct config {
    struct ems_http http;
    struct ems_roof roof;
    int32_t efficiency;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.openweathermap.org; token is the API key (appid)."),
    EMS_ROOF_ROWS(struct config, roof),
    OPTION(struct config, "efficiency", efficiency, OPT_INT, .min = 1, .max = 100, .fallback = 90, .unit = "%", .flags = OPT_RESTART,
        .text = "What inverter, cables and dirt leave of it."),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "It needs the subscription One Call by Call of its own (a card is asked for; 1000 questions a day are "
        "free). The older One Call 2.5 is shut down.",
        "It gives clouds, not light: the estimate is rough. Open-Meteo and Solcast know more and "
        "Forecast.Solar needs no key.",
        "It is an estimate and a forecast, never a measurement of the sun.",
        "The answer of a real call is a test; the refusals are constructed.", NULL};

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_token_check(&c->http, path, errs, warnings);
    ems_roof_check(&c->roof, &c->http, path, warnings);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char lat[EMS_MICRO_ROOM], lon[EMS_MICRO_ROOM], path[EMS_URL_ROOM + 512];
    bool key = c->http.token[0] != '\0' && c->http.auth == EMS_AUTH_NONE;

    (void)s;
    out->optional = true; /* a 401 says more than that */
    return i == 0 &&
           str_format(path, sizeof(path),
                   "/data/3.0/onecall?lat=%s&lon=%s&units=metric&exclude=minutely,alerts%s%s",
                   ems_micro(lat, c->roof.latitude), ems_micro(lon, c->roof.longitude),
                   key ? "&appid=" : "", key ? c->http.token : "") &&
           ems_list_page(out, c->http.url, path);
}

/* ---- the estimate ---- */

/* 1 - 0.75 * (clouds / 100)^3.4, in millionths. */
static int64_t through_clouds(int64_t percent)
{
    /* (0, 0.1, 0.2 ... 1)^3.4 */
    static const int32_t power[] = {0, 398, 4203, 16682, 44366, 94732, 176078, 297413, 468303,
            698914, 1000000, 1000000};
    int64_t p = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    int64_t v = power[p / 10] + (power[p / 10 + 1] - power[p / 10]) * (p % 10) / 10;

    return SUN_ONE - v * 3 / 4;
}

static int64_t watts(const struct config *c, const struct sun_plane *plane, int64_t at_s,
        int64_t clouds, int64_t air_mc)
{
    int64_t w = (int64_t)c->roof.kwp / 1000 * sun_on_plane(plane, at_s + HOUR_S / 2) / SUN_ONE;
    int64_t loss = air_mc > CELL_MC ? LOSS_PPM * (air_mc - CELL_MC) : 0;

    w = w * through_clouds(clouds) / SUN_ONE * c->efficiency / 100;
    return w * (SUN_ONE - loss) / SUN_ONE;
}

/* "temp" is a number, or an object with the one of the day. */
static int64_t air_of(struct json_object *v)
{
    struct json_object *temp = json_member(v, "temp");
    int64_t mc = 0;

    if (!ems_scaled(
                json_kind(temp) == JSON_OBJECT ? json_member(temp, "day") : temp, 1000, &mc)) {
        return 0; /* costs nothing of the estimate */
    }
    mc -= mc > 150000 ? KELVIN_MC : 0;
    return mc < -100000 || mc > 100000 ? 0 : mc;
}

struct sky {
    const struct config *c;
    struct sun_plane plane;
    struct ems_reports *out;
};

static void say_hour(const struct sky *s, int64_t at_s, struct json_object *v)
{
    struct json_object *clouds = json_member(v, "clouds");
    struct slot x = {.start_s = at_s, .end_s = at_s + HOUR_S};
    char raw[EMS_RAW_ROOM] = "";
    int64_t percent = 0;

    if (!ems_scaled(clouds, 1, &percent) || percent < 0 || percent > 100) {
        ems_say_no_slots(s->out, SLOTS_FORECAST, "clouds are missing, or not 0 to 100");
        return;
    }
    x.value = watts(s->c, &s->plane, at_s, percent, air_of(v));
    json_as_text(clouds, raw, sizeof(raw));
    ems_say_slot(s->out, SLOTS_FORECAST, &x, raw);
}

static void read_sky(const struct sky *s, struct json_object *root)
{
    struct json_object *hours = json_member(root, "hourly"), *days = json_member(root, "daily");
    int64_t at_s = 0, last_s = 0;

    for (int i = 0; i < json_length(hours); i++) {
        if (ems_moment(json_member(json_item(hours, i), "dt"), &at_s)) {
            say_hour(s, at_s, json_item(hours, i));
            last_s = at_s + HOUR_S > last_s ? at_s + HOUR_S : last_s;
        } else {
            ems_say_no_slots(s->out, SLOTS_FORECAST, "a dt is no time");
        }
    }
    for (int i = 0; i < json_length(days); i++) {
        if (!ems_moment(json_member(json_item(days, i), "dt"), &at_s)) {
            continue;
        }
        at_s -= DAY_S / 2; /* dt is noon there */
        for (int64_t h = at_s; h < at_s + DAY_S; h += HOUR_S) {
            if (h >= last_s) {
                say_hour(s, h, json_item(days, i));
            }
        }
    }
    ems_say_end(s->out, SLOTS_FORECAST, "the answer has neither hourly nor daily");
}

/* ---- refusals ---- */

static enum ems_class refused(int status, struct json_object *root, struct err *e)
{
    char message[120] = "";

    json_as_text(json_member(root, "message"), message, sizeof(message));
    if (status == 401) {
        err_set(e, ERR_REFUSED,
                "OpenWeatherMap does not take the key (token), or it lacks the subscription One Call "
                "by Call (One Call 3.0)");
        return EMS_AUTH;
    }
    if (!json_member(root, "message")) {
        return EMS_DATA; /* the status says it */
    }
    err_set(e, ERR_IO, "OpenWeatherMap says: %s", message);
    return status == 429   ? EMS_RATE
           : status >= 500 ? EMS_SERVER
           : status == 404 ? EMS_NOT_FOUND
                           : EMS_DATA;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct sky sky = {.c = c,
            .plane = {c->roof.latitude, c->roof.longitude, c->roof.tilt, c->roof.azimuth},
            .out = out};
    struct json_object *root = a->status != 0 ? ems_json(a, e) : NULL;
    int64_t cod = a->status, lat = 0, lon = 0;
    enum ems_class class = EMS_OK;

    (void)s;
    if (!root) {
        if (a->status < 200 || a->status > 299) {
            *e = (struct err){0};
        }
        return EMS_DATA;
    }
    (void)!ems_scaled(json_member(root, "cod"), 1, &cod);
    if (a->status < 200 || a->status > 299 || cod < 200 || cod > 299) {
        class = refused(cod > 299 && cod < 600 ? (int)cod : a->status, root, e);
    } else if (json_kind(json_member(root, "hourly")) != JSON_LIST &&
               json_kind(json_member(root, "daily")) != JSON_LIST) {
        err_set(e, ERR_IO, "hourly is not in the answer: is the address right?");
        class = EMS_DATA;
    } else {
        if (c->roof.latitude == 0 && c->roof.longitude == 0 &&
                ems_scaled(json_member(root, "lat"), 1000000, &lat) &&
                ems_scaled(json_member(root, "lon"), 1000000, &lon) && lat >= -90000000 &&
                lat <= 90000000 && lon >= -180000000 && lon <= 180000000) {
            sky.plane.latitude = (int32_t)lat;
            sky.plane.longitude = (int32_t)lon;
        }
        read_sky(&sky, root);
    }
    json_put(root);
    return class;
}

const struct ems_adapter ems_openweathermap = {
        .name = "openweathermap",
        .title = "OpenWeatherMap (forecast)",
        .summary = "A rough estimate of the sun on a roof, from cloud cover.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 900,
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
