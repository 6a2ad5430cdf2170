/*
 * ems_listen - what an energy system sends by itself: opens it, hands each message to the adapter.
 *
 * Beside ems_round, which asks. The daemon and `twcbridge probe` both run this. What is the same for
 * all systems is here: the session, the clock, parse, what a WebSocket is told, silence, secrets
 * blotted out. How bytes come is the affair of a backend, one for each transport (a row of
 * ems_backends.c). SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_EMS_LISTEN_H
#define BRIDGE_EMS_LISTEN_H

#include "adapters/ems/ems.h"
#include "bridge/settings.h"

#include <uv.h>

/* ---- backends ---- */

/* None of these is called from inside a function of the backend. The backend may be closed in
 * each of them, not told to send or to open anew but in up and message. */
struct ems_listen_ops {
    void (*up)(void *user); /* open: for a WebSocket, say is asked from its beginning */
    /* a->pushed, i, body, topic and retained are set; cookies, content_type and topic at least "". */
    void (*message)(void *user, const struct ems_answer *a);
    /* Once per outage, and once when the first try fails; why is one sentence without secrets. */
    void (*down)(void *user, enum ems_class class, const char *why);
};

/* What one source is; all of it is borrowed and outlives the listening. */
struct ems_listening {
    const struct ems_adapter *adapter;
    const void *config;
    struct ems_session *session;        /* shared with the rounds; a backend only reads it */
    int32_t timeout_ms;                 /* of a connection, of its login */
    const struct mqtt_settings *broker; /* MQTT: of the bridge; NULL: none */
    int32_t quiet_ms; /* so long without values is an outage that ops tell of; 0: never. Not for backends */
};

/* A backend heals by itself: it tries again for ever, with a back-off. After EMS_AUTH it is closed,
 * and opened anew after ten minutes. */
struct ems_backend {
    void *(*open)(uv_loop_t *loop, const struct ems_listening *what,
            const struct ems_listen_ops *ops, void *user, struct err *e);
    void (*close)(void *self);                            /* accepts NULL */
    bool (*send)(void *self, const char *text, size_t n); /* a WebSocket; else NULL */
    /* The login or what is listened to has changed: open anew, without a word of down; may be NULL. */
    void (*again)(void *self);
};

extern const struct ems_backend ems_over_mqtt; /* ems_over_mqtt.c */
extern const struct ems_backend ems_over_line; /* ems_over_line.c: serial, TCP */
extern const struct ems_backend
        ems_over_stream; /* ems_over_stream.c: WebSocket, event stream */

/* By enum ems_transport; NULL: that one brings nothing by itself. */
enum { EMS_BACKENDS = EMS_OVER_LINE + 1 };
extern const struct ems_backend *const ems_backends[EMS_BACKENDS];

/* ---- one source ---- */

struct ems_heard { /* valid during the call */
    enum ems_class class;
    const char *why;                   /* "" where class is EMS_OK */
    const struct ems_reports *reports; /* of this message alone; empty for a lost connection */
    bool down;                         /* it is about the connection, not a message */
    bool retained;                     /* a better one may follow at once */
};

typedef void ems_listen_fn(void *user, const struct ems_heard *h);

struct ems_listen;

/* Whether there is anything to listen to with this config (asked with an empty session: where a
 * login of its own is needed first, listen(0) may be false until then, and a backend waits for
 * again). */
bool ems_listens(const struct ems_adapter *a, const void *config);
/* Whether there is anything to ask for. */
bool ems_asks(const struct ems_adapter *a, const void *config);

/* fn is called for each message that says something and for each outage, never from inside a
 * function of this header. */
struct ems_listen *ems_listen_create(uv_loop_t *loop, const struct ems_listening *what,
        ems_listen_fn *fn, void *user, struct err *e) MUST_CHECK;
void ems_listen_destroy(struct ems_listen *l); /* in the callback too; accepts NULL */
/* Gave values since it was opened: the rounds may rest. */
bool ems_listen_lives(const struct ems_listen *l);
/* The session may have changed (a round logged in): opens anew where that changes what is listened
 * to. */
void ems_listen_look(struct ems_listen *l);

#endif
