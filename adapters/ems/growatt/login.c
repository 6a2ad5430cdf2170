/*
 * growatt/login - the login of the ShinePhone app: its cookies, its pages, which are not documented.
 * Numbers are texts; powers are in what `unit` says, kW. A page of HTML means that the session is
 * over. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/growatt/growatt.h"
#include "bridge/base/str.h"

#include <string.h>

static const char form[] = "Content-Type: application/x-www-form-urlencoded";

static bool page(const struct growatt *c, struct ems_request *out, const char *path)
{
    return ems_page(out->url, sizeof(out->url), c->http.url, true, path);
}

/* ---- the login ---- */

bool growatt_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct growatt *c = config;
    char hash[33];

    (void)s;
    if (i > 0 || growatt_way_of(c) != GROWATT_LOGIN ||
            !growatt_password(c->http.password, hash)) {
        return false;
    }
    out->post = true;
    out->bare = true;
    (void)str_copy(out->header[0], sizeof(out->header[0]), form);
    return page(c, out, "/newTwoLoginAPI.do") &&
           str_copy(out->body, sizeof(out->body), "userName=") &&
           ems_add_form(out->body, sizeof(out->body), c->http.username) &&
           ems_add(out->body, sizeof(out->body), "&password=") &&
           ems_add(out->body, sizeof(out->body), hash);
}

/* An answer with success in it; a page of HTML is what a session that is over gets. */
static struct json_object *opened(
        const struct ems_answer *a, enum ems_class *class, struct err *e)
{
    struct json_object *v;
    bool good = true;

    *class = EMS_AUTH;
    if (a->len > 0 && a->body[strspn(a->body, " \t\r\n")] == '<') {
        err_set(e, ERR_REFUSED,
                "a page came in place of data: the session is over, or the account is locked for some hours");
        return NULL;
    }
    *class = EMS_DATA;
    v = ems_json(a, e);
    if (v &&
            json_get_bool(json_member(json_member(v, "back"), "success"), "success", &good,
                    NULL) == ERR_OK &&
            !good) {
        err_set(e, ERR_REFUSED, "the login is not taken, or over; check username and password");
        *class = EMS_AUTH;
        json_put(v);
        return NULL;
    }
    *class = v ? EMS_OK : EMS_DATA;
    return v;
}

enum ems_class growatt_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e)
{
    struct growatt_memo *m = growatt_memo_of(s);
    enum ems_class class;
    struct json_object *v = opened(a, &class, e), *back = json_member(v, "back");

    (void)config;
    if (!v) {
        return class;
    }
    growatt_text(json_member(back, "user"), "id", m->user, sizeof(m->user));
    if (m->user[0] == '\0') {
        growatt_text(back, "userId", m->user, sizeof(m->user));
    }
    json_put(v);
    if (m->user[0] == '\0') {
        err_set(e, ERR_IO,
                "the answer to the login names no user: is url a server of Growatt?");
        return EMS_DATA;
    }
    return str_copy(s->token, sizeof(s->token), a->cookies[0] != '\0' ? a->cookies : "-")
                   ? EMS_OK
                   : EMS_DATA;
}

/* ---- requests ---- */

static bool parameter(char *dst, size_t room, const char *name, const char *value)
{
    return ems_add(dst, room, name) && ems_add_form(dst, room, value);
}

static bool ask_device(const struct growatt *c, const struct growatt_memo *m,
        const struct growatt_device *d, struct ems_request *out)
{
    bool sph = d->kind == GROWATT_SPH;
    const char *plant = growatt_plant(c, m);

    out->post = true;
    (void)str_copy(out->header[1], sizeof(out->header[1]), form);
    if (sph) {
        return page(c, out, "/newMixApi.do?op=getSystemStatus_KW") &&
               parameter(out->url, sizeof(out->url), "&mixId=", d->sn) &&
               parameter(out->url, sizeof(out->url), "&plantId=", plant) &&
               parameter(out->body, sizeof(out->body), "mixId=", d->sn) &&
               parameter(out->body, sizeof(out->body), "&plantId=", plant);
    }
    return page(c, out, "/newTlxApi.do?op=getSystemStatus_KW") &&
           parameter(out->body, sizeof(out->body), "plantId=", plant) &&
           parameter(out->body, sizeof(out->body), "&id=", d->sn);
}

bool growatt_login_request(const struct growatt *c, const struct ems_session *s,
        struct growatt_step step, struct ems_request *out)
{
    const struct growatt_memo *m = (const struct growatt_memo *)(const void *)s->memo;

    if (strcmp(s->token, "-") != 0) {
        (void)str_format(out->header[0], sizeof(out->header[0]), "Cookie: %s", s->token);
    }
    switch (step.stage) {
    case GROWATT_PLANTS:
    case GROWATT_SUM:
        return page(c, out, "/PlantListAPI.do") &&
               parameter(out->url, sizeof(out->url), "?userId=", m->user);
    case GROWATT_LIST:
        return page(c, out, "/newTwoPlantAPI.do?op=getAllDeviceList") &&
               parameter(out->url, sizeof(out->url), "&plantId=", growatt_plant(c, m));
    case GROWATT_DEVICE:
        return ask_device(c, m, step.device, out);
    case GROWATT_END:
        break;
    }
    return false;
}

