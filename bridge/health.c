/*
 * health - bridge/health, and the watchdog of the service manager.
 *
 * The ping goes out only after a control step and, where a bus is open, a heartbeat within 3 s or
 * a stated reason for none: a process that lives but does not work is restarted.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    HEARTBEAT_LATE_MS = 3000,
    STEP_LATE_MS = 2500,
    LAG_HALF_MS = 30000,
    MEMORY_EVERY_MS = 10000,
};

#define SET(field, value) model_set(&d->model, 0, FIELD_BRIDGE_##field, (value))

static int64_t resident_bytes(void)
{
    char text[64];
    const char *p = text;
    int64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return -1;
    }
    text[n] = '\0';
    p = strchr(text, ' ');
    if (!p || !str_int(p + 1, strcspn(p + 1, " "), &pages)) {
        return -1;
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static bool bus_problem(const struct daemon *d, int b)
{
    const struct bus_unit *bus = &d->bus[b];
    bool silent = false;

    for (int i = 0; i < d->units; i++) {
        silent = silent || (d->unit[i].bus == b && d->unit[i].slot >= 0 && !d->unit[i].gone &&
                                   d->unit[i].report.link == CHARGER_SILENT);
    }
    return !bus->self || !bus->up || bus->foreign || silent ||
           bus_duplicate(bus->adapter->bus(bus->self));
}

/* 5-minute share over the chargers of a bus, per mille; -1: no charger. */
static int64_t bus_answers(const struct daemon *d, int b)
{
    int64_t sum = 0, n = 0;

    for (int i = 0; i < d->units; i++) {
        const struct unit *u = &d->unit[i];

        if (u->bus == b && u->slot >= 0 && u->report.answer_share_permille != UINT32_MAX) {
            sum += u->report.answer_share_permille;
            n++;
        }
    }
    return n > 0 ? sum / n : -1;
}

static bool show_buses(struct daemon *d)
{
    struct buf all, frames;
    struct jw w, f;
    bool problem = false;

    buf_init(&all, MODEL_JSON_ROOM - 1);
    buf_init(&frames, MODEL_JSON_ROOM - 1);
    jw_init(&w, &all);
    jw_init(&f, &frames);
    jw_open(&w, NULL);
    jw_open(&f, NULL);
    for (int b = 0; b < d->settings.bus_count; b++) {
        const struct bus_unit *bus = &d->bus[b];
        struct bus_counters c = {0};
        bool bad = bus_problem(d, b);
        int64_t answers = bus_answers(d, b);

        if (bus->self) {
            c = bus_counters(bus->adapter->bus(bus->self));
        }
        problem = problem || bad;
        jw_open(&w, d->settings.bus[b].id);
        jw_bool(&w, "problem", bad);
        if (answers >= 0) {
            jw_decimal(&w, "answers", answers, 1, 1);
        } else {
            jw_null(&w, "answers");
        }
        jw_int(&w, "errors", c.bad_frames);
        jw_close(&w);
        jw_open(&f, d->settings.bus[b].id);
        jw_int(&f, "in", c.frames_in);
        jw_int(&f, "out", c.frames_out);
        jw_int(&f, "bad", c.bad_frames);
        jw_int(&f, "noise_bytes", c.noise_bytes);
        jw_int(&f, "echo", c.echo_frames);
        jw_int(&f, "late_answers", c.late_answers);
        jw_close(&f);
    }
    jw_close(&w);
    jw_close(&f);
    if (buf_ok(&all) && buf_ok(&frames)) {
        model_set_json(&d->model, 0, FIELD_BRIDGE_BUSES, buf_text(&all));
        model_set_json(&d->model, 0, FIELD_BRIDGE_FRAMES, buf_text(&frames));
    }
    buf_finish(&all);
    buf_finish(&frames);
    return problem;
}

static void tell_store(struct daemon *d, const char *type, const char *text)
{
    struct buf b;
    struct jw w;

    buf_init(&b, 600);
    jw_init(&w, &b);
    jw_str(&w, NULL, text);
    event_emit(d, -1, type, ",\"message\":%s", buf_ok(&b) ? buf_text(&b) : "null");
    buf_finish(&b);
}

