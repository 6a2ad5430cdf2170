/*
 * bus_tx - whose turn it is. In this order: a changed offer as soon as 400 ms have passed since
 * the last heartbeat to that charger; the heartbeat that is due; one query a round in free time.
 * Nothing starts that would be in the way of a changed offer a moment later.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"
#include "bridge/core/twc/message_master.h"

#include <string.h>

enum {
    IDLE_MS = 10,          /* since the last byte */
    IDLE_IN_FRAME_MS = 30, /* the same, when a frame seems to be under way */
    ANSWER_WAIT_MIN_MS = 150,
    ANSWER_WAIT_MS = 250,     /* at most, on a direct port */
    ANSWER_WAIT_MAX_MS = 700, /* the same, on a gateway */
    LAST_ROUND_WAIT_MS = 60,
    FRAME_MS = 18, /* most frames on the wire */
};

static int64_t wire_ms(size_t bytes)
{
    return (int64_t)((bytes * 25 + 23) / 24); /* 10 bits a byte at 9600 baud */
}

bool bus_fresh(const struct bus *b, const struct bus_slot *s, int64_t now_ms)
{
    /* The encoder refuses more than 80 A; such an offer must not stop the others' turns. */
    return s->offer && now_ms - offer_stamp_ms(s->offer) <= b->config.stamp_max_ms &&
           offer_ma(s->offer) >= 0 && offer_ma(s->offer) <= MA_MAX;
}

/* How long the next message waits for this one's answer. Behind a gateway the answer may come
 * much later than the line is free again: there the wait covers what the delay varies by, and the
 * answer counts when it comes. */
static int64_t answer_wait(const struct bus *b)
{
    if (b->stopping) {
        return LAST_ROUND_WAIT_MS;
    }
    if (b->config.gateway) {
        /* no longer than the rhythm of all chargers has room for */
        int64_t room = bus_max(
                BUS_SHARED_MS / bus_max(b->slot_count, 1) - 2 * FRAME_MS, ANSWER_WAIT_MS);

        return bus_min(
                bus_min(ANSWER_WAIT_MIN_MS + 3 * b->jitter8 / 8, ANSWER_WAIT_MAX_MS), room);
    }
    return bus_min(bus_max((b->latency8 + 4 * b->jitter8) / 8 + 40, ANSWER_WAIT_MIN_MS),
            ANSWER_WAIT_MS);
}

/* How long an exchange that starts now takes, with its answer. */
static int64_t exchange_ms(const struct bus *b)
{
    return FRAME_MS + bus_min(b->latency8 / 8, answer_wait(b)) + IDLE_MS;
}

static bool changed(const struct bus_slot *s)
{
    int32_t ma = offer_ma(s->offer);

    return s->report.told_known ? s->report.told_ma != ma
                                : !(s->mirror_valid && s->report.mirror_ma == ma);
}

/* Told, but no answer shows it yet: the frame or its answer may be lost. */
static bool unconfirmed(const struct bus_slot *s)
{
    int32_t ma = offer_ma(s->offer);

    if (s->silent || s->fast_tries >= BUS_FAST_TRIES || !s->report.told_known) {
        return false;
    }
    if (!s->mirror_valid || s->report.heard_ms < s->report.told_ms) {
        return s->report.told_ms == s->start_ms; /* the amps themselves have no answer */
    }
    return s->report.mirror_ma != ma && !(ma == 0 && s->report.protocol == 2);
}

static bool urgent(const struct bus_slot *s)
{
    return !s->warm_first && (changed(s) || unconfirmed(s));
}

static bool lowering(const struct bus_slot *s)
{
    return changed(s) && (!s->report.told_known || offer_ma(s->offer) < s->report.told_ma);
}

static int64_t eligible_ms(const struct bus *b, const struct bus_slot *s)
{
    if (s->kick || s->last_due || urgent(s)) {
        return s->end_ms + BUS_SPACING_MS;
    }
    return s->end_ms + (b->slot_count > 1 ? BUS_SHARED_MS : BUS_INTERVAL_MS);
}

