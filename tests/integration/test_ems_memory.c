/*
 * test_ems_memory - ten thousand failures of energy systems leave no memory behind.
 *
 * Every system over HTTP takes part, with its options of tests/data/ems/options.json, and runs whole
 * rounds against a server in this process that does wrong in many ways.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/ems_round.h"
#include "tests/support/rig.h"

#include <malloc.h>
#include <unistd.h>

enum { FAILURES = 10000, WARM_UP = 3000, RSS_MAX = 256 * 1024, OPTIONS_ROOM = 64 * 1024 };

/* A sanitizer keeps what was freed for a while, so that it finds who uses it still. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1:thread_local_quarantine_size_kb=64";
}

static const char head[] = "Content-Type: application/json\r\n";
static const struct fault {
    const char *status, *body;
    bool cut; /* says more than it sends, and hangs up */
} faults[] = {
        {"500 No", "no", false},
        {"401 No", "who are you?", false},
        {"404 No", "no such page", false},
        {"429 No\r\nRetry-After: 7", "slow down", false},
        {"503 No", "", false},
        {"302 No\r\nLocation: /x", "", false},
        {"200 OK", "", false},
        {"200 OK", "{\"power\":12", false},
        {"200 OK", "<html><body>502 Bad Gateway</body></html>", false},
        {"200 OK", "<a><b>1</b><b x=\"2\">3</b></a>", false},
        {"200 OK", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", false},
        {"200 OK", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", false},
        {"200 OK", "[1,null,{\"a\":[true]}]", false},
        {"200 OK\r\nSet-Cookie: a=b", "{\"power\":{\"a\":[]},\"time\":\"x\",\"soc\":1e400}",
                false},
        {"200 OK", "\xff\xfe\x01", false},
        {"200 OK", "{\"power\":1}", true},
};

struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    char in[4096], out[1024];
};

struct run {
    uv_loop_t loop;
    uv_tcp_t server;
    int port;
    const struct fault *fault;
    struct http_client *client;
    int count, requests;
    enum ems_class class;
};

static struct run all;
static char options[OPTIONS_ROOM];

/* ---- a server ---- */

static void on_closed(uv_handle_t *h)
{
    test_free(h->data);
}

static void on_sent(uv_write_t *w, int status)
{
    struct peer *p = w->data;

    if ((status != 0 || all.fault->cut) && !uv_is_closing((uv_handle_t *)&p->tcp)) {
        uv_close((uv_handle_t *)&p->tcp, on_closed);
    }
}

static void give_room(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    struct peer *p = h->data;

    (void)n;
    *b = uv_buf_init(p->in, sizeof(p->in) - 1);
}

/* A request comes in one piece on the loopback; a body of a POST may come in a second one. */
static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct peer *p = s->data;
    const struct fault *f = all.fault;
    uv_buf_t out;

    (void)b;
    if (n < 0) {
        if (!uv_is_closing((uv_handle_t *)s)) {
            uv_close((uv_handle_t *)s, on_closed);
        }
        return;
    }
    p->in[n] = '\0';
    if (strncmp(p->in, "GET ", 4) != 0 && strncmp(p->in, "POST ", 5) != 0) {
        return;
    }
    (void)snprintf(p->out, sizeof(p->out), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s",
            f->status, head, strlen(f->body) + (f->cut ? 100 : 0), f->body);
    out = uv_buf_init(p->out, (unsigned)strlen(p->out));
    p->write.data = p;
    if (uv_write(&p->write, s, &out, 1, on_sent) != 0) {
        fail_msg("the server cannot write");
    }
}

static void on_peer(uv_stream_t *server, int status)
{
    struct peer *p = test_calloc(1, sizeof(*p));

    (void)status;
    p->tcp.data = p;
    uv_tcp_init(&all.loop, &p->tcp);
    if (uv_accept(server, (uv_stream_t *)&p->tcp) != 0 ||
            uv_read_start((uv_stream_t *)&p->tcp, give_room, on_read) != 0) {
        fail_msg("the server cannot take a connection");
    }
    uv_tcp_nodelay(&p->tcp, 1);
}

