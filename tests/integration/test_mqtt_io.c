/*
 * mqtt against a real mosquitto. SPDX-License-Identifier: MIT
 */
#include "bridge/io/loop.h"
#include "bridge/io/mqtt.h"
#include "tests/support/broker.h"
#include "tests/support/client.h"
#include "tests/support/rig.h"

struct fixture {
    uv_loop_t loop;
    struct broker_rig broker;
    struct client us, peer;
    int probes, reasons[16];
};

static void on_probe(void *user, int reason)
{
    struct fixture *f = user;

    f->reasons[f->probes++ % 16] = reason;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    *state = f;
    return broker_init(&f->broker) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mqtt_destroy(f->us.mqtt, 1000);
    mqtt_destroy(f->peer.mqtt, 1000);
    rig_close(&f->loop);
    broker_finish(&f->broker);
    test_free(f);
    return 0;
}

static void connect_as(
        struct fixture *f, struct client *c, const char *id, struct mqtt_config config)
{
    char url[100];
    struct err e = {.code = ERR_OK};

    snprintf(url, sizeof(url), "mqtt://127.0.0.1:%d", f->broker.port);
    config.url = config.url ? config.url : url;
    config.client_id = id;
    config.keep_alive_s = 10;
    c->mqtt = mqtt_create(&f->loop, &config, &client_ops, c, &e);
    if (!c->mqtt) {
        print_error("%s\n", e.text);
    }
    assert_non_null(c->mqtt);
}

static void connect_both(struct fixture *f)
{
    assert_true(broker_start(&f->broker, NULL));
    connect_as(f, &f->us, "us",
            (struct mqtt_config){.will_topic = "t/will", .will_payload = "dead"});
    connect_as(f, &f->peer, "peer", (struct mqtt_config){0});
    assert_true(rig_until(&f->loop, &f->us.ups, 1, 5000));
    assert_true(rig_until(&f->loop, &f->peer.ups, 1, 5000));
}

/* Returns when the broker has the subscription: a message to ourselves comes back after it. */
static void subscribe(struct fixture *f, struct client *c, const char *filter)
{
    int want;

    assert_true(mqtt_subscribe(c->mqtt, filter, 1));
    assert_true(mqtt_subscribe(c->mqtt, "sync", 1));
    want = c->messages + 1;
    for (int i = 0; i < 20 && c->messages < want; i++) {
        mqtt_publish(c->mqtt, "sync", "0", 1, MQTT_VOLATILE);
        if (rig_until(&f->loop, &c->messages, want, 500)) {
            break;
        }
    }
    assert_true(mqtt_unsubscribe(c->mqtt, "sync"));
    rig_for(&f->loop, 300);
    c->messages = 0;
}

static bool publish(struct client *c, const char *topic, const char *text, enum mqtt_retain r)
{
    return mqtt_publish(c->mqtt, topic, text, strlen(text), r);
}

static void it_connects_by_mqtt_5_and_messages_keep_their_order(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    check_i64(f->us.protocol, 5);
    check_i64(mqtt_protocol(f->us.mqtt), 5);
    assert_true(mqtt_is_up(f->us.mqtt));
    check_i64(f->us.downs, 0);
    subscribe(f, &f->us, "t/#");
    f->us.disorder = 0;
    for (int i = 1; i <= 300; i++) {
        char text[12];

        snprintf(text, sizeof(text), "%d", i);
        assert_true(publish(&f->peer, "t/number", text, MQTT_VOLATILE));
    }
    assert_true(rig_until(&f->loop, &f->us.messages, 300, 5000));
    check_i64(f->us.disorder, 0);
    check_str(f->us.last.topic, "t/number");
    check_i64((int64_t)mqtt_counters(f->peer.mqtt).connects, 1);
}

