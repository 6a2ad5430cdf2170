/*
 * fuzz_url - addresses of ports and brokers: what is taken has a host and a port and reads the
 * same when written anew; what is refused has a sentence that holds no password; the settings take
 * nothing that the port or the broker would refuse. SPDX-License-Identifier: MIT
 */
#include "bridge/io/mqtt_impl.h"
#include "bridge/io/port.h"
#include "bridge/io/resolve.h"
#include "bridge/settings_tables.h"
#include "tests/fuzz/fuzz.h"

enum { URL_ROOM = 600 };

static void host_is_one(const char *host)
{
    fuzz_check(host[0] != '\0', "no host");
    fuzz_check(strpbrk(host, " /@?#\t[]") == NULL, "host '%s'", host);
}

/* host and number as a text, with or without a scheme, read again. */
static void same_again(const char *host, unsigned number)
{
    bool brackets = strchr(host, ':') != NULL;
    char text[URL_ROOM], again[256];
    uint16_t got = 0;

    fuzz_check(str_format(text, sizeof(text), "%s%s%s:%u", brackets ? "[" : "", host,
                       brackets ? "]" : "", number),
            "a host too long");
    fuzz_check(resolve_split(text, again, sizeof(again), &got, NULL) == ERR_OK, "'%s' refused",
            text);
    fuzz_check(
            strcmp(host, again) == 0 && got == number, "'%s' became '%s' %u", text, again, got);
}

static void split(const char *s)
{
    struct err e = {0};
    char host[256] = "";
    uint16_t number = 0;

    if (resolve_split(s, host, sizeof(host), &number, &e) != ERR_OK) {
        fuzz_check(e.code == ERR_INVALID, "code %u", e.code);
        fuzz_sentence(e.text, sizeof(e.text));
        return;
    }
    host_is_one(host);
    if (number != 0) {
        same_again(host, number);
    }
}

static void broker(const char *s)
{
    struct mqtt_settings m = {.base_topic = "b", .discovery_prefix = "d", .birth_topic = "t"};
    static struct opt_errors errs, warnings;
    struct mqtt_texts t;
    struct err e = {0};
    bool ok = mqtt_url_parse(s, &t, &e) == ERR_OK;

    fuzz_check(ok == mqtt_url_ok(s, NULL), "two answers for '%s'", s);
    if (ok) {
        host_is_one(t.host);
        same_again(t.host, (unsigned)t.port);
        fuzz_check(t.tls == (strncmp(s, "mqtts", 5) == 0), "tls of '%s'", s);
    } else {
        fuzz_sentence(e.text, sizeof(e.text));
    }
    fuzz_check(!strchr(s, '@') || (!ok && !strchr(e.text, '@')), "told: %s", e.text);
    if (!str_copy(m.url, sizeof(m.url), s) || s[0] == '\0') {
        return;
    }
    errs.count = warnings.count = 0;
    settings_check_mqtt(&m, &errs, &warnings);
    fuzz_check(errs.count > 0 || ok, "the settings take '%s', the broker's side says: %s", s,
            e.text);
    for (int i = 0; i < errs.count; i++) {
        fuzz_sentence(errs.text[i], sizeof(errs.text[i]));
        fuzz_check(strncmp(errs.text[i], "mqtt.url: ", 10) == 0, "no path: %s", errs.text[i]);
        fuzz_check(!strchr(s, '@') || !strchr(errs.text[i], '@'), "told: %s", errs.text[i]);
    }
}

static void port(const char *s)
{
    static struct opt_errors errs, warnings;
    struct err e = {0};
    bool ok = port_spec_ok(s, &e);

    if (!ok) {
        fuzz_sentence(e.text, sizeof(e.text));
        fuzz_check(strncmp(e.text, "port '", 6) == 0, "what is wrong? %s", e.text);
    }
    if (strlen(s) >= SETTINGS_PATH_ROOM || s[0] == '\0') {
        return;
    }
    errs.count = warnings.count = 0;
    settings_check_port(s, "buses[0].port", &errs, &warnings);
    fuzz_check(errs.count <= 1, "%d errors for one port", errs.count);
    if (errs.count > 0) {
        fuzz_sentence(errs.text[0], sizeof(errs.text[0]));
        fuzz_check(
                strncmp(errs.text[0], "buses[0].port: ", 15) == 0, "no path: %s", errs.text[0]);
    } else {
        fuzz_check(ok || settings_virtual_count(s) > 0, "the settings take '%s', the port: %s",
                s, e.text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};
    char text[URL_ROOM], clean[URL_ROOM];

    fuzz_line(&in, text, sizeof(text));
    split(text);
    /* From here on texts come out of a settings file. */
    fuzz_clean(clean, sizeof(clean), text);
    broker(clean);
    port(clean);
    return 0;
}
