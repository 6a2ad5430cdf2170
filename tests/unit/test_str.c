/*
 * test_str - strict numbers, slugs, words, times. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "tests/support/test.h"

static void copies_and_formats_are_cut_between_characters(void **state)
{
    char dst[5];

    (void)state;
    assert_true(str_copy(dst, sizeof(dst), "abcd"));
    check_str(dst, "abcd");
    assert_false(str_copy(dst, sizeof(dst), "abcde"));
    check_str(dst, "abcd");
    assert_false(str_copy(dst, sizeof(dst), "ab\xe2\x82\xac")); /* the euro sign: 3 bytes */
    check_str(dst, "ab");
    assert_false(str_copy(dst, sizeof(dst), "\xf0\x9f\x94\x8c!"));
    check_str(dst, "\xf0\x9f\x94\x8c");
    assert_false(str_format(dst, sizeof(dst), "%d\xc3\xa9", 123));
    check_str(dst, "123");
    assert_true(str_format(dst, sizeof(dst), "%04d", 7));
    check_str(dst, "0007");
    assert_false(str_copy(dst, 0, "x"));
}

static void utf8_characters_are_measured(void **state)
{
    static const struct {
        const char *s;
        size_t n, want;
    } rows[] = {
            {"a", 1, 1},
            {"\xc3\xa9", 2, 2},
            {"\xe2\x82\xac", 3, 3},
            {"\xf0\x9f\x94\x8c", 4, 4},
            {"\xc3\xa9", 1, 0},         /* cut */
            {"\xa9", 1, 0},             /* no start */
            {"\xc0\xaf", 2, 0},         /* longer than needed */
            {"\xe0\x80\xaf", 3, 0},     /* the same in three */
            {"\xf0\x80\x80\xaf", 4, 0}, /* and four */
            {"\xed\xa0\x80", 3, 0},     /* half a surrogate pair */
            {"\xf4\x90\x80\x80", 4, 0}, /* beyond Unicode */
            {"\xff", 1, 0},
            {"", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_utf8(rows[i].s, rows[i].n) != rows[i].want) {
            print_error("row %zu\n", i);
        }
        check_i64((int64_t)str_utf8(rows[i].s, rows[i].n), (int64_t)rows[i].want);
    }
}

static bool int_of(const char *s, int64_t *v)
{
    return str_int(s, strlen(s), v);
}

static void control_characters_are_told_from_others(void **state)
{
    (void)state;
    check_i64((int64_t)str_control("\n", 1), 1);
    check_i64((int64_t)str_control("\x1f", 1), 1);
    check_i64((int64_t)str_control("\x7f", 1), 1);
    check_i64((int64_t)str_control("\xc2\x80", 2), 2);
    check_i64((int64_t)str_control("\xc2\x9f", 2), 2);
    check_i64((int64_t)str_control("\xc2\xa0", 2), 0);
    check_i64((int64_t)str_control("\xc3\x80", 2), 0);
    check_i64((int64_t)str_control("\xc2\x80", 1), 0);
    check_i64((int64_t)str_control(" ", 1), 0);
    check_i64((int64_t)str_control("", 0), 0);
}

static void a_line_is_one_line_of_whole_characters(void **state)
{
    char text[] = "a\tb\xc2\x85"
                  "c\xe2\x82"
                  "d\x80\xf0\x9f\x94\x8c\xc3";

    (void)state;
    str_line(text, '?');
    check_str(text, "a?b?cd\xf0\x9f\x94\x8c");
}

static void plain_text_ends_where_json_writes_more(void **state)
{
    (void)state;
    check_i64((int64_t)str_plain("ab c~", 5), 5);
    check_i64((int64_t)str_plain("ab c", 2), 2);
    check_i64((int64_t)str_plain("a\"", 2), 1);
    check_i64((int64_t)str_plain("a\\", 2), 1);
    check_i64((int64_t)str_plain("a\n", 2), 1);
    check_i64((int64_t)str_plain("a\x7f", 2), 1);
    check_i64((int64_t)str_plain("a\xc3\xa4", 3), 1);
    check_i64((int64_t)str_plain("", 0), 0);
}

