/*
 * bus - see bus.h. This file: start, stop, the tick, what the shell asks.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus.h"

#include "bridge/core/twc/bus_private.h"

#include <assert.h>
#include <string.h>

int64_t bus_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t bus_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void bus_emit(struct bus *b, enum bus_event_kind kind, int slot, uint16_t id)
{
    struct bus_event ev = {.kind = kind, .slot = slot, .id = id};

    if (b->fn) {
        b->fn(b->user, &ev);
    }
}

int bus_find(const struct bus *b, uint16_t id)
{
    for (int i = 0; i < b->slot_count; i++) {
        if (b->slot[i].used && b->slot[i].id == id) {
            return i;
        }
    }
    return -1;
}

/* We transmit to it, as far as it and control are concerned. */
bool bus_is_mine(const struct bus *b, const struct bus_slot *s)
{
    (void)b;
    return s->used && s->admitted && s->offer && !s->quiet;
}

static enum charger_link link_of(const struct bus *b, const struct bus_slot *s)
{
    if (!b->up) {
        return CHARGER_BUS_DOWN;
    }
    if (b->foreign) {
        return CHARGER_FOREIGN;
    }
    if (s->quiet || (s->offer && !s->admitted)) {
        return CHARGER_QUIET;
    }
    if (s->silent) {
        return CHARGER_SILENT;
    }
    return s->online ? CHARGER_ONLINE : CHARGER_UNHEARD;
}

void bus_refresh(struct bus *b)
{
    for (int i = 0; i < b->slot_count; i++) {
        b->slot[i].report.link = link_of(b, &b->slot[i]);
    }
}

void bus_config_defaults(struct bus_config *c)
{
    memset(c, 0, sizeof(*c));
    c->id = 0x4242;
    c->sign = 0x77;
    c->query = true;
    c->warm_listen_ms = 250;
    c->cold_listen_ms = 12000;
    c->idle_wait_ms = 150;
    c->stamp_max_ms = 2000;
    c->foreign_window_ms = 5000;
    c->foreign_clear_ms = 120000;
    c->silent_ms = 10000;
    c->silent_stop_ms = 600000;
}

void bus_init(struct bus *b, const struct bus_config *c, bus_event_fn *fn, void *user)
{
    assert(c->known_count >= 0 && c->known_count <= BUS_KNOWN_MAX);
    memset(b, 0, sizeof(*b));
    b->config = *c;
    b->fn = fn;
    b->user = user;
    b->undo_slot = -1;
    b->full_ms = BUS_NEVER;
    b->our_id_ms = BUS_NEVER;
    b->hold_ms = BUS_NEVER;
    b->heartbeat_ms = BUS_NEVER;
    b->promised_ms = BUS_FOREVER;
    b->latency8 = (c->gateway ? 200 : 60) * 8;
    b->jitter8 = 20 * 8;
    for (int i = 0; i < c->known_count && b->slot_count < BUS_CHARGERS_MAX; i++) {
        if (c->known[i].stored && bus_find(b, c->known[i].id) < 0) {
            bus_slot_reset(b, b->slot_count, c->known[i].id);
            b->slot_count++;
        }
    }
    bus_our_id(b);
    bus_refresh(b);
}

/* Every charger is talked to again without waiting for its linkready. */
void bus_warm_start(struct bus *b, int64_t now_ms)
{
    b->listen_until_ms = now_ms + b->config.warm_listen_ms;
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        s->warm_first = true;
        s->kick = true;
        s->mirror_valid = false;
        s->online = false;
        s->silent = false;
        s->quiet = false;
        s->awaited = false;
        s->base_ms = BUS_NEVER;
        s->before_known = false;
        bus_twin_forget(s, now_ms);
        s->report.readback_due = true;
        s->report.warm_ms = now_ms;
        bus_query_start(s, now_ms);
    }
}

static void forget_line(struct bus *b, int64_t now_ms)
{
    b->flight.on = false;
    b->overdue.on = false;
    b->bunch = false;
    b->hold_ms = BUS_NEVER;
    b->retry_ms = BUS_NEVER;
    b->undo_slot = -1;
    b->query_ms = BUS_NEVER;
    b->tx_end_ms = now_ms;
    b->rx_ms = BUS_NEVER;
    b->decoder.len = 0;
    b->decoder.open = false;
    b->decoder.skip = false;
    bus_echo_reset(b);
}

