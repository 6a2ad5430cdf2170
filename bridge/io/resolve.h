/*
 * resolve - a host name to addresses, without holding up the loop.
 *
 * Runs getaddrinfo on a thread of its own, not on libuv's pool: a name server that hangs would
 * block the pool's four threads and the end of the process. SPDX-License-Identifier: MIT
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "bridge/base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <uv.h>

enum { RESOLVE_MAX = 8, RESOLVE_TEXT_ROOM = 80 };

struct resolve_answer {
    int count;                                 /* 0: not found, and why says so */
    struct sockaddr_storage addr[RESOLVE_MAX]; /* IPv4 first, with the port filled in */
    char why[160];                             /* one sentence */
};

typedef void resolve_fn(void *user, const struct resolve_answer *a); /* a: during the call */

struct resolve;

/* Calls fn once, never from inside this function. Numeric addresses need no thread. */
struct resolve *resolve_create(uv_loop_t *loop, const char *host, uint16_t port, resolve_fn *fn,
        void *user, struct err *e) MUST_CHECK;

/* Needed after the answer too; before it, it cancels: no callback then. Accepts NULL. */
void resolve_destroy(struct resolve *r);

/* "192.0.2.1" or "2001:db8::1", without the port. */
void resolve_text(char dst[static RESOLVE_TEXT_ROOM], const struct sockaddr_storage *a);

/* The length of a for connect(). */
socklen_t resolve_len(const struct sockaddr_storage *a);

/* Splits "host:1883", "[::1]:1883", "host" (port 0 then). */
enum err_code resolve_split(
        const char *text, char *host, size_t room, uint16_t *port, struct err *e) MUST_CHECK;

#endif
