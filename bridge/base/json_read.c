/*
 * json_read - the strict reader of json.h. The parser is ours, since json-c's accepts duplicate
 * keys silently and does not say where an error stands; the tree is json-c's.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <limits.h>
#include <string.h>

#include <json-c/json.h>

enum { DEPTH_MAX = 16, NUMBER_MAX = 64 };

struct parser {
    const char *text, *at, *end;
    int depth;
    struct err *e;
    bool failed;
};

/* "JSON, line 3 column 7: what". Columns count characters. */
static void complain(struct parser *p, const char *at, const char *what)
{
    unsigned line = 1, column = 1;

    for (const char *c = p->text; c < at; c++) {
        if (*c == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*c & 0xC0) != 0x80) {
            column++;
        }
    }
    if (!p->failed) {
        err_set(p->e, ERR_INVALID, "JSON, line %u column %u: %s", line, column, what);
    }
    p->failed = true;
}

static void blanks(struct parser *p)
{
    while (p->at < p->end &&
            (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) {
        p->at++;
    }
}

static bool accept(struct parser *p, char c)
{
    blanks(p);
    if (p->at < p->end && *p->at == c) {
        p->at++;
        return true;
    }
    return false;
}

static void expected(struct parser *p, const char *what)
{
    char line[120];

    blanks(p);
    if (p->at == p->end) {
        str_format(line, sizeof(line), "the text ends where %s should stand", what);
    } else if ((unsigned char)*p->at > 0x20 && (unsigned char)*p->at < 0x7f) {
        str_format(line, sizeof(line), "expected %s, found '%c'", what, *p->at);
    } else {
        str_format(line, sizeof(line), "expected %s", what);
    }
    complain(p, p->at, line);
}

static bool hex4(struct parser *p, unsigned *out)
{
    unsigned v = 0;

    if (p->end - p->at < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        char c = *p->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0) {
            return false;
        }
        v = v * 16 + (unsigned)digit;
    }
    *out = v;
    return true;
}

