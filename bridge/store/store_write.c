/*
 * store_write - a batch of rows, one transaction, on the worker's thread.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/loop.h"
#include "bridge/store/store_private.h"

#include <string.h>

/* Values are bound in the order of the columns; n counts them. */
struct binder {
    sqlite3_stmt *q;
    int n;
};

static void bind_int(struct binder *b, int64_t v)
{
    sqlite3_bind_int64(b->q, ++b->n, v);
}

static void bind_text(struct binder *b, const char *s)
{
    sqlite3_bind_text(b->q, ++b->n, s, -1, SQLITE_STATIC);
}

static void bind_charger(struct binder *b, const struct store_op *op)
{
    const struct store_charger *c = &op->row.charger;

    bind_text(b, c->id);
    bind_text(b, c->bus);
    bind_text(b, c->port);
    bind_int(b, c->twc_id);
    bind_int(b, c->protocol);
    bind_int(b, c->sign);
    bind_int(b, c->hw_max_ma);
    bind_int(b, c->told_ma);
    bind_int(b, c->energy_wh);
    bind_int(b, c->energy_mws);
    bind_int(b, c->counter_wh);
    bind_int(b, c->anchor_wh);
    bind_int(b, c->power_w);
    bind_int(b, c->session_wh);
    bind_int(b, c->session_start_utc_ms);
    bind_int(b, c->session_number);
    bind_int(b, c->session_open);
    bind_int(b, c->starts);
    bind_int(b, c->stops_used);
    bind_text(b, c->serial);
    bind_text(b, c->firmware);
    bind_int(b, c->seen_utc_ms);
    bind_int(b, c->removed);
    bind_int(b, c->sent_boot_ms);
}

static void bind_setting(struct binder *b, const struct store_op *op)
{
    bind_text(b, op->row.setting.device);
    bind_text(b, op->row.setting.key);
    bind_text(b, op->row.setting.value);
    bind_text(b, op->row.setting.file_value);
}

static void bind_lease(struct binder *b, const struct store_op *op)
{
    const struct lease *l = &op->row.lease.lease;

    bind_int(b, l->id);
    bind_text(b, op->row.lease.device);
    bind_int(b, l->kind);
    bind_int(b, l->scope);
    bind_int(b, l->hold);
    bind_int(b, l->ends_at_unplug);
    bind_int(b, l->fallen_back);
    bind_int(b, l->value_ma);
    bind_int(b, l->priority);
    bind_int(b, l->since_ms);
    bind_int(b, l->expires_ms);
    bind_int(b, op->row.lease.expires_utc_ms);
    bind_text(b, l->owner);
    bind_text(b, l->reason);
}

static void bind_drop(struct binder *b, const struct store_op *op)
{
    bind_int(b, op->lease_id);
}

static void bind_decision(struct binder *b, const struct store_op *op)
{
    const struct decision *d = &op->row.decision;

    bind_int(b, (int64_t)d->id);
    bind_int(b, op->utc_ms);
    bind_text(b, op->charger);
    bind_int(b, d->before_ma);
    bind_int(b, d->after_ma);
    bind_int(b, d->requested_ma);
    bind_int(b, d->booked_ma);
    bind_text(b, limited_by_names[d->limited_by]);
    bind_text(b, d->owner);
    bind_text(b, d->reason);
}

static void bind_event(struct binder *b, const struct store_op *op)
{
    bind_int(b, op->row.event.utc_ms);
    bind_text(b, op->row.event.topic);
    bind_text(b, op->row.event.json);
    bind_int(b, op->row.event.published);
}

static void bind_nothing(struct binder *b, const struct store_op *op)
{
    (void)b;
    (void)op;
}

static void bind_good(struct binder *b, const struct store_op *op)
{
    bind_text(b, op->row.text);
}

static void bind_kept(struct binder *b, const struct store_op *op)
{
    bind_text(b, op->row.text);
    bind_text(b, op->row.text + strlen(op->row.text) + 1);
}

