/*
 * mqtt - the loop's side: when to try, which version, which address; who is told what.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/mqtt.h"

#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/mqtt_impl.h"
#include "bridge/io/mqtt_probe.h"
#include "bridge/io/resolve.h"

#include <stdlib.h>
#include <string.h>

enum {
    WAIT_MIN_MS = 500,
    WAIT_MAX_MS = 1500,  /* and the attempt itself */
    STABLE_MS = 5000,    /* a shorter connection does not reset the pause */
    DEADLINE_MS = 10000, /* of one attempt: the library's own time-outs come first */
    SESSIONS_MAX = 4,    /* at the library at once, those that are ending included */
};

enum state { WAITING, RESOLVING, CONNECTING, UP, CLOSING };

struct mqtt {
    uv_timer_t timer;
    uv_timer_cb on_timer;
    uv_loop_t *loop;
    const struct mqtt_ops *ops;   /* borrowed */
    void *user;                   /* borrowed */
    struct mqtt_link *link;       /* owned share */
    struct mailbox *box;          /* owned */
    struct worker *worker;        /* owned */
    struct resolve *resolve;      /* owned; NULL: none under way */
    struct mqtt_prober *prober;   /* owned; NULL until the first probe of a connection */
    struct mqtt_session *session; /* the newest; its connection may be over already */
    uint64_t session_id;
    int sessions; /* not ended yet */
    enum state state;
    int protocol; /* of the attempt or the connection */
    int known;    /* what worked last; 0: try both */
    bool told;    /* down() was called for this outage */
    enum mqtt_fault fault;
    uint64_t wait_ms;
    int64_t up_ms;
    struct resolve_answer addrs;
    int addr, addrs_tried;
    struct mqtt_counters counters;
};

static void timer(struct mqtt *m, uint64_t ms)
{
    uv_update_time(m->loop);
    uv_timer_start(&m->timer, m->on_timer, ms, 0);
}

static void fail_try(struct mqtt *m, const char *why)
{
    uint64_t wait = m->wait_ms ? m->wait_ms : WAIT_MIN_MS;

    m->wait_ms = wait * 2 < WAIT_MAX_MS ? wait * 2 : WAIT_MAX_MS;
    m->state = WAITING;
    timer(m, wait);
    if (!m->told) {
        m->told = true;
        m->ops->down(m->user, why);
    }
}

/* ---- one try: perhaps a look-up, then one to three attempts ---- */

static void attempt(struct mqtt *m, int protocol)
{
    char address[RESOLVE_TEXT_ROOM];
    const char *where = m->link->texts.host;
    struct mqtt_session *s = NULL;

    if (!m->link->texts.tls) {
        resolve_text(address, &m->addrs.addr[m->addr]);
        where = address;
    }
    if (m->sessions < SESSIONS_MAX) {
        s = mqtt_session_create(m->link, m->session_id + 1, where, protocol);
    }
    if (!s) {
        fail_try(m, m->sessions < SESSIONS_MAX ? "mqtt: out of memory"
                                               : "mqtt: the library hangs in a name look-up");
        return;
    }
    mqtt_session_start(s, m->worker);
    if (m->session) {
        mqtt_session_end(m->session, m->worker, 0);
    }
    m->session = s;
    m->session_id++;
    m->sessions++;
    m->protocol = protocol;
    m->state = CONNECTING;
    timer(m, DEADLINE_MS);
}

static void on_resolved(void *user, const struct resolve_answer *a)
{
    struct mqtt *m = user;
    char why[sizeof(a->why) + 200];

    resolve_destroy(m->resolve);
    m->resolve = NULL;
    if (a->count == 0) {
        m->fault = MQTT_FAULT_NETWORK;
        str_format(
                why, sizeof(why), "cannot connect to %.120s: %s", m->link->texts.url, a->why);
        fail_try(m, why);
        return;
    }
    m->addrs = *a;
    m->addr = m->addr < a->count ? m->addr : 0;
    attempt(m, m->known ? m->known : 5);
}

static void begin_try(struct mqtt *m)
{
    const struct mqtt_texts *t = &m->link->texts;
    struct err e = {.code = ERR_OK};

    m->addrs_tried = 1;
    if (t->tls) {
        attempt(m, m->known ? m->known : 5); /* the name is needed for the certificate */
        return;
    }
    m->state = RESOLVING;
    m->resolve = resolve_create(m->loop, t->host, t->port, on_resolved, m, &e);
    if (!m->resolve) {
        fail_try(m, e.text);
    }
}

static void attempt_failed(struct mqtt *m, enum mqtt_failure failure, const char *why)
{
    switch (failure) {
    case MQTT_FAILURE_UNREACHED:
        if (m->addrs_tried < m->addrs.count) {
            m->addrs_tried++;
            m->addr = (m->addr + 1) % m->addrs.count;
            attempt(m, m->known ? m->known : 5);
            return;
        }
        break;
    case MQTT_FAILURE_VERSION:
        if (m->protocol == 5 && m->known == 0) {
            attempt(m, 4);
            return;
        }
        m->known = 0;
        break;
    case MQTT_FAILURE_REFUSED:
        break;
    }
    if (m->known == 4) {
        m->known = 0; /* after an outage it may be a newer broker */
    }
    fail_try(m, why);
}

