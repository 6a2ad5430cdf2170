/*
 * status/mqtt - retained state documents, availability of chargers, bridge/state.
 *
 * A watcher of the model: a change of a RATE_NOW field is published at the end of the loop turn,
 * others at most every publish.interval_s and only beyond the deadband of their type; everything
 * once a minute. SPDX-License-Identifier: MIT
 */
#include "adapters/adapter.h"
#include "bridge/base/buf.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "discovery/discovery.h"

#include <stdlib.h>
#include <string.h>

enum { EVERYTHING_MS = 60000, TICK_MS = 1000, CLEAR_MS = 3000 };

struct published {
    bool urgent, pending;
    bool sent;         /* since the connection came up */
    bool available;    /* last availability sent */
    bool available_sent;
    bool cleared;      /* removed, and its documents are blank */
    int64_t gone_ms;   /* when it was first seen removed; 0: it is there */
    int64_t sent_ms;
    uint64_t known[2];
    int64_t value[MODEL_FIELDS_MAX];
    char name[64]; /* as sent */
};

struct status {
    struct adapter_host *host; /* borrowed */
    struct oneshot *timer;     /* owned */
    uint32_t watch;
    bool up;
    struct buf doc; /* reused */
    struct published device[MODEL_DEVICES_MAX];
    uint32_t list_sent[SLOTS_KINDS]; /* version + 1; 0: not since the connection came up */
};

static bool numeric(enum field_type t)
{
    return t != TYPE_TEXT && t != TYPE_JSON;
}

static void on_change(const void *event, void *user)
{
    const struct model_change *ch = event;
    const struct field_info *f = &field_table[ch->field];
    struct status *s = user;
    struct published *p = &s->device[ch->device];
    int slot = (int)ch->field - (int)field_first(f->kind);

    switch (f->rate) {
    case RATE_NOW:
        p->urgent = true;
        break;
    case RATE_SLOW: {
        bool was_known = (p->known[slot / 64] >> (slot % 64)) & 1u;

        if (!numeric(f->type) || was_known != ch->known_after ||
                (ch->known_after && field_beyond(ch->field, p->value[slot], ch->after))) {
            p->pending = true;
        }
        break;
    }
    case RATE_QUIET:
        break;
    }
}

static void send_state(struct status *s, int device, int64_t now_ms)
{
    const struct model_device *d = &s->host->model->device[device];
    const struct discovery_config c = {.base = s->host->base_topic, .prefix = s->host->prefix};
    struct published *p = &s->device[device];
    char topic[DISCOVERY_TOPIC_ROOM];

    discovery_state_topic(topic, sizeof(topic), &c, d);
    buf_reset(&s->doc);
    state_document(s->host->model, device, &s->doc);
    if (!buf_ok(&s->doc)) {
        log_error("mqtt", "the state document of %s does not fit", topic);
        return;
    }
    if (s->host->ops->publish(s->host, topic, buf_text(&s->doc), s->doc.len, MQTT_RETAINED)) {
        p->urgent = false;
        p->pending = false;
        p->sent = true;
        p->sent_ms = now_ms;
        memcpy(p->known, d->known, sizeof(p->known));
        memcpy(p->value, d->value, sizeof(p->value));
        str_copy(p->name, sizeof(p->name), d->name);
    }
}

/* Prices and forecasts: too long for the document, and they change a few times a day. */
static void send_lists(struct status *s)
{
    const struct model *m = s->host->model;
    char topic[DISCOVERY_TOPIC_ROOM];

    for (int k = 0; k < SLOTS_KINDS; k++) {
        bool gone = !m->list[k] && s->list_sent[k] != 0; /* its source was removed */

        if (!gone && (!m->list[k] || s->list_sent[k] == m->list_version[k] + 1)) {
            continue;
        }
        buf_reset(&s->doc);
        state_list(m, (enum slots_kind)k, &s->doc);
        str_format(topic, sizeof(topic), "%s/%s", s->host->base_topic, state_list_topics[k]);
        if (!buf_ok(&s->doc)) {
            log_error("mqtt", "the list %s does not fit", topic);
        } else if (!s->host->ops->publish(
                           s->host, topic, buf_text(&s->doc), s->doc.len, MQTT_RETAINED)) {
            continue;
        }
        s->list_sent[k] = gone ? 0 : m->list_version[k] + 1;
    }
}

static void send_availability(struct status *s, int device)
{
    const struct model_device *d = &s->host->model->device[device];
    struct published *p = &s->device[device];
    const char *text = d->available ? "online" : "offline";
    char topic[DISCOVERY_TOPIC_ROOM];

    str_format(topic, sizeof(topic), "%s/charger/%s/availability", s->host->base_topic, d->id);
    if (s->host->ops->publish(s->host, topic, text, strlen(text), MQTT_RETAINED)) {
        p->available = d->available;
        p->available_sent = true;
    }
}

