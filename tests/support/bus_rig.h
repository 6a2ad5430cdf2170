/*
 * bus_rig - one bus, its chargers and the wire between them, on a fake clock at true 9600-baud
 * pace. The chargers here are simple on purpose and share no code with the virtual charger.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_BUS_RIG_H
#define TESTS_SUPPORT_BUS_RIG_H

#include "bridge/core/twc/bus.h"
#include "bridge/core/twc/message.h"
#include "tests/support/test.h"

enum { RIG_SLAVES = 4, RIG_TX_MAX = 40000, RIG_WIRE_MAX = 4096, RIG_EVENTS_MAX = 2000 };

/* Offers without an envelope: these tests are about the bus. */
struct offer {
    int32_t ma;
    int64_t stamp_ms;
};

int32_t offer_ma(const struct offer *o)
{
    return o->ma;
}

int64_t offer_stamp_ms(const struct offer *o)
{
    return o->stamp_ms;
}

struct rig_slave {
    uint16_t id;
    uint8_t sign, state, protocol;
    int32_t hw_ma, max_ma, draw_ma;
    bool dead;       /* neither hears nor speaks */
    bool deaf;       /* speaks linkreadys, never answers */
    bool mute_query; /* old firmware: heartbeats only */
    bool no_mirror;  /* nothing is plugged in: always 0 */
    uint8_t plug;    /* FD B4 */
    const char *vin; /* "": zeros */
    uint32_t energy;
    uint16_t volts;
    int64_t heard_ms, linkready_ms; /* last master heartbeat, last linkready */
    int latency_ms;                 /* 0: 30 to 70, at random */
    unsigned asked[256];            /* queries heard, by second byte */
};

struct rig_tx {
    int64_t start_ms;
    struct frame frame;
    uint8_t wire_len;
};

struct rig {
    struct bus bus;
    struct bus_config config;
    int64_t now, next;
    struct offer offer[BUS_CHARGERS_MAX];
    bool stamp;       /* a control step every 500 ms */
    bool admit;       /* adopted chargers are linked at once */
    int32_t first_ma; /* offer at adoption */
    struct rig_slave slave[RIG_SLAVES];
    int slaves;
    bool echo;
    int delay_ms;      /* of a gateway, both ways together */
    int noise_per_s;   /* bytes on the idle line */
    int flip_permille; /* frames with one broken bit */
    uint32_t seed;
    struct {
        int64_t at_us;
        uint8_t byte;
    } wire[RIG_WIRE_MAX]; /* towards the bus */
    unsigned head, tail;
    int64_t busy_us; /* the line is in use until then */
    bool fail_write;
    int stop_ms; /* once: the process is stopped so long between bus_tick and the write */
    struct rig_tx tx[RIG_TX_MAX];
    int tx_count;
    struct bus_event event[RIG_EVENTS_MAX];
    int event_count; /* without BUS_EV_REPORT */
    int reports;
};

static inline uint32_t rig_random(struct rig *r, uint32_t below)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 17;
    r->seed ^= r->seed << 5;
    return r->seed % below;
}

static inline void rig_on_event(void *user, const struct bus_event *ev)
{
    struct rig *r = user;

    if (ev->kind == BUS_EV_REPORT) {
        r->reports++;
        return;
    }
    if (r->event_count < RIG_EVENTS_MAX) {
        r->event[r->event_count++] = *ev;
    }
    if (ev->kind == BUS_EV_ADOPTED && r->admit) {
        r->offer[ev->slot] = (struct offer){.ma = r->first_ma, .stamp_ms = r->now};
        bus_set_offer(&r->bus, ev->slot, &r->offer[ev->slot], true);
    }
}

static inline int rig_events(const struct rig *r, enum bus_event_kind kind)
{
    int n = 0;

    for (int i = 0; i < r->event_count; i++) {
        n += r->event[i].kind == kind;
    }
    return n;
}

static inline void rig_byte(struct rig *r, int64_t at_us, uint8_t byte)
{
    r->wire[r->tail % RIG_WIRE_MAX].at_us = at_us;
    r->wire[r->tail % RIG_WIRE_MAX].byte = byte;
    r->tail++;
}

/* Bytes towards the bus from at_us on, one byte time each. */
static inline void rig_bytes(struct rig *r, int64_t at_us, const uint8_t *p, size_t n)
{
    if (at_us < r->busy_us) {
        at_us = r->busy_us;
    }
    for (size_t i = 0; i < n; i++) {
        at_us += 1042;
        rig_byte(r, at_us + r->delay_ms * 1000, p[i]);
    }
    r->busy_us = at_us;
}

