/*
 * mqtt_send - publishes, subscriptions, and the queue in front of the library.
 *
 * The library keeps to the broker's receive maximum (mosquitto: 20), but nothing wakes its
 * sender when an answer makes room: a burst would leave by 20 a second. So it never gets more than the
 * window, and each answer hands on the next. SPDX-License-Identifier: MIT
 */
#include "bridge/io/mqtt_session.h"

#include <stdlib.h>
#include <string.h>

struct mqtt_item {
    struct mqtt_item *next;
    size_t len, correlation_len;
    bool retained;
    char *topic, *correlation; /* inside data */
    char data[];               /* payload, correlation, topic */
};

static struct mqtt_item *item_create(const struct mqtt_out *out)
{
    size_t n = strlen(out->topic) + 1;
    struct mqtt_item *i = calloc(1, sizeof(*i) + out->len + out->correlation_len + n);

    if (i) {
        i->len = out->len;
        i->correlation_len = out->correlation_len;
        i->retained = out->retain == MQTT_RETAINED;
        i->correlation = i->data + out->len;
        i->topic = i->correlation + out->correlation_len;
        if (out->len > 0) {
            memcpy(i->data, out->payload, out->len);
        }
        if (out->correlation_len > 0) {
            memcpy(i->correlation, out->correlation, out->correlation_len);
        }
        memcpy(i->topic, out->topic, n);
    }
    return i;
}

/* The next one to hand on, already counted as in flight; NULL: none, or no room. */
static struct mqtt_item *take(struct mqtt_session *s)
{
    struct mqtt_item *i = s->head;

    if (!i || !s->connected || s->in_flight >= s->window) {
        return NULL;
    }
    s->head = i->next;
    if (!s->head) {
        s->tail = &s->head;
    }
    s->queued--;
    s->in_flight++;
    return i;
}

static bool hand_on(struct mqtt_session *s, const struct mqtt_item *i)
{
    MQTTAsync_message msg = MQTTAsync_message_initializer;
    MQTTAsync_responseOptions o = s->on_answer;
    MQTTProperty correlation = {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA};
    union {
        const char *in;
        char *out;
    } payload = {.in = i->data}; /* the library only reads it */
    int rc;

    msg.payload = payload.out;
    msg.payloadlen = (int)i->len;
    msg.qos = 1;
    msg.retained = i->retained;
    if (s->protocol == 5 && i->correlation_len > 0) {
        correlation.value.data.data = i->correlation;
        correlation.value.data.len = (int)i->correlation_len;
        MQTTProperties_add(&msg.properties, &correlation);
    }
    rc = MQTTAsync_sendMessage(s->handle, i->topic, &msg, &o);
    MQTTProperties_free(&msg.properties);
    return rc == MQTTASYNC_SUCCESS;
}

/* On the loop's thread and the library's. One at a time, or the order would be lost. */
static void pump(struct mqtt_session *s)
{
    struct mqtt_item *i;

    uv_mutex_lock(&s->lock);
    if (!s->pumping) {
        s->pumping = true;
        while ((i = take(s))) {
            bool sent;

            uv_mutex_unlock(&s->lock);
            sent = hand_on(s, i);
            free(i);
            uv_mutex_lock(&s->lock);
            s->in_flight -= !sent;
        }
        s->pumping = false;
    }
    if (s->in_flight == 0 && !s->head) {
        uv_cond_broadcast(&s->changed);
    }
    uv_mutex_unlock(&s->lock);
}

static void answered(struct mqtt_session *s)
{
    uv_mutex_lock(&s->lock);
    s->in_flight--;
    uv_mutex_unlock(&s->lock);
    pump(s);
}

static void on_published5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    answered(context);
}

static void on_not_published5(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    answered(context);
}

static void on_published(void *context, MQTTAsync_successData *data)
{
    (void)data;
    answered(context);
}

static void on_not_published(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    answered(context);
}

void mqtt_queue_init(struct mqtt_session *s)
{
    MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;

    o.context = s;
    if (s->protocol == 5) {
        o.onSuccess5 = on_published5;
        o.onFailure5 = on_not_published5;
    } else {
        o.onSuccess = on_published;
        o.onFailure = on_not_published;
    }
    s->on_answer = o;
    s->window = MQTT_WINDOW;
    s->tail = &s->head;
}

void mqtt_queue_clear(struct mqtt_session *s)
{
    while (s->head) {
        struct mqtt_item *next = s->head->next;

        free(s->head);
        s->head = next;
    }
    s->tail = &s->head;
}

bool mqtt_session_publish(struct mqtt_session *s, const struct mqtt_out *out)
{
    struct mqtt_item *i = item_create(out);
    bool full;

    if (!i) {
        return false;
    }
    uv_mutex_lock(&s->lock);
    full = s->queued + s->in_flight >= MQTT_QUEUE_OUT_MAX;
    if (!full) {
        *s->tail = i;
        s->tail = &i->next;
        s->queued++;
    }
    uv_mutex_unlock(&s->lock);
    if (full) {
        free(i);
        return false;
    }
    pump(s);
    return true;
}

bool mqtt_session_subscribe(struct mqtt_session *s, const char *filter, int qos)
{
    MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;

    return MQTTAsync_subscribe(s->handle, filter, qos, &o) == MQTTASYNC_SUCCESS;
}

bool mqtt_session_unsubscribe(struct mqtt_session *s, const char *filter)
{
    MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;

    return MQTTAsync_unsubscribe(s->handle, filter, &o) == MQTTASYNC_SUCCESS;
}
