/*
 * dsmr/cipher - the encrypted frame of a P1 port (general-global-cipher of DLMS).
 *
 * DB, 08, eight bytes of title, the length of the rest (82 hh ll), control (30: encrypted and
 * authenticated), a counter of four bytes, the text, a tag of 12 bytes. AES-128-GCM; the vector is
 * title and counter, the additional data are the control byte and the authentication key.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_DSMR_CIPHER_H
#define ADAPTERS_EMS_DSMR_CIPHER_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DSMR_KEY = 16 };

struct dsmr_keys {
    uint8_t key[DSMR_KEY], auth[DSMR_KEY];
};

/* 32 hex digits; false for anything else. */
bool dsmr_key_parse(const char *text, uint8_t key[static DSMR_KEY]);

/* The text of a frame of n bytes into dst, which has room for n; *len is its length. False with a
 * sentence: the frame is no such frame, is damaged, or was made with other keys. */
bool dsmr_decrypt(const struct dsmr_keys *k, const char *frame, size_t n, char *dst,
        size_t *len, struct err *e);

#endif
