/*
 * expr - expressions over an answer, and the readers that all adapters share.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/json_path.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

/* How a field is written where no unit stands, and what one of that is in its base unit. */
static const struct measure {
    enum quantity_kind kind;
    int64_t per;
    const char *units;
} measures[EMS_FIELDS] = {
        [EMS_GRID_W] = {QUANTITY_POWER, 1, "W, kW or MW"},
        [EMS_PV_W] = {QUANTITY_POWER, 1, "W, kW or MW"},
        [EMS_BATTERY_W] = {QUANTITY_POWER, 1, "W, kW or MW"},
        [EMS_SOC_PERMILLE] = {QUANTITY_SHARE, 10, "%"},
        [EMS_CONSUMPTION_W] = {QUANTITY_POWER, 1, "W, kW or MW"},
        [EMS_CURRENT_L1_MA] = {QUANTITY_CURRENT, 1000, "A or mA"},
        [EMS_CURRENT_L2_MA] = {QUANTITY_CURRENT, 1000, "A or mA"},
        [EMS_CURRENT_L3_MA] = {QUANTITY_CURRENT, 1000, "A or mA"},
        [EMS_VOLTAGE_L1_MV] = {QUANTITY_VOLTAGE, 1000, "V, mV or kV"},
        [EMS_VOLTAGE_L2_MV] = {QUANTITY_VOLTAGE, 1000, "V, mV or kV"},
        [EMS_VOLTAGE_L3_MV] = {QUANTITY_VOLTAGE, 1000, "V, mV or kV"},
};

/* One path of an expression with its sign and factor. */
struct term {
    const char *path;
    size_t len;
    bool minus;
    int64_t factor; /* millionths */
};

enum { TERMS_MAX = 16 };

struct expr {
    int terms;
    struct term term[TERMS_MAX];
    bool has_default;
    int64_t fallback; /* millionths */
};

static const char *blanks(const char *s)
{
    while (*s == ' ' || *s == '\t') {
        s++;
    }
    return s;
}

/* A plain number behind an operator. */
static const char *number(const char *s, int64_t *v, struct err *e)
{
    size_t n;

    s = blanks(s);
    n = strcspn(s, " \t");
    if (quantity_parse(s, n, QUANTITY_PLAIN, v) != QUANTITY_OK) {
        err_set(e, ERR_INVALID, "'%.*s' is not a number", (int)(n > 40 ? 40 : n), s);
        return NULL;
    }
    return blanks(s + n);
}

static const char *parse_term(const char *s, struct term *t, struct err *e)
{
    s = blanks(s);
    if (*s == '-') {
        t->minus = !t->minus;
        s = blanks(s + 1);
    }
    t->path = s;
    t->len = json_path_length(s, e);
    t->factor = QUANTITY_ONE;
    if (t->len == 0) {
        return NULL;
    }
    s = blanks(s + t->len);
    return *s == '*' ? number(s + 1, &t->factor, e) : s;
}

static bool parse(const char *s, struct expr *x, struct err *e)
{
    memset(x, 0, sizeof(*x));
    for (;;) {
        if (x->terms == TERMS_MAX) {
            err_set(e, ERR_INVALID, "more than %d terms", TERMS_MAX);
            return false;
        }
        s = parse_term(s, &x->term[x->terms++], e);
        if (!s || *s == '\0') {
            return s != NULL;
        }
        if (s[0] == '/' && s[1] == '/') {
            x->has_default = true;
            s = number(s + 2, &x->fallback, e);
            if (s && *s != '\0') {
                err_set(e, ERR_INVALID, "'%.40s' stands behind the end", s);
            }
            return s && *s == '\0';
        }
        if (*s != '+' && *s != '-') {
            err_set(e, ERR_INVALID, "'%.40s' is none of + - * //", s);
            return false;
        }
        if (x->terms < TERMS_MAX) {
            x->term[x->terms].minus = *s == '-';
        }
        s++;
    }
}

