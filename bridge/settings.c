/*
 * settings - reading the file, section by section; schema and docs from the same tables.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/settings.h"

#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/settings_tables.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOP_MAX = 16 };

static enum err_code read_all(int fd, const char *path, struct buf *b, struct err *e)
{
    char chunk[4096];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set(e, ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
        }
        if (n == 0) {
            return ERR_OK;
        }
        buf_add(b, chunk, (size_t)n);
        if (!buf_ok(b)) {
            return err_set(e, ERR_IO, "%s: is larger than %d bytes", path, BUF_CAP_SETTINGS);
        }
    }
}

enum err_code settings_read(const char *path, char **text, size_t *len, struct err *e)
{
    enum err_code code;
    struct stat st;
    struct buf b;
    int fd;

    /* Non-blocking, so that a FIFO by mistake does not hold the daemon. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        code = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
        return err_set(e, code, "%s: %s", path,
                code == ERR_NOT_FOUND ? "there is no such file" : strerror(errno));
    }
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(e, ERR_IO, "%s: is not a file", path);
    }
    buf_init(&b, BUF_CAP_SETTINGS);
    code = read_all(fd, path, &b, e);
    close(fd);
    if (code != ERR_OK) {
        buf_finish(&b);
        return code;
    }
    *len = b.len;
    *text = buf_take(&b);
    if (!*text) {
        return err_set(e, ERR_NO_MEMORY, "%s: out of memory", path);
    }
    return ERR_OK;
}

static void *place(struct settings *s, const struct section *x, int i)
{
    return (char *)s + x->offset + (size_t)i * x->size;
}

static int *counter(struct settings *s, const struct section *x)
{
    return (int *)(void *)((char *)s + x->count_offset);
}

/* The rows of one entry; a list of sources has others for each adapter. */
static const struct opt *rows_of(
        struct settings *s, const struct section *x, int i, struct opt room[SOURCE_ROWS_MAX])
{
    if (!x->sources) {
        return x->table;
    }
    source_table(s->source[i].adapter, room);
    return room;
}

static void parse_list(struct settings *s, const struct section *x, struct json_object *v,
        struct opt_errors *errs, struct opt_errors *warnings)
{
    int n = json_length(v);

    if (json_kind(v) != JSON_LIST) {
        opt_errors_add(errs, "%s: wants a list", x->name);
        return;
    }
    if (n > x->max) {
        opt_errors_add(errs, "%s: %d entries are above %d", x->name, n, x->max);
        n = x->max;
    }
    for (int i = 0; i < n; i++) {
        char path[64];

        str_format(path, sizeof(path), "%s[%d]", x->name, i);
        if (x->sources) {
            settings_parse_source(&s->source[i], json_item(v, i), path, errs, warnings);
        } else {
            opt_parse(x->table, place(s, x, i), json_item(v, i), path, errs);
        }
    }
    *counter(s, x) = n;
}

struct top {
    struct settings *s;
    struct opt_errors *errs, *warnings;
};

static bool each_section(const char *key, struct json_object *v, void *user)
{
    struct top *t = user;
    const char *names[TOP_MAX + 1] = {NULL};
    const char *near;

    for (size_t i = 0; i < section_count; i++) {
        const struct section *x = &sections[i];

        names[i] = x->name;
        if (strcmp(x->name, key) != 0) {
            continue;
        }
        if (x->max > 0) {
            parse_list(t->s, x, v, t->errs, t->warnings);
        } else {
            opt_parse(x->table, place(t->s, x, 0), v, x->name, t->errs);
        }
        return true;
    }
    if (strcmp(key, "$schema") == 0) {
        return true; /* for editors */
    }
    near = str_nearest(key, names);
    opt_errors_add(t->errs, "%.80s: there is no such section%s%s%s", key,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return true;
}

void settings_parse(const char *text, size_t len, struct settings *out, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    struct err e = {0};
    struct top t = {out, errs, warnings};
    struct json_object *v;

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < section_count; i++) {
        if (sections[i].max == 0) {
            opt_defaults(sections[i].table, place(out, &sections[i], 0));
        }
    }
    v = json_parse(text, len, &e);
    if (!v) {
        opt_errors_add(errs, "%s", e.text);
    } else if (json_kind(v) != JSON_OBJECT) {
        opt_errors_add(errs, "settings: wants an object");
    } else {
        json_each(v, each_section, &t);
    }
    settings_check(out, errs, warnings);
    if (json_kind(v) != JSON_OBJECT) {
        *warnings = (struct opt_errors){0}; /* about defaults that nobody wrote */
    }
    json_put(v);
}

