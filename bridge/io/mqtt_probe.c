/*
 * mqtt_probe - CONNECT, CONNACK, PUBLISH, PUBACK and DISCONNECT of MQTT 5 on a port.
 *
 *   CONNECT   10 len 00 04 M Q T T 05 flags keep-alive(2) 00 id user password
 *   CONNACK   20 len 00 reason ...
 *   PUBLISH   32 len topic(2+n) packet-id(2) 00 7B 7D
 *   PUBACK    40 len packet-id(2) [reason ...]      no reason: 0
 *
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/mqtt_probe.h"

#include "bridge/base/buf.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/port.h"
#include "bridge/io/resolve.h"
#include "bridge/io/tls.h"

#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_MS =
            3000,    /* a probe without an answer by then is lost, and the connection with it */
    AGAIN_MS = 2000, /* pause after a lost connection */
    REFUSED_MS = 30000, /* pause after a refusal */
    KEEP_ALIVE_S = 60,  /* the probes themselves come far more often */
    TOPIC_MAX = 256,
    IN_MAX = 2048,
    OUT_MAX = 16 * 1024,
};

enum state { IDLE, REACHING, GREETING, READY };

/* Reads the CAs on the worker. */
struct preparation {
    struct job job;
    struct mqtt_prober *p;  /* the loop's thread only; NULL: gone */
    struct mqtt_link *link; /* owned share */
    struct tls_context *context;
};

enum slot_state { SLOT_FREE, SLOT_WAITING, SLOT_SENT, SLOT_ANSWERED };

struct slot {
    enum slot_state state;
    mqtt_probe_fn *fn;
    void *user; /* borrowed */
    uint16_t packet_id;
    int reason;
    int64_t since_ms;
    char topic[TOPIC_MAX];
};

struct mqtt_prober {
    uv_timer_t timer;
    uv_timer_cb on_timer;
    uv_loop_t *loop;
    struct mqtt_link *link;      /* borrowed */
    struct worker *worker;       /* borrowed */
    char spec[300];              /* "": there is nothing to ask */
    struct port *port;           /* owned; NULL while idle */
    struct preparation *prep;    /* NULL: none under way */
    struct tls_context *context; /* owned; NULL: not made yet, or no TLS */
    struct tls *tls;             /* owned; NULL: no TLS, or idle */
    enum state state;
    bool destroyed;
    uint16_t packet_id;
    int64_t not_before_ms;
    struct slot slots[MQTT_PROBES_MAX];
    uint8_t in[IN_MAX];
    size_t len;
};

/* While something is under way the timer looks every half second, and at once if asked. */
static void kick(struct mqtt_prober *p)
{
    uv_timer_start(&p->timer, p->on_timer, 0, 500);
}

static void finish(struct slot *s, int reason)
{
    s->state = SLOT_FREE;
    s->fn(s->user, reason);
}

void mqtt_prober_fail(struct mqtt_prober *p)
{
    for (size_t i = 0; i < MQTT_PROBES_MAX && !p->destroyed; i++) {
        if (p->slots[i].state != SLOT_FREE) {
            finish(&p->slots[i], -1);
        }
    }
}

static void drop(struct mqtt_prober *p, int pause_ms)
{
    tls_destroy(p->tls);
    p->tls = NULL;
    port_destroy(p->port);
    p->port = NULL;
    p->state = IDLE;
    p->len = 0;
    p->not_before_ms = loop_now_ms() + pause_ms;
    mqtt_prober_fail(p);
}

/* ---- out ---- */

static void add_u16(struct buf *b, size_t v)
{
    buf_addc(b, (char)(v >> 8));
    buf_addc(b, (char)(v & 0xFF));
}

static void add_text(struct buf *b, const char *s, const char *more)
{
    add_u16(b, strlen(s) + strlen(more));
    buf_adds(b, s);
    buf_adds(b, more);
}

/* A failed write is told by the port's down(). */
static void send_packet(struct mqtt_prober *p, uint8_t type, const struct buf *body)
{
    struct buf b;
    size_t n = body->len;

    buf_init(&b, OUT_MAX + 8);
    buf_addc(&b, (char)type);
    do {
        buf_addc(&b, (char)((n & 0x7F) | (n > 0x7F ? 0x80 : 0)));
        n >>= 7;
    } while (n > 0);
    buf_add(&b, buf_text(body), body->len);
    if (buf_ok(&b) && buf_ok(body)) {
        const uint8_t *data = (const uint8_t *)buf_text(&b);

        (void)!(p->tls ? tls_send(p->tls, data, b.len) : port_write(p->port, data, b.len));
    }
    buf_finish(&b);
}

