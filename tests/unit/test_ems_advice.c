/*
 * test_ems_advice - what values that cannot be true together say about the settings.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems.h"
#include "tests/support/test.h"

enum {
    GRID = EMS_BIT(EMS_GRID_W),
    PV = EMS_BIT(EMS_PV_W),
    BATTERY = EMS_BIT(EMS_BATTERY_W),
    HOUSE = EMS_BIT(EMS_CONSUMPTION_W)
};

static const char *advice(
        uint32_t known, int64_t grid, int64_t pv, int64_t battery, int64_t house)
{
    const int64_t v[EMS_CONSUMPTION_W + 1] = {[EMS_GRID_W] = grid,
            [EMS_PV_W] = pv,
            [EMS_BATTERY_W] = battery,
            [EMS_CONSUMPTION_W] = house};
    const char *s = ems_advice(known, v);

    return s ? s : "";
}

static void values_that_add_up_need_no_advice(void **state)
{
    (void)state;
    check_str(advice(GRID | PV | HOUSE, -1800, 3000, 0, 1200), "");
    check_str(advice(GRID | PV | BATTERY | HOUSE, -300, 5000, -3500, 1200), "");
    /* within 5 % of what flows and 100 W: they are not measured at one instant */
    check_str(advice(GRID | PV | HOUSE, -1800, 3000, 0, 1450), "");
    check_has(advice(GRID | PV | HOUSE, -1800, 3000, 0, 1500), "do not add up");
    /* what is not measured cannot be wrong */
    check_str(advice(GRID | HOUSE, 4000, 0, 0, 0), "");
    check_str(advice(PV | HOUSE, 0, 4000, 0, 100), "");
    check_str(advice(GRID | PV, 500, 3000, 0, 0), "");
}

static void a_wrong_sign_is_found(void **state)
{
    (void)state;
    check_has(advice(GRID | PV | HOUSE, 1800, 3000, 0, 1200), "invert_grid");
    check_has(advice(GRID | PV | BATTERY | HOUSE, 1800, 3000, -500, 700),
            "probably has the wrong sign, with");
    check_has(advice(GRID | PV | BATTERY | HOUSE, -300, 5000, 3500, 1200), "invert_battery");
    check_has(advice(GRID | PV, -700, 0, 0, 0), "invert_grid");
    check_has(advice(GRID | PV | BATTERY, 100, 900, -2000, 0), "invert_battery");
}

static void swapped_feeds_and_a_meter_in_the_load_path_are_found(void **state)
{
    (void)state;
    check_has(advice(GRID | PV | BATTERY | HOUSE, -1800, 1200, -900, 3900),
            "are probably swapped");
    check_has(advice(GRID | PV | HOUSE, -1800, 1200, 0, 3000),
            "are swapped: either"); /* or the sign */
    check_has(advice(GRID | PV | HOUSE, 2000, 3000, 0, 2000), "load path");
}

static void anything_else_is_at_least_told(void **state)
{
    (void)state;
    check_has(advice(GRID | PV | HOUSE, 100, 3000, 0, 9000), "do not add up");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(values_that_add_up_need_no_advice),
            cmocka_unit_test(a_wrong_sign_is_found),
            cmocka_unit_test(swapped_feeds_and_a_meter_in_the_load_path_are_found),
            cmocka_unit_test(anything_else_is_at_least_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
