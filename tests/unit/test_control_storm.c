/*
 * Control in a closed loop with three simulated chargers on a bad bus, under everything that can
 * happen at once: requests, ceilings, plugs, lost frames, silence, reboots, a lost bus, a restarted
 * bridge. The law: on no row does the sum of what may flow grow while it is above the limit.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

#include <stdio.h>

enum {
    CARS = 3,
    TICK_MS = 100,
    TICKS = 10000,
    RUNS = 20,
    BEAT_MS = 1000,
    SPACING_MS = 400,
    TIMEOUT_MS = 25000, /* a charger that hears no master opens its contactor */
};

/* What is true, as opposed to what the bridge knows. */
struct car {
    bool plugged;
    int64_t plugged_ms, master_ms, follow_ms, base_ms, deaf_ms, mute_ms, reboot_ms;
    int32_t held_ma, drawn_ma, appetite_ma, lag_ms;
    bool answering; /* an answer to the last message is on its way */
    bool raised;    /* in this tick it was told more than before */
    bool told;      /* amps were sent since the link came up */
    bool stored;    /* its first message after a start only asks it to go on */
};

static struct control_rig rig;
static struct car car[CARS];
static int64_t bus_up_ms; /* 0: it is up */
static bool plug_tick, limit_tick;
static int64_t plug_ms; /* the last time that a protocol 2 unit told of a car */
static uint32_t seed;
static int raises, lowerings, overs;

