/*
 * test_ems_emoncms - feeds by number and by name, keys that are refused, old servers.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

static const char list[] =
        "[{\"id\":\"11\",\"name\":\"Feed-in\",\"unit\":\"kW\",\"time\":\"1781428820\",\"value\":\"-1.42\"},"
        "{\"id\":12,\"name\":\"Solar\",\"unit\":\"W\",\"time\":1781428825000,\"value\":2100.5},"
        "{\"id\":13,\"name\":\"use\",\"unit\":\"V\",\"time\":1,\"value\":5},{\"id\":14,\"value\":[1]},"
        "{\"id\":\"x\",\"value\":1}]";

static void start(const char *more)
{
    char options[256];

    (void)snprintf(options, sizeof(options), "{\"url\":\"http://emonpi\"%s}", more);
    ems_rig_init(&r, "emoncms", options);
    check_i64(r.errs.count, 0);
}

static void one_list_feeds_every_field_with_its_time_and_unit(void **state)
{
    (void)state;
    start(",\"token\":\"k3y\",\"grid_feed\":11,\"pv_feed\":12,\"battery_feed\":13,\"soc_feed\":14");
    check_i64(ems_rig_answer(&r, list), EMS_OK);
    check_str(r.request.url, "http://emonpi/feed/list.json");
    check_str(r.request.bearer, "k3y");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, -1420);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1781428820000));
    check_value(&r, EMS_PV_W, 2101);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, INT64_C(1781428825000));
    check_none(&r, EMS_BATTERY_W, "a unit that does not belong here");
    check_none(&r, EMS_SOC_PERMILLE, "not a number");
}

static void without_numbers_the_usual_names_are_taken(void **state)
{
    (void)state;
    start(",\"token\":\"k3y\"");
    check_i64(ems_rig_answer(&r, list), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_PV_W, 2101);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    start("");
    check_i64(r.warnings.count, 1);
    check_has(r.warnings.text[0], "sources[0].token: is missing");
    check_i64(ems_rig_answer(&r, "[]"), EMS_AUTH);
    check_has(r.e.text, "set token");
}

static void feeds_of_others_are_asked_for_one_by_one(void **state)
{
    (void)state;
    start(",\"pv_feed\":12,\"consumption_feed\":99,\"current_l1_feed\":98");
    check_i64(ems_rig_answer(&r, list), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"time\":1781428824,\"value\":\"680\"}"), EMS_OK);
    check_str(r.request.url, "http://emonpi/feed/timevalue.json?id=99");
    check_i64(ems_rig_answer(&r, "false"), EMS_OK);
    check_str(r.request.url, "http://emonpi/feed/timevalue.json?id=98");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_CONSUMPTION_W, 680);
    check_none(&r, EMS_CURRENT_L1_MA, "no such feed, or the key may not read it");
}

static void an_old_server_has_neither_list_nor_times(void **state)
{
    (void)state;
    start(",\"grid_feed\":2,\"pv_feed\":8,\"consumption_feed\":1");
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_str(r.request.url, "http://emonpi/emoncms/feed/list.json");
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_str(r.request.url, "http://emonpi/feed/timevalue.json?id=2");
    check_i64(ems_rig_answer(&r, "[1523.4,false,null]"), EMS_OK);
    check_str(r.request.url, "http://emonpi/feed/fetch.json?ids=2,8,1");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 1523);
    check_none(&r, EMS_PV_W, "no such feed");
    check_none(&r, EMS_CONSUMPTION_W, "the feed has no value");
    ems_rig_round(&r);
    for (int i = 0; i < 2; i++) {
        check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    }
    check_i64(
            ems_rig_status(&r, 404, "", 0), EMS_NOT_FOUND); /* fetch.json: no EmonCMS at all */
    check_str(r.e.text, "");
}

static void a_key_that_is_not_taken_is_told_whatever_the_status(void **state)
{
    static const char text[] = "Invalid API key",
                      json[] = "{\"success\":false,\"message\":\"Invalid API key\"}";

    (void)state;
    start(",\"token\":\"k3y\"");
    check_i64(ems_rig_answer(&r, json), EMS_AUTH);
    check_has(r.e.text, "check token");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 401, json, sizeof(json) - 1), EMS_AUTH);
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 401, text, sizeof(text) - 1), EMS_AUTH);
    check_has(r.e.text, "check token");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"success\":false,\"message\":\"Feed does not exist\"}"),
            EMS_DATA);
    check_has(r.e.text, "Feed does not exist");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"power\":1}"), EMS_DATA);
    check_has(r.e.text, "is url that of an EmonCMS?");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 500, "", 0), EMS_UNREACHABLE);
    check_str(r.e.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_list_feeds_every_field_with_its_time_and_unit),
            cmocka_unit_test(without_numbers_the_usual_names_are_taken),
            cmocka_unit_test(feeds_of_others_are_asked_for_one_by_one),
            cmocka_unit_test(an_old_server_has_neither_list_nor_times),
            cmocka_unit_test(a_key_that_is_not_taken_is_told_whatever_the_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
