/*
 * The script language of the virtual bus, and that docs/simulate.md lists what there is.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/script.h"
#include "adapters/charger/virtual/wire_keys.h"
#include "bridge/base/str.h"
#include "tests/support/test.h"

#include <stdio.h>

static struct script *parse(const char *text)
{
    struct err e = {0};
    struct script *s = script_parse(text, strlen(text), "x", &e);

    if (!s) {
        check_str(e.text, "no error");
    }
    return s;
}

/* "LINE@MS LINE@MS ..." of everything that happens until to_ms. */
static void check_runs(const char *text, int64_t to_ms, const char *want)
{
    struct script *s = parse(text);
    char got[600] = "";

    for (int64_t at_ms = 0; at_ms <= to_ms; at_ms += 10) {
        int line;
        int64_t due_ms;

        while (script_next(s, at_ms, &line, &due_ms)) {
            size_t n = strlen(got);

            str_format(got + n, sizeof(got) - n, "%s%d@%lld", n > 0 ? " " : "", line,
                    (long long)due_ms);
        }
    }
    check_str(got, want);
    script_destroy(s);
}

static void lines_run_at_their_times_in_any_order(void **state)
{
    (void)state;
    check_runs("", 1000, "");
    check_runs("# nothing\n\n   \r\n", 1000, "");
    check_runs("2 status\n0.5\tstatus # why\n0.5 status\n", 5000, "2@500 3@500 1@2000");
    check_runs("2 status", 5000, "1@2000"); /* without a newline at the end */
}

static void a_range_repeats_to_its_end(void **state)
{
    (void)state;
    check_runs("1..2/0.5 status\n1.2 exit\n", 9000, "1@1000 2@1200 1@1500 1@2000");
    check_runs("1..1.9/0.5 status\n", 9000, "1@1000 1@1500");
    check_runs("0..0/1 status\n", 9000, "1@0");
}

static void repeat_begins_again_and_then_goes_on(void **state)
{
    (void)state;
    check_runs("0 status\n1 repeat 2\n1.5 exit\n", 9000, "1@0 1@1000 1@2000 3@3500");
    check_runs("0..0.5/0.5 status\n1 repeat 1\n", 9000, "1@0 1@500 1@1000 1@1500");
}

static void the_head_names_seed_and_start(void **state)
{
    struct script *s = parse("seed 7\nstart master\n0 status\n");
    int64_t seed = 1;

    (void)state;
    assert_true(script_seed(s, &seed));
    check_i64(seed, 7);
    assert_true(script_starts_with_master(s));
    check_i64(script_due_ms(s), 0);
    script_destroy(s);
    s = parse("start ready\n");
    assert_false(script_seed(s, &seed));
    check_i64(seed, 7);
    assert_false(script_starts_with_master(s));
    assert_true(script_due_ms(s) == INT64_MAX);
    script_destroy(s);
}

