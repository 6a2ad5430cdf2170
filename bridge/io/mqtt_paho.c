/*
 * mqtt_paho - sessions on paho's MQTTAsync.
 *
 * Rules of the library that shape this file: create, connect, disconnect and destroy may wait
 * for its global lock, which it holds while it resolves a name, so they run on the worker; none of
 * them is allowed in a callback; callbacks run with that lock held, so they only copy and post.
 * The last handle's destroy stops the library's threads, which takes up to a second and, when a
 * thread still logs meanwhile, loses its trace buffer: so one handle that never connects is kept
 * as long as the process lives. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/mqtt_session.h"
#include "bridge/io/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PACKET_MAX = 4 * MQTT_PACKET_IN_MAX, DISCONNECT_MS = 500 };

static void post_kind(struct mqtt_session *s, enum mqtt_event_kind kind)
{
    struct mqtt_event *ev = mqtt_event_create(s->link, s->id, kind, 0);

    if (ev) {
        mqtt_event_post(ev);
    }
}

static void post_failed(struct mqtt_session *s, enum mqtt_failure failure,
        enum mqtt_fault fault, const char *why)
{
    struct mqtt_event *ev = mqtt_event_create(s->link, s->id, MQTT_EVENT_FAILED, 0);

    if (ev) {
        ev->failure = failure;
        ev->fault = fault;
        str_format(ev->why, sizeof(ev->why), "cannot connect to %.120s: %s", s->link->texts.url,
                why);
        mqtt_event_post(ev);
    }
}

/* ---- callbacks, on the library's threads ---- */

/* One line of OpenSSL: "thread:error:code:library:function:reason:file:line:". */
static int on_tls_error(const char *text, size_t len, void *user)
{
    struct mqtt_session *s = user;
    size_t from = 0, to;

    for (int field = 0; field < 5 && from < len; field++) {
        while (from < len && text[from] != ':') {
            from++;
        }
        from++;
    }
    for (to = from; to < len && text[to] != ':' && text[to] != '\n';) {
        to++;
    }
    uv_mutex_lock(&s->lock);
    if (from < to && s->tls_error[0] == '\0') {
        str_format(s->tls_error, sizeof(s->tls_error), "%.*s", (int)(to - from), text + from);
    }
    uv_mutex_unlock(&s->lock);
    return 1;
}

static bool is_refusal(int code)
{
    return (code >= 0x85 && code <= 0x8A) || code == 0x97 || (code >= 0x9C && code <= 0x9F) ||
           (code >= 2 && code <= 5);
}

static bool is_login(int code)
{
    return code == 2 || code == 4 || code == 5 || (code >= 0x85 && code <= 0x87) ||
           code == 0x8A;
}

/* The texts of 1.3.12: NULL or "TCP/TLS connect failure" before the CONNECT was sent, "CONNACK
 * return code" with code > 0, "TCP connect completion failure" when it was cut off instead of
 * answered, "TCP connect timeout" for either. Texts we do not know count as the third. */
static void connect_failed(struct mqtt_session *s, int code, const char *message)
{
    char tls[120], why[160];

    uv_mutex_lock(&s->lock);
    memcpy(tls, s->tls_error, sizeof(tls));
    uv_mutex_unlock(&s->lock);

    if (code > 0) {
        str_format(why, sizeof(why), "the broker refused: %s", mqtt_reason(code));
        post_failed(s, is_refusal(code) ? MQTT_FAILURE_REFUSED : MQTT_FAILURE_VERSION,
                is_login(code) ? MQTT_FAULT_LOGIN : MQTT_FAULT_NETWORK, why);
    } else if (tls[0]) {
        str_format(why, sizeof(why), "TLS failed: %s", tls);
        post_failed(s, MQTT_FAILURE_UNREACHED, MQTT_FAULT_TLS, why);
    } else if (!message || strncmp(message, "TCP/TLS", 7) == 0) {
        post_failed(s, MQTT_FAILURE_UNREACHED, MQTT_FAULT_NETWORK,
                s->link->texts.tls
                        ? "nobody answers there, or the certificate is for another name, or "
                          "the broker wants a certificate"
                        : "nobody answers there");
    } else if (strcmp(message, "TCP connect timeout") == 0) {
        post_failed(s, MQTT_FAILURE_VERSION, MQTT_FAULT_NETWORK, "no answer in time");
    } else {
        post_failed(s, MQTT_FAILURE_VERSION, MQTT_FAULT_NETWORK,
                s->link->texts.tls && !s->link->texts.cert_file
                        ? "the broker closed the connection; maybe the broker wants a certificate"
                        : "the broker closed the connection");
    }
}

