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
    INTERRUPTIONS_MAX = 3,
    LIMIT_MAX_MA = 655350, /* what two bytes can show */
    SPIKE_MA = 16000,      /* unlocks a car that clamped itself to 6 A ... */
    SPIKE_80A_MA = 21000,  /* ... at a unit of 80 A */
    SPIKE_MS = 5000,       /* if it holds that long */
    ADJUSTED_PLUS_MS = 44000,
    ADJUST_MINUS_MS = 10000,
    ADJUSTED_MINUS_MS = 13000,
    ADJUSTED_MS = 3000,
    HANDSHAKE_MS = 60000, /* a strict car wants amps in this time after it was plugged in */
    HANDSHAKE_ZERO_MS = 10000,
    DROP_MA_S = 8000, /* how fast current dies when the contactor is about to open */
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

void sim_contactor(struct sim_charger *c, bool closed)
{
    c->closings += closed && !c->contactor;
    c->contactor = closed;
    c->car.shaken = c->car.shaken || closed;
}

int32_t sim_limit(const struct sim_charger *c)
{
    int32_t ma = (c->told_ma > 0 ? c->told_ma : 0) + c->adjust_ma;

    if (c->protocol == 2 && !c->car.plugged) {
        return 0; /* stays 0/0 whatever is offered while nothing is plugged in */
    }
    if ((c->protocol == 2 || c->stops != SIM_STOPS) && ma < FLOOR_MA && c->contactor) {
        return FLOOR_MA; /* does not stop: shows 6.00 A and goes on */
    }
    return ma < LIMIT_MAX_MA ? ma : LIMIT_MAX_MA;
}

static int32_t spike_of(const struct sim_charger *c)
{
    return c->hw_max_ma >= MA_MAX ? SPIKE_80A_MA : SPIKE_MA;
}

void sim_car_told(struct sim_charger *c, int32_t ma, int64_t now_ms)
{
    int32_t before_ma = sim_limit(c);

    if (ma == c->told_ma) {
        return;
    }
    c->told_ma = ma;
    c->change_ms = now_ms;
    if (c->car.lock && c->contactor && sim_limit(c) > before_ma && sim_limit(c) < spike_of(c)) {
        c->car.locked = true;
    }
}

void sim_car_plug(struct sim *s, struct sim_charger *c, bool plugged, int64_t now_ms)
{
    if (plugged == c->car.plugged) {
        return;
    }
    c->car.plugged = plugged;
    c->plug_ms = now_ms;
    c->car.interruptions = 0;
    c->car.locked = c->car.shaken = c->car.failed = false;
    c->lost = c->resumes = c->swings = false;
    c->adjust_ma = 0;
    c->adjust_ms = 0;
    if (plugged) {
        if (c->car.vin[0] == '\0') {
            sim_vin(s, c->car.vin);
        }
        sim_enter(c, TWC_PLUGGED_READY, now_ms);
    } else {
        sim_contactor(c, false);
        c->draw_ma = 0;
        sim_enter(c, TWC_READY, now_ms);
    }
}

/* Until it is plugged in anew. */
static bool gave_up(const struct sim_charger *c)
{
    return c->car.interruptions >= INTERRUPTIONS_MAX || c->car.failed;
}

static bool wants(const struct sim_charger *c)
{
    return c->car.plugged && !gave_up(c) && c->car.mood == SIM_AWAKE;
}

/* A sleeping car wakes up after an offer has stood for a while. */
static void sleep_or_wake(struct sim_charger *c, int64_t now_ms)
{
    int64_t since_ms;

    if (c->car.mood != SIM_ASLEEP) {
        c->car.asleep_ms = 0;
        return;
    }
    c->car.asleep_ms = c->car.asleep_ms != 0 ? c->car.asleep_ms : now_ms;
    since_ms = c->car.asleep_ms > c->change_ms ? c->car.asleep_ms : c->change_ms;
    since_ms = since_ms > c->plug_ms ? since_ms : c->plug_ms;
    if (c->car.plugged && c->told_ma > 0 && now_ms - since_ms >= SLEEP_WAKE_MS) {
        c->car.mood = SIM_AWAKE;
    }
}

static void start(struct sim_charger *c, int64_t now_ms)
{
    sim_contactor(c, true);
    c->resumes = false;
    c->change_ms = now_ms - c->car.lag_ms;
    sim_enter(c, TWC_CHARGING, now_ms);
}

/* The states on the way from plugged to charging; each lasts its time. */
static void toward_charging(struct sim_charger *c, int64_t now_ms)
{
    int64_t age_ms = now_ms - c->state_ms;
    bool go = wants(c) && c->told_ma > 0;

    switch (c->state) {
    case TWC_READY:
        if (go && c->resumes && age_ms >= NEGOTIATE_MS) {
            start(c, now_ms);
        } else if (go && !c->resumes) {
            sim_enter(c, TWC_PLUGGED_READY, now_ms);
        }
        break;
    case TWC_PLUGGED_NO_CHARGE:
        if (go) {
            sim_enter(c, TWC_PLUGGED_READY, now_ms);
        }
        break;
    case TWC_PLUGGED_READY:
        if (c->car.mood == SIM_ASLEEP) {
            sim_enter(c, TWC_READY, now_ms);
        } else if (go && age_ms >= NEGOTIATE_MS) {
            sim_enter(c, TWC_STARTING, now_ms);
        }
        break;
    case TWC_STARTING:
        if (c->lost) {
            break; /* back on line: stays here until amps come */
        }
        if (!go) {
            sim_enter(c, TWC_PLUGGED_READY, now_ms);
        } else if (age_ms >= START_MS) {
            start(c, now_ms);
        }
        break;
    default:
        break;
    }
}

