/*
 * json_read - strict parsing and typed getters over json-c.
 *
 * json-c alone keeps the last of two equal keys, takes trailing text and NaN; so the text is first
 * walked by a small checker of our own, which finds those and says where.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, KEYS_MAX = 256 };

struct place {
    int line, column;
};

static struct place place_of(const char *text, size_t at)
{
    struct place p = {1, 1};

    for (size_t i = 0; i < at; i++) {
        p.column++;
        if (text[i] == '\n') {
            p.line++;
            p.column = 1;
        }
    }
    return p;
}

static enum err_code fail(struct err *e, const char *text, size_t at, const char *what)
{
    struct place p = place_of(text, at);

    return err_set(e, ERR_INVALID, "JSON, line %d column %d: %s", p.line, p.column, what);
}

/* A string as it stands in the text, without its quotes. */
struct key {
    size_t at, len;
    int level;
};

struct checker {
    const char *text;
    size_t len;
    struct err *e;
    int level;
    bool object[DEPTH_MAX + 1];
    struct key key[KEYS_MAX]; /* of the objects that are open */
    int keys;
};

static bool known(struct checker *c, size_t at, size_t len)
{
    for (int i = 0; i < c->keys; i++) {
        if (c->key[i].level == c->level && c->key[i].len == len &&
                memcmp(c->text + c->key[i].at, c->text + at, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Behind a string that ended at `end`: is it a key? */
static bool is_key(const struct checker *c, size_t end)
{
    while (end < c->len && strchr(" \t\r\n", c->text[end]) && c->text[end] != '\0') {
        end++;
    }
    return end < c->len && c->text[end] == ':' && c->object[c->level];
}

static enum err_code string(struct checker *c, size_t *i)
{
    size_t at = *i + 1, k = at;

    while (k < c->len && c->text[k] != '"') {
        if ((unsigned char)c->text[k] < 0x20) {
            return fail(c->e, c->text, k, "a control character in a text");
        }
        k += c->text[k] == '\\' ? 2 : 1;
    }
    if (k >= c->len) {
        return fail(c->e, c->text, *i, "a text without its closing quote");
    }
    *i = k + 1;
    if (!is_key(c, k + 1)) {
        return ERR_OK;
    }
    if (known(c, at, k - at)) {
        fail(c->e, c->text, at, "");
        return err_set(c->e, ERR_INVALID, "JSON, line %d column %d: '%.*s' stands twice",
                place_of(c->text, at).line, place_of(c->text, at).column,
                (int)(k - at < 60 ? k - at : 60), c->text + at);
    }
    if (c->keys == KEYS_MAX) {
        return fail(c->e, c->text, at, "too many members");
    }
    c->key[c->keys++] = (struct key){at, k - at, c->level};
    return ERR_OK;
}

static enum err_code deeper(struct checker *c, size_t i)
{
    if (c->level == DEPTH_MAX) {
        return fail(c->e, c->text, i, "nested deeper than 16");
    }
    c->level++;
    c->object[c->level] = c->text[i] == '{';
    return ERR_OK;
}

static void up(struct checker *c)
{
    while (c->keys > 0 && c->key[c->keys - 1].level == c->level) {
        c->keys--;
    }
    c->level -= c->level > 0;
}

/* Depth, duplicate keys, NUL bytes, NaN; the grammar itself is json-c's work. */
static enum err_code check(const char *text, size_t len, struct err *e)
{
    struct checker c = {.text = text, .len = len, .e = e};
    size_t i = 0;

    while (i < len) {
        enum err_code r = ERR_OK;

        switch (text[i]) {
        case '"':
            r = string(&c, &i);
            break;
        case '{':
        case '[':
            r = deeper(&c, i++);
            break;
        case '}':
        case ']':
            up(&c);
            i++;
            break;
        case 'N':
        case 'I':
            return fail(e, text, i, "NaN and Infinity are not JSON");
        case '/':
            return fail(e, text, i, "comments are not JSON");
        case '\0':
            return fail(e, text, i, "a zero byte");
        default:
            i++;
        }
        if (r != ERR_OK) {
            return r;
        }
    }
    return ERR_OK;
}

struct json_object *json_parse(const char *text, size_t len, struct err *e)
{
    struct json_tokener *t;
    struct json_object *v;
    enum json_tokener_error why;
    size_t end;

    if (len > INT32_MAX || check(text, len, e) != ERR_OK) {
        return NULL;
    }
    t = json_tokener_new_ex(DEPTH_MAX + 2);
    if (!t) {
        err_set(e, ERR_NO_MEMORY, "JSON: out of memory");
        return NULL;
    }
    json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
                                      JSON_TOKENER_VALIDATE_UTF8);
    v = json_tokener_parse_ex(t, text, (int)len);
    why = json_tokener_get_error(t);
    end = json_tokener_get_parse_end(t);
    if (why == json_tokener_continue) {
        /* A number or word at the very end wants to see that nothing follows. */
        v = json_tokener_parse_ex(t, "", 1);
        why = json_tokener_get_error(t);
        end = len;
        if (why == json_tokener_continue) {
            fail(e, text, len, "the text ends too early");
        }
    }
    json_tokener_free(t);
    if (why != json_tokener_success) {
        if (why != json_tokener_continue) {
            fail(e, text, end, json_tokener_error_desc(why));
        }
        json_put(v);
        return NULL;
    }
    for (; end < len; end++) {
        if (!strchr(" \t\r\n", text[end])) {
            fail(e, text, end, "text behind the end");
            json_put(v);
            return NULL;
        }
    }
    return v;
}

enum err_code json_get_int(struct json_object *v, const char *path, int64_t *out, struct err *e)
{
    const char *text;

    if (json_kind(v) != JSON_NUMBER) {
        return err_set(e, ERR_INVALID, "%s: wants a whole number", path);
    }
    text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
    if (json_object_is_type(v, json_type_double)) {
        int64_t scaled = 0;

        /* 16.0 is whole, 16.5 is not. */
        if (!str_scaled(text, strlen(text), 1000, &scaled) || scaled % 1000 != 0) {
            return err_set(e, ERR_INVALID, "%s: %s is not a whole number", path, text);
        }
        *out = scaled / 1000;
        return ERR_OK;
    }
    if (!str_int(text, strlen(text), out)) {
        return err_set(e, ERR_INVALID, "%s: %s is not a whole number", path, text);
    }
    return ERR_OK;
}

enum err_code json_get_scaled(struct json_object *v, const char *path, int64_t scale,
        int64_t *out, struct err *e)
{
    const char *text;

    if (json_kind(v) != JSON_NUMBER) {
        return err_set(e, ERR_INVALID, "%s: wants a number", path);
    }
    text = json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN);
    if (!str_scaled(text, strlen(text), scale, out)) {
        return err_set(e, ERR_INVALID, "%s: %.60s is not a usable number", path, text);
    }
    return ERR_OK;
}

enum err_code json_get_bool(struct json_object *v, const char *path, bool *out, struct err *e)
{
    if (json_kind(v) != JSON_BOOL) {
        return err_set(e, ERR_INVALID, "%s: wants true or false", path);
    }
    *out = json_object_get_boolean(v);
    return ERR_OK;
}

const char *json_get_str(struct json_object *v, const char *path, struct err *e)
{
    const char *s;

    if (json_kind(v) != JSON_TEXT) {
        err_set(e, ERR_INVALID, "%s: wants a text", path);
        return NULL;
    }
    s = json_object_get_string(v);
    for (int i = 0; i < json_object_get_string_len(v); i++) {
        if ((unsigned char)s[i] < 0x20) {
            err_set(e, ERR_INVALID, "%s: has a control character", path);
            return NULL;
        }
    }
    return s;
}
