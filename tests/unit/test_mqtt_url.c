/* SPDX-License-Identifier: MIT */
#include "bridge/io/mqtt_impl.h"
#include "tests/support/test.h"

static void urls_are_understood(void **state)
{
    static const struct {
        const char *url, *host;
        int port;
        bool tls;
    } rows[] = {
            {"mqtt://broker", "broker", 1883, false},
            {"mqtt://127.0.0.1:1884", "127.0.0.1", 1884, false},
            {"mqtts://broker", "broker", 8883, true},
            {"mqtts://broker.lan:443/", "broker.lan", 443, true},
            {"mqtt://[::1]:1883", "::1", 1883, false},
            {"mqtt://[fd00::2]", "fd00::2", 1883, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mqtt_texts t = {0};

        check_i64(mqtt_url_parse(rows[i].url, &t, NULL), ERR_OK);
        check_str(t.host, rows[i].host);
        check_i64(t.port, rows[i].port);
        check_i64(t.tls, rows[i].tls);
        assert_true(mqtt_url_ok(rows[i].url, NULL));
    }
}

static void other_urls_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
            {"", "neither mqtt://"},
            {"broker:1883", "neither mqtt://"},
            {"tcp://broker", "neither mqtt://"},
            {"MQTT://broker", "neither mqtt://"},
            {"ws://broker", "neither mqtt://"},
            {"mqtt://", "no host name"},
            {"mqtt:///", "no host name"},
            {"mqtt://broker:0", "port is not a number"},
            {"mqtt://broker:99999", "port is not a number"},
            {"mqtt://broker:1883/topic", "port is not a number"},
            {"mqtt://broker/topic", "host name"},
            {"mqtt://[::[1]", "host name"},
            {"mqtt://broker]:1883", "host name"},
            {"mqtt://bro\nker", "host name"},
            {"mqtt://me:secret@broker", "must not hold a user name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {.code = ERR_OK};

        assert_false(mqtt_url_ok(rows[i].url, &e));
        check_i64(e.code, ERR_INVALID);
        check_has(e.text, rows[i].part);
        assert_null(strstr(e.text, "secret"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(urls_are_understood),
            cmocka_unit_test(other_urls_are_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
