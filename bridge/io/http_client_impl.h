/*
 * http_client_impl - what the two files of http_client share. SPDX-License-Identifier: MIT
 */
#ifndef IO_HTTP_CLIENT_IMPL_H
#define IO_HTTP_CLIENT_IMPL_H

#include "bridge/base/buf.h"
#include "bridge/io/http_client.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/tls_pin.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/* The functions of the library that we call: member, name in the library. */
#define HTTP_API(X)                                  \
    X(global_init, curl_global_init)                 \
    X(easy_init, curl_easy_init)                     \
    X(easy_cleanup, curl_easy_cleanup)               \
    X(easy_setopt, curl_easy_setopt)                 \
    X(easy_getinfo, curl_easy_getinfo)               \
    X(easy_send, curl_easy_send)                     \
    X(easy_recv, curl_easy_recv)                     \
    X(easy_escape, curl_easy_escape)                 \
    X(free, curl_free)                               \
    X(slist_append, curl_slist_append)               \
    X(slist_free_all, curl_slist_free_all)           \
    X(multi_init, curl_multi_init)                   \
    X(multi_cleanup, curl_multi_cleanup)             \
    X(multi_setopt, curl_multi_setopt)               \
    X(multi_add_handle, curl_multi_add_handle)       \
    X(multi_remove_handle, curl_multi_remove_handle) \
    X(multi_socket_action, curl_multi_socket_action) \
    X(multi_info_read, curl_multi_info_read)         \
    X(multi_assign, curl_multi_assign)

struct http_api {
#define X(member, name) __typeof__(name) *member;
    HTTP_API(X)
#undef X
};
extern struct http_api http_api; /* filled when the first client is made */

enum { HTTP_HEADERS_ROOM = 64 * 1024, HTTP_HOST_ROOM = 128, HTTP_COOKIES_ROOM = 2048 };

struct http_client {
    uv_loop_t *loop; /* borrowed */
    CURLM *multi;
    struct oneshot *timer;
    int busy;  /* inside callbacks of ours */
    bool dead; /* destroyed meanwhile */
};

struct http_call {
    struct http_client *client;
    http_done_fn *fn;
    void *user;
    CURL *easy;
    bool running;
    struct curl_slist *headers;
    struct buf body;
    size_t body_max, header_bytes;
    bool too_large;
    char cookies[HTTP_COOKIES_ROOM];
    char host[HTTP_HOST_ROOM]; /* host:port for sentences */
    char detail[CURL_ERROR_SIZE];
    int32_t timeout_ms;
    http_chunk_fn *chunk;
    bool raw, post;
    bool retried; /* on a connection of its own, after a kept one that was gone */
    bool digest;
    bool has_nonce; /* of a digest that was accepted: the library sends it along unasked */
    bool pinned;
    struct tls_pin pin;
};

/* http_client_request.c: nothing was answered yet */
void http_begin(struct http_call *call);
/* All of r into the handle. */
enum err_code http_set_up(struct http_call *call, const struct http_request *r, struct err *e);
/* What a code of the library means here, with a sentence that holds no secret. */
enum http_result http_result_of(struct http_call *call, CURLcode code, char *why, size_t room);

#endif
