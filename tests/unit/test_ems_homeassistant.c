/*
 * Home Assistant's messages, by hand: the WebSocket's compressed states in every order, the answers
 * of REST, what is said and when. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

#define URL "\"url\":\"http://ha:8123\",\"token\":\"abc.def\","
#define OPTIONS                                                                    \
    "{" URL "\"grid_w\":\"sensor.import - sensor.export\",\"pv_w\":\"sensor.pv\"," \
    "\"soc\":\"sensor.battery\",\"current_l1\":\"sensor.l1\"}"

static void push(struct ems_rig *r, const char *text, enum ems_class want)
{
    const struct ems_answer a = {
            .pushed = true, .status = 200, .body = text, .len = strlen(text)};
    enum ems_class got;

    memset(&r->reports, 0, sizeof(r->reports));
    got = ems_rig_parse(r, a);
    if (got != want) {
        fail_msg("%s: class %u: %s", text, got, r->e.text);
    }
}

static void event(struct ems_rig *r, const char *event)
{
    char text[2000];

    snprintf(text, sizeof(text), "{\"id\":1,\"type\":\"event\",\"event\":%s}", event);
    push(r, text, EMS_OK);
}

static bool says(struct ems_rig *r, int i)
{
    memset(&r->request, 0, sizeof(r->request));
    return r->a->say(r->config, &r->session, i, &r->request);
}

static void log_in(struct ems_rig *r)
{
    r->session.utc_ms = INT64_C(1795500000000);
    push(r, "{\"type\":\"auth_required\",\"ha_version\":\"2026.11.0\"}", EMS_OK);
    push(r, "{\"type\":\"auth_ok\",\"ha_version\":\"2026.11.0\"}", EMS_OK);
    push(r, "{\"id\":1,\"type\":\"result\",\"success\":true,\"result\":null}", EMS_OK);
    check_i64(ems_said(&r->reports), 0);
}

static void all_there(struct ems_rig *r)
{
    log_in(r);
    event(r,
            "{\"a\":{\"sensor.import\":{\"s\":\"1.25\",\"a\":{\"unit_of_measurement\":\"kW\"},"
            "\"c\":\"x\",\"lc\":1795499990.5,\"lu\":1795499995.25},"
            "\"sensor.export\":{\"s\":\"0\",\"a\":{\"unit_of_measurement\":\"W\"},\"lc\":1795400000.0},"
            "\"sensor.pv\":{\"s\":\"812.4\",\"a\":{\"unit_of_measurement\":\"W\"},\"lc\":1795499000.0},"
            "\"sensor.battery\":{\"s\":\"41\",\"a\":{\"unit_of_measurement\":\"%\"},\"lc\":1795490000.0},"
            "\"sensor.l1\":{\"s\":\"0.0\",\"a\":{\"unit_of_measurement\":\"A\"},\"lc\":1795480000.0}}}");
}

static void the_first_event_gives_all_in_base_units_with_their_times(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    check_i64(r.errs.count, 0);
    all_there(&r);
    check_value(&r, EMS_GRID_W, 1250);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795499995250));
    check_value(&r, EMS_PV_W, 812);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, INT64_C(1795499000000));
    check_value(&r, EMS_SOC_PERMILLE, 410);
    check_value(&r, EMS_CURRENT_L1_MA, 0);
}

static void a_quiet_phase_has_the_time_of_its_meter_and_others_are_held(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    all_there(&r);
    check_i64(r.reports.field[EMS_CURRENT_L1_MA].source_utc_ms, INT64_C(1795499995250));
    check_i64(r.reports.field[EMS_GRID_W].holds, false);
    check_i64(r.reports.field[EMS_CURRENT_L1_MA].holds, false);
    check_i64(r.reports.field[EMS_SOC_PERMILLE].holds, true);
    push(&r, "{\"id\":2,\"type\":\"pong\"}", EMS_OK);
    check_value(&r, EMS_SOC_PERMILLE, 410);
    check_i64(r.reports.field[EMS_SOC_PERMILLE].source_utc_ms, INT64_C(1795490000000));
    check_i64(r.reports.field[EMS_SOC_PERMILLE].holds, true);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795499995250));
}

static void a_change_may_be_of_the_state_the_unit_or_neither(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    all_there(&r);
    event(&r, "{\"c\":{\"sensor.import\":{\"+\":{\"s\":\"1.5\",\"lc\":1795500001.0}}}}");
    check_value(&r, EMS_GRID_W, 1500);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500001000));
    event(&r,
            "{\"c\":{\"sensor.import\":{\"+\":{\"a\":{\"unit_of_measurement\":\"W\"},\"lu\":1795500002.0}}}}");
    check_value(&r, EMS_GRID_W, 2); /* 1.5 W */
    event(&r,
            "{\"c\":{\"sensor.import\":{\"+\":{\"lu\":1795500003.0,\"a\":{\"friendly_name\":\"x\"}},"
            "\"-\":{\"a\":[\"device_class\"]}}}}");
    check_value(&r, EMS_GRID_W, 2);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500003000));
    event(&r, "{\"c\":{\"sensor.export\":{\"+\":{\"s\":\"-700\",\"lc\":1795500004.0},"
              "\"-\":{\"a\":[\"unit_of_measurement\"]}}}}");
    check_value(&r, EMS_GRID_W, 702); /* 1.5 + 700 = 701.5 */
    event(&r, "{\"c\":{\"sensor.l1\":{\"+\":{\"a\":{\"unit_of_measurement\":\"VAr\"}}}}}");
    check_none(&r, EMS_CURRENT_L1_MA, "sensor.l1 has a unit that does not belong here");
    event(&r, "{\"c\":{\"sensor.l1\":{\"+\":{\"a\":{\"unit_of_measurement\":null}}}}}");
    check_value(&r, EMS_CURRENT_L1_MA, 0);
}

