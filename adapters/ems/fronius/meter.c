/*
 * meter - which of the meters of a Solar API is the one at the grid, and what it says.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/fronius/fronius.h"
#include "bridge/base/str.h"

enum { NAMES_MAX = 4, NAME_ROOM = 48 };

/* The first of some names that is there, with the number of the phase in it; the first name of all
 * where none is. */
static const char *name_in(struct json_object *v, const char *const names[NAMES_MAX],
        unsigned phase, char room[static NAME_ROOM])
{
    for (int i = 0; i < NAMES_MAX && names[i]; i++) {
        (void)str_format(room, NAME_ROOM, "%s%u%s", names[i], phase,
                names[i][0] == 'S'   ? "_F64"
                : names[i][0] == 'A' ? "_F32"
                                     : "");
        if (json_has(v, room)) {
            return room;
        }
    }
    (void)str_format(room, NAME_ROOM, "%s%u", names[0], phase);
    return room;
}

static const char *const power_names[NAMES_MAX] = {
        "PowerReal_P_Phase_", "SMARTMETER_POWERACTIVE_0", "SMARTMETER_POWERACTIVE_MEAN_0"};
static const char *const current_names[NAMES_MAX] = {"Current_AC_Phase_",
        "SMARTMETER_CURRENT_0", "SMARTMETER_CURRENT_MEAN_0", "ACBRIDGE_CURRENT_ACTIVE_MEAN_0"};
static const char *const voltage_names[NAMES_MAX] = {
        "Voltage_AC_Phase_", "SMARTMETER_VOLTAGE_0", "SMARTMETER_VOLTAGE_MEAN_0"};

static void say_current(
        struct json_object *meter, unsigned phase, int64_t utc_ms, struct ems_reports *out)
{
    enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + phase - 1);
    char name[NAME_ROOM];
    int64_t power = 0;

    (void)fronius_milli(json_member(meter, name_in(meter, power_names, phase, name)), &power);
    ems_expr_say(&(struct ems_tree){.json = meter}, name_in(meter, current_names, phase, name),
            f, utc_ms, out);
    if (fronius_has(out, f) && power != 0 && (out->field[f].value < 0) != (power < 0)) {
        out->field[f].value = -out->field[f].value;
    }
}

static void read_one_meter(
        struct json_object *meter, int64_t place, int64_t utc_ms, struct ems_reports *out)
{
    const char *sum = json_has(meter, "SMARTMETER_POWERACTIVE_MEAN_SUM_F64")
                              ? "-SMARTMETER_POWERACTIVE_MEAN_SUM_F64"
                              : "-PowerReal_P_Sum";
    const struct ems_tree t = {.json = meter};
    char name[NAME_ROOM];

    if (!ems_expr_time(&t, "TimeStamp", &utc_ms)) {
        (void)ems_expr_time(&t, "COMPONENTS_TIME_STAMP_U64", &utc_ms);
    }
    if (place == 0) {
        fronius_say(meter, sum + 1, EMS_GRID_W, utc_ms, out);
    } else if (place == 1) {
        fronius_say(meter, sum, EMS_CONSUMPTION_W, utc_ms, out);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (place == 0) {
            say_current(meter, i + 1, utc_ms, out);
        } else if (!fronius_has(out, (enum ems_field)(EMS_CURRENT_L1_MA + i))) {
            ems_say_none(out, (enum ems_field)(EMS_CURRENT_L1_MA + i),
                    place == 1 ? "the meter is in the load path: it does not see the grid"
                               : "the meter is not the one at the grid",
                    NULL);
        }
        fronius_say(meter, name_in(meter, voltage_names, i + 1, name),
                (enum ems_field)(EMS_VOLTAGE_L1_MV + i), utc_ms, out);
    }
}

static bool is_meter(struct json_object *v)
{
    return json_has(v, "PowerReal_P_Sum") || json_has(v, "Meter_Location_Current") ||
           json_has(v, "SMARTMETER_VALUE_LOCATION_U16") ||
           json_has(v, "SMARTMETER_POWERACTIVE_MEAN_SUM_F64");
}

/* 0: at the grid; 1: in the load path; 3: another generator; above 255: single loads. */
static int64_t place_of(struct json_object *meter)
{
    int64_t milli = 0;

    (void)(fronius_milli(json_member(meter, "Meter_Location_Current"), &milli) ||
            fronius_milli(json_member(meter, "SMARTMETER_VALUE_LOCATION_U16"), &milli));
    return milli / 1000;
}

struct meters {
    struct json_object *best;
    int64_t place;
};

static bool find_meter(const char *key, struct json_object *v, void *user)
{
    struct meters *m = user;

    (void)key;
    if (is_meter(v) && (!m->best || place_of(v) < m->place)) {
        m->best = v;
        m->place = place_of(v);
    }
    return true;
}

bool fronius_read_meters(struct json_object *data, int64_t utc_ms, struct ems_reports *out)
{
    struct meters m = {is_meter(data) ? data : NULL, place_of(data)};

    if (!m.best) {
        (void)json_each(data, find_meter, &m);
    }
    if (m.best) {
        read_one_meter(m.best, m.place, utc_ms, out);
    }
    return m.best != NULL;
}
