/*
 * dsmr/cipher - AES-128-GCM of a telegram. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/dsmr/cipher.h"

#include "adapters/ems/dsmr/frame.h"

#include <string.h>

#include <openssl/evp.h>

enum { TITLE = 8, COUNTER = 4, TAG = 12, CONTROL = 0x30 };

bool dsmr_key_parse(const char *text, uint8_t key[static DSMR_KEY])
{
    bool good = strlen(text) == 2 * (size_t)DSMR_KEY;

    for (size_t i = 0; good && i < DSMR_KEY; i++) {
        int high = dsmr_hex(text[2 * i]), low = dsmr_hex(text[2 * i + 1]);

        good = high >= 0 && low >= 0;
        key[i] = (uint8_t)(good ? high * 16 + low : 0);
    }
    return good;
}

/* False: something does not fit. */
static bool open_frame(const struct dsmr_keys *k, const uint8_t *title, const uint8_t *p,
        size_t n, uint8_t *dst)
{
    uint8_t iv[TITLE + COUNTER], aad[1 + DSMR_KEY], tag[TAG];
    size_t text = n - 1 - COUNTER - TAG;
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int done = 0;
    bool good;

    memcpy(iv, title, TITLE);
    memcpy(iv + TITLE, p + 1, COUNTER);
    aad[0] = p[0];
    memcpy(aad + 1, k->auth, DSMR_KEY);
    memcpy(tag, p + n - TAG, TAG);
    good = x && EVP_DecryptInit_ex(x, EVP_aes_128_gcm(), NULL, k->key, iv) == 1 &&
           EVP_DecryptUpdate(x, NULL, &done, aad, (int)sizeof(aad)) == 1 &&
           EVP_DecryptUpdate(x, dst, &done, p + 1 + COUNTER, (int)text) == 1 &&
           EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
           EVP_DecryptFinal_ex(x, dst + done, &done) == 1;
    EVP_CIPHER_CTX_free(x);
    return good;
}

bool dsmr_decrypt(const struct dsmr_keys *k, const char *frame, size_t n, char *dst,
        size_t *len, struct err *e)
{
    const uint8_t *p = (const uint8_t *)frame;
    size_t head = n > 2 + TITLE
                          ? 2 + TITLE + 1u + (p[2 + TITLE] & 0x80 ? p[2 + TITLE] & 0x7Fu : 0)
                          : n;

    if (n < head + 1 + COUNTER + TAG) {
        err_set(e, ERR_IO, "an encrypted telegram is too short");
        return false;
    }
    if (p[head] != CONTROL) {
        err_set(e, ERR_IO, "an encrypted telegram has security control 0x%02X, not 0x30",
                p[head]);
        return false;
    }
    *len = n - head - 1 - COUNTER - TAG;
    if (!open_frame(k, p + 2, p + head, n - head, (uint8_t *)dst)) {
        err_set(e, ERR_IO,
                "an encrypted telegram does not pass its check: it was damaged on the way, or key "
                "or auth_key is not that of this meter");
        return false;
    }
    return true;
}
