/*
 * dsmr/lines - the objects of a telegram that count here, as texts. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_DSMR_LINES_H
#define ADAPTERS_EMS_DSMR_LINES_H

#include "adapters/ems/ems.h"

#include <stdbool.h>
#include <stddef.h>

/* Of a phase: power from and to the grid, both together with a sign (D0), voltage, current. */
enum dsmr_reg { DSMR_IMPORT, DSMR_EXPORT, DSMR_NET, DSMR_VOLTS, DSMR_AMPS, DSMR_REGS };
enum { DSMR_PHASES = 3, DSMR_VALUE_ROOM = 40 };

struct dsmr_value {
    bool there;
    char text[DSMR_VALUE_ROOM]; /* "00.070*kW", printable */
};

struct dsmr_readings {
    struct dsmr_value phase[DSMR_PHASES][DSMR_REGS], total[DSMR_NET + 1];
    struct dsmr_value time; /* "261124120000W" */
    bool versioned;         /* it says that it is of a standard with a checksum */
    bool any;               /* some of phase or total is there */
};

/* Reads the lines of a telegram of n bytes; what it does not know is passed over. */
void dsmr_read(const char *lines, size_t n, struct dsmr_readings *r);

/* Reports what the readings say: all fields that a meter can have, as a value or as none; say.c. */
void dsmr_say(const struct dsmr_readings *r, struct ems_reports *out);

#endif
