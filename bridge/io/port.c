/*
 * port - state, timer, reading and writing. How each kind opens is in port_serial.c, port_tcp.c and
 * port_listen.c; how it talks is in port_talk.c. SPDX-License-Identifier: MIT
 */
#include "bridge/io/port.h"

#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/port_impl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Of a bus. */
static const struct port_config bus = {
        .baud = 9600, .format = PORT_8N1, .wait_min_ms = 100, .wait_max_ms = 500};

enum {
    WAIT_LONG_MS = 2000, /* when the outage is older than */
    LONG_OUTAGE_MS = 10 * 60 * 1000,
    STABLE_MS = 1000, /* a shorter connection does not reset the back-off */
    READS_PER_TURN = 16,
};

/* A poll handle lives until its close callback, longer than the link and maybe the port. */
struct port_link {
    uv_poll_t uv;
    struct port *p; /* NULL once unlinked */
    void (*on_writable)(struct port *p, int fd);
    int fd;
    bool is_socket;
};

static void on_link_closed(uv_handle_t *h)
{
    free(CONTAINER_OF(h, struct port_link, uv));
}

void port_unlink(struct port *p)
{
    struct port_link *l = p->link;

    if (l) {
        p->link = NULL;
        l->p = NULL;
        uv_poll_stop(&l->uv);
        if (p->state == PORT_FAILED && !l->is_socket) {
            tcflush(l->fd, TCIOFLUSH); /* close() would wait for bytes that can not leave */
        }
        close(l->fd);
        uv_close((uv_handle_t *)&l->uv, on_link_closed);
    }
}

void port_fail(struct port *p, const char *fmt, ...)
{
    va_list args;

    if (p->state == PORT_FAILED || p->destroyed) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(p->why, sizeof(p->why), fmt, args);
    va_end(args);

    if (p->state == PORT_UP) {
        p->outage_ms = loop_now_ms();
        if (p->outage_ms - p->up_ms >= STABLE_MS) {
            p->wait_ms = 0;
        }
    }
    p->state = PORT_FAILED;
    port_unlink(p);
    port_tcp_cancel(p);
    port_timer(p, 0);
}

/* A gateway that is in use says so and closes; our own words may be in the way of reading it. */
static const char *last_words(struct port *p)
{
    uint8_t data[512];
    ssize_t n;

    if (p->state != PORT_AGREEING) {
        return "";
    }
    n = p->link ? read(p->link->fd, data, sizeof(data)) : 0;
    if (n > 0) {
        (void)!telnet_feed(&p->telnet, data, (size_t)n, data);
    }
    return telnet_said(&p->telnet);
}

static void lost(struct port *p, const char *why)
{
    const char *said = last_words(p);

    if (p->spec.kind == PORT_SERIAL) {
        why = "the device is gone";
    }
    port_fail(p, "connection to %s lost: %s%s%s%s", p->path, why,
            said[0] != '\0' ? "; it said '" : "", said, said[0] != '\0' ? "'" : "");
}

/* Up to whole: until nothing is left; else until a read gives less than it could, which leaves a
 * second, empty read for each frame undone. Returns false when the link is gone (or the port: a
 * callback may destroy it). */
static bool read_some(struct port_link *l, bool whole)
{
    uint8_t data[4096];

    for (int i = 0; i < READS_PER_TURN && l->p; i++) {
        ssize_t n = read(l->fd, data, sizeof(data));

        if (n > 0) {
            port_received(l->p, data, (size_t)n);
            if (!whole && (size_t)n < sizeof(data)) {
                break;
            }
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        } else {
            lost(l->p, n == 0 ? "the other side closed it" : strerror(errno));
            return false;
        }
    }
    return l->p != NULL;
}

void port_read_now(struct port *p)
{
    if (p->link && !p->link->on_writable) {
        (void)read_some(p->link, true);
    }
}

static void on_ready(uv_poll_t *uv, int status, int events)
{
    struct port_link *l = CONTAINER_OF(uv, struct port_link, uv);

    if (!l->p) {
        return;
    }
    if (l->on_writable) {
        l->on_writable(l->p, l->fd);
        return;
    }
    /* A hang-up comes as UV_EBADF or as something to read; what came before it is read first. */
    bool hung_up = status < 0 || (events & UV_DISCONNECT);

    if (read_some(l, hung_up) && hung_up && l->p) {
        lost(l->p, "the other side closed it");
    }
}

bool port_link(struct port *p, int fd, void (*on_writable)(struct port *p, int fd))
{
    struct port_link *l = calloc(1, sizeof(*l));
    struct stat st;
    int r = l ? uv_poll_init(p->loop, &l->uv, fd) : UV_ENOMEM;

    if (r < 0) {
        free(l);
        close(fd);
        port_fail(p, "%s: %s", p->path, uv_strerror(r));
        return false;
    }
    l->p = p;
    l->fd = fd;
    l->on_writable = on_writable;
    l->is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
    p->link = l;
    r = uv_poll_start(
            &l->uv, on_writable ? UV_WRITABLE : UV_READABLE | UV_DISCONNECT, on_ready);
    if (r < 0) {
        port_fail(p, "%s: %s", p->path, uv_strerror(r));
        return false;
    }
    return true;
}

void port_link_read(struct port *p)
{
    struct port_link *l = p->link;

    if (l->on_writable) {
        l->on_writable = NULL;
        uv_poll_start(&l->uv, UV_READABLE | UV_DISCONNECT, on_ready);
    }
}

