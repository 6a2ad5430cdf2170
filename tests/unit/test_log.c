/*
 * test_log - levels, the sink, one line stays one line. SPDX-License-Identifier: MIT
 */
#include "bridge/base/buf.h"
#include "bridge/base/log.h"
#include "tests/support/test.h"

struct seen {
    int lines;
    enum log_level level;
    char module[32], line[BUF_CAP_LOG_LINE + 64];
};

static void sink(enum log_level level, const char *module, const char *line, void *user)
{
    struct seen *s = user;

    s->lines++;
    s->level = level;
    memcpy(s->module, module, strlen(module) + 1);
    memcpy(s->line, line, strlen(line) + 1);
}

static void without_a_sink_nothing_is_enabled(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    assert_false(log_enabled(LOG_LEVEL_ERROR));
    log_error("test", "goes nowhere %d", 1);
}

static void lines_up_to_the_level_reach_the_sink(void **state)
{
    struct seen s = {0};

    (void)state;
    log_set_sink(sink, &s);
    log_set_level(LOG_LEVEL_WARNING);
    check_i64(log_get_level(), LOG_LEVEL_WARNING);
    log_notice("bus 1", "not shown");
    check_i64(s.lines, 0);
    log_warning("bus 1", "%d of %d", 2, 3);
    check_i64(s.lines, 1);
    check_i64(s.level, LOG_LEVEL_WARNING);
    check_str(s.module, "bus 1");
    check_str(s.line, "2 of 3");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("bus 1", "shown");
    check_i64(s.lines, 2);
    log_set_sink(NULL, NULL);
}

static void control_bytes_become_question_marks(void **state)
{
    struct seen s = {0};

    (void)state;
    log_set_sink(sink, &s);
    log_error("test", "%s", "a\nb\x1b[2Jc\x7f\t\xc3\xa9");
    check_str(s.line, "a?b?[2Jc??\xc3\xa9");
    log_set_sink(NULL, NULL);
}

static void a_long_line_is_cut_between_characters(void **state)
{
    struct seen s = {0};
    char text[3000] = "x";

    (void)state;
    for (size_t i = 1; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xc3\xa9", 3);
    }
    log_set_sink(sink, &s);
    log_error("test", "%s", text);
    check_i64((int64_t)strlen(s.line), BUF_CAP_LOG_LINE - 1);
    log_error("test", "x%s", text);
    check_i64((int64_t)strlen(s.line), BUF_CAP_LOG_LINE - 2);
    log_set_sink(NULL, NULL);
}

static void every_level_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        assert_non_null(log_level_names[i]);
    }
    assert_null(log_level_names[LOG_LEVEL_COUNT]);
    check_str(log_level_names[LOG_LEVEL_NOTICE], "notice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(without_a_sink_nothing_is_enabled),
            cmocka_unit_test(lines_up_to_the_level_reach_the_sink),
            cmocka_unit_test(control_bytes_become_question_marks),
            cmocka_unit_test(a_long_line_is_cut_between_characters),
            cmocka_unit_test(every_level_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
