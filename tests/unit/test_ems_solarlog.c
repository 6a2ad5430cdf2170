/*
 * test_ems_solarlog - a Solar-Log: its questions, its clock, its login, what it cannot know.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define BASIC(time, sun, house, count)                                                         \
    "{\"801\":{\"170\":{\"100\":\"" time "\",\"101\":" sun ",\"110\":" house ",\"111\":" count \
    ",\"115\":" count ",\"116\":10720}}}"

/* bcrypt of "open sesame" with that salt, percent-encoded; made by another program. */
#define HASHED "u=user&p=%242b%2404%24abcdefghijklmnopqrstuu%2FLVz6MZlItEy42I2juLihZ66HnQx%2Fcy"

/* 2026-11-24T12:00:00Z */
#define NOW INT64_C(1795521600000)

static void start(const char *options)
{
    ems_rig_init(&r, "solarlog", options);
    check_i64(r.errs.count, 0);
    r.session.utc_ms = NOW;
}

static enum ems_class step(const char *url, const char *body, const char *cookies)
{
    struct ems_answer a = {.status = 200,
            .body = body,
            .len = strlen(body),
            .cookies = cookies,
            .content_type = "",
            .topic = ""};

    memset(&r.request, 0, sizeof(r.request));
    assert_true(r.a->login(r.config, &r.session, 0, &r.request));
    check_str(r.request.url, url);
    r.e = (struct err){0};
    return r.a->logged_in(r.config, &r.session, &a, &r.e);
}

static void sun_house_and_battery_make_the_grid(void **state)
{
    (void)state;
    start("{\"url\":\"http://log/\"}");
    check_i64(ems_rig_answer(&r, BASIC("24.11.26 12:59:50", "2891", "\"3110\"", "47819")),
            EMS_OK);
    check_str(r.request.url, "http://log/getjp");
    check_str(r.request.body, "{\"801\":{\"170\":null}}");
    check_str(r.request.header[1], "X-SL-CSRF-PROTECTION: 1");
    check_value(&r, EMS_PV_W, 2891);
    check_value(&r, EMS_CONSUMPTION_W, 3110);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, NOW - 10000); /* its zone is one hour */
    check_i64(ems_rig_answer(&r, "{\"858\":[52.3,64.5,300,0]}"), EMS_OK);
    check_str(r.request.body, "{\"858\":null}");
    check_value(&r, EMS_BATTERY_W, -300);
    check_value(&r, EMS_SOC_PERMILLE, 645);
    check_value(&r, EMS_GRID_W, 519); /* 3110 - 2891 + 300 */
    assert_false(ems_rig_more(&r));
}

static void without_a_battery_it_is_not_asked_for_within_an_hour(void **state)
{
    static const char *const none[] = {
            "{\"858\":[]}", "{\"QUERY IMPOSSIBLE 000\"}", "{\"801\":{}}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        start("{\"url\":\"http://log\"}");
        check_i64(ems_rig_answer(&r, BASIC("24.11.26 12:59:50", "100", "300", "5")), EMS_OK);
        check_i64(ems_rig_answer(&r, none[i]), EMS_OK);
        check_value(&r, EMS_GRID_W, 200);
        check_i64(r.reports.field[EMS_BATTERY_W].said, EMS_SAID_NOTHING);
        ems_rig_round(&r);
        r.session.utc_ms += 3599 * 1000;
        check_i64(ems_rig_answer(&r, BASIC("24.11.26 13:59:50", "100", "310", "5")), EMS_OK);
        check_value(&r, EMS_GRID_W, 210);
        assert_false(ems_rig_more(&r));
        r.session.utc_ms += 1000;
        assert_true(ems_rig_more(&r));
    }
}

static void a_battery_that_is_hidden_hides_the_grid(void **state)
{
    (void)state;
    start("{\"url\":\"http://log\"}");
    check_i64(ems_rig_answer(&r, BASIC("24.11.26 12:59:50", "100", "300", "5")), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"858\":\"ACCESS DENIED\"}"), EMS_OK);
    check_none(&r, EMS_GRID_W, "behind the login");
    check_none(&r, EMS_BATTERY_W, "set password");
    check_value(&r, EMS_PV_W, 100);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, BASIC("24.11.26 12:59:50", "100", "300", "5")), EMS_OK);
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_OK);
    check_none(&r, EMS_GRID_W, "no answer");
}

static void a_house_without_a_meter_is_unknown(void **state)
{
    (void)state;
    start("{\"url\":\"http://log\"}");
    check_i64(ems_rig_answer(&r, BASIC("24.11.26 12:59:50", "2891", "0", "0")), EMS_OK);
    check_none(&r, EMS_CONSUMPTION_W, "no meter there");
    check_none(&r, EMS_GRID_W, "without a meter of the house");
    check_value(&r, EMS_PV_W, 2891);
}

