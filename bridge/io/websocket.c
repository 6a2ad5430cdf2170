/*
 * websocket - the hand-shake and the bytes of a WebSocket over a raw connection of http_client.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/websocket.h"

#include "bridge/base/buf.h"
#include "bridge/base/str.h"
#include "bridge/base/ws_frame.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/websocket_head.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    OUT_MAX = 128 * 1024, /* what waits to be sent; more: the other side reads no more */
    READ_ROOM = 16 * 1024,
    READS_A_TURN = 4, /* others want the loop, too */
    WHY_ROOM = 240,
};

enum state { STATE_CLOSED, STATE_CONNECTING, STATE_GREETING, STATE_OPEN };

struct websocket {
    uv_loop_t *loop; /* borrowed */
    const struct websocket_ops *ops;
    void *user;
    struct http_client *client; /* of its own: the library closes what idles among others */
    struct http_call *call;
    uv_poll_t *poll; /* frees itself */
    int events;
    struct oneshot *time, *more;
    enum state state;
    unsigned life; /* counts connections: what was called back may have begun another */
    int busy;      /* inside callbacks of ours */
    bool dead;     /* destroyed meanwhile */
    bool pinged;
    int32_t timeout_ms, quiet_ms;
    struct websocket_head head;
    struct buf in; /* the answer to the hand-shake */
    struct buf out;
    size_t out_sent;
    struct ws_reader reader;
};

static void finish(struct websocket *w)
{
    http_call_destroy(w->call);
    http_client_destroy(w->client);
    oneshot_destroy(w->time);
    oneshot_destroy(w->more);
    buf_finish(&w->in);
    buf_finish(&w->out);
    ws_reader_finish(&w->reader);
    memset(&w->head, 0, sizeof(w->head));
    free(w);
}

/* What calls the user back stands between these two. */
static void enter(struct websocket *w)
{
    w->busy++;
}

static void leave(struct websocket *w)
{
    w->busy--;
    if (w->dead && w->busy == 0) {
        finish(w);
    }
}

/* ---- the end ---- */

static void on_poll_closed(uv_handle_t *h)
{
    free(h);
}

static void drop(struct websocket *w)
{
    if (w->poll) {
        uv_poll_stop(w->poll);
        uv_close((uv_handle_t *)w->poll, on_poll_closed);
        w->poll = NULL;
    }
    http_cancel(w->call);
    oneshot_stop(w->time);
    oneshot_stop(w->more);
    buf_finish(&w->in);
    buf_finish(&w->out);
    ws_reader_finish(&w->reader);
    w->state = STATE_CLOSED;
    w->life++;
}

static void end(struct websocket *w, enum http_result result, const char *why)
{
    drop(w);
    w->ops->gone(
            w->user, &(struct http_gone){.result = result, .retry_after_s = -1, .why = why});
}

static void refused(struct websocket *w, int status, int32_t retry_after_s)
{
    drop(w);
    w->ops->gone(w->user, &(struct http_gone){.result = HTTP_ANSWERED,
                                  .status = status,
                                  .retry_after_s = retry_after_s,
                                  .why = ""});
}

static void lost(struct websocket *w, const char *what)
{
    char why[WHY_ROOM];

    (void)str_format(why, sizeof(why), "%s %s", w->head.host, what);
    end(w, HTTP_CUT, why);
}

/* ---- writing ---- */

static void on_ready(uv_poll_t *uv, int status, int events);

static void watch(struct websocket *w, int events)
{
    if (w->poll && events != w->events) {
        w->events = events;
        (void)uv_poll_start(w->poll, events, on_ready);
    }
}

/* False: the connection is lost. */
static bool flush(struct websocket *w)
{
    while (w->out_sent < w->out.len) {
        ptrdiff_t n =
                http_raw_write(w->call, w->out.data + w->out_sent, w->out.len - w->out_sent);

        if (n < 0) {
            return false;
        }
        if (n == 0) {
            watch(w, UV_READABLE | UV_WRITABLE);
            return true;
        }
        w->out_sent += (size_t)n;
    }
    buf_reset(&w->out);
    w->out_sent = 0;
    watch(w, UV_READABLE);
    return true;
}

