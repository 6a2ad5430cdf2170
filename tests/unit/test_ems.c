/*
 * test_ems - what a source says, judged and aged. SPDX-License-Identifier: MIT
 */
#include "bridge/base/macros.h"
#include "bridge/core/ems.h"
#include "tests/support/test.h"

enum { NOW = 1000000, TTL = 30000 };
static const int64_t utc = INT64_C(1780000000000);

static struct ems_source s;
static struct ems_source_config c;

static int setup(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    c = (struct ems_source_config){.role = EMS_SUM, .fields = UINT32_MAX, .ttl_ms = TTL};
    return 0;
}

static void say(enum ems_field f, int64_t v, int64_t source_utc_ms, int64_t now_ms)
{
    struct ems_reports r = {0};

    ems_say(&r, f, v, source_utc_ms, "raw");
    ems_take(&s, &c, &r, (struct ems_now){now_ms, utc + now_ms - NOW});
}

/* "" when fresh. */
static const char *why(enum ems_field f, int64_t now_ms, int64_t *v)
{
    const char *w = NULL;

    return ems_fresh(&s, &c, f, now_ms, v, &w) ? "" : w;
}

static void a_value_ages_and_then_is_no_more(void **state)
{
    int64_t v = 0;

    (void)state;
    check_str(why(EMS_PV_W, NOW, &v), "nothing was read yet");
    say(EMS_PV_W, 1200, 0, NOW);
    check_str(why(EMS_PV_W, NOW + TTL, &v), "");
    check_i64(v, 1200);
    check_str(why(EMS_PV_W, NOW + TTL + 1, &v), "the source gives no more values");
}

static void a_value_that_is_measured_seldom_holds_longer(void **state)
{
    struct ems_reports x = {0};
    const char *why = NULL;
    int64_t v = 0;

    (void)state;
    memset(&s, 0, sizeof(s));
    ems_say(&x, EMS_PV_W, 700, 0, NULL);
    x.field[EMS_PV_W].holds_s = 1200;
    ems_take(&s, &c, &x, (struct ems_now){NOW, utc});
    check_i64(ems_ttl_ms(&s, &c, EMS_PV_W), 1200000);
    assert_true(ems_fresh(&s, &c, EMS_PV_W, NOW + 1200000, &v, &why));
    assert_false(ems_fresh(&s, &c, EMS_PV_W, NOW + 1200001, &v, &why));
    x.field[EMS_PV_W].holds_s = 1; /* never less than max age */
    ems_take(&s, &c, &x, (struct ems_now){NOW, utc});
    check_i64(ems_ttl_ms(&s, &c, EMS_PV_W), c.ttl_ms);
}

static void hold_to(enum ems_field f, int64_t v, int64_t source_utc_ms, int64_t now_ms)
{
    struct ems_reports r = {0};

    ems_say(&r, f, v, source_utc_ms, "raw");
    r.field[f].holds = true;
    ems_take(&s, &c, &r, (struct ems_now){now_ms, utc + now_ms - NOW});
}

static void what_a_source_holds_to_does_not_age_unless_it_is_lively(void **state)
{
    int64_t old = utc - 7200000, v = 0;

    (void)state;
    hold_to(EMS_SOC_PERMILLE, 410, old, NOW);
    hold_to(EMS_GRID_W, 900, old, NOW);
    check_str(why(EMS_SOC_PERMILLE, NOW + TTL, &v), "");
    check_i64(v, 410);
    check_str(why(EMS_SOC_PERMILLE, NOW + TTL + 1, &v),
            "its measurement is older than max_age_s");
    check_str(why(EMS_GRID_W, NOW, &v), "its measurement is older than max_age_s");
    hold_to(EMS_SOC_PERMILLE, 410, old, NOW + TTL);
    check_str(why(EMS_SOC_PERMILLE, NOW + 2 * TTL, &v), "");
    check_i64(s.field[EMS_SOC_PERMILLE].at_ms, NOW - 7200000); /* its age is told as it is */
    say(EMS_SOC_PERMILLE, 410, old, NOW + 2 * TTL);            /* it no longer holds to it */
    check_str(why(EMS_SOC_PERMILLE, NOW + 2 * TTL, &v),
            "its measurement is older than max_age_s");
}

static void the_sources_own_time_counts_and_repeating_it_does_not_refresh(void **state)
{
    int64_t v = 0;

    (void)state;
    say(EMS_PV_W, 1200, utc - 20000, NOW);
    check_str(why(EMS_PV_W, NOW + 10000, &v), "");
    say(EMS_PV_W, 1200, utc - 20000, NOW + 10000);
    check_str(why(EMS_PV_W, NOW + 10001, &v), "its measurement is older than max_age_s");
    say(EMS_PV_W, 1200, utc + 9000, NOW + 10000); /* the same value, measured anew */
    check_str(why(EMS_PV_W, NOW + 10001, &v), "");
}

static void a_lively_value_that_never_changes_is_a_dead_meter(void **state)
{
    int64_t v = 0;

    (void)state;
    for (int64_t t = NOW; t <= NOW + TTL; t += 5000) {
        say(EMS_GRID_W, 300, 0, t);
        say(EMS_PV_W, 0, 0, t); /* the night is no fault */
    }
    check_str(why(EMS_GRID_W, NOW + TTL, &v), "");
    check_str(why(EMS_GRID_W, NOW + TTL + 1, &v), "nothing of this source changes any more");
    check_str(why(EMS_PV_W, NOW + TTL + 1, &v), "");
    say(EMS_CURRENT_L2_MA, 10, 0, NOW + TTL + 1); /* one quiet phase beside it is no fault */
    check_str(why(EMS_GRID_W, NOW + TTL + 2, &v), "");
}

