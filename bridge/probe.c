/*
 * probe - `twcbridge probe ADAPTER --set KEY=VALUE...` and `twcbridge adapters`: try an energy
 * system without a bridge. SPDX-License-Identifier: MIT
 */
#include "bridge/probe.h"

#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/ems_listen.h"
#include "bridge/ems_round.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/worker.h"
#include "bridge/settings_tables.h"
#include "bridge/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 64 * 1024 };

static const char probe_usage[] =
        "usage: twcbridge probe ADAPTER --set KEY=VALUE... [--json] [--now TIME]\n"
        "                       [--keep FILE]\n"
        "Reads an energy system once and prints what it gives, in the signs and units of the bridge.\n"
        "  --set KEY=VALUE  an option of the adapter (`twcbridge adapters` lists them), or one that\n"
        "                   all sources have: max_age_s, timeout_s, invert_grid...\n"
        "  --json           one object: per field value, source_time, age_ms, raw; or null and why;\n"
        "                   prices and forecasts are lists of start, end, value\n"
        "  --now TIME       judges ages by this time (2026-11-24T06:00:00Z, or seconds since 1970)\n"
        "  --keep FILE      where the login is kept from one probe to the next: some systems give a new\n"
        "                   token with each login, and only the last one counts\n"
        "Exit code 0: at least one value was read; 64: wrong options; 66: what was asked for is not\n"
        "there; 69: login or certificate refused; 74: no usable answer; 75: too slow or too often.\n";

/* ---- options ---- */

/* KEY=VALUE as a JSON member of the kind that the row wants; a row that does not exist stays a
 * text, so that the reader of the settings says what is wrong. */
static void add_member(const struct opt *table, const char *pair, struct jw *w)
{
    const char *value = strchr(pair, '=') + 1;
    const struct opt *o = table;
    char key[64];
    int64_t v;

    str_format(key, sizeof(key), "%.*s", (int)(value - 1 - pair), pair);
    while (o->name && strcmp(o->name, key) != 0) {
        o++;
    }
    if (o->name && o->type == OPT_BOOL &&
            (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
        jw_bool(w, key, value[0] == 't');
    } else if (o->name && o->type == OPT_INT && str_int(value, strlen(value), &v)) {
        jw_int(w, key, v);
    } else if (o->name && o->type == OPT_AMPS && str_scaled(value, strlen(value), 1000, &v)) {
        jw_decimal(w, key, v, 3, 3);
    } else if (o->name && o->type == OPT_MICRO &&
               str_scaled(value, strlen(value), 1000000, &v)) {
        jw_decimal(w, key, v, 6, 6);
    } else {
        jw_str(w, key, value);
    }
}

static bool read_options(
        struct probe *p, const char *adapter, const char *const *set, struct opt_errors *errs)
{
    CLEANUP(buf_finish) struct buf b;
    struct opt table[SOURCE_ROWS_MAX];
    struct json_object *v;
    struct err e = {0};
    struct jw w;

    source_table(ems_find(adapter), table);
    buf_init(&b, TEXT_MAX);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    jw_str(&w, "name", "probe");
    jw_str(&w, "adapter", adapter);
    for (; *set; set++) {
        add_member(table, *set, &w);
    }
    jw_close(&w);
    v = buf_ok(&b) ? json_parse(buf_text(&b), b.len, &e) : NULL;
    if (!v) {
        opt_errors_add(errs, "%s", e.text);
        return false;
    }
    settings_parse_source(&p->source, v, adapter, &errs[0], &errs[1]);
    json_put(v);
    return errs[0].count == 0;
}

/* ---- one round, or what comes by itself ---- */

/* A none of a message that the broker kept may become a value with the next. */
static uint32_t said_by(const struct ems_reports *r, bool retained)
{
    bool counts = !retained || ems_said(r) > 0;
    uint32_t said = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        said |= counts && r->field[f].said != EMS_SAID_NOTHING ? EMS_BIT(f) : 0;
    }
    return said;
}

static void take(
        struct probe *p, enum ems_class class, const char *why, const struct ems_reports *r)
{
    p->now.now_ms = loop_now_ms();
    p->now.utc_ms = p->forced_utc_ms != 0 ? p->forced_utc_ms : loop_utc_ms();
    ems_take(&p->readings, &p->config, r, p->now);
    if (r->slots) {
        p->slots = *r->slots;
    }
    if (class == EMS_OK || p->said == 0) {
        p->class = class;
        (void)str_copy(p->why, sizeof(p->why), why);
    }
}

