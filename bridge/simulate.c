/*
 * simulate - `twcbridge simulate`: virtual chargers on a pty or a TCP port, for any master.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/virtual.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"
#include "bridge/verbs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, CLIENTS_MAX = 16 };

struct options {
    int64_t chargers, protocol, idle_ma, seed, max_ma, phases, volts, id;
    bool plugged, old_firmware;
    const char *link, *tcp, *control;
};

struct simulation;

struct client { /* of the control socket; freed when its handle is closed */
    uv_poll_t poll;
    struct simulation *sim;
    int fd;
    char line[LINE_MAX_BYTES];
    size_t len;
};

struct simulation {
    uv_loop_t loop;
    struct sim sim;
    struct options o;
    struct virtual_bus *bus; /* NULL: nobody is connected */
    struct oneshot *idle;    /* time goes on without a master */
    struct signals *signals;
    uv_poll_t listener, control;
    int listen_fd, control_fd;
    int slave_fd; /* of the pty, kept open so that a reader may come and go */
    bool linked;  /* the symlink is ours */
    bool again;   /* the pty must be served anew */
    struct client *client[CLIENTS_MAX]; /* NULL: free */
    uint32_t dangerous;
    int closing;
};

/* ---- options ---- */

static const struct {
    const char *name, *what;
    size_t offset;
    int64_t min, max, scale;
} numbers[] = {
        {"--chargers", "how many, 1 to 8 (a real bus has at most 3)",
                offsetof(struct options, chargers), 1, SIM_CHARGERS_MAX, 1},
        {"--protocol", "1 or 2 (default 2)", offsetof(struct options, protocol), 1, 2, 1},
        {"--idle-current", "A shown when nothing flows, 0 to 0.99 (default 0)",
                offsetof(struct options, idle_ma), 0, 990, 1000},
        {"--seed", "for ids, signs and timing (default 1)", offsetof(struct options, seed), 0,
                INT32_MAX, 1},
        {"--max-a", "hardware maximum, 6 to 80 (default 32)", offsetof(struct options, max_ma),
                6000, MA_MAX, 1000},
        {"--phases", "of the cars, 1 or 3 (default 3)", offsetof(struct options, phases), 1, 3,
                1},
        {"--volts", "of a phase, 100 to 277 (default 230)", offsetof(struct options, volts),
                100, 277, 1},
};

static int usage(FILE *to, int code)
{
    fputs("usage: twcbridge simulate --chargers N (--link PATH | --tcp HOST:PORT) [options]\n"
          "Virtual Tesla Wall Connectors (slaves, rotary switch F) for any master, at 9600 baud "
          "pace.\n\n"
          "  --link PATH        a pty; PATH becomes a symlink to it\n"
          "  --tcp HOST:PORT    one master at a time, raw bytes\n"
          "  --control SOCKET   a unix socket that takes lines: plug ID, unplug ID,\n"
          "                     car ID key=value..., status; one JSON line back\n"
          "  --plugged          a car is plugged in from the start\n"
          "  --old-firmware     protocol 2 before 4.5.3: no VIN, no plug state\n"
          "  --id HEX           id of the first charger, the others count on\n",
            to);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        fprintf(to, "  %-18s %s\n", numbers[i].name, numbers[i].what);
    }
    return code;
}

static int bad(const char *option, const char *why)
{
    fprintf(stderr, "twcbridge simulate: %s %s\n", option, why);
    return 64;
}

/* 0: taken; else the exit code. */
static int take_number(struct options *o, const char *name, const char *value, bool *mine)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t v = 0;

        if (strcmp(numbers[i].name, name) != 0) {
            continue;
        }
        *mine = true;
        if (!value || !str_scaled(value, strlen(value), numbers[i].scale, &v) ||
                v < numbers[i].min || v > numbers[i].max ||
                (numbers[i].offset == offsetof(struct options, phases) && v == 2)) {
            return bad(name, numbers[i].what);
        }
        memcpy((char *)o + numbers[i].offset, &v, sizeof(v));
        return 0;
    }
    return 0;
}

