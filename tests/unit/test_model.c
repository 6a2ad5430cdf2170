/*
 * test_model - fields, values and watchers of the model. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/core/control.h"
#include "bridge/core/model.h"
#include "bridge/core/session.h"
#include "bridge/core/words.h"
#include "tests/support/test.h"

static struct model model; /* too large for the stack */

struct seen {
    int changes, devices;
    struct model_change last;
};

static void on_change(const void *event, void *user)
{
    struct seen *s = user;

    s->changes++;
    s->last = *(const struct model_change *)event;
}

static void on_devices(const void *event, void *user)
{
    struct seen *s = user;

    (void)event;
    s->devices++;
}

static int setup(void **state)
{
    (void)state;
    memset(&model, 0, sizeof(model));
    model_init(&model, "TWC Bridge", "Site");
    return 0;
}

static void the_bridge_is_the_first_device_and_the_site_the_second(void **state)
{
    (void)state;
    check_i64(model.devices, 2);
    check_i64(model.device[0].kind, MODEL_BRIDGE);
    check_str(model.device[0].name, "TWC Bridge");
    check_i64(model.device[1].kind, MODEL_SITE);
    check_str(model.device[1].name, "Site");
    check_str(model.device[1].id, "");
}

static void keys_are_unique_within_a_kind_and_kinds_are_contiguous(void **state)
{
    int total = 0;

    (void)state;
    for (int k = 0; k < MODEL_KINDS; k++) {
        int first = (int)field_first((enum model_kind)k);
        int end = first + field_count((enum model_kind)k);

        check_i64(first, total);
        total = end;
        for (int i = first; i < end; i++) {
            check_i64(field_table[i].kind, k);
            for (int j = first; j < i; j++) {
                assert_string_not_equal(field_table[i].key, field_table[j].key);
            }
        }
    }
    check_i64(total, FIELD_COUNT);
}

static void texts_and_json_of_a_kind_fit_their_slots(void **state)
{
    (void)state;
    for (int k = 0; k < MODEL_KINDS; k++) {
        int first = (int)field_first((enum model_kind)k);
        int texts = 0;
        int jsons = 0;

        for (int i = first; i < first + field_count((enum model_kind)k); i++) {
            texts += field_table[i].type == TYPE_TEXT;
            jsons += field_table[i].type == TYPE_JSON;
        }
        assert_true(texts <= MODEL_TEXTS_MAX);
        assert_true(jsons <= MODEL_JSONS_MAX);
    }
}

static void no_key_is_a_method_of_a_dictionary(void **state)
{
    static const char *const methods[] = {"clear", "copy", "fromkeys", "get", "items", "keys",
            "pop", "popitem", "setdefault", "update", "values"};

    (void)state;
    for (int i = 0; i < FIELD_COUNT; i++) {
        for (size_t k = 0; k < ARRAY_LEN(methods); k++) {
            assert_string_not_equal(field_table[i].key, methods[k]);
        }
    }
}

/* A template that reads value_json.on gets something else than a person who reads "on". */
static void no_word_of_an_enum_is_one_that_yaml_or_home_assistant_reads_otherwise(void **state)
{
    static const char *const bad[] = {
            "on", "off", "yes", "no", "none", "unknown", "unavailable", ""};

    (void)state;
    for (int i = 0; i < FIELD_COUNT; i++) {
        const char *const *words = field_table[i].words;

        assert_true((words != NULL) == (field_table[i].type == TYPE_ENUM));
        for (; words && *words; words++) {
            for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
                assert_false(str_iequal(*words, bad[k]));
            }
        }
    }
}

static void words_stand_in_the_order_of_their_enums(void **state)
{
    (void)state;
    check_str(site_status_words[SITE_PROBLEM], "problem");
    check_str(circuit_status_words[CIRCUIT_NO_DATA], "no_data");
    check_str(charger_mode_words[MODE_SITE], "site");
    check_str(site_mode_words[MODE_STOP], "stop");
    check_str(charger_status_names[STATUS_ERROR], "error");
    check_str(limited_by_names[LIMITED_FAULT], "fault");
    check_str(charger_fault_names[FAULT_WILL_NOT_RESTART], "will_not_restart");
    check_str(bridge_event_words[BRIDGE_EVENT_RECOVERED], "recovered");
    check_str(charger_event_words[CHARGER_EVENT_FAULT_CLEARED], "fault_cleared");
    assert_null(phase_map_text(PHASE_MAP_UNKNOWN));
    check_str(phase_map_text(PHASE_MAP_L1L2L3), "L1L2L3");
}

