/*
 * modbus - inverter and meters as SunSpec models, batteries by registers of their own: floats with the low word
 * first, power with + for charging. A meter counts export. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_reg_plan.h"
#include "adapters/ems/ems_sunspec.h"
#include "adapters/ems/solaredge/solaredge.h"

#include <string.h>

enum { BATTERIES = 2, LOOK_AGAIN = 60, STATUS_ASLEEP = 2, MICRO = 1000000 };

static const struct reg_item items[] = {
        {0xe174, REG_F32}, {0xe184, REG_F32}, {0xe274, REG_F32}, {0xe284, REG_F32}};
static const uint8_t runs[] = {2, 2}; /* power and charge of each battery */
static const struct reg_plan plan = {items, runs, ARRAY_LEN(runs)};

struct memo {
    struct sun_map map;
    struct reg_values battery;
    bool map_done, no_map;
    uint8_t rest; /* rounds until batteries are looked for again, where there was none */
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

static struct sun_place place_of(const struct solaredge *c, uint8_t unit[static 2])
{
    static const uint16_t bases[] = {40000};
    static const uint16_t fixed[] = {40069, 40188, 40362, 40536};

    unit[0] = (uint8_t)c->unit;
    unit[1] = 0;
    return (struct sun_place){.units = unit,
            .bases = bases,
            .bases_count = ARRAY_LEN(bases),
            .fixed = fixed,
            .fixed_count = ARRAY_LEN(fixed),
            .meter = (uint8_t)c->meter};
}

bool solaredge_modbus_request(
        const struct solaredge *c, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    uint8_t unit[2];
    const struct sun_place p = place_of(c, unit);

    if (i == 0 || !m->map_done) {
        return sun_request(&m->map, &p, i, out);
    }
    out->unit = (uint8_t)c->unit;
    return m->rest == 0 && reg_plan_request(&plan, &m->battery, out);
}

/* ---- values ---- */

struct batteries {
    bool any, power, charge;
    int64_t watts, percent; /* millionths; + is charging; the mean */
    char raw[EMS_RAW_ROOM];
};

static struct batteries batteries_of(const struct reg_values *v)
{
    struct batteries b = {.power = true, .charge = true};
    int n = 0;

    for (int i = 0; i < BATTERIES; i++) {
        int64_t w = 0, percent = 0;
        enum reg_result power = reg_plan_value(&plan, v, 2 * i, true, &w);
        enum reg_result charge = reg_plan_value(&plan, v, 2 * i + 1, true, &percent);

        /* Some say zero of everything where there is none. */
        if ((power != REG_OK && charge != REG_OK) || (w == 0 && percent == 0)) {
            continue;
        }
        if (n++ == 0) {
            reg_plan_raw(&plan, v, 2 * i, b.raw);
        }
        b.power = b.power && power == REG_OK;
        b.charge = b.charge && charge == REG_OK;
        b.watts += w;
        b.percent += percent;
    }
    b.any = n > 0;
    b.percent = n > 0 ? b.percent / n : 0;
    return b;
}

static void say_batteries(const struct batteries *b, struct ems_reports *out)
{
    static const char none[] = "there is no battery";

    if (b->any && b->power) {
        ems_say(out, EMS_BATTERY_W, reg_field(-b->watts, EMS_BATTERY_W), 0, b->raw);
    } else {
        ems_say_none(out, EMS_BATTERY_W,
                b->any ? "the battery does not give its power (0xE174)" : none, NULL);
    }
    if (b->any && b->charge) {
        ems_say(out, EMS_SOC_PERMILLE, reg_field(b->percent, EMS_SOC_PERMILLE), 0, b->raw);
    } else {
        ems_say_none(out, EMS_SOC_PERMILLE,
                b->any ? "the battery does not give its charge (0xE184)" : none, NULL);
    }
}

/* With a battery: what comes in on the side of the strings, and what the battery takes of it. */
static void say_pv(const struct sun_map *m, const struct batteries *b, struct ems_reports *out)
{
    int64_t status = sun_known(m, SUN_STATUS) ? m->value[SUN_STATUS].micro : 0;

    if (b->any && !b->power) {
        ems_say_none(out, EMS_PV_W,
                "the battery does not give its power, which is in the inverter's", NULL);
    } else if (b->any && sun_known(m, SUN_DC_W)) {
        int64_t sun = m->value[SUN_DC_W].micro + b->watts;

        ems_say(out, EMS_PV_W, reg_field(sun, EMS_PV_W), 0, m->value[SUN_DC_W].raw);
    } else if (!b->any && !sun_known(m, SUN_AC_W) && status > 0 &&
               status <= STATUS_ASLEEP * (int64_t)MICRO) {
        ems_say(out, EMS_PV_W, 0, 0, m->value[SUN_STATUS].raw);
    } else {
        sun_say(m, b->any ? SUN_DC_W : SUN_AC_W, 1, EMS_PV_W, "there is no inverter", out);
    }
}

enum ems_class solaredge_modbus_parse(const struct solaredge *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    uint8_t unit[2];
    const struct sun_place p = place_of(c, unit);
    struct ems_request more = {.count = 0};
    struct batteries b = {.any = false};
    enum ems_class class;

    if (a->i == 0) {
        m->map_done = false;
    }
    if (!m->map_done) {
        class = sun_parse(&m->map, &p, a, e);
        m->no_map = class == EMS_NOT_FOUND && e && e->text[0] != '\0';
        if (!m->no_map && (class != EMS_OK || sun_request(&m->map, &p, a->i + 1, &more))) {
            return class;
        }
        m->map_done = true;
        if (m->no_map) { /* a battery may still be there */
            memset(&m->map, 0, sizeof(m->map));
            m->rest = 0;
        }
        reg_plan_begin(&m->battery);
        m->rest = (uint8_t)(m->rest - (m->rest > 0));
    } else if (reg_plan_parse(&plan, &m->battery, a) != EMS_OK) {
        m->battery.run = plan.run_count; /* silence, or refused: there is none */
    }
    if (m->rest == 0 && reg_plan_request(&plan, &m->battery, &more)) {
        return EMS_OK;
    }
    b = batteries_of(&m->battery);
    if (m->no_map && !b.any) {
        err_set(e, ERR_IO,
                "unit id %d shows no inverter, meter or battery: check the unit id (unit), and port",
                (int)c->unit);
        return EMS_NOT_FOUND;
    }
    m->rest = m->rest == 0 && !b.any ? LOOK_AGAIN : m->rest;
    sun_say_grid(&m->map, -1, out);
    say_pv(&m->map, &b, out);
    say_batteries(&b, out);
    sun_say_voltages(&m->map, out);
    return EMS_OK;
}
