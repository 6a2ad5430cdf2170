/*
 * model - every value that leaves the bridge, typed, declared once in fields.def.
 *
 * Integers in base units (mA, mV, W, Wh, ms, per mille); "not known" is a bit, never a number.
 * A value enters by model_set*, which tells watchers (MQTT, discovery, history) when it differs.
 * A watcher that wants to change the model posts a command instead. Fixed storage, no allocation.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include "bridge/base/watch.h"
#include "bridge/core/ems.h"
#include "bridge/core/limits.h"
#include "bridge/core/slots.h"

#include <stdbool.h>
#include <stdint.h>

enum model_kind { MODEL_BRIDGE, MODEL_SITE, MODEL_CIRCUIT, MODEL_CHARGER, MODEL_SOURCE, MODEL_KINDS };
/* bridge site circuit charger source */
extern const char *const model_kind_names[MODEL_KINDS + 1];

/* How a value is held and shown. */
enum field_type {
    TYPE_MA,       /* mA; shown in A, at most 2 decimals */
    TYPE_W,        /* W, none */
    TYPE_MV,       /* mV; V, none */
    TYPE_WH,       /* Wh; kWh, at most 3 */
    TYPE_PERMILLE, /* per mille; %, at most 1 */
    TYPE_COUNT,    /* as it is (also s, min, ms) */
    TYPE_BYTES,    /* bytes; MB (10^6), at most 1 */
    TYPE_FLAG,     /* JSON true / false */
    TYPE_ENUM,     /* index into the field's words; JSON string */
    TYPE_TEXT,     /* string, at most 255 bytes */
    TYPE_TIME,     /* wall ms; ISO 8601 string in UTC */
    TYPE_JSON,     /* a JSON value made elsewhere */
    TYPE_MONEY,    /* ten-thousandths of the currency; at most 4 decimals */
    TYPE_MILLI,    /* thousandths of its unit (degrees, Hz); at most 2 decimals */
};

/* How soon a change is published. */
enum field_rate {
    RATE_NOW,   /* at once: status, offered, limited_by, faults... */
    RATE_SLOW,  /* at most every publish.interval_s, beyond the deadband of its type */
    RATE_QUIET, /* never a reason to publish (ages) */
};

/* fields.def: FIELD(kind, ID, "key", TYPE, RATE, words) in the order of the document;
 * words is the name of a NULL-terminated array for TYPE_ENUM, else NULL. */
enum field_id {
#define FIELD(kind, id, key, type, rate, words) FIELD_##kind##_##id,
#include "bridge/core/fields.def"
#undef FIELD
    FIELD_COUNT
};

struct field_info {
    const char *key;
    enum model_kind kind;
    enum field_type type;
    enum field_rate rate;
    const char *const *words; /* TYPE_ENUM */
};
extern const struct field_info field_table[FIELD_COUNT];

/* First field of a kind and how many it has; fields of a kind are contiguous. */
enum field_id field_first(enum model_kind k);
int field_count(enum model_kind k);

enum {
    MODEL_DEVICES_MAX = 2 + CIRCUITS_MAX + CHARGERS_MAX + EMS_SOURCES_MAX,
    MODEL_FIELDS_MAX = 96, /* per kind */
    MODEL_TEXT_ROOM = 256,
    MODEL_TEXTS_MAX = 16,  /* TYPE_TEXT fields per kind */
    MODEL_JSON_ROOM = 4096,
    MODEL_JSONS_MAX = 3,   /* TYPE_JSON fields per kind */
};

