/*
 * slots - values that hold from one instant to another: prices, and what the sun is expected to give.
 *
 * A list is always in its normal form: sorted by time, no two slots overlap, a gap stays a gap. All
 * times are seconds since 1970 in UTC, so that the days of 23 and 25 hours need no care. Pure; fixed
 * storage. SPDX-License-Identifier: MIT
 */
#ifndef CORE_SLOTS_H
#define CORE_SLOTS_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum slots_kind {
    SLOTS_PRICE,    /* of a kWh from the grid, in millionths of the currency; may be negative */
    SLOTS_EXPORT,   /* of a kWh into the grid; + is what we get */
    SLOTS_FORECAST, /* mean solar power of the slot, W; >= 0 */
    SLOTS_KINDS
};
/* price export_price forecast */
extern const char *const slots_kind_words[SLOTS_KINDS + 1];
/* A set of kinds. */
#define SLOTS_BIT(k) (1u << (unsigned)(k))

enum {
    SLOTS_MAX = 512,            /* five days of quarter hours, and some */
    SLOTS_AHEAD_S = 5 * 86400,  /* how far a list reaches */
    SLOTS_BEHIND_S = 36 * 3600, /* how long what is over is kept: all of today, wherever */
};

struct slot {
    int64_t start_s, end_s; /* from the first second to the one behind the last */
    int64_t value;
    int64_t step_s; /* how long it was before finer ones took a part of it */
};

struct slots {
    int n;
    bool cut; /* more than SLOTS_MAX came: the latest are left out */
    struct slot slot[SLOTS_MAX];
};

/* Of two that overlap the finer one holds, and of equally fine ones the later call; the other keeps
 * what is left of it. False: it ends before it begins, or is not of this time (2000 to 2100). */
bool slots_add(struct slots *s, int64_t start_s, int64_t end_s, int64_t value);

/* A newer answer: where it says something, what s had is gone. */
void slots_take(struct slots *s, const struct slots *newer);

/* Drops what ended before from_s or begins at or after to_s. */
void slots_keep(struct slots *s, int64_t from_s, int64_t to_s);

/* The slot in force; NULL: a gap. Borrowed. */
const struct slot *slots_at(const struct slots *s, int64_t utc_s);
/* The first that begins later; NULL: none. */
const struct slot *slots_next(const struct slots *s, int64_t utc_s);
/* Until when there is no gap, from utc_s on; utc_s itself where there is one. */
int64_t slots_until(const struct slots *s, int64_t utc_s);
/* How many begin in [from_s, to_s). */
int slots_count(const struct slots *s, int64_t from_s, int64_t to_s);
/* The one with the lowest value of those that begin in [from_s, to_s) (the earliest of equals); NULL:
 * none. */
const struct slot *slots_lowest(const struct slots *s, int64_t from_s, int64_t to_s);
/* Value times time over [from_s, to_s), in value times seconds: W give Ws. Gaps count as 0. */
int64_t slots_integral(const struct slots *s, int64_t from_s, int64_t to_s);

/* The sum of two lists, where both have a value: out is neither of them. */
void slots_sum(const struct slots *a, const struct slots *b, struct slots *out);

/* One line of text for the disk, "1795500000+900=88100 +900=..."; room for SLOTS_TEXT_ROOM is enough.
 * The other way, false: it is not such a line; s is empty then. */
enum { SLOTS_TEXT_ROOM = SLOTS_MAX * 48 + 1 };
bool slots_text(const struct slots *s, char *dst, size_t room);
bool slots_parse(struct slots *s, const char *text) MUST_CHECK;

#endif
