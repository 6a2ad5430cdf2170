/*
 * test_stream_io - WebSocket and event stream against a server that misbehaves
 * (tests/support/stream_fake.py), clear and with TLS. SPDX-License-Identifier: MIT
 */
#include "bridge/io/event_stream.h"
#include "bridge/io/websocket.h"
#include "tests/support/rig.h"
#include "tests/support/servers.h"

#define TOKEN "t0ken/+ &=x"

enum { ROOM = 400 };

struct seen {
    int opened, texts, gone, anything;
    enum http_result result;
    int status, wait_s;
    bool sent;
    char text[ROOM], why[ROOM];
    struct websocket *end_it, *answer_on; /* destroyed, written to in a callback */
    struct event_stream *end_stream;
};

struct rig {
    uv_loop_t loop;
    struct websocket *w;
    struct event_stream *s;
    struct http_request request;
    struct seen seen;
    char url[ROOM];
};

static int start_servers(void **state)
{
    (void)state;
    return servers_start(TEST_SUPPORT, "stream_fake.py");
}

static void end_all(struct seen *s)
{
    websocket_destroy(s->end_it);
    event_stream_destroy(s->end_stream);
    s->end_it = NULL;
    s->end_stream = NULL;
}

static void on_open(void *user)
{
    struct seen *s = user;

    s->opened++;
    s->anything++;
    s->sent = s->answer_on && websocket_send(s->answer_on, "hello", 5);
}

static void on_text(void *user, const char *text, size_t n)
{
    struct seen *s = user;

    s->texts++;
    s->anything++;
    (void)str_format(s->text, sizeof(s->text), "%.*s", (int)(n < 300 ? n : 300), text);
    end_all(s);
}

static void on_event(void *user, const struct sse_event *e)
{
    on_text(user, e->data, e->len);
}

static void on_gone(void *user, const struct http_gone *g)
{
    struct seen *s = user;

    s->gone++;
    s->anything++;
    s->result = g->result;
    s->status = g->status;
    s->wait_s = g->retry_after_s;
    (void)str_copy(s->why, sizeof(s->why), g->why);
    end_all(s);
}

static const struct websocket_ops socket_ops = {
        .open = on_open, .text = on_text, .gone = on_gone};
static const struct event_stream_ops stream_ops = {
        .open = on_open, .event = on_event, .gone = on_gone};

static int setup(void **state)
{
    struct rig *r = test_calloc(1, sizeof(*r));
    struct err e = {0};

    uv_loop_init(&r->loop);
    r->w = websocket_create(&r->loop, &socket_ops, &r->seen, &e);
    r->s = event_stream_create(&r->loop, &stream_ops, &r->seen, &e);
    if (!r->w || !r->s) {
        fail_msg("%s", e.text);
    }
    r->request = (struct http_request){.timeout_ms = 5000, .body_max = 100000};
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    websocket_destroy(r->w);
    event_stream_destroy(r->s);
    rig_close(&r->loop);
    test_free(r);
    return 0;
}

static void address(struct rig *r, const char *scheme, bool tls, const char *path)
{
    (void)str_format(r->url, sizeof(r->url), "%s%s://127.0.0.1:%d%s", scheme, tls ? "s" : "",
            tls ? servers.tls_port : servers.clear_port, path);
    r->request.url = r->url;
    r->seen = (struct seen){.answer_on = r->seen.answer_on};
}

static void open_socket(struct rig *r, bool tls, const char *path, int quiet_ms)
{
    struct err e = {0};

    address(r, "ws", tls, path);
    if (websocket_open(r->w, &r->request, quiet_ms, &e) != ERR_OK) {
        fail_msg("%s", e.text);
    }
    check_i64(r->seen.anything, 0);
}

static void open_stream(struct rig *r, bool tls, const char *path, int quiet_ms)
{
    struct err e = {0};

    address(r, "http", tls, path);
    if (event_stream_open(r->s, &r->request, quiet_ms, &e) != ERR_OK) {
        fail_msg("%s", e.text);
    }
    check_i64(r->seen.anything, 0);
}

