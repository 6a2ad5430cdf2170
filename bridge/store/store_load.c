/*
 * store_load - opening, migrating and reading the database. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/store/store_private.h"
#include "migrations.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = ARRAY_LEN(migrations), ROWS_GROW = 16, READ_BUSY_MS = 5000 };

void store_boot_id(char dst[static 40])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, dst, 36) : -1;

    dst[n > 0 ? n : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
}

static int user_version(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    int v = -1;

    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &q, NULL) == SQLITE_OK &&
            sqlite3_step(q) == SQLITE_ROW) {
        v = sqlite3_column_int(q, 0);
    }
    sqlite3_finalize(q);
    return v;
}

static bool run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

enum err_code store_check_version(sqlite3 *db, const char *path, struct err *e)
{
    int version = user_version(db);

    if (version > VERSION) {
        return err_set(e, ERR_REFUSED,
                "%s: written by a newer version of the bridge (schema %d, this one knows %d): it "
                "is left alone",
                path, version, VERSION);
    }
    return version < 0 ? err_set(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(db)) : ERR_OK;
}

static enum err_code migrate(sqlite3 *db, const char *path, struct err *e)
{
    for (int version = user_version(db); version < VERSION; version++) {
        char pragma[48];

        str_format(pragma, sizeof(pragma), "PRAGMA user_version=%d", version + 1);
        if (!run(db, "BEGIN IMMEDIATE") || !run(db, migrations[version]) || !run(db, pragma) ||
                !run(db, "COMMIT")) {
            err_set(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(db));
            run(db, "ROLLBACK");
            return e ? e->code : ERR_IO;
        }
    }
    return ERR_OK;
}

/* A file that is no database is kept aside with its journal, never thrown away. */
static bool set_aside(const char *path, char *aside, size_t room)
{
    char from[600], to[600];

    str_format(aside, room, "%s.damaged-%lld", path, (long long)(loop_utc_ms() / 1000));
    if (rename(path, aside) != 0) {
        return false;
    }
    str_format(from, sizeof(from), "%s-wal", path);
    str_format(to, sizeof(to), "%s-wal", aside);
    rename(from, to);
    str_format(from, sizeof(from), "%s-shm", path);
    unlink(from);
    return true;
}

static bool damaged(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    bool bad = false;
    int r = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &q, NULL);

    if (r == SQLITE_OK) {
        r = sqlite3_step(q);
        bad = r == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0;
    }
    sqlite3_finalize(q);
    return bad || r == SQLITE_CORRUPT || r == SQLITE_NOTADB;
}

