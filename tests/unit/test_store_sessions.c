/*
 * Sessions in the store: written with their charger, closed when they were left open, migrated
 * from the first schema, thrown away by age. SPDX-License-Identifier: MIT
 */
#include "tests/support/store_rig.h"

static const int64_t day_ms = 86400000;

/* Session `number` of a charger, open until end_utc_ms says when it ended. */
static void put_session(struct fixture *f, uint32_t number, int64_t end_utc_ms)
{
    struct store_charger c = a_charger(100000);

    c.session_number = number;
    c.session_open = end_utc_ms == 0;
    c.session_start_utc_ms = 1000;
    c.session = (struct store_session){.vehicle = "5YJ3E1EA8KF000001",
            .end_utc_ms = end_utc_ms,
            .charging_ms = 7,
            .max_power_w = 11040,
            .estimated = true,
            .why = end_utc_ms != 0 ? "unplugged" : "",
            .due = true};
    store_put_charger(f->store, &c, on_ack, f);
}

static void check_text(const struct fixture *f, const char *sql, const char *want)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    check_str((const char *)sqlite3_column_text(q, 0), want);
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static void a_session_is_written_with_its_charger_and_comes_back(void **state)
{
    struct fixture *f = *state;
    const struct store_session *s;

    check_i64(open_store(f), ERR_OK);
    put_session(f, 3, 0);
    reopen(f); /* as after a kill: nobody closed the session */
    check_i64(f->image.chargers, 1);
    s = &f->image.charger[0].session;
    check_str(s->vehicle, "5YJ3E1EA8KF000001");
    check_i64(s->end_utc_ms, 0);
    check_i64(s->charging_ms, 7);
    check_i64(s->max_power_w, 11040);
    check_i64(s->estimated, true);
    put_session(f, 3, 5000);
    reopen(f);
    check_i64(f->image.charger[0].session.end_utc_ms, 5000);
    check_i64(ask(f->path, "SELECT count(*) FROM session"), 1);
    check_i64(ask(f->path, "SELECT energy_wh FROM session"), 900);
    check_text(f, "SELECT why FROM session", "unplugged");
}

static void a_charger_without_a_new_session_leaves_the_row_alone(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 1); /* not due */
    reopen(f);
    check_i64(ask(f->path, "SELECT count(*) FROM session"), 0);
    check_i64(f->image.charger[0].session.end_utc_ms, 0);
    check_str(f->image.charger[0].session.vehicle, "");
}

static void a_session_that_nobody_closed_ends_when_the_next_begins(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put_session(f, 3, 0);
    put_session(f, 5, 0); /* 4 and the end of 3 met a full disk */
    reopen(f);
    check_i64(ask(f->path, "SELECT count(*) FROM session WHERE end_utc_ms=0"), 1);
    check_text(f, "SELECT why FROM session WHERE number=3", "not_known");
    check_near(ask(f->path, "SELECT end_utc_ms FROM session WHERE number=3"), loop_utc_ms(),
            10000);
    check_text(f, "SELECT why FROM session WHERE number=5", "");
}

/* A database as the first release made it. */
static void make_first_schema(const struct fixture *f)
{
    static char sql[8192];
    FILE *in = fopen(MIGRATIONS "/001.sql", "r");
    size_t n = in ? fread(sql, 1, sizeof(sql) - 1, in) : 0;

    assert_true(n > 0);
    fclose(in);
    sql[n] = '\0';
    order(f->path, sql);
    order(f->path, "PRAGMA user_version=1");
}

static void the_first_schema_is_migrated_with_what_it_knew(void **state)
{
    struct fixture *f = *state;

    make_first_schema(f);
    order(f->path,
            "INSERT INTO charger VALUES "
            "('a1b2','1','/dev/x',41394,2,1,32000,-1,5000,0,-1,0,0,900,77,4,1,9,0,'','',88,0),"
            "('c3d4','1','/dev/x',50132,2,1,32000,-1,6000,0,-1,0,0,800,66,2,0,9,0,'','',99,0),"
            "('e5f6','1','/dev/x',58870,2,1,32000,-1,0,0,-1,0,0,0,0,0,0,0,0,'','',99,0)");
    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.chargers, 3);
    check_i64(f->image.charger[0].energy_wh, 5000);
    close_store(f);
    check_i64(ask(f->path, "PRAGMA user_version"), 3);
    check_i64(ask(f->path, "SELECT count(*) FROM session"), 2);
    check_i64(ask(f->path, "SELECT end_utc_ms FROM session WHERE charger='a1b2'"), 0);
    check_i64(ask(f->path, "SELECT energy_wh FROM session WHERE charger='a1b2'"), 900);
    check_i64(ask(f->path, "SELECT end_utc_ms FROM session WHERE charger='c3d4'"), 99);
    check_text(f, "SELECT why FROM session WHERE charger='c3d4'", "not_known");
}