void bus_port_up(struct bus *b, int64_t now_ms)
{
    bool first = !b->opened;

    b->now_ms = now_ms;
    b->up = true;
    b->opened = true;
    b->promised_ms = BUS_FOREVER;
    memset(b->candidate, 0, sizeof(b->candidate));
    b->twins_id = 0;
    b->twin_from_ms = BUS_NEVER;
    forget_line(b, now_ms);
    bus_foreign_clear(b);
    b->listen_until_ms = now_ms + b->config.cold_listen_ms;
    if (b->slot_count > 0) {
        bus_warm_start(b, now_ms);
    }
    bus_refresh(b);
    for (int i = 0; i < b->slot_count && first; i++) {
        bus_emit(b, BUS_EV_ADOPTED, i, b->slot[i].id);
    }
}

/* Marks the moment from which we transmit nothing. */
static void stop_all(struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < b->slot_count; i++) {
        if (b->slot[i].report.quiet_ms == 0 && b->slot[i].start_ms != BUS_NEVER) {
            b->slot[i].report.quiet_ms = now_ms;
        }
    }
}

void bus_port_down(struct bus *b, int64_t now_ms)
{
    b->now_ms = now_ms;
    b->up = false;
    forget_line(b, now_ms);
    bus_foreign_clear(b);
    stop_all(b, now_ms);
    bus_blame(b, now_ms, CAUSE_PORT);
    bus_refresh(b);
}

static void expire_partial(struct bus *b, int64_t now_ms)
{
    int64_t limit = b->config.gateway ? 2000 : 100;

    if (b->decoder.len > 0 && now_ms - b->rx_ms > limit) {
        frame_drop_partial(&b->decoder);
    }
}

static void watch(struct bus *b, int64_t now_ms)
{
    bus_twin_held_up(b, now_ms);
    bus_blame_late(b, now_ms);
    expire_partial(b, now_ms);
    if (b->flight.on && now_ms >= b->flight.deadline_ms) {
        bus_flight_lost(b, now_ms);
    }
    bus_watch_overdue(b, now_ms);
    bus_watch_foreign(b, now_ms);
    if (b->up && !b->foreign) {
        bus_watch_silence(b, now_ms);
        bus_watch_plug(b, now_ms);
        bus_watch_twins(b, now_ms);
        if (now_ms >= b->listen_until_ms) {
            bus_adopt_ready(b, now_ms);
        }
    }
    for (int i = 0; i < b->slot_count; i++) {
        bus_slide_share(&b->slot[i], now_ms);
    }
}

size_t bus_tick(
        struct bus *b, int64_t now_ms, uint8_t out[static FRAME_WIRE_MAX], int64_t *next_ms)
{
    bool was_foreign = b->foreign;
    int64_t wake = now_ms + 1000;
    size_t n;

    b->now_ms = now_ms;
    b->undo_slot = -1;
    bus_gap_tell(b);
    watch(b, now_ms);
    n = bus_send_next(b, now_ms, out, &wake);
    if (b->flight.on) {
        wake = b->flight.deadline_ms; /* until then nothing else may be sent */
    }
    bus_refresh(b);
    if (b->foreign && !was_foreign) {
        stop_all(b, now_ms);
    }
    *next_ms = bus_max(now_ms + 1, bus_min(wake, now_ms + 1000));
    b->promised_ms = *next_ms;
    return n;
}

void bus_written(struct bus *b, int64_t now_ms)
{
    int64_t late_ms = now_ms - b->now_ms;

    if (late_ms <= 0 || !b->flight.on) {
        return;
    }
    b->tx_end_ms += late_ms;
    b->flight.end_ms += late_ms;
    b->flight.deadline_ms += late_ms;
    bus_echo_late(b, late_ms);
    if (b->flight.heartbeat) {
        b->slot[b->flight.slot].end_ms += late_ms;
    }
}

void bus_write_failed(struct bus *b)
{
    if (b->undo_slot >= 0) {
        b->slot[b->undo_slot] = b->undo;
        bus_blame(b, b->now_ms, CAUSE_WRITE);
    }
    if (b->flight.on || b->undo_slot >= 0) {
        b->counters.frames_out--;
        bus_echo_undo(b);
    }
    b->flight.on = false;
    b->undo_slot = -1;
    b->tx_end_ms = b->now_ms;
    b->retry_ms = b->now_ms + 20;
    bus_refresh(b);
}