static sqlite3 *try_open(const char *path, struct err *e, bool *bad)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

    *bad = false;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        err_set(e, ERR_IO, "%s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, 1000);
    if (damaged(db)) {
        *bad = true;
        err_set(e, ERR_IO, "%s: is damaged", path);
        sqlite3_close(db);
        return NULL;
    }
    if (store_check_version(db, path, e) != ERR_OK) {
        /* Not even its journal is folded in: it is not ours to touch. */
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_close(db);
        return NULL;
    }
    /* FULL: what is acknowledged survives a power cut, so that energy never falls. The cache is full
     * within minutes, so that a store that grows does not make the process grow. */
    if (!run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
                 "PRAGMA cache_size=-64; PRAGMA wal_autocheckpoint=256")) {
        err_set(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(db));
        sqlite3_close(db);
        return NULL;
    }
    if (migrate(db, path, e) != ERR_OK) {
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

sqlite3 *store_database(const char *path, struct err *e)
{
    bool bad;
    sqlite3 *db = try_open(path, e, &bad);
    char aside[600];

    if (!db && bad && set_aside(path, aside, sizeof(aside))) {
        db = try_open(path, e, &bad);
        if (db) {
            err_set(e, ERR_OK, "%s was damaged: it is kept as %s, a new store begins empty",
                    path, aside);
        }
    }
    return db;
}

/* ---- reading ---- */

static void text(sqlite3_stmt *q, int column, char *dst, size_t room)
{
    const unsigned char *s = sqlite3_column_text(q, column);

    str_copy(dst, room, s ? (const char *)s : "");
}

/* Room for one more of size bytes in *rows; NULL: no memory. */
static void *more(void **rows, int *n, size_t size)
{
    if (*n % ROWS_GROW == 0) {
        void *p = realloc(*rows, (size_t)(*n + ROWS_GROW) * size);

        if (!p) {
            return NULL;
        }
        *rows = p;
    }
    void *row = (char *)*rows + (size_t)(*n)++ * size;

    memset(row, 0, size);
    return row;
}

static void read_charger(sqlite3_stmt *q, struct store_image *im)
{
    struct store_charger *c = more((void **)&im->charger, &im->chargers, sizeof(*c));

    if (!c) {
        return;
    }
    text(q, 0, c->id, sizeof(c->id));
    text(q, 1, c->bus, sizeof(c->bus));
    text(q, 2, c->port, sizeof(c->port));
    c->twc_id = (uint16_t)sqlite3_column_int(q, 3);
    c->protocol = (uint8_t)sqlite3_column_int(q, 4);
    c->sign = (uint8_t)sqlite3_column_int(q, 5);
    c->hw_max_ma = sqlite3_column_int(q, 6);
    c->told_ma = sqlite3_column_int(q, 7);
    c->energy_wh = sqlite3_column_int64(q, 8);
    c->energy_mws = sqlite3_column_int64(q, 9);
    c->counter_wh = sqlite3_column_int64(q, 10);
    c->anchor_wh = sqlite3_column_int64(q, 11);
    c->power_w = sqlite3_column_int64(q, 12);
    c->session_wh = sqlite3_column_int64(q, 13);
    c->session_start_utc_ms = sqlite3_column_int64(q, 14);
    c->session_number = (uint32_t)sqlite3_column_int64(q, 15);
    c->session_open = sqlite3_column_int(q, 16) != 0;
    c->starts = (uint32_t)sqlite3_column_int64(q, 17);
    c->stops_used = sqlite3_column_int(q, 18);
    text(q, 19, c->serial, sizeof(c->serial));
    text(q, 20, c->firmware, sizeof(c->firmware));
    c->seen_utc_ms = sqlite3_column_int64(q, 21);
    c->removed = sqlite3_column_int(q, 22) != 0;
    text(q, 23, c->session.vehicle, sizeof(c->session.vehicle)); /* these are 0 without a row */
    c->session.end_utc_ms = sqlite3_column_int64(q, 24);
    c->session.charging_ms = sqlite3_column_int64(q, 25);
    c->session.max_power_w = sqlite3_column_int64(q, 26);
    c->sent_boot_ms = sqlite3_column_int64(q, 28);
    c->session.estimated = sqlite3_column_int(q, 27) != 0;
}

static void read_setting(sqlite3_stmt *q, struct store_image *im)
{
    struct store_setting *s = more((void **)&im->setting, &im->settings, sizeof(*s));

    if (s) {
        text(q, 0, s->device, sizeof(s->device));
        text(q, 1, s->key, sizeof(s->key));
        text(q, 2, s->value, sizeof(s->value));
        text(q, 3, s->file_value, sizeof(s->file_value));
    }
}

static void read_lease(sqlite3_stmt *q, struct store_image *im)
{
    struct store_lease *s = more((void **)&im->lease, &im->leases, sizeof(*s));

    if (!s) {
        return;
    }
    s->lease.id = (uint32_t)sqlite3_column_int64(q, 0);
    text(q, 1, s->device, sizeof(s->device));
    s->lease.kind = sqlite3_column_int(q, 2) == LEASE_CEILING ? LEASE_CEILING : LEASE_REQUEST;
    s->lease.scope = (enum lease_scope)(sqlite3_column_int(q, 3) % 3);
    s->lease.hold = (enum lease_hold)(sqlite3_column_int(q, 4) % 4);
    s->lease.ends_at_unplug = sqlite3_column_int(q, 5) != 0;
    s->lease.fallen_back = sqlite3_column_int(q, 6) != 0;
    s->lease.value_ma = sqlite3_column_int(q, 7);
    s->lease.priority = (uint8_t)(sqlite3_column_int(q, 8) % 10);
    s->lease.since_ms = sqlite3_column_int64(q, 9);
    s->lease.expires_ms = sqlite3_column_int64(q, 10);
    s->expires_utc_ms = sqlite3_column_int64(q, 11);
    text(q, 12, s->lease.owner, sizeof(s->lease.owner));
    text(q, 13, s->lease.reason, sizeof(s->lease.reason));
    im->lease_id = s->lease.id > im->lease_id ? s->lease.id : im->lease_id;
}

static void read_text(sqlite3_stmt *q, const char *key, struct store_image *im)
{
    char *text = strdup((const char *)sqlite3_column_text(q, 1));
    struct store_text *t = text ? more((void **)&im->text, &im->texts, sizeof(*t)) : NULL;

    if (t) {
        str_copy(t->key, sizeof(t->key), key);
        t->text = text;
    } else {
        free(text);
    }
}

static void read_meta(sqlite3_stmt *q, struct store_image *im)
{
    char key[sizeof(((struct store_text *)0)->key) + 8], value[64], boot[40];
    int64_t v = 0;

    text(q, 0, key, sizeof(key));
    text(q, 1, value, sizeof(value));
    (void)!str_int(value, strlen(value), &v);
    if (strcmp(key, "good_settings") == 0) {
        im->good_settings = strdup((const char *)sqlite3_column_text(q, 1));
    } else if (strncmp(key, "text/", 5) == 0) {
        read_text(q, key + 5, im);
    } else if (strcmp(key, "written_utc_ms") == 0) {
        im->written_utc_ms = v;
    } else if (strcmp(key, "written_boot_ms") == 0) {
        im->written_boot_ms = v;
    } else if (strcmp(key, "lease_id") == 0) {
        im->lease_id = (uint32_t)v > im->lease_id ? (uint32_t)v : im->lease_id;
    } else if (strcmp(key, "boot_id") == 0) {
        store_boot_id(boot);
        im->same_boot = strcmp(boot, value) == 0 && boot[0] != '\0';
    }
}

static void read_event(sqlite3_stmt *q, struct store_image *im)
{
    struct store_event *ev = more((void **)&im->event, &im->events, sizeof(*ev));

    if (ev) {
        ev->utc_ms = sqlite3_column_int64(q, 0);
        text(q, 1, ev->topic, sizeof(ev->topic));
        text(q, 2, ev->json, sizeof(ev->json));
    }
}

static void read_decision(sqlite3_stmt *q, struct store_image *im)
{
    im->decision_id = (uint64_t)sqlite3_column_int64(q, 0);
}

enum err_code store_read(sqlite3 *db, struct store_image *image, struct err *e)
{
    static const struct {
        const char *sql;
        void (*read)(sqlite3_stmt *q, struct store_image *im);
    } queries[] = {
            {"SELECT id,bus,port,twc_id,protocol,sign,hw_max_ma,told_ma,"
             "charger.energy_wh,energy_mws,"
             "counter_wh,anchor_wh,power_w,session_wh,session_start_utc_ms,session_number,"
             "session_open,starts,stops_used,serial,firmware,seen_utc_ms,removed,vehicle,"
             "end_utc_ms,charging_ms,max_power_w,estimated,sent_boot_ms FROM charger LEFT JOIN session ON "
             "charger=id AND number=session_number",
                    read_charger},
            {"SELECT device,key,value,file_value FROM setting", read_setting},
            {"SELECT id,device,kind,scope,hold,ends_at_unplug,fallen_back,value_ma,priority,"
             "since_ms,expires_ms,expires_utc_ms,owner,reason FROM lease",
                    read_lease},
            {"SELECT key,value FROM meta", read_meta},
            {"SELECT max(id) FROM decision", read_decision},
            {"SELECT utc_ms,topic,json FROM (SELECT * FROM event WHERE published=0 "
             "ORDER BY n DESC LIMIT 256) ORDER BY n",
                    read_event},
    };

    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        sqlite3_stmt *q = NULL;
        int r = sqlite3_prepare_v2(db, queries[i].sql, -1, &q, NULL);

        while (r == SQLITE_OK || r == SQLITE_ROW) {
            r = sqlite3_step(q);
            if (r == SQLITE_ROW) {
                queries[i].read(q, image);
            }
        }
        sqlite3_finalize(q);
        if (r != SQLITE_DONE) {
            return err_set(e, ERR_IO, "the store cannot be read: %s", sqlite3_errmsg(db));
        }
    }
    return ERR_OK;
}

