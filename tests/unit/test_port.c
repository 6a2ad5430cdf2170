/*
 * Ports over socketpairs and ptys: no network, no real tty. SPDX-License-Identifier: MIT
 */
#include "bridge/io/port.h"
#include "tests/support/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct fixture {
    uv_loop_t loop;
    struct port *port;
    int peer; /* the other end, -1: closed */
    int ups, downs, count;
    bool dies_on_bytes, inside, called_inside;
    uint8_t got[8192];
    char why[300];
    char dir[TEST_DIR_ROOM],
            path[TEST_DIR_ROOM + 32]; /* a symlink to the pty, as by-id names are */
};

static void on_up(void *user)
{
    struct fixture *f = user;

    f->ups++;
    f->called_inside = f->called_inside || f->inside;
}

static void on_bytes(void *user, const uint8_t *p, size_t n)
{
    struct fixture *f = user;

    f->called_inside = f->called_inside || f->inside;
    for (size_t i = 0; i < n && (size_t)f->count < sizeof(f->got); i++) {
        f->got[f->count++] = p[i];
    }
    if (f->dies_on_bytes) {
        port_destroy(f->port);
        f->port = NULL;
    }
}

static void on_down(void *user, const char *why)
{
    struct fixture *f = user;

    f->downs++;
    f->called_inside = f->called_inside || f->inside;
    snprintf(f->why, sizeof(f->why), "%s", why);
}

static const struct port_ops ops = {.up = on_up, .bytes = on_bytes, .down = on_down};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    f->peer = -1;
    if (!test_dir(f->dir)) {
        return -1;
    }
    snprintf(f->path, sizeof(f->path), "%s/adapter", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    port_destroy(f->port);
    rig_close(&f->loop);
    if (f->peer >= 0) {
        close(f->peer);
    }
    test_dir_remove(f->dir);
    assert_false(f->called_inside); /* no callback from inside a function of port.h */
    test_free(f);
    return 0;
}

/* A new pty behind the symlink. */
static void plug(struct fixture *f)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

    assert_true(fd >= 0);
    assert_int_equal(grantpt(fd), 0);
    assert_int_equal(unlockpt(fd), 0);
    unlink(f->path);
    assert_int_equal(symlink(ptsname(fd), f->path), 0);
    f->peer = fd;
}

static void unplug(struct fixture *f)
{
    unlink(f->path); /* as udev does; its number may soon be somebody else's */
    close(f->peer);
    f->peer = -1;
}

static void open_port(struct fixture *f)
{
    struct err e = {.code = ERR_OK};

    f->inside = true;
    f->port = port_create(&f->loop, f->path, &ops, f, &e);
    f->inside = false;
    if (!f->port) {
        print_error("%s\n", e.text);
    }
    assert_non_null(f->port);
}

static void open_pair(struct fixture *f)
{
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    f->peer = fd[1];
    f->inside = true;
    f->port = port_create_fd(&f->loop, fd[0], &ops, f, NULL);
    f->inside = false;
    assert_non_null(f->port);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
}

/* ---- descriptor ---- */

static void bytes_go_both_ways(void **state)
{
    struct fixture *f = *state;
    uint8_t back[8];

    open_pair(f);
    check_i64(port_kind(f->port), PORT_FD);
    assert_int_equal(write(f->peer, "\xC0\x00\xC0", 3), 3);
    assert_true(rig_until(&f->loop, &f->count, 3, 1000));
    assert_memory_equal(f->got, "\xC0\x00\xC0", 3);
    assert_true(port_write(f->port, (const uint8_t *)"\xFC\xE1", 2));
    assert_int_equal(read(f->peer, back, sizeof(back)), 2);
    assert_memory_equal(back, "\xFC\xE1", 2);
}

static void the_peer_hangs_up_and_the_last_bytes_are_read(void **state)
{
    struct fixture *f = *state;

    open_pair(f);
    assert_int_equal(write(f->peer, "last", 4), 4);
    close(f->peer);
    f->peer = -1;
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->count, 4);
    check_has(f->why, "closed");
    assert_false(port_write(f->port, f->got, 1));
    rig_for(&f->loop, 300);
    check_i64(f->downs, 1); /* told once; a descriptor cannot heal */
    check_i64(f->ups, 1);
}

static void all_that_came_before_a_hang_up_is_read(void **state)
{
    static const uint8_t much[6000];
    struct fixture *f = *state;

    open_pair(f);
    assert_int_equal(write(f->peer, much, sizeof(much)), sizeof(much));
    close(f->peer);
    f->peer = -1;
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_i64(f->count, sizeof(much)); /* more than one read gives */
}