static int dice(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

static bool once_in(int n)
{
    return dice(n) == 0;
}

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static bool is_p2(int i)
{
    return rig.r[i].protocol == 2;
}

static void begin(uint32_t run)
{
    static const enum phase_map maps[] = {
            PHASE_MAP_L1, PHASE_MAP_L1L2L3, PHASE_MAP_L2, PHASE_MAP_UNKNOWN, PHASE_MAP_L1L2};

    seed = run * 77u + 5u;
    rig_init(&rig, CARS, 20000 + 1000 * dice(30), 1);
    rig.cfg.circuits = 2;
    rig.cfg.circuit[1] = (struct control_circuit){.name = "barn", .parent = 0};
    rig.cfg.circuit[1].limit_ma = 12000 + 1000 * dice(20);
    memset(car, 0, sizeof(car));
    bus_up_ms = plug_ms = 0;
    for (int i = 0; i < CARS; i++) {
        struct charger_report *r = &rig.r[i];

        *r = (struct charger_report){.link = CHARGER_UNHEARD,
                .protocol = (uint8_t)(1 + dice(2)),
                .hw_max_ma = once_in(3) ? 16000 : 32000,
                .plugged = TRI_UNKNOWN,
                .counter_wh = -1};
        rig.cfg.charger[i].circuit = dice(2);
        rig.cfg.charger[i].phases = maps[dice(5)];
        rig.cfg.charger[i].priority = (uint8_t)(once_in(3) ? 7 : 5);
        car[i].appetite_ma = 32000;
        car[i].lag_ms = 500 + dice(4000);
        car[i].master_ms = -TIMEOUT_MS;
    }
}

static void hear_plug(int i)
{
    struct charger_report *r = &rig.r[i];
    enum tristate now = !is_p2(i) ? TRI_UNKNOWN : car[i].plugged ? TRI_YES : TRI_NO;

    if (now == TRI_YES && r->plugged != TRI_YES) {
        r->plugged_ms = rig.now_ms;
        plug_tick = true;
        plug_ms = rig.now_ms;
    }
    r->plugged = now;
}

static void answer(int i)
{
    struct charger_report *r = &rig.r[i];

    car[i].answering = false;
    if (car[i].mute_ms > rig.now_ms || once_in(20)) {
        return;
    }
    r->link = CHARGER_ONLINE;
    r->heard_ms = car[i].base_ms = rig.now_ms;
    r->mirror_ma = car[i].held_ma;
    r->draw_ma = car[i].drawn_ma + dice(3) * 100 * (car[i].drawn_ma > 0 ? -1 : 1);
    r->readback_due = false;
    if (r->rebooted && r->told_ms >= car[i].reboot_ms &&
            (r->mirror_ma == r->told_ma || (r->told_ma == 0 && is_p2(i)))) {
        r->rebooted = false;
    }
    hear_plug(i);
}

static void beat(int i)
{
    struct charger_report *r = &rig.r[i];
    int32_t ma = rig.c.out[i].offer_ma;
    bool go_on = car[i].stored && !(r->protocol == 1 && r->told_ma == 0);

    car[i].stored = false;
    r->sent_ms = rig.now_ms;
    r->quiet_ms = 0;
    if (!go_on) {
        car[i].raised = ma > r->told_ma;
        raises += ma > r->told_ma;
        lowerings += ma < r->told_ma;
        car[i].told = true;
        r->told_known = true;
        r->told_ma = ma;
        r->told_ms = rig.now_ms;
    }
    if (car[i].deaf_ms > rig.now_ms || once_in(20)) {
        return;
    }
    car[i].master_ms = rig.now_ms;
    car[i].held_ma = go_on ? car[i].held_ma : ma;
    if (is_p2(i)) {
        car[i].held_ma = most(car[i].held_ma, STUCK_FLOOR_MA);
    }
    car[i].answering = true;
}

static bool may_send(int i)
{
    return bus_up_ms == 0 && rig.c.out[i].transmit && rig.c.out[i].offer;
}

/* Returns whether there is news of charger i. */
static bool hear(int i)
{
    struct charger_report *r = &rig.r[i];
    bool news = car[i].answering;

    if (!may_send(i)) {
        if (r->quiet_ms == 0 && r->sent_ms != 0) {
            r->quiet_ms = rig.now_ms;
        }
        car[i].answering = car[i].told = false;
        r->link = !rig.cfg.charger[i].present ? CHARGER_UNHEARD
                  : bus_up_ms != 0            ? CHARGER_BUS_DOWN
                                              : CHARGER_QUIET;
        return news;
    }
    if (car[i].answering) {
        answer(i);
    }
    if (r->link == CHARGER_QUIET || (r->link == CHARGER_UNHEARD && r->sent_ms == 0)) {
        r->link = CHARGER_UNHEARD;
        car[i].base_ms = rig.now_ms;
    }
    if (rig.now_ms - car[i].base_ms > 10000) {
        r->link = CHARGER_SILENT;
    }
    return news;
}

static void speak(int i)
{
    const struct charger_report *r = &rig.r[i];
    bool changed = !r->told_known || r->told_ma != rig.c.out[i].offer_ma;

    if (may_send(i) && rig.now_ms - r->sent_ms >= (changed ? SPACING_MS : BEAT_MS)) {
        beat(i);
    }
}

static void drive(int i)
{
    struct car *c = &car[i];

    if (rig.now_ms - c->master_ms > TIMEOUT_MS) {
        c->held_ma = 0;
    }
    int32_t may = c->plugged && rig.now_ms - c->plugged_ms > 3000
                          ? least(c->appetite_ma, c->held_ma)
                          : 0;

    if (!c->plugged || c->held_ma == 0) {
        c->drawn_ma = 0; /* the contactor */
    } else if (c->drawn_ma > may) {
        c->follow_ms = c->follow_ms ? c->follow_ms : rig.now_ms + c->lag_ms;
        c->drawn_ma = rig.now_ms >= c->follow_ms ? most(may, c->drawn_ma - 2000) : c->drawn_ma;
    } else {
        c->follow_ms = 0;
        c->drawn_ma = c->drawn_ma < may ? least(may, most(c->drawn_ma + 1000, 5000)) : may;
    }
}

static void plug(int i)
{
    struct car *c = &car[i];

    c->plugged = !c->plugged;
    c->plugged_ms = rig.now_ms;
    c->appetite_ma = once_in(3) ? 10000 : 32000;
}

static void reboot(int i)
{
    car[i].held_ma = is_p2(i) ? STUCK_FLOOR_MA : 0;
    car[i].drawn_ma = 0;
    car[i].reboot_ms = rig.now_ms;
    rig.r[i].rebooted = rig.r[i].readback_due = true;
}

/* The program starts anew and finds its chargers in the store. */
static void restart(void)
{
    bool up = bus_up_ms == 0;

    plug_tick = true; /* it forgets who said that it has no car */
    plug_ms = rig.now_ms;

    control_init(&rig.c);
    for (int i = 0; i < CARS; i++) {
        struct charger_report *r = &rig.r[i];
        struct control_state_charger *s = &rig.c.c[i];

        *r = (struct charger_report){.link = CHARGER_UNHEARD,
                .protocol = r->protocol,
                .hw_max_ma = r->hw_max_ma,
                .told_known = r->told_known,
                .told_ma = r->told_ma,
                .plugged = TRI_UNKNOWN,
                .counter_wh = -1,
                .readback_due = true,
                .warm_ms = up ? rig.now_ms : 0};
        rig.cfg.charger[i].present = up;
        s->warm = s->offered = r->told_known;
        s->stored_ma = r->told_known ? r->told_ma : -1;
        s->offer_ma = r->told_known ? r->told_ma : 0;
        s->on_ms = s->offer_ma > 0 ? rig.now_ms : 0;
        car[i].stored = true;
        car[i].answering = car[i].told = false;
    }
}

static void bus(void)
{
    if (bus_up_ms == 0 && once_in(2500)) {
        bus_up_ms = rig.now_ms + 1000 + 1000 * dice(120);
    }
    if (bus_up_ms != 0 && rig.now_ms >= bus_up_ms) {
        bus_up_ms = 0;
        limit_tick = true; /* news as well */
        for (int i = 0; i < CARS; i++) {
            rig.r[i].link = CHARGER_UNHEARD;
            rig.cfg.charger[i].present = true;
            car[i].base_ms = rig.now_ms;
            rig.r[i].warm_ms = rig.now_ms;
            rig.r[i].readback_due = true;
            car[i].stored = true;
        }
    }
}

static void ask(int i)
{
    struct lease l = {.kind = LEASE_REQUEST,
            .scope = LEASE_CHARGER,
            .index = i,
            .hold = LEASE_STORED,
            .value_ma = once_in(4) ? 0 : 5000 + 1000 * dice(28)};

    if (once_in(2)) {
        l.hold = LEASE_FOR;
        l.expires_ms = rig.now_ms + 1000 * (1 + dice(90));
    }
    rig_lease(&rig, l);
    rig.c.c[i].owner_spoke_ms = rig.now_ms;
}

static void limit(void)
{
    enum lease_scope scope = (enum lease_scope)dice(3);
    int32_t index = scope == LEASE_SITE ? 0 : dice(2);

    limit_tick = true;
    lease_drop(&rig.leases, LEASE_CEILING, LEASE_SITE, 0, NULL, NULL, NULL);
    for (int i = 0; i < CARS && !once_in(3); i++) {
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CHARGER, i, NULL, NULL, NULL);
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CIRCUIT, i, NULL, NULL, NULL);
    }
    if (once_in(3)) {
        rig_lease(&rig, (struct lease){.kind = LEASE_CEILING,
                                .scope = scope,
                                .index = index,
                                .hold = LEASE_FOR,
                                .expires_ms = rig.now_ms + 1000 * (1 + dice(60)),
                                .value_ma = 1000 * dice(40)});
    }
}

