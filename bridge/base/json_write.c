/*
 * json_write - the streaming writer of json.h. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"

#include <inttypes.h>
#include <string.h>

enum { LEVELS_MAX = 16 };

void jw_init(struct jw *w, struct buf *b)
{
    *w = (struct jw){.b = b};
}

static void text(struct jw *w, const char *s)
{
    buf_addc(w->b, '"');
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\') {
            buf_addc(w->b, '\\');
            buf_addc(w->b, (char)c);
        } else if (c < 0x20) {
            buf_addf(w->b, "\\u%04x", (unsigned)c);
        } else {
            buf_addc(w->b, (char)c);
        }
    }
    buf_addc(w->b, '"');
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
        text(w, key);
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

void jw_str(struct jw *w, const char *key, const char *s)
{
    if (!s) {
        jw_null(w, key);
        return;
    }
    before(w, key);
    text(w, s);
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
    uint64_t m = v < 0 ? (uint64_t)-(v + 1) + 1 : (uint64_t)v;
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
