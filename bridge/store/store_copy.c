/*
 * store_copy - see store_copy.h. SPDX-License-Identifier: MIT
 */
#include "bridge/store/store_copy.h"

#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int store_lock(const char *dir, struct err *e)
{
    char path[STORE_PATH_ROOM];
    struct stat st;
    int fd;

    if (!str_format(path, sizeof(path), "%s/twcbridge.lock", dir)) {
        err_set(e, ERR_IO, "the path of the store is too long: %.100s...", dir);
        return -1;
    }
    fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err_set(e, ERR_REFUSED, "%s: another bridge, or a restore, uses this store", dir);
        close(fd);
        return -1;
    }
    if (geteuid() == 0 && stat(dir, &st) == 0) {
        (void)!fchown(fd, st.st_uid, st.st_gid); /* the service must be able to open it */
    }
    return fd;
}

/* One number; -1: none. */
static int64_t number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t v = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
            sqlite3_step(q) == SQLITE_ROW) {
        v = sqlite3_column_int64(q, 0);
    }
    sqlite3_finalize(q);
    return v;
}

static enum err_code check_ours(sqlite3 *db, const char *path, struct err *e)
{
    int64_t tables =
            number(db, "SELECT count(*) FROM sqlite_master WHERE type='table' AND name "
                       "IN ('meta','charger','setting','lease','decision','event')");

    if (tables < 0) {
        return err_set(e, ERR_REFUSED, "%s: %s", path, sqlite3_errmsg(db));
    }
    if (tables != 6) {
        return err_set(e, ERR_REFUSED, "%s: is not a store of this program", path);
    }
    return ERR_OK;
}

static enum err_code check_whole(sqlite3 *db, const char *path, struct err *e)
{
    sqlite3_stmt *q = NULL;
    char text[160] = "";
    int r = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &q, NULL);

    if (r == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW) {
        str_copy(text, sizeof(text), (const char *)sqlite3_column_text(q, 0));
    }
    sqlite3_finalize(q);
    if (strcmp(text, "ok") != 0) {
        return err_set(e, ERR_REFUSED, "%s: is damaged: %s", path,
                text[0] != '\0' ? text : sqlite3_errmsg(db));
    }
    return ERR_OK;
}

/* Reads only; NULL and a sentence where it is no store that this program may read. */
static sqlite3 *open_source(const char *path, struct err *e)
{
    sqlite3 *db = store_reader(path, e);

    if (db && check_ours(db, path, e) != ERR_OK) {
        sqlite3_close(db);
        db = NULL;
    }
    return db;
}

static enum err_code copy_pages(sqlite3 *from, sqlite3 *to, const char *path, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int r = b ? sqlite3_backup_step(b, -1) : SQLITE_ERROR;

    sqlite3_backup_finish(b);
    return r == SQLITE_DONE ? ERR_OK
                            : err_set(e, ERR_IO, "%s: %s", path,
                                      b ? sqlite3_errstr(r) : sqlite3_errmsg(to));
}

/* A new file at path with the pages of `from`, after `sql`, checked and on the disk. */
static enum err_code copy_to(sqlite3 *from, const char *path, const char *sql, struct err *e)
{
    sqlite3 *to = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err_code code = ERR_OK;

    if (fd < 0) {
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
            SQLITE_OK) {
        code = err_set(e, ERR_IO, "%s: %s", path, to ? sqlite3_errmsg(to) : "out of memory");
    }
    code = code == ERR_OK ? copy_pages(from, to, path, e) : code;
    if (code == ERR_OK && sqlite3_exec(to, sql, NULL, NULL, NULL) != SQLITE_OK) {
        code = err_set(e, ERR_IO, "%s: %s", path, sqlite3_errmsg(to));
    }
    code = code == ERR_OK ? check_whole(to, path, e) : code;
    sqlite3_close(to);
    if (code == ERR_OK && fsync(fd) != 0) {
        code = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    }
    close(fd);
    return code;
}

/* The rename, and the folder that says so, are on the disk. */
static enum err_code put_in_place(const char *part, const char *path, struct err *e)
{
    char dir[STORE_PATH_ROOM];
    char *slash;
    int fd;

    if (rename(part, path) != 0) {
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    }
    str_copy(dir, sizeof(dir), path);
    slash = strrchr(dir, '/');
    if (slash) {
        slash[slash == dir ? 1 : 0] = '\0';
    }
    fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
    return ERR_OK;
}

/* What stands where a backup shall go may be an older backup, nothing else. */
static enum err_code check_target(const char *store, const char *to, struct err *e)
{
    struct stat a, b;
    struct err why = {0};
    sqlite3 *db;

