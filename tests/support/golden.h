/*
 * golden - files below tests/data, and comparing JSON with them. SPDX-License-Identifier: MIT
 *
 * Blanks outside of strings do not count, so a golden file may be indented. Include test.h first.
 */
#ifndef TESTS_SUPPORT_GOLDEN_H
#define TESTS_SUPPORT_GOLDEN_H

#include "tests/support/test.h"

#include <stdio.h>

/* The caller frees; fails the test when the file is not there. */
static inline char *golden_read(const char *name, size_t *len)
{
    char path[512];
    FILE *f;
    char *text;
    long size;

    (void)snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
    f = fopen(path, "rb");
    if (!f) {
        print_error("%s is missing\n", path);
        test_fail(__FILE__, __LINE__);
    }
    (void)fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    text = malloc((size_t)size + 1);
    assert_non_null(text);
    *len = fread(text, 1, (size_t)size, f);
    text[*len] = '\0';
    (void)fclose(f);
    return text;
}

/* Takes blanks outside of strings away, in place. */
static inline void golden_squeeze(char *text)
{
    char *to = text;
    bool inside = false;

    for (const char *p = text; *p; p++) {
        if (inside && *p == '\\' && p[1] != '\0') {
            *to++ = *p++;
            *to++ = *p;
            continue;
        }
        if (*p == '"') {
            inside = !inside;
        }
        if (inside || !strchr(" \n\r\t", *p)) {
            *to++ = *p;
        }
    }
    *to = '\0';
}

/* With GOLDEN_WRITE in the environment the file is written instead (then look at the diff). */
static inline void golden_check(const char *name, const char *json)
{
    size_t len = 0;
    char *want;
    char *got;
    size_t same = 0;

    if (getenv("GOLDEN_WRITE")) {
        char path[512];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
        f = fopen(path, "wb");
        assert_non_null(f);
        (void)fprintf(f, "%s%s", json, json[strlen(json) - 1] == '\n' ? "" : "\n");
        (void)fclose(f);
        return;
    }
    want = golden_read(name, &len);
    got = strdup(json);
    assert_non_null(got);
    golden_squeeze(want);
    golden_squeeze(got);
    while (got[same] != '\0' && got[same] == want[same]) {
        same++;
    }
    if (got[same] != want[same]) {
        size_t from = same > 60 ? same - 60 : 0;

        print_error("%s differs:\n  got    ...%.120s\n  wanted ...%.120s\n", name, got + from,
                want + from);
        free(want);
        free(got);
        test_fail(__FILE__, __LINE__);
    }
    free(want);
    free(got);
}

#endif
