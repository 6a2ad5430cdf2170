/*
 * test_json - what the writer writes, what the reader refuses, and where it says so.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "tests/support/test.h"

static void the_writer_keeps_commas_and_quotes(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    (void)state;
    buf_init(&b, 1000);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    jw_str(&w, "name", "a \"b\" \\ \n\x01\xc3\xa9");
    jw_str(&w, "none", NULL);
    jw_array(&w, "list");
    jw_int(&w, NULL, -1);
    jw_bool(&w, NULL, true);
    jw_open(&w, NULL);
    jw_close(&w);
    jw_null(&w, NULL);
    jw_array_end(&w);
    jw_raw(&w, "raw", "{\"x\":1}");
    jw_close(&w);
    assert_true(buf_ok(&b));
    check_str(buf_text(&b),
            "{\"name\":\"a \\\"b\\\" \\\\ \\u000a\\u0001\xc3\xa9\",\"none\":null,"
            "\"list\":[-1,true,{},null],\"raw\":{\"x\":1}}");
}

static void broken_utf8_still_makes_a_valid_document(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    (void)state;
    buf_init(&b, 100);
    jw_init(&w, &b);
    jw_str(&w, NULL, "a\xff\xc3");
    check_str(buf_text(&b), "\"a\\ufffd\\ufffd\"");
}

static void decimals_are_rounded_and_trimmed(void **state)
{
    static const struct {
        int64_t v;
        int digits, show;
        const char *want;
    } rows[] = {
            {9950, 3, 2, "9.95"},
            {9955, 3, 2, "9.96"},
            {-9955, 3, 2, "-9.96"},
            {9954, 3, 2, "9.95"},
            {16000, 3, 2, "16"},
            {0, 3, 2, "0"},
            {-4, 3, 2, "0"},
            {-5, 3, 2, "-0.01"},
            {5, 3, 3, "0.005"},
            {1050, 3, 3, "1.05"},
            {999999, 3, 0, "1000"},
            {499, 3, 0, "0"},
            {500, 3, 0, "1"},
            {-500, 3, 0, "-1"},
            {12, 0, 2, "12"},
            {230, 1, 3, "23"},
            {INT64_MIN, 3, 3, "-9223372036854775.808"},
            {INT64_MAX, 0, 0, "9223372036854775807"},
            {100, 3, 2, "0.1"},
            {7, 6, 1, "0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_finish) struct buf b;
        struct jw w;

        buf_init(&b, 100);
        jw_init(&w, &b);
        jw_decimal(&w, NULL, rows[i].v, rows[i].digits, rows[i].show);
        check_str(buf_text(&b), rows[i].want);
    }
}

static void nesting_too_deep_fails_the_buffer(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    (void)state;
    buf_init(&b, 1000);
    jw_init(&w, &b);
    for (int i = 0; i < 16; i++) {
        jw_array(&w, NULL);
    }
    assert_true(buf_ok(&b));
    jw_array(&w, NULL);
    assert_false(buf_ok(&b));
}

static bool parses(const char *text, size_t n)
{
    struct err e = {.code = ERR_OK};
    struct json_object *v = json_parse(text, n, &e);
    bool ok = v != NULL;

    if (!ok && (e.code != ERR_INVALID || !strstr(e.text, "line "))) {
        fail_msg("'%s': refused with \"%s\", which names no line", text, e.text);
    }
    json_put(v);
    return ok;
}

static void whole_values_are_read(void **state)
{
    static const char *const good[] = {"{}", "[]", " {\"a\":1} \n", "16", "-0.5e3", "\"x\"",
            "true", "[1,2.5,\"\\u00e9\\ud83d\\udd0c\\n\\/\",null,{\"a\":{\"a\":1}}]",
            "{\"a\":{\"x\":1},\"b\":{\"x\":1}}", "[{\"x\":1},{\"x\":1}]",
            "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct err e = {.code = ERR_OK};
        struct json_object *v = json_parse(good[i], strlen(good[i]), &e);

        if (!v) {
            fail_msg("'%s' was refused: %s", good[i], e.text);
        }
        json_put(v);
    }
}

static void what_is_not_json_is_refused_with_its_line(void **state)
{
    static const char *const bad[] = {"", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}",
            "{\"a\" 1}", "{\"a\":1} x", "{\"a\":1}{\"b\":2}", "1 2", "nul", "True", "NaN",
            "[NaN]", "Infinity", "-Infinity", "[1 2]", "\"open", "\"a\nb\"", "\"a\tb\"",
            "\"\\x\"", "\"\\u12g4\"", "\"\\ud83d\"", "\"\\udd0c\"", "\"\xff\"", "01", "-01",
            "+1", ".5", "5.", "1e", "0x10", "1e+", "--1", "-", "// c\n1", "/* c */1", "[1]]",
            "}", "{\"a\":1,\"a\":2}", "{\"a\":1,\"b\":{\"c\":1,\"c\":1}}",
            "{\"a\":1,\"\\u0061\":2}", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "[\"a\":1]",
            "{\"a\":1:2}", "{,}", "[,1]", "null"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parses(bad[i], strlen(bad[i]))) {
            print_error("'%s' was taken\n", bad[i]);
            fail();
        }
    }
    assert_false(
            parses("0000000000000000000000000000000000000000000000000000000000000001", 64));
    assert_false(
            parses("1.000000000000000000000000000000000000000000000000000000000000001", 65));
    assert_false(parses("1\0", 2));
    assert_false(parses("{\"a\0b\":1}", 9));
    assert_false(parses("\"a\\u0000b\" \0", 13));
}

