/*
 * test_allow_list - every pair of type and command goes to the master's encoder and what comes out
 * through a port onto a pty; the raw bytes there hold nothing but the allow-list.
 *
 * The reader below shares no code with the encoder. SPDX-License-Identifier: MIT
 */
#include "bridge/core/envelope.h"
#include "bridge/core/twc/message_master.h"
#include "bridge/io/port.h"
#include "tests/support/test.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static bool up;
static bool seen[256][256]; /* the pair was on the wire */
static uint8_t commands[256];  /* of FB E0 */
static uint8_t frame[64];
static size_t frame_len;
static bool open_frame, escaped;

static void on_up(void *user)
{
    (void)user;
    up = true;
}

static void on_bytes(void *user, const uint8_t *p, size_t n)
{
    (void)user;
    (void)p;
    (void)n;
}

static void on_down(void *user, const char *why)
{
    (void)user;
    print_message("  port: %s\n", why);
}

static void take(uint8_t byte)
{
    if (byte == 0xC0) {
        if (open_frame && frame_len >= 13) {
            seen[frame[0]][frame[1]] = true;
            if (frame[0] == 0xFB && frame[1] == 0xE0) {
                commands[frame[6]] = 1;
            }
            open_frame = false;
        } else {
            open_frame = true;
        }
        frame_len = 0;
        escaped = false;
        return;
    }
    if (byte == 0xDB) {
        escaped = true;
        return;
    }
    if (escaped) {
        byte = byte == 0xDC ? 0xC0 : 0xDB;
        escaped = false;
    }
    if (open_frame && frame_len < sizeof(frame)) {
        frame[frame_len++] = byte;
    }
}

static void drain(int fd)
{
    uint8_t raw[4096];
    ssize_t n;

    while ((n = read(fd, raw, sizeof(raw))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            take(raw[i]);
        }
    }
}

static void send_pair(struct port *p, int master, unsigned type, unsigned cmd, unsigned command,
        uint8_t protocol)
{
    struct envelope_in in = {16000, 6000, 32000, 32000, 32000, 32000, 16000, true};
    struct offer_box box;
    struct frame f;
    uint8_t wire[FRAME_WIRE_MAX];
    struct message_out m = {.type = (uint8_t)type, .cmd = (uint8_t)cmd,
            .command = (uint8_t)command, .protocol = protocol, .from = 0x4357, .to = 0xC0DB,
            .sign = 0x77, .offer = envelope_make(&box, &in, 1)};

    if (message_master_pack(&m, &f)) {
        size_t n = frame_encode(&f, wire);

        assert_true(port_write(p, wire, n));
        drain(master);
    }
}

static void promise_10_only_the_allow_list_reaches_the_wire(void **state)
{
    static const uint8_t allowed[] = {0xE0, 0xE2, 0xEB, 0xEC, 0xED, 0xEE, 0xEF, 0xF1, 0xB4};
    static const struct port_ops ops = {on_up, on_bytes, on_down};
    struct termios raw = {0};
    struct port *p;
    uv_loop_t loop;
    int master, slave;
    char name[128];

    (void)state;
    cfmakeraw(&raw);
    assert_int_equal(openpty(&master, &slave, name, &raw, NULL), 0);
    fcntl(master, F_SETFL, O_NONBLOCK);
    uv_loop_init(&loop);
    p = port_create(&loop, name, &ops, NULL, NULL);
    assert_non_null(p);
    for (int i = 0; i < 2000 && !up; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        poll(NULL, 0, 1);
    }
    assert_true(up);
    for (unsigned pair = 0; pair < 65536; pair++) {
        send_pair(p, master, pair >> 8, pair & 255, 0, 2);
    }
    for (unsigned command = 0; command < 256; command++) {
        send_pair(p, master, 0xFB, 0xE0, command, 1);
        send_pair(p, master, 0xFB, 0xE0, command, 2);
    }
    port_destroy(p);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    drain(master);
    for (size_t i = 0; i < sizeof(allowed); i++) {
        assert_true(seen[0xFB][allowed[i]]);
        seen[0xFB][allowed[i]] = false;
    }
    assert_true(seen[0xFC][0xE1]);
    seen[0xFC][0xE1] = false;
    for (unsigned pair = 0; pair < 65536; pair++) {
        if (seen[pair >> 8][pair & 255]) {
            print_error("%02X %02X was on the wire\n", pair >> 8, pair & 255);
            fail();
        }
    }
    for (unsigned c = 0; c < 256; c++) {
        check_i64(commands[c], c == 0 || c == 5 || c == 9);
    }
    close(master);
    close(slave);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(promise_10_only_the_allow_list_reaches_the_wire),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
