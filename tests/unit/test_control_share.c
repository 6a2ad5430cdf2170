/*
 * Control: who gets how many amps beside the others, when they change, and the words for it.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

static struct control_rig rig;

static void nobody_asks_gives_the_default(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 1);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000); /* not set: the floor */
    check_i64(rig.c.out[0].winner, 0);
    rig.cfg.charger[0].default_ma = 10000;
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 10000);
    check_str(rig.c.out[0].reason, "10 A: nobody asks, default");
}

static void a_default_whose_floor_does_not_fit_is_zero(void **state)
{
    (void)state;
    rig_init(&rig, 1, 5000, 1);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 0);
}

static void a_request_ends_in_the_default_at_once(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_ask(&rig, 0, 20000);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 20000);
    check_i64(rig.c.out[0].limited_by, LIMITED_REQUEST);
    lease_drop(&rig.leases, LEASE_REQUEST, LEASE_CHARGER, 0, NULL, NULL, NULL);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.decisions, 1);
    check_i64(rig.d[0].before_ma, 20000);
    check_i64(rig.d[0].after_ma, 6000);
}

static void the_step_asks_to_be_called_when_a_lease_ends(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 1);
    rig_lease(&rig, (struct lease){.kind = LEASE_REQUEST,
                            .scope = LEASE_CHARGER,
                            .hold = LEASE_FOR,
                            .expires_ms = rig.now_ms + 300,
                            .value_ma = 9000});
    rig_step(&rig);
    check_i64(rig.next_ms, rig.now_ms + 300);
}

static void above_zero_and_below_the_floor_counts_as_zero(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 1);
    rig.cfg.charger[1].min_ma = FLOOR_P1_MA;
    rig_ask(&rig, 0, 5000);
    rig_ask(&rig, 1, 5000);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig_offer(&rig, 1), 5000);
}

static void promise_02_a_ceiling_acts_in_the_same_step_and_names_its_owner(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 2);
    rig_ask(&rig, 0, 20000);
    rig_run(&rig, 3, RIG_OBEY);
    rig_ceiling(&rig, LEASE_CHARGER, 0, 8000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 8000);
    check_i64(rig.c.out[0].limited_by, LIMITED_CEILING);
    check_str(rig.c.out[0].reason, "8 A: 20 A asked by mqtt, limit 8 A by mqtt");
}

static void promise_01_ceilings_of_circuit_and_site_hold_for_the_sum(void **state)
{
    (void)state;
    rig_init(&rig, 2, 40000, 1);
    rig_ask(&rig, 0, 32000);
    rig_ask(&rig, 1, 32000);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 0) + rig_offer(&rig, 1), 40000);
    rig_ceiling(&rig, LEASE_SITE, 0, 15000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0) + rig_offer(&rig, 1), 15000);
    check_i64(rig.c.out[0].limited_by, LIMITED_SITE);
    rig_ceiling(&rig, LEASE_CIRCUIT, 0, 13000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0) + rig_offer(&rig, 1), 13000);
    check_i64(rig.c.out[1].limited_by, LIMITED_CIRCUIT);
    check_has(rig.c.out[1].reason, "circuit garage leaves 6 A on L");
}

static void promise_06_a_ceiling_that_lapses_becomes_the_fallback_and_says_so(void **state)
{
    (void)state;
    rig_init(&rig, 1, 32000, 1);
    rig_ask(&rig, 0, 20000);
    rig_lease(&rig, (struct lease){.kind = LEASE_CEILING,
                            .scope = LEASE_CHARGER,
                            .hold = LEASE_FOR,
                            .expires_ms = rig.now_ms + 4000,
                            .value_ma = 12000});
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 12000);
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig.c.out[0].limited_by, LIMITED_FALLBACK);
    rig_run(&rig, 3600, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000); /* never upward */
}

