/*
 * test_control_loop - hours of simulated charging with everything that people and buses do.
 *
 * Laws, looked at every 100 ms: on each phase of each circuit the sum of max(amps on the wire, draw)
 * stays within its limit, or the one that was in force before a reload; a draw is above its offer only while it follows a lowering (or the unit cannot go
 * below 6 A), and then nothing rises there; offers are whole amperes, 0 or at least the floor;
 * the checker refuses nothing. SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

enum { CARS = 4, CIRCUITS = 2, TICK_MS = 100, TICKS = 60000, TIMEOUT_MS = 25000 };

enum { GRACE_MS = 45000 }; /* after a reload cars follow, or are cut off and stop */

struct car {
    int32_t wire_ma, draw_ma, max_ma;
    int64_t sent_ms, answer_ms, changed_ms, deaf_until_ms;
    int32_t lag_ms, ramp_ma_s;
    bool charging, stored; /* stored: our first message after a lost bus asks it to go on */
    int bus;
};

static struct control_rig rig;
static struct car car[CARS];
static uint32_t seed;
static int64_t bus_up_ms[2];        /* 0: it is up */
static int32_t before_ma[CIRCUITS]; /* limit before the last reload */
static int64_t reload_ms[CIRCUITS];
static int64_t
        plug_ms; /* the last time that a protocol 2 unit told of a car: it has its 6 A at once */
static int raises;

static int pick(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return (int)(seed % (uint32_t)n);
}

static void begin(uint32_t s)
{
    static const enum phase_map maps[] = {
            PHASE_MAP_L1L2L3, PHASE_MAP_L1, PHASE_MAP_L1L2L3, PHASE_MAP_L1};
    static const int32_t most[] = {32000, 16000, 32000, 32000};

    seed = s;
    rig_init_plugged(&rig, CARS, 32000);
    memset(car, 0, sizeof(car));
    memset(bus_up_ms, 0, sizeof(bus_up_ms));
    memset(reload_ms, 0, sizeof(reload_ms));
    plug_ms = 0;
    rig.cfg.circuits = CIRCUITS; /* the barn hangs under the garage */
    rig.cfg.circuit[1] =
            (struct control_circuit){.name = "barn", .parent = 0, .limit_ma = 20000};
    for (int i = 0; i < CARS; i++) {
        struct charger_report *r = &rig.r[i];

        rig.cfg.charger[i].phases = maps[i];
        rig.cfg.charger[i].circuit = i % 2;
        r->protocol = i == 0 || i == 3 ? 1 : 2;
        r->plugged = r->protocol == 1 ? TRI_UNKNOWN : TRI_YES;
        r->link = CHARGER_UNHEARD;
        r->heard_ms = r->sent_ms = 0;
        r->hw_max_ma = most[i];
        car[i] = (struct car){.bus = i / 2,
                .max_ma = most[i],
                .lag_ms = 200 + pick(4000),
                .ramp_ma_s = 1000 + pick(8000)};
    }
}

/* SIGHUP with another limit of one circuit: what was in force counts until the cars have followed. */
static void reload(void)
{
    int k = pick(CIRCUITS);
    int32_t *limit_ma = &rig.cfg.circuit[k].limit_ma;

    if (rig.now_ms - reload_ms[k] > GRACE_MS) {
        before_ma[k] = *limit_ma;
        reload_ms[k] = rig.now_ms;
        *limit_ma = 1000 * (k == 0 ? 16 + pick(25) : 6 + pick(20)) + 100 * pick(10);
    }
}

static void lose_bus(void)
{
    int b = pick(2);

    if (bus_up_ms[b] != 0 || pick(5) > 0) {
        return;
    }
    bus_up_ms[b] = rig.now_ms + 1000 * (1 + pick(150));
    for (int i = 0; i < CARS; i++) {
        if (car[i].bus == b) {
            rig.r[i].link = CHARGER_BUS_DOWN;
            rig.r[i].quiet_ms = rig.r[i].quiet_ms ? rig.r[i].quiet_ms : rig.now_ms;
            car[i].answer_ms = 0;
        }
    }
}

static void bus_back(int b)
{
    bus_up_ms[b] = 0;
    for (int i = 0; i < CARS; i++) {
        struct charger_report *r = &rig.r[i];

        if (car[i].bus == b) {
            r->link = rig.c.out[i].transmit ? CHARGER_UNHEARD : CHARGER_QUIET;
            r->warm_ms = rig.now_ms;
            r->readback_due = true;
            car[i].stored = true;
        }
    }
}

