/*
 * simulate - `twcbridge simulate`: virtual chargers on a pty or a TCP port, for any master.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/simulate.h"

#include "bridge/base/str.h"
#include "bridge/verbs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* ---- the bus ---- */

static bool make_link(const char *path, const char *target)
{
    struct stat st;

    if (lstat(path, &st) == 0) {
        if (!S_ISLNK(st.st_mode)) {
            fprintf(stderr, "twcbridge simulate: --link %s: is there and is no symlink\n",
                    path);
            return false;
        }
        unlink(path);
    }
    if (symlink(target, path) != 0) {
        fprintf(stderr, "twcbridge simulate: --link %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

static void on_master_gone(void *user)
{
    struct simulation *m = user;

    m->again = true;
}

/* Also anew, where nobody read for so long that the kernel took no more: what is old is forgotten. */
static bool serve_pty(struct simulation *m)
{
    struct err e = {0};
    int fd = fcntl(m->master_fd, F_DUPFD_CLOEXEC, 0);

    (void)tcflush(m->slave_fd, TCIFLUSH);
    m->bus = fd < 0 ? NULL : virtual_create(&m->loop, fd, &m->wire, on_master_gone, m, &e);
    if (!m->bus) {
        fprintf(stderr, "twcbridge simulate: %s\n", fd < 0 ? strerror(errno) : e.text);
    }
    return m->bus != NULL;
}

static bool open_pty(struct simulation *m)
{
    struct termios raw;
    char name[128];

    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    if (openpty(&m->master_fd, &m->slave_fd, name, &raw, NULL) != 0) {
        fprintf(stderr, "twcbridge simulate: no pty: %s\n", strerror(errno));
        return false;
    }
    fcntl(m->master_fd, F_SETFD, FD_CLOEXEC);
    fcntl(m->slave_fd, F_SETFD, FD_CLOEXEC);
    fcntl(m->master_fd, F_SETFL, O_NONBLOCK);
    m->linked = serve_pty(m) && make_link(m->o.link, name);
    return m->linked;
}

static void on_connection(uv_poll_t *p, int status, int events)
{
    struct simulation *m = CONTAINER_OF(p, struct simulation, listener);
    int fd = accept4(m->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct err e = {0};

    (void)status;
    (void)events;
    if (fd < 0) {
        return;
    }
    if (m->again || m->bus) {
        virtual_destroy(
                m->bus); /* a new master takes over, as on a gateway that lost the old */
        m->bus = NULL;
        m->again = false;
    }
    m->bus = virtual_create(&m->loop, fd, &m->wire, on_master_gone, m, &e);
    if (!m->bus) {
        fprintf(stderr, "twcbridge simulate: %s\n", e.text);
    }
}

static int listen_tcp(const char *where)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    const char *colon = strrchr(where, ':');
    char host[128];
    int one = 1, fd = -1;

    if (!colon) {
        return -1;
    }
    str_format(host, sizeof(host), "%.*s", (int)(colon - where), where);
    if (getaddrinfo(host[0] != '\0' ? host : NULL, colon + 1, &hints, &list) != 0) {
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0) {
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
            if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 4) != 0) {
                close(fd);
                fd = -1;
            }
        }
    }
    freeaddrinfo(list);
    return fd;
}

/* ---- running ---- */

static void on_idle(void *user)
{
    struct simulation *m = user;
    uint8_t unheard[SIM_OUT_MAX];
    int64_t next_ms;

    if (m->again) {
        virtual_destroy(m->bus);
        m->bus = NULL;
        m->again = m->master_fd >= 0 && !serve_pty(m);
    }
    if (!m->bus) {
        (void)wire_tick(&m->wire, loop_now_ms(), unheard, &next_ms); /* spoken into the air */
    }
    if (m->wire.sim.dangerous != m->dangerous) {
        m->dangerous = m->wire.sim.dangerous;
        fprintf(stderr, "twcbridge simulate: DANGER: %s\n", m->wire.sim.danger);
    }
    oneshot_start(m->idle, 50);
}

bool simulate_command(struct simulation *m, const char *line, struct buf *out)
{
    bool ok = wire_control(&m->wire, line, loop_now_ms(), out);

    simulate_log_control(m, line, buf_text(out));
    if (m->wire.exit) {
        uv_stop(&m->loop);
    }
    return ok;
}

static void on_signal(int signum, void *user)
{
    struct simulation *m = user;

    if (signum != SIGHUP) {
        uv_stop(&m->loop);
    }
}

