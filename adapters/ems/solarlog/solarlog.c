/*
 * solarlog - Solar-Log data loggers (Base, 50 to 2000) by their JSON interface.
 *
 * POST /getjp asks by numbers: {"801":{"170":null}} gives the time, the power of the sun (101) and of
 * the house (110), {"858":null} a battery as [V, %, W charged, W discharged], [] without one. There
 * is no meter at the grid: its power is what the house draws less sun and battery.
 * Where open access is off a login gives a cookie; since 2024 it wants the password as bcrypt with the
 * salt of {"550":{"104":null}}. What it cannot answer is no JSON: {"QUERY IMPOSSIBLE 000"}. Its time has no
 * zone: "26.08.24 14:19:45". Facts from recorded answers and from how the device's own pages ask.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/solarlog/solarlog.h"

#include "bridge/base/str.h"

#include <string.h>

enum { HOUR_MS = 3600 * 1000 };

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct solarlog, http,
        "The address of the Solar-Log: http://HOST. With a password the bridge logs in as its user; username is another one."),
    {.name = NULL},
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W) |
           EMS_BIT(EMS_SOC_PERMILLE) | EMS_BIT(EMS_CONSUMPTION_W);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct solarlog *c = config;

    ems_url_check(&c->http, path, errs, warnings);
}

/* ---- requests ---- */

bool solarlog_ask(const struct solarlog *c, const struct ems_session *s, const char *body,
        struct ems_request *out)
{
    out->post = true;
    (void)str_copy(out->body, sizeof(out->body), body);
    (void)str_copy(out->header[0], sizeof(out->header[0]), "Content-Type: application/json");
    (void)str_copy(out->header[1], sizeof(out->header[1]), "X-SL-CSRF-PROTECTION: 1");
    return (s->token[0] == '\0' || str_format(out->header[2], sizeof(out->header[2]),
                                           "Cookie: %s", s->token)) &&
           ems_page(out->url, sizeof(out->url), c->http.url, true, "/getjp");
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct solarlog_memo *m = solarlog_recall(s);

    if (i > 1 || (i == 1 && m->no_cell_ms != 0 && s->utc_ms - m->no_cell_ms < HOUR_MS)) {
        return false;
    }
    out->any_status = i == 0;
    out->optional = i > 0;
    return solarlog_ask(config, s, i == 0 ? "{\"801\":{\"170\":null}}" : "{\"858\":null}", out);
}

/* ---- answers ---- */

/* An answer that is none, with what to change. */
static enum ems_class refused(
        const struct solarlog *c, const struct ems_answer *a, struct err *e)
{
    bool login = a->status == 401 || a->status == 403 || strstr(a->body, "ACCESS DENIED");

    if (login) {
        err_set(e, ERR_REFUSED, "it answers %d, %s", a->status,
                c->http.password[0]
                        ? "and the login may not read this; check username and password"
                        : "access denied: set password, or allow open access (JSON) on its page");
        return EMS_AUTH;
    }
    if (a->status == 429) {
        err_set(e, ERR_TIMEOUT, "it answers 429: asked too often; raise interval_s");
        return EMS_RATE;
    }
    if (a->status >= 500) {
        err_set(e, ERR_IO, "it answers %d: it has a fault of its own", a->status);
        return EMS_SERVER;
    }
    if (!solarlog_good(a) || strstr(a->body, "QUERY IMPOSSIBLE")) {
        err_set(e, ERR_NOT_FOUND,
                "it does not know the question (status %d): firmware before 3.0, or open access (JSON) is off on its page; is url a Solar-Log?",
                a->status);
        return EMS_NOT_FOUND;
    }
    return EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    enum ems_class class;
    struct json_object *v, *basic;

    if (a->i > 0) {
        solarlog_read_battery(s, a, out);
        return EMS_OK;
    }
    class = refused(config, a, e);
    v = class == EMS_OK ? ems_json(a, e) : NULL;
    if (!v) {
        return class == EMS_OK ? EMS_DATA : class;
    }
    basic = json_member(json_member(v, "801"), "170");
    if (json_kind(basic) == JSON_OBJECT) {
        solarlog_read_basic(s, basic, out);
    } else {
        err_set(e, ERR_IO, "the answer has no 801.170: is it a Solar-Log?");
        class = EMS_DATA;
    }
    json_put(v);
    return class;
}

static const char *const notes[] = {
        "Open access to the JSON interface is switched on on its page; or set password, which logs in as user.",
        "It computes its values every 15 s; asked more often it stalls.",
        "It has no meter at the grid: grid is the house less sun and battery, and is there only with a consumption meter.",
        "Consumption is the whole house with its chargers: set includes_chargers.",
        "Its time has no zone: the zone is taken from its clock against ours, in quarters of an hour, so a clock that is wrong by minutes makes values old or too new (ignore_time).",
        "After a power cut, and during an update, its clock says 1999: nothing of that counts.",
        "The battery may be behind the login even where open access is on; without it the power of the grid is not known then.",
        "The login with bcrypt (firmware 6.1.1 and later) was not tried on a device; nor was a battery.",
        NULL};

const struct ems_adapter ems_solarlog = {
        .name = "solarlog",
        .title = "Solar-Log",
        .summary = "A Solar-Log data logger: sun, house and battery.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct solarlog),
        .http_offset = offsetof(struct solarlog, http),
        .interval_s = 15,
        .max_age_s = 120,
        .finds_out = true,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
        .login = solarlog_login,
        .logged_in = solarlog_logged_in,
};
_Static_assert(sizeof(struct solarlog) <= EMS_CONFIG_MAX, "the settings have no room for it");
