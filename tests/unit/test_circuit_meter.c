/*
 * A meter of a whole circuit: what flows beside the chargers, and a closed loop with cars that follow
 * late, a meter that shows late, and a house that switches loads. SPDX-License-Identifier: MIT
 */
#include "bridge/core/circuit_meter.h"
#include "tests/support/control_rig.h"

enum { LIMIT_MA = 32000 };

/* ---- the rest ---- */

static void draw(struct control_rig *g, struct circuit_meter *m, int32_t ma)
{
    g->r[0].draw_ma = ma;
    g->r[0].heard_ms = g->now_ms;
    circuit_meter_draw(m, &g->cfg, 0, g->r, g->now_ms);
}

static int32_t rest(const struct control_rig *g, const struct circuit_meter *m, int phase)
{
    int32_t ma = -1;

    return circuit_meter_rest(m, phase, g->now_ms, &ma) ? ma : -1;
}

static void steady(
        struct control_rig *g, struct circuit_meter *m, int seconds, int32_t car, int32_t meter)
{
    for (int s = 0; s < seconds; s++) {
        g->now_ms += 1000;
        draw(g, m, car);
        circuit_meter_take(m, 0, meter, g->now_ms, g->now_ms);
    }
}

static void the_rest_is_what_the_chargers_do_not_draw(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    check_i64(rest(&g, &m, 0), -1); /* nothing was measured */
    steady(&g, &m, 5, 10000, 17000);
    check_i64(rest(&g, &m, 0), 7000);
    check_i64(rest(&g, &m, 1), -1);
}

static void it_grows_at_once_and_shrinks_after_half_a_minute(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    steady(&g, &m, 60, 10000, 17000);
    steady(&g, &m, 1, 10000, 25000);
    check_i64(rest(&g, &m, 0), 15000);
    steady(&g, &m, 26, 10000, 17000);
    check_i64(rest(&g, &m, 0), 15000);
    steady(&g, &m, 8, 10000, 17000);
    check_i64(rest(&g, &m, 0), 7000);
}

static void the_ramp_of_a_car_is_no_other_load(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    steady(&g, &m, 60, 6000, 10000);
    /* The meter shows the car's 14 A more only 6 s later, and never anything else. */
    steady(&g, &m, 6, 20000, 10000);
    check_i64(rest(&g, &m, 0), 4000);
    steady(&g, &m, 40, 20000, 24000);
    check_i64(rest(&g, &m, 0), 4000);
    /* And down. */
    steady(&g, &m, 6, 6000, 24000);
    check_i64(rest(&g, &m, 0), 4000);
    steady(&g, &m, 60, 6000, 10000);
    check_i64(rest(&g, &m, 0), 4000);
}

static void a_load_during_a_ramp_counts_as_soon_as_no_ramp_explains_it(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    steady(&g, &m, 60, 6000, 10000);
    steady(&g, &m, 1, 20000, 32000); /* 12 A more than the ramp gives */
    check_i64(rest(&g, &m, 0), 12000);
    steady(&g, &m, 20, 20000, 32000); /* the car is steady: all is known */
    check_i64(rest(&g, &m, 0), 12000);
}

static void a_measurement_that_is_repeated_or_late_is_judged_by_its_own_time(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    steady(&g, &m, 60, 6000, 10000);
    for (int s = 0; s < 40;
            s++) { /* the car ramps; the meter repeats what it measured before */
        g.now_ms += 1000;
        draw(&g, &m, 20000);
        circuit_meter_take(&m, 0, 10000, g.now_ms - (s + 1) * 1000, g.now_ms);
    }
    check_i64(rest(&g, &m, 0), 4000);
}

static void a_car_that_starts_before_it_tells_so_is_no_other_load(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    g.r[0].told_ma = 20000;
    steady(&g, &m, 60, 0, 4000);
    steady(&g, &m, 1, 0, 24000);
    check_i64(rest(&g, &m, 0), 4000);
    steady(&g, &m, 60, 20000, 24000);
    check_i64(rest(&g, &m, 0), 4000);
    /* But what no car drew a little later was another load. */
    steady(&g, &m, 60, 0, 4000);
    steady(&g, &m, 6, 0, 20000);
    check_i64(rest(&g, &m, 0), 20000);
}

static void production_on_the_circuit_is_no_room(void **state)
{
    struct circuit_meter m = {0};
    struct control_rig g;

    (void)state;
    rig_init(&g, 1, LIMIT_MA, 2);
    steady(&g, &m, 60, 10000, -5000);
    check_i64(rest(&g, &m, 0), 0);
}

