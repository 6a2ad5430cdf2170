/* The faults of the virtual bus, one test each: what the master hears, what the chargers hear, what
 * the log says. SPDX-License-Identifier: MIT */
#include "adapters/charger/virtual/wire.h"
#include "tests/support/test.h"

enum { T0 = 1000000, UNIT = 0x1A2B, FRAMES_MAX = 4096, FRAME_LEN = 18 };

struct heard {
    int64_t ms;
    size_t n;
    bool whole; /* it is a frame */
    uint16_t from;
    uint8_t type, cmd, sign;
    uint8_t p[SIM_OUT_MAX];
};

struct rig {
    struct wire w;
    int64_t now_ms;
    int n;
    struct heard heard[FRAMES_MAX];
    uint32_t logged[WIRE_KINDS], faults[LINE_FAULTS];
    size_t said[FRAMES_MAX]; /* lengths of what the chargers said */
};

static void on_log(void *user, const struct wire_event *e)
{
    struct rig *r = user;

    if (e->kind == WIRE_SAID) {
        r->said[r->logged[e->kind] % FRAMES_MAX] = e->n;
    }
    r->logged[e->kind]++;
    for (int f = 0; e->kind == WIRE_FAULT && f < LINE_FAULTS; f++) {
        r->faults[f] += strcmp(line_fault_names[f], e->word) == 0;
    }
}

static struct rig *rig_new(int chargers, uint8_t protocol)
{
    struct rig *r = test_calloc(1, sizeof(*r));

    r->now_ms = T0;
    wire_init(&r->w,
            &(struct sim_config){.chargers = chargers,
                    .protocol = protocol,
                    .plugged = true,
                    .max_ma = 32000,
                    .volts = 230,
                    .phases = 3,
                    .first_id = UNIT,
                    .seed = 1},
            T0);
    r->w.log = on_log;
    r->w.user = r;
    return r;
}

static void note(struct rig *r, const uint8_t *p, size_t n)
{
    struct heard *h = &r->heard[r->n++];
    struct frame_decoder d = {0};
    struct frame f;

    *h = (struct heard){.ms = r->now_ms, .n = n};
    memcpy(h->p, p, n);
    for (size_t i = 0; i < n; i++) {
        if (frame_decode(&d, p[i], &f) == FRAME_READY) {
            h->whole = true;
            h->type = f.data[0];
            h->cmd = f.data[1];
            h->from = (uint16_t)(f.data[2] << 8 | f.data[3]);
            h->sign = f.data[4];
        }
    }
}

static void pass(struct rig *r, int64_t ms)
{
    for (int64_t end = r->now_ms + ms; r->now_ms < end; r->now_ms++) {
        uint8_t out[SIM_OUT_MAX];
        int64_t next_ms;
        size_t n = wire_tick(&r->w, r->now_ms, out, &next_ms);

        assert_true(n <= sizeof(out) && next_ms >= r->now_ms);
        if (n > 0 && r->n < FRAMES_MAX) {
            note(r, out, n);
        }
    }
}

static void control(struct rig *r, const char *line)
{
    struct buf b;

    buf_init(&b, BUF_CAP_DOCUMENT);
    if (!wire_control(&r->w, line, r->now_ms, &b)) {
        check_str(buf_text(&b), line);
    }
    buf_finish(&b);
}

static size_t packed(uint16_t to, uint8_t command, int32_t centi, uint8_t wire[FRAME_WIRE_MAX])
{
    uint8_t body[15] = {0xFB, 0xE0, 0x77, 0x77, (uint8_t)(to >> 8), (uint8_t)to, command,
            (uint8_t)(centi >> 8), (uint8_t)centi};
    struct frame f;

    assert_true(frame_seal(&f, body, sizeof(body)));
    return frame_encode(&f, wire);
}

/* n heartbeats to the first charger, one each ms milliseconds. */
static void lead(struct rig *r, int n, int64_t ms, int32_t centi)
{
    for (int i = 0; i < n; i++) {
        uint8_t wire[FRAME_WIRE_MAX];
        uint8_t command = r->w.sim.charger[0].protocol == 1 ? 5 : 9;

        wire_rx(&r->w, wire, packed(UNIT, command, centi, wire), r->now_ms);
        pass(r, ms);
    }
}

