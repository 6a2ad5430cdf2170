/*
 * homeassistant - any entity of Home Assistant as an energy value.
 *
 * Listens over its WebSocket API (subscribe_entities: compressed states, "a" added, "c" changed,
 * "r" removed, in single messages or lists of them), asks its REST API while that is down. A state
 * is a text; unit_of_measurement says in what, and may change at any time. Home Assistant tells of
 * a state only when it changes, so while the connection answers our pings it holds to what it said
 * before; a value that must move (grid power, phase currents) needs a state that is new.
 * (Of a state that is reported anew and stays the same not even last_reported tells: REST keeps the
 * JSON that it made first.)
 *
 *     GET /api/states/sensor.grid -> {"state": "-1.5", "attributes": {"unit_of_measurement": "kW"},
 *         "last_reported": ..., "last_updated": ...}, 404 for an entity that there is not
 *
 * Shapes from its developer documentation and from a running 2026.11.0. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_named.h"
#include "bridge/base/str.h"

#include <string.h>

enum { PING_MS = 20 * 1000, PINGS_FROM = 3, TEXT_ROOM = 200 };

struct config {
    struct ems_http http;
    struct named_config named;
    bool poll;
};

enum phase { PHASE_NEW, PHASE_ASKED, PHASE_IN }; /* connected, auth_required, auth_ok */

struct memo {
    int64_t pong_ms; /* of the last sign that it lives */
    int32_t pongs;
    uint8_t phase; /* enum phase */
    bool begun;    /* the first states came */
    struct named_set set;
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS_AS(struct config, http, EMS_AUTH_BEARER,
        "The address of Home Assistant, http://HOST:8123; supervisor: the one whose app this is, token is not needed then."),
    NAMED_ROWS(struct config, named, "entity", "sensor.grid_power", "sensor.import - sensor.export"),
    OPTION(struct config, "poll", poll, OPT_BOOL, .flags = OPT_RESTART,
        .text = "Asks for each entity every interval_s (REST) and does not listen."),
    {.name = NULL},
};

static const char *const notes[] = {
    "The token is a long-lived access token (your profile, Security); a user without admin rights is enough.",
    "Home Assistant tells of a sensor only when it changes: grid power and phase currents that have not changed for max_age_s are taken as a dead meter, other values hold while the connection lives and the entity is available.",
    "An entity that was renamed or removed is named in the reason; write its new id.",
    "A refused token is tried again after ten minutes, so that Home Assistant does not ban this address.",
    "The way through the Supervisor was tried against a fake of it.",
    NULL,
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    return named_fields(&((const struct config *)config)->named);
}

/* domain.object_id */
static bool good_entity(const char *name)
{
    size_t domain = strspn(name, "abcdefghijklmnopqrstuvwxyz_");
    size_t object = name[domain] == '.'
                            ? strspn(name + domain + 1, "abcdefghijklmnopqrstuvwxyz_0123456789")
                            : 0;

    return domain > 0 && object > 0 && name[domain + 1 + object] == '\0';
}

/* http(s)://host without what people copy behind it, and without a slash. */
static bool base_of(const struct config *c, char dst[static EMS_URL_ROOM])
{
    static const char *const tails[] = {"/", "/websocket", "/api", "/"};
    const char *url = c->http.url;
    bool socket = strncmp(url, "ws", 2) == 0;

    if (!str_format(dst, EMS_URL_ROOM, "%s%s", socket ? "http" : "", socket ? url + 2 : url)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        size_t n = strlen(dst), k = strlen(tails[i]);

        if (n > k && strcmp(dst + n - k, tails[i]) == 0) {
            dst[n - k] = '\0';
        }
    }
    return true;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct ems_http h = c->http;

    named_check(&c->named, good_entity, "an entity such as sensor.grid_power", path, errs);
    if (strcmp(c->http.url, "supervisor") == 0) {
        return;
    }
    if (!base_of(c, h.url) || c->http.auth != EMS_AUTH_BEARER) {
        opt_errors_add(
                errs, "%s.auth: Home Assistant takes a token and nothing else (bearer)", path);
    }
    ems_http_check(&h, path, errs, warnings);
}

static bool through_supervisor(const char *base)
{
    return strncmp(base, "http://supervisor/", 18) == 0;
}

/* ---- what is asked ---- */

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char base[EMS_URL_ROOM], name[NAMED_ROOM];

    (void)s;
    out->optional = true; /* one entity that is gone costs no other */
    return base_of(c, base) && named_at(&c->named, i, name) &&
           str_format(out->url, sizeof(out->url), "%s/api/states/%s", base, name);
}

static bool listen(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    char base[EMS_URL_ROOM];

    (void)s;
    out->bare = true; /* the token goes in a message */
    return i == 0 && !c->poll && base_of(c, base) &&
           str_format(out->url, sizeof(out->url), "ws%s%s/websocket", base + 4,
                   through_supervisor(base) ? "" : "/api");
}

