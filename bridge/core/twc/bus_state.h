/*
 * bus_state - what a bus keeps between two calls. Included by bus.h alone; members are private
 * to bus*.c. SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_BUS_STATE_H
#define CORE_TWC_BUS_STATE_H

#include "bridge/core/charger.h"
#include "bridge/core/twc/bus.h" /* which includes this below its own types */
#include "bridge/core/twc/frame.h"
#include "bridge/core/twc/message.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    BUS_CANDIDATES = 4,
    BUS_SUSPECTS = 4,
    BUS_SENT_KEPT = 6,
    BUS_SHARE_SLICES = 10,
    BUS_DUE_KEPT = 8,
};

/* What can be asked of a charger. */
enum bus_query {
    QUERY_PLUG,
    QUERY_POWER,
    QUERY_VIN, /* three parts, one after the other */
    QUERY_SERIAL,
    QUERY_FIRMWARE,
    QUERY_OLD_SERIAL,
    QUERY_OLD_FIRMWARE,
    QUERY_COUNT
};

struct bus_ask {
    int64_t due_ms;
    uint8_t misses; /* in a row */
    bool ever;      /* was answered once */
};

/* What a linkready says about the unit behind an id. */
struct bus_identity {
    uint8_t sign;
    int32_t hw_max_ma;
};

/* Why a heartbeat could not go out when it was due. */
enum bus_cause {
    CAUSE_NONE,
    CAUSE_BUSY, /* waiting for another answer */
    CAUSE_LINE, /* noise, or a frame of somebody */
    CAUSE_SLOW, /* bus_tick came a little late */
    CAUSE_PORT,
    CAUSE_WRITE,
    CAUSE_NO_STEP,
    CAUSE_FOREIGN,
    CAUSE_NOT_ADMITTED,
    CAUSE_LISTENING,
    CAUSE_HELD_UP, /* bus_tick came late */
    CAUSE_QUIET,   /* it did not answer for long */
    CAUSE_RESTART, /* this process had not begun yet */
    CAUSE_COUNT
};

/* A reading that is not believed until the next one agrees. */
struct bus_doubt {
    bool set;
    uint8_t state;
    int32_t max_ma, draw_ma;
};

/* Requests of one kind whose answer may still come. */
struct bus_twin_due {
    int64_t end_ms[BUS_DUE_KEPT]; /* of their frames, oldest first */
    uint8_t n;
    bool answered; /* one was */
};

/* Evidence of one kind, counted within a window. */
struct bus_twin_count {
    uint8_t n;
    int64_t since_ms;
};

/* Whether two units answer to one id: bus_twin.c. */
struct bus_twin {
    struct bus_twin_due heartbeat, query[QUERY_COUNT];
    struct bus_twin_count extra, fall, swing;
    uint8_t state; /* of the last answer */
    int32_t max_ma, draw_ma;
    uint32_t print[QUERY_COUNT]; /* of the last answer to each query */
    uint32_t counter;
    int32_t told_ma, level_ma, other_ma; /* the draw, and where it jumped from */
    bool counter_known, level_known;
    int32_t held_draw_ma; /* the larger of both */
    int64_t held_ms;
    int64_t trace_ms; /* last sign of a second unit */
    uint16_t clean;   /* answers since then */
};

struct bus_slot {
    bool used;
    bool tentative; /* adopted by a heartbeat addressed to us; no linkready, no answer yet */
    bool admitted;  /* control lets us transmit to it */
    uint16_t id;
    const struct offer *offer;
    struct charger_report report;

    /* rhythm */
    int64_t start_ms, end_ms; /* of the last heartbeat's frame */
    bool kick;                /* send as soon as the 400 ms allow */
    bool warm_first;          /* the next message is the first of a warm start */
    bool last_due;            /* SIGTERM round */
    uint8_t fast_tries;       /* repetitions of amps that were not mirrored */
    enum bus_cause cause;
    int64_t sent_before_ms; /* last heartbeat of an earlier process; BUS_NEVER: not known */
    int32_t gap_ms;         /* to be told; 0: nothing */
    enum bus_cause gap_cause;

