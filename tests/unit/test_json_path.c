/*
 * test_json_path - paths into JSON of others. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json_path.h"
#include "bridge/base/str.h"
#include "tests/support/test.h"

static const char text[] =
        "{\"a\":{\"b\":[{\"c\":1},{\"c\":2}],\"key with space\":\"x\",\"n\":null},"
        "\"list\":[{\"name\":\"grid\",\"v\":5,\"on\":true},{\"name\":\"pv\",\"v\":7,\"id\":12}],"
        "\"1-0:1.7.0\":0.5,\"empty\":[],\"half-way\":3,\"\xc3\xa9t\xc3\xa9\":4}";

static void collect(void *user, struct json_object *v)
{
    char *out = user, one[64];
    size_t n = strlen(out);

    json_as_text(v, one, sizeof(one));
    (void)str_format(out + n, 256 - n, "%s%s", n > 0 ? " " : "", one);
}

static const char *found(const char *path, char out[static 256], struct err *e)
{
    struct json_object *root = json_parse(text, strlen(text), e);
    size_t n = json_path_length(path, e);

    out[0] = '\0';
    *e = (struct err){0};
    if (!root || n != strlen(path)) {
        fail_msg("'%s' is no path", path);
    }
    if (!json_path_each(root, path, n, collect, out, e)) {
        check_str(out, "");
        (void)str_copy(out, 256, e->text);
    }
    json_put(root);
    return out;
}

static void paths_lead_to_members_items_and_matches(void **state)
{
    static const char *const rows[][2] = {
            {"a.b[0].c", "1"},
            {"$.a.b[-1].c", "2"},
            {"a.b[*].c", "1 2"},
            {"a.\"key with space\"", "x"},
            {"\"1-0:1.7.0\"", "0.5"},
            {"a.n", "null"},
            {"list[?name==\"pv\"].v", "7"},
            {"list[?id==12].v", "7"},
            {"list[?on==true].v", "5"},
            {"half-way", "3"},
            {"\xc3\xa9t\xc3\xa9", "4"},
            {"empty[*].x", ""},
            {"a.x", "x is not in a"},
            {"a.x.y", "x is not in a"},
            {"b", "b is not there"},
            {"a.b[2]", "[2] is not in a.b"},
            {"a.b[*].d", "d is not in a.b[*]"},
            {"a[*]", "[*] is not in a"},
            {"list[?name==\"x\"].v", "[?name==\"x\"] is not in list"},
            {"half-way.x", "x is not in half-way"},
            {"a.n.x", "x is not in a.n"},
    };
    char out[256];
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(found(rows[i][0], out, &e), rows[i][1]) != 0) {
            fail_msg("%s gives '%s', not '%s'", rows[i][0], out, rows[i][1]);
        }
    }
    assert_true(strncmp(found("$", out, &e), "{", 1) == 0);
}

static void nobody(void *user, struct json_object *v)
{
    (void)user;
    (void)v;
}

static void what_stands_behind_a_path_is_no_part_of_its_reason(void **state)
{
    struct json_object *root = json_parse("{\"a\":{\"b\":1}}", 13, NULL);
    struct err e = {0};

    (void)state;
    assert_false(json_path_each(root, "a.x - a.b", 3, nobody, NULL, &e));
    check_str(e.text, "x is not in a");
    json_put(root);
}

static void a_path_ends_where_it_ends_and_bad_ones_say_where(void **state)
{
    static const struct {
        const char *s;
        size_t n;
    } rows[] = {{"a.b - c", 3}, {"a * 1000", 1}, {"$ // 0", 1}, {"a[?x==\"y z\"].b+c", 14}};
    static const char *const bad[][2] = {
            {"", "a name is missing at character 1"},
            {"a.", "a name is missing at character 3"},
            {"a[", "a number is missing"},
            {"a[1", "']' is missing"},
            {"a[x]", "a number is missing"},
            {"\"abc", "a quote is missing"},
            {"a[?b]", "== is missing"},
            {"-a", "a name is missing"},
            {"a[?b==]", "a value is missing"},
            {"a[*", "']' is missing"},
    };
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_i64((int64_t)json_path_length(rows[i].s, &e), (int64_t)rows[i].n);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check_i64((int64_t)json_path_length(bad[i][0], &e), 0);
        check_has(e.text, bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(paths_lead_to_members_items_and_matches),
            cmocka_unit_test(what_stands_behind_a_path_is_no_part_of_its_reason),
            cmocka_unit_test(a_path_ends_where_it_ends_and_bad_ones_say_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
