/*
 * registers - words to numbers. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_registers.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { F32_LOWEST_HIGH = 0xff7f, KEEP_BITS = 41 };

const char *const reg_type_words[] = {
        "u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64", NULL};

unsigned reg_words(enum reg_type t)
{
    return t <= REG_S16 ? 1 : t == REG_U64 || t == REG_S64 || t == REG_F64 ? 4 : 2;
}

uint64_t reg_bits(const char *p, enum reg_type t, bool low_first)
{
    unsigned n = reg_words(t);
    uint64_t bits = 0;

    for (unsigned i = 0; i < n; i++) {
        const unsigned char *w =
                (const unsigned char *)p + (size_t)2 * (low_first ? n - 1 - i : i);

        bits = bits << 16 | (uint64_t)w[0] << 8 | w[1];
    }
    return bits;
}

/* mantissa * 2^exponent in millionths, half away from zero. */
static enum reg_result scale(uint64_t mantissa, int exponent, bool negative, int64_t *micro)
{
    uint64_t v = mantissa * QUANTITY_ONE;

    if (exponent > 0 && (exponent > 62 || v > (uint64_t)INT64_MAX >> exponent)) {
        return REG_TOO_LARGE;
    }
    if (exponent > 0) {
        v <<= exponent;
    } else if (exponent < -63) {
        v = 0;
    } else if (exponent < 0) {
        v = (v + (UINT64_C(1) << (-exponent - 1))) >> -exponent;
    }
    *micro = negative ? -(int64_t)v : (int64_t)v;
    return REG_OK;
}

/* IEEE 754 with so many bits of exponent and of fraction. */
static enum reg_result floating(uint64_t bits, int exponents, int fraction, int64_t *micro)
{
    uint64_t mantissa = bits & ((UINT64_C(1) << fraction) - 1);
    int top = (1 << exponents) - 1;
    int exponent = (int)(bits >> fraction) & top;
    int power = exponent - top / 2 - fraction;

    if (exponent == top) {
        return REG_ABSENT; /* no number, or infinite */
    }
    if (exponent > 0) {
        mantissa |= UINT64_C(1) << fraction;
    }
    if (fraction >= KEEP_BITS) { /* so that millionths fit; the rest is far below them */
        mantissa >>= fraction + 1 - KEEP_BITS;
        power += fraction + 1 - KEEP_BITS;
    }
    return scale(mantissa, power, bits >> (exponents + fraction), micro);
}

static enum reg_result whole(int64_t v, int64_t *micro)
{
    return __builtin_mul_overflow(v, (int64_t)QUANTITY_ONE, micro) ? REG_TOO_LARGE : REG_OK;
}

enum reg_result reg_value(uint64_t bits, enum reg_type t, bool nan, int64_t *micro)
{
    unsigned n = 16 * reg_words(t);
    uint64_t ones = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
    uint64_t sign = UINT64_C(1) << (n - 1);

    switch (t) {
    case REG_F32:
        return bits >> 16 == F32_LOWEST_HIGH && (bits & 0xffff) == 0xffff
                       ? REG_ABSENT
                       : floating(bits, 8, 23, micro);
    case REG_F64:
        return floating(bits, 11, 52, micro);
    case REG_U16:
    case REG_U32:
    case REG_U64:
        if (nan && bits == ones) {
            return REG_ABSENT;
        }
        return bits > INT64_MAX ? REG_TOO_LARGE : whole((int64_t)bits, micro);
    case REG_S16:
    case REG_S32:
    case REG_S64:
        break;
    }
    if (nan && bits == sign) {
        return REG_ABSENT;
    }
    /* Up to 63 bits below the sign, less the sign's worth. */
    return whole(bits & sign ? (int64_t)(bits & (sign - 1)) - (int64_t)(sign - 1) - 1
                             : (int64_t)bits,
            micro);
}

/* Where the words at `at` begin in the body; NULL: they are not all there. */
static const char *place(const struct reg_block *b, uint16_t at, unsigned n)
{
    return at < b->start || 2 * ((size_t)at - b->start + n) > b->len
                   ? NULL
                   : b->body + 2 * ((size_t)at - b->start);
}

enum reg_result reg_read(
        const struct reg_block *b, uint16_t at, enum reg_type t, bool low_first, int64_t *micro)
{
    const char *p = place(b, at, reg_words(t));

    return p ? reg_value(reg_bits(p, t, low_first), t, true, micro) : REG_OUTSIDE;
}

bool reg_word(const struct reg_block *b, uint16_t at, uint16_t *word)
{
    const char *p = place(b, at, 1);

    if (p) {
        *word = (uint16_t)reg_bits(p, REG_U16, false);
    }
    return p != NULL;
}

void reg_raw(char dst[static EMS_RAW_ROOM], const struct reg_block *b, uint16_t at, unsigned n)
{
    size_t len = 0;
    uint16_t word;

    dst[0] = '\0';
    for (unsigned i = 0; i < n && reg_word(b, (uint16_t)(at + i), &word); i++) {
        (void)str_format(dst + len, EMS_RAW_ROOM - len, "%s%u", i ? " " : "", word);
        len = strlen(dst);
    }
}

int64_t reg_field(int64_t micro, enum ems_field f)
{
    static const int16_t per[EMS_FIELDS] = {[EMS_GRID_W] = 1,
            [EMS_PV_W] = 1,
            [EMS_BATTERY_W] = 1,
            [EMS_SOC_PERMILLE] = 10,
            [EMS_CONSUMPTION_W] = 1,
            [EMS_CURRENT_L1_MA] = 1000,
            [EMS_CURRENT_L2_MA] = 1000,
            [EMS_CURRENT_L3_MA] = 1000,
            [EMS_VOLTAGE_L1_MV] = 1000,
            [EMS_VOLTAGE_L2_MV] = 1000,
            [EMS_VOLTAGE_L3_MV] = 1000};

    return quantity_round(micro, per[f]);
}

enum ems_class reg_class(int status)
{
    switch (status) {
    case 1:  /* no such function */
    case 2:  /* no such registers */
    case 3:  /* not that many */
    case 10: /* no way to that unit */
        return EMS_NOT_FOUND;
    case 0:
    case 11: /* the unit is silent */
        return EMS_TIMEOUT;
    default:
        return EMS_SERVER;
    }
}

void reg_check(const struct ems_wire *w, int32_t unit, const char *path,
        struct opt_errors *errs, struct opt_errors *warnings)
{
    ems_wire_check(w, path, errs, warnings);
    if (unit > 247 && unit != 255) {
        opt_errors_add(errs, "%s.unit: %d is no unit id (0 to 247, or 255)", path, (int)unit);
    }
}
