/*
 * store - what outlives the process: SQLite (WAL) on a worker thread; the loop never waits.
 *
 * store_load reads everything once, before the loop runs. After that rows are posted: they are
 * copied, written in batches by the worker, and acknowledged where a caller asks. A store that is
 * read-only, full, damaged or missing never stops charging: put is then a no-op, store_problem
 * tells a sentence, and it is tried again every 30 s. SPDX-License-Identifier: MIT
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "bridge/base/err.h"
#include "bridge/core/control.h"
#include "bridge/core/lease.h"

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

/* What the row of a charger's session holds beside what the charger's own row does. */
struct store_session {
    char vehicle[18];   /* VIN; "": not readable */
    int64_t end_utc_ms; /* 0: open */
    int64_t charging_ms, max_power_w;
    bool estimated;  /* the energy is, in part */
    const char *why; /* a literal: session_why_words; read back as "" or not at all */
    bool due;        /* write the row together with the charger's */
};

struct store_charger {
    char id[48];    /* device id (topic) */
    char bus[64];   /* bus id */
    char port[256]; /* port it was heard on: warm start only on the same port */
    uint16_t twc_id;
    uint8_t protocol, sign;
    int32_t hw_max_ma;
    int32_t told_ma;    /* -1: not known */
    int64_t energy_wh;  /* own lifetime count, reconciled; never falls */
    int64_t energy_mws; /* remainder below 1 Wh, in mW s */
    int64_t counter_wh; /* charger's counter at the last reading; -1 */
    int64_t anchor_wh;  /* own count minus counter at the anchor; INT64_MIN: none */
    int64_t power_w;    /* at the last put, to bridge a gap */
    int64_t session_wh;
    int64_t session_start_utc_ms; /* 0: no session yet */
    uint32_t session_number;      /* grows; session_id = <id>-<number> */
    bool session_open;
    struct store_session session; /* of session_number */
    uint32_t starts;              /* contactor closings */
    int32_t stops_used;           /* silent stops of this plug-in */
    char serial[32], firmware[32];
    int64_t seen_utc_ms;  /* until here its energy is counted */
    int64_t sent_boot_ms; /* last heartbeat to it, by the clock of this boot; 0: not known */
    bool removed;         /* by a person */
};

struct store_setting { /* set at run time */
    char device[64];   /* "site", "charger/a1b2", "circuit/garage" */
    char key[32];
    char value[64];      /* as text: "16000", "true", "stop" */
    char file_value[64]; /* what the settings file said then: a change there wins */
};

struct store_lease {
    struct lease lease; /* times are of this boot */
    char device[64];
    int64_t expires_utc_ms; /* 0: none */
};

struct store_event {
    int64_t utc_ms;
    char topic[96]; /* behind <base>/ : "bridge/event", "charger/a1b2/event" */
    char json[1024];
    bool published;
};

/* A text that a module keeps under a name of its own ("slots/roof"). */
struct store_text {
    char key[96];
    char *text;
};

struct store_image { /* what store_load gives; freed by store_image_finish */
    struct store_charger *charger;
    int chargers;
    struct store_setting *setting;
    int settings;
    struct store_lease *lease;
    int leases;
    struct store_event *event; /* the last of those that no broker got, oldest first */
    int events;
    uint64_t decision_id;
    uint32_t lease_id;
    int64_t written_utc_ms; /* last write of any kind */
    int64_t written_boot_ms;
    bool same_boot;      /* boot id of the last writer is ours */
    char *good_settings; /* last settings text that was accepted; NULL: none */
    struct store_text *text;
    int texts;
};

/* How long history is kept; the newest rows stay in any case, whatever the clock says. */
struct store_keep {
    int32_t sessions_days; /* sessions that ended */
    int32_t history_days;  /* decisions and events */
};

struct store;

/* Opens (makes) dir/twcbridge.db, migrates, reads. On failure *out is still a store that tries
 * again later, e says why, and the image holds what can be read where nothing can be written. */
enum err_code store_open(uv_loop_t *loop, const char *dir, struct store **out,
        struct store_image *image, struct err *e);
void store_image_finish(struct store_image *i);

/* Writes what is queued, at most grace_ms. Accepts NULL. */
void store_close(struct store *s, int grace_ms);

/* May be called at any time; until then nothing is thrown away for its age. */
void store_set_keep(struct store *s, const struct store_keep *keep);

/* Files beside the store, made on its thread. done comes once, on the loop, unless the store is closed
 * before: file is the name in its folder, or NULL and e says why. False: not begun. */
typedef void store_file_fn(void *user, const char *file, const struct err *e);
enum { STORE_BACKUPS_KEPT = 7, STORE_RECORDINGS_KEPT = 20, STORE_STAMP_ROOM = 24 };

/* A backup into dir/backups, named by the time; the newest are kept. */
bool store_backup_later(struct store *s, store_file_fn *done, void *user);

struct store_recording {
    char file[128]; /* "bus-<stamp>-<what>.txt" */
    char *text;     /* taken in any case */
    store_file_fn *done;
    void *user;
};
/* A recording into dir/bus; the newest are kept. */
bool store_record_later(struct store *s, const struct store_recording *r);
/* "20261124T060000Z" */
void store_stamp(char dst[static STORE_STAMP_ROOM], int64_t utc_ms);

/* Acknowledged on the loop when the row is on disk (ok) or was given up (not ok). */
typedef void store_ack_fn(void *user, bool ok);

void store_put_charger(
        struct store *s, const struct store_charger *row, store_ack_fn *ack, void *user);
/* What is put between these two is written as one: all of it or nothing survives a kill. */
void store_group(struct store *s);
void store_group_end(struct store *s);

void store_put_setting(struct store *s, const struct store_setting *row);
void store_put_lease(struct store *s, const struct store_lease *row);
void store_drop_lease(struct store *s, uint32_t id);
void store_put_decision(
        struct store *s, const struct decision *d, const char *charger, int64_t utc_ms);
void store_put_event(struct store *s, const struct store_event *ev);
/* All events put so far have been sent. */
void store_put_events_sent(struct store *s);
/* Keeps the text of the last good settings file. */
void store_put_good_settings(struct store *s, const char *text);

/* A key is at most 95 bytes; its text replaces the one before. */
void store_put_text(struct store *s, const char *key, const char *text);
/* NULL: none. Borrowed from the image. */
const char *store_text_of(const struct store_image *image, const char *key);

/* "": all is well. Borrowed until the next call. */
const char *store_problem(const struct store *s);
int64_t store_bytes(const struct store *s); /* size of the database, as of the last write */

#endif
