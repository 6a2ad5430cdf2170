/*
 * daemon - the parts of the running bridge and how they reach each other.
 *
 * One thread (the libuv loop) owns all of this. Files: daemon.c builds and takes down, step.c
 * runs control and applies it, units.c keeps chargers, command*.c is the one door for commands,
 * broker.c the MQTT connection and events, show.c fills the model, reload.c settings and safe
 * mode, health.c bridge/health and the watchdog. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_DAEMON_H
#define BRIDGE_DAEMON_H

#include "adapters/adapter.h"
#include "bridge/base/log.h"
#include "bridge/core/control.h"
#include "bridge/core/lease.h"
#include "bridge/core/model.h"
#include "bridge/core/session.h"
#include "bridge/core/words.h"
#include "bridge/io/mqtt.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/turn.h"
#include "bridge/settings.h"
#include "bridge/store/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* What a person set at run time for one charger; kept in the store. */
struct unit_run {
    bool allowed;
    int64_t allowed_until_ms; /* back to `true` then; 0: no end */
    int32_t mode, mode_before; /* enum charge_mode */
    int64_t mode_until_ms;     /* back to mode_before then; 0: no end */
    int32_t max_ma;            /* max_current; -1: charger_max */
    int32_t min_ma;            /* min_current; -1: the file's */
    int32_t boost_ma;          /* boost_current; -1: charger_max */
    int32_t boost_min, hold_min;
    char name[SETTINGS_NAME_ROOM]; /* "": the file's, else one made from the id */
};

/* A charger, from the settings, the store or the bus. Its index is its number everywhere:
 * control, reports, host. */
struct unit {
    struct daemon *daemon; /* borrowed; for callbacks of the store */
    char id[48];
    uint16_t twc_id;
    int bus;      /* -1: not known yet (configured without a bus) */
    int slot;     /* on its bus; -1: not adopted in this process */
    int device;   /* in the model */
    int settings; /* index in settings.charger; -1: none */
    bool gone;    /* removed by a person */
    struct charger_report report;
    struct session session;
    struct unit_run run;
    struct store_charger row; /* as last put */
    int64_t put_ms;
    bool putting, put_again;  /* an acknowledgement is due; and then put once more */
    int64_t shown_wh, shown_session_wh; /* on disk: what may be published */
    bool gap_due;             /* energy of the time we were away is still to be added */
    char vehicle[CHARGER_VIN_ROOM]; /* of this session; "": not readable so far */
    bool session_written;     /* its end is on disk */
    int64_t gap_from_ms, gap_power_w, loaded_ms;
    enum charger_fault fault; /* last told */
    bool left_out;            /* not linked, told */
    const char *not_linked;   /* why it was not spoken to, last; a literal; NULL: it always was */
    uint64_t lists_mark;      /* of what `requests` and `ceilings` were last written from */
};

struct energy;
struct source_gives;
struct virtual_bus;
struct command_late;

struct bus_unit {
    const struct adapter *adapter;
    void *self; /* owned; NULL: not opened (safe mode) */
    struct virtual_bus *virtual_bus; /* owned; NULL unless port is virtual:N */
    bool up;
    char why[160]; /* "": up */
    int64_t recorded_ms; /* last recording that nobody asked for; 0: none */
    bool foreign;
};

/* Adapters that are not buses: one instance of each row. */
struct part {
    const struct adapter *adapter;
    void *self;
};
enum { PARTS_MAX = 8 };

struct event_queued {
    char topic[96]; /* behind <base>/ : "bridge/event", "charger/a1b2/event" */
    char json[1024];
    int64_t utc_ms;
    bool late;
};
enum { EVENTS_MAX = 256 };

struct broker {
    struct mqtt *mqtt; /* owned; NULL: none configured */
    bool up, announced;
    bool foreign;      /* another bridge lives under our base topic: publish nothing */
    char other[40];    /* its instance; "": none seen */
    bool other_online;
    char why[200];     /* last failure; "": none */
    char will_topic[128];
    uint32_t reconnects;
    struct oneshot *settle;
};

struct daemon {
    uv_loop_t loop;
    struct loop_lag *lag;
    struct turn *turn;
    struct oneshot *tick;    /* next control step at the latest */
    struct oneshot *second;  /* health and watchdog */
    struct oneshot *watch_file; /* safe mode: look for a repaired file */
    struct oneshot *stop_timer;
    struct signals *signals;

