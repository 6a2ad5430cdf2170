/*
 * test_ems_plan - when prices and forecasts are fetched. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems_plan.h"
#include "bridge/core/zone.h"
#include "tests/support/test.h"

enum { H = 3600, NOON = 1795604400 }; /* Wednesday 2026-11-25 12:00 in Brussels, 11:00 UTC */

static struct slots have;
static struct ems_planning p = {
        .plan = &ems_plan_auction, .have = &have, .interval_s = H, .calls = 10};

static int setup(void **state)
{
    (void)state;
    memset(&have, 0, sizeof(have));
    p.plan = &ems_plan_auction;
    p.calls = 10;
    return 0;
}

/* Prices to the end of the day `days` from today. */
static void prices(int days)
{
    struct zone z;

    assert_true(zone_find(&z, "Europe/Brussels"));
    assert_true(slots_add(&have, zone_day(&z, NOON, 0), zone_day(&z, NOON, days), 1));
}

static void hourly_but_often_while_the_prices_of_tomorrow_are_due(void **state)
{
    (void)state;
    prices(1);
    check_i64(ems_plan_wait(&p, NOON - 3 * H, 0), H);
    check_i64(ems_plan_wait(&p, NOON, 0), 45 * 60); /* just when they come */
    check_i64(ems_plan_wait(&p, NOON + 45 * 60, 0), 900);
    check_i64(ems_plan_wait(&p, NOON + 3 * H - 60, 0), 900);
    check_i64(ems_plan_wait(&p, NOON + 3 * H, 0), H); /* 15:00: they are late */
    check_i64(ems_plan_wait(&p, NOON + 9 * H, 0), H);
    prices(2);
    check_i64(ems_plan_wait(&p, NOON, 0), H);
    check_i64(ems_plan_wait(&p, NOON + H, 0), H);
}

static void without_any_list_and_with_a_gap_it_is_asked_for_too(void **state)
{
    (void)state;
    check_i64(ems_plan_wait(&p, NOON + H, 0), 900);
    prices(1);
    assert_true(slots_add(&have, NOON + 14 * H, NOON + 36 * H, 1));
    check_i64(ems_plan_wait(&p, NOON + H, 0), 900);
}

static void jitter_adds_at_most_a_tenth_and_a_few_minutes(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    prices(1);
    for (uint32_t r = 0; r < 100000; r += 7) {
        int64_t w = ems_plan_wait(&p, NOON + 30 * 60, r);

        least = w < least ? w : least;
        most = w > most ? w : most;
        w = ems_plan_wait(&p, NOON + H, r);
        assert_true(w >= 900 && w <= 990);
        w = ems_plan_wait(&p, NOON - 5 * H, r);
        assert_true(w >= H && w <= H + H / 10);
    }
    assert_true(least == 900 && most > 1100 && most < 900 + 90 + 240);
}

/* A day of sun from 7 to 17, the next one too. */
static void sun(int days)
{
    for (int d = 0; d < days; d++) {
        for (int h = 0; h < 24; h++) {
            int64_t at_s = NOON + (d * 24 + h - 11) * H;

            assert_true(slots_add(&have, at_s, at_s + H, h >= 7 && h < 17 ? 500 : 0));
        }
    }
}

static void a_few_calls_a_day_fall_between_sunrise_and_sunset(void **state)
{
    const struct ems_plan daylight = {.kind = EMS_PLAN_DAYLIGHT};
    int64_t at_s = NOON - 8 * H; /* 3 in the night */
    int calls = 0;

    (void)state;
    sun(4);
    p.plan = &daylight;
    for (p.calls = 1; p.calls <= 50; p.calls += p.calls < 5 ? 1 : 5) {
        calls = 0;
        for (at_s = NOON - 8 * H; at_s < NOON + 16 * H; calls++) {
            at_s += ems_plan_wait(&p, at_s, 0);
        }
        calls -= at_s >= NOON + 16 * H; /* that is tomorrow's */
        assert_true(calls >= 1 && calls <= p.calls);
        assert_true(
                calls >= p.calls - 1 || p.calls > 40); /* never below a quarter of an hour */
    }
    p.calls = 10;
    check_i64(ems_plan_wait(&p, NOON - 8 * H, 0), 4 * H); /* at sunrise */
    check_i64(ems_plan_wait(&p, NOON, 0), 4000);
    check_i64(ems_plan_wait(&p, NOON + 6 * H - 60, 0), 14 * H + 60);
    check_i64(ems_plan_least(&p, NOON), 4000); /* failures count, too */
}

static void without_sun_or_any_idea_of_it_the_calls_are_spread_over_the_day(void **state)
{
    const struct ems_plan daylight = {.kind = EMS_PLAN_DAYLIGHT};

    (void)state;
    p.plan = &daylight;
    check_i64(ems_plan_wait(&p, NOON, 0), 9600);
    assert_true(slots_add(&have, NOON - 12 * H, NOON + 60 * H, 0)); /* polar night */
    check_i64(ems_plan_wait(&p, NOON, 0), 9600);
    p.calls = 1;
    check_i64(ems_plan_wait(&p, NOON, 0), 86400);
}

static void a_restart_does_not_ask_at_once_again(void **state)
{
    const struct ems_plan daylight = {.kind = EMS_PLAN_DAYLIGHT},
                          steady = {.kind = EMS_PLAN_STEADY};

    (void)state;
    check_i64(ems_plan_start(&p, 0, NOON), 0);
    check_i64(ems_plan_start(&p, NOON - 60, NOON), 840);
    check_i64(ems_plan_start(&p, NOON - 900, NOON), 0);
    check_i64(ems_plan_start(&p, NOON + 60, NOON), 0); /* our clock was wrong */
    sun(2);
    p.plan = &daylight;
    check_i64(ems_plan_start(&p, NOON - 1000, NOON), 3000);
    p.plan = &steady;
    check_i64(ems_plan_start(&p, NOON - 1000, NOON), 2600);
    check_i64(ems_plan_wait(&p, NOON, 7), H);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(
                    hourly_but_often_while_the_prices_of_tomorrow_are_due, setup),
            cmocka_unit_test_setup(without_any_list_and_with_a_gap_it_is_asked_for_too, setup),
            cmocka_unit_test_setup(jitter_adds_at_most_a_tenth_and_a_few_minutes, setup),
            cmocka_unit_test_setup(a_few_calls_a_day_fall_between_sunrise_and_sunset, setup),
            cmocka_unit_test_setup(
                    without_sun_or_any_idea_of_it_the_calls_are_spread_over_the_day, setup),
            cmocka_unit_test_setup(a_restart_does_not_ask_at_once_again, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
