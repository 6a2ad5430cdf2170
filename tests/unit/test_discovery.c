/*
 * test_discovery - device documents, topics, names, removal. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "tests/support/devices.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

static struct model model;

struct rig {
    struct buf out, other;
};

static int setup(void **state)
{
    static struct rig rig;

    buf_init(&rig.out, BUF_CAP_DISCOVERY);
    buf_init(&rig.other, BUF_CAP_DISCOVERY);
    devices_init(&model);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    buf_finish(&r->out);
    buf_finish(&r->other);
    return 0;
}

/* The document of a device, parsed; the caller puts it. */
static struct json_object *document(struct rig *r, int device)
{
    struct err e = {0};
    struct json_object *root;

    buf_reset(&r->out);
    discovery_document(&devices_config, &model, device, &r->out);
    assert_true(buf_ok(&r->out));
    root = json_parse(buf_text(&r->out), r->out.len, &e);
    if (!root) {
        fail_msg("%s", e.text);
    }
    return root;
}

static const char *text_at(struct json_object *root, const char *component, const char *key)
{
    struct json_object *v =
            json_member(json_member(json_member(root, "components"), component), key);

    return json_kind(v) == JSON_TEXT ? json_get_str(v, key, NULL) : NULL;
}

struct keys {
    char text[4096];
};

static bool add_key(const char *key, struct json_object *v, void *user)
{
    struct keys *k = user;
    size_t n = strlen(k->text);

    (void)v;
    (void)str_format(k->text + n, sizeof(k->text) - n, "%s%s", n > 0 ? " " : "", key);
    return true;
}

static void announces(struct rig *r, int device, const char *wanted)
{
    struct json_object *root = document(r, device);
    struct keys k = {""};

    assert_true(json_each(json_member(root, "components"), add_key, &k));
    json_put(root);
    check_str(k.text, wanted);
}

static void a_protocol_2_charger_on_three_phases_announces_these_rows(void **state)
{
    announces(*state, DEVICE_P2,
            "status power current offered energy session_energy session_start plugged charging "
            "problem limited_by reason owner lease_end fault phases current_l1 current_l2 "
            "current_l3 voltage_l1 voltage_l2 voltage_l3 vehicle vin energy_counter starts "
            "stops_left answers current_limit charging_allowed mode boost release max_current "
            "min_current boost_current hold_minutes boost_minutes event");
}

static void a_protocol_1_charger_announces_no_row_that_it_cannot_fill(void **state)
{
    announces(*state, DEVICE_P1,
            "status power current offered energy session_energy session_start plugged charging "
            "problem limited_by reason owner lease_end fault phases starts answers current_limit "
            "charging_allowed mode boost release max_current min_current boost_current "
            "hold_minutes boost_minutes event");
}

static void a_single_phase_charger_has_no_rows_of_other_phases(void **state)
{
    announces(*state, DEVICE_SINGLE,
            "status power current offered energy session_energy session_start plugged charging "
            "problem limited_by reason owner lease_end fault phases current_l1 voltage_l1 vehicle "
            "vin energy_counter starts stops_left answers current_limit charging_allowed mode "
            "boost release max_current min_current boost_current hold_minutes boost_minutes event");
}

static void a_circuit_announces_these_rows_and_its_meter_only_with_one(void **state)
{
    announces(*state, DEVICE_CIRCUIT,
            "status limit headroom offered_l1 offered_l2 offered_l3 over_limit current_limit");
    model.device[DEVICE_CIRCUIT].features |= FEATURE_METER;
    announces(*state, DEVICE_CIRCUIT,
            "status limit headroom current_l1 current_l2 current_l3 offered_l1 offered_l2 "
            "offered_l3 over_limit current_limit");
}

static void the_site_announces_no_row_whose_input_does_not_exist(void **state)
{
    announces(*state, DEVICE_SITE,
            "status charger_power charger_energy offered charging_allowed current_limit mode "
            "release fallback_current lease_grace");
}

static void the_site_announces_what_a_source_can_give_and_no_more(void **state)
{
    uint32_t before = model.device[DEVICE_SITE].features;

    model.device[DEVICE_SITE].features |= FEATURE_EMS | FEATURE_GRID | FEATURE_PV | FEATURE_HOUSE;
    announces(*state, DEVICE_SITE,
            "status grid_power pv_power house_power charger_power surplus_power charger_energy "
            "offered data_problem data_updated charging_allowed current_limit mode release "
            "fallback_current lease_grace");
    model.device[DEVICE_SITE].features |= FEATURE_BATTERY | FEATURE_SOC | FEATURE_L1 | FEATURE_L3;
    announces(*state, DEVICE_SITE,
            "status grid_power pv_power battery_power battery_soc house_power charger_power "
            "surplus_power grid_current_l1 grid_current_l3 charger_energy offered data_problem "
            "data_updated charging_allowed current_limit mode release fallback_current lease_grace");
    model.device[DEVICE_SITE].features = before;
}