    const char *file;      /* settings file; borrowed from argv */
    const char *state_arg; /* --state; NULL */
    char state_dir[SETTINGS_PATH_ROOM];
    int state_fd; /* of the file `instance` there, locked; -1: none */
    struct settings settings;
    char *settings_text;   /* owned; as in force */
    bool safe_mode;
    char safe_why[240];
    int64_t file_mtime_ms;
    char restart_why[80]; /* "": none; a changed setting that waits for a restart */
    bool self_test_ok;

    struct model model;
    struct lease_table leases;
    struct control control;
    struct control_config config;
    struct charger_report report[CHARGERS_MAX];
    int units;
    struct unit unit[CHARGERS_MAX];
    int circuit_device[CIRCUITS_MAX];
    struct bus_unit bus[BUSES_MAX];

    struct energy *energy; /* owned; NULL: no sources */
    struct source_gives *gives; /* owned: what sources were found to give, from the store */
    int gives_count;

    bool site_allowed;
    int64_t site_allowed_until_ms;
    int32_t site_mode, site_mode_before;
    int64_t site_mode_until_ms;
    int32_t fallback_ma, grace_s;
    enum log_level log_before; /* log_level goes back to it... */
    int64_t log_until_ms;      /* ...then; 0: it has no end */

    enum ha_state ha;
    struct broker broker;
    struct adapter_host host;
    struct part part[PARTS_MAX];
    int parts;
    struct event_queued event[EVENTS_MAX];
    int event_first, event_count;
    int64_t events_lost;
    bool events_unsent; /* the store holds some that no broker got */

    struct store *store;
    char instance[40];
    char store_problem[240]; /* as told; "": it works */

    int64_t started_utc_ms;
    struct command_late *late; /* owned; NULL: no answer is due */
    uint32_t commands_refused;
    bool over[CIRCUITS_MAX]; /* told: over its limit */
    bool dirty; /* a control step is due at the end of this turn */
    int64_t stepped_ms, stop_at_ms;
    int64_t loop_lag_ms, lag_before_ms, lag_since_ms, tick_due_ms, memory_ms;
    bool stopping, stopped;
    bool again; /* stop, then start anew with the repaired settings */
    int exit_code;
    int notify_fd;
    char notify_path[108];
    uint64_t log_lines;
};

/* daemon.c */
void daemon_dirty(struct daemon *d); /* a control step at the end of this turn */
/* The same for a reading that nothing hangs on at once: steps for such are 100 ms apart. */
void daemon_dirty_soon(struct daemon *d);
void daemon_stop(struct daemon *d, int exit_code, const char *why);
void daemon_keep(struct daemon *d);     /* how long the store keeps history */
void daemon_site_max(struct daemon *d); /* site_max: sum of limits of circuits without parent */

/* step.c */
void step_run(struct daemon *d);  /* one control step now, applied */
void step_config(struct daemon *d); /* settings and run-time values into control's config */

/* units.c */
void units_load(struct daemon *d, const struct store_image *image);
void unit_describe(struct daemon *d, int unit); /* name, features and limits into its device */
void units_settings(struct daemon *d); /* names, areas, limits after a reload */
int unit_adopt(struct daemon *d, int bus, int slot, uint16_t twc_id, const struct charger_report *r);
void unit_report(struct daemon *d, int unit, const struct charger_report *r);
int unit_find(const struct daemon *d, const char *id); /* -1 */
void unit_put(struct daemon *d, struct unit *u);       /* into the store */
void unit_remove(struct daemon *d, int unit);
/* unit_session.c: the events of a session_step, and the session in the row of the store */
void unit_sessions(struct daemon *d, int unit, uint32_t ev);
void unit_session_load(struct unit *u, const struct store_charger *c);
void unit_session_row(struct unit *u);
int32_t unit_hold_minutes(const struct unit *u);
void bus_config_of(struct daemon *d, int bus, const struct store_image *image,
        struct bus_config *out);

/* show.c: values into the model */
void show_unit(struct daemon *d, int unit);
void show_site(struct daemon *d);
void show_circuits(struct daemon *d);
void show_leases(struct daemon *d); /* requests, ceilings, owners, limits set */

/* energy.c: the sources of energy values, and what they give as values of the site */
bool energy_open(struct daemon *d, const struct store_image *image, struct err *e);
void energy_close(struct daemon *d);
/* energy_reload.c: the sources of new settings; those that did not change go on. */
void energy_reload(struct daemon *d, const struct settings *new);
/* Ages, sums and states, into the model. */
void energy_show(struct daemon *d);
bool energy_problem(const struct daemon *d);

