/*
 * simulate_control - the control socket of `twcbridge simulate`. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

struct simulate_client { /* of the control socket; freed when its handle is closed */
    uv_poll_t poll;
    struct simulation *sim;
    int fd;
    char line[LINE_MAX_BYTES];
    size_t len;
};

static void on_client_closed(uv_handle_t *h)
{
    free(CONTAINER_OF((uv_poll_t *)h, struct simulate_client, poll));
}

static void close_client(struct simulate_client *c)
{
    for (int i = 0; i < SIMULATE_CLIENTS_MAX; i++) {
        if (c->sim->client[i] == c) {
            c->sim->client[i] = NULL;
        }
    }
    uv_poll_stop(&c->poll);
    close(c->fd);
    uv_close((uv_handle_t *)&c->poll, on_client_closed);
}

/* False: whoever asked is gone, or does not read. */
static bool answer(struct simulation *m, const struct simulate_client *c, const char *line)
{
    struct buf b;
    bool sent;

    buf_init(&b, BUF_CAP_DOCUMENT);
    simulate_command(m, line, &b);
    buf_addc(&b, '\n');
    sent = buf_ok(&b) &&
           send(c->fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)b.len;
    buf_finish(&b);
    return sent;
}

static void on_client(uv_poll_t *p, int status, int events)
{
    struct simulate_client *c = CONTAINER_OF(p, struct simulate_client, poll);
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
        if (!answer(m, c, c->line)) {
            close_client(c);
            return;
        }
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
    for (int i = 0; fd >= 0 && i < SIMULATE_CLIENTS_MAX; i++) {
        struct simulate_client *c = m->client[i] ? NULL : calloc(1, sizeof(*c));

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

bool simulate_control_open(struct simulation *m)
{
    if (!m->o.control) {
        return true;
    }
    m->control_fd = listen_unix(m->o.control);
    if (m->control_fd < 0) {
        fprintf(stderr, "twcbridge simulate: --control %s: %s\n", m->o.control,
                strerror(errno));
        return false;
    }
    uv_poll_init(&m->loop, &m->control, m->control_fd);
    uv_poll_start(&m->control, UV_READABLE, on_control);
    return true;
}

void simulate_control_close(struct simulation *m)
{
    for (int i = 0; i < SIMULATE_CLIENTS_MAX; i++) {
        if (m->client[i]) {
            close_client(m->client[i]);
        }
    }
    if (m->control_fd >= 0) {
        uv_poll_stop(&m->control);
        uv_close((uv_handle_t *)&m->control, NULL);
        close(m->control_fd);
        unlink(m->o.control);
    }
}
