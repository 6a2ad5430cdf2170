/*
 * volkszaehler - channels of Volkszaehler: its middleware, the logger itself, or its push server.
 *
 *     GET /middleware.php/data/UUID.json?from=now -> {"data": {"uuid", "tuples": [[ms, value, n]]}}
 *     GET /middleware.php/data/UUID.txt?from=now  -> -1234.5 W
 *     GET / (vzlogger) -> {"generator": "vzlogger", "data": [{"uuid", "tuples": [[ms, value]]}]}
 *     ws://HOST:8082/ -> {"data": {"uuid", "tuples": [[ms, value, n]]}}
 *     {"exception": {"message", "type", "code"}} in place of data
 * from=now gives the last tuple there is, however old it is: its time decides. The JSON has no unit;
 * power channels are in W. Shapes from the sources of the middleware and the push server, and an
 * answer of a logger. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_named.h"
#include "bridge/base/str.h"

#include <string.h>

enum { TEXT_ROOM = 200, PATH_ROOM = NAMED_ROOM + 64 };

struct config {
    struct ems_http http;
    struct named_config named;
    char push[EMS_URL_ROOM];
};

/* How it is asked; the first that answers is kept. */
enum way {
    WAY_LOGGER, /* all channels at once */
    WAY_LOGGER_ONE,
    WAY_MIDDLEWARE,
    WAY_API,  /* the middleware where its web server rewrites addresses */
    WAY_TEXT, /* what has no JSON */
    WAYS
};

struct memo {
    int16_t channel; /* the next to be asked for */
    uint8_t way;
    bool found; /* the way is right */
    struct named_set set;
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http,
        "The middleware, http://HOST/middleware.php or http://HOST/api; or vzlogger itself, http://HOST:8080; http://HOST looks for both."),
    NAMED_ROWS(struct config, named, "channel (its UUID)", "1a2b3c4d-...", "UUID - UUID"),
    OPTION(struct config, "push", push, OPT_STRING, .flags = OPT_RESTART | OPT_ADDRESS,
        .text = "The push server of the middleware to listen to, ws://HOST:8082/."),
    {.name = NULL},
};

static const char *const notes[] = {
    "The middleware gives the last value it has, however old: what is older than max_age_s is not used.",
    "Its JSON has no unit: a channel in kW needs UUID * 1000. Which way a channel counts is up to how it was set up (invert_grid, or a minus before the UUID).",
    "The middleware and the push server were not tried; the logger's answer is a recorded one.",
    NULL,
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    return named_fields(&((const struct config *)config)->named);
}

static bool good_uuid(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789") ==
           strlen(name);
}

static bool is_socket(const char *url)
{
    return strncmp(url, "ws://", 5) == 0 || strncmp(url, "wss://", 6) == 0;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct ems_http h = c->http;

    if (is_socket(h.url)) {
        (void)str_format(h.url, sizeof(h.url), "http%s", c->http.url + 2);
    }
    ems_http_check(&h, path, errs, warnings);
    named_check(&c->named, good_uuid, "the UUID of a channel", path, errs);
    if (c->push[0] != '\0' && !is_socket(c->push)) {
        opt_errors_add(errs, "%s.push: is not ws://HOST... or wss://HOST...", path);
    }
}

/* ---- what is asked ---- */

/* The length of url without slashes at its end, and whether a path stands behind the host. */
static size_t base_of(const struct config *c, bool *has_path)
{
    const char *host = strstr(c->http.url, "://");
    size_t n = strlen(c->http.url);

    while (n > 0 && c->http.url[n - 1] == '/') {
        n--;
    }
    host = host ? host + 3 : c->http.url;
    *has_path = strcspn(host, "/") < n - (size_t)(host - c->http.url);
    return n;
}

/* Of an address with a path it is known what it is. */
static enum way first_way(const struct config *c)
{
    bool has_path;

    (void)base_of(c, &has_path);
    return has_path ? WAY_MIDDLEWARE : WAY_LOGGER;
}

