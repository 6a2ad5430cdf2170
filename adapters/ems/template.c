/*
 * template - an energy system with remarks, to copy. It is compiled and tested (tests/unit/
 * test_ems_template.c) but has no row, so no user sees it.
 *
 * Its system is made up, a "Sunbox": an inverter with a meter that answers two pages,
 *     GET /api/now    {"time":1795500000,"solar":{"kw":"1.25"},"grid":{"import":0,"export":640}}
 *     GET /api/cell   {"level":0.415,"flow":-300}      (+ charges; the page is there only with a battery)
 * and asks for its key in the header X-Key. Begin the file with what such a page tells: what the
 * system is, which firmware, units and signs as the device writes them, where that is known from.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h" /* the contract; nothing of other adapters, no clock, no socket */
#include "bridge/base/str.h"

/* The options of one source. What all HTTP systems have is one member; EMS_HTTP_ROWS makes its
 * rows: url, auth, username, password, token, ca_file, fingerprint... */
struct config {
    struct ems_http http;
    bool battery;
};

/* A row for each option: name, type, default, one sentence. Errors, schema, docs and forms come
 * from it. Mark what must not be shown with OPT_SECRET. */
static const struct opt rows[] = {
        EMS_HTTP_ROWS(
                struct config, http, "The address of the Sunbox: http://HOST, without a path."),
        OPTION(struct config, "battery", battery, OPT_BOOL, .flags = OPT_RESTART,
                .text = "Whether a battery belongs to it."),
        {.name = NULL},
};

/* What this config can ever give. Rows of Home Assistant are announced for that and no more. */
static uint32_t fields(const void *config)
{
    const struct config *c = config;

    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) |
           (c->battery ? EMS_BIT(EMS_BATTERY_W) | EMS_BIT(EMS_SOC_PERMILLE) : 0);
}

/* What the rows cannot say. The path stands before the option, so that the user finds it. */
static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_http_check(&c->http, path, errs, warnings);
    if (c->http.auth != EMS_AUTH_HEADER) {
        opt_errors_add(errs,
                "%s.auth: a Sunbox wants header, auth_name X-Key and its key as token", path);
    }
}

/* The requests of a round, by number. The host adds the login, fetches, and calls parse for each
 * answer in the 200s; a page that says 404 or 500 never comes to parse. */
static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;

    (void)s; /* for systems with a login of their own: the token it gave */
    if (i > 1 || (i == 1 && !c->battery)) {
        return false;
    }
    return str_format(
            out->url, sizeof(out->url), "%s/api/%s", c->http.url, i == 0 ? "now" : "cell");
}

/* Reads the answer to request a->i. Report each field by itself: what is missing or wrong in one
 * becomes "none" with why, and costs no other. Do not clamp, age or remember: the core does. */
static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct ems_tree t = {
            .json = ems_json(a, e)}; /* says what it is instead, if it is no JSON */
    int64_t utc_ms = 0;

    (void)config;
    (void)s;
    if (!t.json) {
        return EMS_DATA;
    }
    if (a->i == 0) {
        /* The device's own time, where it has one: many repeat an old value happily. */
        (void)ems_expr_time(&t, "time", &utc_ms);
        /* Signs of the normal form: + is import; units: W. An expression does both. */
        ems_expr_say(&t, "grid.import - grid.export", EMS_GRID_W, utc_ms, out);
        ems_expr_say(&t, "solar.kw * 1000", EMS_PV_W, utc_ms, out);
    } else {
        ems_expr_say(&t, "level * 100", EMS_SOC_PERMILLE, 0, out); /* a share of 1 */
        ems_expr_say(&t, "-flow", EMS_BATTERY_W, 0, out); /* + is discharging with us */
    }
    json_put(t.json);
    return EMS_OK;
}

/* The row in ems_rows.def declares it: EMS_ADAPTER(sunbox) would be ems_sunbox. */
extern const struct ems_adapter ems_template;
const struct ems_adapter ems_template = {
        .name = "template", /* for ever, once released */
        .title = "Sunbox",
        .summary = "A made-up inverter with a meter and perhaps a battery.",
        .tested = "constructed",
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10, /* what the system bears; the user can change it */
        .max_age_s = 60,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