static void whole_numbers_are_strict(void **state)
{
    static const char *const bad[] = {"", "-", "+", " 1", "1 ", "1.0", "1e3", "0x10", "1_000",
            "--1", "9223372036854775808", "-9223372036854775809", "99999999999999999999",
            "nan"};
    int64_t v = 77;

    (void)state;
    assert_true(int_of("0", &v));
    check_i64(v, 0);
    assert_true(int_of("-12", &v));
    check_i64(v, -12);
    assert_true(int_of("+12", &v));
    check_i64(v, 12);
    assert_true(int_of("9223372036854775807", &v));
    check_i64(v, INT64_MAX);
    assert_true(int_of("-9223372036854775808", &v));
    check_i64(v, INT64_MIN);
    assert_true(str_int("123", 2, &v)); /* the length counts */
    check_i64(v, 12);
    v = 77;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (int_of(bad[i], &v)) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
    check_i64(v, 77);
}

static void decimal_numbers_are_scaled_towards_zero(void **state)
{
    static const struct {
        const char *s;
        int64_t scale, want;
    } rows[] = {
            {"16", 1000, 16000},
            {"16.5", 1000, 16500},
            {"-0.25", 1000, -250},
            {"1e1", 1000, 10000},
            {"1E+1", 1, 10},
            {"125e-1", 10, 125},
            {"125e-1", 1, 12},
            {"0.0009", 1000, 0},
            {"-0.0009", 1000, 0},
            {"9.9999", 1000, 9999},
            {" 16 \n", 1000, 16000},
            {"+3", 1, 3},
            {"007", 1, 7},
            {"-0", 1000, 0},
            {"0.1", 1000000000, 100000000},
            {"1e-3", 1000, 1},
            {"1e-4", 1000, 0},
            {"1e-400", 1000, 0},
            {"0e999999999", 1000, 0},
            {"123456e-3", 1000, 123456},
            {"0.00000000000000000000001", 1000, 0},
            {"9223372036854775.807", 1000, INT64_MAX},
            {"-9223372036854775.808", 1000, INT64_MIN},
            {"0.123456789999", 1000000000, 123456789},
    };
    int64_t v;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!str_scaled(rows[i].s, strlen(rows[i].s), rows[i].scale, &v)) {
            fail_msg("'%s' was refused", rows[i].s);
        }
        check_i64(v, rows[i].want);
    }
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {"", " ", "nan", "NaN", "inf", "-inf", "Infinity", "0x10",
            "1 6", "1,5", "16A", ".5", "5.", "1e", "1e+", "e1", "--1", "1.2.3", "1e1.5", "-",
            "9223372036854775.808", "1e16", "1e99999999999999999999", "\xd9\xa1"};
    int64_t v = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (str_scaled(bad[i], strlen(bad[i]), 1000, &v)) {
            fail_msg("'%s' was taken as %lld", bad[i], (long long)v);
        }
    }
    assert_false(str_scaled("1\0", 2, 1000, &v)); /* a NUL is no blank */
    assert_false(str_scaled("1", 1, 0, &v));
    check_i64(v, 77);
}

static void slugs_keep_letters_and_digits(void **state)
{
    char dst[64], small[6];

    (void)state;
    str_slug(dst, sizeof(dst), "  Garage -- Left (2) ");
    check_str(dst, "garage_left_2");
    str_slug(dst, sizeof(dst),
            "K\xc3\xbc"
            "che");
    check_str(dst, "k_che");
    str_slug(dst, sizeof(dst), "___");
    check_str(dst, "");
    str_slug(small, sizeof(small), "abcd efgh");
    check_str(small, "abcd"); /* not "abcd_" */
    str_slug(small, sizeof(small), "abcdefgh");
    check_str(small, "abcde");
}

static void case_is_ignored_in_ascii_only(void **state)
{
    (void)state;
    assert_true(str_iequal("On", "oN"));
    assert_true(str_iequal("", ""));
    assert_false(str_iequal("on", "onn"));
    assert_false(str_iequal("onn", "on"));
    assert_false(str_iequal("\xc3\x89", "\xc3\xa9"));
}

