/*
 * words - tables only. SPDX-License-Identifier: MIT
 */
#include "bridge/core/words.h"

#include <stddef.h>

/* clang-format off */
const char *const site_status_words[] = {
        "ok", "paused", "limited", "no_data", "fallback", "problem", NULL};

const char *const circuit_status_words[] = {"ok", "limiting", "over_limit", "no_data", NULL};

const char *const source_status_words[] = {"ok", "starting", "stale", "failing", "auth_failed",
        "implausible", "paused", NULL};

const char *const charger_mode_words[] = {"manual", "stop", "site", NULL};
const char *const site_mode_words[] = {"manual", "stop", NULL};

const char *const home_assistant_words[] = {"not_seen", "alive", "lost", NULL};

const char *const bridge_event_words[] = {
        "started", "settings_changed", "command_refused", "home_assistant_lost",
        "home_assistant_back", "bus_lost", "bus_back", "second_master", "fallback_entered",
        "fallback_left", "limit_exceeded", "heartbeat_gap", "problem", "recovered", NULL};

const char *const charger_event_words[] = {
        "plugged", "unplugged", "session_started", "session_ended", "charging_started",
        "charging_stopped", "vehicle_identified", "vehicle_denied", "target_reached",
        "lease_ended", "still_drawing", "fault", "fault_cleared", NULL};
/* clang-format on */

const char *phase_map_text(enum phase_map m)
{
    switch (m) {
    case PHASE_MAP_UNKNOWN:
        return NULL;
    case PHASE_MAP_L1:
        return "L1";
    case PHASE_MAP_L2:
        return "L2";
    case PHASE_MAP_L3:
        return "L3";
    case PHASE_MAP_L1L2:
        return "L1L2";
    case PHASE_MAP_L1L2L3:
        return "L1L2L3";
    }
    return NULL;
}
