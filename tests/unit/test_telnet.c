/*
 * The telnet client against bytes of gateways: good, cut anywhere, and hostile.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/telnet.h"
#include "tests/support/test.h"

#define IAC               255
#define SE                240
#define SB                250
#define WILL              251
#define WONT              252
#define DO                253
#define DONT              254
#define SAYS(code, value) IAC, SB, 44, (code), (value), IAC, SE

/* What ser2net 4.3 says after a connection and after each question, as read from its socket. */
static const uint8_t greeting[] = {IAC, WILL, 3, IAC, DO, 3, IAC, WILL, 1, IAC, DONT, 1, IAC,
        DO, 0, IAC, WILL, 0, IAC, DO, 44};
static const uint8_t agreement[] = {SAYS(107, 0), IAC, DO, 3, IAC, SB, 44, 101, 0, 0, 0x25,
        0x80, IAC, SE, SAYS(102, 8), SAYS(103, 1), SAYS(104, 1), SAYS(105, 1), SAYS(105, 14),
        SAYS(110, 0), SAYS(111, 0), SAYS(112, 3)};

static const uint8_t first_words[] = {
        IAC, WILL, 44, IAC, WILL, 0, IAC, DO, 0, IAC, WILL, 3, IAC, DO, 3};
static const uint8_t questions[] = {IAC, SB, 44, 1, 0, 0, 0x25, 0x80, IAC, SE, SAYS(2, 8),
        SAYS(3, 1), SAYS(4, 1), SAYS(5, 1), SAYS(5, 14), SAYS(10, 0), SAYS(11, 0), SAYS(12, 3)};

struct peer {
    struct telnet t;
    uint8_t data[8192], sent[8192];
    size_t data_len, sent_len;
};

static void drain(struct peer *p)
{
    uint8_t reply[TELNET_REPLY_MAX];
    size_t n = telnet_take(&p->t, reply);

    assert_true(p->sent_len + n <= sizeof(p->sent));
    memcpy(p->sent + p->sent_len, reply, n);
    p->sent_len += n;
}

static void feed(struct peer *p, const uint8_t *in, size_t n)
{
    size_t got;

    assert_true(p->data_len + n <= sizeof(p->data));
    got = telnet_feed(&p->t, in, n, p->data + p->data_len);
    assert_true(got <= n);
    p->data_len += got;
    drain(p);
}

static void start(struct peer *p)
{
    memset(p, 0, sizeof(*p));
    telnet_start(&p->t);
    drain(p);
}

#define FEED(p, ...)                         \
    do {                                     \
        const uint8_t in_[] = {__VA_ARGS__}; \
        feed((p), in_, sizeof(in_));         \
    } while (0)

static void start_ready(struct peer *p)
{
    start(p);
    feed(p, greeting, sizeof(greeting));
    feed(p, agreement, sizeof(agreement));
    check_i64(p->t.phase, TELNET_READY);
    p->sent_len = 0;
}

/* ---- agreeing ---- */

static void the_client_asks_for_a_clean_port_at_9600_8n1(void **state)
{
    struct peer p;

    (void)state;
    start(&p);
    check_i64((int64_t)p.sent_len, sizeof(first_words));
    assert_memory_equal(p.sent, first_words, sizeof(first_words));
    p.sent_len = 0;
    feed(&p, greeting, sizeof(greeting));
    check_i64(p.t.phase, TELNET_ASKING);
    /* its wish to echo is refused, then the port is asked for */
    assert_memory_equal(p.sent, ((const uint8_t[]){IAC, DONT, 1}), 3);
    check_i64((int64_t)p.sent_len, 3 + sizeof(questions));
    assert_memory_equal(p.sent + 3, questions, sizeof(questions));
    p.sent_len = 0;
    feed(&p, agreement, sizeof(agreement));
    check_i64(p.t.phase, TELNET_READY);
    check_i64((int64_t)p.sent_len, 0);
    check_i64((int64_t)p.data_len, 0);
}

