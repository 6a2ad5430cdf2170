/*
 * virtual - see virtual.h. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/virtual.h"

#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/port.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_MS = 4 };

struct virtual_bus {
    struct wire *wire; /* borrowed, or own below */
    struct wire *own;  /* owned; NULL: none */
    struct port *port; /* owned */
    struct oneshot *timer;
    virtual_gone_fn *gone;
    void *user;
    uint8_t out[SIM_OUT_MAX]; /* bytes on their way, one a millisecond */
    size_t len, sent;
    int64_t start_ms; /* when out[0] began */
};

/* Writes what 9600 baud would have carried by now; half frames arrive as they do on a wire. */
static void write_paced(struct virtual_bus *v, int64_t now_ms)
{
    size_t due = (size_t)((now_ms - v->start_ms) * 960 / 1000);

    due = due < v->len ? due : v->len;
    if (due > v->sent) {
        if (!port_write(v->port, v->out + v->sent, due - v->sent)) {
            v->sent = v->len; /* nobody listens */
            return;
        }
        v->sent = due;
    }
}

static void pump(void *user)
{
    struct virtual_bus *v = user;
    int64_t now_ms = loop_now_ms();
    int64_t next_ms = now_ms + 100;

    write_paced(v, now_ms);
    if (v->sent == v->len) {
        v->len = wire_tick(v->wire, now_ms, v->out, &next_ms);
        v->sent = 0;
        v->start_ms = now_ms;
    }
    if (v->sent < v->len) {
        next_ms = now_ms + CHUNK_MS;
    }
    oneshot_start(v->timer, next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 1);
}

static void on_up(void *user)
{
    pump(user);
}

static void on_bytes(void *user, const uint8_t *p, size_t n)
{
    struct virtual_bus *v = user;

    wire_rx(v->wire, p, n, loop_now_ms());
    pump(v);
}

static void on_down(void *user, const char *why)
{
    struct virtual_bus *v = user;

    (void)why;
    oneshot_stop(v->timer);
    if (v->gone) {
        v->gone(v->user);
    }
}

struct virtual_bus *virtual_create(uv_loop_t *loop, int fd, struct wire *w,
        virtual_gone_fn *gone, void *user, struct err *e)
{
    static const struct port_ops ops = {.up = on_up, .bytes = on_bytes, .down = on_down};
    struct virtual_bus *v = calloc(1, sizeof(*v));

    if (!v) {
        close(fd);
        err_set(e, ERR_NO_MEMORY, "virtual bus: out of memory");
        return NULL;
    }
    v->wire = w;
    v->gone = gone;
    v->user = user;
    v->timer = oneshot_create(loop, pump, v, e);
    v->port = port_create_fd(loop, fd, &ops, v, e);
    if (!v->timer || !v->port) {
        virtual_destroy(v);
        return NULL;
    }
    return v;
}

void virtual_destroy(struct virtual_bus *v)
{
    if (v) {
        oneshot_destroy(v->timer);
        port_destroy(v->port);
        free(v->own);
        free(v);
    }
}

struct virtual_bus *virtual_create_demo(uv_loop_t *loop, int fd, int chargers, struct err *e)
{
    struct sim_config c = {
            .chargers = chargers,
            .protocol = 2,
            .plugged = true,
            .max_ma = 32000,
            .volts = 230,
            .phases = 3,
            .first_id = 1,
            .seed = 1,
    };
    struct wire *w = calloc(1, sizeof(*w));
    struct virtual_bus *v;

    if (!w) {
        close(fd);
        err_set(e, ERR_NO_MEMORY, "virtual bus: out of memory");
        return NULL;
    }
    wire_init(w, &c, loop_now_ms());
    v = virtual_create(loop, fd, w, NULL, NULL, e);
    if (!v) {
        free(w);
        return NULL;
    }
    v->own = w;
    return v;
}
