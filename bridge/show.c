/*
 * show - what the bridge knows, into the model, from which everything leaves.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <string.h>

#define SET(field, value)           model_set(m, dev, FIELD_##field, (value))
#define CLEAR(field)                model_set_unknown(m, dev, FIELD_##field)
#define SET_IF(known, field, value) ((known) ? SET(field, value) : CLEAR(field))

/* A boot time of the future as wall time; 0 stays 0. */
static int64_t wall_of(int64_t boot_ms)
{
    /* Rounded to whole seconds, so that the two clocks' jitter does not make it tick. */
    return boot_ms == 0 ? 0 : (loop_utc_ms() + boot_ms - loop_now_ms() + 500) / 1000 * 1000;
}

static const struct lease *own_request(const struct daemon *d, int i)
{
    return lease_find(&d->leases, LEASE_REQUEST, LEASE_CHARGER, i, "mqtt");
}

static void show_electric(struct daemon *d, int i)
{
    struct model *m = &d->model;
    const struct unit *u = &d->unit[i];
    const struct charger_report *r = &u->report;
    const struct session *s = &u->session;
    int dev = u->device;
    bool live = r->link == CHARGER_ONLINE || r->link == CHARGER_SILENT;
    static const enum field_id amps[] = {
            FIELD_CHARGER_CURRENT_L1, FIELD_CHARGER_CURRENT_L2, FIELD_CHARGER_CURRENT_L3};
    static const enum field_id volts[] = {
            FIELD_CHARGER_VOLTAGE_L1, FIELD_CHARGER_VOLTAGE_L2, FIELD_CHARGER_VOLTAGE_L3};

    SET_IF(live && s->power_known, CHARGER_POWER, s->power_w);
    SET_IF(live && r->heard_ms != 0, CHARGER_CURRENT, charger_draw_ma(r));
    SET_IF(s->power_known, CHARGER_POWER_ESTIMATED, s->power_estimated);
    SET_IF(s->phases_used > 0, CHARGER_PHASES, s->phases_used);
    for (int p = 0; p < PHASES; p++) {
        bool known = live && r->power_ms != 0;

        if (known && r->phase_ma[p] >= 0) {
            model_set(m, dev, amps[p], r->phase_ma[p]);
        } else {
            model_set_unknown(m, dev, amps[p]);
        }
        if (known && r->volt_mv[p] > 0) {
            model_set(m, dev, volts[p], r->volt_mv[p]);
        } else {
            model_set_unknown(m, dev, volts[p]);
        }
    }
    SET_IF(r->counter_wh >= 0, CHARGER_ENERGY_COUNTER, r->counter_wh);
    SET(CHARGER_ENERGY, u->shown_wh);
    SET_IF(s->number > 0, CHARGER_SESSION_ENERGY, u->shown_session_wh);
    SET_IF(s->session_start_utc_ms > 0, CHARGER_SESSION_START, s->session_start_utc_ms);
    SET(CHARGER_STARTS, s->starts);
}

static void show_identity(struct daemon *d, int i)
{
    struct model *m = &d->model;
    const struct unit *u = &d->unit[i];
    const struct charger_report *r = &u->report;
    int dev = u->device;
    char text[64];

    SET_IF(r->hw_max_ma > 0, CHARGER_HARDWARE_MAX, r->hw_max_ma);
    SET_IF(r->protocol > 0, CHARGER_PROTOCOL, r->protocol);
    model_set_text(
            m, dev, FIELD_CHARGER_PHASE_MAP, phase_map_text(d->config.charger[i].phases));
    model_set_text(m, dev, FIELD_CHARGER_BUS, u->bus >= 0 ? d->settings.bus[u->bus].id : NULL);
    model_set_text(m, dev, FIELD_CHARGER_CIRCUIT,
            u->bus >= 0 ? d->settings.circuit[d->config.charger[i].circuit].id : NULL);
    if (u->session.number > 0) {
        str_format(text, sizeof(text), "%s-%u", u->id, u->session.number);
        model_set_text(m, dev, FIELD_CHARGER_SESSION_ID, text);
    }
    model_set_text(m, dev, FIELD_CHARGER_VIN, r->vin[0] != '\0' ? r->vin : NULL);
    /* Until vehicles are configured every car that can be read is a guest. */
    model_set_text(m, dev, FIELD_CHARGER_VEHICLE, r->vin[0] != '\0' ? "guest" : NULL);
    SET_IF(r->answer_share_permille != UINT32_MAX, CHARGER_ANSWERS, r->answer_share_permille);
    SET_IF(r->heard_ms != 0, CHARGER_HEARTBEAT_AGE_MS, loop_now_ms() - r->heard_ms);
}

