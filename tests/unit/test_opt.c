/*
 * test_opt - one table: defaults, parsing, errors, writing, schema. SPDX-License-Identifier: MIT
 */
#include "bridge/base/opt.h"
#include "tests/support/test.h"

struct thing {
    char name[8], secret[16];
    bool on;
    int32_t count, limit_ma, colour, price_micro, unset_ma;
};

static const char *const colours[] = {"red", "green", NULL};

static const struct opt rows[] = {
        OPTION(struct thing, "name", name, OPT_STRING, .min = 1, .flags = OPT_REQUIRED,
                .text = "Its name."),
        OPTION(struct thing, "secret", secret, OPT_STRING, .max = 10, .flags = OPT_SECRET,
                .text = "Nobody sees it."),
        OPTION(struct thing, "on", on, OPT_BOOL, .fallback = 1, .flags = OPT_RESTART,
                .text = "Whether it is on."),
        OPTION(struct thing, "count", count, OPT_INT, .min = -5, .max = 5, .fallback = 3,
                .flags = OPT_RESTART, .text = "How many."),
        OPTION(struct thing, "limit_a", limit_ma, OPT_AMPS, .min = 6000, .max = 80500,
                .fallback = 16500, .unit = "A", .text = "How much."),
        OPTION(struct thing, "colour", colour, OPT_CHOICE, .choices = colours, .fallback = 1,
                .text = "Which colour."),
        OPTION(struct thing, "price", price_micro, OPT_MICRO, .min = -10000000,
                .max = 100000000, .fallback = 250000, .text = "How dear."),
        OPTION(struct thing, "unset_a", unset_ma, OPT_AMPS, .max = 1000, .fallback = OPT_UNSET,
                .text = "Maybe."),
        {.name = NULL},
};

struct fixture {
    struct thing t;
    struct opt_errors errs;
};

static void read_thing(struct fixture *f, const char *path, const char *text)
{
    struct json_object *v = json_parse(text, strlen(text), NULL);

    assert_non_null(v);
    memset(f, 0, sizeof(*f));
    memset(&f->t, 0x55, sizeof(f->t));
    opt_parse(rows, &f->t, v, path, &f->errs);
    json_put(v);
}

/* The only error of reading text is want. */
static void check_error(const char *text, const char *want)
{
    struct fixture f;

    read_thing(&f, "things[2]", text);
    if (f.errs.count != 1) {
        print_error("for %s\n", text);
    }
    check_i64(f.errs.count, 1);
    check_str(f.errs.text[0], want);
}

static void what_is_not_given_has_its_fallback(void **state)
{
    struct fixture f;

    (void)state;
    read_thing(&f, "", "{\"name\":\"x\"}");
    check_i64(f.errs.count, 0);
    check_str(f.t.name, "x");
    check_str(f.t.secret, "");
    assert_true(f.t.on);
    check_i64(f.t.count, 3);
    check_i64(f.t.limit_ma, 16500);
    check_i64(f.t.colour, 1);
    check_i64(f.t.price_micro, 250000);
    check_i64(f.t.unset_ma, OPT_UNSET);
}

static void what_is_given_is_taken(void **state)
{
    struct fixture f;

    (void)state;
    read_thing(&f, "",
            "{\"name\":\"1234567\",\"secret\":\"0123456789\",\"on\":false,\"count\":-5,"
            "\"limit_a\":80.5,\"colour\":\"red\",\"price\":-0.084217,\"unset_a\":0}");
    check_i64(f.errs.count, 0);
    check_str(f.t.name, "1234567");
    check_str(f.t.secret, "0123456789");
    assert_false(f.t.on);
    check_i64(f.t.count, -5);
    check_i64(f.t.limit_ma, 80500);
    check_i64(f.t.colour, 0);
    check_i64(f.t.price_micro, -84217);
    check_i64(f.t.unset_ma, 0);
}

static void errors_name_path_value_and_range(void **state)
{
    (void)state;
    check_error("{\"name\":\"x\",\"limit_a\":90}",
            "things[2].limit_a: 90 is above 80.5 (allowed: 6..80.5)");
    check_error("{\"name\":\"x\",\"limit_a\":-0.5}",
            "things[2].limit_a: -0.5 is below 6 (allowed: 6..80.5)");
    check_error("{\"name\":\"x\",\"limit_a\":\"16\"}",
            "things[2].limit_a: wants a number; allowed: 6..80.5 A");
    check_error("{\"name\":\"x\",\"price\":-10.25}",
            "things[2].price: -10.25 is below -10 (allowed: -10..100)");
    check_error(
            "{\"name\":\"x\",\"count\":6}", "things[2].count: 6 is above 5 (allowed: -5..5)");
    check_error("{\"name\":\"x\",\"count\":1.5}",
            "things[2].count: 1.5 is not a whole number; allowed: -5..5");
    check_error("{\"name\":\"x\",\"count\":9223372036854775807}",
            "things[2].count: 9223372036854775807 is above 5 (allowed: -5..5)");
    check_error("{\"name\":\"x\",\"count\":-9223372036854775808}",
            "things[2].count: -9223372036854775808 is below -5 (allowed: -5..5)");
    check_error("{\"name\":\"x\",\"on\":1}", "things[2].on: wants true or false");
    check_error("{\"name\":\"x\",\"colour\":\"gren\"}",
            "things[2].colour: 'gren' is not one of red, green; did you mean green?");
    check_error("{\"name\":\"12345678\"}", "things[2].name: 8 bytes are above 7");
    check_error("{\"name\":\"\"}", "things[2].name: is empty");
    check_error("{}", "things[2].name: is missing");
    check_error("[]", "things[2]: wants an object");
    check_error("{\"name\":\"x\",\"limit\":1}",
            "things[2].limit: there is no such option; did you mean limit_a?");
    check_error("{\"name\":\"x\",\"zzz\":1}", "things[2].zzz: there is no such option");
}