static inline void rig_say(struct rig *r, int64_t at_us, const uint8_t *body, size_t n)
{
    uint8_t wire[FRAME_WIRE_MAX + 1];
    struct frame f;
    size_t len;

    assert_true(frame_seal(&f, body, n));
    len = frame_encode(&f, wire);
    if (rig_random(r, 1000) < (uint32_t)r->flip_permille) {
        wire[rig_random(r, (uint32_t)len)] ^= (uint8_t)(1u << rig_random(r, 8));
    }
    wire[len++] = 0xFC; /* the tail of real units */
    rig_bytes(r, at_us, wire, len);
}

/* A body in hexadecimal without checksum, said now. */
static inline void rig_hear(struct rig *r, const char *hex)
{
    uint8_t body[32];
    size_t n = 0;

    for (const char *p = hex; *p; p++) {
        static const char digits[] = "0123456789ABCDEF";
        const char *d = strchr(digits, *p);

        if (*p == ' ') {
            continue;
        }
        body[n / 2] = (uint8_t)((n % 2 ? body[n / 2] << 4 : 0) | (d - digits));
        n++;
    }
    rig_say(r, r->now * 1000, body, n / 2);
}

static inline size_t rig_put(uint8_t *body, size_t n, unsigned v)
{
    body[n] = (uint8_t)(v >> 8);
    body[n + 1] = (uint8_t)v;
    return n + 2;
}

static inline void rig_linkready(struct rig *r, struct rig_slave *s)
{
    uint8_t body[15] = {0xFD, 0xE2};

    rig_put(body, 2, s->id);
    body[4] = s->sign;
    rig_put(body, 5, (unsigned)(s->hw_ma / 10));
    s->linkready_ms = r->now;
    rig_say(r, r->now * 1000, body, s->protocol == 2 ? 15 : 13);
}

static inline void rig_answer_heartbeat(
        struct rig *r, struct rig_slave *s, const struct message *m, int64_t at_us)
{
    uint8_t body[15] = {0xFD, 0xE0};

    s->heard_ms = r->now;
    if ((m->code == 5 || m->code == 9) && !s->no_mirror) {
        s->max_ma = m->max_ma;
        if (s->protocol == 2 && s->max_ma == 0) {
            s->max_ma = 6000;
        }
    }
    rig_put(body, 2, s->id);
    rig_put(body, 4, m->sender);
    body[6] = s->state;
    rig_put(body, 7, (unsigned)(s->max_ma / 10));
    rig_put(body, 9, (unsigned)(s->draw_ma / 10));
    rig_say(r, at_us, body, s->protocol == 2 ? 15 : 13);
}

static inline void rig_text(uint8_t *body, const char *text, size_t from, size_t n)
{
    for (size_t i = 0; i < n && strlen(text) > from + i; i++) {
        body[4 + i] = (uint8_t)text[from + i];
    }
}

static inline void rig_answer_query(
        struct rig *r, struct rig_slave *s, const struct message *m, int64_t at_us)
{
    uint8_t body[19] = {0xFD, m->cmd};
    size_t n = 19;

    rig_put(body, 2, s->id);
    if (m->kind == MSG_GET_PLUG) {
        body[4] = s->plug;
        n = 15;
    } else if (m->kind == MSG_GET_POWER) {
        rig_put(body, rig_put(body, 4, s->energy >> 16), s->energy & 0xFFFF);
        rig_put(body, 8, s->volts);
        body[14] = (uint8_t)(s->draw_ma / 500);
    } else if (m->kind == MSG_GET_FIRMWARE) {
        memcpy(body + 4, "\x04\x05\x03\x02", 4);
        n = 15;
    } else if (m->kind == MSG_GET_SERIAL) {
        rig_text(body, "A18F0002019", 0, 11);
    } else if (m->kind == MSG_GET_VIN1) {
        rig_text(body, s->vin ? s->vin : "", 0, 7);
    } else if (m->kind == MSG_GET_VIN2) {
        rig_text(body, s->vin ? s->vin : "", 7, 7);
    } else if (m->kind == MSG_GET_VIN3) {
        rig_text(body, s->vin ? s->vin : "", 14, 3);
    } else {
        return;
    }
    rig_say(r, at_us, body, n);
}

