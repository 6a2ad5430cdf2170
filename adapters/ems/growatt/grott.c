/*
 * growatt/grott - what Grott publishes: {"device", "time", "buffered", "values": {...}}, one message
 * for each record that the logger sends, every one to five minutes. Powers and voltages are whole
 * numbers of tenths; which there are depends on the inverter's layout.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/growatt/growatt.h"
#include "bridge/base/str.h"

#include <string.h>

bool growatt_grott_listen(const struct growatt *c, int i, struct ems_request *out)
{
    return i < 2 &&
           str_format(out->topic, sizeof(out->topic), "%s%s", c->topic, i == 0 ? "" : "/+");
}

/* The first of the names (NULL behind) that is there; a later one where that is 0 and it is not. */
static const char *first_of(struct json_object *v, const char *const names[])
{
    const char *there = NULL;

    for (; *names; names++) {
        if (growatt_counts(v, *names)) {
            return *names;
        }
        there = !there && json_has(v, *names) ? *names : there;
    }
    return there;
}

static void say(struct json_object *v, const char *plus, const char *minus, enum ems_field f,
        int64_t utc_ms, struct ems_reports *out)
{
    char expr[100];

    if (plus && minus) {
        (void)str_format(expr, sizeof(expr), "%s * 0.1 - %s * 0.1", plus, minus);
    } else if (plus || minus) {
        (void)str_format(
                expr, sizeof(expr), plus ? "%s * 0.1" : "-%s * 0.1", plus ? plus : minus);
    } else {
        return;
    }
    growatt_say(v, expr, f, utc_ms, out);
}

static void say_inverter(struct json_object *v, int64_t utc_ms, struct ems_reports *out)
{
    static const char *const from_grid[] = {"pactousertot", "ptousertotal", "pactouserr", NULL};
    static const char *const to_grid[] = {"pactogridtot", "ptogridtotal", "pactogridr", NULL};
    static const char *const load[] = {"plocaloadtot", "ptoloadtotal", "plocaloadr", NULL};
    static const char *const discharge[] = {"pdischarge1", "bdc1_pdischr", "pdischr", NULL};
    static const char *const charge[] = {"p1charge1", "bdc1_pchr", "pchr", NULL};
    static const char *const soc[] = {"SOC", "soc", "bdc1_soc", NULL};
    static const char *const volts[][2] = {
            {"pvgridvoltage", NULL}, {"pvgridvoltage2", NULL}, {"pvgridvoltage3", NULL}};
    const char *in = first_of(v, from_grid), *ex = first_of(v, to_grid);
    const char *house = first_of(v, load), *full = first_of(v, soc);
    bool metered = (in && growatt_counts(v, in)) || (ex && growatt_counts(v, ex)) ||
                   (house && growatt_counts(v, house));
    bool battery = full && (growatt_counts(v, full) || json_has(v, "SOC"));

    if (json_has(v, "pvpowerin")) {
        say(v, "pvpowerin", NULL, EMS_PV_W, utc_ms, out);
    }
    if (in && ex && metered) {
        say(v, in, ex, EMS_GRID_W, utc_ms, out);
        say(v, house, NULL, EMS_CONSUMPTION_W, utc_ms, out);
    } else if (in && ex) {
        growatt_no_meter(out);
    }
    if (battery && first_of(v, discharge) && first_of(v, charge)) {
        say(v, first_of(v, discharge), first_of(v, charge), EMS_BATTERY_W, utc_ms, out);
    }
    if (battery) {
        growatt_say(v, full, EMS_SOC_PERMILLE, utc_ms, out);
    }
    for (int p = 0; p < 3; p++) {
        if (growatt_counts(v, volts[p][0])) {
            say(v, volts[p][0], NULL, (enum ems_field)(EMS_VOLTAGE_L1_MV + p), utc_ms, out);
        }
    }
}

/* A meter is a record of its own; its currents have no sign. */
static void say_meter(struct json_object *v, int64_t utc_ms, struct ems_reports *out)
{
    say(v, "pos_rev_act_power", NULL, EMS_GRID_W, utc_ms, out);
    for (int p = 0; p < 3; p++) {
        char volts[] = "voltage_l1", amps[] = "Current_l1", watts[] = "act_power_l1", sign[8];
        char expr[48];

        volts[sizeof(volts) - 2] = amps[sizeof(amps) - 2] = watts[sizeof(watts) - 2] =
                (char)('1' + p);
        if (!growatt_counts(v, volts)) {
            continue; /* there is no such phase */
        }
        growatt_text(v, watts, sign, sizeof(sign));
        (void)str_format(expr, sizeof(expr), "%s%s * 0.1", sign[0] == '-' ? "-" : "", amps);
        say(v, volts, NULL, (enum ems_field)(EMS_VOLTAGE_L1_MV + p), utc_ms, out);
        growatt_say(v, expr, (enum ems_field)(EMS_CURRENT_L1_MA + p), utc_ms, out);
    }
}

/* The time of the record is of the plant and has no offset: it tells no more than that a record is
 * old. A message that the broker kept may then be of any age. */
static int64_t time_of(struct json_object *v, int64_t now_ms)
{
    struct growatt_change any = {.seen_utc_ms = 0};
    char time[GROWATT_TIME_ROOM];

    growatt_text(v, "time", time, sizeof(time));
    return growatt_time(&any, time, now_ms);
}

static void say_all_kept(const struct ems_answer *a, struct ems_reports *out)
{
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (out->field[f].said == EMS_SAID_VALUE) {
            ems_say_kept(out, (enum ems_field)f, a);
        }
    }
}

enum ems_class growatt_grott_parse(const struct growatt *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *v, *values;
    char device[GROWATT_ID_ROOM], buffered[8];
    int64_t utc_ms;

    if (a->len == 0) {
        return EMS_OK; /* a kept message was deleted: its values age */
    }
    v = ems_json(a, e);
    values = json_member(v, "values");
    if (!v) {
        return EMS_DATA;
    }
    growatt_text(v, "device", device, sizeof(device));
    growatt_text(v, "buffered", buffered, sizeof(buffered));
    if (json_kind(values) != JSON_OBJECT) {
        json_put(v);
        err_set(e, ERR_IO, "the message has no values: does Grott publish to this topic?");
        return EMS_DATA;
    }
    if (strcmp(buffered, "yes") == 0 ||
            (c->device_sn[0] != '\0' && strcmp(c->device_sn, device) != 0)) {
        json_put(v);
        return EMS_OK;
    }
    utc_ms = time_of(v, s->utc_ms);
    if (json_has(values, "pos_rev_act_power")) {
        say_meter(values, utc_ms, out);
    } else {
        say_inverter(values, utc_ms, out);
    }
    if (a->retained && utc_ms == 0) {
        say_all_kept(a, out);
    }
    json_put(v);
    return EMS_OK;
}
