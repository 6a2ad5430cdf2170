/*
 * bus_echo - our own frames, heard again. Some adapters echo what they send, and gateways echo
 * late. A frame is an echo if it equals, byte for byte, one of ours that is still waiting for
 * its echo, in the order in which they were sent; each is matched once. Whole frames are
 * compared, so that no byte of a charger's answer is ever held back.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

#include <string.h>

enum {
    ECHO_WINDOW_MS = 250, /* after the end of our frame; covers a busy machine */
    ECHO_WINDOW_GATEWAY_MS = 1000,
    ECHO_NONE_AFTER = 8, /* answers without an echo: the port has none */
};

void bus_echo_reset(struct bus *b)
{
    memset(b->sent, 0, sizeof(b->sent));
    b->sent_next = 0;
    b->echo = false;
    b->no_echo = 0;
}

void bus_echo_sent(struct bus *b, const struct frame *f, int64_t end_ms)
{
    b->sent[b->sent_next] = (struct bus_sent){
            .pending = b->echo || b->no_echo < ECHO_NONE_AFTER, .frame = *f, .end_ms = end_ms};
    b->sent_next = (b->sent_next + 1) % BUS_SENT_KEPT;
}

void bus_echo_undo(struct bus *b)
{
    b->sent_next = (b->sent_next + BUS_SENT_KEPT - 1) % BUS_SENT_KEPT;
    b->sent[b->sent_next].pending = false;
}

void bus_echo_late(struct bus *b, int64_t late_ms)
{
    b->sent[(b->sent_next + BUS_SENT_KEPT - 1) % BUS_SENT_KEPT].end_ms += late_ms;
}

static bool same(const struct frame *a, const struct frame *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool bus_echo_is(struct bus *b, const struct frame *f, int64_t now_ms)
{
    int64_t window = b->config.gateway ? ECHO_WINDOW_GATEWAY_MS : ECHO_WINDOW_MS;

    for (int k = 0; k < BUS_SENT_KEPT; k++) {
        int i = (b->sent_next + k) % BUS_SENT_KEPT; /* oldest first */

        if (!b->sent[i].pending || now_ms - b->sent[i].end_ms > window ||
                !same(&b->sent[i].frame, f)) {
            continue;
        }
        for (int j = 0; j <= k; j++) { /* those before it lost their echo */
            b->sent[(b->sent_next + j) % BUS_SENT_KEPT].pending = false;
        }
        b->echo = true;
        b->no_echo = 0;
        b->counters.echo_frames++;
        return true;
    }
    return false;
}

static bool last_pending(const struct bus *b)
{
    return b->sent[(b->sent_next + BUS_SENT_KEPT - 1) % BUS_SENT_KEPT].pending;
}

bool bus_echo_due(const struct bus *b)
{
    return b->echo && last_pending(b);
}

void bus_echo_missed(struct bus *b)
{
    if (last_pending(b) && !b->echo && b->no_echo < ECHO_NONE_AFTER) {
        b->no_echo++;
    }
}
