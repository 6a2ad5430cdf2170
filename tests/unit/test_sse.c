/*
 * The lines of an event stream, with each kind of line end and cut anywhere.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/sse.h"
#include "tests/support/test.h"

struct heard {
    struct sse s;
    char log[400]; /* "event=data;" with LF as | */
    int stop_after;
};

static void on_event(void *user, const struct sse_event *e)
{
    struct heard *h = user;
    size_t n = strlen(h->log);

    check_i64(e->data[e->len], 0);
    snprintf(h->log + n, sizeof(h->log) - n, "%s=%s;", e->event, e->data);
    for (char *p = h->log; *p; p++) {
        *p = *p == '\n' ? '|' : *p;
    }
    if (--h->stop_after == 0) {
        sse_stop(&h->s);
    }
}

/* In one piece, and byte by byte. */
static void check_stream(const char *text, const char *log)
{
    for (size_t step = 1; step <= 1000; step += 999) {
        struct heard h = {.stop_after = 0};
        size_t n = strlen(text);

        sse_init(&h.s, 100, on_event, &h);
        for (size_t i = 0; i < n; i += step) {
            assert_true(sse_feed(&h.s, text + i, n - i < step ? n - i : step));
        }
        check_str(h.log, log);
        sse_finish(&h.s);
    }
}

static void an_event_ends_at_an_empty_line_whatever_ends_a_line(void **state)
{
    (void)state;
    check_stream("data: a\n\ndata: b\n\n", "message=a;message=b;");
    check_stream("data: a\r\rdata: b\r\r", "message=a;message=b;");
    check_stream("data: a\r\n\r\ndata: b\r\n\r\n", "message=a;message=b;");
    check_stream("data: a\r\n\ndata: b\n\r", "message=a;message=b;");
    check_stream("data: a\n", "");
}

static void an_event_has_a_name_and_lines(void **state)
{
    (void)state;
    check_stream("event: alive\ndata: 1\n\ndata: 2\n\n", "alive=1;message=2;");
    check_stream("data: a\ndata:b\ndata:  c\n\n", "message=a|b| c;");
    check_stream("event: a\nevent: b\ndata: 1\n\n", "b=1;");
    check_stream("data\ndata\n\n", "message=|;");
    check_stream("data:\n\n", "message=;");
    check_stream("data: {\"a\": \"b: c\"}\n\n", "message={\"a\": \"b: c\"};");
}

static void comments_ids_and_what_is_unknown_are_left_out(void **state)
{
    (void)state;
    check_stream(": hello\n\n:\n\ndata: 1\n:data: 2\n\n", "message=1;");
    check_stream(
            "id: 7\nretry: 5\nfoo: bar\ndatas: x\ndat: y\na-very-long-name-of-a-field: z\nData: w\ndata: 1\n\n",
            "message=1;");
    check_stream("event: alone\n\ndata: 1\n\n", "message=1;");
}

static void a_byte_order_mark_counts_at_the_start_alone(void **state)
{
    (void)state;
    check_stream("\xef\xbb\xbf"
                 "data: 1\n\n",
            "message=1;");
    check_stream("data: 1\n\n\xef\xbb\xbf"
                 "data: 2\n\n",
            "message=1;");
}

static void an_event_that_is_too_long_ends_it_and_a_listener_may(void **state)
{
    struct heard h = {.stop_after = 0};
    char text[200];

    (void)state;
    memset(text, 'x', sizeof(text));
    sse_init(&h.s, 100, on_event, &h);
    assert_true(sse_feed(&h.s, "data: ", 6));
    assert_true(sse_feed(&h.s, text, 100));
    assert_false(sse_feed(&h.s, text, 1));
    sse_finish(&h.s);
    h = (struct heard){.stop_after = 2};
    sse_init(&h.s, 100, on_event, &h);
    assert_true(sse_feed(&h.s, "data:1\n\ndata:2\n\ndata:3\n\n", 24));
    check_str(h.log, "message=1;message=2;");
    sse_finish(&h.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_event_ends_at_an_empty_line_whatever_ends_a_line),
            cmocka_unit_test(an_event_has_a_name_and_lines),
            cmocka_unit_test(comments_ids_and_what_is_unknown_are_left_out),
            cmocka_unit_test(a_byte_order_mark_counts_at_the_start_alone),
            cmocka_unit_test(an_event_that_is_too_long_ends_it_and_a_listener_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
