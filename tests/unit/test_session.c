/*
 * Sessions and the status word of a charger, on a fake clock. SPDX-License-Identifier: MIT
 */
#include "tests/support/meter.h"

/* ---- sessions ---- */

static uint32_t events(struct meter *m)
{
    uint32_t ev = m->events;

    m->events = 0;
    return ev;
}

/* A charger of that protocol, whose car has drawn draw_ma on one phase for ms. */
static struct meter running(uint8_t protocol, int32_t draw_ma, int64_t ms)
{
    struct meter m;

    meter_init(&m, 1, draw_ma);
    if (protocol == 2) {
        protocol_2(&m, false);
    }
    pass(&m, ms);
    return m;
}

/* Time passes, and exactly these events come out of it. */
#define check_pass(m, ms, want)         \
    do {                                \
        pass((m), (ms));                \
        check_i64(events((m)), (want)); \
    } while (0)

static void a_session_is_a_plug_in_where_the_charger_can_tell(void **state)
{
    struct meter m = running(2, 0, 0);

    (void)state;
    m.r.plugged = TRI_NO;
    check_pass(&m, 5000, SESSION_NOTHING);
    m.r.plugged = TRI_YES;
    check_pass(&m, 5000, SESSION_PLUGGED | SESSION_STARTED);
    check_i64(m.s.number, 1);
    check_i64(m.s.session_start_utc_ms, UTC_MS + 10500);
    m.draw_ma = 16000;
    check_pass(&m, HOUR_MS, SESSION_CHARGING);
    m.draw_ma = 0;
    check_pass(&m, 2 * HOUR_MS, SESSION_STOPPED); /* a long pause ends nothing */
    m.draw_ma = 16000;
    check_pass(&m, HOUR_MS, SESSION_CHARGING);
    check_near(m.s.session_wh, 7360, 10);
    check_near(m.s.charging_ms, 2 * HOUR_MS, 6000);
    check_i64(m.s.max_power_w, 3680);
    check_i64(m.s.starts, 2);
    m.draw_ma = 0;
    m.r.plugged = TRI_NO;
    check_pass(&m, 10000, SESSION_STOPPED | SESSION_UNPLUGGED | SESSION_ENDED);
    assert_true(m.s.session_end_utc_ms > m.s.session_start_utc_ms);
    check_i64(m.s.why, SESSION_UNPLUGGED_SEEN);
    check_near(m.s.session_wh, 7360, 10); /* what the last one was stays to be seen */
    m.r.plugged = TRI_YES;
    check_pass(&m, 1000, SESSION_PLUGGED | SESSION_STARTED);
    check_i64(m.s.number, 2);
    check_i64(m.s.session_wh, 0);
    check_i64(m.s.session_end_utc_ms, 0);
}

static void a_session_is_a_draw_where_the_charger_cannot_tell(void **state)
{
    struct meter m = running(1, 0, 0);

    (void)state;
    check_pass(&m, 5000, SESSION_NOTHING);
    m.draw_ma = 10000;
    check_pass(&m, 60000, SESSION_CHARGING | SESSION_STARTED);
    m.draw_ma = 0;
    check_pass(&m, 590000, SESSION_STOPPED);
    m.draw_ma = 10000; /* the same session */
    check_pass(&m, 60000, SESSION_CHARGING);
    check_i64(m.s.number, 1);
    m.draw_ma = 0;
    check_pass(&m, 610000, SESSION_STOPPED | SESSION_ENDED);
    m.draw_ma = 10000;
    pass(&m, 1000);
    check_i64(m.s.number, 2);
}

static void an_open_session_ends_after_a_restart_too(void **state)
{
    struct meter m = running(1, 10000, 60000);

    (void)state;
    m.draw_ma = 0; /* and the car leaves while we are away */
    restart(&m, 60000);
    events(&m);
    pass(&m, 590000);
    assert_true(m.s.open);
    check_pass(&m, 20000, SESSION_ENDED);
    assert_false(m.s.open);
    check_i64(m.s.why, SESSION_NO_DRAW);
}

static void leaving_while_we_were_away_is_an_unplugging(void **state)
{
    struct meter m = running(2, 10000, 60000);

    (void)state;
    m.draw_ma = 0;
    m.r.plugged = TRI_UNKNOWN; /* until it was asked */
    restart(&m, 60000);
    events(&m);
    check_pass(&m, 3000, SESSION_NOTHING);
    m.r.plugged = TRI_NO;
    pass(&m, 1000);
    check_i64(events(&m), SESSION_UNPLUGGED | SESSION_ENDED);
    check_i64(m.s.why, SESSION_UNPLUGGED_AWAY);
}

static void leaving_while_the_bus_is_gone_is_an_unplugging_unseen(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 0);
    protocol_2(&m, false);
    pass(&m, 5000);
    m.r.link = CHARGER_BUS_DOWN;
    pass(&m, 5000);
    m.r.link = CHARGER_ONLINE;
    m.r.plugged = TRI_NO;
    pass(&m, 1000);
    check_i64(m.s.why, SESSION_UNPLUGGED_AWAY);
    m.r.plugged = TRI_YES;
    pass(&m, 1000);
    check_i64(m.s.why, SESSION_IS_OPEN);
    m.r.plugged = TRI_NO;
    pass(&m, 1000);
    check_i64(m.s.why, SESSION_UNPLUGGED_SEEN);
}

