/*
 * test_control - the rules of the safety page that control decides, one sentence each.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

static struct control_rig rig;

/* What was asked is decided at once; then each second the chargers are told and obey. */
static void decide_and_run(int seconds)
{
    rig_step(&rig);
    rig_run(&rig, seconds, RIG_OBEY);
}

static void nobody_asks_and_the_floor_fits(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 6000);
    check_str(rig.c.out[0].reason, "6 A: nobody asks, default");
    assert_false(rig.c.out[0].asked);
}

static void default_a_of_the_settings_counts(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig.cfg.charger[0].default_ma = 10000;
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 10000);
}

static void promise_01_a_request_is_bounded_by_every_limit(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 20000);
    rig_ask_alive(&rig, 0, 32000);
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 20000);
    check_i64(rig.c.out[0].limited_by, LIMITED_CIRCUIT);
    rig.cfg.charger[0].max_ma = 16000;
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 16000);
    rig_ceiling(&rig, LEASE_CHARGER, 0, 12500);
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 12000);
    check_i64(rig.c.out[0].limited_by, LIMITED_CEILING);
    rig_ceiling(&rig, LEASE_CIRCUIT, 0, 9000);
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 9000);
    rig_ceiling(&rig, LEASE_SITE, 0, 7000);
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 7000);
    check_i64(rig.c.out[0].limited_by, LIMITED_SITE);
    rig.allowed[0] = false;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig.c.out[0].limited_by, LIMITED_NOT_ALLOWED);
}

static void below_the_floor_counts_as_nothing(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig_ask_alive(&rig, 0, 5900);
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 0);
}

static void without_its_hardware_maximum_a_charger_gets_the_floor(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig.r[0].hw_max_ma = 0;
    rig_ask_alive(&rig, 0, 32000);
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 6000);
    rig.cfg.charger[0].max_ma = 16000;
    rig.cfg.charger[0].max_is_set = true;
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 16000);
}

static void lower_first_raise_later(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 32000);
    rig_ask_alive(&rig, 0, 32000);
    decide_and_run(3);
    check_i64(rig_offer(&rig, 0), 26000);
    rig_ask_alive(&rig, 1, 32000);
    rig_step(&rig); /* decided, nothing sent: the other may not rise */
    check_i64(rig_offer(&rig, 0), 16000);
    check_i64(rig_offer(&rig, 1), 6000);
    rig_wire(&rig, 0, 26000); /* told and mirrored, but the car still draws 26 A */
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 6000);
    rig_wire(&rig, 0, 20000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 12000);
    rig_wire(&rig, 0, 16000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 16000);
}

static void amps_that_nobody_mirrored_stay_booked(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 32000);
    decide_and_run(2);
    rig_ask_alive(&rig, 0, 26000);
    rig_step(&rig);
    rig.r[0].told_ma = 26000; /* sent; its answer is lost */
    rig.r[0].told_ms = rig.now_ms + 10;
    rig.now_ms += 1000;
    rig_ask_alive(&rig, 0, 6000);
    rig_ask_alive(&rig, 1, 26000);
    rig_step(&rig);
    rig.r[0].told_ma = 6000; /* lowered; that answer is lost too */
    rig.r[0].told_ms = rig.now_ms;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 6000);
    rig.now_ms += 1000;
    rig.r[0].heard_ms = rig.now_ms; /* now it says that it is at 6 A */
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 26000);
}

static void a_long_outage_counts_as_a_stop(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    decide_and_run(2);
    check_i64(rig.c.out[0].stops_left, 2);
    rig.now_ms += 15000;
    rig_wire(&rig, 0, 6000);
    rig_step(&rig);
    check_i64(rig.c.out[0].stops_left, 1);
}

