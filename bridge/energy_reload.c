/*
 * energy_reload - a change of `sources` while the bridge runs: what did not change goes on, what did
 * is made anew, what is not there any more leaves Home Assistant. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/energy.h"
#include "bridge/energy_slots.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"

#include <stdlib.h>
#include <string.h>

/* A source whose place in the list changed and nothing else: what it said, its login, its state. */
struct moved {
    struct source_settings settings;
    struct ems_source reading;
    struct ems_source_config config;
    struct energy_source source;
    bool taken;
};

static bool same(const struct source_settings *a, const struct source_settings *b)
{
    return memcmp(a, b, sizeof(*a)) == 0; /* both were zeroed before they were filled */
}

/* Indices of circuits are those that run; false: a source is for one that comes with a restart. */
static bool map_circuits(const struct daemon *d, struct settings *new)
{
    for (int i = 0; i < new->source_count; i++) {
        struct source_settings *x = &new->source[i];
        int found = -1;

        for (int k = 0; x->circuit_index >= 0 && k < d->settings.circuit_count; k++) {
            if (strcmp(d->settings.circuit[k].id, new->circuit[x->circuit_index].id) == 0) {
                found = k;
            }
        }
        if (x->circuit_index >= 0 && found < 0) {
            return false;
        }
        x->circuit_index = found;
    }
    return true;
}

/* ---- those that leave their place ---- */

static void stop(struct daemon *d, int i, struct moved *out)
{
    struct energy *x = d->energy;

    energy_source_stop(&x->source[i]);
    *out = (struct moved){.settings = d->settings.source[i],
            .reading = x->reading[i],
            .config = x->config[i],
            .source = x->source[i]};
    memset(&x->source[i], 0, sizeof(x->source[i]));
    memset(&x->reading[i], 0, sizeof(x->reading[i]));
    memset(&x->config[i], 0, sizeof(x->config[i]));
}

static void carry(struct energy *x, int i, struct moved *from)
{
    struct energy_source *s = &x->source[i];
    struct ems_kept *own = s->kept;

    x->reading[i] = from->reading;
    x->config[i].fields = from->config.fields;
    s->session = from->source.session;
    s->answered = from->source.answered;
    s->class = from->source.class;
    s->problem = from->source.problem;
    s->latency_ms = from->source.latency_ms;
    s->calls = from->source.calls;
    s->calls_day = from->source.calls_day;
    s->poll = from->source.poll;
    (void)str_copy(s->why, sizeof(s->why), from->source.why);
    s->kept = from->source.kept ? from->source.kept : own;
    from->source.kept = from->source.kept ? own : NULL;
    from->taken = true;
    if (s->timer) { /* a reload is no reason to ask earlier */
        int64_t wait_ms = from->source.next_ms - loop_now_ms();

        s->next_ms = from->source.next_ms;
        s->started_ms = from->source.started_ms;
        oneshot_start(s->timer, wait_ms > 0 ? (uint64_t)wait_ms : 0);
    }
}

/* What a system was found to have stays announced when an option of it changes. */
static void keep_found(struct daemon *d, int i, const struct moved *from)
{
    struct energy *x = d->energy;
    const struct source_settings *s = &d->settings.source[i];
    struct model_device *m = &d->model.device[x->source[i].device];

    if (s->adapter->finds_out && s->adapter == from->settings.adapter &&
            strcmp(s->id, from->settings.id) == 0) {
        x->config[i].fields |= from->config.fields & s->adapter->fields(s->options);
        m->features |= energy_features(x->config[i].fields);
        model_touch(&d->model, x->source[i].device);
    }
}

/* A login that is kept goes on with other options, and with another name: what is on the disk may be
 * older, and one that changes with each use cannot be had again. */
