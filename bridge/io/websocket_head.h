/*
 * websocket_head - the hand-shake of a WebSocket: what is asked, and whether the answer fits.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_WEBSOCKET_HEAD_H
#define IO_WEBSOCKET_HEAD_H

#include "bridge/base/buf.h"
#include "bridge/io/http_client.h"

enum {
    WEBSOCKET_HEAD_MAX = 16 * 1024,
    WEBSOCKET_URL_ROOM = 2048,
    WEBSOCKET_HOST_ROOM = 128,
    WEBSOCKET_KEY_ROOM = 32
};

struct websocket_head {
    char url[WEBSOCKET_URL_ROOM];    /* with http or https in front: for the connection */
    char host[WEBSOCKET_HOST_ROOM];  /* host:port, for sentences */
    char accept[WEBSOCKET_KEY_ROOM]; /* what the answer must hold */
};

/* The request for r into out. */
enum err_code websocket_head_write(struct websocket_head *h, const struct http_request *r,
        struct buf *out, struct err *e) MUST_CHECK;

/* The length of the head that text begins with; 0: it is not whole. */
size_t websocket_head_length(const char *text);

/* Its status; NULL, or a phrase that says why it is no answer (then *status is 101 or 0). */
const char *websocket_head_read(const struct websocket_head *h, const char *text, int *status);

/* Its Retry-After in seconds; -1: it has none, or a date. */
int32_t websocket_head_wait(const char *text);

#endif
