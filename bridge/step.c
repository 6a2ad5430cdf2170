/*
 * step - runs the pure control step and applies what it gives. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <string.h>

static int32_t or_else(int32_t v, int32_t unset)
{
    return v == OPT_UNSET ? unset : v;
}

static int circuit_of(const struct daemon *d, const struct unit *u)
{
    return u->bus >= 0 ? d->settings.bus[u->bus].circuit_index : 0;
}

static void config_unit(struct daemon *d, int i)
{
    const struct unit *u = &d->unit[i];
    struct control_charger *c = &d->config.charger[i];
    const struct charger_settings *s = u->settings >= 0 ? &d->settings.charger[u->settings] : NULL;
    int32_t min_ma = s ? or_else(s->min_ma, FLOOR_MA) : FLOOR_MA;

    memset(c, 0, sizeof(*c));
    str_copy(c->name, sizeof(c->name), d->model.device[u->device].name);
    c->circuit = circuit_of(d, u);
    c->phases = s ? (enum phase_map)s->phases : PHASE_MAP_UNKNOWN;
    c->max_is_set = s && s->max_ma != OPT_UNSET;
    c->max_ma = s ? or_else(s->max_ma, MA_MAX) : MA_MAX;
    c->min_ma = u->run.min_ma > 0 ? u->run.min_ma : min_ma;
    c->default_ma = s ? or_else(s->default_ma, -1) : -1;
    c->priority = (uint8_t)(s ? s->priority : 5);
}

void step_config(struct daemon *d)
{
    const struct safety_settings *f = &d->settings.safety;
    struct control_config *c = &d->config;

    c->circuits = d->settings.circuit_count;
    c->chargers = d->units;
    for (int i = 0; i < c->circuits; i++) {
        str_copy(c->circuit[i].name, sizeof(c->circuit[i].name), d->settings.circuit[i].name);
        c->circuit[i].parent = d->settings.circuit[i].parent_index;
        c->circuit[i].limit_ma = d->settings.circuit[i].effective_limit_ma;
        c->circuit[i].stale_headroom_ma = d->settings.circuit[i].stale_headroom_ma;
        c->circuit[i].metered = circuit_meter_source(&d->settings, i) >= 0;
    }
    for (int i = 0; i < d->units; i++) {
        config_unit(d, i);
    }
    c->time = (struct control_times){
            .silent_ms = 10000,
            .silent_book_ms = (int64_t)f->silent_book_s * 1000,
            .quiet_book_ms = (int64_t)f->silent_book_s * 1000,
            .warm_hold_ms = (int64_t)f->warm_hold_s * 1000,
            .rest_ms = 60000,
            .rotate_ms = (int64_t)f->rotate_s * 1000,
            .overdraw_ms = (int64_t)f->overdraw_s * 1000,
            .overdraw_stop_ms = (int64_t)f->overdraw_stop_s * 1000,
            .mirror_fresh_ms = 2500,
    };
    c->stop_budget = f->stop_budget;
    c->fallback_ma = d->fallback_ma;
}

static bool unit_allowed(const struct unit *u)
{
    return u->run.allowed && u->run.mode != MODE_STOP && !u->gone;
}

static void tell_decision(struct daemon *d, const struct decision *x, int64_t utc_ms)
{
    const struct unit *u = &d->unit[x->charger];

    log_info("control", "%s: %s", d->model.device[u->device].name, x->reason);
    if (d->store) {
        store_put_decision(d->store, x, u->id, utc_ms);
    }
}

/* New faults and cleared ones, as events. */
static void tell_fault(struct daemon *d, int i)
{
    struct unit *u = &d->unit[i];
    enum charger_fault now = d->control.out[i].fault;
    const char *name = d->model.device[u->device].name;

    if (now == u->fault) {
        return;
    }
    if (now == FAULT_OK) {
        log_notice("control", "%s: fault %s is over", name, charger_fault_names[u->fault]);
        event_emit(d, i, "fault_cleared", ",\"fault\":\"%s\"", charger_fault_names[u->fault]);
    } else {
        log_warning("control", "%s: fault %s", name, charger_fault_names[now]);
        event_emit(d, i, now == FAULT_STILL_DRAWING ? "still_drawing" : "fault",
                ",\"fault\":\"%s\",\"message\":\"%s\"", charger_fault_names[now],
                charger_fault_texts[now]);
        if (now == FAULT_DRAWS_TOO_MUCH) {
            evidence_of(d, u->bus, charger_fault_names[now]);
        }
    }
    u->fault = now;
}

