/*
 * growatt - inverters of Growatt: over its cloud, with a token or with the login of its app; or by
 * MQTT from Grott, which reads along between the logger and the cloud.
 *
 * The cloud renews its data every five minutes and locks accounts that log in or ask often: plant
 * and devices are learnt once, a session is kept. Its times are of the plant, without an offset, so
 * an answer counts from when it changed. Facts from what public clients of these APIs send and
 * expect, and from the layouts of Grott. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/growatt/growatt.h"

#include "bridge/base/str.h"

#include <string.h>

static const int64_t hour_ms = INT64_C(3600000);

/* clang-format off */
static const struct opt rows[] = {
    OPTION(struct growatt, "url", http.url, OPT_STRING, .min = 1, .flags = OPT_REQUIRED | OPT_RESTART | OPT_ADDRESS,
        .text = "The server: https://openapi.growatt.com (with token, or username and password; -us, -cn, -au elsewhere); or the broker that Grott publishes to, mqtt://HOST."),
    OPTION(struct growatt, "token", http.token, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "The API token, made in the ShinePhone app or on the web page; better than a login."),
    OPTION(struct growatt, "username", http.username, OPT_STRING, .flags = OPT_RESTART, .text = "The user of the ShinePhone app, or of the broker."),
    OPTION(struct growatt, "password", http.password, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET, .text = "The user's password."),
    OPTION(struct growatt, "plant_id", plant_id, OPT_STRING, .flags = OPT_RESTART,
        .text = "The number of the plant; without it the first of the account."),
    OPTION(struct growatt, "device_sn", device_sn, OPT_STRING, .flags = OPT_RESTART,
        .text = "The serial number of the one inverter that counts; without it all of the plant."),
    OPTION(struct growatt, "topic", topic, OPT_STRING, .fallback_str = "energy/growatt", .flags = OPT_RESTART,
        .text = "Grott: its topic; what it publishes below (one topic for each device) is read, too."),
    OPTION(struct growatt, "ca_file", http.ca_file, OPT_STRING, .flags = OPT_RESTART,
        .text = "A file with the certificates that sign the server's or broker's (PEM); without it the system's are used."),
    OPTION(struct growatt, "fingerprint", http.fingerprint, OPT_STRING, .flags = OPT_RESTART,
        .text = "https: the SHA-256 fingerprint of the certificate that is taken, and no other."),
    OPTION(struct growatt, "insecure", http.insecure, OPT_BOOL, .flags = OPT_RESTART, .text = "Takes any certificate."),
    {.name = NULL},
};
/* clang-format on */

/* ---- settings ---- */

enum growatt_way growatt_way_of(const struct growatt *c)
{
    return ems_is_mqtt(c->http.url)   ? GROWATT_GROTT
           : c->http.token[0] != '\0' ? GROWATT_TOKEN
                                      : GROWATT_LOGIN;
}

static enum ems_transport transport(const void *config)
{
    return growatt_way_of(config) == GROWATT_GROTT ? EMS_OVER_MQTT : EMS_OVER_HTTP;
}

static uint32_t fields(const void *config)
{
    (void)config;
    return (1u << EMS_FIELDS) - 1;
}

static void habit(const void *config, struct ems_habit *h)
{
    if (growatt_way_of(config) == GROWATT_GROTT) {
        *h = (struct ems_habit){.interval_s = 60, .max_age_s = 900};
    }
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct growatt *c = config;

    if (growatt_way_of(c) == GROWATT_GROTT) {
        ems_mqtt_check(&c->http, path, errs, warnings);
        if (c->topic[0] == '\0' || strpbrk(c->topic, "+#")) {
            opt_errors_add(errs, "%s.topic: '%s' is not one topic", path, c->topic);
        }
        return;
    }
    ems_url_check(&c->http, path, errs, warnings);
    if (c->http.token[0] == '\0' &&
            (c->http.username[0] == '\0' || c->http.password[0] == '\0')) {
        opt_errors_add(errs, "%s.token: is missing: set token, or username and password", path);
    } else if (c->http.token[0] != '\0' && c->http.password[0] != '\0') {
        opt_errors_add(warnings, "%s.password: is not used, since there is a token", path);
    }
    if (c->plant_id[strspn(c->plant_id, "0123456789")] != '\0') {
        opt_errors_add(errs, "%s.plant_id: '%s' is not a number", path, c->plant_id);
    }
}

