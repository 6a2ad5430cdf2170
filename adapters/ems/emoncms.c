/*
 * emoncms - EmonCMS of OpenEnergyMonitor: an emonPi at home, a server of one's own, emoncms.org.
 *
 * GET <base>/feed/list.json, with the read key as a bearer token, has all feeds with name, unit, time
 * and value; feeds of others that are public come by GET <base>/feed/timevalue.json?id=N, and from
 * very old servers by /feed/fetch.json?ids=N,M ([1.5,false,null]: false is a feed that is not there or
 * not ours, null one without a value). Times are seconds, milliseconds in old versions, sometimes in
 * texts. Errors are {"success":false,"message":...} with 200 as well. Facts from the server's source
 * and from answers recorded by another client. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { LIST, TIMEVALUE, FETCH, PAGES };
enum { FEEDS_MAX = 2000 };

struct config {
    struct ems_http http;
    int32_t feed[EMS_FIELDS]; /* 0: not told */
};

struct memo {
    uint8_t page;  /* that comes next; PAGES: none */
    uint8_t field; /* TIMEVALUE: of which field */
    bool below;    /* the server stands below /emoncms */
    bool old;      /* it has no timevalue.json */
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
#define FEED_ROW(f, name_, text_) \
    {.name = (name_), .type = OPT_INT, .max = INT32_MAX, .offset = offsetof(struct config, feed) + (f) * sizeof(int32_t), \
     .size = sizeof(int32_t), .flags = OPT_RESTART, .text = (text_)}

static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "The address of the server: http://emonpi, https://emoncms.org, with the path if there is one."),
    FEED_ROW(EMS_GRID_W, "grid_feed", "The number of the feed of the grid, + is import. Without any of these numbers feeds called grid, solar, use... are taken."),
    FEED_ROW(EMS_PV_W, "pv_feed", "That of the sun."),
    FEED_ROW(EMS_BATTERY_W, "battery_feed", "That of the battery, + is discharging."),
    FEED_ROW(EMS_SOC_PERMILLE, "soc_feed", "That of the charge of the battery, in %."),
    FEED_ROW(EMS_CONSUMPTION_W, "consumption_feed", "That of the house."),
    FEED_ROW(EMS_CURRENT_L1_MA, "current_l1_feed", "That of the current of phase L1 of the grid, in A."),
    FEED_ROW(EMS_CURRENT_L2_MA, "current_l2_feed", "The same for L2."),
    FEED_ROW(EMS_CURRENT_L3_MA, "current_l3_feed", "The same for L3."),
    FEED_ROW(EMS_VOLTAGE_L1_MV, "voltage_l1_feed", "That of the voltage of phase L1, in V."),
    FEED_ROW(EMS_VOLTAGE_L2_MV, "voltage_l2_feed", "The same for L2."),
    FEED_ROW(EMS_VOLTAGE_L3_MV, "voltage_l3_feed", "The same for L3."),
    {.name = NULL},
};
/* clang-format on */

static uint32_t told(const struct config *c)
{
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= c->feed[f] != 0 ? EMS_BIT(f) : 0;
    }
    return set;
}

static uint32_t fields(const void *config)
{
    uint32_t set = told(config);

    return set ? set : EMS_BIT(EMS_CURRENT_L1_MA) - 1;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    if (c->http.auth == EMS_AUTH_NONE && c->http.token[0] != '\0') {
        ems_url_check(&c->http, path, errs, warnings); /* the key goes where EmonCMS wants it */
    } else {
        ems_http_check(&c->http, path, errs, warnings);
    }
    if (c->http.token[0] == '\0' && c->http.auth == EMS_AUTH_NONE && told(c) == 0) {
        opt_errors_add(warnings,
                "%s.token: is missing; without the read key only public feeds are shown, by "
                "grid_feed, pv_feed...",
                path);
    }
}

static struct memo *memo_of(struct ems_session *s)
{
    return (struct memo *)(void *)s->memo;
}

/* ---- what to ask ---- */

