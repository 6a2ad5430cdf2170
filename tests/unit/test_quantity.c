/*
 * test_quantity - numbers with units. SPDX-License-Identifier: MIT
 */
#include "bridge/base/quantity.h"
#include "tests/support/test.h"

static void numbers_with_and_without_units_are_read(void **state)
{
    static const struct {
        const char *s;
        enum quantity_kind kind;
        int64_t want;
    } rows[] = {
            {"1234", QUANTITY_POWER, 1234000000},
            {" -1.5e3\n", QUANTITY_POWER, -1500000000},
            {"1234.5 W", QUANTITY_POWER, 1234500000},
            {"1.2kW", QUANTITY_POWER, 1200000000},
            {"3 MW", QUANTITY_POWER, 3000000000000},
            {"250 mW", QUANTITY_POWER, 250000},
            {"230.1 v", QUANTITY_VOLTAGE, 230100000},
            {"400 mA", QUANTITY_CURRENT, 400000},
            {"76 %", QUANTITY_SHARE, 76000000},
            {"+7", QUANTITY_PLAIN, 7000000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t v = 0;

        if (quantity_parse(rows[i].s, strlen(rows[i].s), rows[i].kind, &v) != QUANTITY_OK) {
            fail_msg("'%s' is not read", rows[i].s);
        }
        check_i64(v, rows[i].want);
    }
}

static void what_is_no_value_is_none_and_what_is_ambiguous_is_no_number(void **state)
{
    static const struct {
        const char *s;
        enum quantity_result want;
    } rows[] = {
            {"", QUANTITY_NONE},
            {"  ", QUANTITY_NONE},
            {"NULL", QUANTITY_NONE},
            {"unavailable", QUANTITY_NONE},
            {"Unknown", QUANTITY_NONE},
            {"NaN", QUANTITY_NONE},
            {"UNDEF", QUANTITY_NONE},
            {"-", QUANTITY_NONE},
            {"1,234", QUANTITY_NO_NUMBER},
            {"inf", QUANTITY_NO_NUMBER},
            {"0x10", QUANTITY_OTHER_UNIT},
            {"12 kWh", QUANTITY_OTHER_UNIT},
            {"12 V", QUANTITY_OTHER_UNIT},
            {"W", QUANTITY_NO_NUMBER},
            {"1.2.3", QUANTITY_NO_NUMBER},
            {"99999999999999999999", QUANTITY_NO_NUMBER},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t v = 42;
        enum quantity_result r =
                quantity_parse(rows[i].s, strlen(rows[i].s), QUANTITY_POWER, &v);

        if (r != rows[i].want) {
            fail_msg("'%s' is %u, not %u", rows[i].s, r, rows[i].want);
        }
        check_i64(v, 42);
    }
}

static void rounding_is_half_away_from_zero_and_products_saturate(void **state)
{
    (void)state;
    check_i64(quantity_round(1234500000, 1), 1235);
    check_i64(quantity_round(-1234500000, 1), -1235);
    check_i64(quantity_round(1234499999, 1), 1234);
    check_i64(quantity_round(76450000, 10), 765);
    check_i64(quantity_round(-9949500, 1000), -9950);
    check_i64(quantity_mul(3 * QUANTITY_ONE, QUANTITY_ONE / 2), 3 * QUANTITY_ONE / 2);
    check_i64(quantity_mul(INT64_MAX, INT64_MAX), INT64_MAX);
    check_i64(quantity_mul(INT64_MAX, INT64_MIN), INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(numbers_with_and_without_units_are_read),
            cmocka_unit_test(what_is_no_value_is_none_and_what_is_ambiguous_is_no_number),
            cmocka_unit_test(rounding_is_half_away_from_zero_and_products_saturate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
