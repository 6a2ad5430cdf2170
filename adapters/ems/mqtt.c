/*
 * mqtt - any device or server that publishes its values by MQTT, as JSON or as plain numbers.
 *
 * Each field has a topic, or the common one, and an expression (adapters/ems/ems.h) that says where
 * in the message its value is. What the broker kept (retained) may be a year old, and nothing but a
 * time in the message tells: without one it counts for nothing until the next message comes. An
 * empty message means that the topic was deleted. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/json_path.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    TOPIC_ROOM = 200,
    TEXT_MAX = 64, /* a longer message is no plain number */
    TOPICS_MAX = EMS_FIELDS + 2
};

struct config {
    struct ems_http broker;
    char topic[TOPIC_ROOM], time[EMS_EXPR_ROOM];
    char availability_topic[TOPIC_ROOM], payload_offline[64];
    char topics[EMS_FIELDS][TOPIC_ROOM];  /* "": the common one */
    char expr[EMS_FIELDS][EMS_EXPR_ROOM]; /* "": $ where the field has a topic of its own */
};

/* clang-format off */
#define FIELD_ROWS(f, name_, text_) \
    {.name = name_ "_topic", .type = OPT_STRING, .offset = offsetof(struct config, topics) + (f) * TOPIC_ROOM, \
     .size = TOPIC_ROOM, .flags = OPT_RESTART, .text = "The topic of " name_ ", where it is not topic."}, \
    {.name = (name_), .type = OPT_STRING, .offset = offsetof(struct config, expr) + (f) * EMS_EXPR_ROOM, \
     .size = EMS_EXPR_ROOM, .flags = OPT_RESTART, .text = (text_)}

static const struct opt rows[] = {
    EMS_MQTT_ROWS(struct config, broker),
    OPTION(struct config, "topic", topic, OPT_STRING, .flags = OPT_RESTART,
        .text = "The topic whose messages hold the values; a field may have a topic of its own."),
    OPTION(struct config, "time", time, OPT_STRING, .flags = OPT_RESTART,
        .text = "The path of the time of measurement in messages that are JSON (seconds or milliseconds since 1970, or ISO 8601); without it the time of arrival counts."),
    OPTION(struct config, "availability_topic", availability_topic, OPT_STRING, .flags = OPT_RESTART,
        .text = "A topic that says whether the device lives, such as its last will."),
    OPTION(struct config, "payload_offline", payload_offline, OPT_STRING, .fallback_str = "offline", .flags = OPT_RESTART,
        .text = "What availability_topic says when it does not; its values are unknown then."),
    FIELD_ROWS(EMS_GRID_W, "grid_w", "Where in the message the grid power is: a path such as meter.power, or $ for a plain number with or without a unit; import is positive."),
    FIELD_ROWS(EMS_PV_W, "pv_w", "Where the solar power is."),
    FIELD_ROWS(EMS_BATTERY_W, "battery_w", "Where the battery power is; discharging is positive."),
    FIELD_ROWS(EMS_SOC_PERMILLE, "soc", "Where the charge of the battery is, in %."),
    FIELD_ROWS(EMS_CONSUMPTION_W, "consumption_w", "Where the power of the house is; see includes_chargers."),
    FIELD_ROWS(EMS_CURRENT_L1_MA, "current_l1", "Where the current of phase L1 of the grid is, in A; import is positive."),
    FIELD_ROWS(EMS_CURRENT_L2_MA, "current_l2", "The same for L2."),
    FIELD_ROWS(EMS_CURRENT_L3_MA, "current_l3", "The same for L3."),
    FIELD_ROWS(EMS_VOLTAGE_L1_MV, "voltage_l1", "Where the voltage of phase L1 is, in V."),
    FIELD_ROWS(EMS_VOLTAGE_L2_MV, "voltage_l2", "The same for L2."),
    FIELD_ROWS(EMS_VOLTAGE_L3_MV, "voltage_l3", "The same for L3."),
    {.name = NULL},
};
/* clang-format on */

/* ---- settings ---- */

static enum ems_transport transport(const void *config)
{
    (void)config;
    return EMS_OVER_MQTT;
}

static bool used(const struct config *c, int f)
{
    return c->expr[f][0] != '\0' || c->topics[f][0] != '\0';
}

static const char *topic_of(const struct config *c, int f)
{
    return c->topics[f][0] != '\0' ? c->topics[f] : c->topic;
}

static uint32_t fields(const void *config)
{
    const struct config *c = config;
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= used(c, f) ? EMS_BIT(f) : 0;
    }
    return set;
}

static const char *row_at(size_t offset)
{
    for (const struct opt *o = rows; o->name; o++) {
        if (o->offset == offset) {
            return o->name;
        }
    }
    return "";
}

static void check_topic(
        const char *topic, const char *name, const char *path, struct opt_errors *errs)
{
    if (strpbrk(topic, "+#")) {
        opt_errors_add(
                errs, "%s.%s: '%s' holds + or #: one topic is wanted", path, name, topic);
    }
}

