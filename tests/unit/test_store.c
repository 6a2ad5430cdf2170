/*
 * The store on a real loop and a real disk: what comes back, and when it is acknowledged.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/store_rig.h"

/* ---- rows ---- */

static void an_empty_store_is_made_and_gives_nothing(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    check_i64(f->image.chargers + f->image.settings + f->image.leases, 0);
    assert_null(f->image.good_settings);
    assert_false(f->image.same_boot);
    check_str(store_problem(f->store), "");
}

static void check_same_charger(
        const struct store_charger *got, const struct store_charger *want)
{
    check_str(got->id, want->id);
    check_str(got->bus, want->bus);
    check_str(got->port, want->port);
    check_str(got->serial, want->serial);
    check_str(got->firmware, want->firmware);
    check_i64(got->twc_id, want->twc_id);
    check_i64(got->protocol, want->protocol);
    check_i64(got->sign, want->sign);
    check_i64(got->hw_max_ma, want->hw_max_ma);
    check_i64(got->told_ma, want->told_ma);
    check_i64(got->energy_wh, want->energy_wh);
    check_i64(got->energy_mws, want->energy_mws);
    check_i64(got->counter_wh, want->counter_wh);
    check_i64(got->anchor_wh, want->anchor_wh);
    check_i64(got->power_w, want->power_w);
    check_i64(got->session_wh, want->session_wh);
    check_i64(got->session_start_utc_ms, want->session_start_utc_ms);
    check_i64(got->session_number, want->session_number);
    check_i64(got->session_open, want->session_open);
    check_i64(got->starts, want->starts);
    check_i64(got->stops_used, want->stops_used);
    check_i64(got->seen_utc_ms, want->seen_utc_ms);
    check_i64(got->sent_boot_ms, want->sent_boot_ms);
    check_i64(got->removed, want->removed);
}

static void a_charger_comes_back_whole(void **state)
{
    struct fixture *f = *state;
    struct store_charger want = a_charger(INT64_C(123456789012));

    check_i64(open_store(f), ERR_OK);
    put(f, INT64_C(1));
    put(f, INT64_C(123456789012));
    reopen(f);
    check_i64(f->image.chargers, 1);
    check_same_charger(&f->image.charger[0], &want);
}

static void many_rows_come_back(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put_many(f, 100);
    reopen(f);
    check_i64(f->image.chargers, 100);
    for (int i = 0; i < 100; i++) {
        check_i64(f->image.charger[i].energy_wh, i);
    }
}

static void settings_and_the_last_good_text_come_back(void **state)
{
    struct fixture *f = *state;
    char *text = test_malloc(100001);

    memset(text, 'x', 100000);
    text[100000] = '\0';
    check_i64(open_store(f), ERR_OK);
    store_put_setting(f->store,
            &(struct store_setting){"circuit/garage", "current_limit", "16000", "32000"});
    store_put_setting(f->store,
            &(struct store_setting){"circuit/garage", "current_limit", "10000", "32000"});
    store_put_setting(f->store, &(struct store_setting){"site", "mode", "it's \"stop\"", ""});
    store_put_good_settings(f->store, "{}");
    store_put_good_settings(f->store, text);
    reopen(f);
    check_i64(f->image.settings, 2);
    check_str(f->image.setting[0].device, "circuit/garage");
    check_str(f->image.setting[0].value, "10000");
    check_str(f->image.setting[0].file_value, "32000");
    check_str(f->image.setting[1].value, "it's \"stop\"");
    check_str(f->image.good_settings, text);
    test_free(text);
}

static void texts_of_modules_come_back_by_their_key(void **state)
{
    struct fixture *f = *state;
    char *text = test_malloc(20001), key[97] = "";

    memset(text, '5', 20000);
    text[20000] = '\0';
    check_i64(open_store(f), ERR_OK);
    assert_null(store_text_of(&f->image, "slots/roof"));
    store_put_text(f->store, "slots/roof", "old");
    store_put_text(f->store, "slots/roof", text);
    store_put_text(f->store, "slots/it's", "");
    memset(key, 'k', 95);
    store_put_text(f->store, key, "long");
    key[95] = 'k'; /* one too long: left out */
    store_put_text(f->store, key, "longer");
    reopen(f);
    check_i64(f->image.texts, 3);
    check_str(store_text_of(&f->image, "slots/roof"), text);
    check_str(store_text_of(&f->image, "slots/it's"), "");
    key[95] = '\0';
    check_str(store_text_of(&f->image, key), "long");
    test_free(text);
}

static struct store_lease a_lease(uint32_t id)
{
    struct store_lease l = {.lease = {.id = id,
                                    .kind = LEASE_CEILING,
                                    .scope = LEASE_CIRCUIT,
                                    .hold = LEASE_UNPLUG,
                                    .ends_at_unplug = true,
                                    .fallen_back = true,
                                    .value_ma = 13000,
                                    .priority = 9,
                                    .since_ms = 5,
                                    .expires_ms = 77,
                                    .owner = "solar",
                                    .reason = "clouds"},
            .device = "circuit/garage",
            .expires_utc_ms = 1790000000000};

    return l;
}

static void check_same_lease(const struct store_lease *got, const struct store_lease *want)
{
    const struct lease *g = &got->lease, *w = &want->lease;

    check_str(got->device, want->device);
    check_i64(got->expires_utc_ms, want->expires_utc_ms);
    check_i64(g->id, w->id);
    check_i64(g->kind, w->kind);
    check_i64(g->scope, w->scope);
    check_i64(g->hold, w->hold);
    check_i64(g->ends_at_unplug, w->ends_at_unplug);
    check_i64(g->fallen_back, w->fallen_back);
    check_i64(g->value_ma, w->value_ma);
    check_i64(g->priority, w->priority);
    check_i64(g->since_ms, w->since_ms);
    check_i64(g->expires_ms, w->expires_ms);
    check_str(g->owner, w->owner);
    check_str(g->reason, w->reason);
}

