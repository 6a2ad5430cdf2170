/*
 * settings_check_text - broker address, topics, ports: what one text must look like.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/core/limits.h"
#include "bridge/settings_tables.h"

#include <string.h>

static bool starts(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

static bool host_char(char c, bool brackets)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '.' || c == '_' || (brackets && (c == ':' || c == '%'));
}

/* ":PORT". What is wrong, or NULL. */
static const char *port_fault(const char *s)
{
    int64_t port;

    if (*s != ':') {
        return "has something other than :PORT after the host";
    }
    if (s[1] == '+' || !str_int(s + 1, strlen(s + 1), &port) || port < 1 || port > 65535) {
        return "has a port that is not a number from 1 to 65535";
    }
    return NULL;
}

/* HOST:PORT, [IPV6]:PORT, without a port where it is optional. What is wrong, or NULL. */
static const char *host_fault(const char *s, bool port_optional)
{
    bool brackets = *s == '[';
    const char *host = brackets ? s + 1 : s, *end = host;

    while (host_char(*end, brackets)) {
        end++;
    }
    if (end == host) {
        return "has no host";
    }
    if (brackets && *end++ != ']') {
        return "lacks the ']' of its address";
    }
    if (*end == '\0') {
        return port_optional ? NULL : "has no port";
    }
    return port_fault(end);
}

static void check_url(const struct mqtt_settings *m, struct opt_errors *errs)
{
    const char *host = starts(m->url, "mqtt://")    ? m->url + strlen("mqtt://")
                       : starts(m->url, "mqtts://") ? m->url + strlen("mqtts://")
                                                    : NULL;
    const char *fault;

    if (strchr(m->url, '@')) {
        /* Not printed: that is where the password is. */
        opt_errors_add(errs,
                "mqtt.url: holds a user or password, use mqtt.username and mqtt.password");
        return;
    }
    if (!host) {
        opt_errors_add(
                errs, "mqtt.url: '%s' is not mqtt://HOST:PORT or mqtts://HOST:PORT", m->url);
        return;
    }
    fault = host_fault(host, true);
    if (fault) {
        opt_errors_add(errs, "mqtt.url: '%s' %s", m->url, fault);
    }
}

static void check_topic(const char *name, const char *topic, struct opt_errors *errs)
{
    size_t n = strlen(topic);

    if (n == 0) {
        return; /* the table has spoken where that matters */
    }
    if (strpbrk(topic, "+#$")) {
        opt_errors_add(errs, "mqtt.%s: '%s' holds one of + # $", name, topic);
    } else if (topic[0] == '/' || topic[n - 1] == '/' || strstr(topic, "//")) {
        opt_errors_add(
                errs, "mqtt.%s: '%s' begins or ends with / or has two in a row", name, topic);
    }
}

static void check_tls_file(const char *name, const char *path, bool tls,
        struct opt_errors *errs, struct opt_errors *warnings)
{
    if (path[0] && path[0] != '/') {
        opt_errors_add(errs, "mqtt.%s: '%s' is not an absolute path", name, path);
    } else if (path[0] && !tls) {
        opt_errors_add(warnings, "mqtt.%s: has no effect without mqtts://", name);
    }
}

void settings_check_mqtt(
        const struct mqtt_settings *m, struct opt_errors *errs, struct opt_errors *warnings)
{
    bool tls = starts(m->url, "mqtts://");

    check_topic("base_topic", m->base_topic, errs);
    check_topic("discovery_prefix", m->discovery_prefix, errs);
    check_topic("birth_topic", m->birth_topic, errs);
    if (strcmp(m->base_topic, m->discovery_prefix) == 0) {
        opt_errors_add(
                errs, "mqtt.base_topic: '%s' is the discovery_prefix as well", m->base_topic);
    }
    if (!m->url[0]) {
        opt_errors_add(warnings, "mqtt.url: not set, so no broker is used");
        return;
    }
    check_url(m, errs);
    if (m->password[0] && !m->username[0]) {
        opt_errors_add(warnings, "mqtt.password: is not used without mqtt.username");
    }
    check_tls_file("ca_file", m->ca_file, tls, errs, warnings);
    check_tls_file("cert_file", m->cert_file, tls, errs, warnings);
    check_tls_file("key_file", m->key_file, tls, errs, warnings);
    if (!m->cert_file[0] != !m->key_file[0]) {
        opt_errors_add(errs, "mqtt.%s: is missing, cert_file and key_file go together",
                m->cert_file[0] ? "key_file" : "cert_file");
    }
    if (m->insecure) {
        opt_errors_add(warnings, tls ? "mqtt.insecure: anybody in between can read and command"
                                     : "mqtt.insecure: has no effect without mqtts://");
    }
}

int settings_virtual_count(const char *port)
{
    int64_t n;

    if (!starts(port, "virtual:") ||
            !str_int(port + strlen("virtual:"), strlen(port) - strlen("virtual:"), &n) ||
            n < 1 || n > BUS_CHARGERS_MAX) {
        return 0;
    }
    return (int)n;
}

static const char *const net_schemes[] = {"tcp://", "rfc2217://", "tcp-listen://"};

static bool is_loopback(const char *place)
{
    return place[0] == ':' || starts(place, "127.") || starts(place, "localhost:") ||
           starts(place, "[::1]:");
}

/* Returns true when port begins as a network port does. */
static bool check_net_port(const char *port, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    for (size_t i = 0; i < ARRAY_LEN(net_schemes); i++) {
        const char *place = port + strlen(net_schemes[i]), *fault;
        bool listens = i == 2;

        if (!starts(port, net_schemes[i])) {
            continue;
        }
        fault = listens && place[0] == ':' ? port_fault(place) : host_fault(place, false);
        if (fault) {
            opt_errors_add(
                    errs, "%s: '%s' %s (%sHOST:PORT)", path, port, fault, net_schemes[i]);
        } else if (listens && !is_loopback(place)) {
            opt_errors_add(warnings,
                    "%s: any machine that reaches '%s' can call and play the chargers; let a "
                    "firewall pass the gateway alone",
                    path, place);
        }
        return true;
    }
    return false;
}

void settings_check_port(const char *port, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    size_t n = strlen(port);

    if (n == 0) {
        return; /* missing: said already */
    }
    if (port[0] == '/') {
        if (port[n - 1] == '/') {
            opt_errors_add(errs, "%s: '%s' is a folder", path, port);
        }
    } else if (check_net_port(port, path, errs, warnings)) {
        return;
    } else if (starts(port, "virtual:")) {
        if (settings_virtual_count(port) == 0) {
            opt_errors_add(errs, "%s: '%s' is not virtual:1 to virtual:%d", path, port,
                    BUS_CHARGERS_MAX);
        }
    } else if (starts(port, "tty") || starts(port, "serial/")) {
        opt_errors_add(errs, "%s: '%s' is not an absolute path; did you mean /dev/%s?", path,
                port, port);
    } else {
        opt_errors_add(errs,
                "%s: '%s' is not an absolute path, tcp://HOST:PORT, rfc2217://HOST:PORT, "
                "tcp-listen://HOST:PORT or virtual:N",
                path, port);
    }
}