static void a_source_announces_its_state_and_the_values_it_can_give(void **state)
{
    announces(*state, DEVICE_SOURCE,
            "problem status error data_updated latency grid_power pv_power");
}

static void the_bridge_announces_its_rows_and_three_per_bus(void **state)
{
    announces(*state, DEVICE_BRIDGE,
            "connection problem restart_required started version chargers_online "
            "commands_refused mqtt_reconnects loop_lag memory log_level restart announce event "
            "bus_1_problem bus_1_answers bus_1_errors bus_yard_problem bus_yard_answers "
            "bus_yard_errors");
}

static void documents_are_the_golden_ones(void **state)
{
    static const struct row {
        int device;
        const char *file;
    } rows[] = {
            {DEVICE_BRIDGE, "discovery/bridge.json"},
            {DEVICE_SITE, "discovery/site.json"},
            {DEVICE_CIRCUIT, "discovery/circuit.json"},
            {DEVICE_P2, "discovery/charger_p2.json"},
            {DEVICE_P1, "discovery/charger_p1.json"},
            {DEVICE_SINGLE, "discovery/charger_single_phase.json"},
            {DEVICE_SOURCE, "discovery/source.json"},
    };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&r->out);
        discovery_document(&devices_config, &model, rows[i].device, &r->out);
        golden_check(rows[i].file, buf_text(&r->out));
    }
}

static void lint_device(struct rig *r, int device)
{
    struct err e = {0};
    char topic[DISCOVERY_TOPIC_ROOM];

    buf_reset(&r->out);
    discovery_document(&devices_config, &model, device, &r->out);
    discovery_topic(topic, sizeof(topic), &devices_config, &model.device[device]);
    if (discovery_lint(topic, buf_text(&r->out), r->out.len, &e) != ERR_OK) {
        fail_msg("%s: %s", topic, e.text);
    }
}

static void every_document_passes_the_linter(void **state)
{
    for (int i = 0; i < model.devices; i++) {
        lint_device(*state, i);
        /* Also with every row that any later build announces. */
        model.device[i].features = UINT32_MAX;
        lint_device(*state, i);
        model.device[i].max_ma = 0;
        lint_device(*state, i);
    }
}

static void topics_and_identifiers_are_those_of_the_contract(void **state)
{
    const struct discovery_config odd = {.base = "Home/TWC \xc3\xa4", .prefix = "ha/disc"};
    char t[DISCOVERY_TOPIC_ROOM];

    (void)state;
    discovery_topic(t, sizeof(t), &devices_config, &model.device[DEVICE_P2]);
    check_str(t, "homeassistant/device/twcbridge_charger_a1b2/config");
    discovery_topic(t, sizeof(t), &devices_config, &model.device[DEVICE_BRIDGE]);
    check_str(t, "homeassistant/device/twcbridge_bridge/config");
    discovery_topic(t, sizeof(t), &odd, &model.device[DEVICE_SITE]);
    check_str(t, "ha/disc/device/home_twc___site/config");
    discovery_state_topic(t, sizeof(t), &devices_config, &model.device[DEVICE_BRIDGE]);
    check_str(t, "twcbridge/bridge/health");
    discovery_state_topic(t, sizeof(t), &devices_config, &model.device[DEVICE_CIRCUIT]);
    check_str(t, "twcbridge/circuit/garage");
}

static void a_name_that_two_devices_have_gets_their_kind(void **state)
{
    struct rig *r = *state;
    struct json_object *root = document(r, DEVICE_P1);

    check_str(text_at(root, "power", "default_entity_id"), "sensor.garage_charger_power");
    json_put(root);
    root = document(r, DEVICE_CIRCUIT);
    check_str(text_at(root, "limit", "default_entity_id"), "sensor.garage_circuit_limit");
    json_put(root);
    /* A circuit that is no device takes no name away. */
    model.device[DEVICE_CIRCUIT].features = 0;
    root = document(r, DEVICE_P1);
    check_str(text_at(root, "power", "default_entity_id"), "sensor.garage_power");
    json_put(root);
}

