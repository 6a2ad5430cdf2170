/*
 * telnet - see telnet.h. SPDX-License-Identifier: MIT
 */
#include "bridge/io/telnet.h"

#include "bridge/base/str.h"

#include <string.h>

enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };

enum { BINARY = 0, NO_GO_AHEAD = 3, COM_PORT = 44 }; /* options */

/* Codes of RFC 2217 as we send them; answers are 100 above. */
enum {
    SET_BAUD = 1,
    SET_DATA = 2,
    SET_PARITY = 3,
    SET_STOP = 4,
    SET_CONTROL = 5,
    SUSPEND = 8,
    RESUME = 9,
    LINE_MASK = 10,
    MODEM_MASK = 11,
    PURGE = 12,
    ANSWER = 100,
};

enum { CONTROL_NONE = 1, CONTROL_NONE_IN = 14, PARITY_NONE = 1, STOP_ONE = 1, PURGE_BOTH = 3 };

enum { BAUD = 9600 };

/* What must be agreed, one bit each. */
enum {
    HAS_BAUD = 1,
    HAS_DATA = 2,
    HAS_PARITY = 4,
    HAS_STOP = 8,
    HAS_CONTROL = 16,
    HAS_ALL = 31,
};

static void fault(struct telnet *t, const char *why)
{
    if (t->phase != TELNET_FAULT) {
        t->phase = TELNET_FAULT;
        str_copy(t->why, sizeof(t->why), why);
    }
}

static void say(struct telnet *t, const uint8_t *p, size_t n)
{
    if (n > sizeof(t->reply) - t->reply_len) { /* cannot be: see TELNET_REPLY_MAX */
        fault(t, "more to say than there is room");
        return;
    }
    memcpy(t->reply + t->reply_len, p, n);
    t->reply_len += n;
}

static void say_option(struct telnet *t, uint8_t verb, uint8_t option)
{
    say(t, (const uint8_t[]){IAC, verb, option}, 3);
}

static void say_value(struct telnet *t, uint8_t code, uint8_t value)
{
    say(t, (const uint8_t[]){IAC, SB, COM_PORT, code, value, IAC, SE}, 7);
}

void telnet_start(struct telnet *t)
{
    memset(t, 0, sizeof(*t));
    say_option(t, WILL, COM_PORT);
    say_option(t, WILL, BINARY);
    say_option(t, DO, BINARY);
    say_option(t, WILL, NO_GO_AHEAD);
    say_option(t, DO, NO_GO_AHEAD);
}

/* Once, however often the other side says that it has a port. */
static void ask_for_port(struct telnet *t)
{
    if (t->port_ok) {
        return;
    }
    t->port_ok = true;
    say(t, (const uint8_t[]){IAC, SB, COM_PORT, SET_BAUD, 0, 0, BAUD >> 8, BAUD & 255, IAC, SE},
            10);
    say_value(t, SET_DATA, 8);
    say_value(t, SET_PARITY, PARITY_NONE);
    say_value(t, SET_STOP, STOP_ONE);
    say_value(t, SET_CONTROL, CONTROL_NONE);
    say_value(t, SET_CONTROL, CONTROL_NONE_IN);
    say_value(t, LINE_MASK, 0);
    say_value(t, MODEM_MASK, 0);
    say_value(t, PURGE, PURGE_BOTH);
}

static void see_whether_ready(struct telnet *t)
{
    if (t->phase == TELNET_ASKING && t->binary_in && t->binary_out && t->agreed == HAS_ALL) {
        t->phase = TELNET_READY;
    }
}

/* ---- options ---- */

/* theirs: the other side would do it (WILL), else we should (DO). */
static void refuse(struct telnet *t, bool theirs, uint8_t option)
{
    uint8_t *bits = &t->refused[theirs ? 0 : 1][option / 8];
    uint8_t bit = (uint8_t)(1u << (option % 8));

    if (!(*bits & bit)) {
        *bits |= bit;
        say_option(t, theirs ? DONT : WONT, option);
    }
}

