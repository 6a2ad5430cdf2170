/*
 * ems_rig - an energy system without a network: settings as JSON, answers as text.
 *
 *     struct ems_rig r;
 *     ems_rig_init(&r, "url_json", "{\"url\":\"http://meter/\",\"grid_w\":\"power\"}");
 *     ems_rig_answer(&r, 200, "{\"power\":1234}");
 *     check_i64(r.reports.field[EMS_GRID_W].value, 1234);
 *
 * The adapter's own rows read the settings and its own request and parse run, as in the daemon.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_EMS_RIG_H
#define TESTS_SUPPORT_EMS_RIG_H

#include "adapters/ems/ems.h"
#include "tests/support/test.h"

struct ems_rig {
    const struct ems_adapter *a;
    _Alignas(8) char config[EMS_CONFIG_MAX];
    struct opt_errors errs, warnings;
    struct ems_session session;
    struct ems_request request; /* the last one */
    int asked;                  /* requests of this round so far */
    struct ems_reports reports; /* of this round */
    struct ems_slots slots;     /* where it gives prices or forecasts */
    struct err e;
};

/* A new round begins. */
static inline void ems_rig_round(struct ems_rig *r)
{
    r->asked = 0;
    memset(&r->reports, 0, sizeof(r->reports));
    memset(&r->slots, 0, sizeof(r->slots));
    r->reports.slots = r->a->slots && r->a->slots(r->config) != 0 ? &r->slots : NULL;
    if (r->a->know) {
        r->a->know(r->config, &r->session, &r->reports);
    }
}

/* options: the members of an entry of `sources` that belong to the adapter. What is wrong with
 * them is in errs, as `twcbridge check` says it. */
static inline void ems_rig_init_adapter(
        struct ems_rig *r, const struct ems_adapter *adapter, const char *options)
{
    struct err e = {0};
    struct json_object *v = json_parse(options, strlen(options), &e);

    memset(r, 0, sizeof(*r));
    r->a = adapter;
    if (!r->a || !v) {
        fail_msg("no such adapter, or: %s", e.text);
    }
    opt_parse(r->a->options, r->config, v, "sources[0]", &r->errs);
    json_put(v);
    if (r->a->check) {
        r->a->check(r->config, "sources[0]", &r->errs, &r->warnings);
    }
    ems_rig_round(r);
}

/* The same for one that has a row. */
static inline void ems_rig_init(struct ems_rig *r, const char *adapter, const char *options)
{
    ems_rig_init_adapter(r, ems_find(adapter), options);
}

/* Whether the round goes on. */
static inline bool ems_rig_more(struct ems_rig *r)
{
    memset(&r->request, 0, sizeof(r->request));
    return r->a->request(r->config, &r->session, r->asked, &r->request);
}

/* parse with a copy of the body that ends where it ends, so that a sanitizer sees who reads on. */
static inline enum ems_class ems_rig_parse(struct ems_rig *r, struct ems_answer a)
{
    char *copy = malloc(a.len + 1);
    enum ems_class c;

    if (!copy) {
        fail_msg("no memory");
        return EMS_DATA;
    }
    memcpy(copy, a.body, a.len);
    copy[a.len] = '\0';
    a.body = copy;
    a.cookies = a.cookies ? a.cookies : "";
    a.content_type = a.content_type ? a.content_type : "";
    a.topic = a.topic ? a.topic : "";
    r->e = (struct err){0};
    c = r->a->parse(r->config, &r->session, &a, &r->reports, &r->e);
    free(copy);
    return c;
}

/* The next request of the round is made and answered so; other than 200 only where it is optional,
 * 0 for nothing at all. */
static inline enum ems_class ems_rig_status(
        struct ems_rig *r, int status, const char *body, size_t len)
{
    if (!ems_rig_more(r)) {
        fail_msg("there is no request %d", r->asked);
        return EMS_DATA;
    }
    if (status != 200 && !r->request.optional) {
        fail_msg("request %d is not optional: parse never sees %d", r->asked, status);
    }
    return ems_rig_parse(r,
            (struct ems_answer){.i = r->asked++, .status = status, .body = body, .len = len});
}

static inline enum ems_class ems_rig_answer_bytes(
        struct ems_rig *r, const char *body, size_t len)
{
    return ems_rig_status(r, 200, body, len);
}

static inline enum ems_class ems_rig_answer(struct ems_rig *r, const char *body)
{
    return ems_rig_answer_bytes(r, body, strlen(body));
}

#define check_value(r, f, want) \
    ems_rig_value(&(r)->reports.field[f], (want), #f, __FILE__, __LINE__)
/* Slot i of a list: its start in seconds since 1970, how long it is, its value. */
#define check_slot(r, k, i, start, length, want)                                  \
    do {                                                                          \
        assert_true((r)->slots.list[k].n > (i));                                  \
        check_i64((r)->slots.list[k].slot[i].start_s, (start));                   \
        check_i64((r)->slots.list[k].slot[i].end_s, (int64_t)(start) + (length)); \
        check_i64((r)->slots.list[k].slot[i].value, (want));                      \
    } while (0)
#define check_none(r, f, why_) \
    ems_rig_none(&(r)->reports.field[f], (why_), #f, __FILE__, __LINE__)

static inline void ems_rig_value(
        const struct ems_report *x, int64_t want, const char *what, const char *file, int line)
{
    if (x->said != EMS_SAID_VALUE) {
        print_error(
                "%s has no value: %s\n", what, x->said == EMS_SAID_NONE ? x->why : "not said");
        _fail(file, line);
    }
    test_i64(x->value, want, what, file, line);
}

static inline void ems_rig_none(const struct ems_report *x, const char *why, const char *what,
        const char *file, int line)
{
    if (x->said != EMS_SAID_NONE) {
        print_error("%s is not none\n", what);
        _fail(file, line);
    }
    test_has(x->why, why, what, file, line);
}

#endif
