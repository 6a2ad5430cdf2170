/*
 * tape - see tape.h. A chunk is: time since the one before in ms (4 bytes), direction, length, bytes.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/tape.h"

#include "bridge/base/str.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEAD = 6,
    HEAD_LEN = 5, /* where the length is */
    ROOM_FIRST = 1024,
    JOIN_MS = 10, /* a line gives bytes one by one: those that follow so soon are one chunk */
};

struct tape {
    uint8_t *ring; /* owned */
    size_t size, room_max;
    size_t first, used;
    int64_t keep_ms;
    int64_t first_ms, last_ms; /* of the oldest and the newest chunk */
    size_t last;               /* in the ring: the newest chunk */
    int64_t byte_ms;           /* of its newest byte */
};

struct tape *tape_create(int64_t keep_ms, size_t room)
{
    struct tape *t = calloc(1, sizeof(*t));

    if (!t) {
        return NULL;
    }
    t->ring = malloc(ROOM_FIRST);
    t->size = ROOM_FIRST;
    t->room_max = room;
    t->keep_ms = keep_ms;
    if (!t->ring) {
        free(t);
        return NULL;
    }
    return t;
}

void tape_destroy(struct tape *t)
{
    if (t) {
        free(t->ring);
        free(t);
    }
}

static void ring_read(const struct tape *t, size_t at, uint8_t *dst, size_t n)
{
    size_t from = (t->first + at) % t->size;
    size_t part = n < t->size - from ? n : t->size - from;

    memcpy(dst, t->ring + from, part);
    memcpy(dst + part, t->ring, n - part);
}

static void ring_append(struct tape *t, const uint8_t *p, size_t n)
{
    size_t to = (t->first + t->used) % t->size;
    size_t part = n < t->size - to ? n : t->size - to;

    memcpy(t->ring + to, p, part);
    memcpy(t->ring, p + part, n - part);
    t->used += n;
}

static uint32_t delta_of(const uint8_t head[static HEAD])
{
    return (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
}

static void drop_oldest(struct tape *t)
{
    uint8_t head[HEAD];
    size_t n;

    ring_read(t, 0, head, HEAD);
    n = HEAD + (size_t)head[5];
    t->first = (t->first + n) % t->size;
    t->used -= n;
    if (t->used > 0) {
        ring_read(t, 0, head, HEAD);
        t->first_ms += delta_of(head);
    }
}

/* Twice the memory, as long as the bound allows; false: it stays as it is. */
static bool grow(struct tape *t)
{
    size_t size = t->size * 2 < t->room_max ? t->size * 2 : t->room_max;
    uint8_t *ring = size > t->size ? malloc(size) : NULL;

    if (!ring) {
        return false;
    }
    ring_read(t, 0, ring, t->used);
    t->last = (t->last + t->size - t->first) % t->size;
    /* All of it is used in the end: the process shall not seem to grow for another ten minutes. */
    memset(ring + t->used, 0, size - t->used);
    free(t->ring);
    t->ring = ring;
    t->size = size;
    t->first = 0;
    return true;
}

static void make_room(struct tape *t, size_t n)
{
    while (t->size - t->used < n) {
        if (!grow(t)) {
            drop_oldest(t);
        }
    }
}

/* Goes on where the newest chunk ends; false: a new one is due. */
static bool join(struct tape *t, char dir, const uint8_t *p, size_t n, int64_t now_ms)
{
    size_t len = t->ring[(t->last + HEAD_LEN) % t->size];

    if (t->used == 0 || t->ring[(t->last + HEAD_LEN - 1) % t->size] != (uint8_t)dir ||
            now_ms - t->byte_ms > JOIN_MS || len + n > TAPE_CHUNK_MAX) {
        return false;
    }
    make_room(t, n);
    if (t->used == 0) {
        return false;
    }
    t->ring[(t->last + HEAD_LEN) % t->size] = (uint8_t)(len + n);
    ring_append(t, p, n);
    t->byte_ms = now_ms;
    return true;
}

static void add_chunk(struct tape *t, char dir, const uint8_t *p, size_t n, int64_t now_ms)
{
    int64_t gap = t->used > 0 && now_ms > t->last_ms ? now_ms - t->last_ms : 0;
    uint32_t delta = gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
    uint8_t head[HEAD] = {(uint8_t)(delta >> 24), (uint8_t)(delta >> 16), (uint8_t)(delta >> 8),
            (uint8_t)delta, (uint8_t)dir, (uint8_t)n};

    while (t->used > 0 && now_ms - t->first_ms > t->keep_ms) {
        drop_oldest(t);
    }
    if (join(t, dir, p, n, now_ms)) {
        return;
    }
    make_room(t, HEAD + n);
    if (t->used == 0) {
        t->first_ms = now_ms;
        memset(head, 0, 4);
    }
    t->last = (t->first + t->used) % t->size;
    ring_append(t, head, HEAD);
    ring_append(t, p, n);
    t->last_ms = now_ms;
    t->byte_ms = now_ms;
}

void tape_add(
        struct tape *t, enum tape_direction dir, const uint8_t *p, size_t n, int64_t now_ms)
{
    for (size_t at = 0; t && at < n; at += TAPE_CHUNK_MAX) {
        size_t part = n - at < TAPE_CHUNK_MAX ? n - at : TAPE_CHUNK_MAX;

        add_chunk(t, (char)dir, p + at, part, now_ms);
    }
}

void tape_text(const struct tape *t, struct buf *out)
{
    int64_t ms = t ? t->first_ms : 0;

    for (size_t at = 0; t && at < t->used;) {
        uint8_t head[HEAD], bytes[TAPE_CHUNK_MAX];
        char hex[2 * TAPE_CHUNK_MAX + 1];

        ring_read(t, at, head, HEAD);
        ring_read(t, at + HEAD, bytes, head[5]);
        ms += at > 0 ? delta_of(head) : 0;
        str_hex(hex, sizeof(hex), bytes, head[5]);
        buf_addf(out, "%lld %c %s\n", (long long)ms, head[4], hex);
        at += HEAD + (size_t)head[5];
    }
}

size_t tape_bytes(const struct tape *t)
{
    return t->size;
}
