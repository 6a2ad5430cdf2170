/*
 * fuzz_bus - the master of a bus under any bytes, answers, gaps of time and orders, and a judge of
 * every frame it gives that shares no code with it: allow-list, amps, spacing, silence, and that
 * a charger which may be talked to is talked to. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus.h"
#include "bridge/core/twc/message_slave.h"
#include "tests/fuzz/fuzz.h"

enum {
    IDS = 5,
    FIRST_ID = 0xA1B0,
    NAMESAKE = IDS - 1, /* the unit with our id */
    OUR_ID = FIRST_ID + NAMESAKE,
    USUAL_ID = 0x7777,   /* of other controllers */
    FOREIGN_ID = 0x7770, /* and the next one */
    SPACING_US = 400000,
    STAMP_MAX_MS = 2000,
    FOREIGN_WINDOW_MS = 5000,
    FOREIGN_CLEAR_MS = 120000,
    CALM_MS = 4000,    /* without a disturbance for so long: what follows must hold */
    RHYTHM_MS = 3000,  /* no charger waits longer for a heartbeat */
    CHANGED_MS = 2500, /* nor a changed offer for the wire */
    GATEWAY_MS = 2000, /* both may take this much longer behind a gateway */
#ifdef FUZZ_LIBFUZZER
    STEPS_MAX = 250, /* for many runs; the corpus is replayed to the end */
#else
    STEPS_MAX = 4000,
#endif
};

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

/* A charger as far as it answers by itself. */
struct unit {
    bool answers, heard;
    uint8_t protocol, state, plug;
    int32_t max_ma, draw_ma;
    int64_t start_us, end_us; /* of the last heartbeat to it */
    int last_round;           /* heartbeats after bus_last_round */
};

struct world {
    struct bus bus;
    struct bus_config config;
    int64_t now, next, tx_end_us, listen_until, calm_ms, foreign_ms;
    int64_t foreign_seen[2], warm_ms[BUS_CHARGERS_MAX], changed_ms[BUS_CHARGERS_MAX];
    struct offer offer[BUS_CHARGERS_MAX];
    unsigned our_id; /* since the first byte; 0: nothing was said */
    bool admitted[BUS_CHARGERS_MAX], told_known[BUS_CHARGERS_MAX];
    int32_t told_ma[BUS_CHARGERS_MAX];
    struct unit unit[IDS];
    bool up, silent, stamps, admit_new, fails, echo, stopping;
    int64_t answer_ms; /* 0: none under way */
    uint8_t answer[FRAME_WIRE_MAX];
    size_t answer_len;
    int steps;
};

static struct world w;

static int slot_of(unsigned id)
{
    for (int i = 0; i < bus_slots(&w.bus); i++) {
        if (bus_slot_id(&w.bus, i) == id) {
            return i;
        }
    }
    return -1;
}

static void forget_foreign(void)
{
    w.silent = false;
    w.foreign_seen[0] = w.foreign_seen[1] = -FOREIGN_WINDOW_MS - 1;
}

static void give_offer(int slot, bool transmit)
{
    w.admitted[slot] = transmit;
    w.changed_ms[slot] = w.calm_ms = w.now;
    bus_set_offer(&w.bus, slot, &w.offer[slot], transmit);
}

static void on_event(void *user, const struct bus_event *ev)
{
    (void)user;
    fuzz_check(ev->slot >= -1 && ev->slot < BUS_CHARGERS_MAX, "event of slot %d", ev->slot);
    fuzz_check(ev->kind != BUS_EV_OUR_ID || (w.our_id != 0 && ev->id == w.our_id), "our id?");
    if (ev->kind == BUS_EV_ADOPTED) {
        w.offer[ev->slot].stamp_ms = w.now;
        w.told_known[ev->slot] = false;
        give_offer(ev->slot, w.admit_new);
    } else if (ev->kind == BUS_EV_GAP) {
        fuzz_check(ev->gap_ms > 1200 && ev->text, "a gap of %d ms", ev->gap_ms);
    } else if (ev->kind == BUS_EV_FOREIGN_GONE) {
        fuzz_check(!w.silent || w.now - w.foreign_ms >= FOREIGN_CLEAR_MS, "it is still there");
        forget_foreign();
        w.listen_until = w.now + w.config.warm_listen_ms;
    }
}

