/*
 * Messages over a serial line (a pty) and a TCP connection, with an adapter of the test that cuts
 * "<...>". Its waiting is a hundredth of the real one. SPDX-License-Identifier: MIT
 */
#include "bridge/ems_listen.h"
#include "bridge/io/oneshot.h"
#include "tests/support/process.h"
#include "tests/support/rig.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

void __real_oneshot_start(struct oneshot *t, uint64_t ms);
void __wrap_oneshot_start(struct oneshot *t, uint64_t ms);

void __wrap_oneshot_start(struct oneshot *t, uint64_t ms)
{
    __real_oneshot_start(t, ms / 100);
}

struct config {
    struct ems_wire wire;
};

struct fixture {
    uv_loop_t loop;
    struct config config;
    struct ems_session session;
    struct ems_listening what;
    void *line;
    int peer, listener;
    int ups, downs, messages;
    bool closes_in_up, closes_in_message, closes_in_down;
    enum ems_class class;
    char said[30000], why[300];
};

static void cut(const void *config, const char *p, size_t n, size_t *drop, size_t *len)
{
    const char *start = memchr(p, '<', n),
               *end = start ? memchr(start, '>', n - (size_t)(start - p)) : NULL;

    (void)config;
    *drop = start ? (size_t)(start - p) : n;
    *len = end ? (size_t)(end - start) + 1 : 0;
}

static const struct ems_adapter adapter = {
        .name = "test", .wire_offset = offsetof(struct config, wire), .cut = cut};

static void shut(struct fixture *f)
{
    ems_over_line.close(f->line);
    f->line = NULL;
}

static void on_up(void *user)
{
    struct fixture *f = user;

    f->ups++;
    if (f->closes_in_up) {
        shut(f);
    }
}

static void on_message(void *user, const struct ems_answer *a)
{
    struct fixture *f = user;
    size_t at = strlen(f->said);

    f->messages++;
    check_i64(a->pushed, true);
    check_i64(a->body[a->len], 0);
    check_i64(strlen(a->body), (int64_t)a->len);
    snprintf(f->said + at, sizeof(f->said) - at, "%s", a->body);
    if (f->closes_in_message) {
        shut(f);
    }
}

static void on_down(void *user, enum ems_class class, const char *why)
{
    struct fixture *f = user;

    f->downs++;
    f->class = class;
    snprintf(f->why, sizeof(f->why), "%s", why);
    if (f->closes_in_down) {
        shut(f);
    }
}

static const struct ems_listen_ops ops = {.up = on_up, .message = on_message, .down = on_down};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    f->peer = -1;
    f->listener = -1;
    f->config.wire.baud = 115200;
    f->config.wire.format = EMS_8N1;
    f->what = (struct ems_listening){.adapter = &adapter,
            .config = &f->config,
            .session = &f->session,
            .timeout_ms = 1000};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ems_over_line.close(f->line);
    rig_close(&f->loop);
    if (f->peer >= 0) {
        close(f->peer);
    }
    if (f->listener >= 0) {
        close(f->listener);
    }
    test_free(f);
    return 0;
}

static void open_line(struct fixture *f)
{
    struct err e = {0};

    f->line = ems_over_line.open(&f->loop, &f->what, &ops, f, &e);
    if (!f->line) {
        fail_msg("%s", e.text);
    }
}

static void open_pty(struct fixture *f)
{
    f->peer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(f->peer >= 0);
    assert_int_equal(grantpt(f->peer), 0);
    assert_int_equal(unlockpt(f->peer), 0);
    snprintf(f->config.wire.device, sizeof(f->config.wire.device), "%s", ptsname(f->peer));
    open_line(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
}

static void give(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->peer, text, strlen(text)), (ssize_t)strlen(text));
}

static speed_t speed(struct fixture *f)
{
    struct termios t;

    assert_int_equal(tcgetattr(f->peer, &t), 0);
    return cfgetospeed(&t);
}

/* ---- a serial device ---- */

