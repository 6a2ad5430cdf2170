/*
 * ems_poll - pace and back-off. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems_poll.h"

enum {
    LOCAL_CAP_MS = 5 * 60 * 1000,
    CLOUD_CAP_MS = 30 * 60 * 1000,
    REFUSED_MS = 10 * 60 * 1000,
    TOO_OFTEN_MS = 5 * 60 * 1000,
    ASKED_MAX_S = 24 * 3600, /* no source stops us for longer */
    JITTER = 10,             /* a tenth */
};

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* interval, twice that, four times... up to the cap, never below the interval. */
static int64_t backed_off(const struct ems_poll *p, const struct ems_pace *pace)
{
    int64_t cap_ms = larger(pace->cloud ? CLOUD_CAP_MS : LOCAL_CAP_MS, pace->interval_ms);
    int64_t ms = pace->interval_ms;

    for (int i = 1; i < p->failures && ms < cap_ms; i++) {
        ms *= 2;
    }
    return ms < cap_ms ? ms : cap_ms;
}

int64_t ems_poll_wait(struct ems_poll *p, const struct ems_pace *pace, enum ems_poll_result r,
        int32_t asked_s, uint32_t random)
{
    int64_t asked_ms =
            asked_s < 0 ? 0 : (int64_t)(asked_s < ASKED_MAX_S ? asked_s : ASKED_MAX_S) * 1000;
    int64_t ms = 0;

    if (r == EMS_POLL_OK) {
        p->failures = 0;
        return pace->interval_ms;
    }
    p->failures += p->failures < 32;
    switch (r) {
    case EMS_POLL_OK:
    case EMS_POLL_FAILED:
        ms = larger(backed_off(p, pace), asked_ms);
        break;
    case EMS_POLL_REFUSED:
        ms = larger(larger(backed_off(p, pace), asked_ms), REFUSED_MS);
        break;
    case EMS_POLL_TOO_OFTEN:
        ms = larger(asked_s < 0 ? TOO_OFTEN_MS : asked_ms, pace->interval_ms);
        break;
    }
    return ms + (int64_t)(random % (uint32_t)(ms / JITTER + 1));
}
