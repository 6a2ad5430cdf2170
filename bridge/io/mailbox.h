/*
 * mailbox - the only way from another thread into the loop.
 *
 * mailbox_post may be called on any thread; the messages run on the loop's thread, in order.
 * The posting threads must be gone before mailbox_destroy. SPDX-License-Identifier: MIT
 */
#ifndef IO_MAILBOX_H
#define IO_MAILBOX_H

#include "bridge/base/err.h"

#include <uv.h>

struct mail {
    struct mail *next;
    void (*run)(struct mail *m); /* on the loop's thread; owns m from here on */
};

struct mailbox;
struct mailbox *mailbox_create(uv_loop_t *loop, struct err *e) MUST_CHECK;
void mailbox_post(struct mailbox *b, struct mail *m);
/* Messages still queued are run first. Accepts NULL. */
void mailbox_destroy(struct mailbox *b);

#endif
