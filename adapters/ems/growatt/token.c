/*
 * growatt/token - the API with a token: /v1/plant/list, device/list, the last data of each device.
 * Powers are W, but the plant's sum, which is kW. An answer with an error_code is an error, and its
 * status is 200 all the same. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/growatt/growatt.h"
#include "bridge/base/str.h"

#include <string.h>

enum { WAIT_S = 300 };

/* ---- requests ---- */

static bool page(const struct growatt *c, struct ems_request *out, const char *path)
{
    char full[64];
    bool versioned = strstr(c->http.url, "/v1") != NULL;

    (void)str_format(full, sizeof(full), "%s%s", versioned ? "" : "/v1", path);
    return ems_page(out->url, sizeof(out->url), c->http.url, true, full) &&
           str_format(out->header[0], sizeof(out->header[0]), "token: %s", c->http.token);
}

static bool parameter(struct ems_request *out, const char *name, const char *value)
{
    return ems_add(out->url, sizeof(out->url), name) &&
           ems_add_form(out->url, sizeof(out->url), value);
}

static bool ask_device(
        const struct growatt *c, const struct growatt_device *d, struct ems_request *out)
{
    const char *name = d->kind == GROWATT_MIN ? "tlx_sn=" : "mix_sn=";

    if (d->kind == GROWATT_METER) {
        return page(c, out, "/device/ammeter/meter_last_data") &&
               parameter(out, "?datalog_sn=", d->logger) &&
               parameter(out, "&address=", d->address);
    }
    out->post = true;
    (void)str_copy(out->header[1], sizeof(out->header[1]),
            "Content-Type: application/x-www-form-urlencoded");
    return page(c, out,
                   d->kind == GROWATT_MIN ? "/device/tlx/tlx_last_data"
                                          : "/device/mix/mix_last_data") &&
           str_copy(out->body, sizeof(out->body), name) &&
           ems_add_form(out->body, sizeof(out->body), d->sn);
}

bool growatt_token_request(const struct growatt *c, const struct growatt_memo *m,
        struct growatt_step step, struct ems_request *out)
{
    switch (step.stage) {
    case GROWATT_PLANTS:
        return page(c, out, "/plant/list");
    case GROWATT_LIST:
        return page(c, out, "/device/list") &&
               parameter(out, "?plant_id=", growatt_plant(c, m));
    case GROWATT_DEVICE:
        return ask_device(c, step.device, out);
    case GROWATT_SUM:
        return page(c, out, "/plant/data") && parameter(out, "?plant_id=", growatt_plant(c, m));
    case GROWATT_END:
        break;
    }
    return false;
}

/* ---- answers ---- */

static enum ems_class error_of(struct json_object *v, struct ems_session *s, struct err *e)
{
    char code[16], message[80];

    growatt_text(v, "error_code", code, sizeof(code));
    growatt_text(v, "error_msg", message, sizeof(message));
    if (code[0] == '\0') {
        err_set(e, ERR_IO, "the answer has no error_code: is url the one of the API?");
        return EMS_DATA;
    }
    if (strcmp(code, "0") == 0) {
        return EMS_OK;
    }
    if (strcmp(code, "10012") == 0) {
        s->wait_s = WAIT_S;
        err_set(e, ERR_TIMEOUT,
                "its error 10012 (%s): asked too often; it takes one question of a "
                "kind in five minutes, raise interval_s",
                message);
        return EMS_RATE;
    }
    if (strcmp(code, "10011") == 0) {
        err_set(e, ERR_REFUSED,
                "its error 10011 (%s): the token is not taken, or not for this "
                "plant; check token and url (-us, -cn, -au), make a new one",
                message);
        return EMS_AUTH;
    }
    err_set(e, ERR_IO, "its error %s (%s)%s", code, message,
            strcmp(code, "10002") == 0 || strcmp(code, "10003") == 0
                    ? ": check plant_id and device_sn"
                    : "");
    return strcmp(code, "10001") == 0   ? EMS_SERVER
           : strcmp(code, "10002") == 0 ? EMS_NOT_FOUND
                                        : EMS_DATA;
}

static enum ems_class read_plants(
        struct json_object *data, struct growatt_memo *m, struct err *e)
{
    struct json_object *first = json_item(json_member(data, "plants"), 0);

    growatt_text(first, "plant_id", m->plant, sizeof(m->plant));
    if (m->plant[0] == '\0') {
        err_set(e, ERR_NOT_FOUND, "the account has no plant; set plant_id, or check the token");
        return EMS_NOT_FOUND;
    }
    return EMS_OK;
}

static void read_devices(
        const struct growatt *c, struct json_object *data, struct growatt_memo *m)
{
    struct json_object *list = json_member(data, "devices");

    m->n = 0;
    m->others = false;
    m->metered = false;
    m->listed = true;
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *x = json_item(list, i);
        struct growatt_device d = {.kind = GROWATT_OTHER};
        char type[8];

        growatt_text(x, "device_sn", d.sn, sizeof(d.sn));
        growatt_text(x, "datalogger_sn", d.logger, sizeof(d.logger));
        growatt_text(x, "address", d.address, sizeof(d.address));
        growatt_text(x, "type", type, sizeof(type));
        d.kind = strcmp(type, "7") == 0   ? GROWATT_MIN
                 : strcmp(type, "5") == 0 ? GROWATT_SPH
                 : strcmp(type, "3") == 0 ? GROWATT_METER
                                          : GROWATT_OTHER;
        if (d.address[0] == '\0') {
            (void)str_copy(d.address, sizeof(d.address), "1");
        }
        if (d.kind == GROWATT_METER || c->device_sn[0] == '\0' ||
                strcmp(c->device_sn, d.sn) == 0) {
            growatt_add_device(m, &d);
        }
    }
    m->others = m->others && c->device_sn[0] == '\0';
}

