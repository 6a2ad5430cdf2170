/*
 * probe_show - one reading of a source, for people and as JSON. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PRINT_MAX = 256 * 1024 };

int probe_known(const struct probe *p)
{
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        const char *why;
        int64_t v;

        n += ems_fresh(&p->readings, &p->config, (enum ems_field)f, p->now.now_ms, &v, &why);
    }
    for (int k = 0; k < SLOTS_KINDS; k++) {
        n += p->slots.list[k].n > 0;
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

/* ---- prices and forecasts ---- */

static const char *why_no_list(const struct probe *p, enum slots_kind k)
{
    return !(p->kinds & SLOTS_BIT(k))   ? "this adapter gives none"
           : p->slots.why[k][0] != '\0' ? p->slots.why[k]
           : p->class != EMS_OK         ? p->why
                                        : "the answer has none";
}

/* In currency or W. */
static void write_amount(struct jw *w, const char *key, enum slots_kind k, int64_t v)
{
    int digits = k == SLOTS_FORECAST ? 0 : 6;

    jw_decimal(w, key, v, digits, digits);
}

static void write_slots(struct jw *w, const struct probe *p, enum slots_kind k)
{
    const struct slots *s = &p->slots.list[k];
    char time[STR_TIME_ROOM];

    jw_array(w, "value");
    for (int i = 0; i < s->n; i++) {
        jw_open(w, NULL);
        str_time(time, s->slot[i].start_s * 1000);
        jw_str(w, "start", time);
        str_time(time, s->slot[i].end_s * 1000);
        jw_str(w, "end", time);
        write_amount(w, "value", k, s->slot[i].value);
        jw_close(w);
    }
    jw_array_end(w);
}

static void write_list(struct jw *w, const struct probe *p, enum slots_kind k)
{
    bool known = p->slots.list[k].n > 0;

    jw_open(w, slots_kind_words[k]);
    if (known) {
        write_slots(w, p, k);
    } else {
        jw_null(w, "value");
        jw_str(w, "why", why_no_list(p, k));
    }
    if (known && k != SLOTS_FORECAST) {
        jw_str(w, "currency", p->slots.currency[0] != '\0' ? p->slots.currency : NULL);
    }
    if (known && p->slots.why[k][0] != '\0') {
        jw_str(w, "left_out", p->slots.why[k]);
    }
    jw_null(w, "source_time");
    if (known) {
        jw_int(w, "age_ms", 0);
    } else {
        jw_null(w, "age_ms");
    }
    jw_str(w, "raw", known && p->slots.raw[k][0] != '\0' ? p->slots.raw[k] : NULL);
    jw_close(w);
}

static void print_list(const struct probe *p, enum slots_kind k)
{
    const struct slots *s = &p->slots.list[k];
    const char *unit = k == SLOTS_FORECAST ? "W" : p->slots.currency;

    if (!(p->kinds & SLOTS_BIT(k))) {
        return;
    }
    if (s->n == 0) {
        printf("%-15s unknown: %s\n", slots_kind_words[k], why_no_list(p, k));
        return;
    }
    printf("%-15s %d slots  (read first: %s)\n", slots_kind_words[k], s->n, p->slots.raw[k]);
    for (int i = 0; i < s->n; i++) {
        CLEANUP(buf_finish) struct buf b;
        char start[STR_TIME_ROOM], end[STR_TIME_ROOM];
        struct jw w;

        buf_init(&b, STR_TIME_ROOM);
        jw_init(&w, &b);
        write_amount(&w, NULL, k, s->slot[i].value);
        str_time(start, s->slot[i].start_s * 1000);
        str_time(end, s->slot[i].end_s * 1000);
        printf("  %s  %s  %s %s%s\n", start, end, buf_text(&b), unit,
                k == SLOTS_FORECAST ? "" : "/kWh");
    }
    if (p->slots.why[k][0] != '\0') {
        printf("  left out: %s\n", p->slots.why[k]);
    }
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
    write_list(&w, p, SLOTS_PRICE);
    if (p->kinds & SLOTS_BIT(SLOTS_EXPORT)) {
        write_list(&w, p, SLOTS_EXPORT);
    }
    write_list(&w, p, SLOTS_FORECAST);
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
    for (int k = 0; k < SLOTS_KINDS; k++) {
        print_list(p, (enum slots_kind)k);
    }
}
