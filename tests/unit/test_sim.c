/*
 * The virtual chargers: control lines, ids, timing, hostile bytes. What they say on the bus is in
 * test_sim_transcripts. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire.h"
#include "tests/support/test.h"

enum { T0 = 1000000 };

static struct sim_config config(int chargers)
{
    return (struct sim_config){.chargers = chargers,
            .protocol = 2,
            .max_ma = 32000,
            .volts = 230,
            .phases = 3,
            .seed = 1};
}

struct rig {
    struct wire w;
    int64_t now_ms;
    int heard;                /* frames of the chargers */
    int64_t started_ms[4096]; /* when each began, and how long it was */
    size_t len[4096];
};

static struct rig *rig_new(const struct sim_config *c)
{
    struct rig *r = test_calloc(1, sizeof(*r));

    r->now_ms = T0;
    wire_init(&r->w, c, T0);
    return r;
}

static void pass(struct rig *r, int64_t ms)
{
    for (int64_t end = r->now_ms + ms; r->now_ms < end; r->now_ms++) {
        uint8_t out[SIM_OUT_MAX];
        int64_t next_ms;
        size_t n = wire_tick(&r->w, r->now_ms, out, &next_ms);

        assert_true(next_ms > r->now_ms - 1);
        if (n > 0 && r->heard < 4096) {
            r->started_ms[r->heard] = r->now_ms;
            r->len[r->heard++] = n;
        }
    }
}

static void heartbeat(struct rig *r, uint16_t to, uint8_t command, int32_t centi)
{
    uint8_t body[15] = {0xFB, 0xE0, 0x77, 0x77, (uint8_t)(to >> 8), (uint8_t)to, command,
            (uint8_t)(centi >> 8), (uint8_t)centi};
    uint8_t wire[FRAME_WIRE_MAX];
    struct frame f;

    assert_true(frame_seal(&f, body, sizeof(body)));
    wire_rx(&r->w, wire, frame_encode(&f, wire), r->now_ms);
}

/* n heartbeats, one a second. */
static void lead(struct rig *r, int n, uint8_t command, int32_t centi)
{
    for (int i = 0; i < n; i++) {
        heartbeat(r, r->w.sim.charger[0].id, command, centi);
        pass(r, 1000);
    }
}

static void check_control(struct rig *r, const char *line, const char *part)
{
    struct buf b;
    bool ok;

    buf_init(&b, BUF_CAP_DOCUMENT);
    ok = wire_control(&r->w, line, r->now_ms, &b);
    assert_true(buf_ok(&b));
    check_i64(ok, strncmp(buf_text(&b), "{\"ok\":true", 10) == 0);
    assert_null(strchr(buf_text(&b), '\n'));
    if (!strstr(buf_text(&b), part)) {
        print_error("line: %s\n", line);
    }
    check_has(buf_text(&b), part);
    buf_finish(&b);
}

static struct sim_config one_known(void)
{
    struct sim_config c = config(1);

    c.first_id = 0x1A2B;
    return c;
}

static struct rig *rig_known(void)
{
    struct sim_config c = one_known();

    return rig_new(&c);
}

/* ---- control lines ---- */

