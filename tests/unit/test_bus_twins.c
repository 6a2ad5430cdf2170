/*
 * test_bus_twins - two units with one id are found by what they answer, and what looks like it is
 * not taken for it. SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { ID0 = 0xA1B0 };

/* One charger that answers, then a second unit with its id that draws something else. */
static struct rig *with_twin(uint8_t protocol, int32_t draw_ma)
{
    struct rig *r = rig_running(1, protocol);

    r->slave[1] = r->slave[0];
    r->slave[1].sign = 0x99;
    r->slave[1].draw_ma = draw_ma;
    r->slaves = 2;
    return r;
}

static void a_second_answer_to_one_heartbeat_is_a_second_unit(void **state)
{
    for (uint8_t protocol = 1; protocol <= 2; protocol++) {
        struct rig *r = with_twin(protocol, 5200);

        (void)state;
        rig_run(r, 5000);
        assert_true(report(r, 0)->duplicate);
        assert_true(bus_duplicate(&r->bus));
        check_i64(rig_events(r, BUS_EV_DUPLICATE), 1);
        free(r);
    }
}

static void one_broken_id_or_one_repetition_is_none(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    for (int i = 0; i < 10; i++) {
        rig_run(r, 61000);
        rig_hear(r, "FDE0A1B04242010258021000000000");
        rig_run(r, 100);
    }
    assert_false(report(r, 0)->duplicate);
    free(r);
}

static void a_unit_that_says_everything_twice_is_one_unit(void **state)
{
    struct rig *r = with_twin(2, 0);

    (void)state;
    rig_run(r, 300000);
    assert_false(report(r, 0)->duplicate);
    r->slave[0].draw_ma = r->slave[1].draw_ma = 5200; /* a car came: still the same words */
    rig_run(r, 120000);
    assert_false(report(r, 0)->duplicate);
    free(r);
}

static void twins_without_cars_are_told_by_their_counters(void **state)
{
    struct rig *r = with_twin(2, 0);

    (void)state;
    r->slave[1].energy = 777;
    rig_run(r, 300000);
    assert_true(report(r, 0)->duplicate);
    free(r);
}

static void answers_that_come_late_or_in_a_heap_are_no_second_unit(void **state)
{
    static const int delays[] = {300, 700, 1500, 2500};

    (void)state;
    for (size_t d = 0; d < ARRAY_LEN(delays); d++) {
        struct rig *r = rig_new(2, 2);

        r->config.gateway = true;
        r->delay_ms = delays[d];
        rig_open(r);
        for (int i = 0; i < 200; i++) {
            r->slave[i % 2].draw_ma = 1000 + 37 * i; /* no two answers alike */
            r->delay_ms = i % 3 ? delays[d] : delays[d] / 2;
            rig_run(r, 1000);
        }
        check_i64(bus_slots(&r->bus), 2);
        assert_false(bus_duplicate(&r->bus));
        free(r);
    }
}

/* The gateway gives nothing for ten seconds, then all at once. */
static void what_a_gateway_held_back_is_no_second_unit(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->config.gateway = true;
    r->admit = true;
    rig_open(r);
    rig_run(r, 30000);
    for (int k = 0; k < 6; k++) {
        r->slave[0].dead = true;
        rig_run(r, 10000);
        r->slave[0].dead = false;
        for (int i = 0; i < 10; i++) {
            r->slave[0].draw_ma = 5000 + 100 * i;
            rig_hear(r, i % 2 ? "FDE0A1B04242010258020800000000"
                              : "FDE0A1B04242010258020A00000000");
        }
        rig_run(r, 5000);
    }
    assert_false(report(r, 0)->duplicate);
    free(r);
}

/* Answers of the last seconds that we read late: the process was stopped. */
static void what_we_read_late_ourselves_is_no_second_unit(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    for (int k = 0; k < 10; k++) {
        rig_run(r, 950 + 13 * k);
        r->slave[0].draw_ma = 5000 + 100 * k;
        r->now += 5000; /* nobody called bus_tick */
        rig_run(r, 3000);
    }
    assert_false(report(r, 0)->duplicate);
    free(r);
}