static void a_name_without_latin_letters_falls_back_to_kind_and_id(void **state)
{
    struct rig *r = *state;
    struct json_object *root;

    (void)str_copy(model.device[DEVICE_P2].name, sizeof(model.device[0].name),
            "\xd0\x93\xd0\xb0\xd1\x80");
    (void)str_copy(
            model.device[DEVICE_SITE].name, sizeof(model.device[0].name), "\xe2\x9a\xa1");
    root = document(r, DEVICE_P2);
    check_str(text_at(root, "status", "default_entity_id"), "sensor.charger_a1b2_status");
    json_put(root);
    root = document(r, DEVICE_SITE);
    check_str(text_at(root, "status", "default_entity_id"), "sensor.site_status");
    json_put(root);
}

static void connection_shows_the_will_and_carries_the_probe(void **state)
{
    struct rig *r = *state;
    struct json_object *root = document(r, DEVICE_BRIDGE);
    struct json_object *own = json_member(
            json_member(json_member(root, "components"), "connection"), "availability");

    check_i64(json_kind(own), JSON_LIST);
    check_i64(json_length(own), 0);
    check_str(text_at(root, "connection", "state_topic"), "twcbridge/bridge/state");
    check_str(text_at(root, "connection", "value_template"), "{{ value_json.state }}");
    check_str(text_at(root, "connection", "payload_on"), "online");
    check_str(text_at(root, "connection", "json_attributes_topic"), "twcbridge/bridge/probe");
    check_str(text_at(root, "bus_1_problem", "value_template"),
            "{{ value_json.buses['1'].problem }}");
    check_str(text_at(root, "restart", "command_topic"), "twcbridge/bridge/request/restart");
    json_put(root);
}

static void all_but_the_bridge_hang_on_the_bridge(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < model.devices; i++) {
        struct json_object *root = document(r, i);
        struct json_object *via = json_member(json_member(root, "device"), "via_device");

        if (i == DEVICE_BRIDGE) {
            assert_null(via);
        } else {
            check_str(json_get_str(via, "via_device", NULL), "twcbridge_bridge");
        }
        check_i64(json_length(json_member(root, "availability")),
                model.device[i].kind == MODEL_CHARGER ? 2 : 1);
        json_put(root);
    }
}

static void ranges_are_whole_amps_and_min_is_never_above_max(void **state)
{
    const struct entity *limit = entity_find(MODEL_CHARGER, "current_limit");
    const struct entity *most = entity_find(MODEL_CHARGER, "max_current");
    struct model_device d = {.kind = MODEL_CHARGER, .max_ma = 13900, .floor_ma = 6000};
    int64_t min = -1;
    int64_t max = -1;

    (void)state;
    entity_range(limit, &d, &min, &max);
    check_i64(min, 0);
    check_i64(max, 13000);
    entity_range(most, &d, &min, &max);
    check_i64(min, 6000);
    check_i64(max, 13000);
    d.max_ma = 5000; /* a circuit below the floor */
    entity_range(most, &d, &min, &max);
    check_i64(min, 0);
    check_i64(max, 5000);
    d.max_ma = 0;
    entity_range(most, &d, &min, &max);
    check_i64(min, 0);
    check_i64(max, 0);
    entity_range(entity_find(MODEL_CHARGER, "boost_minutes"), &d, &min, &max);
    check_i64(min, 1000);
    check_i64(max, 1440000);
}

static void a_single_circuit_and_a_removed_device_are_not_announced(void **state)
{
    (void)state;
    assert_true(discovery_wanted(&model.device[DEVICE_CIRCUIT]));
    model.device[DEVICE_CIRCUIT].features = 0;
    assert_false(discovery_wanted(&model.device[DEVICE_CIRCUIT]));
    assert_true(discovery_wanted(&model.device[DEVICE_P1]));
    model.device[DEVICE_P1].gone = true;
    assert_false(discovery_wanted(&model.device[DEVICE_P1]));
}

static void nothing_is_buried_while_nothing_is_missing(void **state)
{
    struct rig *r = *state;

    discovery_document(&devices_config, &model, DEVICE_P2, &r->out);
    assert_false(discovery_tombstones(
            &devices_config, &model, DEVICE_P2, buf_text(&r->out), r->out.len, &r->other));
    assert_false(discovery_tombstones(&devices_config, &model, DEVICE_P2, "", 0, &r->other));
    assert_false(discovery_tombstones(&devices_config, &model, DEVICE_P2, "[1", 2, &r->other));
    check_i64((int64_t)r->other.len, 0);
}

