/*
 * test_ems_solaredge - tokens that change with each use, the versions of the cloud, batteries that are there
 * or not. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define OAUTH "\"site_id\":\"7\",\"client_id\":\"id\",\"client_secret\":\"sec\""

static bool login(int i)
{
    memset(&r.request, 0, sizeof(r.request));
    return r.a->login(r.config, &r.session, i, &r.request);
}

static enum ems_class logged_in(int status, const char *body)
{
    const struct ems_answer a = {.status = status,
            .body = body,
            .len = strlen(body),
            .cookies = "",
            .content_type = "",
            .topic = ""};

    r.e = (struct err){0};
    return r.a->logged_in(r.config, &r.session, &a, &r.e);
}

static void a_refresh_token_changes_with_each_use_and_the_newest_is_kept(void **state)
{
    (void)state;
    ems_rig_init(&r, "solaredge", "{" OAUTH ",\"refresh_token\":\"first\"}");
    check_i64(r.errs.count, 0);
    assert_true(login(0));
    check_str(r.request.url, "https://monitoringapi.solaredge.com/v2/oauth2/token");
    check_str(r.request.body, "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"first\","
                              "\"client_id\":\"id\",\"client_secret\":\"sec\"}");
    check_i64(logged_in(200, "{\"access_token\":\"a1\",\"refresh_token\":\"r1\"}"), EMS_OK);
    check_str(r.session.token, "a1");
    check_str(r.session.keep, "first\nr1");
    assert_false(login(1));
    assert_true(ems_rig_more(&r));
    check_str(r.request.bearer, "a1");
    assert_true(login(0));
    check_has(r.request.body, "\"refresh_token\":\"r1\"");
    /* A fault of the server keeps what there is; a refusal is told. */
    check_i64(logged_in(503, ""), EMS_SERVER);
    check_i64(logged_in(400, "{}"), EMS_AUTH);
    check_has(r.e.text, "authorise the bridge again and set code");
    check_str(r.session.keep, "first\nr1");
    check_i64(logged_in(200, "{\"access_token\":5}"), EMS_DATA);
    check_i64(logged_in(200, "<html>"), EMS_DATA);
}

static void other_settings_make_what_was_kept_worthless(void **state)
{
    char keep[EMS_KEEP_ROOM];

    (void)state;
    ems_rig_init(&r, "solaredge", "{" OAUTH ",\"code\":\"c0de\"}");
    assert_true(login(0));
    check_has(r.request.body, "\"grant_type\":\"authorization_code\",\"code\":\"c0de\"");
    check_i64(logged_in(200, "{\"access_token\":\"a1\",\"refresh_token\":\"r1\"}"), EMS_OK);
    assert_true(login(0)); /* a code is good once */
    check_has(r.request.body, "\"refresh_token\":\"r1\"");
    memcpy(keep, r.session.keep, sizeof(keep));
    ems_rig_init(&r, "solaredge", "{" OAUTH ",\"code\":\"another\"}");
    memcpy(r.session.keep, keep, sizeof(keep));
    assert_true(login(0));
    check_has(r.request.body, "\"code\":\"another\"");
}

static void refusals_of_the_cloud_say_what_to_change(void **state)
{
    static const struct {
        const char *options;
        int status;
        enum ems_class class;
        const char *why;
    } cases[] = {{"{\"site_id\":\"7\",\"api_key\":\"k\"}", 410, EMS_NOT_FOUND,
                         "retired this API (V1)"},
            {"{\"site_id\":\"7\",\"token\":\"k\"}", 401, EMS_AUTH, "a key of V1 is none of V2"},
            {"{" OAUTH ",\"code\":\"c\"}", 403, EMS_AUTH, "SITE_DATA and DEVICE_DATA"},
            {"{\"site_id\":\"7\",\"token\":\"k\"}", 404, EMS_NOT_FOUND, "check site_id"},
            {"{\"site_id\":\"7\",\"token\":\"k\"}", 429, EMS_RATE, "raise interval_s"},
            {"{\"site_id\":\"7\",\"token\":\"k\"}", 502, EMS_SERVER, "a fault of its own"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "solaredge", cases[i].options);
        assert_true(ems_rig_more(&r));
        assert_true(r.request.any_status);
        check_i64(ems_rig_parse(&r, (struct ems_answer){.status = cases[i].status, .body = ""}),
                cases[i].class);
        check_has(r.e.text, cases[i].why);
    }
}

static void what_a_scope_does_not_hold_costs_no_other_value(void **state)
{
    (void)state;
    ems_rig_init(&r, "solaredge", "{\"site_id\":\"7\",\"token\":\"k\"}");
    check_i64(ems_rig_answer(&r, "{\"unit\":\"kW\",\"values\":[{\"timestamp\":"
                                 "\"2026-08-13T20:15:00+02:00\",\"value\":1.5}]}"),
            EMS_OK);
    check_str(r.request.header[0], "X-API-Key: k");
    check_i64(ems_rig_status(&r, 403, "", 0), EMS_OK);
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_PV_W, 1500);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
}

