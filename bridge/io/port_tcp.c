/*
 * port_tcp - calls a gateway: name, address after address, connected.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/port_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE_S = 5, INTERVAL_S = 2, PROBES = 3, UNACKED_MS = 8000 };

static void set_int(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value)); /* an old kernel: go on without */
}

/* Frames are small and late ones are worthless; one that vanished is noticed in 8-11 s. */
void port_tcp_tune(int fd)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, INTERVAL_S);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS);
}

/* A client that retries on the loopback may be given the very port it calls. */
static bool talks_to_itself(int fd)
{
    struct sockaddr_storage a = {0}, b = {0};
    socklen_t an = sizeof(a), bn = sizeof(b);

    return getsockname(fd, (struct sockaddr *)(void *)&a, &an) == 0 &&
           getpeername(fd, (struct sockaddr *)(void *)&b, &bn) == 0 && an == bn &&
           memcmp(&a, &b, an) == 0;
}

typedef void writable_fn(struct port *p, int fd);

/* The next address, or the end of this try. */
static void connect_next(struct port *p, int error, writable_fn *fn)
{
    while (p->next < p->addrs.count) {
        const struct sockaddr_storage *a = &p->addrs.addr[p->next++];
        int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0) {
            error = errno;
            continue;
        }
        port_tcp_tune(fd);
        if (connect(fd, (const struct sockaddr *)(const void *)a, resolve_len(a)) < 0 &&
                errno != EINPROGRESS) {
            error = errno;
            close(fd);
            continue;
        }
        if (port_link(p, fd, fn)) {
            port_timer(p, PORT_TCP_CONNECT_MS);
        }
        return;
    }
    port_fail(p, "cannot connect to %s: %s", p->path, strerror(error ? error : ETIMEDOUT));
}

static void on_connected(struct port *p, int fd)
{
    int error = 0;
    socklen_t n = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0) {
        error = errno;
    }
    if (error == 0 && talks_to_itself(fd)) {
        error = ECONNREFUSED;
    }
    if (error == 0) {
        port_connected(p);
        return;
    }
    port_unlink(p);
    connect_next(p, error, on_connected);
}

static void on_resolved(void *user, const struct resolve_answer *a)
{
    struct port *p = user;

    resolve_destroy(p->resolve);
    p->resolve = NULL;
    if (a->count == 0) {
        port_fail(p, "cannot connect to %s: %s", p->path, a->why);
        return;
    }
    p->addrs = *a;
    p->next = 0;
    connect_next(p, 0, on_connected);
}

void port_tcp_try(struct port *p)
{
    struct err e = {.code = ERR_OK};

    p->resolve = resolve_create(p->loop, p->spec.host, p->spec.number, on_resolved, p, &e);
    if (!p->resolve) {
        port_fail(p, "%s", e.text);
    }
}

/* The look-up has no deadline: it ends by itself, and a second one would help nobody. */
void port_tcp_deadline(struct port *p)
{
    port_unlink(p);
    connect_next(p, ETIMEDOUT, on_connected);
}

void port_tcp_cancel(struct port *p)
{
    resolve_destroy(p->resolve);
    p->resolve = NULL;
}
