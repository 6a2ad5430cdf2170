/*
 * test_ems_tariff - a fixed price, and prices by day and hour. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

enum { MONDAY = 1795388400 }; /* 2026-11-23 00:00 in Berlin */

static void start(const char *options, int64_t utc_s)
{
    ems_rig_init(&r, "tariff", options);
    check_i64(r.errs.count, 0);
    r.session.utc_ms = utc_s * 1000;
    ems_rig_round(&r); /* by that clock */
}

/* The price at an hour and minute of the days from Monday on. */
static int64_t at(int day, int hour, int minute)
{
    const struct slot *x = slots_at(&r.slots.list[SLOTS_PRICE],
            MONDAY + (int64_t)day * 86400 + hour * 3600 + minute * 60);

    assert_non_null(x);
    check_i64(x->end_s - x->start_s, 900);
    return x->value;
}

static void one_price_holds_for_four_days_by_quarters(void **state)
{
    (void)state;
    start("{\"price\":0.2995}", MONDAY + 50000);
    check_i64(r.slots.list[SLOTS_PRICE].n, 4 * 96);
    check_slot(&r, SLOTS_PRICE, 0, MONDAY, 900, 299500);
    check_i64(r.slots.list[SLOTS_EXPORT].n, 0);
    check_i64(r.a->slots(r.config), SLOTS_BIT(SLOTS_PRICE));
    check_str(r.slots.currency, ""); /* that of the site */
}

static void the_first_zone_that_fits_counts(void **state)
{
    (void)state;
    start("{\"price\":0.3,\"zones\":\"tu 08:00-09:30 -0.05,mo-we+fr 07:00-12:00 0.32 , 22:00-06:00 0.19, we 0.25\","
          "\"export_price\":0.08}",
            MONDAY);
    check_i64(at(0, 7, 0), 320000);
    check_i64(at(0, 11, 45), 320000);
    check_i64(at(0, 12, 0), 300000);
    check_i64(at(1, 8, 0), -50000);
    check_i64(at(1, 9, 15), -50000);
    check_i64(at(1, 9, 30), 320000);
    check_i64(at(0, 22, 0), 190000);
    check_i64(at(1, 5, 45), 190000);
    check_i64(at(1, 6, 0), 300000);
    check_i64(at(2, 14, 0), 250000);
    check_i64(at(2, 23, 0), 190000);
    check_i64(at(3, 8, 0), 300000); /* Thursday */
    check_i64(r.slots.list[SLOTS_EXPORT].n, 4 * 96);
    check_slot(&r, SLOTS_EXPORT, 0, MONDAY, 900, 80000);
}

static void hours_over_midnight_belong_to_the_day_that_they_begin_on(void **state)
{
    (void)state;
    start("{\"price\":0.3,\"zones\":\"mo 22:00-06:00 0.1\"}", MONDAY);
    check_i64(at(0, 3, 0), 300000);
    check_i64(at(0, 23, 0), 100000);
    check_i64(at(1, 5, 45), 100000);
    check_i64(at(1, 22, 0), 300000);
}

static void a_range_of_days_may_go_over_the_end_of_the_week(void **state)
{
    (void)state;
    start("{\"price\":0.3,\"zones\":\"Fr-Mo 0.2\"}", MONDAY);
    check_i64(at(0, 12, 0), 200000);
    check_i64(at(1, 12, 0), 300000);
    check_i64(at(3, 12, 0), 300000);
}

static void the_days_of_the_clock_change_have_92_and_100_quarters(void **state)
{
    const int64_t spring_s = 1774738800,
                  autumn_s = 1792879200; /* 2026-03-29, 2026-10-25 in Berlin */

    (void)state;
    start("{\"price\":0.3,\"time_zone\":\"Europe/Berlin\"}", spring_s + 40000);
    check_i64(slots_count(&r.slots.list[SLOTS_PRICE], spring_s, spring_s + 23 * 3600), 92);
    check_i64(r.slots.list[SLOTS_PRICE].slot[92].start_s, spring_s + 23 * 3600);
    start("{\"price\":0.3,\"time_zone\":\"Europe/Berlin\"}", autumn_s + 40000);
    check_i64(slots_count(&r.slots.list[SLOTS_PRICE], autumn_s, autumn_s + 25 * 3600), 100);
    check_i64(r.slots.list[SLOTS_PRICE].n, 100 + 3 * 96);
}

static void what_is_no_table_is_told_with_its_entry(void **state)
{
    static const struct {
        const char *zones, *words;
    } rows[] = {{"xx 0.3", "entry 1 has a day that is none of"},
            {"0.2, mo 25:00-26:00 0.3", "entry 2 has hours"},
            {"mo 07:00 0.3", "entry 1 has hours"}, {"mo 07:00-08:00", "entry 1"},
            {"mo 07:60-08:00 0.3", "entry 1 has hours"}, {"mo", "entry 1 lacks a price"},
            {"mo cheap", "entry 1 lacks a price"}, {"mo 0.3 EUR", "something behind the price"},
            {"0.3,,0.2", "entry 2 lacks a price"}, {"5000", "not a number below 1000"},
            {"mo- 0.3", "entry 1"},
            {"1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "entry 25 is one too many"}};
    char options[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)snprintf(
                options, sizeof(options), "{\"price\":0.3,\"zones\":\"%s\"}", rows[i].zones);
        ems_rig_init(&r, "tariff", options);
        if (r.errs.count != 1) {
            fail_msg("'%s' gave %d errors", rows[i].zones, r.errs.count);
        }
        check_has(r.errs.text[0], rows[i].words);
    }
    ems_rig_init(&r, "tariff", "{\"price\":0.3,\"time_zone\":\"Berlin\"}");
    check_has(r.errs.text[0], "sources[0].time_zone: 'Berlin' is not known here");
    check_i64(r.slots.list[SLOTS_PRICE].n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(one_price_holds_for_four_days_by_quarters),
            cmocka_unit_test(the_first_zone_that_fits_counts),
            cmocka_unit_test(hours_over_midnight_belong_to_the_day_that_they_begin_on),
            cmocka_unit_test(a_range_of_days_may_go_over_the_end_of_the_week),
            cmocka_unit_test(the_days_of_the_clock_change_have_92_and_100_quarters),
            cmocka_unit_test(what_is_no_table_is_told_with_its_entry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