void port_link_up(struct port *p)
{
    uv_timer_stop(&p->timer);
    p->state = PORT_UP;
    p->told = false;
    p->up_ms = loop_now_ms();
    p->ops->up(p->user);
}

static void try_fd(struct port *p)
{
    int fd = p->fd;

    p->fd = -1;
    if (port_link(p, fd, NULL)) {
        port_connected(p);
    }
}

static void try_now(struct port *p)
{
    p->state = PORT_WORKING;
    switch (p->spec.kind) {
    case PORT_SERIAL:
        port_serial_try(p);
        break;
    case PORT_TCP:
        port_tcp_try(p);
        break;
    case PORT_LISTEN:
        port_listen_try(p);
        break;
    case PORT_FD:
        try_fd(p);
        break;
    }
}

static uint64_t next_wait(struct port *p)
{
    bool old = loop_now_ms() - p->outage_ms >= LONG_OUTAGE_MS;
    uint64_t most = (uint64_t)p->how.wait_max_ms;
    uint64_t max = old && most < WAIT_LONG_MS ? WAIT_LONG_MS : most;
    uint64_t wait = p->wait_ms ? p->wait_ms : (uint64_t)p->how.wait_min_ms;

    p->wait_ms = wait * 2 < max ? wait * 2 : max;
    return wait < max ? wait : max;
}

static void tell_down(struct port *p)
{
    if (p->spec.kind == PORT_FD) {
        p->state = PORT_DEAD;
    } else {
        p->state = PORT_TRY;
        port_timer(p, next_wait(p));
    }
    if (!p->told) {
        p->told = true;
        p->ops->down(p->user, p->why); /* may destroy p; its memory stays until the close */
    }
}

static void on_timer(uv_timer_t *t)
{
    struct port *p = CONTAINER_OF(t, struct port, timer);

    if (p->destroyed) {
        return;
    }
    switch (p->state) {
    case PORT_TRY:
        try_now(p);
        break;
    case PORT_WORKING:
        if (p->spec.kind == PORT_LISTEN) {
            port_listen_deadline(p);
        } else {
            port_tcp_deadline(p);
        }
        break;
    case PORT_AGREEING:
        port_agree_deadline(p);
        break;
    case PORT_FAILED:
        tell_down(p);
        break;
    case PORT_UP:
    case PORT_DEAD:
        break;
    }
}

void port_timer(struct port *p, uint64_t ms)
{
    uv_update_time(p->loop);
    uv_timer_start(&p->timer, on_timer, ms, 0);
}

static struct port *create(
        uv_loop_t *loop, const struct port_ops *ops, void *user, struct err *e)
{
    struct port *p = calloc(1, sizeof(*p));

    if (!p) {
        err_set(e, ERR_NO_MEMORY, "port: out of memory");
        return NULL;
    }
    p->loop = loop;
    p->ops = ops;
    p->user = user;
    p->fd = -1;
    p->state = PORT_TRY;
    p->outage_ms = loop_now_ms();
    uv_timer_init(loop, &p->timer); /* cannot fail */
    return p;
}

struct port *port_create_for(uv_loop_t *loop, const char *spec, const struct port_config *how,
        const struct port_ops *ops, void *user, struct err *e)
{
    struct port_spec parsed;
    struct port *p;

    if (!port_spec_parse(spec, &parsed, e)) {
        return NULL;
    }
    if (!port_baud_ok(how->baud)) {
        err_set(e, ERR_INVALID, "port '%.100s': %d is not a speed that serial devices have",
                spec, how->baud);
        return NULL;
    }
    p = create(loop, ops, user, e);
    if (!p) {
        return NULL;
    }
    str_copy(p->path, sizeof(p->path), spec);
    p->spec = parsed;
    p->how = *how;
    port_timer(p, 0);
    return p;
}

struct port *port_create(uv_loop_t *loop, const char *spec, const struct port_ops *ops,
        void *user, struct err *e)
{
    return port_create_for(loop, spec, &bus, ops, user, e);
}

struct port *port_create_fd(
        uv_loop_t *loop, int fd, const struct port_ops *ops, void *user, struct err *e)
{
    struct port *p = create(loop, ops, user, e);

    if (!p) {
        close(fd);
        return NULL;
    }
    p->spec.kind = PORT_FD;
    p->fd = fd;
    str_copy(p->path, sizeof(p->path), "the descriptor");
    port_timer(p, 0);
    return p;
}

enum port_kind port_kind(const struct port *p)
{
    return p->spec.kind;
}

bool port_send(struct port *p, const uint8_t *data, size_t n)
{
    ssize_t r;

    if (!p->link || p->destroyed) {
        return false;
    }
    do {
        r = p->link->is_socket ? send(p->link->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : write(p->link->fd, data, n);
    } while (r < 0 && errno == EINTR);
    if (r >= 0 && (size_t)r == n) {
        return true;
    }
    if (r < 0 && errno != EAGAIN) {
        lost(p, strerror(errno));
    } else {
        port_fail(p, "connection to %s dropped: it takes no more bytes", p->path);
    }
    return false;
}

static void on_closed(uv_handle_t *h)
{
    free(CONTAINER_OF(h, struct port, timer));
}

void port_destroy(struct port *p)
{
    if (p && !p->destroyed) {
        p->destroyed = true;
        port_unlink(p);
        port_tcp_cancel(p);
        port_listen_end(p);
        if (p->fd >= 0) {
            close(p->fd);
        }
        uv_close((uv_handle_t *)&p->timer, on_closed);
    }
}
