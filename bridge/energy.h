/*
 * energy - the running sources of energy values; shared by energy.c and energy_show.c.
 * SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_ENERGY_H
#define BRIDGE_ENERGY_H

#include "bridge/core/circuit_meter.h"
#include "bridge/core/ems.h"
#include "bridge/core/ems_poll.h"
#include "bridge/core/ems_slots.h"
#include "bridge/core/words.h"
#include "bridge/daemon.h"
#include "bridge/ems_listen.h"
#include "bridge/ems_round.h"

struct energy_source {
    struct daemon *daemon; /* borrowed; for callbacks */
    const struct source_settings *settings;
    struct ems_session session;
    struct ems_keep *keep; /* NULL: nothing of the session outlives the process */
    bool asks;             /* it has rounds; else round and timer are NULL */
    struct ems_round *round;
    struct ems_listen *listen; /* NULL: it sends nothing by itself */
    struct oneshot *timer;
    struct ems_poll poll;
    int device;                /* in the model */
    bool answered;             /* a round is over, a message came: no longer starting */
    enum ems_class class;      /* of the last round, message or outage */
    enum source_status status; /* as shown */
    bool problem;              /* as told by an event */
    char why[240];             /* of the last failure; "": none since it was well */
    int32_t latency_ms;        /* -1: not known */
    int64_t started_ms, next_ms, asked_ms;
    int64_t calls, calls_day; /* requests of this day in UTC */
    uint32_t kinds;           /* lists it gives (SLOTS_BIT) */
    struct ems_kept *kept;    /* owned; NULL: it gives none */
};

struct energy {
    struct http_client *client;
    struct worker
            *saver; /* writes what sessions keep; NULL: no source has a login of its own */
    int n;
    struct ems_source_config config[EMS_SOURCES_MAX];
    struct ems_source reading[EMS_SOURCES_MAX];
    struct energy_source source[EMS_SOURCES_MAX];
    struct ems_site site;
    struct slots *site_slots; /* owned, one per kind; NULL: no source gives any */
    int64_t slots_due_ms;     /* when they are merged again */
    struct circuit_meter *circuit[CIRCUITS_MAX]; /* owned; NULL: without a meter */
    int64_t metered_ms[CIRCUITS_MAX];            /* since when it has one */
    struct control_meter meter[CIRCUITS_MAX];
    int implausible; /* answers in a row after which the values did not add up */
};

/* How many such answers make a fault. */
enum { ENERGY_IMPLAUSIBLE = 3 };

/* Whether every configured value of source i may be used now; else why the first may not. */
bool energy_fresh(const struct energy *x, int i, const char **why);

/* Removes the logins that are kept of sources that are no more; a settings file that cannot be read
 * says nothing about that; energy.c. */
void energy_sweep_logins(const struct daemon *d);

/* What Home Assistant is told of for these fields; energy.c. */
uint32_t energy_features(uint32_t fields);

/* energy_gives.c: fields of systems that show themselves what they have (finds_out). */
void energy_gives_open(
        struct daemon *d, int source);           /* what was found out before the restart */
void energy_gives(struct daemon *d, int source); /* after an answer */

/* The merge of now; energy.c. */
void energy_merge(struct daemon *d);

/* energy.c, for energy_reload.c: source i of the settings begins, in a struct of zeros; a source stops
 * asking and listening, and the rest of it stays. */
bool energy_source_open(
        struct daemon *d, int i, const struct store_image *image, struct err *e) MUST_CHECK;
void energy_source_stop(struct energy_source *s);
bool energy_client(struct daemon *d, const struct settings *s, struct err *e) MUST_CHECK;
void energy_site_features(struct daemon *d);

#endif
