/*
 * loop_lag - the longest turn of the loop. SPDX-License-Identifier: MIT
 *
 * A turn ends where the loop is about to wait (prepare). From one of these to the next it was busy for
 * the time that passed less the time that it waited for, which libuv measures.
 */
#include "bridge/io/loop.h"

#include <stdlib.h>

struct loop_lag {
    uv_prepare_t uv;
    uint64_t at_ns, idle_ns; /* of the last turn's end; 0: none yet */
    uint64_t worst_ns;
};

static void on_prepare(uv_prepare_t *uv)
{
    struct loop_lag *l = uv->data;
    uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(uv->loop);
    uint64_t passed_ns = now_ns - l->at_ns, waited_ns = idle_ns - l->idle_ns;

    if (l->at_ns != 0 && passed_ns > waited_ns && passed_ns - waited_ns > l->worst_ns) {
        l->worst_ns = passed_ns - waited_ns;
    }
    l->at_ns = now_ns;
    l->idle_ns = idle_ns;
}

struct loop_lag *loop_lag_create(uv_loop_t *loop, struct err *e)
{
    struct loop_lag *l = calloc(1, sizeof(*l));

    if (!l) {
        err_set(e, ERR_NO_MEMORY, "loop: out of memory");
        return NULL;
    }
    (void)uv_loop_configure(loop, UV_METRICS_IDLE_TIME); /* else it waits for nothing: all is lag */
    uv_prepare_init(loop, &l->uv);                       /* cannot fail, as the next */
    l->uv.data = l;
    uv_prepare_start(&l->uv, on_prepare);
    uv_unref((uv_handle_t *)&l->uv);
    return l;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void loop_lag_destroy(struct loop_lag *l)
{
    if (l) {
        uv_close((uv_handle_t *)&l->uv, on_closed);
    }
}

int64_t loop_lag_take(struct loop_lag *l)
{
    uint64_t worst_ns = l->worst_ns;

    l->worst_ns = 0;
    return (int64_t)(worst_ns / 1000);
}
