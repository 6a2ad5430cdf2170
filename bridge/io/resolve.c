/*
 * resolve - getaddrinfo on a detached thread. The look-up has two owners, the loop and the
 * thread; the last of them frees it, so that one that hangs can be left behind.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/resolve.h"

#include "bridge/base/str.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct resolve {
    uv_async_t uv;
    uv_mutex_t lock;
    resolve_fn *fn; /* NULL once destroyed or called */
    void *user;     /* borrowed */
    char host[256];
    uint16_t port;
    struct resolve_answer answer; /* the thread's until it posts */
    bool closed;                  /* guarded by lock: nobody hears the async handle any more */
    int owners;                   /* guarded by lock */
};

/* Called with the lock held; gives it back. */
static void disown(struct resolve *r)
{
    bool last = --r->owners == 0;

    uv_mutex_unlock(&r->lock);
    if (last) {
        uv_mutex_destroy(&r->lock);
        free(r);
    }
}

static void on_closed(uv_handle_t *h)
{
    struct resolve *r = CONTAINER_OF(h, struct resolve, uv);

    uv_mutex_lock(&r->lock);
    disown(r);
}

static void set_port(struct sockaddr_storage *a, uint16_t port)
{
    if (a->ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
    }
}

socklen_t resolve_len(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* IPv4 before IPv6: a broker or gateway in a house rarely listens on the second alone. */
static void collect(struct resolve *r, const struct addrinfo *list, int family)
{
    struct resolve_answer *a = &r->answer;

    for (const struct addrinfo *i = list; i && a->count < RESOLVE_MAX; i = i->ai_next) {
        if (i->ai_family == family && i->ai_addrlen <= sizeof(a->addr[0])) {
            memset(&a->addr[a->count], 0, sizeof(a->addr[0]));
            memcpy(&a->addr[a->count], i->ai_addr, i->ai_addrlen);
            set_port(&a->addr[a->count], r->port);
            a->count++;
        }
    }
}

/* An address needs no look-up, and the loop asks no resolver, not even for that. */
static bool is_address(struct resolve *r)
{
    struct resolve_answer *a = &r->answer;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, r->host, &v4.sin_addr) == 1) {
        memcpy(&a->addr[0], &v4, sizeof(v4));
    } else if (inet_pton(AF_INET6, r->host, &v6.sin6_addr) == 1) {
        memcpy(&a->addr[0], &v6, sizeof(v6));
    } else {
        return false;
    }
    set_port(&a->addr[0], r->port);
    a->count = 1;
    return true;
}

static void look_up(struct resolve *r)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int e = getaddrinfo(r->host, NULL, &hints, &list);

    if (e == 0) {
        collect(r, list, AF_INET);
        collect(r, list, AF_INET6);
        freeaddrinfo(list);
    }
    if (r->answer.count == 0) {
        str_format(r->answer.why, sizeof(r->answer.why), "the name '%.80s' was not found (%s)",
                r->host, e ? gai_strerror(e) : "no address");
    }
}

static void *thread(void *user)
{
    struct resolve *r = user;

    look_up(r);
    uv_mutex_lock(&r->lock);
    if (!r->closed) {
        uv_async_send(&r->uv);
    }
    disown(r);
    return NULL;
}

static void on_async(uv_async_t *uv)
{
    struct resolve *r = CONTAINER_OF(uv, struct resolve, uv);
    resolve_fn *fn = r->fn;

    r->fn = NULL;
    if (fn) {
        fn(r->user, &r->answer);
    }
}

static int start_thread(struct resolve *r)
{
    pthread_attr_t attr;
    pthread_t id;
    sigset_t all, before;
    int e = pthread_attr_init(&attr);

    if (e != 0) {
        return e;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    e = pthread_create(&id, &attr, thread, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return e;
}

static void start(struct resolve *r)
{
    r->owners = 1;
    if (is_address(r)) {
        uv_async_send(&r->uv);
        return;
    }
    r->owners = 2;
    if (start_thread(r) != 0) {
        r->owners = 1;
        str_copy(r->answer.why, sizeof(r->answer.why), "no thread for a name look-up");
        uv_async_send(&r->uv);
    }
}

struct resolve *resolve_create(uv_loop_t *loop, const char *host, uint16_t port, resolve_fn *fn,
        void *user, struct err *e)
{
    struct resolve *r = calloc(1, sizeof(*r));
    int rc;

    if (!r) {
        err_set(e, ERR_NO_MEMORY, "name look-up: out of memory");
        return NULL;
    }
    if (!str_copy(r->host, sizeof(r->host), host) || host[0] == '\0') {
        err_set(e, ERR_INVALID, "host name '%.80s' is empty or too long", host);
        goto fail;
    }
    r->port = port;
    r->fn = fn;
    r->user = user;
    rc = uv_mutex_init(&r->lock);
    if (rc < 0) {
        err_set(e, ERR_IO, "name look-up: %s", uv_strerror(rc));
        goto fail;
    }
    rc = uv_async_init(loop, &r->uv, on_async);
    if (rc < 0) {
        err_set(e, ERR_IO, "name look-up: %s", uv_strerror(rc));
        uv_mutex_destroy(&r->lock);
        goto fail;
    }
    start(r);
    return r;

fail:
    free(r);
    return NULL;
}

void resolve_destroy(struct resolve *r)
{
    if (r) {
        r->fn = NULL;
        uv_mutex_lock(&r->lock);
        r->closed = true;
        uv_mutex_unlock(&r->lock);
        uv_close((uv_handle_t *)&r->uv, on_closed);
    }
}

void resolve_text(char dst[static RESOLVE_TEXT_ROOM], const struct sockaddr_storage *a)
{
    if (getnameinfo((const struct sockaddr *)(const void *)a, resolve_len(a), dst,
                RESOLVE_TEXT_ROOM, NULL, 0, NI_NUMERICHOST) != 0) {
        str_copy(dst, RESOLVE_TEXT_ROOM, "?");
    }
}

/* No separator of a url, no bracket, blank or control byte. */
static bool host_ok(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)name[i] <= 0x20 || name[i] == 0x7f || strchr("/@?#[]", name[i])) {
            return false;
        }
    }
    return n > 0;
}

enum err_code resolve_split(
        const char *text, char *host, size_t room, uint16_t *port, struct err *e)
{
    const char *end = text + strlen(text);
    const char *name = text, *rest;
    size_t n;
    int64_t number = 0;

    if (text[0] == '[') {
        name++;
        rest = strchr(name, ']');
        n = rest ? (size_t)(rest - name) : 0;
        rest = rest ? rest + 1 : end;
    } else {
        n = strcspn(text, ":");
        rest = text + n;
    }
    if (n >= room || !host_ok(name, n)) {
        return err_set(e, ERR_INVALID, "'%.100s' has no valid host name", text);
    }
    if (rest != end &&
            (rest[0] != ':' || !str_int(rest + 1, (size_t)(end - rest - 1), &number) ||
                    number < 1 || number > 65535 || rest[1] == '+')) {
        return err_set(
                e, ERR_INVALID, "'%.100s': the port is not a number from 1 to 65535", text);
    }
    memcpy(host, name, n);
    host[n] = '\0';
    *port = (uint16_t)number;
    return ERR_OK;
}