static void connected(struct mqtt *m)
{
    uv_timer_stop(&m->timer);
    m->state = UP;
    m->known = m->protocol;
    m->told = false;
    m->up_ms = loop_now_ms();
    m->counters.connects++;
    m->ops->up(m->user, m->protocol);
}

static void lost(struct mqtt *m, const char *why)
{
    struct mqtt_prober *p = m->prober;

    if (loop_now_ms() - m->up_ms >= STABLE_MS) {
        m->wait_ms = 0;
    }
    m->prober = NULL;
    m->state = WAITING; /* no call from a callback below may send */
    if (p) {
        mqtt_prober_fail(p);
        mqtt_prober_destroy(p);
    }
    if (m->state == WAITING) { /* else a callback destroyed us */
        fail_try(m, why);
    }
}

static void message(struct mqtt *m, const struct mqtt_event *ev)
{
    const uint8_t *payload = ev->data + ev->topic_len + 1;
    const uint8_t *response = payload + ev->len + 1;
    const uint8_t *correlation = response + ev->response_len + 1;
    struct mqtt_message msg = {
            .topic = (const char *)ev->data,
            .payload = payload,
            .len = ev->len,
            .retained = ev->retained,
            .response_topic = ev->has_response ? (const char *)response : NULL,
            .correlation = ev->has_correlation ? correlation : NULL,
            .correlation_len = ev->correlation_len,
    };

    m->counters.received++;
    m->ops->message(m->user, &msg);
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *h)
{
    free(CONTAINER_OF(h, struct mqtt, timer));
}

/* What is still at the library then goes on alone, and finds nobody to tell. */
static void tear_down(struct mqtt *m)
{
    struct mqtt_link *l = m->link;
    struct mailbox *box = m->box;

    m->box = NULL;
    l->m = NULL;
    uv_mutex_lock(&l->lock);
    l->box = NULL;
    uv_mutex_unlock(&l->lock);
    worker_destroy(m->worker, 0);
    mailbox_destroy(box);
    mqtt_link_drop(l);
    uv_close((uv_handle_t *)&m->timer, on_closed);
}

void mqtt_destroy(struct mqtt *m, int grace_ms)
{
    if (!m || m->state == CLOSING) {
        return;
    }
    m->state = CLOSING;
    resolve_destroy(m->resolve);
    m->resolve = NULL;
    mqtt_prober_destroy(m->prober);
    m->prober = NULL;
    if (m->session) {
        mqtt_session_end(m->session, m->worker, grace_ms);
        m->session = NULL;
    }
    timer(m, m->sessions > 0 && grace_ms > 0 ? (uint64_t)grace_ms : 0);
}

void mqtt_on_event(struct mqtt *m, struct mqtt_event *ev)
{
    if (ev->kind == MQTT_EVENT_ENDED) {
        m->sessions--;
        if (m->state == CLOSING && m->sessions == 0) {
            tear_down(m);
        }
        return;
    }
    if (ev->session != m->session_id || m->state == CLOSING) {
        return;
    }
    switch (ev->kind) {
    case MQTT_EVENT_CONNECTED:
        /* Also when it was given up already but nothing newer was begun. */
        if (m->state == CONNECTING || m->state == WAITING) {
            connected(m);
        }
        break;
    case MQTT_EVENT_FAILED:
        if (m->state == CONNECTING) {
            m->fault = ev->fault;
            attempt_failed(m, ev->failure, ev->why);
        }
        break;
    case MQTT_EVENT_LOST:
        if (m->state == UP) {
            m->fault = MQTT_FAULT_NETWORK;
            lost(m, ev->why);
        }
        break;
    case MQTT_EVENT_MESSAGE:
        if (m->state == UP) {
            message(m, ev);
        }
        break;
    case MQTT_EVENT_ENDED:
        break;
    }
}

static void on_timer(uv_timer_t *t)
{
    struct mqtt *m = CONTAINER_OF(t, struct mqtt, timer);
    char why[200];

    switch (m->state) {
    case WAITING:
        begin_try(m);
        break;
    case CONNECTING:
        m->fault = MQTT_FAULT_NETWORK;
        str_format(why, sizeof(why), "cannot connect to %.120s: no answer in time",
                m->link->texts.url);
        attempt_failed(m, MQTT_FAILURE_VERSION, why);
        break;
    case CLOSING:
        tear_down(m);
        break;
    case RESOLVING:
    case UP:
        break;
    }
}

/* ---- the beginning ---- */

static bool copy(char **dst, const char *src)
{
    if (!src || !src[0]) {
        return true;
    }
    *dst = strdup(src);
    return *dst != NULL;
}

static struct mqtt_link *link_create(const struct mqtt_config *c, struct err *e)
{
    struct mqtt_link *l = calloc(1, sizeof(*l));
    struct mqtt_texts *t;

