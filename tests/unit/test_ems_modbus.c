/*
 * test_ems_modbus - any device over Modbus, register by register: what is asked for at once, word
 * orders, factors, sums, what means "not there", what a refusal costs. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_reg_expr.h"
#include "tests/support/ems_rig.h"

static struct ems_rig r;

#define START "{\"host\":\"inverter\",\"unit\":3,"

/* The next request is for these registers and gives these words. */
static enum ems_class words(int function, int start, const char *body, size_t len)
{
    if (!ems_rig_more(&r)) {
        fail_msg("no request");
    }
    check_i64(r.request.unit, 3);
    check_i64(r.request.function, function);
    check_i64(r.request.start, start);
    check_i64(r.request.count, (int64_t)len / 2);
    return ems_rig_answer_bytes(&r, body, len);
}
#define WORDS(function, start, body) words((function), (start), (body), sizeof(body) - 1)

static void neighbours_are_read_at_once_and_other_kinds_apart(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus",
            START
            "\"pv_w\":\"u16:673 * 10 + u16:672 * 10 - u32:674\",\"grid_w\":\"input:s32:820\","
            "\"soc\":\"u16:700 * 0.1\",\"voltage_l1\":\"u16:676 * 0.1\"}");
    check_i64(r.errs.count, 0);
    check_i64(WORDS(3, 672, "\0\x64\0\xc8\0\0\0\x02\x08\xfd"), EMS_OK);
    check_value(&r, EMS_PV_W, 1000 + 2000 - 2);
    check_str(r.reports.field[EMS_PV_W].raw, "200");
    check_value(&r, EMS_VOLTAGE_L1_MV, 230100);
    check_i64(WORDS(3, 700, "\x02\x6e"), EMS_OK);
    check_value(&r, EMS_SOC_PERMILLE, 622);
    check_i64(WORDS(4, 820, "\xff\xff\xfe\x0c"), EMS_OK);
    check_value(&r, EMS_GRID_W, -500);
    assert_false(ems_rig_more(&r));
}

static void a_gap_is_read_along_where_it_is_allowed_and_a_block_has_an_end(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus",
            START "\"gap\":2,\"block\":4,\"grid_w\":\"s16:10 + s16:13 + s16:14\"}");
    check_i64(WORDS(3, 10, "\0\1\0\0\0\0\0\2"), EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING); /* one is still to come */
    check_i64(WORDS(3, 14, "\0\4"), EMS_OK);
    check_value(&r, EMS_GRID_W, 7);
}

static void words_in_either_order_and_offsets(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus",
            START
            "\"grid_w\":\"f32:0:swapped\",\"pv_w\":\"-s16:2 * 0.5 + 100\",\"current_l1\":\"f32:0x3\"}");
    check_i64(WORDS(3, 0, "\x50\x00\x44\x9a\xff\xfe\xc0\x20\0\0"), EMS_OK);
    check_value(&r, EMS_GRID_W, 1235); /* 1234.5 */
    check_value(&r, EMS_PV_W, 101);
    check_value(&r, EMS_CURRENT_L1_MA, -2500);
}

static void what_means_not_there_is_no_value_or_the_default(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus",
            START
            "\"grid_w\":\"s32:0:nan\",\"pv_w\":\"s32:2:nan // 0\",\"battery_w\":\"f32:4\","
            "\"soc\":\"u16:6\"}");
    check_i64(WORDS(3, 0, "\x80\0\0\0\x80\0\0\0\x7f\xc0\0\0\0\x37"), EMS_OK);
    check_none(&r, EMS_GRID_W, "holding register 0 holds no value");
    check_value(&r, EMS_PV_W, 0);
    check_none(&r, EMS_BATTERY_W, "holding register 4 holds no value");
    check_value(&r, EMS_SOC_PERMILLE, 550);
}