/* ---- a round ---- */

const char *growatt_plant(const struct growatt *c, const struct growatt_memo *m)
{
    return c->plant_id[0] != '\0' ? c->plant_id : m->plant;
}

enum growatt_stage growatt_stage_of(
        const struct growatt *c, const struct growatt_memo *m, int i)
{
    enum growatt_stage stage = (enum growatt_stage)m->stage;

    if (i == 0) {
        stage = growatt_plant(c, m)[0] == '\0' ? GROWATT_PLANTS
                : !m->listed                   ? GROWATT_LIST
                                               : GROWATT_DEVICE;
    }
    if (stage == GROWATT_DEVICE && (i == 0 ? 0 : m->at) >= m->n) {
        stage = GROWATT_SUM;
    }
    return stage == GROWATT_SUM && i > 0 && m->pv_known && !m->others ? GROWATT_END : stage;
}

void growatt_next(struct growatt_memo *m, enum growatt_stage stage)
{
    m->at = stage == GROWATT_DEVICE ? (uint8_t)(m->at + 1) : 0;
    m->stage = stage == GROWATT_DEVICE ? GROWATT_DEVICE : (uint8_t)(stage + 1);
}

void growatt_add_device(struct growatt_memo *m, const struct growatt_device *d)
{
    if (d->kind == GROWATT_OTHER || m->n == GROWATT_DEVICES_MAX) {
        m->others = true; /* the plant's sum counts */
    } else if (d->sn[0] != '\0') {
        m->metered = m->metered || d->kind == GROWATT_METER;
        m->device[m->n++] = *d;
    }
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct growatt *c = config;
    const struct growatt_memo *m = (const struct growatt_memo *)(const void *)s->memo;
    const struct growatt_step step = {.stage = growatt_stage_of(c, m, i),
            .device = &m->device[i > 0 && m->at < GROWATT_DEVICES_MAX ? m->at : 0]};

    if (step.stage == GROWATT_END) {
        return false;
    }
    out->bare = true;
    return growatt_way_of(c) == GROWATT_TOKEN ? growatt_token_request(c, m, step, out)
                                              : growatt_login_request(c, s, step, out);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct growatt *c = config;
    struct growatt_memo *m = growatt_memo_of(s);

    if (growatt_way_of(c) == GROWATT_GROTT) {
        return growatt_grott_parse(c, s, a, out, e);
    }
    if (a->i == 0) {
        m->stage = (uint8_t)growatt_stage_of(c, m, 0);
        m->at = 0;
        m->pv_known = false;
    }
    return growatt_way_of(c) == GROWATT_TOKEN ? growatt_token_parse(c, s, a, out, e)
                                              : growatt_login_parse(c, s, a, out, e);
}

static bool listen_to(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    (void)s;
    return growatt_way_of(config) == GROWATT_GROTT && growatt_grott_listen(config, i, out);
}

/* ---- values ---- */

void growatt_text(struct json_object *v, const char *key, char *dst, size_t room)
{
    struct json_object *x = json_member(v, key);

    dst[0] = '\0';
    if (x && (json_kind(x) == JSON_TEXT || json_kind(x) == JSON_NUMBER)) {
        json_as_text(x, dst, room);
    }
}

bool growatt_counts(struct json_object *v, const char *key)
{
    char text[40];

    growatt_text(v, key, text, sizeof(text));
    return text[strspn(text, "-0.")] != '\0';
}

