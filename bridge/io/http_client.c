/*
 * http_client - libcurl's multi interface on the loop: a poll handle for each of its sockets, one
 * timer. SPDX-License-Identifier: MIT
 */
#include "bridge/io/http_client.h"

#include "bridge/io/http_client_impl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_KEPT = 16 * 1024, WHY_ROOM = 240 };

struct http_api http_api;

/* A socket of the library; its handle is stopped before the library closes the descriptor. */
struct http_socket {
    uv_poll_t uv;
    struct http_client *client;
    curl_socket_t fd;
};

/* ---- the library ---- */

static bool open_library(struct err *e)
{
    static const char *const names[] = {
#define X(member, name) #name,
            HTTP_API(X)
#undef X
    };
    void *found[ARRAY_LEN(names)], *library;

    if (http_api.multi_init) {
        return true;
    }
    /* By this name it is the build with OpenSSL, whose parts are in the process anyway. */
    library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        err_set(e, ERR_NOT_FOUND, "libcurl.so.4 is not there: install the package libcurl4");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        found[i] = dlsym(library, names[i]);
        if (!found[i]) {
            err_set(e, ERR_NOT_FOUND, "libcurl.so.4 has no %s: it is too old", names[i]);
            return false;
        }
    }
    _Static_assert(sizeof(found) == sizeof(http_api), "functions and their names");
    memcpy(&http_api, found, sizeof(http_api));
    if (http_api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        memset(&http_api, 0, sizeof(http_api));
        err_set(e, ERR_NO_MEMORY, "libcurl.so.4 does not start");
        return false;
    }
    return true;
}

/* ---- what finished ---- */

static void tell(struct http_call *call, CURLcode code)
{
    char why[WHY_ROOM];
    struct http_answer a = {
            .cookies = call->cookies, .content_type = "", .retry_after_s = -1, .why = why};
    const char *type = NULL;
    long status = 0;
    curl_off_t retry_s = 0, total_us = 0;

    a.result = http_result_of(call, code, why, sizeof(why));
    (void)http_api.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)http_api.easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_s);
    if (http_api.easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type) {
        a.content_type = type;
    }
    (void)http_api.easy_getinfo(call->easy, CURLINFO_TOTAL_TIME_T, &total_us);
    a.status = (int)status;
    a.latency_ms = (int32_t)(total_us / 1000);
    if (retry_s > 0) {
        a.retry_after_s = retry_s < INT32_MAX ? (int32_t)retry_s : INT32_MAX;
    }
    a.body = buf_text(&call->body);
    a.len = call->body.len;
    call->fn(call->user, &a);
}

/* A digest that was sent unasked and refused: its nonce is too old, or the device restarted. The
 * refusal brought a new one, which the library would use in the next request only. */
static bool ask_again(struct http_call *call, CURLcode code)
{
    long status = 0;

    (void)http_api.easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!call->digest || code != CURLE_OK) {
        return false;
    }
    if (status != 401 || !call->has_nonce) {
        call->has_nonce = status != 401;
        return false;
    }
    call->has_nonce = false;
    http_begin(call);
    call->running = http_api.multi_add_handle(call->client->multi, call->easy) == CURLM_OK;
    return call->running;
}

/* A server may hang up on a kept connection just as we use it again; some do so after each answer
 * without saying it. Nothing was answered, so what only reads is asked once more. */
static bool ask_anew(struct http_call *call, CURLcode code)
{
    long connects = 1;

    if (call->raw || call->post || call->retried || call->header_bytes > 0 ||
            (code != CURLE_RECV_ERROR && code != CURLE_SEND_ERROR &&
                    code != CURLE_GOT_NOTHING) ||
            http_api.easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects) != CURLE_OK ||
            connects > 0) {
        return false;
    }
    call->retried = true;
    http_begin(call);
    (void)http_api.easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    call->running = http_api.multi_add_handle(call->client->multi, call->easy) == CURLM_OK;
    return call->running;
}

/* Tells of every call that finished; the last of ours on the stack frees a client that was
 * destroyed meanwhile. */
