/*
 * bus_gap - heartbeats that came late, and why. The reason is noted while it holds; the gap is
 * told when the heartbeat that ends it is on its way, for only then is its length known.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

/* Only says who was first: a reason for which nothing could be sent at all is worth more. */
static bool weak(enum bus_cause cause)
{
    return cause == CAUSE_NONE || cause == CAUSE_BUSY || cause == CAUSE_LINE ||
           cause == CAUSE_SLOW;
}

void bus_blame_slot(struct bus_slot *s, int64_t now_ms, enum bus_cause cause)
{
    bool due = now_ms > s->end_ms + BUS_INTERVAL_MS;

    if (s->start_ms == BUS_NEVER || ((weak(cause) || cause == CAUSE_NO_STEP) && !due)) {
        return;
    }
    if (s->cause == CAUSE_NONE || (weak(s->cause) && !weak(cause))) {
        s->cause = cause;
    }
}

void bus_blame(struct bus *b, int64_t now_ms, enum bus_cause cause)
{
    for (int i = 0; i < b->slot_count; i++) {
        bus_blame_slot(&b->slot[i], now_ms, cause);
    }
}

void bus_blame_late(struct bus *b, int64_t now_ms)
{
    int64_t late_ms = now_ms - b->promised_ms;

    if (late_ms > BUS_SLOW_MS) {
        bus_blame(b, now_ms, late_ms > BUS_HELD_UP_MS ? CAUSE_HELD_UP : CAUSE_SLOW);
    }
}

static const char *text_of(enum bus_cause c)
{
    static const char *const texts[CAUSE_COUNT] = {
            [CAUSE_NONE] = "not known",
            [CAUSE_BUSY] = "other messages came first",
            [CAUSE_LINE] = "noise on the line",
            [CAUSE_SLOW] = "the program was slow",
            [CAUSE_PORT] = "the port was closed",
            [CAUSE_WRITE] = "the port took no message",
            [CAUSE_NO_STEP] = "no control step",
            [CAUSE_FOREIGN] = "another master",
            [CAUSE_NOT_ADMITTED] = "not linked",
            [CAUSE_LISTENING] = "listening after a start",
            [CAUSE_HELD_UP] = "the program was held up",
            [CAUSE_QUIET] = "the charger did not answer for long",
            [CAUSE_RESTART] = "the bridge was not running",
    };

    return texts[c];
}

/* A heartbeat starts now. Told a tick later, when it is known that the port took it. */
void bus_gap_note(struct bus_slot *s, int64_t now_ms)
{
    bool first = s->start_ms == BUS_NEVER;
    int64_t from_ms = first ? s->sent_before_ms : s->start_ms;

    if (from_ms != BUS_NEVER && now_ms - from_ms > BUS_GAP_MS) {
        s->gap_ms = (int32_t)bus_min(now_ms - from_ms, INT32_MAX);
        s->gap_cause = first ? CAUSE_RESTART : s->cause;
    }
    s->cause = CAUSE_NONE;
}

void bus_gap_tell(struct bus *b)
{
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];
        struct bus_event ev = {.kind = BUS_EV_GAP,
                .slot = i,
                .id = s->id,
                .gap_ms = s->gap_ms,
                .not_linked = s->gap_cause == CAUSE_NOT_ADMITTED,
                .text = text_of(s->gap_cause)};

        if (s->gap_ms > 0) {
            s->gap_ms = 0;
            s->gap_cause = CAUSE_NONE;
            if (b->fn) {
                b->fn(b->user, &ev);
            }
        }
    }
}