/* No limit, nothing forbidden, no stranger. */
static void calm(void)
{
    for (int i = 0; i < CARS; i++) {
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CHARGER, i, NULL, NULL, NULL);
        rig.allowed[i] = true;
        rig.r[i].foreign_suspect = false;
    }
    for (int k = 0; k < CIRCUITS; k++) {
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CIRCUIT, k, NULL, NULL, NULL);
    }
}

static void people(void)
{
    int i = pick(CARS);

    switch (pick(20)) {
    case 15:
    case 16:
    case 17:
        rig_ask_alive(&rig, i, 1000 * (16 + pick(17)));
        break;
    case 18:
    case 19:
        calm();
        break;
    case 12:
        reload();
        break;
    case 13:
        lose_bus();
        break;
    case 14:
        rig.c.c[i].owner_spoke_ms = rig.now_ms;
        break;
    case 0:
    case 1:
    case 2:
        rig_ask_alive(&rig, i, 1000 * pick(33));
        break;
    case 3:
        lease_drop(&rig.leases, LEASE_REQUEST, LEASE_CHARGER, i, NULL, NULL, NULL);
        break;
    case 4:
        rig.allowed[i] = !rig.allowed[i];
        break;
    case 5:
        rig_ceiling(&rig, LEASE_CIRCUIT, pick(2), 1000 * (6 + pick(27)));
        break;
    case 6:
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CIRCUIT, pick(2), NULL, NULL, NULL);
        break;
    case 7:
        car[i].deaf_until_ms = rig.now_ms + 1000 * pick(40); /* answers are lost */
        break;
    case 8:
        if (rig.r[i].protocol == 2) {
            rig.r[i].plugged = rig.r[i].plugged == TRI_YES ? TRI_NO : TRI_YES;
            rig.r[i].plugged_ms = plug_ms = rig.now_ms;
        }
        break;
    case 9:
        rig.r[i].foreign_suspect = !rig.r[i].foreign_suspect;
        break;
    case 10:
        rig_ceiling(&rig, LEASE_CHARGER, i, 1000 * pick(33));
        break;
    default:
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CHARGER, i, NULL, NULL, NULL);
        break;
    }
}

static void beat(int i)
{
    struct charger_report *r = &rig.r[i];
    struct car *c = &car[i];
    int32_t offer = rig_offer(&rig, i);

    c->sent_ms = r->sent_ms = rig.now_ms;
    c->answer_ms = rig.now_ms < c->deaf_until_ms ? 0 : rig.now_ms + TICK_MS;
    if (c->stored && !(r->protocol == 1 && r->told_ma == 0)) {
        c->stored = false; /* go on as told */
        return;
    }
    c->stored = false;
    raises += offer > r->told_ma;
    c->changed_ms = offer != c->wire_ma ? rig.now_ms : c->changed_ms;
    c->wire_ma = offer;
    r->told_ms = rig.now_ms;
    r->told_known = true;
    r->told_ma = offer;
}

/* The bus: a heartbeat a second, a changed offer after 400 ms, the answer 60 ms later. */
static void bus(int i)
{
    struct charger_report *r = &rig.r[i];
    struct car *c = &car[i];
    int64_t age = rig.now_ms - c->sent_ms;
    bool changed = !r->told_known || rig_offer(&rig, i) != r->told_ma;

    if (bus_up_ms[c->bus] != 0) {
        return;
    }
    if (!rig.c.out[i].transmit) {
        if (r->link != CHARGER_QUIET) {
            r->link = CHARGER_QUIET;
            r->quiet_ms = r->quiet_ms && r->warm_ms > r->sent_ms ? r->quiet_ms : rig.now_ms;
        }
        return;
    }
    if (r->link == CHARGER_QUIET) {
        r->link = rig.now_ms - r->heard_ms > 10000 ? CHARGER_UNHEARD : CHARGER_ONLINE;
    }
    if (age >= 1000 || (age >= 400 && changed)) {
        r->quiet_ms = 0;
        beat(i);
    }
    if (c->answer_ms != 0 && rig.now_ms >= c->answer_ms) {
        c->answer_ms = 0;
        r->heard_ms = rig.now_ms;
        r->link = CHARGER_ONLINE;
        r->readback_due = false;
        r->mirror_ma = c->wire_ma;
        r->draw_ma = c->draw_ma;
    } else if (r->heard_ms != 0 &&
               rig.now_ms - (r->heard_ms > r->warm_ms ? r->heard_ms : r->warm_ms) >= 10000) {
        r->link = CHARGER_SILENT;
    }
}

