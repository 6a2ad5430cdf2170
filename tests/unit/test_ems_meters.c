/*
 * Meters that answer HTTP: P1 Monitor, smart-me, SmartPi. What they give of whole payloads is in
 * tests/data/ems; here is what goes wrong. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

static void start(const char *adapter, const char *options)
{
    ems_rig_init(&r, adapter, options);
    check_i64(r.errs.count, 0);
    r.session.utc_ms = INT64_C(1795521600000); /* 2026-11-24T12:00:00Z */
}

static enum ems_class gone(int status)
{
    return ems_rig_status(&r, status, "", 0);
}

/* ---- P1 Monitor ---- */

static void p1(void)
{
    start("p1_monitor", "{\"url\":\"http://p1/\"}");
}

#define METER "[{\"CONSUMPTION_W\":\"120\",\"PRODUCTION_W\":0,\"TIMESTAMP_UTC\":1795521595}]"

static void a_p1_monitor_is_asked_for_phases_and_for_its_status_only_without_them(void **state)
{
    (void)state;
    p1();
    check_i64(ems_rig_answer(&r, METER), EMS_OK);
    check_str(r.request.url, "http://p1/api/v1/smartmeter?limit=1&json=object");
    check_value(&r, EMS_GRID_W, 120);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795521595000));
    check_i64(ems_rig_answer(&r, "[{\"L1_A\":2,\"CONSUMPTION_L1_W\":0,\"PRODUCTION_L1_W\":5,"
                                 "\"L1_V\":0,\"TIMESTAMP_UTC\":1795521595}]"),
            EMS_OK);
    check_value(&r, EMS_CURRENT_L1_MA, -2000);
    check_none(&r, EMS_VOLTAGE_L1_MV, "0 V: the meter does not give it");
    check_none(&r, EMS_CURRENT_L2_MA, "L2_A is not in $[0]");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 120); /* not the sum of phases that are not all there */
}

static void phases_that_are_recorded_no_longer_are_not_taken(void **state)
{
    (void)state;
    p1();
    check_i64(ems_rig_answer(&r, METER), EMS_OK);
    check_i64(ems_rig_answer(&r, "[{\"L1_A\":2,\"CONSUMPTION_L1_W\":9,\"PRODUCTION_L1_W\":0,"
                                 "\"TIMESTAMP_UTC\":1700000000}]"),
            EMS_OK);
    check_i64(r.reports.field[EMS_CURRENT_L1_MA].said, EMS_SAID_NOTHING);
    check_i64(ems_rig_answer(&r, "[{\"STATUS_ID\":100,\"STATUS\":\"1.5\"},"
                                 "{\"STATUS_ID\":74,\"STATUS\":\"0.3\"}]"),
            EMS_OK);
    check_has(r.request.url, "/api/v1/status?json=object");
    check_none(&r, EMS_CURRENT_L1_MA, "no direction");
    check_i64(r.reports.field[EMS_CURRENT_L1_MA].source_utc_ms, 0);
}

static void a_page_that_is_missing_costs_no_other(void **state)
{
    (void)state;
    p1();
    check_i64(gone(404), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"title\":\"off\"}"), EMS_OK);
    check_i64(gone(404), EMS_DATA); /* nothing of it is there: the host says what is wrong */
    check_str(r.e.text, "");
    p1();
    check_i64(ems_rig_answer(&r, METER), EMS_OK);
    check_i64(gone(404), EMS_OK);
    check_i64(gone(404), EMS_OK);
    check_value(&r, EMS_GRID_W, 120);
    p1();
    check_i64(gone(500), EMS_DATA);
    p1();
    check_i64(gone(0), EMS_DATA);
    p1();
    check_i64(ems_rig_answer(&r, "<html></html>"), EMS_DATA);
    check_has(r.e.text, "is a web page, not JSON");
    p1();
    check_i64(ems_rig_answer(&r, "{}"), EMS_DATA);
    check_has(r.e.text, "is this a P1 Monitor?");
}

static void an_address_with_a_path_is_understood(void **state)
{
    (void)state;
    start("p1_monitor", "{\"url\":\"http://nas/p1/\"}");
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "http://nas/p1/api/v1/smartmeter");
    start("p1_monitor", "{\"url\":\"http://p1/api/v1/smartmeter\"}");
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "http://p1/api/v1/smartmeter?limit=1");
}

