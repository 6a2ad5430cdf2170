/*
 * test_json_xml - XML in the shape of JSON, and what is refused. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json_xml.h"
#include "bridge/base/str.h"
#include "tests/support/test.h"

static char out[4096];

/* The JSON text, or what is wrong. */
static const char *shown(const char *xml, size_t n)
{
    struct err e = {0};
    char *copy = malloc(n + 1); /* so that a sanitizer sees who reads on */
    struct json_object *v;

    assert_non_null(copy);
    memcpy(copy, xml, n);
    copy[n] = '\0';
    v = json_from_xml(copy, n, &e);
    if (v) {
        json_as_text(v, out, sizeof(out));
    } else {
        (void)str_format(out, sizeof(out), "!%s", e.text);
    }
    json_put(v);
    free(copy);
    return out;
}

#define READ(xml) shown((xml), strlen(xml))

static void elements_are_objects_and_lists_and_attributes_members(void **state)
{
    (void)state;
    check_str(READ("<a x=\"1\"><b>2</b><b>3</b><c> 4 </c></a>"),
            "{\"a\":{\"@x\":\"1\",\"b\":[\"2\",\"3\"],\"c\":\"4\"}}");
    check_str(READ("<a/>"), "{\"a\":\"\"}");
    check_str(READ("<a>\n <b/>\n</a>"), "{\"a\":{\"b\":\"\"}}");
    check_str(READ("<a>one<b/>two</a>"), "{\"a\":{\"b\":\"\",\"#text\":\"onetwo\"}}");
    check_str(READ("<a><b><c>1</c></b><b/><b d=\"2\">3</b></a>"),
            "{\"a\":{\"b\":[{\"c\":\"1\"},\"\",{\"@d\":\"2\",\"#text\":\"3\"}]}}");
}

static void namespaces_are_left_out(void **state)
{
    (void)state;
    check_str(READ("<?xml version=\"1.0\"?><n:a xmlns:n=\"urn:x\" xmlns=\"urn:y\" n:k=\"1\">"
                   "<n:b>2</n:b></n:a>"),
            "{\"a\":{\"@k\":\"1\",\"b\":\"2\"}}");
}

static void text_is_text_however_it_is_written(void **state)
{
    (void)state;
    check_str(
            READ("\n\n<?xml version=\"1.0\"?><a>&lt;1 &amp; 2&#48;<![CDATA[<3>]]><!-- no --></a>\n"),
            "{\"a\":\"<1 & 20<3>\"}");
    check_str(READ("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xb0 5</a>"),
            "{\"a\":\"\xc2\xb0 5\"}");
    check_str(READ("<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>230</a>"),
            "{\"a\":\"230\"}");
    check_str(READ("<!DOCTYPE a PUBLIC \"-//X//Y\" \"http://nowhere.invalid/a.dtd\"><a>1</a>"),
            "{\"a\":\"1\"}");
}

static void entities_are_refused_and_nothing_is_fetched(void **state)
{
    (void)state;
    check_has(READ("<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;</a>"),
            "!line 1: it declares entities of its own");
    check_has(READ("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"),
            "declares entities");
    check_has(READ("<a>&unknown;</a>"), "!line 1: undefined entity");
}

static void what_is_not_xml_is_refused_with_its_line(void **state)
{
    (void)state;
    check_str(READ(""), "!line 1: no element found");
    check_str(READ(" \n"), "!line 1: no element found");
    check_has(READ("{\"power\":1}"), "!line 1: not well-formed");
    check_has(READ("<a>\n<b>\n</a>"), "!line 3: mismatched tag");
    check_has(READ("<a>1</a><a>2</a>"), "!line 1: junk after document element");
    check_has(READ("<a>\xff</a>"), "!line 1: not well-formed");
    check_has(READ("<a b=\"1\" b=\"2\"/>"), "!line 1: duplicate attribute");
}

static void every_cut_is_refused(void **state)
{
    static const char whole[] = "<?xml version=\"1.0\"?><a x=\"1\"><b>2</b><![CDATA[3]]></a>";

    (void)state;
    for (size_t n = 0; n + 1 < sizeof(whole); n++) {
        check_has(shown(whole, n), "!");
    }
    check_has(shown(whole, sizeof(whole) - 1), "{");
}

static void depth_length_and_number_are_capped(void **state)
{
    enum { ROOM = 200000 };
    char *s = malloc(ROOM);
    size_t n = 0;

    (void)state;
    assert_non_null(s);
    for (int i = 0; i < XML_DEPTH_MAX; i++) {
        n += (size_t)snprintf(s + n, ROOM - n, "<a>");
    }
    for (int i = 0; i < XML_DEPTH_MAX; i++) {
        n += (size_t)snprintf(s + n, ROOM - n, "</a>");
    }
    check_has(shown(s, n), "{\"a\"");
    memmove(s + 3, s, n);
    memcpy(s, "<a>", 3);
    memcpy(s + n + 3, "</a>", 5);
    check_has(READ(s), "!line 1: it is nested too deeply");
    n = 3;
    for (int i = 0; i < XML_NODES_MAX; i++) {
        n += (size_t)snprintf(s + n, ROOM - n, "<b/>");
    }
    (void)snprintf(s + n, ROOM - n, "</a>");
    check_has(READ(s), "it holds too many elements");
    memset(s, 'n', ROOM - 1);
    s[0] = '<';
    memcpy(s + 300, "/>", 3);
    check_has(READ(s), "a very long name");
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(elements_are_objects_and_lists_and_attributes_members),
            cmocka_unit_test(namespaces_are_left_out),
            cmocka_unit_test(text_is_text_however_it_is_written),
            cmocka_unit_test(entities_are_refused_and_nothing_is_fetched),
            cmocka_unit_test(what_is_not_xml_is_refused_with_its_line),
            cmocka_unit_test(every_cut_is_refused),
            cmocka_unit_test(depth_length_and_number_are_capped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
