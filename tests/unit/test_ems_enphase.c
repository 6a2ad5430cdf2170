/*
 * test_ems_enphase - Enphase gateways of all firmware, their tokens, Enphase's API.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

enum { NOW_S = 1795521600 };

#define INFO(software, more)                                                            \
    "<?xml version='1.0'?><envoy_info><device><sn>482100000042</sn><software>" software \
    "</software>" more "</device></envoy_info>"
/* {"alg":"ES256"} . {"exp":1811000000,"iat":1779464000} . signature */
#define TOKEN \
    "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE4MTEwMDAwMDAsImlhdCI6MTc3OTQ2NDAwMH0.c2lnbmF0dXJl"
/* The same with exp 1795522000: in its last twelfth. */
#define OLD_TOKEN \
    "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjE3OTU1MjIwMDAsImlhdCI6MTc2Mzk4NjAwMH0.c2lnbmF0dXJl"
#define ACCOUNT "\"enlighten_user\":\"me@x\",\"enlighten_password\":\"p&w\""

static void start(const char *options)
{
    ems_rig_init(&r, "enphase", options);
    check_i64(r.errs.count, 0);
    r.session.utc_ms = (int64_t)NOW_S * 1000;
}

/* The next request is for this page, and is answered so. */
static enum ems_class page(const char *url, int status, const char *body)
{
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, url);
    return ems_rig_parse(
            &r, (struct ems_answer){
                        .i = r.asked++, .status = status, .body = body, .len = strlen(body)});
}

/* The next step of the login. */
static enum ems_class step(const char *url, int status, const char *body)
{
    struct ems_answer a = {.status = status,
            .body = body,
            .len = strlen(body),
            .cookies = "",
            .content_type = "",
            .topic = ""};

    memset(&r.request, 0, sizeof(r.request));
    assert_true(r.a->login(r.config, &r.session, 0, &r.request));
    check_has(r.request.url, url);
    r.e = (struct err){0};
    return r.a->logged_in(r.config, &r.session, &a, &r.e);
}

static void no_more_login(void)
{
    memset(&r.request, 0, sizeof(r.request));
    assert_false(r.a->login(r.config, &r.session, 0, &r.request));
}

static void the_oldest_gateways_have_a_web_page(void **state)
{
    (void)state;
    start("{\"url\":\"http://envoy/\"}");
    check_i64(page("http://envoy/info", 200, INFO("R3.7.31", "")), EMS_OK);
    check_i64(page("/production", 200,
                      "<tr><td>Currently</td><td> generating <b>980 W</b></td></tr><td>Today"),
            EMS_OK);
    check_value(&r, EMS_PV_W, 980);
    check_str(r.reports.field[EMS_PV_W].raw, "980 W");
    assert_false(ems_rig_more(&r));
}

static void firmware_3_9_has_one_page_and_is_not_asked_for_others_again(void **state)
{
    (void)state;
    start("{\"url\":\"http://envoy\"}");
    check_i64(page("/info", 200, INFO("R3.9.36", "")), EMS_OK);
    check_i64(page("/production.json?details=1", 200, "<html>error</html>"), EMS_OK);
    check_i64(page("/api/v1/production", 200, "{\"wattsNow\":1271}"), EMS_OK);
    check_value(&r, EMS_PV_W, 1271);
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r);
    check_i64(page("/api/v1/production", 200, "{\"wattsNow\":1300}"), EMS_OK);
    check_value(&r, EMS_PV_W, 1300);
}

