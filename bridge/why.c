/*
 * why - `twcbridge why`: the decisions of the store in words. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/store/store_why.h"
#include "bridge/verbs.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROWS_DEFAULT = 10, ROWS_MAX = 1000, TIME_ROOM = 40 };

static const char usage[] =
        "usage: twcbridge why [--at TIME] [--charger ID] [--last N] [--state DIR]\n"
        "Says what each charger was offered and why, out of the store; the bridge may be running.\n"
        "  --at TIME      what was in force then (default: now): 2026-11-24T06:00:00Z,\n"
        "                 \"2026-11-24 06:00\" or 06:00 in the time of this machine\n"
        "  --charger ID   this one alone, such as a1b2\n"
        "  --last N       that many decisions of each charger, 1 to 1000 (default 10)\n"
        "  --state DIR    where the store lives (default: " VERB_STATE_DIR ")\n";

/* Digits of a fixed width inside min..max. */
static bool digits(const char **p, size_t width, int min, int max, int *out)
{
    int64_t v = 0;

    if (strspn(*p, "0123456789") < width || !str_int(*p, width, &v) || v < min || v > max) {
        return false;
    }
    *out = (int)v;
    *p += width;
    return true;
}

static bool skip(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

/* "[YYYY-MM-DD ]HH:MM[:SS]" in the time of this machine. */
static bool local_time(const char *s, int64_t *utc_ms)
{
    time_t now = (time_t)(loop_utc_ms() / 1000);
    struct tm t;

    localtime_r(&now, &t);
    t.tm_sec = 0;
    t.tm_isdst = -1;
    if (strlen(s) > 10) {
        if (!digits(&s, 4, 1970, 9999, &t.tm_year) || !skip(&s, '-') ||
                !digits(&s, 2, 1, 12, &t.tm_mon) || !skip(&s, '-') ||
                !digits(&s, 2, 1, 31, &t.tm_mday) || (*s != ' ' && *s != 'T')) {
            return false;
        }
        s++;
        t.tm_year -= 1900;
        t.tm_mon -= 1;
    }
    if (!digits(&s, 2, 0, 23, &t.tm_hour) || !skip(&s, ':') ||
            !digits(&s, 2, 0, 59, &t.tm_min) ||
            (*s == ':' && (!skip(&s, ':') || !digits(&s, 2, 0, 60, &t.tm_sec)))) {
        return false;
    }
    *utc_ms = (int64_t)mktime(&t) * 1000;
    return *s == '\0';
}

static void show_time(char dst[static TIME_ROOM], int64_t utc_ms)
{
    time_t s = (time_t)(utc_ms / 1000);
    struct tm t;

    localtime_r(&s, &t);
    strftime(dst, TIME_ROOM, "%Y-%m-%d %H:%M:%S %z", &t);
}

struct told {
    char charger[48]; /* the last one that had a row */
};

static void tell(void *user, const struct store_why *row)
{
    struct told *told = user;
    char since[TIME_ROOM], until[TIME_ROOM];

    show_time(since, row->utc_ms);
    if (strcmp(told->charger, row->charger) != 0) {
        printf("%s%s\n", told->charger[0] != '\0' ? "\n" : "", row->charger);
        str_copy(told->charger, sizeof(told->charger), row->charger);
    }
    printf("  %s  %g A -> %g A: %s\n", since, row->before_ma / 1000.0, row->after_ma / 1000.0,
            row->reason);
    if (!row->last) {
        return;
    }
    printf("  in force since %s", since);
    if (row->next_utc_ms != 0) {
        show_time(until, row->next_utc_ms);
        printf(" until %s", until);
    }
    printf(": %g A asked by %s, limited by %s, %g A booked\n", row->requested_ma / 1000.0,
            row->owner[0] != '\0' ? row->owner : "nobody (its default)", row->limited_by,
            row->booked_ma / 1000.0);
}

static int bad(const char *option, const char *value, const char *range)
{
    fprintf(stderr, "twcbridge why: %s: '%s' is not %s\n", option, value, range);
    return err_exit_code(ERR_INVALID);
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct store_why_query *q)
{
    static const char *const options[] = {
            "--at", "--charger", "--help", "--last", "--state", NULL};
    int64_t n = ROWS_DEFAULT;

    for (int i = 0; i < argc; i += 2) { /* an option and its value */
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--at") == 0 && value) {
            if (!str_time_parse(value, &q->at_utc_ms) && !local_time(value, &q->at_utc_ms)) {
                return bad("--at", value,
                        "a time: 2026-11-24T06:00:00Z, \"2026-11-24 06:00\", 06:00");
            }
        } else if (strcmp(argv[i], "--charger") == 0 && value) {
            q->charger = value;
        } else if (strcmp(argv[i], "--last") == 0 && value) {
            if (!str_int(value, strlen(value), &n) || n < 1 || n > ROWS_MAX) {
                return bad("--last", value, "a number from 1 to 1000");
            }
        } else if (strcmp(argv[i], "--state") == 0 && value) {
            q->dir = value;
        } else {
            return verb_refuse("why", argv[i], options);
        }
    }
    q->rows = (int)n;
    return -1;
}

int verb_why(int argc, char **argv)
{
    struct store_why_query q = {.dir = VERB_STATE_DIR, .at_utc_ms = loop_utc_ms()};
    struct told told = {""};
    struct err e = {0};
    int code = parse(argc, argv, &q);

    if (code >= 0) {
        return code;
    }
    if (store_why(&q, tell, &told, &e) != ERR_OK) {
        fprintf(stderr, "twcbridge why: %s\n", e.text);
        return err_exit_code(e.code);
    }
    if (told.charger[0] == '\0') {
        puts("no decision was made by then");
    }
    return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
}