int bus_slots(const struct bus *b)
{
    return b->slot_count;
}

uint16_t bus_slot_id(const struct bus *b, int slot)
{
    return slot >= 0 && slot < b->slot_count ? b->slot[slot].id : 0;
}

const struct charger_report *bus_report(const struct bus *b, int slot)
{
    assert(slot >= 0 && slot < BUS_CHARGERS_MAX);
    return &b->slot[slot].report;
}

void bus_set_offer(struct bus *b, int slot, const struct offer *offer, bool transmit)
{
    struct bus_slot *s;

    assert(slot >= 0 && slot < BUS_CHARGERS_MAX);
    s = &b->slot[slot];
    s->offer = offer;
    if (s->admitted && !transmit) {
        s->report.quiet_ms = s->start_ms != BUS_NEVER ? b->now_ms : 0;
        b->flight.on = b->flight.on && b->flight.slot != slot;
    }
    if (!s->admitted && transmit) {
        s->base_ms = BUS_NEVER;
        s->kick = true;
        if (b->now_ms - s->report.heard_ms > b->config.silent_ms) {
            s->online = false;
            s->mirror_valid = false;
        }
    }
    s->admitted = transmit;
    bus_refresh(b);
}

void bus_ask_vin(struct bus *b, int slot)
{
    assert(slot >= 0 && slot < BUS_CHARGERS_MAX);
    b->slot[slot].vin_tries = 0;
    bus_vin_want(&b->slot[slot], b->now_ms);
}

void bus_last_round(struct bus *b, int64_t now_ms)
{
    b->now_ms = now_ms;
    b->stopping = true;
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        s->last_due = bus_is_mine(b, s) && s->start_ms != BUS_NEVER;
    }
    if (b->flight.on) {
        b->flight.deadline_ms = bus_min(b->flight.deadline_ms, now_ms + 60);
    }
}

bool bus_last_round_done(const struct bus *b)
{
    if (!b->stopping || !b->up || b->foreign || b->now_ms < b->listen_until_ms) {
        return b->stopping;
    }
    for (int i = 0; i < b->slot_count; i++) {
        const struct bus_slot *s = &b->slot[i];

        if (s->last_due && bus_is_mine(b, s) && bus_fresh(b, s, b->now_ms)) {
            return false;
        }
    }
    return true;
}

void bus_resume(struct bus *b, int64_t now_ms)
{
    b->now_ms = now_ms;
    bus_twin_resume(b, now_ms);
    if (b->foreign) {
        uint16_t id = b->foreign_id;

        bus_foreign_clear(b);
        bus_warm_start(b, now_ms);
        bus_refresh(b);
        bus_emit(b, BUS_EV_FOREIGN_GONE, -1, id);
    }
}

bool bus_foreign(const struct bus *b)
{
    return b->foreign;
}

int64_t bus_last_sent_ms(const struct bus *b)
{
    return b->heartbeat_ms == BUS_NEVER ? 0 : b->heartbeat_ms;
}

const char *bus_quiet_reason(const struct bus *b, int64_t now_ms)
{
    bool admitted = false;

    if (!b->up) {
        return "the port is closed";
    }
    if (b->foreign) {
        return "another master is on the bus";
    }
    if (now_ms < b->listen_until_ms) {
        return "listening before the first message";
    }
    if (b->stopping) {
        return "stopping";
    }
    if (b->slot_count == 0) {
        return "no charger was heard yet";
    }
    for (int i = 0; i < b->slot_count; i++) {
        if (bus_is_mine(b, &b->slot[i])) {
            return NULL;
        }
        admitted = admitted || b->slot[i].admitted;
    }
    return admitted ? "no charger answers" : "no charger may be linked";
}

struct bus_counters bus_counters(const struct bus *b)
{
    struct bus_counters c = b->counters;
    const uint32_t *seen = b->decoder.seen;

    c.noise_bytes = b->decoder.noise_bytes;
    c.bad_frames += seen[FRAME_BAD_SUM] + seen[FRAME_BAD_ESCAPE] + seen[FRAME_BAD_LENGTH] +
                    seen[FRAME_TOO_LONG];
    return c;
}
