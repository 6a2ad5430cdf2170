/*
 * Mailbox, worker and the parts of resolve that need no name server.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/io/mailbox.h"
#include "bridge/io/resolve.h"
#include "bridge/io/worker.h"
#include "tests/support/rig.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 2, EACH = 20000 };

struct fixture {
    uv_loop_t loop;
    struct mailbox *box;
    struct worker *worker;
    int got, disorder, done;
    atomic_int dropped; /* the worker's thread counts */
    int last[THREADS];
    uv_sem_t hold;  /* a job that waits for it hangs */
    uv_sem_t hangs; /* one of them began to */
};

struct letter {
    struct mail mail;
    struct fixture *f;
    int thread, number;
    bool kills;
};

static void on_letter(struct mail *m)
{
    struct letter *l = CONTAINER_OF(m, struct letter, mail);
    struct fixture *f = l->f;

    f->got++;
    f->disorder += l->number != f->last[l->thread] + 1;
    f->last[l->thread] = l->number;
    if (l->kills) {
        mailbox_destroy(f->box);
        f->box = NULL;
    }
    free(l);
}

static struct letter *write_letter(struct fixture *f, int thread, int number)
{
    struct letter *l = calloc(1, sizeof(*l));

    *l = (struct letter){.mail.run = on_letter, .f = f, .thread = thread, .number = number};
    return l;
}

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));

    uv_loop_init(&f->loop);
    uv_sem_init(&f->hold, 0);
    uv_sem_init(&f->hangs, 0);
    f->box = mailbox_create(&f->loop, NULL);
    *state = f;
    return f->box ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mailbox_destroy(f->box);
    worker_destroy(f->worker, 1000);
    rig_close(&f->loop);
    uv_sem_destroy(&f->hold);
    uv_sem_destroy(&f->hangs);
    test_free(f);
    return 0;
}

struct poster {
    struct fixture *f;
    int thread;
};

static void *post_many(void *user)
{
    struct poster *p = user;

    for (int i = 1; i <= EACH; i++) {
        mailbox_post(p->f->box, &write_letter(p->f, p->thread, i)->mail);
    }
    return NULL;
}

static void two_threads_lose_nothing_and_keep_their_order(void **state)
{
    struct fixture *f = *state;
    struct poster p[THREADS] = {{f, 0}, {f, 1}};
    pthread_t id[THREADS];

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&id[i], NULL, post_many, &p[i]);
    }
    assert_true(rig_until(&f->loop, &f->got, THREADS * EACH, 20000));
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
    }
    check_i64(f->got, THREADS * EACH);
    check_i64(f->disorder, 0);
}

static void what_lies_there_is_run_before_the_end(void **state)
{
    struct fixture *f = *state;

    for (int i = 1; i <= 3; i++) {
        mailbox_post(f->box, &write_letter(f, 0, i)->mail);
    }
    mailbox_destroy(f->box);
    f->box = NULL;
    check_i64(f->got, 3);
    check_i64(f->disorder, 0);
}

static void a_message_may_destroy_the_mailbox(void **state)
{
    struct fixture *f = *state;
    struct letter *l = write_letter(f, 0, 1);

    l->kills = true;
    mailbox_post(f->box, &l->mail);
    mailbox_post(f->box, &write_letter(f, 0, 2)->mail);
    mailbox_post(f->box, &write_letter(f, 0, 3)->mail);
    rig_for(&f->loop, 20);
    check_i64(f->got, 3);
    check_i64(f->disorder, 0);
}

/* ---- worker ---- */

struct task {
    struct job job;
    struct fixture *f;
    int number;
    bool hangs, kills;
    uv_thread_t ran_on;
};

static void on_work(struct job *j)
{
    struct task *t = CONTAINER_OF(j, struct task, job);

    t->ran_on = uv_thread_self();
    if (t->hangs) {
        uv_sem_post(&t->f->hangs);
        uv_sem_wait(&t->f->hold);
    }
}

static void on_done(struct job *j)
{
    struct task *t = CONTAINER_OF(j, struct task, job);
    struct fixture *f = t->f;
    uv_thread_t self = uv_thread_self();

    f->disorder += t->number != f->last[0] + 1;
    f->last[0] = t->number;
    f->disorder += uv_thread_equal(&self, &t->ran_on) ? 1 : 0;
    f->done++;
    if (t->kills) {
        worker_destroy(f->worker, 1000);
        f->worker = NULL;
    }
    free(t);
}

