/*
 * energy_show - the values of the site and the state of each source, into the model.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/energy_slots.h"
#include "bridge/io/loop.h"

#include <string.h>

/* Rounded to whole seconds, so that the two clocks' jitter does not make it tick. */
static int64_t wall_of(int64_t boot_ms)
{
    return (loop_utc_ms() + boot_ms - loop_now_ms() + 500) / 1000 * 1000;
}

static void set(struct model *m, int device, enum field_id f, bool known, int64_t v)
{
    if (known) {
        model_set(m, device, f, v);
    } else {
        model_set_unknown(m, device, f);
    }
}

static const struct shown {
    enum ems_field field;
    enum field_id site, source; /* FIELD_COUNT: not shown as a value of its own */
} shown[] = {
        {EMS_GRID_W, FIELD_SITE_GRID_POWER, FIELD_SOURCE_GRID_POWER},
        {EMS_PV_W, FIELD_SITE_PV_POWER, FIELD_SOURCE_PV_POWER},
        {EMS_BATTERY_W, FIELD_SITE_BATTERY_POWER, FIELD_SOURCE_BATTERY_POWER},
        {EMS_SOC_PERMILLE, FIELD_SITE_BATTERY_SOC, FIELD_SOURCE_BATTERY_SOC},
        {EMS_CONSUMPTION_W, FIELD_SITE_HOUSE_POWER, FIELD_SOURCE_HOUSE_POWER},
        {EMS_CURRENT_L1_MA, FIELD_SITE_GRID_CURRENT_L1, FIELD_COUNT},
        {EMS_CURRENT_L2_MA, FIELD_SITE_GRID_CURRENT_L2, FIELD_COUNT},
        {EMS_CURRENT_L3_MA, FIELD_SITE_GRID_CURRENT_L3, FIELD_COUNT},
        {EMS_VOLTAGE_L1_MV, FIELD_SITE_GRID_VOLTAGE_L1, FIELD_COUNT},
        {EMS_VOLTAGE_L2_MV, FIELD_SITE_GRID_VOLTAGE_L2, FIELD_COUNT},
        {EMS_VOLTAGE_L3_MV, FIELD_SITE_GRID_VOLTAGE_L3, FIELD_COUNT},
};

/* A value in the decimals and units of the documents: W, %, A, V. */
static void write_value(struct jw *w, const char *key, enum ems_field f, int64_t v)
{
    switch (f) {
    case EMS_GRID_W:
    case EMS_PV_W:
    case EMS_BATTERY_W:
    case EMS_CONSUMPTION_W:
    case EMS_FIELDS:
        jw_int(w, key, v);
        break;
    case EMS_SOC_PERMILLE:
        jw_decimal(w, key, v, 1, 1);
        break;
    case EMS_CURRENT_L1_MA:
    case EMS_CURRENT_L2_MA:
    case EMS_CURRENT_L3_MA:
        jw_decimal(w, key, v, 3, 2);
        break;
    case EMS_VOLTAGE_L1_MV:
    case EMS_VOLTAGE_L2_MV:
    case EMS_VOLTAGE_L3_MV:
        jw_decimal(w, key, v, 3, 0);
        break;
    }
}

static void write_time(struct jw *w, const char *key, int64_t utc_ms)
{
    char time[STR_TIME_ROOM];

    if (utc_ms != 0) {
        str_time(time, utc_ms);
    }
    jw_str(w, key, utc_ms != 0 ? time : NULL);
}

/* ---- the site ---- */

/* "roof, garage", or "derived" where no source gave it. */
static void source_names(
        const struct energy *x, const struct ems_value *v, char *dst, size_t room)
{
    size_t n = 0;

    dst[0] = '\0';
    for (int i = 0; i < x->n && v->origin == EMS_FROM_SOURCES; i++) {
        if (v->from >> i & 1) {
            (void)str_format(
                    dst + n, room - n, "%s%s", n > 0 ? ", " : "", x->source[i].settings->id);
            n = strlen(dst);
        }
    }
    if (v->origin == EMS_DERIVED) {
        (void)str_copy(dst, room, "derived");
    }
}

static void write_input(
        struct jw *w, const struct energy *x, enum ems_field f, enum field_id shown_as)
{
    const struct ems_value *v = &x->site.field[f];
    char names[200];

