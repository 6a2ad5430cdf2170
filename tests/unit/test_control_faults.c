/*
 * What control does at each bad moment: silence, a lost bus, another master, a reboot, a car that
 * takes too much or does not stop. SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

static struct control_rig rig;

/* Two chargers on one circuit; the first was asked for ma and takes it. */
static void charging(int32_t limit_ma, int32_t ma, uint8_t protocol)
{
    rig_init(&rig, 2, limit_ma, protocol);
    rig_ask(&rig, 0, ma);
    rig_ask(&rig, 1, 0);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), ma);
}

static void promise_05_a_silent_charger_goes_to_the_floor_and_stays_booked_for_a_minute(
        void **state)
{
    (void)state;
    charging(32000, 26000, 1);
    rig_ask(&rig, 1, 26000);
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 16000); /* fair: both ask for 26 A */
    check_i64(rig_offer(&rig, 1), 16000);
    int64_t heard_ms = rig.now_ms;

    rig.now_ms += 10000;
    rig.r[0].link = CHARGER_SILENT;
    rig_wire(&rig, 1, 16000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].booked_ma, 16000);
    check_i64(rig.c.out[0].fault, FAULT_NO_ANSWER);
    check_i64(rig.c.out[0].limited_by, LIMITED_FAULT);
    check_has(rig.c.out[0].reason, "it does not answer");
    assert_true(rig.c.out[0].transmit); /* the rhythm goes on */
    rig.r[0].told_ma = 6000;
    rig.r[0].told_ms = rig.r[0].sent_ms = rig.now_ms;
    rig_run(&rig, 48, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 16000);
    check_i64(rig.now_ms - heard_ms < 60000, 1);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig.c.out[0].booked_ma, 6000);
    check_i64(rig_offer(&rig, 1), 26000);
}

static void a_charger_we_gave_up_is_booked_for_a_minute_and_then_not_at_all(void **state)
{
    (void)state;
    charging(26000, 16000, 2);
    rig_ask(&rig, 1, 26000);
    rig.now_ms += 600000;
    rig.r[0].link = CHARGER_QUIET;
    rig.r[0].told_ma = 6000;
    rig.r[0].sent_ms = rig.r[0].told_ms = rig.r[0].quiet_ms = rig.now_ms;
    rig_wire(&rig, 1, 6000);
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 6000);
    rig_run(&rig, 58, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 20000);
    rig_run(&rig, 4, RIG_OBEY);
    check_i64(rig.c.out[0].booked_ma, 0);
    check_i64(rig_offer(&rig, 1), 26000);
    check_i64(rig.c.out[0].fault, FAULT_NO_ANSWER);
    rig.r[0].link = CHARGER_UNHEARD; /* it is back by its own linkready */
    rig.r[0].quiet_ms = 0;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0) + rig_offer(&rig, 1), rig_offer(&rig, 1)); /* it waits */
}

static void a_lost_bus_is_booked_for_a_minute_and_its_return_takes_nothing_back_at_once(
        void **state)
{
    (void)state;
    charging(26000, 16000, 1);
    rig_ask(&rig, 1, 26000);
    rig_run(&rig, 2, RIG_OBEY);
    rig_ask(&rig, 0, 26000);
    int32_t own_ma = rig_offer(&rig, 0);

    rig.r[0].link = CHARGER_BUS_DOWN;
    rig_run(&rig, 58, RIG_OBEY);
    check_i64(rig.c.out[0].booked_ma, own_ma);
    check_i64(rig_offer(&rig, 1), 26000 - own_ma);
    rig_run(&rig, 4, RIG_OBEY);
    check_i64(rig.c.out[0].booked_ma, 0);
    check_i64(rig_offer(&rig, 1), 26000);
    rig.r[0].link = CHARGER_UNHEARD;
    rig.r[0].warm_ms = rig.now_ms;
    rig.r[0].readback_due = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0); /* the other still draws 26 A */
}

static void a_lost_bus_without_others_in_want_goes_on_where_it_was(void **state)
{
    (void)state;
    charging(32000, 16000, 1);
    rig.r[0].link = rig.r[1].link = CHARGER_BUS_DOWN;
    rig_run(&rig, 100, RIG_OBEY);
    rig.r[0].link = rig.r[1].link = CHARGER_UNHEARD;
    rig.r[0].warm_ms = rig.r[1].warm_ms = rig.now_ms;
    rig.r[0].readback_due = rig.r[1].readback_due = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 16000);
}

