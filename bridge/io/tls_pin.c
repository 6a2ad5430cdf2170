/*
 * tls_pin - the certificate's SHA-256 in the place of the check of its chain.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/tls_pin.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool tls_pin_parse(const char *hex, struct tls_pin *p)
{
    int n = 0;

    memset(p, 0, sizeof(*p));
    for (; *hex; hex++) {
        int d = digit(*hex);

        if (*hex == ':') {
            continue;
        }
        if (d < 0 || n == 2 * TLS_PIN_BYTES) {
            return false;
        }
        p->want[n / 2] = (uint8_t)(p->want[n / 2] << 4 | d);
        n++;
    }
    return n == 2 * TLS_PIN_BYTES;
}

static int verify(X509_STORE_CTX *x, void *user)
{
    struct tls_pin *p = user;
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    unsigned n = 0;
    int same = 0;

    if (leaf && X509_digest(leaf, EVP_sha256(), p->seen, &n) == 1 && n == TLS_PIN_BYTES) {
        p->checked = true;
        same = CRYPTO_memcmp(p->seen, p->want, TLS_PIN_BYTES) == 0;
    }
    X509_STORE_CTX_set_error(x, same ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return same;
}

void tls_pin_install(struct tls_pin *p, void *ssl_ctx)
{
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, p);
}
