/*
 * websocket - a WebSocket client on the loop, ws and wss.
 *
 * The connection and its TLS (CA, fingerprint, names, time-out) are those of http_client; frames
 * are those of base/ws_frame. The other side is pinged while it is silent and given up when it
 * stays so. Texts alone: what is binary is left out. No extensions. SPDX-License-Identifier: MIT
 */
#ifndef IO_WEBSOCKET_H
#define IO_WEBSOCKET_H

#include "bridge/io/http_client.h"

/* None is called from inside a function of this header; each may call any of them. */
struct websocket_ops {
    void (*open)(void *user);
    void (*text)(void *user, const char *text, size_t n); /* text[n] is NUL */
    /* Once after websocket_open, open or not: it is over. HTTP_ANSWERED: not with 101. */
    void (*gone)(void *user, const struct http_gone *g);
};

struct websocket;

/* ops and user are borrowed. */
struct websocket *websocket_create(
        uv_loop_t *loop, const struct websocket_ops *ops, void *user, struct err *e) MUST_CHECK;
void websocket_destroy(struct websocket *w); /* accepts NULL */

/* r: url (ws, wss, http or https), headers, auth (no digest), token..., ca_file, fingerprint,
 * insecure; timeout_ms until it is open; body_max for a message. quiet_ms: a ping after that
 * silence, the end after as much again. An open one is closed first, without a call of gone. */
enum err_code websocket_open(struct websocket *w, const struct http_request *r,
        int32_t quiet_ms, struct err *e) MUST_CHECK;
/* Ends it without a call of gone. */
void websocket_close(struct websocket *w);

/* False: it is not open, or has not taken what was sent before. */
bool websocket_send(struct websocket *w, const char *text, size_t n) MUST_CHECK;

#endif