static void go_on(struct rig *r)
{
    uint8_t wire[FRAME_WIRE_MAX];

    wire_rx(&r->w, wire, packed(UNIT, TWC_CMD_GO_ON, 0, wire), r->now_ms);
    pass(r, 1000);
}

static int whole(const struct rig *r)
{
    int n = 0;

    for (int i = 0; i < r->n; i++) {
        n += r->heard[i].whole;
    }
    return n;
}

/* ---- the line ---- */

static void a_line_without_faults_changes_nothing(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    lead(r, 100, 200, 1600);
    check_i64(whole(r), r->n);
    check_i64(r->n, 100);
    check_i64(r->logged[WIRE_HEARD], 100);
    check_i64(r->logged[WIRE_SAID], 100);
    check_i64(r->logged[WIRE_BROKEN] + r->logged[WIRE_FAULT] + r->logged[WIRE_RIVAL], 0);
    check_i64(r->w.line.random, 1 ^ 0x6C696E65); /* nothing was drawn */
    test_free(r);
}

static void noise_comes_on_the_idle_line_at_its_rate(void **state)
{
    struct rig *r = rig_new(1, 2);
    int bytes = 0;

    (void)state;
    control(r, "fault noise=20");
    lead(r, 60, 1000, 1600);
    for (int i = 0; i < r->n; i++) {
        bytes += r->heard[i].n == 1;
    }
    check_near(bytes, 1200, 150);
    check_i64(r->faults[LINE_NOISE], bytes);
    check_i64(r->logged[WIRE_SAID], 60); /* it spoils no frame: the line is not idle then */
    check_i64(whole(r), 60);
    test_free(r);
}

static void a_flipped_bit_spoils_the_frame_and_nothing_else(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "fault flips=1000 to=master");
    lead(r, 200, 200, 1600);
    check_i64(r->n, 200);
    check_i64(r->faults[LINE_FLIP], 200);
    check_i64(r->w.sim.bad_frames, 0); /* the other way is spared */
    for (int i = 0; i < r->n; i++) {
        check_i64(r->heard[i].n, r->said[i]);
    }
    /* A flip of the first byte's mark or of the escape of nothing may leave a frame whole. */
    assert_true(whole(r) <= 30);
    test_free(r);
}

static void flips_to_the_chargers_are_their_share_of_the_frames(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "fault flips=100 to=chargers");
    lead(r, 2000, 200, 1600);
    check_near(r->faults[LINE_FLIP], 200, 40);
    check_i64(r->logged[WIRE_HEARD], 2000); /* the log says what the master sent */
    check_i64(r->logged[WIRE_BROKEN], 0);
    assert_true(r->n >= 1760 && r->n <= 1850);
    check_i64(whole(r), r->n);
    test_free(r);
}

static void a_lost_byte_makes_the_frame_shorter(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "fault lost=1000 to=master");
    lead(r, 100, 200, 1600);
    for (int i = 0; i < r->n; i++) {
        check_i64(r->heard[i].n, r->said[i] - 1);
    }
    check_i64(r->faults[LINE_LOST_BYTE], 100);
    control(r, "fault to=chargers");
    lead(r, 100, 200, 1600);
    /* A frame that loses a zero keeps its sum; the others are not answered. */
    assert_true(r->n >= 120 && r->n <= 170);
    check_i64(r->n - 100 + r->w.sim.bad_frames, 100);
    test_free(r);
}

static void a_collision_garbles_the_end_of_a_frame(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "fault collisions=1000 to=master");
    lead(r, 100, 200, 1600);
    check_i64(r->n, 100);
    check_i64(r->faults[LINE_COLLISION], 100);
    assert_true(whole(r) <= 3);
    test_free(r);
}

static void a_missing_frame_is_not_heard_either_way(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "fault missing=1000 to=master");
    lead(r, 50, 200, 1600);
    check_i64(r->n, 0);
    check_i64(r->logged[WIRE_SAID], 50);
    check_i64(r->w.sim.charger[0].told_ma, 16000);
    control(r, "fault to=chargers");
    lead(r, 50, 200, 1000);
    check_i64(r->w.sim.charger[0].told_ma, 16000);
    check_i64(r->logged[WIRE_SAID], 50);
    check_i64(r->faults[LINE_MISSING], 100);
    control(r, "fault missing=0");
    lead(r, 1, 200, 1000);
    check_i64(r->w.sim.charger[0].told_ma, 10000);
    test_free(r);
}

