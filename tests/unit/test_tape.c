/*
 * The recording of a line: what is kept, for how long, in how much memory.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/tape.h"
#include "tests/support/test.h"

#include <stdio.h>

static const uint8_t abc[] = {0xC0, 0xAB, 0xC0};

static void check_text(const struct tape *t, const char *want)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    tape_text(t, &b);
    assert_true(buf_ok(&b));
    check_str(buf_text(&b), want);
    buf_finish(&b);
}

static void both_directions_are_kept_with_their_times(void **state)
{
    struct tape *t = tape_create(600000, 4096);

    (void)state;
    check_text(t, "");
    tape_add(t, TAPE_SENT, abc, 3, 5000);
    tape_add(t, TAPE_HEARD, abc, 1, 5007);
    tape_add(t, TAPE_HEARD, abc, 0, 5008); /* nothing */
    tape_add(t, TAPE_HEARD, abc + 1, 2, 70000);
    check_text(t, "5000 > c0abc0\n5007 < c0\n70000 < abc0\n");
    tape_destroy(t);
}

static void what_is_older_than_the_limit_goes(void **state)
{
    struct tape *t = tape_create(1000, 4096);

    (void)state;
    tape_add(t, TAPE_SENT, abc, 1, 1000);
    tape_add(t, TAPE_SENT, abc + 1, 1, 1500);
    tape_add(t, TAPE_SENT, abc, 1, 2000);
    check_text(t, "1000 > c0\n1500 > ab\n2000 > c0\n");
    tape_add(t, TAPE_SENT, abc, 1, 2011);
    check_text(t, "1500 > ab\n2000 > c0\n2011 > c0\n");
    tape_add(t, TAPE_SENT, abc, 1, 99000);
    check_text(t, "99000 > c0\n");
    tape_destroy(t);
}

static void a_long_chunk_is_kept_whole(void **state)
{
    struct tape *t = tape_create(600000, 4096);
    uint8_t many[700];
    struct buf b;

    (void)state;
    memset(many, 0x11, sizeof(many));
    tape_add(t, TAPE_HEARD, many, sizeof(many), 1);
    buf_init(&b, 1 << 20);
    tape_text(t, &b);
    check_i64((int64_t)b.len, 3 * (int64_t)strlen("1 < \n") + 2 * (int64_t)sizeof(many));
    buf_finish(&b);
    tape_destroy(t);
}

/* A line as busy as 9600 baud can be, for an hour. */
static void memory_is_bounded_and_the_newest_stay(void **state)
{
    struct tape *t = tape_create(600000, 100000);
    uint8_t sixteen[16] = {0};
    struct buf b;
    long long first = 0, last = 0;
    size_t lines = 0;

    (void)state;
    for (int64_t ms = 0; ms < 3600000; ms += 17) {
        tape_add(t, TAPE_HEARD, sixteen, sizeof(sixteen), ms);
        last = ms;
    }
    check_i64((int64_t)tape_bytes(t), 100000);
    buf_init(&b, 1 << 20);
    tape_text(t, &b);
    assert_true(buf_ok(&b));
    assert_int_equal(sscanf(buf_text(&b), "%lld", &first), 1);
    for (const char *p = buf_text(&b); (p = strchr(p, '\n')); p++) {
        lines++;
    }
    check_i64((int64_t)lines, 100000 / 22);
    check_i64(first, last - 17 * ((int64_t)lines - 1));
    buf_finish(&b);
    tape_destroy(t);
}

static void bytes_one_by_one_are_one_chunk_with_the_time_of_the_first(void **state)
{
    struct tape *t = tape_create(600000, 4096);

    (void)state;
    tape_add(t, TAPE_HEARD, abc, 1, 100);
    tape_add(t, TAPE_HEARD, abc + 1, 1, 101);
    tape_add(t, TAPE_HEARD, abc + 2, 1, 111);
    tape_add(t, TAPE_HEARD, abc + 1, 1, 122); /* later */
    tape_add(t, TAPE_SENT, abc + 1, 1, 123);  /* the other way */
    tape_add(t, TAPE_HEARD, abc + 1, 1, 124);
    check_text(t, "100 < c0abc0\n122 < ab\n123 > ab\n124 < ab\n");
    tape_destroy(t);
}

/* A bus, byte by byte: slowly, so that the oldest go before the ring grows, then at its end. */
static int64_t when(int k)
{
    return k < 200 ? 1000 + k * 700 : 141000 + (k - 200) * 100;
}

static void play_bus(int shift)
{
    struct tape *t = tape_create(60000, 3000);
    struct buf b;
    long long ms = 0;
    int n = 0;

    for (int k = 0; k < 1000; k++) {
        for (int i = 0; i < 7 + (k + shift) % 13; i++) {
            uint8_t byte = (uint8_t)k;

            tape_add(t, TAPE_HEARD, &byte, 1, when(k) + i);
        }
        if (k % 50 != 49 && k < 300) {
            continue;
        }
        buf_init(&b, 1 << 20);
        tape_text(t, &b);
        for (const char *p = buf_text(&b); *p; p = strchr(p, '\n') + 1, n++) {
            int at = 0, of;

            assert_int_equal(sscanf(p, "%lld < %n", &ms, &at), 1);
            of = (int)(ms < 141000 ? (ms - 1000) / 700 : 200 + (ms - 141000) / 100);
            check_i64(ms, when(of));
            check_i64((int64_t)strspn(p + at, "0123456789abcdef"), 2 * (7 + (of + shift) % 13));
        }
        check_i64(ms, when(k));
        buf_finish(&b);
    }
    assert_true(n > 10000);
    check_i64((int64_t)tape_bytes(t), 3000);
    tape_destroy(t);
}

static void joined_chunks_survive_growth_and_the_end_of_the_ring(void **state)
{
    (void)state;
    for (int shift = 0; shift < 13; shift++) {
        play_bus(shift);
    }
}

static void a_quiet_line_takes_little_memory(void **state)
{
    struct tape *t = tape_create(600000, 1 << 20);

    (void)state;
    for (int64_t ms = 0; ms < 3600000; ms += 5000) {
        tape_add(t, TAPE_SENT, abc, 3, ms);
    }
    check_i64((int64_t)tape_bytes(t), 2048); /* 121 chunks of 9 bytes */
    tape_destroy(t);
    tape_add(NULL, TAPE_SENT, abc, 3, 0);
    check_text(NULL, "");
    tape_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(both_directions_are_kept_with_their_times),
            cmocka_unit_test(what_is_older_than_the_limit_goes),
            cmocka_unit_test(a_long_chunk_is_kept_whole),
            cmocka_unit_test(memory_is_bounded_and_the_newest_stay),
            cmocka_unit_test(bytes_one_by_one_are_one_chunk_with_the_time_of_the_first),
            cmocka_unit_test(joined_chunks_survive_growth_and_the_end_of_the_ring),
            cmocka_unit_test(a_quiet_line_takes_little_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
