/*
 * Every history of six events that two chargers can have, with 0, 6 and 16 A: leases and sharing.
 *
 * Ten events: each charger is asked for 0, 6 or 16 A for 90 s, the circuit gets a ceiling of 6 or
 * 16 A for 90 s, the bus loses what is said in the next two seconds, 86 s pass. After each event
 * but the loss control runs three steps, and each step is held against a model of the leases that shares no code with
 * lease.c, and against what the cars can draw then. SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

enum {
    CARS = 2,
    EVENTS = 10,
    DEPTH = 6,
    STEPS = 3,
    LOST = 2,
    FOR_MS = 90000,
    FALLBACK_MA = 10000,
    LONG_MS = 86000,
    NAMED = 8
};

enum event { ASK_FIRST, LIMIT_6 = 6, LIMIT_16, LOSS, LONG };

static const char *const event_names[EVENTS] = {"first 0", "first 6", "first 16", "second 0",
        "second 6", "second 16", "ceiling 6", "ceiling 16", "loss", "long"};
static const int32_t asked_ma[3] = {0, 6000, 16000};

/* What is true of the leases; -1: nobody asks, no ceiling. */
struct model {
    int32_t ask_ma[CARS], ceiling_ma;
    int64_t ask_end[CARS], ceiling_end;
    int32_t told_ma[CARS], flow_ma; /* held by the unit; sum that may flow */
    int deaf;                       /* seconds in which nothing arrives */
};

static struct control_rig rig;
static struct model model;
static enum event path[DEPTH];
static int depth_now;
static long nodes, steps, raises, overs;

/* The parts of the world that a step writes. */
struct saved {
    struct control control;
    struct charger_report report[CARS];
    struct lease row[NAMED];
    uint32_t next_id;
    struct model model;
    int64_t now_ms;
};

/* What was decided is on the wire and answered in the same instant. */
static void answer(int i, int32_t draw_ma)
{
    struct charger_report *r = &rig.r[i];

    if (rig.c.out[i].transmit) {
        r->told_known = true;
        r->told_ma = r->mirror_ma = rig.c.out[i].offer_ma;
        r->told_ms = r->sent_ms = r->heard_ms = rig.now_ms;
        r->draw_ma = draw_ma;
    }
}

static void save(struct saved *s)
{
    s->control = rig.c;
    memcpy(s->report, rig.r, sizeof(s->report));
    memcpy(s->row, rig.leases.row, sizeof(s->row));
    s->next_id = rig.leases.next_id;
    s->model = model;
    s->now_ms = rig.now_ms;
}

static void restore(const struct saved *s)
{
    rig.c = s->control;
    memcpy(rig.r, s->report, sizeof(s->report));
    memcpy(rig.leases.row, s->row, sizeof(s->row));
    rig.leases.next_id = s->next_id;
    model = s->model;
    rig.now_ms = s->now_ms;
}

static void wrong(const char *what, int64_t got, int64_t want)
{
    print_error("after");
    for (int i = 0; i <= depth_now && i < DEPTH; i++) {
        print_error(" [%s]", event_names[path[i]]);
    }
    fail_msg("%s: %" PRId64 ", wanted %" PRId64, what, got, want);
}

