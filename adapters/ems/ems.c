/*
 * ems - the registry of energy systems, and what all that speak HTTP check alike.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"

#include "bridge/base/str.h"

#include <string.h>

static const struct ems_adapter *const table[] = {
#define EMS_ADAPTER(sym) &ems_##sym,
#include "adapters/ems/ems_rows.def"
#undef EMS_ADAPTER
};

const char *const ems_class_words[] = {"ok", "unreachable", "timeout", "tls", "auth", "rate",
        "not_found", "server", "data", NULL};
const char *const ems_auth_words[] = {
        "none", "basic", "digest", "bearer", "header", "query", NULL};
const char *const ems_format_words[] = {"8n1", "7e1", "8e1", "8o1", "8n2", NULL};

const struct ems_adapter *ems_at(size_t i)
{
    return i < ARRAY_LEN(table) ? table[i] : NULL;
}

const struct ems_adapter *ems_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(table[i]->name, name) == 0) {
            return table[i];
        }
    }
    return NULL;
}

const char *ems_near(const char *name)
{
    const char *names[ARRAY_LEN(table) + 1] = {NULL};

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        names[i] = table[i]->name;
    }
    return str_nearest(name, names);
}

enum err_code ems_class_code(enum ems_class c)
{
    switch (c) {
    case EMS_OK:
        return ERR_OK;
    case EMS_TIMEOUT:
    case EMS_RATE:
        return ERR_TIMEOUT;
    case EMS_TLS:
    case EMS_AUTH:
        return ERR_REFUSED;
    case EMS_NOT_FOUND:
        return ERR_NOT_FOUND;
    case EMS_UNREACHABLE:
    case EMS_SERVER:
    case EMS_DATA:
    case EMS_CLASSES:
        break;
    }
    return ERR_IO;
}

/* ---- what the rows of struct ems_http cannot say ---- */

static bool starts(const char *s, const char *start)
{
    return strncmp(s, start, strlen(start)) == 0;
}

static void check_url(const struct ems_http *h, const char *path, struct opt_errors *errs)
{
    const char *host = starts(h->url, "http://")    ? h->url + strlen("http://")
                       : starts(h->url, "https://") ? h->url + strlen("https://")
                                                    : NULL;
    size_t n = host ? strcspn(host, "/?#") : 0;

    if (h->url[0] == '\0') {
        return; /* missing: said already */
    }
    if (!host || n == 0) {
        opt_errors_add(errs, "%s.url: is not http://HOST... or https://HOST...", path);
    } else if (memchr(host, '@', n)) {
        /* Not printed: that is where the password is. */
        opt_errors_add(errs,
                "%s.url: holds a user or password, use auth, username and password", path);
    } else if (strpbrk(h->url, " \"<>\\^`{|}")) {
        opt_errors_add(errs,
                "%s.url: holds a blank or one of \" < > \\ ^ ` { | }: write it as %%20 and the like",
                path);
    }
}

static void check_auth(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const char *word = ems_auth_words[h->auth];
    bool by_password = h->auth == EMS_AUTH_BASIC || h->auth == EMS_AUTH_DIGEST;
    bool by_token = h->auth >= EMS_AUTH_BEARER;
    bool by_name = h->auth == EMS_AUTH_HEADER || h->auth == EMS_AUTH_QUERY;

    if (by_password && h->username[0] == '\0') {
        opt_errors_add(errs, "%s.username: is missing, auth %s wants one", path, word);
    }
    if (by_token && h->token[0] == '\0') {
        opt_errors_add(errs, "%s.token: is missing, auth %s wants one", path, word);
    }
    if (by_name && h->auth_name[0] == '\0') {
        opt_errors_add(errs, "%s.auth_name: is missing, auth %s wants one", path, word);
    }
    if (strspn(h->auth_name,
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
            strlen(h->auth_name)) {
        opt_errors_add(errs, "%s.auth_name: holds more than letters, digits, - and _", path);
    }
    if (!by_password && (h->username[0] != '\0' || h->password[0] != '\0')) {
        opt_errors_add(
                warnings, "%s.auth: is %s, so username and password are not used", path, word);
    }
    if (!by_token && h->token[0] != '\0') {
        opt_errors_add(warnings, "%s.auth: is %s, so token is not used", path, word);
    }
    if (h->auth != EMS_AUTH_NONE && starts(h->url, "http://")) {
        opt_errors_add(
                warnings, "%s.url: the login goes over the network in the clear (http)", path);
    }
}

/* 64 hex digits, with or without colons. */
static bool is_fingerprint(const char *s)
{
    size_t digits = 0;

    for (; *s; s++) {
        if ((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'f') || (*s >= 'A' && *s <= 'F')) {
            digits++;
        } else if (*s != ':') {
            return false;
        }
    }
    return digits == 64;
}

static void check_tls(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    bool tls = starts(h->url, "https://");
    bool any = h->ca_file[0] != '\0' || h->fingerprint[0] != '\0' || h->insecure;

    if (h->ca_file[0] != '\0' && h->ca_file[0] != '/') {
        opt_errors_add(errs, "%s.ca_file: '%s' is not an absolute path", path, h->ca_file);
    }
    if (h->fingerprint[0] != '\0' && !is_fingerprint(h->fingerprint)) {
        opt_errors_add(errs, "%s.fingerprint: is not 64 hex digits (SHA-256)", path);
    }
    if ((h->ca_file[0] != '\0') + (h->fingerprint[0] != '\0') + h->insecure > 1) {
        opt_errors_add(errs,
                "%s.fingerprint: ca_file, fingerprint and insecure exclude each other", path);
    }
    if (any && !tls) {
        opt_errors_add(warnings, "%s.url: is http, so there is no certificate to check", path);
    } else if (h->insecure) {
        opt_errors_add(warnings,
                "%s.insecure: anybody in between can read the login and forge the values; use "
                "fingerprint",
                path);
    }
}

void ems_url_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    check_url(h, path, errs);
    check_tls(h, path, errs, warnings);
}

