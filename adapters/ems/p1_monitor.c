/*
 * p1_monitor - P1 Monitor (ztatz): a Raspberry Pi at the P1 port of a Dutch smart meter, by its HTTP API.
 *
 *     GET /api/v1/smartmeter?limit=1&json=object   W in and out, with the time of the telegram
 *     GET /api/v1/phase?limit=1&json=object        W, V and A of each phase, where it keeps them
 *     GET /api/v1/status?json=object               the same as rows by number, kW as texts, without a time
 * Newest first. Currents have no sign: they get that of the power of their phase. Where the meter has no
 * voltage or no such phase it writes 0. Facts from the API's documents and recorded answers.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum page { METER, PHASE, STATUS, PAGES };
enum { PHASES = 3, OLD_MS = 5 * 60 * 1000 };

struct config {
    struct ems_http http;
};

struct memo {
    bool there;        /* of this round: the first page is */
    bool grid, phases; /* known already */
};

static const struct opt rows[] = {
        EMS_HTTP_ROWS(struct config, http, "The address of the P1 Monitor: http://HOST."),
        {.name = NULL},
};

/* clang-format off */
static const char *const notes[] = {
    "Its API is on without a login. It has a new value every 10 s; right after it was started it has none, which is told.",
    "Voltages need a meter of DSMR 5; for others it writes 0 V, which is taken for unknown.",
    "Currents are whole amps, as the meter gives them.",
    "Its messages over MQTT can be read with the adapter mqtt.",
    NULL};

static const char *const pages[PAGES] = {
    [METER] = "/api/v1/smartmeter?limit=1&json=object",
    [PHASE] = "/api/v1/phase?limit=1&json=object",
    [STATUS] = "/api/v1/status?json=object"};
/* clang-format on */

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_CURRENT_L1_MA) | EMS_BIT(EMS_CURRENT_L2_MA) |
           EMS_BIT(EMS_CURRENT_L3_MA) | EMS_BIT(EMS_VOLTAGE_L1_MV) |
           EMS_BIT(EMS_VOLTAGE_L2_MV) | EMS_BIT(EMS_VOLTAGE_L3_MV);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_http_check(&c->http, path, errs, warnings);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    bool below = strstr(c->http.url, "/api/") == NULL;

    if (i >= PAGES || (i == STATUS && m->grid && m->phases)) {
        return false;
    }
    out->optional = true;
    return ems_page(out->url, sizeof(out->url), c->http.url, below, pages[i]);
}

/* ---- one phase ---- */

struct view {
    const struct ems_tree *t;
    enum page page;
    int64_t utc_ms;
    struct ems_reports *out;
};

/* What an expression gives as a field, apart from the reports. */
static struct ems_report look(const struct view *v, const char *expr, enum ems_field f)
{
    struct ems_reports x = {0};

    ems_expr_say(v->t, expr, f, v->utc_ms, &x);
    return x.field[f];
}

/* k: 0 is L1. */
static struct ems_report power_of(const struct view *v, int k)
{
    char expr[120];

    if (v->page == PHASE) {
        (void)str_format(expr, sizeof(expr), "$[0].CONSUMPTION_L%d_W - $[0].PRODUCTION_L%d_W",
                k + 1, k + 1);
    } else {
        (void)str_format(expr, sizeof(expr),
                "$[?STATUS_ID==%d].STATUS * 1000 - $[?STATUS_ID==%d].STATUS * 1000", 74 + k,
                77 + k);
    }
    return look(v, expr, EMS_GRID_W);
}

static struct ems_report value_of(const struct view *v, int k, bool volts)
{
    char expr[60];

    if (v->page == PHASE) {
        (void)str_format(expr, sizeof(expr), "$[0].L%d_%c", k + 1, volts ? 'V' : 'A');
    } else {
        (void)str_format(
                expr, sizeof(expr), "$[?STATUS_ID==%d].STATUS", (volts ? 103 : 100) + k);
    }
    return look(v, expr, (enum ems_field)((volts ? EMS_VOLTAGE_L1_MV : EMS_CURRENT_L1_MA) + k));
}

static bool is(const struct ems_report *r, int64_t value)
{
    return r->said == EMS_SAID_VALUE && r->value == value;
}

