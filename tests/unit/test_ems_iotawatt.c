/*
 * test_ems_iotawatt - outputs and inputs by name, told or usual, and what a query may answer.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define OUTPUT(name, units, value) \
    "{\"name\":\"" name "\",\"units\":\"" units "\",\"value\":" value "}"
#define STATUS(inputs, outputs) "{\"inputs\":[" inputs "],\"outputs\":[" outputs "]}"

static void start(const char *more)
{
    char options[256];

    (void)snprintf(options, sizeof(options), "{\"url\":\"http://iotawatt\"%s}", more);
    ems_rig_init(&r, "iotawatt", options);
    check_i64(r.errs.count, 0);
}

static void outputs_with_usual_names_are_taken(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_answer(
                      &r, STATUS("{\"Vrms\":234.1},{\"Watts\":\"12\"}",
                                  OUTPUT("grid_power", "Watts", "378.2") "," OUTPUT("SOLAR",
                                          "Watts", "\"856.0\"") "," OUTPUT("Load", "VA", "9"))),
            EMS_OK);
    check_str(r.request.url, "http://iotawatt/status?inputs=yes&outputs=yes");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 378);
    check_value(&r, EMS_PV_W, 856);
    check_i64(r.reports.field[EMS_CONSUMPTION_W].said, EMS_SAID_NOTHING);
    check_value(&r, EMS_VOLTAGE_L1_MV, 234100);
}

static void what_the_settings_name_is_looked_for_among_the_inputs_as_well(void **state)
{
    (void)state;
    start(",\"grid\":\"Feed in\",\"pv\":\"Roof\",\"current_l2\":\"Clamp 2\"");
    check_i64(ems_rig_answer(&r, STATUS("", OUTPUT("Roof", "Watts", "900") "," OUTPUT(
                                                    "Grid", "Watts", "5"))),
            EMS_OK);
    check_i64(ems_rig_answer(&r, "[[-12.5,null]]"), EMS_OK);
    check_str(r.request.url,
            "http://iotawatt/query?select=%5BFeed%20in.watts,Clamp%202.amps%5D&begin=s-10s&end=s&"
            "group=all&missing=null");
    check_value(&r, EMS_PV_W, 900);
    check_value(&r, EMS_GRID_W, -13);
    check_none(&r, EMS_CURRENT_L2_MA, "no data of the last ten seconds");
}

static void inputs_with_usual_names_are_found_once(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_answer(&r, STATUS("", "")), EMS_OK);
    check_i64(
            ems_rig_answer(&r, "{\"series\":[{\"name\":\"Mains\",\"unit\":\"Volts\"},{\"name\":"
                               "\"Main\",\"unit\":\"Watts\"}]}"),
            EMS_OK);
    check_str(r.request.url, "http://iotawatt/query?show=series");
    check_i64(ems_rig_answer(&r, "[[120]]"), EMS_OK);
    check_has(r.request.url, "select=%5BMain.watts%5D");
    check_value(&r, EMS_GRID_W, 120);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, STATUS("", "")), EMS_OK);
    check_i64(ems_rig_answer(&r, "[[121]]"), EMS_OK);
    check_value(&r, EMS_GRID_W, 121);
    start("");
    check_i64(ems_rig_answer(&r, STATUS("", "")), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"series\":[]}"), EMS_OK);
    assert_false(ems_rig_more(&r));
}

static void a_name_that_is_not_there_costs_no_other(void **state)
{
    (void)state;
    start(",\"pv\":\"Roof\",\"battery\":\"Cell\",\"consumption\":\"Cost\"");
    check_i64(ems_rig_answer(&r, STATUS("", OUTPUT("Roof", "Watts", "900") "," OUTPUT(
                                                    "Cost", "Euro", "5"))),
            EMS_OK);
    check_i64(ems_rig_status(&r, 400, "no\nsuch", 7), EMS_OK);
    check_value(&r, EMS_PV_W, 900);
    check_none(&r, EMS_BATTERY_W, "no such series (no such)");
    check_none(&r, EMS_CONSUMPTION_W, "that output is not in Watts");
}

static void what_is_no_iotawatt_is_told(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_answer(&r, "{\"power\":1}"), EMS_DATA);
    check_has(r.e.text, "not the status of an IoTaWatt");
    start(",\"pv\":\"Roof\"");
    check_i64(ems_rig_answer(&r, STATUS("", "")), EMS_OK);
    check_i64(ems_rig_status(&r, 500, "", 0), EMS_UNREACHABLE);
    check_str(r.e.text, "");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, STATUS("", "")), EMS_OK);
    check_i64(ems_rig_answer(&r, "[[1"), EMS_DATA);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, STATUS("", "")), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"a\":1}"), EMS_OK);
    check_none(&r, EMS_PV_W, "no data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(outputs_with_usual_names_are_taken),
            cmocka_unit_test(what_the_settings_name_is_looked_for_among_the_inputs_as_well),
            cmocka_unit_test(inputs_with_usual_names_are_found_once),
            cmocka_unit_test(a_name_that_is_not_there_costs_no_other),
            cmocka_unit_test(what_is_no_iotawatt_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
