/*
 * solarlog - the options of a Solar-Log, what is remembered, and the parts. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_SOLARLOG_SOLARLOG_H
#define ADAPTERS_EMS_SOLARLOG_SOLARLOG_H

#include "adapters/ems/ems.h"

struct solarlog {
    struct ems_http http;
};

struct solarlog_memo {
    bool asked;         /* the salt was asked for */
    char salt[32];      /* "": it takes the password as it is */
    int64_t no_cell_ms; /* there was no battery then; 0: not known */
    int64_t local_ms;   /* the last time that it said, as if in UTC */
    int64_t zone_ms;    /* how far its time is ahead of UTC */
};
_Static_assert(sizeof(struct solarlog_memo) <= EMS_MEMO_ROOM, "the session has no room for it");

static inline const struct solarlog_memo *solarlog_recall(const struct ems_session *s)
{
    return (const struct solarlog_memo *)(const void *)s->memo;
}

static inline bool solarlog_good(const struct ems_answer *a)
{
    return a->status >= 200 && a->status <= 299;
}

/* A question to /getjp. */
bool solarlog_ask(const struct solarlog *c, const struct ems_session *s, const char *body,
        struct ems_request *out);

/* ---- login.c ---- */

bool solarlog_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class solarlog_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e);

/* ---- read.c ---- */

/* v is the object 801.170. */
void solarlog_read_basic(struct ems_session *s, struct json_object *v, struct ems_reports *out);
void solarlog_read_battery(
        struct ems_session *s, const struct ems_answer *a, struct ems_reports *out);

#endif
