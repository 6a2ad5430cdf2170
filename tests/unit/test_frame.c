/*
 * Marks, escapes, checksum, resynchronisation. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/frame.h"
#include "tests/support/test.h"

static const uint8_t body[] = {
        0xFD, 0xE2, 0x40, 0x85, 0x1D, 0x0C, 0x80, 0, 0, 0, 0, 0, 0, 0, 0};

struct heard {
    int frames, noise, sums, escapes, lengths, longs;
    struct frame last;
};

static void hear(struct frame_decoder *d, const uint8_t *p, size_t n, struct heard *h)
{
    for (size_t i = 0; i < n; i++) {
        enum frame_result r = frame_decode(d, p[i], &h->last);

        h->frames += r == FRAME_READY;
        h->noise += r == FRAME_NOISE;
        h->sums += r == FRAME_BAD_SUM;
        h->escapes += r == FRAME_BAD_ESCAPE;
        h->lengths += r == FRAME_BAD_LENGTH;
        h->longs += r == FRAME_TOO_LONG;
    }
}

static size_t encode(uint8_t wire[static FRAME_WIRE_MAX])
{
    struct frame f;

    assert_true(frame_seal(&f, body, sizeof(body)));
    return frame_encode(&f, wire);
}

static void a_frame_survives_its_way_over_the_wire(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = encode(wire);
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    check_i64(n, 18);
    hear(&d, wire, n, &h);
    check_i64(h.frames, 1);
    check_i64(h.last.len, 16);
    assert_memory_equal(h.last.data, body, sizeof(body));
    check_i64(h.last.data[15], 0x50);
}

static void the_checksum_leaves_out_the_first_byte(void **state)
{
    uint8_t copy[sizeof(body)];

    (void)state;
    memcpy(copy, body, sizeof(body));
    copy[0] = 0x11;
    check_i64(frame_checksum(copy, sizeof(copy)), frame_checksum(body, sizeof(body)));
    copy[1]++;
    check_i64(frame_checksum(copy, sizeof(copy)), frame_checksum(body, sizeof(body)) + 1);
}

static void every_value_of_every_byte_comes_back_unescaped(void **state)
{
    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        for (size_t at = 1; at < sizeof(body); at++) {
            uint8_t copy[sizeof(body)], wire[FRAME_WIRE_MAX];
            struct frame_decoder d = {0};
            struct heard h = {0};
            struct frame f;
            size_t n;

            memcpy(copy, body, sizeof(body));
            copy[at] = (uint8_t)v;
            assert_true(frame_seal(&f, copy, sizeof(copy)));
            n = frame_encode(&f, wire);
            assert_true(n >= 18);
            for (size_t i = 1; i + 1 < n; i++) {
                assert_int_not_equal(wire[i], FRAME_MARK);
            }
            hear(&d, wire, n, &h);
            check_i64(h.frames, 1);
            assert_memory_equal(h.last.data, copy, sizeof(copy));
        }
    }
}

static void a_body_of_20_escaped_bytes_fits(void **state)
{
    uint8_t all[19], wire[FRAME_WIRE_MAX];
    struct frame_decoder d = {0};
    struct heard h = {0};
    struct frame f;
    size_t n;

    (void)state;
    memset(all, 0xC0, sizeof(all));
    all[18] = (uint8_t)(0xC0 + 0xC0 - (uint8_t)(18 * 0xC0)); /* so that the sum is C0 too */
    assert_true(frame_seal(&f, all, sizeof(all)));
    n = frame_encode(&f, wire);
    assert_true(n >= 40 && n <= 42);
    hear(&d, wire, n, &h);
    check_i64(h.frames, 1);
    check_i64(h.last.len, 20);
}

static void only_lengths_that_exist_are_made(void **state)
{
    uint8_t zeros[32] = {0xFD, 0xE2}, wire[FRAME_WIRE_MAX];
    struct frame f;

    (void)state;
    for (size_t n = 0; n < sizeof(zeros); n++) {
        bool fits = (n >= 12 && n <= 15) || n == 19;

        check_i64(frame_seal(&f, zeros, n), fits);
    }
    f.len = 17;
    check_i64(frame_encode(&f, wire), 0);
}

