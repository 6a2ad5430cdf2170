/*
 * client - an mqtt connection of a test, and what it heard. SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include "bridge/base/str.h"
#include "bridge/io/mqtt.h"
#include "tests/support/test.h"

#include <stdio.h>

struct heard {
    char topic[128], payload[128], response[128], correlation[128];
    size_t correlation_len;
    bool retained;
};

struct client {
    struct mqtt *mqtt;
    int ups, downs, messages, protocol;
    char why[300];
    struct heard last;
    int disorder;
    int64_t number; /* payloads that are numbers must go up by one */
};

static inline void client_on_up(void *user, int protocol)
{
    struct client *c = user;

    c->ups++;
    c->protocol = protocol;
}

static inline void client_on_down(void *user, const char *why)
{
    struct client *c = user;

    c->downs++;
    snprintf(c->why, sizeof(c->why), "%s", why);
}

static inline void client_on_message(void *user, const struct mqtt_message *m)
{
    struct client *c = user;
    struct heard *h = &c->last;
    int64_t number;

    memset(h, 0, sizeof(*h));
    snprintf(h->topic, sizeof(h->topic), "%s", m->topic);
    snprintf(h->payload, sizeof(h->payload), "%s", (const char *)m->payload);
    snprintf(
            h->response, sizeof(h->response), "%s", m->response_topic ? m->response_topic : "");
    if (m->correlation) {
        memcpy(h->correlation, m->correlation, m->correlation_len);
    }
    h->correlation_len = m->correlation_len;
    h->retained = m->retained;
    c->messages++;
    if (!str_int(h->payload, strlen(h->payload), &number)) {
        number = 0;
    }
    c->disorder += number <= c->number;
    c->number = number;
}

static const struct mqtt_ops client_ops = {
        .up = client_on_up, .down = client_on_down, .message = client_on_message};

#endif
