/*
 * daemon - builds every part in order, runs the loop, takes all down in reverse.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/daemon.h"

#include "adapters/charger/twc_gen2.h"
#include "adapters/charger/virtual/virtual.h"
#include "adapters/logging/console.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/core/twc/message_master.h"
#include "bridge/io/loop.h"
#include "bridge/verbs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STOP_MS = 700, STOP_LOOK_MS = 20, SECOND_MS = 1000, SOON_MS = 100 };

void daemon_dirty(struct daemon *d)
{
    d->dirty = true;
    turn_ask(d->turn);
}

/* At once when the last step is long enough ago, so that a small bridge waits for nothing; in a
 * big one the steps for single readings would cost more than all the rest. */
void daemon_dirty_soon(struct daemon *d)
{
    int64_t now_ms = loop_now_ms();
    int64_t due_ms = d->stepped_ms + SOON_MS;

    if (now_ms >= due_ms) {
        daemon_dirty(d);
    } else if (d->tick_due_ms > due_ms) {
        d->tick_due_ms = due_ms;
        oneshot_start(d->tick, (uint64_t)(due_ms - now_ms));
    }
}

/* ---- the end of a loop turn ---- */

static void on_turn(void *user)
{
    struct daemon *d = user;

    /* Twice where a charger was taken meanwhile: it is shown before it is published. */
    for (int i = 0; i < 2 && d->dirty; i++) {
        d->dirty = false;
        step_run(d);
    }
    if (d->broker.announced) {
        broker_turn(d);
        event_flush(d);
    }
}

/* No step for as long as control allows: one is due. */
static void on_tick(void *user)
{
    daemon_dirty(user);
}

/* Every second, whatever else happens: health, the watchdog, and what ages without messages. */
static void on_second(void *user)
{
    struct daemon *d = user;

    for (int i = 0; i < d->units; i++) {
        if (d->unit[i].slot < 0 || d->unit[i].report.link != CHARGER_ONLINE) {
            unit_report(d, i, &d->unit[i].report);
        }
    }
    d->model.utc_ms = loop_utc_ms();
    energy_show(d);
    show_health(d);
    notify_alive(d);
    turn_ask(d->turn);
    oneshot_start(d->second, SECOND_MS);
}

/* ---- building ---- */

void daemon_site_max(struct daemon *d)
{
    int64_t sum_ma = 0;

    for (int i = 0; i < d->settings.circuit_count; i++) {
        if (d->settings.circuit[i].parent_index < 0) {
            sum_ma += d->settings.circuit[i].effective_limit_ma;
        }
    }
    d->model.device[1].max_ma = (int32_t)(sum_ma / 1000 * 1000);
    model_touch(&d->model, 1);
}

static void build_model(struct daemon *d)
{
    const struct settings *s = &d->settings;

    model_init(&d->model, "TWC Bridge", s->site.name);
    str_copy(d->model.currency, sizeof(d->model.currency), s->site.currency);
    for (int i = 0; i < s->circuit_count; i++) {
        int dev = model_add(&d->model, MODEL_CIRCUIT, s->circuit[i].id, s->circuit[i].name);
        struct model_device *m = &d->model.device[dev];

        d->circuit_device[i] = dev;
        m->features = s->circuit_count > 1 ? (uint32_t)FEATURE_DEVICE : 0;
        m->features |= circuit_meter_source(s, i) >= 0 ? FEATURE_DEVICE | FEATURE_METER : 0;
        m->max_ma = s->circuit[i].effective_limit_ma / 1000 * 1000;
        str_copy(m->area, sizeof(m->area), s->circuit[i].area);
    }
    d->model.buses = s->bus_count;
    for (int i = 0; i < s->bus_count; i++) {
        str_copy(d->model.bus[i].id, sizeof(d->model.bus[i].id), s->bus[i].id);
        str_copy(d->model.bus[i].name, sizeof(d->model.bus[i].name), s->bus[i].name);
    }
    str_copy(d->model.device[0].sw_version, sizeof(d->model.device[0].sw_version),
            TWCBRIDGE_VERSION);
    daemon_site_max(d);
}