static void firmware_5_and_6_get_the_login_that_they_came_with(void **state)
{
    (void)state;
    start("{\"url\":\"http://envoy\"}");
    check_i64(page("/info", 200, INFO("D5.0.62", "")), EMS_OK);
    assert_null(r.request.login_user);
    check_i64(page("/ivp/meters", 200, "[]"), EMS_OK);
    check_str(r.request.login_user, "envoy");
    check_str(r.request.login_password, "000042");
    check_i64(page("/production.json", 200,
                      "{\"production\":[{\"type\":\"inverters\",\"activeCount\":4,"
                      "\"readingTime\":1795520800,\"wNow\":790},{\"type\":\"eim\","
                      "\"activeCount\":0,\"measurementType\":\"production\",\"wNow\":5}]}"),
            EMS_OK);
    check_value(&r, EMS_PV_W, 790); /* a meter that counts nothing is none */
    check_i64(r.reports.field[EMS_PV_W].holds_s, 1200);
    check_i64(page("/ivp/ensemble/power", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/inventory", 404, ""), EMS_OK);
    assert_false(ems_rig_more(&r));
    r.session.utc_ms += 3600 * 1000 + 1; /* firmware changes by itself */
    ems_rig_round(&r);
    check_i64(page("/info", 200, INFO("D5.0.62", "")), EMS_OK);
    check_i64(page("/ivp/meters", 401, ""), EMS_OK);
}

#define METERS                                                                                 \
    "[{\"eid\":11,\"state\":\"enabled\",\"measurementType\":\"production\",\"phaseCount\":1}," \
    "{\"eid\":12,\"state\":\"enabled\",\"measurementType\":\"net-consumption\","               \
    "\"phaseCount\":2},{\"eid\":13,\"state\":\"disabled\",\"measurementType\":\"storage\"}]"

static void readings_of_meters_count_before_all_else(void **state)
{
    (void)state;
    start("{\"url\":\"https://envoy\",\"insecure\":true,\"token\":\"" TOKEN "\"}");
    check_i64(page("/info", 200, INFO("D8.2.4264", "<imeter>true</imeter>")), EMS_OK);
    check_i64(page("/ivp/meters", 200, METERS), EMS_OK);
    check_str(r.request.bearer, TOKEN);
    assert_null(r.request.login_user);
    check_i64(page("/ivp/meters/readings", 200,
                      "[{\"eid\":12,\"timestamp\":1795521599,\"activePower\":-36.6,\"voltage\":"
                      "470,\"channels\":[{\"activePower\":-36.6,\"voltage\":235.2,\"current\":"
                      "2.745},{\"activePower\":0,\"voltage\":2.9,\"current\":0}]},"
                      "{\"eid\":11,\"timestamp\":1795521599,\"activePower\":0,\"voltage\":0}]"),
            EMS_OK);
    check_value(&r, EMS_GRID_W, -37);
    check_value(&r, EMS_CURRENT_L1_MA, -2745);
    check_value(&r, EMS_VOLTAGE_L1_MV, 235200);
    check_i64(r.reports.field[EMS_VOLTAGE_L2_MV].said, EMS_SAID_NOTHING);
    check_none(&r, EMS_PV_W, "not connected");
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795521599000));
    /* Old values at /api/v1/production of this firmware: not asked. */
    check_i64(page("/production.json", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/power", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/inventory", 200, "[]"), EMS_OK);
    assert_false(ems_rig_more(&r));
}

static void the_house_that_is_the_grid_gets_the_sun_added(void **state)
{
    (void)state;
    start("{\"url\":\"https://envoy\",\"insecure\":true,\"token\":\"" TOKEN "\"}");
    check_i64(page("/info", 200, INFO("D8.3.5433", "<imeter>true</imeter>")), EMS_OK);
    check_i64(page("/ivp/meters", 404, ""), EMS_OK);
    check_i64(
            page("/production.json", 200,
                    "{\"production\":[{\"type\":\"eim\",\"activeCount\":1,\"measurementType\":"
                    "\"production\",\"wNow\":357.492}],\"consumption\":[{\"type\":\"eim\","
                    "\"activeCount\":1,\"measurementType\":\"total-consumption\",\"wNow\":"
                    "428.414},{\"type\":\"eim\",\"activeCount\":1,\"measurementType\":"
                    "\"net-consumption\",\"wNow\":428.414,\"lines\":[{\"wNow\":-249.4,"
                    "\"rmsCurrent\":2.1,\"rmsVoltage\":121.3}]}]}"),
            EMS_OK);
    check_value(&r, EMS_CONSUMPTION_W, 786);
    check_value(&r, EMS_GRID_W, 428);
    check_value(&r, EMS_CURRENT_L1_MA, -2100);
}

static void batteries_come_in_milliwatts_and_by_their_size(void **state)
{
    (void)state;
    start("{\"url\":\"https://envoy\",\"insecure\":true,\"token\":\"" TOKEN "\"}");
    check_i64(page("/info", 200, INFO("D7.6.185", "")), EMS_OK);
    check_i64(page("/ivp/meters", 404, ""), EMS_OK);
    check_i64(page("/production.json", 404, ""), EMS_OK);
    check_i64(page("/api/v1/production", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/power", 200,
                      "{\"devices:\":[{\"real_power_mw\":-500000,\"soc\":60},"
                      "{\"real_power_mw\":-300400,\"soc\":70}]}"),
            EMS_OK);
    check_value(&r, EMS_BATTERY_W, -800);
    check_value(&r, EMS_SOC_PERMILLE, 650);
    check_i64(page("/ivp/ensemble/secctrl", 200, "{\"agg_soc\":63.5}"), EMS_OK);
    check_value(&r, EMS_SOC_PERMILLE, 635);
    assert_false(ems_rig_more(&r));
}

