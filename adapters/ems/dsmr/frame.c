/*
 * dsmr/frame - where telegrams begin and end. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/dsmr/frame.h"

#include <string.h>

enum {
    SLASH_EVEN = 0xAF, /* '/' with its parity bit */
    TITLE = 8,
    COUNT_MIN = 1 + 4 + 12, /* control, counter, tag */
    SUM_DIGITS = 4,
    END_MAX = 16, /* what may stand behind '!' on its line */
};

static uint8_t at(const char *p, size_t i)
{
    return (uint8_t)p[i];
}

static bool starts_cipher(const char *p, size_t n)
{
    return at(p, 0) == DSMR_CIPHER_START && (n < 2 || at(p, 1) == TITLE);
}

static bool starts(const char *p, size_t n)
{
    return p[0] == '/' || at(p, 0) == SLASH_EVEN || starts_cipher(p, n);
}

/* DB 08, title, length (as BER has it), control, counter, text, tag. */
static void cut_cipher(const char *p, size_t n, size_t *drop, size_t *len)
{
    size_t head = 2 + TITLE + 1, count;

    if (n < head + 3) {
        return;
    }
    count = at(p, head - 1);
    if (count == 0x81) {
        count = at(p, head);
        head += 1;
    } else if (count == 0x82) {
        count = (size_t)at(p, head) << 8 | at(p, head + 1);
        head += 2;
    }
    if (count < COUNT_MIN || head + count > DSMR_FRAME_MAX) {
        *drop += 1;
    } else if (n > head && (at(p, head) & 0xCF) != 0) {
        *drop += 1; /* no control byte: two bytes of something else */
    } else if (n >= head + count) {
        *len = head + count;
    }
}

/* Behind a '!': how long its line is; 0: not known yet. */
static size_t end_length(const char *p, size_t n, uint8_t mask)
{
    size_t digits = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = at(p, i) & mask;

        digits += dsmr_hex((char)c) >= 0;
        if (c == '/') {
            return i;
        }
        if (c == '\r' || c == '\n' || digits == SUM_DIGITS || i == END_MAX) {
            return i + 1;
        }
    }
    return 0;
}

static void cut_text(const char *p, size_t n, size_t *drop, size_t *len)
{
    uint8_t mask = at(p, 0) == SLASH_EVEN ? 0x7F : 0xFF;
    bool head = true, fresh = false; /* the first line; nothing stands on this line yet */

    for (size_t i = 1; i < n; i++) {
        uint8_t c = at(p, i) & mask;

        if (fresh && c == '!') {
            size_t end = end_length(p + i + 1, n - i - 1, mask);

            *len = end > 0 || (i + 1 < n && (at(p, i + 1) & mask) == '/') ? i + 1 + end : 0;
            return;
        }
        /* The one before broke off. In the first line it may be a part of the name. */
        if (i == DSMR_FRAME_MAX || (c == '/' && !head) ||
                (i + 1 < n && starts_cipher(p + i, n - i))) {
            *drop += i;
            return;
        }
        fresh = c == '\n' || c == '\r' || (fresh && c == '\0');
        head = head && !fresh;
    }
}

void dsmr_cut(const char *p, size_t n, size_t *drop, size_t *len)
{
    size_t i = 0;

    while (i < n && !starts(p + i, n - i)) {
        i++;
    }
    *drop = i;
    *len = 0;
    if (i < n && starts_cipher(p + i, n - i)) {
        cut_cipher(p + i, n - i, drop, len);
    } else if (i < n) {
        cut_text(p + i, n - i, drop, len);
    }
}

bool dsmr_plain(char *dst, const char *src, size_t n)
{
    bool parity = n > 0 && at(src, 0) == SLASH_EVEN, good = true;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = at(src, i);

        good = good && (!parity || __builtin_parity(c) == 0);
        dst[i] = (char)(parity ? c & 0x7F : c);
    }
    return good;
}

/* ---- checksum ---- */

static unsigned add(unsigned crc, uint8_t c)
{
    crc ^= c;
    for (int i = 0; i < 8; i++) {
        crc = crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1;
    }
    return crc;
}

/* crlf: some gateways drop each CR, which the meter has counted. */
static unsigned sum(const char *p, size_t n, bool crlf)
{
    unsigned crc = 0;

    for (size_t i = 0; i < n; i++) {
        if (crlf && p[i] == '\n' && i > 0 && p[i - 1] != '\r') {
            crc = add(crc, '\r');
        }
        crc = add(crc, at(p, i));
    }
    return crc;
}

/* Where the checksum begins: at the first '/', or, when a telegram broke off in its name, at a later
 * one of that line. */
static void check(struct dsmr_telegram *t)
{
    const char *end = t->lines + t->len;
    size_t head = 0;

    while (head < t->len && t->lines[head] != '\r' && t->lines[head] != '\n') {
        head++;
    }
    t->computed = sum(t->lines, t->len, false);
    t->sum = DSMR_SUM_BAD;
    for (size_t i = 0; i < head && t->sum == DSMR_SUM_BAD; i++) {
        if (t->lines[i] == '/' && (sum(t->lines + i, t->len - i, false) == t->written ||
                                          sum(t->lines + i, t->len - i, true) == t->written)) {
            t->lines += i;
            t->len = (size_t)(end - t->lines);
            t->sum = DSMR_SUM_GOOD;
        }
    }
}

bool dsmr_find(const char *text, size_t n, struct dsmr_telegram *t)
{
    const char *start = memchr(text, '/', n);
    bool fresh = false;
    size_t i, digits = 0;

    *t = (struct dsmr_telegram){.lines = start};
    if (!start) {
        return false;
    }
    n -= (size_t)(start - text);
    for (i = 1; i < n && !(fresh && start[i] == '!'); i++) {
        fresh = start[i] == '\n' || start[i] == '\r' || (fresh && start[i] == '\0');
    }
    if (i >= n) {
        return false;
    }
    t->len = i + 1;
    for (i++; i < n && digits < SUM_DIGITS && dsmr_hex(start[i]) >= 0; i++, digits++) {
        t->written = t->written << 4 | (unsigned)dsmr_hex(start[i]);
    }
    if (digits > 0) {
        check(t);
    }
    return true;
}
