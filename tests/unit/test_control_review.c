/*
 * test_control_review - orders of events in which an amp was once decided wrongly.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

static struct control_rig rig;

static void second(int32_t draw_0, int32_t draw_1)
{
    rig.now_ms += 1000;
    rig_wire(&rig, 0, draw_0);
    if (rig.cfg.chargers > 1) {
        rig_wire(&rig, 1, draw_1);
    }
    rig_step(&rig);
}

/* Told 0, protocol 2 may take 6 A. */
static int32_t most_of(int32_t offer_ma, uint8_t protocol)
{
    return protocol == 2 && offer_ma < STUCK_FLOOR_MA ? STUCK_FLOOR_MA : offer_ma;
}

/* What the bus says of a charger that control leaves out. */
static void left_out(int i)
{
    rig.r[i].link = CHARGER_QUIET;
    rig.r[i].quiet_ms = rig.now_ms;
}

/* ---- rows ---- */

static void a_newcomer_waits_for_its_6_a_also_when_the_bus_was_lost_before(void **state)
{
    (void)state;
    rig_init(&rig, 2, 16000, 2);
    rig.r[0].warm_ms = rig.r[1].warm_ms = rig.now_ms - 600000;
    rig.cfg.circuit[0].limit_ma = 10000;
    rig_ask(&rig, 0, 16000);
    rig_step(&rig);
    assert_false(rig.c.out[1].transmit);
    left_out(1);
    for (int s = 0; s < 80; s++) {
        second(rig_offer(&rig, 0), 0);
    }
    check_i64(rig_offer(&rig, 0), 10000);
    rig.cfg.circuit[0].limit_ma = 16000; /* SIGHUP */
    for (int s = 0; s < 5; s++) {
        second(rig_offer(&rig, 0), STUCK_FLOOR_MA);
        int32_t floor_ma = rig.c.out[1].transmit ? STUCK_FLOOR_MA : 0;

        assert_true(rig_offer(&rig, 0) + floor_ma <= 16000);
    }
    assert_true(rig.c.out[1].transmit);
    check_i64(rig_offer(&rig, 0), 10000);
}

/* Two buses share a circuit. One is gone for minutes, the cars of the other take its amps. */
static void one_whose_bus_was_gone_for_minutes_waits_for_its_amps(void **state)
{
    (void)state;
    for (uint8_t protocol = 1; protocol <= 2; protocol++) {
        rig_init(&rig, 2, 20000, protocol);
        rig_ask(&rig, 0, 20000);
        rig_ask(&rig, 1, 20000);
        rig_run(&rig, 30, RIG_OBEY);
        check_i64(rig_offer(&rig, 1), 10000);
        rig.r[1].link = CHARGER_BUS_DOWN;
        rig_run(&rig, 90, RIG_OBEY);
        check_i64(rig_offer(&rig, 0), 20000);
        rig.r[1].link = CHARGER_UNHEARD;
        rig.r[1].warm_ms = rig.now_ms;
        rig.r[1].readback_due = true;
        for (int s = 0; s < 20; s++) {
            rig_step(&rig);
            int32_t told_ma = rig.c.out[1].transmit ? most_of(rig_offer(&rig, 1), protocol) : 0;

            assert_true(rig.r[0].draw_ma + told_ma <= 20000);
            second(rig_offer(&rig, 0), rig_offer(&rig, 1));
        }
        assert_true(rig.c.out[1].transmit);
    }
}

static void a_bus_that_is_lost_right_after_a_restart_keeps_its_amps_for_a_minute(void **state)
{
    (void)state;
    rig_init(&rig, 2, 20000, 1);
    rig_ask(&rig, 0, 20000);
    rig.r[1] = (struct charger_report){.link = CHARGER_BUS_DOWN,
            .protocol = 1,
            .hw_max_ma = 32000,
            .told_known = true,
            .told_ma = 12000,
            .plugged = TRI_UNKNOWN};
    rig.c.c[1].stored_ma = rig.c.c[1].offer_ma = 12000;
    rig.c.c[1].offered = rig.c.c[1].warm = true;
    rig_step(&rig);
    for (int s = 0; s < 59; s++) {
        rig_run(&rig, 1, 0);
        check_i64(rig.c.out[1].booked_ma, 12000);
        check_i64(rig_offer(&rig, 0), 8000);
    }
    rig_run(&rig, 2, 0);
    check_i64(rig.c.out[1].booked_ma, 0);
    check_i64(rig_offer(&rig, 0), 20000);
}