bool ems_expr_check(const char *expr, struct err *e)
{
    struct expr x;

    return parse(expr, &x, e);
}

/* ---- values ---- */

/* The sum of what a term leads to; the first thing that is wrong stays. */
struct sum {
    const struct measure *m;
    int64_t value;
    bool nothing;      /* null, "unknown": no value */
    const char *wrong; /* no value either, but one should be there */
    char raw[EMS_RAW_ROOM];
};

static const char *wrong_of(enum quantity_result r)
{
    switch (r) {
    case QUANTITY_OK:
    case QUANTITY_NONE:
        break;
    case QUANTITY_OTHER_UNIT:
        return "has a unit that does not belong here";
    case QUANTITY_NO_NUMBER:
        return "is not a number";
    }
    return NULL;
}

/* One line, without blanks around it. */
static void keep_raw(char raw[static EMS_RAW_ROOM], const char *text, size_t n)
{
    while (n > 0 && (unsigned char)text[n - 1] <= ' ') {
        n--;
    }
    while (n > 0 && (unsigned char)*text <= ' ') {
        text++;
        n--;
    }
    (void)str_format(raw, EMS_RAW_ROOM, "%.*s", (int)(n < 60 ? n : 60), text);
    str_line(raw, ' ');
}

static void add_text(struct sum *s, const char *text, size_t n)
{
    int64_t v = 0;
    enum quantity_result r = quantity_parse(text, n, s->m->kind, &v);

    if (s->raw[0] == '\0') {
        keep_raw(s->raw, text, n);
    }
    s->nothing = s->nothing || r == QUANTITY_NONE;
    if (!s->wrong) {
        s->wrong = wrong_of(r);
    }
    if (__builtin_add_overflow(s->value, v, &s->value)) {
        s->wrong = "is too large";
    }
}

static void add_json(void *user, struct json_object *v)
{
    struct sum *s = user;
    char text[96] = "";

    switch (json_kind(v)) {
    case JSON_NULL:
        s->nothing = true;
        if (s->raw[0] == '\0') {
            (void)str_copy(s->raw, sizeof(s->raw), "null");
        }
        break;
    case JSON_NUMBER:
    case JSON_TEXT:
        json_as_text(v, text, sizeof(text));
        add_text(s, text, strlen(text));
        break;
    case JSON_BOOL:
    case JSON_LIST:
    case JSON_OBJECT:
        json_as_text(v, text, sizeof(text));
        if (s->raw[0] == '\0') {
            (void)str_copy(s->raw, sizeof(s->raw), text);
        }
        s->wrong = s->wrong ? s->wrong : "is not a number";
        break;
    }
}

/* One term into s; false with why: nothing to count. */
static bool add_term(const struct ems_tree *t, const struct term *term, struct sum *s,
        char why[static EMS_WHY_ROOM])
{
    struct err e = {0};

    if (t->look) {
        const char *text = t->look(t->user, term->path, term->len);

        if (!text) {
            (void)str_format(why, EMS_WHY_ROOM, "%.*s is not known",
                    (int)(term->len > 60 ? 60 : term->len), term->path);
            s->nothing = true;
            return false;
        }
        add_text(s, text, strlen(text));
    } else if (t->json) {
        if (!json_path_each(t->json, term->path, term->len, add_json, s, &e)) {
            (void)str_copy(why, EMS_WHY_ROOM, e.text);
            s->nothing = true;
            return false;
        }
    } else if (term->len == 1 && term->path[0] == '$') {
        add_text(s, t->text, t->len);
    } else {
        (void)str_copy(why, EMS_WHY_ROOM, "the answer is plain text: only $ leads somewhere");
        return false;
    }
    if (s->wrong) {
        (void)str_format(why, EMS_WHY_ROOM, "%.*s %s", (int)(term->len > 60 ? 60 : term->len),
                term->path, s->wrong);
    } else if (s->nothing) {
        (void)str_format(why, EMS_WHY_ROOM, "%.*s has no value",
                (int)(term->len > 60 ? 60 : term->len), term->path);
    }
    return !s->wrong && !s->nothing;
}

