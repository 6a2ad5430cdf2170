/*
 * enphase/cloud - Enphase's API v4: values of 15 minutes, an OAuth2 login whose refresh token changes
 * with each use, and an API key on each call. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"
#include "bridge/base/str.h"

#include <string.h>

enum { HOUR_S = 3600 };

/* ---- the login ---- */

bool enphase_cloud_login(
        const struct enphase *c, const struct ems_session *s, struct ems_request *out)
{
    const char *refresh = s->keep[0] ? s->keep : c->refresh_token;

    out->post = true;
    out->bare = true;
    out->login_user = c->client_id;
    out->login_password = c->client_secret;
    out->login_basic = true;
    return ems_page(out->url, sizeof(out->url), c->http.url, false, "/oauth/token") &&
           ems_add(out->body, sizeof(out->body), "grant_type=refresh_token&refresh_token=") &&
           ems_add_form(out->body, sizeof(out->body), refresh);
}

enum ems_class enphase_cloud_logged_in(const struct enphase *c, struct ems_session *s,
        const struct ems_answer *a, struct err *e)
{
    struct json_object *v;
    bool ok;

    if (a->status == 400 || a->status == 401 || a->status == 403) {
        /* The kept one has ended; the settings may hold a newer one. */
        bool again = s->keep[0] && strcmp(s->keep, c->refresh_token) != 0;

        s->keep[0] = '\0';
        err_set(e, ERR_REFUSED,
                "Enphase answers %d: it does not take refresh_token (it ends after a month without use) or client_id and client_secret; authorize again",
                a->status);
        return again ? EMS_OK : EMS_AUTH;
    }
    if (a->status < 200 || a->status > 299) {
        err_set(e, ERR_IO, "Enphase answers %d to the login", a->status);
        return a->status == 429 ? EMS_RATE : a->status >= 500 ? EMS_SERVER : EMS_NOT_FOUND;
    }
    v = ems_json(a, e);
    ok = json_kind(json_member(v, "access_token")) == JSON_TEXT;
    if (ok) {
        json_as_text(json_member(v, "access_token"), s->token, sizeof(s->token));
    } else if (v) {
        err_set(e, ERR_IO, "the answer to the login holds no access_token");
    }
    if (ok && json_kind(json_member(v, "refresh_token")) == JSON_TEXT) {
        json_as_text(json_member(v, "refresh_token"), s->keep, sizeof(s->keep));
    }
    json_put(v);
    return ok ? EMS_OK : EMS_DATA;
}

/* ---- values ---- */

/* i: 0 the latest telemetry; 1 the summary, where that has no meter of the sun. */
bool enphase_cloud_request(
        const struct enphase *c, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct enphase_memo *m = enphase_recall(s);
    char path[96];

    if (i > 1 || (i == 1 && (m->fields & EMS_BIT(EMS_PV_W)))) {
        return false;
    }
    out->any_status = true;
    out->bearer = s->token;
    return str_format(path, sizeof(path), "/api/v4/systems/%s/%s?key=", c->system_id,
                   i == 0 ? "latest_telemetry" : "summary") &&
           ems_page(out->url, sizeof(out->url), c->http.url, false, path) &&
           ems_add_form(out->url, sizeof(out->url), c->api_key);
}

static enum ems_class refused(struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    const char *what = "it does not take the request; check url and system_id";
    enum ems_class class = EMS_NOT_FOUND;

    if (a->status >= 200 && a->status <= 299) {
        return EMS_OK;
    }
    if (a->status == 401 || a->status == 403) {
        class = EMS_AUTH;
        what = "it does not take the login, or api_key, or the account may not read system_id";
    } else if (a->status == 429) {
        class = EMS_RATE;
        s->wait_s = HOUR_S;
        what = "the calls of this plan are used up; raise interval_s";
    } else if (a->status >= 500) {
        class = EMS_SERVER;
        what = "it has a fault of its own";
    }
    err_set(e, ERR_IO, "Enphase answers %d: %s", a->status, what);
    return class;
}

/* The sum of the power of all items that are called so; NULL name: of any. */
static void say_sum(
        struct json_object *list, const char *name, enum ems_field f, struct ems_reports *out)
{
    int64_t w = 0, total = 0, at = 0, oldest = 0;
    char raw[EMS_RAW_ROOM] = "", have[32];
    int n = 0;

    for (int i = 0; i < json_length(list); i++) {
        struct json_object *x = json_item(list, i);

        json_as_text(json_member(x, "name"), have, sizeof(have));
        if (name && strcmp(have, name) != 0) {
            continue;
        }
        if (json_kind(json_member(x, "power")) != JSON_NUMBER ||
                json_get_scaled(json_member(x, "power"), "power", 1, &w, NULL) != ERR_OK) {
            ems_say_none(out, f, "the telemetry has no power of it (older than 7 days?)", NULL);
            return;
        }
        if (json_get_int(json_member(x, "last_report_at"), "last_report_at", &at, NULL) ==
                ERR_OK) {
            oldest = n == 0 || at < oldest ? at : oldest;
        }
        if (n++ == 0) {
            json_as_text(json_member(x, "power"), raw, sizeof(raw));
        }
        total += w;
    }
    if (n > 0) {
        ems_say(out, f, total, oldest * 1000, raw);
    }
}

enum ems_class enphase_cloud_parse(const struct enphase *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct enphase_memo *m = enphase_memo(s);
    enum ems_class class = refused(s, a, e);
    struct json_object *v, *devices;
    struct ems_tree t = {.json = NULL};
    int64_t utc_ms = 0;

    (void)c;
    if (a->i == 0) {
        m->fields = 0;
        if (class == EMS_NOT_FOUND) {
            return EMS_OK; /* an older plan: the summary */
        }
    }
    v = class == EMS_OK ? ems_json(a, e) : NULL;
    if (!v) {
        return class == EMS_OK ? EMS_DATA : class;
    }
    devices = json_member(v, "devices");
    t.json = v;
    if (devices) {
        say_sum(json_member(devices, "meters"), "production", EMS_PV_W, out);
        say_sum(json_member(devices, "meters"), "consumption", EMS_CONSUMPTION_W, out);
        say_sum(json_member(devices, "encharges"), NULL, EMS_BATTERY_W, out);
        m->fields = out->field[EMS_PV_W].said == EMS_SAID_VALUE ? EMS_BIT(EMS_PV_W) : 0;
    } else if (json_has(v, "current_power")) {
        (void)ems_expr_time(&t, "last_report_at", &utc_ms);
        ems_expr_say(&t, "current_power", EMS_PV_W, utc_ms, out);
    } else {
        err_set(e, ERR_IO, "the answer has neither devices nor current_power");
        class = EMS_DATA;
    }
    json_put(v);
    return class;
}
