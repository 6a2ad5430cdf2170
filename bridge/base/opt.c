/*
 * opt - reading, defaults and writing of option rows. SPDX-License-Identifier: MIT
 */
#include "bridge/base/opt.h"

#include "bridge/base/str.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_MAX = 80, ADDRESS_ROOM = 1024 };

void opt_errors_add(struct opt_errors *errs, const char *fmt, ...)
{
    char *text = errs->text[errs->count < OPT_ERRORS_MAX ? errs->count : 0];
    va_list ap;

    if (errs->count++ >= OPT_ERRORS_MAX) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(errs->text[0]), fmt, ap);
    va_end(ap);
    str_line(text, '?'); /* names come from the file, cut by their formats */
}

static void *member(const struct opt *o, void *config)
{
    return (char *)config + o->offset;
}

static const void *const_member(const struct opt *o, const void *config)
{
    return (const char *)config + o->offset;
}

static void set_int(const struct opt *o, void *config, int64_t v)
{
    int32_t narrow = (int32_t)v;

    memcpy(member(o, config), &narrow, sizeof(narrow));
}

static int32_t get_int(const struct opt *o, const void *config)
{
    int32_t v;

    memcpy(&v, const_member(o, config), sizeof(v));
    return v;
}

void opt_defaults(const struct opt *table, void *config)
{
    for (const struct opt *o = table; o->name; o++) {
        switch (o->type) {
        case OPT_BOOL:
            *(bool *)member(o, config) = o->fallback != 0;
            break;
        case OPT_INT:
        case OPT_AMPS:
        case OPT_MICRO:
        case OPT_CHOICE:
            set_int(o, config, o->fallback);
            break;
        case OPT_STRING:
            str_copy(member(o, config), o->size, o->fallback_str ? o->fallback_str : "");
            break;
        }
    }
}

/* "a.b" or "b". */
static void join(char *dst, size_t room, const char *path, const char *name)
{
    str_format(dst, room, "%s%s%s", path, path[0] != '\0' ? "." : "", name);
}

enum { NUMBER_ROOM = 24 };

/* As a person writes it: 16500 mA are "16.5". */
static void number_text(const struct opt *o, char dst[static NUMBER_ROOM], int64_t v)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    buf_init(&b, NUMBER_ROOM - 1);
    jw_init(&w, &b);
    jw_decimal(&w, NULL, v, opt_digits(o->type), opt_digits(o->type));
    str_copy(dst, NUMBER_ROOM, buf_text(&b));
}

static void parse_number(const struct opt *o, void *config, struct json_object *v,
        const char *path, struct opt_errors *errs)
{
    char got[NUMBER_ROOM], min[NUMBER_ROOM], max[NUMBER_ROOM];
    int64_t n = 0;
    struct err e = {0};
    enum err_code r =
            o->type == OPT_INT
                    ? json_get_int(v, path, &n, &e)
                    : json_get_scaled(v, path, o->type == OPT_AMPS ? 1000 : 1000000, &n, &e);

    number_text(o, got, n);
    number_text(o, min, o->min);
    number_text(o, max, o->max);
    if (r != ERR_OK) {
        opt_errors_add(errs, "%s; allowed: %s..%s%s%s", e.text, min, max, o->unit ? " " : "",
                o->unit ? o->unit : "");
    } else if (n < o->min) {
        opt_errors_add(errs, "%s: %s is below %s (allowed: %s..%s)", path, got, min, min, max);
    } else if (n > o->max) {
        opt_errors_add(errs, "%s: %s is above %s (allowed: %s..%s)", path, got, max, min, max);
    } else {
        set_int(o, config, n);
    }
}

static void parse_string(const struct opt *o, void *config, struct json_object *v,
        const char *path, struct opt_errors *errs)
{
    struct err e = {0};
    const char *s = json_get_str(v, path, &e);
    size_t n = s ? strlen(s) : 0;

    if (!s) {
        opt_errors_add(errs, "%s", e.text);
    } else if (n < (size_t)o->min) {
        opt_errors_add(errs, "%s: is empty", path);
    } else if (n >= o->size || (o->max > 0 && n > (size_t)o->max)) {
        opt_errors_add(errs, "%s: %zu bytes are above %zu", path, n,
                o->max > 0 ? (size_t)o->max : o->size - 1);
    } else {
        str_copy(member(o, config), o->size, s);
    }
}