static bool path_of(
        const struct config *c, enum way way, const char *uuid, char dst[static PATH_ROOM])
{
    bool has_path;

    (void)base_of(c, &has_path);
    switch (way) {
    case WAY_LOGGER:
        return str_format(dst, PATH_ROOM, "/");
    case WAY_LOGGER_ONE:
        return str_format(dst, PATH_ROOM, "/%s", uuid);
    case WAY_MIDDLEWARE:
        return str_format(dst, PATH_ROOM, "%s/data/%s.json?from=now",
                has_path ? "" : "/middleware.php", uuid);
    case WAY_API:
        return str_format(dst, PATH_ROOM, "/api/data/%s.json?from=now", uuid);
    case WAY_TEXT:
        return str_format(dst, PATH_ROOM, "%s/data/%s.txt?from=now",
                has_path ? "" : "/middleware.php", uuid);
    case WAYS:
        break;
    }
    return false;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    enum way way = m->found || i > 0 ? (enum way)m->way : first_way(c);
    char uuid[NAMED_ROOM], path[PATH_ROOM];
    bool has_path;

    out->optional = true; /* one channel that is gone costs no other */
    return !is_socket(c->http.url) && named_at(&c->named, i == 0 ? 0 : m->channel, uuid) &&
           path_of(c, way, uuid, path) &&
           str_format(out->url, sizeof(out->url), "%.*s%s", (int)base_of(c, &has_path),
                   c->http.url, path);
}

static bool listen(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const char *url = is_socket(c->http.url) ? c->http.url : c->push;

    (void)s;
    out->bare = url == c->push; /* the login is that of url */
    return i == 0 && url[0] != '\0' && str_copy(out->url, sizeof(out->url), url);
}

/* ---- tuples ---- */

struct take {
    const struct config *c;
    struct memo *m;
    const char *asked; /* the channel that was asked for; NULL: any */
    bool found;
};

/* {"uuid", "tuples": [[ms, value, n]...]}: the last one counts. Without a value in it the middleware
 * leaves tuples out. */
static void take_channel(struct take *t, struct json_object *x)
{
    struct json_object *tuples = json_member(x, "tuples"),
                       *last = json_item(tuples, json_length(tuples) - 1);
    const struct ems_tree tree = {.json = last};
    char uuid[TEXT_ROOM] = "", value[TEXT_ROOM] = "";
    int64_t utc_ms = 0;
    int i;

    if (json_kind(json_member(x, "uuid")) == JSON_TEXT) {
        json_as_text(json_member(x, "uuid"), uuid, sizeof(uuid));
    }
    i = named_find(&t->c->named, uuid[0] ? uuid : t->asked ? t->asked : "");
    if (i < 0 || (json_kind(tuples) != JSON_LIST && !uuid[0])) {
        return;
    }
    t->found = true;
    if (json_kind(json_item(last, 1)) == JSON_NUMBER ||
            json_kind(json_item(last, 1)) == JSON_TEXT) {
        json_as_text(json_item(last, 1), value, sizeof(value));
        /* Milliseconds even where the clock was never set, so not by ems_expr_time. */
        if (json_get_int(json_item(last, 0), "ms", &utc_ms, NULL) != ERR_OK) {
            (void)ems_expr_time(&tree, "[0]", &utc_ms);
        }
    }
    named_put(&t->m->set.v[i], value, utc_ms);
}

static void take_data(struct take *t, struct json_object *x)
{
    struct json_object *data = json_member(x, "data");

    if (json_kind(data) != JSON_LIST) {
        take_channel(t, data);
    }
    for (int i = 0; i < json_length(data); i++) {
        take_channel(t, json_item(data, i));
    }
}

static void say_all(const struct take *t, struct ems_reports *out)
{
    named_say(&t->c->named, &t->m->set, "is no channel there: is the UUID right?",
            "is no longer there", false, out);
}

/* ---- answers ---- */

static enum ems_class next_channel(struct take *t, struct ems_reports *out)
{
    t->m->found = true;
    t->m->channel++;
    if (t->m->channel >= named_count(&t->c->named)) {
        say_all(t, out);
    }
    return EMS_OK;
}

/* The way was wrong: the next one that can be; what is left to the host where there is none. */
static enum ems_class next_way(struct take *t)
{
    struct memo *m = t->m;
    bool has_path;

    (void)base_of(t->c, &has_path);
    if (m->found) {
        return EMS_NOT_FOUND;
    }
    m->way++;
    if (has_path && m->way < WAY_TEXT) {
        m->way = WAY_TEXT;
    }
    return m->way < WAYS ? EMS_OK : EMS_NOT_FOUND;
}

static enum ems_class take_text(
        struct take *t, const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    char text[TEXT_ROOM];
    char *blank;

    (void)str_format(text, sizeof(text), "%.*s", (int)(a->len < 60 ? a->len : 60), a->body);
    text[strcspn(text, "\r\n")] = '\0';
    blank = strchr(text, ' ');
    if (!strchr("+-.0123456789", text[0]) || text[0] == '\0') {
        err_set(e, ERR_IO, "the answer is no value of a channel; check url");
        return EMS_DATA;
    }
    if (blank) {
        *blank = '\0';
    }
    named_put(&t->m->set.v[t->m->channel], text, 0);
    named_put_unit(&t->m->set.v[t->m->channel], blank ? blank + 1 : "");
    return next_channel(t, out);
}

