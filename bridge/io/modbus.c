/*
 * modbus - the loop's side: who shares a device, and whose turn it is. SPDX-License-Identifier: MIT
 */
#include "bridge/io/modbus.h"

#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/modbus_link.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/worker.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING_MAX = 64, /* requests of one device */
    SPARE_MS = 500,   /* what the thread may be late, before the loop stops waiting for it */
    GRACE_MS = 100,
};

/* One device or gateway: a thread, and what that has open. */
struct modbus_device {
    struct modbus_device *next;
    uv_loop_t *loop;
    char host[MODBUS_HOST_ROOM], device[MODBUS_DEVICE_ROOM];
    struct modbus_address address; /* its texts are the two above */
    struct worker *worker;
    struct modbus_link *link; /* the thread's */
    int calls;
    int waiting; /* requests that are not done, those that nobody waits for among them */
};

/* A request on its way through the thread. */
struct ask {
    struct job job;
    struct modbus_call *call; /* the loop's; NULL: nobody waits any more */
    atomic_bool cancelled;
    struct modbus_device *device; /* outlives it */
    struct modbus_link *link;
    struct modbus_request request;
    int64_t started_ms;
    struct modbus_reading reading;
};

struct modbus_call {
    struct modbus_device *device;
    modbus_done_fn *fn;
    void *user;
    struct oneshot *timer;
    struct ask *ask; /* NULL: none under way */
};

static struct modbus_device *devices; /* of all loops; the loop's thread alone */

/* ---- devices ---- */

/* The path behind a link, so that two names of one device are one. */
static void real_path(char *dst, size_t room, const char *path)
{
    char *real = realpath(path, NULL);

    (void)str_copy(dst, room, real ? real : path);
    free(real);
}

static bool same_place(const struct modbus_device *d, const struct modbus_address *a)
{
    char mine[PATH_MAX], other[PATH_MAX];

    if (a->device[0] == '\0' || d->device[0] == '\0') {
        return a->device[0] == d->device[0] && str_iequal(d->host, a->host) &&
               d->address.port == a->port;
    }
    real_path(mine, sizeof(mine), d->device);
    real_path(other, sizeof(other), a->device);
    return strcmp(mine, other) == 0;
}

static bool same_settings(const struct modbus_address *x, const struct modbus_address *y)
{
    return x->device[0] == '\0'
                   ? x->rtu == y->rtu
                   : x->baud == y->baud && x->parity == y->parity &&
                             x->data_bits == y->data_bits && x->stop_bits == y->stop_bits;
}

/* The thread's last job: it owns the link from here on. */
struct farewell {
    struct job job;
    struct modbus_link *link;
};

static void say_farewell(struct job *j)
{
    struct farewell *f = CONTAINER_OF(j, struct farewell, job);

    modbus_link_destroy(f->link);
    free(f);
}

static void device_free(struct modbus_device *d)
{
    if (d->worker) {
        worker_destroy(d->worker, GRACE_MS);
    }
    free(d);
}

static struct modbus_device *device_create(
        uv_loop_t *loop, const struct modbus_address *a, struct err *e)
{
    struct modbus_device *d = calloc(1, sizeof(*d));

    if (d) {
        d->loop = loop;
        (void)str_copy(d->host, sizeof(d->host), a->host);
        (void)str_copy(d->device, sizeof(d->device), a->device);
        d->address = *a;
        d->address.host = d->host;
        d->address.device = d->device;
        d->link = modbus_link_create(&d->address);
        d->worker = worker_create(loop, WAITING_MAX + 1, e);
    }
    if (!d || !d->link || !d->worker) {
        err_set(e, ERR_NO_MEMORY, "Modbus: out of memory");
        if (d) {
            modbus_link_destroy(d->link); /* the thread never saw it */
            device_free(d);
        }
        return NULL;
    }
    d->next = devices;
    devices = d;
    return d;
}

static struct modbus_device *device_of(
        uv_loop_t *loop, const struct modbus_address *a, struct err *e)
{
    for (struct modbus_device *d = devices; d; d = d->next) {
        if (d->loop == loop && same_place(d, a)) {
            if (same_settings(&d->address, a)) {
                return d;
            }
            err_set(e, ERR_INVALID,
                    a->device[0] ? "%s: another source has it with another baud or format"
                                 : "%s: another source has it with another rtu",
                    a->device[0] ? a->device : a->host);
            return NULL;
        }
    }
    return device_create(loop, a, e);
}

static void device_leave(struct modbus_device *d)
{
    struct modbus_device **at = &devices;
    struct farewell *f;

    if (--d->calls > 0) {
        return;
    }
    while (*at != d) {
        at = &(*at)->next;
    }
    *at = d->next;
    f = calloc(1, sizeof(*f));
    if (f) {
        f->job.work = say_farewell;
        f->link = d->link;
        /* Never full: waiting requests are bounded below the queue. */
        if (!worker_post(d->worker, &f->job)) {
            free(f);
        }
    }
    device_free(d);
}

