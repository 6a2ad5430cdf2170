/*
 * settings_check - what the tables cannot say: names that must exist, ids that must be unique,
 * floors that do not fit. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/settings_tables.h"

#include <inttypes.h>
#include <string.h>

struct check {
    struct settings *s;
    struct opt_errors *errs, *warnings;
};

static const char *suffix(const char *near)
{
    return near ? "; did you mean " : "";
}

static int find_circuit(const struct settings *s, const char *name)
{
    for (int i = 0; i < s->circuit_count; i++) {
        if (strcmp(s->circuit[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* Index of the circuit, or an error with a hint. */
static int want_circuit(struct check *c, const char *path, const char *name)
{
    const char *names[CIRCUITS_MAX + 1] = {NULL};
    const char *near;
    int found = find_circuit(c->s, name);

    if (found >= 0) {
        return found;
    }
    for (int i = 0; i < c->s->circuit_count; i++) {
        names[i] = c->s->circuit[i].name;
    }
    near = str_nearest(name, names);
    opt_errors_add(c->errs, "%s: there is no circuit '%s'%s%s%s", path, name, suffix(near),
            near ? near : "", near ? "?" : "");
    return -1;
}

static void effective_limit(struct check *c, int i)
{
    struct circuit_settings *x = &c->s->circuit[i];
    int32_t breaker = x->breaker_ma;

    if (breaker != OPT_UNSET && c->s->site.region == 1) {
        breaker = (int32_t)((int64_t)breaker * 8 / 10);
    }
    x->effective_limit_ma = x->limit_ma != OPT_UNSET ? x->limit_ma : UNLIMITED_CIRCUIT_MA;
    if (breaker != OPT_UNSET && (x->limit_ma == OPT_UNSET || breaker < x->limit_ma)) {
        x->effective_limit_ma = breaker;
    }
    if (x->limit_ma == OPT_UNSET && x->breaker_ma == OPT_UNSET) {
        opt_errors_add(c->warnings, "circuits[%d].limit_a: is not set, so circuit %s has 6 A", i,
                x->name);
    } else if (x->effective_limit_ma < FLOOR_MA) {
        opt_errors_add(c->warnings, "circuits[%d].limit_a: below 6 A no car can charge", i);
    }
}

static void check_circuits(struct check *c)
{
    struct settings *s = c->s;
    char path[64];

    for (int i = 0; i < s->circuit_count; i++) {
        struct circuit_settings *x = &s->circuit[i];

        str_slug(x->id, sizeof(x->id), x->name);
        if (x->name[0] != '\0' && x->id[0] == '\0') {
            opt_errors_add(c->errs, "circuits[%d].name: '%s' has no letter or digit", i, x->name);
        }
        for (int k = 0; k < i; k++) {
            if (x->id[0] != '\0' && strcmp(s->circuit[k].id, x->id) == 0) {
                opt_errors_add(c->errs, "circuits[%d].name: '%s' is taken by circuits[%d]", i,
                        x->name, k);
            }
        }
        effective_limit(c, i);
    }
    for (int i = 0; i < s->circuit_count; i++) {
        struct circuit_settings *x = &s->circuit[i];

        x->parent_index = -1;
        if (x->parent[0] != '\0') {
            str_format(path, sizeof(path), "circuits[%d].parent", i);
            x->parent_index = want_circuit(c, path, x->parent);
        }
    }
    for (int i = 0; i < s->circuit_count; i++) {
        int steps = 0;
        int p = s->circuit[i].parent_index;

        for (; p >= 0 && steps <= s->circuit_count; steps++) {
            p = s->circuit[p].parent_index;
        }
        if (steps > s->circuit_count) {
            opt_errors_add(c->errs, "circuits[%d].parent: '%s' feeds itself", i,
                    s->circuit[i].name);
            s->circuit[i].parent_index = -1;
        } else if (s->circuit[i].parent_index >= 0 &&
                s->circuit[i].effective_limit_ma >
                        s->circuit[s->circuit[i].parent_index].effective_limit_ma) {
            opt_errors_add(c->warnings, "circuits[%d].limit_a: is above the limit of its parent",
                    i);
        }
    }
}

static void check_tcp(struct check *c, int i, const char *rest)
{
    const char *colon = strrchr(rest, ':');
    int64_t port = 0;

    if (!colon || colon == rest || !str_int(colon + 1, strlen(colon + 1), &port) || port < 1 ||
            port > 65535) {
        opt_errors_add(c->errs, "buses[%d].port: 'tcp://%s' wants tcp://HOST:PORT, PORT 1..65535",
                i, rest);
    }
}