static void hears(struct rig *r, bool tls, const char *path, const char *text)
{
    open_socket(r, tls, path, 10000);
    if (!rig_until(&r->loop, &r->seen.texts, 1, 5000)) {
        fail_msg("nothing from %s: %s (%d)", path, r->seen.why, r->seen.status);
    }
    check_str(r->seen.text, text);
    check_i64(r->seen.opened, 1);
}

static const struct seen *goes(struct rig *r, bool tls, const char *path)
{
    open_socket(r, tls, path, 10000);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 8000));
    assert_null(strstr(r->seen.why, "t0ken"));
    rig_for(&r->loop, 20);
    check_i64(r->seen.gone, 1);
    return &r->seen;
}

static void texts_come_whole_with_and_without_tls(void **state)
{
    struct rig *r = *state;

    hears(r, false, "/hello", "hello");
    hears(r, false, "/pieces", "hello");
    hears(r, false, "/binary", "hello");
    hears(r, false, "/pings", "are you there"); /* our pong brought it back */
    r->request.insecure = true;
    hears(r, true, "/hello", "hello");
    hears(r, true, "/pieces", "hello");
}

static void what_is_sent_comes_back(void **state)
{
    struct rig *r = *state;
    char *big = test_malloc(90000);

    assert_false(websocket_send(r->w, "early", 5));
    r->seen.answer_on = r->w; /* sent in the callback of open */
    r->request.insecure = true;
    for (int tls = 0; tls < 2; tls++) {
        hears(r, tls, "/echo", "hello");
        memset(big, 'x', 90000);
        assert_true(websocket_send(r->w, big, 90000));
        assert_true(rig_until(&r->loop, &r->seen.texts, 2, 5000));
        check_i64((int64_t)strspn(r->seen.text, "x"), 300);
    }
    test_free(big);
}

static void many_messages_come_in_order_and_are_not_lost_in_tls(void **state)
{
    struct rig *r = *state;

    r->request.insecure = true;
    for (int tls = 0; tls < 2; tls++) {
        open_socket(r, tls, "/burst", 10000);
        assert_true(rig_until(&r->loop, &r->seen.texts, 2000, 10000));
        check_has(r->seen.text, "1999:");
    }
}

static void every_login_but_digest_is_spoken(void **state)
{
    static const struct {
        const char *path;
        enum http_auth auth;
        const char *name;
    } rows[] = {{"/basic", HTTP_AUTH_BASIC, NULL}, {"/bearer", HTTP_AUTH_BEARER, NULL},
            {"/header", HTTP_AUTH_HEADER, "X-Key"}, {"/query?a=1", HTTP_AUTH_QUERY, "key"}};
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        r->request.auth = rows[i].auth;
        r->request.auth_name = rows[i].name;
        r->request.username = "meter";
        r->request.password = "open sesame";
        r->request.token = TOKEN;
        hears(r, false, rows[i].path, "hello");
        r->request.password = r->request.token = "wrong";
        check_i64(goes(r, false, rows[i].path)->result, HTTP_ANSWERED);
        check_i64(r->seen.status, rows[i].auth == HTTP_AUTH_QUERY ? 404 : 401);
        check_i64(r->seen.opened, 0);
    }
    r->request.auth = HTTP_AUTH_DIGEST;
    check_i64(websocket_open(r->w, &r->request, 1000, NULL), ERR_INVALID);
}

static void a_certificate_counts_as_with_any_request(void **state)
{
    struct rig *r = *state;
    char other[100];

    check_i64(goes(r, true, "/hello")->result, HTTP_TLS);
    r->request.ca_file = servers.cert;
    hears(r, true, "/hello", "hello");
    r->request.ca_file = NULL;
    r->request.fingerprint = servers.fingerprint;
    hears(r, true, "/hello", "hello");
    (void)str_copy(other, sizeof(other), servers.fingerprint);
    other[0] = other[0] == 'A' ? 'B' : 'A';
    r->request.fingerprint = other;
    check_i64(goes(r, true, "/hello")->result, HTTP_TLS);
    check_has(r->seen.why, "has another fingerprint");
}

