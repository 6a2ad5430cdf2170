/*
 * json_path - the path language over parsed JSON. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json_path.h"

#include "bridge/base/str.h"

#include <string.h>

enum { NAME_ROOM = 128, STEPS_MAX = 24 };

enum step_kind { STEP_MEMBER, STEP_ITEM, STEP_ALL, STEP_MATCH };

struct step {
    enum step_kind kind;
    char name[NAME_ROOM]; /* member; of a match: the member that is compared */
    char want[NAME_ROOM]; /* of a match: as json_as_text shows it */
    int64_t item;
    size_t end; /* where it ends in the path */
};

struct cursor {
    const char *path;
    size_t at, n;
    struct err *e;
};

static bool fail(struct cursor *c, const char *what)
{
    err_set(c->e, ERR_INVALID, "path '%.*s': %s at character %zu", (int)(c->n > 80 ? 80 : c->n),
            c->path, what, c->at + 1);
    return false;
}

static char peek(const struct cursor *c)
{
    return c->at < c->n ? c->path[c->at] : '\0';
}

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == ':' || ((unsigned char)c & 0x80) != 0 || (c == '-' && !first);
}

static bool put(struct cursor *c, char *dst, size_t *len, char byte)
{
    if (*len + 1 >= NAME_ROOM) {
        return fail(c, "a name is too long");
    }
    dst[(*len)++] = byte;
    dst[*len] = '\0';
    return true;
}

/* A name in quotes; a backslash takes the next character as it is. */
static bool quoted(struct cursor *c, char *dst)
{
    size_t len = 0;

    dst[0] = '\0';
    for (c->at++; peek(c) != '"'; c->at++) {
        if (peek(c) == '\\') {
            c->at++;
        }
        if (peek(c) == '\0') {
            return fail(c, "a quote is missing");
        }
        if (!put(c, dst, &len, peek(c))) {
            return false;
        }
    }
    c->at++;
    return true;
}

static bool name(struct cursor *c, char *dst)
{
    size_t len = 0;

    if (peek(c) == '"') {
        return quoted(c, dst);
    }
    if (!name_char(peek(c), true)) {
        return fail(c, "a name is missing");
    }
    for (; name_char(peek(c), false); c->at++) {
        if (!put(c, dst, &len, peek(c))) {
            return false;
        }
    }
    return true;
}

/* After "[?". */
static bool match(struct cursor *c, struct step *s)
{
    size_t len = 0;

    s->kind = STEP_MATCH;
    if (!name(c, s->name)) {
        return false;
    }
    if (peek(c) != '=' || c->at + 1 >= c->n || c->path[c->at + 1] != '=') {
        return fail(c, "== is missing");
    }
    c->at += 2;
    if (peek(c) == '"') {
        return quoted(c, s->want);
    }
    for (; peek(c) != ']' && peek(c) != '\0' && peek(c) != ' '; c->at++) {
        if (!put(c, s->want, &len, peek(c))) {
            return false;
        }
    }
    return len > 0 || fail(c, "a value is missing");
}

static bool item(struct cursor *c, struct step *s)
{
    size_t start = c->at;

    s->kind = STEP_ITEM;
    while ((peek(c) >= '0' && peek(c) <= '9') || (peek(c) == '-' && c->at == start)) {
        c->at++;
    }
    return str_int(c->path + start, c->at - start, &s->item) || fail(c, "a number is missing");
}

static bool bracket(struct cursor *c, struct step *s)
{
    bool ok = true;

    c->at++;
    if (peek(c) == '*') {
        s->kind = STEP_ALL;
        c->at++;
    } else if (peek(c) == '?') {
        c->at++;
        ok = match(c, s);
    } else {
        ok = item(c, s);
    }
    if (ok && peek(c) != ']') {
        return fail(c, "']' is missing");
    }
    c->at++;
    return ok;
}