static void noise_and_broken_answers_alone_are_no_second_unit(void **state)
{
    struct rig *r = rig_running(2, 2);

    (void)state;
    r->flip_permille = 150;
    r->noise_per_s = 20;
    for (int i = 0; i < 1800; i++) {
        r->slave[0].draw_ma = 5000 + i % 7 * 100;
        rig_run(r, 1000);
    }
    assert_false(report(r, 0)->duplicate);
    assert_false(report(r, 1)->duplicate);
    free(r);
}

/* Where their answers lie on top of each other nothing can be read: the others tell. */
static void twins_whose_answers_are_often_broken_are_found(void **state)
{
    struct rig *r = with_twin(2, 5200);

    (void)state;
    r->flip_permille = 350;
    rig_run(r, 90000);
    assert_true(report(r, 0)->duplicate);
    free(r);
}

static void an_echo_is_no_second_unit(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->echo = true;
    rig_open(r);
    for (int i = 0; i < 300; i++) {
        r->slave[0].draw_ma = 5000 + i % 7 * 100;
        rig_run(r, 1000);
    }
    assert_false(report(r, 0)->duplicate);
    free(r);
}

/* Of two answers at once only the stronger one is read, now of this unit, now of that. */
static void a_draw_that_jumps_to_and_fro_is_that_of_two_units(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    for (int i = 0; i < 12; i++) {
        r->slave[0].draw_ma = i % 2 ? 0 : 5300 + 10 * i;
        rig_run(r, 1000);
    }
    assert_true(report(r, 0)->duplicate);
    free(r);
}

static void a_car_that_follows_offers_up_and_down_is_one_car(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    for (int i = 0; i < 60; i++) {
        rig_set(r, 0, i % 2 ? 16000 : 6000);
        r->slave[0].draw_ma = i % 2 ? 15200 : 5200;
        rig_run(r, 2000);
    }
    assert_false(report(r, 0)->duplicate);
    free(r);
}

static void a_counter_that_falls_again_and_again_is_two_counters(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].energy = 400; /* a fall alone may be a broken frame, or a new board */
    rig_run(r, 61000);
    assert_false(report(r, 0)->duplicate);
    for (int i = 0; i < 6; i++) {
        r->slave[0].energy = i % 2 ? 400 : 1000;
        rig_run(r, 61000);
    }
    assert_true(report(r, 0)->duplicate);
    free(r);
}

static void the_larger_draw_of_the_two_counts(void **state)
{
    struct rig *r = with_twin(2, 15000);

    (void)state;
    rig_run(r, 10000);
    assert_true(report(r, 0)->duplicate);
    for (int i = 0; i < 5000; i++) {
        rig_run(r, 1);
        check_i64(report(r, 0)->draw_ma, 15000);
    }
    r->slave[1].draw_ma = 0;
    rig_run(r, 8000);
    check_i64(report(r, 0)->draw_ma, 0);
    free(r);
}

static void it_ends_by_a_person_and_comes_back_while_both_are_there(void **state)
{
    struct rig *r = with_twin(2, 5200);

    (void)state;
    rig_run(r, 5000);
    bus_resume(&r->bus, r->now);
    assert_false(report(r, 0)->duplicate);
    check_i64(rig_events(r, BUS_EV_DUPLICATE_GONE), 1);
    rig_run(r, 5000);
    check_i64(rig_events(r, BUS_EV_DUPLICATE), 2);
    r->slaves = 1;
    bus_resume(&r->bus, r->now);
    rig_run(r, 60000);
    assert_false(report(r, 0)->duplicate);
    free(r);
}

static void it_ends_when_each_heartbeat_had_one_answer_for_ten_minutes(void **state)
{
    struct rig *r = with_twin(2, 5200);

    (void)state;
    rig_run(r, 5000);
    r->slave[1].draw_ma = 0; /* the same words, twice: a trace, if no proof */
    rig_run(r, 1200000);
    assert_true(report(r, 0)->duplicate);
    r->slaves = 1;
    rig_run(r, 590000);
    assert_true(report(r, 0)->duplicate);
    rig_run(r, 20000);
    assert_false(report(r, 0)->duplicate);
    check_i64(rig_events(r, BUS_EV_DUPLICATE_GONE), 1);
    free(r);
}