static void a_ceiling_that_leaves_no_room_for_a_stuck_floor_stops_it_by_silence(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 2);
    rig.r[0].plugged = rig.r[1].plugged = TRI_YES;
    rig_ask(&rig, 0, 16000);
    rig_ask(&rig, 1, 16000);
    rig_run(&rig, 70, RIG_OBEY);
    rig_ceiling(&rig, LEASE_CIRCUIT, 0, 8000);
    for (int s = 0; s < 14; s++) {
        second(rig_offer(&rig, 0) > 6000 ? rig_offer(&rig, 0) : 6000, 6000);
    }
    check_i64(rig_offer(&rig, 0), 6000);
    assert_true(rig.c.out[0].transmit);
    check_i64(rig_offer(&rig, 1), 0);
    assert_false(rig.c.out[1].transmit);
}

/* ---- drawing too much ---- */

static void a_car_that_ignores_its_offer_is_found_while_the_offer_goes_up_and_down(void **state)
{
    (void)state;
    rig_init(&rig, 2, 40000, 1);
    for (int s = 0; s < 30; s++) {
        if (s % 5 == 0) {
            rig_ask(&rig, 0, s % 10 == 0 ? 16000 : 15000);
        }
        second(20000, 0);
    }
    check_i64(rig.c.out[0].fault, FAULT_DRAWS_TOO_MUCH);
}

static void a_charger_that_does_not_take_a_lower_limit_is_found(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 1);
    rig_ask(&rig, 0, 16000);
    rig_ask(&rig, 1, 16000);
    rig_run(&rig, 30, RIG_OBEY);
    rig_ceiling(&rig, LEASE_CIRCUIT, 0, 20000);
    for (int s = 0; s < 14; s++) {
        second(16000, rig_offer(&rig, 1));
        rig.r[0].mirror_ma = 16000;
        rig_step(&rig);
    }
    check_i64(rig.c.out[0].fault, FAULT_DRAWS_TOO_MUCH);
    check_i64(rig_offer(&rig, 1), 0); /* 4 A are left */
    for (int s = 0; s < 20; s++) {
        second(16000, rig_offer(&rig, 1));
        rig.r[0].mirror_ma = 16000;
    }
}

/* Seconds of a draw at 0 A until it is left in silence; -1: it never is. */
static int silence_after(int32_t budget, bool allowed)
{
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.stop_budget = budget;
    rig_run(&rig, 5, RIG_OBEY);
    rig.allowed[0] = allowed;
    rig_ask(&rig, 0, 0);
    for (int i = 0; i < 60; i++) {
        rig_run(&rig, 1, 6000);
        if (!rig.c.out[0].transmit) {
            return i;
        }
    }
    return -1;
}

static void the_stop_budget_is_what_the_settings_say(void **state)
{
    (void)state;
    for (int32_t budget = 0; budget <= 3; budget++) {
        bool ceiling = silence_after(budget, false) > 0;

        assert_true(ceiling == (budget > 0));
        check_i64(rig.c.out[0].stops_left, budget > 0 ? budget - 1 : 0);
        assert_true((silence_after(budget, true) > 0) == (budget > 1)); /* the last is kept */
    }
    rig.c.c[0].stops_used = 5;
    rig_step(&rig);
    check_i64(rig.c.out[0].stops_left, 0);
}

static void protocol_1_is_told_0_before_it_is_left_in_silence(void **state)
{
    (void)state;
    rig_init(&rig, 1, 16000, 1);
    rig_ask(&rig, 0, 10000);
    rig_run(&rig, 3, RIG_OBEY);
    rig_run(&rig, 27, 20000);
    check_i64(rig_offer(&rig, 0), 0);
    assert_true(rig.c.out[0].transmit);
    check_i64(rig.c.out[0].limited_by, LIMITED_FAULT);
    rig_run(&rig, 5, 0); /* it stops: for a minute it stays so, and the reason is true */
    check_i64(rig_offer(&rig, 0), 0);
    assert_true(rig.c.out[0].transmit);
    check_i64(rig.c.out[0].fault, FAULT_DRAWS_TOO_MUCH);
    check_has(rig.c.out[0].reason, "it draws more than it is offered");
    rig_run(&rig, 60, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 10000);
    check_i64(rig.c.out[0].fault, FAULT_OK);
    rig_run(&rig, 42, 20000); /* not even 0 stops it: silence does */
    assert_false(rig.c.out[0].transmit);
}

