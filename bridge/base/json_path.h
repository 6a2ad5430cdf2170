/*
 * json_path - finds values in JSON whose shape is not ours, by a small path language.
 *
 *   a.b[0]."key with space"   members and list items; [-1] is the last item
 *   a[*].b                    every item
 *   a[?key=="x"].b            the first item whose member key is x (a text, number, true, false)
 *   $                         the whole value; a path may begin with "$."
 *
 * A bare name is made of letters, digits, '_', ':', '-' and what is not ASCII, and does not begin
 * with '-'. SPDX-License-Identifier: MIT
 */
#ifndef BASE_JSON_PATH_H
#define BASE_JSON_PATH_H

#include "bridge/base/err.h"
#include "bridge/base/json.h"

#include <stdbool.h>
#include <stddef.h>

/* The length of the path that s begins with; 0: none, and e says why. What stands behind it is the
 * caller's affair. */
size_t json_path_length(const char *s, struct err *e);

/* Each value that the path (n bytes, as json_path_length gave them) leads to, in order; v is NULL
 * for JSON's null. False: a part of the way is not there, e names it ("b is not in a"); fn is not
 * called then. Nothing found by [*] in an empty list is true. */
typedef void json_path_fn(void *user, struct json_object *v);
bool json_path_each(struct json_object *root, const char *path, size_t n, json_path_fn *fn,
        void *user, struct err *e);

#endif
