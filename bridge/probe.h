/*
 * probe - what `twcbridge probe` read, for printing. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_PROBE_H
#define BRIDGE_PROBE_H

#include "bridge/core/ems_slots.h"
#include "bridge/ems_listen.h"
#include "bridge/settings.h"

#include <stdbool.h>

struct probe {
    struct source_settings source;
    struct ems_source_config config;
    struct ems_source readings;
    uint32_t kinds; /* lists it can give (SLOTS_BIT) */
    struct ems_slots slots;
    struct ems_now now; /* what ages are judged by; utc_ms: --now or the time of the answer */
    int64_t forced_utc_ms; /* --now; 0: not given */
    bool json;
    const char *keep_file; /* --keep; NULL: not given */
    struct ems_session session;
    struct ems_listen *listen; /* NULL: there is nothing to listen to */
    bool asking, listening;    /* still */
    uint32_t said;             /* fields that were reported, as a value or as none */
    enum ems_class class;
    char why[240];
};

/* How many values may be used. */
int probe_known(const struct probe *p);
void probe_print(const struct probe *p);

#endif
