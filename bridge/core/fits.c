/*
 * fits - see fits.h. Proved by tests/proof: every line of a contract is a goal there.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/fits.h"

enum { AMP = 1000 };

/* The sum over the first n chargers of the greater of a and b, where the row carries them. */
/*@ axiomatic Sum {
      logic integer carried{L}(uint8_t *use, int32_t *a, int32_t *b, integer n)
        reads use[0 .. n - 1], a[0 .. n - 1], b[0 .. n - 1];
      axiom carried_none{L}: \forall uint8_t *use, int32_t *a, int32_t *b;
        carried(use, a, b, 0) == 0;
      axiom carried_next{L}: \forall uint8_t *use, int32_t *a, int32_t *b, integer n; 0 <= n ==>
        carried(use, a, b, n + 1) ==
        carried(use, a, b, n) + (use[n] != 0 ? \max(a[n], b[n]) : 0);
    }
    predicate share_good{L}(struct fits_in *in, integer i) =
      in->share_ma[i] == 0 ||
      (in->floor_ma[i] <= in->share_ma[i] <= in->want_ma[i] && in->share_ma[i] % 1000 == 0);
    logic integer cost_on{L}(struct fits_in *in, integer x) =
      carried(&in->use[x][0], &in->share_ma[0], &in->fixed_ma[0], in->chargers);
    logic integer fixed_on{L}(struct fits_in *in, integer x) =
      carried(&in->use[x][0], &in->fixed_ma[0], &in->fixed_ma[0], in->chargers);
    logic integer shares_on{L}(struct fits_in *in, integer x) =
      carried(&in->use[x][0], &in->share_ma[0], &in->share_ma[0], in->chargers);
    predicate row_good{L}(struct fits_in *in, integer x) =
      (cost_on(in, x) <= in->limit_ma[x] || cost_on(in, x) <= fixed_on(in, x)) &&
      (shares_on(in, x) <= 0 || shares_on(in, x) <= in->limit_ma[x]);
*/

/*@ requires 0 <= n <= CHARGERS_MAX;
    requires \valid_read(use + (0 .. n - 1));
    requires \valid_read(a + (0 .. n - 1)) && \valid_read(b + (0 .. n - 1));
    assigns \nothing;
    ensures sum: \result == carried(use, a, b, n);
*/
static int64_t row_sum(const uint8_t use[], const int32_t a[], const int32_t b[], int n)
{
    int64_t sum = 0;

    /*@ loop invariant range: 0 <= i <= n;
        loop invariant sum: sum == carried(use, a, b, i);
        loop invariant bound: i * INT32_MIN <= sum <= i * INT32_MAX;
        loop assigns i, sum;
        loop variant n - i;
    */
    for (int i = 0; i < n; i++) {
        if (use[i] != 0) {
            sum += a[i] > b[i] ? a[i] : b[i];
        }
    }
    return sum;
}

/*@ requires \valid_read(in) && 0 <= i < CHARGERS_MAX;
    assigns \nothing;
    ensures exact: \result <==> share_good(in, i);
*/
static bool share_fits(const struct fits_in *in, int i)
{
    int32_t s = in->share_ma[i];

    if (s == 0) {
        return true;
    }
    return s >= in->floor_ma[i] && s <= in->want_ma[i] && s % AMP == 0;
}

/*@ requires \valid_read(in) && 0 <= in->chargers <= CHARGERS_MAX && 0 <= x < ROWS_MAX;
    assigns \nothing;
    ensures exact: \result <==> row_good(in, x);
*/
static bool row_fits(const struct fits_in *in, int x)
{
    int64_t cost = row_sum(in->use[x], in->share_ma, in->fixed_ma, in->chargers);
    int64_t fixed = row_sum(in->use[x], in->fixed_ma, in->fixed_ma, in->chargers);
    int64_t shares = row_sum(in->use[x], in->share_ma, in->share_ma, in->chargers);

    if (cost > in->limit_ma[x] && cost > fixed) {
        return false;
    }
    return shares <= 0 || shares <= in->limit_ma[x];
}

/*@ requires \valid_read(in);
    requires 0 <= in->chargers <= CHARGERS_MAX && 0 <= in->rows <= ROWS_MAX;
    assigns \nothing;
    ensures exact: \result <==>
      (\forall integer i; 0 <= i < in->chargers ==> share_good(in, i)) &&
      (\forall integer x; 0 <= x < in->rows ==> row_good(in, x));
*/
bool fits(const struct fits_in *in)
{
    /*@ loop invariant range: 0 <= i <= in->chargers;
        loop invariant good: \forall integer k; 0 <= k < i ==> share_good(in, k);
        loop assigns i;
        loop variant in->chargers - i;
    */
    for (int i = 0; i < in->chargers; i++) {
        if (!share_fits(in, i)) {
            return false;
        }
    }
    /*@ loop invariant range: 0 <= x <= in->rows;
        loop invariant good: \forall integer k; 0 <= k < x ==> row_good(in, k);
        loop assigns x;
        loop variant in->rows - x;
    */
    for (int x = 0; x < in->rows; x++) {
        if (!row_fits(in, x)) {
            return false;
        }
    }
    return true;
}
