/*
 * json_xml - XML in the shape of JSON. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json_xml.h"

#include "bridge/base/str.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

enum { TEXT_MAX = 1024 * 1024, NAME_ROOM = 128 };

struct frame {
    char name[NAME_ROOM];
    struct json_object *members; /* NULL: none yet */
    struct buf text;
};

struct reader {
    XML_Parser parser;
    struct frame stack[XML_DEPTH_MAX];
    int depth, nodes;
    struct json_object *root;
    const char *wrong; /* why we stopped */
};

static void stop(struct reader *r, const char *why)
{
    if (!r->wrong) {
        r->wrong = why;
        (void)XML_StopParser(r->parser, XML_FALSE);
    }
}

/* Takes v over. */
static void add(
        struct reader *r, struct json_object **to, const char *key, struct json_object *v)
{
    struct json_object *old = NULL, *list;

    if (!*to) {
        *to = json_object_new_object();
    }
    if (!*to || !v || ++r->nodes > XML_NODES_MAX) {
        json_object_put(v);
        stop(r, r->nodes > XML_NODES_MAX ? "it holds too many elements" : "out of memory");
        return;
    }
    if (!json_object_object_get_ex(*to, key, &old)) {
        (void)json_object_object_add(*to, key, v);
        return;
    }
    list = old;
    if (json_object_get_type(old) != json_type_array) {
        list = json_object_new_array();
        (void)json_object_array_add(list, json_object_get(old));
        (void)json_object_object_add(*to, key, list); /* lets go of old */
    }
    (void)json_object_array_add(list, v);
}

/* Without the prefix of a namespace. */
static const char *local(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon ? colon + 1 : name;
}

static void on_start(void *user, const char *name, const char **attributes)
{
    struct reader *r = user;
    struct frame *f;
    char key[NAME_ROOM];

    if (r->wrong) {
        return;
    }
    if (r->depth == XML_DEPTH_MAX) {
        stop(r, "it is nested too deeply");
        return;
    }
    f = &r->stack[r->depth];
    if (!str_copy(f->name, sizeof(f->name), local(name))) {
        stop(r, "an element has a very long name");
        return;
    }
    f->members = NULL;
    buf_init(&f->text, TEXT_MAX);
    r->depth++;
    for (const char **a = attributes; *a && !r->wrong; a += 2) {
        if (strcmp(a[0], "xmlns") == 0 || strncmp(a[0], "xmlns:", 6) == 0) {
            continue;
        }
        if (!str_format(key, sizeof(key), "@%s", local(a[0]))) {
            stop(r, "an attribute has a very long name");
        } else {
            add(r, &f->members, key, json_object_new_string(a[1]));
        }
    }
}

static struct json_object *text_of(const struct buf *b)
{
    const char *s = buf_text(b);
    size_t n = b->len;

    while (n > 0 && (unsigned char)s[n - 1] <= ' ') {
        n--;
    }
    while (n > 0 && (unsigned char)*s <= ' ') {
        s++;
        n--;
    }
    return n <= TEXT_MAX ? json_object_new_string_len(s, (int)n) : NULL;
}

static void on_end(void *user, const char *name)
{
    struct reader *r = user;
    struct frame *f;
    struct json_object *v;

    (void)name;
    if (r->wrong || r->depth == 0) {
        return;
    }
    f = &r->stack[--r->depth];
    v = buf_ok(&f->text) ? text_of(&f->text) : NULL;
    if (f->members && v) {
        if (json_object_get_string_len(v) > 0) {
            add(r, &f->members, "#text", v);
        } else {
            json_object_put(v);
        }
        v = f->members;
        f->members = NULL;
    }
    buf_finish(&f->text);
    add(r, r->depth == 0 ? &r->root : &r->stack[r->depth - 1].members, f->name, v);
    json_object_put(f->members);
    f->members = NULL;
}

static void on_text(void *user, const char *text, int n)
{
    struct reader *r = user;

    if (!r->wrong && r->depth > 0) {
        buf_add(&r->stack[r->depth - 1].text, text, (size_t)n);
    }
}

/* Entities are declared in there, and nothing else that we would read. */
static void on_doctype(
        void *user, const char *name, const char *system, const char *public, int internal)
{
    (void)name, (void)system, (void)public;
    if (internal) {
        stop(user, "it declares entities of its own");
    }
}

/* An encoding that expat does not know: its bytes above ASCII stand for anything, the numbers are
 * right all the same. */
static int on_encoding(void *user, const char *name, XML_Encoding *info)
{
    (void)user, (void)name;
    for (int i = 0; i < 256; i++) {
        info->map[i] = i;
    }
    info->data = NULL;
    info->convert = NULL;
    info->release = NULL;
    return XML_STATUS_OK;
}

static void run(struct reader *r, const char *text, size_t len, struct err *e)
{
    enum XML_Error code;

    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    XML_SetUnknownEncodingHandler(r->parser, on_encoding, NULL);
    (void)XML_SetParamEntityParsing(r->parser, XML_PARAM_ENTITY_PARSING_NEVER);
    if (XML_Parse(r->parser, text, (int)len, 1) == XML_STATUS_OK && !r->wrong) {
        return;
    }
    code = XML_GetErrorCode(r->parser);
    err_set(e, ERR_INVALID, "line %lu: %s", XML_GetCurrentLineNumber(r->parser),
            r->wrong ? r->wrong : XML_ErrorString(code));
    json_object_put(r->root);
    r->root = NULL;
}

struct json_object *json_from_xml(const char *text, size_t len, struct err *e)
{
    struct reader *r;
    struct json_object *root;

    while (len > 0 && strchr(" \t\r\n", *text) && *text != '\0') {
        text++;
        len--;
    }
    r = len <= TEXT_MAX ? calloc(1, sizeof(*r)) : NULL;
    if (r) {
        r->parser = XML_ParserCreate(NULL);
    }
    if (!r || !r->parser) {
        free(r);
        err_set(e, ERR_NO_MEMORY, "there is no memory for it");
        return NULL;
    }
    run(r, text, len, e);
    XML_ParserFree(r->parser);
    for (int i = 0; i < r->depth; i++) {
        json_object_put(r->stack[i].members);
        buf_finish(&r->stack[i].text);
    }
    root = r->root;
    free(r);
    return root;
}
