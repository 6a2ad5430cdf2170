/*
 * worker - a detached thread, two lists and a uv_async_t.
 *
 * The thread is detached so that a job which hangs can be left behind: the struct then has two
 * owners, the loop (its async handle) and the thread, and the last of them frees it.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct list {
    struct job *head, **tail;
};

struct worker {
    uv_async_t uv;
    uv_mutex_t lock;
    uv_cond_t wake;  /* for the thread: a job or the end */
    uv_cond_t ended; /* for worker_destroy */
    /* guarded by lock: */
    struct list waiting, finished;
    size_t count, max; /* of waiting */
    bool stop;         /* finish what waits, then end */
    bool abandoned;    /* nobody hears the async handle any more */
    bool gone;         /* the thread has ended */
    int owners;
};

static void push(struct list *l, struct job *j)
{
    j->next = NULL;
    *l->tail = j;
    l->tail = &j->next;
}

static struct job *shift(struct list *l)
{
    struct job *j = l->head;

    if (j) {
        l->head = j->next;
        if (!l->head) {
            l->tail = &l->head;
        }
    }
    return j;
}

static void drop_all(struct list *l)
{
    struct job *j;

    while ((j = shift(l))) {
        if (j->drop) {
            j->drop(j);
        }
    }
}

/* Called with the lock held; gives it back. */
static void disown(struct worker *w)
{
    bool last = --w->owners == 0;

    uv_mutex_unlock(&w->lock);
    if (last) {
        drop_all(&w->waiting);
        drop_all(&w->finished);
        uv_cond_destroy(&w->wake);
        uv_cond_destroy(&w->ended);
        uv_mutex_destroy(&w->lock);
        free(w);
    }
}

static void *thread(void *user)
{
    struct worker *w = user;

    uv_mutex_lock(&w->lock);
    for (;;) {
        struct job *j;
        bool late;

        while (!w->waiting.head && !w->stop) {
            uv_cond_wait(&w->wake, &w->lock);
        }
        j = shift(&w->waiting);
        if (!j) {
            break;
        }
        w->count--;
        late = w->abandoned;
        uv_mutex_unlock(&w->lock);
        if (late && j->done) {
            if (j->drop) {
                j->drop(j);
            }
            uv_mutex_lock(&w->lock);
        } else if (j->done) {
            j->work(j);
            uv_mutex_lock(&w->lock);
            push(&w->finished, j);
        } else {
            j->work(j); /* owns j */
            uv_mutex_lock(&w->lock);
        }
        if (!w->abandoned) {
            uv_async_send(
                    &w->uv); /* under the lock: the handle is open as long as this holds */
        }
    }
    w->gone = true;
    uv_cond_signal(&w->ended);
    disown(w);
    return NULL;
}

/* One at a time, since done() may destroy the worker. */
static void run_finished(struct worker *w)
{
    for (;;) {
        struct job *j;

        uv_mutex_lock(&w->lock);
        j = w->abandoned ? NULL : shift(&w->finished);
        uv_mutex_unlock(&w->lock);
        if (!j) {
            return;
        }
        j->done(j);
    }
}

static void on_async(uv_async_t *uv)
{
    run_finished(CONTAINER_OF(uv, struct worker, uv));
}

static void on_closed(uv_handle_t *h)
{
    struct worker *w = CONTAINER_OF(h, struct worker, uv);

    uv_mutex_lock(&w->lock);
    disown(w);
}

/* Signals are the loop's: a thread that catches one would only delay it. */
static int start_thread(struct worker *w)
{
    pthread_attr_t attr;
    pthread_t id;
    sigset_t all, before;
    int r = pthread_attr_init(&attr);

    if (r != 0) {
        return r;
    }
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&id, &attr, thread, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return r;
}

static int init(struct worker *w, uv_loop_t *loop)
{
    int r = uv_mutex_init(&w->lock);

    if (r < 0) {
        return r;
    }
    r = uv_cond_init(&w->wake);
    if (r < 0) {
        goto fail_wake;
    }
    r = uv_cond_init(&w->ended);
    if (r < 0) {
        goto fail_ended;
    }
    r = uv_async_init(loop, &w->uv, on_async);
    if (r < 0) {
        goto fail_async;
    }
    return 0;

fail_async:
    uv_cond_destroy(&w->ended);
fail_ended:
    uv_cond_destroy(&w->wake);
fail_wake:
    uv_mutex_destroy(&w->lock);
    return r;
}

struct worker *worker_create(uv_loop_t *loop, size_t queue_max, struct err *e)
{
    struct worker *w = calloc(1, sizeof(*w));
    int r;

    if (!w) {
        err_set(e, ERR_NO_MEMORY, "worker: out of memory");
        return NULL;
    }
    w->waiting.tail = &w->waiting.head;
    w->finished.tail = &w->finished.head;
    w->max = queue_max;
    w->owners = 2;
    r = init(w, loop);
    if (r < 0) {
        err_set(e, ERR_IO, "worker: %s", uv_strerror(r));
        free(w);
        return NULL;
    }
    r = start_thread(w);
    if (r != 0) {
        err_set(e, ERR_IO, "worker: %s", uv_strerror(uv_translate_sys_error(r)));
        w->abandoned = true;
        w->owners = 1;
        uv_close((uv_handle_t *)&w->uv, on_closed);
        return NULL;
    }
    return w;
}

bool worker_post(struct worker *w, struct job *j)
{
    bool ok;

    uv_mutex_lock(&w->lock);
    ok = !w->stop && w->count < w->max;
    if (ok) {
        push(&w->waiting, j);
        w->count++;
        uv_cond_signal(&w->wake);
    }
    uv_mutex_unlock(&w->lock);
    return ok;
}

void worker_destroy(struct worker *w, int grace_ms)
{
    uint64_t now = uv_hrtime();
    uint64_t end = now + (uint64_t)(grace_ms > 0 ? grace_ms : 0) * 1000000u;

    if (!w) {
        return;
    }
    uv_mutex_lock(&w->lock);
    w->stop = true;
    uv_cond_signal(&w->wake);
    while (!w->gone && now < end) {
        uv_cond_timedwait(&w->ended, &w->lock, end - now);
        now = uv_hrtime();
    }
    uv_mutex_unlock(&w->lock);
    run_finished(w);

    uv_mutex_lock(&w->lock);
    w->abandoned = true;
    uv_mutex_unlock(&w->lock);
    uv_close((uv_handle_t *)&w->uv, on_closed);
}
