/*
 * port_listen - a gateway calls us: one caller at a time.
 *
 * The listener lives from the first success on, through all outages, so a gateway that lost us is
 * back with its next call. A second caller is closed without a byte (it would go to its bus). But
 * who says nothing gives its place to the next: a port scanner, or a gateway that lost its power,
 * must not keep the right one out. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/port_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACKLOG = 4,
    FIRST_CALL_MS = 3000,
    QUIET_MS = 30000,     /* chargers that nobody calls speak every 10 s */
    LOG_EVERY_MS = 60000, /* refused callers */
    PAUSE_MS = 1000,      /* after a call that could not be taken */
};

struct port_listener {
    uv_poll_t uv;
    struct port *p;         /* NULL once ended */
    struct oneshot *resume; /* owned */
    int fd;
    int64_t logged_ms; /* 0: never */
    unsigned refused;  /* since then */
};

static void on_closed(uv_handle_t *h)
{
    free(CONTAINER_OF(h, struct port_listener, uv));
}

void port_listen_end(struct port *p)
{
    struct port_listener *l = p->listener;

    if (l) {
        p->listener = NULL;
        l->p = NULL;
        oneshot_destroy(l->resume);
        uv_poll_stop(&l->uv);
        close(l->fd);
        uv_close((uv_handle_t *)&l->uv, on_closed);
    }
}

static void log_refused(struct port_listener *l, const char *who)
{
    int64_t now_ms = loop_now_ms();

    l->refused++;
    if (l->logged_ms == 0 || now_ms - l->logged_ms >= LOG_EVERY_MS) {
        log_warning("port", "%s: refused a second caller, %s (%u since the last such line)",
                l->p->path, who, l->refused);
        l->logged_ms = now_ms;
        l->refused = 0;
    }
}

static void on_call(uv_poll_t *uv, int status, int events);

static void on_resume(void *user)
{
    struct port_listener *l = user;

    uv_poll_start(&l->uv, UV_READABLE, on_call);
}

/* No descriptor left, for example: the call stays in the queue, the loop must not spin. */
static void pause_calls(struct port_listener *l, int error)
{
    log_warning("port", "%s: cannot take a call: %s", l->p->path, strerror(error));
    uv_poll_stop(&l->uv);
    oneshot_start(l->resume, PAUSE_MS);
}

static void take(struct port *p, int fd, const char *who)
{
    log_info("port", "%s: %s called", p->path, who);
    port_tcp_tune(fd);
    uv_timer_stop(&p->timer);
    p->state = PORT_WORKING;
    if (port_link(p, fd, NULL)) {
        port_connected(p);
    }
}

static void on_call(uv_poll_t *uv, int status, int events)
{
    struct port_listener *l = CONTAINER_OF(uv, struct port_listener, uv);
    struct port *p = l->p;
    struct sockaddr_storage from = {0};
    socklen_t len = sizeof(from);
    char who[RESOLVE_TEXT_ROOM];
    int fd;

    (void)status;
    (void)events;
    if (p) {
        port_read_now(p); /* the caller before may have hung up already */
        p = l->p;
    }
    if (!p || p->state == PORT_FAILED) {
        return; /* down() is told first; the call waits in the queue */
    }
    if (p->link && loop_now_ms() - p->heard_ms > QUIET_MS) {
        port_fail(p, "%s: the caller said nothing for %d s, and another one calls", p->path,
                QUIET_MS / 1000);
        return; /* the call waits in the queue */
    }
    fd = accept4(l->fd, (struct sockaddr *)(void *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_calls(l, errno);
        }
        return; /* else the caller has gone */
    }
    resolve_text(who, &from);
    if (p->link) {
        close(fd);
        log_refused(l, who);
    } else {
        take(p, fd, who);
    }
}

/* Returns the descriptor, or -1 and errno. */
static int open_listener(const struct sockaddr_storage *a)
{
    int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1, error;

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)(const void *)a, resolve_len(a)) == 0 &&
            listen(fd, BACKLOG) == 0) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Takes fd. Returns 0 or an error of libuv. */
static int start(struct port *p, int fd)
{
    struct port_listener *l = calloc(1, sizeof(*l));
    struct err e = {.code = ERR_OK};
    int r = l ? uv_poll_init(p->loop, &l->uv, fd) : UV_ENOMEM;

    if (r < 0) {
        free(l);
        close(fd);
        return r;
    }
    l->p = p;
    l->fd = fd;
    p->listener = l;
    l->resume = oneshot_create(p->loop, on_resume, l, &e);
    r = l->resume ? uv_poll_start(&l->uv, UV_READABLE, on_call) : UV_ENOMEM;
    if (r < 0) {
        port_listen_end(p);
    }
    return r;
}

static void wait_for_call(struct port *p)
{
    if (!p->told) {
        port_timer(p, FIRST_CALL_MS);
    }
}

static void on_resolved(void *user, const struct resolve_answer *a)
{
    struct port *p = user;
    int fd = -1, error = EADDRNOTAVAIL, r;

    resolve_destroy(p->resolve);
    p->resolve = NULL;
    if (a->count == 0) {
        port_fail(p, "cannot listen on %s: %s", p->path, a->why);
        return;
    }
    for (int i = 0; i < a->count && fd < 0; i++) {
        fd = open_listener(&a->addr[i]);
        error = errno;
    }
    if (fd < 0) {
        port_fail(p, "cannot listen on %s: %s", p->path, strerror(error));
        return;
    }
    r = start(p, fd);
    if (r < 0) {
        port_fail(p, "cannot listen on %s: %s", p->path, uv_strerror(r));
        return;
    }
    wait_for_call(p);
}

void port_listen_try(struct port *p)
{
    struct err e = {.code = ERR_OK};

    if (p->listener) {
        wait_for_call(p);
        return;
    }
    p->resolve = resolve_create(p->loop, p->spec.host, p->spec.number, on_resolved, p, &e);
    if (!p->resolve) {
        port_fail(p, "%s", e.text);
    }
}

void port_listen_deadline(struct port *p)
{
    port_fail(p, "%s: no gateway has called yet", p->path);
}
