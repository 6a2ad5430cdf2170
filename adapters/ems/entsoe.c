/*
 * entsoe - prices of the day-ahead auction, from the transparency platform of the European grid operators.
 *
 *     GET https://web-api.tp.entsoe.eu/api?securityToken=..&documentType=A44&in_Domain=EIC&out_Domain=EIC
 *         &periodStart=202611240000&periodEnd=202611260000          (UTC)
 *     <Publication_MarketDocument><TimeSeries><currency_Unit.name>EUR</..><price_Measure_Unit.name>MWH</..>
 *       <Period><timeInterval><start>2026-07-01T22:00Z</start><end>..</end></timeInterval>
 *         <resolution>PT15M</resolution><Point><position>1</position><price.amount>88.10</price.amount></Point>
 *
 * A position that is missing repeats the one before (curve A03). Several series may cover the same time: of
 * different resolution, and of different position in the sequence of auctions. No data is an
 * Acknowledgement_MarketDocument, with 200 or 400. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { DAY_S = 86400, SEQUENCE_NONE = 1000, PERIOD_MAX_S = 10 * DAY_S };

struct config {
    struct ems_http http;
    char domain[32];
    int32_t sequence;
    struct ems_price price;
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "https://web-api.tp.entsoe.eu; token is the security token of the account."),
    OPTION(struct config, "domain", domain, OPT_STRING, .fallback_str = "10Y1001A1001A82H", .flags = OPT_RESTART,
        .text = "The EIC code of the bidding zone: 10Y1001A1001A82H is Germany and Luxembourg, 10YNL----------L the Netherlands, 10YAT-APG------L Austria."),
    OPTION(struct config, "sequence", sequence, OPT_INT, .min = 0, .max = 9, .flags = OPT_RESTART,
        .text = "Which of several auctions counts, by its position in the sequence; 0: the first."),
    EMS_PRICE_ROWS(struct config, price),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "Token: ask for it by e-mail (transparency@entsoe.eu, subject Restful API access), then make it in the "
        "account's settings.",
        "The price is that of the auction, without tax and charges: set charges and tax.",
        "More than 400 questions a minute lock the token for ten minutes; it is asked once an hour.",
        "The platform is down often: a second source (energy_charts, role fallback) fills in.",
        "Where quarters and hours are both given, the quarters count.",
        "The service was not tried with a live account in 2026.", NULL};

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_token_check(&c->http, path, errs, warnings);
    if (strlen(c->domain) != 16 ||
            strspn(c->domain, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != strlen(c->domain)) {
        opt_errors_add(errs, "%s.domain: '%s' is not an EIC code of 16 letters, digits and -",
                path, c->domain);
    }
}

/* "202611240000" */
static void stamp(char dst[static STR_TIME_ROOM], int64_t utc_s)
{
    char time[STR_TIME_ROOM];

    str_time(time, utc_s * 1000);
    (void)str_format(dst, STR_TIME_ROOM, "%.4s%.2s%.2s%.2s%.2s", time, time + 5, time + 8,
            time + 11, time + 14);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    bool key = c->http.token[0] != '\0' && c->http.auth == EMS_AUTH_NONE;
    char from[STR_TIME_ROOM], to[STR_TIME_ROOM], path[EMS_URL_ROOM + 512];
    int64_t day_s = s->utc_ms / 1000 / DAY_S * DAY_S;

    stamp(from, day_s - DAY_S);
    stamp(to, day_s + 2 * DAY_S);
    out->optional = true; /* "no data" comes as a 400 as well */
    return i == 0 &&
           str_format(path, sizeof(path),
                   "/api?documentType=A44&in_Domain=%s&out_Domain=%s&periodStart=%s&periodEnd=%s%s%s",
                   c->domain, c->domain, from, to, key ? "&securityToken=" : "",
                   key ? c->http.token : "") &&
           ems_list_page(out, c->http.url, path);
}

/* ---- the XML tree: one element is itself, several are a list ---- */

static int count_of(struct json_object *v)
{
    return json_kind(v) == JSON_LIST ? json_length(v) : v ? 1 : 0;
}

static struct json_object *nth(struct json_object *v, int i)
{
    return json_kind(v) == JSON_LIST ? json_item(v, i) : v;
}

/* The text of a member; "": none. */
static void text_of(struct json_object *v, const char *key, char *dst, size_t room)
{
    dst[0] = '\0';
    if (json_member(v, key)) {
        json_as_text(json_member(v, key), dst, room);
    }
}

static int64_t number_of(struct json_object *v, const char *key, int64_t fallback)
{
    int64_t n = 0;

    return ems_scaled(json_member(v, key), 1, &n) ? n : fallback;
}

static int64_t resolution_of(struct json_object *period)
{
    char text[16];

    text_of(period, "resolution", text, sizeof(text));
    return ems_duration(text);
}

/* ---- series ---- */

struct reading {
    const struct config *c;
    struct ems_reports *out;
    int64_t start_s, end_s, step_s;
    int before; /* position of `value`; 0: none yet */
    int64_t value;
    struct json_object *raw;
};