static void the_highest_number_means_not_there_too_where_somebody_says_so(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus",
            START "\"grid_w\":\"s32:0:nan\",\"pv_w\":\"s16:2\",\"soc\":\"s16:3:nan\"}");
    check_i64(WORDS(3, 0, "\x7f\xff\xff\xff\x7f\xff\x7f\xff"), EMS_OK);
    check_none(&r, EMS_GRID_W, "holds no value");
    check_value(&r, EMS_PV_W, 32767);
    check_none(&r, EMS_SOC_PERMILLE, "holds no value");
}

static void a_refusal_costs_the_values_that_are_made_of_it(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus", START "\"grid_w\":\"s16:0\",\"pv_w\":\"s16:0 + input:s16:9\"}");
    check_i64(WORDS(3, 0, "\0\5"), EMS_OK);
    check_i64(ems_rig_status(&r, 2, "", 0), EMS_OK);
    check_value(&r, EMS_GRID_W, 5);
    check_none(&r, EMS_PV_W, "input register 9 is refused (exception 2)");
    /* Where nothing is left, it is the round that fails, and the host says why. */
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 11, "", 0), EMS_OK);
    check_i64(ems_rig_status(&r, 11, "", 0), EMS_TIMEOUT);
    check_str(r.e.text, "");
}

static void an_answer_of_another_length_is_none(void **state)
{
    (void)state;
    ems_rig_init(&r, "modbus", START "\"grid_w\":\"s32:0\"}");
    for (size_t n = 0; n < 4; n++) {
        ems_rig_round(&r);
        check_i64(ems_rig_answer_bytes(&r, "\0\0\0", n), EMS_DATA);
    }
}

static void what_cannot_be_is_refused_with_a_sentence(void **state)
{
    static const struct {
        const char *expr, *why;
    } cases[] = {{"820", "numbers alone are no values"},
            {"register", "'register' is no register"}, {"s31:820", "'s31' is none of u16 s16"},
            {"s32:", "is no register"}, {"s32:65535", "no address from 0 to 65535"},
            {"u16:400123", "no address"}, {"u16:0x1g", "no address"},
            {"u16:5:big", "none of swapped and nan"}, {"u16:5:", "no register"},
            {"coil:u16:5", "'coil' is none of u16"}, {"u16:5 * x", "'x' is not a number"},
            {"u16:5 / 10", "none of + - * //"}, {"u16:5 // 0 1", "behind the end"},
            {"u16:5 +", "no register"},
            {"u16:1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1", "more than 8 terms"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char options[300];

        (void)snprintf(options, sizeof(options), START "\"pv_w\":\"%s\"}", cases[i].expr);
        ems_rig_init(&r, "modbus", options);
        check_i64(r.errs.count, 1);
        check_has(r.errs.text[0], i == 0 ? "sources[0].grid_w" : "sources[0].pv_w: ");
        check_has(r.errs.text[0], cases[i].why);
    }
    ems_rig_init(&r, "modbus", "{\"device\":\"/dev/x\",\"baud\":9601,\"pv_w\":\"u16:1\"}");
    check_i64(r.errs.count, 1);
    check_has(r.errs.text[0], "sources[0].baud: 9601 is not a speed");
    ems_rig_init(&r, "modbus", "{\"host\":\"a\",\"device\":\"/dev/x\",\"unit\":250}");
    check_i64(r.errs.count, 3);
    check_has(r.errs.text[0], "host and device exclude each other");
    check_has(r.errs.text[1], "sources[0].unit: 250 is no unit id");
    check_has(r.errs.text[2], "nothing is read");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(neighbours_are_read_at_once_and_other_kinds_apart),
            cmocka_unit_test(a_gap_is_read_along_where_it_is_allowed_and_a_block_has_an_end),
            cmocka_unit_test(words_in_either_order_and_offsets),
            cmocka_unit_test(what_means_not_there_is_no_value_or_the_default),
            cmocka_unit_test(the_highest_number_means_not_there_too_where_somebody_says_so),
            cmocka_unit_test(a_refusal_costs_the_values_that_are_made_of_it),
            cmocka_unit_test(an_answer_of_another_length_is_none),
            cmocka_unit_test(what_cannot_be_is_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
