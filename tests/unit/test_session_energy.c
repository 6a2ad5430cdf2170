/*
 * Energy of a charger: right within 1 %, never falling, over restarts too.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/meter.h"

/* A car that starts, changes, pauses and ends. */
static void an_hour(struct meter *m)
{
    int32_t full_ma = m->draw_ma;
    static const struct {
        int permille, minutes;
    } parts[] = {{0, 1}, {1000, 14}, {400, 10}, {0, 2}, {700, 13}, {1000, 19}, {0, 1}};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        m->draw_ma = full_ma / 1000 * parts[i].permille;
        pass(m, parts[i].minutes * 60000);
    }
    m->draw_ma = full_ma;
}

/* ---- energy ---- */

static void check_hour(int32_t phases, int32_t draw_ma, int kind, int64_t start_permille)
{
    struct meter m;

    meter_init(&m, phases, draw_ma);
    m.start_mwms = start_permille * INT64_C(3600000000);
    if (kind > 0) {
        protocol_2(&m, kind == 2);
    }
    an_hour(&m);
    check_near(m.s.energy_wh, truth_wh(&m), truth_wh(&m) / 100);
    check_i64(m.s.session_wh, m.s.energy_wh);
}

static void an_hour_is_right_within_one_percent(void **state)
{
    static const int32_t amps[] = {6000, 15200, 31200, 80000};

    (void)state;
    for (int kind = 0; kind < 3; kind++) { /* protocol 1; volts; volts and counter */
        for (size_t a = 0; a < ARRAY_LEN(amps); a++) {
            check_hour(1, amps[a], kind, 500);
            check_hour(3, amps[a], kind, 500);
        }
    }
}

static void the_counter_read_late_takes_no_energy_away(void **state)
{
    (void)state;
    for (int64_t start = 0; start < 1000; start += 50) {
        check_hour(3, 31200, 2, start);
        check_hour(3, 15200, 2, start);
    }
}

static void a_voltage_that_is_not_nominal_is_used(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 31200);
    protocol_2(&m, false);
    m.volts = 251;
    an_hour(&m);
    check_near(m.s.energy_wh, truth_wh(&m), truth_wh(&m) / 100);
    assert_false(m.s.power_estimated);
}

static void a_wrong_guess_of_ours_is_corrected_by_the_counter(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 3, 15200);
    m.c.phases = PHASE_MAP_L1; /* the settings are wrong, and the unit tells no volts */
    m.r.power_ms = 0;
    for (int minute = 0; minute < 300; minute++) {
        pass(&m, 60000);
        m.r.counter_wh = 1234000 + truth_wh(&m) / 1000 * 1000;
        m.r.power_ms = m.now_ms;
    }
    check_near(m.s.energy_wh, truth_wh(&m), 2000);
    assert_true(m.s.energy_wh <= truth_wh(&m) + 1000);
}

static void counting_too_much_waits_for_the_counter(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 15200);
    m.c.phases = PHASE_MAP_L1L2L3; /* three times too much */
    for (int minute = 0; minute < 600; minute++) {
        pass(&m, 60000);
        m.r.counter_wh = 1234000 + truth_wh(&m) / 1000 * 1000;
        m.r.power_ms = m.now_ms;
    }
    check_near(m.s.energy_wh, truth_wh(&m), 2500);
}

static void an_idle_offset_is_no_energy(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 3, 250);
    pass(&m, HOUR_MS);
    check_i64(m.s.energy_wh, 0);
    check_i64(m.s.power_w, 0);
    assert_true(m.s.power_known);
}

static void nothing_is_counted_while_the_charger_is_away(void **state)
{
    static const enum charger_link away[] = {
            CHARGER_BUS_DOWN, CHARGER_FOREIGN, CHARGER_QUIET, CHARGER_UNHEARD};
    struct meter m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(away); i++) {
        int64_t before;

        meter_init(&m, 1, 15200);
        pass(&m, 60000);
        m.r.link = away[i];
        pass(&m, 1000);
        before = m.s.energy_wh;
        pass(&m, HOUR_MS);
        check_i64(m.s.energy_wh, before);
        assert_false(m.s.power_known);
        check_i64(m.s.power_w, 0);
    }
}

static void a_silent_charger_counts_at_its_last_draw(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 15200);
    pass(&m, 60000);
    m.r.link = CHARGER_SILENT;
    pass(&m, 60000);
    check_near(m.s.energy_wh, truth_wh(&m), 2);
}

static void a_pause_of_the_process_is_not_invented(void **state)
{
    struct meter m;
    int64_t before_wh, before_ms;

    (void)state;
    meter_init(&m, 1, 15200);
    pass(&m, 60000);
    before_wh = m.s.energy_wh;
    before_ms = m.s.charging_ms;
    m.now_ms += HOUR_MS;
    step(&m);
    assert_true(m.s.energy_wh <= before_wh + 15200LL * 230 * 10 / 3600000 + 1); /* 10 s */
    check_near(m.s.charging_ms, before_ms, 10000);
}

