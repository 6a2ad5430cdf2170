/*
 * The listening port: who may call, who is refused, who has died. Real sockets on the loopback; only
 * the wait for a caller that says nothing is shortened. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/io/loop.h"
#include "bridge/io/port.h"
#include "tests/support/port_rig.h"
#include "tests/support/process.h"
#include "tests/support/rig.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/resource.h>

struct fixture {
    uv_loop_t loop;
    struct port *port;
    int number, caller[3];
    struct port_heard heard;
    int refused, paused;
    char line[300];
};

static int64_t skipped_ms;
int64_t __real_loop_now_ms(void);
int64_t __wrap_loop_now_ms(void);

int64_t __wrap_loop_now_ms(void)
{
    return __real_loop_now_ms() + skipped_ms;
}

static void on_log(enum log_level level, const char *module, const char *line, void *user)
{
    struct fixture *f = user;

    (void)level;
    (void)module;
    if (strstr(line, "refused a second caller")) {
        f->refused++;
        snprintf(f->line, sizeof(f->line), "%s", line);
    }
    f->paused += strstr(line, "cannot take a call") != NULL;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    f->number = free_port();
    for (int i = 0; i < 3; i++) {
        f->caller[i] = -1;
    }
    skipped_ms = 0;
    log_set_sink(on_log, f);
    *state = f;
    return 0;
}

static void hang_up(struct fixture *f, int i)
{
    if (f->caller[i] >= 0) {
        close(f->caller[i]);
    }
    f->caller[i] = -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    log_set_sink(NULL, NULL);
    port_destroy(f->port);
    rig_close(&f->loop);
    for (int i = 0; i < 3; i++) {
        hang_up(f, i);
    }
    test_free(f);
    return 0;
}

static void open_port(struct fixture *f, const char *host)
{
    char spec[100];

    snprintf(spec, sizeof(spec), "tcp-listen://%s:%d", host, f->number);
    f->port = port_create(&f->loop, spec, &port_rig_ops, &f->heard, NULL);
    assert_non_null(f->port);
    check_i64(port_kind(f->port), PORT_LISTEN);
    rig_for(&f->loop, 20);
}

static bool call_at(struct fixture *f, int i, uint32_t address)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)f->number),
            .sin_addr.s_addr = htonl(address)};

    f->caller[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(f->caller[i], (struct sockaddr *)(void *)&a, sizeof(a)) == 0;
}

static void call(struct fixture *f, int i)
{
    assert_true(call_at(f, i, INADDR_LOOPBACK));
}

/* The bridge has closed it, and sent nothing. */
static void check_refused(struct fixture *f, int i)
{
    struct timeval tv = {.tv_sec = 1};
    char byte;

    rig_for(&f->loop, 50);
    setsockopt(f->caller[i], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    check_i64(recv(f->caller[i], &byte, 1, 0), 0);
}

static void a_gateway_calls_and_bytes_go_both_ways(void **state)
{
    struct fixture *f = *state;
    uint8_t back[8];

    open_port(f, "127.0.0.1");
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
    assert_int_equal(write(f->caller[0], "\xC0\xFF\x00", 3), 3);
    assert_true(rig_until(&f->loop, &f->heard.count, 3, 1000));
    assert_memory_equal(f->heard.got, "\xC0\xFF\x00", 3);
    assert_true(port_write(f->port, (const uint8_t *)"\xFF\x01", 2));
    assert_int_equal(read(f->caller[0], back, sizeof(back)), 2); /* nothing is doubled */
    assert_memory_equal(back, "\xFF\x01", 2);
}

static void without_a_host_only_this_machine_can_call(void **state)
{
    struct fixture *f = *state;

    open_port(f, "");
    assert_false(call_at(f, 0, INADDR_LOOPBACK + 1)); /* 127.0.0.2: nobody is there */
    call(f, 1);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
}

static void a_second_caller_is_refused_and_logged_once_a_minute(void **state)
{
    struct fixture *f = *state;

    open_port(f, "127.0.0.1");
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
    for (int i = 0; i < 3; i++) {
        call(f, 1);
        check_refused(f, 1);
        hang_up(f, 1);
    }
    check_i64(f->refused, 1);
    check_has(f->line, "127.0.0.1 (1 since");
    assert_int_equal(write(f->caller[0], "still", 5), 5); /* the first is not disturbed */
    assert_true(rig_until(&f->loop, &f->heard.count, 5, 1000));
    check_i64(f->heard.downs, 0);
    skipped_ms += 60000;
    assert_int_equal(write(f->caller[0], "!", 1), 1);
    assert_true(rig_until(&f->loop, &f->heard.count, 6, 1000));
    call(f, 1);
    check_refused(f, 1);
    check_i64(f->refused, 2);
    check_has(f->line, "(3 since");
}

static void a_caller_that_says_nothing_gives_its_place_to_the_next(void **state)
{
    struct fixture *f = *state;

    open_port(f, "127.0.0.1");
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
    skipped_ms += 29000;
    call(f, 1);
    check_refused(f, 1);
    check_i64(f->heard.downs, 0);
    skipped_ms += 2000;
    call(f, 2);
    assert_true(rig_until(&f->loop, &f->heard.ups, 2, 1000));
    check_i64(f->heard.downs, 1);
    check_has(f->heard.why, "said nothing for 30 s");
    check_refused(f, 0);
    assert_int_equal(write(f->caller[2], "new", 3), 3);
    assert_true(rig_until(&f->loop, &f->heard.count, 3, 1000));
}

static void a_caller_that_hangs_up_may_call_again_at_once(void **state)
{
    struct fixture *f = *state;

    open_port(f, "127.0.0.1");
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
    for (int i = 1; i <= 20; i++) {
        assert_int_equal(write(f->caller[0], "bye", 3), 3);
        hang_up(f, 0);
        call(f, 0); /* it is in the queue before the end of the first is seen */
        assert_true(rig_until(&f->loop, &f->heard.ups, i + 1, 200));
        check_i64(f->heard.downs, i);
    }
    check_i64(f->refused, 0);
    check_i64(f->heard.count, 60);
}

static void nobody_calling_is_told_once(void **state)
{
    struct fixture *f = *state;

    open_port(f, "127.0.0.1");
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 4000));
    check_has(f->heard.why, "no gateway has called yet");
    rig_for(&f->loop, 700);
    check_i64(f->heard.downs, 1);
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 300));
}

