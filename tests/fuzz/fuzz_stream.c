/*
 * fuzz_stream - WebSocket frames, the answer to the hand-shake and the lines of an event stream:
 * however the input is cut, the same comes out; a text is UTF-8, nothing is longer than its cap, a
 * control frame is short, and what breaks the rules has a phrase. What we write, with the mask taken
 * off, is read again as it was. SPDX-License-Identifier: MIT
 */
#include "bridge/base/sse.h"
#include "bridge/base/ws_frame.h"
#include "bridge/io/websocket_head.h"
#include "tests/fuzz/fuzz.h"

enum { CAP = 300 };

/* All that came out, as one number and a count. */
struct sum {
    uint64_t hash;
    int count;
    bool wrong;
};

static void add(struct sum *s, const char *p, size_t n)
{
    fuzz_check(p[n] == '\0', "no end behind %zu bytes", n);
    for (size_t i = 0; i <= n; i++) {
        s->hash = (s->hash ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
    }
    s->count++;
}

static bool same(const struct sum *a, const struct sum *b)
{
    return a->hash == b->hash && a->count == b->count && a->wrong == b->wrong;
}

/* A copy that ends where it ends. */
static char *copy_of(const uint8_t *p, size_t n)
{
    char *copy = malloc(n ? n : 1);

    fuzz_check(copy, "out of memory");
    memcpy(copy, p, n);
    return copy;
}

static void check_frame(const struct ws_got *got)
{
    bool control = got->kind >= WS_CLOSE;

    fuzz_check(got->kind != WS_CONTINUED, "a message of no kind");
    fuzz_check(got->len <= (control ? (size_t)WS_CONTROL_MAX : (size_t)CAP), "%zu bytes",
            got->len);
    for (size_t i = 0, n; got->kind == WS_TEXT && i < got->len; i += n) {
        n = str_utf8(got->body + i, got->len - i);
        fuzz_check(n > 0, "a text that is no UTF-8");
    }
}

static struct sum frames(const uint8_t *data, size_t size, size_t step)
{
    struct sum s = {.count = 0};
    struct ws_reader r;

    ws_reader_init(&r, CAP);
    for (size_t i = 0; i < size && !s.wrong; i += step) {
        size_t n = size - i < step ? size - i : step;
        char *copy = copy_of(data + i, n);
        const char *p = copy;
        struct ws_got got = {.body = NULL};

        for (enum ws_result x; !s.wrong && (x = ws_read(&r, &p, &n, &got)) != WS_MORE;) {
            s.wrong = x == WS_WRONG;
            if (s.wrong) {
                fuzz_sentence(got.body, 200);
            } else {
                check_frame(&got);
                add(&s, got.body, got.len);
            }
        }
        fuzz_check(s.wrong || n == 0, "%zu bytes were left", n);
        free(copy);
    }
    ws_reader_finish(&r);
    return s;
}

static void on_event(void *user, const struct sse_event *e)
{
    fuzz_check(e->len <= CAP, "%zu bytes", e->len);
    fuzz_check(strlen(e->event) > 0 && strlen(e->event) < SSE_EVENT_ROOM, "an event's name");
    add(user, e->event, strlen(e->event));
    add(user, e->data, e->len);
}

static struct sum events(const uint8_t *data, size_t size, size_t step)
{
    struct sum s = {.count = 0};
    struct sse x;

    sse_init(&x, CAP, on_event, &s);
    for (size_t i = 0; i < size && !s.wrong; i += step) {
        size_t n = size - i < step ? size - i : step;
        char *copy = copy_of(data + i, n);

        s.wrong = !sse_feed(&x, copy, n);
        free(copy);
    }
    sse_finish(&x);
    return s;
}

/* A masked frame is one that no server sends; without the mask bit and the mask it is. */
static void written(const uint8_t *data, size_t size)
{
    static const uint8_t none[WS_MASK_BYTES] = {0};
    size_t len = size < CAP ? size : CAP, head;
    struct ws_got got = {.body = NULL};
    struct ws_reader r;
    struct buf out;
    const char *p;
    size_t n;

    buf_init(&out, CAP + WS_HEAD_MAX);
    ws_write(&out, WS_BINARY, (const char *)data, len, none);
    fuzz_check(buf_ok(&out), "no room");
    fuzz_check((unsigned char)out.data[1] & 0x80, "not masked");
    out.data[1] = (char)((unsigned char)out.data[1] & 0x7f);
    head = len < 126 ? 2 : 4;
    memmove(out.data + head, out.data + head + WS_MASK_BYTES, len);
    ws_reader_init(&r, CAP);
    p = out.data;
    n = head + len;
    fuzz_check(ws_read(&r, &p, &n, &got) == WS_GOT && n == 0, "is not read again");
    fuzz_check(got.kind == WS_BINARY && got.len == len && memcmp(got.body, data, len) == 0,
            "is read as something else");
    ws_reader_finish(&r);
    buf_finish(&out);
}

static void greeting(const uint8_t *data, size_t size)
{
    const struct websocket_head h = {.host = "host", .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="};
    char *text = malloc(size + 1);
    int status = 0;

    fuzz_check(text, "out of memory");
    memcpy(text, data, size);
    text[size] = '\0';
    if (websocket_head_length(text) > 0) {
        const char *wrong = websocket_head_read(&h, text, &status);

        fuzz_check(websocket_head_length(text) <= strlen(text), "longer than it is");
        fuzz_check(wrong || (status >= 100 && status <= 999), "status %d", status);
        fuzz_check(wrong || status != 101 || strstr(text, h.accept), "a wrong accept is taken");
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {.p = data, .end = data + size};
    size_t step = (size_t)fuzz_u8(&in) % 7 + 1, left = (size_t)(in.end - in.p);
    struct sum whole = frames(in.p, left, left + 1), cut = frames(in.p, left, step);

    fuzz_check(same(&whole, &cut), "frames: %d and %d", whole.count, cut.count);
    whole = events(in.p, left, left + 1);
    cut = events(in.p, left, step);
    fuzz_check(same(&whole, &cut), "events: %d and %d", whole.count, cut.count);
    written(in.p, left);
    greeting(in.p, left);
    return 0;
}
