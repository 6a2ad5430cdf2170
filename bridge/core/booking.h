/*
 * booking - what a charger costs its rows now: the largest of offer, draw and what silence hides.
 *
 * Safety page 2 and 4. SPDX-License-Identifier: MIT
 */
#ifndef CORE_BOOKING_H
#define CORE_BOOKING_H

#include "bridge/core/control.h"

struct booking {
    int32_t booked_ma; /* now, everything counted */
    int32_t gate_ma;   /* what raises must leave to it: more, where it may hold what we never said */
    int32_t fixed_ma;  /* the part that no offer of ours lowers */
    int32_t offer_ma;  /* offer in force: the higher of told, mirrored and decided */
};

/* Takes note of what the report says before it is overwritten: the highest offer that may still be
 * in force. Only an answer that is newer than the last amps tells that earlier ones are over. */
void booking_note(const struct control_times *t, struct control_state_charger *s,
        const struct charger_report *r, int64_t now_ms);

/* reach_ma: most that the charger could draw by its hardware and circuits; floor_ma: its least
 * offer; present: adopted on its bus. */
struct booking booking_of(const struct control_times *t, const struct charger_report *r,
        const struct control_state_charger *s, int32_t reach_ma, int32_t floor_ma,
        int64_t now_ms);

/* A protocol 2 unit that may not stop at 0 A: safety page 2, stuck floor. */
bool booking_stuck(const struct control_times *t, const struct charger_report *r, int64_t now_ms);

#endif
