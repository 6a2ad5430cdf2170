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

enum { PORT_TCP_CONNECT_MS = 3000, PORT_PATH_MAX = 512 };

enum port_state {
    PORT_TRY,     /* the timer starts a try */
    PORT_WORKING, /* a try is under way (TCP); the timer is its deadline */
    PORT_UP,
    PORT_FAILED, /* the timer tells down(), then waits for the next try */
    PORT_DEAD,   /* a descriptor that came from outside and is gone */
};

struct port_link;

struct port {
    uv_timer_t timer;
    uv_loop_t *loop;
    const struct port_ops *ops; /* borrowed */
    void *user;                 /* borrowed */
    enum port_kind kind;
    enum port_state state;
    struct port_link *link; /* owned; NULL: none */
    char path[PORT_PATH_MAX];
    int fd; /* PORT_FD before the first turn; -1 */
    bool destroyed, told;
    uint64_t wait_ms;         /* the next pause; 0: the shortest */
    int64_t up_ms, outage_ms; /* loop_now_ms */
    char why[240];

    /* TCP */
    char host[256];
    uint16_t number;
    struct resolve *resolve; /* owned */
    struct resolve_answer addrs;
    int next; /* the address to try */
};

/* Each starts one try; it ends in port_link or port_fail. */
void port_serial_try(struct port *p);
void port_tcp_try(struct port *p);
void port_tcp_deadline(struct port *p);
void port_tcp_cancel(struct port *p);

/* Takes fd: non-blocking from here on. port_link_up says that it is ready for bytes; otherwise
 * on_writable is called once it is connected. False: fd is closed and port_fail was called. */
bool port_link(struct port *p, int fd, void (*on_writable)(struct port *p, int fd));
void port_link_up(struct port *p);
void port_unlink(struct port *p);

void port_fail(struct port *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
void port_timer(struct port *p, uint64_t ms);

#endif
