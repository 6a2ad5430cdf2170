/*
 * test_ems_fronius - which pages of a Solar API are asked, what each of them gives, and what one
 * that is not there costs. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define HEAD \
    "\"Head\":{\"Status\":{\"Code\":0,\"Reason\":\"\"},\"Timestamp\":\"2026-06-14T11:20:31+02:00\"}"
#define PAGE(data) "{\"Body\":{\"Data\":" data "}," HEAD "}"
#define SITE(site) PAGE("{\"Inverters\":{\"1\":{\"SOC\":62.4}},\"Site\":{" site "}}")

static const char flow[] = SITE("\"Mode\":\"bidirectional\",\"P_Grid\":-1804.6,\"P_PV\":5210.2,"
                                "\"P_Load\":-1915.2,\"P_Akku\":-1490.4");
static const char meter[] =
        PAGE("{\"0\":{\"Meter_Location_Current\":0.0,\"PowerReal_P_Sum\":-779.7,"
             "\"PowerReal_P_Phase_1\":-900.2,\"PowerReal_P_Phase_2\":120.5,"
             "\"Current_AC_Phase_1\":3.95,\"Current_AC_Phase_2\":-0.7,"
             "\"Voltage_AC_Phase_1\":231.4,\"TimeStamp\":1781428829}}");

static void start(void)
{
    ems_rig_init(&r, "fronius", "{\"url\":\"http://inverter/\"}");
    check_i64(r.errs.count, 0);
}

static void a_round_asks_the_site_and_then_its_meter(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, flow), EMS_OK);
    check_str(r.request.url, "http://inverter/solar_api/v1/GetPowerFlowRealtimeData.fcgi");
    check_i64(ems_rig_answer(&r, meter), EMS_OK);
    check_has(r.request.url, "/solar_api/v1/GetMeterRealtimeData.cgi?Scope=System");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, -1805);
    check_value(&r, EMS_PV_W, 5210);
    check_value(&r, EMS_CONSUMPTION_W, 1915);
    check_value(&r, EMS_BATTERY_W, -1490);
    check_value(&r, EMS_SOC_PERMILLE, 624);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1781428831000));
    check_i64(r.reports.field[EMS_VOLTAGE_L1_MV].source_utc_ms, INT64_C(1781428829000));
}

static void a_current_has_the_sign_of_its_power(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, flow), EMS_OK);
    check_i64(ems_rig_answer(&r, meter), EMS_OK);
    check_value(&r, EMS_CURRENT_L1_MA, -3950);
    check_value(&r, EMS_CURRENT_L2_MA, 700);
    check_none(&r, EMS_CURRENT_L3_MA, "Current_AC_Phase_3 is not");
    check_value(&r, EMS_VOLTAGE_L1_MV, 231400);
}

static void at_night_the_sun_is_none_and_unknown_is_not_zero(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, PAGE("{\"Inverters\":{},\"Site\":{\"Mode\":\"meter\","
                                      "\"P_Grid\":null,\"P_Load\":null,\"P_PV\":null,"
                                      "\"P_Akku\":null}}")),
            EMS_OK);
    check_value(&r, EMS_PV_W, 0);
    check_none(&r, EMS_GRID_W, "P_Grid has no value");
    check_none(&r, EMS_CONSUMPTION_W, "P_Load has no value");
    check_none(&r, EMS_BATTERY_W, "no battery");
}

static void a_meter_in_the_load_path_is_not_taken_for_the_grid(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_i64(
            ems_rig_answer(&r, PAGE("{\"0\":{\"Meter_Location_Current\":1,"
                                    "\"PowerReal_P_Sum\":-367.7,\"Current_AC_Phase_1\":1.6}}")),
            EMS_OK);
    check_value(&r, EMS_CONSUMPTION_W, 368);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    check_none(&r, EMS_CURRENT_L1_MA, "load path");
}

static void the_oldest_logger_is_found_and_not_asked_in_vain_again(void **state)
{
    int asked = 0;

    (void)state;
    start();
    while (ems_rig_more(&r) && !strstr(r.request.url, "/solar_api/GetInverter")) {
        check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
        asked++;
    }
    check_i64(asked, 6);
    check_i64(
            ems_rig_answer(&r, PAGE("{\"PAC\":{\"Values\":{\"2\":1210,\"4\":null}}}")), EMS_OK);
    check_value(&r, EMS_PV_W, 1210);
    check_i64(ems_rig_answer(&r, PAGE("{\"UAC\":{\"Value\":230.2}}")), EMS_OK);
    check_has(r.request.url, "DeviceIndex=2");
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "/solar_api/GetInverterRealtimeData.cgi?Scope=System");
}

static void other_generators_count_where_the_balance_says_so(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, PAGE("{\"SecondaryMeters\":{\"1\":{\"Category\":"
                                      "\"METER_CAT_WR\",\"P\":3000.4}},\"Site\":{"
                                      "\"P_Grid\":-2000,\"P_PV\":1000.3,\"P_Load\":-1950,"
                                      "\"P_Akku\":null}}")),
            EMS_OK);
    check_value(&r, EMS_PV_W, 4001);
    start();
    check_i64(ems_rig_answer(&r, PAGE("{\"SecondaryMeters\":{\"1\":{\"Category\":"
                                      "\"METER_CAT_WR\",\"P\":3000.4}},\"Site\":{"
                                      "\"P_Grid\":-2000,\"P_PV\":4000.3,\"P_Load\":-1950,"
                                      "\"P_Akku\":null}}")),
            EMS_OK);
    check_value(&r, EMS_PV_W, 4000);
}

static void without_a_meter_or_a_battery_it_says_so(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, PAGE("{\"Inverters\":{\"3\":{\"P\":108}},\"Site\":{\"Mode\":"
                                      "\"produce-only\",\"P_Grid\":null,\"P_Load\":null,"
                                      "\"P_PV\":108,\"P_Akku\":null}}")),
            EMS_OK);
    check_none(&r, EMS_GRID_W, "no meter");
    check_none(&r, EMS_CURRENT_L2_MA, "no meter");
    check_none(&r, EMS_SOC_PERMILLE, "no battery");
    assert_true(ems_rig_more(&r)); /* the inverter's own voltage */
    check_has(r.request.url, "DataCollection=3PInverterData&DeviceId=3");
    check_i64(ems_rig_answer(&r, PAGE("{\"UAC_L1\":{\"Value\":231.1},\"UAC_L2\":{\"Value\":"
                                      "229.7},\"UAC_L3\":{\"Value\":null}}")),
            EMS_OK);
    check_value(&r, EMS_VOLTAGE_L2_MV, 229700);
    check_value(&r, EMS_PV_W, 108);
}

