/*
 * test_ems_text - addresses, JSON texts and form fields of requests. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "tests/support/test.h"

static void a_page_takes_the_place_of_the_path_or_stands_below_it(void **state)
{
    char url[64];

    (void)state;
    assert_true(ems_page(url, sizeof(url), "https://box:8443/home/?a=1", false, "/info"));
    check_str(url, "https://box:8443/info");
    assert_true(ems_page(url, sizeof(url), "https://box/home/?a=1", true, "/info"));
    check_str(url, "https://box/home/info");
    assert_true(ems_page(url, sizeof(url), "http://[fe80::1]", true, "/x?y=1"));
    check_str(url, "http://[fe80::1]/x?y=1");
    assert_false(ems_page(url, 12, "http://box", true, "/info"));
}

static void a_json_text_is_escaped(void **state)
{
    char text[64] = "{\"p\":";

    (void)state;
    assert_true(ems_add_json(text, sizeof(text), "a\"b\\c\n\xc3\xa4"));
    check_str(text, "{\"p\":\"a\\\"b\\\\c\\u000a\xc3\xa4\"");
    text[0] = '\0';
    assert_false(ems_add_json(text, 4, "ab"));
}

static void a_form_field_is_percent_encoded(void **state)
{
    char text[32] = "p=";

    (void)state;
    assert_true(ems_add_form(text, sizeof(text), "a b&\xc3\xa4~"));
    check_str(text, "p=a%20b%26%C3%A4~");
    assert_false(ems_add_form(text, 19, "&"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_page_takes_the_place_of_the_path_or_stands_below_it),
            cmocka_unit_test(a_json_text_is_escaped),
            cmocka_unit_test(a_form_field_is_percent_encoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
