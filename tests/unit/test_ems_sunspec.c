/*
 * test_ems_sunspec - looking for the map of models, reading it whole and point by point, and what a
 * device that changes or falls silent meanwhile makes of it. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

#include <stdio.h>

enum { UNIT = 1, BASE = 40000, WORDS = 400 };

static struct ems_rig r;

/* A device: what it has from BASE on; words of `hole` are refused, and so is a read of more than
 * `most` words. */
static struct {
    uint16_t word[WORDS];
    int used, unit, base, most, silent_from;
    bool hole[WORDS];
} dev;

static int put(int at, const uint16_t *words, int n)
{
    memcpy(&dev.word[at], words, (size_t)n * sizeof(*words));
    dev.used = at + n > dev.used ? at + n : dev.used;
    return at + n;
}

/* A model of so many words whose points are set later. */
static int model(int at, uint16_t id, uint16_t len)
{
    const uint16_t head[2] = {id, len};

    (void)put(at, head, 2);
    for (int i = 0; i < len; i++) {
        dev.word[at + 2 + i] = 0xffff;
    }
    dev.used = at + 2 + len;
    return at + 2 + len;
}

/* SunS, 1, 103 (40069), 203 (40121), the end. */
static void plain_device(void)
{
    const uint16_t suns[2] = {0x5375, 0x6e53}, end[2] = {0xffff, 0};
    const uint16_t ac[2] = {2500, 0}, grid[5] = {(uint16_t)-1200, 0x8000, 0x8000, 0x8000, 0};
    int at;

    memset(&dev, 0, sizeof(dev));
    dev.unit = UNIT;
    dev.base = BASE;
    dev.most = 125;
    dev.silent_from = INT32_MAX;
    at = model(put(0, suns, 2), 1, 65);
    (void)put(at + 14, ac, 2);
    at = model(at, 103, 50);
    (void)put(69 + 14, ac, 2);
    at = model(at, 203, 105);
    (void)put(121 + 18, grid, 5);
    (void)put(at, end, 2);
}

/* One request answered by the device; false: the round was over. */
static bool step(enum ems_class *class)
{
    char body[2 * 125];
    int status = 200;

    if (!ems_rig_more(&r)) {
        return false;
    }
    check_i64(r.request.function, 3);
    assert_true(r.request.count > 0 && r.request.count <= 125);
    if (r.request.unit != dev.unit || r.asked >= dev.silent_from) {
        status = 0;
    } else if (r.request.count > dev.most) {
        status = 3;
    }
    for (int i = 0; status == 200 && i < r.request.count; i++) {
        int at = r.request.start + i - dev.base;

        if (at < 0 || at >= dev.used || dev.hole[at]) {
            status = 2;
        } else {
            body[2 * i] = (char)(dev.word[at] >> 8);
            body[2 * i + 1] = (char)(dev.word[at] & 0xff);
        }
    }
    *class = ems_rig_status(&r, status, body, status == 200 ? 2 * (size_t)r.request.count : 0);
    return true;
}

static enum ems_class round_of(int *requests)
{
    enum ems_class class = EMS_OK;

    ems_rig_round(&r);
    while (class == EMS_OK && r.asked < 200 && step(&class)) {
        continue;
    }
    *requests = r.asked;
    return class;
}

static void the_map_is_looked_for_once_and_then_read_in_one_request_a_model(void **state)
{
    int n = 0;

    (void)state;
    plain_device();
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
    check_i64(round_of(&n), EMS_OK);
    check_i64(n, 1 + 4 + 2);
    check_value(&r, EMS_GRID_W, -1200);
    check_value(&r, EMS_PV_W, 2500);
    check_i64(round_of(&n), EMS_OK);
    check_i64(n, 2);
    check_value(&r, EMS_GRID_W, -1200);
}

static void a_unit_id_that_nobody_set_is_found_and_kept(void **state)
{
    int n = 0;

    (void)state;
    plain_device();
    dev.unit = 126;
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
    check_i64(round_of(&n), EMS_OK);
    check_value(&r, EMS_PV_W, 2500);
    check_i64(round_of(&n), EMS_OK);
    check_i64(n, 2);
    check_i64(r.request.unit, 126);
    dev.unit = 5; /* none of those that are tried */
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
    check_i64(round_of(&n), EMS_NOT_FOUND);
    check_has(r.e.text, "no unit id from 1 to 247 shows SunSpec");
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"unit\":1}");
    check_i64(round_of(&n), EMS_TIMEOUT);
    check_str(r.e.text, ""); /* the host says that unit 1 is silent */
}

