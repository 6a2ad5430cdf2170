/*
 * The bus on a bad day: silence, slow gateways, reboots, ghosts, noise.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { ID0 = 0xA1B0, ID1 = 0xA1B1, ID2 = 0xA1B2 };

/* ---- silent chargers ---- */

static void silence_is_told_after_10_s_and_the_rhythm_goes_on(void **state)
{
    struct rig *r = rig_running(3, 2);
    int from;

    (void)state;
    r->slave[1].dead = true;
    rig_run(r, 9500);
    check_i64(rig_events(r, BUS_EV_SILENT), 0);
    rig_run(r, 2000);
    check_i64(rig_events(r, BUS_EV_SILENT), 1);
    check_i64(report(r, 1)->link, CHARGER_SILENT);
    from = r->tx_count;
    rig_run(r, 60000);
    for (int i = 0; i < 3; i++) {
        assert_non_null(rig_nth(r, (uint16_t)(ID0 + i), from, 55));
    }
    check_i64(rig_events(r, BUS_EV_GAP), 0);
    r->slave[1].dead = false;
    rig_run(r, 1500);
    check_i64(report(r, 1)->link, CHARGER_ONLINE);
    check_i64(rig_events(r, BUS_EV_ONLINE), 4);
    free(r);
}

static void after_10_minutes_we_fall_silent_until_its_own_linkready(void **state)
{
    struct rig *r = rig_running(2, 2);
    int from;

    (void)state;
    r->slave[0].dead = true;
    rig_run(r, 601000);
    check_i64(rig_events(r, BUS_EV_QUIET), 1);
    check_i64(report(r, 0)->link, CHARGER_QUIET);
    assert_true(report(r, 0)->quiet_ms > r->now - 5000);
    from = r->tx_count;
    rig_run(r, 60000);
    assert_null(rig_nth(r, ID0, from, 0));
    assert_non_null(rig_nth(r, ID1, from, 50));
    r->slave[0].dead = false; /* its linkready is due */
    rig_run(r, 2000);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(report(r, 0)->quiet_ms, 0);
    free(r);
}

static void a_silent_charger_does_not_slow_down_the_others(void **state)
{
    struct rig *r = rig_running(3, 2);

    (void)state;
    r->slave[0].dead = true;
    r->slave[2].dead = true;
    rig_run(r, 300000);
    check_i64(rig_events(r, BUS_EV_GAP), 0);
    check_i64(report(r, 1)->link, CHARGER_ONLINE);
    free(r);
}

static void linkreadys_for_a_minute_although_we_answer_are_a_diagnosis(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].deaf = true;
    rig_run(r, 50000);
    assert_false(report(r, 0)->linkready_loop);
    rig_run(r, 30000);
    assert_true(report(r, 0)->linkready_loop);
    check_i64(rig_events(r, BUS_EV_LINKREADY_LOOP), 1);
    r->slave[0].deaf = false;
    rig_run(r, 40000);
    assert_false(report(r, 0)->linkready_loop);
    free(r);
}

/* ---- gateways ---- */

static void slow_answers_of_a_gateway_still_count(void **state)
{
    struct rig *r = rig_new(2, 2);

    (void)state;
    r->config.gateway = true;
    r->delay_ms = 450;
    rig_open(r);
    rig_run(r, 60000);
    r->offer[0].ma = 16000;
    rig_run(r, 120000);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(report(r, 0)->mirror_ma, 16000);
    check_i64(rig_said(rig_last(r, ID0)), 0);
    assert_true(report(r, 0)->answer_share_permille > 950);
    assert_true(rig_least_spacing(r) >= 400);
    free(r);
}

static void answers_later_than_any_wait_still_count(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->delay_ms = 400; /* on a direct port */
    rig_run(r, 60000);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    assert_true(bus_counters(&r->bus).late_answers > 40);
    check_i64(rig_said(rig_last(r, ID0)), 0);
    free(r);
}

/* ---- reboots, ghosts, twins ---- */

