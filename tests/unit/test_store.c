/*
 * The store on a real loop and a real disk: what comes back, and what happens when it cannot.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/macros.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/store/store_private.h"
#include "tests/support/rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 5000, GRACE_MS = 5000, RETRY_MS = 31000 };

struct fixture {
    uv_loop_t loop;
    char dir[64], path[128];
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
static int64_t ask(const char *path, const char *sql)
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

static void order(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void on_ack(void *user, bool ok)
{
    struct fixture *f = user;

    f->acks++;
    f->good += ok;
    f->on_disk_wh = ask(f->path, "SELECT energy_wh FROM charger WHERE id='a1b2'");
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    str_format(f->dir, sizeof(f->dir), "/tmp/twcbridge-store-XXXXXX");
    if (!mkdtemp(f->dir)) {
        return -1;
    }
    str_format(f->path, sizeof(f->path), "%s/twcbridge.db", f->dir);
    *state = f;
    return 0;
}

static void wipe(const char *dir)
{
    DIR *d = opendir(dir);
    char path[512];

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            str_format(path, sizeof(path), "%s/%s", dir, e->d_name);
            if (unlink(path) != 0) {
                wipe(path);
            }
        }
    }
    if (d) {
        closedir(d);
    }
    rmdir(dir);
}

static enum err_code open_store(struct fixture *f)
{
    memset(&f->err, 0, sizeof(f->err));
    return store_open(&f->loop, f->dir, &f->store, &f->image, &f->err);
}

static void close_store(struct fixture *f)
{
    store_close(f->store, GRACE_MS);
    f->store = NULL;
    store_image_finish(&f->image);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    close_store(f);
    rig_close(&f->loop);
    wipe(f->dir);
    test_free(f);
    skew_ms = 0;
    return 0;
}

static void reopen(struct fixture *f)
{
    close_store(f);
    check_i64(open_store(f), ERR_OK);
}

static struct store_charger a_charger(int64_t energy_wh)
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
            .removed = true};

    return c;
}

static void put(struct fixture *f, int64_t energy_wh)
{
    struct store_charger c = a_charger(energy_wh);

    store_put_charger(f->store, &c, on_ack, f);
}

/* ---- rows ---- */

static void an_empty_store_is_made_and_gives_nothing(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.chargers + f->image.settings + f->image.leases, 0);
    assert_null(f->image.good_settings);
    assert_false(f->image.same_boot);
    check_str(store_problem(f->store), "");
}

static void check_same_charger(
        const struct store_charger *got, const struct store_charger *want)
{
    check_str(got->id, want->id);
    check_str(got->bus, want->bus);
    check_str(got->port, want->port);
    check_str(got->serial, want->serial);
    check_str(got->firmware, want->firmware);
    check_i64(got->twc_id, want->twc_id);
    check_i64(got->protocol, want->protocol);
    check_i64(got->sign, want->sign);
    check_i64(got->hw_max_ma, want->hw_max_ma);
    check_i64(got->told_ma, want->told_ma);
    check_i64(got->energy_wh, want->energy_wh);
    check_i64(got->energy_mws, want->energy_mws);
    check_i64(got->counter_wh, want->counter_wh);
    check_i64(got->anchor_wh, want->anchor_wh);
    check_i64(got->power_w, want->power_w);
    check_i64(got->session_wh, want->session_wh);
    check_i64(got->session_start_utc_ms, want->session_start_utc_ms);
    check_i64(got->session_number, want->session_number);
    check_i64(got->session_open, want->session_open);
    check_i64(got->starts, want->starts);
    check_i64(got->stops_used, want->stops_used);
    check_i64(got->seen_utc_ms, want->seen_utc_ms);
    check_i64(got->removed, want->removed);
}

static void a_charger_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    struct store_charger want = a_charger(INT64_C(123456789012));

    check_i64(open_store(f), ERR_OK);
    put(f, INT64_C(1));
    put(f, INT64_C(123456789012));
    reopen(f);
    check_i64(f->image.chargers, 1);
    check_same_charger(&f->image.charger[0], &want);
}

static void many_rows_come_back(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    for (int i = 0; i < 100; i++) {
        struct store_charger c = a_charger(i);

        str_format(c.id, sizeof(c.id), "%04d", i);
        store_put_charger(f->store, &c, NULL, NULL);
    }
    reopen(f);
    check_i64(f->image.chargers, 100);
    for (int i = 0; i < 100; i++) {
        check_i64(f->image.charger[i].energy_wh, i);
    }
}

