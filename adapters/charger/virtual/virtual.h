/*
 * virtual - virtual chargers at the end of a descriptor, at the pace of a real bus.
 *
 * The descriptor is one end of a socket pair, the master side of a pty, or a TCP connection.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_H
#define ADAPTERS_CHARGER_VIRTUAL_H

#include "adapters/charger/virtual/wire.h"
#include "bridge/base/err.h"

#include <uv.h>

struct virtual_bus;

/* w is borrowed and outlives the bus. Takes fd (closed on failure too). gone, which may be NULL,
 * is called once when the other side hangs up; destroy it then. */
typedef void virtual_gone_fn(void *user);
struct virtual_bus *virtual_create(uv_loop_t *loop, int fd, struct wire *w,
        virtual_gone_fn *gone, void *user, struct err *e) MUST_CHECK;
void virtual_destroy(struct virtual_bus *v); /* accepts NULL */

/* "port": "virtual:N": chargers 0001.. with a car each, owned by the bus. */
struct virtual_bus *virtual_create_demo(
        uv_loop_t *loop, int fd, int chargers, struct err *e) MUST_CHECK;

#endif
