/*
 * bus - the master of one Gen 2 bus: who is on it, whose turn it is, what goes on the wire next.
 *
 * Pure: bytes and times in, bytes and times out. The shell (adapters/charger/twc_gen2.c) owns the
 * port: it passes what was read to bus_rx, calls bus_tick at next_ms and after each bus_rx and
 * after each control step, and writes what bus_tick gives. What is on the wire at each moment:
 * safety page 3 to 5; facts of the protocol: docs/protocol.md. SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_BUS_H
#define CORE_TWC_BUS_H

#include "bridge/core/charger.h"
#include "bridge/core/envelope.h"
#include "bridge/core/twc/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bus; /* bus_state.h */

enum { BUS_KNOWN_MAX = 8 };

/* A charger known before the bus opens. */
struct bus_known {
    uint16_t id;
    bool configured;  /* from the settings, or an old store: adopted when heard once */
    bool stored;      /* from a fresh store: warm start */
    uint8_t protocol; /* 0: not known */
    uint8_t sign;
    int32_t hw_max_ma; /* 0: not known */
    int32_t told_ma;   /* -1: not known */
    int64_t sent_ms;   /* its last heartbeat of an earlier process, on our clock; 0: not known */
};

struct bus_config {
    uint16_t id;  /* ours; the next one where a charger has it, or where it is 0 or 7777 */
    uint8_t sign; /* 77 */
    bool gateway; /* TCP: late bytes (echo up to 1 s, partial frames 2 s, slow answers) */
    bool query;   /* ask for VIN, energy, serial... (true; tests switch it off) */
    int32_t warm_listen_ms, cold_listen_ms, idle_wait_ms, stamp_max_ms;
    int32_t foreign_window_ms, foreign_clear_ms, silent_ms, silent_stop_ms;
    int known_count;
    struct bus_known known[BUS_KNOWN_MAX];
};

enum bus_event_kind {
    BUS_EV_ADOPTED,        /* slot is in use now */
    BUS_EV_ONLINE,         /* first answer, or answers again */
    BUS_EV_SILENT,         /* no answer for 10 s */
    BUS_EV_QUIET,          /* 10 min: we fell silent */
    BUS_EV_REBOOTED,       /* known id, new sign */
    BUS_EV_REPORT,         /* the slot's report changed (any reading) */
    BUS_EV_VIN,            /* VIN read, or became none */
    BUS_EV_FULL,           /* a fourth id: not adopted (id) */
    BUS_EV_OUR_ID,         /* it has our id, and we spoke already: not adopted (id) */
    BUS_EV_DUPLICATE,      /* two chargers with the same id; slot -1: neither is adopted */
    BUS_EV_DUPLICATE_GONE, /* one of them is gone for sure, or a person says so */
    BUS_EV_FOREIGN,        /* second master: we are silent (id = its id) */
    BUS_EV_FOREIGN_GONE,   /* 120 s without it: we go on with a warm start */
    BUS_EV_GAP,            /* an interval above 1.2 s is over: gap_ms, cause in text */
    BUS_EV_LINKREADY_LOOP, /* linkready for 60 s although we answer */
};

struct bus_event {
    enum bus_event_kind kind;
    int slot; /* -1: none */
    uint16_t id;
    int32_t gap_ms;
    bool not_linked;  /* of a gap: control let us say nothing, and knows why */
    const char *text; /* static; NULL: none */
};

typedef void bus_event_fn(void *user, const struct bus_event *ev);

struct bus_counters {
    uint32_t frames_in, frames_out, bad_frames, noise_bytes, echo_frames, late_answers;
};

/* The struct is visible so that it can be embedded; its members are private to bus*.c. */
#include "bridge/core/twc/bus_state.h"

/* The numbers of the safety page. Values in a config are taken literally, 0 too. */
void bus_config_defaults(struct bus_config *c);

/* Stored chargers have their slots from here on; BUS_EV_ADOPTED for them comes when the port
 * opens for the first time. Configured ones get a slot when they are heard. A charger adopted
 * by a heartbeat alone that never answered can lose its slot to one that is really there:
 * BUS_EV_ADOPTED then names a slot that was in use, and its offer must be set anew. */
void bus_init(struct bus *b, const struct bus_config *c, bus_event_fn *fn, void *user);

/* The port is open: starts the listening of a cold or warm start. */
void bus_port_up(struct bus *b, int64_t now_ms);
void bus_port_down(struct bus *b, int64_t now_ms);

void bus_rx(struct bus *b, const uint8_t *p, size_t n, int64_t now_ms);

/* Returns the number of bytes to write now (0: none) and when to call again at the latest. The
 * caller writes them at once; bus computes the end of the frame on the wire. One frame at most
 * per call. */
size_t bus_tick(
        struct bus *b, int64_t now_ms, uint8_t out[static FRAME_WIRE_MAX], int64_t *next_ms);

/* What bus_tick gave was written by now_ms. Between the two the process may have been stopped: the
 * frame's end, from which the 400 ms and the wait for the answer count, moves along. */
void bus_written(struct bus *b, int64_t now_ms);

/* The caller could not write what bus_tick gave (nothing reached the wire). */
void bus_write_failed(struct bus *b);

/* Slots 0..BUS_CHARGERS_MAX-1; a slot in use has an id. */
int bus_slots(const struct bus *b); /* how many are in use; slots never move */
uint16_t bus_slot_id(const struct bus *b, int slot);
const struct charger_report *bus_report(const struct bus *b, int slot);

/* What to tell a charger. offer is borrowed and must live as long as the bus (control's state);
 * control rewrites it in place. transmit false: nothing is sent to it any more. */
void bus_set_offer(struct bus *b, int slot, const struct offer *offer, bool transmit);

/* Another round of VIN queries (a car came). */
void bus_ask_vin(struct bus *b, int slot);

/* SIGTERM: each charger gets one more heartbeat with its offer (the caller lowered the offers
 * before), then bus_tick gives nothing more. */
void bus_last_round(struct bus *b, int64_t now_ms);
bool bus_last_round_done(const struct bus *b);

/* A person says that what was wrong is mended: a second master, two units with one id. */
void bus_resume(struct bus *b, int64_t now_ms);

/* Silent because of a second master. */
bool bus_foreign(const struct bus *b);

/* Two units with one id were found, adopted or not. */
bool bus_duplicate(const struct bus *b);

/* For the watchdog: time of the last heartbeat sent, and a stated reason when there is none. */
int64_t bus_last_sent_ms(const struct bus *b);
const char *bus_quiet_reason(
        const struct bus *b, int64_t now_ms); /* NULL: it should be sending */

struct bus_counters bus_counters(const struct bus *b);

#endif
