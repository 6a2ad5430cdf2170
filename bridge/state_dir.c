/*
 * state_dir - the folder of what outlives the process: chosen, made, held by one process alone.
 *
 * Two bridges on one folder would share an identity, take each other's place at the broker for ever
 * and write one store, so the second one does not start. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INSTANCE_DIGITS = 16, LOCK_TRIES = 100, LOCK_STEP_MS = 20 };

/* Makes a folder and those above it; true: it is there. */
static bool make_all(const char *dir)
{
    char part[SETTINGS_PATH_ROOM];

    str_copy(part, sizeof(part), dir);
    for (char *p = part + 1; part[0] != '\0' && *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(part, 0750);
            *p = '/';
        }
    }
    return mkdir(dir, 0750) == 0 || errno == EEXIST;
}

static bool usable(const char *dir)
{
    return (mkdir(dir, 0750) == 0 || errno == EEXIST) && access(dir, W_OK | X_OK) == 0;
}

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Behind "key" and its colon; NULL: there is none. */
static const char *member(const char *p, const char *key)
{
    size_t n = strlen(key);

    for (p = strchr(p, '"'); p; p = strchr(p + 1, '"')) {
        if (strncmp(p + 1, key, n) == 0 && p[1 + n] == '"') {
            const char *colon = skip_blanks(p + 2 + n);

            if (*colon == ':') {
                return skip_blanks(colon + 1);
            }
        }
    }
    return NULL;
}

/* store.path out of a text that is no JSON, wherever the mistake is: "store":{..."path":"/..."}. A
 * guess, so it counts only where a store lies already. */
static bool salvage(const struct daemon *d, char found[static SETTINGS_PATH_ROOM])
{
    char file[SETTINGS_PATH_ROOM + 16];
    struct err e = {0};
    size_t len = 0, n = 0;
    char *text = NULL;
    const char *p;

    if (settings_read(d->file, &text, &len, &e) != ERR_OK) {
        return false;
    }
    p = member(text, "store");
    p = p && *p == '{' ? member(p, "path") : NULL;
    if (p && p[0] == '"' && p[1] == '/') {
        n = strcspn(p + 1, "\"\\\n");
    }
    bool whole = n > 0 && n < SETTINGS_PATH_ROOM && p[1 + n] == '"' &&
                 str_format(found, SETTINGS_PATH_ROOM, "%.*s", (int)n, p + 1);

    free(text);
    return whole && str_format(file, sizeof(file), "%s/twcbridge.db", found) &&
           access(file, R_OK) == 0;
}

/* --state, then store.path, then the default, then beside the settings file. Where the file cannot
 * be read as JSON its store.path is looked for in the text: there lies the last good copy. */
static void choose(struct daemon *d)
{
    char found[SETTINGS_PATH_ROOM];
    const char *slash = strrchr(d->file, '/');
    const char *set = d->state_arg ? d->state_arg : d->settings.store.path;

    if (set[0] == '\0' && d->safe_mode && salvage(d, found)) {
        log_warning("settings", "safe mode: %s names %s as its store: the last good copy is looked "
                                "for there", d->file, found);
        set = found;
    }
    if (set[0] != '\0') {
        str_copy(d->state_dir, sizeof(d->state_dir), set);
        (void)make_all(set); /* the store says what is wrong */
    } else if (usable(VERB_STATE_DIR)) {
        str_copy(d->state_dir, sizeof(d->state_dir), VERB_STATE_DIR);
    } else {
        str_format(d->state_dir, sizeof(d->state_dir), "%.*s",
                slash ? (int)(slash - d->file) : 1, slash ? d->file : ".");
    }
}

static bool is_instance(const char *s, ssize_t n)
{
    return n == INSTANCE_DIGITS && strspn(s, "0123456789abcdef") == INSTANCE_DIGITS;
}

/* The id of this bridge: made once, kept in the file. One that is damaged is made anew: it is a
 * part of the client id, and no broker takes a broken one. */
static void load_instance(struct daemon *d)
{
    uint8_t random[INSTANCE_DIGITS / 2] = {0};
    ssize_t n = -1;

    if (d->state_fd >= 0) {
        n = pread(d->state_fd, d->instance, INSTANCE_DIGITS, 0);
    }
    d->instance[INSTANCE_DIGITS] = '\0';
    if (is_instance(d->instance, n)) {
        return;
    }
    if (n > 0) {
        log_warning("store", "%s/instance was damaged: a new id is made", d->state_dir);
    }
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        memset(random, 0x5a, sizeof(random));
    }
    str_hex(d->instance, sizeof(d->instance), random, sizeof(random));
    if (d->state_fd >= 0) {
        (void)!ftruncate(d->state_fd, 0);
        (void)!pwrite(d->state_fd, d->instance, INSTANCE_DIGITS, 0);
    }
}

/* Read-only where it cannot be written: what was kept counts on. */
static int open_instance(const char *dir)
{
    char path[SETTINGS_PATH_ROOM + 16];
    struct stat st;
    int fd;

    str_format(path, sizeof(path), "%s/instance", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd >= 0 && geteuid() == 0 && stat(dir, &st) == 0) {
        (void)!fchown(fd, st.st_uid, st.st_gid); /* the service must be able to open it */
    }
    return fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

/* A process that was killed a moment ago may not be gone altogether. */
static bool taken(int fd)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
            return false;
        }
        (void)!poll(NULL, 0, LOCK_STEP_MS);
    }
    return true;
}

enum err_code state_dir_open(struct daemon *d, struct err *e)
{
    choose(d);
    d->state_fd = open_instance(d->state_dir);
    if (taken(d->state_fd)) {
        return err_set(e, ERR_REFUSED,
                "another twcbridge runs with its state in %.150s: end it, or give this one another "
                "--state",
                d->state_dir);
    }
    load_instance(d);
    return ERR_OK;
}

void state_dir_close(struct daemon *d)
{
    if (d->state_fd >= 0) {
        close(d->state_fd);
        d->state_fd = -1;
    }
}
