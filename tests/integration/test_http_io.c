/*
 * test_http_io - the HTTP client against a server that checks logins and misbehaves
 * (tests/support/http_fake.py), clear and with TLS. SPDX-License-Identifier: MIT
 */
#include "bridge/base/buf.h"
#include "bridge/base/str.h"
#include "bridge/io/http_client.h"
#include "tests/support/rig.h"
#include "tests/support/servers.h"

#define USER     "meter"
#define PASSWORD "open sesame"
#define TOKEN    "t0ken/+ &=x"

enum { ROOM = 400 };

struct seen {
    int count;
    enum http_result result;
    int status;
    char body[ROOM], why[ROOM], cookies[ROOM];
    size_t len;
    int retry_after_s, latency_ms;
    struct http_call *end_it; /* destroyed in the callback */
    struct http_client *end_all;
};

struct rig {
    uv_loop_t loop;
    struct http_client *client;
    struct http_call *call;
    struct http_request request;
    struct seen seen;
    char url[ROOM];
};

static void on_done(void *user, const struct http_answer *a)
{
    struct seen *s = user;

    s->count++;
    s->result = a->result;
    s->status = a->status;
    s->len = a->len;
    s->retry_after_s = a->retry_after_s;
    s->latency_ms = a->latency_ms;
    (void)str_copy(s->body, sizeof(s->body), a->body);
    (void)str_copy(s->why, sizeof(s->why), a->why);
    (void)str_copy(s->cookies, sizeof(s->cookies), a->cookies);
    http_call_destroy(s->end_it);
    if (s->end_it) {
        http_client_destroy(s->end_all);
    }
    s->end_it = NULL;
}

static int start_servers(void **state)
{
    (void)state;
    return servers_start(TEST_SUPPORT, "http_fake.py");
}

static int setup(void **state)
{
    struct rig *r = test_calloc(1, sizeof(*r));
    struct err e = {0};

    uv_loop_init(&r->loop);
    r->client = http_client_create(&r->loop, &e);
    if (!r->client) {
        fail_msg("%s", e.text);
    }
    r->call = http_call_create(r->client, on_done, &r->seen, &e);
    r->request = (struct http_request){.timeout_ms = 5000, .body_max = BUF_CAP_HTTP};
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    http_call_destroy(r->call);
    http_client_destroy(r->client);
    rig_close(&r->loop);
    test_free(r);
    return 0;
}

static void begin(struct rig *r, bool tls, const char *path)
{
    struct err e = {0};

    (void)str_format(r->url, sizeof(r->url), "http%s://127.0.0.1:%d%s", tls ? "s" : "",
            tls ? servers.tls_port : servers.clear_port, path);
    r->request.url = r->url;
    r->seen = (struct seen){.count = 0};
    if (http_start(r->call, &r->request, &e) != ERR_OK) {
        fail_msg("%s", e.text);
    }
    check_i64(r->seen.count, 0);
}

static const struct seen *get(struct rig *r, bool tls, const char *path)
{
    begin(r, tls, path);
    assert_true(rig_until(&r->loop, &r->seen.count, 1, 10000));
    assert_null(strstr(r->seen.why, PASSWORD));
    assert_null(strstr(r->seen.why, "t0ken"));
    return &r->seen;
}

static void fresh_call(struct rig *r)
{
    http_call_destroy(r->call);
    r->call = http_call_create(r->client, on_done, &r->seen, NULL);
}

static void an_answer_comes_with_body_status_cookies_and_latency(void **state)
{
    struct rig *r = *state;
    static const char *const headers[] = {"Accept: application/json", NULL};

    r->request.headers = headers;
    check_i64(get(r, false, "/ok")->result, HTTP_ANSWERED);
    check_i64(r->seen.status, 200);
    check_str(r->seen.body, "{\"power\": 1234}");
    check_i64((int64_t)r->seen.len, 15);
    check_i64(r->seen.retry_after_s, -1);
    check_str(get(r, false, "/cookies")->cookies, "session=abc; other=1");
    check_i64(get(r, false, "/status/404")->status, 404);
    check_i64(get(r, false, "/busy")->status, 429);
    check_i64(r->seen.retry_after_s, 7);
    check_i64(get(r, false, "/redirect")->status, 302);
    r->request.post = true;
    r->request.body = "{\"cmd\":1}";
    check_str(get(r, false, "/echo")->body, "{\"cmd\":1}");
    r->request.post = false;
    check_i64((int64_t)get(r, false, "/echo")->len, 0);
}

