/*
 * command_parse - a payload, plain or JSON, into arguments. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const members[] = {"value", "for", "owner", "reason", "priority", "transaction",
        "charger", "name", NULL};

enum command_code command_refuse(struct command_call *c, enum command_code code, const char *fmt,
        ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->out.message, sizeof(c->out.message), fmt, ap);
    va_end(ap);
    c->out.code = code;
    return code;
}

static bool valid_text(const char *p, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        len = str_utf8(p + i, n - i);
        if (len == 0 || (str_control(p + i, n - i) > 0 && !memchr("\n\r\t", p[i], 3))) {
            return false;
        }
    }
    return true;
}

static void trim(char *dst, size_t room, const char *p, size_t n)
{
    while (n > 0 && strchr(" \t\r\n", p[0])) {
        p++;
        n--;
    }
    while (n > 0 && strchr(" \t\r\n", p[n - 1])) {
        n--;
    }
    str_format(dst, room, "%.*s", (int)n, p);
}

static bool owner_ok(const char *s)
{
    size_t n = strlen(s);

    for (size_t i = 0; i < n; i++) {
        bool fine = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
                (s[i] >= '0' && s[i] <= '9') || strchr("_-.: ", s[i]);

        if (!fine) {
            return false;
        }
    }
    return n > 0;
}

/* One text member of at most room - 1 bytes. */
static enum command_code text_member(struct command_call *c, const char *key,
        struct json_object *v, char *dst, size_t room)
{
    struct err e = {0};
    const char *s = json_get_str(v, key, &e);

    if (!s) {
        return command_refuse(c, COMMAND_BAD_VALUE, "%s: wants a text", key);
    }
    if (!str_copy(dst, room, s)) {
        return command_refuse(c, COMMAND_BAD_VALUE, "%s: is longer than %zu bytes", key, room - 1);
    }
    return COMMAND_OK;
}

static enum command_code int_member(struct command_call *c, const char *key, struct json_object *v,
        int64_t min, int64_t max, int64_t *out)
{
    struct err e = {0};

    if (json_get_int(v, key, out, &e) != ERR_OK) {
        return command_refuse(c, COMMAND_BAD_VALUE, "%s: wants a whole number from %lld to %lld",
                key, (long long)min, (long long)max);
    }
    if (*out < min || *out > max) {
        return command_refuse(c, COMMAND_OUT_OF_RANGE, "%s: %lld is not within %lld..%lld", key,
                (long long)*out, (long long)min, (long long)max);
    }
    return COMMAND_OK;
}

static enum command_code value_member(struct command_call *c, struct json_object *v)
{
    char text[COMMAND_TEXT_ROOM];

    if (json_is_container(v)) {
        return command_refuse(c, COMMAND_BAD_VALUE, "value: wants a number, a text or null");
    }
    json_as_text(v, text, sizeof(text));
    trim(c->args.value, sizeof(c->args.value), text, strlen(text));
    c->args.has_value = true;
    return COMMAND_OK;
}

static bool one_member(const char *key, struct json_object *v, void *user)
{
    struct command_call *c = user;
    struct command_args *a = &c->args;
    bool request = c->in->kind == MODEL_BRIDGE;
    enum command_code code = COMMAND_OK;

    if (strcmp(key, "value") == 0) {
        code = value_member(c, v);
    } else if (strcmp(key, "for") == 0) {
        code = int_member(c, key, v, 1, FOR_MAX_S, &a->for_s);
        a->has_for = true;
    } else if (strcmp(key, "priority") == 0) {
        code = int_member(c, key, v, 0, 9, &a->priority);
        a->has_priority = true;
    } else if (strcmp(key, "owner") == 0) {
        code = text_member(c, key, v, a->owner, sizeof(a->owner));
        if (code == COMMAND_OK && !owner_ok(a->owner)) {
            code = command_refuse(c, COMMAND_BAD_VALUE,
                    "owner: wants 1 to 32 letters, digits, blanks or _-.:");
        }
        a->has_owner = true;
    } else if (strcmp(key, "reason") == 0) {
        code = text_member(c, key, v, a->reason, sizeof(a->reason));
    } else if (strcmp(key, "transaction") == 0) {
        json_as_text(v, a->transaction, sizeof(a->transaction));
    } else if (request && strcmp(key, "charger") == 0) {
        code = text_member(c, key, v, a->charger, sizeof(a->charger));
    } else if (request && strcmp(key, "name") == 0) {
        code = text_member(c, key, v, a->name, sizeof(a->name));
    } else {
        const char *near = str_nearest(key, members);

        code = command_refuse(c, COMMAND_UNKNOWN_MEMBER, "%.60s: is not a member of a command%s%s%s",
                key, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (c->out.code == COMMAND_OK) {
        c->out.code = code;
    }
    return true; /* go on: the transaction may stand behind a mistake */
}

enum command_code command_parse(struct command_call *c)
{
    const struct command_in *in = c->in;
    struct err e = {0};
    struct json_object *v;

    str_copy(c->args.owner, sizeof(c->args.owner), in->owner);
    if (in->len > COMMAND_PAYLOAD_MAX) {
        return command_refuse(c, COMMAND_BAD_VALUE, "payload: %zu bytes are above %d", in->len,
                COMMAND_PAYLOAD_MAX);
    }
    if (!valid_text(in->payload, in->len)) {
        return command_refuse(c, COMMAND_BAD_VALUE, "payload: is not UTF-8 text");
    }
    trim(c->args.value, sizeof(c->args.value), in->payload, in->len);
    if (c->args.value[0] != '{') {
        if (in->len >= COMMAND_TEXT_ROOM) {
            return command_refuse(c, COMMAND_BAD_VALUE, "payload: %zu bytes are above %d", in->len,
                    COMMAND_TEXT_ROOM - 1);
        }
        c->args.has_value = c->args.value[0] != '\0';
        return COMMAND_OK;
    }
    c->args.value[0] = '\0';
    c->args.is_json = true;
    v = json_parse(in->payload, in->len, &e);
    if (!v) {
        return command_refuse(c, COMMAND_BAD_JSON, "%s", e.text);
    }
    json_each(v, one_member, c);
    json_put(v);
    return c->out.code;
}

enum command_code command_number(struct command_call *c, int64_t min, int64_t max, int64_t *out)
{
    const char *key = c->in->key;
    const char *text = c->args.value;

    c->out.has_range = true;
    c->out.min = min;
    c->out.max = max;
    if (str_iequal(text, "unknown") || str_iequal(text, "unavailable") || str_iequal(text, "nan")) {
        return command_refuse(c, COMMAND_NO_DATA, "%s: the sender has no value (%.40s)", key, text);
    }
    if (!c->args.has_value || !str_scaled(text, strlen(text), 1000, out)) {
        return command_refuse(c, COMMAND_BAD_VALUE, "%s: '%.60s' is not a number", key, text);
    }
    if (*out < min || *out > max) {
        bool above = *out > max;
        int64_t bound = above ? max : min;

        return command_refuse(c, COMMAND_OUT_OF_RANGE, "%s: %.40s is %s %lld%s", key, text,
                above ? "above" : "below", (long long)(bound / 1000), c->out.unit_text);
    }
    return COMMAND_OK;
}
