/*
 * test_zone - local time out of rules. SPDX-License-Identifier: MIT
 *
 * The instants of the changes are those of the IANA database (zdump).
 */
#include "bridge/core/zone.h"
#include "tests/support/test.h"

static struct zone z;

static void offsets_change_to_the_second(void **state)
{
    static const struct {
        const char *name;
        int64_t utc_s; /* the first second of the new offset */
        int32_t before_s, after_s;
    } rows[] = {
            {"Europe/Berlin", 1774746000, 3600, 7200},        /* 2026-03-29 01:00 */
            {"Europe/Berlin", 1792890000, 7200, 3600},        /* 2026-10-25 01:00 */
            {"Europe/Berlin", 1711846800, 3600, 7200},        /* 2024-03-31 01:00 */
            {"Europe/London", 1774746000, 0, 3600},           /* 2026-03-29 01:00 */
            {"Europe/London", 1792890000, 3600, 0},           /* 2026-10-25 01:00 */
            {"Europe/Dublin", 1774746000, 0, 3600},           /* 2026-03-29 01:00 */
            {"Europe/Helsinki", 1774746000, 7200, 10800},     /* 2026-03-29 01:00 */
            {"America/New_York", 1772953200, -18000, -14400}, /* 2026-03-08 07:00 */
            {"America/New_York", 1793512800, -14400, -18000}, /* 2026-11-01 06:00 */
            {"Australia/Sydney", 1775318400, 39600, 36000},   /* 2026-04-04 16:00 */
            {"Australia/Sydney", 1791043200, 36000, 39600},   /* 2026-10-03 16:00 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(zone_find(&z, rows[i].name));
        check_i64(zone_offset(&z, rows[i].utc_s - 1), rows[i].before_s);
        check_i64(zone_offset(&z, rows[i].utc_s), rows[i].after_s);
    }
}

static void a_day_of_the_change_has_23_or_25_hours(void **state)
{
    (void)state;
    assert_true(zone_find(&z, "Europe/Berlin"));
    /* 2026-03-29 15:00 UTC: its day begins on the 28th at 23:00 UTC. */
    check_i64(zone_day(&z, 1774796400, 0), 1774738800);
    check_i64((zone_day(&z, 1774796400, 1) - zone_day(&z, 1774796400, 0)) / 900, 92);
    check_i64((zone_day(&z, 1792940400, 1) - zone_day(&z, 1792940400, 0)) / 900, 100);
    check_i64((zone_day(&z, 1792940400, 2) - zone_day(&z, 1792940400, 1)) / 900, 96);
    /* From the day before, too, and at both ends of the day itself. */
    check_i64(zone_day(&z, 1774738799, 1), 1774738800);
    check_i64(zone_day(&z, 1774738800, 0), 1774738800);
    check_i64(zone_day(&z, 1774738800 + 23 * 3600 - 1, 0), 1774738800);
    check_i64(zone_day(&z, 1774738800 + 23 * 3600, 0), 1774738800 + 23 * 3600);
}

static void local_time_is_what_the_clock_on_the_wall_says(void **state)
{
    struct zone_time t;

    (void)state;
    assert_true(zone_find(&z, "Europe/Berlin"));
    t = zone_local(&z, 1774746000); /* Sunday 2026-03-29 01:00 UTC: 03:00 */
    check_i64(t.weekday, 0);
    check_i64(t.minute, 180);
    t = zone_local(&z, 1774746000 - 1);
    check_i64(t.minute, 119);
    t = zone_local(&z, 1774738799); /* Saturday 23:59 */
    check_i64(t.weekday, 6);
    check_i64(t.minute, 1439);
    t = zone_local(&z, -1); /* Thursday 1970-01-01 00:59:59 */
    check_i64(t.weekday, 4);
    check_i64(t.minute, 59);
}

static void rules_are_read_and_what_is_none_is_refused(void **state)
{
    static const char *const good[] = {"UTC0", "<+0330>-3:30", "CET-1CEST,M3.5.0,M10.5.0/3",
            "EST5EDT,M3.2.0,M11.1.0", "<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "Etc/UTC"};
    static const char *const wrong[] = {"", "Europe/Berlinn", "Berlin", "europe/berlin", "CE-1",
            "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
            "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J60,J300",
            "CET-1CEST,M3.5.0,M10.5.0/3 ", "<+03", "CET-999", "Europe/London Europe/Belfast",
            " "};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (!zone_find(&z, good[i])) {
            fail_msg("'%s' was refused", good[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (zone_find(&z, wrong[i])) {
            fail_msg("'%s' was taken", wrong[i]);
        }
    }
    assert_true(zone_find(&z, "<+0330>-3:30"));
    check_i64(zone_offset(&z, 0), 12600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(offsets_change_to_the_second),
            cmocka_unit_test(a_day_of_the_change_has_23_or_25_hours),
            cmocka_unit_test(local_time_is_what_the_clock_on_the_wall_says),
            cmocka_unit_test(rules_are_read_and_what_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
