/*
 * status/home_assistant - sends what discovery/ returns; sees Home Assistant live and die.
 *
 * Discovery: at every connection, after each birth message (0 to 3 s later) and when a device
 * changes (at most one document of a device a second, since Home Assistant may skip the second).
 * Sweep: for 5 s after connecting, retained documents of ours that nothing stands behind are
 * blanked, and components that a document no longer has are removed in two steps.
 * Liveness: birth and will messages, and a probe every 0.9 s on a topic to which only Home
 * Assistant subscribes (json_attributes_topic of `connection`). "Nobody subscribes" ends liveness
 * where a probe had succeeded since the last announcement. A success proves liveness only when a
 * second probe beside it finds nobody: another client that subscribes to everything would answer
 * both. SPDX-License-Identifier: MIT
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
#include <sys/random.h>

enum {
    SWEEP_MS = 5000,
    BIRTH_JITTER_MS = 3000,
    PROBE_MS = 900,
    APART_MS = 1200, /* between two documents of one device */
    NO_SUBSCRIBER = 0x10,
    ORPHANS_MAX = 16, /* of one sweep; more wait for the next */
};

struct announced {
    bool dirty;
    bool tombstone_sent; /* the clean document follows */
    int64_t sent_ms;
    uint64_t hash; /* of the last document */
};

struct home {
    struct adapter_host *host; /* borrowed */
    struct oneshot *sweep, *birth, *probe, *again; /* owned */
    uint32_t watch;
    bool up, alive;
    bool probe_ok; /* a probe succeeded since the last announcement */
    bool five;     /* MQTT 5 */
    struct buf doc;
    struct announced device[MODEL_DEVICES_MAX];
    char orphan[ORPHANS_MAX][DISCOVERY_TOPIC_ROOM]; /* documents blanked by this sweep */
    int orphans;
};

static uint64_t hash_of(const char *p, size_t n)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */

    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint8_t)p[i]) * 1099511628211u;
    }
    return h;
}

static struct discovery_config config_of(const struct home *a)
{
    return (struct discovery_config){
            .base = a->host->base_topic,
            .prefix = a->host->prefix,
            .version = a->host->version,
            .support_url = "https://github.com/twcbridge/twcbridge",
            .configuration_url = "",
    };
}

static void blank(struct home *a, const struct model_device *d)
{
    struct discovery_config c = config_of(a);
    char topic[DISCOVERY_TOPIC_ROOM];

    discovery_topic(topic, sizeof(topic), &c, d);
    a->host->ops->publish(a->host, topic, "", 0, MQTT_RETAINED);
    discovery_state_topic(topic, sizeof(topic), &c, d);
    a->host->ops->publish(a->host, topic, "", 0, MQTT_RETAINED);
    if (d->kind == MODEL_CHARGER) {
        str_format(topic, sizeof(topic), "%s/charger/%s/availability", c.base, d->id);
        a->host->ops->publish(a->host, topic, "", 0, MQTT_RETAINED);
    }
}

static void send_document(struct home *a, int device, bool force)
{
    struct discovery_config c = config_of(a);
    const struct model_device *d = &a->host->model->device[device];
    struct announced *n = &a->device[device];
    char topic[DISCOVERY_TOPIC_ROOM];

    n->dirty = false;
    n->tombstone_sent = false;
    if (d->gone || !discovery_wanted(d)) {
        if (n->hash != 0) {
            n->hash = 0;
            blank(a, d);
        }
        return;
    }
    buf_reset(&a->doc);
    discovery_document(&c, a->host->model, device, &a->doc);
    if (!buf_ok(&a->doc)) {
        log_error("discovery", "the document of %s does not fit", d->name);
        return;
    }

    uint64_t hash = hash_of(buf_text(&a->doc), a->doc.len);

    if (!force && hash == n->hash) {
        return;
    }
    discovery_topic(topic, sizeof(topic), &c, d);
    if (a->host->ops->publish(a->host, topic, buf_text(&a->doc), a->doc.len, MQTT_RETAINED)) {
        n->hash = hash;
        n->sent_ms = loop_now_ms();
    }
}

