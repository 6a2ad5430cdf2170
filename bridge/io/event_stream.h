/*
 * event_stream - listens to an event stream (text/event-stream) over http_client.
 *
 * A stream that is silent for longer than it may be is over; so is one that ends by itself. Trying
 * again is the caller's affair. SPDX-License-Identifier: MIT
 */
#ifndef IO_EVENT_STREAM_H
#define IO_EVENT_STREAM_H

#include "bridge/base/sse.h"
#include "bridge/io/http_client.h"

/* None is called from inside a function of this header; each may call any of them. */
struct event_stream_ops {
    void (*open)(void *user); /* it answers */
    void (*event)(void *user, const struct sse_event *e);
    /* Once after event_stream_open: it is over. HTTP_ANSWERED: not with one of the 200s. */
    void (*gone)(void *user, const struct http_gone *g);
};

struct event_stream;

struct event_stream *event_stream_create(uv_loop_t *loop, const struct event_stream_ops *ops,
        void *user, struct err *e) MUST_CHECK;
void event_stream_destroy(struct event_stream *s); /* accepts NULL */

/* As http_start; timeout_ms until it answers, body_max for one event. quiet_ms: the longest
 * silence. An open one is ended first, without a call of gone. */
enum err_code event_stream_open(struct event_stream *s, const struct http_request *r,
        int32_t quiet_ms, struct err *e) MUST_CHECK;
/* Ends it without a call of gone. */
void event_stream_close(struct event_stream *s);

#endif
