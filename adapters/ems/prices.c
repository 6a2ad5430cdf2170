/*
 * prices - prices or a forecast from any address that answers with a list, or as a known service does.
 *
 *     [{"start":"2026-11-25T10:00:00Z","end":"2026-11-25T11:00:00Z","value":0.0884}]
 *
 * start and end: a time with an offset, or seconds or milliseconds since 1970; without end a slot holds until the next.
 * The list may stand in "rates", "result", "result.rates", "prices", "slots" or "data"; "price" does for "value".
 * That is also what the bridge writes into <base>/site/tariff. What looks like an answer of one of the services that
 * have an adapter of their own is read by that one: a mirror, a proxy, a file that was kept.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum kind { KIND_PRICE, KIND_EXPORT, KIND_FORECAST };
enum { DAY_S = 86400, QUARTER_S = 900 };

struct config {
    struct ems_http http;
    int32_t kind, unit;
    char currency[4];
    struct ems_price price;
};

static const char *const kinds[] = {"price", "export", "forecast", NULL};
static const char *const units[] = {"kwh", "mwh", "cents", NULL};
static const int64_t scale_of_unit[] = {1000000, 1000, 10000};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "The whole address that answers with the list."),
    OPTION(struct config, "kind", kind, OPT_CHOICE, .choices = kinds, .flags = OPT_RESTART,
        .text = "What the list is: prices of what comes from the grid, of what goes into it, or the expected power of the sun in W."),
    OPTION(struct config, "unit", unit, OPT_CHOICE, .choices = units, .flags = OPT_RESTART,
        .text = "What a price of a plain list is for: the currency per kWh, per MWh, or hundredths of it per kWh."),
    OPTION(struct config, "currency", currency, OPT_STRING, .flags = OPT_RESTART,
        .text = "The currency of a plain list, such as EUR; without it that of the site."),
    EMS_PRICE_ROWS(struct config, price),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "A plain list is [{\"start\":..,\"end\":..,\"value\":..}], also in a member rates, result, prices, slots or data.",
        "Answers as those of aWATTar, Energy-Charts, ENTSO-E, Nord Pool (portal or sensor), Octopus and Tibber are "
        "known by themselves; of several pages only the first is read.",
        "For the services themselves use their own adapters: these know what to ask.", NULL};

static enum slots_kind kind_of(const struct config *c)
{
    return c->kind == KIND_EXPORT     ? SLOTS_EXPORT
           : c->kind == KIND_FORECAST ? SLOTS_FORECAST
                                      : SLOTS_PRICE;
}

static uint32_t slots(const void *config)
{
    return SLOTS_BIT(kind_of(config));
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_http_check(&c->http, path, errs, warnings);
    if (c->currency[0] != '\0' && strlen(c->currency) != 3) {
        opt_errors_add(
                errs, "%s.currency: '%s' is not a code of three letters", path, c->currency);
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    (void)s;
    out->optional = true; /* some refusals say more than their status */
    return i == 0 &&
           str_copy(out->url, sizeof(out->url), ((const struct config *)config)->http.url);
}

/* ---- services ---- */

/* What of the answer tells whose it is. */
static const char *service_of(struct json_object *root)
{
    struct json_object *results = json_item(json_member(root, "results"), 0);

    return json_has(root, "multiAreaEntries")                       ? "nordpool"
           : json_has(json_member(root, "attributes"), "raw_today") ? "nordpool"
           : json_has(root, "unix_seconds")                         ? "energy_charts"
           : json_has(results, "value_inc_vat")                     ? "octopus"
           : json_has(json_member(root, "data"), "viewer") || json_has(root, "errors")
                   ? "tibber"
           : json_has(json_item(json_member(root, "data"), 0), "marketprice") ? "awattar"
                                                                              : NULL;
}

static void set_row(const struct opt *table, void *config, const char *name, int32_t v)
{
    for (const struct opt *o = table; o->name; o++) {
        if (strcmp(o->name, name) == 0) {
            memcpy((char *)config + o->offset, &v, sizeof(v));
        }
    }
}

/* Reads it as the adapter of that service does, with our charges and tax. */
static enum ems_class as_service(const struct config *c, const char *name,
        struct ems_session *s, const struct ems_answer *a, struct ems_reports *out,
        struct err *e)
{
    const struct ems_adapter *service = ems_find(name);
    _Alignas(8) char config[EMS_CONFIG_MAX] = {0};