void settings_write(const struct settings *s, struct buf *out)
{
    struct settings *copy = malloc(sizeof(*copy)); /* place() wants it writable */
    struct opt room[SOURCE_ROWS_MAX];
    struct jw w;

    if (!copy) {
        out->failed = true;
        return;
    }
    memcpy(copy, s, sizeof(*copy));
    jw_init(&w, out);
    jw_open(&w, NULL);
    for (size_t i = 0; i < section_count; i++) {
        const struct section *x = &sections[i];

        if (x->max == 0) {
            jw_open(&w, x->name);
            opt_write(x->table, place(copy, x, 0), &w);
            jw_close(&w);
            continue;
        }
        jw_array(&w, x->name);
        for (int k = 0; k < *counter(copy, x); k++) {
            jw_open(&w, NULL);
            opt_write(rows_of(copy, x, k, room), place(copy, x, k), &w);
            jw_close(&w);
        }
        jw_array_end(&w);
    }
    jw_close(&w);
    free(copy);
}

/* A source without the options of its adapter. */
static void schema_of_any_source(struct jw *w)
{
    jw_str(w, "type", "object");
    jw_array(w, "required");
    jw_str(w, NULL, "name");
    jw_str(w, NULL, "adapter");
    jw_array_end(w);
    jw_open(w, "properties");
    jw_open(w, "adapter");
    jw_array(w, "enum");
    for (size_t i = 0; ems_at(i); i++) {
        jw_str(w, NULL, ems_at(i)->name);
    }
    jw_array_end(w);
    jw_close(w);
    jw_close(w);
}

static void schema_items(const struct section *x, bool whole, struct jw *w)
{
    struct opt room[SOURCE_ROWS_MAX];
    const char *choice[2];

    if (!x->sources) {
        opt_schema(x->table, w);
        return;
    }
    if (!whole) {
        schema_of_any_source(w);
        return;
    }
    jw_array(w, "oneOf");
    for (size_t i = 0; ems_at(i); i++) {
        source_schema_table(ems_at(i), choice, room);
        jw_open(w, NULL);
        jw_str(w, "title", ems_at(i)->title);
        opt_schema(room, w);
        jw_close(w);
    }
    jw_array_end(w);
}

static void write_schema(bool whole, struct jw *w)
{
    jw_open(w, NULL);
    jw_str(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jw_str(w, "title", "twcbridge settings");
    jw_str(w, "type", "object");
    jw_bool(w, "additionalProperties", false);
    jw_open(w, "properties");
    jw_open(w, "$schema");
    jw_str(w, "type", "string");
    jw_close(w);
    for (size_t i = 0; i < section_count; i++) {
        const struct section *x = &sections[i];

        jw_open(w, x->name);
        jw_str(w, "description", x->text);
        if (x->max > 0) {
            jw_str(w, "type", "array");
            jw_int(w, "maxItems", x->max);
            jw_open(w, "items");
            schema_items(x, whole, w);
            jw_close(w);
        } else {
            opt_schema(x->table, w);
        }
        jw_close(w);
    }
    jw_close(w);
    jw_close(w);
}

void settings_schema(struct buf *out)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    buf_init(&b, out->cap);
    jw_init(&w, &b);
    write_schema(true, &w);
    if (!buf_ok(&b)) {
        out->failed = true;
        return;
    }
    json_indent(buf_text(&b), out);
}

void settings_schema_short(struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    write_schema(false, &w);
}

const char *settings_restart_reason(const struct settings *a, const struct settings *b)
{
    static char text[96];
    const char *name = NULL;
    struct opt room[SOURCE_ROWS_MAX];
    struct settings *x = malloc(2 * sizeof(*x)); /* place() wants them writable */

    if (!x) {
        return "settings";
    }
    memcpy(&x[0], a, sizeof(*a));
    memcpy(&x[1], b, sizeof(*b));
    text[0] = '\0';
    for (size_t i = 0; i < section_count && text[0] == '\0'; i++) {
        const struct section *s = &sections[i];
        int n = s->max > 0 ? *counter(&x[0], s) : 1;

        if (s->max > 0 && s->table[0].flags & OPT_RESTART && n != *counter(&x[1], s)) {
            str_format(text, sizeof(text), "%s", s->name);
        }
        for (int k = 0; k < n && text[0] == '\0'; k++) {
            if (!opt_needs_restart(rows_of(&x[0], s, k, room), place(&x[0], s, k),
                        place(&x[1], s, k), &name)) {
                continue;
            }
            if (s->max > 0) {
                str_format(text, sizeof(text), "%s[%d].%s", s->name, k, name);
            } else {
                str_format(text, sizeof(text), "%s.%s", s->name, name);
            }
        }
    }
    free(x);
    return text[0] != '\0' ? text : NULL;
}
