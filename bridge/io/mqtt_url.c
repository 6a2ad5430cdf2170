/*
 * mqtt_url - what a broker's url may look like. SPDX-License-Identifier: MIT
 */
#include "bridge/io/mqtt_impl.h"
#include "bridge/io/resolve.h"

#include <string.h>

enum { PORT_PLAIN = 1883, PORT_TLS = 8883 };

enum err_code mqtt_url_parse(const char *url, struct mqtt_texts *t, struct err *e)
{
    char rest[300];
    size_t n;
    enum err_code r;

    if (strncmp(url, "mqtt://", 7) == 0) {
        t->tls = false;
        url += 7;
    } else if (strncmp(url, "mqtts://", 8) == 0) {
        t->tls = true;
        url += 8;
    } else {
        return err_set(e, ERR_INVALID,
                "the url is neither mqtt://HOST[:PORT] nor mqtts://HOST[:PORT]");
    }
    /* The url is shown in logs and pages: a password in it would be, too. */
    if (strchr(url, '@')) {
        return err_set(e, ERR_INVALID,
                "the url must not hold a user name or password: set username and password");
    }
    n = strlen(url);
    if (n > 0 && url[n - 1] == '/') {
        n--;
    }
    if (n == 0 || n >= sizeof(rest)) {
        return err_set(e, ERR_INVALID, "the url has no host name, or one that is too long");
    }
    memcpy(rest, url, n);
    rest[n] = '\0';
    r = resolve_split(rest, t->host, sizeof(t->host), &t->port, e);
    if (r != ERR_OK) {
        return r;
    }
    if (t->port == 0) {
        t->port = t->tls ? PORT_TLS : PORT_PLAIN;
    }
    return ERR_OK;
}

bool mqtt_url_ok(const char *url, struct err *e)
{
    struct mqtt_texts t;

    return mqtt_url_parse(url, &t, e) == ERR_OK;
}
