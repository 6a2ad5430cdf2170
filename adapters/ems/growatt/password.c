/*
 * growatt/password - what the login of the app sends in place of a password.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/growatt/growatt.h"

#include <string.h>

#include <openssl/evp.h>

bool growatt_password(const char *password, char hash[static 33])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (EVP_Digest(password, strlen(password), md, &n, EVP_md5(), NULL) != 1 || n != 16) {
        return false;
    }
    for (int i = 0; i < 16; i++) {
        /* The server expects a byte below 0x10 to be written so. */
        hash[2 * i] = md[i] >> 4 != 0 ? digits[md[i] >> 4] : 'c';
        hash[2 * i + 1] = digits[md[i] & 15];
    }
    hash[32] = '\0';
    return true;
}