static void send_connect(struct mqtt_prober *p)
{
    const struct mqtt_texts *t = &p->link->texts;
    struct buf b;

    buf_init(&b, OUT_MAX);
    add_text(&b, "MQTT", "");
    buf_addc(&b, 5);
    buf_addc(&b, (char)(0x02 | (t->username ? 0x80 : 0) | (t->password ? 0x40 : 0)));
    add_u16(&b, KEEP_ALIVE_S);
    buf_addc(&b, 0); /* no properties */
    add_text(&b, t->client_id, t->client_id[0] ? "-probe" : "");
    if (t->username) {
        add_text(&b, t->username, "");
    }
    if (t->password) {
        add_text(&b, t->password, "");
    }
    send_packet(p, 0x10, &b);
    buf_finish(&b);
}

static void flush(struct mqtt_prober *p)
{
    for (size_t i = 0; i < MQTT_PROBES_MAX; i++) {
        struct slot *s = &p->slots[i];
        struct buf b;

        if (s->state != SLOT_WAITING) {
            continue;
        }
        p->packet_id = p->packet_id == UINT16_MAX ? 1 : (uint16_t)(p->packet_id + 1);
        s->packet_id = p->packet_id;
        s->state = SLOT_SENT;
        buf_init(&b, OUT_MAX);
        add_text(&b, s->topic, "");
        add_u16(&b, s->packet_id);
        buf_addc(&b, 0); /* no properties */
        buf_adds(&b, "{}");
        send_packet(p, 0x32, &b);
        buf_finish(&b);
    }
}

/* ---- in ---- */

static void on_packet(struct mqtt_prober *p, uint8_t type, const uint8_t *body, size_t n)
{
    uint16_t id;

    if (type == 0x20 && p->state == GREETING && n >= 2 && body[1] == 0) {
        p->state = READY;
        flush(p);
    } else if (type == 0x20 || type == 0xE0) {
        drop(p, type == 0x20 ? REFUSED_MS : AGAIN_MS);
    } else if (type == 0x40 && n >= 2) {
        id = (uint16_t)(body[0] << 8 | body[1]);
        for (size_t i = 0; i < MQTT_PROBES_MAX; i++) {
            if (p->slots[i].state == SLOT_SENT && p->slots[i].packet_id == id) {
                finish(&p->slots[i], n >= 3 ? body[2] : 0);
                return;
            }
        }
    }
}

/* Takes one packet off the front; false when none is whole, or the connection is gone. */
static bool take_packet(struct mqtt_prober *p)
{
    size_t n = 0, head = 1;
    uint8_t packet[IN_MAX];

    for (unsigned shift = 0;; shift += 7, head++) {
        if (head >= p->len) {
            return false;
        }
        n |= (size_t)(p->in[head] & 0x7F) << shift;
        if (!(p->in[head] & 0x80)) {
            head++;
            break;
        }
        if (shift >= 21) {
            drop(p, REFUSED_MS);
            return false;
        }
    }
    if (head + n > IN_MAX) { /* no packet that we asked for is that long */
        drop(p, REFUSED_MS);
        return false;
    }
    if (head + n > p->len) {
        return false;
    }
    memcpy(packet, p->in, head + n);
    p->len -= head + n;
    memmove(p->in, p->in + head + n, p->len);
    on_packet(p, packet[0] & 0xF0, packet + head, n);
    return !p->destroyed && p->port;
}

static void on_plain(void *user, const uint8_t *data, size_t n)
{
    struct mqtt_prober *p = user;

    while (n > 0) {
        size_t part = n < IN_MAX - p->len ? n : IN_MAX - p->len;

        memcpy(p->in + p->len, data, part);
        p->len += part;
        data += part;
        n -= part;
        while (take_packet(p)) {
        }
        if (p->destroyed || !p->port) {
            return;
        }
    }
}

static void on_plain_up(void *user)
{
    struct mqtt_prober *p = user;

    p->state = GREETING;
    send_connect(p);
}

static bool on_tls_send(void *user, const uint8_t *data, size_t n)
{
    struct mqtt_prober *p = user;

    return p->port && port_write(p->port, data, n);
}

static void on_bytes(void *user, const uint8_t *data, size_t n)
{
    struct mqtt_prober *p = user;

    if (!p->tls) {
        on_plain(p, data, n);
    } else if (!tls_feed(p->tls, data, n) && !p->destroyed && p->port) {
        drop(p, REFUSED_MS);
    }
}

static void on_up(void *user)
{
    static const struct tls_ops ops = {
            .send = on_tls_send, .ready = on_plain_up, .bytes = on_plain};
    struct mqtt_prober *p = user;

    if (!p->context) {
        on_plain_up(p);
        return;
    }
    p->tls = tls_create(p->context, p->link->texts.host, &ops, p);
    if (!p->tls || !tls_begin(p->tls)) {
        drop(p, REFUSED_MS);
    }
}

static void on_down(void *user, const char *why)
{
    (void)why;
    drop(user, AGAIN_MS);
}

