/*
 * url_json - any device or server that answers HTTP with JSON, XML or one plain number.
 *
 * Each field has an expression (adapters/ems/ems.h) that says where its value is. One fetch feeds
 * all of them. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/json_path.h"
#include "bridge/base/str.h"

#include <string.h>

enum format { FORMAT_AUTO, FORMAT_JSON, FORMAT_TEXT, FORMAT_XML };
enum { TEXT_MAX = 64 }; /* a longer answer is no plain number */

struct config {
    struct ems_http http;
    int32_t format;
    bool post;
    char body[EMS_EXPR_ROOM], header_name[64], header_value[EMS_HEADER_ROOM - 68];
    char time[EMS_EXPR_ROOM];
    char expr[EMS_FIELDS][EMS_EXPR_ROOM]; /* "": this device does not give it */
};

static const char *const formats[] = {"auto", "json", "text", "xml", NULL};

/* clang-format off */
#define FIELD_ROW(f, name_, text_) \
    {.name = (name_), .type = OPT_STRING, .offset = offsetof(struct config, expr) + (f) * EMS_EXPR_ROOM, \
     .size = EMS_EXPR_ROOM, .flags = OPT_RESTART, .text = (text_)}

static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "The address that answers with the values."),
    OPTION(struct config, "format", format, OPT_CHOICE, .choices = formats, .flags = OPT_RESTART,
        .text = "What the answer is: JSON, XML (paths begin with its outermost element), or one plain number with or without a unit (expression $); auto looks."),
    OPTION(struct config, "post", post, OPT_BOOL, .flags = OPT_RESTART,
        .text = "Asks by POST instead of GET."),
    OPTION(struct config, "body", body, OPT_STRING, .flags = OPT_RESTART,
        .text = "What a POST sends."),
    OPTION(struct config, "header_name", header_name, OPT_STRING, .flags = OPT_RESTART,
        .text = "The name of one more header, such as Accept."),
    OPTION(struct config, "header_value", header_value, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "Its value, such as application/json."),
    OPTION(struct config, "time", time, OPT_STRING, .flags = OPT_RESTART,
        .text = "The path of the time of measurement (seconds or milliseconds since 1970, or ISO 8601); without it the time of arrival counts."),
    FIELD_ROW(EMS_GRID_W, "grid_w", "Where the grid power is, such as site.grid.power; import is positive."),
    FIELD_ROW(EMS_PV_W, "pv_w", "Where the solar power is, such as pv[*].power (a sum)."),
    FIELD_ROW(EMS_BATTERY_W, "battery_w", "Where the battery power is; discharging is positive."),
    FIELD_ROW(EMS_SOC_PERMILLE, "soc", "Where the charge of the battery is, in %."),
    FIELD_ROW(EMS_CONSUMPTION_W, "consumption_w", "Where the power of the house is; see includes_chargers."),
    FIELD_ROW(EMS_CURRENT_L1_MA, "current_l1", "Where the current of phase L1 of the grid is, in A; import is positive."),
    FIELD_ROW(EMS_CURRENT_L2_MA, "current_l2", "The same for L2."),
    FIELD_ROW(EMS_CURRENT_L3_MA, "current_l3", "The same for L3."),
    FIELD_ROW(EMS_VOLTAGE_L1_MV, "voltage_l1", "Where the voltage of phase L1 is, in V."),
    FIELD_ROW(EMS_VOLTAGE_L2_MV, "voltage_l2", "The same for L2."),
    FIELD_ROW(EMS_VOLTAGE_L3_MV, "voltage_l3", "The same for L3."),
    {.name = NULL},
};
/* clang-format on */

static const char *row_of(enum ems_field f)
{
    for (const struct opt *o = rows; o->name; o++) {
        if (o->offset == offsetof(struct config, expr) + (size_t)f * EMS_EXPR_ROOM) {
            return o->name;
        }
    }
    return "";
}

static uint32_t fields(const void *config)
{
    const struct config *c = config;
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= c->expr[f][0] != '\0' ? EMS_BIT(f) : 0;
    }
    return set;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct err e = {0};

    ems_http_check(&c->http, path, errs, warnings);
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (c->expr[f][0] != '\0' && !ems_expr_check(c->expr[f], &e)) {
            opt_errors_add(errs, "%s.%s: %s", path, row_of((enum ems_field)f), e.text);
        }
    }
    if (c->time[0] != '\0' && json_path_length(c->time, &e) != strlen(c->time)) {
        opt_errors_add(
                errs, "%s.time: %s", path, e.text[0] != '\0' ? e.text : "is not one path");
    }
    if (fields(config) == 0) {
        opt_errors_add(errs,
                "%s.grid_w: nothing is read: set at least one of grid_w, pv_w, "
                "battery_w, soc, consumption_w, current_l1, voltage_l1...",
                path);
    }
    if (!c->header_name[0] != !c->header_value[0]) {
        opt_errors_add(errs,
                "%s.header_%s: is missing, header_name and header_value go together", path,
                c->header_name[0] ? "value" : "name");
    }
    if (strpbrk(c->header_name, ": ")) {
        opt_errors_add(errs, "%s.header_name: holds a colon or a blank", path);
    }
    if (c->body[0] != '\0' && !c->post) {
        opt_errors_add(warnings, "%s.body: is not sent without post", path);
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;

    (void)s;
    if (i > 0) {
        return false;
    }
    (void)str_copy(out->url, sizeof(out->url), c->http.url);
    out->post = c->post;
    (void)str_copy(out->body, sizeof(out->body), c->body);
    return c->header_name[0] == '\0' || str_format(out->header[0], sizeof(out->header[0]),
                                                "%s: %s", c->header_name, c->header_value);
}

static bool is_xml(const struct config *c, const struct ems_answer *a)
{
    const char *s = a->body + strspn(a->body, " \t\r\n");

    /* a web page is neither, and has its sentence from ems_json */
    return c->format == FORMAT_XML ||
           (c->format == FORMAT_AUTO && s[0] == '<' && s[1] != '!' && (s[1] | 0x20) != 'h');
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct ems_tree t = {.text = a->body, .len = a->len};
    int64_t utc_ms = 0;
    bool timed = true;

    (void)s;
    if (is_xml(c, a)) {
        t.json = ems_xml(a, e);
        if (!t.json) {
            return EMS_DATA;
        }
    } else if (c->format != FORMAT_TEXT) {
        t.json = ems_json(a, e);
        if (!t.json && (c->format == FORMAT_JSON || a->len > TEXT_MAX || a->len == 0 ||
                               strpbrk(a->body, "<{["))) {
            return EMS_DATA;
        }
    }
    if (c->time[0] != '\0') {
        timed = ems_expr_time(&t, c->time, &utc_ms);
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (c->expr[f][0] == '\0') {
            continue;
        }
        if (timed) {
            ems_expr_say(&t, c->expr[f], (enum ems_field)f, utc_ms, out);
        } else {
            ems_say_none(out, (enum ems_field)f, "the time of measurement is not there (time)",
                    NULL);
        }
    }
    json_put(t.json);
    return EMS_OK;
}

const struct ems_adapter ems_url_json = {
        .name = "url_json",
        .title = "URL (HTTP, JSON, XML or a plain number)",
        .summary = "Any device or server that answers HTTP with JSON, XML or one plain number.",
        .tested = "constructed",
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 30,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