/* What is open holds up to, not including, the position. */
static void say_up_to(const struct reading *r, int position)
{
    for (int p = r->before; p > 0 && p < position; p++) {
        struct slot x = {.start_s = r->start_s + (p - 1) * r->step_s, .value = r->value};

        x.end_s = x.start_s + r->step_s;
        if (x.end_s > r->end_s) {
            return;
        }
        ems_say_price(r->out, SLOTS_PRICE, &r->c->price, &x, r->raw);
    }
}

static void read_period(
        const struct config *c, struct json_object *period, struct ems_reports *out)
{
    struct json_object *interval = json_member(period, "timeInterval"),
                       *points = json_member(period, "Point");
    struct reading r = {.c = c, .out = out, .step_s = resolution_of(period)};
    int last;

    if (!ems_moment(json_member(interval, "start"), &r.start_s) ||
            !ems_moment(json_member(interval, "end"), &r.end_s) || r.step_s <= 0 ||
            r.end_s <= r.start_s || r.end_s - r.start_s > PERIOD_MAX_S) {
        ems_say_no_slots(out, SLOTS_PRICE, "a Period has no timeInterval or resolution");
        return;
    }
    last = (int)((r.end_s - r.start_s) / r.step_s);
    for (int i = 0; i < count_of(points); i++) {
        int64_t position = number_of(nth(points, i), "position", 0), value = 0;
        struct json_object *amount = json_member(nth(points, i), "price.amount");

        if (position <= r.before || position > last || !ems_scaled(amount, 1000, &value)) {
            ems_say_no_slots(out, SLOTS_PRICE, "a Point has no position or price.amount");
            continue;
        }
        say_up_to(&r, (int)position);
        r.before = (int)position;
        r.value = value;
        r.raw = amount;
    }
    say_up_to(&r, last + 1);
}

static int64_t sequence_of(struct json_object *series)
{
    return number_of(series, "classificationSequence_AttributeInstanceComponent.position",
            SEQUENCE_NONE);
}

static void read_series(
        const struct config *c, struct json_object *all, struct ems_reports *out)
{
    char unit[16], currency[8];
    int64_t wanted = c->sequence;

    for (int i = 0; i < count_of(all) && c->sequence == 0; i++) {
        int64_t n = sequence_of(nth(all, i));

        wanted = i == 0 || n < wanted ? n : wanted;
    }
    for (int i = 0; i < count_of(all); i++) {
        struct json_object *s = nth(all, i), *periods = json_member(s, "Period");

        text_of(s, "price_Measure_Unit.name", unit, sizeof(unit));
        text_of(s, "currency_Unit.name", currency, sizeof(currency));
        if (sequence_of(s) != wanted && sequence_of(s) != SEQUENCE_NONE) {
            continue;
        }
        if (unit[0] != '\0' && !str_iequal(unit, "mwh")) {
            ems_say_no_slots(out, SLOTS_PRICE, "a price_Measure_Unit.name is not MWH");
            continue;
        }
        ems_say_currency(out, currency);
        for (int k = 0; k < count_of(periods); k++) {
            read_period(c, nth(periods, k), out);
        }
    }
    ems_say_end(out, SLOTS_PRICE, "the document has no prices");
}

/* ---- refusals ---- */

static enum ems_class acknowledged(
        struct json_object *document, struct ems_reports *out, struct err *e)
{
    struct json_object *reason = nth(json_member(document, "Reason"), 0);
    char text[120], code[8];

    text_of(reason, "code", code, sizeof(code));
    text_of(reason, "text", text, sizeof(text));
    if (strcmp(code, "999") == 0 && strstr(text, "No matching data")) {
        ems_say_no_slots(
                out, SLOTS_PRICE, "there are no prices for this zone and these days (domain)");
        return EMS_OK;
    }
    if (strstr(text, "token") || strstr(text, "Unauthorized")) {
        err_set(e, ERR_REFUSED, "ENTSO-E does not take the security token (token)");
        return EMS_AUTH;
    }
    err_set(e, ERR_IO, "ENTSO-E says: %s",
            text[0] != '\0' ? text : "an acknowledgement without a reason");
    return EMS_DATA;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *root =
            good || a->status == 400 || a->status == 401 ? ems_xml(a, e) : NULL;
    struct json_object *document = json_member(root, "Publication_MarketDocument"),
                       *acknowledgement = json_member(root, "Acknowledgement_MarketDocument");
    enum ems_class class = EMS_OK;

    (void)s;
    if (!root) {
        if (!good) {
            *e = (struct err){0};
        }
        return EMS_DATA;
    }
    if (acknowledgement) {
        class = acknowledged(acknowledgement, out, e);
    } else if (!good) {
        class = EMS_DATA;
    } else if (!document) {
        err_set(e, ERR_IO,
                "the answer is no Publication_MarketDocument: is the address right?");
        class = EMS_DATA;
    } else {
        read_series(config, json_member(document, "TimeSeries"), out);
    }
    json_put(root);
    return class;
}

const struct ems_adapter ems_entsoe = {
        .name = "entsoe",
        .title = "ENTSO-E (prices)",
        .summary =
                "Prices of the day-ahead auction of any zone of Europe, from the grid operators.",
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