static bool open_all(struct simulation *m)
{
    struct err e = {0};

    m->idle = oneshot_create(&m->loop, on_idle, m, &e);
    m->signals = signals_create(&m->loop, on_signal, m, &e);
    if (!m->idle || !m->signals) {
        return false;
    }
    if (!simulate_control_open(m) || !simulate_log_open(m) || !simulate_script_open(m)) {
        return false;
    }
    if (m->o.link) {
        return open_pty(m);
    }
    m->listen_fd = listen_tcp(m->o.tcp);
    if (m->listen_fd < 0) {
        fprintf(stderr, "twcbridge simulate: --tcp %s: wants HOST:PORT that is free\n",
                m->o.tcp);
        return false;
    }
    uv_poll_init(&m->loop, &m->listener, m->listen_fd);
    uv_poll_start(&m->listener, UV_READABLE, on_connection);
    return true;
}

static void close_all(struct simulation *m)
{
    virtual_destroy(m->bus);
    oneshot_destroy(m->idle);
    signals_destroy(m->signals);
    simulate_script_close(m);
    simulate_control_close(m);
    simulate_log_close(m);
    if (m->listen_fd >= 0) {
        uv_poll_stop(&m->listener);
        uv_close((uv_handle_t *)&m->listener, NULL);
        close(m->listen_fd);
    }
    if (m->slave_fd >= 0) {
        close(m->slave_fd);
        close(m->master_fd);
    }
    if (m->linked) {
        unlink(m->o.link);
    }
    loop_finish(&m->loop);
}

/* The port that was taken where the line asked for port 0, any free one. */
static void say_tcp(const struct simulation *m)
{
    const char *colon = strrchr(m->o.tcp, ':');
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char port[8] = "";

    if (strcmp(colon, ":0") == 0 &&
            getsockname(m->listen_fd, (struct sockaddr *)&a, &len) == 0) {
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
    }
    printf("%.*s%s\n", (int)(colon - m->o.tcp + 1), m->o.tcp,
            port[0] != '\0' ? port : colon + 1);
}

static void say_ready(const struct simulation *m)
{
    printf("ready: %d charger%s (", m->wire.sim.n, m->wire.sim.n == 1 ? "" : "s");
    for (int i = 0; i < m->wire.sim.n; i++) {
        printf("%s%04x", i > 0 ? " " : "", (unsigned)m->wire.sim.charger[i].id);
    }
    fputs(") on ", stdout);
    if (m->o.link) {
        puts(m->o.link);
    } else {
        say_tcp(m);
    }
    if (m->wire.sim.n > BUS_CHARGERS_MAX) {
        printf("note: a real bus has at most %d\n", BUS_CHARGERS_MAX);
    }
    fflush(stdout);
}

static void make_chargers(struct simulation *m)
{
    const struct simulate_options *o = &m->o;

    m->start_ms = loop_now_ms();
    wire_init(&m->wire,
            &(struct sim_config){
                    .chargers = (int)o->chargers,
                    .protocol = (uint8_t)o->protocol,
                    .plugged = o->plugged,
                    .idle_ma = (int32_t)o->idle_ma,
                    .max_ma = (int32_t)o->max_ma,
                    .volts = (int32_t)o->volts,
                    .phases = (int32_t)o->phases,
                    .first_id = (uint16_t)o->id,
                    .seed = (uint32_t)o->seed,
                    .old_firmware = o->old_firmware,
            },
            m->start_ms);
}

static int run(struct simulation *m)
{
    int code = 0;

    uv_loop_init(&m->loop);
    if (open_all(m)) {
        say_ready(m);
        oneshot_start(m->idle, 50);
        uv_run(&m->loop, UV_RUN_DEFAULT);
    } else {
        code = err_exit_code(ERR_IO);
    }
    close_all(m);
    return code;
}

int verb_simulate(int argc, char **argv)
{
    struct simulate_options o = {
            .protocol = 2, .seed = 1, .max_ma = 32000, .phases = 3, .volts = 230};
    struct simulation *m;
    int code;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return simulate_usage(stdout, 0);
        }
    }
    code = simulate_parse(argc, argv, &o);
    m = code == 0 ? calloc(1, sizeof(*m)) : NULL;
    if (!m) {
        return code != 0 ? code : err_exit_code(ERR_NO_MEMORY);
    }
    m->o = o;
    m->listen_fd = m->control_fd = m->master_fd = m->slave_fd = -1;
    code = simulate_script_load(m);
    if (code == 0) {
        make_chargers(m);
        code = simulate_script_check(m) ? run(m) : 64;
    }
    script_destroy(m->script);
    free(m);
    return code;
}
