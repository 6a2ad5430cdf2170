/*
 * What frames say (every vector of tests/data/twc-vectors.json), and what the master's encoder
 * can say at all. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/message.h"
#include "bridge/core/twc/message_master.h"
#include "tests/support/test.h"

#include <json-c/json.h>

/* Offers without an envelope. */
struct offer {
    int32_t ma;
};

int32_t offer_ma(const struct offer *o)
{
    return o->ma;
}

int64_t offer_stamp_ms(const struct offer *o)
{
    (void)o;
    return 0;
}

static struct json_object *vectors;

static int load(void **state)
{
    (void)state;
    vectors = json_object_from_file(TEST_DATA "/twc-vectors.json");
    return vectors ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_object_put(vectors);
    return 0;
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *v = NULL;

    (void)json_object_object_get_ex(o, key, &v);
    return v;
}

static const char *text_of(struct json_object *o, const char *key)
{
    return json_object_get_string(member(o, key));
}

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

static size_t from_hex(const char *hex, uint8_t out[static 128])
{
    size_t n = strlen(hex) / 2;

    assert_true(n <= 128);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    }
    return n;
}

/* All frames of a vector's wire bytes; the last outcome other than "more" in *what. */
static int decode_all(const char *hex, struct frame out[static 4], enum frame_result *what)
{
    uint8_t wire[128];
    size_t n = from_hex(hex, wire);
    struct frame_decoder d = {0};
    int frames = 0;

    *what = FRAME_MORE;
    for (size_t i = 0; i < n; i++) {
        enum frame_result r = frame_decode(&d, wire[i], &out[frames]);

        if (r != FRAME_MORE) {
            *what = r;
        }
        if (r == FRAME_READY) {
            frames++;
        }
        assert_true(frames < 4);
    }
    return frames;
}

static void check_numbers(
        struct json_object *want, const char *key, const void *got, size_t size)
{
    struct json_object *list = member(want, key);

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        int v = size == 2 ? ((const uint16_t *)got)[i] : ((const uint8_t *)got)[i];

        check_i64(v, json_object_get_int(json_object_array_get_idx(list, i)));
    }
}

static void check_decoded(struct json_object *want, const struct message *m)
{
    const struct {
        const char *key;
        int64_t got;
    } numbers[] = {
            {"sender", m->sender},
            {"receiver", m->receiver},
            {"sign", m->sign},
            {"code", m->code},
            {"max_ma", m->max_ma},
            {"draw_ma", m->draw_ma},
            {"hw_max_ma", m->hw_max_ma},
            {"energy", m->energy_raw},
            {"plug", m->plug},
            {"error_bits", m->error_bits},
            {"master_plugged", m->master_plugged},
    };

    check_str(message_kind_name(m->kind), text_of(want, "kind"));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct json_object *v = member(want, numbers[i].key);

        if (v && numbers[i].got != json_object_get_int64(v)) {
            print_error("%s: ", numbers[i].key);
            check_i64(numbers[i].got, json_object_get_int64(v));
        }
    }
    if (member(want, "text")) {
        check_str(m->text, text_of(want, "text"));
    }
    check_numbers(want, "volts", m->volts, 2);
    check_numbers(want, "half_amps", m->half_amps, 1);
    check_numbers(want, "version", m->version, 1);
    check_i64(m->has_half_amps, m->kind == MSG_POWER && m->len == 20);
}

static void check_stream(struct json_object *v)
{
    struct json_object *want = member(v, "frames");
    struct frame got[4];
    enum frame_result what;
    int n = decode_all(text_of(v, "wire"), got, &what);

    check_i64(n, (int64_t)json_object_array_length(want));
    for (int i = 0; i < n; i++) {
        uint8_t body[128];
        size_t len = from_hex(
                json_object_get_string(json_object_array_get_idx(want, (size_t)i)), body);

        check_i64(got[i].len, (int64_t)len);
        assert_memory_equal(got[i].data, body, len);
    }
}

