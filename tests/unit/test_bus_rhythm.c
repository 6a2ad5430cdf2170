/*
 * The rhythm of a bus under load: three chargers, queries, noise, broken bits, changed offers.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { SAMPLES_MAX = 20000, FREE_MS = 300 };

struct samples {
    int count;
    int32_t value[SAMPLES_MAX];
};

static void add(struct samples *s, int64_t v)
{
    assert_true(s->count < SAMPLES_MAX);
    s->value[s->count++] = (int32_t)v;
}

static int compare(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static int32_t quantile(struct samples *s, int permille)
{
    assert_true(s->count > 0);
    qsort(s->value, (size_t)s->count, sizeof(s->value[0]), compare);
    return s->value[(int64_t)(s->count - 1) * permille / 1000];
}

/* Time from a changed offer to the end of the limit frame that carries it. */
static int64_t wait_for_limit(struct rig *r, int slot, int32_t ma)
{
    int64_t start = r->now;
    uint16_t id = bus_slot_id(&r->bus, slot);
    int64_t want = (INT64_C(9) << 16) | (ma / 10);

    rig_set(r, slot, ma);
    while (r->now - start < 3000) {
        const struct rig_tx *t = rig_last(r, id);

        if (t && t->start_ms >= start && rig_said(t) == want) {
            return t->start_ms - start + (t->wire_len * 25 + 23) / 24;
        }
        rig_run(r, 1);
    }
    return 3000;
}

static void intervals(const struct rig *r, int from, struct samples *s)
{
    for (int i = 0; i < r->slaves; i++) {
        int64_t before = -1;

        for (int k = from; k < r->tx_count; k++) {
            if (!rig_is_heartbeat(&r->tx[k]) || rig_receiver(&r->tx[k]) != r->slave[i].id) {
                continue;
            }
            if (before >= 0) {
                add(s, r->tx[k].start_ms - before);
            }
            before = r->tx[k].start_ms;
        }
    }
}

static struct rig *load(int n, int noise, int flips)
{
    struct rig *r = rig_running(n, 2);

    for (int i = 0; i < n; i++) {
        r->slave[i].plug = 1;
        r->slave[i].vin = "5YJ3E1EA8KF000001";
        r->slave[i].draw_ma = 5200;
    }
    r->noise_per_s = noise;
    r->flip_permille = flips;
    rig_run(r, 20000);
    return r;
}

static void measure_latency(int n, const char *name)
{
    struct rig *r = load(n, 0, 0);
    struct samples *s = calloc(1, sizeof(*s));

    for (int k = 0; k < 1000; k++) {
        int slot = (int)rig_random(r, (uint32_t)n);

        rig_run(r, 1100 + rig_random(r, 1900));
        add(s, wait_for_limit(r, slot, r->offer[slot].ma == 10000 ? 16000 : 10000));
    }
    print_message("set to limit frame, %s: p50 %d ms, p95 %d ms, max %d ms\n", name,
            quantile(s, 500), quantile(s, 950), quantile(s, 1000));
    assert_true(quantile(s, 500) <= 95);
    assert_true(quantile(s, 950) <= 430);
    assert_true(quantile(s, 1000) <= 450); /* nothing was started that was in its way */
    assert_true(rig_least_spacing(r) >= 400);
    free(s);
    free(r);
}

static void a_changed_offer_is_on_the_wire_soon_with_one_charger(void **state)
{
    (void)state;
    measure_latency(1, "one charger");
}

static void a_changed_offer_is_on_the_wire_soon_with_three_chargers(void **state)
{
    (void)state;
    measure_latency(3, "three chargers");
}

static void promise_02_a_decrease_for_all_three_is_on_the_wire_within_700_ms(void **state)
{
    struct rig *r = load(3, 0, 0);
    struct samples *s = calloc(1, sizeof(*s));

    (void)state;
    for (int k = 0; k < 300; k++) {
        int64_t start;
        int32_t ma = k % 2 ? 16000 : 8000;
        int done = 0;

        rig_run(r, 1500 + rig_random(r, 1500));
        start = r->now;
        for (int i = 0; i < 3; i++) {
            r->offer[i] = (struct offer){.ma = ma, .stamp_ms = r->now};
        }
        rig_tick(r);
        while (done < 3 && r->now - start < 3000) {
            rig_run(r, 1);
            done = 0;
            for (int i = 0; i < 3; i++) {
                done += report(r, i)->told_ma == ma;
            }
        }
        add(s, r->now - start + 18);
    }
    print_message("decrease for three: p50 %d ms, p95 %d ms, max %d ms\n", quantile(s, 500),
            quantile(s, 950), quantile(s, 1000));
    assert_true(quantile(s, 950) <= 690);
    free(s);
    free(r);
}

static void measure_rhythm(int n, int noise, int flips, const char *name)
{
    struct rig *r = load(n, noise, flips);
    struct samples *s = calloc(1, sizeof(*s));
    int from = r->tx_count;

    rig_run(r, 600000);
    intervals(r, from, s);
    print_message("heartbeat interval, %s: p50 %d, p99 %d, max %d ms (%d); share %u permille\n",
            name, quantile(s, 500), quantile(s, 990), quantile(s, 1000), s->count,
            report(r, 0)->answer_share_permille);
    assert_true(quantile(s, 500) <= 1020);
    assert_true(quantile(s, 990) <= 1190);
    assert_true(quantile(s, 1000) <= 1900);
    assert_true(rig_least_spacing(r) >= 400);
    for (int i = 0; i < n; i++) {
        check_str(report(r, i)->vin, "5YJ3E1EA8KF000001");
        assert_true(r->slave[i].asked[0xEB] >= 45);
        assert_true(r->slave[i].asked[0xB4] >= 120);
    }
    check_i64(rig_events(r, BUS_EV_SILENT), 0);
    check_i64(rig_events(r, BUS_EV_FOREIGN), 0);
    check_i64(bus_slots(&r->bus), n);
    free(s);
    free(r);
}

