/*
 * test_topic - building, matching and taking apart topics. SPDX-License-Identifier: MIT
 */
#include "bridge/base/macros.h"
#include "bridge/core/topic.h"
#include "tests/support/test.h"

static const struct model_device charger = {.kind = MODEL_CHARGER, .id = "a1b2"};
static const struct model_device circuit = {.kind = MODEL_CIRCUIT, .id = "garage"};
static const struct model_device site = {.kind = MODEL_SITE};
static const struct model_device bridge = {.kind = MODEL_BRIDGE};

static void topics_of_the_contract_are_built_as_it_says(void **state)
{
    char t[TOPIC_ROOM];

    (void)state;
    assert_true(topic_state(t, sizeof(t), "twcbridge", MODEL_CHARGER, "a1b2"));
    check_str(t, "twcbridge/charger/a1b2");
    assert_true(topic_state(t, sizeof(t), "twcbridge", MODEL_SITE, ""));
    check_str(t, "twcbridge/site");
    assert_true(topic_state(t, sizeof(t), "twcbridge", MODEL_BRIDGE, ""));
    check_str(t, "twcbridge/bridge/health");
    assert_true(topic_command(t, sizeof(t), "home/twc", &charger, "current_limit"));
    check_str(t, "home/twc/charger/a1b2/current_limit/set");
    assert_true(topic_command(t, sizeof(t), "twcbridge", &circuit, "current_limit"));
    check_str(t, "twcbridge/circuit/garage/current_limit/set");
    assert_true(topic_command(t, sizeof(t), "twcbridge", &site, "mode"));
    check_str(t, "twcbridge/site/mode/set");
    assert_true(topic_command(t, sizeof(t), "twcbridge", &bridge, "restart"));
    check_str(t, "twcbridge/bridge/request/restart");
    assert_true(topic_leaf(t, sizeof(t), "twcbridge", &charger, "event"));
    check_str(t, "twcbridge/charger/a1b2/event");
    assert_true(topic_leaf(t, sizeof(t), "twcbridge", &bridge, "event"));
    check_str(t, "twcbridge/bridge/event");
}

static void a_topic_that_does_not_fit_is_said_to(void **state)
{
    char t[16];

    (void)state;
    assert_false(topic_state(t, sizeof(t), "twcbridge", MODEL_CHARGER, "a1b2"));
    assert_false(topic_command(t, sizeof(t), "twcbridge", &charger, "current_limit"));
}

static void the_answer_goes_where_the_command_came_from(void **state)
{
    char t[TOPIC_ROOM];

    (void)state;
    assert_true(topic_result(t, sizeof(t), "twcbridge/charger/a1b2/current_limit/set"));
    check_str(t, "twcbridge/charger/a1b2/current_limit/result");
    assert_true(topic_result(t, sizeof(t), "twcbridge/bridge/request/restart"));
    check_str(t, "twcbridge/bridge/response/restart");
    assert_true(topic_result(t, sizeof(t), "a/bridge/request/x/bridge/request/health"));
    check_str(t, "a/bridge/request/x/bridge/response/health");
    /* A request called "set" is a request all the same: its answer must not be a request. */
    assert_true(topic_result(t, sizeof(t), "twcbridge/bridge/request/set"));
    check_str(t, "twcbridge/bridge/response/set");
    assert_true(topic_result(t, sizeof(t), "a/bridge/request/x/site/mode/set"));
    check_str(t, "a/bridge/request/x/site/mode/result");
    assert_false(topic_result(t, sizeof(t), "twcbridge/charger/a1b2"));
    assert_false(topic_result(t, sizeof(t), "/set"));
}

static void commands_are_taken_apart(void **state)
{
    struct topic_target at;

    (void)state;
    assert_true(topic_parse("home/twc", "home/twc/charger/a1b2/current_limit/set", &at));
    check_i64(at.kind, MODEL_CHARGER);
    check_str(at.id, "a1b2");
    check_str(at.key, "current_limit");
    assert_true(topic_parse("twcbridge", "twcbridge/site/mode/set", &at));
    check_i64(at.kind, MODEL_SITE);
    check_str(at.id, "");
    check_str(at.key, "mode");
    assert_true(topic_parse("twcbridge", "twcbridge/bridge/request/health", &at));
    check_i64(at.kind, MODEL_BRIDGE);
    check_str(at.key, "health");
}

