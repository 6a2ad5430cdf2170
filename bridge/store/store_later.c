/*
 * store_later - the backup that a running bridge makes, on the store's worker.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/worker.h"
#include "bridge/store/store_copy.h"
#include "bridge/store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct backup_job {
    struct job job;
    char dir[STORE_PATH_ROOM]; /* of the store */
    char file[48];
    struct err err;
    store_backup_fn *done;
    void *user;
};

/* twcbridge-20261124T060000Z.db: sorts by its time. */
static bool is_backup(const char *name)
{
    size_t n = strlen(name);

    return n == 29 && strncmp(name, "twcbridge-2", 11) == 0 &&
           strcmp(name + n - 4, "Z.db") == 0;
}

/* Only what we named ourselves is ever deleted. */
static void prune(const char *dir)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, alphasort);
    int ours = 0;

    for (int i = n - 1; i >= 0; i--) {
        char path[STORE_PATH_ROOM + 300];

        if (is_backup(list[i]->d_name) && ++ours > STORE_BACKUPS_KEPT &&
                str_format(path, sizeof(path), "%s/%s", dir, list[i]->d_name)) {
            unlink(path);
        }
        free(list[i]);
    }
    free(list);
}

static void name_by_time(char *dst, size_t room)
{
    char time[STR_TIME_ROOM];
    size_t n = 0;

    str_time(time, loop_utc_ms());
    for (const char *p = time; *p != '\0'; p++) {
        if (*p != '-' && *p != ':') {
            time[n++] = *p;
        }
    }
    time[n] = '\0';
    str_format(dst, room, "twcbridge-%s.db", time);
}

static void work(struct job *j)
{
    struct backup_job *b = CONTAINER_OF(j, struct backup_job, job);
    char folder[STORE_PATH_ROOM], path[STORE_PATH_ROOM + 64];

    name_by_time(b->file, sizeof(b->file));
    if (!str_format(folder, sizeof(folder), "%s/backups", b->dir)) {
        err_set(&b->err, ERR_INVALID, "the path is too long: %.100s...", b->dir);
        return;
    }
    if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
        err_set(&b->err, ERR_IO, "%s: %s", folder, strerror(errno));
        return;
    }
    str_format(path, sizeof(path), "%s/%s", folder, b->file);
    if (store_backup(b->dir, path, &b->err) == ERR_OK) {
        prune(folder);
    }
}

static void done(struct job *j)
{
    struct backup_job *b = CONTAINER_OF(j, struct backup_job, job);

    b->done(b->user, b->err.code == ERR_OK ? b->file : NULL, &b->err);
    free(b);
}

static void drop(struct job *j)
{
    free(CONTAINER_OF(j, struct backup_job, job));
}

bool store_post_backup(struct worker *w, const char *dir, store_backup_fn *fn, void *user)
{
    struct backup_job *b = calloc(1, sizeof(*b));

    if (!b) {
        return false;
    }
    b->job = (struct job){.work = work, .done = done, .drop = drop};
    b->done = fn;
    b->user = user;
    str_copy(b->dir, sizeof(b->dir), dir);
    if (!worker_post(w, &b->job)) {
        free(b);
        return false;
    }
    return true;
}
