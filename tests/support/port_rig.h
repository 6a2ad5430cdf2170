/*
 * port_rig - what a port told: how often it went up and down, what it said, what it gave.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_PORT_RIG_H
#define TESTS_SUPPORT_PORT_RIG_H

#include "bridge/io/port.h"
#include "tests/support/test.h"

#include <stdio.h>

struct port_heard {
    int ups, downs, count;
    uint8_t got[256]; /* the first bytes */
    char why[300];    /* of the last down */
};

static inline void port_rig_up(void *user)
{
    ((struct port_heard *)user)->ups++;
}

static inline void port_rig_bytes(void *user, const uint8_t *p, size_t n)
{
    struct port_heard *h = user;

    for (size_t i = 0; i < n && (size_t)h->count < sizeof(h->got); i++) {
        h->got[h->count++] = p[i];
    }
}

static inline void port_rig_down(void *user, const char *why)
{
    struct port_heard *h = user;

    h->downs++;
    snprintf(h->why, sizeof(h->why), "%s", why);
}

static const struct port_ops port_rig_ops = {
        .up = port_rig_up, .bytes = port_rig_bytes, .down = port_rig_down};

#endif
