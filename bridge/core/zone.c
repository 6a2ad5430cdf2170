/*
 * zone - POSIX rules of time zones. SPDX-License-Identifier: MIT
 */
#include "bridge/core/zone.h"

#include <stddef.h>
#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400, NAME_MIN = 3 };

/* ---- names ---- */

static const struct {
    const char *rule, *names; /* between blanks */
} table[] = {
        {"UTC0", " UTC Etc/UTC Etc/GMT "},
        {"CET-1CEST,M3.5.0,M10.5.0/3",
                " Europe/Amsterdam Europe/Andorra Europe/Belgrade Europe/Berlin Europe/Bratislava "
                "Europe/Brussels Europe/Budapest Europe/Busingen Europe/Copenhagen Europe/Gibraltar "
                "Europe/Ljubljana Europe/Luxembourg Europe/Madrid Europe/Malta Europe/Monaco "
                "Europe/Oslo Europe/Paris Europe/Podgorica Europe/Prague Europe/Rome "
                "Europe/San_Marino Europe/Sarajevo Europe/Skopje Europe/Stockholm Europe/Tirane "
                "Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb "
                "Europe/Zurich Arctic/Longyearbyen Africa/Ceuta "},
        {"GMT0BST,M3.5.0/1,M10.5.0",
                " Europe/London Europe/Belfast Europe/Guernsey Europe/Isle_of_Man Europe/Jersey "},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", " Europe/Dublin "},
        {"WET0WEST,M3.5.0/1,M10.5.0",
                " Europe/Lisbon Atlantic/Madeira Atlantic/Canary Atlantic/Faroe "},
        {"EET-2EEST,M3.5.0/3,M10.5.0/4",
                " Europe/Athens Europe/Bucharest Europe/Helsinki Europe/Kyiv Europe/Kiev "
                "Europe/Mariehamn Europe/Riga Europe/Sofia Europe/Tallinn Europe/Vilnius "
                "Asia/Nicosia "},
        {"GMT0", " Atlantic/Reykjavik "},
        {"<+03>-3", " Europe/Istanbul Europe/Minsk "},
        {"EST5EDT,M3.2.0,M11.1.0", " America/New_York America/Detroit America/Toronto "},
        {"CST6CDT,M3.2.0,M11.1.0", " America/Chicago America/Winnipeg "},
        {"MST7MDT,M3.2.0,M11.1.0", " America/Denver America/Edmonton "},
        {"MST7", " America/Phoenix "},
        {"PST8PDT,M3.2.0,M11.1.0", " America/Los_Angeles America/Vancouver "},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3",
                " Australia/Sydney Australia/Melbourne Australia/Hobart Australia/Canberra "},
        {"AEST-10", " Australia/Brisbane "},
        {"ACST-9:30ACDT,M10.1.0,M4.1.0/3", " Australia/Adelaide "},
        {"AWST-8", " Australia/Perth "},
        {"NZST-12NZDT,M9.5.0,M4.1.0/3", " Pacific/Auckland "},
        {"JST-9", " Asia/Tokyo "},
};

static const char *rule_of(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; n > 0 && !strchr(name, ' ') && i < ARRAY_LEN(table); i++) {
        const char *p = table[i].names;

        while ((p = strstr(p, name)) != NULL && (p[-1] != ' ' || p[n] != ' ')) {
            p += n;
        }
        if (p) {
            return table[i].rule;
        }
    }
    return name;
}

/* ---- rules ---- */

static bool number(const char **s, int max, int *out)
{
    int v = 0, digits = 0;

    while (**s >= '0' && **s <= '9' && digits < 4) {
        v = v * 10 + (*(*s)++ - '0');
        digits++;
    }
    *out = v;
    return digits > 0 && v <= max;
}

static bool is(const char **s, char c)
{
    *s += **s == c;
    return (*s)[-1] == c;
}

/* "CET" or "<+03>". */
static bool name(const char **s)
{
    const char *start = *s;

    if (*start == '<') {
        *s += strcspn(*s, ">");
        *s += **s == '>';
        return (*s)[-1] == '>';
    }
    while ((**s >= 'a' && **s <= 'z') || (**s >= 'A' && **s <= 'Z')) {
        (*s)++;
    }
    return *s - start >= NAME_MIN;
}

