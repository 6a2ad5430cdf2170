/*
 * run_settings - what a person set at run time: kept in the store, and back after a restart.
 *
 * A value set at run time wins until the file's own value for it changes: each row remembers what
 * the file said when it was written. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <string.h>

/* One kept value: where it lives in a unit (or the daemon) and how it reads. */
struct run_row {
    const char *key;
    enum { RUN_MA, RUN_NUMBER, RUN_ALLOWED, RUN_MODE, RUN_NAME } type;
    size_t unit_offset; /* in struct unit_run */
    bool of_site;
};

static const struct run_row rows[] = {
        {"charging_allowed", RUN_ALLOWED, 0, true},
        {"mode", RUN_MODE, 0, true},
        {"max_current", RUN_MA, offsetof(struct unit_run, max_ma), false},
        {"min_current", RUN_MA, offsetof(struct unit_run, min_ma), false},
        {"boost_current", RUN_MA, offsetof(struct unit_run, boost_ma), false},
        {"boost_minutes", RUN_NUMBER, offsetof(struct unit_run, boost_min), false},
        {"hold_minutes", RUN_NUMBER, offsetof(struct unit_run, hold_min), false},
        {"name", RUN_NAME, 0, false},
        {"fallback_current", RUN_MA, 0, true},
        {"lease_grace", RUN_NUMBER, 0, true},
};