static void on_outcome(void *user, const struct ems_outcome *o)
{
    struct probe *p = user;
    bool heard = p->said != 0;

    p->asking = false;
    take(p, o->class, o->why, o->reports);
    p->said |= said_by(o->reports, false);
    if (!heard) {
        p->class = o->class;
        (void)str_copy(p->why, sizeof(p->why), o->why);
    }
    if (o->class == EMS_OK && probe_known(p) > 0) {
        p->listening = false;
    }
    ems_listen_look(p->listen); /* it may have logged in */
}

static void on_heard(void *user, const struct ems_heard *h)
{
    struct probe *p = user;

    take(p, h->class, h->why, h->reports);
    p->said |= said_by(h->reports, h->retained);
    if (h->down || h->class == EMS_AUTH || (p->said & p->config.fields) == p->config.fields) {
        p->listening = false;
    }
}

static void on_late(void *user)
{
    struct probe *p = user;

    p->listening = false;
    if (p->class == EMS_CLASSES) {
        p->class = EMS_TIMEOUT;
        (void)str_format(p->why, sizeof(p->why), "nothing has come within %d s (timeout_s)",
                p->source.timeout_s);
    }
}

struct running {
    uv_loop_t loop;
    struct http_client *client;
    struct ems_round *round;
    struct oneshot *late;
    struct worker *saver; /* --keep */
    struct ems_keep *keep;
};

/* A meter sends every ten seconds, and a line tries each speed for 15 s. */
static int32_t patience_s(const struct source_settings *s)
{
    bool line = ems_transport_of(s->adapter, s->options) == EMS_OVER_LINE;

    return line && s->timeout_s >= 10 && s->timeout_s < 35 ? 35 : s->timeout_s;
}

static void on_unkept(void *user, const struct err *e)
{
    (void)user;
    fprintf(stderr, "twcbridge probe: the new login is not kept: %s\n", e->text);
}

static bool open_keep(struct running *r, struct probe *p, struct err *e)
{
    if (!p->keep_file) {
        return true;
    }
    if (ems_keep_read(p->keep_file, p->session.keep, e) != ERR_OK) {
        return false;
    }
    r->saver = worker_create(&r->loop, 1, e);
    r->keep = r->saver ? ems_keep_create(r->saver, p->keep_file, e) : NULL;
    if (r->keep) {
        ems_round_keep(r->round, r->keep, on_unkept, p);
    }
    return r->keep != NULL;
}

static bool begin(struct running *r, struct probe *p, struct err *e)
{
    const struct source_settings *s = &p->source;
    const struct ems_listening what = {.adapter = s->adapter,
            .config = s->options,
            .session = &p->session,
            .timeout_ms = s->timeout_s * 1000};

    p->session.fixed_utc_ms = p->forced_utc_ms;
    p->asking = ems_asks(s->adapter, s->options);
    p->listening = ems_listens(s->adapter, s->options);
    p->class = EMS_CLASSES; /* until something is known */
    if (p->asking) {
        bool http = ems_transport_of(s->adapter, s->options) == EMS_OVER_HTTP;

        r->client = http ? http_client_create(&r->loop, e) : NULL;
        r->round = r->client || !http ? ems_round_create(&r->loop, r->client, s->adapter,
                                                s->options, &p->session, e)
                                      : NULL;
        if (!r->round || !open_keep(r, p, e)) {
            return false;
        }
        ems_round_start(r->round, s->timeout_s * 1000, on_outcome, p);
    }
    if (p->listening) {
        r->late = oneshot_create(&r->loop, on_late, p, e);
        p->listen = r->late ? ems_listen_create(&r->loop, &what, on_heard, p, e) : NULL;
        if (!p->listen) {
            return false;
        }
        oneshot_start(r->late, (uint64_t)patience_s(s) * 1000);
    }
    if (!p->asking && !p->listening) {
        err_set(e, ERR_INVALID, "nothing is asked or listened to with these options");
    }
    return p->asking || p->listening;
}

static enum err_code run(struct probe *p, struct err *e)
{
    struct running r = {.client = NULL};
    bool ok;

    if (uv_loop_init(&r.loop) != 0) {
        return err_set(e, ERR_NO_MEMORY, "no event loop");
    }
    ok = begin(&r, p, e);
    while (ok && (p->asking || p->listening) && uv_run(&r.loop, UV_RUN_ONCE) != 0) {
        continue;
    }
    ems_listen_destroy(p->listen);
    ems_round_destroy(r.round);
    ems_keep_destroy(r.keep);
    worker_destroy(r.saver, 0);
    http_client_destroy(r.client);
    oneshot_destroy(r.late);
    loop_finish(&r.loop);
    return ok ? ERR_OK : e->code;
}

