/*
 * modbus_link - libmodbus on one connection. Connecting over TCP is ours, since the library knows no
 * RTU over TCP: its RTU side then talks over the socket that we give it. A serial line it opens itself,
 * behind our lock. SPDX-License-Identifier: MIT
 */
#include "bridge/io/modbus_link.h"

#include "bridge/base/macros.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <modbus/modbus.h>

/* The functions of the library that we call: member, name in the library. */
#define MODBUS_LIBRARY(X)                                \
    X(new_tcp, modbus_new_tcp)                           \
    X(new_rtu, modbus_new_rtu)                           \
    X(set_socket, modbus_set_socket)                     \
    X(get_socket, modbus_get_socket)                     \
    X(set_slave, modbus_set_slave)                       \
    X(connect, modbus_connect)                           \
    X(close, modbus_close)                               \
    X(free, modbus_free)                                 \
    X(flush, modbus_flush)                               \
    X(set_response_timeout, modbus_set_response_timeout) \
    X(set_byte_timeout, modbus_set_byte_timeout)         \
    X(read_registers, modbus_read_registers)             \
    X(read_input_registers, modbus_read_input_registers)

static struct library {
#define X(member, name) __typeof__(name) *member;
    MODBUS_LIBRARY(X)
#undef X
} lib; /* filled before the first thread starts */

enum { NAME_ROOM = 300, QUIET_MS = 100, NOISE_MS = 1000 };

struct modbus_link {
    struct modbus_address address; /* its texts are the two below */
    char host[MODBUS_HOST_ROOM], device[MODBUS_DEVICE_ROOM];
    char name[NAME_ROOM]; /* for sentences */
    modbus_t *ctx;        /* NULL: closed */
    int fd;               /* of TCP; -1: none */
    int lock_fd;          /* of a serial line; -1: none */
    bool late;            /* RTU: an answer may still come that nobody waits for */
    int64_t ended_ms;     /* the answer before; 0: none */
};

bool modbus_library(struct err *e)
{
    static const char *const names[] = {
#define X(member, name) #name,
            MODBUS_LIBRARY(X)
#undef X
    };
    void *found[ARRAY_LEN(names)], *library;

    if (lib.new_tcp) {
        return true;
    }
    library = dlopen("libmodbus.so.5", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        err_set(e, ERR_NOT_FOUND,
                "libmodbus.so.5 is not there: install the package libmodbus5");
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        found[i] = dlsym(library, names[i]);
        if (!found[i]) {
            err_set(e, ERR_NOT_FOUND, "libmodbus.so.5 has no %s: it is too old", names[i]);
            return false;
        }
    }
    _Static_assert(sizeof(found) == sizeof(lib), "functions and their names");
    memcpy(&lib, found, sizeof(lib));
    return true;
}

/* The speeds that the library sets; any other becomes 9600 there, without a word. */
bool modbus_baud_ok(int32_t baud)
{
    static const int32_t speeds[] = {300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600,
            115200, 230400, 460800, 500000, 576000, 921600};

    for (size_t i = 0; i < ARRAY_LEN(speeds); i++) {
        if (speeds[i] == baud) {
            return true;
        }
    }
    return false;
}

static bool serial(const struct modbus_link *l)
{
    return l->device[0] != '\0';
}

struct modbus_link *modbus_link_create(const struct modbus_address *a)
{
    struct modbus_link *l = calloc(1, sizeof(*l));

    if (l) {
        l->address = *a;
        l->fd = l->lock_fd = -1;
        (void)str_copy(l->host, sizeof(l->host), a->host);
        (void)str_copy(l->device, sizeof(l->device), a->device);
        l->address.host = l->host;
        l->address.device = l->device;
        if (serial(l)) {
            (void)str_copy(l->name, sizeof(l->name), l->device);
        } else {
            (void)str_format(l->name, sizeof(l->name),
                    strchr(l->host, ':') ? "[%s]:%u" : "%s:%u", l->host, a->port);
        }
    }
    return l;
}

