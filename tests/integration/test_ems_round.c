/*
 * test_ems_round - rounds of a system with a login of its own, against a server whose sessions end
 * after two readings. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/ems_round.h"
#include "tests/support/process.h"
#include "tests/support/rig.h"

enum { ROOM = 300 };

struct config {
    struct ems_http http;
    char path[64];
    bool any_status;
    const char *bearer, *login_user;
    bool elsewhere, login_basic;
};

static const struct opt rows[] = {
        EMS_HTTP_ROWS(struct config, http, "Where it is."),
        {.name = NULL},
};

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;

    if (i > 1) {
        return false;
    }
    (void)str_format(out->url, sizeof(out->url), "%s%s", c->http.url, i == 0 ? c->path : "/ok");
    (void)str_format(out->header[0], sizeof(out->header[0]), "X-Session: %s", s->token);
    out->any_status = i == 0 && c->any_status;
    out->bearer = i == 0 ? c->bearer : NULL;
    out->login_user = i == 0 ? c->login_user : NULL;
    out->login_basic = c->login_basic;
    out->login_password = "open sesame";
    out->elsewhere = i == 0 && c->elsewhere;
    return true;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct ems_tree t = {NULL};

    (void)config;
    if (a->status >= 500) { /* as far as it goes: any_status */
        s->wait_s = 300;
        err_set(e, ERR_IO, "it answers %d", a->status);
        return EMS_SERVER;
    }
    t.json = ems_json(a, e);
    if (!t.json) {
        return EMS_DATA;
    }
    ems_expr_say(&t, "power", a->i == 0 ? EMS_GRID_W : EMS_PV_W, 0, out);
    json_put(t.json);
    return EMS_OK;
}

static bool login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;

    (void)s;
    (void)str_format(out->url, sizeof(out->url), "%s/login", c->http.url);
    (void)str_format(out->body, sizeof(out->body), "password=%s", c->http.password);
    out->post = true;
    return i == 0;
}

static enum ems_class logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    struct json_object *v = ems_json(a, e);

    (void)config;
    if (!v) {
        return EMS_DATA;
    }
    json_as_text(json_member(v, "token"), s->token, sizeof(s->token));
    json_put(v);
    return EMS_OK;
}

static const struct ems_adapter adapter = {
        .name = "test",
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .request = request,
        .parse = parse,
        .login = login,
        .logged_in = logged_in,
};

struct rig {
    uv_loop_t loop;
    struct http_client *client;
    struct ems_round *round;
    struct config config;
    struct ems_session session;
    int count, requests;
    int32_t retry_after_s;
    enum ems_class class;
    char why[ROOM];
    struct ems_reports reports;
    bool end_it;
};

static pid_t server;
static int port;

static void on_outcome(void *user, const struct ems_outcome *o)
{
    struct rig *r = user;

    r->count++;
    r->class = o->class;
    r->requests = o->requests;
    r->retry_after_s = o->retry_after_s;
    r->reports = *o->reports;
    (void)str_copy(r->why, sizeof(r->why), o->why);
    if (r->end_it) {
        ems_round_destroy(r->round);
        r->round = NULL;
    }
}

static int setup(void **state)
{
    struct rig *r = test_calloc(1, sizeof(*r));
    char script[ROOM], number[16];
    const char *argv[] = {"/usr/bin/python3", script, number, NULL};
    struct err e = {0};

    (void)str_format(script, sizeof(script), "%s/http_fake.py", TEST_SUPPORT);
    port = free_port();
    (void)str_format(number, sizeof(number), "%d", port);
    server = process_start(argv, NULL, "/dev/null");
    uv_loop_init(&r->loop);
    (void)str_format(
            r->config.http.url, sizeof(r->config.http.url), "http://127.0.0.1:%d", port);
    (void)str_copy(r->config.http.password, sizeof(r->config.http.password), "open+sesame");
    (void)str_copy(r->config.path, sizeof(r->config.path), "/session");
    r->client = http_client_create(&r->loop, &e);
    r->round = r->client ? ems_round_create(&r->loop, r->client, &adapter, &r->config,
                                   &r->session, &e)
                         : NULL;
    *state = r;
    return r->round && port_answers(port, 10000) ? 0 : -1;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    ems_round_destroy(r->round);
    http_client_destroy(r->client);
    rig_close(&r->loop);
    process_kill(&server, SIGKILL);
    test_free(r);
    return 0;
}

static enum ems_class run(struct rig *r)
{
    r->count = 0;
    ems_round_start(r->round, 5000, on_outcome, r);
    check_i64(r->count, 0);
    assert_true(rig_until(&r->loop, &r->count, 1, 10000));
    assert_null(strstr(r->why, "sesame"));
    assert_null(strstr(r->why, "session-"));
    return r->class;
}

static void a_session_is_kept_and_made_anew_once_when_it_ended(void **state)
{
    static const int requests[] = {3, 2, 4, 2, 4}; /* login, two pages; 401, login, two pages */
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        check_i64(run(r), EMS_OK);
        check_i64(r->requests, requests[i]);
        check_i64(r->reports.field[EMS_GRID_W].value, 1234);
        check_i64(r->reports.field[EMS_PV_W].value, 1234);
        check_str(r->why, "");
    }
}