static void a_cold_start_begins_with_the_default(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig.r[0].link = CHARGER_UNHEARD;
    rig.r[0].heard_ms = rig.r[0].sent_ms = 0;
    rig_ask_alive(&rig, 0, 20000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    assert_true(rig.c.out[0].transmit);
}

static void a_warm_start_goes_on_and_rises_for_nobody_for_a_minute(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig.c.c[0].stored_ma = rig.c.c[0].offer_ma = 14000;
    rig.c.c[0].offered = rig.c.c[0].warm = true;
    rig.r[0].link = CHARGER_UNHEARD;
    rig.r[0].warm_ms = rig.now_ms;
    rig.r[0].readback_due = true;
    rig.r[0].heard_ms = rig.r[0].sent_ms = 0;
    rig_ask_alive(&rig, 0, 20000);
    rig.c.c[0].owner_spoke_ms = 0; /* a lease from before the restart */
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 14000);
    rig.r[0].link = CHARGER_ONLINE;
    rig.r[0].readback_due = false;
    rig.r[0].heard_ms = rig.r[0].sent_ms = rig.now_ms + 1;
    rig.r[0].mirror_ma = 14000;
    decide_and_run(59);
    check_i64(rig_offer(&rig, 0), 14000);
    decide_and_run(3);
    check_i64(rig_offer(&rig, 0), 20000);
}

static void an_owner_who_speaks_ends_the_hold(void **state)
{
    a_warm_start_goes_on_and_rises_for_nobody_for_a_minute(state);
    rig.r[0].warm_ms = rig.now_ms;
    rig.now_ms += 1000;
    rig_ask_alive(&rig, 0, 24000);
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 24000);
}

static void a_silent_charger_is_offered_its_floor_and_booked_for_a_minute(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 32000);
    rig_ask_alive(&rig, 0, 20000);
    decide_and_run(2);
    check_i64(rig_offer(&rig, 0), 20000);
    rig.r[0].link = CHARGER_SILENT;
    rig_ask_alive(&rig, 1, 32000);
    rig.now_ms += 10000;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].fault, FAULT_NO_ANSWER);
    rig.r[0].told_ma = 6000; /* sent, but did it hear? */
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 20000);
    check_i64(rig_offer(&rig, 1), 12000);
    rig.now_ms += 60000;
    rig.r[0].sent_ms = rig.r[1].sent_ms = rig.r[1].heard_ms = rig.now_ms;
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 6000);
    check_i64(rig_offer(&rig, 1), 26000);
}

static void a_lost_bus_keeps_its_amps_booked_for_a_minute(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 32000);
    rig_ask_alive(&rig, 0, 20000);
    rig_ask_alive(&rig, 1, 32000);
    decide_and_run(3);
    rig.r[0].link = CHARGER_BUS_DOWN;
    rig.now_ms += 30000;
    rig.r[1].sent_ms = rig.r[1].heard_ms = rig.now_ms;
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 16000);
    rig.now_ms += 31000;
    rig.r[1].sent_ms = rig.r[1].heard_ms = rig.now_ms;
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 0);
    check_i64(rig_offer(&rig, 1), 32000);
}

static void a_second_master_books_all_that_the_charger_could_take(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 40000);
    decide_and_run(2);
    rig.cfg.charger[0].max_ma = 10000;
    rig.r[0].link = CHARGER_FOREIGN;
    rig_ask_alive(&rig, 1, 32000);
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 32000);
    check_i64(rig.c.out[0].fault, FAULT_SECOND_MASTER);
    check_i64(rig_offer(&rig, 1), 8000);
}

static void one_frame_of_a_stranger_blocks_raises(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    decide_and_run(2);
    rig.r[0].foreign_suspect = true;
    rig_ask_alive(&rig, 0, 20000);
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 6000);
    check_has(rig.c.out[0].reason, "another master");
    rig.r[0].foreign_suspect = false;
    decide_and_run(1);
    check_i64(rig_offer(&rig, 0), 20000);
}

