/*
 * test_ems_prices - services of prices: what the payloads of tests/data/ems do not show.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "tests/support/ems_rig.h"

static struct ems_rig r;

enum { NOON = 1795604400 }; /* 2026-11-25 11:00 UTC */

static void start(const char *adapter, const char *options)
{
    ems_rig_init(&r, adapter, options);
    check_i64(r.errs.count, 0);
    r.session.utc_ms = (int64_t)NOON * 1000;
}

static const char *why(void)
{
    return r.slots.why[SLOTS_PRICE];
}

/* ---- what all share ---- */

static void numbers_are_scaled_and_rounded_half_away_from_zero(void **state)
{
    static const struct {
        const char *json;
        int64_t scale, want;
        bool ok;
    } rows[] = {{"12.3456785", 1000000, 12345679, true},
            {"-12.3456785", 1000000, -12345679, true}, {"\"0.25\"", 1000, 250, true},
            {"1e2", 10, 1000, true}, {"0.0004", 1000, 0, true}, {"0.0005", 1000, 1, true},
            {"\"x\"", 1, 0, false}, {"null", 1, 0, false}, {"true", 1, 0, false},
            {"1e300", 1, 0, false}, {"[1]", 1, 0, false}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        struct json_object *root;
        int64_t v = 0;

        (void)str_format(text, sizeof(text), "[%s]", rows[i].json);
        root = json_parse(text, strlen(text), NULL);
        assert_int_equal(ems_scaled(json_item(root, 0), rows[i].scale, &v), rows[i].ok);
        check_i64(v, rows[i].ok ? rows[i].want : 0);
        json_put(root);
    }
}

static void times_are_instants_in_any_form(void **state)
{
    int64_t s = 0;

    (void)state;
    assert_true(ems_moment_text("2026-11-25T11:00Z", &s));
    check_i64(s, NOON);
    assert_true(ems_moment_text("2026-11-25T12:00:00.000+01:00", &s));
    check_i64(s, NOON);
    assert_true(ems_moment_text("2026-11-25T12:00+01:00", &s));
    check_i64(s, NOON);
    assert_false(ems_moment_text("2026-11-25T11:00", &s)); /* of which zone? */
    assert_false(ems_moment_text("2026-11-25 11:00:00", &s));
    assert_false(ems_moment_text("", &s));
}

static void a_page_is_put_behind_a_host_and_replaces_no_path(void **state)
{
    struct ems_request q;
    char text[EMS_MICRO_ROOM];

    (void)state;
    assert_true(ems_list_page(&q, "https://api.x/", "/v1?a=1"));
    check_str(q.url, "https://api.x/v1?a=1");
    assert_true(ems_list_page(&q, "https://api.x:8443", "/v1"));
    check_str(q.url, "https://api.x:8443/v1");
    assert_true(ems_list_page(&q, "https://api.x/own/page?b=2", "/v1"));
    check_str(q.url, "https://api.x/own/page?b=2");
    check_str(ems_micro(text, 52160000), "52.16");
    check_str(ems_micro(text, -500000), "-0.5");
    check_str(ems_micro(text, -13000000), "-13");
    check_str(ems_micro(text, 0), "0");
    check_str(ems_date(text, NOON + 11 * 3600, 7200), "2026-11-26");
}

/* ---- Tibber ---- */

static void tibber_tells_errors_that_come_with_status_200(void **state)
{
    (void)state;
    start("tibber", "{\"url\":\"https://api.tibber.com\",\"token\":\"abcdef\"}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"errors\":[{\"message\":\"x\",\"extensions\":{\"code\":\"UNAUTHENTICATED\"}}]}"),
            EMS_AUTH);
    check_str(r.request.url, "https://api.tibber.com/v1-beta/gql");
    check_str(r.request.bearer, "abcdef");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(
                      &r, "{\"errors\":[{\"message\":\"Too many requests\"}],\"data\":null}"),
            EMS_RATE);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"errors\":[{\"message\":\"broken\"}]}"), EMS_DATA);
    check_has(r.e.text, "Tibber says: broken");
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 503, "<html>", 6), EMS_DATA);
    check_str(r.e.text, ""); /* the host's sentence about the status holds */
    ems_rig_round(&r);
    check_i64(
            ems_rig_answer(&r,
                    "{\"data\":{\"viewer\":{\"homes\":[{\"id\":\"a\",\"currentSubscription\":null}]}}}"),
            EMS_NOT_FOUND);
    check_has(r.e.text, "no home has a contract");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"data\":{}}"), EMS_DATA);
}

