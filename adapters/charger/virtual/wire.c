/*
 * wire - see wire.h. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire.h"

#include <string.h>

enum { STALE_MS = 200 }; /* a frame that nobody finished */

void wire_init(struct wire *w, const struct sim_config *c, int64_t now_ms)
{
    memset(w, 0, sizeof(*w));
    sim_init(&w->sim, c, now_ms);
    line_init(&w->line, c->seed);
    rival_init(&w->rival);
}

static void tell(struct wire *w, const struct wire_event *e)
{
    if (w->log) {
        w->log(w->user, e);
    }
}

static void tell_faults(struct wire *w, uint32_t hits, struct wire_event e)
{
    e.kind = WIRE_FAULT;
    for (int f = 0; f < LINE_FAULTS; f++) {
        if ((hits >> f & 1) != 0) {
            e.word = line_fault_names[f];
            tell(w, &e);
        }
    }
}

/* ---- from the master ---- */

/* What the master sent is over: a frame, or bytes that are none. */
static void tap_end(struct wire *w)
{
    struct wire_tap *t = &w->tap;
    struct frame_decoder d = {0};
    struct frame f;
    enum frame_result last = FRAME_NOISE;
    struct wire_event e = {
            .ms = t->start_ms, .side = LINE_TO_CHARGERS, .p = t->sent, .n = t->n};

    d.open = true; /* a closing mark opens the next frame too */
    for (size_t i = 0; i < t->n; i++) {
        enum frame_result r = frame_decode(&d, t->sent[i], &f);

        last = r != FRAME_MORE ? r : last;
    }
    e.kind = last == FRAME_READY ? WIRE_HEARD : WIRE_BROKEN;
    e.word = last == FRAME_READY ? NULL : frame_result_name(last);
    if (t->n > 0) {
        tell(w, &e);
        e.p = t->arrived;
        e.n = t->came;
        tell_faults(w, t->plan.hits, e);
    }
    t->n = t->came = 0;
}

/* One byte of the master; false: it does not reach the chargers. */
static bool tap(struct wire *w, uint8_t sent, uint8_t *arrives, int64_t now_ms)
{
    struct wire_tap *t = &w->tap;
    bool mark = sent == FRAME_MARK;
    bool comes;

    if (mark && t->n == 1 && t->sent[0] == FRAME_MARK) {
        t->n = t->came = 0; /* two marks in a row */
    }
    if (t->n == sizeof(t->sent) || (mark && t->n > 0 && t->n < FRAME_BODY_MIN)) {
        tap_end(w);
    }
    if (t->n == 0) {
        t->start_ms = now_ms;
        t->plan = line_plan(&w->line, LINE_TO_CHARGERS);
    }
    *arrives = sent;
    comes = line_byte(&t->plan, t->n, arrives);
    t->sent[t->n++] = sent;
    t->last_ms = now_ms;
    if (comes) {
        t->arrived[t->came++] = *arrives;
    }
    if (mark && t->n > FRAME_BODY_MIN) {
        tap_end(w);
    }
    return comes;
}

static void note_echo(struct wire *w, const uint8_t *p, size_t n, int64_t now_ms)
{
    if (!w->line.config.echo) {
        return;
    }
    while (n > 0 && w->echoes < WIRE_ECHO_MAX) {
        struct wire_chunk *c = &w->echo[w->echoes++];

        c->n = n < sizeof(c->p) ? n : sizeof(c->p);
        memcpy(c->p, p, c->n);
        c->due_ms = now_ms + w->line.config.echo_ms;
        p += c->n;
        n -= c->n;
    }
}

void wire_rx(struct wire *w, const uint8_t *p, size_t n, int64_t now_ms)
{
    bool both = now_ms < w->rival_end_ms; /* the second master talks */
    uint8_t arrived[WIRE_CHUNK_MAX];

    note_echo(w, p, n, now_ms);
    while (n > 0) {
        size_t part = n < sizeof(arrived) ? n : sizeof(arrived), came = 0;

        for (size_t i = 0; i < part; i++) {
            uint8_t b;

            if (tap(w, p[i], &b, now_ms) && !both) {
                arrived[came++] = b;
            }
        }
        sim_rx(&w->sim, arrived, came, now_ms);
        sim_line_used(&w->sim, part - came, now_ms);
        if (both) {
            w->line.count[LINE_COLLISION]++;
            tell_faults(w, 1u << LINE_COLLISION,
                    (struct wire_event){.ms = now_ms, .side = LINE_TO_CHARGERS});
        }
        p += part;
        n -= part;
    }
}

