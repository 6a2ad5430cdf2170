/*
 * command_rows - what each key means. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/command.h"
#include "bridge/io/loop.h"
#include "discovery/discovery.h"
#include "discovery/rows.h"

#include <stdlib.h>
#include <string.h>

enum { PRIORITY_DEFAULT = 5, PRIORITY_BOOST = 8 };

static void value_decimal(struct command_call *c, int64_t thousandths)
{
    struct buf b;
    struct jw w;

    buf_init(&b, sizeof(c->out.value_json) - 1);
    jw_init(&w, &b);
    jw_decimal(&w, NULL, thousandths, 3, 3);
    str_copy(c->out.value_json, sizeof(c->out.value_json), buf_text(&b));
    buf_finish(&b);
}

static bool drops(const struct command_args *a)
{
    return str_iequal(a->value, "null") || str_iequal(a->value, "none") ||
            str_iequal(a->value, "release");
}

static int64_t charger_max(const struct command_call *c)
{
    const struct model_device *m = &c->d->model.device[c->d->unit[c->unit].device];

    return m->max_ma > 0 ? m->max_ma : c->d->control.out[c->unit].cap_ma / 1000 * 1000;
}

/* ---- current limits ---- */

/* Until when a request without `for` holds: safety page 7. */
static void plain_hold(struct command_call *c, struct lease *l, int64_t now_ms)
{
    struct daemon *d = c->d;
    int32_t minutes = d->unit[c->unit].run.hold_min;

    if (minutes > 0) {
        l->hold = LEASE_FOR;
        l->expires_ms = now_ms + (int64_t)minutes * 60000;
        return;
    }
    l->hold = d->ha == HA_ALIVE ? LEASE_WHILE_HA : LEASE_FOR;
    if (d->ha != HA_ALIVE || !d->broker.mqtt || mqtt_protocol(d->broker.mqtt) != 5) {
        /* Not seen, or its death cannot be probed: MQTT 3.1.1 does not tell who listens. */
        l->expires_ms = now_ms + (int64_t)d->settings.safety.hold_unseen_min * 60000;
    }
}

static enum command_code put(struct command_call *c, struct lease *l)
{
    struct daemon *d = c->d;
    struct lease_end replaced = {0};
    const struct lease *stored = lease_put(&d->leases, l, &replaced);

    if (!stored) {
        return command_refuse(c, COMMAND_FAILED, "%s: too many values are in force", c->in->key);
    }
    if (replaced.lease.id != 0 && replaced.lease.value_ma != l->value_ma) {
        lease_over(d, &replaced);
    }
    if (replaced.lease.id != 0 && replaced.lease.id != stored->id && d->store) {
        store_drop_lease(d->store, replaced.lease.id);
    }
    lease_store(d, stored);
    return COMMAND_OK;
}

static void fill(const struct command_call *c, struct lease *l, int64_t now_ms)
{
    str_copy(l->owner, sizeof(l->owner), c->args.owner);
    str_copy(l->reason, sizeof(l->reason), c->args.reason);
    l->since_ms = now_ms;
    l->priority = (uint8_t)(c->args.has_priority ? c->args.priority : PRIORITY_DEFAULT);
    if (c->args.has_for) {
        l->hold = LEASE_FOR;
        l->expires_ms = now_ms + c->args.for_s * 1000;
    }
}

/* The sender lost its own input: what it set ends within the grace, also over a restart. */
static void owner_lost(struct command_call *c, enum lease_kind kind, enum lease_scope scope,
        int32_t index, int64_t now_ms)
{
    struct daemon *d = c->d;
    const struct lease *l = lease_find(&d->leases, kind, scope, index, c->args.owner);

    lease_owner_lost(&d->leases, scope, index, c->args.owner,
            now_ms + (int64_t)d->grace_s * 1000);
    if (l) {
        lease_store(d, l);
    }
}

/* The limit that the sender has in force. */
static void limit_holds(struct command_call *c)
{
    bool charger = c->in->kind == MODEL_CHARGER;
    bool circuit = c->in->kind == MODEL_CIRCUIT;
    enum lease_scope scope = charger ? LEASE_CHARGER : circuit ? LEASE_CIRCUIT : LEASE_SITE;
    const struct lease *l = lease_find(&c->d->leases, charger ? LEASE_REQUEST : LEASE_CEILING,
            scope, charger ? c->unit : circuit ? c->circuit : 0,
            c->args.owner);

    if (l) {
        value_decimal(c, l->value_ma);
    }
}

