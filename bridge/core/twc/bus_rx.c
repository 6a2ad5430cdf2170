/*
 * bus_rx - bytes from the port, and which file they are for. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

static void on_message(struct bus *b, const struct message *m, int64_t now_ms)
{
    if (b->foreign) {
        return; /* answers belong to the other master */
    }
    if (m->kind == MSG_SLAVE_LINKREADY) {
        bus_on_linkready(b, m, now_ms);
    } else if (m->kind == MSG_SLAVE_HEARTBEAT) {
        bus_on_heartbeat(b, m, now_ms);
    } else {
        bus_on_reading(b, m, now_ms);
    }
}

static void on_frame(struct bus *b, const struct frame *f, int64_t now_ms)
{
    struct message m;

    b->counters.frames_in++;
    if (!message_decode(f, &m)) {
        b->counters.bad_frames++;
        return;
    }
    if (!m.from_master) {
        on_message(b, &m, now_ms);
    } else if (bus_find(b, m.sender) >= 0) {
        /* The checksum leaves out the first byte: one broken bit makes a charger's linkready
         * look like a master's. */
        b->counters.bad_frames++;
    } else if (!bus_echo_is(b, f, now_ms)) {
        bus_on_foreign(b, m.sender, now_ms);
    }
}

/* What should have been the answer came in broken: nobody speaks any more. */
static void on_broken(struct bus *b, int64_t now_ms)
{
    if (b->flight.on && now_ms >= b->flight.end_ms + 10 && !bus_echo_due(b)) {
        bus_twin_broken(b);
        bus_flight_lost(b, now_ms);
    }
}

static void on_byte(struct bus *b, uint8_t byte, int64_t now_ms)
{
    struct frame f;

    switch (frame_decode(&b->decoder, byte, &f)) {
    case FRAME_READY:
        on_frame(b, &f, now_ms);
        break;
    case FRAME_BAD_SUM:
    case FRAME_BAD_ESCAPE:
    case FRAME_BAD_LENGTH:
    case FRAME_TOO_LONG:
        on_broken(b, now_ms);
        break;
    case FRAME_MORE:
    case FRAME_NOISE:
    case FRAME_RESULT_COUNT:
        break;
    }
}

void bus_rx(struct bus *b, const uint8_t *p, size_t n, int64_t now_ms)
{
    if (!b->up || n == 0) {
        return;
    }
    b->now_ms = now_ms;
    bus_twin_held_up(b, now_ms);
    if (b->decoder.len > 0 && now_ms - b->rx_ms > (b->config.gateway ? 2000 : 100)) {
        frame_drop_partial(&b->decoder);
    }
    b->rx_ms = now_ms;
    for (size_t i = 0; i < n; i++) {
        on_byte(b, p[i], now_ms);
    }
    bus_refresh(b);
}
