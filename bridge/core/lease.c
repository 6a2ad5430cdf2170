/*
 * lease - see lease.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/lease.h"

#include <stddef.h>
#include <string.h>

const char *const lease_why_names[] = {
        "expired", "released", "owner_lost", "replaced", "released", NULL};
const char *const ha_state_names[] = {"not_seen", "alive", "lost", NULL};

void lease_init(struct lease_table *t)
{
    memset(t, 0, sizeof(*t));
    t->next_id = 1;
}

static bool about(const struct lease *l, enum lease_kind kind, enum lease_scope scope,
        int32_t index)
{
    return l->id != 0 && l->kind == kind && l->scope == scope && l->index == index;
}

static int find(const struct lease_table *t, enum lease_kind kind, enum lease_scope scope,
        int32_t index, const char *owner)
{
    for (int i = 0; i < LEASES_MAX; i++) {
        if (about(&t->row[i], kind, scope, index) && strcmp(t->row[i].owner, owner) == 0) {
            return i;
        }
    }
    return -1;
}

const struct lease *lease_find(const struct lease_table *t, enum lease_kind kind,
        enum lease_scope scope, int32_t index, const char *owner)
{
    int i = find(t, kind, scope, index, owner);

    return i >= 0 ? &t->row[i] : NULL;
}

const struct lease *lease_put(struct lease_table *t, const struct lease *l,
        struct lease_end *replaced)
{
    int i = find(t, l->kind, l->scope, l->index, l->owner);

    replaced->lease.id = 0;
    if (i >= 0) {
        *replaced = (struct lease_end){.lease = t->row[i], .why = LEASE_REPLACED};
    } else {
        for (i = 0; i < LEASES_MAX && t->row[i].id != 0; i++) {
        }
        if (i == LEASES_MAX) {
            return NULL;
        }
    }
    t->changes++;
    t->row[i] = *l;
    if (l->id == 0) {
        t->row[i].id = t->next_id;
    }
    if (t->row[i].id >= t->next_id) {
        t->next_id = t->row[i].id + 1;
    }
    return &t->row[i];
}

/* Frees the row first, so that the callback sees the table without it. */
static void end(struct lease_table *t, struct lease *l, enum lease_why why,
        lease_ended_fn *ended, void *user)
{
    struct lease_end e = {.lease = *l, .why = why};

    t->changes++;
    l->id = 0;
    if (ended) {
        ended(user, &e);
    }
}

int lease_drop(struct lease_table *t, enum lease_kind kind, enum lease_scope scope, int32_t index,
        const char *owner, lease_ended_fn *ended, void *user)
{
    int n = 0;

    for (int i = 0; i < LEASES_MAX; i++) {
        struct lease *l = &t->row[i];

        if (about(l, kind, scope, index) && (!owner || strcmp(l->owner, owner) == 0)) {
            end(t, l, LEASE_RELEASED, ended, user);
            n++;
        }
    }
    return n;
}

void lease_ha_lost(struct lease_table *t, int64_t now_ms, int64_t grace_ms)
{
    for (int i = 0; i < LEASES_MAX; i++) {
        struct lease *l = &t->row[i];

        if (l->id != 0 && l->hold == LEASE_WHILE_HA && l->lost_ms == 0) {
            l->lost_ms = now_ms + grace_ms;
            t->changes++;
        }
    }
}

void lease_ha_back(struct lease_table *t)
{
    for (int i = 0; i < LEASES_MAX; i++) {
        struct lease *l = &t->row[i];

        if (l->id != 0 && l->hold == LEASE_WHILE_HA && !l->no_data && l->lost_ms != 0) {
            l->lost_ms = 0;
            t->changes++;
        }
    }
}

void lease_owner_lost(struct lease_table *t, enum lease_scope scope, int32_t index,
        const char *owner, int64_t end_ms)
{
    for (int i = 0; i < LEASES_MAX; i++) {
        struct lease *l = &t->row[i];

        if (l->id != 0 && l->scope == scope && l->index == index && strcmp(l->owner, owner) == 0 &&
                !l->fallen_back && (l->lost_ms == 0 || end_ms < l->lost_ms)) {
            l->lost_ms = end_ms;
            l->no_data = true;
            t->changes++;
        }
    }
}

void lease_unplugged(struct lease_table *t, int32_t charger, lease_ended_fn *ended, void *user)
{
    for (int i = 0; i < LEASES_MAX; i++) {
        struct lease *l = &t->row[i];

        if (about(l, LEASE_REQUEST, LEASE_CHARGER, charger) &&
                (l->ends_at_unplug || l->hold == LEASE_UNPLUG)) {
            end(t, l, LEASE_UNPLUGGED, ended, user);
        }
    }
}

static int64_t end_of(const struct lease *l)
{
    int64_t at = l->expires_ms != 0 ? l->expires_ms : INT64_MAX;

    return l->lost_ms != 0 && l->lost_ms < at ? l->lost_ms : at;
}

/* A ceiling never lapses upward: it becomes min(value, fallback) and stays. */
static void fall_back(struct lease *l, enum lease_why why, int32_t fallback_ma,
        lease_ended_fn *ended, void *user)
{
    struct lease_end e = {.lease = *l, .why = why};

    l->fallen_back = true;
    l->expires_ms = 0;
    l->lost_ms = 0;
    l->hold = LEASE_STORED;
    if (fallback_ma < l->value_ma) {
        l->value_ma = fallback_ma;
    }
    if (ended) {
        ended(user, &e);
    }
}

void lease_expire(struct lease_table *t, int64_t now_ms, int32_t fallback_ma, lease_ended_fn *ended,
        void *user)
{
    for (int i = 0; i < LEASES_MAX; i++) {
        struct lease *l = &t->row[i];

        if (l->id == 0 || now_ms < end_of(l)) {
            continue;
        }
        enum lease_why why = l->lost_ms != 0 && now_ms >= l->lost_ms ? LEASE_OWNER_LOST
                                                                     : LEASE_EXPIRED;

        switch (l->kind) {
        case LEASE_REQUEST:
            end(t, l, why, ended, user);
            break;
        case LEASE_CEILING:
            t->changes++;
            fall_back(l, why, fallback_ma, ended, user);
            break;
        }
    }
}

int64_t lease_next_ms(const struct lease_table *t)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < LEASES_MAX; i++) {
        if (t->row[i].id != 0 && end_of(&t->row[i]) < next) {
            next = end_of(&t->row[i]);
        }
    }
    return next;
}

/* Highest priority, then newest, then the one put last. */
static bool beats(const struct lease *a, const struct lease *b)
{
    if (a->priority != b->priority) {
        return a->priority > b->priority;
    }
    return a->since_ms != b->since_ms ? a->since_ms > b->since_ms : a->id > b->id;
}

const struct lease *lease_winner(const struct lease_table *t, int32_t charger)
{
    const struct lease *best = NULL;

    for (int i = 0; i < LEASES_MAX; i++) {
        const struct lease *l = &t->row[i];

        if (about(l, LEASE_REQUEST, LEASE_CHARGER, charger) && (!best || beats(l, best))) {
            best = l;
        }
    }
    return best;
}

const struct lease *lease_ceiling(const struct lease_table *t, enum lease_scope scope,
        int32_t index)
{
    const struct lease *best = NULL;

    for (int i = 0; i < LEASES_MAX; i++) {
        const struct lease *l = &t->row[i];

        if (about(l, LEASE_CEILING, scope, index) && (!best || l->value_ma < best->value_ma)) {
            best = l;
        }
    }
    return best;
}
