/*
 * What a P1 telegram means, over telegrams of our own. SPDX-License-Identifier: MIT
 */
#include "tests/support/dsmr_rig.h"

static void whole_amps_are_replaced_by_power_and_voltage(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    check_i64(r.errs.count + r.warnings.count, 0);
    telegram(&b, dutch, NULL);
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_OK);
    check_dutch(&r);
    check_str(r.reports.field[EMS_GRID_W].raw, "00.000*kW - 01.250*kW");
}

static void amps_with_decimals_have_the_direction_of_their_phase(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, belgian, NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_GRID_W, 900);
    check_value(&r, EMS_CURRENT_L1_MA, 4520);
    check_value(&r, EMS_CURRENT_L2_MA, -610);
    check_none(&r, EMS_CURRENT_L3_MA, "1-0:71.7.0 is not in the telegram");
    check_none(&r, EMS_VOLTAGE_L3_MV, "1-0:72.7.0 is not in the telegram");
    check_time(&r, EMS_VOLTAGE_L1_MV, "2026-01-12T07:09:10Z"); /* winter: UTC + 1 */
}

static void an_old_telegram_has_neither_checksum_nor_clock(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, old, "\r\n");
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_OK);
    check_value(&r, EMS_GRID_W, 1010);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, 0);
    check_none(&r, EMS_CURRENT_L1_MA, "1-0:31.7.0 is not in the telegram");
}

static void the_unit_that_is_written_counts(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/EST5\\X\n\n1-0:1.7.1(9*kW)\n1-0:1.8.0(8*kW)\n2-0:1.7.0(7*kW)\n1-0:1.7.0(000000286*W)\n1-0:2.7.0(000000000*W)\n1-0:21.7.0(0.3*KW)\n"
            "1-0:31.7.0(1304*mA)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_GRID_W, 286);
    check_value(&r, EMS_CURRENT_L1_MA, 1304);
}

static void one_bad_object_costs_no_other(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(1.5)\n1-0:32.7.0(x30.1*V)\n1-0:52.7.0(230.0*A)\n1-0:72.7.0()\n"
            "1-0:21.7.0(00.500*kW)\n1-0:31.7.0(2.5*A)\n1-0:41.7.0(0.1*kW)\n1-0:42.7.0(-*kW)\n"
            "1-0:51.7.0(1.5*A)\n1-0:71.7.0(3,5*A)\n1-0:31.7.0(9*A)\n",
            "\r\n");
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_OK);
    check_none(&r, EMS_GRID_W, "1-0:1.7.0 has no unit");
    check_none(&r, EMS_VOLTAGE_L1_MV, "1-0:32.7.0 is not a number");
    check_none(&r, EMS_VOLTAGE_L2_MV, "1-0:52.7.0 has a unit that does not belong here");
    check_none(&r, EMS_VOLTAGE_L3_MV, "1-0:72.7.0 has no value");
    check_value(&r, EMS_CURRENT_L1_MA, 2500);
    check_none(&r, EMS_CURRENT_L2_MA, "1-0:51.7.0 has no direction");
    check_none(&r, EMS_CURRENT_L3_MA, "1-0:71.7.0 is not a number");
}

static void a_meter_of_one_phase_takes_the_direction_of_the_whole(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, "/OWN5\n\n1-0:1.7.0(00.000*kW)\n1-0:2.7.0(00.480*kW)\n1-0:31.7.0(002*A)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_CURRENT_L1_MA, -2000);
    check_none(&r, EMS_CURRENT_L2_MA, "not in the telegram");
    /* With three phases the direction of one is not that of the whole. */
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(00.000*kW)\n1-0:2.7.0(00.480*kW)\n1-0:31.7.0(002*A)\n"
            "1-0:51.7.0(000*A)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_none(&r, EMS_CURRENT_L1_MA, "no direction");
    check_value(&r, EMS_CURRENT_L2_MA, 0);
    /* Nothing goes out: what flows comes in. Power of none is no reason for a current of none. */
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(00.480*kW)\n1-0:2.7.0(00.000*kW)\n1-0:31.7.0(002*A)\n"
            "1-0:51.7.0(5.1*A)\n1-0:41.7.0(0*kW)\n1-0:42.7.0(0*kW)\n1-0:52.7.0(230*V)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_CURRENT_L1_MA, 2000);
    check_value(&r, EMS_CURRENT_L2_MA, 5100);
}

