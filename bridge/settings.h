/*
 * settings - the settings file: option tables, one struct, reading and checking it whole.
 *
 * One JSON file. Sections are tables (bridge/base/opt.h); what a table cannot say (names that
 * must exist, ids that must be unique, floors that do not fit) is checked after all of them.
 * Reading never opens a port or a connection. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_SETTINGS_H
#define BRIDGE_SETTINGS_H

#include "adapters/ems/ems.h"
#include "bridge/base/err.h"
#include "bridge/base/opt.h"
#include "bridge/core/limits.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTINGS_NAME_ROOM = 64, SETTINGS_PATH_ROOM = 256 };

struct mqtt_settings {
    char url[SETTINGS_PATH_ROOM]; /* mqtt://host:port or mqtts://host:port; "" = no broker */
    char username[128], password[256];
    char ca_file[SETTINGS_PATH_ROOM];
    char cert_file[SETTINGS_PATH_ROOM], key_file[SETTINGS_PATH_ROOM];
    bool insecure;             /* mqtts without checking the certificate */
    char client_id[64];        /* "": twcbridge-<base topic> */
    char base_topic[64];       /* default twcbridge */
    char discovery_prefix[64]; /* default homeassistant */
    bool discovery;            /* default true */
    char birth_topic[128];     /* default homeassistant/status */
};

struct circuit_settings {
    char name[SETTINGS_NAME_ROOM];
    char id[SETTINGS_NAME_ROOM]; /* slug of name; filled by settings_parse */
    int32_t limit_ma;            /* per phase, continuous; OPT_UNSET: 6 A, or from breaker_a */
    int32_t breaker_ma;          /* x 0.8 where site.region is na; OPT_UNSET */
    int32_t stale_headroom_ma;   /* what its chargers may take while its meter tells nothing */
    char parent[SETTINGS_NAME_ROOM];
    int parent_index;           /* -1: none; filled by settings_parse */
    int32_t effective_limit_ma; /* what of the above counts; filled by settings_parse */
    char area[SETTINGS_NAME_ROOM];
};

struct bus_settings {
    char port[SETTINGS_PATH_ROOM]; /* see the table */
    char circuit[SETTINGS_NAME_ROOM];
    char name[SETTINGS_NAME_ROOM]; /* default "1", "2"... by position */
    char id[SETTINGS_NAME_ROOM];   /* slug of name; filled */
    int circuit_index;             /* filled */
};

struct charger_settings {
    char id[16];                   /* 4 hex digits in lower case, or v1.. on a virtual bus */
    char bus[SETTINGS_NAME_ROOM];  /* name; "" where the id is unique */
    int bus_index;                 /* -1: any bus; filled */
    char name[SETTINGS_NAME_ROOM]; /* "": Wall Connector A1B2 */
    char area[SETTINGS_NAME_ROOM];
    int32_t max_ma;     /* OPT_UNSET: hardware and circuits alone */
    int32_t default_ma; /* OPT_UNSET: the floor if it fits, else 0 */
    int32_t min_ma;     /* OPT_UNSET: 6 A (protocol 1: 6 A unless 5 A is set here) */
    int32_t priority;   /* 0..9, default 5, 9 first */
    int32_t phases;     /* enum phase_map (limits.h); default unknown */
    int32_t nominal_v;  /* V; for power where the unit reports no voltage */
};

/* An energy system. Its entry in the file holds the options of its adapter, too. */
struct source_settings {
    char name[SETTINGS_NAME_ROOM];
    char id[SETTINGS_NAME_ROOM]; /* slug of name; filled */
    char adapter_name[32];
    const struct ems_adapter *adapter; /* filled; NULL: there is none of that name */
    int32_t role;                      /* enum ems_role */
    int32_t interval_s, max_age_s;     /* OPT_UNSET: the adapter's; filled */
    int32_t timeout_s;
    bool includes_chargers, invert_grid, invert_pv, invert_battery, ignore_time;
    char circuit[SETTINGS_NAME_ROOM]; /* "": it measures the site */
    int circuit_index;                /* -1: none; filled */
    bool grid_too;                    /* circuit: it is the grid meter of the site as well */
    _Alignas(8) char options[EMS_CONFIG_MAX]; /* the adapter's own struct */
};