static const char *const lines[][2] = {
        {"plug 1a2b", "{\"ok\":true}"},
        {"plug 1A2B", "{\"ok\":true}"},
        {"unplug 1a2b\r", "{\"ok\":true}"},
        {"  car   1a2b\tmax_a=16  phases=1 ", "{\"ok\":true}"},
        {"car 1a2b vin=none state=asleep ramp_a_s=0.5 lag_s=3 draw_a=7.5", "{\"ok\":true}"},
        {"car 1a2b draw_a=auto lock=on handshake=strict", "{\"ok\":true}"},
        {"car 1a2b lock=off handshake=easy state=refuses", "{\"ok\":true}"},
        {"status", "{\"ok\":true,\"chargers\":[{\"id\":\"1a2b\",\"protocol\":2"},
        {"plug 1", "{\"ok\":true}"},
        {"unit 1a2b state=mute stops=never", "{\"ok\":true}"},
        {"unit 1 state=well stops=normal", "{\"ok\":true}"},
        {"reboot 1a2b", "{\"ok\":true}"},
        {"reboot 1a2b 0.5", "{\"ok\":true}"},
        {"duplicate 1a2b on", "{\"ok\":true}"},
        {"duplicate 1a2b off", "{\"ok\":true}"},
        {"fault noise=200 flips=1000 lost=0 collisions=1 missing=2 late=3 late_ms=60000",
                "{\"ok\":true}"},
        {"fault echo=on echo_ms=1000 to=master", "{\"ok\":true}"},
        {"fault off", "{\"ok\":true}"},
        {"master on id=7777 offer_a=none every_s=0.1", "{\"ok\":true}"},
        {"master off", "{\"ok\":true}"},
        {"car 1a2b over_a=3", "{\"ok\":true}"},
        {"", "there is no command '': plug unplug car unit"},
        {"hello", "there is no command 'hello'"},
        {"plug", "wants: plug ID"},
        {"plug 1a2b now", "wants: plug ID"},
        {"car 1a2b", "wants: car ID key=value ..."},
        {"status 1a2b", "wants: status"},
        {"plug 2", "there is no charger '2'"},
        {"plug 0", "there is no charger '0'"},
        {"unit 1a2b state=tired", "state=tired: allowed is well, mute or deaf"},
        {"unit 1a2b stops=maybe", "allowed is normal, silence or never"},
        {"reboot 1a2b 601", "'601': allowed is 0 to 600 seconds"},
        {"duplicate 1a2b", "wants: duplicate ID on|off"},
        {"duplicate 1a2b maybe", "'maybe': allowed is on or off"},
        {"fault noise=201", "noise=201: allowed is 0 to 200"},
        {"fault flips=1.5", "flips=1.5: allowed is 0 to 1000"},
        {"fault flips=-1", "allowed is 0 to 1000"},
        {"fault to=me", "allowed is master, chargers or both"},
        {"fault rain=1", "there is no key 'rain': noise flips lost collisions"},
        {"fault echo=1", "allowed is on or off"},
        {"fault echo_ms=1001", "allowed is 0 to 1000"},
        {"fault late_ms=60001", "allowed is 0 to 60000"},
        {"master maybe", "master: 'maybe': allowed is on or off"},
        {"master on id=0000", "allowed is 4 hex digits"},
        {"master on id=12 34", "allowed is 4 hex digits"},
        {"master on id=12345", "allowed is 4 hex digits"},
        {"master on offer_a=81", "allowed is 0 to 80, or none"},
        {"master on every_s=0.05", "allowed is 0.1 to 600"},
        {"car 1a2b over_a=81", "over_a=81: allowed is 0 to 80"},
        {"1 2 3 4 5 6 7 8 9 a b c d e f g h", "at most 16 words of at most 63"},
        {"plug 9999", "there is no charger '9999'"},
        {"car 1a2b max_a", "'max_a' wants key=value"},
        {"car 1a2b colour=red", "there is no key 'colour'"},
        {"car 1a2b max_a=81", "max_a=81: allowed is 0 to 80"},
        {"car 1a2b max_a=-1", "allowed is 0 to 80"},
        {"car 1a2b max_a=nan", "allowed is 0 to 80"},
        {"car 1a2b phases=2", "allowed is 1 or 3"},
        {"car 1a2b state=tired", "allowed is awake, asleep or refuses"},
        {"car 1a2b vin=5YJ3E1EA7KF000317", "right check digit"},
        {"car 1a2b lock=maybe", "allowed is on or off"},
        {"car 1a2b handshake=hard", "allowed is strict or easy"},
};

static void every_control_line_has_an_answer(void **state)
{
    struct sim_config c = one_known();
    struct rig *r = rig_new(&c);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        check_control(r, lines[i][0], lines[i][1]);
    }
    test_free(r);
}

static void a_line_with_one_bad_key_changes_nothing(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "car 1a2b max_a=10 phases=1 ramp_a_s=x", "\"ok\":false");
    check_i64(r->w.sim.charger[0].car.max_ma, 32000);
    check_i64(r->w.sim.charger[0].car.phases, 3);
    test_free(r);
}

