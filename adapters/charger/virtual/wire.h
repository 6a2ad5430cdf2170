/*
 * wire - the bus between a master and the virtual chargers, with everything that goes wrong on
 * it: pure, bytes and times in and out.
 *
 * master -> tap (log) -> faults -> sim -> faults, delay -> master; echo, a second master and
 * noise join on the way. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_WIRE_H
#define ADAPTERS_CHARGER_VIRTUAL_WIRE_H

#include "adapters/charger/virtual/line.h"
#include "adapters/charger/virtual/rival.h"
#include "adapters/charger/virtual/sim.h"

enum { WIRE_LATE_MAX = 8, WIRE_ECHO_MAX = 16, WIRE_CHUNK_MAX = 64 };

enum wire_kind {
    WIRE_HEARD,  /* a frame of the master, as it sent it */
    WIRE_BROKEN, /* bytes of the master that are no frame; word says why */
    WIRE_SAID,   /* a frame of a charger, as it sent it */
    WIRE_RIVAL,  /* a frame of the second master */
    WIRE_FAULT,  /* word: which; side: which way; p: what arrived instead */
    WIRE_KINDS
};

struct wire_event {
    enum wire_kind kind;
    int64_t ms; /* the first byte */
    const char *word;
    enum line_side side;
    const uint8_t *p; /* bytes on the wire, borrowed */
    size_t n;
};

typedef void wire_log_fn(void *user, const struct wire_event *e);

struct wire_chunk {
    int64_t due_ms;
    size_t n;
    uint8_t p[SIM_OUT_MAX];
};

struct wire_tap { /* the frame that the master is sending */
    uint8_t sent[WIRE_CHUNK_MAX], arrived[WIRE_CHUNK_MAX];
    size_t n, came;
    int64_t start_ms, last_ms;
    struct line_plan plan;
};

struct wire {
    struct sim sim;
    struct line line;
    struct rival rival;
    struct wire_tap tap;
    struct wire_chunk late[WIRE_LATE_MAX]; /* answers that come later */
    struct wire_chunk echo[WIRE_ECHO_MAX]; /* what the master said, in order */
    int lates, echoes;
    int64_t rival_end_ms; /* the second master talks until then */
    bool exit;            /* the control line "exit" came */
    wire_log_fn *log;     /* may be NULL */
    void *user;
};

void wire_init(struct wire *w, const struct sim_config *c, int64_t now_ms);

/* Bytes from the master. */
void wire_rx(struct wire *w, const uint8_t *p, size_t n, int64_t now_ms);

/* Lets time pass; what the master hears now is written to out, its length returned. *next_ms:
 * when to call again. */
size_t wire_tick(
        struct wire *w, int64_t now_ms, uint8_t out[static SIM_OUT_MAX], int64_t *next_ms);

/* One control line ("plug 1a2b", "fault flips=10", "status"); one JSON line without newline is
 * appended to out. False: nothing was changed, and out says why. */
bool wire_control(struct wire *w, const char *line, int64_t now_ms, struct buf *out);

/* What control lines there are, for help texts: rows up to one with name NULL. */
struct wire_help {
    const char *name, *args, *what;
};
extern const struct wire_help wire_commands[];

#endif
