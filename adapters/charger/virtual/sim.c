/*
 * sim - the bus side of the virtual chargers. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/sim.h"

#include "bridge/base/str.h"

#include <string.h>

enum {
    LINKREADY_MS = 10000,
    STEP_MS = 100,
    LATENCY_MIN_MS = 20,
    LATENCY_SPREAD_MS = 40,
    TAIL_BYTE = 0xFC,
    ENERGY_FIRST_KWH = 1000,
    ADJUST_MA = 2000, /* commands 06 and 07 */
};

/* Time of n bytes at 9600 baud, 10 bits each. */
static int64_t wire_ms(size_t n)
{
    return (int64_t)(n * 10 * 1000 + 9599) / 9600;
}

/* The last four characters of a serial: decimal digits read as hex. No two are the same. */
static uint16_t make_id(struct sim *s, int n)
{
    uint16_t id;
    bool taken;

    do {
        uint32_t d = 1000 + sim_random(s) % 9000;

        id = (uint16_t)((d / 1000 << 12) | (d / 100 % 10 << 8) | (d / 10 % 10 << 4) | d % 10);
        taken = false;
        for (int i = 0; i < n; i++) {
            taken = taken || s->charger[i].id == id;
        }
    } while (taken);
    return id;
}

void sim_unit_init(struct sim *s, struct sim_charger *c, uint16_t id, int64_t now_ms)
{
    const struct sim_config *k = &s->config;

    *c = (struct sim_charger){
            .id = id,
            .protocol = k->protocol,
            .old_firmware = k->old_firmware,
            .hw_max_ma = k->max_ma,
            .idle_ma = k->idle_ma,
            .told_ma = -1,
            .car = {.max_ma = k->max_ma,
                    .ramp_ma_s = 4000,
                    .lag_ms = 500,
                    .draw_ma = -1,
                    .phases = k->phases},
    };
    c->sign = (uint8_t)sim_random(s);
    c->linkready_ms = now_ms + 500 + sim_random(s) % 2000 + 300 * (c - s->charger);
    c->energy_kwh0 = ENERGY_FIRST_KWH + sim_random(s) % 4000;
    str_format(c->serial, sizeof(c->serial), "A19F000%04x", (unsigned)c->id);
    if (k->plugged) {
        sim_car_plug(s, c, true, now_ms);
    }
}

void sim_init(struct sim *s, const struct sim_config *c, int64_t now_ms)
{
    memset(s, 0, sizeof(*s));
    s->config = *c;
    s->random = c->seed * 2654435761u + 1;
    s->random = s->random != 0 ? s->random : 1; /* xorshift stays at 0 */
    s->n = c->chargers;
    s->stepped_ms = now_ms;
    s->min_spacing_ms = UINT32_MAX;
    for (int i = 0; i < s->n; i++) {
        uint16_t id = c->first_id != 0 ? (uint16_t)(c->first_id + i) : make_id(s, i);

        sim_unit_init(s, &s->charger[i], id, now_ms);
    }
}

static void queue(
        struct sim *s, const struct sim_charger *c, const struct slave_out *m, int64_t due_ms)
{
    struct frame f;

    if (c->talk != SIM_WELL || s->queued == SIM_QUEUE_MAX || !message_slave_pack(m, &f)) {
        return;
    }
    s->queue[s->queued++] = (struct sim_queued){due_ms, c->id, f};
}

/* A unit that reboots says nothing more. Its twin may lose an answer too: nobody is hurt. */
void sim_forget(struct sim *s, uint16_t id)
{
    int left = 0;

    for (int i = 0; i < s->queued; i++) {
        if (s->queue[i].id != id) {
            s->queue[left++] = s->queue[i];
        }
    }
    s->queued = left;
}

static int64_t answer_at(struct sim *s)
{
    return s->rx_end_ms + LATENCY_MIN_MS + sim_random(s) % LATENCY_SPREAD_MS;
}

static uint8_t shown_state(struct sim_charger *c)
{
    uint8_t ack = c->ack;

    c->ack = 0;
    return ack != 0 && c->state != TWC_ERROR ? ack : c->state;
}

static void answer_heartbeat(struct sim *s, struct sim_charger *c, uint16_t master)
{
    queue(s, c,
            &(struct slave_out){
                    .kind = MSG_SLAVE_HEARTBEAT,
                    .protocol = c->protocol,
                    .from = c->id,
                    .to = master,
                    .state = shown_state(c),
                    .max_ma = sim_limit(c),
                    .draw_ma = c->draw_ma > 0 ? c->draw_ma + c->meter_ma : c->idle_ma,
            },
            answer_at(s));
}

