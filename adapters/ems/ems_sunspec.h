/*
 * ems_sunspec - finds the SunSpec models of a device, and reads what of them is energy.
 *
 * The map begins with "SunS" at 40000, 0 or 50000; behind it stand models, each with its number, its
 * length and its points, up to one of number 0xFFFF (SunSpec Alliance, models 1, 101-103, 111-113, 124,
 * 160, 201-204, 211-214, 701, 802). A point times ten to the power of its scale factor is its value;
 * what a device does not have holds 0x8000, 0xFFFF or no number.
 *
 * All of it is one state machine in the memo of a session: request says what to ask next, parse takes
 * the answer. The first round looks for the map, the others know it. A model that the device does not
 * give at once is read point by point. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_EMS_SUNSPEC_H
#define ADAPTERS_EMS_EMS_SUNSPEC_H

#include "adapters/ems/ems_registers.h"

enum { SUN_MODELS_MAX = 12, SUN_RAW_ROOM = 15 };

/* Where to look; constant. */
struct sun_place {
    const uint8_t *units; /* unit ids to try; 0 behind the last, which may be the only one */
    const uint16_t *bases;
    uint8_t bases_count;
    /* Where models stand in devices that do not show the beginning of their map. */
    const uint16_t *fixed;
    uint8_t fixed_count;
    uint8_t meter; /* which meter counts, from 1; 0: none */
};

enum sun_value {
    SUN_AC_W,
    SUN_DC_W,
    SUN_STATUS, /* of the inverter: 1 off, 2 asleep, 4 at work */
    SUN_AC_V1,
    SUN_AC_V2,
    SUN_AC_V3,
    SUN_METER_W, /* as the device signs it */
    SUN_METER_W1,
    SUN_METER_W2,
    SUN_METER_W3,
    SUN_METER_A1,
    SUN_METER_A2,
    SUN_METER_A3,
    SUN_METER_V1,
    SUN_METER_V2,
    SUN_METER_V3,
    SUN_BATTERY_W, /* + is discharging */
    SUN_SOC,       /* % */
    SUN_STRINGS_W, /* the modules of model 160 that are sun */
    SUN_CHARGE_W,  /* ... those that are the battery */
    SUN_DISCHARGE_W,
    SUN_VALUES
};

struct sun_reading {
    int64_t micro;
    uint8_t state; /* 0: no such model; else enum reg_result + 1 */
    char raw[SUN_RAW_ROOM];
};

struct sun_model {
    uint16_t id, at, len;
    uint8_t narrow; /* point by point */
};

struct sun_map { /* a part of a memo: zeroed at the start */
    uint8_t stage, unit_index, base_index, model, part, count, steps;
    uint8_t meters, meter_kind, inverters; /* that were met on the way */
    bool known;
    bool bare;       /* the first header is asked for without the maker's name */
    bool answered;   /* in this round */
    bool storage;    /* there is a model 124 or 802 */
    bool solaredge;  /* the maker, whose meters count export */
    uint8_t modules; /* of model 160 */
    uint16_t at;
    int16_t scale; /* of model 160 */
    struct sun_model list[SUN_MODELS_MAX];
    struct sun_reading value[SUN_VALUES];
};

/* The i-th request; false: the map is done with, and what was read stands in value. */
bool sun_request(
        const struct sun_map *m, const struct sun_place *p, int i, struct ems_request *out);
/* Takes its answer. Not EMS_OK: the round is over; without a sentence the host's holds. */
enum ems_class sun_parse(struct sun_map *m, const struct sun_place *p,
        const struct ems_answer *a, struct err *e);

bool sun_known(const struct sun_map *m, enum sun_value v);
/* The unit id that answers. */
uint8_t sun_unit(const struct sun_map *m, const struct sun_place *p);

/* A value as a field; times sign; what is not there becomes none with `missing` or why. */
void sun_say(const struct sun_map *m, enum sun_value v, int sign, enum ems_field f,
        const char *missing, struct ems_reports *out);
/* The meter as the grid: power, currents with its sign, voltages. */
void sun_say_grid(const struct sun_map *m, int sign, struct ems_reports *out);
/* Phase voltages: of the meter, or of the inverter. */
void sun_say_voltages(const struct sun_map *m, struct ems_reports *out);

#endif
