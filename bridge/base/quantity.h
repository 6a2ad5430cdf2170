/*
 * quantity - a number with an optional unit from text, in millionths of the base unit.
 *
 * "1234.5 W", "1.2kW", "-3e2", "56 %". What is written without a unit is in the base unit. A comma
 * is refused: it may part decimals or thousands. SPDX-License-Identifier: MIT
 */
#ifndef BASE_QUANTITY_H
#define BASE_QUANTITY_H

#include "bridge/base/macros.h"

#include <stddef.h>
#include <stdint.h>

enum quantity_kind {
    QUANTITY_POWER,   /* W, VA; mW kW MW */
    QUANTITY_CURRENT, /* A; mA */
    QUANTITY_VOLTAGE, /* V; mV kV */
    QUANTITY_SHARE,   /* % */
    QUANTITY_PLAIN,   /* no unit at all */
};

enum quantity_result {
    QUANTITY_OK,
    QUANTITY_NONE, /* "", null, unknown, unavailable, none, undef, nan, "-": says "no value" */
    QUANTITY_NO_NUMBER,  /* something else */
    QUANTITY_OTHER_UNIT, /* a number in a unit that this kind does not have */
};

enum { QUANTITY_ONE = 1000000 };

/* Towards zero; *out untouched unless QUANTITY_OK. The case of letters does not count, but in
 * mW and MW. */
enum quantity_result quantity_parse(
        const char *s, size_t n, enum quantity_kind kind, int64_t *out) MUST_CHECK;

/* a * b / QUANTITY_ONE, rounded half away from zero; saturates. */
int64_t quantity_mul(int64_t a, int64_t b);

/* v / QUANTITY_ONE * per, rounded half away from zero; per is at most QUANTITY_ONE. */
int64_t quantity_round(int64_t v, int64_t per);

#endif