static bool send_frame(struct websocket *w, enum ws_opcode kind, const char *p, size_t n)
{
    uint8_t mask[WS_MASK_BYTES];

    if (w->state != STATE_OPEN || w->out.len + n + WS_HEAD_MAX > OUT_MAX ||
            getrandom(mask, sizeof(mask), 0) != (ssize_t)sizeof(mask)) {
        return false;
    }
    ws_write(&w->out, kind, p, n, mask);
    /* What is lost shows at the next read, so that nobody is called back from here. */
    return buf_ok(&w->out) && flush(w);
}

/* ---- reading ---- */

static void closed_by_peer(struct websocket *w, const struct ws_got *got)
{
    char what[100] = "closed the connection";

    if (got->len >= 2) {
        (void)str_format(what, sizeof(what), "closed the connection (%d)",
                (unsigned char)got->body[0] << 8 | (unsigned char)got->body[1]);
    }
    (void)send_frame(w, WS_CLOSE, got->body, got->len < 2 ? 0 : 2);
    lost(w, what);
}

static void act(struct websocket *w, const struct ws_got *got)
{
    switch (got->kind) {
    case WS_TEXT:
        w->ops->text(w->user, got->body, got->len);
        break;
    case WS_PING:
        (void)send_frame(w, WS_PONG, got->body, got->len);
        break;
    case WS_CLOSE:
        closed_by_peer(w, got);
        break;
    case WS_CONTINUED:
    case WS_BINARY:
    case WS_PONG:
        break;
    }
}

static void feed(struct websocket *w, const char *p, size_t n)
{
    unsigned life = w->life;

    while (n > 0 && w->life == life) {
        struct ws_got got;
        enum ws_result x = ws_read(&w->reader, &p, &n, &got);

        if (x == WS_WRONG) {
            char what[WHY_ROOM];

            (void)str_format(what, sizeof(what), "broke the rules of WebSockets: %s", got.body);
            lost(w, what);
        } else if (x == WS_GOT) {
            act(w, &got);
        }
    }
}

static void greet(struct websocket *w, const char *p, size_t n)
{
    size_t head_len;
    int status;

    buf_add(&w->in, p, n);
    head_len = websocket_head_length(buf_text(&w->in));
    if (!buf_ok(&w->in) || (head_len == 0 && memchr(p, '\0', n))) {
        lost(w, "does not answer as a web server does");
    } else if (head_len > 0) {
        const char *wrong = websocket_head_read(&w->head, buf_text(&w->in), &status);
        unsigned life = w->life;

        if (status != 101 && !wrong) {
            refused(w, status, websocket_head_wait(buf_text(&w->in)));
        } else if (wrong) {
            lost(w, wrong);
        } else {
            struct buf rest = w->in;

            memset(&w->in, 0, sizeof(w->in));
            w->state = STATE_OPEN;
            oneshot_start(w->time, (uint64_t)w->quiet_ms);
            w->ops->open(w->user);
            if (w->life == life && !w->dead) {
                feed(w, rest.data + head_len, rest.len - head_len);
            }
            buf_finish(&rest);
        }
    }
}

static void heard(struct websocket *w)
{
    if (w->state == STATE_OPEN) {
        w->pinged = false;
        oneshot_start(w->time, (uint64_t)w->quiet_ms);
    }
}

static void read_all(struct websocket *w)
{
    char some[READ_ROOM];
    unsigned life = w->life;

    for (int i = 0; i < READS_A_TURN && w->life == life; i++) {
        ptrdiff_t n = http_raw_read(w->call, some, sizeof(some));

        if (n == 0) {
            return;
        }
        if (n < 0) {
            lost(w, w->state == STATE_OPEN ? "ended the connection"
                                           : "ended the connection instead of an answer");
            return;
        }
        heard(w);
        if (w->state == STATE_GREETING) {
            greet(w, some, (size_t)n);
        } else {
            feed(w, some, (size_t)n);
        }
    }
    if (w->life == life) {
        oneshot_start(w->more, 1); /* with 0 it would run again before anything else does */
    }
}

