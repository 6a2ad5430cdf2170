/*
 * bus_twin - two units with one id. Both obey what one is told, and both stop to announce
 * themselves once they hear heartbeats, so their answers have to tell: a unit answers once
 * (docs/protocol.md). What counts, each kind for itself:
 * - a second answer to one heartbeat or query that says something else than the first;
 * - an energy counter that falls again and again;
 * - a draw that jumps to and fro between the same two values while nothing new was told;
 * - linkreadys A, B, A (bus_adopt.c).
 * A repetition of the very same answer is no evidence, nor is a broken one: lines do both.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

#include <string.h>

enum {
    LATE_MS = 3000,        /* an answer later than this belongs to no request */
    GATEWAY_GAP_MS = 2000, /* a gateway that gave nothing for so long gives all at once */
    CATCH_UP_MS = 2000,    /* what comes then proves nothing */
    EXTRA_MS = 60000,      /* within this... */
    EXTRA_PROOF = 3,       /* ...so many second answers are proof */
    FALL_MS = 600000,      /* the counter is read once a minute while nothing flows */
    FALL_PROOF = 3,        /* one broken frame in 256 passes the checksum */
    SWING_MA = 4000,       /* no car jumps so far from one answer to the next... */
    SWING_NEAR_MA = 1000,  /* ...and back to where it was... */
    SWING_MS = 20000,
    SWING_PROOF = 4,  /* ...so often */
    HOLD_MS = 5000,   /* the larger of what both say counts for so long */
    GONE_MS = 600000, /* every heartbeat answered once for so long: one unit */
    GONE_ANSWERS = 300,
    UNADOPTED_GONE_MS = 60000, /* announcements come every 10 s */
};

static struct bus_twin_due *due_of(struct bus_slot *s, int query)
{
    return query < 0 ? &s->twin.heartbeat : &s->twin.query[query];
}

static void expire(struct bus_twin_due *d, int64_t now_ms)
{
    int n = 0;

    for (int i = 0; i < d->n; i++) {
        if (now_ms - d->end_ms[i] <= LATE_MS) {
            d->end_ms[n++] = d->end_ms[i];
        }
    }
    d->n = (uint8_t)n;
}

static void take_oldest(struct bus_twin_due *d)
{
    memmove(d->end_ms, d->end_ms + 1, sizeof(d->end_ms) - sizeof(d->end_ms[0]));
    d->n--;
}

void bus_twin_asked(struct bus *b, int slot, int query, int64_t end_ms)
{
    struct bus_twin_due *d = due_of(&b->slot[slot], query);

    expire(d, end_ms);
    if (d->n == BUS_DUE_KEPT) {
        take_oldest(d);
    }
    d->end_ms[d->n++] = end_ms;
}

/* True: nobody asked for this answer, and one that was asked for came before. */
static bool second_answer(struct bus_twin_due *d, int64_t now_ms)
{
    bool had = d->answered;

    expire(d, now_ms);
    if (d->n > 0) {
        take_oldest(d);
        d->answered = true;
        return false;
    }
    return had;
}

/* The answer to the message in flight came, and broken: it does not come any more. */
void bus_twin_broken(struct bus *b)
{
    const struct bus_flight *f = &b->flight;
    struct bus_twin_due *d = due_of(&b->slot[f->slot], f->heartbeat ? -1 : (int)f->query);

    if (d->n > 0) {
        d->n--;
    }
}

void bus_twin_held_up(struct bus *b, int64_t now_ms)
{
    bool late = b->promised_ms != BUS_FOREVER && now_ms > b->promised_ms + BUS_HELD_UP_MS;
    bool gap = b->config.gateway && now_ms - b->rx_ms > GATEWAY_GAP_MS;

    if (late || gap) {
        b->twin_from_ms = now_ms + CATCH_UP_MS;
    }
}

static void found(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    s->twin.trace_ms = now_ms;
    s->twin.clean = 0;
    if (!s->report.duplicate) {
        s->report.duplicate = true;
        s->twin.held_ms = BUS_NEVER;
        bus_emit(b, BUS_EV_DUPLICATE, slot, s->id);
    }
}

void bus_twin_found(struct bus *b, int slot, int64_t now_ms)
{
    found(b, slot, now_ms);
}

/* One more of these within window_ms; true: enough. */
static bool again(struct bus_twin_count *c, int32_t window_ms, int enough, int64_t now_ms)
{
    if (c->n == 0 || now_ms - c->since_ms > window_ms) {
        c->n = 0;
        c->since_ms = now_ms;
    }
    c->n = c->n < 255 ? (uint8_t)(c->n + 1) : (uint8_t)255;
    return c->n >= enough;
}

void bus_twin_trace(struct bus *b, int slot, int64_t now_ms)
{
    b->slot[slot].twin.trace_ms = now_ms;
    b->slot[slot].twin.clean = 0;
}

static void extra(struct bus *b, int slot, bool differs, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (now_ms < b->twin_from_ms) {
        return;
    }
    bus_twin_trace(b, slot, now_ms);
    if (differs && again(&s->twin.extra, EXTRA_MS, EXTRA_PROOF, now_ms)) {
        found(b, slot, now_ms);
    }
}

static int32_t apart(int32_t a, int32_t b)
{
    return a > b ? a - b : b - a;
}

