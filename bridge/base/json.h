/*
 * json - a streaming writer, and strict typed getters over json-c whose errors name the path.
 *
 * Reader: numbers must be finite; every object member that nobody asked for is an error with a
 * "did you mean". SPDX-License-Identifier: MIT
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "bridge/base/buf.h"
#include "bridge/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct json_object; /* json-c */

/* ---- writer: commas and quotes are kept by the writer; nesting up to 16 ---- */
struct jw {
    struct buf *b;     /* borrowed */
    uint32_t nonempty; /* bit per level */
    int level;
};

void jw_init(struct jw *w, struct buf *b);
void jw_open(struct jw *w, const char *key);  /* { ; key NULL at the root and in arrays */
void jw_close(struct jw *w);                  /* } */
void jw_array(struct jw *w, const char *key); /* [ */
void jw_array_end(struct jw *w);
void jw_str(struct jw *w, const char *key, const char *text); /* NULL text: null */
void jw_int(struct jw *w, const char *key, int64_t v);
void jw_bool(struct jw *w, const char *key, bool v);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, const char *json); /* json must be valid JSON */

/* v / 10^digits, at most `show` decimals (rounded half away from zero), no trailing zeros:
 * jw_decimal(w, "current", 9950, 3, 2) writes 9.95. */
void jw_decimal(struct jw *w, const char *key, int64_t v, int digits, int show);

/* Adds one JSON text to out with line breaks and two blanks a level, for people. json must be
 * valid JSON. */
void json_indent(const char *json, struct buf *out);

/* ---- reader ---- */

/* Parses one whole JSON value (nothing after it but blanks, at most depth 16, duplicate keys
 * refused). Caller releases with json_put. NULL on error, also for null alone; e says line and
 * column and what. */
struct json_object *json_parse(const char *text, size_t len, struct err *e) MUST_CHECK;

/* Typed getters: `path` is for the error text only. */
enum err_code json_get_int(
        struct json_object *v, const char *path, int64_t *out, struct err *e) MUST_CHECK;
/* Decimal times scale, towards zero; refuses NaN, infinities and text. */
enum err_code json_get_scaled(struct json_object *v, const char *path, int64_t scale,
        int64_t *out, struct err *e) MUST_CHECK;
enum err_code json_get_bool(
        struct json_object *v, const char *path, bool *out, struct err *e) MUST_CHECK;
/* Borrowed text, valid while v lives; refuses control characters (NUL, C0, DEL, C1). */
const char *json_get_str(struct json_object *v, const char *path, struct err *e) MUST_CHECK;

/* ---- walking a value whose shape is not ours (commands, discovery documents) ---- */
enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_LIST, JSON_OBJECT };

enum json_kind json_kind(struct json_object *v);
bool json_is_container(struct json_object *v);               /* list or object */
int json_length(struct json_object *v);                      /* of a list; else 0 */
struct json_object *json_item(struct json_object *v, int i); /* borrowed; NULL: null or none */
/* Borrowed; NULL: null, no such member, or v is no object. */
struct json_object *json_member(struct json_object *v, const char *key);
bool json_has(struct json_object *v, const char *key); /* also a member that is null */

/* Members in their order, until fn returns false; false then, and where v is no object. */
typedef bool json_each_fn(const char *key, struct json_object *v, void *user);
bool json_each(struct json_object *v, json_each_fn *fn, void *user);

/* The text of a string, the JSON text of anything else; cut where it does not fit. */
void json_as_text(struct json_object *v, char *dst, size_t room);

void json_put(struct json_object *v); /* accepts NULL */

#endif
