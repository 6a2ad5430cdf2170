/*
 * awattar - prices of the day-ahead auction for Austria and Germany, by the hour.
 *
 *     GET https://api.awattar.de/v1/marketdata?start=MS&end=MS
 *     {"data":[{"start_timestamp":MS,"end_timestamp":MS,"marketprice":-12.5,"unit":"Eur/MWh"}]}
 *
 * Without start it gives what comes after now; with it the day so far, too. No key.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

enum { AHEAD_S = 3 * 86400, BEHIND_S = 86400, HOUR_S = 3600 };

struct config {
    struct ems_http http;
    struct ems_price price;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.awattar.de for Germany, https://api.awattar.at for Austria."),
    EMS_PRICE_ROWS(struct config, price),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "The price is that of the auction, without tax and charges: set charges and tax to see what "
        "a kWh costs.",
        "It may be negative.",
        "It is asked once an hour, every quarter of an hour between 12:45 and 15:00 in Brussels until "
        "the prices of tomorrow are there; its owner wants no more than a hundred questions a day.",
        "It gives hours, while the auction is by the quarter of an hour since October 2025.",
        "The service was not tried live in 2026.", NULL};

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    ems_http_check(&((const struct config *)config)->http, path, errs, warnings);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    int64_t from_s = (s->utc_ms / 1000 - BEHIND_S) / HOUR_S * HOUR_S;
    char path[128];

    (void)str_format(path, sizeof(path), "/v1/marketdata?start=%lld000&end=%lld000",
            (long long)from_s, (long long)(from_s + BEHIND_S + AHEAD_S));
    return i == 0 && ems_list_page(out, c->http.url, path);
}

static void read_one(const struct config *c, struct json_object *v, struct ems_reports *out)
{
    struct slot x = {0};
    char unit[16] = "";

    json_as_text(json_member(v, "unit"), unit, sizeof(unit));
    if (!ems_moment(json_member(v, "start_timestamp"), &x.start_s) ||
            !ems_moment(json_member(v, "end_timestamp"), &x.end_s)) {
        ems_say_no_slots(out, SLOTS_PRICE, "start_timestamp or end_timestamp is no time");
    } else if (json_has(v, "unit") && !str_iequal(unit, "eur/mwh")) {
        ems_say_no_slots(out, SLOTS_PRICE, "a unit is not Eur/MWh");
    } else if (!ems_scaled(json_member(v, "marketprice"), 1000, &x.value)) {
        ems_say_no_slots(out, SLOTS_PRICE, "a marketprice is no number");
    } else {
        ems_say_price(out, SLOTS_PRICE, &c->price, &x, json_member(v, "marketprice"));
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *root = ems_json(a, e);
    struct json_object *data = json_member(root, "data");

    (void)s;
    if (!root) {
        return EMS_DATA;
    }
    if (json_kind(data) != JSON_LIST) {
        err_set(e, ERR_IO, "data is not in the answer: is the address right?");
        json_put(root);
        return EMS_DATA;
    }
    ems_say_currency(out, "EUR");
    for (int i = 0; i < json_length(data); i++) {
        read_one(config, json_item(data, i), out);
    }
    ems_say_end(out, SLOTS_PRICE, "data is empty");
    json_put(root);
    return EMS_OK;
}

const struct ems_adapter ems_awattar = {
        .name = "awattar",
        .title = "aWATTar (prices)",
        .summary = "Prices of the day-ahead auction for Germany and Austria.",
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
