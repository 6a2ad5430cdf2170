/*
 * session - plug-in sessions and energy of one charger, in integers.
 *
 * Energy is our own count: power integrated over time, reconciled with the charger's counter
 * (resolution 1 kWh), never falling. Power = sum of phase current x voltage where the charger
 * reports both (protocol 2), else draw x nominal voltage x phases in use. Pure; a step per
 * reading and at least one a second. SPDX-License-Identifier: MIT
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "bridge/core/charger.h"

#include <stdbool.h>
#include <stdint.h>

struct session_config {
    enum phase_map phases;
    int32_t nominal_mv; /* where the charger reports no voltage */
};

/* Why a session ended; a word is part of the store: append, never rename. */
enum session_why {
    SESSION_IS_OPEN,
    SESSION_UNPLUGGED_SEEN, /* while the charger answered */
    SESSION_UNPLUGGED_AWAY, /* while we were not there, or its bus was gone */
    SESSION_NO_DRAW,        /* 10 min without a draw, where the unit cannot tell */
    SESSION_REMOVED,        /* a person removed the charger */
    SESSION_WHY_COUNT
};
extern const char *const session_why_words[SESSION_WHY_COUNT + 1]; /* "" while it is open */

struct session {
    /* energy */
    int64_t energy_wh;  /* lifetime, whole Wh */
    int64_t rest_mwms;  /* remainder, in mW x ms, below 1 Wh */
    int64_t counter_wh; /* last counter seen; -1 */
    int64_t anchor_wh; /* energy_wh when counter_wh was first seen minus counter; see session.c */
    bool anchored;
    int64_t read_ms;  /* time of the reading that ahead was found with */
    bool ahead;       /* we counted more than the counter can mean */
    int64_t power_w;  /* now */
    int64_t power_mw; /* the same, exact */
    bool power_known, power_estimated;
    int32_t phases_used; /* 0: not known */
    bool waiting;        /* nothing is counted: the caller bridges this time later */
    int64_t stepped_ms;  /* 0: never */
    /* session */
    bool open; /* a plug-in session is open */
    uint32_t number;
    int64_t session_wh, session_start_utc_ms, session_end_utc_ms;
    int64_t charging_ms, max_power_w;
    bool charging;         /* draw >= 1 A, 5 s debounce off */
    int64_t below_ms;      /* draw below 1 A since; 0: not */
    bool unsure;           /* nobody knows whether it goes on: charging is as last known */
    int64_t away_ms;       /* nobody talks to it since; 0: somebody does */
    int64_t drew_ms;       /* last draw of 1 A or more; 0: never */
    enum tristate plugged; /* as last told; a moment of not knowing changes nothing */
    int64_t unknown_ms;    /* the charger cannot tell since; 0: it can */
    bool attended;         /* what is plugged was told since we, or its bus, came back */
    enum session_why why;  /* of the last end */
    uint32_t starts;       /* 0 -> >= 1 A transitions seen: contactor closings */
};

enum session_event {
    SESSION_NOTHING = 0,
    SESSION_PLUGGED = 1 << 0,
    SESSION_UNPLUGGED = 1 << 1,
    SESSION_STARTED =
            1
            << 2, /* a new session id: at plug-in, or at the first draw where the unit cannot tell */
    SESSION_ENDED = 1 << 3, /* at unplug, or after 10 min without a draw where it cannot tell */
    SESSION_CHARGING = 1 << 4,
    SESSION_STOPPED = 1 << 5,
};

void session_init(struct session *s);

/* Puts stored values back after session_init; rest in mW s; anchor_wh INT64_MIN: none. */
void session_restore(struct session *s, int64_t energy_wh, int64_t rest_mws, int64_t counter_wh,
        int64_t anchor_wh);

/* One step; returns a set of session_event bits. utc_ms stamps start and end. */
uint32_t session_step(struct session *s, const struct session_config *c,
        const struct charger_report *r, int64_t now_ms, int64_t utc_ms);

/* Ends an open session for a reason that no report tells; returns a set of session_event bits. */
uint32_t session_finish(struct session *s, int64_t utc_ms, enum session_why why);

/* After a restart: energy that flowed in a gap of gap_ms (at most 10 min) at the lower of the
 * power before and now, called once with the first reading. */
void session_bridge_gap(struct session *s, int64_t power_before_w, int64_t gap_ms);

/* Status of the charger for people, out of the report, the offer and the session. */
enum charger_status {
    STATUS_READY,
    STATUS_UNPLUGGED,
    STATUS_PLUGGED,
    STATUS_WAITING_FOR_CURRENT,
    STATUS_WAITING_FOR_VEHICLE,
    STATUS_STARTING,
    STATUS_CHARGING,
    STATUS_STOPPING,
    STATUS_FINISHED,
    STATUS_DENIED,
    STATUS_ERROR,
    STATUS_COUNT
};
extern const char *const charger_status_names[STATUS_COUNT + 1];

/* Returns -1: never heard (null). */
int charger_status(
        const struct charger_report *r, const struct session *s, int32_t offer_ma, bool fault);

#endif
