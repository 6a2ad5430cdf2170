/*
 * The bus on a good day: start, rhythm, what each heartbeat says, stop. One transcript per rule.
 * Queries are in test_bus_query.c, faults in test_bus_faults.c, figures in test_bus_rhythm.c.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { ID0 = 0xA1B0, ID1 = 0xA1B1, ID2 = 0xA1B2 };

static struct bus_known stored(uint16_t id, uint8_t protocol, int32_t told_ma)
{
    return (struct bus_known){.id = id,
            .stored = true,
            .protocol = protocol,
            .sign = 0x10,
            .hw_max_ma = 32000,
            .told_ma = told_ma};
}

/* ---- start ---- */

static void promise_08_a_cold_start_listens_twelve_seconds(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    rig_open(r);
    rig_run(r, 11990);
    check_i64(r->tx_count, 0);
    check_i64(bus_slots(&r->bus), 0);
    check_str(bus_quiet_reason(&r->bus, r->now), "listening before the first message");
    free(r);
}

static void two_linkreadys_that_agree_adopt_a_charger(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->slave[0].linkready_ms = r->now - 1000;
    rig_open(r);
    rig_run(r, 12500);
    check_i64(bus_slots(&r->bus), 0); /* one was heard so far */
    rig_run(r, 7000);
    check_i64(bus_slots(&r->bus), 1);
    check_i64(bus_slot_id(&r->bus, 0), ID0);
    check_i64(report(r, 0)->protocol, 2);
    check_i64(report(r, 0)->sign, 0x10);
    check_i64(report(r, 0)->hw_max_ma, 32000);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(rig_said(rig_nth(r, ID0, 0, 0)), 0x090258); /* amps first: nothing is known */
    check_i64(rig_events(r, BUS_EV_ADOPTED), 1);
    check_i64(rig_events(r, BUS_EV_ONLINE), 1);
    free(r);
}

static void linkreadys_that_differ_adopt_nobody(void **state)
{
    struct rig *r = rig_new(0, 2);

    (void)state;
    rig_open(r);
    rig_run(r, 13000);
    for (int i = 0; i < 6; i++) {
        rig_hear(
                r, i % 2 ? "FDE2A1B0100C800000000000000000" : "FDE2A1B0110C800000000000000000");
        rig_run(r, 5000);
    }
    check_i64(bus_slots(&r->bus), 0);
    free(r);
}

static void linkreadys_two_minutes_apart_do_not_agree(void **state)
{
    struct rig *r = rig_new(0, 2);

    (void)state;
    rig_open(r);
    rig_run(r, 13000);
    rig_hear_each(r, "FDE2A1B0100C800000000000000000", 3, 120000);
    check_i64(bus_slots(&r->bus), 0);
    free(r);
}

static void a_configured_id_is_adopted_when_heard_once(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->config.known_count = 1;
    r->config.known[0] = (struct bus_known){.id = ID0, .configured = true, .told_ma = -1};
    rig_open(r);
    rig_run(r, 11900);
    check_i64(r->tx_count, 0); /* not before the listening ends */
    rig_run(r, 300);
    check_i64(bus_slots(&r->bus), 1);
    check_i64(rig_said(rig_nth(r, ID0, 0, 0)), 0x090258);
    free(r);
}

static void a_configured_id_that_is_never_heard_is_never_talked_to(void **state)
{
    struct rig *r = rig_new(0, 2);

    (void)state;
    r->config.known_count = 1;
    r->config.known[0] = (struct bus_known){.id = ID0, .configured = true, .told_ma = -1};
    rig_open(r);
    rig_run(r, 60000);
    check_i64(r->tx_count, 0);
    check_str(bus_quiet_reason(&r->bus, r->now), "no charger was heard yet");
    free(r);
}