    if (!l || uv_mutex_init(&l->lock) < 0) {
        free(l);
        err_set(e, ERR_NO_MEMORY, "mqtt: out of memory");
        return NULL;
    }
    atomic_init(&l->owners, 1);
    t = &l->texts;
    t->insecure = c->insecure;
    t->keep_alive_s = c->keep_alive_s;
    if (mqtt_url_parse(c->url, t, e) != ERR_OK) {
        mqtt_link_drop(l);
        return NULL;
    }
    if (!copy(&t->url, c->url) || !(t->client_id = strdup(c->client_id ? c->client_id : "")) ||
            !copy(&t->username, c->username) || !copy(&t->password, c->password) ||
            !copy(&t->ca_file, c->ca_file) || !copy(&t->cert_file, c->cert_file) ||
            !copy(&t->key_file, c->key_file) || !copy(&t->will_topic, c->will_topic) ||
            !copy(&t->will_payload, c->will_payload)) {
        err_set(e, ERR_NO_MEMORY, "mqtt: out of memory");
        mqtt_link_drop(l);
        return NULL;
    }
    return l;
}

struct mqtt *mqtt_create(uv_loop_t *loop, const struct mqtt_config *c,
        const struct mqtt_ops *ops, void *user, struct err *e)
{
    struct mqtt_link *l = link_create(c, e);
    struct mqtt *m = NULL;

    if (!l) {
        return NULL;
    }
    m = calloc(1, sizeof(*m));
    if (!m) {
        err_set(e, ERR_NO_MEMORY, "mqtt: out of memory");
        goto fail_alloc;
    }
    m->box = mailbox_create(loop, e);
    if (!m->box) {
        goto fail_box;
    }
    m->worker = worker_create(loop, 3 * SESSIONS_MAX, e);
    if (!m->worker) {
        goto fail_worker;
    }
    m->loop = loop;
    m->ops = ops;
    m->user = user;
    m->link = l;
    m->on_timer = on_timer;
    l->m = m;
    l->box = m->box;                /* no other thread knows l yet */
    uv_timer_init(loop, &m->timer); /* cannot fail */
    m->state = WAITING;
    timer(m, 0);
    return m;

fail_worker:
    mailbox_destroy(m->box);
fail_box:
    free(m);
fail_alloc:
    mqtt_link_drop(l);
    return NULL;
}

/* ---- while it lives ---- */

bool mqtt_is_up(const struct mqtt *m)
{
    return m->state == UP;
}

enum mqtt_fault mqtt_fault(const struct mqtt *m)
{
    return m->fault;
}

int mqtt_protocol(const struct mqtt *m)
{
    return m->state == UP ? m->protocol : 0;
}

static bool send_out(struct mqtt *m, const struct mqtt_out *out)
{
    if (m->state == UP && mqtt_session_publish(m->session, out)) {
        m->counters.sent++;
        return true;
    }
    m->counters.refused_out++;
    return false;
}

bool mqtt_publish(struct mqtt *m, const char *topic, const void *payload, size_t len,
        enum mqtt_retain retain)
{
    return send_out(
            m, &(struct mqtt_out){
                       .topic = topic, .payload = payload, .len = len, .retain = retain});
}

bool mqtt_reply(struct mqtt *m, const char *topic, const void *payload, size_t len,
        const uint8_t *correlation, size_t correlation_len)
{
    return send_out(m, &(struct mqtt_out){.topic = topic,
                               .payload = payload,
                               .len = len,
                               .retain = MQTT_VOLATILE,
                               .correlation = correlation,
                               .correlation_len = correlation ? correlation_len : 0});
}

static struct mqtt_prober *make_prober(struct mqtt *m)
{
    char address[RESOLVE_TEXT_ROOM];
    const char *host = m->link->texts.host;

    if (!m->link->texts.tls) {
        resolve_text(address, &m->addrs.addr[m->addr]);
        host = address;
    }
    return mqtt_prober_create(
            m->loop, m->link, m->worker, m->protocol == 5 ? host : NULL, NULL);
}

bool mqtt_probe(struct mqtt *m, const char *topic, mqtt_probe_fn *fn, void *user)
{
    struct mqtt_out out = {.topic = topic, .payload = "{}", .len = 2};

    if (m->state != UP) {
        return false;
    }
    if (!m->prober) {
        m->prober = make_prober(m);
    }
    if (!m->prober || !mqtt_prober_send(m->prober, topic, fn, user)) {
        return false;
    }
    /* On the main connection too: its answer keeps the library's receiver awake, which after a
     * quiet second sleeps 100 ms at a time. */
    (void)mqtt_session_publish(m->session, &out);
    return true;
}

bool mqtt_subscribe(struct mqtt *m, const char *filter, int qos)
{
    return m->state == UP && mqtt_session_subscribe(m->session, filter, qos);
}

bool mqtt_unsubscribe(struct mqtt *m, const char *filter)
{
    return m->state == UP && mqtt_session_unsubscribe(m->session, filter);
}

struct mqtt_counters mqtt_counters(const struct mqtt *m)
{
    struct mqtt_counters c = m->counters;

    c.dropped_in = atomic_load(&m->link->dropped_in);
    return c;
}
