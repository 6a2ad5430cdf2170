/*
 * simulate - what the parts of `twcbridge simulate` share. SPDX-License-Identifier: MIT
 */
#ifndef SIMULATE_H
#define SIMULATE_H

#include "adapters/charger/virtual/script.h"
#include "adapters/charger/virtual/virtual.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"

#include <stdio.h>

enum { SIMULATE_CLIENTS_MAX = 16 };

struct simulate_options {
    int64_t chargers, protocol, idle_ma, seed, max_ma, phases, volts, id;
    bool plugged, old_firmware, seeded;
    const char *link, *tcp, *control, *script, *log; /* borrowed from argv; NULL: not wanted */
};

struct simulate_client;

struct simulation {
    uv_loop_t loop;
    struct wire wire;
    struct simulate_options o;
    struct virtual_bus *bus; /* NULL: nobody is connected */
    struct oneshot *idle;    /* time goes on without a master */
    struct signals *signals;
    uv_poll_t listener, control;
    int listen_fd, control_fd;
    int master_fd; /* of the pty; the bus has a duplicate of it */
    int slave_fd;  /* of the pty, kept open so that a reader may come and go */
    bool linked;  /* the symlink is ours */
    bool again;   /* the pty must be served anew */
    struct simulate_client *client[SIMULATE_CLIENTS_MAX]; /* NULL: free */
    uint32_t dangerous;
    int64_t start_ms;      /* time 0 of the log */
    struct script *script; /* NULL: none */
    struct oneshot *clock; /* the next line of the script */
    int64_t script_ms;     /* time 0 of the script; 0: it waits for a master */
    FILE *log;             /* NULL: none */
};

/* simulate_options.c: 0, or the exit code after a sentence on standard error. */
int simulate_usage(FILE *to, int code);
int simulate_parse(int argc, char **argv, struct simulate_options *o) MUST_CHECK;

/* simulate_control.c: the unix socket. */
bool simulate_control_open(struct simulation *m) MUST_CHECK;
void simulate_control_close(struct simulation *m);

/* simulate_script.c: --script. The file is read before the chargers are made, for its seed. */
int simulate_script_load(struct simulation *m) MUST_CHECK; /* 0, or the exit code */
bool simulate_script_check(struct simulation *m) MUST_CHECK;
bool simulate_script_open(struct simulation *m) MUST_CHECK;
void simulate_script_close(struct simulation *m);

/* simulate_log.c: --log. */
bool simulate_log_open(struct simulation *m) MUST_CHECK;
void simulate_log_close(struct simulation *m);
void simulate_log_control(struct simulation *m, const char *line, const char *answer);

/* Runs a control line, logs it; the answer without a newline goes to out. */
bool simulate_command(struct simulation *m, const char *line, struct buf *out);

#endif