static void the_live_page_is_switched_on_where_it_is_needed(void **state)
{
    static const char off[] = "{\"connection\":{\"sc_stream\":\"disabled\"},\"meters\":{"
                              "\"last_update\":1795521000,\"soc\":40,\"storage\":{\"agg_p_mw\":"
                              "250000}}}";

    (void)state;
    start("{\"url\":\"https://envoy\",\"insecure\":true,\"token\":\"" TOKEN "\"}");
    check_i64(page("/info", 200, INFO("D8.2.4345", "<imeter>true</imeter>")), EMS_OK);
    check_i64(page("/ivp/meters", 404, ""), EMS_OK);
    check_i64(page("/production.json", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/power", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/inventory", 200,
                      "[{\"type\":\"ENCHARGE\",\"devices\":[{\"percentFull\":15}]}]"),
            EMS_OK);
    check_i64(page("/ivp/ensemble/secctrl", 404, ""), EMS_OK);
    check_i64(page("/ivp/livedata/status", 200, off), EMS_OK);
    check_value(&r, EMS_SOC_PERMILLE, 150);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    check_value(&r, EMS_BATTERY_W, 250);
    check_i64(r.reports.field[EMS_BATTERY_W].source_utc_ms, INT64_C(1795521000000));
    check_i64(page("/ivp/livedata/stream", 200, "{\"sc_stream\":\"enabled\"}"), EMS_OK);
    check_str(r.request.body, "{\"enable\":1}");
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r);
    check_i64(page("/ivp/ensemble/inventory", 200, "[]"), EMS_OK);
    check_i64(page("/ivp/livedata/status", 200, off), EMS_OK);
    assert_false(ems_rig_more(&r)); /* not each time */
}

