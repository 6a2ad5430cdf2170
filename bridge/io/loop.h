/*
 * loop - the one libuv loop, its clock and its signals.
 *
 * Nothing on the loop may wait. The clock is CLOCK_BOOTTIME, so ages count suspend. Stopping:
 * every part is destroyed in reverse order, then loop_finish runs the loop until it is empty and
 * aborts in debug builds if a handle leaked. SPDX-License-Identifier: MIT
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "bridge/base/err.h"

#include <stdint.h>
#include <uv.h>

/* Milliseconds of CLOCK_BOOTTIME, read now (not cached). */
int64_t loop_now_ms(void);
/* Wall milliseconds since 1970 (UTC). */
int64_t loop_utc_ms(void);

/* Calls fn(signum, user) on the loop for SIGTERM, SIGINT, SIGHUP; SIGPIPE is ignored. */
struct signals;
typedef void signal_fn(int signum, void *user);
struct signals *signals_create(uv_loop_t *loop, signal_fn *fn, void *user, struct err *e)
        MUST_CHECK;
void signals_destroy(struct signals *s); /* accepts NULL */

/* How long the loop was busy in one turn, without a look at what else is due: what any part that waits
 * or works too long adds to all others. Counts what the machine takes away, too. Costs two readings of
 * the clock a turn. To be made before the loop runs. */
struct loop_lag;
struct loop_lag *loop_lag_create(uv_loop_t *loop, struct err *e) MUST_CHECK;
void loop_lag_destroy(struct loop_lag *l); /* accepts NULL */
/* The longest turn since the last call, in us. */
int64_t loop_lag_take(struct loop_lag *l);

/* Runs until every handle is closed, then closes the loop; reports leaked handles. */
void loop_finish(uv_loop_t *loop);

#endif