static void on_do(struct telnet *t, uint8_t option)
{
    switch (option) {
    case COM_PORT:
        ask_for_port(t);
        break;
    case BINARY:
        t->binary_out = true;
        break;
    case NO_GO_AHEAD:
        break; /* offered at the start */
    default:
        refuse(t, false, option);
        break;
    }
}

static void on_will(struct telnet *t, uint8_t option)
{
    switch (option) {
    case COM_PORT: /* some say so instead of DO */
        if (!t->port_theirs) {
            t->port_theirs = true;
            say_option(t, DO, COM_PORT);
        }
        ask_for_port(t);
        break;
    case BINARY:
        t->binary_in = true;
        break;
    case NO_GO_AHEAD:
        break; /* asked for at the start */
    default:
        refuse(t, true, option);
        break;
    }
}

static void on_no(struct telnet *t, uint8_t option)
{
    if (option == BINARY) {
        fault(t, "the gateway refuses to pass all bytes (telnet option BINARY)");
    } else if (option == COM_PORT && t->verb == DONT) {
        fault(t, "the gateway has no serial port behind telnet (RFC 2217); try tcp://");
    }
}

static void on_option(struct telnet *t, uint8_t option)
{
    t->heard_telnet = true;
    switch (t->verb) {
    case DO:
        on_do(t, option);
        break;
    case WILL:
        on_will(t, option);
        break;
    default:
        on_no(t, option);
        break;
    }
    see_whether_ready(t);
}

/* ---- answers about the serial port ---- */

static void agree(struct telnet *t, unsigned bit, bool right, const char *otherwise)
{
    if (right) {
        t->agreed |= bit;
    } else {
        fault(t, otherwise);
    }
}

static void on_baud(struct telnet *t, const uint8_t *v)
{
    uint32_t baud = (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];

    if (baud != BAUD) {
        char why[sizeof(t->why)];

        str_format(why, sizeof(why), "the gateway has %lu baud and does not take 9600",
                (unsigned long)baud);
        fault(t, why);
    }
    t->agreed |= HAS_BAUD;
}

static void on_control(struct telnet *t, uint8_t v)
{
    /* 1 to 3 and 14 to 16 are about flow control, what lies between is about breaks and lines. */
    if (v == CONTROL_NONE) {
        t->agreed |= HAS_CONTROL;
    } else if (v == 2 || v == 3 || v == 15 || v == 16) {
        fault(t, "the gateway insists on flow control");
    }
}

static void on_value(struct telnet *t)
{
    const uint8_t *v = t->value + 2;
    size_t n = t->value_len;

    if (n < 2 || t->value[0] != COM_PORT) {
        return;
    }
    switch (t->value[1]) {
    case ANSWER + SUSPEND:
        t->suspended = true;
        return;
    case ANSWER + RESUME:
        t->suspended = false;
        return;
    case ANSWER + SET_BAUD:
        if (n >= 6) {
            on_baud(t, v);
        }
        break;
    case ANSWER + SET_DATA:
        agree(t, HAS_DATA, n >= 3 && v[0] == 8, "the gateway does not take 8 data bits");
        break;
    case ANSWER + SET_PARITY:
        agree(t, HAS_PARITY, n >= 3 && v[0] == PARITY_NONE, "the gateway insists on parity");
        break;
    case ANSWER + SET_STOP:
        agree(t, HAS_STOP, n >= 3 && v[0] == STOP_ONE, "the gateway does not take 1 stop bit");
        break;
    case ANSWER + SET_CONTROL:
        if (n >= 3) {
            on_control(t, v[0]);
        }
        break;
    default:
        break; /* signature, states of line and modem, answers to masks and purge */
    }
    see_whether_ready(t);
}

static void keep_value(struct telnet *t, uint8_t byte)
{
    if (t->value_len < sizeof(t->value)) {
        t->value[t->value_len] = byte;
    }
    if (++t->value_len > TELNET_SB_LIMIT) {
        fault(t, "the gateway sends a telnet option that does not end");
    }
}

/* ---- bytes ---- */