static void a_migration_that_fails_leaves_the_store_as_it_was(void **state)
{
    struct fixture *f = *state;

    make_first_schema(f);
    order(f->path, "CREATE TABLE session (x)"); /* in the way */
    check_i64(open_store(f), ERR_IO);
    check_has(f->err.text, "session already exists");
    close_store(f);
    check_i64(ask(f->path, "PRAGMA user_version"), 1);
    check_i64(ask(f->path, "SELECT count(*) FROM sqlite_master WHERE name='session_start'"), 0);
}

static void fill(const struct fixture *f, int64_t end_utc_ms)
{
    char sql[600];

    str_format(sql, sizeof(sql),
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<1500) "
            "INSERT INTO session SELECT 'a1b2',x,'',1,%lld,1,1,1,0,'unplugged',1 FROM c WHERE x<=150;"
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<1500) "
            "INSERT INTO event SELECT x,%lld,'t','{}',1 FROM c;",
            (long long)end_utc_ms, (long long)end_utc_ms);
    order(f->path, sql);
}

static void check_kept(struct fixture *f, int64_t sessions, int64_t events)
{
    put(f, 1);
    reopen(f);
    check_i64(ask(f->path, "SELECT count(*) FROM session"), sessions);
    check_i64(ask(f->path, "SELECT count(*) FROM event"), events);
}

static void what_is_older_than_the_settings_say_goes_but_the_newest_stay(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    fill(f, loop_utc_ms() - 30 * day_ms);
    check_kept(f, 150, 1500); /* nobody has said how long yet */
    store_set_keep(f->store, &(struct store_keep){.sessions_days = 31, .history_days = 31});
    check_kept(f, 150, 1500);
    store_set_keep(f->store, &(struct store_keep){.sessions_days = 29, .history_days = 31});
    check_kept(f, 100, 1500);
    store_set_keep(f->store, &(struct store_keep){.sessions_days = 1, .history_days = 29});
    check_kept(f, 100, 1000);
    check_i64(ask(f->path, "SELECT min(number) FROM session"), 51); /* the oldest went */
    check_i64(ask(f->path, "SELECT min(n) FROM event"), 501);
}

static void an_open_session_is_never_thrown_away(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    fill(f, loop_utc_ms() - 30 * day_ms);
    order(f->path, "UPDATE session SET end_utc_ms=0 WHERE number=7");
    store_set_keep(f->store, &(struct store_keep){.sessions_days = 1, .history_days = 1});
    check_kept(f, 101, 1000);
}

static void old_rows_are_looked_for_once_an_hour(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    store_set_keep(f->store, &(struct store_keep){.sessions_days = 1, .history_days = 1});
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->acks, 1, WAIT_MS));
    fill(f, loop_utc_ms() - 30 * day_ms);
    put(f, 2);
    assert_true(rig_until(&f->loop, &f->acks, 2, WAIT_MS));
    check_i64(ask(f->path, "SELECT count(*) FROM session"), 150);
    skew_ms = 3601000;
    put(f, 3);
    assert_true(rig_until(&f->loop, &f->acks, 3, WAIT_MS));
    check_i64(ask(f->path, "SELECT count(*) FROM session"), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_session_is_written_with_its_charger_and_comes_back),
            T(a_charger_without_a_new_session_leaves_the_row_alone),
            T(a_session_that_nobody_closed_ends_when_the_next_begins),
            T(the_first_schema_is_migrated_with_what_it_knew),
            T(a_migration_that_fails_leaves_the_store_as_it_was),
            T(what_is_older_than_the_settings_say_goes_but_the_newest_stay),
            T(an_open_session_is_never_thrown_away),
            T(old_rows_are_looked_for_once_an_hour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
