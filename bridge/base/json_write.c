/*
 * json_write - the streaming writer of json.h. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <inttypes.h>
#include <string.h>

enum { LEVELS_MAX = 16 };

void jw_init(struct jw *w, struct buf *b)
{
    *w = (struct jw){.b = b};
}

static void quoted(struct jw *w, const char *s)
{
    struct buf *b = w->b;
    size_t n = strlen(s);

    buf_addc(b, '"');
    while (n > 0) {
        size_t len = str_plain(s, n);

        if (len > 0) {
            buf_add(b, s, len);
            s += len;
            n -= len;
            continue;
        }
        len = str_utf8(s, n);
        if (len == 0) {
            buf_adds(b, "\\ufffd"); /* whatever it was, the document stays valid */
            len = 1;
        } else if (*s == '"' || *s == '\\') {
            buf_addc(b, '\\');
            buf_addc(b, *s);
        } else if ((unsigned char)*s < 0x20) {
            buf_addf(b, "\\u%04x", (unsigned)*s);
        } else {
            buf_add(b, s, len);
        }
        s += len;
        n -= len;
    }
    buf_addc(b, '"');
}

/* Comma where one is due, then the key. */
static void before(struct jw *w, const char *key)
{
    uint32_t bit = 1u << w->level;

    if (w->nonempty & bit) {
        buf_addc(w->b, ',');
    }
    w->nonempty |= bit;
    if (key) {
        quoted(w, key);
        buf_addc(w->b, ':');
    }
}

static void deeper(struct jw *w, const char *key, char c)
{
    before(w, key);
    buf_addc(w->b, c);
    if (w->level < LEVELS_MAX) {
        w->level++;
    } else {
        w->b->failed = true;
    }
    w->nonempty &= ~(1u << w->level);
}

static void up(struct jw *w, char c)
{
    if (w->level > 0) {
        w->level--;
    }
    buf_addc(w->b, c);
}

void jw_open(struct jw *w, const char *key)
{
    deeper(w, key, '{');
}

void jw_close(struct jw *w)
{
    up(w, '}');
}

void jw_array(struct jw *w, const char *key)
{
    deeper(w, key, '[');
}

void jw_array_end(struct jw *w)
{
    up(w, ']');
}

void jw_str(struct jw *w, const char *key, const char *text)
{
    if (!text) {
        jw_null(w, key);
        return;
    }
    before(w, key);
    quoted(w, text);
}

void jw_int(struct jw *w, const char *key, int64_t v)
{
    before(w, key);
    buf_addf(w->b, "%" PRId64, v);
}

void jw_bool(struct jw *w, const char *key, bool v)
{
    before(w, key);
    buf_adds(w->b, v ? "true" : "false");
}

void jw_null(struct jw *w, const char *key)
{
    before(w, key);
    buf_adds(w->b, "null");
}

void jw_raw(struct jw *w, const char *key, const char *json)
{
    before(w, key);
    buf_adds(w->b, json);
}

void jw_decimal(struct jw *w, const char *key, int64_t v, int digits, int show)
{
    uint64_t m = v < 0 ? (uint64_t) - (v + 1) + 1 : (uint64_t)v;
    uint64_t cut = 1, scale = 1;
    char fraction[24] = "";

    for (int i = show; i < digits; i++) {
        cut *= 10;
    }
    m = m / cut + (m % cut * 2 >= cut && cut > 1);
    for (int i = 0; i < digits && i < show; i++) {
        scale *= 10;
    }
    before(w, key);
    if (m / scale == 0 && m % scale == 0) {
        buf_addc(w->b, '0');
        return;
    }
    buf_addf(w->b, "%s%" PRIu64, v < 0 ? "-" : "", m / scale);
    if (m % scale != 0) {
        int width = digits < show ? digits : show;
        uint64_t f = m % scale;

        for (int i = width - 1; i >= 0; i--) {
            fraction[i] = (char)('0' + f % 10);
            f /= 10;
        }
        for (int i = width - 1; i > 0 && fraction[i] == '0'; i--) {
            fraction[i] = '\0';
        }
        buf_addf(w->b, ".%s", fraction);
    }
}

static void new_line(struct buf *out, int level)
{
    buf_addc(out, '\n');
    for (int i = 0; i < level; i++) {
        buf_adds(out, "  ");
    }
}

/* The number of bytes of the JSON string that starts at s, quotes included. */
static size_t string_length(const char *s)
{
    size_t n = 1;

    while (s[n] && s[n] != '"') {
        n += s[n] == '\\' && s[n + 1] ? 2 : 1;
    }
    return s[n] ? n + 1 : n;
}

void json_indent(const char *json, struct buf *out)
{
    int level = 0;

    while (*json) {
        size_t n = *json == '"' ? string_length(json) : 1;
        bool opens = *json == '{' || *json == '[', closes = *json == '}' || *json == ']';

        if (closes) {
            new_line(out, --level);
        }
        buf_add(out, json, n);
        if (opens && (json[1] == '}' || json[1] == ']')) {
            buf_addc(out, json[1]);
            n = 2;
        } else if (opens) {
            new_line(out, ++level);
        } else if (*json == ',') {
            new_line(out, level);
        } else if (*json == ':') {
            buf_addc(out, ' ');
        }
        json += n;
    }
    buf_addc(out, '\n');
}
