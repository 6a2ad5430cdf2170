/*
 * mqtt_event - from the library's threads to the loop. SPDX-License-Identifier: MIT
 */
#include "bridge/io/mqtt_impl.h"

#include <stdlib.h>

void mqtt_link_drop(struct mqtt_link *l)
{
    if (l && atomic_fetch_sub(&l->owners, 1) == 1) {
        struct mqtt_texts *t = &l->texts;

        uv_mutex_destroy(&l->lock);
        free(t->url);
        free(t->client_id);
        free(t->username);
        free(t->password);
        free(t->ca_file);
        free(t->cert_file);
        free(t->key_file);
        free(t->will_topic);
        free(t->will_payload);
        free(l);
    }
}

const char *mqtt_reason(int code)
{
    static const struct {
        int code;
        const char *text;
    } table[] = {
            {1, "it does not speak this version of MQTT"},
            {2, "it does not accept the client id"},
            {3, "it is not available"},
            {4, "user name or password is wrong"},
            {5, "it does not authorise us (user name or password?)"},
            {0x81, "it found a malformed packet"},
            {0x82, "it found a protocol error"},
            {0x84, "it does not speak this version of MQTT"},
            {0x85, "it does not accept the client id"},
            {0x86, "user name or password is wrong"},
            {0x87, "it does not authorise us (user name or password?)"},
            {0x88, "it is not available"},
            {0x89, "it is busy"},
            {0x8A, "it has banned us"},
            {0x8B, "it is shutting down"},
            {0x8D, "it did not hear from us in time"},
            {0x8E, "another client took over our client id"},
            {0x95, "it found a packet too large"},
            {0x97, "its quota is used up"},
            {0x9C, "it wants us to use another server"},
            {0x9D, "it has moved"},
            {0x9F, "we connect too often"},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].code == code) {
            return table[i].text;
        }
    }
    return "it gave no reason";
}

/* ---- events ---- */

static void deliver(struct mail *mail)
{
    struct mqtt_event *ev = CONTAINER_OF(mail, struct mqtt_event, mail);
    struct mqtt_link *l = ev->link;

    if (ev->kind == MQTT_EVENT_MESSAGE) {
        atomic_fetch_sub(&l->queued, 1);
        atomic_fetch_sub(&l->queued_bytes, ev->len);
    }
    if (l->m) {
        mqtt_on_event(l->m, ev);
    }
    free(ev);
    mqtt_link_drop(l);
}

struct mqtt_event *mqtt_event_create(
        struct mqtt_link *l, uint64_t session, enum mqtt_event_kind kind, size_t room)
{
    struct mqtt_event *ev = calloc(1, sizeof(*ev) + room);

    if (ev) {
        ev->mail.run = deliver;
        ev->link = l;
        ev->session = session;
        ev->kind = kind;
        atomic_fetch_add(&l->owners, 1);
    }
    return ev;
}

void mqtt_event_post(struct mqtt_event *ev)
{
    struct mqtt_link *l = ev->link;
    bool sent = false;

    uv_mutex_lock(&l->lock);
    if (l->box) {
        mailbox_post(l->box, &ev->mail);
        sent = true;
    }
    uv_mutex_unlock(&l->lock);
    if (!sent) {
        free(ev);
        mqtt_link_drop(l);
    }
}
