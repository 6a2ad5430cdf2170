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

static const struct {
    const char *sql;
    void (*bind)(struct binder *b, const struct store_op *op);
} writes[] = {
        [STORE_CHARGER] = {"INSERT OR REPLACE INTO charger VALUES "
                           "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
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

enum err_code store_write(sqlite3 *db, const struct store_op *list, struct err *e)
{
    bool ok = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    bool grows = false;

    for (const struct store_op *op = list; op && ok; op = op->next) {
        ok = write_one(db, op);
        grows = grows || op->kind == STORE_DECISION || op->kind == STORE_EVENT;
    }
    ok = ok && write_stamp(db) &&
         (!grows || sqlite3_exec(db, retention, NULL, NULL, NULL) == SQLITE_OK) &&
         sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    if (ok) {
        return ERR_OK;
    }
    err_set(e, ERR_IO, "the store cannot be written: %s", sqlite3_errmsg(db));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return ERR_IO;
}
