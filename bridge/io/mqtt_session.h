/*
 * mqtt_session - what mqtt_paho.c (begin, end, callbacks) and mqtt_send.c share; nobody else
 * includes it.
 *
 * Lock order: the library calls back with its own lock held, so no call of the library is made
 * with `lock` held. SPDX-License-Identifier: MIT
 */
#ifndef IO_MQTT_SESSION_H
#define IO_MQTT_SESSION_H

#include "bridge/io/mqtt_impl.h"

#include <MQTTAsync.h>

enum { MQTT_WINDOW = 100 };

struct mqtt_item;

struct mqtt_session {
    struct job start_job, end_job;
    struct mqtt_link *link; /* owned share */
    uint64_t id;
    int protocol; /* 5 or 4 */
    int grace_ms;
    MQTTAsync handle; /* the worker's, and the loop's while connected */
    char uri[300];
    uv_mutex_t lock;
    uv_cond_t changed;
    /* guarded by lock */
    int in_flight; /* publishes that the library has, without an answer */
    int window;    /* most of them */
    int queued;    /* publishes that wait here */
    bool pumping;  /* some thread hands them on just now */
    struct mqtt_item *head, **tail;
    MQTTAsync_responseOptions on_answer; /* of each publish; set once */
    bool connected, disconnected;
    int reason; /* of the broker's DISCONNECT; 0: none */
    char tls_error[120];
};

void mqtt_queue_init(struct mqtt_session *s); /* protocol is known */
void mqtt_queue_clear(struct mqtt_session *s);

#endif
