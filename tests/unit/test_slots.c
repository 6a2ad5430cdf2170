/*
 * test_slots - lists of prices and forecasts: normal form, merging, text. SPDX-License-Identifier: MIT
 */
#include "bridge/core/slots.h"
#include "tests/support/test.h"

enum { T = 1800000000, Q = 900, H = 3600 }; /* T is a full hour */

static struct slots a, b, c;
static char text[SLOTS_TEXT_ROOM];

static const char *shown(const struct slots *s)
{
    assert_true(slots_text(s, text, sizeof(text)));
    return text;
}

static int setup(void **state)
{
    (void)state;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(&c, 0, sizeof(c));
    return 0;
}

static void slots_come_sorted_and_a_gap_stays_a_gap(void **state)
{
    (void)state;
    assert_true(slots_add(&a, T + 3 * H, T + 4 * H, 30));
    assert_true(slots_add(&a, T, T + H, -10));
    assert_true(slots_add(&a, T + H, T + 2 * H, 0));
    check_str(shown(&a), "1800000000+3600=-10 +3600=0 1800010800+3600=30");
    check_i64(slots_at(&a, T)->value, -10);
    check_i64(slots_at(&a, T + H - 1)->value, -10);
    check_i64(slots_at(&a, T + H)->value, 0);
    assert_null(slots_at(&a, T + 2 * H));
    assert_null(slots_at(&a, T - 1));
    assert_null(slots_at(&a, T + 4 * H));
    check_i64(slots_next(&a, T - 1)->value, -10);
    check_i64(slots_next(&a, T)->value, 0);
    check_i64(slots_next(&a, T + 2 * H)->value, 30);
    assert_null(slots_next(&a, T + 3 * H));
    check_i64(slots_until(&a, T), T + 2 * H);
    check_i64(slots_until(&a, T + 2 * H), T + 2 * H);
    check_i64(slots_count(&a, T, T + 3 * H), 2);
    check_i64(slots_lowest(&a, T + H, T + 9 * H)->value, 0);
    assert_null(slots_lowest(&a, T + 4 * H, T + 9 * H));
}

static void the_finer_of_two_that_overlap_holds_whichever_came_first(void **state)
{
    static const char want[] = "1800000000+900=5 +900=1 +1800=5";

    (void)state;
    assert_true(slots_add(&a, T, T + H, 5));
    assert_true(slots_add(&a, T + Q, T + 2 * Q, 1));
    check_str(shown(&a), want);
    assert_true(slots_add(&b, T + Q, T + 2 * Q, 1));
    assert_true(slots_add(&b, T, T + H, 5));
    check_str(shown(&b), want);
    /* What is left of an hour stays an hour: a half hour still takes its place. */
    assert_true(slots_add(&b, T + 2 * Q, T + 4 * Q, 7));
    check_str(shown(&b), "1800000000+900=5 +900=1 +1800=7");
    assert_true(slots_add(&b, T, T + H, 9));
    check_str(shown(&b), "1800000000+900=9 +900=1 +1800=7");
}

static void of_equally_fine_ones_the_later_call_holds(void **state)
{
    (void)state;
    assert_true(slots_add(&a, T, T + H, 5));
    assert_true(slots_add(&a, T, T + H, 6));
    check_str(shown(&a), "1800000000+3600=6");
    assert_true(slots_add(&a, T + H / 2, T + H + H / 2, 7));
    check_str(shown(&a), "1800000000+1800=6 +3600=7");
}

static void a_newer_answer_takes_the_place_of_what_it_speaks_of(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        assert_true(slots_add(&a, T + i * Q, T + (i + 1) * Q, i));
    }
    assert_true(slots_add(&b, T + 2 * Q, T + 6 * Q, 50)); /* coarser, and newer */
    slots_take(&a, &b);
    check_str(shown(&a), "1800000000+900=0 +900=1 +3600=50 +900=6 +900=7");
}

static void what_is_no_span_of_our_time_is_refused(void **state)
{
    (void)state;
    assert_false(slots_add(&a, T, T, 1));
    assert_false(slots_add(&a, T + 1, T, 1));
    assert_false(slots_add(&a, 0, T, 1));
    assert_false(slots_add(&a, -5, -4, 1));
    assert_false(slots_add(&a, T, INT64_MAX, 1));
    check_i64(a.n, 0);
}

