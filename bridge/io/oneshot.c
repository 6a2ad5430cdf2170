/*
 * oneshot - the timer handle belongs to the loop until its close callback.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/oneshot.h"

#include <stdlib.h>

struct oneshot {
    uv_timer_t uv;
    oneshot_fn *fn; /* NULL once destroyed */
    void *user;     /* borrowed */
};

static void on_fire(uv_timer_t *uv)
{
    struct oneshot *t = CONTAINER_OF(uv, struct oneshot, uv);

    if (t->fn) {
        t->fn(t->user);
    }
}

static void on_closed(uv_handle_t *h)
{
    free(CONTAINER_OF(h, struct oneshot, uv));
}

struct oneshot *oneshot_create(uv_loop_t *loop, oneshot_fn *fn, void *user, struct err *e)
{
    struct oneshot *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_NO_MEMORY, "timer: out of memory");
        return NULL;
    }
    t->fn = fn;
    t->user = user;
    uv_timer_init(loop, &t->uv); /* cannot fail */
    return t;
}

void oneshot_destroy(struct oneshot *t)
{
    if (t) {
        t->fn = NULL;
        uv_close((uv_handle_t *)&t->uv, on_closed);
    }
}

void oneshot_start(struct oneshot *t, uint64_t ms)
{
    uv_update_time(t->uv.loop); /* the loop's clock is cached; a slow callback makes it stale */
    uv_timer_start(&t->uv, on_fire, ms, 0);
}

void oneshot_stop(struct oneshot *t)
{
    uv_timer_stop(&t->uv);
}
