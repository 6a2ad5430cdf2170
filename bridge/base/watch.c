/*
 * watch - a list of callbacks that may be changed while it is being walked.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/watch.h"

/* Closes the gaps; only when nobody walks, since a walk goes by position. */
static void prune(struct watch_list *w)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->len; i++) {
        if (w->items[i].id != 0) {
            w->items[kept++] = w->items[i];
        }
    }
    w->len = kept;
}

uint32_t watch_add(struct watch_list *w, watch_fn *fn, void *user)
{
    if (w->len >= WATCH_MAX) {
        return 0;
    }
    if (++w->next_id == 0) {
        w->next_id = 1;
    }
    w->items[w->len++] = (struct watch_item){.id = w->next_id, .fn = fn, .user = user};
    return w->next_id;
}

void watch_remove(struct watch_list *w, uint32_t id)
{
    for (uint32_t i = 0; i < w->len; i++) {
        if (id != 0 && w->items[i].id == id) {
            w->items[i].id = 0;
        }
    }
    if (w->walking == 0) {
        prune(w);
    }
}

void watch_emit(struct watch_list *w, const void *event)
{
    uint32_t upto = w->len; /* those added by a callback wait for the next event */

    w->walking++;
    for (uint32_t i = 0; i < upto; i++) {
        struct watch_item it = w->items[i]; /* by value: the callback may remove itself */

        if (it.id != 0) {
            it.fn(event, it.user);
        }
    }
    if (--w->walking == 0) {
        prune(w);
    }
}
