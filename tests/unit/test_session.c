/*
 * Energy, sessions and the status word of a charger, on a fake clock. SPDX-License-Identifier: MIT
 */
#include "bridge/base/macros.h"
#include "bridge/core/session.h"
#include "tests/support/test.h"

enum { HOUR_MS = 3600000, UTC_MS = 1000000000 };

/* A charger whose truth is known: what it delivers, what its counter shows, what it is asked. */
struct meter {
    struct session s;
    struct session_config c;
    struct charger_report r;
    int64_t now_ms;
    int64_t truth_mwms; /* delivered */
    int64_t start_mwms; /* what its counter had below the last kWh, at the start */
    int32_t phases;     /* of the car */
    int32_t draw_ma;
    int32_t volts;
    bool counts, speaks_volts, powered; /* it has FD EB */
    int64_t poll_ms;
    uint32_t events;
    int64_t least_wh; /* what was shown so far: must never fall */
};

static int64_t wh(int64_t mwms)
{
    return mwms / INT64_C(3600000000);
}

static int64_t truth_wh(const struct meter *m)
{
    return wh(m->truth_mwms);
}

static void meter_init(struct meter *m, int32_t phases, int32_t draw_ma)
{
    memset(m, 0, sizeof(*m));
    session_init(&m->s);
    m->c = (struct session_config){
            .phases = phases == 3 ? PHASE_MAP_L1L2L3 : PHASE_MAP_L1, .nominal_mv = 230000};
    m->now_ms = 5000;
    m->phases = phases;
    m->draw_ma = draw_ma;
    m->volts = 230;
    m->poll_ms = 60000;
    m->r = (struct charger_report){.link = CHARGER_ONLINE,
            .protocol = 1,
            .counter_wh = -1,
            .plugged = TRI_UNKNOWN,
            .phase_ma = {-1, -1, -1},
            .heard_ms = 1};
}

static void protocol_2(struct meter *m, bool counts)
{
    m->r.protocol = 2;
    m->r.plugged = TRI_YES;
    m->powered = true;
    m->speaks_volts = true;
    m->counts = counts;
}

static void poll(struct meter *m)
{
    m->r.power_ms = m->now_ms;
    for (int p = 0; p < PHASES; p++) {
        bool used = p < m->phases;

        m->r.volt_mv[p] = used ? m->volts * 1000 : 0;
        m->r.phase_ma[p] = used ? (m->draw_ma + 250) / 500 * 500 : 0;
    }
    if (m->counts) {
        m->r.counter_wh = 1234000 + wh(m->start_mwms + m->truth_mwms) / 1000 * 1000;
    }
}

static void step(struct meter *m)
{
    m->r.heard_ms = m->now_ms;
    m->r.draw_ma = m->draw_ma;
    m->events |= session_step(&m->s, &m->c, &m->r, m->now_ms, UTC_MS + m->now_ms);
    assert_true(m->s.energy_wh >= m->least_wh);
    m->least_wh = m->s.energy_wh;
}

static void pass(struct meter *m, int64_t ms)
{
    for (int64_t t = 0; t < ms; t += 500) {
        m->now_ms += 500;
        m->truth_mwms += (int64_t)m->draw_ma * m->volts * m->phases * 500;
        if (m->powered && (m->r.power_ms == 0 || m->now_ms - m->r.power_ms >= m->poll_ms)) {
            poll(m);
        }
        step(m);
    }
}

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

static void restart(struct meter *m, int64_t gap_ms)
{
    struct session old = m->s;

    session_init(&m->s);
    session_restore(&m->s, old.energy_wh, old.rest_mwms / 1000, old.counter_wh,
            old.anchored ? old.anchor_wh : INT64_MIN);
    m->s.session_wh = old.session_wh;
    m->s.session_start_utc_ms = old.session_start_utc_ms;
    m->s.number = old.number;
    m->s.open = old.open;
    m->s.starts = old.starts;
    m->s.waiting = true;
    m->truth_mwms += (int64_t)m->draw_ma * m->volts * m->phases * gap_ms;
    m->now_ms += gap_ms;
    m->r.heard_ms = 0;
    m->r.power_ms = 0;
    m->r.counter_wh = -1;
    if (m->powered) {
        memset(m->r.volt_mv, 0, sizeof(m->r.volt_mv));
    }
    session_step(&m->s, &m->c, &m->r, m->now_ms, UTC_MS + m->now_ms); /* nothing heard yet */
    check_i64(m->s.energy_wh, old.energy_wh);
    m->now_ms += 500;
    m->truth_mwms += (int64_t)m->draw_ma * m->volts * m->phases * 500;
    if (m->powered) {
        poll(m);
    }
    step(m);
    m->s.waiting = false;
    session_bridge_gap(&m->s, old.power_w, gap_ms + 500);
    check_i64(m->s.number, old.number);
}

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

/* ---- sessions ---- */

static uint32_t events(struct meter *m)
{
    uint32_t ev = m->events;

    m->events = 0;
    return ev;
}

