/*
 * ems_site - the readings of all sources into the values of the site.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems.h"

#include <string.h>

enum { TOLERANCE_W = 100, TOLERANCE_PERCENT = 5 };

/* The terms of load = grid + pv + battery, as indexes of `term`. */
enum { GRID, PV, BATTERY, LOAD, TERMS };
static const int term_sign[TERMS] = {1, 1, 1, -1};
static const enum ems_field term_field[TERMS] = {
        EMS_GRID_W, EMS_PV_W, EMS_BATTERY_W, EMS_CONSUMPTION_W};

struct merge {
    const struct ems_source *s;
    const struct ems_source_config *c;
    int n;
    int64_t now_ms;
    bool charger_known;
    int64_t charger_w;
};

/* What a source gives for the site. */
static uint32_t gives(const struct ems_source_config *c)
{
    return c->elsewhere ? 0 : c->fields;
}

static int64_t older(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_mean(enum ems_field f)
{
    return f == EMS_SOC_PERMILLE || f == EMS_VOLTAGE_L1_MV || f == EMS_VOLTAGE_L2_MV ||
           f == EMS_VOLTAGE_L3_MV;
}

/* The value of one source as the site counts it: the house without the chargers. */
static bool value_of(
        const struct merge *m, int i, enum ems_field f, int64_t *v, const char **why)
{
    if (!ems_fresh(&m->s[i], &m->c[i], f, m->now_ms, v, why)) {
        return false;
    }
    if (f == EMS_CONSUMPTION_W && m->c[i].includes_chargers) {
        if (!m->charger_known) {
            *why = "what the chargers draw is not known";
            return false;
        }
        /* Not measured at the same instant: a little below 0 is 0. */
        *v = *v > m->charger_w ? *v - m->charger_w : 0;
    }
    return true;
}

static void add_part(
        const struct merge *m, int i, enum ems_field f, int64_t v, struct ems_value *x)
{
    int64_t at_ms = ems_reading_ms(&m->s[i].field[f]);
    int64_t ttl_ms = ems_ttl_ms(&m->s[i], &m->c[i], f);

    x->value += v;
    x->at_ms = x->from == 0 ? at_ms : older(x->at_ms, at_ms);
    x->ttl_ms = x->from == 0 ? ttl_ms : older(x->ttl_ms, ttl_ms);
    x->from |= (uint64_t)1 << i;
    x->origin = EMS_FROM_SOURCES;
}

/* All sources of a role; of others than sums the first one that knows. */
static bool merge_role(
        const struct merge *m, enum ems_field f, enum ems_role role, struct ems_value *out)
{
    struct ems_value x = {.known = true};
    int parts = 0;

    for (int i = 0; i < m->n; i++) {
        const char *why = NULL;
        int64_t v = 0;

        if (m->c[i].role != role || !(gives(&m->c[i]) & EMS_BIT(f))) {
            continue;
        }
        if (value_of(m, i, f, &v, &why)) {
            add_part(m, i, f, v, &x);
            parts++;
            if (role != EMS_SUM) {
                break;
            }
        } else if (!out->why) {
            out->why = why; /* of the first that matters */
        }
        if (why && role == EMS_SUM) {
            x.known = false; /* a sum of what is known and what is not is not known */
        }
        if (why && m->s[i].field[f].at_ms > out->at_ms) {
            out->at_ms = m->s[i].field[f].at_ms;
            out->ttl_ms = ems_ttl_ms(&m->s[i], &m->c[i], f);
        }
    }
    if (parts == 0 || !x.known) {
        return false;
    }
    if (is_mean(f)) {
        x.value = (x.value + parts / 2) / parts;
    }
    *out = x;
    return true;
}

static bool configured(const struct merge *m, enum ems_field f)
{
    for (int i = 0; i < m->n; i++) {
        if (gives(&m->c[i]) & EMS_BIT(f)) {
            return true;
        }
    }
    return false;
}

static void merge_field(const struct merge *m, enum ems_field f, struct ems_value *out)
{
    *out = (struct ems_value){.known = false};
    if (!configured(m, f)) {
        out->why = "no source gives it";
        return;
    }
    if (!merge_role(m, f, EMS_PRIMARY, out) && !merge_role(m, f, EMS_SUM, out)) {
        (void)merge_role(m, f, EMS_FALLBACK, out);
    }
}

/* A term as the identity counts it: the load has the chargers in it; a kind that no source is
 * configured for is not in the house. */
static bool term_value(const struct merge *m, const struct ems_site *o, int t, int64_t *v)
{
    const struct ems_value *x = &o->field[term_field[t]];

    *v = x->value;
    if (t == LOAD) {
        *v += m->charger_w;
        return x->known && m->charger_known;
    }
    if ((t == PV || t == BATTERY) && !configured(m, term_field[t])) {
        *v = 0;
        return true;
    }
    return x->known;
}

static void join(struct ems_value *x, const struct ems_value *part)
{
    if (part->from != 0) {
        x->at_ms = x->from == 0 ? part->at_ms : older(x->at_ms, part->at_ms);
        x->ttl_ms = x->from == 0 ? part->ttl_ms : older(x->ttl_ms, part->ttl_ms);
        x->from |= part->from;
    }
}

/* The one term that is missing, out of the three others; never two. */
static void derive(const struct merge *m, struct ems_site *o)
{
    int missing = -1, count = 0;
    int64_t sum = 0, v = 0;
    struct ems_value x = {.known = true, .origin = EMS_DERIVED};

    for (int t = 0; t < TERMS; t++) {
        if (!term_value(m, o, t, &v)) {
            missing = t;
            count++;
        } else {
            sum += term_sign[t] * v;
            join(&x, &o->field[term_field[t]]);
        }
    }
    if (count != 1 || x.from == 0 || (missing == LOAD && !m->charger_known) ||
            !(ems_site_fields(m->c, m->n) & EMS_BIT(term_field[missing]))) {
        return;
    }
    x.value = -term_sign[missing] * sum;
    if (missing == LOAD) {
        x.value -= m->charger_w;
    }
    /* Readings of different instants: a little below 0 is 0, where less cannot be. */
    if ((missing == LOAD || missing == PV) && x.value < 0) {
        if (x.value < -TOLERANCE_W) {
            o->field[term_field[missing]].why = "the other values do not add up";
            return;
        }
        x.value = 0;
    }
    o->field[term_field[missing]] = x;
}

static void balance(const struct merge *m, struct ems_site *o)
{
    int64_t v[TERMS];

    o->balanced_known = true;
    for (int t = 0; t < TERMS; t++) {
        o->balanced_known = term_value(m, o, t, &v[t]) && o->balanced_known;
    }
    if (!o->balanced_known) {
        return;
    }
    o->imbalance_w = v[LOAD] - v[GRID] - v[PV] - v[BATTERY];
    o->implausible = !ems_adds_up(v[LOAD], v[GRID], v[PV], v[BATTERY]);
}

void ems_site_merge(const struct ems_source s[], const struct ems_source_config c[], int n,
        int64_t now_ms, const int64_t *charger_w, struct ems_site *out)
{
    const struct merge m = {s, c, n, now_ms, charger_w != NULL, charger_w ? *charger_w : 0};

    memset(out, 0, sizeof(*out));
    for (int f = 0; f < EMS_FIELDS; f++) {
        merge_field(&m, (enum ems_field)f, &out->field[f]);
    }
    balance(&m, out);
    if (!out->balanced_known) {
        derive(&m, out);
    }
    out->surplus_w = out->field[EMS_GRID_W];
    out->surplus_w.value = m.charger_w - out->surplus_w.value;
    if (out->surplus_w.known && !charger_w) {
        out->surplus_w.known = false;
        out->surplus_w.why = "what the chargers draw is not known";
    }
}

uint32_t ems_site_fields(const struct ems_source_config c[], int n)
{
    uint32_t f = 0;

    for (int i = 0; i < n; i++) {
        f |= gives(&c[i]);
    }
    if (f & EMS_BIT(EMS_GRID_W)) {
        f |= EMS_BIT(EMS_CONSUMPTION_W);
    } else if ((f & EMS_BIT(EMS_CONSUMPTION_W)) &&
               (f & (EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W)))) {
        f |= EMS_BIT(EMS_GRID_W);
    }
    return f;
}