static void every_kind_of_login_is_spoken(void **state)
{
    static const struct {
        const char *path;
        enum http_auth auth;
        const char *name;
    } rows[] = {{"/basic", HTTP_AUTH_BASIC, NULL}, {"/digest", HTTP_AUTH_DIGEST, NULL},
            {"/digest256", HTTP_AUTH_DIGEST, NULL}, {"/bearer", HTTP_AUTH_BEARER, NULL},
            {"/header", HTTP_AUTH_HEADER, "X-Key"}, {"/query?a=1", HTTP_AUTH_QUERY, "key"}};
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fresh_call(r);
        r->request.auth = rows[i].auth;
        r->request.auth_name = rows[i].name;
        r->request.username = USER;
        r->request.password = PASSWORD;
        r->request.token = TOKEN;
        for (int again = 0; again < 3; again++) {
            check_i64(get(r, false, rows[i].path)->status, 200);
            check_str(r->seen.body, "{\"power\": 1234}");
        }
        r->request.password = "wrong";
        r->request.token = "wrong";
        check_i64(get(r, false, rows[i].path)->result, HTTP_ANSWERED);
        assert_true(r->seen.status == 401 || r->seen.status == 403);
    }
    fresh_call(r);
    r->request.auth = HTTP_AUTH_NONE; /* the login of before is not sent along */
    check_i64(get(r, false, "/basic")->status, 401);
    check_i64(get(r, false, "/bearer")->status, 403);
}

static void a_device_that_restarted_takes_the_digest_of_a_new_nonce(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < 3; i++) {
        r->request.auth = HTTP_AUTH_DIGEST;
        r->request.username = USER;
        r->request.password = PASSWORD;
        check_i64(get(r, false, "/digest")->status, 200);
        check_i64(get(r, false, "/digest")->status, 200);
        r->request.auth = HTTP_AUTH_NONE;
        check_i64(get(r, false, "/restart")->status, 200);
    }
}

static void what_is_slow_cut_huge_or_no_http_ends_with_a_sentence(void **state)
{
    struct rig *r = *state;

    check_i64(get(r, false, "/cut")->result, HTTP_CUT);
    check_has(r->seen.why, "was cut off");
    check_i64(get(r, false, "/garbage")->result, HTTP_CUT);
    r->request.body_max = 100000;
    check_i64(get(r, false, "/huge")->result, HTTP_TOO_LARGE);
    check_has(r->seen.why, "larger than 100000 bytes");
    check_i64(get(r, false, "/headers")->result, HTTP_TOO_LARGE);
    r->request.timeout_ms = 300;
    check_i64(get(r, false, "/slow")->result, HTTP_TIMEOUT);
    check_has(r->seen.why, "did not answer within 0.3 s");
    check_i64(get(r, false, "/drip")->result, HTTP_TIMEOUT);
    r->request.timeout_ms = 5000;
    check_i64(get(r, false, "/ok")->status, 200); /* the handle works on */
}

static void who_hangs_up_after_each_answer_is_asked_anew(void **state)
{
    struct rig *r = *state;

    for (int i = 0; i < 100; i++) {
        check_i64(get(r, false, "/hangs-up")->result, HTTP_ANSWERED);
        check_i64(r->seen.status, 200);
    }
}

static void who_is_not_there_is_named_without_the_query(void **state)
{
    struct rig *r = *state;
    int port = free_port();
    struct err e = {0};

    (void)str_format(r->url, sizeof(r->url), "http://127.0.0.1:%d/x?key=secret", port);
    r->request.url = r->url;
    check_i64(http_start(r->call, &r->request, &e), ERR_OK);
    assert_true(rig_until(&r->loop, &r->seen.count, 1, 5000));
    check_i64(r->seen.result, HTTP_UNREACHABLE);
    check_has(r->seen.why, "does not answer: Connection refused");
    assert_null(strstr(r->seen.why, "secret"));
    r->seen.count = 0;
    r->request.url = "http://no-such-host.invalid/x?key=secret";
    check_i64(http_start(r->call, &r->request, &e), ERR_OK);
    assert_true(rig_until(&r->loop, &r->seen.count, 1, 10000));
    assert_true(r->seen.result == HTTP_UNREACHABLE || r->seen.result == HTTP_TIMEOUT);
    assert_null(strstr(r->seen.why, "secret"));
}

