/*
 * control_private - what the files control*.c share. Nobody else includes it.
 * SPDX-License-Identifier: MIT
 */
#ifndef CORE_CONTROL_PRIVATE_H
#define CORE_CONTROL_PRIVATE_H

#include "bridge/core/allot.h"
#include "bridge/core/booking.h"

/* One step's working figures of a charger. */
struct work {
    struct booking b;
    int32_t cap_ma, floor_ma;
    int32_t reach_ma;    /* most that it could draw: hardware and circuits alone */
    bool spoken_to;      /* we transmit to it, or may begin to */
    bool hardware_known;
    const struct lease *winner;  /* NULL: nobody asks */
    const struct lease *ceiling; /* on the charger itself; NULL: none */
    int32_t asked_ma;            /* what the request or default says, before any limit */
    int32_t want_ma;             /* after its own limits: 0, or floor..cap */
    enum limited_by own_limit;   /* why want is below asked; LIMITED_NOTHING: it is not */
    bool admitted, may_raise;
    const char *no_raise;        /* why not, in words */
    int32_t target_ma, offer_ma;
    int row;                     /* what held it below its want; ROW_NONE */
    bool linking;                /* its first message needs amps that are free on its rows */
    int32_t first_ma;            /* what a car may take at that message, whatever we offer */
    bool waits;                  /* the raise waits for amps that others still draw */
};

struct step {
    struct control *c;
    const struct control_in *in;
    const struct control_config *config;
    int64_t now_ms;
    int n;
    struct rows rows;
    struct work w[CHARGERS_MAX];
    int order[CHARGERS_MAX]; /* served first to last */
};

/* control_want.c */
void control_book(struct step *s);
void control_wants(struct step *s);
void control_order(struct step *s);

/* True where our messages reach nobody: what it was offered stays as it is until it is back. */
bool control_away(const struct step *s, int i);

/* control_fault.c: overdraw, silent stops, faults */
void control_watch(struct step *s);
enum charger_fault control_fault(const struct step *s, int i);
int32_t control_stops_left(const struct step *s, int i); /* -1: it stops at 0 A */
bool control_stopped(const struct step *s, int i); /* a silent stop is under way */

/* control_words.c */
void control_words(const struct step *s, int i, struct control_out *o);

#endif
