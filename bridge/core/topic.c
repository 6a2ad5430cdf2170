/*
 * topic - words between slashes. SPDX-License-Identifier: MIT
 */
#include "bridge/core/topic.h"

#include "bridge/base/str.h"

#include <string.h>

/* Whole characters, none for control; wildcards are judged by the callers. */
static bool plain_text(const char *t)
{
    size_t n = strlen(t);

    if (n == 0 || n >= TOPIC_ROOM) {
        return false;
    }
    for (size_t i = 0, len; i < n; i += len) {
        len = str_utf8(t + i, n - i);
        if (len == 0 || str_control(t + i, n - i) > 0) {
            return false;
        }
    }
    return true;
}

bool topic_valid(const char *topic)
{
    return plain_text(topic) && strpbrk(topic, "+#") == NULL;
}

bool topic_filter_valid(const char *filter)
{
    size_t n = strlen(filter);

    if (!plain_text(filter)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        bool starts = i == 0 || filter[i - 1] == '/';
        bool ends = i + 1 == n || filter[i + 1] == '/';

        if ((filter[i] == '+' && !(starts && ends)) ||
                (filter[i] == '#' && !(starts && i + 1 == n))) {
            return false;
        }
    }
    return true;
}

bool topic_base_valid(const char *base)
{
    size_t n = strlen(base);

    return topic_valid(base) && base[0] != '/' && base[0] != '$' && base[n - 1] != '/' &&
           strstr(base, "//") == NULL;
}

/* Length of the level that begins at s. */
static size_t level(const char *s)
{
    return strcspn(s, "/");
}

bool topic_match(const char *filter, const char *topic)
{
    if (topic[0] == '$' && (filter[0] == '+' || filter[0] == '#')) {
        return false;
    }
    for (;;) {
        size_t nf = level(filter);
        size_t nt = level(topic);

        if (filter[0] == '#') {
            return true;
        }
        if (!(nf == 1 && filter[0] == '+') && (nf != nt || memcmp(filter, topic, nf) != 0)) {
            return false;
        }
        filter += nf;
        topic += nt;
        if (topic[0] == '\0') {
            /* "a/#" matches "a" as well. */
            return filter[0] == '\0' || strcmp(filter, "/#") == 0;
        }
        if (filter[0] == '\0') {
            return false;
        }
        filter++;
        topic++;
    }
}

static bool has_id(enum model_kind kind)
{
    return kind == MODEL_CIRCUIT || kind == MODEL_CHARGER || kind == MODEL_SOURCE;
}

/* "<base>/<kind>[/<id>]" */
static bool stem(char *dst, size_t room, const char *base, enum model_kind kind, const char *id)
{
    const char *word = model_kind_names[kind];

    return has_id(kind) ? str_format(dst, room, "%s/%s/%s", base, word, id)
                        : str_format(dst, room, "%s/%s", base, word);
}

bool topic_state(char *dst, size_t room, const char *base, enum model_kind kind, const char *id)
{
    if (kind == MODEL_BRIDGE) {
        return str_format(dst, room, "%s/bridge/health", base);
    }
    return stem(dst, room, base, kind, id);
}

bool topic_leaf(char *dst, size_t room, const char *base, const struct model_device *d,
        const char *leaf)
{
    char head[TOPIC_ROOM];

    return stem(head, sizeof(head), base, d->kind, d->id) &&
           str_format(dst, room, "%s/%s", head, leaf);
}

bool topic_command(
        char *dst, size_t room, const char *base, const struct model_device *d, const char *key)
{
    char head[TOPIC_ROOM];

    if (d->kind == MODEL_BRIDGE) {
        return str_format(dst, room, "%s/bridge/request/%s", base, key);
    }
    return stem(head, sizeof(head), base, d->kind, d->id) &&
           str_format(dst, room, "%s/%s/set", head, key);
}

bool topic_result(char *dst, size_t room, const char *command_topic)
{
    static const char request[] = "/bridge/request/";
    const size_t set = sizeof("/set") - 1;
    size_t n = strlen(command_topic);
    const char *at = NULL;

    if (n >= TOPIC_ROOM) {
        return false;
    }
    /* The last one: a base topic may hold the same words. */
    for (const char *p = strstr(command_topic, request); p; p = strstr(p + 1, request)) {
        at = p;
    }
    if (at && !strchr(at + sizeof(request) - 1, '/')) { /* also a request called "set" */
        return str_format(dst, room, "%.*s/bridge/response/%s", (int)(at - command_topic),
                command_topic, at + sizeof(request) - 1);
    }
    if (n > set && strcmp(command_topic + n - set, "/set") == 0) {
        return str_format(dst, room, "%.*s/result", (int)(n - set), command_topic);
    }
    return false;
}

/* Copies the level at *s and steps over the slash behind it; false: empty or too long. */
static bool take_level(const char **s, char *dst, size_t room)
{
    size_t n = level(*s);

    if (n == 0 || n >= room) {
        return false;
    }
    memcpy(dst, *s, n);
    dst[n] = '\0';
    *s += n;
    if (**s == '/') {
        (*s)++;
    }
    return true;
}

bool topic_parse(const char *base, const char *topic, struct topic_target *out)
{
    size_t n = strlen(base);
    char word[TOPIC_WORD_ROOM];
    int kind = 0;

    if (strncmp(topic, base, n) != 0 || topic[n] != '/') {
        return false;
    }
    topic += n + 1;
    *out = (struct topic_target){.kind = MODEL_BRIDGE};
    if (!take_level(&topic, word, sizeof(word))) {
        return false;
    }
    while (kind < MODEL_KINDS && strcmp(model_kind_names[kind], word) != 0) {
        kind++;
    }
    if (kind == MODEL_KINDS) {
        return false;
    }
    out->kind = (enum model_kind)kind;
    if (out->kind == MODEL_BRIDGE) {
        return take_level(&topic, word, sizeof(word)) && strcmp(word, "request") == 0 &&
               take_level(&topic, out->key, sizeof(out->key)) && topic[0] == '\0' &&
               topic[-1] != '/';
    }
    if (has_id(out->kind) && !take_level(&topic, out->id, sizeof(out->id))) {
        return false;
    }
    return take_level(&topic, out->key, sizeof(out->key)) && strcmp(topic, "set") == 0;
}