static void parse_choice(const struct opt *o, void *config, struct json_object *v,
        const char *path, struct opt_errors *errs)
{
    struct err e = {0};
    const char *s = json_get_str(v, path, &e);
    const char *near;
    char list[160] = "";

    for (int i = 0; o->choices[i]; i++) {
        size_t n = strlen(list);

        if (s && strcmp(o->choices[i], s) == 0) {
            set_int(o, config, i);
            return;
        }
        str_format(list + n, sizeof(list) - n, "%s%s", i > 0 ? ", " : "", o->choices[i]);
    }
    if (!s) {
        opt_errors_add(errs, "%s, one of %s", e.text, list);
        return;
    }
    near = str_nearest(s, o->choices);
    opt_errors_add(errs, "%s: '%.60s' is not one of %s%s%s%s", path, s, list,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static void parse_one(const struct opt *o, void *config, struct json_object *v,
        const char *path, struct opt_errors *errs)
{
    struct err e = {0};
    bool flag = false;

    switch (o->type) {
    case OPT_BOOL:
        if (json_get_bool(v, path, &flag, &e) != ERR_OK) {
            opt_errors_add(errs, "%s", e.text);
        } else {
            *(bool *)member(o, config) = flag;
        }
        break;
    case OPT_INT:
    case OPT_AMPS:
    case OPT_MICRO:
        parse_number(o, config, v, path, errs);
        break;
    case OPT_STRING:
        parse_string(o, config, v, path, errs);
        break;
    case OPT_CHOICE:
        parse_choice(o, config, v, path, errs);
        break;
    }
}

struct walk {
    const struct opt *table;
    void *config;
    const char *path;
    struct opt_errors *errs;
};

static bool each(const char *key, struct json_object *v, void *user)
{
    struct walk *w = user;
    const char *names[NAMES_MAX + 1] = {NULL};
    const char *near;
    char path[160];
    int n = 0;

    join(path, sizeof(path), w->path, key);
    for (const struct opt *o = w->table; o->name; o++) {
        if (strcmp(o->name, key) == 0) {
            parse_one(o, w->config, v, path, w->errs);
            return true;
        }
        if (n < NAMES_MAX) {
            names[n++] = o->name;
        }
    }
    near = str_nearest(key, names);
    opt_errors_add(w->errs, "%s: there is no such option%s%s%s", path,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return true;
}

void opt_parse(const struct opt *table, void *config, struct json_object *v, const char *path,
        struct opt_errors *errs)
{
    struct walk w = {table, config, path, errs};
    char name[160];

    opt_defaults(table, config);
    if (json_kind(v) != JSON_OBJECT) {
        opt_errors_add(errs, "%s: wants an object", path[0] != '\0' ? path : "settings");
        return;
    }
    json_each(v, each, &w);
    for (const struct opt *o = table; o->name; o++) {
        if ((o->flags & OPT_REQUIRED) && !json_has(v, o->name)) {
            join(name, sizeof(name), path, o->name);
            opt_errors_add(errs, "%s: is missing", name);
        }
    }
}

static void write_string(const struct opt *o, const char *s, struct jw *w)
{
    char address[ADDRESS_ROOM];
    size_t query = strcspn(s, "?");

    if (s[0] == '\0') {
        return;
    }
    if (o->flags & OPT_SECRET) {
        s = "***";
    } else if ((o->flags & OPT_ADDRESS) && s[query] == '?') {
        str_format(address, sizeof(address), "%.*s?***", (int)query, s);
        s = address;
    }
    jw_str(w, o->name, s);
}

static void write_number(const struct opt *o, int32_t v, struct jw *w)
{
    if (v != OPT_UNSET) {
        jw_decimal(w, o->name, v, opt_digits(o->type), opt_digits(o->type));
    }
}

void opt_write(const struct opt *table, const void *config, struct jw *w)
{
    for (const struct opt *o = table; o->name; o++) {
        switch (o->type) {
        case OPT_BOOL:
            jw_bool(w, o->name, *(const bool *)const_member(o, config));
            break;
        case OPT_INT:
        case OPT_AMPS:
        case OPT_MICRO:
            write_number(o, get_int(o, config), w);
            break;
        case OPT_CHOICE:
            jw_str(w, o->name, o->choices[get_int(o, config)]);
            break;
        case OPT_STRING:
            write_string(o, const_member(o, config), w);
            break;
        }
    }
}

bool opt_needs_restart(const struct opt *table, const void *a, const void *b, const char **name)
{
    for (const struct opt *o = table; o->name; o++) {
        if (!(o->flags & OPT_RESTART)) {
            continue;
        }
        bool same = o->type == OPT_STRING
                            ? strcmp(const_member(o, a), const_member(o, b)) == 0
                            : memcmp(const_member(o, a), const_member(o, b), o->size) == 0;

        if (!same) {
            *name = o->name;
            return true;
        }
    }
    return false;
}
