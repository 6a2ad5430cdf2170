/*
 * command_backup - `bridge/request/backup`: made by the store's thread, answered when it is done.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/command.h"

#include <stdlib.h>

static void on_backup(void *user, const char *file, const struct err *e)
{
    struct daemon *d = user;
    struct command_late *late = d->late;

    d->late = NULL;
    if (!late) {
        return; /* answered when the bridge began to stop */
    }
    if (file) {
        struct buf b;
        struct jw w;

        buf_init(&b, sizeof(late->call.out.value_json) - 1);
        jw_init(&w, &b);
        jw_str(&w, NULL, file);
        str_copy(late->call.out.value_json, sizeof(late->call.out.value_json), buf_text(&b));
        buf_finish(&b);
        log_notice("store", "a backup is in %s/backups/%s", d->state_dir, file);
    } else {
        command_refuse(&late->call, COMMAND_FAILED, "backup: %s", e->text);
    }
    command_finish(&late->call, late->done, late->user);
    free(late);
}

enum command_code command_backup(struct command_call *c)
{
    struct daemon *d = c->d;

    if (d->late) {
        return command_refuse(c, COMMAND_NOT_ALLOWED, "backup: one is being made");
    }
    if (!d->store || d->store_problem[0] != '\0') {
        return command_refuse(c, COMMAND_FAILED, "backup: %.200s",
                d->store ? d->store_problem : "there is no store");
    }
    d->late = calloc(1, sizeof(*d->late));
    if (!d->late || !store_backup_later(d->store, on_backup, d)) {
        free(d->late);
        d->late = NULL;
        return command_refuse(c, COMMAND_FAILED, "backup: the store is busy");
    }
    c->out.late = true;
    return COMMAND_OK;
}

/* Once more from the start, with what outlives the message. */
void command_keep(
        struct daemon *d, const struct command_call *c, command_done_fn *done, void *user)
{
    static const struct command_in in = {.kind = MODEL_BRIDGE, .id = "", .key = "backup"};

    d->late->call = *c;
    d->late->call.in = &in;
    d->late->done = done;
    d->late->user = user;
}

void command_abandon(struct daemon *d)
{
    if (d->late) {
        command_refuse(&d->late->call, COMMAND_FAILED, "backup: the bridge is stopping");
        command_finish(&d->late->call, d->late->done, d->late->user);
        free(d->late);
        d->late = NULL;
    }
}