static void tibber_takes_the_price_of_now_where_there_is_no_list(void **state)
{
    (void)state;
    start("tibber",
            "{\"url\":\"https://api.tibber.com\",\"token\":\"abcdef\",\"charges\":0.01}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"data\":{\"viewer\":{\"homes\":[{\"id\":\"a\",\"currentSubscription\":{\"priceInfo\":{"
                    "\"current\":{\"total\":0.25,\"startsAt\":\"2026-11-25T12:00:00.000+01:00\",\"currency\":\"EUR\"},"
                    "\"today\":[],\"tomorrow\":null}}}]}}}"),
            EMS_OK);
    check_i64(r.slots.list[SLOTS_PRICE].n, 1);
    check_slot(&r, SLOTS_PRICE, 0, NOON, 900, 260000);
}

/* ---- Octopus ---- */

static void octopus_follows_pages_but_to_no_other_host(void **state)
{
    (void)state;
    start("octopus",
            "{\"url\":\"https://api.octopus.energy/\",\"product\":\"GO-1\",\"region\":\"C\"}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"next\":\"https://evil.example/steal?page=2&page_size=250\",\"results\":[]}"),
            EMS_OK);
    check_str(r.request.url,
            "https://api.octopus.energy/v1/products/GO-1/electricity-tariffs/E-1R-GO-1-C/standard-unit-rates/"
            "?period_from=2026-11-24T00:00:00Z&period_to=2026-11-30T00:00:00Z&page_size=250");
    assert_true(ems_rig_more(&r));
    check_str(r.request.url,
            "https://api.octopus.energy/v1/products/GO-1/electricity-tariffs/E-1R-GO-1-C/standard-unit-rates/"
            "?page=2&page_size=250");
    check_i64(ems_rig_answer(&r, "{\"next\":null,\"results\":[]}"), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_has(why(), "no rates for these days");
    ems_rig_round(&r); /* nothing of the last round is left */
    check_i64(
            ems_rig_answer(&r,
                    "{\"results\":[{\"value_inc_vat\":1,\"payment_method\":\"NON_DIRECT_DEBIT\"}]}"),
            EMS_OK);
    assert_false(ems_rig_more(&r));
    check_has(why(), "no rate is for this payment_method");
}

static void octopus_pages_have_an_end(void **state)
{
    int pages = 0;

    (void)state;
    start("octopus", "{\"url\":\"https://o.x/rates/\"}");
    while (ems_rig_more(&r)) {
        check_i64(ems_rig_answer(&r, "{\"next\":\"https://o.x/rates/?page=9\",\"results\":[]}"),
                EMS_OK);
        pages++;
    }
    check_i64(pages, 8);
}

static void octopus_wants_a_product_and_a_region(void **state)
{
    (void)state;
    ems_rig_init(&r, "octopus", "{\"url\":\"https://api.octopus.energy\",\"region\":\"Z\"}");
    check_i64(r.errs.count, 2);
    check_has(r.errs.text[0], "sources[0].product: is missing");
    check_has(r.errs.text[1], "from A to P");
}

/* ---- Nord Pool ---- */

static void nordpool_asks_for_the_days_of_central_europe(void **state)
{
    (void)state;
    start("nordpool",
            "{\"url\":\"https://dataportal-api.nordpoolgroup.com\",\"area\":\"SE3\",\"currency\":\"SEK\"}");
    r.session.utc_ms = INT64_C(1795649400000); /* 23:30 UTC: the 26th there */
    assert_true(ems_rig_more(&r));
    check_str(r.request.url,
            "https://dataportal-api.nordpoolgroup.com/api/DayAheadPrices?date=2026-11-26&market=DayAhead"
            "&deliveryArea=SE3&currency=SEK");
    check_i64(
            ems_rig_answer(&r,
                    "{\"multiAreaEntries\":[{\"deliveryStart\":\"2026-11-25T23:00:00Z\",\"deliveryEnd\":\"2026-11-25T23:15:00Z\","
                    "\"entryPerArea\":{\"SE1\":10,\"SE2\":20}}],\"currency\":\"SEK\"}"),
            EMS_OK);
    check_has(why(), "the area is not in entryPerArea");
    check_i64(r.slots.list[SLOTS_PRICE].n, 0);
    assert_true(ems_rig_more(&r));
    check_has(r.request.url, "date=2026-11-27");
}

