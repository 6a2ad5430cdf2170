/*
 * dsmr/frame - telegrams of a P1 port: where one begins and ends, parity, checksum.
 *
 * A telegram is text from '/' to a '!' at the start of a line, then up to four hex digits of a
 * CRC-16 (polynomial 0x8005 reflected, from 0, over all from '/' to '!'), or nothing in DSMR 2 and 3.
 * Luxembourg and Austria wrap it into a frame that begins with DB 08 (cipher.h).
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_DSMR_FRAME_H
#define ADAPTERS_EMS_DSMR_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DSMR_FRAME_MAX = 8 * 1024, DSMR_CIPHER_START = 0xDB };

/* The value of a hex digit; -1: it is none. */
static inline int dsmr_hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* As cut of adapters/ems/ems.h, for text and for encrypted frames. */
void dsmr_cut(const char *p, size_t n, size_t *drop, size_t *len);

enum dsmr_sum { DSMR_NO_SUM, DSMR_SUM_GOOD, DSMR_SUM_BAD };

struct dsmr_telegram {
    const char *lines; /* from '/' to '!', borrowed */
    size_t len;
    enum dsmr_sum sum;
    unsigned written, computed; /* DSMR_SUM_BAD */
};

/* Finds the telegram in text of n bytes; false: there is none that is whole. */
bool dsmr_find(const char *text, size_t n, struct dsmr_telegram *t);

/* Copies n bytes. Text with a parity bit (7E1 that was read as 8N1) loses it; false: a byte breaks
 * its parity. */
bool dsmr_plain(char *dst, const char *src, size_t n);

#endif
