/*
 * lease - every commanded value is a lease: value, owner, priority, expiry, reason.
 *
 * Ceilings: the smallest in force holds; one whose `for` ends or whose owner dies becomes
 * min(its value, fallback), it never lapses upward. Requests: highest priority wins, newest among
 * equals; one that ends is gone. Pure; the caller passes both clocks. Rules: safety page 7.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_LEASE_H
#define CORE_LEASE_H

#include "bridge/core/limits.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEASES_MAX = 256, LEASE_OWNER_ROOM = 33, LEASE_REASON_ROOM = 97 };

enum lease_kind { LEASE_REQUEST, LEASE_CEILING };
enum lease_scope { LEASE_CHARGER, LEASE_CIRCUIT, LEASE_SITE };

/* Until when it holds. */
enum lease_hold {
    LEASE_FOR,       /* until expires_ms, whoever dies */
    LEASE_STORED,    /* no end: charging_allowed, mode, a ceiling without `for` */
    LEASE_WHILE_HA,  /* while Home Assistant lives (+ grace); expires_ms where a limit stands too */
    LEASE_UNPLUG,    /* as LEASE_FOR or without end, but ends at unplug (always so for owner mqtt) */
};

enum lease_why { LEASE_EXPIRED, LEASE_RELEASED, LEASE_OWNER_LOST, LEASE_REPLACED, LEASE_UNPLUGGED };
extern const char *const lease_why_names[]; /* expired released owner_lost replaced; unplugged
                                               is told as released */

struct lease {
    uint32_t id; /* 0: free slot; grows, also over restarts (the store keeps it) */
    enum lease_kind kind;
    enum lease_scope scope;
    int32_t index;      /* of the charger or circuit; 0 for the site */
    enum lease_hold hold;
    bool ends_at_unplug;
    bool fallen_back;   /* a ceiling that became min(value, fallback) */
    bool no_data;       /* the owner itself said so: Home Assistant's return does not save it */
    int32_t value_ma;   /* whole amps not required; below the floor counts as 0 later */
    uint8_t priority;   /* 0..9, 9 first */
    int64_t since_ms;
    int64_t expires_ms; /* 0: no end by time */
    int64_t lost_ms;    /* its owner is lost: ends (or falls back) at this time; 0: not lost */
    char owner[LEASE_OWNER_ROOM];
    char reason[LEASE_REASON_ROOM];
};

struct lease_table {
    struct lease row[LEASES_MAX];
    uint32_t next_id;
    uint32_t changes; /* another number after each change of a row */
};

struct lease_end {
    struct lease lease; /* as it was */
    enum lease_why why;
};

void lease_init(struct lease_table *t);

/* Adds, or replaces the one of the same (kind, scope, index, owner). Returns the stored row, NULL
 * when the table is full. *replaced tells the old one when replaced->lease.id != 0. */
const struct lease *lease_put(struct lease_table *t, const struct lease *l,
        struct lease_end *replaced);

/* Drops by (kind, scope, index, owner); owner NULL: every owner. Calls ended for each. */
typedef void lease_ended_fn(void *user, const struct lease_end *end);
int lease_drop(struct lease_table *t, enum lease_kind kind, enum lease_scope scope, int32_t index,
        const char *owner, lease_ended_fn *ended, void *user);

const struct lease *lease_find(const struct lease_table *t, enum lease_kind kind,
        enum lease_scope scope, int32_t index, const char *owner);

/* Home Assistant as seen by us. */
enum ha_state { HA_NOT_SEEN, HA_ALIVE, HA_LOST };
extern const char *const ha_state_names[]; /* not_seen alive lost */

/* Starts or clears the grace of every lease that holds while Home Assistant lives. */
void lease_ha_lost(struct lease_table *t, int64_t now_ms, int64_t grace_ms);
void lease_ha_back(struct lease_table *t);

/* Owner said that it lost its own input (`unavailable`): its leases of this scope end within
 * grace. */
void lease_owner_lost(struct lease_table *t, enum lease_scope scope, int32_t index,
        const char *owner, int64_t end_ms);

/* Ends requests that end at unplug. */
void lease_unplugged(struct lease_table *t, int32_t charger, lease_ended_fn *ended, void *user);

/* Ends what is over at now_ms: requests go, ceilings fall back to min(value, fallback_ma). */
void lease_expire(struct lease_table *t, int64_t now_ms, int32_t fallback_ma, lease_ended_fn *ended,
        void *user);

/* When lease_expire has something to do next; INT64_MAX: never. */
int64_t lease_next_ms(const struct lease_table *t);

/* The winner among the requests for a charger, NULL: nobody asks. */
const struct lease *lease_winner(const struct lease_table *t, int32_t charger);

/* The smallest ceiling on the charger itself, NULL: none. (Circuit and site ceilings are rows.) */
const struct lease *lease_ceiling(const struct lease_table *t, enum lease_scope scope,
        int32_t index);

#endif
