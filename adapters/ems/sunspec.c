/*
 * sunspec - any inverter, hybrid or meter that shows SunSpec models (ems_sunspec.h) over Modbus.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_sunspec.h"

enum measures { MEASURES_GRID, MEASURES_PV, MEASURES_CONSUMPTION };
enum { STATUS_ASLEEP = 2 }; /* 1 off, 2 asleep */

struct config {
    struct ems_wire wire;
    int32_t unit, meter, measures;
};

_Static_assert(sizeof(struct sun_map) <= EMS_MEMO_ROOM, "the session has no room for it");

static const char *const measures_words[] = {"grid", "pv", "consumption", NULL};

/* clang-format off */
static const struct opt rows[] = {
    EMS_MODBUS_ROWS(struct config, wire, 502),
    OPTION(struct config, "unit", unit, OPT_INT, .min = 0, .max = 255, .flags = OPT_RESTART,
        .text = "The unit id (slave address) of the device; 0: it is looked for (1, 2, 3, 100, 126, 200, 240, 241, 247)."),
    OPTION(struct config, "meter", meter, OPT_INT, .min = 0, .max = 8, .fallback = 1, .flags = OPT_RESTART,
        .text = "Which meter of the device counts, where it has several; 0: none."),
    OPTION(struct config, "measures", measures, OPT_CHOICE, .choices = measures_words, .flags = OPT_RESTART,
        .text = "What the meter measures: the grid, the sun, or the house."),
    {.name = NULL},
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    static const uint32_t of_meter[] = {
            [MEASURES_GRID] = EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_CURRENT_L1_MA) |
                              EMS_BIT(EMS_CURRENT_L2_MA) | EMS_BIT(EMS_CURRENT_L3_MA),
            [MEASURES_PV] = EMS_BIT(EMS_PV_W),
            [MEASURES_CONSUMPTION] = EMS_BIT(EMS_CONSUMPTION_W)};
    const struct config *c = config;

    return EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W) | EMS_BIT(EMS_SOC_PERMILLE) |
           EMS_BIT(EMS_VOLTAGE_L1_MV) | EMS_BIT(EMS_VOLTAGE_L2_MV) |
           EMS_BIT(EMS_VOLTAGE_L3_MV) | (c->meter > 0 ? of_meter[c->measures] : 0);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    reg_check(&c->wire, c->unit, path, errs, warnings);
}

static struct sun_place place_of(const struct config *c, uint8_t one[static 2])
{
    static const uint8_t all[] = {1, 2, 3, 100, 126, 200, 240, 241, 247, 0};
    static const uint16_t bases[] = {40000, 0, 50000};

    one[0] = (uint8_t)c->unit;
    one[1] = 0;
    return (struct sun_place){.units = c->unit > 0 ? one : all,
            .bases = bases,
            .bases_count = ARRAY_LEN(bases),
            .meter = (uint8_t)c->meter};
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    uint8_t one[2];
    const struct sun_place p = place_of(config, one);

    return sun_request((const struct sun_map *)(const void *)s->memo, &p, i, out);
}

static void say_battery(const struct sun_map *m, struct ems_reports *out)
{
    if (sun_known(m, SUN_CHARGE_W) && sun_known(m, SUN_DISCHARGE_W)) {
        ems_say(out, EMS_BATTERY_W,
                reg_field(m->value[SUN_DISCHARGE_W].micro - m->value[SUN_CHARGE_W].micro,
                        EMS_BATTERY_W),
                0, m->value[SUN_DISCHARGE_W].raw);
    } else {
        sun_say(m, SUN_BATTERY_W, 1, EMS_BATTERY_W,
                m->storage ? "the device does not give the battery's power"
                           : "there is no battery (model 124 or 802)",
                out);
    }
    sun_say(m, SUN_SOC, 1, EMS_SOC_PERMILLE, "there is no battery (model 124 or 802)", out);
}

/* What the sun gives: with a battery behind the same inverter its alternating side is no measure. */
static void say_pv(const struct sun_map *m, struct ems_reports *out)
{
    bool asleep = sun_known(m, SUN_STATUS) && m->value[SUN_STATUS].micro > 0 &&
                  m->value[SUN_STATUS].micro <= STATUS_ASLEEP * INT64_C(1000000);

    if (sun_known(m, SUN_CHARGE_W) && sun_known(m, SUN_STRINGS_W)) {
        sun_say(m, SUN_STRINGS_W, 1, EMS_PV_W, "", out);
    } else if (m->storage && sun_known(m, SUN_BATTERY_W) && sun_known(m, SUN_AC_W)) {
        ems_say(out, EMS_PV_W,
                reg_field(m->value[SUN_AC_W].micro - m->value[SUN_BATTERY_W].micro, EMS_PV_W),
                0, m->value[SUN_AC_W].raw);
    } else if (m->storage && sun_known(m, SUN_AC_W)) {
        ems_say_none(out, EMS_PV_W,
                "the inverter's power holds the battery's, which the device does not give",
                m->value[SUN_AC_W].raw);
    } else if (asleep && !sun_known(m, SUN_AC_W)) {
        ems_say(out, EMS_PV_W, 0, 0, m->value[SUN_STATUS].raw);
    } else {
        sun_say(m, SUN_AC_W, 1, EMS_PV_W, "there is no inverter", out);
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct sun_map *m = (struct sun_map *)(void *)s->memo;
    uint8_t one[2];
    const struct sun_place p = place_of(c, one);
    enum ems_class class = sun_parse(m, &p, a, e);
    struct ems_request more = {.count = 0};

    if (class != EMS_OK || sun_request(m, &p, a->i + 1, &more)) {
        return class;
    }
    if (c->meter > 0 && c->measures == MEASURES_GRID) {
        sun_say_grid(m, m->solaredge ? -1 : 1, out);
    } else if (c->meter > 0) {
        sun_say(m, SUN_METER_W, (c->measures == MEASURES_PV) == !m->solaredge ? -1 : 1,
                c->measures == MEASURES_PV ? EMS_PV_W : EMS_CONSUMPTION_W, "there is no meter",
                out);
    }
    if (c->meter == 0 || c->measures != MEASURES_PV) {
        say_pv(m, out);
    }
    say_battery(m, out);
    sun_say_voltages(m, out);
    return EMS_OK;
}

static enum ems_transport transport(const void *config)
{
    (void)config;
    return EMS_OVER_MODBUS;
}

static const char *const notes[] = {
        "Modbus has to be switched on in most devices, and SunSpec chosen as its register map.",
        "A meter counts import as positive by the standard; some makers turn it round (SolarEdge is known "
        "and turned back): then set invert_grid.",
        "With a battery behind the inverter, the sun is the sum of the strings that model 160 names, or the "
        "inverter's power less the battery's (model 802). A device that gives neither has no value for it.",
        "Of an inverter that is shown in whole and in floating numbers, the first one counts.",
        NULL};

const struct ems_adapter ems_sunspec = {
        .name = "sunspec",
        .title = "SunSpec (Modbus)",
        .summary = "Any inverter, hybrid or meter that shows SunSpec models over Modbus.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .wire_offset = offsetof(struct config, wire),
        .interval_s = 5,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .transport = transport,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
