/*
 * test_sun - where the sun stands. SPDX-License-Identifier: MIT
 *
 * Heights of the sun are those of the almanac; the share on a flat plane comes of them by
 * sin * sin / (sin + 0.14) * 1.14.
 */
#include "bridge/core/sun.h"
#include "tests/support/test.h"

enum { LONDON = 51477000, BERLIN = 52520000 };

static void sines_are_right_to_a_few_hundred_thousandths(void **state)
{
    static const struct {
        int64_t degrees, want;
    } rows[] = {{0, 0}, {30, 500000}, {45, 707107}, {90, 1000000}, {135, 707107}, {180, 0},
            {270, -1000000}, {-30, -500000}, {390, 500000}, {-450, -1000000}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_near(sun_sin(rows[i].degrees * 1000000), rows[i].want, 300);
    }
}

static void a_flat_plane_sees_the_height_of_the_sun(void **state)
{
    const struct sun_plane london = {.latitude = LONDON}, equator = {.latitude = 0};

    (void)state;
    check_near(
            sun_on_plane(&equator, 1774008000), 1000000, 8000); /* equinox, noon: 90 degrees */
    check_near(
            sun_on_plane(&london, 1782043260), 873000, 8000); /* 21 June 12:01: 61.9 degrees */
    check_near(sun_on_plane(&london, 1797854280), 193000,
            6000);                                   /* 21 December 11:58: 15.1 degrees */
    check_i64(sun_on_plane(&london, 1782000000), 0); /* midnight */
}

static void a_tilted_plane_sees_the_sun_on_its_side(void **state)
{
    const struct sun_plane east = {BERLIN, 13400000, 40000000, -90000000},
                           west = {BERLIN, 13400000, 40000000, 90000000},
                           south = {BERLIN, 13400000, 40000000, 0},
                           north = {BERLIN, 13400000, 40000000, 180000000};
    const int64_t morning_s = 1782021600, evening_s = 1782061200, winter_noon_s = 1797851000;

    (void)state; /* 21 June 06:00 and 17:00 UTC; 21 December 11:03 */
    assert_true(sun_on_plane(&east, morning_s) > 2 * sun_on_plane(&west, morning_s));
    assert_true(sun_on_plane(&west, evening_s) > 2 * sun_on_plane(&east, evening_s));
    assert_true(sun_on_plane(&south, winter_noon_s) > 2 * sun_on_plane(&east, winter_noon_s));
    check_i64(sun_on_plane(&north, winter_noon_s), 0);
}

static void nothing_breaks_anywhere_at_any_time(void **state)
{
    (void)state;
    for (int64_t lat = -90; lat <= 90; lat += 15) {
        for (int64_t t = 946684800; t < 4102444800; t += 86400 * 13 + 4999) {
            const struct sun_plane p = {
                    (int32_t)(lat * 1000000), 180000000, 90000000, -180000000};
            int32_t v = sun_on_plane(&p, t);

            assert_true(v >= 0 && v <= SUN_ONE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(sines_are_right_to_a_few_hundred_thousandths),
            cmocka_unit_test(a_flat_plane_sees_the_height_of_the_sun),
            cmocka_unit_test(a_tilted_plane_sees_the_sun_on_its_side),
            cmocka_unit_test(nothing_breaks_anywhere_at_any_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
