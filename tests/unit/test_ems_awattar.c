/*
 * test_ems_awattar - prices of aWATTar. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

static const char two_hours[] =
        "{\"object\":\"list\",\"data\":["
        "{\"start_timestamp\":1795608000000,\"end_timestamp\":1795611600000,\"marketprice\":101.47,\"unit\":\"Eur/MWh\"},"
        "{\"start_timestamp\":1795604400000,\"end_timestamp\":1795608000000,\"marketprice\":-0.0555,\"unit\":\"EUR/MWh\"}]}";

static void hours_become_slots_in_order(void **state)
{
    (void)state;
    ems_rig_init(&r, "awattar", "{\"url\":\"https://api.awattar.de/\"}");
    check_i64(r.errs.count, 0);
    r.session.utc_ms = INT64_C(1795605000000);
    check_i64(ems_rig_answer(&r, two_hours), EMS_OK);
    /* A day back, three ahead, by whole hours. */
    check_str(r.request.url,
            "https://api.awattar.de/v1/marketdata?start=1795518000000&end=1795863600000");
    check_i64(r.slots.list[SLOTS_PRICE].n, 2);
    check_slot(&r, SLOTS_PRICE, 0, 1795604400, 3600, -56); /* 0.0000555 EUR, rounded */
    check_slot(&r, SLOTS_PRICE, 1, 1795608000, 3600, 101470);
    check_str(r.slots.currency, "EUR");
    assert_false(ems_rig_more(&r));
}

static void charges_and_tax_are_put_on_also_on_a_negative_price(void **state)
{
    (void)state;
    ems_rig_init(&r, "awattar",
            "{\"url\":\"https://api.awattar.at\",\"charges\":0.0155,\"tax\":20}");
    check_i64(ems_rig_answer(&r, two_hours), EMS_OK);
    check_slot(&r, SLOTS_PRICE, 0, 1795604400, 3600, 18533); /* (-56 + 15500) * 1.2 = 18532.8 */
    check_slot(&r, SLOTS_PRICE, 1, 1795608000, 3600, 140364);
}

static void what_cannot_be_read_costs_its_own_slot(void **state)
{
    (void)state;
    ems_rig_init(&r, "awattar", "{\"url\":\"https://api.awattar.at\"}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"data\":[{\"start_timestamp\":1795604400000,\"end_timestamp\":1795608000000,\"marketprice\":null},"
                    "{\"start_timestamp\":\"x\",\"end_timestamp\":1795608000000,\"marketprice\":1},7,null,"
                    "{\"start_timestamp\":1795611600000,\"end_timestamp\":1795608000000,\"marketprice\":1},"
                    "{\"start_timestamp\":1795608000000,\"end_timestamp\":1795611600000,\"marketprice\":\"12.5\"},"
                    "{\"start_timestamp\":1795611600000,\"end_timestamp\":1795615200000,\"marketprice\":2,\"unit\":\"ct/kWh\"}]}"),
            EMS_OK);
    check_i64(r.slots.list[SLOTS_PRICE].n, 1);
    check_slot(&r, SLOTS_PRICE, 0, 1795608000, 3600, 12500);
    check_has(r.slots.why[SLOTS_PRICE], "not Eur/MWh");
}

static void an_answer_without_data_says_so(void **state)
{
    (void)state;
    ems_rig_init(&r, "awattar", "{\"url\":\"https://api.awattar.at\"}");
    check_i64(ems_rig_answer(&r, "{\"data\":[]}"), EMS_OK);
    check_has(r.slots.why[SLOTS_PRICE], "data is empty");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"error\":\"x\"}"), EMS_DATA);
    check_has(r.e.text, "data is not in the answer");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<html>"), EMS_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(hours_become_slots_in_order),
            cmocka_unit_test(charges_and_tax_are_put_on_also_on_a_negative_price),
            cmocka_unit_test(what_cannot_be_read_costs_its_own_slot),
            cmocka_unit_test(an_answer_without_data_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
