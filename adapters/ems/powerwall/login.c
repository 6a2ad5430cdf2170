/*
 * powerwall/login - addresses, the login of a gateway, and what refusals mean.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/powerwall/powerwall.h"
#include "bridge/base/str.h"

#include <string.h>

enum { PAUSE_S = 300 };

bool powerwall_in_cloud(const struct powerwall *c)
{
    return c->site_id[0] != '\0' || strstr(c->http.url, "teslemetry.com") ||
           strstr(c->http.url, ".tesla.com") || strstr(c->http.url, "/api/1/");
}

/* Of an address with a path of the API only what stands before it counts. */
bool powerwall_page(const struct powerwall *c, struct ems_request *out, const char *path)
{
    char base[EMS_URL_ROOM];
    char *api;

    (void)str_copy(base, sizeof(base), c->http.url);
    api = strstr(base, "/api/");
    if (api) {
        *api = '\0';
    }
    return ems_page(out->url, sizeof(out->url), base, true, path);
}

bool powerwall_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct powerwall *c = config;
    const char *user = c->http.username[0] ? c->http.username : "customer";
    size_t room = sizeof(out->body);

    (void)s;
    if (i > 0 || powerwall_in_cloud(c) || c->http.password[0] == '\0') {
        return false;
    }
    out->post = true;
    out->any_status = true;
    (void)str_copy(out->header[0], sizeof(out->header[0]), "Content-Type: application/json");
    (void)str_copy(out->body, room, "{\"username\":");
    return powerwall_page(c, out, "/api/login/Basic") && ems_add_json(out->body, room, user) &&
           ems_add(out->body, room, ",\"password\":") &&
           ems_add_json(out->body, room, c->http.password) &&
           ems_add(out->body, room, ",\"email\":") && ems_add_json(out->body, room, c->email) &&
           ems_add(out->body, room, ",\"force_sm_off\":false}");
}

/* A status that is no answer. */
enum ems_class powerwall_refused(const struct powerwall *c, struct ems_session *s,
        const struct ems_answer *a, struct err *e)
{
    bool cloud = powerwall_in_cloud(c);

    if (a->status >= 200 && a->status <= 299) {
        return EMS_OK;
    }
    s->wait_s = PAUSE_S;
    switch (a->status) {
    case 401:
    case 403:
        err_set(e, ERR_REFUSED, "it answers %d: %s", a->status,
                cloud ? "the token is not taken; make a new one, with the scope energy_device_data"
                : c->http.password[0]
                        ? "the login is not taken; password is the one of the customer login, often the last 5 characters of the one on the gateway"
                        : "it wants a login; set password (often the last 5 characters of the one on the gateway)");
        return EMS_AUTH;
    case 404:
        err_set(e, ERR_NOT_FOUND, "it answers 404: %s",
                cloud ? "there is no such energy site; check site_id and url"
                      : "there is no such page; is it a gateway? A Powerwall 3 has no local pages: use url https://api.teslemetry.com (or Tesla's Fleet API), token and site_id");
        return EMS_NOT_FOUND;
    case 421:
        err_set(e, ERR_NOT_FOUND,
                "it answers 421: the account is in another region; change url");
        return EMS_NOT_FOUND;
    case 429:
        err_set(e, ERR_TIMEOUT,
                "it answers 429: asked or logged in too often; raise interval_s");
        return EMS_RATE;
    case 502:
    case 503:
        err_set(e, ERR_IO, "it answers %d: %s", a->status,
                cloud ? "the cloud has a fault"
                      : "the gateway is restarting, or its system is stopped; start it in Tesla's app or on its own page");
        return EMS_SERVER;
    default:
        break;
    }
    err_set(e, ERR_IO, "it answers %d: %s", a->status,
            a->status >= 500 ? "it has a fault of its own"
                             : "it does not take the request; check url");
    s->wait_s = 0;
    return a->status >= 500 ? EMS_SERVER : EMS_NOT_FOUND;
}

enum ems_class powerwall_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    struct powerwall_memo *m = (struct powerwall_memo *)(void *)s->memo;
    enum ems_class class = EMS_OK;
    struct json_object *v;

    if (a->status == 404) { /* old, or a proxy before it: perhaps its pages are open */
        return str_copy(s->token, sizeof(s->token), "-") ? EMS_OK : EMS_DATA;
    }
    class = powerwall_refused(config, s, a, e);
    v = class == EMS_OK ? ems_json(a, e) : NULL;
    if (!v) {
        return class == EMS_OK ? EMS_DATA : class;
    }
    /* Some gateways want the cookies, some the token: they get both. */
    if (strstr(a->cookies, "AuthCookie=") &&
            !str_copy(m->cookies, sizeof(m->cookies), a->cookies)) {
        m->cookies[0] = '\0';
    }
    if (json_kind(json_member(v, "token")) == JSON_TEXT) {
        json_as_text(json_member(v, "token"), s->token, sizeof(s->token));
    }
    m->bearer = s->token[0] != '\0';
    if (!m->bearer && m->cookies[0]) {
        (void)str_copy(s->token, sizeof(s->token), m->cookies);
    }
    json_put(v);
    if (s->token[0] == '\0') {
        err_set(e, ERR_IO,
                "the answer to the login holds no token: is it a Powerwall gateway?");
        return EMS_DATA;
    }
    return EMS_OK;
}