/* The car: on protocol 2 it takes 6 A whatever it is told, silence stops it after 25 s. */
static void drive(int i)
{
    const struct charger_report *r = &rig.r[i];
    struct car *c = &car[i];
    bool lost = rig.now_ms - c->sent_ms > TIMEOUT_MS;

    c->wire_ma = lost ? 0 : c->wire_ma; /* it has forgotten what it was told */
    int32_t to = c->wire_ma;

    c->charging = (c->charging || c->wire_ma >= 5000 || r->protocol == 2) &&
                  r->plugged != TRI_NO && !lost && c->sent_ms != 0;
    if (r->protocol == 1 && c->wire_ma == 0) {
        c->charging = false;
    }
    if (r->protocol == 2 && c->charging && to < 6000) {
        to = 6000;
    }
    to = !c->charging ? 0 : to < c->max_ma ? to : c->max_ma;
    if (!c->charging || (rig.now_ms - c->changed_ms >= c->lag_ms)) {
        int32_t step = (c->charging ? c->ramp_ma_s : 20000) / (1000 / TICK_MS);

        c->draw_ma = c->draw_ma < to ? (to - c->draw_ma < step ? to : c->draw_ma + step)
                                     : (c->draw_ma - to < step ? to : c->draw_ma - step);
    }
}

static int32_t row_sum(int circuit, int phase)
{
    int32_t sum = 0;

    for (int i = 0; i < CARS; i++) {
        if ((circuit == 0 || rig.cfg.charger[i].circuit == circuit) &&
                (phase_bits(rig.cfg.charger[i].phases) >> phase & 1)) {
            sum += car[i].wire_ma > car[i].draw_ma ? car[i].wire_ma : car[i].draw_ma;
        }
    }
    return sum;
}

static void check_row(int tick, int circuit, int phase)
{
    int32_t limit_ma = rig.cfg.circuit[circuit].limit_ma;
    bool lately = reload_ms[circuit] != 0 && rig.now_ms - reload_ms[circuit] <= GRACE_MS;

    limit_ma = lately && before_ma[circuit] > limit_ma ? before_ma[circuit] : limit_ma;
    limit_ma += plug_ms != 0 && rig.now_ms - plug_ms <= GRACE_MS ? STUCK_FLOOR_MA : 0;
    if (row_sum(circuit, phase) <= limit_ma) {
        return;
    }
    for (int i = 0; i < CARS; i++) {
        print_error("%d: protocol %u link %d wire %d draw %d booked %d %s: %s\n", i,
                (unsigned)rig.r[i].protocol, (int)rig.r[i].link, car[i].wire_ma, car[i].draw_ma,
                rig.c.out[i].booked_ma, rig.c.out[i].transmit ? "linked" : "not linked",
                rig.c.out[i].reason);
    }
    fail_msg("seed %u tick %d: %d mA on L%d of circuit %d, limit %d", seed, tick,
            row_sum(circuit, phase), phase + 1, circuit, limit_ma);
}

static void laws(int tick)
{
    for (int circuit = 0; circuit < CIRCUITS; circuit++) {
        for (int p = 0; p < PHASES; p++) {
            check_row(tick, circuit, p);
        }
    }
    for (int i = 0; i < CARS; i++) {
        int32_t o = rig_offer(&rig, i);

        assert_true(o % 1000 == 0 && (o == 0 || o >= rig.c.out[i].floor_ma) &&
                    o <= rig.r[i].hw_max_ma);
        assert_true(strlen(rig.c.out[i].reason) <= 250);
        if (!rig.allowed[i]) {
            check_i64(o, 0);
        }
    }
    check_i64(rig.c.checker_refusals, 0);
}

static void run(uint32_t s)
{
    begin(s);
    for (int tick = 0; tick < TICKS; tick++) {
        if (pick(60) == 0) {
            people();
        }
        for (int b = 0; b < 2; b++) {
            if (bus_up_ms[b] != 0 && rig.now_ms >= bus_up_ms[b]) {
                bus_back(b);
            }
        }
        rig_step(&rig);
        for (int i = 0; i < CARS; i++) {
            bus(i);
            drive(i);
        }
        laws(tick);
        rig.now_ms += TICK_MS;
    }
}

static void hours_of_everything_never_exceed_the_circuit(void **state)
{
    (void)state;
    raises = 0;
    for (uint32_t s = 1; s <= 5; s++) {
        run(s * 7919);
    }
    print_message("%d raises\n", raises);
    assert_true(raises > 500); /* it did charge */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(hours_of_everything_never_exceed_the_circuit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
