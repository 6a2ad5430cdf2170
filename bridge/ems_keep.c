/*
 * ems_keep - texts of sessions on the disk. SPDX-License-Identifier: MIT
 */
#include "bridge/ems_keep.h"

#include "bridge/base/str.h"
#include "bridge/io/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct ems_keep {
    struct worker *worker; /* borrowed */
    struct saving *saving; /* the one whose fn is waited for; NULL: none */
    char file[EMS_KEEP_PATH_ROOM];
};

struct saving {
    struct job job;        /* first */
    struct ems_keep *keep; /* NULL: nobody waits any more */
    ems_keep_fn *fn;
    void *user;
    char file[EMS_KEEP_PATH_ROOM], text[EMS_KEEP_ROOM];
    struct err e;
};

/* ---- the file ---- */

static enum err_code failed(struct err *e, const char *file, const char *what)
{
    int code = errno;

    return err_set(e, ERR_IO, "%s cannot be %s: %s", file, what, strerrordesc_np(code));
}

enum err_code ems_keep_read(const char *file, char keep[static EMS_KEEP_ROOM], struct err *e)
{
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t n;

    keep[0] = '\0';
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? ERR_OK : failed(e, file, "read");
    }
    n = read(fd, keep, EMS_KEEP_ROOM - 1);
    if (n < 0) {
        (void)failed(e, file, "read");
    }
    close(fd);
    keep[n > 0 ? n : 0] = '\0';
    return n < 0 ? ERR_IO : ERR_OK;
}

/* The folder of a file. */
static void folder_of(const char *file, char dir[static EMS_KEEP_PATH_ROOM])
{
    const char *slash = strrchr(file, '/');

    (void)str_format(dir, EMS_KEEP_PATH_ROOM, "%.*s", slash ? (int)(slash - file) : 1,
            slash ? file : ".");
}

/* What was renamed or removed is so after a power cut, too. */
static bool sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static bool write_all(int fd, const char *text)
{
    size_t n = strlen(text), at = 0;

    while (at < n) {
        ssize_t wrote = write(fd, text + at, n - at);

        if (wrote < 0 && errno != EINTR) {
            return false;
        }
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return fsync(fd) == 0;
}

enum err_code ems_keep_write(const char *file, const char *text, struct err *e)
{
    char dir[EMS_KEEP_PATH_ROOM], new[EMS_KEEP_PATH_ROOM + 8];
    bool ok;
    int fd;

    folder_of(file, dir);
    if (text[0] == '\0') {
        if (unlink(file) != 0 && errno != ENOENT && errno != ENOTDIR) {
            return failed(e, file, "removed");
        }
        (void)sync_folder(dir); /* not there: nothing to sync */
        return ERR_OK;
    }
    (void)str_format(new, sizeof(new), "%s.new", file);
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return failed(e, dir, "made");
    }
    (void)unlink(new);
    fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(e, new, "made");
    }
    ok = write_all(fd, text);
    if (!ok) {
        (void)failed(e, new, "written");
    }
    close(fd);
    if (ok && rename(new, file) != 0) {
        ok = false;
        (void)failed(e, file, "replaced");
    }
    if (!ok) {
        (void)unlink(new);
        return ERR_IO;
    }
    return sync_folder(dir) ? ERR_OK : failed(e, dir, "synced");
}

void ems_keep_sweep(const char *folder, const char *const names[], int n)
{
    DIR *dir = opendir(folder);
    struct dirent *x;

    while (dir && (x = readdir(dir)) != NULL) {
        bool known = x->d_name[0] == '.';

        for (int i = 0; !known && i < n; i++) {
            known = strcmp(x->d_name, names[i]) == 0;
        }
        if (!known) {
            (void)unlinkat(dirfd(dir), x->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

/* ---- on a thread ---- */

struct ems_keep *ems_keep_create(struct worker *w, const char *file, struct err *e)
{
    struct ems_keep *k = calloc(1, sizeof(*k));

    if (!k || !str_copy(k->file, sizeof(k->file), file)) {
        err_set(e, ERR_NO_MEMORY, "no room for the login that is kept in %s", file);
        free(k);
        return NULL;
    }
    k->worker = w;
    return k;
}

void ems_keep_destroy(struct ems_keep *k)
{
    if (k) {
        ems_keep_forget(k);
        free(k);
    }
}

static void drop(struct job *j)
{
    free(j);
}

static void work(struct job *j)
{
    struct saving *s = (struct saving *)(void *)j;

    (void)!ems_keep_write(s->file, s->text, &s->e);
}

static void done(struct job *j)
{
    struct saving *s = (struct saving *)(void *)j;
    struct saving x = {.fn = s->keep ? s->fn : NULL, .user = s->user, .e = s->e};

    if (s->keep) {
        s->keep->saving = NULL;
    }
    explicit_bzero(s->text, sizeof(s->text));
    free(s);
    if (x.fn) {
        x.fn(x.user, &x.e);
    }
}

bool ems_keep_save(struct ems_keep *k, const char *text, ems_keep_fn *fn, void *user)
{
    struct saving *s = calloc(1, sizeof(*s));

    if (!s) {
        return false;
    }
    ems_keep_forget(k);
    s->job = (struct job){.work = work, .done = done, .drop = drop};
    s->keep = k;
    s->fn = fn;
    s->user = user;
    (void)str_copy(s->file, sizeof(s->file), k->file);
    (void)str_copy(s->text, sizeof(s->text), text);
    if (!worker_post(k->worker, &s->job)) {
        free(s);
        return false;
    }
    k->saving = s;
    return true;
}

void ems_keep_forget(struct ems_keep *k)
{
    if (k->saving) {
        k->saving->keep = NULL;
        k->saving = NULL;
    }
}