/* Why nothing at all may be sent now; CAUSE_NONE: something may. */
static enum bus_cause blocked(const struct bus *b, int64_t now_ms, int64_t *wake_ms)
{
    if (!b->up) {
        return CAUSE_PORT;
    }
    if (b->foreign) {
        *wake_ms = bus_min(*wake_ms, b->foreign_ms + b->config.foreign_clear_ms);
        return CAUSE_FOREIGN;
    }
    if (now_ms < b->listen_until_ms) {
        *wake_ms = bus_min(*wake_ms, b->listen_until_ms);
        return CAUSE_LISTENING;
    }
    if (b->flight.on) {
        return CAUSE_BUSY;
    }
    if (now_ms < b->tx_end_ms || now_ms < b->retry_ms) {
        *wake_ms = bus_min(*wake_ms, bus_max(b->tx_end_ms, b->retry_ms));
        return CAUSE_BUSY;
    }
    return CAUSE_NONE;
}

/* Takes part in the rhythm now. */
static bool in_turn(struct bus *b, struct bus_slot *s, int64_t now_ms, int64_t *wake_ms)
{
    enum bus_cause cause = CAUSE_NONE;

    if (!s->used) {
        return false;
    }
    if (s->quiet) {
        cause = CAUSE_QUIET;
    } else if (!s->admitted || !s->offer) {
        cause = CAUSE_NOT_ADMITTED;
    } else if (!bus_fresh(b, s, now_ms)) {
        cause = CAUSE_NO_STEP;
        *wake_ms = bus_min(*wake_ms, now_ms + 100);
    }
    bus_blame_slot(s, now_ms, cause);
    return cause == CAUSE_NONE && (!b->stopping || s->last_due);
}

/* What the choice is made from. */
struct turn {
    bool in[BUS_CHARGERS_MAX], urgent[BUS_CHARGERS_MAX];
    int64_t at[BUS_CHARGERS_MAX]; /* eligible */
    int64_t soonest_urgent;       /* BUS_FOREVER: no offer changed */
    int64_t soonest;
};

static struct turn take_stock(struct bus *b, int64_t now_ms, int64_t *wake_ms)
{
    struct turn t = {.soonest_urgent = BUS_FOREVER, .soonest = BUS_FOREVER};

    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        t.in[i] = in_turn(b, s, now_ms, wake_ms);
        if (!t.in[i]) {
            continue;
        }
        t.urgent[i] = urgent(s);
        t.at[i] = eligible_ms(b, s);
        t.soonest = bus_min(t.soonest, t.at[i]);
        if (t.urgent[i]) {
            t.soonest_urgent = bus_min(t.soonest_urgent, t.at[i]);
        }
        if (t.at[i] > now_ms) {
            *wake_ms = bus_min(*wake_ms, t.at[i]);
        }
    }
    return t;
}

/* A changed offer whose 400 ms are over; a lower one first. -1: none. */
static int pick_urgent(const struct bus *b, const struct turn *t, int64_t now_ms)
{
    int best = -1;

    for (int i = 0; i < b->slot_count; i++) {
        if (!t->in[i] || !t->urgent[i] || t->at[i] > now_ms) {
            continue;
        }
        if (best < 0 || lowering(&b->slot[i]) > lowering(&b->slot[best]) ||
                (lowering(&b->slot[i]) == lowering(&b->slot[best]) && t->at[i] < t->at[best])) {
            best = i;
        }
    }
    return best;
}

/* The heartbeat that is most overdue; right after another's also one that is due soon, so that
 * the free time stays in one piece. -1: none. */
static int pick_regular(const struct bus *b, const struct turn *t, int64_t now_ms)
{
    int best = -1;

    for (int i = 0; i < b->slot_count; i++) {
        bool may = b->bunch && b->slot[i].start_ms < b->bunch_ms; /* once in each bunch */

        if (!t->in[i] || t->urgent[i] || t->at[i] - (may ? BUS_EARLY_MS : 0) > now_ms ||
                b->slot[i].end_ms + BUS_SPACING_MS > now_ms) {
            continue;
        }
        if (best < 0 || t->at[i] < t->at[best]) {
            best = i;
        }
    }
    return best;
}