static void check_port(struct check *c, int i)
{
    const char *port = c->s->bus[i].port;
    int64_t n = 0;

    if (strncmp(port, "tcp://", 6) == 0) {
        check_tcp(c, i, port + 6);
    } else if (strncmp(port, "virtual:", 8) == 0) {
        if (!str_int(port + 8, strlen(port + 8), &n) || n < 1 || n > BUS_CHARGERS_MAX) {
            opt_errors_add(c->errs, "buses[%d].port: '%s' wants virtual:1, virtual:2 or virtual:3",
                    i, port);
        }
    } else if (strncmp(port, "rfc2217://", 10) == 0 || strncmp(port, "tcp-listen://", 13) == 0) {
        opt_errors_add(c->errs, "buses[%d].port: '%s' is not built yet; use an absolute path or "
                                "tcp://HOST:PORT", i, port);
    } else if (port[0] != '/' && port[0] != '\0') {
        opt_errors_add(c->errs, "buses[%d].port: '%s' is no port: an absolute path, "
                                "tcp://HOST:PORT or virtual:N", i, port);
    }
    for (int k = 0; k < i; k++) {
        if (port[0] != '\0' && strncmp(port, "virtual:", 8) != 0 &&
                strcmp(c->s->bus[k].port, port) == 0) {
            opt_errors_add(c->errs, "buses[%d].port: '%s' is the port of buses[%d]", i, port, k);
        }
    }
}

static void check_buses(struct check *c)
{
    struct settings *s = c->s;
    char path[64];

    for (int i = 0; i < s->bus_count; i++) {
        struct bus_settings *x = &s->bus[i];

        if (x->name[0] == '\0') {
            str_format(x->name, sizeof(x->name), "%d", i + 1);
        }
        str_slug(x->id, sizeof(x->id), x->name);
        if (x->id[0] == '\0') {
            opt_errors_add(c->errs, "buses[%d].name: '%s' has no letter or digit", i, x->name);
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(s->bus[k].id, x->id) == 0) {
                opt_errors_add(c->errs, "buses[%d].name: '%s' is taken by buses[%d]", i, x->name,
                        k);
            }
        }
        check_port(c, i);
        str_format(path, sizeof(path), "buses[%d].circuit", i);
        x->circuit_index = x->circuit[0] != '\0' ? want_circuit(c, path, x->circuit) : -1;
    }
}

