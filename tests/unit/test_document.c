/*
 * test_document - state documents: the full key set, and no value that an entity refuses.
 *
 * The second half plays Home Assistant: it reads each value the way the component of the
 * discovery document says. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "discovery/rows.h"
#include "tests/support/devices.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

static struct model model;
static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, BUF_CAP_DISCOVERY);
    devices_init(&model);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_finish(&out);
    return 0;
}

static struct json_object *parse(void)
{
    struct err e = {0};
    struct json_object *root;

    assert_true(buf_ok(&out));
    root = json_parse(buf_text(&out), out.len, &e);
    if (!root) {
        fail_msg("%s in %s", e.text, buf_text(&out));
    }
    return root;
}

static struct json_object *document(int device)
{
    buf_reset(&out);
    state_document(&model, device, &out);
    return parse();
}

struct order {
    enum model_kind kind;
    int seen;
    bool ok;
};

static bool in_order(const char *key, struct json_object *v, void *user)
{
    static const char *const head[] = {"contract", "id", "name", "updated"};
    struct order *o = user;
    int i = o->seen++ - (int)ARRAY_LEN(head);
    const char *wanted = i < 0 ? head[i + (int)ARRAY_LEN(head)]
                               : field_table[(int)field_first(o->kind) + i].key;

    (void)v;
    o->ok = o->ok && strcmp(key, wanted) == 0;
    return o->ok && i < field_count(o->kind);
}

static void every_document_has_every_key_of_its_kind_in_order(void **state)
{
    (void)state;
    for (int i = 0; i < model.devices; i++) {
        struct json_object *root = document(i);
        struct order o = {.kind = model.device[i].kind, .ok = true};

        assert_true(json_each(root, in_order, &o));
        check_i64(o.seen, 4 + field_count(o.kind));
        json_put(root);
    }
}

/* The keys of the contract, written by hand: what stands in a document only. */
static void keys_without_entity_are_those_of_the_contract(void **state)
{
    static const char *const wanted[MODEL_KINDS] = {
            "buses home_assistant frames lease_count db_bytes",
            "grid_voltage_l1 grid_voltage_l2 grid_voltage_l3 inputs forecast tariff",
            "parent limit_l1 limit_l2 limit_l3 headroom_l1 headroom_l2 headroom_l3 chargers",
            ("requested requests ceilings decision power_estimated phase_map hardware_max "
             "protocol bus circuit session_id heartbeat_age_ms"),
            "adapter fields calls_today next_try"};

    (void)state;
    for (int k = 0; k < MODEL_KINDS; k++) {
        char got[512] = "";

        for (int i = (int)field_first((enum model_kind)k);
                i < (int)field_first((enum model_kind)k) + field_count((enum model_kind)k);
                i++) {
            if (!field_entity((enum field_id)i)) {
                size_t n = strlen(got);

                (void)str_format(
                        got + n, sizeof(got) - n, "%s%s", n > 0 ? " " : "", field_table[i].key);
            }
        }
        check_str(got, wanted[k]);
    }
}

static void what_is_not_known_is_null_and_zero_is_zero(void **state)
{
    (void)state;
    buf_reset(&out);
    model_set(&model, DEVICE_P2, FIELD_CHARGER_POWER, 0);
    state_document(&model, DEVICE_P2, &out);
    check_has(buf_text(&out), "\"power\":0,");
    check_has(buf_text(&out), "\"current\":null,");
    check_has(buf_text(&out), "\"status\":null,");
    check_has(buf_text(&out), "\"requests\":null,");
    buf_reset(&out);
    state_document(&model, DEVICE_SITE, &out);
    check_has(buf_text(&out), "{\"contract\":1,\"id\":null,\"name\":\"Site\",");
}