static void a_map_at_another_place_is_found(void **state)
{
    static const int bases[] = {40000, 0, 50000};
    int n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        plain_device();
        dev.base = bases[i];
        ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
        check_i64(round_of(&n), EMS_OK);
        check_value(&r, EMS_PV_W, 2500);
    }
    dev.base = 30000;
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"unit\":1}");
    check_i64(round_of(&n), EMS_NOT_FOUND);
    check_has(r.e.text, "unit id 1 shows no SunSpec: check the unit id (unit)");
}

static void a_device_that_gives_few_registers_at_once_is_read_point_by_point(void **state)
{
    int n = 0;

    (void)state;
    plain_device();
    dev.most = 10;
    dev.hole[121 + 8] = true; /* one of the meter's voltages cannot be read at all */
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
    check_i64(round_of(&n), EMS_OK);
    check_value(&r, EMS_GRID_W, -1200);
    check_value(&r, EMS_PV_W, 2500);
    check_i64(r.reports.field[EMS_VOLTAGE_L1_MV].said, EMS_SAID_NONE);
    check_i64(round_of(&n), EMS_OK);
    check_i64(n, 4 + 3);
    check_value(&r, EMS_GRID_W, -1200);
}

static void models_that_moved_are_looked_up_anew(void **state)
{
    int n = 0;

    (void)state;
    plain_device();
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
    check_i64(round_of(&n), EMS_OK);
    dev.word[121] = 201; /* another meter */
    check_i64(round_of(&n), EMS_DATA);
    check_has(r.e.text, "models of the device have changed");
    check_i64(round_of(&n), EMS_OK);
    check_value(&r, EMS_GRID_W, -1200);
}

static void silence_ends_a_round_and_a_half_known_map_is_no_map(void **state)
{
    int n = 0, whole = 0;

    (void)state;
    plain_device();
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"unit\":1}");
    check_i64(round_of(&whole), EMS_OK);
    for (int i = 0; i < whole; i++) {
        ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"unit\":1}");
        dev.silent_from = i;
        check_i64(round_of(&n), EMS_TIMEOUT);
        dev.silent_from = INT32_MAX;
        check_i64(round_of(&n), EMS_OK);
        check_value(&r, EMS_GRID_W, -1200);
        check_value(&r, EMS_PV_W, 2500);
    }
}

static void a_map_without_an_end_has_an_end(void **state)
{
    int n = 0, at = 2;

    (void)state;
    plain_device();
    while (at < WORDS - 3) { /* models of one word, as many as there are */
        at = model(at, 900, 1);
    }
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"unit\":1}");
    check_i64(round_of(&n), EMS_NOT_FOUND);
    check_has(r.e.text, "no inverter, meter or battery");
    assert_true(n < 110);
    plain_device();
    dev.used = 228; /* the end marker is not there: what follows the last model is refused */
    check_i64(round_of(&n), EMS_OK);
    check_value(&r, EMS_PV_W, 2500);
}

static void scale_factors_are_powers_of_ten_and_nothing_else(void **state)
{
    static const struct {
        uint16_t scale;
        int64_t want;
    } cases[] = {{0, 2500}, {(uint16_t)-2, 25}, {1, 25000}, {0x8000, 2500}};
    int n = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        plain_device();
        dev.word[69 + 15] = cases[i].scale;
        ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\"}");
        check_i64(round_of(&n), EMS_OK);
        check_value(&r, EMS_PV_W, cases[i].want);
    }
    dev.word[69 + 15] = 77;
    check_i64(round_of(&n), EMS_OK);
    check_none(&r, EMS_PV_W, "too large");
}

static void options_say_what_the_meter_is(void **state)
{
    int n = 0;

    (void)state;
    plain_device();
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"measures\":\"pv\"}");
    check_i64(round_of(&n), EMS_OK);
    check_value(&r, EMS_PV_W, 1200);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"meter\":2}");
    check_i64(round_of(&n), EMS_OK);
    check_none(&r, EMS_GRID_W, "there is no meter");
    ems_rig_init(&r, "sunspec", "{\"host\":\"inverter\",\"meter\":0}");
    check_i64(round_of(&n), EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    check_value(&r, EMS_PV_W, 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_map_is_looked_for_once_and_then_read_in_one_request_a_model),
            cmocka_unit_test(a_unit_id_that_nobody_set_is_found_and_kept),
            cmocka_unit_test(a_map_at_another_place_is_found),
            cmocka_unit_test(a_device_that_gives_few_registers_at_once_is_read_point_by_point),
            cmocka_unit_test(models_that_moved_are_looked_up_anew),
            cmocka_unit_test(silence_ends_a_round_and_a_half_known_map_is_no_map),
            cmocka_unit_test(a_map_without_an_end_has_an_end),
            cmocka_unit_test(scale_factors_are_powers_of_ten_and_nothing_else),
            cmocka_unit_test(options_say_what_the_meter_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
