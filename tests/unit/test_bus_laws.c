/*
 * Whatever happens: random events, and what must hold for every frame sent.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/bus_rig.h"

enum { ID0 = 0xA1B0 };

/* One random thing happens. */
static void happen(struct rig *r)
{
    struct rig_slave *s = &r->slave[rig_random(r, 3)];
    uint32_t what = rig_random(r, 100);

    if (what < 60) {
        rig_set(r, (int)rig_random(r, 3), 6000 * (int32_t)rig_random(r, 4));
    } else if (what < 75) {
        s->dead = !s->dead;
    } else if (what < 80) {
        s->draw_ma = (int32_t)rig_random(r, 33) * 1000;
        s->plug = (uint8_t)rig_random(r, 4);
        s->state = (uint8_t)rig_random(r, 11);
    } else if (what < 83) {
        rig_hear(r, "FBE07777A1B0090960000000000000");
    } else if (what < 86) {
        bus_resume(&r->bus, r->now);
    } else if (what < 90) {
        bus_port_down(&r->bus, r->now);
        rig_run(r, rig_random(r, 3000));
        bus_port_up(&r->bus, r->now);
        rig_tick(r);
    } else if (what < 94) {
        r->fail_write = !r->fail_write;
    } else if (what < 97) {
        r->noise_per_s = (int)rig_random(r, 200);
        r->flip_permille = (int)rig_random(r, 100);
    } else {
        bus_set_offer(&r->bus, (int)rig_random(r, 3), &r->offer[0], false);
        for (int i = 0; i < 3; i++) {
            bus_set_offer(&r->bus, i, &r->offer[i], true);
        }
    }
}

/* "Go on" keeps the charger's limit alive: that limit has to be the offer. Called right after
 * the frame was given, so that the charger has not heard it yet. */
static void check_go_on(struct rig *r, int slot, int64_t warm_ms[static BUS_CHARGERS_MAX])
{
    const struct rig_tx *t = &r->tx[r->tx_count - 1];
    const struct rig_slave *s = &r->slave[rig_receiver(t) - ID0];

    if (warm_ms[slot] != report(r, slot)->warm_ms) {
        warm_ms[slot] = report(r, slot)->warm_ms; /* the first of a warm start */
    } else if (t->frame.data[6] == 0) {
        check_i64(s->max_ma, r->offer[slot].ma);
        assert_true(r->offer[slot].ma > 0);
    }
}

/* Looks at the frame that was just given, if there is a new one. */
static void look(struct rig *r, int *seen, int64_t warm_ms[static BUS_CHARGERS_MAX])
{
    const struct rig_tx *t = &r->tx[r->tx_count - 1];

    for (int i = 0; r->tx_count > *seen && rig_is_heartbeat(t) && i < 3; i++) {
        if (bus_slot_id(&r->bus, i) == rig_receiver(t)) {
            check_go_on(r, i, warm_ms);
        }
    }
    *seen = r->tx_count;
}

static void whatever_happens_the_laws_of_the_wire_hold(void **state)
{
    struct rig *r = rig_running(3, 2);
    int64_t warm_ms[BUS_CHARGERS_MAX] = {0};
    int seen = r->tx_count, sent = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        happen(r);
        look(r, &seen, warm_ms);
        for (int64_t until = r->now + rig_random(r, 300); r->now < until;) {
            rig_run(r, 1);
            look(r, &seen, warm_ms);
        }
        r->event_count = 0;
        if (r->tx_count > RIG_TX_MAX - 1000) {
            assert_true(rig_least_spacing(r) >= 400);
            sent += r->tx_count;
            r->tx_count = 1;
            seen = 1;
        }
    }
    assert_true(rig_least_spacing(r) >= 400);
    assert_true(sent + r->tx_count > 2000);
    check_i64(bus_slots(&r->bus), 3);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(whatever_happens_the_laws_of_the_wire_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
