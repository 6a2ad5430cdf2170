/*
 * oneshot - a timer that fires once and may be destroyed in its own callback.
 *
 * After oneshot_destroy no callback runs, even one due in this very turn; the memory goes later.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_ONESHOT_H
#define IO_ONESHOT_H

#include "bridge/base/err.h"

#include <stdint.h>
#include <uv.h>

struct oneshot;
typedef void oneshot_fn(void *user);

struct oneshot *oneshot_create(uv_loop_t *loop, oneshot_fn *fn, void *user, struct err *e)
        MUST_CHECK;
void oneshot_destroy(struct oneshot *t);             /* accepts NULL */
void oneshot_start(struct oneshot *t, uint64_t ms);  /* replaces an earlier start */
void oneshot_stop(struct oneshot *t);

#endif
