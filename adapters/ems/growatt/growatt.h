/*
 * growatt - shared by the files of this adapter. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_GROWATT_H
#define ADAPTERS_EMS_GROWATT_H

#include "adapters/ems/ems.h"

enum { GROWATT_DEVICES_MAX = 6, GROWATT_ID_ROOM = 32, GROWATT_TIME_ROOM = 24 };

struct growatt {
    struct ems_http http;
    char plant_id[GROWATT_ID_ROOM], device_sn[GROWATT_ID_ROOM];
    char topic[200];
};

/* Which of its ways a config goes: Grott by a broker, the API with a token, the login of the app. */
enum growatt_way { GROWATT_GROTT, GROWATT_TOKEN, GROWATT_LOGIN };
enum growatt_way growatt_way_of(const struct growatt *c);

enum growatt_kind { GROWATT_OTHER, GROWATT_MIN, GROWATT_SPH, GROWATT_METER };

/* When its data changed last: the cloud gives a time without saying whose. */
struct growatt_change {
    char text[GROWATT_TIME_ROOM];
    int64_t seen_utc_ms;
};

struct growatt_device {
    char sn[GROWATT_ID_ROOM], logger[GROWATT_ID_ROOM], address[8];
    uint8_t kind; /* enum growatt_kind */
    struct growatt_change change;
};

/* One round: the plant and its devices, once; each device; the plant's sum where that gives more. */
enum growatt_stage {
    GROWATT_PLANTS,
    GROWATT_LIST,
    GROWATT_DEVICE,
    GROWATT_SUM,
    GROWATT_END,
};

struct growatt_memo {
    char user[GROWATT_ID_ROOM], plant[GROWATT_ID_ROOM];
    bool listed, others, metered;
    uint8_t n, stage, at; /* at: the device of GROWATT_DEVICE */
    bool pv_known;        /* in this round */
    struct growatt_device device[GROWATT_DEVICES_MAX];
};
_Static_assert(sizeof(struct growatt_memo) <= EMS_MEMO_ROOM, "what is learnt is kept there");

static inline struct growatt_memo *growatt_memo_of(struct ems_session *s)
{
    return (struct growatt_memo *)(void *)s->memo;
}

/* ---- growatt.c ---- */

/* What a stage asks for: of a device, which. */
struct growatt_step {
    enum growatt_stage stage;
    const struct growatt_device *device;
};
/* Which stage the i-th request of a round is for. */
enum growatt_stage growatt_stage_of(
        const struct growatt *c, const struct growatt_memo *m, int i);
/* The stage of the answer is over. */
void growatt_next(struct growatt_memo *m, enum growatt_stage stage);
void growatt_add_device(struct growatt_memo *m, const struct growatt_device *d);
const char *growatt_plant(const struct growatt *c, const struct growatt_memo *m);
/* A number of the answer as a text; "": it is not there. */
void growatt_text(struct json_object *v, const char *key, char *dst, size_t room);
/* There, a number, and not 0. */
bool growatt_counts(struct json_object *v, const char *key);
/* Adds what expr gives to what other devices gave; soc is not added, the first counts. */
void growatt_say(struct json_object *v, const char *expr, enum ems_field f, int64_t utc_ms,
        struct ems_reports *out);
/* Import, export and load are all 0: grid power is none, unless another device has it. */
void growatt_no_meter(struct ems_reports *out);
/* The time of data whose text is without an offset: 0 when it has just changed, so that the time of
 * arrival counts; else when that was. */
int64_t growatt_time(struct growatt_change *c, const char *text, int64_t utc_ms);

/* ---- token.c: the API with a token ---- */
bool growatt_token_request(const struct growatt *c, const struct growatt_memo *m,
        struct growatt_step step, struct ems_request *out);
enum ems_class growatt_token_parse(const struct growatt *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

/* ---- login.c: the login of the app ---- */
bool growatt_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class growatt_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e);
bool growatt_login_request(const struct growatt *c, const struct ems_session *s,
        struct growatt_step step, struct ems_request *out);
enum ems_class growatt_login_parse(const struct growatt *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

/* ---- grott.c ---- */
bool growatt_grott_listen(const struct growatt *c, int i, struct ems_request *out);
enum ems_class growatt_grott_parse(const struct growatt *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

/* ---- password.c ---- */
/* What the login of the app sends for a password: its MD5 in hex, where each 0 at an even place is a
 * c. */
bool growatt_password(const char *password, char hash[static 33]);

#endif