static void buckets_of_different_times_are_not_subtracted(void **state)
{
#define SERIES(t, v) \
    "{\"values\":[{\"timestamp\":\"2026-08-13T20:" t ":00Z\",\"value\":" v "}]}"
    (void)state;
    ems_rig_init(&r, "solaredge", "{\"url\":\"http://x/v2/any\"}");
    check_i64(ems_rig_answer(&r, "{\"meters\":{\"1\":{\"importPower\":" SERIES("15",
                                         "5") ",\"exportPower\":" SERIES("00", "9") "}}}"),
            EMS_OK);
    check_none(&r, EMS_GRID_W, "importPower has no value");
    ems_rig_round(&r);
    check_i64(
            ems_rig_answer(&r, "{\"meters\":{\"1\":{\"exportPower\":" SERIES("00", "9") "}}}"),
            EMS_OK);
    check_value(&r, EMS_GRID_W, -9);
}

static void options_that_do_not_go_together_are_named(void **state)
{
    static const struct {
        const char *options, *why;
    } cases[] = {{"{}", "sources[0].host: is missing: set host (Modbus), or site_id and token"},
            {"{\"site_id\":\"7\"}", "sources[0].token: is missing"},
            {"{\"site_id\":\"7/8\",\"token\":\"k\"}", "sources[0].site_id: holds more than"},
            {"{" OAUTH "}", "sources[0].refresh_token: is missing"},
            {"{\"host\":\"a\",\"site_id\":\"7\"}", "exclude each other"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "solaredge", cases[i].options);
        check_has(r.errs.text[0], cases[i].why);
    }
    ems_rig_init(&r, "solaredge", "{\"site_id\":\"7\",\"api_key\":\"k\"}");
    check_i64(r.errs.count, 0);
    check_has(r.warnings.text[0], "has switched V1 off");
}

/* ---- Modbus ---- */

static int battery_reads;

/* An inverter alone, without the beginning of its map; has: a battery, too. */
static enum ems_class round_of(bool has, int silent_status)
{
    static const char model[] = {0, 103, 0, 50}, power[] = {0x07, (char)0xd0, 0, 0},
                      dc[] = {0x09, (char)0xc4, 0, 0},
                      cell[] = {0, 0, (char)0xc3, (char)0xfa}; /* -500: discharging */
    enum ems_class class = EMS_OK;

    ems_rig_round(&r);
    battery_reads = 0;
    while (class == EMS_OK && ems_rig_more(&r)) {
        const char *body = NULL;

        switch (r.request.start) {
        case 40069:
            body = r.request.count == 2 ? model : NULL;
            break;
        case 40083:
            body = power;
            break;
        case 40100:
            body = dc;
            break;
        case 0xe174:
            body = has && r.request.count == 2 ? cell : NULL;
            break;
        default:
            break;
        }
        battery_reads += r.request.start >= 0xe174;
        class = ems_rig_status(&r,
                body                        ? 200
                : r.request.start >= 0xe174 ? silent_status
                                            : 2,
                body ? body : "", body ? 4 : 0);
    }
    return class;
}

static void a_battery_is_looked_for_and_left_alone_where_there_is_none(void **state)
{
    (void)state;
    for (int silent = 0; silent <= 2; silent += 2) {
        ems_rig_init(&r, "solaredge", "{\"host\":\"inverter\"}");
        check_i64(r.errs.count, 0);
        check_i64(round_of(false, silent), EMS_OK);
        assert_true(battery_reads > 0);
        check_value(&r, EMS_PV_W, 2000);
        check_none(&r, EMS_BATTERY_W, "there is no battery");
        for (int i = 0; i < 59; i++) {
            check_i64(round_of(false, silent), EMS_OK);
            check_i64(battery_reads, 0);
            check_value(&r, EMS_PV_W, 2000);
        }
        check_i64(round_of(true, 2), EMS_OK); /* it was built in meanwhile */
        check_value(&r, EMS_BATTERY_W, 500);
        check_value(&r, EMS_PV_W,
                2000); /* 2500 on the side of the strings, 500 of them the battery's */
        check_none(&r, EMS_SOC_PERMILLE, "does not give its charge");
    }
}

static void a_battery_alone_is_read_and_one_of_zeros_is_none(void **state)
{
    static const char cell[] = {0, 0, 0x43, (char)0xfa}, zero[4] = {0}; /* 500: charging */

    (void)state;
    for (int there = 0; there < 2; there++) {
        enum ems_class class = EMS_OK;

        ems_rig_init(&r, "solaredge", "{\"host\":\"inverter\"}");
        while (class == EMS_OK && ems_rig_more(&r)) {
            bool power = r.request.count == 2 && r.request.start == 0xe174;
            bool any = r.request.count == 2 && r.request.start >= 0xe174;

            class = ems_rig_status(
                    &r, any ? 200 : 2, power && there ? cell : zero, any ? 4 : 0);
        }
        check_i64(class, there ? EMS_OK : EMS_NOT_FOUND);
        if (there) {
            check_value(&r, EMS_BATTERY_W, -500);
            check_none(&r, EMS_PV_W, "there is no inverter");
        } else {
            check_has(r.e.text,
                    "unit id 1 shows no inverter, meter or battery: check the unit id");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_refresh_token_changes_with_each_use_and_the_newest_is_kept),
            cmocka_unit_test(other_settings_make_what_was_kept_worthless),
            cmocka_unit_test(refusals_of_the_cloud_say_what_to_change),
            cmocka_unit_test(what_a_scope_does_not_hold_costs_no_other_value),
            cmocka_unit_test(buckets_of_different_times_are_not_subtracted),
            cmocka_unit_test(options_that_do_not_go_together_are_named),
            cmocka_unit_test(a_battery_is_looked_for_and_left_alone_where_there_is_none),
            cmocka_unit_test(a_battery_alone_is_read_and_one_of_zeros_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
