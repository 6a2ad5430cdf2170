/*
 * test_ems_registers - numbers out of registers: all types, both word orders, what means "not there".
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_registers.h"
#include "tests/support/test.h"

#include <string.h>

static int64_t value(enum reg_type t, uint64_t bits)
{
    int64_t v = -1;

    check_i64(reg_value(bits, t, true, &v), REG_OK);
    return v;
}

static void whole_numbers_are_read_with_their_signs(void **state)
{
    (void)state;
    check_i64(value(REG_U16, 65534), INT64_C(65534000000));
    check_i64(value(REG_S16, 65036), -500 * INT64_C(1000000));
    check_i64(value(REG_U32, 4000000000u), INT64_C(4000000000000000));
    check_i64(value(REG_S32, 0xfffffffe), -2000000);
    check_i64(value(REG_S64, UINT64_MAX), -1000000);
    check_i64(value(REG_U64, 9000000000000u), INT64_C(9000000000000000000));
}

static void floats_are_read_without_floats(void **state)
{
    static const struct {
        enum reg_type t;
        uint64_t bits;
        int64_t micro;
    } cases[] = {{REG_F32, 0x00000000, 0}, {REG_F32, 0x80000000, 0},
            {REG_F32, 0x3f800000, 1000000}, {REG_F32, 0xc0490fdb, -3141593},
            {REG_F32, 0x4548a800, 3210500000}, {REG_F32, 0x3dcccccd, 100000},
            {REG_F32, 0x358637bd, 1}, {REG_F32, 0x00000001, 0},
            {REG_F32, 0x49742400, INT64_C(1000000000000)}, {REG_F32, 0xc500c800, -2060500000},
            {REG_F64, UINT64_C(0x400921fb54442d18), 3141593},
            {REG_F64, UINT64_C(0xc0a0190000000000), -2060500000},
            {REG_F64, UINT64_C(0x3ff0000000000000), 1000000}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_i64(value(cases[i].t, cases[i].bits), cases[i].micro);
    }
}

static void what_means_not_there_is_no_value(void **state)
{
    static const struct {
        enum reg_type t;
        uint64_t bits;
    } cases[] = {{REG_U16, 0xffff}, {REG_S16, 0x8000}, {REG_U32, 0xffffffff},
            {REG_S32, 0x80000000}, {REG_U64, UINT64_MAX}, {REG_S64, UINT64_C(1) << 63},
            {REG_F32, 0x7fc00000}, {REG_F32, 0xffc00000}, {REG_F32, 0x7f800000},
            {REG_F32, 0xff7fffff}, {REG_F64, UINT64_C(0x7ff8000000000000)}};
    int64_t v = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_i64(reg_value(cases[i].bits, cases[i].t, true, &v), REG_ABSENT);
        /* A whole number may be meant, where nobody says otherwise; a float never is. */
        check_i64(reg_value(cases[i].bits, cases[i].t, false, &v),
                cases[i].t >= REG_F32                            ? REG_ABSENT
                : cases[i].t == REG_U64 || cases[i].t == REG_S64 ? REG_TOO_LARGE
                                                                 : REG_OK);
    }
    check_i64(reg_value(0x7f000000, REG_F32, true, &v), REG_TOO_LARGE);
    check_i64(reg_value(UINT64_C(0x7fe0000000000000), REG_F64, true, &v), REG_TOO_LARGE);
}

static void words_stand_in_both_orders_and_nothing_is_read_behind_the_answer(void **state)
{
    const char body[] = "\x12\x34\x56\x78\x9a\xbc\xde\xf0";
    const struct reg_block b = {.body = body, .len = 8, .start = 100};
    char raw[EMS_RAW_ROOM];
    int64_t v = 0;
    uint16_t w = 0;

    (void)state;
    check_i64((int64_t)reg_bits(body, REG_U32, false), 0x12345678);
    check_i64((int64_t)reg_bits(body, REG_U32, true), 0x56781234);
    assert_true(reg_bits(body, REG_U64, true) == UINT64_C(0xdef09abc56781234));
    check_i64(reg_read(&b, 102, REG_U32, true, &v), REG_OK);
    check_i64(v, INT64_C(0xdef09abc) * 1000000);
    check_i64(reg_read(&b, 103, REG_U32, true, &v), REG_OUTSIDE);
    check_i64(reg_read(&b, 99, REG_U16, true, &v), REG_OUTSIDE);
    assert_true(reg_word(&b, 103, &w));
    check_i64(w, 0xdef0);
    assert_false(reg_word(&b, 104, &w));
    reg_raw(raw, &b, 101, 4);
    check_str(raw, "22136 39612 57072");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(whole_numbers_are_read_with_their_signs),
            cmocka_unit_test(floats_are_read_without_floats),
            cmocka_unit_test(what_means_not_there_is_no_value),
            cmocka_unit_test(words_stand_in_both_orders_and_nothing_is_read_behind_the_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
