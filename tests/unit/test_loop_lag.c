/*
 * test_loop_lag - a turn that works is lag, one that waits is none. SPDX-License-Identifier: MIT
 */
#include "bridge/io/loop.h"
#include "tests/support/test.h"

enum { WORK_MS = 30 };

static void work(uv_timer_t *t)
{
    uint64_t end = uv_hrtime() + (uint64_t)WORK_MS * 1000000;

    while (t->data && uv_hrtime() < end) {
        continue;
    }
}

static void run(uv_loop_t *loop, uv_timer_t *t, uint64_t ms, void *works)
{
    t->data = works;
    uv_timer_start(t, work, ms, 0);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_run(loop, UV_RUN_NOWAIT); /* the turn ends where the next begins */
}

static void work_is_lag_and_waiting_is_none(void **state)
{
    struct loop_lag *lag;
    struct err e = {0};
    uv_loop_t loop;
    uv_timer_t t;

    (void)state;
    uv_loop_init(&loop);
    lag = loop_lag_create(&loop, &e);
    assert_non_null(lag);
    uv_timer_init(&loop, &t);
    run(&loop, &t, 0, NULL);
    (void)loop_lag_take(lag);
    run(&loop, &t, 60, NULL);
    check_i64(loop_lag_take(lag) < 60000, true);
    run(&loop, &t, 1, &t);
    check_i64(loop_lag_take(lag) >= WORK_MS * 1000, true);
    check_i64(loop_lag_take(lag), 0);
    uv_close((uv_handle_t *)&t, NULL);
    loop_lag_destroy(lag);
    loop_lag_destroy(NULL);
    loop_finish(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(work_is_lag_and_waiting_is_none)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
