/*
 * ems_slots - prices and forecasts of the sources, beside their values of now (core/ems).
 *
 * An answer says slots; ems_slots_take keeps them, so that an answer that fails costs nothing that
 * is known; ems_slots_site merges the sources by role. A price holds to the end of its slot, however
 * old the answer; a forecast ages. SPDX-License-Identifier: MIT
 */
#ifndef CORE_EMS_SLOTS_H
#define CORE_EMS_SLOTS_H

#include "bridge/core/ems.h"
#include "bridge/core/slots.h"

enum {
    EMS_CURRENCY_ROOM = 4,              /* ISO 4217 */
    EMS_PRICE_MAX = 1000 * 1000 * 1000, /* of a kWh, in millionths */
    EMS_FORECAST_MAX = 1000 * 1000,     /* W */
};

/* ---- what one answer said ---- */

struct ems_slots {
    struct slots list[SLOTS_KINDS];
    bool said[SLOTS_KINDS];              /* also: none */
    char why[SLOTS_KINDS][EMS_WHY_ROOM]; /* why there is none, or why some were left out */
    char raw[SLOTS_KINDS][EMS_RAW_ROOM]; /* the text of the first */
    char currency[EMS_CURRENCY_ROOM];    /* "": it does not say */
};

/* These do nothing where r has no room for slots (r->slots is NULL). A slot out of range is left out,
 * with why. raw may be NULL. */
void ems_say_slot(
        struct ems_reports *r, enum slots_kind k, const struct slot *x, const char *raw);
void ems_say_no_slots(struct ems_reports *r, enum slots_kind k, const char *why);
/* "EUR", in any case; anything that is not three letters is "it does not say". */
void ems_say_currency(struct ems_reports *r, const char *code);

/* ---- one source, over time ---- */

struct ems_kept {
    struct slots list[SLOTS_KINDS];
    int64_t fetched_s[SLOTS_KINDS]; /* UTC; 0: never */
    char why[SLOTS_KINDS][EMS_WHY_ROOM];
    char raw[SLOTS_KINDS][EMS_RAW_ROOM];
    char currency[EMS_CURRENCY_ROOM];
};

/* True: a list has changed. */
bool ems_slots_take(struct ems_kept *k, const struct ems_slots *said, int64_t utc_s);

/* Whether the list may be used, and the slot in force: NULL and *why where there is none. ttl_s: how
 * old a forecast may be. */
const struct slot *ems_slots_now(const struct ems_kept *k, enum slots_kind kind, int64_t utc_s,
        int64_t ttl_s, const char **why);

/* ---- the site ---- */

struct ems_slot_source {
    const struct ems_kept *kept; /* NULL: gives none */
    enum ems_role role;
    uint32_t kinds; /* SLOTS_BIT */
    int64_t ttl_s;
};

/* Prices: of the first role that has one; where it has none those of the next. Forecasts: the primary
 * one, else the sum of all of role sum (known where all are), else the first fall-back. spare is room
 * to work in. */
void ems_slots_site(const struct ems_slot_source s[], int n, enum slots_kind kind,
        int64_t utc_s, struct slots out[2]);

#endif