static void take_limit(struct sim_charger *c, int32_t ma, uint8_t code, int64_t now_ms)
{
    /* Protocol 1 knows 05 alone; protocol 2 takes 05 only before charging, 09 at any time. */
    if ((code == TWC_CMD_LIMIT_P2 && c->protocol == 1) ||
            (code == TWC_CMD_LIMIT_P1 && c->protocol == 2 && c->contactor)) {
        return;
    }
    if (ma != c->told_ma && c->adjust_ms != 0) {
        c->adjust_ma = 0;
        c->adjust_ms = 0;
        sim_enter(c, c->contactor ? TWC_CHARGING : TWC_READY, now_ms);
    }
    sim_car_told(c, ma, now_ms);
    if (c->lost && ma > 0) {
        c->lost = false;
        c->resumes = true;
        sim_enter(c, TWC_READY, now_ms);
    }
    c->zero_told = c->protocol == 1 && ma == 0;
    if (c->swings) {
        c->swings = false;
        sim_contactor(c, false);
        sim_enter(c, c->car.plugged ? TWC_PLUGGED_NO_CHARGE : TWC_READY, now_ms);
    }
    if (code == TWC_CMD_LIMIT_P2 && c->contactor) {
        c->ack = TWC_ACK_LIMIT;
    }
}

static void take_adjust(struct sim_charger *c, uint8_t code, int64_t now_ms)
{
    if (c->protocol != 2 || !c->contactor) {
        return;
    }
    c->adjust_ma = 0;
    if (code == TWC_CMD_PLUS) {
        sim_car_told(c, sim_limit(c) + ADJUST_MA, now_ms);
    } else {
        c->adjust_ma = -ADJUST_MA;
    }
    c->adjust_ms = now_ms;
    sim_enter(c, code == TWC_CMD_PLUS ? TWC_ACK_PLUS : TWC_ACK_MINUS, now_ms);
}

/* A protocol 1 unit that was told 0 and then "go on" swings between 0 and 6 A. */
static void take_go_on(struct sim_charger *c, int64_t now_ms)
{
    bool closed = c->state == TWC_CHARGING;

    if (!c->zero_told || !c->car.plugged || c->stops != SIM_STOPS) {
        return;
    }
    if (!c->swings) {
        c->swings = true;
        closed = true;
    }
    c->told_ma = closed ? FLOOR_MA : 0;
    sim_contactor(c, !closed);
    sim_enter(c, closed ? TWC_PLUGGED_NO_CHARGE : TWC_CHARGING, now_ms);
}

static void danger(struct sim *s, const struct message *m, const char *what)
{
    s->dangerous++;
    str_format(s->danger, sizeof(s->danger), "%02X %02X %s", (unsigned)m->type,
            (unsigned)m->cmd, what);
}

static void obey(struct sim *s, struct sim_charger *c, const struct message *m, int64_t now_ms)
{
    switch (m->code) {
    case TWC_CMD_LIMIT_P1:
    case TWC_CMD_LIMIT_P2:
    case TWC_CMD_STOPPED:
        take_limit(c, m->max_ma, m->code, now_ms);
        break;
    case TWC_CMD_PLUS:
    case TWC_CMD_MINUS:
        take_adjust(c, m->code, now_ms);
        break;
    case TWC_CMD_GO_ON:
        take_go_on(c, now_ms);
        break;
    case TWC_CMD_ERROR:
        danger(s, m, "02 would have locked a real unit until a person resets it");
        break;
    default:
        break;
    }
}

static void on_heartbeat(
        struct sim *s, struct sim_charger *c, const struct message *m, int64_t now_ms)
{
    int64_t gap_ms = now_ms - c->heard_ms;

    if (c->heard_ms != 0 && gap_ms < s->min_spacing_ms) {
        s->min_spacing_ms = (uint32_t)gap_ms;
    }
    if (c->state == TWC_ERROR && c->lost) {
        sim_enter(c, TWC_STARTING, now_ms);
        c->ack = TWC_STARTING; /* seen at least once, even if amps come at once */
    }
    c->heard_ms = now_ms;
    c->linkready_ms = INT64_MAX;
    obey(s, c, m, now_ms);
    answer_heartbeat(s, c, m->sender);
}

static void part_of(char dst[8], const char *vin, size_t from, size_t n)
{
    size_t len = strlen(vin);

    str_format(dst, 8, "%.*s", (int)(len > from ? n : 0), len > from ? vin + from : "");
}

static uint8_t plug_code(const struct sim_charger *c)
{
    return !c->car.plugged  ? TWC_PLUG_NO
           : c->draw_ma > 0 ? TWC_PLUG_CHARGING
                            : TWC_PLUG_WAITING;
}

