/*
 * ems_named - expressions over names that are told of one by one. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_named.h"

#include "bridge/base/json_path.h"
#include "bridge/base/str.h"

#include <string.h>

/* ---- names of expressions ---- */

/* The next name of an expression from *s on, without its sign and factor; false: the end. */
static bool next_name(const char **s, char dst[static NAMED_ROOM])
{
    const char *p = *s + strspn(*s, " \t+-");
    size_t n;

    while (*p == '*' || *p == '/') {
        p += strspn(p, "*/ \t");
        p += strcspn(p, " \t"); /* a number */
        p += strspn(p, " \t+-");
    }
    n = *p ? json_path_length(p, NULL) : 0;
    *s = p + n;
    return n > 0 && str_format(dst, NAMED_ROOM, "%.*s", (int)n, p);
}

/* Whether a name stands before position f, s of the expressions. */
static bool seen_before(
        const struct named_config *c, const char *name, int field, const char *end)
{
    char other[NAMED_ROOM];

    for (int f = 0; f <= field; f++) {
        const char *s = c->expr[f];

        while (next_name(&s, other) && (f < field || s < end)) {
            if (strcmp(name, other) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Counts names; stops at the one of number want, or of the text name. */
static int walk(
        const struct named_config *c, int want, const char *name, char dst[static NAMED_ROOM])
{
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        const char *s = c->expr[f];

        while (next_name(&s, dst)) {
            if (seen_before(c, dst, f, s)) {
                continue;
            }
            if (n == want || (name && strcmp(dst, name) == 0)) {
                return n;
            }
            n++;
        }
    }
    return want < 0 && !name ? n : -1;
}

bool named_at(const struct named_config *c, int i, char dst[static NAMED_ROOM])
{
    return i >= 0 && i < NAMED_MAX && walk(c, i, NULL, dst) == i;
}

int named_count(const struct named_config *c)
{
    char name[NAMED_ROOM];

    return walk(c, -1, NULL, name);
}

int named_find(const struct named_config *c, const char *name)
{
    char dst[NAMED_ROOM];
    int i = walk(c, -1, name, dst);

    return i < NAMED_MAX ? i : -1;
}

uint32_t named_fields(const struct named_config *c)
{
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= c->expr[f][0] != '\0' ? EMS_BIT(f) : 0;
    }
    return set;
}

/* ---- check ---- */

static const char *const row_names[EMS_FIELDS] = {
        [EMS_GRID_W] = "grid_w",
        [EMS_PV_W] = "pv_w",
        [EMS_BATTERY_W] = "battery_w",
        [EMS_SOC_PERMILLE] = "soc",
        [EMS_CONSUMPTION_W] = "consumption_w",
        [EMS_CURRENT_L1_MA] = "current_l1",
        [EMS_CURRENT_L2_MA] = "current_l2",
        [EMS_CURRENT_L3_MA] = "current_l3",
        [EMS_VOLTAGE_L1_MV] = "voltage_l1",
        [EMS_VOLTAGE_L2_MV] = "voltage_l2",
        [EMS_VOLTAGE_L3_MV] = "voltage_l3",
};

void named_check(const struct named_config *c, bool (*good)(const char *name), const char *what,
        const char *path, struct opt_errors *errs)
{
    char name[NAMED_ROOM];
    struct err e = {0};

    if (named_fields(c) == 0) {
        opt_errors_add(errs,
                "%s.grid_w: nothing is read: set at least one of grid_w, pv_w, battery_w, soc, "
                "consumption_w, current_l1, voltage_l1...",
                path);
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        const char *s = c->expr[f];

        if (*s && !ems_expr_check(s, &e)) {
            opt_errors_add(errs, "%s.%s: %s", path, row_names[f], e.text);
            continue;
        }
        while (next_name(&s, name)) {
            if (!good(name)) {
                opt_errors_add(
                        errs, "%s.%s: '%.60s' is not %s", path, row_names[f], name, what);
            }
        }
    }
    if (named_count(c) > NAMED_MAX) {
        opt_errors_add(errs, "%s.grid_w: more than %d names together: make two sources", path,
                NAMED_MAX);
    }
}

/* ---- states ---- */

void named_put(struct named *v, const char *state, int64_t utc_ms)
{
    size_t n = strlen(state);
    const char *power = strpbrk(state, "eE");
    char before[NAMED_STATE_ROOM];

    (void)str_copy(before, sizeof(before), v->state);
    v->changed = v->changed || v->kind != NAMED_VALUE || v->utc_ms != utc_ms;
    v->kind = NAMED_VALUE;
    v->utc_ms = utc_ms;
    if (n >= sizeof(v->state) && power && strlen(power) < 6) {
        /* Of 1.234567890123456789e-05 digits are cut, not the power of ten. */
        (void)str_format(v->state, sizeof(v->state), "%.*s%s",
                (int)(sizeof(v->state) - 1 - strlen(power)), state, power);
    } else {
        (void)str_copy(v->state, sizeof(v->state), state);
    }
    for (char *p = v->state; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f ? '?' : *p;
    }
    v->changed = v->changed || strcmp(before, v->state) != 0;
}

void named_put_unit(struct named *v, const char *unit)
{
    if (!str_copy(v->unit, sizeof(v->unit), unit) || strpbrk(v->unit, "\"\\")) {
        (void)str_copy(v->unit, sizeof(v->unit), "?"); /* none that we know is so long */
    }
    for (char *p = v->unit; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
    }
}

static bool is_number(const struct named *v)
{
    return v->state[0] != '\0' && strchr("+-.0123456789", v->state[0]);
}

/* ---- fields ---- */

struct lookup {
    const struct named_config *c;
    const struct named_set *set;
    char text[NAMED_STATE_ROOM + NAMED_UNIT_ROOM + 1];
};

static const char *look(void *user, const char *name, size_t n)
{
    struct lookup *l = user;
    char text[NAMED_ROOM];
    int i = str_format(text, sizeof(text), "%.*s", (int)n, name) ? named_find(l->c, text) : -1;
    const struct named *v = i >= 0 ? &l->set->v[i] : NULL;

    if (!v || v->kind != NAMED_VALUE) {
        return NULL;
    }
    (void)str_format(l->text, sizeof(l->text), "%s%s%s", v->state, is_number(v) ? " " : "",
            is_number(v) ? v->unit : "");
    return l->text;
}

/* What is wrong with the names of a field, and how new it is. */
struct state {
    enum named_kind worst;
    char name[NAMED_ROOM]; /* that is worst */
    int64_t newest_ms;
    bool changed;
    const struct named *words; /* a state that is no number */
    char words_name[NAMED_ROOM];
};

static void look_at(
        const struct named_config *c, const struct named_set *set, int f, struct state *x)
{
    static const int badness[] = {
            [NAMED_VALUE] = 0, [NAMED_UNHEARD] = 1, [NAMED_MISSING] = 2, [NAMED_GONE] = 3};
    const char *s = c->expr[f];
    char name[NAMED_ROOM];

    *x = (struct state){.worst = NAMED_VALUE};
    while (next_name(&s, name)) {
        int i = named_find(c, name);
        const struct named *v = i >= 0 ? &set->v[i] : NULL;
        enum named_kind kind = v ? (enum named_kind)v->kind : NAMED_MISSING;

        if (badness[kind] > badness[x->worst]) {
            x->worst = kind;
            (void)str_copy(x->name, sizeof(x->name), name);
        }
        if (v && kind == NAMED_VALUE) {
            x->newest_ms = v->utc_ms > x->newest_ms ? v->utc_ms : x->newest_ms;
            x->changed = x->changed || v->changed;
            if (!x->words && !is_number(v)) {
                x->words = v;
                (void)str_copy(x->words_name, sizeof(x->words_name), name);
            }
        }
    }
}

static void say_field(const struct named_config *c, const struct named_set *set, int f,
        const struct state *x, int64_t utc_ms, struct ems_reports *out)
{
    struct lookup l = {.c = c, .set = set};
    const struct ems_tree t = {.look = look, .user = &l};
    struct ems_report *r = &out->field[f];

    ems_expr_say(&t, c->expr[f], (enum ems_field)f, utc_ms, out);
    if (r->said == EMS_SAID_NONE && x->words) {
        (void)str_format(r->why, sizeof(r->why), "%.60s is %s", x->words_name,
                x->words->state[0] ? x->words->state : "empty");
    }
}

void named_say(const struct named_config *c, struct named_set *set, const char *missing,
        const char *gone, bool alive, struct ems_reports *out)
{
    struct state x[EMS_FIELDS];
    int64_t lively_ms = 0;
    bool moves = false;

    for (int f = 0; f < EMS_FIELDS; f++) {
        look_at(c, set, f, &x[f]);
        if (ems_field_table[f].lively) {
            lively_ms = x[f].newest_ms > lively_ms ? x[f].newest_ms : lively_ms;
            moves = moves || x[f].changed;
        }
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        bool lively = ems_field_table[f].lively;
        char why[EMS_WHY_ROOM];

        if (c->expr[f][0] == '\0' || x[f].worst == NAMED_UNHEARD) {
            continue;
        }
        if (x[f].worst != NAMED_VALUE) {
            (void)str_format(why, sizeof(why), "%.60s %s", x[f].name,
                    x[f].worst == NAMED_GONE ? gone : missing);
            ems_say_none(out, (enum ems_field)f, why, NULL);
            continue;
        }
        if (lively && lively_ms == 0 && !moves) {
            continue; /* it would look as if it was new */
        }
        say_field(c, set, f, &x[f], lively ? lively_ms : x[f].newest_ms, out);
        out->field[f].holds = alive && !lively;
    }
    for (int i = 0; i < NAMED_MAX; i++) {
        set->v[i].changed = false;
    }
}
