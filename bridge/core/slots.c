/*
 * slots - lists of prices and forecasts in normal form. SPDX-License-Identifier: MIT
 */
#include "bridge/core/slots.h"

#include "bridge/base/str.h"

#include <string.h>

const char *const slots_kind_words[] = {"price", "export_price", "forecast", NULL};

static const int64_t first_s = 946684800, last_s = 4102444800; /* 2000, 2100 */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first slot that ends behind t. */
static int find(const struct slots *s, int64_t t)
{
    int low = 0, high = s->n;

    while (low < high) {
        int mid = low + (high - low) / 2;

        if (s->slot[mid].end_s > t) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

static void insert(struct slots *s, int i, struct slot x)
{
    if (s->n == SLOTS_MAX) {
        s->cut = true;
        if (i == SLOTS_MAX) {
            return;
        }
        s->n--;
    }
    memmove(&s->slot[i + 1], &s->slot[i], (size_t)(s->n - i) * sizeof(s->slot[0]));
    s->slot[i] = x;
    s->n++;
}

static void drop(struct slots *s, int i)
{
    s->n--;
    memmove(&s->slot[i], &s->slot[i + 1], (size_t)(s->n - i) * sizeof(s->slot[0]));
}

/* Takes [start, end) from every slot of at least that step. */
static void clear(struct slots *s, int64_t start_s, int64_t end_s, int64_t step_s)
{
    for (int i = find(s, start_s); i < s->n && s->slot[i].start_s < end_s;) {
        struct slot *y = &s->slot[i];

        if (y->step_s < step_s) {
            i++;
        } else if (y->start_s < start_s && y->end_s > end_s) {
            struct slot right = *y;

            right.start_s = end_s;
            y->end_s = start_s;
            insert(s, i + 1, right);
            return;
        } else if (y->start_s < start_s) {
            y->end_s = start_s;
            i++;
        } else if (y->end_s > end_s) {
            y->start_s = end_s;
            return;
        } else {
            drop(s, i);
        }
    }
}

/* x into the gaps. */
static void fill(struct slots *s, struct slot x)
{
    int64_t at_s = x.start_s;

    for (int i = find(s, at_s); at_s < x.end_s; i++) {
        int64_t gap_end_s = i < s->n ? earlier(s->slot[i].start_s, x.end_s) : x.end_s;

        if (gap_end_s > at_s) {
            struct slot part = x;

            part.start_s = at_s;
            part.end_s = gap_end_s;
            insert(s, i, part);
            if (i >= s->n) {
                return;
            }
            at_s = gap_end_s;
        } else {
            at_s = s->slot[i].end_s;
        }
    }
}

bool slots_add(struct slots *s, int64_t start_s, int64_t end_s, int64_t value)
{
    const struct slot x = {start_s, end_s, value, end_s - start_s};

    if (start_s < first_s || end_s > last_s || end_s <= start_s) {
        return false;
    }
    clear(s, start_s, end_s, x.step_s);
    fill(s, x);
    return true;
}

void slots_take(struct slots *s, const struct slots *newer)
{
    for (int i = 0; i < newer->n; i++) {
        clear(s, newer->slot[i].start_s, newer->slot[i].end_s, 0);
        fill(s, newer->slot[i]);
    }
}

void slots_keep(struct slots *s, int64_t from_s, int64_t to_s)
{
    int first = find(s, from_s);

    while (s->n > 0 && s->slot[s->n - 1].start_s >= to_s) {
        s->n--;
    }
    first = first < s->n ? first : s->n;
    memmove(&s->slot[0], &s->slot[first], (size_t)(s->n - first) * sizeof(s->slot[0]));
    s->n -= first;
}

const struct slot *slots_at(const struct slots *s, int64_t utc_s)
{
    int i = find(s, utc_s);

    return i < s->n && s->slot[i].start_s <= utc_s ? &s->slot[i] : NULL;
}

const struct slot *slots_next(const struct slots *s, int64_t utc_s)
{
    int i = find(s, utc_s);

    i += i < s->n && s->slot[i].start_s <= utc_s;
    return i < s->n ? &s->slot[i] : NULL;
}

int64_t slots_until(const struct slots *s, int64_t utc_s)
{
    for (int i = find(s, utc_s); i < s->n && s->slot[i].start_s <= utc_s; i++) {
        utc_s = s->slot[i].end_s;
    }
    return utc_s;
}

int slots_count(const struct slots *s, int64_t from_s, int64_t to_s)
{
    int n = 0;

    for (int i = 0; i < s->n; i++) {
        n += s->slot[i].start_s >= from_s && s->slot[i].start_s < to_s;
    }
    return n;
}

const struct slot *slots_lowest(const struct slots *s, int64_t from_s, int64_t to_s)
{
    const struct slot *best = NULL;

    for (int i = 0; i < s->n; i++) {
        const struct slot *x = &s->slot[i];

        if (x->start_s >= from_s && x->start_s < to_s && (!best || x->value < best->value)) {
            best = x;
        }
    }
    return best;
}

int64_t slots_integral(const struct slots *s, int64_t from_s, int64_t to_s)
{
    int64_t sum = 0;

    for (int i = find(s, from_s); i < s->n && s->slot[i].start_s < to_s; i++) {
        int64_t length_s = earlier(s->slot[i].end_s, to_s) - later(s->slot[i].start_s, from_s);
        int64_t part = 0;

        if (__builtin_mul_overflow(s->slot[i].value, length_s, &part) ||
                __builtin_add_overflow(sum, part, &sum)) {
            return s->slot[i].value < 0 ? INT64_MIN : INT64_MAX;
        }
    }
    return sum;
}

void slots_sum(const struct slots *a, const struct slots *b, struct slots *out)
{
    int i = 0, k = 0;

    memset(out, 0, sizeof(*out));
    while (i < a->n && k < b->n) {
        const struct slot *x = &a->slot[i], *y = &b->slot[k];
        int64_t start_s = later(x->start_s, y->start_s), end_s = earlier(x->end_s, y->end_s);
        int64_t v = 0;

        if (end_s > start_s && !__builtin_add_overflow(x->value, y->value, &v)) {
            insert(out, out->n,
                    (struct slot){start_s, end_s, v, earlier(x->step_s, y->step_s)});
        }
        i += x->end_s == end_s;
        k += y->end_s == end_s;
    }
}

/* ---- as text ---- */

bool slots_text(const struct slots *s, char *dst, size_t room)
{
    size_t at = 0;
    int64_t end_s = 0;

    dst[0] = '\0';
    for (int i = 0; i < s->n; i++) {
        const struct slot *x = &s->slot[i];
        char start[24] = "";

        if (x->start_s != end_s) {
            (void)str_format(start, sizeof(start), "%lld", (long long)x->start_s);
        }
        if (!str_format(dst + at, room - at, "%s%s+%lld=%lld", i > 0 ? " " : "", start,
                    (long long)(x->end_s - x->start_s), (long long)x->value)) {
            return false;
        }
        at += strlen(dst + at);
        end_s = x->end_s;
    }
    return true;
}

/* A number up to one of `ends`; *s is moved to it. */
static bool number(const char **s, const char *ends, int64_t *out)
{
    size_t n = strcspn(*s, ends);

    if (!str_int(*s, n, out)) {
        return false;
    }
    *s += n;
    return true;
}

/* "1795500000+900=88100": the start is left out where it is the end of the one before. */
static bool parse_one(struct slots *s, const char **text)
{
    int64_t start_s = s->n > 0 ? s->slot[s->n - 1].end_s : 0, length_s = 0, value = 0;

    if (**text != '+' && !number(text, "+", &start_s)) {
        return false;
    }
    if (*(*text)++ != '+' || !number(text, "=", &length_s) || *(*text)++ != '=' ||
            !number(text, " ", &value) || start_s < first_s || start_s > last_s ||
            length_s <= 0 || length_s > last_s - start_s || s->n == SLOTS_MAX ||
            (s->n > 0 && start_s < s->slot[s->n - 1].end_s)) {
        return false;
    }
    s->slot[s->n++] = (struct slot){start_s, start_s + length_s, value, length_s};
    return true;
}

bool slots_parse(struct slots *s, const char *text)
{
    memset(s, 0, sizeof(*s));
    while (*text) {
        if (!parse_one(s, &text) || (*text && (*text++ != ' ' || *text == '\0'))) {
            s->n = 0;
            return false;
        }
    }
    return true;
}
