/*
 * solaredge - inverters of SolarEdge over Modbus, with meters and batteries; or the cloud, where quarters of an
 * hour are enough. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/solaredge/solaredge.h"

#include "bridge/base/str.h"

#include <string.h>

enum { CLOUD_INTERVAL_S = 3600, CLOUD_AGE_S = 5400, LIFE_MIN_S = 60 };

/* clang-format off */
static const struct opt rows[] = {
    OPTION(struct solaredge, "host", wire.host, OPT_STRING, .flags = OPT_RESTART,
        .text = "The name or address of the inverter (Modbus); or site_id for the cloud."),
    OPTION(struct solaredge, "port", wire.port, OPT_INT, .min = 1, .max = 65535, .fallback = 1502, .flags = OPT_RESTART,
        .text = "Its TCP port for Modbus; newer firmware has 502."),
    EMS_UNIT_ROW(struct solaredge, unit, 1, "Its unit id."),
    OPTION(struct solaredge, "meter", meter, OPT_INT, .min = 0, .max = 3, .fallback = 1, .flags = OPT_RESTART,
        .text = "Which of its meters is that of the grid; 0: none."),
    OPTION(struct solaredge, "delay_ms", wire.delay_ms, OPT_INT, .min = 0, .max = 5000, .unit = "ms", .flags = OPT_RESTART,
        .text = "How long it is left alone between two requests."),
    OPTION(struct solaredge, "site_id", site_id, OPT_STRING, .flags = OPT_RESTART, .text = "The number of the site, for the cloud."),
    OPTION(struct solaredge, "token", http.token, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "A key of the cloud's API V2 (X-API-Key); or client_id and what belongs to it."),
    OPTION(struct solaredge, "client_id", client_id, OPT_STRING, .flags = OPT_RESTART, .text = "The application that you have registered with SolarEdge (OAuth2)."),
    OPTION(struct solaredge, "client_secret", client_secret, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET, .text = "Its secret."),
    OPTION(struct solaredge, "code", code, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "What the page of authorisation gave as code; it is good once, and kept for. Or refresh_token."),
    OPTION(struct solaredge, "refresh_token", refresh_token, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "A refresh token to begin with; it changes with each use, and the bridge keeps the newest."),
    OPTION(struct solaredge, "api_key", api_key, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "A key of the cloud's API V1, which SolarEdge has switched off."),
    OPTION(struct solaredge, "url", http.url, OPT_STRING, .flags = OPT_RESTART | OPT_ADDRESS,
        .text = "Another server in place of https://monitoringapi.solaredge.com."),
    {.name = NULL},
};
/* clang-format on */

static bool over_modbus(const struct solaredge *c)
{
    return c->wire.host[0] != '\0';
}

bool solaredge_oauth(const struct solaredge *c)
{
    return c->client_id[0] != '\0';
}

static uint32_t fields(const void *config)
{
    const uint32_t phases = EMS_BIT(EMS_CURRENT_L1_MA) | EMS_BIT(EMS_CURRENT_L2_MA) |
                            EMS_BIT(EMS_CURRENT_L3_MA) | EMS_BIT(EMS_VOLTAGE_L1_MV) |
                            EMS_BIT(EMS_VOLTAGE_L2_MV) | EMS_BIT(EMS_VOLTAGE_L3_MV);

    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W) |
           EMS_BIT(EMS_SOC_PERMILLE) |
           (over_modbus(config) ? phases : EMS_BIT(EMS_CONSUMPTION_W));
}

static void habit(const void *config, struct ems_habit *h)
{
    if (!over_modbus(config)) {
        *h = (struct ems_habit){CLOUD_INTERVAL_S, CLOUD_AGE_S, true};
    }
}

