/*
 * store - the loop's side: rows are queued, one batch at a time is with the worker.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/store/store.h"

#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/worker.h"
#include "bridge/store/store_copy.h"
#include "bridge/store/store_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { QUEUE_MAX = 4096, RETRY_MS = 30000, PRUNE_MS = 3600000, CLOSE_GRACE_MIN_MS = 1 };

struct store {
    struct worker *worker;
    struct store_op *head, **tail; /* waiting */
    int waiting;
    int busy;       /* batches that are with the worker */
    bool closing;   /* what waits goes behind the batch under way */
    bool refused;   /* a newer schema: never tried again */
    int64_t try_ms; /* when to try again after a failure; 0: it works */
    int64_t bytes;
    struct store_keep keep; /* 0 days: not told yet */
    int64_t prune_ms;       /* old rows are looked for next at this time */
    char dir[STORE_PATH_ROOM], path[STORE_PATH_ROOM];
    int groups; /* open ones: their rows wait for each other */
    char problem[240];
    sqlite3 *db; /* the worker's while busy */
    bool held;   /* as db; somebody else has the store */
    int lock;    /* as db; -1: not ours, or the disk cannot hold one */
};

/* What travels to the worker and back. */
struct batch {
    struct job job;
    struct store *store; /* borrowed; not touched by the worker but for db and path */
    struct store_op *list;
    struct store_keep keep; /* 0 days: throw nothing away now */
    bool ok;
    int64_t bytes;
    struct err err;
};

static void free_list(struct store_op *op)
{
    while (op) {
        struct store_op *next = op->next;

        if (op->kind == STORE_GOOD_SETTINGS || op->kind == STORE_TEXT) {
            free(op->row.text);
        }
        free(op);
        op = next;
    }
}

/* Another bridge, or a restore, must not have it. A disk that takes no lock takes no rows either,
 * which the database says in its own words. */
static sqlite3 *take(struct store *s, struct err *e)
{
    if (s->lock < 0) {
        s->lock = store_lock(s->dir, e);
    }
    s->held = s->lock < 0 && e->code == ERR_REFUSED;
    if (s->held) {
        e->code = ERR_IO; /* it may be free later */
        return NULL;
    }
    memset(e, 0, sizeof(*e));
    return store_database(s->path, e);
}

static void let_go(struct store *s)
{
    sqlite3_close(s->db); /* opened anew next time: the file may be another one then */
    s->db = NULL;
    if (s->lock >= 0) {
        close(s->lock);
        s->lock = -1;
    }
}

static void work(struct job *j)
{
    struct batch *b = CONTAINER_OF(j, struct batch, job);
    struct store *s = b->store;
    struct stat st;

    if (!s->db) {
        s->db = take(s, &b->err);
    }
    b->ok = s->db && store_write(s->db, b->list, b->keep.sessions_days > 0 ? &b->keep : NULL,
                             &b->err) == ERR_OK;
    if (!b->ok) {
        let_go(s);
    }
    if (stat(s->path, &st) == 0) {
        b->bytes = st.st_size;
    }
}

static void drop(struct job *j)
{
    struct batch *b = CONTAINER_OF(j, struct batch, job);

    free_list(b->list);
    free(b);
}

static void flush(struct store *s);

static void acknowledge(struct store_op *list, bool ok)
{
    for (struct store_op *op = list; op; op = op->next) {
        if (op->ack) {
            op->ack(op->user, ok);
        }
    }
    free_list(list);
}

static void done(struct job *j)
{
    struct batch *b = CONTAINER_OF(j, struct batch, job);
    struct store *s = b->store;
    struct store_op *list = b->list;
    bool ok = b->ok;

    s->busy--;
    s->bytes = b->bytes;
    if (ok) {
        s->problem[0] = '\0';
        s->try_ms = 0;
    } else {
        str_copy(s->problem, sizeof(s->problem), b->err.text);
        s->try_ms = loop_now_ms() + RETRY_MS;
        s->refused = b->err.code == ERR_REFUSED;
    }
    free(b);
    acknowledge(list, ok);
    flush(s);
}

/* Gives what waits to the worker; while the store is broken, gives it up. */
static void flush(struct store *s)
{
    struct store_op *list = s->head;
    struct batch *b;

    if ((s->busy > 0 && !s->closing) || !list || s->groups > 0) {
        return;
    }
    s->head = NULL;
    s->tail = &s->head;
    s->waiting = 0;
    if (s->refused || (s->try_ms != 0 && loop_now_ms() < s->try_ms)) {
        acknowledge(list, false);
        return;
    }
    b = calloc(1, sizeof(*b));
    if (!b) {
        acknowledge(list, false);
        return;
    }
    *b = (struct batch){
            .job = {.work = work, .done = done, .drop = drop}, .store = s, .list = list};
    if (loop_now_ms() >= s->prune_ms) {
        b->keep = s->keep;
        s->prune_ms = loop_now_ms() + PRUNE_MS;
    }
    if (worker_post(s->worker, &b->job)) {
        s->busy++;
    } else {
        free(b);
        acknowledge(list, false);
    }
}

static struct store_op *add(struct store *s, enum store_op_kind kind)
{
    struct store_op *op = s->waiting < QUEUE_MAX ? calloc(1, sizeof(*op)) : NULL;

