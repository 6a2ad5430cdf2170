/*
 * iotawatt - IoTaWatt: a meter with many clamps, whose inputs and outputs have names of the user's.
 *
 * GET /status?inputs=yes&outputs=yes has the outputs {name, units, value} and the inputs, without names
 * (Vrms is a voltage). GET /query?show=series has the names of all of them, and
 * GET /query?select=[A.watts,B.watts]&begin=s-10s&end=s&group=all&missing=null their means of the last ten
 * seconds, [[1.0,null]]. The sign is that of the clamp or of the output's formula. One request at a
 * time; digest login where one is set. Facts from the firmware and from constructed payloads.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { STATUS, SERIES, QUERY, PAGES };
enum { NAME_ROOM = 48, ITEMS_MAX = 100 };

struct config {
    struct ems_http http;
    char name[EMS_FIELDS][NAME_ROOM]; /* "": not told */
};

struct memo {
    uint8_t page;   /* that comes next; PAGES: none */
    uint32_t asked; /* fields that QUERY has, in their order: EMS_BIT */
    bool known;     /* SERIES was read: */
    char series[EMS_FIELDS][NAME_ROOM];
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
#define NAME_ROW(f, name_, text_) \
    {.name = (name_), .type = OPT_STRING, .offset = offsetof(struct config, name) + (f) * NAME_ROOM, \
     .size = NAME_ROOM, .flags = OPT_RESTART, .text = (text_)}

static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "The address of the IoTaWatt: http://HOST, without a path."),
    NAME_ROW(EMS_GRID_W, "grid", "The output or input that is the grid, + is import; without it one called Grid, Mains, Net..."),
    NAME_ROW(EMS_PV_W, "pv", "The one that is the sun; without it Solar, PV, Generation..."),
    NAME_ROW(EMS_BATTERY_W, "battery", "The one that is the battery, + is discharging; without it Battery."),
    NAME_ROW(EMS_CONSUMPTION_W, "consumption", "The one that is the house; without it House, Home, Consumption, Usage, Load..."),
    NAME_ROW(EMS_CURRENT_L1_MA, "current_l1", "The input whose current is that of phase L1 of the grid."),
    NAME_ROW(EMS_CURRENT_L2_MA, "current_l2", "The same for L2."),
    NAME_ROW(EMS_CURRENT_L3_MA, "current_l3", "The same for L3."),
    {.name = NULL},
};
/* clang-format on */

enum {
    POWERS = EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_BATTERY_W) |
             EMS_BIT(EMS_CONSUMPTION_W),
    CURRENTS = EMS_BIT(EMS_CURRENT_L1_MA) | EMS_BIT(EMS_CURRENT_L2_MA) |
               EMS_BIT(EMS_CURRENT_L3_MA),
    VOLTAGES =
            EMS_BIT(EMS_VOLTAGE_L1_MV) | EMS_BIT(EMS_VOLTAGE_L2_MV) | EMS_BIT(EMS_VOLTAGE_L3_MV)
};

/* What the settings name. */
static uint32_t told(const struct config *c)
{
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= c->name[f][0] != '\0' ? EMS_BIT(f) : 0;
    }
    return set;
}

static uint32_t fields(const void *config)
{
    uint32_t set = told(config);

    return (set ? set : (uint32_t)POWERS) | VOLTAGES;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    ems_http_check(&((const struct config *)config)->http, path, errs, warnings);
}

static struct memo *memo_of(struct ems_session *s)
{
    return (struct memo *)(void *)s->memo;
}

static const char *name_of(const struct config *c, const struct memo *m, int f)
{
    return c->name[f][0] != '\0' ? c->name[f] : m->series[f];
}

/* ---- what to ask ---- */

static bool add_query(const struct config *c, const struct memo *m, char *url, size_t room)
{
    bool fits = true, first = true;

    for (int f = 0; f < EMS_FIELDS && fits; f++) {
        if (m->asked & EMS_BIT(f)) {
            fits = ems_add(url, room, first ? "/query?select=%5B" : ",") &&
                   ems_add_form(url, room, name_of(c, m, f)) &&
                   ems_add(url, room, EMS_BIT(f) & CURRENTS ? ".amps" : ".watts");
            first = false;
        }
    }
    return fits && ems_add(url, room, "%5D&begin=s-10s&end=s&group=all&missing=null");
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    int page = i == 0 ? STATUS : m->page;

    out->optional = page == QUERY; /* a name that is not there is no fault of the device */
    if (page == QUERY) {
        return ems_page(out->url, sizeof(out->url), c->http.url, false, "") &&
               add_query(c, m, out->url, sizeof(out->url));
    }
    return page < PAGES &&
           ems_page(out->url, sizeof(out->url), c->http.url, false,
                   page == STATUS ? "/status?inputs=yes&outputs=yes" : "/query?show=series");
}

/* ---- answers ---- */

static bool same(const char *a, const char *b)
{
    return str_iequal(a, b);
}

static void read_output(const struct config *c, struct json_object *output, uint32_t set,
        struct ems_reports *out)
{
    char name[NAME_ROOM] = "", units[16] = "";
    const struct ems_tree t = {.json = output};