/* ---- the judge ---- */

static bool listed(uint8_t type, uint8_t cmd)
{
    return type == 0xFB
                   ? memchr("\xE0\xE2\xEB\xEC\xED\xEE\xEF\xF1\xB4\x19\x1A\x1B", cmd, 12) != NULL
                   : type == 0xFC && cmd == 0xE1;
}

static void judge_heartbeat(int slot, const struct frame *f)
{
    const struct charger_report *r = bus_report(&w.bus, slot);
    uint8_t command = f->data[6];
    int32_t ma = (f->data[7] << 8 | f->data[8]) * 10;
    bool warm = w.warm_ms[slot] != r->warm_ms;

    w.warm_ms[slot] = w.fails ? w.warm_ms[slot] : r->warm_ms;
    fuzz_check(w.now - w.offer[slot].stamp_ms <= STAMP_MAX_MS, "a stamp %lld ms old",
            (long long)(w.now - w.offer[slot].stamp_ms));
    if (command == 0) {
        fuzz_check(ma == 0, "command 00 with %d mA", ma);
        /* It keeps the old limit alive: that has to be the offer. */
        fuzz_check(warm || (w.offer[slot].ma > 0 && r->mirror_ma == w.offer[slot].ma &&
                                   w.now - r->heard_ms <= 2500),
                "go on: offer %d, mirrored %d", w.offer[slot].ma, r->mirror_ma);
        return;
    }
    fuzz_check(command == (r->protocol == 2 ? 9 : 5), "command %02X, protocol %u", command,
            r->protocol);
    fuzz_check(ma <= 80000 && ma == w.offer[slot].ma / 10 * 10, "%d mA, offered %d", ma,
            w.offer[slot].ma);
    if (!w.fails) {
        w.told_known[slot] = true;
        w.told_ma[slot] = w.offer[slot].ma;
    }
}

static void judge_spacing(int unit, int64_t start_us, int64_t end_us)
{
    struct unit *u = &w.unit[unit];

    fuzz_check(!u->heard || start_us - u->end_us >= SPACING_US - 1000, "spacing %lld us",
            (long long)(start_us - u->end_us));
    u->heard = true;
    u->start_us = start_us;
    u->end_us = end_us;
    u->last_round += w.stopping;
    fuzz_check(u->last_round <= 1, "a second last heartbeat");
}

/* One id for good, and never a charger's. */
static void judge_sender(unsigned id)
{
    fuzz_check(id != 0 && id != USUAL_ID && slot_of(id) < 0, "we are %04x", id);
    fuzz_check(w.our_id == 0 || w.our_id == id, "we were %04x and are %04x", w.our_id, id);
    w.our_id = w.fails ? w.our_id : id;
}

/* Returns the receiver; *f is what was sent. */
static unsigned judge(const uint8_t *p, size_t n, struct frame *f)
{
    struct frame_decoder d = {0};
    int64_t start_us = w.now * 1000;
    unsigned to;
    int slot, ready = 0;

    for (size_t i = 0; i < n; i++) {
        ready += frame_decode(&d, p[i], f) == FRAME_READY;
    }
    fuzz_check(ready == 1 && p[n - 1] == 0xC0, "%d frames in one write", ready);
    fuzz_check(listed(f->data[0], f->data[1]), "%02X %02X is not on the list", f->data[0],
            f->data[1]);
    judge_sender((unsigned)(f->data[2] << 8 | f->data[3]));
    fuzz_check(w.up, "the port is closed");
    fuzz_check(
            w.now >= w.listen_until, "%lld ms too early", (long long)(w.listen_until - w.now));
    fuzz_check(!w.silent || w.now - w.foreign_ms >= FOREIGN_CLEAR_MS, "into another master");
    fuzz_check(start_us >= w.tx_end_us - 1000, "into our own frame");
    to = (unsigned)(f->data[4] << 8 | f->data[5]);
    slot = slot_of(to);
    fuzz_check(slot >= 0 && w.admitted[slot], "to %04x, which is not linked", to);
    fuzz_check(f->data[1] >= 0xB0 || bus_slots(&w.bus) == 1, "%02X with company", f->data[1]);
    if (f->data[1] == 0xE0) {
        judge_heartbeat(slot, f);
    } else {
        fuzz_check(!w.stopping, "a query while stopping");
    }
    return to;
}

