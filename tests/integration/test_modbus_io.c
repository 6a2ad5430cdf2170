/*
 * test_modbus_io - registers from real servers over TCP, RTU over TCP and a serial line; every fault
 * becomes a result and a sentence; one connection for all who share a device.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/modbus.h"
#include "tests/support/process.h"
#include "tests/support/rig.h"

#include <malloc.h>
#include <sys/file.h>

enum { ROOM = 300, WAIT_MS = 15000, CALLS = 3 };

struct got {
    int count;
    enum modbus_result result;
    int exception;
    unsigned char data[2 * MODBUS_WORDS_MAX + 1];
    size_t len;
    int64_t at_ms;
    char why[ROOM];
    struct modbus_call *destroy;
};

struct rig {
    uv_loop_t loop;
    struct modbus_address address;
    struct modbus_call *call[CALLS];
    struct got got[CALLS];
    char device[ROOM], other_end[ROOM];
    pid_t server, cable;
};

static void on_done(void *user, const struct modbus_answer *a)
{
    struct got *g = user;

    g->count++;
    g->result = a->result;
    g->exception = a->exception;
    g->len = a->len;
    g->at_ms = loop_now_ms();
    memcpy(g->data, a->data, a->len + 1);
    (void)str_copy(g->why, sizeof(g->why), a->result == MODBUS_ANSWERED ? "" : a->why);
    if (g->destroy) {
        modbus_call_destroy(g->destroy);
    }
}

/* A script of tests/support with its port, and a word more. */
static pid_t start(const char *script, const char *kind, const char *where, const char *more)
{
    char path[ROOM], image[ROOM];
    const char *argv[8] = {"/usr/bin/python3", path};
    int n = 2;

    (void)str_format(path, sizeof(path), "%s/%s", TEST_SUPPORT, script);
    (void)str_format(image, sizeof(image), "%s/modbus_server.json", TEST_SUPPORT);
    if (kind) {
        argv[n++] = kind;
    }
    argv[n++] = where;
    if (more) {
        argv[n++] = strcmp(more, "image") == 0 ? image : more;
    }
    return process_start(argv, NULL, "/dev/null");
}

static int setup(void **state)
{
    struct rig *r = test_calloc(1, sizeof(*r));

    uv_loop_init(&r->loop);
    r->address = (struct modbus_address){.host = "127.0.0.1",
            .port = (uint16_t)free_port(),
            .device = "",
            .baud = 9600,
            .parity = 'N',
            .data_bits = 8,
            .stop_bits = 1};
    *state = r;
    return 0;
}

static void rig_call(struct rig *r, int i)
{
    struct err e = {0};

    r->call[i] = modbus_call_create(&r->loop, &r->address, on_done, &r->got[i], &e);
    if (!r->call[i]) {
        fail_msg("%s", e.text);
    }
}

static void serve(struct rig *r, const char *script, const char *kind, const char *more)
{
    char port[16];

    (void)str_format(port, sizeof(port), "%u", r->address.port);
    r->server = start(script, kind, port, more);
    assert_true(port_answers(r->address.port, WAIT_MS));
}

static int teardown(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < CALLS; i++) {
        modbus_call_destroy(r->call[i]);
    }
    rig_close(&r->loop);
    process_kill(&r->server, SIGKILL);
    process_kill(&r->cable, SIGKILL);
    test_free(r);
    return 0;
}

static void ask(struct rig *r, int i, struct modbus_request q)
{
    struct err e = {0};

    q.function = q.function ? q.function : 3;
    q.timeout_ms = q.timeout_ms ? q.timeout_ms : 3000;
    r->got[i].count = 0;
    if (modbus_start(r->call[i], &q, &e) != ERR_OK) {
        fail_msg("%s", e.text);
    }
    check_i64(r->got[i].count, 0);
}

static struct got *result(struct rig *r, int i)
{
    assert_true(rig_until(&r->loop, &r->got[i].count, 1, WAIT_MS));
    return &r->got[i];
}

