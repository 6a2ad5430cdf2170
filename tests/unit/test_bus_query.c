/*
 * Queries: serial, firmware, energy, plug, VIN, and how often each is asked.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

static const char car[] = "5YJ3E1EA8KF000001";

/* ---- queries ---- */

static void serial_and_firmware_are_asked_once(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    rig_run(r, 3600000);
    check_str(report(r, 0)->serial, "A18F0002019");
    check_str(report(r, 0)->firmware, "4.5.3");
    check_i64(r->slave[0].asked[0xED], 1);
    check_i64(r->slave[0].asked[0xEC], 1);
    check_i64(r->slave[0].asked[0x19], 0);
    free(r);
}

static void a_plug_and_an_unplug_are_seen_within_5_s(void **state)
{
    struct rig *r = rig_running(3, 2);

    (void)state;
    rig_run(r, 20000);
    check_i64(report(r, 2)->plugged, TRI_NO);
    for (int i = 0; i < 3; i++) {
        r->slave[i].vin = car;
        r->slave[i].draw_ma = 8000;
        r->slave[i].plug = 1;
    }
    rig_run(r, 4900);
    for (int i = 0; i < 3; i++) {
        check_i64(report(r, i)->plugged, TRI_YES);
        assert_true(report(r, i)->plugged_ms > r->now - 5000);
    }
    rig_run(r, 60000);
    for (int i = 0; i < 3; i++) {
        check_str(report(r, i)->vin, car);
        r->slave[i].plug = 0;
        r->slave[i].vin = "";
        r->slave[i].draw_ma = 0;
    }
    rig_run(r, 5000);
    for (int i = 0; i < 3; i++) {
        check_i64(report(r, i)->plugged, TRI_NO);
        check_str(report(r, i)->vin, "");
    }
    check_i64(rig_events(r, BUS_EV_VIN), 6);
    free(r);
}

static void power_is_asked_every_10_s_while_charging_and_every_60_s_otherwise(void **state)
{
    struct rig *r = rig_running(1, 2);
    unsigned before;

    (void)state;
    rig_run(r, 60000);
    before = r->slave[0].asked[0xEB];
    rig_run(r, 600000);
    check_near(r->slave[0].asked[0xEB] - before, 10, 1);
    r->slave[0].draw_ma = 8000;
    before = r->slave[0].asked[0xEB];
    rig_run(r, 600000);
    check_near(r->slave[0].asked[0xEB] - before, 57, 4);
    check_i64(report(r, 0)->volt_mv[0], 230000);
    check_i64(report(r, 0)->volt_mv[1], 0);
    check_i64(report(r, 0)->phase_ma[0], 8000);
    check_i64(report(r, 0)->counter_wh, 1000000);
    free(r);
}

static void the_counter_never_falls_and_never_jumps(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].draw_ma = 8000;
    rig_run(r, 15000);
    check_i64(report(r, 0)->counter_wh, 1000000);
    r->slave[0].energy = 999;
    rig_run(r, 30000);
    check_i64(report(r, 0)->counter_wh, 1000000);
    r->slave[0].energy = 1100;
    rig_run(r, 30000);
    check_i64(report(r, 0)->counter_wh, 1000000);
    r->slave[0].energy = 1002;
    rig_run(r, 30000);
    check_i64(report(r, 0)->counter_wh, 1002000);
    free(r);
}

static void a_counter_above_a_million_is_in_watt_hours(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->slave[0].energy = 10690796;
    rig_open(r);
    rig_run(r, 40000);
    check_i64(report(r, 0)->counter_wh, 10690796);
    free(r);
}

static void old_firmware_is_asked_three_times_and_then_hourly(void **state)
{
    struct rig *r = rig_new(2, 2);

    (void)state;
    r->slave[0].mute_query = true;
    r->slave[1].mute_query = true;
    rig_open(r);
    rig_run(r, 120000);
    check_i64(r->slave[0].asked[0xB4], 3);
    check_i64(r->slave[0].asked[0xED], 3);
    check_i64(r->slave[0].asked[0x19], 0); /* two chargers would answer at once */
    check_i64(report(r, 0)->plugged, TRI_UNKNOWN);
    assert_true(r->slave[0].asked[0xEE] <= 3);
    rig_run(r, 3600000);
    check_i64(r->slave[0].asked[0xB4], 4);
    check_i64(r->slave[0].asked[0xEB], 4);
    check_i64(rig_events(r, BUS_EV_GAP), 0);
    free(r);
}

static void a_single_old_unit_is_asked_by_the_old_queries(void **state)
{
    struct rig *r = rig_running(1, 1);
    int i, queries = 0;

    (void)state;
    rig_run(r, 60000);
    check_i64(report(r, 0)->plugged, TRI_UNKNOWN);
    for (i = 0; i < r->tx_count; i++) {
        if (!rig_is_heartbeat(&r->tx[i])) {
            uint8_t cmd = r->tx[i].frame.data[1];

            assert_true(cmd == 0x19 || cmd == 0x1B);
            queries++;
        }
    }
    check_i64(queries, 6);
    rig_run(r, 3600000 - 60000);
    /* it answers when it is asked again */
    while (r->tx[r->tx_count - 1].frame.data[1] != 0x19) {
        rig_run(r, 1);
    }
    rig_run(r, 20);
    rig_hear(r, "FD194131374930303339333933");
    rig_run(r, 100);
    check_str(report(r, 0)->serial, "A17I0039393");
    free(r);
}

