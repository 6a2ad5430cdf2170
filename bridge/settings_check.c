/*
 * settings_check - what ties the parts of the settings file together.
 *
 * A member that the tables refused is empty or at its default here; it was said once, so
 * nothing is said about it again. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/settings_tables.h"

#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 48, AMPS_ROOM = 16 };

/* 16500 -> "16.5" */
static void amps(char dst[static AMPS_ROOM], int32_t ma)
{
    str_format(dst, AMPS_ROOM, "%d.%03d", ma / 1000, abs(ma % 1000));
    for (size_t n = strlen(dst); dst[n - 1] == '0' || dst[n - 1] == '.'; n--) {
        bool point = dst[n - 1] == '.';

        dst[n - 1] = '\0';
        if (point) {
            break;
        }
    }
}

static void path_of(char dst[static PATH_ROOM], const char *list, int i, const char *name)
{
    str_format(dst, PATH_ROOM, "%s[%d].%s", list, i, name);
}

/* id[0..i]: the topic names of a list so far. One must not be empty and not be there twice. */
static void check_topic_name(const char *list, int i, const char *name, const char *const id[],
        struct opt_errors *errs)
{
    char path[PATH_ROOM];

    path_of(path, list, i, "name");
    if (!id[i][0]) {
        opt_errors_add(errs, "%s: '%s' has no letter a-z and no digit", path, name);
        return;
    }
    for (int k = 0; k < i; k++) {
        if (strcmp(id[k], id[i]) == 0) {
            opt_errors_add(errs, "%s: '%s' has the same topic name (%s) as %s[%d]", path, name,
                    id[i], list, k);
            return;
        }
    }
}

/* ---- circuits ---- */

