/*
 * test_lint - the linter refuses what Home Assistant refuses or complains about, and says where.
 *
 * tests/data/discovery/bad holds minimal.json with one mistake in each file.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/macros.h"
#include "discovery/discovery.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

#include <dirent.h>

static const char topic[] = "homeassistant/device/twcbridge_charger_a1b2/config";

/* file, place that the error names */
static const struct seeded {
    const char *file, *place;
} seeded[] = {
        /* the whole document is lost */
        {"not_json", topic},
        {"nan", topic},
        {"key_twice", topic},
        {"list_at_the_root", "document: is no object"},
        {"device_missing", "device: is missing"},
        {"device_without_identifiers", "device.identifiers: are missing"},
        {"device_identifiers_empty", "device.identifiers: hold nothing"},
        {"device_without_name", "device.name: is missing"},
        {"device_extra_key", "device.colour: is a key"},
        {"device_configuration_url", "device.configuration_url: is no URL"},
        {"origin_missing", "origin: is missing"},
        {"origin_without_name", "origin.name: is missing"},
        {"origin_extra_key", "origin.author: is a key"},
        {"root_extra_key", "name: is a key"},
        {"root_tilde", "~: is a key"},
        {"root_child_devices", "child_devices: is a key"},
        {"root_without_components", "components: are missing"},
        {"root_availability_twice", "availability_topic: stands beside"},
        {"root_availability_without_topic", "availability[0].topic: is missing"},
        {"root_availability_mode_missing", "availability_mode: is missing"},
        {"root_qos_three", "qos: is no whole number"},
        {"platform_missing", "components.power.platform: is missing"},
        {"platform_unknown", "components.power.platform: is missing"},
        {"unique_id_missing", "components.power.unique_id: is missing"},
        /* one entity is lost, or never works */
        {"unique_id_twice", "unique_id: is given to two"},
        {"component_unknown_key", "components.power.unit: is a key"},
        {"component_object_id", "components.power.object_id: is a key"},
        {"sensor_without_state_topic", "components.power.state_topic: is missing"},
        {"number_without_command_topic", "components.current_limit.command_topic: is missing"},
        {"select_without_options", "components.x.options: is missing"},
        {"event_without_event_types", "components.x.event_types: is missing"},
        {"device_class_unknown", "components.power.device_class: is none"},
        {"device_class_of_another_platform", "components.x.device_class: is none"},
        {"number_device_class_timestamp", "current_limit.device_class: is not for numbers"},
        {"unit_not_of_class", "components.power.unit_of_measurement: does not fit"},
        {"number_unit_not_of_class", "current_limit.unit_of_measurement: does not fit"},
        {"unit_micro_sign", "components.power.unit_of_measurement: does not fit"},
        {"options_without_enum", "components.x.options: are for device class enum"},
        {"options_with_unit", "components.x.options: are for device class enum"},
        {"options_with_state_class", "components.x.options: are for device class enum"},
        {"options_empty", "components.x.options: is no list or an empty one"},
        {"options_twice_the_same", "components.x.options: holds a word twice"},
        {"option_off", "components.x.options: holds a word that is read"},
        {"option_none", "components.x.options: holds a word that is read"},
        {"enum_with_unit", "components.x.options: are missing"},
        {"timestamp_with_unit", "components.x.unit_of_measurement: stands beside"},
        {"date_with_unit", "components.x.unit_of_measurement: stands beside"},
        {"uptime_with_unit", "components.x.unit_of_measurement: stands beside"},
        {"last_reset_without_total", "power.last_reset_value_template: is only for"},
        {"state_class_not_of_class", "components.power.state_class: does not fit"},
        {"state_class_unknown", "components.power.state_class: is none"},
        {"entity_category_unknown", "current_limit.entity_category: is not config"},
        {"sensor_category_config", "components.power.entity_category: config"},
        {"binary_sensor_category_config", "components.x.entity_category: config"},
        {"number_min_above_max", "components.current_limit.min: is above max"},
        {"number_step_too_small", "components.current_limit.step: is below"},
        {"number_min_as_text", "components.current_limit.min: is no number"},
        {"component_availability_without_topic", "power.availability[0].topic: is missing"},
        {"component_availability_beside_root", "components.power.availability: stands beside"},
        {"icon_without_prefix", "components.power.icon: is not prefix:name"},
        {"expiry_as_text", "current_limit.message_expiry_interval: is no whole number"},
        {"template_not_closed", "components.power.value_template: is no template"},
        {"template_empty", "components.power.value_template: is no template"},
        {"template_bracket", "components.power.value_template: is no template"},
        {"component_qos_three", "components.power.qos: is no whole number"},
        {"default_entity_id_of_another_platform", "power.default_entity_id: does not begin"},
        {"default_entity_id_upper_case", "power.default_entity_id: holds a character"},
        {"command_topic_wildcard", "current_limit.command_topic: is no topic"},
        {"state_topic_wildcard", "components.power.state_topic: is no topic"},
        {"command_retained", "current_limit.retain: would run"},
};

