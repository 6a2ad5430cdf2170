/*
 * sim_unit - what goes wrong with a unit: it reboots, it is deaf, another one has its id.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/sim.h"

enum { TWIN_METER_MA = 70 }; /* no two meters agree to the hundredth of an ampere */

const char *const sim_talk_names[] = {"well", "mute", "deaf", NULL};
const char *const sim_stops_names[] = {"normal", "silence", "never", NULL};

bool sim_hears(const struct sim_charger *c, int64_t now_ms)
{
    return c->talk != SIM_DEAF && now_ms >= c->boot_ms;
}

void sim_reboot(struct sim *s, struct sim_charger *c, int64_t now_ms, int64_t boot_ms)
{
    sim_forget(s, c->id);
    if (c->contactor) {
        sim_contactor(c, false);
        c->car.interruptions++;
    }
    c->sign = (uint8_t)(c->sign + 1 + sim_random(s) % 255);
    c->told_ma = -1;
    c->ack = 0;
    c->adjust_ma = 0;
    c->adjust_ms = 0;
    c->zero_told = c->swings = c->lost = c->resumes = false;
    c->heard_ms = 0;
    c->boot_ms = now_ms + boot_ms;
    c->linkready_ms = c->boot_ms;
    c->reboots++;
    sim_enter(c, c->car.plugged ? TWC_PLUGGED_READY : TWC_READY, now_ms);
}

bool sim_twin(struct sim *s, const struct sim_charger *c, bool on, int64_t now_ms)
{
    uint16_t id = c->id;

    for (int i = 0; i < s->n; i++) {
        if (s->charger[i].id != id || !s->charger[i].twin) {
            continue;
        }
        if (!on) { /* what it was about to say is not heard either */
            sim_forget(s, id);
            s->charger[i] = s->charger[--s->n];
            s->twins--;
        }
        return true;
    }
    if (on && s->n == SIM_CHARGERS_MAX) {
        return false;
    }
    if (on) {
        struct sim_charger *twin = &s->charger[s->n++];
        uint8_t sign = c->sign;

        sim_unit_init(s, twin, id, now_ms);
        twin->twin = true;
        twin->meter_ma = TWIN_METER_MA;
        twin->sign = twin->sign != sign ? twin->sign : (uint8_t)(sign + 1);
        s->twins++;
    }
    return true;
}
