/*
 * fuzz_json - the JSON reader and writer, numbers and times: what is read says the same when it is
 * written and read again; an error says a line and a column of the text; decimals agree with the C
 * library's; a time reads as it was written. SPDX-License-Identifier: MIT
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>

static void error_has_a_place(const char *text, size_t n, const struct err *e)
{
    unsigned line = 0, column = 0, lines = 1;

    fuzz_sentence(e->text, sizeof(e->text));
    fuzz_check(e->code == ERR_INVALID && fuzz_utf8(e->text), "no UTF-8: %s", e->text);
    fuzz_check(sscanf(e->text, "JSON, line %u column %u: ", &line, &column) == 2, "where? %s",
            e->text);
    for (size_t i = 0; i < n; i++) {
        lines += text[i] == '\n';
    }
    fuzz_check(line >= 1 && line <= lines && column >= 1 && column <= n + 1, "%s", e->text);
}

static bool write_member(const char *key, struct json_object *v, void *user);

static void write_value(struct jw *w, const char *key, struct json_object *v)
{
    char text[2048];

    switch (json_kind(v)) {
    case JSON_NULL:
        jw_null(w, key);
        break;
    case JSON_TEXT:
        json_as_text(v, text, sizeof(text));
        jw_str(w, key, text);
        break;
    case JSON_BOOL:
    case JSON_NUMBER:
        json_as_text(v, text, sizeof(text));
        jw_raw(w, key, text);
        break;
    case JSON_LIST:
        jw_array(w, key);
        for (int i = 0; i < json_length(v); i++) {
            write_value(w, NULL, json_item(v, i));
        }
        jw_array_end(w);
        break;
    case JSON_OBJECT:
        jw_open(w, key);
        json_each(v, write_member, w);
        jw_close(w);
        break;
    }
}

static bool write_member(const char *key, struct json_object *v, void *user)
{
    fuzz_check(strlen(key) < 2048, "a long key");
    write_value(user, key, v);
    return true;
}

static void written(struct json_object *v, struct buf *out)
{
    struct jw w;

    buf_init(out, BUF_CAP_DISCOVERY);
    jw_init(&w, out);
    write_value(&w, NULL, v);
    fuzz_check(buf_ok(out), "not written");
}

static void there_and_back(struct json_object *v)
{
    CLEANUP(buf_finish) struct buf a;
    CLEANUP(buf_finish) struct buf b;
    CLEANUP(buf_finish) struct buf wide;
    struct json_object *again;

    written(v, &a);
    again = fuzz_json(buf_text(&a), a.len);
    written(again, &b);
    json_put(again);
    fuzz_check(a.len == b.len && strcmp(buf_text(&a), buf_text(&b)) == 0, "%s became %s",
            buf_text(&a), buf_text(&b));
    buf_init(&wide, BUF_CAP_SETTINGS);
    json_indent(buf_text(&a), &wide);
    fuzz_check(buf_ok(&wide), "not indented");
    again = fuzz_json(buf_text(&wide), wide.len);
    buf_reset(&b);
    buf_finish(&b);
    written(again, &b);
    json_put(again);
    fuzz_check(strcmp(buf_text(&a), buf_text(&b)) == 0, "%s indented is %s", buf_text(&a),
            buf_text(&wide));
}

static void getters(struct json_object *v)
{
    struct err e = {0};
    int64_t n = 0, scaled = 0;
    bool flag;
    bool whole = json_get_int(v, "x.y", &n, &e) == ERR_OK;

    fuzz_check(whole || strncmp(e.text, "x.y: ", 5) == 0, "no path: %s", e.text);
    if (json_get_scaled(v, "x.y", 1000, &scaled, &e) == ERR_OK) {
        fuzz_check(
                !whole || scaled == n * 1000, "%lld and %lld", (long long)n, (long long)scaled);
    } else {
        fuzz_check(strncmp(e.text, "x.y: ", 5) == 0, "no path: %s", e.text);
    }
    fuzz_check((json_get_bool(v, "x.y", &flag, &e) == ERR_OK) == (json_kind(v) == JSON_BOOL),
            "true or false?");
    fuzz_check(!json_get_str(v, "x.y", &e) || json_kind(v) == JSON_TEXT, "a text?");
}

/* Against strtold, which rounds; near whole thousandths both may be one apart. */
static void number(const char *text, size_t n)
{
    int64_t v = 0, whole = 0;
    long double want;
    char *end;

    if (str_int(text, n, &whole)) {
        fuzz_check(str_scaled(text, n, 1, &v) && v == whole, "'%s' is %lld or %lld", text,
                (long long)whole, (long long)v);
    }
    if (!str_scaled(text, n, 1000, &v)) {
        return;
    }
    fuzz_check(strpbrk(text, "xXnN") == NULL, "'%s' is a number", text);
    want = strtold(text, &end) * 1000;
    fuzz_check(*end == '\0' || strchr(" \t\r\n", *end), "'%s' is not a number", text);
    fuzz_check(fabsl(want - (long double)v) <= 1.0L + fabsl(want) * 1e-15L,
            "'%s' is %lld thousandths", text, (long long)v);
}

static void moment(const char *text)
{
    char shown[STR_TIME_ROOM];
    int64_t ms = 0, again = 0;

    if (!str_time_parse(text, &ms)) {
        return;
    }
    str_time(shown, ms);
    fuzz_check(str_time_parse(shown, &again), "'%s' is no time", shown);
    fuzz_check(ms - again >= 0 && ms - again < 1000, "'%s' became '%s'", text, shown);
}

/* Cut texts stay whole characters; hex and the nearest word end inside their room. */
static void cut(const char *text, const uint8_t *data, size_t size)
{
    static const char *const words[] = {"current_limit", "mode", "", "a", NULL};
    char small[9], hex[9], none = 'x';
    const char *near = str_nearest(text, words);
    bool fits = str_copy(small, sizeof(small), text);

    fuzz_check(fits == (strlen(text) < sizeof(small)), "'%s' fits", text);
    fuzz_check(strncmp(small, text, strlen(small)) == 0, "'%s' became '%s'", text, small);
    fuzz_check(!fuzz_utf8(text) || fuzz_utf8(small), "'%s' was cut inside a character", text);
    fuzz_check(str_format(small, sizeof(small), "%s", text) == fits &&
                       (!fuzz_utf8(text) || fuzz_utf8(small)),
            "'%s' formatted", text);
    fuzz_check(!str_copy(&none, 0, text) && none == 'x', "no room was written to");
    str_hex(hex, sizeof(hex), data, size);
    fuzz_check(strlen(hex) == (size < 4 ? 2 * size : 8), "hex '%s'", hex);
    for (size_t i = 0; i < strlen(hex) / 2; i++) {
        char byte[3];

        str_format(byte, sizeof(byte), "%02x", data[i]);
        fuzz_check(strncmp(hex + 2 * i, byte, 2) == 0, "hex '%s'", hex);
    }
    fuzz_check(!near || near == words[0] || near == words[1] || near == words[2] ||
                       near == words[3],
            "'%s' is near '%s'", text, near);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct err e = {0};
    struct json_object *v;

    fuzz_check(text, "out of memory");
    memcpy(text, data, size);
    text[size] = '\0';
    v = json_parse(text, size, &e);
    if (v) {
        there_and_back(v);
        getters(v);
        json_put(v);
    } else {
        error_has_a_place(text, size, &e);
    }
    number(text, strlen(text));
    cut(text, data, size);
    moment(text);
    free(text);
    return 0;
}
