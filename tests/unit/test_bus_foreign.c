/*
 * Another master on the bus, and our own echo that must not be taken for one.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { ID0 = 0xA1B0 };

/* ---- another master ---- */

static void one_foreign_frame_only_makes_suspicious(void **state)
{
    struct rig *r = rig_running(2, 2);
    int from = r->tx_count;

    (void)state;
    rig_hear(r, "FBE07777A1B00909600000000000 00");
    rig_run(r, 1000);
    assert_true(report(r, 0)->foreign_suspect);
    assert_true(report(r, 1)->foreign_suspect);
    assert_false(bus_foreign(&r->bus));
    rig_run(r, 5000);
    assert_false(report(r, 0)->foreign_suspect);
    assert_non_null(rig_nth(r, ID0, from, 5));     /* the rhythm went on */
    rig_hear(r, "FBE07777A1B0090960000000000000"); /* the window is over */
    rig_run(r, 100);
    assert_false(bus_foreign(&r->bus));
    free(r);
}

static void two_foreign_frames_silence_us_at_once(void **state)
{
    static const char *const frames[] = {"FCE177777700000000000000000000",
            "FCE27777770000000000000000", "FBE27777770000000000000000",
            "FBE07777A1B00909600000000000 00", "FBEB7777A1B0000000000000000000",
            "FBE07777A1B00909600000000000"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        struct rig *r = rig_running(2, 2);
        int from;

        rig_hear(r, frames[i]);
        rig_run(r, 2000);
        rig_hear(r, frames[i]);
        rig_run(r, 200);
        assert_true(bus_foreign(&r->bus));
        check_i64(rig_events(r, BUS_EV_FOREIGN), 1);
        check_i64(r->event[r->event_count - 1].id, 0x7777);
        from = r->tx_count;
        check_i64(report(r, 0)->link, CHARGER_FOREIGN);
        assert_true(report(r, 1)->quiet_ms > 0);
        check_str(bus_quiet_reason(&r->bus, r->now), "another master is on the bus");
        rig_run(r, 60000);
        check_i64(r->tx_count, from);
        free(r);
    }
}

static void a_lone_master_without_an_id_is_foreign_too(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear_each(r, "FC1D0000000000000000000000", 3, 100);
    assert_true(bus_foreign(&r->bus));
    free(r);
}

static void frames_of_two_different_senders_do_not_add_up(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear(r, "FBE07777A1B0090960000000000000");
    rig_run(r, 1000);
    rig_hear(r, "FBE01234A1B0090960000000000000");
    rig_run(r, 1000);
    assert_false(bus_foreign(&r->bus));
    rig_hear(r, "FBE07777A1B0090960000000000000");
    rig_run(r, 100);
    assert_true(bus_foreign(&r->bus));
    free(r);
}

static void a_second_master_that_leaves_is_followed_by_a_warm_start(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    rig_hear_each(r, "FBE07777A1B0090960000000000000", 100, 1000);
    from = r->tx_count;
    rig_run(r, 118000);
    check_i64(r->tx_count, from);
    rig_run(r, 2000);
    check_i64(rig_events(r, BUS_EV_FOREIGN_GONE), 1);
    check_i64(rig_said(rig_nth(r, ID0, from, 0)), 0); /* go on, and read back */
    assert_true(report(r, 0)->warm_ms > r->now - 3000);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_str(last_gap(r), "another master");
    free(r);
}

static void a_person_can_resume(void **state)
{
    struct rig *r = rig_running(1, 2);
    int from;

    (void)state;
    rig_hear(r, "FBE07777A1B0090960000000000000");
    rig_run(r, 100);
    rig_hear(r, "FBE07777A1B0090960000000000000");
    rig_run(r, 100);
    assert_true(bus_foreign(&r->bus));
    from = r->tx_count;
    bus_resume(&r->bus, r->now);
    rig_tick(r);
    rig_run(r, 400);
    check_i64(rig_said(rig_nth(r, ID0, from, 0)), 0);
    assert_false(bus_foreign(&r->bus));
    free(r);
}

static void another_master_with_our_own_id_is_foreign(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_run(r, 30000); /* long enough to learn that this port has no echo */
    rig_hear_each(r, "FBE04242A1B0000000000000000000", 2, 1000);
    assert_true(bus_foreign(&r->bus));
    free(r);
}

static void an_echo_is_matched_once(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->echo = true;
    rig_open(r);
    rig_run(r, 40000);
    assert_true(bus_counters(&r->bus).echo_frames > 5);
    for (int i = 0; i < 2; i++) {
        int sent = r->tx_count;

        while (r->tx_count == sent) {
            rig_run(r, 1);
        }
        rig_run(r, 130); /* a twin of ours says the very same a moment later */
        rig_hear(r, "FBE04242A1B0000000000000000000");
        rig_run(r, 100);
    }
    assert_true(bus_foreign(&r->bus));
    free(r);
}

