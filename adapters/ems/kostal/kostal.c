/*
 * kostal - inverters of Kostal: Plenticore and PIKO IQ over Modbus TCP, the PIKO generations before
 * them by their pages. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/kostal/kostal.h"

enum { UNIT = 71 };

/* clang-format off */
static const struct opt rows[] = {
    OPTION(struct kostal_config, "host", wire.host, OPT_STRING, .flags = OPT_RESTART,
        .text = "The name or address of a Plenticore or PIKO IQ (Modbus); or url."),
    OPTION(struct kostal_config, "port", wire.port, OPT_INT, .min = 1, .max = 65535, .fallback = 1502, .flags = OPT_RESTART, .text = "Its TCP port for Modbus."),
    EMS_UNIT_ROW(struct kostal_config, unit, UNIT, "Its unit id."),
    OPTION(struct kostal_config, "delay_ms", wire.delay_ms, OPT_INT, .min = 0, .max = 5000, .unit = "ms", .flags = OPT_RESTART,
        .text = "How long it is left alone between two requests."),
    OPTION(struct kostal_config, "url", http.url, OPT_STRING, .flags = OPT_RESTART | OPT_ADDRESS,
        .text = "The address of an older PIKO: http://HOST; which page it has is found out. Or host."),
    OPTION(struct kostal_config, "username", http.username, OPT_STRING, .flags = OPT_RESTART,
        .text = "The user of the pages of the oldest PIKO (pvserver), where they want one."),
    OPTION(struct kostal_config, "password", http.password, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET, .text = "The password of that user."),
    {.name = NULL},
};
/* clang-format on */

static bool over_modbus(const struct kostal_config *c)
{
    return c->wire.host[0] != '\0';
}

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_FIELDS) - 1;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct kostal_config *c = config;

    if (over_modbus(c) && c->http.url[0] != '\0') {
        opt_errors_add(errs, "%s.url: host and url exclude each other", path);
    } else if (over_modbus(c)) {
        reg_check(&c->wire, c->unit, path, errs, warnings);
    } else if (c->http.url[0] == '\0') {
        opt_errors_add(
                errs, "%s.host: is missing: set host (Modbus) or url (an older PIKO)", path);
    } else {
        ems_url_check(&c->http, path, errs, warnings);
    }
}

static enum ems_transport transport(const void *config)
{
    return over_modbus(config) ? EMS_OVER_MODBUS : EMS_OVER_HTTP;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    return over_modbus(config) ? kostal_modbus_request(config, s, i, out)
                               : kostal_piko_request(config, s, i, out);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    return over_modbus(config) ? kostal_modbus_parse(config, s, a, out, e)
                               : kostal_piko_parse(config, s, a, out, e);
}

static const char *const notes[] = {
        "Modbus is off as delivered: Settings, Modbus / SunSpec (TCP) in the inverter's own pages.",
        "One Modbus client alone: with a second one both run into time-outs.",
        "The order of the words is found out (register 5, and the frequency of the grid).",
        "The sun is the inverter's output less what the battery gives: register 100 holds the battery's power "
        "as well. Losses of the inverter count to the sun then; a small value below zero counts as 0.",
        "The energy meter must be at the connection to the grid (position 2). Without one, grid power and "
        "currents are not known.",
        "PIKO of the second generation: dxs.json; the grid is computed from the house and the output. PIKO MP "
        "plus: measurements.xml. The oldest: the page itself, which wants user pvserver in most.",
        "The PIKO pages are tried on recorded ones, the Modbus registers on constructed ones; the direction of the "
        "battery's current of a PIKO BA was not tried on a device.",
        NULL};

const struct ems_adapter ems_kostal = {
        .name = "kostal",
        .title = "Kostal",
        .summary =
                "Inverters of Kostal: Plenticore and PIKO IQ over Modbus, older PIKO by their pages.",
        .over = "Modbus, HTTP",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct kostal_config),
        .http_offset = offsetof(struct kostal_config, http),
        .wire_offset = offsetof(struct kostal_config, wire),
        .interval_s = 10,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .transport = transport,
        .request = request,
        .parse = parse,
};
_Static_assert(
        sizeof(struct kostal_config) <= EMS_CONFIG_MAX, "the settings have no room for it");