static void what_is_away_says_why_and_may_come_back(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    log_in(&r);
    event(&r, "{\"a\":{\"sensor.pv\":{\"s\":\"unavailable\",\"a\":{},\"lc\":1795499000.0},"
              "\"sensor.battery\":{\"s\":\"unknown\",\"a\":{},\"lc\":1795499000.0},"
              "\"sensor.import\":{\"s\":\"5\",\"a\":{},\"lc\":1795499000.0},"
              "\"sensor.l1\":{\"s\":\"on\",\"a\":{},\"lc\":1795499000.0}}}");
    check_none(&r, EMS_PV_W, "sensor.pv is unavailable");
    check_none(&r, EMS_SOC_PERMILLE, "sensor.battery is unknown");
    check_none(&r, EMS_GRID_W, "sensor.export is not in Home Assistant");
    check_none(&r, EMS_CURRENT_L1_MA, "sensor.l1 is on");
    event(&r, "{\"a\":{\"sensor.export\":{\"s\":\"9\",\"a\":{},\"lc\":1795500000.0}},"
              "\"r\":[\"sensor.pv\",\"sensor.other\"]}");
    check_value(&r, EMS_GRID_W, -4);
    check_none(&r, EMS_PV_W, "sensor.pv was removed from Home Assistant, or renamed");
    event(&r, "{\"c\":{\"sensor.pv\":{\"+\":{\"s\":\"3\"}}}}"); /* a change of nothing */
    check_none(&r, EMS_PV_W, "sensor.pv was removed");
    event(&r, "{\"a\":{\"sensor.pv\":{\"s\":\"\",\"a\":{},\"lc\":1795500000.0}}}");
    check_none(&r, EMS_PV_W, "sensor.pv is empty");
}

static void a_new_connection_forgets_what_is_no_longer_there(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    all_there(&r);
    log_in(&r);
    event(&r, "{\"a\":{}}");
    check_none(&r, EMS_SOC_PERMILLE, "sensor.battery is not in Home Assistant");
}

static void messages_may_come_as_a_list_and_as_full_states(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", "{" URL "\"pv_w\":\"-sensor.pv * 2\"}");
    log_in(&r);
    push(&r,
            "[{\"id\":1,\"type\":\"result\",\"success\":true,\"result\":null},"
            "{\"id\":1,\"type\":\"event\",\"event\":{\"a\":{\"sensor.pv\":{\"s\":\"-2\",\"a\":"
            "{\"unit_of_measurement\":\"kW\"},\"lc\":1795500000.0}}}},"
            "{\"id\":1,\"type\":\"event\",\"event\":{\"c\":{\"sensor.pv\":{\"+\":{\"s\":\"-3\"}}}}}]",
            EMS_OK);
    check_value(&r, EMS_PV_W, 6000);
    event(&r,
            "{\"event_type\":\"state_changed\",\"data\":{\"entity_id\":\"sensor.pv\",\"new_state\":"
            "{\"state\":\"-4\",\"attributes\":{\"unit_of_measurement\":\"W\"},"
            "\"last_updated\":\"2026-11-24T06:00:00+00:00\"}}}");
    check_value(&r, EMS_PV_W, 8);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, INT64_C(1795500000000));
    event(&r, "{\"data\":{\"entity_id\":\"sensor.pv\",\"new_state\":null}}");
    check_none(&r, EMS_PV_W, "was removed");
}

