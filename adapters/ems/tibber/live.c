/*
 * live - the power of a home with a Tibber Pulse, every few seconds over a WebSocket.
 *
 *     wss://... (its address comes with the prices), subprotocol graphql-transport-ws
 *     > {"type":"connection_init","payload":{"token":".."}}          < {"type":"connection_ack"}
 *     > {"id":"1","type":"subscribe","payload":{"query":"subscription{liveMeasurement(homeId:\"..\"){..}}"}}
 *     < {"id":"1","type":"next","payload":{"data":{"liveMeasurement":{"timestamp":"..","power":1523,
 *          "powerProduction":0,"currentL1":2.4,"voltagePhase1":231.2}}}}
 *
 * power and powerProduction take turns: while one flows the other is 0 or null. Currents come less often and
 * have no sign: they get that of the power. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/tibber/tibber.h"
#include "bridge/base/str.h"

#include <string.h>

static struct tibber_memo *memo_of(struct ems_session *s)
{
    return (struct tibber_memo *)(void *)s->memo;
}

bool tibber_direct(const struct tibber_config *c)
{
    return strncmp(c->http.url, "ws", 2) == 0;
}

/* ---- where it is ---- */

/* Where the host of an address stands; its length in *n. */
static const char *host_of(const char *url, size_t *n)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    *n = strcspn(host, ":/?#");
    return host;
}

/* The token goes there, so it must be a place of the one that we were told to ask: the same host, or one of
 * the same domain, and no less safe. */
static bool trusted(const char *asked, const char *told)
{
    size_t n, m;
    const char *a = host_of(asked, &n), *b = host_of(told, &m);
    size_t dots = 0, from = n;

    if (strncmp(told, "wss://", 6) != 0 &&
            (strncmp(told, "ws://", 5) != 0 || strncmp(asked, "http://", 7) != 0)) {
        return false;
    }
    if (n == m && strncmp(a, b, n) == 0) {
        return true;
    }
    if (strspn(a, "0123456789.") == n) {
        return false;
    }
    while (from > 0 && dots < 2) {
        dots += a[--from] == '.';
    }
    from += dots == 2; /* "tibber.com" */
    return m > n - from && strncmp(a + from, b + m - (n - from), n - from) == 0 &&
           b[m - (n - from) - 1] == '.';
}

bool tibber_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct tibber_config *c = config;

    (void)s;
    return i == 0 && c->live && !tibber_direct(c) &&
           tibber_ask(c,
                   "{viewer{websocketSubscriptionUrl homes{id features{realTimeConsumptionEnabled}}}}",
                   out);
}

enum ems_class tibber_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    const struct tibber_config *c = config;
    struct tibber_memo *m = memo_of(s);
    enum ems_class class = EMS_OK;
    struct json_object *root = tibber_answer(a, &class, e);
    struct json_object *viewer = json_member(json_member(root, "data"), "viewer");
    struct json_object *home;
    char url[256] = "", word[8] = "";

    if (!root) {
        return class;
    }
    home = tibber_home(c, json_member(viewer, "homes"), e);
    json_as_text(json_member(viewer, "websocketSubscriptionUrl"), url, sizeof(url));
    json_as_text(json_member(json_member(home, "features"), "realTimeConsumptionEnabled"), word,
            sizeof(word));
    json_as_text(json_member(home, "id"), m->home, sizeof(m->home));
    m->no_pulse = strcmp(word, "true") != 0 || strlen(url) == sizeof(url) - 1 ||
                  !trusted(c->http.url, url);
    (void)str_copy(s->token, sizeof(s->token), m->no_pulse ? "-" : url);
    json_put(root);
    return home ? EMS_OK : e->code == ERR_NOT_FOUND ? EMS_NOT_FOUND : EMS_DATA;
}

bool tibber_listen(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct tibber_config *c = config;
    const struct tibber_memo *m = tibber_memo(s);
    const char *url = tibber_direct(c) ? c->http.url : s->token;

    if (i > 0 || (!c->live && !tibber_direct(c)) || url[0] == '\0' || m->no_pulse) {
        return false;
    }
    out->bare = true; /* the token goes in a message */
    (void)str_copy(out->header[0], sizeof(out->header[0]),
            "Sec-WebSocket-Protocol: graphql-transport-ws");
    return str_copy(out->url, sizeof(out->url), url);
}

/* ---- what is said ---- */

