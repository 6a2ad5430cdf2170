/*
 * piko - the pages of PIKO inverters, newest first: /api/dxs.json (numbers by id), /measurements.xml (PIKO MP
 * plus), and the page itself of the oldest, whose white cells hold the values. Which one a device has is found
 * out, and kept. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/kostal/kostal.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { PAGES = 3, TEXT_ROOM = 48 };

struct memo {
    bool known;
    uint8_t page;
};

/* ---- which page ---- */

enum dxs {
    DXS_SUN,
    DXS_OUTPUT,
    DXS_HOME_PV,
    DXS_HOME_BATTERY,
    DXS_HOME_GRID,
    DXS_CHARGE,
    DXS_BATTERY_V,
    DXS_BATTERY_A,
    DXS_DISCHARGES,
    DXS_BATTERY_SIGNED_A,
    DXS_V1,
    DXS_V2,
    DXS_V3,
    DXS_COUNT
};
static const int32_t dxs_ids[DXS_COUNT] = {[DXS_SUN] = 33556736,
        [DXS_OUTPUT] = 67109120,
        [DXS_HOME_PV] = 83886336,
        [DXS_HOME_BATTERY] = 83886592,
        [DXS_HOME_GRID] = 83886848,
        [DXS_CHARGE] = 33556229,
        [DXS_BATTERY_V] = 33556226,
        [DXS_BATTERY_A] = 33556238,
        [DXS_DISCHARGES] = 33556230, /* 1: discharging, 0: charging */
        [DXS_BATTERY_SIGNED_A] = 33556225,
        [DXS_V1] = 67109378,
        [DXS_V2] = 67109634,
        [DXS_V3] = 67109890};

static bool has_page(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = strchr(host ? host + 3 : url, '/');

    return path && path[1] != '\0';
}

static bool dxs_url(char *dst, size_t room, const char *url)
{
    bool ok = ems_page(dst, room, url, false, "/api/dxs.json");

    for (int i = 0; ok && i < DXS_COUNT; i++) {
        char part[TEXT_ROOM];

        (void)str_format(
                part, sizeof(part), "%cdxsEntries=%d", i == 0 ? '?' : '&', (int)dxs_ids[i]);
        ok = ems_add(dst, room, part);
    }
    return ok;
}

bool kostal_piko_request(const struct kostal_config *c, const struct ems_session *s, int i,
        struct ems_request *out)
{
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    int page = m->known ? m->page : i;

    if (c->http.username[0] != '\0') {
        out->login_user = c->http.username;
        out->login_password = c->http.password;
        out->login_basic = true;
    }
    out->optional = true; /* a page that is not there leads to the next one */
    if (has_page(c->http.url)) {
        return i == 0 && str_copy(out->url, sizeof(out->url), c->http.url);
    }
    if (page >= PAGES || (m->known && i > 0)) {
        return false;
    }
    return page == 0 ? dxs_url(out->url, sizeof(out->url), c->http.url)
                     : ems_page(out->url, sizeof(out->url), c->http.url, false,
                               page == 1 ? "/measurements.xml" : "/");
}

/* ---- numbers by id ---- */

struct entries {
    bool has[DXS_COUNT];
    int64_t micro[DXS_COUNT];
    char raw[DXS_COUNT][TEXT_ROOM];
};

static void take_entry(struct json_object *v, struct entries *x)
{
    char id[TEXT_ROOM] = "";
    int64_t n = 0;

    json_as_text(json_member(v, "dxsId"), id, sizeof(id));
    for (int i = 0; i < DXS_COUNT && str_int(id, strlen(id), &n); i++) {
        if (n == dxs_ids[i] && json_has(v, "value") && json_member(v, "value")) {
            json_as_text(json_member(v, "value"), x->raw[i], TEXT_ROOM);
            x->has[i] = quantity_parse(x->raw[i], strlen(x->raw[i]), QUANTITY_PLAIN,
                                &x->micro[i]) == QUANTITY_OK;
        }
    }
}

static void say_entry(const struct entries *x, int i, enum ems_field f, struct ems_reports *out)
{
    char why[EMS_WHY_ROOM];

    if (x->has[i]) {
        ems_say(out, f, reg_field(x->micro[i], f), 0, x->raw[i]);
    } else {
        (void)str_format(why, sizeof(why), "dxsEntries has no value of %d", (int)dxs_ids[i]);
        ems_say_none(out, f, why, x->raw[i]);
    }
}

static void say_dxs_battery(const struct entries *x, struct ems_reports *out)
{
    bool whole = x->has[DXS_BATTERY_A] && x->has[DXS_DISCHARGES];
    int amps = whole ? DXS_BATTERY_A : DXS_BATTERY_SIGNED_A;
    int64_t a = x->micro[amps];

    if (whole) {
        a = a < 0 ? -a : a;
        a = x->micro[DXS_DISCHARGES] == 0 ? -a : a;
    }
    if (x->has[amps] && x->has[DXS_BATTERY_V]) {
        ems_say(out, EMS_BATTERY_W,
                reg_field(quantity_mul(a, x->micro[DXS_BATTERY_V]), EMS_BATTERY_W), 0,
                x->raw[amps]);
    } else {
        say_entry(x, DXS_BATTERY_A, EMS_BATTERY_W, out);
    }
    say_entry(x, DXS_CHARGE, EMS_SOC_PERMILLE, out);
}

