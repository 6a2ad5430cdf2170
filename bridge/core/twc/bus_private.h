/*
 * bus_private - what the files bus*.c share. Nobody else includes it.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_BUS_PRIVATE_H
#define CORE_TWC_BUS_PRIVATE_H

#include "bridge/core/twc/bus.h"
#include "bridge/core/twc/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUS_NEVER   (-(INT64_C(1) << 60))
#define BUS_FOREVER (INT64_C(1) << 60)

enum {
    BUS_SPACING_MS =
            405, /* of the end of a heartbeat to the start of the next: 400, and jitter */
    BUS_INTERVAL_MS = 950, /* the same, when nothing changed */
    BUS_SHARED_MS = 890,   /* the same with several chargers: they wait for each other */
    BUS_LATE_MS = 1100,    /* this old, a heartbeat waits for nobody's changed offer */
    BUS_EARLY_MS =
            300,       /* a heartbeat may follow another's this early: free time in one piece */
    BUS_GAP_MS = 1200, /* an interval above this is an event */
    BUS_HELD_UP_MS = 200, /* a tick this late: the program did not run */
    BUS_SLOW_MS = 50,     /* this late: it was slow */
    BUS_MIRROR_MS = 2500, /* an answer older than this proves nothing */
    BUS_FAST_TRIES = 2, /* amps that were not mirrored are repeated this often in quick order */
};

/* bus.c */
void bus_emit(struct bus *b, enum bus_event_kind kind, int slot, uint16_t id);
void bus_refresh(struct bus *b); /* link of every slot */
void bus_warm_start(struct bus *b, int64_t now_ms);
int bus_find(const struct bus *b, uint16_t id); /* -1: none */
bool bus_is_mine(const struct bus *b, const struct bus_slot *s);
int64_t bus_min(int64_t a, int64_t b);
int64_t bus_max(int64_t a, int64_t b);

/* bus_adopt.c */
void bus_on_linkready(struct bus *b, const struct message *m, int64_t now_ms);
void bus_on_unknown_heartbeat(struct bus *b, const struct message *m, int64_t now_ms);
void bus_adopt_ready(struct bus *b, int64_t now_ms);
void bus_slot_reset(struct bus *b, int slot, uint16_t id);
void bus_our_id(struct bus *b); /* another one where it is a charger's, before the first byte */
bool bus_alone(const struct bus *b, int64_t now_ms); /* exactly one charger was heard */

/* bus_answer.c */
void bus_on_heartbeat(struct bus *b, const struct message *m, int64_t now_ms);
void bus_count_heartbeat(struct bus *b, int slot, int64_t now_ms);
void bus_watch_silence(struct bus *b, int64_t now_ms);
void bus_slide_share(struct bus_slot *s, int64_t now_ms);
void bus_flight_done(struct bus *b); /* answered or not */
void bus_flight_lost(struct bus *b, int64_t now_ms);
void bus_learn_latency(struct bus *b, int64_t took_ms);

/* bus_echo.c */
void bus_echo_reset(struct bus *b);
void bus_echo_sent(struct bus *b, const struct frame *f, int64_t end_ms);
void bus_echo_undo(struct bus *b);
void bus_echo_late(struct bus *b, int64_t late_ms); /* the last one ended so much later */
bool bus_echo_is(struct bus *b, const struct frame *f, int64_t now_ms);
bool bus_echo_due(const struct bus *b); /* the port echoes, and the last echo has not come */
void bus_echo_missed(struct bus *b);    /* an answer came and no echo before it */

/* bus_foreign.c */
void bus_on_foreign(struct bus *b, uint16_t id, int64_t now_ms);
void bus_watch_foreign(struct bus *b, int64_t now_ms);
void bus_foreign_clear(struct bus *b);

/* bus_gap.c */
/* Every heartbeat that is due and cannot go out now: the reason is kept for BUS_EV_GAP. */
void bus_blame(struct bus *b, int64_t now_ms, enum bus_cause cause);
void bus_blame_slot(struct bus_slot *s, int64_t now_ms, enum bus_cause cause);
void bus_blame_late(struct bus *b, int64_t now_ms); /* this tick came later than promised */
void bus_gap_note(struct bus_slot *s, int64_t now_ms);
void bus_gap_tell(struct bus *b);

/* bus_query.c */
struct bus_choice {
    int slot; /* -1: nothing to ask */
    enum bus_query query;
};
struct bus_choice bus_query_choose(const struct bus *b, int64_t now_ms, int64_t *due_ms);
uint8_t bus_query_code(
        const struct bus_slot *s, enum bus_query q); /* second byte; first is FB */
void bus_query_sent(struct bus *b, struct bus_choice c, int64_t now_ms);
void bus_query_overdue(struct bus *b, int slot, enum bus_query q, int64_t now_ms);
void bus_query_answered(struct bus *b, int slot, enum bus_query q);
void bus_watch_overdue(struct bus *b, int64_t now_ms);
void bus_query_start(struct bus_slot *s, int64_t now_ms); /* the charger came: ask again */
void bus_vin_want(struct bus_slot *s, int64_t due_ms);

/* bus_reading.c */
void bus_on_reading(struct bus *b, const struct message *m, int64_t now_ms);
void bus_set_plugged(struct bus *b, int slot, enum tristate plugged, int64_t now_ms);
void bus_watch_plug(struct bus *b, int64_t now_ms);
bool bus_plug_answers(const struct bus_slot *s);

/* bus_twin.c; query -1: the heartbeat */
void bus_twin_asked(struct bus *b, int slot, int query, int64_t end_ms);
void bus_twin_heartbeat(struct bus *b, int slot, const struct message *m, int64_t now_ms);
void bus_twin_reading(
        struct bus *b, int slot, int query, const struct message *m, int64_t now_ms);
void bus_twin_broken(struct bus *b);
void bus_twin_hold(struct bus_slot *s, int64_t now_ms); /* after a reading was taken */
void bus_twin_found(struct bus *b, int slot, int64_t now_ms);
void bus_twin_trace(struct bus *b, int slot, int64_t now_ms); /* may be a second unit's work */
void bus_twin_unadopted(struct bus *b, uint16_t id, int64_t now_ms);
void bus_twin_held_up(struct bus *b, int64_t now_ms); /* before rx_ms is set */
void bus_twin_forget(struct bus_slot *s, int64_t now_ms); /* the evidence, not the finding */
void bus_twin_resume(struct bus *b, int64_t now_ms);
void bus_watch_twins(struct bus *b, int64_t now_ms);

/* bus_tx.c */
size_t bus_send_next(
        struct bus *b, int64_t now_ms, uint8_t out[static FRAME_WIRE_MAX], int64_t *wake_ms);
/* Its offer was made by a control step a short while ago. */
bool bus_fresh(const struct bus *b, const struct bus_slot *s, int64_t now_ms);

#endif