static void two_protocol_1_units_are_asked_nothing(void **state)
{
    struct rig *r = rig_running(2, 1);

    (void)state;
    rig_run(r, 600000);
    for (int i = 0; i < r->tx_count; i++) {
        if (r->tx[i].start_ms > 31000) {
            assert_true(rig_is_heartbeat(&r->tx[i]));
        }
    }
    free(r);
}

/* ---- VIN and plug ---- */

static void a_zero_vin_is_final_until_the_first_draw(void **state)
{
    struct rig *r = rig_running(1, 2);
    unsigned before;

    (void)state;
    before = r->slave[0].asked[0xEE];
    r->slave[0].plug = 3;
    rig_run(r, 600000);
    check_i64(r->slave[0].asked[0xEE] - before, 1);
    r->slave[0].draw_ma = 8000;
    rig_run(r, 600000);
    check_i64(r->slave[0].asked[0xEE] - before, 2);
    check_i64(report(r, 0)->plugged, TRI_YES); /* a car that tells no VIN is still a car */
    check_str(report(r, 0)->vin, "");
    check_i64(rig_events(r, BUS_EV_VIN), 0);
    free(r);
}

static void a_vin_with_a_wrong_check_digit_is_tried_three_times(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].plug = 3;
    r->slave[0].vin = "5YJ3E1EA7KF000001";
    rig_run(r, 600000);
    check_i64(r->slave[0].asked[0xEE], 3);
    check_i64(r->slave[0].asked[0xF1], 3);
    check_str(report(r, 0)->vin, "");
    r->slave[0].vin = car;
    bus_ask_vin(&r->bus, 0);
    rig_run(r, 10000);
    check_str(report(r, 0)->vin, car);
    free(r);
}

static void without_a_plug_answer_the_vin_tells_that_the_car_left(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->slave[0].plug = 2; /* "unknown" */
    r->slave[0].vin = car;
    rig_open(r);
    rig_run(r, 40000);
    check_i64(report(r, 0)->plugged, TRI_UNKNOWN);
    r->slave[0].draw_ma = 8000;
    rig_run(r, 10000);
    check_i64(report(r, 0)->plugged, TRI_YES);
    check_str(report(r, 0)->vin, car);
    r->slave[0].draw_ma = 0;
    rig_run(r, 300000);
    check_i64(report(r, 0)->plugged, TRI_YES); /* full, but there */
    check_str(report(r, 0)->vin, car);
    r->slave[0].vin = "";
    rig_run(r, 60000);
    check_i64(report(r, 0)->plugged, TRI_NO);
    check_str(report(r, 0)->vin, "");
    free(r);
}

static void draw_alone_proves_a_car_for_a_minute(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->slave[0].mute_query = true;
    rig_open(r);
    rig_run(r, 60000);
    r->slave[0].draw_ma = 900;
    rig_run(r, 5000);
    check_i64(report(r, 0)->plugged, TRI_UNKNOWN); /* calibration offset */
    r->slave[0].draw_ma = 8000;
    rig_run(r, 5000);
    check_i64(report(r, 0)->plugged, TRI_YES);
    r->slave[0].draw_ma = 0;
    rig_run(r, 50000);
    check_i64(report(r, 0)->plugged, TRI_YES);
    rig_run(r, 30000);
    check_i64(report(r, 0)->plugged, TRI_UNKNOWN);
    free(r);
}

static void a_plug_answer_of_no_is_not_believed_while_current_flows(void **state)
{
    struct rig *r = rig_running(1, 2);

    (void)state;
    r->slave[0].plug = 0;
    r->slave[0].draw_ma = 8000;
    rig_run(r, 20000);
    check_i64(report(r, 0)->plugged, TRI_YES);
    free(r);
}

static void queries_can_be_switched_off(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    r->config.query = false;
    rig_open(r);
    rig_run(r, 120000);
    for (int i = 0; i < r->tx_count; i++) {
        assert_true(rig_is_heartbeat(&r->tx[i]));
    }
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(serial_and_firmware_are_asked_once),
            cmocka_unit_test(a_plug_and_an_unplug_are_seen_within_5_s),
            cmocka_unit_test(power_is_asked_every_10_s_while_charging_and_every_60_s_otherwise),
            cmocka_unit_test(the_counter_never_falls_and_never_jumps),
            cmocka_unit_test(a_counter_above_a_million_is_in_watt_hours),
            cmocka_unit_test(old_firmware_is_asked_three_times_and_then_hourly),
            cmocka_unit_test(a_single_old_unit_is_asked_by_the_old_queries),
            cmocka_unit_test(two_protocol_1_units_are_asked_nothing),
            cmocka_unit_test(a_zero_vin_is_final_until_the_first_draw),
            cmocka_unit_test(a_vin_with_a_wrong_check_digit_is_tried_three_times),
            cmocka_unit_test(without_a_plug_answer_the_vin_tells_that_the_car_left),
            cmocka_unit_test(draw_alone_proves_a_car_for_a_minute),
            cmocka_unit_test(a_plug_answer_of_no_is_not_believed_while_current_flows),
            cmocka_unit_test(queries_can_be_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
