/*
 * test_ems_dsmr_reader - messages of DSMR-reader, whole and value by value.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static const int64_t noon = INT64_C(1795521600000); /* 2026-11-24T12:00:00Z */
static struct ems_rig r;

static int setup(void **state)
{
    (void)state;
    ems_rig_init(&r, "dsmr_reader", "{}");
    check_i64(r.errs.count, 0);
    return 0;
}

static enum ems_class message(const char *topic, const char *text, bool retained)
{
    memset(&r.reports, 0, sizeof(r.reports));
    return ems_rig_parse(&r, (struct ems_answer){.pushed = true,
                                     .status = 200,
                                     .topic = topic,
                                     .body = text,
                                     .len = strlen(text),
                                     .retained = retained});
}

static void both_kinds_of_topics_are_listened_to_unless_left_out(void **state)
{
    struct ems_request q = {.bare = false};

    (void)state;
    assert_true(r.a->listen(r.config, &r.session, 0, &q));
    check_str(q.topic, "dsmr/json");
    assert_true(r.a->listen(r.config, &r.session, 1, &q));
    check_str(q.topic, "dsmr/reading/+");
    assert_false(r.a->listen(r.config, &r.session, 2, &q));
    ems_rig_init(&r, "dsmr_reader", "{\"topic\":\"\",\"reading_topic\":\"m\"}");
    check_i64(r.errs.count, 0);
    assert_true(r.a->listen(r.config, &r.session, 0, &q));
    check_str(q.topic, "m/+");
    assert_false(r.a->listen(r.config, &r.session, 1, &q));
    ems_rig_init(&r, "dsmr_reader", "{\"topic\":\"\",\"reading_topic\":\"\"}");
    check_has(r.errs.text[0], "sources[0].topic: is empty, and so is reading_topic");
    ems_rig_init(&r, "dsmr_reader", "{\"topic\":\"a/+\",\"reading_topic\":\"b/#\"}");
    check_i64(r.errs.count, 2);
}

static void power_needs_both_registers_unless_one_is_not_zero(void **state)
{
    (void)state;
    check_i64(message("dsmr/json",
                      "{\"electricity_currently_delivered\":\"0.250\","
                      "\"electricity_currently_returned\":\"0.000\"}",
                      false),
            EMS_OK);
    check_value(&r, EMS_GRID_W, 250);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, 0);
    check_none(&r, EMS_CURRENT_L1_MA, "phase_power_current_l1 is not there");
    (void)message("dsmr/json", "{\"electricity_currently_delivered\":0.25}", false);
    check_value(&r, EMS_GRID_W, 250);
    (void)message("dsmr/json", "{\"electricity_currently_delivered\":0}", false);
    check_none(&r, EMS_GRID_W, "electricity_currently_returned is not there; was it renamed");
    (void)message("dsmr/json", "{\"electricity_currently_returned\":\"1.1\"}", false);
    check_value(&r, EMS_GRID_W, -1100);
    (void)message("dsmr/json",
            "{\"electricity_currently_returned\":\"1.1\","
            "\"electricity_currently_delivered\":\"1,1\"}",
            false);
    check_none(&r, EMS_GRID_W, "electricity_currently_delivered is not a number");
    (void)message("dsmr/json", "{\"electricity_currently_returned\":1e300}", false);
    check_none(&r, EMS_GRID_W, "");
    (void)message("dsmr/json", "{}", false);
    check_none(&r, EMS_GRID_W, "electricity_currently_delivered is not there");
}

static void what_is_no_json_is_an_error(void **state)
{
    (void)state;
    check_i64(message("dsmr/json", "/ISK5 1-0:1.7.0", false), EMS_DATA);
    check_i64(message("dsmr/json", "", true), EMS_OK);
    check_none(&r, EMS_GRID_W, "deleted");
    check_i64(message("dsmr/other", "{}", false), EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
}

static void a_kept_message_counts_by_its_time_only(void **state)
{
    (void)state;
    (void)message("dsmr/json", "{\"electricity_currently_delivered\":1}", true);
    check_none(&r, EMS_GRID_W, "how old it is");
    (void)message("dsmr/json",
            "{\"timestamp\":\"2026-11-24T13:00:00+01:00\",\"electricity_currently_delivered\":1}",
            true);
    check_value(&r, EMS_GRID_W, 1000);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, noon);
    (void)message("dsmr/json",
            "{\"timestamp\":\"13 o'clock\",\"electricity_currently_delivered\":1}", false);
    check_none(&r, EMS_GRID_W, "timestamp is not a time");
}

static void single_values_are_kept_until_their_time_comes(void **state)
{
    (void)state;
    (void)message("dsmr/reading/electricity_currently_delivered", "0.532", true);
    check_none(&r, EMS_GRID_W, "how old it is");
    (void)message("dsmr/reading/electricity_currently_returned", "0.000", true);
    check_i64(r.reports.field[EMS_VOLTAGE_L1_MV].said, EMS_SAID_NOTHING);
    (void)message("dsmr/reading/phase_voltage_l1", "231.0", true);
    check_none(&r, EMS_VOLTAGE_L1_MV, "how old it is");
    (void)message("dsmr/reading/timestamp", "2026-11-24T12:00:00Z", true);
    check_value(&r, EMS_GRID_W, 532);
    check_value(&r, EMS_VOLTAGE_L1_MV, 231000);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, noon);
    /* What did not change is not sent again, and holds by the new time. */
    (void)message("dsmr/reading/timestamp", "2026-11-24T12:00:10Z", false);
    check_value(&r, EMS_GRID_W, 532);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, noon + 10000);
    (void)message("dsmr/reading/electricity_currently_delivered", "0.000", false);
    (void)message("dsmr/reading/electricity_currently_returned", "0.100", false);
    check_value(&r, EMS_GRID_W, -100);
    (void)message("dsmr/reading/electricity_currently_returned", "", false);
    check_none(&r, EMS_GRID_W, "has no value");
    (void)message("dsmr/reading/electricity_delivered_1", "1.0", false);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
}

static void currents_have_the_direction_of_their_power(void **state)
{
    (void)state;
    (void)message("dsmr/json",
            "{\"electricity_currently_delivered\":0,\"electricity_currently_returned\":0.5,"
            "\"phase_power_current_l1\":3,\"phase_power_current_l2\":0,"
            "\"phase_power_current_l3\":2,\"phase_currently_delivered_l3\":\"0.4\","
            "\"phase_currently_returned_l3\":\"0.0\"}",
            false);
    check_none(&r, EMS_CURRENT_L1_MA, "phase_power_current_l1 has no direction");
    check_value(&r, EMS_CURRENT_L2_MA, 0);
    check_value(&r, EMS_CURRENT_L3_MA, 2000);
    (void)message("dsmr/json",
            "{\"electricity_currently_delivered\":0,\"electricity_currently_returned\":0.5,"
            "\"phase_power_current_l1\":\"2.17\",\"phase_currently_delivered_l1\":0,"
            "\"phase_currently_returned_l1\":0.5,\"phase_voltage_l1\":230}",
            false);
    check_value(&r, EMS_CURRENT_L1_MA, -2170); /* finer than whole amps: as it is */
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(both_kinds_of_topics_are_listened_to_unless_left_out),
            TEST(power_needs_both_registers_unless_one_is_not_zero),
            TEST(what_is_no_json_is_an_error),
            TEST(a_kept_message_counts_by_its_time_only),
            TEST(single_values_are_kept_until_their_time_comes),
            TEST(currents_have_the_direction_of_their_power),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
