/* SPDX-License-Identifier: MIT */
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/turn.h"
#include "tests/support/rig.h"

struct fixture {
    uv_loop_t loop;
    struct oneshot *a, *b;
    int fired_a, fired_b;
    bool a_kills_b, a_kills_a;
};

static void on_a(void *user)
{
    struct fixture *f = user;

    f->fired_a++;
    if (f->a_kills_b) {
        oneshot_destroy(f->b);
        f->b = NULL;
    }
    if (f->a_kills_a) {
        oneshot_destroy(f->a);
        f->a = NULL;
    }
}

static void on_b(void *user)
{
    struct fixture *f = user;

    f->fired_b++;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    f->a = oneshot_create(&f->loop, on_a, f, NULL);
    f->b = oneshot_create(&f->loop, on_b, f, NULL);
    *state = f;
    return f->a && f->b ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    oneshot_destroy(f->a);
    oneshot_destroy(f->b);
    rig_close(&f->loop);
    test_free(f);
    return 0;
}

static void it_fires_once(void **state)
{
    struct fixture *f = *state;

    oneshot_start(f->a, 1);
    rig_for(&f->loop, 20);
    check_i64(f->fired_a, 1);
}

static void a_second_start_replaces_the_first(void **state)
{
    struct fixture *f = *state;

    oneshot_start(f->a, 1);
    oneshot_start(f->a, 60000);
    rig_for(&f->loop, 20);
    check_i64(f->fired_a, 0);
    oneshot_start(f->a, 0);
    rig_for(&f->loop, 5);
    check_i64(f->fired_a, 1);
}

static void a_stopped_timer_is_silent(void **state)
{
    struct fixture *f = *state;

    oneshot_start(f->a, 1);
    oneshot_stop(f->a);
    rig_for(&f->loop, 20);
    check_i64(f->fired_a, 0);
}

static void a_destroyed_timer_is_silent_even_when_due_in_this_turn(void **state)
{
    struct fixture *f = *state;

    f->a_kills_b = true;
    oneshot_start(f->a, 1);
    oneshot_start(f->b, 1); /* due in the same turn, after a */
    rig_for(&f->loop, 20);
    check_i64(f->fired_a, 1);
    check_i64(f->fired_b, 0);
}

static void it_may_be_destroyed_in_its_own_callback(void **state)
{
    struct fixture *f = *state;

    f->a_kills_a = true;
    oneshot_start(f->a, 1);
    rig_for(&f->loop, 20);
    check_i64(f->fired_a, 1);
    assert_null(f->a);
}

static void the_clock_counts_milliseconds(void **state)
{
    int64_t before = loop_now_ms();

    (void)state;
    assert_true(before > 0);
    assert_true(loop_now_ms() >= before);
    assert_true(loop_utc_ms() > INT64_C(1600000000000)); /* after 2020, in ms */
}

static void on_turn(void *user)
{
    struct fixture *f = user;

    f->fired_b++;
}

static void many_asks_are_one_call_at_the_end_of_the_turn(void **state)
{
    struct fixture *f = *state;
    struct turn *t = turn_create(&f->loop, on_turn, f, NULL);

    assert_non_null(t);
    turn_ask(t);
    turn_ask(t);
    rig_for(&f->loop, 5);
    check_i64(f->fired_b, 1);
    turn_ask(t);
    turn_destroy(t); /* nothing after this */
    rig_for(&f->loop, 5);
    check_i64(f->fired_b, 1);
}

static void on_signal(int signum, void *user)
{
    struct fixture *f = user;

    f->fired_a = signum;
}

static void a_hangup_signal_reaches_the_loop(void **state)
{
    struct fixture *f = *state;
    struct signals *s = signals_create(&f->loop, on_signal, f, NULL);

    assert_non_null(s);
    raise(SIGHUP);
    assert_true(rig_until(&f->loop, &f->fired_a, 1, 1000));
    check_i64(f->fired_a, SIGHUP);
    signals_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(it_fires_once, setup, teardown),
            cmocka_unit_test_setup_teardown(a_second_start_replaces_the_first, setup, teardown),
            cmocka_unit_test_setup_teardown(a_stopped_timer_is_silent, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_destroyed_timer_is_silent_even_when_due_in_this_turn, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    it_may_be_destroyed_in_its_own_callback, setup, teardown),
            cmocka_unit_test(the_clock_counts_milliseconds),
            cmocka_unit_test_setup_teardown(
                    many_asks_are_one_call_at_the_end_of_the_turn, setup, teardown),
            cmocka_unit_test_setup_teardown(a_hangup_signal_reaches_the_loop, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
