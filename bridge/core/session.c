/*
 * session - see session.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/session.h"

#include <string.h>

enum {
    STEP_MAX_MS = 10000,    /* a longer pause between steps is bridged, not integrated */
    POWER_FRESH_MS = 90000, /* volts and phase currents of FD EB */
    OFF_DEBOUNCE_MS = 5000,
    AWAY_STOPS_MS =
            35000, /* a charger that hears nobody opens its contactor after 20 to 30 s */
    END_UNKNOWN_MS = 600000, /* a session ends after this time without a draw, plug unknown */
    COUNTER_JUMP_WH = 50000, /* a larger step of the counter is a glitch (protocol 2.3) */
    COUNTER_STEP_WH = 1000,
};

static const int64_t MWMS_PER_WH = 3600000000; /* mW x ms */

const char *const session_why_words[] = {
        "", "unplugged", "unplugged_while_away", "no_draw", "removed", NULL};

void session_init(struct session *s)
{
    memset(s, 0, sizeof(*s));
    s->counter_wh = -1;
}

void session_restore(struct session *s, int64_t energy_wh, int64_t rest_mws, int64_t counter_wh,
        int64_t anchor_wh)
{
    s->energy_wh = energy_wh > 0 ? energy_wh : 0;
    s->rest_mwms = rest_mws > 0 && rest_mws < MWMS_PER_WH / 1000 ? rest_mws * 1000 : 0;
    s->counter_wh = counter_wh;
    s->anchored = anchor_wh != INT64_MIN && counter_wh >= 0;
    s->anchor_wh = s->anchored ? anchor_wh : 0;
}

static int phases_of(enum phase_map m)
{
    static const int8_t n[] = {
            [PHASE_MAP_UNKNOWN] = 0,
            [PHASE_MAP_L1] = 1,
            [PHASE_MAP_L2] = 1,
            [PHASE_MAP_L3] = 1,
            [PHASE_MAP_L1L2] = 2,
            [PHASE_MAP_L1L2L3] = 3,
    };

    return n[m];
}

/* Phases that carry current, by measurement; 0: not known. */
static int measured_phases(const struct charger_report *r)
{
    int n = 0;

    for (int p = 0; p < PHASES; p++) {
        n += r->phase_ma[p] >= DRAW_ZERO_MA;
    }
    return n;
}

/* Sum of volts x current over the phases in use; the heartbeat's current is the fullest phase's
 * and newer, so it scales the currents of FD EB, which come in half amperes and rarely. */
static int64_t power_of_volts(
        struct session *s, const struct charger_report *r, int32_t draw_ma)
{
    int64_t mw = 0;
    int32_t most_ma = 0;
    bool currents = measured_phases(r) > 0;

    for (int p = 0; p < PHASES; p++) {
        most_ma = r->phase_ma[p] > most_ma ? r->phase_ma[p] : most_ma;
    }
    s->phases_used = currents ? measured_phases(r) : 0;
    for (int p = 0; p < PHASES; p++) {
        int64_t ma = draw_ma;

        if (r->volt_mv[p] <= 0) {
            continue;
        }
        if (currents) {
            /* Half-ampere steps: phases within one step of the fullest carry the same. */
            ma = r->phase_ma[p] >= DRAW_ZERO_MA
                         ? (most_ma - r->phase_ma[p] <= 500
                                           ? draw_ma
                                           : (int64_t)draw_ma * r->phase_ma[p] / most_ma)
                         : 0;
        }
        mw += r->volt_mv[p] * ma / 1000;
    }
    return mw;
}

