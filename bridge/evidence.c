/*
 * evidence - what a bus said in the last ten minutes, kept as a file when something happened that
 * will be asked about. SPDX-License-Identifier: MIT
 */
#include "bridge/evidence.h"

#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/tape.h"

#include <stdlib.h>

enum { AGAIN_MS = 600000, TEXT_MAX = 8 * 1024 * 1024 };

bool evidence_save(struct daemon *d, int bus, const struct evidence *ev)
{
    const struct bus_unit *b = &d->bus[bus];
    const struct bus_settings *s = &d->settings.bus[bus];
    struct store_recording r = {.done = ev->done, .user = d};
    char stamp[STORE_STAMP_ROOM];
    struct buf text;

    if (!b->self || !b->adapter->tape || !d->store) {
        return false;
    }
    buf_init(&text, TEXT_MAX);
    buf_addf(&text, "# twcbridge bus 1 %s\n# bus %s: %s\n# because: %s\n# clock %lld %lld\n",
            TWCBRIDGE_VERSION, s->name, s->port, ev->why, (long long)loop_now_ms(),
            (long long)ev->utc_ms);
    tape_text(b->adapter->tape(b->self), &text);
    r.text = buf_take(&text);
    buf_finish(&text);
    store_stamp(stamp, ev->utc_ms);
    str_format(r.file, sizeof(r.file), "bus-%s-%.60s-%s.txt", stamp, s->id, ev->why);
    return r.text && store_record_later(d->store, &r);
}

static void on_saved(void *user, const char *file, const struct err *e)
{
    const struct daemon *d = user;

    if (file) {
        log_notice("bus", "what the bus said is kept in %s/bus/%s", d->state_dir, file);
    } else {
        log_warning("bus", "what the bus said cannot be kept: %s", e->text);
    }
}

void evidence_of(struct daemon *d, int bus, const char *why)
{
    struct bus_unit *b = bus >= 0 ? &d->bus[bus] : NULL;
    struct evidence ev = {.why = why, .utc_ms = loop_utc_ms(), .done = on_saved};
    int64_t now_ms = loop_now_ms();

    if (!b || (b->recorded_ms != 0 && now_ms - b->recorded_ms < AGAIN_MS)) {
        return; /* the last one holds most of this */
    }
    if (evidence_save(d, bus, &ev)) {
        b->recorded_ms = now_ms;
    }
}

/* Whether circuit feeds what is on bus. */
static bool feeds(const struct daemon *d, int circuit, int bus)
{
    int i = d->settings.bus[bus].circuit_index;

    for (int n = 0; i >= 0 && i != circuit && n < CIRCUITS_MAX; n++) {
        i = d->settings.circuit[i].parent_index;
    }
    return i == circuit;
}

static void exceeded(struct daemon *d, int circuit)
{
    const struct control_circuit_out *o = &d->control.circuit[circuit];
    const struct circuit_settings *s = &d->settings.circuit[circuit];
    int32_t most_ma = 0;

    for (int p = 0; p < PHASES; p++) {
        most_ma = o->drawn_ma[p] > most_ma ? o->drawn_ma[p] : most_ma;
    }
    log_error("control", "circuit %s: %d A flow, it carries %d A", s->name, most_ma / 1000,
            s->effective_limit_ma / 1000);
    event_emit(d, -1, "limit_exceeded",
            ",\"circuit\":\"%s\",\"current\":%d.%03d,\"limit\":%d.%03d", s->id, most_ma / 1000,
            most_ma % 1000, s->effective_limit_ma / 1000, s->effective_limit_ma % 1000);
    for (int b = 0; b < d->settings.bus_count; b++) {
        if (feeds(d, circuit, b)) {
            evidence_of(d, b, "limit_exceeded");
        }
    }
}

void evidence_circuits(struct daemon *d)
{
    for (int i = 0; i < d->settings.circuit_count; i++) {
        bool over = d->control.circuit[i].over;

        if (over && !d->over[i]) {
            exceeded(d, i);
        } else if (!over && d->over[i]) {
            log_notice("control", "circuit %s is within its limit again",
                    d->settings.circuit[i].name);
        }
        d->over[i] = over;
    }
}