static void a_write_that_does_not_fit_drops_the_connection(void **state)
{
    struct fixture *f = *state;
    static uint8_t block[64 * 1024];
    bool ok = true;

    open_pair(f);
    f->inside = true;
    for (int i = 0; i < 1000 && ok; i++) { /* nobody reads */
        ok = port_write(f->port, block, sizeof(block));
    }
    assert_false(ok);
    assert_false(port_write(f->port, block, 1)); /* half a frame went out: no more */
    f->inside = false;
    check_i64(f->downs, 0);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "takes no more");
}

static void a_port_destroyed_in_its_callback_is_silent(void **state)
{
    struct fixture *f = *state;

    open_pair(f);
    f->dies_on_bytes = true;
    for (int i = 0; i < 3; i++) {
        static uint8_t block[4096];

        assert_int_equal(write(f->peer, block, sizeof(block)), sizeof(block));
    }
    assert_true(rig_until(&f->loop, &f->count, 1, 1000));
    rig_for(&f->loop, 20);
    check_i64(f->count, 4096); /* one read */
    check_i64(f->downs, 0);
}

static void a_port_destroyed_at_once_never_speaks(void **state)
{
    struct fixture *f = *state;
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    port_destroy(port_create_fd(&f->loop, fd[0], &ops, f, NULL));
    rig_for(&f->loop, 20);
    check_i64(f->ups + f->downs, 0);
    assert_int_equal(read(fd[1], fd, 1), 0); /* our end is closed */
    close(fd[1]);
}

/* ---- pty ---- */

