/*
 * json_walk - walking parsed values, so that nobody else needs json-c's header.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <json-c/json.h>

enum json_kind json_kind(struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_null:
        return JSON_NULL;
    case json_type_boolean:
        return JSON_BOOL;
    case json_type_double:
    case json_type_int:
        return JSON_NUMBER;
    case json_type_string:
        return JSON_TEXT;
    case json_type_array:
        return JSON_LIST;
    case json_type_object:
        return JSON_OBJECT;
    }
    return JSON_NULL;
}

int json_length(struct json_object *v)
{
    return json_kind(v) == JSON_LIST ? (int)json_object_array_length(v) : 0;
}

struct json_object *json_item(struct json_object *v, int i)
{
    return i >= 0 && i < json_length(v) ? json_object_array_get_idx(v, (size_t)i) : NULL;
}

struct json_object *json_member(struct json_object *v, const char *key)
{
    struct json_object *out = NULL;

    return json_kind(v) == JSON_OBJECT && json_object_object_get_ex(v, key, &out) ? out : NULL;
}

bool json_has(struct json_object *v, const char *key)
{
    return json_kind(v) == JSON_OBJECT && json_object_object_get_ex(v, key, NULL);
}

bool json_is_container(struct json_object *v)
{
    return json_kind(v) == JSON_LIST || json_kind(v) == JSON_OBJECT;
}

bool json_each(struct json_object *v, json_each_fn *fn, void *user)
{
    if (json_kind(v) != JSON_OBJECT) {
        return false;
    }
    struct json_object_iterator i = json_object_iter_begin(v);
    struct json_object_iterator end = json_object_iter_end(v);

    while (!json_object_iter_equal(&i, &end)) {
        if (!fn(json_object_iter_peek_name(&i), json_object_iter_peek_value(&i), user)) {
            return false;
        }
        json_object_iter_next(&i);
    }
    return true;
}

void json_as_text(struct json_object *v, char *dst, size_t room)
{
    if (json_kind(v) == JSON_TEXT) {
        str_copy(dst, room, json_object_get_string(v));
    } else {
        str_copy(dst, room, json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
    }
}

void json_put(struct json_object *v)
{
    if (v) {
        json_object_put(v);
    }
}
