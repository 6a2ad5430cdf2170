/*
 * enphase/page - the other pages: /info, the old ones, batteries, live values.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"
#include "bridge/base/str.h"

#include <string.h>

enum { LABEL_REACH = 200 };

/* ---- /info ---- */

static int32_t number(const char **p)
{
    int32_t v = 0;

    for (; **p >= '0' && **p <= '9' && v < 100000; (*p)++) {
        v = v * 10 + (**p - '0');
    }
    if (**p == '.') {
        (*p)++;
    }
    return v;
}

/* "D7.6.175", "R3.9.36". */
static int32_t version(const char *text)
{
    const char *p = text + strcspn(text, "0123456789");
    int32_t major = number(&p), minor = number(&p), patch = number(&p);

    return enphase_version(major % 200, minor % 100, patch % 100000);
}

bool enphase_read_info(struct enphase_memo *m, const struct ems_answer *a, struct err *e)
{
    struct json_object *v = ems_xml(a, e), *info, *device;
    char software[32] = "", flag[8] = "", tokens[8] = "";

    info = json_member(v, "envoy_info") ? json_member(v, "envoy_info") : v;
    device = json_member(info, "device");
    m->serial[0] = '\0';
    if (json_kind(json_member(device, "sn")) == JSON_TEXT) {
        json_as_text(json_member(device, "sn"), m->serial, sizeof(m->serial));
    }
    if (json_kind(json_member(device, "software")) == JSON_TEXT) {
        json_as_text(json_member(device, "software"), software, sizeof(software));
    }
    json_as_text(json_member(device, "imeter"), flag, sizeof(flag));
    json_as_text(json_member(info, "web-tokens"), tokens, sizeof(tokens));
    json_put(v);
    m->firmware = version(software);
    m->imeter = strcmp(flag, "true") == 0;
    m->tokens = strcmp(tokens, "true") == 0 || m->firmware >= enphase_version(7, 0, 0);
    m->known = m->serial[0] != '\0';
    return m->known;
}

/* ---- before 5 ---- */

/* "Currently</td> <td> 6.63 kW": the number behind the word, over tags and other words. */
bool enphase_read_html(const struct ems_answer *a, struct ems_reports *out)
{
    const char *p = strstr(a->body, "Currently"), *why = NULL;
    char raw[EMS_RAW_ROOM];
    int64_t w = 0;

    for (int i = 0; p && *p && !(*p >= '0' && *p <= '9'); i++) {
        p = i > LABEL_REACH ? NULL : *p == '<' ? p + strcspn(p, ">") : p + 1;
    }
    if (!p || *p == '\0') {
        return false;
    }
    (void)str_format(raw, sizeof(raw), "%.*s", (int)strcspn(p, "<\r\n"), p);
    if (ems_number(raw, strlen(raw), EMS_PV_W, &w, &why)) {
        ems_say(out, EMS_PV_W, w, 0, raw);
    } else {
        ems_say_none(out, EMS_PV_W, "what stands behind Currently is not a power", raw);
    }
    return true;
}

bool enphase_read_v1(struct json_object *v, struct ems_reports *out)
{
    struct ems_tree t = {.json = v};

    if (!json_has(v, "wattsNow")) {
        return false;
    }
    ems_expr_say(&t, "wattsNow", EMS_PV_W, 0, out);
    return true;
}

/* ---- IQ batteries ---- */

/* The mean of a member of all devices; unknown where one does not say. */
static void say_mean(struct json_object *devices, const char *key, struct ems_reports *out)
{
    int64_t sum = 0, x;
    int n = json_length(devices);
    char raw[EMS_RAW_ROOM] = "";

    for (int i = 0; i < n; i++) {
        struct json_object *v = json_member(json_item(devices, i), key);

        if (json_kind(v) != JSON_NUMBER || json_get_scaled(v, key, 10, &x, NULL) != ERR_OK) {
            return;
        }
        if (i == 0) {
            json_as_text(v, raw, sizeof(raw));
        }
        sum += x;
    }
    if (n > 0 && out->field[EMS_SOC_PERMILLE].said != EMS_SAID_VALUE) {
        ems_say(out, EMS_SOC_PERMILLE, (sum + n / 2) / n, 0, raw);
    }
}

static bool read_power(struct enphase_memo *m, struct json_object *v, struct ems_reports *out)
{
    const char *path = "\"devices:\"[*].real_power_mw * 0.001";
    struct json_object *devices = json_member(v, "devices:"); /* so it is called */
    struct ems_tree t = {.json = v};

    if (!devices && json_member(v, "devices")) {
        devices = json_member(v, "devices");
        path = "devices[*].real_power_mw * 0.001";
    }
    m->battery = json_length(devices) > 0;
    if (m->battery && out->field[EMS_BATTERY_W].said != EMS_SAID_VALUE) {
        ems_expr_say(&t, path, EMS_BATTERY_W, 0, out);
    }
    say_mean(devices, "soc", out);
    return devices != NULL;
}

static bool read_inventory(
        struct enphase_memo *m, struct json_object *v, struct ems_reports *out)
{
    for (int i = 0; i < json_length(v); i++) {
        struct json_object *devices = json_member(json_item(v, i), "devices");
        char type[16] = "";

        json_as_text(json_member(json_item(v, i), "type"), type, sizeof(type));
        if (strcmp(type, "ENCHARGE") == 0 && json_length(devices) > 0) {
            m->battery = true;
            say_mean(devices, "percentFull", out);
        }
    }
    return json_kind(v) == JSON_LIST;
}

bool enphase_read_battery(struct enphase_memo *m, enum enphase_page page, struct json_object *v,
        struct ems_reports *out)
{
    struct ems_tree t = {.json = v};

    if (page == ENPHASE_POWER) {
        return read_power(m, v, out);
    }
    if (page == ENPHASE_INVENTORY) {
        return read_inventory(m, v, out);
    }
    if (!json_has(v, "agg_soc")) {
        return false;
    }
    ems_expr_say(&t, "agg_soc", EMS_SOC_PERMILLE, 0, out); /* weighted by their size */
    return true;
}

/* ---- /ivp/livedata/status ---- */

bool enphase_read_live(struct enphase_memo *m, struct json_object *v, struct ems_reports *out)
{
    struct ems_tree t = {.json = v};
    int64_t utc_ms = 0;
    char stream[16] = "";

    if (!json_has(v, "meters")) {
        return false;
    }
    json_as_text(
            json_member(json_member(v, "connection"), "sc_stream"), stream, sizeof(stream));
    m->stream_off = strcmp(stream, "enabled") != 0;
    if (!ems_expr_time(&t, "meters.last_update", &utc_ms)) {
        return true; /* values of any age */
    }
    /* Of batteries alone: a grid and a house without a meter are 0 here. */
    if (out->field[EMS_BATTERY_W].said != EMS_SAID_VALUE) {
        ems_expr_say(&t, "meters.storage.agg_p_mw * 0.001", EMS_BATTERY_W, utc_ms, out);
    }
    if (out->field[EMS_SOC_PERMILLE].said != EMS_SAID_VALUE) {
        ems_expr_say(&t, "meters.soc", EMS_SOC_PERMILLE, utc_ms, out);
    }
    return true;
}
