/*
 * text - pieces of requests: addresses of pages, JSON texts, form fields.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

bool ems_page(char *dst, size_t room, const char *url, bool below, const char *path)
{
    const char *host = strstr(url, "://");
    size_t n;

    host = host ? host + strlen("://") : url;
    n = (size_t)(host - url) + strcspn(host, below ? "?#" : "/?#");
    while (n > 0 && url[n - 1] == '/') {
        n--;
    }
    return n < room && str_format(dst, room, "%.*s%s", (int)n, url, path);
}

/* n bytes behind what is there. */
static bool add(char *dst, size_t room, const char *p, size_t n)
{
    size_t have = strlen(dst);

    if (have + n + 1 > room) {
        return false;
    }
    memcpy(dst + have, p, n);
    dst[have + n] = '\0';
    return true;
}

bool ems_add(char *dst, size_t room, const char *text)
{
    return add(dst, room, text, strlen(text));
}

bool ems_add_json(char *dst, size_t room, const char *src)
{
    bool fits = add(dst, room, "\"", 1);

    for (; *src && fits; src++) {
        char escape[8] = {'\\', *src};

        if ((unsigned char)*src < 0x20) {
            (void)str_format(escape, sizeof(escape), "\\u%04x", (unsigned)*src);
            fits = add(dst, room, escape, strlen(escape));
        } else if (*src == '"' || *src == '\\') {
            fits = add(dst, room, escape, 2);
        } else {
            fits = add(dst, room, src, 1);
        }
    }
    return fits && add(dst, room, "\"", 1);
}

bool ems_add_form(char *dst, size_t room, const char *src)
{
    bool fits = true;

    for (; *src && fits; src++) {
        char escape[4];
        bool plain = (*src >= 'A' && *src <= 'Z') || (*src >= 'a' && *src <= 'z') ||
                     (*src >= '0' && *src <= '9') || strchr("-._~", *src);

        (void)str_format(escape, sizeof(escape), "%%%02X", (unsigned)(unsigned char)*src);
        fits = plain ? add(dst, room, src, 1) : add(dst, room, escape, 3);
    }
    return fits;
}