/* ---- chargers ---- */

static void ids_differ_and_depend_on_the_seed_alone(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 3000; seed++) {
        struct sim_config c = config(SIM_CHARGERS_MAX);
        struct sim a, b;

        c.seed = seed;
        sim_init(&a, &c, T0);
        sim_init(&b, &c, T0);
        for (int i = 0; i < a.n; i++) {
            check_i64(a.charger[i].id, b.charger[i].id);
            for (int k = 0; k < i; k++) {
                assert_int_not_equal(a.charger[i].id, a.charger[k].id);
            }
        }
    }
}

static void the_one_seed_that_makes_zero_still_gives_numbers(void **state)
{
    struct sim_config c = config(2);
    uint32_t inverse = 2654435761u;
    struct sim s;

    (void)state;
    for (int i = 0; i < 5; i++) {
        inverse *= 2 - 2654435761u * inverse; /* Newton, modulo 2^32 */
    }
    c.seed = 0u - inverse;
    check_i64(c.seed * 2654435761u + 1, 0);
    sim_init(&s, &c, T0);
    assert_int_not_equal(s.random, 0);
}

static void eight_chargers_never_talk_at_once(void **state)
{
    struct sim_config c = config(SIM_CHARGERS_MAX);
    struct rig *r = rig_new(&c);

    (void)state;
    pass(r, 60000);
    assert_true(r->heard >= 8 * 5);
    for (int i = 1; i < r->heard; i++) {
        assert_true(
                (r->started_ms[i] - r->started_ms[i - 1]) * 96 >= (int64_t)r->len[i - 1] * 100);
    }
    test_free(r);
}

static void an_answer_takes_20_to_60_ms(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    for (int i = 0; i < 200; i++) {
        int64_t said_ms = r->now_ms;
        int before = r->heard;

        heartbeat(r, 0x1A2B, 0, 0);
        pass(r, 400);
        check_i64(r->heard, before + 1);
        check_near(r->started_ms[before] - said_ms - 19, 40, 21);
    }
    check_i64(r->w.sim.min_spacing_ms, 400);
    check_control(r, "status", "\"least_spacing_ms\":400");
    test_free(r);
}

static void talking_into_an_answer_spoils_the_frame(void **state)
{
    struct rig *r = rig_known();
    int before;

    (void)state;
    heartbeat(r, 0x1A2B, 0, 0);
    for (before = r->heard; r->heard == before;) {
        pass(r, 1);
    }
    heartbeat(r, 0x1A2B, 0, 0); /* it is still talking */
    pass(r, 1000);
    check_i64(r->heard, before + 1);
    check_i64(r->w.sim.collisions, 1);
    test_free(r);
}

static void a_car_draws_less_than_it_is_offered_and_follows_its_ramp(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "car 1a2b ramp_a_s=1 lag_s=2", "true");
    check_control(r, "plug 1a2b", "true");
    lead(r, 30, TWC_CMD_LIMIT_P2, 1600);
    check_i64(r->w.sim.charger[0].draw_ma, 15200);
    lead(r, 1, TWC_CMD_LIMIT_P2, 2000);
    check_i64(r->w.sim.charger[0].draw_ma, 15200); /* the lag */
    lead(r, 3, TWC_CMD_LIMIT_P2, 2000);
    check_near(r->w.sim.charger[0].draw_ma, 17200, 200);
    lead(r, 10, TWC_CMD_LIMIT_P2, 2000);
    check_i64(r->w.sim.charger[0].draw_ma, 19200);
    check_control(r, "car 1a2b max_a=10 lag_s=0", "true");
    lead(r, 12, TWC_CMD_LIMIT_P2, 2000);
    check_i64(r->w.sim.charger[0].draw_ma, 10000);
    check_control(r, "car 1a2b draw_a=25 ramp_a_s=1000", "true");
    lead(r, 2, TWC_CMD_LIMIT_P2, 2000);
    check_i64(
            r->w.sim.charger[0].draw_ma, 25000); /* more than it is offered, if it is told so */
    test_free(r);
}

