/*
 * err - an error is a code and a sentence.
 *
 * Functions that can fail take `struct err *e` last; e may be NULL. The sentence names the
 * option, file or device at fault, has no newline, and holds no secret. Libraries do not log:
 * whoever gives up logs the sentence once. SPDX-License-Identifier: MIT
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "bridge/base/macros.h"

/* name, exit code on the command line (sysexits.h), HTTP status for the API */
#define ERR_MAP(X)        \
    X(OK, 0, 200)         \
    X(INVALID, 64, 400)   \
    X(NOT_FOUND, 66, 404) \
    X(REFUSED, 69, 409)   \
    X(TIMEOUT, 75, 504)   \
    X(IO, 74, 502)        \
    X(NO_MEMORY, 71, 500)

enum err_code {
#define X(name, exit_code, http) ERR_##name,
    ERR_MAP(X)
#undef X
};

struct err {
    enum err_code code;
    char text[240];
};

/* Sets code and text; returns code, so that `return err_set(...)` reads well. */
enum err_code err_set(struct err *e, enum err_code code, const char *fmt, ...)
        PRINTF_LIKE(3, 4);

/* Puts "context: " before the text; returns e->code (ERR_OK when e is NULL). */
enum err_code err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The exit code of the command line for a code. */
int err_exit_code(enum err_code code);

#endif