static void say_phase(const struct view *v, int k, bool has_volts)
{
    struct ems_report *amps = &v->out->field[EMS_CURRENT_L1_MA + k];
    struct ems_report *volts = &v->out->field[EMS_VOLTAGE_L1_MV + k];
    const struct ems_report power = power_of(v, k);

    *volts = value_of(v, k, true);
    *amps = value_of(v, k, false);
    if (is(volts, 0) && has_volts && is(amps, 0) && is(&power, 0)) {
        ems_say_none(v->out, (enum ems_field)(EMS_CURRENT_L1_MA + k),
                "the meter has no such phase: 0 V, 0 A and 0 W", amps->raw);
    } else {
        ems_direct(v->out, (enum ems_field)(EMS_CURRENT_L1_MA + k), &power);
    }
    if (is(volts, 0)) {
        ems_say_none(v->out, (enum ems_field)(EMS_VOLTAGE_L1_MV + k),
                "0 V: the meter does not give it", volts->raw);
    }
}

/* All phases, and the grid as their sum where the meter's page did not give it. */
static void say_phases(const struct view *v, struct memo *m)
{
    bool has_volts = false, all = true;
    char raw[EMS_RAW_ROOM] = "";
    int64_t sum = 0;

    for (int k = 0; k < PHASES; k++) {
        struct ems_report power = power_of(v, k), volts = value_of(v, k, true);

        has_volts = has_volts || (volts.said == EMS_SAID_VALUE && volts.value > 0);
        all = all && power.said == EMS_SAID_VALUE && power.value > -100000 &&
              power.value < 100000;
        sum += all ? power.value : 0;
        (void)str_copy(raw, sizeof(raw), power.raw);
    }
    for (int k = 0; k < PHASES; k++) {
        say_phase(v, k, has_volts);
        m->phases = m->phases || v->out->field[EMS_CURRENT_L1_MA + k].said == EMS_SAID_VALUE;
    }
    if (!m->grid && all) {
        ems_say(v->out, EMS_GRID_W, sum, v->utc_ms, raw);
        m->grid = true;
    }
}

/* ---- pages ---- */

static void read_meter(const struct ems_tree *t, struct ems_reports *out, struct memo *m)
{
    int64_t utc_ms = 0;

    (void)ems_expr_time(t, "$[0].TIMESTAMP_UTC", &utc_ms);
    if (json_kind(t->json) == JSON_LIST && json_length(t->json) == 0) {
        ems_say_none(out, EMS_GRID_W, "P1 Monitor has no values yet (an empty list)", NULL);
    } else {
        ems_expr_say(t, "$[0].CONSUMPTION_W - $[0].PRODUCTION_W", EMS_GRID_W, utc_ms, out);
    }
    m->grid = out->field[EMS_GRID_W].said == EMS_SAID_VALUE;
}

static void read_phases(const struct ems_tree *t, enum page page, struct ems_session *s,
        struct ems_reports *out)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    struct view v = {.t = t, .page = page, .out = out};

    (void)ems_expr_time(t, "$[0].TIMESTAMP_UTC", &v.utc_ms);
    /* Rows that it no longer writes, since their recording is off. */
    if (v.utc_ms == 0 || v.utc_ms > s->utc_ms - OLD_MS || page == STATUS) {
        say_phases(&v, m);
    }
}

/* What a page costs that cannot be read. */
static enum ems_class refused(
        const struct ems_answer *a, const struct memo *m, const struct ems_reports *out)
{
    return a->i == METER || (a->i == STATUS && !m->there && ems_said(out) == 0) ? EMS_DATA
                                                                                : EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    bool there = a->status >= 200 && a->status <= 299, last = a->i == STATUS;
    struct ems_tree t = {0};

    (void)config;
    if (a->i == METER) {
        memset(m, 0, sizeof(*m));
    }
    if (!there) {
        /* A page may be missing; all else ends the round, in the words of the host. */
        return a->status == 404 && (!last || m->there || ems_said(out) > 0) ? EMS_OK : EMS_DATA;
    }
    t.json = ems_json(a, e);
    if (!t.json) {
        return refused(a, m, out);
    }
    if (!json_is_container(t.json) || json_kind(t.json) != JSON_LIST) {
        json_put(t.json);
        err_set(e, ERR_IO, "the answer is not a list: is this a P1 Monitor?");
        return refused(a, m, out);
    }
    if (a->i == METER) {
        m->there = true;
        read_meter(&t, out, m);
    } else if (json_length(t.json) > 0 && !m->phases) {
        read_phases(&t, (enum page)a->i, s, out);
    }
    json_put(t.json);
    return EMS_OK;
}

const struct ems_adapter ems_p1_monitor = {
        .name = "p1_monitor",
        .title = "P1 Monitor",
        .summary =
                "A P1 Monitor (ztatz) at a Dutch smart meter: grid power, phase currents, voltages.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 60,
        .finds_out = true,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");