static void settings_and_the_last_good_text_come_back(void **state)
{
    struct fixture *f = *state;
    char *text = test_malloc(100001);

    memset(text, 'x', 100000);
    text[100000] = '\0';
    check_i64(open_store(f), ERR_OK);
    store_put_setting(f->store,
            &(struct store_setting){"circuit/garage", "current_limit", "16000", "32000"});
    store_put_setting(f->store,
            &(struct store_setting){"circuit/garage", "current_limit", "10000", "32000"});
    store_put_setting(f->store, &(struct store_setting){"site", "mode", "it's \"stop\"", ""});
    store_put_good_settings(f->store, "{}");
    store_put_good_settings(f->store, text);
    reopen(f);
    check_i64(f->image.settings, 2);
    check_str(f->image.setting[0].device, "circuit/garage");
    check_str(f->image.setting[0].value, "10000");
    check_str(f->image.setting[0].file_value, "32000");
    check_str(f->image.setting[1].value, "it's \"stop\"");
    check_str(f->image.good_settings, text);
    test_free(text);
}

static struct store_lease a_lease(uint32_t id)
{
    struct store_lease l = {.lease = {.id = id,
                                    .kind = LEASE_CEILING,
                                    .scope = LEASE_CIRCUIT,
                                    .hold = LEASE_UNPLUG,
                                    .ends_at_unplug = true,
                                    .fallen_back = true,
                                    .value_ma = 13000,
                                    .priority = 9,
                                    .since_ms = 5,
                                    .expires_ms = 77,
                                    .owner = "solar",
                                    .reason = "clouds"},
            .device = "circuit/garage",
            .expires_utc_ms = 1790000000000};

    return l;
}

static void check_same_lease(const struct store_lease *got, const struct store_lease *want)
{
    const struct lease *g = &got->lease, *w = &want->lease;

    check_str(got->device, want->device);
    check_i64(got->expires_utc_ms, want->expires_utc_ms);
    check_i64(g->id, w->id);
    check_i64(g->kind, w->kind);
    check_i64(g->scope, w->scope);
    check_i64(g->hold, w->hold);
    check_i64(g->ends_at_unplug, w->ends_at_unplug);
    check_i64(g->fallen_back, w->fallen_back);
    check_i64(g->value_ma, w->value_ma);
    check_i64(g->priority, w->priority);
    check_i64(g->since_ms, w->since_ms);
    check_i64(g->expires_ms, w->expires_ms);
    check_str(g->owner, w->owner);
    check_str(g->reason, w->reason);
}

static void leases_come_back_and_go(void **state)
{
    struct fixture *f = *state;
    struct store_lease a = a_lease(3), b = a_lease(9);

    check_i64(open_store(f), ERR_OK);
    store_put_lease(f->store, &a);
    store_put_lease(f->store, &b);
    reopen(f);
    check_i64(f->image.leases, 2);
    check_same_lease(&f->image.lease[0], &a);
    store_drop_lease(f->store, 3);
    reopen(f);
    check_i64(f->image.leases, 1);
    check_i64(f->image.lease[0].lease.id, 9);
    check_i64(f->image.lease_id, 9);
}

static void an_id_of_a_lease_is_never_used_again(void **state)
{
    struct fixture *f = *state;
    struct store_lease a = a_lease(41), b = a_lease(7);

    check_i64(open_store(f), ERR_OK);
    store_put_lease(f->store, &a);
    store_put_lease(f->store, &b);
    store_drop_lease(f->store, 41);
    store_drop_lease(f->store, 7);
    reopen(f);
    check_i64(f->image.leases, 0);
    check_i64(f->image.lease_id, 41);
}

static void the_time_and_the_boot_of_the_last_write_are_known(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    reopen(f);
    assert_true(f->image.same_boot);
    check_near(f->image.written_utc_ms, loop_utc_ms(), 10000);
    check_near(f->image.written_boot_ms, loop_now_ms(), 10000);
    close_store(f);
    order(f->path, "UPDATE meta SET value='another' WHERE key='boot_id'");
    check_i64(open_store(f), ERR_OK);
    assert_false(f->image.same_boot);
}

/* ---- when it is acknowledged ---- */

static void energy_is_acknowledged_when_it_is_on_disk(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 4711);
    check_i64(f->acks, 0); /* not yet */
    assert_true(rig_until(&f->loop, &f->acks, 1, WAIT_MS));
    check_i64(f->good, 1);
    check_i64(f->on_disk_wh, 4711);
    assert_true(store_bytes(f->store) > 0);
}

