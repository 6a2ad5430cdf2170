/*
 * dsmr_reader - DSMR-reader, a program that reads a Dutch smart meter and publishes it by MQTT.
 *
 * What it publishes is chosen in its settings: one JSON message for each telegram (dsmr/json), a
 * topic for each value (dsmr/reading/...), or both; both are listened to. Powers are kW, as texts in
 * JSON; currents are whole amps without a sign; phases that the meter does not have are null. All is
 * retained, and with a topic for each value one that did not change is not sent again: what counts
 * is the time of the telegram, which comes with both. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { TOPIC_ROOM = 200, PHASES = 3, TEXT_ROOM = 16 };
static const int64_t limit = INT64_C(1000000000000); /* a million kW, A or V */

struct config {
    struct ems_http broker;
    char topic[TOPIC_ROOM], reading_topic[TOPIC_ROOM];
};

/* clang-format off */
static const struct opt rows[] = {
    EMS_MQTT_ROWS(struct config, broker),
    OPTION(struct config, "topic", topic, OPT_STRING, .fallback_str = "dsmr/json", .flags = OPT_RESTART,
        .text = "The topic of its JSON messages; empty: not listened to."),
    OPTION(struct config, "reading_topic", reading_topic, OPT_STRING, .fallback_str = "dsmr/reading", .flags = OPT_RESTART,
        .text = "What the topics of single values begin with; empty: not listened to."),
    {.name = NULL},
};
/* clang-format on */

/* ---- settings ---- */

static enum ems_transport transport(const void *config)
{
    (void)config;
    return EMS_OVER_MQTT;
}

static uint32_t fields(const void *config)
{
    uint32_t set = EMS_BIT(EMS_GRID_W);

    (void)config;
    for (int f = EMS_CURRENT_L1_MA; f <= EMS_VOLTAGE_L3_MV; f++) {
        set |= EMS_BIT(f);
    }
    return set;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_mqtt_check(&c->broker, path, errs, warnings);
    if (strpbrk(c->topic, "+#")) {
        opt_errors_add(
                errs, "%s.topic: '%s' holds + or #: one topic is wanted", path, c->topic);
    }
    if (strpbrk(c->reading_topic, "+#")) {
        opt_errors_add(errs, "%s.reading_topic: '%s' holds + or #: the beginning is wanted",
                path, c->reading_topic);
    }
    if (c->topic[0] == '\0' && c->reading_topic[0] == '\0') {
        opt_errors_add(errs, "%s.topic: is empty, and so is reading_topic", path);
    }
}

static bool listen_to(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    bool json = c->topic[0] != '\0';

    (void)s;
    if (i == 0 && json) {
        return str_copy(out->topic, sizeof(out->topic), c->topic);
    }
    return i == json && c->reading_topic[0] != '\0' &&
           str_format(out->topic, sizeof(out->topic), "%s/+", c->reading_topic);
}

/* ---- what a telegram says, from either ---- */

enum item {
    IMPORT,
    EXPORT,
    IMPORT_L,
    EXPORT_L = IMPORT_L + PHASES,
    AMPS = EXPORT_L + PHASES,
    VOLTS = AMPS + PHASES,
    TIME = VOLTS + PHASES,
    ITEMS
};

static const char *const names[ITEMS] = {"electricity_currently_delivered",
        "electricity_currently_returned", "phase_currently_delivered_l1",
        "phase_currently_delivered_l2", "phase_currently_delivered_l3",
        "phase_currently_returned_l1", "phase_currently_returned_l2",
        "phase_currently_returned_l3", "phase_power_current_l1", "phase_power_current_l2",
        "phase_power_current_l3", "phase_voltage_l1", "phase_voltage_l2", "phase_voltage_l3",
        "timestamp"};

enum state { ABSENT, EMPTY, WRONG, KNOWN }; /* EMPTY: null, deleted */

struct value {
    int64_t v;     /* millionths of kW, A or V; TIME: ms since 1970 */
    uint8_t state; /* enum state */
    char text[TEXT_ROOM];
};

struct telegram {
    struct value at[ITEMS];
};
_Static_assert(sizeof(struct telegram) <= EMS_MEMO_ROOM, "single topics are kept there");