static void nordpool_reads_a_sensor_in_mwh(void **state)
{
    (void)state;
    start("nordpool",
            "{\"url\":\"http://ha:8123\",\"entity\":\"sensor.p\",\"token\":\"abcdef\"}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"attributes\":{\"currency\":\"EUR\",\"unit_of_measurement\":\"EUR/MWh\",\"raw_today\":["
                    "{\"start\":\"2026-11-25T12:00:00+01:00\",\"end\":\"2026-11-25T13:00:00+01:00\",\"value\":\"88.5\"}]}}"),
            EMS_OK);
    check_slot(&r, SLOTS_PRICE, 0, NOON, 3600, 88500);
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 404, "{}", 2), EMS_NOT_FOUND);
    check_has(r.e.text, "no entity 'sensor.p'");
}

/* ---- ENTSO-E ---- */

#define SERIES(more, resolution, points)                                                 \
    "<Publication_MarketDocument><TimeSeries>" more                                      \
    "<Period><timeInterval><start>2026-11-25T11:00Z</start><end>2026-11-25T13:00Z</end>" \
    "</timeInterval><resolution>" resolution "</resolution>" points                      \
    "</Period></TimeSeries></Publication_MarketDocument>"

static void entsoe_repeats_what_is_left_out_and_no_more(void **state)
{
    (void)state;
    start("entsoe", "{\"url\":\"https://web-api.tp.entsoe.eu\",\"token\":\"abcdef\"}");
    check_i64(
            ems_rig_answer(&r,
                    SERIES("", "PT30M",
                            "<Point><position>2</position><price.amount>5</price.amount></Point>"
                            "<Point><position>9</position><price.amount>7</price.amount></Point>")),
            EMS_OK);
    check_str(r.request.url,
            "https://web-api.tp.entsoe.eu/api?documentType=A44&in_Domain=10Y1001A1001A82H&"
            "out_Domain=10Y1001A1001A82H&periodStart=202611240000&periodEnd=202611270000&securityToken=abcdef");
    check_i64(
            r.slots.list[SLOTS_PRICE].n, 3); /* the first is not known, the ninth is outside */
    check_slot(&r, SLOTS_PRICE, 0, NOON + 1800, 1800, 5000);
    check_slot(&r, SLOTS_PRICE, 2, NOON + 5400, 1800, 5000);
}

static void entsoe_tells_what_it_cannot_use(void **state)
{
    (void)state;
    start("entsoe", "{\"url\":\"https://e.x\",\"token\":\"abcdef\"}");
    check_i64(
            ems_rig_answer(&r,
                    SERIES("", "P1D",
                            "<Point><position>1</position><price.amount>5</price.amount></Point>")),
            EMS_OK);
    check_has(why(), "no timeInterval or resolution");
    ems_rig_round(&r);
    check_i64(
            ems_rig_answer(&r, SERIES("<price_Measure_Unit.name>KWH</price_Measure_Unit.name>",
                                       "PT60M", "")),
            EMS_OK);
    check_has(why(), "not MWH");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "<a><b>1</b></a>"), EMS_DATA);
    check_has(r.e.text, "no Publication_MarketDocument");
    ems_rig_round(&r);
    check_i64(
            ems_rig_answer(&r,
                    "<Acknowledgement_MarketDocument><Reason><code>999</code><text>Delivered time interval is not valid.</text></Reason></Acknowledgement_MarketDocument>"),
            EMS_DATA);
    check_has(r.e.text, "Delivered time interval");
    ems_rig_init(&r, "entsoe", "{\"url\":\"https://e.x\",\"domain\":\"DE\"}");
    check_has(r.errs.text[0], "is not an EIC code");
}

/* ---- Energy-Charts ---- */

static void energy_charts_refuses_another_unit(void **state)
{
    (void)state;
    start("energy_charts", "{\"url\":\"https://e.x\",\"zone\":\"CH\"}");
    check_i64(ems_rig_answer(&r,
                      "{\"unix_seconds\":[1795604400],\"price\":[1],\"unit\":\"ct / kWh\"}"),
            EMS_DATA);
    check_str(r.request.url, "https://e.x/price?bzn=CH&start=2026-11-24&end=2026-11-27");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r,
                      "{\"unix_seconds\":[1795604400],\"price\":[1],\"unit\":\"CHF / MWh\"}"),
            EMS_OK);
    check_str(r.slots.currency, "CHF");
    check_slot(&r, SLOTS_PRICE, 0, NOON, 3600, 1000);
}

