/*
 * lint_rules - texts, topics, templates, numbers. SPDX-License-Identifier: MIT
 */
#include "discovery/lint_rules.h"

#include "bridge/base/str.h"
#include "bridge/core/topic.h"

#include <string.h>

bool lint_bad(struct lint *l, const char *member, const char *why)
{
    bool both = member && l->at[0] != '\0';

    (void)err_set(
            l->e, ERR_INVALID, "%s%s%s: %s", l->at, both ? "." : "", member ? member : "", why);
    return false;
}

bool lint_listed(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = words; n > 0 && (p = strstr(p, word)) != NULL; p += n) {
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) {
            return true;
        }
    }
    return false;
}

const char *lint_text(struct json_object *v, const char *key)
{
    struct json_object *member = json_member(v, key);

    return json_kind(member) == JSON_TEXT ? json_get_str(member, key, NULL) : NULL;
}

bool lint_is_text(struct lint *l, struct json_object *v, const char *key)
{
    const char *text = lint_text(v, key);

    if (!json_member(v, key)) {
        return true;
    }
    return text && text[0] != '\0' ? true : lint_bad(l, key, "is no text");
}

bool lint_is_bool(struct lint *l, struct json_object *v, const char *key)
{
    struct json_object *member = json_member(v, key);

    return !member || json_kind(member) == JSON_BOOL ? true
                                                     : lint_bad(l, key, "is not true or false");
}

/* scheme://host, the host not empty */
static bool has_scheme(const char *text, const char *scheme)
{
    size_t n = strlen(scheme);

    return strncmp(text, scheme, n) == 0 && text[n] != '\0' && text[n] != '/' && text[n] != ':';
}

bool lint_is_url(struct lint *l, struct json_object *v, const char *key, bool home_assistant)
{
    const char *text = lint_text(v, key);

    if (!json_member(v, key)) {
        return true;
    }
    if (text && !strchr(text, ' ') &&
            (has_scheme(text, "http://") || has_scheme(text, "https://") ||
                    (home_assistant && has_scheme(text, "homeassistant://")))) {
        return true;
    }
    return lint_bad(l, key, "is no URL with a host that Home Assistant takes");
}

bool lint_is_topic(struct lint *l, struct json_object *v, const char *key)
{
    const char *text = lint_text(v, key);

    if (!json_member(v, key)) {
        return true;
    }
    return text && topic_valid(text) ? true : lint_bad(l, key, "is no topic without wildcards");
}

/* What stands between "{{" and "}}" or "{%" and "%}": not empty, brackets and quotes closed. */
static bool expression(const char *p, size_t n)
{
    int depth = 0;
    char quote = '\0';
    bool empty = true;

    for (size_t i = 0; i < n; i++) {
        char c = p[i];

        empty = empty && c == ' ';
        if (quote != '\0' && c == quote) {
            quote = '\0';
        } else if (quote != '\0') {
            continue;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '(' || c == '[') {
            depth++;
        } else if ((c == ')' || c == ']') && --depth < 0) {
            return false;
        }
    }
    return !empty && depth == 0 && quote == '\0';
}

static bool template_ok(const char *p)
{
    while (*p) {
        const char *close;

        if (strncmp(p, "}}", 2) == 0 || strncmp(p, "%}", 2) == 0) {
            return false;
        }
        if (strncmp(p, "{{", 2) != 0 && strncmp(p, "{%", 2) != 0) {
            p++;
            continue;
        }
        close = strstr(p + 2, p[1] == '{' ? "}}" : "%}");
        if (!close || !expression(p + 2, (size_t)(close - p) - 2)) {
            return false;
        }
        p = close + 2;
    }
    return true;
}

bool lint_is_template(struct lint *l, struct json_object *v, const char *key)
{
    const char *text = lint_text(v, key);

    if (!json_member(v, key)) {
        return true;
    }
    return text && template_ok(text) ? true : lint_bad(l, key, "is no template");
}

bool lint_is_int(
        struct lint *l, struct json_object *v, const char *key, int64_t min, int64_t max)
{
    struct json_object *member = json_member(v, key);
    int64_t got = 0;

