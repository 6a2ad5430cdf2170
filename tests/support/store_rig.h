/*
 * store_rig - a store in a folder of its own on a real loop, and a clock that can be put forward.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_STORE_RIG_H
#define TESTS_SUPPORT_STORE_RIG_H

#include "bridge/base/macros.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/store/store_private.h"
#include "tests/support/rig.h"

enum { WAIT_MS = 5000, GRACE_MS = 5000, RETRY_MS = 31000 };

struct fixture {
    uv_loop_t loop;
    char dir[TEST_DIR_ROOM], path[TEST_DIR_ROOM + 32];
    struct store *store;
    struct store_image image;
    struct err err;
    int acks, good;
    int64_t on_disk_wh; /* seen by another connection inside the acknowledgement */
};

/* The clock of the store can be put forward (--wrap in CMakeLists.txt). */
int64_t __real_loop_now_ms(void);
int64_t __wrap_loop_now_ms(void);
static int64_t skew_ms;

int64_t __wrap_loop_now_ms(void)
{
    return __real_loop_now_ms() + skew_ms;
}

/* One number out of the database, by a connection of our own; -1: no row. */
static inline int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    int64_t v = -1;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
            sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK &&
            sqlite3_step(q) == SQLITE_ROW) {
        v = sqlite3_column_int64(q, 0);
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    return v;
}

static inline void order(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static inline void on_ack(void *user, bool ok)
{
    struct fixture *f = user;

    f->acks++;
    f->good += ok;
    f->on_disk_wh = ask(f->path, "SELECT energy_wh FROM charger WHERE id='a1b2'");
}

static inline int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    if (!test_dir(f->dir)) {
        return -1;
    }
    str_format(f->path, sizeof(f->path), "%s/twcbridge.db", f->dir);
    *state = f;
    return 0;
}

static inline enum err_code open_store(struct fixture *f)
{
    memset(&f->err, 0, sizeof(f->err));
    return store_open(&f->loop, f->dir, &f->store, &f->image, &f->err);
}

static inline void close_store(struct fixture *f)
{
    store_close(f->store, GRACE_MS);
    f->store = NULL;
    store_image_finish(&f->image);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    close_store(f);
    rig_close(&f->loop);
    test_dir_remove(f->dir);
    test_free(f);
    skew_ms = 0;
    return 0;
}

static inline void reopen(struct fixture *f)
{
    close_store(f);
    check_i64(open_store(f), ERR_OK);
}

static inline struct store_charger a_charger(int64_t energy_wh)
{
    struct store_charger c = {.id = "a1b2",
            .bus = "bus_1",
            .port = "/dev/serial/by-id/x",
            .twc_id = 0xA1B2,
            .protocol = 2,
            .sign = 0xFE,
            .hw_max_ma = 32000,
            .told_ma = -1,
            .energy_wh = energy_wh,
            .energy_mws = 3599999,
            .counter_wh = 1234000,
            .anchor_wh = INT64_MIN,
            .power_w = 11040,
            .session_wh = 900,
            .session_start_utc_ms = 1790000000000,
            .session_number = 4000000000u,
            .session_open = true,
            .starts = 7,
            .stops_used = 2,
            .serial = "A19F000a1b2",
            .firmware = "4.5.3",
            .seen_utc_ms = 1790000001000,
            .sent_boot_ms = 987654321012,
            .removed = true};

    return c;
}

static inline void put(struct fixture *f, int64_t energy_wh)
{
    struct store_charger c = a_charger(energy_wh);

    store_put_charger(f->store, &c, on_ack, f);
}

/* n chargers with ids 0000, 0001, ... and as many Wh. */
static inline void put_many(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        struct store_charger c = a_charger(i);

        str_format(c.id, sizeof(c.id), "%04d", i);
        store_put_charger(f->store, &c, NULL, NULL);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