static void a_late_answer_comes_that_much_later(void **state)
{
    struct rig *r = rig_new(1, 2);
    int64_t first_ms;

    (void)state;
    lead(r, 1, 1000, 1600);
    first_ms = r->heard[0].ms - T0;
    control(r, "fault late=1000 late_ms=700");
    lead(r, 20, 1000, 1600);
    check_i64(r->n, 21);
    check_i64(whole(r), 21);
    for (int i = 1; i < r->n; i++) {
        check_near(r->heard[i].ms - T0 - i * 1000, first_ms + 700, 45);
    }
    test_free(r);
}

static void an_echo_is_what_the_master_said(void **state)
{
    struct rig *r = rig_new(1, 2);
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = packed(UNIT, 9, 1600, wire);

    (void)state;
    control(r, "fault echo=on");
    lead(r, 1, 1000, 1600);
    check_i64(r->n, 2);
    check_i64(r->heard[0].ms, T0);
    check_i64(r->heard[0].n, n);
    assert_memory_equal(r->heard[0].p, wire, n);
    check_i64(r->heard[1].type, 0xFD);
    control(r, "fault echo_ms=500"); /* as on a gateway: after the answer */
    lead(r, 1, 1000, 1600);
    check_i64(r->n, 4);
    check_i64(r->heard[2].type, 0xFD);
    check_i64(r->heard[3].ms, T0 + 1500);
    assert_memory_equal(r->heard[3].p, wire, n);
    control(r, "fault off");
    lead(r, 1, 1000, 1600);
    check_i64(r->n, 5);
    test_free(r);
}

static void the_same_seed_gives_the_same_faults(void **state)
{
    struct rig *a = rig_new(2, 2), *b = rig_new(2, 2);

    (void)state;
    for (int k = 0; k < 2; k++) {
        struct rig *r = k == 0 ? a : b;

        control(r, "fault noise=10 flips=100 lost=50 collisions=50 missing=50 late=50");
        lead(r, 300, 500, 1600);
    }
    check_i64(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        check_i64(a->heard[i].ms, b->heard[i].ms);
        check_i64(a->heard[i].n, b->heard[i].n);
        assert_memory_equal(a->heard[i].p, b->heard[i].p, a->heard[i].n);
    }
    test_free(a);
    test_free(b);
}

static void what_a_master_sends_in_pieces_is_one_frame_in_the_log(void **state)
{
    struct rig *r = rig_new(1, 2);
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = packed(UNIT, 9, 1600, wire);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        wire_rx(&r->w, wire + i, 1, r->now_ms);
        pass(r, 1);
    }
    check_i64(r->logged[WIRE_HEARD], 1);
    wire_rx(&r->w, wire + 1, n - 1, r->now_ms); /* one mark closes and opens */
    check_i64(r->logged[WIRE_HEARD], 2);
    wire[5] ^= 1;
    wire_rx(&r->w, wire, n, r->now_ms);         /* a wrong sum */
    wire_rx(&r->w, wire + 1, n - 1, r->now_ms); /* the mark before is its first too */
    wire_rx(&r->w, wire, 9, r->now_ms + 50);    /* half of one */
    pass(r, 1000);
    check_i64(r->logged[WIRE_HEARD], 2);
    check_i64(r->logged[WIRE_BROKEN], 3);
    test_free(r);
}

/* ---- units ---- */

static void a_reboot_brings_a_new_sign_and_forgets(void **state)
{
    struct rig *r = rig_new(1, 2);
    struct sim_charger *c = &r->w.sim.charger[0];
    uint8_t sign = c->sign;
    int before;

    (void)state;
    lead(r, 20, 1000, 1600);
    assert_true(c->contactor);
    control(r, "reboot 1a2b 3");
    assert_false(c->contactor);
    check_i64(c->told_ma, -1);
    before = r->n;
    lead(r, 2, 1000, 1600);
    check_i64(r->n, before); /* it boots */
    pass(r, 1100);
    check_i64(r->n, before + 1);
    check_i64(r->heard[before].cmd, 0xE2);
    assert_int_not_equal(r->heard[before].sign, sign);
    lead(r, 2, 1000, 1600);
    check_i64(c->told_ma, 16000);
    for (int i = 0; i < 3000; i++) { /* never the sign it had */
        uint8_t had = c->sign;

        control(r, "reboot 1 0");
        assert_int_not_equal(c->sign, had);
    }
    test_free(r);
}