static void read_value(struct value *x, enum item i, const char *text)
{
    enum quantity_result r = quantity_parse(text, strlen(text), QUANTITY_PLAIN, &x->v);

    (void)str_copy(x->text, sizeof(x->text), text);
    if (i == TIME) {
        x->state = str_time_parse(text, &x->v) ? KNOWN : text[0] == '\0' ? EMPTY : WRONG;
    } else {
        x->state = r == QUANTITY_NONE                                    ? EMPTY
                   : r == QUANTITY_OK && x->v <= limit && x->v >= -limit ? KNOWN
                                                                         : WRONG;
    }
}

static const char *state_words(const struct value *x)
{
    return x->state == ABSENT  ? "is not there; was it renamed or left out in DSMR-reader?"
           : x->state == EMPTY ? "has no value"
                               : "is not a number";
}

static void say_none(struct ems_reports *out, enum ems_field f, enum item i,
        const struct value *x, const char *why)
{
    char text[EMS_WHY_ROOM];

    (void)str_format(text, sizeof(text), "%s %s", names[i], why ? why : state_words(x));
    ems_say_none(out, f, text, x->text);
}

/* Import less export in uW. One of them is enough where it is not 0: the other one is, then. */
static bool power_of(const struct value *in, const struct value *ex, int64_t *uw)
{
    bool both = in->state == KNOWN && ex->state == KNOWN;

    *uw = ((in->state == KNOWN ? in->v : 0) - (ex->state == KNOWN ? ex->v : 0)) * 1000;
    return both || (*uw != 0 && in->state != WRONG && ex->state != WRONG);
}

static void say_grid(const struct telegram *t, int64_t utc_ms, struct ems_reports *out)
{
    const struct value *in = &t->at[IMPORT], *ex = &t->at[EXPORT];
    char raw[EMS_RAW_ROOM];
    int64_t uw;

    if (power_of(in, ex, &uw)) {
        (void)str_format(
                raw, sizeof(raw), "%s%s%s", in->text, ex->text[0] ? " - " : "", ex->text);
        ems_say(out, EMS_GRID_W, quantity_round(uw, 1), utc_ms, raw);
    } else {
        enum item bad = in->state != KNOWN ? IMPORT : EXPORT;

        say_none(out, EMS_GRID_W, bad, &t->at[bad], NULL);
    }
}

/* Whole amps are coarse: better the power of the phase by its voltage. Their direction is that of
 * the power of the phase; of a meter with one phase, or one that does not export, that of all. */
static void say_current(
        const struct telegram *t, int p, int64_t utc_ms, struct ems_reports *out)
{
    const struct value *amps = &t->at[AMPS + p], *volts = &t->at[VOLTS + p];
    const enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + p);
    int64_t uw, total_uw, mv = volts->state == KNOWN ? quantity_round(volts->v, 1000) : 0;
    bool known = power_of(&t->at[IMPORT_L + p], &t->at[EXPORT_L + p], &uw);
    bool whole = amps->state != KNOWN || !strchr(amps->text, '.');
    bool single = t->at[AMPS + 1].state != KNOWN && t->at[AMPS + 2].state != KNOWN;
    char raw[EMS_RAW_ROOM];

    if (known && mv > 0 && whole) {
        (void)str_format(raw, sizeof(raw), "%s - %s / %s", t->at[IMPORT_L + p].text,
                t->at[EXPORT_L + p].text, volts->text);
        ems_say(out, f, (uw < 0 ? uw - mv / 2 : uw + mv / 2) / mv, utc_ms, raw);
        return;
    }
    if (amps->state != KNOWN) {
        say_none(out, f, (enum item)(AMPS + p), amps, NULL);
        return;
    }
    if (!known) {
        known = power_of(&t->at[IMPORT], &t->at[EXPORT], &total_uw) &&
                (single || total_uw >= 0);
        uw = known ? total_uw : 0;
    }
    if (!known && amps->v != 0) {
        say_none(out, f, (enum item)(AMPS + p), amps,
                "has no direction: the power of its phase is not known");
        return;
    }
    ems_say(out, f, quantity_round(uw < 0 ? -amps->v : amps->v, 1000), utc_ms, amps->text);
}

