/*
 * ems_over_mqtt - topics of energy systems: one connection for each broker and login, shared by all
 * sources that have the same.
 *
 * It is never the connection that Home Assistant is served over, even where the broker is the same:
 * what a source floods us with stays away from commands. A subscription makes the broker send what
 * it kept once more to the whole connection, so who had a message of the topic already is not told
 * such again. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/ems_listen.h"
#include "bridge/io/mqtt.h"
#include "bridge/io/oneshot.h"
#include "bridge/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    KEEP_ALIVE_S = 30,
    GRACE_MS = 1000, /* it ends by itself, and earlier */
    AGAIN_MS = 1000, /* when the library takes no subscription now */
    TOPICS_MAX = 256,
};

struct topic {
    char filter[sizeof(((struct ems_request *)0)->topic)];
    bool live; /* a message of now came, or what the broker kept */
};

struct listener {
    struct listener *next;
    struct link *link;
    const struct ems_listening *what; /* borrowed, as ops and user */
    const struct ems_listen_ops *ops;
    void *user;
    struct oneshot *later;
    bool dead; /* closed while the link was calling */
    int n;
    struct topic *topic; /* owned */
};

struct link {
    struct link *next;
    uv_loop_t *loop; /* borrowed */
    struct mqtt *mqtt;
    struct listener *first;
    int calling; /* depth of callbacks: nothing of the list is freed */
    bool up, failed;
    enum ems_class class; /* of the failure */
    char why[200];
    struct mqtt_settings key;
};

static struct link *links; /* all connections of this process */

/* ---- topics ---- */

static bool matches(const char *filter, const char *topic)
{
    while (*filter != '\0' && *topic != '\0') {
        if (*filter == '+') {
            filter++;
            topic += strcspn(topic, "/");
        } else if (*filter++ != *topic++) {
            return false;
        }
    }
    return (*filter == '\0' || (*filter == '+' && filter[1] == '\0')) && *topic == '\0';
}

/* What the adapter wants to hear, by now. */
static bool learn(struct listener *l)
{
    struct ems_request *q = calloc(1, sizeof(*q));
    const struct ems_adapter *a = l->what->adapter;
    struct topic *topic = calloc(TOPICS_MAX, sizeof(*topic));
    int n = 0;

    while (q && topic && n < TOPICS_MAX && a->listen(l->what->config, l->what->session, n, q)) {
        (void)str_copy(topic[n++].filter, sizeof(topic[0].filter), q->topic);
        memset(q, 0, sizeof(*q));
    }
    free(q);
    if (!topic) {
        return false;
    }
    free(l->topic);
    l->topic = topic;
    l->n = n;
    return true;
}

