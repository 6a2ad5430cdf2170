/*
 * script - what happens on the virtual bus and when: pure, text and times in, lines out.
 *
 *   # comment
 *   seed 7                      before the first timed line
 *   start master                times count from the first frame of a master (else: from the start)
 *   10      fault noise=20      seconds, a control line
 *   20..60/5 reboot 1           from 20 to 60, every 5
 *   90      repeat 3            again from 0, three times; then on
 *   100     exit
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_SCRIPT_H
#define ADAPTERS_CHARGER_VIRTUAL_SCRIPT_H

#include "adapters/charger/virtual/wire.h"

enum {
    SCRIPT_LINES_MAX = 4096,
    SCRIPT_LINE_ROOM = 512,
    SCRIPT_EVERY_MIN_MS = 50,
    SCRIPT_REPEAT_MAX = 1000000,
};

struct script; /* owned by the caller */

/* name is for error texts: "NAME:LINE: what, and what is allowed". NULL on error. */
struct script *script_parse(
        const char *text, size_t len, const char *name, struct err *e) MUST_CHECK;
void script_destroy(struct script *s); /* accepts NULL */

bool script_seed(const struct script *s, int64_t *seed); /* false: it names none */
bool script_starts_with_master(const struct script *s);

/* Tries every line on a copy of w; false: e names the first that would be refused. */
bool script_check(const struct script *s, const struct wire *w, struct err *e) MUST_CHECK;

/* The next line that is due, at_ms milliseconds after the start; NULL: none. *line is its number
 * in the file, *due_ms its own time. Borrowed, valid until the script is destroyed. */
const char *script_next(struct script *s, int64_t at_ms, int *line, int64_t *due_ms);

/* When the next line is due after the start; INT64_MAX: never. */
int64_t script_due_ms(const struct script *s);

#endif
