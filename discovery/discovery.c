/*
 * discovery - the device documents. SPDX-License-Identifier: MIT
 */
#include "discovery/discovery.h"

#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/core/topic.h"
#include "discovery/rows.h"

#include <string.h>

enum {
    COMMAND_EXPIRY_S = 30, /* a command queued while we are away must not be run later */
    NAME_ROOM = 256,
};

/* What the functions below need while one document is written. */
struct document {
    const struct discovery_config *c;
    const struct model *m;
    int device;
    const struct model_device *d;
    struct json_object *before; /* components of the earlier document; NULL: no tombstones */
    struct jw w;
    char identifier[NAME_ROOM];
    char slug[NAME_ROOM];
    char topic[DISCOVERY_TOPIC_ROOM]; /* scratch */
};

void discovery_node(char *dst, size_t room, const char *base)
{
    size_t n = 0;

    for (const char *p = base; *p && n + 1 < room; p++) {
        char c = *p;

        if (((unsigned char)c & 0xc0) == 0x80) {
            continue; /* one '_' for a character, however many bytes it has */
        }
        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            c = '_';
        }
        dst[n++] = c;
    }
    dst[n] = '\0';
}

void discovery_identifier(
        char *dst, size_t room, const struct discovery_config *c, const struct model_device *d)
{
    char node[DISCOVERY_TOPIC_ROOM];

    discovery_node(node, sizeof(node), c->base);
    (void)str_format(dst, room, "%s_%s%s%s", node, model_kind_names[d->kind],
            d->id[0] != '\0' ? "_" : "", d->id);
}

void discovery_topic(
        char *dst, size_t room, const struct discovery_config *c, const struct model_device *d)
{
    char identifier[NAME_ROOM];

    discovery_identifier(identifier, sizeof(identifier), c, d);
    (void)str_format(dst, room, "%s/device/%s/config", c->prefix, identifier);
}

void discovery_state_topic(
        char *dst, size_t room, const struct discovery_config *c, const struct model_device *d)
{
    (void)topic_state(dst, room, c->base, d->kind, d->id);
}

bool discovery_wanted(const struct model_device *d)
{
    return !d->gone && (d->kind != MODEL_CIRCUIT || (d->features & FEATURE_DEVICE) != 0);
}

/* The device's part of default entity ids, before clashes are looked at. */
static void plain_slug(char *dst, size_t room, const struct model_device *d)
{
    str_slug(dst, room, d->name);
    if (dst[0] == '\0') {
        (void)str_format(dst, room, "%s%s%s", model_kind_names[d->kind],
                d->id[0] != '\0' ? "_" : "", d->id);
    }
}

static void device_slug(char *dst, size_t room, const struct model *m, int device)
{
    char mine[NAME_ROOM];

    plain_slug(mine, sizeof(mine), &m->device[device]);
    (void)str_copy(dst, room, mine);
    for (int i = 0; i < m->devices; i++) {
        char other[NAME_ROOM];

        if (i == device || !discovery_wanted(&m->device[i])) {
            continue;
        }
        plain_slug(other, sizeof(other), &m->device[i]);
        if (strcmp(mine, other) == 0) {
            (void)str_format(
                    dst, room, "%s_%s", mine, model_kind_names[m->device[device].kind]);
            return;
        }
    }
}

static void text_if(struct jw *w, const char *key, const char *text)
{
    if (text && text[0] != '\0') {
        jw_str(w, key, text);
    }
}

static const char *model_of(const struct model_device *d)
{
    switch (d->kind) {
    case MODEL_BRIDGE:
        return "TWC Bridge";
    case MODEL_SITE:
        return "Site";
    case MODEL_CIRCUIT:
        return "Circuit";
    case MODEL_CHARGER:
        return d->hardware[0] != '\0' ? d->hardware : "Wall Connector Gen 2";
    case MODEL_SOURCE:
        return d->hardware[0] != '\0' ? d->hardware : "Energy source";
    case MODEL_KINDS:
        break;
    }
    return "";
}

static void write_device(struct document *t)
{
    const struct model_device *d = t->d;
    bool is_bridge = d->kind == MODEL_BRIDGE;
    char node[DISCOVERY_TOPIC_ROOM];

    jw_open(&t->w, "device");
    jw_array(&t->w, "identifiers");
    jw_str(&t->w, NULL, t->identifier);
    jw_array_end(&t->w);
    /* Without a name Home Assistant calls the device like the broker's address. */
    jw_str(&t->w, "name", d->name[0] != '\0' ? d->name : t->slug);
    jw_str(&t->w, "manufacturer", d->kind == MODEL_CHARGER ? "Tesla" : "twcbridge");
    jw_str(&t->w, "model", model_of(d));
    text_if(&t->w, "serial_number", d->serial);
    text_if(&t->w, "sw_version",
            is_bridge && d->sw_version[0] == '\0' ? t->c->version : d->sw_version);
    text_if(&t->w, "hw_version", d->hw_version);
    text_if(&t->w, "suggested_area", d->area);
    text_if(&t->w, "configuration_url", t->c->configuration_url);
    if (!is_bridge) {
        discovery_node(node, sizeof(node), t->c->base);
        (void)str_format(t->topic, sizeof(t->topic), "%s_bridge", node);
        jw_str(&t->w, "via_device", t->topic);
    }
    jw_close(&t->w);
}

