/*
 * energy_charts - prices of the day-ahead auction of all zones of Europe, from energy-charts.info.
 *
 *     GET https://api.energy-charts.info/price?bzn=DE-LU&start=2026-11-24&end=2026-11-26
 *     {"unix_seconds":[1715508000,1715511600],"price":[-12.5,35.21],"unit":"EUR / MWh"}
 *
 * No key. A value holds until the next begins. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400 };

struct config {
    struct ems_http http;
    char zone[24];
    struct ems_price price;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.energy-charts.info."),
    OPTION(struct config, "zone", zone, OPT_STRING, .min = 2, .fallback_str = "DE-LU", .flags = OPT_RESTART,
        .text = "The bidding zone, such as DE-LU, AT, NL, FR, DK1 or SE4."),
    EMS_PRICE_ROWS(struct config, price),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "The price is that of the auction in EUR, without tax and charges: set charges and tax.",
        "Quarters of an hour since October 2025, hours before; both are read.",
        "Some zones are licensed CC BY 4.0, others for private use: the answer says which.",
        "It is a good second source (role fallback) beside one that is often down.",
        "The service was not tried live in 2026.", NULL};

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_http_check(&c->http, path, errs, warnings);
    if (strpbrk(c->zone, " &?#/%")) {
        opt_errors_add(errs, "%s.zone: '%s' is no zone such as DE-LU", path, c->zone);
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char path[160], from[EMS_MICRO_ROOM], to[EMS_MICRO_ROOM];

    (void)str_format(path, sizeof(path), "/price?bzn=%s&start=%s&end=%s", c->zone,
            ems_date(from, s->utc_ms / 1000 - DAY_S, 0),
            ems_date(to, s->utc_ms / 1000 + 2 * DAY_S, 0));
    return i == 0 && ems_list_page(out, c->http.url, path);
}

/* "EUR / MWh", "EUR/MWh": the currency into out; false: something else than a price of a MWh. */
static bool read_unit(struct json_object *unit, struct ems_reports *out)
{
    char text[24] = "", code[4] = "";
    const char *slash;

    json_as_text(unit, text, sizeof(text));
    slash = strchr(text, '/');
    if (!slash || slash - text < 3 || !str_iequal(slash + 1 + strspn(slash + 1, " "), "mwh")) {
        return false;
    }
    memcpy(code, text, 3);
    ems_say_currency(out, code);
    return true;
}

static void read_prices(const struct config *c, struct json_object *times,
        struct json_object *prices, struct ems_reports *out)
{
    struct ems_series series = {.out = out,
            .kind = SLOTS_PRICE,
            .price = &c->price,
            .step_s = HOUR_S,
            .longest_s = HOUR_S};
    int n = json_length(times) < json_length(prices) ? json_length(times) : json_length(prices);

    for (int i = 0; i < n; i++) {
        int64_t start_s = 0, micro = 0;
        struct json_object *v = json_item(prices, i);

        if (!ems_moment(json_item(times, i), &start_s)) {
            ems_say_no_slots(out, SLOTS_PRICE, "a value of unix_seconds is no time");
        } else if (!ems_scaled(v, 1000, &micro)) {
            if (v) {
                ems_say_no_slots(out, SLOTS_PRICE, "a price is no number");
            }
            ems_series_add(&series, start_s, NULL, NULL);
        } else {
            ems_series_add(&series, start_s, &micro, v);
        }
    }
    ems_series_end(&series);
    ems_say_end(out, SLOTS_PRICE, "there are no prices for this zone");
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *root = ems_json(a, e);
    struct json_object *times = json_member(root, "unix_seconds"),
                       *prices = json_member(root, "price");
    enum ems_class class = EMS_OK;

    (void)s;
    if (!root) {
        return EMS_DATA;
    }
    if (json_kind(times) != JSON_LIST || json_kind(prices) != JSON_LIST) {
        err_set(e, ERR_IO,
                "unix_seconds and price are not in the answer: are url and zone right?");
        class = EMS_DATA;
    } else if (json_has(root, "unit") && !read_unit(json_member(root, "unit"), out)) {
        err_set(e, ERR_IO, "its unit is not that of a price of a MWh");
        class = EMS_DATA;
    } else {
        if (!json_has(root, "unit")) {
            ems_say_currency(out, "EUR");
        }
        read_prices(config, times, prices, out);
    }
    json_put(root);
    return class;
}

const struct ems_adapter ems_energy_charts = {
        .name = "energy_charts",
        .title = "Energy-Charts (prices)",
        .summary = "Prices of the day-ahead auction of any zone of Europe, without a key.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 3600,
        .max_age_s = 43200,
        .cloud = true,
        .gives = "prices",
        .fields = ems_no_fields,
        .slots = ems_gives_price,
        .plan = &ems_plan_auction,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
