/*
 * log - levels, a module tag, and sinks. A line is a state change, never a poll.
 *
 * One thread only (the loop's). Sinks are registered functions (adapters/logging); with none,
 * lines go nowhere. Levels by meaning: error = a person must act; warning = we went on;
 * notice = a handful of lines a day; info = more of the same; debug = free, and the only level
 * that may show ids of vehicles. SPDX-License-Identifier: MIT
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "bridge/base/macros.h"

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_COUNT
};

/* level, module ("mqtt", "bus 1"), one line without newline; both borrowed for the call. */
typedef void log_sink_fn(
        enum log_level level, const char *module, const char *line, void *user);

extern const char *const log_level_names[LOG_LEVEL_COUNT + 1]; /* NULL-terminated */

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_sink(log_sink_fn *fn, void *user); /* NULL: none */
bool log_enabled(enum log_level level);

void log_line(enum log_level level, const char *module, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(module, ...)   log_line(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warning(module, ...) log_line(LOG_LEVEL_WARNING, module, __VA_ARGS__)
#define log_notice(module, ...)  log_line(LOG_LEVEL_NOTICE, module, __VA_ARGS__)
#define log_info(module, ...)    log_line(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...)   log_line(LOG_LEVEL_DEBUG, module, __VA_ARGS__)

#endif