    json_as_text(json_member(output, "name"), name, sizeof(name));
    json_as_text(json_member(output, "units"), units, sizeof(units));
    for (int f = 0; f < EMS_FIELDS; f++) {
        bool power = EMS_BIT(f) & POWERS;

        if (!(EMS_BIT(f) & (POWERS | CURRENTS)) || out->field[f].said != EMS_SAID_NOTHING ||
                (set ? c->name[f][0] == '\0' || !same(c->name[f], name)
                     : !ems_usual_name((enum ems_field)f, name))) {
            continue;
        }
        if (same(units, power ? "Watts" : "Amps")) {
            ems_expr_say(&t, "value", (enum ems_field)f, 0, out);
        } else if (set) {
            ems_say_none(out, (enum ems_field)f,
                    power ? "that output is not in Watts" : "that output is not in Amps",
                    units);
        }
    }
}

static void read_status(
        const struct config *c, struct memo *m, struct json_object *v, struct ems_reports *out)
{
    struct json_object *list = json_member(v, "outputs"), *inputs = json_member(v, "inputs");
    uint32_t set = told(c), found = 0;
    int phase = 0;

    for (int i = 0; i < json_length(list) && i < ITEMS_MAX; i++) {
        read_output(c, json_item(list, i), set, out);
    }
    for (int i = 0; i < json_length(inputs) && i < ITEMS_MAX && phase < 3; i++) {
        if (json_member(json_item(inputs, i), "Vrms")) {
            ems_expr_say(&(struct ems_tree){.json = json_item(inputs, i)}, "Vrms",
                    (enum ems_field)(EMS_VOLTAGE_L1_MV + phase++), 0, out);
        }
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        found |= (EMS_BIT(f) & (POWERS | CURRENTS)) && out->field[f].said != EMS_SAID_NOTHING
                         ? EMS_BIT(f)
                         : 0;
        m->asked |= m->series[f][0] != '\0' ? EMS_BIT(f) : 0;
    }
    m->asked = (set ? set : m->asked) & ~found;
    m->page = m->asked ? QUERY : !set && !found && !m->known ? SERIES : PAGES;
}

static void read_series(struct memo *m, struct json_object *v)
{
    struct json_object *list = json_member(v, "series");

    m->known = true;
    for (int i = 0; i < json_length(list) && i < ITEMS_MAX; i++) {
        char name[NAME_ROOM] = "", unit[16] = "";

        json_as_text(json_member(json_item(list, i), "name"), name, sizeof(name));
        json_as_text(json_member(json_item(list, i), "unit"), unit, sizeof(unit));
        for (int f = 0; f < EMS_FIELDS && same(unit, "Watts"); f++) {
            if (m->series[f][0] == '\0' && ems_usual_name((enum ems_field)f, name)) {
                (void)str_copy(m->series[f], NAME_ROOM, name);
                m->asked |= EMS_BIT(f);
            }
        }
    }
    m->page = m->asked ? QUERY : PAGES;
}

/* Of what was asked, in that order; why says what holds for all of it. */
static void read_query(
        const struct memo *m, struct json_object *v, const char *why, struct ems_reports *out)
{
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        char path[24];

        if (!(m->asked & EMS_BIT(f))) {
            continue;
        }
        (void)str_format(path, sizeof(path), "$[0][%d]", n++);
        if (why) {
            ems_say_none(out, (enum ems_field)f, why, NULL);
        } else if (!json_item(json_item(v, 0), n - 1)) {
            ems_say_none(
                    out, (enum ems_field)f, "it has no data of the last ten seconds", NULL);
        } else {
            ems_expr_say(&(struct ems_tree){.json = v}, path, (enum ems_field)f, 0, out);
        }
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = memo_of(s);
    int page = a->i == 0 ? STATUS : m->page;
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *v = good ? ems_json(a, e) : NULL;
    char why[EMS_WHY_ROOM];

    m->page = PAGES;
    if (page == QUERY && a->status >= 400 && a->status <= 499 && a->status != 401) {
        (void)str_format(why, sizeof(why), "the IoTaWatt has no such series (%.60s)", a->body);
        for (char *p = why; *p; p++) {
            *p = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
        }
        read_query(m, NULL, why, out);
        return EMS_OK;
    }
    if (!v) {
        return good ? EMS_DATA : EMS_UNREACHABLE; /* the host says what happened */
    }
    if (page == STATUS) {
        m->asked = 0;
        if (!json_has(v, "outputs") && !json_has(v, "inputs")) {
            err_set(e, ERR_IO, "the answer is not the status of an IoTaWatt; check url");
            json_put(v);
            return EMS_DATA;
        }
        read_status(config, m, v, out);
    } else if (page == SERIES) {
        read_series(m, v);
    } else {
        read_query(m, v, NULL, out);
    }
    json_put(v);
    return EMS_OK;
}

static const char *const notes[] = {
        "Outputs and inputs have the names that you gave them; without options those are taken "
        "whose names say what they are (Grid, Solar, House...).",
        "The sign is that of the clamp, or of the formula of the output: import and discharging must "
        "be positive, else set invert_grid, invert_battery.",
        "The device answers one request at a time and logs every 5 s: leave interval_s at 5 or more.",
        "Tested on payloads constructed after the firmware's source alone.",
        NULL,
};

const struct ems_adapter ems_iotawatt = {
        .name = "iotawatt",
        .title = "IoTaWatt",
        .summary = "A meter with many clamps: outputs and inputs by their names.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