static bool open_parts(struct daemon *d, struct err *e)
{
    for (size_t i = 0; adapter_at(i); i++) {
        const struct adapter *a = adapter_at(i);

        if (a->bus) {
            continue; /* one for each bus: open_bus */
        }
        void *self = a->create(&d->host, NULL, e);

        if (!self || d->parts == PARTS_MAX) {
            return false;
        }
        d->part[d->parts++] = (struct part){.adapter = a, .self = self};
    }
    return true;
}

/* A bus of virtual chargers: they live at the other end of a socket pair. */
static int open_virtual(struct daemon *d, int bus, struct err *e)
{
    int64_t n = 0;
    const char *count = d->settings.bus[bus].port + strlen("virtual:");
    int fd[2];

    if (!str_int(count, strlen(count), &n) ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) != 0) {
        err_set(e, ERR_IO, "cannot make a virtual bus");
        return -1;
    }
    d->bus[bus].virtual_bus = virtual_create_demo(&d->loop, fd[1], (int)n, e);
    if (!d->bus[bus].virtual_bus) {
        close(fd[0]);
        return -1;
    }
    return fd[0];
}

static void open_bus(struct daemon *d, int bus, const struct store_image *image)
{
    const char *port = d->settings.bus[bus].port;
    struct twc_gen2_config c = {.bus = bus, .port = port, .fd = -1};
    struct bus_unit *b = &d->bus[bus];
    struct err e = {0};

    bus_config_of(d, bus, image, &c.link);
    b->adapter = adapter_find("twc_gen2");
    if (strncmp(port, "virtual:", 8) == 0) {
        c.fd = open_virtual(d, bus, &e);
        if (c.fd < 0) {
            log_error("bus", "bus %s: %s", d->settings.bus[bus].name, e.text);
            return;
        }
    }
    b->self = b->adapter->create(&d->host, &c, &e);
    if (!b->self) {
        log_error("bus", "bus %s: %s", d->settings.bus[bus].name, e.text);
    }
}

static void say_hello(struct daemon *d)
{
    const struct settings *s = &d->settings;

    log_notice("bridge", "twcbridge %s, state in %s", TWCBRIDGE_VERSION, d->state_dir);
    for (int i = 0; i < s->bus_count && i < 3; i++) {
        log_notice("bridge", "bus %s: %s on circuit %s", s->bus[i].name, s->bus[i].port,
                s->circuit[s->bus[i].circuit_index].name);
    }
    for (int i = 0; i < s->circuit_count && i < 3; i++) {
        log_notice("bridge", "circuit %s: at most %d A on each phase", s->circuit[i].name,
                s->circuit[i].effective_limit_ma / 1000);
    }
    log_notice("bridge", "broker %s, Home Assistant %s, %d charger%s known",
            s->mqtt.url[0] != '\0' ? s->mqtt.url : "none", ha_state_names[d->ha], d->units,
            d->units == 1 ? "" : "s");
}

/* ---- stopping ---- */

static void on_stop_look(void *user)
{
    struct daemon *d = user;
    bool done = loop_now_ms() >= d->stop_at_ms;
    bool sent = true;

    for (int b = 0; b < d->settings.bus_count; b++) {
        const struct bus_unit *u = &d->bus[b];

        sent = sent && (!u->self || !u->up || u->adapter->last_round_done(u->self));
    }
    if (done || sent) {
        uv_stop(&d->loop);
    } else {
        oneshot_start(d->stop_timer, STOP_LOOK_MS);
    }
}

void daemon_stop(struct daemon *d, int exit_code, const char *why)
{
    if (d->stopping) {
        return;
    }
    log_notice("bridge", "stopping: %s", why);
    notify_stopping(d);
    d->stopping = true;
    d->exit_code = exit_code;
    d->stop_at_ms = loop_now_ms() + STOP_MS;
    step_run(d); /* every offer becomes min(offer, default) */
    for (int b = 0; b < d->settings.bus_count; b++) {
        if (d->bus[b].self) {
            d->bus[b].adapter->last_round(d->bus[b].self);
        }
    }
    oneshot_start(d->stop_timer, STOP_LOOK_MS);
}