/* House and grid are known where a sensor measures the house: then it never takes nothing. */
static void say_dxs_house(const struct entries *x, struct ems_reports *out)
{
    int64_t house =
            x->micro[DXS_HOME_PV] + x->micro[DXS_HOME_BATTERY] + x->micro[DXS_HOME_GRID];
    const char *why = "there is no sensor for the house's consumption";

    if (!x->has[DXS_HOME_PV] || !x->has[DXS_HOME_GRID] || house == 0) {
        ems_say_none(out, EMS_CONSUMPTION_W, why, x->raw[DXS_HOME_PV]);
        ems_say_none(out, EMS_GRID_W, why, x->raw[DXS_HOME_GRID]);
        return;
    }
    ems_say(out, EMS_CONSUMPTION_W, reg_field(house, EMS_CONSUMPTION_W), 0,
            x->raw[DXS_HOME_PV]);
    if (x->has[DXS_OUTPUT]) {
        ems_say(out, EMS_GRID_W, reg_field(house - x->micro[DXS_OUTPUT], EMS_GRID_W), 0,
                x->raw[DXS_HOME_GRID]);
    } else {
        say_entry(x, DXS_OUTPUT, EMS_GRID_W, out);
    }
}

static bool read_dxs(const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *v = ems_json(a, e), *list = json_member(v, "dxsEntries");
    struct entries x = {.has = {false}};

    if (!v || json_kind(list) != JSON_LIST) {
        if (v) {
            err_set(e, ERR_IO, "the answer is JSON without dxsEntries: is it a PIKO?");
        }
        json_put(v);
        return false;
    }
    for (int i = 0; i < json_length(list); i++) {
        take_entry(json_item(list, i), &x);
    }
    json_put(v);
    say_dxs_house(&x, out);
    if (x.has[DXS_CHARGE]) { /* the output holds the battery's power, the strings do not */
        say_entry(&x, DXS_SUN, EMS_PV_W, out);
        say_dxs_battery(&x, out);
    } else {
        say_entry(&x, x.has[DXS_OUTPUT] ? DXS_OUTPUT : DXS_SUN, EMS_PV_W, out);
    }
    for (int i = 0; i < 3; i++) {
        say_entry(&x, DXS_V1 + i, (enum ems_field)(EMS_VOLTAGE_L1_MV + i), out);
    }
    return true;
}

/* ---- measurements.xml ---- */

/* A measurement that stands there without a value measures nothing: `absent` counts then, or none. */
static bool say_measurement(struct json_object *list, const char *type, const char *absent,
        int64_t sign, enum ems_field f, struct ems_reports *out)
{
    int n = json_kind(list) == JSON_LIST ? json_length(list) : 1;
    char name[TEXT_ROOM], text[TEXT_ROOM], why[EMS_WHY_ROOM];
    const char *reason = NULL;
    int64_t v = 0;

    for (int i = 0; i < n; i++) {
        struct json_object *x = json_kind(list) == JSON_LIST ? json_item(list, i) : list;

        json_as_text(json_member(x, "@Type"), name, sizeof(name));
        if (strcmp(name, type) != 0) {
            continue;
        }
        json_as_text(json_member(x, "@Value"), text, sizeof(text));
        if (!json_member(x, "@Value")) {
            (void)str_copy(text, sizeof(text), absent);
        }
        if (ems_number(text, strlen(text), f, &v, &reason)) {
            ems_say(out, f, sign * v, 0, text);
        } else {
            (void)str_format(why, sizeof(why), "%s %s", type, reason);
            ems_say_none(out, f, why, text);
        }
        return true;
    }
    return false;
}

static bool read_measurements(
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *v = ems_xml(a, e), *root, *device, *list;
    static const char *const volts[] = {"AC_Voltage1", "AC_Voltage2", "AC_Voltage3"};

    if (!v) {
        return false;
    }
    root = json_member(v, "root");
    device = json_member(root, "Device");
    if (json_kind(device) == JSON_LIST) {
        device = json_item(device, 0);
    }
    list = json_member(json_member(device, "Measurements"), "Measurement");
    if (!list) {
        err_set(e, ERR_IO, "the answer is XML without Measurements: is it a PIKO?");
        json_put(v);
        return false;
    }
    if (!say_measurement(list, "AC_Power", "0", 1, EMS_PV_W, out)) {
        ems_say_none(out, EMS_PV_W, "there is no AC_Power", NULL);
    }
    if (!say_measurement(list, "GridPower", "", -1, EMS_GRID_W, out)) {
        ems_say_none(out, EMS_GRID_W, "there is no GridPower", NULL);
    }
    for (int i = 0; i < 3; i++) {
        enum ems_field f = (enum ems_field)(EMS_VOLTAGE_L1_MV + i);

        if (!say_measurement(list, volts[i], "", 1, f, out) && i == 0) {
            (void)say_measurement(list, "AC_Voltage", "", 1, f, out);
        }
    }
    json_put(v);
    return true;
}

