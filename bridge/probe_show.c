/*
 * probe_show - one reading of a source, for people and as JSON. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PRINT_MAX = 64 * 1024 };

int probe_known(const struct probe *p)
{
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        const char *why;
        int64_t v;

        n += ems_fresh(&p->readings, &p->config, (enum ems_field)f, p->now.now_ms, &v, &why);
    }
    return n;
}

/* Why there is nothing: what the adapter said, or that nothing was asked for. */
static const char *why_none(const struct probe *p, enum ems_field f, const char *why)
{
    if (!(p->config.fields & EMS_BIT(f))) {
        return "the options do not ask for it";
    }
    return p->class != EMS_OK && !p->readings.field[f].known &&
                           p->readings.field[f].why[0] == '\0'
                   ? p->why
                   : why;
}

static void write_field(struct jw *w, const char *key, const struct probe *p, enum ems_field f)
{
    const struct ems_reading *x = &p->readings.field[f];
    const char *why = NULL;
    char time[STR_TIME_ROOM];
    int64_t v = 0;

    jw_open(w, key);
    if (ems_fresh(&p->readings, &p->config, f, p->now.now_ms, &v, &why)) {
        jw_int(w, "value", v);
    } else {
        jw_null(w, "value");
        jw_str(w, "why", why_none(p, f, why));
    }
    if (x->source_utc_ms != 0) {
        str_time(time, x->source_utc_ms);
        jw_str(w, "source_time", time);
    } else {
        jw_null(w, "source_time");
    }
    if (x->known) {
        jw_int(w, "age_ms", p->now.now_ms - x->at_ms);
    } else {
        jw_null(w, "age_ms");
    }
    jw_str(w, "raw", x->raw[0] != '\0' ? x->raw : NULL);
    jw_close(w);
}

static void write_phases(
        struct jw *w, const char *key, const struct probe *p, enum ems_field first)
{
    jw_array(w, key);
    for (unsigned i = 0; i < 3; i++) {
        write_field(w, NULL, p, (enum ems_field)((unsigned)first + i));
    }
    jw_array_end(w);
}

static void write_never(struct jw *w, const char *key)
{
    jw_open(w, key);
    jw_null(w, "value");
    jw_str(w, "why", "this adapter gives none");
    jw_close(w);
}

static void print_json(const struct probe *p)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    buf_init(&b, PRINT_MAX);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    for (int f = EMS_GRID_W; f <= EMS_CONSUMPTION_W; f++) {
        write_field(&w, ems_field_table[f].name, p, (enum ems_field)f);
    }
    write_phases(&w, "current_ma", p, EMS_CURRENT_L1_MA);
    write_phases(&w, "voltage_mv", p, EMS_VOLTAGE_L1_MV);
    write_never(&w, "price");
    write_never(&w, "forecast");
    if (p->class != EMS_OK) {
        jw_open(&w, "error");
        jw_str(&w, "class", ems_class_words[p->class]);
        jw_str(&w, "message", p->why);
        jw_close(&w);
    }
    jw_close(&w);
    puts(buf_ok(&b) ? buf_text(&b) : "{}");
}

static void print_field(const struct probe *p, enum ems_field f)
{
    const struct ems_reading *x = &p->readings.field[f];
    const char *why = NULL;
    char time[STR_TIME_ROOM];
    int64_t v = 0;

    if (!(p->config.fields & EMS_BIT(f))) {
        return;
    }
    if (!ems_fresh(&p->readings, &p->config, f, p->now.now_ms, &v, &why)) {
        printf("%-15s unknown: %s%s%s%s\n", ems_field_table[f].name, why_none(p, f, why),
                x->raw[0] != '\0' ? " (read: " : "", x->raw, x->raw[0] != '\0' ? ")" : "");
        return;
    }
    printf("%-15s %" PRId64 " %s  (read: %s", ems_field_table[f].name, v,
            ems_field_table[f].unit, x->raw);
    if (x->source_utc_ms != 0) {
        str_time(time, x->source_utc_ms);
        printf("; measured %s, %" PRId64 " ms ago", time, p->now.now_ms - x->at_ms);
    }
    puts(")");
}

void probe_print(const struct probe *p)
{
    if (p->json) {
        print_json(p);
        return;
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        print_field(p, (enum ems_field)f);
    }
}
