/*
 * store_why - see store_why.h. SPDX-License-Identifier: MIT
 */
#include "bridge/store/store_why.h"

#include "bridge/base/str.h"
#include "bridge/store/store_copy.h"
#include "bridge/store/store_private.h"

#include <string.h>

enum { WHY_CHARGERS = 64 };

struct names {
    char id[WHY_CHARGERS][48];
    int count;
};

static const char *text(sqlite3_stmt *q, int column)
{
    const unsigned char *s = sqlite3_column_text(q, column);

    return s ? (const char *)s : "";
}

static enum err_code failed(sqlite3 *db, struct err *e)
{
    return err_set(e, ERR_IO, "the store cannot be read: %s", sqlite3_errmsg(db));
}

static enum err_code read_names(sqlite3 *db, struct names *n, struct err *e)
{
    sqlite3_stmt *q = NULL;
    int r = sqlite3_prepare_v2(db,
            "SELECT id FROM charger UNION SELECT charger FROM decision "
            "ORDER BY 1",
            -1, &q, NULL);

    while (r == SQLITE_OK || r == SQLITE_ROW) {
        r = sqlite3_step(q);
        if (r == SQLITE_ROW && n->count < WHY_CHARGERS) {
            str_copy(n->id[n->count++], sizeof(n->id[0]), text(q, 0));
        }
    }
    sqlite3_finalize(q);
    return r == SQLITE_DONE ? ERR_OK : failed(db, e);
}

static void tell(sqlite3_stmt *q, const char *charger, bool last, store_why_fn *fn, void *user)
{
    struct store_why row = {
            .charger = charger,
            .utc_ms = sqlite3_column_int64(q, 0),
            .before_ma = sqlite3_column_int(q, 1),
            .after_ma = sqlite3_column_int(q, 2),
            .requested_ma = sqlite3_column_int(q, 3),
            .booked_ma = sqlite3_column_int(q, 4),
            .limited_by = text(q, 5),
            .owner = text(q, 6),
            .reason = text(q, 7),
            .next_utc_ms = sqlite3_column_int64(q, 8),
            .last = last,
    };

    fn(user, &row);
}

/* The rows come newest first, so the one with the highest id is told last by counting down. */
static const char newest[] =
        "SELECT utc_ms,before_ma,after_ma,requested_ma,booked_ma,limited_by,owner,reason,"
        "(SELECT n.utc_ms FROM decision n WHERE n.id>d.id AND n.charger=?1 ORDER BY n.id LIMIT 1),"
        "id=max(id) OVER () FROM (SELECT * FROM decision WHERE charger=?1 AND utc_ms<=?2 "
        "ORDER BY id DESC LIMIT ?3) d ORDER BY id";

static enum err_code read_charger(sqlite3 *db, const struct store_why_query *w,
        const char *charger, store_why_fn *fn, void *user)
{
    sqlite3_stmt *q = NULL;
    int r = sqlite3_prepare_v2(db, newest, -1, &q, NULL);

    if (r == SQLITE_OK) {
        sqlite3_bind_text(q, 1, charger, -1, SQLITE_STATIC);
        sqlite3_bind_int64(q, 2, w->at_utc_ms);
        sqlite3_bind_int(q, 3, w->rows);
    }
    while (r == SQLITE_OK || r == SQLITE_ROW) {
        r = sqlite3_step(q);
        if (r == SQLITE_ROW) {
            tell(q, charger, sqlite3_column_int(q, 9) != 0, fn, user);
        }
    }
    sqlite3_finalize(q);
    return r == SQLITE_DONE ? ERR_OK : ERR_IO;
}

static enum err_code no_such(const struct names *n, const char *charger, struct err *e)
{
    char list[160] = "none";

    for (int i = 0; i < n->count; i++) {
        size_t len = i == 0 ? 0 : strlen(list);

        str_format(list + len, sizeof(list) - len, "%s%s", i == 0 ? "" : ", ", n->id[i]);
    }
    return err_set(e, ERR_NOT_FOUND, "charger %.40s: the store has no such one, it has: %s",
            charger, list);
}

enum err_code store_why(
        const struct store_why_query *w, store_why_fn *fn, void *user, struct err *e)
{
    char path[STORE_PATH_ROOM];
    struct names names = {.count = 0};
    enum err_code code;
    bool any = false;
    sqlite3 *db;

    if (!str_format(path, sizeof(path), "%s/twcbridge.db", w->dir)) {
        return err_set(e, ERR_INVALID, "the path is too long: %.100s...", w->dir);
    }
    db = store_reader(path, e);
    if (!db) {
        return e ? e->code : ERR_IO;
    }
    code = read_names(db, &names, e);
    for (int i = 0; i < names.count && code == ERR_OK; i++) {
        if (!w->charger || strcmp(w->charger, names.id[i]) == 0) {
            any = true;
            code = read_charger(db, w, names.id[i], fn, user);
            code = code == ERR_OK ? code : failed(db, e);
        }
    }
    sqlite3_close(db);
    if (code == ERR_OK && w->charger && !any) {
        code = no_such(&names, w->charger, e);
    }
    return code;
}
