/*
 * store_why - the decisions of the store, read by the command line while a bridge may be writing.
 * SPDX-License-Identifier: MIT
 */
#ifndef STORE_STORE_WHY_H
#define STORE_STORE_WHY_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* One decision. Texts are borrowed for the call; "" where there is none. */
struct store_why {
    const char *charger;
    int64_t utc_ms;
    int32_t before_ma, after_ma, requested_ma, booked_ma; /* requested -1: nobody asked */
    const char *limited_by, *owner, *reason;
    int64_t next_utc_ms; /* the decision that replaced it; 0: it is the charger's newest */
    bool last;           /* of this charger in this answer: in force at the time asked for */
};
typedef void store_why_fn(void *user, const struct store_why *row);

struct store_why_query {
    const char *dir;     /* the state folder */
    const char *charger; /* id; NULL: all */
    int64_t at_utc_ms;   /* the last decisions up to this time */
    int rows;            /* of each charger, 1 or more */
};

/* Tells rows by charger, oldest first. ERR_NOT_FOUND: no store, or none of such a charger (the
 * sentence names those it has). Writes nothing. */
enum err_code store_why(const struct store_why_query *q, store_why_fn *fn, void *user,
        struct err *e) MUST_CHECK;

#endif