static void check_valid(struct json_object *v)
{
    struct json_object *want = member(v, "decoded");
    struct frame got[4];
    enum frame_result what;
    uint8_t body[128], wire[FRAME_WIRE_MAX], given[128];
    size_t len = from_hex(text_of(v, "body"), body), n;
    struct message m;

    check_i64(decode_all(text_of(v, "wire"), got, &what), 1);
    check_i64(got[0].len, (int64_t)len);
    assert_memory_equal(got[0].data, body, len);
    assert_true(message_decode(&got[0], &m));
    check_decoded(want, &m);
    check_i64(m.from_master, strcmp(text_of(v, "from"), "master") == 0 || body[0] != 0xFD);
    if (m.kind == MSG_SLAVE_HEARTBEAT || m.kind == MSG_SLAVE_LINKREADY) {
        check_i64(m.protocol, json_object_get_int(member(v, "protocol")));
        assert_false(m.odd);
    }
    /* back to the same bytes, up to a tail */
    n = frame_encode(&got[0], wire);
    assert_true(from_hex(text_of(v, "wire"), given) >= n);
    assert_memory_equal(wire, given, n);
}

static void check_broken(struct json_object *v)
{
    const char *error = text_of(v, "error");
    struct frame got[4];
    enum frame_result what;
    int n = decode_all(text_of(v, "wire"), got, &what);
    struct message m;

    if (strcmp(error, "unknown") == 0) {
        check_i64(n, 1);
        assert_false(message_decode(&got[0], &m));
    } else if (strncmp(error, "none", 4) == 0) {
        check_i64(n, 1); /* nothing can see it but plausibility */
    } else {
        check_i64(n, 0);
        check_str(frame_result_name(what), error);
    }
}

static void every_vector_decodes_as_it_says(void **state)
{
    size_t count = json_object_array_length(vectors);
    int frames = 0, broken = 0, streams = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct json_object *v = json_object_array_get_idx(vectors, i);

        if (member(v, "frames")) {
            check_stream(v);
            streams++;
        } else if (json_object_get_boolean(member(v, "valid"))) {
            check_valid(v);
            frames++;
        } else {
            check_broken(v);
            broken++;
        }
    }
    check_i64(streams, 5);
    check_i64(broken, 10);
    check_i64(frames, 100);
}

static void what_must_be_refused_is_refused(void **state)
{
    int refused = 0;

    (void)state;
    for (size_t i = 0; i < json_object_array_length(vectors); i++) {
        struct json_object *v = json_object_array_get_idx(vectors, i);
        struct message_out m = {.protocol = 2,
                .from = 0x4242,
                .to = 0xA1B2,
                .single_charger = true,
                .stop_allowed = true};
        uint8_t body[128];
        struct frame f;

        if (!member(v, "decoded") || !member(member(v, "decoded"), "refuse")) {
            continue;
        }
        (void)from_hex(text_of(v, "body"), body);
        m.type = body[0];
        m.cmd = body[1];
        assert_false(message_master_pack(&m, &f));
        check_i64(f.len, 0);
        refused++;
    }
    check_i64(refused, 3);
}

/* What safety promise 10 allows, written a second time and in another way. */
static bool on_the_list(const uint8_t *p, bool single, bool stop)
{
    unsigned pair = (unsigned)p[0] << 8 | p[1];
    static const uint16_t always[] = {
            0xFCE1, 0xFBE2, 0xFBEB, 0xFBEC, 0xFBED, 0xFBEE, 0xFBEF, 0xFBF1, 0xFBB4};

    for (size_t i = 0; i < ARRAY_LEN(always); i++) {
        if (pair == always[i]) {
            return true;
        }
    }
    if (pair == 0xFBE0) {
        return p[6] == 0x00 || p[6] == 0x05 || p[6] == 0x09;
    }
    if (pair == 0xFB19 || pair == 0xFB1A || pair == 0xFB1B) {
        return single;
    }
    return (pair == 0xFCB1 || pair == 0xFCB2) && stop;
}

