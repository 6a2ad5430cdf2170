/*
 * test_ems_tibber - the live power of a Tibber Pulse. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "tests/support/ems_rig.h"

static struct ems_rig r;
static struct ems_request q;

static const char options[] =
        "{\"url\":\"https://api.tibber.com\",\"token\":\"tok\\\"en\",\"live\":true}";

static enum ems_class message(const char *text)
{
    const struct ems_answer a = {
            .pushed = true, .status = 200, .body = text, .len = strlen(text)};

    return ems_rig_parse(&r, a);
}

/* The login tells where the live power is. */
static void told(const char *url, const char *pulse)
{
    char text[600];
    struct ems_answer a = {
            .status = 200, .body = text, .cookies = "", .content_type = "", .topic = ""};

    ems_rig_init(&r, "tibber", options);
    (void)str_format(text, sizeof(text),
            "{\"data\":{\"viewer\":{\"websocketSubscriptionUrl\":\"%s\",\"homes\":[{\"id\":\"0a-1b\",\"features\":"
            "{\"realTimeConsumptionEnabled\":%s}}]}}}",
            url, pulse);
    a.len = strlen(text);
    memset(&q, 0, sizeof(q));
    assert_true(r.a->login(r.config, &r.session, 0, &q));
    check_i64(r.a->logged_in(r.config, &r.session, &a, &r.e), EMS_OK);
}

static bool says(int i)
{
    memset(&q, 0, sizeof(q));
    return r.a->say(r.config, &r.session, i, &q);
}

static bool listens(void)
{
    memset(&q, 0, sizeof(q));
    return r.a->listen(r.config, &r.session, 0, &q);
}

static void its_address_comes_with_the_prices(void **state)
{
    (void)state;
    ems_rig_init(&r, "tibber", options);
    assert_false(listens()); /* not known yet */
    told("wss://websocket-api.tibber.com/v1-beta/gql/subscriptions", "true");
    check_str(q.body,
            "{\"query\":\"{viewer{websocketSubscriptionUrl homes{id features{realTimeConsumptionEnabled}}}}\"}");
    check_str(q.url, "https://api.tibber.com/v1-beta/gql");
    assert_true(listens());
    check_str(q.url, "wss://websocket-api.tibber.com/v1-beta/gql/subscriptions");
    check_str(q.header[0], "Sec-WebSocket-Protocol: graphql-transport-ws");
    assert_true(q.bare);
    assert_false(r.a->listen(r.config, &r.session, 1, &q));
    told("wss://websocket-api.tibber.com/x", "false");
    assert_false(listens()); /* no Pulse */
    check_i64(
            ems_rig_answer(&r,
                    "{\"data\":{\"viewer\":{\"homes\":[{\"id\":\"0a-1b\",\"currentSubscription\":{\"priceInfo\":{}}}]}}}"),
            EMS_OK);
    check_none(&r, EMS_GRID_W, "no Pulse");
    ems_rig_init(&r, "tibber", "{\"url\":\"https://api.tibber.com\",\"token\":\"t\"}");
    check_i64(r.a->fields(r.config), 0); /* not asked for */
    assert_false(listens());
    assert_false(r.a->login(r.config, &r.session, 0, &q));
}