static void on_disk_means_that_a_power_cut_does_not_take_it_back(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = store_database(f->path, &f->err);
    sqlite3_stmt *q = NULL;

    assert_non_null(db);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA synchronous", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    check_i64(sqlite3_column_int(q, 0), 2); /* FULL: each commit waits for the disk */
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static void closing_writes_what_waits_behind_a_batch(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 1); /* this one goes to the worker at once */
    put(f, 2); /* these wait for it */
    put(f, 3);
    reopen(f);
    check_i64(f->acks, 3);
    check_i64(f->good, 3);
    check_i64(f->image.charger[0].energy_wh, 3);
}

/* ---- retention ---- */

static void old_decisions_and_events_are_thrown_away(void **state)
{
    struct fixture *f = *state;
    struct store_event ev = {.utc_ms = 1, .topic = "bridge", .json = "{}"};
    struct decision d = {.owner = "mqtt", .reason = "because"};

    check_i64(open_store(f), ERR_OK);
    for (int i = 0; i < 3; i++) {
        static const uint64_t ids[] = {1, 100, 100050};

        d.id = ids[i];
        store_put_decision(f->store, &d, "a1b2", 5);
        store_put_event(f->store, &ev);
    }
    reopen(f);
    check_i64((int64_t)f->image.decision_id, 100050);
    check_i64(ask(f->path, "SELECT count(*) FROM decision"), 2);
    check_i64(ask(f->path, "SELECT min(id) FROM decision"), 100);
    check_i64(ask(f->path, "SELECT count(*) FROM event"), 3);
    close_store(f);
    order(f->path, "UPDATE event SET n=n+10000 WHERE n=3");
    check_i64(open_store(f), ERR_OK);
    store_put_event(f->store, &ev);
    reopen(f);
    check_i64(ask(f->path, "SELECT count(*) FROM event"), 2);
}

/* ---- what can be wrong ---- */

static size_t slurp(const char *path, char *out, size_t room)
{
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(out, 1, room, f) : 0;

    if (f) {
        fclose(f);
    }
    return n;
}

static void a_newer_schema_is_refused_in_words_and_left_alone(void **state)
{
    static char before[65536], after[65536];
    struct fixture *f = *state;
    size_t n;

    order(f->path, "PRAGMA user_version=99; CREATE TABLE other (x)");
    n = slurp(f->path, before, sizeof(before));
    check_i64(open_store(f), ERR_REFUSED);
    check_has(f->err.text, "newer version of the bridge (schema 99");
    check_has(f->err.text, f->path);
    check_str(store_problem(f->store), f->err.text);
    check_i64(f->image.chargers, 0);
    put(f, 1);
    check_i64(f->acks, 1);
    check_i64(f->good, 0);
    skew_ms = RETRY_MS; /* nor later */
    put(f, 2);
    check_i64(f->good, 0);
    close_store(f);
    check_i64((int64_t)slurp(f->path, after, sizeof(after)), (int64_t)n);
    assert_memory_equal(before, after, n);
}