static enum command_code charger_limit(struct command_call *c)
{
    struct daemon *d = c->d;
    int64_t now_ms = loop_now_ms();
    int64_t v = 0;
    struct lease l = {.kind = LEASE_REQUEST, .scope = LEASE_CHARGER, .index = c->unit};

    c->out.unit_text = " A";
    if (drops(&c->args)) {
        lease_drop(&d->leases, LEASE_REQUEST, LEASE_CHARGER, c->unit, c->args.owner, lease_over, d);
        d->control.c[c->unit].owner_spoke_ms = now_ms;
        c->out.value_json[0] = '\0';
        return COMMAND_OK;
    }
    if (command_number(c, 0, charger_max(c), &v) != COMMAND_OK) {
        if (c->out.code == COMMAND_NO_DATA) {
            owner_lost(c, LEASE_REQUEST, LEASE_CHARGER, c->unit, now_ms);
        }
        return c->out.code;
    }
    if (strcmp(c->args.owner, "mqtt") != 0 && !c->args.has_for) {
        return command_refuse(c, COMMAND_BAD_VALUE,
                "for: a request of owner %s must say how long it holds (1..604800 s)",
                c->args.owner);
    }
    l.value_ma = (int32_t)v;
    fill(c, &l, now_ms);
    if (!c->args.has_for) {
        plain_hold(c, &l, now_ms);
        l.ends_at_unplug = true;
    }
    if (put(c, &l) != COMMAND_OK) {
        return c->out.code;
    }
    d->control.c[c->unit].owner_spoke_ms = now_ms;
    if (v > 0 && v < d->control.out[c->unit].floor_ma) {
        c->out.note = "below_minimum";
    }
    value_decimal(c, v);
    return COMMAND_OK;
}

/* The ceiling of a circuit or of the site: it never lapses upward. */
static enum command_code ceiling(struct command_call *c, enum lease_scope scope, int32_t index,
        int64_t max)
{
    struct daemon *d = c->d;
    int64_t now_ms = loop_now_ms();
    int64_t v = 0;
    struct lease l = {
            .kind = LEASE_CEILING, .scope = scope, .index = index, .hold = LEASE_STORED};

    c->out.unit_text = " A";
    if (drops(&c->args)) {
        lease_drop(&d->leases, LEASE_CEILING, scope, index, c->args.owner, lease_over, d);
        c->out.value_json[0] = '\0';
        return COMMAND_OK;
    }
    if (command_number(c, 0, max, &v) != COMMAND_OK) {
        if (c->out.code == COMMAND_NO_DATA) {
            owner_lost(c, LEASE_CEILING, scope, index, now_ms);
        }
        return c->out.code;
    }
    l.value_ma = (int32_t)v;
    fill(c, &l, now_ms);
    if (put(c, &l) == COMMAND_OK) {
        value_decimal(c, v);
        c->out.owner = c->args.owner;
        c->out.until_ms = l.expires_ms;
    }
    return c->out.code;
}

static enum command_code circuit_limit(struct command_call *c)
{
    int64_t max = c->d->settings.circuit[c->circuit].effective_limit_ma / 1000 * 1000;

    return ceiling(c, LEASE_CIRCUIT, c->circuit, max);
}

static enum command_code site_limit(struct command_call *c)
{
    return ceiling(c, LEASE_SITE, 0, c->d->model.device[1].max_ma);
}

/* ---- allowed, mode ---- */

static void allowed_holds(struct command_call *c)
{
    bool on = c->unit >= 0 ? c->d->unit[c->unit].run.allowed : c->d->site_allowed;

    str_copy(c->out.value_json, sizeof(c->out.value_json), on ? "true" : "false");
}

static enum command_code allowed(struct command_call *c)
{
    struct daemon *d = c->d;
    struct unit_run *run = c->unit >= 0 ? &d->unit[c->unit].run : NULL;
    int64_t *until = run ? &run->allowed_until_ms : &d->site_allowed_until_ms;
    const char *v = c->args.value;
    bool on = str_iequal(v, "ON") || str_iequal(v, "true") || strcmp(v, "1") == 0;
    bool off = str_iequal(v, "OFF") || str_iequal(v, "false") || strcmp(v, "0") == 0;

    if (str_iequal(v, "unknown") || str_iequal(v, "unavailable")) {
        return command_refuse(c, COMMAND_NO_DATA, "%s: the sender has no value (%s)", c->in->key, v);
    }
    if (!on && !off) {
        return command_refuse(c, COMMAND_BAD_VALUE, "%s: '%.60s' is neither ON nor OFF", c->in->key,
                v);
    }
    if (on && c->args.has_for) {
        return command_refuse(c, COMMAND_BAD_VALUE,
                "for: %s ON only ends an OFF and cannot end itself", c->in->key);
    }
    *(run ? &run->allowed : &d->site_allowed) = on;
    *until = c->args.has_for ? loop_now_ms() + c->args.for_s * 1000 : 0;
    c->out.until_ms = *until;
    run_put(d, c->unit, "charging_allowed");
    allowed_holds(c);
    return COMMAND_OK;
}

