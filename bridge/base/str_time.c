/*
 * str_time - times of day in UTC, without the C library's time zones.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"

#include <string.h>

enum { DAY_MS = 86400000, MINUTE_MS = 60000, SECOND_MS = 1000 };

/* Days from 1970-01-01 in the Gregorian calendar; years count from March, so that the leap day
 * is the last of its year. */
static int64_t days_of_date(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2 ? 1 : 0);
}

void str_time(char dst[static STR_TIME_ROOM], int64_t utc_ms)
{
    int64_t days = utc_ms / DAY_MS, rest = utc_ms % DAY_MS, year;
    int month, day, seconds;

    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    seconds = (int)(rest / SECOND_MS);
    date_of_days(days, &year, &month, &day);
    str_format(dst, STR_TIME_ROOM, "%04lld-%02d-%02dT%02d:%02d:%02dZ", (long long)year, month,
            day, seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/* Exactly n digits. */
static bool number(const char **s, int n, int *out)
{
    int v = 0;

    for (int i = 0; i < n; i++) {
        char c = (*s)[i];

        if (c < '0' || c > '9') {
            return false;
        }
        v = v * 10 + (c - '0');
    }
    *s += n;
    *out = v;
    return true;
}

static bool literal(const char **s, char c)
{
    if (**s != c) {
        return false;
    }
    (*s)++;
    return true;
}

static bool date(const char **s, int64_t *days)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (!number(s, 4, &year) || !literal(s, '-') || !number(s, 2, &month) || !literal(s, '-') ||
            !number(s, 2, &day)) {
        return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1]) {
        return false;
    }
    if (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) {
        return false;
    }
    *days = days_of_date(year, month, day);
    return true;
}

/* "06:00:00", "06:00:00.123456"; a leap second counts as the next one. */
static bool clock_time(const char **s, int64_t *ms)
{
    int hour, minute, second, weight = 100;

    if (!number(s, 2, &hour) || !literal(s, ':') || !number(s, 2, &minute) ||
            !literal(s, ':') || !number(s, 2, &second) || hour > 23 || minute > 59 ||
            second > 60) {
        return false;
    }
    *ms = ((int64_t)hour * 60 + minute) * MINUTE_MS + (int64_t)second * SECOND_MS;
    if (**s == '.') {
        (*s)++;
        if (**s < '0' || **s > '9') {
            return false;
        }
        for (; **s >= '0' && **s <= '9'; (*s)++) {
            *ms += (int64_t)(**s - '0') * weight;
            weight /= 10;
        }
    }
    return true;
}

static bool offset(const char **s, int64_t *ms)
{
    int hour, minute, sign = **s == '-' ? -1 : 1;

    *ms = 0;
    if (literal(s, 'Z')) {
        return true;
    }
    if (!literal(s, '+') && !literal(s, '-')) {
        return false;
    }
    if (!number(s, 2, &hour)) {
        return false;
    }
    literal(s, ':');
    if (!number(s, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ms = sign * ((int64_t)hour * 60 + minute) * MINUTE_MS;
    return true;
}

bool str_time_parse(const char *s, int64_t *utc_ms)
{
    int64_t days, ms, off;

    if (!date(&s, &days) || (!literal(&s, 'T') && !literal(&s, ' ')) || !clock_time(&s, &ms) ||
            !offset(&s, &off) || *s) {
        return false;
    }
    *utc_ms = days * DAY_MS + ms - off;
    return true;
}
