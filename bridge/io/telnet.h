/*
 * telnet - the client's half of a serial port behind telnet (RFC 854, 856, 858 and 2217).
 *
 * Pure: bytes in, bytes out, no clock and no socket. The client asks for a port that is binary both
 * ways, at 9600 baud, 8 data bits, no parity, 1 stop bit, without flow control, and that forgets
 * what it had stored; it is ready when the other side said yes to each of these. Hostile input:
 * nothing is allocated, every table is fixed, each option is refused at most once (so that two ends
 * can not answer each other for ever), and what can not be meant ends in TELNET_FAULT.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_TELNET_H
#define IO_TELNET_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TELNET_REPLY_MAX: all that is ever said, so that it makes no difference in how many pieces the
 * other side's words come: 5 options, the questions (10 + 8 * 7 bytes), one agreement, and a refusal
 * of each option but our 3 in each direction. */
enum {
    TELNET_REPLY_MAX = 5 * 3 + 10 + 8 * 7 + 3 + 2 * (256 - 3) * 3,
    TELNET_VALUE_MAX = 8,
    TELNET_SB_LIMIT = 512,
};

enum telnet_phase {
    TELNET_ASKING, /* what comes in is a banner, or old: it is not given out */
    TELNET_READY,
    TELNET_FAULT, /* for good; why says it */
};

enum telnet_at {
    TELNET_AT_DATA,
    TELNET_AT_IAC,
    TELNET_AT_OPTION,
    TELNET_AT_SB,
    TELNET_AT_SB_IAC
};

/* The struct is visible so that it can be embedded; only phase, suspended and why are for others
 * to read. */
struct telnet {
    enum telnet_phase phase;
    bool suspended; /* the other side asked us to send nothing for now */
    char why[160];

    enum telnet_at at;
    uint8_t verb;                        /* of the option that comes next */
    uint8_t value[2 + TELNET_VALUE_MAX]; /* start of a sub-negotiation */
    size_t value_len;                    /* counts on beyond what is kept */
    bool port_ok, port_theirs, binary_in, binary_out;
    bool heard_telnet;      /* any command at all */
    unsigned agreed;        /* one bit for each parameter */
    uint8_t refused[2][32]; /* one bit for each option: theirs, ours */
    char said[80];          /* text that came before we were ready */
    size_t said_len;
    bool said_blank; /* before the next character */
    uint8_t reply[TELNET_REPLY_MAX];
    size_t reply_len;
};

/* Begins anew; the first questions wait in telnet_take. */
void telnet_start(struct telnet *t);

/* Takes n bytes of the other side; out has room for n. Returns how many bytes of the serial line
 * are in out: none before TELNET_READY. What it has to answer waits in telnet_take. in and out may
 * be the same. */
size_t telnet_feed(struct telnet *t, const uint8_t *in, size_t n, uint8_t *out) MUST_CHECK;

/* What must be sent now: copies it to out and forgets it. */
size_t telnet_take(struct telnet *t, uint8_t out[static TELNET_REPLY_MAX]) MUST_CHECK;

/* The time for answers is over: TELNET_READY where only those about flow control are missing (some
 * gateways do not know that question), else TELNET_FAULT and what is missing. */
void telnet_deadline(struct telnet *t);

/* n bytes for the serial line as they go over telnet; out has room for 2 * n. */
size_t telnet_escape(const uint8_t *in, size_t n, uint8_t *out) MUST_CHECK;

/* The text that came before the port was ready ("Port already in use"), printable ASCII; "" when
 * there was none. */
const char *telnet_said(const struct telnet *t);

#endif
