/*
 * fronius - inverters of Fronius (Galvo, Primo, Symo, Eco, GEN24, Tauro, IG with Datamanager) by the
 * Solar API, plain HTTP without a login.
 *
 * PowerFlow has the site: P_Grid (+ import), P_PV (null at night), P_Load (negative is what the house
 * takes), P_Akku (+ discharges), SOC of the first inverter that has one. The meter's page has currents
 * (magnitudes; the sign is that of the phase's power) and voltages, under two sets of names. Without a
 * meter the inverter's own page has voltages. The oldest loggers know no /v1/ and no PowerFlow, only
 * the inverters' pages. What a page is shows in its body; a page that is not there is asked again
 * only now and then. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/fronius/fronius.h"

#include "bridge/base/str.h"

#include <string.h>

enum page { FLOW, METER, INVERTERS, STORAGE, PHASES, COMMON, INVERTERS_V0, COMMON_V0, PAGES };
enum { ROUNDS_MISSING = 250 };

struct config {
    struct ems_http http;
};

_Static_assert(sizeof(struct fronius_memo) <= EMS_MEMO_ROOM, "the session has no room for it");

static const char *const paths[PAGES] = {
        [FLOW] = "/v1/GetPowerFlowRealtimeData.fcgi",
        [METER] = "/v1/GetMeterRealtimeData.cgi?Scope=System",
        [INVERTERS] = "/v1/GetInverterRealtimeData.cgi?Scope=System",
        [STORAGE] = "/v1/GetStorageRealtimeData.cgi?Scope=System",
        [PHASES] = "/v1/GetInverterRealtimeData.cgi?Scope=Device&DataCollection=3PInverterData&"
                   "DeviceId=",
        [COMMON] = "/v1/GetInverterRealtimeData.cgi?Scope=Device&DataCollection="
                   "CommonInverterData&DeviceId=",
        [INVERTERS_V0] = "/GetInverterRealtimeData.cgi?Scope=System",
        [COMMON_V0] = "/GetInverterRealtimeData.cgi?Scope=Device&DataCollection="
                      "CommonInverterData&DeviceIndex=",
};

static const struct opt rows[] = {
        EMS_HTTP_ROWS(struct config, http,
                "The address of the inverter or of its Datamanager: http://HOST, without a "
                "path."),
        {.name = NULL},
};

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_FIELDS) - 1;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    ems_http_check(&((const struct config *)config)->http, path, errs, warnings);
}

static struct fronius_memo *memo_of(struct ems_session *s)
{
    return (struct fronius_memo *)(void *)s->memo;
}

/* ---- what to ask ---- */

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct fronius_memo *m = (const struct fronius_memo *)(const void *)s->memo;
    int page = i == 0 ? FLOW : m->page;
    const char *path = strstr(c->http.url, "/solar_api");
    size_t n = path ? (size_t)(path - c->http.url) : strlen(c->http.url);
    char id[16] = "";

    if (page >= PAGES) {
        return false;
    }
    while (n > 0 && c->http.url[n - 1] == '/') {
        n--;
    }
    if (page == PHASES || page == COMMON || page == COMMON_V0) {
        (void)str_format(id, sizeof(id), "%d", (int)m->device);
    }
    out->optional = true;
    return str_format(out->url, sizeof(out->url), "%.*s/solar_api%s%s", (int)n, c->http.url,
            paths[page], id);
}

/* Whether a page may say what is not known yet. */
static bool wanted(const struct fronius_memo *m, int page, const struct ems_reports *out)
{
    if (m->missing & EMS_BIT(page)) {
        return false;
    }
    switch (page) {
    case METER:
        return !m->no_meter;
    case INVERTERS:
        return !m->flow && !fronius_has(out, EMS_PV_W);
    case STORAGE:
        return !fronius_has(out, EMS_SOC_PERMILLE) &&
               (!m->flow || fronius_has(out, EMS_BATTERY_W));
    case PHASES:
    case COMMON:
        return !fronius_has(out, EMS_VOLTAGE_L1_MV);
    case INVERTERS_V0:
        return !m->flow && !fronius_has(out, EMS_PV_W);
    case COMMON_V0:
        return !m->flow && !fronius_has(out, EMS_VOLTAGE_L1_MV);
    default:
        return false;
    }
}

