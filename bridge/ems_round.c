/*
 * ems_round - one round of requests of an energy system. SPDX-License-Identifier: MIT
 */
#include "bridge/ems_round.h"

#include "bridge/base/buf.h"
#include "bridge/base/str.h"
#include "bridge/ems_modbus.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"

#include <stdlib.h>
#include <string.h>

enum {
    SECRET_MIN = 4, /* a shorter one would blot out half of every sentence */
    RATE_WAIT_S = 300,
};

enum phase { PHASE_IDLE, PHASE_LOGIN, PHASE_ASK };

struct ems_round {
    const struct ems_adapter *a; /* borrowed, as config */
    const void *config;
    struct http_call *call; /* one of the two, as the config goes over */
    struct modbus_call *modbus;
    bool silent; /* Modbus: an optional request of this round was not answered at all: why */
    char silence[sizeof(((struct err *)0)->text)];
    struct oneshot *later; /* what was over before it began is told from the loop */
    ems_round_fn *fn;
    void *user;
    enum phase phase;
    int i;
    bool again; /* this round has logged in anew */
    int32_t timeout_ms, latency_ms, retry_after_s;
    int requests;
    struct ems_session *session; /* borrowed: the source's */
    struct ems_keep *keep;       /* borrowed; NULL: nothing is written */
    ems_unkept_fn *unkept;
    void *unkept_user;
    char kept[EMS_KEEP_ROOM]; /* session->keep before the answer */
    struct ems_request request;
    struct ems_reports reports;
    struct ems_slots *slots; /* owned; NULL: it gives none */
    enum ems_class class;
    struct err e;
};

void ems_clock(struct ems_session *s)
{
    s->utc_ms = s->fixed_utc_ms != 0 ? s->fixed_utc_ms : loop_utc_ms();
}

/* ---- secrets ---- */

static void blot(char *text, const char *secret)
{
    size_t n = strlen(secret);
    char *p;

    while (n >= SECRET_MIN && (p = strstr(text, secret)) != NULL) {
        memcpy(p, "***", 3);
        memmove(p + 3, p + n, strlen(p + n) + 1);
        text = p + 3;
    }
}

void ems_redact(const struct ems_adapter *a, const void *config, const struct ems_session *s,
        char *text)
{
    for (const struct opt *o = a->options; o->name; o++) {
        if (o->type == OPT_STRING && (o->flags & OPT_SECRET)) {
            blot(text, (const char *)config + o->offset);
        } else if (o->type == OPT_STRING && (o->flags & OPT_ADDRESS)) {
            const char *query = strchr((const char *)config + o->offset, '?');

            blot(text, query ? query + 1 : "");
        }
    }
    blot(text, s->token);
    blot(text, s->keep);
}

/* ---- the end ---- */

static void tell(void *user)
{
    struct ems_round *r = user;
    struct ems_outcome o = {.class = r->class,
            .why = r->e.text,
            .reports = &r->reports,
            .retry_after_s = r->retry_after_s,
            .latency_ms = r->latency_ms,
            .requests = r->requests};

    r->phase = PHASE_IDLE;
    if (r->class == EMS_OK) {
        r->e.text[0] = '\0';
    }
    r->fn(r->user, &o);
}

/* As at the beginning of a round: nothing said but what needs no question. */
static void clear_reports(struct ems_round *r)
{
    memset(&r->reports, 0, sizeof(r->reports));
    if (r->slots) {
        memset(r->slots, 0, sizeof(*r->slots));
        r->reports.slots = r->slots;
    }
    if (r->a->know) {
        ems_clock(r->session);
        r->a->know(r->config, r->session, &r->reports);
    }
}

static void end(struct ems_round *r, enum ems_class class)
{
    r->class = class;
    ems_redact(r->a, r->config, r->session, r->e.text);
    for (int f = 0; f < EMS_FIELDS; f++) {
        ems_redact(r->a, r->config, r->session, r->reports.field[f].raw);
        ems_redact(r->a, r->config, r->session, r->reports.field[f].why);
    }
    for (int k = 0; r->slots && k < SLOTS_KINDS; k++) {
        ems_redact(r->a, r->config, r->session, r->slots->raw[k]);
        ems_redact(r->a, r->config, r->session, r->slots->why[k]);
    }
    tell(r);
}

/* ---- requests ---- */