static void turn(void *self)
{
    struct home *a = self;
    int64_t now_ms = loop_now_ms();
    bool later = false;

    if (!a->up || !a->host->discovery) {
        return;
    }
    for (int i = 0; i < a->host->model->devices; i++) {
        if (!a->device[i].dirty) {
            continue;
        }
        if (a->device[i].sent_ms != 0 && now_ms - a->device[i].sent_ms < APART_MS) {
            later = true;
        } else {
            send_document(a, i, a->device[i].tombstone_sent);
        }
    }
    if (later) {
        oneshot_start(a->again, APART_MS);
    }
}

static void on_devices(const void *event, void *user)
{
    const struct model_device *d = event;
    struct home *a = user;

    a->device[d - a->host->model->device].dirty = true;
}

static void on_birth_over(void *user)
{
    struct home *a = user;

    if (a->up) {
        a->host->ops->announce(a->host);
    }
}

static void on_birth(struct home *a, const struct mqtt_message *m)
{
    if (m->retained) {
        return; /* proves nothing: it may be from last week */
    }
    if (strcmp((const char *)m->payload, "online") == 0) {
        uint32_t random = 0;

        a->alive = true;
        a->probe_ok = false;
        a->host->ops->home_assistant(a->host, true, "its birth message");
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
            random = (uint32_t)loop_now_ms();
        }
        oneshot_start(a->birth, random % BIRTH_JITTER_MS);
    } else if (strcmp((const char *)m->payload, "offline") == 0) {
        a->alive = false;
        a->probe_ok = false;
        a->host->ops->home_assistant(a->host, false, "its will");
    }
}

static void on_second_probe(void *user, int reason)
{
    struct home *a = user;

    if (a->up && reason == NO_SUBSCRIBER && !a->alive && a->probe_ok) {
        a->alive = true;
        a->host->ops->home_assistant(a->host, true, "a probe that it alone took");
    }
}

static void on_first_probe(void *user, int reason)
{
    struct home *a = user;

    if (!a->up || reason < 0) {
        return;
    }
    if (reason == NO_SUBSCRIBER) {
        if (a->probe_ok) {
            a->probe_ok = false;
            a->alive = false;
            a->host->ops->home_assistant(a->host, false, "nobody takes the probe any more");
        }
        return;
    }
    a->probe_ok = true;
    if (!a->alive) {
        char topic[DISCOVERY_TOPIC_ROOM];

        str_format(topic, sizeof(topic), "%s/bridge/probe/nobody", a->host->base_topic);
        a->host->ops->probe(a->host, topic, on_second_probe, a);
    }
}

static void on_probe_due(void *user)
{
    struct home *a = user;
    char topic[DISCOVERY_TOPIC_ROOM];

    if (a->up) {
        str_format(topic, sizeof(topic), "%s/bridge/probe", a->host->base_topic);
        a->host->ops->probe(a->host, topic, on_first_probe, a);
    }
    oneshot_start(a->probe, PROBE_MS);
}

static void on_sweep_over(void *user)
{
    struct home *a = user;
    struct discovery_config c = config_of(a);
    char filter[DISCOVERY_TOPIC_ROOM], state[DISCOVERY_TOPIC_ROOM];
    char availability[DISCOVERY_TOPIC_ROOM + 16];

    str_format(filter, sizeof(filter), "%s/device/+/config", a->host->prefix);
    if (a->up) {
        a->host->ops->unsubscribe(a->host, filter);
    }
    for (int i = 0; a->up && i < a->orphans; i++) {
        if (!sweep_state_topic(&c, a->host->model, a->orphan[i], state, sizeof(state))) {
            continue; /* it came back meanwhile */
        }
        str_format(availability, sizeof(availability), "%s/availability", state);
        a->host->ops->publish(a->host, state, "", 0, MQTT_RETAINED);
        a->host->ops->publish(a->host, availability, "", 0, MQTT_RETAINED);
    }
    a->orphans = 0;
}

/* Its own documents follow when the sweep is over: to an entity that still listens an empty one is
 * an error. */
static void remove_orphan(struct home *a, const char *topic)
{
    log_notice("discovery", "removing %s: nothing stands behind it any more", topic);
    a->host->ops->publish(a->host, topic, "", 0, MQTT_RETAINED);
    if (a->orphans < ORPHANS_MAX) {
        str_copy(a->orphan[a->orphans++], sizeof(a->orphan[0]), topic);
    }
}

