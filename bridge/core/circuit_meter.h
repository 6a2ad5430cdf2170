/*
 * circuit_meter - what flows on a circuit beside the chargers, from a meter of the whole circuit.
 *
 * The meter shows chargers and everything else together, some seconds late. While what the chargers
 * draw is steady, the rest is the difference. While it changes, the rest lies between two bounds
 * (the most and the least that they drew lately), and what was known before is kept as far as it
 * lies in them: so a charger's own ramp is not taken for another load, which would make the offers
 * swing. A measurement may also be newer than what the chargers told last, so a car may already draw
 * all that it was told; that is judged again when they have told more. The first measurement counts
 * as little as it can, so that a restart lowers nobody. The rest counts with its highest value of the last 30 s: room goes down at once and comes
 * back late. What a circuit produces (a negative rest) is not counted as room.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_CIRCUIT_METER_H
#define CORE_CIRCUIT_METER_H

#include "bridge/core/charger.h"
#include "bridge/core/control.h"

enum {
    METER_LATE_MS = 10000, /* meter and car together: how old a draw may be in a measurement */
    METER_SOON_MS = 2500,  /* chargers tell what they draw once a second */
    METER_HOLD_MS = 30000,
    METER_BUCKET_MS = 1000,
    METER_DRAWS = 128, /* buckets: as long as a measurement may be late, and METER_LATE_MS */
    METER_HOLDS = METER_HOLD_MS / METER_BUCKET_MS + 1,
};

struct meter_range {
    int32_t least, most;
};

struct meter_phase {
    struct meter_range draw[METER_DRAWS]; /* of all chargers of the circuit */
    int32_t may_ma; /* most that they may draw now, by what they are told */
    int32_t rest_ma;
    bool known;
    int64_t at_ms; /* of the newest measurement */
    bool again;    /* one is to be judged again */
    int64_t again_ms;
    int32_t again_ma;
    int32_t held_ma[METER_HOLDS]; /* highest rest in each bucket */
};

struct circuit_meter {                /* zeroed to begin with */
    int64_t draw_bucket, hold_bucket; /* numbers of the newest */
    struct meter_phase phase[PHASES];
};

/* What a charger draws on each phase, as far as its report and its wiring tell. */
void charger_phases(const struct charger_report *r, enum phase_map map,
        struct meter_range out[static PHASES]);

/* Notes what all chargers under the circuit draw now. Each control step, before the readings. */
void circuit_meter_draw(struct circuit_meter *m, const struct control_config *c, int circuit,
        const struct charger_report report[], int64_t now_ms);

/* A measurement of one phase; a repeated one (same at_ms) changes nothing. */
void circuit_meter_take(
        struct circuit_meter *m, int phase, int32_t ma, int64_t at_ms, int64_t now_ms);

/* What counts now on a phase; false: nothing was measured yet. */
bool circuit_meter_rest(
        const struct circuit_meter *m, int phase, int64_t now_ms, int32_t *rest_ma);

#endif
