/*
 * The ports that call, against a listener on the loopback. SPDX-License-Identifier: MIT
 */
#include "bridge/io/port.h"
#include "tests/support/port_rig.h"
#include "tests/support/process.h"
#include "tests/support/rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

struct fixture {
    uv_loop_t loop;
    struct port *port;
    int number, listener, peer;
    struct port_heard heard;
    const char *scheme;
};

static void listen_now(struct fixture *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)f->number),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;

    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(bind(f->listener, (struct sockaddr *)(void *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->listener, 5), 0);
}

static void close_all(struct fixture *f)
{
    if (f->peer >= 0) {
        close(f->peer);
    }
    if (f->listener >= 0) {
        close(f->listener);
    }
    f->peer = -1;
    f->listener = -1;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    f->number = free_port();
    f->listener = -1;
    f->peer = -1;
    f->scheme = "tcp";
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    port_destroy(f->port);
    rig_close(&f->loop);
    close_all(f);
    test_free(f);
    return 0;
}

static void open_port(struct fixture *f, const char *host)
{
    char spec[100];

    snprintf(spec, sizeof(spec), "%s://%s:%d", f->scheme, host, f->number);
    f->port = port_create(&f->loop, spec, &port_rig_ops, &f->heard, NULL);
    assert_non_null(f->port);
}

static void a_gateway_is_reached_by_name_and_bytes_go_both_ways(void **state)
{
    struct fixture *f = *state;
    uint8_t back[8];

    listen_now(f);
    open_port(f, "localhost"); /* ::1 may come first, and refuses */
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 3000));
    check_i64(port_kind(f->port), PORT_TCP);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(port_write(f->port, (const uint8_t *)"\xC0\x01", 2));
    assert_int_equal(read(f->peer, back, sizeof(back)), 2);
    assert_int_equal(write(f->peer, "abc", 3), 3);
    assert_true(rig_until(&f->loop, &f->heard.count, 3, 1000));
}

static void a_refused_connection_is_told_once_and_heals(void **state)
{
    struct fixture *f = *state;

    open_port(f, "127.0.0.1");
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 1000));
    check_has(f->heard.why, "Connection refused");
    rig_for(&f->loop, 800);
    check_i64(f->heard.downs, 1);
    listen_now(f);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 700));
}

static void a_gateway_that_closes_is_reached_again(void **state)
{
    struct fixture *f = *state;

    listen_now(f);
    open_port(f, "127.0.0.1");
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
    f->peer = accept(f->listener, NULL, NULL);
    close_all(f);
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 1000));
    listen_now(f);
    assert_true(rig_until(&f->loop, &f->heard.ups, 2, 1000));
}

static void a_name_that_does_not_exist_is_a_sentence(void **state)
{
    struct fixture *f = *state;

    open_port(f, "no-such-gateway.invalid");
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 30000));
    check_has(f->heard.why, "no-such-gateway.invalid");
    check_has(f->heard.why, "was not found");
}

/* ---- rfc2217; agreeing with a real gateway is in test_ports.py ---- */

static void call_telnet(struct fixture *f)
{
    f->scheme = "rfc2217";
    listen_now(f);
    open_port(f, "127.0.0.1");
    rig_for(&f->loop, 50);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(f->peer >= 0);
}

static void say(struct fixture *f, const void *text, size_t n)
{
    assert_int_equal(write(f->peer, text, n), (ssize_t)n);
    rig_for(&f->loop, 50);
}

#define SAY(f, text) say((f), (text), sizeof(text) - 1)

static void agree(struct fixture *f)
{
    SAY(f, "hello\r\n\xFF\xFD\x00\xFF\xFB\x00\xFF\xFD\x2C");
    SAY(f, "\xFF\xFA\x2C\x65\x00\x00\x25\x80\xFF\xF0\xFF\xFA\x2C\x66\x08\xFF\xF0");
    SAY(f, "\xFF\xFA\x2C\x67\x01\xFF\xF0\xFF\xFA\x2C\x68\x01\xFF\xF0\xFF\xFA\x2C");
}

static void a_raw_port_is_not_taken_for_telnet(void **state)
{
    struct fixture *f = *state;

    call_telnet(f);
    SAY(f, "\xC0\xFD\xE2\xC0"); /* of the bus */
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 4000));
    check_has(f->heard.why, "does not speak telnet; if its port is a raw one, use tcp://");
    check_i64(f->heard.ups + f->heard.count, 0);
}

static void a_gateway_that_is_in_use_is_told_in_its_own_words(void **state)
{
    struct fixture *f = *state;

    call_telnet(f);
    SAY(f, "Port already in use\r\n");
    close_all(f);
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 1000));
    check_has(f->heard.why, "it said 'Port already in use'");
}

static void a_gateway_that_does_not_know_flow_control_is_up_after_the_wait(void **state)
{
    struct fixture *f = *state;
    uint8_t back[256];

    call_telnet(f);
    agree(f);
    check_i64(f->heard.ups, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 4000));
    check_i64(f->heard.count + f->heard.downs, 0);
    (void)!recv(f->peer, back, sizeof(back), MSG_DONTWAIT);
    assert_true(port_write(f->port, (const uint8_t *)"\xC0\xFF\x01", 3));
    check_i64(read(f->peer, back, sizeof(back)), 4);
    assert_memory_equal(back, "\xC0\xFF\xFF\x01", 4);
}

static void a_gateway_may_ask_for_a_pause_but_not_for_long(void **state)
{
    struct fixture *f = *state;

    call_telnet(f);
    agree(f);
    SAY(f, "\x69\x01\xFF\xF0"); /* no flow control: the rest of the last answer */
    check_i64(f->heard.ups, 1);
    SAY(f, "\xFF\xFA\x2C\x6C\xFF\xF0"); /* suspend */
    assert_false(port_write(f->port, (const uint8_t *)"x", 1));
    SAY(f, "\xFF\xFA\x2C\x6D\xFF\xF0"); /* resume */
    assert_true(port_write(f->port, (const uint8_t *)"x", 1));
    SAY(f, "\xFF\xFA\x2C\x6C\xFF\xF0");
    for (int i = 0; i < 70 && f->heard.downs == 0; i++) {
        assert_false(port_write(f->port, (const uint8_t *)"x", 1));
        rig_for(&f->loop, 100);
        check_i64(f->heard.downs, i < 48 ? 0 : f->heard.downs);
    }
    check_i64(f->heard.downs, 1);
    check_has(f->heard.why, "takes no bytes for longer than 5 s");
}

static void a_port_that_changes_its_mind_is_dropped(void **state)
{
    struct fixture *f = *state;

    call_telnet(f);
    agree(f);
    SAY(f, "\x69\x01\xFF\xF0");
    check_i64(f->heard.ups, 1);
    SAY(f, "ab\xFF\xFA\x2C\x65\x00\x00\x4B\x00\xFF\xF0"); /* another program set it */
    check_i64(f->heard.downs, 1);
    check_has(f->heard.why, "has 19200 baud and does not take 9600");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_gateway_is_reached_by_name_and_bytes_go_both_ways),
            TEST(a_refused_connection_is_told_once_and_heals),
            TEST(a_gateway_that_closes_is_reached_again),
            TEST(a_name_that_does_not_exist_is_a_sentence),
            TEST(a_raw_port_is_not_taken_for_telnet),
            TEST(a_gateway_that_is_in_use_is_told_in_its_own_words),
            TEST(a_gateway_that_does_not_know_flow_control_is_up_after_the_wait),
            TEST(a_gateway_may_ask_for_a_pause_but_not_for_long),
            TEST(a_port_that_changes_its_mind_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