static inline void rig_to_slaves(struct rig *r, const struct frame *f, int64_t end_us)
{
    struct message m;

    assert_true(message_decode(f, &m));
    for (int i = 0; i < r->slaves; i++) {
        struct rig_slave *s = &r->slave[i];
        int latency = s->latency_ms ? s->latency_ms : 30 + (int)rig_random(r, 41);

        if (m.receiver != s->id || s->dead) {
            continue;
        }
        s->asked[m.cmd]++;
        if (m.kind == MSG_MASTER_HEARTBEAT && !s->deaf) {
            rig_answer_heartbeat(r, s, &m, end_us + latency * 1000);
        } else if (m.kind != MSG_MASTER_HEARTBEAT && !s->deaf && !s->mute_query) {
            rig_answer_query(r, s, &m, end_us + latency * 1000);
        }
    }
}

/* The bus gave bytes: to the log, to the echo, to the chargers unless a bit broke. */
static inline void rig_sent(struct rig *r, const uint8_t *p, size_t n)
{
    int64_t end_us = r->now * 1000 + (int64_t)n * 1042;
    struct frame_decoder d = {0};
    struct frame f = {0};
    bool ready = false;

    for (size_t i = 0; i < n; i++) {
        ready = frame_decode(&d, p[i], &f) == FRAME_READY || ready;
    }
    assert_true(ready);
    if (r->fail_write) {
        bus_write_failed(&r->bus);
        return;
    }
    if (r->echo) {
        rig_bytes(r, r->now * 1000, p, n);
    } else if (end_us > r->busy_us) {
        r->busy_us = end_us;
    }
    assert_true(r->tx_count < RIG_TX_MAX);
    r->tx[r->tx_count++] =
            (struct rig_tx){.start_ms = r->now, .frame = f, .wire_len = (uint8_t)n};
    if (rig_random(r, 1000) >= (uint32_t)r->flip_permille) {
        rig_to_slaves(r, &f, end_us);
    }
}

static inline void rig_tick(struct rig *r)
{
    uint8_t out[FRAME_WIRE_MAX];
    size_t n = bus_tick(&r->bus, r->now, out, &r->next);

    assert_true(r->next > r->now);
    if (n > 0) {
        r->now += r->stop_ms;
        r->next += r->stop_ms;
        r->stop_ms = 0;
        rig_sent(r, out, n);
        bus_written(&r->bus, r->now);
    }
}

static inline void rig_slaves_run(struct rig *r)
{
    for (int i = 0; i < r->slaves; i++) {
        struct rig_slave *s = &r->slave[i];

        if (!s->dead && (s->deaf || r->now - s->heard_ms >= 10000) &&
                r->now - s->linkready_ms >= 10000 && r->busy_us < r->now * 1000) {
            rig_linkready(r, s);
        }
    }
}

static inline void rig_step(struct rig *r)
{
    uint8_t got[64];
    size_t n = 0;

    if (r->noise_per_s && r->busy_us < r->now * 1000 &&
            rig_random(r, 1000) < (uint32_t)r->noise_per_s) {
        rig_byte(r, r->now * 1000, (uint8_t)rig_random(r, 256));
    }
    rig_slaves_run(r);
    while (r->head != r->tail && r->wire[r->head % RIG_WIRE_MAX].at_us <= r->now * 1000 &&
            n < sizeof(got)) {
        got[n++] = r->wire[r->head++ % RIG_WIRE_MAX].byte;
    }
    if (n > 0) {
        bus_rx(&r->bus, got, n, r->now);
    }
    for (int i = 0; i < BUS_CHARGERS_MAX && r->stamp && r->now % 500 == 0; i++) {
        r->offer[i].stamp_ms = r->now;
    }
    if (n > 0 || r->now >= r->next) {
        rig_tick(r);
    }
}

static inline void rig_run(struct rig *r, int64_t ms)
{
    for (int64_t end = r->now + ms; r->now < end;) {
        r->now++;
        rig_step(r);
    }
}

/* The same body n times, the next one each_ms after the last. */
static inline void rig_hear_each(struct rig *r, const char *hex, int n, int64_t each_ms)
{
    for (int i = 0; i < n; i++) {
        rig_hear(r, hex);
        rig_run(r, each_ms);
    }
}

static inline void rig_set(struct rig *r, int slot, int32_t ma)
{
    r->offer[slot] = (struct offer){.ma = ma, .stamp_ms = r->now};
    rig_tick(r);
}