/* ---- smart-me ---- */

static void a_meter_is_asked_by_what_is_known_of_it(void **state)
{
    (void)state;
    start("smartme",
            "{\"url\":\"https://smart-me.com\",\"username\":\"me\",\"password\":\"x\"}");
    check_i64(r.warnings.count, 0);
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "https://smart-me.com/api/Devices");
    check_str(r.request.login_user, "me");
    assert_true(r.request.login_basic);
    start("smartme", "{\"url\":\"https://smart-me.com/\",\"serial\":\"12 3\"}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "https://smart-me.com/api/DeviceBySerial?serial=12%203");
    assert_null(r.request.login_user);
    start("smartme", "{\"url\":\"https://smart-me.com\",\"device_id\":\"1a-2b\"}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "https://smart-me.com/api/Devices/1a-2b");
    ems_rig_init(&r, "smartme", "{\"url\":\"https://x\",\"device_id\":\"a\",\"serial\":\"1\"}");
    check_has(r.errs.text[0], "exclude each other");
}

static void a_unit_that_is_missing_is_kw_and_nothing_is_not_zero(void **state)
{
    (void)state;
    start("smartme", "{\"url\":\"https://x\"}");
    check_i64(
            ems_rig_answer(&r, "{\"ActivePower\":-0.25,\"CurrentL1\":1.5,\"CurrentL2\":2,"
                               "\"ActivePowerL1\":null,\"VoltageL1\":\"x\",\"CurrentL3\":-3}"),
            EMS_OK);
    check_value(&r, EMS_GRID_W, -250);
    check_value(&r, EMS_CURRENT_L1_MA, -1500); /* the direction of the whole, as of one phase */
    check_none(&r, EMS_CURRENT_L2_MA, "no direction");
    check_value(&r, EMS_CURRENT_L3_MA, -3000);
    check_none(&r, EMS_VOLTAGE_L1_MV, "VoltageL1 is not a number");
    check_none(&r, EMS_VOLTAGE_L2_MV, "VoltageL2 is not in the answer");
    start("smartme", "{\"url\":\"https://x\"}");
    check_i64(ems_rig_answer(&r, "{\"ActivePower\":null}"), EMS_OK);
    check_none(&r, EMS_GRID_W, "ActivePower has no value");
}

static void a_smart_me_that_has_no_such_meter_says_what_to_set(void **state)
{
    (void)state;
    start("smartme", "{\"url\":\"https://x\",\"serial\":\"7\"}");
    check_i64(gone(404), EMS_NOT_FOUND);
    check_has(r.e.text, "no device '7': check serial");
    start("smartme", "{\"url\":\"https://x\"}");
    check_i64(gone(401), EMS_AUTH);
    check_has(r.e.text, "set username and password");
    start("smartme", "{\"url\":\"https://x\",\"auth\":\"bearer\",\"token\":\"t\"}");
    check_i64(gone(401), EMS_DATA);
    check_str(r.e.text, ""); /* the host's words */
    start("smartme", "{\"url\":\"https://x\"}");
    check_i64(ems_rig_answer(&r, "[]"), EMS_NOT_FOUND);
    check_has(r.e.text, "no electricity meter");
    start("smartme", "{\"url\":\"https://x\"}");
    check_i64(ems_rig_answer(&r, "{\"Message\":\"?\"}"), EMS_DATA);
    check_has(r.e.text, "no ActivePower");
    start("smartme", "{\"url\":\"https://x\"}");
    check_i64(ems_rig_answer(&r, "7"), EMS_DATA);
}

/* ---- SmartPi ---- */

static void pi_starts(void)
{
    start("smartpi", "{\"url\":\"http://pi:1080\"}");
}

#define PHASE(n, values)  "{\"phase\":" n ",\"values\":[" values "]}"
#define VALUE(type, data) "{\"type\":\"" type "\",\"info\":\"\",\"data\":" data "}"
#define SET(told, measured, phases) \
    "{\"time\":\"" told "\",\"datasets\":[{\"time\":\"" measured "\",\"phases\":[" phases "]}]}"
#define THREE                        \
    PHASE("1", VALUE("power", "10")) \
    "," PHASE("2", VALUE("power", "20")) "," PHASE("3", VALUE("power", "-5.5"))

static void a_smartpi_is_asked_for_the_page_that_it_has(void **state)
{
    (void)state;
    pi_starts();
    check_i64(gone(404), EMS_OK);
    check_str(r.request.url, "http://pi:1080/api/all/all/now");
    check_i64(ems_rig_answer(&r, "<html></html>"),
            EMS_OK); /* newer: its page for whatever it lacks */
    check_i64(ems_rig_answer(&r, "{\"x\":1}"), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"time\":\"2026-11-24T11:59:59Z\",\"power\":-7.5}"), EMS_OK);
    check_has(r.request.url, "/api/v1/smartpiac/livepower");
    check_value(&r, EMS_GRID_W, -8);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795521599000));
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r); /* from now on that page alone */
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "livepower");
    check_i64(gone(404), EMS_DATA); /* until it is gone as well */
    ems_rig_round(&r);
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "/api/all/all/now");
    check_i64(gone(500), EMS_DATA);
    check_str(r.e.text, "");
}

