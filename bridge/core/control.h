/*
 * control - one pure step from everything known to one offer per charger, with the reason.
 *
 * control_step(state, inputs, now) is deterministic: the daemon, the bench and the tests call the
 * same function. It books amps (safety page 2, 4), arbitrates leases (7), allots rows (8), passes
 * the envelope (1, 9) and writes a decision for each change. No clock, no I/O, no allocation.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "bridge/core/charger.h"
#include "bridge/core/envelope.h"
#include "bridge/core/lease.h"
#include "bridge/core/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct control_circuit {
    char name[64];
    int32_t parent;   /* index, -1: none */
    int32_t limit_ma; /* per phase, continuous */
    bool metered;     /* a meter tells what else flows on it */
    int32_t stale_headroom_ma; /* metered: what chargers may take while the meter tells nothing */
};

struct control_charger {
    char name[64];
    int32_t circuit;
    enum phase_map phases;
    int32_t max_ma;     /* setting max_a; MA_MAX when not set */
    int32_t min_ma;     /* least non-zero offer, up to whole amps; 5 A: protocol 1 */
    int32_t default_ma; /* -1: not set = the floor if it fits, else 0 */
    uint8_t priority;   /* 9 first */
    bool present;       /* adopted on its bus in this process; false: known, not heard */
    bool max_is_set;    /* max_a stands in the settings: used while the hardware's is not known */
};

struct control_times { /* ms; the numbers of the safety page */
    int64_t silent_ms;        /* 10 000: no answer = silent */
    int64_t silent_book_ms;   /* 60 000 */
    int64_t quiet_book_ms;    /* 60 000: after we fall silent */
    int64_t warm_hold_ms;     /* 60 000 */
    int64_t rest_ms;          /* 60 000: least time on or off, and after a plug-in */
    int64_t rotate_ms;        /* 900 000 */
    int64_t overdraw_ms;      /* 10 000 */
    int64_t overdraw_stop_ms; /* 15 000 */
    int64_t mirror_fresh_ms;  /* 2 500 */
};

struct control_config {
    int circuits, chargers;
    struct control_circuit circuit[CIRCUITS_MAX];
    struct control_charger charger[CHARGERS_MAX];
    struct control_times time;
    int32_t stop_budget; /* silent stops per plug-in; the last one is kept for ceilings and faults */
    int32_t fallback_ma; /* fallback_current: what a lapsed ceiling becomes at most */
};

enum limited_by {
    LIMITED_NOTHING,
    LIMITED_REQUEST,
    LIMITED_POLICY,
    LIMITED_CHARGER,
    LIMITED_CIRCUIT,
    LIMITED_SITE,
    LIMITED_CEILING,
    LIMITED_VEHICLE,
    LIMITED_NOT_ALLOWED,
    LIMITED_VEHICLE_DENIED,
    LIMITED_NO_DATA,
    LIMITED_FALLBACK,
    LIMITED_START_STOP_REST,
    LIMITED_FAULT,
    LIMITED_COUNT
};
extern const char *const limited_by_names[LIMITED_COUNT + 1];

enum charger_fault {
    FAULT_OK,
    FAULT_NO_ANSWER,
    FAULT_SECOND_MASTER,
    FAULT_DUPLICATE_ID,
    FAULT_BUS_NOISE,
    FAULT_CHARGER_ERROR,
    FAULT_STILL_DRAWING,
    FAULT_DRAWS_TOO_MUCH,
    FAULT_WILL_NOT_RESTART,
    FAULT_COUNT
};
extern const char *const charger_fault_names[FAULT_COUNT + 1];
/* The same as sentences for people: "it draws more than it is offered". */
extern const char *const charger_fault_texts[FAULT_COUNT + 1];

enum { REASON_ROOM = 251 };

struct control_out {           /* of one charger */
    const struct offer *offer; /* borrowed from the state; valid until the next step */
    int32_t offer_ma;          /* the same, as a number */
    bool transmit;             /* false: not admitted, send nothing to it (stuck floors do not fit, silent stop) */
    int32_t booked_ma;         /* what its rows are charged with */
    int32_t cap_ma;            /* min(hardware, charger, circuits): entity charger_max */
    int32_t floor_ma;
    enum limited_by limited_by;
    enum charger_fault fault;
    bool asked;                /* a request is in force */
    int32_t requested_ma;      /* of the winner; valid if asked */
    uint32_t winner;           /* lease id, 0: nobody asks (default_a) */
    char reason[REASON_ROOM];  /* at most 250 bytes, names in words: "10 A: 16 A asked by mqtt, circuit garage leaves 10 A on L1" */
    bool changed;              /* the offer changed in this step */
    int32_t stops_left;        /* silent stops left for this plug-in; -1: another way exists */
};