static void promise_10_nothing_leaves_the_encoder_but_the_allow_list(void **state)
{
    static const struct offer offer = {.ma = 16000};
    uint32_t out_count[4] = {0};

    (void)state;
    for (unsigned flags = 0; flags < 4; flags++) {
        bool single = flags & 1, stop = flags & 2;

        for (uint8_t protocol = 0; protocol <= 2; protocol++) {
            for (unsigned pair = 0; pair < 0x10000; pair++) {
                unsigned commands = pair == 0xFBE0 ? 256 : 1;

                for (unsigned command = 0; command < commands; command++) {
                    struct message_out m = {.type = (uint8_t)(pair >> 8),
                            .cmd = (uint8_t)pair,
                            .command = (uint8_t)command,
                            .protocol = protocol,
                            .from = 0x4242,
                            .to = 0xA1B2,
                            .sign = 0x77,
                            .offer = &offer,
                            .single_charger = single,
                            .stop_allowed = stop};
                    struct frame f;

                    if (!message_master_pack(&m, &f)) {
                        check_i64(f.len, 0);
                        continue;
                    }
                    out_count[flags]++;
                    assert_true(on_the_list(f.data, single, stop));
                    check_i64(f.data[0] << 8 | f.data[1], pair);
                    check_i64(f.data[f.len - 1], frame_checksum(f.data, f.len - 1u));
                }
            }
        }
    }
    /* 9 always, 2 heartbeats; 3 and 2 more by flag; three protocols */
    check_i64(out_count[0], 33);
    check_i64(out_count[1], 42);
    check_i64(out_count[2], 39);
    check_i64(out_count[3], 48);
}

static struct message_out heartbeat(const struct offer *o, uint8_t protocol, uint8_t command)
{
    return (struct message_out){.type = 0xFB,
            .cmd = 0xE0,
            .command = command,
            .protocol = protocol,
            .from = 0x4242,
            .to = 0xA1B2,
            .offer = o};
}

static void amps_come_from_the_offer_and_stay_below_80(void **state)
{
    (void)state;
    for (int32_t ma = -1000; ma <= 140000; ma += 10) {
        struct offer o = {.ma = ma};
        struct message_out m = heartbeat(&o, 2, 9);
        struct frame f;
        bool ok = message_master_pack(&m, &f);

        check_i64(ok, ma >= 0 && ma <= 80000);
        if (ok) {
            check_i64((f.data[7] << 8 | f.data[8]) * 10, ma);
        }
    }
}

static void a_heartbeat_needs_an_offer_and_the_command_of_its_protocol(void **state)
{
    struct offer o = {.ma = 6000};
    struct message_out m = heartbeat(NULL, 2, 0);
    struct frame f;

    (void)state;
    assert_false(message_master_pack(&m, &f));
    m = heartbeat(&o, 2, 5);
    assert_false(message_master_pack(&m, &f));
    m = heartbeat(&o, 1, 9);
    assert_false(message_master_pack(&m, &f));
    m = heartbeat(&o, 1, 5);
    assert_true(message_master_pack(&m, &f));
    check_i64(f.len, 14);
    m = heartbeat(&o, 2, 9);
    assert_true(message_master_pack(&m, &f));
    check_i64(f.len, 16);
    m = heartbeat(&o, 2, 0);
    assert_true(message_master_pack(&m, &f));
    check_i64(f.data[7] | f.data[8], 0); /* go on: no amps in it */
}

static void announcements_carry_id_and_sign(void **state)
{
    struct message_out m = {
            .type = 0xFC, .cmd = 0xE1, .protocol = 2, .from = 0x7777, .sign = 0x77};
    static const uint8_t want[] = {0xFC, 0xE1, 0x77, 0x77, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0x46};
    struct frame f;

    (void)state;
    assert_true(message_master_pack(&m, &f));
    check_i64(f.len, 14);
    assert_memory_equal(f.data, want, sizeof(want));
}

