/*
 * twc_gen2 - joins the pure bus (bridge/core/twc/bus.h) to a port. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_TWC_GEN2_H
#define ADAPTERS_CHARGER_TWC_GEN2_H

#include "bridge/core/twc/bus.h"

struct twc_gen2_config {
    int bus;            /* number of the bus in the settings */
    const char *port;   /* borrowed; used when fd < 0 */
    int fd;             /* >= 0: a descriptor that the adapter takes (virtual bus) */
    struct bus_config link;
};

#endif