    if (!(ems_site_fields(x->config, x->n) & EMS_BIT(f))) {
        return; /* nobody gives it */
    }
    source_names(x, v, names, sizeof(names));
    jw_open(w, field_table[shown_as].key);
    if (v->known) {
        write_value(w, "value", f, v->value);
    } else {
        jw_null(w, "value");
        jw_str(w, "why", v->why);
    }
    jw_str(w, "source", names[0] != '\0' ? names : NULL);
    if (v->at_ms != 0) {
        jw_int(w, "age_s", (loop_now_ms() - v->at_ms) / 1000);
        jw_int(w, "ttl_s", v->ttl_ms / 1000);
    } else {
        jw_null(w, "age_s");
        jw_null(w, "ttl_s");
    }
    jw_close(w);
}

static void show_inputs(struct daemon *d)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    buf_init(&b, MODEL_JSON_ROOM - 1);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        write_input(&w, d->energy, shown[i].field, shown[i].site);
    }
    jw_close(&w);
    model_set_json(&d->model, 1, FIELD_SITE_INPUTS, buf_ok(&b) ? buf_text(&b) : NULL);
}

static void show_values(struct daemon *d)
{
    const struct ems_site *o = &d->energy->site;
    int64_t oldest_ms = 0;

    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        const struct ems_value *v = &o->field[shown[i].field];

        set(&d->model, 1, shown[i].site, v->known, v->value);
        if (v->known && v->origin == EMS_FROM_SOURCES &&
                (oldest_ms == 0 || v->at_ms < oldest_ms)) {
            oldest_ms = v->at_ms;
        }
    }
    set(&d->model, 1, FIELD_SITE_SURPLUS_POWER, o->surplus_w.known, o->surplus_w.value);
    set(&d->model, 1, FIELD_SITE_DATA_UPDATED, oldest_ms != 0,
            oldest_ms != 0 ? wall_of(oldest_ms) : 0);
}

/* ---- sources ---- */

bool energy_fresh(const struct energy *x, int i, const char **why)
{
    const char *first = NULL, *w = NULL;
    int64_t v = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        if ((x->config[i].fields & EMS_BIT(f)) &&
                !ems_fresh(&x->reading[i], &x->config[i], (enum ems_field)f, loop_now_ms(), &v,
                        &w) &&
                !first) {
            first = w;
        }
    }
    if (x->config[i].fields == 0 && x->source[i].settings->adapter->finds_out) {
        first = "it gave no value yet";
    }
    if (!first && !energy_slots_fresh(x, i, &w)) {
        first = w;
    }
    *why = first;
    return first == NULL;
}

/* The source has a part in values that do not add up. */
static bool implausible(const struct energy *x, int i)
{
    const uint32_t terms = EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W) |
                           EMS_BIT(EMS_CONSUMPTION_W);

    return x->implausible >= ENERGY_IMPLAUSIBLE && !x->config[i].elsewhere &&
           (x->config[i].fields & terms) != 0;
}

static enum source_status status_of(const struct energy *x, int i, bool fresh)
{
    const struct energy_source *s = &x->source[i];

    if (!s->answered) {
        return SOURCE_STARTING;
    }
    if (s->class == EMS_AUTH) {
        return SOURCE_AUTH_FAILED;
    }
    if (s->class == EMS_RATE) {
        return SOURCE_PAUSED;
    }
    if (s->class != EMS_OK) {
        return SOURCE_FAILING;
    }
    if (!fresh) {
        return SOURCE_STALE;
    }
    return implausible(x, i) ? SOURCE_IMPLAUSIBLE : SOURCE_OK;
}

static void write_reading(struct jw *w, const struct energy *x, int i, enum ems_field f)
{
    const struct ems_reading *r = &x->reading[i].field[f];
    const char *why = NULL;
    int64_t v = 0;

    jw_open(w, ems_field_table[f].name);
    if (ems_fresh(&x->reading[i], &x->config[i], f, loop_now_ms(), &v, &why)) {
        write_value(w, "value", f, v);
    } else {
        jw_null(w, "value");
        jw_str(w, "why", why);
    }
    write_time(w, "time", r->source_utc_ms);
    if (r->known) {
        jw_int(w, "age_s", (loop_now_ms() - r->at_ms) / 1000);
    } else {
        jw_null(w, "age_s");
    }
    jw_str(w, "raw", r->raw[0] != '\0' ? r->raw : NULL);
    jw_close(w);
}

static void show_readings(struct daemon *d, int i)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    buf_init(&b, MODEL_JSON_ROOM - 1);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (d->energy->config[i].fields & EMS_BIT(f)) {
            write_reading(&w, d->energy, i, (enum ems_field)f);
        }
    }
    energy_slots_write(&w, d->energy, i);
    jw_close(&w);
    model_set_json(&d->model, d->energy->source[i].device, FIELD_SOURCE_FIELDS,
            buf_ok(&b) ? buf_text(&b) : NULL);
}

