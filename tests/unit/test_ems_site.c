/*
 * test_ems_site - several sources become one site. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems.h"
#include "tests/support/test.h"

enum { NOW = 1000000, TTL = 30000 };
static const int64_t utc = INT64_C(1780000000000);

static struct ems_source s[4];
static struct ems_source_config c[4];
static struct ems_site site;
static int n;

static int setup(void **state)
{
    (void)state;
    memset(s, 0, sizeof(s));
    memset(c, 0, sizeof(c));
    n = 0;
    return 0;
}

static int source(enum ems_role role, uint32_t fields)
{
    c[n] = (struct ems_source_config){.role = role, .fields = fields, .ttl_ms = TTL};
    return n++;
}

static void say(int i, enum ems_field f, int64_t v, int64_t age_ms)
{
    struct ems_reports r = {0};

    ems_say(&r, f, v, 0, "");
    ems_take(&s[i], &c[i], &r, (struct ems_now){NOW - age_ms, utc});
}

static const struct ems_value *merged(enum ems_field f, int64_t charger_w)
{
    ems_site_merge(s, c, n, NOW, charger_w >= 0 ? &charger_w : NULL, &site);
    return &site.field[f];
}

static void two_inverters_are_summed_and_one_that_is_silent_makes_the_sum_unknown(void **state)
{
    int a = source(EMS_SUM, EMS_BIT(EMS_PV_W)), b = source(EMS_SUM, EMS_BIT(EMS_PV_W));

    (void)state;
    say(a, EMS_PV_W, 1000, 5000);
    say(b, EMS_PV_W, 500, 2000);
    check_i64(merged(EMS_PV_W, 0)->value, 1500);
    assert_true(site.field[EMS_PV_W].known);
    check_i64(site.field[EMS_PV_W].at_ms, NOW - 5000);
    check_i64((int64_t)site.field[EMS_PV_W].from, 3);
    say(b, EMS_PV_W, 500, TTL + 1);
    assert_false(merged(EMS_PV_W, 0)->known);
    check_str(site.field[EMS_PV_W].why, "the source gives no more values");
}

static void the_primary_counts_alone_and_the_fallback_only_without_it(void **state)
{
    int fall = source(EMS_FALLBACK, EMS_BIT(EMS_GRID_W)),
        prim = source(EMS_PRIMARY, EMS_BIT(EMS_GRID_W));
    int second = source(EMS_FALLBACK, EMS_BIT(EMS_GRID_W));

    (void)state;
    say(fall, EMS_GRID_W, 100, 0);
    say(prim, EMS_GRID_W, 90, 0);
    say(second, EMS_GRID_W, 80, 0);
    check_i64(merged(EMS_GRID_W, 0)->value, 90);
    check_i64((int64_t)site.field[EMS_GRID_W].from, 1 << prim);
    s[prim].field[EMS_GRID_W].known = false;
    check_i64(merged(EMS_GRID_W, 0)->value, 100);
    s[fall].field[EMS_GRID_W].known = false;
    check_i64(merged(EMS_GRID_W, 0)->value, 80);
    s[second].field[EMS_GRID_W].known = false;
    assert_false(merged(EMS_GRID_W, 0)->known);
}

static void the_house_is_derived_from_grid_sun_and_battery_without_the_chargers(void **state)
{
    int a = source(EMS_SUM, EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W));

    (void)state;
    say(a, EMS_GRID_W, 500, 1000);
    say(a, EMS_PV_W, 3000, 0);
    say(a, EMS_BATTERY_W, -1000, 0);
    check_i64(merged(EMS_CONSUMPTION_W, 1400)->value, 1100);
    check_i64(site.field[EMS_CONSUMPTION_W].origin, EMS_DERIVED);
    check_i64(site.field[EMS_CONSUMPTION_W].at_ms, NOW - 1000);
    check_i64(site.surplus_w.value, 900);
    assert_false(
            merged(EMS_CONSUMPTION_W, -1)->known); /* what the chargers draw is not known */
    assert_false(site.surplus_w.known);
    s[a].field[EMS_PV_W].known = false; /* two are missing: none is derived */
    assert_false(merged(EMS_CONSUMPTION_W, 1400)->known);
    assert_false(site.field[EMS_PV_W].known);
}

static void a_lost_grid_meter_is_derived_from_the_others_but_no_sun_that_nobody_has(
        void **state)
{
    int a = source(EMS_SUM, EMS_BIT(EMS_CONSUMPTION_W) | EMS_BIT(EMS_PV_W));

    (void)state;
    c[a].includes_chargers = true;
    say(a, EMS_CONSUMPTION_W, 2500, 0);
    say(a, EMS_PV_W, 3000, 0);
    check_i64(merged(EMS_GRID_W, 2000)->value, -500);
    check_i64(site.field[EMS_CONSUMPTION_W].value, 500);
    assert_false(site.field[EMS_BATTERY_W].known);
    check_str(site.field[EMS_BATTERY_W].why, "no source gives it");
    check_i64(site.surplus_w.value, 2500);
    check_i64(ems_site_fields(c, n),
            EMS_BIT(EMS_CONSUMPTION_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_GRID_W));
}

static void consumption_alone_gives_no_grid_and_soc_is_a_mean(void **state)
{
    int a = source(EMS_SUM, EMS_BIT(EMS_CONSUMPTION_W) | EMS_BIT(EMS_SOC_PERMILLE));
    int b = source(EMS_SUM, EMS_BIT(EMS_SOC_PERMILLE));

    (void)state;
    say(a, EMS_CONSUMPTION_W, 700, 0);
    say(a, EMS_SOC_PERMILLE, 400, 0);
    say(b, EMS_SOC_PERMILLE, 601, 0);
    check_i64(merged(EMS_SOC_PERMILLE, 0)->value, 501);
    assert_false(site.field[EMS_GRID_W].known);
    check_i64(ems_site_fields(c, n), EMS_BIT(EMS_CONSUMPTION_W) | EMS_BIT(EMS_SOC_PERMILLE));
}

static void values_that_do_not_add_up_are_implausible(void **state)
{
    int a = source(
            EMS_SUM, EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_CONSUMPTION_W));

    (void)state;
    say(a, EMS_GRID_W, -1000, 0);
    say(a, EMS_PV_W, 3000, 0);
    say(a, EMS_CONSUMPTION_W, 2000, 0);
    (void)merged(EMS_GRID_W, 0);
    assert_true(site.balanced_known && !site.implausible);
    say(a, EMS_GRID_W, 1000, 0); /* the sign is wrong */
    (void)merged(EMS_GRID_W, 0);
    assert_true(site.implausible);
    check_i64(site.imbalance_w, -2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(
                    two_inverters_are_summed_and_one_that_is_silent_makes_the_sum_unknown,
                    setup),
            cmocka_unit_test_setup(
                    the_primary_counts_alone_and_the_fallback_only_without_it, setup),
            cmocka_unit_test_setup(
                    the_house_is_derived_from_grid_sun_and_battery_without_the_chargers, setup),
            cmocka_unit_test_setup(
                    a_lost_grid_meter_is_derived_from_the_others_but_no_sun_that_nobody_has,
                    setup),
            cmocka_unit_test_setup(consumption_alone_gives_no_grid_and_soc_is_a_mean, setup),
            cmocka_unit_test_setup(values_that_do_not_add_up_are_implausible, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