static void a_duplicate_announces_the_same_id_with_another_sign(void **state)
{
    struct rig *r = rig_new(2, 2);
    uint32_t overlaps;
    bool both[2] = {false};

    (void)state;
    control(r, "duplicate 1a2b on");
    control(r, "duplicate 1a2b on"); /* it is on */
    check_i64(r->w.sim.n, 3);
    pass(r, 30000);
    for (int i = 0; i < r->n; i++) {
        if (r->heard[i].whole && r->heard[i].from == UNIT) {
            both[0] = both[0] || r->heard[i].sign == r->w.sim.charger[0].sign;
            both[1] = both[1] || r->heard[i].sign == r->w.sim.charger[2].sign;
        }
    }
    assert_true(both[0] && both[1]);
    overlaps = r->w.sim.overlaps;
    lead(r, 200, 500, 1600); /* both answer: some answers on top of each other, some in a row */
    assert_true(r->w.sim.overlaps - overlaps > 50 && r->w.sim.overlaps - overlaps < 190);
    check_i64(r->faults[LINE_COLLISION], r->w.sim.overlaps);
    for (int i = 0; i < r->n; i++) { /* whoever ends last ends as always */
        check_i64(r->heard[i].p[r->heard[i].n - 1], 0xFC);
    }
    control(r, "duplicate 1a2b off");
    check_i64(r->w.sim.n, 2);
    overlaps = r->w.sim.overlaps;
    lead(r, 50, 500, 1600);
    check_i64(r->w.sim.overlaps, overlaps);
    test_free(r);
}

static void there_is_room_for_eight_chargers(void **state)
{
    struct rig *r = rig_new(SIM_CHARGERS_MAX, 2);
    struct buf b;

    (void)state;
    buf_init(&b, BUF_CAP_DOCUMENT);
    assert_false(wire_control(&r->w, "duplicate 1 on", T0, &b));
    check_has(buf_text(&b), "there are 8 chargers, which is the most");
    buf_finish(&b);
    test_free(r);
}

static void a_mute_unit_obeys_and_a_deaf_one_does_not(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "unit 1 state=mute");
    lead(r, 5, 1000, 1600);
    check_i64(r->n, 0);
    check_i64(r->w.sim.charger[0].told_ma, 16000);
    control(r, "unit 1 state=deaf");
    lead(r, 40, 1000, 1000);
    check_i64(r->n, 0);
    check_i64(r->w.sim.charger[0].told_ma, -1); /* no master for 25 s: it stopped */
    control(r, "unit 1 state=well");
    lead(r, 2, 1000, 1000);
    assert_true(r->n > 0);
    check_i64(r->w.sim.charger[0].told_ma, 10000);
    test_free(r);
}

static void a_unit_that_will_not_stop_holds_6_a_through_zero_and_silence(void **state)
{
    (void)state;
    for (uint8_t protocol = 1; protocol <= 2; protocol++) {
        struct rig *r = rig_new(1, protocol);
        struct sim_charger *c = &r->w.sim.charger[0];

        control(r, "unit 1 stops=silence");
        lead(r, 30, 1000, 1600);
        lead(r, 20, 1000, 0);
        check_i64(sim_limit(c), 6000);
        check_i64(c->draw_ma, 5200);
        go_on(r);
        assert_false(c->swings);
        assert_true(c->contactor);
        pass(r, 30000);
        check_i64(c->draw_ma, 0); /* silence stops it */
        lead(r, 30, 1000, 1600);
        control(r, "unit 1 stops=never");
        lead(r, 20, 1000, 0);
        pass(r, 120000);
        check_i64(c->draw_ma, 5200);
        check_i64(c->closings, 2);
        control(r, "unit 1 stops=normal");
        pass(r, 3000);
        check_i64(c->draw_ma, 0);
        test_free(r);
    }
}

static void a_car_draws_more_than_it_is_offered(void **state)
{
    struct rig *r = rig_new(1, 2);

    (void)state;
    control(r, "car 1 over_a=3");
    lead(r, 30, 1000, 1600);
    check_i64(r->w.sim.charger[0].draw_ma, 19000);
    lead(r, 10, 1000, 1000);
    check_i64(r->w.sim.charger[0].draw_ma, 13000);
    control(r, "car 1 over_a=0");
    lead(r, 10, 1000, 1000);
    check_i64(r->w.sim.charger[0].draw_ma, 9200);
    test_free(r);
}

