/*
 * test_ems_forecasts - services of forecasts: what the payloads of tests/data/ems do not show.
 * SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

static struct ems_rig r;

enum { NOON = 1795604400 }; /* 2026-11-25 11:00 UTC */

static void start(const char *adapter, const char *options)
{
    ems_rig_init(&r, adapter, options);
    check_i64(r.errs.count, 0);
    r.session.utc_ms = (int64_t)NOON * 1000;
}

static enum ems_class too_often(const char *body)
{
    return ems_rig_status(&r, 429, body, strlen(body));
}

static const char *why(void)
{
    return r.slots.why[SLOTS_FORECAST];
}

static void forecast_solar_asks_with_its_key_in_the_path(void **state)
{
    (void)state;
    start("forecast_solar",
            "{\"url\":\"https://api.forecast.solar\",\"token\":\"abcd\",\"latitude\":-33.865,\"longitude\":151.2,"
            "\"azimuth\":180,\"kwp\":6.6,\"damping\":0.25}");
    assert_true(ems_rig_more(&r));
    check_str(r.request.url,
            "https://api.forecast.solar/abcd/estimate/-33.865/151.2/30/180/6.6?time=utc&damping=0.25");
    ems_rig_init(&r, "forecast_solar", "{\"url\":\"https://x\",\"token\":\"a?b\"}");
    check_has(r.errs.text[0], "sources[0].token: holds a blank");
}

static void forecast_solar_says_how_long_it_wants_to_be_left_alone(void **state)
{
    (void)state;
    start("forecast_solar", "{\"url\":\"https://api.forecast.solar\",\"latitude\":52}");
    check_i64(
            too_often(
                    "{\"result\":\"x\",\"message\":{\"code\":429,\"text\":\"Rate limit\",\"ratelimit\":"
                    "{\"retry-at\":\"2026-11-25T12:30:00+01:00\"}}}"),
            EMS_RATE);
    check_i64(r.session.wait_s, 1800);
    r.session.wait_s = 0;
    ems_rig_round(&r);
    check_i64(
            too_often("{\"message\":{\"ratelimit\":{\"retry-at\":\"2036-01-01T00:00:00Z\"}}}"),
            EMS_RATE);
    check_i64(r.session.wait_s, 0); /* that cannot be meant */
}

static void forecast_solar_takes_no_time_without_a_zone(void **state)
{
    (void)state;
    start("forecast_solar", "{\"url\":\"https://api.forecast.solar\",\"latitude\":52}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"result\":{\"watts\":{\"2026-11-25 11:00:00\":5,\"2026-11-25 12:00:00\":9}},\"message\":{\"code\":0}}"),
            EMS_OK);
    check_has(why(), "no offset");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"result\":{\"watts\":{}}}"), EMS_OK);
    check_has(why(), "watts is empty");
    ems_rig_round(&r);
    check_i64(
            ems_rig_answer(&r,
                    "{\"result\":{\"watts\":{\"2026-11-25T11:00:00+00:00\":5,\"2026-11-25T12:00:00+00:00\":null,"
                    "\"2026-11-25T13:00:00+00:00\":100,\"2026-11-25T14:00:00+00:00\":101}}}"),
            EMS_OK);
    check_i64(r.slots.list[SLOTS_FORECAST].n, 1); /* none from or to what is not known */
    check_slot(&r, SLOTS_FORECAST, 0, NOON + 7200, 3600, 101);
}

