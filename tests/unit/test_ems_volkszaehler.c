/*
 * Volkszaehler's middleware, logger and push frames, by hand. SPDX-License-Identifier: MIT
 */
#include "tests/support/ems_rig.h"

#define A          "0f6e4d2c-aaaa-4bbb-8ccc-000000000001"
#define B          "0f6e4d2c-aaaa-4bbb-8ccc-000000000002"
#define FIELDS     "\"grid_w\":\"" A " - " B "\"}"
#define DATA(u, t) "{\"version\":\"0.3\",\"data\":{\"uuid\":\"" u "\",\"tuples\":[" t "]}}"
#define INVALID \
    "{\"version\":\"0.3\",\"exception\":{\"message\":\"Invalid UUID: 'x'\",\"code\":0}}"

static enum ems_class fails(struct ems_rig *r, int status, const char *body)
{
    return ems_rig_status(r, status, body, strlen(body));
}

static void the_middleware_is_asked_for_the_last_tuple_of_each_channel(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"http://vz/middleware.php/\"," FIELDS);
    check_i64(r.errs.count, 0);
    check_i64(
            ems_rig_answer(&r, DATA(A, "[1795499990000,1,1],[1795500000000,612.5,1]")), EMS_OK);
    check_str(r.request.url, "http://vz/middleware.php/data/" A ".json?from=now");
    check_i64(ems_rig_answer(&r, DATA(B, "[1795499995000,\"100\",1]")), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 513);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500000000));
    check_i64(r.reports.field[EMS_GRID_W].holds, false);
}

static void an_address_alone_is_tried_as_logger_and_as_middleware(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"http://vz\"," FIELDS);
    check_i64(ems_rig_answer(&r, "<html>the frontend</html>"), EMS_OK);
    check_str(r.request.url, "http://vz/");
    check_i64(fails(&r, 404, "nothing"), EMS_OK);
    check_str(r.request.url, "http://vz/" A);
    check_i64(fails(&r, 404, "nothing"), EMS_OK);
    check_str(r.request.url, "http://vz/middleware.php/data/" A ".json?from=now");
    check_i64(ems_rig_answer(&r, DATA(A, "[1795500000000,5,1]")), EMS_OK);
    check_str(r.request.url, "http://vz/api/data/" A ".json?from=now");
    check_i64(ems_rig_answer(&r, DATA(B, "[1795500000000,3,1]")), EMS_OK);
    check_value(&r, EMS_GRID_W, 2);
    ems_rig_round(&r); /* and remembered */
    check_i64(ems_rig_answer(&r, DATA(A, "[1795500005000,6,1]")), EMS_OK);
    check_str(r.request.url, "http://vz/api/data/" A ".json?from=now");
}

static void who_is_none_of_them_is_left_to_the_host(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"http://vz\"," FIELDS);
    for (int i = 0; i < 4; i++) {
        check_i64(fails(&r, 404, "no"), EMS_OK);
    }
    assert_true(fails(&r, 404, "no") != EMS_OK);
    check_str(r.e.text, "");
    ems_rig_round(&r);
    assert_true(fails(&r, 401, "no") != EMS_OK);
    check_str(r.e.text, "");
}

static void a_logger_gives_all_channels_at_once_or_one_by_one(void **state)
{
    static const char all[] =
            "{\"generator\":\"vzlogger\",\"data\":["
            "{\"uuid\":\"" A "\",\"last\":1,\"tuples\":[[1795500000000,700]]},"
            "{\"uuid\":\"" B "\",\"last\":1,\"tuples\":[[1795500000000,20]]}]}";
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"http://vz:8080/\"," FIELDS);
    check_i64(ems_rig_answer(&r, all), EMS_OK);
    assert_false(ems_rig_more(&r));
    check_value(&r, EMS_GRID_W, 680);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"generator\":\"vzlogger\",\"data\":[]}"), EMS_OK);
    check_value(&r, EMS_GRID_W, 680); /* what it said before: its time ages */
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"http://vz:8080/\"," FIELDS);
    check_i64(fails(&r, 403 + 1, "{\"exception\":{\"message\":\"channel index is disabled\"}}"),
            EMS_OK);
    check_i64(ems_rig_answer(
                      &r, "{\"data\":[{\"uuid\":\"" A "\",\"tuples\":[[1795500000000,9]]}]}"),
            EMS_OK);
    check_str(r.request.url, "http://vz:8080/" A);
    check_i64(ems_rig_answer(
                      &r, "{\"data\":[{\"uuid\":\"" B "\",\"tuples\":[[1795500000000,1]]}]}"),
            EMS_OK);
    check_value(&r, EMS_GRID_W, 8);
}

