/*
 * solarlog/login - a cookie for the password, or for its bcrypt hash where the device has a salt.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/solarlog/solarlog.h"
#include "bridge/base/str.h"

#include <crypt.h>
#include <string.h>

enum {
    SALT_LENGTH = 29, /* "$2b$08$" and 22 characters */
    COST_MAX = 12     /* of bcrypt: more would take seconds */
};

/* "$2b$08$..." of a cost that does not take seconds. */
static bool is_salt(const char *s)
{
    int64_t cost;

    return strlen(s) == SALT_LENGTH && strncmp(s, "$2", 2) == 0 && strchr("aby", s[2]) &&
           s[3] == '$' && s[6] == '$' && str_int(s + 4, 2, &cost) && cost >= 4 &&
           cost <= COST_MAX && strcspn(s + 7, ":;*!\\\n") == SALT_LENGTH - 7;
}

/* The form of the login; the password is hashed where there is a salt. */
static bool ask_login(
        const struct solarlog *c, const struct solarlog_memo *m, struct ems_request *out)
{
    struct crypt_data work = {.initialized = 0};
    const char *hash =
            m->salt[0] ? crypt_r(c->http.password, m->salt, &work) : c->http.password;
    size_t room = sizeof(out->body);
    bool ok = hash && (!m->salt[0] || hash[0] != '*');

    out->post = true;
    out->bare = true;
    (void)str_copy(out->header[0], sizeof(out->header[0]), "X-SL-CSRF-PROTECTION: 1");
    ok = ok && ems_page(out->url, sizeof(out->url), c->http.url, true, "/login") &&
         ems_add(out->body, room, "u=") &&
         ems_add_form(out->body, room, c->http.username[0] ? c->http.username : "user") &&
         ems_add(out->body, room, "&p=") && ems_add_form(out->body, room, hash);
    explicit_bzero(&work, sizeof(work));
    return ok;
}

bool solarlog_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct solarlog *c = config;
    const struct solarlog_memo *m = solarlog_recall(s);

    (void)i;
    if (s->token[0] != '\0' || c->http.password[0] == '\0' || c->http.auth != EMS_AUTH_NONE) {
        return false;
    }
    out->any_status = true;
    return m->asked ? ask_login(c, m, out)
                    : solarlog_ask(c, s, "{\"550\":{\"104\":null}}", out);
}

/* A salt, or any answer of a firmware that has none. */
static enum ems_class read_salt(
        struct solarlog_memo *m, const struct ems_answer *a, struct err *e)
{
    struct err ignored = {0};
    struct json_object *v = solarlog_good(a) ? ems_json(a, &ignored) : NULL;
    struct json_object *salt = json_member(json_member(v, "550"), "104");
    char text[40] = "";

    m->asked = true;
    json_as_text(salt, text, sizeof(text));
    json_put(v);
    if (is_salt(text)) {
        (void)str_copy(m->salt, sizeof(m->salt), text);
    } else if (strncmp(text, "$2", 2) == 0) {
        err_set(e, ERR_IO, "the login wants a hash that this bridge does not make");
        return EMS_DATA;
    }
    return EMS_OK;
}

enum ems_class solarlog_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    struct solarlog_memo *m = (struct solarlog_memo *)(void *)s->memo;

    (void)config;
    if (!m->asked) {
        return read_salt(m, a, e);
    }
    if (a->status >= 500 || a->status == 429) {
        err_set(e, ERR_IO, "/login answers %d", a->status);
        return a->status == 429 ? EMS_RATE : EMS_SERVER;
    }
    if (!solarlog_good(a) || strstr(a->body, "FAILED") || !strstr(a->body, "SUCCESS")) {
        err_set(e, ERR_REFUSED,
                "the login is not taken; check username (usually user) and password");
        return EMS_AUTH;
    }
    return str_copy(s->token, sizeof(s->token), a->cookies[0] ? a->cookies : "-") ? EMS_OK
                                                                                  : EMS_DATA;
}