static void the_self_test_passes(void **state)
{
    (void)state;
    assert_true(message_master_self_test());
}

static void only_a_vin_with_its_check_digit_is_one(void **state)
{
    (void)state;
    assert_true(vin_valid("5YJ3E1EA8KF000001"));
    assert_true(vin_valid("1M8GDM9AXKP042788")); /* the check digit may be X */
    assert_false(vin_valid("5YJ3E1EA7KF000001"));
    assert_false(vin_valid("5YJ3E1EA8KF00000"));
    assert_false(vin_valid("5YJ3E1EA8KF0000011"));
    assert_false(vin_valid("5YJ3E1EA8KF00000I"));
    assert_false(vin_valid("5yj3e1ea8kf000001"));
    assert_false(vin_valid(""));
}

static void unknown_codes_and_lengths_are_not_decoded(void **state)
{
    struct frame f;
    struct message m;
    uint8_t body[20] = {0xFD, 0xE0};

    (void)state;
    assert_true(frame_seal(&f, body, 19)); /* no slave heartbeat is 20 long */
    assert_false(message_decode(&f, &m));
    assert_true(frame_seal(&f, body, 12));
    assert_false(message_decode(&f, &m));
    body[1] = 0x77;
    assert_true(frame_seal(&f, body, 15));
    assert_false(message_decode(&f, &m));
    check_i64(m.kind, MSG_UNKNOWN);
    check_i64(m.cmd, 0x77);
    f.len = 3;
    assert_false(message_decode(&f, &m));
}

static void reserved_bytes_make_a_frame_odd(void **state)
{
    struct frame f;
    struct message m;
    uint8_t body[15] = {0xFD, 0xE0, 0xA1, 0xB2, 0x42, 0x42, 0, 0, 0, 0, 0, 0, 0, 1, 0};

    (void)state;
    assert_true(frame_seal(&f, body, 15));
    assert_true(message_decode(&f, &m));
    assert_true(m.odd);
}

static void old_answers_carry_text_without_an_id(void **state)
{
    struct frame f;
    struct message m;
    uint8_t serial[15] = {
            0xFD, 0x19, 'A', '1', '7', 'I', '0', '0', '3', '9', '3', '9', '3', 0xFF};
    uint8_t version[13] = {0xFD, 0x1B, 4, 4, 13};

    (void)state;
    assert_true(frame_seal(&f, serial, 15));
    assert_true(message_decode(&f, &m));
    check_str(m.text, "A17I0039393");
    check_i64(m.sender, 0);
    assert_true(frame_seal(&f, version, 13));
    assert_true(message_decode(&f, &m));
    check_i64(m.version[2], 13);
}

static void states_and_kinds_have_names(void **state)
{
    (void)state;
    for (int k = 0; k < MSG_KIND_COUNT; k++) {
        assert_true(strlen(message_kind_name((enum message_kind)k)) > 3);
    }
    check_str(twc_state_name(0x01), "charging");
    check_str(twc_state_name(0x0F), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_vector_decodes_as_it_says),
            cmocka_unit_test(what_must_be_refused_is_refused),
            cmocka_unit_test(promise_10_nothing_leaves_the_encoder_but_the_allow_list),
            cmocka_unit_test(amps_come_from_the_offer_and_stay_below_80),
            cmocka_unit_test(a_heartbeat_needs_an_offer_and_the_command_of_its_protocol),
            cmocka_unit_test(announcements_carry_id_and_sign),
            cmocka_unit_test(the_self_test_passes),
            cmocka_unit_test(only_a_vin_with_its_check_digit_is_one),
            cmocka_unit_test(unknown_codes_and_lengths_are_not_decoded),
            cmocka_unit_test(reserved_bytes_make_a_frame_odd),
            cmocka_unit_test(old_answers_carry_text_without_an_id),
            cmocka_unit_test(states_and_kinds_have_names),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