/* "1,2" of the fields that have no word yet; out NULL: of all. */
static bool add_ids(const struct config *c, char *url, size_t room)
{
    char id[16];
    bool fits = true, first = true;

    for (int f = 0; f < EMS_FIELDS && fits; f++) {
        if (c->feed[f] != 0) {
            (void)str_format(id, sizeof(id), "%s%d", first ? "" : ",", (int)c->feed[f]);
            fits = ems_add(url, room, id);
            first = false;
        }
    }
    return fits;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    static const char *const pages[PAGES] = {
            "/feed/list.json", "/feed/timevalue.json?id=", "/feed/fetch.json?ids="};
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    int page = i == 0 ? LIST : m->page;
    char path[64], id[16] = "";

    if (page >= PAGES || (page == TIMEVALUE && m->field >= EMS_FIELDS)) {
        return false;
    }
    if (page == TIMEVALUE) {
        (void)str_format(id, sizeof(id), "%d", (int)c->feed[m->field]);
    }
    (void)str_format(path, sizeof(path), "%s%s%s", m->below ? "/emoncms" : "", pages[page], id);
    out->optional = true;
    out->bearer = c->http.auth == EMS_AUTH_NONE ? c->http.token : NULL;
    return ems_page(out->url, sizeof(out->url), c->http.url, true, path) &&
           (page != FETCH || add_ids(c, out->url, sizeof(out->url)));
}

/* ---- answers ---- */

/* A value with the unit of its feed. */
static void say(struct json_object *v, const char *unit, enum ems_field f, int64_t utc_ms,
        struct ems_reports *out)
{
    char text[80], raw[EMS_RAW_ROOM];
    const char *why = NULL;
    int64_t n = 0;

    if (!v || json_kind(v) == JSON_BOOL) {
        ems_say_none(out, f,
                v ? "there is no such feed, or the key may not read it"
                  : "the feed has no value",
                v ? "false" : "null");
        return;
    }
    json_as_text(v, raw, sizeof(raw));
    if (json_is_container(v) || !str_format(text, sizeof(text), "%s %s", raw, unit)) {
        ems_say_none(out, f, "the value of the feed is not a number", raw);
    } else if (ems_number(text, strlen(text), f, &n, &why)) {
        ems_say(out, f, n, utc_ms, raw);
    } else {
        ems_say_none(out, f, why, text);
    }
}

static void read_feed(
        const struct config *c, struct json_object *feed, uint32_t set, struct ems_reports *out)
{
    char name[64] = "", id[16] = "", unit[12] = "";
    int64_t number = 0, utc_ms = 0;

    json_as_text(json_member(feed, "id"), id, sizeof(id));
    json_as_text(json_member(feed, "name"), name, sizeof(name));
    if (json_member(feed, "unit")) {
        json_as_text(json_member(feed, "unit"), unit, sizeof(unit));
    }
    if (!str_int(id, strlen(id), &number)) {
        return;
    }
    (void)ems_expr_time(&(struct ems_tree){.json = feed}, "time", &utc_ms);
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (out->field[f].said == EMS_SAID_NOTHING && json_has(feed, "value") &&
                (set ? c->feed[f] != 0 && c->feed[f] == number
                     : ems_usual_name((enum ems_field)f, name))) {
            say(json_member(feed, "value"), unit, (enum ems_field)f, utc_ms, out);
        }
    }
}

static enum ems_class refused(struct json_object *v, struct err *e)
{
    char text[100] = "";

    json_as_text(json_member(v, "message"), text, sizeof(text));
    if (strstr(text, "key") || strstr(text, "uthent") || strstr(text, "ession")) {
        err_set(e, ERR_REFUSED, "EmonCMS says '%s': check token, it is the read key", text);
        return EMS_AUTH;
    }
    err_set(e, ERR_IO, "EmonCMS says '%s'", text);
    return EMS_DATA;
}

/* The first field from f on whose feed nothing was said of. */
static uint8_t silent(const struct config *c, const struct ems_reports *out, int f)
{
    while (f < EMS_FIELDS && (c->feed[f] == 0 || out->field[f].said != EMS_SAID_NOTHING)) {
        f++;
    }
    return (uint8_t)f;
}

static enum ems_class read_list(const struct config *c, struct memo *m, struct json_object *v,
        struct ems_reports *out, struct err *e)
{
    uint32_t set = told(c);