/* "2", "-1", "9:30", "24:00:00"; up to a week, as newer rules have it. */
static bool clock_time(const char **s, int32_t *out)
{
    int sign = **s == '-' ? -1 : 1, h = 0, m = 0, sec = 0;

    *s += **s == '-' || **s == '+';
    if (!number(s, 167, &h)) {
        return false;
    }
    if (**s == ':') {
        (*s)++;
        if (!number(s, 59, &m)) {
            return false;
        }
    }
    if (**s == ':') {
        (*s)++;
        if (!number(s, 59, &sec)) {
            return false;
        }
    }
    *out = sign * (h * HOUR_S + m * 60 + sec);
    return true;
}

/* ",M3.5.0/2" */
static bool change(const char **s, struct zone_change *c)
{
    if (**s != ',' || (*s)[1] != 'M') {
        return false; /* by the day of the year: no zone of today has it */
    }
    *s += 2;
    if (!number(s, 12, &c->m) || c->m < 1 || !is(s, '.') || !number(s, 5, &c->w) || c->w < 1 ||
            !is(s, '.') || !number(s, 6, &c->d)) {
        return false;
    }
    c->at_s = 2 * HOUR_S;
    if (**s == '/') {
        (*s)++;
        return clock_time(s, &c->at_s);
    }
    return true;
}

bool zone_find(struct zone *z, const char *name_or_rule)
{
    const char *s = rule_of(name_or_rule);
    int32_t west_s = 0;

    memset(z, 0, sizeof(*z));
    if (!name(&s) || !clock_time(&s, &west_s)) {
        return false;
    }
    z->offset_s = z->summer_s = -west_s;
    if (*s == '\0') {
        return true;
    }
    z->has_summer = true;
    west_s -= HOUR_S;
    if (!name(&s) || (*s != ',' && !clock_time(&s, &west_s))) {
        return false;
    }
    z->summer_s = -west_s;
    return change(&s, &z->begin) && change(&s, &z->end) && *s == '\0';
}

/* ---- dates ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days from 1970-01-01 to the first of January; years from 1 on. */
static int64_t days_before(int64_t year)
{
    int64_t y = year - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static int64_t year_of(int64_t days)
{
    int64_t year = 1970 + floor_div(days, 366);

    while (days_before(year + 1) <= days) {
        year++;
    }
    return year;
}

/* Sunday: 0; 1970-01-01 was a Thursday. */
static int weekday_of(int64_t days)
{
    return (int)(days + 4 - floor_div(days + 4, 7) * 7);
}

/* The local wall clock of the change, as seconds since 1970 by that clock. */
static int64_t change_at(const struct zone_change *c, int64_t year)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t first = days_before(year) + before[c->m - 1] + (c->m > 2 && is_leap(year));
    int64_t length = before[c->m] - before[c->m - 1] + (c->m == 2 && is_leap(year));
    int64_t day = first + (c->d - weekday_of(first) + 7) % 7 + (int64_t)(c->w - 1) * 7;

    while (day >= first + length) {
        day -= 7;
    }
    return day * DAY_S + c->at_s;
}

int32_t zone_offset(const struct zone *z, int64_t utc_s)
{
    int64_t year, begin_s, end_s;
    bool summer;

    if (!z->has_summer) {
        return z->offset_s;
    }
    year = year_of(floor_div(utc_s + z->offset_s, DAY_S));
    begin_s = change_at(&z->begin, year) - z->offset_s;
    end_s = change_at(&z->end, year) - z->summer_s;
    summer = begin_s < end_s ? utc_s >= begin_s && utc_s < end_s
                             : utc_s >= begin_s || utc_s < end_s; /* in the south */
    return summer ? z->summer_s : z->offset_s;
}

struct zone_time zone_local(const struct zone *z, int64_t utc_s)
{
    int64_t local_s = utc_s + zone_offset(z, utc_s), day = floor_div(local_s, DAY_S);

    return (struct zone_time){
            .weekday = weekday_of(day), .minute = (int)((local_s - day * DAY_S) / 60)};
}

int64_t zone_day(const struct zone *z, int64_t utc_s, int days)
{
    int64_t midnight_s = (floor_div(utc_s + zone_offset(z, utc_s), DAY_S) + days) * DAY_S;
    int64_t start_s = midnight_s - zone_offset(z, midnight_s - z->offset_s);

    /* Where the clock goes at midnight, the first guess may be of the other side. */
    return midnight_s - zone_offset(z, start_s) < start_s ? midnight_s - zone_offset(z, start_s)
                                                          : start_s;
}