/* A file beside the database whose name has part; "" : none. */
static void beside(const struct fixture *f, const char *part, char *out, size_t room)
{
    DIR *d = opendir(f->dir);

    out[0] = '\0';
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (strstr(e->d_name, part) && !strstr(e->d_name, "-wal")) {
            str_format(out, room, "%s/%s", f->dir, e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
}

static void scribble(const char *path, long from, size_t n)
{
    FILE *f = fopen(path, from > 0 ? "r+" : "w");

    assert_non_null(f);
    fseek(f, from, SEEK_SET);
    for (size_t i = 0; i < n; i++) {
        fputc('z', f);
    }
    fclose(f);
}

static void check_set_aside(struct fixture *f, size_t least)
{
    static char text[300000];
    char aside[512];

    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.chargers, 0);
    check_has(store_problem(f->store), "damaged");
    beside(f, ".damaged-", aside, sizeof(aside));
    assert_true(slurp(aside, text, sizeof(text)) >= least);
    check_has(store_problem(f->store), aside);
    put(f, 5);
    assert_true(rig_until(&f->loop, &f->acks, 1, WAIT_MS));
    check_i64(f->good, 1);
    check_str(store_problem(f->store), "");
    reopen(f);
    check_i64(f->image.charger[0].energy_wh, 5);
}

static void a_file_that_is_no_database_is_set_aside(void **state)
{
    struct fixture *f = *state;

    scribble(f->path, 0, 20000);
    check_set_aside(f, 20000);
}

static void a_database_with_a_broken_page_is_set_aside(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    for (int i = 0; i < 200; i++) {
        struct store_charger c = a_charger(i);

        str_format(c.id, sizeof(c.id), "%04d", i);
        store_put_charger(f->store, &c, NULL, NULL);
    }
    close_store(f);
    scribble(f->path, 8192, 20000);
    check_set_aside(f, 28192);
}

static void a_folder_that_is_none_is_a_problem_and_is_tried_again(void **state)
{
    struct fixture *f = *state;
    char inside[128];

    str_format(inside, sizeof(inside), "%s/state", f->dir);
    scribble(inside, 0, 3); /* a file where the folder should be */
    str_format(f->path, sizeof(f->path), "%s/twcbridge.db", inside);
    check_i64(store_open(&f->loop, inside, &f->store, &f->image, &f->err), ERR_IO);
    check_has(f->err.text, inside);
    check_str(store_problem(f->store), f->err.text);
    put(f, 1); /* a no-op */
    check_i64(f->acks, 1);
    check_i64(f->good, 0);
    unlink(inside);
    mkdir(inside, 0700);
    put(f, 2); /* not yet tried again */
    check_i64(f->good, 0);
    skew_ms = RETRY_MS;
    put(f, 3);
    assert_true(rig_until(&f->loop, &f->acks, 3, WAIT_MS));
    check_i64(f->good, 1);
    check_str(store_problem(f->store), "");
    check_i64(f->on_disk_wh, 3);
}

static void a_full_disk_is_a_problem_and_it_works_again_after(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, tight;
    char big[900];

    signal(SIGXFSZ, SIG_IGN);
    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){4096, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    for (int i = 0; i < 50; i++) {
        store_put_good_settings(f->store, big);
    }
    put(f, 2);
    assert_true(rig_until(&f->loop, &f->acks, 2, WAIT_MS));
    check_i64(f->good, 1);
    check_has(store_problem(f->store), "cannot be written");
    setrlimit(RLIMIT_FSIZE, &old);
    put(f, 3); /* given up at once: not tried again yet */
    check_i64(f->acks, 3);
    check_i64(f->good, 1);
    skew_ms = RETRY_MS;
    put(f, 4);
    assert_true(rig_until(&f->loop, &f->acks, 4, WAIT_MS));
    check_i64(f->good, 2);
    check_str(store_problem(f->store), "");
    reopen(f);
    check_i64(f->image.charger[0].energy_wh, 4);
}

static void a_folder_that_is_taken_away_and_comes_back_is_used_again(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, tight;
    char away[128];

    signal(SIGXFSZ, SIG_IGN);
    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
    str_format(away, sizeof(away), "%s.away", f->path);
    rename(f->path, away); /* a new file must come, not writes into nowhere */
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){1, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    put(f, 2);
    assert_true(rig_until(&f->loop, &f->acks, 2, WAIT_MS));
    setrlimit(RLIMIT_FSIZE, &old);
    check_i64(f->good, 1);
    skew_ms = RETRY_MS;
    put(f, 3);
    assert_true(rig_until(&f->loop, &f->acks, 3, WAIT_MS));
    check_i64(f->good, 2);
    check_i64(f->on_disk_wh, 3);
}

static void a_path_that_is_too_long_is_said(void **state)
{
    struct fixture *f = *state;
    char dir[600];

    memset(dir, 'd', sizeof(dir) - 1);
    dir[0] = '/';
    dir[sizeof(dir) - 1] = '\0';
    check_i64(store_open(&f->loop, dir, &f->store, &f->image, &f->err), ERR_INVALID);
    check_has(f->err.text, "too long");
    put(f, 1);
    check_i64(f->good, 0);
}

static void a_queue_that_is_full_gives_up_new_rows(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    for (int i = 0; i < 6000; i++) {
        put(f, i);
    }
    assert_true(f->acks > 0);
    check_i64(f->good, 0);
    close_store(f);
    check_i64(f->acks, 6000);
    check_i64(f->good, 4097); /* one on its way, 4096 waiting */
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_empty_store_is_made_and_gives_nothing),
            T(a_charger_comes_back_whole),
            T(many_rows_come_back),
            T(settings_and_the_last_good_text_come_back),
            T(leases_come_back_and_go),
            T(an_id_of_a_lease_is_never_used_again),
            T(the_time_and_the_boot_of_the_last_write_are_known),
            T(energy_is_acknowledged_when_it_is_on_disk),
            T(on_disk_means_that_a_power_cut_does_not_take_it_back),
            T(closing_writes_what_waits_behind_a_batch),
            T(old_decisions_and_events_are_thrown_away),
            T(a_newer_schema_is_refused_in_words_and_left_alone),
            T(a_file_that_is_no_database_is_set_aside),
            T(a_database_with_a_broken_page_is_set_aside),
            T(a_folder_that_is_none_is_a_problem_and_is_tried_again),
            T(a_full_disk_is_a_problem_and_it_works_again_after),
            T(a_folder_that_is_taken_away_and_comes_back_is_used_again),
            T(a_path_that_is_too_long_is_said),
            T(a_queue_that_is_full_gives_up_new_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
