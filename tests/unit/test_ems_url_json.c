/*
 * test_ems_url_json - the adapter for any JSON or plain number over HTTP.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "tests/support/ems_rig.h"

static struct ems_rig r;

static const char nested[] =
        "{\"site\":{\"grid\":{\"power\":\"-812.5\",\"unit\":\"W\"},"
        "\"pv\":[{\"power\":900},{\"power\":450.25}],\"battery\":{\"power\":null,\"soc\":\"41.5\"},"
        "\"phase\":[{\"i\":3.21},{\"i\":\"0.4 A\"},{\"i\":-1}]},\"ts\":1715508011,"
        "\"iso\":\"2024-05-12T10:00:11+02:00\",\"ms\":1715508011123}";

static void one_answer_feeds_every_field(void **state)
{
    (void)state;
    ems_rig_init(&r, "url_json",
            "{\"url\":\"http://meter/all\",\"grid_w\":\"site.grid.power\",\"pv_w\":\"site.pv[*].power\","
            "\"soc\":\"site.battery.soc\",\"battery_w\":\"site.battery.power\",\"time\":\"ts\","
            "\"current_l1\":\"site.phase[0].i\",\"current_l2\":\"-site.phase[1].i\","
            "\"consumption_w\":\"site.pv[0].power + site.grid.power * 0.5 - site.phase[0].i\"}");
    check_i64(r.errs.count, 0);
    check_i64(ems_rig_answer(&r, nested), EMS_OK);
    check_str(r.request.url, "http://meter/all");
    check_value(&r, EMS_GRID_W, -813);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1715508011000));
    check_str(r.reports.field[EMS_GRID_W].raw, "-812.5");
    check_value(&r, EMS_PV_W, 1350);
    check_value(&r, EMS_SOC_PERMILLE, 415);
    check_none(&r, EMS_BATTERY_W, "site.battery.power has no value");
    check_value(&r, EMS_CURRENT_L1_MA, 3210);
    check_value(&r, EMS_CURRENT_L2_MA, -400);
    check_value(&r, EMS_CONSUMPTION_W, 491); /* 900 - 406.25 - 3.21 */
    check_i64(r.reports.field[EMS_VOLTAGE_L1_MV].said, EMS_SAID_NOTHING);
}

static void times_are_seconds_milliseconds_or_iso_and_a_missing_one_is_no_data(void **state)
{
    static const struct {
        const char *path;
        int64_t want;
    } rows[] = {{"ts", INT64_C(1715508011000)}, {"ms", INT64_C(1715508011123)},
            {"iso", INT64_C(1715500811000)}};
    char options[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)str_format(options, sizeof(options),
                "{\"url\":\"http://x/\",\"pv_w\":\"site.pv[0].power\",\"time\":\"%s\"}",
                rows[i].path);
        ems_rig_init(&r, "url_json", options);
        check_i64(ems_rig_answer(&r, nested), EMS_OK);
        check_i64(r.reports.field[EMS_PV_W].source_utc_ms, rows[i].want);
    }
    ems_rig_init(&r, "url_json", "{\"url\":\"http://x/\",\"pv_w\":\"pv\",\"time\":\"when\"}");
    check_i64(ems_rig_answer(&r, "{\"pv\":1}"), EMS_OK);
    check_none(&r, EMS_PV_W, "the time of measurement is not there");
}

static void a_default_counts_where_nothing_is_there_but_not_for_what_is_wrong(void **state)
{
    (void)state;
    ems_rig_init(&r, "url_json",
            "{\"url\":\"http://x/\",\"pv_w\":\"ac // 0\",\"grid_w\":\"g // 5\",\"soc\":\"s // 1\"}");
    check_i64(ems_rig_answer(&r, "{\"ac\":null,\"s\":\"full\"}"), EMS_OK);
    check_value(&r, EMS_PV_W, 0);
    check_value(&r, EMS_GRID_W, 5);
    check_none(&r, EMS_SOC_PERMILLE, "s is not a number");
}

static void plain_numbers_are_read_with_and_without_a_unit(void **state)
{
    static const char *const rows[] = {"1234.5", "1234.5 W\r\n", "1.2345kW", "\"1234.5\""};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "url_json", "{\"url\":\"http://x/\",\"grid_w\":\"$\"}");
        check_i64(ems_rig_answer(&r, rows[i]), EMS_OK);
        check_value(&r, EMS_GRID_W, 1235);
        assert_null(strpbrk(r.reports.field[EMS_GRID_W].raw, "\r\n"));
    }
}

