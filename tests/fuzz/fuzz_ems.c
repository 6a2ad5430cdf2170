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

static bool has_row(const struct ems_adapter *a, const char *name)
{
    const struct opt *o = a->options;

    while (o->name && strcmp(o->name, name) != 0) {
        o++;
    }
    return o->name != NULL;
}

/* Systems that have pages and Modbus: by the other way. */
static void go_over_modbus(const struct ems_adapter *a)
{
    static const char host[] = "device";

    if (has_row(a, "url") && has_row(a, "host") && has_row(a, "unit")) {
        memcpy(config + a->wire_offset + offsetof(struct ems_wire, host), host, sizeof(host));
        config[a->http_offset + offsetof(struct ems_http, url)] = '\0';
        fuzz_check(ems_transport_of(a, config) == EMS_OVER_MODBUS, "%s: not Modbus", a->name);
    }
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

/* Prices and forecasts: in order, apart, in range. */
static void check_slots(const struct ems_slots *x)
{
    for (int k = 0; x && k < SLOTS_KINDS; k++) {
        const struct slots *s = &x->list[k];

        plain(x->why[k], sizeof(x->why[k]));
        plain(x->raw[k], sizeof(x->raw[k]));
        fuzz_check(s->n >= 0 && s->n <= SLOTS_MAX, "%d slots", s->n);
        fuzz_check(s->n == 0 || x->said[k], "slots that nobody said");
        for (int i = 0; i < s->n; i++) {
            const struct slot *y = &s->slot[i];

            fuzz_check(y->start_s < y->end_s && (i == 0 || s->slot[i - 1].end_s <= y->start_s),
                    "slot %d", i);
            fuzz_check(y->value >= (k == SLOTS_FORECAST ? 0 : -EMS_PRICE_MAX) &&
                               y->value <= EMS_PRICE_MAX,
                    "a value of %lld", (long long)y->value);
        }
    }
    plain(x ? x->currency : "", x ? sizeof(x->currency) : 1);
}

enum { ROUND_MAX = 40, MESSAGES_MAX = 64 };

/* Whether the round goes on. */
static bool parsed(const struct ems_adapter *a, struct ems_session *session,
        const struct ems_answer *x, struct ems_reports *reports)
{
    struct err e = {0};
    enum ems_class class = a->parse(config, session, x, reports, &e);

    fuzz_check(class < EMS_CLASSES, "class %u", class);
    fuzz_check(class == EMS_OK || e.text[0] != '\0' || (!x->pushed && x->status != 200),
            "refused without a sentence");
    check_reports(reports);
    check_slots(reports->slots);
    return class == EMS_OK;
}

/* The registers of a block: the body is what stands from register `base` on, over and over. */
static char *registers(const struct ems_request *q, uint16_t base, const char *body, size_t len)
{
    size_t n = 2 * (size_t)q->count, from = 2 * (size_t)(uint16_t)(q->start - base);
    char *p = calloc(1, n + 1);

    fuzz_check(p && q->count > 0 && q->count <= EMS_REGISTERS_MAX, "%u registers", q->count);
    fuzz_check(q->start + q->count <= 0x10000, "%u registers at %u", q->count, q->start);
    fuzz_check(q->function == 3 || q->function == 4, "function %u", q->function);
    for (size_t i = 0; i < n && len > 0; i++) {
        p[i] = body[(from + i) % len];
    }
    return p;
}

/* A round: page `first` gets the answer, and the others too if all, else a 404 where they may. */
static void answer(
        const struct ems_adapter *a, int first, bool all, const char *body, size_t len)
{
    struct ems_session *session = calloc(1, sizeof(*session));
    struct ems_request *request = calloc(1, sizeof(*request));
    struct ems_reports *reports = calloc(1, sizeof(*reports));
    struct ems_slots *lists = a->slots ? calloc(1, sizeof(*lists)) : NULL;
    bool modbus = ems_transport_of(a, config) == EMS_OVER_MODBUS;
    uint16_t base = 0;
    struct err e = {0};

    fuzz_check(session && request && reports, "out of memory");
    reports->slots = lists;
    session->utc_ms = INT64_C(1795500000000);
    if (a->know) {
        a->know(config, session, reports);
        check_slots(lists);
    }
    for (int i = 0; i < ROUND_MAX && a->request && a->request(config, session, i, request);
            i++) {
        base = i == 0 ? request->start : base;
        char *block = modbus ? registers(request, base, body, len) : NULL;
        bool goes_on;
        struct ems_answer x = {.i = i,
                .status = 200,
                .body = block ? block : body,
                .len = block ? 2 * (size_t)request->count : len,
                .cookies = "a=1; b=2",
                .content_type = "",
                .topic = ""};

        if (!all && i != first && request->optional) {
            x.status = modbus ? 2 : 404;
            x.len = 0;
            x.body = "";
        }
        goes_on = parsed(a, session, &x, reports);
        free(block);
        if (!goes_on) {
            break; /* as the host does */
        }
        memset(request, 0, sizeof(*request));
    }
    for (int i = 0; i < ROUND_MAX && a->login && a->login(config, session, i, request); i++) {
        struct ems_answer x = {.i = i,
                .status = 200,
                .body = body,
                .len = len,
                .cookies = "a=1; b=2",
                .content_type = "",
                .topic = ""};

        (void)a->logged_in(config, session, &x, &e);
        memset(request, 0, sizeof(*request));
    }
    free(session);
    free(request);
    free(reports);
    free(lists);
}

/* The same as a message of what is listened to: all of it, or what cut finds in it. */
static void message(const struct ems_adapter *a, int i, const char *body, size_t len)
{
    struct ems_session *session = calloc(1, sizeof(*session));
    struct ems_request *request = calloc(1, sizeof(*request));
    struct ems_reports *reports = calloc(1, sizeof(*reports));
    struct ems_answer x = {.i = i,
            .pushed = true,
            .body = body,
            .len = len,
            .cookies = "",
            .content_type = "",
            .topic = "a/b"};

    fuzz_check(session && request && reports, "out of memory");
    session->utc_ms = INT64_C(1795500000000);
    if (a->listen && a->listen(config, session, i, request)) {
        x.topic = request->topic[0] != '\0' ? request->topic : "a/b";
        x.retained = len % 2 == 0;
        parsed(a, session, &x, reports);
    }
    for (int n = 0; a->cut && n < MESSAGES_MAX && len > 0; n++) {
        size_t drop = 0, size = 0;
        char *copy;

        a->cut(config, body, len, &drop, &size);
        fuzz_check(
                drop <= len && size <= len - drop, "cuts %zu and %zu of %zu", drop, size, len);
        body += drop;
        len -= drop;
        if (size == 0) {
            break;
        }
        copy = malloc(size + 1);
        fuzz_check(copy, "out of memory");
        memcpy(copy, body, size);
        copy[size] = '\0';
        x.i = 0;
        x.body = copy;
        x.len = size;
        parsed(a, session, &x, reports);
        free(copy);
        body += size;
        len -= size;
    }
    free(session);
    free(request);
    free(reports);
}

/* Bytes of a line: what is cut out lies inside them, and each message is read. */
static void line(const struct ems_adapter *a, const char *body, size_t len)
{
    struct ems_session *session = calloc(1, sizeof(*session));
    struct ems_reports *reports = calloc(1, sizeof(*reports));
    size_t at = 0, drop = 1, n = 1;

    fuzz_check(session && reports, "out of memory");
    while (a->cut && at < len && (drop > 0 || n > 0)) {
        a->cut(config, body + at, len - at, &drop, &n);
        fuzz_check(drop <= len - at && n <= len - at - drop, "%zu and %zu of %zu", drop, n,
                len - at);
        if (n > 0) {
            char *exact = malloc(n + 1);
            struct ems_answer x = {.pushed = true,
                    .status = 200,
                    .body = exact,
                    .len = n,
                    .cookies = "",
                    .content_type = "",
                    .topic = ""};
            struct err e = {0};
            enum ems_class class;

            fuzz_check(exact, "out of memory");
            memcpy(exact, body + at + drop, n);
            exact[n] = '\0';
            class = a->parse(config, session, &x, reports, &e);
            fuzz_check(class == EMS_OK || e.text[0] != '\0', "refused without a sentence");
            check_reports(reports);
            free(exact);
        }
        at += drop + n;
    }
    free(session);
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
    fuzz_check(t.json || e.text[0] != '\0', "no JSON and no sentence");
    if (!t.json) {
        e.text[0] = '\0';
        t.json = ems_xml(&x, &e);
        fuzz_check(t.json || e.text[0] != '\0', "no XML and no sentence");
    }
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

/* 0: url_json; 255: its name follows, so that an input stays one of its system when rows are added. */
static const struct ems_adapter *adapter_of(struct fuzz_in *in, size_t number)
{
    const struct ems_adapter *named;
    char name[EMS_EXPR_ROOM];
    size_t count = 0;

    while (ems_at(count)) {
        count++;
    }
    if (number == 255) {
        fuzz_line(in, name, sizeof(name));
        named = ems_find(name);
        return named ? named : ems_at(strlen(name) % count);
    }
    return number == 0 ? ems_find("url_json") : ems_at((number - 1) % count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {.p = data, .end = data + size};
    size_t number = fuzz_u8(&in);
    int page = fuzz_u8(&in);
    const struct ems_adapter *a;
    char expr[EMS_EXPR_ROOM], *body;
    size_t len;

    a = adapter_of(&in, number);
    fuzz_line(&in, expr, sizeof(expr));
    len = (size_t)(in.end - in.p);
    body = malloc(len + 1);
    fuzz_check(body, "out of memory");
    memcpy(body, in.p, len);
    body[len] = '\0';
    configure(a);
    if (page & 64) {
        go_over_modbus(a);
    }
    answer(a, page % ROUND_MAX, page >= 128, body, len);
    message(a, page % 4, body, len);
    line(a, body, len);
    expression(expr, body, len);
    free(body);
    return 0;
}