static void a_certificate_must_be_signed_pinned_or_waved_through(void **state)
{
    struct rig *r = *state;
    char other[100];

    check_i64(get(r, true, "/ok")->result, HTTP_TLS);
    check_has(r->seen.why, "self-signed certificate");
    r->request.ca_file = servers.cert;
    check_i64(get(r, true, "/ok")->status, 200);
    r->request.ca_file = NULL;
    fresh_call(r);
    r->request.insecure = true;
    check_i64(get(r, true, "/ok")->status, 200);
    r->request.insecure = false;
    check_i64(get(r, true, "/ok")->result, HTTP_TLS);
    r->request.fingerprint = servers.fingerprint;
    check_i64(get(r, true, "/ok")->status, 200);
    check_i64(get(r, true, "/ok")->status, 200);
    (void)str_copy(other, sizeof(other), servers.fingerprint);
    other[0] = other[0] == 'A' ? 'B' : 'A';
    r->request.fingerprint = other;
    check_i64(get(r, true, "/ok")->result, HTTP_TLS);
    check_has(r->seen.why, "has another fingerprint");
    r->request.fingerprint = servers.fingerprint;
    check_i64(get(r, true, "/ok")->status, 200);
    r->request.fingerprint = NULL;
    (void)str_format(r->url, sizeof(r->url), "https://127.0.0.1:%d/ok", servers.clear_port);
    r->request.url = r->url;
    r->seen.count = 0;
    check_i64(http_start(r->call, &r->request, NULL), ERR_OK);
    assert_true(rig_until(&r->loop, &r->seen.count, 1, 5000));
    check_i64(r->seen.result, HTTP_TLS);
}

static void what_cannot_be_asked_is_refused_at_once(void **state)
{
    static const char *const broken[] = {"X: a\r\nInjected: b", NULL};
    struct rig *r = *state;
    struct err e = {0};

    r->request.url = "http://127.0.0.1/";
    r->request.fingerprint = "12:34";
    check_i64(http_start(r->call, &r->request, &e), ERR_INVALID);
    r->request.fingerprint = NULL;
    r->request.headers = broken;
    check_i64(http_start(r->call, &r->request, &e), ERR_INVALID);
    r->request.headers = NULL;
    r->request.auth = HTTP_AUTH_BEARER;
    r->request.token = "a\r\nInjected: b";
    check_i64(http_start(r->call, &r->request, &e), ERR_INVALID);
    r->request.auth = HTTP_AUTH_NONE;
    r->request.url = "file:///etc/passwd";
    if (http_start(r->call, &r->request, &e) == ERR_OK) {
        assert_true(rig_until(&r->loop, &r->seen.count, 1, 2000));
        check_i64((int64_t)r->seen.len, 0);
        assert_int_not_equal(r->seen.result, HTTP_ANSWERED);
    }
}

static void a_call_ends_without_a_callback_and_all_may_end_in_one(void **state)
{
    struct rig *r = *state;
    int slow_ms = 0;

    begin(r, false, "/slow");
    rig_for(&r->loop, 100);
    http_cancel(r->call);
    rig_for(&r->loop, 50);
    check_i64(r->seen.count, 0);
    begin(r, false, "/slow");
    rig_for(&r->loop, 50);
    check_i64(get(r, false, "/ok")->status, 200); /* takes the place of the one under way */
    check_i64(r->seen.count, 1);
    for (uint64_t start = uv_hrtime(); slow_ms == 0;
            slow_ms = (int)((uv_hrtime() - start) / 1000000) + 1) {
        r->request.url = "http://no-such-host.invalid/";
        check_i64(http_start(r->call, &r->request, NULL), ERR_OK);
        rig_for(&r->loop, 5);
        http_cancel(r->call); /* does not wait for the name server */
    }
    assert_true(slow_ms < 500);
    begin(r, false, "/ok");
    r->seen.end_it = r->call;
    r->seen.end_all = r->client;
    assert_true(rig_until(&r->loop, &r->seen.count, 1, 5000));
    r->call = NULL;
    r->client = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(an_answer_comes_with_body_status_cookies_and_latency),
            TEST(every_kind_of_login_is_spoken),
            TEST(a_device_that_restarted_takes_the_digest_of_a_new_nonce),
            TEST(what_is_slow_cut_huge_or_no_http_ends_with_a_sentence),
            TEST(who_hangs_up_after_each_answer_is_asked_anew),
            TEST(who_is_not_there_is_named_without_the_query),
            TEST(a_certificate_must_be_signed_pinned_or_waved_through),
            TEST(what_cannot_be_asked_is_refused_at_once),
            TEST(a_call_ends_without_a_callback_and_all_may_end_in_one),
    };

    return cmocka_run_group_tests(tests, start_servers, servers_stop);
}
