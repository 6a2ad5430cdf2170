/*
 * tls - the client's side of TLS as a filter between a byte stream and its user; no descriptor,
 * no waiting. Errors end in a closed connection: the caller has no more to say than "lost".
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_context; /* CAs, our certificate; made on a worker, since it reads files */

struct tls_files {          /* PEM, borrowed */
    const char *ca;         /* NULL: the system's CAs */
    const char *cert, *key; /* ours, for a peer that wants one; NULL: none */
};

/* insecure: the peer is not checked. NULL on failure. */
struct tls_context *tls_context_create(const struct tls_files *f, bool insecure) MUST_CHECK;
void tls_context_destroy(struct tls_context *c); /* accepts NULL */
/* At the end of a thread that used TLS: what the library keeps for it goes now. The end of the thread
 * itself would do that too, and the process may not see it. */
void tls_thread_over(void);

struct tls_ops {
    /* Whole or not at all, as port_write; what false means is told by the stream itself. */
    bool (*send)(void *user, const uint8_t *p, size_t n);
    void (*ready)(void *user); /* the handshake is over; once */
    void (*bytes)(void *user, const uint8_t *p, size_t n);
};

struct tls;

/* host: a name or an address that the certificate must have. ops and user are borrowed. */
struct tls *tls_create(struct tls_context *c, const char *host, const struct tls_ops *ops,
        void *user) MUST_CHECK;
void tls_destroy(struct tls *t); /* accepts NULL; in a callback too */

/* Sends the first bytes of the handshake. */
bool tls_begin(struct tls *t) MUST_CHECK;
/* What came from the wire. false: the connection is worth nothing any more, or tls_destroy was
 * called in a callback. */
bool tls_feed(struct tls *t, const uint8_t *p, size_t n) MUST_CHECK;
bool tls_send(struct tls *t, const uint8_t *p, size_t n) MUST_CHECK;

#endif
