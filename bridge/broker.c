/*
 * broker - the MQTT connection: who may speak, in which order, and what comes in.
 *
 * After each connection we listen 250 ms for a bridge that already lives under our base topic
 * (retained bridge/info of another instance while bridge/state says online): then nothing is
 * published until it is gone. Else the adapters subscribe and everything is announced.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"
#include "discovery/discovery.h"

#include <stdlib.h>
#include <string.h>

enum { SETTLE_MS = 250, KEEP_ALIVE_S = 15, INFO_MAX = MQTT_PACKET_IN_MAX - 1024 };

static void topic_of(const struct daemon *d, char *dst, size_t room, const char *rest)
{
    str_format(dst, room, "%s/%s", d->settings.mqtt.base_topic, rest);
}

bool broker_publish(struct daemon *d, const char *topic, const char *payload, size_t len,
        enum mqtt_retain retain)
{
    return d->broker.mqtt && d->broker.up && !d->broker.foreign &&
            mqtt_publish(d->broker.mqtt, topic, payload, len, retain);
}

/* Another bridge under our topic knows us by this document, so it must fit into what a bridge reads: the
 * schema is left out first, then the settings. */
static bool write_info(struct daemon *d, bool settings, bool schema, struct buf *b)
{
    CLEANUP(buf_finish) struct buf part;
    struct jw w;

    buf_init(&part, BUF_CAP_DISCOVERY);
    buf_reset(b);
    jw_init(&w, b);
    jw_open(&w, NULL);
    jw_int(&w, "contract", 1);
    jw_str(&w, "instance", d->instance);
    jw_str(&w, "version", TWCBRIDGE_VERSION);
    jw_array(&w, "adapters");
    for (size_t i = 0; adapter_at(i); i++) {
        jw_str(&w, NULL, adapter_at(i)->name);
    }
    jw_array_end(&w);
    if (settings) {
        settings_write(&d->settings, &part);
        jw_raw(&w, "settings", buf_text(&part));
    } else {
        jw_null(&w, "settings");
    }
    buf_reset(&part);
    if (schema) {
        settings_schema_short(&part);
        jw_raw(&w, "schema", buf_text(&part));
    } else {
        jw_null(&w, "schema");
    }
    jw_close(&w);
    return buf_ok(&part) && buf_ok(b) && b->len <= INFO_MAX;
}

static void publish_info(struct daemon *d)
{
    CLEANUP(buf_finish) struct buf b;
    char topic[256];

    buf_init(&b, BUF_CAP_DISCOVERY);
    topic_of(d, topic, sizeof(topic), "bridge/info");
    if (write_info(d, true, true, &b) || write_info(d, true, false, &b) ||
            write_info(d, false, false, &b)) {
        broker_publish(d, topic, buf_text(&b), b.len, MQTT_RETAINED);
    }
}

void broker_announce(struct daemon *d)
{
    if (!d->broker.up || d->broker.foreign) {
        return;
    }
    publish_info(d);
    for (int round = 0; round <= 2; round++) {
        for (int i = 0; i < d->parts; i++) {
            if (d->part[i].adapter->announce) {
                d->part[i].adapter->announce(d->part[i].self, round);
            }
        }
    }
    d->broker.announced = true;
    turn_ask(d->turn);
}

static void begin(struct daemon *d)
{
    for (int i = 0; i < d->parts; i++) {
        if (d->part[i].adapter->mqtt_up) {
            d->part[i].adapter->mqtt_up(d->part[i].self, mqtt_protocol(d->broker.mqtt));
        }
    }
    broker_announce(d);
}

/* Another instance's info and a state that says online: two bridges on one base topic. */
static void judge(struct daemon *d)
{
    bool foreign = d->broker.other[0] != '\0' && d->broker.other_online;

    if (foreign && !d->broker.foreign) {
        log_error("mqtt", "another bridge (%s) lives under the topic %s: nothing is published; "
                          "give one of them another mqtt.base_topic",
                d->broker.other, d->settings.mqtt.base_topic);
        event_emit(d, -1, "problem", ",\"message\":\"another bridge lives under our topic\"");
    }
    if (!foreign && d->broker.foreign) {
        log_notice("mqtt", "the other bridge is gone");
        d->broker.foreign = false;
        begin(d);
    }
    d->broker.foreign = foreign;
}

static void on_settled(void *user)
{
    struct daemon *d = user;

    judge(d);
    if (!d->broker.foreign && d->broker.up && !d->broker.announced) {
        begin(d);
    }
}

static void on_up(void *user, int protocol)
{
    struct daemon *d = user;
    struct broker *b = &d->broker;
    char topic[256];

    log_notice("mqtt", "connected to %s by MQTT %s", d->settings.mqtt.url,
            protocol == 5 ? "5" : "3.1.1");
    if (protocol != 5) {
        log_warning("mqtt", "the broker does not speak MQTT 5: Home Assistant's death cannot be "
                            "probed, plain values hold %d minutes at most",
                d->settings.safety.hold_unseen_min);
    }
    b->up = true;
    b->announced = false;
    b->other[0] = '\0';
    b->other_online = false;
    b->why[0] = '\0';
    topic_of(d, topic, sizeof(topic), "bridge/info");
    (void)!mqtt_subscribe(b->mqtt, topic, 1);
    topic_of(d, topic, sizeof(topic), "bridge/state");
    (void)!mqtt_subscribe(b->mqtt, topic, 1);
    oneshot_start(b->settle, SETTLE_MS);
}