static void set_example(int d)
{
    model_set(&model, d, FIELD_CHARGER_STATUS, 6);
    model_set(&model, d, FIELD_CHARGER_POWER, 2290);
    model_set(&model, d, FIELD_CHARGER_CURRENT, 9954);
    model_set(&model, d, FIELD_CHARGER_OFFERED, 10000);
    model_set(&model, d, FIELD_CHARGER_ENERGY, 4312482);
    model_set(&model, d, FIELD_CHARGER_SESSION_START, INT64_C(1795494670000));
    model_set(&model, d, FIELD_CHARGER_PLUGGED, 1);
    model_set(&model, d, FIELD_CHARGER_PROBLEM, 0);
    model_set(&model, d, FIELD_CHARGER_LIMITED_BY, 4);
    model_set_text(&model, d, FIELD_CHARGER_REASON, "10 A: \"garage\" leaves 10 A on L1");
    model_set(&model, d, FIELD_CHARGER_VOLTAGE_L1, 230400);
    model_set(&model, d, FIELD_CHARGER_FREQUENCY, 49987);
    model_set(&model, d, FIELD_CHARGER_ANSWERS, 999);
    model_set(&model, d, FIELD_CHARGER_SESSION_COST, 12345);
    model_set(&model, d, FIELD_CHARGER_MAX_CURRENT, 32000);
    model_set(&model, d, FIELD_CHARGER_MODE, 2);
    model_set_json(
            &model, d, FIELD_CHARGER_REQUESTS, "[{\"owner\":\"node-red\",\"value\":16}]");
}

static void values_are_shown_in_the_units_and_decimals_of_the_contract(void **state)
{
    (void)state;
    set_example(DEVICE_P2);
    buf_reset(&out);
    state_document(&model, DEVICE_P2, &out);
    golden_check("discovery/state_charger.json", buf_text(&out));
    buf_reset(&out);
    model_set(&model, DEVICE_BRIDGE, FIELD_BRIDGE_MEMORY, 9876543);
    state_document(&model, DEVICE_BRIDGE, &out);
    golden_check("discovery/state_bridge.json", buf_text(&out));
}

static void a_number_above_a_new_max_is_shown_as_the_max(void **state)
{
    (void)state;
    model_set(&model, DEVICE_SINGLE, FIELD_CHARGER_MAX_CURRENT, 32000);
    model_set(&model, DEVICE_SINGLE, FIELD_CHARGER_MIN_CURRENT, 5000);
    model_set(&model, DEVICE_SINGLE, FIELD_CHARGER_TARGET_SOC, 1200);
    model_set(&model, DEVICE_SITE, FIELD_SITE_SOLAR_OFFSET, -9000);
    model_set(&model, DEVICE_SITE, FIELD_SITE_PRICE_LIMIT, 123456);
    buf_reset(&out);
    state_document(&model, DEVICE_SINGLE, &out);
    check_has(buf_text(&out), "\"max_current\":13,");
    check_has(buf_text(&out), "\"min_current\":6,");
    check_has(buf_text(&out), "\"target_soc\":100,");
    buf_reset(&out);
    state_document(&model, DEVICE_SITE, &out);
    check_has(buf_text(&out), "\"solar_offset\":-5000,");
    check_has(buf_text(&out), "\"price_limit\":10,");
}

static void a_word_that_home_assistant_reads_as_nothing_is_null(void **state)
{
    (void)state;
    model_set_text(&model, DEVICE_P2, FIELD_CHARGER_OWNER, "None");
    model_set_text(&model, DEVICE_P2, FIELD_CHARGER_VEHICLE, "unavailable");
    buf_reset(&out);
    state_document(&model, DEVICE_P2, &out);
    check_has(buf_text(&out), "\"owner\":null,");
    check_has(buf_text(&out), "\"vehicle\":null,");
}

static void an_enum_beyond_its_words_is_null(void **state)
{
    (void)state;
    model_set(&model, DEVICE_P2, FIELD_CHARGER_STATUS, 11);
    buf_reset(&out);
    state_document(&model, DEVICE_P2, &out);
    check_has(buf_text(&out), "\"status\":null,");
    model_set(&model, DEVICE_P2, FIELD_CHARGER_STATUS, -1);
    buf_reset(&out);
    state_document(&model, DEVICE_P2, &out);
    check_has(buf_text(&out), "\"status\":null,");
}

