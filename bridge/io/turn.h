/*
 * turn - calls a function once at the end of each loop turn in which something asked for it.
 *
 * turn_ask may be called from any callback on the loop's thread, as often as one likes.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_TURN_H
#define IO_TURN_H

#include "bridge/base/err.h"

#include <uv.h>

struct turn;
typedef void turn_fn(void *user);

struct turn *turn_create(uv_loop_t *loop, turn_fn *fn, void *user, struct err *e) MUST_CHECK;
void turn_ask(struct turn *t);
void turn_destroy(struct turn *t); /* accepts NULL */

#endif
