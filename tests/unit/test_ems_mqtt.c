/*
 * test_ems_mqtt - topics and messages of the generic adapter. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

#define OPTIONS                                                                             \
    "\"url\":\"mqtt://broker\",\"topic\":\"h/meter\",\"grid_w\":\"power\",\"soc\":\"soc\"," \
    "\"time\":\"time\",\"pv_w_topic\":\"h/pv\",\"availability_topic\":\"h/alive\""

static struct ems_rig r;

static int setup(void **state)
{
    (void)state;
    ems_rig_init(&r, "mqtt", "{" OPTIONS "}");
    check_i64(r.errs.count, 0);
    check_i64(r.warnings.count, 0);
    return 0;
}

static void message(const char *topic, const char *text, bool retained)
{
    memset(&r.reports, 0, sizeof(r.reports));
    check_i64(ems_rig_parse(&r, (struct ems_answer){.pushed = true,
                                        .status = 200,
                                        .topic = topic,
                                        .body = text,
                                        .len = strlen(text),
                                        .retained = retained}),
            EMS_OK);
}

static void each_topic_is_listened_to_once(void **state)
{
    static const char *const topics[] = {"h/alive", "h/meter", "h/pv"};
    struct ems_request q = {.bare = false};
    int n = 0;

    (void)state;
    for (; r.a->listen(r.config, &r.session, n, &q); n++) {
        check_i64(n < 3, true);
        check_str(q.topic, topics[n]);
    }
    check_i64(n, 3);
    check_i64(r.a->fields(r.config),
            EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_SOC_PERMILLE));
    check_i64(ems_transport_of(r.a, r.config), EMS_OVER_MQTT);
}

static void one_message_feeds_all_fields_of_its_topic(void **state)
{
    (void)state;
    message("h/meter", "{\"power\":-640,\"soc\":\"41.5\",\"time\":\"2026-11-24T06:00:00Z\"}",
            false);
    check_value(&r, EMS_GRID_W, -640);
    check_value(&r, EMS_SOC_PERMILLE, 415);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500000000));
    check_i64(r.reports.field[EMS_PV_W].said, EMS_SAID_NOTHING);
    message("h/meter", "{\"power\":null,\"soc\":7,\"time\":1795500000}", false);
    check_none(&r, EMS_GRID_W, "power");
    check_value(&r, EMS_SOC_PERMILLE, 70);
}

static void plain_numbers_may_have_a_unit(void **state)
{
    (void)state;
    message("h/pv", "1234.5", false);
    check_value(&r, EMS_PV_W, 1235);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, 0);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    message("h/pv", " 2.4 kW\n", false);
    check_value(&r, EMS_PV_W, 2400);
    message("h/pv", "\"0.3 kW\"", false);
    check_value(&r, EMS_PV_W, 300);
    message("h/pv", "unavailable", false);
    check_none(&r, EMS_PV_W, "");
    message("h/pv", "17 V", false);
    check_none(&r, EMS_PV_W, "unit");
    message("h/pv",
            "<html>a page that is much longer than any number with a unit may be</html>",
            false);
    check_none(&r, EMS_PV_W, "neither JSON nor a plain number");
}

static void a_kept_message_counts_only_with_a_time(void **state)
{
    (void)state;
    message("h/pv", "1234.5", true);
    check_none(&r, EMS_PV_W, "how old it is");
    check_str(r.reports.field[EMS_PV_W].raw, "1234.5");
    message("h/meter", "{\"power\":-640,\"soc\":4,\"time\":1795500000}", true);
    check_value(&r, EMS_GRID_W, -640);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500000000));
}

static void a_message_without_its_time_is_none(void **state)
{
    (void)state;
    message("h/meter", "{\"power\":-640,\"soc\":4}", false);
    check_none(&r, EMS_GRID_W, "(time)");
    message("h/meter", "-640", false); /* no JSON object */
    check_none(&r, EMS_GRID_W, "");
}

