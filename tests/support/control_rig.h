/*
 * control_rig - a world around control_step with a fake clock: chargers that mirror and draw.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_CONTROL_RIG_H
#define TESTS_SUPPORT_CONTROL_RIG_H

#include "bridge/core/control.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { RIG_MAX = 6, RIG_START_MS = 1000000 };

struct rig_world {
    struct control control;
    struct control_config config;
    struct charger_report report[RIG_MAX];
    struct lease_table leases;
    struct decision decisions[DECISIONS_MAX];
    bool allowed[RIG_MAX], silence[RIG_MAX];
    bool site_allowed, closing;
    int decided;
    int64_t now_ms;
};

static inline void rig_init(struct rig_world *w, int chargers, int32_t limit_ma)
{
    memset(w, 0, sizeof(*w));
    control_init(&w->control);
    lease_init(&w->leases);
    w->now_ms = RIG_START_MS;
    w->site_allowed = true;
    w->config.circuits = 1;
    snprintf(w->config.circuit[0].name, sizeof(w->config.circuit[0].name), "garage");
    w->config.circuit[0].parent = -1;
    w->config.circuit[0].limit_ma = limit_ma;
    w->config.chargers = chargers;
    w->config.fallback_ma = 6000;
    w->config.time = (struct control_times){10000, 60000, 60000, 60000, 60000, 900000, 10000,
            15000, 2500};
    for (int i = 0; i < chargers; i++) {
        struct charger_report *r = &w->report[i];

        w->config.charger[i] = (struct control_charger){.max_ma = MA_MAX, .min_ma = FLOOR_MA,
                .default_ma = -1, .priority = 5, .present = true};
        w->allowed[i] = w->silence[i] = true;
        r->link = CHARGER_ONLINE;
        r->protocol = 2;
        r->hw_max_ma = 32000;
        r->plugged = TRI_YES;
        r->plugged_ms = w->now_ms - 600000 + i;
        r->counter_wh = -1;
        r->sent_ms = r->heard_ms = w->now_ms;
    }
}

static inline void rig_step(struct rig_world *w)
{
    struct control_in in = {.config = &w->config, .report = w->report, .leases = &w->leases,
            .site_allowed = w->site_allowed, .allowed = w->allowed,
            .stop_by_silence = w->silence, .closing = w->closing};

    control_step(&w->control, &in, w->now_ms, w->decisions, &w->decided);
}

/* The bus sends what was decided and the charger mirrors it; the car draws draw_ma. */
static inline void rig_answer(struct rig_world *w, int i, int32_t draw_ma)
{
    struct charger_report *r = &w->report[i];

    if (w->control.out[i].transmit) {
        r->told_known = true;
        r->told_ma = w->control.out[i].offer_ma;
        r->told_ms = r->sent_ms = r->heard_ms = w->now_ms;
        r->mirror_ma = r->told_ma;
        r->draw_ma = draw_ma;
    }
}

/* n seconds in which every charger is told, mirrors, and draws what it is offered. */
static inline void rig_run(struct rig_world *w, int seconds)
{
    for (int s = 0; s < seconds; s++) {
        rig_step(w);
        for (int i = 0; i < w->config.chargers; i++) {
            if (w->report[i].link == CHARGER_ONLINE) {
                rig_answer(w, i, w->control.out[i].offer_ma);
            }
        }
        w->now_ms += 1000;
    }
    rig_step(w);
}

static inline void rig_ask(struct rig_world *w, int i, int32_t ma)
{
    struct lease l = {.kind = LEASE_REQUEST, .scope = LEASE_CHARGER, .index = i,
            .hold = LEASE_FOR, .value_ma = ma, .priority = 5, .since_ms = w->now_ms};
    struct lease_end replaced;

    snprintf(l.owner, sizeof(l.owner), "mqtt");
    assert_non_null(lease_put(&w->leases, &l, &replaced));
    w->control.c[i].owner_spoke_ms = w->now_ms;
}

static inline void rig_limit(struct rig_world *w, enum lease_scope scope, int i, int32_t ma)
{
    struct lease l = {.kind = LEASE_CEILING, .scope = scope, .index = i, .hold = LEASE_STORED,
            .value_ma = ma, .priority = 5, .since_ms = w->now_ms};
    struct lease_end replaced;

    snprintf(l.owner, sizeof(l.owner), "ems");
    assert_non_null(lease_put(&w->leases, &l, &replaced));
}

static inline int32_t rig_offer(const struct rig_world *w, int i)
{
    return w->control.out[i].offer_ma;
}

#endif