static const struct run_row *row_of(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

void run_file_note(const struct daemon *d, struct run_file *f)
{
    for (int i = 0; i < d->units; i++) {
        const struct unit *u = &d->unit[i];
        const struct charger_settings *s =
                u->settings >= 0 ? &d->settings.charger[u->settings] : NULL;

        f->min_ma[i] = s ? s->min_ma : OPT_UNSET;
        f->max_ma[i] = s ? s->max_ma : OPT_UNSET;
        str_copy(f->name[i], sizeof(f->name[i]), s ? s->name : "");
    }
    f->grace_s = d->settings.lease.grace_s;
}

void run_file_changed(struct daemon *d, const struct run_file *before)
{
    struct run_file now = {0};

    run_file_note(d, &now);
    for (int i = 0; i < d->units; i++) {
        if (now.min_ma[i] != before->min_ma[i] && d->unit[i].run.min_ma >= 0) {
            d->unit[i].run.min_ma = -1;
            run_put(d, i, "min_current");
        }
        if (now.max_ma[i] != before->max_ma[i] && d->unit[i].run.max_ma >= 0) {
            d->unit[i].run.max_ma = -1;
            run_ceiling(d, i);
            run_put(d, i, "max_current");
        }
    }
    for (int i = 0; i < d->units; i++) {
        if (strcmp(now.name[i], before->name[i]) != 0 && d->unit[i].run.name[0] != '\0') {
            run_rename(d, i, "");
        }
    }
    if (now.grace_s != before->grace_s) {
        d->grace_s = now.grace_s;
        run_put(d, -1, "lease_grace");
    }
}

/* What the settings file says for a key; "" where it has no such value. */
static void file_value(const struct daemon *d, int unit, const char *key, char *dst, size_t room)
{
    const struct unit *u = unit >= 0 ? &d->unit[unit] : NULL;
    const struct charger_settings *s =
            u && u->settings >= 0 ? &d->settings.charger[u->settings] : NULL;

    str_copy(dst, room, "");
    if (s && strcmp(key, "min_current") == 0) {
        str_format(dst, room, "%d", s->min_ma);
    } else if (s && strcmp(key, "max_current") == 0) {
        str_format(dst, room, "%d", s->max_ma);
    } else if (s && strcmp(key, "name") == 0) {
        str_copy(dst, room, s->name);
    } else if (!u && strcmp(key, "lease_grace") == 0) {
        str_format(dst, room, "%d", d->settings.lease.grace_s);
    }
}

static int32_t *number_of(struct daemon *d, int unit, const struct run_row *r)
{
    if (unit >= 0) {
        return (int32_t *)(void *)((char *)&d->unit[unit].run + r->unit_offset);
    }
    return strcmp(r->key, "lease_grace") == 0 ? &d->grace_s : &d->fallback_ma;
}

int32_t *run_number(struct daemon *d, int unit, const char *key)
{
    const struct run_row *r = row_of(key);

    return r && (r->type == RUN_MA || r->type == RUN_NUMBER) && r->of_site == (unit < 0)
            ? number_of(d, unit, r)
            : NULL;
}

/* Wall time of a boot time, 0 stays 0. */
static int64_t utc_of(int64_t boot_ms)
{
    return boot_ms == 0 ? 0 : loop_utc_ms() + boot_ms - loop_now_ms();
}

static int64_t boot_of(int64_t utc_ms)
{
    return utc_ms == 0 ? 0 : loop_now_ms() + utc_ms - loop_utc_ms();
}

void run_put(struct daemon *d, int unit, const char *key)
{
    const struct run_row *r = row_of(key);
    struct store_setting row = {0};
    struct unit_run *run = unit >= 0 ? &d->unit[unit].run : NULL;

    if (!r || !d->store) {
        return;
    }
    if (unit >= 0) {
        str_format(row.device, sizeof(row.device), "charger/%s", d->unit[unit].id);
    } else {
        str_copy(row.device, sizeof(row.device), "site");
    }
    str_copy(row.key, sizeof(row.key), key);
    file_value(d, unit, key, row.file_value, sizeof(row.file_value));
    switch (r->type) {
    case RUN_MA:
    case RUN_NUMBER:
        str_format(row.value, sizeof(row.value), "%d", *number_of(d, unit, r));
        break;
    case RUN_ALLOWED:
        str_format(row.value, sizeof(row.value), "%d %lld", run ? run->allowed : d->site_allowed,
                (long long)utc_of(run ? run->allowed_until_ms : d->site_allowed_until_ms));
        break;
    case RUN_MODE:
        str_format(row.value, sizeof(row.value), "%d %lld %d", run ? run->mode : d->site_mode,
                (long long)utc_of(run ? run->mode_until_ms : d->site_mode_until_ms),
                run ? run->mode_before : d->site_mode_before);
        break;
    case RUN_NAME:
        str_copy(row.value, sizeof(row.value), run ? run->name : "");
        break;
    }
    store_put_setting(d->store, &row);
}

/* Up to three integers separated by one blank. Returns how many were read. */
static int numbers(const char *text, int64_t out[3])
{
    int n = 0;

    while (n < 3 && *text != '\0') {
        size_t len = strcspn(text, " ");

        if (!str_int(text, len, &out[n])) {
            return n;
        }
        n++;
        text += len;
        text += *text == ' ';
    }
    return n;
}

static void load_allowed(struct daemon *d, int unit, const int64_t v[3])
{
    struct unit_run *run = unit >= 0 ? &d->unit[unit].run : NULL;

    *(run ? &run->allowed : &d->site_allowed) = v[0] != 0;
    *(run ? &run->allowed_until_ms : &d->site_allowed_until_ms) = boot_of(v[1]);
}

static void load_mode(struct daemon *d, int unit, const int64_t v[3])
{
    struct unit_run *run = unit >= 0 ? &d->unit[unit].run : NULL;
    int32_t last = unit >= 0 ? MODE_SITE : MODE_STOP;

    if (v[0] < 0 || v[0] > last || v[2] < 0 || v[2] > last) {
        return;
    }
    *(run ? &run->mode : &d->site_mode) = (int32_t)v[0];
    *(run ? &run->mode_before : &d->site_mode_before) = (int32_t)v[2];
    *(run ? &run->mode_until_ms : &d->site_mode_until_ms) = boot_of(v[1]);
}

static void load_one(struct daemon *d, const struct store_setting *s)
{
    int unit = -1;
    int64_t v[3] = {0, 0, 0};
    const struct run_row *r = row_of(s->key);
    char file[64];

    if (strncmp(s->device, "charger/", 8) == 0) {
        unit = unit_find(d, s->device + 8);
        if (unit < 0) {
            return;
        }
    }
    if (!r || (r->type != RUN_NAME && numbers(s->value, v) < 1)) {
        return;
    }
    file_value(d, unit, s->key, file, sizeof(file));
    if (strcmp(file, s->file_value) != 0) {
        return; /* the file was changed since: its value counts */
    }
    switch (r->type) {
    case RUN_MA:
    case RUN_NUMBER:
        *number_of(d, unit, r) = (int32_t)v[0];
        break;
    case RUN_ALLOWED:
        load_allowed(d, unit, v);
        break;
    case RUN_MODE:
        load_mode(d, unit, v);
        break;
    case RUN_NAME:
        if (unit >= 0) {
            str_copy(d->unit[unit].run.name, sizeof(d->unit[unit].run.name), s->value);
        }
        break;
    }
}

void run_load(struct daemon *d, const struct store_image *image)
{
    for (int i = 0; i < image->settings; i++) {
        load_one(d, &image->setting[i]);
    }
    for (int i = 0; i < d->units; i++) {
        run_ceiling(d, i);
    }
}

/* Home Assistant is told, and so are the reasons. */
void run_rename(struct daemon *d, int unit, const char *name)
{
    str_copy(d->unit[unit].run.name, sizeof(d->unit[unit].run.name), name);
    run_put(d, unit, "name");
    unit_describe(d, unit);
    step_config(d);
}

/* max_current is a ceiling like any other: it shows in the list and in the reason. */
void run_ceiling(struct daemon *d, int unit)
{
    const struct unit *u = &d->unit[unit];
    struct lease l = {
            .kind = LEASE_CEILING,
            .scope = LEASE_CHARGER,
            .index = unit,
            .hold = LEASE_STORED,
            .value_ma = u->run.max_ma,
            .since_ms = loop_now_ms(),
            .owner = "max_current",
            .reason = "maximum set by a person",
    };
    struct lease_end replaced;

    if (u->run.max_ma < 0) {
        lease_drop(&d->leases, LEASE_CEILING, LEASE_CHARGER, unit, "max_current", NULL, NULL);
    } else if (!lease_put(&d->leases, &l, &replaced)) {
        log_error("control", "too many limits are in force");
    }
}

static void expire_one(struct daemon *d, int unit, int64_t now_ms)
{
    struct unit_run *run = unit >= 0 ? &d->unit[unit].run : NULL;
    bool *allowed = run ? &run->allowed : &d->site_allowed;
    int64_t *allowed_until = run ? &run->allowed_until_ms : &d->site_allowed_until_ms;
    int32_t *mode = run ? &run->mode : &d->site_mode;
    int64_t *mode_until = run ? &run->mode_until_ms : &d->site_mode_until_ms;

    if (*allowed_until != 0 && now_ms >= *allowed_until) {
        *allowed = true;
        *allowed_until = 0;
        run_put(d, unit, "charging_allowed");
    }
    if (*mode_until != 0 && now_ms >= *mode_until) {
        *mode = run ? run->mode_before : d->site_mode_before;
        *mode_until = 0;
        run_put(d, unit, "mode");
    }
}

void run_expire(struct daemon *d, int64_t now_ms)
{
    if (d->log_until_ms != 0 && now_ms >= d->log_until_ms) {
        d->log_until_ms = 0;
        log_set_level(d->log_before);
        log_notice("log", "the level is %s again", log_level_names[d->log_before]);
    }
    expire_one(d, -1, now_ms);
    for (int i = 0; i < d->units; i++) {
        expire_one(d, i, now_ms);
    }
}

/* ---- leases ---- */

static void device_of(const struct daemon *d, const struct lease *l, char *dst, size_t room)
{
    switch (l->scope) {
    case LEASE_CHARGER:
        str_format(dst, room, "charger/%s", d->unit[l->index].id);
        break;
    case LEASE_CIRCUIT:
        str_format(dst, room, "circuit/%s", d->settings.circuit[l->index].id);
        break;
    case LEASE_SITE:
        str_copy(dst, room, "site");
        break;
    }
}

void lease_store(struct daemon *d, const struct lease *l)
{
    struct store_lease row = {.lease = *l};
    int64_t *end = &row.lease.expires_ms;

    if (l->no_data && (*end == 0 || l->lost_ms < *end)) {
        *end = l->lost_ms; /* its owner is lost: so it is after a restart */
    }
    row.expires_utc_ms = utc_of(*end);
    if (d->store) {
        device_of(d, l, row.device, sizeof(row.device));
        store_put_lease(d->store, &row);
    }
}

void lease_over(void *user, const struct lease_end *end)
{
    struct daemon *d = user;
    const struct lease *l = &end->lease;
    int unit = l->scope == LEASE_CHARGER ? l->index : -1;

    if (d->stopping) {
        return; /* what ends because we stop is still stored */
    }
    if (d->store && (l->kind == LEASE_REQUEST || end->why == LEASE_RELEASED)) {
        store_drop_lease(d->store, l->id);
    }
    if (l->kind == LEASE_CEILING && (end->why == LEASE_EXPIRED || end->why == LEASE_OWNER_LOST)) {
        const struct lease *fallen = lease_find(&d->leases, l->kind, l->scope, l->index, l->owner);

        if (fallen) {
            lease_store(d, fallen); /* a restart must not lift it */
        }
    }
    if (unit < 0) {
        if (end->why == LEASE_EXPIRED || end->why == LEASE_OWNER_LOST) {
            log_notice("control", "a limit of %s lapsed to the fallback", l->owner);
            event_emit(d, -1, "fallback_entered", ",\"owner\":\"%s\"", l->owner);
        }
        return;
    }
    if (end->why != LEASE_REPLACED) {
        log_notice("control", "%s: %s by %s ended: %s", d->model.device[d->unit[unit].device].name,
                l->kind == LEASE_REQUEST ? "request" : "limit", l->owner,
                lease_why_names[end->why]);
    }
    event_emit(d, unit, "lease_ended", ",\"owner\":\"%s\",\"value\":%d.%02d,\"why\":\"%s\"",
            l->owner, l->value_ma / 1000, l->value_ma % 1000 / 10, lease_why_names[end->why]);
    daemon_dirty(d);
}

void run_put_all(struct daemon *d)
{
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        bool both = rows[k].type == RUN_ALLOWED || rows[k].type == RUN_MODE;

        if (rows[k].of_site) {
            run_put(d, -1, rows[k].key);
        }
        for (int i = 0; i < d->units && (both || !rows[k].of_site); i++) {
            run_put(d, i, rows[k].key);
        }
    }
    for (int i = 0; i < LEASES_MAX; i++) {
        if (d->leases.row[i].id != 0) {
            lease_store(d, &d->leases.row[i]);
        }
    }
}

