/*
 * envelope - the last function before the encoder: no offer leaves above any limit.
 *
 * `struct offer` is opaque and is made by envelope_make alone; the master's encoder takes nothing
 * else. Pure, short, free of loops over pointers, with ACSL contracts; see the safety page,
 * sections 1 and 9. SPDX-License-Identifier: MIT
 */
#ifndef CORE_ENVELOPE_H
#define CORE_ENVELOPE_H

#include "bridge/core/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct offer;

/* Storage for one offer per charger inside the state of control. */
struct offer_box {
    int64_t opaque[3];
};

/* All limits in mA per phase; every one of them holds. A limit that is not known is 0. */
struct envelope_in {
    int32_t want_ma;     /* what allotment gave */
    int32_t floor_ma;    /* least non-zero offer */
    int32_t hardware_ma; /* of the unit; 0: not known */
    int32_t charger_ma;  /* setting max_a and the person's maximum */
    int32_t circuit_ma;  /* what the tightest row above it leaves for this charger */
    int32_t ceiling_ma;  /* smallest ceiling in force */
    int32_t in_force_ma; /* the offer in force now */
    bool fresh;          /* every input that a raise depends on is fresh */
};

/* min(want, cap), or 0 where that is below the floor; never above in_force while not fresh;
 * whole amps, rounded down. Pure value; for tests, explanation and the proof. */
int32_t envelope_limit(const struct envelope_in *in);

/* Makes the offer in box from in, stamped now_ms. Returns the offer inside the box. */
const struct offer *envelope_make(struct offer_box *box, const struct envelope_in *in,
        int64_t now_ms);

int32_t offer_ma(const struct offer *o);
int64_t offer_stamp_ms(const struct offer *o);

/* Golden vectors of the start self-test; false: the bridge must send no byte. */
bool envelope_self_test(void);

#endif
