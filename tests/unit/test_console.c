/*
 * test_console - the three forms of a line, and a reader that does not read. A pipe stands where
 * stderr would be. SPDX-License-Identifier: MIT
 */
#include "adapters/logging/console.h"
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_ROOM = 1024 * 1024 };

struct fixture {
    int saved, out; /* the real stderr; the end of the pipe that we read */
    size_t len;
    char text[TEXT_ROOM];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int ends[2];

    if (!f || pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    f->out = ends[0];
    f->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_set_level(LOG_LEVEL_NOTICE);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    console_stop();
    dup2(f->saved, STDERR_FILENO);
    close(f->saved);
    close(f->out);
    free(f);
    return 0;
}

/* Reads until `want` was seen; false when nothing more comes for `wait_ms`. */
static bool read_for(struct fixture *f, const char *want, int wait_ms)
{
    struct pollfd p = {.fd = f->out, .events = POLLIN};

    while (!strstr(f->text, want)) {
        ssize_t n;

        if (f->len >= TEXT_ROOM - 1 || poll(&p, 1, wait_ms) <= 0) {
            return false;
        }
        n = read(f->out, f->text + f->len, TEXT_ROOM - 1 - f->len);
        if (n <= 0) {
            return false;
        }
        f->len += (size_t)n;
    }
    return true;
}

static bool read_until(struct fixture *f, const char *want)
{
    return read_for(f, want, 5000);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void people_get_time_level_module(void **state)
{
    struct fixture *f = *state;

    console_start(CONSOLE_HUMAN);
    log_warning("bus 1", "charger %s is silent", "a1b2");
    assert_true(read_until(f, "\n"));
    check_str(f->text + 20, " warning bus 1: charger a1b2 is silent\n");
    check_i64(f->text[10], 'T');
    check_i64(f->text[19], 'Z');
}

static void the_journal_gets_a_level(void **state)
{
    struct fixture *f = *state;

    console_start(CONSOLE_JOURNAL);
    log_notice("mqtt", "connected");
    log_error("mqtt", "gone");
    console_stop();
    assert_true(read_until(f, "gone\n"));
    check_str(f->text, "<5>mqtt: connected\n<3>mqtt: gone\n");
}

static void programs_get_one_object_a_line(void **state)
{
    struct fixture *f = *state;
    struct json_object *v;
    struct err e = {.code = ERR_OK};

    console_start(CONSOLE_JSON);
    log_notice("mqtt", "said \"hello\"");
    assert_true(read_until(f, "\n"));
    v = json_parse(f->text, f->len, &e);
    assert_non_null(v);
    check_str(json_get_str(json_member(v, "level"), "", &e), "notice");
    check_str(json_get_str(json_member(v, "module"), "", &e), "mqtt");
    check_str(json_get_str(json_member(v, "message"), "", &e), "said \"hello\"");
    json_put(v);
}

static void a_reader_that_stops_costs_lines_and_no_time(void **state)
{
    struct fixture *f = *state;
    int64_t start = now_ms();

    console_start(CONSOLE_JOURNAL);
    for (int i = 0; i < 5000; i++) { /* far more than pipe and queue hold */
        log_notice("test", "line %d of a reader that does not read, with some more text", i);
    }
    assert_true(now_ms() - start < 2000);
    assert_true(read_until(f, "line 500 "));
    /* The next line that finds room says it; until the queue is read, that one is lost as well. */
    for (int i = 0; i < 200 && !strstr(f->text, "lines were dropped"); i++) {
        log_notice("test", "the reader is back");
        read_for(f, "lines were dropped", 20);
    }
    check_has(f->text, "the reader was too slow");
}

static void stopping_waits_a_moment_at_most(void **state)
{
    int64_t start;

    (void)state;
    console_start(CONSOLE_JOURNAL);
    for (int i = 0; i < 3000; i++) {
        log_notice("test", "line %d of a reader that does not read, with some more text", i);
    }
    start = now_ms();
    console_stop();
    assert_true(now_ms() - start < 1500); /* 200 ms, and a machine that is busy */
    assert_false(log_enabled(LOG_LEVEL_ERROR));
    console_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(people_get_time_level_module, setup, teardown),
            cmocka_unit_test_setup_teardown(the_journal_gets_a_level, setup, teardown),
            cmocka_unit_test_setup_teardown(programs_get_one_object_a_line, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_reader_that_stops_costs_lines_and_no_time, setup, teardown),
            cmocka_unit_test_setup_teardown(stopping_waits_a_moment_at_most, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
