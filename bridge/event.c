/*
 * event - what happened, once, for automations: published after the state documents of its turn,
 * kept in the store, and sent later with `late` when the broker was away.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LATE_MS = 5000 };

static struct event_queued *next_free(struct daemon *d)
{
    if (d->event_count == EVENTS_MAX) {
        d->event_first = (d->event_first + 1) % EVENTS_MAX; /* the oldest makes room */
        d->event_count--;
        d->events_lost++;
    }
    return &d->event[(d->event_first + d->event_count++) % EVENTS_MAX];
}

static bool of_bridge(const char *type)
{
    for (int i = 0; bridge_event_words[i]; i++) {
        if (strcmp(bridge_event_words[i], type) == 0) {
            return true;
        }
    }
    return false;
}

void event_emit(struct daemon *d, int unit, const char *type, const char *fmt, ...)
{
    struct event_queued *ev = next_free(d);
    char time[STR_TIME_ROOM], more[800], charger[64], session[64];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(more, sizeof(more), fmt, ap);
    va_end(ap);
    ev->utc_ms = loop_utc_ms();
    ev->late = false;
    str_time(time, ev->utc_ms);
    str_copy(charger, sizeof(charger), "null");
    str_copy(session, sizeof(session), "null");
    str_copy(ev->topic, sizeof(ev->topic), "bridge/event");
    if (unit >= 0) {
        const struct unit *u = &d->unit[unit];

        str_format(charger, sizeof(charger), "\"%s\"", u->id);
        if (u->session.number > 0) {
            str_format(session, sizeof(session), "\"%s-%u\"", u->id, u->session.number);
        }
        if (!of_bridge(type)) {
            str_format(ev->topic, sizeof(ev->topic), "charger/%s/event", u->id);
        }
    }
    if (!str_format(ev->json, sizeof(ev->json),
                "{\"event_type\":\"%s\",\"time\":\"%s\",\"charger\":%s,\"session_id\":%s%s}", type,
                time, charger, session, more)) {
        log_error("bridge", "event %s does not fit and is not sent", type);
        d->event_count--;
        return;
    }
    if (d->store) {
        struct store_event row = {.utc_ms = ev->utc_ms,
                .published = d->broker.announced || !d->broker.mqtt};

        d->events_unsent = d->events_unsent || !row.published;

        str_copy(row.topic, sizeof(row.topic), ev->topic);
        str_copy(row.json, sizeof(row.json), ev->json);
        store_put_event(d->store, &row);
    }
    turn_ask(d->turn);
}

void event_flush(struct daemon *d)
{
    while (d->event_count > 0 && d->broker.announced) {
        struct event_queued *ev = &d->event[d->event_first];
        char topic[256], json[1100];
        bool late = ev->late || loop_utc_ms() - ev->utc_ms > LATE_MS;

        str_format(topic, sizeof(topic), "%s/%s", d->settings.mqtt.base_topic, ev->topic);
        str_format(json, sizeof(json), "%.*s%s}", (int)(strlen(ev->json) - 1), ev->json,
                late ? ",\"late\":true" : "");
        if (!broker_publish(d, topic, json, strlen(json), MQTT_VOLATILE)) {
            return;
        }
        d->event_first = (d->event_first + 1) % EVENTS_MAX;
        d->event_count--;
    }
    if (d->event_count == 0) {
        d->event_first = 0; /* the memory that was used before, not all of it in turn */
    }
    if (d->events_unsent && d->event_count == 0 && d->broker.announced) {
        d->events_unsent = false;
        if (d->store) {
            store_put_events_sent(d->store);
        }
    }
}

void events_load(struct daemon *d, const struct store_image *image)
{
    for (int i = 0; i < image->events; i++) {
        const struct store_event *row = &image->event[i];
        struct event_queued *ev = row->json[0] == '{' ? next_free(d) : NULL;

        if (ev) {
            ev->utc_ms = row->utc_ms;
            ev->late = true; /* nobody got it before the restart */
            str_copy(ev->topic, sizeof(ev->topic), row->topic);
            str_copy(ev->json, sizeof(ev->json), row->json);
        }
        d->events_unsent = true;
    }
}
