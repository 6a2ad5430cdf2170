/*
 * nordpool - prices of the Nord Pool auction: out of a sensor of Home Assistant, or its own data portal.
 *
 * With entity, the sensor of the Nord Pool integration of Home Assistant:
 *     GET http://homeassistant:8123/api/states/sensor.nordpool_kwh_nl_eur   Authorization: Bearer TOKEN
 *     {"attributes":{"currency":"EUR","unit":"kWh","price_in_cents":false,
 *       "raw_today":[{"start":"2026-11-25T00:00:00+01:00","end":"..","value":0.084}],"raw_tomorrow":[]}}
 * Else the data portal, a request for each day; empty (204) before the day is published:
 *     GET https://dataportal-api.nordpoolgroup.com/api/DayAheadPrices?date=2026-11-25&market=DayAhead
 *         &deliveryArea=NL&currency=EUR
 *     {"multiAreaEntries":[{"deliveryStart":"..Z","deliveryEnd":"..Z","entryPerArea":{"NL":83.63}}],
 *      "currency":"EUR"}                                              per MWh
 *
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"
#include "bridge/core/zone.h"

#include <string.h>

enum { PER_KWH = 1000000, PER_MWH = 1000 };

struct config {
    struct ems_http http;
    char entity[128], area[16], currency[4];
    struct ems_price price;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "Of Home Assistant, such as http://homeassistant.local:8123, with entity and token; or https://dataportal-api.nordpoolgroup.com."),
    OPTION(struct config, "entity", entity, OPT_STRING, .flags = OPT_RESTART,
        .text = "The sensor of Home Assistant that has the attributes raw_today and raw_tomorrow."),
    OPTION(struct config, "area", area, OPT_STRING, .fallback_str = "NL", .flags = OPT_RESTART,
        .text = "The delivery area, such as NL, DE-LU, NO1 or SE3; without entity."),
    OPTION(struct config, "currency", currency, OPT_STRING, .min = 3, .fallback_str = "EUR", .flags = OPT_RESTART,
        .text = "The currency that the data portal is asked for: EUR, NOK, SEK, DKK or PLN."),
    EMS_PRICE_ROWS(struct config, price),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "Best through Home Assistant: the sensor of its custom Nord Pool integration has raw_today and "
        "raw_tomorrow; token is a long-lived access token of a user there.",
        "The sensor may be set to cents, to MWh, and to have tax in it already: unit and cents are "
        "read from it, tax cannot be seen, so set charges and tax only where the sensor has none.",
        "The data portal is not meant for others and may be closed at any time; it has no key.",
        "The prices of tomorrow come about 13:00 in Brussels.",
        "Neither was tried live in 2026.", NULL};

static bool bearer(const struct config *c)
{
    return c->http.token[0] != '\0' && c->http.auth == EMS_AUTH_NONE;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_token_check(&c->http, path, errs, warnings);
    if (strpbrk(c->entity, " /?#&%") || (c->entity[0] != '\0' && !strchr(c->entity, '.'))) {
        opt_errors_add(errs, "%s.entity: '%s' is not the id of an entity (sensor.name)", path,
                c->entity);
    }
    if (strpbrk(c->area, " /?#&%")) {
        opt_errors_add(errs, "%s.area: '%s' is not an area such as NL", path, c->area);
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char path[EMS_URL_ROOM], date[EMS_MICRO_ROOM];
    struct zone z = {0};
    int64_t day_s;

    if (bearer(c)) {
        out->bearer = c->http.token;
    }
    if (c->entity[0] != '\0') {
        out->optional = true; /* 404 is about the entity */
        (void)str_format(path, sizeof(path), "/api/states/%s", c->entity);
        return i == 0 && ems_list_page(out, c->http.url, path);
    }
    (void)!zone_find(&z, "Europe/Brussels"); /* its days are those of Central Europe */
    day_s = zone_day(&z, s->utc_ms / 1000, i);
    (void)str_format(path, sizeof(path),
            "/api/DayAheadPrices?date=%s&market=DayAhead&deliveryArea=%s&currency=%s",
            ems_date(date, day_s, zone_offset(&z, day_s)), c->area, c->currency);
    return i < (ems_has_path(c->http.url) ? 1 : 2) && ems_list_page(out, c->http.url, path);
}

/* One slot of either form. */
struct entry {
    struct json_object *start, *end, *value;
    int64_t scale; /* to micro-currency per kWh */
    bool cents;
};

static void read_entry(const struct config *c, const struct entry *v, struct ems_reports *out)
{
    struct slot x = {0};

    if (!ems_moment(v->start, &x.start_s) || !ems_moment(v->end, &x.end_s)) {
        ems_say_no_slots(out, SLOTS_PRICE, "the start or end of an entry is no time");
    } else if (v->value && !ems_scaled(v->value, v->scale, &x.value)) {
        ems_say_no_slots(out, SLOTS_PRICE, "the value of an entry is no number");
    } else if (v->value) { /* null: not published yet */
        x.value = v->cents ? (x.value + (x.value < 0 ? -50 : 50)) / 100 : x.value;
        ems_say_price(out, SLOTS_PRICE, &c->price, &x, v->value);
    }
}

