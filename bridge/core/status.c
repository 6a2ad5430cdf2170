/*
 * status - one word for people, out of what the charger says, what it is offered, what flows.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/session.h"

#include <stddef.h>

enum {
    STATE_CHARGING = 1,
    STATE_ERROR = 2,
    STATE_DO_NOT = 3,
    STATE_WANTS = 4,
    STATE_STARTING = 8
};

const char *const charger_status_names[] = {"ready", "unplugged", "plugged",
        "waiting_for_current", "waiting_for_vehicle", "starting", "charging", "stopping",
        "finished", "denied", "error", NULL};

/* A car is there for sure: nothing flows. */
static enum charger_status waiting(
        const struct charger_report *r, const struct session *s, int32_t offer_ma)
{
    if (offer_ma == 0) {
        return STATUS_WAITING_FOR_CURRENT;
    }
    if (r->state == STATE_STARTING) {
        return STATUS_STARTING;
    }
    if (s->open && (s->charging_ms > 0 || s->session_wh > 0)) {
        return STATUS_FINISHED; /* it charged, it is offered amps, it takes none */
    }
    return r->state == STATE_WANTS || r->state == STATE_DO_NOT ? STATUS_WAITING_FOR_VEHICLE
                                                               : STATUS_PLUGGED;
}

int charger_status(
        const struct charger_report *r, const struct session *s, int32_t offer_ma, bool fault)
{
    if (r->heard_ms == 0) {
        return -1;
    }
    if (charger_draw_ma(r) > 0) {
        return offer_ma == 0 ? STATUS_STOPPING : STATUS_CHARGING;
    }
    if (fault || r->state == STATE_ERROR) {
        return STATUS_ERROR;
    }
    switch (r->plugged) {
    case TRI_NO:
        return STATUS_UNPLUGGED;
    case TRI_YES:
        return waiting(r, s, offer_ma);
    case TRI_UNKNOWN:
        if (r->state == STATE_STARTING) {
            return STATUS_STARTING;
        }
        return r->state == STATE_WANTS || r->state == STATE_DO_NOT ? waiting(r, s, offer_ma)
                                                                   : STATUS_READY;
    }
    return STATUS_READY;
}
