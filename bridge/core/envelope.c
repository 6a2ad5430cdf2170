/*
 * envelope - see envelope.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/envelope.h"

struct offer {
    int64_t ma;
    int64_t stamp_ms;
    int64_t check; /* ~ma: a box that nobody made is not an offer of 0 A */
};

#ifndef __FRAMAC__
_Static_assert(sizeof(struct offer) <= sizeof(struct offer_box), "the box is too small");
#endif

/*@ logic integer cap_of{L}(struct envelope_in *in) =
      \min(in->want_ma, \min(MA_MAX, \min(in->hardware_ma, \min(in->charger_ma,
      \min(in->circuit_ma, in->ceiling_ma)))));
    logic integer bound_of{L}(struct envelope_in *in) =
      in->fresh ? cap_of(in) : \min(cap_of(in), in->in_force_ma);
    logic integer whole(integer ma) = ma <= 0 ? 0 : ma - ma % 1000;
    logic integer limit_of{L}(struct envelope_in *in) =
      in->floor_ma <= whole(bound_of(in)) ? whole(bound_of(in)) : 0;
    predicate sealed{L}(struct offer *o) = o->check == ~o->ma;
*/

/*@ assigns \nothing;
    ensures least: \result == \min(a, b);
*/
static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/*@ requires \valid_read(in);
    assigns \nothing;
    ensures exact: in->floor_ma <= whole(bound_of(in)) ==> \result == whole(bound_of(in));
    ensures stop: in->floor_ma > whole(bound_of(in)) ==> \result == 0;
    ensures most: 0 <= \result <= MA_MAX;
    ensures want: \result <= in->want_ma || \result == 0;
    ensures hardware: \result <= in->hardware_ma || \result == 0;
    ensures charger: \result <= in->charger_ma || \result == 0;
    ensures circuit: \result <= in->circuit_ma || \result == 0;
    ensures ceiling: \result <= in->ceiling_ma || \result == 0;
    ensures floor: \result == 0 || \result >= in->floor_ma;
    ensures stale: !in->fresh ==> \result <= in->in_force_ma || \result == 0;
    ensures whole: \result % 1000 == 0;
*/
int32_t envelope_limit(const struct envelope_in *in)
{
    int32_t cap = MA_MAX;

    cap = least(cap, in->hardware_ma);
    cap = least(cap, in->charger_ma);
    cap = least(cap, in->circuit_ma);
    cap = least(cap, in->ceiling_ma);
    if (!in->fresh) {
        cap = least(cap, in->in_force_ma);
    }
    cap = least(cap, in->want_ma);
    if (cap <= 0) {
        return 0;
    }
    cap -= cap % 1000;
    return cap >= in->floor_ma ? cap : 0;
}

#ifdef __FRAMAC__
/* For the proof alone: less known, or data not fresh, never gives more. */
/*@ requires \valid_read(more) && \valid_read(less);
    requires less->want_ma == more->want_ma && less->floor_ma == more->floor_ma;
    requires less->in_force_ma == more->in_force_ma;
    requires less->hardware_ma == more->hardware_ma || less->hardware_ma == 0;
    requires less->charger_ma == more->charger_ma || less->charger_ma == 0;
    requires less->circuit_ma == more->circuit_ma || less->circuit_ma == 0;
    requires less->ceiling_ma == more->ceiling_ma || less->ceiling_ma == 0;
    requires less->fresh ==> more->fresh;
    assigns \nothing;
    ensures monotone: \result;
*/
static bool envelope_monotone(const struct envelope_in *more, const struct envelope_in *less)
{
    return envelope_limit(less) <= envelope_limit(more);
}
#endif

/*@ requires \valid((struct offer *)(void *)box) && \valid_read(in);
    requires \separated(box, in);
    assigns *(struct offer *)(void *)box, \result \from box, *in, now_ms;
    ensures made: \result == (struct offer *)(void *)box && \valid_read(\result);
    ensures stamp: \result->stamp_ms == now_ms;
    ensures amps: 0 <= \result->ma <= MA_MAX;
    ensures exact: \result->ma == limit_of(in);
    ensures seal: sealed(\result);
*/
const struct offer *envelope_make(
        struct offer_box *box, const struct envelope_in *in, int64_t now_ms)
{
    struct offer *o = (struct offer *)(void *)box;

    o->ma = envelope_limit(in);
    o->stamp_ms = now_ms;
    o->check = ~o->ma;
    return o;
}

/*@ requires \valid_read(o);
    assigns \nothing;
    ensures most: 0 <= \result <= MA_MAX;
    ensures exact: sealed(o) && 0 <= o->ma <= MA_MAX ==> \result == o->ma;
    ensures broken: !(sealed(o) && 0 <= o->ma <= MA_MAX) ==> \result == 0;
*/
int32_t offer_ma(const struct offer *o)
{
    return o->check == ~o->ma && o->ma >= 0 && o->ma <= MA_MAX ? (int32_t)o->ma : 0;
}

/*@ requires \valid_read(o);
    assigns \nothing;
    ensures exact: sealed(o) ==> \result == o->stamp_ms;
    ensures broken: !sealed(o) ==> \result == INT64_MIN;
*/
int64_t offer_stamp_ms(const struct offer *o)
{
    return o->check == ~o->ma ? o->stamp_ms : INT64_MIN;
}

#ifndef __FRAMAC__
/* Not for the proof: it would find each `return false` dead, which is true. */
bool envelope_self_test(void)
{
    static const struct {
        struct envelope_in in;
        int32_t want;
    } golden[] = {
            /* want, floor, hardware, charger, circuit, ceiling, in force, fresh */
            {{16000, 6000, 32000, 80000, 32000, 80000, 6000, true}, 16000},
            {{40000, 6000, 32000, 80000, 80000, 80000, 6000, true}, 32000},
            {{32000, 6000, 32000, 20000, 80000, 80000, 6000, true}, 20000},
            {{32000, 6000, 32000, 80000, 10900, 80000, 6000, true}, 10000},
            {{32000, 6000, 32000, 80000, 32000, 8000, 6000, true}, 8000},
            {{32000, 6000, 32000, 80000, 32000, 80000, 6000, false}, 6000},
            {{32000, 6000, 32000, 80000, 32000, 80000, 0, false}, 0},
            {{5900, 6000, 32000, 80000, 32000, 80000, 6000, true}, 0},
            {{5000, 5000, 32000, 80000, 32000, 80000, 6000, true}, 5000},
            {{32000, 6000, 0, 80000, 32000, 80000, 6000, true}, 0},
            {{32000, 6000, 32000, 80000, -4000, 80000, 6000, true}, 0},
            {{128000, 6000, 200000, 200000, 200000, 200000, 0, true}, 80000},
    };
    struct offer_box box = {{0}};

    for (unsigned i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
        if (envelope_limit(&golden[i].in) != golden[i].want) {
            return false;
        }
    }
    const struct offer *o = envelope_make(&box, &golden[0].in, 7);

    return offer_ma(o) == 16000 && offer_stamp_ms(o) == 7;
}
#endif