/* What the last checkpoint wrote; a journal is not looked at, nothing is made beside the file. */
static sqlite3 *open_immutable(const char *path)
{
    static const char hex[] = "0123456789abcdef";
    char uri[1600] = "file:";
    size_t n = strlen(uri);
    sqlite3 *db = NULL;

    for (const char *p = path; *p != '\0' && n + 16 < sizeof(uri); p++) {
        if (*p == '%' || *p == '?' || *p == '#') {
            uri[n++] = '%';
            uri[n++] = hex[*p >> 4];
            uri[n++] = hex[*p & 15];
        } else {
            uri[n++] = *p;
        }
    }
    str_copy(uri + n, sizeof(uri) - n, "?immutable=1");
    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                NULL) != SQLITE_OK) {
        sqlite3_close(db);
        return NULL;
    }
    return db;
}

void store_read_only(const char *path, struct store_image *image)
{
    sqlite3 *db = open_immutable(path);

    if (!db || damaged(db) || store_check_version(db, path, NULL) != ERR_OK ||
            store_read(db, image, NULL) != ERR_OK) {
        store_image_finish(image);
    }
    sqlite3_close(db);
}

sqlite3 *store_reader(const char *path, struct err *e)
{
    sqlite3 *db = NULL;

    if (access(path, F_OK) != 0) {
        err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                errno == ENOENT ? "there is no such file" : strerror(errno));
        return NULL;
    }
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK) {
        sqlite3_busy_timeout(db, READ_BUSY_MS);
        if (user_version(db) < 0 && sqlite3_errcode(db) == SQLITE_CANTOPEN) {
            sqlite3_close(db); /* a journal cannot be made: nobody has it open */
            db = open_immutable(path);
        }
    }
    if (!db || user_version(db) < 0) {
        bool foreign = db && sqlite3_errcode(db) == SQLITE_NOTADB;

        err_set(e, foreign ? ERR_REFUSED : ERR_IO, "%s: %s", path,
                db ? sqlite3_errmsg(db) : "cannot be opened");
    } else if (store_check_version(db, path, e) == ERR_OK) {
        return db;
    }
    sqlite3_close(db);
    return NULL;
}

const char *store_text_of(const struct store_image *image, const char *key)
{
    for (int i = 0; i < image->texts; i++) {
        if (strcmp(image->text[i].key, key) == 0) {
            return image->text[i].text;
        }
    }
    return NULL;
}

void store_image_finish(struct store_image *i)
{
    free(i->charger);
    free(i->setting);
    free(i->lease);
    free(i->event);
    free(i->good_settings);
    for (int k = 0; k < i->texts; k++) {
        free(i->text[k].text);
    }
    free(i->text);
    memset(i, 0, sizeof(*i));
}