static void show_person(struct daemon *d, int i)
{
    struct model *m = &d->model;
    const struct unit *u = &d->unit[i];
    const struct control_out *o = &d->control.out[i];
    const struct lease *own = own_request(d, i);
    int32_t cap_ma = m->device[u->device].max_ma;
    int dev = u->device;

    SET_IF(own != NULL, CHARGER_CURRENT_LIMIT, own->value_ma);
    SET(CHARGER_CHARGING_ALLOWED, u->run.allowed);
    SET(CHARGER_MODE, u->run.mode);
    SET_IF(cap_ma > 0, CHARGER_MAX_CURRENT, u->run.max_ma >= 0 ? u->run.max_ma : cap_ma);
    SET(CHARGER_MIN_CURRENT, o->floor_ma > 0 ? o->floor_ma : FLOOR_MA);
    SET_IF(cap_ma > 0, CHARGER_BOOST_CURRENT, u->run.boost_ma >= 0 ? u->run.boost_ma : cap_ma);
    SET(CHARGER_HOLD_MINUTES, u->run.hold_min);
    SET(CHARGER_BOOST_MINUTES, u->run.boost_min);
}

void show_unit(struct daemon *d, int i)
{
    struct model *m = &d->model;
    struct unit *u = &d->unit[i];
    const struct charger_report *r = &u->report;
    const struct control_out *o = &d->control.out[i];
    int dev = u->device;
    int status = charger_status(r, &u->session, o->offer_ma, o->fault != FAULT_OK);
    /* Silence of ours that stops a car is no absence of the charger. */
    bool there = r->link == CHARGER_ONLINE || d->control.c[i].stop_started_ms != 0;
    bool on_wire = r->told_known && there;

    m->device[dev].available = there && !u->gone;
    SET_IF(status >= 0, CHARGER_STATUS, status);
    /* On the wire now: a lost frame leaves the higher of what was told and what is mirrored. */
    SET_IF(on_wire, CHARGER_OFFERED, r->told_ma);
    SET_IF(r->plugged != TRI_UNKNOWN, CHARGER_PLUGGED, r->plugged == TRI_YES);
    SET_IF(r->heard_ms != 0 && !u->session.unsure, CHARGER_CHARGING, u->session.charging);
    SET(CHARGER_PROBLEM, o->fault != FAULT_OK);
    SET(CHARGER_LIMITED_BY, o->limited_by);
    model_set_text(m, dev, FIELD_CHARGER_REASON, o->reason);
    SET(CHARGER_FAULT, o->fault);
    SET_IF(o->asked, CHARGER_REQUESTED, o->requested_ma);
    SET_IF(o->stops_left >= 0, CHARGER_STOPS_LEFT, o->stops_left);
    show_electric(d, i);
    show_identity(d, i);
    show_person(d, i);
}

void show_site(struct daemon *d)
{
    struct model *m = &d->model;
    const int dev = 1;
    int64_t power_w = 0, energy_wh = 0;
    bool power_known = true, limited = false, fallback = false;
    const struct lease *ceiling = lease_ceiling(&d->leases, LEASE_SITE, 0);

    for (int i = 0; i < d->units; i++) {
        const struct unit *u = &d->unit[i];
        const struct control_out *o = &d->control.out[i];

        if (u->gone) {
            continue;
        }
        if (u->session.charging && !u->session.power_known) {
            power_known = false;
        }
        power_w += u->session.power_known ? u->session.power_w : 0;
        energy_wh += u->shown_wh;
        limited = limited || o->limited_by == LIMITED_CIRCUIT || o->limited_by == LIMITED_SITE;
    }
    for (int i = 0; i < LEASES_MAX; i++) {
        fallback = fallback || (d->leases.row[i].id != 0 && d->leases.row[i].fallen_back);
    }
    SET_IF(power_known, SITE_CHARGER_POWER, power_w);
    SET(SITE_CHARGER_ENERGY, energy_wh);
    SET(SITE_OFFERED, d->control.site_offered_ma);
    SET(SITE_CHARGING_ALLOWED, d->site_allowed);
    SET(SITE_MODE, d->site_mode);
    SET(SITE_FALLBACK_CURRENT, d->fallback_ma);
    SET(SITE_LEASE_GRACE, d->grace_s);
    SET_IF(ceiling != NULL, SITE_CURRENT_LIMIT, ceiling->value_ma);
    SET(SITE_STATUS, d->safe_mode || !d->self_test_ok                ? SITE_PROBLEM
                     : !d->site_allowed || d->site_mode == MODE_STOP ? SITE_PAUSED
                     : fallback                                      ? SITE_FALLBACK
                     : limited                                       ? SITE_LIMITED
                                                                     : SITE_OK);
}