static enum err_code ask_modbus(struct ems_round *r)
{
    int32_t patience_ms = r->request.patience_ms;
    const struct modbus_request x = {.unit = r->request.unit,
            .function = r->request.function,
            .start = r->request.start,
            .count = r->request.count,
            .timeout_ms = patience_ms > 0 && patience_ms < r->timeout_ms ? patience_ms
                                                                         : r->timeout_ms,
            .delay_ms = ems_wire_of(r->a, r->config)->delay_ms};

    r->requests++;
    return modbus_start(r->modbus, &x, &r->e);
}

/* The login of the options, or that of the request in its place. */
static void fill_login(
        const struct ems_http *h, const struct ems_request *q, struct http_request *x)
{
    if (q->bearer && q->bearer[0] != '\0') {
        x->auth = HTTP_AUTH_BEARER;
        x->token = q->bearer;
    } else if (q->login_user) {
        x->auth = q->login_basic ? HTTP_AUTH_BASIC : HTTP_AUTH_DIGEST;
        x->username = q->login_user;
        x->password = q->login_password;
    } else if (!q->bare && !q->elsewhere) {
        _Static_assert((int)EMS_AUTH_QUERY == (int)HTTP_AUTH_QUERY, "the logins are the same");
        x->auth = (enum http_auth)h->auth;
        x->username = h->username;
        x->password = h->password;
        x->token = h->token;
        x->auth_name = h->auth_name;
    }
    if (!q->elsewhere) {
        x->ca_file = h->ca_file;
        x->fingerprint = h->fingerprint;
        x->insecure = h->insecure;
    }
}

void ems_http_request(const struct ems_http *h, const struct ems_request *q,
        const char *headers[static EMS_HEADERS_MAX + 1], struct http_request *x)
{
    int n = 0;

    *x = (struct http_request){.url = q->url,
            .post = q->post,
            .body = q->body,
            .headers = headers,
            .body_max = BUF_CAP_HTTP};
    fill_login(h, q, x);
    for (int i = 0; i < EMS_HEADERS_MAX; i++) {
        if (q->header[i][0] != '\0') {
            headers[n++] = q->header[i];
        }
    }
    headers[n] = NULL;
}

static enum err_code ask_http(struct ems_round *r)
{
    const char *headers[EMS_HEADERS_MAX + 1];
    struct http_request x;

    ems_http_request(ems_http_of(r->a, r->config), &r->request, headers, &x);
    x.timeout_ms = r->timeout_ms;
    r->requests++;
    return http_start(r->call, &x, &r->e);
}

static enum err_code ask(struct ems_round *r)
{
    return r->modbus ? ask_modbus(r) : ask_http(r);
}

/* The next request of this round; false: it is over. */
static bool next(struct ems_round *r)
{
    bool more = false;

    memset(&r->request, 0, sizeof(r->request));
    ems_clock(r->session);
    if (r->phase == PHASE_LOGIN) {
        more = r->a->login(r->config, r->session, r->i, &r->request);
        if (!more) {
            r->phase = PHASE_ASK;
            r->i = 0;
        }
    }
    return more || (r->a->request && r->a->request(r->config, r->session, r->i, &r->request));
}

static void go_on(struct ems_round *r)
{
    if (!next(r)) {
        /* Nothing came of it, and something was silent: that is why. */
        bool failed = r->silent && ems_said(&r->reports) == 0;

        (void)str_copy(r->e.text, sizeof(r->e.text), r->silence);
        end(r, failed ? EMS_TIMEOUT : EMS_OK);
    } else if (ask(r) != ERR_OK) {
        end(r, EMS_DATA);
    }
}

/* "http://meter/x" of the request, without its query. */
static void say(const char *url, int status, const char *what, struct err *e)
{
    size_t n = strcspn(url, "?#");

    err_set(e, ERR_IO, "%.*s answers %d: %s", (int)(n > 90 ? 90 : n), url, status, what);
}

