/*
 * simulate_script - `twcbridge simulate --script FILE`. SPDX-License-Identifier: MIT
 */
#include "bridge/simulate.h"

#include <errno.h>
#include <string.h>

enum { WAIT_MS = 10, SCRIPT_BYTES_MAX = BUF_CAP_SETTINGS };

int simulate_script_load(struct simulation *m)
{
    struct err e = {0};
    struct buf text;
    FILE *f;

    if (!m->o.script) {
        return 0;
    }
    f = fopen(m->o.script, "re");
    if (!f) {
        fprintf(stderr, "twcbridge simulate: --script %s: %s\n", m->o.script, strerror(errno));
        return err_exit_code(ERR_NOT_FOUND);
    }
    buf_init(&text, SCRIPT_BYTES_MAX);
    for (;;) {
        char part[4096];
        size_t n = fread(part, 1, sizeof(part), f);

        if (n == 0) {
            break;
        }
        buf_add(&text, part, n);
    }
    if (ferror(f) || !buf_ok(&text)) {
        err_set(&e, ERR_INVALID, "--script %s: cannot be read, or is longer than 1 MiB",
                m->o.script);
    } else {
        m->script = script_parse(buf_text(&text), text.len, m->o.script, &e);
    }
    fclose(f);
    buf_finish(&text);
    if (!m->script) {
        fprintf(stderr, "twcbridge simulate: %s\n", e.text);
        return err_exit_code(e.code);
    }
    if (!m->o.seeded) {
        (void)script_seed(m->script, &m->o.seed);
    }
    return 0;
}

bool simulate_script_check(struct simulation *m)
{
    struct err e = {0};

    if (m->script && !script_check(m->script, &m->wire, &e)) {
        fprintf(stderr, "twcbridge simulate: %s\n", e.text);
        return false;
    }
    return true;
}

static void run_due(struct simulation *m, int64_t now_ms)
{
    const char *line;
    int number;
    int64_t due_ms;

    while (!m->wire.exit &&
            (line = script_next(m->script, now_ms - m->script_ms, &number, &due_ms))) {
        struct buf b;

        buf_init(&b, BUF_CAP_DOCUMENT);
        if (!simulate_command(m, line, &b)) {
            fprintf(stderr, "twcbridge simulate: %s:%d: %s\n", m->o.script, number,
                    buf_text(&b));
        }
        buf_finish(&b);
    }
}

static void on_clock(void *user)
{
    struct simulation *m = user;
    int64_t now_ms = loop_now_ms(), due_ms;

    if (m->script_ms == 0 &&
            (!script_starts_with_master(m->script) || m->wire.sim.frames_in > 0)) {
        m->script_ms = now_ms;
        simulate_log_control(m, "script", "{\"ok\":true}");
    }
    if (m->script_ms == 0) {
        oneshot_start(m->clock, WAIT_MS);
        return;
    }
    run_due(m, now_ms);
    due_ms = script_due_ms(m->script);
    if (due_ms != INT64_MAX && !m->wire.exit) {
        due_ms += m->script_ms - now_ms;
        oneshot_start(m->clock, due_ms > 0 ? (uint64_t)due_ms : 0);
    }
}

bool simulate_script_open(struct simulation *m)
{
    struct err e = {0};

    if (!m->script) {
        return true;
    }
    m->clock = oneshot_create(&m->loop, on_clock, m, &e);
    if (!m->clock) {
        fprintf(stderr, "twcbridge simulate: %s\n", e.text);
        return false;
    }
    oneshot_start(m->clock, 0);
    return true;
}

void simulate_script_close(struct simulation *m)
{
    oneshot_destroy(m->clock);
}