    /* answers */
    int64_t base_ms;    /* silence counts from here */
    uint8_t unanswered; /* heartbeats since base_ms */
    bool awaited;       /* the last heartbeat has no answer yet */
    bool older_awaited; /* nor had the one before when it was sent: its answer comes first */
    bool online, silent, quiet;
    bool mirror_valid; /* mirror_ma is of this boot and this link */
    bool error_seen;   /* one answer said error: the second makes it true */
    int64_t reboot_ms;
    uint8_t protocol_seen; /* differs from report.protocol: believed when seen twice */
    struct bus_doubt doubt;
    int64_t slice; /* number of the current slice of answer_share */
    uint16_t asked[BUS_SHARE_SLICES], got[BUS_SHARE_SLICES];

    /* linkreadys */
    bool identity_known, before_known;
    struct bus_identity identity, before;
    int64_t identity_ms, before_ms; /* last heard */
    int64_t loop_first_ms, loop_last_ms;

    /* queries */
    struct bus_ask ask[QUERY_COUNT];
    uint8_t plug_code; /* last FD B4; 0xFF: none */
    int64_t drew_ms;   /* last draw of 1 A or more */
    bool drawing;
    char vin[CHARGER_VIN_ROOM]; /* parts so far */
    uint8_t vin_part;           /* 0..2: next part */
    uint8_t vin_tries;          /* per plug-in */
    uint8_t vin_zeros;          /* all-zero first parts in a row */
    bool vin_wanted;
    int32_t energy_hits; /* agreeing first readings */
    int64_t energy_first_wh;

    struct bus_twin twin;
};

struct bus_candidate {
    uint16_t id; /* 0: free */
    bool ready;  /* may be adopted when the listening ends */
    bool tentative;
    uint8_t protocol;
    struct bus_identity identity, before; /* before: another one that was heard earlier */
    int64_t seen_ms, before_ms;
    bool before_known;
    bool twins; /* A, B, A: two units */
};

struct bus_suspect {
    bool set;
    uint16_t id;
    int64_t seen_ms;
};

/* A frame of ours whose echo may come. */
struct bus_sent {
    bool pending;
    struct frame frame;
    int64_t end_ms;
};

/* The one message in flight. */
struct bus_flight {
    bool on;
    bool heartbeat;
    enum bus_query query;
    int slot;
    int64_t end_ms, deadline_ms;
};

/* A query whose answer did not come in time, but may come late. */
struct bus_overdue {
    bool on;
    enum bus_query query;
    int slot;
    int64_t until_ms;
};

struct bus {
    struct bus_config config;
    bus_event_fn *fn;
    void *user;
    struct bus_slot slot[BUS_CHARGERS_MAX];
    int slot_count;
    struct bus_candidate candidate[BUS_CANDIDATES];
    uint16_t full_id;
    int64_t full_ms;
    int64_t our_id_ms; /* last BUS_EV_OUR_ID */

    int64_t now_ms;      /* of the last call */
    int64_t promised_ms; /* next_ms of the last tick */
    bool up, opened;     /* opened: was up once */
    int64_t listen_until_ms;
    bool stopping;

    struct frame_decoder decoder;
    int64_t rx_ms;     /* last byte */
    int64_t tx_end_ms; /* end of our last frame */
    int64_t hold_ms;   /* a heartbeat waits for an idle line since then */
    int64_t retry_ms;  /* after a failed write */
    struct bus_flight flight;
    struct bus_overdue overdue;
    bool bunch;           /* a heartbeat's exchange just ended: another may follow early */
    int64_t bunch_ms;     /* when the first heartbeat of this bunch started */
    int64_t query_ms;     /* last query */
    int64_t heartbeat_ms; /* last heartbeat sent, for the watchdog */
    bool latency_known;
    int32_t latency8, jitter8; /* of answers, in 1/8 ms */

    struct bus_sent sent[BUS_SENT_KEPT];
    int sent_next;
    bool echo;       /* the port echoes */
    uint8_t no_echo; /* answers in a row without an echo before them */

    struct bus_suspect suspect[BUS_SUSPECTS];
    bool foreign;
    uint16_t foreign_id;
    int64_t foreign_ms; /* last frame of it */

    int64_t twin_from_ms; /* before this, second answers prove nothing */
    uint16_t twins_id;    /* two units announce it and are not adopted; 0: none */
    int64_t twins_ms;     /* last evidence */

    struct bus_slot undo; /* of undo_slot before the last tick's frame */
    int undo_slot;        /* -1: nothing to undo, or a query */
    struct bus_counters counters;
};

#endif