static const struct {
    const char *sql;
    void (*bind)(struct binder *b, const struct store_op *op);
} writes[] = {
        [STORE_CHARGER] = {"INSERT OR REPLACE INTO charger VALUES "
                           "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                bind_charger},
        [STORE_SETTING] = {"INSERT OR REPLACE INTO setting VALUES (?,?,?,?)", bind_setting},
        [STORE_LEASE] = {"INSERT OR REPLACE INTO lease VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                bind_lease},
        [STORE_DROP_LEASE] = {"DELETE FROM lease WHERE id=?", bind_drop},
        [STORE_DECISION] = {"INSERT OR REPLACE INTO decision VALUES (?,?,?,?,?,?,?,?,?,?)",
                bind_decision},
        [STORE_EVENT] = {"INSERT INTO event (utc_ms,topic,json,published) VALUES (?,?,?,?)",
                bind_event},
        [STORE_EVENTS_SENT] = {"UPDATE event SET published=1 WHERE published=0", bind_nothing},
        [STORE_GOOD_SETTINGS] = {"INSERT OR REPLACE INTO meta VALUES ('good_settings',?)",
                bind_good},
        [STORE_TEXT] = {"INSERT OR REPLACE INTO meta VALUES ('text/' || ?,?)", bind_kept},
};

/* The highest id ever used: it outlives the lease, so that no id comes twice. */
static bool keep_lease_id(sqlite3 *db, uint32_t id)
{
    sqlite3_stmt *q = NULL;
    bool ok = sqlite3_prepare_v2(db,
                      "INSERT INTO meta VALUES ('lease_id',?1) ON CONFLICT (key) DO UPDATE SET "
                      "value=max(CAST(value AS INTEGER),?1)",
                      -1, &q, NULL) == SQLITE_OK;

    if (ok) {
        sqlite3_bind_int64(q, 1, id);
        ok = sqlite3_step(q) == SQLITE_DONE;
    }
    sqlite3_finalize(q);
    return ok;
}

/* The session of a charger. An older one of it that is still open ended while nothing could be
 * written: all that is known of its end is when it was last heard of. */
static bool write_session(sqlite3 *db, const struct store_charger *c)
{
    static const char *const sql[] = {
            "UPDATE session SET end_utc_ms=updated_utc_ms,why='not_known' "
            "WHERE charger=?1 AND number<?2 AND end_utc_ms=0",
            "INSERT OR REPLACE INTO session VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    };
    bool ok = true;

    for (size_t i = 0; i < ARRAY_LEN(sql) && ok; i++) {
        struct binder b = {NULL, 0};

        ok = sqlite3_prepare_v2(db, sql[i], -1, &b.q, NULL) == SQLITE_OK;
        if (ok) {
            bind_text(&b, c->id);
            bind_int(&b, c->session_number);
            if (i > 0) {
                bind_text(&b, c->session.vehicle);
                bind_int(&b, c->session_start_utc_ms);
                bind_int(&b, c->session.end_utc_ms);
                bind_int(&b, c->session_wh);
                bind_int(&b, c->session.charging_ms);
                bind_int(&b, c->session.max_power_w);
                bind_int(&b, c->session.estimated);
                bind_text(&b, c->session.why ? c->session.why : "");
                bind_int(&b, loop_utc_ms());
            }
            ok = sqlite3_step(b.q) == SQLITE_DONE;
        }
        sqlite3_finalize(b.q);
    }
    return ok;
}

static bool write_one(sqlite3 *db, const struct store_op *op)
{
    struct binder b = {NULL, 0};
    bool ok = sqlite3_prepare_v2(db, writes[op->kind].sql, -1, &b.q, NULL) == SQLITE_OK;

    if (ok) {
        writes[op->kind].bind(&b, op);
        ok = sqlite3_step(b.q) == SQLITE_DONE;
    }
    sqlite3_finalize(b.q);
    if (ok && op->kind == STORE_LEASE) {
        ok = keep_lease_id(db, op->row.lease.lease.id);
    }
    if (ok && op->kind == STORE_CHARGER && op->row.charger.session.due) {
        ok = write_session(db, &op->row.charger);
    }
    return ok;
}

/* When and in which boot this was written: decides between a warm and a cold start. */
static bool write_stamp(sqlite3 *db)
{
    sqlite3_stmt *q = NULL;
    char boot[40];
    bool ok = sqlite3_prepare_v2(db,
                      "INSERT OR REPLACE INTO meta VALUES ('written_utc_ms',?1),"
                      "('written_boot_ms',?2),('boot_id',?3)",
                      -1, &q, NULL) == SQLITE_OK;

    if (ok) {
        store_boot_id(boot);
        sqlite3_bind_int64(q, 1, loop_utc_ms());
        sqlite3_bind_int64(q, 2, loop_now_ms());
        sqlite3_bind_text(q, 3, boot, -1, SQLITE_TRANSIENT);
        ok = sqlite3_step(q) == SQLITE_DONE;
    }
    sqlite3_finalize(q);
    return ok;
}

/* Retention: what is older, or more, than anybody looks at. */
static const char retention[] =
        "DELETE FROM decision WHERE id <= (SELECT max(id) FROM decision) - 100000;"
        "DELETE FROM event WHERE n <= (SELECT max(n) FROM event) - 10000;";

/* By age. The newest rows are kept in any case: a clock that jumped must not cost the history. */
static bool prune(sqlite3 *db, const struct store_keep *keep)
{
    static const int64_t day_ms = 86400000;
    const int64_t days[] = {keep->sessions_days, keep->history_days, keep->history_days};
    static const char *const sql[] = {
            ("DELETE FROM session WHERE end_utc_ms<>0 AND end_utc_ms<?1 AND number<=(SELECT "
             "max(number) FROM session AS s WHERE s.charger=session.charger)-100"),
            "DELETE FROM decision WHERE utc_ms<?1 AND id<=(SELECT max(id) FROM decision)-1000",
            "DELETE FROM event WHERE utc_ms<?1 AND n<=(SELECT max(n) FROM event)-1000",
    };
    bool ok = true;

    for (size_t i = 0; i < ARRAY_LEN(sql) && ok; i++) {
        sqlite3_stmt *q = NULL;

        ok = sqlite3_prepare_v2(db, sql[i], -1, &q, NULL) == SQLITE_OK;
        if (ok) {
            sqlite3_bind_int64(q, 1, loop_utc_ms() - days[i] * day_ms);
            ok = sqlite3_step(q) == SQLITE_DONE;
        }
        sqlite3_finalize(q);
    }
    return ok;
}

enum err_code store_write(
        sqlite3 *db, const struct store_op *list, const struct store_keep *keep, struct err *e)
{
    bool ok = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    bool grows = false;

    for (const struct store_op *op = list; op && ok; op = op->next) {
        ok = write_one(db, op);
        grows = grows || op->kind == STORE_DECISION || op->kind == STORE_EVENT;
    }
    ok = ok && write_stamp(db) && (!keep || prune(db, keep)) &&
         (!grows || sqlite3_exec(db, retention, NULL, NULL, NULL) == SQLITE_OK) &&
         sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    if (ok) {
        return ERR_OK;
    }
    err_set(e, ERR_IO, "the store cannot be written: %s", sqlite3_errmsg(db));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return ERR_IO;
}
