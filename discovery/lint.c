/*
 * lint - what Home Assistant would refuse or complain about in a device document.
 *
 * Stricter than Home Assistant where it takes without a word what can only be a mistake: no
 * name, no component, an enum without options. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "discovery/discovery.h"
#include "discovery/lint_rules.h"

#include <string.h>

static bool id_level(const char *s, size_t n)
{
    static const char allowed[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    return n > 0 && strspn(s, allowed) >= n;
}

/* "<prefix>/device/[<node>/]<object>/config"; the prefix may hold slashes itself. */
static bool topic_ok(const char *topic)
{
    static const char middle[] = "/device/";
    static const char end[] = "/config";
    size_t n = strlen(topic);
    const char *p = NULL;
    const char *stop;
    const char *slash;

    if (n < sizeof(end) || strcmp(topic + n - (sizeof(end) - 1), end) != 0) {
        return false;
    }
    stop = topic + n - (sizeof(end) - 1);
    for (const char *q = strstr(topic, middle); q; q = strstr(q + 1, middle)) {
        p = q;
    }
    if (!p || p == topic || p + sizeof(middle) - 1 >= stop) {
        return false;
    }
    p += sizeof(middle) - 1;
    slash = memchr(p, '/', (size_t)(stop - p));
    if (!slash) {
        return id_level(p, (size_t)(stop - p));
    }
    return id_level(p, (size_t)(slash - p)) && id_level(slash + 1, (size_t)(stop - slash) - 1);
}

static bool identified(struct lint *l, struct json_object *device)
{
    struct json_object *ids = json_member(device, "identifiers");
    struct json_object *connections = json_member(device, "connections");
    const char *one = lint_text(device, "identifiers");

    if (ids && !(one && one[0] != '\0')) {
        if (json_length(ids) == 0) {
            return lint_bad(l, "identifiers", "hold nothing");
        }
        for (int i = 0; i < json_length(ids); i++) {
            if (json_kind(json_item(ids, i)) != JSON_TEXT) {
                return lint_bad(l, "identifiers", "hold something that is no text");
            }
        }
    }
    return ids || json_length(connections) > 0
                   ? true
                   : lint_bad(l, "identifiers", "are missing, and connections as well");
}

static bool device_ok(struct lint *l)
{
    static const char *const texts[] = {"manufacturer", "model", "model_id", "name",
            "hw_version", "sw_version", "serial_number", "via_device", "suggested_area"};
    struct json_object *device = json_member(l->root, "device");

    (void)str_copy(l->at, sizeof(l->at), "device");
    if (json_kind(device) != JSON_OBJECT) {
        return lint_bad(l, NULL, "is missing");
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!lint_is_text(l, device, texts[i])) {
            return false;
        }
    }
    if (!json_member(device, "name")) {
        return lint_bad(
                l, "name", "is missing: the device would be called like the broker's address");
    }
    return identified(l, device) &&
           lint_only(l, device, (const char *const[]){lint_device_keys, NULL}) &&
           lint_is_url(l, device, "configuration_url", true);
}

static bool origin_ok(struct lint *l)
{
    struct json_object *origin = json_member(l->root, "origin");

    (void)str_copy(l->at, sizeof(l->at), "origin");
    if (json_kind(origin) != JSON_OBJECT) {
        return lint_bad(l, NULL, "is missing");
    }
    if (!json_member(origin, "name")) {
        return lint_bad(l, "name", "is missing");
    }
    return lint_only(l, origin, (const char *const[]){lint_origin_keys, NULL}) &&
           lint_is_text(l, origin, "name") && lint_is_text(l, origin, "sw_version") &&
           lint_is_url(l, origin, "support_url", false);
}

static bool each_component(const char *key, struct json_object *v, void *user)
{
    return lint_component(user, key, v);
}

static bool document_ok(struct lint *l)
{
    if (json_kind(l->root) != JSON_OBJECT) {
        return lint_bad(l, "document", "is no object");
    }
    if (!lint_only(l, l->root, (const char *const[]){lint_root_keys, NULL}) ||
            !lint_shared(l, l->root)) {
        return false;
    }
    if (!device_ok(l) || !origin_ok(l)) {
        return false;
    }
    (void)str_copy(l->at, sizeof(l->at), "components");
    if (json_kind(json_member(l->root, "components")) != JSON_OBJECT) {
        return lint_bad(l, NULL, "are missing");
    }
    return json_each(json_member(l->root, "components"), each_component, l);
}

enum err_code discovery_lint(const char *topic, const char *payload, size_t len, struct err *e)
{
    struct lint l = {.e = e};
    enum err_code code;

    if (!topic_ok(topic)) {
        return err_set(e, ERR_INVALID, "%s: is no discovery topic of a device", topic);
    }
    if (len == 0) {
        return ERR_OK;
    }
    l.root = json_parse(payload, len, e);
    if (!l.root) {
        (void)err_wrap(e, "%s", topic);
        return ERR_INVALID;
    }
    code = document_ok(&l) ? ERR_OK : ERR_INVALID;
    json_put(l.root);
    return code;
}