static void a_round_without_values_says_what_to_change(void **state)
{
    static const struct {
        const char *options, *software;
        int status;
        enum ems_class class;
        const char *text;
    } cases[] = {{"\"url\":\"https://e\"", "D7.6.175", 401, EMS_AUTH, "wants a token"},
            {"\"url\":\"https://e\",\"token\":\"" TOKEN "\"", "D7.6.175", 403, EMS_AUTH,
                    "is it for the gateway 482100000042"},
            {"\"url\":\"https://e\"", "D6.0.1", 401, EMS_AUTH, "last 6 digits"},
            {"\"url\":\"http://e\"", "D7.6.175", 301, EMS_NOT_FOUND, "https://HOST"},
            {"\"url\":\"http://e\"", "D5.0.62", 503, EMS_SERVER, "restarts"},
            {"\"url\":\"http://e\"", "D5.0.62", 404, EMS_NOT_FOUND, "none of the pages"},
            {"\"url\":\"http://e\"", "D5.0.62", 200, EMS_DATA, "holds no values"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char options[400], info[200];
        enum ems_class class = EMS_OK;

        (void)snprintf(options, sizeof(options), "{%s}", cases[i].options);
        (void)snprintf(info, sizeof(info), INFO("%s", ""), cases[i].software);
        start(options);
        check_i64(page("/info", 200, info), EMS_OK);
        while (class == EMS_OK && ems_rig_more(&r)) {
            class = page("", cases[i].status, "{}");
        }
        check_i64(class, cases[i].class);
        check_has(r.e.text, cases[i].text);
    }
    start("{\"url\":\"https://e\"}");
    check_i64(page("/info", 429, ""), EMS_RATE);
    start("{\"url\":\"https://e\",\"token\":\"" OLD_TOKEN "\"}");
    r.session.utc_ms = INT64_C(1800000000000);
    check_i64(page("/info", 200, INFO("D7.6.175", "")), EMS_OK);
    for (enum ems_class class = EMS_OK; class == EMS_OK;) {
        class = page("", 401, "");
    }
    check_has(r.e.text, "token ended at 2026-11-24T12:06:40Z; make a new one");
}

static void a_token_is_made_kept_and_taken_up_again(void **state)
{
    (void)state;
    start("{\"url\":\"https://envoy\",\"insecure\":true," ACCOUNT "}");
    check_i64(step("https://envoy/info", 200, INFO("D7.6.175", "")), EMS_OK);
    check_i64(step("https://enlighten.enphaseenergy.com/login/login.json", 200,
                      "{\"message\":\"success\",\"session_id\":\"s1\"}"),
            EMS_OK);
    assert_true(r.request.elsewhere);
    check_str(r.request.body, "user%5Bemail%5D=me%40x&user%5Bpassword%5D=p%26w");
    check_i64(step("https://entrez.enphaseenergy.com/tokens", 200, TOKEN "\n"), EMS_OK);
    check_str(r.request.body,
            "{\"session_id\":\"s1\",\"serial_num\":\"482100000042\",\"username\":\"me@x\"}");
    check_str(r.session.token, TOKEN);
    check_str(r.session.keep, TOKEN);
    no_more_login();
    check_i64(page("/ivp/meters", 200, METERS), EMS_OK); /* /info is known */
    check_str(r.request.bearer, TOKEN);
    /* A restart, or a refusal: the host drops the token and the memory, not what is kept. */
    r.session.token[0] = '\0';
    memset(r.session.memo, 0, sizeof(r.session.memo));
    check_i64(step("/info", 200, INFO("D7.6.175", "")), EMS_OK);
    check_i64(step("/auth/check_jwt", 200, "Valid token."), EMS_OK);
    check_str(r.request.bearer, TOKEN);
    check_str(r.session.token, TOKEN);
    /* A gateway that does not take it any more: a new one. */
    r.session.token[0] = '\0';
    check_i64(step("/auth/check_jwt", 401, ""), EMS_OK);
    check_str(r.session.keep, "");
    check_i64(step("/login/login.json", 200, "{\"session_id\":\"s2\"}"), EMS_OK);
    check_i64(step("/tokens", 200, "no"), EMS_AUTH);
    check_has(r.e.text, "no token for the gateway 482100000042");
    check_i64(step("/login/login.json", 401, "{}"), EMS_AUTH);
    check_has(r.e.text, "does not take enlighten_user");
    check_i64(step("/login/login.json", 200, "{\"message\":\"mfa\"}"), EMS_AUTH);
    check_has(r.e.text, "a second factor");
    check_i64(step("/login/login.json", 503, ""), EMS_SERVER);
}

static void open_firmware_needs_no_account(void **state)
{
    (void)state;
    start("{\"url\":\"http://envoy\"," ACCOUNT "}");
    check_i64(step("/info", 200, INFO("D5.0.62", "")), EMS_OK);
    no_more_login();
}

static void an_old_token_serves_while_a_new_one_is_made(void **state)
{
    (void)state;
    start("{\"url\":\"https://envoy\",\"insecure\":true," ACCOUNT "}");
    (void)snprintf(r.session.keep, sizeof(r.session.keep), "%s", OLD_TOKEN);
    check_i64(step("/info", 200, INFO("D7.6.175", "")), EMS_OK);
    check_i64(step("/auth/check_jwt", 200, ""), EMS_OK);
    check_i64(page("/ivp/meters", 404, ""), EMS_OK);
    check_i64(page("/production.json", 404, ""), EMS_OK);
    check_i64(page("/api/v1/production", 200, "{\"wattsNow\":5}"), EMS_OK);
    check_str(r.request.bearer, OLD_TOKEN);
    check_i64(page("/ivp/ensemble/power", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/inventory", 404, ""), EMS_OK);
    check_i64(page("/login/login.json", 503, ""), EMS_OK); /* costs nothing */
    assert_false(ems_rig_more(&r));
    check_str(r.session.token, OLD_TOKEN);
    ems_rig_round(&r);
    check_i64(page("/api/v1/production", 200, "{\"wattsNow\":5}"), EMS_OK);
    assert_false(ems_rig_more(&r)); /* not each round */
    r.session.utc_ms += 6 * 3600 * 1000 + 1;
    ems_rig_round(&r);
    check_i64(page("/info", 200, INFO("D7.6.175", "")), EMS_OK);
    check_i64(page("/ivp/meters", 404, ""), EMS_OK);
    check_i64(page("/production.json", 404, ""), EMS_OK);
    check_i64(page("/api/v1/production", 200, "{\"wattsNow\":5}"), EMS_OK);
    check_i64(page("/ivp/ensemble/power", 404, ""), EMS_OK);
    check_i64(page("/ivp/ensemble/inventory", 404, ""), EMS_OK);
    check_i64(page("/login/login.json", 200, "{\"session_id\":\"s1\"}"), EMS_OK);
    check_i64(page("/tokens", 200, TOKEN), EMS_OK);
    check_str(r.session.token, TOKEN);
    check_str(r.session.keep, TOKEN);
}

#define CLOUD                                                                               \
    "\"url\":\"https://api.enphaseenergy.com\",\"system_id\":\"77\",\"client_id\":\"app\"," \
    "\"client_secret\":\"s3cret\",\"api_key\":\"k&y\",\"refresh_token\":\"first\""

static void the_cloud_changes_its_refresh_token_with_each_login(void **state)
{
    (void)state;
    start("{" CLOUD "}");
    check_i64(ems_habit_of(r.a, r.config).interval_s, 900);
    check_i64(step("https://api.enphaseenergy.com/oauth/token", 200,
                      "{\"access_token\":\"a1\",\"refresh_token\":\"second\"}"),
            EMS_OK);
    check_str(r.request.body, "grant_type=refresh_token&refresh_token=first");
    check_str(r.request.login_user, "app");
    assert_true(r.request.login_basic);
    check_str(r.session.keep, "second");
    no_more_login();
    check_i64(page("/api/v4/systems/77/latest_telemetry?key=k%26y", 200,
                      "{\"devices\":{\"meters\":[{\"name\":\"production\",\"last_report_at\":"
                      "1795521000,\"power\":1890},{\"name\":\"production\",\"last_report_at\":"
                      "1795520900,\"power\":10},{\"name\":\"consumption\",\"power\":null}],"
                      "\"encharges\":[{\"name\":\"IQ\",\"power\":-300,\"last_report_at\":"
                      "1795521000}]}}"),
            EMS_OK);
    check_str(r.request.bearer, "a1");
    check_value(&r, EMS_PV_W, 1900);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, INT64_C(1795520900000));
    check_none(&r, EMS_CONSUMPTION_W, "no power of it");
    check_value(&r, EMS_BATTERY_W, -300);
    assert_false(ems_rig_more(&r));
    r.session.token[0] = '\0';
    check_i64(step("/oauth/token", 401, "{}"),
            EMS_OK); /* the kept one; then that of the settings */
    check_i64(step("/oauth/token", 401, "{}"), EMS_AUTH);
    check_str(r.request.body, "grant_type=refresh_token&refresh_token=first");
    check_has(r.e.text, "authorize again");
}

static void the_summary_serves_where_telemetry_does_not(void **state)
{
    (void)state;
    start("{" CLOUD "}");
    (void)snprintf(r.session.token, sizeof(r.session.token), "a1");
    check_i64(page("latest_telemetry", 404, ""), EMS_OK);
    check_i64(page("/summary?key=", 200,
                      "{\"current_power\":1890,\"last_report_at\":1795521000}"),
            EMS_OK);
    check_value(&r, EMS_PV_W, 1890);
    ems_rig_round(&r);
    check_i64(page("latest_telemetry", 429, ""), EMS_RATE);
    check_i64(r.session.wait_s, 3600);
}

static void settings_say_what_is_missing(void **state)
{
    (void)state;
    ems_rig_init(
            &r, "enphase", "{\"url\":\"https://e\",\"system_id\":\"7x\",\"api_key\":\"k\"}");
    check_i64(r.errs.count, 4);
    check_has(r.errs.text[0], "client_id: is missing");
    check_has(r.errs.text[3], "'7x' is not a number");
    ems_rig_init(&r, "enphase", "{\"url\":\"https://e\",\"enlighten_user\":\"me\"}");
    check_has(r.errs.text[0], "enlighten_password: is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_oldest_gateways_have_a_web_page),
            cmocka_unit_test(firmware_3_9_has_one_page_and_is_not_asked_for_others_again),
            cmocka_unit_test(firmware_5_and_6_get_the_login_that_they_came_with),
            cmocka_unit_test(readings_of_meters_count_before_all_else),
            cmocka_unit_test(the_house_that_is_the_grid_gets_the_sun_added),
            cmocka_unit_test(batteries_come_in_milliwatts_and_by_their_size),
            cmocka_unit_test(the_live_page_is_switched_on_where_it_is_needed),
            cmocka_unit_test(a_round_without_values_says_what_to_change),
            cmocka_unit_test(a_token_is_made_kept_and_taken_up_again),
            cmocka_unit_test(open_firmware_needs_no_account),
            cmocka_unit_test(an_old_token_serves_while_a_new_one_is_made),
            cmocka_unit_test(the_cloud_changes_its_refresh_token_with_each_login),
            cmocka_unit_test(the_summary_serves_where_telemetry_does_not),
            cmocka_unit_test(settings_say_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