static void what_breaks_the_rules_ends_with_a_sentence(void **state)
{
    static const struct {
        const char *path, *why;
    } rows[] = {{"/masked", "masks"}, {"/reserved", "reserved"}, {"/latin", "UTF-8"},
            {"/huge", "too long"}, {"/bye", "closed the connection (1001)"},
            {"/wrong-key", "its accept is wrong"}, {"/cut", "instead of an answer"},
            {"/garbage", "web server"}, {"/headers", "web server"}};
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_i64(goes(r, false, rows[i].path)->result, HTTP_CUT);
        check_has(r->seen.why, rows[i].why);
    }
    check_i64(goes(r, false, "/page")->result, HTTP_ANSWERED);
    check_i64(r->seen.status, 200);
    check_i64(goes(r, false, "/nowhere")->status, 404);
    check_i64(r->seen.wait_s, -1);
    check_i64(goes(r, false, "/busy")->status, 429);
    check_i64(r->seen.wait_s, 7);
    r->request.timeout_ms = 300;
    check_i64(goes(r, false, "/slow")->result, HTTP_TIMEOUT);
    check_has(r->seen.why, "did not answer in time");
}

static void who_is_silent_is_pinged_and_given_up(void **state)
{
    struct rig *r = *state;

    r->seen.answer_on = r->w;
    open_socket(r, false, "/echo", 60);
    rig_for(&r->loop, 500); /* answers our pings: stays */
    check_i64(r->seen.gone, 0);
    open_socket(r, false, "/mute", 60);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 2000));
    check_i64(r->seen.result, HTTP_TIMEOUT);
    check_has(r->seen.why, "does not answer a ping");
    check_i64(r->seen.texts, 1);
}

static void who_is_not_there_is_named_without_the_query(void **state)
{
    struct rig *r = *state;

    r->request.timeout_ms = 2000;
    (void)str_format(r->url, sizeof(r->url), "ws://127.0.0.1:%d/x?key=secret", free_port());
    r->request.url = r->url;
    check_i64(websocket_open(r->w, &r->request, 1000, NULL), ERR_OK);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_i64(r->seen.result, HTTP_UNREACHABLE);
    assert_null(strstr(r->seen.why, "secret"));
    r->request.url = "nothing";
    check_i64(websocket_open(r->w, &r->request, 1000, NULL), ERR_INVALID);
    r->request.url = "ws://a b/";
    check_i64(websocket_open(r->w, &r->request, 1000, NULL), ERR_INVALID);
}

static void the_loop_goes_on_under_a_flood(void **state)
{
    struct rig *r = *state;
    int turns = 0;

    open_socket(r, false, "/flood", 10000);
    for (uint64_t start = uv_hrtime(); uv_hrtime() - start < 500000000u; turns++) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    assert_true(r->seen.texts > 10);
    assert_true(turns > 10); /* sanitizers and a busy machine included */
}

static void a_socket_ends_in_a_callback_and_without_one(void **state)
{
    struct rig *r = *state;

    open_socket(r, false, "/hello", 1000);
    websocket_close(r->w); /* not even connected */
    rig_for(&r->loop, 50);
    check_i64(r->seen.anything, 0);
    hears(r, false, "/mute", "hello");
    websocket_close(r->w);
    rig_for(&r->loop, 50);
    check_i64(r->seen.gone, 0);
    hears(r, false, "/hello", "hello");
    open_socket(r, false, "/burst", 1000); /* in the place of the open one */
    r->seen.end_it = r->w;
    r->w = NULL;
    assert_true(rig_until(&r->loop, &r->seen.texts, 1, 5000));
    rig_for(&r->loop, 50);
    check_i64(r->seen.texts, 1);
    r->w = websocket_create(&r->loop, &socket_ops, &r->seen, NULL);
    open_socket(r, false, "/nowhere", 1000);
    r->seen.end_it = r->w;
    r->w = NULL;
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
}

