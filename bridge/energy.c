/*
 * energy - asks the sources of energy values at their pace and merges what they say.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/energy.h"

#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/energy_slots.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { APART_MS = 40, DAY_MS = 24 * 3600 * 1000, RETRY_MS = 60000, SAVE_GRACE_MS = 2000 };
#define SESSIONS "sessions"

static enum ems_poll_result result_of(enum ems_class c)
{
    switch (c) {
    case EMS_OK:
        return EMS_POLL_OK;
    case EMS_AUTH:
        return EMS_POLL_REFUSED;
    case EMS_RATE:
        return EMS_POLL_TOO_OFTEN;
    case EMS_UNREACHABLE:
    case EMS_TIMEOUT:
    case EMS_TLS:
    case EMS_NOT_FOUND:
    case EMS_SERVER:
    case EMS_DATA:
    case EMS_CLASSES:
        break;
    }
    return EMS_POLL_FAILED;
}

static uint32_t any_number(void)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
        random = (uint32_t)loop_now_ms();
    }
    return random;
}

static void wait(struct energy_source *s, int64_t wait_ms)
{
    int64_t now_ms = loop_now_ms();

    s->next_ms = s->started_ms + wait_ms;
    /* One that takes longer than its interval is asked again at once, not twice. */
    oneshot_start(s->timer, s->next_ms > now_ms ? (uint64_t)(s->next_ms - now_ms) : 1);
}

static void plan(struct energy_source *s, const struct ems_outcome *o)
{
    /* A list has hours until it is missed, and an interval of hours: its back-off begins low. */
    const struct ems_pace pace = {
            .interval_ms = s->kept && s->settings->adapter->plan
                                   ? RETRY_MS
                                   : (int64_t)s->settings->interval_s * 1000,
            .cloud = ems_habit_of(s->settings->adapter, s->settings->options).cloud};
    int64_t wait_ms =
            ems_poll_wait(&s->poll, &pace, result_of(o->class), o->retry_after_s, any_number());

    wait(s, energy_slots_wait_ms(s, o->class == EMS_OK, wait_ms, any_number()));
}

static void count(struct energy_source *s, int requests)
{
    int64_t day = loop_utc_ms() / DAY_MS;

    s->calls = day == s->calls_day ? s->calls + requests : requests;
    s->calls_day = day;
}

/* A change of state is a line; a failure that repeats is none. */
static void tell(struct energy_source *s, enum ems_class class, const char *why)
{
    const char *name = s->settings->name;

    if (class != EMS_OK && (!s->answered || class != s->class)) {
        log_warning("energy", "%s: %s", name, why);
    } else if (class == EMS_OK && !s->answered) {
        log_info("energy", "%s answers", name);
    } else if (class == EMS_OK && s->class != EMS_OK) {
        log_notice("energy", "%s answers again", name);
    }
}

static void set_state(struct energy_source *s, enum ems_class class, const char *why)
{
    tell(s, class, why);
    s->answered = true;
    s->class = class;
    (void)str_copy(s->why, sizeof(s->why), class != EMS_OK ? why : "");
}

void energy_merge(struct daemon *d)
{
    struct energy *x = d->energy;
    int64_t charger_w = 0;
    bool known = model_get(&d->model, 1, FIELD_SITE_CHARGER_POWER, &charger_w);

    ems_site_merge(
            x->reading, x->config, x->n, loop_now_ms(), known ? &charger_w : NULL, &x->site);
}

/* What an answer or a message said becomes readings, and is shown. */
static void take(struct energy_source *s, const struct ems_reports *reports)
{
    struct energy *x = s->daemon->energy;
    size_t i = (size_t)(s - x->source);
    const struct ems_now now = {.now_ms = loop_now_ms(), .utc_ms = loop_utc_ms()};

    ems_take(&x->reading[i], &x->config[i], reports, now);
    energy_gives(s->daemon, (int)i);
    energy_slots_take(s->daemon, (int)i, reports);
    energy_merge(s->daemon);
    x->implausible = x->site.implausible ? x->implausible + 1 : 0;
    s->daemon->model.utc_ms = now.utc_ms;
    energy_show(s->daemon);
    turn_ask(s->daemon->turn);
}

static void on_outcome(void *user, const struct ems_outcome *o)
{
    struct energy_source *s = user;

    set_state(s, o->class, o->why);
    s->latency_ms = o->latency_ms;
    count(s, o->requests);
    take(s, o->reports);
    plan(s, o);                 /* by what is known now */
    ems_listen_look(s->listen); /* it may have logged in */
}