/* ---- answers ---- */

static enum ems_class read_body(struct fronius_memo *m, const struct ems_answer *a,
        struct ems_reports *out, struct err *e)
{
    struct ems_tree t = {.json = ems_json(a, e)};
    struct json_object *status = json_member(json_member(t.json, "Head"), "Status");
    char reason[100] = "";
    int64_t code = 0, utc_ms = 0;

    if (!t.json) {
        if (strchr(a->body, '<')) {
            err_set(e, ERR_IO,
                    "the answer is a web page: switch the Solar API on in the inverter's own "
                    "pages (Communication, Solar API), and check url");
        }
        return EMS_DATA;
    }
    if (!fronius_milli(json_member(status, "Code"), &code)) {
        err_set(e, ERR_IO, "the answer is not one of the Solar API: is url that of a Fronius?");
        json_put(t.json);
        return EMS_DATA;
    }
    (void)ems_expr_time(&t, "Head.Timestamp", &utc_ms); /* some cannot be read */
    json_as_text(json_member(status, "Reason"), reason, sizeof(reason));
    if (code == 0) {
        m->good = true;
        fronius_read(m, json_member(json_member(t.json, "Body"), "Data"), utc_ms, out);
    } else {
        err_set(e, ERR_IO, "the inverter answers with its error %d (%s)", (int)(code / 1000),
                reason);
    }
    json_put(t.json);
    return code == 0 ? EMS_OK : EMS_SERVER;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct fronius_memo *m = memo_of(s);
    int page = a->i == 0 ? FLOW : m->page < PAGES ? m->page : FLOW;
    enum ems_class class = EMS_NOT_FOUND;

    (void)config;
    if (a->i == 0) {
        *m = (struct fronius_memo){.device = 1, .missing = m->missing, .rounds = m->rounds + 1};
        m->missing = m->rounds % ROUNDS_MISSING == 0 ? 0 : m->missing;
    }
    if (a->status >= 200 && a->status <= 299) {
        class = read_body(m, a, out, e);
    } else if (a->status == 404) {
        m->missing |= EMS_BIT(page);
    } else if (a->status == 403) {
        class = EMS_AUTH;
        err_set(e, ERR_REFUSED,
                "the inverter answers 403: switch the Solar API on in its own pages "
                "(Communication, Solar API)");
    } else {
        class = EMS_UNREACHABLE;
    }
    if (class != EMS_OK && !m->good && a->status != 404) {
        return class; /* without a sentence: the host says it */
    }
    do {
        page++;
    } while (page < PAGES && !wanted(m, page, out));
    m->page = a->status == 0 ? PAGES : page;
    if (page >= PAGES && !m->good) {
        m->missing = 0;
        err_set(e, ERR_NOT_FOUND,
                "there is no Solar API (404): is url that of the inverter or its Datamanager, "
                "and is the Solar API switched on there (Communication, Solar API)?");
        return EMS_NOT_FOUND;
    }
    return EMS_OK;
}

static const char *const notes[] = {
        "GEN24 and Tauro: the Solar API is off by default since firmware 1.14.1; switch it on in "
        "the inverter's own pages (Communication, Solar API).",
        "A Datamanager is slow and answers one request at a time: leave interval_s at 10 there.",
        "One inverter with its own Datamanager sees the whole site where it has the meter: take "
        "one such source for grid and house, and the others with role sum for their sun only.",
        "A meter in the load path gives the house; P_Grid is computed by the inverter then, and "
        "there are no currents. An S0 meter gives estimates.",
        "Without a meter the inverter's own voltage is taken; on a single-phase one in North "
        "America that is the one between both legs.",
        "Generators behind secondary meters are counted as sun where the inverter's own balance "
        "shows that they are not in P_PV; seen in one capture.",
        NULL,
};

const struct ems_adapter ems_fronius = {
        .name = "fronius",
        .title = "Fronius",
        .summary = "Inverters of Fronius with meter and battery, by their Solar API.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
