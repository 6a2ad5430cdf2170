/*
 * rig - a real loop in a test: run until something happened or time is over, close without a
 * leaked handle. SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_RIG_H
#define TESTS_SUPPORT_RIG_H

#include "tests/support/test.h"

#include <uv.h>

static inline void rig_on_tick(uv_timer_t *t)
{
    (void)t;
}

/* Runs the loop until *count >= want; false when max_ms are over before that. */
static inline bool rig_until(uv_loop_t *loop, const int *count, int want, uint64_t max_ms)
{
    uint64_t end = uv_hrtime() + max_ms * 1000000u;
    uv_timer_t tick; /* UV_RUN_ONCE polls after the timers: what they changed is seen soon */

    uv_timer_init(loop, &tick);
    uv_update_time(loop);
    uv_timer_start(&tick, rig_on_tick, 2, 2);
    while (*count < want && uv_hrtime() < end) {
        uv_run(loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT); /* the close callback: tick is on this stack */
    return *count >= want;
}

/* Runs the loop for a while, whatever happens. */
static inline void rig_for(uv_loop_t *loop, uint64_t ms)
{
    int never = 0;

    (void)rig_until(loop, &never, 1, ms);
}

/* Lets the close callbacks run; a leaked handle fails the test. */
static inline void rig_close(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
