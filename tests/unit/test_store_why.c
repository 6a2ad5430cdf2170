/*
 * The decisions of a store, as `twcbridge why` asks for them. SPDX-License-Identifier: MIT
 */
#include "bridge/store/store_why.h"
#include "tests/support/store_rig.h"

enum { TOLD_MAX = 20 };

struct told {
    int rows;
    char charger[TOLD_MAX][8];
    int64_t at_ms[TOLD_MAX], next_ms[TOLD_MAX];
    int32_t after_ma[TOLD_MAX];
    bool last[TOLD_MAX];
    char words[200];
};

static void on_row(void *user, const struct store_why *w)
{
    struct told *t = user;

    str_copy(t->charger[t->rows], sizeof(t->charger[0]), w->charger);
    t->at_ms[t->rows] = w->utc_ms;
    t->next_ms[t->rows] = w->next_utc_ms;
    t->after_ma[t->rows] = w->after_ma;
    t->last[t->rows++] = w->last;
    str_format(t->words, sizeof(t->words), "%d %d %d %d %s %s %s", w->before_ma, w->after_ma,
            w->requested_ma, w->booked_ma, w->limited_by, w->owner, w->reason);
}

static void decide(
        struct fixture *f, uint64_t id, const char *charger, int64_t utc_ms, int32_t ma)
{
    struct decision d = {.id = id,
            .before_ma = ma - 1000,
            .after_ma = ma,
            .requested_ma = 16000,
            .booked_ma = 12000,
            .limited_by = LIMITED_CIRCUIT,
            .owner = "solar",
            .reason = "because"};

    store_put_decision(f->store, &d, charger, utc_ms);
}

/* Two chargers, one of which decides often: the other must not be crowded out. */
static void fill(struct fixture *f)
{
    check_i64(open_store(f), ERR_OK);
    decide(f, 1, "c3d4", 1000, 6000);
    for (uint64_t i = 2; i < 9; i++) {
        decide(f, i, "a1b2", (int64_t)i * 1000, (int32_t)i * 1000);
    }
    put(f, 1);
    assert_true(rig_until(&f->loop, &f->good, 1, WAIT_MS));
}

static struct told ask_why(struct fixture *f, const char *charger, int64_t at_ms, int rows)
{
    struct store_why_query q = {
            .dir = f->dir, .charger = charger, .at_utc_ms = at_ms, .rows = rows};
    struct told t = {.rows = 0};

    memset(&f->err, 0, sizeof(f->err));
    enum err_code code = store_why(&q, on_row, &t, &f->err);

    check_i64(code, f->err.code);
    return t;
}

static void each_charger_tells_its_newest_decisions_oldest_first(void **state)
{
    struct fixture *f = *state;
    struct told t;

    fill(f); /* and the store is still in use */
    t = ask_why(f, NULL, 100000, 3);
    check_i64(t.rows, 4);
    for (int i = 0; i < 3; i++) {
        check_str(t.charger[i], "a1b2");
        check_i64(t.after_ma[i], (i + 6) * 1000);
        check_i64(t.last[i], i == 2);
        check_i64(t.next_ms[i], i == 2 ? 0 : (i + 7) * 1000);
    }
    check_str(t.charger[3], "c3d4");
    assert_true(t.last[3]);
    check_str(t.words, "5000 6000 16000 12000 circuit solar because");
}

static void a_time_tells_what_was_in_force_then_and_until_when(void **state)
{
    struct fixture *f = *state;
    struct told t;

    fill(f);
    t = ask_why(f, "a1b2", 4999, 1);
    check_i64(t.rows, 1);
    check_i64(t.at_ms[0], 4000);
    check_i64(t.next_ms[0], 5000);
    assert_true(t.last[0]);
    t = ask_why(f, "a1b2", 5000, 1);
    check_i64(t.at_ms[0], 5000);
    t = ask_why(f, "a1b2", 1999, 1); /* before its first */
    check_i64(t.rows, 0);
    check_i64(f->err.code, ERR_OK);
}

static void a_charger_that_is_not_there_is_answered_with_those_that_are(void **state)
{
    struct fixture *f = *state;

    fill(f);
    ask_why(f, "beef", 100000, 1);
    check_i64(f->err.code, ERR_NOT_FOUND);
    check_has(f->err.text, "charger beef");
    check_has(f->err.text, "a1b2, c3d4");
}

static void a_store_that_is_not_there_or_not_ours_is_said(void **state)
{
    struct fixture *f = *state;

    ask_why(f, NULL, 1, 1);
    check_i64(f->err.code, ERR_NOT_FOUND);
    check_has(f->err.text, "no such file");
    order(f->path, "CREATE TABLE recipes (x)");
    ask_why(f, NULL, 1, 1);
    check_i64(f->err.code, ERR_IO);
    check_has(f->err.text, "no such table");
    order(f->path, "PRAGMA user_version=99");
    ask_why(f, NULL, 1, 1);
    check_i64(f->err.code, ERR_REFUSED);
    check_has(f->err.text, "newer version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(each_charger_tells_its_newest_decisions_oldest_first),
            T(a_time_tells_what_was_in_force_then_and_until_when),
            T(a_charger_that_is_not_there_is_answered_with_those_that_are),
            T(a_store_that_is_not_there_or_not_ours_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