static int take_id(struct options *o, const char *value)
{
    unsigned v = 0;

    if (!value || strlen(value) != 4 || strspn(value, "0123456789abcdefABCDEF") != 4 ||
            sscanf(value, "%4x", &v) != 1 || v == 0) {
        return bad("--id", "wants 4 hex digits");
    }
    o->id = v;
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    for (int i = 0; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool number = false;
        int code = take_number(o, argv[i], value, &number);

        if (code != 0) {
            return code;
        }
        if (number) {
            i++;
        } else if (strcmp(argv[i], "--plugged") == 0) {
            o->plugged = true;
        } else if (strcmp(argv[i], "--old-firmware") == 0) {
            o->old_firmware = true;
        } else if (strcmp(argv[i], "--id") == 0) {
            code = take_id(o, argv[++i < argc ? i : argc - 1]);
        } else if (strcmp(argv[i], "--link") == 0 && value) {
            o->link = argv[++i];
        } else if (strcmp(argv[i], "--tcp") == 0 && value) {
            o->tcp = argv[++i];
        } else if (strcmp(argv[i], "--control") == 0 && value) {
            o->control = argv[++i];
        } else {
            fprintf(stderr, "twcbridge simulate: %s is not understood\n", argv[i]);
            return usage(stderr, 64);
        }
        if (code != 0) {
            return code;
        }
    }
    if (o->chargers == 0) {
        return bad("--chargers", "is missing: how many, 1 to 8");
    }
    if (o->id + o->chargers > 0x10000) {
        return bad("--id", "leaves no room for that many chargers: ids end at ffff");
    }
    if (!o->link == !o->tcp) {
        return bad("--link or --tcp", "is wanted, one of them");
    }
    return 0;
}

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

static bool open_pty(struct simulation *m)
{
    struct err e = {0};
    struct termios raw;
    char name[128];
    int master;

    memset(&raw, 0, sizeof(raw));
    cfmakeraw(&raw);
    if (openpty(&master, &m->slave_fd, name, &raw, NULL) != 0) {
        fprintf(stderr, "twcbridge simulate: no pty: %s\n", strerror(errno));
        return false;
    }
    fcntl(master, F_SETFD, FD_CLOEXEC);
    fcntl(m->slave_fd, F_SETFD, FD_CLOEXEC);
    fcntl(master, F_SETFL, O_NONBLOCK);
    m->bus = virtual_create(&m->loop, master, &m->sim, NULL, m, &e);
    if (!m->bus) {
        fprintf(stderr, "twcbridge simulate: %s\n", e.text);
        return false;
    }
    m->linked = make_link(m->o.link, name);
    return m->linked;
}

static void on_master_gone(void *user)
{
    struct simulation *m = user;

    m->again = true;
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
    m->bus = virtual_create(&m->loop, fd, &m->sim, on_master_gone, m, &e);
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

/* ---- the control socket ---- */

static void on_client_closed(uv_handle_t *h)
{
    free(CONTAINER_OF((uv_poll_t *)h, struct client, poll));
}

static void close_client(struct client *c)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (c->sim->client[i] == c) {
            c->sim->client[i] = NULL;
        }
    }
    uv_poll_stop(&c->poll);
    close(c->fd);
    uv_close((uv_handle_t *)&c->poll, on_client_closed);
}

static void answer(struct simulation *m, struct client *c, const char *line)
{
    struct buf b;

    buf_init(&b, BUF_CAP_DOCUMENT);
    sim_control(&m->sim, line, loop_now_ms(), &b);
    buf_addc(&b, '\n');
    if (buf_ok(&b) && write(c->fd, b.data, b.len) < 0) {
        c->len = 0;
    }
    buf_finish(&b);
}

static void on_client(uv_poll_t *p, int status, int events)
{
    struct client *c = CONTAINER_OF(p, struct client, poll);
    struct simulation *m = c->sim;
    ssize_t n = read(c->fd, c->line + c->len, sizeof(c->line) - 1 - c->len);
    char *end;

    (void)status;
    (void)events;
    if (n <= 0) {
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close_client(c);
        }
        return;
    }
    c->len += (size_t)n;
    c->line[c->len] = '\0';
    while ((end = strchr(c->line, '\n'))) {
        *end = '\0';
        answer(m, c, c->line);
        c->len -= (size_t)(end + 1 - c->line);
        memmove(c->line, end + 1, c->len + 1);
    }
    if (c->len == sizeof(c->line) - 1) {
        close_client(c); /* a line without an end */
    }
}

