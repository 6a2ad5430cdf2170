/*
 * control_fault - drawing more than offered, not stopping, and the stop by silence.
 *
 * A stop by silence: we transmit nothing to the charger until it has opened its contactor (20 to
 * 30 s) and come back; as often per plug-in as safety.stop_budget says, the last one kept for
 * ceilings and faults.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/control_private.h"

#include <stddef.h>

enum {
    OVER_MA = 1000,         /* above the offer by more than this */
    STOP_AFTER_MS = 10000,  /* told 0 and still drawing for this time */
    SILENT_STOP_MS = 35000, /* longer than a charger waits before it opens its contactor */
    GAP_MS = 10000,         /* a car may take a longer silence of ours for a stop */
};

const char *const charger_fault_names[] = {"ok", "no_answer", "second_master", "duplicate_id",
        "bus_noise", "charger_error", "still_drawing", "draws_too_much", "will_not_restart",
        NULL};

const char *const charger_fault_texts[] = {
        "all is well",
        "it does not answer",
        "another master is on its bus",
        "two chargers have its id",
        "its bus is too noisy",
        "it reports an error",
        "it goes on drawing although nothing may flow",
        "it draws more than it is offered",
        "the car does not start again",
        NULL,
};

bool control_stopped(const struct step *s, int i)
{
    return s->c->c[i].stop_started_ms != 0;
}

static void stop(struct control_state_charger *c, int64_t now_ms)
{
    c->stop_started_ms = now_ms;
    c->stops_used++;
}

/* What it may draw: by what it was told and what is decided. A higher limit that it goes on
 * mirroring is no leave. */
static int32_t may_draw(const struct step *s, int i)
{
    const struct charger_report *r = &s->in->report[i];
    int32_t ma = s->c->c[i].offer_ma;

    if (!r->told_known) {
        ma = s->w[i].b.offer_ma;
    } else if (r->told_ma > ma) {
        ma = r->told_ma;
    }
    return r->protocol != 1 && ma < STUCK_FLOOR_MA ? STUCK_FLOOR_MA : ma;
}

/* Draw above the offer for overdraw_ms. The clock starts anew while a car follows one lowering
 * after the other, and only if it does: an offer that goes up and down stops no clock. */
static void watch_draw(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    int32_t draw_ma = charger_draw_ma(r);

    if (r->link != CHARGER_ONLINE || draw_ma <= may_draw(s, i) + OVER_MA) {
        c->over_since_ms = 0;
        c->overdraw = false;
        return;
    }
    if (c->over_since_ms == 0 ||
            (c->lowered_ms >= c->over_since_ms && draw_ma <= c->over_ma - OVER_MA)) {
        c->over_since_ms = s->now_ms;
        c->over_ma = draw_ma;
    }
    c->overdraw = s->now_ms - c->over_since_ms >= s->config->time.overdraw_ms;
}

/* A car may draw up to 1 A above its offer for good: meters differ. Once it has followed the offer
 * this is learned, and it is forgotten only when the car draws nothing: a figure that falls while it
 * charges would have shares rise and fall for ever. */
static void watch_excess(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    int64_t since_ms = c->raised_ms > c->lowered_ms ? c->raised_ms : c->lowered_ms;
    int32_t above_ma = charger_draw_ma(r) - c->offer_ma;

    if (charger_draw_ma(r) == 0) {
        c->excess_ma = 0;
    } else if (r->link == CHARGER_ONLINE && r->told_known && r->told_ma == c->offer_ma &&
               c->offer_ma > 0 && r->heard_ms > r->told_ms && above_ma > c->excess_ma &&
               above_ma <= OVER_MA && s->now_ms - since_ms >= s->config->time.overdraw_ms) {
        c->excess_ma = above_ma;
    }
}

static bool rows_over(const struct step *s, int i)
{
    for (int k = 0; k < s->rows.use_n[i]; k++) {
        int row = s->rows.use[i][k];
        int64_t sum_ma = 0;

        for (int j = 0; j < s->n; j++) {
            for (int m = 0; m < s->rows.use_n[j]; m++) {
                sum_ma += s->rows.use[j][m] == row ? charger_draw_ma(&s->in->report[j]) : 0;
            }
        }
        if (sum_ma > s->rows.limit_ma[row]) {
            return true;
        }
    }
    return false;
}

/* How many silent stops may be used for what it is told: all for ceilings, "not allowed", two
 * units with one id and a row that carries too much, all but the last one where a request or the
 * default says 0. */