bool tibber_say(const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct tibber_config *c = config;
    const struct tibber_memo *m = tibber_memo(s);
    bool acked = m->acked == s->opened && s->opened != 0;
    char *b = out->body;

    if (i == 0) {
        return str_copy(b, sizeof(out->body),
                       "{\"type\":\"connection_init\",\"payload\":{\"token\":") &&
               ems_add_json(b, sizeof(out->body), c->http.token) &&
               ems_add(b, sizeof(out->body), "}}");
    }
    if (!acked) {
        return false;
    }
    if (i == 1) {
        return str_format(b, sizeof(out->body),
                "{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":{\"query\":\"subscription{liveMeasurement"
                "(homeId:\\\"%s\\\"){timestamp power powerProduction currentL1 currentL2 currentL3 "
                "voltagePhase1 voltagePhase2 voltagePhase3}}\"}}",
                c->home_id[0] != '\0' ? c->home_id : m->home);
    }
    return (uint32_t)i - 2 < m->pings && str_copy(b, sizeof(out->body), "{\"type\":\"pong\"}");
}

/* ---- what comes ---- */

/* W, or a share of a volt or ampere in thousandths; false: null, or nothing. */
static bool number(struct json_object *v, const char *key, int64_t scale, int64_t *out)
{
    return ems_scaled(json_member(v, key), scale, out);
}

static void say_grid(
        struct json_object *v, int64_t utc_ms, struct ems_reports *out, bool *exports)
{
    int64_t in_w = 0, out_w = 0;
    bool in = number(v, "power", 1, &in_w), away = number(v, "powerProduction", 1, &out_w);
    char raw[EMS_RAW_ROOM] = "";

    *exports = in_w - out_w < 0;
    if (!in && !away) {
        ems_say_none(out, EMS_GRID_W, "neither power nor powerProduction has a value", NULL);
        return;
    }
    json_as_text(json_member(v, *exports ? "powerProduction" : "power"), raw, sizeof(raw));
    ems_say(out, EMS_GRID_W, in_w - out_w, utc_ms, raw);
}

static void say_phases(
        struct json_object *v, int64_t utc_ms, bool exports, struct ems_reports *out)
{
    static const struct {
        const char *key;
        enum ems_field field;
        bool current;
    } rows[] = {{"currentL1", EMS_CURRENT_L1_MA, true}, {"currentL2", EMS_CURRENT_L2_MA, true},
            {"currentL3", EMS_CURRENT_L3_MA, true}, {"voltagePhase1", EMS_VOLTAGE_L1_MV, false},
            {"voltagePhase2", EMS_VOLTAGE_L2_MV, false},
            {"voltagePhase3", EMS_VOLTAGE_L3_MV, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char raw[EMS_RAW_ROOM] = "";
        int64_t x = 0;

        if (number(v, rows[i].key, 1000, &x)) { /* null: not in this message */
            json_as_text(json_member(v, rows[i].key), raw, sizeof(raw));
            ems_say(out, rows[i].field, rows[i].current && exports ? -x : x, utc_ms, raw);
        }
    }
}

static enum ems_class refused(struct json_object *errors, struct err *e)
{
    struct json_object *first = json_kind(errors) == JSON_LIST ? json_item(errors, 0) : errors;
    char message[120] = "";

    json_as_text(json_member(first, "message"), message, sizeof(message));
    err_set(e, ERR_IO, "Tibber says: %s",
            message[0] != '\0' ? message : "an error without a text");
    return strstr(message, "too many") ? EMS_RATE
           : strstr(message, "nauthor") || strstr(message, "nauthen") ||
                           strstr(message, "token")
                   ? EMS_AUTH
                   : EMS_DATA;
}

enum ems_class tibber_message(struct ems_session *s, const struct ems_answer *a,
        struct ems_reports *out, struct err *e)
{
    struct tibber_memo *m = memo_of(s);
    struct json_object *root = ems_json(a, e);
    struct json_object *payload = json_member(root, "payload");
    struct json_object *v = json_member(json_member(payload, "data"), "liveMeasurement");
    enum ems_class class = root ? EMS_OK : EMS_DATA;
    char type[24] = "";
    int64_t utc_ms = 0;

    json_as_text(json_member(root, "type"), type, sizeof(type));
    if (strcmp(type, "connection_ack") == 0) {
        m->acked = s->opened;
        m->pings = 0;
    } else if (strcmp(type, "ping") == 0) {
        m->pings++;
    } else if (strcmp(type, "error") == 0 || strcmp(type, "connection_error") == 0) {
        class = refused(payload, e);
    } else if (strcmp(type, "next") == 0 && !v) {
        class = refused(json_member(payload, "errors"), e);
    } else if (v) {
        const struct ems_tree t = {.json = v};
        bool exports = false;

        (void)ems_expr_time(&t, "timestamp", &utc_ms);
        say_grid(v, utc_ms, out, &exports);
        say_phases(v, utc_ms, exports, out);
    }
    json_put(root);
    return class;
}
