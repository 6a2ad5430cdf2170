/*
 * reg_expr - the words of an expression over registers. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_reg_expr.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { PART_ROOM = 32 };

static const char *blanks(const char *s)
{
    return s + strspn(s, " \t");
}

static size_t word(const char *s)
{
    return strcspn(s, " \t");
}

static int cut(size_t n)
{
    return n > 40 ? 40 : (int)n;
}

/* Up to the next ':' into dst; false: none, or too long. */
static bool part(const char **s, size_t *n, char dst[static PART_ROOM])
{
    size_t len = 0;

    while (len < *n && (*s)[len] != ':') {
        len++;
    }
    if (len == 0 || len >= PART_ROOM) {
        return false;
    }
    memcpy(dst, *s, len);
    dst[len] = '\0';
    *s += len;
    *n -= len;
    if (*n > 0) {
        (*s)++;
        (*n)--;
    }
    return true;
}

static bool parse_address(const char *s, uint16_t *at)
{
    int64_t v = 0;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && s[2] != '\0' && strlen(s) <= 6) {
        for (const char *p = s + 2; *p; p++) {
            int digit = *p >= '0' && *p <= '9'   ? *p - '0'
                        : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
                        : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
                                                 : -1;

            if (digit < 0) {
                return false;
            }
            v = v * 16 + digit;
        }
    } else if (!str_int(s, strlen(s), &v) || v < 0 || v > UINT16_MAX) {
        return false;
    }
    *at = (uint16_t)v;
    return true;
}

static bool parse_type(const char *s, enum reg_type *type)
{
    for (int t = 0; t < REG_TYPES; t++) {
        if (strcmp(s, reg_type_words[t]) == 0) {
            *type = (enum reg_type)t;
            return true;
        }
    }
    return false;
}

static bool parse_flags(const char *s, size_t n, struct reg_ref *r, struct err *e)
{
    char p[PART_ROOM];

    while (n > 0) {
        if (!part(&s, &n, p) || (strcmp(p, "swapped") != 0 && strcmp(p, "nan") != 0)) {
            err_set(e, ERR_INVALID, "'%.*s' is none of swapped and nan", cut(n), s);
            return false;
        }
        r->swapped = r->swapped || p[0] == 's';
        r->nan = r->nan || p[0] == 'n';
    }
    return true;
}

static bool parse_ref(const char *s, size_t n, struct reg_ref *r, struct err *e)
{
    const char *whole = s;
    size_t len = n;
    char p[PART_ROOM];

    r->function = 3;
    if (part(&s, &n, p) && (strcmp(p, "input") == 0 || strcmp(p, "holding") == 0)) {
        r->function = p[0] == 'i' ? 4 : 3;
        if (!part(&s, &n, p)) {
            p[0] = '\0';
        }
    }
    if (n == 0 || whole[len - 1] == ':') {
        err_set(e, ERR_INVALID, "'%.*s' is no register: write TYPE:ADDRESS, such as s32:820",
                cut(len), whole);
        return false;
    }
    if (!parse_type(p, &r->type)) {
        err_set(e, ERR_INVALID, "'%s' is none of u16 s16 u32 s32 u64 s64 f32 f64", p);
        return false;
    }
    if (!part(&s, &n, p) || !parse_address(p, &r->at) ||
            r->at + reg_words(r->type) > UINT16_MAX + 1u) {
        err_set(e, ERR_INVALID,
                "'%.*s' has no address from 0 to 65535 (as on the wire, where the first is 0)",
                cut(len), whole);
        return false;
    }
    return parse_flags(s, n, r, e);
}

static bool number(const char *s, size_t n, int64_t *v)
{
    return quantity_parse(s, n, QUANTITY_PLAIN, v) == QUANTITY_OK;
}

static const char *factor(const char *s, int64_t *v, struct err *e)
{
    size_t n;

    s = blanks(s);
    n = word(s);
    if (!number(s, n, v)) {
        err_set(e, ERR_INVALID, "'%.*s' is not a number", cut(n), s);
        return NULL;
    }
    return blanks(s + n);
}

static const char *parse_term(const char *s, struct reg_term *t, struct err *e)
{
    size_t n;

    s = blanks(s);
    if (*s == '-') {
        t->minus = !t->minus;
        s = blanks(s + 1);
    }
    n = word(s);
    t->factor = QUANTITY_ONE;
    if (n > 0 && number(s, n, &t->factor)) {
        return blanks(s + n);
    }
    if (!parse_ref(s, n, &t->ref, e)) {
        return NULL;
    }
    s = blanks(s + n);
    return s[0] == '*' ? factor(s + 1, &t->factor, e) : s;
}

bool reg_expr_parse(const char *s, struct reg_expr *x, struct err *e)
{
    memset(x, 0, sizeof(*x));
    if (*blanks(s) == '\0') {
        return true;
    }
    for (;;) {
        if (x->terms == REG_TERMS_MAX) {
            err_set(e, ERR_INVALID, "more than %d terms", REG_TERMS_MAX);
            return false;
        }
        s = parse_term(s, &x->term[x->terms++], e);
        if (s && s[0] == '/' && s[1] == '/') {
            x->has_default = true;
            s = factor(s + 2, &x->fallback, e);
            if (s && *s != '\0') {
                err_set(e, ERR_INVALID, "'%.40s' stands behind the end", s);
                return false;
            }
        }
        if (!s || *s == '\0') {
            return s != NULL;
        }
        if (*s != '+' && *s != '-') {
            err_set(e, ERR_INVALID, "'%.40s' is none of + - * //", s);
            return false;
        }
        if (x->terms < REG_TERMS_MAX) {
            x->term[x->terms].minus = *s == '-';
        }
        s++;
    }
}