static int32_t stop_budget(const struct step *s, int i)
{
    const struct work *w = &s->w[i];
    int row;
    bool ceiling = s->in->report[i].duplicate || !s->in->allowed[i] || !s->in->site_allowed ||
                   (w->ceiling && w->ceiling->value_ma < w->floor_ma) ||
                   rows_room(&s->rows, s->rows.limit_ma, i, &row) < w->floor_ma ||
                   rows_over(s, i);

    return ceiling                     ? s->config->stop_budget
           : w->asked_ma < w->floor_ma ? s->config->stop_budget - 1
                                       : 0;
}

int32_t control_stops_left(const struct step *s, int i)
{
    int32_t left = s->config->stop_budget - s->c->c[i].stops_used;

    return s->in->report[i].protocol != 2 ? -1 : left > 0 ? left : 0;
}

/* A lost bus, another master or a restart stopped the car as well as a silence of ours would. */
static void watch_gap(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    bool car = r->plugged == TRI_YES || charger_draw_ma(r) > 0;

    if (r->sent_ms > c->sent_ms) {
        c->gap_due = c->gap_due || (c->sent_ms != 0 && r->sent_ms - c->sent_ms > GAP_MS);
        c->sent_ms = r->sent_ms;
    }
    if (c->gap_due && (car || r->plugged == TRI_NO)) { /* after a restart it is asked first */
        c->stops_used += r->protocol == 2 && car;
        c->gap_due = false;
    }
}

/* It draws too much and its row stays over: protocol 1 is told 0 for a minute and left in silence
 * only if it draws on. */
static void stop_overdraw(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];

    if (s->in->report[i].protocol != 1) {
        stop(c, s->now_ms);
    } else if (c->zero_ms == 0) {
        c->zeroed_ms = s->now_ms;
    } else if (s->now_ms - c->zero_ms >= STOP_AFTER_MS) {
        stop(c, s->now_ms);
    }
}

static void watch_stop(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    bool drawing = r->link == CHARGER_ONLINE && charger_draw_ma(r) > 0;

    if (c->zeroed_ms != 0 && s->now_ms - c->zeroed_ms >= s->config->time.rest_ms) {
        c->zeroed_ms = 0;
    }
    if (c->stop_started_ms != 0) {
        if (s->now_ms - c->stop_started_ms >= SILENT_STOP_MS) {
            c->stop_started_ms = 0;
            c->sent_ms = s->now_ms; /* this gap is counted already */
        }
        return;
    }
    c->zero_ms = r->told_known && r->told_ma == 0 ? (c->zero_ms ? c->zero_ms : s->now_ms) : 0;
    if (c->overdraw && rows_over(s, i) &&
            s->now_ms - c->over_since_ms >=
                    s->config->time.overdraw_ms + s->config->time.overdraw_stop_ms) {
        stop_overdraw(s, i); /* whatever the budget */
        return;
    }
    if (r->protocol == 2 && drawing && c->zero_ms != 0 &&
            s->now_ms - c->zero_ms >= STOP_AFTER_MS && s->in->stop_by_silence[i] &&
            c->stops_used < stop_budget(s, i)) {
        stop(c, s->now_ms);
    }
}

void control_watch(struct step *s)
{
    for (int i = 0; i < s->n; i++) {
        watch_gap(s, i);
        watch_draw(s, i);
        watch_excess(s, i);
        watch_stop(s, i);
    }
}

enum charger_fault control_fault(const struct step *s, int i)
{
    const struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];

    if (r->link == CHARGER_FOREIGN) {
        return FAULT_SECOND_MASTER;
    }
    if (r->duplicate) {
        return FAULT_DUPLICATE_ID;
    }
    bool still = r->link == CHARGER_ONLINE && c->zero_ms != 0 &&
                 s->now_ms - c->zero_ms >= STOP_AFTER_MS && charger_draw_ma(r) > 0;

    /* Told 0, protocol 1 may draw nothing and protocol 2 its stuck floor. */
    if ((c->overdraw || c->zeroed_ms != 0) && !(still && r->protocol == 1)) {
        return FAULT_DRAWS_TOO_MUCH;
    }
    if (still) {
        return FAULT_STILL_DRAWING;
    }
    bool given_up = r->link == CHARGER_QUIET && s->c->out[i].transmit && r->heard_ms != 0;

    if (r->link == CHARGER_SILENT || given_up) {
        return FAULT_NO_ANSWER;
    }
    if (r->link == CHARGER_ONLINE && r->state == 2) {
        return FAULT_CHARGER_ERROR;
    }
    return FAULT_OK;
}