/* One step; false at the end of the path and at an error, which *bad tells apart. */
static bool next(struct cursor *c, struct step *s, bool first, bool *bad)
{
    char ch = peek(c);
    bool ok;

    s->want[0] = '\0';
    s->kind = STEP_MEMBER;
    if (ch == '[') {
        ok = bracket(c, s);
    } else if (ch == '.' && !first) {
        c->at++;
        ok = name(c, s->name);
    } else if (first && (ch == '"' || name_char(ch, true))) {
        ok = name(c, s->name);
    } else {
        *bad = first && !fail(c, "a name is missing");
        return false;
    }
    s->end = c->at;
    *bad = !ok;
    return ok;
}

/* Past a '$' that stands for the root; true: nothing else need follow. */
static bool root_sign(struct cursor *c)
{
    if (peek(c) != '$') {
        return false;
    }
    c->at++;
    return true;
}

size_t json_path_length(const char *s, struct err *e)
{
    struct cursor c = {.path = s, .n = strlen(s), .e = e};
    struct step step;
    bool root = root_sign(&c), bad = false;
    int steps = 0;

    while (next(&c, &step, steps == 0 && !root, &bad)) {
        if (++steps > STEPS_MAX) {
            fail(&c, "too many steps");
            return 0;
        }
    }
    return bad ? 0 : c.at;
}

struct walk {
    struct cursor c;
    json_path_fn *fn; /* NULL: look whether all is there */
    void *user;
};

static bool go(struct walk *w, struct json_object *v, size_t at, int steps);

static bool not_there(struct walk *w, size_t before, size_t after)
{
    const char *p = w->c.path;
    size_t from = before + (p[before] == '.');

    if (before > 0) {
        err_set(w->c.e, ERR_NOT_FOUND, "%.*s is not in %.*s", (int)(after - from), p + from,
                (int)before, p);
    } else {
        err_set(w->c.e, ERR_NOT_FOUND, "%.*s is not there", (int)after, p);
    }
    return false;
}

static bool each_item(struct walk *w, struct json_object *v, const struct step *s, int steps)
{
    bool ok = true;

    for (int i = 0; i < json_length(v); i++) {
        ok = go(w, json_item(v, i), s->end, steps + 1) && ok;
    }
    return ok;
}

static struct json_object *matching(struct json_object *v, const struct step *s)
{
    for (int i = 0; i < json_length(v); i++) {
        struct json_object *m = json_item(v, i);
        char text[NAME_ROOM];

        if (!json_has(m, s->name)) {
            continue;
        }
        json_as_text(json_member(m, s->name), text, sizeof(text));
        if (strcmp(text, s->want) == 0) {
            return m;
        }
    }
    return NULL;
}

/* The steps of the path from `at` on, at v. */
static bool go(struct walk *w, struct json_object *v, size_t at, int steps)
{
    struct step s = {.kind = STEP_MEMBER};
    struct json_object *m = NULL;
    int64_t i;
    bool bad = false, there = false;

    w->c.at = at;
    if (!next(&w->c, &s, steps == 0, &bad)) {
        if (w->fn) {
            w->fn(w->user, v);
        }
        return true;
    }
    switch (s.kind) {
    case STEP_MEMBER:
        there = json_has(v, s.name);
        m = json_member(v, s.name);
        break;
    case STEP_ITEM:
        i = s.item < 0 ? s.item + json_length(v) : s.item;
        there = i >= 0 && i < json_length(v);
        m = there ? json_item(v, (int)i) : NULL;
        break;
    case STEP_ALL:
        return json_kind(v) == JSON_LIST ? each_item(w, v, &s, steps) : not_there(w, at, s.end);
    case STEP_MATCH:
        m = matching(v, &s);
        there = m != NULL;
        break;
    }
    return there ? go(w, m, s.end, steps + 1) : not_there(w, at, s.end);
}

bool json_path_each(struct json_object *root, const char *path, size_t n, json_path_fn *fn,
        void *user, struct err *e)
{
    struct walk w = {.c = {.path = path, .n = n, .e = e}, .fn = NULL, .user = user};
    size_t at = root_sign(&w.c) ? 1 : 0;

    /* Twice: half of a list would be a wrong sum. */
    if (!go(&w, root, at, (int)at)) {
        return false;
    }
    w.fn = fn;
    return go(&w, root, at, (int)at);
}
