/*
 * A million random trees: the waterfill against one that hands out one ampere at a time.
 *
 * The oracle below shares no code with allot.c: rows as a matrix, every sum taken anew for every
 * ampere. Same shares, hence the same total; nobody could take 1 A more; whoever has a lower
 * priority changes nothing for the others; the checker says what the oracle says, also of shares
 * that were broken on purpose. Built optimised, without sanitizers. SPDX-License-Identifier: MIT
 */
#include "bridge/core/allot.h"
#include "tests/support/test.h"

enum { ROUNDS = 1000000, CARS = 5, LINES = 4 * PHASES, AMP = 1000 };

struct world {
    int cars, lines;
    bool on[LINES][CARS];
    int32_t limit[LINES];
    struct allot_want want[CARS];
};

static uint64_t seed = 0x9E3779B97F4A7C15u;

static int dice(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)((seed >> 20) % (uint64_t)n);
}

static void begin(struct world *w)
{
    int circuits = 1 + dice(4), parent[4] = {-1, -1, -1, -1};

    memset(w, 0, sizeof(*w));
    w->cars = 1 + dice(CARS);
    w->lines = circuits * PHASES;
    for (int x = 0; x < w->lines; x++) {
        w->limit[x] =
                dice(4) == 0 ? dice(60000) - 2000 : AMP * (4 + dice(x < PHASES ? 100 : 50));
    }
    for (int c = 1; c < circuits; c++) {
        parent[c] = dice(c);
    }
    for (int i = 0; i < w->cars; i++) {
        int phases = 1 + dice(7), floor = 5 + dice(4);

        for (int c = dice(circuits); c >= 0; c = parent[c]) {
            for (int p = 0; p < PHASES; p++) {
                w->on[c * PHASES + p][i] = (phases >> p & 1) != 0;
            }
        }
        w->want[i] = (struct allot_want){
                .want_ma = dice(5) == 0 ? 0 : AMP * (floor + dice(28)) + dice(2) * dice(AMP),
                .floor_ma = AMP * floor - (dice(8) == 0 ? dice(AMP) : 0),
                .fixed_ma = dice(3) == 0 ? 500 * dice(40) : 0,
                .priority = (uint8_t)dice(3),
        };
    }
    for (int i = 0, first = dice(w->cars); i < w->cars; i++) {
        w->want[i].rank = (i + first) % w->cars;
    }
}

static void rows_of(const struct world *w, struct rows *r)
{
    r->n = w->lines;
    for (int x = 0; x < w->lines; x++) {
        r->limit_ma[x] = r->settings_ma[x] = w->limit[x];
    }
    for (int i = 0; i < w->cars; i++) {
        r->use_n[i] = 0;
        for (int x = w->lines - 1; x >= 0; x--) {
            if (w->on[x][i]) {
                r->use[i][r->use_n[i]++] = (int16_t)x;
            }
        }
    }
}

static int64_t line_cost(const struct world *w, int x, const int32_t share[])
{
    int64_t sum = 0;

    for (int i = 0; i < w->cars; i++) {
        int32_t fixed = w->want[i].fixed_ma;

        sum += !w->on[x][i] ? 0 : share[i] > fixed ? share[i] : fixed;
    }
    return sum;
}

static int64_t line_shares(const struct world *w, int x, const int32_t share[])
{
    int64_t sum = 0;

    for (int i = 0; i < w->cars; i++) {
        sum += w->on[x][i] ? share[i] : 0;
    }
    return sum;
}

/* May charger i have `to` instead of what it has, all others staying as they are? */
static bool may_have(const struct world *w, int32_t share[], int i, int32_t to)
{
    int32_t before = share[i];
    bool grows = to > w->want[i].fixed_ma, ok = to <= w->want[i].want_ma;

    for (int x = 0; x < w->lines && ok; x++) {
        if (w->on[x][i]) {
            share[i] = to;
            ok = line_shares(w, x, share) <= w->limit[x] &&
                 (!grows || line_cost(w, x, share) <= w->limit[x]);
            share[i] = before;
        }
    }
    return ok;
}

static int32_t first_share(const struct allot_want *w)
{
    return (w->floor_ma + AMP - 1) / AMP * AMP;
}

