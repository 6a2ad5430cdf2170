/*
 * price - what all adapters of prices and forecasts share. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

bool ems_scaled(struct json_object *v, int64_t scale, int64_t *out)
{
    char text[64] = "";
    int64_t tenths = 0;

    if (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT) {
        return false;
    }
    json_as_text(v, text, sizeof(text));
    if (strlen(text) == sizeof(text) - 1 ||
            !str_scaled(text, strlen(text), scale * 10, &tenths)) {
        return false;
    }
    *out = (tenths + (tenths < 0 ? -5 : 5)) / 10;
    return true;
}

bool ems_moment_text(const char *text, int64_t *utc_s)
{
    char full[64];
    int64_t ms = 0;
    size_t n = strlen("2026-07-01T22:00");

    if (!str_time_parse(text, &ms)) {
        /* "2026-07-01T22:00Z", as XML of the energy market has it. */
        if (strlen(text) <= n ||
                !str_format(full, sizeof(full), "%.*s:00%s", (int)n, text, text + n) ||
                !str_time_parse(full, &ms)) {
            return false;
        }
    }
    *utc_s = ms / 1000 - (ms % 1000 < 0);
    return true;
}

bool ems_moment(struct json_object *v, int64_t *utc_s)
{
    char text[64] = "";
    int64_t ms = 0;

    if (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT) {
        return false;
    }
    json_as_text(v, text, sizeof(text));
    if (ems_moment_text(text, utc_s)) {
        return true;
    }
    if (!str_scaled(text, strlen(text), 1000, &ms) || ms <= 0) {
        return false;
    }
    /* Seconds reach 10^11 in the year 5138; what is above counts milliseconds. */
    *utc_s = ms >= INT64_C(100000000000) * 1000 ? ms / 1000 / 1000 : ms / 1000;
    return true;
}

void ems_say_price(struct ems_reports *r, const struct ems_price *p, const struct slot *x,
        struct json_object *raw)
{
    char text[EMS_RAW_ROOM] = "";
    struct slot y = *x;

    if (x->value < -EMS_PRICE_MAX || x->value > EMS_PRICE_MAX) {
        y.value = x->value; /* refused as it is */
    } else {
        /* Millionths of a percent: 100 % are 10^8. */
        y.value = quantity_mul(
                x->value + p->charges_micro, QUANTITY_ONE + (p->tax_micro + 50) / 100);
    }
    if (raw) {
        json_as_text(raw, text, sizeof(text));
    }
    ems_say_slot(r, SLOTS_PRICE, &y, text);
}

void ems_say_end(struct ems_reports *r, enum slots_kind k, const char *why)
{
    if (r->slots && r->slots->list[k].n == 0 && r->slots->why[k][0] == '\0') {
        ems_say_no_slots(r, k, why);
    }
}
