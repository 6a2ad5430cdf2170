/*
 * rival - a second master on the bus: pure. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_RIVAL_H
#define ADAPTERS_CHARGER_VIRTUAL_RIVAL_H

#include "adapters/charger/virtual/sim.h"

enum { RIVAL_EVERY_MIN_MS = 100, RIVAL_EVERY_MAX_MS = 600000, RIVAL_GO_ON = -1 };

struct rival {
    bool on;
    uint16_t id;
    int32_t ma;       /* what it offers to each charger; RIVAL_GO_ON: command 00 */
    int32_t every_ms; /* between two of its frames; the chargers take turns */
    int64_t next_ms;
    int turn;
    uint32_t frames; /* since the start */
};

void rival_init(struct rival *r);

/* The line is idle: its heartbeat if one is due, as bytes; 0: none. *next_ms is lowered. */
size_t rival_tick(struct rival *r, const struct sim *s, int64_t now_ms,
        uint8_t out[static FRAME_WIRE_MAX], int64_t *next_ms);

#endif
