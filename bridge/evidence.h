/*
 * evidence - a recording of one bus, for evidence.c and the command that asks for one.
 * SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_EVIDENCE_H
#define BRIDGE_EVIDENCE_H

#include "bridge/daemon.h"

struct evidence {
    const char *why;     /* a word: part of the file's name */
    int64_t utc_ms;      /* now; the same for recordings that belong together */
    store_file_fn *done; /* user is the daemon */
};

/* Begins to write what the bus said lately; false: there is nothing, or no store. */
bool evidence_save(struct daemon *d, int bus, const struct evidence *ev);

#endif
