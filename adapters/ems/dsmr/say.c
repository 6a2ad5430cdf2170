/*
 * dsmr/say - what the objects of a telegram mean: power, currents with a direction, voltages, time.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/dsmr/lines.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

/* In millionths of W, A or V; false with why. The unit of a power must stand there. */
static bool value_of(
        const struct dsmr_value *x, enum quantity_kind kind, int64_t *v, const char **why)
{
    char text[DSMR_VALUE_ROOM];
    char *star;

    *v = 0;
    (void)str_copy(text, sizeof(text), x->text);
    star = strchr(text, '*');
    if (!star && kind == QUANTITY_POWER) {
        *why = "has no unit";
        return false;
    }
    if (star) {
        *star = ' ';
    }
    switch (quantity_parse(text, strlen(text), kind, v)) {
    case QUANTITY_OK:
        return true;
    case QUANTITY_NONE:
        *why = "has no value";
        break;
    case QUANTITY_NO_NUMBER:
        *why = "is not a number";
        break;
    case QUANTITY_OTHER_UNIT:
        *why = "has a unit that does not belong here";
        break;
    }
    return false;
}

static const int64_t POWER_MAX =
        INT64_C(1000000000000000); /* a gigawatt, in millionths of a watt */

struct power {
    bool known;
    int64_t uw;         /* + import */
    const char *why;    /* a phrase; not known */
    const char *object; /* what the phrase is about */
    char raw[EMS_RAW_ROOM];
};

/* Of the three registers at x: import less export, or the one with a sign. */
static void power_of(const struct dsmr_value *x, const char *const object[3], struct power *p)
{
    const struct dsmr_value *in = &x[DSMR_IMPORT], *out = &x[DSMR_EXPORT], *net = &x[DSMR_NET];
    int64_t to = 0, from = 0;

    *p = (struct power){.why = "is not in the telegram", .object = object[DSMR_IMPORT]};
    if (in->there || out->there) {
        p->known = (!in->there || value_of(in, QUANTITY_POWER, &to, &p->why));
        if (p->known && out->there && !value_of(out, QUANTITY_POWER, &from, &p->why)) {
            p->object = object[DSMR_EXPORT];
            p->known = false;
        }
        (void)str_format(
                p->raw, sizeof(p->raw), "%s%s%s", in->text, out->there ? " - " : "", out->text);
    } else if (net->there) {
        p->object = object[DSMR_NET];
        p->known = value_of(net, QUANTITY_POWER, &to, &p->why);
        (void)str_copy(p->raw, sizeof(p->raw), net->text);
    }
    if (__builtin_sub_overflow(to, from, &p->uw) || p->uw > POWER_MAX || p->uw < -POWER_MAX) {
        p->known = false;
        p->why = "is too large";
    }
}

static void say_none(struct ems_reports *out, enum ems_field f, const char *object,
        const char *why, const char *raw)
{
    char text[EMS_WHY_ROOM];

    (void)str_format(text, sizeof(text), "%s %s", object, why);
    ems_say_none(out, f, text, raw);
}

/* Power by voltage in mA; false: no voltage. */
static bool by_voltage(const struct power *p, const struct dsmr_value *volts, int64_t *ma)
{
    const char *why;
    int64_t uv, mv;

    if (!p->known || !volts->there || !value_of(volts, QUANTITY_VOLTAGE, &uv, &why)) {
        return false;
    }
    mv = quantity_round(uv, 1000);
    if (mv <= 0) {
        return false;
    }
    *ma = (p->uw < 0 ? p->uw - mv / 2 : p->uw + mv / 2) / mv;
    return true;
}

struct told {
    const struct dsmr_readings *r;
    const struct power *total;
    int64_t utc_ms;
    bool single;
    struct ems_reports *out;
};

static const char *const power_objects[DSMR_PHASES][3] = {
        {"1-0:21.7.0", "1-0:22.7.0", "1-0:36.7.0"}, {"1-0:41.7.0", "1-0:42.7.0", "1-0:56.7.0"},
        {"1-0:61.7.0", "1-0:62.7.0", "1-0:76.7.0"}};