static void reach(struct mqtt_prober *p)
{
    static const struct port_ops ops = {.up = on_up, .bytes = on_bytes, .down = on_down};

    p->state = REACHING;
    p->port = port_create(p->loop, p->spec, &ops, p, NULL);
}

static void prepare(struct job *j)
{
    struct preparation *prep = CONTAINER_OF(j, struct preparation, job);
    const struct mqtt_texts *t = &prep->link->texts;

    prep->context = tls_context_create(
            &(struct tls_files){.ca = t->ca_file, .cert = t->cert_file, .key = t->key_file},
            t->insecure);
}

static void drop_preparation(struct job *j)
{
    struct preparation *prep = CONTAINER_OF(j, struct preparation, job);

    tls_context_destroy(prep->context);
    mqtt_link_drop(prep->link);
    free(prep);
}

static void on_prepared(struct job *j)
{
    struct preparation *prep = CONTAINER_OF(j, struct preparation, job);
    struct mqtt_prober *p = prep->p;

    if (p) {
        p->prep = NULL;
        p->context = prep->context;
        prep->context = NULL;
        if (p->context) {
            reach(p);
        } else {
            drop(p, REFUSED_MS);
        }
    }
    drop_preparation(j);
}

/* False: not now; the probe is answered with -1. */
static bool begin(struct mqtt_prober *p)
{
    struct preparation *prep;

    if (p->port || p->prep) {
        return true;
    }
    if (!p->spec[0] || loop_now_ms() < p->not_before_ms) {
        return false;
    }
    if (!p->link->texts.tls || p->context) {
        reach(p);
        return p->port != NULL;
    }
    prep = calloc(1, sizeof(*prep));
    if (!prep) {
        return false;
    }
    prep->job = (struct job){.work = prepare, .done = on_prepared, .drop = drop_preparation};
    prep->p = p;
    prep->link = p->link;
    atomic_fetch_add(&p->link->owners, 1);
    if (!worker_post(p->worker, &prep->job)) {
        drop_preparation(&prep->job);
        return false;
    }
    p->prep = prep;
    return true;
}

static void on_timer(uv_timer_t *t)
{
    struct mqtt_prober *p = CONTAINER_OF(t, struct mqtt_prober, timer);
    int64_t now_ms = loop_now_ms();
    bool busy = false, late = false;

    for (size_t i = 0; i < MQTT_PROBES_MAX && !p->destroyed; i++) {
        struct slot *s = &p->slots[i];

        if (s->state == SLOT_ANSWERED) {
            finish(s, s->reason);
        } else if (s->state != SLOT_FREE) {
            busy = true;
            late = late || now_ms - s->since_ms > ANSWER_MS;
        }
    }
    if (p->destroyed) {
        return;
    }
    if (late) {
        drop(p, AGAIN_MS);
    } else if (!busy) {
        uv_timer_stop(&p->timer);
    }
}

static void on_closed(uv_handle_t *h)
{
    free(CONTAINER_OF(h, struct mqtt_prober, timer));
}

struct mqtt_prober *mqtt_prober_create(
        uv_loop_t *loop, struct mqtt_link *l, struct worker *w, const char *host, struct err *e)
{
    struct mqtt_prober *p = calloc(1, sizeof(*p));

    if (!p) {
        err_set(e, ERR_NO_MEMORY, "probe: out of memory");
        return NULL;
    }
    p->loop = loop;
    p->link = l;
    p->worker = w;
    p->on_timer = on_timer;
    uv_timer_init(loop, &p->timer); /* cannot fail */
    if (host) {
        str_format(p->spec, sizeof(p->spec),
                strchr(host, ':') ? "tcp://[%s]:%u" : "tcp://%s:%u", host,
                (unsigned)l->texts.port);
    }
    return p;
}

bool mqtt_prober_send(struct mqtt_prober *p, const char *topic, mqtt_probe_fn *fn, void *user)
{
    struct slot *s = NULL;

    for (size_t i = 0; i < MQTT_PROBES_MAX && !s; i++) {
        s = p->slots[i].state == SLOT_FREE ? &p->slots[i] : NULL;
    }
    if (!s || !str_copy(s->topic, sizeof(s->topic), topic)) {
        return false;
    }
    s->fn = fn;
    s->user = user;
    s->since_ms = loop_now_ms();
    s->state = SLOT_WAITING;
    if (!begin(p)) {
        s->state = SLOT_ANSWERED;
        s->reason = -1;
    } else if (p->state == READY) {
        flush(p);
    }
    kick(p);
    return true;
}

void mqtt_prober_destroy(struct mqtt_prober *p)
{
    if (p && !p->destroyed) {
        p->destroyed = true;
        if (p->prep) {
            p->prep->p = NULL;
        }
        tls_destroy(p->tls);
        tls_context_destroy(p->context);
        port_destroy(p->port);
        p->port = NULL;
        uv_close((uv_handle_t *)&p->timer, on_closed);
    }
}