static void on_heard(void *user, const struct ems_heard *h)
{
    struct energy_source *s = user;
    const char *why;
    bool fresh = energy_fresh(s->daemon->energy, (int)(s - s->daemon->energy->source), &why);

    /* One message of many that cannot be read is no failure while the values hold. */
    if (h->class != EMS_DATA || h->down || !fresh) {
        set_state(s, h->class, h->why);
    }
    take(s, h->reports);
    if (h->down && s->asks && s->poll.failures == 0) {
        oneshot_start(s->timer, 1); /* the rounds rested */
    }
}

/* While messages come, the rounds rest; one goes out when a value gets old, since some systems send
 * only what changes. */
static bool rests(const struct energy_source *s)
{
    const struct energy *x = s->daemon->energy;
    size_t i = (size_t)(s - x->source);
    int64_t half_ms = x->config[i].ttl_ms / 2, now_ms = loop_now_ms();

    if (!ems_listen_lives(s->listen) || s->kept) {
        return false; /* prices come by no message */
    }
    if (now_ms - s->asked_ms < half_ms) {
        return true;
    }
    for (int f = 0; f < EMS_FIELDS; f++) {
        const struct ems_reading *r = &x->reading[i].field[f];

        if ((x->config[i].fields & EMS_BIT(f)) &&
                (!r->known || now_ms - ems_reading_ms(r) > half_ms)) {
            return false;
        }
    }
    return true;
}

static void on_due(void *user)
{
    struct energy_source *s = user;

    s->started_ms = loop_now_ms();
    if (rests(s)) {
        wait(s, (int64_t)s->settings->interval_s * 1000);
        return;
    }
    s->asked_ms = s->started_ms;
    ems_round_start(s->round, s->settings->timeout_s * 1000, on_outcome, s);
}

/* ---- making ---- */

uint32_t energy_features(uint32_t fields)
{
    static const struct {
        enum ems_field field;
        uint32_t feature;
    } rows[] = {{EMS_GRID_W, FEATURE_GRID}, {EMS_PV_W, FEATURE_PV},
            {EMS_BATTERY_W, FEATURE_BATTERY}, {EMS_SOC_PERMILLE, FEATURE_SOC},
            {EMS_CONSUMPTION_W, FEATURE_HOUSE}, {EMS_CURRENT_L1_MA, FEATURE_L1},
            {EMS_CURRENT_L2_MA, FEATURE_L2}, {EMS_CURRENT_L3_MA, FEATURE_L3}};
    uint32_t features = FEATURE_EMS;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        features |= fields & EMS_BIT(rows[i].field) ? rows[i].feature : 0;
    }
    return features;
}

/* ---- what sessions keep ---- */

static void on_unkept(void *user, const struct err *e)
{
    struct energy_source *s = user;

    log_error("energy", "%s: its new login is not kept over a restart: %s", s->settings->name,
            e->text);
}

/* The file of a source with a login of its own; without one it logs in anew after a restart. */
static void open_keep(struct daemon *d, struct energy_source *s)
{
    char file[EMS_KEEP_PATH_ROOM];
    struct err e = {0};

    if (!s->settings->adapter->login || d->state_dir[0] == '\0') {
        return;
    }
    if (!d->energy->saver) {
        d->energy->saver = worker_create(&d->loop, EMS_SOURCES_MAX, &e);
    }
    if (!str_format(file, sizeof(file), "%s/" SESSIONS "/%s", d->state_dir, s->settings->id) ||
            ems_keep_read(file, s->session.keep, &e) != ERR_OK) {
        log_warning("energy", "%s: the login that was kept cannot be read: %s",
                s->settings->name, e.text);
    }
    s->keep = d->energy->saver ? ems_keep_create(d->energy->saver, file, &e) : NULL;
    if (s->keep) {
        ems_round_keep(s->round, s->keep, on_unkept, s);
    }
}

void energy_sweep_logins(const struct daemon *d)
{
    const char *names[EMS_SOURCES_MAX];
    char folder[EMS_KEEP_PATH_ROOM];
    int n = 0;

    for (; n < d->settings.source_count && n < EMS_SOURCES_MAX; n++) {
        names[n] = d->settings.source[n].id;
    }
    if (!d->safe_mode && d->state_dir[0] != '\0' &&
            str_format(folder, sizeof(folder), "%s/" SESSIONS, d->state_dir)) {
        ems_keep_sweep(folder, names, n);
    }
}