static void a_second_master_books_the_most_and_blocks_every_raise(void **state)
{
    (void)state;
    charging(40000, 10000, 1);
    rig_ask(&rig, 1, 8000);
    rig_run(&rig, 3, RIG_OBEY);
    rig.r[0].link = CHARGER_FOREIGN;
    rig_ask(&rig, 1, 20000);
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 32000);
    check_i64(rig.c.out[0].fault, FAULT_SECOND_MASTER);
    check_has(rig.c.out[0].reason, "another master");
    check_i64(rig_offer(&rig, 1), 8000); /* 32 + 8: all there is */
    rig_ask(&rig, 0, 32000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 10000);
}

static void promise_05_after_a_second_master_nothing_rises_until_its_charger_answers_us(
        void **state)
{
    (void)state;
    charging(40000, 6000, 1);
    rig.r[0].link = CHARGER_FOREIGN;
    rig_run(&rig, 3, RIG_OBEY);
    rig.r[0].link = CHARGER_UNHEARD;
    rig.r[0].warm_ms = rig.now_ms;
    rig.r[0].readback_due = true;
    rig_ask(&rig, 1, 30000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 8000); /* the other master may have told it 32 A */
    rig_read_back(&rig, 0, 6000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 30000);
}

static void promise_03_one_foreign_message_blocks_raises_and_no_lowering(void **state)
{
    (void)state;
    charging(32000, 10000, 2);
    rig.r[0].foreign_suspect = true;
    rig_ask(&rig, 0, 20000);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 10000);
    check_i64(rig.c.out[0].limited_by, LIMITED_NO_DATA);
    check_has(rig.c.out[0].reason, "a message of another master was heard");
    rig_ask(&rig, 0, 7000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 7000);
    rig.r[0].foreign_suspect = false;
    rig_ask(&rig, 0, 20000);
    rig_run(&rig, 1, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 20000);
}

static void a_raise_that_was_not_sent_yet_is_taken_back(void **state)
{
    (void)state;
    charging(32000, 10000, 2);
    rig_ask(&rig, 0, 20000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 20000);
    rig.r[0].foreign_suspect = true; /* before the bus had its turn */
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 10000);
}

static void two_chargers_with_one_id_get_nothing(void **state)
{
    (void)state;
    charging(32000, 10000, 1);
    rig.r[0].duplicate = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig.c.out[0].fault, FAULT_DUPLICATE_ID);
    check_has(rig.c.out[0].reason, "two chargers have its id");
}

static void a_rebooted_charger_gets_the_floor_until_it_confirms(void **state)
{
    (void)state;
    charging(32000, 16000, 2);
    rig.r[0].rebooted = rig.r[0].readback_due = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].booked_ma, 16000); /* booking kept */
    check_i64(rig.c.out[0].limited_by, LIMITED_FAULT);
    check_i64(rig.c.out[0].fault, FAULT_OK);
    check_has(rig.c.out[0].reason, "it restarted and has not confirmed its limit");
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    rig.r[0].rebooted = false;
    rig_run(&rig, 1, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 16000);
}

static void drawing_too_much_for_ten_seconds_sheds_the_others_in_the_same_step(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 1);
    rig_ask(&rig, 0, 16000);
    rig_ask(&rig, 1, 16000);
    rig_run(&rig, 3, RIG_OBEY);
    for (int s = 0; s < 10; s++) {
        rig.now_ms += 1000;
        rig_wire(&rig, 0, 24000);
        rig_wire(&rig, 1, 16000);
        rig_step(&rig);
        check_i64(rig.c.out[0].fault, FAULT_OK);
        check_i64(rig_offer(&rig, 1), 16000);
    }
    rig.now_ms += 1000;
    rig_wire(&rig, 0, 24000);
    rig_wire(&rig, 1, 16000);
    rig_step(&rig);
    check_i64(rig.c.out[0].fault, FAULT_DRAWS_TOO_MUCH);
    check_i64(rig_offer(&rig, 1), 8000);
    assert_true(rig.c.out[0].transmit);
}

