/*
 * forecast_solar - what a roof is expected to give, from forecast.solar.
 *
 *     GET https://api.forecast.solar/[KEY/]estimate/LAT/LON/TILT/AZIMUTH/KWP?time=utc
 *     {"result":{"watts":{"2024-04-26T04:20:17+00:00":0,"2024-04-26T05:00:00+00:00":270}},
 *      "message":{"code":0,"type":"success","ratelimit":{"limit":12,"remaining":11}}}
 *
 * Watts are those of the instant; a slot from one to the next has their mean, which makes the same energy as
 * its watt_hours_period. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { LONGEST_S = 2 * 3600, NIGHT_S = 20 * 3600, DAY_S = 86400 };

struct config {
    struct ems_http http;
    struct ems_roof roof;
    int32_t damping;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.forecast.solar; token is the key of a subscription, if any."),
    EMS_ROOF_ROWS(struct config, roof),
    OPTION(struct config, "damping", damping, OPT_MICRO, .min = 0, .max = 1000000, .flags = OPT_RESTART,
        .text = "How much less than computed comes in the morning and evening, 0 to 1 (trees, neighbours)."),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "Without a key: today and tomorrow by the hour, twelve questions an hour for each address of the "
        "internet; it is asked once an hour.",
        "Roofs of two directions are two sources (role sum).",
        "It is a forecast of the weather, never a measurement of the sun.",
        "azimuth: 0 is south, -90 east; others count from north.",
        "Values of a real answer are a test; a subscription was not tried.", NULL};

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
    char lat[EMS_MICRO_ROOM], lon[EMS_MICRO_ROOM], tilt[EMS_MICRO_ROOM],
            azimuth[EMS_MICRO_ROOM], kwp[EMS_MICRO_ROOM], damping[EMS_MICRO_ROOM],
            path[EMS_URL_ROOM + 512];
    bool key = c->http.token[0] != '\0' && c->http.auth == EMS_AUTH_NONE;

    (void)s;
    out->optional = true; /* what it refuses, it explains */
    return i == 0 &&
           str_format(path, sizeof(path), "%s%s/estimate/%s/%s/%s/%s/%s?time=utc%s%s",
                   key ? "/" : "", key ? c->http.token : "", ems_micro(lat, c->roof.latitude),
                   ems_micro(lon, c->roof.longitude), ems_micro(tilt, c->roof.tilt),
                   ems_micro(azimuth, c->roof.azimuth), ems_micro(kwp, c->roof.kwp),
                   c->damping != 0 ? "&damping=" : "",
                   c->damping != 0 ? ems_micro(damping, c->damping) : "") &&
           ems_list_page(out, c->http.url, path);
}

/* ---- the curve ---- */

struct curve {
    struct ems_reports *out;
    bool has;
    int64_t at_s, milli_w;
    char raw[EMS_RAW_ROOM];
};

static bool each_point(const char *key, struct json_object *v, void *user)
{
    struct curve *c = user;
    int64_t at_s = 0, milli_w = 0, length_s;

    if (!ems_moment_text(key, &at_s)) {
        ems_say_no_slots(c->out, SLOTS_FORECAST, "a time of watts has no offset (time=utc)");
        return true;
    }
    if (!ems_scaled(v, 1000, &milli_w)) {
        ems_say_no_slots(c->out, SLOTS_FORECAST, "a value of watts is no number");
        c->has = false;
        return true;
    }
    length_s = at_s - c->at_s;
    /* From sunset to sunrise it is 0; any other long stretch is a gap. */
    if (c->has && length_s > 0 &&
            (length_s <= LONGEST_S ||
                    (length_s <= NIGHT_S && c->milli_w == 0 && milli_w == 0))) {
        const struct slot x = {.start_s = c->at_s,
                .end_s = at_s,
                .value = (c->milli_w + milli_w + 1000) / 2000};

        ems_say_slot(c->out, SLOTS_FORECAST, &x, c->raw);
    }
    c->has = true;
    c->at_s = at_s;
    c->milli_w = milli_w;
    json_as_text(v, c->raw, sizeof(c->raw));
    return true;
}

/* ---- refusals ---- */

static enum ems_class refused(struct ems_session *s, const struct ems_answer *a,
        struct json_object *root, struct err *e)
{
    struct json_object *message = json_member(root, "message");
    struct json_object *limit = json_member(message, "ratelimit");
    char text[160] = "";
    int64_t retry_s = 0;

    json_as_text(json_member(message, "text"), text, sizeof(text));
    if (a->status == 429 || strstr(text, "Rate limit")) {
        err_set(e, ERR_TIMEOUT, "forecast.solar wants to be asked less often%s%s (interval_s)",
                text[0] != '\0' ? ": " : "", text);
        if (ems_moment(json_member(limit, "retry-at"), &retry_s) &&
                retry_s > s->utc_ms / 1000 && retry_s < s->utc_ms / 1000 + DAY_S) {
            s->wait_s = (int32_t)(retry_s - s->utc_ms / 1000);
        }
        return EMS_RATE;
    }
    if (text[0] == '\0') {
        return EMS_DATA; /* the status says it */
    }
    err_set(e, ERR_IO, "forecast.solar says: %s", text);
    return a->status == 401 || a->status == 403   ? EMS_AUTH
           : a->status == 404 || a->status == 422 ? EMS_NOT_FOUND
           : a->status >= 500                     ? EMS_SERVER
                                                  : EMS_DATA;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    bool good = a->status >= 200 && a->status <= 299;
    struct curve c = {.out = out};
    struct json_object *root = a->status != 0 ? ems_json(a, e) : NULL;
    struct json_object *result = json_member(root, "result");
    struct json_object *watts = json_member(result, "watts");
    enum ems_class class = EMS_OK;

    (void)config;
    if (!root) {
        if (!good) {
            *e = (struct err){0};
        }
        return EMS_DATA;
    }
    if (!good || json_kind(result) == JSON_TEXT) {
        class = refused(s, a, root, e);
    } else if (json_kind(watts) != JSON_OBJECT) {
        err_set(e, ERR_IO,
                "result.watts is not in the answer: is the address that of an estimate?");
        class = EMS_DATA;
    } else {
        json_each(watts, each_point, &c);
        ems_say_end(out, SLOTS_FORECAST, "watts is empty");
    }
    json_put(root);
    return class;
}

const struct ems_adapter ems_forecast_solar = {
        .name = "forecast_solar",
        .title = "Forecast.Solar (forecast)",
        .summary = "What a roof is expected to give; no key needed.",
        .tested = "real capture",
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
