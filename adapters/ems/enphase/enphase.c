/*
 * enphase - the gateway of Enphase's microinverters (Envoy, IQ Gateway) of any firmware, or an account
 * at Enphase's API v4.
 *
 * /info says which firmware and which serial number. Then, as far as there is such a page:
 *     /ivp/meters, /ivp/meters/readings   current transformers, a second old; + at the grid is import
 *     /production.json?details=1          the same with the house, and the sum of the microinverters
 *     /api/v1/production, /production     the sum alone; before firmware 3.9 a web page
 *     /ivp/ensemble/power ...             IQ batteries in mW, + discharges
 *     /ivp/livedata/status                mW; live only while its stream is on
 * What a page before has given is not asked again. Firmware 5 and 6 ask for a digest login on some
 * pages, 7 and later for a token on all. Facts from recorded answers of firmware 3.7 to 8.3.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"

#include "bridge/base/str.h"

#include <string.h>

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct enphase, http,
        "The address of the gateway, http://HOST (firmware 7 and later: https://HOST); with system_id https://api.enphaseenergy.com."),
    OPTION(struct enphase, "enlighten_user", enlighten_user, OPT_STRING, .flags = OPT_RESTART,
        .text = "The e-mail of the owner's Enphase account, for firmware 7 and later: with it tokens are made and renewed; else set token."),
    OPTION(struct enphase, "enlighten_password", enlighten_password, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "Its password."),
    OPTION(struct enphase, "cloud_url", cloud_url, OPT_STRING, .flags = OPT_RESTART,
        .text = "Where tokens are made, in place of Enphase's servers; for tests."),
    OPTION(struct enphase, "system_id", system_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "Asks Enphase's API for this system (a number) in place of a gateway."),
    OPTION(struct enphase, "client_id", client_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "The client id of your application at Enphase, for system_id."),
    OPTION(struct enphase, "client_secret", client_secret, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "Its client secret."),
    OPTION(struct enphase, "api_key", api_key, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "Its API key."),
    OPTION(struct enphase, "refresh_token", refresh_token, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "The refresh token that the owner's consent gave, for the first login; later ones are kept by the bridge."),
    {.name = NULL},
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    const struct enphase *c = config;

    return c->system_id[0]
                   ? EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_CONSUMPTION_W) | EMS_BIT(EMS_BATTERY_W)
                   : (1u << EMS_FIELDS) - 1;
}

static void habit(const void *config, struct ems_habit *h)
{
    const struct enphase *c = config;

    if (c->system_id[0]) {
        *h = (struct ems_habit){.interval_s = 900, .max_age_s = 2700, .cloud = true};
    }
}

static void check_cloud(const struct enphase *c, const char *path, struct opt_errors *errs)
{
    const struct {
        const char *name, *value;
    } wants[] = {{"client_id", c->client_id}, {"client_secret", c->client_secret},
            {"api_key", c->api_key}, {"refresh_token", c->refresh_token}};

    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        if (wants[i].value[0] == '\0') {
            opt_errors_add(errs, "%s.%s: is missing, system_id wants it", path, wants[i].name);
        }
    }
    if (c->system_id[strspn(c->system_id, "0123456789")] != '\0') {
        opt_errors_add(errs, "%s.system_id: '%s' is not a number", path, c->system_id);
    }
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct enphase *c = config;
    int64_t begins_s, ends_s;

    ems_url_check(&c->http, path, errs, warnings);
    if (c->system_id[0]) {
        check_cloud(c, path, errs);
    }
    if (!c->enlighten_user[0] != !c->enlighten_password[0]) {
        opt_errors_add(errs, "%s.enlighten_%s: is missing, the two go together", path,
                c->enlighten_user[0] ? "password" : "user");
    }
    if (c->http.token[0] && c->http.auth == EMS_AUTH_NONE &&
            !enphase_token_times(c->http.token, &begins_s, &ends_s)) {
        opt_errors_add(warnings, "%s.token: is no token of entrez.enphaseenergy.com", path);
    }
    if (c->http.token[0] && c->enlighten_user[0]) {
        opt_errors_add(warnings, "%s.token: is not used beside enlighten_user", path);
    }
}

static const char *const notes[] = {
        "Firmware 7 and later speaks https alone, with a certificate of its own (set fingerprint, or insecure), and wants a token on every page: either token (an owner's lasts a year, an installer's 12 hours), or enlighten_user and enlighten_password, with which the bridge makes one and renews it in the last twelfth of its life.",
        "An account with a second factor cannot be logged in to by a program: make the token by hand.",
        "Firmware 5 and 6 ask for a login on some pages: envoy and the last 6 digits of the serial number are tried, username and password replace them.",
        "Without current transformers there is the sum of the microinverters alone, which each report every 5 to 15 minutes: such a value holds for 20 minutes.",
        "A meter whose activeCount is 0, or whose voltage is, is not connected: it counts as not there.",
        "Consumption is the whole house with its chargers: set includes_chargers. Firmware 8.3.5433 gives the grid's power in its place; what the sun gives is then added. Whether the house's power has that of IQ batteries in it is unproven: it is taken as the gateway says.",
        "Firmware 8.2.4264 and later repeats an old value at /api/v1/production where no transformer is connected, so that page is not read there.",
        "At night, around 23:00, gateways do not answer for some minutes.",
        "Enphase's API (system_id) gives values of 15 minutes, and its plans have few calls a month: each reading is one or two. The refresh token changes with each login and is kept by the bridge: one refresh token serves one bridge. The sign of its battery power is a guess (invert_battery turns it).",
        "The cloud of 2026, both the token flow and the API, was not tried against a live account; nor was the live page's stream.",
        NULL};

const struct ems_adapter ems_enphase = {
        .name = "enphase",
        .title = "Enphase (Envoy, IQ Gateway)",
        .summary =
                "Enphase microinverters, meters and batteries by their gateway of any firmware, or by Enphase's API.",
        .where = "local or cloud",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct enphase),
        .http_offset = offsetof(struct enphase, http),
        .interval_s = 10,
        .max_age_s = 60,
        .finds_out = true,
        .habit = habit,
        .fields = fields,
        .check = check,
        .request = enphase_request,
        .parse = enphase_parse,
        .login = enphase_login,
        .logged_in = enphase_logged_in,
};
_Static_assert(sizeof(struct enphase) <= EMS_CONFIG_MAX, "the settings have no room for it");