static void phases_that_a_charger_tells_are_believed_and_others_lie_in_bounds(void **state)
{
    struct charger_report r = {.heard_ms = 1000000, .draw_ma = 16000, .power_ms = 999000};
    struct meter_range x[PHASES];

    (void)state;
    r.phase_ma[0] = 16000; /* a car of one phase */
    charger_phases(&r, PHASE_MAP_L1L2L3, x);
    check_i64(x[0].least, 16000);
    check_i64(x[1].most, 0);
    r.power_ms = 0; /* protocol 1: one figure */
    charger_phases(&r, PHASE_MAP_L1L2L3, x);
    check_i64(x[0].least, 16000);
    check_i64(x[1].least, 0);
    check_i64(x[1].most, 16000);
    charger_phases(&r, PHASE_MAP_L2, x);
    check_i64(x[0].most, 0);
    check_i64(x[1].least, 16000);
    charger_phases(&r, PHASE_MAP_UNKNOWN, x);
    check_i64(x[0].least, 0);
    check_i64(x[2].most, 16000);
}

/* ---- a closed loop ---- */

enum { LATE_S = 5, LATE_MAX = 16 };

struct loop {
    struct control_rig g;
    struct circuit_meter m;
    struct control_meter out;
    int32_t car_ma[2], house_ma, past_ma[LATE_MAX];
    int late_s, second, raises, lowerings;
    bool dead;
};

static void loop_init(struct loop *l, int late_s)
{
    memset(l, 0, sizeof(*l));
    rig_init_plugged(&l->g, 2, LIMIT_MA);
    l->g.cfg.circuit[0].metered = true;
    l->g.meter = &l->out;
    l->late_s = late_s;
    for (int i = 0; i < 2; i++) {
        rig_ask(&l->g, i, LIMIT_MA);
    }
}

/* A car comes to what it is told by 4 A a second. */
static int32_t follow(int32_t ma, int32_t told_ma)
{
    return ma < told_ma - 4000 ? ma + 4000 : ma > told_ma + 4000 ? ma - 4000 : told_ma;
}

static void one_second(struct loop *l)
{
    struct control_rig *g = &l->g;
    int32_t before[2], told_ma;

    g->now_ms += 1000;
    l->second++;
    for (int i = 0; i < 2; i++) {
        before[i] = g->c.out[i].offer_ma;
        if (g->c.out[i].offer) {
            rig_wire(g, i, l->car_ma[i]); /* as it was a second ago: the meter may be newer */
        }
        told_ma = !g->c.out[i].transmit ? 0 : g->c.out[i].offer_ma;
        g->r[i].power_ms = g->now_ms;
        for (int p = 0; p < PHASES; p++) {
            g->r[i].phase_ma[p] = l->car_ma[i];
        }
        /* Protocol 2 does not go below 6 A while it is spoken to. */
        l->car_ma[i] = follow(
                l->car_ma[i], g->c.out[i].transmit && told_ma < FLOOR_MA ? FLOOR_MA : told_ma);
    }
    l->past_ma[l->second % LATE_MAX] = l->house_ma + l->car_ma[0] + l->car_ma[1];
    circuit_meter_draw(&l->m, &g->cfg, 0, g->r, g->now_ms);
    l->out.fresh = !l->dead;
    for (int p = 0; p < PHASES; p++) {
        if (!l->dead && l->second > l->late_s) {
            l->out.total_ma[p] = l->past_ma[(l->second - l->late_s) % LATE_MAX];
            circuit_meter_take(&l->m, p, l->out.total_ma[p], g->now_ms, g->now_ms);
        }
        l->out.known[p] = circuit_meter_rest(&l->m, p, g->now_ms, &l->out.rest_ma[p]);
    }
    rig_step(g);
    for (int i = 0; i < 2; i++) {
        l->raises += g->c.out[i].offer_ma > before[i];
        l->lowerings += g->c.out[i].offer_ma < before[i];
    }
}

static int32_t total(const struct loop *l)
{
    return l->house_ma + l->car_ma[0] + l->car_ma[1];
}

static void run(struct loop *l, int seconds)
{
    for (int s = 0; s < seconds; s++) {
        one_second(l);
    }
}

static void the_cars_take_what_the_house_leaves_and_stay_there(void **state)
{
    struct loop l;

    (void)state;
    for (int late_s = 0; late_s <= 9; late_s += 3) {
        loop_init(&l, late_s);
        l.house_ma = 7000;
        run(&l, 300);
        check_i64(l.g.c.out[0].offer_ma + l.g.c.out[1].offer_ma, 25000);
        l.raises = l.lowerings = 0;
        run(&l, 600);
        check_i64(l.raises, 0);
        check_i64(l.lowerings, 0);
    }
}

