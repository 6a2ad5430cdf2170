/*
 * modbus - the registers of a Plenticore or PIKO IQ. Floats but for a few; which word of them stands first
 * says register 5, and shows the frequency of the grid, which is between 45 and 65 Hz in one order alone.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_reg_plan.h"
#include "adapters/ems/kostal/kostal.h"
#include "bridge/base/quantity.h"

enum item {
    ORDER,
    HOME_BATTERY,
    HOME_GRID,
    HOME_PV,
    FREQUENCY,
    VOLTAGE_1,
    VOLTAGE_2,
    VOLTAGE_3,
    OUTPUT,
    CHARGE,
    METER_A1,
    METER_W1,
    METER_V1,
    METER_A2,
    METER_W2,
    METER_V2,
    METER_A3,
    METER_W3,
    METER_V3,
    METER_W,
    CHARGE_WHOLE,
    OUTPUT_WHOLE,
    BATTERY,
    BATTERY_TYPE,
    ITEMS
};

static const struct reg_item items[] = {[ORDER] = {5, REG_U16},
        [HOME_BATTERY] = {106, REG_F32},
        [HOME_GRID] = {108, REG_F32},
        [HOME_PV] = {116, REG_F32},
        [FREQUENCY] = {152, REG_F32},
        [VOLTAGE_1] = {158, REG_F32},
        [VOLTAGE_2] = {164, REG_F32},
        [VOLTAGE_3] = {170, REG_F32},
        [OUTPUT] = {172, REG_F32},
        [CHARGE] = {210, REG_F32},
        [METER_A1] = {222, REG_F32},
        [METER_W1] = {224, REG_F32},
        [METER_V1] = {230, REG_F32},
        [METER_A2] = {232, REG_F32},
        [METER_W2] = {234, REG_F32},
        [METER_V2] = {240, REG_F32},
        [METER_A3] = {242, REG_F32},
        [METER_W3] = {244, REG_F32},
        [METER_V3] = {250, REG_F32},
        [METER_W] = {252, REG_F32},
        [CHARGE_WHOLE] = {514, REG_U16},
        [OUTPUT_WHOLE] = {575, REG_S16},
        [BATTERY] = {582, REG_S16},
        [BATTERY_TYPE] = {588, REG_U16}};
_Static_assert((int)ITEMS <= (int)REG_ITEMS_MAX, "the memo has no room for them");

/* 5; 106-117; 152-173; 210; 222-253; 514; 575; 582; 588 */
static const uint8_t runs[] = {1, 3, 5, 1, 10, 1, 1, 1, 1};
static const struct reg_plan plan = {items, runs, ARRAY_LEN(runs)};
_Static_assert(sizeof(struct reg_values) <= EMS_MEMO_ROOM, "the session has no room for it");

bool kostal_modbus_request(const struct kostal_config *c, const struct ems_session *s, int i,
        struct ems_request *out)
{
    struct reg_values first = *(const struct reg_values *)(const void *)s->memo;

    if (i == 0) {
        reg_plan_begin(&first);
    }
    out->unit = (uint8_t)c->unit;
    return reg_plan_request(&plan, &first, out);
}

/* ---- values ---- */

struct reading {
    const struct reg_values *v;
    bool low_first;
};

static enum reg_result get(const struct reading *r, int item, int64_t *micro)
{
    return reg_plan_value(&plan, r->v, item, r->low_first, micro);
}

static bool plausible(const struct reg_values *v, bool low_first)
{
    const struct reading r = {v, low_first};
    int64_t hz = 0;

    return get(&r, FREQUENCY, &hz) == REG_OK && hz > INT64_C(45) * QUANTITY_ONE &&
           hz < INT64_C(65) * QUANTITY_ONE;
}

/* Low word first is how it is delivered. */
static bool low_word_first(const struct reg_values *v)
{
    bool low = plausible(v, true), high = plausible(v, false);

    return low != high ? low : !(v->value[ORDER].read && v->value[ORDER].word[0] == 1);
}

static void say_as(const struct reading *r, int item, int64_t sign, enum ems_field f,
        struct ems_reports *out)
{
    char raw[EMS_RAW_ROOM], why[EMS_WHY_ROOM];
    int64_t micro = 0;
    enum reg_result x = get(r, item, &micro);

    reg_plan_raw(&plan, r->v, item, raw);
    if (x == REG_OK) {
        ems_say(out, f, reg_field(sign * micro, f), 0, raw);
    } else {
        reg_plan_why(&plan, item, x, why);
        ems_say_none(out, f, why, raw);
    }
}

/* The first of two registers that has a value. */
static int either(const struct reading *r, int one, int other)
{
    int64_t micro;

    return get(r, one, &micro) != REG_OK && get(r, other, &micro) == REG_OK ? other : one;
}