static void everything_may_be_cut_at_every_byte(void **state)
{
    static const uint8_t line[] = {0xC0, 0xFD, IAC, IAC, 0x0D, 0x00, 0xC0};
    uint8_t all[sizeof(greeting) + sizeof(agreement) + sizeof(line)];
    struct peer whole, p;

    (void)state;
    memcpy(all, greeting, sizeof(greeting));
    memcpy(all + sizeof(greeting), agreement, sizeof(agreement));
    memcpy(all + sizeof(greeting) + sizeof(agreement), line, sizeof(line));
    start(&whole);
    feed(&whole, all, sizeof(all));
    check_i64((int64_t)whole.data_len, 6);
    assert_memory_equal(whole.data, ((const uint8_t[]){0xC0, 0xFD, 0xFF, 0x0D, 0x00, 0xC0}), 6);
    for (size_t a = 0; a <= sizeof(all); a++) {
        for (size_t b = a; b <= sizeof(all); b++) {
            start(&p);
            feed(&p, all, a);
            feed(&p, all + a, b - a);
            feed(&p, all + b, sizeof(all) - b);
            check_i64(p.t.phase, TELNET_READY);
            check_i64((int64_t)p.data_len, (int64_t)whole.data_len);
            assert_memory_equal(p.data, whole.data, whole.data_len);
            check_i64((int64_t)p.sent_len, (int64_t)whole.sent_len);
            assert_memory_equal(p.sent, whole.sent, whole.sent_len);
        }
    }
}

static void what_comes_before_the_port_is_ready_is_not_of_the_line(void **state)
{
    static const char banner[] = "\r\n  ser2net port \x01 7\r\n\xff\xff";
    struct peer p;

    (void)state;
    start(&p);
    feed(&p, (const uint8_t *)banner, sizeof(banner) - 1);
    check_str(telnet_said(&p.t), "ser2net port 7");
    feed(&p, greeting, sizeof(greeting));
    feed(&p, agreement, sizeof(agreement));
    check_i64((int64_t)p.data_len, 0);
    FEED(&p, 'x');
    check_i64((int64_t)p.data_len, 1);
    start(&p);
    for (int i = 0; i < 500; i++) {
        FEED(&p, 'a', ' ');
    }
    check_i64((int64_t)strlen(telnet_said(&p.t)), sizeof(p.t.said) - 1);
}