static void on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
    int code = data ? data->code : 0;

    if (data && code <= 0 && data->reasonCode >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        code = (int)data->reasonCode;
    }
    connect_failed(context, code, data ? data->message : NULL);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data)
{
    connect_failed(context, data ? data->code : 0, data ? data->message : NULL);
}

static void connected(struct mqtt_session *s, int receive_maximum)
{
    uv_mutex_lock(&s->lock);
    s->connected = true;
    if (receive_maximum > 0 && receive_maximum <= s->window) {
        /* One less: a subscribe waits for a free place too. */
        s->window = receive_maximum > 1 ? receive_maximum - 1 : 1;
    }
    uv_mutex_unlock(&s->lock);
    post_kind(s, MQTT_EVENT_CONNECTED);
}

static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
    connected(context, MQTTProperties_getNumericValue(
                               &data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM));
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
    (void)data;
    connected(context, 0);
}

/* The broker's own DISCONNECT; on_lost follows. */
static void on_broker_disconnect(
        void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    struct mqtt_session *s = context;

    (void)properties;
    uv_mutex_lock(&s->lock);
    s->reason = (int)reason;
    uv_mutex_unlock(&s->lock);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
static void on_lost(void *context, char *cause)
{
    struct mqtt_session *s = context;
    struct mqtt_event *ev = mqtt_event_create(s->link, s->id, MQTT_EVENT_LOST, 0);
    int reason;

    (void)cause; /* always NULL */
    uv_mutex_lock(&s->lock);
    s->connected = false;
    reason = s->reason;
    uv_cond_broadcast(&s->changed);
    uv_mutex_unlock(&s->lock);
    if (ev) {
        str_format(ev->why, sizeof(ev->why), "connection to %.120s lost%s%s",
                s->link->texts.url, reason ? ": " : "", reason ? mqtt_reason(reason) : "");
        mqtt_event_post(ev);
    }
}

static void disconnected(struct mqtt_session *s)
{
    uv_mutex_lock(&s->lock);
    s->disconnected = true;
    uv_cond_broadcast(&s->changed);
    uv_mutex_unlock(&s->lock);
}

static void on_disconnected5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    disconnected(context);
}

static void on_disconnected(void *context, MQTTAsync_successData *data)
{
    (void)data;
    disconnected(context);
}

/* ---- messages ---- */

static const MQTTLenString *property(MQTTAsync_message *msg, enum MQTTPropertyCodes code)
{
    MQTTProperty *p = MQTTProperties_getProperty(&msg->properties, code);

    return p ? &p->value.data : NULL;
}

static uint8_t *put(uint8_t *at, const void *p, size_t n)
{
    if (n > 0) {
        memcpy(at, p, n);
    }
    at[n] = '\0';
    return at + n + 1;
}

