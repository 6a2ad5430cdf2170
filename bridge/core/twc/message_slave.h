/*
 * message_slave - the encoder of a slave: what the virtual charger says.
 *
 * A library of its own (twc_slave): the daemon's bus path does not link it.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_MESSAGE_SLAVE_H
#define CORE_TWC_MESSAGE_SLAVE_H

#include "bridge/core/twc/message.h"

struct slave_out {
    enum message_kind kind; /* MSG_SLAVE_LINKREADY .. MSG_STOP_ACK */
    uint8_t protocol;       /* 1: 14-byte bodies */
    uint16_t from, to;      /* to: the master, of a heartbeat */
    uint8_t sign, state;
    int32_t hw_max_ma, max_ma, draw_ma;
    uint32_t energy;
    uint16_t volts[PHASES];
    uint8_t half_amps[PHASES];
    bool old_power; /* FD EB before 4.5.3: 16 bytes, no currents */
    uint8_t version[4];
    uint8_t plug;
    const char *text; /* serial, model, part of a VIN; NULL: zeros */
};

/* False: not a slave's kind. */
bool message_slave_pack(const struct slave_out *m, struct frame *out) MUST_CHECK;

#endif