static void on_drop(struct job *j)
{
    struct task *t = CONTAINER_OF(j, struct task, job);

    atomic_fetch_add(&t->f->dropped, 1);
    free(t);
}

static struct task *task(struct fixture *f, int number)
{
    struct task *t = calloc(1, sizeof(*t));

    *t = (struct task){.job.work = on_work,
            .job.done = on_done,
            .job.drop = on_drop,
            .f = f,
            .number = number};
    return t;
}

static void jobs_run_in_order_on_another_thread(void **state)
{
    struct fixture *f = *state;

    f->worker = worker_create(&f->loop, 100, NULL);
    for (int i = 1; i <= 100; i++) {
        assert_true(worker_post(f->worker, &task(f, i)->job));
    }
    assert_true(rig_until(&f->loop, &f->done, 100, 5000));
    check_i64(f->disorder, 0);
}

static void a_full_queue_refuses(void **state)
{
    struct fixture *f = *state;
    struct task *first = task(f, 1), *extra = task(f, 9);

    first->hangs = true;
    f->worker = worker_create(&f->loop, 2, NULL);
    assert_true(worker_post(f->worker, &first->job));
    uv_sem_wait(&f->hangs); /* the first is no longer in the queue */
    assert_true(worker_post(f->worker, &task(f, 2)->job));
    assert_true(worker_post(f->worker, &task(f, 3)->job));
    assert_false(worker_post(f->worker, &extra->job));
    free(extra);
    uv_sem_post(&f->hold);
    assert_true(rig_until(&f->loop, &f->done, 3, 5000));
}

static void destroy_lets_queued_jobs_finish(void **state)
{
    struct fixture *f = *state;

    f->worker = worker_create(&f->loop, 100, NULL);
    for (int i = 1; i <= 50; i++) {
        assert_true(worker_post(f->worker, &task(f, i)->job));
    }
    worker_destroy(f->worker, 5000);
    f->worker = NULL;
    check_i64(f->done, 50); /* before it returned */
    check_i64(f->disorder, 0);
}

static void a_job_that_hangs_does_not_hold_the_end(void **state)
{
    struct fixture *f = *state;
    struct task *t = task(f, 1);
    uint64_t before = uv_hrtime();

    t->hangs = true;
    f->worker = worker_create(&f->loop, 100, NULL);
    assert_true(worker_post(f->worker, &t->job));
    assert_true(worker_post(f->worker, &task(f, 2)->job));
    worker_destroy(f->worker, 50);
    f->worker = NULL;
    check_near((int64_t)((uv_hrtime() - before) / 1000000u), 50, 40);
    check_i64(f->done, 0);
    rig_for(&f->loop, 5); /* its handle is closed */
    uv_sem_post(&f->hold);
    for (int i = 0; i < 2000 && atomic_load(&f->dropped) < 2; i++) {
        struct timespec ms = {.tv_nsec = 1000000};

        nanosleep(&ms, NULL); /* its thread ends alone; the loop knows nothing of it */
    }
    check_i64(atomic_load(&f->dropped), 2);
    check_i64(f->done, 0);
}

static void a_done_may_destroy_the_worker(void **state)
{
    struct fixture *f = *state;
    struct task *t = task(f, 1);

    t->kills = true;
    f->worker = worker_create(&f->loop, 100, NULL);
    assert_true(worker_post(f->worker, &t->job));
    assert_true(worker_post(f->worker, &task(f, 2)->job));
    assert_true(rig_until(&f->loop, &f->done, 2, 5000));
    assert_null(f->worker);
}

/* ---- resolve ---- */

static pthread_t loop_thread;
static atomic_int asked_on_loop;

