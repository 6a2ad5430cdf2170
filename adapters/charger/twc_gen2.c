/*
 * twc_gen2 - joins the pure bus (bridge/core/twc/bus.h) to a port.
 *
 * Bytes go to bus_rx, the bus says what goes on the wire and when it wants to be called again;
 * this file owns nothing but the port and one timer. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/twc_gen2.h"

#include "adapters/adapter.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/port.h"
#include "bridge/io/tape.h"

#include <stdlib.h>

enum { TAPE_MS = 600000, TAPE_ROOM = 1024 * 1024 };

struct twc_gen2 {
    struct adapter_host *host; /* borrowed */
    int number;                /* of the bus */
    struct bus bus;
    struct port *port;             /* owned */
    struct tape *tape;             /* owned */
    struct oneshot *timer;         /* owned */
    int charger[BUS_CHARGERS_MAX]; /* number at the host; -1: none */
    bool last_round;
};

static void pump(struct twc_gen2 *t)
{
    uint8_t wire[FRAME_WIRE_MAX];
    int64_t now_ms = loop_now_ms();
    int64_t next_ms = now_ms + 1000;
    size_t n = bus_tick(&t->bus, now_ms, wire, &next_ms);

    if (n > 0 && !port_write(t->port, wire, n)) {
        bus_write_failed(&t->bus);
    } else if (n > 0) {
        int64_t written_ms = loop_now_ms();

        bus_written(&t->bus, written_ms);
        next_ms += written_ms - now_ms;
        tape_add(t->tape, TAPE_SENT, wire, n, now_ms);
    }
    oneshot_start(t->timer, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 1);
}

static void run(void *user)
{
    pump(user);
}

static void on_up(void *user)
{
    struct twc_gen2 *t = user;

    bus_port_up(&t->bus, loop_now_ms());
    t->host->ops->bus_up(t->host, t->number, true, NULL);
    pump(t);
}

static void report(struct twc_gen2 *t, int slot)
{
    if (t->charger[slot] >= 0) {
        t->host->ops->charger_report(t->host, t->charger[slot], bus_report(&t->bus, slot));
    }
}

static void on_down(void *user, const char *why)
{
    struct twc_gen2 *t = user;

    bus_port_down(&t->bus, loop_now_ms());
    for (int i = 0; i < bus_slots(&t->bus); i++) {
        report(t, i);
    }
    t->host->ops->bus_up(t->host, t->number, false, why);
}

static void on_bytes(void *user, const uint8_t *p, size_t n)
{
    struct twc_gen2 *t = user;

    tape_add(t->tape, TAPE_HEARD, p, n, loop_now_ms());
    bus_rx(&t->bus, p, n, loop_now_ms());
    pump(t);
}

static void on_event(void *user, const struct bus_event *ev)
{
    struct twc_gen2 *t = user;
    int charger = -1;

    if (ev->slot >= 0) {
        if (ev->kind == BUS_EV_ADOPTED) {
            t->charger[ev->slot] = t->host->ops->charger_adopted(t->host, t->number, ev->slot,
                    bus_slot_id(&t->bus, ev->slot), bus_report(&t->bus, ev->slot));
        }
        charger = t->charger[ev->slot];
        report(t, ev->slot);
    }
    if (ev->kind == BUS_EV_FOREIGN || ev->kind == BUS_EV_FOREIGN_GONE) {
        for (int i = 0; i < bus_slots(&t->bus); i++) {
            report(t, i);
        }
    }
    if (ev->kind != BUS_EV_REPORT) {
        t->host->ops->bus_event(t->host, t->number, charger, ev);
    }
}

static void gen2_destroy(void *self)
{
    struct twc_gen2 *t = self;

    if (t) {
        oneshot_destroy(t->timer);
        port_destroy(t->port);
        tape_destroy(t->tape);
        free(t);
    }
}

static void *gen2_create(struct adapter_host *h, const void *config, struct err *e)
{
    static const struct port_ops ops = {.up = on_up, .bytes = on_bytes, .down = on_down};
    const struct twc_gen2_config *c = config;
    struct twc_gen2 *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_NO_MEMORY, "bus: out of memory");
        return NULL;
    }
    t->host = h;
    t->number = c->bus;
    for (int i = 0; i < BUS_CHARGERS_MAX; i++) {
        t->charger[i] = -1;
    }
    t->tape = tape_create(TAPE_MS, TAPE_ROOM); /* without one it works as well */
    t->timer = oneshot_create(h->loop, run, t, e);
    if (t->timer) {
        t->port = c->fd >= 0 ? port_create_fd(h->loop, c->fd, &ops, t, e)
                             : port_create(h->loop, c->port, &ops, t, e);
    }
    if (!t->timer || !t->port) {
        gen2_destroy(t);
        return NULL;
    }
    struct bus_config link = c->link;

    link.gateway = port_kind(t->port) == PORT_TCP || port_kind(t->port) == PORT_LISTEN;
    bus_init(&t->bus, &link, on_event, t);
    return t;
}

static void gen2_offer(void *self, int slot, const struct offer *offer, bool transmit)
{
    struct twc_gen2 *t = self;

    bus_set_offer(&t->bus, slot, offer, transmit);
}

static void gen2_turn(void *self)
{
    pump(self);
}

static void gen2_last_round(void *self)
{
    struct twc_gen2 *t = self;

    t->last_round = true;
    bus_last_round(&t->bus, loop_now_ms());
    pump(t);
}

static bool gen2_last_round_done(void *self)
{
    struct twc_gen2 *t = self;

    return bus_last_round_done(&t->bus);
}

static void gen2_resume(void *self)
{
    struct twc_gen2 *t = self;

    bus_resume(&t->bus, loop_now_ms());
    pump(t);
}

static const struct bus *gen2_bus(void *self)
{
    struct twc_gen2 *t = self;

    return &t->bus;
}

static const struct tape *gen2_tape(void *self)
{
    struct twc_gen2 *t = self;

    return t->tape;
}

const struct adapter adapter_charger_twc_gen2 = {
        .name = "twc_gen2",
        .summary = "Tesla Wall Connectors of generation 2 on an RS-485 bus.",
        .create = gen2_create,
        .destroy = gen2_destroy,
        .offer = gen2_offer,
        .turn = gen2_turn,
        .last_round = gen2_last_round,
        .last_round_done = gen2_last_round_done,
        .resume = gen2_resume,
        .bus = gen2_bus,
        .tape = gen2_tape,
};