/* NULL when the message is dropped. */
static struct mqtt_event *message_event(
        struct mqtt_session *s, const char *topic, int topic_len, MQTTAsync_message *msg)
{
    const MQTTLenString *response = property(msg, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    const MQTTLenString *correlation = property(msg, MQTTPROPERTY_CODE_CORRELATION_DATA);
    size_t len = msg->payloadlen > 0 ? (size_t)msg->payloadlen : 0;
    size_t tn = strlen(topic);
    size_t rn = response && response->len > 0 ? (size_t)response->len : 0;
    size_t cn = correlation && correlation->len > 0 ? (size_t)correlation->len : 0;
    struct mqtt_event *ev;
    uint8_t *at;

    /* topic_len is 0 or the whole length, which tells of NULs inside. */
    if ((topic_len > 0 && (size_t)topic_len != tn) || len > MQTT_PACKET_IN_MAX) {
        return NULL;
    }
    if (rn == 0 || rn > 65535 || memchr(response->data, '\0', rn)) {
        response = NULL;
        rn = 0;
    }
    if (cn > MQTT_CORRELATION_MAX) {
        response = NULL; /* an answer without the data would not be understood */
        rn = 0;
        cn = 0;
    }
    ev = mqtt_event_create(s->link, s->id, MQTT_EVENT_MESSAGE, tn + len + rn + cn + 4);
    if (!ev) {
        return NULL;
    }
    ev->retained = msg->retained != 0;
    ev->topic_len = tn;
    ev->len = len;
    ev->response_len = rn;
    ev->has_response = response != NULL;
    ev->correlation_len = cn;
    ev->has_correlation = cn > 0;
    at = put(ev->data, topic, tn);
    at = put(at, msg->payload, len);
    at = put(at, rn ? response->data : NULL, rn);
    put(at, cn ? correlation->data : NULL, cn);
    return ev;
}

static int on_message(void *context, char *topic, int topic_len, MQTTAsync_message *msg)
{
    struct mqtt_session *s = context;
    struct mqtt_link *l = s->link;
    struct mqtt_event *ev = NULL;

    if (atomic_load(&l->queued) < MQTT_QUEUE_IN_MAX &&
            atomic_load(&l->queued_bytes) < MQTT_QUEUE_IN_BYTES) {
        ev = message_event(s, topic, topic_len, msg);
    }
    if (ev) {
        atomic_fetch_add(&l->queued, 1);
        atomic_fetch_add(&l->queued_bytes, ev->len);
        mqtt_event_post(ev);
    } else {
        atomic_fetch_add(&l->dropped_in, 1);
    }
    MQTTAsync_freeMessage(&msg);
    MQTTAsync_free(topic);
    return 1; /* 0 would ask for redelivery, and then nothing may be freed */
}

/* ---- begin and end, on the worker ---- */

static uv_once_t once = UV_ONCE_INIT;
static MQTTAsync keeper; /* never connected, never destroyed */

static void keep_library(void)
{
    if (MQTTAsync_create(&keeper, "tcp://127.0.0.1:1", "keeper", MQTTCLIENT_PERSISTENCE_NONE,
                NULL) != MQTTASYNC_SUCCESS) {
        keeper = NULL; /* slower ends, nothing else */
    }
}

static int create_handle(struct mqtt_session *s)
{
    MQTTAsync_createOptions o = MQTTAsync_createOptions_initializer;
    int rc;

    o.MQTTVersion = s->protocol == 5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
    o.sendWhileDisconnected = 0;
    o.maxBufferedMessages = MQTT_QUEUE_OUT_MAX;
    rc = MQTTAsync_createWithOptions(&s->handle, s->uri, s->link->texts.client_id,
            MQTTCLIENT_PERSISTENCE_NONE, NULL, &o);
    if (rc != MQTTASYNC_SUCCESS) {
        s->handle = NULL;
        return rc;
    }
    rc = MQTTAsync_setCallbacks(s->handle, s, on_lost, on_message, NULL);
    if (rc == MQTTASYNC_SUCCESS && s->protocol == 5) {
        rc = MQTTAsync_setDisconnected(s->handle, s, on_broker_disconnect);
    }
    return rc;
}

static void fill_tls(struct mqtt_session *s, MQTTAsync_SSLOptions *ssl)
{
    const struct mqtt_texts *t = &s->link->texts;

    ssl->trustStore = t->insecure ? NULL : t->ca_file;
    ssl->keyStore = t->cert_file;
    ssl->privateKey = t->key_file;
    ssl->enableServerCertAuth = !t->insecure;
    ssl->verify = !t->insecure; /* the name in the certificate */
    ssl->ssl_error_cb = on_tls_error;
    ssl->ssl_error_context = s;
}

static int connect_handle(struct mqtt_session *s)
{
    const struct mqtt_texts *t = &s->link->texts;
    MQTTAsync_connectOptions o = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions o5 = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_willOptions will = MQTTAsync_willOptions_initializer;
    MQTTAsync_SSLOptions ssl = MQTTAsync_SSLOptions_initializer;
    MQTTProperties properties = MQTTProperties_initializer;
    MQTTProperty limit = {
            .identifier = MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, .value.integer4 = PACKET_MAX};
    int rc;

    if (s->protocol == 5) {
        o = o5;
        o.onSuccess5 = on_connected5;
        o.onFailure5 = on_connect_failed5;
        MQTTProperties_add(&properties, &limit);
        o.connectProperties = &properties;
    } else {
        o.MQTTVersion = MQTTVERSION_3_1_1;
        o.cleansession = 1;
        o.onSuccess = on_connected;
        o.onFailure = on_connect_failed;
    }
    o.context = s;
    o.keepAliveInterval = t->keep_alive_s;
    o.connectTimeout = MQTT_CONNECT_S;
    o.automaticReconnect = 0;
    o.username = t->username;
    o.password = t->password;
    if (t->will_topic) {
        will.topicName = t->will_topic;
        will.message = t->will_payload ? t->will_payload : "";
        will.retained = 1;
        will.qos = 1;
        o.will = &will;
    }
    if (t->tls) {
        fill_tls(s, &ssl);
        o.ssl = &ssl;
    }
    rc = MQTTAsync_connect(s->handle, &o);
    MQTTProperties_free(&properties);
    return rc;
}

/* The library's own words name neither file nor reason. */
static bool files_fit(const struct mqtt_texts *t, char *why, size_t room)
{
    const struct {
        const char *path, *what;
    } files[] = {{t->insecure ? NULL : t->ca_file, "CA"}, {t->cert_file, "certificate"},
            {t->key_file, "key"}};

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i].path && access(files[i].path, R_OK) != 0) {
            str_format(why, room, "the %s file '%.100s' cannot be read", files[i].what,
                    files[i].path);
            return false;
        }
    }
    if (t->cert_file) {
        struct tls_context *c = tls_context_create(
                &(struct tls_files){.cert = t->cert_file, .key = t->key_file}, true);

        if (!c) {
            str_format(why, room, "the certificate file is not PEM, or the key is not its key");
            return false;
        }
        tls_context_destroy(c);
    }
    return true;
}

