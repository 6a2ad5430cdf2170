/*
 * ems_listen - what an energy system sends by itself: opens it, hands each message to the adapter.
 *
 * Beside ems_round, which asks. The daemon and `twcbridge probe` both run this. What is the same for
 * all systems is here: the session, the clock, parse, secrets blotted out. How bytes come is the
 * affair of a backend, one for each transport. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_EMS_LISTEN_H
#define BRIDGE_EMS_LISTEN_H

#include "adapters/ems/ems.h"

#include <uv.h>

/* ---- backends ---- */

/* None of these is called from inside a function of the backend. */
struct ems_listen_ops {
    void (*up)(void *user); /* open: for a WebSocket, say is asked from its beginning */
    void (*message)(
            void *user, const struct ems_answer *a); /* a->i, pushed, body, topic, retained */
    /* Once per outage, and once when the first try fails; why is one sentence without secrets. */
    void (*down)(void *user, enum ems_class class, const char *why);
};

/* What one source is; all of it is borrowed and outlives the backend. */
struct ems_listening {
    const struct ems_adapter *adapter;
    const void *config;
    const struct ems_session *session;
    int32_t timeout_ms;
};

/* A backend heals by itself: it tries again for ever, with a back-off. */
struct ems_backend {
    void *(*open)(uv_loop_t *loop, const struct ems_listening *what,
            const struct ems_listen_ops *ops, void *user, struct err *e);
    void (*close)(void *self);                            /* accepts NULL */
    bool (*send)(void *self, const char *text, size_t n); /* a WebSocket; else NULL */
    void (*again)(
            void *self); /* the login or what is listened to has changed: open anew; may be NULL */
};

extern const struct ems_backend ems_over_mqtt; /* ems_over_mqtt.c */
extern const struct ems_backend ems_over_line; /* ems_over_line.c: serial, TCP */
extern const struct ems_backend
        ems_over_stream; /* ems_over_stream.c: WebSocket, event stream */

/* ---- one source ---- */

struct ems_heard { /* valid during the call */
    enum ems_class class;
    const char *why;                   /* "" where class is EMS_OK */
    const struct ems_reports *reports; /* of this message alone; empty for a lost connection */
};

typedef void ems_listen_fn(void *user, const struct ems_heard *h);

struct ems_listen;

/* Whether there is anything to listen to with this config. */
bool ems_listens(const struct ems_adapter *a, const void *config);

/* fn is called for each message and each outage, never from inside a function of this header. All
 * pointers are borrowed; session is shared with the rounds of the same source. */
struct ems_listen *ems_listen_create(uv_loop_t *loop, const struct ems_adapter *a,
        const void *config, struct ems_session *session, int32_t timeout_ms, ems_listen_fn *fn,
        void *user, struct err *e) MUST_CHECK;
void ems_listen_destroy(struct ems_listen *l); /* in the callback too; accepts NULL */
/* Gave values since it was opened: the rounds may rest. */
bool ems_listen_lives(const struct ems_listen *l);

#endif