enum ems_class ems_status_class(
        const struct ems_adapter *a, const void *config, const char *url, int s, struct err *e)
{
    const struct ems_http *h = ems_http_of(a, config);

    if (s >= 200 && s <= 299) {
        return EMS_OK;
    }
    if (s == 401 || s == 403) {
        say(url, s,
                a->login ? "the login is not taken; check username, password and token"
                : h->auth == EMS_AUTH_NONE ? "it wants a login; set auth and what belongs to it"
                : s == 403                 ? "the login is not allowed to read this"
                : h->auth <= EMS_AUTH_DIGEST
                        ? "the login is not taken; check auth, username and password"
                        : "the token is not taken; make a new one and check auth",
                e);
        return EMS_AUTH;
    }
    if (s == 429) {
        say(url, s, "asked too often; raise interval_s", e);
        return EMS_RATE;
    }
    if (s >= 500) {
        say(url, s, "it has a fault of its own", e);
        return EMS_SERVER;
    }
    say(url, s,
            s == 404               ? "there is no such page; check url"
            : s >= 300 && s <= 399 ? "it sends us to another address; write that one into url"
                                   : "it does not take the request; check url",
            e);
    return EMS_NOT_FOUND;
}

enum ems_class ems_result_class(enum http_result x)
{
    switch (x) {
    case HTTP_ANSWERED:
        break;
    case HTTP_UNREACHABLE:
    case HTTP_CUT:
        return EMS_UNREACHABLE;
    case HTTP_TIMEOUT:
        return EMS_TIMEOUT;
    case HTTP_TLS:
        return EMS_TLS;
    case HTTP_TOO_LARGE:
        return EMS_DATA;
    }
    return EMS_OK;
}

/* How long it wants to be left alone. */
static void note_wait(struct ems_round *r, enum ems_class class, const struct http_answer *a)
{
    if (class == EMS_RATE || class == EMS_SERVER) {
        r->retry_after_s = a->retry_after_s >= 0    ? a->retry_after_s
                           : r->session->wait_s > 0 ? r->session->wait_s
                           : class == EMS_RATE      ? RATE_WAIT_S
                                                    : -1;
    }
}

/* What the answer is worth, with a sentence in r->e. */
static enum ems_class read_answer(struct ems_round *r, const struct http_answer *a)
{
    struct ems_answer x = {.i = r->i,
            .status = a->result == HTTP_ANSWERED ? a->status : 0,
            .body = a->body ? a->body : "",
            .len = a->len,
            .cookies = a->cookies,
            .content_type = a->content_type,
            .topic = ""};
    enum ems_class class = ems_result_class(a->result), said;
    struct err why = {0};

    r->retry_after_s = -1;
    ems_clock(r->session);
    r->session->wait_s = 0;
    if (class != EMS_OK) {
        err_set(&r->e, ERR_IO, "%s", a->why);
    } else if (!r->request.any_status) {
        class = ems_status_class(r->a, r->config, r->request.url, a->status, &r->e);
        note_wait(r, class, a);
    }
    if (class != EMS_OK && !r->request.optional) {
        return class;
    }
    why = r->e;
    r->e = (struct err){0};
    said = r->phase == PHASE_LOGIN ? r->a->logged_in(r->config, r->session, &x, &r->e)
                                   : r->a->parse(r->config, r->session, &x, &r->reports, &r->e);
    if (said != EMS_OK && class != EMS_OK && r->e.text[0] == '\0') {
        r->e = why; /* the adapter cannot do without it, and leaves the sentence to us */
        return class;
    }
    note_wait(r, said, a);
    return said;
}

/* What a refused login leaves. */
static void forget(struct ems_round *r)
{
    memset(r->session->token, 0, sizeof(r->session->token));
    memset(r->session->memo, 0, sizeof(r->session->memo));
}

/* On with the round, or its end. */
static void settle(struct ems_round *r, enum ems_class class)
{
    if (class == EMS_AUTH && r->a->login && r->phase == PHASE_ASK && !r->again) {
        /* The session is over, as sessions are: once more with a new one. */
        ems_redact(r->a, r->config, r->session, r->e.text);
        forget(r);
        clear_reports(r);
        r->again = true;
        r->phase = PHASE_LOGIN;
        r->i = 0;
        go_on(r);
    } else if (class != EMS_OK) {
        if (class == EMS_AUTH) {
            ems_redact(r->a, r->config, r->session, r->e.text);
            forget(r);
        }
        end(r, class);
    } else {
        r->i++;
        go_on(r);
    }
}

static void on_kept(void *user, const struct err *e)
{
    struct ems_round *r = user;

    if (e->text[0] != '\0') {
        r->unkept(r->unkept_user, e);
    }
    settle(r, r->class);
}