/* What must go on when nothing is in the way. */
static void judge_rhythm(void)
{
    int64_t more = w.config.gateway ? GATEWAY_MS : 0;

    if (!w.up || bus_foreign(&w.bus) || !w.stamps || w.fails || w.stopping ||
            w.now < w.listen_until) {
        w.calm_ms = w.now;
    }
    for (int i = 0; i < bus_slots(&w.bus); i++) {
        if (bus_report(&w.bus, i)->link == CHARGER_QUIET && w.admitted[i]) {
            w.calm_ms = w.now; /* it starts anew when it is heard */
        }
    }
    for (int i = 0; i < bus_slots(&w.bus) && w.now - w.calm_ms > CALM_MS + more; i++) {
        unsigned id = bus_slot_id(&w.bus, i);
        const struct unit *u = id - FIRST_ID < IDS ? &w.unit[id - FIRST_ID] : NULL;

        if (!u || !w.admitted[i] || w.offer[i].ma > MA_MAX) {
            continue;
        }
        fuzz_check(u->heard && w.now - u->start_us / 1000 <= RHYTHM_MS + more,
                "%04x waits %lld ms for its heartbeat", id,
                (long long)(w.now - u->start_us / 1000));
        fuzz_check(!w.told_known[i] || w.told_ma[i] == w.offer[i].ma ||
                           w.now - w.changed_ms[i] <= CHANGED_MS + more,
                "%04x was told %d, not %d, for %lld ms", id, w.told_ma[i], w.offer[i].ma,
                (long long)(w.now - w.changed_ms[i]));
    }
}

/* ---- the other side ---- */

static enum message_kind answer_kind(uint8_t cmd)
{
    static const struct {
        uint8_t cmd;
        enum message_kind kind;
    } rows[] = {{0xE0, MSG_SLAVE_HEARTBEAT}, {0xEB, MSG_POWER}, {0xEC, MSG_FIRMWARE},
            {0xED, MSG_SERIAL}, {0xEE, MSG_VIN1}, {0xEF, MSG_VIN2}, {0xF1, MSG_VIN3},
            {0xB4, MSG_PLUG}, {0x19, MSG_OLD_SERIAL}, {0x1B, MSG_OLD_FIRMWARE}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].cmd == cmd) {
            return rows[i].kind;
        }
    }
    return MSG_UNKNOWN;
}

static size_t say(uint8_t wire[static FRAME_WIRE_MAX], unsigned unit, enum message_kind kind)
{
    struct unit *u = &w.unit[unit];
    struct slave_out o = {.kind = kind,
            .protocol = u->protocol,
            .from = (uint16_t)(FIRST_ID + unit),
            .to = w.bus.config.id,
            .sign = (uint8_t)(0x10 + u->plug),
            .state = u->state,
            .hw_max_ma = 32000,
            .max_ma = u->max_ma,
            .draw_ma = u->draw_ma,
            .energy = 1000,
            .plug = u->plug,
            .text = kind == MSG_VIN1   ? "5YJ3E1E"
                    : kind == MSG_VIN2 ? "A0KF000"
                                       : "316"};
    struct frame f;

    return message_slave_pack(&o, &f) ? frame_encode(&f, wire) : 0;
}

static void rx(const uint8_t *p, size_t n)
{
    bus_rx(&w.bus, p, n, w.now);
    w.next = w.now; /* the shell ticks after each read */
}

static void answer(unsigned to, const struct frame *f)
{
    struct unit *u = to - FIRST_ID < IDS ? &w.unit[to - FIRST_ID] : NULL;

    if (!u || !u->answers) {
        return;
    }
    if (f->data[1] == 0xE0 && f->data[6] != 0) {
        u->max_ma = (f->data[7] << 8 | f->data[8]) * 10;
    }
    w.answer_len = say(w.answer, to - FIRST_ID, answer_kind(f->data[1]));
    w.answer_ms = w.answer_len > 0 ? w.now + 60 : 0;
}