static void an_empty_message_means_deleted(void **state)
{
    (void)state;
    message("h/pv", "", false);
    check_none(&r, EMS_PV_W, "deleted");
    message("h/meter", "", false);
    check_none(&r, EMS_GRID_W, "deleted");
    check_none(&r, EMS_SOC_PERMILLE, "deleted");
}

static void a_device_that_is_offline_has_no_values(void **state)
{
    static const char *const words[] = {"offline", "{\"state\":\"offline\"}"};

    (void)state;
    message("h/alive", "online", false);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    message("h/alive", "[", false);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        message("h/alive", words[i], true);
        check_none(&r, EMS_GRID_W, "offline");
        check_none(&r, EMS_PV_W, "offline");
        check_i64(r.reports.field[EMS_VOLTAGE_L1_MV].said, EMS_SAID_NOTHING);
    }
    message("h/alive", "", false);
    check_none(&r, EMS_PV_W, "availability_topic was deleted");
}

static void what_is_wrong_with_the_options_is_said(void **state)
{
    static const struct {
        const char *options, *error, *warning;
    } cases[] = {
            {"{}", "sources[0].grid_w: nothing is read", NULL},
            {"{\"grid_w\":\"p\"}", "sources[0].grid_w_topic: is missing, and so is topic",
                    NULL},
            {"{\"topic\":\"a/#\",\"grid_w\":\"p\"}", "sources[0].topic: 'a/#' holds + or #",
                    NULL},
            {"{\"grid_w_topic\":\"a/+\"}", "sources[0].grid_w_topic: 'a/+' holds + or #", NULL},
            {"{\"topic\":\"a\",\"grid_w\":\"p *\"}", "sources[0].grid_w: ", NULL},
            {"{\"topic\":\"a\",\"grid_w\":\"p\",\"time\":\"a b\"}",
                    "sources[0].time: is not one path", NULL},
            {"{\"grid_w_topic\":\"a\",\"url\":\"http://x\"}", "sources[0].url: is not mqtt://",
                    NULL},
            {"{\"grid_w_topic\":\"a\",\"url\":\"mqtt://\"}", "sources[0].url: is not mqtt://",
                    NULL},
            {"{\"grid_w_topic\":\"a\",\"url\":\"mqtt://u:p@x\"}",
                    "sources[0].url: holds a user", NULL},
            {"{\"grid_w_topic\":\"a\",\"url\":\"mqtts://x\",\"cert_file\":\"/c\"}",
                    "sources[0].key_file: is missing", NULL},
            {"{\"grid_w_topic\":\"a\",\"url\":\"mqtts://x\",\"ca_file\":\"c\"}",
                    "sources[0].ca_file: 'c' is not an absolute path", NULL},
            {"{\"grid_w_topic\":\"a\",\"url\":\"mqtts://x\",\"insecure\":true}", NULL,
                    "sources[0].insecure: anybody in between"},
            {"{\"grid_w_topic\":\"a\",\"url\":\"mqtt://x\",\"insecure\":true}", NULL,
                    "no certificate to check"},
            {"{\"grid_w_topic\":\"a\",\"username\":\"u\"}", NULL,
                    "the bridge's own broker is used"},
            {"{\"grid_w_topic\":\"a\"}", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "mqtt", cases[i].options);
        check_i64(r.errs.count, cases[i].error != NULL);
        check_i64(r.warnings.count, cases[i].warning != NULL);
        check_has(r.errs.text[0], cases[i].error ? cases[i].error : "");
        check_has(r.warnings.text[0], cases[i].warning ? cases[i].warning : "");
    }
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(each_topic_is_listened_to_once),
            TEST(one_message_feeds_all_fields_of_its_topic),
            TEST(plain_numbers_may_have_a_unit),
            TEST(a_kept_message_counts_only_with_a_time),
            TEST(a_message_without_its_time_is_none),
            TEST(an_empty_message_means_deleted),
            TEST(a_device_that_is_offline_has_no_values),
            TEST(what_is_wrong_with_the_options_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