static void errors_name_line_and_column(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
            {"{\n  \"a\": 1\n  \"b\": 2\n}", "line 3 column 3"},
            {"{\"a\":1,\n \"\xc3\xa9\": tru}", "line 2 column 7"},
            {"{\"a\":1,\n\n  \"a\":2}", "line 3 column 3"},
            {"[1,\n2", "line 2 column 2"},
            {"{} x", "line 1 column 4"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {.code = ERR_OK};

        assert_null(json_parse(rows[i].text, strlen(rows[i].text), &e));
        check_has(e.text, rows[i].want);
    }
}

static struct json_object *parsed(const char *text)
{
    struct json_object *v = json_parse(text, strlen(text), NULL);

    assert_non_null(v);
    return v;
}

static void numbers_come_as_they_were_written(void **state)
{
    struct json_object *v = parsed("[16, 16.0, 16.5, \"16\", 1e1, -0.25, 9223372036854775807,"
                                   " 0.1234567891, true, null, 1e999,"
                                   " 99999999999999999999]");
    struct err e = {.code = ERR_OK};
    int64_t n = 0;

    (void)state;
    check_i64(json_get_int(json_item(v, 0), "a", &n, &e), ERR_OK);
    check_i64(n, 16);
    check_i64(json_get_int(json_item(v, 1), "a", &n, &e), ERR_OK);
    check_i64(n, 16);
    check_i64(json_get_int(json_item(v, 2), "a", &n, &e), ERR_INVALID);
    check_has(e.text, "a: 16.5 is not a whole number");
    check_i64(json_get_int(json_item(v, 3), "a", &n, &e), ERR_INVALID);
    check_i64(json_get_int(json_item(v, 4), "a", &n, &e), ERR_OK);
    check_i64(n, 10);
    check_i64(json_get_scaled(json_item(v, 5), "a", 1000, &n, &e), ERR_OK);
    check_i64(n, -250);
    check_i64(json_get_int(json_item(v, 6), "a", &n, &e), ERR_OK);
    check_i64(n, INT64_MAX);
    check_i64(json_get_scaled(json_item(v, 6), "b.c", 1000, &n, &e), ERR_INVALID);
    check_has(e.text, "b.c: ");
    check_i64(json_get_scaled(json_item(v, 7), "a", 1000000000, &n, &e), ERR_OK);
    check_i64(n, 123456789);
    check_i64(json_get_scaled(json_item(v, 8), "a", 1, &n, &e), ERR_INVALID);
    check_i64(json_get_scaled(json_item(v, 9), "a", 1, &n, &e), ERR_INVALID);
    check_i64(json_get_scaled(json_item(v, 10), "a", 1, &n, &e), ERR_INVALID);
    check_has(e.text, "a: 1e999 is not a usable number");
    check_i64(json_get_int(json_item(v, 11), "a", &n, &e), ERR_INVALID);
    json_put(v);
}

