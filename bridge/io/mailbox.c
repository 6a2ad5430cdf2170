/*
 * mailbox - a locked list and a uv_async_t. SPDX-License-Identifier: MIT
 */
#include "bridge/io/mailbox.h"

#include <stdbool.h>
#include <stdlib.h>

struct mailbox {
    uv_async_t uv;
    uv_mutex_t lock;
    struct mail *head, **tail; /* guarded by lock */
    size_t count;              /* guarded by lock */
    bool closed;               /* the loop's thread only */
};

static struct mail *pop(struct mailbox *b)
{
    struct mail *m;

    uv_mutex_lock(&b->lock);
    m = b->head;
    if (m) {
        b->head = m->next;
        b->count--;
        if (!b->head) {
            b->tail = &b->head;
        }
    }
    uv_mutex_unlock(&b->lock);
    return m;
}

/* One at a time, since run() may destroy the mailbox; at most what lay there at the start, so
 * that a busy producer can not hold the loop. */
static void on_async(uv_async_t *uv)
{
    struct mailbox *b = CONTAINER_OF(uv, struct mailbox, uv);
    size_t n;

    uv_mutex_lock(&b->lock);
    n = b->count;
    uv_mutex_unlock(&b->lock);
    for (; n > 0 && !b->closed; n--) {
        struct mail *m = pop(b);

        if (!m) {
            return;
        }
        m->run(m);
    }
}

static void on_closed(uv_handle_t *h)
{
    struct mailbox *b = CONTAINER_OF(h, struct mailbox, uv);

    uv_mutex_destroy(&b->lock);
    free(b);
}

struct mailbox *mailbox_create(uv_loop_t *loop, struct err *e)
{
    struct mailbox *b = calloc(1, sizeof(*b));
    int r = b ? uv_mutex_init(&b->lock) : UV_ENOMEM;

    if (r == 0) {
        b->tail = &b->head;
        r = uv_async_init(loop, &b->uv, on_async);
        if (r < 0) {
            uv_mutex_destroy(&b->lock);
        }
    }
    if (r < 0) {
        err_set(e, r == UV_ENOMEM ? ERR_NO_MEMORY : ERR_IO, "mailbox: %s", uv_strerror(r));
        free(b);
        return NULL;
    }
    return b;
}

void mailbox_post(struct mailbox *b, struct mail *m)
{
    m->next = NULL;
    uv_mutex_lock(&b->lock);
    *b->tail = m;
    b->tail = &m->next;
    b->count++;
    uv_mutex_unlock(&b->lock);
    uv_async_send(&b->uv); /* several sends may become one callback: hence the list */
}

void mailbox_destroy(struct mailbox *b)
{
    if (b && !b->closed) {
        struct mail *m;

        b->closed = true;
        while ((m = pop(b))) {
            m->run(m);
        }
        uv_close((uv_handle_t *)&b->uv, on_closed);
    }
}
