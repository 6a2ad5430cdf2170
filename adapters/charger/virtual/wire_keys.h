/*
 * wire_keys - the key=value words of the control lines: what they are called, what is allowed.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_WIRE_KEYS_H
#define ADAPTERS_CHARGER_VIRTUAL_WIRE_KEYS_H

#include "adapters/charger/virtual/wire.h"

struct wire_key {
    const char *key, *allowed, *usual, *what;
    bool (*set)(
            void *subject, const char *value); /* false: not allowed, subject may be changed */
};

/* Rows up to one with key NULL. */
extern const struct wire_key wire_car_keys[];    /* of a struct sim_charger */
extern const struct wire_key wire_unit_keys[];   /* of a struct sim_charger */
extern const struct wire_key wire_fault_keys[];  /* of a struct line_config */
extern const struct wire_key wire_master_keys[]; /* of a struct rival */

/* Decimal number in thousandths between min and max; false: it is none. */
bool wire_number(const char *value, int64_t min, int64_t max, int32_t *out) MUST_CHECK;

#endif