/* ---- requests ---- */

static void work(struct job *j)
{
    struct ask *q = CONTAINER_OF(j, struct ask, job);

    if (!atomic_load(&q->cancelled)) {
        modbus_link_read(
                q->link, &q->request, q->started_ms + q->request.timeout_ms, &q->reading);
    }
}

static void drop(struct job *j)
{
    free(CONTAINER_OF(j, struct ask, job));
}

static void tell(struct modbus_call *call, const struct ask *q, const char *why)
{
    char data[2 * MODBUS_WORDS_MAX + 1];
    struct modbus_answer a = {.result = why ? MODBUS_TIMEOUT : q->reading.result,
            .exception = q->reading.exception,
            .latency_ms = (int32_t)(loop_now_ms() - q->started_ms),
            .why = why ? why : q->reading.why,
            .data = data};

    if (a.result == MODBUS_ANSWERED) {
        for (unsigned i = 0; i < q->request.count; i++) {
            data[a.len++] = (char)(q->reading.word[i] >> 8);
            data[a.len++] = (char)(q->reading.word[i] & 0xff);
        }
    }
    data[a.len] = '\0';
    call->fn(call->user, &a);
}

static void done(struct job *j)
{
    struct ask *q = CONTAINER_OF(j, struct ask, job);
    struct modbus_call *call = q->call;

    q->device->waiting--;
    if (call) {
        call->ask = NULL;
        oneshot_stop(call->timer);
        tell(call, q, NULL); /* may destroy the call */
    }
    free(q);
}

/* The thread hangs, in a name server as a rule. */
static void on_time(void *user)
{
    struct modbus_call *call = user;
    struct ask q = {.started_ms = call->ask->started_ms};
    char why[MODBUS_WHY_ROOM];

    (void)str_format(why, sizeof(why), "%s: no answer in time: check host, and the name server",
            call->device->host[0] ? call->device->host : call->device->device);
    modbus_cancel(call);
    tell(call, &q, why);
}

void modbus_cancel(struct modbus_call *call)
{
    if (call->ask) {
        atomic_store(&call->ask->cancelled, true);
        call->ask->call = NULL;
        call->ask = NULL;
        oneshot_stop(call->timer);
    }
}

enum err_code modbus_start(
        struct modbus_call *call, const struct modbus_request *r, struct err *e)
{
    struct ask *q;

    modbus_cancel(call);
    if ((r->function != 3 && r->function != 4) || r->count == 0 ||
            r->count > MODBUS_WORDS_MAX || r->start + r->count > 0x10000 ||
            (r->unit > 247 && r->unit != 255)) {
        return err_set(e, ERR_INVALID,
                "there are no %u registers from %u by function %u at unit id %u", r->count,
                r->start, r->function, r->unit);
    }
    q = calloc(1, sizeof(*q));
    if (!q) {
        return err_set(e, ERR_NO_MEMORY, "Modbus: out of memory");
    }
    q->job = (struct job){.work = work, .done = done, .drop = drop};
    q->call = call;
    q->link = call->device->link;
    q->request = *r;
    q->started_ms = loop_now_ms();
    q->device = call->device;
    if (q->device->waiting >= WAITING_MAX || !worker_post(q->device->worker, &q->job)) {
        free(q);
        return err_set(e, ERR_TIMEOUT, "%s: too many requests wait for it",
                call->device->host[0] ? call->device->host : call->device->device);
    }
    q->device->waiting++;
    call->ask = q;
    oneshot_start(call->timer, (uint64_t)r->timeout_ms + SPARE_MS);
    return ERR_OK;
}

/* ---- calls ---- */

struct modbus_call *modbus_call_create(uv_loop_t *loop, const struct modbus_address *address,
        modbus_done_fn *fn, void *user, struct err *e)
{
    struct modbus_call *call;

    if (!modbus_library(e)) {
        return NULL;
    }
    if (address->device[0] != '\0' && !modbus_baud_ok(address->baud)) {
        err_set(e, ERR_INVALID, "%s: %d is no speed of a serial line (9600, 19200, 38400...)",
                address->device, (int)address->baud);
        return NULL;
    }
    call = calloc(1, sizeof(*call));
    if (!call) {
        err_set(e, ERR_NO_MEMORY, "Modbus: out of memory");
        return NULL;
    }
    call->fn = fn;
    call->user = user;
    call->timer = oneshot_create(loop, on_time, call, e);
    call->device = call->timer ? device_of(loop, address, e) : NULL;
    if (!call->device) {
        oneshot_destroy(call->timer);
        free(call);
        return NULL;
    }
    call->device->calls++;
    return call;
}

void modbus_call_destroy(struct modbus_call *call)
{
    if (call) {
        modbus_cancel(call);
        oneshot_destroy(call->timer);
        device_leave(call->device);
        free(call);
    }
}