static void a_session_is_a_plug_in_where_the_charger_can_tell(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 0);
    protocol_2(&m, false);
    m.r.plugged = TRI_NO;
    pass(&m, 5000);
    check_i64(events(&m), SESSION_NOTHING);
    m.r.plugged = TRI_YES;
    pass(&m, 5000);
    check_i64(events(&m), SESSION_PLUGGED | SESSION_STARTED);
    check_i64(m.s.number, 1);
    check_i64(m.s.session_start_utc_ms, UTC_MS + 10500);
    m.draw_ma = 16000;
    pass(&m, HOUR_MS);
    check_i64(events(&m), SESSION_CHARGING);
    m.draw_ma = 0;
    pass(&m, 2 * HOUR_MS); /* a long pause ends nothing */
    check_i64(events(&m), SESSION_STOPPED);
    m.draw_ma = 16000;
    pass(&m, HOUR_MS);
    check_i64(events(&m), SESSION_CHARGING);
    check_near(m.s.session_wh, 7360, 10);
    check_near(m.s.charging_ms, 2 * HOUR_MS, 6000);
    check_i64(m.s.max_power_w, 3680);
    check_i64(m.s.starts, 2);
    m.draw_ma = 0;
    m.r.plugged = TRI_NO;
    pass(&m, 10000);
    check_i64(events(&m), SESSION_STOPPED | SESSION_UNPLUGGED | SESSION_ENDED);
    assert_true(m.s.session_end_utc_ms > m.s.session_start_utc_ms);
    check_near(m.s.session_wh, 7360, 10); /* what the last one was stays to be seen */
    m.r.plugged = TRI_YES;
    pass(&m, 1000);
    check_i64(events(&m), SESSION_PLUGGED | SESSION_STARTED);
    check_i64(m.s.number, 2);
    check_i64(m.s.session_wh, 0);
    check_i64(m.s.session_end_utc_ms, 0);
}

static void a_session_is_a_draw_where_the_charger_cannot_tell(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 0);
    pass(&m, 5000);
    check_i64(events(&m), SESSION_NOTHING);
    m.draw_ma = 10000;
    pass(&m, 60000);
    check_i64(events(&m), SESSION_CHARGING | SESSION_STARTED);
    m.draw_ma = 0;
    pass(&m, 590000);
    check_i64(events(&m), SESSION_STOPPED);
    m.draw_ma = 10000; /* the same session */
    pass(&m, 60000);
    check_i64(events(&m), SESSION_CHARGING);
    check_i64(m.s.number, 1);
    m.draw_ma = 0;
    pass(&m, 610000);
    check_i64(events(&m), SESSION_STOPPED | SESSION_ENDED);
    m.draw_ma = 10000;
    pass(&m, 1000);
    check_i64(m.s.number, 2);
}

static void an_open_session_ends_after_a_restart_too(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 10000);
    pass(&m, 60000);
    m.draw_ma = 0; /* and the car leaves while we are away */
    restart(&m, 60000);
    events(&m);
    pass(&m, 590000);
    assert_true(m.s.open);
    pass(&m, 20000);
    check_i64(events(&m), SESSION_ENDED);
    assert_false(m.s.open);
}

static void leaving_while_we_were_away_is_an_unplugging(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 10000);
    protocol_2(&m, false);
    pass(&m, 60000);
    m.draw_ma = 0;
    m.r.plugged = TRI_UNKNOWN; /* until it was asked */
    restart(&m, 60000);
    events(&m);
    pass(&m, 3000);
    check_i64(events(&m), SESSION_NOTHING);
    m.r.plugged = TRI_NO;
    pass(&m, 1000);
    check_i64(events(&m), SESSION_UNPLUGGED | SESSION_ENDED);
}

static void a_moment_of_not_knowing_is_no_unplugging(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 10000);
    protocol_2(&m, false);
    pass(&m, 60000);
    m.draw_ma = 0;
    pass(&m, HOUR_MS);
    events(&m);
    m.r.plugged = TRI_UNKNOWN;
    pass(&m, 5000);
    m.r.plugged = TRI_YES;
    pass(&m, 5000);
    check_i64(events(&m), SESSION_NOTHING);
    check_i64(m.s.number, 1);
}

static void a_charger_that_is_away_tells_nothing_of_its_plug(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 0);
    protocol_2(&m, false);
    pass(&m, 5000);
    events(&m);
    m.r.link = CHARGER_BUS_DOWN;
    m.r.plugged = TRI_NO;
    pass(&m, 5000);
    check_i64(events(&m), SESSION_NOTHING);
    assert_true(m.s.open);
}

static void charging_is_debounced_at_its_end_only(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 990);
    pass(&m, 5000);
    assert_false(m.s.charging);
    m.draw_ma = 1000;
    pass(&m, 500);
    assert_true(m.s.charging);
    for (int i = 0; i < 5; i++) { /* blips of 4 s */
        m.draw_ma = 250;
        pass(&m, 4000);
        m.draw_ma = 6000;
        pass(&m, 500);
    }
    assert_true(m.s.charging);
    check_i64(m.s.starts, 1);
    m.draw_ma = 250;
    pass(&m, 5500);
    assert_false(m.s.charging);
    check_i64(m.s.starts, 1);
}

