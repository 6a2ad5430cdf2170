/*
 * test_watch - watchers may come and go while being told. SPDX-License-Identifier: MIT
 */
#include "bridge/base/watch.h"
#include "tests/support/test.h"

struct watcher {
    struct watch_list *list;
    uint32_t id, remove, added;
    struct watcher *add;
    int calls, last;
};

static void called(const void *event, void *user)
{
    struct watcher *w = user;

    w->calls++;
    w->last = *(const int *)event;
    watch_remove(w->list, w->remove);
    w->remove = 0;
    if (w->add) {
        w->added = watch_add(w->list, called, w->add);
        w->add = NULL;
    }
}

static void emit(struct watch_list *l, int event)
{
    watch_emit(l, &event);
}

static void every_watcher_is_told_in_order_of_arrival(void **state)
{
    struct watch_list l = {0};
    struct watcher a = {.list = &l}, b = {.list = &l};

    (void)state;
    emit(&l, 1); /* nobody */
    a.id = watch_add(&l, called, &a);
    b.id = watch_add(&l, called, &b);
    assert_true(a.id != 0 && b.id != 0 && a.id != b.id);
    emit(&l, 7);
    check_i64(a.calls, 1);
    check_i64(b.last, 7);
    watch_remove(&l, a.id);
    watch_remove(&l, a.id);
    watch_remove(&l, 0);
    watch_remove(&l, 999);
    emit(&l, 8);
    check_i64(a.calls, 1);
    check_i64(b.calls, 2);
}

static void one_removed_during_the_walk_is_not_called(void **state)
{
    struct watch_list l = {0};
    struct watcher a = {.list = &l}, b = {.list = &l}, c = {.list = &l};

    (void)state;
    a.id = watch_add(&l, called, &a);
    b.id = watch_add(&l, called, &b);
    c.id = watch_add(&l, called, &c);
    a.remove = b.id;
    emit(&l, 1);
    check_i64(b.calls, 0);
    check_i64(c.calls, 1);
    c.remove = c.id; /* itself */
    emit(&l, 2);
    emit(&l, 3);
    check_i64(c.calls, 2);
    check_i64(a.calls, 3);
}

static void one_added_during_the_walk_waits_for_the_next_event(void **state)
{
    struct watch_list l = {0};
    struct watcher a = {.list = &l}, late = {.list = &l};

    (void)state;
    a.add = &late;
    a.id = watch_add(&l, called, &a);
    emit(&l, 1);
    assert_true(a.added != 0);
    check_i64(late.calls, 0);
    emit(&l, 2);
    check_i64(late.calls, 1);
}

static void the_list_is_full_at_its_maximum(void **state)
{
    struct watch_list l = {0};
    struct watcher w = {.list = &l};
    uint32_t first = 0;

    (void)state;
    for (int i = 0; i < WATCH_MAX; i++) {
        uint32_t id = watch_add(&l, called, &w);

        assert_true(id != 0);
        first = first ? first : id;
    }
    check_i64(watch_add(&l, called, &w), 0);
    watch_remove(&l, first);
    assert_true(watch_add(&l, called, &w) != 0);
    emit(&l, 1);
    check_i64(w.calls, WATCH_MAX);
}

/* Inner walk in a callback: positions of the outer walk must not move under it. */
struct nest {
    struct watch_list *list;
    uint32_t self;
    int depth, calls;
};

static void again(const void *event, void *user)
{
    struct nest *n = user;

    n->calls++;
    if (n->depth++ == 0) {
        watch_remove(n->list, n->self);
        watch_emit(n->list, event);
    }
}

static void walks_may_nest(void **state)
{
    struct watch_list l = {0};
    struct nest n = {.list = &l};
    struct watcher w = {.list = &l};

    (void)state;
    n.self = watch_add(&l, again, &n);
    w.id = watch_add(&l, called, &w);
    emit(&l, 5);
    check_i64(n.calls, 1);
    check_i64(w.calls, 2); /* inner and outer */
    check_i64(l.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_watcher_is_told_in_order_of_arrival),
            cmocka_unit_test(one_removed_during_the_walk_is_not_called),
            cmocka_unit_test(one_added_during_the_walk_waits_for_the_next_event),
            cmocka_unit_test(the_list_is_full_at_its_maximum),
            cmocka_unit_test(walks_may_nest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
