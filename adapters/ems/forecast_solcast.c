/*
 * forecast_solcast - what a roof is expected to give, from Solcast.
 *
 *     GET https://api.solcast.com.au/rooftop_sites/ID/forecasts?format=json&hours=96
 *     Authorization: Bearer KEY
 *     {"forecasts":[{"pv_estimate":1.234,"pv_estimate10":0.61,"pv_estimate90":1.88,
 *                    "period_end":"2026-01-14T13:30:00.0000000Z","period":"PT30M"}]}
 *
 * kW, the mean of the period that ends then. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

struct config {
    struct ems_http http;
    char resource_id[64];
    int32_t estimate, calls_per_day;
};

static const char *const estimates[] = {"mean", "low", "high", NULL};
static const char *const members[] = {"pv_estimate", "pv_estimate10", "pv_estimate90"};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.solcast.com.au; token is the API key of the account."),
    OPTION(struct config, "resource_id", resource_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "The id of the rooftop site, such as 1234-abcd-5678-ef90."),
    OPTION(struct config, "estimate", estimate, OPT_CHOICE, .choices = estimates, .flags = OPT_RESTART,
        .text = "What is taken: the expected power, or what 90 % (low) or 10 % (high) of all days exceed."),
    OPTION(struct config, "calls_per_day", calls_per_day, OPT_INT, .min = 1, .max = 1000, .fallback = 10, .flags = OPT_RESTART,
        .text = "How often it may be asked a day; a hobby account has 10 for all of its sites."),
    {.name = NULL},
};
/* clang-format on */

static const struct ems_plan plan = {.kind = EMS_PLAN_DAYLIGHT};

static const char *const notes[] = {
        "A hobby account has two sites and ten questions a day (older ones fifty): they are spread from "
        "sunrise to sunset, as the forecast itself knows it, and interval_s does not count.",
        "With two sites give each source half: calls_per_day 5.",
        "The last forecast is kept on the disk, so a restart takes none of the ten.",
        "period_end is the end of a slot, not its start.",
        "It is a forecast of the weather, never a measurement of the sun.",
        "The service was not tried with a live account in 2026.", NULL};

static int calls(const void *config)
{
    return ((const struct config *)config)->calls_per_day;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_token_check(&c->http, path, errs, warnings);
    if (strpbrk(c->resource_id, " /?#&%")) {
        opt_errors_add(
                errs, "%s.resource_id: '%s' is not the id of a site", path, c->resource_id);
    }
    if (c->resource_id[0] == '\0' && !ems_has_path(c->http.url)) {
        opt_errors_add(errs, "%s.resource_id: is missing: the id of the rooftop site", path);
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char path[160];

    (void)s;
    out->optional = true; /* a refused key has a sentence of its own */
    if (c->http.token[0] != '\0' && c->http.auth == EMS_AUTH_NONE) {
        out->bearer = c->http.token;
    }
    (void)str_format(path, sizeof(path), "/rooftop_sites/%s/forecasts?format=json&hours=96",
            c->resource_id);
    return i == 0 && ems_list_page(out, c->http.url, path);
}

static void read_one(const struct config *c, struct json_object *v, struct ems_reports *out)
{
    struct json_object *power = json_member(v, members[c->estimate]);
    char period[16] = "", raw[EMS_RAW_ROOM] = "";
    struct slot x = {0};

    json_as_text(json_member(v, "period"), period, sizeof(period));
    if (!ems_moment(json_member(v, "period_end"), &x.end_s) || ems_duration(period) <= 0) {
        ems_say_no_slots(out, SLOTS_FORECAST, "a period_end or period cannot be read");
    } else if (!ems_scaled(power, 1000, &x.value)) {
        ems_say_no_slots(out, SLOTS_FORECAST, "a pv_estimate is no number");
    } else {
        x.start_s = x.end_s - ems_duration(period);
        json_as_text(power, raw, sizeof(raw));
        ems_say_slot(out, SLOTS_FORECAST, &x, raw);
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *root = good ? ems_json(a, e) : NULL;
    struct json_object *list = json_member(root, "forecasts");

    (void)s;
    if ((a->status == 401 || a->status == 403) &&
            ((const struct config *)config)->http.auth == EMS_AUTH_NONE) {
        err_set(e, ERR_REFUSED, "Solcast does not take the API key (token)");
        return EMS_AUTH;
    }
    if (!root) {
        return EMS_DATA;
    }
    if (json_kind(list) != JSON_LIST) {
        err_set(e, ERR_IO, "forecasts is not in the answer: are url and resource_id right?");
        json_put(root);
        return EMS_DATA;
    }
    for (int i = 0; i < json_length(list); i++) {
        read_one(config, json_item(list, i), out);
    }
    ems_say_end(out, SLOTS_FORECAST, "forecasts is empty");
    json_put(root);
    return EMS_OK;
}

const struct ems_adapter ems_forecast_solcast = {
        .name = "forecast_solcast",
        .title = "Solcast (forecast)",
        .summary = "What a roof is expected to give, by satellite, a few times a day.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 8640,
        .max_age_s = 86400,
        .cloud = true,
        .gives = "forecast of the sun",
        .fields = ems_no_fields,
        .slots = ems_gives_forecast,
        .plan = &plan,
        .calls = calls,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
