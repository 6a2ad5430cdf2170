/*
 * http_client - requests over libcurl on the loop: one request, one callback, one time-out.
 *
 * The library is opened by name when the first client is made, so that a bridge without such
 * sources never loads it. Names are resolved on threads of the library; nothing here waits. HTTP/1.1
 * alone, no proxy, no redirects, no compression, no files but ca_file. Neither a sentence nor a log
 * line ever holds a login, a token or the query of an address. SPDX-License-Identifier: MIT
 */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

enum http_auth {
    HTTP_AUTH_NONE,
    HTTP_AUTH_BASIC,  /* username, password */
    HTTP_AUTH_DIGEST, /* MD5 or SHA-256, as the server asks; a nonce is used again */
    HTTP_AUTH_BEARER, /* token */
    HTTP_AUTH_HEADER, /* token in the header auth_name */
    HTTP_AUTH_QUERY,  /* token as the parameter auth_name of the address */
};

typedef bool http_chunk_fn(void *user, const char *p, size_t n);

struct http_request { /* texts are copied; NULL or "": none */
    const char *url;  /* http:// or https://, no user in it */
    bool post;
    const char *body;           /* of a POST */
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    enum http_auth auth;
    const char *username, *password, *token, *auth_name;
    const char *ca_file; /* PEM, absolute; none: the system's */
    const char *
            fingerprint; /* SHA-256 of the server's certificate, hex: it and no other is taken */
    bool insecure;       /* any certificate */
    int32_t timeout_ms;  /* for all of it; a tenth of it, at least 3 s, for connecting */
    size_t body_max;     /* bytes; at most BUF_CAP_HTTP */

    /* An answer in the 200s goes to chunk as it comes, first 0 bytes, and not into the answer;
     * timeout_ms is then for connecting alone, the rest is the caller's affair. Neither may end
     * the request from inside chunk: false ends it as HTTP_TOO_LARGE. */
    http_chunk_fn *chunk;
    bool raw; /* the connection alone, for http_raw_*: nothing is sent */
};

enum http_result {
    HTTP_ANSWERED, /* status says what */
    HTTP_UNREACHABLE,
    HTTP_TIMEOUT,
    HTTP_TLS, /* the certificate is not taken, or there is no TLS at all */
    HTTP_TOO_LARGE,
    HTTP_CUT, /* it ended in the middle, or is no HTTP */
};

struct http_answer { /* valid during the call */
    enum http_result result;
    int status;       /* 100..999; 0: none */
    const char *body; /* body[len] is NUL */
    size_t len;
    const char *cookies;      /* of its Set-Cookie headers: "a=1; b=2" */
    const char *content_type; /* "": it did not say */
    int32_t retry_after_s;    /* -1: it did not say */
    int32_t latency_ms;
    const char *why; /* not HTTP_ANSWERED: one sentence */
};

/* The end of something that stays open; valid during the call. */
struct http_gone {
    enum http_result result; /* HTTP_ANSWERED: another status than it should be */
    int status;
    int32_t retry_after_s; /* -1: it did not say */
    const char *why;       /* one sentence without secrets; "" for HTTP_ANSWERED */
};

typedef void http_done_fn(void *user, const struct http_answer *a);

struct http_client; /* the library and its connections, shared by all calls */
struct http_call;   /* one request at a time; keeps what a login taught it */

/* NULL where the library is not there: e says which package has it. */
struct http_client *http_client_create(uv_loop_t *loop, struct err *e) MUST_CHECK;
/* After its calls. May be called in a callback. Accepts NULL. */
void http_client_destroy(struct http_client *c);

struct http_call *http_call_create(
        struct http_client *c, http_done_fn *fn, void *user, struct err *e) MUST_CHECK;
/* Ends what is under way without a callback. May be called in its own. Accepts NULL. */
void http_call_destroy(struct http_call *call);

/* fn is called once, never from inside this function; ERR_INVALID and no call of fn for an
 * address or a fingerprint that cannot be. One that is under way is ended first. */
enum err_code http_start(
        struct http_call *call, const struct http_request *r, struct err *e) MUST_CHECK;
void http_cancel(struct http_call *call);

/* ---- what speaks something else over the connection (raw, answered with HTTP_ANSWERED) ---- */

/* To watch for reading and writing until http_cancel; -1: there is none. */
int http_raw_fd(struct http_call *call);
/* How many bytes went, 0: not now; -1: the connection is lost. */
ptrdiff_t http_raw_write(struct http_call *call, const void *p, size_t n);
/* The same; -1 also where the other side has ended it. Read until 0: TLS keeps bytes back. */
ptrdiff_t http_raw_read(struct http_call *call, void *p, size_t room);

#endif
