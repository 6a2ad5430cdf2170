/*
 * ems_over_stream - messages of a WebSocket (ws, wss) or an event stream (http, https).
 *
 * Tries again for ever: at once after a connection that has lived, then backed off.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/core/ems_poll.h"
#include "bridge/ems_listen.h"
#include "bridge/ems_round.h"
#include "bridge/io/event_stream.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/websocket.h"

#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_MS = 2000,      /* after the first failure; then twice that, and so on */
    LIVED_MS = 30 * 1000, /* who was there so long is taken as well */
    PING_MS = 20 * 1000,
    SILENT_MS = 60 * 1000, /* an event stream says that it lives every few seconds */
};

struct stream {
    uv_loop_t *loop;
    const struct ems_listening *what;
    const struct ems_listen_ops *ops;
    void *user;
    struct websocket *socket;
    struct event_stream *events;
    struct oneshot *next; /* the next try */
    struct ems_poll poll;
    struct ems_request request;
    int64_t up_ms; /* 0: it is not open */
    bool told;     /* of this outage */
};

/* ---- the end of a connection ---- */

/* Whoever says again and again that he wants to be left alone for a little is left alone for longer
 * each time. */
static enum ems_poll_result result_of(
        const struct stream *s, enum ems_class class, int32_t retry_after_s)
{
    if (s->up_ms != 0 && loop_now_ms() - s->up_ms >= LIVED_MS) {
        return EMS_POLL_OK;
    }
    return class == EMS_AUTH                        ? EMS_POLL_REFUSED
           : class == EMS_RATE && retry_after_s < 0 ? EMS_POLL_TOO_OFTEN
                                                    : EMS_POLL_FAILED;
}

/* The last thing that a function does: s may be gone then. */
static void lost(struct stream *s, enum ems_class class, int32_t retry_after_s, const char *why)
{
    const struct ems_pace pace = {.interval_ms = AGAIN_MS,
            .cloud = ems_habit_of(s->what->adapter, s->what->config).cloud};
    int64_t wait_ms = ems_poll_wait(&s->poll, &pace, result_of(s, class, retry_after_s),
            retry_after_s, (uint32_t)uv_hrtime());
    bool told = s->told;

    s->up_ms = 0;
    s->told = true;
    oneshot_start(s->next, (uint64_t)wait_ms);
    if (!told || class == EMS_AUTH) {
        s->ops->down(s->user, class, why);
    }
}

static void on_gone(void *user, const struct http_gone *g)
{
    struct stream *s = user;
    struct err e = {0};
    enum ems_class class = ems_result_class(g->result);

    if (class != EMS_OK) {
        err_set(&e, ERR_IO, "%s", g->why);
    } else {
        class = ems_status_class(
                s->what->adapter, s->what->config, s->request.url, g->status, &e);
    }
    if (class == EMS_OK) {
        class = EMS_DATA;
        err_set(&e, ERR_IO, "it answers with a page (%d) instead of a stream; check url",
                g->status);
    }
    lost(s, class, g->retry_after_s, e.text);
}

/* ---- what comes ---- */

static void on_open(void *user)
{
    struct stream *s = user;

    s->up_ms = loop_now_ms();
    s->told = false;
    s->ops->up(s->user);
}

static void message(struct stream *s, const char *topic, const char *body, size_t len)
{
    const struct ems_answer a = {.pushed = true,
            .status = 200,
            .body = body,
            .len = len,
            .cookies = "",
            .content_type = "",
            .topic = topic};

    s->ops->message(s->user, &a);
}

static void on_text(void *user, const char *text, size_t n)
{
    message(user, "", text, n);
}

static void on_event(void *user, const struct sse_event *e)
{
    message(user, e->event, e->data, e->len);
}

/* ---- opening ---- */

static bool is_socket(const char *url)
{
    return strncmp(url, "ws://", 5) == 0 || strncmp(url, "wss://", 6) == 0;
}

static enum err_code connect_to(struct stream *s, struct err *e)
{
    static const struct websocket_ops socket_ops = {
            .open = on_open, .text = on_text, .gone = on_gone};
    static const struct event_stream_ops events_ops = {
            .open = on_open, .event = on_event, .gone = on_gone};
    const char *headers[EMS_HEADERS_MAX + 1];
    struct http_request r;

    ems_http_request(ems_http_of(s->what->adapter, s->what->config), &s->request, headers, &r);
    r.timeout_ms = s->what->timeout_ms;
    if (is_socket(s->request.url)) {
        s->socket = s->socket ? s->socket : websocket_create(s->loop, &socket_ops, s, e);
        return s->socket ? websocket_open(s->socket, &r, PING_MS, e) : ERR_NO_MEMORY;
    }
    for (int i = 0; i < EMS_HEADERS_MAX; i++) {
        if (!headers[i]) {
            headers[i] = "Accept: text/event-stream";
            headers[i + 1] = NULL;
            break;
        }
    }
    s->events = s->events ? s->events : event_stream_create(s->loop, &events_ops, s, e);
    return s->events ? event_stream_open(s->events, &r, SILENT_MS, e) : ERR_NO_MEMORY;
}

static void close_all(struct stream *s)
{
    if (s->socket) {
        websocket_close(s->socket);
    }
    if (s->events) {
        event_stream_close(s->events);
    }
    s->up_ms = 0;
}

static void on_next(void *user)
{
    struct stream *s = user;
    struct err e = {0};

    memset(&s->request, 0, sizeof(s->request));
    if (!s->what->adapter->listen(s->what->config, s->what->session, 0, &s->request)) {
        return; /* a login comes first: then we are told to try again */
    }
    if (connect_to(s, &e) != ERR_OK) {
        close_all(s);
        lost(s, EMS_DATA, -1, e.text);
    }
}

static void stream_close(void *self)
{
    struct stream *s = self;

    if (s) {
        websocket_destroy(s->socket);
        event_stream_destroy(s->events);
        oneshot_destroy(s->next);
        free(s);
    }
}

static void *stream_open(uv_loop_t *loop, const struct ems_listening *what,
        const struct ems_listen_ops *ops, void *user, struct err *e)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (!s) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", what->adapter->name);
        return NULL;
    }
    s->loop = loop;
    s->what = what;
    s->ops = ops;
    s->user = user;
    s->next = oneshot_create(loop, on_next, s, e);
    if (!s->next) {
        stream_close(s);
        return NULL;
    }
    oneshot_start(s->next, 0);
    return s;
}

static bool stream_send(void *self, const char *text, size_t n)
{
    struct stream *s = self;

    return s->socket && websocket_send(s->socket, text, n);
}

static void stream_again(void *self)
{
    struct stream *s = self;

    close_all(s);
    s->poll = (struct ems_poll){0};
    oneshot_start(s->next, 0);
}

const struct ems_backend ems_over_stream = {
        .open = stream_open, .close = stream_close, .send = stream_send, .again = stream_again};
