/*
 * test_ems_listen - what comes by itself, from a backend of the test's own. No network; the loop
 * runs for timers of no length. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/ems_listen.h"
#include "bridge/io/loop.h"
#include "tests/support/test.h"

#define SECRET "open+sesame"

/* ---- a backend that the test moves ---- */

static struct fake {
    const struct ems_listening *what;
    const struct ems_listen_ops *ops;
    void *user;
    int opened, closed, anew, n;
    char sent[40][80];
    bool full, broken;
} fake;

static void *fake_open(uv_loop_t *loop, const struct ems_listening *what,
        const struct ems_listen_ops *ops, void *user, struct err *e)
{
    (void)loop;
    if (fake.broken) {
        err_set(e, ERR_INVALID, "no such thing");
        return NULL;
    }
    fake.opened++;
    fake.what = what;
    fake.ops = ops;
    fake.user = user;
    return &fake;
}

static void fake_close(void *self)
{
    if (self) {
        fake.closed++;
    }
}

static bool fake_send(void *self, const char *text, size_t n)
{
    check_i64(self == &fake, true);
    if (!fake.full && fake.n < (int)ARRAY_LEN(fake.sent)) {
        (void)str_format(fake.sent[fake.n++], sizeof(fake.sent[0]), "%.*s", (int)n, text);
    }
    return !fake.full;
}

static void fake_again(void *self)
{
    check_i64(self == &fake, true);
    fake.anew++;
}

static const struct ems_backend backend = {
        .open = fake_open, .close = fake_close, .send = fake_send, .again = fake_again};
const struct ems_backend *const ems_backends[EMS_BACKENDS] = {[EMS_OVER_HTTP] = &backend};

/* ---- an adapter: "grid 5", "grid none", "greet", "bad", "no entry"; memo holds what to listen to ---- */

struct config {
    struct ems_http http;
    bool idle;
};

static const struct opt rows[] = {
        EMS_HTTP_ROWS(struct config, http, "Where it is."),
        {.name = NULL},
};

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    int64_t v;

    (void)config;
    check_i64(a->pushed && a->status == 200 && a->topic && a->cookies && a->content_type, true);
    check_i64(s->utc_ms > INT64_C(1700000000000), true);
    if (strncmp(a->body, "to ", 3) == 0) {
        (void)str_copy(s->memo, sizeof(s->memo), a->body + 3);
    } else if (strcmp(a->body, "bad") == 0) {
        err_set(e, ERR_IO, "cannot read " SECRET);
        return EMS_DATA;
    } else if (strcmp(a->body, "no entry") == 0) {
        err_set(e, ERR_REFUSED, "the token is not taken");
        return EMS_AUTH;
    } else if (strcmp(a->body, "grid none") == 0) {
        ems_say_none(out, EMS_GRID_W, "gone with " SECRET, SECRET);
    } else if (strncmp(a->body, "grid ", 5) == 0) {
        check_i64(str_int(a->body + 5, a->len - 5, &v), true);
        ems_say(out, EMS_GRID_W, v, 0, a->body);
    }
    return EMS_OK;
}

static bool listen_to(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;

    (void)str_format(out->url, sizeof(out->url), "ws://x/%s%s", s->token, s->memo);
    return !c->idle && i == 0;
}

static bool say(const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    (void)config;
    (void)s;
    (void)str_format(out->body, sizeof(out->body), "text %d", i);
    return i < 2;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    (void)config;
    (void)s;
    (void)out;
    return i == 0;
}

static const struct ems_adapter adapter = {.name = "test",
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .fields = fields,
        .parse = parse,
        .listen = listen_to,
        .say = say};

static enum ems_transport by_modbus(const void *config)
{
    (void)config;
    return EMS_OVER_MODBUS;
}

static enum ems_transport by_line(const void *config)
{
    (void)config;
    return EMS_OVER_LINE;
}

/* ---- the rig ---- */

struct rig {
    uv_loop_t loop;
    struct ems_adapter adapter;
    struct config config;
    struct ems_session session;
    struct ems_listen *listen;
    int heard;
    enum ems_class class;
    bool down, end_it;
    char why[240];
    struct ems_reports reports;
};