static void hang_up(struct modbus_link *l)
{
    if (l->ctx) {
        if (l->fd >= 0) {
            (void)lib.set_socket(l->ctx, -1); /* ours to close */
        } else {
            lib.close(l->ctx);
        }
        lib.free(l->ctx);
        l->ctx = NULL;
    }
    if (l->fd >= 0) {
        (void)close(l->fd);
        l->fd = -1;
    }
    if (l->lock_fd >= 0) {
        (void)close(l->lock_fd);
        l->lock_fd = -1;
    }
}

void modbus_link_destroy(struct modbus_link *l)
{
    if (l) {
        hang_up(l);
        free(l);
    }
}

/* ---- what went wrong ---- */

/* False, always: result and a sentence. */
static bool fail(struct modbus_reading *out, enum modbus_result result, const char *fmt, ...)
        PRINTF_LIKE(3, 4);

static bool fail(struct modbus_reading *out, enum modbus_result result, const char *fmt, ...)
{
    va_list ap;

    out->result = result;
    va_start(ap, fmt);
    (void)vsnprintf(out->why, sizeof(out->why), fmt, ap);
    va_end(ap);
    return false;
}

static bool refused(const struct modbus_link *l, const struct modbus_request *r, int exception,
        struct modbus_reading *out)
{
    const char *kind = r->function == 3 ? "holding" : "input";
    unsigned last = r->start + r->count - 1u;

    out->exception = exception;
    switch (exception) {
    case MODBUS_EXCEPTION_ILLEGAL_FUNCTION:
        return fail(out, MODBUS_REFUSED,
                "%s knows no %s registers at unit id %u (exception 1): check the unit id (unit), or "
                "whether they are of the other kind",
                l->name, kind, r->unit);
    case MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS:
        return fail(out, MODBUS_REFUSED,
                "%s has no %s registers %u to %u at unit id %u (exception 2): check the unit id "
                "(unit), and whether it is that model",
                l->name, kind, r->start, last, r->unit);
    case MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE:
        return fail(out, MODBUS_REFUSED,
                "%s does not give %s registers %u to %u at once (exception 3, unit id %u)",
                l->name, kind, r->start, last, r->unit);
    case MODBUS_EXCEPTION_ACKNOWLEDGE:
    case MODBUS_EXCEPTION_SLAVE_OR_SERVER_BUSY:
        return fail(out, MODBUS_REFUSED,
                "%s is busy (exception %d): raise interval_s or delay_ms", l->name, exception);
    case MODBUS_EXCEPTION_GATEWAY_PATH:
        return fail(out, MODBUS_REFUSED,
                "the gateway %s has no way to unit id %u (exception 10): check the unit id (unit)",
                l->name, r->unit);
    case MODBUS_EXCEPTION_GATEWAY_TARGET:
        return fail(out, MODBUS_REFUSED,
                "no device answers the gateway %s as unit id %u (exception 11): check the unit id "
                "(unit), and the device behind the gateway",
                l->name, r->unit);
    default:
        return fail(out, MODBUS_REFUSED, "%s has a fault of its own (exception %d, unit id %u)",
                l->name, exception, r->unit);
    }
}

static bool silent(
        const struct modbus_link *l, const struct modbus_request *r, struct modbus_reading *out)
{
    return fail(out, MODBUS_TIMEOUT,
            serial(l)
                    ? "%s: no device answers as unit id %u within %d s: check the unit id (unit), "
                      "baud, format, and the two wires"
                    : "%s takes the connection, and nothing answers as unit id %u within %d s: "
                      "check the unit id (unit); many devices serve one client alone",
            l->name, r->unit, (r->timeout_ms + 999) / 1000);
}