/* Index of the device that a stored lease is about; -1: gone. */
static int index_of(const struct daemon *d, const char *device)
{
    if (strncmp(device, "charger/", 8) == 0) {
        return unit_find(d, device + 8);
    }
    if (strncmp(device, "circuit/", 8) == 0) {
        for (int i = 0; i < d->settings.circuit_count; i++) {
            if (strcmp(d->settings.circuit[i].id, device + 8) == 0) {
                return i;
            }
        }
        return -1;
    }
    return 0;
}

void leases_load(struct daemon *d, const struct store_image *image)
{
    int64_t now_ms = loop_now_ms();
    bool clock_ok = loop_utc_ms() >= image->written_utc_ms;

    d->leases.next_id = image->lease_id + 1;
    for (int i = 0; i < image->leases; i++) {
        const struct store_lease *s = &image->lease[i];
        struct lease l = s->lease;
        struct lease_end replaced;

        l.index = index_of(d, s->device);
        if (l.index < 0 || (l.kind == LEASE_REQUEST && !image->same_boot && !clock_ok)) {
            continue;
        }
        if (!image->same_boot) {
            l.since_ms = now_ms;
            l.expires_ms = boot_of(s->expires_utc_ms);
        }
        /* Nobody was seen alive yet: the grace runs from now (safety page 7). */
        l.lost_ms = l.hold == LEASE_WHILE_HA ? now_ms + (int64_t)d->grace_s * 1000 : l.lost_ms;
        (void)!lease_put(&d->leases, &l, &replaced);
    }
}