static void buses_have_their_members_before_anything_is_known(void **state)
{
    (void)state;
    buf_reset(&out);
    state_document(&model, DEVICE_BRIDGE, &out);
    check_has(buf_text(&out),
            "\"buses\":{\"1\":{\"problem\":null,\"answers\":null,\"errors\":null},\"yard\":{");
}

/* ---- Home Assistant's side ---- */

static const char *text_of(struct json_object *v)
{
    return json_kind(v) == JSON_TEXT ? json_get_str(v, "", NULL) : NULL;
}

static bool one_of(struct json_object *list, const char *word)
{
    for (int i = 0; i < json_length(list); i++) {
        if (word && strcmp(text_of(json_item(list, i)), word) == 0) {
            return true;
        }
    }
    return false;
}

static bool number_accepts(struct json_object *component, struct json_object *v)
{
    int64_t min = 0;
    int64_t max = 0;
    int64_t got = 0;

    return json_kind(v) == JSON_NUMBER &&
           json_get_scaled(json_member(component, "min"), "min", 10000, &min, NULL) == ERR_OK &&
           json_get_scaled(json_member(component, "max"), "max", 10000, &max, NULL) == ERR_OK &&
           json_get_scaled(v, "", 10000, &got, NULL) == ERR_OK && got >= min && got <= max;
}

static bool sensor_accepts(struct json_object *component, struct json_object *v)
{
    const char *class = text_of(json_member(component, "device_class"));
    const char *text = text_of(v);
    int64_t ms = 0;

    if (class && strcmp(class, "enum") == 0) {
        return one_of(json_member(component, "options"), text);
    }
    if (class && (strcmp(class, "timestamp") == 0 || strcmp(class, "uptime") == 0)) {
        return text && str_time_parse(text, &ms);
    }
    if (json_member(component, "unit_of_measurement") ||
            json_member(component, "state_class")) {
        return json_kind(v) == JSON_NUMBER;
    }
    return text && text[0] != '\0' && strlen(text) <= 255 && !str_iequal(text, "none") &&
           !str_iequal(text, "unknown") && !str_iequal(text, "unavailable");
}

/* null is "not known" for every platform that has a state here. */
static bool accepts(struct json_object *component, struct json_object *v)
{
    const char *platform = text_of(json_member(component, "platform"));
    int64_t ms = 0;

    if (!v) {
        return true;
    }
    if (strcmp(platform, "number") == 0) {
        return number_accepts(component, v);
    }
    if (strcmp(platform, "sensor") == 0) {
        return sensor_accepts(component, v);
    }
    if (strcmp(platform, "select") == 0) {
        return one_of(json_member(component, "options"), text_of(v));
    }
    if (strcmp(platform, "datetime") == 0) {
        return text_of(v) && str_time_parse(text_of(v), &ms);
    }
    return json_kind(v) == JSON_BOOL; /* binary_sensor, switch */
}

struct reader {
    struct json_object *state;
    int read;
};

/* Reads "{{ value_json.<key> }}" of each component from the state document. */
static bool read_component(const char *key, struct json_object *component, void *user)
{
    struct reader *r = user;
    const char *template = text_of(json_member(component, "value_template"));
    char wanted[96];

    (void)str_format(wanted, sizeof(wanted), "{{ value_json.%s }}", key);
    if (!template || strcmp(template, wanted) != 0) {
        return true; /* buttons, events, connection, rows per bus */
    }
    r->read++;
    if (!json_has(r->state, key) || !accepts(component, json_member(r->state, key))) {
        char text[512];

        json_as_text(json_member(r->state, key), text, sizeof(text));
        print_error("%s: %s is refused\n", key, text);
        return false;
    }
    return true;
}

/* Renders the present state of a device into each of its components. */
static int render(int device)
{
    struct reader r = {.state = document(device)};
    struct json_object *root;

    buf_reset(&out);
    discovery_document(&devices_config, &model, device, &out);
    root = parse();
    assert_true(json_each(json_member(root, "components"), read_component, &r));
    json_put(root);
    json_put(r.state);
    return r.read;
}