/* An exchange that starts now would still run when a changed offer may go out. */
static bool in_the_way(const struct bus *b, const struct turn *t, int64_t now_ms)
{
    return t->soonest_urgent != BUS_FOREVER && t->soonest_urgent < now_ms + exchange_ms(b);
}

static int pick_heartbeat(struct bus *b, const struct turn *t, int64_t now_ms)
{
    int slot = pick_urgent(b, t, now_ms);

    if (slot >= 0) {
        return slot;
    }
    slot = pick_regular(b, t, now_ms);
    if (slot < 0) {
        b->bunch = false;
        return -1;
    }
    if (!b->stopping && in_the_way(b, t, now_ms) &&
            now_ms - b->slot[slot].end_ms < BUS_LATE_MS) {
        return -1;
    }
    return slot;
}

/* Free time enough, and every charger had its heartbeat since the last query. */
static struct bus_choice pick_query(
        struct bus *b, const struct turn *t, int64_t now_ms, int64_t *wake_ms)
{
    struct bus_choice none = {.slot = -1, .query = QUERY_PLUG};
    int64_t need = exchange_ms(b) + 50;

    if (!b->config.gateway) {
        need = bus_max(need, BUS_EARLY_MS);
    }
    if (!b->config.query || b->stopping || t->soonest_urgent != BUS_FOREVER ||
            t->soonest - now_ms < need) {
        return none;
    }
    for (int i = 0; i < b->slot_count; i++) {
        if (t->in[i] && b->slot[i].start_ms <= b->query_ms) {
            return none;
        }
    }
    return bus_query_choose(b, now_ms, wake_ms);
}

/* The line is idle, or a heartbeat has waited long enough: steady noise must not silence us. */
static bool line_free(struct bus *b, int64_t now_ms, bool heartbeat, int64_t *wake_ms)
{
    int64_t need = frame_in_progress(&b->decoder) ? IDLE_IN_FRAME_MS : IDLE_MS;
    int64_t at = b->rx_ms + need;

    if (now_ms >= at) {
        return true;
    }
    if (heartbeat) {
        if (b->hold_ms == BUS_NEVER) {
            b->hold_ms = now_ms;
        }
        at = bus_min(at, b->hold_ms + b->config.idle_wait_ms);
    }
    *wake_ms = bus_min(*wake_ms, at);
    return now_ms >= at;
}

/* Go on as told: only while the charger's own last word is that offer. A unit that waits in state
 * 08 after an outage starts again when it is told amps, also those that it still mirrors. */
static bool may_go_on(const struct bus_slot *s, int64_t now_ms)
{
    const struct charger_report *r = &s->report;
    int32_t ma = offer_ma(s->offer);

    if (s->warm_first) {
        return !(r->protocol == 1 && r->told_known && r->told_ma == 0);
    }
    return ma > 0 && s->mirror_valid && r->state != TWC_STARTING &&
           now_ms - r->heard_ms <= BUS_MIRROR_MS && r->mirror_ma == ma &&
           (!r->told_known || r->told_ma == ma) && !(r->told_known && r->heard_ms < r->told_ms);
}

static void told(struct bus_slot *s, int64_t now_ms)
{
    int32_t ma = offer_ma(s->offer);
    bool again = s->report.told_known && s->report.told_ma == ma;

    s->fast_tries = again && s->fast_tries < 255 ? (uint8_t)(s->fast_tries + 1) : (uint8_t)0;
    s->report.told_known = true;
    s->report.told_ma = ma;
    s->report.told_ms = now_ms;
}

static void fly(struct bus *b, const struct frame *f, size_t wire, struct bus_flight flight)
{
    int64_t end = bus_max(b->now_ms, b->tx_end_ms) + wire_ms(wire);

    b->tx_end_ms = end;
    b->hold_ms = BUS_NEVER;
    b->bunch = false;
    b->counters.frames_out++;
    bus_echo_sent(b, f, end);
    flight.on = true;
    flight.end_ms = end;
    flight.deadline_ms = end + answer_wait(b);
    b->flight = flight;
}