struct control_circuit_out {
    int32_t limit_ma;            /* smallest of setting and ceilings, this circuit alone */
    int32_t headroom_ma[PHASES]; /* limit - booked; negative: over */
    int32_t offered_ma[PHASES];  /* sum of offers counted on the phase */
    int32_t drawn_ma[PHASES];
    bool limiting;               /* some charger got less because of it */
    bool over;                   /* booked draw above the limit for 1 s */
};

/* A change of one offer, for the store and the page. */
struct decision {
    uint64_t id; /* grows; the store keeps the last */
    int32_t charger;
    int32_t before_ma, after_ma, requested_ma, booked_ma;
    enum limited_by limited_by;
    char owner[LEASE_OWNER_ROOM]; /* "" : nobody asks */
    char reason[REASON_ROOM];
};

/* Per charger, kept between steps. */
struct control_state_charger {
    struct offer_box box;
    int32_t offer_ma;
    bool offered;             /* an offer was made since start */
    int64_t raised_ms, lowered_ms, on_ms, off_ms; /* last change up, down, to > 0, to 0 */
    bool off_asked;           /* it is at 0 since a request or the default went there */
    int64_t served_ms;        /* time spent above 0, for rotation */
    int64_t rotated_ms;
    int64_t over_since_ms;    /* draw above offer + 1 A since; 0: not */
    int32_t over_ma;          /* draw when that clock was started */
    bool overdraw;
    int32_t excess_ma;        /* most that it drew above an offer it had followed, at most 1 A */
    int64_t zeroed_ms;        /* protocol 1 drew too much and is told 0 since; 0: it is not */
    bool lapsed;              /* its bus was gone until nothing was booked: it begins anew */
    bool admitted;
    int64_t admitted_ms;
    int64_t stop_started_ms;  /* silent stop under way since; 0: none */
    int32_t stops_used;       /* of this plug-in; the store keeps it */
    int32_t stored_ma;        /* told before the restart; -1: not known */
    bool warm;                /* offer_ma is from before the restart: goes on from there */
    int64_t owner_spoke_ms;   /* last request or release by its owner: ends holds and rests */
    int64_t first_ms;         /* first control step with it */
    int32_t heard_ma;         /* booked when it last answered: what silence may hide */
    int32_t peak_ma;          /* highest offer since the last answer to what was told last */
    bool unsure;              /* it may hold more than we told it: not read back yet */
    int64_t sent_ms;          /* last message, also before a restart: finds gaps that stop a car */
    bool gap_due;             /* such a gap, not counted until a car is known to be there */
    int64_t zero_ms;          /* since when it is told 0; 0: it is not */
};

struct control {
    struct control_state_charger c[CHARGERS_MAX];
    struct control_out out[CHARGERS_MAX];
    struct control_circuit_out circuit[CIRCUITS_MAX];
    int64_t over_since_ms[CIRCUITS_MAX]; /* draw above the setting since; 0: it is not */
    int32_t site_offered_ma;   /* sum on the fullest phase */
    bool contended;            /* somebody wanted amps and got none: turns are counted */
    bool overload;             /* the checker refused: nothing was raised */
    uint64_t checker_refusals; /* more than 0 is a failure in any test */
    uint64_t decision_id;
    int64_t stepped_ms;
};

/* What a circuit's meter tells; circuit_meter.h makes it. */
struct control_meter {
    bool known[PHASES];       /* within its time to live */
    bool awaited[PHASES];     /* nothing was measured yet: nothing is counted, and fresh is false */
    int32_t total_ma[PHASES]; /* as measured, + towards the loads */
    int32_t rest_ma[PHASES];  /* what flows beside the chargers */
    bool fresh;               /* false: it fails, though what it told may still be used: no raise */
};

struct control_in {
    const struct control_config *config;
    const struct charger_report *report; /* [config->chargers] */
    const struct control_meter *meter;   /* [circuits]; NULL where none is metered */
    struct lease_table *leases;          /* expired here (ends are told through ended) */
    lease_ended_fn *ended;               /* may be NULL */
    void *ended_user;
    bool site_allowed;                   /* false: charging_allowed OFF or mode stop of the site */
    const bool *allowed;                 /* [chargers]: charging_allowed and mode of each */
    const bool *stop_by_silence;         /* [chargers]: a silent stop is permitted now */
    bool closing; /* SIGTERM: every want is min(offer in force, default_a), at once, no raise */
};

enum { DECISIONS_MAX = CHARGERS_MAX };

void control_init(struct control *c);

/* Writes out for every charger and circuit; decisions[] gets one row per changed offer, *n of
 * them. Returns when it wants to be called again at the latest (never more than 1 s ahead). */
int64_t control_step(struct control *c, const struct control_in *in, int64_t now_ms,
        struct decision decisions[static DECISIONS_MAX], int *n);

#endif
