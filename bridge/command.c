/*
 * command - finds the row, runs it, decides the amps, answers. SPDX-License-Identifier: MIT
 */
#include "bridge/command.h"

#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"

#include <string.h>

enum { WORDS_MAX = 40 };

static const char *const code_names[] = {
        [COMMAND_OK] = "ok",
        [COMMAND_BAD_JSON] = "bad_json",
        [COMMAND_BAD_VALUE] = "bad_value",
        [COMMAND_UNKNOWN_MEMBER] = "unknown_member",
        [COMMAND_UNKNOWN_KEY] = "unknown_key",
        [COMMAND_UNKNOWN_DEVICE] = "unknown_device",
        [COMMAND_OUT_OF_RANGE] = "out_of_range",
        [COMMAND_NO_DATA] = "no_data",
        [COMMAND_NOT_SUPPORTED] = "not_supported",
        [COMMAND_NOT_ALLOWED] = "not_allowed",
        [COMMAND_OFFLINE] = "offline",
        [COMMAND_STALE] = "stale",
        [COMMAND_TOO_MANY] = "too_many",
        [COMMAND_FAILED] = "failed",
};

static const struct command_row *row_of(const struct command_in *in)
{
    for (size_t i = 0; i < command_row_count && !in->unknown; i++) {
        if (command_rows[i].kind == in->kind && strcmp(command_rows[i].key, in->key) == 0) {
            return &command_rows[i];
        }
    }
    return NULL;
}

static enum command_code unknown_key(struct command_call *c)
{
    const char *words[WORDS_MAX + 1] = {NULL};
    size_t n = 0;
    const char *near;

    for (size_t i = 0; i < command_row_count && n < WORDS_MAX; i++) {
        if (command_rows[i].kind == c->in->kind) {
            words[n++] = command_rows[i].key;
        }
    }
    near = str_nearest(c->in->key, words);
    return command_refuse(c, COMMAND_UNKNOWN_KEY, "%.60s: is not a command of a %s%s%s%s",
            c->in->key, model_kind_names[c->in->kind], near ? "; did you mean " : "",
            near ? near : "", near ? "?" : "");
}

/* Finds the charger or circuit of the topic; true also where the kind has no ids. */
static bool locate(struct command_call *c)
{
    const struct daemon *d = c->d;

    if (c->in->kind == MODEL_CHARGER) {
        c->unit = unit_find(d, c->in->id);
        if (c->unit >= 0 && d->unit[c->unit].gone) {
            c->unit = -1;
        }
        return c->unit >= 0;
    }
    for (int i = 0; c->in->kind == MODEL_CIRCUIT && i < d->settings.circuit_count; i++) {
        if (strcmp(d->settings.circuit[i].id, c->in->id) == 0) {
            c->circuit = i;
            return true;
        }
    }
    return c->in->kind != MODEL_CIRCUIT;
}

/* "vehicle", or a kind without its id. */
static enum command_code unknown_kind(struct command_call *c)
{
    const char *kind = c->in->unknown;
    const char *near = str_nearest(kind, model_kind_names);