static void login_subscription_and_pings_are_said_in_order(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    assert_true(r.a->listen(r.config, &r.session, 0, &r.request));
    check_str(r.request.url, "ws://ha:8123/api/websocket");
    check_i64(r.request.bare, true);
    assert_false(r.a->listen(r.config, &r.session, 1, &r.request));
    assert_false(says(&r, 0)); /* nobody asked for it yet */
    r.session.utc_ms = INT64_C(1795500000000);
    push(&r, "{\"type\":\"auth_required\"}", EMS_OK);
    assert_true(says(&r, 0));
    check_str(r.request.body, "{\"type\":\"auth\",\"access_token\":\"abc.def\"}");
    assert_false(says(&r, 1));
    push(&r, "{\"type\":\"auth_ok\"}", EMS_OK);
    assert_true(says(&r, 1));
    check_str(r.request.body,
            "{\"id\":1,\"type\":\"supported_features\",\"features\":{\"coalesce_messages\":1}}");
    assert_true(says(&r, 2));
    check_str(r.request.body,
            "{\"id\":2,\"type\":\"subscribe_entities\",\"entity_ids\":[\"sensor.import\","
            "\"sensor.export\",\"sensor.pv\",\"sensor.battery\",\"sensor.l1\"]}");
    assert_false(says(&r, 3));
    r.session.utc_ms += 20000;
    assert_true(says(&r, 3));
    check_str(r.request.body, "{\"id\":3,\"type\":\"ping\"}");
    assert_false(says(&r, 4)); /* one at a time */
    push(&r, "{\"id\":3,\"type\":\"pong\"}", EMS_OK);
    assert_false(says(&r, 4));
    r.session.utc_ms -= 3600000; /* a clock that is set back stops nothing */
    assert_true(says(&r, 4));
}

static void refusals_have_their_class_and_a_sentence(void **state)
{
    static const struct {
        const char *text;
        enum ems_class class;
        const char *why;
    } rows[] = {
            {"{\"type\":\"auth_invalid\",\"message\":\"no\"}", EMS_AUTH,
                    "long-lived access token"},
            {"{\"id\":1,\"type\":\"result\",\"success\":false,\"error\":{\"code\":\"unauthorized\","
             "\"message\":\"Unauthorized\"}}",
                    EMS_AUTH, "may not read entities"},
            {"{\"id\":1,\"type\":\"result\",\"success\":false,\"error\":{\"code\":\"unknown_command\","
             "\"message\":\"Unknown command.\"}}",
                    EMS_DATA, "refuses: Unknown command. (unknown_command)"},
            {"{\"hello\":1}", EMS_DATA, "no message of Home Assistant"},
            {"[1]", EMS_DATA, "no message of Home Assistant"},
            {"<html>", EMS_DATA, "a web page"},
    };
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        push(&r, rows[i].text, rows[i].class);
        check_has(r.e.text, rows[i].why);
    }
}

#define STATE(s, unit)                                                                                  \
    "{\"entity_id\":\"x\",\"state\":\"" s "\",\"attributes\":{\"unit_of_measurement\":\"" unit          \
    "\"},"                                                                                              \
    "\"last_changed\":\"2026-11-24T05:00:00+00:00\",\"last_reported\":\"2026-11-24T06:00:00.5+00:00\"," \
    "\"last_updated\":\"2026-11-24T05:30:00+00:00\"}"

static void rest_asks_for_each_entity_and_one_that_is_gone_costs_no_other(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    ems_rig_round(&r);
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "http://ha:8123/api/states/sensor.import");
    check_i64(ems_rig_answer(&r, STATE("1.25", "kW")), EMS_OK);
    check_i64(ems_rig_answer(&r, STATE("250", "W")), EMS_OK);
    check_i64(ems_rig_status(&r, 404, "{\"message\":\"Entity not found.\"}", 31), EMS_OK);
    check_i64(ems_rig_answer(&r, STATE("unavailable", "%")), EMS_OK);
    check_i64(ems_said(&r.reports), 0);
    check_i64(ems_rig_answer(&r, STATE("-1.5", "A")), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 1000);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500000500));
    check_none(&r, EMS_PV_W, "sensor.pv is not in Home Assistant");
    check_none(&r, EMS_SOC_PERMILLE, "sensor.battery is unavailable");
    check_value(&r, EMS_CURRENT_L1_MA, -1500);
}

static void what_rest_cannot_judge_is_left_to_the_host(void **state)
{
    static const int statuses[] = {0, 302, 429, 500};
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", OPTIONS);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        ems_rig_round(&r);
        assert_true(ems_rig_status(&r, statuses[i], "no", 2) != EMS_OK);
        check_str(r.e.text, "");
    }
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 401, "401: Unauthorized", 17), EMS_AUTH);
    check_has(r.e.text, "long-lived access token");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 403, "403: Forbidden", 14), EMS_AUTH);
    check_has(r.e.text, "ip_bans.yaml");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 404, "not found", 9), EMS_NOT_FOUND);
    check_str(r.e.text, "");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"power\":1}"), EMS_DATA);
    check_has(r.e.text, "no state of an entity");
}