    if (json_kind(v) != JSON_LIST) {
        err_set(e, ERR_IO, "the answer is not a list of feeds: is url that of an EmonCMS?");
        return EMS_DATA;
    }
    for (int i = 0; i < json_length(v) && i < FEEDS_MAX; i++) {
        read_feed(c, json_item(v, i), set, out);
    }
    if (json_length(v) == 0 && !set) {
        err_set(e, ERR_REFUSED, "EmonCMS shows no feeds: set token to the read key");
        return EMS_AUTH;
    }
    m->field = silent(c, out, 0);
    m->page = m->field == EMS_FIELDS ? PAGES : m->old ? FETCH : TIMEVALUE;
    return EMS_OK;
}

static void read_fetch(const struct config *c, struct json_object *v, struct ems_reports *out)
{
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        if (c->feed[f] != 0) {
            if (out->field[f].said == EMS_SAID_NOTHING && n < json_length(v)) {
                say(json_item(v, n), "", (enum ems_field)f, 0, out);
            }
            n++;
        }
    }
}

static enum ems_class read_page(const struct config *c, struct memo *m, int page,
        struct json_object *v, struct ems_reports *out, struct err *e)
{
    int64_t utc_ms = 0;

    if (json_has(v, "success")) {
        return refused(v, e);
    }
    if (page == LIST) {
        return read_list(c, m, v, out, e);
    }
    if (page == FETCH) {
        read_fetch(c, v, out);
        return EMS_OK;
    }
    (void)ems_expr_time(&(struct ems_tree){.json = v}, "time", &utc_ms);
    say(json_kind(v) == JSON_OBJECT ? json_member(v, "value") : v, "", (enum ems_field)m->field,
            utc_ms, out);
    m->field = silent(c, out, m->field + 1);
    m->page = m->field == EMS_FIELDS ? PAGES : TIMEVALUE;
    return EMS_OK;
}

/* A page that is not there: elsewhere, or an old server. */
static enum ems_class missed(
        const struct config *c, struct memo *m, int page, int i, struct ems_reports *out)
{
    if (page == LIST && i == 0) {
        m->below = !m->below;
        m->page = LIST;
    } else if (page == LIST && told(c)) {
        m->below = false;
        m->field = silent(c, out, 0);
        m->page = m->old ? FETCH : TIMEVALUE;
    } else if (page == TIMEVALUE) {
        m->old = true;
        m->page = FETCH;
    } else {
        m->old = false;
        m->below = false;
        return EMS_NOT_FOUND;
    }
    return EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct memo *m = memo_of(s);
    int page = a->i == 0 ? LIST : m->page;
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *v = good || a->status == 401 ? ems_json(a, e) : NULL;
    enum ems_class class = good ? EMS_DATA : EMS_UNREACHABLE;

    m->page = PAGES;
    if (v && (good || json_has(v, "success"))) {
        class = read_page(c, m, page, v, out, e);
    } else if (strstr(a->body, "Invalid API key") || strstr(a->body, "nvalid username")) {
        class = EMS_AUTH;
        err_set(e, ERR_REFUSED,
                "EmonCMS does not take the key: check token, it is the read key");
    } else if (!good) {
        e->text[0] = '\0'; /* the host says it */
        class = a->status == 404 ? missed(c, m, page, a->i, out) : class;
    }
    json_put(v);
    return class;
}

static const char *const notes[] = {
        "token is the read key of the account (My account, API keys); the write key is not needed.",
        "The signs are those of your feeds: import and discharging must be positive, else set "
        "invert_grid, invert_battery.",
        "Numbers of feeds stand in the list of feeds of the server. Feeds that are swapped show as "
        "an advice of `twcbridge probe` where the values cannot be true.",
        "emoncms.org keeps a value each 10 s and wants to be asked no oftener.",
        NULL,
};

const struct ems_adapter ems_emoncms = {
        .name = "emoncms",
        .title = "EmonCMS (Open Energy Monitor)",
        .summary = "Feeds of an emonPi, of a server of one's own or of emoncms.org.",
        .where = "local or cloud",
        .tested = "constructed after the server's source and another client's tests",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 120,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