/* By its type, unless there is power or charge all the same. */
static bool has_battery(const struct reading *r)
{
    static const int signs[] = {BATTERY, CHARGE, CHARGE_WHOLE};
    bool any = !(r->v->value[BATTERY_TYPE].read && r->v->value[BATTERY_TYPE].word[0] == 0);
    int64_t micro = 0;

    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        any = any || (get(r, signs[i], &micro) == REG_OK && micro != 0);
    }
    return any;
}

static void say_battery(const struct reading *r, struct ems_reports *out)
{
    if (!has_battery(r)) {
        ems_say_none(out, EMS_BATTERY_W, "there is no battery (register 588)", NULL);
        ems_say_none(out, EMS_SOC_PERMILLE, "there is no battery (register 588)", NULL);
        return;
    }
    say_as(r, BATTERY, 1, EMS_BATTERY_W, out);
    say_as(r, either(r, CHARGE, CHARGE_WHOLE), 1, EMS_SOC_PERMILLE, out);
}

/* The output less the battery's part. Where that is all of it, losses leave it a little below 0. */
static void say_pv(const struct reading *r, struct ems_reports *out)
{
    int item = either(r, OUTPUT, OUTPUT_WHOLE);
    int64_t output = 0, battery = 0, sun;
    enum reg_result x = has_battery(r) ? get(r, BATTERY, &battery) : REG_OK;
    char raw[EMS_RAW_ROOM], why[EMS_WHY_ROOM];

    reg_plan_raw(&plan, r->v, item, raw);
    if (get(r, item, &output) != REG_OK) {
        say_as(r, item, 1, EMS_PV_W, out);
        return;
    }
    if (x != REG_OK && r->v->value[BATTERY].read) {
        reg_plan_why(&plan, BATTERY, x, why);
        ems_say_none(out, EMS_PV_W, why, raw);
        return;
    }
    sun = output - battery; /* a model without batteries has no register of one */
    if (sun < 0 && -sun <= battery / 8 + INT64_C(50) * QUANTITY_ONE) {
        sun = 0;
    }
    ems_say(out, EMS_PV_W, reg_field(sun, EMS_PV_W), 0, raw);
}

/* What the house takes: from battery, grid and sun; all three or none. */
static void say_house(const struct reading *r, struct ems_reports *out)
{
    static const int parts[] = {HOME_BATTERY, HOME_GRID, HOME_PV};
    char raw[EMS_RAW_ROOM], why[EMS_WHY_ROOM];
    int64_t total = 0, micro = 0;

    reg_plan_raw(&plan, r->v, HOME_PV, raw);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        enum reg_result x = get(r, parts[i], &micro);

        if (x != REG_OK || __builtin_add_overflow(total, micro, &total)) {
            reg_plan_why(&plan, parts[i], x == REG_OK ? REG_TOO_LARGE : x, why);
            ems_say_none(out, EMS_CONSUMPTION_W, why, raw);
            return;
        }
    }
    ems_say(out, EMS_CONSUMPTION_W, reg_field(total, EMS_CONSUMPTION_W), 0, raw);
}

static void say_phases(const struct reading *r, struct ems_reports *out)
{
    for (int i = 0; i < 3; i++) {
        int at = METER_A1 + 3 * i;
        int64_t a = 0, w = 0;
        bool amps = get(r, at, &a) == REG_OK, watts = get(r, at + 1, &w) == REG_OK;
        enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + i);

        /* The current has no direction of its own: that of the phase's power is its. */
        if (amps && a != 0 && !watts) {
            ems_say_none(
                    out, f, "it has no direction: the power of its phase is not given", NULL);
        } else {
            say_as(r, at, w != 0 && (w < 0) != (a < 0) ? -1 : 1, f, out);
        }
        say_as(r, either(r, at + 2, VOLTAGE_1 + i), 1, (enum ems_field)(EMS_VOLTAGE_L1_MV + i),
                out);
    }
}

enum ems_class kostal_modbus_parse(const struct kostal_config *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct reg_values *v = (struct reg_values *)(void *)s->memo;
    struct ems_request more;
    struct reading r = {.v = v};
    enum ems_class class;

    (void)c;
    if (a->i == 0) {
        reg_plan_begin(v);
    }
    class = reg_plan_parse(&plan, v, a);
    if (class != EMS_OK && a->status == 200) {
        err_set(e, ERR_IO, "an answer that nobody asked for");
    }
    if (class != EMS_OK || reg_plan_request(&plan, v, &more)) {
        return class;
    }
    r.low_first = low_word_first(v);
    say_as(&r, METER_W, 1, EMS_GRID_W, out);
    say_pv(&r, out);
    say_battery(&r, out);
    say_house(&r, out);
    say_phases(&r, out);
    return EMS_OK;
}
