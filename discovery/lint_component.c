/*
 * lint_component - one component against the rules of its platform. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "discovery/lint_rules.h"

#include <string.h>

enum { STATE_TEXT_MAX = 255 };

static const struct lint_platform *find_platform(const char *name)
{
    for (const struct lint_platform *p = lint_platforms; name && p->name; p++) {
        if (strcmp(p->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static const struct lint_class *find_class(const char *name)
{
    for (const struct lint_class *c = lint_sensor_classes; name && c->name; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

/* Walks the words of a list; false where a word is no key of v. */
static bool has_all(struct lint *l, struct json_object *v, const char *words)
{
    char word[48];

    while (*words) {
        size_t n = strcspn(words, " ");

        (void)str_format(word, sizeof(word), "%.*s", (int)n, words);
        if (!json_member(v, word)) {
            return lint_bad(l, word, "is missing");
        }
        words += n + (words[n] == ' ');
    }
    return true;
}

struct unique {
    const struct json_object *self;
    const char *id;
    bool taken;
};

/* The components before this one. */
static bool takes_id(const char *key, struct json_object *v, void *user)
{
    struct unique *u = user;
    const char *id = v != u->self ? lint_text(v, "unique_id") : NULL;

    (void)key;
    u->taken = id && strcmp(id, u->id) == 0;
    return v != u->self && !u->taken;
}