static void advance(struct sim_charger *c, int64_t now_ms)
{
    bool stopped = c->protocol == 1 && c->told_ma == 0 && c->stops == SIM_STOPS;

    if (!c->car.plugged) {
        sim_enter(c, TWC_READY, now_ms);
        return;
    }
    if (c->swings) {
        return; /* the master moves it */
    }
    if (c->contactor && (!wants(c) || stopped)) {
        sim_contactor(c, false);
        c->adjust_ma = 0;
        c->adjust_ms = 0;
        sim_enter(c, TWC_PLUGGED_NO_CHARGE, now_ms);
    } else if (gave_up(c) && !c->lost) {
        sim_enter(c, TWC_PLUGGED_NO_CHARGE, now_ms);
    } else if (!c->contactor) {
        toward_charging(c, now_ms);
    }
}

/* No master: linkready again after 10 s, and a charging car loses charge after 25 s. */
static void watch_master(struct sim_charger *c, int64_t now_ms)
{
    if (c->heard_ms == 0 || now_ms - c->heard_ms < CUT_MS) {
        return;
    }
    if (c->contactor && c->stops != SIM_STOPS_NEVER) {
        sim_contactor(c, false);
        c->car.interruptions++;
        c->lost = true;
        c->swings = false;
        c->told_ma = -1; /* it wants to be told anew: shows 0 */
        c->adjust_ma = 0;
        c->adjust_ms = 0;
        sim_enter(c, TWC_ERROR, now_ms);
    }
}

static int32_t target(const struct sim_charger *c)
{
    int32_t ma = sim_limit(c);

    if (!c->contactor) {
        return 0;
    }
    if (c->car.locked && ma > FLOOR_MA) {
        ma = FLOOR_MA;
    }
    if (c->car.draw_ma >= 0) {
        return c->car.draw_ma;
    }
    if (c->car.over_ma > 0) {
        return ma + c->car.over_ma;
    }
    ma = ma - UNDER_MA < c->car.max_ma ? ma - UNDER_MA : c->car.max_ma;
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
    int64_t age_ms = now_ms - c->adjust_ms;

    if (c->adjust_ms == 0) {
        return;
    }
    if (c->state == TWC_ACK_MINUS && age_ms >= ADJUST_MINUS_MS && c->adjust_ma != 0) {
        c->adjust_ma = 0;
        c->change_ms = now_ms;
    }
    if ((c->state == TWC_ACK_PLUS && age_ms >= ADJUSTED_PLUS_MS) ||
            (c->state == TWC_ACK_MINUS && age_ms >= ADJUSTED_MINUS_MS)) {
        sim_enter(c, TWC_ADJUSTED, now_ms);
    } else if (c->state == TWC_ADJUSTED && now_ms - c->state_ms >= ADJUSTED_MS) {
        c->adjust_ms = 0;
        sim_enter(c, c->contactor ? TWC_CHARGING : TWC_READY, now_ms);
    }
}

/* Raised by less than a spike it clamps itself to 6 A; a spike that holds 5 s unlocks it. */
static void unlock(struct sim_charger *c, int64_t now_ms)
{
    if (!c->car.lock || sim_limit(c) < spike_of(c)) {
        c->car.spike_ms = 0;
        c->car.locked = c->car.locked && c->car.lock;
        return;
    }
    c->car.spike_ms = c->car.spike_ms != 0 ? c->car.spike_ms : now_ms;
    if (now_ms - c->car.spike_ms >= SPIKE_MS) {
        c->car.locked = false;
    }
}

/* 0 A held while the car is plugged in: it gives up until it is plugged in anew. */
static void handshake(struct sim_charger *c, int64_t now_ms)
{
    int64_t since_ms = c->plug_ms > c->change_ms ? c->plug_ms : c->change_ms;

    if (c->car.strict && c->car.plugged && !c->car.shaken && c->told_ma == 0 &&
            now_ms - c->plug_ms <= HANDSHAKE_MS && now_ms - since_ms >= HANDSHAKE_ZERO_MS) {
        c->car.failed = true;
    }
}

void sim_car_step(struct sim *s, struct sim_charger *c, int64_t now_ms, int64_t dt_ms)
{
    sleep_or_wake(c, now_ms);
    handshake(c, now_ms);
    unlock(c, now_ms);
    advance(c, now_ms);
    watch_master(c, now_ms);
    adjust(c, now_ms);
    follow(c, now_ms, dt_ms);
    c->energy_mwms += (int64_t)c->draw_ma * s->config.volts * c->car.phases * dt_ms;
    if (c->heard_ms != 0 && now_ms - c->heard_ms >= LOSS_MS && c->linkready_ms == INT64_MAX) {
        c->linkready_ms = now_ms + sim_random(s) % 1000;
    }
}