static void a_retained_message_is_told_from_a_live_one(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    assert_true(publish(&f->peer, "t/set", "old", MQTT_RETAINED));
    rig_for(&f->loop, 200);
    assert_true(mqtt_subscribe(f->us.mqtt, "t/set", 1));
    assert_true(rig_until(&f->loop, &f->us.messages, 1, 3000));
    check_str(f->us.last.payload, "old");
    assert_true(f->us.last.retained);
    assert_true(publish(&f->peer, "t/set", "new", MQTT_RETAINED));
    assert_true(rig_until(&f->loop, &f->us.messages, 2, 3000));
    check_str(f->us.last.payload, "new");
    assert_false(f->us.last.retained);
}

static void a_request_brings_response_topic_and_correlation_and_the_reply_has_them(void **state)
{
    struct fixture *f = *state;
    char number[12];
    const char *const argv[] = {"mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", number,
            "-q", "1", "-t", "t/set", "-m", "16", "-D", "publish", "response-topic", "t/answer",
            "-D", "publish", "correlation-data", "abc-1", NULL};

    connect_both(f);
    subscribe(f, &f->us, "t/set");
    subscribe(f, &f->peer, "t/answer");
    snprintf(number, sizeof(number), "%d", f->broker.port);
    assert_int_equal(process_run(argv, NULL, "/dev/null"), 0);
    assert_true(rig_until(&f->loop, &f->us.messages, 1, 3000));
    check_str(f->us.last.response, "t/answer");
    check_i64((int64_t)f->us.last.correlation_len, 5);
    check_str(f->us.last.correlation, "abc-1");
    assert_true(mqtt_reply(f->us.mqtt, f->us.last.response, "ok", 2,
            (const uint8_t *)f->us.last.correlation, f->us.last.correlation_len));
    assert_true(rig_until(&f->loop, &f->peer.messages, 1, 3000));
    check_str(f->peer.last.payload, "ok");
    check_i64((int64_t)f->peer.last.correlation_len, 5);
    check_str(f->peer.last.correlation, "abc-1");
    check_str(f->peer.last.response, "");
}