static void the_nearest_word_is_found(void **state)
{
    static const char *const words[] = {
            "max_a", "min_a", "default_a", "priority", "phases", NULL};

    (void)state;
    check_str(str_nearest("max", words), "max_a");
    check_str(str_nearest("max_amps", words), "max_a");
    check_str(str_nearest("prioritiy", words), "priority");
    check_str(str_nearest("PHASES", words), "phases");
    check_str(str_nearest("phaess", words), "phases"); /* two neighbours swapped */
    assert_null(str_nearest("colour", words));
    assert_null(str_nearest("", words));
    assert_null(str_nearest("x", words));
    assert_null(str_nearest("7", (const char *const[]){"1", NULL}));
    assert_null(str_nearest(
            "a word that is much longer than any word that an option may have", words));
}

static void hex_is_lower_case_and_bounded(void **state)
{
    static const uint8_t bytes[] = {0xC0, 0x0D, 0xFF};
    char dst[7], small[4];

    (void)state;
    str_hex(dst, sizeof(dst), bytes, 3);
    check_str(dst, "c00dff");
    str_hex(small, sizeof(small), bytes, 3);
    check_str(small, "c0");
}

static void times_go_both_ways(void **state)
{
    static const struct {
        const char *s;
        int64_t ms;
    } rows[] = {
            {"1970-01-01T00:00:00Z", 0},
            {"2026-11-24T06:00:00Z", 1795500000000},
            {"2024-02-29T23:59:59Z", 1709251199000},
            {"2000-03-01T00:00:00Z", 951868800000},
            {"1969-12-31T23:59:59Z", -1000},
            {"2100-03-01T00:00:00Z", 4107542400000},
    };
    char dst[STR_TIME_ROOM];
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        str_time(dst, rows[i].ms);
        check_str(dst, rows[i].s);
        assert_true(str_time_parse(rows[i].s, &ms));
        check_i64(ms, rows[i].ms);
    }
    str_time(dst, -1);
    check_str(dst, "1969-12-31T23:59:59Z");
}

static void offsets_and_fractions_are_read(void **state)
{
    int64_t ms;

    (void)state;
    assert_true(str_time_parse("2026-11-24T07:00:00+01:00", &ms));
    check_i64(ms, 1795500000000);
    assert_true(str_time_parse("2026-11-24T00:30:00-0530", &ms));
    check_i64(ms, 1795500000000);
    assert_true(str_time_parse("2026-11-24 06:00:00.123456+00:00", &ms));
    check_i64(ms, 1795500000123);
    assert_true(str_time_parse("2026-11-24T06:00:00.5Z", &ms));
    check_i64(ms, 1795500000500);
}

static void times_without_an_offset_or_sense_are_refused(void **state)
{
    static const char *const bad[] = {"", "2026-11-24", "2026-11-24T06:00:00",
            "2026-11-24T06:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "1900-02-29T00:00:00Z",
            "2026-11-24T24:00:00Z", "2026-11-24T06:60:00Z", "2026-11-24T06:00:61Z",
            "2026-11-24T06:00:00.Z", "2026-11-24T06:00:00+24:00", "2026-11-24T06:00:00+01",
            "2026-11-24T06:00:00Zx", "26-11-24T06:00:00Z", "unknown"};
    int64_t ms = 77;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (str_time_parse(bad[i], &ms)) {
            fail_msg("'%s' was taken", bad[i]);
        }
    }
    check_i64(ms, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(copies_and_formats_are_cut_between_characters),
            cmocka_unit_test(utf8_characters_are_measured),
            cmocka_unit_test(control_characters_are_told_from_others),
            cmocka_unit_test(a_line_is_one_line_of_whole_characters),
            cmocka_unit_test(plain_text_ends_where_json_writes_more),
            cmocka_unit_test(whole_numbers_are_strict),
            cmocka_unit_test(decimal_numbers_are_scaled_towards_zero),
            cmocka_unit_test(what_is_no_number_is_refused),
            cmocka_unit_test(slugs_keep_letters_and_digits),
            cmocka_unit_test(case_is_ignored_in_ascii_only),
            cmocka_unit_test(the_nearest_word_is_found),
            cmocka_unit_test(hex_is_lower_case_and_bounded),
            cmocka_unit_test(times_go_both_ways),
            cmocka_unit_test(offsets_and_fractions_are_read),
            cmocka_unit_test(times_without_an_offset_or_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
