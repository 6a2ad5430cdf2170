/*
 * test_ems_powerwall - a Powerwall's gateway and cloud: pages, login, what counts as a value.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

/* After the recorded shape, with values of our own. */
#define PART(name, power, more)                                                          \
    "\"" name "\":{\"last_communication_time\":\"2026-11-24T13:00:04.120340501+01:00\"," \
    "\"instant_power\":" power more "}"
#define DAY                                                                             \
    "{" PART("site", "-1842.6",                                                         \
            ",\"frequency\":49.98,\"instant_average_voltage\":231.4,\"i_a_current\":0," \
            "\"i_b_current\":0,\"i_c_current\":0") "," PART("battery", "-1500",         \
            "") "," PART("load", "655.5", "") "," PART("solar", "3998.1", "") "}"
#define SITE                                                                                 \
    "[{\"location\":\"site\",\"Cached_readings\":{\"i_a_current\":3.1,\"i_b_current\":2.25," \
    "\"i_c_current\":0,\"v_l1n\":231.5,\"v_l2n\":230.25,\"v_l3n\":0.2,"                      \
    "\"real_power_a\":-712.3,\"real_power_b\":500.1}}]"
#define LOGIN "{\"token\":\"tok3n-of-it\",\"provider\":\"Basic\"}"

static enum ems_class log_in(int status, const char *body, const char *cookies)
{
    struct ems_answer a = {.status = status,
            .body = body,
            .len = strlen(body),
            .cookies = cookies,
            .content_type = "",
            .topic = ""};

    memset(&r.request, 0, sizeof(r.request));
    assert_true(r.a->login(r.config, &r.session, 0, &r.request));
    r.e = (struct err){0};
    return r.a->logged_in(r.config, &r.session, &a, &r.e);
}

static void a_round_reads_three_pages(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw\",\"insecure\":true}");
    check_i64(r.errs.count, 0);
    check_i64(ems_rig_answer(&r, DAY), EMS_OK);
    check_str(r.request.url, "https://gw/api/meters/aggregates");
    check_value(&r, EMS_GRID_W, -1843);
    check_value(&r, EMS_PV_W, 3998);
    check_value(&r, EMS_BATTERY_W, -1500);
    check_value(&r, EMS_CONSUMPTION_W, 656);
    check_value(&r, EMS_VOLTAGE_L1_MV, 231400);
    check_none(&r, EMS_CURRENT_L1_MA, "measures no currents");
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795521604120));
    check_i64(ems_rig_answer(&r, "{\"percentage\":68.94}"), EMS_OK);
    check_str(r.request.url, "https://gw/api/system_status/soe");
    check_value(&r, EMS_SOC_PERMILLE, 689);
    check_i64(ems_rig_answer(&r, SITE), EMS_OK);
    check_str(r.request.url, "https://gw/api/meters/site");
    check_value(&r, EMS_VOLTAGE_L2_MV, 230250);
    check_none(&r, EMS_VOLTAGE_L3_MV, "nothing is connected");
    check_value(&r, EMS_CURRENT_L1_MA, -3100);
    check_value(&r, EMS_CURRENT_L2_MA, 2250);
    check_none(&r, EMS_CURRENT_L3_MA, "measures no currents");
    assert_false(ems_rig_more(&r));
}

static void a_missing_page_costs_its_values_and_is_not_asked_again(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw/api/status\",\"insecure\":true}");
    check_i64(ems_rig_answer(&r, DAY), EMS_OK);
    check_str(r.request.url, "https://gw/api/meters/aggregates");
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_OK);
    check_none(&r, EMS_SOC_PERMILLE, "soe gives no answer");
    check_i64(ems_rig_status(&r, 404, "no", 2), EMS_OK);
    check_value(&r, EMS_GRID_W, -1843);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, DAY), EMS_OK);
    check_i64(ems_rig_answer(&r, "<html>"), EMS_OK);
    check_none(&r, EMS_SOC_PERMILLE, "no answer that can be read");
    assert_false(ems_rig_more(&r));
}