static void happen(void)
{
    int i = dice(CARS);

    plug_tick = limit_tick = false;
    bus();
    if (once_in(60)) {
        ask(i);
    }
    if (once_in(300)) {
        limit();
    }
    if (once_in(700)) {
        plug(i);
    }
    if (once_in(900)) {
        *(once_in(2) ? &car[i].deaf_ms : &car[i].mute_ms) = rig.now_ms + 1000 * (1 + dice(100));
    }
    if (once_in(2000)) {
        reboot(i);
    }
    if (once_in(4000)) {
        restart();
    }
    if (once_in(600)) {
        rig.allowed[i] = !rig.allowed[i] || !once_in(3);
    }
    rig.r[i].foreign_suspect = once_in(20);
}

/* What may flow into charger i: what it was told, what it holds, what it draws. A
 * protocol 2 unit that says it has no car has nothing to hold. */
static int32_t flow(int i)
{
    const struct charger_report *r = &rig.r[i];
    bool ours = r->sent_ms != 0 && rig.now_ms - r->sent_ms <= TIMEOUT_MS && bus_up_ms == 0 &&
                rig.c.out[i].transmit;
    int32_t told_ma = ours && car[i].told ? r->told_ma : 0;

    if (is_p2(i) && r->plugged == TRI_NO) {
        return told_ma;
    }
    told_ma = most(told_ma, most(car[i].held_ma, car[i].drawn_ma));
    return ours && is_p2(i) ? most(told_ma, STUCK_FLOOR_MA) : told_ma;
}