/* In the place of the C library's: a resolver that hangs would hold up whoever asks it. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
        struct addrinfo **out)
{
    (void)node;
    (void)service;
    (void)hints;
    *out = NULL;
    asked_on_loop += pthread_equal(pthread_self(), loop_thread) != 0;
    return EAI_NONAME;
}

static void on_resolved(void *user, const struct resolve_answer *a)
{
    struct fixture *f = user;
    const struct sockaddr_in *in = (const void *)&a->addr[0];
    char text[RESOLVE_TEXT_ROOM];

    f->got = a->count;
    f->last[0] = ntohs(in->sin_port);
    resolve_text(text, &a->addr[0]);
    f->disorder = strcmp(text, "192.0.2.7") != 0;
    f->done++;
}

static void a_numeric_address_comes_back_on_the_next_turn(void **state)
{
    struct fixture *f = *state;
    struct resolve *r = resolve_create(&f->loop, "192.0.2.7", 502, on_resolved, f, NULL);

    assert_non_null(r);
    check_i64(f->done, 0); /* never from inside */
    assert_true(rig_until(&f->loop, &f->done, 1, 1000));
    check_i64(f->got, 1);
    check_i64(f->last[0], 502);
    check_i64(f->disorder, 0);
    resolve_destroy(r);
}

static void on_any(void *user, const struct resolve_answer *a)
{
    struct fixture *f = user;

    f->got = a->count;
    f->disorder = a->count > 0 ? a->addr[0].ss_family : AF_UNSPEC;
    f->done++;
}

static void the_loop_never_asks_a_resolver(void **state)
{
    static const struct {
        const char *host;
        int family;
    } rows[] = {{"10.0.0.1", AF_INET}, {"2001:db8::1", AF_INET6}, {"::1", AF_INET6},
            {"gate.example", AF_UNSPEC}, {"10.0.0", AF_UNSPEC}, {"fe80::1%lo", AF_UNSPEC}};
    struct fixture *f = *state;

    loop_thread = pthread_self();
    asked_on_loop = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct resolve *r = resolve_create(&f->loop, rows[i].host, 1, on_any, f, NULL);

        assert_non_null(r);
        assert_true(rig_until(&f->loop, &f->done, (int)i + 1, 1000));
        check_i64(f->disorder, rows[i].family);
        resolve_destroy(r);
    }
    check_i64(asked_on_loop, 0);
}

static void a_cancelled_look_up_is_silent(void **state)
{
    struct fixture *f = *state;
    struct resolve *r = resolve_create(&f->loop, "192.0.2.7", 502, on_resolved, f, NULL);

    resolve_destroy(r);
    rig_for(&f->loop, 20);
    check_i64(f->done, 0);
}

static void host_and_port_are_split(void **state)
{
    static const struct {
        const char *text, *host;
        int port; /* -1: refused */
    } rows[] = {
            {"gate:7777", "gate", 7777},
            {"gate", "gate", 0},
            {"[2001:db8::1]:23", "2001:db8::1", 23},
            {"[::1]", "::1", 0},
            {"10.0.0.1:65535", "10.0.0.1", 65535},
            {"gate:", "", -1},
            {"gate:0", "", -1},
            {"gate:65536", "", -1},
            {"gate:+80", "", -1},
            {"gate:80x", "", -1},
            {":80", "", -1},
            {"", "", -1},
            {"[::1", "", -1},
            {"[]:80", "", -1},
            {"a b:80", "", -1},
            {"::1", "", -1},
    };
    char host[64];
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {.code = ERR_OK};
        enum err_code r = resolve_split(rows[i].text, host, sizeof(host), &port, &e);

        if (rows[i].port < 0) {
            print_message("%s: %s\n", rows[i].text, e.text);
            check_i64(r, ERR_INVALID);
        } else {
            check_i64(r, ERR_OK);
            check_str(host, rows[i].host);
            check_i64(port, rows[i].port);
        }
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(two_threads_lose_nothing_and_keep_their_order),
            TEST(what_lies_there_is_run_before_the_end),
            TEST(a_message_may_destroy_the_mailbox),
            TEST(jobs_run_in_order_on_another_thread),
            TEST(a_full_queue_refuses),
            TEST(destroy_lets_queued_jobs_finish),
            TEST(a_job_that_hangs_does_not_hold_the_end),
            TEST(a_done_may_destroy_the_worker),
            TEST(a_numeric_address_comes_back_on_the_next_turn),
            TEST(the_loop_never_asks_a_resolver),
            TEST(a_cancelled_look_up_is_silent),
            cmocka_unit_test(host_and_port_are_split),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