/* {"exception": ...}: a channel that there is not, or the middleware cannot. */
static enum ems_class take_exception(
        struct take *t, struct json_object *x, struct ems_reports *out, struct err *e)
{
    char message[TEXT_ROOM] = "";
    struct json_object *text = json_member(x, "message");

    if (json_kind(text) == JSON_TEXT) {
        json_as_text(text, message, sizeof(message));
    }
    if (t->m->way == WAY_LOGGER) {
        t->m->way = WAY_LOGGER_ONE; /* its list of channels is switched off */
        return EMS_OK;
    }
    if (t->m->way == WAY_LOGGER_ONE && !t->m->found) {
        return next_way(t); /* it may be no logger at all */
    }
    if (strstr(message, "UUID") || strstr(message, "uuid") || strstr(message, "entity")) {
        t->m->set.v[t->m->channel].kind = NAMED_MISSING;
        return next_channel(t, out);
    }
    err_set(e, ERR_IO, "Volkszaehler says: %.100s",
            message[0] ? message : "an error of its own");
    return EMS_DATA;
}

static enum ems_class take_logger(
        struct take *t, struct json_object *x, struct ems_reports *out)
{
    char uuid[NAMED_ROOM];

    take_data(t, x);
    t->m->found = true;
    for (int i = 0; named_at(&t->c->named, i, uuid); i++) {
        struct named *v = &t->m->set.v[i];

        v->kind = v->kind == NAMED_UNHEARD ? NAMED_MISSING : v->kind;
    }
    t->m->channel = NAMED_MAX; /* all of them are here */
    say_all(t, out);
    return EMS_OK;
}

static enum ems_class take_answer(struct take *t, struct json_object *x,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    if (json_kind(json_member(x, "exception")) == JSON_OBJECT) {
        return take_exception(t, json_member(x, "exception"), out, e);
    }
    if (a->status < 200 || a->status > 299) {
        return next_way(t);
    }
    if (t->m->way == WAY_LOGGER) {
        /* The page of a middleware, or of anybody else, is no list of channels. */
        return json_kind(json_member(x, "data")) == JSON_LIST ? take_logger(t, x, out)
                                                              : next_way(t);
    }
    take_data(t, x);
    if (!t->found) {
        err_set(e, ERR_IO, "the answer has no data of the channel; check url");
        return EMS_DATA;
    }
    return next_channel(t, out);
}

static enum ems_class parse_answer(
        struct take *t, const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = t->m;
    char uuid[NAMED_ROOM];
    struct json_object *x;
    enum ems_class class;

    if (a->i == 0) {
        m->channel = 0;
        m->way = m->found ? m->way : (uint8_t)first_way(t->c);
    }
    if (!named_at(&t->c->named, m->channel, uuid) || a->status == 0 || a->status == 401 ||
            a->status == 403 || a->status == 429) {
        return EMS_SERVER; /* as any other */
    }
    t->asked = uuid;
    if (m->way == WAY_TEXT && a->status >= 200 && a->status <= 299) {
        return take_text(t, a, out, e);
    }
    x = ems_json(a, e);
    if (x) {
        class = take_answer(t, x, a, out, e);
    } else if (a->status < 200 || a->status > 299 || m->way == WAY_LOGGER) {
        bool more = (a->status == 404 || m->way == WAY_LOGGER) && next_way(t) == EMS_OK;

        class = more ? EMS_OK : EMS_SERVER;
        if (e) {
            e->text[0] = '\0';
        }
    } else {
        class = EMS_DATA;
    }
    json_put(x);
    return class;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct take t = {.c = config, .m = (struct memo *)(void *)s->memo};
    struct json_object *x;

    if (!a->pushed) {
        return parse_answer(&t, a, out, e);
    }
    x = ems_json(a, e);
    if (!x) {
        return EMS_DATA;
    }
    take_data(&t, x);
    json_put(x);
    if (t.found) {
        say_all(&t, out);
    }
    return EMS_OK;
}

const struct ems_adapter ems_volkszaehler = {
        .name = "volkszaehler",
        .title = "Volkszähler",
        .summary = "Channels of Volkszähler: the middleware, vzlogger, or the push server.",
        .over = "HTTP, WebSocket",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 5,
        .max_age_s = 60,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
        .listen = listen,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
