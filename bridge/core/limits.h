/*
 * limits - how many of each thing the bridge can hold, and the few words all of core shares.
 *
 * Units everywhere in core: mA, mV, W, Wh, ms. `now_ms` is CLOCK_BOOTTIME in milliseconds (it
 * counts suspend); `_utc_ms` is wall time. SPDX-License-Identifier: MIT
 */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <stdint.h>

enum {
    CHARGERS_MAX = 64,
    CIRCUITS_MAX = 32,
    BUSES_MAX = 24,
    PHASES = 3,
    ROWS_MAX = CIRCUITS_MAX * PHASES + PHASES, /* the last three rows: the site's ceiling */
    BUS_CHARGERS_MAX = 3,                      /* a group is one master and three (protocol 5) */
};

enum {
    MA_MAX = 80000,        /* the largest unit sold takes 80 A; never offer more (protocol 8) */
    FLOOR_MA = 6000,       /* least non-zero offer, IEC 61851 and protocol 2 */
    FLOOR_P1_MA = 5000,    /* by choice on protocol 1 */
    STUCK_FLOOR_MA = 6000, /* a protocol 2 unit does not stop below this (protocol 4.4) */
    DRAW_ZERO_MA = 1000,   /* idle readings below this are calibration offset (protocol 2.2) */
    UNLIMITED_CIRCUIT_MA = 6000, /* a circuit without limit_a */
};

/* Which phases of its circuit a charger is wired to; unknown counts fully on every phase. */
enum phase_map {
    PHASE_MAP_UNKNOWN,
    PHASE_MAP_L1,
    PHASE_MAP_L2,
    PHASE_MAP_L3,
    PHASE_MAP_L1L2,
    PHASE_MAP_L1L2L3,
};

/* Bit 0 = L1. */
/*@ requires PHASE_MAP_UNKNOWN <= m <= PHASE_MAP_L1L2L3;
    assigns \nothing;
    ensures \result <= 7;
*/
static inline uint32_t phase_bits(enum phase_map m)
{
    static const uint8_t bits[] = {7, 1, 2, 4, 3, 7};

    return bits[m];
}

enum tristate { TRI_UNKNOWN = -1, TRI_NO = 0, TRI_YES = 1 };

#endif
