/*
 * energy_circuit - sources that are the meters of circuits, for control and for the circuit's state.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/energy.h"

#include <stdlib.h>
#include <string.h>

int circuit_meter_source(const struct settings *s, int circuit)
{
    for (int i = 0; i < s->source_count; i++) {
        if (s->source[i].adapter && s->source[i].circuit[0] &&
                s->source[i].circuit_index == circuit) {
            return i;
        }
    }
    return -1;
}

/* A phase of the meter that may be used now. */
static bool measured(const struct energy *x, int source, int phase, int64_t now_ms, int64_t *ma)
{
    const char *why = NULL;
    enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + phase);

    return (x->config[source].fields & EMS_BIT(f)) &&
           ems_fresh(&x->reading[source], &x->config[source], f, now_ms, ma, &why);
}

/* It fails, or its values are half way to their end: nothing may rise on it. */
static bool is_well(const struct energy *x, int source, int64_t now_ms)
{
    bool well = x->source[source].answered && x->source[source].class == EMS_OK;

    for (int p = 0; p < PHASES; p++) {
        const struct ems_reading *r = &x->reading[source].field[EMS_CURRENT_L1_MA + p];

        well = well && (!r->known || now_ms - r->at_ms <= x->config[source].ttl_ms / 2);
    }
    return well;
}

/* It has told nothing yet, and has had no time to: what holds goes on, and nothing rises, as when a
 * meter falls silent. So a restart stops no car. */
static bool awaited(const struct energy *x, int circuit, int source, int phase, int64_t now_ms)
{
    const struct source_settings *s = x->source[source].settings;

    return !x->circuit[circuit]->phase[phase].known &&
           now_ms - x->metered_ms[circuit] <= x->config[source].ttl_ms &&
           (s->adapter->fields(s->options) & EMS_BIT(EMS_CURRENT_L1_MA + phase)) != 0;
}

static void read_meter(struct daemon *d, int i, int source, int64_t now_ms)
{
    struct energy *x = d->energy;
    struct control_meter *out = &x->meter[i];

    circuit_meter_draw(x->circuit[i], &d->config, i, d->report, now_ms);
    out->fresh = is_well(x, source, now_ms);
    for (int p = 0; p < PHASES; p++) {
        int64_t ma = 0;

        out->known[p] = measured(x, source, p, now_ms, &ma);
        if (!out->known[p] && awaited(x, i, source, p, now_ms)) {
            out->known[p] = out->awaited[p] = true;
            out->fresh = false;
        } else if (out->known[p]) {
            out->total_ma[p] = (int32_t)ma;
            circuit_meter_take(x->circuit[i], p, (int32_t)ma,
                    x->reading[source].field[EMS_CURRENT_L1_MA + p].at_ms, now_ms);
            (void)circuit_meter_rest(x->circuit[i], p, now_ms, &out->rest_ma[p]);
        }
    }
}

const struct control_meter *energy_meters(struct daemon *d, int64_t now_ms)
{
    struct energy *x = d->energy;
    bool any = false;

    for (int i = 0; x && i < d->settings.circuit_count; i++) {
        int source = circuit_meter_source(&d->settings, i);

        x->meter[i] = (struct control_meter){.fresh = false};
        if (source < 0 || source >= x->n) {
            free(x->circuit[i]);
            x->circuit[i] = NULL;
            continue;
        }
        any = true;
        if (!x->circuit[i]) {
            x->circuit[i] = calloc(1, sizeof(*x->circuit[i]));
            x->metered_ms[i] = now_ms;
        }
        if (x->circuit[i]) {
            read_meter(d, i, source, now_ms);
        }
    }
    return any ? x->meter : NULL;
}

bool energy_circuit_ma(const struct daemon *d, int circuit, int phase, int32_t *ma)
{
    const struct control_meter *m = d->energy ? &d->energy->meter[circuit] : NULL;

    if (!m || !d->config.circuit[circuit].metered || !m->known[phase] || m->awaited[phase]) {
        return false;
    }
    *ma = m->total_ma[phase];
    return true;
}