static void promise_08_a_warm_start_says_go_on_within_300_ms(void **state)
{
    struct rig *r = rig_new(2, 2);

    (void)state;
    r->config.known_count = 2;
    r->config.known[0] = stored(ID0, 2, 16000);
    r->config.known[1] = stored(ID1, 2, 6000);
    r->first_ma = 16000;
    for (int i = 0; i < 2; i++) {
        r->slave[i].heard_ms = r->now; /* still linked */
        r->slave[i].max_ma = 16000;
    }
    rig_open(r);
    check_i64(bus_slots(&r->bus), 2);
    assert_true(report(r, 0)->readback_due);
    check_i64(report(r, 0)->warm_ms, 1000);
    rig_run(r, 249);
    check_i64(r->tx_count, 0);
    rig_run(r, 200);
    check_i64(rig_said(rig_nth(r, ID0, 0, 0)), 0);
    check_i64(rig_said(rig_nth(r, ID1, 0, 0)), 0);
    assert_true(rig_there(rig_nth(r, ID0, 0, 0))->start_ms <= 1300);
    assert_true(rig_there(rig_nth(r, ID1, 0, 0))->start_ms <= 1450);
    rig_run(r, 2000);
    assert_false(report(r, 0)->readback_due);
    check_i64(report(r, 0)->mirror_ma, 16000);
    check_i64(rig_said(rig_nth(r, ID0, 0, 1)), 0);        /* told, mirrored: go on */
    check_i64(rig_said(rig_nth(r, ID1, 0, 1)), 0x090640); /* 16 A now, told 6 A */
    free(r);
}

static void a_warm_start_on_protocol_1_repeats_zero_at_once(void **state)
{
    struct rig *r = rig_new(1, 1);

    (void)state;
    r->config.known_count = 1;
    r->config.known[0] = stored(ID0, 1, 0);
    r->first_ma = 0;
    rig_open(r);
    rig_run(r, 400);
    check_i64(rig_said(rig_nth(r, ID0, 0, 0)), 0x050000);
    free(r);
}

static void the_first_message_of_a_warm_start_needs_no_answer(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->config.known_count = 1;
    r->config.known[0] = stored(ID0, 2, 16000);
    r->slave[0].dead = true;
    r->first_ma = 10000;
    rig_open(r);
    rig_run(r, 1000);
    check_i64(rig_said(rig_nth(r, ID0, 0, 0)), 0);
    check_i64(rig_said(rig_nth(r, ID0, 0, 1)), 0x0903E8); /* then amps */
    free(r);
}

static void promise_08_a_port_that_comes_back_is_a_warm_start(void **state)
{
    struct rig *r = rig_running(2, 2);
    int from = r->tx_count;

    (void)state;
    bus_port_down(&r->bus, r->now);
    check_i64(report(r, 0)->link, CHARGER_BUS_DOWN);
    assert_true(report(r, 0)->quiet_ms > 0);
    check_str(bus_quiet_reason(&r->bus, r->now), "the port is closed");
    rig_run(r, 5000);
    check_i64(r->tx_count, from);
    bus_port_up(&r->bus, r->now);
    rig_tick(r);
    rig_run(r, 500);
    check_i64(rig_said(rig_nth(r, ID0, from, 0)), 0);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(report(r, 0)->quiet_ms, 0);
    check_i64(rig_events(r, BUS_EV_GAP), 2);
    for (int i = 0; i < r->event_count; i++) {
        if (r->event[i].kind == BUS_EV_GAP) {
            check_str(r->event[i].text, "the port was closed");
            assert_true(r->event[i].gap_ms > 5000);
        }
    }
    free(r);
}

/* ---- what a heartbeat says ---- */

static void go_on_is_said_while_the_mirror_is_the_offer(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    check_i64(rig_said(rig_last(r, ID0)), 0);
    rig_set(r, 0, 16000);
    rig_run(r, 450);
    check_i64(rig_said(rig_last(r, ID0)), 0x090640);
    check_i64(report(r, 0)->told_ma, 16000);
    rig_run(r, 1000);
    check_i64(rig_said(rig_last(r, ID0)), 0);
    check_i64(report(r, 0)->mirror_ma, 16000);
    free(r);
}

static void a_lost_limit_frame_is_said_again_at_once(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    r->slave[0].dead = true;
    from = r->tx_count;
    rig_set(r, 0, 16000);
    rig_run(r, 1400);
    r->slave[0].dead = false;
    check_i64(rig_said(rig_nth(r, ID0, from, 0)), 0x090640);
    check_i64(rig_said(rig_nth(r, ID0, from, 1)), 0x090640);
    check_i64(rig_said(rig_nth(r, ID0, from, 2)), 0x090640);
    assert_true(rig_there(rig_nth(r, ID0, from, 1))->start_ms -
                        rig_there(rig_nth(r, ID0, from, 0))->start_ms <
                430);
    rig_run(r, 3000);
    check_i64(rig_said(rig_last(r, ID0)), 0);
    free(r);
}