struct site_settings {
    char name[SETTINGS_NAME_ROOM]; /* default "Site" */
    int32_t region;                /* choice: eu, na */
    char currency[4];              /* ISO 4217, default EUR */
};

struct lease_settings {
    int32_t grace_s; /* 0..3600, default 120 */
};

struct publish_settings {
    int32_t interval_s; /* 1..300, default 5 */
};

struct store_settings {
    char path[SETTINGS_PATH_ROOM]; /* a folder; "": /var/lib/twcbridge or beside the file */
    int32_t sessions_days;         /* 1..36500, default 3650: sessions that ended */
    int32_t history_days;          /* 1..3650, default 365: decisions and events */
};

struct log_settings {
    int32_t level;  /* enum log_level, default notice */
    int32_t format; /* choice: human, json, journal */
};

/* The numbers of the safety page that no source gives; its defaults. */
struct safety_settings {
    int32_t warm_store_s;      /* 600: a store older than this gives a cold start */
    int32_t warm_listen_ms;    /* 250 */
    int32_t cold_listen_ms;    /* 12000 */
    int32_t warm_hold_s;       /* 60: no raise after a warm start */
    int32_t idle_wait_ms;      /* 150 */
    int32_t stamp_max_ms;      /* 2000 */
    int32_t foreign_window_ms; /* 5000 */
    int32_t foreign_clear_s;   /* 120 */
    int32_t silent_book_s;     /* 60 */
    int32_t silent_stop_s;     /* 600 */
    int32_t rotate_s;          /* 900: protocol 1 rotation */
    int32_t overdraw_s;        /* 10 */
    int32_t overdraw_stop_s;   /* 15 */
    int32_t stop_budget;       /* 2 silent stops per plug-in */
    int32_t hold_unseen_min;   /* 60: hold of a plain value when Home Assistant was not seen */
};

struct settings {
    struct mqtt_settings mqtt;
    struct site_settings site;
    struct lease_settings lease;
    struct publish_settings publish;
    struct store_settings store;
    struct log_settings log;
    struct safety_settings safety;
    int circuit_count, bus_count, charger_count, source_count;
    struct circuit_settings circuit[CIRCUITS_MAX];
    struct bus_settings bus[BUSES_MAX];
    struct charger_settings charger[CHARGERS_MAX];
    struct source_settings source[EMS_SOURCES_MAX];
};

/* Parses and checks the text of a settings file. All that is wrong goes to errs (errors stop
 * use: errs->count > 0), all that is unwise to warnings (such as stuck floors that do not fit a
 * circuit); out is complete either way. Both must be zeroed. */
void settings_parse(const char *text, size_t len, struct settings *out, struct opt_errors *errs,
        struct opt_errors *warnings);

/* Reads the file; ERR_NOT_FOUND or ERR_IO with a sentence. Caller frees *text. */
enum err_code settings_read(
        const char *path, char **text, size_t *len, struct err *e) MUST_CHECK;

/* One entry of `sources`, whole: rows, adapter, and what these cannot say. path: "sources[0]". */
void settings_parse_source(struct source_settings *s, struct json_object *v, const char *path,
        struct opt_errors *errs, struct opt_errors *warnings);

/* What the settings of a source, whose adapter exists, mean for its readings. */
struct ems_source_config source_config(const struct source_settings *s);

/* The settings as JSON with secrets masked, for bridge/info and logs. */
void settings_write(const struct settings *s, struct buf *out);

/* JSON Schema of the file (schemas/settings.schema.json) and docs/settings.md. */
void settings_schema(struct buf *out);
/* The same in one line and without the options of the adapters of sources, of which there are many. */
void settings_schema_short(struct buf *out);
void settings_docs(struct buf *out);

/* "buses[0].port" or similar of the first change that needs a restart; NULL when all of the
 * difference can be applied at once. Limits, names, lease, publish and log apply live. */
const char *settings_restart_reason(const struct settings *a, const struct settings *b);

#endif