static int32_t row_limit(int circuit)
{
    const struct lease *l = circuit < 0 ? lease_ceiling(&rig.leases, LEASE_SITE, 0)
                                        : lease_ceiling(&rig.leases, LEASE_CIRCUIT, circuit);
    int32_t ma = circuit < 0 ? INT32_MAX : rig.cfg.circuit[circuit].limit_ma;

    return l ? least(ma, l->value_ma) : ma;
}

static bool on_row(int i, int circuit, int phase)
{
    int32_t at = rig.cfg.charger[i].circuit;

    return (phase_bits(rig.cfg.charger[i].phases) >> phase & 1) &&
           (circuit <= 0 ||
                   at == circuit); /* the barn hangs under the garage, all on the site */
}

static void tell_all(void)
{
    for (int i = 0; i < CARS; i++) {
        const struct charger_report *r = &rig.r[i];
        const struct control_out *o = &rig.c.out[i];

        print_error(
                "%d: protocol %u, link %d, told %d, mirror %d, held %d, drawn %d, offer %d, "
                "booked %d, linked %d: %s\n",
                i, (unsigned)r->protocol, (int)r->link, r->told_ma, r->mirror_ma,
                car[i].held_ma, car[i].drawn_ma, o->offer_ma, o->booked_ma, (int)o->transmit,
                o->reason);
    }
}

struct sums {
    int32_t flow_ma;  /* what may flow */
    int32_t ours_ma;  /* without the floors that protocol 2 units take whatever they are told */
    int32_t offer_ma; /* decided, for those that we send to */
    bool raised;      /* somebody was told more */
    int32_t stuck_ma; /* floors of those that may have a car, as far as control knows */
};

static struct sums sum_row(int circuit, int phase)
{
    struct sums s = {0};

    for (int i = 0; i < CARS; i++) {
        if (on_row(i, circuit, phase)) {
            bool stuck = is_p2(i) && may_send(i) && rig.r[i].plugged != TRI_NO;
            int32_t ma = flow(i);

            s.flow_ma += ma;
            s.raised = s.raised || car[i].raised;
            s.ours_ma += is_p2(i) ? ma - least(ma, STUCK_FLOOR_MA) : ma;
            s.offer_ma += may_send(i) ? rig.c.out[i].offer_ma : 0;
            s.stuck_ma += stuck ? STUCK_FLOOR_MA : 0;
        }
    }
    return s;
}

/* On one row: offers stay within the limit in force, stuck floors within the setting; what may
 * flow never grows above the setting, and no raise goes out above the limit in force. */