/* Floors by rank, then one ampere to whoever has least, the first in the list among equals. */
static void oracle(const struct world *w, int32_t share[])
{
    memset(share, 0, CARS * sizeof(share[0]));
    for (int priority = 2; priority >= 0; priority--) {
        bool full[CARS] = {false};

        for (int rank = 0; rank < w->cars; rank++) {
            for (int i = 0; i < w->cars; i++) {
                int32_t floor = first_share(&w->want[i]);

                if (w->want[i].rank == rank && w->want[i].priority == priority &&
                        w->want[i].want_ma > 0 && may_have(w, share, i, floor)) {
                    share[i] = floor;
                }
            }
        }
        for (;;) {
            int who = -1;

            for (int i = 0; i < w->cars; i++) {
                if (w->want[i].priority == priority && share[i] > 0 && !full[i] &&
                        (who < 0 || share[i] < share[who])) {
                    who = i;
                }
            }
            if (who < 0) {
                break;
            }
            full[who] = !may_have(w, share, who, share[who] + AMP);
            share[who] += full[who] ? 0 : AMP;
        }
    }
}

/* What the checker has to say of these shares. */
static bool all_fit(const struct world *w, const int32_t share[])
{
    static const int32_t none[CARS];

    for (int i = 0; i < w->cars; i++) {
        int32_t s = share[i];

        if (s != 0 && (s % AMP != 0 || s < w->want[i].floor_ma || s > w->want[i].want_ma)) {
            return false;
        }
    }
    for (int x = 0; x < w->lines; x++) {
        int64_t cost = line_cost(w, x, share), shares = line_shares(w, x, share);

        if ((cost > w->limit[x] && cost > line_cost(w, x, none)) ||
                (shares > 0 && shares > w->limit[x])) {
            return false;
        }
    }
    return true;
}

static int refused; /* of those broken on purpose: more than none, fewer than all */

static void check(const struct world *w, const struct rows *r, int32_t got[])
{
    int k = dice(w->cars);
    int32_t before = got[k];

    if (!allot_fits(r, w->want, w->cars, got) || !all_fit(w, got)) {
        fail_msg("the checker refused what the waterfill gave");
    }
    for (int i = 0; i < w->cars; i++) {
        int32_t next = got[i] > 0 ? got[i] + AMP : first_share(&w->want[i]);

        if (w->want[i].want_ma > 0 && may_have(w, got, i, next)) {
            fail_msg("charger %d has %d mA and could have %d mA", i, got[i], next);
        }
    }
    got[k] += dice(3) == 0 ? dice(2 * AMP) - AMP : AMP * (dice(9) - 3);
    bool said = allot_fits(r, w->want, w->cars, got);

    if (said != all_fit(w, got)) {
        fail_msg("the checker says %d of what was broken on purpose", said);
    }
    refused += !said;
    got[k] = before;
}

static void a_million_trees_are_shared_as_by_one_ampere_at_a_time(void **state)
{
    static struct rows r;
    int64_t amps = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct world w;
        struct allot_out out;
        int32_t want[CARS];

        begin(&w);
        rows_of(&w, &r);
        allot_rows(&r, w.want, w.cars, &out);
        oracle(&w, want);
        for (int i = 0; i < w.cars; i++) {
            if (out.share_ma[i] != want[i]) {
                fail_msg("round %d: charger %d of %d has %d mA, the oracle gives %d mA", round,
                        i, w.cars, out.share_ma[i], want[i]);
            }
            amps += want[i] / AMP;
        }
        check(&w, &r, out.share_ma);
    }
    assert_in_range(refused, ROUNDS / 10, ROUNDS - ROUNDS / 10);
    print_message("%d trees, %" PRId64 " A given, %d of the broken shares refused\n", ROUNDS,
            amps, refused);
    assert_true(amps > 10 * (int64_t)ROUNDS);
}

static void lower_priorities_change_nothing_for_higher_ones(void **state)
{
    static struct rows r;

    (void)state;
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct world w;
        struct allot_out all, alone;

        begin(&w);
        rows_of(&w, &r);
        for (int i = 0; i < w.cars; i++) {
            w.want[i].fixed_ma = 0; /* what flows in any case knows no priority */
        }
        allot_rows(&r, w.want, w.cars, &all);
        for (int i = 0; i < w.cars; i++) {
            w.want[i].want_ma = w.want[i].priority < 1 ? 0 : w.want[i].want_ma;
        }
        allot_rows(&r, w.want, w.cars, &alone);
        for (int i = 0; i < w.cars; i++) {
            if (w.want[i].priority >= 1 && all.share_ma[i] != alone.share_ma[i]) {
                fail_msg("round %d: charger %d has %d mA, alone %d mA", round, i,
                        all.share_ma[i], alone.share_ma[i]);
            }
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_million_trees_are_shared_as_by_one_ampere_at_a_time),
            cmocka_unit_test(lower_priorities_change_nothing_for_higher_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