static void a_refused_value_leaves_the_fallback(void **state)
{
    struct fixture f;

    (void)state;
    read_thing(&f, "", "{\"name\":5,\"count\":99,\"limit_a\":null,\"colour\":\"x\",\"on\":2}");
    check_i64(f.errs.count, 5);
    check_str(f.t.name, "");
    check_i64(f.t.count, 3);
    check_i64(f.t.limit_ma, 16500);
    check_i64(f.t.colour, 1);
    assert_true(f.t.on);
}

static void secrets_are_in_no_error_and_no_output(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct fixture f;
    struct jw w;

    (void)state;
    read_thing(&f, "", "{\"name\":\"x\",\"secret\":\"hunter2hunter2\"}");
    check_i64(f.errs.count, 1);
    check_str(f.errs.text[0], "secret: 14 bytes are above 10");
    read_thing(&f, "", "{\"name\":\"x\",\"secret\":[\"hunter2\"]}");
    assert_null(strstr(f.errs.text[0], "hunter2"));
    read_thing(&f, "", "{\"name\":\"x\",\"secret\":\"hunter2\"}");
    buf_init(&b, 1000);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    opt_write(rows, &f.t, &w);
    jw_close(&w);
    check_str(buf_text(&b), "{\"name\":\"x\",\"secret\":\"***\",\"on\":true,\"count\":3,"
                            "\"limit_a\":16.5,\"colour\":\"green\",\"price\":0.25}");
}

static void errors_beyond_the_room_are_counted(void **state)
{
    struct opt_errors *errs = calloc(1, sizeof(*errs));

    (void)state;
    assert_non_null(errs);
    for (int i = 0; i < OPT_ERRORS_MAX + 5; i++) {
        opt_errors_add(errs, "error %d\n\x1b", i);
    }
    check_i64(errs->count, OPT_ERRORS_MAX + 5);
    check_str(errs->text[0], "error 0??");
    check_str(errs->text[OPT_ERRORS_MAX - 1], "error 63??");
    errs->count = 0;
    opt_errors_add(errs, "%0300d", 7);
    check_i64((int64_t)strlen(errs->text[0]), (int64_t)sizeof(errs->text[0]) - 1);
    free(errs);
}

static void a_name_that_is_cut_in_a_character_loses_that_character(void **state)
{
    struct opt_errors errs = {.count = 0};

    (void)state;
    opt_errors_add(&errs, "%.3s: no such %s", "a\xe2\x82\xac", "section"); /* a euro sign */
    check_str(errs.text[0], "a: no such section");
    opt_errors_add(&errs, "%.4s: fine\x7f", "a\xe2\x82\xac");
    check_str(errs.text[1], "a\xe2\x82\xac: fine?");
}

static void only_marked_options_need_a_restart(void **state)
{
    struct fixture a, b;
    const char *name = NULL;

    (void)state;
    read_thing(&a, "", "{\"name\":\"x\"}");
    read_thing(&b, "", "{\"name\":\"y\",\"limit_a\":6,\"secret\":\"z\"}");
    assert_false(opt_needs_restart(rows, &a.t, &b.t, &name));
    b.t.count = 4;
    assert_true(opt_needs_restart(rows, &a.t, &b.t, &name));
    check_str(name, "count");
    b.t.on = false;
    assert_true(opt_needs_restart(rows, &a.t, &b.t, &name));
    check_str(name, "on");
}

static void the_schema_says_what_the_table_says(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct json_object *v, *p;
    struct err e = {.code = ERR_OK};
    int64_t n = 0;
    struct jw w;

    (void)state;
    buf_init(&b, 5000);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    opt_schema(rows, &w);
    jw_close(&w);
    v = json_parse(buf_text(&b), b.len, &e);
    assert_non_null(v);
    p = json_member(json_member(v, "properties"), "limit_a");
    check_i64(json_get_scaled(json_member(p, "maximum"), "", 1000, &n, &e), ERR_OK);
    check_i64(n, 80500);
    check_i64(json_get_scaled(json_member(p, "default"), "", 1000, &n, &e), ERR_OK);
    check_i64(n, 16500);
    assert_false(json_has(json_member(json_member(v, "properties"), "unset_a"), "default"));
    p = json_member(json_member(v, "properties"), "secret");
    assert_true(json_has(p, "writeOnly"));
    check_i64(json_get_int(json_member(p, "maxLength"), "", &n, &e), ERR_OK);
    check_i64(n, 10);
    check_str(json_get_str(json_item(json_member(v, "required"), 0), "", &e), "name");
    check_i64(json_length(json_member(v, "required")), 1);
    check_i64(json_length(
                      json_member(json_member(json_member(v, "properties"), "colour"), "enum")),
            2);
    json_put(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_not_given_has_its_fallback),
            cmocka_unit_test(what_is_given_is_taken),
            cmocka_unit_test(errors_name_path_value_and_range),
            cmocka_unit_test(a_refused_value_leaves_the_fallback),
            cmocka_unit_test(secrets_are_in_no_error_and_no_output),
            cmocka_unit_test(errors_beyond_the_room_are_counted),
            cmocka_unit_test(a_name_that_is_cut_in_a_character_loses_that_character),
            cmocka_unit_test(only_marked_options_need_a_restart),
            cmocka_unit_test(the_schema_says_what_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
