/*
 * powerwall - Tesla Powerwall: the gateway of a Powerwall 2 or + itself, or an energy site of any
 * kind (Powerwall 3 too) over Tesla's cloud or Teslemetry.
 *
 * The gateway: POST /api/login/Basic gives a token and two cookies; GET /api/meters/aggregates has
 * powers per part (site + is import, battery + discharges), /api/system_status/soe the charge, and
 * /api/meters/site, where there is one, voltages and currents of each phase. Nothing is ever sent
 * that changes a gateway: one that was stopped on purpose stays so.
 * The cloud: GET /api/1/energy_sites/ID/live_status with a bearer token, /api/1/products for the ID.
 * What comes is told by its shape, not by what was asked. Facts from recorded payloads of firmware
 * 1.15 (2018), 21.39 and 23.28 and from the Fleet API's own description.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/powerwall/powerwall.h"

#include "bridge/base/str.h"

#include <string.h>

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct powerwall, http,
        "The address of the gateway, https://HOST; or of the cloud, such as https://api.teslemetry.com."),
    OPTION(struct powerwall, "email", email, OPT_STRING, .flags = OPT_RESTART,
        .text = "The e-mail that the gateway's login asks for beside the password; most take any."),
    OPTION(struct powerwall, "site_id", site_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "The energy site in the cloud (a number); without it the only one of the account."),
    OPTION(struct powerwall, "app_percent", app_percent, OPT_BOOL, .flags = OPT_RESTART,
        .text = "Counts the charge as Tesla's app does, without the lowest 5 %; else as the battery itself."),
    {.name = NULL},
};
/* clang-format on */

static const struct powerwall_memo *memo_of(const struct ems_session *s)
{
    return (const struct powerwall_memo *)(const void *)s->memo;
}

static uint32_t fields(const void *config)
{
    uint32_t all = (1u << EMS_FIELDS) - 1;

    return powerwall_in_cloud(config) ? all & (EMS_BIT(EMS_CURRENT_L1_MA) - 1) : all;
}

static void habit(const void *config, struct ems_habit *h)
{
    if (powerwall_in_cloud(config)) {
        *h = (struct ems_habit){.interval_s = 60, .max_age_s = 300, .cloud = true};
    }
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct powerwall *c = config;
    bool bound = c->http.ca_file[0] || c->http.fingerprint[0] || c->http.insecure;

    ems_url_check(&c->http, path, errs, warnings);
    if (c->site_id[strspn(c->site_id, "0123456789")] != '\0') {
        opt_errors_add(errs, "%s.site_id: '%s' is not a number", path, c->site_id);
    }
    if (powerwall_in_cloud(c) && c->http.token[0] == '\0') {
        opt_errors_add(warnings, "%s.token: is missing, the cloud wants an access token", path);
    } else if (!powerwall_in_cloud(c) && !bound && strncmp(c->http.url, "https:", 6) == 0) {
        opt_errors_add(warnings,
                "%s.fingerprint: is missing; a gateway signs its certificate itself, so it is "
                "refused without fingerprint (or insecure)",
                path);
    }
    if (c->http.auth != EMS_AUTH_NONE && c->http.password[0] != '\0') {
        opt_errors_add(
                warnings, "%s.auth: the gateway has a login of its own, leave auth out", path);
    }
}

/* ---- requests ---- */

static bool ask_cloud(const struct powerwall *c, const struct powerwall_memo *m, int i,
        struct ems_request *out)
{
    const char *site = c->site_id[0] ? c->site_id : m->site;
    char path[80];

    out->any_status = true;
    if (i > 1 || (i == 1 && !m->found)) {
        return false;
    }
    if (c->site_id[0] == '\0' && strstr(c->http.url, "/energy_sites/")) { /* all of it */
        return str_copy(out->url, sizeof(out->url), c->http.url) &&
               (strstr(c->http.url, "/live_status") ||
                       ems_add(out->url, sizeof(out->url), "/live_status"));
    }
    if (site[0] == '\0') {
        return powerwall_page(c, out, "/api/1/products");
    }
    return str_format(path, sizeof(path), "/api/1/energy_sites/%s/live_status", site) &&
           powerwall_page(c, out, path);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    static const char *const paths[] = {
            "/api/meters/aggregates", "/api/system_status/soe", "/api/meters/site"};
    const struct powerwall *c = config;
    const struct powerwall_memo *m = memo_of(s);

