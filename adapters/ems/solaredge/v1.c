/*
 * v1 - the power flow of the cloud's first API, which is switched off since November 2026. Powers have no sign:
 * it lies in the connections. The case of names varies; a missing unit is kW. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/solaredge/solaredge.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { TEXT_ROOM = 48 };

struct named {
    const char *name;
    struct json_object *found;
};

static bool look(const char *key, struct json_object *v, void *user)
{
    struct named *n = user;

    if (str_iequal(key, n->name)) {
        n->found = v;
    }
    return n->found == NULL;
}

/* A member, whatever the case of its name. */
static struct json_object *member(struct json_object *v, const char *name)
{
    struct named n = {name, NULL};

    (void)json_each(v, look, &n);
    return n.found;
}

/* Whether a connection leads from or to a part. */
static bool connected(struct json_object *flow, const char *end, const char *name)
{
    struct json_object *list = member(flow, "connections");
    char text[TEXT_ROOM];

    for (int i = 0; i < json_length(list); i++) {
        json_as_text(member(json_item(list, i), end), text, sizeof(text));
        if (str_iequal(text, name)) {
            return true;
        }
    }
    return false;
}

struct part {
    bool there, known;
    int64_t micro;
    char raw[TEXT_ROOM];
};

static struct part part_of(struct json_object *flow, const char *name)
{
    struct json_object *v = member(flow, name);
    struct part p = {.there = v != NULL};
    char unit[TEXT_ROOM] = "";
    enum quantity_result r;

    json_as_text(member(v, "currentPower"), p.raw, sizeof(p.raw));
    r = quantity_parse(p.raw, strlen(p.raw), QUANTITY_PLAIN, &p.micro);
    if (member(flow, "unit")) {
        json_as_text(member(flow, "unit"), unit, sizeof(unit));
    }
    p.known = v && r == QUANTITY_OK &&
              (unit[0] == '\0' || str_iequal(unit, "W") || str_iequal(unit, "kW"));
    if (!str_iequal(unit, "W") && __builtin_mul_overflow(p.micro, (int64_t)1000, &p.micro)) {
        p.known = false;
    }
    return p;
}

static void say(const struct part *p, const char *name, int sign, enum ems_field f,
        struct ems_reports *out)
{
    char why[EMS_WHY_ROOM];

    if (p->known) {
        ems_say(out, f, reg_field(sign * p->micro, f), 0, p->raw);
        return;
    }
    (void)str_format(why, sizeof(why),
            p->there ? "%s has no currentPower" : "%s is not in the power flow", name);
    ems_say_none(out, f, why, p->there ? p->raw : NULL);
}

/* A magnitude with the direction of its connections: out where something leads to it. */
static void say_directed(
        struct json_object *flow, const char *name, enum ems_field f, struct ems_reports *out)
{
    struct part p = part_of(flow, name);
    bool to = connected(flow, "to", name), from = connected(flow, "from", name);
    char status[TEXT_ROOM] = "";

    if (to == from) { /* the battery says it in words, too */
        json_as_text(member(member(flow, name), "status"), status, sizeof(status));
        to = str_iequal(status, "Charging");
        from = str_iequal(status, "Discharging");
    }
    if (p.known && p.micro != 0 && to == from) {
        ems_say_none(out, f, "the connections do not show which way it flows", p.raw);
    } else {
        say(&p, name, to ? -1 : 1, f, out);
    }
}

bool solaredge_v1_flow(struct json_object *flow, struct ems_reports *out)
{
    struct part load = part_of(flow, "LOAD"), pv = part_of(flow, "PV"),
                grid = part_of(flow, "GRID"), storage = part_of(flow, "STORAGE");
    char level[TEXT_ROOM] = "";
    const char *why = "there is no battery";
    int64_t v = 0;

    say_directed(flow, "GRID", EMS_GRID_W, out);
    say(&pv, "PV", 1, EMS_PV_W, out);
    say(&load, "LOAD", 1, EMS_CONSUMPTION_W, out);
    if (storage.there) {
        say_directed(flow, "STORAGE", EMS_BATTERY_W, out);
        json_as_text(member(member(flow, "STORAGE"), "chargeLevel"), level, sizeof(level));
        if (ems_number(level, strlen(level), EMS_SOC_PERMILLE, &v, &why)) {
            ems_say(out, EMS_SOC_PERMILLE, v, 0, level);
            why = NULL;
        }
    } else {
        ems_say_none(out, EMS_BATTERY_W, why, NULL);
    }
    if (why) {
        ems_say_none(out, EMS_SOC_PERMILLE, why, level);
    }
    return !load.there && !pv.there && !grid.there;
}
