/*
 * octopus - the unit rates of a tariff of Octopus Energy in Great Britain.
 *
 *     GET https://api.octopus.energy/v1/products/P/electricity-tariffs/E-1R-P-R/standard-unit-rates/
 *         ?period_from=..&period_to=..&page_size=..
 *     {"next":null,"results":[{"value_exc_vat":18.5,"value_inc_vat":19.425,"valid_from":"..Z",
 *                              "valid_to":"..Z","payment_method":null}]}
 *
 * Pence per kWh, newest first, page by page; valid_to null: until further notice. No key.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { PAGES_MAX = 8, DAY_S = 86400, AHEAD_DAYS = 5 };

struct config {
    struct ems_http http;
    char product[64], region[4];
    int32_t payment;
    bool export;
    struct ems_price price;
};

/* What is kept between two pages. */
struct memo {
    char query[512]; /* of the next page; "": there is none */
};

static const char *const payments[] = {"direct_debit", "non_direct_debit", NULL};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://api.octopus.energy, with product and region; or the whole address of the rates."),
    OPTION(struct config, "product", product, OPT_STRING, .flags = OPT_RESTART,
        .text = "The product code, such as AGILE-24-10-01."),
    OPTION(struct config, "region", region, OPT_STRING, .max = 1, .flags = OPT_RESTART,
        .text = "The letter of the region, A to P; C is London."),
    OPTION(struct config, "payment_method", payment, OPT_CHOICE, .choices = payments, .flags = OPT_RESTART,
        .text = "How it is paid, where the rates differ by that."),
    OPTION(struct config, "export", export, OPT_BOOL, .flags = OPT_RESTART,
        .text = "These are the rates of what goes into the grid (an Outgoing product)."),
    EMS_PRICE_ROWS(struct config, price),
    {.name = NULL},
};
/* clang-format on */

static const struct ems_plan plan = {.kind = EMS_PLAN_DAY_AHEAD,
        .zone = "Europe/London",
        .from_min = 16 * 60,
        .to_min = 20 * 60,
        .step_s = 900};

static const char *const notes[] = {
        "Rates are with VAT, in pounds (site.currency GBP); leave charges and tax at 0.",
        "Agile: half hours, those of tomorrow come about 16:00; they may be negative.",
        "Rates of direct debit and of other payment differ for some products: payment_method.",
        "A rate without an end counts for the next five days, and is asked for again every hour.",
        "Germany and Italy have interfaces of their own, which are not read.",
        "The service was not tried live in 2026.", NULL};

static uint32_t slots(const void *config)
{
    return SLOTS_BIT(((const struct config *)config)->export ? SLOTS_EXPORT : SLOTS_PRICE);
}

static bool plain(const char *s)
{
    for (; *s; s++) {
        if (!((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z') ||
                    (*s >= '0' && *s <= '9') || *s == '-' || *s == '_')) {
            return false;
        }
    }
    return true;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    char r = c->region[0];

    ems_http_check(&c->http, path, errs, warnings);
    if (ems_has_path(c->http.url)) {
        return;
    }
    if (c->product[0] == '\0' || !plain(c->product)) {
        opt_errors_add(errs, "%s.product: is %s, such as AGILE-24-10-01", path,
                c->product[0] == '\0' ? "missing: a product code" : "not a product code");
    }
    if (r < 'A' || r > 'P' || r == 'I' || r == 'O') {
        opt_errors_add(errs, "%s.region: is not a letter from A to P (without I and O)", path);
    }
}

static const struct memo *memo_of(const struct ems_session *s)
{
    _Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "it fits");
    return (const struct memo *)(const void *)s->memo;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char from[STR_TIME_ROOM], to[STR_TIME_ROOM], path[EMS_URL_ROOM];
    int64_t day_s = s->utc_ms / 1000 / DAY_S * DAY_S;
    size_t n;

    if (i >= PAGES_MAX || (i > 0 && memo_of(s)->query[0] == '\0')) {
        return false;
    }
    str_time(from, (day_s - DAY_S) * 1000);
    str_time(to, (day_s + AHEAD_DAYS * DAY_S) * 1000);
    (void)str_format(path, sizeof(path),
            "/v1/products/%s/electricity-tariffs/E-1R-%s-%s/standard-unit-rates/"
            "?period_from=%s&period_to=%s&page_size=250",
            c->product, c->product, c->region, from, to);
    if (!ems_list_page(out, c->http.url, path) || i == 0) {
        return i == 0;
    }
    /* Of the next page's address only the query: it does not send us to another host. */
    n = strcspn(out->url, "?#");
    return str_copy(out->url + n, sizeof(out->url) - n, memo_of(s)->query);
}