static void promise_04_an_answer_from_before_the_limit_proves_nothing(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_set(r, 0, 10000);
    rig_run(r, 2500); /* mirrors 10 A */
    r->slave[0].no_mirror = true;
    r->slave[0].dead = true; /* 16 A is told, and no answer comes; perhaps it heard it */
    rig_set(r, 0, 16000);
    rig_run(r, 450);
    check_i64(rig_said(rig_last(r, ID0)), 0x090640);
    rig_set(r, 0, 10000);
    rig_run(r, 850);
    check_i64(rig_said(rig_last(r, ID0)), 0x0903E8); /* twice, and never "go on" */
    check_i64(rig_said(&r->tx[r->tx_count - 2]), 0x0903E8);
    free(r);
}

static void promise_04_an_old_answer_proves_nothing(void **state)
{
    struct rig *r = rig_running(1, 2);
    const struct rig_tx *t;

    (void)state;
    r->slave[0].dead = true;
    rig_run(r, 6000);
    t = rig_last(r, ID0);
    check_i64(rig_said(t), 0x090258); /* amps, the answer is older than 2.5 s */
    free(r);
}

static void zero_is_repeated_in_every_heartbeat_on_protocol_1(void **state)
{
    struct rig *r = rig_running(1, 1);
    int from;

    (void)state;
    rig_set(r, 0, 0);
    rig_run(r, 1000);
    from = r->tx_count;
    rig_run(r, 10000);
    for (int i = 0; i < 10; i++) {
        check_i64(rig_said(rig_nth(r, ID0, from, i)), 0x050000);
    }
    check_i64(rig_there(rig_nth(r, ID0, from, 0))->frame.len, 14);
    free(r);
}

static void zero_is_repeated_on_protocol_2_which_shows_6_a(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    rig_set(r, 0, 0);
    rig_run(r, 1000);
    from = r->tx_count;
    rig_run(r, 10000);
    check_i64(report(r, 0)->mirror_ma, 6000);
    for (int i = 0; i < 10; i++) {
        check_i64(rig_said(rig_nth(r, ID0, from, i)), 0x090000);
    }
    /* in the usual rhythm, not in a hurry */
    assert_true(rig_there(rig_nth(r, ID0, from, 5))->start_ms -
                        rig_there(rig_nth(r, ID0, from, 4))->start_ms >
                900);
    free(r);
}

static void a_charger_that_mirrors_nothing_gets_amps_in_the_usual_rhythm(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    r->slave[0].no_mirror = true;
    r->slave[0].max_ma = 0;
    rig_run(r, 5000);
    from = r->tx_count;
    rig_run(r, 10000);
    check_i64(rig_said(rig_last(r, ID0)), 0x090258);
    assert_true(rig_there(rig_nth(r, ID0, from, 5))->start_ms -
                        rig_there(rig_nth(r, ID0, from, 4))->start_ms >
                900);
    free(r);
}

static void body_lengths_follow_the_protocol(void **state)
{
    struct rig *one = rig_running(1, 1), *two = rig_running(1, 2);

    (void)state;
    check_i64(rig_there(rig_last(one, ID0))->frame.len, 14);
    check_i64(rig_there(rig_last(two, ID0))->frame.len, 16);
    check_i64(report(one, 0)->protocol, 1);
    free(one);
    free(two);
}

static void many_changes_never_come_closer_than_400_ms(void **state)
{
    struct rig *r = rig_running(3, 2);

    (void)state;
    for (int i = 0; i < 2000; i++) {
        rig_set(r, (int)rig_random(r, 3), 6000 + 1000 * (int32_t)rig_random(r, 20));
        rig_run(r, 1 + rig_random(r, 120));
    }
    assert_true(rig_least_spacing(r) >= 400);
    check_i64(rig_events(r, BUS_EV_GAP), 0); /* and nobody starves */
    free(r);
}