void ems_expr_say(const struct ems_tree *t, const char *expr, enum ems_field f,
        int64_t source_utc_ms, struct ems_reports *out)
{
    const struct measure *m = &measures[f];
    char why[EMS_WHY_ROOM] = "", raw[EMS_RAW_ROOM] = "";
    int64_t total = 0;
    struct expr x;

    if (!parse(expr, &x, NULL)) {
        ems_say_none(out, f, "the expression is wrong", NULL);
        return;
    }
    for (int i = 0; i < x.terms; i++) {
        struct sum s = {.m = m};
        int64_t v;

        if (!add_term(t, &x.term[i], &s, why)) {
            if (x.has_default && s.nothing && !s.wrong) {
                ems_say(out, f, quantity_round(x.fallback, m->per), source_utc_ms, s.raw);
            } else {
                ems_say_none(out, f, why, s.raw);
            }
            return;
        }
        v = quantity_mul(s.value, x.term[i].factor);
        if (__builtin_add_overflow(total, x.term[i].minus ? -v : v, &total)) {
            ems_say_none(out, f, "the sum is too large", s.raw);
            return;
        }
        if (i == 0) {
            (void)str_copy(raw, sizeof(raw), s.raw);
        }
    }
    ems_say(out, f, quantity_round(total, m->per), source_utc_ms, raw);
}

bool ems_number(const char *s, size_t n, enum ems_field f, int64_t *v, const char **why)
{
    int64_t micro = 0;
    enum quantity_result r = quantity_parse(s, n, measures[f].kind, &micro);

    *why = r == QUANTITY_NONE ? "has no value" : wrong_of(r);
    if (r == QUANTITY_OK) {
        *v = quantity_round(micro, measures[f].per);
    }
    return r == QUANTITY_OK;
}

/* ---- times ---- */

struct moment {
    bool known;
    int64_t utc_ms;
};

static void read_time(void *user, struct json_object *v)
{
    struct moment *m = user;
    char text[64] = "";
    int64_t ms = 0;

    if (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT) {
        return;
    }
    json_as_text(v, text, sizeof(text));
    if (str_time_parse(text, &m->utc_ms)) {
        m->known = true;
    } else if (str_scaled(text, strlen(text), 1000, &ms) && ms > 0) {
        /* Seconds reach 10^11 in the year 5138; what is above counts milliseconds. */
        m->utc_ms = ms >= INT64_C(100000000000) * 1000 ? ms / 1000 : ms;
        m->known = true;
    }
}

bool ems_expr_time(const struct ems_tree *t, const char *path, int64_t *utc_ms)
{
    struct moment m = {false, 0};

    if (t->json && json_path_each(t->json, path, strlen(path), read_time, &m, NULL) &&
            m.known) {
        *utc_ms = m.utc_ms;
    }
    return m.known;
}

/* ---- bodies ---- */

struct json_object *ems_json(const struct ems_answer *a, struct err *e)
{
    size_t at = 0;
    char start[48];
    struct json_object *v;
    struct err why = {0};

    while (at < a->len && strchr(" \t\r\n", a->body[at]) && a->body[at] != '\0') {
        at++;
    }
    if (at == a->len) {
        err_set(e, ERR_IO, "the answer is empty");
        return NULL;
    }
    v = json_parse(a->body, a->len, &why);
    if (v) {
        return v;
    }
    if (a->body[at] == '<') {
        err_set(e, ERR_IO,
                "the answer is a web page, not JSON: is the address right, and the login?");
        return NULL;
    }
    (void)str_format(start, sizeof(start), "%.*s", (int)(a->len - at > 40 ? 40 : a->len - at),
            a->body + at);
    err_set(e, ERR_IO, "the answer is not JSON (%.120s); it begins with: %s", why.text, start);
    return NULL;
}
