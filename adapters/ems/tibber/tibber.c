/*
 * tibber - the prices of a home at Tibber, by the quarter of an hour, with all taxes and fees.
 *
 *     POST https://api.tibber.com/v1-beta/gql    Authorization: Bearer TOKEN
 *     {"data":{"viewer":{"homes":[{"id":"..","currentSubscription":{"priceInfo":{
 *       "current":{"total":0.27,"startsAt":"2026-01-14T13:15:00.000+01:00","currency":"EUR"},
 *       "today":[{"total":0.27,"startsAt":".."}],"tomorrow":[]}}}]}}}
 *
 * A slot ends where the next begins. What is wrong stands in "errors", also with status 200.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/tibber/tibber.h"

#include "bridge/base/str.h"

#include <string.h>

enum { QUARTER_S = 900, HOUR_S = 3600 };

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct tibber_config, http, "https://api.tibber.com; token is the access token of its developer page."),
    OPTION(struct tibber_config, "home_id", home_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "Which of several homes, by its id; without it the first with a contract."),
    OPTION(struct tibber_config, "live", live, OPT_BOOL, .flags = OPT_RESTART,
        .text = "Reads the grid power of a Pulse as well, every few seconds."),
    EMS_PRICE_ROWS(struct tibber_config, price),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "Token: developer.tibber.com, after a login with the account. It goes out as a bearer.",
        "The prices have tax and fees in them (total); leave charges and tax at 0.",
        "The prices of tomorrow come about 13:00; until then their list is empty.",
        "With several homes the first one that has a contract counts, unless home_id names one.",
        "live reads the power of a Pulse over a WebSocket whose address comes with the prices; currents come less "
        "often than the power and hold for max_age_s. Too many connections at once are refused: one bridge for "
        "each home.",
        "The service was not tried with a live account in 2026.", NULL};

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct tibber_config *c = config;

    struct ems_http h = c->http;

    if (tibber_direct(c)) { /* of its socket: http as far as the rest is concerned */
        (void)str_format(h.url, sizeof(h.url), "http%s", c->http.url + 2);
    }
    ems_token_check(&h, path, errs, warnings);
    if (tibber_direct(c) && c->home_id[0] == '\0') {
        opt_errors_add(errs, "%s.home_id: is missing, the live address needs one", path);
    }
    if (strspn(c->home_id, "0123456789abcdefABCDEFghijklmnopqrstuvwxyz-") !=
            strlen(c->home_id)) {
        opt_errors_add(errs, "%s.home_id: '%s' is not the id of a home", path, c->home_id);
    }
    if (c->http.token[0] == '\0' && c->http.auth == EMS_AUTH_NONE) {
        opt_errors_add(
                warnings, "%s.token: is missing, Tibber answers nobody without one", path);
    }
}

bool tibber_ask(const struct tibber_config *c, const char *query, struct ems_request *out)
{
    out->post = true;
    out->optional = true; /* a refused token is told in the body of a 400 */
    (void)str_copy(out->header[0], sizeof(out->header[0]), "Content-Type: application/json");
    if (c->http.token[0] != '\0' && c->http.auth == EMS_AUTH_NONE) {
        out->bearer = c->http.token;
    }
    return str_format(out->body, sizeof(out->body), "{\"query\":\"%s\"}", query) &&
           ems_list_page(out, c->http.url, "/v1-beta/gql");
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct tibber_config *c = config;

    (void)s;
    return i == 0 && !tibber_direct(c) &&
           tibber_ask(c,
                   "{viewer{homes{id currentSubscription{priceInfo(resolution:QUARTER_HOURLY)"
                   "{current{total startsAt currency} today{total startsAt} tomorrow{total startsAt}}}}}}",
                   out);
}

/* ---- errors ---- */

static enum ems_class read_errors(struct json_object *errors, struct err *e)
{
    struct json_object *first = json_item(errors, 0);
    char code[40] = "", message[120] = "";

    json_as_text(json_member(json_member(first, "extensions"), "code"), code, sizeof(code));
    json_as_text(json_member(first, "message"), message, sizeof(message));
    if (strcmp(code, "UNAUTHENTICATED") == 0 || strstr(message, "invalid token")) {
        err_set(e, ERR_REFUSED,
                "Tibber does not take the token: make a new one at developer.tibber.com (token)");
        return EMS_AUTH;
    }
    err_set(e, ERR_IO, "Tibber says: %s",
            message[0] != '\0' ? message : "an error without a text");
    return strstr(message, "too many") || strstr(message, "Too many") ? EMS_RATE : EMS_DATA;
}

/* ---- prices ---- */

struct lists {
    struct ems_series series;
    int64_t last_s;
};

static void read_price(struct lists *l, struct json_object *v)
{
    int64_t start_s = 0, micro = 0;

    if (!ems_moment(json_member(v, "startsAt"), &start_s)) {
        ems_say_no_slots(l->series.out, SLOTS_PRICE, "a startsAt is no time");
    } else if (!ems_scaled(json_member(v, "total"), 1000000, &micro)) {
        ems_say_no_slots(l->series.out, SLOTS_PRICE, "a total is no number");
        ems_series_add(&l->series, start_s, NULL, NULL);
        l->last_s = start_s;
    } else {
        ems_series_add(&l->series, start_s, &micro, json_member(v, "total"));
        l->last_s = start_s;
    }
}