static void another_master_is_heard_while_we_listen(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    rig_open(r);
    rig_run(r, 3000);
    rig_hear(r, "FBE04242A1B0000000000000000000");
    rig_run(r, 1000);
    rig_hear(r, "FBE04242A1B0000000000000000000");
    rig_run(r, 60000);
    assert_true(bus_foreign(&r->bus));
    check_i64(r->tx_count, 0);
    free(r);
}

static void what_a_master_tells_about_itself_is_no_charger(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear_each(r, "FDEB60610000A3EC00F1000000000000000000", 5, 2000);
    check_i64(bus_slots(&r->bus), 1);
    assert_false(bus_foreign(&r->bus));
    free(r);
}

static void a_linkready_with_a_broken_first_byte_is_no_master(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_hear_each(r, "FCE2A1B0100C800000000000000000", 3, 500);
    assert_false(bus_foreign(&r->bus));
    assert_false(report(r, 0)->foreign_suspect);
    free(r);
}

/* ---- echoes ---- */

static void echoing(int delay_ms, bool gateway, int noise, int flips)
{
    struct rig *r = rig_new(2, 2);

    r->echo = true;
    r->delay_ms = delay_ms;
    r->config.gateway = gateway;
    r->slave[0].plug = 1;
    r->slave[0].vin = "5YJ3E1EA8KF000001";
    rig_open(r);
    rig_run(r, 40000);
    r->noise_per_s = noise;
    r->flip_permille = flips;
    rig_run(r, 120000);
    check_i64(bus_slots(&r->bus), 2);
    check_i64(rig_events(r, BUS_EV_FOREIGN), 0);
    assert_false(report(r, 0)->foreign_suspect);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(report(r, 1)->link, CHARGER_ONLINE);
    check_str(report(r, 0)->vin, "5YJ3E1EA8KF000001");
    assert_true(bus_counters(&r->bus).echo_frames > 200);
    assert_true(report(r, 0)->answer_share_permille > 950);
    free(r);
}

static void our_own_echo_is_no_second_master(void **state)
{
    (void)state;
    echoing(0, false, 0, 0);
    echoing(15, false, 0, 0);
}

static void our_own_echo_is_known_in_noise_too(void **state)
{
    (void)state;
    echoing(0, false, 50, 10);
}

static void a_gateway_may_echo_late(void **state)
{
    (void)state;
    echoing(300, true, 0, 0);
    echoing(600, true, 0, 0);
}

static void a_partly_lost_echo_is_survived(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->echo = true;
    rig_open(r);
    rig_run(r, 40000);
    for (int i = 0; i < 100; i++) {
        int sent = r->tx_count;

        while (r->tx_count == sent) {
            rig_run(r, 1);
        }
        r->head += 1 + rig_random(r, 10); /* the first bytes of the echo are lost */
        rig_run(r, 3000);
    }
    check_i64(rig_events(r, BUS_EV_FOREIGN), 0);
    assert_false(report(r, 0)->foreign_suspect);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    assert_true(report(r, 0)->answer_share_permille > 990);
    free(r);
}

static void a_port_without_echo_loses_no_answer(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->slave[0].latency_ms = 1;
    rig_open(r);
    rig_run(r, 120000);
    check_i64(report(r, 0)->answers, report(r, 0)->heartbeats);
    check_i64(bus_counters(&r->bus).echo_frames, 0);
    check_i64(bus_counters(&r->bus).bad_frames, 0);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_foreign_frame_only_makes_suspicious),
            cmocka_unit_test(two_foreign_frames_silence_us_at_once),
            cmocka_unit_test(a_lone_master_without_an_id_is_foreign_too),
            cmocka_unit_test(frames_of_two_different_senders_do_not_add_up),
            cmocka_unit_test(a_second_master_that_leaves_is_followed_by_a_warm_start),
            cmocka_unit_test(a_person_can_resume),
            cmocka_unit_test(another_master_with_our_own_id_is_foreign),
            cmocka_unit_test(an_echo_is_matched_once),
            cmocka_unit_test(another_master_is_heard_while_we_listen),
            cmocka_unit_test(what_a_master_tells_about_itself_is_no_charger),
            cmocka_unit_test(a_linkready_with_a_broken_first_byte_is_no_master),
            cmocka_unit_test(our_own_echo_is_no_second_master),
            cmocka_unit_test(our_own_echo_is_known_in_noise_too),
            cmocka_unit_test(a_gateway_may_echo_late),
            cmocka_unit_test(a_partly_lost_echo_is_survived),
            cmocka_unit_test(a_port_without_echo_loses_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