static void tick(void)
{
    uint8_t out[FRAME_WIRE_MAX];
    struct frame f;
    size_t n;

    w.steps++;
    for (int i = 0; i < BUS_CHARGERS_MAX && w.stamps; i++) {
        w.offer[i].stamp_ms = w.now; /* a control step before each tick */
    }
    n = bus_tick(&w.bus, w.now, out, &w.next);
    fuzz_check(w.next > w.now && w.next <= w.now + 1000, "again in %lld ms",
            (long long)(w.next - w.now));
    if (n > 0) {
        unsigned to = judge(out, n, &f);
        int64_t late_ms = w.steps % 5 == 0 ? 2 : 0; /* held up before the write */
        int64_t end_us = (w.now + late_ms) * 1000 + (int64_t)n * 1042;

        if (w.fails) {
            bus_write_failed(&w.bus);
            w.next = w.now + 20;
            return;
        }
        w.now += late_ms;
        w.next += late_ms;
        bus_written(&w.bus, w.now);
        w.tx_end_us = end_us;
        if (f.data[1] == 0xE0 && to - FIRST_ID < IDS) {
            judge_spacing((int)(to - FIRST_ID), w.now * 1000, end_us);
        }
        answer(to, &f);
        if (w.echo) {
            bus_rx(&w.bus, out, n, w.now);
        }
    }
    judge_rhythm();
}

static void run(int64_t ms)
{
    for (int64_t end = w.now + ms; w.steps < STEPS_MAX;) {
        int64_t at = w.next;

        at = w.answer_ms != 0 && w.answer_ms < at ? w.answer_ms : at;
        at = at > w.now ? at : w.now;
        if (at > end) {
            w.now = end;
            return;
        }
        w.now = at;
        if (w.answer_ms != 0 && w.now >= w.answer_ms) {
            w.answer_ms = 0;
            rx(w.answer, w.answer_len);
        }
        tick();
    }
}

/* ---- what can happen ---- */

static void foreign(uint8_t which)
{
    unsigned k = which & 1, id = FOREIGN_ID + k;
    uint8_t body[13] = {0xFC, 0xE1, (uint8_t)(id >> 8), (uint8_t)id, 0x77};
    uint8_t wire[FRAME_WIRE_MAX];
    struct frame f;

    if (!w.up || slot_of(id) >= 0 || !frame_seal(&f, body, sizeof(body))) {
        return;
    }
    if (w.now - w.foreign_seen[k] <= FOREIGN_WINDOW_MS) {
        w.silent = true;
    }
    w.foreign_seen[k] = w.foreign_ms = w.now;
    rx(wire, frame_encode(&f, wire));
    fuzz_check(!w.silent || bus_foreign(&w.bus), "another master is not heard");
}

static void port(bool up)
{
    if (up == w.up) {
        return;
    }
    w.up = up;
    w.answer_ms = 0;
    forget_foreign();
    if (up) {
        w.listen_until = w.now + (bus_slots(&w.bus) > 0 ? w.config.warm_listen_ms
                                                        : w.config.cold_listen_ms);
        bus_port_up(&w.bus, w.now);
    } else {
        bus_port_down(&w.bus, w.now);
    }
    w.next = w.now;
}

static void raw(struct fuzz_in *in, size_t n)
{
    uint8_t p[16];

    fuzz_bytes(in, p, n);
    /* More masters than the bus can suspect at a time may hide in here. */
    w.foreign_seen[0] = w.foreign_seen[1] = -FOREIGN_WINDOW_MS - 1;
    rx(p, n);
}

static void mood(struct fuzz_in *in, unsigned unit)
{
    struct unit *u = &w.unit[unit];
    uint8_t x = fuzz_u8(in);

    u->answers = (x & 1) != 0;
    u->protocol = (x & 2) != 0 ? 1 : 2;
    u->plug = x >> 2 & 3;
    u->state = x >> 4;
    u->draw_ma = fuzz_u8(in) * 400;
}

