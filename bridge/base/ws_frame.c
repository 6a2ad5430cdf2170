/*
 * ws_frame - WebSocket frames. SPDX-License-Identifier: MIT
 */
#include "bridge/base/ws_frame.h"

#include "bridge/base/str.h"

#include <string.h>

enum {
    FINAL = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127
};

void ws_reader_init(struct ws_reader *r, size_t max)
{
    memset(r, 0, sizeof(*r));
    buf_init(&r->message, max);
}

void ws_reader_finish(struct ws_reader *r)
{
    buf_finish(&r->message);
}

/* How long the head is, as far as its bytes so far tell. */
static size_t head_want(const struct ws_reader *r)
{
    unsigned n = r->head[1] & LENGTH;

    return r->head_len < 2 ? 2 : n == LENGTH_64 ? 10 : n == LENGTH_16 ? 4 : 2;
}

static bool is_control(enum ws_opcode kind)
{
    return kind >= WS_CLOSE;
}

/* A phrase, or NULL: the head is one that may come now. */
static const char *wrong_head(const struct ws_reader *r)
{
    bool begun = r->kind != WS_CONTINUED;

    if (r->head[0] & RESERVED) {
        return "it sends what was not agreed on (reserved bits)";
    }
    if (r->head[1] & MASKED) {
        return "it masks its frames, which only a client does";
    }
    switch (r->opcode) {
    case WS_CONTINUED:
        return begun ? NULL : "it goes on with a message that never began";
    case WS_TEXT:
    case WS_BINARY:
        return begun ? "it begins a message inside of another" : NULL;
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return r->final && r->left <= WS_CONTROL_MAX
                       ? NULL
                       : "a control frame is too long or in pieces";
    }
    return "it sends frames of an unknown kind";
}

static const char *read_head(struct ws_reader *r)
{
    unsigned n = r->head[1] & LENGTH;
    const char *wrong;

    r->opcode = (enum ws_opcode)(r->head[0] & OPCODE);
    r->final = (r->head[0] & FINAL) != 0;
    r->left = n < LENGTH_16 ? n : 0;
    for (size_t i = 2; i < r->head_len; i++) {
        r->left = r->left << 8 | r->head[i];
    }
    wrong = wrong_head(r);
    if (wrong) {
        return wrong;
    }
    if (is_control(r->opcode)) {
        r->control_len = 0;
    } else if (r->left > r->message.cap - r->message.len) {
        return "a message is too long";
    } else if (r->opcode != WS_CONTINUED) {
        r->kind = r->opcode;
    }
    r->head_len = 0;
    r->in_body = true;
    return NULL;
}

static bool utf8(const char *s, size_t n)
{
    for (size_t len; n > 0; s += len, n -= len) {
        len = str_utf8(s, n);
        if (len == 0) {
            return false;
        }
    }
    return true;
}

/* The body of a frame is whole. */
static enum ws_result end_frame(struct ws_reader *r, struct ws_got *got)
{
    r->in_body = false;
    if (is_control(r->opcode)) {
        r->control[r->control_len] = '\0';
        *got = (struct ws_got){.kind = r->opcode, .body = r->control, .len = r->control_len};
        return WS_GOT;
    }
    if (!r->final) {
        return WS_MORE;
    }
    *got = (struct ws_got){
            .kind = r->kind, .body = buf_text(&r->message), .len = r->message.len};
    r->kind = WS_CONTINUED;
    r->told = true;
    if (!buf_ok(&r->message)) {
        got->body = "no memory for a message";
        return WS_WRONG;
    }
    if (got->kind == WS_TEXT && !utf8(got->body, got->len)) {
        got->body = "a text is not UTF-8";
        return WS_WRONG;
    }
    return WS_GOT;
}

static void take_body(struct ws_reader *r, const char **p, size_t *n)
{
    size_t some = r->left < *n ? (size_t)r->left : *n;

    if (is_control(r->opcode)) {
        memcpy(r->control + r->control_len, *p, some);
        r->control_len += some;
    } else {
        buf_add(&r->message, *p, some);
    }
    r->left -= some;
    *p += some;
    *n -= some;
}

enum ws_result ws_read(struct ws_reader *r, const char **p, size_t *n, struct ws_got *got)
{
    if (r->told) {
        r->told = false;
        buf_reset(&r->message);
    }
    while (*n > 0) {
        if (!r->in_body) {
            r->head[r->head_len++] = (uint8_t) * *p;
            (*p)++;
            (*n)--;
            if (r->head_len < head_want(r)) {
                continue;
            }
            got->body = read_head(r);
            if (got->body) {
                return WS_WRONG;
            }
        } else {
            take_body(r, p, n);
        }
        if (r->left == 0) {
            enum ws_result x = end_frame(r, got);

            if (x != WS_MORE) {
                return x;
            }
        }
    }
    return WS_MORE;
}

void ws_write(struct buf *out, enum ws_opcode kind, const char *body, size_t len,
        const uint8_t mask[static WS_MASK_BYTES])
{
    bool small = len < LENGTH_16, middle = len <= UINT16_MAX;
    int bytes = small ? 0 : middle ? 2 : 8;

    buf_addc(out, (char)(FINAL | (int)kind));
    buf_addc(out, (char)(MASKED | (int)(small ? len : middle ? LENGTH_16 : LENGTH_64)));
    for (int i = bytes - 1; i >= 0; i--) {
        buf_addc(out, (char)((uint64_t)len >> (8 * i) & 0xff));
    }
    buf_add(out, mask, WS_MASK_BYTES);
    for (size_t i = 0; i < len; i++) {
        buf_addc(out, (char)((uint8_t)body[i] ^ mask[i % WS_MASK_BYTES]));
    }
}