static bool id_ok(char *id)
{
    size_t n = strlen(id);

    for (char *p = id; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    if (n == 2 && id[0] == 'v' && id[1] >= '1' && id[1] <= '9') {
        return true;
    }
    return n == 4 && strspn(id, "0123456789abcdef") == 4;
}

static void find_bus(struct check *c, int i)
{
    struct charger_settings *x = &c->s->charger[i];
    const char *names[BUSES_MAX + 1] = {NULL};
    const char *near;

    x->bus_index = -1;
    if (x->bus[0] == '\0') {
        return;
    }
    for (int k = 0; k < c->s->bus_count; k++) {
        names[k] = c->s->bus[k].name;
        if (strcmp(c->s->bus[k].name, x->bus) == 0) {
            x->bus_index = k;
            return;
        }
    }
    near = str_nearest(x->bus, names);
    opt_errors_add(c->errs, "chargers[%d].bus: there is no bus '%s'%s%s%s", i, x->bus, suffix(near),
            near ? near : "", near ? "?" : "");
}

static void check_amps(struct check *c, int i)
{
    struct charger_settings *x = &c->s->charger[i];
    int32_t min = x->min_ma != OPT_UNSET ? x->min_ma : FLOOR_MA;

    if (x->max_ma != OPT_UNSET && x->min_ma != OPT_UNSET && x->min_ma > x->max_ma) {
        opt_errors_add(c->errs, "chargers[%d].min_a: %d is above max_a %d", i, x->min_ma / 1000,
                x->max_ma / 1000);
    }
    if (x->default_ma == OPT_UNSET) {
        return;
    }
    if (x->max_ma != OPT_UNSET && x->default_ma > x->max_ma) {
        opt_errors_add(c->errs, "chargers[%d].default_a: %d is above max_a %d", i,
                x->default_ma / 1000, x->max_ma / 1000);
    }
    if (x->default_ma > 0 && x->default_ma < min) {
        opt_errors_add(c->errs, "chargers[%d].default_a: %d is neither 0 nor at least %d", i,
                x->default_ma / 1000, min / 1000);
    }
}

static void check_chargers(struct check *c)
{
    for (int i = 0; i < c->s->charger_count; i++) {
        struct charger_settings *x = &c->s->charger[i];

        if (x->id[0] != '\0' && !id_ok(x->id)) {
            opt_errors_add(c->errs, "chargers[%d].id: '%s' wants 4 hex digits, or v1..v9 on a "
                                    "virtual bus", i, x->id);
        }
        find_bus(c, i);
        for (int k = 0; k < i; k++) {
            const struct charger_settings *y = &c->s->charger[k];

            if (strcmp(x->id, y->id) == 0 &&
                    (x->bus_index == y->bus_index || x->bus_index < 0 || y->bus_index < 0)) {
                opt_errors_add(c->errs, "chargers[%d].id: '%s' stands in chargers[%d] too; give "
                                        "each its bus", i, x->id, k);
            }
        }
        check_amps(c, i);
    }
}

static void check_mqtt(struct check *c)
{
    const struct mqtt_settings *m = &c->s->mqtt;
    const char *host = strstr(m->url, "://");
    const char *colon = host ? strrchr(host + 3, ':') : NULL;
    size_t n = strlen(m->base_topic);
    int64_t port = 1;

    if (m->url[0] != '\0') {
        if ((strncmp(m->url, "mqtt://", 7) != 0 && strncmp(m->url, "mqtts://", 8) != 0) ||
                host[3] == '\0' || host[3] == ':') {
            opt_errors_add(c->errs, "mqtt.url: wants mqtt://HOST[:PORT] or mqtts://HOST[:PORT]");
        } else if (strchr(host, '@')) {
            opt_errors_add(c->errs, "mqtt.url: no user or password here: use mqtt.username and "
                                    "mqtt.password");
        } else if (colon && !strchr(colon, ']') &&
                (!str_int(colon + 1, strlen(colon + 1), &port) || port < 1 || port > 65535)) {
            opt_errors_add(c->errs, "mqtt.url: the port '%.20s' is not within 1..65535",
                    colon + 1);
        }
    }
    if (n > 0 && (strpbrk(m->base_topic, "+#$ ") || m->base_topic[0] == '/' ||
                         m->base_topic[n - 1] == '/')) {
        opt_errors_add(c->errs, "mqtt.base_topic: '%s' may not have blanks, + # $, or / at its "
                                "ends", m->base_topic);
    }
    if (strpbrk(m->discovery_prefix, "+#$ ")) {
        opt_errors_add(c->errs, "mqtt.discovery_prefix: '%s' may not have blanks or + # $",
                m->discovery_prefix);
    }
    if (m->client_id[0] != '\0' && strpbrk(m->client_id, "/+#")) {
        opt_errors_add(c->errs, "mqtt.client_id: '%s' may not have / + or #", m->client_id);
    }
}

/* True if the circuit is `above` or hangs below it. */
static bool below(const struct settings *s, int circuit, int above)
{
    for (int steps = 0; circuit >= 0 && steps <= s->circuit_count; steps++) {
        if (circuit == above) {
            return true;
        }
        circuit = s->circuit[circuit].parent_index;
    }
    return false;
}

/* A protocol 2 unit cannot be held below 6 A: do all that we know of fit? */
static void check_floors(struct check *c)
{
    const struct settings *s = c->s;

    for (int i = 0; i < s->circuit_count; i++) {
        int units = 0;

        for (int b = 0; b < s->bus_count; b++) {
            int configured = 0;

            if (!below(s, s->bus[b].circuit_index, i)) {
                continue;
            }
            for (int k = 0; k < s->charger_count; k++) {
                configured += s->charger[k].bus_index == b ||
                        (s->charger[k].bus_index < 0 && s->bus_count == 1);
            }
            if (strncmp(s->bus[b].port, "virtual:", 8) == 0 && s->bus[b].port[8] - '0' > configured) {
                configured = s->bus[b].port[8] - '0';
            }
            units += configured > 0 ? configured : 1;
        }
        if (units * STUCK_FLOOR_MA > s->circuit[i].effective_limit_ma) {
            opt_errors_add(c->warnings, "circuits[%d].limit_a: %d chargers of 6 A each do not fit "
                                        "%d A of circuit %s: those of protocol 2 cannot be held "
                                        "below 6 A, so not all will be used", i, units,
                    s->circuit[i].effective_limit_ma / 1000, s->circuit[i].name);
        }
    }
}

void settings_check(struct settings *s, struct opt_errors *errs, struct opt_errors *warnings)
{
    struct check c = {s, errs, warnings};

    check_mqtt(&c);
    check_circuits(&c);
    check_buses(&c);
    check_chargers(&c);
    if (errs->count == 0) {
        check_floors(&c);
        if (s->bus_count == 0) {
            opt_errors_add(warnings, "buses: there is none, so no charger will be found");
        }
    }
}
