/*
 * ems_listen - messages of an energy system. SPDX-License-Identifier: MIT
 */
#include "bridge/ems_listen.h"

#include "bridge/base/str.h"
#include "bridge/ems_round.h"
#include "bridge/io/oneshot.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAY_MS = 5000,
    SAY_AT_ONCE = 16, /* texts of one turn; more wait for the next */
    THINGS_MAX = 256, /* that an adapter may listen to */
    REFUSED_MS = 10 * 60 * 1000,
};

struct ems_listen {
    uv_loop_t *loop;
    struct ems_listening what;
    const struct ems_backend *backend;
    void *self; /* owned, of the backend; NULL: refused, it rests */
    ems_listen_fn *fn;
    void *user;
    struct oneshot *say, *quiet, *reopen;
    bool up, lives, quiet_told, refused;
    int said;      /* texts since it is open */
    uint64_t mark; /* of what is listened to */
    bool *gone;    /* set when it is destroyed in a callback; NULL: none runs */
    struct ems_request request;
    struct ems_reports reports;
    struct err e;
};

/* ---- what there is to do ---- */

/* token: of a login that was made already. */
static bool first_of(
        bool (*ask)(const void *, const struct ems_session *, int, struct ems_request *),
        const void *config, const char *token)
{
    struct ems_session *s = calloc(1, sizeof(*s));
    struct ems_request *q = calloc(1, sizeof(*q));
    bool any = s && q && str_copy(s->token, sizeof(s->token), token) && ask(config, s, 0, q);

    free(s);
    free(q);
    return any;
}

bool ems_listens(const struct ems_adapter *a, const void *config)
{
    return ems_transport_of(a, config) == EMS_OVER_LINE ||
           (a->listen && (first_of(a->listen, config, "") ||
                                 (a->login && first_of(a->listen, config, "-"))));
}

bool ems_asks(const struct ems_adapter *a, const void *config)
{
    enum ems_transport t = ems_transport_of(a, config);

    return a->know || ((t == EMS_OVER_HTTP || t == EMS_OVER_MODBUS) && a->request &&
                              (a->login || first_of(a->request, config, "")));
}

static uint64_t add_text(uint64_t mark, const char *s)
{
    do {
        mark = (mark ^ (unsigned char)*s) * UINT64_C(1099511628211); /* FNV-1a */
    } while (*s++);
    return mark;
}

static uint64_t mark_of(struct ems_listen *l)
{
    const struct ems_adapter *a = l->what.adapter;
    struct ems_request *q = &l->request;
    uint64_t mark = UINT64_C(14695981039346656037);

    for (int i = 0; a->listen && i < THINGS_MAX; i++) {
        memset(q, 0, sizeof(*q));
        if (!a->listen(l->what.config, l->what.session, i, q)) {
            break;
        }
        mark = add_text(add_text(mark, q->url), q->topic);
        for (int h = 0; h < EMS_HEADERS_MAX; h++) {
            mark = add_text(mark, q->header[h]);
        }
    }
    return mark;
}

/* ---- telling ---- */

static void redact(const struct ems_listen *l, char *text)
{
    ems_redact(l->what.adapter, l->what.config, l->what.session, text);
}

/* False: l is gone. */
static bool tell(struct ems_listen *l, enum ems_class class, bool down, bool retained)
{
    struct ems_heard h = {.class = class,
            .why = "",
            .reports = &l->reports,
            .down = down,
            .retained = retained};
    bool gone = false;

    if (class != EMS_OK) {
        redact(l, l->e.text);
        h.why = l->e.text;
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (l->reports.field[f].said != EMS_SAID_NOTHING) {
            redact(l, l->reports.field[f].raw);
            redact(l, l->reports.field[f].why);
        }
    }
    l->gone = &gone;
    l->fn(l->user, &h);
    if (!gone) {
        l->gone = NULL;
    }
    return !gone;
}

static void wait_for_values(struct ems_listen *l)
{
    if (l->what.quiet_ms > 0) {
        oneshot_start(l->quiet, (uint64_t)l->what.quiet_ms);
    }
}

static void on_quiet(void *user)
{
    struct ems_listen *l = user;

    if (l->quiet_told) {
        return;
    }
    l->quiet_told = true;
    memset(&l->reports, 0, sizeof(l->reports));
    err_set(&l->e, ERR_TIMEOUT, "%s for %d s: does it still send?",
            l->up ? "connected, and nothing has come" : "nothing has come",
            (int)(l->what.quiet_ms / 1000));
    (void)tell(l, EMS_TIMEOUT, true, false);
}

/* ---- what a WebSocket is told ---- */

static void say_all(struct ems_listen *l)
{
    const struct ems_adapter *a = l->what.adapter;

    if (!a->say || !l->backend->send || !l->up) {
        return;
    }
    for (int n = 0; n < SAY_AT_ONCE; n++) {
        memset(&l->request, 0, sizeof(l->request));
        if (!a->say(l->what.config, l->what.session, l->said, &l->request) ||
                !l->backend->send(l->self, l->request.body, strlen(l->request.body))) {
            break;
        }
        l->said++;
    }
    oneshot_start(l->say, SAY_MS);
}

static void on_say(void *user)
{
    struct ems_listen *l = user;

    ems_clock(l->what.session);
    say_all(l);
}

/* ---- opening, and from the backend ---- */

static void on_up(void *user)
{
    struct ems_listen *l = user;

    l->up = true;
    l->lives = false;
    l->said = 0;
    l->what.session->opened++;
    ems_clock(l->what.session);
    if (!l->quiet_told) {
        wait_for_values(l);
    }
    say_all(l);
}

