/*
 * enphase/login - tokens for gateways of firmware 7 and later.
 *
 * /info gives the serial number; Enlighten's login a session; entrez a token for that serial number
 * (a JWT: owners get a year, installers 12 hours); /auth/check_jwt of the gateway takes it. The token
 * is kept over restarts. It is renewed in the last twelfth of its life, while it still serves.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    LIFE_SHARE = 12, /* renewed in the last twelfth */
    RETRY_MIN_S = 600,
    RETRY_MAX_S = 21600,
    PAYLOAD_ROOM = 1200
};

static const char enlighten_default[] = "https://enlighten.enphaseenergy.com";
static const char entrez_default[] = "https://entrez.enphaseenergy.com";

/* ---- the token ---- */

static int digit64(char c)
{
    static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *p = c ? strchr(digits, c) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* base64url of n characters; the length, 0: it is none or does not fit. */
static size_t decode64(const char *p, size_t n, char *dst, size_t room)
{
    uint32_t bits = 0;
    size_t len = 0;
    int have = 0;

    for (size_t i = 0; i < n; i++) {
        int d = digit64(p[i]);

        if (d < 0 || len + 1 >= room) {
            return 0;
        }
        bits = (bits << 6 | (uint32_t)d) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            dst[len++] = (char)(bits >> have & 0xff);
        }
    }
    dst[len] = '\0';
    return len;
}

bool enphase_token_times(const char *token, int64_t *begins_s, int64_t *ends_s)
{
    const char *payload = strchr(token, '.');
    char text[PAYLOAD_ROOM];
    struct json_object *v;
    size_t n = payload ? strcspn(payload + 1, ".") : 0;
    bool ok;

    n = n > 0 ? decode64(payload + 1, n, text, sizeof(text)) : 0;
    v = n > 0 ? json_parse(text, n, NULL) : NULL;
    ok = v && json_get_int(json_member(v, "exp"), "exp", ends_s, NULL) == ERR_OK;
    if (ok && json_get_int(json_member(v, "iat"), "iat", begins_s, NULL) != ERR_OK) {
        *begins_s = 0;
    }
    json_put(v);
    return ok;
}

bool enphase_renewal_due(const struct enphase *c, const struct ems_session *s)
{
    const struct enphase_memo *m = enphase_recall(s);
    int64_t now_s = s->utc_ms / 1000, life_s = m->ends_s - m->begins_s, retry_s;

    if (c->enlighten_user[0] == '\0' || s->token[0] == '\0' || m->begins_s <= 0 ||
            life_s <= 0) {
        return false;
    }
    retry_s = life_s / 1000;
    retry_s = retry_s < RETRY_MIN_S   ? RETRY_MIN_S
              : retry_s > RETRY_MAX_S ? RETRY_MAX_S
                                      : retry_s;
    return now_s > m->ends_s - life_s / LIFE_SHARE && s->utc_ms - m->renew_ms > retry_s * 1000;
}

/* Takes over a token that the gateway or entrez has confirmed. */
static void use(struct ems_session *s, const char *token)
{
    struct enphase_memo *m = enphase_memo(s);

    (void)str_copy(s->token, sizeof(s->token), token);
    m->session_id[0] = '\0';
    m->begins_s = 0;
    m->ends_s = 0;
    (void)enphase_token_times(token, &m->begins_s, &m->ends_s);
}

/* ---- the steps ---- */

static const char *server(const struct enphase *c, const char *usual)
{
    return c->cloud_url[0] ? c->cloud_url : usual;
}

bool enphase_ask_enlighten(const struct enphase *c, struct ems_request *out)
{
    size_t room = sizeof(out->body);

    out->post = true;
    out->elsewhere = true;
    return ems_page(out->url, sizeof(out->url), server(c, enlighten_default), true,
                   "/login/login.json") &&
           ems_add(out->body, room, "user%5Bemail%5D=") &&
           ems_add_form(out->body, room, c->enlighten_user) &&
           ems_add(out->body, room, "&user%5Bpassword%5D=") &&
           ems_add_form(out->body, room, c->enlighten_password);
}

bool enphase_ask_token(
        const struct enphase *c, const struct enphase_memo *m, struct ems_request *out)
{
    size_t room = sizeof(out->body);

    out->post = true;
    out->elsewhere = true;
    (void)str_copy(out->header[0], sizeof(out->header[0]), "Content-Type: application/json");
    return ems_page(out->url, sizeof(out->url), server(c, entrez_default), true, "/tokens") &&
           ems_add(out->body, room, "{\"session_id\":") &&
           ems_add_json(out->body, room, m->session_id) &&
           ems_add(out->body, room, ",\"serial_num\":") &&
           ems_add_json(out->body, room, m->serial) &&
           ems_add(out->body, room, ",\"username\":") &&
           ems_add_json(out->body, room, c->enlighten_user) && ems_add(out->body, room, "}");
}

