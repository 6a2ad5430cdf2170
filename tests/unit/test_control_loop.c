/*
 * test_control_loop - hours of simulated charging with everything that people and buses do.
 *
 * Laws, looked at every 100 ms: on each phase the sum of max(amps on the wire, draw) stays within
 * the circuit; a draw is above its offer only while it follows a lowering (or the unit cannot go
 * below 6 A), and then nothing rises there; offers are whole amperes, 0 or at least the floor;
 * the checker refuses nothing. SPDX-License-Identifier: MIT
 */
#include "tests/support/control_rig.h"

enum { CARS = 3, LIMIT_MA = 32000, TICK_MS = 100, TICKS = 60000 };

struct car {
    int32_t wire_ma, draw_ma, max_ma;
    int64_t sent_ms, answer_ms, changed_ms, deaf_until_ms;
    int32_t lag_ms, ramp_ma_s;
    bool charging;
};

static struct control_rig rig;
static struct car car[CARS];
static uint32_t seed;

static int pick(int n)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return (int)(seed % (uint32_t)n);
}

static void begin(uint32_t s)
{
    static const enum phase_map maps[] = {PHASE_MAP_L1L2L3, PHASE_MAP_L1, PHASE_MAP_L1L2L3};
    static const int32_t most[] = {32000, 16000, 32000};

    seed = s;
    rig_init_plugged(&rig, CARS, LIMIT_MA);
    memset(car, 0, sizeof(car));
    for (int i = 0; i < CARS; i++) {
        struct charger_report *r = &rig.r[i];

        rig.cfg.charger[i].phases = maps[i];
        r->protocol = i == 0 ? 1 : 2;
        r->plugged = i == 0 ? TRI_UNKNOWN : TRI_YES;
        r->link = CHARGER_UNHEARD;
        r->heard_ms = r->sent_ms = 0;
        r->hw_max_ma = most[i];
        car[i] = (struct car){
                .max_ma = most[i], .lag_ms = 200 + pick(4000), .ramp_ma_s = 1000 + pick(8000)};
    }
}

static void people(void)
{
    int i = pick(CARS);

    switch (pick(12)) {
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
        rig_ceiling(&rig, LEASE_CIRCUIT, 0, 1000 * (6 + pick(27)));
        break;
    case 6:
        lease_drop(&rig.leases, LEASE_CEILING, LEASE_CIRCUIT, 0, NULL, NULL, NULL);
        break;
    case 7:
        car[i].deaf_until_ms = rig.now_ms + 1000 * pick(40); /* answers are lost */
        break;
    case 8:
        if (rig.r[i].protocol == 2) {
            rig.r[i].plugged = rig.r[i].plugged == TRI_YES ? TRI_NO : TRI_YES;
            rig.r[i].plugged_ms = rig.now_ms;
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

/* The bus: a heartbeat a second, a changed offer after 400 ms, the answer 60 ms later. */
static void bus(int i)
{
    struct charger_report *r = &rig.r[i];
    struct car *c = &car[i];
    int32_t offer = rig_offer(&rig, i);
    int64_t age = rig.now_ms - c->sent_ms;

    if (!rig.c.out[i].transmit) {
        if (r->link != CHARGER_QUIET) {
            r->link = CHARGER_QUIET;
            r->quiet_ms = rig.now_ms;
        }
        return;
    }
    if (r->link == CHARGER_QUIET) {
        r->link = CHARGER_ONLINE;
        r->quiet_ms = 0;
    }
    if (age >= 1000 || (age >= 400 && offer != c->wire_ma)) {
        c->changed_ms = offer != c->wire_ma ? rig.now_ms : c->changed_ms;
        c->wire_ma = offer;
        c->sent_ms = r->sent_ms = r->told_ms = rig.now_ms;
        r->told_known = true;
        r->told_ma = offer;
        c->answer_ms = rig.now_ms < c->deaf_until_ms ? 0 : rig.now_ms + TICK_MS;
    }
    if (c->answer_ms != 0 && rig.now_ms >= c->answer_ms) {
        c->answer_ms = 0;
        r->heard_ms = rig.now_ms;
        r->link = CHARGER_ONLINE;
        r->mirror_ma = c->wire_ma;
        r->draw_ma = c->draw_ma;
    } else if (r->heard_ms != 0 && rig.now_ms - r->heard_ms >= 10000) {
        r->link = CHARGER_SILENT;
    }
}

/* The car: protocol 2 does not go below 6 A while it charges; silence stops it after 25 s. */
static void drive(int i)
{
    const struct charger_report *r = &rig.r[i];
    struct car *c = &car[i];
    bool lost = rig.now_ms - c->sent_ms > 25000;
    int32_t to = c->wire_ma;

    c->charging = (c->charging || c->wire_ma >= 5000) && r->plugged != TRI_NO && !lost;
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

static int32_t phase_sum(int phase)
{
    int32_t sum = 0;

    for (int i = 0; i < CARS; i++) {
        if (phase_bits(rig.cfg.charger[i].phases) >> phase & 1) {
            sum += car[i].wire_ma > car[i].draw_ma ? car[i].wire_ma : car[i].draw_ma;
        }
    }
    return sum;
}

static void laws(int tick)
{
    for (int p = 0; p < PHASES; p++) {
        if (phase_sum(p) > LIMIT_MA) {
            print_error("seed %u tick %d: %d mA on L%d: wire %d %d %d, draw %d %d %d\n", seed,
                    tick, phase_sum(p), p + 1, car[0].wire_ma, car[1].wire_ma, car[2].wire_ma,
                    car[0].draw_ma, car[1].draw_ma, car[2].draw_ma);
            fail();
        }
    }
    for (int i = 0; i < CARS; i++) {
        int32_t o = rig_offer(&rig, i);

        assert_true(o % 1000 == 0 && (o == 0 || o >= 6000) && o <= rig.r[i].hw_max_ma);
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
    for (uint32_t s = 1; s <= 5; s++) {
        run(s * 7919);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(hours_of_everything_never_exceed_the_circuit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
