/*
 * bus_adopt - who is on the bus: linkreadys, ids heard for the first time, reboots, two units
 * with one id. Two linkreadys that agree, or a configured id, adopt a charger; a fourth one is
 * not adopted and never evicts another. None has our own id: its frames would look like ours, and
 * those of a second master with that id like its own. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

#include <string.h>

enum {
    AGREE_MS = 60000,     /* two linkreadys of an unknown id this far apart still agree */
    DUPLICATE_MS = 60000, /* A, B, A within this: two units with one id */
    LOOP_MS = 60000,      /* linkreadys for so long although we send heartbeats */
    LOOP_GAP_MS = 25000,  /* they come every 10 s; a longer pause ends the series */
    FULL_AGAIN_MS = 60000,
    OUR_ID_AGAIN_MS = 3600000,
    USUAL_ID = 0x7777, /* of other controllers: one that was forgotten must not look like us */
};

static const struct bus_known *known(const struct bus *b, uint16_t id)
{
    for (int i = 0; i < b->config.known_count; i++) {
        if (b->config.known[i].id == id) {
            return &b->config.known[i];
        }
    }
    return NULL;
}

static bool is_chargers(const struct bus *b, uint16_t id)
{
    for (int i = 0; i < BUS_CANDIDATES; i++) {
        if (b->candidate[i].id == id) {
            return true;
        }
    }
    return known(b, id) || bus_find(b, id) >= 0;
}

void bus_our_id(struct bus *b)
{
    uint16_t id = b->config.id;

    while (id == 0 || id == USUAL_ID || is_chargers(b, id)) {
        id++;
    }
    if (b->counters.frames_out == 0) {
        b->config.id = id;
    }
}

void bus_slot_reset(struct bus *b, int slot, uint16_t id)
{
    struct bus_slot *s = &b->slot[slot];
    const struct bus_known *k = known(b, id);

    memset(s, 0, sizeof(*s));
    s->used = true;
    s->id = id;
    s->start_ms = BUS_NEVER;
    s->end_ms = BUS_NEVER;
    s->sent_before_ms = BUS_NEVER;
    s->base_ms = BUS_NEVER;
    s->drew_ms = BUS_NEVER;
    bus_twin_forget(s, b->now_ms);
    s->plug_code = 0xFF;
    s->report.plugged = TRI_UNKNOWN;
    s->report.counter_wh = -1;
    s->report.answer_share_permille = UINT32_MAX;
    for (int i = 0; i < PHASES; i++) {
        s->report.phase_ma[i] = -1;
    }
    if (k) {
        s->report.protocol = k->protocol;
        s->report.sign = k->sign;
        s->report.hw_max_ma = k->hw_max_ma;
        s->report.told_known = k->stored && k->told_ma >= 0;
        s->report.told_ma = s->report.told_known ? k->told_ma : 0;
        s->sent_before_ms = k->stored && k->sent_ms > 0 ? k->sent_ms : BUS_NEVER;
        s->identity_known = k->stored && k->hw_max_ma > 0; /* a linkready was stored */
        s->identity = (struct bus_identity){.sign = k->sign, .hw_max_ma = k->hw_max_ma};
        s->identity_ms = BUS_NEVER;
    }
}

static int free_slot(struct bus *b, bool tentative)
{
    if (b->slot_count < BUS_CHARGERS_MAX) {
        return b->slot_count++;
    }
    for (int i = 0; i < b->slot_count && !tentative; i++) {
        if (b->slot[i].tentative && b->slot[i].quiet) {
            return i; /* a ghost: one broken frame made it, and it never answered */
        }
    }
    return -1;
}