static void on_signal(int signum, void *user)
{
    struct daemon *d = user;

    if (signum == SIGHUP) {
        settings_reload(d);
    } else {
        daemon_stop(d, 0, signum == SIGTERM ? "SIGTERM" : "SIGINT");
    }
}

static void take_down(struct daemon *d)
{
    for (int i = 0; i < d->units; i++) {
        d->unit[i].putting = false;
        unit_put(d, &d->unit[i]);
    }
    command_abandon(d);
    broker_close(d);
    energy_close(d);
    for (int i = d->parts - 1; i >= 0; i--) {
        d->part[i].adapter->destroy(d->part[i].self);
    }
    for (int b = 0; b < d->settings.bus_count; b++) {
        if (d->bus[b].adapter) {
            d->bus[b].adapter->destroy(d->bus[b].self);
        }
        virtual_destroy(d->bus[b].virtual_bus);
    }
    store_close(d->store, 200);
    d->store = NULL;
    signals_destroy(d->signals);
    oneshot_destroy(d->tick);
    oneshot_destroy(d->second);
    oneshot_destroy(d->watch_file);
    oneshot_destroy(d->stop_timer);
    turn_destroy(d->turn);
    loop_lag_destroy(d->lag);
    loop_finish(&d->loop);
    if (d->notify_fd >= 0) {
        close(d->notify_fd);
    }
    state_dir_close(d);
    free(d->gives);
    free(d->settings_text);
}

/* ---- starting ---- */

static bool make_loop_parts(struct daemon *d, struct err *e)
{
    if (uv_loop_init(&d->loop) != 0) {
        err_set(e, ERR_NO_MEMORY, "no event loop");
        return false;
    }
    d->lag = loop_lag_create(&d->loop, e);
    d->turn = turn_create(&d->loop, on_turn, d, e);
    d->tick = oneshot_create(&d->loop, on_tick, d, e);
    d->second = oneshot_create(&d->loop, on_second, d, e);
    d->watch_file = oneshot_create(&d->loop, settings_watch, d, e);
    d->stop_timer = oneshot_create(&d->loop, on_stop_look, d, e);
    d->signals = signals_create(&d->loop, on_signal, d, e);
    return d->lag && d->turn && d->tick && d->second && d->watch_file && d->stop_timer && d->signals;
}

void daemon_keep(struct daemon *d)
{
    if (d->store) {
        store_set_keep(d->store, &(struct store_keep){.sessions_days = d->settings.store.sessions_days,
                                         .history_days = d->settings.store.history_days});
    }
}

static void load_store(struct daemon *d, struct store_image *image)
{
    struct err e = {0};

    if (store_open(&d->loop, d->state_dir, &d->store, image, &e) != ERR_OK) {
        if (!d->store) {
            str_copy(d->store_problem, sizeof(d->store_problem), e.text);
            log_error("store", "%s", e.text); /* else health tells it, and when it is over */
        }
    }
}

static bool start(struct daemon *d, struct store_image *image, struct err *e)
{
    bool good = settings_load(d, &d->settings_text);

    if (state_dir_open(d, e) != ERR_OK) {
        return false;
    }
    load_store(d, image);
    if (!good) {
        settings_fall_back(d, image);
    }
    log_set_level((enum log_level)d->settings.log.level);
    d->self_test_ok = envelope_self_test() && message_master_self_test();
    d->site_allowed = true;
    d->fallback_ma = FLOOR_MA;
    d->grace_s = d->settings.lease.grace_s;
    lease_init(&d->leases);
    control_init(&d->control);
    d->control.decision_id = image->decision_id;
    build_model(d);
    host_init(d);
    units_load(d, image);
    run_load(d, image);
    energy_gives_load(d, image);
    leases_load(d, image);
    events_load(d, image);
    step_config(d);
    say_hello(d);
    daemon_keep(d);
    if (good && d->store) {
        store_put_good_settings(d->store, d->settings_text);
    }
    if (!open_parts(d, e)) {
        return false;
    }
    if (!energy_open(d, image, e)) {
        log_error("energy", "%s", e->text);
    }
    if (!broker_open(d, e)) {
        log_error("mqtt", "%s", e->text);
    }
    step_run(d); /* stamps an offer for every known charger before the first byte */
    units_settings(d);
    if (!d->self_test_ok) {
        log_error("bridge", "the self-test failed: this build is broken, no byte is sent to a bus");
        return true;
    }
    for (int b = 0; b < d->settings.bus_count; b++) {
        open_bus(d, b, image);
    }
    return true;
}