static void a_row_that_went_is_buried_beside_the_rows_that_stay(void **state)
{
    struct rig *r = *state;
    struct json_object *root;
    struct json_object *grave;
    struct keys k = {""};

    discovery_document(&devices_config, &model, DEVICE_P2, &r->out);
    model.device[DEVICE_P2].features &= ~(uint32_t)FEATURE_P2;
    assert_true(discovery_tombstones(
            &devices_config, &model, DEVICE_P2, buf_text(&r->out), r->out.len, &r->other));
    root = json_parse(buf_text(&r->other), r->other.len, NULL);
    assert_non_null(root);
    check_str(text_at(root, "vin", "platform"), "sensor");
    grave = json_member(json_member(root, "components"), "vin");
    assert_true(json_each(grave, add_key, &k));
    check_str(k.text, "platform");
    check_str(text_at(root, "power", "unique_id"), "twcbridge_charger_a1b2_power");
    json_put(root);
    assert_true(discovery_lint("homeassistant/device/x/config", buf_text(&r->other),
                        r->other.len, NULL) == ERR_OK);
    /* Interrupted between the two steps: the graves are dug again. */
    (void)str_copy(k.text, sizeof(k.text), "");
    buf_reset(&r->out);
    assert_true(discovery_tombstones(
            &devices_config, &model, DEVICE_P2, buf_text(&r->other), r->other.len, &r->out));
}

static void a_key_that_moved_to_another_platform_is_buried_on_the_old_one(void **state)
{
    static const char before[] =
            "{\"components\":{\"mode\":{\"platform\":\"text\",\"unique_id\":\"x\"},"
            "\"power\":{\"platform\":\"sensor\"}}}";
    struct rig *r = *state;
    struct json_object *root;

    assert_true(discovery_tombstones(
            &devices_config, &model, DEVICE_P2, before, strlen(before), &r->out));
    root = json_parse(buf_text(&r->out), r->out.len, NULL);
    assert_non_null(root);
    check_str(text_at(root, "mode", "platform"), "text");
    assert_null(text_at(root, "mode", "unique_id"));
    check_str(text_at(root, "power", "unique_id"), "twcbridge_charger_a1b2_power");
    json_put(root);
}

static bool orphan(struct rig *r, const char *topic)
{
    return sweep_orphan(&devices_config, &model, topic, buf_text(&r->out), r->out.len);
}

static void only_our_own_documents_without_a_device_are_swept(void **state)
{
    static const char topic[] = "homeassistant/device/twcbridge_charger_a1b2/config";
    const struct discovery_config other = {
            .base = "twcbridge_charger", .prefix = "homeassistant"};
    const struct discovery_config namesake = {.base = "TWCBridge", .prefix = "homeassistant"};
    struct rig *r = *state;

    discovery_document(&devices_config, &model, DEVICE_P2, &r->out);
    assert_false(orphan(r, topic));
    model.device[DEVICE_P2].gone = true;
    assert_true(orphan(r, topic));
    /* Not where we would publish it. */
    assert_false(orphan(r, "homeassistant/device/other/config"));
    assert_false(sweep_orphan(&devices_config, &model, topic, "", 0));
    assert_false(sweep_orphan(&devices_config, &model, topic, "{}", 2));
    assert_false(sweep_orphan(&devices_config, &model, topic, "[1", 2));
    /* Another bridge whose names look like ours. */
    buf_reset(&r->out);
    discovery_document(&other, &model, DEVICE_BRIDGE, &r->out);
    assert_false(orphan(r, "homeassistant/device/twcbridge_charger_bridge/config"));
    buf_reset(&r->out);
    discovery_document(&namesake, &model, DEVICE_P2, &r->out);
    assert_false(orphan(r, topic));
}

static const char *state_of(const char *topic, char dst[64])
{
    return sweep_state_topic(&devices_config, &model, topic, dst, 64) ? dst : NULL;
}