    if (op) {
        op->kind = kind;
        *s->tail = op;
        s->tail = &op->next;
        s->waiting++;
    }
    return op;
}

enum err_code store_open(uv_loop_t *loop, const char *dir, struct store **out,
        struct store_image *image, struct err *e)
{
    struct store *s = calloc(1, sizeof(*s));
    struct err local = {0};

    memset(image, 0, sizeof(*image));
    *out = NULL;
    if (!s) {
        return err_set(e, ERR_NO_MEMORY, "store: out of memory");
    }
    s->tail = &s->head;
    s->lock = -1;
    s->worker = worker_create(loop, 64, e);
    if (!s->worker) {
        free(s);
        return e ? e->code : ERR_NO_MEMORY;
    }
    *out = s;
    if (!str_copy(s->dir, sizeof(s->dir), dir) ||
            !str_format(s->path, sizeof(s->path), "%s/twcbridge.db", dir)) {
        s->refused = true;
        str_format(s->problem, sizeof(s->problem),
                "the path of the store is too long: %.100s...", dir);
        return err_set(e, ERR_INVALID, "%s", s->problem);
    }
    s->db = take(s, &local);
    if (s->db && store_read(s->db, image, &local) == ERR_OK) {
        str_copy(s->problem, sizeof(s->problem), local.text); /* until the first good write */
        return ERR_OK;
    }
    let_go(s);
    store_image_finish(image);
    if (local.code == ERR_IO && !s->held) {
        store_read_only(s->path, image); /* a disk that cannot be written can still be read */
    }
    str_copy(s->problem, sizeof(s->problem), local.text);
    s->refused = local.code == ERR_REFUSED;
    s->try_ms = loop_now_ms() + RETRY_MS;
    return err_set(e, local.code, "%s", local.text);
}

void store_set_keep(struct store *s, const struct store_keep *keep)
{
    s->keep = *keep;
    s->prune_ms = 0;
}

bool store_backup_later(struct store *s, store_file_fn *fn, void *user)
{
    return store_post_backup(s->worker, s->dir, fn, user);
}

bool store_record_later(struct store *s, const struct store_recording *r)
{
    return store_post_recording(s->worker, s->dir, r);
}

void store_close(struct store *s, int grace_ms)
{
    bool hangs;

    if (!s) {
        return;
    }
    s->closing = true;
    s->groups = 0;
    flush(s);
    worker_destroy(s->worker, grace_ms > 0 ? grace_ms : CLOSE_GRACE_MIN_MS);
    hangs = s->busy > 0; /* the worker still holds db: leave both to the process's end */
    acknowledge(s->head, false);
    if (!hangs) {
        let_go(s);
        free(s);
    }
}

void store_group(struct store *s)
{
    s->groups++;
}

void store_group_end(struct store *s)
{
    s->groups--;
    flush(s);
}

void store_put_charger(
        struct store *s, const struct store_charger *row, store_ack_fn *ack, void *user)
{
    struct store_op *op = add(s, STORE_CHARGER);

    if (!op) {
        if (ack) {
            ack(user, false);
        }
        return;
    }
    op->row.charger = *row;
    op->ack = ack;
    op->user = user;
    flush(s);
}

void store_put_setting(struct store *s, const struct store_setting *row)
{
    struct store_op *op = add(s, STORE_SETTING);

    if (op) {
        op->row.setting = *row;
        flush(s);
    }
}

void store_put_lease(struct store *s, const struct store_lease *row)
{
    struct store_op *op = add(s, STORE_LEASE);

    if (op) {
        op->row.lease = *row;
        flush(s);
    }
}

void store_drop_lease(struct store *s, uint32_t id)
{
    struct store_op *op = add(s, STORE_DROP_LEASE);

    if (op) {
        op->lease_id = id;
        flush(s);
    }
}

void store_put_decision(
        struct store *s, const struct decision *d, const char *charger, int64_t utc_ms)
{
    struct store_op *op = add(s, STORE_DECISION);

    if (op) {
        op->row.decision = *d;
        op->utc_ms = utc_ms;
        str_copy(op->charger, sizeof(op->charger), charger);
        flush(s);
    }
}

void store_put_event(struct store *s, const struct store_event *ev)
{
    struct store_op *op = add(s, STORE_EVENT);

    if (op) {
        op->row.event = *ev;
        flush(s);
    }
}

void store_put_events_sent(struct store *s)
{
    if (add(s, STORE_EVENTS_SENT)) {
        flush(s);
    }
}

void store_put_good_settings(struct store *s, const char *text)
{
    char *copy = strdup(text);
    struct store_op *op = copy ? add(s, STORE_GOOD_SETTINGS) : NULL;

    if (op) {
        op->row.text = copy;
        flush(s);
    } else {
        free(copy);
    }
}

void store_put_text(struct store *s, const char *key, const char *text)
{
    size_t n = strlen(key) + 1, m = strlen(text) + 1;
    char *both = n <= sizeof(((struct store_text *)0)->key) ? malloc(n + m) : NULL;
    struct store_op *op = both ? add(s, STORE_TEXT) : NULL;

    if (op) {
        memcpy(both, key, n);
        memcpy(both + n, text, m);
        op->row.text = both;
        flush(s);
    } else {
        free(both);
    }
}

const char *store_problem(const struct store *s)
{
    return s->problem;
}

int64_t store_bytes(const struct store *s)
{
    return s->bytes;
}
