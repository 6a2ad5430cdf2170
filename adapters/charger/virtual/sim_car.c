/*
 * sim_car - the car and what the unit makes of it. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/sim.h"

#include "bridge/base/str.h"

#include <string.h>

enum {
    LOSS_MS = 10000,       /* without a master: it announces itself again */
    CUT_MS = 25000,        /* and later the contactor opens */
    NEGOTIATE_MS = 1000,   /* state 04 after a plug-in */
    START_MS = 3000,       /* state 08 */
    SLEEP_WAKE_MS = 20000, /* a sleeping car looks after this time */
    UNDER_MA = 800,        /* a car takes this much less than it is offered */
    FLOOR_MA_P2 = 6000,
    INTERRUPTIONS_MAX = 3,
    DROP_MA_S = 8000,      /* how fast current dies when the contactor is about to open */
};

const char *const sim_mood_names[] = {"awake", "asleep", "refuses", NULL};

uint32_t sim_random(struct sim *s)
{
    s->random ^= s->random << 13; /* xorshift, Marsaglia 2003 */
    s->random ^= s->random >> 17;
    s->random ^= s->random << 5;
    return s->random;
}

void sim_enter(struct sim_charger *c, uint8_t state, int64_t now_ms)
{
    if (c->state != state) {
        c->state = state;
        c->state_ms = now_ms;
    }
}

void sim_vin(struct sim *s, char dst[static CHARGER_VIN_ROOM])
{
    static const char checks[] = "0123456789X";

    str_format(dst, CHARGER_VIN_ROOM, "5YJ3E1EA0KF%06u", sim_random(s) % 1000000);
    for (int i = 0; i < 11 && !vin_valid(dst); i++) {
        dst[8] = checks[i];
    }
}

int32_t sim_limit(const struct sim_charger *c)
{
    int32_t told = c->told_ma > 0 ? c->told_ma : 0;

    if (c->protocol == 2 && !c->car.plugged) {
        return 0; /* stays 0/0 whatever is offered while nothing is plugged in */
    }
    if (c->protocol == 2 && told < FLOOR_MA_P2 && c->contactor) {
        return FLOOR_MA_P2; /* does not stop: shows 6.00 A and goes on */
    }
    return told + c->adjust_ma;
}

void sim_car_plug(struct sim *s, struct sim_charger *c, bool plugged, int64_t now_ms)
{
    if (plugged == c->car.plugged) {
        return;
    }
    c->car.plugged = plugged;
    c->plug_ms = now_ms;
    c->car.interruptions = 0;
    if (plugged) {
        if (c->car.vin[0] == '\0') {
            sim_vin(s, c->car.vin);
        }
        sim_enter(c, TWC_PLUGGED_READY, now_ms);
    } else {
        c->contactor = false;
        c->draw_ma = 0;
        sim_enter(c, TWC_READY, now_ms);
    }
}

static bool wants(const struct sim_charger *c, int64_t now_ms)
{
    if (!c->car.plugged || c->car.interruptions >= INTERRUPTIONS_MAX) {
        return false;
    }
    switch (c->car.mood) {
    case SIM_AWAKE:
        return true;
    case SIM_ASLEEP:
        return now_ms - c->change_ms >= SLEEP_WAKE_MS && c->told_ma > 0;
    case SIM_REFUSES:
    case SIM_MOODS:
        return false;
    }
    return false;
}

/* The states on the way from plugged to charging; each lasts its time. */
static void advance(struct sim_charger *c, int64_t now_ms)
{
    int64_t age_ms = now_ms - c->state_ms;
    bool go = wants(c, now_ms) && c->told_ma > 0;

    if (!c->car.plugged) {
        sim_enter(c, TWC_READY, now_ms);
        return;
    }
    switch (c->state) {
    case TWC_READY:
    case TWC_PLUGGED_NO_CHARGE:
        if (go) {
            sim_enter(c, TWC_PLUGGED_READY, now_ms);
        }
        break;
    case TWC_PLUGGED_READY:
        if (go && age_ms >= NEGOTIATE_MS) {
            sim_enter(c, TWC_STARTING, now_ms);
        }
        break;
    case TWC_STARTING:
        if (!go) {
            sim_enter(c, TWC_PLUGGED_READY, now_ms);
        } else if (age_ms >= START_MS) {
            c->contactor = true;
            c->change_ms = now_ms - c->car.lag_ms;
            sim_enter(c, TWC_CHARGING, now_ms);
        }
        break;
    case TWC_CHARGING:
        if (!wants(c, now_ms) || (c->protocol == 1 && c->told_ma == 0)) {
            c->contactor = false;
            sim_enter(c, TWC_PLUGGED_NO_CHARGE, now_ms);
        }
        break;
    default:
        break;
    }
}

/* No master: linkready again after 10 s, and a charging car loses charge after 25 s. */
static void watch_master(struct sim_charger *c, int64_t now_ms)
{
    if (c->heard_ms == 0 || now_ms - c->heard_ms < CUT_MS) {
        return;
    }
    if (c->contactor) {
        c->contactor = false;
        c->car.interruptions++;
        sim_enter(c, TWC_ERROR, now_ms);
    }
}

static int32_t target(const struct sim_charger *c)
{
    int32_t ma = sim_limit(c);

    if (!c->contactor) {
        return 0;
    }
    ma = c->car.draw_ma >= 0 ? c->car.draw_ma : ma - UNDER_MA;
    ma = ma < c->car.max_ma || c->car.draw_ma >= 0 ? ma : c->car.max_ma;
    return ma > 0 ? ma : 0;
}

static void follow(struct sim_charger *c, int64_t now_ms, int64_t dt_ms)
{
    int32_t to = target(c);
    int32_t rate = c->contactor ? c->car.ramp_ma_s : DROP_MA_S;
    int32_t step = (int32_t)(rate * dt_ms / 1000);

    if (c->contactor && now_ms - c->change_ms < c->car.lag_ms) {
        return;
    }
    if (c->draw_ma < to) {
        c->draw_ma = to - c->draw_ma < step ? to : c->draw_ma + step;
    } else if (c->draw_ma > to) {
        c->draw_ma = c->draw_ma - to < step ? to : c->draw_ma - step;
    }
}

/* Commands 06 and 07 of a protocol 2 master: 2 A up for good, 2 A down for 10 s. */
static void adjust(struct sim_charger *c, int64_t now_ms)
{
    if (c->state == TWC_ACK_PLUS && now_ms - c->adjust_ms >= 44000) {
        sim_enter(c, TWC_ADJUSTED, now_ms);
    } else if (c->state == TWC_ACK_MINUS && now_ms - c->adjust_ms >= 10000) {
        c->adjust_ma = 0;
        sim_enter(c, TWC_ADJUSTED, now_ms);
    } else if (c->state == TWC_ADJUSTED && now_ms - c->state_ms >= 3000) {
        sim_enter(c, c->contactor ? TWC_CHARGING : TWC_READY, now_ms);
    }
}

void sim_car_step(struct sim *s, struct sim_charger *c, int64_t now_ms, int64_t dt_ms)
{
    advance(c, now_ms);
    watch_master(c, now_ms);
    adjust(c, now_ms);
    follow(c, now_ms, dt_ms);
    c->energy_mwms += (int64_t)c->draw_ma * s->config.volts * c->car.phases * dt_ms;
    if (c->heard_ms != 0 && now_ms - c->heard_ms >= LOSS_MS && c->linkready_ms == INT64_MAX) {
        c->linkready_ms = now_ms + sim_random(s) % 1000;
    }
}
