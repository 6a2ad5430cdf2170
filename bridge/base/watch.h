/*
 * watch - a list of callbacks that may be changed while it is being walked.
 *
 * Each item is copied before its call; one removed during a walk is not called any more; one
 * added during a walk waits for the next event. A zeroed struct is an empty list.
 * SPDX-License-Identifier: MIT
 */
#ifndef BASE_WATCH_H
#define BASE_WATCH_H

#include "bridge/base/macros.h"

#include <stdint.h>

enum { WATCH_MAX = 16 };

typedef void watch_fn(const void *event, void *user);

struct watch_item {
    uint32_t id; /* 0: free */
    watch_fn *fn;
    void *user; /* borrowed */
};

struct watch_list {
    struct watch_item items[WATCH_MAX];
    uint32_t len, next_id, walking;
};

/* Returns an id for watch_remove; 0 when the list is full. */
uint32_t watch_add(struct watch_list *w, watch_fn *fn, void *user) MUST_CHECK;
void watch_remove(struct watch_list *w, uint32_t id); /* 0 and unknown ids are ignored */
void watch_emit(struct watch_list *w, const void *event);

#endif