/* ---- the status word ---- */

enum { FAULT = 1, CHARGED = 2, NEVER_HEARD = 4, BEFORE_RESTART = 8 };

static const struct {
    int state;
    enum tristate plugged;
    int32_t offer_ma, draw_ma;
    unsigned flags;
    int want;
} words[] = {
        {0, TRI_UNKNOWN, 6000, 0, NEVER_HEARD, -1},
        {0, TRI_NO, 6000, 0, 0, STATUS_UNPLUGGED},
        {0, TRI_NO, 6000, 250, 0, STATUS_UNPLUGGED},
        {0, TRI_UNKNOWN, 6000, 0, 0, STATUS_READY},
        {5, TRI_UNKNOWN, 6000, 0, 0, STATUS_READY},
        {15, TRI_UNKNOWN, 6000, 0, 0, STATUS_READY},
        {0, TRI_YES, 6000, 0, 0, STATUS_PLUGGED},
        {0, TRI_YES, 0, 0, 0, STATUS_WAITING_FOR_CURRENT},
        {4, TRI_UNKNOWN, 0, 0, 0, STATUS_WAITING_FOR_CURRENT},
        {4, TRI_UNKNOWN, 6000, 0, 0, STATUS_WAITING_FOR_VEHICLE},
        {3, TRI_YES, 6000, 0, 0, STATUS_WAITING_FOR_VEHICLE},
        {4, TRI_YES, 6000, 0, 0, STATUS_WAITING_FOR_VEHICLE},
        {8, TRI_YES, 6000, 0, 0, STATUS_STARTING},
        {8, TRI_UNKNOWN, 6000, 0, 0, STATUS_STARTING},
        {8, TRI_YES, 0, 0, 0, STATUS_WAITING_FOR_CURRENT},
        {1, TRI_YES, 6000, 5200, 0, STATUS_CHARGING},
        {0, TRI_UNKNOWN, 6000, 5200, 0, STATUS_CHARGING}, /* amps say it, not the state */
        {9, TRI_YES, 0, 5200, 0, STATUS_STOPPING},
        {2, TRI_YES, 6000, 5200, 0, STATUS_CHARGING}, /* current still flows */
        {2, TRI_YES, 6000, 0, 0, STATUS_ERROR},
        {2, TRI_UNKNOWN, 0, 0, 0, STATUS_ERROR},
        {0, TRI_YES, 6000, 0, FAULT, STATUS_ERROR},
        {1, TRI_YES, 6000, 5200, FAULT, STATUS_CHARGING},
        {3, TRI_YES, 6000, 0, CHARGED, STATUS_FINISHED},
        {3, TRI_YES, 6000, 0, CHARGED | BEFORE_RESTART, STATUS_FINISHED},
        {0, TRI_YES, 6000, 0, CHARGED, STATUS_FINISHED},
        {3, TRI_YES, 0, 0, CHARGED, STATUS_WAITING_FOR_CURRENT},
        {0, TRI_NO, 6000, 0, CHARGED, STATUS_UNPLUGGED},
        {0, TRI_UNKNOWN, 6000, 0, CHARGED, STATUS_READY},
};

static void status_words_follow_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct charger_report r = {.heard_ms = words[i].flags & NEVER_HEARD ? 0 : 1,
                .state = (uint8_t)words[i].state,
                .plugged = words[i].plugged,
                .draw_ma = words[i].draw_ma};
        struct session s;
        int got;

        session_init(&s);
        if (words[i].flags & CHARGED) {
            s.open = true;
            s.session_wh = 700;
            s.charging_ms = words[i].flags & BEFORE_RESTART ? 0 : 1000;
        }
        got = charger_status(&r, &s, words[i].offer_ma, words[i].flags & FAULT);
        if (got != words[i].want) {
            print_error("row %d: %s\n", (int)i, got >= 0 ? charger_status_names[got] : "null");
        }
        check_i64(got, words[i].want);
    }
}

static void every_status_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        assert_non_null(charger_status_names[i]);
    }
    assert_null(charger_status_names[STATUS_COUNT]);
    check_str(charger_status_names[STATUS_WAITING_FOR_VEHICLE], "waiting_for_vehicle");
    check_str(charger_status_names[STATUS_ERROR], "error");
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
            cmocka_unit_test(a_session_is_a_plug_in_where_the_charger_can_tell),
            cmocka_unit_test(a_session_is_a_draw_where_the_charger_cannot_tell),
            cmocka_unit_test(an_open_session_ends_after_a_restart_too),
            cmocka_unit_test(leaving_while_we_were_away_is_an_unplugging),
            cmocka_unit_test(a_moment_of_not_knowing_is_no_unplugging),
            cmocka_unit_test(a_charger_that_is_away_tells_nothing_of_its_plug),
            cmocka_unit_test(charging_is_debounced_at_its_end_only),
            cmocka_unit_test(status_words_follow_the_table),
            cmocka_unit_test(every_status_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