static void a_lower_offer_goes_before_a_higher_one(void **state)
{
    struct rig *r = rig_running(3, 2);
    int first = 0;

    (void)state;
    for (int i = 0; i < 3; i++) {
        r->offer[i].ma = 16000;
    }
    rig_run(r, 3000);
    for (int round = 0; round < 30; round++) {
        int down = (int)rig_random(r, 3), from;

        rig_run(r, 2000 + rig_random(r, 900));
        from = r->tx_count;
        for (int i = 0; i < 3; i++) {
            int32_t ma = r->offer[i].ma;

            /* eligible at the same time: what was sent last matters no more */
            r->offer[i].ma = i == down ? ma - 100 : ma + 100;
        }
        rig_run(r, 1000);
        for (int k = from; k < r->tx_count; k++) {
            if (rig_is_heartbeat(&r->tx[k]) && r->tx[k].frame.data[6] == 9) {
                first += rig_receiver(&r->tx[k]) == ID0 + down;
                break;
            }
        }
    }
    assert_true(first > 15); /* a raise goes first only where the 400 ms decide */
    free(r);
}

static void promise_07_an_offer_without_a_fresh_stamp_is_not_sent(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    r->stamp = false;
    rig_run(r, 3000);
    from = r->tx_count;
    rig_run(r, 10000);
    check_i64(r->tx_count, from);
    assert_null(bus_quiet_reason(&r->bus, r->now)); /* a hang is no reason */
    r->stamp = true;
    rig_run(r, 2000);
    assert_true(r->tx_count > from);
    check_i64(rig_events(r, BUS_EV_GAP), 1);
    check_str(r->event[r->event_count - 1].text, "no control step");
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    free(r);
}

static void promise_07_stale_data_changes_the_value_and_not_the_rhythm(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from = r->tx_count;

    (void)state;
    rig_run(r, 5000);
    rig_set(r, 0, 0); /* what control gives when its data is stale */
    rig_run(r, 5000);
    assert_non_null(rig_nth(r, ID0, from, 9));
    check_i64(rig_events(r, BUS_EV_GAP), 0);
    free(r);
}

static void a_charger_that_is_not_admitted_hears_nothing(void **state)
{
    struct rig *r = rig_running(2, 2);
    int from;

    (void)state;
    bus_set_offer(&r->bus, 0, &r->offer[0], false);
    from = r->tx_count;
    rig_run(r, 9000);
    assert_null(rig_nth(r, ID0, from, 0));
    assert_non_null(rig_nth(r, ID1, from, 7));
    check_i64(report(r, 0)->link, CHARGER_QUIET);
    assert_true(report(r, 0)->quiet_ms > 0);
    bus_set_offer(&r->bus, 0, &r->offer[0], true);
    rig_run(r, 1500);
    assert_non_null(rig_nth(r, ID0, from, 0));
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(report(r, 0)->quiet_ms, 0);
    free(r);
}

static void amps_above_80_never_leave_and_do_not_stop_others(void **state)
{
    struct rig *r = rig_running(2, 2);
    int from;

    (void)state;
    rig_set(r, 0, 128000);
    from = r->tx_count;
    rig_run(r, 5000);
    assert_null(rig_nth(r, ID0, from, 1));
    assert_non_null(rig_nth(r, ID1, from, 3));
    free(r);
}

/* ---- stop ---- */

static void promise_08_the_last_round_takes_less_than_a_second(void **state)
{
    struct rig *r = rig_running(3, 2);
    int64_t start;
    int from;

    (void)state;
    rig_run(r, 337);
    for (int i = 0; i < 3; i++) {
        r->slave[i].dead = i == 1;
        r->offer[i].ma = 8000;
    }
    from = r->tx_count;
    start = r->now;
    bus_last_round(&r->bus, r->now);
    while (!bus_last_round_done(&r->bus) && r->now < start + 3000) {
        rig_run(r, 1);
    }
    assert_true(r->now - start < 900);
    check_i64(rig_said(rig_last(r, ID0)), 0x090320);
    check_i64(rig_said(rig_last(r, ID2)), 0x090320);
    assert_non_null(rig_nth(r, ID1, from, 0));
    from = r->tx_count;
    rig_run(r, 5000);
    check_i64(r->tx_count, from);
    assert_true(rig_least_spacing(r) >= 400);
    free(r);
}

static void a_last_round_without_a_port_is_done_at_once(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    bus_port_down(&r->bus, r->now);
    bus_last_round(&r->bus, r->now);
    assert_true(bus_last_round_done(&r->bus));
    free(r);
}

