/*
 * The envelope: golden cases, every limit by name, and 10^6 random inputs against the plain rule.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/envelope.h"
#include "tests/support/test.h"

static const struct envelope_in wide = {.want_ma = 32000,
        .floor_ma = 6000,
        .hardware_ma = 80000,
        .charger_ma = 80000,
        .circuit_ma = 80000,
        .ceiling_ma = 80000,
        .in_force_ma = 6000,
        .fresh = true};

static void what_nothing_limits_is_given_whole(void **state)
{
    (void)state;
    check_i64(envelope_limit(&wide), 32000);
}

static void promise_01_each_limit_alone_holds(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        struct envelope_in in = wide;
        int32_t *limit[] = {&in.hardware_ma, &in.charger_ma, &in.circuit_ma, &in.ceiling_ma};

        *limit[k] = 9900;
        check_i64(envelope_limit(&in), 9000);
        *limit[k] = 5999;
        check_i64(envelope_limit(&in), 0);
        *limit[k] = 0; /* not known is nothing */
        check_i64(envelope_limit(&in), 0);
        *limit[k] = INT32_MIN;
        check_i64(envelope_limit(&in), 0);
    }
}

static void nothing_above_80_a_leaves(void **state)
{
    struct envelope_in in = {.want_ma = 1000000,
            .floor_ma = 6000,
            .hardware_ma = INT32_MAX,
            .charger_ma = INT32_MAX,
            .circuit_ma = INT32_MAX,
            .ceiling_ma = INT32_MAX,
            .fresh = true};

    (void)state;
    check_i64(envelope_limit(&in), MA_MAX);
}

static void promise_03_without_fresh_data_it_never_rises_and_still_falls(void **state)
{
    struct envelope_in in = wide;

    (void)state;
    in.fresh = false;
    check_i64(envelope_limit(&in), 6000);
    in.in_force_ma = 20000;
    in.want_ma = 8000;
    check_i64(envelope_limit(&in), 8000);
    in.in_force_ma = 0;
    check_i64(envelope_limit(&in), 0);
}

static void below_the_floor_is_zero_and_amps_are_whole(void **state)
{
    struct envelope_in in = wide;

    (void)state;
    in.want_ma = 5999;
    check_i64(envelope_limit(&in), 0);
    in.want_ma = 6999;
    check_i64(envelope_limit(&in), 6000);
    in.floor_ma = 6500; /* 6 A is below it */
    check_i64(envelope_limit(&in), 0);
    in.floor_ma = FLOOR_P1_MA;
    in.want_ma = 5000;
    check_i64(envelope_limit(&in), 5000);
}

static void a_box_that_nobody_made_is_no_offer(void **state)
{
    struct offer_box box;

    (void)state;
    const struct offer *o = envelope_make(&box, &wide, 77);

    check_i64(offer_ma(o), 32000);
    check_i64(offer_stamp_ms(o), 77);
    memset(&box, 0, sizeof(box));
    check_i64(offer_ma(o), 0);
    assert_true(offer_stamp_ms(o) < 0);
    memset(&box, 0xA5, sizeof(box));
    check_i64(offer_ma(o), 0);
    assert_true(offer_stamp_ms(o) < 0);
}

static uint32_t seed = 1;

static int32_t dice(int32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int32_t)((seed >> 8) % (uint32_t)n);
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static void promise_01_it_is_exactly_the_smallest_limit_in_whole_amps_or_zero(void **state)
{
    (void)state;
    for (int k = 0; k < 1000000; k++) {
        struct envelope_in in = {.want_ma = dice(90000),
                .floor_ma = 5000 + dice(5) * 500,
                .hardware_ma = dice(90000) - 500,
                .charger_ma = dice(90000) - 500,
                .circuit_ma = dice(90000) - 500,
                .ceiling_ma = dice(90000) - 500,
                .in_force_ma = dice(90000),
                .fresh = dice(2) == 1};
        int32_t cap = least(MA_MAX, least(in.hardware_ma, in.charger_ma));

        cap = least(cap, least(in.circuit_ma, least(in.ceiling_ma, in.want_ma)));
        cap = in.fresh ? cap : least(cap, in.in_force_ma);
        cap = cap > 0 ? cap / 1000 * 1000 : 0;
        cap = cap >= in.floor_ma ? cap : 0;
        int32_t got = envelope_limit(&in);

        if (got != cap) {
            check_i64(got, cap);
        }
        in.fresh = false;
        assert_true(envelope_limit(&in) <= got);
        in.hardware_ma = 0;
        assert_true(envelope_limit(&in) == 0);
    }
}

static void the_self_test_of_the_start_passes(void **state)
{
    (void)state;
    assert_true(envelope_self_test());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_nothing_limits_is_given_whole),
            cmocka_unit_test(promise_01_each_limit_alone_holds),
            cmocka_unit_test(nothing_above_80_a_leaves),
            cmocka_unit_test(promise_03_without_fresh_data_it_never_rises_and_still_falls),
            cmocka_unit_test(below_the_floor_is_zero_and_amps_are_whole),
            cmocka_unit_test(a_box_that_nobody_made_is_no_offer),
            cmocka_unit_test(promise_01_it_is_exactly_the_smallest_limit_in_whole_amps_or_zero),
            cmocka_unit_test(the_self_test_of_the_start_passes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