static void drawing_a_little_too_much_or_just_lowered_is_no_fault(void **state)
{
    (void)state;
    charging(32000, 16000, 1);
    rig_run(&rig, 60, 1000);
    for (int s = 0; s < 60; s++) {
        rig.now_ms += 1000;
        rig_wire(&rig, 0, 17000);
        rig_wire(&rig, 1, 0);
        rig_step(&rig);
        check_i64(rig.c.out[0].fault, FAULT_OK);
    }
    for (int k = 16; k > 7; k--) { /* a car that follows each step after 9 s */
        rig_ask(&rig, 0, (k - 1) * 1000);
        rig_step(&rig);
        for (int s = 0; s < 9; s++) {
            rig.now_ms += 1000;
            rig_wire(&rig, 0, (k + 1) * 1000);
            rig_step(&rig);
            check_i64(rig.c.out[0].fault, FAULT_OK);
        }
    }
}

static void a_row_that_stays_over_stops_the_charger_by_silence_whatever_the_budget(void **state)
{
    (void)state;
    rig_init(&rig, 1, 16000, 2);
    rig_ask(&rig, 0, 10000);
    rig_run(&rig, 3, RIG_OBEY);
    rig.c.c[0].stops_used = 2;
    rig_run(&rig, 25, 20000);
    assert_true(rig.c.out[0].transmit);
    check_i64(rig.c.out[0].fault, FAULT_DRAWS_TOO_MUCH);
    rig_run(&rig, 2, 20000);
    assert_false(rig.c.out[0].transmit);
    check_has(rig.c.out[0].reason, "stopped by silence");
}

static void a_row_over_its_ceiling_counts_too(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_ask(&rig, 0, 20000);
    rig_run(&rig, 3, RIG_OBEY);
    rig_ceiling(&rig, LEASE_SITE, 0, 10000);
    rig_run(&rig, 30, 20000); /* it does not follow */
    assert_false(rig.c.out[0].transmit);
}

/* Runs the first charger, which draws 6 A whatever it is told, until it is not sent anything. */
static int seconds_to_silence(int most)
{
    for (int s = 1; s <= most; s++) {
        rig_run(&rig, 1, 6000);
        if (!rig.c.out[0].transmit) {
            return s;
        }
    }
    return -1;
}

/* The silence ends and the charger is back, drawing. */
static void come_back(void)
{
    rig.r[0].link = CHARGER_QUIET;
    rig.r[0].quiet_ms = rig.now_ms;
    rig_run(&rig, 34, 6000);
    assert_false(rig.c.out[0].transmit);
    assert_true(rig.c.out[0].booked_ma >= 6000);
    rig_run(&rig, 1, 6000);
    assert_true(rig.c.out[0].transmit);
    rig.r[0].link = CHARGER_ONLINE;
}

static void not_allowed_stops_by_silence_twice_and_then_says_still_drawing(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig.c.out[0].stops_left, 2);
    rig.allowed[0] = false;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig.c.out[0].limited_by, LIMITED_NOT_ALLOWED);
    check_i64(rig.c.out[0].booked_ma, 6000);
    check_near(seconds_to_silence(30), 11, 1);
    check_i64(rig.c.out[0].limited_by, LIMITED_NOT_ALLOWED);
    check_i64(rig.c.out[0].stops_left, 1);
    come_back();
    assert_true(seconds_to_silence(30) > 0);
    check_i64(rig.c.out[0].stops_left, 0);
    come_back();
    check_i64(seconds_to_silence(300), -1); /* the budget is used up */
    check_i64(rig.c.out[0].fault, FAULT_STILL_DRAWING);
    check_i64(rig.c.out[0].booked_ma, 6000);
}

static void without_leave_to_be_silent_it_only_says_still_drawing(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_run(&rig, 5, RIG_OBEY);
    rig.silence[0] = false;
    rig.site_allowed = false;
    check_i64(seconds_to_silence(60), -1);
    check_i64(rig.c.out[0].fault, FAULT_STILL_DRAWING);
    check_i64(rig.c.out[0].stops_left, 2);
}

static void two_chargers_with_one_id_that_do_not_stop_at_0_a_are_left_in_silence(void **state)
{
    (void)state;
    charging(32000, 10000, 2);
    rig.r[0].duplicate = true;
    rig_run(&rig, 3, 6000);
    check_i64(rig.c.out[0].booked_ma, 12000); /* 6 A of each */
    check_near(seconds_to_silence(30), 9, 1);
}

static void a_ceiling_below_the_floor_stops_by_silence(void **state)
{
    static const enum lease_scope scopes[] = {LEASE_CHARGER, LEASE_CIRCUIT, LEASE_SITE};

    (void)state;
    for (int k = 0; k < 3; k++) {
        rig_init(&rig, 1, 32000, 2);
        rig_run(&rig, 5, RIG_OBEY);
        rig_ceiling(&rig, scopes[k], 0, 5000);
        check_near(seconds_to_silence(30), 12, 2);
        check_i64(rig.c.out[0].stops_left, 1);
    }
}

