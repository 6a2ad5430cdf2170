/*
 * ws_frame - WebSocket frames (RFC 6455), the client's side, without a descriptor.
 *
 * Reading takes bytes in any pieces and gives whole messages: fragments are put together, control
 * frames may stand between them. What a server must not send (a mask, reserved bits, a broken
 * order, a text that is no UTF-8) ends the connection. SPDX-License-Identifier: MIT
 */
#ifndef BASE_WS_FRAME_H
#define BASE_WS_FRAME_H

#include "bridge/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
    WS_CONTINUED = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

enum { WS_HEAD_MAX = 14, WS_CONTROL_MAX = 125, WS_MASK_BYTES = 4 };

struct ws_reader {
    struct buf message;  /* the data frames of a message so far */
    enum ws_opcode kind; /* of the message: text or binary; WS_CONTINUED: none is begun */
    uint8_t head[WS_HEAD_MAX];
    size_t head_len;
    bool in_body;
    enum ws_opcode opcode; /* of the frame under way */
    bool final;
    uint64_t left; /* bytes of its body that are still to come */
    char control[WS_CONTROL_MAX + 1];
    size_t control_len;
    bool told; /* the message was given out: the next byte begins a new one */
};

/* A message is at most max bytes. */
void ws_reader_init(struct ws_reader *r, size_t max);
void ws_reader_finish(struct ws_reader *r); /* accepts a zeroed struct */

enum ws_result {
    WS_MORE, /* all bytes were taken, nothing is whole */
    WS_GOT,  /* *kind, *body, *len; valid until the next call */
    WS_WRONG /* *body is a phrase that says why; the connection is worth nothing any more */
};

struct ws_got {
    enum ws_opcode kind; /* anything but WS_CONTINUED */
    const char *body;    /* body[len] is NUL */
    size_t len;
};

/* Takes bytes from *p up to *n of them and moves both on; call again while WS_GOT. */
enum ws_result ws_read(
        struct ws_reader *r, const char **p, size_t *n, struct ws_got *got) MUST_CHECK;

/* Adds one whole frame, masked. */
void ws_write(struct buf *out, enum ws_opcode kind, const char *body, size_t len,
        const uint8_t mask[static WS_MASK_BYTES]);

#endif
