/*
 * frame - the envelope of bytes on a Gen 2 bus: marks, escapes, checksum, resynchronisation.
 *
 * On the wire: C0, the escaped body, C0, and often one tail byte that belongs to nothing. Every
 * C0 closes what was collected and opens the next collection, so that a lost closing mark or a
 * stray C0 costs one frame at most. See docs/protocol.md. SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_FRAME_H
#define CORE_TWC_FRAME_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_BODY_MIN = 13, /* shortest body heard: the queries of some other controllers */
    FRAME_BODY_MAX = 20,
    FRAME_RAW_MAX = 44, /* 20 bytes all escaped, and some slack */
    FRAME_WIRE_MAX = 64,
};

enum { FRAME_MARK = 0xC0, FRAME_ESC = 0xDB, FRAME_ESC_MARK = 0xDC, FRAME_ESC_ESC = 0xDD };

/* One body without escapes, with its checksum as the last byte. */
struct frame {
    uint8_t len;
    uint8_t data[FRAME_BODY_MAX];
};

enum frame_result {
    FRAME_MORE,  /* nothing yet */
    FRAME_READY, /* *out holds a frame */
    FRAME_NOISE, /* fewer bytes between two marks than any frame has */
    FRAME_BAD_SUM,
    FRAME_BAD_ESCAPE,
    FRAME_BAD_LENGTH, /* not 13 to 16 or 20 */
    FRAME_TOO_LONG,
    FRAME_RESULT_COUNT
};

/* All zero is a valid start. */
struct frame_decoder {
    uint8_t raw[FRAME_RAW_MAX];
    uint8_t len;
    bool open; /* a mark was seen: bytes are collected */
    bool skip; /* too long: wait for the next mark */
    uint32_t noise_bytes;
    uint32_t seen[FRAME_RESULT_COUNT]; /* counters, one per outcome */
};

/* Feeds one byte. Resynchronises by itself after any error; *out is written on READY alone. */
enum frame_result frame_decode(
        struct frame_decoder *d, uint8_t byte, struct frame *out) MUST_CHECK;

/* Forgets a collection that nobody finished (the caller has the clock). */
void frame_drop_partial(struct frame_decoder *d);

/* True while the bytes collected look like the first part of a frame, not like a tail byte. */
bool frame_in_progress(const struct frame_decoder *d);

/* The sum over all bytes but the first, as the last byte of a body carries it. body is n bytes
 * long, without the checksum. */
uint8_t frame_checksum(const uint8_t *body, size_t n);

/* Copies body (n bytes, without the checksum) and appends the checksum. False: wrong length. */
bool frame_seal(struct frame *f, const uint8_t *body, size_t n) MUST_CHECK;

/* Marks and escapes; no tail. Returns the number of bytes written, 0 if f has a wrong length. */
size_t frame_encode(const struct frame *f, uint8_t out[static FRAME_WIRE_MAX]) MUST_CHECK;

/* A short word for logs and metrics, such as "bad_sum". */
const char *frame_result_name(enum frame_result r);

#endif
