/*
 * test_allot - the waterfill against a brute-force oracle on random small trees.
 *
 * Two laws define the right answer: priority first, and nobody could take 1 A more. Within a
 * priority the shares are as equal as the rows allow. SPDX-License-Identifier: MIT
 */
#include "bridge/core/allot.h"
#include "tests/support/test.h"

static uint32_t seed = 1;

static int pick(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return (int)(seed % (uint32_t)n);
}

struct world {
    struct rows r;
    struct allot_want want[5];
    int n;
    struct allot_out out;
};

static void make_rows(struct rows *r, int circuits, int n)
{
    memset(r, 0, sizeof(*r));
    r->n = (circuits + 1) * PHASES;
    for (int x = 0; x < r->n; x++) {
        r->limit_ma[x] = 1000 * (x < circuits * PHASES ? 4 + pick(40) : 1000);
        r->settings_ma[x] = r->limit_ma[x];
    }
    for (int i = 0; i < n; i++) {
        uint32_t bits = 1 + (uint32_t)pick(7);

        for (int c = pick(circuits); c >= 0; c = c > 0 && pick(2) ? c - 1 : -1) {
            for (int p = 0; p < PHASES; p++) {
                if (bits >> p & 1) {
                    r->use[i][r->use_n[i]++] = (int16_t)(c * PHASES + p);
                }
            }
        }
    }
}

static void make_world(struct world *w)
{
    w->n = 1 + pick(5);
    make_rows(&w->r, 1 + pick(3), w->n);
    for (int i = 0; i < w->n; i++) {
        int floor = 5 + pick(4);
        int want = pick(5) == 0 ? 0 : floor + pick(28);

        w->want[i] = (struct allot_want){.want_ma = want * 1000,
                .floor_ma = floor * 1000,
                .fixed_ma = pick(3) == 0 ? 6000 : 0,
                .priority = (uint8_t)pick(3),
                .rank = i};
    }
    allot_rows(&w->r, w->want, w->n, &w->out);
}

static int32_t cost(const struct allot_want *w, int32_t share)
{
    return share > w->fixed_ma ? share : w->fixed_ma;
}

/* Sum on row x when charger i had share instead of its own. */
static int64_t row_sum(const struct world *w, int x, int i, int32_t share)
{
    int64_t sum = 0;

    for (int k = 0; k < w->n; k++) {
        for (int m = 0; m < w->r.use_n[k]; m++) {
            if (w->r.use[k][m] == x) {
                sum += cost(&w->want[k], k == i ? share : w->out.share_ma[k]);
            }
        }
    }
    return sum;
}

/* The same of shares alone: what is offered stays within the row whatever is fixed. */
static int64_t row_offers(const struct world *w, int x, int i, int32_t share)
{
    int64_t sum = 0;

    for (int k = 0; k < w->n; k++) {
        for (int m = 0; m < w->r.use_n[k]; m++) {
            sum += w->r.use[k][m] != x ? 0 : k == i ? share : w->out.share_ma[k];
        }
    }
    return sum;
}

static bool could_have(const struct world *w, int i, int32_t share)
{
    for (int m = 0; m < w->r.use_n[i]; m++) {
        int x = w->r.use[i][m];

        if (row_offers(w, x, i, share) > w->r.limit_ma[x]) {
            return false;
        }
        if (row_sum(w, x, i, share) > w->r.limit_ma[x] &&
                cost(&w->want[i], share) > cost(&w->want[i], w->out.share_ma[i])) {
            return false;
        }
    }
    return true;
}

static void nobody_could_take_one_ampere_more(void **state)
{
    struct world w;

    (void)state;
    for (int round = 0; round < 100000; round++) {
        make_world(&w);
        assert_true(allot_fits(&w.r, w.want, w.n, w.out.share_ma));
        for (int i = 0; i < w.n; i++) {
            int32_t s = w.out.share_ma[i];

            check_i64(s % 1000, 0);
            if (s > 0 && s + 1000 <= w.want[i].want_ma) {
                assert_false(could_have(&w, i, s + 1000));
            }
            if (s == 0 && w.want[i].want_ma > 0) {
                assert_false(could_have(&w, i, w.want[i].floor_ma));
            }
        }
    }
}

/* Without those of lower priority the shares of the higher ones are the same. */
static void lower_priorities_take_nothing_from_higher_ones(void **state)
{
    struct world w;
    struct allot_out alone;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        make_world(&w);
        for (int i = 0; i < w.n; i++) {
            if (w.want[i].priority < 2) {
                w.want[i].want_ma = 0;
            }
        }
        allot_rows(&w.r, w.want, w.n, &alone);
        for (int i = 0; i < w.n; i++) {
            if (w.want[i].priority == 2) {
                check_i64(w.out.share_ma[i], alone.share_ma[i]);
            }
        }
    }
}

/* All trees of two or three equal chargers on one row: total and spread by counting. */
static void on_one_row_the_total_is_the_most_and_the_shares_are_equal(void **state)
{
    (void)state;
    for (int limit = 0; limit <= 60; limit++) {
        for (int n = 1; n <= 3; n++) {
            struct rows r = {.n = 1, .limit_ma = {limit * 1000}};
            struct allot_want want[3];
            struct allot_out out;
            int32_t total = 0, least = INT32_MAX, most = 0;
            int served = limit / 6 < n ? limit / 6 : n;
            int best = served * 16 < limit ? served * 16 : limit;

            for (int i = 0; i < n; i++) {
                want[i] = (struct allot_want){.want_ma = 16000, .floor_ma = 6000, .rank = i};
                r.use_n[i] = 1;
            }
            allot_rows(&r, want, n, &out);
            for (int i = 0; i < n; i++) {
                total += out.share_ma[i];
                if (out.share_ma[i] > 0) {
                    least = out.share_ma[i] < least ? out.share_ma[i] : least;
                    most = out.share_ma[i] > most ? out.share_ma[i] : most;
                }
            }
            check_i64(total, served > 0 ? best * 1000 : 0);
            if (served > 0) {
                assert_true(most - least <= 1000);
            }
        }
    }
}

static void the_checker_sees_what_does_not_fit(void **state)
{
    struct rows r = {.n = 1, .limit_ma = {32000}, .use_n = {1, 1}};
    struct allot_want want[2] = {
            {.want_ma = 20000, .floor_ma = 6000}, {.want_ma = 20000, .floor_ma = 6000}};

    (void)state;
    assert_true(allot_fits(&r, want, 2, (int32_t[]){16000, 16000}));
    assert_false(allot_fits(&r, want, 2, (int32_t[]){17000, 16000}));
    assert_false(allot_fits(&r, want, 2, (int32_t[]){21000, 6000}));
    assert_false(allot_fits(&r, want, 2, (int32_t[]){5000, 6000}));
    assert_true(allot_fits(&r, want, 2, (int32_t[]){0, 6000}));
    want[1].fixed_ma = 40000; /* over by itself: the other may add nothing */
    assert_false(allot_fits(&r, want, 2, (int32_t[]){6000, 0}));
    assert_true(allot_fits(&r, want, 2, (int32_t[]){0, 0}));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(nobody_could_take_one_ampere_more),
            cmocka_unit_test(lower_priorities_take_nothing_from_higher_ones),
            cmocka_unit_test(on_one_row_the_total_is_the_most_and_the_shares_are_equal),
            cmocka_unit_test(the_checker_sees_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