static void a_channel_that_there_is_not_or_is_empty_says_so(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "volkszaehler",
            "{\"url\":\"http://vz/api\",\"grid_w\":\"" A "\",\"pv_w\":\"" B "\"}");
    check_i64(fails(&r, 400, INVALID), EMS_OK);
    check_i64(ems_rig_answer(&r, DATA(B, "")), EMS_OK);
    check_none(&r, EMS_GRID_W, "is no channel there");
    check_none(&r, EMS_PV_W, "is empty");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"data\":{\"uuid\":\"" A "\",\"rows\":0}}"), EMS_OK);
    check_i64(ems_rig_answer(&r, DATA(B, "[1795500000000,7,1]")), EMS_OK);
    check_none(&r, EMS_GRID_W, "is empty");
    check_value(&r, EMS_PV_W, 7);
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"exception\":{\"message\":\"Database is locked\"}}"),
            EMS_DATA);
    check_has(r.e.text, "Volkszaehler says: Database is locked");
    ems_rig_round(&r);
    check_i64(ems_rig_answer(&r, "{\"power\":5}"), EMS_DATA);
    check_has(r.e.text, "no data of the channel");
}

static void text_is_taken_where_there_is_no_json(void **state)
{
    struct ems_rig r;

    (void)state;
    ems_rig_init(
            &r, "volkszaehler", "{\"url\":\"http://vz/middleware.php\",\"pv_w\":\"" A "\"}");
    check_i64(fails(&r, 404, "no"), EMS_OK);
    check_i64(ems_rig_answer(&r, "1.5 kW\n"), EMS_OK);
    check_str(r.request.url, "http://vz/middleware.php/data/" A ".txt?from=now");
    check_value(&r, EMS_PV_W, 1500);
}

static void pushed_frames_tell_of_one_channel_each(void **state)
{
    static const char frame[] = DATA(A, "[1795500000000,5,1]");
    static const char other[] = DATA(B, "[1795500001000,2,1]");
    static const char stranger[] =
            DATA("0f6e4d2c-aaaa-4bbb-8ccc-000000000009", "[1795500001000,2,1]");
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"ws://vz:8082/\"," FIELDS);
    check_i64(r.errs.count, 0);
    assert_false(ems_rig_more(&r));
    memset(&r.request, 0, sizeof(r.request));
    assert_true(r.a->listen(r.config, &r.session, 0, &r.request));
    check_str(r.request.url, "ws://vz:8082/");
    check_i64(ems_rig_parse(&r, (struct ems_answer){.pushed = true,
                                        .status = 200,
                                        .body = frame,
                                        .len = sizeof(frame) - 1}),
            EMS_OK);
    check_i64(r.reports.field[EMS_GRID_W].said, EMS_SAID_NOTHING);
    check_i64(ems_rig_parse(&r, (struct ems_answer){.pushed = true,
                                        .status = 200,
                                        .body = other,
                                        .len = sizeof(other) - 1}),
            EMS_OK);
    check_value(&r, EMS_GRID_W, 3);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, INT64_C(1795500001000));
    ems_rig_round(&r);
    check_i64(ems_rig_parse(&r, (struct ems_answer){.pushed = true,
                                        .status = 200,
                                        .body = stranger,
                                        .len = sizeof(stranger) - 1}),
            EMS_OK);
    check_i64(ems_said(&r.reports), 0);
    ems_rig_init(&r, "volkszaehler", "{\"url\":\"http://vz\",\"push\":\"vz:8082\"," FIELDS);
    check_has(r.errs.text[0], "push: is not ws://");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_middleware_is_asked_for_the_last_tuple_of_each_channel),
            cmocka_unit_test(an_address_alone_is_tried_as_logger_and_as_middleware),
            cmocka_unit_test(who_is_none_of_them_is_left_to_the_host),
            cmocka_unit_test(a_logger_gives_all_channels_at_once_or_one_by_one),
            cmocka_unit_test(a_channel_that_there_is_not_or_is_empty_says_so),
            cmocka_unit_test(text_is_taken_where_there_is_no_json),
            cmocka_unit_test(pushed_frames_tell_of_one_channel_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
