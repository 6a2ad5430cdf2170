/*
 * The TCP port against a listener on the loopback. SPDX-License-Identifier: MIT
 */
#include "bridge/io/port.h"
#include "tests/support/process.h"
#include "tests/support/rig.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

struct fixture {
    uv_loop_t loop;
    struct port *port;
    int number, listener, peer;
    int ups, downs, count;
    uint8_t got[256];
    char why[300];
};

static void on_up(void *user)
{
    ((struct fixture *)user)->ups++;
}

static void on_bytes(void *user, const uint8_t *p, size_t n)
{
    struct fixture *f = user;

    for (size_t i = 0; i < n && (size_t)f->count < sizeof(f->got); i++) {
        f->got[f->count++] = p[i];
    }
}

static void on_down(void *user, const char *why)
{
    struct fixture *f = user;

    f->downs++;
    snprintf(f->why, sizeof(f->why), "%s", why);
}

static const struct port_ops ops = {.up = on_up, .bytes = on_bytes, .down = on_down};

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

    snprintf(spec, sizeof(spec), "tcp://%s:%d", host, f->number);
    f->port = port_create(&f->loop, spec, &ops, f, NULL);
    assert_non_null(f->port);
}

static void a_gateway_is_reached_by_name_and_bytes_go_both_ways(void **state)
{
    struct fixture *f = *state;
    uint8_t back[8];

    listen_now(f);
    open_port(f, "localhost"); /* ::1 may come first, and refuses */
    assert_true(rig_until(&f->loop, &f->ups, 1, 3000));
    check_i64(port_kind(f->port), PORT_TCP);
    f->peer = accept(f->listener, NULL, NULL);
    assert_true(port_write(f->port, (const uint8_t *)"\xC0\x01", 2));
    assert_int_equal(read(f->peer, back, sizeof(back)), 2);
    assert_int_equal(write(f->peer, "abc", 3), 3);
    assert_true(rig_until(&f->loop, &f->count, 3, 1000));
}

static void a_refused_connection_is_told_once_and_heals(void **state)
{
    struct fixture *f = *state;

    open_port(f, "127.0.0.1");
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "Connection refused");
    rig_for(&f->loop, 800);
    check_i64(f->downs, 1);
    listen_now(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 700));
}

static void a_gateway_that_closes_is_reached_again(void **state)
{
    struct fixture *f = *state;

    listen_now(f);
    open_port(f, "127.0.0.1");
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
    f->peer = accept(f->listener, NULL, NULL);
    close_all(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    listen_now(f);
    assert_true(rig_until(&f->loop, &f->ups, 2, 1000));
}

static void a_name_that_does_not_exist_is_a_sentence(void **state)
{
    struct fixture *f = *state;

    open_port(f, "no-such-gateway.invalid");
    assert_true(rig_until(&f->loop, &f->downs, 1, 30000));
    check_has(f->why, "no-such-gateway.invalid");
    check_has(f->why, "was not found");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_gateway_is_reached_by_name_and_bytes_go_both_ways),
            TEST(a_refused_connection_is_told_once_and_heals),
            TEST(a_gateway_that_closes_is_reached_again),
            TEST(a_name_that_does_not_exist_is_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