static void on_down(void *user, const char *why)
{
    struct daemon *d = user;
    struct broker *b = &d->broker;

    log_warning("mqtt", "no connection to %s: %s; trying again", d->settings.mqtt.url, why);
    str_copy(b->why, sizeof(b->why), why);
    if (b->up) {
        b->reconnects++;
    }
    b->up = false;
    b->announced = false;
    b->foreign = false;
    oneshot_stop(b->settle);
    for (int i = 0; i < d->parts; i++) {
        if (d->part[i].adapter->mqtt_down) {
            d->part[i].adapter->mqtt_down(d->part[i].self);
        }
    }
    broker_ha(d, false, "our broker connection is gone");
}

/* bridge/info and bridge/state: ours, or another bridge's? */
static bool own_topic(struct daemon *d, const struct mqtt_message *m)
{
    struct broker *b = &d->broker;
    char topic[256];

    topic_of(d, topic, sizeof(topic), "bridge/info");
    if (strcmp(m->topic, topic) == 0) {
        struct json_object *v = json_parse((const char *)m->payload, m->len, NULL);
        struct json_object *instance = v ? json_member(v, "instance") : NULL;
        const char *id = instance ? json_get_str(instance, "instance", NULL) : NULL;

        if (id && strcmp(id, d->instance) != 0) {
            str_copy(b->other, sizeof(b->other), id);
        } else {
            b->other[0] = '\0';
        }
        json_put(v);
        return true;
    }
    topic_of(d, topic, sizeof(topic), "bridge/state");
    if (strcmp(m->topic, topic) != 0) {
        return false;
    }
    b->other_online = strstr((const char *)m->payload, "online") != NULL;
    if (b->announced && !b->other_online && !d->stopping) {
        /* The will of an earlier connection of ours arrived late: say that we live. */
        broker_announce(d);
    } else if (b->foreign) {
        oneshot_start(b->settle, SETTLE_MS);
    }
    return true;
}

static void on_message(void *user, const struct mqtt_message *m)
{
    struct daemon *d = user;

    if (own_topic(d, m)) {
        return;
    }
    for (int i = 0; i < d->parts; i++) {
        if (d->part[i].adapter->mqtt_message &&
                d->part[i].adapter->mqtt_message(d->part[i].self, m)) {
            return;
        }
    }
}

void broker_ha(struct daemon *d, bool alive, const char *why)
{
    int64_t now_ms = loop_now_ms();

    if (alive && d->ha != HA_ALIVE) {
        log_notice("mqtt", "Home Assistant is alive: %s", why);
        if (d->ha == HA_LOST) {
            event_emit(d, -1, "home_assistant_back", "%s", "");
        }
        d->ha = HA_ALIVE;
        lease_ha_back(&d->leases);
    } else if (!alive && d->ha == HA_ALIVE) {
        log_warning("mqtt", "Home Assistant is lost: %s; values that hold while it lives end in "
                            "%d s", why, d->grace_s);
        d->ha = HA_LOST;
        lease_ha_lost(&d->leases, now_ms, (int64_t)d->grace_s * 1000);
        event_emit(d, -1, "home_assistant_lost", ",\"message\":\"%s\"", why);
    }
    model_set(&d->model, 0, FIELD_BRIDGE_HOME_ASSISTANT, d->ha);
    daemon_dirty(d);
}

void broker_turn(struct daemon *d)
{
    for (int i = 0; i < d->parts; i++) {
        if (d->part[i].adapter->turn) {
            d->part[i].adapter->turn(d->part[i].self);
        }
    }
}

bool broker_open(struct daemon *d, struct err *e)
{
    static const struct mqtt_ops ops = {.up = on_up, .down = on_down, .message = on_message};
    const struct mqtt_settings *s = &d->settings.mqtt;
    char client[96];

    if (s->url[0] == '\0') {
        log_warning("mqtt", "no broker is configured (mqtt.url): nothing is shown or taken");
        return true;
    }
    d->broker.settle = oneshot_create(&d->loop, on_settled, d, e);
    if (!d->broker.settle) {
        return false;
    }
    if (s->client_id[0] != '\0') {
        str_copy(client, sizeof(client), s->client_id);
    } else {
        char node[64];

        discovery_node(node, sizeof(node), s->base_topic);
        str_format(client, sizeof(client), "%s-%.8s", node, d->instance);
    }
    topic_of(d, d->broker.will_topic, sizeof(d->broker.will_topic), "bridge/state");
    d->broker.mqtt = mqtt_create(&d->loop,
            &(struct mqtt_config){
                    .url = s->url,
                    .client_id = client,
                    .username = s->username,
                    .password = s->password,
                    .ca_file = s->ca_file,
                    .cert_file = s->cert_file,
                    .key_file = s->key_file,
                    .insecure = s->insecure,
                    .will_topic = d->broker.will_topic,
                    .will_payload = "{\"state\":\"offline\"}",
                    .keep_alive_s = KEEP_ALIVE_S,
            },
            &ops, d, e);
    if (s->insecure) {
        log_warning("mqtt", "mqtt.insecure is on: the broker's certificate is not checked");
    }
    return d->broker.mqtt != NULL;
}

void broker_close(struct daemon *d)
{
    for (int i = 0; i < d->parts; i++) {
        if (d->part[i].adapter->closing) {
            d->part[i].adapter->closing(d->part[i].self);
        }
    }
    mqtt_destroy(d->broker.mqtt, 250);
    d->broker.mqtt = NULL;
    d->broker.up = false;
    oneshot_destroy(d->broker.settle);
    d->broker.settle = NULL;
}