/* Some systems lock who tries on: close, and rest. A login of its own is made anew by the rounds. */
static void refused(struct ems_listen *l)
{
    l->refused = true;
    oneshot_start(l->reopen, 0);
    if (l->what.adapter->login) {
        memset(l->what.session->token, 0, sizeof(l->what.session->token));
        memset(l->what.session->memo, 0, sizeof(l->what.session->memo));
    }
}

static void on_down(void *user, enum ems_class class, const char *why)
{
    struct ems_listen *l = user;

    l->up = false;
    l->lives = false;
    l->quiet_told = false;
    oneshot_stop(l->say);
    oneshot_stop(l->quiet);
    memset(&l->reports, 0, sizeof(l->reports));
    if (l->refused) {
        return; /* hanging up is how it refuses: why was told */
    }
    (void)str_copy(l->e.text, sizeof(l->e.text), why);
    if (tell(l, class, true, false) && class == EMS_AUTH) {
        refused(l);
    }
}

static bool says_anything(const struct ems_reports *r)
{
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (r->field[f].said != EMS_SAID_NOTHING) {
            return true;
        }
    }
    return false;
}

static enum ems_class parse(struct ems_listen *l, const struct ems_answer *a)
{
    struct ems_answer x = *a;

    x.pushed = true;
    x.status = 200;
    x.body = x.body ? x.body : "";
    x.cookies = x.cookies ? x.cookies : "";
    x.content_type = x.content_type ? x.content_type : "";
    x.topic = x.topic ? x.topic : "";
    ems_clock(l->what.session);
    l->e = (struct err){0};
    memset(&l->reports, 0, sizeof(l->reports));
    return l->what.adapter->parse(l->what.config, l->what.session, &x, &l->reports, &l->e);
}

static void on_message(void *user, const struct ems_answer *a)
{
    struct ems_listen *l = user;
    enum ems_class class;
    bool says;

    if (l->refused) {
        return; /* what still comes says nothing better */
    }
    class = parse(l, a);
    says = says_anything(&l->reports);

    if (ems_said(&l->reports) > 0) {
        l->lives = true;
    }
    if (says) {
        l->quiet_told = false;
        wait_for_values(l);
    }
    /* What says nothing (a greeting) is no sign that it is well. */
    if ((says || class != EMS_OK) && !tell(l, class, false, a->retained)) {
        return;
    }
    if (class == EMS_AUTH) {
        refused(l);
        return;
    }
    say_all(l);
    ems_listen_look(l);
}

/* ---- making ---- */

static bool open_backend(struct ems_listen *l, struct err *e)
{
    static const struct ems_listen_ops ops = {
            .up = on_up, .message = on_message, .down = on_down};

    ems_clock(l->what.session);
    l->mark = mark_of(l);
    l->refused = false;
    l->self = l->backend->open(l->loop, &l->what, &ops, l, e);
    return l->self != NULL;
}

static void close_backend(struct ems_listen *l)
{
    if (l->self) {
        l->backend->close(l->self);
    }
    l->self = NULL;
    l->up = false;
    l->lives = false;
    oneshot_stop(l->say);
}

static void on_reopen(void *user)
{
    struct ems_listen *l = user;
    uint64_t mark;

    if (l->refused && l->self) {
        close_backend(l);
        oneshot_stop(l->quiet);
        oneshot_start(l->reopen, REFUSED_MS);
        return;
    }
    ems_clock(l->what.session);
    mark = mark_of(l);
    if (l->self && mark != l->mark && l->backend->again) {
        l->mark = mark;
        l->up = false;
        l->lives = false;
        l->backend->again(l->self);
    } else if (!l->self || mark != l->mark) {
        close_backend(l);
        if (open_backend(l, &l->e)) {
            wait_for_values(l);
        } else {
            oneshot_start(l->reopen, REFUSED_MS);
        }
    }
}

struct ems_listen *ems_listen_create(uv_loop_t *loop, const struct ems_listening *what,
        ems_listen_fn *fn, void *user, struct err *e)
{
    struct ems_listen *l = calloc(1, sizeof(*l));

    if (!l) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", what->adapter->name);
        return NULL;
    }
    l->loop = loop;
    l->what = *what;
    l->fn = fn;
    l->user = user;
    l->backend = ems_backends[ems_transport_of(what->adapter, what->config)];
    l->say = oneshot_create(loop, on_say, l, e);
    l->quiet = l->say ? oneshot_create(loop, on_quiet, l, e) : NULL;
    l->reopen = l->quiet ? oneshot_create(loop, on_reopen, l, e) : NULL;
    if (!l->backend) {
        err_set(e, ERR_INVALID, "%s: what it goes over cannot be listened to",
                what->adapter->name);
    }
    if (!l->backend || !l->reopen || !open_backend(l, e)) {
        ems_listen_destroy(l);
        return NULL;
    }
    wait_for_values(l);
    return l;
}

void ems_listen_destroy(struct ems_listen *l)
{
    if (l) {
        if (l->gone) {
            *l->gone = true;
        }
        if (l->self) {
            l->backend->close(l->self);
        }
        oneshot_destroy(l->say);
        oneshot_destroy(l->quiet);
        oneshot_destroy(l->reopen);
        free(l);
    }
}

bool ems_listen_lives(const struct ems_listen *l)
{
    return l && l->lives;
}

void ems_listen_look(struct ems_listen *l)
{
    if (l && l->what.adapter->listen && mark_of(l) != l->mark) {
        oneshot_start(l->reopen, 0);
    }
}
