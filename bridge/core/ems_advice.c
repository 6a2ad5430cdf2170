/*
 * ems_advice - what is probably set wrong, from values that cannot be true together.
 *
 * Every mistake has a shape: with the sign of one value turned, or two values exchanged, all adds
 * up. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems.h"

enum { TOLERANCE_W = 100, TOLERANCE_PERCENT = 5 };

static int64_t size_of(int64_t v)
{
    return v < 0 ? -v : v;
}

static bool within(int64_t gap, int64_t all)
{
    return size_of(gap) <= TOLERANCE_W + all / 2 * TOLERANCE_PERCENT / 100;
}

bool ems_adds_up(int64_t load, int64_t grid, int64_t pv, int64_t battery)
{
    return within(load - grid - pv - battery,
            size_of(load) + size_of(grid) + size_of(pv) + size_of(battery));
}

/* The house is not known: it cannot give power, at least. */
static const char *of_three(int64_t grid, int64_t pv, int64_t battery)
{
    int64_t house = grid + pv + battery;

    if (house >= 0 || within(house, size_of(grid) + size_of(pv) + size_of(battery))) {
        return NULL;
    }
    return grid < 0 ? "more power goes out than sun and battery give: grid_w probably has the "
                      "wrong sign (invert_grid)"
                    : "the battery takes more power than there is: battery_w probably has the "
                      "wrong sign (invert_battery)";
}

const char *ems_advice(uint32_t known, const int64_t v[static EMS_CONSUMPTION_W + 1])
{
    int64_t grid = v[EMS_GRID_W], pv = v[EMS_PV_W], load = v[EMS_CONSUMPTION_W];
    int64_t battery = known & EMS_BIT(EMS_BATTERY_W) ? v[EMS_BATTERY_W] : 0;
    bool sign, swapped;

    if (!(known & EMS_BIT(EMS_GRID_W)) || !(known & EMS_BIT(EMS_PV_W))) {
        return NULL;
    }
    if (!(known & EMS_BIT(EMS_CONSUMPTION_W))) {
        return of_three(grid, pv, battery);
    }
    if (ems_adds_up(load, grid, pv, battery)) {
        return NULL;
    }
    sign = ems_adds_up(load, -grid, pv, battery);
    swapped = ems_adds_up(pv, grid, load, battery);
    if (sign && swapped) { /* without a battery both look the same */
        return "grid_w probably has the wrong sign (invert_grid), or the feeds of pv_w and "
               "consumption_w are swapped: either makes all add up";
    }
    if (sign) {
        return "grid_w probably has the wrong sign, with the other one all adds up: set "
               "invert_grid";
    }
    if (swapped) {
        return "the feeds of pv_w and consumption_w are probably swapped, the other way round "
               "all adds up";
    }
    if (ems_adds_up(load, grid, pv, -battery)) {
        return "battery_w probably has the wrong sign, with the other one all adds up: set "
               "invert_battery";
    }
    if (within(grid - load, size_of(grid) + size_of(load))) {
        return "grid_w is what the house takes, whatever the sun gives: the meter is probably in "
               "the load path, not at the grid; take it for consumption_w alone";
    }
    return "grid, sun, battery and house do not add up: one of them probably measures something "
           "else";
}