/* ---- to the master ---- */

static bool idle(const struct wire *w, int64_t now_ms)
{
    return now_ms >= w->sim.tx_end_ms && now_ms >= w->sim.rx_end_ms;
}

/* A charger says something: what the master hears of it now. */
static size_t say(struct wire *w, uint8_t *out, size_t n, int64_t now_ms)
{
    struct line_plan plan = line_plan(&w->line, LINE_TO_MASTER);
    struct wire_event e = {.kind = WIRE_SAID, .ms = now_ms, .side = LINE_TO_MASTER};

    e.p = out;
    e.n = n;
    tell(w, &e);
    n = line_frame(&plan, out, n);
    e.n = n;
    tell_faults(w, plan.hits, e);
    if (line_hit(&plan, LINE_LATE)) {
        if (w->lates < WIRE_LATE_MAX) {
            struct wire_chunk *c = &w->late[w->lates++];

            memcpy(c->p, out, n);
            c->n = n;
            c->due_ms = now_ms + w->line.config.late_ms;
        }
        return 0;
    }
    return n;
}

/* The first of these chunks, if it is due. */
static size_t take(struct wire_chunk *list, int *count, int64_t now_ms, uint8_t *out)
{
    size_t n;

    if (*count == 0 || now_ms < list[0].due_ms) {
        return 0;
    }
    n = list[0].n;
    memcpy(out, list[0].p, n);
    (*count)--;
    memmove(list, list + 1, (size_t)*count * sizeof(*list));
    return n;
}

static size_t echo(struct wire *w, int64_t now_ms, uint8_t *out)
{
    size_t n = take(w->echo, &w->echoes, now_ms, out);

    if (n > 0) {
        w->line.count[LINE_ECHO]++;
        tell_faults(w, 1u << LINE_ECHO,
                (struct wire_event){.ms = now_ms, .side = LINE_TO_MASTER, .p = out, .n = n});
    }
    return n;
}

/* Late answers, the second master and noise wait for an idle line. */
static size_t others(struct wire *w, int64_t now_ms, uint8_t *out, int64_t *next_ms)
{
    size_t n = take(w->late, &w->lates, now_ms, out);

    if (n > 0) {
        sim_line_taken(&w->sim, n, now_ms);
        return n;
    }
    n = rival_tick(&w->rival, &w->sim, now_ms, out, next_ms);
    if (n > 0) {
        tell(w, &(struct wire_event){.kind = WIRE_RIVAL, .ms = now_ms, .p = out, .n = n});
        sim_rx(&w->sim, out, n, now_ms);
        w->rival_end_ms = w->sim.rx_end_ms;
        return n;
    }
    if (line_noise(&w->line, now_ms, out, next_ms)) {
        sim_rx(&w->sim, out, 1, now_ms);
        tell_faults(w, 1u << LINE_NOISE,
                (struct wire_event){.ms = now_ms, .side = LINE_TO_MASTER, .p = out, .n = 1});
        return 1;
    }
    return 0;
}

static void sooner(int64_t *next_ms, int64_t due_ms)
{
    *next_ms = due_ms < *next_ms ? due_ms : *next_ms;
}

size_t wire_tick(
        struct wire *w, int64_t now_ms, uint8_t out[static SIM_OUT_MAX], int64_t *next_ms)
{
    uint32_t overlaps = w->sim.overlaps;
    size_t n;

    if (w->tap.n > 0 && now_ms - w->tap.last_ms > STALE_MS) {
        tap_end(w);
    }
    n = sim_tick(&w->sim, now_ms, out, next_ms);
    if (w->sim.overlaps != overlaps) {
        tell_faults(w, 1u << LINE_COLLISION,
                (struct wire_event){.ms = now_ms, .side = LINE_TO_MASTER, .p = out, .n = n});
    }
    n = n > 0 ? say(w, out, n, now_ms) : 0;
    n = n > 0 ? n : echo(w, now_ms, out);
    if (n == 0 && idle(w, now_ms)) {
        n = others(w, now_ms, out, next_ms);
    }
    if (w->lates > 0) {
        sooner(next_ms, w->late[0].due_ms);
    }
    if (w->echoes > 0) {
        sooner(next_ms, w->echo[0].due_ms);
    }
    *next_ms = *next_ms > now_ms ? *next_ms : now_ms + 1; /* what is due waits for the line */
    return n;
}
