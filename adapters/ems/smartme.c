/*
 * smartme - meters of smart-me, by its cloud.
 *
 *     GET /api/DeviceBySerial?serial=N, /api/Devices/{id}   one device
 *     GET /api/Devices                                      all that the login may see
 * ActivePower is in ActivePowerUnit (kW), + is taken from the grid; currents have no sign; ValueDate is the
 * last contact of the meter with the cloud. Field names from the maker's description of the API.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum meter { GRID, PV, CONSUMPTION };
enum { PHASES = 3, SERIALS_ROOM = 100 };

struct config {
    struct ems_http http;
    char serial[32], device_id[64];
    int32_t meter;
};

static const char *const meters[] = {"grid", "pv", "consumption", NULL};

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "The address of the cloud: https://smart-me.com."),
    OPTION(struct config, "serial", serial, OPT_STRING, .flags = OPT_RESTART,
        .text = "The serial number of the meter (without the dashes); without it the only meter of the account is taken."),
    OPTION(struct config, "device_id", device_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "Its id in the cloud, in place of serial."),
    OPTION(struct config, "meter", meter, OPT_CHOICE, .choices = meters, .flags = OPT_RESTART,
        .text = "What it measures: the grid, solar production, or the house."),
    {.name = NULL},
};

static const char *const notes[] = {
    "username and password are those of the account; they are sent as a basic login without setting auth. A token of the API goes with auth bearer.",
    "The cloud has a new value every 1 to 10 seconds, by the kind of meter and account; it is asked every 10 s.",
    "A meter of solar production counts what it gives as negative, as the grid does; if yours is wired the other way, set invert_pv.",
    "The cloud API of 2026 was not tried against a live account.",
    NULL};
/* clang-format on */

static uint32_t fields(const void *config)
{
    const struct config *c = config;
    uint32_t volts = EMS_BIT(EMS_VOLTAGE_L1_MV) | EMS_BIT(EMS_VOLTAGE_L2_MV) |
                     EMS_BIT(EMS_VOLTAGE_L3_MV);

    return volts |
           (c->meter == PV ? EMS_BIT(EMS_PV_W)
                   : c->meter == CONSUMPTION
                           ? EMS_BIT(EMS_CONSUMPTION_W)
                           : EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_CURRENT_L1_MA) |
                                     EMS_BIT(EMS_CURRENT_L2_MA) | EMS_BIT(EMS_CURRENT_L3_MA));
}

/* A login with a user needs no auth: there is but one kind. */
static bool own_login(const struct config *c)
{
    return c->http.auth == EMS_AUTH_NONE && c->http.username[0] != '\0';
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    if (own_login(c)) {
        ems_url_check(&c->http, path, errs, warnings);
    } else {
        ems_http_check(&c->http, path, errs, warnings);
    }
    if (c->serial[0] != '\0' && c->device_id[0] != '\0') {
        opt_errors_add(errs, "%s.serial: serial and device_id exclude each other", path);
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const char *own = strstr(c->http.url, "/api/");
    char path[300] = "/api/Devices";

    (void)s;
    if (i > 0) {
        return false;
    }
    if (own_login(c)) {
        out->login_user = c->http.username;
        out->login_password = c->http.password;
        out->login_basic = true;
    }
    out->optional = true;
    if (own && c->serial[0] == '\0' && c->device_id[0] == '\0') {
        return str_copy(out->url, sizeof(out->url), c->http.url);
    }
    if (c->serial[0] != '\0') {
        path[0] = '\0';
        return ems_add(path, sizeof(path), "/api/DeviceBySerial?serial=") &&
               ems_add_form(path, sizeof(path), c->serial) &&
               ems_page(out->url, sizeof(out->url), c->http.url, !own, path);
    }
    if (c->device_id[0] != '\0') {
        return ems_add(path, sizeof(path), "/") &&
               ems_add_form(path, sizeof(path), c->device_id) &&
               ems_page(out->url, sizeof(out->url), c->http.url, !own, path);
    }
    return ems_page(out->url, sizeof(out->url), c->http.url, !own, path);
}

/* ---- values ---- */

/* "-1.234 kW", or an empty text where there is nothing. */
static void text_of(struct json_object *v, const char *unit, char *dst, size_t room)
{
    char number[48] = "";

    dst[0] = '\0';
    if (v && !json_is_container(v)) {
        json_as_text(v, number, sizeof(number));
        (void)str_format(dst, room, "%s %s", number, unit);
    }
}

struct device {
    struct json_object *json; /* borrowed */
    char unit[16];
    int64_t utc_ms;
};

/* A power of it in W; false with why. */
static bool power_of(const struct device *d, const char *key, int64_t *w, char *text,
        size_t room, const char **why)
{
    struct json_object *v = json_member(d->json, key);

    *why = json_has(d->json, key) ? "has no value" : "is not in the answer";
    text_of(v, d->unit, text, room);
    return v && ems_number(text, strlen(text), EMS_GRID_W, w, why);
}

static void say_power(const struct device *d, enum meter meter, struct ems_reports *out)
{
    const enum ems_field f = meter == PV            ? EMS_PV_W
                             : meter == CONSUMPTION ? EMS_CONSUMPTION_W
                                                    : EMS_GRID_W;
    char text[64], why[EMS_WHY_ROOM];
    const char *phrase;
    int64_t w = 0;

    if (power_of(d, "ActivePower", &w, text, sizeof(text), &phrase)) {
        ems_say(out, f, meter == PV ? -w : w, d->utc_ms, text);
    } else {
        (void)str_format(why, sizeof(why), "ActivePower %s", phrase);
        ems_say_none(out, f, why, text);
    }
}

/* The value of a phase; of L1 also the one without a phase, as meters of one phase write it. */
static void say_phase_value(const struct device *d, const char *name, int k, const char *unit,
        enum ems_field f, struct ems_reports *out)
{
    char key[24], text[64], why[EMS_WHY_ROOM];
    const char *phrase = "is not in the answer";
    struct json_object *v;
    int64_t value = 0;

    (void)str_format(key, sizeof(key), "%sL%d", name, k + 1);
    v = json_member(d->json, key);
    if (!v && k == 0) {
        v = json_member(d->json, name);
    }
    text_of(v, unit, text, sizeof(text));
    if (v && ems_number(text, strlen(text), f, &value, &phrase)) {
        ems_say(out, f, value, d->utc_ms, text);
        return;
    }
    (void)str_format(why, sizeof(why), "%s %s", key,
            json_has(d->json, key) && !v ? "has no value" : phrase);
    ems_say_none(out, f, why, text);
}

static void say_current(const struct device *d, int k, struct ems_reports *out)
{
    const enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + k);
    struct ems_report power = {.said = EMS_SAID_NONE};
    char key[24], text[64];
    const char *why;

    say_phase_value(d, "Current", k, "A", f, out);
    (void)str_format(key, sizeof(key), "ActivePowerL%d", k + 1);
    if (power_of(d, key, &power.value, text, sizeof(text), &why) ||
            (k == 0 && power_of(d, "ActivePower", &power.value, text, sizeof(text), &why))) {
        power.said = EMS_SAID_VALUE;
    }
    ems_direct(out, f, &power);
}

