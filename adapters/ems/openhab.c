/*
 * openhab - items of openHAB as energy values.
 *
 * Asks its REST API for each item and listens to its events, which tell changes and nothing of the
 * start:
 *     GET /rest/items/GridPower -> {"state": "-1.5 kW", "unitSymbol": "kW", "lastStateUpdate": ms}
 *     GET /rest/items/GridPower/state -> -1.5 kW
 *     GET /rest/events?topics=... -> {"topic": "openhab/items/GridPower/statechanged",
 *         "payload": "{\"type\":\"Quantity\",\"value\":\"-1.5 kW\"}"}, {"type": "ALIVE"}
 * NULL and UNDEF are states without a value; unitSymbol and the times are there since 4 and 5.
 * Reading needs no login unless the "implicit user role" was switched off; a token then. Shapes from
 * its documentation. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_named.h"
#include "bridge/base/str.h"

#include <string.h>

enum { TEXT_ROOM = 300 };

struct config {
    struct ems_http http;
    struct named_config named;
    bool poll;
};

struct memo {
    int16_t item; /* the next one to be asked for */
    bool as_text; /* /state, since there was no JSON */
    struct named_set set;
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http,
        "The address of openHAB, http://HOST:8080 or https://HOST:8443; a token is sent as bearer unless auth says otherwise."),
    NAMED_ROWS(struct config, named, "item", "GridPower", "ImportPower - ExportPower"),
    OPTION(struct config, "poll", poll, OPT_BOOL, .flags = OPT_RESTART,
        .text = "Asks for each item every interval_s and does not listen."),
    {.name = NULL},
};

static const char *const notes[] = {
    "No login is needed while its implicit user role is on; else a token (your profile), or basic with the token as the user.",
    "An item of the type Number:Power has its unit in its state; one of the type Number is read as W, A, V or %.",
    "NULL and UNDEF are no values. Before openHAB 5 an item does not tell when it was updated: grid power and phase currents that do not change for max_age_s are taken as a dead meter.",
    "It was not tried against a running openHAB.",
    NULL,
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    return named_fields(&((const struct config *)config)->named);
}

static bool good_item(const char *name)
{
    return !(name[0] >= '0' && name[0] <= '9') &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") ==
                   strlen(name);
}

static bool by_token(const struct config *c)
{
    return c->http.auth == EMS_AUTH_NONE && c->http.token[0] != '\0';
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct ems_http h = c->http;

    h.auth = by_token(c) ? EMS_AUTH_BEARER : h.auth;
    ems_http_check(&h, path, errs, warnings);
    named_check(&c->named, good_item, "an item such as GridPower", path, errs);
}

/* http://host:8080 with or without /rest and a slash. */
static bool page(const struct config *c, struct ems_request *out, const char *path)
{
    size_t n = strlen(c->http.url);

    while (n > 0 && c->http.url[n - 1] == '/') {
        n--;
    }
    if (n >= 5 && strncmp(c->http.url + n - 5, "/rest", 5) == 0) {
        n -= 5;
    }
    out->bearer = by_token(c) ? c->http.token : NULL;
    return str_format(out->url, sizeof(out->url), "%.*s/rest/%s", (int)n, c->http.url, path);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    char name[NAMED_ROOM], path[NAMED_ROOM + 32];

    out->optional = true; /* one item that is gone costs no other */
    return named_at(&c->named, i == 0 ? 0 : m->item, name) &&
           str_format(path, sizeof(path), "items/%s%s", name,
                   i > 0 && m->as_text ? "/state" : "") &&
           page(c, out, path);
}

static bool listen(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char name[NAMED_ROOM];

    (void)s;
    if (i > 0 || c->poll || !page(c, out, "events?topics=")) {
        return false;
    }
    for (int k = 0; named_at(&c->named, k, name); k++) {
        if (!ems_add(
                    out->url, sizeof(out->url), k > 0 ? ",openhab/items/" : "openhab/items/") ||
                !ems_add(out->url, sizeof(out->url), name) ||
                !ems_add(out->url, sizeof(out->url), "/*")) {
            return false;
        }
    }
    return true;
}

/* ---- states ---- */

static bool text_of(struct json_object *v, const char *key, char dst[static TEXT_ROOM])
{
    struct json_object *x = json_member(v, key);

    dst[0] = '\0';
    if (json_kind(x) == JSON_TEXT || json_kind(x) == JSON_NUMBER) {
        json_as_text(x, dst, TEXT_ROOM);
    }
    return dst[0] != '\0';
}

/* "1.5 kW", "1.5", "NULL". */
static void take_state(struct named *v, char *text, const char *unit, int64_t utc_ms)
{
    char *blank;

    text += strspn(text, " \t\r\n");
    text[strcspn(text, "\r\n")] = '\0';
    blank = strchr(text, ' ');
    if (blank && strpbrk(text, "0123456789") && strpbrk(text, "0123456789") < blank) {
        *blank = '\0';
        unit = blank + 1;
    }
    named_put(v, text, utc_ms);
    named_put_unit(v, unit);
}

