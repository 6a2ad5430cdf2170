/*
 * What control does at a start, cold and warm: first offers, links, the hold.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

static struct control_rig rig;

/* The bridge starts and finds the chargers in the store, the first at ma. */
static void started_warm(int32_t ma)
{
    rig_init(&rig, 2, 32000, 2);
    for (int i = 0; i < 2; i++) {
        int32_t told_ma = i == 0 ? ma : 0;

        rig.r[i] = (struct charger_report){.link = CHARGER_UNHEARD,
                .protocol = 2,
                .hw_max_ma = 32000,
                .told_known = true,
                .told_ma = told_ma,
                .warm_ms = rig.now_ms,
                .readback_due = true,
                .plugged = TRI_UNKNOWN,
                .counter_wh = -1};
        rig.c.c[i].warm = rig.c.c[i].offered = true;
        rig.c.c[i].stored_ma = rig.c.c[i].offer_ma = told_ma;
    }
}

static void the_first_offer_of_a_cold_start_is_the_default_whatever_was_asked(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.cfg.charger[0].default_ma = 8000;
    rig.r[0] = (struct charger_report){.link = CHARGER_UNHEARD,
            .protocol = 2,
            .hw_max_ma = 32000,
            .plugged = TRI_UNKNOWN,
            .counter_wh = -1};
    rig_ask(&rig, 0, 20000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 8000);
    check_i64(rig.c.out[0].limited_by, LIMITED_NO_DATA);
    check_has(rig.c.out[0].reason, "more when it has answered");
    rig.now_ms += 1000;
    rig_wire(&rig, 0, 8000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 20000);
}

static void a_charger_that_has_not_told_its_maximum_gets_the_floor_or_what_the_settings_say(
        void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig.r[0].hw_max_ma = 0;
    rig_ask(&rig, 0, 20000);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    check_has(rig.c.out[0].reason, "6 A until the charger tells its maximum");
    rig.cfg.charger[0].max_ma = 13000;
    rig.cfg.charger[0].max_is_set = true;
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 13000);
    rig.r[0].hw_max_ma = 10000;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 10000);
}

static void a_circuit_without_a_limit_links_one_charger_of_protocol_2(void **state)
{
    (void)state;
    rig_init(&rig, 2, UNLIMITED_CIRCUIT_MA, 2);
    for (int i = 0; i < 2; i++) {
        rig.r[i] = (struct charger_report){.link = CHARGER_UNHEARD,
                .protocol = 2,
                .hw_max_ma = 32000,
                .plugged = TRI_UNKNOWN,
                .counter_wh = -1};
    }
    rig_step(&rig);
    check_i64(rig.c.out[0].transmit + rig.c.out[1].transmit, 1);
    check_i64(rig_offer(&rig, 0) + rig_offer(&rig, 1), 6000);
}

static void the_higher_priority_is_linked_where_the_stuck_floors_do_not_fit(void **state)
{
    (void)state;
    rig_init(&rig, 2, 10000, 2);
    rig.cfg.charger[1].priority = 7;
    rig_step(&rig);
    assert_false(rig.c.out[0].transmit);
    assert_true(rig.c.out[1].transmit);
    check_i64(rig.c.out[0].limited_by, LIMITED_CIRCUIT);
    rig.r[1].plugged = TRI_NO; /* its floor is not stuck any more */
    rig.r[0].link = CHARGER_QUIET;
    rig.r[0].heard_ms = rig.r[0].sent_ms = 0;
    rig.r[0].quiet_ms = rig.now_ms;
    rig_run(&rig, 65, 0);
    assert_true(rig.c.out[0].transmit);
}

static void a_warm_start_books_what_was_told_from_the_first_step_on(void **state)
{
    (void)state;
    started_warm(16000);
    rig_ask(&rig, 0, 16000);
    rig_ask(&rig, 1, 32000);
    rig.c.c[1].owner_spoke_ms = rig.now_ms + 1;
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 16000);
    check_i64(rig_offer(&rig, 0), 16000);
    check_i64(rig_offer(&rig, 1), 0);
}

static void promise_08_a_warm_start_holds_for_a_minute(void **state)
{
    (void)state;
    started_warm(10000);
    rig_ask(&rig, 0, 20000);
    rig_step(&rig);
    rig_read_back(&rig, 0, 10000);
    rig_read_back(&rig, 1, 6000);
    rig_run(&rig, 58, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 10000);
    check_i64(rig.c.out[0].limited_by, LIMITED_NO_DATA);
    check_has(rig.c.out[0].reason, "just restarted");
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 20000);
}