static void work_start(struct job *j)
{
    struct mqtt_session *s = CONTAINER_OF(j, struct mqtt_session, start_job);
    const struct mqtt_texts *t = &s->link->texts;
    char why[160];
    int rc;

    if (t->tls && !files_fit(t, why, sizeof(why))) {
        post_failed(s, MQTT_FAILURE_UNREACHED, MQTT_FAULT_TLS, why);
        return;
    }
    uv_once(&once, keep_library);
    rc = create_handle(s);
    if (rc == MQTTASYNC_SUCCESS) {
        rc = connect_handle(s);
    }
    if (rc != MQTTASYNC_SUCCESS) {
        const char *text = MQTTAsync_strerror(rc);

        str_format(why, sizeof(why), "%.120s (%d)", text ? text : "the library refused", rc);
        post_failed(s, MQTT_FAILURE_UNREACHED, MQTT_FAULT_NETWORK, why);
    }
}

/* Waits with the lock held; returns what is left of the time. */
static int wait_until(
        struct mqtt_session *s, bool (*reached)(const struct mqtt_session *s), int ms)
{
    uint64_t now = uv_hrtime();
    uint64_t end = now + (uint64_t)(ms > 0 ? ms : 0) * 1000000u;

    while (!reached(s) && now < end) {
        uv_cond_timedwait(&s->changed, &s->lock, end - now);
        now = uv_hrtime();
    }
    return now < end ? (int)((end - now) / 1000000u) : 0;
}