static bool start_source(struct daemon *d, int i, struct err *e)
{
    struct energy_source *s = &d->energy->source[i];
    const struct source_settings *c = s->settings;
    const struct ems_listening what = {.adapter = c->adapter,
            .config = c->options,
            .session = &s->session,
            .timeout_ms = c->timeout_s * 1000,
            .broker = &d->settings.mqtt,
            .quiet_ms = s->asks ? 0 : c->max_age_s * 1000};

    if (s->asks) {
        s->round = ems_round_create(
                &d->loop, d->energy->client, c->adapter, c->options, &s->session, e);
        s->timer = s->round ? oneshot_create(&d->loop, on_due, s, e) : NULL;
        if (!s->timer) {
            return false;
        }
        int64_t wait_ms = energy_slots_start_ms(s);

        open_keep(d, s);
        s->answered = wait_ms > 0; /* before this start */
        wait_ms += (int64_t)i * APART_MS;
        s->next_ms = loop_now_ms() + wait_ms;
        oneshot_start(s->timer, (uint64_t)wait_ms);
    }
    if (ems_listens(c->adapter, c->options)) {
        s->listen = ems_listen_create(&d->loop, &what, on_heard, s, e);
        return s->listen != NULL;
    }
    if (!s->asks) {
        err_set(e, ERR_INVALID, "nothing is asked or listened to with these settings");
    }
    return s->asks;
}

bool energy_source_open(struct daemon *d, int i, const struct store_image *image, struct err *e)
{
    struct energy *x = d->energy;
    struct energy_source *s = &x->source[i];
    const struct source_settings *c = &d->settings.source[i];
    struct model_device *m;

    s->daemon = d;
    s->settings = c;
    s->latency_ms = -1;
    s->status = SOURCE_STARTING;
    s->asks = ems_asks(c->adapter, c->options);
    x->config[i] = source_config(c);
    s->device = model_add(&d->model, MODEL_SOURCE, c->id, c->name);
    if (s->device < 0) {
        err_set(e, ERR_NO_MEMORY, "%s: no room for one more device", c->name);
        return false;
    }
    m = &d->model.device[s->device];
    energy_gives_open(d, i);
    m->features = energy_features(x->config[i].fields);
    str_copy(m->hardware, sizeof(m->hardware), c->adapter->title);
    model_touch(&d->model, s->device);
    if (!energy_slots_open(d, i, image, e)) {
        return false;
    }
    if (!start_source(d, i, e)) {
        set_state(s, EMS_SERVER, e->text); /* of this one only: the others go on */
    }
    return true;
}

void energy_source_stop(struct energy_source *s)
{
    ems_listen_destroy(s->listen);
    ems_round_destroy(s->round);
    ems_keep_destroy(s->keep);
    oneshot_destroy(s->timer);
    s->listen = NULL;
    s->round = NULL;
    s->keep = NULL;
    s->timer = NULL;
}

/* The library of HTTP is loaded when the first source needs it. */
bool energy_client(struct daemon *d, const struct settings *s, struct err *e)
{
    bool any = d->energy->client != NULL;

    for (int i = 0; !any && i < s->source_count; i++) {
        const struct source_settings *c = &s->source[i];

        if (ems_transport_of(c->adapter, c->options) == EMS_OVER_HTTP) {
            d->energy->client = http_client_create(&d->loop, e);
            return d->energy->client != NULL;
        }
    }
    return true;
}

/* What the site can show: of all sources as they are now. */
void energy_site_features(struct daemon *d)
{
    const uint32_t ems = energy_features((1u << EMS_FIELDS) - 1) | FEATURE_PRICE;
    const struct energy *x = d->energy;
    struct model_device *site = &d->model.device[1];

    site->features &= ~ems;
    if (x && x->n > 0) {
        site->features |= energy_features(ems_site_fields(x->config, x->n));
    }
    energy_slots_site(d);
    model_touch(&d->model, 1);
}

bool energy_open(struct daemon *d, const struct store_image *image, struct err *e)
{
    bool ok = true;

    energy_sweep_logins(d);
    if (d->settings.source_count == 0) {
        return true;
    }
    d->energy = calloc(1, sizeof(*d->energy));
    if (!d->energy) {
        err_set(e, ERR_NO_MEMORY, "sources: out of memory");
        return false;
    }
    if (!energy_client(d, &d->settings, e)) {
        free(d->energy);
        d->energy = NULL;
        return false;
    }
    for (int i = 0; ok && i < d->settings.source_count; i++) {
        d->energy->n = i + 1;
        ok = energy_source_open(d, i, image, e);
    }
    energy_site_features(d);
    return ok;
}

void energy_close(struct daemon *d)
{
    struct energy *x = d->energy;

    if (x) {
        for (int i = 0; i < x->n; i++) {
            energy_source_stop(&x->source[i]);
        }
        worker_destroy(x->saver, SAVE_GRACE_MS);
        http_client_destroy(x->client);
        memset(d->model.list, 0, sizeof(d->model.list));
        energy_slots_close(x);
        for (int i = 0; i < CIRCUITS_MAX; i++) {
            free(x->circuit[i]);
        }
        free(x);
        d->energy = NULL;
    }
}
