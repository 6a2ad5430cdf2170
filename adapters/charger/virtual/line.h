/*
 * line - what a bad line does to frames and answers: pure, and by its own random numbers.
 *
 * A plan is drawn for each frame when it begins, in one direction; every byte then goes through
 * it. With all rates 0 nothing is drawn and nothing changes. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_LINE_H
#define ADAPTERS_CHARGER_VIRTUAL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum line_side { LINE_TO_CHARGERS, LINE_TO_MASTER, LINE_SIDES };

enum line_fault {
    LINE_NOISE,     /* a byte of nobody on the idle line */
    LINE_FLIP,      /* one bit of a frame */
    LINE_LOST_BYTE, /* one byte of a frame */
    LINE_COLLISION, /* from some byte on somebody else talks too */
    LINE_MISSING,   /* the whole frame */
    LINE_LATE,      /* the frame comes later; to the master alone */
    LINE_ECHO,      /* the master hears itself */
    LINE_FAULTS
};
extern const char *const line_fault_names[LINE_FAULTS + 1];

enum {
    LINE_NOISE_MAX = 200,     /* bytes a second */
    LINE_LATE_MAX_MS = 60000, /* of an answer */
    LINE_ECHO_MAX_MS = 1000,
    LINE_FRAME_MIN = 15, /* bytes that every frame has on the wire: faults hit one of these */
};

struct line_config {
    int32_t noise;                                  /* bytes a second, 0..200 */
    int32_t flips, lost, collisions, missing, late; /* per mille of frames, 0..1000 */
    int32_t late_ms, echo_ms;
    bool echo;
    bool spares
            [LINE_SIDES]; /* flips, lost, collisions and missing leave this direction alone */
};

/* What happens to one frame. All zero: nothing. */
struct line_plan {
    uint32_t hits; /* 1 << enum line_fault */
    uint8_t flip_at, flip_bit, lost_at, hit_at;
    uint32_t other; /* what the other talker says */
};

struct line {
    struct line_config config;
    uint32_t random;
    int64_t noise_ms;            /* next byte; 0: not drawn yet */
    uint32_t count[LINE_FAULTS]; /* since the start */
};

void line_init(struct line *l, uint32_t seed);

/* For a frame that begins now. Counts what it draws. */
struct line_plan line_plan(struct line *l, enum line_side side);

/* Byte number `at` of the frame as it arrives; false: it does not. */
bool line_byte(const struct line_plan *p, size_t at, uint8_t *byte);

/* A whole frame in place; returns what is left of it. */
size_t line_frame(const struct line_plan *p, uint8_t *frame, size_t n);

/* The line is idle: true when a byte of noise is due. *next_ms is lowered to the next one. */
bool line_noise(struct line *l, int64_t now_ms, uint8_t *byte, int64_t *next_ms);

static inline bool line_hit(const struct line_plan *p, enum line_fault f)
{
    return (p->hits >> f & 1) != 0;
}

#endif
