/*
 * circuit - see circuit.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/circuit.h"

#include <string.h>

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

int row_circuit(const struct rows *r, int row)
{
    return row >= r->n - PHASES ? -1 : row / PHASES;
}

int row_phase(int row)
{
    return row % PHASES;
}

static void use_rows(struct rows *r, const struct control_config *c, int i)
{
    uint32_t bits = phase_bits(c->charger[i].phases);
    int circuit = c->charger[i].circuit;

    r->use_n[i] = 0;
    for (int steps = 0; circuit >= 0 && steps < CIRCUITS_MAX; steps++) {
        for (int p = 0; p < PHASES; p++) {
            if (bits >> p & 1) {
                r->use[i][r->use_n[i]++] = (int16_t)(circuit * PHASES + p);
            }
        }
        circuit = c->circuit[circuit].parent;
    }
    for (int p = 0; p < PHASES; p++) {
        if (bits >> p & 1) {
            r->use[i][r->use_n[i]++] = (int16_t)(c->circuits * PHASES + p);
        }
    }
}

/* What a circuit leaves for chargers on a phase, ceilings aside. */
static int32_t room_of(
        const struct control_circuit *c, const struct control_meter *meter, int phase)
{
    if (!c->metered) {
        return c->limit_ma;
    }
    if (!meter || !meter->known[phase]) {
        return least(c->limit_ma, c->stale_headroom_ma);
    }
    return meter->rest_ma[phase] >= c->limit_ma ? 0
           : meter->rest_ma[phase] <= 0         ? c->limit_ma
                                                : c->limit_ma - meter->rest_ma[phase];
}

int circuit_unmetered(
        const struct control_config *c, const struct control_meter *meter, int charger)
{
    int circuit = c->charger[charger].circuit;

    for (int steps = 0; circuit >= 0 && steps < CIRCUITS_MAX; steps++) {
        if (c->circuit[circuit].metered && (!meter || !meter[circuit].fresh)) {
            return circuit;
        }
        circuit = c->circuit[circuit].parent;
    }
    return -1;
}

void rows_build(struct rows *r, const struct control_config *c,
        const struct control_meter *meter, const struct lease_table *leases)
{
    const struct lease *site = lease_ceiling(leases, LEASE_SITE, 0);

    r->n = (c->circuits + 1) * PHASES;
    for (int i = 0; i <= c->circuits; i++) {
        bool last = i == c->circuits;
        const struct lease *l = last ? site : lease_ceiling(leases, LEASE_CIRCUIT, i);
        int32_t settings_ma = last ? INT32_MAX : c->circuit[i].limit_ma;

        for (int p = 0; p < PHASES; p++) {
            r->settings_ma[i * PHASES + p] = settings_ma;
            int row = i * PHASES + p;

            r->ceiling_ma[row] = l ? least(settings_ma, l->value_ma) : settings_ma;
            r->limit_ma[row] =
                    last ? r->ceiling_ma[row]
                         : least(r->ceiling_ma[row],
                                   room_of(&c->circuit[i], meter ? &meter[i] : NULL, p));
        }
    }
    for (int i = 0; i < c->chargers; i++) {
        use_rows(r, c, i);
    }
}

int32_t circuit_cap(const struct control_config *c, int charger)
{
    int circuit = c->charger[charger].circuit;
    int32_t cap = MA_MAX;

    for (int steps = 0; circuit >= 0 && steps < CIRCUITS_MAX; steps++) {
        cap = least(cap, c->circuit[circuit].limit_ma);
        circuit = c->circuit[circuit].parent;
    }
    return cap;
}

int32_t rows_room(const struct rows *r, const int32_t left[], int charger, int *row)
{
    int32_t room = INT32_MAX;

    *row = ROW_NONE;
    for (int k = 0; k < r->use_n[charger]; k++) {
        int x = r->use[charger][k];

        if (left[x] < room) {
            room = left[x];
            *row = x;
        }
    }
    return room;
}