static void on_heard(void *user, const struct ems_heard *h)
{
    struct rig *r = user;

    r->heard++;
    r->class = h->class;
    r->down = h->down;
    r->reports = *h->reports;
    (void)str_copy(r->why, sizeof(r->why), h->why);
    if (r->end_it) {
        ems_listen_destroy(r->listen);
        r->listen = NULL;
    }
}

static bool begin(struct rig *r, int32_t quiet_ms)
{
    struct err e = {0};

    r->listen = ems_listen_create(&r->loop,
            &(struct ems_listening){.adapter = &r->adapter,
                    .config = &r->config,
                    .session = &r->session,
                    .timeout_ms = 1000,
                    .quiet_ms = quiet_ms},
            on_heard, r, &e);
    if (!r->listen) {
        (void)str_copy(r->why, sizeof(r->why), e.text);
    }
    return r->listen != NULL;
}

static int setup(void **state)
{
    struct rig *r = test_calloc(1, sizeof(*r));

    memset(&fake, 0, sizeof(fake));
    uv_loop_init(&r->loop);
    r->adapter = adapter;
    (void)str_copy(r->config.http.password, sizeof(r->config.http.password), SECRET);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    ems_listen_destroy(r->listen);
    loop_finish(&r->loop);
    check_i64(fake.closed, fake.opened);
    test_free(r);
    return 0;
}

static void message(const char *text)
{
    fake.ops->message(fake.user, &(struct ems_answer){.body = text, .len = strlen(text)});
}

/* Timers that are due; none of these tests waits for a later one. */
static void turn(struct rig *r)
{
    for (int i = 0; i < 3; i++) {
        uv_run(&r->loop, UV_RUN_NOWAIT);
    }
}

/* ---- tests ---- */

static void what_there_is_to_do_depends_on_adapter_and_config(void **state)
{
    struct rig *r = *state;

    check_i64(ems_listens(&r->adapter, &r->config), true);
    check_i64(ems_asks(&r->adapter, &r->config), false);
    r->config.idle = true;
    check_i64(ems_listens(&r->adapter, &r->config), false);
    r->adapter.request = request;
    check_i64(ems_asks(&r->adapter, &r->config), true);
    r->adapter.transport = by_line;
    check_i64(ems_listens(&r->adapter, &r->config), true);
    check_i64(ems_asks(&r->adapter, &r->config), false);
    r->adapter.transport = by_modbus;
    check_i64(ems_listens(&r->adapter, &r->config), false);
    check_i64(ems_asks(&r->adapter, &r->config), true);
}

static void a_message_becomes_reports_and_secrets_are_blotted_out(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 0));
    check_i64(r->heard, 0);
    check_i64(fake.what->timeout_ms, 1000);
    fake.ops->up(fake.user);
    check_i64(ems_listen_lives(r->listen), false);
    message("grid 5");
    check_i64(r->heard, 1);
    check_i64(r->class, EMS_OK);
    check_i64(r->down, false);
    check_i64(r->reports.field[EMS_GRID_W].value, 5);
    check_i64(r->reports.field[EMS_PV_W].said, EMS_SAID_NOTHING);
    check_i64(ems_listen_lives(r->listen), true);
    message("grid none");
    check_i64(r->reports.field[EMS_GRID_W].said, EMS_SAID_NONE);
    check_str(r->reports.field[EMS_GRID_W].why, "gone with ***");
    check_str(r->reports.field[EMS_GRID_W].raw, "***");
    message("bad");
    check_i64(r->class, EMS_DATA);
    check_str(r->why, "cannot read ***");
    check_i64(ems_listen_lives(r->listen), true);
}

static void a_greeting_says_nothing_about_the_source(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 0));
    fake.ops->up(fake.user);
    message("greet");
    check_i64(r->heard, 0);
    check_i64(ems_listen_lives(r->listen), false);
}

static void a_lost_connection_is_told_and_values_come_back_by_themselves(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 0));
    fake.ops->up(fake.user);
    message("grid 5");
    fake.ops->down(fake.user, EMS_UNREACHABLE, "no route to " SECRET);
    check_i64(r->class, EMS_UNREACHABLE);
    check_i64(r->down, true);
    check_str(r->why, "no route to ***");
    check_i64(ems_said(&r->reports), 0);
    check_i64(ems_listen_lives(r->listen), false);
    fake.ops->up(fake.user);
    check_i64(ems_listen_lives(r->listen), false); /* not before it gave something */
    message("grid 6");
    check_i64(ems_listen_lives(r->listen), true);
    check_i64(fake.opened, 1);
}