/* What the answer changed in session->keep is on the disk before anything else is asked. */
static void keep_and_settle(struct ems_round *r, enum ems_class class)
{
    r->class = class;
    if (!r->keep || strcmp(r->kept, r->session->keep) == 0 ||
            !ems_keep_save(r->keep, r->session->keep, on_kept, r)) {
        settle(r, class);
    }
}

static void on_answer(void *user, const struct http_answer *a)
{
    struct ems_round *r = user;

    r->latency_ms += a->latency_ms;
    (void)str_copy(r->kept, sizeof(r->kept), r->session->keep);
    keep_and_settle(r, read_answer(r, a));
}

/* ---- Modbus ---- */

static enum ems_class read_words(struct ems_round *r, const struct modbus_answer *a)
{
    struct ems_answer x = {.i = r->i,
            .status = a->result == MODBUS_ANSWERED ? 200 : a->exception,
            .body = a->data,
            .len = a->len,
            .cookies = "",
            .content_type = "",
            .topic = ""};
    enum ems_class class = ems_modbus_class(a);

    ems_clock(r->session);
    if (class != EMS_OK) {
        err_set(&r->e, ERR_IO, "%s", a->why);
    }
    if (class != EMS_OK && !(r->request.optional && ems_modbus_optional(a))) {
        return class;
    }
    if (a->result == MODBUS_TIMEOUT && !r->silent) {
        r->silent = true;
        (void)str_copy(r->silence, sizeof(r->silence), a->why);
    }
    return r->a->parse(r->config, r->session, &x, &r->reports, &r->e);
}

static void on_words(void *user, const struct modbus_answer *a)
{
    struct ems_round *r = user;

    r->latency_ms += a->latency_ms;
    settle(r, read_words(r, a));
}

/* ---- making ---- */

struct ems_round *ems_round_create(uv_loop_t *loop, struct http_client *c,
        const struct ems_adapter *a, const void *config, struct ems_session *session,
        struct err *e)
{
    struct ems_round *r = calloc(1, sizeof(*r));

    if (!r) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", a->name);
        return NULL;
    }
    r->a = a;
    r->config = config;
    r->session = session;
    if (ems_transport_of(a, config) == EMS_OVER_MODBUS) {
        const struct modbus_address address = ems_modbus_address(ems_wire_of(a, config));

        r->modbus = modbus_call_create(loop, &address, on_words, r, e);
    } else {
        r->call = http_call_create(c, on_answer, r, e);
    }
    r->later = oneshot_create(loop, tell, r, e);
    r->slots = a->slots && a->slots(config) != 0 ? calloc(1, sizeof(*r->slots)) : NULL;
    if (a->slots && a->slots(config) != 0 && !r->slots) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", a->name);
        ems_round_destroy(r);
        return NULL;
    }
    if ((!r->call && !r->modbus) || !r->later) {
        ems_round_destroy(r);
        return NULL;
    }
    return r;
}

void ems_round_keep(struct ems_round *r, struct ems_keep *k, ems_unkept_fn *fn, void *user)
{
    r->keep = k;
    r->unkept = fn;
    r->unkept_user = user;
}

void ems_round_destroy(struct ems_round *r)
{
    if (r) {
        if (r->keep) {
            ems_keep_forget(r->keep);
        }
        http_call_destroy(r->call);
        modbus_call_destroy(r->modbus);
        oneshot_destroy(r->later);
        free(r->slots);
        free(r);
    }
}

void ems_round_start(struct ems_round *r, int32_t timeout_ms, ems_round_fn *fn, void *user)
{
    if (r->modbus) {
        modbus_cancel(r->modbus);
    } else {
        http_cancel(r->call);
    }
    oneshot_stop(r->later);
    if (r->keep) {
        ems_keep_forget(r->keep);
    }
    r->silent = false;
    r->silence[0] = '\0';
    r->fn = fn;
    r->user = user;
    r->timeout_ms = timeout_ms;
    r->i = 0;
    r->again = false;
    r->latency_ms = 0;
    r->retry_after_s = -1;
    r->requests = 0;
    r->class = EMS_OK;
    r->e = (struct err){0};
    clear_reports(r);
    r->phase = r->a->login && r->session->token[0] == '\0' ? PHASE_LOGIN : PHASE_ASK;
    if (!next(r)) {
        oneshot_start(r->later, 0);
    } else if (ask(r) != ERR_OK) {
        r->class = EMS_DATA;
        ems_redact(r->a, r->config, r->session, r->e.text);
        oneshot_start(r->later, 0);
    }
}
