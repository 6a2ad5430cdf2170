/*
 * sun - where the sun stands. SPDX-License-Identifier: MIT
 */
#include "bridge/core/sun.h"

#define DEGREE INT64_C(1000000)

enum { YEAR_S = 31556926, DAY_S = 86400 };

/* sin(0..90 degrees) by two degrees, in millionths. */
static const int32_t quarter[] = {0, 34899, 69756, 104528, 139173, 173648, 207912, 241922,
        275637, 309017, 342020, 374607, 406737, 438371, 469472, 500000, 529919, 559193, 587785,
        615661, 642788, 669131, 694658, 719340, 743145, 766044, 788011, 809017, 829038, 848048,
        866025, 882948, 898794, 913545, 927184, 939693, 951057, 961262, 970296, 978148, 984808,
        990268, 994522, 997564, 999391, 1000000, 999391};

int32_t sun_sin(int64_t a)
{
    const int64_t circle = 360 * DEGREE, step = 2 * DEGREE;
    int32_t sign = 1, low;

    a %= circle;
    a += a < 0 ? circle : 0;
    if (a >= 180 * DEGREE) {
        a -= 180 * DEGREE;
        sign = -1;
    }
    a = a > 90 * DEGREE ? 180 * DEGREE - a : a;
    low = quarter[a / step];
    return sign * (int32_t)(low + (quarter[a / step + 1] - low) * (a % step) / step);
}

static int32_t cosine(int64_t a)
{
    return sun_sin(a + 90 * DEGREE);
}

/* a * b, both in millionths. */
static int64_t mul(int64_t a, int64_t b)
{
    return a * b / SUN_ONE;
}

/* Square root of a number below 2^40, rounded down. */
static int64_t root(int64_t v)
{
    int64_t x = v > 0 ? SUN_ONE : 0;

    for (int i = 0; i < 30 && x > 0; i++) {
        x = (x + v / x) / 2;
    }
    return x;
}

/* The vector to the sun: east, north, up. */
struct direction {
    int64_t east, north, up;
};

static struct direction to_sun(const struct sun_plane *p, int64_t utc_s)
{
    /* Since the winter solstice of 2000 (21 December 13:37 UTC), as an angle. */
    int64_t year = (utc_s - 977405820) % YEAR_S * 360 * DEGREE / YEAR_S;
    int64_t sin_d = -mul(397777, cosine(year)); /* the axis leans by 23.44 degrees */
    int64_t cos_d = root((int64_t)SUN_ONE * SUN_ONE - sin_d * sin_d);
    /* Noon by the sun comes up to a quarter of an hour early or late; a minute is 0.25 degrees. */
    int64_t b = year - 91 * DEGREE; /* from about 22 March */
    int64_t late =
            mul(2470000, sun_sin(2 * b)) - mul(1880000, cosine(b)) - mul(375000, sun_sin(b));
    int64_t hour = utc_s % DAY_S * 360 * DEGREE / DAY_S - 180 * DEGREE + p->longitude + late;
    int64_t sin_p = sun_sin(p->latitude), cos_p = cosine(p->latitude), cos_h = cosine(hour);

    return (struct direction){.east = -mul(cos_d, sun_sin(hour)),
            .north = mul(cos_p, sin_d) - mul(mul(sin_p, cos_d), cos_h),
            .up = mul(sin_p, sin_d) + mul(mul(cos_p, cos_d), cos_h)};
}

int32_t sun_on_plane(const struct sun_plane *p, int64_t utc_s)
{
    struct direction d = to_sun(p, utc_s);
    int64_t lean = sun_sin(p->tilt);
    int64_t on = mul(d.up, cosine(p->tilt)) - mul(mul(lean, sun_sin(p->azimuth)), d.east) -
                 mul(mul(lean, cosine(p->azimuth)), d.north);

    if (d.up <= 0 || on <= 0) {
        return 0;
    }
    /* Near the horizon the way through the air is long: half is left at 8 degrees. */
    on = on * d.up / (d.up + 140000) * 1140000 / SUN_ONE;
    return (int32_t)(on < SUN_ONE ? on : SUN_ONE);
}