static void a_login_that_is_refused_is_not_tried_again_in_this_round(void **state)
{
    struct rig *r = *state;

    (void)str_copy(r->config.http.password, sizeof(r->config.http.password), "wrong one");
    check_i64(run(r), EMS_AUTH);
    check_i64(r->requests, 1);
    check_has(r->why, "/login answers 401: the login is not taken");
    (void)str_copy(r->config.path, sizeof(r->config.path), "/status/403");
    (void)str_copy(r->config.http.password, sizeof(r->config.http.password), "open+sesame");
    check_i64(run(r), EMS_AUTH); /* a new session does not help: login, 403, login, 403 */
    check_i64(r->requests, 4);
}

static void every_fault_has_its_class_and_what_was_read_before_it_counts(void **state)
{
    static const struct {
        const char *path;
        enum ems_class class;
        const char *why;
    } cases[] = {{"/status/404", EMS_NOT_FOUND, "check url"},
            {"/redirect", EMS_NOT_FOUND, "sends us to another address"},
            {"/status/400", EMS_NOT_FOUND, "does not take the request"},
            {"/status/500", EMS_SERVER, "a fault of its own"},
            {"/busy", EMS_RATE, "asked too often"}, {"/cut", EMS_UNREACHABLE, "cut off"},
            {"/html", EMS_DATA, "a web page"}, {"/list", EMS_DATA, "not JSON"},
            {"/nan", EMS_DATA, "not JSON"}, {"/garbage", EMS_UNREACHABLE, "no HTTP"},
            {"/huge", EMS_DATA, "larger than"}};
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)str_copy(r->config.path, sizeof(r->config.path), cases[i].path);
        check_i64(run(r), cases[i].class);
        check_has(r->why, cases[i].why);
        check_i64(ems_said(&r->reports), 0);
    }
    (void)str_copy(r->config.path, sizeof(r->config.path), "/null");
    check_i64(run(r), EMS_OK);
    check_i64(r->reports.field[EMS_GRID_W].said, EMS_SAID_NONE);
    check_i64(r->reports.field[EMS_PV_W].value, 1234);
}

static void an_adapter_that_judges_statuses_says_how_long_to_wait(void **state)
{
    struct rig *r = *state;

    (void)str_copy(r->config.path, sizeof(r->config.path), "/status/502");
    check_i64(run(r), EMS_SERVER);
    check_i64(r->retry_after_s, -1);
    r->config.any_status = true;
    check_i64(run(r), EMS_SERVER);
    check_str(r->why, "it answers 502");
    check_i64(r->retry_after_s, 300);
    (void)str_copy(r->config.path, sizeof(r->config.path), "/cut");
    check_i64(run(r), EMS_UNREACHABLE); /* no answer at all is not for it */
}

static void a_request_may_bring_its_own_bearer_token(void **state)
{
    struct rig *r = *state;

    (void)str_copy(r->config.path, sizeof(r->config.path), "/bearer");
    check_i64(run(r), EMS_AUTH);
    r->config.bearer = "t0ken/+ &=x";
    check_i64(run(r), EMS_OK);
    check_i64(r->reports.field[EMS_GRID_W].value, 1234);
}

static void a_request_may_bring_a_digest_login_or_none_for_another_server(void **state)
{
    struct rig *r = *state;

    (void)str_copy(r->config.path, sizeof(r->config.path), "/digest");
    check_i64(run(r), EMS_AUTH);
    r->config.login_user = "meter";
    check_i64(run(r), EMS_OK);
    r->config.login_basic = true;
    (void)str_copy(r->config.path, sizeof(r->config.path), "/basic");
    check_i64(run(r), EMS_OK);
    r->config.login_user = NULL;
    r->config.http.auth = EMS_AUTH_BASIC;
    (void)str_copy(r->config.http.username, sizeof(r->config.http.username), "meter");
    (void)str_copy(r->config.http.password, sizeof(r->config.http.password), "open sesame");
    (void)str_copy(r->config.path, sizeof(r->config.path), "/basic");
    r->config.elsewhere = true;
    check_i64(run(r), EMS_AUTH);
}

static void what_cannot_be_asked_is_told_from_the_loop_and_a_round_ends_in_its_callback(
        void **state)
{
    struct rig *r = *state;

    (void)str_copy(r->config.http.fingerprint, sizeof(r->config.http.fingerprint), "12");
    check_i64(run(r), EMS_DATA);
    r->config.http.fingerprint[0] = '\0';
    r->end_it = true;
    check_i64(run(r), EMS_OK);
    assert_null(r->round);
}

static void secrets_are_blotted_out_of_any_sentence(void **state)
{
    struct config c = {
            .http = {.url = "http://x/?key=hidden1", .password = "hidden2", .token = "abc"}};
    struct ems_session s = {.token = "hidden3"};
    char text[] = "at key=hidden1: hidden2 hidden3 hidden2abc";

    (void)state;
    ems_redact(&adapter, &c, &s, text);
    check_str(text, "at ***: *** *** ***abc"); /* too short to be a secret */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(a_session_is_kept_and_made_anew_once_when_it_ended),
            TEST(a_login_that_is_refused_is_not_tried_again_in_this_round),
            TEST(every_fault_has_its_class_and_what_was_read_before_it_counts),
            TEST(an_adapter_that_judges_statuses_says_how_long_to_wait),
            TEST(a_request_may_bring_its_own_bearer_token),
            TEST(a_request_may_bring_a_digest_login_or_none_for_another_server),
            TEST(what_cannot_be_asked_is_told_from_the_loop_and_a_round_ends_in_its_callback),
            cmocka_unit_test(secrets_are_blotted_out_of_any_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