    if (!service || c->kind != KIND_PRICE) {
        err_set(e, ERR_IO, "the answer is one of %s, which gives prices (kind)", name);
        return EMS_DATA;
    }
    opt_defaults(service->options, config);
    set_row(service->options, config, "charges", c->price.charges_micro);
    set_row(service->options, config, "tax", c->price.tax_micro);
    for (const struct opt *o = service->options; strstr(a->body, "\"raw_today\"") && o->name;
            o++) {
        if (strcmp(o->name, "entity") == 0) { /* Nord Pool: a sensor, not the portal */
            (void)str_copy(config + o->offset, o->size, "sensor.here");
        }
    }
    return service->parse(config, s, a, out, e);
}

/* ---- a plain list ---- */

static struct json_object *find_list(struct json_object *root)
{
    static const char *const names[] = {"rates", "result", "prices", "slots", "data", NULL};
    struct json_object *result = json_member(root, "result");

    if (json_kind(root) == JSON_LIST) {
        return root;
    }
    if (json_kind(json_member(result, "rates")) == JSON_LIST) {
        return json_member(result, "rates");
    }
    for (int i = 0; names[i]; i++) {
        if (json_kind(json_member(root, names[i])) == JSON_LIST) {
            return json_member(root, names[i]);
        }
    }
    return NULL;
}

static void read_one(const struct config *c, struct json_object *v, struct ems_series *open)
{
    struct json_object *value = json_member(v, json_has(v, "value") ? "value" : "price");
    int64_t scale = c->kind == KIND_FORECAST ? 1 : scale_of_unit[c->unit];
    struct slot x = {0};

    if (!ems_moment(json_member(v, "start"), &x.start_s) ||
            (json_member(v, "end") && !ems_moment(json_member(v, "end"), &x.end_s))) {
        ems_say_no_slots(open->out, open->kind, "a start or end is no time with an offset");
    } else if (!ems_scaled(value, scale, &x.value)) {
        if (value) {
            ems_say_no_slots(open->out, open->kind, "a value is no number");
        }
        ems_series_add(open, x.start_s, NULL, NULL);
    } else if (json_member(v, "end")) {
        ems_series_add(open, x.start_s, NULL, NULL);
        ems_say_price(open->out, open->kind, open->price, &x, value);
    } else {
        ems_series_add(open, x.start_s, &x.value, value);
    }
}

static enum ems_class read_list(const struct config *c, struct json_object *root,
        struct ems_reports *out, struct err *e)
{
    struct json_object *list = find_list(root);
    struct ems_series open = {.out = out,
            .kind = kind_of(c),
            .price = c->kind == KIND_PRICE ? &c->price : NULL,
            .step_s = QUARTER_S,
            .longest_s = DAY_S};

    if (!list || json_kind(json_item(list, 0)) != JSON_OBJECT) {
        err_set(e, ERR_IO,
                "the answer has no list of start, end and value, and is none of a known service");
        return EMS_DATA;
    }
    ems_say_currency(out, c->currency);
    for (int i = 0; i < json_length(list); i++) {
        read_one(c, json_item(list, i), &open);
    }
    ems_series_end(&open);
    ems_say_end(out, open.kind, "the list is empty");
    return EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    bool good = a->status >= 200 && a->status <= 299;
    const char *start = a->body + strspn(a->body, " \t\r\n"), *service;
    struct json_object *root;
    enum ems_class class;

    if (strncmp(start, "<?xml", 5) == 0 || strstr(start, "_MarketDocument")) {
        return as_service(c, "entsoe", s, a, out, e);
    }
    root = good || a->status == 400 || a->status == 401 ? ems_json(a, e) : NULL;
    if (!root) {
        if (!good) {
            *e = (struct err){0}; /* the status says it */
        }
        return EMS_DATA;
    }
    service = service_of(root);
    class = service ? as_service(c, service, s, a, out, e)
            : good  ? read_list(c, root, out, e)
                    : EMS_DATA;
    json_put(root);
    return class;
}

const struct ems_adapter ems_prices = {
        .name = "prices",
        .title = "URL (prices, forecasts)",
        .summary =
                "Prices or a forecast from any address that answers with a list of slots, or as a known "
                "service does.",
        .tested = "constructed",
        .notes = notes,
        .where = "any",
        .gives = "prices, of export, or a forecast",
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 3600,
        .max_age_s = 43200,
        .cloud = true,
        .fields = ems_no_fields,
        .slots = slots,
        .plan = &ems_plan_auction,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