static int32_t least(const int32_t v[PHASES])
{
    int32_t x = v[0];

    for (int p = 1; p < PHASES; p++) {
        x = v[p] < x ? v[p] : x;
    }
    return x;
}

static void show_circuit(struct daemon *d, int i)
{
    struct model *m = &d->model;
    const struct control_circuit_out *o = &d->control.circuit[i];
    const struct lease *own = lease_ceiling(&d->leases, LEASE_CIRCUIT, i);
    int parent = d->settings.circuit[i].parent_index;
    int dev = d->circuit_device[i];
    bool blind = d->config.circuit[i].metered;
    struct buf b;
    struct jw w;

    SET(CIRCUIT_LIMIT, o->limit_ma);
    SET(CIRCUIT_HEADROOM, least(o->headroom_ma));
    for (int p = 0; p < PHASES; p++) {
        model_set(m, dev, FIELD_CIRCUIT_OFFERED_L1 + (unsigned)p, o->offered_ma[p]);
        model_set(m, dev, FIELD_CIRCUIT_LIMIT_L1 + (unsigned)p, o->limit_ma);
        model_set(m, dev, FIELD_CIRCUIT_HEADROOM_L1 + (unsigned)p, o->headroom_ma[p]);
    }
    SET(CIRCUIT_OVER_LIMIT, o->over);
    SET_IF(own != NULL, CIRCUIT_CURRENT_LIMIT, own->value_ma);
    for (int p = 0; p < PHASES; p++) {
        int32_t ma = 0;
        bool known = energy_circuit_ma(d, i, p, &ma);

        blind = blind && !known;
        if (known) {
            model_set(m, dev, FIELD_CIRCUIT_CURRENT_L1 + (unsigned)p, ma);
        } else {
            model_set_unknown(m, dev, FIELD_CIRCUIT_CURRENT_L1 + (unsigned)p);
        }
    }
    SET(CIRCUIT_STATUS, o->over       ? CIRCUIT_OVER_LIMIT
                        : blind       ? CIRCUIT_NO_DATA
                        : o->limiting ? CIRCUIT_LIMITING
                                      : CIRCUIT_OK);
    model_set_text(
            m, dev, FIELD_CIRCUIT_PARENT, parent >= 0 ? d->settings.circuit[parent].id : NULL);
    buf_init(&b, MODEL_JSON_ROOM - 1);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (int c = 0; c < d->units; c++) {
        if (d->unit[c].bus >= 0 && d->config.charger[c].circuit == i && !d->unit[c].gone) {
            jw_str(&w, NULL, d->unit[c].id);
        }
    }
    jw_array_end(&w);
    if (buf_ok(&b)) {
        model_set_json(m, dev, FIELD_CIRCUIT_CHARGERS, buf_text(&b));
    }
    buf_finish(&b);
}

void show_circuits(struct daemon *d)
{
    for (int i = 0; i < d->settings.circuit_count; i++) {
        show_circuit(d, i);
    }
}

/* One value in force; scope: "" or what stands before the owner, such as "site:". */
static void write_lease(struct jw *w, const char *scope, const struct lease *l)
{
    char until[STR_TIME_ROOM], owner[LEASE_OWNER_ROOM + 8];

    str_format(owner, sizeof(owner), "%s%s", scope, l->owner);
    jw_open(w, NULL);
    jw_str(w, "owner", owner);
    jw_str(w, "kind", l->kind == LEASE_REQUEST ? "request" : "ceiling");
    jw_decimal(w, "value", l->value_ma, 3, 2);
    if (l->expires_ms != 0) {
        str_time(until, wall_of(l->expires_ms));
    }
    jw_str(w, "until", l->expires_ms != 0 ? until : NULL);
    jw_str(w, "reason", l->reason[0] != '\0' ? l->reason : NULL);
    jw_close(w);
}

/* A switch that is off and a mode that stops are ceilings of 0 A. */
static void write_stop(struct jw *w, const char *scope, const char *owner, int64_t until_ms)
{
    struct lease l = {.kind = LEASE_CEILING, .expires_ms = until_ms};

    str_copy(l.owner, sizeof(l.owner), owner);
    str_copy(l.reason, sizeof(l.reason), "set by a person");
    write_lease(w, scope, &l);
}

static void write_stops(const struct daemon *d, struct jw *w, int i)
{
    const struct unit_run *run = &d->unit[i].run;

    if (!run->allowed) {
        write_stop(w, "", "charging_allowed", run->allowed_until_ms);
    }
    if (run->mode == MODE_STOP) {
        write_stop(w, "", "mode", run->mode_until_ms);
    }
    if (!d->site_allowed) {
        write_stop(w, "site:", "charging_allowed", d->site_allowed_until_ms);
    }
    if (d->site_mode == MODE_STOP) {
        write_stop(w, "site:", "mode", d->site_mode_until_ms);
    }
}

