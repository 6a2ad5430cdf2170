/*
 * sunspec_say - what was read of SunSpec models, in the normal form. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_sunspec.h"

bool sun_known(const struct sun_map *m, enum sun_value v)
{
    return m->value[v].state == REG_OK + 1;
}

void sun_say(const struct sun_map *m, enum sun_value v, int sign, enum ems_field f,
        const char *missing, struct ems_reports *out)
{
    const struct sun_reading *r = &m->value[v];

    switch (r->state) {
    case 0:
        ems_say_none(out, f, missing, NULL);
        break;
    case REG_OK + 1:
        ems_say(out, f, reg_field(sign * r->micro, f), 0, r->raw);
        break;
    case REG_TOO_LARGE + 1:
        ems_say_none(out, f, "the value is too large", r->raw);
        break;
    default:
        ems_say_none(out, f, "the device says that it does not have this value", r->raw);
        break;
    }
}

/* A current with the direction of its phase's power, since some meters count it without. */
static void say_current(const struct sun_map *m, int phase, int sign, struct ems_reports *out)
{
    const struct sun_reading *power = &m->value[SUN_METER_W1 + phase];
    enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + phase);
    int64_t a = m->value[SUN_METER_A1 + phase].micro;

    if (power->state != REG_OK + 1 && phase == 0 &&
            m->value[SUN_METER_A2].state != REG_OK + 1) {
        power = &m->value[SUN_METER_W]; /* a meter of one phase */
    }
    if (power->state == REG_OK + 1 && power->micro != 0) {
        sign = (sign * power->micro < 0) == (a < 0) ? 1 : -1;
    }
    sun_say(m, (enum sun_value)(SUN_METER_A1 + phase), sign, f, "there is no meter", out);
}

void sun_say_grid(const struct sun_map *m, int sign, struct ems_reports *out)
{
    sun_say(m, SUN_METER_W, sign, EMS_GRID_W, "there is no meter", out);
    for (int i = 0; i < 3; i++) {
        say_current(m, i, sign, out);
    }
}

void sun_say_voltages(const struct sun_map *m, struct ems_reports *out)
{
    for (int i = 0; i < 3; i++) {
        enum ems_field f = (enum ems_field)(EMS_VOLTAGE_L1_MV + i);
        enum sun_value meter = (enum sun_value)(SUN_METER_V1 + i);

        sun_say(m, sun_known(m, meter) ? meter : (enum sun_value)(SUN_AC_V1 + i), 1, f,
                "neither meter nor inverter gives it", out);
    }
}