static void write_origin(struct document *t)
{
    jw_open(&t->w, "origin");
    jw_str(&t->w, "name", "twcbridge");
    text_if(&t->w, "sw_version", t->c->version);
    text_if(&t->w, "support_url", t->c->support_url);
    jw_close(&t->w);
}

static void write_availability(struct document *t)
{
    jw_array(&t->w, "availability");
    (void)str_format(t->topic, sizeof(t->topic), "%s/bridge/state", t->c->base);
    jw_open(&t->w, NULL);
    jw_str(&t->w, "topic", t->topic);
    jw_str(&t->w, "value_template", "{{ value_json.state }}");
    jw_close(&t->w);
    if (t->d->kind == MODEL_CHARGER) {
        (void)topic_leaf(t->topic, sizeof(t->topic), t->c->base, t->d, "availability");
        jw_open(&t->w, NULL);
        jw_str(&t->w, "topic", t->topic);
        jw_close(&t->w);
    }
    jw_array_end(&t->w);
    jw_str(&t->w, "availability_mode", "all");
    jw_int(&t->w, "qos", 1);
}

static void write_words(struct jw *w, const char *key, const char *const *words)
{
    jw_array(w, key);
    for (int i = 0; words[i]; i++) {
        jw_str(w, NULL, words[i]);
    }
    jw_array_end(w);
}

/* What only sensors, and what only numbers have. */
static void write_value_options(struct document *t, const struct entity *e)
{
    int64_t min = 0;
    int64_t max = 0;
    char unit[16];

    if (e->unit && strncmp(e->unit, "cur/", 4) == 0) {
        (void)str_format(unit, sizeof(unit), "%s/%s", t->m->currency, e->unit + 4);
        jw_str(&t->w, "unit_of_measurement", unit);
    } else {
        text_if(&t->w, "unit_of_measurement", e->unit);
    }
    text_if(&t->w, "state_class", e->state_class);
    if (e->precision >= 0) {
        jw_int(&t->w, "suggested_display_precision", e->precision);
    }
    if (e->options) {
        write_words(&t->w, e->platform == ENTITY_EVENT ? "event_types" : "options", e->options);
    }
    if (e->platform == ENTITY_NUMBER) {
        entity_range(e, t->d, &min, &max);
        jw_decimal(&t->w, "min", min, 3, 3);
        jw_decimal(&t->w, "max", max, 3, 3);
        jw_decimal(&t->w, "step", e->step, 3, 3);
        jw_str(&t->w, "mode", e->mode);
    }
}

/* "connection" shows the bridge's own will: with the root's availability it could never be off.
 * Home Assistant's subscription to the probe's topic is how we see that it is there. */
static void write_connection(struct document *t)
{
    (void)str_format(t->topic, sizeof(t->topic), "%s/bridge/state", t->c->base);
    jw_str(&t->w, "state_topic", t->topic);
    jw_str(&t->w, "payload_on", "online");
    jw_str(&t->w, "payload_off", "offline");
    jw_array(&t->w, "availability");
    jw_array_end(&t->w);
    (void)str_format(t->topic, sizeof(t->topic), "%s/bridge/probe", t->c->base);
    jw_str(&t->w, "json_attributes_topic", t->topic);
}

static void write_topics(struct document *t, const struct entity *e, const char *value_template)
{
    if (entity_is_connection(e)) {
        write_connection(t);
    } else if (e->platform == ENTITY_EVENT) {
        (void)topic_leaf(t->topic, sizeof(t->topic), t->c->base, t->d, "event");
        jw_str(&t->w, "state_topic", t->topic);
    } else if (e->platform != ENTITY_BUTTON) {
        discovery_state_topic(t->topic, sizeof(t->topic), t->c, t->d);
        jw_str(&t->w, "state_topic", t->topic);
    }
    if (e->platform != ENTITY_EVENT && e->platform != ENTITY_BUTTON) {
        jw_str(&t->w, "value_template", value_template);
    }
    if (e->platform == ENTITY_BINARY && !entity_is_connection(e)) {
        /* How a template renders JSON true and false. */
        jw_str(&t->w, "payload_on", "True");
        jw_str(&t->w, "payload_off", "False");
    }
    if (e->platform == ENTITY_SWITCH) {
        jw_str(&t->w, "payload_on", "ON");
        jw_str(&t->w, "payload_off", "OFF");
        jw_str(&t->w, "state_on", "True");
        jw_str(&t->w, "state_off", "False");
    }
    if (entity_takes_commands(e->platform)) {
        (void)topic_command(t->topic, sizeof(t->topic), t->c->base, t->d, e->key);
        jw_str(&t->w, "command_topic", t->topic);
        jw_int(&t->w, "message_expiry_interval", COMMAND_EXPIRY_S);
        jw_bool(&t->w, "retain", false);
    }
}