/* energy_gives.c; before energy_open */
void energy_gives_load(struct daemon *d, const struct store_image *image);

/* energy_circuit.c: meters of circuits */
int circuit_meter_source(const struct settings *s, int circuit); /* -1: it has no meter */
/* [circuits], valid until the next call; NULL where none is metered. Before each control step. */
const struct control_meter *energy_meters(struct daemon *d, int64_t now_ms);
/* What the circuit's meter shows on a phase; false: nothing, or there is none. */
bool energy_circuit_ma(const struct daemon *d, int circuit, int phase, int32_t *ma);

/* health.c */
void show_health(struct daemon *d);
void notify_open(struct daemon *d);
void notify_ready(struct daemon *d);
void notify_alive(struct daemon *d);
void notify_stopping(struct daemon *d);

/* broker.c */
bool broker_open(struct daemon *d, struct err *e);
void broker_close(struct daemon *d);
void broker_announce(struct daemon *d);
void broker_turn(struct daemon *d);
void broker_ha(struct daemon *d, bool alive, const char *why);
bool broker_publish(struct daemon *d, const char *topic, const char *payload, size_t len,
        enum mqtt_retain retain);

/* event.c: event_type and further members of the object, as printf text that starts with ','
 * or is empty. The type decides whose event it is; unit: the charger it is about, -1: none. */
void event_emit(struct daemon *d, int unit, const char *type, const char *fmt, ...)
        PRINTF_LIKE(4, 5);
void event_flush(struct daemon *d); /* after the state documents of this turn */
/* Queues what an earlier run could not send. */
void events_load(struct daemon *d, const struct store_image *image);

/* evidence.c: recordings of buses, beside the store */
/* Something happened that will be asked about: at most one of a bus in ten minutes. */
void evidence_of(struct daemon *d, int bus, const char *why);
void evidence_circuits(struct daemon *d); /* limit_exceeded, and its recordings */

/* command.c */
void command_run(struct daemon *d, const struct command_in *in, command_done_fn *done, void *user);
/* The command, if it is taken, offers less than what holds now: nothing may hold it back. */
bool command_lowers(struct daemon *d, const struct command_in *in);

void command_abandon(struct daemon *d); /* answers what would be answered later */

/* run_settings.c: what a person set at run time, in the store and back */
void run_load(struct daemon *d, const struct store_image *image);
void run_put(struct daemon *d, int unit, const char *key); /* unit -1: the site */
void run_put_all(struct daemon *d); /* every value and lease, after the store was away */
int32_t *run_number(struct daemon *d, int unit, const char *key); /* NULL: no such number */
void run_ceiling(struct daemon *d, int unit); /* max_current as a ceiling */
void run_rename(struct daemon *d, int unit, const char *name); /* "": as the file says */
/* What the file says of values that can be set at run time: before and after a reload. Where it
 * changed, the file's value counts again. */
struct run_file {
    int32_t min_ma[CHARGERS_MAX], max_ma[CHARGERS_MAX], grace_s;
    char name[CHARGERS_MAX][SETTINGS_NAME_ROOM];
};
void run_file_note(const struct daemon *d, struct run_file *f);
void run_file_changed(struct daemon *d, const struct run_file *before);
void run_expire(struct daemon *d, int64_t now_ms);
void leases_load(struct daemon *d, const struct store_image *image);
void lease_store(struct daemon *d, const struct lease *l);
void lease_over(void *user, const struct lease_end *end); /* lease_ended_fn; user = daemon */

/* state_dir.c: fills state_dir and instance; ERR_REFUSED: another process has that folder */
enum err_code state_dir_open(struct daemon *d, struct err *e);
void state_dir_close(struct daemon *d);

/* reload.c */
bool settings_load(struct daemon *d, char **text); /* false: broken, and safe mode begins */
/* Safe mode: the last good copy, else settings without any port. */
void settings_fall_back(struct daemon *d, const struct store_image *image);
void settings_reload(struct daemon *d);
void settings_watch(void *daemon);
/* settings_live.c: what can change without a restart, from new into s */
void settings_merge_live(struct settings *s, const struct settings *new);

/* host.c */
void host_init(struct daemon *d);

#endif