/* A rig with n chargers of one protocol, the port closed. */
static inline struct rig *rig_new(int n, uint8_t protocol)
{
    struct rig *r = calloc(1, sizeof(*r));

    assert_non_null(r);
    bus_config_defaults(&r->config);
    r->now = 1000;
    r->seed = 2463534242u;
    r->stamp = true;
    r->admit = true;
    r->first_ma = 6000;
    r->slaves = n;
    for (int i = 0; i < RIG_SLAVES; i++) {
        r->slave[i] = (struct rig_slave){.id = (uint16_t)(0xA1B0 + i),
                .sign = (uint8_t)(0x10 + i),
                .protocol = protocol,
                .hw_ma = 32000,
                .volts = 230,
                .energy = 1000,
                .heard_ms = -100000,
                .linkready_ms = -100000 + 500 * i};
    }
    return r;
}

static inline void rig_open(struct rig *r)
{
    bus_init(&r->bus, &r->config, rig_on_event, r);
    bus_port_up(&r->bus, r->now);
    rig_tick(r);
}

/* Opened, every charger adopted and answering. */
static inline struct rig *rig_running(int n, uint8_t protocol)
{
    struct rig *r = rig_new(n, protocol);

    rig_open(r);
    rig_run(r, 30000);
    check_i64(bus_slots(&r->bus), n);
    return r;
}

static inline uint16_t rig_receiver(const struct rig_tx *t)
{
    return (uint16_t)((t->frame.data[4] << 8) | t->frame.data[5]);
}

static inline bool rig_is_heartbeat(const struct rig_tx *t)
{
    return t->frame.data[0] == 0xFB && t->frame.data[1] == 0xE0;
}

/* The last heartbeat to a charger; NULL: none. */
static inline const struct rig_tx *rig_last(const struct rig *r, uint16_t id)
{
    for (int i = r->tx_count - 1; i >= 0; i--) {
        if (rig_is_heartbeat(&r->tx[i]) && rig_receiver(&r->tx[i]) == id) {
            return &r->tx[i];
        }
    }
    return NULL;
}

/* Command and centi-amps of a heartbeat as one number, such as 0x090640. */
static inline int64_t rig_said(const struct rig_tx *t)
{
    return t ? ((int64_t)t->frame.data[6] << 16) | (t->frame.data[7] << 8) | t->frame.data[8]
             : -1;
}

/* The n-th heartbeat (from 0) sent to a charger since index from. */
static inline const struct rig_tx *rig_nth(const struct rig *r, uint16_t id, int from, int n)
{
    for (int i = from; i < r->tx_count; i++) {
        if (rig_is_heartbeat(&r->tx[i]) && rig_receiver(&r->tx[i]) == id && n-- == 0) {
            return &r->tx[i];
        }
    }
    return NULL;
}

/* t, where a test says that there is one. */
static inline const struct rig_tx *rig_there(const struct rig_tx *t)
{
    if (!t) {
        print_error("there is no such frame\n");
        test_fail(__FILE__, __LINE__);
    }
    return t;
}

/* Smallest distance from the end of a heartbeat to the start of the next to the same charger. */
static inline int64_t rig_least_spacing(const struct rig *r)
{
    int64_t least = 1000000;

    for (int i = 0; i < r->tx_count; i++) {
        for (int k = i + 1; k < r->tx_count && rig_is_heartbeat(&r->tx[i]); k++) {
            if (rig_is_heartbeat(&r->tx[k]) &&
                    rig_receiver(&r->tx[k]) == rig_receiver(&r->tx[i])) {
                int64_t us = (r->tx[k].start_ms - r->tx[i].start_ms) * 1000 -
                             r->tx[i].wire_len * 1042;

                least = us / 1000 < least ? us / 1000 : least;
                break;
            }
        }
    }
    return least;
}

/* What the bus says of the charger in a slot. */
static inline const struct charger_report *report(const struct rig *r, int slot)
{
    return bus_report(&r->bus, slot);
}

/* Why the last late heartbeat was late, in the words of the bus; "none": none was late. */
static inline const char *last_gap(const struct rig *r)
{
    for (int i = r->event_count - 1; i >= 0; i--) {
        if (r->event[i].kind == BUS_EV_GAP) {
            return r->event[i].text;
        }
    }
    return "none";
}

#endif