static int run_once(const char *file, const char *state, bool *again)
{
    struct daemon *d = calloc(1, sizeof(*d));
    struct store_image image = {0};
    struct err e = {0};
    int code = 70;

    if (!d) {
        return err_exit_code(ERR_NO_MEMORY);
    }
    d->file = file;
    d->state_arg = state;
    d->notify_fd = -1;
    d->state_fd = -1;
    d->started_utc_ms = loop_utc_ms() / 1000 * 1000;
    if (make_loop_parts(d, &e) && start(d, &image, &e)) {
        notify_open(d);
        notify_ready(d);
        event_emit(d, -1, "started", ",\"version\":\"%s\"", TWCBRIDGE_VERSION);
        oneshot_start(d->watch_file, 2000);
        on_second(d);
        uv_run(&d->loop, UV_RUN_DEFAULT);
        code = d->exit_code;
    } else {
        log_error("bridge", "%s", e.text);
        code = e.code != ERR_OK ? err_exit_code(e.code) : code;
    }
    store_image_finish(&image);
    *again = d->again;
    take_down(d);
    free(d);
    return code;
}

static int usage(int code)
{
    fputs("usage: twcbridge run FILE [--state DIR] [--log human|json|journal]\n"
          "Runs the bridge in the foreground with the settings of FILE.\n"
          "  --state DIR   where the store lives (default: store.path, /var/lib/twcbridge, or\n"
          "                beside FILE)\n"
          "  --log FORM    how log lines look (default: log.format of the settings)\n"
          "SIGHUP reads FILE again; SIGTERM ends with each charger at its default.\n",
            code == 0 ? stdout : stderr);
    return code;
}

static int form_index(const char *arg)
{
    static const char *const names[] = {"human", "json", "journal", NULL};

    for (int i = 0; names[i]; i++) {
        if (strcmp(arg, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* The form of log lines must be known before the first one, so the file is glanced at. */
static enum console_format format_of(const char *file, const char *arg)
{
    struct settings *s = calloc(1, sizeof(*s));
    struct opt_errors *errs = calloc(2, sizeof(*errs));
    enum console_format f = CONSOLE_HUMAN;
    char *text = NULL;
    size_t len = 0;

    if (arg) {
        f = (enum console_format)form_index(arg);
    }
    if (!arg && s && errs && settings_read(file, &text, &len, NULL) == ERR_OK) {
        settings_parse(text, len, s, &errs[0], &errs[1]);
        f = (enum console_format)s->log.format;
    }
    free(text);
    free(errs);
    free(s);
    return f;
}

int verb_run(int argc, char **argv)
{
    const char *file = NULL, *state = NULL, *format = NULL;
    bool again = true;
    int code = 0;

    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;

        if (strcmp(argv[i], "--help") == 0) {
            return usage(0);
        }
        if (strcmp(argv[i], "--state") == 0 && more) {
            state = argv[++i];
        } else if (strcmp(argv[i], "--log") == 0 && more) {
            format = argv[++i];
        } else if (argv[i][0] == '-' || file) {
            fprintf(stderr, "twcbridge run: %s is not understood\n", argv[i]);
            return usage(64);
        } else {
            file = argv[i];
        }
    }
    if (format && form_index(format) < 0) {
        fprintf(stderr, "twcbridge run: --log %s: allowed is human, json or journal\n", format);
        return usage(64);
    }
    if (!file) {
        fputs("twcbridge run: which settings file?\n", stderr);
        return usage(64);
    }
    if (access(file, F_OK) != 0 && !state) {
        fprintf(stderr, "%s: there is no such file\n", file);
        return err_exit_code(ERR_NOT_FOUND);
    }
    console_start(format_of(file, format));
    while (again) {
        code = run_once(file, state, &again);
    }
    console_stop();
    return code;
}