/* What read_registers left in errno. */
static bool failed(const struct modbus_link *l, const struct modbus_request *r, int error,
        struct modbus_reading *out)
{
    if (error > MODBUS_ENOBASE && error < MODBUS_ENOBASE + MODBUS_EXCEPTION_MAX) {
        return refused(l, r, error - MODBUS_ENOBASE, out);
    }
    if (error == ETIMEDOUT) {
        return silent(l, r, out);
    }
    if (error == EMBBADSLAVE) {
        return fail(out, MODBUS_GARBAGE,
                "%s: another unit id than %u answers: check the unit id (unit)", l->name,
                r->unit);
    }
    if (error == EMBBADCRC) {
        return fail(out, MODBUS_GARBAGE, "%s: the answer has a wrong check sum: check %s",
                l->name,
                serial(l) ? "baud, format, and the line" : "rtu, and the line behind it");
    }
    if (error >= EMBBADDATA && error <= EMBBADSLAVE) {
        return fail(out, MODBUS_GARBAGE,
                "%s: what comes back does not belong to what was asked: check %s", l->name,
                serial(l) ? "baud and format" : "port and rtu");
    }
    if (error == EINVAL) {
        return fail(out, MODBUS_GARBAGE, "unit: %u is no unit id (0 to 247, TCP also 255)",
                r->unit);
    }
    if (serial(l)) {
        return fail(out, MODBUS_CUT, "%s: the device is gone", l->name);
    }
    return fail(out, MODBUS_CUT,
            "%s closes the connection: most devices serve one client alone, so end the other one",
            l->name);
}

/* ---- connecting ---- */

static int remaining(int64_t deadline_ms)
{
    int64_t ms = deadline_ms - loop_now_ms();

    return ms <= 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* 0 or errno. */
static int dial(int fd, const struct addrinfo *a, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int error = 0, one = 1;
    socklen_t len = sizeof(error);

    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
        if (errno != EINPROGRESS) {
            return errno;
        }
        if (poll(&p, 1, remaining(deadline_ms)) <= 0) {
            return ETIMEDOUT;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0) {
            return error ? error : errno;
        }
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return 0;
}

static bool no_connection(const struct modbus_link *l, int error, struct modbus_reading *out)
{
    if (error == ETIMEDOUT) {
        return fail(out, MODBUS_TIMEOUT, "%s does not answer: check host, and whether it is on",
                l->name);
    }
    return fail(out, MODBUS_UNREACHABLE,
            error == ECONNREFUSED
                    ? "%s refuses the connection: switch on Modbus in the device, and check port"
                    : "%s cannot be reached (%s): check host",
            l->name, strerror(error));
}

static bool open_tcp(struct modbus_link *l, int64_t deadline_ms, struct modbus_reading *out)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char port[8];
    int error = EHOSTUNREACH, r;

    (void)str_format(port, sizeof(port), "%u", l->address.port);
    r = getaddrinfo(l->host, port, &hints, &list);
    if (r != 0) {
        return fail(out, MODBUS_UNREACHABLE, "%s: there is no such name (%s): check host",
                l->host, gai_strerror(r));
    }
    for (const struct addrinfo *a = list; a && l->fd < 0; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        error = fd < 0 ? errno : dial(fd, a, deadline_ms);
        if (error == 0) {
            l->fd = fd;
        } else if (fd >= 0) {
            (void)close(fd);
        }
    }
    freeaddrinfo(list);
    if (l->fd < 0) {
        return no_connection(l, error, out);
    }
    l->ctx = l->address.rtu ? lib.new_rtu("/dev/null", 9600, 'N', 8, 1)
                            : lib.new_tcp("127.0.0.1", l->address.port);
    if (!l->ctx || lib.set_socket(l->ctx, l->fd) < 0) {
        return fail(out, MODBUS_UNREACHABLE, "%s: out of memory", l->name);
    }
    return true;
}

/* Ours before the library changes its speed: it may be the bus of the chargers. */
static int lock_line(struct modbus_link *l, const char *path)
{
    l->lock_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (l->lock_fd < 0) {
        return errno;
    }
    if (!isatty(l->lock_fd)) {
        return ENOTTY;
    }
    return flock(l->lock_fd, LOCK_EX | LOCK_NB) < 0 ? EBUSY : 0;
}

static bool open_line(struct modbus_link *l, struct modbus_reading *out)
{
    const struct modbus_address *a = &l->address;
    char *real = realpath(l->device, NULL); /* a link of by-id follows the adapter */
    int error = real ? lock_line(l, real) : errno;

    if (error == 0) {
        l->ctx = lib.new_rtu(real, a->baud, a->parity, a->data_bits, a->stop_bits);
        error = l->ctx && lib.connect(l->ctx) == 0 ? 0 : errno ? errno : EIO;
    }
    free(real);
    if (error == 0) {
        return true;
    }
    return fail(out, MODBUS_UNREACHABLE,
            error == EBUSY    ? "%s: another program (or a bus) has it"
            : error == EACCES ? "%s: no permission (is the user in the group dialout?)"
            : error == ENOTTY ? "%s: it is no serial device: check device"
                              : "%s: the device is not there: check device",
            l->name);
}

