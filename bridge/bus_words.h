/*
 * bus_words - a recorded message of a bus, in words and as JSON. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_BUS_WORDS_H
#define BRIDGE_BUS_WORDS_H

#include "bridge/base/buf.h"
#include "bridge/base/json.h"
#include "bridge/core/twc/message.h"

/* Such as "master 4357 to a1b2: heartbeat, limit 16 A". */
void bus_words(const struct message *m, struct buf *out);

/* Members of an object that the caller opened and closes. */
void bus_members(const struct message *m, struct jw *w);

#endif
