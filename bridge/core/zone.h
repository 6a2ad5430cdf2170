/*
 * zone - local time out of rules, without the zone files of the machine.
 *
 * A rule is what POSIX writes into TZ: "CET-1CEST,M3.5.0,M10.5.0/3". Names such as Europe/Berlin are
 * known for where the price lists of this program are from (IANA tz database 2025b); everywhere else
 * the rule itself is given. What a country changes after that is not known here. Pure.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include "bridge/base/macros.h"

#include <stdbool.h>
#include <stdint.h>

/* The d-th day (0: Sunday) of week w (5: the last) of month m, at_s behind local midnight. */
struct zone_change {
    int m, w, d;
    int32_t at_s;
};

struct zone {
    int32_t offset_s; /* east of UTC is positive */
    int32_t summer_s; /* the same in summer */
    bool has_summer;
    struct zone_change begin, end; /* of summer, each by the clock that it ends */
};

/* A name or a rule; false: neither. */
bool zone_find(struct zone *z, const char *name_or_rule) MUST_CHECK;

/* Local time minus UTC, in s. */
int32_t zone_offset(const struct zone *z, int64_t utc_s);

struct zone_time {
    int weekday; /* 0: Sunday */
    int minute;  /* of the day by the clock on the wall, 0..1439 */
};
struct zone_time zone_local(const struct zone *z, int64_t utc_s);

/* When the local day began that utc_s is in, and those `days` later. */
int64_t zone_day(const struct zone *z, int64_t utc_s, int days);

#endif