static void power(struct session *s, const struct session_config *c,
        const struct charger_report *r, int64_t now_ms)
{
    int32_t draw_ma = charger_draw_ma(r);
    bool live = r->heard_ms != 0 && (r->link == CHARGER_ONLINE || r->link == CHARGER_SILENT);
    bool volts = r->power_ms != 0 && now_ms - r->power_ms <= POWER_FRESH_MS &&
                 (r->volt_mv[0] > 0 || r->volt_mv[1] > 0 || r->volt_mv[2] > 0);
    int64_t mw;

    s->power_known = live;
    s->phases_used = 0;
    if (!live) {
        s->power_w = 0;
        return;
    }
    if (volts) {
        mw = power_of_volts(s, r, draw_ma);
        s->power_estimated = false;
    } else {
        int n = phases_of(c->phases);

        s->power_estimated = true;
        mw = (int64_t)c->nominal_mv * draw_ma / 1000 * (n > 0 ? n : 1);
    }
    s->power_w = (mw + 500) / 1000;
    s->power_mw = mw;
}

static void add(struct session *s, int64_t mwms)
{
    int64_t wh;

    s->rest_mwms += mwms;
    wh = s->rest_mwms / MWMS_PER_WH;
    if (wh <= 0) {
        return;
    }
    s->rest_mwms -= wh * MWMS_PER_WH;
    s->energy_wh += wh;
    if (s->open) {
        s->session_wh += wh;
    }
}

/* The counter shows whole kWh: since the anchor the truth lies within (steps - 1, steps + 1).
 * Below that we jump up; above it we wait until the counter has caught up. Never down. The
 * upper bound holds at the moment of a reading only: the counter runs on until the next one. */
static bool may_count(struct session *s, const struct charger_report *r)
{
    int64_t own, counted;

    if (r->counter_wh < 0) {
        return true;
    }
    if (!s->anchored || r->counter_wh < s->counter_wh ||
            r->counter_wh - s->counter_wh > COUNTER_JUMP_WH) {
        s->anchored = true;
        s->counter_wh = r->counter_wh;
        s->anchor_wh = s->energy_wh - r->counter_wh;
        s->ahead = false;
        return true;
    }
    s->counter_wh = r->counter_wh;
    own = s->energy_wh - s->anchor_wh; /* what the counter would show by our count */
    counted = r->counter_wh;
    if (own < counted - COUNTER_STEP_WH) {
        int64_t missing = counted - COUNTER_STEP_WH - own;

        s->energy_wh += missing;
        s->session_wh += s->open ? missing : 0;
    }
    if (r->power_ms != s->read_ms) {
        s->read_ms = r->power_ms;
        s->ahead = own >= counted + COUNTER_STEP_WH;
    }
    return !s->ahead;
}

static uint32_t begin(struct session *s, int64_t utc_ms)
{
    s->open = true;
    s->number++;
    s->session_wh = 0;
    s->session_start_utc_ms = utc_ms;
    s->session_end_utc_ms = 0;
    s->charging_ms = 0;
    s->max_power_w = 0;
    s->why = SESSION_IS_OPEN;
    return SESSION_STARTED;
}

uint32_t session_finish(struct session *s, int64_t utc_ms, enum session_why why)
{
    if (!s->open) {
        return SESSION_NOTHING;
    }
    s->open = false;
    s->why = why;
    s->session_end_utc_ms = utc_ms;
    return SESSION_ENDED;
}

/* Whether it may still draw what it drew: another master may let it, and one that hears nobody
 * goes on for half a minute. That nobody knows is no end. */
static bool may_go_on(struct session *s, const struct charger_report *r, int64_t now_ms)
{
    switch (r->link) {
    case CHARGER_ONLINE:
    case CHARGER_SILENT:
        s->away_ms = 0;
        return false;
    case CHARGER_FOREIGN:
    case CHARGER_UNHEARD:
        s->away_ms = now_ms; /* its half minute begins when nobody talks to it */
        return true;
    case CHARGER_QUIET:
    case CHARGER_BUS_DOWN:
        s->away_ms = s->away_ms != 0 ? s->away_ms : now_ms;
        return now_ms - s->away_ms < AWAY_STOPS_MS;
    }
    return false;
}