static void a_failed_write_is_taken_back(void **state)
{
    struct rig *r = rig_running(1, 2);
    uint32_t sent = bus_counters(&r->bus).frames_out;
    int64_t told_ms = report(r, 0)->told_ms;

    (void)state;
    r->fail_write = true;
    rig_run(r, 500);
    rig_set(r, 0, 16000);
    rig_run(r, 2000);
    check_i64(report(r, 0)->told_ma, 6000); /* 16 A never reached the wire */
    check_i64(report(r, 0)->told_ms, told_ms);
    check_i64(bus_counters(&r->bus).frames_out, sent + r->tx_count - (int)sent);
    r->fail_write = false;
    rig_run(r, 100);
    check_i64(report(r, 0)->told_ma, 16000);
    free(r);
}

/* ---- figures ---- */

static void the_share_of_answers_is_of_the_last_five_minutes(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_run(r, 400000);
    check_i64(report(r, 0)->answer_share_permille, 1000);
    r->slave[0].dead = true;
    rig_run(r, 150000);
    check_near(report(r, 0)->answer_share_permille, 480, 80);
    r->slave[0].dead = false;
    rig_run(r, 340000);
    assert_true(report(r, 0)->answer_share_permille >= 995);
    assert_true(report(r, 0)->heartbeats > report(r, 0)->answers);
    free(r);
}

static void the_watchdog_sees_the_last_heartbeat(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    assert_null(bus_quiet_reason(&r->bus, r->now));
    assert_true(r->now - bus_last_sent_ms(&r->bus) < 1000);
    check_i64(bus_last_sent_ms(&r->bus), report(r, 0)->sent_ms);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(promise_08_a_cold_start_listens_twelve_seconds),
            cmocka_unit_test(two_linkreadys_that_agree_adopt_a_charger),
            cmocka_unit_test(linkreadys_that_differ_adopt_nobody),
            cmocka_unit_test(linkreadys_two_minutes_apart_do_not_agree),
            cmocka_unit_test(a_configured_id_is_adopted_when_heard_once),
            cmocka_unit_test(a_configured_id_that_is_never_heard_is_never_talked_to),
            cmocka_unit_test(promise_08_a_warm_start_says_go_on_within_300_ms),
            cmocka_unit_test(a_warm_start_on_protocol_1_repeats_zero_at_once),
            cmocka_unit_test(the_first_message_of_a_warm_start_needs_no_answer),
            cmocka_unit_test(promise_08_a_port_that_comes_back_is_a_warm_start),
            cmocka_unit_test(go_on_is_said_while_the_mirror_is_the_offer),
            cmocka_unit_test(a_lost_limit_frame_is_said_again_at_once),
            cmocka_unit_test(promise_04_an_answer_from_before_the_limit_proves_nothing),
            cmocka_unit_test(promise_04_an_old_answer_proves_nothing),
            cmocka_unit_test(zero_is_repeated_in_every_heartbeat_on_protocol_1),
            cmocka_unit_test(zero_is_repeated_on_protocol_2_which_shows_6_a),
            cmocka_unit_test(a_charger_that_mirrors_nothing_gets_amps_in_the_usual_rhythm),
            cmocka_unit_test(body_lengths_follow_the_protocol),
            cmocka_unit_test(many_changes_never_come_closer_than_400_ms),
            cmocka_unit_test(a_lower_offer_goes_before_a_higher_one),
            cmocka_unit_test(promise_07_an_offer_without_a_fresh_stamp_is_not_sent),
            cmocka_unit_test(promise_07_stale_data_changes_the_value_and_not_the_rhythm),
            cmocka_unit_test(a_charger_that_is_not_admitted_hears_nothing),
            cmocka_unit_test(amps_above_80_never_leave_and_do_not_stop_others),
            cmocka_unit_test(promise_08_the_last_round_takes_less_than_a_second),
            cmocka_unit_test(a_last_round_without_a_port_is_done_at_once),
            cmocka_unit_test(a_failed_write_is_taken_back),
            cmocka_unit_test(the_share_of_answers_is_of_the_last_five_minutes),
            cmocka_unit_test(the_watchdog_sees_the_last_heartbeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
