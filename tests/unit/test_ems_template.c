/*
 * test_ems_template - the template for energy systems does what its remarks say. It shows how an
 * adapter is tested, too. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

extern const struct ems_adapter ems_template;

static struct ems_rig r;

#define OPTIONS \
    "\"url\":\"https://sunbox\",\"auth\":\"header\",\"auth_name\":\"X-Key\",\"token\":\"k3y\""

/* A payload after the recorded shape, with values of our own. */
static const char now[] = "{\"time\":1795500000,\"solar\":{\"kw\":\"1.25\"},"
                          "\"grid\":{\"import\":0,\"export\":640}}";

static void a_round_asks_both_pages_and_reads_units_and_signs(void **state)
{
    (void)state;
    ems_rig_init_adapter(&r, &ems_template, "{" OPTIONS ",\"battery\":true}");
    check_i64(r.errs.count, 0);
    check_i64(ems_rig_answer(&r, now), EMS_OK);
    check_str(r.request.url, "https://sunbox/api/now");
    check_i64(ems_rig_answer(&r, "{\"level\":0.415,\"flow\":-300}"), EMS_OK);
    check_str(r.request.url, "https://sunbox/api/cell");
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, -640);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500000000));
    check_value(&r, EMS_PV_W, 1250);
    check_value(&r, EMS_SOC_PERMILLE, 415);
    check_value(&r, EMS_BATTERY_W, 300);
}

static void what_is_missing_costs_that_field_alone(void **state)
{
    (void)state;
    ems_rig_init_adapter(&r, &ems_template, "{" OPTIONS "}");
    check_i64(ems_rig_answer(&r, "{\"solar\":{\"kw\":\"1.25\"},\"grid\":{\"import\":null}}"),
            EMS_OK);
    assert_false(ems_rig_more(&r)); /* no battery: one page */
    check_none(&r, EMS_GRID_W, "grid.import has no value");
    check_value(&r, EMS_PV_W, 1250);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<html>log in</html>"), EMS_DATA);
    check_has(r.e.text, "a web page");
}

static void every_cut_of_the_answer_is_survived(void **state)
{
    (void)state;
    ems_rig_init_adapter(&r, &ems_template, "{" OPTIONS "}");
    for (size_t n = 0; n < strlen(now); n++) {
        ems_rig_round(&r);
        check_i64(ems_rig_answer_bytes(&r, now, n), EMS_DATA);
    }
}

static void a_login_that_it_does_not_take_is_refused(void **state)
{
    (void)state;
    ems_rig_init_adapter(&r, &ems_template, "{\"url\":\"https://sunbox\"}");
    check_i64(r.errs.count, 1);
    check_has(r.errs.text[0], "sources[0].auth: a Sunbox wants header");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_round_asks_both_pages_and_reads_units_and_signs),
            cmocka_unit_test(what_is_missing_costs_that_field_alone),
            cmocka_unit_test(every_cut_of_the_answer_is_survived),
            cmocka_unit_test(a_login_that_it_does_not_take_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