/* ---- draws a little above the offer ---- */

static int changes;

/* Seconds pass; each draws what it is offered and above_ma[i] more, a second late. */
static void run_above(int seconds, const int32_t above_ma[])
{
    for (int s = 0; s < seconds; s++) {
        rig.now_ms += 1000;
        for (int i = 0; i < rig.cfg.chargers; i++) {
            int32_t told_ma = rig.r[i].told_ma;

            rig_wire(&rig, i, told_ma > 0 ? told_ma + above_ma[i] : 0);
        }
        rig_step(&rig);
        for (int i = 0; i < rig.cfg.chargers; i++) {
            changes += rig.c.out[i].changed;
        }
    }
}

static int32_t row_ma(void)
{
    int32_t sum_ma = 0;

    for (int i = 0; i < rig.cfg.chargers; i++) {
        int32_t offer_ma = rig_offer(&rig, i), draw_ma = charger_draw_ma(&rig.r[i]);

        sum_ma += offer_ma > draw_ma ? offer_ma : draw_ma;
    }
    return sum_ma;
}

static void what_cars_draw_above_their_offers_is_kept_free_on_the_row(void **state)
{
    static const int32_t above_ma[] = {300, 900, 0, 600};

    (void)state;
    for (int chargers = 1; chargers <= 4; chargers++) {
        rig_init(&rig, chargers, 40000, 1);
        for (int i = 0; i < chargers; i++) {
            rig.r[i].hw_max_ma = 40000;
            rig_ask(&rig, i, 40000);
        }
        run_above(40, above_ma);
        assert_true(row_ma() <= 40000);
        assert_true(row_ma() > 38000); /* and no ampere more than it takes */
        changes = 0;
        for (int s = 0; s < 3600; s++) {
            run_above(1, above_ma);
            assert_true(row_ma() <= 40000);
        }
        check_i64(changes, 0); /* no hunting */
    }
}

static void what_a_car_draws_above_its_floor_stops_nobody(void **state)
{
    static const int32_t above_ma[] = {400, 400};

    (void)state;
    rig_init(&rig, 2, 12000, 1);
    rig_ask(&rig, 0, 16000);
    rig_ask(&rig, 1, 16000);
    run_above(40, above_ma);
    changes = 0;
    run_above(600, above_ma); /* 12.8 A: the floors go first */
    check_i64(changes, 0);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig_offer(&rig, 1), 6000);
}

static void the_excess_is_forgotten_when_the_car_stops(void **state)
{
    static const int32_t above_ma[] = {800};
    static const int32_t none_ma[] = {0};

    (void)state;
    rig_init(&rig, 1, 16000, 1);
    rig_ask(&rig, 0, 32000);
    run_above(40, above_ma);
    check_i64(rig_offer(&rig, 0), 15000);
    rig_run(&rig, 3, 0);
    check_i64(rig_offer(&rig, 0), 16000);
    run_above(60, none_ma);
    check_i64(rig_offer(&rig, 0), 16000);
}

/* ---- words that lie ---- */

static void a_charger_that_waits_to_be_linked_is_not_said_to_be_dead(void **state)
{
    (void)state;
    rig_init(&rig, 2, 10000, 2);
    rig_ask(&rig, 0, 16000);
    rig_step(&rig);
    assert_false(rig.c.out[1].transmit);
    left_out(1);
    for (int s = 0; s < 80; s++) {
        second(rig_offer(&rig, 0), 0);
        check_i64(rig.c.out[1].fault, FAULT_OK);
    }
    rig.cfg.circuit[0].limit_ma = 12000;
    for (int s = 0; s < 3; s++) { /* it waits until the first car has made room */
        rig.now_ms += 1000;
        rig_wire(&rig, 0, 10000);
        rig_step(&rig);
        assert_false(rig.c.out[1].transmit);
        check_i64(rig.c.out[1].fault, FAULT_OK);
    }
    second(6000, 0);
    assert_true(rig.c.out[1].transmit);
    check_i64(rig.c.out[1].fault, FAULT_OK); /* we begin only now */
}