static void a_lost_bus_counts_as_a_stop_and_a_silence_of_ours_only_once(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.r[0].plugged = TRI_YES;
    rig_run(&rig, 5, RIG_OBEY);
    rig.r[0].link = CHARGER_BUS_DOWN;
    rig_run(&rig, 12, RIG_OBEY);
    rig.r[0].link = CHARGER_ONLINE;
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig.c.out[0].stops_left, 1);
    rig.r[0].link = CHARGER_BUS_DOWN;
    rig_run(&rig, 5, RIG_OBEY); /* too short to stop a car */
    rig.r[0].link = CHARGER_ONLINE;
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig.c.out[0].stops_left, 1);
    rig.c.c[0].stops_used = 0; /* the next plug-in */
    rig.allowed[0] = false;
    assert_true(seconds_to_silence(30) > 0);
    come_back();
    rig_run(&rig, 3, 0);
    check_i64(rig.c.out[0].stops_left, 1);
}

static void a_restart_counts_as_a_stop_once_a_car_is_known_to_be_there(void **state)
{
    (void)state;
    for (int plugged = TRI_NO; plugged <= TRI_YES; plugged++) {
        rig_init(&rig, 1, 32000, 2);
        rig.r[0].plugged = TRI_UNKNOWN;
        rig.c.c[0].sent_ms = rig.now_ms - 12000; /* before the restart */
        rig_run(&rig, 2, 0);
        check_i64(rig.c.out[0].stops_left, 2);
        rig.r[0].plugged = (enum tristate)plugged;
        rig_run(&rig, 3, 0);
        check_i64(rig.c.out[0].stops_left, plugged == TRI_YES ? 1 : 2);
    }
}

static void protocol_1_is_stopped_by_zero_and_has_no_count_of_stops(void **state)
{
    (void)state;
    charging(32000, 16000, 1);
    rig.allowed[0] = false;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig.c.out[0].stops_left, -1);
    check_i64(seconds_to_silence(60), -1);
    check_i64(rig.c.out[0].fault, FAULT_STILL_DRAWING); /* and its draw stays booked */
    check_i64(rig.c.out[0].booked_ma, 6000);
}

static void the_default_does_not_stop_a_car_within_a_minute_of_the_plug_or_the_start(
        void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.charger[0].default_ma = 0;
    rig.r[0].plugged = TRI_YES;
    rig.r[0].plugged_ms = rig.now_ms;
    rig_run(&rig, 58, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].limited_by, LIMITED_START_STOP_REST);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 0);
    rig_ask(&rig, 0, 16000);
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 16000);
    lease_drop(&rig.leases, LEASE_REQUEST, LEASE_CHARGER, 0, NULL, NULL, NULL);
    rig_run(&rig, 50, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    rig_run(&rig, 10, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 0);
}

static void a_request_of_0_that_runs_out_is_off_for_a_minute(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.charger[0].default_ma = 10000;
    rig_run(&rig, 90, RIG_OBEY);
    rig_ask(&rig, 0, 0);
    rig_run(&rig, 5, 0);
    lease_drop(&rig.leases, LEASE_REQUEST, LEASE_CHARGER, 0, NULL, NULL, NULL);
    rig_run(&rig, 50, 0);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig.c.out[0].limited_by, LIMITED_START_STOP_REST);
    check_has(rig.c.out[0].reason, "no start within a minute of the stop");
    rig_run(&rig, 7, 0);
    check_i64(rig_offer(&rig, 0), 10000);
}

static void the_end_of_a_ceiling_is_not_held_off(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.charger[0].default_ma = 10000;
    rig_run(&rig, 90, RIG_OBEY);
    rig_ceiling(&rig, LEASE_CHARGER, 0, 0);
    rig_run(&rig, 3, 0);
    check_i64(rig_offer(&rig, 0), 0);
    lease_drop(&rig.leases, LEASE_CEILING, LEASE_CHARGER, 0, NULL, NULL, NULL);
    rig_run(&rig, 2, 0);
    check_i64(rig_offer(&rig, 0), 10000);
}

