/*
 * worker - one thread that runs blocking jobs in order and hands the results back to the loop.
 *
 * A job is the caller's struct with a `struct job` inside. Nothing here waits but
 * worker_destroy, and that one no longer than its grace. SPDX-License-Identifier: MIT
 */
#ifndef IO_WORKER_H
#define IO_WORKER_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

struct job {
    struct job *next;            /* the worker's, while it has the job */
    void (*work)(struct job *j); /* on the worker's thread */
    /* On the loop's thread; owns j. NULL: then work() owns j. */
    void (*done)(struct job *j);
    /* Frees a job whose done() can not run any more (grace over). On any thread, once at most.
     * NULL: such a job is leaked. A job without done() is worked even then, in its turn. */
    void (*drop)(struct job *j);
};

struct worker;

/* queue_max: how many jobs may wait. */
struct worker *worker_create(uv_loop_t *loop, size_t queue_max, struct err *e) MUST_CHECK;

/* Jobs run in the order of posting. false when the queue is full or the worker is being
 * destroyed: j stays the caller's. Call it on the loop's thread. */
bool worker_post(struct worker *w, struct job *j) MUST_CHECK;

/* Lets queued jobs finish, but waits at most grace_ms; done() of the finished ones runs before
 * it returns, the others are dropped. A job that hangs keeps its thread, which then ends alone.
 * May be called from a done(). Accepts NULL. */
void worker_destroy(struct worker *w, int grace_ms);

#endif