/* ---- answers ---- */

/* The plant of the settings, or the first; its sum of solar power: "1250 W", "1.25 kW". */
static enum ems_class read_plants(const struct growatt *c, struct json_object *v,
        struct growatt_memo *m, struct ems_reports *out, struct err *e)
{
    struct json_object *back = json_member(v, "back");
    struct json_object *list = json_member(back ? back : v, "data");

    for (int i = 0; i < json_length(list); i++) {
        struct json_object *x = json_item(list, i);
        char id[GROWATT_ID_ROOM];

        growatt_text(x, "plantId", id, sizeof(id));
        if (id[0] == '\0' || (c->plant_id[0] != '\0' && strcmp(c->plant_id, id) != 0)) {
            continue;
        }
        (void)str_copy(m->plant, sizeof(m->plant), id);
        if (json_has(x, "currentPower")) {
            growatt_say(x, "currentPower", EMS_PV_W, 0, out);
        }
        return EMS_OK;
    }
    err_set(e, ERR_NOT_FOUND, "the account has no such plant; check plant_id");
    return EMS_NOT_FOUND;
}

static void read_devices(const struct growatt *c, struct json_object *v, struct growatt_memo *m)
{
    struct json_object *list = json_member(v, "deviceList");

    m->n = 0;
    m->others = false;
    m->listed = true;
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *x = json_item(list, i);
        struct growatt_device d = {.kind = GROWATT_OTHER};
        char type[16];

        growatt_text(x, "deviceSn", d.sn, sizeof(d.sn));
        growatt_text(x, "deviceType", type, sizeof(type));
        d.kind = strcmp(type, "mix") == 0                                ? GROWATT_SPH
                 : strcmp(type, "tlx") == 0 || strcmp(type, "tlxh") == 0 ? GROWATT_MIN
                                                                         : GROWATT_OTHER;
        if (c->device_sn[0] == '\0' || strcmp(c->device_sn, d.sn) == 0) {
            growatt_add_device(m, &d);
        }
    }
}

static void say(struct json_object *v, const char *expr, enum ems_field f, int scale,
        struct ems_reports *out)
{
    char full[100];

    (void)str_format(full, sizeof(full), scale == 1 ? "%s" : "%s * 1000", expr);
    growatt_say(v, full, f, 0, out);
}

/* `a - b`, each in kW or W. */
static void say_difference(struct json_object *v, const char *a, const char *b,
        enum ems_field f, int scale, struct ems_reports *out)
{
    char full[100];

    (void)str_format(
            full, sizeof(full), scale == 1 ? "%s - %s" : "%s * 1000 - %s * 1000", a, b);
    growatt_say(v, full, f, 0, out);
}

static void read_device(struct json_object *v, struct growatt_memo *m,
        const struct growatt_device *d, struct ems_reports *out)
{
    char unit[8];
    bool battery = d->kind == GROWATT_SPH || growatt_counts(v, "SOC") ||
                   growatt_counts(v, "wBatteryType");
    const char *discharge = json_has(v, "pdisCharge1") ? "pdisCharge1" : "pdisCharge";
    bool metered = growatt_counts(v, "pactouser") || growatt_counts(v, "pactogrid") ||
                   growatt_counts(v, "pLocalLoad");
    int scale;

    growatt_text(v, "unit", unit, sizeof(unit));
    scale = strcmp(unit, "W") == 0 ? 1 : 1000;
    out->field[EMS_PV_W] =
            m->pv_known ? out->field[EMS_PV_W] : (struct ems_report){.said = EMS_SAID_NOTHING};
    say(v, "ppv", EMS_PV_W, scale, out);
    m->pv_known = m->pv_known || out->field[EMS_PV_W].said == EMS_SAID_VALUE;
    if (metered) {
        say_difference(v, "pactouser", "pactogrid", EMS_GRID_W, scale, out);
        say(v, "pLocalLoad", EMS_CONSUMPTION_W, scale, out);
    }
    if (battery) {
        say_difference(v, discharge, "chargePower", EMS_BATTERY_W, scale, out);
        growatt_say(v, "SOC", EMS_SOC_PERMILLE, 0, out);
    }
    if (growatt_counts(v, "vAc1")) {
        growatt_say(v, "vAc1", EMS_VOLTAGE_L1_MV, 0, out);
    }
}

enum ems_class growatt_login_parse(const struct growatt *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct growatt_memo *m = growatt_memo_of(s);
    enum growatt_stage stage = growatt_stage_of(c, m, a->i);
    enum ems_class class;
    struct json_object *v = opened(a, &class, e), *obj = json_member(v, "obj");

    if (!v) {
        return class;
    }
    switch (stage) {
    case GROWATT_PLANTS:
    case GROWATT_SUM:
        class = read_plants(c, v, m, out, e);
        break;
    case GROWATT_LIST:
        read_devices(c, v, m);
        break;
    case GROWATT_DEVICE:
        if (json_kind(obj) == JSON_OBJECT) {
            read_device(obj, m, &m->device[m->at], out);
        } else {
            err_set(e, ERR_IO, "the answer has no obj: is the inverter known to this account?");
            class = EMS_DATA;
        }
        break;
    case GROWATT_END:
        break;
    }
    growatt_next(m, stage);
    json_put(v);
    return class;
}