/* A charger that was removed leaves nothing retained behind. Its entities went before: to one that
 * still listens an empty document is an error. */
static void clear(struct status *s, int device)
{
    const struct model_device *d = &s->host->model->device[device];
    const struct discovery_config c = {.base = s->host->base_topic, .prefix = s->host->prefix};
    char state[DISCOVERY_TOPIC_ROOM], availability[DISCOVERY_TOPIC_ROOM + 16];

    discovery_state_topic(state, sizeof(state), &c, d);
    str_format(availability, sizeof(availability), "%s/availability", state);
    s->device[device].cleared = s->host->ops->publish(s->host, state, "", 0, MQTT_RETAINED) &&
            s->host->ops->publish(s->host, availability, "", 0, MQTT_RETAINED);
    s->device[device].sent = s->device[device].available_sent = false;
}

static void send_bridge_state(struct status *s, const char *state)
{
    char topic[DISCOVERY_TOPIC_ROOM], text[64];

    str_format(topic, sizeof(topic), "%s/bridge/state", s->host->base_topic);
    str_format(text, sizeof(text), "{\"state\":\"%s\"}", state);
    s->host->ops->publish(s->host, topic, text, strlen(text), MQTT_RETAINED);
}

static void turn(void *self)
{
    struct status *s = self;
    int64_t now_ms = loop_now_ms();
    int64_t interval_ms = (int64_t)s->host->publish_interval_s * 1000;

    if (!s->up) {
        return;
    }
    for (int i = 0; i < s->host->model->devices; i++) {
        const struct model_device *d = &s->host->model->device[i];
        struct published *p = &s->device[i];
        int64_t age_ms = now_ms - p->sent_ms;

        if (d->gone) {
            p->gone_ms = p->gone_ms != 0 ? p->gone_ms : now_ms;
            if (!p->cleared && now_ms - p->gone_ms >= CLEAR_MS) {
                clear(s, i);
            }
            continue;
        }
        p->gone_ms = 0;
        p->cleared = false;
        if (!p->sent || p->urgent || strcmp(p->name, d->name) != 0 || (p->pending && age_ms >= interval_ms) ||
                age_ms >= EVERYTHING_MS) {
            send_state(s, i, now_ms);
        }
        if (d->kind == MODEL_CHARGER && (!p->available_sent || p->available != d->available)) {
            send_availability(s, i);
        }
    }
    send_lists(s);
}

static void on_tick(void *user)
{
    struct status *s = user;

    turn(s);
    oneshot_start(s->timer, TICK_MS);
}

static void status_destroy(void *self)
{
    struct status *s = self;

    if (s) {
        watch_remove(s->host->on_change, s->watch);
        oneshot_destroy(s->timer);
        buf_finish(&s->doc);
        free(s);
    }
}

static void *status_create(struct adapter_host *h, const void *config, struct err *e)
{
    struct status *s = calloc(1, sizeof(*s));

    (void)config;
    if (!s) {
        err_set(e, ERR_NO_MEMORY, "state by MQTT: out of memory");
        return NULL;
    }
    s->host = h;
    buf_init(&s->doc, BUF_CAP_DOCUMENT);
    s->timer = oneshot_create(h->loop, on_tick, s, e);
    if (!s->timer) {
        free(s);
        return NULL;
    }
    s->watch = watch_add(h->on_change, on_change, s);
    oneshot_start(s->timer, TICK_MS);
    return s;
}

static void status_announce(void *self, int round)
{
    struct status *s = self;
    int64_t now_ms = loop_now_ms();

    if (round == 0) {
        s->up = true;
    }
    for (int i = 0; i < s->host->model->devices; i++) {
        const struct model_device *d = &s->host->model->device[i];

        if (d->gone) {
            continue;
        }
        if (round == 0) {
            send_state(s, i, now_ms);
        } else if (round == 2 && d->kind == MODEL_CHARGER) {
            send_availability(s, i);
        }
    }
    if (round == 2) {
        send_bridge_state(s, "online");
    }
}

static void status_down(void *self)
{
    struct status *s = self;

    s->up = false;
    memset(s->list_sent, 0, sizeof(s->list_sent));
    for (int i = 0; i < MODEL_DEVICES_MAX; i++) {
        s->device[i].sent = false;
        s->device[i].available_sent = false;
        s->device[i].cleared = false;
    }
}

static void status_closing(void *self)
{
    struct status *s = self;

    if (s->up) {
        turn(s);
        send_bridge_state(s, "offline");
        s->up = false;
    }
}

const struct adapter adapter_status_mqtt = {
        .name = "status_mqtt",
        .summary = "State documents, availability and liveness by MQTT.",
        .create = status_create,
        .destroy = status_destroy,
        .turn = turn,
        .announce = status_announce,
        .mqtt_down = status_down,
        .closing = status_closing,
};
