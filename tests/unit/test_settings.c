/*
 * test_settings - the settings file: what is taken, what is refused and in which words.
 * The words stand in tests/data/settings. SPDX-License-Identifier: MIT
 */
#include "bridge/settings.h"
#include "bridge/settings_tables.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

struct fixture {
    struct settings s;
    struct opt_errors errs, warnings;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void parse(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    settings_parse(text, strlen(text), &f->s, &f->errs, &f->warnings);
}

static void parse_good(struct fixture *f, const char *text)
{
    parse(f, text);
    if (f->errs.count > 0) {
        fail_msg("%s", f->errs.text[0]);
    }
}

static const char smallest[] =
        "{\"mqtt\":{\"url\":\"mqtt://127.0.0.1:1883\"},"
        "\"circuits\":[{\"name\":\"garage\",\"limit_a\":32}],"
        "\"buses\":[{\"port\":\"/dev/ttyUSB0\",\"circuit\":\"garage\"}]}";

static void the_smallest_file_has_every_default(void **state)
{
    struct fixture *f = *state;
    const struct settings *s = &f->s;

    parse_good(f, smallest);
    check_i64(f->warnings.count, 0);
    check_str(s->mqtt.base_topic, "twcbridge");
    check_str(s->mqtt.discovery_prefix, "homeassistant");
    check_str(s->mqtt.birth_topic, "homeassistant/status");
    assert_true(s->mqtt.discovery);
    assert_false(s->mqtt.insecure);
    check_str(s->site.name, "Site");
    check_i64(s->lease.grace_s, 120);
    check_i64(s->publish.interval_s, 5);
    check_i64(s->log.level, 2);
    check_i64(s->circuit_count, 1);
    check_str(s->circuit[0].id, "garage");
    check_i64(s->circuit[0].effective_limit_ma, 32000);
    check_i64(s->circuit[0].parent_index, -1);
    check_i64(s->bus_count, 1);
    check_str(s->bus[0].name, "1");
    check_str(s->bus[0].id, "1");
    check_i64(s->bus[0].circuit_index, 0);
    check_i64(s->charger_count, 0);
}

/* The numbers marked as our choice in the safety rules. */
static void the_safety_defaults_are_those_of_the_rules(void **state)
{
    struct fixture *f = *state;
    const struct safety_settings *s = &f->s.safety;

    parse_good(f, "{}");
    check_i64(s->warm_store_s, 600);
    check_i64(s->warm_listen_ms, 250);
    check_i64(s->cold_listen_ms, 12000);
    check_i64(s->warm_hold_s, 60);
    check_i64(s->idle_wait_ms, 150);
    check_i64(s->stamp_max_ms, 2000);
    check_i64(s->foreign_window_ms, 5000);
    check_i64(s->foreign_clear_s, 120);
    check_i64(s->silent_book_s, 60);
    check_i64(s->silent_stop_s, 600);
    check_i64(s->rotate_s, 900);
    check_i64(s->overdraw_s, 10);
    check_i64(s->overdraw_stop_s, 15);
    check_i64(s->stop_budget, 2);
    check_i64(s->hold_unseen_min, 60);
}

static void limits_come_from_limit_breaker_and_region(void **state)
{
    static const char circuits[] =
            "\"circuits\":[{\"name\":\"none\"},{\"name\":\"limit\",\"limit_a\":20.5},"
            "{\"name\":\"breaker\",\"breaker_a\":32},"
            "{\"name\":\"both\",\"limit_a\":30,\"breaker_a\":32},"
            "{\"name\":\"low\",\"limit_a\":0}]";
    struct fixture *f = *state;
    char text[600];

    (void)snprintf(text, sizeof(text), "{%s}", circuits);
    parse_good(f, text);
    check_i64(f->s.circuit[0].effective_limit_ma, 6000);
    check_i64(f->s.circuit[1].effective_limit_ma, 20500);
    check_i64(f->s.circuit[2].effective_limit_ma, 32000);
    check_i64(f->s.circuit[3].effective_limit_ma, 30000);
    check_i64(f->s.circuit[4].effective_limit_ma, 0);
    (void)snprintf(text, sizeof(text), "{\"site\":{\"region\":\"na\"},%s}", circuits);
    parse_good(f, text);
    check_i64(f->s.circuit[1].effective_limit_ma, 20500); /* continuous amps already */
    check_i64(f->s.circuit[2].effective_limit_ma, 25600);
    check_i64(f->s.circuit[3].effective_limit_ma, 25600);
}

static void names_are_resolved_to_places(void **state)
{
    struct fixture *f = *state;
    const struct settings *s = &f->s;

    parse_good(f,
            "{\"circuits\":[{\"name\":\"Left garage\",\"limit_a\":16,\"parent\":\"Main\"},"
            "{\"name\":\"Main\",\"limit_a\":40}],"
            "\"buses\":[{\"port\":\"tcp://g:1\",\"circuit\":\"Main\",\"name\":\"Old bus\"},"
            "{\"port\":\"virtual:2\",\"circuit\":\"left_garage\"}],"
            "\"chargers\":[{\"id\":\"A1B2\",\"bus\":\"Old bus\",\"phases\":\"L1L2\"},"
            "{\"id\":\"v2\",\"bus\":\"2\"},{\"id\":\"c3d4\"}]}");
    check_str(s->circuit[0].id, "left_garage");
    check_i64(s->circuit[0].parent_index, 1);
    check_i64(s->circuit[1].parent_index, -1);
    check_str(s->bus[0].id, "old_bus");
    check_i64(s->bus[0].circuit_index, 1);
    check_i64(s->bus[1].circuit_index, 0);
    check_str(s->charger[0].id, "a1b2");
    check_i64(s->charger[0].bus_index, 0);
    check_i64(s->charger[0].phases, PHASE_MAP_L1L2);
    check_i64(s->charger[1].bus_index, 1);
    check_i64(s->charger[2].bus_index, -1);
}

/* After a circle was reported every walk upwards still ends. */
static void a_circle_is_cut(void **state)
{
    struct fixture *f = *state;

    parse(f,
            "{\"circuits\":[{\"name\":\"a\",\"parent\":\"b\"},{\"name\":\"b\",\"parent\":\"a\"}]}");
    check_i64(f->errs.count, 1);
    for (int i = 0; i < 2; i++) {
        int at = i, steps = 0;

        while (at >= 0 && steps < 10) {
            at = f->s.circuit[at].parent_index;
            steps++;
        }
        assert_true(steps < 10);
    }
}

static void as_many_as_fit_and_not_one_more(void **state)
{
    CLEANUP(buf_finish) struct buf b;
    struct fixture *f = *state;

    buf_init(&b, 100000);
    for (int n = BUSES_MAX; n <= BUSES_MAX + 1; n++) {
        buf_reset(&b);
        buf_adds(&b, "{\"circuits\":[{\"name\":\"g\",\"limit_a\":1000}],\"buses\":[");
        for (int i = 0; i < n; i++) {
            buf_addf(&b, "%s{\"port\":\"/dev/x%d\",\"circuit\":\"g\"}", i ? "," : "", i);
        }
        buf_adds(&b, "]}");
        parse(f, buf_text(&b));
        check_i64(f->errs.count, n > BUSES_MAX);
        check_i64(f->s.bus_count, BUSES_MAX);
    }
    check_str(f->errs.text[0], "buses: 25 entries are above 24");
}

/* One block of a file of cases: the name, the text of the file, "=> " and a sentence. */
static void run_case(struct fixture *f, char *block, bool bad)
{
    const struct opt_errors *got = bad ? &f->errs : &f->warnings;
    char *text = strchr(block, '\n'), *want = strstr(block, "\n=> ");
    int n = 0;

    assert_non_null(text);
    memset(f, 0, sizeof(*f));
    settings_parse(text + 1, want ? (size_t)(want - text) : strlen(text + 1), &f->s, &f->errs,
            &f->warnings);
    *text = '\0';
    for (; want; n++) {
        char *line = want + strlen("\n=> ");

        want = strchr(line, '\n');
        if (want) {
            bool more = strncmp(want, "\n=> ", 4) == 0; /* or the blank line behind the last */

            *want = '\0';
            want = more ? want : NULL;
        }
        if (n >= got->count || strcmp(got->text[n], line) != 0) {
            fail_msg("%s: got \"%s\", wanted \"%s\"", block, n < got->count ? got->text[n] : "",
                    line);
        }
    }
    if (got->count != n || (f->errs.count > 0) != bad) {
        fail_msg("%s: %d sentences, %d wanted; %d errors", block, got->count, n, f->errs.count);
    }
}

static int run_cases(struct fixture *f, const char *name, bool bad)
{
    size_t len = 0;
    char *text = golden_read(name, &len), *at = strstr(text, "\n## ");
    int n = 0;

    while (at) {
        char *next = strstr(at + 1, "\n## ");

        if (next) {
            next[0] = '\0';
        }
        run_case(f, at + 4, bad);
        n++;
        at = next;
        if (at) {
            at[0] = '\n';
        }
    }
    free(text);
    return n;
}

static void every_malformed_file_is_refused_in_these_words(void **state)
{
    assert_true(run_cases(*state, "settings/bad.txt", true) >= 20);
}

static void every_unwise_file_is_taken_with_these_warnings(void **state)
{
    assert_true(run_cases(*state, "settings/unwise.txt", false) >= 10);
}

/* What is written can be read again and means the same; secrets cannot. */
static void what_is_written_can_be_read(void **state)
{
    CLEANUP(buf_finish) struct buf a;
    CLEANUP(buf_finish) struct buf b;
    struct fixture *f = *state;

    buf_init(&a, BUF_CAP_SETTINGS);
    buf_init(&b, BUF_CAP_SETTINGS);
    parse_good(f,
            "{\"mqtt\":{\"url\":\"mqtt://h\",\"username\":\"u\",\"password\":\"hunter2\"},"
            "\"circuits\":[{\"name\":\"g\",\"limit_a\":12.5}],\"lease\":{\"grace_s\":7},"
            "\"buses\":[{\"port\":\"virtual:1\",\"circuit\":\"g\"}],"
            "\"chargers\":[{\"id\":\"v1\",\"phases\":\"L3\",\"default_a\":0}]}");
    settings_write(&f->s, &a);
    assert_true(buf_ok(&a));
    check_has(buf_text(&a), "\"password\":\"***\"");
    check_has(buf_text(&a), "\"limit_a\":12.5");
    assert_null(strstr(buf_text(&a), "hunter2"));
    parse_good(f, buf_text(&a));
    settings_write(&f->s, &b);
    check_str(buf_text(&b), buf_text(&a));
}

static const char *restart(struct fixture *f, const char *a, const char *b)
{
    struct settings *old = malloc(sizeof(*old));
    const char *why;

    assert_non_null(old);
    parse_good(f, a);
    memcpy(old, &f->s, sizeof(*old));
    parse_good(f, b);
    why = settings_restart_reason(old, &f->s);
    free(old);
    return why;
}

static void limits_apply_live_and_ports_do_not(void **state)
{
    static const char base[] = "{\"circuits\":[{\"name\":\"g\",\"limit_a\":32}],"
                               "\"buses\":[{\"port\":\"/dev/a\",\"circuit\":\"g\"}]}";
    struct fixture *f = *state;

    assert_null(restart(f, base, base));
    assert_null(restart(f, base,
            "{\"circuits\":[{\"name\":\"g\",\"limit_a\":16,\"area\":\"x\"}],"
            "\"buses\":[{\"port\":\"/dev/a\",\"circuit\":\"g\"}],"
            "\"chargers\":[{\"id\":\"a1b2\",\"max_a\":16,\"name\":\"n\"}],"
            "\"lease\":{\"grace_s\":1},\"publish\":{\"interval_s\":1},"
            "\"log\":{\"level\":\"debug\"}}"));
    check_str(restart(f, base,
                      "{\"circuits\":[{\"name\":\"g\",\"limit_a\":32}],"
                      "\"buses\":[{\"port\":\"/dev/b\",\"circuit\":\"g\"}]}"),
            "buses[0].port");
    check_str(restart(f, base, "{\"circuits\":[{\"name\":\"g\",\"limit_a\":32}]}"), "buses");
    check_str(restart(f, "{}", "{\"mqtt\":{\"url\":\"mqtt://h\"}}"), "mqtt.url");
}

static void files_that_cannot_be_read_say_why(void **state)
{
    struct err e = {.code = ERR_OK};
    char *text = NULL;
    size_t len = 0;

    (void)state;
    check_i64(settings_read(TEST_DATA "/settings/none.json", &text, &len, &e), ERR_NOT_FOUND);
    check_has(e.text, "none.json: there is no such file");
    check_i64(settings_read(TEST_DATA "/settings", &text, &len, &e), ERR_IO);
    check_has(e.text, "is not a file");
    assert_null(text);
    check_i64(settings_read(TEST_DATA "/settings/bad.txt", &text, &len, &e), ERR_OK);
    check_i64((int64_t)strlen(text), (int64_t)len);
    free(text);
}

static void check_rows(const struct opt *table, size_t size)
{
    for (const struct opt *o = table; o->name; o++) {
        bool decimal = o->type == OPT_INT || o->type == OPT_AMPS || o->type == OPT_MICRO;
        bool number = decimal || o->type == OPT_CHOICE;

        check_i64(o->text[strlen(o->text) - 1], '.');
        assert_true(o->offset + o->size <= size);
        if (number) {
            check_i64((int64_t)o->size, 4);
        }
        if (decimal && o->fallback != OPT_UNSET) {
            assert_true(o->min <= o->fallback && o->fallback <= o->max);
        }
        for (const struct opt *x = table; x < o; x++) {
            assert_string_not_equal(x->name, o->name);
        }
    }
}

static void every_option_has_a_sentence_and_a_sound_row(void **state)
{
    struct opt room[SOURCE_ROWS_MAX];

    (void)state;
    for (size_t i = 0; i < section_count; i++) {
        check_rows(sections[i].table, sections[i].size);
    }
    for (size_t i = 0; ems_at(i); i++) {
        const struct ems_adapter *a = ems_at(i);
        int n = 0;

        while (a->options[n].name) {
            n++;
        }
        assert_true(n <= EMS_OPTIONS_MAX && a->config_size <= EMS_CONFIG_MAX);
        check_rows(a->options, a->config_size);
        source_table(a, room);
        check_rows(room, sizeof(struct source_settings));
        assert_ptr_equal(ems_find(a->name), a);
        check_i64(a->summary[strlen(a->summary) - 1], '.');
        assert_true(!a->login == !a->logged_in);
    }
}

static void a_source_is_written_without_its_secrets_and_changes_without_a_restart(void **state)
{
    static const char text[] =
            "{\"sources\":[{\"name\":\"M\",\"adapter\":\"url_json\",\"url\":\"http://m/x?key=s3cret\","
            "\"auth\":\"bearer\",\"token\":\"t0ken\",\"grid_w\":\"p\"}]}";
    struct fixture *f = *state;
    CLEANUP(buf_finish) struct buf out;

    buf_init(&out, BUF_CAP_SETTINGS);
    parse(f, text);
    check_i64(f->errs.count, 0);
    settings_write(&f->s, &out);
    check_has(buf_text(&out), "\"url\":\"http://m/x?***\"");
    check_has(buf_text(&out), "\"token\":\"***\"");
    assert_null(strstr(buf_text(&out), "s3cret"));
    assert_null(strstr(buf_text(&out), "t0ken"));
    check_i64(f->s.source[0].interval_s, 10);
    check_i64(f->s.source[0].max_age_s, 30);
    /* Sources are made anew while the bridge runs. */
    assert_null(restart(f, text,
            "{\"sources\":[{\"name\":\"M\",\"adapter\":\"url_json\",\"url\":\"http://m/x\","
            "\"grid_w\":\"q\"}]}"));
    assert_null(restart(f, text, "{}"));
}

/* After a change of a table: run once with GOLDEN_WRITE=1 and look at the difference. */
static void schema_and_docs_are_what_the_tables_say(void **state)
{
    CLEANUP(buf_finish) struct buf schema;
    CLEANUP(buf_finish) struct buf docs;

    (void)state;
    buf_init(&schema, BUF_CAP_SETTINGS);
    buf_init(&docs, BUF_CAP_SETTINGS);
    settings_schema(&schema);
    settings_docs(&docs);
    assert_true(buf_ok(&schema) && buf_ok(&docs));
    golden_check("../../schemas/settings.schema.json", buf_text(&schema));
    golden_check("../../docs/settings.md", buf_text(&docs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_smallest_file_has_every_default),
            cmocka_unit_test(the_safety_defaults_are_those_of_the_rules),
            cmocka_unit_test(limits_come_from_limit_breaker_and_region),
            cmocka_unit_test(names_are_resolved_to_places),
            cmocka_unit_test(a_circle_is_cut),
            cmocka_unit_test(as_many_as_fit_and_not_one_more),
            cmocka_unit_test(every_malformed_file_is_refused_in_these_words),
            cmocka_unit_test(every_unwise_file_is_taken_with_these_warnings),
            cmocka_unit_test(what_is_written_can_be_read),
            cmocka_unit_test(limits_apply_live_and_ports_do_not),
            cmocka_unit_test(files_that_cannot_be_read_say_why),
            cmocka_unit_test(every_option_has_a_sentence_and_a_sound_row),
            cmocka_unit_test(
                    a_source_is_written_without_its_secrets_and_changes_without_a_restart),
            cmocka_unit_test(schema_and_docs_are_what_the_tables_say),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