static void a_measurement_that_is_older_than_its_answer_is_old(void **state)
{
    (void)state;
    pi_starts();
    check_i64(ems_rig_answer(&r, SET("2026-11-24 13:00:10", "2026-11-24 13:00:09", THREE)),
            EMS_OK);
    check_value(&r, EMS_GRID_W, 25);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, 0);
    pi_starts();
    check_i64(ems_rig_answer(&r, SET("2026-11-24 13:02:00", "2026-11-24 13:00:00", THREE)),
            EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, r.session.utc_ms - 120000);
    pi_starts();
    check_i64(ems_rig_answer(&r, SET("x", "2026-11-24T13:00:00+01:00", THREE)), EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, r.session.utc_ms);
}

static void a_phase_that_is_missing_or_wrong_makes_the_sum_unknown(void **state)
{
    (void)state;
    pi_starts();
    check_i64(ems_rig_answer(&r, SET("", "", PHASE("1", VALUE("power", "10")))), EMS_OK);
    check_none(&r, EMS_GRID_W, "power of phase 2 is not in the answer");
    pi_starts();
    check_i64(ems_rig_answer(&r, SET("", "",
                                         PHASE("1", VALUE("power", "null") "," VALUE(
                                                            "current", "5")) "," PHASE("2",
                                                 VALUE("power", "1")) "," PHASE("3",
                                                 VALUE("power", "1")))),
            EMS_OK);
    check_none(&r, EMS_GRID_W, "has no value");
    check_none(&r, EMS_CURRENT_L1_MA, "no direction");
    check_none(&r, EMS_CURRENT_L2_MA, "current of phase 2 is not in the answer");
}

static void what_is_no_smartpi_is_told(void **state)
{
    (void)state;
    pi_starts();
    for (int i = 0; i < 3; i++) {
        check_i64(ems_rig_answer(&r, "[]"), EMS_OK);
    }
    check_i64(ems_rig_answer(&r, "[]"), EMS_DATA);
    check_has(r.e.text, "is this a SmartPi?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(
                    a_p1_monitor_is_asked_for_phases_and_for_its_status_only_without_them),
            cmocka_unit_test(phases_that_are_recorded_no_longer_are_not_taken),
            cmocka_unit_test(a_page_that_is_missing_costs_no_other),
            cmocka_unit_test(an_address_with_a_path_is_understood),
            cmocka_unit_test(a_meter_is_asked_by_what_is_known_of_it),
            cmocka_unit_test(a_unit_that_is_missing_is_kw_and_nothing_is_not_zero),
            cmocka_unit_test(a_smart_me_that_has_no_such_meter_says_what_to_set),
            cmocka_unit_test(a_smartpi_is_asked_for_the_page_that_it_has),
            cmocka_unit_test(a_measurement_that_is_older_than_its_answer_is_old),
            cmocka_unit_test(a_phase_that_is_missing_or_wrong_makes_the_sum_unknown),
            cmocka_unit_test(what_is_no_smartpi_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
