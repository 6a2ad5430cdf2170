/*
 * allot - shares of the rows: floors first, then one more ampere for whoever has least.
 *
 * Priority first, then fair. Whole amperes. Floors that do not all fit go by rank; an ampere that
 * is left over goes to the charger that comes first in the list, so that turns move floors alone.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_ALLOT_H
#define CORE_ALLOT_H

#include "bridge/core/circuit.h"

struct allot_want {
    int32_t want_ma;  /* 0, or at least floor_ma; not above its cap */
    int32_t floor_ma;
    int32_t fixed_ma; /* counted on its rows whatever the share is: cost = max(share, fixed) */
    int32_t excess_ma; /* what it draws above its share: kept free by rises, floors go first */
    uint8_t priority; /* higher is served first */
    int rank;         /* order of floors within a priority: lower first; unique */
};

struct allot_out {
    int32_t share_ma[CHARGERS_MAX]; /* 0, or floor_ma..want_ma, whole amperes */
    int16_t row[CHARGERS_MAX];      /* what held it below its want; ROW_NONE: nothing */
};

void allot_rows(const struct rows *r, const struct allot_want want[], int n, struct allot_out *out);

/* Every share 0 or within floor..want, every row's sum of max(share, fixed) within its limit;
 * rows whose fixed part alone is above the limit only need shares that add nothing. In any case
 * the shares alone stay within each row. Asks the proved checker (fits.h). */
bool allot_fits(const struct rows *r, const struct allot_want want[], int n,
        const int32_t share_ma[]);

#endif