static void adopt(struct bus *b, struct bus_candidate *c, int64_t now_ms)
{
    int slot;
    struct bus_slot *s;
    bool twins;

    if (c->id == b->config.id) {
        if (now_ms - b->our_id_ms >= OUR_ID_AGAIN_MS) {
            b->our_id_ms = now_ms;
            bus_emit(b, BUS_EV_OUR_ID, -1, c->id);
        }
        return;
    }
    slot = free_slot(b, c->tentative);
    if (slot < 0) {
        if (b->full_id != c->id || now_ms - b->full_ms >= FULL_AGAIN_MS) {
            b->full_id = c->id;
            b->full_ms = now_ms;
            bus_emit(b, BUS_EV_FULL, -1, c->id);
        }
        return;
    }
    s = &b->slot[slot];
    bus_slot_reset(b, slot, c->id);
    s->tentative = c->tentative;
    s->kick = true;
    s->report.protocol = c->protocol;
    if (!c->tentative) {
        s->identity_known = true;
        s->identity = c->identity;
        s->identity_ms = c->seen_ms;
        s->loop_first_ms = c->seen_ms;
        s->loop_last_ms = c->seen_ms;
        s->report.sign = c->identity.sign;
        s->report.hw_max_ma = c->identity.hw_max_ma;
    }
    twins = c->twins;
    c->id = 0;
    bus_query_start(s, now_ms);
    bus_refresh(b);
    bus_emit(b, BUS_EV_ADOPTED, slot, s->id);
    if (twins) {
        bus_twin_found(b, slot, now_ms);
    }
}

void bus_adopt_ready(struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < BUS_CANDIDATES; i++) {
        struct bus_candidate *c = &b->candidate[i];

        if (c->id != 0 && c->ready) {
            c->ready = false; /* asked again by its next linkready if there was no room */
            adopt(b, c, now_ms);
        }
    }
}

/* The entry of this id, or the one that was silent longest, emptied. */
static struct bus_candidate *candidate(struct bus *b, uint16_t id)
{
    struct bus_candidate *oldest = &b->candidate[0];

    for (int i = 0; i < BUS_CANDIDATES; i++) {
        struct bus_candidate *c = &b->candidate[i];

        if (c->id == id) {
            return c;
        }
        if (oldest->id != 0 && (c->id == 0 || c->seen_ms < oldest->seen_ms)) {
            oldest = c;
        }
    }
    memset(oldest, 0, sizeof(*oldest));
    oldest->seen_ms = BUS_NEVER;
    return oldest;
}

static bool same_identity(struct bus_identity a, struct bus_identity b)
{
    return a.sign == b.sign && a.hw_max_ma == b.hw_max_ma;
}

/* Another identity behind an id that is not adopted: as in changed_identity. */
static void note_twins(
        struct bus *b, struct bus_candidate *c, struct bus_identity id, int64_t now_ms)
{
    if (c->seen_ms == BUS_NEVER || c->tentative || same_identity(c->identity, id)) {
        return;
    }
    if (c->before_known && same_identity(c->before, id) &&
            now_ms - c->before_ms <= DUPLICATE_MS) {
        c->twins = true;
        bus_twin_unadopted(b, c->id, now_ms);
    }
    c->before = c->identity;
    c->before_ms = c->seen_ms;
    c->before_known = true;
}

static void unknown_linkready(struct bus *b, const struct message *m, int64_t now_ms)
{
    struct bus_identity id = {.sign = m->sign, .hw_max_ma = m->hw_max_ma};
    struct bus_candidate *c = candidate(b, m->sender);
    const struct bus_known *k = known(b, m->sender);
    bool agrees = c->id == m->sender && !c->tentative && now_ms - c->seen_ms <= AGREE_MS &&
                  same_identity(c->identity, id) && c->protocol == m->protocol;

    if (!m->odd) {
        note_twins(b, c, id, now_ms);
    }
    c->id = m->sender;
    c->tentative = false;
    c->protocol = m->protocol;
    c->identity = id;
    c->seen_ms = now_ms;
    c->ready = agrees || (k && (k->configured || k->stored));
    bus_our_id(b);
    if (c->ready && now_ms >= b->listen_until_ms) {
        bus_adopt_ready(b, now_ms);
    }
}