/* ---- any list ---- */

static void any_list_of_start_end_and_value_is_read(void **state)
{
    static const char *const lists[] = {"%s", "{\"rates\":%s}", "{\"result\":{\"rates\":%s}}",
            "{\"prices\":%s}", "{\"slots\":%s}", "{\"data\":%s}", "{\"result\":%s}"};
    char text[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const char *at = strstr(lists[i], "%s");

        start("prices", "{\"url\":\"http://x/y\",\"unit\":\"mwh\"}");
        (void)str_format(text, sizeof(text),
                "%.*s[{\"start\":1795604400000,\"end\":\"2026-11-25T11:30Z\",\"value\":88.5}]%s",
                (int)(at - lists[i]), lists[i], at + 2);
        check_i64(ems_rig_answer(&r, text), EMS_OK);
        check_slot(&r, SLOTS_PRICE, 0, NOON, 1800, 88500);
    }
    start("prices", "{\"url\":\"http://x/y\",\"kind\":\"forecast\",\"tax\":50}");
    check_i64(
            ems_rig_answer(&r,
                    "[{\"start\":1795604400,\"value\":1500.6},{\"start\":1795606200,\"value\":1}]"),
            EMS_OK);
    check_slot(&r, SLOTS_FORECAST, 0, NOON, 1800, 1501);
}

static void what_is_no_list_and_no_known_service_is_told(void **state)
{
    static const char *const wrong[] = {
            "{}", "[]", "[1,2]", "{\"rates\":{}}", "{\"rates\":[[1]]}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        start("prices", "{\"url\":\"http://x/y\"}");
        check_i64(ems_rig_answer(&r, wrong[i]), EMS_DATA);
        check_has(r.e.text, "no list of start, end and value");
    }
    start("prices", "{\"url\":\"http://x/y\"}");
    check_i64(ems_rig_answer(&r, "[{\"start\":\"2026-11-25 11:00\",\"value\":1}]"), EMS_OK);
    check_has(why(), "no time with an offset");
    start("prices", "{\"url\":\"http://x/y\",\"kind\":\"forecast\"}");
    check_i64(ems_rig_answer(&r, "{\"unix_seconds\":[1795604400],\"price\":[1]}"), EMS_DATA);
    check_has(r.e.text, "gives prices (kind)");
}

static void an_answer_of_a_known_service_is_read_as_that_one_does(void **state)
{
    (void)state;
    start("prices", "{\"url\":\"http://x/y\",\"charges\":0.1}");
    check_i64(ems_rig_answer(&r,
                      "{\"unix_seconds\":[1795604400],\"price\":[50],\"unit\":\"EUR / MWh\"}"),
            EMS_OK);
    check_slot(&r, SLOTS_PRICE, 0, NOON, 3600, 150000);
    check_str(r.slots.currency, "EUR");
    start("prices", "{\"url\":\"http://x/y\"}");
    check_i64(
            ems_rig_answer(&r,
                    SERIES("", "PT60M",
                            "<Point><position>1</position><price.amount>5</price.amount></Point>")),
            EMS_OK);
    check_i64(r.slots.list[SLOTS_PRICE].n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(numbers_are_scaled_and_rounded_half_away_from_zero),
            cmocka_unit_test(times_are_instants_in_any_form),
            cmocka_unit_test(a_page_is_put_behind_a_host_and_replaces_no_path),
            cmocka_unit_test(tibber_tells_errors_that_come_with_status_200),
            cmocka_unit_test(tibber_takes_the_price_of_now_where_there_is_no_list),
            cmocka_unit_test(octopus_follows_pages_but_to_no_other_host),
            cmocka_unit_test(octopus_pages_have_an_end),
            cmocka_unit_test(octopus_wants_a_product_and_a_region),
            cmocka_unit_test(nordpool_asks_for_the_days_of_central_europe),
            cmocka_unit_test(nordpool_reads_a_sensor_in_mwh),
            cmocka_unit_test(entsoe_repeats_what_is_left_out_and_no_more),
            cmocka_unit_test(entsoe_tells_what_it_cannot_use),
            cmocka_unit_test(energy_charts_refuses_another_unit),
            cmocka_unit_test(any_list_of_start_end_and_value_is_read),
            cmocka_unit_test(what_is_no_list_and_no_known_service_is_told),
            cmocka_unit_test(an_answer_of_a_known_service_is_read_as_that_one_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