static bool subscribe(const struct config *c, int id, char *dst, size_t room)
{
    char name[NAMED_ROOM];
    size_t n;

    (void)str_format(
            dst, room, "{\"id\":%d,\"type\":\"subscribe_entities\",\"entity_ids\":[", id);
    for (int i = 0; named_at(&c->named, i, name); i++) {
        n = strlen(dst);
        (void)str_format(dst + n, room - n, "%s\"%s\"", i > 0 ? "," : "", name);
    }
    n = strlen(dst);
    return str_format(dst + n, room - n, "]}");
}

/* Text 0 logs in, 1 says that lists are understood, 2 subscribes, the others are pings, one at a
 * time: ids count up. */
static bool say(const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    int64_t since_ms = s->utc_ms - m->pong_ms;

    if (i == 0) {
        return m->phase == PHASE_ASKED &&
               str_format(out->body, sizeof(out->body),
                       "{\"type\":\"auth\",\"access_token\":\"%s\"}", c->http.token);
    }
    if (m->phase != PHASE_IN) {
        return false;
    }
    if (i == 1) {
        return str_format(out->body, sizeof(out->body),
                "{\"id\":%d,\"type\":\"supported_features\",\"features\":{\"coalesce_messages\":1}}",
                i);
    }
    if (i == 2) {
        return subscribe(c, i, out->body, sizeof(out->body));
    }
    /* A clock that was set is no reason to wait. */
    return m->pongs == i - PINGS_FROM && (since_ms >= PING_MS || since_ms < 0) &&
           str_format(out->body, sizeof(out->body), "{\"id\":%d,\"type\":\"ping\"}", i);
}

/* ---- states ---- */

static bool text_of(struct json_object *v, const char *key, char dst[static TEXT_ROOM])
{
    struct json_object *x = json_member(v, key);

    dst[0] = '\0';
    if (json_kind(x) != JSON_TEXT && json_kind(x) != JSON_NUMBER) {
        return false;
    }
    json_as_text(x, dst, TEXT_ROOM);
    return true;
}

static int64_t time_of(struct json_object *v, const char *first, const char *second)
{
    const struct ems_tree t = {.json = v};
    int64_t utc_ms = 0;

    return ems_expr_time(&t, first, &utc_ms) || ems_expr_time(&t, second, &utc_ms) ? utc_ms : 0;
}

/* A state of REST and of state_changed. */
static bool take_full(struct named *v, struct json_object *x)
{
    char text[TEXT_ROOM];
    int64_t utc_ms = time_of(x, "last_reported", "last_updated");

    if (!text_of(x, "state", text)) {
        return false;
    }
    named_put(v, text, utc_ms);
    (void)text_of(json_member(x, "attributes"), "unit_of_measurement", text);
    named_put_unit(v, text);
    return true;
}

/* What "a" has whole, and "c" of what changed. */
static void take_part(struct named *v, struct json_object *x, bool whole)
{
    struct json_object *attributes = json_member(x, "a");
    int64_t utc_ms = time_of(x, "lu", "lc");
    char text[TEXT_ROOM];

    if (text_of(x, "s", text)) {
        named_put(v, text, utc_ms);
    } else if (whole) {
        named_put(v, "", utc_ms);
    } else if (utc_ms != 0) {
        v->utc_ms = utc_ms;
    }
    if (text_of(attributes, "unit_of_measurement", text) || whole ||
            json_has(attributes, "unit_of_measurement")) {
        named_put_unit(v, text);
    }
}

struct walk {
    const struct config *c;
    struct memo *m;
};

static struct named *find(struct walk *w, const char *name)
{
    int i = named_find(&w->c->named, name);

    return i >= 0 ? &w->m->set.v[i] : NULL;
}

static bool on_added(const char *key, struct json_object *x, void *user)
{
    struct named *v = find(user, key);

    if (v) {
        take_part(v, x, true);
    }
    return true;
}

static bool on_changed(const char *key, struct json_object *x, void *user)
{
    struct named *v = find(user, key);
    struct json_object *gone = json_member(json_member(x, "-"), "a");
    char text[TEXT_ROOM];

    if (!v || v->kind != NAMED_VALUE) {
        return true; /* a change of what we do not know says too little */
    }
    take_part(v, json_member(x, "+"), false);
    for (int i = 0; i < json_length(gone); i++) {
        json_as_text(json_item(gone, i), text, sizeof(text));
        if (strcmp(text, "unit_of_measurement") == 0) {
            named_put_unit(v, "");
        }
    }
    return true;
}

static void take_event(struct walk *w, struct json_object *event)
{
    struct json_object *removed = json_member(event, "r"), *data = json_member(event, "data");
    bool first = !data && !w->m->begun;
    char text[TEXT_ROOM];
    struct named *v;

    /* The first event has all that there are; what was asked for meanwhile may be older. */
    for (int i = 0; first && i < NAMED_MAX; i++) {
        w->m->set.v[i].kind = NAMED_UNHEARD;
    }
    (void)json_each(json_member(event, "a"), on_added, w);
    (void)json_each(json_member(event, "c"), on_changed, w);
    for (int i = 0; i < json_length(removed); i++) {
        json_as_text(json_item(removed, i), text, sizeof(text));
        v = find(w, text);
        if (v) {
            v->kind = NAMED_GONE;
        }
    }
    v = text_of(data, "entity_id", text) ? find(w, text) : NULL;
    if (v && !take_full(v, json_member(data, "new_state"))) {
        v->kind = NAMED_GONE;
    }
    for (int i = 0; first && i < NAMED_MAX; i++) {
        v = &w->m->set.v[i];
        v->kind = v->kind == NAMED_UNHEARD ? NAMED_MISSING : v->kind;
    }
    w->m->begun = w->m->begun || first;
}

