/*
 * fuzz - what every target shares: a check that stops with a sentence, and a reader of the input.
 *
 * A target is one file with LLVMFuzzerTestOneInput. tests/fuzz/run links it with libFuzzer; the
 * tests link it with replay.c, which feeds the committed corpus. docs/internals/fuzz.md says what
 * each target holds to be true. SPDX-License-Identifier: MIT
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* fuzz_check(condition, "what held", ...): printf text of the values at fault. */
#define fuzz_check(ok, ...)                                                                \
    ((ok) ? (void)0                                                                        \
          : (fprintf(stderr, "%s:%d: ", __FILE__, __LINE__), fprintf(stderr, __VA_ARGS__), \
                    fprintf(stderr, "\n"), abort()))

/* The input as a script; behind its end everything reads as 0. */
struct fuzz_in {
    const uint8_t *p, *end;
};

static inline bool fuzz_more(const struct fuzz_in *in)
{
    return in->p < in->end;
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

static inline uint16_t fuzz_u16(struct fuzz_in *in)
{
    unsigned high = fuzz_u8(in);

    return (uint16_t)(high << 8 | fuzz_u8(in));
}

/* n bytes to p, zeros behind the end. */
static inline void fuzz_bytes(struct fuzz_in *in, uint8_t *p, size_t n)
{
    size_t left = (size_t)(in->end - in->p), some = n < left ? n : left;

    memcpy(p, in->p, some);
    memset(p + some, 0, n - some);
    in->p += some;
}

/* The bytes up to a line feed as a text, without zeros; the line feed is stepped over. */
static inline void fuzz_line(struct fuzz_in *in, char *dst, size_t room)
{
    size_t n = 0;

    while (in->p < in->end && *in->p != '\n') {
        if (*in->p != 0 && n + 1 < room) {
            dst[n++] = (char)*in->p;
        }
        in->p++;
    }
    in->p += in->p < in->end;
    dst[n] = '\0';
}

static inline bool fuzz_utf8(const char *s)
{
    size_t n = strlen(s);

    for (size_t len; n > 0; s += len, n -= len) {
        len = str_utf8(s, n);
        if (len == 0) {
            return false;
        }
    }
    return true;
}

/* What a settings file can hold: UTF-8 without control characters, cut to room. */
static inline void fuzz_clean(char *dst, size_t room, const char *src)
{
    size_t n = strlen(src), out = 0;

    for (size_t len; n > 0; src += len, n -= len) {
        len = str_utf8(src, n);
        if (len == 0 || str_control(src, n) > 0 || out + len >= room) {
            len = len == 0 ? 1 : len;
            continue;
        }
        memcpy(dst + out, src, len);
        out += len;
    }
    dst[out] = '\0';
}

/* A sentence for people: there, ended inside its room, one line, whole characters. */
static inline void fuzz_sentence(const char *text, size_t room)
{
    size_t n = strnlen(text, room);

    fuzz_check(n > 0 && n < room, "a sentence of %zu bytes in a room of %zu", n, room);
    for (size_t i = 0; i < n; i++) {
        fuzz_check(str_control(text + i, n - i) == 0, "a control character in a sentence: %s",
                text);
    }
    fuzz_check(fuzz_utf8(text), "half a character in a sentence: %s", text);
}

/* JSON that we wrote must be JSON that we read. The caller puts the value. */
static inline struct json_object *fuzz_json(const char *text, size_t len)
{
    struct err e = {0};
    struct json_object *v = json_parse(text, len, &e);

    fuzz_check(v, "%s in %.*s", e.text, (int)len, text);
    return v;
}

#endif