    if (strcmp(kind, "bridge") == 0) {
        return command_refuse(c, COMMAND_UNKNOWN_KEY,
                "%.60s: the bridge is asked on bridge/request/%.60s", c->in->key, c->in->key);
    }
    if (near && strcmp(near, kind) == 0) {
        return command_refuse(c, COMMAND_UNKNOWN_DEVICE, "%s: a %s is set on %s/%s<key>/set", kind,
                kind, kind, strcmp(kind, "site") == 0 ? "" : "<id>/");
    }
    return command_refuse(c, COMMAND_UNKNOWN_DEVICE, "there is no kind '%.40s'%s%s%s", kind,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static enum command_code unknown_device(struct command_call *c)
{
    const struct daemon *d = c->d;
    const char *words[(CHARGERS_MAX > CIRCUITS_MAX ? CHARGERS_MAX : CIRCUITS_MAX) + 1] = {NULL};
    bool chargers = c->in->kind == MODEL_CHARGER;
    int n = chargers ? d->units : d->settings.circuit_count;
    const char *near;

    for (int i = 0; i < n; i++) {
        words[i] = chargers ? d->unit[i].id : d->settings.circuit[i].id;
    }
    near = str_nearest(c->in->id, words);
    return command_refuse(c, COMMAND_UNKNOWN_DEVICE, "there is no %s '%.40s'%s%s%s",
            model_kind_names[c->in->kind], c->in->id, near ? "; did you mean " : "",
            near ? near : "", near ? "?" : "");
}

static enum command_code perform(struct command_call *c)
{
    const struct command_row *row = row_of(c->in);
    bool found = !c->in->unknown && locate(c);
    enum command_code code = command_parse(c);

    if (found && row && row->holds) {
        row->holds(c);
    }
    if (code != COMMAND_OK) {
        return code;
    }
    if (c->in->too_many) {
        return command_refuse(c, COMMAND_TOO_MANY, "%s: more than 20 commands a second", c->in->key);
    }
    if (c->in->unknown) {
        return unknown_kind(c);
    }
    if (!found) {
        return unknown_device(c);
    }
    if (!row) {
        return unknown_key(c);
    }
    if (!c->args.has_value && c->args.is_json && !command_is_button(row)) {
        return command_refuse(c, COMMAND_BAD_VALUE, "value: is missing");
    }
    return row->run(c);
}

/* The end of what was set; else that of what is in force, by the wall clock, 0: none. */
static void write_until(const struct command_call *c, int64_t until_utc_ms, struct jw *w)
{
    char text[STR_TIME_ROOM];

    if (c->out.until_ms != 0) {
        until_utc_ms = loop_utc_ms() + c->out.until_ms - loop_now_ms();
    }
    if (until_utc_ms != 0) {
        str_time(text, until_utc_ms);
    }
    jw_str(w, "until", until_utc_ms != 0 ? text : NULL);
}

/* What the decision gave, who holds the amps now and until when. */
static void write_decided(const struct command_call *c, struct jw *w)
{
    const struct daemon *d = c->d;
    const char *owner = c->out.owner;
    int64_t until = 0;

    if (c->unit >= 0) {
        const struct control_out *o = &d->control.out[c->unit];
        int dev = d->unit[c->unit].device;

        jw_decimal(w, "offered", o->offer_ma, 3, 2);
        jw_str(w, "limited_by", limited_by_names[o->limited_by]);
        owner = model_text(&d->model, dev, FIELD_CHARGER_OWNER);
        if (!model_get(&d->model, dev, FIELD_CHARGER_LEASE_END, &until)) {
            until = 0;
        }
    }
    jw_str(w, "owner", owner);
    write_until(c, until, w);
}

static void write_value(const struct command_call *c, struct jw *w)
{
    if (c->out.value_json[0] != '\0') {
        jw_raw(w, "value", c->out.value_json);
    } else {
        jw_null(w, "value");
    }
}

static void answer(const struct command_call *c, struct buf *b)
{
    const struct command_result *r = &c->out;
    struct jw w;

    jw_init(&w, b);
    jw_open(&w, NULL);
    jw_str(&w, "transaction", c->args.transaction[0] != '\0' ? c->args.transaction : NULL);
    if (r->code == COMMAND_OK) {
        jw_str(&w, "status", "ok");
        write_value(c, &w);
        if (c->in->kind != MODEL_BRIDGE) {
            write_decided(c, &w);
        } else if (r->until_ms != 0) {
            write_until(c, 0, &w);
        }
        jw_str(&w, "note", r->note);
        if (r->more[0] != '\0') {
            jw_raw(&w, "health", r->more);
        }
    } else {
        jw_str(&w, "status", "refused");
        jw_str(&w, "code", code_names[r->code]);
        jw_str(&w, "message", r->message);
        if (r->has_range) {
            jw_decimal(&w, "min", r->min, 3, 3);
            jw_decimal(&w, "max", r->max, 3, 3);
        }
        write_value(c, &w);
    }
    jw_close(&w);
}

/* Audit: state changes by people are worth a line; refusals too. */
static void audit(struct daemon *d, const struct command_call *c)
{
    if (c->out.code == COMMAND_OK) {
        const char *who = c->unit >= 0      ? d->model.device[d->unit[c->unit].device].name
                : c->circuit >= 0 ? d->settings.circuit[c->circuit].name
                                  : model_kind_names[c->in->kind];

        log_info("command", "%s: %s %.60s by %s", who, c->in->key, c->args.value, c->args.owner);
        return;
    }
    d->commands_refused++;
    log_warning("command", "refused (%s): %s", code_names[c->out.code], c->out.message);
}

void command_run(struct daemon *d, const struct command_in *in, command_done_fn *done, void *user)
{
    struct command_call c = {.d = d, .in = in, .unit = -1, .circuit = -1};

    c.out.unit_text = "";
    if (perform(&c) == COMMAND_OK && c.out.late) {
        command_keep(d, &c, done, user);
    } else {
        command_finish(&c, done, user);
    }
}

void command_finish(struct command_call *c, command_done_fn *done, void *user)
{
    struct daemon *d = c->d;
    struct buf b;

    audit(d, c);
    if (c->out.code == COMMAND_OK && c->in->kind != MODEL_BRIDGE && !d->stopping) {
        step_run(d); /* decided before it is answered */
    }
    buf_init(&b, BUF_CAP_DOCUMENT);
    answer(c, &b);
    if (c->out.code != COMMAND_OK) {
        struct buf inner;

        /* The event carries the answer's members behind its own. */
        buf_init(&inner, 900);
        answer(c, &inner);
        if (buf_ok(&inner) && inner.len > 2) {
            event_emit(d, c->unit, "command_refused", ",\"key\":\"%s\",\"answer\":%s",
                    row_of(c->in) ? c->in->key : "", buf_text(&inner));
        }
        buf_finish(&inner);
    }
    done(user, buf_ok(&b) ? buf_text(&b) : "{\"status\":\"refused\",\"code\":\"failed\"}");
    buf_finish(&b);
    daemon_dirty(d);
}

/* The number that holds now is above v; where none does, a charger's offer counts. */
static bool below(const struct command_call *c, int64_t v)
{
    int64_t held = 0;

    if (str_scaled(c->out.value_json, strlen(c->out.value_json), 1000, &held)) {
        return v < held;
    }
    return c->unit < 0 || v < c->d->control.out[c->unit].offer_ma;
}

bool command_lowers(struct daemon *d, const struct command_in *in)
{
    struct command_call c = {.d = d, .in = in, .unit = -1, .circuit = -1};
    const struct command_row *row = row_of(in);
    const char *v = c.args.value;
    int64_t n = 0;

    c.out.unit_text = "";
    if (!row || !row->holds || !locate(&c) || command_parse(&c) != COMMAND_OK) {
        return false;
    }
    row->holds(&c);
    if (strcmp(in->key, "charging_allowed") == 0) {
        bool off = str_iequal(v, "OFF") || str_iequal(v, "false") || strcmp(v, "0") == 0;

        return off && strcmp(c.out.value_json, "true") == 0;
    }
    if (strcmp(in->key, "mode") == 0) {
        return strcmp(v, "stop") == 0 && !strstr(c.out.value_json, "stop");
    }
    return (strcmp(in->key, "current_limit") == 0 || strcmp(in->key, "max_current") == 0) &&
           str_scaled(v, strlen(v), 1000, &n) && n >= 0 && below(&c, n);
}