static void promise_03_a_freed_amp_waits_for_the_draw_to_follow(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 1);
    rig_ask(&rig, 0, 26000);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 26000);
    check_i64(rig_offer(&rig, 1), 6000);
    rig_ask(&rig, 0, 10000);
    rig_ask(&rig, 1, 20000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 10000);
    check_i64(rig_offer(&rig, 1), 6000); /* nothing is free yet */
    check_has(rig.c.out[1].reason, "waits for amps that others still draw");
    rig.now_ms += 1000;
    rig_wire(&rig, 0, 18000); /* told 10, still at 18 */
    rig_wire(&rig, 1, 6000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 14000);
    rig.now_ms += 1000;
    rig_wire(&rig, 0, 10000);
    rig_wire(&rig, 1, 14000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1), 20000);
}

static void an_offer_that_was_on_the_wire_is_booked_until_an_answer_is_newer(void **state)
{
    (void)state;
    rig_init(&rig, 2, 32000, 1);
    rig_run(&rig, 3, RIG_OBEY);
    rig_ask(&rig, 0, 26000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 0), 26000);
    rig.r[0].told_ma = 26000; /* sent; the answer is lost */
    rig.r[0].told_ms = rig.r[0].sent_ms = rig.now_ms += 100;
    rig_step(&rig);
    rig_ask(&rig, 0, 8000);
    rig_ask(&rig, 1, 20000);
    rig_step(&rig);
    rig.r[0].told_ma = 8000; /* sent; lost as well: the charger may hold 26 A */
    rig.r[0].told_ms = rig.r[0].sent_ms = rig.now_ms += 400;
    rig_wire(&rig, 1, 6000);
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 26000);
    check_i64(rig_offer(&rig, 1), 6000);
    rig.now_ms += 400;
    rig_wire(&rig, 0, 8000);
    rig_step(&rig);
    check_i64(rig.c.out[0].booked_ma, 8000);
    check_i64(rig_offer(&rig, 1), 20000);
}

static void a_charger_that_is_not_there_takes_no_amps_from_the_others(void **state)
{
    (void)state;
    rig_init(&rig, 2, 20000, 1);
    rig.r[0] = (struct charger_report){.link = CHARGER_UNHEARD, .plugged = TRI_UNKNOWN};
    rig.cfg.charger[0].present = false;
    rig_ask(&rig, 1, 20000);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 20000);
    check_i64(rig_offer(&rig, 0), 0);
}

static void a_charger_that_appears_on_a_full_circuit_waits_for_its_amps(void **state)
{
    (void)state;
    for (uint8_t protocol = 1; protocol <= 2; protocol++) {
        rig_init(&rig, 2, 20000, 1);
        rig.r[0] = (struct charger_report){.link = CHARGER_UNHEARD, .plugged = TRI_UNKNOWN};
        rig.cfg.charger[0].present = false;
        rig_ask(&rig, 1, 20000);
        rig_run(&rig, 5, RIG_OBEY);
        rig.cfg.charger[0].present = true;
        rig.r[0].protocol = protocol;
        rig.r[0].hw_max_ma = 32000;
        rig_step(&rig);
        check_i64(rig_offer(&rig, 0), 0);
        check_i64(rig.c.out[0].transmit,
                protocol == 1); /* 2 would draw 6 A whatever it is told */
        rig.r[0].link = rig.c.out[0].transmit ? CHARGER_UNHEARD : CHARGER_QUIET;
        rig.r[0].sent_ms = rig.c.out[0].transmit ? rig.now_ms : 0;
        rig_step(&rig);
        check_i64(rig_offer(&rig, 1), 14000);
        rig.now_ms += 1000;
        rig_wire(&rig, 1, 14000);
        rig_step(&rig);
        assert_true(rig.c.out[0].transmit);
        rig.r[0].link = CHARGER_UNHEARD;
        rig_step(&rig);
        check_i64(rig_offer(&rig, 0), 6000);
        check_i64(rig_offer(&rig, 1), 14000);
    }
}