static void the_end_of_a_silence_of_ours_is_no_fault_of_the_charger(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_run(&rig, 5, RIG_OBEY);
    rig.allowed[0] = false;
    rig_run(&rig, 12, 6000);
    assert_false(rig.c.out[0].transmit);
    left_out(0);
    for (int s = 0; s < 40 && !rig.c.out[0].transmit; s++) {
        rig_run(&rig, 1, 6000);
        assert_int_not_equal(rig.c.out[0].fault, FAULT_NO_ANSWER);
    }
    assert_true(rig.c.out[0].transmit);
}

static void what_keeps_it_low_is_named_and_not_the_circuit(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 1);
    rig_ask(&rig, 0, 6000);
    rig_ask(&rig, 1, 6000);
    rig_run(&rig, 10, RIG_OBEY);
    rig.r[0].foreign_suspect = rig.r[1].foreign_suspect = true;
    rig_ask(&rig, 0, 32000);
    rig_ask(&rig, 1, 32000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000); /* the circuit leaves it 16 A */
    check_i64(rig.c.out[0].limited_by, LIMITED_NO_DATA);
    check_has(rig.c.out[0].reason, "no raise: a message of another master was heard");
}

/* ---- floors ---- */

static void a_minimum_of_a_broken_ampere_counts_as_the_next_whole_one(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.charger[0].min_ma = 6500;
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 7000); /* the default: the floor if it fits */
    check_i64(rig.c.out[0].floor_ma, 7000);
}

static void five_amperes_are_for_protocol_1_alone(void **state)
{
    (void)state;
    for (uint8_t protocol = 0; protocol <= 2; protocol++) {
        rig_init(&rig, 1, 32000, protocol);
        rig.cfg.charger[0].min_ma = 5000;
        rig_ask(&rig, 0, 5000);
        rig_run(&rig, 3, RIG_OBEY);
        check_i64(rig_offer(&rig, 0), protocol == 1 ? 5000 : 0);
    }
}

static void no_stop_by_the_default_in_the_first_minute_with_a_higher_minimum(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.charger[0].min_ma = 8000;
    rig.r[0].plugged = TRI_NO;
    rig_ask(&rig, 0, 16000);
    rig_run(&rig, 120, 0);
    rig.r[0].plugged = TRI_YES;
    rig.r[0].plugged_ms = rig.now_ms;
    rig.cfg.charger[0].default_ma = 0;
    lease_init(&rig.leases); /* the request is over */
    rig_run(&rig, 58, 0);
    check_i64(rig_offer(&rig, 0), 8000);
    check_i64(rig.c.out[0].limited_by, LIMITED_START_STOP_REST);
    rig_run(&rig, 3, 0);
    check_i64(rig_offer(&rig, 0), 0);
}

#define t(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
            t(a_newcomer_waits_for_its_6_a_also_when_the_bus_was_lost_before),
            t(one_whose_bus_was_gone_for_minutes_waits_for_its_amps),
            t(a_bus_that_is_lost_right_after_a_restart_keeps_its_amps_for_a_minute),
            t(a_ceiling_that_leaves_no_room_for_a_stuck_floor_stops_it_by_silence),
            t(a_car_that_ignores_its_offer_is_found_while_the_offer_goes_up_and_down),
            t(a_charger_that_does_not_take_a_lower_limit_is_found),
            t(the_stop_budget_is_what_the_settings_say),
            t(protocol_1_is_told_0_before_it_is_left_in_silence),
            t(what_cars_draw_above_their_offers_is_kept_free_on_the_row),
            t(what_a_car_draws_above_its_floor_stops_nobody),
            t(the_excess_is_forgotten_when_the_car_stops),
            t(a_charger_that_waits_to_be_linked_is_not_said_to_be_dead),
            t(the_end_of_a_silence_of_ours_is_no_fault_of_the_charger),
            t(what_keeps_it_low_is_named_and_not_the_circuit),
            t(a_minimum_of_a_broken_ampere_counts_as_the_next_whole_one),
            t(five_amperes_are_for_protocol_1_alone),
            t(no_stop_by_the_default_in_the_first_minute_with_a_higher_minimum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