static void on_control(uv_poll_t *p, int status, int events)
{
    struct simulation *m = CONTAINER_OF(p, struct simulation, control);
    int fd = accept4(m->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)status;
    (void)events;
    for (int i = 0; fd >= 0 && i < CLIENTS_MAX; i++) {
        struct client *c = m->client[i] ? NULL : calloc(1, sizeof(*c));

        if (c) {
            c->sim = m;
            c->fd = fd;
            m->client[i] = c;
            uv_poll_init(&m->loop, &c->poll, fd);
            uv_poll_start(&c->poll, UV_READABLE, on_client);
            return;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int listen_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (!str_copy(a.sun_path, sizeof(a.sun_path), path) || fd < 0) {
        return -1;
    }
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path);
    }
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- running ---- */

static void on_idle(void *user)
{
    struct simulation *m = user;
    uint8_t unheard[FRAME_WIRE_MAX + 1];
    int64_t next_ms;

    if (m->again) {
        virtual_destroy(m->bus);
        m->bus = NULL;
        m->again = false;
    }
    if (!m->bus) {
        sim_tick(&m->sim, loop_now_ms(), unheard, &next_ms); /* spoken into the air */
    }
    if (m->sim.dangerous != m->dangerous) {
        m->dangerous = m->sim.dangerous;
        fprintf(stderr, "twcbridge simulate: DANGER: %s\n", m->sim.danger);
    }
    oneshot_start(m->idle, 50);
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
    if (m->o.control) {
        m->control_fd = listen_unix(m->o.control);
        if (m->control_fd < 0) {
            fprintf(stderr, "twcbridge simulate: --control %s: %s\n", m->o.control,
                    strerror(errno));
            return false;
        }
        uv_poll_init(&m->loop, &m->control, m->control_fd);
        uv_poll_start(&m->control, UV_READABLE, on_control);
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

static void close_poll(uv_poll_t *p, int fd)
{
    if (fd >= 0) {
        uv_poll_stop(p);
        uv_close((uv_handle_t *)p, NULL);
        close(fd);
    }
}

static void close_all(struct simulation *m)
{
    virtual_destroy(m->bus);
    oneshot_destroy(m->idle);
    signals_destroy(m->signals);
    close_poll(&m->listener, m->listen_fd);
    close_poll(&m->control, m->control_fd);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (m->client[i]) {
            close_client(m->client[i]);
        }
    }
    if (m->slave_fd >= 0) {
        close(m->slave_fd);
    }
    if (m->linked) {
        unlink(m->o.link);
    }
    if (m->o.control && m->control_fd >= 0) {
        unlink(m->o.control);
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
    printf("%.*s%s\n", (int)(colon - m->o.tcp + 1), m->o.tcp, port[0] != '\0' ? port : colon + 1);
}

static void say_ready(const struct simulation *m)
{
    printf("ready: %d charger%s (", m->sim.n, m->sim.n == 1 ? "" : "s");
    for (int i = 0; i < m->sim.n; i++) {
        printf("%s%04x", i > 0 ? " " : "", (unsigned)m->sim.charger[i].id);
    }
    fputs(") on ", stdout);
    if (m->o.link) {
        puts(m->o.link);
    } else {
        say_tcp(m);
    }
    if (m->sim.n > BUS_CHARGERS_MAX) {
        printf("note: a real bus has at most %d\n", BUS_CHARGERS_MAX);
    }
    fflush(stdout);
}

int verb_simulate(int argc, char **argv)
{
    struct options o = {.protocol = 2, .seed = 1, .max_ma = 32000, .phases = 3, .volts = 230};
    struct simulation *m;
    int code;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return usage(stdout, 0);
        }
    }
    code = parse(argc, argv, &o);
    m = code == 0 ? calloc(1, sizeof(*m)) : NULL;
    if (!m) {
        return code != 0 ? code : err_exit_code(ERR_NO_MEMORY);
    }
    m->o = o;
    m->listen_fd = m->control_fd = m->slave_fd = -1;
    sim_init(&m->sim,
            &(struct sim_config){
                    .chargers = (int)o.chargers,
                    .protocol = (uint8_t)o.protocol,
                    .plugged = o.plugged,
                    .idle_ma = (int32_t)o.idle_ma,
                    .max_ma = (int32_t)o.max_ma,
                    .volts = (int32_t)o.volts,
                    .phases = (int32_t)o.phases,
                    .first_id = (uint16_t)o.id,
                    .seed = (uint32_t)o.seed,
                    .old_firmware = o.old_firmware,
            },
            loop_now_ms());
    uv_loop_init(&m->loop);
    if (open_all(m)) {
        say_ready(m);
        oneshot_start(m->idle, 50);
        uv_run(&m->loop, UV_RUN_DEFAULT);
    } else {
        code = err_exit_code(ERR_IO);
    }
    close_all(m);
    free(m);
    return code;
}