static bool is_quiet(const struct mqtt_session *s)
{
    return (s->in_flight == 0 && !s->head) || !s->connected;
}

static bool is_over(const struct mqtt_session *s)
{
    return s->disconnected || !s->connected;
}

/* The library itself looks only every 3 s whether the last answers have come: so we wait for
 * them, and then tell it not to. */
static void disconnect(struct mqtt_session *s)
{
    MQTTAsync_disconnectOptions o = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions o5 = MQTTAsync_disconnectOptions_initializer5;

    if (s->protocol == 5) {
        o = o5;
        o.onSuccess5 = on_disconnected5;
    } else {
        o.onSuccess = on_disconnected;
    }
    o.context = s;
    o.timeout = 0;
    uv_mutex_lock(&s->lock);
    wait_until(s, is_quiet, s->grace_ms);
    uv_mutex_unlock(&s->lock);
    if (MQTTAsync_disconnect(s->handle, &o) == MQTTASYNC_SUCCESS) {
        uv_mutex_lock(&s->lock);
        wait_until(s, is_over, DISCONNECT_MS);
        uv_mutex_unlock(&s->lock);
    }
}

static void work_end(struct job *j)
{
    struct mqtt_session *s = CONTAINER_OF(j, struct mqtt_session, end_job);
    struct mqtt_event *ev = mqtt_event_create(s->link, s->id, MQTT_EVENT_ENDED, 0);
    bool is_connected;

    uv_mutex_lock(&s->lock);
    is_connected = s->connected;
    uv_mutex_unlock(&s->lock);
    if (s->handle && is_connected) {
        disconnect(s);
    }
    if (s->handle) {
        MQTTAsync_destroy(&s->handle); /* no callback runs or comes after this */
    }
    mqtt_queue_clear(s);
    uv_cond_destroy(&s->changed);
    uv_mutex_destroy(&s->lock);
    mqtt_link_drop(s->link);
    free(s);
    tls_thread_over();
    if (ev) {
        mqtt_event_post(ev);
    }
}

struct mqtt_session *mqtt_session_create(
        struct mqtt_link *l, uint64_t id, const char *address, int protocol)
{
    struct mqtt_session *s = calloc(1, sizeof(*s));

    if (!s) {
        return NULL;
    }
    if (uv_mutex_init(&s->lock) < 0) {
        free(s);
        return NULL;
    }
    if (uv_cond_init(&s->changed) < 0) {
        uv_mutex_destroy(&s->lock);
        free(s);
        return NULL;
    }
    s->start_job.work = work_start;
    s->end_job.work = work_end;
    s->link = l;
    s->id = id;
    s->protocol = protocol;
    mqtt_queue_init(s);
    str_format(s->uri, sizeof(s->uri), strchr(address, ':') ? "%s[%s]:%u" : "%s%s:%u",
            l->texts.tls ? "ssl://" : "tcp://", address, (unsigned)l->texts.port);
    atomic_fetch_add(&l->owners, 1);
    return s;
}

void mqtt_session_start(struct mqtt_session *s, struct worker *w)
{
    (void)!worker_post(w, &s->start_job);
}

void mqtt_session_end(struct mqtt_session *s, struct worker *w, int grace_ms)
{
    s->grace_ms = grace_ms;
    (void)!worker_post(w, &s->end_job);
}
