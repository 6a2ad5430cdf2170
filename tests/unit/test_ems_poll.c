/*
 * test_ems_poll - pace and back-off of a source. SPDX-License-Identifier: MIT
 */
#include "bridge/core/ems_poll.h"
#include "tests/support/test.h"

static const struct ems_pace local = {.interval_ms = 10000, .cloud = false};
static const struct ems_pace cloud = {.interval_ms = 60000, .cloud = true};

static int64_t wait(struct ems_poll *p, const struct ems_pace *pace, enum ems_poll_result r,
        int32_t asked_s)
{
    return ems_poll_wait(p, pace, r, asked_s, 0);
}

static void failures_double_the_wait_up_to_a_cap_and_a_success_ends_that(void **state)
{
    static const int64_t want[] = {10000, 20000, 40000, 80000, 160000, 300000, 300000};
    static const int64_t want_cloud[] = {
            60000, 120000, 240000, 480000, 960000, 1800000, 1800000};
    struct ems_poll a = {0}, b = {0};

    (void)state;
    for (size_t i = 0; i < 7; i++) {
        check_i64(wait(&a, &local, EMS_POLL_FAILED, -1), want[i]);
        check_i64(wait(&b, &cloud, EMS_POLL_FAILED, -1), want_cloud[i]);
    }
    for (int i = 0; i < 1000; i++) {
        check_i64(wait(&a, &local, EMS_POLL_FAILED, -1), 300000);
    }
    check_i64(wait(&a, &local, EMS_POLL_OK, -1), 10000);
    check_i64(wait(&a, &local, EMS_POLL_FAILED, -1), 10000);
}

static void a_slow_source_is_never_asked_faster_than_its_pace(void **state)
{
    const struct ems_pace slow = {.interval_ms = 900000, .cloud = false};
    struct ems_poll p = {0};

    (void)state;
    check_i64(wait(&p, &slow, EMS_POLL_FAILED, -1), 900000);
    check_i64(wait(&p, &slow, EMS_POLL_FAILED, -1), 900000);
    check_i64(wait(&p, &slow, EMS_POLL_TOO_OFTEN, 5), 900000);
}

static void a_refused_login_rests_ten_minutes_and_who_asks_to_wait_is_obeyed(void **state)
{
    struct ems_poll p = {0};

    (void)state;
    check_i64(wait(&p, &local, EMS_POLL_REFUSED, -1), 600000);
    check_i64(wait(&p, &local, EMS_POLL_TOO_OFTEN, -1), 300000);
    check_i64(wait(&p, &local, EMS_POLL_TOO_OFTEN, 7), 10000);
    check_i64(wait(&p, &local, EMS_POLL_TOO_OFTEN, 3600), 3600000);
    check_i64(wait(&p, &local, EMS_POLL_FAILED, 1200), 1200000);
    check_i64(wait(&p, &local, EMS_POLL_TOO_OFTEN, INT32_MAX), 86400000);
}

static void jitter_is_a_tenth_at_most_and_never_shortens(void **state)
{
    (void)state;
    for (uint32_t random = 0; random < 100000; random += 7) {
        struct ems_poll p = {0};
        int64_t ms = ems_poll_wait(&p, &local, EMS_POLL_FAILED, -1, random * 40503u);

        assert_true(ms >= 10000 && ms <= 11000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(failures_double_the_wait_up_to_a_cap_and_a_success_ends_that),
            cmocka_unit_test(a_slow_source_is_never_asked_faster_than_its_pace),
            cmocka_unit_test(a_refused_login_rests_ten_minutes_and_who_asks_to_wait_is_obeyed),
            cmocka_unit_test(jitter_is_a_tenth_at_most_and_never_shortens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
