/*
 * buf - a byte buffer that grows up to a cap fixed at birth. Always NUL-terminated.
 *
 * The first failure sticks: write on, check buf_ok() once at the end. A zeroed struct is an
 * empty buffer of cap 0. SPDX-License-Identifier: MIT
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stddef.h>

/* All caps of the program, in bytes, in one place. */
enum {
    BUF_CAP_LOG_LINE = 1024,
    BUF_CAP_DOCUMENT = 64 * 1024,   /* one MQTT payload, in or out */
    BUF_CAP_DISCOVERY = 256 * 1024, /* one device document */
    BUF_CAP_SETTINGS = 1024 * 1024, /* the settings file */
    BUF_CAP_HTTP = 1024 * 1024,     /* one answer */
};

struct buf {
    char *data; /* owned; NULL while empty */
    size_t len, room, cap;
    bool failed;
};

void buf_init(struct buf *b, size_t cap); /* cap in bytes, the NUL not counted */
void buf_finish(struct buf *b);           /* accepts a zeroed struct */
void buf_reset(struct buf *b);            /* empty again; keeps memory and cap, clears failed */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* True while nothing failed. */
bool buf_ok(const struct buf *b) MUST_CHECK;

/* The text so far; "" while empty. Borrowed, valid until the next change. */
const char *buf_text(const struct buf *b);

/* Hands data to the caller, who frees it; NULL if anything failed. b is empty afterwards. */
char *buf_take(struct buf *b) MUST_CHECK;

#endif
