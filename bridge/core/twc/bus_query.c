/*
 * bus_query - what to ask whom next. One query a round, and only in free time; the one whose
 * time runs out first goes first. Units that do not know a query are asked again hourly.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

#include <string.h>

enum {
    TRIES = 3,
    HOUR_MS = 3600000,
    RETRY_MS = 1500,
    RETRY_LATER_MS = 30000, /* it answered once: the line is bad, not the firmware old */
    PLUG_EVERY_MS = 2500,
    POWER_EVERY_MS = 10000,
    POWER_IDLE_EVERY_MS = 60000,
    VIN_RETRY_MS = 5000,
    OVERDUE_MS = 700, /* on a gateway: longer than this, a late answer is none */
};

/* How late a query may be before others wait for it. */
static int64_t slack(enum bus_query q)
{
    switch (q) {
    case QUERY_PLUG:
        return 1500; /* 2.5 s + 1.5 s: a plug is seen within 5 s */
    case QUERY_POWER:
        return 1000;
    case QUERY_VIN:
        return 2000;
    case QUERY_SERIAL:
    case QUERY_FIRMWARE:
    case QUERY_OLD_SERIAL:
    case QUERY_OLD_FIRMWARE:
    case QUERY_COUNT:
        break;
    }
    return 4000;
}

/* The unaddressed queries: every slave answers them at once. */
static bool old_query_allowed(const struct bus *b, const struct bus_slot *s, int64_t now_ms)
{
    bool unanswered = s->ask[QUERY_SERIAL].misses >= TRIES && s->report.serial[0] == '\0' &&
                      s->ask[QUERY_FIRMWARE].misses >= TRIES && s->report.firmware[0] == '\0';

    return bus_alone(b, now_ms) && (s->report.protocol == 1 || unanswered);
}

static bool wanted(
        const struct bus *b, const struct bus_slot *s, enum bus_query q, int64_t now_ms)
{
    bool p2 = s->report.protocol == 2;

    switch (q) {
    case QUERY_PLUG:
    case QUERY_POWER:
        return p2;
    case QUERY_VIN:
        return p2 && s->vin_wanted;
    case QUERY_SERIAL:
        return p2 && s->report.serial[0] == '\0';
    case QUERY_FIRMWARE:
        return p2 && s->report.firmware[0] == '\0';
    case QUERY_OLD_SERIAL:
        return s->report.serial[0] == '\0' && old_query_allowed(b, s, now_ms);
    case QUERY_OLD_FIRMWARE:
        return s->report.firmware[0] == '\0' && old_query_allowed(b, s, now_ms);
    case QUERY_COUNT:
        break;
    }
    return false;
}

struct bus_choice bus_query_choose(const struct bus *b, int64_t now_ms, int64_t *due_ms)
{
    struct bus_choice best = {.slot = -1, .query = QUERY_PLUG};
    int64_t deadline = BUS_FOREVER;

    for (int i = 0; i < b->slot_count; i++) {
        const struct bus_slot *s = &b->slot[i];

        if (!bus_is_mine(b, s) || !bus_fresh(b, s, now_ms) || !s->online || s->unanswered > 1) {
            continue; /* no free time is spent on one that does not answer its heartbeats */
        }
        for (int q = 0; q < QUERY_COUNT; q++) {
            int64_t due = s->ask[q].due_ms;

            if (!wanted(b, s, (enum bus_query)q, now_ms)) {
                continue;
            }
            if (due > now_ms) {
                *due_ms = bus_min(*due_ms, due);
            } else if (due + slack((enum bus_query)q) < deadline) {
                deadline = due + slack((enum bus_query)q);
                best = (struct bus_choice){.slot = i, .query = (enum bus_query)q};
            }
        }
    }
    return best;
}

uint8_t bus_query_code(const struct bus_slot *s, enum bus_query q)
{
    static const uint8_t codes[QUERY_COUNT] = {
            [QUERY_PLUG] = 0xB4,
            [QUERY_POWER] = 0xEB,
            [QUERY_VIN] = 0xEE,
            [QUERY_SERIAL] = 0xED,
            [QUERY_FIRMWARE] = 0xEC,
            [QUERY_OLD_SERIAL] = 0x19,
            [QUERY_OLD_FIRMWARE] = 0x1B,
    };
    static const uint8_t vin_codes[] = {0xEE, 0xEF, 0xF1};

    return q == QUERY_VIN ? vin_codes[s->vin_part] : codes[q];
}

static int64_t interval(const struct bus_slot *s, enum bus_query q)
{
    if (q == QUERY_POWER) {
        return s->drawing ? POWER_EVERY_MS : POWER_IDLE_EVERY_MS;
    }
    return q == QUERY_PLUG ? PLUG_EVERY_MS : RETRY_MS;
}

static void missed(struct bus *b, int slot, enum bus_query q, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];
    struct bus_ask *a = &s->ask[q];

    a->misses = a->misses < TRIES ? (uint8_t)(a->misses + 1) : (uint8_t)TRIES;
    a->due_ms = now_ms + RETRY_MS;
    if (q == QUERY_VIN) {
        s->vin_tries++;
        s->vin_wanted = s->vin_tries < TRIES;
        a->due_ms = now_ms + VIN_RETRY_MS;
    } else if (a->misses >= TRIES) {
        a->due_ms = now_ms + (a->ever ? RETRY_LATER_MS : HOUR_MS);
    }
    if (q == QUERY_PLUG && a->misses == TRIES && !a->ever && s->report.vin[0] == '\0') {
        bus_vin_want(s, now_ms); /* no plug state here: the VIN is the other evidence */
    }
}

void bus_query_sent(struct bus *b, struct bus_choice c, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[c.slot];

    if (b->overdue.on) {
        b->overdue.on = false;
        missed(b, b->overdue.slot, b->overdue.query, now_ms);
    }
    s->ask[c.query].due_ms = now_ms + interval(s, c.query);
    b->query_ms = now_ms;
}

void bus_query_overdue(struct bus *b, int slot, enum bus_query q, int64_t now_ms)
{
    if (!b->config.gateway) {
        missed(b, slot, q, now_ms);
        return;
    }
    b->overdue = (struct bus_overdue){
            .on = true, .query = q, .slot = slot, .until_ms = now_ms + OVERDUE_MS};
    b->slot[slot].ask[q].due_ms = bus_max(b->slot[slot].ask[q].due_ms, now_ms + OVERDUE_MS);
}

void bus_query_answered(struct bus *b, int slot, enum bus_query q)
{
    struct bus_ask *a = &b->slot[slot].ask[q];

    a->misses = 0;
    a->ever = true;
    if (b->overdue.on && b->overdue.slot == slot && b->overdue.query == q) {
        b->overdue.on = false;
    }
}

void bus_watch_overdue(struct bus *b, int64_t now_ms)
{
    if (b->overdue.on && now_ms >= b->overdue.until_ms) {
        b->overdue.on = false;
        missed(b, b->overdue.slot, b->overdue.query, now_ms);
    }
}

void bus_query_start(struct bus_slot *s, int64_t now_ms)
{
    for (int q = 0; q < QUERY_COUNT; q++) {
        s->ask[q].misses = 0;
        s->ask[q].due_ms = now_ms;
    }
    s->ask[QUERY_POWER].due_ms = now_ms + 1000;
}

void bus_vin_want(struct bus_slot *s, int64_t due_ms)
{
    if (s->vin_tries < TRIES) {
        s->vin_wanted = true;
        s->vin_part = 0;
        s->ask[QUERY_VIN].due_ms = due_ms;
    }
}
