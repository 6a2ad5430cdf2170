/*
 * fronius - inverters of Fronius (Galvo, Primo, Symo, Eco, GEN24, Tauro, IG with Datamanager) by the
 * Solar API, plain HTTP without a login.
 *
 * PowerFlow has the site: P_Grid (+ import), P_PV (null at night), P_Load (negative is what the house
 * takes), P_Akku (+ discharges), SOC of the first inverter that has one. The meter's page has currents
 * (magnitudes; the sign is that of the phase's power) and voltages, under two sets of names. Without a
 * meter the inverter's own page has voltages. The oldest loggers know no /v1/ and no PowerFlow, only
 * the inverters' pages. What a page is shows in its body; a page that is not there is asked again
 * only now and then. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum page { FLOW, METER, INVERTERS, STORAGE, PHASES, COMMON, INVERTERS_V0, COMMON_V0, PAGES };
enum { ROUNDS_MISSING = 250, NAMES_MAX = 4, NAME_ROOM = 48 };

struct config {
    struct ems_http http;
};

struct memo {
    int32_t page;     /* that comes next; PAGES: none */
    int32_t device;   /* the id of an inverter */
    uint32_t missing; /* pages that answered 404: EMS_BIT */
    uint32_t rounds;
    bool flow, no_meter; /* of this round */
    bool good;           /* a page of this round was one of the Solar API */
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

static const char *const paths[PAGES] = {
        [FLOW] = "/v1/GetPowerFlowRealtimeData.fcgi",
        [METER] = "/v1/GetMeterRealtimeData.cgi?Scope=System",
        [INVERTERS] = "/v1/GetInverterRealtimeData.cgi?Scope=System",
        [STORAGE] = "/v1/GetStorageRealtimeData.cgi?Scope=System",
        [PHASES] = "/v1/GetInverterRealtimeData.cgi?Scope=Device&DataCollection=3PInverterData&"
                   "DeviceId=",
        [COMMON] = "/v1/GetInverterRealtimeData.cgi?Scope=Device&DataCollection="
                   "CommonInverterData&DeviceId=",
        [INVERTERS_V0] = "/GetInverterRealtimeData.cgi?Scope=System",
        [COMMON_V0] = "/GetInverterRealtimeData.cgi?Scope=Device&DataCollection="
                      "CommonInverterData&DeviceIndex=",
};

static const struct opt rows[] = {
        EMS_HTTP_ROWS(struct config, http,
                "The address of the inverter or of its Datamanager: http://HOST, without a "
                "path."),
        {.name = NULL},
};

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_FIELDS) - 1;
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

/* ---- what to ask ---- */

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    int page = i == 0 ? FLOW : m->page;
    const char *path = strstr(c->http.url, "/solar_api");
    size_t n = path ? (size_t)(path - c->http.url) : strlen(c->http.url);
    char id[16] = "";

    if (page >= PAGES) {
        return false;
    }
    while (n > 0 && c->http.url[n - 1] == '/') {
        n--;
    }
    if (page == PHASES || page == COMMON || page == COMMON_V0) {
        (void)str_format(id, sizeof(id), "%d", (int)m->device);
    }
    out->optional = true;
    return str_format(out->url, sizeof(out->url), "%.*s/solar_api%s%s", (int)n, c->http.url,
            paths[page], id);
}

static bool has(const struct ems_reports *out, enum ems_field f)
{
    return out->field[f].said == EMS_SAID_VALUE;
}

/* Whether a page may say what is not known yet. */
static bool wanted(const struct memo *m, int page, const struct ems_reports *out)
{
    if (m->missing & EMS_BIT(page)) {
        return false;
    }
    switch (page) {
    case METER:
        return !m->no_meter;
    case INVERTERS:
        return !m->flow && !has(out, EMS_PV_W);
    case STORAGE:
        return !has(out, EMS_SOC_PERMILLE) && (!m->flow || has(out, EMS_BATTERY_W));
    case PHASES:
    case COMMON:
        return !has(out, EMS_VOLTAGE_L1_MV);
    case INVERTERS_V0:
        return !m->flow && !has(out, EMS_PV_W);
    case COMMON_V0:
        return !m->flow && !has(out, EMS_VOLTAGE_L1_MV);
    default:
        return false;
    }
}

