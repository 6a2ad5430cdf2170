/*
 * str - strict numbers, slugs, times and hex from text, without allocation.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return c;
}

size_t str_whole(const char *s, size_t n)
{
    size_t start = n;

    /* Back over at most three continuation bytes to the lead byte of the last character. */
    for (int i = 0; i < 3 && start > 0 && ((unsigned char)s[start - 1] & 0xC0) == 0x80; i++) {
        start--;
    }
    if (start > 0) {
        unsigned char lead = (unsigned char)s[start - 1];
        size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;

        if (want > 1 && n - (start - 1) < want) {
            return start - 1;
        }
    }
    return n;
}

size_t str_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t len = 0;
    uint32_t c = 0;

    if (n == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        return 1;
    }
    len = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n < len) {
        return 0;
    }
    c = p[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    /* Neither longer than needed, nor half of a surrogate pair, nor beyond Unicode. */
    if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000) || c > 0x10FFFF ||
            (c >= 0xD800 && c <= 0xDFFF)) {
        return 0;
    }
    return len;
}

size_t str_control(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;

    if (n == 0) {
        return 0;
    }
    if (p[0] < 0x20 || p[0] == 0x7f) {
        return 1;
    }
    return n > 1 && p[0] == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0 ? 2 : 0;
}

size_t str_plain(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\') {
        i++;
    }
    return i;
}

void str_line(char *text, char instead)
{
    size_t n = strlen(text), out = 0;

    for (size_t i = 0, len; i < n; i += len) {
        len = str_utf8(text + i, n - i);
        if (len == 0) {
            len = 1;
        } else if (str_control(text + i, n - i) > 0) {
            text[out++] = instead;
        } else {
            memmove(text + out, text + i, len);
            out += len;
        }
    }
    text[out] = '\0';
}

bool str_copy(char *dst, size_t room, const char *src)
{
    size_t n = strlen(src);
    bool fits = n < room;

    if (room == 0) {
        return false;
    }
    n = fits ? n : str_whole(src, room - 1);
    memmove(dst, src, n);
    dst[n] = '\0';
    return fits;
}

bool str_format(char *dst, size_t room, const char *fmt, ...)
{
    va_list args;
    int n;

    if (room == 0) {
        return false;
    }
    va_start(args, fmt);
    n = vsnprintf(dst, room, fmt, args);
    va_end(args);
    if (n < 0) {
        dst[0] = '\0';
        return false;
    }
    if ((size_t)n >= room) {
        dst[str_whole(dst, room - 1)] = '\0';
        return false;
    }
    return true;
}

/* Adds one decimal digit to a number kept negative, so that INT64_MIN needs no special case. */
static bool push_digit(int64_t *v, char c)
{
    return !__builtin_mul_overflow(*v, 10, v) && !__builtin_sub_overflow(*v, c - '0', v);
}

bool str_int(const char *s, size_t n, int64_t *out)
{
    size_t i = n > 0 && (s[0] == '-' || s[0] == '+') ? 1 : 0;
    bool minus = n > 0 && s[0] == '-';
    int64_t v = 0;

    if (i == n) {
        return false;
    }
    for (; i < n; i++) {
        if (!is_digit(s[i]) || !push_digit(&v, s[i])) {
            return false;
        }
    }
    if (!minus && v == INT64_MIN) {
        return false;
    }
    *out = minus ? v : -v;
    return true;
}

/* A decimal number taken apart: digits without the point, and where the point stands. */
struct decimal {
    const char *digits; /* may hold one '.' */
    size_t len;
    int64_t point; /* digits before the point, the exponent counted in */
    bool minus;
};

static bool take_apart(const char *s, size_t n, struct decimal *d)
{
    size_t i = 0, whole = 0, frac = 0;

    *d = (struct decimal){0};
    if (i < n && (s[i] == '-' || s[i] == '+')) {
        d->minus = s[i] == '-';
        i++;
    }
    d->digits = s + i;
    for (; i < n && is_digit(s[i]); i++) {
        whole++;
    }
    if (i < n && s[i] == '.') {
        for (i++; i < n && is_digit(s[i]); i++) {
            frac++;
        }
        if (frac == 0) {
            return false;
        }
    }
    d->len = (size_t)(s + i - d->digits);
    d->point = (int64_t)whole;
    if (i < n && (s[i] == 'e' || s[i] == 'E')) {
        int64_t e;

        if (!str_int(s + i + 1, n - i - 1, &e)) {
            return false;
        }
        e = e > 1000000 ? 1000000 : e < -1000000 ? -1000000 : e;
        d->point += e;
        i = n;
    }
    return whole > 0 && i == n;
}

