/*
 * enphase/round - which pages a round asks, and what it makes of them. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"
#include "bridge/base/str.h"

#include <string.h>

/* What a gateway has is looked at anew each hour: firmware changes by itself. */
enum { HOUR_MS = 3600 * 1000, STREAM_MS = 300 * 1000, TAIL = 6 };

static const char *const paths[ENPHASE_PAGES] = {
        [ENPHASE_INFO] = "/info",
        [ENPHASE_METERS] = "/ivp/meters",
        [ENPHASE_READINGS] = "/ivp/meters/readings",
        [ENPHASE_PRODUCTION] = "/production.json?details=1",
        [ENPHASE_V1] = "/api/v1/production",
        [ENPHASE_HTML] = "/production",
        [ENPHASE_POWER] = "/ivp/ensemble/power",
        [ENPHASE_INVENTORY] = "/ivp/ensemble/inventory",
        [ENPHASE_SECCTRL] = "/ivp/ensemble/secctrl",
        [ENPHASE_LIVE] = "/ivp/livedata/status",
        [ENPHASE_STREAM] = "/ivp/livedata/stream",
};

/* Firmware that is not known may have any page. */
static bool from(const struct enphase_memo *m, int32_t major, int32_t minor)
{
    return m->firmware == 0 || m->firmware >= enphase_version(major, minor, 0);
}

/* have: what the round has a value of by now. */
static bool wanted(const struct enphase *c, const struct ems_session *s, uint32_t have,
        enum enphase_page page)
{
    const struct enphase_memo *m = enphase_recall(s);
    bool stale = m->imeter && m->firmware >= enphase_version(8, 2, 4264);

    if (m->missing & 1u << page) {
        return false;
    }
    switch (page) {
    case ENPHASE_INFO:
        return m->info_ms == 0 || s->utc_ms - m->info_ms > HOUR_MS;
    case ENPHASE_METERS:
        return from(m, 5, 0) && m->meters == 0;
    case ENPHASE_READINGS:
        return m->meters > 0;
    case ENPHASE_PRODUCTION:
        return from(m, 3, 9) && !((have & EMS_BIT(EMS_PV_W)) && (have & EMS_BIT(EMS_GRID_W)) &&
                                        (have & EMS_BIT(EMS_CONSUMPTION_W)));
    case ENPHASE_V1:
        return from(m, 3, 9) && !(have & EMS_BIT(EMS_PV_W)) && !stale;
    case ENPHASE_HTML:
        return m->firmware < enphase_version(3, 9, 0) && !(have & EMS_BIT(EMS_PV_W));
    case ENPHASE_POWER:
        return from(m, 5, 0);
    case ENPHASE_INVENTORY:
        return from(m, 5, 0) && !(have & EMS_BIT(EMS_SOC_PERMILLE)) &&
               (m->missing & 1u << ENPHASE_POWER);
    case ENPHASE_SECCTRL:
        return m->battery;
    case ENPHASE_LIVE:
        return m->battery && !(have & EMS_BIT(EMS_BATTERY_W));
    case ENPHASE_STREAM:
        return m->stream_off && s->utc_ms - m->live_ms > STREAM_MS;
    case ENPHASE_RENEW_LOGIN:
        return enphase_renewal_due(c, s);
    case ENPHASE_RENEW_TOKEN:
        return m->session_id[0] != '\0';
    case ENPHASE_PAGES:
        break;
    }
    return false;
}

/* The first page at or behind this one that is wanted. */
static enum enphase_page next(
        const struct enphase *c, const struct ems_session *s, uint32_t have, unsigned page)
{
    while (page < ENPHASE_PAGES && !wanted(c, s, have, (enum enphase_page)page)) {
        page++;
    }
    return (enum enphase_page)page;
}

static enum enphase_page page_of(const struct enphase *c, const struct ems_session *s, int i)
{
    const struct enphase_memo *m = enphase_recall(s);

    return i == 0 ? next(c, s, 0, 0) : next(c, s, m->fields, m->done + 1u);
}

/* The login of firmware 5 and 6: envoy and the end of the serial number, unless the settings know
 * another. */
static void add_digest(
        const struct enphase *c, const struct enphase_memo *m, struct ems_request *out)
{
    size_t n = strlen(m->serial);

    if (c->http.auth != EMS_AUTH_NONE || m->tokens || m->firmware < enphase_version(5, 0, 0) ||
            n < TAIL) {
        return;
    }
    out->login_user = c->http.username[0] ? c->http.username : "envoy";
    out->login_password = c->http.password[0] ? c->http.password : m->serial + n - TAIL;
}