/* ---- numbers ---- */

static int64_t rounded(int64_t milli)
{
    return (milli + (milli < 0 ? -500 : 500)) / 1000;
}

/* A number, or one in a text, times 1000. */
static bool milli_of(struct json_object *v, int64_t *milli)
{
    char text[64];

    if (!v || (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT)) {
        return false;
    }
    json_as_text(v, text, sizeof(text));
    return str_scaled(text, strlen(text), 1000, milli) && *milli < INT64_C(1000000000000) &&
           *milli > -INT64_C(1000000000000);
}

static void say(struct json_object *v, const char *expr, enum ems_field f, int64_t utc_ms,
        struct ems_reports *out)
{
    const struct ems_tree t = {.json = v};

    if (!has(out, f)) {
        ems_expr_say(&t, expr, f, utc_ms, out);
    }
}

struct total {
    int64_t milli;
    bool wrong;
    int n;
};

/* Of an inverter that sleeps there is null. */
static bool add_power(const char *key, struct json_object *v, void *user)
{
    struct total *t = user;
    int64_t milli = 0;

    (void)key;
    t->wrong = t->wrong || (v && !milli_of(v, &milli));
    t->milli += milli;
    return ++t->n < 100;
}

/* Meters of other generators, which P_PV does not count. */
static bool add_generator(const char *key, struct json_object *v, void *user)
{
    struct total *t = user;
    char category[32] = "";
    int64_t milli = 0;

    (void)key;
    json_as_text(json_member(v, "Category"), category, sizeof(category));
    if (strcmp(category, "METER_CAT_WR") == 0 && milli_of(json_member(v, "P"), &milli)) {
        t->milli += milli;
    }
    return ++t->n < 100;
}

/* ---- pages ---- */

static bool find_soc(const char *key, struct json_object *v, void *user)
{
    struct json_object **found = user;

    (void)key;
    *found = json_member(v, "SOC") ? v : NULL;
    return !*found;
}

