/*
 * settings_sources - the entries of `sources`: common rows and those of the adapter in one object.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/settings_tables.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_AGE_MIN_S = 30, MAX_AGE_ROUNDS = 3 };

#define TEXT(name, member, ...) \
    OPTION(struct source_settings, name, member, OPT_STRING, .flags = 0 __VA_ARGS__)
#define FLAG(name, member, text_) \
    OPTION(struct source_settings, name, member, OPT_BOOL, .text = (text_))
#define SECONDS(name, member, ...) \
    OPTION(struct source_settings, name, member, OPT_INT, .unit = "s", __VA_ARGS__)

/* clang-format off */
const struct opt source_rows[] = {
    TEXT("name", name, | OPT_REQUIRED, .min = 1,
        .text = "What it is called in Home Assistant."),
    TEXT("adapter", adapter_name, | OPT_REQUIRED, .min = 1,
        .text = "The kind of system; `twcbridge adapters` lists them."),
    OPTION(struct source_settings, "role", role, OPT_CHOICE, .choices = ems_role_words, .fallback = EMS_SUM,
        .text = "How its values go together with those of other sources of the same kind: primary counts alone, else all of sum are added, else the first fallback counts."),
    SECONDS("interval_s", interval_s, .min = 1, .max = 86400, .fallback = OPT_UNSET,
        .text = "How often it is asked; without it as the adapter says."),
    SECONDS("timeout_s", timeout_s, .min = 1, .max = 120, .fallback = 10,
        .text = "How long an answer may take."),
    SECONDS("max_age_s", max_age_s, .min = 5, .max = 86400, .fallback = OPT_UNSET,
        .text = "How old a value may be; without it as the adapter says, and at least three intervals."),
    TEXT("circuit", circuit, ,
        .text = "The name of the circuit whose meter it is: what flows there beside the chargers is left free. Its values are then not those of the site."),
    FLAG("grid_too", grid_too, "With circuit: it is the grid meter of the site as well."),
    FLAG("includes_chargers", includes_chargers,
        "Its consumption has the chargers in it, so what they draw is taken off."),
    FLAG("invert_grid", invert_grid, "Its grid power and currents are positive for export."),
    FLAG("invert_pv", invert_pv, "Its solar power is negative for production."),
    FLAG("invert_battery", invert_battery, "Its battery power is positive for charging."),
    FLAG("ignore_time", ignore_time,
        "Its clock is wrong: the time of arrival counts in its place."),
    {.name = NULL},
};
/* clang-format on */

int source_own_table(const struct ems_adapter *a, struct opt out[SOURCE_ROWS_MAX])
{
    int n = 0;

    for (const struct opt *o = a->options; o->name && n < SOURCE_ROWS_MAX - 1; o++) {
        out[n] = *o;
        out[n++].flags &=
                ~(unsigned)OPT_RESTART; /* a source is made anew, the bridge goes on */
    }
    out[n] = (struct opt){.name = NULL};
    return n;
}

void source_table(const struct ems_adapter *a, struct opt out[SOURCE_ROWS_MAX])
{
    struct opt own[SOURCE_ROWS_MAX];
    int n = 0, count = a ? source_own_table(a, own) : 0;

    for (const struct opt *o = source_rows; o->name; o++) {
        out[n++] = *o;
    }
    for (int i = 0; i < count && n < SOURCE_ROWS_MAX - 1; i++) {
        out[n] = own[i];
        out[n++].offset += offsetof(struct source_settings, options);
    }
    out[n] = (struct opt){.name = NULL};
}

void source_schema_table(
        const struct ems_adapter *a, const char *choice[2], struct opt out[SOURCE_ROWS_MAX])
{
    choice[0] = a->name;
    choice[1] = NULL;
    source_table(a, out);
    for (struct opt *o = out; o->name; o++) {
        if (strcmp(o->name, "adapter") == 0) {
            o->type = OPT_CHOICE; /* of one */
            o->choices = choice;
            o->fallback = 0;
        }
    }
}