static void more_than_fits_loses_the_latest_and_says_so(void **state)
{
    (void)state;
    for (int i = SLOTS_MAX + 10; i >= 0; i--) { /* newest first, as some answer */
        assert_true(slots_add(&a, T + i * Q, T + (i + 1) * Q, i));
    }
    check_i64(a.n, SLOTS_MAX);
    assert_true(a.cut);
    check_i64(a.slot[0].value, 0);
    check_i64(a.slot[SLOTS_MAX - 1].value, SLOTS_MAX - 1);
    assert_true(slots_add(&a, T + 999 * H, T + 1000 * H, 1));
    check_i64(a.n, SLOTS_MAX);
    assert_true(slots_add(&a, T + Q / 3, T + Q / 2, 1)); /* splits one */
    check_i64(a.n, SLOTS_MAX);
    check_i64(slots_at(&a, T + Q / 3)->value, 1);
}

static void what_is_over_or_too_far_ahead_is_dropped(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        assert_true(slots_add(&a, T + i * H, T + (i + 1) * H, i));
    }
    slots_keep(&a, T + 2 * H, T + 4 * H);
    check_str(shown(&a), "1800007200+3600=2 +3600=3");
    slots_keep(&a, T + 9 * H, T + 99 * H);
    check_i64(a.n, 0);
    slots_keep(&a, T, T + H);
    check_i64(a.n, 0);
}

static void a_sum_is_known_where_both_are(void **state)
{
    (void)state;
    assert_true(slots_add(&a, T, T + H, 100));
    assert_true(slots_add(&a, T + H, T + 2 * H, 200));
    assert_true(slots_add(&b, T + H / 2, T + H, 10));
    assert_true(slots_add(&b, T + H, T + 3 * H, 20));
    slots_sum(&a, &b, &c);
    check_str(shown(&c), "1800001800+1800=110 +3600=220");
    check_i64(slots_integral(&c, T, T + 9 * H), 110 * 1800 + 220 * 3600);
    check_i64(slots_integral(&c, T + H - 10, T + H + 10), 1100 + 2200);
}

static void the_text_goes_there_and_back_and_nonsense_is_refused(void **state)
{
    static const char *const wrong[] = {"x", "1800000000", "1800000000+", "1800000000+900",
            "1800000000+900=", "1800000000+900=1 ", "1800000000+900=1  +900=2", "+900=1",
            "1800000000+0=1", "1800000000+-900=1", "1800000000+900=1,+900=2",
            "1800000000+900=1 1800000000+900=1", "99999999999+900=1",
            "1800000000+9223372036854775807=1", "1800000000+900=1x"};

    (void)state;
    for (int i = 0; i < SLOTS_MAX; i++) { /* as long as it can be: each with a gap */
        assert_true(slots_add(&a, T + i * 2 * H, T + i * 2 * H + H, INT64_MIN + i));
    }
    assert_true(slots_text(&a, text, sizeof(text)));
    assert_true(slots_parse(&b, text));
    check_i64(b.n, SLOTS_MAX);
    assert_memory_equal(&a.slot, &b.slot, sizeof(a.slot));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        if (slots_parse(&b, wrong[i]) || b.n != 0) {
            fail_msg("'%s' was taken", wrong[i]);
        }
    }
    assert_true(slots_parse(&b, ""));
    check_i64(b.n, 0);
    assert_false(slots_text(&a, text, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup(slots_come_sorted_and_a_gap_stays_a_gap, setup),
            cmocka_unit_test_setup(
                    the_finer_of_two_that_overlap_holds_whichever_came_first, setup),
            cmocka_unit_test_setup(of_equally_fine_ones_the_later_call_holds, setup),
            cmocka_unit_test_setup(a_newer_answer_takes_the_place_of_what_it_speaks_of, setup),
            cmocka_unit_test_setup(what_is_no_span_of_our_time_is_refused, setup),
            cmocka_unit_test_setup(more_than_fits_loses_the_latest_and_says_so, setup),
            cmocka_unit_test_setup(what_is_over_or_too_far_ahead_is_dropped, setup),
            cmocka_unit_test_setup(a_sum_is_known_where_both_are, setup),
            cmocka_unit_test_setup(the_text_goes_there_and_back_and_nonsense_is_refused, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