static void offer(struct fuzz_in *in, unsigned slot)
{
    int32_t ma = fuzz_u8(in) * 1000;

    if (slot >= BUS_CHARGERS_MAX) {
        return;
    }
    if (ma > 90000) {
        ma = 6000;
    }
    if (ma != w.offer[slot].ma) {
        w.changed_ms[slot] = w.now;
        w.calm_ms = w.offer[slot].ma > MA_MAX ? w.now : w.calm_ms; /* nothing was sent */
    }
    w.offer[slot].ma = ma;
    if (w.stamps) {
        w.offer[slot].stamp_ms = w.now;
    }
    w.next = w.now;
}

static void order(struct fuzz_in *in, uint8_t op)
{
    switch (op & 15) {
    case 0:
        port(!w.up);
        break;
    case 1:
        w.stamps = !w.stamps;
        break;
    case 2:
        w.fails = !w.fails;
        break;
    case 3:
        w.admit_new = !w.admit_new;
        break;
    case 4:
        w.silent = false;
        bus_resume(&w.bus, w.now);
        break;
    case 5:
        if (!w.stopping && w.up) {
            w.stopping = true;
            bus_last_round(&w.bus, w.now);
        }
        break;
    case 6:
    case 7: /* the process was held up */
        w.now += (op & 1) != 0 ? 11000 : fuzz_u8(in) * 20;
        w.calm_ms = w.now;
        break;
    case 8:
        bus_ask_vin(&w.bus, fuzz_u8(in) % BUS_CHARGERS_MAX);
        break;
    case 9:
        run(10000);
        break;
    default:
        foreign(op);
        break;
    }
}

static void happen(struct fuzz_in *in)
{
    uint8_t op = fuzz_u8(in), wire[FRAME_WIRE_MAX];
    unsigned low = op & 3, unit = (op & 4) != 0 && low == 0 ? (unsigned)NAMESAKE : low;
    size_t n;

    switch (op >> 4) {
    case 0:
    case 1:
    case 2:
        raw(in, 1 + (op & 15));
        break;
    case 3:
        rx(wire, say(wire, unit, MSG_SLAVE_LINKREADY));
        break;
    case 4:
        n = say(wire, unit, MSG_SLAVE_HEARTBEAT);
        rx(wire, (op & 8) != 0 ? n / 2 : n); /* cut */
        break;
    case 5:
        n = say(wire, unit, (enum message_kind)(MSG_SLAVE_LINKREADY + fuzz_u8(in) % 14));
        rx(wire, n);
        break;
    case 6:
        mood(in, low);
        break;
    case 7:
    case 8:
        offer(in, low);
        break;
    case 9:
        if (low < (unsigned)bus_slots(&w.bus)) {
            give_offer((int)low, (op & 4) != 0);
        }
        break;
    case 10:
        order(in, op);
        break;
    case 11:
        run(1000);
        break;
    default:
        run(1 + (op & 63) * 4);
        break;
    }
}

static void begin(struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in);

    memset(&w, 0, sizeof(w));
    w.now = w.next = 1000000;
    w.stamps = w.admit_new = true;
    w.echo = (how & 1) != 0;
    forget_foreign();
    bus_config_defaults(&w.config);
    w.config.id = OUR_ID;
    w.config.gateway = (how & 2) != 0;
    w.config.query = (how & 4) == 0;
    w.config.known_count = how >> 3 & 3;
    for (int i = 0; i < w.config.known_count; i++) {
        w.config.known[i] = (struct bus_known){.id = (uint16_t)(FIRST_ID + i),
                .configured = (how & 32) != 0,
                .stored = (how & 32) == 0,
                .protocol = (how & 64) != 0 ? 1 : 2,
                .sign = 0x10,
                .hw_max_ma = 32000,
                .told_ma = (how & 128) != 0 ? 6000 : -1};
    }
    for (int i = 0; i < IDS; i++) {
        w.unit[i] = (struct unit){.answers = true, .protocol = (how & 64) != 0 ? 1 : 2};
        if (i < BUS_CHARGERS_MAX) {
            w.offer[i] = (struct offer){6000, w.now};
        }
    }
    bus_init(&w.bus, &w.config, on_event, NULL);
    port(true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};

    begin(&in);
    while (fuzz_more(&in) && w.steps < STEPS_MAX) {
        happen(&in);
        tick();
    }
    run(3000);
    return 0;
}
