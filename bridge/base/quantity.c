/*
 * quantity - numbers with units. SPDX-License-Identifier: MIT
 */
#include "bridge/base/quantity.h"

#include "bridge/base/str.h"

#include <stdbool.h>
#include <string.h>

__extension__ typedef __int128 wide;

enum { UNIT_ROOM = 8, WORD_ROOM = 16 };

static const struct unit {
    enum quantity_kind kind;
    const char *name;
    bool exact;     /* mW is not MW */
    int64_t factor; /* millionths of the base unit */
} units[] = {
        {QUANTITY_POWER, "W", false, QUANTITY_ONE},
        {QUANTITY_POWER, "VA", false, QUANTITY_ONE},
        {QUANTITY_POWER, "kW", false, INT64_C(1000) * QUANTITY_ONE},
        {QUANTITY_POWER, "kVA", false, INT64_C(1000) * QUANTITY_ONE},
        {QUANTITY_POWER, "MW", true, INT64_C(1000000) * QUANTITY_ONE},
        {QUANTITY_POWER, "mW", true, QUANTITY_ONE / 1000},
        {QUANTITY_CURRENT, "A", false, QUANTITY_ONE},
        {QUANTITY_CURRENT, "mA", false, QUANTITY_ONE / 1000},
        {QUANTITY_VOLTAGE, "V", false, QUANTITY_ONE},
        {QUANTITY_VOLTAGE, "mV", false, QUANTITY_ONE / 1000},
        {QUANTITY_VOLTAGE, "kV", false, INT64_C(1000) * QUANTITY_ONE},
        {QUANTITY_SHARE, "%", false, QUANTITY_ONE},
};

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int64_t narrow(wide v)
{
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

/* Half away from zero; by is above 0. */
static int64_t divided(wide v, int64_t by)
{
    wide half = by / 2;

    return narrow((v < 0 ? v - half : v + half) / by);
}

int64_t quantity_mul(int64_t a, int64_t b)
{
    return divided((wide)a * b, QUANTITY_ONE);
}

int64_t quantity_round(int64_t v, int64_t per)
{
    return divided((wide)v * per, QUANTITY_ONE);
}

static bool means_nothing(const char *s, size_t n)
{
    static const char *const words[] = {"", "null", "unknown", "unavailable", "none", "undef",
            "nan", "n/a", "-", "--", NULL};
    char word[WORD_ROOM];

    if (n >= sizeof(word)) {
        return false;
    }
    memcpy(word, s, n);
    word[n] = '\0';
    for (int i = 0; words[i]; i++) {
        if (str_iequal(word, words[i])) {
            return true;
        }
    }
    return false;
}

/* How much of s is the number: digits, sign, point, an exponent with digits behind it. */
static size_t number_length(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n && ((s[i] >= '0' && s[i] <= '9') || s[i] == '.' ||
                            ((s[i] == '-' || s[i] == '+') && i == 0))) {
        i++;
    }
    if (i > 0 && i + 1 < n && (s[i] == 'e' || s[i] == 'E')) {
        size_t k = i + 1 + (s[i + 1] == '-' || s[i + 1] == '+');

        if (k < n && s[k] >= '0' && s[k] <= '9') {
            while (k < n && s[k] >= '0' && s[k] <= '9') {
                k++;
            }
            i = k;
        }
    }
    return i;
}

static const struct unit *unit_of(const char *s, size_t n, enum quantity_kind kind)
{
    char name[UNIT_ROOM];

    if (n >= sizeof(name)) {
        return NULL;
    }
    memcpy(name, s, n);
    name[n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        const struct unit *u = &units[i];

        if (u->kind == kind &&
                (u->exact ? strcmp(u->name, name) == 0 : str_iequal(u->name, name))) {
            return u;
        }
    }
    return NULL;
}

enum quantity_result quantity_parse(
        const char *s, size_t n, enum quantity_kind kind, int64_t *out)
{
    const struct unit *u = NULL;
    size_t digits;
    int64_t v;

    while (n > 0 && blank(*s)) {
        s++;
        n--;
    }
    while (n > 0 && blank(s[n - 1])) {
        n--;
    }
    if (means_nothing(s, n)) {
        return QUANTITY_NONE;
    }
    digits = number_length(s, n);
    if (digits == 0 || !str_scaled(s, digits, QUANTITY_ONE, &v)) {
        return QUANTITY_NO_NUMBER;
    }
    s += digits;
    n -= digits;
    while (n > 0 && blank(*s)) {
        s++;
        n--;
    }
    if (n > 0) {
        u = unit_of(s, n, kind);
        if (!u) {
            return *s == ',' ? QUANTITY_NO_NUMBER : QUANTITY_OTHER_UNIT;
        }
        v = quantity_mul(v, u->factor);
    }
    *out = v;
    return QUANTITY_OK;
}