static void a_pty_is_raw_at_9600_baud(void **state)
{
    struct fixture *f = *state;
    static const uint8_t odd[] = {0x00, 0x03, 0x04, 0x0A, 0x0D, 0x11, 0x13, 0x1A, 0x7F, 0xFF};
    uint8_t back[sizeof(odd) + 1];
    struct termios t;

    plug(f);
    open_port(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
    check_i64(port_kind(f->port), PORT_SERIAL);
    assert_int_equal(tcgetattr(f->peer, &t), 0);
    check_i64(cfgetospeed(&t), B9600);
    check_i64(t.c_lflag & (tcflag_t)(ECHO | ICANON | ISIG), 0);

    assert_true(port_write(f->port, odd, sizeof(odd)));
    rig_for(&f->loop, 20);
    check_i64(read(f->peer, back, sizeof(back)), sizeof(odd));
    assert_memory_equal(back, odd, sizeof(odd));

    assert_int_equal(write(f->peer, odd, sizeof(odd)), sizeof(odd));
    assert_true(rig_until(&f->loop, &f->count, sizeof(odd), 1000));
    assert_memory_equal(f->got, odd, sizeof(odd));
}

static void an_adapter_is_unplugged_and_plugged_in_elsewhere(void **state)
{
    struct fixture *f = *state;

    plug(f);
    open_port(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
    unplug(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "gone");
    assert_false(port_write(f->port, f->got, 1));
    rig_for(&f->loop, 700);
    check_i64(f->downs, 1); /* once an outage */
    plug(f);                /* the link leads to another pty now */
    assert_true(rig_until(&f->loop, &f->ups, 2, 700));
    assert_int_equal(write(f->peer, "x", 1), 1);
    assert_true(rig_until(&f->loop, &f->count, 1, 1000));
}

static void a_path_that_is_missing_is_down_and_tried_again(void **state)
{
    struct fixture *f = *state;

    open_port(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "not there");
    check_has(f->why, f->path);
    rig_for(&f->loop, 300);
    check_i64(f->downs, 1);
    plug(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 700));
}

static void a_dangling_link_is_down(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(symlink("/dev/pts/9999999", f->path), 0);
    open_port(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "not there");
}

static void a_plain_file_is_not_a_serial_device(void **state)
{
    struct fixture *f = *state;

    close(open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    open_port(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "not a serial device");
}

static void a_port_that_another_program_holds_is_refused(void **state)
{
    struct fixture *f = *state;
    int fd;

    plug(f);
    fd = open(f->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    open_port(f);
    assert_true(rig_until(&f->loop, &f->downs, 1, 1000));
    check_has(f->why, "port is in use by another program");
    close(fd);
    assert_true(rig_until(&f->loop, &f->ups, 1, 700)); /* and taken once it is free */
}

static void another_process_cannot_have_the_port_we_hold(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    pid_t child;

    plug(f);
    open_port(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
    child = fork();
    if (child == 0) {
        int fd = open(f->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

        _exit(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 ? 7 : 8);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    check_i64(WEXITSTATUS(status), 7);
}

/* The mark of TIOCEXCL outlives the holder of a pty as long as its master lives: a bridge that
 * was killed would then lock itself out for ever, unless it is root. */
static void a_pty_can_be_opened_again_after_a_crash_by_a_user(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    pid_t child;

    plug(f);
    open_port(f);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000));
    port_destroy(f->port);
    f->port = NULL;
    rig_for(&f->loop, 5);
    assert_int_equal(chmod(f->path, 0666), 0);
    assert_int_equal(chmod(f->dir, 0755), 0);
    child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(9);
        }
        _exit(open(f->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) >= 0 ? 7 : 8);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    check_i64(WEXITSTATUS(status), 7);
}

static void other_speeds_are_set_and_odd_ones_refused(void **state)
{
    struct fixture *f = *state;
    struct port_config how = {.baud = 115200,
            .format = PORT_7E1,
            .rts = true,
            .wait_min_ms = 1,
            .wait_max_ms = 1};
    struct err e = {.code = ERR_OK};
    struct termios t;

    plug(f);
    f->port = port_create_for(&f->loop, f->path, &how, &ops, f, &e);
    assert_true(rig_until(&f->loop, &f->ups, 1, 1000)); /* RTS that a pty lacks is no fault */
    assert_int_equal(tcgetattr(f->peer, &t), 0);
    check_i64(cfgetospeed(&t), B115200);
    assert_true(port_baud_ok(300) && port_baud_ok(921600) && !port_baud_ok(9601));
    how.baud = 12345;
    assert_null(port_create_for(&f->loop, f->path, &how, &ops, f, &e));
    check_i64(e.code, ERR_INVALID);
    check_has(e.text, "12345 is not a speed");
}

/* ---- words ---- */

static void specs_are_checked_with_a_reason(void **state)
{
    static const struct {
        const char *spec, *part; /* NULL: accepted */
    } rows[] = {
            {"/dev/ttyUSB0", NULL},
            {"/dev/serial/by-id/usb-FTDI_x-if00-port0", NULL},
            {"/tmp/a link/outside", NULL},
            {"tcp://gate:7777", NULL},
            {"tcp://[fd00::1]:7777", NULL},
            {"ttyUSB0", "absolute path"},
            {"", "absolute path"},
            {"rfc2217://gate:2217", NULL},
            {"rfc2217://[fd00::1]:2217", NULL},
            {"tcp-listen://0.0.0.0:7777", NULL},
            {"tcp-listen://:7777", NULL},
            {"tcp://gate", "lacks the number"},
            {"rfc2217://gate", "rfc2217://HOST:PORT"},
            {"rfc2217://:1", "host name"},
            {"tcp-listen://gate", "tcp-listen://HOST:PORT"},
            {"tcp-listen://:70000", "from 1 to 65535"},
            {"tcp-listen://", "host name"},
            {"tcp://:1", "host name"},
            {"tcp://gate:70000", "from 1 to 65535"},
            {"udp://gate:1", "absolute path"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {.code = ERR_OK};
        bool ok = port_spec_ok(rows[i].spec, &e);

        check_i64(ok, rows[i].part == NULL);
        if (rows[i].part) {
            check_i64(e.code, ERR_INVALID);
            check_has(e.text, rows[i].part);
        }
    }
}

static void the_list_of_devices_is_text_that_fits(void **state)
{
    char text[16];

    (void)state;
    memset(text, 'x', sizeof(text));
    port_list(text, sizeof(text));
    assert_non_null(memchr(text, '\0', sizeof(text)));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(bytes_go_both_ways),
            TEST(the_peer_hangs_up_and_the_last_bytes_are_read),
            TEST(all_that_came_before_a_hang_up_is_read),
            TEST(a_write_that_does_not_fit_drops_the_connection),
            TEST(a_port_destroyed_in_its_callback_is_silent),
            TEST(a_port_destroyed_at_once_never_speaks),
            TEST(a_pty_is_raw_at_9600_baud),
            TEST(other_speeds_are_set_and_odd_ones_refused),
            TEST(an_adapter_is_unplugged_and_plugged_in_elsewhere),
            TEST(a_path_that_is_missing_is_down_and_tried_again),
            TEST(a_dangling_link_is_down),
            TEST(a_plain_file_is_not_a_serial_device),
            TEST(a_port_that_another_program_holds_is_refused),
            TEST(another_process_cannot_have_the_port_we_hold),
            TEST(a_pty_can_be_opened_again_after_a_crash_by_a_user),
            cmocka_unit_test(specs_are_checked_with_a_reason),
            cmocka_unit_test(the_list_of_devices_is_text_that_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
