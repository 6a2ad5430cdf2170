/*
 * circuit - the tree of circuits flattened to rows: one circuit on one phase, with a limit.
 *
 * A charger uses the rows of its circuit and of every circuit above it, on the phases that it is
 * wired to; unknown wiring counts fully on all three. The last three rows are the site's ceiling.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_CIRCUIT_H
#define CORE_CIRCUIT_H

#include "bridge/core/control.h"

enum { ROW_NONE = -1, ROWS_USED_MAX = CIRCUITS_MAX * PHASES + PHASES };

struct rows {
    int n;                         /* circuits * 3 + 3 */
    int32_t limit_ma[ROWS_MAX];    /* settings, meters and ceilings in force */
    int32_t ceiling_ma[ROWS_MAX];  /* settings and ceilings */
    int32_t settings_ma[ROWS_MAX]; /* settings alone; INT32_MAX for the site's */
    int use_n[CHARGERS_MAX];
    int16_t use[CHARGERS_MAX][ROWS_MAX]; /* rows of a charger, its own circuit first */
};

/* meter: [circuits]; NULL: nothing is known of any that is metered. */
void rows_build(struct rows *r, const struct control_config *c,
        const struct control_meter *meter, const struct lease_table *leases);

/* A metered circuit above the charger whose meter fails; -1: none. */
int circuit_unmetered(
        const struct control_config *c, const struct control_meter *meter, int charger);

/* Circuit of a row; -1: the site's ceiling. */
int row_circuit(const struct rows *r, int row);
int row_phase(int row);

/* The smallest setting of the circuits above a charger, mA. */
int32_t circuit_cap(const struct control_config *c, int charger);

/* left[row] - what this charger uses of each of its rows. */
int32_t rows_room(const struct rows *r, const int32_t left[], int charger, int *row);

#endif
