/*
 * ems_over_line - messages out of the bytes of a serial device or a TCP connection.
 *
 * The port heals itself; the adapter's cut finds the messages. A line that gives bytes and no
 * message, or nothing at all, is as good as gone: after 15 s it says so and opens anew, where no
 * speed is set with the next usual one. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/ems_listen.h"
#include "bridge/io/oneshot.h"
#include "bridge/io/port.h"

#include <stdlib.h>
#include <string.h>

enum {
    COLLECT_MAX = 16 * 1024,
    QUIET_MS = 15000,
    HIGH_PERCENT = 25, /* text has none, a wrong speed half of them */
    WAIT_MIN_MS = 1000,
    WAIT_DEVICE_MS = 5000, /* an adapter that is plugged in again */
    WAIT_HOST_MS = 60000,
};

/* Where no speed is set; meters have one of these. */
static const int32_t usual_bauds[] = {115200, 9600};

struct line {
    uv_loop_t *loop;
    const struct ems_listening *what;
    const struct ems_listen_ops *ops;
    void *user;
    struct port *port;     /* owned */
    struct oneshot *quiet; /* owned */
    char spec[300];
    size_t speed;         /* of usual_bauds */
    bool down;            /* told, and no message since */
    bool *gone;           /* set when it is closed in a callback; NULL: none runs */
    uint32_t silent;      /* tries in a row without a message */
    uint32_t bytes, high; /* since it was opened, or since the last message */
    size_t n;
    char data[COLLECT_MAX + 1];
};

static const struct ems_wire *wire_of(const struct line *l)
{
    return ems_wire_of(l->what->adapter, l->what->config);
}

/* ---- telling; each returns false when the line was closed meanwhile ---- */

static bool tell_up(struct line *l)
{
    bool gone = false;

    l->gone = &gone;
    l->ops->up(l->user);
    if (!gone) {
        l->gone = NULL;
    }
    return !gone;
}

static bool tell_message(struct line *l, const char *body, size_t len)
{
    const struct ems_answer a = {.pushed = true,
            .status = 200,
            .body = body,
            .len = len,
            .cookies = "",
            .content_type = "",
            .topic = ""};
    bool gone = false;

    l->gone = &gone;
    l->ops->message(l->user, &a);
    if (!gone) {
        l->gone = NULL;
    }
    return !gone;
}

static void tell_down(struct line *l, enum ems_class class, const char *why)
{
    bool gone = false;

    if (l->down) {
        return;
    }
    l->down = true;
    l->gone = &gone;
    l->ops->down(l->user, class, why);
    if (!gone) {
        l->gone = NULL;
    }
}

/* ---- bytes ---- */

/* A whole message; false: closed. */
static bool take(struct line *l, size_t drop, size_t len)
{
    char *body = l->data + drop, behind = body[len];
    bool alive = true;

    oneshot_start(l->quiet, QUIET_MS);
    l->bytes = 0;
    l->high = 0;
    l->silent = 0;
    if (l->down) {
        l->down = false;
        alive = tell_up(l);
    }
    if (alive) {
        body[len] = '\0';
        alive = tell_message(l, body, len);
    }
    if (alive) {
        body[len] = behind;
    }
    return alive;
}

/* All messages that are whole; false: closed. */
static bool cut_all(struct line *l)
{
    size_t at = 0, drop = 1, len = 1;

    while (at < l->n && (drop > 0 || len > 0)) {
        drop = 0;
        len = 0;
        l->what->adapter->cut(l->what->config, l->data + at, l->n - at, &drop, &len);
        if (drop > l->n - at || len > l->n - at - drop) {
            drop = l->n - at; /* an adapter that counts wrong costs no memory */
            len = 0;
        }
        if (len > 0 && !take(l, at + drop, len)) {
            return false;
        }
        at += drop + len;
    }
    memmove(l->data, l->data + at, l->n - at);
    l->n -= at;
    if (l->n == COLLECT_MAX) {
        l->n = 0;
    }
    return true;
}

static void on_bytes(void *user, const uint8_t *p, size_t n)
{
    struct line *l = user;

    while (n > 0) {
        size_t some = n < COLLECT_MAX - l->n ? n : COLLECT_MAX - l->n;

        memcpy(l->data + l->n, p, some);
        for (size_t i = 0; i < some; i++) {
            l->high += p[i] > 0x7f;
        }
        l->bytes += (uint32_t)some;
        l->n += some;
        p += some;
        n -= some;
        if (!cut_all(l)) {
            return;
        }
    }
}

