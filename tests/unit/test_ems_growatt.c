/*
 * test_ems_growatt - what cannot be seen from one answer: times without an offset, the order of a
 * round, the hash of the app. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/growatt/growatt.h"
#include "tests/support/ems_rig.h"

static const int64_t noon = INT64_C(1795521600000); /* 2026-11-24T12:00:00Z */
static const int64_t minute = 60000;
static struct ems_rig r;

#define SPH                                                                                 \
    "{\"error_code\":0,\"data\":{\"time\":\"2026-11-24 13:00:00\",\"ppv\":1000,\"soc\":50," \
    "\"pcharge1\":0,\"pdischarge1\":100,\"pacToUserTotal\":10,\"pacToGridTotal\":0}}"
#define LIST "{\"error_code\":0,\"data\":{\"devices\":[{\"device_sn\":\"S\",\"type\":5}]}}"

static void the_hash_of_the_app_has_c_for_a_leading_zero(void **state)
{
    char hash[33];

    (void)state;
    assert_true(growatt_password("a", hash));
    check_str(hash, "ccc175b9c0f1b6a831c399e269772661");
    assert_true(growatt_password("", hash));
    check_str(hash, "d41d8cd98fc0b2c4e980c998ecf8427e");
}

static void plant_and_devices_are_learnt_once(void **state)
{
    (void)state;
    ems_rig_init(&r, "growatt", "{\"url\":\"https://openapi.growatt.com\",\"token\":\"x\"}");
    check_i64(r.errs.count, 0);
    r.session.utc_ms = noon;
    check_i64(ems_rig_answer(&r, "{\"error_code\":0,\"data\":{\"plants\":[{\"plant_id\":7}]}}"),
            EMS_OK);
    check_str(r.request.url, "https://openapi.growatt.com/v1/plant/list");
    check_str(r.request.header[0], "token: x");
    check_i64(ems_rig_answer(&r, LIST), EMS_OK);
    check_str(r.request.url, "https://openapi.growatt.com/v1/device/list?plant_id=7");
    check_i64(ems_rig_answer(&r, SPH), EMS_OK);
    check_str(r.request.url, "https://openapi.growatt.com/v1/device/mix/mix_last_data");
    check_str(r.request.body, "mix_sn=S");
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, SPH), EMS_OK);
    check_str(r.request.body, "mix_sn=S");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_BATTERY_W, 100);
}

static void data_that_does_not_change_ages_from_when_it_did(void **state)
{
    (void)state;
    plant_and_devices_are_learnt_once(NULL);
    ems_rig_round(&r);
    r.session.utc_ms = noon + 20 * minute;
    check_i64(ems_rig_answer(&r, SPH), EMS_OK);
    check_i64(r.reports.field[EMS_PV_W].source_utc_ms, noon);
}

static void a_time_that_is_nowhere_on_earth_now_is_old(void **state)
{
    struct growatt_change c = {.seen_utc_ms = 0};

    (void)state;
    check_i64(growatt_time(&c, "2026-11-24 01:00:00", noon), 0);
    check_i64(growatt_time(&c, "2026-11-24 01:00:00", noon + minute), noon);
    check_i64(growatt_time(&c, "2026-11-23 12:00:00", noon), noon - 12 * 60 * minute);
    check_i64(growatt_time(&c, "2026-11-26 12:00:00", noon), noon + 48 * 60 * minute);
    check_i64(growatt_time(&c, "2026-11-24T12:59:00+01:00", noon), noon - minute);
    check_i64(growatt_time(&c, "yesterday", noon), 0);
    check_i64(growatt_time(&c, "", noon), 0);
}

