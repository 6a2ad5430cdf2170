/*
 * adapter - the contract between the bridge and what plugs into it.
 *
 * An adapter is one file (or one folder with one public face) and one row in adapters.def. Its
 * definition is const; its state is what create() returns. It sees an adapter_host, never the
 * daemon: the same file runs against a fake host in a test. Optional members are NULL. Nothing
 * here blocks, and no host function calls back into the adapter from inside the call, except
 * where it says so. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_ADAPTER_H
#define ADAPTERS_ADAPTER_H

#include "bridge/base/err.h"
#include "bridge/core/charger.h"
#include "bridge/core/envelope.h"
#include "bridge/core/model.h"
#include "bridge/core/twc/bus.h"
#include "bridge/io/mqtt.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct adapter_host;
struct tape;

/* ---- commands: the one door (bridge/command.c) ---- */

enum { COMMAND_PAYLOAD_MAX = 8 * 1024, COMMAND_TRANSACTION_ROOM = 65 };

struct command_in {
    enum model_kind kind;
    const char *unknown; /* a topic of no kind that there is: answered so; NULL: kind tells */
    const char *id;      /* "" for bridge and site */
    const char *key;     /* "current_limit" */
    const char *payload; /* NUL-terminated */
    size_t len;
    const char *owner;   /* of a plain value: "mqtt" */
    bool too_many;       /* more than its topic may send: answered so, nothing is done */
};

/* json: the answer of entities.md section 6; valid during the call; called exactly once. */
typedef void command_done_fn(void *user, const char *json);

struct adapter_host_ops {
    /* charger adapters: a charger was adopted in this slot of this bus. Returns its number for
     * charger_report, -1 when the bridge cannot take another. */
    int (*charger_adopted)(struct adapter_host *h, int bus, int slot, uint16_t twc_id,
            const struct charger_report *r);
    void (*charger_report)(struct adapter_host *h, int charger, const struct charger_report *r);
    void (*bus_up)(struct adapter_host *h, int bus, bool up, const char *why);
    void (*bus_event)(struct adapter_host *h, int bus, int charger, const struct bus_event *ev);

    /* control adapters; done may be called before this returns */
    void (*command)(struct adapter_host *h, const struct command_in *in, command_done_fn *done,
            void *user);
    /* it orders less than what holds now, so no limit on commands may hold it back */
    bool (*command_lowers)(struct adapter_host *h, const struct command_in *in);

    /* the broker connection */
    bool (*publish)(struct adapter_host *h, const char *topic, const char *payload, size_t len,
            enum mqtt_retain retain);
    bool (*reply)(struct adapter_host *h, const char *topic, const char *payload, size_t len,
            const uint8_t *correlation, size_t correlation_len);
    bool (*subscribe)(struct adapter_host *h, const char *filter, int qos);
    bool (*unsubscribe)(struct adapter_host *h, const char *filter);
    bool (*probe)(struct adapter_host *h, const char *topic, mqtt_probe_fn *fn, void *user);

    /* sends states, discovery, availability and bridge/state again, in this order */
    void (*announce)(struct adapter_host *h);
    /* Home Assistant was seen (birth, probe) or lost (will, failed probe) */
    void (*home_assistant)(struct adapter_host *h, bool alive, const char *why);
};

struct adapter_host {
    const struct adapter_host_ops *ops;
    uv_loop_t *loop;
    const struct model *model;     /* borrowed; watchers may be added (cast away by model_watch) */
    struct watch_list *on_change;  /* of the model */
    struct watch_list *on_devices; /* of the model */
    const char *base_topic, *prefix, *birth_topic; /* borrowed */
    const char *instance;          /* id of this bridge, kept in the store */
    const char *version;
    bool discovery;                /* setting */
    int32_t publish_interval_s;    /* setting; may change */
};

struct adapter {
    const char *name;    /* in settings, docs and logs; never changes once released */
    const char *summary; /* one sentence */

    /* config is the adapter's own struct, copied if kept. */
    void *(*create)(struct adapter_host *h, const void *config, struct err *e);
    void (*destroy)(void *self); /* accepts NULL */

    /* chargers: what to send to a slot; called after a control step */
    void (*offer)(void *self, int slot, const struct offer *offer, bool transmit);
    void (*turn)(void *self);       /* end of a loop turn: send what is due, publish what changed */
    void (*last_round)(void *self); /* SIGTERM */
    bool (*last_round_done)(void *self);
    void (*resume)(void *self);     /* a person: go on after a second master */
    const struct bus *(*bus)(void *self);
    const struct tape *(*tape)(void *self); /* the last ten minutes of its line */

    /* MQTT: the connection is up (5 or 4): subscribe; then announce() is called in three rounds
     * over all adapters: 0 state documents, 1 discovery, 2 availability and bridge/state. */
    void (*announce)(void *self, int round);
    void (*mqtt_up)(void *self, int protocol);
    void (*mqtt_down)(void *self);
    bool (*mqtt_message)(void *self, const struct mqtt_message *m); /* true: mine */
    void (*closing)(void *self); /* the process ends: say so (bridge/state offline) */
};

#define ADAPTER(sym) extern const struct adapter adapter_##sym;
#include "adapters/adapters.def"
#undef ADAPTER

/* Walks the registry: NULL behind the last row. */
const struct adapter *adapter_at(size_t i);
const struct adapter *adapter_find(const char *name);

#endif