    if (lstat(to, &b) != 0) {
        return ERR_OK;
    }
    if (stat(store, &a) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev) {
        return err_set(e, ERR_REFUSED, "%s: is the store itself", to);
    }
    db = S_ISREG(b.st_mode) && b.st_size > 0 ? open_source(to, &why) : NULL;
    if (!db) {
        return err_set(e, ERR_REFUSED, "%s: exists and is no backup: it is not replaced", to);
    }
    sqlite3_close(db);
    return ERR_OK;
}

enum err_code store_backup(const char *dir, const char *to, struct err *e)
{
    char store[STORE_PATH_ROOM], part[STORE_PATH_ROOM];
    sqlite3 *from;
    enum err_code code;

    if (!str_format(store, sizeof(store), "%s/twcbridge.db", dir) ||
            !str_format(part, sizeof(part), "%s.part", to)) {
        return err_set(e, ERR_INVALID, "the path is too long: %.100s...", to);
    }
    from = open_source(store, e);
    if (!from) {
        return e ? e->code : ERR_IO;
    }
    code = check_target(store, to, e);
    if (code == ERR_OK) {
        /* One file, without a journal beside it. */
        code = copy_to(from, part, "PRAGMA journal_mode=DELETE", e);
        code = code == ERR_OK ? put_in_place(part, to, e) : code;
        if (code != ERR_OK) {
            unlink(part);
        }
    }
    sqlite3_close(from);
    return code;
}

/* The store that is replaced, as one file; one that cannot be opened keeps its journal. */
static enum err_code keep_old(const char *store, char *aside, struct err *e)
{
    char wal[STORE_PATH_ROOM + 8], to[STORE_PATH_ROOM + 8];
    sqlite3 *db = NULL;

    if (access(store, F_OK) != 0) {
        aside[0] = '\0';
        return ERR_OK;
    }
    if (sqlite3_open_v2(store, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
            SQLITE_OK) {
        (void)!sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
    }
    sqlite3_close(db);
    str_format(aside, STORE_PATH_ROOM, "%s.replaced-%lld", store,
            (long long)(loop_utc_ms() / 1000));
    if (link(store, aside) != 0) {
        return err_set(e, ERR_IO, "%s: %s", aside, strerror(errno));
    }
    str_format(wal, sizeof(wal), "%s-wal", store);
    str_format(to, sizeof(to), "%s-wal", aside);
    if (access(wal, F_OK) == 0 && rename(wal, to) != 0) {
        return err_set(e, ERR_IO, "%s: %s", to, strerror(errno));
    }
    str_format(wal, sizeof(wal), "%s-shm", store);
    unlink(wal);
    return ERR_OK;
}

/* What was true then must not be acted on: chargers are looked for anew, leases need a clock that
 * can be trusted, old events are not sent. */
static const char make_old[] =
        "PRAGMA journal_mode=DELETE;"
        "UPDATE meta SET value='0' WHERE key IN ('written_utc_ms','written_boot_ms');"
        "DELETE FROM meta WHERE key='boot_id';"
        "UPDATE event SET published=1";

static enum err_code replace(
        sqlite3 *from, const char *dir, const char *store, char *aside, struct err *e)
{
    char part[STORE_PATH_ROOM + 16];
    struct stat st;
    enum err_code code;

    str_format(part, sizeof(part), "%s.restore", store);
    code = copy_to(from, part, make_old, e);
    if (code == ERR_OK && geteuid() == 0 && stat(dir, &st) == 0 &&
            chown(part, st.st_uid, st.st_gid) != 0) {
        code = err_set(e, ERR_IO, "%s: %s", part, strerror(errno));
    }
    code = code == ERR_OK ? keep_old(store, aside, e) : code;
    code = code == ERR_OK ? put_in_place(part, store, e) : code;
    if (code != ERR_OK) {
        unlink(part);
    }
    return code;
}

enum err_code store_restore(
        const char *dir, const char *from, char aside[static STORE_PATH_ROOM], struct err *e)
{
    char store[STORE_PATH_ROOM];
    sqlite3 *db;
    enum err_code code;
    int lock;

    aside[0] = '\0';
    if (!str_format(store, sizeof(store), "%s/twcbridge.db", dir) ||
            strlen(store) + 40 > STORE_PATH_ROOM) {
        return err_set(e, ERR_INVALID, "the path is too long: %.100s...", dir);
    }
    db = open_source(from, e);
    if (!db) {
        return e ? e->code : ERR_IO;
    }
    lock = store_lock(dir, e);
    code = lock < 0 ? (e ? e->code : ERR_IO) : check_whole(db, from, e);
    code = code == ERR_OK ? replace(db, dir, store, aside, e) : code;
    sqlite3_close(db);
    if (lock >= 0) {
        close(lock);
    }
    return code;
}
