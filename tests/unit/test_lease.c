/*
 * test_lease - who wins, what ends, what never lapses upward. SPDX-License-Identifier: MIT
 */
#include "bridge/core/lease.h"
#include "tests/support/test.h"

#include <stdio.h>

struct ended {
    int n;
    struct lease_end last;
};

static void on_ended(void *user, const struct lease_end *e)
{
    struct ended *x = user;

    x->n++;
    x->last = *e;
}

static struct lease request(const char *owner, int32_t ma, uint8_t priority, int64_t since_ms)
{
    struct lease l = {.kind = LEASE_REQUEST, .scope = LEASE_CHARGER, .hold = LEASE_FOR,
            .value_ma = ma, .priority = priority, .since_ms = since_ms};

    snprintf(l.owner, sizeof(l.owner), "%s", owner);
    return l;
}

static struct lease ceiling(const char *owner, int32_t ma, int64_t expires_ms)
{
    struct lease l = request(owner, ma, 5, 1);

    l.kind = LEASE_CEILING;
    l.expires_ms = expires_ms;
    l.hold = expires_ms != 0 ? LEASE_FOR : LEASE_STORED;
    return l;
}

static const struct lease *put(struct lease_table *t, struct lease l)
{
    struct lease_end replaced;

    return lease_put(t, &l, &replaced);
}

static void the_highest_priority_wins_and_the_newest_among_equals(void **state)
{
    struct lease_table t;

    (void)state;
    lease_init(&t);
    assert_null(lease_winner(&t, 0));
    put(&t, request("schedule", 10000, 3, 1));
    put(&t, request("mqtt", 12000, 5, 2));
    put(&t, request("node-red", 14000, 5, 3));
    check_str(lease_winner(&t, 0)->owner, "node-red");
    put(&t, request("mqtt", 13000, 5, 4));
    check_i64(lease_winner(&t, 0)->value_ma, 13000);
    put(&t, request("boost", 32000, 8, 5));
    check_str(lease_winner(&t, 0)->owner, "boost");
    assert_null(lease_winner(&t, 1));
}

static void a_value_of_the_same_owner_replaces_and_tells_the_old_one(void **state)
{
    struct lease_table t;
    struct lease_end old;
    struct lease l = request("mqtt", 10000, 5, 1);

    (void)state;
    lease_init(&t);
    lease_put(&t, &l, &old);
    check_i64(old.lease.id, 0);
    l.value_ma = 8000;
    lease_put(&t, &l, &old);
    check_i64(old.lease.value_ma, 10000);
    check_i64(old.why, LEASE_REPLACED);
}

static void promise_06_a_request_ends_at_its_time_and_not_before(void **state)
{
    struct lease_table t;
    struct ended e = {0};
    struct lease l = request("x", 10000, 5, 1);

    (void)state;
    lease_init(&t);
    l.expires_ms = 5000;
    put(&t, l);
    check_i64(lease_next_ms(&t), 5000);
    lease_expire(&t, 4999, 6000, on_ended, &e);
    check_i64(e.n, 0);
    lease_expire(&t, 5000, 6000, on_ended, &e);
    check_i64(e.n, 1);
    check_i64(e.last.why, LEASE_EXPIRED);
    assert_null(lease_winner(&t, 0));
    check_i64(lease_next_ms(&t), INT64_MAX);
}

static void promise_06_a_ceiling_that_ends_becomes_the_lower_of_itself_and_the_fallback(
        void **state)
{
    static const int32_t values[][2] = {{20000, 6000}, {4000, 4000}, {6000, 6000}};
    struct ended e = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct lease_table t;

        lease_init(&t);
        put(&t, ceiling("ems", values[i][0], 100));
        lease_expire(&t, 100, 6000, on_ended, &e);
        const struct lease *c = lease_ceiling(&t, LEASE_CHARGER, 0);

        assert_non_null(c);
        check_i64(c->value_ma, values[i][1]);
        assert_true(c->fallen_back);
        lease_expire(&t, 1000000, 6000, on_ended, &e);
        check_i64(lease_ceiling(&t, LEASE_CHARGER, 0)->value_ma, values[i][1]);
        check_i64(lease_next_ms(&t), INT64_MAX);
    }
}

static void the_smallest_ceiling_holds(void **state)
{
    struct lease_table t;

    (void)state;
    lease_init(&t);
    put(&t, ceiling("a", 20000, 0));
    put(&t, ceiling("b", 12000, 0));
    put(&t, ceiling("c", 16000, 0));
    check_str(lease_ceiling(&t, LEASE_CHARGER, 0)->owner, "b");
    lease_drop(&t, LEASE_CEILING, LEASE_CHARGER, 0, "b", NULL, NULL);
    check_str(lease_ceiling(&t, LEASE_CHARGER, 0)->owner, "c");
}

static void promise_05_what_holds_while_home_assistant_lives_gets_its_grace(void **state)
{
    struct lease_table t;
    struct ended e = {0};
    struct lease l = request("mqtt", 10000, 5, 1);

    (void)state;
    lease_init(&t);
    l.hold = LEASE_WHILE_HA;
    put(&t, l);
    lease_ha_lost(&t, 1000, 120000);
    lease_ha_lost(&t, 50000, 120000); /* lost already: the first loss counts */
    check_i64(lease_next_ms(&t), 121000);
    lease_ha_back(&t);
    check_i64(lease_next_ms(&t), INT64_MAX);
    lease_ha_lost(&t, 2000, 120000);
    lease_expire(&t, 122000, 6000, on_ended, &e);
    check_i64(e.last.why, LEASE_OWNER_LOST);
}