/* What a unit answers to a query; MSG_UNKNOWN: nothing. */
static void on_query(struct sim *s, struct sim_charger *c, const struct message *m)
{
    struct slave_out o = {.protocol = c->protocol, .from = c->id, .version = {4, 5, 3, 2}};
    bool new = c->protocol == 2 && !c->old_firmware;
    const char *vin = c->car.plugged ? c->car.vin : "";
    char text[8] = "";

    o.text = text;
    if (m->kind == MSG_GET_POWER && c->protocol == 2) {
        o.kind = MSG_POWER;
        o.old_power = c->old_firmware;
        o.energy = c->energy_kwh0 + (uint32_t)(c->energy_mwms / INT64_C(3600000000000));
        for (int p = 0; p < c->car.phases && p < PHASES; p++) {
            o.volts[p] = (uint16_t)s->config.volts;
            o.half_amps[p] = (uint8_t)((c->draw_ma + 250) / 500);
        }
    } else if (m->kind == MSG_GET_FIRMWARE && new) {
        o.kind = MSG_FIRMWARE;
    } else if (m->kind == MSG_GET_SERIAL && new) {
        o.kind = MSG_SERIAL;
        o.text = c->serial;
    } else if (m->kind == MSG_GET_VIN1 && new) {
        o.kind = MSG_VIN1;
        part_of(text, vin, 0, 7);
    } else if (m->kind == MSG_GET_VIN2 && new) {
        o.kind = MSG_VIN2;
        part_of(text, vin, 7, 7);
    } else if (m->kind == MSG_GET_VIN3 && new) {
        o.kind = MSG_VIN3;
        part_of(text, vin, 14, 3);
    } else if (m->kind == MSG_GET_PLUG && new) {
        o.kind = MSG_PLUG;
        o.plug = plug_code(c);
    }
    if (o.kind != MSG_UNKNOWN) {
        queue(s, c, &o, answer_at(s));
    }
}

/* Queries that are not addressed: every unit answers. */
static void on_old_query(struct sim *s, struct sim_charger *c, const struct message *m)
{
    struct slave_out o = {.protocol = c->protocol, .from = c->id, .version = {2, 5, 3}};

    if (m->kind == MSG_GET_OLD_SERIAL) {
        o.kind = MSG_OLD_SERIAL;
        o.text = c->serial;
    } else if (m->kind == MSG_GET_OLD_MODEL) {
        o.kind = MSG_OLD_MODEL;
        o.text = "EVWTS80HL";
    } else {
        o.kind = MSG_OLD_FIRMWARE;
    }
    queue(s, c, &o, answer_at(s));
}

static void on_contactor(
        struct sim *s, struct sim_charger *c, const struct message *m, int64_t now_ms)
{
    if (c->protocol != 2 || c->old_firmware) {
        return;
    }
    sim_contactor(c, m->kind == MSG_START && c->car.plugged);
    sim_enter(c, c->contactor ? TWC_CHARGING : TWC_PLUGGED_NO_CHARGE, now_ms);
    if (m->kind == MSG_STOP) {
        c->car.interruptions = 3; /* the car wants to be plugged in anew */
    }
    queue(s, c,
            &(struct slave_out){.kind = m->kind == MSG_START ? MSG_START_ACK : MSG_STOP_ACK,
                    .protocol = c->protocol,
                    .from = c->id},
            answer_at(s));
}

static void dispatch(
        struct sim *s, struct sim_charger *c, const struct message *m, int64_t now_ms)
{
    bool mine = m->receiver == c->id;

    if (!sim_hears(c, now_ms)) {
        return;
    }
    if (m->kind == MSG_MASTER_HEARTBEAT && mine) {
        on_heartbeat(s, c, m, now_ms);
    } else if (m->kind >= MSG_GET_POWER && m->kind <= MSG_GET_PLUG && mine) {
        on_query(s, c, m);
    } else if (m->kind >= MSG_GET_OLD_SERIAL && m->kind <= MSG_GET_OLD_FIRMWARE) {
        on_old_query(s, c, m);
    } else if ((m->kind == MSG_START || m->kind == MSG_STOP) && mine) {
        on_contactor(s, c, m, now_ms);
    } else if (m->kind == MSG_MASTER_LINKREADY2) {
        c->linkready_ms = now_ms + 200 + sim_random(s) % 300;
    }
}

static void on_frame(struct sim *s, const struct frame *f, int64_t now_ms)
{
    struct message m;

    s->frames_in++;
    if (!message_decode(f, &m) || !m.from_master) {
        return;
    }
    if (m.kind == MSG_DANGEROUS) {
        danger(s, &m, "would have damaged a real unit");
        return;
    }
    for (int i = 0; i < s->n; i++) {
        dispatch(s, &s->charger[i], &m, now_ms);
    }
}