static void a_charger_that_is_removed_ends_its_session_once(void **state)
{
    struct meter m;

    (void)state;
    meter_init(&m, 1, 0);
    protocol_2(&m, false);
    pass(&m, 5000);
    check_i64(session_finish(&m.s, UTC_MS + m.now_ms, SESSION_REMOVED), SESSION_ENDED);
    check_i64(m.s.why, SESSION_REMOVED);
    check_i64(m.s.session_end_utc_ms, UTC_MS + m.now_ms);
    check_i64(session_finish(&m.s, UTC_MS, SESSION_NO_DRAW), SESSION_NOTHING);
    check_i64(m.s.why, SESSION_REMOVED);
    check_str(session_why_words[SESSION_IS_OPEN], "");
    check_str(session_why_words[SESSION_REMOVED], "removed");
    assert_null(session_why_words[SESSION_WHY_COUNT]);
}

static void a_moment_of_not_knowing_is_no_unplugging(void **state)
{
    struct meter m = running(2, 10000, 60000);

    (void)state;
    m.draw_ma = 0;
    pass(&m, HOUR_MS);
    events(&m);
    m.r.plugged = TRI_UNKNOWN;
    pass(&m, 5000);
    m.r.plugged = TRI_YES;
    check_pass(&m, 5000, SESSION_NOTHING);
    check_i64(m.s.number, 1);
}

static void a_charger_that_is_away_tells_nothing_of_its_plug(void **state)
{
    struct meter m = running(2, 0, 5000);

    (void)state;
    events(&m);
    m.r.link = CHARGER_BUS_DOWN;
    m.r.plugged = TRI_NO;
    check_pass(&m, 5000, SESSION_NOTHING);
    assert_true(m.s.open);
}

static void another_master_ends_nothing_that_we_can_see(void **state)
{
    struct meter m = running(2, 16000, 60000);
    int64_t charged_ms = m.s.charging_ms;

    (void)state;
    events(&m);
    m.r.link = CHARGER_FOREIGN; /* the car may go on by what he says */
    check_pass(&m, HOUR_MS, SESSION_NOTHING);
    assert_true(m.s.unsure && m.s.open);
    check_near(m.s.charging_ms, charged_ms, 1000);
    m.r.link = CHARGER_ONLINE;
    check_pass(&m, 60000, SESSION_NOTHING); /* it did */
    check_i64(m.s.starts, 1);
    assert_false(m.s.unsure);
    m.r.link = CHARGER_FOREIGN;
    pass(&m, HOUR_MS);
    m.r.link = CHARGER_ONLINE;
    m.draw_ma = 0;
    check_pass(&m, 60000, SESSION_STOPPED); /* it did not */
}

static void a_charger_that_hears_nobody_has_stopped_after_half_a_minute(void **state)
{
    static const enum charger_link links[] = {CHARGER_BUS_DOWN, CHARGER_QUIET};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct meter m = running(2, 16000, 60000);

        events(&m);
        m.r.link = links[i];
        check_pass(&m, 20000, SESSION_NOTHING);
        m.r.link = CHARGER_ONLINE;
        check_pass(&m, 20000, SESSION_NOTHING); /* back in time: the same charging */
        check_i64(m.s.starts, 1);
        m.r.link = CHARGER_FOREIGN;
        pass(&m, 60000);
        m.r.link = links[i]; /* the half minute begins anew */
        check_pass(&m, 30000, SESSION_NOTHING);
        check_pass(&m, 15000, SESSION_STOPPED);
    }
}

static void charging_is_debounced_at_its_end_only(void **state)
{
    struct meter m = running(1, 990, 5000);

    (void)state;
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
            cmocka_unit_test(a_session_is_a_plug_in_where_the_charger_can_tell),
            cmocka_unit_test(a_session_is_a_draw_where_the_charger_cannot_tell),
            cmocka_unit_test(an_open_session_ends_after_a_restart_too),
            cmocka_unit_test(leaving_while_the_bus_is_gone_is_an_unplugging_unseen),
            cmocka_unit_test(a_charger_that_is_removed_ends_its_session_once),
            cmocka_unit_test(leaving_while_we_were_away_is_an_unplugging),
            cmocka_unit_test(a_moment_of_not_knowing_is_no_unplugging),
            cmocka_unit_test(a_charger_that_is_away_tells_nothing_of_its_plug),
            cmocka_unit_test(another_master_ends_nothing_that_we_can_see),
            cmocka_unit_test(a_charger_that_hears_nobody_has_stopped_after_half_a_minute),
            cmocka_unit_test(charging_is_debounced_at_its_end_only),
            cmocka_unit_test(status_words_follow_the_table),
            cmocka_unit_test(every_status_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
