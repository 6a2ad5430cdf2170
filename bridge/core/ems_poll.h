/*
 * ems_poll - when a source is asked next: its pace, and how it backs off.
 *
 * A failure doubles the wait, from one interval up to five minutes (a source in the cloud: thirty),
 * with jitter so that many do not ask at once; the first success ends that. A refused login waits
 * at least ten minutes, since some systems lock who tries on; a source that says how long to wait
 * is obeyed. SPDX-License-Identifier: MIT
 */
#ifndef CORE_EMS_POLL_H
#define CORE_EMS_POLL_H

#include <stdbool.h>
#include <stdint.h>

enum ems_poll_result { EMS_POLL_OK, EMS_POLL_FAILED, EMS_POLL_REFUSED, EMS_POLL_TOO_OFTEN };

struct ems_pace {
    int64_t interval_ms;
    bool cloud;
};

struct ems_poll {
    int failures; /* in a row */
};

/* From the start of the round that ended so to the start of the next, in ms. asked_s: what the
 * source told us to wait; -1: nothing. random: any number. */
int64_t ems_poll_wait(struct ems_poll *p, const struct ems_pace *pace, enum ems_poll_result r,
        int32_t asked_s, uint32_t random);

#endif
