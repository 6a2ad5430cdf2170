/*
 * buf - a byte buffer that grows up to a cap fixed at birth. SPDX-License-Identifier: MIT
 */
#include "bridge/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){.cap = cap};
}

void buf_finish(struct buf *b)
{
    free(b->data);
    *b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data) {
        b->data[0] = '\0';
    }
}

/* Makes room for n more bytes and a NUL. */
static bool grow(struct buf *b, size_t n)
{
    size_t room = b->room ? b->room : FIRST_ROOM;
    char *data;

    if (b->failed || n > b->cap - b->len) {
        b->failed = true;
        return false;
    }
    while (room < b->len + n + 1) {
        room *= 2;
    }
    if (room == b->room) {
        return true;
    }
    data = realloc(b->data, room);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->room = room;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0 || !grow(b, n)) {
        return;
    }
    memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if (n == 0 || !grow(b, (size_t)n)) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
    va_end(args);
    b->len += (size_t)n;
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

const char *buf_text(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
    char *data = NULL;

    /* An empty text is a text too: the caller asked for something to free. */
    if (!b->failed && !b->data) {
        data = calloc(1, 1);
    } else if (!b->failed) {
        data = b->data;
        b->data = NULL;
    }
    free(b->data);
    *b = (struct buf){.cap = b->cap};
    return data;
}
