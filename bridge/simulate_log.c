/*
 * simulate_log - `twcbridge simulate --log FILE`: one JSON line for each frame, fault and
 * control line, with the milliseconds since the start. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/simulate.h"

#include <errno.h>
#include <string.h>

static const char *const kind_names[] = {"heard", "broken", "said", "second_master", "fault"};

static void put(struct simulation *m, struct buf *b)
{
    buf_addc(b, '\n');
    if (buf_ok(b) && (fwrite(b->data, 1, b->len, m->log) != b->len || fflush(m->log) != 0)) {
        fprintf(stderr, "twcbridge simulate: --log %s: %s\n", m->o.log, strerror(errno));
        fclose(m->log);
        m->log = NULL;
        m->wire.log = NULL;
    }
    buf_finish(b);
}

static void begin(
        struct simulation *m, struct buf *b, struct jw *w, int64_t ms, const char *what)
{
    buf_init(b, BUF_CAP_DOCUMENT);
    jw_init(w, b);
    jw_open(w, NULL);
    jw_int(w, "ms", ms - m->start_ms);
    jw_str(w, "event", what);
}

static void on_event(void *user, const struct wire_event *e)
{
    struct simulation *m = user;
    char hex[2 * SIM_OUT_MAX + 1];
    struct buf b;
    struct jw w;

    begin(m, &b, &w, e->ms, kind_names[e->kind]);
    if (e->word) {
        jw_str(&w, e->kind == WIRE_FAULT ? "fault" : "why", e->word);
    }
    if (e->kind == WIRE_FAULT) {
        jw_str(&w, "to", e->side == LINE_TO_MASTER ? "master" : "chargers");
    }
    str_hex(hex, sizeof(hex), e->p, e->n);
    jw_str(&w, "bytes", hex);
    jw_close(&w);
    put(m, &b);
}

void simulate_log_control(struct simulation *m, const char *line, const char *answer)
{
    struct buf b;
    struct jw w;

    if (!m->log || strncmp(line, "status", 6) == 0) {
        return; /* asking changes nothing */
    }
    begin(m, &b, &w, loop_now_ms(), "control");
    jw_str(&w, "line", line);
    jw_raw(&w, "answer", answer);
    jw_close(&w);
    put(m, &b);
}

bool simulate_log_open(struct simulation *m)
{
    struct buf b;
    struct jw w;

    if (!m->o.log) {
        return true;
    }
    m->log = fopen(m->o.log, "we");
    if (!m->log) {
        fprintf(stderr, "twcbridge simulate: --log %s: %s\n", m->o.log, strerror(errno));
        return false;
    }
    m->wire.log = on_event;
    m->wire.user = m;
    begin(m, &b, &w, m->start_ms, "start");
    jw_int(&w, "seed", m->o.seed);
    jw_array(&w, "chargers");
    for (int i = 0; i < m->wire.sim.n; i++) {
        char id[8];

        str_format(id, sizeof(id), "%04x", (unsigned)m->wire.sim.charger[i].id);
        jw_str(&w, NULL, id);
    }
    jw_array_end(&w);
    jw_close(&w);
    put(m, &b);
    return m->log != NULL;
}

void simulate_log_close(struct simulation *m)
{
    m->wire.log = NULL;
    if (m->log) {
        fclose(m->log);
        m->log = NULL;
    }
}
