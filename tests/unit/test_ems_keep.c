/*
 * test_ems_keep - what sessions keep: on the disk before anybody goes on, for nobody else to read.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/ems_keep.h"
#include "bridge/io/loop.h"
#include "bridge/io/worker.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 300 };

static char dir[TEST_DIR_ROOM], file[ROOM + 8], folder[ROOM];
static char found[EMS_KEEP_ROOM];
static int calls;
static char said[ROOM];

static int setup(void **state)
{
    (void)state;
    if (!test_dir(dir)) {
        return -1;
    }
    (void)snprintf(folder, sizeof(folder), "%s/sessions", dir);
    (void)snprintf(file, sizeof(file), "%s/roof", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ems_keep_sweep(folder, NULL, 0);
    return rmdir(folder) == 0 && rmdir(dir) == 0 ? 0 : -1;
}

static void write_it(const char *text)
{
    struct err e = {0};

    if (ems_keep_write(file, text, &e) != ERR_OK) {
        fail_msg("%s", e.text);
    }
}

static void read_it(const char *want)
{
    struct err e = {0};

    check_i64(ems_keep_read(file, found, &e), ERR_OK);
    check_str(found, want);
}

static void a_text_is_read_as_it_was_written_and_is_for_its_user_alone(void **state)
{
    struct stat st;

    (void)state;
    read_it(""); /* not even a folder */
    write_it("");
    write_it("first\ntoken");
    read_it("first\ntoken");
    check_i64(stat(file, &st), 0);
    check_i64(st.st_mode & 0777, 0600);
    check_i64(stat(folder, &st), 0);
    check_i64(st.st_mode & 0777, 0700);
    write_it("second");
    read_it("second");
    write_it("");
    read_it("");
    check_i64(access(file, F_OK), -1);
}

static void what_a_crash_left_behind_is_in_nobodys_way(void **state)
{
    char new[ROOM + 16];
    FILE *f;

    (void)state;
    write_it("good");
    (void)snprintf(new, sizeof(new), "%s.new", file);
    f = fopen(new, "w");
    assert_non_null(f);
    (void)fputs("half a tok", f);
    (void)fclose(f);
    read_it("good");
    write_it("next");
    read_it("next");
    check_i64(access(new, F_OK), -1);
}

static void what_cannot_be_written_is_told(void **state)
{
    struct err e = {0};

    (void)state;
    check_i64(ems_keep_write("/proc/no/such", "x", &e), ERR_IO);
    check_has(e.text, "/proc/no");
    check_i64(ems_keep_read(dir, found, &e), ERR_IO); /* a folder */
    check_has(e.text, "cannot be read");
}

static void only_sources_that_are_there_keep_theirs(void **state)
{
    const char *names[] = {"roof", "cellar"};

    (void)state;
    write_it("kept");
    ems_keep_sweep(folder, names, 2);
    read_it("kept");
    ems_keep_sweep(folder, names + 1, 1);
    read_it("");
    ems_keep_sweep("/nowhere", names, 2);
}

static void on_saved(void *user, const struct err *e)
{
    (void)user;
    calls++;
    (void)snprintf(said, sizeof(said), "%s", e->text);
}

static void who_waits_goes_on_when_it_is_on_the_disk(void **state)
{
    struct err e = {0};
    uv_loop_t loop;
    struct worker *w;
    struct ems_keep *k;

    (void)state;
    check_i64(uv_loop_init(&loop), 0);
    w = worker_create(&loop, 4, &e);
    k = ems_keep_create(w, file, &e);
    assert_non_null(k);
    calls = 0;
    assert_true(ems_keep_save(k, "by thread", on_saved, NULL));
    check_i64(calls, 0); /* never from inside */
    while (calls == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    check_str(said, "");
    read_it("by thread");
    assert_true(ems_keep_save(k, "nobody waits", on_saved, NULL));
    ems_keep_destroy(k);
    worker_destroy(w, 5000);
    check_i64(calls, 1);
    read_it("nobody waits"); /* it is written all the same */
    loop_finish(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_text_is_read_as_it_was_written_and_is_for_its_user_alone),
            cmocka_unit_test(what_a_crash_left_behind_is_in_nobodys_way),
            cmocka_unit_test(what_cannot_be_written_is_told),
            cmocka_unit_test(only_sources_that_are_there_keep_theirs),
            cmocka_unit_test(who_waits_goes_on_when_it_is_on_the_disk),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
