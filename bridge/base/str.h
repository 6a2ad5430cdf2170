/*
 * str - strict numbers, slugs, times and hex from text, without allocation.
 *
 * Nothing here reads the locale. SPDX-License-Identifier: MIT
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies at most room - 1 bytes and ends with NUL; false when src did not fit (cut at a UTF-8
 * boundary). */
bool str_copy(char *dst, size_t room, const char *src);

/* printf into dst; false when it did not fit (the text is cut). */
bool str_format(char *dst, size_t room, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The largest length up to n that does not cut the last UTF-8 character of s in two. */
size_t str_whole(const char *s, size_t n);

/* Length of the well-formed UTF-8 character at s (1..4); 0 when there is none in n bytes. */
size_t str_utf8(const char *s, size_t n);

/* Length of the control character at s: C0 and DEL 1, C1 in UTF-8 2; 0 when there is none in n
 * bytes. Brokers refuse topics that hold one, and no name needs them. */
size_t str_control(const char *s, size_t n);

/* How many of the n bytes at s, from the first on, are printable ASCII that JSON writes as it is. */
size_t str_plain(const char *s, size_t n);

/* Makes text one line of whole characters, in place: instead for each control character; bytes
 * that are no UTF-8 go, such as half a character where a format cut one in two. */
void str_line(char *text, char instead);

/* Whole decimal integer, optional sign, nothing else around it (not even blanks). */
bool str_int(const char *s, size_t n, int64_t *out) MUST_CHECK;

/* Decimal number such as "16", "16.5", "-0.25", "1e1": value times `scale` (1 to 10^9; exact
 * for powers of ten), rounded towards zero. Refuses nan, inf, hex, blanks inside, and what does not
 * fit int64. Blanks around the number are allowed. */
bool str_scaled(const char *s, size_t n, int64_t scale, int64_t *out) MUST_CHECK;

/* Lower-case slug in [a-z0-9_]: every other run of bytes becomes one '_', none at the ends.
 * "" when nothing is left. */
void str_slug(char *dst, size_t room, const char *src);

/* Same text, ASCII case ignored. */
bool str_iequal(const char *a, const char *b);

/* The nearest of the NULL-terminated words for a "did you mean", or NULL when none is near. */
const char *str_nearest(const char *word, const char *const *words);

/* Hex of n bytes, lower case; dst needs 2 * n + 1. */
void str_hex(char *dst, size_t room, const uint8_t *p, size_t n);

enum { STR_TIME_ROOM = 32 };

/* "2026-11-24T06:00:00Z" from wall milliseconds since 1970 (UTC). */
void str_time(char dst[static STR_TIME_ROOM], int64_t utc_ms);

/* ISO 8601 with offset ("Z", "+01:00") to wall milliseconds; false for anything else, also for
 * a time without an offset. */
bool str_time_parse(const char *s, int64_t *utc_ms) MUST_CHECK;

#endif