static void promise_04_an_owner_without_data_is_not_saved_by_home_assistant(void **state)
{
    struct lease_table t;
    struct lease l = request("mqtt", 10000, 5, 1);

    (void)state;
    lease_init(&t);
    l.hold = LEASE_WHILE_HA;
    put(&t, l);
    lease_owner_lost(&t, LEASE_CHARGER, 0, "mqtt", 7000);
    lease_ha_back(&t);
    check_i64(lease_next_ms(&t), 7000);
}

static void unplugging_ends_what_is_bound_to_the_plug_alone(void **state)
{
    struct lease_table t;
    struct ended e = {0};
    struct lease l = request("mqtt", 10000, 5, 1);

    (void)state;
    lease_init(&t);
    l.ends_at_unplug = true;
    put(&t, l);
    put(&t, request("node-red", 12000, 5, 2));
    lease_unplugged(&t, 0, on_ended, &e);
    check_i64(e.n, 1);
    check_str(e.last.lease.owner, "mqtt");
    check_str(lease_winner(&t, 0)->owner, "node-red");
}

static void a_full_table_refuses_and_keeps_what_it_has(void **state)
{
    struct lease_table t;
    char owner[16];

    (void)state;
    lease_init(&t);
    for (int i = 0; i < LEASES_MAX; i++) {
        snprintf(owner, sizeof(owner), "o%d", i);
        assert_non_null(put(&t, request(owner, 10000, 5, i)));
    }
    assert_null(put(&t, request("one more", 10000, 5, 999)));
    assert_non_null(put(&t, request("o7", 9000, 5, 999)));
}

static void ids_grow_also_over_a_restart(void **state)
{
    struct lease_table t;
    struct lease l = request("old", 10000, 5, 1);

    (void)state;
    lease_init(&t);
    l.id = 41;
    put(&t, l);
    check_i64(put(&t, request("new", 10000, 5, 2))->id, 42);
}

/* What was made of the rows is made anew only when `changes` is another number. */
static void each_change_of_a_row_is_counted_and_nothing_else(void **state)
{
    struct lease_table t;
    struct lease l = request("mqtt", 10000, 5, 1);
    uint32_t before;

    (void)state;
    lease_init(&t);
#define CHANGES(call) (before = t.changes, (void)(call), t.changes != before)
    assert_true(CHANGES(put(&t, l)));
    assert_true(CHANGES(put(&t, request("mqtt", 12000, 5, 2))));
    assert_false(CHANGES(lease_winner(&t, 0)));
    assert_false(CHANGES(lease_expire(&t, 10, 6000, NULL, NULL)));
    assert_true(CHANGES(lease_owner_lost(&t, LEASE_CHARGER, 0, "mqtt", 50)));
    assert_false(CHANGES(lease_owner_lost(&t, LEASE_CHARGER, 0, "other", 50)));
    assert_true(CHANGES(lease_expire(&t, 50, 6000, NULL, NULL)));
    assert_false(CHANGES(lease_drop(&t, LEASE_REQUEST, LEASE_CHARGER, 0, NULL, NULL, NULL)));
    l.ends_at_unplug = true;
    put(&t, l);
    assert_true(CHANGES(lease_unplugged(&t, 0, NULL, NULL)));
    put(&t, l);
    assert_true(CHANGES(lease_drop(&t, LEASE_REQUEST, LEASE_CHARGER, 0, "mqtt", NULL, NULL)));
    put(&t, ceiling("fuse", 16000, 90));
    assert_true(CHANGES(lease_expire(&t, 90, 6000, NULL, NULL)));
    l.hold = LEASE_WHILE_HA;
    put(&t, l);
    assert_true(CHANGES(lease_ha_lost(&t, 100, 1000)));
    assert_false(CHANGES(lease_ha_lost(&t, 110, 1000)));
    assert_true(CHANGES(lease_ha_back(&t)));
    assert_false(CHANGES(lease_ha_back(&t)));
#undef CHANGES
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_highest_priority_wins_and_the_newest_among_equals),
            cmocka_unit_test(a_value_of_the_same_owner_replaces_and_tells_the_old_one),
            cmocka_unit_test(promise_06_a_request_ends_at_its_time_and_not_before),
            cmocka_unit_test(
                    promise_06_a_ceiling_that_ends_becomes_the_lower_of_itself_and_the_fallback),
            cmocka_unit_test(the_smallest_ceiling_holds),
            cmocka_unit_test(promise_05_what_holds_while_home_assistant_lives_gets_its_grace),
            cmocka_unit_test(promise_04_an_owner_without_data_is_not_saved_by_home_assistant),
            cmocka_unit_test(unplugging_ends_what_is_bound_to_the_plug_alone),
            cmocka_unit_test(a_full_table_refuses_and_keeps_what_it_has),
            cmocka_unit_test(each_change_of_a_row_is_counted_and_nothing_else),
            cmocka_unit_test(ids_grow_also_over_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