static void what_the_cloud_says_is_an_error(void **state)
{
    static const struct {
        const char *body, *why;
        enum ems_class class;
    } cases[] = {{"{\"error_code\":10012,\"error_msg\":\"error_frequently_access\"}",
                         "asked too often", EMS_RATE},
            {"{\"error_code\":10011,\"error_msg\":\"x\"}", "the token is not taken", EMS_AUTH},
            {"{\"error_code\":10001}", "error 10001", EMS_SERVER},
            {"{\"error_code\":\"10002\"}", "check plant_id and device_sn", EMS_NOT_FOUND},
            {"{\"error_code\":99}", "error 99", EMS_DATA},
            {"{\"data\":{}}", "no error_code", EMS_DATA},
            {"{\"error_code\":0,\"data\":{\"plants\":[]}}", "no plant", EMS_NOT_FOUND}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "growatt", "{\"url\":\"http://x\",\"token\":\"x\"}");
        check_i64(ems_rig_answer(&r, cases[i].body), cases[i].class);
        check_has(r.e.text, cases[i].why);
    }
}

static void ways_and_options_belong_together(void **state)
{
    static const struct {
        const char *options, *error, *warning;
    } cases[] = {{"{\"url\":\"https://x\"}", "token: is missing", ""},
            {"{\"url\":\"https://x\",\"username\":\"u\"}", "token: is missing", ""},
            {"{\"url\":\"https://x\",\"username\":\"u\",\"password\":\"p\"}", "", ""},
            {"{\"url\":\"https://x\",\"token\":\"t\",\"password\":\"p\"}", "",
                    "password: is not used"},
            {"{\"url\":\"https://x\",\"token\":\"t\",\"plant_id\":\"x\"}", "plant_id: 'x'", ""},
            {"{\"url\":\"mqtt://x\"}", "", ""},
            {"{\"url\":\"mqtt://x\",\"topic\":\"a/#\"}", "topic: 'a/#' is not one topic", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ems_rig_init(&r, "growatt", cases[i].options);
        check_i64(r.errs.count, cases[i].error[0] != '\0');
        check_i64(r.warnings.count, cases[i].warning[0] != '\0');
        check_has(r.errs.text[0], cases[i].error);
        check_has(r.warnings.text[0], cases[i].warning);
    }
    check_i64(ems_transport_of(r.a, r.config), EMS_OVER_MQTT);
}

static void a_message_that_grott_published_once_and_the_broker_kept_waits(void **state)
{
    const char *text = "{\"device\":\"D\",\"time\":\"2026-11-24T13:00:00\",\"buffered\":\"no\","
                       "\"values\":{\"pvpowerin\":12345}}";
    struct ems_answer a = {.pushed = true,
            .status = 200,
            .topic = "energy/growatt",
            .body = text,
            .len = strlen(text),
            .retained = true};

    (void)state;
    ems_rig_init(&r, "growatt", "{\"url\":\"mqtt://x\"}");
    r.session.utc_ms = noon;
    check_i64(ems_rig_parse(&r, a), EMS_OK);
    check_none(&r, EMS_PV_W, "how old it is");
    a.retained = false;
    check_i64(ems_rig_parse(&r, a), EMS_OK);
    check_value(&r, EMS_PV_W, 1235);
    ems_rig_init(&r, "growatt", "{\"url\":\"mqtt://x\",\"device_sn\":\"E\"}");
    check_i64(ems_rig_parse(&r, a), EMS_OK);
    check_i64(r.reports.field[EMS_PV_W].said, EMS_SAID_NOTHING);
    a.body = "{\"a\":1}";
    a.len = strlen(a.body);
    check_i64(ems_rig_parse(&r, a), EMS_DATA);
    check_has(r.e.text, "does Grott publish to this topic?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_hash_of_the_app_has_c_for_a_leading_zero),
            cmocka_unit_test(plant_and_devices_are_learnt_once),
            cmocka_unit_test(data_that_does_not_change_ages_from_when_it_did),
            cmocka_unit_test(a_time_that_is_nowhere_on_earth_now_is_old),
            cmocka_unit_test(what_the_cloud_says_is_an_error),
            cmocka_unit_test(ways_and_options_belong_together),
            cmocka_unit_test(a_message_that_grott_published_once_and_the_broker_kept_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
