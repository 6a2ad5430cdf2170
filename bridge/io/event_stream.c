/*
 * event_stream - an event stream over http_client. SPDX-License-Identifier: MIT
 */
#include "bridge/io/event_stream.h"

#include "bridge/base/str.h"
#include "bridge/io/oneshot.h"

#include <stdlib.h>
#include <string.h>

enum { WAITING_MAX = 256 * 1024, WHY_ROOM = 200, HOST_ROOM = 100 };

struct event_stream {
    const struct event_stream_ops *ops;
    void *user;
    struct http_client *client;
    struct http_call *call;
    struct oneshot *later, *quiet;
    struct buf waiting;       /* came inside the library, where nothing may be ended */
    struct sse sse, *feeding; /* feeding: it is read from, and has moved away */
    bool answered, begun;
    int32_t quiet_ms;
    unsigned life;
    int busy;
    bool dead;
    char host[HOST_ROOM];
};

static void finish(struct event_stream *s)
{
    http_call_destroy(s->call);
    http_client_destroy(s->client);
    oneshot_destroy(s->later);
    oneshot_destroy(s->quiet);
    buf_finish(&s->waiting);
    sse_finish(&s->sse);
    free(s);
}

static void leave(struct event_stream *s)
{
    s->busy--;
    if (s->dead && s->busy == 0) {
        finish(s);
    }
}

static void drop(struct event_stream *s)
{
    http_cancel(s->call);
    oneshot_stop(s->later);
    oneshot_stop(s->quiet);
    s->life++;
    if (s->feeding) {
        sse_stop(s->feeding);
    }
}

static void end(struct event_stream *s, enum http_result result, const char *why)
{
    drop(s);
    s->ops->gone(
            s->user, &(struct http_gone){.result = result, .retry_after_s = -1, .why = why});
}

static void on_event(void *user, const struct sse_event *e)
{
    struct event_stream *s = user;

    s->ops->event(s->user, e);
}

/* Reads what waits; it may be over then. */
static void read_waiting(struct event_stream *s)
{
    struct buf b = s->waiting;
    struct sse mine = s->sse;
    unsigned life = s->life;
    bool fits = true;

    buf_init(&s->waiting, WAITING_MAX);
    memset(&s->sse, 0, sizeof(s->sse));
    if (s->answered && !s->begun) {
        s->begun = true;
        s->ops->open(s->user);
    }
    if (s->life == life) {
        s->feeding = &mine;
        fits = sse_feed(&mine, buf_text(&b), b.len);
        s->feeding = NULL;
    }
    if (s->life == life && fits) {
        s->sse = mine;
    } else {
        sse_finish(&mine);
    }
    buf_finish(&b);
    if (s->life == life && !fits) {
        end(s, HTTP_TOO_LARGE, "an event is too long");
    }
}

static void on_later(void *user)
{
    struct event_stream *s = user;

    s->busy++;
    read_waiting(s);
    leave(s);
}

static bool on_chunk(void *user, const char *p, size_t n)
{
    struct event_stream *s = user;

    s->answered = true;
    buf_add(&s->waiting, p, n);
    oneshot_start(s->later, 0);
    oneshot_start(s->quiet, (uint64_t)s->quiet_ms);
    return buf_ok(&s->waiting);
}

static void on_done(void *user, const struct http_answer *a)
{
    struct event_stream *s = user;
    unsigned life = s->life;
    char why[WHY_ROOM];

    s->busy++;
    read_waiting(s);
    if (s->life == life) {
        bool ended = a->result == HTTP_ANSWERED && a->status >= 200 && a->status <= 299;
        const struct http_gone g = {.result = ended ? HTTP_CUT : a->result,
                .status = a->status,
                .retry_after_s = a->retry_after_s,
                .why = ended ? why : a->why};

        (void)str_format(why, sizeof(why), "%s ended the event stream", s->host);
        drop(s);
        s->ops->gone(s->user, &g);
    }
    leave(s);
}

static void on_quiet(void *user)
{
    struct event_stream *s = user;
    char why[WHY_ROOM];

    s->busy++;
    (void)str_format(why, sizeof(why), "%s %s", s->host,
            s->begun ? "is silent for too long" : "did not answer in time");
    end(s, HTTP_TIMEOUT, why);
    leave(s);
}

struct event_stream *event_stream_create(
        uv_loop_t *loop, const struct event_stream_ops *ops, void *user, struct err *e)
{
    struct event_stream *s = calloc(1, sizeof(*s));

    if (!s) {
        err_set(e, ERR_NO_MEMORY, "event stream: out of memory");
        return NULL;
    }
    s->ops = ops;
    s->user = user;
    s->client = http_client_create(loop, e);
    s->call = s->client ? http_call_create(s->client, on_done, s, e) : NULL;
    s->later = oneshot_create(loop, on_later, s, e);
    s->quiet = oneshot_create(loop, on_quiet, s, e);
    if (!s->call || !s->later || !s->quiet) {
        finish(s);
        return NULL;
    }
    return s;
}

void event_stream_destroy(struct event_stream *s)
{
    if (s) {
        drop(s);
        s->dead = true;
        if (s->busy == 0) {
            finish(s);
        }
    }
}

enum err_code event_stream_open(
        struct event_stream *s, const struct http_request *r, int32_t quiet_ms, struct err *e)
{
    struct http_request x = *r;
    const char *p = strstr(r->url, "://");
    enum err_code code;

    drop(s);
    p = p ? p + 3 : r->url;
    (void)str_format(s->host, sizeof(s->host), "%.*s", (int)strcspn(p, "/?#"), p);
    buf_finish(&s->waiting);
    buf_init(&s->waiting, WAITING_MAX);
    sse_finish(&s->sse);
    sse_init(&s->sse, r->body_max, on_event, s);
    s->answered = s->begun = false;
    s->quiet_ms = quiet_ms;
    x.chunk = on_chunk;
    code = http_start(s->call, &x, e);
    if (code == ERR_OK) {
        oneshot_start(s->quiet, (uint64_t)r->timeout_ms);
    }
    return code;
}

void event_stream_close(struct event_stream *s)
{
    drop(s);
}