static void promise_04_nothing_is_known_of_a_new_device(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");
    int64_t v = 77;

    (void)state;
    check_i64(d, 2);
    for (int i = 0; i < field_count(MODEL_CHARGER); i++) {
        assert_false(model_known(&model, d, field_first(MODEL_CHARGER) + (unsigned)i));
    }
    assert_false(model_get(&model, d, FIELD_CHARGER_POWER, &v));
    check_i64(v, 77);
    assert_null(model_text(&model, d, FIELD_CHARGER_REASON));
}

static void promise_04_zero_is_a_value_and_the_watchers_are_told_once(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");
    struct seen s = {0};
    int64_t v = 77;

    (void)state;
    assert_true(watch_add(&model.on_change, on_change, &s) != 0);
    assert_true(model_set(&model, d, FIELD_CHARGER_POWER, 0));
    assert_false(model_set(&model, d, FIELD_CHARGER_POWER, 0));
    check_i64(s.changes, 1);
    assert_false(s.last.known_before);
    assert_true(s.last.known_after);
    assert_true(model_get(&model, d, FIELD_CHARGER_POWER, &v));
    check_i64(v, 0);
    assert_true(model_set(&model, d, FIELD_CHARGER_POWER, -5));
    check_i64(s.last.before, 0);
    check_i64(s.last.after, -5);
    assert_true(model_set_unknown(&model, d, FIELD_CHARGER_POWER));
    assert_false(model_set_unknown(&model, d, FIELD_CHARGER_POWER));
    assert_false(s.last.known_after);
    check_i64(s.changes, 3);
}

static void a_value_sits_on_its_own_device_and_field_only(void **state)
{
    int a = model_add(&model, MODEL_CHARGER, "a1b2", "A");
    int b = model_add(&model, MODEL_CHARGER, "c3d4", "B");
    int last = (int)field_first(MODEL_CHARGER) + field_count(MODEL_CHARGER) - 1;
    int64_t v = 0;

    (void)state;
    model_set(&model, a, (enum field_id)last, 310);
    model_set_text(&model, a, FIELD_CHARGER_OWNER, "node-red");
    model_set_text(&model, a, FIELD_CHARGER_SESSION_ID, "a1b2-1");
    assert_true(model_get(&model, a, (enum field_id)last, &v));
    check_i64(v, 310);
    assert_false(model_known(&model, b, (enum field_id)last));
    assert_null(model_text(&model, b, FIELD_CHARGER_OWNER));
    check_str(model_text(&model, a, FIELD_CHARGER_OWNER), "node-red");
    check_str(model_text(&model, a, FIELD_CHARGER_SESSION_ID), "a1b2-1");
}

static void a_long_text_is_cut_to_255_bytes_and_the_cut_one_is_no_change(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");
    char text[400];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(model_set_text(&model, d, FIELD_CHARGER_REASON, text));
    check_i64((int64_t)strlen(model_text(&model, d, FIELD_CHARGER_REASON)), 255);
    assert_false(model_set_text(&model, d, FIELD_CHARGER_REASON, text));
}

static void an_empty_text_and_no_text_are_not_known(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");

    (void)state;
    assert_false(model_set_text(&model, d, FIELD_CHARGER_VIN, ""));
    assert_true(model_set_text(&model, d, FIELD_CHARGER_VIN, "5YJ3E1EA7JF000001"));
    assert_true(model_set_text(&model, d, FIELD_CHARGER_VIN, NULL));
    assert_null(model_text(&model, d, FIELD_CHARGER_VIN));
    /* The text of before must not shine through. */
    assert_true(model_set_text(&model, d, FIELD_CHARGER_VIN, "5YJ3E1EA7JF000001"));
}

static void a_text_is_one_line(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");

    (void)state;
    model_set_text(&model, d, FIELD_CHARGER_OWNER, "node\nred\x01\x7f\xc3\xa4");
    check_str(model_text(&model, d, FIELD_CHARGER_OWNER), "node red  \xc3\xa4");
}

static void json_too_long_for_its_slot_is_not_known_rather_than_half(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");
    static char json[MODEL_JSON_ROOM + 10];

    (void)state;
    assert_true(model_set_json(&model, d, FIELD_CHARGER_REQUESTS, "[1]"));
    check_str(model_text(&model, d, FIELD_CHARGER_REQUESTS), "[1]");
    memset(json, '1', sizeof(json) - 1);
    assert_true(model_set_json(&model, d, FIELD_CHARGER_REQUESTS, json));
    assert_null(model_text(&model, d, FIELD_CHARGER_REQUESTS));
}

