/*
 * broker - a real mosquitto for a test, in a folder of its own, on the loopback.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_BROKER_H
#define TESTS_SUPPORT_BROKER_H

#include "tests/support/process.h"

struct broker_rig {
    char dir[TEST_DIR_ROOM];
    int port;
    pid_t pid;
};

static inline void broker_path(
        const struct broker_rig *b, char *dst, size_t room, const char *name)
{
    snprintf(dst, room, "%s/%s", b->dir, name);
}

static inline bool broker_init(struct broker_rig *b)
{
    memset(b, 0, sizeof(*b));
    b->port = free_port();
    return test_dir(b->dir) && b->port > 0;
}

static inline bool broker_start_nowait(struct broker_rig *b, const char *more)
{
    char conf[128], log[128], text[2048];
    const char *const argv[] = {"/usr/sbin/mosquitto", "-v", "-c", conf, NULL};
    FILE *f;

    broker_path(b, conf, sizeof(conf), "broker.conf");
    broker_path(b, log, sizeof(log), "broker.log");
    snprintf(text, sizeof(text), "persistence false\nuser root\nlistener %d 127.0.0.1\n%s\n",
            b->port, more ? more : "allow_anonymous true");
    f = fopen(conf, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        return false;
    }
    b->pid = process_start(argv, NULL, log);
    return b->pid > 0;
}

/* more: lines of configuration; NULL: anybody may do anything. */
static inline bool broker_start(struct broker_rig *b, const char *more)
{
    return broker_start_nowait(b, more) && port_answers(b->port, 5000);
}

static inline void broker_kill(struct broker_rig *b)
{
    process_kill(&b->pid, SIGKILL);
}

static inline void broker_finish(struct broker_rig *b)
{
    broker_kill(b);
    test_dir_remove(b->dir);
}

#endif
