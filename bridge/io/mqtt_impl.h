/*
 * mqtt_impl - between mqtt.c (the loop's side) and mqtt_paho.c (the library's side); private.
 *
 * A session is one handle of the library: one version, one address, one connection. It is made
 * anew for each try, so nothing of an old connection is ever sent on a new one. The library's
 * threads post events; a link outlives whichever of the two sides goes first.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_MQTT_IMPL_H
#define IO_MQTT_IMPL_H

#include "bridge/io/mailbox.h"
#include "bridge/io/mqtt.h"
#include "bridge/io/worker.h"

#include <stdatomic.h>

enum { MQTT_PROBES_MAX = 8, MQTT_QUEUE_IN_MAX = 4096, MQTT_QUEUE_IN_BYTES = 16 * 1024 * 1024 };
enum { MQTT_QUEUE_OUT_MAX = 1000, MQTT_CONNECT_S = 3 };

/* Owned texts; NULL: none. */
struct mqtt_texts {
    char *url, *client_id, *username, *password, *ca_file, *cert_file, *key_file;
    char *will_topic, *will_payload;
    char host[256];
    uint16_t port;
    bool tls, insecure;
    int keep_alive_s;
};

/* Shared by the loop's side, each session and each event under way; the last one frees it. */
struct mqtt_link {
    uv_mutex_t lock;
    struct mailbox *box; /* guarded by lock; NULL once the loop's side is gone */
    struct mqtt *m;      /* the loop's thread only */
    struct mqtt_texts texts;
    atomic_int owners;
    atomic_size_t queued, queued_bytes; /* messages between the library and the loop */
    atomic_ullong dropped_in;
};

void mqtt_link_drop(struct mqtt_link *l);

enum mqtt_event_kind {
    MQTT_EVENT_CONNECTED,
    MQTT_EVENT_FAILED,
    MQTT_EVENT_LOST,
    MQTT_EVENT_MESSAGE,
    MQTT_EVENT_ENDED, /* the session's memory is gone */
};

/* What a failed connect says about the broker. */
enum mqtt_failure {
    MQTT_FAILURE_UNREACHED, /* no CONNECT was sent: it says nothing about versions */
    MQTT_FAILURE_VERSION,   /* perhaps it does not speak this version */
    MQTT_FAILURE_REFUSED,   /* it speaks the version and does not want us */
};

struct mqtt_event {
    struct mail mail;
    struct mqtt_link *link;
    uint64_t session; /* events of an older one are dropped */
    enum mqtt_event_kind kind;
    enum mqtt_failure failure;
    enum mqtt_fault fault;
    char why[200];
    bool retained;
    /* MQTT_EVENT_MESSAGE: texts in data, each with a NUL after it */
    size_t topic_len, len, response_len, correlation_len;
    bool has_response, has_correlation;
    uint8_t data[];
};

/* NULL: out of memory. */
struct mqtt_event *mqtt_event_create(
        struct mqtt_link *l, uint64_t session, enum mqtt_event_kind kind, size_t room);
void mqtt_event_post(struct mqtt_event *ev); /* takes ev; on any thread */

/* On the loop's thread; m drops those of an older session (mqtt.c). */
void mqtt_on_event(struct mqtt *m, struct mqtt_event *ev);

struct mqtt_session;

/* Memory only; NULL: none left. address is numeric, or a name where TLS needs it. */
struct mqtt_session *mqtt_session_create(
        struct mqtt_link *l, uint64_t id, const char *address, int protocol);

/* Each posts a job to w, which has room: mqtt.c bounds the sessions. After _end the session is
 * not to be touched; MQTT_EVENT_ENDED follows. */
void mqtt_session_start(struct mqtt_session *s, struct worker *w);
void mqtt_session_end(struct mqtt_session *s, struct worker *w, int grace_ms);

/* While connected only. */
struct mqtt_out {
    const char *topic;
    const void *payload;
    size_t len;
    enum mqtt_retain retain;
    const uint8_t *correlation;
    size_t correlation_len;
};
bool mqtt_session_publish(struct mqtt_session *s, const struct mqtt_out *out);
bool mqtt_session_subscribe(struct mqtt_session *s, const char *filter, int qos);
bool mqtt_session_unsubscribe(struct mqtt_session *s, const char *filter);

/* Words for a CONNACK or DISCONNECT code of either version. */
const char *mqtt_reason(int code);

/* mqtt_url.c */
enum err_code mqtt_url_parse(const char *url, struct mqtt_texts *t, struct err *e) MUST_CHECK;

#endif
