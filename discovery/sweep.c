/*
 * sweep - retained discovery documents of ours that nobody stands behind any more.
 *
 * Deleting another bridge's device would be worse than leaving an orphan: a document counts as
 * ours only when topic, origin, identifier and availability all say so.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "discovery/discovery.h"

#include <string.h>

/* Every kind that any release announces; those without an id first. */
static const char *const kinds[] = {
        "bridge", "site", "circuit", "charger", "vehicle", "source"};
enum { KINDS_WITHOUT_ID = 2 };

/* identifier is "<node>_<kind>" or "<node>_<kind>_<id>". */
static bool is_our_identifier(const struct discovery_config *c, const char *identifier)
{
    char node[DISCOVERY_TOPIC_ROOM];
    size_t n;

    discovery_node(node, sizeof(node), c->base);
    n = strlen(node);
    if (strncmp(identifier, node, n) != 0 || identifier[n] != '_') {
        return false;
    }
    identifier += n + 1;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        size_t k = strlen(kinds[i]);

        if (strncmp(identifier, kinds[i], k) == 0 &&
                (i < KINDS_WITHOUT_ID ? identifier[k] == '\0'
                                      : identifier[k] == '_' && identifier[k + 1] != '\0')) {
            return true;
        }
    }
    return false;
}

static bool says(struct json_object *v, const char *text)
{
    const char *got = json_kind(v) == JSON_TEXT ? json_get_str(v, "", NULL) : NULL;

    return got && strcmp(got, text) == 0;
}

static bool is_ours(
        const struct discovery_config *c, const char *topic, struct json_object *root)
{
    struct json_object *identifiers = json_member(json_member(root, "device"), "identifiers");
    struct json_object *first = json_item(json_member(root, "availability"), 0);
    char text[2 * DISCOVERY_TOPIC_ROOM];
    const char *identifier;

    if (!says(json_member(json_member(root, "origin"), "name"), "twcbridge") ||
            json_kind(json_item(identifiers, 0)) != JSON_TEXT) {
        return false;
    }
    identifier = json_get_str(json_item(identifiers, 0), "", NULL);
    (void)str_format(text, sizeof(text), "%s/bridge/state", c->base);
    if (!identifier || !is_our_identifier(c, identifier) ||
            !says(json_member(first, "topic"), text)) {
        return false;
    }
    (void)str_format(text, sizeof(text), "%s/device/%s/config", c->prefix, identifier);
    return strcmp(topic, text) == 0;
}

static bool is_wanted(
        const struct discovery_config *c, const struct model *m, const char *topic)
{
    char wanted[DISCOVERY_TOPIC_ROOM];

    for (int i = 0; i < m->devices; i++) {
        discovery_topic(wanted, sizeof(wanted), c, &m->device[i]);
        if (discovery_wanted(&m->device[i]) && strcmp(topic, wanted) == 0) {
            return true;
        }
    }
    return false;
}

bool sweep_orphan(const struct discovery_config *c, const struct model *m, const char *topic,
        const char *payload, size_t len)
{
    struct json_object *root = len > 0 ? json_parse(payload, len, NULL) : NULL;
    bool orphan = root && is_ours(c, topic, root) && !is_wanted(c, m, topic);

    json_put(root);
    return orphan;
}

/* "<kind>_<id>" with an id that is one level of a topic: returns the kind, *id its id. */
static const char *kind_and_id(const char *name, size_t len, const char **id)
{
    for (size_t i = KINDS_WITHOUT_ID; i < ARRAY_LEN(kinds); i++) {
        size_t k = strlen(kinds[i]);

        if (len > k + 1 && strncmp(name, kinds[i], k) == 0 && name[k] == '_') {
            *id = name + k + 1;
            return strcspn(*id, "/+#") >= len - k - 1 ? kinds[i] : NULL;
        }
    }
    return NULL;
}

static bool is_there(const struct model *m, const char *kind, const char *id, size_t len)
{
    for (int i = 0; i < m->devices; i++) {
        const struct model_device *x = &m->device[i];

        if (strcmp(model_kind_names[x->kind], kind) == 0 && strlen(x->id) == len &&
                strncmp(x->id, id, len) == 0) {
            return true;
        }
    }
    return false;
}

bool sweep_state_topic(const struct discovery_config *c, const struct model *m,
        const char *topic, char *dst, size_t room)
{
    char node[DISCOVERY_TOPIC_ROOM], head[2 * DISCOVERY_TOPIC_ROOM];
    const char *kind, *id;
    size_t len = strlen(topic), h, tail = strlen("/config");

    discovery_node(node, sizeof(node), c->base);
    (void)str_format(head, sizeof(head), "%s/device/%s_", c->prefix, node);
    h = strlen(head);
    if (len <= h + tail || strncmp(topic, head, h) != 0 ||
            strcmp(topic + len - tail, "/config") != 0) {
        return false;
    }
    kind = kind_and_id(topic + h, len - h - tail, &id);
    len = kind ? (size_t)(topic + len - tail - id) : 0;
    return kind && !is_there(m, kind, id, len) &&
           str_format(dst, room, "%s/%s/%.*s", c->base, kind, (int)len, id);
}
