/*
 * xml - a body that is XML, for adapters. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/json_xml.h"
#include "bridge/base/str.h"

#include <string.h>

static const char web_page[] =
        "the answer is a web page, not XML: is the address right, and the login?";

static bool begins(const char *s, const char *start)
{
    for (; *start; s++, start++) {
        if ((*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s) != *start) {
            return false;
        }
    }
    return true;
}

static bool is_html(const char *s)
{
    return begins(s, "<!doctype html") || begins(s, "<html");
}

struct json_object *ems_xml(const struct ems_answer *a, struct err *e)
{
    const char *s = a->body + strspn(a->body, " \t\r\n");
    struct err why = {0};
    struct json_object *v;
    char start[48];

    if (a->len == 0 || (*s == '\0' && s == a->body + a->len)) {
        err_set(e, ERR_IO, "the answer is empty");
        return NULL;
    }
    v = json_from_xml(a->body, a->len, &why);
    if (is_html(s) || json_has(v, "html")) {
        err_set(e, ERR_IO, "%s", web_page);
        json_put(v);
        return NULL;
    }
    if (!v) {
        (void)str_format(start, sizeof(start), "%.40s", s);
        for (char *p = start; *p; p++) {
            *p = (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p;
        }
        err_set(e, ERR_IO, "the answer is not XML (%.120s); it begins with: %s", why.text,
                start);
    }
    return v;
}