void growatt_say(struct json_object *v, const char *expr, enum ems_field f, int64_t utc_ms,
        struct ems_reports *out)
{
    struct ems_tree t = {.json = v};
    struct ems_reports one = {.field[0].value = 0};
    struct ems_report *x = &out->field[f];
    char raw[EMS_RAW_ROOM];

    ems_expr_say(&t, expr, f, utc_ms, &one);
    if (one.field[f].said == EMS_SAID_VALUE && x->said == EMS_SAID_VALUE) {
        if (f == EMS_GRID_W || f == EMS_PV_W || f == EMS_BATTERY_W) {
            (void)str_format(raw, sizeof(raw), "%.20s + %.20s", x->raw, one.field[f].raw);
            ems_say(out, f, x->value + one.field[f].value,
                    x->source_utc_ms != 0 && x->source_utc_ms < utc_ms ? x->source_utc_ms
                                                                       : utc_ms,
                    raw);
        }
    } else if (x->said != EMS_SAID_VALUE) {
        *x = one.field[f];
    }
}

void growatt_no_meter(struct ems_reports *out)
{
    if (out->field[EMS_GRID_W].said != EMS_SAID_VALUE) {
        ems_say_none(
                out, EMS_GRID_W, "it has no meter: import, export and load are all 0", "0");
    }
}

/* "2026-11-24 12:00:00", as if it were UTC. */
static bool read_time(const char *text, int64_t *utc_ms)
{
    char iso[GROWATT_TIME_ROOM + 8];

    if (strlen(text) < 19) {
        return false;
    }
    if (text[19] != '\0') {
        return str_time_parse(text, utc_ms);
    }
    (void)str_format(iso, sizeof(iso), "%.10sT%.8sZ", text, text + 11);
    return str_time_parse(iso, utc_ms);
}

int64_t growatt_time(struct growatt_change *c, const char *text, int64_t utc_ms)
{
    int64_t at_ms = 0;

    if (!read_time(text, &at_ms)) {
        return 0;
    }
    if (text[19] != '\0') {
        return at_ms; /* with an offset */
    }
    if (utc_ms - at_ms > 14 * hour_ms) { /* nowhere on earth is that now */
        return at_ms + 12 * hour_ms;
    }
    if (at_ms - utc_ms > 15 * hour_ms) {
        return at_ms;
    }
    if (strcmp(c->text, text) != 0) {
        (void)str_copy(c->text, sizeof(c->text), text);
        c->seen_utc_ms = utc_ms;
        return 0;
    }
    return c->seen_utc_ms;
}

static const char *const notes[] = {
        "The cloud gives data of five minutes and takes one question for each in that time: good to "
        "show, too slow to follow the sun. Grott, or Modbus, gives what the inverter says.",
        "Who logs in or asks more often is locked out for hours: leave interval_s as it is, and give "
        "each program a login of its own.",
        "A plain inverter gives solar power alone; grid, battery and house come from hybrids (SPH, "
        "TL-XH) and from the meter.",
        "The sign of a meter is the one it is mounted with: invert_grid turns it.",
        "Grott: messages that the logger kept and sends later (buffered) are left out. Two inverters "
        "on one topic: two sources, each with its device_sn.",
        "The cloud of 2026 was not tried with a live account.", NULL};

const struct ems_adapter ems_growatt = {
        .name = "growatt",
        .title = "Growatt",
        .summary = "Inverters of Growatt, over its cloud or by MQTT from Grott.",
        .where = "cloud, or local by Grott",
        .over = "HTTP, MQTT",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct growatt),
        .http_offset = offsetof(struct growatt, http),
        .interval_s = 300,
        .max_age_s = 1200,
        .cloud = true,
        .habit = habit,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .transport = transport,
        .request = request,
        .parse = parse,
        .listen = listen_to,
        .login = growatt_login,
        .logged_in = growatt_logged_in,
};
_Static_assert(sizeof(struct growatt) <= EMS_CONFIG_MAX, "the settings have no room for it");