static void texts_and_flags_are_strict(void **state)
{
    struct json_object *v =
            parsed("[\"\xc3\xa9\", \"a\\u0000b\", \"a\\nb\", 1, true, \"true\"]");
    struct err e = {.code = ERR_OK};
    bool flag = false;

    (void)state;
    check_str(json_get_str(json_item(v, 0), "a", &e), "\xc3\xa9");
    assert_null(json_get_str(json_item(v, 1), "a", &e));
    assert_null(json_get_str(json_item(v, 2), "p[0].q", &e));
    check_has(e.text, "p[0].q: ");
    assert_null(json_get_str(json_item(v, 3), "a", &e));
    check_i64(json_get_bool(json_item(v, 4), "a", &flag, &e), ERR_OK);
    assert_true(flag);
    check_i64(json_get_bool(json_item(v, 5), "a", &flag, &e), ERR_INVALID);
    check_i64(json_get_bool(json_item(v, 3), "a", &flag, &e), ERR_INVALID);
    json_put(v);
}

static bool count_until_b(const char *key, struct json_object *v, void *user)
{
    (void)v;
    ++*(int *)user;
    return strcmp(key, "b") != 0;
}

static void values_can_be_walked(void **state)
{
    struct json_object *v = parsed("{\"a\":null,\"b\":[1,{}],\"c\":\"x\"}");
    char text[16];
    int n = 0;

    (void)state;
    check_i64(json_kind(v), JSON_OBJECT);
    assert_true(json_has(v, "a"));
    assert_null(json_member(v, "a"));
    assert_false(json_has(v, "z"));
    check_i64(json_length(json_member(v, "b")), 2);
    assert_null(json_item(json_member(v, "b"), 2));
    assert_null(json_item(json_member(v, "b"), -1));
    assert_true(json_is_container(json_item(json_member(v, "b"), 1)));
    assert_false(json_each(v, count_until_b, &n));
    check_i64(n, 2);
    json_as_text(json_member(v, "c"), text, sizeof(text));
    check_str(text, "x");
    json_as_text(json_member(v, "b"), text, sizeof(text));
    check_str(text, "[1,{}]");
    check_i64(json_kind(NULL), JSON_NULL);
    json_put(v);
    json_put(NULL);
}

/* 300 members: an object of this size is no attack. */
static void large_objects_are_read(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct json_object *v;
    struct err e = {.code = ERR_OK};

    (void)state;
    buf_init(&b, 100000);
    buf_addc(&b, '{');
    for (int i = 0; i < 300; i++) {
        buf_addf(&b, "%s\"k%d\":%d", i ? "," : "", i, i);
    }
    buf_addc(&b, '}');
    v = json_parse(buf_text(&b), b.len, &e);
    if (!v) {
        fail_msg("%s", e.text);
    }
    assert_true(json_has(v, "k299"));
    json_put(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_writer_keeps_commas_and_quotes),
            cmocka_unit_test(broken_utf8_still_makes_a_valid_document),
            cmocka_unit_test(decimals_are_rounded_and_trimmed),
            cmocka_unit_test(nesting_too_deep_fails_the_buffer),
            cmocka_unit_test(whole_values_are_read),
            cmocka_unit_test(what_is_not_json_is_refused_with_its_line),
            cmocka_unit_test(errors_name_line_and_column),
            cmocka_unit_test(numbers_come_as_they_were_written),
            cmocka_unit_test(texts_and_flags_are_strict),
            cmocka_unit_test(values_can_be_walked),
            cmocka_unit_test(large_objects_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