static bool take_item(struct named *v, struct json_object *x)
{
    const struct ems_tree t = {.json = x};
    char text[TEXT_ROOM], unit[TEXT_ROOM];
    int64_t utc_ms = 0;

    if (!text_of(x, "state", text)) {
        return false;
    }
    (void)ems_expr_time(&t, "lastStateUpdate", &utc_ms);
    (void)text_of(x, "unitSymbol", unit);
    take_state(v, text, unit, utc_ms);
    return true;
}

static void say_all(const struct config *c, struct memo *m, struct ems_reports *out)
{
    named_say(&c->named, &m->set, "is no item of openHAB: is its name right?",
            "was removed from openHAB", true, out);
}

/* The next item, or all of them are told of. */
static enum ems_class go_on(const struct config *c, struct memo *m, struct ems_reports *out)
{
    m->item++;
    m->as_text = false;
    if (m->item >= named_count(&c->named)) {
        say_all(c, m, out);
    }
    return EMS_OK;
}

static enum ems_class parse_text(const struct config *c, struct memo *m, struct named *v,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    char text[TEXT_ROOM];

    if (a->status < 200 || a->status > 299) {
        return EMS_NOT_FOUND; /* as any other */
    }
    (void)str_format(text, sizeof(text), "%.*s", (int)(a->len < 100 ? a->len : 100), a->body);
    if (text[0] == '<' || text[0] == '{' || text[0] == '[' || text[0] == '\0') {
        err_set(e, ERR_IO, "the answer is no state of an item; check url");
        return EMS_DATA;
    }
    take_state(v, text, "", 0);
    return go_on(c, m, out);
}

static enum ems_class parse_item(const struct config *c, struct memo *m,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct named *v;
    struct json_object *x;
    bool found, known;

    if (a->i == 0) {
        m->item = 0;
        m->as_text = false;
    }
    if (m->item < 0 || m->item >= NAMED_MAX) {
        return EMS_SERVER;
    }
    v = &m->set.v[m->item];
    if (m->as_text) {
        return parse_text(c, m, v, a, out, e);
    }
    if (a->status != 404 && (a->status < 200 || a->status > 299)) {
        return EMS_SERVER; /* as any other */
    }
    x = ems_json(a, a->status == 404 ? NULL : e);
    known = a->status == 404 && json_has(x, "error");
    found = a->status != 404 && x && take_item(v, x);
    if (known) {
        v->kind = NAMED_MISSING;
    } else if (x && a->status != 404 && !found) {
        err_set(e, ERR_IO, "the answer is no item of openHAB; check url");
    }
    json_put(x);
    if (a->status == 404 && !known) {
        m->as_text = true; /* the same item, by its other page */
        return EMS_OK;
    }
    return found || known ? go_on(c, m, out) : EMS_DATA;
}

/* ---- events ---- */

/* "openhab/items/NAME/statechanged"; of a group "openhab/items/NAME/MEMBER/statechanged". */
static bool split_topic(const char *topic, char name[static NAMED_ROOM], const char **action)
{
    static const char start[] = "openhab/items/";
    const char *p = topic + strlen(start), *last = strrchr(topic, '/');

    if (strncmp(topic, start, strlen(start)) != 0 || last < p) {
        return false;
    }
    *action = last + 1;
    return str_format(name, NAMED_ROOM, "%.*s", (int)strcspn(p, "/"), p);
}

static void take_event(const struct config *c, struct memo *m, struct json_object *x)
{
    struct json_object *payload = NULL, *inner = json_member(x, "payload");
    char topic[TEXT_ROOM], name[NAMED_ROOM], text[TEXT_ROOM];
    const char *action = "";
    int i = -1;

    if (text_of(x, "topic", topic) && split_topic(topic, name, &action)) {
        i = named_find(&c->named, name);
    }
    if (i < 0) {
        return;
    }
    if (strcmp(action, "removed") == 0) {
        m->set.v[i].kind = NAMED_GONE;
        return;
    }
    if (json_kind(inner) == JSON_TEXT) {
        char json[1024];

        json_as_text(inner, json, sizeof(json));
        payload = json_parse(json, strlen(json), NULL);
        inner = payload;
    }
    /* statechanged, stateupdated, state; statepredicted is a guess. */
    if (strncmp(action, "state", 5) == 0 && strcmp(action, "statepredicted") != 0 &&
            text_of(inner, "value", text)) {
        take_state(&m->set.v[i], text, "", 0);
        m->set.v[i].changed = true; /* told anew, though it may be the same */
    }
    json_put(payload);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    struct json_object *x;

    if (!a->pushed) {
        return parse_item(config, m, a, out, e);
    }
    x = ems_json(a, e);
    if (!x) {
        return EMS_DATA;
    }
    take_event(config, m, x);
    json_put(x);
    say_all(config, m, out);
    return EMS_OK;
}

const struct ems_adapter ems_openhab = {
        .name = "openhab",
        .title = "openHAB",
        .summary = "Items of openHAB, over its REST API and its events.",
        .over = "HTTP, events",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 5,
        .max_age_s = 300,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
        .listen = listen,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
