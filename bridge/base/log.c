/*
 * log - levels, a module tag, and sinks. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"

#include "bridge/base/buf.h"
#include "bridge/base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

const char *const log_level_names[LOG_LEVEL_COUNT + 1] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_NOTICE] = "notice",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
        [LOG_LEVEL_COUNT] = NULL,
};

static struct {
    enum log_level level;
    log_sink_fn *sink;
    void *user;
} state = {.level = LOG_LEVEL_NOTICE};

void log_set_level(enum log_level level)
{
    state.level = level;
}

enum log_level log_get_level(void)
{
    return state.level;
}

void log_set_sink(log_sink_fn *fn, void *user)
{
    state.sink = fn;
    state.user = user;
}

bool log_enabled(enum log_level level)
{
    return state.sink && level <= state.level;
}

void log_line(enum log_level level, const char *module, const char *fmt, ...)
{
    char line[BUF_CAP_LOG_LINE];
    va_list args;
    int n;

    if (!log_enabled(level)) {
        return;
    }
    va_start(args, fmt);
    n = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (n < 0) {
        return;
    }
    /* One line stays one line, and no terminal is told what to do by what came in by wire. */
    str_line(line, '?');
    state.sink(level, module, line, state.user);
}