/* A retained document under the prefix, as it was when we connected. */
static void on_document(struct home *a, const struct mqtt_message *m)
{
    struct discovery_config c = config_of(a);
    const struct model *model = a->host->model;
    char topic[DISCOVERY_TOPIC_ROOM];

    if (!m->retained || m->len == 0) {
        return;
    }
    for (int i = 0; i < model->devices; i++) {
        const struct model_device *d = &model->device[i];

        discovery_topic(topic, sizeof(topic), &c, d);
        if (strcmp(topic, m->topic) != 0 || d->gone || !discovery_wanted(d)) {
            continue;
        }
        buf_reset(&a->doc);
        if (discovery_tombstones(&c, model, i, (const char *)m->payload, m->len, &a->doc) &&
                buf_ok(&a->doc)) {
            a->host->ops->publish(
                    a->host, topic, buf_text(&a->doc), a->doc.len, MQTT_RETAINED);
            a->device[i].sent_ms = loop_now_ms();
            a->device[i].tombstone_sent = true;
            a->device[i].dirty = true;
            oneshot_start(a->again, APART_MS);
        }
        return;
    }
    if (sweep_orphan(&c, model, m->topic, (const char *)m->payload, m->len)) {
        remove_orphan(a, m->topic);
    }
}

static bool home_message(void *self, const struct mqtt_message *m)
{
    struct home *a = self;
    size_t n = strlen(a->host->prefix);

    if (strcmp(m->topic, a->host->birth_topic) == 0) {
        on_birth(a, m);
        return true;
    }
    if (strncmp(m->topic, a->host->prefix, n) == 0 &&
            strncmp(m->topic + n, "/device/", strlen("/device/")) == 0) {
        on_document(a, m);
        return true;
    }
    return false;
}

static void home_up(void *self, int protocol)
{
    struct home *a = self;
    char filter[DISCOVERY_TOPIC_ROOM];

    a->up = true;
    a->five = protocol == 5;
    a->probe_ok = false;
    a->alive = false;
    if (!a->host->ops->subscribe(a->host, a->host->birth_topic, 1)) {
        log_warning("mqtt", "cannot subscribe to %s", a->host->birth_topic);
    }
    if (a->host->discovery) {
        str_format(filter, sizeof(filter), "%s/device/+/config", a->host->prefix);
        if (a->host->ops->subscribe(a->host, filter, 1)) {
            oneshot_start(a->sweep, SWEEP_MS);
        }
    }
    oneshot_start(a->probe, PROBE_MS);
}

static void home_down(void *self)
{
    struct home *a = self;

    a->up = false;
    a->probe_ok = false;
    a->alive = false;
    oneshot_stop(a->sweep);
    oneshot_stop(a->birth);
}

static void home_announce(void *self, int round)
{
    struct home *a = self;

    if (round != 1 || !a->host->discovery) {
        return;
    }
    a->probe_ok = false;
    for (int i = 0; i < a->host->model->devices; i++) {
        if (!a->device[i].tombstone_sent) {
            send_document(a, i, true);
        }
    }
}

static void home_destroy(void *self)
{
    struct home *a = self;

    if (a) {
        watch_remove(a->host->on_devices, a->watch);
        oneshot_destroy(a->sweep);
        oneshot_destroy(a->birth);
        oneshot_destroy(a->probe);
        oneshot_destroy(a->again);
        buf_finish(&a->doc);
        free(a);
    }
}

static void *home_create(struct adapter_host *h, const void *config, struct err *e)
{
    struct home *a = calloc(1, sizeof(*a));

    (void)config;
    if (!a) {
        err_set(e, ERR_NO_MEMORY, "discovery: out of memory");
        return NULL;
    }
    a->host = h;
    buf_init(&a->doc, BUF_CAP_DISCOVERY);
    a->watch = watch_add(h->on_devices, on_devices, a);
    a->sweep = oneshot_create(h->loop, on_sweep_over, a, e);
    a->birth = oneshot_create(h->loop, on_birth_over, a, e);
    a->probe = oneshot_create(h->loop, on_probe_due, a, e);
    a->again = oneshot_create(h->loop, turn, a, e);
    if (!a->sweep || !a->birth || !a->probe || !a->again) {
        home_destroy(a);
        return NULL;
    }
    return a;
}

const struct adapter adapter_status_home_assistant = {
        .name = "status_home_assistant",
        .summary = "Home Assistant by MQTT discovery: devices, entities, liveness.",
        .create = home_create,
        .destroy = home_destroy,
        .turn = turn,
        .announce = home_announce,
        .mqtt_up = home_up,
        .mqtt_down = home_down,
        .mqtt_message = home_message,
};