static void solcast_wants_a_period_that_it_knows(void **state)
{
    (void)state;
    start("forecast_solcast",
            "{\"url\":\"https://s.x\",\"resource_id\":\"ab-1\",\"estimate\":\"high\"}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"forecasts\":[{\"pv_estimate90\":1,\"period_end\":\"2026-11-25T11:30:00.0000000Z\",\"period\":\"P1D\"},"
                    "{\"pv_estimate90\":null,\"period_end\":\"2026-11-25T11:30:00Z\",\"period\":\"PT30M\"},"
                    "{\"pv_estimate90\":-0.1,\"period_end\":\"2026-11-25T11:30:00Z\",\"period\":\"PT30M\"},"
                    "{\"pv_estimate90\":2.5005,\"period_end\":\"2026-11-25T12:00:00Z\",\"period\":\"PT60M\"}]}"),
            EMS_OK);
    check_str(r.request.url, "https://s.x/rooftop_sites/ab-1/forecasts?format=json&hours=96");
    check_i64(r.slots.list[SLOTS_FORECAST].n, 1);
    check_slot(&r, SLOTS_FORECAST, 0, NOON, 3600, 2501);
    check_i64(r.a->calls(r.config), 10);
    check_i64(r.a->plan->kind, EMS_PLAN_DAYLIGHT);
    ems_rig_round(&r);
    check_i64(ems_rig_status(&r, 403, "", 0), EMS_AUTH);
    check_has(r.e.text, "API key (token)");
    ems_rig_init(&r, "forecast_solcast", "{\"url\":\"https://s.x\"}");
    check_has(r.errs.text[0], "resource_id: is missing");
}

static void open_meteo_obeys_the_inverter(void **state)
{
    (void)state;
    start("open_meteo",
            "{\"url\":\"https://o.x\",\"latitude\":48,\"longitude\":11,\"kwp\":10,\"efficiency\":100,\"limit_w\":6000}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"minutely_15\":{\"time\":[1795604400,1795605300,1795606200],\"temperature_2m\":[25,-10,25],"
                    "\"global_tilted_irradiance_instant\":[0,1000,5000]}}"),
            EMS_OK);
    check_i64(r.slots.list[SLOTS_FORECAST].n, 1);
    check_slot(
            &r, SLOTS_FORECAST, 0, NOON, 900, 3000); /* (0 + 6000) / 2; 5000 W/m2 cannot be */
    check_has(why(), "cannot be");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(
                      &r, "{\"error\":true,\"reason\":\"Daily API request limit exceeded\"}"),
            EMS_RATE);
}

static void openweathermap_is_an_estimate_by_clouds_and_sun(void **state)
{
    const struct slot *clear, *cloudy;

    (void)state;
    start("openweathermap",
            "{\"url\":\"https://w.x\",\"token\":\"abcd\",\"latitude\":48.1,\"longitude\":11.6,\"kwp\":10}");
    check_i64(
            ems_rig_answer(&r,
                    "{\"hourly\":[{\"dt\":1782039600,\"temp\":20,\"clouds\":0},{\"dt\":1782043200,\"temp\":293.15,\"clouds\":100},"
                    "{\"dt\":1782046800,\"temp\":20,\"clouds\":101},{\"dt\":1782050400,\"temp\":45,\"clouds\":0}]}"),
            EMS_OK);
    check_str(r.request.url,
            "https://w.x/data/3.0/onecall?lat=48.1&lon=11.6&units=metric&exclude=minutely,alerts&appid=abcd");
    check_has(why(), "not 0 to 100");
    check_i64(r.slots.list[SLOTS_FORECAST].n, 3);
    clear = &r.slots.list[SLOTS_FORECAST].slot[0];
    cloudy = &r.slots.list[SLOTS_FORECAST].slot[1];
    assert_true(clear->value > 8000 && clear->value < 9000);
    check_near(cloudy->value, clear->value / 4, clear->value / 50);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"cod\":\"400\",\"message\":\"wrong latitude\"}"), EMS_DATA);
    check_has(r.e.text, "wrong latitude");
}

static void a_forecast_is_never_a_measurement(void **state)
{
    static const char *const names[] = {
            "forecast_solar", "forecast_solcast", "open_meteo", "openweathermap"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct ems_adapter *a = ems_find(names[i]);

        assert_non_null(a);
        check_i64(a->fields(NULL), 0);
        check_i64(a->slots(NULL), SLOTS_BIT(SLOTS_FORECAST));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(forecast_solar_asks_with_its_key_in_the_path),
            cmocka_unit_test(forecast_solar_says_how_long_it_wants_to_be_left_alone),
            cmocka_unit_test(forecast_solar_takes_no_time_without_a_zone),
            cmocka_unit_test(solcast_wants_a_period_that_it_knows),
            cmocka_unit_test(open_meteo_obeys_the_inverter),
            cmocka_unit_test(openweathermap_is_an_estimate_by_clouds_and_sun),
            cmocka_unit_test(a_forecast_is_never_a_measurement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