    if (!member) {
        return true;
    }
    if (json_kind(member) != JSON_NUMBER || json_get_int(member, key, &got, NULL) != ERR_OK ||
            got < min || got > max) {
        return lint_bad(l, key, "is no whole number in its range");
    }
    return true;
}

bool lint_is_words(struct lint *l, struct json_object *v, const char *key)
{
    struct json_object *list = json_member(v, key);

    if (!list) {
        return true;
    }
    if (json_length(list) == 0) {
        return lint_bad(l, key, "is no list or an empty one");
    }
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *item = json_item(list, i);
        const char *word = json_kind(item) == JSON_TEXT ? json_get_str(item, key, NULL) : NULL;

        if (!word || word[0] == '\0') {
            return lint_bad(l, key, "holds something that is no text");
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(word, json_get_str(json_item(list, k), key, NULL)) == 0) {
                return lint_bad(l, key, "holds a word twice");
            }
        }
    }
    return true;
}

struct only {
    struct lint *l;
    const char *const *lists;
};

static bool is_known(const char *key, struct json_object *v, void *user)
{
    const struct only *o = user;

    (void)v;
    for (const char *const *list = o->lists; *list; list++) {
        if (lint_listed(*list, key)) {
            return true;
        }
    }
    return lint_bad(o->l, key, "is a key that Home Assistant does not know here");
}

bool lint_only(struct lint *l, struct json_object *v, const char *const *lists)
{
    struct only o = {.l = l, .lists = lists};

    return json_each(v, is_known, &o);
}

static bool availability(struct lint *l, struct json_object *v)
{
    struct json_object *list = json_member(v, "availability");
    bool mode_all = lint_text(v, "availability_mode") != NULL;

    if (!list) {
        return true;
    }
    if (json_kind(list) != JSON_LIST) {
        return lint_bad(l, "availability", "is no list");
    }
    if (json_length(list) > 1 && !mode_all) {
        return lint_bad(
                l, "availability_mode", "is missing: with several topics the latest would win");
    }
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *entry = json_item(list, i);
        char before[LINT_PLACE_ROOM];
        bool ok;

        (void)str_copy(before, sizeof(before), l->at);
        (void)str_format(l->at, sizeof(l->at), "%s%savailability[%d]", before,
                before[0] != '\0' ? "." : "", i);
        ok = json_member(entry, "topic") ? true : lint_bad(l, "topic", "is missing");
        ok = ok && lint_only(l, entry, (const char *const[]){lint_availability_keys, NULL}) &&
             lint_is_topic(l, entry, "topic") && lint_is_template(l, entry, "value_template") &&
             lint_is_text(l, entry, "payload_available") &&
             lint_is_text(l, entry, "payload_not_available");
        if (!ok) {
            return false;
        }
        (void)str_copy(l->at, sizeof(l->at), before);
    }
    return true;
}

/* Whole seconds, or {"seconds": n} and the like. */
static bool expiry(struct lint *l, struct json_object *v)
{
    struct json_object *member = json_member(v, "message_expiry_interval");

    return json_kind(member) == JSON_OBJECT ||
           lint_is_int(l, v, "message_expiry_interval", 0, UINT32_MAX);
}

bool lint_shared(struct lint *l, struct json_object *v)
{
    const char *mode = lint_text(v, "availability_mode");

    if (json_member(v, "availability") && json_member(v, "availability_topic")) {
        return lint_bad(l, "availability_topic", "stands beside availability");
    }
    if (json_member(v, "availability_mode") && !(mode && lint_listed("all any latest", mode))) {
        return lint_bad(l, "availability_mode", "is not all, any or latest");
    }
    return availability(l, v) && lint_is_topic(l, v, "availability_topic") &&
           lint_is_template(l, v, "availability_template") &&
           lint_is_topic(l, v, "state_topic") && lint_is_topic(l, v, "command_topic") &&
           lint_is_int(l, v, "qos", 0, 2) && expiry(l, v);
}
