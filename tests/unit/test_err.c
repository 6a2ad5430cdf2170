/*
 * test_err - a code and a sentence. SPDX-License-Identifier: MIT
 */
#include "bridge/base/err.h"
#include "tests/support/test.h"

static void setting_keeps_code_and_sentence(void **state)
{
    struct err e = {.code = ERR_OK};

    (void)state;
    check_i64(err_set(&e, ERR_REFUSED, "port '%s' is busy", "/dev/x"), ERR_REFUSED);
    check_i64(e.code, ERR_REFUSED);
    check_str(e.text, "port '/dev/x' is busy");
}

static void a_missing_err_still_gives_the_code(void **state)
{
    (void)state;
    check_i64(err_set(NULL, ERR_IO, "nobody reads this"), ERR_IO);
    check_i64(err_wrap(NULL, "nor this"), ERR_OK);
}

static void wrapping_prefixes_and_keeps_the_code(void **state)
{
    struct err e = {.code = ERR_OK};

    (void)state;
    err_set(&e, ERR_TIMEOUT, "no answer");
    check_i64(err_wrap(&e, "charger %d", 7), ERR_TIMEOUT);
    check_i64(err_wrap(&e, "bus %s", "1"), ERR_TIMEOUT);
    check_str(e.text, "bus 1: charger 7: no answer");
}

static void a_sentence_is_one_line(void **state)
{
    struct err e = {.code = ERR_OK};

    (void)state;
    err_set(&e, ERR_INVALID, "%s", "a\nb\x1b[31mc\x7f");
    check_str(e.text, "a b [31mc ");
    err_wrap(&e, "%s", "x\r\ny");
    check_str(e.text, "x  y: a b [31mc ");
}

/* A precision counts bytes, and what stands in the sentence came from others. */
static void a_sentence_holds_whole_characters_wherever_it_was_cut(void **state)
{
    struct err e = {.code = ERR_OK};

    (void)state;
    err_set(&e, ERR_INVALID, "'%.4s' is given twice", "abc\xc3\xa9");
    check_str(e.text, "'abc' is given twice");
    err_wrap(&e, "%.2s", "x\xe2\x82\xac");
    check_str(e.text, "x: 'abc' is given twice");
    err_set(&e, ERR_INVALID, "%s",
            "\xff"
            "a\xc2\x9b"
            "31m\xed\xa0\x80");
    check_str(e.text, "a 31m");
}

/* 400 bytes of two-byte characters: the cut must not leave half of one. */
static void a_long_sentence_is_cut_between_characters(void **state)
{
    struct err e = {.code = ERR_OK};
    char text[402] = "x";
    size_t n;

    (void)state;
    for (size_t i = 1; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 3);
    }
    err_set(&e, ERR_INVALID, "%s", text);
    n = strlen(e.text);
    check_i64((int64_t)n, 239); /* "x" and 119 whole ones */
    check_i64((unsigned char)e.text[n - 1], 0xa9);
    err_wrap(&e, "y");
    n = strlen(e.text);
    check_i64((int64_t)n, 238);
    check_i64((unsigned char)e.text[n - 1], 0xa9);
}

static void a_prefix_that_fills_the_room_wins(void **state)
{
    struct err e = {.code = ERR_OK};

    (void)state;
    err_set(&e, ERR_INVALID, "inner");
    err_wrap(&e, "%0300d", 1);
    check_i64((int64_t)strlen(e.text), (int64_t)sizeof(e.text) - 1);
}

static void codes_map_to_sysexits(void **state)
{
    (void)state;
    check_i64(err_exit_code(ERR_OK), 0);
    check_i64(err_exit_code(ERR_INVALID), 64);
    check_i64(err_exit_code(ERR_NOT_FOUND), 66);
    check_i64(err_exit_code(ERR_IO), 74);
    check_i64(err_exit_code(ERR_NO_MEMORY), 71);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(setting_keeps_code_and_sentence),
            cmocka_unit_test(a_missing_err_still_gives_the_code),
            cmocka_unit_test(wrapping_prefixes_and_keeps_the_code),
            cmocka_unit_test(a_sentence_is_one_line),
            cmocka_unit_test(a_sentence_holds_whole_characters_wherever_it_was_cut),
            cmocka_unit_test(a_long_sentence_is_cut_between_characters),
            cmocka_unit_test(a_prefix_that_fills_the_room_wins),
            cmocka_unit_test(codes_map_to_sysexits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
