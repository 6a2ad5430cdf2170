/*
 * err - an error is a code and a sentence. SPDX-License-Identifier: MIT
 */
#include "bridge/base/err.h"

#include "bridge/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A sentence is one line of whole characters, whatever a file name or a library put into it. */
static void tidy(char *text, int written)
{
    if (written < 0) {
        text[0] = '\0';
    }
    str_line(text, ' ');
}

enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list args;
    int n;

    if (!e) {
        return code;
    }
    e->code = code;
    va_start(args, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);
    tidy(e->text, n);
    return code;
}

enum err_code err_wrap(struct err *e, const char *fmt, ...)
{
    char old[sizeof(((struct err *)0)->text)];
    va_list args;
    size_t len;
    int n;

    if (!e) {
        return ERR_OK;
    }
    memcpy(old, e->text, sizeof(old));
    va_start(args, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, args);
    va_end(args);
    tidy(e->text, n);
    len = strlen(e->text);
    if (len + 2 < sizeof(e->text)) {
        memcpy(e->text + len, ": ", 3);
        str_copy(e->text + len + 2, sizeof(e->text) - len - 2, old);
    }
    return e->code;
}

int err_exit_code(enum err_code code)
{
    static const int codes[] = {
#define X(name, exit_code, http) [ERR_##name] = (exit_code),
            ERR_MAP(X)
#undef X
    };

    return codes[code];
}
