/*
 * test_buf - growing, the cap, sticky failure, handing over. SPDX-License-Identifier: MIT
 */
#include "bridge/base/buf.h"
#include "tests/support/test.h"

static void it_collects_and_is_always_terminated(void **state)
{
    CLEANUP(buf_finish) struct buf b;

    (void)state;
    buf_init(&b, 1000);
    check_str(buf_text(&b), "");
    buf_adds(&b, "one");
    buf_addc(&b, ' ');
    buf_addf(&b, "%d-%s", 2, "three");
    buf_add(&b, "\0x", 2);
    check_str(buf_text(&b), "one 2-three");
    check_i64((int64_t)b.len, 13);
    check_i64(b.data[13], 0);
    assert_true(buf_ok(&b));
}

static void the_cap_is_exact(void **state)
{
    CLEANUP(buf_finish) struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_adds(&b, "12345");
    assert_true(buf_ok(&b));
    check_str(buf_text(&b), "12345");
    buf_addc(&b, '6');
    assert_false(buf_ok(&b));
    check_str(buf_text(&b), "12345");
}

static void the_first_failure_sticks(void **state)
{
    CLEANUP(buf_finish) struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_addf(&b, "%s", "too long for it");
    buf_adds(&b, "ok");
    assert_false(buf_ok(&b));
    check_str(buf_text(&b), "");
    assert_null(buf_take(&b));
}

static void a_reset_forgives_and_keeps_the_cap(void **state)
{
    CLEANUP(buf_finish) struct buf b;

    (void)state;
    buf_init(&b, 3);
    buf_adds(&b, "abc");
    buf_adds(&b, "d");
    buf_reset(&b);
    assert_true(buf_ok(&b));
    check_str(buf_text(&b), "");
    buf_adds(&b, "xyz");
    assert_true(buf_ok(&b));
    buf_adds(&b, "!");
    assert_false(buf_ok(&b));
}

static void taking_empties_it(void **state)
{
    struct buf b;
    char *text;

    (void)state;
    buf_init(&b, 100);
    buf_adds(&b, "mine");
    text = buf_take(&b);
    check_str(text, "mine");
    free(text);
    check_i64((int64_t)b.len, 0);
    text = buf_take(&b);
    check_str(text, ""); /* empty is a text too */
    free(text);
    buf_adds(&b, "again");
    check_str(buf_text(&b), "again");
    buf_finish(&b);
}

static void a_zeroed_one_is_empty_and_takes_nothing(void **state)
{
    struct buf b = {0};

    (void)state;
    check_str(buf_text(&b), "");
    buf_adds(&b, "");
    assert_true(buf_ok(&b));
    buf_adds(&b, "x");
    assert_false(buf_ok(&b));
    buf_finish(&b);
    buf_finish(&b);
}

static void a_huge_length_does_not_wrap_around(void **state)
{
    CLEANUP(buf_finish) struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_adds(&b, "abc");
    buf_add(&b, "x", SIZE_MAX - 1);
    assert_false(buf_ok(&b));
    check_str(buf_text(&b), "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_collects_and_is_always_terminated),
            cmocka_unit_test(the_cap_is_exact),
            cmocka_unit_test(the_first_failure_sticks),
            cmocka_unit_test(a_reset_forgives_and_keeps_the_cap),
            cmocka_unit_test(taking_empties_it),
            cmocka_unit_test(a_zeroed_one_is_empty_and_takes_nothing),
            cmocka_unit_test(a_huge_length_does_not_wrap_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