/* What a device has: decides which rows are announced. */
enum model_feature {
    FEATURE_P2 = 1 << 0,        /* protocol 2: voltages, currents, VIN, counter, stops */
    FEATURE_L1 = 1 << 1,        /* wired phases */
    FEATURE_L2 = 1 << 2,
    FEATURE_L3 = 1 << 3,
    FEATURE_DEVICE = 1 << 4,    /* a circuit that is a device of its own (more than one, or a meter) */
    FEATURE_METER = 1 << 5,     /* circuit with a meter */
    FEATURE_GEN3 = 1 << 6,
    FEATURE_POLICY = 1 << 7,    /* a policy, tariff or vehicle is configured */
    FEATURE_EMS = 1 << 8,       /* site: a source of energy values is configured; with FEATURE_L1..3
                                 * one of the current of that phase */
    FEATURE_GRID = 1 << 9,      /* site and sources: what a source can give, or is derived */
    FEATURE_PV = 1 << 10,
    FEATURE_BATTERY = 1 << 11,
    FEATURE_SOC = 1 << 12,
    FEATURE_HOUSE = 1 << 13,
    FEATURE_PRICE = 1 << 14,    /* site: a source gives prices */
    FEATURE_NEVER = 1 << 30,    /* rows that no build announces yet */
};

struct model_device {
    enum model_kind kind;
    char id[48];               /* topic id; "" for bridge and site */
    char name[64];             /* what a person called it */
    char serial[32], sw_version[32], hw_version[8], hardware[48]; /* device block; "" = left out */
    char area[64];
    uint32_t features;         /* enum model_feature */
    int32_t max_ma;            /* charger_max, circuit_max or site_max, rounded down to whole A */
    int32_t floor_ma;
    bool available;            /* chargers: availability topic says online */
    bool gone;                 /* removed: documents are blanked, the slot stays */
    int64_t updated_utc_ms;    /* time of the last change */
    uint64_t known[2];
    int64_t value[MODEL_FIELDS_MAX];
    char text[MODEL_TEXTS_MAX][MODEL_TEXT_ROOM];
    char json[MODEL_JSONS_MAX][MODEL_JSON_ROOM];
};

struct model_bus {
    char id[48]; /* slug */
    char name[64];
};

struct model {
    struct watch_list on_change;  /* const struct model_change * */
    struct watch_list on_devices; /* const struct model_device *: added, renamed, features or limits changed */
    int devices;
    struct model_device device[MODEL_DEVICES_MAX];
    int buses;
    struct model_bus bus[BUSES_MAX];
    char currency[4]; /* of all money; ISO 4217 */
    /* The site's lists, borrowed; NULL: no source gives it. The version changes with each change. */
    const struct slots *list[SLOTS_KINDS];
    uint32_t list_version[SLOTS_KINDS];
    int64_t utc_ms; /* wall time of this turn, set by the daemon; stamps `updated` */
};

struct model_change {
    int device;
    enum field_id field;
    int64_t before, after; /* of numeric types */
    bool known_before, known_after;
};

/* A zeroed struct becomes: device 0 = bridge, device 1 = site. */
void model_init(struct model *m, const char *bridge_name, const char *site_name);

/* Returns the index, -1 when full. A device that is there already (also a gone one) gets the name
 * and is back. */
int model_add(struct model *m, enum model_kind kind, const char *id, const char *name);
int model_find(const struct model *m, enum model_kind kind, const char *id); /* -1: none */

/* Tells on_devices; call after changing the descriptive members of a device. */
void model_touch(struct model *m, int device);

/* Each returns true if the value differs from before. */
bool model_set(struct model *m, int device, enum field_id f, int64_t v);
/* NULL or "": not known; cut at 255 bytes, control bytes become blanks. A JSON value too long for its slot is not known. */
bool model_set_text(struct model *m, int device, enum field_id f, const char *v);
bool model_set_json(struct model *m, int device, enum field_id f, const char *json);
bool model_set_unknown(struct model *m, int device, enum field_id f);

bool model_known(const struct model *m, int device, enum field_id f);
/* False: not known, *out untouched. */
bool model_get(const struct model *m, int device, enum field_id f, int64_t *out);
const char *model_text(const struct model *m, int device, enum field_id f); /* NULL: not known */

/* The change matters for a RATE_SLOW field: beyond 10 W, 0.1 A, 2 V, 10 Wh, or the type has no
 * deadband; last is what was published. */
bool field_beyond(enum field_id f, int64_t last, int64_t now);

#endif
