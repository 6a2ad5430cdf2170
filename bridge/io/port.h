/*
 * port - a byte stream to a bus that heals by itself: serial device, gateway, descriptor.
 *
 * How it connects and how it talks are two things. It opens a device, calls a gateway or waits for
 * one that calls; over that the bytes go as they are, or as RFC 2217 has them (telnet.h).
 * A port never fails for good: a missing device, a refused connection or an unplugged adapter is
 * told once by down() and tried again with a back-off of 100 ms to 500 ms, after ten minutes 2 s
 * (serial: the path is resolved anew each time, so by-id links follow the adapter). A descriptor
 * that came from outside (port_create_fd) cannot heal: it stays down. Opening a serial path is ours:
 * realpath, O_NONBLOCK|O_CLOEXEC|O_NOCTTY, flock and TIOCEXCL, raw 9600 8N1; a pty takes the same
 * path. What is no bus has other speeds and more patience (port_create_for).
 * No callback runs from inside a function of this header. SPDX-License-Identifier: MIT
 */
#ifndef IO_PORT_H
#define IO_PORT_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

struct port;

struct port_ops {
    void (*up)(void *user);
    void (*bytes)(void *user, const uint8_t *p, size_t n); /* p is valid during the call */
    /* Once per outage, and once at start when the first try fails; why is one sentence. */
    void (*down)(void *user, const char *why);
};

enum port_kind { PORT_SERIAL, PORT_TCP, PORT_LISTEN, PORT_FD };

/* The most that port_write takes at once on a port that talks RFC 2217. */
enum { PORT_WRITE_MAX = 512 };

/* spec, one of
 *   an absolute path          a serial device or a pty
 *   tcp://HOST:PORT           calls a gateway; bytes as they are
 *   rfc2217://HOST:PORT       calls a gateway; sets its serial port to 9600 8N1 first
 *   tcp-listen://HOST:PORT    a gateway calls us; without HOST only this machine can. One caller at
 *                             a time: a second one is closed and logged, unless the first has said
 *                             nothing for 30 s
 * ops and user are borrowed. NULL only for a spec that cannot be understood or no memory; the first
 * connection is tried on the next turn of the loop. */
struct port *port_create(uv_loop_t *loop, const char *spec, const struct port_ops *ops,
        void *user, struct err *e) MUST_CHECK;

enum port_format { PORT_8N1, PORT_7E1, PORT_8E1, PORT_8O1, PORT_8N2 };

/* How a device is opened and how patient a port is. A byte that breaks its parity reads as 0. */
struct port_config {
    int32_t baud; /* port_baud_ok */
    enum port_format format;
    bool rts;                         /* raises RTS and DTR: some devices talk only then */
    bool keeps;                       /* what came before it was opened is read as well */
    int32_t wait_min_ms, wait_max_ms; /* the back-off; doubled from one to the other */
};

/* Speeds that serial devices have: 300 to 921600. */
bool port_baud_ok(int32_t baud);

/* The same for what is no bus; how is copied. A pty has no format: it takes any. */
struct port *port_create_for(uv_loop_t *loop, const char *spec, const struct port_config *how,
        const struct port_ops *ops, void *user, struct err *e) MUST_CHECK;

/* Takes fd (a socket or pty; closed on failure too); up() comes on the next turn. */
struct port *port_create_fd(uv_loop_t *loop, int fd, const struct port_ops *ops, void *user,
        struct err *e) MUST_CHECK;

enum port_kind port_kind(const struct port *p);

/* Whole or not at all: false while down, while the gateway asks us to wait, or when the kernel takes
 * less than n bytes at once (the connection is then dropped and healed, since half a frame is worse
 * than none). */
bool port_write(struct port *p, const uint8_t *data, size_t n) MUST_CHECK;

void port_destroy(struct port *p); /* accepts NULL */

/* True for the forms that port_create understands; e says what is wrong otherwise. */
bool port_spec_ok(const char *spec, struct err *e);

/* Names of serial devices with their metadata, one sentence, for "did you mean"
 * (libserialport); "" when there are none. */
void port_list(char *dst, size_t room);

#endif