static void refusals_say_what_to_change(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, "<html></html>"), EMS_DATA);
    check_has(r.e.text, "switch the Solar API on");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 403, "", 0), EMS_AUTH);
    check_has(r.e.text, "switch the Solar API on");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"power\":12}"), EMS_DATA);
    check_has(r.e.text, "not one of the Solar API");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_UNREACHABLE);
    check_str(r.e.text, ""); /* the host says what happened */
    ems_rig_round(&r);
    while (ems_rig_more(&r) && r.asked < 7) {
        check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    }
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_NOT_FOUND);
    check_has(r.e.text, "no Solar API");
}

static void one_field_that_is_wrong_costs_no_other(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, SITE("\"P_Grid\":[1],\"P_PV\":\"12.6\",\"P_Load\":{},"
                                      "\"P_Akku\":true")),
            EMS_OK);
    check_none(&r, EMS_GRID_W, "P_Grid is not a number");
    check_none(&r, EMS_CONSUMPTION_W, "P_Load is not a number");
    check_none(&r, EMS_BATTERY_W, "P_Akku is not a number");
    check_value(&r, EMS_PV_W, 13);
    check_value(&r, EMS_SOC_PERMILLE, 624);
}

static void a_meter_that_hangs_costs_the_meter_alone(void **state)
{
    (void)state;
    start();
    check_i64(ems_rig_answer(&r, flow), EMS_OK);
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_OK);
    assert_false(ems_rig_more(&r)); /* and nothing more is asked of a device that hangs */
    check_value(&r, EMS_GRID_W, -1805);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_round_asks_the_site_and_then_its_meter),
            cmocka_unit_test(a_current_has_the_sign_of_its_power),
            cmocka_unit_test(at_night_the_sun_is_none_and_unknown_is_not_zero),
            cmocka_unit_test(a_meter_in_the_load_path_is_not_taken_for_the_grid),
            cmocka_unit_test(the_oldest_logger_is_found_and_not_asked_in_vain_again),
            cmocka_unit_test(other_generators_count_where_the_balance_says_so),
            cmocka_unit_test(without_a_meter_or_a_battery_it_says_so),
            cmocka_unit_test(refusals_say_what_to_change),
            cmocka_unit_test(one_field_that_is_wrong_costs_no_other),
            cmocka_unit_test(a_meter_that_hangs_costs_the_meter_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