static void leases_come_back_and_go(void **state)
{
    struct fixture *f = *state;
    struct store_lease a = a_lease(3), b = a_lease(9);

    check_i64(open_store(f), ERR_OK);
    store_put_lease(f->store, &a);
    store_put_lease(f->store, &b);
    reopen(f);
    check_i64(f->image.leases, 2);
    check_same_lease(&f->image.lease[0], &a);
    store_drop_lease(f->store, 3);
    reopen(f);
    check_i64(f->image.leases, 1);
    check_i64(f->image.lease[0].lease.id, 9);
    check_i64(f->image.lease_id, 9);
}

static void an_id_of_a_lease_is_never_used_again(void **state)
{
    struct fixture *f = *state;
    struct store_lease a = a_lease(41), b = a_lease(7);

    check_i64(open_store(f), ERR_OK);
    store_put_lease(f->store, &a);
    store_put_lease(f->store, &b);
    store_drop_lease(f->store, 41);
    store_drop_lease(f->store, 7);
    reopen(f);
    check_i64(f->image.leases, 0);
    check_i64(f->image.lease_id, 41);
}

static void the_time_and_the_boot_of_the_last_write_are_known(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 1);
    reopen(f);
    assert_true(f->image.same_boot);
    check_near(f->image.written_utc_ms, loop_utc_ms(), 10000);
    check_near(f->image.written_boot_ms, loop_now_ms(), 10000);
    close_store(f);
    order(f->path, "UPDATE meta SET value='another' WHERE key='boot_id'");
    check_i64(open_store(f), ERR_OK);
    assert_false(f->image.same_boot);
}

/* ---- when it is acknowledged ---- */

static void energy_is_acknowledged_when_it_is_on_disk(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 4711);
    check_i64(f->acks, 0); /* not yet */
    assert_true(rig_until(&f->loop, &f->acks, 1, WAIT_MS));
    check_i64(f->good, 1);
    check_i64(f->on_disk_wh, 4711);
    assert_true(store_bytes(f->store) > 0);
}

static void on_disk_means_that_a_power_cut_does_not_take_it_back(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db = store_database(f->path, &f->err);
    sqlite3_stmt *q = NULL;

    assert_non_null(db);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA synchronous", -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    check_i64(sqlite3_column_int(q, 0), 2); /* FULL: each commit waits for the disk */
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static void closing_writes_what_waits_behind_a_batch(void **state)
{
    struct fixture *f = *state;

    check_i64(open_store(f), ERR_OK);
    put(f, 1); /* this one goes to the worker at once */
    put(f, 2); /* these wait for it */
    put(f, 3);
    reopen(f);
    check_i64(f->acks, 3);
    check_i64(f->good, 3);
    check_i64(f->image.charger[0].energy_wh, 3);
}

/* ---- events ---- */

static void events_that_nobody_got_come_back_in_order_until_they_are_sent(void **state)
{
    struct fixture *f = *state;
    struct store_event ev = {.topic = "bridge/event", .json = "{}"};

    check_i64(open_store(f), ERR_OK);
    for (int i = 1; i <= 320; i++) {
        ev.utc_ms = i;
        ev.published = i % 2 == 0 && i < 100;
        store_put_event(f->store, &ev);
    }
    reopen(f);
    check_i64(f->image.events, 256); /* the last of the 256 */
    check_i64(f->image.event[0].utc_ms, 31);
    check_i64(f->image.event[1].utc_ms, 33);
    check_i64(f->image.event[255].utc_ms, 320);
    check_str(f->image.event[0].topic, "bridge/event");
    store_put_events_sent(f->store);
    reopen(f);
    check_i64(f->image.events, 0);
}

/* ---- retention ---- */

static void old_decisions_and_events_are_thrown_away(void **state)
{
    struct fixture *f = *state;
    struct store_event ev = {.utc_ms = 1, .topic = "bridge", .json = "{}"};
    struct decision d = {.owner = "mqtt", .reason = "because"};

    check_i64(open_store(f), ERR_OK);
    for (int i = 0; i < 3; i++) {
        static const uint64_t ids[] = {1, 100, 100050};

        d.id = ids[i];
        store_put_decision(f->store, &d, "a1b2", 5);
        store_put_event(f->store, &ev);
    }
    reopen(f);
    check_i64((int64_t)f->image.decision_id, 100050);
    check_i64(ask(f->path, "SELECT count(*) FROM decision"), 2);
    check_i64(ask(f->path, "SELECT min(id) FROM decision"), 100);
    check_i64(ask(f->path, "SELECT count(*) FROM event"), 3);
    close_store(f);
    order(f->path, "UPDATE event SET n=n+10000 WHERE n=3");
    check_i64(open_store(f), ERR_OK);
    store_put_event(f->store, &ev);
    reopen(f);
    check_i64(ask(f->path, "SELECT count(*) FROM event"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_empty_store_is_made_and_gives_nothing),
            T(a_charger_comes_back_whole),
            T(many_rows_come_back),
            T(settings_and_the_last_good_text_come_back),
            T(texts_of_modules_come_back_by_their_key),
            T(leases_come_back_and_go),
            T(an_id_of_a_lease_is_never_used_again),
            T(the_time_and_the_boot_of_the_last_write_are_known),
            T(energy_is_acknowledged_when_it_is_on_disk),
            T(on_disk_means_that_a_power_cut_does_not_take_it_back),
            T(closing_writes_what_waits_behind_a_batch),
            T(events_that_nobody_got_come_back_in_order_until_they_are_sent),
            T(old_decisions_and_events_are_thrown_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