/* Something came that nobody asked for, or the end of the connection: then it is of no use. */
static bool stale(const struct modbus_link *l)
{
    char c;

    return l->fd >= 0 && (recv(l->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN);
}

/* After an answer that came too late for its request, a frame of RTU could be taken for the next
 * one's: it has no number. */
static void wait_for_quiet(struct modbus_link *l)
{
    struct pollfd p = {.fd = lib.get_socket(l->ctx), .events = POLLIN};
    int64_t end_ms = loop_now_ms() + NOISE_MS;
    char noise[256];
    bool quiet = false;

    while (!quiet && loop_now_ms() < end_ms) {
        quiet = poll(&p, 1, QUIET_MS) <= 0 || read(p.fd, noise, sizeof(noise)) <= 0;
    }
    l->late = false;
}

static bool open_link(struct modbus_link *l, int64_t deadline_ms, struct modbus_reading *out)
{
    if (l->ctx && stale(l)) {
        hang_up(l);
    }
    if (!l->ctx && !(serial(l) ? open_line(l, out) : open_tcp(l, deadline_ms, out))) {
        hang_up(l);
        return false;
    }
    if (l->late) {
        wait_for_quiet(l);
    }
    if (serial(l)) {
        (void)lib.flush(l->ctx);
    }
    return true;
}

/* ---- reading ---- */

/* True: an answer, an exception among them. */
static bool read_words(struct modbus_link *l, const struct modbus_request *r,
        int64_t deadline_ms, struct modbus_reading *out)
{
    int ms = remaining(deadline_ms), n = -1;

    if (ms <= 0) {
        errno = ETIMEDOUT;
    } else if (lib.set_slave(l->ctx, r->unit) == 0 &&
               lib.set_response_timeout(
                       l->ctx, (uint32_t)(ms / 1000), (uint32_t)(ms % 1000) * 1000) == 0 &&
               /* None between bytes: else one that drips could take that long for each. */
               lib.set_byte_timeout(l->ctx, 0, 0) == 0) {
        n = (r->function == 3 ? lib.read_registers : lib.read_input_registers)(
                l->ctx, r->start, r->count, out->word);
    }
    if (n == r->count) {
        out->result = MODBUS_ANSWERED;
        return true;
    }
    (void)failed(l, r, n < 0 ? errno : EMBBADDATA, out);
    return out->result == MODBUS_REFUSED;
}

static void pause_before(const struct modbus_link *l, int32_t delay_ms)
{
    int64_t ms = l->ended_ms + delay_ms - loop_now_ms();

    if (l->ended_ms != 0 && ms > 0) {
        (void)poll(NULL, 0, (int)ms);
    }
}

void modbus_link_read(struct modbus_link *l, const struct modbus_request *r,
        int64_t deadline_ms, struct modbus_reading *out)
{
    bool kept = l->ctx != NULL, answered = false;

    *out = (struct modbus_reading){.result = MODBUS_TIMEOUT};
    pause_before(l, r->delay_ms);
    if (remaining(deadline_ms) == 0) {
        (void)fail(out, MODBUS_TIMEOUT,
                "%s: its turn did not come in time: raise interval_s or timeout_s", l->name);
        return;
    }
    for (int i = 0; i < 2 && !answered; i++) {
        if (!open_link(l, deadline_ms, out)) {
            return;
        }
        answered = read_words(l, r, deadline_ms, out);
        l->ended_ms = loop_now_ms();
        if (!answered && (!serial(l) || out->result == MODBUS_CUT)) {
            l->late = l->late || (l->address.rtu && out->result == MODBUS_TIMEOUT);
            hang_up(l); /* an answer that comes later must meet nobody */
        } else if (!answered) {
            l->late = true;
        }
        if (!(kept && out->result == MODBUS_CUT)) {
            break; /* one that had been idle may just have been closed: once more */
        }
    }
}