static struct got *asked(struct rig *r, struct modbus_request q)
{
    ask(r, 0, q);
    return result(r, 0);
}

#define REQUEST(...) ((struct modbus_request){__VA_ARGS__})

static void reads_all_kinds(struct rig *r)
{
    struct got *g = asked(r, REQUEST(.unit = 1, .start = 100, .count = 4));

    check_i64(g->result, MODBUS_ANSWERED);
    check_i64(g->len, 8);
    assert_memory_equal(g->data, "\0\1\0\2\xff\xff\x12\x34", 9);
    g = asked(r, REQUEST(.unit = 1, .function = 4, .start = 101, .count = 1));
    check_i64(g->len, 2);
    assert_memory_equal(g->data, "\0\x0c", 3);
    g = asked(r, REQUEST(.unit = 1, .start = 102, .count = 3));
    check_i64(g->result, MODBUS_REFUSED);
    check_i64(g->exception, 2);
    check_has(g->why, "has no holding registers 102 to 104 at unit id 1 (exception 2)");
    g = asked(r, REQUEST(.unit = 7, .start = 0, .count = 1)); /* goes on after a refusal */
    check_i64(g->result, MODBUS_ANSWERED);
}

static void a_server_over_tcp_is_read_and_a_wrong_unit_id_is_named(void **state)
{
    struct rig *r = *state;
    struct got *g;

    serve(r, "modbus_server.py", "tcp", "image");
    rig_call(r, 0);
    reads_all_kinds(r);
    g = asked(r, REQUEST(.unit = 9, .start = 0, .count = 1, .timeout_ms = 500));
    check_i64(g->result, MODBUS_TIMEOUT);
    check_has(g->why, "nothing answers as unit id 9 within 1 s: check the unit id (unit)");
}

static void a_server_that_restarts_is_met_again(void **state)
{
    struct rig *r = *state;
    struct got *g;

    serve(r, "modbus_server.py", "tcp", "image");
    rig_call(r, 0);
    reads_all_kinds(r);
    process_kill(&r->server, SIGKILL);
    g = asked(r, REQUEST(.unit = 7, .start = 0, .count = 1));
    check_i64(g->result, MODBUS_UNREACHABLE);
    check_has(g->why, "refuses the connection: switch on Modbus in the device");
    serve(r, "modbus_server.py", "tcp", "image");
    reads_all_kinds(r);
}

static void a_gateway_that_takes_rtu_over_tcp_is_read(void **state)
{
    struct rig *r = *state;

    serve(r, "modbus_server.py", "rtu", "image");
    r->address.rtu = true;
    rig_call(r, 0);
    reads_all_kinds(r);
}

static void wait_for_line(const char *path)
{
    struct timespec pause = {.tv_nsec = 10 * 1000000};

    for (int i = 0; i < 500 && access(path, R_OK) != 0; i++) {
        nanosleep(&pause, NULL);
    }
    check_i64(access(path, R_OK), 0);
}

