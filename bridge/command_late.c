/*
 * command_late - `bridge/request/backup` and `.../diagnostics`: done by the store's thread, answered
 * when it is done. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/command.h"
#include "bridge/evidence.h"
#include "bridge/io/loop.h"

#include <stdlib.h>

/* Room for an answer that is due later, or a refusal. */
static enum command_code begin(struct command_call *c)
{
    struct daemon *d = c->d;

    if (d->late) {
        return command_refuse(
                c, COMMAND_NOT_ALLOWED, "%s: a %s is being made", c->in->key, d->late->key);
    }
    if (!d->store || d->store_problem[0] != '\0') {
        return command_refuse(c, COMMAND_FAILED, "%s: %.200s", c->in->key,
                d->store ? d->store_problem : "there is no store");
    }
    d->late = calloc(1, sizeof(*d->late));
    if (!d->late) {
        return command_refuse(c, COMMAND_FAILED, "%s: out of memory", c->in->key);
    }
    str_copy(d->late->key, sizeof(d->late->key), c->in->key);
    return COMMAND_OK;
}

static enum command_code give_up(struct command_call *c, const char *why)
{
    free(c->d->late);
    c->d->late = NULL;
    return command_refuse(c, COMMAND_FAILED, "%s: %s", c->in->key, why);
}

static void set_text(struct command_call *c, const char *text)
{
    struct buf b;
    struct jw w;

    buf_init(&b, sizeof(c->out.value_json) - 1);
    jw_init(&w, &b);
    jw_str(&w, NULL, text);
    str_copy(c->out.value_json, sizeof(c->out.value_json), buf_text(&b));
    buf_finish(&b);
}

/* One of the files is written, or is not going to be. */
static void on_file(void *user, const char *file, const struct err *e)
{
    struct daemon *d = user;
    struct command_late *late = d->late;

    if (!late) {
        return; /* answered when the bridge began to stop */
    }
    if (!file && late->err.code == ERR_OK) {
        late->err = *e;
    }
    if (--late->pending > 0) {
        return;
    }
    d->late = NULL;
    if (late->err.code != ERR_OK) {
        command_refuse(&late->call, COMMAND_FAILED, "%s: %s", late->key, late->err.text);
    } else if (late->call.out.value_json[0] == '\0') {
        set_text(&late->call, file);
    }
    command_finish(&late->call, late->done, late->user);
    free(late);
}

enum command_code command_backup(struct command_call *c)
{
    struct daemon *d = c->d;

    if (begin(c) != COMMAND_OK) {
        return c->out.code;
    }
    d->late->pending = 1;
    if (!store_backup_later(d->store, on_file, d)) {
        return give_up(c, "the store is busy");
    }
    c->out.late = true;
    return COMMAND_OK;
}

enum command_code command_diagnostics(struct command_call *c)
{
    struct daemon *d = c->d;
    struct evidence ev = {.why = "asked", .utc_ms = loop_utc_ms(), .done = on_file};
    char stamp[STORE_STAMP_ROOM], names[40];

    if (begin(c) != COMMAND_OK) {
        return c->out.code;
    }
    for (int b = 0; b < d->settings.bus_count; b++) {
        d->late->pending += evidence_save(d, b, &ev);
    }
    if (d->late->pending == 0) {
        return give_up(c, "no bus is open");
    }
    store_stamp(stamp, ev.utc_ms);
    str_format(names, sizeof(names), "bus-%s", stamp);
    set_text(c, names); /* how the names of all of them begin */
    c->out.late = true;
    return COMMAND_OK;
}

void command_keep(
        struct daemon *d, const struct command_call *c, command_done_fn *done, void *user)
{
    struct command_late *late = d->late;

    late->in = (struct command_in){.kind = MODEL_BRIDGE, .id = "", .key = late->key};
    late->call = *c;
    late->call.in = &late->in;
    late->done = done;
    late->user = user;
}

void command_abandon(struct daemon *d)
{
    struct command_late *late = d->late;

    if (late) {
        d->late = NULL;
        command_refuse(&late->call, COMMAND_FAILED, "%s: the bridge is stopping", late->key);
        command_finish(&late->call, late->done, late->user);
        free(late);
    }
}
