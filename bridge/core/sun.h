/*
 * sun - where the sun stands, and how it shines on a tilted plane. Whole numbers only, to about half a
 * degree: enough for an estimate out of cloud cover. Pure. SPDX-License-Identifier: MIT
 */
#ifndef CORE_SUN_H
#define CORE_SUN_H

#include <stdint.h>

enum { SUN_ONE = 1000000 };

/* Sine of an angle in millionths of a degree, in millionths. */
int32_t sun_sin(int64_t micro_degrees);

struct sun_plane {
    int32_t latitude, longitude; /* millionths of a degree; north and east are positive */
    int32_t tilt;                /* 0 lies flat */
    int32_t azimuth;             /* 0 looks south, -90 degrees east */
};

/* The share of full light that falls on the plane at that instant without clouds, in millionths: the cosine
 * of the angle between sun and plane, times how much the air lets through; 0 while the sun is down or
 * behind it. */
int32_t sun_on_plane(const struct sun_plane *p, int64_t utc_s);

#endif
