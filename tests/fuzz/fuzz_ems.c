/*
 * fuzz_ems - every energy system reads any answer: what it reports is a value or a reason in one
 * line, never both; a refusal has a sentence; what the core makes of it lies in the ranges of the
 * fields. Expressions of any shape are taken or refused with a sentence, and one that is taken can
 * be evaluated. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/quantity.h"
#include "tests/fuzz/fuzz.h"

enum { OPTIONS_ROOM = 64 * 1024 };

static char config[EMS_CONFIG_MAX] __attribute__((aligned(8)));
static char options[OPTIONS_ROOM];

/* The options of tests/data/ems/options.json, which every adapter must have. */
static void configure(const struct ems_adapter *a)
{
    struct opt_errors *errs = calloc(2, sizeof(*errs));
    struct json_object *all;

    if (options[0] == '\0') {
        FILE *f = fopen(TEST_DATA "/ems/options.json", "r");

        fuzz_check(f && fread(options, 1, sizeof(options) - 1, f) > 0, "no options.json");
        fclose(f);
    }
    all = json_parse(options, strlen(options), NULL);
    fuzz_check(json_has(all, a->name), "options.json has nothing for %s", a->name);
    memset(config, 0, sizeof(config));
    fuzz_check(errs, "out of memory");
    opt_parse(a->options, config, json_member(all, a->name), a->name, errs);
    for (int i = 0; i < errs->count; i++) {
        fuzz_check(strstr(errs->text[i], ".url: is missing"), "%s", errs->text[i]);
    }
    if (a->check) {
        a->check(config, a->name, &errs[0], &errs[1]);
    }
    json_put(all);
    free(errs);
}

static void plain(const char *text, size_t room)
{
    fuzz_check(memchr(text, '\0', room), "no end");
}

static void check_reports(const struct ems_reports *r)
{
    const struct ems_source_config c = {.fields = UINT32_MAX, .ttl_ms = 30000};
    const struct ems_now now = {.now_ms = 1000000, .utc_ms = INT64_C(1795500000000)};
    struct ems_source *s = calloc(1, sizeof(*s));
    int known = 0;

    fuzz_check(s, "out of memory");
    for (int f = 0; f < EMS_FIELDS; f++) {
        const struct ems_report *x = &r->field[f];

        plain(x->raw, sizeof(x->raw));
        plain(x->why, sizeof(x->why));
        fuzz_check((x->said == EMS_SAID_NONE) == (x->why[0] != '\0'), "%s: '%s'",
                ems_field_table[f].name, x->why);
        known += x->said == EMS_SAID_VALUE;
    }
    fuzz_check(ems_said(r) == known, "%d values", known);
    ems_take(s, &c, r, now);
    ems_take(s, &c, r, now);
    for (int f = 0; f < EMS_FIELDS; f++) {
        const struct ems_field_info *i = &ems_field_table[f];
        const char *why = NULL;
        int64_t v = 0;

        if (ems_fresh(s, &c, (enum ems_field)f, now.now_ms, &v, &why)) {
            fuzz_check(v >= i->min && v <= i->max && !why, "%s is %lld", i->name, (long long)v);
        } else {
            fuzz_check(why && why[0] != '\0', "%s: no reason", i->name);
        }
    }
    free(s);
}

static void answer(const struct ems_adapter *a, int i, const char *body, size_t len)
{
    struct ems_session *session = calloc(1, sizeof(*session));
    struct ems_request *request = calloc(1, sizeof(*request));
    struct ems_reports *reports = calloc(1, sizeof(*reports));
    struct ems_answer x = {.i = i,
            .status = 200,
            .body = body,
            .len = len,
            .cookies = "",
            .content_type = "",
            .topic = ""};
    struct err e = {0};

    fuzz_check(session && request && reports, "out of memory");
    if (a->listen && a->listen(config, session, i, request)) {
        x.pushed = true;
        x.topic = request->topic;
        x.retained = len % 2 == 0;
    }
    if (x.pushed || (a->request && a->request(config, session, i, request))) {
        enum ems_class class = a->parse(config, session, &x, reports, &e);

        fuzz_check(class < EMS_CLASSES, "class %u", class);
        fuzz_check(class == EMS_OK || e.text[0] != '\0', "refused without a sentence");
        check_reports(reports);
    }
    if (a->login && a->login(config, session, i, request)) {
        (void)a->logged_in(config, session, &x, &e);
    }
    free(session);
    free(request);
    free(reports);
}

static void expression(const char *expr, const char *body, size_t len)
{
    struct ems_answer x = {.status = 200, .body = body, .len = len, .cookies = ""};
    struct ems_tree t = {.text = body, .len = len};
    struct ems_reports *r = calloc(1, sizeof(*r));
    struct err e = {0};
    int64_t v = 0;
    const char *why = NULL;
    bool good = ems_expr_check(expr, &e);

    fuzz_check(r, "out of memory");
    fuzz_check(good || e.text[0] != '\0', "'%s' refused without a sentence", expr);
    t.json = ems_json(&x, &e);
    for (int f = 0; f < EMS_FIELDS; f++) {
        ems_expr_say(&t, expr, (enum ems_field)f, 0, r);
        fuzz_check(good || r->field[f].said == EMS_SAID_NONE, "'%s' is refused and read", expr);
    }
    (void)ems_expr_time(&t, expr, &v);
    fuzz_check(ems_number(body, len, EMS_GRID_W, &v, &why) == !why, "a number and a reason");
    check_reports(r);
    json_put(t.json);
    free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {.p = data, .end = data + size};
    size_t number = fuzz_u8(&in);
    int i = fuzz_u8(&in) % 4;
    char expr[EMS_EXPR_ROOM], *body;
    size_t len, count = 0;

    fuzz_line(&in, expr, sizeof(expr));
    len = (size_t)(in.end - in.p);
    body = malloc(len + 1);
    fuzz_check(body, "out of memory");
    memcpy(body, in.p, len);
    body[len] = '\0';
    while (ems_at(count)) {
        count++;
    }
    configure(ems_at(number % count));
    answer(ems_at(number % count), i, body, len);
    expression(expr, body, len);
    free(body);
    return 0;
}