static bool identity(struct lint *l, struct json_object *v, const char *platform)
{
    const char *id = lint_text(v, "unique_id");
    const char *entity = lint_text(v, "default_entity_id");
    struct unique u = {.self = v, .id = id ? id : ""};
    size_t n = strlen(platform);

    if (!id || id[0] == '\0') {
        return lint_bad(l, "unique_id", "is missing");
    }
    (void)json_each(json_member(l->root, "components"), takes_id, &u);
    if (u.taken) {
        return lint_bad(l, "unique_id", "is given to two components");
    }
    if (!json_member(v, "default_entity_id")) {
        return true;
    }
    if (!entity || strncmp(entity, platform, n) != 0 || entity[n] != '.') {
        return lint_bad(l, "default_entity_id", "does not begin with its platform");
    }
    entity += n + 1;
    if (entity[0] == '\0' ||
            entity[strspn(entity, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0') {
        return lint_bad(l, "default_entity_id", "holds a character that no entity id has");
    }
    return true;
}

static bool looks(struct lint *l, struct json_object *v, const char *platform)
{
    const char *category = lint_text(v, "entity_category");
    const char *icon = lint_text(v, "icon");
    const char *colon = icon ? strchr(icon, ':') : NULL;
    bool reads_only = strcmp(platform, "sensor") == 0 || strcmp(platform, "binary_sensor") == 0;

    if (json_member(v, "entity_category")) {
        if (!category || !lint_listed("config diagnostic", category)) {
            return lint_bad(l, "entity_category", "is not config or diagnostic");
        }
        if (reads_only && strcmp(category, "config") == 0) {
            return lint_bad(l, "entity_category", "config is not for what is only read");
        }
    }
    if (json_member(v, "icon") && (!colon || colon == icon || colon[1] == '\0')) {
        return lint_bad(l, "icon", "is not prefix:name");
    }
    return lint_is_text(l, v, "name") && lint_is_bool(l, v, "enabled_by_default") &&
           lint_is_bool(l, v, "visible_by_default") &&
           lint_is_url(l, v, "entity_picture", false);
}

static bool device_class(struct lint *l, struct json_object *v, const struct lint_platform *p)
{
    const char *name = lint_text(v, "device_class");
    bool number = strcmp(p->name, "number") == 0;

    if (!json_member(v, "device_class")) {
        return true;
    }
    if (p->classes ? !(name && lint_listed(p->classes, name)) : !find_class(name)) {
        return lint_bad(l, "device_class", "is none of its platform");
    }
    if (number && lint_listed("enum timestamp date uptime", name)) {
        return lint_bad(l, "device_class", "is not for numbers");
    }
    return true;
}

/* Unit and state class against the device class; sensors and numbers. */
static bool measure(struct lint *l, struct json_object *v)
{
    const struct lint_class *c = find_class(lint_text(v, "device_class"));
    const char *unit = lint_text(v, "unit_of_measurement");
    const char *state = lint_text(v, "state_class");
    bool bare = c && c->units && c->units[0] == '\0';

    if (!lint_is_text(l, v, "unit_of_measurement") || !lint_is_text(l, v, "state_class")) {
        return false;
    }
    if (state && !lint_listed("measurement measurement_angle total total_increasing", state)) {
        return lint_bad(l, "state_class", "is none");
    }
    if (bare && json_member(v, "unit_of_measurement")) {
        return lint_bad(l, "unit_of_measurement", "stands beside a class without unit");
    }
    if (unit && c && c->units && !lint_listed(c->units, unit)) {
        return lint_bad(l, "unit_of_measurement", "does not fit the device class");
    }
    if (state && c && c->state_classes && !lint_listed(c->state_classes, state)) {
        return lint_bad(l, "state_class", "does not fit the device class");
    }
    if (json_member(v, "last_reset_value_template") &&
            !(state && strcmp(state, "total") == 0)) {
        return lint_bad(l, "last_reset_value_template", "is only for state class total");
    }
    return true;
}

/* YAML and Home Assistant read these words as something else. */
static bool option_words(struct lint *l, struct json_object *v)
{
    struct json_object *list = json_member(v, "options");

    if (!lint_is_words(l, v, "options")) {
        return false;
    }
    for (int i = 0; i < json_length(list); i++) {
        const char *word = json_get_str(json_item(list, i), "options", NULL);

        for (const char *const *w = (const char *const[]){"on", "off", "yes", "no", "none",
                     "true", "false", "unknown", "unavailable", NULL};
                *w; w++) {
            if (str_iequal(word, *w)) {
                return lint_bad(l, "options", "holds a word that is read as something else");
            }
        }
    }
    return true;
}

static bool sensor(struct lint *l, struct json_object *v)
{
    const char *class = lint_text(v, "device_class");
    bool is_enum = class && strcmp(class, "enum") == 0;

    if (json_member(v, "options") && (!is_enum || json_member(v, "unit_of_measurement") ||
                                             json_member(v, "state_class"))) {
        return lint_bad(
                l, "options", "are for device class enum alone, without unit and state class");
    }
    if (is_enum && !json_member(v, "options")) {
        return lint_bad(l, "options", "are missing: any word would be taken");
    }
    return option_words(l, v) && measure(l, v) &&
           lint_is_int(l, v, "suggested_display_precision", 0, 10) &&
           lint_is_int(l, v, "expire_after", 0, INT32_MAX) &&
           lint_is_bool(l, v, "force_update") &&
           lint_is_template(l, v, "last_reset_value_template");
}

/* In thousandths; what is not there is the default. */
static bool figure(struct lint *l, struct json_object *v, const char *key, int64_t *thousandths)
{
    struct json_object *member = json_member(v, key);

    if (!member) {
        return true;
    }
    if (json_kind(member) != JSON_NUMBER ||
            json_get_scaled(member, key, 1000, thousandths, NULL) != ERR_OK) {
        return lint_bad(l, key, "is no number");
    }
    return true;
}

static bool number(struct lint *l, struct json_object *v)
{
    int64_t min = 0;
    int64_t max = 100000;
    int64_t step = 1000;
    const char *mode = lint_text(v, "mode");

    if (!figure(l, v, "min", &min) || !figure(l, v, "max", &max) ||
            !figure(l, v, "step", &step)) {
        return false;
    }
    if (min > max) {
        return lint_bad(l, "min", "is above max");
    }
    if (step < 1) {
        return lint_bad(l, "step", "is below 0.001");
    }
    if (json_member(v, "mode") && !(mode && lint_listed("auto box slider", mode))) {
        return lint_bad(l, "mode", "is not auto, box or slider");
    }
    return measure(l, v);
}

static bool text(struct lint *l, struct json_object *v)
{
    const char *mode = lint_text(v, "mode");

    if (json_member(v, "mode") && !(mode && lint_listed("text password", mode))) {
        return lint_bad(l, "mode", "is not text or password");
    }
    return lint_is_int(l, v, "min", 0, STATE_TEXT_MAX) &&
           lint_is_int(l, v, "max", 0, STATE_TEXT_MAX);
}

static bool by_platform(struct lint *l, struct json_object *v, const char *platform)
{
    if (strcmp(platform, "sensor") == 0) {
        return sensor(l, v);
    }
    if (strcmp(platform, "number") == 0) {
        return number(l, v);
    }
    if (strcmp(platform, "select") == 0) {
        return option_words(l, v);
    }
    if (strcmp(platform, "event") == 0) {
        return lint_is_words(l, v, "event_types");
    }
    if (strcmp(platform, "text") == 0) {
        return text(l, v);
    }
    return true;
}

static bool payloads(struct lint *l, struct json_object *v)
{
    static const char *const texts[] = {"payload_on", "payload_off", "state_on", "state_off",
            "payload_press", "payload_reset", "payload_available", "payload_not_available",
            "encoding"};
    static const char *const templates[] = {
            "value_template", "command_template", "json_attributes_template"};
    struct json_object *retain = json_member(v, "retain");
    bool kept = false;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!lint_is_text(l, v, texts[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(templates); i++) {
        if (!lint_is_template(l, v, templates[i])) {
            return false;
        }
    }
    if (!lint_is_bool(l, v, "retain") || !lint_is_bool(l, v, "optimistic") ||
            !lint_is_topic(l, v, "json_attributes_topic")) {
        return false;
    }
    if (retain && json_get_bool(retain, "retain", &kept, NULL) == ERR_OK && kept) {
        return lint_bad(l, "retain", "would run a command again after a restart");
    }
    return true;
}

/* Root options are copied per key, so the two ways of availability can meet in a component. */
static bool availability_meets(struct lint *l, struct json_object *v)
{
    if ((json_member(v, "availability") && json_member(l->root, "availability_topic")) ||
            (json_member(v, "availability_topic") && json_member(l->root, "availability"))) {
        return lint_bad(l, "availability", "stands beside the other kind at the root");
    }
    return true;
}

static bool platform_alone(const char *key, struct json_object *v, void *user)
{
    (void)user;
    (void)v;
    return strcmp(key, "platform") == 0;
}

bool lint_component(struct lint *l, const char *key, struct json_object *v)
{
    const char *name = lint_text(v, "platform");
    const struct lint_platform *p = find_platform(name);

    (void)str_format(l->at, sizeof(l->at), "components.%s", key);
    if (json_kind(v) != JSON_OBJECT) {
        return lint_bad(l, NULL, "is no object");
    }
    if (!p) {
        return lint_bad(l, "platform", "is missing or none that we know");
    }
    if (json_each(v, platform_alone, NULL)) {
        return true; /* a tombstone */
    }
    return identity(l, v, p->name) && has_all(l, v, p->required) &&
           lint_only(l, v,
                   (const char *const[]){lint_common_keys, p->required, p->known, NULL}) &&
           availability_meets(l, v) && lint_shared(l, v) && looks(l, v, p->name) &&
           device_class(l, v, p) && payloads(l, v) && by_platform(l, v, p->name);
}