/* Returns true when byte (after an IAC) is a byte 255 of the line. */
static bool on_command(struct telnet *t, uint8_t byte)
{
    t->at = TELNET_AT_DATA;
    if (byte == IAC) {
        return true;
    }
    t->heard_telnet = true;
    if (byte == SB) {
        t->at = TELNET_AT_SB;
        t->value_len = 0;
    } else if (byte >= WILL) {
        t->at = TELNET_AT_OPTION;
        t->verb = byte;
    }
    return false; /* no operation, go ahead, break, are you there: nothing to do */
}

static void on_byte_in_value(struct telnet *t, uint8_t byte)
{
    if (t->at == TELNET_AT_SB) {
        if (byte == IAC) {
            t->at = TELNET_AT_SB_IAC;
        } else {
            keep_value(t, byte);
        }
        return;
    }
    t->at = TELNET_AT_SB;
    if (byte == IAC) {
        keep_value(t, byte);
    } else if (byte == SE) {
        t->at = TELNET_AT_DATA;
        on_value(t);
    } else {
        (void)on_command(t, byte); /* the end was lost */
    }
}

static void remember_text(struct telnet *t, uint8_t byte)
{
    if (byte == ' ' || byte == '\r' || byte == '\n') {
        t->said_blank = t->said_len > 0;
    } else if (byte > ' ' && byte < 127 && t->said_len + 2 < sizeof(t->said)) {
        if (t->said_blank) {
            t->said[t->said_len++] = ' ';
        }
        t->said_blank = false;
        t->said[t->said_len++] = (char)byte;
    }
}

/* Returns true when byte is one of the line and someone waits for it. */
static bool on_byte(struct telnet *t, uint8_t byte)
{
    bool data = false;

    switch (t->at) {
    case TELNET_AT_DATA:
        data = byte != IAC;
        t->at = data ? TELNET_AT_DATA : TELNET_AT_IAC;
        break;
    case TELNET_AT_IAC:
        data = on_command(t, byte);
        break;
    case TELNET_AT_OPTION:
        t->at = TELNET_AT_DATA;
        on_option(t, byte);
        break;
    case TELNET_AT_SB:
    case TELNET_AT_SB_IAC:
        on_byte_in_value(t, byte);
        break;
    }
    if (data && t->phase == TELNET_ASKING) {
        remember_text(t, byte);
    }
    return data && t->phase == TELNET_READY;
}

size_t telnet_feed(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out)
{
    size_t len = 0;

    for (size_t i = 0; i < n && t->phase != TELNET_FAULT; i++) {
        uint8_t byte = in[i];

        if (on_byte(t, byte)) {
            out[len++] = byte;
        }
    }
    return len;
}

size_t telnet_take(struct telnet *t, uint8_t out[static TELNET_REPLY_MAX])
{
    size_t n = t->reply_len;

    memcpy(out, t->reply, n);
    t->reply_len = 0;
    return n;
}

void telnet_deadline(struct telnet *t)
{
    if (t->phase != TELNET_ASKING) {
        return;
    }
    if (t->binary_in && t->binary_out && (t->agreed | HAS_CONTROL) == HAS_ALL) {
        t->phase = TELNET_READY;
    } else if (!t->heard_telnet) {
        fault(t, "the gateway does not speak telnet; if its port is a raw one, use tcp://");
    } else if (!t->port_ok) {
        fault(t, "the gateway does not answer for its serial port (RFC 2217); try tcp://");
    } else if (!t->binary_in || !t->binary_out) {
        fault(t, "the gateway does not say that it passes all bytes (telnet option BINARY)");
    } else {
        fault(t, "the gateway does not confirm 9600 baud, 8 data bits, no parity, 1 stop bit");
    }
}

size_t telnet_escape(const uint8_t *in, size_t n, uint8_t *out)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        out[len++] = in[i];
        if (in[i] == IAC) {
            out[len++] = IAC;
        }
    }
    return len;
}

const char *telnet_said(const struct telnet *t)
{
    return t->said;
}