static void a_sleeping_car_wakes_up_and_stays_awake(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "car 1a2b state=asleep", "true");
    check_control(r, "plug 1a2b", "true");
    lead(r, 15, TWC_CMD_LIMIT_P2, 1600);
    check_i64(r->w.sim.charger[0].state, TWC_READY);
    lead(r, 15, TWC_CMD_LIMIT_P2, 1600);
    assert_true(r->w.sim.charger[0].contactor);
    lead(r, 5, TWC_CMD_LIMIT_P2, 1000); /* a change does not send it back to sleep */
    assert_true(r->w.sim.charger[0].contactor);
    check_i64(r->w.sim.charger[0].closings, 1);
    test_free(r);
}

static void a_car_that_refuses_stops_in_any_state(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "plug 1a2b", "true");
    lead(r, 15, TWC_CMD_LIMIT_P2, 1600);
    lead(r, 1, TWC_CMD_PLUS, 0);
    check_i64(r->w.sim.charger[0].state, TWC_ACK_PLUS);
    check_control(r, "car 1a2b state=refuses", "true");
    lead(r, 5, TWC_CMD_GO_ON, 0);
    assert_false(r->w.sim.charger[0].contactor);
    check_i64(r->w.sim.charger[0].state, TWC_PLUGGED_NO_CHARGE);
    check_i64(r->w.sim.charger[0].draw_ma, 0);
    test_free(r);
}

static void two_amps_more_add_up(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "plug 1a2b", "true");
    lead(r, 15, TWC_CMD_LIMIT_P2, 1000);
    lead(r, 3, TWC_CMD_PLUS, 0);
    check_i64(sim_limit(&r->w.sim.charger[0]), 16000);
    lead(r, 1, TWC_CMD_MINUS, 0);
    check_i64(sim_limit(&r->w.sim.charger[0]), 14000);
    lead(r, 11, TWC_CMD_GO_ON, 0);
    check_i64(sim_limit(&r->w.sim.charger[0]), 16000);
    lead(r, 1, TWC_CMD_LIMIT_P2, 0xFFFF); /* and nothing runs over */
    lead(r, 2, TWC_CMD_PLUS, 0);
    check_i64(sim_limit(&r->w.sim.charger[0]), 655350);
    lead(r, 1, TWC_CMD_LIMIT_P2, 600);
    lead(r, 1, TWC_CMD_MINUS, 0);
    check_i64(sim_limit(&r->w.sim.charger[0]), 6000);
    test_free(r);
}

static void an_80_ampere_unit_wants_a_spike_of_21(void **state)
{
    struct sim_config c = one_known();
    struct rig *r;

    (void)state;
    c.max_ma = 80000;
    r = rig_new(&c);
    check_control(r, "car 1a2b lock=on", "true");
    check_control(r, "plug 1a2b", "true");
    lead(r, 15, TWC_CMD_LIMIT_P2, 1000);
    lead(r, 15, TWC_CMD_LIMIT_P2, 2099);
    assert_true(r->w.sim.charger[0].car.locked);
    lead(r, 7, TWC_CMD_LIMIT_P2, 2100);
    assert_false(r->w.sim.charger[0].car.locked);
    check_control(r, "car 1a2b lock=off", "true");
    lead(r, 3, TWC_CMD_LIMIT_P2, 800);
    lead(r, 3, TWC_CMD_LIMIT_P2, 1000);
    assert_false(r->w.sim.charger[0].car.locked);
    test_free(r);
}

static void start_and_stop_move_the_contactor(void **state)
{
    static const uint8_t codes[] = {0xB2, 0xB1};
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "plug 1a2b", "true");
    lead(r, 15, TWC_CMD_LIMIT_P2, 1600);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        uint8_t wire[FRAME_WIRE_MAX];
        uint8_t body[15] = {0xFC, codes[i], 0x77, 0x77, 0x1A, 0x2B};
        struct frame f;
        int before = r->heard;

        assert_true(frame_seal(&f, body, sizeof(body)));
        wire_rx(&r->w, wire, frame_encode(&f, wire), r->now_ms);
        pass(r, 300);
        check_i64(r->heard, before + 1); /* acknowledged */
        lead(r, 3, TWC_CMD_LIMIT_P2, 1600);
        assert_false(r->w.sim.charger[0].contactor); /* the car wants to be plugged in anew */
    }
    test_free(r);
}