/* What the values themselves show to be set wrong. */
static void advise(const struct probe *p)
{
    int64_t v[EMS_CONSUMPTION_W + 1] = {0};
    uint32_t known = 0;
    const char *why, *advice;

    for (int f = 0; f <= EMS_CONSUMPTION_W; f++) {
        if (ems_fresh(
                    &p->readings, &p->config, (enum ems_field)f, p->now.now_ms, &v[f], &why)) {
            known |= EMS_BIT(f);
        }
    }
    advice = ems_advice(known, v);
    if (advice) {
        fprintf(stderr, "twcbridge probe: advice: %s\n", advice);
    }
}

static int probe(struct probe *p, const char *adapter, const char *const *set)
{
    struct opt_errors *errs = calloc(2, sizeof(*errs));
    struct err e = {0};
    bool ok = errs && read_options(p, adapter, set, errs);
    int known;

    for (int i = 0; errs && i < errs[0].count && i < OPT_ERRORS_MAX; i++) {
        fprintf(stderr, "twcbridge probe: %s\n", errs[0].text[i]);
    }
    for (int i = 0; errs && i < errs[1].count && i < OPT_ERRORS_MAX; i++) {
        fprintf(stderr, "twcbridge probe: warning: %s\n", errs[1].text[i]);
    }
    free(errs);
    if (!ok) {
        return err_exit_code(ERR_INVALID);
    }
    p->config = source_config(&p->source);
    p->kinds = p->source.adapter->slots ? p->source.adapter->slots(p->source.options) : 0;
    if (run(p, &e) != ERR_OK) {
        fprintf(stderr, "twcbridge probe: %s\n", e.text);
        return err_exit_code(e.code);
    }
    known = probe_known(p);
    probe_print(p);
    advise(p);
    if (!p->keep_file && p->session.keep[0] != '\0') {
        fprintf(stderr,
                "twcbridge probe: it gave a new login, which is lost now (and a refresh "
                "token used up, if it takes one); --keep FILE keeps it\n");
    }
    if (p->class != EMS_OK) {
        fprintf(stderr, "twcbridge probe: %s\n", p->why);
    } else if (known == 0) {
        fprintf(stderr, "twcbridge probe: it answered, and nothing of it can be used\n");
    }
    return known > 0 ? 0
                     : err_exit_code(p->class != EMS_OK ? ems_class_code(p->class) : ERR_IO);
}

static bool read_now(const char *text, int64_t *utc_ms)
{
    return str_time_parse(text, utc_ms) ||
           (str_scaled(text, strlen(text), 1000, utc_ms) && *utc_ms > 0);
}

/* What an option takes; NULL: nothing, or there is no such option. */
static const char *wants(const char *option)
{
    return strcmp(option, "--set") == 0    ? "KEY=VALUE"
           : strcmp(option, "--now") == 0  ? "a time such as 2026-11-24T06:00:00Z"
           : strcmp(option, "--keep") == 0 ? "a file"
                                           : NULL;
}

int verb_probe(int argc, char **argv)
{
    static const char *const options[] = {"--set", "--json", "--now", "--keep", "--help", NULL};
    struct probe *p = calloc(1, sizeof(*p));
    const char **set = calloc((size_t)argc + 1, sizeof(*set)), *adapter = NULL;
    int sets = 0, code = -1;

    for (int i = 0; p && set && code < 0 && i < argc; i++) {
        const char *more = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--help") == 0) {
            fputs(probe_usage, stdout);
            code = 0;
        } else if (strcmp(argv[i], "--json") == 0) {
            p->json = true;
        } else if (strcmp(argv[i], "--set") == 0 && more && more[0] != '=' &&
                   strchr(more, '=')) {
            set[sets++] = argv[++i];
        } else if (strcmp(argv[i], "--now") == 0 && more && read_now(more, &p->forced_utc_ms)) {
            i++;
        } else if (strcmp(argv[i], "--keep") == 0 && more) {
            p->keep_file = argv[++i];
        } else if (wants(argv[i])) {
            fprintf(stderr, "twcbridge probe: %s wants %s\n", argv[i], wants(argv[i]));
            code = err_exit_code(ERR_INVALID);
        } else if (argv[i][0] == '-' || adapter) {
            code = verb_refuse("probe", argv[i], options);
        } else {
            adapter = argv[i];
        }
    }
    if (code < 0 && !adapter) {
        fprintf(stderr, "twcbridge probe: which adapter?\n%s", probe_usage);
        code = err_exit_code(ERR_INVALID);
    } else if (code < 0) {
        code = p && set ? probe(p, adapter, set) : err_exit_code(ERR_NO_MEMORY);
    }
    free(p);
    free(set);
    return code;
}