static void an_owner_that_speaks_ends_the_hold_of_its_charger_alone(void **state)
{
    (void)state;
    started_warm(10000);
    rig_ask(&rig, 0, 20000);
    rig_ask(&rig, 1, 9000);
    rig_step(&rig);
    rig.c.c[0].owner_spoke_ms = rig.now_ms + 500;
    rig.now_ms += 1000;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 10000); /* not read back yet */
    rig_read_back(&rig, 0, 10000);
    rig_read_back(&rig, 1, 6000);
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 20000);
    check_i64(rig_offer(&rig, 1), 0);
}

static void what_is_read_back_lowers_the_hold(void **state)
{
    (void)state;
    started_warm(16000);
    rig_ask(&rig, 0, 20000);
    rig_step(&rig);
    rig.now_ms += 500;
    rig_read_back(&rig, 0, 9000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 9000);
    check_i64(rig.c.out[0].limited_by, LIMITED_NO_DATA);
    check_has(rig.c.out[0].reason, "the minute after the restart");
}

static void promise_03_nobody_rises_before_a_restarted_charger_is_read_back(void **state)
{
    (void)state;
    started_warm(6000); /* the lowering to 6 A may have been lost with us */
    rig_ask(&rig, 1, 26000);
    rig.c.c[1].owner_spoke_ms = rig.now_ms + 1;
    rig_step(&rig);
    rig.now_ms += 1000;
    rig_read_back(&rig, 1, 6000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 0);
    check_i64(rig.c.out[0].booked_ma, 6000); /* what is shown stays what we know */
    rig.now_ms += 1000;
    rig_read_back(&rig, 0, 6000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 26000);
}

static void a_charger_that_never_answers_after_a_warm_start_is_booked_for_a_minute(void **state)
{
    (void)state;
    started_warm(16000);
    rig_ask(&rig, 1, 32000);
    rig_step(&rig);
    rig.r[0].sent_ms = rig.now_ms;
    rig_read_back(&rig, 1, 6000);
    rig_run(&rig, 10, RIG_OBEY);
    rig.r[0].link = CHARGER_SILENT;
    rig.r[0].sent_ms = rig.r[0].told_ms = rig.now_ms;
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].booked_ma, 16000);
    rig.r[0].told_ma = 6000;
    rig_run(&rig, 48, RIG_OBEY);
    check_i64(rig.c.out[0].booked_ma, 16000);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig.c.out[0].booked_ma, 6000);
}

static void a_unit_that_waits_is_linked_beside_one_without_a_car(void **state)
{
    (void)state;
    rig_init(&rig, 2, 10000, 2);
    rig.cfg.charger[1].default_ma = 0;
    rig.r[1].plugged = TRI_NO;
    rig.r[1].mirror_ma = STUCK_FLOOR_MA; /* told 0 it shows its 6 A: nobody can draw them */
    rig.r[0].link = CHARGER_QUIET;
    rig.r[0].heard_ms = rig.r[0].sent_ms = rig.r[0].quiet_ms = 0;
    rig_run(&rig, 5, 0);
    assert_true(rig.c.out[0].transmit);
}

static void one_that_comes_back_gets_the_default_until_it_answers(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_ask(&rig, 0, 16000);
    rig_run(&rig, 3, RIG_OBEY);
    rig.r[0].link = CHARGER_UNHEARD; /* by its own linkready */
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].booked_ma, 16000);
    rig_wire(&rig, 0, 6000);
    rig_run(&rig, 1, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 16000);
}

static void one_that_comes_back_is_booked_at_its_last_draw(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 1);
    rig_run(&rig, 3, 14000); /* it draws 14 A where it was told 6 */
    rig.r[0].link = CHARGER_UNHEARD;
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 14000);
}

#define t(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
            t(the_first_offer_of_a_cold_start_is_the_default_whatever_was_asked),
            t(a_charger_that_has_not_told_its_maximum_gets_the_floor_or_what_the_settings_say),
            t(a_circuit_without_a_limit_links_one_charger_of_protocol_2),
            t(the_higher_priority_is_linked_where_the_stuck_floors_do_not_fit),
            t(a_warm_start_books_what_was_told_from_the_first_step_on),
            t(promise_08_a_warm_start_holds_for_a_minute),
            t(an_owner_that_speaks_ends_the_hold_of_its_charger_alone),
            t(what_is_read_back_lowers_the_hold),
            t(promise_03_nobody_rises_before_a_restarted_charger_is_read_back),
            t(a_charger_that_never_answers_after_a_warm_start_is_booked_for_a_minute),
            t(a_unit_that_waits_is_linked_beside_one_without_a_car),
            t(one_that_comes_back_gets_the_default_until_it_answers),
            t(one_that_comes_back_is_booked_at_its_last_draw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