static void say_voltage(
        const struct telegram *t, int p, int64_t utc_ms, struct ems_reports *out)
{
    const struct value *volts = &t->at[VOLTS + p];
    const enum ems_field f = (enum ems_field)(EMS_VOLTAGE_L1_MV + p);

    if (volts->state == KNOWN) {
        ems_say(out, f, quantity_round(volts->v, 1000), utc_ms, volts->text);
    } else {
        say_none(out, f, (enum item)(VOLTS + p), volts, NULL);
    }
}

/* Fields of a single topic that is not there yet wait; of a whole telegram they are none. */
static void say(const struct telegram *t, const struct ems_answer *a, bool whole,
        struct ems_reports *out)
{
    const struct value *time = &t->at[TIME];
    int64_t utc_ms = time->state == KNOWN ? time->v : 0;

    say_grid(t, utc_ms, out);
    for (int p = 0; p < PHASES; p++) {
        say_current(t, p, utc_ms, out);
        say_voltage(t, p, utc_ms, out);
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        struct ems_report *x = &out->field[f];

        if (x->said == EMS_SAID_NONE && !whole && strstr(x->why, "is not there")) {
            *x = (struct ems_report){.said = EMS_SAID_NOTHING};
        } else if (x->said == EMS_SAID_VALUE && time->state == WRONG) {
            ems_say_none(out, (enum ems_field)f, "timestamp is not a time", NULL);
        } else if (x->said == EMS_SAID_VALUE && a->retained && utc_ms == 0) {
            ems_say_kept(out, (enum ems_field)f, a);
        }
    }
}

/* ---- messages ---- */

static enum ems_class read_json(
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct json_object *v = ems_json(a, e);
    struct telegram t = {.at = {{.v = 0}}};

    if (!v) {
        return EMS_DATA;
    }
    for (int i = 0; i < ITEMS; i++) {
        char text[64] = "";

        if (json_has(v, names[i])) {
            if (json_kind(json_member(v, names[i])) != JSON_NULL) {
                json_as_text(json_member(v, names[i]), text, sizeof(text));
            }
            read_value(&t.at[i], (enum item)i, text);
        }
    }
    json_put(v);
    say(&t, a, true, out);
    return EMS_OK;
}

static void read_single(const char *name, struct ems_session *s, const struct ems_answer *a,
        struct ems_reports *out)
{
    struct telegram *t = (struct telegram *)(void *)s->memo;

    for (int i = 0; i < ITEMS; i++) {
        if (strcmp(name, names[i]) == 0) {
            char text[64];

            (void)str_copy(text, sizeof(text), a->body);
            read_value(&t->at[i], (enum item)i, text);
            say(t, a, false, out);
        }
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    size_t n = strlen(c->reading_topic);

    if (c->topic[0] != '\0' && strcmp(a->topic, c->topic) == 0) {
        if (a->len > 0) {
            return read_json(a, out, e);
        }
        ems_say_none(out, EMS_GRID_W, "the topic was deleted (an empty message)", NULL);
    } else if (n > 0 && strncmp(a->topic, c->reading_topic, n) == 0 && a->topic[n] == '/') {
        read_single(a->topic + n + 1, s, a, out);
    }
    return EMS_OK;
}

static const char *const notes[] = {
        "Switch on in DSMR-reader, under MQTT: the JSON message of each telegram (dsmr/json), or the "
        "single values (dsmr/reading/...); of these the timestamp, too.",
        "All is retained: after DSMR-reader stopped, the last values stay at the broker. Their "
        "timestamp tells; without it they count for nothing until the next message.",
        "Topics can be renamed there (topic, reading_topic); members of the JSON message must keep "
        "their names.",
        "Currents are whole amps: where the voltage of a phase is known, they are computed from its "
        "power.",
        NULL};

const struct ems_adapter ems_dsmr_reader = {
        .name = "dsmr_reader",
        .title = "DSMR-reader (MQTT)",
        .summary =
                "A Dutch smart meter by way of the program DSMR-reader: grid, currents, voltages.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, broker),
        .interval_s = 10,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .transport = transport,
        .listen = listen_to,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