static void a_serial_line_is_read_and_another_who_has_it_is_named(void **state)
{
    struct rig *r = *state;
    char one[ROOM], two[ROOM];
    const char *argv[] = {"socat", one, two, NULL};
    struct got *g = NULL;

    (void)str_format(r->device, sizeof(r->device), "/tmp/test_modbus_io.%d.a", (int)getpid());
    (void)str_format(
            r->other_end, sizeof(r->other_end), "/tmp/test_modbus_io.%d.b", (int)getpid());
    (void)str_format(one, sizeof(one), "pty,raw,echo=0,link=%s", r->device);
    (void)str_format(two, sizeof(two), "pty,raw,echo=0,link=%s", r->other_end);
    r->address.host = "";
    r->address.device = r->device;
    rig_call(r, 0);
    g = asked(r, REQUEST(.unit = 1, .start = 100, .count = 1));
    check_i64(g->result, MODBUS_UNREACHABLE);
    check_has(g->why, "the device is not there");
    r->cable = process_start(argv, NULL, "/dev/null");
    wait_for_line(r->other_end);
    r->server = start("modbus_server.py", "serial", r->other_end, "image");
    for (int i = 0; i < 20; i++) { /* until the server is up */
        g = asked(r, REQUEST(.unit = 1, .start = 100, .count = 1, .timeout_ms = 500));
        if (g->result == MODBUS_ANSWERED) {
            break;
        }
        check_has(g->why, "no device answers as unit id 1 within 1 s");
    }
    reads_all_kinds(r);
    g = asked(r, REQUEST(.unit = 9, .start = 0, .count = 1, .timeout_ms = 300));
    check_i64(g->result, MODBUS_TIMEOUT);
    check_has(g->why, "check the unit id (unit), baud, format");
    reads_all_kinds(r);

    modbus_call_destroy(r->call[0]);
    r->call[0] = NULL;
    int fd = open(r->device, O_RDWR | O_NOCTTY | O_CLOEXEC);

    check_i64(flock(fd, LOCK_EX | LOCK_NB), 0);
    rig_call(r, 0);
    g = asked(r, REQUEST(.unit = 1, .start = 100, .count = 1));
    check_has(g->why, "another program (or a bus) has it");
    close(fd);
    process_kill(&r->cable, SIGTERM);
    g = asked(r, REQUEST(.unit = 1, .start = 100, .count = 1, .timeout_ms = 500));
    assert_int_not_equal(g->result, MODBUS_ANSWERED);
}

static const struct fault {
    uint8_t unit;
    enum modbus_result result;
    const char *why;
} faults[] = {{61, MODBUS_REFUSED, "knows no holding registers at unit id 61"},
        {62, MODBUS_REFUSED, "(exception 2): check the unit id"},
        {63, MODBUS_REFUSED, "does not give holding registers 3 to 4 at once"},
        {64, MODBUS_REFUSED, "has a fault of its own (exception 4"},
        {66, MODBUS_REFUSED, "is busy (exception 6)"},
        {70, MODBUS_REFUSED, "has no way to unit id 70 (exception 10): check the unit id"},
        {71, MODBUS_REFUSED, "(exception 11): check the unit id"},
        {80, MODBUS_TIMEOUT, "nothing answers as unit id 80 within 1 s: check the unit id"},
        {81, MODBUS_ANSWERED, ""}, {82, MODBUS_CUT, "serve one client alone"},
        {84, MODBUS_GARBAGE, "check port and rtu"}, {85, MODBUS_TIMEOUT, "unit id 85"},
        {86, MODBUS_GARBAGE, "does not belong to what was asked"},
        {88, MODBUS_CUT, "closes the connection"}, {89, MODBUS_TIMEOUT, "unit id 89"}};

static void every_fault_has_its_result(struct rig *r, const struct fault *f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t since_ms = loop_now_ms();
        struct got *g =
                asked(r, REQUEST(.unit = f[i].unit, .start = 3, .count = 2, .timeout_ms = 700));

        if (g->result != f[i].result) {
            print_error("unit %d: %s\n", f[i].unit, g->why);
        }
        check_i64(g->result, f[i].result);
        check_has(g->why, f[i].why);
        check_near(g->at_ms - since_ms, 400, 900);
        /* And the next one is answered, by its own answer. */
        g = asked(r, REQUEST(.unit = 1, .function = 4, .start = 3, .count = 1));
        if (g->result != MODBUS_ANSWERED) {
            print_error("after unit %d: %s\n", f[i].unit, g->why);
        }
        check_i64(g->result, MODBUS_ANSWERED);
        assert_memory_equal(g->data, "\x03\xeb", 3); /* 1003 */
    }
}

static void every_fault_of_tcp_has_its_result_and_the_next_request_is_answered(void **state)
{
    static const struct fault more = {83, MODBUS_GARBAGE, "does not belong to what was asked"};
    struct rig *r = *state;

    serve(r, "modbus_fake.py", NULL, NULL);
    rig_call(r, 0);
    every_fault_has_its_result(r, faults, ARRAY_LEN(faults));
    every_fault_has_its_result(r, &more, 1);
}

