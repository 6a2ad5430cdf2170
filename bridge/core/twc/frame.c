/*
 * frame - see frame.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/frame.h"

#include <string.h>

static bool length_ok(size_t n)
{
    return (n >= FRAME_BODY_MIN && n <= 16) || n == FRAME_BODY_MAX;
}

uint8_t frame_checksum(const uint8_t *body, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 1; i < n; i++) {
        sum += body[i];
    }
    return (uint8_t)(sum & 0xFFu);
}

/* The unescaped body of what was collected, or why there is none. */
static enum frame_result unescape(const struct frame_decoder *d, struct frame *f)
{
    size_t n = 0;

    for (size_t i = 0; i < d->len; i++) {
        uint8_t b = d->raw[i];

        if (b == FRAME_ESC) {
            i++;
            if (i >= d->len) {
                return FRAME_BAD_ESCAPE;
            }
            if (d->raw[i] != FRAME_ESC_MARK && d->raw[i] != FRAME_ESC_ESC) {
                return FRAME_BAD_ESCAPE;
            }
            b = d->raw[i] == FRAME_ESC_MARK ? FRAME_MARK : FRAME_ESC;
        }
        if (n >= FRAME_BODY_MAX) {
            return FRAME_BAD_LENGTH;
        }
        f->data[n++] = b;
    }
    f->len = (uint8_t)n;
    return length_ok(n) ? FRAME_READY : FRAME_BAD_LENGTH;
}

/* A mark came: judge the collection that it closes. */
static enum frame_result judge(struct frame_decoder *d, struct frame *out)
{
    struct frame f = {0};
    enum frame_result r;

    if (d->len == 0) {
        return FRAME_MORE; /* two marks in a row */
    }
    if (d->len < FRAME_BODY_MIN) {
        d->noise_bytes += d->len;
        return FRAME_NOISE;
    }
    r = unescape(d, &f);
    if (r != FRAME_READY) {
        return r;
    }
    if (frame_checksum(f.data, f.len - 1u) != f.data[f.len - 1]) {
        return FRAME_BAD_SUM;
    }
    *out = f;
    return FRAME_READY;
}

static enum frame_result step(struct frame_decoder *d, uint8_t byte, struct frame *out)
{
    enum frame_result r = FRAME_MORE;

    if (byte == FRAME_MARK) {
        r = judge(d, out);
        d->len = 0;
        d->open = true;
        d->skip = false;
        return r;
    }
    if (!d->open || d->skip) {
        d->noise_bytes++;
        return FRAME_MORE;
    }
    if (d->len >= FRAME_RAW_MAX) {
        d->len = 0;
        d->skip = true;
        return FRAME_TOO_LONG;
    }
    d->raw[d->len++] = byte;
    return FRAME_MORE;
}

enum frame_result frame_decode(struct frame_decoder *d, uint8_t byte, struct frame *out)
{
    enum frame_result r = step(d, byte, out);

    d->seen[r]++;
    return r;
}

void frame_drop_partial(struct frame_decoder *d)
{
    d->noise_bytes += d->len;
    d->len = 0;
    /* The mark that opened the collection still counts: should the next frame lose its opening
     * mark, it is read all the same. */
}

bool frame_in_progress(const struct frame_decoder *d)
{
    /* One byte after a mark may be the tail of the frame before. */
    return d->open && !d->skip && d->len >= 2 && d->raw[0] >= 0xFB && d->raw[0] <= 0xFD;
}

bool frame_seal(struct frame *f, const uint8_t *body, size_t n)
{
    if (!length_ok(n + 1)) {
        return false;
    }
    memset(f, 0, sizeof(*f));
    memcpy(f->data, body, n);
    f->data[n] = frame_checksum(body, n);
    f->len = (uint8_t)(n + 1);
    return true;
}

size_t frame_encode(const struct frame *f, uint8_t out[static FRAME_WIRE_MAX])
{
    size_t n = 0;

    if (!length_ok(f->len)) {
        return 0;
    }
    out[n++] = FRAME_MARK;
    for (size_t i = 0; i < f->len; i++) {
        uint8_t b = f->data[i];

        if (b == FRAME_MARK || b == FRAME_ESC) {
            out[n++] = FRAME_ESC;
            out[n++] = b == FRAME_MARK ? FRAME_ESC_MARK : FRAME_ESC_ESC;
        } else {
            out[n++] = b;
        }
    }
    out[n++] = FRAME_MARK;
    return n;
}

const char *frame_result_name(enum frame_result r)
{
    static const char *const names[FRAME_RESULT_COUNT] = {
            [FRAME_MORE] = "more",
            [FRAME_READY] = "ready",
            [FRAME_NOISE] = "noise",
            [FRAME_BAD_SUM] = "bad_sum",
            [FRAME_BAD_ESCAPE] = "bad_escape",
            [FRAME_BAD_LENGTH] = "bad_length",
            [FRAME_TOO_LONG] = "too_long",
    };

    return r < FRAME_RESULT_COUNT ? names[r] : "?";
}
