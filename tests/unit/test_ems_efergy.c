/*
 * test_ems_efergy - which sensors count, errors with status 200, where the pages stand.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define SENSOR(cid, sid, ms, w) \
    "{\"cid\":\"" cid "\",\"data\":[{\"" ms "\":" w "}],\"sid\":\"" sid "\",\"units\":\"kWm\"}"

static void start(const char *more)
{
    char options[256];

    (void)snprintf(options, sizeof(options),
            "{\"url\":\"https://engage.efergy.com\",\"token\":\"a/b c\"%s}", more);
    ems_rig_init(&r, "efergy", options);
    check_i64(r.errs.count, 0);
}

static void sensors_of_the_house_are_added_and_parts_of_it_are_not(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_answer(&r,
                      "[" SENSOR("PWER_SUB", "3", "1781428821000", "300") "," SENSOR(
                              "PWER", "1", "1781428815000", "410.5") "," SENSOR("PWER", "2",
                              "1781428821000", "905") "," SENSOR("PWER", "0", "1781342419000",
                              "77") "," SENSOR("PWER_GAC", "4", "1781428819000", "2040") "]"),
            EMS_OK);
    check_str(r.request.url,
            "https://engage.efergy.com/mobile_proxy/getCurrentValuesSummary?token=a%2Fb%20c");
    assert_true(r.request.bare);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_CONSUMPTION_W, 1316);
    check_i64(r.reports.field[EMS_CONSUMPTION_W].source_utc_ms, INT64_C(1781428815000));
    check_value(&r, EMS_PV_W, 2040);
    start(",\"sid\":\"2\"");
    check_i64(ems_rig_answer(&r, "[" SENSOR("PWER", "1", "1781428815000", "410.5") "," SENSOR(
                                         "PWER", "2", "1781428821000", "905") "]"),
            EMS_OK);
    check_value(&r, EMS_CONSUMPTION_W, 905);
}

static void a_sensor_without_a_reading_makes_the_sum_unknown(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_answer(&r, "[" SENSOR("PWER", "1", "1781428815000", "null") "," SENSOR(
                                         "PWER", "2", "1781428821000", "905") "]"),
            EMS_OK);
    check_none(&r, EMS_CONSUMPTION_W, "a sensor has no reading");
    start(",\"sid\":\"9\"");
    check_i64(ems_rig_answer(&r, "[]"), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_none(&r, EMS_CONSUMPTION_W, "no such sensor (sid)");
}

static void without_sensors_the_house_alone_is_asked_for(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_answer(&r, "[]"), EMS_OK);
    check_i64(ems_rig_answer(
                      &r, "{\"age\":4,\"last_reading_time\":1781428827000,\"reading\":655}"),
            EMS_OK);
    check_has(r.request.url, "/mobile_proxy/getInstant?token=");
    check_value(&r, EMS_CONSUMPTION_W, 655);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "[]"), EMS_OK);
    check_i64(ems_rig_answer(&r, "[]"), EMS_OK);
    check_none(&r, EMS_CONSUMPTION_W, "is the hub online?");
}

static void an_error_comes_with_any_status(void **state)
{
    static const char limit[] = "{\"error\":{\"id\":404,\"desc\":\"limit\"}}";

    (void)state;
    start("");
    check_i64(ems_rig_answer(&r, "{\"status\":\"error\",\"description\":\"bad token\"}"),
            EMS_AUTH);
    check_has(r.e.text, "does not take the token (bad token)");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 404, limit, strlen(limit)), EMS_RATE);
    check_i64(r.session.wait_s, 300);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"error\":{\"id\":500,\"desc\":\"oops\"}}"), EMS_SERVER);
    check_has(r.e.text, "oops");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"power\":1}"), EMS_DATA);
    check_has(r.e.text, "not one of Efergy's");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 503, "busy", 4), EMS_DATA);
    check_str(r.e.text, ""); /* the host says it */
}

static void a_relay_may_have_the_pages_at_its_root(void **state)
{
    (void)state;
    start("");
    check_i64(ems_rig_status(&r, 404, "no", 2), EMS_OK);
    check_i64(ems_rig_answer(&r, "[" SENSOR("PWER", "1", "1781428815000", "12") "]"), EMS_OK);
    check_has(r.request.url, "https://engage.efergy.com/getCurrentValuesSummary?");
    ems_rig_round(&r);
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "https://engage.efergy.com/getCurrentValuesSummary?");
    check_i64(ems_rig_status(&r, 404, "no", 2), EMS_OK);
    check_i64(ems_rig_status(&r, 404, "no", 2), EMS_DATA); /* and back */
    check_has(r.request.url, "/mobile_proxy/");
}

static void a_token_is_wanted(void **state)
{
    (void)state;
    ems_rig_init(&r, "efergy", "{\"url\":\"https://engage.efergy.com\"}");
    check_i64(r.errs.count, 1);
    check_has(r.errs.text[0], "sources[0].token: is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(sensors_of_the_house_are_added_and_parts_of_it_are_not),
            cmocka_unit_test(a_sensor_without_a_reading_makes_the_sum_unknown),
            cmocka_unit_test(without_sensors_the_house_alone_is_asked_for),
            cmocka_unit_test(an_error_comes_with_any_status),
            cmocka_unit_test(a_relay_may_have_the_pages_at_its_root),
            cmocka_unit_test(a_token_is_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
