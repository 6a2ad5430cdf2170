/*
 * mqtt - one broker connection on paho's MQTTAsync, MQTT 5 first, 3.1.1 as a fallback.
 *
 * Connects for ever: first retry after 0.5 s, then at most every 2 s; each try starts with MQTT 5
 * and falls back to 3.1.1 when the first connect fails in any way; what worked is kept for later
 * tries, then both again. Clean start, session expiry 0: nothing is queued for us while away. The
 * library's threads reach us through a mailbox only; no call here blocks. Publishing while down
 * is refused, never queued: the caller re-publishes from its model after up().
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_MQTT_H
#define IO_MQTT_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct mqtt;

struct mqtt_config {          /* texts are copied */
    const char *url;          /* mqtt://host[:1883], mqtts://host[:8883] */
    const char *client_id;
    const char *username, *password; /* NULL or "": none */
    const char *ca_file;      /* mqtts: NULL or "" = the system's CA store */
    const char *cert_file, *key_file; /* mqtts: ours, PEM; NULL or "" = none; both or neither */
    bool insecure;            /* mqtts without checking the certificate (said in the log by the caller) */
    const char *will_topic, *will_payload; /* retained, QoS 1 */
    int keep_alive_s;
};

enum { MQTT_PACKET_IN_MAX = 64 * 1024, MQTT_CORRELATION_MAX = 128 };

struct mqtt_message {         /* valid during the call */
    const char *topic;        /* NUL-terminated; topics with NUL bytes are dropped and counted */
    const uint8_t *payload;   /* payload[len] is NUL */
    size_t len;
    bool retained;
    const char *response_topic;      /* MQTT 5; NULL: none */
    const uint8_t *correlation;      /* NULL: none */
    size_t correlation_len;
};

struct mqtt_ops {
    void (*up)(void *user, int protocol); /* 5 or 4 (3.1.1); subscriptions must be made anew */
    /* Once per outage, and once when the first try fails; why is one sentence without secrets. */
    void (*down)(void *user, const char *why);
    void (*message)(void *user, const struct mqtt_message *m);
};

/* ops and user are borrowed. NULL for a bad url or no memory. */
struct mqtt *mqtt_create(uv_loop_t *loop, const struct mqtt_config *c, const struct mqtt_ops *ops,
        void *user, struct err *e) MUST_CHECK;

/* Ends the connection and frees, on a worker: what was published is sent first, and the broker
 * sends no will; after grace_ms it is left to itself. No callback after this; the loop must run
 * on (loop_finish does). Accepts NULL. */
void mqtt_destroy(struct mqtt *m, int grace_ms);

/* What the last down() was about. */
enum mqtt_fault {
    MQTT_FAULT_NETWORK,
    MQTT_FAULT_TLS,   /* a certificate, ours or the broker's */
    MQTT_FAULT_LOGIN, /* the broker does not take user name, password or client id */
};
enum mqtt_fault mqtt_fault(const struct mqtt *m);

bool mqtt_is_up(const struct mqtt *m);
int mqtt_protocol(const struct mqtt *m); /* 5, 4; 0 while down */

enum mqtt_retain { MQTT_VOLATILE, MQTT_RETAINED };

/* QoS 1. false while down or when the library's queue is full (counted). */
bool mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len,
        enum mqtt_retain retain);

/* A reply with MQTT 5 correlation data (ignored on 3.1.1). */
bool mqtt_reply(struct mqtt *m, const char *topic, const void *payload, size_t len,
        const uint8_t *correlation, size_t correlation_len);

/* Sends `{}` at QoS 1 and tells what the broker's acknowledgement said: the MQTT 5 reason code
 * (0 = somebody subscribes, 0x10 = nobody), -1 when lost or on 3.1.1. At most 8 are under way:
 * false beyond that, or while down. The question goes over a second connection (client id with
 * "-probe" behind it; mqtt_probe.h says why), and once more over the main one, which keeps the
 * library's receiver awake when it is asked about every 0.9 s. */
typedef void mqtt_probe_fn(void *user, int reason);
bool mqtt_probe(struct mqtt *m, const char *topic, mqtt_probe_fn *fn, void *user);

bool mqtt_subscribe(struct mqtt *m, const char *filter, int qos);
bool mqtt_unsubscribe(struct mqtt *m, const char *filter);

struct mqtt_counters {
    uint64_t received, sent, dropped_in, refused_out, connects;
};
struct mqtt_counters mqtt_counters(const struct mqtt *m);

/* True for a url that mqtt_create takes. */
bool mqtt_url_ok(const char *url, struct err *e);

#endif