static void on_more(void *user)
{
    struct websocket *w = user;

    enter(w);
    if (w->state >= STATE_GREETING) {
        read_all(w);
    }
    leave(w);
}

static void on_ready(uv_poll_t *uv, int status, int events)
{
    struct websocket *w = uv->data;
    unsigned life = w->life;

    enter(w);
    if (status < 0 || ((events & UV_WRITABLE) && !flush(w))) {
        lost(w, "ended the connection");
    }
    if (w->life == life) {
        read_all(w);
    }
    leave(w);
}

static void on_time(void *user)
{
    struct websocket *w = user;
    char why[WHY_ROOM];

    enter(w);
    if (w->state == STATE_OPEN && !w->pinged) {
        w->pinged = true;
        (void)send_frame(w, WS_PING, "", 0);
        oneshot_start(w->time, (uint64_t)w->quiet_ms);
    } else {
        (void)str_format(why, sizeof(why), "%s %s", w->head.host,
                w->state == STATE_OPEN ? "is silent, and does not answer a ping"
                                       : "did not answer in time");
        end(w, HTTP_TIMEOUT, why);
    }
    leave(w);
}

/* ---- opening ---- */

static bool start_watching(struct websocket *w)
{
    int fd = http_raw_fd(w->call);

    w->poll = calloc(1, sizeof(*w->poll));
    if (fd < 0 || !w->poll || uv_poll_init_socket(w->loop, w->poll, fd) != 0) {
        free(w->poll);
        w->poll = NULL;
        return false;
    }
    w->poll->data = w;
    w->events = 0;
    return true;
}

static void on_connected(void *user, const struct http_answer *a)
{
    struct websocket *w = user;

    enter(w);
    if (a->result != HTTP_ANSWERED) {
        end(w, a->result, a->why);
    } else if (!start_watching(w) || !flush(w)) {
        lost(w, "ended the connection");
    } else {
        w->state = STATE_GREETING;
    }
    leave(w);
}

struct websocket *websocket_create(
        uv_loop_t *loop, const struct websocket_ops *ops, void *user, struct err *e)
{
    struct websocket *w = calloc(1, sizeof(*w));

    if (!w) {
        err_set(e, ERR_NO_MEMORY, "WebSocket: out of memory");
        return NULL;
    }
    w->loop = loop;
    w->ops = ops;
    w->user = user;
    w->client = http_client_create(loop, e);
    w->call = w->client ? http_call_create(w->client, on_connected, w, e) : NULL;
    w->time = oneshot_create(loop, on_time, w, e);
    w->more = oneshot_create(loop, on_more, w, e);
    if (!w->call || !w->time || !w->more) {
        finish(w);
        return NULL;
    }
    return w;
}

void websocket_destroy(struct websocket *w)
{
    if (w) {
        drop(w);
        w->dead = true;
        if (w->busy == 0) {
            finish(w);
        }
    }
}

enum err_code websocket_open(
        struct websocket *w, const struct http_request *r, int32_t quiet_ms, struct err *e)
{
    struct http_request x = *r;
    enum err_code code;

    drop(w);
    buf_init(&w->in, WEBSOCKET_HEAD_MAX);
    buf_init(&w->out, OUT_MAX);
    w->out_sent = 0;
    w->pinged = false;
    w->timeout_ms = r->timeout_ms;
    w->quiet_ms = quiet_ms;
    ws_reader_init(&w->reader, r->body_max);
    code = websocket_head_write(&w->head, r, &w->out, e);
    if (code == ERR_OK) {
        x.url = w->head.url;
        x.auth = HTTP_AUTH_NONE;
        x.headers = NULL;
        x.post = false;
        x.raw = true;
        code = http_start(w->call, &x, e);
    }
    if (code != ERR_OK) {
        drop(w);
        return code;
    }
    w->state = STATE_CONNECTING;
    oneshot_start(w->time, (uint64_t)r->timeout_ms);
    return ERR_OK;
}

void websocket_close(struct websocket *w)
{
    (void)send_frame(w, WS_CLOSE, "\x03\xe8", 2);
    drop(w);
}

bool websocket_send(struct websocket *w, const char *text, size_t n)
{
    return send_frame(w, WS_TEXT, text, n);
}