/* ---- event streams ---- */

static void events_come_as_they_are_sent(void **state)
{
    struct rig *r = *state;

    r->request.insecure = true;
    for (int tls = 0; tls < 2; tls++) {
        open_stream(r, tls, "/events", 10000);
        assert_true(rig_until(&r->loop, &r->seen.texts, 1, 5000));
        check_i64(r->seen.opened, 1);
        assert_true(rig_until(&r->loop, &r->seen.texts, 2, 5000));
        check_str(r->seen.text, "two");
        check_i64(r->seen.gone, 0);
    }
    r->request.auth = HTTP_AUTH_BEARER;
    r->request.token = TOKEN;
    open_stream(r, false, "/events-bearer", 10000);
    assert_true(rig_until(&r->loop, &r->seen.texts, 2, 5000));
    r->request.token = "wrong";
    open_stream(r, false, "/events-bearer", 10000);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_i64(r->seen.status, 401);
    check_i64(r->seen.opened, 0);
}

static void a_stream_that_ends_is_silent_or_too_long_is_gone(void **state)
{
    struct rig *r = *state;

    open_stream(r, false, "/ends", 10000);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_i64(r->seen.texts, 1);
    check_i64(r->seen.result, HTTP_CUT);
    check_has(r->seen.why, "ended the event stream");
    open_stream(r, false, "/busy", 10000);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_i64(r->seen.status, 429);
    check_i64(r->seen.wait_s, 7);
    open_stream(r, false, "/quiet", 200);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_i64(r->seen.opened, 1); /* the head came */
    check_i64(r->seen.result, HTTP_TIMEOUT);
    check_has(r->seen.why, "is silent for too long");
    r->request.timeout_ms = 200;
    open_stream(r, false, "/slow", 10000);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_has(r->seen.why, "did not answer in time");
    check_i64(r->seen.opened, 0);
    r->request.timeout_ms = 5000;
    open_stream(r, false, "/long", 10000);
    assert_true(rig_until(&r->loop, &r->seen.gone, 1, 5000));
    check_i64(r->seen.result, HTTP_TOO_LARGE);
}

static void a_stream_ends_in_a_callback_and_without_one(void **state)
{
    struct rig *r = *state;

    open_stream(r, false, "/events", 10000);
    event_stream_close(r->s);
    rig_for(&r->loop, 50);
    check_i64(r->seen.anything, 0);
    open_stream(r, false, "/events", 10000);
    r->seen.end_stream = r->s;
    r->s = NULL;
    assert_true(rig_until(&r->loop, &r->seen.texts, 1, 5000));
    rig_for(&r->loop, 50);
    check_i64(r->seen.texts, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(texts_come_whole_with_and_without_tls),
            TEST(what_is_sent_comes_back),
            TEST(many_messages_come_in_order_and_are_not_lost_in_tls),
            TEST(every_login_but_digest_is_spoken),
            TEST(a_certificate_counts_as_with_any_request),
            TEST(what_breaks_the_rules_ends_with_a_sentence),
            TEST(who_is_silent_is_pinged_and_given_up),
            TEST(who_is_not_there_is_named_without_the_query),
            TEST(the_loop_goes_on_under_a_flood),
            TEST(a_socket_ends_in_a_callback_and_without_one),
            TEST(events_come_as_they_are_sent),
            TEST(a_stream_that_ends_is_silent_or_too_long_is_gone),
            TEST(a_stream_ends_in_a_callback_and_without_one),
    };

    return cmocka_run_group_tests(tests, start_servers, servers_stop);
}