static void say_current(const struct told *t, int phase)
{
    static const char *const objects[] = {"1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0"};
    const struct dsmr_value *x = t->r->phase[phase], *amps = &x[DSMR_AMPS];
    const enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + phase);
    const char *why = "is not in the telegram";
    char raw[EMS_RAW_ROOM];
    struct power p;
    int64_t ua, ma;

    power_of(x, power_objects[phase], &p);
    if ((!amps->there || !strchr(amps->text, '.')) && by_voltage(&p, &x[DSMR_VOLTS], &ma)) {
        (void)str_format(raw, sizeof(raw), "%.33s / %.10s", p.raw, x[DSMR_VOLTS].text);
        ems_say(t->out, f, ma, t->utc_ms, raw);
        return;
    }
    if (!amps->there || !value_of(amps, QUANTITY_CURRENT, &ua, &why)) {
        say_none(t->out, f, objects[phase], why, amps->text);
        return;
    }
    if (!p.known) { /* a meter of one phase, or one that only imports */
        p = *t->total;
        p.known = p.known && (t->single || p.uw >= 0);
    }
    if (!p.known && ua != 0) {
        say_none(t->out, f, objects[phase],
                "has no direction: the power of its phase is not known", amps->text);
        return;
    }
    ma = quantity_round(ua, 1000);
    ems_say(t->out, f, p.uw < 0 ? -ma : ma, t->utc_ms, amps->text);
}

static void say_voltage(const struct told *t, int phase)
{
    static const char *const objects[] = {"1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0"};
    const struct dsmr_value *x = &t->r->phase[phase][DSMR_VOLTS];
    const enum ems_field f = (enum ems_field)(EMS_VOLTAGE_L1_MV + phase);
    const char *why = "is not in the telegram";
    int64_t uv;

    if (x->there && value_of(x, QUANTITY_VOLTAGE, &uv, &why)) {
        ems_say(t->out, f, quantity_round(uv, 1000), t->utc_ms, x->text);
    } else {
        say_none(t->out, f, objects[phase], why, x->text);
    }
}

/* "261124120000W": winter, UTC+1; S: summer. What is no time is told as a clock that was never set,
 * so that the core takes the values only where the settings say so. */
static int64_t time_of(const struct dsmr_value *x)
{
    const char *s = x->text;
    size_t digits = strspn(s, "0123456789"), n = strlen(s);
    char iso[40];
    int64_t utc_ms;

    if (!x->there || n == 0 || (digits == 12 && n == 12)) {
        return 0; /* no clock, or one whose offset nobody knows */
    }
    (void)str_format(iso, sizeof(iso), "20%.2s-%.2s-%.2sT%.2s:%.2s:%.2s+0%c:00", s, s + 2,
            s + 4, s + 6, s + 8, s + 10, s[n - 1] == 'S' ? '2' : '1');
    return digits == 12 && n == 13 && (s[12] == 'S' || s[12] == 'W') &&
                           str_time_parse(iso, &utc_ms)
                   ? utc_ms
                   : 1;
}

static bool phase_there(const struct dsmr_readings *r, int phase)
{
    bool any = false;

    for (int i = 0; i < DSMR_REGS; i++) {
        any = any || r->phase[phase][i].there;
    }
    return any;
}

void dsmr_say(const struct dsmr_readings *r, struct ems_reports *out)
{
    static const char *const objects[] = {"1-0:1.7.0", "1-0:2.7.0", "1-0:16.7.0"};
    struct power total;
    struct told t = {.r = r,
            .total = &total,
            .utc_ms = time_of(&r->time),
            .single = !phase_there(r, 1) && !phase_there(r, 2),
            .out = out};

    power_of(r->total, objects, &total);
    if (total.known) {
        ems_say(out, EMS_GRID_W, quantity_round(total.uw, 1), t.utc_ms, total.raw);
    } else {
        say_none(out, EMS_GRID_W, total.object, total.why, total.raw);
    }
    for (int i = 0; i < DSMR_PHASES; i++) {
        say_current(&t, i);
        say_voltage(&t, i);
    }
}
