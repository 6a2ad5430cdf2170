/*
 * process - programs that a test starts and ends by pid, and free ports on the loopback.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Starts a program with its output in a file ("/dev/null" for none); it dies with the test. */
static inline pid_t process_start(const char *const argv[], const char *in, const char *out)
{
    pid_t pid = fork();

    if (pid == 0) {
        int i = open(in ? in : "/dev/null", O_RDONLY);
        int o = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
        union {
            const char *const *in;
            char *const *out;
        } args = {.in = argv};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(i, 0);
        dup2(o, 1);
        dup2(o, 2);
        execvp(argv[0], args.out);
        _exit(127);
    }
    return pid;
}

/* The exit status, or 128 + signal. */
static inline int process_wait(pid_t pid)
{
    int status = 0;

    if (waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline void process_kill(pid_t *pid, int signum)
{
    if (*pid > 0) {
        kill(*pid, signum);
        process_wait(*pid);
        *pid = 0;
    }
}

static inline int process_run(const char *const argv[], const char *in, const char *out)
{
    return process_wait(process_start(argv, in, out));
}

/* A port that is free now; good enough on a quiet loopback. */
static inline int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, port = 0;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0 &&
            getsockname(fd, (struct sockaddr *)(void *)&a, &n) == 0) {
        port = ntohs(a.sin_port);
    }
    close(fd);
    return port;
}

/* Waits until somebody listens there. */
static inline bool port_answers(int port, int max_ms)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (int ms = 0; ms < max_ms; ms += 10) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok = connect(fd, (struct sockaddr *)(void *)&a, sizeof(a)) == 0;
        struct timespec pause = {.tv_nsec = 10 * 1000000};

        close(fd);
        if (ok) {
            return true;
        }
        nanosleep(&pause, NULL);
    }
    return false;
}

#endif