static void long_states_keep_their_power_of_ten(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "homeassistant", "{" URL "\"pv_w\":\"sensor.pv\"}");
    ems_rig_answer(&r, STATE("1234.56789012345678901234567890", "W"));
    check_value(&r, EMS_PV_W, 1235);
    ems_rig_round(&r);
    ems_rig_answer(&r, STATE("1.23456789012345678901e+03", "W"));
    check_value(&r, EMS_PV_W, 1235);
    ems_rig_round(&r);
    ems_rig_answer(
            &r, STATE("a \\\"quoted\\\" text with \\u0001 that is long", "a very long unit"));
    check_none(&r, EMS_PV_W, "sensor.pv is a ?quoted? text");
}

static void settings_that_cannot_be_are_refused_by_name(void **state)
{
    static const struct {
        const char *options, *why;
    } rows[] = {
            {"{" URL "\"grid_w\":\"grid\"}", "grid_w: 'grid' is not an entity such as"},
            {"{" URL "\"grid_w\":\"sensor.a + Sensor.b\"}", "'Sensor.b' is not an entity"},
            {"{" URL "\"grid_w\":\"sensor.a.b\"}", "'sensor.a.b' is not an entity"},
            {"{" URL "\"grid_w\":\"sensor.a /\"}", "grid_w: '/' is none of"},
            {"{" URL "\"poll\":true}", "nothing is read"},
            {"{\"url\":\"http://ha:8123\",\"grid_w\":\"sensor.a\"}", "token: is missing"},
            {"{" URL "\"auth\":\"basic\",\"username\":\"x\",\"grid_w\":\"sensor.a\"}",
                    "takes a token and nothing else"},
            {"{\"url\":\"ha\",\"token\":\"x\",\"grid_w\":\"sensor.a\"}", "url: is not http://"},
    };
    struct ems_rig r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "homeassistant", rows[i].options);
        assert_true(r.errs.count > 0);
        check_has(r.errs.text[0], rows[i].why);
    }
    ems_rig_init(&r, "homeassistant",
            "{\"url\":\"supervisor\",\"grid_w\":\"sensor.a + sensor.b * 0.5 - -sensor.a // 0\"}");
    check_i64(r.errs.count, 0);
}

static void addresses_that_people_copy_are_understood(void **state)
{
    static const struct {
        const char *url, *socket;
    } rows[] = {{"https://ha/", "wss://ha/api/websocket"},
            {"http://ha/api/", "ws://ha/api/websocket"},
            {"ws://ha:8123/api/websocket", "ws://ha:8123/api/websocket"},
            {"http://supervisor/core", "ws://supervisor/core/websocket"},
            {"https://x/prefix", "wss://x/prefix/api/websocket"}};
    struct ems_rig r;
    char options[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(options, sizeof(options),
                "{\"url\":\"%s\",\"token\":\"x\",\"pv_w\":\"sensor.a\"}", rows[i].url);
        ems_rig_init(&r, "homeassistant", options);
        check_i64(r.errs.count, 0);
        memset(&r.request, 0, sizeof(r.request));
        assert_true(r.a->listen(r.config, &r.session, 0, &r.request));
        check_str(r.request.url, rows[i].socket);
    }
    ems_rig_init(&r, "homeassistant", "{" URL "\"poll\":true,\"pv_w\":\"sensor.a\"}");
    assert_false(r.a->listen(r.config, &r.session, 0, &r.request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_first_event_gives_all_in_base_units_with_their_times),
            cmocka_unit_test(a_quiet_phase_has_the_time_of_its_meter_and_others_are_held),
            cmocka_unit_test(a_change_may_be_of_the_state_the_unit_or_neither),
            cmocka_unit_test(what_is_away_says_why_and_may_come_back),
            cmocka_unit_test(a_new_connection_forgets_what_is_no_longer_there),
            cmocka_unit_test(messages_may_come_as_a_list_and_as_full_states),
            cmocka_unit_test(login_subscription_and_pings_are_said_in_order),
            cmocka_unit_test(refusals_have_their_class_and_a_sentence),
            cmocka_unit_test(rest_asks_for_each_entity_and_one_that_is_gone_costs_no_other),
            cmocka_unit_test(what_rest_cannot_judge_is_left_to_the_host),
            cmocka_unit_test(long_states_keep_their_power_of_ten),
            cmocka_unit_test(settings_that_cannot_be_are_refused_by_name),
            cmocka_unit_test(addresses_that_people_copy_are_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