    if (c->http.auth == EMS_AUTH_NONE) {
        out->bearer = m->bearer ? s->token : c->http.token;
    }
    if (powerwall_in_cloud(c)) {
        return ask_cloud(c, m, i, out);
    }
    if (i > 2 || (i == 2 && m->no_site_page)) {
        return false;
    }
    out->any_status = i == 0;
    out->optional = i > 0;
    if (m->cookies[0] != '\0' &&
            !str_format(out->header[0], sizeof(out->header[0]), "Cookie: %s", m->cookies)) {
        return false;
    }
    return powerwall_page(c, out, paths[i]);
}

/* ---- what comes back ---- */

/* A page that costs no more than what stands on it. */
static void parse_more(const struct powerwall *c, struct powerwall_memo *m,
        const struct ems_answer *a, struct ems_reports *out)
{
    bool good = a->status >= 200 && a->status <= 299;
    struct err ignored = {0};
    struct json_object *v = good ? ems_json(a, &ignored) : NULL;

    if (v) {
        (void)powerwall_read(c, m, v, out, &ignored);
        json_put(v);
    }
    m->no_site_page = m->no_site_page || (a->i == 2 && a->status == 404);
    if (a->i == 1 && out->field[EMS_SOC_PERMILLE].said == EMS_SAID_NOTHING) {
        ems_say_none(out, EMS_SOC_PERMILLE,
                v ? "percentage is not in the answer"
                  : "/api/system_status/soe gives no answer that can be read",
                NULL);
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct powerwall *c = config;
    struct powerwall_memo *m = (struct powerwall_memo *)(void *)s->memo;
    enum ems_class class;
    struct json_object *v;
    bool ok;

    if (a->i > 0 && !powerwall_in_cloud(c)) {
        parse_more(c, m, a, out);
        return EMS_OK;
    }
    class = powerwall_refused(c, s, a, e);
    v = class == EMS_OK ? ems_json(a, e) : NULL;
    ok = v && powerwall_read(c, m, v, out, e);
    json_put(v);
    return class != EMS_OK ? class : ok ? EMS_OK : EMS_DATA;
}

static const char *const notes[] = {
        "The gateway signs its certificate itself: set fingerprint (`openssl s_client`), or insecure.",
        "The login is that of the customer, not of the installer; its password is set on the gateway's own page and begins as the last 5 characters of the one on its label.",
        "The bridge never starts a system that was stopped (no /api/sitemaster/run); while it is stopped the gateway answers 502, and it is asked every five minutes.",
        "soc is the charge of the battery itself; Tesla's app shows (that - 5) / 0.95, which app_percent gives.",
        "Currents of each phase come from /api/meters/site where the meter has them; newer firmware gives 0 for all three, which counts as unknown.",
        "The voltage of the overview is an average over all meters, on some a sum: it is taken for L1 only where it fits one phase at the frequency of the grid (230 V at 50 Hz, 120 V at 60 Hz).",
        "Consumption is the whole house with its chargers: set includes_chargers.",
        "A Powerwall 3 has no local pages that a program may read (its gateway's Wi-Fi has a private protocol, and wants a key of the owner since 2025): use the cloud.",
        "The cloud's tokens of Tesla's Fleet API end after 8 hours and are not renewed here; Teslemetry's stay. Tesla counts the calls: one a minute is 43,200 a month.",
        "The cloud of 2026 was not tried against a live account.", NULL};

const struct ems_adapter ems_powerwall = {
        .name = "powerwall",
        .title = "Tesla Powerwall",
        .summary =
                "A Powerwall 2 or + by its gateway, or any Powerwall by Tesla's cloud or Teslemetry.",
        .where = "local or cloud",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct powerwall),
        .http_offset = offsetof(struct powerwall, http),
        .interval_s = 5,
        .max_age_s = 30,
        .habit = habit,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .request = request,
        .parse = parse,
        .login = powerwall_login,
        .logged_in = powerwall_logged_in,
};
_Static_assert(sizeof(struct powerwall) <= EMS_CONFIG_MAX, "the settings have no room for it");