void sim_line_used(struct sim *s, size_t n, int64_t now_ms)
{
    if (n > 0) {
        s->rx_end_ms = (now_ms > s->rx_end_ms ? now_ms : s->rx_end_ms) + wire_ms(n);
    }
}

void sim_line_taken(struct sim *s, size_t n, int64_t now_ms)
{
    s->tx_end_ms = now_ms + wire_ms(n);
}

void sim_rx(struct sim *s, const uint8_t *p, size_t n, int64_t now_ms)
{
    struct frame f;

    if (n == 0) {
        return;
    }
    if (now_ms < s->tx_end_ms) {
        s->collisions++; /* both talk: neither is understood */
        frame_drop_partial(&s->decoder);
        s->rx_end_ms = now_ms + wire_ms(n);
        return;
    }
    sim_line_used(s, n, now_ms);
    for (size_t i = 0; i < n; i++) {
        enum frame_result r = frame_decode(&s->decoder, p[i], &f);

        if (r == FRAME_READY) {
            on_frame(s, &f, now_ms);
        } else if (r != FRAME_MORE && r != FRAME_NOISE) {
            s->bad_frames++;
        }
    }
}

static void announce(struct sim *s, int64_t now_ms)
{
    for (int i = 0; i < s->n; i++) {
        struct sim_charger *c = &s->charger[i];

        if (now_ms < c->linkready_ms || now_ms < c->boot_ms) {
            continue;
        }
        c->linkready_ms = now_ms + LINKREADY_MS;
        queue(s, c,
                &(struct slave_out){.kind = MSG_SLAVE_LINKREADY,
                        .protocol = c->protocol,
                        .from = c->id,
                        .sign = c->sign,
                        .hw_max_ma = c->hw_max_ma},
                now_ms + sim_random(s) % 50);
    }
}

/* The second unit with this id begins to answer while the first one does: bits of both. */
static size_t overlap(struct sim *s, uint16_t id, int64_t now_ms, uint8_t *out, size_t n)
{
    for (int i = 0; i < s->queued; i++) {
        uint8_t other[FRAME_WIRE_MAX + 1];
        size_t len, from;

        if (s->queue[i].id != id || s->queue[i].due_ms >= now_ms + wire_ms(n)) {
            continue;
        }
        len = frame_encode(&s->queue[i].frame, other);
        other[len++] = TAIL_BYTE;
        from = s->queue[i].due_ms > now_ms ? (size_t)(s->queue[i].due_ms - now_ms) * 96 / 100
                                           : 0;
        from = from < n ? from : n;
        for (size_t k = 0; k < len; k++) {
            out[from + k] = from + k < n ? out[from + k] & other[k] : other[k];
        }
        s->queue[i] = s->queue[--s->queued];
        s->overlaps++;
        return from + len > n ? from + len : n;
    }
    return n;
}

/* The earliest frame that is due, taken out of the queue. */
static size_t send_due(struct sim *s, int64_t now_ms, uint8_t *out)
{
    int first = -1;
    struct sim_queued q;
    size_t n;

    for (int i = 0; i < s->queued; i++) {
        if (first < 0 || s->queue[i].due_ms < s->queue[first].due_ms) {
            first = i;
        }
    }
    if (first < 0 || now_ms < s->queue[first].due_ms || now_ms < s->tx_end_ms ||
            now_ms < s->rx_end_ms) {
        return 0;
    }
    q = s->queue[first];
    s->queue[first] = s->queue[--s->queued];
    n = frame_encode(&q.frame, out);
    out[n++] = TAIL_BYTE;
    n = s->twins > 0 ? overlap(s, q.id, now_ms, out, n) : n;
    s->tx_end_ms = now_ms + wire_ms(n);
    s->frames_out++;
    return n;
}

size_t sim_tick(
        struct sim *s, int64_t now_ms, uint8_t out[static SIM_OUT_MAX], int64_t *next_ms)
{
    size_t n;

    while (now_ms - s->stepped_ms >= STEP_MS) {
        s->stepped_ms += STEP_MS;
        for (int i = 0; i < s->n; i++) {
            sim_car_step(s, &s->charger[i], s->stepped_ms, STEP_MS);
        }
    }
    announce(s, now_ms);
    n = send_due(s, now_ms, out);
    *next_ms = s->stepped_ms + STEP_MS;
    for (int i = 0; i < s->queued; i++) {
        int64_t due = s->queue[i].due_ms;

        due = due > s->tx_end_ms ? due : s->tx_end_ms;
        due = due > s->rx_end_ms ? due : s->rx_end_ms;
        *next_ms = due < *next_ms ? due : *next_ms;
    }
    return n;
}