static void promise_02_a_person_or_a_ceiling_stops_at_once_in_the_first_minute(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.r[0].plugged = TRI_YES;
    rig.r[0].plugged_ms = rig.now_ms;
    rig_run(&rig, 2, RIG_OBEY);
    rig_ask(&rig, 0, 0);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
    lease_drop(&rig.leases, LEASE_REQUEST, LEASE_CHARGER, 0, NULL, NULL, NULL);
    rig.c.c[0].owner_spoke_ms = rig.now_ms + 1; /* released by its owner */
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    rig_ceiling(&rig, LEASE_CHARGER, 0, 0);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 0);
}

static void closing_lowers_to_the_default_and_raises_nothing(void **state)
{
    (void)state;
    rig_init(&rig, 3, 60000, 2);
    rig.cfg.charger[2].default_ma = 0;
    rig_ask(&rig, 0, 20000);
    rig_ask(&rig, 1, 0);
    rig_ask(&rig, 2, 20000);
    rig_run(&rig, 3, RIG_OBEY);
    rig.closing = true;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig_offer(&rig, 1), 0); /* the default is no reason to rise now */
    check_i64(rig_offer(&rig, 2), 0); /* nor is the first minute one to hold */
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 0);
}

static void a_draw_below_the_offer_is_never_chased(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 2);
    rig_ask(&rig, 0, 16000);
    rig_ask(&rig, 1, 32000);
    rig_run(&rig, 3, RIG_OBEY);
    rig_run(&rig, 600, 1500); /* a full car keeps its share */
    check_i64(rig_offer(&rig, 0), 16000);
    check_i64(rig_offer(&rig, 1), 16000);
}

static void a_phase_is_not_freed_because_no_current_flows_on_it(void **state)
{
    (void)state;
    rig_init(&rig, 2, 20000, 2);
    rig.cfg.charger[1].phases = PHASE_MAP_L2;
    rig_ask(&rig, 0, 14000);
    rig_ask(&rig, 1, 20000);
    rig.r[0].power_ms = rig.now_ms;
    rig.r[0].phase_ma[0] = 14000;
    rig.r[0].phase_ma[1] = rig.r[0].phase_ma[2] = 0;
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 0) + rig_offer(&rig, 1), 20000);
}

#define t(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
            t(promise_05_a_silent_charger_goes_to_the_floor_and_stays_booked_for_a_minute),
            t(a_charger_we_gave_up_is_booked_for_a_minute_and_then_not_at_all),
            t(a_lost_bus_is_booked_for_a_minute_and_its_return_takes_nothing_back_at_once),
            t(a_lost_bus_without_others_in_want_goes_on_where_it_was),
            t(a_second_master_books_the_most_and_blocks_every_raise),
            t(promise_05_after_a_second_master_nothing_rises_until_its_charger_answers_us),
            t(promise_03_one_foreign_message_blocks_raises_and_no_lowering),
            t(a_raise_that_was_not_sent_yet_is_taken_back),
            t(two_chargers_with_one_id_get_nothing),
            t(two_chargers_with_one_id_that_do_not_stop_at_0_a_are_left_in_silence),
            t(a_rebooted_charger_gets_the_floor_until_it_confirms),
            t(drawing_too_much_for_ten_seconds_sheds_the_others_in_the_same_step),
            t(drawing_a_little_too_much_or_just_lowered_is_no_fault),
            t(a_row_that_stays_over_stops_the_charger_by_silence_whatever_the_budget),
            t(a_row_over_its_ceiling_counts_too),
            t(not_allowed_stops_by_silence_twice_and_then_says_still_drawing),
            t(without_leave_to_be_silent_it_only_says_still_drawing),
            t(a_ceiling_below_the_floor_stops_by_silence),
            t(a_lost_bus_counts_as_a_stop_and_a_silence_of_ours_only_once),
            t(a_restart_counts_as_a_stop_once_a_car_is_known_to_be_there),
            t(protocol_1_is_stopped_by_zero_and_has_no_count_of_stops),
            t(the_default_does_not_stop_a_car_within_a_minute_of_the_plug_or_the_start),
            t(a_request_of_0_that_runs_out_is_off_for_a_minute),
            t(the_end_of_a_ceiling_is_not_held_off),
            t(promise_02_a_person_or_a_ceiling_stops_at_once_in_the_first_minute),
            t(closing_lowers_to_the_default_and_raises_nothing),
            t(a_draw_below_the_offer_is_never_chased),
            t(a_phase_is_not_freed_because_no_current_flows_on_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