static void wrong_answers_cost_the_field_or_say_what_they_are(void **state)
{
    (void)state;
    ems_rig_init(&r, "url_json", "{\"url\":\"http://x/\",\"grid_w\":\"p\",\"pv_w\":\"q\"}");
    check_i64(ems_rig_answer(&r, "{\"p\":true,\"q\":7}"), EMS_OK);
    check_none(&r, EMS_GRID_W, "p is not a number");
    check_value(&r, EMS_PV_W, 7);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"p\":1e300,\"q\":\"12 V\"}"), EMS_OK);
    check_none(&r, EMS_GRID_W, "p is not a number");
    check_none(&r, EMS_PV_W, "q has a unit that does not belong here");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<html><body>502 Bad Gateway</body></html>"), EMS_DATA);
    check_has(r.e.text, "a web page, not JSON");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"p\":12,\"q\""), EMS_DATA);
    check_has(r.e.text, "begins with: {\"p\":12");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, ""), EMS_DATA);
    check_has(r.e.text, "empty");
    check_i64(ems_said(&r.reports), 0);
}

static void xml_is_read_by_the_same_paths(void **state)
{
    static const char body[] =
            "<?xml version=\"1.0\"?><Data at=\"1780000000\"><Grid><Now>-812.5</Now></Grid>"
            "<Mtu id=\"1\">900</Mtu><Mtu id=\"2\">450</Mtu><Soc unit=\"x\"> 41.5 % </Soc></Data>";

    (void)state;
    ems_rig_init(&r, "url_json",
            "{\"url\":\"http://x/\",\"grid_w\":\"Data.Grid.Now\",\"time\":\"Data.\\\"@at\\\"\","
            "\"pv_w\":\"Data.Mtu[*].\\\"#text\\\"\",\"soc\":\"Data.Soc.\\\"#text\\\"\","
            "\"battery_w\":\"Data.Battery\"}");
    check_i64(r.errs.count, 0);
    check_i64(ems_rig_answer(&r, body), EMS_OK);
    check_value(&r, EMS_GRID_W, -813);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1780000000000));
    check_value(&r, EMS_PV_W, 1350);
    check_value(&r, EMS_SOC_PERMILLE, 415);
    check_none(&r, EMS_BATTERY_W, "Battery is not in Data");
    ems_rig_init(&r, "url_json",
            "{\"url\":\"http://x/\",\"format\":\"xml\",\"grid_w\":\"Data.Grid\"}");
    check_i64(ems_rig_answer(&r, "<Data><Grid>12"), EMS_DATA);
    check_has(r.e.text, "not XML (line 1: no element found); it begins with: <Data><Grid>12");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<!DOCTYPE html><html><body/></html>"), EMS_DATA);
    check_has(r.e.text, "a web page, not XML");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, " \n"), EMS_DATA);
    check_has(r.e.text, "empty");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"Data\":1}"), EMS_DATA);
    check_has(r.e.text, "not XML");
}

static void settings_that_cannot_work_are_named(void **state)
{
    static const char *const rows[][2] = {
            {"{\"url\":\"ftp://x\",\"grid_w\":\"p\"}", "sources[0].url: is not http://HOST"},
            {"{\"url\":\"http://u:pw@x/\",\"grid_w\":\"p\"}", "sources[0].url: holds a user"},
            {"{\"url\":\"http://x/\"}", "sources[0].grid_w: nothing is read"},
            {"{\"url\":\"http://x/\",\"grid_w\":\"a..b\"}", "sources[0].grid_w: path 'a..b'"},
            {"{\"url\":\"http://x/\",\"pv_w\":\"a ? b\"}",
                    "sources[0].pv_w: '? b' is none of + - * //"},
            {"{\"url\":\"http://x/\",\"pv_w\":\"a * x\"}",
                    "sources[0].pv_w: 'x' is not a number"},
            {"{\"url\":\"http://x/\",\"pv_w\":\"a\",\"time\":\"a + b\"}",
                    "sources[0].time: is not one path"},
            {"{\"url\":\"http://x/\",\"pv_w\":\"a\",\"auth\":\"digest\"}",
                    "sources[0].username: is missing"},
            {"{\"url\":\"http://x/\",\"pv_w\":\"a\",\"auth\":\"query\",\"token\":\"t\"}",
                    "sources[0].auth_name: is missing"},
            {"{\"url\":\"https://x/\",\"pv_w\":\"a\",\"fingerprint\":\"12:34\"}",
                    "sources[0].fingerprint: is not 64"},
            {"{\"grid_w\":\"a\"}", "sources[0].url: is missing"},
            {"{\"url\":\"http://x/\",\"gird_w\":\"a\",\"pv_w\":\"b\"}", "did you mean grid_w?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "url_json", rows[i][0]);
        check_i64(r.errs.count, 1);
        check_has(r.errs.text[0], rows[i][1]);
        assert_null(strstr(r.errs.text[0], "pw"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_answer_feeds_every_field),
            cmocka_unit_test(
                    times_are_seconds_milliseconds_or_iso_and_a_missing_one_is_no_data),
            cmocka_unit_test(a_default_counts_where_nothing_is_there_but_not_for_what_is_wrong),
            cmocka_unit_test(plain_numbers_are_read_with_and_without_a_unit),
            cmocka_unit_test(wrong_answers_cost_the_field_or_say_what_they_are),
            cmocka_unit_test(xml_is_read_by_the_same_paths),
            cmocka_unit_test(settings_that_cannot_work_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