static void the_document_without_mistake_passes(void **state)
{
    size_t len = 0;
    char *text = golden_read("discovery/minimal.json", &len);
    struct err e = {0};

    (void)state;
    if (discovery_lint(topic, text, len, &e) != ERR_OK) {
        fail_msg("%s", e.text);
    }
    free(text);
}

static void each_mistake_is_refused_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(seeded); i++) {
        char name[128];
        size_t len = 0;
        struct err e = {0};
        enum err_code code;
        char *text;

        (void)snprintf(name, sizeof(name), "discovery/bad/%s.json", seeded[i].file);
        text = golden_read(name, &len);
        code = discovery_lint(topic, text, len, &e);
        free(text);
        if (code == ERR_OK) {
            fail_msg("%s was accepted", name);
        }
        if (!strstr(e.text, seeded[i].place)) {
            fail_msg("%s: \"%s\" lacks \"%s\"", name, e.text, seeded[i].place);
        }
    }
}

static void every_seeded_file_is_in_the_list(void **state)
{
    DIR *folder = opendir(TEST_DATA "/discovery/bad");
    size_t files = 0;

    (void)state;
    assert_non_null(folder);
    for (const struct dirent *d = readdir(folder); d; d = readdir(folder)) {
        files += strstr(d->d_name, ".json") != NULL;
    }
    (void)closedir(folder);
    check_i64((int64_t)files, ARRAY_LEN(seeded));
}

static void topics_that_home_assistant_ignores_are_refused(void **state)
{
    static const char *const bad[] = {"homeassistant/device/a b/config",
            "homeassistant/device/a1b2", "homeassistant/device//config",
            "homeassistant/device/config", "homeassistant/sensor/x/config", "device/x/config",
            "homeassistant/device/a/b/c/config", "homeassistant/device/a.b/config", "config",
            ""};
    static const char *const good[] = {"homeassistant/device/a-B_1/config",
            "homeassistant/device/node/a/config", "my/ha/device/a/config"};
    size_t len = 0;
    char *text = golden_read("discovery/minimal.json", &len);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (discovery_lint(bad[i], text, len, NULL) == ERR_OK) {
            fail_msg("%s was accepted", bad[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (discovery_lint(good[i], text, len, NULL) != ERR_OK) {
            fail_msg("%s was refused", good[i]);
        }
    }
    free(text);
}

static void an_empty_payload_removes_a_device_and_is_fine(void **state)
{
    (void)state;
    assert_true(discovery_lint(topic, "", 0, NULL) == ERR_OK);
}

static void a_tombstone_is_a_component_with_nothing_but_its_platform(void **state)
{
    static const char grave[] =
            "{\"device\":{\"identifiers\":[\"x\"],\"name\":\"X\"},\"origin\":{\"name\":\"twcbridge\"},"
            "\"components\":{\"vin\":{\"platform\":\"sensor\"}}}";

    (void)state;
    assert_true(discovery_lint(topic, grave, strlen(grave), NULL) == ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_document_without_mistake_passes),
            cmocka_unit_test(each_mistake_is_refused_with_its_place),
            cmocka_unit_test(every_seeded_file_is_in_the_list),
            cmocka_unit_test(topics_that_home_assistant_ignores_are_refused),
            cmocka_unit_test(an_empty_payload_removes_a_device_and_is_fine),
            cmocka_unit_test(a_tombstone_is_a_component_with_nothing_but_its_platform),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