static void dangerous_messages_are_counted_and_named(void **state)
{
    static const struct {
        uint8_t type, cmd;
        const char *words;
    } bad[] = {{0xFC, 0x19, "FC 19"}, {0xFC, 0x1A, "FC 1A"}, {0xFB, 0xE8, "FB E8"}};
    struct rig *r = rig_known();

    (void)state;
    for (uint32_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t body[15] = {bad[i].type, bad[i].cmd, 0x77, 0x77, 0x1A, 0x2B};
        uint8_t wire[FRAME_WIRE_MAX];
        struct frame f;

        assert_true(frame_seal(&f, body, sizeof(body)));
        wire_rx(&r->w, wire, frame_encode(&f, wire), r->now_ms);
        pass(r, 300);
        check_i64(r->w.sim.dangerous, i + 1);
        check_control(r, "status", bad[i].words);
    }
    lead(r, 1, TWC_CMD_ERROR, 0x0100);
    check_i64(r->w.sim.dangerous, 4);
    check_control(r, "status", "would have locked");
    test_free(r);
}

static void energy_is_what_flowed(void **state)
{
    struct rig *r = rig_known();

    (void)state;
    check_control(r, "car 1a2b draw_a=10 ramp_a_s=1000 lag_s=0", "true");
    check_control(r, "plug 1a2b", "true");
    lead(r, 5, TWC_CMD_LIMIT_P2, 1600);
    r->w.sim.charger[0].energy_mwms = 0;
    lead(r, 1800, TWC_CMD_LIMIT_P2, 1600);
    check_near(r->w.sim.charger[0].energy_mwms / INT64_C(3600000000), 3450, 5);
    test_free(r);
}

static void hostile_bytes_do_no_harm(void **state)
{
    struct sim_config c = config(3);
    struct rig *r = rig_new(&c);
    uint32_t x = 7;

    (void)state;
    for (int i = 0; i < 4000; i++) {
        uint8_t p[40];

        for (size_t k = 0; k < sizeof(p); k++) {
            x = x * 1664525 + 1013904223;
            p[k] = x >> 30 == 0 ? 0xC0 : (uint8_t)(x >> 16);
        }
        wire_rx(&r->w, p, sizeof(p), r->now_ms);
        pass(r, 5);
    }
    pass(r, 1000);
    lead(r, 2, TWC_CMD_LIMIT_P2, 1600);
    check_i64(r->w.sim.charger[0].told_ma, 16000);
    test_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_control_line_has_an_answer),
            cmocka_unit_test(a_line_with_one_bad_key_changes_nothing),
            cmocka_unit_test(ids_differ_and_depend_on_the_seed_alone),
            cmocka_unit_test(the_one_seed_that_makes_zero_still_gives_numbers),
            cmocka_unit_test(eight_chargers_never_talk_at_once),
            cmocka_unit_test(an_answer_takes_20_to_60_ms),
            cmocka_unit_test(talking_into_an_answer_spoils_the_frame),
            cmocka_unit_test(a_car_draws_less_than_it_is_offered_and_follows_its_ramp),
            cmocka_unit_test(a_sleeping_car_wakes_up_and_stays_awake),
            cmocka_unit_test(a_car_that_refuses_stops_in_any_state),
            cmocka_unit_test(two_amps_more_add_up),
            cmocka_unit_test(an_80_ampere_unit_wants_a_spike_of_21),
            cmocka_unit_test(start_and_stop_move_the_contactor),
            cmocka_unit_test(dangerous_messages_are_counted_and_named),
            cmocka_unit_test(energy_is_what_flowed),
            cmocka_unit_test(hostile_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