static void add_utf8(struct buf *b, unsigned c)
{
    if (c < 0x80) {
        buf_addc(b, (char)c);
    } else if (c < 0x800) {
        buf_addc(b, (char)(0xC0 | c >> 6));
        buf_addc(b, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        buf_addc(b, (char)(0xE0 | c >> 12));
        buf_addc(b, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_addc(b, (char)(0x80 | (c & 0x3F)));
    } else {
        buf_addc(b, (char)(0xF0 | c >> 18));
        buf_addc(b, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_addc(b, (char)(0x80 | (c >> 6 & 0x3F)));
        buf_addc(b, (char)(0x80 | (c & 0x3F)));
    }
}

/* After "\u". */
static bool escaped_unit(struct parser *p, struct buf *b)
{
    unsigned c, low;

    if (!hex4(p, &c) || (c >= 0xDC00 && c <= 0xDFFF)) {
        return false;
    }
    if (c >= 0xD800 && c <= 0xDBFF) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u') {
            return false;
        }
        p->at += 2;
        if (!hex4(p, &low) || low < 0xDC00 || low > 0xDFFF) {
            return false;
        }
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    add_utf8(b, c);
    return true;
}

static bool escape(struct parser *p, struct buf *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (p->at == p->end) {
        return false;
    }
    if (*p->at == 'u') {
        p->at++;
        return escaped_unit(p, b);
    }
    found = *p->at ? strchr(from, *p->at) : NULL;
    if (!found) {
        return false;
    }
    buf_addc(b, to[found - from]);
    p->at++;
    return true;
}

/* The characters after the opening quote, into b. */
static bool string(struct parser *p, struct buf *b)
{
    while (p->at < p->end && *p->at != '"') {
        const char *start = p->at;
        size_t n = str_plain(p->at, (size_t)(p->end - p->at));

        if (n > 0) {
            buf_add(b, start, n);
            p->at += n;
            continue;
        }
        n = str_utf8(p->at, (size_t)(p->end - p->at));
        if (n == 0) {
            complain(p, start, "the text is not UTF-8");
            return false;
        }
        if ((unsigned char)*p->at < 0x20) {
            complain(p, start, "a line break or control character inside quotes");
            return false;
        }
        p->at += n;
        if (*start != '\\') {
            buf_add(b, start, n);
        } else if (!escape(p, b)) {
            complain(p, start, "no such escape");
            return false;
        }
    }
    if (p->at == p->end) {
        complain(p, p->at, "the text ends inside quotes");
        return false;
    }
    p->at++;
    if (!buf_ok(b)) {
        complain(p, p->at, "out of memory");
    }
    return buf_ok(b);
}

static struct json_object *keep(struct parser *p, struct json_object *v)
{
    if (!v) {
        complain(p, p->at, "out of memory");
    }
    return v;
}

static struct json_object *string_value(struct parser *p)
{
    CLEANUP(buf_finish) struct buf b;

    buf_init(&b, INT_MAX - 1);
    if (!string(p, &b)) {
        return NULL;
    }
    return keep(p, json_object_new_string_len(buf_text(&b), (int)b.len));
}

static bool digits(struct parser *p)
{
    const char *start = p->at;

    while (p->at < p->end && *p->at >= '0' && *p->at <= '9') {
        p->at++;
    }
    return p->at > start;
}

static bool next_is(const struct parser *p, const char *any)
{
    return p->at < p->end && *p->at && strchr(any, *p->at);
}

static struct json_object *number(struct parser *p)
{
    const char *start = p->at, *first;
    char copy[NUMBER_MAX];
    size_t len;
    int64_t v;

    p->at += *p->at == '-';
    first = p->at;
    if (!digits(p) || (*first == '0' && p->at - first > 1)) {
        complain(p, start, "not a number");
        return NULL;
    }
    if (next_is(p, ".")) {
        p->at++;
        if (!digits(p)) {
            complain(p, start, "not a number");
            return NULL;
        }
    }
    if (next_is(p, "eE")) {
        p->at++;
        p->at += next_is(p, "+-");
        if (!digits(p)) {
            complain(p, start, "not a number");
            return NULL;
        }
    }
    len = (size_t)(p->at - start);
    if (str_int(start, len, &v)) {
        return keep(p, json_object_new_int64(v));
    }
    if (len >= sizeof(copy)) {
        complain(p, start, "the number has too many digits");
        return NULL;
    }
    memcpy(copy, start, len);
    copy[len] = '\0';
    if (!str_scaled(start, len, 1, &v)) {
        v = *start == '-' ? INT64_MIN : INT64_MAX;
    }
    /* The digits stay as they were written: the getters read those, never a double. */
    return keep(p, json_object_new_double_s((double)v, copy));
}

/* `"name":` of the next member of object. */
static bool member_name(struct parser *p, struct json_object *object, struct buf *name)
{
    const char *start;

    blanks(p);
    start = p->at;
    if (!accept(p, '"')) {
        expected(p, "a name in quotes");
        return false;
    }
    if (!string(p, name)) {
        return false;
    }
    if (strlen(buf_text(name)) != name->len) {
        complain(p, start, "a NUL inside a name");
        return false;
    }
    if (json_object_object_get_ex(object, buf_text(name), NULL)) {
        char line[120];

        str_format(line, sizeof(line), "\"%.60s\" is given twice", buf_text(name));
        complain(p, start, line);
        return false;
    }
    if (!accept(p, ':')) {
        expected(p, "':'");
        return false;
    }
    return true;
}

/* Takes ownership of v, which may be NULL: JSON's null. */
static bool attach(
        struct parser *p, struct json_object *parent, const char *name, struct json_object *v)
{
    int r = name ? json_object_object_add(parent, name, v) : json_object_array_add(parent, v);

    if (r != 0) {
        json_object_put(v);
        complain(p, p->at, "out of memory");
    }
    return r == 0;
}

static bool word(struct parser *p, const char *w)
{
    size_t n = strlen(w);

    if ((size_t)(p->end - p->at) >= n && memcmp(p->at, w, n) == 0) {
        p->at += n;
        return true;
    }
    return false;
}

static struct json_object *scalar(struct parser *p)
{
    if (word(p, "\"")) {
        return string_value(p);
    }
    if (next_is(p, "-0123456789")) {
        return number(p);
    }
    if (word(p, "true")) {
        return keep(p, json_object_new_boolean(1));
    }
    if (word(p, "false")) {
        return keep(p, json_object_new_boolean(0));
    }
    if (!word(p, "null")) {
        expected(p, "a value");
    }
    return NULL;
}

/* The closing bracket; v, or NULL after a failure. */
static struct json_object *finish(struct parser *p, struct json_object *v, bool is_object)
{
    if (!p->failed && !accept(p, is_object ? '}' : ']')) {
        expected(p, is_object ? "',' or '}'" : "',' or ']'");
    }
    p->depth--;
    if (p->failed) {
        json_object_put(v);
        return NULL;
    }
    return v;
}

/* NULL is JSON's null as well as a failure: p->failed tells. */
static struct json_object *value(struct parser *p)
{
    bool is_object, more;
    struct json_object *v;

    blanks(p);
    if (!next_is(p, "{[")) {
        return scalar(p);
    }
    if (++p->depth > DEPTH_MAX) {
        complain(p, p->at, "nested more than 16 deep");
        return NULL;
    }
    is_object = *p->at++ == '{';
    v = keep(p, is_object ? json_object_new_object() : json_object_new_array());
    blanks(p);
    more = v && !next_is(p, is_object ? "}" : "]");
    while (more) {
        CLEANUP(buf_finish) struct buf name;
        struct json_object *child;

        buf_init(&name, BUF_CAP_DOCUMENT);
        if (is_object && !member_name(p, v, &name)) {
            break;
        }
        child = value(p);
        more = !p->failed && attach(p, v, is_object ? buf_text(&name) : NULL, child) &&
               accept(p, ',');
    }
    return finish(p, v, is_object);
}

struct json_object *json_parse(const char *text, size_t len, struct err *e)
{
    struct parser p = {.text = text, .at = text, .end = text + len, .e = e};
    struct json_object *v;

    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        p.text = p.at = text + 3; /* some editors begin files with this mark */
    }
    v = value(&p);
    blanks(&p);
    if (!p.failed && p.at < p.end) {
        complain(&p, p.at, "more text after the end");
    }
    if (p.failed) {
        json_object_put(v);
        return NULL;
    }
    if (!v) {
        /* json-c has no object for null, and NULL means failure here. */
        err_set(e, ERR_INVALID, "JSON, line 1 column 1: null alone is no document");
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

enum err_code json_get_scaled(
        struct json_object *v, const char *path, int64_t scale, int64_t *out, struct err *e)
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

static bool control_character(const char *s, size_t n)
{
    for (size_t i = str_plain(s, n); i < n; i += 1 + str_plain(s + i + 1, n - i - 1)) {
        if (str_control(s + i, n - i) > 0) {
            return true;
        }
    }
    return false;
}

const char *json_get_str(struct json_object *v, const char *path, struct err *e)
{
    const char *s;

    if (json_kind(v) != JSON_TEXT) {
        err_set(e, ERR_INVALID, "%s: wants a text", path);
        return NULL;
    }
    s = json_object_get_string(v);
    if (control_character(s, (size_t)json_object_get_string_len(v))) {
        err_set(e, ERR_INVALID, "%s: has a control character", path);
        return NULL;
    }
    return s;
}
