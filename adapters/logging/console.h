/*
 * console - log lines to stderr, by a thread of its own: a reader that stops never stops us.
 *
 * Lines wait in a bounded queue; what does not fit is dropped, counted, and said later.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_LOGGING_CONSOLE_H
#define ADAPTERS_LOGGING_CONSOLE_H

enum console_format {
    CONSOLE_HUMAN,   /* 2026-11-24T06:00:00Z notice  bus: ... */
    CONSOLE_JSON,    /* one object a line */
    CONSOLE_JOURNAL, /* <5>bus: ... as sd-daemon(3) */
};

/* Becomes the sink of bridge/base/log.h. Without a thread, lines are dropped. */
void console_start(enum console_format format);
/* Writes what waits, at most 200 ms, and lets go of the sink. */
void console_stop(void);

#endif