/* ---- the page of the oldest ---- */

/* The text of a cell, without blanks around it; returns what stands behind. */
static const char *cell_text(const char *p, const char *end, char dst[static TEXT_ROOM])
{
    const char *from = memchr(p, '>', (size_t)(end - p)), *to;
    size_t n = 0;

    dst[0] = '\0';
    if (!from) {
        return end;
    }
    from++;
    to = memchr(from, '<', (size_t)(end - from));
    to = to ? to : end;
    for (const char *q = from; q < to && n + 1 < TEXT_ROOM; q++) {
        if ((unsigned char)*q > ' ') {
            dst[n++] = *q;
        }
    }
    dst[n] = '\0';
    return to;
}

static const char *find(const char *p, const char *end, const char *what)
{
    const char *q = p < end ? memmem(p, (size_t)(end - p), what, strlen(what)) : NULL;

    return q ? q : end;
}

/* The next white cell with this unit in the cell behind it; false: none before end. */
static bool white_cell(
        const char **p, const char *end, const char *unit, char dst[static TEXT_ROOM])
{
    for (;;) {
        char behind[TEXT_ROOM];
        const char *at = find(*p, end, "bgcolor=\"#FFFFFF\">"), *next;

        if (at == end) {
            return false;
        }
        *p = cell_text(at, end, dst);
        next = find(*p, end, "<td");
        (void)cell_text(next, end, behind);
        if (strcmp(behind, unit) == 0) {
            return true;
        }
    }
}

static bool off(const char *text)
{
    return text[0] != '\0' && strspn(text, "x") == strlen(text);
}

static void say_cell(
        const char *text, bool zero_when_off, enum ems_field f, struct ems_reports *out)
{
    char why[EMS_WHY_ROOM];
    const char *reason = NULL;
    int64_t v = 0;

    if (off(text) && zero_when_off) {
        ems_say(out, f, 0, 0, text);
    } else if (!off(text) && ems_number(text, strlen(text), f, &v, &reason)) {
        ems_say(out, f, v, 0, text);
    } else {
        (void)str_format(
                why, sizeof(why), "the cell %s", reason ? reason : "has no value: it is off");
        ems_say_none(out, f, why, text);
    }
}

static bool read_page(const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    static const char *const phases[] = {"<u>L1</u>", "<u>L2</u>", "<u>L3</u>"};
    const char *p = a->body, *end = a->body + a->len;
    char text[TEXT_ROOM];

    if (!white_cell(&p, end, "&nbspW", text)) {
        err_set(e, ERR_IO,
                "the answer is a web page, and none of a PIKO: is the address right?");
        return false;
    }
    say_cell(text, true, EMS_PV_W, out);
    for (int i = 0; i < 3; i++) {
        const char *from = find(a->body, end, phases[i]);
        const char *to = from < end ? find(from + strlen(phases[i]), end, "<u>") : end;
        char last[TEXT_ROOM] = "";

        /* That of a string stands before that of the phase. */
        while (from < end && white_cell(&from, to, "&nbspV", text)) {
            (void)str_copy(last, sizeof(last), text);
        }
        if (last[0] != '\0') {
            say_cell(last, false, (enum ems_field)(EMS_VOLTAGE_L1_MV + i), out);
        }
    }
    return true;
}

/* ---- answers ---- */

static bool read_any(const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const char *s = a->body + strspn(a->body, " \t\r\n\xef\xbb\xbf");

    if (s[0] != '<') {
        return read_dxs(a, out, e);
    }
    return strstr(s, "<Measurement") ? read_measurements(a, out, e) : read_page(a, out, e);
}

enum ems_class kostal_piko_parse(const struct kostal_config *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    bool last = m->known || has_page(c->http.url) || a->i + 1 >= PAGES;
    bool missing = a->status >= 300 && a->status <= 499 && a->status != 429;

    if (a->status == 401 || a->status == 403) {
        err_set(e, ERR_REFUSED,
                c->http.username[0] == '\0'
                        ? "it wants a login: set username (pvserver in most) and password"
                        : "the login is not taken: check username and password");
        return EMS_AUTH;
    }
    if (a->status == 200 && read_any(a, out, e)) {
        for (int f = 0; f < EMS_FIELDS; f++) {
            if (out->field[f].said == EMS_SAID_NOTHING) {
                ems_say_none(out, (enum ems_field)f, "its page does not give it", NULL);
            }
        }
        if (!m->known) {
            m->page = (uint8_t)a->i;
            m->known = true;
        }
        return EMS_OK;
    }
    if ((a->status == 200 || missing) && !last) {
        return EMS_OK; /* the next page */
    }
    m->known = false;
    return EMS_DATA; /* where nothing came, the host says why */
}