static void store_trouble(struct daemon *d)
{
    const char *now = d->store ? store_problem(d->store) : d->store_problem;

    if (strcmp(now, d->store_problem) == 0) {
        return;
    }
    if (now[0] != '\0') {
        log_error("store", "%s; charging goes on", now);
        tell_store(d, "problem", now);
    } else {
        log_notice("store", "the store works again");
        tell_store(d, "recovered", "the store works again");
        run_put_all(d); /* what was set meanwhile reached no disk */
    }
    str_copy(d->store_problem, sizeof(d->store_problem), now);
}

/* The worst of the last minute: of this half of it, and the one before. */
static void show_lag(struct daemon *d, int64_t late_ms, int64_t now_ms)
{
    int64_t turn_ms = loop_lag_take(d->lag) / 1000;
    int64_t now = late_ms > turn_ms ? late_ms : turn_ms;

    if (now_ms - d->lag_since_ms >= LAG_HALF_MS) {
        d->lag_before_ms = d->loop_lag_ms;
        d->lag_since_ms = now_ms;
        d->loop_lag_ms = 0;
    }
    d->loop_lag_ms = now > d->loop_lag_ms ? now : d->loop_lag_ms;
    SET(LOOP_LAG, d->loop_lag_ms > d->lag_before_ms ? d->loop_lag_ms : d->lag_before_ms);
}

void show_health(struct daemon *d)
{
    int64_t now_ms = loop_now_ms();
    int64_t late_ms = d->tick_due_ms != 0 && now_ms > d->tick_due_ms ? now_ms - d->tick_due_ms : 0;
    bool problem = show_buses(d);
    int online = 0, leases = 0;

    store_trouble(d);
    show_lag(d, late_ms, now_ms);
    for (int i = 0; i < d->units; i++) {
        online += d->unit[i].report.link == CHARGER_ONLINE && !d->unit[i].gone;
    }
    for (int i = 0; i < LEASES_MAX; i++) {
        leases += d->leases.row[i].id != 0;
    }
    SET(PROBLEM, problem || energy_problem(d) || d->store_problem[0] != '\0' || d->safe_mode || !d->self_test_ok ||
                    d->broker.foreign);
    SET(RESTART_REQUIRED, d->restart_why[0] != '\0');
    SET(STARTED, d->started_utc_ms);
    model_set_text(&d->model, 0, FIELD_BRIDGE_VERSION, TWCBRIDGE_VERSION);
    SET(CHARGERS_ONLINE, online);
    SET(COMMANDS_REFUSED, d->commands_refused);
    SET(MQTT_RECONNECTS, d->broker.reconnects);
    SET(LOG_LEVEL, log_get_level());
    SET(HOME_ASSISTANT, d->ha);
    SET(LEASE_COUNT, leases);
    if (d->memory_ms == 0 || now_ms - d->memory_ms >= MEMORY_EVERY_MS) {
        int64_t bytes = resident_bytes();

        if (bytes >= 0) {
            SET(MEMORY, bytes);
        }
        d->memory_ms = now_ms;
    }
    if (d->store) {
        SET(DB_BYTES, store_bytes(d->store));
    }
}

/* ---- service manager: https://www.freedesktop.org/software/systemd/man/sd_notify.html ---- */

static void notify(struct daemon *d, const char *text)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(d->notify_path);

    if (d->notify_fd < 0) {
        return;
    }
    memcpy(a.sun_path, d->notify_path, n);
    if (a.sun_path[0] == '@') {
        a.sun_path[0] = '\0'; /* abstract */
    }
    (void)!sendto(d->notify_fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
            (const struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

void notify_open(struct daemon *d)
{
    const char *path = getenv("NOTIFY_SOCKET");

    d->notify_fd = -1;
    if (path && str_copy(d->notify_path, sizeof(d->notify_path), path) && path[0] != '\0') {
        d->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
}

void notify_ready(struct daemon *d)
{
    notify(d, "READY=1\nSTATUS=running\n");
}

void notify_stopping(struct daemon *d)
{
    notify(d, "STOPPING=1\n");
}

void notify_alive(struct daemon *d)
{
    int64_t now_ms = loop_now_ms();

    if (now_ms - d->stepped_ms > STEP_LATE_MS) {
        return;
    }
    for (int b = 0; b < d->settings.bus_count; b++) {
        const struct bus_unit *bus = &d->bus[b];

        if (bus->self && bus->up) {
            const struct bus *state = bus->adapter->bus(bus->self);

            if (now_ms - bus_last_sent_ms(state) > HEARTBEAT_LATE_MS &&
                    !bus_quiet_reason(state, now_ms)) {
                return;
            }
        }
    }
    notify(d, "WATCHDOG=1\n");
}
