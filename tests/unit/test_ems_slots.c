/*
 * test_ems_slots - prices and forecasts of sources, and what the site makes of them.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems_slots.h"
#include "tests/support/test.h"

enum { T = 1800000000, H = 3600 };

static struct ems_slots said;
static struct ems_reports r = {.slots = &said};
static struct ems_kept a, b, c;
static struct slots out[2];

static int setup(void **state)
{
    (void)state;
    memset(&said, 0, sizeof(said));
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(&c, 0, sizeof(c));
    return 0;
}

static void say(enum slots_kind k, int from_h, int to_h, int64_t v)
{
    const struct slot x = {
            .start_s = T + (int64_t)from_h * H, .end_s = T + (int64_t)to_h * H, .value = v};

    ems_say_slot(&r, k, &x, "raw");
}

/* One answer of a source. */
static void answer(struct ems_kept *k, enum slots_kind kind, int from_h, int to_h, int64_t v)
{
    memset(&said, 0, sizeof(said));
    say(kind, from_h, to_h, v);
    assert_true(ems_slots_take(k, &said, T));
}

static void what_is_out_of_range_is_left_out_with_why(void **state)
{
    (void)state;
    say(SLOTS_PRICE, 0, 1, -500000);
    say(SLOTS_PRICE, 1, 2, INT64_C(1000000001));
    check_has(said.why[SLOTS_PRICE], "1000000001 is outside -1000000000 to 1000000000");
    say(SLOTS_PRICE, 2, 2, 1);
    check_has(said.why[SLOTS_PRICE], "no time that can be");
    say(SLOTS_FORECAST, 0, 1, -1);
    check_has(said.why[SLOTS_FORECAST], "-1 is outside 0 to 1000000");
    check_i64(said.list[SLOTS_PRICE].n, 1);
    check_i64(said.list[SLOTS_FORECAST].n, 0);
    assert_true(said.said[SLOTS_FORECAST]);
    r.slots = NULL; /* an adapter without a place for them */
    say(SLOTS_PRICE, 0, 1, 1);
    ems_say_no_slots(&r, SLOTS_PRICE, "x");
    ems_say_currency(&r, "EUR");
    r.slots = &said;
}

static void a_currency_is_three_letters(void **state)
{
    static const char *const wrong[] = {"", "EURO", "E1R", "eu", "\xc3\xa9u", NULL};

    (void)state;
    ems_say_currency(&r, "gbp");
    check_str(said.currency, "GBP");
    for (int i = 0; wrong[i]; i++) {
        said.currency[0] = '\0';
        ems_say_currency(&r, wrong[i]);
        check_str(said.currency, "");
    }
    ems_say_currency(&r, NULL);
}

static void a_price_holds_to_the_end_of_its_slot_and_a_failure_costs_nothing(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_null(ems_slots_now(&a, SLOTS_PRICE, T, 60, &why));
    check_str(why, "nothing was read yet");
    answer(&a, SLOTS_PRICE, 0, 24, 250000);
    check_i64(ems_slots_now(&a, SLOTS_PRICE, T + 24 * H - 1, 60, &why)->value, 250000);
    memset(&said, 0, sizeof(said));
    ems_say_no_slots(&r, SLOTS_PRICE, "no data for tomorrow");
    assert_false(ems_slots_take(&a, &said, T + H));
    check_i64(ems_slots_now(&a, SLOTS_PRICE, T + 2 * H, 60, &why)->value, 250000);
    assert_null(ems_slots_now(&a, SLOTS_PRICE, T + 24 * H, 60, &why));
    check_str(why, "no data for tomorrow");
    memset(&said, 0, sizeof(said));
    assert_false(ems_slots_take(&a, &said, T + 40 * H)); /* says nothing: nothing changes */
    check_i64(a.list[SLOTS_PRICE].n, 1);
}

static void a_list_that_is_over_and_one_with_a_gap_say_so(void **state)
{
    const char *why = NULL;

    (void)state;
    answer(&a, SLOTS_PRICE, 0, 1, 1);
    answer(&a, SLOTS_PRICE, 2, 3, 1);
    assert_null(ems_slots_now(&a, SLOTS_PRICE, T + H, 60, &why));
    check_has(why, "a gap now");
    assert_null(ems_slots_now(&a, SLOTS_PRICE, T + 3 * H, 60, &why));
    check_has(why, "the list is over");
}