/* ---- a sensor of Home Assistant ---- */

/* Of unit ("kWh", "MWh") or of unit_of_measurement ("EUR/MWh"). */
static int64_t scale_of(struct json_object *attributes)
{
    char text[32] = "";
    const char *slash;

    json_as_text(json_member(attributes,
                         json_member(attributes, "unit") ? "unit" : "unit_of_measurement"),
            text, sizeof(text));
    slash = strrchr(text, '/');
    return str_iequal(slash ? slash + 1 : text, "mwh") ? PER_MWH : PER_KWH;
}

static bool has_cents(struct json_object *attributes)
{
    char text[8] = "";

    json_as_text(json_member(attributes, "price_in_cents"), text, sizeof(text));
    return str_iequal(text, "true");
}

static enum ems_class read_sensor(const struct config *c, struct json_object *root,
        struct ems_reports *out, struct err *e)
{
    struct json_object *a = json_member(root, "attributes"),
                       *days[] = {json_member(a, "raw_today"), json_member(a, "raw_tomorrow")};
    const int64_t scale = scale_of(a);
    const bool cents = has_cents(a);
    char currency[8] = "";

    if (json_kind(a) != JSON_OBJECT) {
        err_set(e, ERR_IO,
                "attributes are not in the answer: is the address that of Home Assistant?");
        return EMS_DATA;
    }
    json_as_text(json_member(a, "currency"), currency, sizeof(currency));
    ems_say_currency(out, currency);
    for (size_t d = 0; d < ARRAY_LEN(days); d++) {
        for (int i = 0; i < json_length(days[d]); i++) {
            struct json_object *v = json_item(days[d], i);

            read_entry(c,
                    &(struct entry){json_member(v, "start"), json_member(v, "end"),
                            json_member(v, "value"), scale, cents},
                    out);
        }
    }
    ems_say_end(out, SLOTS_PRICE,
            days[0] ? "raw_today is empty" : "the entity has no attribute raw_today (entity)");
    return EMS_OK;
}

/* ---- the data portal ---- */

struct area {
    const char *name; /* as a text */
    struct json_object *value;
    int n;
};

static bool each_area(const char *key, struct json_object *v, void *user)
{
    struct area *a = user;

    a->n++;
    if (str_iequal(key, a->name) || !a->value) {
        a->value = v;
    }
    return !str_iequal(key, a->name);
}

static enum ems_class read_portal(const struct config *c, struct json_object *root,
        struct ems_reports *out, struct err *e)
{
    struct json_object *list = json_member(root, "multiAreaEntries");
    char currency[8] = "";

    if (json_kind(list) != JSON_LIST) {
        err_set(e, ERR_IO, "multiAreaEntries is not in the answer: are url and area right?");
        return EMS_DATA;
    }
    json_as_text(json_member(root, "currency"), currency, sizeof(currency));
    ems_say_currency(out, currency);
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *v = json_item(list, i);
        struct area a = {.name = c->area};

        if (!json_each(json_member(v, "entryPerArea"), each_area, &a) || a.n == 1) {
            read_entry(c,
                    &(struct entry){json_member(v, "deliveryStart"),
                            json_member(v, "deliveryEnd"), a.value, PER_MWH, false},
                    out);
        } else {
            ems_say_no_slots(out, SLOTS_PRICE, "the area is not in entryPerArea (area)");
        }
    }
    ems_say_end(out, SLOTS_PRICE, "there are no prices for this area and day");
    return EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct json_object *root;
    enum ems_class class;

    (void)s;
    if (a->status == 404 && c->entity[0] != '\0') {
        err_set(e, ERR_NOT_FOUND, "Home Assistant has no entity '%s' (entity)", c->entity);
        return EMS_NOT_FOUND;
    }
    if (a->status == 401 && bearer(c)) {
        err_set(e, ERR_REFUSED,
                "Home Assistant does not take the token: make a long-lived one in the profile of a user");
        return EMS_AUTH;
    }
    if (a->status < 200 || a->status > 299) {
        return EMS_DATA; /* the status says it */
    }
    if (a->status == 204 && c->entity[0] == '\0') {
        ems_say_end(out, SLOTS_PRICE, "the prices of this day are not published yet");
        return EMS_OK;
    }
    root = ems_json(a, e);
    if (!root) {
        return EMS_DATA;
    }
    class = c->entity[0] != '\0' ? read_sensor(c, root, out, e) : read_portal(c, root, out, e);
    json_put(root);
    return class;
}

const struct ems_adapter ems_nordpool = {
        .name = "nordpool",
        .title = "Nord Pool (prices)",
        .summary = "Prices of Nord Pool, out of a sensor of Home Assistant or the data portal.",
        .tested = "real capture",
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
