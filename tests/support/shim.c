/*
 * shim - preloaded into the bridge by the tests: a wall clock that jumps, time that passes
 * faster, a slow disk, a resolver that hangs. What it does lies in a file that the test writes (shim.py).
 * SPDX-License-Identifier: MIT
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS = 1000000000, WALL_S = 1000000000 /* a time above is one of the wall clock */ };

struct orders {
    volatile int64_t clock_ns;        /* added to the wall clock */
    volatile int64_t sync_us;         /* each fsync and fdatasync takes so much longer */
    volatile int64_t resolve_us;      /* each getaddrinfo too */
    volatile int64_t syncs, resolves; /* how many were held up */
    volatile int64_t rate;            /* all clocks run so many times as fast; 0: as they do */
};

static struct orders none;

static struct orders *orders(void)
{
    static struct orders *o;
    const char *path = getenv("SHIM");

    if (!o) {
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *p = fd >= 0 ? mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                          : MAP_FAILED;

        o = p == MAP_FAILED ? &none : p;
        if (fd >= 0) {
            close(fd);
        }
    }
    return o;
}

static void add(struct timespec *ts, int64_t ns)
{
    int64_t all = (int64_t)ts->tv_sec * NS + ts->tv_nsec + ns;

    ts->tv_sec = all / NS;
    ts->tv_nsec = all % NS;
}

/* How far the clocks are ahead because they run faster. */
static int64_t ahead_ns(void)
{
    static int64_t start;
    int64_t rate = orders()->rate, now;
    struct timespec ts;

    if (rate <= 1) {
        return 0;
    }
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
    now = (int64_t)ts.tv_sec * NS + ts.tv_nsec;
    if (__atomic_load_n(&start, __ATOMIC_RELAXED) == 0) {
        __atomic_store_n(&start, now, __ATOMIC_RELAXED);
    }
    return (now - __atomic_load_n(&start, __ATOMIC_RELAXED)) * (rate - 1);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    long got = syscall(SYS_clock_gettime, id, ts);

    if (got == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        add(ts, orders()->clock_ns + ahead_ns());
    } else if (got == 0 && id != CLOCK_PROCESS_CPUTIME_ID && id != CLOCK_THREAD_CPUTIME_ID) {
        add(ts, ahead_ns());
    }
    return (int)got;
}

static int shortened(int ms)
{
    int rate = (int)orders()->rate;

    return ms > 0 && rate > 1 ? (ms + rate - 1) / rate : ms;
}

int epoll_pwait(int fd, struct epoll_event *events, int n, int ms, const sigset_t *mask)
{
    return (int)syscall(SYS_epoll_pwait, fd, events, n, shortened(ms), mask, (size_t)8);
}

int epoll_wait(int fd, struct epoll_event *events, int n, int ms)
{
    return epoll_pwait(fd, events, n, ms, NULL);
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec ts;

    (void)tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (t) {
        *t = ts.tv_sec;
    }
    return ts.tv_sec;
}

/* Waits until a moment of the wall clock: the kernel knows only the true one. */
int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
        const struct timespec *restrict until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec ts = *until;

    if (!real) {
        void *f = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");

        f = f ? f : dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        *(void **)&real = f;
    }
    if (ts.tv_sec > WALL_S) {
        struct timespec now;
        int64_t wait_ns;

        add(&ts, -orders()->clock_ns - ahead_ns());
        if (orders()->rate > 1) { /* what is left passes faster as well */
            syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
            wait_ns = ((int64_t)ts.tv_sec - now.tv_sec) * NS + ts.tv_nsec - now.tv_nsec;
            add(&ts, wait_ns > 0 ? wait_ns / orders()->rate - wait_ns : 0);
        }
    }
    return real(c, m, &ts);
}

static void hold(int64_t us, volatile int64_t *count)
{
    struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    if (us > 0) {
        (*count)++;
        nanosleep(&ts, NULL);
    }
}

int fsync(int fd)
{
    hold(orders()->sync_us, &orders()->syncs);
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    hold(orders()->sync_us, &orders()->syncs);
    return (int)syscall(SYS_fdatasync, fd);
}

int getaddrinfo(const char *restrict node, const char *restrict service,
        const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    const char *name = getenv("SHIM_NAME"); /* of this machine */

    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    }
    hold(orders()->resolve_us, &orders()->resolves);
    if (node && name && strcmp(node, name) == 0) {
        node = "127.0.0.1";
    }
    return real(node, service, hints, out);
}
