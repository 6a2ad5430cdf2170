/*
 * test_ems_kostal - which page a PIKO has is found out and kept, cut pages are survived; the registers of a
 * Plenticore are read in blocks or one by one, in either order of words. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

static const char dxs[] = "{\"dxsEntries\":[{\"dxsId\":33556736,\"value\":1500.0},"
                          "{\"dxsId\":67109120,\"value\":1450.25}],\"status\":{\"code\":0}}";
static const char xml[] =
        "<root><Device Name=\"x\"><Measurements>"
        "<Measurement Value=\"812.6\" Unit=\"W\" Type=\"AC_Power\"/></Measurements></Device></root>";
static const char page[] =
        "<html><td>aktuell</td><td align=\"right\" bgcolor=\"#FFFFFF\">\n\t730</td>"
        "<td>&nbsp W</td></html>";

static void the_page_that_a_device_has_is_found_out_and_kept(void **state)
{
    (void)state;
    ems_rig_init(&r, "kostal", "{\"url\":\"http://piko/\"}");
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_has(
            r.request.url, "http://piko/api/dxs.json?dxsEntries=33556736&dxsEntries=67109120");
    check_i64(ems_rig_answer(&r, xml), EMS_OK);
    check_str(r.request.url, "http://piko/measurements.xml");
    check_value(&r, EMS_PV_W, 813);
    check_none(&r, EMS_GRID_W, "there is no GridPower");
    assert_false(ems_rig_more(&r));
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, xml), EMS_OK);
    check_str(r.request.url, "http://piko/measurements.xml");
    /* Once it is gone, all are tried again. */
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_DATA);
    check_str(r.e.text, "");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, dxs), EMS_OK);
    check_has(r.request.url, "dxs.json");
    check_value(&r, EMS_PV_W, 1450);
}

static void an_address_with_a_page_is_taken_as_it_is(void **state)
{
    (void)state;
    ems_rig_init(&r, "kostal", "{\"url\":\"http://piko/index.fhtml\"}");
    check_i64(ems_rig_answer(&r, page), EMS_OK);
    check_str(r.request.url, "http://piko/index.fhtml");
    check_value(&r, EMS_PV_W, 730);
    assert_false(ems_rig_more(&r));
}

static void a_login_is_asked_for_and_sent(void **state)
{
    (void)state;
    ems_rig_init(&r, "kostal", "{\"url\":\"http://piko\"}");
    check_i64(ems_rig_status(&r, 401, "", 0), EMS_AUTH);
    check_has(r.e.text, "set username (pvserver in most)");
    ems_rig_init(&r, "kostal",
            "{\"url\":\"http://piko\",\"username\":\"pvserver\",\"password\":\"pw\"}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.login_user, "pvserver");
    assert_true(r.request.login_basic);
}

static void every_cut_of_a_page_is_survived(void **state)
{
    static const char *const pages[] = {dxs, xml, page};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        ems_rig_init(&r, "kostal", "{\"url\":\"http://piko/x\"}");
        for (size_t n = 0; n < strlen(pages[i]); n++) {
            ems_rig_round(&r);
            if (ems_rig_answer_bytes(&r, pages[i], n) != EMS_OK) {
                assert_string_not_equal(r.e.text, "");
            }
        }
    }
}

/* ---- Modbus ---- */

static uint16_t word[600];
static bool there[600];
static bool whole; /* blocks are given in one piece, holes as zeros */

static void put_float(int at, uint16_t first, uint16_t second)
{
    word[at] = first;
    word[at + 1] = second;
    there[at] = there[at + 1] = true;
}

static enum ems_class round_of(int *requests)
{
    enum ems_class class = EMS_OK;
    char body[250];

    ems_rig_round(&r);
    while (class == EMS_OK && ems_rig_more(&r)) {
        int status = 200;

        for (int i = 0; i < r.request.count; i++) {
            status = there[r.request.start + i] || (whole && r.request.count > 2) ? status : 2;
            body[2 * i] = (char)(word[r.request.start + i] >> 8);
            body[2 * i + 1] = (char)(word[r.request.start + i] & 0xff);
        }
        class = ems_rig_status(
                &r, status, body, status == 200 ? 2 * (size_t)r.request.count : 0);
    }
    *requests = r.asked;
    return class;
}