static void a_voltage_that_fits_no_phase_is_unknown(void **state)
{
    static const struct {
        const char *hertz, *volts;
        bool known;
    } cases[] = {{"60.03", "239.8", false}, {"59.98", "121.2", true}, {"50", "123.88", false},
            {"50.02", "229.1", true}, {"50", "694.2", false}, {"0", "230", false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char body[256];

        (void)snprintf(body, sizeof(body),
                "{\"site\":{\"instant_power\":1,\"frequency\":%s,\"instant_average_voltage\":%s}}",
                cases[i].hertz, cases[i].volts);
        ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw\",\"insecure\":true}");
        check_i64(ems_rig_answer(&r, body), EMS_OK);
        check_i64(r.reports.field[EMS_VOLTAGE_L1_MV].said == EMS_SAID_VALUE, cases[i].known);
    }
}

static void a_meter_that_never_answered_is_unknown(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw\",\"insecure\":true}");
    check_i64(ems_rig_answer(&r, "{\"site\":{\"instant_power\":5},\"solar\":{"
                                 "\"last_communication_time\":\"0001-01-01T00:00:00Z\","
                                 "\"instant_power\":0}}"),
            EMS_OK);
    check_value(&r, EMS_GRID_W, 5);
    check_none(&r, EMS_PV_W, "solar has never answered");
    check_none(&r, EMS_BATTERY_W, "battery");
}

static void currents_without_a_direction_are_unknown(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw\",\"insecure\":true}");
    check_i64(ems_rig_answer(&r, "{\"site\":{\"instant_power\":-900,\"i_a_current\":4,"
                                 "\"i_b_current\":1,\"i_c_current\":0}}"),
            EMS_OK);
    check_none(&r, EMS_CURRENT_L1_MA, "without a direction");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"site\":{\"instant_power\":-900,\"i_a_current\":4,"
                                 "\"i_b_current\":0,\"i_c_current\":0}}"),
            EMS_OK);
    check_value(&r, EMS_CURRENT_L1_MA, -4000);
}

static void the_login_gives_cookies_or_a_token(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall",
            "{\"url\":\"https://gw\",\"insecure\":true,\"password\":\"a\\\"b\",\"email\":\"me@x\"}");
    check_i64(log_in(200, LOGIN, "AuthCookie=c1; UserRecord=u1"), EMS_OK);
    check_str(r.request.url, "https://gw/api/login/Basic");
    check_str(r.request.body, "{\"username\":\"customer\",\"password\":\"a\\\"b\","
                              "\"email\":\"me@x\",\"force_sm_off\":false}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.header[0], "Cookie: AuthCookie=c1; UserRecord=u1");
    check_str(r.request.bearer, "tok3n-of-it");
    memset(r.session.memo, 0, sizeof(r.session.memo));
    r.session.token[0] = '\0';
    check_i64(log_in(200, LOGIN, ""), EMS_OK);
    assert_true(ems_rig_more(&r));
    check_str(r.request.bearer, "tok3n-of-it");
    check_str(r.request.header[0], "");
}

static void a_refusal_says_what_to_change(void **state)
{
    static const struct {
        int status;
        enum ems_class class;
        int wait_s;
        const char *text;
    } cases[] = {{401, EMS_AUTH, 300, "the login is not taken"},
            {403, EMS_AUTH, 300, "the login is not taken"}, {429, EMS_RATE, 300, "too often"},
            {502, EMS_SERVER, 300, "its system is stopped"},
            {503, EMS_SERVER, 300, "its system is stopped"}, {500, EMS_SERVER, 0, "a fault"},
            {404, EMS_NOT_FOUND, 300, "A Powerwall 3 has no local pages"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "powerwall",
                "{\"url\":\"https://gw\",\"insecure\":true,\"password\":\"abcde\"}");
        assert_true(ems_rig_more(&r));
        assert_true(r.request.any_status);
        check_i64(ems_rig_parse(&r, (struct ems_answer){.status = cases[i].status, .body = ""}),
                cases[i].class);
        check_has(r.e.text, cases[i].text);
        check_i64(r.session.wait_s, cases[i].wait_s);
    }
    check_i64(log_in(404, "", ""), EMS_OK); /* no login: its pages may be open */
    assert_true(ems_rig_more(&r));
    check_str(r.request.bearer, "");
    check_i64(log_in(429, "", ""), EMS_RATE);
    check_i64(log_in(200, "{}", ""), EMS_OK); /* still the session of before */
    r.session.token[0] = '\0';
    check_i64(log_in(200, "{}", ""), EMS_DATA);
    check_has(r.e.text, "holds no token");
}

