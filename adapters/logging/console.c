/*
 * console - see console.h. SPDX-License-Identifier: MIT
 */
#include "adapters/logging/console.h"

#include "bridge/base/buf.h"
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE_MAX = 64 * 1024, FLUSH_MS = 200, LOOK_MS = 50 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    enum console_format format;
    bool running, stop;
    struct timespec deadline; /* of the flush; valid while stop */
    size_t len;               /* waiting bytes */
    unsigned long dropped;
    char queue[QUEUE_MAX];
} console = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* True when stderr takes bytes; false when the flush's time is over. */
static bool writable(void)
{
    for (;;) {
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        struct timespec now;

        if (poll(&p, 1, LOOK_MS) > 0) {
            return (p.revents & (POLLERR | POLLNVAL)) == 0;
        }
        pthread_mutex_lock(&console.lock);
        bool stop = console.stop;
        struct timespec end = console.deadline;

        pthread_mutex_unlock(&console.lock);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (stop && (now.tv_sec > end.tv_sec ||
                            (now.tv_sec == end.tv_sec && now.tv_nsec > end.tv_nsec))) {
            return false;
        }
    }
}

static void write_out(const char *p, size_t n)
{
    while (n > 0 && writable()) {
        /* A pipe takes PIPE_BUF (4096) bytes at once without blocking when it is writable. */
        ssize_t done = write(STDERR_FILENO, p, n < 4096 ? n : 4096);

        if (done < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (done <= 0) {
            return;
        }
        p += done;
        n -= (size_t)done;
    }
}

static void *writer(void *arg)
{
    static char out[QUEUE_MAX];

    (void)arg;
    pthread_mutex_lock(&console.lock);
    for (;;) {
        while (console.len == 0 && !console.stop) {
            pthread_cond_wait(&console.wake, &console.lock);
        }
        size_t n = console.len;

        if (n == 0) {
            break; /* stop, and nothing waits */
        }
        memcpy(out, console.queue, n);
        console.len = 0;
        pthread_mutex_unlock(&console.lock);
        write_out(out, n);
        pthread_mutex_lock(&console.lock);
    }
    pthread_mutex_unlock(&console.lock);
    return NULL;
}

static void now_text(char dst[static STR_TIME_ROOM])
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    str_time(dst, (int64_t)t.tv_sec * 1000);
}

static void form(struct buf *b, enum log_level level, const char *module, const char *line)
{
    static const int syslog_level[] = {3, 4, 5, 6, 7};
    char time[STR_TIME_ROOM];
    struct jw w;

    now_text(time);
    switch (console.format) {
    case CONSOLE_HUMAN:
        buf_addf(b, "%s %-7s %s: %s\n", time, log_level_names[level], module, line);
        break;
    case CONSOLE_JOURNAL:
        buf_addf(b, "<%d>%s: %s\n", syslog_level[level], module, line);
        break;
    case CONSOLE_JSON:
        jw_init(&w, b);
        jw_open(&w, NULL);
        jw_str(&w, "time", time);
        jw_str(&w, "level", log_level_names[level]);
        jw_str(&w, "module", module);
        jw_str(&w, "message", line);
        jw_close(&w);
        buf_addc(b, '\n');
        break;
    }
}

/* Called with the lock held. */
static bool enqueue(const struct buf *b)
{
    if (!buf_ok(b) || b->len > QUEUE_MAX - console.len) {
        return false;
    }
    memcpy(console.queue + console.len, buf_text(b), b->len);
    console.len += b->len;
    return true;
}

static void sink(enum log_level level, const char *module, const char *line, void *user)
{
    struct buf b;

    (void)user;
    buf_init(&b, (size_t)2 * BUF_CAP_LOG_LINE);
    pthread_mutex_lock(&console.lock);
    if (console.dropped > 0) {
        char text[80];

        str_format(text, sizeof(text), "%lu lines were dropped: the reader was too slow",
                console.dropped);
        form(&b, LOG_LEVEL_WARNING, "log", text);
        console.dropped = enqueue(&b) ? 0 : console.dropped;
        buf_reset(&b);
    }
    form(&b, level, module, line);
    if (enqueue(&b)) {
        pthread_cond_signal(&console.wake);
    } else {
        console.dropped++;
    }
    pthread_mutex_unlock(&console.lock);
    buf_finish(&b);
}

void console_start(enum console_format format)
{
    console.format = format;
    console.stop = false;
    console.running = pthread_create(&console.thread, NULL, writer, NULL) == 0;
    log_set_sink(console.running ? sink : NULL, NULL);
}

void console_stop(void)
{
    if (!console.running) {
        return;
    }
    log_set_sink(NULL, NULL);
    pthread_mutex_lock(&console.lock);
    clock_gettime(CLOCK_MONOTONIC, &console.deadline);
    console.deadline.tv_nsec += FLUSH_MS * 1000000L;
    console.deadline.tv_sec += console.deadline.tv_nsec / 1000000000L;
    console.deadline.tv_nsec %= 1000000000L;
    console.stop = true;
    pthread_cond_signal(&console.wake);
    pthread_mutex_unlock(&console.lock);
    pthread_join(console.thread, NULL);
    console.running = false;
}