static void a_forecast_ages(void **state)
{
    const char *why = NULL;

    (void)state;
    answer(&a, SLOTS_FORECAST, 0, 48, 900);
    check_i64(ems_slots_now(&a, SLOTS_FORECAST, T + 12 * H, 12 * H, &why)->value, 900);
    assert_null(ems_slots_now(&a, SLOTS_FORECAST, T + 12 * H + 1, 12 * H, &why));
    check_has(why, "older than max_age_s");
}

static void what_is_over_is_forgotten(void **state)
{
    (void)state;
    answer(&a, SLOTS_PRICE, 0, 1, 1);
    answer(&a, SLOTS_PRICE, 1, 2, 2);
    memset(&said, 0, sizeof(said));
    say(SLOTS_PRICE, 40, 41, 3);
    assert_true(ems_slots_take(&a, &said, T + 37 * H + 1));
    check_i64(a.list[SLOTS_PRICE].n, 2);
    check_i64(a.list[SLOTS_PRICE].slot[0].value, 2);
}

static struct ems_slot_source source(
        const struct ems_kept *k, enum ems_role role, enum slots_kind kind)
{
    return (struct ems_slot_source){
            .kept = k, .role = role, .kinds = SLOTS_BIT(kind), .ttl_s = 12 * H};
}

static void prices_of_a_lower_role_fill_what_the_higher_one_leaves(void **state)
{
    const struct ems_slot_source s[] = {source(&a, EMS_FALLBACK, SLOTS_PRICE),
            source(&b, EMS_PRIMARY, SLOTS_PRICE), source(&c, EMS_SUM, SLOTS_PRICE),
            {.kept = NULL, .role = EMS_PRIMARY, .kinds = SLOTS_BIT(SLOTS_PRICE)}};

    (void)state;
    answer(&a, SLOTS_PRICE, 0, 6, 1);
    answer(&b, SLOTS_PRICE, 2, 3, 2);
    answer(&c, SLOTS_PRICE, 2, 4, 3);
    ems_slots_site(s, 4, SLOTS_PRICE, T, out);
    check_i64(out[0].n, 4);
    check_i64(slots_at(&out[0], T)->value, 1);
    check_i64(slots_at(&out[0], T + 2 * H)->value, 2);
    check_i64(slots_at(&out[0], T + 3 * H)->value, 3);
    check_i64(slots_at(&out[0], T + 5 * H)->value, 1);
    ems_slots_site(s, 4, SLOTS_EXPORT, T, out);
    check_i64(out[0].n, 0);
}

static void two_roofs_are_added_while_both_are_known(void **state)
{
    const struct ems_slot_source s[] = {source(&a, EMS_SUM, SLOTS_FORECAST),
            source(&b, EMS_SUM, SLOTS_FORECAST), source(&c, EMS_FALLBACK, SLOTS_FORECAST)};

    (void)state;
    answer(&a, SLOTS_FORECAST, 0, 4, 1000);
    answer(&c, SLOTS_FORECAST, 0, 9, 700);
    ems_slots_site(s, 3, SLOTS_FORECAST, T, out);
    check_i64(slots_at(&out[0], T)->value, 700); /* the second roof is not known */
    answer(&b, SLOTS_FORECAST, 1, 5, 200);
    ems_slots_site(s, 3, SLOTS_FORECAST, T, out);
    check_i64(out[0].n, 1);
    check_i64(slots_at(&out[0], T + H)->value, 1200);
    ems_slots_site(s, 3, SLOTS_FORECAST, T + 13 * H, out); /* all of them too old */
    check_i64(out[0].n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(what_is_out_of_range_is_left_out_with_why, setup),
            cmocka_unit_test_setup(a_currency_is_three_letters, setup),
            cmocka_unit_test_setup(
                    a_price_holds_to_the_end_of_its_slot_and_a_failure_costs_nothing, setup),
            cmocka_unit_test_setup(a_list_that_is_over_and_one_with_a_gap_say_so, setup),
            cmocka_unit_test_setup(a_forecast_ages, setup),
            cmocka_unit_test_setup(what_is_over_is_forgotten, setup),
            cmocka_unit_test_setup(
                    prices_of_a_lower_role_fill_what_the_higher_one_leaves, setup),
            cmocka_unit_test_setup(two_roofs_are_added_while_both_are_known, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