static void a_new_sign_is_a_reboot(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    rig_set(r, 0, 16000);
    rig_run(r, 3000);
    r->slave[0].dead = true;
    rig_run(r, 5000);
    r->slave[0] = (struct rig_slave){
            .id = ID0, .sign = 0x99, .protocol = 2, .hw_ma = 32000, .dead = true};
    r->offer[0].ma = 6000; /* what control does */
    from = r->tx_count;
    rig_hear(r, "FDE2A1B0990C800000000000000000");
    rig_run(r, 40);
    assert_true(report(r, 0)->rebooted);
    assert_true(report(r, 0)->readback_due);
    check_i64(report(r, 0)->sign, 0x99);
    check_i64(rig_events(r, BUS_EV_REBOOTED), 1);
    r->slave[0].dead = false;
    r->slave[0].heard_ms = r->now;
    rig_run(r, 500);
    check_i64(rig_said(rig_nth(r, ID0, from, 0)), 0x090258);
    rig_run(r, 1500);
    assert_false(report(r, 0)->rebooted);
    assert_false(report(r, 0)->readback_due);
    free(r);
}

static void a_rebooted_charger_never_hears_go_on_first(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    rig_run(r, 500);
    from = r->tx_count;
    rig_hear(r, "FDE2A1B0990C800000000000000000");
    rig_run(r, 1000);
    check_i64(rig_said(rig_nth(r, ID0, from, 0)), 0x090258);
    free(r);
}

static void two_units_with_one_id_are_told_from_a_reboot(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear(r, "FDE2A1B0990C800000000000000000");
    rig_run(r, 10000);
    assert_false(report(r, 0)->duplicate);
    rig_hear(r, "FDE2A1B0100C800000000000000000");
    rig_run(r, 10000);
    rig_hear(r, "FDE2A1B0990C800000000000000000");
    rig_run(r, 1000);
    assert_true(report(r, 0)->duplicate);
    check_i64(rig_events(r, BUS_EV_DUPLICATE), 1);
    bus_resume(&r->bus, r->now);
    assert_false(report(r, 0)->duplicate);
    free(r);
}

static void twins_are_found_long_after_adoption(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_run(r, 600000);
    for (int i = 0; i < 3; i++) {
        rig_hear(r,
                i == 1 ? "FDE2A1B0990C800000000000000000" : "FDE2A1B0100C800000000000000000");
        rig_run(r, 5000);
    }
    assert_true(report(r, 0)->duplicate);
    free(r);
}

static void two_reboots_in_a_day_are_no_twins(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear(r, "FDE2A1B0990C800000000000000000");
    rig_run(r, 100000);
    rig_hear(r, "FDE2A1B0100C800000000000000000");
    rig_run(r, 100000);
    assert_false(report(r, 0)->duplicate);
    check_i64(rig_events(r, BUS_EV_REBOOTED), 2);
    free(r);
}

static void a_higher_maximum_of_a_known_unit_is_believed_when_said_twice(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear(r, "FDE2A1B0101F400000000000000000");
    rig_run(r, 1000);
    check_i64(report(r, 0)->hw_max_ma, 32000);
    rig_hear(r, "FDE2A1B0101F400000000000000000");
    rig_run(r, 1000);
    check_i64(report(r, 0)->hw_max_ma, 80000);
    rig_hear(r, "FDE2A1B01006400000000000000000");
    rig_run(r, 1000);
    check_i64(report(r, 0)->hw_max_ma, 16000); /* a lower one at once */
    free(r);
}

static void a_fourth_id_is_told_and_evicts_nobody(void **state)
{
    struct rig *r = rig_running(3, 2);

    (void)state;
    r->slaves = 4;
    rig_run(r, 200000);
    check_i64(bus_slots(&r->bus), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(bus_slot_id(&r->bus, i), 0xA1B3);
    }
    assert_true(rig_events(r, BUS_EV_FULL) >= 2);
    assert_true(rig_events(r, BUS_EV_FULL) <= 5);
    check_i64(rig_events(r, BUS_EV_SILENT), 0);
    assert_null(rig_last(r, 0xA1B3));
    free(r);
}

