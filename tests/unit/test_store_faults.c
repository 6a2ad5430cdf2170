/*
 * A store that is newer, damaged, missing or full: a sentence, no crash, and it works again after.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/store_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

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

/* Both files of a database that somebody has open. */
static void copy_open(const struct fixture *f, const char *dir)
{
    static const char *const tails[] = {"", "-wal"};
    static char text[1000000];

    for (int i = 0; i < 2; i++) {
        char from[200], to[200];
        FILE *out;
        size_t n;

        str_format(from, sizeof(from), "%s%s", f->path, tails[i]);
        str_format(to, sizeof(to), "%s/twcbridge.db%s", dir, tails[i]);
        n = slurp(from, text, sizeof(text));
        out = fopen(to, "w");
        assert_non_null(out);
        assert_true(n > 0);
        check_i64((int64_t)fwrite(text, 1, n, out), (int64_t)n);
        fclose(out);
    }
}

static void the_journal_of_a_newer_bridge_that_was_killed_is_left_alone_too(void **state)
{
    static char before[1000000], after[1000000];
    struct fixture *f = *state;
    char dir[128], wal[200];
    size_t n;

    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->acks, 1, WAIT_MS));
    order(f->path, "PRAGMA user_version=99");
    str_format(dir, sizeof(dir), "%s/killed", f->dir);
    mkdir(dir, 0700);
    copy_open(f, dir);
    close_store(f);
    str_format(wal, sizeof(wal), "%s/twcbridge.db-wal", dir);
    n = slurp(wal, before, sizeof(before));
    check_i64(store_open(&f->loop, dir, &f->store, &f->image, &f->err), ERR_REFUSED);
    check_has(f->err.text, "schema 99");
    close_store(f);
    check_i64((int64_t)slurp(wal, after, sizeof(after)), (int64_t)n);
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
    put_many(f, 200);
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

/* Writes beyond that fail from now on, as on a full disk; returns what to set to end it. */
static struct rlimit no_file_above(rlim_t bytes)
{
    struct rlimit old, tight;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){bytes, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    return old;
}

static void a_full_disk_is_a_problem_and_it_works_again_after(void **state)
{
    struct fixture *f = *state;
    struct rlimit old;
    char big[900];

    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
    old = no_file_above(4096);
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
    struct rlimit old;
    char away[sizeof(f->path) + 8];

    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
    str_format(away, sizeof(away), "%s.away", f->path);
    rename(f->path, away); /* a new file must come, not writes into nowhere */
    old = no_file_above(1);
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

static void what_cannot_be_written_is_read_whatever_its_path_looks_like(void **state)
{
    struct fixture *f = *state;
    struct store_image image = {0};
    char odd[200];

    check_i64(open_store(f), ERR_OK);
    put(f, 4711);
    close_store(f);
    str_format(odd, sizeof(odd), "%s/50%% of ?what#.db", f->dir);
    rename(f->path, odd);
    store_read_only(odd, &image);
    check_i64(image.chargers, 1);
    check_i64(image.charger[0].energy_wh, 4711);
    store_image_finish(&image);
    order(odd, "PRAGMA user_version=99");
    store_read_only(odd, &image);
    check_i64(image.chargers, 0);
    scribble(odd, 0, 9000);
    store_read_only(odd, &image);
    check_i64(image.chargers, 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_newer_schema_is_refused_in_words_and_left_alone),
            T(the_journal_of_a_newer_bridge_that_was_killed_is_left_alone_too),
            T(a_file_that_is_no_database_is_set_aside),
            T(a_database_with_a_broken_page_is_set_aside),
            T(a_folder_that_is_none_is_a_problem_and_is_tried_again),
            T(a_full_disk_is_a_problem_and_it_works_again_after),
            T(a_folder_that_is_taken_away_and_comes_back_is_used_again),
            T(what_cannot_be_written_is_read_whatever_its_path_looks_like),
            T(a_path_that_is_too_long_is_said),
            T(a_queue_that_is_full_gives_up_new_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
