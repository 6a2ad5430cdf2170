/*
 * port_spec - the text of a port: how to connect, how to talk, where.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/port_impl.h"

#include <string.h>

static const struct scheme {
    const char *start;
    enum port_kind kind;
    enum port_talk talk;
    const char *host; /* where none is given; NULL: it must be */
} schemes[] = {
        {"tcp://", PORT_TCP, PORT_RAW, NULL},
        {"rfc2217://", PORT_TCP, PORT_TELNET, NULL},
        {"tcp-listen://", PORT_LISTEN, PORT_RAW, "127.0.0.1"},
};

static bool parse_net(
        const char *spec, const struct scheme *s, struct port_spec *out, struct err *e)
{
    const char *rest = spec + strlen(s->start);
    char place[sizeof(out->host)];

    if (s->host && rest[0] == ':') {
        str_format(place, sizeof(place), "%s%s", s->host, rest);
        rest = place;
    }
    out->kind = s->kind;
    out->talk = s->talk;
    if (resolve_split(rest, out->host, sizeof(out->host), &out->number, e) != ERR_OK) {
        err_wrap(e, "port '%.100s'", spec);
        return false;
    }
    if (out->number == 0) {
        err_set(e, ERR_INVALID, "port '%.100s' lacks the number: %sHOST:PORT", spec, s->start);
        return false;
    }
    return true;
}

bool port_spec_parse(const char *spec, struct port_spec *out, struct err *e)
{
    memset(out, 0, sizeof(*out));
    if (strlen(spec) >= PORT_PATH_MAX) {
        err_set(e, ERR_INVALID, "port '%.100s...' is longer than %d bytes", spec,
                PORT_PATH_MAX - 1);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strncmp(spec, schemes[i].start, strlen(schemes[i].start)) == 0) {
            return parse_net(spec, &schemes[i], out, e);
        }
    }
    if (spec[0] != '/') {
        err_set(e, ERR_INVALID,
                "port '%.100s' is neither an absolute path such as /dev/ttyUSB0 nor "
                "tcp://HOST:PORT, rfc2217://HOST:PORT or tcp-listen://HOST:PORT",
                spec);
        return false;
    }
    out->kind = PORT_SERIAL;
    return true;
}

bool port_spec_ok(const char *spec, struct err *e)
{
    struct port_spec parsed;

    return port_spec_parse(spec, &parsed, e);
}
