/*
 * opt - options are rows: one table gives parser, errors, defaults, schema and docs.
 *
 * A module owns a struct and a table of rows over its members; OPTION() fills in name, offset
 * and size. Parsing an object sets every member: the given ones after a check, the others to
 * their fallback. Errors are collected, not stopped at: `chargers[0].max_a: 90 is above 80`.
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include "bridge/base/buf.h"
#include "bridge/base/err.h"
#include "bridge/base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
    OPT_BOOL,  /* member bool */
    OPT_INT,   /* member int32_t */
    OPT_AMPS,  /* JSON number in A, member int32_t in mA; min, max, fallback in mA */
    OPT_MICRO, /* JSON number, member int32_t in millionths; min, max, fallback in millionths */
    OPT_STRING, /* member char[]; size is its room; min, max = length in bytes */
    OPT_CHOICE, /* JSON string out of choices, member int32_t = index */
};

enum {
    OPT_REQUIRED = 1 << 0,
    OPT_SECRET = 1 << 1,  /* printed as "***" everywhere */
    OPT_RESTART = 1 << 2, /* a change takes effect after a restart only */
    OPT_ADDRESS = 1 << 3, /* a URL: its query, where keys stand, is printed as "?***" */
};

/* Fallback of an OPT_INT, OPT_AMPS or OPT_MICRO that is not set: the member holds it, schema and docs say
 * "not set". */
#define OPT_UNSET INT32_MIN

/* The digits behind the point that a number of this type is held with. */
static inline int opt_digits(enum opt_type t)
{
    return t == OPT_MICRO ? 6 : t == OPT_AMPS ? 3 : 0;
}

struct opt {
    const char *name;
    enum opt_type type;
    size_t offset, size;
    int64_t min, max, fallback; /* fallback also for OPT_BOOL and OPT_CHOICE (index) */
    const char *fallback_str;   /* OPT_STRING; NULL: "" */
    const char *const *choices; /* OPT_CHOICE, NULL-terminated */
    unsigned flags;
    const char *unit; /* shown; NULL: none */
    const char *text; /* one full sentence, shown to users, ends with a full stop */
};

/* OPTION(struct bus_settings, "port", port, OPT_STRING, .max = 200, .text = "...") */
#define OPTION(T, name_, member, type_, ...)                             \
    {                                                                    \
        .name = (name_), .type = (type_), .offset = offsetof(T, member), \
        .size = sizeof(((T *)0)->member), __VA_ARGS__                    \
    }

/* A collector of sentences; the first OPT_ERRORS_MAX are kept, all are counted. */
enum { OPT_ERRORS_MAX = 64 };
struct opt_errors {
    int count;
    char text[OPT_ERRORS_MAX][256];
};
void opt_errors_add(struct opt_errors *errs, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Every member of config to its fallback. The table ends with a row whose name is NULL. */
void opt_defaults(const struct opt *table, void *config);

/* Reads the object v into config (defaults first). path is "" at the root, "chargers[0]" below.
 * Unknown members, wrong types, ranges and missing required members go to errs. */
void opt_parse(const struct opt *table, void *config, struct json_object *v, const char *path,
        struct opt_errors *errs);

/* Writes config as JSON members into the open object of w; secrets as "***", unset left out. */
void opt_write(const struct opt *table, const void *config, struct jw *w);

/* Writes the table as a JSON Schema (draft 2020-12) of an object into the open object. */
void opt_schema(const struct opt *table, struct jw *w);

/* True if an option flagged OPT_RESTART differs; *name is its row's name then. */
bool opt_needs_restart(
        const struct opt *table, const void *a, const void *b, const char **name);

#endif