static size_t send_heartbeat(
        struct bus *b, int slot, int64_t now_ms, uint8_t out[static FRAME_WIRE_MAX])
{
    struct bus_slot *s = &b->slot[slot];
    bool go_on = may_go_on(s, now_ms);
    uint8_t limit = s->report.protocol == 2 ? TWC_CMD_LIMIT_P2 : TWC_CMD_LIMIT_P1;
    struct message_out m = {.type = 0xFB,
            .cmd = 0xE0,
            .protocol = s->report.protocol,
            .command = go_on ? (uint8_t)TWC_CMD_GO_ON : limit,
            .from = b->config.id,
            .to = s->id,
            .offer = s->offer};
    struct frame f;
    size_t n;

    if (!message_master_pack(&m, &f)) {
        return 0;
    }
    n = frame_encode(&f, out);
    if (!b->bunch) {
        b->bunch_ms = now_ms;
    }
    b->undo = *s;
    b->undo_slot = slot;
    bus_gap_note(s, now_ms);
    bus_count_heartbeat(b, slot, now_ms);
    if (!go_on) {
        told(s, now_ms);
    }
    fly(b, &f, n, (struct bus_flight){.heartbeat = true, .slot = slot});
    s->start_ms = now_ms;
    s->end_ms = b->flight.end_ms;
    bus_twin_asked(b, slot, -1, s->end_ms);
    s->kick = false;
    s->warm_first = false;
    s->last_due = false;
    s->report.sent_ms = now_ms;
    s->report.quiet_ms = 0;
    b->heartbeat_ms = now_ms;
    return n;
}

static size_t send_query(
        struct bus *b, struct bus_choice c, int64_t now_ms, uint8_t out[static FRAME_WIRE_MAX])
{
    const struct bus_slot *s = &b->slot[c.slot];
    struct message_out m = {.type = 0xFB,
            .cmd = bus_query_code(s, c.query),
            .protocol = s->report.protocol,
            .from = b->config.id,
            .to = s->id,
            .single_charger = bus_alone(b, now_ms)};
    struct frame f;
    size_t n;

    if (!message_master_pack(&m, &f)) {
        return 0;
    }
    n = frame_encode(&f, out);
    bus_query_sent(b, c, now_ms);
    fly(b, &f, n, (struct bus_flight){.slot = c.slot, .query = c.query});
    bus_twin_asked(b, c.slot, c.query, b->flight.end_ms);
    return n;
}

static size_t try_query(struct bus *b, const struct turn *t, int64_t now_ms,
        uint8_t out[static FRAME_WIRE_MAX], int64_t *wake_ms)
{
    struct bus_choice query = pick_query(b, t, now_ms, wake_ms);

    return query.slot < 0 || !line_free(b, now_ms, false, wake_ms)
                   ? 0
                   : send_query(b, query, now_ms, out);
}

size_t bus_send_next(
        struct bus *b, int64_t now_ms, uint8_t out[static FRAME_WIRE_MAX], int64_t *wake_ms)
{
    enum bus_cause cause = blocked(b, now_ms, wake_ms);
    struct turn t;
    size_t n;
    int slot;

    if (cause != CAUSE_NONE) {
        bus_blame(b, now_ms, cause);
        return 0;
    }
    t = take_stock(b, now_ms, wake_ms);
    slot = pick_heartbeat(b, &t, now_ms);
    if (slot >= 0) {
        if (!line_free(b, now_ms, true, wake_ms)) {
            bus_blame(b, now_ms, CAUSE_LINE);
            return 0;
        }
        n = send_heartbeat(b, slot, now_ms, out);
    } else {
        n = try_query(b, &t, now_ms, out, wake_ms);
    }
    bus_blame(b, now_ms, CAUSE_BUSY); /* whoever else is due waits for this one */
    return n;
}
