/*
 * loop - the clock, the signals and the end of the loop. SPDX-License-Identifier: MIT
 */
#include "bridge/io/loop.h"

#include "bridge/base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { SIGNALS = 3, LEAK_MS = 10000 };

static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

struct signals {
    uv_signal_t uv[SIGNALS];
    signal_fn *fn; /* NULL once destroyed */
    void *user;    /* borrowed */
    int open;      /* handles not closed yet */
};

static int64_t now_ms(clockid_t clock)
{
    struct timespec t = {0};

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t loop_now_ms(void)
{
    return now_ms(CLOCK_BOOTTIME);
}

int64_t loop_utc_ms(void)
{
    return now_ms(CLOCK_REALTIME);
}

static void on_signal(uv_signal_t *uv, int signum)
{
    struct signals *s = uv->data;

    if (s->fn) {
        s->fn(signum, s->user);
    }
}

static void on_signal_closed(uv_handle_t *h)
{
    struct signals *s = h->data;

    if (--s->open == 0) {
        free(s);
    }
}

struct signals *signals_create(uv_loop_t *loop, signal_fn *fn, void *user, struct err *e)
{
    struct signals *s = calloc(1, sizeof(*s));

    if (!s) {
        err_set(e, ERR_NO_MEMORY, "signals: out of memory");
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* a peer that went away is an error code, not the end of us */
    s->fn = fn;
    s->user = user;
    for (int i = 0; i < SIGNALS; i++) {
        int r = uv_signal_init(loop, &s->uv[i]);

        if (r == 0) {
            s->uv[i].data = s;
            s->open++;
            r = uv_signal_start(&s->uv[i], on_signal, numbers[i]);
        }
        if (r < 0) {
            err_set(e, ERR_IO, "signal %d: %s", numbers[i], uv_strerror(r));
            if (s->open) {
                signals_destroy(s);
            } else {
                free(s);
            }
            return NULL;
        }
    }
    return s;
}

void signals_destroy(struct signals *s)
{
    if (s) {
        int n = s->open; /* the first n were initialised */

        s->fn = NULL;
        for (int i = 0; i < n; i++) {
            uv_close((uv_handle_t *)&s->uv[i], on_signal_closed);
        }
    }
}

static void on_leak_timeout(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void report(uv_handle_t *h, void *user)
{
    int *count = user;
    const char *name = uv_handle_type_name(h->type);

    (*count)++;
    log_error("loop", "a handle of type %s was not closed", name ? name : "unknown");
}

void loop_finish(uv_loop_t *loop)
{
    uv_timer_t guard; /* a leaked handle that is active would keep uv_run for ever */
    int leaked = 0;

    uv_timer_init(loop, &guard);
    uv_update_time(loop);
    uv_timer_start(&guard, on_leak_timeout, LEAK_MS, 0);
    uv_unref((uv_handle_t *)&guard);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
    if (uv_loop_close(loop) == 0) {
        return;
    }
    uv_walk(loop, report, &leaked);
    if (leaked == 0) {
        log_error("loop", "a request is still under way at the end");
    }
#ifdef LOOP_ABORT_ON_LEAK
    abort();
#endif
}
