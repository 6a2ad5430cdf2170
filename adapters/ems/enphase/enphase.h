/*
 * enphase - the options of an Enphase gateway or account, what is remembered, and the parts:
 * enphase.c (options), round.c (which pages are asked), login.c (tokens), read.c (meters), page.c (other pages),
 * cloud.c (Enphase's API). SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_ENPHASE_ENPHASE_H
#define ADAPTERS_EMS_ENPHASE_ENPHASE_H

#include "adapters/ems/ems.h"

struct enphase {
    struct ems_http http;
    char enlighten_user[128], enlighten_password[256], cloud_url[256];
    char system_id[24], client_id[128], client_secret[128], api_key[128];
    char refresh_token[1024];
};

/* In the order of a round. */
enum enphase_page {
    ENPHASE_INFO,
    ENPHASE_METERS,
    ENPHASE_READINGS,
    ENPHASE_PRODUCTION,
    ENPHASE_V1,
    ENPHASE_HTML,
    ENPHASE_POWER,
    ENPHASE_INVENTORY,
    ENPHASE_SECCTRL,
    ENPHASE_LIVE,
    ENPHASE_STREAM,
    ENPHASE_RENEW_LOGIN,
    ENPHASE_RENEW_TOKEN,
    ENPHASE_PAGES
};

enum enphase_meter {
    ENPHASE_NO_METER,
    ENPHASE_METER_PRODUCTION,
    ENPHASE_METER_NET,
    ENPHASE_METER_TOTAL,
    ENPHASE_METER_STORAGE
};

enum { ENPHASE_METERS_MAX = 8, ENPHASE_PHASES = 3 };

struct enphase_memo {
    bool known;       /* /info was asked */
    bool imeter;      /* it can have current transformers */
    bool tokens;      /* it wants a token */
    bool battery;     /* it has IQ batteries */
    bool stream_off;  /* the live page repeats old values */
    uint8_t done;     /* the page that was read last */
    uint16_t missing; /* pages that it does not have */
    uint16_t fields;  /* that this round has a value of */
    int16_t refused;  /* the worst status of this round: 401, 403, 5xx, 3xx; 0: none */
    bool junk;        /* this round had an answer that is none */
    int32_t firmware; /* enphase_version(); 0: not known */
    int64_t info_ms, live_ms, renew_ms;
    int64_t begins_s, ends_s; /* of the token */
    char serial[20];
    char session_id[256]; /* of Enlighten, between its login and the token */
    int meters;
    struct {
        int64_t eid;
        uint8_t kind, phases;
    } meter[ENPHASE_METERS_MAX];
};
_Static_assert(sizeof(struct enphase_memo) <= EMS_MEMO_ROOM, "the session has no room for it");
_Static_assert(EMS_FIELDS <= 16 && ENPHASE_PAGES <= 16, "their bits fit");

static inline struct enphase_memo *enphase_memo(struct ems_session *s)
{
    return (struct enphase_memo *)(void *)s->memo;
}

static inline const struct enphase_memo *enphase_recall(const struct ems_session *s)
{
    return (const struct enphase_memo *)(const void *)s->memo;
}

/* 8.2.4264 is 80204264. */
static inline int32_t enphase_version(int32_t major, int32_t minor, int32_t patch)
{
    return major * 10000000 + minor * 100000 + patch;
}

/* ---- round.c ---- */

bool enphase_request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class enphase_parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

/* ---- verdict.c ---- */

/* The class of a round that has nothing to say, with a sentence; all pages are looked for again. */
enum ems_class enphase_verdict(const struct enphase *c, struct ems_session *s, struct err *e);

/* ---- login.c ---- */

bool enphase_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class enphase_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e);
/* Whether the token is old enough to be renewed now. */
bool enphase_renewal_due(const struct enphase *c, const struct ems_session *s);
bool enphase_ask_enlighten(const struct enphase *c, struct ems_request *out);
bool enphase_ask_token(
        const struct enphase *c, const struct enphase_memo *m, struct ems_request *out);
/* The session of Enlighten, the token; false with a sentence. */
bool enphase_read_enlighten(struct enphase_memo *m, const struct ems_answer *a, struct err *e);
bool enphase_read_token(struct ems_session *s, const struct ems_answer *a, struct err *e);
/* When a token begins and ends, in s since 1970; false: it is none. */
bool enphase_token_times(const char *token, int64_t *begins_s, int64_t *ends_s);

/* ---- read.c: what has lists of meters ---- */

bool enphase_read_meters(struct enphase_memo *m, struct json_object *v);
bool enphase_read_readings(
        const struct enphase_memo *m, struct json_object *v, struct ems_reports *out);
bool enphase_read_production(struct json_object *v, struct ems_reports *out);

/* ---- page.c: the others; false: it is not that page ---- */

bool enphase_read_info(struct enphase_memo *m, const struct ems_answer *a, struct err *e);
bool enphase_read_html(const struct ems_answer *a, struct ems_reports *out);
bool enphase_read_v1(struct json_object *v, struct ems_reports *out);
bool enphase_read_battery(struct enphase_memo *m, enum enphase_page page, struct json_object *v,
        struct ems_reports *out);
bool enphase_read_live(struct enphase_memo *m, struct json_object *v, struct ems_reports *out);

/* ---- cloud.c ---- */

bool enphase_cloud_login(
        const struct enphase *c, const struct ems_session *s, struct ems_request *out);
enum ems_class enphase_cloud_logged_in(const struct enphase *c, struct ems_session *s,
        const struct ems_answer *a, struct err *e);
bool enphase_cloud_request(
        const struct enphase *c, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class enphase_cloud_parse(const struct enphase *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

#endif
