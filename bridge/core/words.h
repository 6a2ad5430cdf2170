/*
 * words - the words of the enums that have no module of their own.
 *
 * A word is part of the MQTT contract: append, never reorder or rename. Each array ends in NULL.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include "bridge/core/limits.h"

enum site_status {
    SITE_OK,
    SITE_PAUSED,  /* charging_allowed OFF or mode stop */
    SITE_LIMITED, /* somebody gets less than asked because of the site or a circuit */
    SITE_NO_DATA,
    SITE_FALLBACK, /* a lapsed ceiling holds at its fallback */
    SITE_PROBLEM,
    SITE_STATUS_COUNT
};
extern const char *const site_status_words[SITE_STATUS_COUNT + 1];

enum circuit_status {
    CIRCUIT_OK,
    CIRCUIT_LIMITING,
    CIRCUIT_OVER_LIMIT,
    CIRCUIT_NO_DATA,
    CIRCUIT_STATUS_COUNT
};
extern const char *const circuit_status_words[CIRCUIT_STATUS_COUNT + 1];

/* Charging modes that exist; the site has those before MODE_SITE. */
enum charge_mode { MODE_MANUAL, MODE_STOP, MODE_SITE, MODE_COUNT };
extern const char *const charger_mode_words[MODE_COUNT + 1];
extern const char *const site_mode_words[MODE_SITE + 1];

enum source_status {
    SOURCE_OK,
    SOURCE_STARTING, /* no answer yet */
    SOURCE_STALE,    /* it answers, and a value is missing or too old */
    SOURCE_FAILING,
    SOURCE_AUTH_FAILED,
    SOURCE_IMPLAUSIBLE, /* its values and those of others do not add up */
    SOURCE_PAUSED,      /* it wants to be asked less often */
    SOURCE_STATUS_COUNT
};
extern const char *const source_status_words[SOURCE_STATUS_COUNT + 1];

/* Home Assistant as seen by us, in the order of enum ha_state (lease.h). */
extern const char *const home_assistant_words[4];

/* Event types of <base>/bridge/event and <base>/charger/<id>/event. */
enum bridge_event {
    BRIDGE_EVENT_STARTED,
    BRIDGE_EVENT_SETTINGS_CHANGED,
    BRIDGE_EVENT_COMMAND_REFUSED,
    BRIDGE_EVENT_HOME_ASSISTANT_LOST,
    BRIDGE_EVENT_HOME_ASSISTANT_BACK,
    BRIDGE_EVENT_BUS_LOST,
    BRIDGE_EVENT_BUS_BACK,
    BRIDGE_EVENT_SECOND_MASTER,
    BRIDGE_EVENT_FALLBACK_ENTERED,
    BRIDGE_EVENT_FALLBACK_LEFT,
    BRIDGE_EVENT_LIMIT_EXCEEDED,
    BRIDGE_EVENT_HEARTBEAT_GAP,
    BRIDGE_EVENT_PROBLEM,
    BRIDGE_EVENT_RECOVERED,
    BRIDGE_EVENT_COUNT
};
extern const char *const bridge_event_words[BRIDGE_EVENT_COUNT + 1];

enum charger_event {
    CHARGER_EVENT_PLUGGED,
    CHARGER_EVENT_UNPLUGGED,
    CHARGER_EVENT_SESSION_STARTED,
    CHARGER_EVENT_SESSION_ENDED,
    CHARGER_EVENT_CHARGING_STARTED,
    CHARGER_EVENT_CHARGING_STOPPED,
    CHARGER_EVENT_VEHICLE_IDENTIFIED,
    CHARGER_EVENT_VEHICLE_DENIED,
    CHARGER_EVENT_TARGET_REACHED,
    CHARGER_EVENT_LEASE_ENDED,
    CHARGER_EVENT_STILL_DRAWING,
    CHARGER_EVENT_FAULT,
    CHARGER_EVENT_FAULT_CLEARED,
    CHARGER_EVENT_COUNT
};
extern const char *const charger_event_words[CHARGER_EVENT_COUNT + 1];

/* "L1", "L1L2L3"...; NULL for unknown, which has no word. */
const char *phase_map_text(enum phase_map m);

#endif