bool enphase_request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct enphase *c = config;
    const struct enphase_memo *m = enphase_recall(s);
    enum enphase_page page;

    if (c->system_id[0]) {
        return enphase_cloud_request(c, s, i, out);
    }
    page = page_of(c, s, i);
    out->any_status = i == 0;
    out->optional = i > 0;
    if (page == ENPHASE_PAGES) {
        return false;
    }
    if (page == ENPHASE_RENEW_LOGIN) {
        return enphase_ask_enlighten(c, out);
    }
    if (page == ENPHASE_RENEW_TOKEN) {
        return enphase_ask_token(c, m, out);
    }
    if (page == ENPHASE_STREAM) {
        out->post = true;
        (void)str_copy(
                out->header[0], sizeof(out->header[0]), "Content-Type: application/json");
        (void)str_copy(out->body, sizeof(out->body), "{\"enable\":1}");
    }
    if (page != ENPHASE_INFO) {
        out->bearer = s->token[0]                     ? s->token
                      : c->http.auth == EMS_AUTH_NONE ? c->http.token
                                                      : "";
        add_digest(c, m, out);
    }
    return ems_page(out->url, sizeof(out->url), c->http.url, false, paths[page]);
}

/* ---- answers ---- */

static bool read_json(struct enphase_memo *m, enum enphase_page page, struct json_object *v,
        struct ems_reports *out)
{
    switch (page) {
    case ENPHASE_METERS:
        return enphase_read_meters(m, v) && m->meters > 0;
    case ENPHASE_READINGS:
        return enphase_read_readings(m, v, out);
    case ENPHASE_PRODUCTION:
        return enphase_read_production(v, out);
    case ENPHASE_V1:
        return enphase_read_v1(v, out);
    case ENPHASE_POWER:
    case ENPHASE_INVENTORY:
    case ENPHASE_SECCTRL:
        return enphase_read_battery(m, page, v, out);
    case ENPHASE_LIVE:
        return enphase_read_live(m, v, out);
    case ENPHASE_INFO:
    case ENPHASE_HTML:
    case ENPHASE_STREAM:
    case ENPHASE_RENEW_LOGIN:
    case ENPHASE_RENEW_TOKEN:
    case ENPHASE_PAGES:
        break;
    }
    return true;
}

/* One page that was answered; false: it is not what it should be. */
static bool read_page(struct ems_session *s, enum enphase_page page, const struct ems_answer *a,
        struct ems_reports *out, struct err *e)
{
    struct enphase_memo *m = enphase_memo(s);
    struct json_object *v;
    bool ok;

    if (page == ENPHASE_INFO) {
        m->meters = 0;
        m->missing = 0;
        return enphase_read_info(m, a, e);
    }
    if (page == ENPHASE_HTML && enphase_read_html(a, out)) {
        return true;
    }
    if (page == ENPHASE_STREAM) {
        return true;
    }
    v = ems_json(a, e);
    ok = v && read_json(m, page, v, out);
    json_put(v);
    return ok;
}

/* A status that is no answer: what it says about the page, and about the round. */
static void note(struct enphase_memo *m, enum enphase_page page, int status)
{
    bool login = status == 401 || status == 403;

    if (status == 404) {
        m->missing |= (uint16_t)(1u << page);
    } else if (login || m->refused == 0) {
        m->refused = (int16_t)status;
    }
}

static bool nothing_said(const struct ems_reports *out)
{
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (out->field[f].said != EMS_SAID_NOTHING) {
            return false;
        }
    }
    return true;
}

static uint16_t values(const struct ems_reports *out)
{
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= out->field[f].said == EMS_SAID_VALUE ? EMS_BIT(f) : 0;
    }
    return (uint16_t)set;
}

/* Whatever came for one page goes into the memory and the reports. */
static void take(struct ems_session *s, enum enphase_page page, const struct ems_answer *a,
        struct ems_reports *out, struct err *e)
{
    struct enphase_memo *m = enphase_memo(s);
    struct err ignored = {0};
    struct err why = {0};

    m->done = (uint8_t)page;
    if (page == ENPHASE_INFO) {
        m->info_ms = s->utc_ms;
    } else if (page == ENPHASE_STREAM) {
        m->live_ms = s->utc_ms;
    } else if (page == ENPHASE_RENEW_LOGIN || page == ENPHASE_RENEW_TOKEN) {
        m->renew_ms = s->utc_ms;
        (void)(page == ENPHASE_RENEW_LOGIN ? enphase_read_enlighten(m, a, &ignored)
                                           : enphase_read_token(s, a, &ignored));
        return;
    }
    if (a->status < 200 || a->status > 299) {
        note(m, page, a->status);
    } else if (!read_page(s, page, a, out, &why)) {
        m->missing |= (uint16_t)(1u << page);
        m->junk = true;
        if (why.text[0] != '\0') {
            *e = why;
        }
    }
}

enum ems_class enphase_parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct enphase *c = config;
    struct enphase_memo *m = enphase_memo(s);
    enum enphase_page page;

    if (c->system_id[0]) {
        return enphase_cloud_parse(c, s, a, out, e);
    }
    page = page_of(c, s, a->i);
    if (a->i == 0) {
        m->fields = 0;
        m->refused = 0;
        m->junk = false;
    }
    if (page == ENPHASE_PAGES) {
        return EMS_OK;
    }
    if (a->status == 429) {
        err_set(e, ERR_TIMEOUT, "it answers 429: asked too often; raise interval_s");
        return EMS_RATE;
    }
    take(s, page, a, out, e);
    m->fields = values(out);
    if (next(c, s, m->fields, m->done + 1u) == ENPHASE_PAGES && nothing_said(out)) {
        return enphase_verdict(c, s, e);
    }
    return EMS_OK;
}