static void keep_login(struct energy_source *s, const struct moved *from)
{
    const struct source_settings *now = s->settings, *before = &from->settings;
    bool renamed = strcmp(now->id, before->id) != 0;

    if (now->adapter != before->adapter || from->source.session.keep[0] == '\0' ||
            (renamed && memcmp(now->options, before->options, sizeof(now->options)) != 0)) {
        return;
    }
    (void)str_copy(s->session.keep, sizeof(s->session.keep), from->source.session.keep);
    if (renamed && s->keep) {
        (void)ems_keep_save(s->keep, s->session.keep, NULL, NULL);
    }
}

static void start(struct daemon *d, int i, struct moved *moved, int n)
{
    struct err e = {0};

    if (!energy_source_open(d, i, NULL, &e)) {
        log_error("energy", "%s", e.text);
        return;
    }
    for (int k = 0; k < n; k++) {
        keep_found(d, i, &moved[k]);
        keep_login(&d->energy->source[i], &moved[k]);
    }
    for (int k = 0; k < n; k++) {
        if (!moved[k].taken && same(&moved[k].settings, &d->settings.source[i])) {
            carry(d->energy, i, &moved[k]);
            return;
        }
    }
}

static void remove_device(struct daemon *d, const struct moved *m)
{
    for (int i = 0; i < d->settings.source_count; i++) {
        if (strcmp(d->settings.source[i].id, m->settings.id) == 0) {
            return;
        }
    }
    if (m->source.device >= 0) {
        d->model.device[m->source.device].gone = true;
        model_touch(&d->model, m->source.device);
    }
}

/* ---- the change ---- */

static void change(struct daemon *d, const struct settings *new, struct moved *moved)
{
    struct energy *x = d->energy;
    bool goes_on[EMS_SOURCES_MAX] = {false};
    int n = 0, before = x->n;
    struct err e = {0};

    for (int i = 0; i < before; i++) {
        goes_on[i] = i < new->source_count &&same(&d->settings.source[i], &new->source[i]);
        if (!goes_on[i]) {
            stop(d, i, &moved[n++]);
        }
    }
    memcpy(d->settings.source, new->source, sizeof(d->settings.source));
    d->settings.source_count = new->source_count;
    if (!energy_client(d, new, &e)) {
        log_error("energy", "%s", e.text); /* rounds over HTTP say so, too */
    }
    x->n = new->source_count;
    for (int i = 0; i < x->n; i++) {
        if (!goes_on[i]) {
            start(d, i, moved, n);
        }
    }
    for (int k = 0; k < n; k++) {
        remove_device(d, &moved[k]);
        free(moved[k].source.kept);
    }
    x->implausible = 0;
    energy_sweep_logins(d);
    energy_site_features(d);
    energy_show(d);
    log_notice("energy", "%d sources, of which %d changed place or were made anew",
            new->source_count, n);
}

void energy_reload(struct daemon *d, const struct settings *settings)
{
    struct settings *new = malloc(sizeof(*new));
    struct moved *moved = calloc(EMS_SOURCES_MAX, sizeof(*moved));
    struct err e = {0};
    bool differs;

    if (!new || !moved) {
        log_error("energy", "sources stay as they were: out of memory");
        free(new);
        free(moved);
        return;
    }
    memcpy(new, settings, sizeof(*new));
    if (!map_circuits(d, new)) {
        log_warning("energy",
                "sources stay as they were: one is the meter of a circuit that comes "
                "with the restart");
    } else {
        differs = new->source_count != d->settings.source_count;
        for (int i = 0; i < new->source_count && !differs; i++) {
            differs = !same(&d->settings.source[i], &new->source[i]);
        }
        if (differs && d->energy) {
            change(d, new, moved);
        } else if (differs) {
            memcpy(d->settings.source, new->source, sizeof(d->settings.source));
            d->settings.source_count = new->source_count;
            if (!energy_open(d, NULL, &e)) {
                log_error("energy", "%s", e.text);
            }
        }
    }
    free(new);
    free(moved);
}