static void heartbeats_keep_their_rhythm_on_a_quiet_line(void **state)
{
    (void)state;
    measure_rhythm(1, 0, 0, "one charger");
    measure_rhythm(3, 0, 0, "three chargers");
}

static void heartbeats_keep_their_rhythm_in_noise_and_with_broken_bits(void **state)
{
    (void)state;
    measure_rhythm(3, 50, 10, "three chargers, 50 B/s noise, 1 % broken");
}

static void heartbeats_keep_their_rhythm_behind_a_slow_gateway(void **state)
{
    struct rig *r = rig_new(3, 2);
    struct samples *s = calloc(1, sizeof(*s));
    int from;

    (void)state;
    r->config.gateway = true;
    r->delay_ms = 300;
    rig_open(r);
    rig_run(r, 60000);
    from = r->tx_count;
    rig_run(r, 300000);
    intervals(r, from, s);
    print_message(
            "heartbeat interval, three chargers, gateway 300 ms: p50 %d, p99 %d, max %d ms\n",
            quantile(s, 500), quantile(s, 990), quantile(s, 1000));
    assert_true(quantile(s, 990) <= 1200);
    assert_true(rig_least_spacing(r) >= 400);
    for (int i = 0; i < 3; i++) {
        assert_true(r->slave[i].asked[0xB4] > 30);
        check_i64(report(r, i)->plugged, TRI_NO);
    }
    free(s);
    free(r);
}

static void one_query_a_round_at_most(void **state)
{
    struct rig *r = load(3, 0, 0);
    bool seen[RIG_SLAVES] = {true, true, true, true};
    int queries = 0;

    (void)state;
    rig_run(r, 60000);
    for (int k = 0; k < r->tx_count; k++) {
        if (rig_is_heartbeat(&r->tx[k])) {
            seen[rig_receiver(&r->tx[k]) - 0xA1B0] = true;
            continue;
        }
        queries++;
        if (queries > 1) { /* the first may come before all are adopted */
            assert_true(seen[0] && (seen[1] || bus_slots(&r->bus) < 2));
        }
        memset(seen, 0, sizeof(seen));
    }
    assert_true(queries > 60);
    free(r);
}

static void a_query_leaves_room_for_the_next_heartbeat(void **state)
{
    (void)state;
    for (int n = 1; n <= 3; n++) {
        struct rig *r = rig_running(n, 2); /* idle: plug queries come due at any moment */
        int queries = 0;

        rig_run(r, 300000);
        for (int k = 0; k + 1 < r->tx_count; k++) {
            if (!rig_is_heartbeat(&r->tx[k]) && r->tx[k].start_ms > 60000) {
                assert_true(r->tx[k + 1].start_ms - r->tx[k].start_ms >= FREE_MS);
                queries++;
            }
        }
        assert_true(queries > 60);
        free(r);
    }
}

static void one_message_is_in_flight_at_a_time(void **state)
{
    struct rig *r = load(3, 0, 0);

    (void)state;
    rig_run(r, 60000);
    for (int k = 1; k < r->tx_count; k++) {
        /* answers take at least 30 ms and 16 bytes */
        assert_true(r->tx[k].start_ms - r->tx[k - 1].start_ms >= 18 + 30 + 17);
    }
    free(r);
}

/* Each of 50 times the process is stopped just before it writes, and the offer changes then. */
/* Whoever is eligible meanwhile waits for the answer anyway. */
static void an_answer_that_is_due_is_the_only_thing_to_wake_up_for(void **state)
{
    struct rig *r = rig_running(3, 2);
    int waited = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        rig_run(r, 1);
        if (r->bus.flight.on) {
            check_i64(r->next, r->bus.flight.deadline_ms);
            waited++;
        }
    }
    assert_true(waited > 1000);
    free(r);
}

static void the_400_ms_hold_when_the_process_is_stopped_before_it_writes(void **state)
{
    struct rig *r = load(3, 0, 0);

    (void)state;
    for (int k = 0; k < 50; k++) {
        r->stop_ms = 20 + 30 * k;
        for (int sent = r->tx_count; r->tx_count == sent;) {
            rig_run(r, 1);
        }
        for (int i = 0; i < 3; i++) {
            rig_set(r, i, k % 2 ? 10000 : 16000);
        }
        rig_run(r, 3000);
    }
    assert_true(rig_least_spacing(r) >= 400);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_answer_that_is_due_is_the_only_thing_to_wake_up_for),
            cmocka_unit_test(the_400_ms_hold_when_the_process_is_stopped_before_it_writes),
            cmocka_unit_test(a_changed_offer_is_on_the_wire_soon_with_one_charger),
            cmocka_unit_test(a_changed_offer_is_on_the_wire_soon_with_three_chargers),
            cmocka_unit_test(promise_02_a_decrease_for_all_three_is_on_the_wire_within_700_ms),
            cmocka_unit_test(heartbeats_keep_their_rhythm_on_a_quiet_line),
            cmocka_unit_test(heartbeats_keep_their_rhythm_in_noise_and_with_broken_bits),
            cmocka_unit_test(heartbeats_keep_their_rhythm_behind_a_slow_gateway),
            cmocka_unit_test(one_query_a_round_at_most),
            cmocka_unit_test(a_query_leaves_room_for_the_next_heartbeat),
            cmocka_unit_test(one_message_is_in_flight_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
