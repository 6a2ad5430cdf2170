/*
 * fits - the proved checker behind the waterfill: true exactly when nothing is too much.
 *
 * The waterfill is not proved; what it gives passes here or counts as an overload. The shape is
 * that of the proof (docs/internals/proof.md): rows with a 0/1 use matrix, no tree, no pointers
 * to follow, an early return. Any values may come in: sums are 64 bits wide.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_FITS_H
#define CORE_FITS_H

#include "bridge/core/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* All amounts in mA per phase. */
struct fits_in {
    int chargers, rows;             /* 0..CHARGERS_MAX, 0..ROWS_MAX */
    int32_t share_ma[CHARGERS_MAX]; /* what is to be judged */
    int32_t floor_ma[CHARGERS_MAX]; /* least share that is not 0 */
    int32_t want_ma[CHARGERS_MAX];  /* most */
    int32_t fixed_ma[CHARGERS_MAX]; /* flows whatever the share is: cost = max(share, fixed) */
    int32_t limit_ma[ROWS_MAX];
    uint8_t use[ROWS_MAX][CHARGERS_MAX]; /* 1: the row carries this charger, 0: it does not */
};

/* True exactly when every share is 0, or whole amps within floor..want; when on every row the sum
 * of costs stays within the limit, or (the fixed part alone is above it) is not above the fixed
 * part; and when the sum of shares is 0 or less, or within the limit. */
bool fits(const struct fits_in *in);

#endif
