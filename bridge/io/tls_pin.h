/*
 * tls_pin - a TLS client that takes one certificate, whoever signed it, and no other.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_TLS_PIN_H
#define IO_TLS_PIN_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stdint.h>

enum { TLS_PIN_BYTES = 32 };

struct tls_pin {
    uint8_t want[TLS_PIN_BYTES];
    uint8_t seen[TLS_PIN_BYTES]; /* of the last handshake */
    bool checked;                /* seen is set */
};

/* 64 hex digits, colons between them allowed. */
bool tls_pin_parse(const char *hex, struct tls_pin *p) MUST_CHECK;

/* ssl_ctx is an SSL_CTX with the peer's check switched on; p must outlive its handshakes. */
void tls_pin_install(struct tls_pin *p, void *ssl_ctx);

#endif
