/*
 * discovery - what Home Assistant is told: model in, (topic, payload) out.
 *
 * Pure: no connection, no clock. The entity rows (entities.c) and the fields (core/fields.def)
 * are two tables with the same keys; docs/entities.md is generated from them. The state document
 * of a device has every key always, null = not known. SPDX-License-Identifier: MIT
 */
#ifndef DISCOVERY_DISCOVERY_H
#define DISCOVERY_DISCOVERY_H

#include "bridge/base/buf.h"
#include "bridge/base/err.h"
#include "bridge/core/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { DISCOVERY_TOPIC_ROOM = 256 };

struct discovery_config {        /* borrowed texts */
    const char *base;            /* mqtt.base_topic */
    const char *prefix;          /* homeassistant */
    const char *version;         /* of the bridge */
    const char *support_url;
    const char *configuration_url; /* "": left out */
};

enum entity_platform {
    ENTITY_SENSOR,
    ENTITY_BINARY,
    ENTITY_NUMBER,
    ENTITY_SWITCH,
    ENTITY_SELECT,
    ENTITY_BUTTON,
    ENTITY_EVENT,
    ENTITY_DATETIME,
    ENTITY_PLATFORMS
};
/* As Home Assistant calls them: sensor, binary_sensor... NULL-terminated. */
extern const char *const entity_platform_names[ENTITY_PLATFORMS + 1];

enum entity_bound { /* where a number's min or max comes from */
    BOUND_FIXED,    /* the row's own figure, in thousandths of the unit */
    BOUND_DEVICE_MAX,
    BOUND_DEVICE_FLOOR,
};

/* One row of the tables of the contract. */
struct entity {
    enum model_kind kind;
    const char *key;
    enum entity_platform platform;
    const char *name;         /* NULL: left to the device class */
    bool main_entity;         /* name null: takes the device's name */
    const char *device_class; /* NULL: none */
    const char *unit;
    const char *state_class;
    int precision;            /* -1: none */
    const char *category;     /* "diagnostic", "config", NULL */
    bool off;                 /* disabled by default */
    const char *icon;
    uint32_t needs;           /* all of these features */
    enum entity_bound min_from, max_from;
    int64_t min, max, step;   /* thousandths */
    const char *mode;         /* slider, box */
    const char *const *options; /* select, event types, enum words; NULL-terminated */
};
extern const struct entity entity_table[];
extern const int entity_count;

/* NULL: no such row for this kind. */
const struct entity *entity_find(enum model_kind kind, const char *key);
/* True if the device has what the row needs. */
bool entity_announced(const struct entity *e, const struct model_device *d);
/* Range of a number in thousandths of its unit (whole amps where it follows the device). */
void entity_range(const struct entity *e, const struct model_device *d, int64_t *min, int64_t *max);

/* "<node>": base in lower case, every character outside [a-z0-9_] as '_'. */
void discovery_node(char *dst, size_t room, const char *base);
/* "<node>_<kind>_<id>" */
void discovery_identifier(char *dst, size_t room, const struct discovery_config *c,
        const struct model_device *d);
/* <prefix>/device/<identifier>/config */
void discovery_topic(char *dst, size_t room, const struct discovery_config *c,
        const struct model_device *d);
/* <base>/charger/<id>, <base>/site, <base>/bridge/health */
void discovery_state_topic(char *dst, size_t room, const struct discovery_config *c,
        const struct model_device *d);

/* False: this device is not announced (a single circuit without a meter). */
bool discovery_wanted(const struct model_device *d);

/* The device document. */
void discovery_document(const struct discovery_config *c, const struct model *m, int device,
        struct buf *out);

/* The document of now, with {"platform":"..."} alone for each component that `before` (an earlier
 * document of this device) has and it has not, or has on another platform; false (out untouched)
 * when there is nothing to remove. First half of the removal in two steps: the plain document
 * follows at least a second later. */
bool discovery_tombstones(const struct discovery_config *c, const struct model *m, int device,
        const char *before, size_t before_len, struct buf *out);

/* The state document: contract, id, name, updated, then every field in order. Writes values
 * inside the ranges of their rows. */
void state_document(const struct model *m, int device, struct buf *out);

/* A list of the site as [{"start":..,"end":..,"value":..}], and its topic behind <base>/ ; out untouched
 * where no source gives it. */
void state_list(const struct model *m, enum slots_kind k, struct buf *out);
extern const char *const state_list_topics[SLOTS_KINDS];

/* sweep.c: is this retained document ours (origin and identifier), and no longer wanted? */
bool sweep_orphan(const struct discovery_config *c, const struct model *m, const char *topic,
        const char *payload, size_t len);
/* The state topic that went with such a document; false: there is none, or its device is still
 * there (a circuit that is no device has a state, too). */
bool sweep_state_topic(const struct discovery_config *c, const struct model *m, const char *topic,
        char *dst, size_t room);

/* lint.c: ERR_OK, or what Home Assistant would refuse or complain about, with the place. An empty
 * payload removes the device and is fine. */
enum err_code discovery_lint(const char *topic, const char *payload, size_t len, struct err *e);

/* Generated from the tables: docs/entities.md and schemas/state.schema.json. */
void entities_docs(struct buf *out);
void state_schema(struct buf *out);

#endif