static bool pays_so(const struct config *c, struct json_object *v)
{
    char method[32] = "";

    json_as_text(json_member(v, "payment_method"), method, sizeof(method));
    return !json_member(v, "payment_method") || str_iequal(method, payments[c->payment]);
}

static void read_one(
        const struct config *c, struct json_object *v, int64_t now_s, struct ems_reports *out)
{
    enum slots_kind k = c->export ? SLOTS_EXPORT : SLOTS_PRICE;
    /* A whole day, so that the list does not change with each fetch. */
    struct slot x = {.start_s = now_s / DAY_S * DAY_S - DAY_S,
            .end_s = (now_s / DAY_S + AHEAD_DAYS) * DAY_S};

    if (!pays_so(c, v)) {
        return;
    }
    if ((json_member(v, "valid_from") &&
                !ems_moment(json_member(v, "valid_from"), &x.start_s)) ||
            (json_member(v, "valid_to") && !ems_moment(json_member(v, "valid_to"), &x.end_s))) {
        ems_say_no_slots(out, k, "a valid_from or valid_to is no time");
    } else if (!ems_scaled(json_member(v, "value_inc_vat"), 10000, &x.value)) {
        ems_say_no_slots(out, k, "a value_inc_vat is no number");
    } else if (x.end_s > x.start_s || json_member(v, "valid_to")) {
        ems_say_price(
                out, k, c->export ? NULL : &c->price, &x, json_member(v, "value_inc_vat"));
    }
}

/* The query of "next", for the next request. */
static void keep_next(struct ems_session *s, struct json_object *next)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    char address[sizeof(m->query) + 256] = "";
    const char *query;

    json_as_text(next, address, sizeof(address));
    query = next && strlen(address) < sizeof(address) - 1 ? strchr(address, '?') : NULL;
    m->query[0] = '\0';
    if (query && !strpbrk(query, " \"<>\\^`{|}")) {
        (void)str_copy(m->query, sizeof(m->query), query);
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct json_object *root = ems_json(a, e);
    struct json_object *results = json_member(root, "results");

    if (!root) {
        return EMS_DATA;
    }
    if (json_kind(results) != JSON_LIST) {
        err_set(e, ERR_IO, "results is not in the answer: are url, product and region right?");
        json_put(root);
        return EMS_DATA;
    }
    ems_say_currency(out, "GBP");
    for (int i = 0; i < json_length(results); i++) {
        read_one(c, json_item(results, i), s->utc_ms / 1000, out);
    }
    keep_next(s, json_member(root, "next"));
    if (memo_of(s)->query[0] == '\0') {
        ems_say_end(out, c->export ? SLOTS_EXPORT : SLOTS_PRICE,
                json_length(results) > 0 ? "no rate is for this payment_method"
                                         : "there are no rates for these days");
    }
    json_put(root);
    return EMS_OK;
}

const struct ems_adapter ems_octopus = {
        .name = "octopus",
        .title = "Octopus Energy (prices, Great Britain)",
        .summary = "Unit rates of an Octopus tariff, such as Agile or Go.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 3600,
        .max_age_s = 43200,
        .cloud = true,
        .gives = "prices, also of export",
        .fields = ems_no_fields,
        .slots = slots,
        .plan = &plan,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
