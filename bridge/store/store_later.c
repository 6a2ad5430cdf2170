/*
 * store_later - files that a running bridge puts beside its store, on the store's worker: backups
 * and recordings. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/worker.h"
#include "bridge/store/store_copy.h"
#include "bridge/store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_job {
    struct job job;
    char dir[STORE_PATH_ROOM]; /* of the store */
    char folder[16], file[128];
    int keep;
    char *text; /* owned; NULL: a backup */
    struct err err;
    store_file_fn *done;
    void *user;
};

void store_stamp(char dst[static STORE_STAMP_ROOM], int64_t utc_ms)
{
    char time[STR_TIME_ROOM];
    size_t n = 0;

    str_time(time, utc_ms);
    for (const char *p = time; *p != '\0' && n + 1 < STORE_STAMP_ROOM; p++) {
        if (*p != '-' && *p != ':') {
            dst[n++] = *p;
        }
    }
    dst[n] = '\0';
}

/* The same name but for the time: "x-20261124T060000Z..." with x, and with what follows the last
 * dot, of `like`. Such names sort by their time. Only these are ever deleted. */
static bool is_ours(const char *name, const char *like)
{
    static const char form[] = "00000000T000000Z";
    size_t head = (size_t)(strchr(like, '-') - like) + 1;
    const char *dot = strrchr(name, '.');

    if (strncmp(name, like, head) != 0 || strlen(name) < head + sizeof(form) || !dot ||
            strcmp(dot, strrchr(like, '.')) != 0) {
        return false;
    }
    for (size_t i = 0; i + 1 < sizeof(form); i++) {
        char c = name[head + i];

        if (form[i] == '0' ? c < '0' || c > '9' : c != form[i]) {
            return false;
        }
    }
    /* A backup has nothing behind the time; a recording says of what it is. */
    return like[head + sizeof(form) - 1] == '-' || name[head + sizeof(form) - 1] == '.';
}

static void prune(const char *folder, const char *like, int keep)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, NULL, alphasort);
    int ours = 0;

    for (int i = n - 1; i >= 0; i--) {
        char path[STORE_PATH_ROOM + 300];

        if (is_ours(list[i]->d_name, like) && ++ours > keep &&
                str_format(path, sizeof(path), "%s/%s", folder, list[i]->d_name)) {
            unlink(path);
        }
        free(list[i]);
    }
    free(list);
}

static enum err_code write_text(const char *path, const char *text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    size_t n = strlen(text);
    int why = fd < 0 ? errno : 0;

    while (n > 0 && why == 0) {
        ssize_t w = write(fd, text, n);

        if (w <= 0) {
            why = w < 0 ? errno : EIO;
        } else {
            text += w;
            n -= (size_t)w;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (why != 0 && fd >= 0) {
        unlink(path); /* a full disk: not half of it */
    }
    return why == 0 ? ERR_OK : err_set(e, ERR_IO, "%s: %s", path, strerror(why));
}

static void work(struct job *j)
{
    struct file_job *b = CONTAINER_OF(j, struct file_job, job);
    char folder[STORE_PATH_ROOM], path[STORE_PATH_ROOM + 160];
    enum err_code code;

    if (!str_format(folder, sizeof(folder), "%s/%s", b->dir, b->folder)) {
        err_set(&b->err, ERR_INVALID, "the path is too long: %.100s...", b->dir);
        return;
    }
    if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
        err_set(&b->err, ERR_IO, "%s: %s", folder, strerror(errno));
        return;
    }
    str_format(path, sizeof(path), "%s/%s", folder, b->file);
    code = b->text ? write_text(path, b->text, &b->err) : store_backup(b->dir, path, &b->err);
    if (code == ERR_OK) {
        prune(folder, b->file, b->keep);
    }
}

static void drop(struct job *j)
{
    struct file_job *b = CONTAINER_OF(j, struct file_job, job);

    free(b->text);
    free(b);
}

static void done(struct job *j)
{
    struct file_job *b = CONTAINER_OF(j, struct file_job, job);

    b->done(b->user, b->err.code == ERR_OK ? b->file : NULL, &b->err);
    drop(j);
}

static bool post(struct worker *w, struct file_job *b)
{
    b->job = (struct job){.work = work, .done = done, .drop = drop};
    if (!worker_post(w, &b->job)) {
        drop(&b->job);
        return false;
    }
    return true;
}

bool store_post_backup(struct worker *w, const char *dir, store_file_fn *fn, void *user)
{
    struct file_job *b = calloc(1, sizeof(*b));
    char stamp[STORE_STAMP_ROOM];

    if (!b) {
        return false;
    }
    b->done = fn;
    b->user = user;
    b->keep = STORE_BACKUPS_KEPT;
    str_copy(b->dir, sizeof(b->dir), dir);
    str_copy(b->folder, sizeof(b->folder), "backups");
    store_stamp(stamp, loop_utc_ms());
    str_format(b->file, sizeof(b->file), "twcbridge-%s.db", stamp);
    return post(w, b);
}

bool store_post_recording(struct worker *w, const char *dir, const struct store_recording *r)
{
    struct file_job *b = calloc(1, sizeof(*b));

    if (!b) {
        free(r->text);
        return false;
    }
    b->done = r->done;
    b->user = r->user;
    b->text = r->text;
    b->keep = STORE_RECORDINGS_KEPT;
    str_copy(b->dir, sizeof(b->dir), dir);
    str_copy(b->folder, sizeof(b->folder), "bus");
    str_copy(b->file, sizeof(b->file), r->file);
    return post(w, b);
}