static void check_cloud(const struct solaredge *c, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    bool own = c->http.url[0] != '\0';

    ems_url_check(&c->http, path, errs, warnings);
    if (c->site_id[0] == '\0' && !own) {
        opt_errors_add(errs,
                "%s.host: is missing: set host (Modbus), or site_id and token (the cloud)",
                path);
    } else if (!own && c->http.token[0] == '\0' && c->api_key[0] == '\0' &&
               !solaredge_oauth(c)) {
        opt_errors_add(errs,
                "%s.token: is missing: the cloud wants token, or client_id and what belongs to it",
                path);
    }
    if (strspn(c->site_id,
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") !=
            strlen(c->site_id)) {
        opt_errors_add(errs, "%s.site_id: holds more than letters, digits, - and _", path);
    }
    if (solaredge_oauth(c) && c->code[0] == '\0' && c->refresh_token[0] == '\0') {
        opt_errors_add(errs,
                "%s.refresh_token: is missing: client_id wants code or refresh_token", path);
    }
    if (c->api_key[0] != '\0') {
        opt_errors_add(warnings,
                "%s.api_key: SolarEdge has switched V1 off; use host (Modbus), or token (V2)",
                path);
    }
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct solaredge *c = config;

    if (!over_modbus(c)) {
        check_cloud(c, path, errs, warnings);
    } else if (c->site_id[0] != '\0' || c->http.url[0] != '\0') {
        opt_errors_add(
                errs, "%s.site_id: host and the cloud (site_id, url) exclude each other", path);
    } else {
        reg_check(&c->wire, c->unit, path, errs, warnings);
    }
}

static enum ems_transport transport(const void *config)
{
    return over_modbus(config) ? EMS_OVER_MODBUS : EMS_OVER_HTTP;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    return over_modbus(config) ? solaredge_modbus_request(config, s, i, out)
                               : solaredge_cloud_request(config, s, i, out);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    return over_modbus(config) ? solaredge_modbus_parse(config, s, a, out, e)
                               : solaredge_cloud_parse(config, s, a, out, e);
}

/* ---- OAuth2 ---- */

enum { MARK_ROOM = 65 };

/* What was kept belongs to the code or token of the settings whose beginning stands before it. */
static const char *kept(const struct solaredge *c, const struct ems_session *s)
{
    const char *first = c->refresh_token[0] != '\0' ? c->refresh_token : c->code;
    const char *behind = strchr(s->keep, '\n');
    char mark[MARK_ROOM];

    (void)str_format(mark, sizeof(mark), "%.64s", first);
    return behind && (size_t)(behind - s->keep) == strlen(mark) &&
                           strncmp(s->keep, mark, strlen(mark)) == 0
                   ? behind + 1
                   : NULL;
}

bool solaredge_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct solaredge *c = config;
    const char *refresh = kept(c, s);
    size_t room = sizeof(out->body);
    bool code = !refresh && c->refresh_token[0] == '\0';

    if (over_modbus(c) || !solaredge_oauth(c) || i > 0) {
        return false;
    }
    refresh = refresh ? refresh : code ? c->code : c->refresh_token;
    out->post = true;
    out->any_status = true;
    (void)str_copy(out->header[0], sizeof(out->header[0]), "Content-Type: application/json");
    return solaredge_page(c, "/v2/oauth2/token", out) &&
           ems_add(out->body, room,
                   code ? "{\"grant_type\":\"authorization_code\",\"code\":"
                        : "{\"grant_type\":\"refresh_token\",\"refresh_token\":") &&
           ems_add_json(out->body, room, refresh) &&
           ems_add(out->body, room, ",\"client_id\":") &&
           ems_add_json(out->body, room, c->client_id) &&
           ems_add(out->body, room, ",\"client_secret\":") &&
           ems_add_json(out->body, room, c->client_secret) && ems_add(out->body, room, "}");
}

enum ems_class solaredge_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    const struct solaredge *c = config;
    const char *first = c->refresh_token[0] != '\0' ? c->refresh_token : c->code;
    char token[EMS_TOKEN_ROOM] = "", refresh[EMS_KEEP_ROOM - MARK_ROOM] = "";
    struct json_object *v;

    if (a->status == 429) {
        err_set(e, ERR_TIMEOUT, "asked too often: raise interval_s");
        return EMS_RATE;
    }
    if (a->status >= 500) {
        err_set(e, ERR_IO, "the login of the cloud answers %d: it has a fault of its own",
                a->status);
        return EMS_SERVER;
    }
    if (a->status < 200 || a->status > 299) {
        err_set(e, ERR_REFUSED,
                "the authorisation has ended or was used already: authorise the bridge again and set code, and "
                "check client_id and client_secret");
        return a->status == 404 ? EMS_NOT_FOUND : EMS_AUTH;
    }
    v = ems_json(a, e);
    if (!v) {
        return EMS_DATA;
    }
    if (json_kind(json_member(v, "access_token")) == JSON_TEXT) {
        json_as_text(json_member(v, "access_token"), token, sizeof(token));
    }
    if (json_kind(json_member(v, "refresh_token")) == JSON_TEXT) {
        json_as_text(json_member(v, "refresh_token"), refresh, sizeof(refresh));
    }
    json_put(v);
    if (token[0] == '\0' || strpbrk(token, "\r\n")) {
        err_set(e, ERR_IO, "the login of the cloud gives no access_token");
        return EMS_DATA;
    }
    (void)str_copy(s->token, sizeof(s->token), token);
    if (refresh[0] != '\0') { /* the old one is dead from now on */
        (void)str_format(s->keep, sizeof(s->keep), "%.64s\n%s", first, refresh);
    }
    return EMS_OK;
}

static const char *const notes[] = {
        "Use Modbus where you can: switch on Modbus TCP in the inverter (SetApp, or its display). One client alone; it "
        "closes a connection that is idle for two minutes.",
        "A meter of SolarEdge counts export as positive; that is turned round here. With a battery the sun is the power on "
        "the side of the strings plus what the battery takes.",
        "The cloud gives averages of quarters of an hour, late, and 2000 requests a month: too little for charging by the sun. It "
        "is asked once an hour with three requests; a battery or a meter wants the scope DEVICE_DATA.",
        "API V1 (api_key) has been switched off in 2026; its server answers 410.",
        "The cloud API of 2026 was not tried against a live account; the Modbus registers are tried on constructed ones.",
        NULL};

const struct ems_adapter ems_solaredge = {
        .name = "solaredge",
        .title = "SolarEdge",
        .summary =
                "Inverters of SolarEdge with meters and batteries over Modbus, or by the cloud.",
        .where = "local or cloud",
        .over = "Modbus, HTTP",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct solaredge),
        .http_offset = offsetof(struct solaredge, http),
        .wire_offset = offsetof(struct solaredge, wire),
        .interval_s = 5,
        .max_age_s = 60,
        .habit = habit,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .transport = transport,
        .request = request,
        .parse = parse,
        .login = solaredge_login,
        .logged_in = solaredge_logged_in,
};
_Static_assert(sizeof(struct solaredge) <= EMS_CONFIG_MAX, "the settings have no room for it");