static void a_bad_line_is_named_with_what_is_allowed(void **state)
{
    static const char *const bad[][2] = {
            {"x status", "x:1: 'x': allowed is a time of 0 to 604800 seconds"},
            {"\n\n-1 status", "x:3: '-1': allowed is a time"},
            {"604801 status", "'604801'"},
            {"nan status", "'nan'"},
            {"1..2 status", "'1..2'"},
            {"1..2/0 status", "EVERY at least 0.05"},
            {"2..1/1 status", "'2..1/1'"},
            {"1", "x:1: '1': wants a command after the time"},
            {"1 # plug 1", "'1': wants a command"},
            {"seed -1", "x:1: '-1': seed: allowed is 0 to 2147483647"},
            {"seed", "seed: allowed is"},
            {"1 exit\nseed 2", "x:2: 'seed': stands before the first line with a time"},
            {"start now", "'now': start: allowed is master or ready"},
            {"1 repeat", "x:1: '': repeat: allowed is 1 to 1000000 times"},
            {"1 repeat 0", "'0': repeat: allowed is 1 to 1000000"},
            {"0 repeat 2", "'repeat': wants one time of its own"},
            {"1..5/1 repeat 2", "'repeat': wants one time of its own"},
            {"1 repeat 2\n2 repeat 2", "x:2: 'repeat': stands once"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = {0};

        assert_null(script_parse(bad[i][0], strlen(bad[i][0]), "x", &e));
        check_has(e.text, bad[i][1]);
        check_i64(err_exit_code(e.code), 64);
    }
}

static void a_file_of_zero_bytes_or_without_end_is_refused(void **state)
{
    struct err e = {0};
    size_t len = (SCRIPT_LINES_MAX + 1) * 9;
    char *many = test_calloc(1, len + 1);

    (void)state;
    assert_null(script_parse("1 exit\0", 7, "x", &e));
    check_has(e.text, "zero byte");
    for (size_t i = 0; i < len; i += 9) {
        memcpy(many + i, "1 status\n", 9);
    }
    assert_null(script_parse(many, len, "x", &e));
    check_has(e.text, "x:4097: '1': allowed are 4096 lines");
    memset(many, 'a', 600);
    memcpy(many, "1 ", 2);
    assert_null(script_parse(many, 600, "x", &e));
    check_has(e.text, "at most 511 characters");
    test_free(many);
}

static void every_line_is_tried_before_the_first_one_runs(void **state)
{
    struct wire w;
    struct err e = {0};
    struct script *s;

    (void)state;
    wire_init(&w,
            &(struct sim_config){.chargers = 1,
                    .protocol = 2,
                    .max_ma = 32000,
                    .volts = 230,
                    .phases = 3,
                    .first_id = 0x1A2B,
                    .seed = 1},
            0);
    s = parse("9 unplug 1\n1 fault flips=5\n5 exit\n");
    assert_true(script_check(s, &w, &e));
    check_i64(w.line.config.flips, 0); /* on a copy */
    assert_false(w.exit);
    script_destroy(s);
    s = parse("9 unplug 1\n\n# x\n1 fault flips=1001\n");
    assert_false(script_check(s, &w, &e));
    check_str(e.text, "x:4: fault: flips=1001: allowed is 0 to 1000");
    script_destroy(s);
    s = parse("3 plug 2b1a\n");
    assert_false(script_check(s, &w, &e));
    check_str(e.text, "x:1: there is no charger '2b1a'");
    script_destroy(s);
}

/* ---- the page ---- */

static char page[64 * 1024];

static int read_page(void **state)
{
    FILE *f = fopen(DOCS "/simulate.md", "r");

    (void)state;
    if (f) {
        page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
        fclose(f);
    }
    return f ? 0 : -1;
}

static void has_row(const char *row)
{
    if (!strstr(page, row)) {
        print_error("docs/simulate.md lacks this row:\n%s\n", row);
        _fail(__FILE__, __LINE__);
    }
}

static void the_page_lists_every_command(void **state)
{
    (void)state;
    for (const struct wire_help *h = wire_commands; h->name; h++) {
        char row[300], args[60] = "";
        size_t n = 0;

        for (const char *a = h->args; *a && n + 2 < sizeof(args); a++) {
            if (*a == '|') {
                args[n++] = '\\'; /* a bare bar would end the cell */
            }
            args[n++] = *a;
        }
        str_format(row, sizeof(row), "| `%s%s%s` | %s |", h->name, args[0] ? " " : "", args,
                h->what);
        has_row(row);
    }
}

static void the_page_lists_every_key(void **state)
{
    const struct wire_key *const tables[] = {
            wire_car_keys, wire_unit_keys, wire_fault_keys, wire_master_keys};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct wire_key *k = tables[i]; k->key; k++) {
            char row[400];

            str_format(row, sizeof(row), "| `%s` | %s | %s | %s |", k->key, k->allowed,
                    k->usual, k->what);
            has_row(row);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(lines_run_at_their_times_in_any_order),
            cmocka_unit_test(a_range_repeats_to_its_end),
            cmocka_unit_test(repeat_begins_again_and_then_goes_on),
            cmocka_unit_test(the_head_names_seed_and_start),
            cmocka_unit_test(a_bad_line_is_named_with_what_is_allowed),
            cmocka_unit_test(a_file_of_zero_bytes_or_without_end_is_refused),
            cmocka_unit_test(every_line_is_tried_before_the_first_one_runs),
            cmocka_unit_test(the_page_lists_every_command),
            cmocka_unit_test(the_page_lists_every_key),
    };

    return cmocka_run_group_tests(tests, read_page, NULL);
}