static void a_place_that_is_taken_is_told_and_tried_again(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in a = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)f->number),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(other, (struct sockaddr *)(void *)&a, sizeof(a)), 0);
    assert_int_equal(listen(other, 1), 0);
    open_port(f, "127.0.0.1");
    assert_true(rig_until(&f->loop, &f->heard.downs, 1, 1000));
    check_has(f->heard.why, "cannot listen on tcp-listen://127.0.0.1");
    check_has(f->heard.why, "in use");
    close(other);
    rig_for(&f->loop, 600);
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
}

/* A gateway that lost its power says nothing more, not even that. A filter on its socket drops all
 * that we send, so the kernel of the "gateway" acknowledges nothing. */
static void a_dead_gateway_is_noticed(bool we_write)
{
    struct fixture *f = NULL;
    struct sock_filter drop = {BPF_RET | BPF_K, 0, 0, 0};
    struct sock_fprog prog = {.len = 1, .filter = &drop};
    void *state = NULL;
    uint64_t begin;

    assert_int_equal(setup(&state), 0);
    f = state;
    open_port(f, "127.0.0.1");
    call(f, 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1000));
    assert_int_equal(
            setsockopt(f->caller[0], SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), 0);
    begin = uv_hrtime();
    while (f->heard.downs == 0 && uv_hrtime() - begin < 20000000000u) {
        if (we_write) {
            (void)!port_write(f->port, (const uint8_t *)"\xC0", 1);
        }
        (void)rig_until(&f->loop, &f->heard.downs, 1, 1000);
    }
    print_message("a dead gateway was noticed after %.1f s%s\n",
            (double)(uv_hrtime() - begin) / 1e9, we_write ? ", while we wrote" : "");
    check_i64(f->heard.downs, 1);
    assert_true(uv_hrtime() - begin < 13000000000u);
    call(f, 1);
    assert_true(rig_until(&f->loop, &f->heard.ups, 2, 1000));
    teardown(&state);
}

static void a_gateway_that_dies_while_we_write_is_noticed(void **state)
{
    (void)state;
    a_dead_gateway_is_noticed(true);
}

static void a_gateway_that_dies_while_all_is_quiet_is_noticed(void **state)
{
    (void)state;
    a_dead_gateway_is_noticed(false);
}

static void a_call_without_a_free_descriptor_waits_and_the_loop_sleeps(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, none;
    struct rusage before, after;
    long us;

    open_port(f, "127.0.0.1");
    f->caller[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = (rlim_t)f->caller[0] + 1;
    for (int fd = dup(0); fd >= 0 && (rlim_t)fd < none.rlim_cur; fd = dup(0)) {
        none.rlim_cur = (rlim_t)fd + 1;
        if (fd > f->caller[0]) {
            break;
        }
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    {
        struct sockaddr_in a = {.sin_family = AF_INET,
                .sin_port = htons((uint16_t)f->number),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        assert_int_equal(connect(f->caller[0], (struct sockaddr *)(void *)&a, sizeof(a)), 0);
    }
    getrusage(RUSAGE_SELF, &before);
    rig_for(&f->loop, 500);
    getrusage(RUSAGE_SELF, &after);
    us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + after.ru_utime.tv_usec -
         before.ru_utime.tv_usec;
    assert_true(us < 250000);
    check_i64(f->heard.ups, 0);
    check_i64(f->paused, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(rig_until(&f->loop, &f->heard.ups, 1, 1500));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_gateway_calls_and_bytes_go_both_ways),
            TEST(without_a_host_only_this_machine_can_call),
            TEST(a_second_caller_is_refused_and_logged_once_a_minute),
            TEST(a_caller_that_says_nothing_gives_its_place_to_the_next),
            TEST(a_caller_that_hangs_up_may_call_again_at_once),
            TEST(nobody_calling_is_told_once),
            TEST(a_place_that_is_taken_is_told_and_tried_again),
            cmocka_unit_test(a_gateway_that_dies_while_we_write_is_noticed),
            cmocka_unit_test(a_gateway_that_dies_while_all_is_quiet_is_noticed),
            TEST(a_call_without_a_free_descriptor_waits_and_the_loop_sleeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
