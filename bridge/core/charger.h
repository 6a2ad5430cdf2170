/*
 * charger - what a charger last told us, and what our bus did to it: the input of control.
 *
 * Filled by the bus (bridge/core/twc/bus.c) or by another charger adapter; read by control,
 * session and the model. Every value carries the time it was received; 0 = never.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_CHARGER_H
#define CORE_CHARGER_H

#include "bridge/core/limits.h"

#include <stdbool.h>
#include <stdint.h>

/* Where the charger stands with its bus (safety page, sections 3 and 4). */
enum charger_link {
    CHARGER_UNHEARD,  /* known from settings or the store, not heard since the bus opened */
    CHARGER_ONLINE,   /* answers heartbeats */
    CHARGER_SILENT,   /* no answer for 10 s; heartbeats go on */
    CHARGER_QUIET,    /* we transmit nothing to it (10 min silent, or not admitted by control) */
    CHARGER_BUS_DOWN, /* the port is gone */
    CHARGER_FOREIGN,  /* another master is on the bus: we are silent */
};

enum { CHARGER_VIN_ROOM = 18, CHARGER_SERIAL_ROOM = 16, CHARGER_FIRMWARE_ROOM = 16 };

struct charger_report {
    enum charger_link link;
    uint8_t protocol;     /* 1, 2; 0: not known yet */
    uint8_t sign;
    uint8_t state;        /* FD E0 byte 6, protocol page 3.1 */
    int32_t hw_max_ma;    /* from its linkready; 0: not known */

    bool told_known;      /* we sent amps since the bus (re)started, or the store says what */
    int32_t told_ma;      /* amps last sent in a limit frame */
    int64_t told_ms;
    int64_t sent_ms;      /* last heartbeat of any kind to it */
    int64_t quiet_ms;     /* we stopped transmitting to it at this time; 0: we transmit */

    int64_t heard_ms;     /* last heartbeat answer; 0: none yet */
    int32_t mirror_ma;    /* limit it last mirrored (byte 7-8); valid if heard_ms != 0 */
    int32_t draw_ma;      /* amps it last reported, raw; valid if heard_ms != 0 */
    bool readback_due;    /* warm start or reboot: no answer since */
    bool rebooted;        /* new sign seen; cleared by the next answer that mirrors what we told */
    int64_t warm_ms;      /* warm start happened at this time; 0: cold start */

    enum tristate plugged; /* FB B4 or evidence (VIN, draw); unknown where it cannot tell */
    int64_t plugged_ms;    /* time of the last change of plugged to YES */

    bool duplicate;       /* two chargers answer to this id */
    bool linkready_loop;  /* sends linkready for 60 s although we answer (wiring, protocol 8.21) */
    bool foreign_suspect; /* one frame of another master within the window: no raises */

    int64_t power_ms;     /* time of the last FD EB; 0: none (protocol 1, old firmware) */
    int32_t volt_mv[PHASES];    /* 0: unused phase or not reported */
    int32_t phase_ma[PHASES];   /* -1: not reported */
    int64_t counter_wh;   /* lifetime counter in Wh (resolution 1 kWh on most units); -1: unknown */

    char vin[CHARGER_VIN_ROOM];           /* "": none or not readable */
    char serial[CHARGER_SERIAL_ROOM];     /* "": not known */
    char firmware[CHARGER_FIRMWARE_ROOM]; /* "4.5.3"; "": not known */

    uint32_t heartbeats, answers;    /* since start, for the share of answers */
    uint32_t answer_share_permille;  /* of the last 5 minutes; UINT32_MAX: not known */
};

/* Draw with the idle offset taken away: below 1 A is 0. */
static inline int32_t charger_draw_ma(const struct charger_report *r)
{
    return r->heard_ms != 0 && r->draw_ma >= DRAW_ZERO_MA ? r->draw_ma : 0;
}

#endif