/* ---- messages ---- */

static enum ems_class no_token(struct err *e)
{
    err_set(e, ERR_REFUSED,
            "Home Assistant does not take the token: make a new long-lived access token");
    return EMS_AUTH;
}

static enum ems_class refused(struct json_object *v, struct err *e)
{
    struct json_object *error = json_member(v, "error");
    char code[TEXT_ROOM], message[TEXT_ROOM];

    (void)text_of(error, "code", code);
    (void)text_of(error, "message", message);
    if (strcmp(code, "unauthorized") == 0) {
        err_set(e, ERR_REFUSED, "the user of the token may not read entities (%.60s)", message);
        return EMS_AUTH;
    }
    err_set(e, ERR_IO, "Home Assistant refuses: %.80s (%.40s)", message, code);
    return EMS_DATA;
}

static enum ems_class take_message(struct walk *w, struct json_object *v,
        const struct ems_session *s, bool *alive, struct err *e)
{
    char type[TEXT_ROOM];

    (void)text_of(v, "type", type);
    if (strcmp(type, "auth_required") == 0) {
        w->m->phase = PHASE_ASKED;
        w->m->pongs = 0;
        w->m->begun = false;
    } else if (strcmp(type, "auth_ok") == 0) {
        w->m->phase = PHASE_IN;
        w->m->pong_ms = s->utc_ms;
    } else if (strcmp(type, "auth_invalid") == 0) {
        return no_token(e);
    } else if (strcmp(type, "pong") == 0) {
        w->m->pong_ms = s->utc_ms;
        w->m->pongs++;
        *alive = true;
    } else if (strcmp(type, "event") == 0) {
        take_event(w, json_member(v, "event"));
        *alive = true;
    } else if (strcmp(type, "result") != 0) {
        err_set(e, ERR_IO, "this is no message of Home Assistant's WebSocket");
        return EMS_DATA;
    } else if (json_kind(json_member(v, "error")) == JSON_OBJECT) {
        return refused(v, e);
    }
    return EMS_OK;
}

static void say_all(struct walk *w, struct ems_reports *out)
{
    named_say(&w->c->named, &w->m->set,
            "is not in Home Assistant: is its id right, was it renamed?",
            "was removed from Home Assistant, or renamed", true, out);
}

static enum ems_class parse_pushed(struct walk *w, const struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *v = ems_json(a, e);
    bool list = v && json_kind(v) == JSON_LIST, alive = false;
    enum ems_class class = v ? EMS_OK : EMS_DATA;

    for (int i = 0; class == EMS_OK && i < (list ? json_length(v) : 1); i++) {
        class = take_message(w, list ? json_item(v, i) : v, s, &alive, e);
    }
    if (alive) {
        say_all(w, out);
    }
    json_put(v);
    return class;
}

/* The answer about one entity; after the last one all fields are told of. */
static enum ems_class parse_rest(
        struct walk *w, const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct named *v = a->i >= 0 && a->i < NAMED_MAX ? &w->m->set.v[a->i] : NULL;
    struct json_object *x = NULL;
    enum ems_class class = EMS_OK;

    if (a->status == 401) {
        return no_token(e);
    }
    if (a->status == 403) {
        err_set(e, ERR_REFUSED,
                "Home Assistant has banned this address (ip_bans.yaml), or the token may not read "
                "entities");
        return EMS_AUTH;
    }
    if (!v || (a->status != 404 && (a->status < 200 || a->status > 299))) {
        return EMS_SERVER; /* as any other */
    }
    x = ems_json(a, a->status == 404 ? NULL : e);
    if (a->status == 404 && json_has(x, "message")) {
        v->kind = NAMED_MISSING;
    } else if (!x || !take_full(v, x)) {
        class = a->status == 404 ? EMS_NOT_FOUND : EMS_DATA;
        if (x && a->status != 404) {
            err_set(e, ERR_IO, "the answer is no state of an entity; check url");
        }
    }
    json_put(x);
    if (class == EMS_OK && a->i == named_count(&w->c->named) - 1) {
        say_all(w, out);
    }
    return class;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct walk w = {.c = config, .m = (struct memo *)(void *)s->memo};

    return a->pushed ? parse_pushed(&w, s, a, out, e) : parse_rest(&w, a, out, e);
}

const struct ems_adapter ems_homeassistant = {
        .name = "homeassistant",
        .title = "Home Assistant",
        .summary = "Sensors that Home Assistant has already, over its WebSocket or REST API.",
        .over = "WebSocket, HTTP",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 600,
        .supervisor = true,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
        .listen = listen,
        .say = say,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
