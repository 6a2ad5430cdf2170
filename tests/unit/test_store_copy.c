/*
 * Backup and restore: whole or not at all, never over something else, never under a bridge.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/store/store_copy.h"
#include "tests/support/store_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void name(const struct fixture *f, const char *file, char out[static 128])
{
    str_format(out, 128, "%s/%s", f->dir, file);
}

static void open_with(struct fixture *f, int64_t energy_wh)
{
    check_i64(open_store(f), ERR_OK);
    f->acks = f->good = 0;
    put(f, energy_wh);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
}

static void check_refused(
        enum err_code got, enum err_code want, const struct err *e, const char *has)
{
    check_i64(got, want);
    check_has(e->text, has);
}

static void write_text(const char *path, const char *text)
{
    FILE *out = fopen(path, "w");

    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int64_t files(const struct fixture *f)
{
    DIR *d = opendir(f->dir);
    int64_t n = 0;

    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n - 2;
}

/* ---- backup ---- */

static void a_store_in_use_is_backed_up_with_its_last_row(void **state)
{
    struct fixture *f = *state;
    char to[128];
    struct stat st;

    name(f, "b.db", to);
    open_with(f, 4711); /* in the journal only, by now */
    check_i64(store_backup(f->dir, to, &f->err), ERR_OK);
    check_i64(ask(to, "SELECT energy_wh FROM charger"), 4711);
    check_i64(ask(to, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"),
            1);
    check_i64(stat(to, &st), 0);
    check_i64(st.st_mode & 0777, 0600); /* the broker's password is in it */
    put(f, 4712);                       /* the store goes on */
    assert_true(rig_until(&f->loop, &f->good, 2, WAIT_MS));
    check_i64(store_backup(f->dir, to, &f->err), ERR_OK); /* over the older one */
    check_i64(ask(to, "SELECT energy_wh FROM charger"), 4712);
    check_i64(
            ask(to, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode='delete'"), 1);
}

static void a_backup_never_replaces_what_is_no_backup(void **state)
{
    struct fixture *f = *state;
    char to[128], text[16] = "";
    FILE *in;

    open_with(f, 1);
    name(f, "letter.txt", to);
    write_text(to, "dear aunt");
    check_refused(store_backup(f->dir, to, &f->err), ERR_REFUSED, &f->err, "is no backup");
    in = fopen(to, "r");
    assert_non_null(fgets(text, sizeof(text), in));
    fclose(in);
    check_str(text, "dear aunt");
    name(f, "other.db", to);
    order(to, "CREATE TABLE recipes (x)");
    check_refused(store_backup(f->dir, to, &f->err), ERR_REFUSED, &f->err, "is no backup");
    check_refused(store_backup(f->dir, f->path, &f->err), ERR_REFUSED, &f->err,
            "is the store itself");
    check_refused(store_backup(f->dir, f->dir, &f->err), ERR_REFUSED, &f->err, "is no backup");
}

static void without_a_store_there_is_no_backup(void **state)
{
    struct fixture *f = *state;
    char to[128];

    name(f, "b.db", to);
    check_refused(store_backup(f->dir, to, &f->err), ERR_NOT_FOUND, &f->err, "no such file");
    order(f->path, "CREATE TABLE recipes (x)");
    check_refused(store_backup(f->dir, to, &f->err), ERR_REFUSED, &f->err,
            "not a store of this program");
    check_i64(access(to, F_OK), -1);
}

static void a_backup_that_does_not_fit_leaves_the_older_one(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, tight;
    char to[128];
    int64_t before;

    signal(SIGXFSZ, SIG_IGN);
    name(f, "b.db", to);
    open_with(f, 1);
    check_i64(store_backup(f->dir, to, &f->err), ERR_OK);
    put(f, 2);
    assert_true(rig_until(&f->loop, &f->good, 2, WAIT_MS));
    before = files(f);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){8192, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    check_i64(store_backup(f->dir, to, &f->err), ERR_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    check_has(f->err.text, to);
    check_i64(files(f), before); /* no half of one */
    check_i64(ask(to, "SELECT energy_wh FROM charger"), 1);
}

/* ---- backups of a running bridge ---- */

struct later {
    int calls;
    char file[64];
    struct err err;
};

static void on_backup(void *user, const char *file, const struct err *e)
{
    struct later *l = user;

    l->calls++;
    str_copy(l->file, sizeof(l->file), file ? file : "");
    l->err = *e;
}

static void a_running_bridge_keeps_the_newest_seven_and_nothing_of_others_goes(void **state)
{
    struct fixture *f = *state;
    struct later l = {0};
    char path[128];

    open_with(f, 9);
    name(f, "backups", path);
    mkdir(path, 0700);
    for (int i = 0; i < 9; i++) {
        char file[64];

        str_format(file, sizeof(file), "backups/twcbridge-2026010%dT000000Z.db", i + 1);
        name(f, file, path);
        write_text(path, "old");
    }
    name(f, "backups/mine.db", path);
    write_text(path, "mine");
    assert_true(store_backup_later(f->store, on_backup, &l));
    check_i64(l.calls, 0); /* the loop does not wait */
    assert_true(rig_until(&f->loop, &l.calls, 1, WAIT_MS));
    check_i64(l.err.code, ERR_OK);
    name(f, "backups/mine.db", path);
    check_i64(access(path, F_OK), 0);
    name(f, "backups/twcbridge-20260103T000000Z.db", path);
    check_i64(access(path, F_OK), -1);
    name(f, "backups/twcbridge-20260104T000000Z.db", path);
    check_i64(access(path, F_OK), 0);
    str_format(path, sizeof(path), "%s/backups/%s", f->dir, l.file);
    check_i64(ask(path, "SELECT energy_wh FROM charger"), 9);
}

static void a_running_bridge_says_why_there_is_no_backup(void **state)
{
    struct fixture *f = *state;
    struct later l = {0};
    char path[128];

    open_with(f, 9);
    name(f, "backups", path);
    write_text(path, "a file where the folder should be");
    assert_true(store_backup_later(f->store, on_backup, &l));
    assert_true(rig_until(&f->loop, &l.calls, 1, WAIT_MS));
    check_str(l.file, "");
    check_has(l.err.text, "backups");
}

/* ---- restore ---- */

static void a_restored_store_is_the_backup_and_the_old_one_is_kept(void **state)
{
    struct fixture *f = *state;
    char to[128], aside[STORE_PATH_ROOM];
    struct store_event ev = {.utc_ms = 5, .topic = "bridge/event", .json = "{}"};

    name(f, "b.db", to);
    open_with(f, 100);
    store_put_event(f->store, &ev);
    put(f, 100);
    assert_true(rig_until(&f->loop, &f->good, 2, WAIT_MS));
    check_i64(store_backup(f->dir, to, &f->err), ERR_OK);
    put(f, 250);
    close_store(f);
    check_i64(store_restore(f->dir, to, aside, &f->err), ERR_OK);
    check_i64(ask(aside, "SELECT energy_wh FROM charger"), 250);
    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.charger[0].energy_wh, 100);
    assert_false(f->image.same_boot); /* a cold start, whose leases need a clock */
    check_i64(f->image.written_utc_ms, 0);
    check_i64(f->image.events, 0);
    check_i64(ask(to, "SELECT count(*) FROM event WHERE published=0"),
            1); /* the backup is as it was */
}

static void a_restore_under_a_bridge_is_refused(void **state)
{
    struct fixture *f = *state;
    char to[128], aside[STORE_PATH_ROOM];

    name(f, "b.db", to);
    open_with(f, 100);
    check_i64(store_backup(f->dir, to, &f->err), ERR_OK);
    put(f, 200);
    assert_true(rig_until(&f->loop, &f->good, 2, WAIT_MS));
    check_refused(
            store_restore(f->dir, to, aside, &f->err), ERR_REFUSED, &f->err, "another bridge");
    reopen(f);
    check_i64(f->image.charger[0].energy_wh, 200);
}

static void what_is_no_backup_is_not_restored(void **state)
{
    struct fixture *f = *state;
    char from[128], aside[STORE_PATH_ROOM];

    open_with(f, 100);
    name(f, "newer.db", from);
    check_i64(store_backup(f->dir, from, &f->err), ERR_OK);
    order(from, "PRAGMA user_version=99");
    close_store(f);
    check_refused(
            store_restore(f->dir, from, aside, &f->err), ERR_REFUSED, &f->err, "newer version");
    name(f, "none.db", from);
    check_refused(store_restore(f->dir, from, aside, &f->err), ERR_NOT_FOUND, &f->err,
            "no such file");
    name(f, "letter.txt", from);
    write_text(from, "dear aunt, this is longer than nothing but it is no database at all.");
    check_refused(store_restore(f->dir, from, aside, &f->err), ERR_REFUSED, &f->err,
            "not a database");
    write_text(from, "");
    check_refused(
            store_restore(f->dir, from, aside, &f->err), ERR_REFUSED, &f->err, "not a store");
    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.charger[0].energy_wh, 100);
}

static void a_damaged_backup_is_not_restored(void **state)
{
    struct fixture *f = *state;
    char from[128], aside[STORE_PATH_ROOM];
    FILE *out;

    check_i64(open_store(f), ERR_OK);
    for (int i = 0; i < 300; i++) {
        struct store_charger c = a_charger(i);

        str_format(c.id, sizeof(c.id), "%04d", i);
        store_put_charger(f->store, &c, NULL, NULL);
    }
    close_store(f);
    name(f, "b.db", from);
    check_i64(store_backup(f->dir, from, &f->err), ERR_OK);
    out = fopen(from, "r+");
    fseek(out, -30000, SEEK_END);
    for (int i = 0; i < 20000; i++) {
        fputc('z', out);
    }
    fclose(out);
    check_refused(
            store_restore(f->dir, from, aside, &f->err), ERR_REFUSED, &f->err, "is damaged");
    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.chargers, 300);
}

static void a_restore_that_does_not_fit_leaves_the_store(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, tight;
    char from[128], aside[STORE_PATH_ROOM];

    signal(SIGXFSZ, SIG_IGN);
    name(f, "b.db", from);
    open_with(f, 100);
    check_i64(store_backup(f->dir, from, &f->err), ERR_OK);
    close_store(f);
    getrlimit(RLIMIT_FSIZE, &old);
    tight = (struct rlimit){8192, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    check_i64(store_restore(f->dir, from, aside, &f->err), ERR_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    check_str(aside, "");
    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.charger[0].energy_wh, 100);
}

static void a_restore_into_an_empty_folder_and_over_a_damaged_store_works(void **state)
{
    struct fixture *f = *state;
    char from[128], aside[STORE_PATH_ROOM], text[8] = "";
    FILE *in;

    name(f, "b.db", from);
    open_with(f, 100);
    check_i64(store_backup(f->dir, from, &f->err), ERR_OK);
    close_store(f);
    unlink(f->path);
    check_i64(store_restore(f->dir, from, aside, &f->err), ERR_OK);
    check_str(aside, "");
    check_i64(ask(f->path, "SELECT energy_wh FROM charger"), 100);
    write_text(f->path, "broken");
    check_i64(store_restore(f->dir, from, aside, &f->err), ERR_OK);
    check_i64(ask(f->path, "SELECT energy_wh FROM charger"), 100);
    in = fopen(aside, "r");
    assert_non_null(fgets(text, sizeof(text), in));
    fclose(in);
    check_str(text, "broken");
}

static void a_second_bridge_gets_no_store_until_the_first_is_gone(void **state)
{
    struct fixture *f = *state;
    struct store *first;
    struct store_image image;

    check_i64(store_open(&f->loop, f->dir, &first, &image, &f->err), ERR_OK);
    check_i64(open_store(f), ERR_IO);
    check_has(store_problem(f->store), "another bridge");
    put(f, 1);
    check_i64(f->good, 0);
    store_close(first, GRACE_MS);
    store_image_finish(&image);
    skew_ms = RETRY_MS;
    put(f, 2);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
    check_str(store_problem(f->store), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_store_in_use_is_backed_up_with_its_last_row),
            T(a_backup_never_replaces_what_is_no_backup),
            T(without_a_store_there_is_no_backup),
            T(a_backup_that_does_not_fit_leaves_the_older_one),
            T(a_running_bridge_keeps_the_newest_seven_and_nothing_of_others_goes),
            T(a_running_bridge_says_why_there_is_no_backup),
            T(a_restored_store_is_the_backup_and_the_old_one_is_kept),
            T(a_restore_under_a_bridge_is_refused),
            T(what_is_no_backup_is_not_restored),
            T(a_damaged_backup_is_not_restored),
            T(a_restore_that_does_not_fit_leaves_the_store),
            T(a_restore_into_an_empty_folder_and_over_a_damaged_store_works),
            T(a_second_bridge_gets_no_store_until_the_first_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