static void a_clock_of_the_future_or_that_was_never_set_is_no_data(void **state)
{
    static const struct {
        int64_t at;
        const char *why;
    } rows[] = {{INT64_C(946684800000), "never set"}, {1, "never set"}, {-5, "never set"},
            {utc + 300001, "more than five minutes ahead"}, {INT64_MAX, "ahead"}};
    int64_t v = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        say(EMS_GRID_W, 300, rows[i].at, NOW);
        check_has(why(EMS_GRID_W, NOW, &v), rows[i].why);
        c.ignore_time = true;
        say(EMS_GRID_W, 300, rows[i].at, NOW);
        check_str(why(EMS_GRID_W, NOW, &v), "");
        c.ignore_time = false;
    }
    say(EMS_GRID_W, 300, utc + 299000, NOW);
    check_str(why(EMS_GRID_W, NOW, &v), "");
}

static void what_cannot_be_is_not_known_and_the_night_of_an_inverter_is_0(void **state)
{
    static const struct {
        enum ems_field f;
        int64_t v;
        const char *why;
    } rows[] = {{EMS_GRID_W, 100001, "outside"}, {EMS_GRID_W, -100001, "outside"},
            {EMS_SOC_PERMILLE, 1001, "outside 0 to 1000"}, {EMS_SOC_PERMILLE, -1, "outside"},
            {EMS_VOLTAGE_L1_MV, 400001, "outside"}, {EMS_CURRENT_L3_MA, -500001, "outside"},
            {EMS_PV_W, -51, "invert_pv"}, {EMS_CONSUMPTION_W, -1, "a house gives no power"},
            {EMS_GRID_W, INT64_MIN + 1, "outside"}};
    int64_t v = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        say(rows[i].f, rows[i].v, 0, NOW);
        check_has(why(rows[i].f, NOW, &v), rows[i].why);
    }
    say(EMS_PV_W, -49, 0, NOW);
    check_str(why(EMS_PV_W, NOW, &v), "");
    check_i64(v, 0);
}

static void signs_are_inverted_where_the_settings_say_so(void **state)
{
    int64_t v = 0;

    (void)state;
    c.invert_grid = c.invert_battery = c.invert_pv = true;
    say(EMS_GRID_W, 500, 0, NOW);
    say(EMS_CURRENT_L1_MA, 2000, 0, NOW);
    say(EMS_BATTERY_W, -700, 0, NOW);
    say(EMS_PV_W, -900, 0, NOW);
    say(EMS_VOLTAGE_L1_MV, 230000, 0, NOW);
    (void)why(EMS_GRID_W, NOW, &v);
    check_i64(v, -500);
    (void)why(EMS_CURRENT_L1_MA, NOW, &v);
    check_i64(v, -2000);
    (void)why(EMS_BATTERY_W, NOW, &v);
    check_i64(v, 700);
    (void)why(EMS_PV_W, NOW, &v);
    check_i64(v, 900);
    (void)why(EMS_VOLTAGE_L1_MV, NOW, &v);
    check_i64(v, 230000);
}

static void none_replaces_a_value_and_what_is_not_said_stays(void **state)
{
    struct ems_reports r = {0};
    int64_t v = 0;

    (void)state;
    say(EMS_GRID_W, 500, 0, NOW);
    say(EMS_PV_W, 900, 0, NOW);
    ems_say_none(&r, EMS_GRID_W, "p has no value", "null");
    ems_take(&s, &c, &r, (struct ems_now){NOW + 1, utc});
    check_str(why(EMS_GRID_W, NOW + 1, &v), "p has no value");
    check_str(s.field[EMS_GRID_W].raw, "null");
    check_str(why(EMS_PV_W, NOW + 1, &v), "");
}

static void a_wall_clock_that_jumps_makes_no_old_measurement_young(void **state)
{
    struct ems_reports r = {0};
    int64_t v = 0;

    (void)state;
    ems_say(&r, EMS_PV_W, 900, utc - 1000, "");
    ems_take(&s, &c, &r, (struct ems_now){NOW, utc});
    ems_take(&s, &c, &r,
            (struct ems_now){NOW + TTL, utc - 1000}); /* set back by half a minute */
    check_str(why(EMS_PV_W, NOW + TTL, &v), "its measurement is older than max_age_s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(a_value_that_is_measured_seldom_holds_longer, setup),
            cmocka_unit_test_setup(a_value_ages_and_then_is_no_more, setup),
            cmocka_unit_test_setup(
                    what_a_source_holds_to_does_not_age_unless_it_is_lively, setup),
            cmocka_unit_test_setup(
                    the_sources_own_time_counts_and_repeating_it_does_not_refresh, setup),
            cmocka_unit_test_setup(a_lively_value_that_never_changes_is_a_dead_meter, setup),
            cmocka_unit_test_setup(
                    a_clock_of_the_future_or_that_was_never_set_is_no_data, setup),
            cmocka_unit_test_setup(
                    what_cannot_be_is_not_known_and_the_night_of_an_inverter_is_0, setup),
            cmocka_unit_test_setup(signs_are_inverted_where_the_settings_say_so, setup),
            cmocka_unit_test_setup(none_replaces_a_value_and_what_is_not_said_stays, setup),
            cmocka_unit_test_setup(
                    a_wall_clock_that_jumps_makes_no_old_measurement_young, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