static int find_circuit(const struct settings *s, const char *name)
{
    for (int i = 0; i < s->circuit_count; i++) {
        if (strcmp(s->circuit[i].name, name) == 0 || strcmp(s->circuit[i].id, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void no_circuit(
        const struct settings *s, const char *path, const char *name, struct opt_errors *errs)
{
    const char *names[CIRCUITS_MAX + 1] = {NULL}, *near;

    for (int i = 0; i < s->circuit_count; i++) {
        names[i] = s->circuit[i].name;
    }
    near = str_nearest(name, names);
    if (near) {
        opt_errors_add(
                errs, "%s: there is no circuit '%s'; did you mean %s?", path, name, near);
    } else {
        opt_errors_add(errs, "%s: there is no circuit '%s'", path, name);
    }
}

int settings_find_circuit(
        const struct settings *s, const char *name, const char *path, struct opt_errors *errs)
{
    int i = find_circuit(s, name);

    if (i < 0) {
        no_circuit(s, path, name, errs);
    }
    return i;
}

static int32_t effective_limit(const struct circuit_settings *c, bool north_america)
{
    int32_t from_breaker = c->breaker_ma;

    if (from_breaker != OPT_UNSET && north_america) {
        from_breaker = from_breaker / 10 * 8 + from_breaker % 10 * 8 / 10;
    }
    if (c->limit_ma == OPT_UNSET && from_breaker == OPT_UNSET) {
        return UNLIMITED_CIRCUIT_MA;
    }
    if (c->limit_ma == OPT_UNSET || from_breaker == OPT_UNSET) {
        return c->limit_ma == OPT_UNSET ? from_breaker : c->limit_ma;
    }
    return c->limit_ma < from_breaker ? c->limit_ma : from_breaker;
}

static void check_circuit(
        struct settings *s, int i, struct opt_errors *errs, struct opt_errors *warnings)
{
    struct circuit_settings *c = &s->circuit[i];
    const char *id[CIRCUITS_MAX];
    char limit[AMPS_ROOM];

    c->parent_index = -1;
    c->effective_limit_ma = effective_limit(c, s->site.region == 1);
    amps(limit, c->effective_limit_ma);
    if (c->effective_limit_ma < FLOOR_MA) {
        opt_errors_add(warnings, "circuits[%d]: a limit of %s A is below 6, nothing can charge",
                i, limit);
    }
    str_slug(c->id, sizeof(c->id), c->name);
    if (!c->name[0]) {
        return;
    }
    for (int k = 0; k <= i; k++) {
        id[k] = s->circuit[k].id;
    }
    check_topic_name("circuits", i, c->name, id, errs);
}

static bool in_circle(const struct settings *s, int i)
{
    int at = i;

    for (int steps = 0; steps <= s->circuit_count && at >= 0; steps++) {
        at = s->circuit[at].parent_index;
    }
    return at >= 0;
}

static void check_parents(
        struct settings *s, struct opt_errors *errs, struct opt_errors *warnings)
{
    char path[PATH_ROOM], mine[AMPS_ROOM], above[AMPS_ROOM];

    for (int i = 0; i < s->circuit_count; i++) {
        struct circuit_settings *c = &s->circuit[i];

        path_of(path, "circuits", i, "parent");
        if (c->parent[0]) {
            c->parent_index = find_circuit(s, c->parent);
        }
        if (c->parent[0] && c->parent_index < 0) {
            no_circuit(s, path, c->parent, errs);
        } else if (in_circle(s, i)) {
            opt_errors_add(errs, "%s: '%s' makes a circle", path, c->parent);
            c->parent_index = -1;
        }
    }
    for (int i = 0; i < s->circuit_count; i++) {
        const struct circuit_settings *c = &s->circuit[i], *p;

        if (c->parent_index < 0) {
            continue;
        }
        p = &s->circuit[c->parent_index];
        if (c->effective_limit_ma > p->effective_limit_ma) {
            amps(mine, c->effective_limit_ma);
            amps(above, p->effective_limit_ma);
            opt_errors_add(warnings,
                    "circuits[%d]: its limit of %s A is above the %s A of its"
                    " parent '%s', which hold",
                    i, mine, above, p->name);
        }
    }
}

/* ---- buses ---- */

static void check_bus_name(struct settings *s, int i, struct opt_errors *errs)
{
    struct bus_settings *b = &s->bus[i];
    const char *id[BUSES_MAX];

    if (!b->name[0]) {
        str_format(b->name, sizeof(b->name), "%d", i + 1);
    }
    str_slug(b->id, sizeof(b->id), b->name);
    for (int k = 0; k <= i; k++) {
        id[k] = s->bus[k].id;
    }
    check_topic_name("buses", i, b->name, id, errs);
}

static void check_bus(
        struct settings *s, int i, struct opt_errors *errs, struct opt_errors *warnings)
{
    struct bus_settings *b = &s->bus[i];
    const struct circuit_settings *c;
    char path[PATH_ROOM];

    check_bus_name(s, i, errs);
    path_of(path, "buses", i, "port");
    settings_check_port(b->port, path, errs, warnings);
    for (int k = 0; k < i; k++) {
        if (b->port[0] && settings_virtual_count(b->port) == 0 &&
                strcmp(s->bus[k].port, b->port) == 0) {
            opt_errors_add(errs, "%s: '%s' is the port of buses[%d] as well", path, b->port, k);
            break;
        }
    }
    b->circuit_index = -1;
    if (!b->circuit[0]) {
        return;
    }
    path_of(path, "buses", i, "circuit");
    b->circuit_index = settings_find_circuit(s, b->circuit, path, errs);
    if (b->circuit_index < 0) {
        return;
    }
    c = &s->circuit[b->circuit_index];
    if (c->limit_ma == OPT_UNSET && c->breaker_ma == OPT_UNSET) {
        opt_errors_add(warnings, "%s: '%s' has neither limit_a nor breaker_a, so it has 6 A",
                path, c->name);
    }
}

/* ---- chargers ---- */

static int find_bus(const struct settings *s, const char *name)
{
    for (int i = 0; i < s->bus_count; i++) {
        if (strcmp(s->bus[i].name, name) == 0 || strcmp(s->bus[i].id, name) == 0) {
            return i;
        }
    }
    return -1;
}

static void find_charger_bus(struct settings *s, int i, struct opt_errors *errs)
{
    const char *names[BUSES_MAX + 1] = {NULL}, *near;
    struct charger_settings *c = &s->charger[i];

    c->bus_index = c->bus[0] ? find_bus(s, c->bus) : -1;
    if (!c->bus[0] || c->bus_index >= 0) {
        return;
    }
    for (int k = 0; k < s->bus_count; k++) {
        names[k] = s->bus[k].name;
    }
    near = str_nearest(c->bus, names);
    if (near) {
        opt_errors_add(errs, "chargers[%d].bus: there is no bus '%s'; did you mean %s?", i,
                c->bus, near);
    } else {
        opt_errors_add(errs, "chargers[%d].bus: there is no bus '%s'", i, c->bus);
    }
}

static bool on_virtual_bus(const struct settings *s, const struct charger_settings *c)
{
    for (int k = 0; k < s->bus_count; k++) {
        if ((c->bus_index == k || !c->bus[0]) && settings_virtual_count(s->bus[k].port) > 0) {
            return true;
        }
    }
    return false;
}

static void check_id(struct settings *s, int i, struct opt_errors *errs)
{
    struct charger_settings *c = &s->charger[i];
    size_t n = strlen(c->id);

    for (char *p = c->id; *p; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    if (n == 2 && c->id[0] == 'v' && c->id[1] >= '1' && c->id[1] <= '9') {
        if (!on_virtual_bus(s, c)) {
            opt_errors_add(
                    errs, "chargers[%d].id: '%s' is for a bus with port virtual:N", i, c->id);
        }
    } else if (n > 0 && (n != 4 || strspn(c->id, "0123456789abcdef") != 4)) {
        opt_errors_add(errs,
                "chargers[%d].id: '%s' is not four hexadecimal digits such as"
                " \"a1b2\" (or v1 to v9 on a virtual bus)",
                i, c->id);
        return;
    }
    for (int k = 0; k < i && n > 0; k++) {
        const struct charger_settings *other = &s->charger[k];

        if (strcmp(other->id, c->id) != 0) {
            continue;
        }
        if (other->bus_index == c->bus_index) {
            opt_errors_add(errs, "chargers[%d].id: '%s' is chargers[%d] as well", i, c->id, k);
        } else if (other->bus_index < 0 || c->bus_index < 0) {
            opt_errors_add(errs,
                    "chargers[%d].id: '%s' is chargers[%d] as well, both must name"
                    " their bus",
                    i, c->id, k);
        }
    }
}

static void check_amps(const struct charger_settings *c, int i, struct opt_errors *errs)
{
    int32_t floor = c->min_ma == OPT_UNSET ? FLOOR_MA : c->min_ma;
    char low[AMPS_ROOM], want[AMPS_ROOM], most[AMPS_ROOM];

    amps(low, floor);
    amps(want, c->default_ma == OPT_UNSET ? 0 : c->default_ma);
    amps(most, c->max_ma == OPT_UNSET ? 0 : c->max_ma);
    if (c->max_ma != OPT_UNSET && floor > c->max_ma) {
        opt_errors_add(
                errs, "chargers[%d].min_a: %s is above max_a, which is %s", i, low, most);
    }
    if (c->default_ma == OPT_UNSET || c->default_ma == 0) {
        return;
    }
    if (c->max_ma != OPT_UNSET && c->default_ma > c->max_ma) {
        opt_errors_add(
                errs, "chargers[%d].default_a: %s is above max_a, which is %s", i, want, most);
    } else if (c->default_ma < floor) {
        opt_errors_add(errs,
                "chargers[%d].default_a: %s is below the least offer of %s, and not"
                " 0 (do not charge)",
                i, want, low);
    }
}

/* ---- floors ---- */

/* The bus a charger is known to be on; -1: not known. */
static int bus_of(const struct settings *s, const struct charger_settings *c)
{
    return c->bus[0] ? c->bus_index : s->bus_count == 1 ? 0 : -1;
}

static void check_bus_size(const struct settings *s, int bus, struct opt_errors *errs)
{
    int n = 0;

    for (int k = 0; k < s->charger_count; k++) {
        n += bus_of(s, &s->charger[k]) == bus;
    }
    if (n > BUS_CHARGERS_MAX) {
        opt_errors_add(errs, "chargers: %d on bus '%s', a bus holds at most %d", n,
                s->bus[bus].name, BUS_CHARGERS_MAX);
    }
}

static bool below(const struct settings *s, int circuit, int top)
{
    while (circuit >= 0 && circuit != top) {
        circuit = s->circuit[circuit].parent_index;
    }
    return circuit == top;
}

/* Adds the chargers of a bus: those of the file, those a virtual bus has, at least one. */
static int add_bus_floors(const struct settings *s, int bus, int32_t phase_ma[PHASES])
{
    int n = 0, least = settings_virtual_count(s->bus[bus].port);

    for (int k = 0; k < s->charger_count; k++) {
        const struct charger_settings *c = &s->charger[k];

        if (bus_of(s, c) != bus) {
            continue;
        }
        n++;
        for (int p = 0; p < PHASES; p++) {
            phase_ma[p] += phase_bits((enum phase_map)c->phases) >> p & 1 ? STUCK_FLOOR_MA : 0;
        }
    }
    for (least = least > 0 ? least : 1; n < least; n++) {
        for (int p = 0; p < PHASES; p++) {
            phase_ma[p] += STUCK_FLOOR_MA;
        }
    }
    return n;
}

static void check_floors(const struct settings *s, struct opt_errors *warnings)
{
    for (int i = 0; i < s->circuit_count; i++) {
        int32_t phase_ma[PHASES] = {0}, limit = s->circuit[i].effective_limit_ma;
        char shown[AMPS_ROOM];
        int n = 0, worst = 0;

        for (int k = 0; k < s->bus_count; k++) {
            if (s->bus[k].circuit_index >= 0 && below(s, s->bus[k].circuit_index, i)) {
                n += add_bus_floors(s, k, phase_ma);
            }
        }
        for (int p = 1; p < PHASES; p++) {
            worst = phase_ma[p] > phase_ma[worst] ? p : worst;
        }
        if (limit >= FLOOR_MA && phase_ma[worst] > limit) {
            amps(shown, limit);
            opt_errors_add(warnings,
                    "circuits[%d]: each of its %d chargers may keep 6 A even"
                    " when told 0, %d A on L%d do not fit into %s A; those of"
                    " lowest priority will wait",
                    i, n, phase_ma[worst] / 1000, worst + 1, shown);
        }
    }
}

static void check_currency(const struct settings *s, struct opt_errors *errs)
{
    const char *c = s->site.currency;

    for (int i = 0; i < 3; i++) {
        if (c[i] < 'A' || c[i] > 'Z') {
            opt_errors_add(
                    errs, "site.currency: '%s' is not a code of three capital letters", c);
            return;
        }
    }
}

void settings_check(struct settings *s, struct opt_errors *errs, struct opt_errors *warnings)
{
    settings_check_mqtt(&s->mqtt, errs, warnings);
    check_currency(s, errs);
    for (int i = 0; i < s->circuit_count; i++) {
        check_circuit(s, i, errs, warnings);
    }
    check_parents(s, errs, warnings);
    for (int i = 0; i < s->bus_count; i++) {
        check_bus(s, i, errs, warnings);
    }
    if (s->bus_count == 0) {
        opt_errors_add(warnings, "buses: there is none, so there are no chargers");
    }
    for (int i = 0; i < s->charger_count; i++) {
        find_charger_bus(s, i, errs);
        check_id(s, i, errs);
        check_amps(&s->charger[i], i, errs);
    }
    for (int i = 0; i < s->bus_count; i++) {
        check_bus_size(s, i, errs);
    }
    check_floors(s, warnings);
    settings_check_sources(s, errs);
    settings_check_meters(s, errs, warnings);
}