static bool find_device(const char *key, struct json_object *v, void *user)
{
    int64_t id = 0;

    (void)v;
    if (str_int(key, strlen(key), &id) && id >= 0 && id <= 255) {
        *(int32_t *)user = (int32_t)id;
        return false;
    }
    return true;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* P_PV, and the generators behind secondary meters where the site's balance
 * (-P_Load = P_Grid + P_Akku + sun) says that they are not in it. */
static void say_sun(struct json_object *site, struct json_object *secondary, int64_t utc_ms,
        struct ems_reports *out)
{
    struct total other = {0};
    int64_t sun = 0, grid, load, cell = 0;

    ems_expr_say(&(struct ems_tree){.json = site}, "P_PV // 0", EMS_PV_W, utc_ms, out);
    (void)json_each(secondary, add_generator, &other);
    (void)milli_of(json_member(site, "P_PV"), &sun);
    (void)milli_of(json_member(site, "P_Akku"), &cell);
    if (other.milli > 0 && has(out, EMS_PV_W) && milli_of(json_member(site, "P_Grid"), &grid) &&
            milli_of(json_member(site, "P_Load"), &load) &&
            distance(grid + cell + sun + other.milli, -load) <
                    distance(grid + cell + sun, -load)) {
        out->field[EMS_PV_W].value = rounded(sun + other.milli);
    }
}

static void read_flow(
        struct memo *m, struct json_object *data, int64_t utc_ms, struct ems_reports *out)
{
    struct json_object *site = json_member(data, "Site");
    struct json_object *inverters = json_member(data, "Inverters"), *cell = NULL;
    char mode[32] = "";

    json_as_text(json_member(site, "Mode"), mode, sizeof(mode));
    m->flow = true;
    m->no_meter = strcmp(mode, "produce-only") == 0;
    (void)json_each(inverters, find_device, &m->device);
    say_sun(site, json_member(data, "SecondaryMeters"), utc_ms, out);
    say(site, "-P_Load", EMS_CONSUMPTION_W, utc_ms, out);
    say(site, "P_Grid", EMS_GRID_W, utc_ms, out);
    if (m->no_meter && !has(out, EMS_GRID_W)) {
        for (int f = 0; f < EMS_FIELDS; f++) {
            if (f == EMS_GRID_W || f == EMS_CONSUMPTION_W ||
                    (f >= EMS_CURRENT_L1_MA && f <= EMS_CURRENT_L3_MA)) {
                ems_say_none(out, (enum ems_field)f, "the inverter has no meter", NULL);
            }
        }
    }
    say(site, "P_Akku", EMS_BATTERY_W, utc_ms, out);
    (void)json_each(inverters, find_soc, &cell);
    if (cell) {
        say(cell, "SOC", EMS_SOC_PERMILLE, utc_ms, out);
    } else if (!json_member(site, "P_Akku")) {
        ems_say_none(out, EMS_BATTERY_W, "the inverter has no battery", NULL);
        ems_say_none(out, EMS_SOC_PERMILLE, "the inverter has no battery", NULL);
    }
}

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

    (void)milli_of(json_member(meter, name_in(meter, power_names, phase, name)), &power);
    ems_expr_say(&(struct ems_tree){.json = meter}, name_in(meter, current_names, phase, name),
            f, utc_ms, out);
    if (has(out, f) && power != 0 && (out->field[f].value < 0) != (power < 0)) {
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
        say(meter, sum + 1, EMS_GRID_W, utc_ms, out);
    } else if (place == 1) {
        say(meter, sum, EMS_CONSUMPTION_W, utc_ms, out);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (place == 0) {
            say_current(meter, i + 1, utc_ms, out);
        } else if (!has(out, (enum ems_field)(EMS_CURRENT_L1_MA + i))) {
            ems_say_none(out, (enum ems_field)(EMS_CURRENT_L1_MA + i),
                    place == 1 ? "the meter is in the load path: it does not see the grid"
                               : "the meter is not the one at the grid",
                    NULL);
        }
        say(meter, name_in(meter, voltage_names, i + 1, name),
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

    (void)(milli_of(json_member(meter, "Meter_Location_Current"), &milli) ||
            milli_of(json_member(meter, "SMARTMETER_VALUE_LOCATION_U16"), &milli));
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

/* Of the inverters: the sum of all, or one of them. */
static void read_inverter(
        struct memo *m, struct json_object *data, int64_t utc_ms, struct ems_reports *out)
{
    struct json_object *power = json_member(data, "PAC");
    struct json_object *all = json_member(power, "Values");
    static const char *const phases[] = {"UAC_L1.Value", "UAC_L2.Value", "UAC_L3.Value"};
    struct total t = {0};
    char raw[EMS_RAW_ROOM] = "";

    for (unsigned i = 0; i < 3 && json_has(data, "UAC_L1"); i++) {
        say(data, phases[i], (enum ems_field)(EMS_VOLTAGE_L1_MV + i), utc_ms, out);
    }
    if (json_has(data, "UAC")) {
        say(data, "UAC.Value", EMS_VOLTAGE_L1_MV, utc_ms, out);
    }
    if (m->flow || has(out, EMS_PV_W)) {
        return;
    }
    if (all || json_has(json_member(data, "DAY_ENERGY"), "Values")) {
        (void)json_each(all, find_device, &m->device);
        (void)json_each(all, add_power, &t);
        if (all) {
            json_as_text(all, raw, sizeof(raw));
        }
        if (t.wrong) {
            ems_say_none(out, EMS_PV_W, "PAC.Values holds what is no number", raw);
        } else {
            ems_say(out, EMS_PV_W, rounded(t.milli), utc_ms, raw);
        }
    } else if (json_has(data, "DeviceStatus") || power) {
        say(data, "PAC.Value // 0", EMS_PV_W, utc_ms, out); /* asleep: it has no PAC */
    }
}

static bool find_cell(const char *key, struct json_object *v, void *user)
{
    struct json_object **found = user;

    (void)key;
    *found = json_member(v, "Controller");
    return !*found;
}

/* Whatever page it is. */
static void read_data(
        struct memo *m, struct json_object *data, int64_t utc_ms, struct ems_reports *out)
{
    struct meters meters = {is_meter(data) ? data : NULL, place_of(data)};
    struct json_object *cell = json_member(data, "Controller");

    if (json_member(data, "Site")) {
        read_flow(m, data, utc_ms, out);
        return;
    }
    if (!meters.best) {
        (void)json_each(data, find_meter, &meters);
    }
    if (!cell) {
        (void)json_each(data, find_cell, &cell);
    }
    if (meters.best) {
        read_one_meter(meters.best, meters.place, utc_ms, out);
    } else if (cell) {
        (void)ems_expr_time(&(struct ems_tree){.json = cell}, "TimeStamp", &utc_ms);
        say(cell, "StateOfCharge_Relative", EMS_SOC_PERMILLE, utc_ms, out);
    } else {
        read_inverter(m, data, utc_ms, out);
    }
}

/* ---- answers ---- */

static enum ems_class read_body(
        struct memo *m, const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct ems_tree t = {.json = ems_json(a, e)};
    struct json_object *status = json_member(json_member(t.json, "Head"), "Status");
    char reason[100] = "";
    int64_t code = 0, utc_ms = 0;

    if (!t.json) {
        if (strchr(a->body, '<')) {
            err_set(e, ERR_IO,
                    "the answer is a web page: switch the Solar API on in the inverter's own "
                    "pages (Communication, Solar API), and check url");
        }
        return EMS_DATA;
    }
    if (!milli_of(json_member(status, "Code"), &code)) {
        err_set(e, ERR_IO, "the answer is not one of the Solar API: is url that of a Fronius?");
        json_put(t.json);
        return EMS_DATA;
    }
    (void)ems_expr_time(&t, "Head.Timestamp", &utc_ms); /* some cannot be read */
    json_as_text(json_member(status, "Reason"), reason, sizeof(reason));
    if (code == 0) {
        m->good = true;
        read_data(m, json_member(json_member(t.json, "Body"), "Data"), utc_ms, out);
    } else {
        err_set(e, ERR_IO, "the inverter answers with its error %d (%s)", (int)(code / 1000),
                reason);
    }
    json_put(t.json);
    return code == 0 ? EMS_OK : EMS_SERVER;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = memo_of(s);
    int page = a->i == 0 ? FLOW : m->page < PAGES ? m->page : FLOW;
    enum ems_class class = EMS_NOT_FOUND;

    (void)config;
    if (a->i == 0) {
        *m = (struct memo){.device = 1, .missing = m->missing, .rounds = m->rounds + 1};
        m->missing = m->rounds % ROUNDS_MISSING == 0 ? 0 : m->missing;
    }
    if (a->status >= 200 && a->status <= 299) {
        class = read_body(m, a, out, e);
    } else if (a->status == 404) {
        m->missing |= EMS_BIT(page);
    } else if (a->status == 403) {
        class = EMS_AUTH;
        err_set(e, ERR_REFUSED,
                "the inverter answers 403: switch the Solar API on in its own pages "
                "(Communication, Solar API)");
    } else {
        class = EMS_UNREACHABLE;
    }
    if (class != EMS_OK && !m->good && a->status != 404) {
        return class; /* without a sentence: the host says it */
    }
    do {
        page++;
    } while (page < PAGES && !wanted(m, page, out));
    m->page = a->status == 0 ? PAGES : page;
    if (page >= PAGES && !m->good) {
        m->missing = 0;
        err_set(e, ERR_NOT_FOUND,
                "there is no Solar API (404): is url that of the inverter or its Datamanager, "
                "and is the Solar API switched on there (Communication, Solar API)?");
        return EMS_NOT_FOUND;
    }
    return EMS_OK;
}

static const char *const notes[] = {
        "GEN24 and Tauro: the Solar API is off by default since firmware 1.14.1; switch it on in "
        "the inverter's own pages (Communication, Solar API).",
        "A Datamanager is slow and answers one request at a time: leave interval_s at 10 there.",
        "One inverter with its own Datamanager sees the whole site where it has the meter: take "
        "one such source for grid and house, and the others with role sum for their sun only.",
        "A meter in the load path gives the house; P_Grid is computed by the inverter then, and "
        "there are no currents. An S0 meter gives estimates.",
        "Without a meter the inverter's own voltage is taken; on a single-phase one in North "
        "America that is the one between both legs.",
        "Generators behind secondary meters are counted as sun where the inverter's own balance "
        "shows that they are not in P_PV; seen in one capture.",
        NULL,
};

const struct ems_adapter ems_fronius = {
        .name = "fronius",
        .title = "Fronius",
        .summary = "Inverters of Fronius with meter and battery, by their Solar API.",
        .tested = "real capture",
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