/* "a - b" of two members where both are there; the second pair where the first has nothing. */
static void say_difference(struct json_object *v, const char *const keys[4], enum ems_field f,
        int64_t utc_ms, struct ems_reports *out)
{
    bool second = !(json_has(v, keys[0]) && json_has(v, keys[1])) ||
                  (!growatt_counts(v, keys[0]) && !growatt_counts(v, keys[1]) &&
                          (growatt_counts(v, keys[2]) || growatt_counts(v, keys[3])));
    const char *a = keys[second ? 2 : 0], *b = keys[second ? 3 : 1];
    char expr[80];

    if (json_has(v, a) && json_has(v, b)) {
        (void)str_format(expr, sizeof(expr), "%s - %s", a, b);
        growatt_say(v, expr, f, utc_ms, out);
    }
}

static void say_grid(struct json_object *v, int64_t utc_ms, struct ems_reports *out)
{
    static const char *const grid[] = {
            "pacToUserTotal", "pacToGridTotal", "pacToUserR", "pacToGridR"};
    const char *load = growatt_counts(v, "plocalLoadTotal")  ? "plocalLoadTotal"
                       : growatt_counts(v, "pacToLocalLoad") ? "pacToLocalLoad"
                       : growatt_counts(v, "plocalLoadR")    ? "plocalLoadR"
                                                             : NULL;
    bool any = load != NULL;

    for (size_t i = 0; i < ARRAY_LEN(grid); i++) {
        any = any || growatt_counts(v, grid[i]);
    }
    if (any) {
        say_difference(v, grid, EMS_GRID_W, utc_ms, out);
    } else if (json_has(v, grid[0]) || json_has(v, grid[2])) {
        growatt_no_meter(out);
    }
    if (load) {
        growatt_say(v, load, EMS_CONSUMPTION_W, utc_ms, out);
    }
}

static void say_voltages(struct json_object *v, const char *const keys[3], int64_t utc_ms,
        struct ems_reports *out)
{
    for (int p = 0; p < 3; p++) {
        if (growatt_counts(v, keys[p])) { /* 0 V: there is no such phase */
            growatt_say(v, keys[p], (enum ems_field)(EMS_VOLTAGE_L1_MV + p), utc_ms, out);
        }
    }
}

static void read_device(struct json_object *v, struct growatt_memo *m, struct growatt_device *d,
        int64_t now_ms, struct ems_reports *out)
{
    static const char *const sph_battery[] = {
            "pdischarge1", "pcharge1", "pdischarge1", "pcharge1"};
    static const char *const min_battery[] = {
            "bdc1DischargePower", "bdc1ChargePower", "bdcDischargePower", "bdcChargePower"};
    static const char *const meter_volts[] = {"voltageL1", "voltageL2", "voltageL3"};
    static const char *const volts[] = {"vac1", "vac2", "vac3"};
    const char *soc = growatt_counts(v, "bmsSoc")    ? "bmsSoc"
                      : growatt_counts(v, "bdc1Soc") ? "bdc1Soc"
                                                     : NULL;
    char time[GROWATT_TIME_ROOM];
    int64_t utc_ms;

    growatt_text(v, "time", time, sizeof(time));
    utc_ms = growatt_time(&d->change, time, now_ms);
    if (d->kind == GROWATT_METER) {
        growatt_say(v, "activePower", EMS_GRID_W, utc_ms, out);
        say_voltages(v, meter_volts, utc_ms, out);
        return;
    }
    growatt_say(v, "ppv", EMS_PV_W, utc_ms, out);
    m->pv_known = m->pv_known || out->field[EMS_PV_W].said == EMS_SAID_VALUE;
    if (!m->metered) {
        say_grid(v, utc_ms, out);
    }
    say_voltages(v, volts, utc_ms, out);
    if (d->kind == GROWATT_SPH) {
        say_difference(v, sph_battery, EMS_BATTERY_W, utc_ms, out);
        growatt_say(v, "soc", EMS_SOC_PERMILLE, utc_ms, out);
    } else if (soc) { /* a battery that is there, and not quite empty */
        say_difference(v, min_battery, EMS_BATTERY_W, utc_ms, out);
        growatt_say(v, soc, EMS_SOC_PERMILLE, utc_ms, out);
    }
}

/* kW of the plant; where not all devices can be read by themselves, in place of their sum. */
static void read_sum(struct json_object *v, struct ems_reports *out)
{
    if (json_has(v, "current_power")) {
        out->field[EMS_PV_W] = (struct ems_report){.said = EMS_SAID_NOTHING};
        growatt_say(v, "current_power * 1000", EMS_PV_W, 0, out);
    } else {
        ems_say_none(out, EMS_PV_W, "current_power is not there", NULL);
    }
}

enum ems_class growatt_token_parse(const struct growatt *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct growatt_memo *m = growatt_memo_of(s);
    enum growatt_stage stage = growatt_stage_of(c, m, a->i);
    struct json_object *v = ems_json(a, e), *data = json_member(v, "data");
    enum ems_class class = v ? error_of(v, s, e) : EMS_DATA;

    if (class == EMS_OK) {
        switch (stage) {
        case GROWATT_PLANTS:
            class = read_plants(data, m, e);
            break;
        case GROWATT_LIST:
            read_devices(c, data, m);
            break;
        case GROWATT_DEVICE:
            read_device(data, m, &m->device[m->at], s->utc_ms, out);
            break;
        case GROWATT_SUM:
            read_sum(data, out);
            break;
        case GROWATT_END:
            break;
        }
        growatt_next(m, stage);
    }
    json_put(v);
    return class;
}