static void serve(void)
{
    struct sockaddr_in a;
    int n = sizeof(a);

    uv_ip4_addr("127.0.0.1", 0, &a);
    uv_tcp_init(&all.loop, &all.server);
    check_i64(uv_tcp_bind(&all.server, (struct sockaddr *)&a, 0), 0);
    check_i64(uv_listen((uv_stream_t *)&all.server, 16, on_peer), 0);
    check_i64(uv_tcp_getsockname(&all.server, (struct sockaddr *)&a, &n), 0);
    all.port = ntohs(a.sin_port);
}

/* ---- systems ---- */

static bool configure(const struct ems_adapter *a, void *config)
{
    struct opt_errors *errs = test_calloc(1, sizeof(*errs));
    struct json_object *v = json_parse(options, strlen(options), NULL);
    struct json_object *mine = json_member(v, a->name);
    struct ems_http *h = (struct ems_http *)(void *)((char *)config + a->http_offset);
    bool http = mine && !json_has(mine, "url") && !json_has(mine, "host") && a->request;

    if (http) {
        opt_parse(a->options, config, mine, a->name, errs);
        (void)str_format(h->url, sizeof(h->url), "http://127.0.0.1:%d", all.port);
    }
    json_put(v);
    test_free(errs);
    return http && ems_transport_of(a, config) == EMS_OVER_HTTP;
}

static void on_outcome(void *user, const struct ems_outcome *o)
{
    (void)user;
    all.count++;
    all.class = o->class;
    all.requests += o->requests;
}

struct system {
    _Alignas(8) char config[EMS_CONFIG_MAX];
    struct ems_session session;
    struct ems_round *round;
};

static int systems(struct system **out)
{
    struct err e = {0};
    int n = 0;

    for (size_t i = 0; ems_at(i) && n < 64; i++) {
        struct system *s = test_calloc(1, sizeof(*s));

        if (configure(ems_at(i), s->config)) {
            s->round = ems_round_create(
                    &all.loop, all.client, ems_at(i), s->config, &s->session, &e);
            assert_non_null(s->round);
            out[n++] = s;
        } else {
            test_free(s);
        }
    }
    return n;
}

/* ---- memory ---- */

static int64_t resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0;

    if (!f || fscanf(f, "%*d %ld", &pages) != 1) {
        fail_msg("no /proc/self/statm");
    }
    if (f) {
        fclose(f);
    }
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static void fail_once(struct system *s, const struct fault *f)
{
    int begin = all.count;

    all.fault = f;
    memset(&s->session, 0, sizeof(s->session));
    ems_round_start(s->round, 5000, on_outcome, NULL);
    assert_true(rig_until(&all.loop, &all.count, begin + 1, 10000));
}

static void ten_thousand_failures_leave_no_memory_behind(void **state)
{
    struct system *s[64];
    int64_t before = 0, grown;
    struct err e = {0};
    int n, failed = 0;

    (void)state;
    uv_loop_init(&all.loop);
    serve();
    all.client = http_client_create(&all.loop, &e);
    assert_non_null(all.client);
    n = systems(s);
    assert_true(n > 3);
    for (int i = 0; failed < WARM_UP + FAILURES; i++) {
        fail_once(s[i % n], &faults[(size_t)(i / n) % ARRAY_LEN(faults)]);
        failed += all.class != EMS_OK;
        assert_true(i < 4 * (WARM_UP + FAILURES)); /* most of them fail */
        if (before == 0 && failed == WARM_UP) {
            malloc_trim(0);
            before = resident();
        }
    }
    malloc_trim(0);
    grown = resident() - before;
    print_message("%d systems, %d requests, %d failures: %lld bytes more\n", n, all.requests,
            failed, (long long)grown);
    assert_true(grown <= RSS_MAX);
    for (int i = 0; i < n; i++) {
        ems_round_destroy(s[i]->round);
        test_free(s[i]);
    }
    http_client_destroy(all.client);
    uv_close((uv_handle_t *)&all.server, NULL);
    rig_close(&all.loop);
}

static int setup(void **state)
{
    FILE *f = fopen(TEST_DATA "/ems/options.json", "r");

    (void)state;
    if (!f || fread(options, 1, sizeof(options) - 1, f) == 0) {
        return -1;
    }
    return fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(ten_thousand_failures_leave_no_memory_behind),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