/* ---- the second master ---- */

static void a_second_master_leads_the_chargers_and_is_heard(void **state)
{
    struct rig *r = rig_new(2, 2);
    int frames = 0;

    (void)state;
    control(r, "master on id=abcd offer_a=20 every_s=0.5");
    pass(r, 30000);
    for (int i = 0; i < r->n; i++) {
        frames += r->heard[i].whole && r->heard[i].type == 0xFB && r->heard[i].from == 0xABCD;
    }
    check_near(frames, 60, 3);
    check_i64(r->logged[WIRE_RIVAL], frames);
    check_i64(r->w.sim.charger[0].told_ma, 20000);
    check_i64(r->w.sim.charger[1].told_ma, 20000);
    control(r, "master on offer_a=none");
    pass(r, 5000);
    check_i64(r->w.sim.charger[0].told_ma, 20000);
    control(r, "master off");
    frames = (int)r->logged[WIRE_RIVAL];
    pass(r, 5000);
    check_i64(r->logged[WIRE_RIVAL], frames);
    test_free(r);
}

static void a_master_that_talks_into_the_other_is_not_understood(void **state)
{
    struct rig *r = rig_new(1, 2);
    uint32_t before;

    (void)state;
    control(r, "master on offer_a=20");
    before = r->logged[WIRE_RIVAL];
    while (r->logged[WIRE_RIVAL] == before) {
        pass(r, 1);
    }
    lead(r, 1, 400, 1000);
    check_i64(r->w.sim.charger[0].told_ma, 20000);
    check_i64(r->faults[LINE_COLLISION], 1);
    lead(r, 1, 400, 1000);
    check_i64(r->w.sim.charger[0].told_ma, 10000);
    test_free(r);
}

static void everything_at_once_harms_nothing(void **state)
{
    struct rig *r = rig_new(3, 2);
    uint32_t x = 7;

    (void)state;
    control(r,
            "fault noise=200 flips=500 lost=500 collisions=500 missing=200 late=500 echo=on");
    control(r, "fault late_ms=3000 echo_ms=300");
    control(r, "master on every_s=0.1");
    control(r, "duplicate 2 on");
    for (int i = 0; i < 3000; i++) {
        uint8_t p[40];

        for (size_t k = 0; k < sizeof(p); k++) {
            x = x * 1664525 + 1013904223;
            p[k] = x >> 30 == 0 ? 0xC0 : (uint8_t)(x >> 16);
        }
        wire_rx(&r->w, p, sizeof(p), r->now_ms);
        pass(r, 5);
    }
    control(r, "fault off");
    control(r, "master off");
    control(r, "duplicate 2 off");
    pass(r, 8000);
    lead(r, 2, 500, 1600);
    check_i64(r->w.sim.charger[0].told_ma, 16000);
    test_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_line_without_faults_changes_nothing),
            cmocka_unit_test(noise_comes_on_the_idle_line_at_its_rate),
            cmocka_unit_test(a_flipped_bit_spoils_the_frame_and_nothing_else),
            cmocka_unit_test(flips_to_the_chargers_are_their_share_of_the_frames),
            cmocka_unit_test(a_lost_byte_makes_the_frame_shorter),
            cmocka_unit_test(a_collision_garbles_the_end_of_a_frame),
            cmocka_unit_test(a_missing_frame_is_not_heard_either_way),
            cmocka_unit_test(a_late_answer_comes_that_much_later),
            cmocka_unit_test(an_echo_is_what_the_master_said),
            cmocka_unit_test(the_same_seed_gives_the_same_faults),
            cmocka_unit_test(what_a_master_sends_in_pieces_is_one_frame_in_the_log),
            cmocka_unit_test(a_reboot_brings_a_new_sign_and_forgets),
            cmocka_unit_test(a_duplicate_announces_the_same_id_with_another_sign),
            cmocka_unit_test(there_is_room_for_eight_chargers),
            cmocka_unit_test(a_mute_unit_obeys_and_a_deaf_one_does_not),
            cmocka_unit_test(a_unit_that_will_not_stop_holds_6_a_through_zero_and_silence),
            cmocka_unit_test(a_car_draws_more_than_it_is_offered),
            cmocka_unit_test(a_second_master_leads_the_chargers_and_is_heard),
            cmocka_unit_test(a_master_that_talks_into_the_other_is_not_understood),
            cmocka_unit_test(everything_at_once_harms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
