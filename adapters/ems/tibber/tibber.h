/*
 * tibber - what the prices and the live power of a home at Tibber share. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_TIBBER_TIBBER_H
#define ADAPTERS_EMS_TIBBER_TIBBER_H

#include "adapters/ems/ems.h"

struct tibber_config {
    struct ems_http http;
    char home_id[64];
    bool live;
    struct ems_price price;
};

/* What the login told of the live power; the token of the session is the address of its WebSocket, "-": none. */
struct tibber_memo {
    char home[64]; /* the one whose prices are read */
    bool no_pulse;
    uint32_t acked; /* the opening (ems_session) that the token was taken of */
    uint32_t pings; /* of that opening */
};

static inline const struct tibber_memo *tibber_memo(const struct ems_session *s)
{
    _Static_assert(sizeof(struct tibber_memo) <= EMS_MEMO_ROOM, "it fits");
    return (const struct tibber_memo *)(const void *)s->memo;
}

/* The address is that of the WebSocket itself: there are no prices then. */
bool tibber_direct(const struct tibber_config *c);

/* The home of the settings; NULL: e says why. */
struct json_object *tibber_home(
        const struct tibber_config *c, struct json_object *homes, struct err *e);
/* The answer of any question: NULL and the class of what is wrong. Release with json_put. */
struct json_object *tibber_answer(
        const struct ems_answer *a, enum ems_class *class, struct err *e);
/* A question in GraphQL. */
bool tibber_ask(const struct tibber_config *c, const char *query, struct ems_request *out);

/* The login is the question where the live power is. */
bool tibber_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class tibber_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e);
enum ems_class tibber_message(struct ems_session *s, const struct ems_answer *a,
        struct ems_reports *out, struct err *e);
bool tibber_listen(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
bool tibber_say(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);

#endif