static void a_swept_document_takes_its_state_along_unless_the_device_is_there(void **state)
{
    char dst[64];

    (void)state;
    check_str(state_of("homeassistant/device/twcbridge_charger_dead/config", dst),
            "twcbridge/charger/dead");
    check_str(state_of("homeassistant/device/twcbridge_circuit_a_b/config", dst),
            "twcbridge/circuit/a_b");
    assert_null(state_of("homeassistant/device/twcbridge_charger_a1b2/config", dst));
    assert_null(state_of("homeassistant/device/twcbridge_site/config", dst));
    assert_null(state_of("homeassistant/device/twcbridge_charger_/config", dst));
    assert_null(state_of("homeassistant/device/other_charger_dead/config", dst));
    assert_null(state_of("homeassistant/device/twcbridge_charger_dead", dst));
    assert_null(state_of("homeassistant/device/twcbridge_charger_dead/configs", dst));
    assert_null(state_of("homeassistant/device/twcbridge_charger_a/b/config", dst));
    assert_null(state_of("homeassistant/device/twcbridge_charger_+/config", dst));
}

static void a_prefix_that_holds_config_loses_no_state(void **state)
{
    static const struct discovery_config c = {.base = "twcbridge", .prefix = "ha/config"};
    char dst[64];

    (void)state;
    assert_true(sweep_state_topic(
            &c, &model, "ha/config/device/twcbridge_charger_dead/config", dst, sizeof(dst)));
    check_str(dst, "twcbridge/charger/dead");
}

static void rows_and_fields_have_the_same_keys(void **state)
{
    (void)state;
    for (int i = 0; i < entity_count; i++) {
        const struct entity *e = &entity_table[i];
        bool without = e->platform == ENTITY_BUTTON || e->platform == ENTITY_EVENT ||
                       strcmp(e->key, "connection") == 0;
        bool found = false;

        for (int f = (int)field_first(e->kind);
                f < (int)field_first(e->kind) + field_count(e->kind); f++) {
            found = found || strcmp(field_table[f].key, e->key) == 0;
        }
        if (found == without) {
            fail_msg("%s of %s", e->key, model_kind_names[e->kind]);
        }
        assert_ptr_equal(entity_find(e->kind, e->key), e);
    }
    assert_null(entity_find(MODEL_CHARGER, "connection"));
}

static void the_generated_page_and_schema_name_every_row(void **state)
{
    struct rig *r = *state;
    char cell[96];

    entities_docs(&r->out);
    state_schema(&r->other);
    assert_true(buf_ok(&r->out) && buf_ok(&r->other));
    for (int i = 0; i < entity_count; i++) {
        (void)str_format(cell, sizeof(cell), "| `%s` | %s |", entity_table[i].key,
                entity_platform_names[entity_table[i].platform]);
        check_has(buf_text(&r->out), cell);
    }
    for (int i = 0; i < FIELD_COUNT; i++) {
        (void)str_format(cell, sizeof(cell), "\"%s\":{", field_table[i].key);
        check_has(buf_text(&r->other), cell);
    }
    golden_check("../../docs/entities.md", buf_text(&r->out));
    golden_check("../../schemas/state.schema.json", buf_text(&r->other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_protocol_2_charger_on_three_phases_announces_these_rows),
            TEST(a_protocol_1_charger_announces_no_row_that_it_cannot_fill),
            TEST(a_single_phase_charger_has_no_rows_of_other_phases),
            TEST(a_circuit_announces_these_rows_and_its_meter_only_with_one),
            TEST(the_site_announces_no_row_whose_input_does_not_exist),
            TEST(the_site_announces_what_a_source_can_give_and_no_more),
            TEST(a_source_announces_its_state_and_the_values_it_can_give),
            TEST(the_bridge_announces_its_rows_and_three_per_bus),
            TEST(documents_are_the_golden_ones),
            TEST(every_document_passes_the_linter),
            TEST(topics_and_identifiers_are_those_of_the_contract),
            TEST(a_name_that_two_devices_have_gets_their_kind),
            TEST(a_name_without_latin_letters_falls_back_to_kind_and_id),
            TEST(connection_shows_the_will_and_carries_the_probe),
            TEST(all_but_the_bridge_hang_on_the_bridge),
            TEST(ranges_are_whole_amps_and_min_is_never_above_max),
            TEST(a_single_circuit_and_a_removed_device_are_not_announced),
            TEST(nothing_is_buried_while_nothing_is_missing),
            TEST(a_row_that_went_is_buried_beside_the_rows_that_stay),
            TEST(a_key_that_moved_to_another_platform_is_buried_on_the_old_one),
            TEST(only_our_own_documents_without_a_device_are_swept),
            TEST(a_swept_document_takes_its_state_along_unless_the_device_is_there),
            TEST(a_prefix_that_holds_config_loses_no_state),
            TEST(rows_and_fields_have_the_same_keys),
            TEST(the_generated_page_and_schema_name_every_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