static void every_fault_of_rtu_over_tcp_has_its_result_and_the_next_request_is_answered(
        void **state)
{
    static const struct fault more[] = {{87, MODBUS_GARBAGE, "another unit id than 87 answers"},
            {90, MODBUS_GARBAGE, "wrong check sum"}};
    struct rig *r = *state;

    r->address.rtu = true;
    serve(r, "modbus_fake.py", NULL, "--rtu");
    rig_call(r, 0);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct fault f = faults[i];

        if (f.unit == 84) {
            f.why = "unit id"; /* text in place of a frame begins with another unit */
        }
        if (f.unit == 86) {
            continue; /* two bytes too few of a frame are a time-out or a check sum */
        }
        every_fault_has_its_result(r, &f, 1);
    }
    every_fault_has_its_result(r, more, ARRAY_LEN(more));
}

static void all_who_share_a_device_share_one_connection_and_wait_their_turn(void **state)
{
    struct rig *r = *state;
    int64_t first_ms;

    serve(r, "modbus_fake.py", NULL, "--one-client"); /* a second one would be cut off */
    rig_for(&r->loop, 200); /* ours that looked whether it is up has gone by then */
    rig_call(r, 0);
    r->address.host = "localhost"; /* another address as far as we know: it is refused */
    rig_call(r, 2);
    r->address.host = "127.0.0.1";
    rig_call(r, 1);
    ask(r, 0, REQUEST(.unit = 81, .start = 0, .count = 1)); /* slow */
    ask(r, 1, REQUEST(.unit = 1, .start = 1, .count = 1, .delay_ms = 200));
    check_i64(result(r, 1)->result, MODBUS_ANSWERED);
    check_i64(r->got[0].result, MODBUS_ANSWERED);
    first_ms = r->got[0].at_ms;
    check_near(r->got[1].at_ms - first_ms, 300, 150); /* its turn and its pause */
    ask(r, 2, REQUEST(.unit = 1, .start = 1, .count = 1));
    check_i64(result(r, 2)->result, MODBUS_CUT);
    check_has(r->got[2].why, "most devices serve one client alone");
    modbus_call_destroy(r->call[0]); /* the other one keeps the connection */
    r->call[0] = NULL;
    ask(r, 1, REQUEST(.unit = 1, .start = 1, .count = 1));
    check_i64(result(r, 1)->result, MODBUS_ANSWERED);
}

static void what_waits_too_long_for_its_turn_is_told(void **state)
{
    struct rig *r = *state;

    serve(r, "modbus_fake.py", NULL, NULL);
    rig_call(r, 0);
    rig_call(r, 1);
    ask(r, 0, REQUEST(.unit = 80, .start = 0, .count = 1, .timeout_ms = 800)); /* silent */
    ask(r, 1, REQUEST(.unit = 1, .start = 0, .count = 1, .timeout_ms = 500));
    check_i64(result(r, 1)->result, MODBUS_TIMEOUT);
    check_has(r->got[1].why, "its turn did not come in time");
    check_i64(result(r, 0)->result, MODBUS_TIMEOUT);
}

static void a_call_ends_without_a_word_and_may_end_in_its_own_callback(void **state)
{
    struct rig *r = *state;

    serve(r, "modbus_fake.py", NULL, NULL);
    rig_call(r, 0);
    rig_call(r, 1);
    ask(r, 0, REQUEST(.unit = 81, .start = 0, .count = 1));
    modbus_cancel(r->call[0]);
    ask(r, 1, REQUEST(.unit = 81, .start = 0, .count = 1));
    r->got[1].destroy = r->call[1];
    check_i64(result(r, 1)->result, MODBUS_ANSWERED);
    r->call[1] = NULL;
    check_i64(r->got[0].count, 0);
    ask(r, 0, REQUEST(.unit = 80, .start = 0, .count = 1, .timeout_ms = 10000));
    modbus_call_destroy(r->call[0]); /* does not wait ten seconds */
    r->call[0] = NULL;
}