static void read_device(struct json_object *json, enum meter meter, struct ems_reports *out)
{
    struct device d = {.json = json, .unit = "kW"};
    const struct ems_tree t = {.json = json};
    struct json_object *unit = json_member(json, "ActivePowerUnit");

    if (unit && json_kind(unit) == JSON_TEXT) {
        json_as_text(unit, d.unit, sizeof(d.unit));
    }
    (void)ems_expr_time(&t, "ValueDate", &d.utc_ms);
    say_power(&d, meter, out);
    for (int k = 0; k < PHASES; k++) {
        if (meter == GRID) {
            say_current(&d, k, out);
        }
        say_phase_value(&d, "Voltage", k, "V", (enum ems_field)(EMS_VOLTAGE_L1_MV + k), out);
    }
}

/* ---- devices ---- */

static bool is_electric(struct json_object *d)
{
    struct json_object *type = json_member(d, "DeviceEnergyType");
    char text[40] = "";

    if (type) {
        json_as_text(type, text, sizeof(text));
    }
    /* The API also writes its types as numbers; 1 is electricity. */
    return json_has(d, "ActivePower") &&
           (!type || strcmp(text, "MeterTypeElectricity") == 0 || strcmp(text, "1") == 0);
}

/* The device to read: the answer, or the only meter of a list. NULL with a sentence. */
static struct json_object *choose(struct json_object *v, struct err *e)
{
    struct json_object *found = NULL;
    char serials[SERIALS_ROOM] = "", one[32];
    int n = 0;

    if (json_kind(v) != JSON_LIST) {
        if (!json_has(v, "ActivePower")) {
            err_set(e, ERR_IO, "the answer has no ActivePower: is it an electricity meter?");
            return NULL;
        }
        return v;
    }
    for (int i = 0; i < json_length(v); i++) {
        struct json_object *d = json_item(v, i), *serial = json_member(d, "Serial");

        if (d && is_electric(d)) {
            found = n == 0 ? d : found;
            one[0] = '\0';
            if (serial) {
                json_as_text(serial, one, sizeof(one));
            }
            (void)(ems_add(serials, sizeof(serials), n > 0 ? ", " : "") &&
                    ems_add(serials, sizeof(serials), one));
            n++;
        }
    }
    if (n > 1) {
        err_set(e, ERR_NOT_FOUND, "the account has %d meters: set serial to one of %s", n,
                serials);
    } else if (n == 0) {
        err_set(e, ERR_NOT_FOUND, "the account has no electricity meter");
    }
    return n == 1 ? found : NULL;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    enum ems_class class = EMS_OK;
    struct json_object *v, *d;

    (void)s;
    if (a->status == 404 && (c->serial[0] != '\0' || c->device_id[0] != '\0')) {
        err_set(e, ERR_NOT_FOUND, "the account has no device '%.40s': check %s",
                c->serial[0] != '\0' ? c->serial : c->device_id,
                c->serial[0] != '\0' ? "serial" : "device_id");
        return EMS_NOT_FOUND;
    }
    if (a->status == 401 && c->http.auth == EMS_AUTH_NONE) {
        err_set(e, ERR_REFUSED, "smart-me: the login is not taken; %s username and password",
                own_login(c) ? "check" : "set");
        return EMS_AUTH;
    }
    if (a->status < 200 || a->status > 299) {
        return EMS_DATA; /* in the words of the host */
    }
    v = ems_json(a, e);
    if (!v) {
        return EMS_DATA;
    }
    d = choose(v, e);
    if (d) {
        read_device(d, (enum meter)c->meter, out);
    } else {
        class = json_kind(v) == JSON_LIST && e->code == ERR_NOT_FOUND ? EMS_NOT_FOUND
                                                                      : EMS_DATA;
    }
    json_put(v);
    return class;
}

const struct ems_adapter ems_smartme = {
        .name = "smartme",
        .title = "smart-me",
        .summary = "A meter of smart-me, by its cloud: power, phase currents, voltages.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 120,
        .cloud = true,
        .finds_out = true,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
};