static void a_probe_tells_whether_anybody_subscribes(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    assert_true(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
    check_i64(f->probes, 0); /* never from inside */
    assert_true(rig_until(&f->loop, &f->probes, 1, 3000));
    check_i64(f->reasons[0], 0x10);
    subscribe(f, &f->peer, "t/probe");
    assert_true(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
    assert_true(rig_until(&f->loop, &f->probes, 2, 3000));
    check_i64(f->reasons[1], 0);
    mqtt_destroy(f->peer.mqtt, 500);
    f->peer.mqtt = NULL;
    rig_for(&f->loop, 600);
    assert_true(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
    assert_true(rig_until(&f->loop, &f->probes, 3, 3000));
    check_i64(f->reasons[2], 0x10);
}

static void at_most_eight_probes_are_under_way_and_a_loss_answers_them(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    kill(f->broker.pid, SIGSTOP);
    for (int i = 0; i < 8; i++) {
        assert_true(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
    }
    assert_false(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
    broker_kill(&f->broker);
    assert_true(rig_until(&f->loop, &f->probes, 8, 3000));
    for (int i = 0; i < 8; i++) {
        check_i64(f->reasons[i], -1);
    }
    assert_true(rig_until(&f->loop, &f->us.downs, 1, 3000));
    assert_false(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
}

static void it_is_back_soon_after_the_broker_is(void **state)
{
    struct fixture *f = *state;
    int64_t from;

    connect_both(f);
    broker_kill(&f->broker);
    assert_true(rig_until(&f->loop, &f->us.downs, 1, 3000));
    check_has(f->us.why, "lost");
    assert_false(publish(&f->us, "t/x", "1", MQTT_VOLATILE)); /* refused, not queued */
    check_i64(mqtt_protocol(f->us.mqtt), 0);
    check_i64((int64_t)mqtt_counters(f->us.mqtt).refused_out, 1);
    rig_for(&f->loop, 4000);
    check_i64(f->us.downs, 1); /* once an outage */
    assert_true(broker_start_nowait(&f->broker, NULL));
    from = loop_now_ms();
    assert_true(rig_until(&f->loop, &f->us.ups, 2, 5000));
    print_message("  back after %d ms\n", (int)(loop_now_ms() - from));
    assert_true(loop_now_ms() - from < 2600); /* 2 s of pause, and mosquitto's own start */
    check_i64(f->us.protocol, 5);
    subscribe(f, &f->us, "t/again");
    assert_true(publish(&f->us, "t/again", "7", MQTT_VOLATILE));
    assert_true(rig_until(&f->loop, &f->us.messages, 1, 3000));
}

static void a_wrong_password_is_a_sentence_and_it_goes_on(void **state)
{
    struct fixture *f = *state;
    char users[128], more[300];
    const char *const argv[] = {"mosquitto_passwd", "-c", "-b", users, "bridge", "right", NULL};

    broker_path(&f->broker, users, sizeof(users), "users");
    assert_int_equal(process_run(argv, NULL, "/dev/null"), 0);
    snprintf(more, sizeof(more), "allow_anonymous false\npassword_file %s", users);
    assert_true(broker_start(&f->broker, more));
    connect_as(f, &f->us, "us",
            (struct mqtt_config){.username = "bridge", .password = "wrong-secret"});
    assert_true(rig_until(&f->loop, &f->us.downs, 1, 3000));
    print_message("  %s\n", f->us.why);
    check_has(f->us.why, "password");
    assert_null(strstr(f->us.why, "wrong-secret"));
    rig_for(&f->loop, 3000);
    check_i64(f->us.downs, 1);
    check_i64(f->us.ups, 0);

    connect_as(f, &f->peer, "peer",
            (struct mqtt_config){.username = "bridge", .password = "right"});
    assert_true(rig_until(&f->loop, &f->peer.ups, 1, 3000));
    assert_true(mqtt_probe(f->peer.mqtt, "t/probe", on_probe, f)); /* it logs in as well */
    assert_true(rig_until(&f->loop, &f->probes, 1, 3000));
    check_i64(f->reasons[0], 0x10);

    broker_kill(&f->broker); /* the person repairs the broker */
    assert_true(broker_start(&f->broker, NULL));
    assert_true(rig_until(&f->loop, &f->us.ups, 1, 5000));
}

static void nobody_there_is_a_sentence(void **state)
{
    struct fixture *f = *state;

    connect_as(f, &f->us, "us", (struct mqtt_config){0});
    assert_true(rig_until(&f->loop, &f->us.downs, 1, 3000));
    print_message("  %s\n", f->us.why);
    check_has(f->us.why, "nobody answers");
    assert_true(broker_start(&f->broker, NULL));
    assert_true(rig_until(&f->loop, &f->us.ups, 1, 5000));
    check_i64(f->us.protocol, 5); /* the broker's start was not taken for an old version */
}

static void a_name_is_resolved(void **state)
{
    struct fixture *f = *state;
    char url[64];

    assert_true(broker_start(&f->broker, NULL));
    snprintf(url, sizeof(url), "mqtt://localhost:%d", f->broker.port);
    connect_as(f, &f->us, "us", (struct mqtt_config){.url = url});
    assert_true(rig_until(&f->loop, &f->us.ups, 1, 5000));
    connect_as(
            f, &f->peer, "peer", (struct mqtt_config){.url = "mqtt://no-such-broker.invalid"});
    assert_true(rig_until(&f->loop, &f->peer.downs, 1, 30000));
    check_has(f->peer.why, "was not found");
}

static void a_clean_end_sends_what_was_said_and_no_will(void **state)
{
    struct fixture *f = *state;

    connect_both(f);
    subscribe(f, &f->peer, "t/#");
    for (int i = 1; i <= 50; i++) {
        assert_true(publish(&f->us, "t/last", "x", MQTT_VOLATILE));
    }
    mqtt_destroy(f->us.mqtt, 250);
    f->us.mqtt = NULL;
    assert_true(rig_until(&f->loop, &f->peer.messages, 50, 3000));
    rig_for(&f->loop, 500);
    check_i64(f->peer.messages, 50);
    check_str(f->peer.last.topic, "t/last");
    check_i64(f->us.downs, 0); /* no callback after destroy */
}

static void it_may_be_destroyed_at_any_moment(void **state)
{
    struct fixture *f = *state;

    assert_true(broker_start(&f->broker, NULL));
    for (int ms = 0; ms < 30; ms += 3) {
        uint64_t before;

        f->us.ups = 0;
        connect_as(f, &f->us, "us", (struct mqtt_config){0});
        rig_for(&f->loop, (uint64_t)ms);
        before = uv_hrtime();
        mqtt_destroy(f->us.mqtt, 250);
        assert_true(uv_hrtime() - before < 50 * 1000000u); /* no call blocks */
        f->us.mqtt = NULL;
        f->us.ups = 0;
        rig_for(&f->loop, 20);
        check_i64(f->us.ups + f->us.downs, 0);
    }
}

static void a_flood_is_bounded_and_counted(void **state)
{
    struct fixture *f = *state;
    enum { LINES = 12000 };
    char number[12], path[128];
    const char *const argv[] = {"mosquitto_pub", "-h", "127.0.0.1", "-p", number, "-q", "0",
            "-t", "t/flood", "-l", NULL};
    struct mqtt_counters c;
    struct timespec pause = {.tv_sec = 2};
    FILE *file;

    connect_both(f);
    subscribe(f, &f->us, "t/flood");
    broker_path(&f->broker, path, sizeof(path), "lines");
    file = fopen(path, "w");
    for (int i = 1; i <= LINES; i++) {
        fprintf(file, "%d\n", i);
    }
    fclose(file);
    snprintf(number, sizeof(number), "%d", f->broker.port);
    f->us.disorder = 0;
    assert_int_equal(process_run(argv, path, "/dev/null"), 0); /* while the loop does nothing */
    nanosleep(&pause, NULL);
    rig_for(&f->loop, 1000);
    c = mqtt_counters(f->us.mqtt);
    print_message("  %d came in, %d dropped\n", f->us.messages, (int)c.dropped_in);
    assert_true(f->us.messages >= 4096);
    assert_true(c.dropped_in > 0);
    check_i64(f->us.messages + (int64_t)c.dropped_in, LINES);
    check_i64(f->us.disorder, 0);
    assert_true(mqtt_is_up(f->us.mqtt));
}

static void a_payload_that_is_too_big_is_dropped_and_counted(void **state)
{
    struct fixture *f = *state;
    static char big[MQTT_PACKET_IN_MAX + 1];

    connect_both(f);
    subscribe(f, &f->us, "t/big");
    memset(big, '1', sizeof(big));
    assert_true(mqtt_publish(f->peer.mqtt, "t/big", big, sizeof(big), MQTT_VOLATILE));
    assert_true(mqtt_publish(f->peer.mqtt, "t/big", "2", 1, MQTT_VOLATILE));
    assert_true(rig_until(&f->loop, &f->us.messages, 1, 3000));
    check_str(f->us.last.payload, "2");
    check_i64((int64_t)mqtt_counters(f->us.mqtt).dropped_in, 1);
}

/* ---- TLS ---- */

static void make_certificates(const struct broker_rig *b)
{
    static const char script[] =
            "set -e; cd \"$0\"\n"
            "for ca in ca other; do openssl req -x509 -newkey rsa:2048 -nodes -days 2"
            " -subj \"/CN=test $ca\" -keyout $ca.key -out $ca.crt; done\n"
            "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout s.key -out s.csr\n"
            "printf 'subjectAltName=DNS:localhost' > s.ext\n"
            "openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2"
            " -extfile s.ext -out s.crt\n"
            "openssl req -newkey rsa:2048 -nodes -subj /CN=bridge -keyout c.key -out c.csr\n"
            "openssl x509 -req -in c.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2"
            " -out c.crt\n";
    const char *const argv[] = {"sh", "-c", script, b->dir, NULL};

    assert_int_equal(process_run(argv, NULL, "/dev/null"), 0);
}

struct tls_try {
    struct mqtt_config config;
    const char *part; /* of what on_down says; NULL: connects, and a probe is answered */
};

static void try_tls(struct fixture *f, const struct tls_try *t)
{
    memset(&f->peer, 0, sizeof(f->peer));
    connect_as(f, &f->peer, "peer", t->config);
    assert_true(rig_until(&f->loop, t->part ? &f->peer.downs : &f->peer.ups, 1, 5000));
    if (t->part) {
        print_message("  %s\n", f->peer.why);
        check_has(f->peer.why, t->part);
        check_i64(f->peer.ups, 0);
    } else {
        check_i64(f->peer.protocol, 5);
        f->probes = 0;
        assert_true(mqtt_probe(f->peer.mqtt, "t/probe", on_probe, f));
        assert_true(rig_until(&f->loop, &f->probes, 1, 3000));
        check_i64(f->reasons[0], 0x10);
    }
    mqtt_destroy(f->peer.mqtt, 500);
    f->peer.mqtt = NULL;
    rig_for(&f->loop, 100);
}

static void start_tls_broker(struct fixture *f, const char *option)
{
    const char *dir = f->broker.dir;
    char more[600];

    make_certificates(&f->broker);
    snprintf(more, sizeof(more),
            "allow_anonymous true\ncafile %s/ca.crt\ncertfile %s/s.crt\nkeyfile %s/s.key\n%s",
            dir, dir, dir, option);
    assert_true(broker_start(&f->broker, more));
}

static void tls_is_checked_against_the_ca_unless_told_not_to(void **state)
{
    struct fixture *f = *state;
    char good[128], bad[128], by_name[64], by_ip[64];

    start_tls_broker(f, "");
    broker_path(&f->broker, good, sizeof(good), "ca.crt");
    broker_path(&f->broker, bad, sizeof(bad), "other.crt");
    snprintf(by_name, sizeof(by_name), "mqtts://localhost:%d", f->broker.port);
    snprintf(by_ip, sizeof(by_ip), "mqtts://127.0.0.1:%d", f->broker.port);

    const struct tls_try tries[] = {
            {{.url = by_name, .ca_file = good}, NULL},
            {{.url = by_name, .ca_file = bad}, "certificate verify failed"},
            {{.url = by_name}, "certificate verify failed"}, /* the system's CAs */
            {{.url = by_name, .ca_file = "/no/such/file"}, "cannot be read"},
            {{.url = by_ip, .ca_file = good}, "another name"},
            {{.url = by_ip, .insecure = true}, NULL},
            {{.url = by_name, .ca_file = bad, .insecure = true}, NULL},
    };

    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        try_tls(f, &tries[i]);
    }
}

static void a_broker_that_wants_a_certificate_gets_ours(void **state)
{
    struct fixture *f = *state;
    char ca[128], cert[128], key[128], other[128], url[64];

    start_tls_broker(f, "require_certificate true");
    broker_path(&f->broker, ca, sizeof(ca), "ca.crt");
    broker_path(&f->broker, cert, sizeof(cert), "c.crt");
    broker_path(&f->broker, key, sizeof(key), "c.key");
    broker_path(&f->broker, other, sizeof(other), "other.key");
    snprintf(url, sizeof(url), "mqtts://localhost:%d", f->broker.port);

    const struct tls_try tries[] = {
            {{.url = url, .ca_file = ca, .cert_file = cert, .key_file = key}, NULL},
            {{.url = url, .ca_file = ca}, "the broker wants a certificate"},
            {{.url = url, .ca_file = ca, .cert_file = cert, .key_file = other},
                    "the key is not its key"},
            {{.url = url, .ca_file = ca, .cert_file = "/no/such/file", .key_file = key},
                    "the certificate file '/no/such/file' cannot be read"},
            {{.url = url, .ca_file = ca, .cert_file = cert, .key_file = "/no/such/file"},
                    "the key file '/no/such/file' cannot be read"},
    };

    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        try_tls(f, &tries[i]);
    }
}

/* ---- a fake: mosquitto cannot be told to refuse MQTT 5 ---- */

/* Not a broker: closes on a CONNECT of level 5, accepts one of level 4, answers pings. */
struct fake {
    uv_tcp_t server;
    int connects5, connects4;
};

static void on_fake_closed(uv_handle_t *h)
{
    free(h);
}

static void on_fake_alloc(uv_handle_t *h, size_t n, uv_buf_t *b)
{
    static char room[4096];

    (void)h;
    (void)n;
    *b = uv_buf_init(room, sizeof(room));
}

static void on_fake_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    struct fake *fake = s->data;
    static char connack[] = {0x20, 2, 0, 0}, pong[] = {(char)0xD0, 0};
    uv_buf_t out = uv_buf_init(connack, sizeof(connack));

    if (n < 0) {
        uv_close((uv_handle_t *)s, on_fake_closed);
        return;
    }
    if (n > 8 && b->base[0] == 0x10 && b->base[8] == 5) {
        fake->connects5++;
        uv_close((uv_handle_t *)s, on_fake_closed);
    } else if (n > 8 && b->base[0] == 0x10 && b->base[8] == 4) {
        fake->connects4++;
        uv_try_write(s, &out, 1);
    } else if (n >= 2 && b->base[0] == (char)0xC0) {
        out = uv_buf_init(pong, sizeof(pong));
        uv_try_write(s, &out, 1);
    }
}

static void on_fake_client(uv_stream_t *server, int status)
{
    uv_tcp_t *c = calloc(1, sizeof(*c));

    (void)status;
    uv_tcp_init(server->loop, c);
    c->data = server->data;
    uv_accept(server, (uv_stream_t *)c);
    uv_read_start((uv_stream_t *)c, on_fake_alloc, on_fake_read);
}

static void an_old_broker_gets_mqtt_3_1_1(void **state)
{
    struct fixture *f = *state;
    struct fake fake = {.connects5 = 0};
    struct sockaddr_in a;

    uv_tcp_init(&f->loop, &fake.server);
    fake.server.data = &fake;
    uv_ip4_addr("127.0.0.1", f->broker.port, &a);
    assert_int_equal(uv_tcp_bind(&fake.server, (const struct sockaddr *)&a, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&fake.server, 5, on_fake_client), 0);
    connect_as(f, &f->us, "us", (struct mqtt_config){0});
    assert_true(rig_until(&f->loop, &f->us.ups, 1, 10000));
    check_i64(f->us.protocol, 4);
    check_i64(f->us.downs, 0); /* both versions are one try */
    check_i64(fake.connects5, 1);
    check_i64(fake.connects4, 1);
    assert_true(mqtt_reply(f->us.mqtt, "t/x", "1", 1, (const uint8_t *)"c", 1));
    assert_true(mqtt_probe(f->us.mqtt, "t/probe", on_probe, f));
    assert_true(rig_until(&f->loop, &f->probes, 1, 3000));
    check_i64(f->reasons[0], -1);
    mqtt_destroy(f->us.mqtt, 250);
    f->us.mqtt = NULL;
    rig_for(&f->loop, 400);
    uv_close((uv_handle_t *)&fake.server, NULL);
    rig_for(&f->loop, 50);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(it_connects_by_mqtt_5_and_messages_keep_their_order),
            TEST(a_retained_message_is_told_from_a_live_one),
            TEST(a_request_brings_response_topic_and_correlation_and_the_reply_has_them),
            TEST(a_probe_tells_whether_anybody_subscribes),
            TEST(at_most_eight_probes_are_under_way_and_a_loss_answers_them),
            TEST(it_is_back_soon_after_the_broker_is),
            TEST(a_wrong_password_is_a_sentence_and_it_goes_on),
            TEST(nobody_there_is_a_sentence),
            TEST(a_name_is_resolved),
            TEST(a_clean_end_sends_what_was_said_and_no_will),
            TEST(it_may_be_destroyed_at_any_moment),
            TEST(a_flood_is_bounded_and_counted),
            TEST(a_payload_that_is_too_big_is_dropped_and_counted),
            TEST(tls_is_checked_against_the_ca_unless_told_not_to),
            TEST(a_broker_that_wants_a_certificate_gets_ours),
            TEST(an_old_broker_gets_mqtt_3_1_1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