static void what_cannot_be_is_refused_with_a_sentence(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    struct modbus_request q = {
            .unit = 1, .function = 6, .start = 0, .count = 1, .timeout_ms = 1000};

    rig_call(r, 0);
    check_i64(modbus_start(r->call[0], &q, &e), ERR_INVALID);
    check_has(e.text, "by function 6");
    q = REQUEST(.unit = 1, .function = 3, .start = 65500, .count = 100, .timeout_ms = 1000);
    check_i64(modbus_start(r->call[0], &q, &e), ERR_INVALID);
    check_has(e.text, "100 registers from 65500");
    q = REQUEST(.unit = 250, .function = 3, .start = 0, .count = 1, .timeout_ms = 1000);
    check_i64(modbus_start(r->call[0], &q, &e), ERR_INVALID);
    check_has(e.text, "unit id 250");
    r->address.rtu = true;
    assert_null(modbus_call_create(&r->loop, &r->address, on_done, NULL, &e));
    check_has(e.text, "another source has it with another rtu");
    r->address.device = "/dev/ttyX";
    r->address.host = "";
    r->address.baud = 12345;
    assert_null(modbus_call_create(&r->loop, &r->address, on_done, NULL, &e));
    check_has(e.text, "12345 is no speed of a serial line");
}

/* A sanitizer keeps what was freed for a while, so that it finds who uses it still. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}

static long rss_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (!f || fscanf(f, "%*d %ld", &pages) != 1) {
        fail_msg("no statm");
    }
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void ten_thousand_failures_leave_no_memory_behind(void **state)
{
    /* The tables of a sanitizer grow for some thousands; without one nothing grows at all. */
    enum { FAILURES = 10000, WARM_UP = 8000, RSS_MAX_KIB = 256 };
    /* An exception, and one that is met by a new connection each time: both at the server; nobody there. */
    static const struct modbus_request requests[] = {
            {.unit = 62, .count = 2}, {.unit = 88, .count = 2}};
    struct rig *r = *state;
    long before = 0;

    serve(r, "modbus_fake.py", NULL, NULL);
    rig_call(r, 0);
    r->address.port = (uint16_t)free_port();
    rig_call(r, 1);
    for (int i = 0; i < FAILURES + WARM_UP; i++) {
        bool there = i % 8 == 0;

        if (i == WARM_UP) {
            malloc_trim(0);
            before = rss_kib();
        }
        ask(r, there ? 0 : 1, requests[i % 16 == 0]);
        assert_int_not_equal(result(r, there ? 0 : 1)->result, MODBUS_ANSWERED);
    }
    malloc_trim(0);
    assert_true(rss_kib() - before <= RSS_MAX_KIB);
}

static void a_name_that_nobody_knows_is_named(void **state)
{
    struct rig *r = *state;
    struct got *g;

    r->address.host = "no-such-host.invalid";
    rig_call(r, 0);
    g = asked(r, REQUEST(.unit = 1, .start = 0, .count = 1, .timeout_ms = 5000));
    assert_true(g->result == MODBUS_UNREACHABLE || g->result == MODBUS_TIMEOUT);
    check_has(g->why, "no-such-host.invalid");
    check_has(g->why, "check host");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_server_over_tcp_is_read_and_a_wrong_unit_id_is_named),
            TEST(a_server_that_restarts_is_met_again),
            TEST(a_gateway_that_takes_rtu_over_tcp_is_read),
            TEST(a_serial_line_is_read_and_another_who_has_it_is_named),
            TEST(every_fault_of_tcp_has_its_result_and_the_next_request_is_answered),
            TEST(every_fault_of_rtu_over_tcp_has_its_result_and_the_next_request_is_answered),
            TEST(all_who_share_a_device_share_one_connection_and_wait_their_turn),
            TEST(what_waits_too_long_for_its_turn_is_told),
            TEST(a_call_ends_without_a_word_and_may_end_in_its_own_callback),
            TEST(what_cannot_be_is_refused_with_a_sentence),
            TEST(a_name_that_nobody_knows_is_named),
            TEST(ten_thousand_failures_leave_no_memory_behind),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