/* 1 A or more, and 5 s below it before it counts as over. */
static uint32_t charging(struct session *s, const struct charger_report *r, int64_t now_ms)
{
    bool draws =
            charger_draw_ma(r) > 0 && (r->link == CHARGER_ONLINE || r->link == CHARGER_SILENT);

    s->unsure = may_go_on(s, r, now_ms);
    if (s->unsure) {
        s->below_ms = 0;
        return SESSION_NOTHING;
    }
    if (draws) {
        s->below_ms = 0;
        s->drew_ms = now_ms;
        if (!s->charging) {
            s->charging = true;
            s->starts++;
            return SESSION_CHARGING;
        }
        return SESSION_NOTHING;
    }
    if (s->charging) {
        s->below_ms = s->below_ms != 0 ? s->below_ms : now_ms;
        if (now_ms - s->below_ms >= OFF_DEBOUNCE_MS) {
            s->charging = false;
            return SESSION_STOPPED;
        }
    }
    return SESSION_NOTHING;
}

static uint32_t plug(
        struct session *s, const struct charger_report *r, int64_t now_ms, int64_t utc_ms)
{
    uint32_t ev = SESSION_NOTHING;
    enum tristate before = s->plugged;

    /* Plugged in is also told by a draw; a charger that is away tells nothing new. */
    if (r->heard_ms == 0 || r->link == CHARGER_BUS_DOWN || r->link == CHARGER_UNHEARD) {
        s->attended = false;
        return ev;
    }
    if (r->plugged != TRI_UNKNOWN) {
        s->plugged = r->plugged;
        s->unknown_ms = 0;
    } else if (s->unknown_ms == 0) {
        s->unknown_ms = now_ms;
    }
    if (before == TRI_NO && r->plugged == TRI_YES) {
        ev |= SESSION_PLUGGED;
    } else if (before == TRI_YES && r->plugged == TRI_NO) {
        ev |= SESSION_UNPLUGGED;
    }
    if (r->plugged == TRI_NO && s->open) {
        ev |= session_finish(
                s, utc_ms, s->attended ? SESSION_UNPLUGGED_SEEN : SESSION_UNPLUGGED_AWAY);
    } else if (!s->open &&
               (r->plugged == TRI_YES || (r->plugged == TRI_UNKNOWN && s->charging))) {
        ev |= begin(s, utc_ms);
    } else if (s->open && r->plugged == TRI_UNKNOWN && !s->charging &&
               now_ms - s->drew_ms >= END_UNKNOWN_MS &&
               now_ms - s->unknown_ms >= END_UNKNOWN_MS) {
        ev |= session_finish(s, utc_ms, SESSION_NO_DRAW);
    }
    s->attended = s->attended || r->plugged != TRI_UNKNOWN;
    return ev;
}

uint32_t session_step(struct session *s, const struct session_config *c,
        const struct charger_report *r, int64_t now_ms, int64_t utc_ms)
{
    int64_t gap_ms = s->stepped_ms != 0 ? now_ms - s->stepped_ms : 0;
    int64_t dt = gap_ms < STEP_MAX_MS ? gap_ms : STEP_MAX_MS;
    int64_t before_mw = s->power_known ? s->power_mw : 0;
    uint32_t ev;

    if (s->stepped_ms == 0) {
        s->plugged = s->open ? TRI_YES : TRI_UNKNOWN;
    }
    ev = charging(s, r, now_ms);
    ev |= plug(s, r, now_ms, utc_ms);
    power(s, c, r, now_ms);
    s->stepped_ms = now_ms;
    if (dt > 0 && !s->waiting && may_count(s, r)) {
        int64_t mean_mw = s->power_known ? (before_mw + s->power_mw) / 2 : 0;

        add(s, mean_mw * dt);
    }
    if (s->charging && !s->unsure) {
        s->charging_ms += dt;
        s->max_power_w = s->power_w > s->max_power_w ? s->power_w : s->max_power_w;
    }
    return ev;
}

void session_bridge_gap(struct session *s, int64_t power_before_w, int64_t gap_ms)
{
    int64_t w = power_before_w < s->power_w ? power_before_w : s->power_w;

    if (w > 0 && gap_ms > 0) {
        add(s, w * 1000 * gap_ms);
    }
}