static void a_voltage_of_none_divides_nothing(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(1*kW)\n1-0:21.7.0(1*kW)\n1-0:31.7.0(004*A)\n1-0:32.7.0(0.0*V)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_CURRENT_L1_MA, 4000);
    check_value(&r, EMS_VOLTAGE_L1_MV, 0);
}

/* ---- time ---- */

static void times_that_are_none_are_told_as_a_clock_that_was_never_set(void **state)
{
    static const struct {
        const char *time;
        int64_t utc_ms;
    } rows[] = {{"261124120000W", 1795518000000}, /* 11:00 UTC */
            {"261124120000S", 1795514400000}, {"240229235959W", 1709247599000},
            {"632525252525W", 1}, {"260230120000W", 1}, {"261124120000X", 1},
            {"26112412000W", 1}, {"2611241200000W", 1}, {"261124120000", 0}, {"", 0}};
    static struct bytes b;
    struct ems_rig r;
    char text[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "dsmr", HOST);
        snprintf(text, sizeof(text), "/OWN5\n\n0-0:1.0.0(%s)\n1-0:1.7.0(1*kW)\n", rows[i].time);
        telegram(&b, text, NULL);
        check_i64(feed_all(&r, &b), 1);
        check_value(&r, EMS_GRID_W, 1000);
        check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, rows[i].utc_ms);
    }
}

/* ---- advice, settings ---- */

static void a_meter_of_heat_is_told(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/HEAT\n\n1-3:0.2.8(50)\n0-0:1.0.0(260215200523W)\n0-1:24.2.1(260215200523W)(1.0*GJ)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
    check_has(r.e.text, "holds no electric power");
    check_none(&r, EMS_GRID_W, "1-0:1.7.0 is not in the telegram");
}

static void settings_are_checked(void **state)
{
    static const struct {
        const char *options, *part;
    } rows[] = {
            {"{}", "host: is missing: set host (and port) or device"},
            {"{\"host\":\"a\",\"device\":\"/dev/x\"}", "exclude each other"},
            {"{\"host\":\"a\",\"key\":\"00\"}", "key: is not 32 hex digits"},
            {"{\"host\":\"a\",\"auth_key\":\"xx112233445566778899AABBCCDDEEFF\"}",
                    "auth_key: is not 32 hex digits"},
            {"{\"host\":\"a\",\"profile\":\"lu\"}", "key: is missing, profile lu wants one"},
            {"{\"device\":\"/dev/x\",\"baud\":9601}", "9601 is not a speed"},
            {"{\"device\":\"/dev/x\",\"profile\":\"3\"}", "profile"},
    };
    struct ems_rig r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "dsmr", rows[i].options);
        check_i64(r.errs.count, 1);
        check_has(r.errs.text[0], rows[i].part);
    }
    ems_rig_init(&r, "dsmr", "{\"device\":\"/dev/ttyUSB0\",\"baud\":9600,\"format\":\"7e1\"}");
    check_i64(r.errs.count + r.warnings.count, 0);
    check_i64(ems_transport_of(r.a, r.config), EMS_OVER_LINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(whole_amps_are_replaced_by_power_and_voltage),
            cmocka_unit_test(amps_with_decimals_have_the_direction_of_their_phase),
            cmocka_unit_test(an_old_telegram_has_neither_checksum_nor_clock),
            cmocka_unit_test(the_unit_that_is_written_counts),
            cmocka_unit_test(one_bad_object_costs_no_other),
            cmocka_unit_test(a_meter_of_one_phase_takes_the_direction_of_the_whole),
            cmocka_unit_test(a_voltage_of_none_divides_nothing),
            cmocka_unit_test(times_that_are_none_are_told_as_a_clock_that_was_never_set),
            cmocka_unit_test(a_meter_of_heat_is_told),
            cmocka_unit_test(settings_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