static void a_dead_charger_gives_way_to_one_that_waits(void **state)
{
    (void)state;
    rig_init(&rig, 2, 6000, 2);    /* no limit_a: one charger at a time */
    rig.r[1].link = CHARGER_QUIET; /* heard, but never spoken to */
    rig.r[1].sent_ms = rig.r[1].heard_ms = 0;
    rig_run(&rig, 1000, RIG_OBEY);
    assert_true(rig.c.out[0].transmit);
    assert_false(rig.c.out[1].transmit);
    rig.r[0].link = CHARGER_QUIET; /* ten minutes without an answer */
    rig.r[0].quiet_ms = rig.now_ms;
    rig_run(&rig, 58, RIG_OBEY);
    assert_false(rig.c.out[1].transmit);
    rig_run(&rig, 4, RIG_OBEY);
    assert_true(rig.c.out[1].transmit);
    rig.r[1].link = CHARGER_ONLINE;
    rig_run(&rig, 1000, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 6000);
    assert_false(rig.c.out[0].transmit);
}

static void protocol_1_takes_turns_where_the_floors_do_not_fit(void **state)
{
    (void)state;
    rig_init(&rig, 2, 10000, 1);
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig_offer(&rig, 1), 0);
    rig_run(&rig, 890, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    rig_run(&rig, 15, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 0);
    check_i64(rig_offer(&rig, 1), 6000);
    rig_run(&rig, 880, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 6000);
    rig_run(&rig, 20, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 6000);
    check_i64(rig_offer(&rig, 1), 0);
}

static void one_that_came_late_does_not_make_the_other_wait_for_hours(void **state)
{
    (void)state;
    rig_init(&rig, 2, 10000, 1);
    rig_ask(&rig, 1, 0);
    rig_run(&rig, 3 * 3600, RIG_OBEY);
    rig_ask(&rig, 1, 8000);
    rig_run(&rig, 10, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 8000);
    rig_run(&rig, 960, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 0);
    check_i64(rig_offer(&rig, 0), 6000);
}

static void protocol_2_goes_on_where_the_floors_do_not_fit_and_says_who_waits(void **state)
{
    (void)state;
    rig_init(&rig, 2, 10000, 2);
    rig.r[0].plugged = rig.r[1].plugged = TRI_YES;
    rig.r[0].plugged_ms = 2000;
    rig.r[1].plugged_ms = 1000;
    rig.r[0].link = CHARGER_QUIET; /* heard, but never spoken to */
    rig.r[0].sent_ms = rig.r[0].heard_ms = 0;
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 6000);
    assert_false(rig.c.out[0].transmit);
    check_has(rig.c.out[0].reason, "not linked");
    rig_run(&rig, 3600, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 6000);
    assert_false(rig.c.out[0].transmit);
}

static void reasons_hold_still_while_nothing_changes_and_are_short(void **state)
{
    char first[REASON_ROOM];

    (void)state;
    rig_init(&rig, 2, 20000, 2);
    memset(rig.cfg.circuit[0].name, 'g', sizeof(rig.cfg.circuit[0].name) - 1);
    struct lease l = {.kind = LEASE_REQUEST,
            .scope = LEASE_CHARGER,
            .index = 0,
            .hold = LEASE_STORED,
            .value_ma = 32000};

    memset(l.owner, 'o', sizeof(l.owner) - 1);
    rig_lease(&rig, l);
    rig_run(&rig, 10, RIG_OBEY);
    memcpy(first, rig.c.out[0].reason, sizeof(first));
    assert_true(strlen(first) > 100 && strlen(first) <= 250);
    for (int s = 0; s < 300; s++) {
        rig.now_ms += 1000;
        rig_wire(&rig, 0, rig_offer(&rig, 0) - s % 7 * 100);
        rig_wire(&rig, 1, rig_offer(&rig, 1) - s % 5 * 100);
        rig_step(&rig);
        check_i64(rig.decisions, 0);
        check_str(rig.c.out[0].reason, first);
    }
}

