/*
 * rows - what the files of discovery share: rows per bus, names and topics of one device.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DISCOVERY_ROWS_H
#define DISCOVERY_ROWS_H

#include "bridge/base/json.h"
#include "discovery/discovery.h"

#include <stdbool.h>

/* A row of the bridge that exists once per bus: "%s" in key and name is the bus. */
struct bus_entity {
    struct entity row;
    const char *member; /* of buses.<bus> */
};
enum { BUS_ENTITIES = 3 };
extern const struct bus_entity bus_entity_table[BUS_ENTITIES];

/* "connection" comes from <base>/bridge/state, not from the document. */
bool entity_is_connection(const struct entity *e);

/* True for the platforms that take commands. */
bool entity_takes_commands(enum entity_platform p);

/* The field of a row; FIELD_COUNT: none (buttons, events, connection). */
enum field_id entity_field(const struct entity *e);

/* The row of a field; NULL: no entity. */
const struct entity *field_entity(enum field_id f);

/* One component per row that is announced, in table order, then the rows per bus; stops when fn
 * returns false. e is only valid during the call. */
typedef bool row_fn(void *user, const struct entity *e, const char *value_template);
void rows_each(const struct model *m, int device, row_fn *fn, void *user);

#endif