static void check_field(
        const struct config *c, int f, const char *path, struct opt_errors *errs)
{
    const char *name = row_at(offsetof(struct config, expr) + (size_t)f * EMS_EXPR_ROOM);
    struct err e = {0};

    if (c->expr[f][0] != '\0' && !ems_expr_check(c->expr[f], &e)) {
        opt_errors_add(errs, "%s.%s: %s", path, name, e.text);
    }
    if (used(c, f) && topic_of(c, f)[0] == '\0') {
        opt_errors_add(errs, "%s.%s_topic: is missing, and so is topic", path, name);
    }
    check_topic(c->topics[f], row_at(offsetof(struct config, topics) + (size_t)f * TOPIC_ROOM),
            path, errs);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct err e = {0};

    ems_mqtt_check(&c->broker, path, errs, warnings);
    check_topic(c->topic, "topic", path, errs);
    check_topic(c->availability_topic, "availability_topic", path, errs);
    for (int f = 0; f < EMS_FIELDS; f++) {
        check_field(c, f, path, errs);
    }
    if (c->time[0] != '\0' && json_path_length(c->time, &e) != strlen(c->time)) {
        opt_errors_add(
                errs, "%s.time: %s", path, e.text[0] != '\0' ? e.text : "is not one path");
    }
    if (fields(config) == 0) {
        opt_errors_add(errs,
                "%s.grid_w: nothing is read: set topic and at least one of grid_w, pv_w, "
                "battery_w, soc, consumption_w, current_l1, voltage_l1..., or grid_w_topic...",
                path);
    }
}

/* ---- messages ---- */

/* Each topic once, in the order of the rows. */
static bool listen_to(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const char *seen[TOPICS_MAX] = {c->availability_topic};
    int n = c->availability_topic[0] != '\0';

    (void)s;
    for (int f = 0; f < EMS_FIELDS; f++) {
        const char *t = used(c, f) ? topic_of(c, f) : "";
        bool known = t[0] == '\0';

        for (int k = 0; k < n; k++) {
            known = known || strcmp(seen[k], t) == 0;
        }
        if (!known) {
            seen[n++] = t;
        }
    }
    return i < n && str_copy(out->topic, sizeof(out->topic), seen[i]);
}

static void none_of_all(const struct config *c, struct ems_reports *out, const char *why)
{
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (used(c, f)) {
            ems_say_none(out, (enum ems_field)f, why, NULL);
        }
    }
}

/* "offline", or {"state":"offline"} as some write it. */
static void read_availability(
        const struct config *c, const struct ems_answer *a, struct ems_reports *out)
{
    struct json_object *v = json_parse(a->body, a->len, NULL);
    char state[sizeof(c->payload_offline)] = "";

    if (v && json_kind(v) == JSON_OBJECT) {
        json_as_text(json_member(v, "state"), state, sizeof(state));
    }
    if (strcmp(a->body, c->payload_offline) == 0 || strcmp(state, c->payload_offline) == 0) {
        none_of_all(c, out, "the device is offline (availability_topic)");
    } else if (a->len == 0) {
        none_of_all(c, out, "the device is gone: availability_topic was deleted");
    }
    json_put(v);
}

static void read_field(const struct config *c, enum ems_field f, const struct ems_answer *a,
        const struct ems_tree *t, struct ems_reports *out)
{
    int64_t utc_ms = 0;

    if (a->len == 0) {
        ems_say_none(out, f, "the topic was deleted (an empty message)", NULL);
    } else if (!t->json && a->len > TEXT_MAX) {
        ems_say_none(out, f, "the message is neither JSON nor a plain number", NULL);
    } else if (t->json && json_kind(t->json) == JSON_OBJECT && c->time[0] != '\0' &&
               !ems_expr_time(t, c->time, &utc_ms)) {
        ems_say_none(out, f, "the time of measurement is not there (time)", NULL);
    } else if (a->retained && utc_ms == 0) {
        ems_say_kept(out, f, a);
    } else {
        ems_expr_say(t, c->expr[f][0] != '\0' ? c->expr[f] : "$", f, utc_ms, out);
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct ems_tree t = {.text = a->body, .len = a->len};
    struct err ignored = {0};

    (void)s;
    (void)e;
    if (c->availability_topic[0] != '\0' && strcmp(a->topic, c->availability_topic) == 0) {
        read_availability(c, a, out);
    }
    if (a->len > 0) {
        t.json = ems_json(a, &ignored);
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (used(c, f) && strcmp(a->topic, topic_of(c, f)) == 0) {
            read_field(c, (enum ems_field)f, a, &t, out);
        }
    }
    json_put(t.json);
    return EMS_OK;
}

static const char *const notes[] = {
        "A message that the broker kept (retained) counts only where it holds a time (time): else "
        "the value is unknown until the next message.",
        "Values become unknown after max_age_s without a message. A device that sends only what "
        "changes wants a longer one.",
        "Publishing devices often have a last will: name its topic as availability_topic, and a "
        "device that is gone is seen at once.",
        "The connection is one of its own, also to the broker of the bridge; sources with the same "
        "broker and login share it.",
        NULL};

const struct ems_adapter ems_mqtt = {
        .name = "mqtt",
        .title = "MQTT (JSON or plain numbers)",
        .summary = "Any device or server that publishes its values by MQTT.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, broker),
        .interval_s = 10,
        .max_age_s = 120,
        .fields = fields,
        .check = check,
        .transport = transport,
        .listen = listen_to,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
