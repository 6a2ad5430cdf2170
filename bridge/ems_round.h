/*
 * ems_round - runs an energy system once: its requests in order, a login where one is needed.
 *
 * The daemon and `twcbridge probe` both run this. It holds what is the same for all systems:
 * statuses and transport faults become a class and a sentence, a refused login is tried once more
 * with a new session, and no sentence holds a password or a token. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_EMS_ROUND_H
#define BRIDGE_EMS_ROUND_H

#include "adapters/ems/ems.h"
#include "bridge/ems_keep.h"
#include "bridge/io/http_client.h"

struct ems_outcome { /* valid during the call */
    enum ems_class class;
    const char *why;                   /* "" where class is EMS_OK */
    const struct ems_reports *reports; /* also of a round that failed half way */
    int32_t retry_after_s; /* EMS_RATE, EMS_SERVER: how long to wait; -1: not said */
    int32_t latency_ms;    /* sum over the requests */
    int requests;          /* that were sent */
};

typedef void ems_round_fn(void *user, const struct ems_outcome *o);

struct ems_round;

/* config is borrowed, as is session, which what listens to the same source shares. c may be NULL where
 * it does not go over HTTP. */
struct ems_round *ems_round_create(uv_loop_t *loop, struct http_client *c,
        const struct ems_adapter *a, const void *config, struct ems_session *session,
        struct err *e) MUST_CHECK;
/* What an answer changes in session->keep is written by k (borrowed) before the next request goes
 * out; a disk that does not take it is told by fn, and the round goes on. Without it nothing is
 * written. */
typedef void ems_unkept_fn(void *user, const struct err *e);
void ems_round_keep(struct ems_round *r, struct ems_keep *k, ems_unkept_fn *fn, void *user);
void ems_round_destroy(struct ems_round *r); /* in the callback too; accepts NULL */

/* fn is called once, never from inside this function. A round that is under way is ended. */
void ems_round_start(struct ems_round *r, int32_t timeout_ms, ems_round_fn *fn, void *user);

/* ---- for all that speaks HTTP ---- */

/* The request of an adapter with the login and the certificates of its options; timeout_ms is left
 * to the caller. x borrows from all of them. */
void ems_http_request(const struct ems_http *h, const struct ems_request *q,
        const char *headers[static EMS_HEADERS_MAX + 1], struct http_request *x);
/* EMS_OK: it answered, the status says what. */
enum ems_class ems_result_class(enum http_result x);
/* What a status means, with a sentence that names url without its query. */
enum ems_class ems_status_class(const struct ems_adapter *a, const void *config,
        const char *url, int status, struct err *e);

/* ---- for all ---- */

/* Sets the clock of a session before its adapter is called. */
void ems_clock(struct ems_session *s);

/* Secrets of the config and the session that occur in text become "***". */
void ems_redact(const struct ems_adapter *a, const void *config, const struct ems_session *s,
        char *text);

#endif
