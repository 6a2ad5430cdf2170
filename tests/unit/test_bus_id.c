/*
 * Our id on the bus, and a charger that has the same one. SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { ID0 = 0xA1B0 };

static uint16_t sender(const struct rig_tx *heartbeat)
{
    const struct rig_tx *t = rig_there(heartbeat);

    return (uint16_t)((t->frame.data[2] << 8) | t->frame.data[3]);
}

static void a_charger_with_our_id_makes_us_take_another_before_the_first_byte(void **state)
{
    struct rig *r = rig_new(3, 2);

    (void)state;
    r->slave[0].id = r->config.id;
    r->slave[1].id = (uint16_t)(r->config.id + 1);
    r->echo = true;
    r->slave[2].linkready_ms = r->now;
    rig_open(r);
    rig_run(r, 60000);
    check_i64(bus_slots(&r->bus), 3);
    for (int i = 0; i < 3; i++) {
        check_i64(report(r, i)->link, CHARGER_ONLINE);
        assert_non_null(rig_last(r, r->slave[i].id));
    }
    for (int i = 0; i < r->tx_count; i++) {
        check_i64(sender(&r->tx[i]), r->config.id + 2);
    }
    check_i64(bus_counters(&r->bus).bad_frames, 0);
    check_i64(rig_events(r, BUS_EV_OUR_ID), 0);
    free(r);
}

static void its_heartbeat_is_enough_before_the_first_byte(void **state)
{
    struct rig *r = rig_new(0, 2);

    (void)state;
    rig_open(r);
    rig_run(r, 13000);
    rig_hear(r, "FDE042424242060640000000000000");
    rig_run(r, 1500);
    check_i64(rig_events(r, BUS_EV_OUR_ID), 0);
    check_i64(sender(rig_last(r, 0x4242)), 0x4243);
    free(r);
}

static void a_charger_that_is_known_to_have_our_id_is_reckoned_with_at_the_start(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->slave[0].id = r->config.id = 0x7776;
    r->config.known_count = 2;
    r->config.known[0] = (struct bus_known){.id = 0x7776, .stored = true, .told_ma = -1};
    r->config.known[1] = (struct bus_known){.id = 0x7778, .configured = true, .told_ma = -1};
    rig_open(r);
    rig_run(r, 3000);
    check_i64(report(r, 0)->link, CHARGER_ONLINE);
    check_i64(sender(rig_last(r, 0x7776)), 0x7779); /* 7777 is every other controller's */
    rig_hear(r, "FBE07776A1B0090960000000000000");
    rig_run(r, 2000);
    rig_hear(r, "FBE07776A1B0090960000000000000");
    rig_run(r, 100);
    assert_false(bus_foreign(&r->bus)); /* the id of a charger: a broken first byte */
    free(r);
}

static void a_charger_with_our_id_that_comes_later_is_told_and_not_taken(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->echo = true;
    rig_open(r);
    rig_run(r, 30000);
    r->slaves = 2;
    r->slave[1].id = r->config.id;
    rig_run(r, 5000); /* its first linkready */
    check_i64(rig_events(r, BUS_EV_OUR_ID), 0);
    rig_run(r, 120000);
    check_i64(bus_slots(&r->bus), 1);
    check_i64(rig_events(r, BUS_EV_OUR_ID), 1);
    check_i64(r->event[r->event_count - 1].id, r->config.id);
    rig_hear(r, "FDE042424242060640000000000000");
    rig_run(r, 100);
    check_i64(bus_slots(&r->bus), 1);
    assert_null(rig_last(r, r->config.id));
    check_i64(sender(rig_last(r, ID0)), r->config.id);
    check_i64(bus_counters(&r->bus).bad_frames, 0); /* our echo is no broken frame */
    assert_true(bus_counters(&r->bus).echo_frames > 100);
    rig_run(r, 3600000);
    check_i64(rig_events(r, BUS_EV_OUR_ID), 2);
    rig_hear(r, "FBE04242A1B0090960000000000000");
    rig_run(r, 1000);
    rig_hear(r, "FBE04242A1B0090960000000000000");
    rig_run(r, 100);
    assert_true(bus_foreign(&r->bus)); /* a second master of that id is heard as one */
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_charger_with_our_id_makes_us_take_another_before_the_first_byte),
            cmocka_unit_test(its_heartbeat_is_enough_before_the_first_byte),
            cmocka_unit_test(
                    a_charger_that_is_known_to_have_our_id_is_reckoned_with_at_the_start),
            cmocka_unit_test(a_charger_with_our_id_that_comes_later_is_told_and_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
