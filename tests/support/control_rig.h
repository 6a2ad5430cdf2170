/*
 * control_rig - a world around control_step with a fake clock: chargers that mirror and draw.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_CONTROL_RIG_H
#define TESTS_SUPPORT_CONTROL_RIG_H

#include "bridge/core/control.h"
#include "tests/support/test.h"

#include <stdio.h>

struct control_rig {
    struct control c;
    struct control_config cfg;
    struct charger_report r[CHARGERS_MAX];
    struct lease_table leases;
    const struct control_meter *meter; /* [circuits] */
    bool allowed[CHARGERS_MAX], silence[CHARGERS_MAX];
    bool site_allowed, closing;
    int64_t now_ms, next_ms;
    struct decision d[DECISIONS_MAX];
    int decisions;
};

/* One circuit, chargers on all of its phases, hardware of 32 A, online, told 0 and idle. */
static inline void rig_init(
        struct control_rig *g, int chargers, int32_t limit_ma, uint8_t protocol)
{
    memset(g, 0, sizeof(*g));
    control_init(&g->c);
    lease_init(&g->leases);
    g->now_ms = 1000000;
    g->site_allowed = true;
    g->cfg.circuits = 1;
    g->cfg.chargers = chargers;
    g->cfg.fallback_ma = 6000;
    g->cfg.stop_budget = 2;
    g->cfg.circuit[0] = (struct control_circuit){.name = "garage", .parent = -1};
    g->cfg.circuit[0].limit_ma = limit_ma;
    g->cfg.time = (struct control_times){
            10000, 60000, 60000, 60000, 60000, 900000, 10000, 15000, 2500};
    for (int i = 0; i < chargers; i++) {
        g->cfg.charger[i] = (struct control_charger){.name = "left",
                .circuit = 0,
                .phases = PHASE_MAP_L1L2L3,
                .max_ma = MA_MAX,
                .min_ma = FLOOR_MA,
                .default_ma = -1,
                .priority = 5,
                .present = true};
        g->r[i] = (struct charger_report){.link = CHARGER_ONLINE,
                .protocol = protocol,
                .hw_max_ma = 32000,
                .told_known = true,
                .told_ms = g->now_ms - 1000,
                .sent_ms = g->now_ms - 1000,
                .heard_ms = g->now_ms - 900,
                .plugged = TRI_UNKNOWN,
                .counter_wh = -1};
        g->allowed[i] = g->silence[i] = true;
    }
}

/* The same of protocol 2, not told anything yet, with a car at each for ten minutes. */
static inline void rig_init_plugged(struct control_rig *g, int chargers, int32_t limit_ma)
{
    rig_init(g, chargers, limit_ma, 2);
    for (int i = 0; i < chargers; i++) {
        g->r[i].told_known = false;
        g->r[i].told_ms = 0;
        g->r[i].sent_ms = g->r[i].heard_ms = g->now_ms;
        g->r[i].plugged = TRI_YES;
        g->r[i].plugged_ms = g->now_ms - 600000 + i;
    }
}

static inline void rig_step(struct control_rig *g)
{
    struct control_in in = {.config = &g->cfg,
            .report = g->r,
            .meter = g->meter,
            .leases = &g->leases,
            .site_allowed = g->site_allowed,
            .allowed = g->allowed,
            .stop_by_silence = g->silence,
            .closing = g->closing};

    g->next_ms = control_step(&g->c, &in, g->now_ms, g->d, &g->decisions);
    assert_true(g->next_ms > g->now_ms && g->next_ms <= g->now_ms + 1000);
    check_i64((int64_t)g->c.checker_refusals, 0);
    for (int i = 0; i < g->cfg.chargers; i++) {
        const struct control_out *o = &g->c.out[i];

        check_i64(offer_ma(o->offer), o->offer_ma);
        check_i64(offer_stamp_ms(o->offer), g->now_ms);
        check_i64(o->offer_ma % 1000, 0);
        assert_true(o->offer_ma == 0 || o->offer_ma >= o->floor_ma);
        assert_true(strlen(o->reason) < REASON_ROOM);
    }
}

/* The offer goes on the wire now and is answered: the charger mirrors it and draws draw_ma. */
static inline void rig_wire(struct control_rig *g, int i, int32_t draw_ma)
{
    struct charger_report *r = &g->r[i];

    if (!g->c.out[i].transmit) {
        return;
    }
    r->link = CHARGER_ONLINE;
    r->told_known = true;
    r->told_ma = g->c.out[i].offer_ma;
    r->told_ms = r->sent_ms = g->now_ms - 50;
    r->heard_ms = g->now_ms;
    r->readback_due = false;
    r->mirror_ma = r->told_ma == 0 && r->protocol == 2 ? STUCK_FLOOR_MA : r->told_ma;
    r->draw_ma = draw_ma;
    r->quiet_ms = 0;
}

/* It answers the message that only asked it to go on. */
static inline void rig_read_back(struct control_rig *g, int i, int32_t mirror_ma)
{
    g->r[i].link = CHARGER_ONLINE;
    g->r[i].sent_ms = g->now_ms - 50;
    g->r[i].heard_ms = g->now_ms;
    g->r[i].mirror_ma = mirror_ma;
    g->r[i].draw_ma = mirror_ma;
    g->r[i].readback_due = false;
}

enum { RIG_OBEY = -1 };

/* Seconds pass; each charger answers each second and draws draw_ma, or what it is offered. */
static inline void rig_run(struct control_rig *g, int seconds, int32_t draw_ma)
{
    for (int s = 0; s < seconds; s++) {
        g->now_ms += 1000;
        for (int i = 0; i < g->cfg.chargers; i++) {
            if (g->r[i].link == CHARGER_ONLINE && g->c.out[i].offer) {
                rig_wire(g, i, draw_ma == RIG_OBEY ? g->c.out[i].offer_ma : draw_ma);
            }
        }
        rig_step(g);
    }
}

static inline const struct lease *rig_lease(struct control_rig *g, struct lease l)
{
    struct lease_end end;

    l.since_ms = g->now_ms;
    l.priority = l.priority ? l.priority : 5;
    if (l.owner[0] == '\0') {
        snprintf(l.owner, sizeof(l.owner), "mqtt");
    }
    const struct lease *row = lease_put(&g->leases, &l, &end);

    assert_non_null(row);
    return row;
}

static inline void rig_request(struct control_rig *g, int i, enum lease_hold hold, int32_t ma)
{
    rig_lease(g, (struct lease){.kind = LEASE_REQUEST,
                         .scope = LEASE_CHARGER,
                         .index = i,
                         .hold = hold,
                         .value_ma = ma});
}

/* A request that stands, of an owner who has not spoken since the start. */
static inline void rig_ask(struct control_rig *g, int i, int32_t ma)
{
    rig_request(g, i, LEASE_STORED, ma);
}

/* A request for a time, made now: its owner is alive. */
static inline void rig_ask_alive(struct control_rig *g, int i, int32_t ma)
{
    rig_request(g, i, LEASE_FOR, ma);
    g->c.c[i].owner_spoke_ms = g->now_ms;
}

static inline void rig_ceiling(struct control_rig *g, enum lease_scope scope, int i, int32_t ma)
{
    rig_lease(g, (struct lease){.kind = LEASE_CEILING,
                         .scope = scope,
                         .index = i,
                         .hold = LEASE_STORED,
                         .value_ma = ma});
}

static inline int32_t rig_offer(const struct control_rig *g, int i)
{
    return g->c.out[i].offer_ma;
}

#endif
