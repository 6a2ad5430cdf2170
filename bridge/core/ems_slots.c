/*
 * ems_slots - prices and forecasts of the sources. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems_slots.h"

#include "bridge/base/str.h"

#include <string.h>

static bool in_range(enum slots_kind k, int64_t v)
{
    return k == SLOTS_FORECAST ? v >= 0 && v <= EMS_FORECAST_MAX
                               : v >= -EMS_PRICE_MAX && v <= EMS_PRICE_MAX;
}

void ems_say_slot(
        struct ems_reports *r, enum slots_kind k, const struct slot *x, const char *raw)
{
    struct ems_slots *s = r->slots;

    if (!s) {
        return;
    }
    s->said[k] = true;
    if (!in_range(k, x->value)) {
        (void)str_format(s->why[k], EMS_WHY_ROOM, "%lld is outside %lld to %lld",
                (long long)x->value, k == SLOTS_FORECAST ? 0LL : -(long long)EMS_PRICE_MAX,
                k == SLOTS_FORECAST ? (long long)EMS_FORECAST_MAX : (long long)EMS_PRICE_MAX);
    } else if (!slots_add(&s->list[k], x->start_s, x->end_s, x->value)) {
        (void)str_copy(s->why[k], EMS_WHY_ROOM, "a slot has no time that can be");
    } else if (s->raw[k][0] == '\0') {
        (void)str_copy(s->raw[k], EMS_RAW_ROOM, raw ? raw : "");
    }
}

void ems_say_no_slots(struct ems_reports *r, enum slots_kind k, const char *why)
{
    if (r->slots) {
        r->slots->said[k] = true;
        (void)str_copy(r->slots->why[k], EMS_WHY_ROOM, why);
    }
}

void ems_say_currency(struct ems_reports *r, const char *code)
{
    char *dst = r->slots ? r->slots->currency : NULL;

    if (!dst || !code || strlen(code) != EMS_CURRENCY_ROOM - 1) {
        return;
    }
    for (int i = 0; i < EMS_CURRENCY_ROOM; i++) {
        dst[i] = code[i] >= 'a' && code[i] <= 'z' ? (char)(code[i] - 'a' + 'A') : code[i];
        if (code[i] != '\0' && (dst[i] < 'A' || dst[i] > 'Z')) {
            dst[0] = '\0';
            return;
        }
    }
}

static uint32_t sum_of(const struct slots *s)
{
    uint32_t h = 2166136261u; /* FNV-1a: only to see whether anything changed */

    for (size_t i = 0; i < (size_t)s->n * sizeof(s->slot[0]); i++) {
        h = (h ^ ((const unsigned char *)s->slot)[i]) * 16777619u;
    }
    return h;
}

bool ems_slots_take(struct ems_kept *k, const struct ems_slots *said, int64_t utc_s)
{
    bool changed = false;

    for (int i = 0; i < SLOTS_KINDS; i++) {
        uint32_t before = sum_of(&k->list[i]);

        if (!said->said[i]) {
            continue;
        }
        (void)str_copy(k->why[i], EMS_WHY_ROOM, said->why[i]);
        if (said->list[i].n > 0) {
            slots_take(&k->list[i], &said->list[i]);
            k->fetched_s[i] = utc_s;
            (void)str_copy(k->raw[i], EMS_RAW_ROOM, said->raw[i]);
            (void)str_copy(k->currency, sizeof(k->currency), said->currency);
        }
        slots_keep(&k->list[i], utc_s - SLOTS_BEHIND_S, utc_s + SLOTS_AHEAD_S);
        changed = changed || sum_of(&k->list[i]) != before;
    }
    return changed;
}

const struct slot *ems_slots_now(const struct ems_kept *k, enum slots_kind kind, int64_t utc_s,
        int64_t ttl_s, const char **why)
{
    const struct slot *x = slots_at(&k->list[kind], utc_s);

    *why = NULL;
    if (k->fetched_s[kind] == 0) {
        *why = k->why[kind][0] != '\0' ? k->why[kind] : "nothing was read yet";
    } else if (kind == SLOTS_FORECAST && utc_s - k->fetched_s[kind] > ttl_s) {
        *why = "the forecast is older than max_age_s";
    } else if (!x) {
        *why = k->why[kind][0] != '\0' ? k->why[kind]
               : slots_next(&k->list[kind], utc_s)
                       ? "the list has a gap now"
                       : "the list is over: the source gives no newer one";
    }
    return *why ? NULL : x;
}

/* ---- the site ---- */

static bool usable(const struct ems_slot_source *s, enum slots_kind kind, int64_t utc_s)
{
    return s->kept && (s->kinds & SLOTS_BIT(kind)) && s->kept->fetched_s[kind] != 0 &&
           (kind != SLOTS_FORECAST || utc_s - s->kept->fetched_s[kind] <= s->ttl_s);
}

static void overlay(const struct ems_slot_source s[], int n, enum slots_kind kind,
        int64_t utc_s, struct slots *out)
{
    for (int role = EMS_ROLES - 1; role >= 0; role--) {
        for (int i = n - 1; i >= 0; i--) {
            if ((int)s[i].role == role && usable(&s[i], kind, utc_s)) {
                slots_take(out, &s[i].kept->list[kind]);
            }
        }
    }
}

/* How many sources of the role there are, of which `known` may be used; the first one's index. */
static int of_role(
        const struct ems_slot_source s[], int n, enum ems_role role, int64_t utc_s, int *known)
{
    int count = 0;

    *known = 0;
    for (int i = 0; i < n; i++) {
        if (s[i].role == role && (s[i].kinds & SLOTS_BIT(SLOTS_FORECAST))) {
            count++;
            *known += usable(&s[i], SLOTS_FORECAST, utc_s);
        }
    }
    return count;
}

static void forecast(
        const struct ems_slot_source s[], int n, int64_t utc_s, struct slots out[2])
{
    for (int role = 0; role < EMS_ROLES; role++) {
        int known = 0, count = of_role(s, n, (enum ems_role)role, utc_s, &known);
        bool first = true;

        if (known == 0 || (role == EMS_SUM && known < count)) {
            continue;
        }
        for (int i = 0; i < n; i++) {
            if ((int)s[i].role != role || !usable(&s[i], SLOTS_FORECAST, utc_s)) {
                continue;
            }
            if (first) {
                out[0] = s[i].kept->list[SLOTS_FORECAST];
                first = false;
            } else if (role == EMS_SUM) {
                slots_sum(&out[0], &s[i].kept->list[SLOTS_FORECAST], &out[1]);
                out[0] = out[1];
            }
        }
        return;
    }
}

void ems_slots_site(const struct ems_slot_source s[], int n, enum slots_kind kind,
        int64_t utc_s, struct slots out[2])
{
    memset(&out[0], 0, sizeof(out[0]));
    if (kind == SLOTS_FORECAST) {
        forecast(s, n, utc_s, out);
    } else {
        overlay(s, n, kind, utc_s, &out[0]);
    }
}
