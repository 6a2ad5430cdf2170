/*
 * bus_foreign - another master on the bus. One frame may be a broken frame of somebody that
 * passed the checksum: it only blocks raises. The second one of the same sender within the
 * window silences us at once. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

#include <string.h>

static void set_suspect(struct bus *b, bool on)
{
    for (int i = 0; i < b->slot_count; i++) {
        struct charger_report *r = &b->slot[i].report;

        if (r->foreign_suspect != on) {
            r->foreign_suspect = on;
            bus_emit(b, BUS_EV_REPORT, i, b->slot[i].id);
        }
    }
}

void bus_foreign_clear(struct bus *b)
{
    b->foreign = false;
    memset(b->suspect, 0, sizeof(b->suspect));
    for (int i = 0; i < b->slot_count; i++) {
        b->slot[i].report.foreign_suspect = false;
    }
}

static void fall_silent(struct bus *b, uint16_t id, int64_t now_ms)
{
    b->foreign = true;
    b->foreign_id = id;
    b->flight.on = false;
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        if (s->report.quiet_ms == 0 && s->start_ms != BUS_NEVER) {
            s->report.quiet_ms = now_ms;
        }
        s->awaited = false;
    }
    bus_blame(b, now_ms, CAUSE_FOREIGN);
    bus_refresh(b);
    bus_emit(b, BUS_EV_FOREIGN, -1, id);
}

/* The entry of this sender, or the oldest one. */
static struct bus_suspect *entry(struct bus *b, uint16_t id)
{
    struct bus_suspect *oldest = &b->suspect[0];

    for (int i = 0; i < BUS_SUSPECTS; i++) {
        struct bus_suspect *s = &b->suspect[i];

        if (s->set && s->id == id) {
            return s;
        }
        if (!s->set || (oldest->set && s->seen_ms < oldest->seen_ms)) {
            oldest = s;
        }
    }
    return oldest;
}

void bus_on_foreign(struct bus *b, uint16_t id, int64_t now_ms)
{
    struct bus_suspect *s = entry(b, id);
    bool again = s->set && s->id == id && now_ms - s->seen_ms <= b->config.foreign_window_ms;

    *s = (struct bus_suspect){.set = true, .id = id, .seen_ms = now_ms};
    b->foreign_ms = now_ms;
    if (b->foreign) {
        return;
    }
    if (again) {
        fall_silent(b, id, now_ms);
    } else {
        set_suspect(b, true);
    }
}

void bus_watch_foreign(struct bus *b, int64_t now_ms)
{
    if (!b->foreign) {
        bool fresh = false;

        for (int i = 0; i < BUS_SUSPECTS; i++) {
            struct bus_suspect *s = &b->suspect[i];

            s->set = s->set && now_ms - s->seen_ms <= b->config.foreign_window_ms;
            fresh = fresh || s->set;
        }
        if (!fresh) {
            set_suspect(b, false);
        }
        return;
    }
    if (now_ms - b->foreign_ms >= b->config.foreign_clear_ms) {
        uint16_t id = b->foreign_id;

        bus_foreign_clear(b);
        bus_warm_start(b, now_ms);
        bus_refresh(b);
        bus_emit(b, BUS_EV_FOREIGN_GONE, -1, id);
    }
}