static void a_house_that_takes_more_is_made_room_for_within_the_meters_delay(void **state)
{
    struct loop l;

    (void)state;
    loop_init(&l, LATE_S);
    l.house_ma = 4000;
    run(&l, 300);
    l.house_ma = 16000;
    run(&l, LATE_S + 6); /* shown, told, followed */
    assert_true(total(&l) <= LIMIT_MA);
    l.raises = 0;
    run(&l, 300);
    assert_true(total(&l) <= LIMIT_MA);
    check_i64(l.raises, 0);
    l.house_ma = 4000;
    run(&l, 20);
    check_i64(l.raises, 0); /* not at once */
    run(&l, 120);
    assert_true(total(&l) > LIMIT_MA - 2000 && total(&l) <= LIMIT_MA);
}

static void a_meter_that_begins_while_cars_charge_lowers_none(void **state)
{
    struct loop l;

    (void)state;
    loop_init(&l, LATE_S);
    l.house_ma = 7000;
    run(&l, 300);
    memset(&l.m, 0, sizeof(l.m)); /* a restart */
    l.raises = l.lowerings = 0;
    run(&l, 120);
    check_i64(l.lowerings, 0);
    assert_true(total(&l) <= LIMIT_MA);
}

static void any_house_never_stays_above_the_limit(void **state)
{
    struct loop l;
    uint32_t random = 7;
    int over_s = 0, longest_s = 0;

    (void)state;
    loop_init(&l, LATE_S);
    for (int k = 0; k < 400; k++) {
        random = random * 1664525u + 1013904223u;
        l.house_ma = (int32_t)(random >> 8) % 19000; /* two floors always fit */
        for (int s = 0; s < 5 + (int)(random >> 28) * 4; s++) {
            one_second(&l);
            over_s = total(&l) > LIMIT_MA ? over_s + 1 : 0;
            longest_s = over_s > longest_s ? over_s : longest_s;
        }
    }
    /* the meter's delay, the car's way down, and what a ramp may hide (METER_LATE_MS) */
    assert_true(longest_s <= LATE_S + 6 + METER_LATE_MS / 1000);
    assert_true(longest_s > 0); /* it was tried */
}

static void a_meter_that_fails_lets_nothing_rise_and_then_leaves_what_is_set(void **state)
{
    struct loop l;

    (void)state;
    loop_init(&l, LATE_S);
    l.house_ma = 16000;
    run(&l, 300);
    l.dead = true;
    l.house_ma = 0;
    l.raises = 0;
    run(&l, 30);
    check_i64(l.raises, 0);
    check_has(l.g.c.out[0].reason, "meter");
    memset(l.out.known, 0, sizeof(l.out.known)); /* its time to live is over */
    memset(&l.m, 0, sizeof(l.m));
    l.g.cfg.circuit[0].stale_headroom_ma = 13000;
    run(&l, 10);
    check_i64(l.g.c.out[0].offer_ma + l.g.c.out[1].offer_ma, 13000);
    l.g.cfg.circuit[0].stale_headroom_ma = 0; /* the default: their stop ways */
    run(&l, 60);
    check_i64(l.g.c.out[0].offer_ma + l.g.c.out[1].offer_ma, 0);
    assert_true(!l.g.c.out[0].transmit || !l.g.c.out[1].transmit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_rest_is_what_the_chargers_do_not_draw),
            cmocka_unit_test(it_grows_at_once_and_shrinks_after_half_a_minute),
            cmocka_unit_test(the_ramp_of_a_car_is_no_other_load),
            cmocka_unit_test(a_load_during_a_ramp_counts_as_soon_as_no_ramp_explains_it),
            cmocka_unit_test(a_measurement_that_is_repeated_or_late_is_judged_by_its_own_time),
            cmocka_unit_test(a_car_that_starts_before_it_tells_so_is_no_other_load),
            cmocka_unit_test(production_on_the_circuit_is_no_room),
            cmocka_unit_test(phases_that_a_charger_tells_are_believed_and_others_lie_in_bounds),
            cmocka_unit_test(the_cars_take_what_the_house_leaves_and_stay_there),
            cmocka_unit_test(a_house_that_takes_more_is_made_room_for_within_the_meters_delay),
            cmocka_unit_test(a_meter_that_begins_while_cars_charge_lowers_none),
            cmocka_unit_test(any_house_never_stays_above_the_limit),
            cmocka_unit_test(a_meter_that_fails_lets_nothing_rise_and_then_leaves_what_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