/* Index of the word, or a refusal that lists the words. */
static enum command_code choice(struct command_call *c, const char *const *words, int32_t *out)
{
    char list[160] = "";

    for (int32_t i = 0; words[i]; i++) {
        size_t n = strlen(list);

        if (strcmp(words[i], c->args.value) == 0) {
            *out = i;
            return COMMAND_OK;
        }
        str_format(list + n, sizeof(list) - n, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    return command_refuse(c, COMMAND_BAD_VALUE, "%s: '%.60s' is not one of %s", c->in->key,
            c->args.value, list);
}

static void mode_holds(struct command_call *c)
{
    const struct unit_run *run = c->unit >= 0 ? &c->d->unit[c->unit].run : NULL;

    str_format(c->out.value_json, sizeof(c->out.value_json), "\"%s\"",
            run ? charger_mode_words[run->mode] : site_mode_words[c->d->site_mode]);
}

static enum command_code mode(struct command_call *c)
{
    struct daemon *d = c->d;
    struct unit_run *run = c->unit >= 0 ? &d->unit[c->unit].run : NULL;
    const char *const *words = run ? charger_mode_words : site_mode_words;
    int32_t *now = run ? &run->mode : &d->site_mode;
    int32_t *before = run ? &run->mode_before : &d->site_mode_before;
    int64_t *until = run ? &run->mode_until_ms : &d->site_mode_until_ms;
    int32_t v = 0;

    if (choice(c, words, &v) != COMMAND_OK) {
        return c->out.code;
    }
    if (c->args.has_for && *until == 0) {
        *before = *now;
    }
    *until = c->args.has_for ? loop_now_ms() + c->args.for_s * 1000 : 0;
    *now = v;
    c->out.until_ms = *until;
    run_put(d, c->unit, "mode");
    mode_holds(c);
    return COMMAND_OK;
}

/* ---- buttons ---- */

static enum command_code boost(struct command_call *c)
{
    struct daemon *d = c->d;
    const struct unit_run *run = &d->unit[c->unit].run;
    int64_t now_ms = loop_now_ms();
    int64_t max = charger_max(c);
    int64_t v = run->boost_ma >= 0 && run->boost_ma < max ? run->boost_ma : max;
    struct lease l = {.kind = LEASE_REQUEST, .scope = LEASE_CHARGER, .index = c->unit};

    c->out.unit_text = " A";
    if (c->args.is_json && c->args.has_value && command_number(c, 0, max, &v) != COMMAND_OK) {
        return c->out.code;
    }
    fill(c, &l, now_ms);
    str_copy(l.owner, sizeof(l.owner), "boost");
    l.priority = (uint8_t)(c->args.has_priority ? c->args.priority : PRIORITY_BOOST);
    l.value_ma = (int32_t)v;
    l.hold = LEASE_FOR;
    l.ends_at_unplug = true;
    if (!c->args.has_for) {
        l.expires_ms = now_ms + (int64_t)run->boost_min * 60000;
    }
    if (put(c, &l) == COMMAND_OK) {
        d->control.c[c->unit].owner_spoke_ms = now_ms;
        value_decimal(c, v);
    }
    return c->out.code;
}

static enum command_code release(struct command_call *c)
{
    struct daemon *d = c->d;

    if (c->unit >= 0) {
        lease_drop(&d->leases, LEASE_REQUEST, LEASE_CHARGER, c->unit, NULL, lease_over, d);
        d->control.c[c->unit].owner_spoke_ms = loop_now_ms();
        return COMMAND_OK;
    }
    lease_drop(&d->leases, LEASE_CEILING, LEASE_SITE, 0, NULL, lease_over, d);
    for (int i = 0; i < d->units; i++) {
        lease_drop(&d->leases, LEASE_REQUEST, LEASE_CHARGER, i, "boost", lease_over, d);
        d->control.c[i].owner_spoke_ms = loop_now_ms();
    }
    return COMMAND_OK;
}

/* ---- numbers that are settings ---- */

static bool in_amps(const struct entity *row)
{
    return row->unit && strcmp(row->unit, "A") == 0;
}

/* What the entity shows: what was set, inside the range of today. */
static void number_holds(struct command_call *c)
{
    const struct entity *row = entity_find(c->in->kind, c->in->key);
    int dev = c->unit >= 0 ? c->d->unit[c->unit].device : 1;
    int64_t v = 0, min = 0, max = 0;

    if (row && model_get(&c->d->model, dev, entity_field(row), &v)) {
        v = in_amps(row) ? v : v * 1000;
        entity_range(row, &c->d->model.device[dev], &min, &max);
        value_decimal(c, v < min ? min : v > max ? max : v);
    }
}

static enum command_code number(struct command_call *c)
{
    struct daemon *d = c->d;
    const struct entity *row = entity_find(c->in->kind, c->in->key);
    int dev = c->unit >= 0 ? d->unit[c->unit].device : 1;
    struct unit_run *run = c->unit >= 0 ? &d->unit[c->unit].run : NULL;
    bool amps = row && in_amps(row);
    int64_t min = 0, max = 0, v = 0;
    int32_t *to = NULL;

    if (!row) {
        return command_refuse(c, COMMAND_UNKNOWN_KEY, "%s: there is no such row", c->in->key);
    }
    entity_range(row, &d->model.device[dev], &min, &max);
    c->out.unit_text = amps ? " A" : "";
    if (command_number(c, min, max, &v) != COMMAND_OK) {
        return c->out.code;
    }
    if (c->args.has_for) {
        return command_refuse(
                c, COMMAND_BAD_VALUE, "for: %s is kept and has no end", c->in->key);
    }
    if (!amps && v % 1000 != 0) {
        return command_refuse(c, COMMAND_BAD_VALUE, "%s: '%.40s' is not a whole number",
                c->in->key, c->args.value);
    }
    to = run_number(d, c->unit, c->in->key);
    if (!to) {
        return command_refuse(c, COMMAND_NOT_SUPPORTED, "%s: this build cannot", c->in->key);
    }
    *to = (int32_t)(amps ? v : v / 1000);
    run_put(d, c->unit, c->in->key);
    if (run && strcmp(c->in->key, "max_current") == 0) {
        run_ceiling(d, c->unit);
    }
    step_config(d);
    value_decimal(c, v);
    return COMMAND_OK;
}

/* ---- the bridge ---- */

static void log_level_holds(struct command_call *c)
{
    str_format(c->out.value_json, sizeof(c->out.value_json), "\"%s\"",
            log_level_names[log_get_level()]);
}

/* Not stored: a level that somebody forgot would fill a disk. */
static enum command_code log_level(struct command_call *c)
{
    struct daemon *d = c->d;
    int32_t v = 0;

    if (choice(c, log_level_names, &v) != COMMAND_OK) {
        return c->out.code;
    }
    if (c->args.has_for && d->log_until_ms == 0) {
        d->log_before = log_get_level();
    }
    d->log_until_ms = c->args.has_for ? loop_now_ms() + c->args.for_s * 1000 : 0;
    c->out.until_ms = d->log_until_ms;
    log_set_level((enum log_level)v);
    log_level_holds(c);
    return COMMAND_OK;
}

static enum command_code restart(struct command_call *c)
{
    if (!getenv("NOTIFY_SOCKET") && !getenv("TWCBRIDGE_SUPERVISED")) {
        return command_refuse(c, COMMAND_NOT_SUPPORTED,
                "restart: nothing would start the process again");
    }
    daemon_stop(c->d, 0, "a restart was asked for");
    return COMMAND_OK;
}

static enum command_code announce(struct command_call *c)
{
    broker_announce(c->d);
    return COMMAND_OK;
}

static enum command_code health(struct command_call *c)
{
    struct buf b;

    show_health(c->d);
    buf_init(&b, sizeof(c->out.more) - 1);
    state_document(&c->d->model, 0, &b);
    if (buf_ok(&b)) {
        str_copy(c->out.more, sizeof(c->out.more), buf_text(&b));
    }
    buf_finish(&b);
    return COMMAND_OK;
}

/* The charger that a bridge request names: a member, or the plain payload. */
static int named(struct command_call *c)
{
    const char *id = c->args.charger[0] != '\0' ? c->args.charger : c->args.value;
    int unit = unit_find(c->d, id);

    if (unit < 0) {
        command_refuse(c, COMMAND_UNKNOWN_DEVICE, "charger: there is no '%.40s'", id);
    }
    return unit;
}

static enum command_code remove_charger(struct command_call *c)
{
    int unit = named(c);

    if (unit < 0) {
        return c->out.code;
    }
    if (c->d->unit[unit].report.link == CHARGER_ONLINE) {
        return command_refuse(c, COMMAND_NOT_ALLOWED,
                "remove: %s answers on its bus; disconnect it first", c->d->unit[unit].id);
    }
    unit_remove(c->d, unit);
    return COMMAND_OK;
}

/* Without a name, or with "", the one of the file comes back. */
static enum command_code rename_charger(struct command_call *c)
{
    int unit = named(c);
    const char *name = c->args.name;
    struct buf b;
    struct jw w;

    if (unit < 0) {
        return c->out.code;
    }
    if (name[0] != '\0' && strspn(name, " ") == strlen(name)) {
        return command_refuse(c, COMMAND_BAD_VALUE, "name: there is nothing but blanks in it");
    }
    run_rename(c->d, unit, name);
    buf_init(&b, sizeof(c->out.value_json) - 1);
    jw_init(&w, &b);
    jw_str(&w, NULL, c->d->model.device[c->d->unit[unit].device].name);
    str_copy(c->out.value_json, sizeof(c->out.value_json), buf_ok(&b) ? buf_text(&b) : "");
    buf_finish(&b);
    return COMMAND_OK;
}

static enum command_code clear_discovery(struct command_call *c)
{
    for (int i = 0; i < c->d->model.devices; i++) {
        char topic[DISCOVERY_TOPIC_ROOM];
        struct discovery_config dc = {.base = c->d->settings.mqtt.base_topic,
                .prefix = c->d->settings.mqtt.discovery_prefix};

        discovery_topic(topic, sizeof(topic), &dc, &c->d->model.device[i]);
        broker_publish(c->d, topic, "", 0, MQTT_RETAINED);
    }
    return COMMAND_OK;
}

static enum command_code resume(struct command_call *c)
{
    for (int b = 0; b < c->d->settings.bus_count; b++) {
        if (c->d->bus[b].self) {
            c->d->bus[b].adapter->resume(c->d->bus[b].self);
        }
    }
    return COMMAND_OK;
}

/* Who may be taken is taken without being asked, and a fourth on a bus never is. */
static enum command_code adopt(struct command_call *c)
{
    return command_refuse(c, COMMAND_NOT_SUPPORTED,
            "adopt: chargers are taken by themselves, three on each bus; name one in `chargers` of "
            "the settings to take it when it is heard once");
}

static enum command_code not_built(struct command_call *c)
{
    return command_refuse(c, COMMAND_NOT_SUPPORTED, "%s: this build cannot do that yet",
            c->in->key);
}

const struct command_row command_rows[] = {
        {MODEL_CHARGER, "current_limit", charger_limit, limit_holds},
        {MODEL_CHARGER, "charging_allowed", allowed, allowed_holds},
        {MODEL_CHARGER, "mode", mode, mode_holds},
        {MODEL_CHARGER, "boost", boost, NULL},
        {MODEL_CHARGER, "release", release, NULL},
        {MODEL_CHARGER, "max_current", number, number_holds},
        {MODEL_CHARGER, "min_current", number, number_holds},
        {MODEL_CHARGER, "boost_current", number, number_holds},
        {MODEL_CHARGER, "hold_minutes", number, number_holds},
        {MODEL_CHARGER, "boost_minutes", number, number_holds},
        {MODEL_CIRCUIT, "current_limit", circuit_limit, limit_holds},
        {MODEL_SITE, "current_limit", site_limit, limit_holds},
        {MODEL_SITE, "charging_allowed", allowed, allowed_holds},
        {MODEL_SITE, "mode", mode, mode_holds},
        {MODEL_SITE, "release", release, NULL},
        {MODEL_SITE, "fallback_current", number, number_holds},
        {MODEL_SITE, "lease_grace", number, number_holds},
        {MODEL_BRIDGE, "log_level", log_level, log_level_holds},
        {MODEL_BRIDGE, "restart", restart, NULL},
        {MODEL_BRIDGE, "announce", announce, NULL},
        {MODEL_BRIDGE, "health", health, NULL},
        {MODEL_BRIDGE, "remove", remove_charger, NULL},
        {MODEL_BRIDGE, "clear_discovery", clear_discovery, NULL},
        {MODEL_BRIDGE, "resume", resume, NULL},
        {MODEL_BRIDGE, "adopt", adopt, NULL},
        {MODEL_BRIDGE, "rename", rename_charger, NULL},
        {MODEL_BRIDGE, "backup", command_backup, NULL},
        {MODEL_BRIDGE, "import", not_built, NULL},
        {MODEL_BRIDGE, "diagnostics", command_diagnostics, NULL},
};
bool command_is_button(const struct command_row *row)
{
    return row->run == boost || row->run == release || row->run == announce ||
            row->run == restart || row->kind == MODEL_BRIDGE;
}

const size_t command_row_count = ARRAY_LEN(command_rows);