static void every_missing_answer_keeps_the_port_from_being_ready(void **state)
{
    static const struct {
        uint8_t code;
        const char *why; /* NULL: ready all the same when the time is over */
    } rows[] = {{101, "confirm"}, {102, "confirm"}, {103, "confirm"}, {104, "confirm"},
            {105, NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer p;

        start(&p);
        feed(&p, greeting, sizeof(greeting));
        for (uint8_t code = 101; code <= 105; code++) {
            if (code == 101 && rows[i].code != 101) {
                FEED(&p, IAC, SB, 44, 101, 0, 0, 0x25, 0x80, IAC, SE);
            } else if (code != rows[i].code && code != 101) {
                FEED(&p, SAYS(code, code == 102 ? 8 : 1));
            }
        }
        check_i64(p.t.phase, TELNET_ASKING);
        telnet_deadline(&p.t);
        check_i64(p.t.phase, rows[i].why ? TELNET_FAULT : TELNET_READY);
        if (rows[i].why) {
            check_has(p.t.why, rows[i].why);
        }
    }
}

static void a_gateway_that_offers_its_port_is_asked_for_it(void **state)
{
    struct peer p;

    (void)state;
    start(&p);
    p.sent_len = 0;
    FEED(&p, IAC, WILL, 44, IAC, DO, 0, IAC, WILL, 0, IAC, WILL, 44, IAC, DO, 44);
    check_i64((int64_t)p.sent_len, 3 + sizeof(questions));
    assert_memory_equal(p.sent, ((const uint8_t[]){IAC, DO, 44}), 3);
    feed(&p, agreement, sizeof(agreement));
    check_i64(p.t.phase, TELNET_READY);
}

static void a_silent_gateway_is_told_from_one_that_lacks_something(void **state)
{
    struct peer p;

    (void)state;
    start(&p);
    telnet_deadline(&p.t);
    check_has(p.t.why, "does not speak telnet");
    start(&p);
    FEED(&p, IAC, WILL, 1);
    telnet_deadline(&p.t);
    check_has(p.t.why, "RFC 2217");
    start(&p);
    FEED(&p, IAC, DO, 44);
    feed(&p, agreement, sizeof(agreement));
    check_i64(p.t.phase, TELNET_ASKING); /* not binary */
    telnet_deadline(&p.t);
    check_has(p.t.why, "BINARY");
    start_ready(&p);
    telnet_deadline(&p.t);
    check_i64(p.t.phase, TELNET_READY);
}

static void a_refusal_is_a_fault_with_its_reason(void **state)
{
    static const struct {
        uint8_t in[10];
        size_t n;
        const char *why;
    } rows[] = {
            {{IAC, DONT, 44}, 3, "RFC 2217"},
            {{IAC, WONT, 0}, 3, "BINARY"},
            {{IAC, DONT, 0}, 3, "BINARY"},
            {{IAC, SB, 44, 101, 0, 0, 0x4B, 0x00, IAC, SE}, 10, "19200 baud"},
            {{SAYS(102, 7)}, 7, "8 data bits"},
            {{SAYS(103, 2)}, 7, "parity"},
            {{SAYS(104, 2)}, 7, "1 stop bit"},
            {{SAYS(105, 2)}, 7, "flow control"},
            {{SAYS(105, 16)}, 7, "flow control"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer p;

        for (int late = 0; late < 2; late++) { /* also of a port that was ready */
            if (late) {
                start_ready(&p);
            } else {
                start(&p);
            }
            feed(&p, rows[i].in, rows[i].n);
            check_i64(p.t.phase, TELNET_FAULT);
            check_has(p.t.why, rows[i].why);
            FEED(&p, 'x');
            check_i64((int64_t)p.data_len, 0);
        }
    }
}

/* ---- the line ---- */

static void all_256_bytes_pass_both_ways(void **state)
{
    uint8_t all[256], wire[512];
    struct peer p;
    size_t n;

    (void)state;
    for (int i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    n = telnet_escape(all, sizeof(all), wire);
    check_i64((int64_t)n, 257);
    start_ready(&p);
    feed(&p, wire, n);
    check_i64((int64_t)p.data_len, 256);
    assert_memory_equal(p.data, all, 256);
    check_i64((int64_t)p.sent_len, 0);
}

static void commands_in_the_line_are_taken_out(void **state)
{
    struct peer p;

    (void)state;
    start_ready(&p);
    FEED(&p, 'a', IAC, 241, 'b', IAC, 249, 'c', SAYS(107, 0x30), 'd', IAC, SB, 44, 100, 'v',
            IAC, IAC, '1', IAC, SE, 'e', IAC, 243, IAC, IAC, 'f');
    check_i64((int64_t)p.data_len, 7);
    assert_memory_equal(p.data,
            "abcde\xff"
            "f",
            7);
    check_i64((int64_t)p.sent_len, 0);
}

static void the_gateway_may_ask_us_to_wait(void **state)
{
    struct peer p;

    (void)state;
    start_ready(&p);
    FEED(&p, IAC, SB, 44, 108, IAC, SE, 'a');
    assert_true(p.t.suspended);
    check_i64((int64_t)p.data_len, 1);
    FEED(&p, IAC, SB, 44, 109, IAC, SE);
    assert_false(p.t.suspended);
    check_i64(p.t.phase, TELNET_READY);
}

static void the_same_buffer_may_be_in_and_out(void **state)
{
    uint8_t both[] = {'a', IAC, IAC, 'b', IAC, 241, 'c'};
    struct peer p;

    (void)state;
    start_ready(&p);
    check_i64((int64_t)telnet_feed(&p.t, both, sizeof(both), both), 4);
    assert_memory_equal(both,
            "a\xff"
            "bc",
            4);
}

/* ---- hostile ---- */

static void each_option_is_refused_once(void **state)
{
    struct peer p;
    int whole = 0;

    (void)state;
    start_ready(&p);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 256; i++) {
            FEED(&p, IAC, DO, (uint8_t)i);
            FEED(&p, IAC, WILL, (uint8_t)i);
        }
        if (round == 0) {
            whole = (int)p.sent_len;
        }
    }
    check_i64(p.t.phase, TELNET_READY);
    check_i64(whole, 3 * (253 + 253)); /* all but those that were agreed; ECHO was refused */
    check_i64((int64_t)p.sent_len, whole);
}

static void our_own_words_sent_back_are_answered_a_few_times_at_most(void **state)
{
    struct peer p;
    size_t at = 0;
    int rounds = 0;

    (void)state;
    start(&p);
    while (at < p.sent_len && rounds++ < 1000) {
        size_t n = p.sent_len - at;
        uint8_t back[8192];

        memcpy(back, p.sent + at, n);
        at = p.sent_len;
        feed(&p, back, n);
    }
    assert_true(rounds < 5);
    telnet_deadline(&p.t);
    check_i64(p.t.phase, TELNET_FAULT);
}

static void a_flood_of_options_in_one_piece_is_answered_as_in_many(void **state)
{
    uint8_t flood[512 * 3], out[sizeof(flood)], reply[TELNET_REPLY_MAX];
    struct telnet t;
    size_t n;

    (void)state;
    for (int i = 0; i < 512; i++) {
        memcpy(flood + i * 3, ((const uint8_t[]){IAC, i < 256 ? DO : WILL, (uint8_t)(255 - i)}),
                3);
    }
    telnet_start(&t);
    check_i64((int64_t)telnet_feed(&t, flood, sizeof(flood), out), 0);
    check_i64(t.phase, TELNET_ASKING);
    n = telnet_take(&t, reply);
    check_i64((int64_t)n, TELNET_REPLY_MAX); /* all that is ever said */
    check_i64((int64_t)telnet_feed(&t, flood, sizeof(flood), out), 0);
    check_i64((int64_t)telnet_take(&t, reply), 0);
    check_i64((int64_t)telnet_feed(&t, agreement, sizeof(agreement), out), 0);
    check_i64(t.phase, TELNET_READY);
}

static void a_value_without_an_end_ends_the_connection(void **state)
{
    struct peer p;

    (void)state;
    start_ready(&p);
    FEED(&p, IAC, SB, 44, 100);
    for (int i = 0; i < TELNET_SB_LIMIT - 2; i++) {
        check_i64(p.t.phase, TELNET_READY);
        FEED(&p, 'v');
    }
    FEED(&p, 'v');
    check_i64(p.t.phase, TELNET_FAULT);
    check_has(p.t.why, "does not end");
}

static void short_and_strange_values_say_nothing(void **state)
{
    struct peer p;

    (void)state;
    start(&p);
    feed(&p, greeting, sizeof(greeting));
    FEED(&p, IAC, SB, IAC, SE, IAC, SB, 44, IAC, SE, IAC, SB, 44, 101, IAC, SE);
    FEED(&p, IAC, SB, 44, 101, 0, 0, 0x25, IAC, SE, IAC, SB, 44, 105, IAC, SE, IAC, SB, 24, 1,
            IAC, SE);
    FEED(&p, IAC, SB, 44, 105, IAC, IAC, IAC, SE, IAC, SB, 44, 1, 2, 3, IAC, DO, 0);
    check_i64(p.t.phase, TELNET_ASKING);
    feed(&p, agreement, sizeof(agreement));
    check_i64(p.t.phase, TELNET_READY);
    check_i64((int64_t)p.data_len, 0);
}

static void random_bytes_never_break_it(void **state)
{
    static const uint8_t likely[] = {
            IAC, IAC, IAC, SB, SE, WILL, WONT, DO, DONT, 44, 0, 101, 105, 1};
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct peer p;
        size_t bytes = 0;

        start(&p);
        for (int k = 0; k < 12; k++) {
            uint8_t in[40];
            size_t n;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            n = seed >> 33 & 31;
            for (size_t b = 0; b < n; b++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                in[b] = seed >> 60 > 3 ? likely[(seed >> 40) % sizeof(likely)]
                                       : (uint8_t)(seed >> 33);
            }
            feed(&p, in, n);
            bytes += n;
        }
        assert_true(p.sent_len <= sizeof(first_words) + sizeof(questions) + bytes);
        assert_true((p.t.phase == TELNET_FAULT) == (p.t.why[0] != '\0'));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_client_asks_for_a_clean_port_at_9600_8n1),
            cmocka_unit_test(everything_may_be_cut_at_every_byte),
            cmocka_unit_test(what_comes_before_the_port_is_ready_is_not_of_the_line),
            cmocka_unit_test(every_missing_answer_keeps_the_port_from_being_ready),
            cmocka_unit_test(a_gateway_that_offers_its_port_is_asked_for_it),
            cmocka_unit_test(a_silent_gateway_is_told_from_one_that_lacks_something),
            cmocka_unit_test(a_refusal_is_a_fault_with_its_reason),
            cmocka_unit_test(all_256_bytes_pass_both_ways),
            cmocka_unit_test(commands_in_the_line_are_taken_out),
            cmocka_unit_test(the_gateway_may_ask_us_to_wait),
            cmocka_unit_test(the_same_buffer_may_be_in_and_out),
            cmocka_unit_test(each_option_is_refused_once),
            cmocka_unit_test(our_own_words_sent_back_are_answered_a_few_times_at_most),
            cmocka_unit_test(a_flood_of_options_in_one_piece_is_answered_as_in_many),
            cmocka_unit_test(a_value_without_an_end_ends_the_connection),
            cmocka_unit_test(short_and_strange_values_say_nothing),
            cmocka_unit_test(random_bytes_never_break_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