static void units_that_do_not_stop_are_linked_only_where_6_a_fit(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 3, 13000);
    rig.cfg.charger[2].priority = 9;
    decide_and_run(2);
    assert_true(rig.c.out[2].transmit);
    assert_true(rig.c.out[0].transmit);
    assert_false(rig.c.out[1].transmit);
    check_i64(rig_offer(&rig, 1), 0);
    rig.r[0].plugged = TRI_NO; /* says that nothing is plugged in: its 6 A are free */
    decide_and_run(2);
    assert_true(rig.c.out[1].transmit);
}

static void an_absent_charger_keeps_nobody_out(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 6000);
    rig.cfg.charger[0].present = false;
    rig.r[0] = (struct charger_report){.link = CHARGER_UNHEARD, .plugged = TRI_UNKNOWN};
    decide_and_run(2);
    assert_true(rig.c.out[1].transmit);
    check_i64(rig_offer(&rig, 1), 6000);
}

static void a_newcomer_is_called_when_its_6_a_are_free(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 32000);
    rig.cfg.charger[1].present = false;
    rig.r[1].link = CHARGER_UNHEARD;
    rig.r[1].heard_ms = rig.r[1].sent_ms = 0;
    rig_ask_alive(&rig, 0, 32000);
    decide_and_run(3);
    check_i64(rig_offer(&rig, 0), 32000);
    rig.cfg.charger[1].present = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 26000);
    assert_false(rig.c.out[1].transmit);
    rig_wire(&rig, 0, 26000);
    rig_step(&rig);
    assert_true(rig.c.out[1].transmit);
    check_i64(rig_offer(&rig, 1), 6000);
}

static void a_default_of_0_waits_a_minute_after_the_plug_in(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig.cfg.charger[0].default_ma = 0;
    rig.r[0].plugged_ms = rig.now_ms;
    decide_and_run(58);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].limited_by, LIMITED_START_STOP_REST);
    decide_and_run(4);
    check_i64(rig_offer(&rig, 0), 0);
}

static void a_person_is_not_made_to_wait(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig.r[0].plugged_ms = rig.now_ms;
    decide_and_run(1);
    rig_ask_alive(&rig, 0, 0);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
}

static void drawing_too_much_makes_others_give_way_and_ends_in_silence(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 32000);
    rig_ask_alive(&rig, 0, 10000);
    rig_ask_alive(&rig, 1, 22000);
    decide_and_run(3);
    check_i64(rig_offer(&rig, 1), 22000);
    for (int s = 0; s < 12; s++) {
        rig_step(&rig);
        rig_wire(&rig, 0, 25000);
        rig_wire(&rig, 1, rig_offer(&rig, 1));
        rig.now_ms += 1000;
    }
    rig_step(&rig);
    check_i64(rig.c.out[0].fault, FAULT_DRAWS_TOO_MUCH);
    check_i64(rig_offer(&rig, 1), 7000);
    rig.r[1].draw_ma = 20000; /* the other does not follow: the row stays over */
    for (int s = 0; s < 20; s++) {
        rig_step(&rig);
        rig.r[0].heard_ms = rig.r[0].sent_ms = rig.now_ms;
        rig.now_ms += 1000;
    }
    assert_false(rig.c.out[0].transmit);
}

static void not_allowed_and_still_drawing_is_stopped_by_silence_twice(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    rig_ask_alive(&rig, 0, 16000);
    decide_and_run(3);
    rig.allowed[0] = false;
    int stops = 0;
    bool before = true;

    for (int s = 0; s < 200; s++) {
        rig_step(&rig);
        stops += before && !rig.c.out[0].transmit;
        before = rig.c.out[0].transmit;
        rig.r[0].link = before ? CHARGER_ONLINE : CHARGER_QUIET;
        rig_wire(&rig, 0, 6000); /* it will not stop */
        rig.now_ms += 1000;
    }
    check_i64(stops, 2);
    check_i64(rig.c.out[0].stops_left, 0);
    check_i64(rig.c.out[0].fault, FAULT_STILL_DRAWING);
    check_i64(rig.c.out[0].booked_ma, 6000);
}