/* A unit that was told 0 still lets 6 A flow where it is of protocol 2. */
static int32_t flows(int i, int32_t told_ma)
{
    return rig.r[i].protocol == 2 && told_ma < STUCK_FLOOR_MA ? STUCK_FLOOR_MA : told_ma;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static void end_leases(void)
{
    for (int i = 0; i < CARS; i++) {
        model.ask_ma[i] = rig.now_ms >= model.ask_end[i] ? -1 : model.ask_ma[i];
    }
    if (model.ceiling_ma >= 0 && rig.now_ms >= model.ceiling_end) {
        /* never upward */
        model.ceiling_ma = model.ceiling_ma < FALLBACK_MA ? model.ceiling_ma : FALLBACK_MA;
    }
}

static int32_t limit(void)
{
    int32_t own = rig.cfg.circuit[0].limit_ma;

    return model.ceiling_ma >= 0 && model.ceiling_ma < own ? model.ceiling_ma : own;
}

static void check_charger(int i)
{
    const struct control_out *o = &rig.c.out[i];
    int32_t most_ma = model.ask_ma[i] >= 0 ? model.ask_ma[i] : FLOOR_MA;

    if (o->asked != (model.ask_ma[i] >= 0)) {
        wrong("somebody asks", o->asked, model.ask_ma[i] >= 0);
    }
    if (o->asked && o->requested_ma != model.ask_ma[i]) {
        wrong("the winner asks for", o->requested_ma, model.ask_ma[i]);
    }
    if (o->offer_ma != 0 && (o->offer_ma < FLOOR_MA || o->offer_ma % 1000 != 0)) {
        wrong("an offer of whole amps from the floor", o->offer_ma, FLOOR_MA);
    }
    if (o->offer_ma > most_ma) {
        wrong("more than was asked for", o->offer_ma, most_ma);
    }
    if (o->offer_ma > limit()) {
        wrong("more than the circuit carries", o->offer_ma, limit());
    }
    raises += o->offer_ma > model.told_ma[i];
}

/* One second: a step, its laws, what goes over the bus. */
static void second(void)
{
    bool heard = model.deaf == 0;
    int32_t flow = 0, floors = 0, before = model.flow_ma;

    end_leases();
    rig_step(&rig);
    steps++;
    for (int i = 0; i < CARS; i++) {
        int32_t told = rig.c.out[i].transmit ? rig.c.out[i].offer_ma : 0;

        check_charger(i);
        flow += flows(i, most(model.told_ma[i], told));
        floors += flows(i, 0);
    }
    if (rig.c.circuit[0].limit_ma != limit()) {
        wrong("limit of the circuit", rig.c.circuit[0].limit_ma, limit());
    }
    if (flow > limit() && flow > before && flow > floors) {
        wrong("what may flow grows above the limit", flow, limit());
    }
    overs += flow > limit();
    if (rig.c.checker_refusals != 0 || rig.c.overload) {
        wrong("refusals of the checker", (int64_t)rig.c.checker_refusals, 0);
    }
    model.deaf -= heard ? 0 : 1;
    model.flow_ma = 0;
    for (int i = 0; i < CARS; i++) {
        if (heard) {
            model.told_ma[i] = rig.c.out[i].transmit ? rig.c.out[i].offer_ma : model.told_ma[i];
            /* The first car sleeps and may take what it was told at any moment. */
            answer(i, i == 0 ? 0 : flows(i, model.told_ma[i]));
        } else if (rig.c.out[i].transmit) {
            rig.r[i].told_known = true;
            rig.r[i].told_ma = rig.c.out[i].offer_ma;
            rig.r[i].told_ms = rig.r[i].sent_ms = rig.now_ms;
        }
        /* What was sent counts, whether it arrived or not. */
        model.flow_ma += flows(i, most(model.told_ma[i], rig.r[i].told_ma));
    }
    rig.now_ms += 1000;
}

static void act(enum event e)
{
    if (e < LIMIT_6) {
        int i = (int)e / 3;

        rig_ask_alive(&rig, i, asked_ma[e % 3]);
        model.ask_ma[i] = asked_ma[e % 3];
        model.ask_end[i] = rig.now_ms + FOR_MS;
    } else if (e == LIMIT_6 || e == LIMIT_16) {
        rig_ceiling(&rig, LEASE_CIRCUIT, 0, e == LIMIT_6 ? 6000 : 16000);
        model.ceiling_ma = e == LIMIT_6 ? 6000 : 16000;
        model.ceiling_end = rig.now_ms + FOR_MS;
    } else if (e == LOSS) {
        model.deaf = LOST;
        return;
    } else if (e == LONG) {
        rig.now_ms += LONG_MS;
        for (int i = 0; i < CARS; i++) { /* the bus went on meanwhile */
            rig.r[i].sent_ms = rig.r[i].heard_ms = rig.now_ms;
        }
    }
    for (int k = 0; k < NAMED; k++) {
        struct lease *l = &rig.leases.row[k];

        if (l->id != 0 && l->since_ms == rig.now_ms) {
            l->hold = LEASE_FOR;
            l->expires_ms = rig.now_ms + FOR_MS;
        }
    }
    for (int k = 0; k < STEPS; k++) {
        second();
    }
}

static int32_t wanted(int i)
{
    int32_t ma = model.ask_ma[i] >= 0 ? model.ask_ma[i] : FLOOR_MA;

    return ma < limit() ? ma : limit();
}

/* Left alone for a while, all that the circuit has is in use: nothing waits without a cause. */
static void settle(void)
{
    int32_t a, b, sum, got;
    bool stuck = rig.r[0].protocol == 2 || rig.r[1].protocol == 2;

    for (int k = 0; k < 8; k++) {
        second();
    }
    a = wanted(0);
    b = wanted(1);
    sum = a + b < limit() ? a + b : limit();
    got = rig.c.out[0].offer_ma + rig.c.out[1].offer_ma;
    if (limit() < 12000 && a > 0 && b > 0) {
        sum = got == a ? a : b; /* the floors do not both fit: one has all that it wants */
    }
    if (!stuck && got != sum) {
        wrong("amps in use after 8 s", got, sum);
    }
    if (stuck && limit() >= 12000 && a > 0 && b > 0 && got != sum) {
        wrong("amps in use after 8 s", got, sum);
    }
}

static void walk(int depth)
{
    static struct saved stack[DEPTH], before_settling;

    nodes++;
    if (depth == 5) {
        save(&before_settling);
        settle();
        restore(&before_settling);
    }
    if (depth == DEPTH) {
        return;
    }
    save(&stack[depth]);
    for (int e = 0; e < EVENTS; e++) {
        path[depth] = (enum event)e;
        depth_now = depth;
        act((enum event)e);
        walk(depth + 1);
        restore(&stack[depth]);
    }
}

static void every_history(uint8_t first, uint8_t second_protocol, int32_t limit_ma)
{
    rig_init_plugged(&rig, CARS, limit_ma);
    memset(&model, 0, sizeof(model));
    model.ask_ma[0] = model.ask_ma[1] = model.ceiling_ma = -1;
    rig.cfg.fallback_ma = FALLBACK_MA;
    rig.r[0].protocol = first;
    rig.r[1].protocol = second_protocol;
    nodes = steps = raises = overs = 0;
    for (int i = 0; i < CARS; i++) {
        model.flow_ma += flows(i, 0);
    }
    depth_now = -1;
    for (int k = 0; k < STEPS; k++) {
        second();
    }
    walk(0);
    print_message("%ld histories, %ld steps, %ld raises, %ld steps above a new limit\n", nodes,
            steps, raises, overs);
    check_i64(nodes, 1111111);
    assert_true(raises > 100000 && overs > 1000);
}

static void two_of_protocol_1_on_22_a(void **state)
{
    (void)state;
    every_history(1, 1, 22000);
}

static void two_of_protocol_2_on_22_a(void **state)
{
    (void)state;
    every_history(2, 2, 22000);
}

static void one_of_each_on_16_a(void **state)
{
    (void)state;
    every_history(1, 2, 16000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(two_of_protocol_1_on_22_a),
            cmocka_unit_test(two_of_protocol_2_on_22_a),
            cmocka_unit_test(one_of_each_on_16_a),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
