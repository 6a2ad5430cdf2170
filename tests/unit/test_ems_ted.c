/*
 * test_ems_ted - both generations of gateways, which MTU is the sun, pages that are missing.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define LIVE(total, one, two, energy)                                                         \
    "<LiveData><Voltage><Total><VoltageNow>1203</VoltageNow></Total></Voltage><Power><Total>" \
    "<PowerNow>" total "</PowerNow></Total><MTU1><PowerNow>" one "</PowerNow></MTU1><MTU2>"   \
    "<PowerNow>" two "</PowerNow><PowerTDY>" energy "</PowerTDY></MTU2></Power></LiveData>"
#define DASH(now) "<DashData><Now>" now "</Now><Voltage>1214</Voltage></DashData>"

static void start(const char *options)
{
    ems_rig_init(&r, "ted", options);
    check_i64(r.errs.count, 0);
}

static void the_mtu_that_gives_is_the_sun_at_night_too(void **state)
{
    (void)state;
    start("{\"url\":\"http://ted\"}");
    check_i64(ems_rig_answer(&r, LIVE("-842", "1968", "-2810", "0")), EMS_OK);
    check_str(r.request.url, "http://ted/api/LiveData.xml");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, -842);
    check_value(&r, EMS_PV_W, 2810);
    check_value(&r, EMS_CONSUMPTION_W, 1968);
    check_value(&r, EMS_VOLTAGE_L1_MV, 120300);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, LIVE("1423", "1418", "5", "0")), EMS_OK);
    check_value(&r, EMS_PV_W, -5); /* the core makes 0 of it */
    check_value(&r, EMS_CONSUMPTION_W, 1418);
    start("{\"url\":\"http://ted\"}"); /* one that starts at night knows by the energy */
    check_i64(ems_rig_answer(&r, LIVE("1423", "1418", "5", "-14200")), EMS_OK);
    check_value(&r, EMS_PV_W, -5);
}

static void without_a_sun_only_the_grid_is_known(void **state)
{
    (void)state;
    start("{\"url\":\"http://ted\"}");
    check_i64(ems_rig_answer(&r, LIVE("1423", "1418", "5", "0")), EMS_OK);
    check_value(&r, EMS_GRID_W, 1423);
    check_none(&r, EMS_PV_W, "set solar_mtu");
    check_none(&r, EMS_CONSUMPTION_W, "total is the grid's alone");
    start("{\"url\":\"http://ted\",\"solar_mtu\":3}");
    check_i64(ems_rig_answer(&r, LIVE("1423", "1418", "-5", "-9")), EMS_OK);
    check_none(&r, EMS_PV_W, "MTU3 is not in");
    check_value(&r, EMS_GRID_W, 1423);
}

static void newer_firmware_is_found_out_once(void **state)
{
    (void)state;
    start("{\"url\":\"http://ted/\"}");
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_i64(ems_rig_answer(&r, DASH("-1310")), EMS_OK);
    check_str(r.request.url, "http://ted/api/DashData.xml?T=0&D=0&M=0");
    check_i64(ems_rig_answer(&r, DASH("640")), EMS_OK);
    check_i64(ems_rig_answer(&r, DASH("-1950")), EMS_OK);
    check_str(r.request.url, "http://ted/api/DashData.xml?T=0&D=2&M=0");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, -1310);
    check_value(&r, EMS_CONSUMPTION_W, 640);
    check_value(&r, EMS_PV_W, 1950);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, DASH("7")), EMS_OK);
    check_has(r.request.url, "D=0");
    check_i64(ems_rig_status(&r, 500, "", 0), EMS_OK);
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 7);
    check_none(&r, EMS_CONSUMPTION_W, "does not answer");
    check_none(&r, EMS_PV_W, "does not answer");
}

static void what_is_no_gateway_is_told(void **state)
{
    (void)state;
    start("{\"url\":\"http://ted\"}");
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_NOT_FOUND);
    check_has(r.e.text, "neither LiveData.xml nor DashData.xml");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 401, "", 0), EMS_UNREACHABLE);
    check_str(r.e.text, ""); /* the host says it */
    check_has(r.request.url, "LiveData");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<Rate><Value>1</Value></Rate>"), EMS_DATA);
    check_has(r.e.text, "not that of a TED gateway");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<LiveData><Power>"), EMS_DATA);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<LiveData/>"), EMS_OK);
    check_none(&r, EMS_GRID_W, "Power is not in LiveData");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_mtu_that_gives_is_the_sun_at_night_too),
            cmocka_unit_test(without_a_sun_only_the_grid_is_known),
            cmocka_unit_test(newer_firmware_is_found_out_once),
            cmocka_unit_test(what_is_no_gateway_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