static void messages_are_cut_out_of_what_comes(void **state)
{
    struct fixture *f = *state;

    open_pty(f);
    check_i64(speed(f), B115200);
    give(f, "noise<one><two>more noise<thr");
    assert_true(rig_until(&f->loop, &f->messages, 2, 1000));
    check_str(f->said, "<one><two>");
    give(f, "ee>");
    assert_true(rig_until(&f->loop, &f->messages, 3, 1000));
    check_str(f->said, "<one><two><three>");
    check_i64(f->ups, 1);
    check_i64(f->downs, 0);
}

static void what_came_before_it_was_opened_is_read(void **state)
{
    struct fixture *f = *state;
    int other;

    f->peer = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_int_equal(grantpt(f->peer), 0);
    assert_int_equal(unlockpt(f->peer), 0);
    other = open(ptsname(f->peer), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(other >= 0);
    give(f, "<early>\n");
    snprintf(f->config.wire.device, sizeof(f->config.wire.device), "%s", ptsname(f->peer));
    open_line(f);
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
    check_str(f->said, "<early>");
    close(other);
}

static void byte_by_byte_is_the_same(void **state)
{
    const char *text = "x<one>y<two>";
    struct fixture *f = *state;

    open_pty(f);
    for (const char *p = text; *p; p++) {
        assert_int_equal(write(f->peer, p, 1), 1);
        rig_for(&f->loop, 2);
    }
    check_str(f->said, "<one><two>");
}

static void the_speed_is_that_of_the_settings(void **state)
{
    struct fixture *f = *state;

    f->config.wire.baud = 2400;
    f->config.wire.format = EMS_7E1; /* a pty takes any and stays as it is */
    open_pty(f);
    check_i64(speed(f), B2400);
    give(f, "<a>");
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
}

static void a_message_without_an_end_fills_no_memory(void **state)
{
    struct fixture *f = *state;
    char block[1000];

    open_pty(f);
    memset(block, 'x', sizeof(block));
    block[0] = '<';
    for (int i = 0; i < 40; i++) {
        (void)!write(f->peer, block, sizeof(block));
        rig_for(&f->loop, 2);
    }
    rig_for(&f->loop, 10);
    give(f, "<end>"); /* the last '<' that was kept begins it */
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
    assert_true(strlen(f->said) <= 16 * 1024);
    check_has(f->said, "<end>");
}

static void silence_is_told_once_and_a_message_ends_it(void **state)
{
    struct fixture *f = *state;

    open_pty(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->class, EMS_TIMEOUT);
    check_has(f->why, "nothing comes (15 s)");
    check_has(f->why, "RTS");
    check_has(f->why, f->config.wire.device);
    rig_for(&f->loop, 500); /* more tries */
    check_i64(f->downs, 1);
    check_i64(f->ups, 1);
    give(f, "<a>");
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
    check_i64(f->ups, 2);
    assert_true(rig_until(&f->loop, &f->downs, 2, 1000)); /* and silence again */
}

static void noise_is_told_as_a_wrong_speed(void **state)
{
    struct fixture *f = *state;

    open_pty(f);
    for (int i = 0; i < 20; i++) {
        give(f, "\xF8\x80\xFE\xE0"
                "ab");
    }
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->class, EMS_DATA);
    check_has(f->why, "120 bytes came in 15 s and no whole message, 66 % of them above 0x7F");
    check_has(f->why, "wrong baud or format?");
}

static void text_without_a_message_is_another_device(void **state)
{
    struct fixture *f = *state;

    open_pty(f);
    give(f, "login: ");
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "7 bytes came in 15 s and no whole message, 0 % of them");
    check_has(f->why, "is it the right one?");
}

static void without_a_speed_the_usual_ones_are_tried_in_turn(void **state)
{
    struct fixture *f = *state;

    f->config.wire.baud = OPT_UNSET;
    open_pty(f);
    check_i64(speed(f), B115200);
    for (int i = 0; i < 100 && speed(f) != B9600; i++) {
        rig_for(&f->loop, 10);
    }
    check_i64(speed(f), B9600);
    check_i64(f->downs, 0); /* not before all were tried */
    give(f, "<a>");
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
    check_i64(f->downs, 0);
    for (int i = 0; i < 5; i++) { /* it stays with what works */
        rig_for(&f->loop, 100);
        give(f, "<b>");
    }
    check_i64(speed(f), B9600);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
}