static void no_adapter(const char *path, const char *name, struct opt_errors *errs)
{
    const char *near = ems_near(name);

    opt_errors_add(errs,
            "%s.adapter: there is no adapter '%.40s'%s%s%s (`twcbridge adapters` lists them)",
            path, name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Pace and ages where the file says nothing. */
static void fill_pace(struct source_settings *s, const char *path, struct opt_errors *warnings)
{
    const struct ems_habit habit = ems_habit_of(s->adapter, s->options);
    int32_t rounds_s;

    if (s->interval_s == OPT_UNSET) {
        s->interval_s = habit.interval_s;
    }
    /* Where the rounds are for lists, the age of values has nothing to do with them. */
    rounds_s = s->adapter->plan ? 0 : s->interval_s * MAX_AGE_ROUNDS;
    if (s->max_age_s == OPT_UNSET) {
        s->max_age_s = rounds_s > habit.max_age_s ? rounds_s : habit.max_age_s;
        s->max_age_s = s->max_age_s < MAX_AGE_MIN_S ? MAX_AGE_MIN_S : s->max_age_s;
    } else if (s->max_age_s <= s->interval_s && !s->adapter->plan) {
        opt_errors_add(warnings,
                "%s.max_age_s: %d is not above interval_s, which is %d: values will come and go",
                path, s->max_age_s, s->interval_s);
    }
}

/* The url "supervisor": what its apps reach Home Assistant by, with the token that each is given. */
static void use_supervisor(struct source_settings *s, const char *path, struct opt_errors *errs)
{
    struct ems_http *h =
            (struct ems_http *)(void *)((char *)s->options + s->adapter->http_offset);
    const char *token = getenv("SUPERVISOR_TOKEN");

    if (!s->adapter->supervisor || strcmp(h->url, "supervisor") != 0) {
        return;
    }
    (void)str_copy(h->url, sizeof(h->url), "http://supervisor/core");
    if (h->token[0] == '\0' &&
            (!token || !token[0] || !str_copy(h->token, sizeof(h->token), token))) {
        opt_errors_add(errs,
                "%s.url: supervisor is for apps of Home Assistant (SUPERVISOR_TOKEN is not in the "
                "environment); write its address, and a token",
                path);
    }
}

void settings_parse_source(struct source_settings *s, struct json_object *v, const char *path,
        struct opt_errors *errs, struct opt_errors *warnings)
{
    struct opt table[SOURCE_ROWS_MAX];
    struct json_object *name = json_member(v, "adapter");
    int before = errs->count;
    char text[sizeof(s->adapter_name)] = "";

    memset(s, 0, sizeof(*s));
    if (json_kind(name) == JSON_TEXT) {
        json_as_text(name, text, sizeof(text));
        s->adapter = ems_find(text);
    }
    if (!s->adapter && json_kind(v) == JSON_OBJECT) {
        opt_defaults(source_rows, s); /* of its options nothing can be said */
        if (json_kind(name) == JSON_TEXT) {
            no_adapter(path, text, errs);
        } else {
            opt_errors_add(errs, "%s.adapter: %s", path,
                    json_has(v, "adapter") ? "wants a text" : "is missing");
        }
        return;
    }
    source_table(s->adapter, table);
    opt_parse(table, s, v, path, errs);
    str_slug(s->id, sizeof(s->id), s->name);
    if (!s->adapter || errs->count > before) {
        return; /* what was refused is at its default: no more to say about it */
    }
    fill_pace(s, path, warnings);
    if (s->adapter->check) {
        s->adapter->check(s->options, path, errs, warnings);
    }
    use_supervisor(s, path, errs);
}

static void check_primary(const struct settings *s, int i, struct opt_errors *errs)
{
    const struct source_settings *a = &s->source[i];

    for (int k = 0; k < i; k++) {
        const struct source_settings *b = &s->source[k];
        uint32_t both;

        if (!b->adapter || b->role != EMS_PRIMARY || a->adapter->finds_out ||
                b->adapter->finds_out) {
            continue; /* what these two have in common is found out later: the first counts */
        }
        both = a->adapter->fields(a->options) & b->adapter->fields(b->options);
        for (int f = 0; f < EMS_FIELDS; f++) {
            if (both & EMS_BIT(f)) {
                opt_errors_add(errs, "sources[%d].role: sources[%d] is primary for %s as well",
                        i, k, ems_field_table[f].name);
                break;
            }
        }
    }
}

void settings_check_sources(struct settings *s, struct opt_errors *errs)
{
    for (int i = 0; i < s->source_count; i++) {
        const struct source_settings *x = &s->source[i];

        if (x->name[0] != '\0' && x->id[0] == '\0') {
            opt_errors_add(
                    errs, "sources[%d].name: '%s' has no letter a-z and no digit", i, x->name);
        }
        for (int k = 0; k < i && x->id[0] != '\0'; k++) {
            if (strcmp(s->source[k].id, x->id) == 0) {
                opt_errors_add(errs,
                        "sources[%d].name: '%s' has the same topic name (%s) as sources[%d]", i,
                        x->name, x->id, k);
                break;
            }
        }
        if (x->adapter && x->role == EMS_PRIMARY) {
            check_primary(s, i, errs);
        }
    }
}

/* ---- meters of circuits ---- */

static uint32_t phase_fields(const struct source_settings *x)
{
    const uint32_t all = EMS_BIT(EMS_CURRENT_L1_MA) | EMS_BIT(EMS_CURRENT_L2_MA) |
                         EMS_BIT(EMS_CURRENT_L3_MA);

    return x->adapter->fields(x->options) & all;
}

static void check_meter(
        struct settings *s, int i, struct opt_errors *errs, struct opt_errors *warnings)
{
    const struct source_settings *x = &s->source[i];
    const char *circuit = s->circuit[x->circuit_index].name;
    uint32_t gives = phase_fields(x);

    for (int k = 0; k < i; k++) {
        if (s->source[k].circuit[0] && s->source[k].circuit_index == x->circuit_index) {
            opt_errors_add(errs, "sources[%d].circuit: '%s' has sources[%d] as its meter", i,
                    circuit, k);
        }
    }
    if (gives == 0) {
        opt_errors_add(errs,
                "sources[%d].circuit: it gives no phase currents, which a meter of a "
                "circuit has to (current_l1...)",
                i);
        return;
    }
    for (int p = 0; p < PHASES; p++) {
        if (!(gives & EMS_BIT(EMS_CURRENT_L1_MA + p))) {
            opt_errors_add(warnings,
                    "sources[%d].circuit: it gives no current of L%d, so chargers on L%d of '%s' "
                    "get stale_headroom_a",
                    i, p + 1, p + 1, circuit);
        }
    }
    for (int k = 0; k < s->charger_count; k++) {
        if (s->charger[k].phases == PHASE_MAP_UNKNOWN) {
            opt_errors_add(warnings,
                    "chargers[%d].phases: is not set: beside the meter of '%s' its draw may count "
                    "twice",
                    k, circuit);
        }
    }
}

void settings_check_meters(
        struct settings *s, struct opt_errors *errs, struct opt_errors *warnings)
{
    for (int i = 0; i < s->source_count; i++) {
        struct source_settings *x = &s->source[i];
        char path[40];

        str_format(path, sizeof(path), "sources[%d].circuit", i);
        x->circuit_index =
                x->circuit[0] ? settings_find_circuit(s, x->circuit, path, errs) : -1;
        if (x->circuit_index >= 0 && x->adapter) {
            check_meter(s, i, errs, warnings);
        } else if (!x->circuit[0] && x->grid_too) {
            opt_errors_add(warnings, "sources[%d].grid_too: means nothing without circuit", i);
        }
    }
}

struct ems_source_config source_config(const struct source_settings *s)
{
    return (struct ems_source_config){
            .elsewhere = s->circuit[0] && !s->grid_too,
            .role = (enum ems_role)s->role,
            .fields = s->adapter->fields(s->options),
            .ttl_ms = (int64_t)s->max_age_s * 1000,
            .includes_chargers = s->includes_chargers,
            .invert_grid = s->invert_grid,
            .invert_pv = s->invert_pv,
            .invert_battery = s->invert_battery,
            .ignore_time = s->ignore_time,
    };
}