void bus_on_unknown_heartbeat(struct bus *b, const struct message *m, int64_t now_ms)
{
    struct bus_candidate *c = candidate(b, m->sender);

    if (c->id == m->sender && !c->tentative) {
        return; /* its linkreadys decide */
    }
    *c = (struct bus_candidate){.id = m->sender,
            .ready = true,
            .tentative = true,
            .protocol = m->protocol,
            .seen_ms = now_ms};
    bus_our_id(b);
    if (now_ms >= b->listen_until_ms) {
        bus_adopt_ready(b, now_ms);
    }
}

/* Another sign or maximum behind a known id: a reboot, or a second unit. */
static void changed_identity(struct bus *b, int slot, struct bus_identity id, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];
    bool reboot = s->identity.sign != id.sign;
    bool duplicate = s->before_known && same_identity(s->before, id) &&
                     now_ms - s->before_ms <= DUPLICATE_MS && s->identity_ms != BUS_NEVER;

    s->before = s->identity;
    s->before_ms = s->identity_ms;
    s->before_known = true;
    s->identity = id;
    if (id.hw_max_ma < s->report.hw_max_ma || s->report.hw_max_ma == 0) {
        s->report.hw_max_ma = id.hw_max_ma; /* a higher one needs a second linkready */
    }
    if (duplicate) {
        bus_twin_found(b, slot, now_ms);
    }
    if (reboot) {
        s->report.sign = id.sign;
        s->report.rebooted = true;
        s->report.readback_due = true;
        s->reboot_ms = now_ms;
        bus_emit(b, BUS_EV_REBOOTED, slot, s->id);
    }
}

static void note_identity(struct bus *b, int slot, const struct message *m, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];
    struct bus_identity id = {.sign = m->sign, .hw_max_ma = m->hw_max_ma};

    if (s->identity_known && !same_identity(s->identity, id)) {
        changed_identity(b, slot, id, now_ms);
    } else if (s->identity_known) {
        s->report.hw_max_ma = s->report.duplicate && s->report.hw_max_ma != 0
                                      ? (int32_t)bus_min(s->report.hw_max_ma, id.hw_max_ma)
                                      : id.hw_max_ma;
    } else {
        s->identity_known = true;
        s->identity = id;
        s->report.sign = id.sign;
        s->report.hw_max_ma = id.hw_max_ma;
    }
    s->identity_ms = now_ms;
    s->tentative = false;
    s->report.protocol = m->protocol;
}

/* Linkreadys over and over although we talk to it: wiring, or a unit that needs a reset. */
static void note_loop(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (now_ms - s->loop_last_ms > LOOP_GAP_MS) {
        s->loop_first_ms = now_ms;
    }
    s->loop_last_ms = now_ms;
    if (now_ms - s->loop_first_ms >= LOOP_MS && !s->report.linkready_loop &&
            now_ms - s->start_ms < 3000) {
        s->report.linkready_loop = true;
        bus_emit(b, BUS_EV_LINKREADY_LOOP, slot, s->id);
    }
}

void bus_on_linkready(struct bus *b, const struct message *m, int64_t now_ms)
{
    int slot = bus_find(b, m->sender);
    struct bus_slot *s;

    if (m->sender == 0 || m->hw_max_ma > MA_MAX) {
        b->counters.bad_frames++; /* no unit says so: a broken frame that passed the checksum */
        return;
    }
    if (slot < 0) {
        unknown_linkready(b, m, now_ms);
        return;
    }
    s = &b->slot[slot];
    bus_twin_trace(b, slot, now_ms); /* one that hears us says none */
    if (!m->odd) {
        note_identity(b, slot, m, now_ms);
    }
    note_loop(b, slot, now_ms);
    /* It lost us: what it mirrored before no longer holds, and it waits for a heartbeat. */
    s->mirror_valid = false;
    s->kick = true;
    if (s->quiet) {
        s->quiet = false;
        s->base_ms = BUS_NEVER;
    }
    bus_emit(b, BUS_EV_REPORT, slot, s->id);
}

bool bus_alone(const struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < BUS_CANDIDATES; i++) {
        if (b->candidate[i].id != 0 && now_ms - b->candidate[i].seen_ms < AGREE_MS) {
            return false;
        }
    }
    return b->slot_count == 1 && now_ms - b->full_ms > FULL_AGAIN_MS;
}