static int64_t power_of_ten(int n)
{
    int64_t p = 1;

    while (n-- > 0) {
        p *= 10;
    }
    return p;
}

enum { FRACTION_DIGITS = 9 }; /* so that fraction times scale stays inside int64 */

/* The whole part, kept negative, and the first FRACTION_DIGITS digits behind the point. */
static bool split(const struct decimal *d, int64_t *whole, int64_t *fraction)
{
    int64_t at = 0, frac = 0;
    int used = 0;

    /* A point left of the first digit: zeros stand between. */
    if (d->point < 0) {
        used = d->point < -FRACTION_DIGITS ? FRACTION_DIGITS : (int)-d->point;
    }
    *whole = 0;
    for (size_t i = 0; i < d->len; i++) {
        if (d->digits[i] == '.') {
            continue;
        }
        if (at < d->point && !push_digit(whole, d->digits[i])) {
            return false;
        }
        if (at >= d->point && used < FRACTION_DIGITS) {
            frac = frac * 10 + (d->digits[i] - '0');
            used++;
        }
        at++;
    }
    for (; *whole != 0 && at < d->point; at++) {
        if (!push_digit(whole, '0')) {
            return false;
        }
    }
    *fraction = frac * power_of_ten(FRACTION_DIGITS - used);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool str_scaled(const char *s, size_t n, int64_t scale, int64_t *out)
{
    const int64_t one = power_of_ten(FRACTION_DIGITS);
    struct decimal d;
    int64_t v, fraction;

    while (n > 0 && is_blank(*s)) {
        s++;
        n--;
    }
    while (n > 0 && is_blank(s[n - 1])) {
        n--;
    }
    if (scale < 1 || scale > one || !take_apart(s, n, &d) || !split(&d, &v, &fraction)) {
        return false;
    }
    if (__builtin_mul_overflow(v, scale, &v) ||
            __builtin_sub_overflow(v, fraction * scale / one, &v)) {
        return false;
    }
    if (!d.minus && v == INT64_MIN) {
        return false;
    }
    *out = d.minus ? v : -v;
    return true;
}

void str_slug(char *dst, size_t room, const char *src)
{
    size_t n = 0;
    bool gap = false;

    if (room == 0) {
        return;
    }
    for (; *src; src++) {
        char c = lower(*src);

        if (!is_digit(c) && !(c >= 'a' && c <= 'z')) {
            gap = n > 0;
            continue;
        }
        if (n + (gap ? 2 : 1) >= room) {
            break;
        }
        if (gap) {
            dst[n++] = '_';
        }
        dst[n++] = c;
        gap = false;
    }
    dst[n] = '\0';
}

bool str_iequal(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

enum { WORD_MAX = 48 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Edits (insert, drop, change, swap two neighbours) that make b of a, case ignored. */
static int distance(const char *a, const char *b)
{
    int la = (int)strlen(a), lb = (int)strlen(b);
    int rows[3][WORD_MAX + 1];

    if (la > WORD_MAX || lb > WORD_MAX) {
        return WORD_MAX;
    }
    for (int j = 0; j <= lb; j++) {
        rows[0][j] = j;
    }
    for (int i = 1; i <= la; i++) {
        int *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

        now[0] = i;
        for (int j = 1; j <= lb; j++) {
            int same = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;

            now[j] = least(least(before[j] + 1, now[j - 1] + 1), before[j - 1] + same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                    lower(a[i - 2]) == lower(b[j - 1])) {
                now[j] = least(now[j], earlier[j - 2] + 1);
            }
        }
    }
    return rows[la % 3][lb];
}

static bool starts_with(const char *s, const char *start)
{
    while (*start && lower(*s) == lower(*start)) {
        s++;
        start++;
    }
    return *start == '\0';
}

const char *str_nearest(const char *word, const char *const *words)
{
    int length = (int)strlen(word);
    int best = least(1 + length / 3, length - 1); /* something must be the same */
    const char *found = NULL;

    for (; *words; words++) {
        int d = distance(word, *words);

        /* "max" for "max_a", "limit_amps" for "limit": half a word is near. */
        if (strlen(word) >= 3 && strlen(*words) >= 3 &&
                (starts_with(*words, word) || starts_with(word, *words))) {
            d = least(d, 1);
        }
        if (d < best || (d == best && !found)) {
            best = d;
            found = *words;
        }
    }
    return found;
}

void str_hex(char *dst, size_t room, const uint8_t *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;

    if (room == 0) {
        return;
    }
    for (size_t i = 0; i < n && at + 2 < room; i++) {
        dst[at++] = digits[p[i] >> 4];
        dst[at++] = digits[p[i] & 15];
    }
    dst[at] = '\0';
}