static void watch_swing(struct bus *b, int slot, int32_t draw_ma, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];
    struct bus_twin *t = &s->twin;

    if (t->told_ma != s->report.told_ma || !t->level_known) {
        t->told_ma = s->report.told_ma; /* what changes now was asked for */
        t->level_known = true;
        t->level_ma = t->other_ma = draw_ma;
        t->swing.n = 0;
        return;
    }
    if (apart(draw_ma, t->level_ma) >= SWING_MA) {
        bool back = apart(draw_ma, t->other_ma) <= SWING_NEAR_MA;

        t->other_ma = t->level_ma;
        if (!back) {
            t->swing.n = 0;
        } else if (again(&t->swing, SWING_MS, SWING_PROOF, now_ms)) {
            found(b, slot, now_ms);
        }
    }
    t->level_ma = draw_ma;
}

void bus_twin_heartbeat(struct bus *b, int slot, const struct message *m, int64_t now_ms)
{
    struct bus_twin *t = &b->slot[slot].twin;
    bool differs = m->code != t->state || m->max_ma != t->max_ma || m->draw_ma != t->draw_ma;

    if (m->odd) {
        return; /* likely broken */
    }
    if (second_answer(&t->heartbeat, now_ms)) {
        extra(b, slot, differs, now_ms);
    } else if (t->clean < UINT16_MAX) {
        t->clean++;
    }
    t->state = m->code;
    t->max_ma = m->max_ma;
    t->draw_ma = m->draw_ma;
    watch_swing(b, slot, m->draw_ma, now_ms);
}

/* What tells two units apart; texts and versions of the same model may well agree. */
static uint32_t print_of(const struct message *m)
{
    uint32_t h = m->energy_raw * 31u + m->plug;

    for (int i = 0; i < PHASES; i++) {
        h = h * 31u + m->volts[i];
        h = h * 31u + m->half_amps[i];
    }
    for (const char *p = m->text; *p != '\0'; p++) {
        h = h * 31u + (uint8_t)*p;
    }
    return h;
}

static void watch_counter(struct bus *b, int slot, uint32_t raw, int64_t now_ms)
{
    struct bus_twin *t = &b->slot[slot].twin;
    bool fell = t->counter_known && raw < t->counter;

    t->counter_known = true;
    t->counter = raw;
    if (fell && again(&t->fall, FALL_MS, FALL_PROOF, now_ms)) {
        found(b, slot, now_ms);
    }
}

void bus_twin_reading(
        struct bus *b, int slot, int query, const struct message *m, int64_t now_ms)
{
    struct bus_twin *t = &b->slot[slot].twin;
    uint32_t print = print_of(m);
    bool differs = print != t->print[query];

    if (query == QUERY_VIN || query == QUERY_OLD_SERIAL || query == QUERY_OLD_FIRMWARE) {
        return; /* in parts; without an id */
    }
    if (second_answer(&t->query[query], now_ms)) {
        extra(b, slot, differs, now_ms);
    }
    t->print[query] = print;
    if (query == QUERY_POWER) {
        watch_counter(b, slot, m->energy_raw, now_ms);
    }
}

void bus_twin_hold(struct bus_slot *s, int64_t now_ms)
{
    struct charger_report *r = &s->report;
    struct bus_twin *t = &s->twin;

    if (!r->duplicate) {
        return;
    }
    if (now_ms - t->held_ms > HOLD_MS || r->draw_ma >= t->held_draw_ma) {
        t->held_draw_ma = r->draw_ma;
        t->held_ms = now_ms;
    }
    r->draw_ma = t->held_draw_ma;
}

static void clear(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    bus_twin_forget(s, now_ms);
    s->before_known = false;
    if (s->report.duplicate) {
        s->report.duplicate = false;
        bus_emit(b, BUS_EV_DUPLICATE_GONE, slot, s->id);
    }
}

void bus_twin_forget(struct bus_slot *s, int64_t now_ms)
{
    memset(&s->twin, 0, sizeof(s->twin));
    s->twin.trace_ms = now_ms;
    s->twin.held_ms = BUS_NEVER;
}

static void unadopted_gone(struct bus *b)
{
    uint16_t id = b->twins_id;

    b->twins_id = 0;
    if (id != 0) {
        bus_emit(b, BUS_EV_DUPLICATE_GONE, -1, id);
    }
}

void bus_twin_unadopted(struct bus *b, uint16_t id, int64_t now_ms)
{
    bool told = b->twins_id == id;

    b->twins_id = id;
    b->twins_ms = now_ms;
    if (!told) {
        bus_emit(b, BUS_EV_DUPLICATE, -1, id);
    }
}

void bus_twin_resume(struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < b->slot_count; i++) {
        clear(b, i, now_ms);
    }
    for (int i = 0; i < BUS_CANDIDATES; i++) {
        b->candidate[i].before_known = b->candidate[i].twins = false;
    }
    unadopted_gone(b);
}

void bus_watch_twins(struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        if (s->report.duplicate && s->twin.clean >= GONE_ANSWERS &&
                now_ms - s->twin.trace_ms >= GONE_MS) {
            clear(b, i, now_ms);
        }
    }
    if (b->twins_id != 0 &&
            (bus_find(b, b->twins_id) >= 0 || now_ms - b->twins_ms >= UNADOPTED_GONE_MS)) {
        unadopted_gone(b);
    }
}

bool bus_duplicate(const struct bus *b)
{
    for (int i = 0; i < b->slot_count; i++) {
        if (b->slot[i].report.duplicate) {
            return true;
        }
    }
    return b->twins_id != 0;
}