static void silence_or_a_lost_port_do_not_end_it(void **state)
{
    struct rig *r = with_twin(2, 5200);

    (void)state;
    rig_run(r, 5000);
    r->slaves = 0;
    rig_run(r, 1200000);
    assert_true(report(r, 0)->duplicate);
    bus_port_down(&r->bus, r->now);
    rig_run(r, 60000);
    bus_port_up(&r->bus, r->now);
    rig_run(r, 60000);
    assert_true(report(r, 0)->duplicate);
    free(r);
}

/* Two units with one id and signs of their own, taking turns for a minute. */
static struct rig *cold_twins(void)
{
    struct rig *r = rig_new(2, 2);

    r->slave[1].id = ID0;
    r->slave[1].linkready_ms += 4500;
    rig_open(r);
    rig_run(r, 60000);
    return r;
}

static void from_a_cold_start_neither_is_adopted_and_it_is_said_why(void **state)
{
    struct rig *r = cold_twins();

    (void)state;
    check_i64(bus_slots(&r->bus), 0);
    assert_true(bus_duplicate(&r->bus));
    check_i64(rig_events(r, BUS_EV_DUPLICATE), 1);
    check_i64(r->event[0].slot, -1);
    check_i64(r->event[0].id, ID0);
    r->slave[1].dead = true;
    rig_run(r, 30000); /* the other one agrees with itself, and is watched */
    check_i64(bus_slots(&r->bus), 1);
    assert_true(report(r, 0)->duplicate);
    bus_resume(&r->bus, r->now);
    assert_false(bus_duplicate(&r->bus));
    free(r);
}

static void twins_that_are_not_adopted_and_fall_silent_are_forgotten(void **state)
{
    struct rig *r = cold_twins();

    (void)state;
    r->slave[0].dead = r->slave[1].dead = true;
    rig_run(r, 70000);
    assert_false(bus_duplicate(&r->bus));
    check_i64(rig_events(r, BUS_EV_DUPLICATE_GONE), 1);
    free(r);
}

static void resume_lets_those_that_were_not_adopted_try_anew(void **state)
{
    struct rig *r = cold_twins();

    (void)state;
    r->slave[1].dead = true;
    bus_resume(&r->bus, r->now);
    rig_run(r, 30000);
    check_i64(bus_slots(&r->bus), 1);
    assert_false(bus_duplicate(&r->bus));
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_second_answer_to_one_heartbeat_is_a_second_unit),
            cmocka_unit_test(one_broken_id_or_one_repetition_is_none),
            cmocka_unit_test(a_unit_that_says_everything_twice_is_one_unit),
            cmocka_unit_test(twins_without_cars_are_told_by_their_counters),
            cmocka_unit_test(answers_that_come_late_or_in_a_heap_are_no_second_unit),
            cmocka_unit_test(what_a_gateway_held_back_is_no_second_unit),
            cmocka_unit_test(what_we_read_late_ourselves_is_no_second_unit),
            cmocka_unit_test(noise_and_broken_answers_alone_are_no_second_unit),
            cmocka_unit_test(twins_whose_answers_are_often_broken_are_found),
            cmocka_unit_test(an_echo_is_no_second_unit),
            cmocka_unit_test(a_draw_that_jumps_to_and_fro_is_that_of_two_units),
            cmocka_unit_test(a_car_that_follows_offers_up_and_down_is_one_car),
            cmocka_unit_test(a_counter_that_falls_again_and_again_is_two_counters),
            cmocka_unit_test(the_larger_draw_of_the_two_counts),
            cmocka_unit_test(it_ends_by_a_person_and_comes_back_while_both_are_there),
            cmocka_unit_test(it_ends_when_each_heartbeat_had_one_answer_for_ten_minutes),
            cmocka_unit_test(silence_or_a_lost_port_do_not_end_it),
            cmocka_unit_test(from_a_cold_start_neither_is_adopted_and_it_is_said_why),
            cmocka_unit_test(twins_that_are_not_adopted_and_fall_silent_are_forgotten),
            cmocka_unit_test(resume_lets_those_that_were_not_adopted_try_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