static void show_own_values(struct daemon *d, int i)
{
    const struct energy *x = d->energy;
    int dev = x->source[i].device;
    int64_t newest_ms = 0;

    for (size_t k = 0; k < ARRAY_LEN(shown); k++) {
        const struct ems_reading *r = &x->reading[i].field[shown[k].field];
        const char *why = NULL;
        int64_t v = 0;
        bool fresh = ems_fresh(
                &x->reading[i], &x->config[i], shown[k].field, loop_now_ms(), &v, &why);

        if (shown[k].source != FIELD_COUNT) {
            set(&d->model, dev, shown[k].source, fresh, v);
        }
        newest_ms = r->known && r->at_ms > newest_ms ? r->at_ms : newest_ms;
    }
    newest_ms = newest_ms != 0 ? wall_of(newest_ms) : energy_slots_fetched_ms(&x->source[i]);
    set(&d->model, dev, FIELD_SOURCE_DATA_UPDATED, newest_ms != 0, newest_ms);
}

/* A problem of a source is told once, and once that it is over. */
static void tell_problem(struct daemon *d, struct energy_source *s, bool problem, const char *why)
{
    CLEANUP(buf_finish) struct buf b;
    char text[320];
    struct jw w;

    buf_init(&b, 700);
    if (problem == s->problem) {
        return;
    }
    s->problem = problem;
    jw_init(&w, &b);
    (void)str_format(text, sizeof(text), "%s: %s", s->settings->name,
            problem ? why : "all its values are there again");
    jw_str(&w, NULL, text);
    event_emit(d, -1, problem ? "problem" : "recovered", ",\"source\":\"%s\",\"message\":%s",
            s->settings->id, buf_ok(&b) ? buf_text(&b) : "null");
}

static void show_source(struct daemon *d, int i)
{
    struct model *m = &d->model;
    struct energy_source *s = &d->energy->source[i];
    const char *why = NULL;
    bool fresh = energy_fresh(d->energy, i, &why);
    const char *error;
    char text[200];
    int dev = s->device;
    bool problem;

    s->status = status_of(d->energy, i, fresh);
    if (s->status == SOURCE_IMPLAUSIBLE) {
        (void)str_format(text, sizeof(text),
                "grid, sun, battery and house do not add up by %lld W: is a sign inverted, or does "
                "the meter not see all of the house?",
                (long long)d->energy->site.imbalance_w);
        why = text;
    }
    model_set(m, dev, FIELD_SOURCE_STATUS, s->status);
    /* While its values hold, a source that fails is no problem yet. */
    problem = s->status != SOURCE_STARTING && (!fresh || s->status == SOURCE_AUTH_FAILED ||
                                                      s->status == SOURCE_IMPLAUSIBLE);
    error = s->why[0] != '\0' ? s->why : s->status == SOURCE_STARTING ? NULL : why;
    model_set(m, dev, FIELD_SOURCE_PROBLEM, problem);
    model_set_text(m, dev, FIELD_SOURCE_ERROR, error);
    tell_problem(d, s, problem, error ? error : "a value is missing");
    set(m, dev, FIELD_SOURCE_LATENCY, s->latency_ms >= 0, s->latency_ms);
    model_set_text(m, dev, FIELD_SOURCE_ADAPTER, s->settings->adapter->name);
    model_set(m, dev, FIELD_SOURCE_CALLS_TODAY, s->calls);
    set(m, dev, FIELD_SOURCE_NEXT_TRY, s->asks, s->asks ? wall_of(s->next_ms) : 0);
    show_own_values(d, i);
    show_readings(d, i);
}

bool energy_problem(const struct daemon *d)
{
    int64_t problem = 0;

    for (int i = 0; d->energy && i < d->energy->n; i++) {
        const struct energy_source *s = &d->energy->source[i];

        if (s->device >= 0 && model_get(&d->model, s->device, FIELD_SOURCE_PROBLEM, &problem) &&
                problem != 0) {
            return true;
        }
    }
    return false;
}

void energy_show(struct daemon *d)
{
    if (!d->energy) {
        return;
    }
    energy_merge(d);
    show_values(d);
    show_inputs(d);
    energy_slots_show(d);
    for (int i = 0; i < d->energy->n; i++) {
        if (d->energy->source[i].device >= 0) {
            show_source(d, i);
        }
    }
    model_set(&d->model, 1, FIELD_SITE_DATA_PROBLEM, energy_problem(d));
}