void ems_http_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    check_url(h, path, errs);
    check_auth(h, path, errs, warnings);
    check_tls(h, path, errs, warnings);
}

/* ---- the same for MQTT ---- */

bool ems_is_mqtt(const char *url)
{
    return starts(url, "mqtt://") || starts(url, "mqtts://");
}

void ems_mqtt_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    bool tls = starts(h->url, "mqtts://");
    const char *files[] = {h->ca_file, h->cert_file, h->key_file};
    static const char *const names[] = {"ca_file", "cert_file", "key_file"};
    const char *host = strstr(h->url, "://");

    if (h->url[0] != '\0' && (!ems_is_mqtt(h->url) || strcspn(host + 3, "/?#") == 0)) {
        opt_errors_add(errs, "%s.url: is not mqtt://HOST[:PORT] or mqtts://HOST[:PORT]", path);
    } else if (host && strchr(host, '@')) {
        opt_errors_add(
                errs, "%s.url: holds a user or password, use username and password", path);
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (files[i][0] != '\0' && files[i][0] != '/') {
            opt_errors_add(
                    errs, "%s.%s: '%s' is not an absolute path", path, names[i], files[i]);
        }
    }
    if (!h->cert_file[0] != !h->key_file[0]) {
        opt_errors_add(errs, "%s.%s: is missing, cert_file and key_file go together", path,
                h->cert_file[0] ? "key_file" : "cert_file");
    }
    if (h->url[0] == '\0' && (h->username[0] || h->password[0] || h->ca_file[0] ||
                                     h->cert_file[0] || h->insecure)) {
        opt_errors_add(warnings,
                "%s.url: is not set, so the bridge's own broker is used, and its login", path);
    } else if (!tls && h->url[0] && (h->ca_file[0] || h->cert_file[0] || h->insecure)) {
        opt_errors_add(warnings, "%s.url: is mqtt, so there is no certificate to check", path);
    } else if (tls && h->insecure) {
        opt_errors_add(warnings,
                "%s.insecure: anybody in between can read the login and forge the values",
                path);
    }
}

void ems_say_kept(struct ems_reports *out, enum ems_field f, const struct ems_answer *a)
{
    char raw[EMS_RAW_ROOM];

    (void)str_copy(raw, sizeof(raw), a->body);
    ems_say_none(out, f,
            "the broker kept this message (retained), and nothing in it says how old it is: waits "
            "for the next",
            raw);
}

/* ---- what the rows of struct ems_wire cannot say ---- */

static bool is_baud(int32_t baud)
{
    static const int32_t bauds[] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600,
            115200, 230400, 460800, 500000, 576000, 921600};

    for (size_t i = 0; i < ARRAY_LEN(bauds); i++) {
        if (bauds[i] == baud) {
            return true;
        }
    }
    return false;
}

void ems_wire_check(const struct ems_wire *w, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    if (!w->host[0] == !w->device[0]) {
        opt_errors_add(errs, "%s.host: %s", path,
                w->host[0] ? "host and device exclude each other"
                           : "is missing: set host (and port) or device");
    }
    if (strpbrk(w->host, "/ @") ||
            (strchr(w->host, ':') && !strchr(strchr(w->host, ':') + 1, ':'))) {
        opt_errors_add(errs,
                "%s.host: '%s' is no name or address; its port is an option of its own", path,
                w->host);
    }
    if (w->device[0] && w->device[0] != '/') {
        opt_errors_add(errs, "%s.device: '%s' is not an absolute path", path, w->device);
    }
    if (w->device[0] && w->baud != OPT_UNSET && !is_baud(w->baud)) {
        opt_errors_add(errs,
                "%s.baud: %d is not a speed that serial devices have, such as 9600, 19200 or "
                "115200",
                path, w->baud);
    }
    if (w->device[0] && w->rtu) {
        opt_errors_add(warnings, "%s.rtu: is for host; a device talks RTU anyway", path);
    }
}

/* ---- what adapters share ---- */

void ems_direct(struct ems_reports *out, enum ems_field f, const struct ems_report *power)
{
    struct ems_report *r = &out->field[f];
    char raw[EMS_RAW_ROOM];

    if (r->said != EMS_SAID_VALUE || r->value <= 0) {
        return; /* none, nothing, or one with a sign of its own */
    }
    if (power->said != EMS_SAID_VALUE) {
        (void)str_copy(raw, sizeof(raw), r->raw);
        ems_say_none(out, f, "it has no direction: the power of its phase is not known", raw);
    } else if (power->value < 0) {
        r->value = -r->value;
    }
}