static void set_text(int device, enum field_id f, int round)
{
    static const char *const texts[] = {"x", "None", "unknown", "Unavailable", " ",
            "\"\\\n\x01", "\xf0\x9f\x9a\x97 caf\xc3\xa9"};
    char longest[MODEL_TEXT_ROOM];

    memset(longest, 'w', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    if (field_table[f].type == TYPE_JSON) {
        model_set_json(&model, device, f, f == FIELD_BRIDGE_BUSES ? NULL : "[]");
    } else {
        model_set_text(
                &model, device, f, (size_t)round < ARRAY_LEN(texts) ? texts[round] : longest);
    }
}

static const int64_t values[] = {0, 1, -1, 2, 5, 999, 1000, 5999, 6000, 6001, 13900, 32000,
        80000, INT32_MAX, INT32_MIN, INT64_C(253402300799000)};

static void set_field(int device, enum field_id f, int round)
{
    enum field_type t = field_table[f].type;

    if (t == TYPE_TEXT || t == TYPE_JSON) {
        set_text(device, f, round);
    } else if (t != TYPE_TIME || values[round] >= 0) {
        model_set(&model, device, f, values[round]);
    }
}

/* Every field of a device at every value, then not known; how many were read. */
static int try_values(int device)
{
    enum model_kind kind = model.device[device].kind;
    int end = (int)field_first(kind) + field_count(kind);
    int read = 0;

    for (int round = 0; round < (int)ARRAY_LEN(values); round++) {
        for (int i = (int)field_first(kind); i < end; i++) {
            set_field(device, (enum field_id)i, round);
        }
        read += render(device);
    }
    for (int i = (int)field_first(kind); i < end; i++) {
        (void)model_set_unknown(&model, device, (enum field_id)i);
    }
    return read + render(device);
}

static void every_value_that_can_be_written_is_accepted_by_its_entity(void **state)
{
    static const int32_t maxima[] = {0, 5000, 6000, 13900, 80000};
    int read = 0;

    (void)state;
    for (size_t most = 0; most < ARRAY_LEN(maxima); most++) {
        for (int d = 0; d < model.devices; d++) {
            model.device[d].features = UINT32_MAX;
            model.device[d].max_ma = maxima[most];
            read += try_values(d);
        }
    }
    /* bridge 10, site 26, circuit 11, three chargers 51 each, source 10 */
    check_i64(read,
            (int64_t)(ARRAY_LEN(maxima) * (ARRAY_LEN(values) + 1)) * (10 + 26 + 11 + 3 * 51 + 10));
}

static void try_words(int device, enum field_id f)
{
    const struct entity *e = field_entity(f);
    const char *const *words = field_table[f].words;

    for (int k = 0; words && words[k]; k++) {
        model_set(&model, device, f, k);
        (void)render(device);
        if (e) {
            check_str(e->options[k], words[k]);
        }
    }
}

static void every_word_of_an_enum_is_an_option(void **state)
{
    (void)state;
    for (int d = 0; d < model.devices; d++) {
        enum model_kind kind = model.device[d].kind;
        int end = (int)field_first(kind) + field_count(kind);

        model.device[d].features = UINT32_MAX;
        for (int i = (int)field_first(kind); i < end; i++) {
            try_words(d, (enum field_id)i);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(every_document_has_every_key_of_its_kind_in_order),
            TEST(keys_without_entity_are_those_of_the_contract),
            TEST(what_is_not_known_is_null_and_zero_is_zero),
            TEST(values_are_shown_in_the_units_and_decimals_of_the_contract),
            TEST(a_number_above_a_new_max_is_shown_as_the_max),
            TEST(a_word_that_home_assistant_reads_as_nothing_is_null),
            TEST(an_enum_beyond_its_words_is_null),
            TEST(buses_have_their_members_before_anything_is_known),
            TEST(every_value_that_can_be_written_is_accepted_by_its_entity),
            TEST(every_word_of_an_enum_is_an_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
