/*
 * meter - a charger whose truth is known, and the session that counts it, on a fake clock.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_METER_H
#define TESTS_SUPPORT_METER_H

#include "bridge/base/macros.h"
#include "bridge/core/session.h"
#include "tests/support/test.h"

enum { HOUR_MS = 3600000, UTC_MS = 1000000000 };

/* A charger whose truth is known: what it delivers, what its counter shows, what it is asked. */
struct meter {
    struct session s;
    struct session_config c;
    struct charger_report r;
    int64_t now_ms;
    int64_t truth_mwms; /* delivered */
    int64_t start_mwms; /* what its counter had below the last kWh, at the start */
    int32_t phases;     /* of the car */
    int32_t draw_ma;
    int32_t volts;
    bool counts, speaks_volts, powered; /* it has FD EB */
    int64_t poll_ms;
    uint32_t events;
    int64_t least_wh; /* what was shown so far: must never fall */
};

static inline int64_t wh(int64_t mwms)
{
    return mwms / INT64_C(3600000000);
}

static inline int64_t truth_wh(const struct meter *m)
{
    return wh(m->truth_mwms);
}

static inline void meter_init(struct meter *m, int32_t phases, int32_t draw_ma)
{
    memset(m, 0, sizeof(*m));
    session_init(&m->s);
    m->c = (struct session_config){
            .phases = phases == 3 ? PHASE_MAP_L1L2L3 : PHASE_MAP_L1, .nominal_mv = 230000};
    m->now_ms = 5000;
    m->phases = phases;
    m->draw_ma = draw_ma;
    m->volts = 230;
    m->poll_ms = 60000;
    m->r = (struct charger_report){.link = CHARGER_ONLINE,
            .protocol = 1,
            .counter_wh = -1,
            .plugged = TRI_UNKNOWN,
            .phase_ma = {-1, -1, -1},
            .heard_ms = 1};
}

static inline void protocol_2(struct meter *m, bool counts)
{
    m->r.protocol = 2;
    m->r.plugged = TRI_YES;
    m->powered = true;
    m->speaks_volts = true;
    m->counts = counts;
}

static inline void poll(struct meter *m)
{
    m->r.power_ms = m->now_ms;
    for (int p = 0; p < PHASES; p++) {
        bool used = p < m->phases;

        m->r.volt_mv[p] = used ? m->volts * 1000 : 0;
        m->r.phase_ma[p] = used ? (m->draw_ma + 250) / 500 * 500 : 0;
    }
    if (m->counts) {
        m->r.counter_wh = 1234000 + wh(m->start_mwms + m->truth_mwms) / 1000 * 1000;
    }
}

static inline void step(struct meter *m)
{
    m->r.heard_ms = m->now_ms;
    m->r.draw_ma = m->draw_ma;
    m->events |= session_step(&m->s, &m->c, &m->r, m->now_ms, UTC_MS + m->now_ms);
    assert_true(m->s.energy_wh >= m->least_wh);
    m->least_wh = m->s.energy_wh;
}

static inline void pass(struct meter *m, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 500) {
        m->now_ms += 500;
        m->truth_mwms += (int64_t)m->draw_ma * m->volts * m->phases * 500;
        if (m->powered && (m->r.power_ms == 0 || m->now_ms - m->r.power_ms >= m->poll_ms)) {
            poll(m);
        }
        step(m);
    }
}

/* The process ends, is away for gap_ms, and comes back. */
static inline void restart(struct meter *m, int64_t gap_ms)
{
    struct session old = m->s;

    session_init(&m->s);
    session_restore(&m->s, old.energy_wh, old.rest_mwms / 1000, old.counter_wh,
            old.anchored ? old.anchor_wh : INT64_MIN);
    m->s.session_wh = old.session_wh;
    m->s.session_start_utc_ms = old.session_start_utc_ms;
    m->s.number = old.number;
    m->s.open = old.open;
    m->s.starts = old.starts;
    m->s.waiting = true;
    m->truth_mwms += (int64_t)m->draw_ma * m->volts * m->phases * gap_ms;
    m->now_ms += gap_ms;
    m->r.heard_ms = 0;
    m->r.power_ms = 0;
    m->r.counter_wh = -1;
    if (m->powered) {
        memset(m->r.volt_mv, 0, sizeof(m->r.volt_mv));
    }
    session_step(&m->s, &m->c, &m->r, m->now_ms, UTC_MS + m->now_ms); /* nothing heard yet */
    check_i64(m->s.energy_wh, old.energy_wh);
    m->now_ms += 500;
    m->truth_mwms += (int64_t)m->draw_ma * m->volts * m->phases * 500;
    if (m->powered) {
        poll(m);
    }
    step(m);
    m->s.waiting = false;
    session_bridge_gap(&m->s, old.power_w, gap_ms + 500);
    check_i64(m->s.number, old.number);
}

#endif