static void a_heartbeat_addressed_to_us_adopts_tentatively(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slaves = 2;
    r->slave[1].heard_ms = r->now; /* linked to us from before */
    rig_hear(r, "FDE0A1B142420006400000000000 00");
    rig_run(r, 1500);
    check_i64(bus_slots(&r->bus), 2);
    check_i64(bus_slot_id(&r->bus, 1), ID1);
    check_i64(report(r, 1)->link, CHARGER_ONLINE);
    check_i64(report(r, 1)->hw_max_ma, 0);
    free(r);
}

static void a_ghost_falls_quiet_after_10_s_and_gives_its_slot_back(void **state)
{
    struct rig *r = rig_running(2, 2);

    (void)state;
    rig_hear(r, "FDE0999942420006400000000000 00");
    rig_run(r, 1000);
    check_i64(bus_slots(&r->bus), 3);
    rig_run(r, 12000);
    check_i64(report(r, 2)->link, CHARGER_QUIET);
    r->slaves = 3;
    rig_run(r, 25000);
    check_i64(bus_slot_id(&r->bus, 2), ID2);
    check_i64(report(r, 2)->link, CHARGER_ONLINE);
    free(r);
}

static void answers_to_another_master_are_not_ours(void **state)
{
    struct rig *r = rig_running(1, 2);
    int64_t heard;

    (void)state;
    r->slave[0].dead = true;
    rig_run(r, 3000);
    heard = report(r, 0)->heard_ms;
    rig_hear(r, "FDE0A1B0777700064005140000 0000");
    rig_run(r, 500);
    check_i64(report(r, 0)->heard_ms, heard);
    rig_hear(r, "FDE0A1B1777700064005140000 0000");
    rig_run(r, 500);
    check_i64(bus_slots(&r->bus), 1);
    rig_hear(r, "FDE0A1B0000000064005140000 0000"); /* receiver 0000: once seen */
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 13000);
    free(r);
}

/* ---- readings that cannot be ---- */

static void implausible_amps_need_a_second_answer(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].dead = true;
    rig_run(r, 600);
    rig_hear(r, "FDE0A1B042420102581388000000 00"); /* 50 A of a 32 A unit */
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 0);
    rig_hear(r, "FDE0A1B042420102580258000000 00");
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 6000);
    rig_hear(r, "FDE0A1B042420102581388000000 00");
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 6000);
    rig_hear(r, "FDE0A1B042420102581388000000 00");
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 50000);
    free(r);
}

static void odd_bytes_in_an_answer_need_a_second_answer(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].dead = true;
    rig_run(r, 600);
    rig_hear(r, "FDE0A1B042420102580258000001 00");
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 0);
    rig_hear(r, "FDE0A1B042420102580258000001 00");
    rig_run(r, 500);
    check_i64(report(r, 0)->draw_ma, 6000);
    free(r);
}

static void an_error_state_needs_a_second_answer_and_keeps_its_current(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].dead = true;
    rig_run(r, 600);
    rig_hear(r, "FDE0A1B0424202025806960000 0000");
    rig_run(r, 500);
    check_i64(report(r, 0)->state, 0);
    check_i64(report(r, 0)->draw_ma, 16860);
    rig_hear(r, "FDE0A1B0424202025806960000 0000");
    rig_run(r, 500);
    check_i64(report(r, 0)->state, TWC_ERROR);
    free(r);
}

static void a_maximum_above_80_a_is_no_linkready(void **state)
{
    struct rig *r = rig_new(0, 2);

    (void)state;
    rig_open(r);
    rig_run(r, 13000);
    rig_hear_each(r, "FDE2A1B0102E690000000000000000", 4, 10000);
    check_i64(bus_slots(&r->bus), 0);
    check_i64(bus_counters(&r->bus).bad_frames, 4);
    free(r);
}

static void power_that_cannot_be_is_dropped(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_run(r, 10000);
    r->slave[0].mute_query = true;
    rig_hear(r, "FDEBA1B000000FFF7FFF000000000000000000");
    rig_run(r, 500);
    check_i64(report(r, 0)->volt_mv[0], 230000);
    rig_hear(r, "FDEBA1B0000003E800F000000000FF00000000");
    rig_run(r, 500);
    check_i64(report(r, 0)->volt_mv[0], 230000);
    free(r);
}