static void one_broken_bit_is_always_seen_outside_the_first_byte(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = encode(wire);

    (void)state;
    for (size_t bit = 8 * 2; bit < 8 * (n - 1); bit++) {
        struct frame_decoder d = {0};
        struct heard h = {0};

        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hear(&d, wire, n, &h);
        check_i64(h.frames, 0);
        wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void the_tail_byte_and_noise_cost_no_frame(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX], stream[256];
    size_t n = encode(wire), len = 0;
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    stream[len++] = 0xF8; /* before the first mark */
    for (int i = 0; i < 3; i++) {
        memcpy(stream + len, wire, n);
        len += n;
        stream[len++] = 0xFC;
        stream[len++] = 0x00;
    }
    hear(&d, stream, len, &h);
    check_i64(h.frames, 3);
    check_i64(h.noise, 2); /* the third tail is not closed yet */
    check_i64(d.noise_bytes, 1 + 2 * 2);
    check_i64(d.seen[FRAME_READY], 3);
}

static void a_lost_mark_costs_one_frame(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX], stream[256];
    size_t n = encode(wire), len = 0;
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    memcpy(stream, wire, n - 1); /* the closing mark is lost */
    len = n - 1;
    stream[len++] = 0xFC;
    for (int i = 0; i < 2; i++) {
        memcpy(stream + len, wire, n);
        len += n;
    }
    hear(&d, stream, len, &h);
    check_i64(h.frames, 2);
    check_i64(h.lengths, 1);
}

static void a_shared_mark_closes_and_opens(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX], stream[128];
    size_t n = encode(wire);
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    memcpy(stream, wire, n);
    memcpy(stream + n, wire + 1, n - 1);
    hear(&d, stream, 2 * n - 1, &h);
    check_i64(h.frames, 2);
}

static void bytes_without_end_are_dropped_until_the_next_mark(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX], stream[1200] = {0xC0};
    size_t n = encode(wire);
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    memset(stream + 1, 0x55, 1000);
    memcpy(stream + 1001, wire, n);
    hear(&d, stream, 1001 + n, &h);
    check_i64(h.longs, 1);
    check_i64(h.frames, 1);
}

static void a_wrong_escape_is_refused(void **state)
{
    static const uint8_t wrong[] = {0xC0, 0xFD, 0xE2, 0xDB, 0x00, 0x1D, 0x0C, 0x80, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0x50, 0xC0};
    static const uint8_t last[] = {
            0xC0, 0xFD, 0xE2, 0x40, 0x85, 0x1D, 0x0C, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0xDB, 0xC0};
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    hear(&d, wrong, sizeof(wrong), &h);
    hear(&d, last, sizeof(last), &h);
    check_i64(h.escapes, 2);
    check_i64(h.frames, 0);
}

static void a_dropped_partial_frame_leaves_no_trace(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = encode(wire);
    struct frame_decoder d = {0};
    struct heard h = {0};

    (void)state;
    hear(&d, wire, 9, &h);
    assert_true(frame_in_progress(&d));
    frame_drop_partial(&d);
    assert_false(frame_in_progress(&d));
    hear(&d, wire, n, &h);
    check_i64(h.frames, 1);
    hear(&d, (const uint8_t[]){0xFC}, 1, &h);
    assert_false(frame_in_progress(&d)); /* a tail byte is no frame under way */
}

static void random_bytes_never_stop_the_decoder(void **state)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = encode(wire);
    struct frame_decoder d = {0};
    struct heard h = {0};
    uint32_t seed = 12345;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        int before;

        for (int i = 0; i < 50; i++) {
            uint8_t b;

            seed = seed * 1664525u + 1013904223u;
            b = (uint8_t)(seed >> 24);
            hear(&d, &b, 1, &h);
        }
        before = h.frames;
        hear(&d, wire, n, &h);
        assert_true(h.frames > before);
    }
}

static void every_outcome_has_a_name(void **state)
{
    (void)state;
    for (int r = 0; r < FRAME_RESULT_COUNT; r++) {
        assert_true(strlen(frame_result_name((enum frame_result)r)) > 3);
    }
    check_str(frame_result_name(FRAME_BAD_SUM), "bad_sum");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_frame_survives_its_way_over_the_wire),
            cmocka_unit_test(the_checksum_leaves_out_the_first_byte),
            cmocka_unit_test(every_value_of_every_byte_comes_back_unescaped),
            cmocka_unit_test(a_body_of_20_escaped_bytes_fits),
            cmocka_unit_test(only_lengths_that_exist_are_made),
            cmocka_unit_test(one_broken_bit_is_always_seen_outside_the_first_byte),
            cmocka_unit_test(the_tail_byte_and_noise_cost_no_frame),
            cmocka_unit_test(a_lost_mark_costs_one_frame),
            cmocka_unit_test(a_shared_mark_closes_and_opens),
            cmocka_unit_test(bytes_without_end_are_dropped_until_the_next_mark),
            cmocka_unit_test(a_wrong_escape_is_refused),
            cmocka_unit_test(a_dropped_partial_frame_leaves_no_trace),
            cmocka_unit_test(random_bytes_never_stop_the_decoder),
            cmocka_unit_test(every_outcome_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