/* An alarm when a charger is left out because its 6 A do not fit, once. */
static void tell_left_out(struct daemon *d, int i)
{
    struct unit *u = &d->unit[i];
    bool left_out = u->slot >= 0 && !d->control.c[i].admitted;

    if (left_out && !u->left_out) {
        log_warning("control", "%s is not linked: its 6 A do not fit its circuit beside the others",
                d->model.device[u->device].name);
        event_emit(d, i, "problem", ",\"message\":\"its 6 A do not fit its circuit\"");
    }
    u->left_out = left_out;
}

/* Why control lets us say nothing to it, for the event of the gap. */
static const char *not_linked(const struct unit *u, const struct control_state_charger *c)
{
    if (u->gone) {
        return "a person removed the charger";
    }
    return c->stop_started_ms != 0 ? "stopped by silence"
                                   : "not linked: it waits for room on its circuit";
}

static void apply(struct daemon *d)
{
    for (int i = 0; i < d->units; i++) {
        struct unit *u = &d->unit[i];
        const struct control_out *o = &d->control.out[i];

        if (!o->transmit || u->gone) {
            u->not_linked = not_linked(u, &d->control.c[i]);
        }
        if (u->slot >= 0 && u->bus >= 0 && d->bus[u->bus].self) {
            const struct bus_unit *b = &d->bus[u->bus];

            b->adapter->offer(b->self, u->slot, o->offer, o->transmit && !u->gone);
        }
        tell_fault(d, i);
        tell_left_out(d, i);
    }
    for (int b = 0; b < d->settings.bus_count; b++) {
        if (d->bus[b].self) {
            d->bus[b].adapter->turn(d->bus[b].self);
        }
    }
}

/* What was sent since the last answer counts now: a step on an older picture would free amps that
 * are on the wire. */
static void refresh(struct daemon *d, struct unit *u)
{
    if (u->slot >= 0 && u->bus >= 0 && d->bus[u->bus].self) {
        u->report = *bus_report(d->bus[u->bus].adapter->bus(d->bus[u->bus].self), u->slot);
    }
}

void step_run(struct daemon *d)
{
    struct decision decisions[DECISIONS_MAX];
    bool allowed[CHARGERS_MAX], silence[CHARGERS_MAX];
    int64_t now_ms = loop_now_ms();
    int64_t utc_ms = loop_utc_ms();
    int n = 0;

    d->model.utc_ms = utc_ms;
    run_expire(d, now_ms);
    for (int i = 0; i < d->units; i++) {
        refresh(d, &d->unit[i]);
        d->config.charger[i].present = d->unit[i].slot >= 0 && !d->unit[i].gone;
        d->report[i] = d->unit[i].report;
        allowed[i] = unit_allowed(&d->unit[i]);
        silence[i] = true; /* bounded by control: safety.stop_budget */
    }

    struct control_in in = {
            .config = &d->config,
            .report = d->report,
            .meter = energy_meters(d, now_ms),
            .leases = &d->leases,
            .ended = lease_over,
            .ended_user = d,
            .site_allowed = d->site_allowed && d->site_mode != MODE_STOP,
            .allowed = allowed,
            .stop_by_silence = silence,
            .closing = d->stopping,
    };
    int64_t next_ms = control_step(&d->control, &in, now_ms, decisions, &n);

    apply(d);
    for (int i = 0; i < n; i++) {
        tell_decision(d, &decisions[i], utc_ms);
    }
    for (int i = 0; i < d->units; i++) {
        unit_describe(d, i); /* caps follow the step */
        show_unit(d, i);
    }
    evidence_circuits(d);
    show_circuits(d);
    show_site(d);
    show_leases(d);
    d->stepped_ms = now_ms;
    d->tick_due_ms = next_ms;
    oneshot_start(d->tick, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 1);
}