/* ---- the line ---- */

static void steady_noise_does_not_silence_us(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from = r->tx_count;

    (void)state;
    for (int i = 0; i < 30000 / 5; i++) {
        rig_byte(r, r->now * 1000, (uint8_t)(rig_random(r, 191)));
        rig_run(r, 5);
    }
    assert_non_null(rig_nth(r, ID0, from, 24));
    for (int i = 0; rig_nth(r, ID0, from, i + 1); i++) {
        assert_true(rig_there(rig_nth(r, ID0, from, i + 1))->start_ms -
                            rig_there(rig_nth(r, ID0, from, i))->start_ms <
                    1200);
    }
    free(r);
}

static void we_do_not_talk_into_a_frame(void **state)
{
    struct rig *r = rig_running(1, 2);
    int sent = r->tx_count;

    (void)state;
    while (r->tx_count == sent) {
        rig_run(r, 1);
    }
    rig_run(r, 940); /* the next one is due in 30 ms */
    sent = r->tx_count;
    rig_hear(r, "FDE2BBBB100C800000000000000000");
    rig_run(r, 22);
    check_i64(r->tx_count, sent);
    rig_run(r, 40);
    check_i64(r->tx_count, sent + 1);
    free(r);
}

static void an_hour_of_noise_makes_no_charger_and_no_master(void **state)
{
    struct rig *r = rig_running(2, 2);

    (void)state;
    r->noise_per_s = 200;
    r->flip_permille = 50;
    rig_run(r, 3600000);
    check_i64(bus_slots(&r->bus), 2);
    check_i64(rig_events(r, BUS_EV_FOREIGN), 0);
    check_i64(rig_events(r, BUS_EV_REBOOTED), 0);
    check_i64(rig_events(r, BUS_EV_SILENT), 0);
    check_i64(report(r, 0)->hw_max_ma, 32000);
    free(r);
}

static void a_tick_that_comes_late_is_told_as_a_gap(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->now += 1900; /* the program was held up */
    rig_tick(r);
    rig_run(r, 100);
    check_i64(rig_events(r, BUS_EV_GAP), 1);
    assert_true(r->event[r->event_count - 1].gap_ms > 1200);
    check_str(last_gap(r), "the program was held up");
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    free(r);
}

static void a_hang_is_the_cause_also_where_noise_came_before_it(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    while (r->now < r->bus.slot[0].end_ms + 960 && r->noise_per_s == 0) {
        rig_run(r, 1);
        if (r->now > r->bus.slot[0].end_ms + 900) {
            r->noise_per_s = 1000;
        }
    }
    rig_run(r, 70); /* due, and not sent into the noise */
    r->noise_per_s = 0;
    r->now += 3000;
    r->offer[0].stamp_ms = r->now;
    rig_run(r, 200);
    check_str(last_gap(r), "the program was held up");
    free(r);
}

static void a_gap_is_told_once_and_only_when_the_port_took_the_message(void **state)
{
    struct rig *r = rig_running(2, 2);

    (void)state;
    r->fail_write = true;
    rig_run(r, 3000);
    check_i64(rig_events(r, BUS_EV_GAP), 0);
    r->fail_write = false;
    rig_run(r, 1000);
    check_i64(rig_events(r, BUS_EV_GAP), 2);
    check_str(last_gap(r), "the port took no message");
    assert_true(r->event[r->event_count - 1].gap_ms > 3000);
    free(r);
}

static void the_gap_of_a_charger_that_was_not_linked_is_for_control_to_explain(void **state)
{
    struct rig *r = rig_running(2, 2);

    (void)state;
    bus_set_offer(&r->bus, 1, &r->offer[1], false);
    rig_run(r, 5000);
    check_i64(rig_events(r, BUS_EV_GAP), 0); /* not over yet */
    bus_set_offer(&r->bus, 1, &r->offer[1], true);
    rig_run(r, 1000);
    check_i64(rig_events(r, BUS_EV_GAP), 1);
    assert_true(r->event[r->event_count - 1].not_linked);
    check_i64(r->event[r->event_count - 1].slot, 1);
    free(r);
}