static void check_row(int circuit, int phase, struct sums *before)
{
    struct sums now = sum_row(circuit, phase);
    int32_t limit_ma = row_limit(circuit);
    int32_t setting_ma = circuit < 0 ? INT32_MAX : rig.cfg.circuit[circuit].limit_ma;
    /* A unit that says it has no car books no stuck floor; one that gets a car has it at once,
     * until somebody's link is cut and its car has stopped. */
    bool plugged_lately = rig.now_ms - plug_ms < 60000;
    const char *what = NULL;

    if (now.offer_ma > limit_ma) {
        what = "the offers are above the limit";
    } else if (now.stuck_ma > setting_ma) {
        what = "the stuck floors are above the setting";
    } else if (now.flow_ma > setting_ma && now.flow_ma > before->flow_ma && !plugged_lately) {
        what = "more may flow, above the setting";
    } else if (now.flow_ma > limit_ma && now.ours_ma > before->ours_ma && now.raised) {
        what = "a raise above the limit";
    }
    overs += now.flow_ma > limit_ma;
    if (what) {
        tell_all();
        fail_msg("circuit %d L%d: %s: %d mA after %d, limit %d, setting %d", circuit, phase + 1,
                what, now.flow_ma, before->flow_ma, limit_ma, setting_ma);
    }
    *before = now;
}

static void check_rows(struct sums before[3][PHASES])
{
    for (int circuit = -1; circuit < 2; circuit++) {
        for (int p = 0; p < PHASES; p++) {
            check_row(circuit, p, &before[circuit + 1][p]);
        }
    }
}

/* As in the daemon: news, commands and ends are stepped before the bus sends again. */
static void tick_once(void)
{
    bool news = limit_tick || once_in(10);

    rig.now_ms += TICK_MS;
    for (int i = 0; i < CARS; i++) {
        car[i].raised = false;
        drive(i);
        news = hear(i) || news;
    }
    if (news || rig.now_ms >= rig.next_ms) {
        rig_step(&rig);
    }
    for (int i = 0; i < CARS; i++) {
        speak(i);
    }
}

static void promise_01_the_sum_on_no_row_grows_above_its_limit_whatever_happens(void **state)
{
    (void)state;
    raises = lowerings = overs = 0;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct sums before[3][PHASES] = {0};

        begin(run);
        rig_step(&rig);
        for (int tick = 0; tick < TICKS; tick++) {
            happen();
            tick_once();
            check_rows(before);
        }
    }
    print_message("%d raises, %d lowerings, %d rows above a limit that fell\n", raises,
            lowerings, overs);
    assert_true(raises > RUNS * 20 && lowerings > RUNS * 20 && overs > 0);
}

/* After the storm: nobody is left behind. */
static void when_all_is_quiet_again_the_circuits_are_full(void **state)
{
    (void)state;
    for (uint32_t run = 0; run < RUNS; run++) {
        begin(run + 1000);
        rig_step(&rig);
        for (int tick = 0; tick < TICKS / 5; tick++) {
            happen();
            tick_once();
        }
        lease_init(&rig.leases);
        if (bus_up_ms != 0) {
            bus_up_ms = rig.now_ms;
            bus();
        }
        for (int i = 0; i < CARS; i++) {
            car[i].deaf_ms = car[i].mute_ms = 0;
            car[i].plugged = rig.allowed[i] = true;
            car[i].appetite_ma = 32000;
            rig.r[i].foreign_suspect = false;
            rig_ask(&rig, i, 32000);
        }
        for (int tick = 0; tick < 3000; tick++) {
            tick_once();
        }
        for (int i = 0; i < CARS; i++) {
            const struct control_out *o = &rig.c.out[i];
            int32_t room = INT32_MAX;

            for (int circuit = 0; circuit < 2; circuit++) {
                for (int p = 0; p < PHASES; p++) {
                    bool used = on_row(i, circuit, p);

                    room = used ? least(room, rig.c.circuit[circuit].headroom_ma[p]) : room;
                }
            }
            if (o->offer_ma < o->cap_ma && o->transmit && o->booked_ma == o->offer_ma &&
                    room >= (o->offer_ma > 0 ? 1000 : 6000)) {
                tell_all();
                fail_msg("run %u: charger %d has %d A and %d A are free: %s", run, i,
                        o->offer_ma / 1000, room / 1000, o->reason);
            }
            assert_true(o->transmit || room < 6000);
        }
    }
}

#define t(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
            t(promise_01_the_sum_on_no_row_grows_above_its_limit_whatever_happens),
            t(when_all_is_quiet_again_the_circuits_are_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