static void write_tombstone(struct jw *w, const char *key, const char *platform)
{
    jw_open(w, key);
    jw_str(w, "platform", platform);
    jw_close(w);
}

/* The platform that the earlier document gives to a key; NULL: it has no such component. */
static const char *platform_before(struct json_object *components, const char *key)
{
    struct json_object *platform = json_member(json_member(components, key), "platform");

    return json_kind(platform) == JSON_TEXT ? json_get_str(platform, key, NULL) : NULL;
}

static bool write_component(void *user, const struct entity *e, const char *value_template)
{
    struct document *t = user;
    const char *platform = entity_platform_names[e->platform];
    const char *earlier = platform_before(t->before, e->key);
    char text[2 * NAME_ROOM];

    if (earlier && strcmp(earlier, platform) != 0) {
        write_tombstone(&t->w, e->key, earlier);
        return true;
    }
    jw_open(&t->w, e->key);
    jw_str(&t->w, "platform", platform);
    (void)str_format(text, sizeof(text), "%s_%s", t->identifier, e->key);
    jw_str(&t->w, "unique_id", text);
    (void)str_format(text, sizeof(text), "%s.%s_%s", platform, t->slug, e->key);
    jw_str(&t->w, "default_entity_id", text);
    if (e->main_entity) {
        jw_null(&t->w, "name");
    } else {
        text_if(&t->w, "name", e->name);
    }
    text_if(&t->w, "device_class", e->device_class);
    write_value_options(t, e);
    text_if(&t->w, "entity_category", e->category);
    if (e->off) {
        jw_bool(&t->w, "enabled_by_default", false);
    }
    text_if(&t->w, "icon", e->icon);
    write_topics(t, e, value_template);
    jw_close(&t->w);
    return true;
}

struct lookup {
    const char *key;
    enum entity_platform found; /* ENTITY_PLATFORMS: none */
};

static bool same_key(void *user, const struct entity *e, const char *value_template)
{
    struct lookup *l = user;

    (void)value_template;
    if (strcmp(l->key, e->key) != 0) {
        return true;
    }
    l->found = e->platform;
    return false;
}

/* The platform that a key has now; ENTITY_PLATFORMS: not announced. */
static enum entity_platform platform_now(const struct document *t, const char *key)
{
    struct lookup l = {.key = key, .found = ENTITY_PLATFORMS};

    rows_each(t->m, t->device, same_key, &l);
    return l.found;
}

/* Stops at the first component that must go. */
static bool still_there(const char *key, struct json_object *v, void *user)
{
    const struct document *t = user;
    const char *earlier = platform_before(t->before, key);
    enum entity_platform now = platform_now(t, key);

    (void)v;
    return !earlier ||
           (now != ENTITY_PLATFORMS && strcmp(earlier, entity_platform_names[now]) == 0);
}

static bool write_if_gone(const char *key, struct json_object *v, void *user)
{
    struct document *t = user;
    const char *earlier = platform_before(t->before, key);

    (void)v;
    if (earlier && platform_now(t, key) == ENTITY_PLATFORMS) {
        write_tombstone(&t->w, key, earlier);
    }
    return true;
}

static void prepare(struct document *t, struct buf *out)
{
    t->d = &t->m->device[t->device];
    discovery_identifier(t->identifier, sizeof(t->identifier), t->c, t->d);
    device_slug(t->slug, sizeof(t->slug), t->m, t->device);
    jw_init(&t->w, out);
}

static void write_document(struct document *t)
{
    jw_open(&t->w, NULL);
    write_device(t);
    write_origin(t);
    write_availability(t);
    jw_open(&t->w, "components");
    rows_each(t->m, t->device, write_component, t);
    (void)json_each(t->before, write_if_gone, t);
    jw_close(&t->w);
    jw_close(&t->w);
}

void discovery_document(
        const struct discovery_config *c, const struct model *m, int device, struct buf *out)
{
    struct document t = {.c = c, .m = m, .device = device};

    prepare(&t, out);
    write_document(&t);
}

bool discovery_tombstones(const struct discovery_config *c, const struct model *m, int device,
        const char *before, size_t before_len, struct buf *out)
{
    struct document t = {.c = c, .m = m, .device = device};
    struct json_object *root = before_len > 0 ? json_parse(before, before_len, NULL) : NULL;
    bool found;

    t.before = json_member(root, "components");
    prepare(&t, out);
    found = t.before && discovery_wanted(t.d) && !json_each(t.before, still_there, &t);
    if (found) {
        write_document(&t);
    }
    json_put(root);
    return found;
}