static void a_device_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;

    snprintf(f->config.wire.device, sizeof(f->config.wire.device), "/dev/no-such-meter");
    open_line(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->class, EMS_UNREACHABLE);
    check_has(f->why, "/dev/no-such-meter: the device is not there");
}

static void it_can_be_closed_in_each_callback(void **state)
{
    struct fixture *f = *state;

    f->closes_in_message = true;
    open_pty(f);
    give(f, "<one><two>");
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
    rig_for(&f->loop, 50);
    check_i64(f->messages, 1);
    check_i64(f->downs, 0);

    f->closes_in_message = false;
    f->closes_in_down = true;
    open_line(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    assert_null(f->line);

    f->closes_in_up = true;
    open_line(f);
    assert_true(rig_until(&f->loop, &f->ups, 3, 1000));
    assert_null(f->line);
}

static void it_can_be_closed_when_an_outage_ends(void **state)
{
    struct fixture *f = *state;

    open_pty(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    f->closes_in_up = true;
    rig_for(&f->loop, 20);
    give(f, "<a>");
    assert_true(rig_until(&f->loop, &f->ups, 2, 1000));
    rig_for(&f->loop, 50);
    check_i64(f->messages, 0);
}

/* ---- TCP ---- */

static void listen_now(struct fixture *f, int family)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int one = 1;

    a.sin_port = htons((uint16_t)f->config.wire.port);
    b.sin6_port = a.sin_port;
    f->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(family == AF_INET
                             ? bind(f->listener, (struct sockaddr *)(void *)&a, sizeof(a))
                             : bind(f->listener, (struct sockaddr *)(void *)&b, sizeof(b)),
            0);
    assert_int_equal(listen(f->listener, 4), 0);
}

static void a_gateway_is_read_and_reached_again(void **state)
{
    struct fixture *f = *state;

    f->config.wire.port = free_port();
    snprintf(f->config.wire.host, sizeof(f->config.wire.host), "127.0.0.1");
    open_line(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->class, EMS_UNREACHABLE);
    check_has(f->why, "Connection refused");
    listen_now(f, AF_INET);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 600 && f->peer < 0; k++) { /* the back-off: a second, then two */
            rig_for(&f->loop, 5);
            f->peer = accept(f->listener, NULL, NULL);
        }
        give(f, "<half"); /* of the connection before: forgotten */
        give(f, "<one>");
        assert_true(rig_until(&f->loop, &f->messages, i + 1, 1000));
        check_i64(f->ups, i + 1);
        close(f->peer);
        f->peer = -1;
        assert_true(rig_until(&f->loop, &f->downs, i + 2, 1000));
        check_has(f->why, "closed");
    }
}

static void a_gateway_that_says_nothing_is_called_anew(void **state)
{
    struct fixture *f = *state;
    int second;

    f->config.wire.port = free_port();
    snprintf(f->config.wire.host, sizeof(f->config.wire.host), "::1");
    listen_now(f, AF_INET6);
    open_line(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->class, EMS_TIMEOUT);
    check_has(f->why, "does the gateway hear the meter");
    second = accept(f->listener, NULL, NULL);
    assert_true(second >= 0);
    assert_int_equal(write(second, "<a>", 3), 3);
    assert_true(rig_until(&f->loop, &f->messages, 1, 1000));
    check_i64(f->ups, 2);
    close(second);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(messages_are_cut_out_of_what_comes),
            TEST(what_came_before_it_was_opened_is_read),
            TEST(byte_by_byte_is_the_same),
            TEST(the_speed_is_that_of_the_settings),
            TEST(a_message_without_an_end_fills_no_memory),
            TEST(silence_is_told_once_and_a_message_ends_it),
            TEST(noise_is_told_as_a_wrong_speed),
            TEST(text_without_a_message_is_another_device),
            TEST(without_a_speed_the_usual_ones_are_tried_in_turn),
            TEST(a_device_that_is_not_there_is_told),
            TEST(it_can_be_closed_in_each_callback),
            TEST(it_can_be_closed_when_an_outage_ends),
            TEST(a_gateway_is_read_and_reached_again),
            TEST(a_gateway_that_says_nothing_is_called_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