static int64_t measured(const char *body)
{
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, body), EMS_OK);
    return r.reports.field[EMS_PV_W].source_utc_ms;
}

static void a_time_without_a_zone_is_read_by_our_clock_and_ages_where_it_stands(void **state)
{
    (void)state;
    start("{\"url\":\"http://log\"}");
    check_i64(measured(BASIC("24.11.26 17:44:30", "1", "1", "1")), NOW - 30000); /* +05:45 */
    r.session.utc_ms += 20 * 60 * 1000;
    check_i64(measured(BASIC("24.11.26 17:44:30", "1", "1", "1")), NOW - 30000); /* it stands */
    check_i64(measured(BASIC("24.11.26 18:04:45", "1", "1", "1")), NOW + 1185000);
    check_i64(
            measured(BASIC("24.11.2026 04:19:45", "1", "1", "1")), NOW + 1185000); /* -08:00 */
    check_i64(measured(BASIC("01.01.99 19:00:00", "0", "0", "0")), INT64_C(915217200000));
    check_i64(measured(BASIC("24.11.26", "1", "1", "1")), 0);
    check_i64(measured(BASIC("41.11.26 12:00:00", "1", "1", "1")), 0);
}

static void refusals_say_what_to_change(void **state)
{
    static const struct {
        const char *body;
        enum ems_class class;
        const char *text;
    } cases[] = {{"{\"QUERY IMPOSSIBLE 000\"}", EMS_NOT_FOUND, "open access (JSON) is off"},
            {"{\"801\":{\"170\":\"ACCESS DENIED\"}}", EMS_AUTH, "set password, or allow open"},
            {"<html>", EMS_DATA, "a web page"},
            {"{\"801\":{}}", EMS_DATA, "is it a Solar-Log?"}, {"", EMS_DATA, "empty"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start("{\"url\":\"http://log\"}");
        check_i64(ems_rig_answer(&r, cases[i].body), cases[i].class);
        check_has(r.e.text, cases[i].text);
    }
}

static void the_login_hashes_the_password_where_there_is_a_salt(void **state)
{
    (void)state;
    start("{\"url\":\"http://log\",\"password\":\"open sesame\"}");
    check_i64(step("http://log/getjp",
                      "{\"550\":{\"103\":0,\"104\":\"$2b$04$abcdefghijklmnopqrstuu\"}}", ""),
            EMS_OK);
    check_str(r.request.body, "{\"550\":{\"104\":null}}");
    check_i64(step("http://log/login", "SUCCESS - Password was correct", "SolarLog=c00kie"),
            EMS_OK);
    check_str(r.request.body, HASHED);
    assert_false(r.a->login(r.config, &r.session, 0, &r.request));
    assert_true(ems_rig_more(&r));
    check_str(r.request.header[2], "Cookie: SolarLog=c00kie");
}

static void older_firmware_gets_the_password_as_it_is(void **state)
{
    (void)state;
    start("{\"url\":\"http://log\",\"username\":\"me\",\"password\":\"a&b\"}");
    check_i64(step("http://log/getjp", "{\"QUERY IMPOSSIBLE 000\"}", ""), EMS_OK);
    check_i64(step("http://log/login", "FAILED - Password was wrong", ""), EMS_AUTH);
    check_str(r.request.body, "u=me&p=a%26b");
    check_has(r.e.text, "check username (usually user) and password");
    check_i64(step("http://log/login", "<html>log in</html>", ""), EMS_AUTH);
}

static void a_hash_that_takes_for_ever_is_not_made(void **state)
{
    (void)state;
    start("{\"url\":\"http://log\",\"password\":\"x\"}");
    check_i64(step("http://log/getjp", "{\"550\":{\"104\":\"$2b$31$abcdefghijklmnopqrstuu\"}}",
                      ""),
            EMS_DATA);
    check_has(r.e.text, "a hash that this bridge does not make");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(sun_house_and_battery_make_the_grid),
            cmocka_unit_test(without_a_battery_it_is_not_asked_for_within_an_hour),
            cmocka_unit_test(a_battery_that_is_hidden_hides_the_grid),
            cmocka_unit_test(a_house_without_a_meter_is_unknown),
            cmocka_unit_test(
                    a_time_without_a_zone_is_read_by_our_clock_and_ages_where_it_stands),
            cmocka_unit_test(refusals_say_what_to_change),
            cmocka_unit_test(the_login_hashes_the_password_where_there_is_a_salt),
            cmocka_unit_test(older_firmware_gets_the_password_as_it_is),
            cmocka_unit_test(a_hash_that_takes_for_ever_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