static void small_powers_add_up_without_loss(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 1010);
    m.c.nominal_mv = 100000;
    m.volts = 100;
    pass(&m, 10 * HOUR_MS);
    check_near(m.s.energy_wh, 1010, 2);
}

/* ---- the counter ---- */

static void counter(struct meter *m, int64_t kwh)
{
    m->r.counter_wh = kwh * 1000;
    m->r.power_ms = m->now_ms;
    pass(m, 1000);
}

static void counter_glitches_change_nothing(void **state)
{
    static const int64_t glitch[] = {0, 3, 1060, 4000000};
    struct meter m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(glitch); i++) {
        meter_init(&m, 1, 0);
        m.volts = 0;
        counter(&m, 1000);
        counter(&m, 1001);
        counter(&m, 1000 + 1);
        check_i64(m.s.energy_wh, 0); /* one step may be no more than a rounding */
        counter(&m, glitch[i]);
        counter(&m, 1001);
        counter(&m, 1001);
        check_i64(m.s.energy_wh, 0);
    }
}

static void the_counter_alone_counts_where_nothing_else_does(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 0);
    for (int kwh = 500; kwh <= 510; kwh++) {
        counter(&m, kwh);
    }
    check_near(m.s.energy_wh, 10000, 1000);
}

/* ---- over a restart ---- */

static void a_restart_loses_less_than_one_percent(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        for (int32_t phases = 1; phases <= 3; phases += 2) {
            struct meter m;

            meter_init(&m, phases, 15200);
            if (kind > 0) {
                protocol_2(&m, kind == 2);
            }
            pass(&m, HOUR_MS / 3);
            restart(&m, 5000);
            pass(&m, HOUR_MS / 3);
            restart(&m, 300000);
            pass(&m, HOUR_MS / 3);
            check_near(m.s.energy_wh, truth_wh(&m), truth_wh(&m) / 100);
            check_i64(m.s.session_wh, m.s.energy_wh);
            assert_true(m.s.open);
        }
    }
}

static void a_gap_counts_at_the_lower_of_both_powers(void **state)
{
    struct meter m;
    int64_t before;

    (void)state;
    meter_init(&m, 1, 10000);
    pass(&m, 60000);
    before = m.s.energy_wh;
    session_bridge_gap(&m.s, 100, 360000); /* 100 W for 6 min */
    check_i64(m.s.energy_wh, before + 10);
    session_bridge_gap(&m.s, 1000000, 360000); /* not more than flows now: 2300 W */
    check_i64(m.s.energy_wh, before + 240);
    session_bridge_gap(&m.s, 2300, -5000);
    session_bridge_gap(&m.s, 0, 360000);
    check_i64(m.s.energy_wh, before + 240);
}

static void the_counter_covers_a_gap_that_is_too_long(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 3, 15200);
    protocol_2(&m, true);
    pass(&m, HOUR_MS);
    m.s.power_w = 0; /* nothing is bridged */
    restart(&m, 0);
    m.truth_mwms += 20000 * INT64_C(3600000000); /* 20 kWh while we were away */
    pass(&m, 120000);
    check_near(m.s.energy_wh, truth_wh(&m), 2000); /* a step of the counter at each end */
}

static void bad_stored_values_do_no_harm(void **state)
{
    struct session s;

    (void)state;
    session_init(&s);
    session_restore(&s, -5, -1, -1, INT64_MIN);
    check_i64(s.energy_wh, 0);
    check_i64(s.rest_mwms, 0);
    assert_false(s.anchored);
    session_restore(&s, 7, INT64_MAX, -1, 3);
    check_i64(s.rest_mwms, 0);
    assert_false(s.anchored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_hour_is_right_within_one_percent),
            cmocka_unit_test(the_counter_read_late_takes_no_energy_away),
            cmocka_unit_test(a_voltage_that_is_not_nominal_is_used),
            cmocka_unit_test(a_wrong_guess_of_ours_is_corrected_by_the_counter),
            cmocka_unit_test(counting_too_much_waits_for_the_counter),
            cmocka_unit_test(an_idle_offset_is_no_energy),
            cmocka_unit_test(nothing_is_counted_while_the_charger_is_away),
            cmocka_unit_test(a_silent_charger_counts_at_its_last_draw),
            cmocka_unit_test(a_pause_of_the_process_is_not_invented),
            cmocka_unit_test(small_powers_add_up_without_loss),
            cmocka_unit_test(counter_glitches_change_nothing),
            cmocka_unit_test(the_counter_alone_counts_where_nothing_else_does),
            cmocka_unit_test(a_restart_loses_less_than_one_percent),
            cmocka_unit_test(a_gap_counts_at_the_lower_of_both_powers),
            cmocka_unit_test(the_counter_covers_a_gap_that_is_too_long),
            cmocka_unit_test(bad_stored_values_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