static void registers_are_read_in_blocks_or_else_one_by_one(void **state)
{
    int n = 0;

    (void)state;
    memset(word, 0, sizeof(word));
    memset(there, 0, sizeof(there));
    put_float(172, 0x0000, 0x44fa); /* 2000, low word first */
    put_float(252, 0x0000, 0xc47a); /* -1000 */
    whole = false;
    ems_rig_init(&r, "kostal", "{\"host\":\"plenticore\"}");
    check_i64(r.errs.count, 0);
    check_i64(round_of(&n), EMS_OK);
    check_i64(r.request.unit, 71);
    check_value(&r, EMS_PV_W, 2000);
    check_value(&r, EMS_GRID_W, -1000);
    check_none(&r, EMS_BATTERY_W, "register 582 is not given");
    check_none(&r, EMS_CONSUMPTION_W, "register 106 is not given");
    check_i64(round_of(&n), EMS_OK);
    check_i64(n, 24); /* no block is tried again */
    whole = true;
    ems_rig_init(&r, "kostal", "{\"host\":\"plenticore\"}");
    check_i64(round_of(&n), EMS_OK);
    check_i64(n, 9);
    check_value(&r, EMS_GRID_W, -1000);
    check_value(&r, EMS_CONSUMPTION_W, 0);
}

static void the_order_of_words_is_found_out(void **state)
{
    int n = 0;

    (void)state;
    whole = false;
    for (int high = 0; high < 2; high++) {
        for (int frequency = 0; frequency < 2; frequency++) {
            memset(there, 0, sizeof(there));
            word[5] = (uint16_t)(frequency ? !high : high); /* the frequency knows better */
            there[5] = true;
            put_float(172, high ? 0x44fa : 0, high ? 0 : 0x44fa);
            if (frequency) {
                put_float(152, high ? 0x4248 : 0, high ? 0 : 0x4248); /* 50 Hz */
            }
            ems_rig_init(&r, "kostal", "{\"host\":\"plenticore\"}");
            check_i64(round_of(&n), EMS_OK);
            check_value(&r, EMS_PV_W, 2000);
        }
    }
}

static void a_type_of_battery_that_says_none_does_not_outweigh_its_power(void **state)
{
    int n = 0;

    (void)state;
    memset(there, 0, sizeof(there));
    memset(word, 0, sizeof(word));
    whole = false;
    there[5] = there[582] = there[588] = there[514] = true;
    put_float(172, 0x0000, 0x44fa);
    for (int w = 0; w <= 300; w += 300) {
        word[582] = (uint16_t)w;
        ems_rig_init(&r, "kostal", "{\"host\":\"plenticore\"}");
        check_i64(round_of(&n), EMS_OK);
        check_value(&r, EMS_PV_W, 2000 - w);
        if (w == 0) {
            check_none(&r, EMS_BATTERY_W, "there is no battery");
        } else {
            check_value(&r, EMS_BATTERY_W, w);
        }
    }
}

static void a_device_that_gives_nothing_fails_and_the_host_says_why(void **state)
{
    int n = 0;

    (void)state;
    memset(there, 0, sizeof(there));
    whole = false;
    ems_rig_init(&r, "kostal", "{\"host\":\"plenticore\"}");
    check_i64(round_of(&n), EMS_NOT_FOUND);
    check_str(r.e.text, "");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 0, "", 0), EMS_TIMEOUT);
}

static void options_that_do_not_go_together_are_named(void **state)
{
    (void)state;
    ems_rig_init(&r, "kostal", "{}");
    check_has(r.errs.text[0], "sources[0].host: is missing: set host (Modbus) or url");
    ems_rig_init(&r, "kostal", "{\"host\":\"a\",\"url\":\"http://b\"}");
    check_has(r.errs.text[0], "exclude each other");
    ems_rig_init(&r, "kostal", "{\"host\":\"a\",\"unit\":249}");
    check_has(r.errs.text[0], "sources[0].unit: 249 is no unit id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_page_that_a_device_has_is_found_out_and_kept),
            cmocka_unit_test(an_address_with_a_page_is_taken_as_it_is),
            cmocka_unit_test(a_login_is_asked_for_and_sent),
            cmocka_unit_test(every_cut_of_a_page_is_survived),
            cmocka_unit_test(registers_are_read_in_blocks_or_else_one_by_one),
            cmocka_unit_test(the_order_of_words_is_found_out),
            cmocka_unit_test(a_type_of_battery_that_says_none_does_not_outweigh_its_power),
            cmocka_unit_test(a_device_that_gives_nothing_fails_and_the_host_says_why),
            cmocka_unit_test(options_that_do_not_go_together_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
