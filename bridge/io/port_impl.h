/*
 * port_impl - what the files of port share; nobody else includes it.
 *
 * One state, one timer, at most one link (a descriptor on the loop). port_fail is the only way
 * down, port_link the only way up. SPDX-License-Identifier: MIT
 */
#ifndef IO_PORT_IMPL_H
#define IO_PORT_IMPL_H

#include "bridge/io/port.h"
#include "bridge/io/resolve.h"
#include "bridge/io/telnet.h"

enum { PORT_TCP_CONNECT_MS = 3000, PORT_PATH_MAX = 512 };

enum port_talk { PORT_RAW, PORT_TELNET };

/* What a spec says; port_spec.c. */
struct port_spec {
    enum port_kind kind;
    enum port_talk talk;
    char host[256]; /* PORT_TCP, PORT_LISTEN */
    uint16_t number;
};

bool port_spec_parse(const char *spec, struct port_spec *out, struct err *e) MUST_CHECK;

enum port_state {
    PORT_TRY,      /* the timer starts a try */
    PORT_WORKING,  /* a try is under way; the timer is its deadline */
    PORT_AGREEING, /* connected, RFC 2217 is not settled yet; the timer is its deadline */
    PORT_UP,
    PORT_FAILED, /* the timer tells down(), then waits for the next try */
    PORT_DEAD,   /* a descriptor that came from outside and is gone */
};

struct port_link;
struct port_listener; /* port_listen.c */

struct port {
    uv_timer_t timer;
    uv_loop_t *loop;
    const struct port_ops *ops; /* borrowed */
    void *user;                 /* borrowed */
    struct port_spec spec;
    struct port_config how;
    enum port_state state;
    struct port_link *link; /* owned; NULL: none */
    char path[PORT_PATH_MAX];
    int fd; /* PORT_FD before the first turn; -1 */
    bool destroyed, told;
    uint64_t wait_ms;         /* the next pause; 0: the shortest */
    int64_t up_ms, outage_ms; /* loop_now_ms */
    char why[240];
    struct telnet telnet;
    int64_t suspended_ms; /* since when we may not write; 0: we may */

    /* TCP */
    struct port_listener *listener; /* owned */
    int64_t heard_ms;               /* the caller's last byte, or its call */
    struct resolve *resolve;        /* owned */
    struct resolve_answer addrs;
    int next; /* the address to try */
};

/* Each starts one try; it ends in port_connected or port_fail. */
void port_serial_try(struct port *p);
void port_tcp_try(struct port *p);
void port_tcp_deadline(struct port *p);
void port_tcp_cancel(struct port *p);
void port_tcp_tune(int fd);

/* Once it listens it goes on through all outages of its callers, until port_listen_end. */
void port_listen_try(struct port *p);
void port_listen_deadline(struct port *p);
void port_listen_end(struct port *p);

/* Takes fd: non-blocking from here on. on_writable is called once it is connected; NULL: it is.
 * False: fd is closed and port_fail was called. */
bool port_link(struct port *p, int fd, void (*on_writable)(struct port *p, int fd));
void port_unlink(struct port *p);

/* The link is connected: agrees on how to talk, then tells up(). May destroy p. */
void port_connected(struct port *p);
void port_link_read(struct port *p); /* from here on bytes are read */
void port_read_now(struct port *p);  /* what is there already; may destroy p, or fail it */
void port_link_up(struct port *p);

/* Bytes of the link; decodes in place, and may destroy p. */
void port_received(struct port *p, uint8_t *data, size_t n);
void port_agree_deadline(struct port *p);

/* As port_write, but bytes as they are, and also while agreeing. */
bool port_send(struct port *p, const uint8_t *data, size_t n) MUST_CHECK;

void port_fail(struct port *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void port_timer(struct port *p, uint64_t ms);

#endif