static void what_is_no_command_is_refused(void **state)
{
    static const char *const topics[] = {"twcbridge", "twcbridge/", "twcbridge/charger",
            "twcbridge/charger/a1b2", "twcbridge/charger/a1b2/current_limit",
            "twcbridge/charger/a1b2/current_limit/result",
            "twcbridge/charger/a1b2/current_limit/set/", "twcbridge/charger//current_limit/set",
            "twcbridge/charger/a1b2//set", "twcbridge/charger/a1b2/x/y/set",
            "twcbridge/site/set", "twcbridge/site/mode/set/x", "twcbridge/bridge/health",
            "twcbridge/bridge/request", "twcbridge/bridge/request/",
            "twcbridge/bridge/request/restart/", "twcbridge/bridge/request/a/b",
            "twcbridge/vehicle/x/y/set", "twcbridge2/site/mode/set", "twcbridg/site/mode/set",
            "twcbridge/charger/01234567890123456789012345678901234567890123456789/mode/set"};
    struct topic_target at;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        if (topic_parse("twcbridge", topics[i], &at)) {
            fail_msg("%s was taken for a command", topics[i]);
        }
    }
}

static void filters_match_as_mqtt_says(void **state)
{
    static const struct row {
        const char *filter, *topic;
        bool match;
    } rows[] = {
            {"a/b", "a/b", true},
            {"a/b", "a/bc", false},
            {"a/bc", "a/b", false},
            {"a/+", "a/b", true},
            {"a/+", "a/", true},
            {"a/+", "a", false},
            {"a/+", "a/b/c", false},
            {"a/+/c", "a/b/c", true},
            {"+/+", "a/b", true},
            {"#", "a/b/c", true},
            {"a/#", "a", true},
            {"a/#", "a/b/c", true},
            {"a/#", "ab", false},
            {"+", "/", false},
            {"/+", "/a", true},
            {"#", "$SYS/broker", false},
            {"+/broker", "$SYS/broker", false},
            {"$SYS/#", "$SYS/broker", true},
            {"twcbridge/charger/+/+/set", "twcbridge/charger/a1b2/mode/set", true},
            {"twcbridge/charger/+/+/set", "twcbridge/charger/a1b2/mode/result", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (topic_match(rows[i].filter, rows[i].topic) != rows[i].match) {
            fail_msg("%s and %s", rows[i].filter, rows[i].topic);
        }
    }
}

static void bad_topics_filters_and_bases_are_refused(void **state)
{
    char big[300];

    (void)state;
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_true(topic_valid("a/b c/\xc3\xa4"));
    assert_false(topic_valid(""));
    assert_false(topic_valid("a/+"));
    assert_false(topic_valid("a\nb"));
    assert_false(topic_valid("a\x7f"
                             "b"));
    assert_false(topic_valid("a\xc2\x82"
                             "b"));     /* C1: brokers refuse it like the others */
    assert_false(topic_valid("a\xc3")); /* half a character */
    assert_true(topic_valid("a\xc2\xa0"
                            "b"));
    assert_false(topic_valid(big));
    assert_true(topic_filter_valid("a/+/#"));
    assert_false(topic_filter_valid("a/b+"));
    assert_false(topic_filter_valid("a/#/b"));
    assert_false(topic_filter_valid("a#"));
    assert_true(topic_base_valid("home/twc"));
    assert_false(topic_base_valid("/home"));
    assert_false(topic_base_valid("home/"));
    assert_false(topic_base_valid("a//b"));
    assert_false(topic_base_valid("$SYS"));
    assert_false(topic_base_valid("a/#"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(topics_of_the_contract_are_built_as_it_says),
            cmocka_unit_test(a_topic_that_does_not_fit_is_said_to),
            cmocka_unit_test(the_answer_goes_where_the_command_came_from),
            cmocka_unit_test(commands_are_taken_apart),
            cmocka_unit_test(what_is_no_command_is_refused),
            cmocka_unit_test(filters_match_as_mqtt_says),
            cmocka_unit_test(bad_topics_filters_and_bases_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