static void read_lists(
        const struct tibber_config *c, struct json_object *info, struct ems_reports *out)
{
    struct lists l = {.series = {.out = out,
                              .kind = SLOTS_PRICE,
                              .price = &c->price,
                              .step_s = QUARTER_S,
                              .longest_s = HOUR_S}};
    struct json_object *current = json_member(info, "current"),
                       *days[] = {json_member(info, "today"), json_member(info, "tomorrow")};
    char currency[8] = "";
    int64_t start_s = 0;

    json_as_text(json_member(current, "currency"), currency, sizeof(currency));
    ems_say_currency(out, currency);
    for (size_t d = 0; d < ARRAY_LEN(days); d++) {
        for (int i = 0; i < json_length(days[d]); i++) {
            read_price(&l, json_item(days[d], i));
        }
    }
    if (l.last_s == 0 && ems_moment(json_member(current, "startsAt"), &start_s)) {
        read_price(&l, current);
    }
    ems_series_end(&l.series);
    ems_say_end(out, SLOTS_PRICE, "priceInfo has no prices");
}

/* With a contract, where the answer tells of contracts. */
static bool has_prices(struct json_object *home)
{
    return !json_has(home, "currentSubscription") ||
           json_member(json_member(home, "currentSubscription"), "priceInfo") != NULL;
}

struct json_object *tibber_home(
        const struct tibber_config *c, struct json_object *homes, struct err *e)
{
    char id[64] = "", known[160] = "";

    for (int i = 0; i < json_length(homes); i++) {
        struct json_object *h = json_item(homes, i);
        size_t n = strlen(known);

        json_as_text(json_member(h, "id"), id, sizeof(id));
        if (c->home_id[0] != '\0' ? strcmp(id, c->home_id) == 0 : has_prices(h)) {
            return h;
        }
        (void)str_format(known + n, sizeof(known) - n, "%s%s", n > 0 ? ", " : "", id);
    }
    if (json_length(homes) == 0) {
        err_set(e, ERR_IO,
                "the answer has no homes: is the address right, and the token of this account?");
    } else if (c->home_id[0] != '\0') {
        err_set(e, ERR_NOT_FOUND, "there is no home '%s' (home_id); there are: %s", c->home_id,
                known);
    } else {
        err_set(e, ERR_NOT_FOUND, "no home has a contract with prices; there are: %s", known);
    }
    return NULL;
}

struct json_object *tibber_answer(
        const struct ems_answer *a, enum ems_class *class, struct err *e)
{
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *root =
            good || a->status == 400 || a->status == 401 ? ems_json(a, e) : NULL;
    struct json_object *homes =
            json_member(json_member(json_member(root, "data"), "viewer"), "homes");
    struct json_object *errors = json_member(root, "errors");

    *class = EMS_OK;
    if (!root && !good) {
        *e = (struct err){0}; /* the status says it better */
    }
    if (!root) {
        *class = EMS_DATA;
    } else if (json_length(errors) > 0 && json_length(homes) == 0) {
        *class = read_errors(errors, e);
    } else if (!good) {
        *class = EMS_DATA;
    }
    if (root && *class != EMS_OK) {
        json_put(root);
        root = NULL;
    }
    return root;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct tibber_config *c = config;
    struct json_object *root, *home;
    enum ems_class class = EMS_OK;

    if (a->pushed) {
        return tibber_message(s, a, out, e);
    }
    root = tibber_answer(a, &class, e);
    if (!root) {
        return class;
    }
    home = tibber_home(
            c, json_member(json_member(json_member(root, "data"), "viewer"), "homes"), e);
    if (!home) {
        class = e->code == ERR_NOT_FOUND ? EMS_NOT_FOUND : EMS_DATA;
    } else {
        read_lists(c, json_member(json_member(home, "currentSubscription"), "priceInfo"), out);
    }
    if (c->live && tibber_memo(s)->no_pulse) {
        ems_say_none(out, EMS_GRID_W, "this home has no Pulse that sends (live)", NULL);
    }
    json_put(root);
    return class;
}

static uint32_t fields(const void *config)
{
    const struct tibber_config *c = config;

    return !c->live && !tibber_direct(c)
                   ? 0
                   : EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_CURRENT_L1_MA) |
                             EMS_BIT(EMS_CURRENT_L2_MA) | EMS_BIT(EMS_CURRENT_L3_MA) |
                             EMS_BIT(EMS_VOLTAGE_L1_MV) | EMS_BIT(EMS_VOLTAGE_L2_MV) |
                             EMS_BIT(EMS_VOLTAGE_L3_MV);
}

static uint32_t slots(const void *config)
{
    return tibber_direct(config) ? 0 : SLOTS_BIT(SLOTS_PRICE);
}

/* What is live is old after a minute. */
static void habit(const void *config, struct ems_habit *h)
{
    h->max_age_s = fields(config) != 0 ? 60 : h->max_age_s;
}

const struct ems_adapter ems_tibber = {
        .name = "tibber",
        .title = "Tibber (prices, Pulse)",
        .summary =
                "Prices of a home at Tibber, with tax and fees, and the grid power of its Pulse.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct tibber_config),
        .http_offset = offsetof(struct tibber_config, http),
        .interval_s = 3600,
        .max_age_s = 43200,
        .cloud = true,
        .gives = "prices, with a Pulse grid, currents, voltages",
        .over = "HTTP, WebSocket",
        .fields = fields,
        .finds_out = true,
        .habit = habit,
        .slots = slots,
        .plan = &ems_plan_auction,
        .check = check,
        .request = request,
        .parse = parse,
        .login = tibber_login,
        .logged_in = tibber_logged_in,
        .listen = tibber_listen,
        .say = tibber_say,
};
_Static_assert(
        sizeof(struct tibber_config) <= EMS_CONFIG_MAX, "the settings have no room for it");