static void the_cloud_is_asked_for_the_site_and_its_state(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://api.teslemetry.com\",\"token\":\"t0k\"}");
    check_i64(r.errs.count, 0);
    check_i64(ems_habit_of(r.a, r.config).interval_s, 60);
    assert_false(r.a->login(r.config, &r.session, 0, &r.request));
    check_i64(
            ems_rig_answer(&r, "{\"response\":[{\"id\":1},{\"energy_site_id\":77}]}"), EMS_OK);
    check_str(r.request.url, "https://api.teslemetry.com/api/1/products");
    check_str(r.request.bearer, "t0k");
    check_i64(ems_rig_answer(&r, "{\"response\":{\"solar_power\":2210,\"percentage_charged\":"
                                 "81.254,\"battery_power\":-1200.5,\"load_power\":640,"
                                 "\"grid_power\":-369.5,\"timestamp\":"
                                 "\"2026-11-24T04:00:19-08:00\"}}"),
            EMS_OK);
    check_str(r.request.url, "https://api.teslemetry.com/api/1/energy_sites/77/live_status");
    check_value(&r, EMS_GRID_W, -370);
    check_value(&r, EMS_BATTERY_W, -1201);
    check_value(&r, EMS_SOC_PERMILLE, 813);
    check_value(&r, EMS_CONSUMPTION_W, 640);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, INT64_C(1795521619000));
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r);
    assert_true(ems_rig_more(&r)); /* the site is known now */
    check_str(r.request.url, "https://api.teslemetry.com/api/1/energy_sites/77/live_status");
    check_i64(ems_rig_answer(&r, "{\"response\":null,\"error\":\"vehicle unavailable\"}"),
            EMS_DATA);
    check_has(r.e.text, "vehicle unavailable");
}

static void an_address_may_name_the_site(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall",
            "{\"url\":\"https://proxy/api/1/energy_sites/77\",\"token\":\"t0k\"}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "https://proxy/api/1/energy_sites/77/live_status");
    ems_rig_init(&r, "powerwall",
            "{\"url\":\"https://proxy/api/1/energy_sites/77/live_status\",\"token\":\"t0k\"}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "https://proxy/api/1/energy_sites/77/live_status");
}

static void several_sites_want_a_choice(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://api.teslemetry.com\",\"token\":\"t0k\"}");
    check_i64(ems_rig_answer(
                      &r, "{\"response\":[{\"energy_site_id\":1},{\"energy_site_id\":7}]}"),
            EMS_DATA);
    check_has(r.e.text, "2 energy sites; say which by site_id");
}

static void the_app_counts_without_the_lowest_part(void **state)
{
    static const struct {
        const char *body;
        int64_t permille;
    } cases[] = {{"{\"percentage\":100}", 1000}, {"{\"percentage\":5}", 0},
            {"{\"percentage\":52.5}", 500}, {"{\"percentage\":2}", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "powerwall",
                "{\"url\":\"https://gw\",\"insecure\":true,\"app_percent\":true}");
        check_i64(ems_rig_answer(&r, DAY), EMS_OK);
        check_i64(ems_rig_answer(&r, cases[i].body), EMS_OK);
        check_value(&r, EMS_SOC_PERMILLE, cases[i].permille);
    }
}

static void settings_say_what_is_missing(void **state)
{
    (void)state;
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw\",\"site_id\":\"12x\"}");
    check_i64(r.errs.count, 1);
    check_has(r.errs.text[0], "site_id: '12x' is not a number");
    check_has(r.warnings.text[0], "token: is missing");
    ems_rig_init(&r, "powerwall", "{\"url\":\"https://gw\"}");
    check_i64(r.warnings.count, 1);
    check_has(r.warnings.text[0], "signs its certificate itself");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_round_reads_three_pages),
            cmocka_unit_test(a_missing_page_costs_its_values_and_is_not_asked_again),
            cmocka_unit_test(a_voltage_that_fits_no_phase_is_unknown),
            cmocka_unit_test(a_meter_that_never_answered_is_unknown),
            cmocka_unit_test(currents_without_a_direction_are_unknown),
            cmocka_unit_test(the_login_gives_cookies_or_a_token),
            cmocka_unit_test(a_refusal_says_what_to_change),
            cmocka_unit_test(the_cloud_is_asked_for_the_site_and_its_state),
            cmocka_unit_test(an_address_may_name_the_site),
            cmocka_unit_test(several_sites_want_a_choice),
            cmocka_unit_test(the_app_counts_without_the_lowest_part),
            cmocka_unit_test(settings_say_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
