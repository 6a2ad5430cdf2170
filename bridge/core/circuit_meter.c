/*
 * circuit_meter - see circuit_meter.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/circuit_meter.h"

#include <string.h>

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

enum { PHASE_FRESH_MS = 15000 };

/* What it draws on one of its wires, where it says so. */
static bool wire_ma(const struct charger_report *r, int wire, struct meter_range *out)
{
    int32_t draw_ma = charger_draw_ma(r);

    if (r->power_ms == 0 || r->heard_ms - r->power_ms > PHASE_FRESH_MS ||
            r->phase_ma[wire] < 0) {
        return false;
    }
    *out = (struct meter_range){0, 0};
    if (r->phase_ma[wire] >= DRAW_ZERO_MA) {
        out->least = least(r->phase_ma[wire], draw_ma);
        out->most = most(r->phase_ma[wire], draw_ma);
    }
    return true;
}

/* A car uses its first phase always; of the others a unit of protocol 1 says nothing, and where the
 * wiring is not known none is the first. */
void charger_phases(const struct charger_report *r, enum phase_map map,
        struct meter_range out[static PHASES])
{
    uint32_t bits = phase_bits(map);
    int32_t draw_ma = charger_draw_ma(r);
    bool first = map != PHASE_MAP_UNKNOWN;
    int wire = 0;

    for (int p = 0; p < PHASES; p++) {
        out[p] = (struct meter_range){0, 0};
        if (!(bits >> p & 1)) {
            continue;
        }
        if (map == PHASE_MAP_UNKNOWN || !wire_ma(r, wire, &out[p])) {
            out[p].least = first ? draw_ma : 0;
            out[p].most = draw_ma;
        }
        first = false;
        wire++;
    }
}

static bool is_under(const struct control_config *c, int charger, int circuit)
{
    int at = c->charger[charger].circuit;

    for (int steps = 0; at >= 0 && steps < CIRCUITS_MAX; steps++) {
        if (at == circuit) {
            return true;
        }
        at = c->circuit[at].parent;
    }
    return false;
}

static void note(
        struct circuit_meter *m, const struct meter_range now[static PHASES], int64_t bucket)
{
    int64_t from = bucket - m->draw_bucket >= METER_DRAWS ? bucket - METER_DRAWS + 1
                                                          : m->draw_bucket + 1;

    if (m->draw_bucket == 0) {
        from = bucket - METER_DRAWS + 1; /* nothing is known of before: as it is now */
    }
    for (int p = 0; p < PHASES; p++) {
        struct meter_range *d = m->phase[p].draw;
        struct meter_range *x = &d[bucket % METER_DRAWS];

        for (int64_t b = from; b <= bucket; b++) {
            d[b % METER_DRAWS] = now[p];
        }
        x->least = least(x->least, now[p].least);
        x->most = most(x->most, now[p].most);
    }
    m->draw_bucket = bucket;
}

/* What it was told, and so may draw before it says so. */
static int32_t may_draw(const struct charger_report *r, int32_t draw_ma)
{
    return r->told_known && r->plugged != TRI_NO && r->told_ma > draw_ma ? r->told_ma : draw_ma;
}

void circuit_meter_draw(struct circuit_meter *m, const struct control_config *c, int circuit,
        const struct charger_report report[], int64_t now_ms)
{
    struct meter_range sum[PHASES] = {{0, 0}};

    for (int p = 0; p < PHASES; p++) {
        m->phase[p].may_ma = 0;
    }

    for (int i = 0; i < c->chargers; i++) {
        struct meter_range one[PHASES];

        if (!is_under(c, i, circuit)) {
            continue;
        }
        charger_phases(&report[i], c->charger[i].phases, one);
        for (int p = 0; p < PHASES; p++) {
            sum[p].least += one[p].least;
            sum[p].most += one[p].most;
            if (phase_bits(c->charger[i].phases) >> p & 1) {
                m->phase[p].may_ma += may_draw(&report[i], one[p].most);
            }
        }
    }
    note(m, sum, now_ms / METER_BUCKET_MS + METER_DRAWS);
}

/* The least and the most that the chargers drew from at_ms - METER_LATE_MS until now. */
static struct meter_range drawn(const struct circuit_meter *m, int p, int64_t at_ms)
{
    int64_t from = (at_ms - METER_LATE_MS) / METER_BUCKET_MS + METER_DRAWS;
    struct meter_range r = m->phase[p].draw[m->draw_bucket % METER_DRAWS];

    if (from <= m->draw_bucket - METER_DRAWS) {
        from = m->draw_bucket - METER_DRAWS + 1;
    }
    for (int64_t b = from; b < m->draw_bucket; b++) {
        const struct meter_range *x = &m->phase[p].draw[b % METER_DRAWS];

        r.least = least(r.least, x->least);
        r.most = most(r.most, x->most);
    }
    return r;
}

static void hold(struct circuit_meter *m, int64_t now_ms)
{
    int64_t bucket = now_ms / METER_BUCKET_MS + METER_HOLDS;
    int64_t from = bucket - m->hold_bucket >= METER_HOLDS ? bucket - METER_HOLDS + 1
                                                          : m->hold_bucket + 1;

    for (int p = 0; p < PHASES; p++) {
        struct meter_phase *x = &m->phase[p];
        int32_t *now = &x->held_ma[bucket % METER_HOLDS];

        for (int64_t b = from; b <= bucket; b++) {
            x->held_ma[b % METER_HOLDS] = x->rest_ma;
        }
        *now = most(*now, x->rest_ma);
    }
    m->hold_bucket = bucket;
}

static void judge(struct meter_phase *x, int32_t ma, struct meter_range d)
{
    int32_t low = most(ma - d.most, 0), high = most(ma - d.least, 0);

    /* First the least that it can be: after a restart the cars shall go on. What it hides is found
     * when the chargers have told what they draw. */
    x->rest_ma = x->known ? least(most(x->rest_ma, low), high) : low;
}

void circuit_meter_take(
        struct circuit_meter *m, int phase, int32_t ma, int64_t at_ms, int64_t now_ms)
{
    struct meter_phase *x = &m->phase[phase];
    struct meter_range d;

    hold(m, now_ms); /* until now it was as it was */
    if (x->again && now_ms - x->again_ms >= METER_SOON_MS) {
        judge(x, x->again_ma, drawn(m, phase, x->again_ms));
        x->again = false;
    }
    if (!x->known || x->at_ms != at_ms) {
        d = drawn(m, phase, at_ms);
        d.most = most(d.most, x->may_ma);
        judge(x, ma, d);
        x->known = true;
        x->at_ms = at_ms;
        if (!x->again) {
            x->again = true;
            x->again_ms = at_ms;
            x->again_ma = ma;
        }
    }
    hold(m, now_ms);
}

bool circuit_meter_rest(
        const struct circuit_meter *m, int phase, int64_t now_ms, int32_t *rest_ma)
{
    const struct meter_phase *x = &m->phase[phase];
    int64_t oldest = now_ms / METER_BUCKET_MS + METER_HOLDS - METER_HOLDS + 1;

    *rest_ma = x->rest_ma;
    for (int64_t b = m->hold_bucket; b >= oldest && b > m->hold_bucket - METER_HOLDS; b--) {
        *rest_ma = most(*rest_ma, x->held_ma[b % METER_HOLDS]);
    }
    return x->known;
}
