/*
 * tls - OpenSSL between two memory BIOs. SPDX-License-Identifier: MIT
 */
#include "bridge/io/tls.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

struct tls_context {
    SSL_CTX *ssl;
    bool insecure;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* ssl's */
    const struct tls_ops *ops;
    void *user;
    bool ready, busy, dead;
};

struct tls_context *tls_context_create(const struct tls_files *f, bool insecure)
{
    struct tls_context *c = calloc(1, sizeof(*c));
    bool ok;

    if (!c) {
        return NULL;
    }
    c->insecure = insecure;
    c->ssl = SSL_CTX_new(TLS_client_method());
    ok = c->ssl != NULL;
    if (ok) {
        SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
        SSL_CTX_set_verify(c->ssl, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    }
    if (ok && !insecure) {
        ok = f->ca ? SSL_CTX_load_verify_locations(c->ssl, f->ca, NULL) == 1
                   : SSL_CTX_set_default_verify_paths(c->ssl) == 1;
    }
    if (ok && f->cert) {
        ok = SSL_CTX_use_certificate_chain_file(c->ssl, f->cert) == 1 &&
             SSL_CTX_use_PrivateKey_file(c->ssl, f->key, SSL_FILETYPE_PEM) == 1;
    }
    ERR_clear_error();
    if (!ok) {
        tls_context_destroy(c);
        return NULL;
    }
    return c;
}

void tls_context_destroy(struct tls_context *c)
{
    if (c) {
        SSL_CTX_free(c->ssl);
        free(c);
    }
}

void tls_thread_over(void)
{
    OPENSSL_thread_stop();
}

static bool set_host(SSL *ssl, const char *host)
{
    union {
        const char *in;
        char *out;
    } name = {.in = host}; /* the macro below casts const away; OpenSSL only copies it */
    struct in6_addr a;

    if (inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name.out) == 1;
}

struct tls *tls_create(
        struct tls_context *c, const char *host, const struct tls_ops *ops, void *user)
{
    struct tls *t = calloc(1, sizeof(*t));

    if (!t) {
        return NULL;
    }
    t->ops = ops;
    t->user = user;
    t->ssl = SSL_new(c->ssl);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out || !set_host(t->ssl, host)) {
        BIO_free(t->in);
        BIO_free(t->out);
        SSL_free(t->ssl);
        free(t);
        return NULL;
    }
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_connect_state(t->ssl);
    return t;
}

static void release(struct tls *t)
{
    SSL_free(t->ssl);
    free(t);
}

void tls_destroy(struct tls *t)
{
    if (t && t->busy) {
        t->dead = true; /* the function that called back frees it */
    } else if (t) {
        release(t);
    }
}

static bool flush(struct tls *t)
{
    uint8_t data[4096];
    int n;

    while ((n = BIO_read(t->out, data, sizeof(data))) > 0) {
        if (!t->ops->send(t->user, data, (size_t)n)) {
            return false;
        }
    }
    return true;
}

static bool is_waiting(const struct tls *t, int r)
{
    int e = SSL_get_error(t->ssl, r);

    ERR_clear_error();
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static bool shake(struct tls *t)
{
    int r = SSL_do_handshake(t->ssl);
    bool go_on = r == 1 || is_waiting(t, r);

    if (!flush(t) || !go_on) {
        return false;
    }
    if (r == 1) {
        t->ready = true;
        t->ops->ready(t->user);
    }
    return true;
}

static bool read_all(struct tls *t)
{
    uint8_t data[4096];
    int r = 1;

    while (!t->dead && (r = SSL_read(t->ssl, data, sizeof(data))) > 0) {
        t->ops->bytes(t->user, data, (size_t)r);
    }
    return !t->dead && is_waiting(t, r) && flush(t);
}

bool tls_begin(struct tls *t)
{
    return shake(t);
}

bool tls_feed(struct tls *t, const uint8_t *p, size_t n)
{
    bool ok = BIO_write(t->in, p, (int)n) == (int)n;

    t->busy = true;
    if (ok && !t->ready) {
        ok = shake(t);
    }
    if (ok && t->ready && !t->dead) {
        ok = read_all(t);
    }
    t->busy = false;
    if (t->dead) {
        release(t);
        return false;
    }
    return ok;
}

bool tls_send(struct tls *t, const uint8_t *p, size_t n)
{
    bool ok = t->ready && SSL_write(t->ssl, p, (int)n) == (int)n;

    ERR_clear_error();
    return flush(t) && ok;
}