static void updated_is_the_time_of_the_last_change_and_does_not_tick_with_ages(void **state)
{
    int d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");

    (void)state;
    model.utc_ms = 1000;
    model_set(&model, d, FIELD_CHARGER_OFFERED, 6000);
    model.utc_ms = 2000;
    model_set(&model, d, FIELD_CHARGER_OFFERED, 6000);
    model_set(&model, d, FIELD_CHARGER_HEARTBEAT_AGE_MS, 12);
    check_i64(model.device[d].updated_utc_ms, 1000);
    model_set(&model, d, FIELD_CHARGER_OFFERED, 7000);
    check_i64(model.device[d].updated_utc_ms, 2000);
}

static void a_device_that_comes_back_takes_its_old_slot(void **state)
{
    struct seen s = {0};
    int d;

    (void)state;
    assert_true(watch_add(&model.on_devices, on_devices, &s) != 0);
    d = model_add(&model, MODEL_CHARGER, "a1b2", "Garage");
    model.device[d].gone = true;
    model_touch(&model, d);
    check_i64(model_add(&model, MODEL_CHARGER, "a1b2", "Yard"), d);
    assert_false(model.device[d].gone);
    check_str(model.device[d].name, "Yard");
    check_i64(s.devices, 3);
    check_i64(model_find(&model, MODEL_CIRCUIT, "a1b2"), -1);
    check_i64(model_find(&model, MODEL_CHARGER, "a1b2"), d);
}

static void a_full_model_refuses_and_says_so(void **state)
{
    char id[16];
    int i = 0;

    (void)state;
    while (model.devices < MODEL_DEVICES_MAX) {
        str_format(id, sizeof(id), "%d", i++);
        assert_true(model_add(&model, MODEL_CHARGER, id, id) >= 0);
    }
    check_i64(model_add(&model, MODEL_CHARGER, "one_more", "One more"), -1);
}

static void small_changes_stay_within_the_deadband_of_their_type(void **state)
{
    (void)state;
    assert_false(field_beyond(FIELD_CHARGER_POWER, 1000, 1010));
    assert_true(field_beyond(FIELD_CHARGER_POWER, 1000, 1011));
    assert_true(field_beyond(FIELD_CHARGER_POWER, 1000, 989));
    assert_false(field_beyond(FIELD_CHARGER_CURRENT, 9900, 10000));
    assert_true(field_beyond(FIELD_CHARGER_CURRENT, 9900, 10001));
    assert_false(field_beyond(FIELD_CHARGER_VOLTAGE_L1, 230000, 228000));
    assert_true(field_beyond(FIELD_CHARGER_VOLTAGE_L1, 230000, 227999));
    assert_false(field_beyond(FIELD_CHARGER_ENERGY, 0, 10));
    assert_true(field_beyond(FIELD_CHARGER_ENERGY, 0, 11));
    assert_false(field_beyond(FIELD_CHARGER_STARTS, 4, 4));
    assert_true(field_beyond(FIELD_CHARGER_STARTS, 4, 5));
    assert_true(field_beyond(FIELD_CHARGER_POWER, INT64_MIN, INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(
                    the_bridge_is_the_first_device_and_the_site_the_second, setup),
            cmocka_unit_test_setup(
                    keys_are_unique_within_a_kind_and_kinds_are_contiguous, setup),
            cmocka_unit_test_setup(texts_and_json_of_a_kind_fit_their_slots, setup),
            cmocka_unit_test_setup(no_key_is_a_method_of_a_dictionary, setup),
            cmocka_unit_test_setup(
                    no_word_of_an_enum_is_one_that_yaml_or_home_assistant_reads_otherwise,
                    setup),
            cmocka_unit_test_setup(words_stand_in_the_order_of_their_enums, setup),
            cmocka_unit_test_setup(promise_04_nothing_is_known_of_a_new_device, setup),
            cmocka_unit_test_setup(
                    promise_04_zero_is_a_value_and_the_watchers_are_told_once, setup),
            cmocka_unit_test_setup(a_value_sits_on_its_own_device_and_field_only, setup),
            cmocka_unit_test_setup(
                    a_long_text_is_cut_to_255_bytes_and_the_cut_one_is_no_change, setup),
            cmocka_unit_test_setup(an_empty_text_and_no_text_are_not_known, setup),
            cmocka_unit_test_setup(a_text_is_one_line, setup),
            cmocka_unit_test_setup(
                    json_too_long_for_its_slot_is_not_known_rather_than_half, setup),
            cmocka_unit_test_setup(
                    updated_is_the_time_of_the_last_change_and_does_not_tick_with_ages, setup),
            cmocka_unit_test_setup(a_device_that_comes_back_takes_its_old_slot, setup),
            cmocka_unit_test_setup(a_full_model_refuses_and_says_so, setup),
            cmocka_unit_test_setup(small_changes_stay_within_the_deadband_of_their_type, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