bool enphase_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct enphase *c = config;
    const struct enphase_memo *m = enphase_recall(s);

    (void)i;
    if (s->token[0] != '\0') {
        return false;
    }
    out->any_status = true;
    if (c->system_id[0]) {
        return enphase_cloud_login(c, s, out);
    }
    if (c->enlighten_user[0] == '\0' || (m->known && !m->tokens)) {
        return false;
    }
    if (!m->known) {
        return ems_page(out->url, sizeof(out->url), c->http.url, false, "/info");
    }
    if (s->keep[0]) {
        out->bearer = s->keep;
        return ems_page(out->url, sizeof(out->url), c->http.url, false, "/auth/check_jwt");
    }
    return m->session_id[0] ? enphase_ask_token(c, m, out) : enphase_ask_enlighten(c, out);
}

bool enphase_read_enlighten(struct enphase_memo *m, const struct ems_answer *a, struct err *e)
{
    struct json_object *v, *id;

    if (a->status == 401 || a->status == 403) {
        err_set(e, ERR_REFUSED,
                "Enlighten answers %d: it does not take enlighten_user and enlighten_password",
                a->status);
        return false;
    }
    v = a->status >= 200 && a->status <= 299 ? ems_json(a, e) : NULL;
    id = json_member(v, "session_id");
    if (json_kind(id) == JSON_TEXT) {
        json_as_text(id, m->session_id, sizeof(m->session_id));
    } else if (v) {
        err_set(e, ERR_REFUSED,
                "Enlighten gives no session: the account has a second factor, or is locked; make a token at entrez.enphaseenergy.com and set it as token");
    } else if (a->status > 299) {
        err_set(e, ERR_IO, "Enlighten answers %d to the login", a->status);
    }
    json_put(v);
    return m->session_id[0] != '\0';
}

bool enphase_read_token(struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    struct enphase_memo *m = enphase_memo(s);
    char token[EMS_TOKEN_ROOM];
    int64_t begins_s = 0, ends_s = 0;
    size_t at = strspn(a->body, " \t\r\n"), n = strcspn(a->body + at, " \t\r\n");

    if (a->status < 200 || a->status > 299 || n >= sizeof(token) || n >= sizeof(s->keep) ||
            !str_format(token, sizeof(token), "%.*s", (int)n, a->body + at) ||
            !enphase_token_times(token, &begins_s, &ends_s)) {
        m->session_id[0] = '\0';
        err_set(e, ERR_REFUSED,
                "Enphase gives no token for the gateway %s (status %d): is it one of this account?",
                m->serial, a->status);
        return false;
    }
    (void)str_copy(s->keep, sizeof(s->keep), token);
    use(s, token);
    return true;
}

/* A failing server is no refusal of the login. */
static enum ems_class class_of(int status)
{
    return status == 429 ? EMS_RATE : status >= 500 ? EMS_SERVER : EMS_AUTH;
}

enum ems_class enphase_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    const struct enphase *c = config;
    struct enphase_memo *m = enphase_memo(s);

    if (c->system_id[0]) {
        return enphase_cloud_logged_in(c, s, a, e);
    }
    if (!m->known) {
        if (a->status < 200 || a->status > 299 || !enphase_read_info(m, a, e)) {
            err_set(e, ERR_IO,
                    "/info answers %d and no serial number: is it a gateway of Enphase?",
                    a->status);
            m->known = false;
            return a->status >= 500 ? EMS_SERVER : EMS_DATA;
        }
        m->info_ms = s->utc_ms;
        return EMS_OK;
    }
    if (s->keep[0]) {
        if (a->status >= 200 && a->status <= 299) {
            use(s, s->keep);
        } else if (a->status == 401 || a->status == 403) {
            s->keep[0] = '\0'; /* ended, or of another gateway: a new one */
        } else {
            err_set(e, ERR_IO, "/auth/check_jwt answers %d", a->status);
            return a->status >= 500 ? EMS_SERVER : EMS_NOT_FOUND;
        }
        return EMS_OK;
    }
    if (!(m->session_id[0] ? enphase_read_token(s, a, e) : enphase_read_enlighten(m, a, e))) {
        return class_of(a->status);
    }
    return EMS_OK;
}
