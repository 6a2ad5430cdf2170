/*
 * opt_schema - option rows as JSON Schema. SPDX-License-Identifier: MIT
 */
#include "bridge/base/opt.h"

static void write_bounds(const struct opt *o, struct jw *w)
{
    int digits = opt_digits(o->type);

    jw_str(w, "type", o->type == OPT_INT ? "integer" : "number");
    jw_decimal(w, "minimum", o->min, digits, digits);
    jw_decimal(w, "maximum", o->max, digits, digits);
    if (o->fallback != OPT_UNSET) {
        jw_decimal(w, "default", o->fallback, digits, digits);
    }
}

static void write_string(const struct opt *o, struct jw *w)
{
    jw_str(w, "type", "string");
    if (o->min > 0) {
        jw_int(w, "minLength", o->min);
    }
    jw_int(w, "maxLength", o->max > 0 ? o->max : (int64_t)o->size - 1);
    if (o->fallback_str) {
        jw_str(w, "default", o->fallback_str);
    }
    if (o->flags & OPT_SECRET) {
        jw_bool(w, "writeOnly", true);
    }
}

static void write_choice(const struct opt *o, struct jw *w)
{
    jw_array(w, "enum");
    for (int i = 0; o->choices[i]; i++) {
        jw_str(w, NULL, o->choices[i]);
    }
    jw_array_end(w);
    jw_str(w, "default", o->choices[o->fallback]);
}

static void write_row(const struct opt *o, struct jw *w)
{
    jw_open(w, o->name);
    jw_str(w, "description", o->text);
    switch (o->type) {
    case OPT_BOOL:
        jw_str(w, "type", "boolean");
        jw_bool(w, "default", o->fallback != 0);
        break;
    case OPT_INT:
    case OPT_AMPS:
    case OPT_MICRO:
        write_bounds(o, w);
        break;
    case OPT_STRING:
        write_string(o, w);
        break;
    case OPT_CHOICE:
        write_choice(o, w);
        break;
    }
    jw_close(w);
}

void opt_schema(const struct opt *table, struct jw *w)
{
    bool required = false;

    jw_str(w, "type", "object");
    jw_bool(w, "additionalProperties", false);
    jw_open(w, "properties");
    for (const struct opt *o = table; o->name; o++) {
        write_row(o, w);
        required = required || (o->flags & OPT_REQUIRED);
    }
    jw_close(w);
    if (!required) {
        return;
    }
    jw_array(w, "required");
    for (const struct opt *o = table; o->name; o++) {
        if (o->flags & OPT_REQUIRED) {
            jw_str(w, NULL, o->name);
        }
    }
    jw_array_end(w);
}