static void every_change_is_a_decision_with_a_growing_number(void **state)
{
    uint64_t last = 0;

    (void)state;
    rig_init(&rig, 2, 32000, 1);
    for (int k = 0; k < 50; k++) {
        rig_ask(&rig, k % 2, 6000 + k % 9 * 1000);
        rig_run(&rig, 1, RIG_OBEY);
        for (int d = 0; d < rig.decisions; d++) {
            assert_true(rig.d[d].id > last);
            last = rig.d[d].id;
            assert_true(rig.d[d].before_ma != rig.d[d].after_ma || rig.now_ms < 1002000);
            check_i64(rig.d[d].after_ma, rig_offer(&rig, rig.d[d].charger));
            check_str(rig.d[d].reason, rig.c.out[rig.d[d].charger].reason);
        }
    }
    assert_true(last > 20);
}

static void two_that_wait_do_not_get_the_same_amps(void **state)
{
    (void)state;
    rig_init(&rig, 3, 30000, 1);
    rig_ask(&rig, 0, 18000);
    rig_run(&rig, 5, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 18000);
    rig_ask(&rig, 0, 6000);
    rig_ask(&rig, 1, 12000);
    rig_ask(&rig, 2, 12000);
    rig_step(&rig);
    rig.now_ms += 1000;
    rig_wire(&rig, 0, 14000); /* 4 of the 12 A are free */
    rig_wire(&rig, 1, 6000);
    rig_wire(&rig, 2, 6000);
    rig_step(&rig);
    check_i64(rig_offer(&rig, 1) + rig_offer(&rig, 2), 16000);
    rig_run(&rig, 3, RIG_OBEY);
    check_i64(rig_offer(&rig, 1), 12000);
    check_i64(rig_offer(&rig, 2), 12000);
}

static void not_allowed_on_the_site_is_zero_for_all_and_says_so(void **state)
{
    (void)state;
    rig_init(&rig, 2, 30000, 1);
    rig_ask(&rig, 0, 12000);
    rig_run(&rig, 3, RIG_OBEY);
    rig.site_allowed = false;
    rig_step(&rig);
    for (int i = 0; i < 2; i++) {
        check_i64(rig_offer(&rig, i), 0);
        check_i64(rig.c.out[i].limited_by, LIMITED_NOT_ALLOWED);
        check_has(rig.c.out[i].reason, "charging is not allowed");
    }
    rig.site_allowed = true;
    rig_run(&rig, 2, RIG_OBEY);
    check_i64(rig_offer(&rig, 0), 12000);
}

#define t(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
            t(nobody_asks_gives_the_default),
            t(a_default_whose_floor_does_not_fit_is_zero),
            t(a_request_ends_in_the_default_at_once),
            t(the_step_asks_to_be_called_when_a_lease_ends),
            t(above_zero_and_below_the_floor_counts_as_zero),
            t(promise_02_a_ceiling_acts_in_the_same_step_and_names_its_owner),
            t(promise_01_ceilings_of_circuit_and_site_hold_for_the_sum),
            t(promise_06_a_ceiling_that_lapses_becomes_the_fallback_and_says_so),
            t(promise_03_a_freed_amp_waits_for_the_draw_to_follow),
            t(an_offer_that_was_on_the_wire_is_booked_until_an_answer_is_newer),
            t(a_charger_that_is_not_there_takes_no_amps_from_the_others),
            t(a_charger_that_appears_on_a_full_circuit_waits_for_its_amps),
            t(a_dead_charger_gives_way_to_one_that_waits),
            t(protocol_1_takes_turns_where_the_floors_do_not_fit),
            t(one_that_came_late_does_not_make_the_other_wait_for_hours),
            t(protocol_2_goes_on_where_the_floors_do_not_fit_and_says_who_waits),
            t(reasons_hold_still_while_nothing_changes_and_are_short),
            t(every_change_is_a_decision_with_a_growing_number),
            t(two_that_wait_do_not_get_the_same_amps),
            t(not_allowed_on_the_site_is_zero_for_all_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