static void drain(struct http_client *c)
{
    CURLMsg *m;
    int left;

    while (!c->dead && (m = http_api.multi_info_read(c->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode code = m->data.result;

        if (m->msg != CURLMSG_DONE ||
                http_api.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private) != CURLE_OK) {
            continue;
        }
        struct http_call *call = (struct http_call *)(void *)private;

        /* A raw connection lives as long as its handle is there. */
        if (!call->raw || code != CURLE_OK) {
            (void)http_api.multi_remove_handle(c->multi, call->easy);
            call->running = false;
        }
        if (!ask_again(call, code) && !ask_anew(call, code)) {
            tell(call, code);
        }
    }
}

static void finish(struct http_client *c)
{
    (void)http_api.multi_cleanup(c->multi);
    oneshot_destroy(c->timer);
    free(c);
}

static void act(struct http_client *c, curl_socket_t fd, int events)
{
    int running;

    c->busy++;
    (void)http_api.multi_socket_action(c->multi, fd, events, &running);
    drain(c);
    c->busy--;
    if (c->dead && c->busy == 0) {
        finish(c);
    }
}

/* ---- sockets and the timer ---- */

static void on_ready(uv_poll_t *uv, int status, int events)
{
    struct http_socket *s = CONTAINER_OF(uv, struct http_socket, uv);
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;

    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(s->client, s->fd, flags);
}

static void on_closed(uv_handle_t *h)
{
    free(CONTAINER_OF((uv_poll_t *)(void *)h, struct http_socket, uv));
}

static struct http_socket *watch(struct http_client *c, curl_socket_t fd)
{
    struct http_socket *s = calloc(1, sizeof(*s));

    if (s && uv_poll_init_socket(c->loop, &s->uv, fd) != 0) {
        free(s);
        s = NULL;
    }
    if (s) {
        s->client = c;
        s->fd = fd;
        (void)http_api.multi_assign(c->multi, fd, s);
    }
    return s;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket)
{
    struct http_client *c = user;
    struct http_socket *s = socket;
    int events =
            (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            (void)http_api.multi_assign(c->multi, fd, NULL);
            uv_poll_stop(&s->uv);
            uv_close((uv_handle_t *)&s->uv, on_closed);
        }
        return 0;
    }
    s = s ? s : watch(c, fd);
    return s && uv_poll_start(&s->uv, events, on_ready) == 0 ? 0 : -1;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
    struct http_client *c = user;

    (void)multi;
    if (ms < 0) {
        oneshot_stop(c->timer);
    } else {
        oneshot_start(c->timer, (uint64_t)ms);
    }
    return 0;
}

static void on_time(void *user)
{
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- clients and calls ---- */

struct http_client *http_client_create(uv_loop_t *loop, struct err *e)
{
    struct http_client *c;

    if (!open_library(e)) {
        return NULL;
    }
    c = calloc(1, sizeof(*c));
    if (!c) {
        err_set(e, ERR_NO_MEMORY, "HTTP: out of memory");
        return NULL;
    }
    c->loop = loop;
    c->multi = http_api.multi_init();
    c->timer = oneshot_create(loop, on_time, c, e);
    if (!c->multi || !c->timer ||
            http_api.multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
            http_api.multi_setopt(c->multi, CURLMOPT_SOCKETDATA, (void *)c) != CURLM_OK ||
            http_api.multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
            http_api.multi_setopt(c->multi, CURLMOPT_TIMERDATA, (void *)c) != CURLM_OK) {
        err_set(e, ERR_NO_MEMORY, "HTTP: out of memory");
        finish(c);
        return NULL;
    }
    return c;
}

void http_client_destroy(struct http_client *c)
{
    if (c && c->busy > 0) {
        c->dead = true;
    } else if (c) {
        finish(c);
    }
}

struct http_call *http_call_create(
        struct http_client *c, http_done_fn *fn, void *user, struct err *e)
{
    struct http_call *call = calloc(1, sizeof(*call));

    if (call) {
        call->easy = http_api.easy_init();
    }
    if (!call || !call->easy) {
        free(call);
        err_set(e, ERR_NO_MEMORY, "HTTP: out of memory");
        return NULL;
    }
    call->client = c;
    call->fn = fn;
    call->user = user;
    buf_init(&call->body, BUF_CAP_HTTP);
    return call;
}

void http_cancel(struct http_call *call)
{
    if (call->running) {
        call->running = false;
        (void)http_api.multi_remove_handle(call->client->multi, call->easy);
    }
}

void http_call_destroy(struct http_call *call)
{
    if (call) {
        http_cancel(call);
        http_api.easy_cleanup(call->easy);
        http_api.slist_free_all(call->headers);
        buf_finish(&call->body);
        free(call);
    }
}

enum err_code http_start(struct http_call *call, const struct http_request *r, struct err *e)
{
    enum err_code code;

    http_cancel(call);
    buf_reset(&call->body);
    if (call->body.room > BODY_KEPT) {
        buf_finish(&call->body); /* one large answer is not remembered for ever */
        buf_init(&call->body, BUF_CAP_HTTP);
    }
    code = http_set_up(call, r, e);
    if (code != ERR_OK) {
        return code;
    }
    if (http_api.multi_add_handle(call->client->multi, call->easy) != CURLM_OK) {
        return err_set(e, ERR_NO_MEMORY, "HTTP: out of memory");
    }
    call->running = true;
    return ERR_OK;
}

/* ---- raw connections ---- */

int http_raw_fd(struct http_call *call)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    (void)http_api.easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
    return call->running && fd != CURL_SOCKET_BAD ? fd : -1;
}

static ptrdiff_t moved(CURLcode code, size_t n)
{
    return code == CURLE_OK ? (ptrdiff_t)n : code == CURLE_AGAIN ? 0 : -1;
}

ptrdiff_t http_raw_write(struct http_call *call, const void *p, size_t n)
{
    size_t sent = 0;
    CURLcode code = http_api.easy_send(call->easy, p, n, &sent);

    return moved(code, sent);
}

ptrdiff_t http_raw_read(struct http_call *call, void *p, size_t room)
{
    size_t got = 0;
    CURLcode code = http_api.easy_recv(call->easy, p, room, &got);

    return code == CURLE_OK && got == 0 ? -1 : moved(code, got);
}
