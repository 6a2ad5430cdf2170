/*
 * test - cmocka with checks that print decimals and sentences, and folders for a test.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

/* cmocka wants these four first. */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define check_i64(got, want)       test_i64((got), (want), #got, __FILE__, __LINE__)
#define check_str(got, want)       test_str((got), (want), #got, __FILE__, __LINE__)
#define check_near(got, want, tol) test_near((got), (want), (tol), #got, __FILE__, __LINE__)
#define check_has(text, part)      test_has((text), (part), #text, __FILE__, __LINE__)

/* TEST_FILTER in the environment, such as promise_*: only the tests of these names run. */
__attribute__((constructor)) static inline void test_filter(void)
{
    const char *pattern = getenv("TEST_FILTER");

    if (pattern && pattern[0] != '\0') {
        cmocka_set_test_filter(pattern);
    }
}

/* cmocka's own does not say that it never returns, so that compilers follow a test that has failed. */
_Noreturn static inline void test_fail(const char *file, int line)
{
    _fail(file, line);
    abort();
}

static inline void test_i64(
        int64_t got, int64_t want, const char *what, const char *file, int line)
{
    if (got != want) {
        print_error("%s is %" PRId64 ", wanted %" PRId64 "\n", what, got, want);
        test_fail(file, line);
    }
}

static inline void test_near(
        int64_t got, int64_t want, int64_t tol, const char *what, const char *file, int line)
{
    if (got < want - tol || got > want + tol) {
        print_error(
                "%s is %" PRId64 ", wanted %" PRId64 " +- %" PRId64 "\n", what, got, want, tol);
        test_fail(file, line);
    }
}

static inline void test_str(
        const char *got, const char *want, const char *what, const char *file, int line)
{
    if (!got || strcmp(got, want) != 0) {
        print_error("%s is \"%s\", wanted \"%s\"\n", what, got ? got : "(null)", want);
        test_fail(file, line);
    }
}

static inline void test_has(
        const char *text, const char *part, const char *what, const char *file, int line)
{
    if (!text || !strstr(text, part)) {
        print_error("%s is \"%s\", which lacks \"%s\"\n", what, text ? text : "(null)", part);
        test_fail(file, line);
    }
}

enum { TEST_DIR_ROOM = 112 };

/* A new folder of the test's own in TMPDIR; its maker removes it with test_dir_remove. */
static inline bool test_dir(char dir[TEST_DIR_ROOM])
{
    const char *top = getenv("TMPDIR");

    if (!top || top[0] == '\0') {
        top = P_tmpdir;
    }
    int n = snprintf(dir, TEST_DIR_ROOM, "%s/twcbridge-test-XXXXXX", top);

    if (n < 0 || n >= TEST_DIR_ROOM || !mkdtemp(dir)) {
        print_error("no folder can be made in %s\n", top);
        dir[0] = '\0';
        return false;
    }
    return true;
}

/* With all that is in it; "": nothing was made, nothing to do. */
static inline void test_dir_remove(const char *dir)
{
    DIR *d = dir[0] ? opendir(dir) : NULL;
    char path[512];

    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            int n = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);

            if (n > 0 && (size_t)n < sizeof(path) && unlink(path) != 0) {
                test_dir_remove(path);
            }
        }
    }
    if (d) {
        closedir(d);
        rmdir(dir);
    }
}

#endif
