/*
 * turn - a check handle (after I/O) and a prepare handle (after timers) that call one function.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/turn.h"

#include <stdbool.h>
#include <stdlib.h>

struct turn {
    uv_check_t after_io;
    uv_prepare_t before_poll;
    turn_fn *fn; /* NULL once destroyed */
    void *user;  /* borrowed */
    bool asked;
    int open; /* handles not closed yet */
};

static void go(struct turn *t)
{
    if (t->asked && t->fn) {
        t->asked = false;
        t->fn(t->user);
    }
}

static void on_check(uv_check_t *h)
{
    go(CONTAINER_OF(h, struct turn, after_io));
}

static void on_prepare(uv_prepare_t *h)
{
    go(CONTAINER_OF(h, struct turn, before_poll));
}

static void on_closed(uv_handle_t *h)
{
    struct turn *t = h->data;

    if (--t->open == 0) {
        free(t);
    }
}

struct turn *turn_create(uv_loop_t *loop, turn_fn *fn, void *user, struct err *e)
{
    struct turn *t = calloc(1, sizeof(*t));

    if (!t) {
        err_set(e, ERR_NO_MEMORY, "turn: out of memory");
        return NULL;
    }
    t->fn = fn;
    t->user = user;
    /* These four cannot fail in libuv 1.x. */
    uv_check_init(loop, &t->after_io);
    uv_prepare_init(loop, &t->before_poll);
    uv_check_start(&t->after_io, on_check);
    uv_prepare_start(&t->before_poll, on_prepare);
    t->after_io.data = t;
    t->before_poll.data = t;
    t->open = 2;
    return t;
}

void turn_ask(struct turn *t)
{
    t->asked = true;
}

void turn_destroy(struct turn *t)
{
    if (t) {
        t->fn = NULL;
        uv_close((uv_handle_t *)&t->after_io, on_closed);
        uv_close((uv_handle_t *)&t->before_poll, on_closed);
    }
}
