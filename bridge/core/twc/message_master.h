/*
 * message_master - the master's encoder. It can make what the allow-list names and nothing else;
 * there is no way to send a frame of one's own. Amps come from a `struct offer` alone.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_MESSAGE_MASTER_H
#define CORE_TWC_MESSAGE_MASTER_H

#include "bridge/base/macros.h"
#include "bridge/core/envelope.h"
#include "bridge/core/twc/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct message_out {
    uint8_t type, cmd;
    uint8_t command;  /* FB E0: 00, 05 (protocol 1) or 09 (protocol 2) */
    uint8_t protocol; /* 2: 16-byte body; otherwise 14 */
    uint16_t from, to;
    uint8_t sign;              /* FC E1, FB E2 */
    const struct offer *offer; /* FB E0: must be there, also for command 00 */
    bool single_charger;       /* exactly one charger on the bus: FB 19, 1A, 1B are allowed */
    bool stop_allowed;         /* by setting: FC B1 and B2 are allowed */
};

/* False: not on the allow-list, no offer, or more than 80 A; out is all zero then. */
bool message_master_pack(const struct message_out *m, struct frame *out) MUST_CHECK;

/* Part of the start self-test: the refusals that matter most, and a known-good frame. */
bool message_master_self_test(void);

#endif