static bool wanted(const struct link *k, const char *filter)
{
    for (const struct listener *l = k->first; l; l = l->next) {
        for (int i = 0; !l->dead && i < l->n; i++) {
            if (strcmp(l->topic[i].filter, filter) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void subscribe(struct listener *l)
{
    for (int i = 0; i < l->n; i++) {
        l->topic[i].live = false;
        if (!mqtt_subscribe(l->link->mqtt, l->topic[i].filter, 1)) {
            oneshot_start(l->later, AGAIN_MS);
        }
    }
}

/* ---- the end of a listener, and of a link without any ---- */

static void free_listener(struct listener *l)
{
    oneshot_destroy(l->later);
    free(l->topic);
    free(l);
}

static void end_link(struct link *k)
{
    struct link **at = &links;

    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
    mqtt_destroy(k->mqtt, GRACE_MS);
    free(k);
}

/* Listeners that are dead go; a link without any goes, too. */
static void sweep(struct link *k)
{
    if (k->calling > 0) {
        return;
    }
    for (struct listener **at = &k->first; *at;) {
        struct listener *l = *at;

        if (l->dead) {
            *at = l->next;
            free_listener(l);
        } else {
            at = &l->next;
        }
    }
    if (!k->first) {
        end_link(k);
    }
}

static void drop_topics(struct listener *l)
{
    for (int i = 0; i < l->n; i++) {
        if (l->link->up && !wanted(l->link, l->topic[i].filter)) {
            (void)!mqtt_unsubscribe(l->link->mqtt, l->topic[i].filter);
        }
    }
}

/* ---- from the connection ---- */

static void on_up(void *user, int protocol)
{
    struct link *k = user;

    (void)protocol;
    k->up = true;
    k->failed = false;
    k->calling++;
    for (struct listener *l = k->first; l; l = l->next) {
        if (!l->dead) {
            oneshot_stop(l->later);
            subscribe(l);
            l->ops->up(l->user);
        }
    }
    k->calling--;
    sweep(k);
}

static void on_down(void *user, const char *why)
{
    struct link *k = user;

    k->up = false;
    k->failed = true;
    switch (mqtt_fault(k->mqtt)) {
    case MQTT_FAULT_NETWORK:
        k->class = EMS_UNREACHABLE;
        break;
    case MQTT_FAULT_TLS:
        k->class = EMS_TLS;
        break;
    case MQTT_FAULT_LOGIN:
        k->class = EMS_AUTH;
        break;
    }
    (void)str_copy(k->why, sizeof(k->why), why);
    k->calling++;
    for (struct listener *l = k->first; l; l = l->next) {
        if (!l->dead) {
            oneshot_stop(l->later);
            l->ops->down(l->user, k->class, k->why);
        }
    }
    k->calling--;
    sweep(k);
}

static void hand(struct listener *l, const struct mqtt_message *m)
{
    for (int i = 0; i < l->n && !l->dead; i++) {
        struct topic *t = &l->topic[i];
        const struct ems_answer a = {.i = i,
                .pushed = true,
                .status = 200,
                .body = (const char *)m->payload,
                .len = m->len,
                .cookies = "",
                .content_type = "",
                .topic = m->topic,
                .retained = m->retained};

        if (!matches(t->filter, m->topic) ||
                (m->retained && t->live && !strchr(t->filter, '+'))) {
            continue;
        }
        t->live = true;
        l->ops->message(l->user, &a);
    }
}

static void on_message(void *user, const struct mqtt_message *m)
{
    struct link *k = user;

    k->calling++;
    for (struct listener *l = k->first; l; l = l->next) {
        hand(l, m);
    }
    k->calling--;
    sweep(k);
}

/* A listener that came to a link that is up, or down, already. */
static void on_later(void *user)
{
    struct listener *l = user;
    struct link *k = l->link;

    k->calling++;
    if (k->up) {
        subscribe(l);
        l->ops->up(l->user);
    } else if (k->failed) {
        l->ops->down(l->user, k->class, k->why);
    }
    k->calling--;
    sweep(k);
}

/* ---- making ---- */

/* The broker and the login that count for this source. */
static bool key_of(const struct ems_listening *what, struct mqtt_settings *key, struct err *e)
{
    const struct ems_http *h = ems_http_of(what->adapter, what->config);

    memset(key, 0, sizeof(*key));
    if (h->url[0] == '\0' && what->broker && what->broker->url[0] != '\0') {
        *key = *what->broker;
        return true;
    }
    if (h->url[0] == '\0') {
        err_set(e, ERR_INVALID, "url: is missing, and the bridge has no broker (mqtt.url)");
        return false;
    }
    if (!str_copy(key->url, sizeof(key->url), h->url)) {
        err_set(e, ERR_INVALID, "url: is longer than %zu characters", sizeof(key->url) - 1);
        return false;
    }
    (void)str_copy(key->username, sizeof(key->username), h->username);
    (void)str_copy(key->password, sizeof(key->password), h->password);
    (void)str_copy(key->ca_file, sizeof(key->ca_file), h->ca_file);
    (void)str_copy(key->cert_file, sizeof(key->cert_file), h->cert_file);
    (void)str_copy(key->key_file, sizeof(key->key_file), h->key_file);
    key->insecure = h->insecure;
    return true;
}

static bool same(const struct mqtt_settings *a, const struct mqtt_settings *b)
{
    return strcmp(a->url, b->url) == 0 && strcmp(a->username, b->username) == 0 &&
           strcmp(a->password, b->password) == 0 && strcmp(a->ca_file, b->ca_file) == 0 &&
           strcmp(a->cert_file, b->cert_file) == 0 && strcmp(a->key_file, b->key_file) == 0 &&
           a->insecure == b->insecure;
}

/* Two bridges, or a bridge and a probe, must not throw each other out. */
static void client_id(char *id, size_t room)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
        random = (uint32_t)(uv_hrtime() >> 10);
    }
    (void)str_format(id, room, "twcbridge-ems-%08x", (unsigned)random);
}

static struct link *link_for(uv_loop_t *loop, const struct mqtt_settings *key, struct err *e)
{
    static const struct mqtt_ops ops = {.up = on_up, .down = on_down, .message = on_message};
    char id[40];
    struct link *k;

    for (k = links; k; k = k->next) {
        if (k->loop == loop && same(&k->key, key)) {
            return k;
        }
    }
    k = calloc(1, sizeof(*k));
    if (!k) {
        err_set(e, ERR_NO_MEMORY, "mqtt: out of memory");
        return NULL;
    }
    k->loop = loop;
    k->key = *key;
    client_id(id, sizeof(id));
    k->mqtt = mqtt_create(loop,
            &(struct mqtt_config){.url = key->url,
                    .client_id = id,
                    .username = key->username,
                    .password = key->password,
                    .ca_file = key->ca_file,
                    .cert_file = key->cert_file,
                    .key_file = key->key_file,
                    .insecure = key->insecure,
                    .keep_alive_s = KEEP_ALIVE_S},
            &ops, k, e);
    if (!k->mqtt) {
        free(k);
        return NULL;
    }
    k->next = links;
    links = k;
    return k;
}

static void *mqtt_open(uv_loop_t *loop, const struct ems_listening *what,
        const struct ems_listen_ops *ops, void *user, struct err *e)
{
    struct mqtt_settings key;
    struct listener *l = calloc(1, sizeof(*l));

    if (!l) {
        err_set(e, ERR_NO_MEMORY, "mqtt: out of memory");
        return NULL;
    }
    l->what = what;
    l->ops = ops;
    l->user = user;
    l->later = oneshot_create(loop, on_later, l, e);
    if (l->later && !learn(l)) {
        err_set(e, ERR_NO_MEMORY, "mqtt: out of memory");
    } else if (l->later && key_of(what, &key, e)) {
        l->link = link_for(loop, &key, e);
    }
    if (!l->link) {
        free_listener(l);
        return NULL;
    }
    l->next = l->link->first;
    l->link->first = l;
    if (l->link->up || l->link->failed) {
        oneshot_start(l->later, 0);
    }
    return l;
}

static void mqtt_close(void *self)
{
    struct listener *l = self;

    if (l) {
        l->dead = true;
        oneshot_stop(l->later);
        drop_topics(l);
        sweep(l->link);
    }
}

static void mqtt_again(void *self)
{
    struct listener *l = self, old = {.link = l->link, .n = l->n, .topic = l->topic};

    l->topic = NULL;
    if (!learn(l)) {
        l->n = 0;
    }
    drop_topics(&old);
    free(old.topic);
    if (l->link->up) {
        oneshot_start(l->later, 0);
    }
}

const struct ems_backend ems_over_mqtt = {
        .open = mqtt_open, .close = mqtt_close, .again = mqtt_again};