static void protocol_1_takes_turns(void **state)
{
    int32_t on[3] = {0};

    (void)state;
    rig_init_plugged(&rig, 3, 13000);
    for (int i = 0; i < 3; i++) {
        rig.r[i].protocol = 1;
        rig.r[i].plugged = TRI_UNKNOWN;
    }
    for (int s = 0; s < 3 * 3600; s++) {
        decide_and_run(1);
        int sum = 0;

        for (int i = 0; i < 3; i++) {
            on[i] += rig_offer(&rig, i) > 0;
            sum += rig_offer(&rig, i);
        }
        assert_true(sum <= 13000);
    }
    for (int i = 0; i < 3; i++) {
        check_near(on[i], 2 * 3600, 1000);
    }
}

static void promise_08_sigterm_leaves_the_lower_of_offer_and_default(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 2, 60000);
    rig_ask_alive(&rig, 0, 20000);
    rig.cfg.charger[1].default_ma = 16000;
    rig_ask_alive(&rig, 1, 10000);
    decide_and_run(3);
    rig.closing = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig_offer(&rig, 1), 10000);
}

static void promise_09_every_change_is_a_decision_with_words(void **state)
{
    (void)state;
    rig_init_plugged(&rig, 1, 32000);
    decide_and_run(2);
    rig_ask_alive(&rig, 0, 16000);
    rig_step(&rig);
    check_i64(rig.decisions, 1);
    check_i64(rig.d[0].before_ma, 6000);
    check_i64(rig.d[0].after_ma, 16000);
    check_str(rig.d[0].owner, "mqtt");
    check_str(rig.d[0].reason, "16 A: 16 A asked by mqtt");
    rig_wire(&rig, 0, 15000);
    rig.now_ms += 5000;
    rig.r[0].heard_ms = rig.r[0].sent_ms = rig.now_ms;
    rig_step(&rig);
    check_i64(rig.decisions, 0); /* reasons do not tick */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(nobody_asks_and_the_floor_fits),
            cmocka_unit_test(default_a_of_the_settings_counts),
            cmocka_unit_test(promise_01_a_request_is_bounded_by_every_limit),
            cmocka_unit_test(below_the_floor_counts_as_nothing),
            cmocka_unit_test(without_its_hardware_maximum_a_charger_gets_the_floor),
            cmocka_unit_test(lower_first_raise_later),
            cmocka_unit_test(amps_that_nobody_mirrored_stay_booked),
            cmocka_unit_test(a_long_outage_counts_as_a_stop),
            cmocka_unit_test(a_cold_start_begins_with_the_default),
            cmocka_unit_test(a_warm_start_goes_on_and_rises_for_nobody_for_a_minute),
            cmocka_unit_test(an_owner_who_speaks_ends_the_hold),
            cmocka_unit_test(a_silent_charger_is_offered_its_floor_and_booked_for_a_minute),
            cmocka_unit_test(a_lost_bus_keeps_its_amps_booked_for_a_minute),
            cmocka_unit_test(a_second_master_books_all_that_the_charger_could_take),
            cmocka_unit_test(one_frame_of_a_stranger_blocks_raises),
            cmocka_unit_test(units_that_do_not_stop_are_linked_only_where_6_a_fit),
            cmocka_unit_test(an_absent_charger_keeps_nobody_out),
            cmocka_unit_test(a_newcomer_is_called_when_its_6_a_are_free),
            cmocka_unit_test(a_default_of_0_waits_a_minute_after_the_plug_in),
            cmocka_unit_test(a_person_is_not_made_to_wait),
            cmocka_unit_test(drawing_too_much_makes_others_give_way_and_ends_in_silence),
            cmocka_unit_test(not_allowed_and_still_drawing_is_stopped_by_silence_twice),
            cmocka_unit_test(protocol_1_takes_turns),
            cmocka_unit_test(promise_08_sigterm_leaves_the_lower_of_offer_and_default),
            cmocka_unit_test(promise_09_every_change_is_a_decision_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