static void the_token_goes_to_no_other_domain_and_not_in_the_clear(void **state)
{
    static const char *const wrong[] = {"wss://tibber.com.evil.example/x",
            "wss://eviltibber.com/x", "wss://evil.example/api.tibber.com",
            "ws://websocket-api.tibber.com/x", "https://api.tibber.com/x", "wss://com/x", "",
            "wss://evil.example/?x=.tibber.com"};
    static const char *const good[] = {"wss://api.tibber.com/x", "wss://a.b.tibber.com:8443/x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        told(wrong[i], "true");
        if (listens()) {
            fail_msg("'%s' gets the token", wrong[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        told(good[i], "true");
        assert_true(listens());
    }
}

static void it_is_asked_for_once_the_token_is_taken_each_time_anew(void **state)
{
    (void)state;
    told("wss://websocket-api.tibber.com/x", "true");
    r.session.opened = 1;
    assert_true(says(0));
    check_str(q.body, "{\"type\":\"connection_init\",\"payload\":{\"token\":\"tok\\\"en\"}}");
    assert_false(says(1));
    check_i64(message("{\"type\":\"connection_ack\"}"), EMS_OK);
    assert_true(says(1));
    check_has(q.body, "liveMeasurement(homeId:\\\"0a-1b\\\")");
    assert_false(says(2));
    check_i64(message("{\"type\":\"ping\"}"), EMS_OK);
    assert_true(says(2));
    check_str(q.body, "{\"type\":\"pong\"}");
    assert_false(says(3));
    r.session.opened = 2; /* opened again */
    assert_true(says(0));
    assert_false(says(1));
    check_i64(message("{\"type\":\"connection_ack\"}"), EMS_OK);
    assert_true(says(1));
    assert_false(says(2));
}

#define LIVE(values)                                                               \
    "{\"id\":\"1\",\"type\":\"next\",\"payload\":{\"data\":{\"liveMeasurement\":{" \
    "\"timestamp\":\"2026-11-25T12:00:00.000+01:00\"," values "}}}}"

static void power_takes_turns_and_gives_currents_their_sign(void **state)
{
    (void)state;
    told("wss://websocket-api.tibber.com/x", "true");
    check_i64(
            message(LIVE("\"power\":230,\"powerProduction\":null,\"currentL1\":1.5")), EMS_OK);
    check_value(&r, EMS_GRID_W, 230);
    check_value(&r, EMS_CURRENT_L1_MA, 1500);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795604400000));
    check_i64(r.reports.field[EMS_CURRENT_L2_MA].said, EMS_SAID_NOTHING);
    ems_rig_round(&r);
    check_i64(
            message(LIVE(
                    "\"power\":0,\"powerProduction\":690,\"currentL1\":1,\"currentL2\":null")),
            EMS_OK);
    check_value(&r, EMS_GRID_W, -690);
    check_value(&r, EMS_CURRENT_L1_MA, -1000);
    check_i64(r.reports.field[EMS_CURRENT_L2_MA].said, EMS_SAID_NOTHING); /* holds as it was */
    ems_rig_round(&r);
    check_i64(message(LIVE("\"power\":null,\"powerProduction\":null")), EMS_OK);
    check_none(&r, EMS_GRID_W, "neither power nor powerProduction");
}

static void what_it_refuses_is_told(void **state)
{
    (void)state;
    told("wss://websocket-api.tibber.com/x", "true");
    check_i64(
            message("{\"type\":\"next\",\"payload\":{\"data\":null,\"errors\":[{\"message\":\"too many open connections\"}]}}"),
            EMS_RATE);
    check_has(r.e.text, "too many open connections");
    check_i64(message("{\"type\":\"error\",\"payload\":[{\"message\":\"Unauthorized\"}]}"),
            EMS_AUTH);
    check_i64(message("{\"type\":\"complete\",\"id\":\"1\"}"), EMS_OK);
    check_i64(message("what"), EMS_DATA);
    ems_rig_init(&r, "tibber", "{\"url\":\"wss://w.x/\",\"token\":\"t\"}");
    check_has(r.errs.text[0], "home_id: is missing");
    ems_rig_init(&r, "tibber",
            "{\"url\":\"https://api.tibber.com\",\"token\":\"t\",\"home_id\":\"a\\\"b\"}");
    check_has(r.errs.text[0], "is not the id of a home");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(its_address_comes_with_the_prices),
            cmocka_unit_test(the_token_goes_to_no_other_domain_and_not_in_the_clear),
            cmocka_unit_test(it_is_asked_for_once_the_token_is_taken_each_time_anew),
            cmocka_unit_test(power_takes_turns_and_gives_currents_their_sign),
            cmocka_unit_test(what_it_refuses_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