/* ---- opening ---- */

static void on_up(void *user)
{
    struct line *l = user;

    l->n = 0;
    l->bytes = 0;
    l->high = 0;
    oneshot_start(l->quiet, QUIET_MS);
    if (!l->down) {
        (void)tell_up(l);
    }
}

static void on_down(void *user, const char *why)
{
    struct line *l = user;

    oneshot_stop(l->quiet);
    tell_down(l, EMS_UNREACHABLE, why);
}

static bool connect_port(struct line *l, struct err *e)
{
    static const struct port_ops ops = {.up = on_up, .bytes = on_bytes, .down = on_down};
    const struct ems_wire *w = wire_of(l);
    const struct port_config how = {
            .baud = w->baud == OPT_UNSET ? usual_bauds[l->speed] : w->baud,
            .format = (enum port_format)w->format,
            .rts = true,
            .keeps = true,
            .wait_min_ms = WAIT_MIN_MS,
            .wait_max_ms = w->device[0] != '\0' ? WAIT_DEVICE_MS : WAIT_HOST_MS};

    _Static_assert((int)EMS_8N2 == (int)PORT_8N2 && (int)EMS_7E1 == (int)PORT_7E1,
            "the formats are the same");
    l->port = port_create_for(l->loop, l->spec, &how, &ops, l, e);
    return l->port != NULL;
}

/* Why there was no message, with what to try. */
static enum ems_class say_quiet(const struct line *l, struct err *e)
{
    const struct ems_wire *w = wire_of(l);
    const char *name = w->device[0] != '\0' ? w->device : w->host;
    unsigned percent = l->bytes > 0 ? l->high * 100 / l->bytes : 0;
    int s = QUIET_MS / 1000;

    if (l->bytes > 0) {
        err_set(e, ERR_IO,
                "%.100s: %u bytes came in %d s and no whole message, %u %% of them above 0x7F%s",
                name, l->bytes, s, percent,
                percent > HIGH_PERCENT ? ": wrong baud or format?" : ": is it the right one?");
        return EMS_DATA;
    }
    err_set(e, ERR_TIMEOUT, "%.100s: nothing comes (%d s): %s", name, s,
            w->device[0] != '\0'
                    ? "is the port of the meter switched on, is its request line (RTS) high?"
                    : "does the gateway hear the meter, does another program hold its port?");
    return EMS_TIMEOUT;
}

static void on_quiet(void *user)
{
    struct line *l = user;
    const struct ems_wire *w = wire_of(l);
    bool tries = w->device[0] != '\0' && w->baud == OPT_UNSET;
    struct err e = {0}, failed = {0};
    enum ems_class class = say_quiet(l, &e);

    port_destroy(l->port);
    l->silent++;
    if (tries) {
        l->speed = (l->speed + 1) % ARRAY_LEN(usual_bauds);
    }
    if (!connect_port(l, &failed)) { /* no memory */
        oneshot_start(l->quiet, QUIET_MS);
    }
    if (!tries || l->silent >= ARRAY_LEN(usual_bauds)) {
        tell_down(l, class, e.text);
    }
}

static void close_line(void *self)
{
    struct line *l = self;

    if (l) {
        if (l->gone) {
            *l->gone = true;
        }
        port_destroy(l->port);
        oneshot_destroy(l->quiet);
        free(l);
    }
}

static void name_port(struct line *l)
{
    const struct ems_wire *w = wire_of(l);

    if (w->device[0] != '\0') {
        (void)str_copy(l->spec, sizeof(l->spec), w->device);
    } else if (strchr(w->host, ':')) {
        (void)str_format(l->spec, sizeof(l->spec), "tcp://[%s]:%d", w->host, w->port);
    } else {
        (void)str_format(l->spec, sizeof(l->spec), "tcp://%s:%d", w->host, w->port);
    }
}

static void *open_line(uv_loop_t *loop, const struct ems_listening *what,
        const struct ems_listen_ops *ops, void *user, struct err *e)
{
    struct line *l = calloc(1, sizeof(*l));

    if (!l) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", what->adapter->name);
        return NULL;
    }
    l->loop = loop;
    l->what = what;
    l->ops = ops;
    l->user = user;
    name_port(l);
    l->quiet = oneshot_create(loop, on_quiet, l, e);
    if (!l->quiet || !connect_port(l, e)) {
        close_line(l);
        return NULL;
    }
    return l;
}

const struct ems_backend ems_over_line = {.open = open_line, .close = close_line};