/* The limits of circuits above a charger read as ceilings too. */
static void write_circuits(struct daemon *d, struct jw *w, int i)
{
    int c = d->unit[i].bus >= 0 ? d->config.charger[i].circuit : -1;

    for (; c >= 0; c = d->config.circuit[c].parent) {
        char owner[80], reason[48];

        str_format(owner, sizeof(owner), "circuit:%s", d->settings.circuit[c].id);
        str_format(reason, sizeof(reason), "limit %d A", d->control.circuit[c].limit_ma / 1000);
        jw_open(w, NULL);
        jw_str(w, "owner", owner);
        jw_str(w, "kind", "ceiling");
        jw_decimal(w, "value", d->control.circuit[c].limit_ma, 3, 2);
        jw_null(w, "until");
        jw_str(w, "reason", reason);
        jw_close(w);
    }
}

static void show_list(struct daemon *d, int i, enum lease_kind kind, enum field_id field)
{
    struct buf b;
    struct jw w;

    buf_init(&b, MODEL_JSON_ROOM - 1);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (int k = 0; k < LEASES_MAX; k++) {
        const struct lease *l = &d->leases.row[k];

        if (l->id != 0 && l->kind == kind &&
                (l->scope == LEASE_SITE || (l->scope == LEASE_CHARGER && l->index == i))) {
            write_lease(&w, l->scope == LEASE_SITE ? "site:" : "", l);
        }
    }
    if (kind == LEASE_CEILING) {
        write_stops(d, &w, i);
        write_circuits(d, &w, i);
    }
    jw_array_end(&w);
    /* A list that does not fit is not known, which is better than an old one. */
    model_set_json(&d->model, d->unit[i].device, field, buf_ok(&b) ? buf_text(&b) : NULL);
    buf_finish(&b);
}

static const struct lease *lease_by_id(const struct daemon *d, uint32_t id)
{
    for (int i = 0; id != 0 && i < LEASES_MAX; i++) {
        if (d->leases.row[i].id == id) {
            return &d->leases.row[i];
        }
    }
    return NULL;
}

static uint64_t mix(uint64_t mark, int64_t v)
{
    return (mark ^ (uint64_t)v) * UINT64_C(1099511628211); /* FNV-1a, whole numbers at a time */
}

/* A number that differs when one of the two lists does: writing them costs more than all the rest
 * of a step. */
static uint64_t lists_mark(const struct daemon *d, int i)
{
    const struct unit_run *run = &d->unit[i].run;
    int c = d->unit[i].bus >= 0 ? d->config.charger[i].circuit : -1;
    uint64_t mark = mix(UINT64_C(14695981039346656037), d->leases.changes);

    mark = mix(mark, (loop_utc_ms() - loop_now_ms() + 500) / 1000);
    mark = mix(mix(mark, run->allowed), run->allowed_until_ms);
    mark = mix(mix(mark, run->mode), run->mode_until_ms);
    mark = mix(mix(mark, d->site_allowed), d->site_allowed_until_ms);
    mark = mix(mix(mark, d->site_mode), d->site_mode_until_ms);
    for (; c >= 0; c = d->config.circuit[c].parent) {
        mark = mix(mix(mark, c), d->control.circuit[c].limit_ma);
    }
    return mark;
}

static void show_lists(struct daemon *d, int i)
{
    uint64_t mark = lists_mark(d, i);

    if (mark != d->unit[i].lists_mark) {
        show_list(d, i, LEASE_REQUEST, FIELD_CHARGER_REQUESTS);
        show_list(d, i, LEASE_CEILING, FIELD_CHARGER_CEILINGS);
        d->unit[i].lists_mark = mark;
    }
}

void show_leases(struct daemon *d)
{
    struct model *m = &d->model;

    for (int i = 0; i < d->units; i++) {
        const struct lease *l = lease_by_id(d, d->control.out[i].winner);
        int64_t end_ms = !l ? 0 : l->expires_ms;
        int dev = d->unit[i].device;

        if (l && l->lost_ms != 0 && (end_ms == 0 || l->lost_ms < end_ms)) {
            end_ms = l->lost_ms;
        }
        model_set_text(m, dev, FIELD_CHARGER_OWNER, l ? l->owner : NULL);
        SET_IF(end_ms != 0, CHARGER_LEASE_END, wall_of(end_ms));
        SET(CHARGER_DECISION, (int64_t)d->control.decision_id);
        show_lists(d, i);
    }
}