static void a_restart_tells_the_gap_that_it_made(void **state)
{
    struct rig *r = rig_new(2, 2);

    (void)state;
    r->now = 100000;
    r->config.known_count = 2;
    r->config.known[0] = (struct bus_known){
            .id = 0xA1B0, .stored = true, .protocol = 2, .told_ma = 16000, .sent_ms = 97000};
    r->config.known[1] = (struct bus_known){
            .id = 0xA1B1, .stored = true, .protocol = 2, .told_ma = 16000, .sent_ms = 99900};
    rig_open(r);
    rig_run(r, 3000);
    check_i64(rig_events(r, BUS_EV_GAP), 1); /* the other one was back in time */
    check_str(last_gap(r), "the bridge was not running");
    for (int i = 0; i < r->event_count; i++) {
        if (r->event[i].kind == BUS_EV_GAP) {
            check_i64(r->event[i].slot, 0);
            check_near(r->event[i].gap_ms, 3250, 100);
        }
    }
    free(r);
}

static void a_long_hang_is_not_the_chargers_silence(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->now += 15000;
    r->slave[0].heard_ms = r->now; /* no linkready of its own in this test */
    rig_tick(r);
    check_i64(rig_events(r, BUS_EV_SILENT), 0);
    r->offer[0].stamp_ms = r->now; /* the control step runs first */
    rig_run(r, 2000);
    check_i64(rig_events(r, BUS_EV_SILENT), 0);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(silence_is_told_after_10_s_and_the_rhythm_goes_on),
            cmocka_unit_test(after_10_minutes_we_fall_silent_until_its_own_linkready),
            cmocka_unit_test(a_silent_charger_does_not_slow_down_the_others),
            cmocka_unit_test(linkreadys_for_a_minute_although_we_answer_are_a_diagnosis),
            cmocka_unit_test(slow_answers_of_a_gateway_still_count),
            cmocka_unit_test(answers_later_than_any_wait_still_count),
            cmocka_unit_test(a_new_sign_is_a_reboot),
            cmocka_unit_test(a_rebooted_charger_never_hears_go_on_first),
            cmocka_unit_test(two_units_with_one_id_are_told_from_a_reboot),
            cmocka_unit_test(twins_are_found_long_after_adoption),
            cmocka_unit_test(two_reboots_in_a_day_are_no_twins),
            cmocka_unit_test(a_higher_maximum_of_a_known_unit_is_believed_when_said_twice),
            cmocka_unit_test(a_fourth_id_is_told_and_evicts_nobody),
            cmocka_unit_test(a_heartbeat_addressed_to_us_adopts_tentatively),
            cmocka_unit_test(a_ghost_falls_quiet_after_10_s_and_gives_its_slot_back),
            cmocka_unit_test(answers_to_another_master_are_not_ours),
            cmocka_unit_test(implausible_amps_need_a_second_answer),
            cmocka_unit_test(odd_bytes_in_an_answer_need_a_second_answer),
            cmocka_unit_test(an_error_state_needs_a_second_answer_and_keeps_its_current),
            cmocka_unit_test(a_maximum_above_80_a_is_no_linkready),
            cmocka_unit_test(power_that_cannot_be_is_dropped),
            cmocka_unit_test(steady_noise_does_not_silence_us),
            cmocka_unit_test(we_do_not_talk_into_a_frame),
            cmocka_unit_test(an_hour_of_noise_makes_no_charger_and_no_master),
            cmocka_unit_test(a_tick_that_comes_late_is_told_as_a_gap),
            cmocka_unit_test(a_hang_is_the_cause_also_where_noise_came_before_it),
            cmocka_unit_test(a_gap_is_told_once_and_only_when_the_port_took_the_message),
            cmocka_unit_test(
                    the_gap_of_a_charger_that_was_not_linked_is_for_control_to_explain),
            cmocka_unit_test(a_restart_tells_the_gap_that_it_made),
            cmocka_unit_test(a_long_hang_is_not_the_chargers_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