static void a_web_socket_is_told_each_text_once_for_each_opening(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 0));
    check_i64(fake.n, 0);
    fake.full = true;
    fake.ops->up(fake.user);
    check_i64(fake.n, 0);
    fake.full = false;
    message("greet"); /* what did not go is asked for again */
    check_i64(fake.n, 2);
    message("greet");
    check_i64(fake.n, 2);
    check_str(fake.sent[1], "text 1");
    fake.ops->down(fake.user, EMS_UNREACHABLE, "cut");
    message("greet");
    check_i64(fake.n, 2);
    fake.ops->up(fake.user);
    check_i64(fake.n, 4);
    check_str(fake.sent[2], "text 0");
}

static void other_things_to_listen_to_open_it_anew(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 0));
    fake.ops->up(fake.user);
    message("grid 5");
    turn(r);
    check_i64(fake.anew, 0);
    message("to elsewhere");
    check_i64(fake.anew, 0); /* never within a message */
    turn(r);
    check_i64(fake.anew, 1);
    check_i64(ems_listen_lives(r->listen), false);
    ems_listen_look(r->listen);
    turn(r);
    check_i64(fake.anew, 1);
    (void)str_copy(r->session.token, sizeof(r->session.token), "abcdefgh");
    ems_listen_look(r->listen);
    turn(r);
    check_i64(fake.anew, 2);
}

static void a_refusal_closes_it_and_only_a_new_login_opens_it_at_once(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 0));
    fake.ops->up(fake.user);
    message("no entry");
    check_i64(r->class, EMS_AUTH);
    message("bad");
    fake.ops->down(fake.user, EMS_UNREACHABLE, "hung up");
    check_i64(r->class, EMS_AUTH); /* what follows says nothing better */
    check_i64(fake.closed, 0);
    turn(r);
    check_i64(fake.closed, 1);
    ems_listen_look(r->listen);
    turn(r);
    check_i64(fake.opened, 1);
    (void)str_copy(r->session.token, sizeof(r->session.token), "a new one");
    ems_listen_look(r->listen);
    turn(r);
    check_i64(fake.opened, 2);
    fake.ops->down(fake.user, EMS_AUTH, "not welcome");
    turn(r);
    check_i64(fake.closed, 2);
}

static void silence_is_told_once(void **state)
{
    struct rig *r = *state;

    assert_true(begin(r, 1));
    while (r->heard == 0) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    check_i64(r->class, EMS_TIMEOUT);
    check_has(r->why, "nothing has come for 0 s");
    fake.ops->up(fake.user);
    turn(r);
    check_i64(r->heard, 1);
    message("grid 5");
    check_i64(r->heard, 2);
    while (r->heard == 2) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    check_i64(r->class, EMS_TIMEOUT);
    check_has(r->why, "connected, and nothing has come");
}

static void it_may_be_destroyed_in_its_callback(void **state)
{
    struct rig *r = *state;

    r->end_it = true;
    assert_true(begin(r, 0));
    fake.ops->up(fake.user);
    message("grid 5");
    assert_null(r->listen);
    check_i64(fake.closed, 1);
    assert_true(begin(r, 0));
    fake.ops->down(fake.user, EMS_AUTH, "no");
    assert_null(r->listen);
}

static void what_cannot_be_opened_says_why(void **state)
{
    struct rig *r = *state;

    fake.broken = true;
    assert_false(begin(r, 0));
    check_str(r->why, "no such thing");
    r->adapter.transport = by_modbus;
    assert_false(begin(r, 0));
    check_has(r->why, "cannot be listened to");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(what_there_is_to_do_depends_on_adapter_and_config),
            TEST(a_message_becomes_reports_and_secrets_are_blotted_out),
            TEST(a_greeting_says_nothing_about_the_source),
            TEST(a_lost_connection_is_told_and_values_come_back_by_themselves),
            TEST(a_web_socket_is_told_each_text_once_for_each_opening),
            TEST(other_things_to_listen_to_open_it_anew),
            TEST(a_refusal_closes_it_and_only_a_new_login_opens_it_at_once),
            TEST(silence_is_told_once),
            TEST(it_may_be_destroyed_in_its_callback),
            TEST(what_cannot_be_opened_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
