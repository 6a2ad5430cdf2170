/*
 * openHAB's items and events, by hand. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

#define URL     "\"url\":\"http://oh:8080\","
#define OPTIONS "{" URL "\"grid_w\":\"In - Out\",\"pv_w\":\"Roof\",\"soc\":\"Battery\"}"

static enum ems_class push(struct ems_rig *r, const char *text)
{
    const struct ems_answer a = {.pushed = true,
            .status = 200,
            .body = text,
            .len = strlen(text),
            .topic = "message"};

    memset(&r->reports, 0, sizeof(r->reports));
    return ems_rig_parse(r, a);
}

static void changed(struct ems_rig *r, const char *item, const char *value)
{
    char text[400];

    snprintf(text, sizeof(text),
            "{\"topic\":\"openhab/items/%s/statechanged\",\"payload\":\"{\\\"type\\\":\\\"Quantity\\\","
            "\\\"value\\\":\\\"%s\\\"}\",\"type\":\"ItemStateChangedEvent\"}",
            item, value);
    check_i64(push(r, text), EMS_OK);
}

static void a_round(struct ems_rig *r)
{
    ems_rig_round(r);
    check_i64(ems_rig_answer(r, "{\"state\":\"1.25 kW\",\"lastStateUpdate\":1795500000000}"),
            EMS_OK);
    check_str(r->request.url, "http://oh:8080/rest/items/In");
    check_i64(ems_rig_answer(r, "{\"state\":\"250 W\"}"), EMS_OK);
    check_i64(ems_rig_answer(r, "{\"state\":\"NULL\",\"type\":\"Number:Power\"}"), EMS_OK);
    check_i64(ems_rig_answer(r, "{\"state\":\"41\",\"unitSymbol\":\"%\"}"), EMS_OK);
    assert_false(ems_rig_more(r));
}

static void a_round_asks_for_each_item_once(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "openhab", OPTIONS);
    check_i64(r.errs.count, 0);
    a_round(&r);
    check_value(&r, EMS_GRID_W, 1000);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500000000));
    check_none(&r, EMS_PV_W, "Roof is NULL");
    check_value(&r, EMS_SOC_PERMILLE, 410);
    check_i64(r.reports.field[EMS_SOC_PERMILLE].holds, true);
    a_round(&r);
    check_value(&r, EMS_GRID_W, 1000);
}

static void a_plain_state_is_asked_for_where_there_is_no_json(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "openhab", "{" URL "\"grid_w\":\"In - Out\"}");
    check_i64(ems_rig_status(&r, 404, "not found", 9), EMS_OK);
    check_i64(ems_rig_answer(&r, "1.5 kW\n"), EMS_OK);
    check_str(r.request.url, "http://oh:8080/rest/items/In/state");
    check_i64(ems_rig_answer(&r, "{\"state\":\"UNDEF\"}"), EMS_OK);
    check_none(&r, EMS_GRID_W, "Out is UNDEF");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_OK);
    check_i64(ems_rig_status(&r, 404, "", 0), EMS_NOT_FOUND);
    check_str(r.e.text, "");
}

static void an_item_that_there_is_not_costs_no_other(void **state)
{
    static const char gone[] =
            "{\"error\":{\"message\":\"Item In does not exist!\",\"http-code\":404}}";
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "openhab", "{" URL "\"grid_w\":\"In\",\"soc\":\"Battery\"}");
    check_i64(ems_rig_status(&r, 404, gone, strlen(gone)), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"state\":\"50 %\"}"), EMS_OK);
    check_none(&r, EMS_GRID_W, "In is no item of openHAB");
    check_value(&r, EMS_SOC_PERMILLE, 500);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"power\":1}"), EMS_DATA);
    check_has(r.e.text, "no item of openHAB");
}

static void events_tell_of_one_item_and_those_with_it(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "openhab", OPTIONS);
    changed(&r, "In", "2 kW");
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING); /* Out was not heard of */
    a_round(&r);
    changed(&r, "In", "2 kW");
    check_value(&r, EMS_GRID_W, 1750);
    changed(&r, "gPower/Out", "1 kW"); /* of a group */
    check_i64(push(&r, "{\"type\":\"ALIVE\",\"interval\":10}"), EMS_OK);
    check_value(&r, EMS_SOC_PERMILLE, 410);
    changed(&r, "Roof", "12.5 W");
    check_value(&r, EMS_PV_W, 13);
    changed(&r, "Roof", "UNDEF");
    check_none(&r, EMS_PV_W, "Roof is UNDEF");
    check_i64(
            push(&r,
                    "{\"topic\":\"openhab/items/Roof/statepredicted\",\"payload\":\"{\\\"predictedValue\\\":"
                    "\\\"5\\\",\\\"value\\\":\\\"5\\\"}\"}"),
            EMS_OK);
    check_none(&r, EMS_PV_W, "Roof is UNDEF");
    check_i64(
            push(&r, "{\"topic\":\"openhab/items/Roof/removed\",\"payload\":\"{}\"}"), EMS_OK);
    check_none(&r, EMS_PV_W, "Roof was removed from openHAB");
    check_i64(push(&r, "<html>"), EMS_DATA);
}

static void a_meter_without_times_is_told_of_only_when_it_moves(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "openhab",
            "{" URL "\"grid_w\":\"In\",\"current_l1\":\"L1\",\"soc\":\"Battery\"}");
    check_i64(ems_rig_answer(&r, "{\"state\":\"5 W\"}"), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"state\":\"50 %\"}"), EMS_OK);
    check_i64(ems_rig_answer(&r, "{\"state\":\"0 A\"}"), EMS_OK);
    check_value(&r, EMS_GRID_W, 5);
    check_i64(push(&r, "{\"type\":\"ALIVE\"}"), EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    check_value(&r, EMS_SOC_PERMILLE, 500);
    changed(&r, "In", "6 W");
    check_value(&r, EMS_GRID_W, 6);
    check_value(&r, EMS_CURRENT_L1_MA, 0); /* a quiet phase of a meter that lives */
}

static void addresses_and_logins_are_as_they_should_be(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "openhab",
            "{\"url\":\"https://oh:8443/rest/\",\"token\":\"oh.x\",\"grid_w\":\"In - Out\"}");
    check_i64(r.errs.count, 0);
    check_i64(r.warnings.count, 0);
    assert_true(ems_rig_more(&r));
    check_str(r.request.url, "https://oh:8443/rest/items/In");
    check_str(r.request.bearer, "oh.x");
    memset(&r.request, 0, sizeof(r.request));
    assert_true(r.a->listen(r.config, &r.session, 0, &r.request));
    check_str(r.request.url,
            "https://oh:8443/rest/events?topics=openhab/items/In/*,openhab/items/Out/*");
    ems_rig_init(&r, "openhab", "{" URL "\"poll\":true,\"grid_w\":\"9x\"}");
    check_has(r.errs.text[0], "'9x' is not an item such as GridPower");
    assert_false(r.a->listen(r.config, &r.session, 0, &r.request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_round_asks_for_each_item_once),
            cmocka_unit_test(a_plain_state_is_asked_for_where_there_is_no_json),
            cmocka_unit_test(an_item_that_there_is_not_costs_no_other),
            cmocka_unit_test(events_tell_of_one_item_and_those_with_it),
            cmocka_unit_test(a_meter_without_times_is_told_of_only_when_it_moves),
            cmocka_unit_test(addresses_and_logins_are_as_they_should_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
