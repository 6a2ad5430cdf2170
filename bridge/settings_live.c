/*
 * settings_live - the part of new settings that takes effect at once: limits, names, lease,
 * publish, log, safety. What names ports, buses and the broker waits for a restart.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/daemon.h"

#include <string.h>

static bool same_buses(const struct settings *a, const struct settings *b)
{
    if (a->bus_count != b->bus_count) {
        return false;
    }
    for (int i = 0; i < a->bus_count; i++) {
        if (strcmp(a->bus[i].id, b->bus[i].id) != 0) {
            return false;
        }
    }
    return true;
}

void settings_merge_live(struct settings *s, const struct settings *new)
{
    s->site = new->site;
    s->lease = new->lease;
    s->publish = new->publish;
    s->store.sessions_days = new->store.sessions_days;
    s->store.history_days = new->store.history_days;
    s->log = new->log;
    s->safety = new->safety;
    for (int i = 0; i < s->circuit_count; i++) {
        for (int k = 0; k < new->circuit_count; k++) {
            if (strcmp(s->circuit[i].id, new->circuit[k].id) == 0) {
                s->circuit[i].limit_ma = new->circuit[k].limit_ma;
                s->circuit[i].breaker_ma = new->circuit[k].breaker_ma;
                s->circuit[i].stale_headroom_ma = new->circuit[k].stale_headroom_ma;
                s->circuit[i].effective_limit_ma = new->circuit[k].effective_limit_ma;
                memcpy(s->circuit[i].area, new->circuit[k].area, sizeof(s->circuit[i].area));
            }
        }
    }
    if (same_buses(s, new)) {
        s->charger_count = new->charger_count;
        memcpy(s->charger, new->charger, sizeof(s->charger));
    }
}
