/*
 * control - the step itself: bookings, wants, rows, the raise gate, the envelope, decisions.
 *
 * This is the only file that makes offers. SPDX-License-Identifier: MIT
 */
#include "bridge/core/control.h"

#include "bridge/base/str.h"
#include "bridge/core/control_private.h"

#include <string.h>

enum { STEP_MS = 1000, OVER_MS = 1000 };

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

void control_init(struct control *c)
{
    memset(c, 0, sizeof(*c));
    for (int i = 0; i < CHARGERS_MAX; i++) {
        c->c[i].stored_ma = -1;
    }
}

/* We would speak to it, but the bus gave it up: it has not answered for minutes. */
static bool gave_up(const struct step *s, int i)
{
    return s->in->report[i].link == CHARGER_QUIET && s->c->out[i].transmit;
}

/* Those that are admitted come first within the order, then those that wait, then those that are
 * not there any more: at the earliest after a turn, so that two of them do not chase each other. */
static int pass_of(const struct step *s, int i)
{
    const struct control_state_charger *c = &s->c->c[i];

    if (gave_up(s, i) && s->w[i].b.booked_ma == 0 &&
            s->now_ms - c->admitted_ms >= s->config->time.rotate_ms) {
        return 2;
    }
    return c->admitted ? 0 : 1;
}

/* A unit that cannot be held below 6 A is linked only where its 6 A fit; the settings' limits
 * count, since a ceiling that comes and goes must not cut the link. */
static void admit(struct step *s)
{
    int32_t left_ma[ROWS_MAX];

    memcpy(left_ma, s->rows.settings_ma, sizeof(left_ma));
    for (int pass = 0; pass < 3; pass++) {
        for (int k = 0; k < s->n; k++) {
            int i = s->order[k];
            const struct charger_report *r = &s->in->report[i];
            bool stuck =
                    s->config->charger[i].present && r->protocol != 1 && r->plugged != TRI_NO;
            int row;

            if (pass_of(s, i) != pass) {
                continue;
            }
            bool fits = !stuck || rows_room(&s->rows, left_ma, i, &row) >= STUCK_FLOOR_MA;

            s->w[i].admitted = fits;
            if (!fits || !stuck) {
                continue;
            }
            for (int x = 0; x < s->rows.use_n[i]; x++) {
                int32_t *left = &left_ma[s->rows.use[i][x]];

                *left -= *left == INT32_MAX ? 0 : STUCK_FLOOR_MA;
            }
        }
    }
    for (int i = 0; i < s->n; i++) {
        if (s->w[i].admitted && !s->c->c[i].admitted) {
            s->c->c[i].admitted_ms = s->now_ms;
        }
        s->c->c[i].admitted = s->w[i].admitted;
        if (!s->w[i].admitted) {
            s->w[i].want_ma = 0;
        }
    }
}

/* Admitted, but our first message is still to come: it may make a car take 6 A at once. After a
 * warm start it is only asked to go on, unless the others could take its amps meanwhile. */
static void link_up(struct step *s)
{
    for (int i = 0; i < s->n; i++) {
        const struct charger_report *r = &s->in->report[i];
        struct work *w = &s->w[i];
        bool lapsed = s->c->c[i].lapsed && r->link != CHARGER_BUS_DOWN;
        bool begins = (r->link == CHARGER_UNHEARD && r->warm_ms == 0) ||
                      (r->link == CHARGER_QUIET && !gave_up(s, i));

        w->first_ma = r->protocol != 1 && r->plugged != TRI_NO ? STUCK_FLOOR_MA : 0;
        w->linking = w->admitted && s->config->charger[i].present &&
                     (lapsed || (begins && w->b.booked_ma < w->first_ma));
        if (w->linking && w->b.fixed_ma < w->first_ma) {
            w->b.fixed_ma = w->first_ma; /* the others make room */
        }
    }
}

static void share_out(struct step *s)
{
    struct allot_want want[CHARGERS_MAX];
    struct allot_out out;
    int32_t before[CHARGERS_MAX];

    for (int k = 0; k < s->n; k++) {
        int i = s->order[k];

        want[i] = (struct allot_want){
                .want_ma = control_away(s, i) ? 0 : s->w[i].want_ma,
                .floor_ma = s->w[i].floor_ma,
                .fixed_ma = s->w[i].b.fixed_ma,
                .excess_ma = s->c->c[i].excess_ma,
                .priority = s->config->charger[i].priority,
                .rank = k,
        };
        before[i] = s->c->c[i].offer_ma;
    }
    allot_rows(&s->rows, want, s->n, &out);
    s->c->overload = !allot_fits(&s->rows, want, s->n, out.share_ma);
    if (s->c->overload) {
        s->c->checker_refusals++;
    }
    s->c->contended = false;
    for (int i = 0; i < s->n; i++) {
        struct work *w = &s->w[i];

        s->c->contended = s->c->contended || (want[i].want_ma > 0 && out.share_ma[i] == 0);
        w->target_ma = out.share_ma[i];
        w->row = out.row[i];
        if (s->c->overload && w->target_ma > before[i]) {
            w->target_ma = before[i];
        }
    }
}

static void take(const struct step *s, int i, int32_t left_ma[], int32_t ma)
{
    for (int k = 0; k < s->rows.use_n[i]; k++) {
        left_ma[s->rows.use[i][k]] -= ma;
    }
}

/* The offer on the wire. A raise that was decided and not sent yet has to pass again. */
static int32_t in_force(const struct step *s, int i)
{
    const struct charger_report *r = &s->in->report[i];
    const struct control_state_charger *c = &s->c->c[i];
    int32_t told_ma = r->told_known ? r->told_ma : c->warm ? c->offer_ma : c->peak_ma;

    return least(c->offer_ma, told_ma);
}

/* Its first message makes a car take 6 A at once: only where they are free. What it was offered
 * before goes on as far as there is room: *held_ma is what is left of it. */
static bool may_begin(struct step *s, int i, int32_t left_ma[], int32_t *held_ma)
{
    struct work *w = &s->w[i];
    int row;
    int32_t room_ma = w->b.booked_ma + rows_room(&s->rows, left_ma, i, &row);

    if (!w->linking) {
        return w->admitted;
    }
    if (room_ma < w->first_ma) {
        w->row = row;
        w->waits = true;
        return false;
    }
    *held_ma = least(*held_ma, room_ma - room_ma % 1000);
    *held_ma = *held_ma >= w->floor_ma ? *held_ma : 0;
    room_ma = *held_ma > w->first_ma ? *held_ma : w->first_ma;
    if (room_ma > w->b.booked_ma) {
        take(s, i, left_ma, room_ma - w->b.booked_ma);
        w->b.booked_ma = room_ma;
    }
    return true;
}

/* Charger i falls at once and rises into what is left. Nothing rises on a row that is over. */
static void pass(struct step *s, int i, int32_t left_ma[])
{
    struct work *w = &s->w[i];
    int32_t held_ma = in_force(s, i);
    int32_t target_ma = w->may_raise ? w->target_ma : least(w->target_ma, s->c->c[i].offer_ma);
    int row;
    int32_t excess_ma = s->c->c[i].excess_ma;
    int32_t room_ma = w->b.booked_ma + rows_room(&s->rows, left_ma, i, &row) - excess_ma;
    int32_t most_ma = least(target_ma, room_ma);

    w->spoken_to = may_begin(s, i, left_ma, &held_ma);
    if (!w->spoken_to) {
        w->offer_ma = 0;
        return;
    }
    w->offer_ma = least(target_ma, held_ma);
    if (target_ma <= held_ma || !w->may_raise) {
        return;
    }
    if (most_ma < target_ma) {
        w->row = row;
        w->waits = true;
    }
    most_ma -= most_ma % 1000;
    if (most_ma > held_ma && most_ma >= w->floor_ma) {
        w->offer_ma = most_ma;
        most_ma += excess_ma;
        take(s, i, left_ma, most_ma > w->b.booked_ma ? most_ma - w->b.booked_ma : 0);
    }
}

/* What one that nobody reaches was offered stays as long as the others leave room for it: once it
 * is not booked any more, they may take its amps. */
static void keep(struct step *s, int i, int32_t left_ma[])
{
    struct work *w = &s->w[i];
    int row;
    int32_t held_ma = least(w->want_ma, s->c->c[i].offer_ma);
    int32_t most_ma = w->b.booked_ma + rows_room(&s->rows, left_ma, i, &row);

    w->spoken_to = w->admitted && !w->linking;
    w->offer_ma = held_ma;
    if (held_ma > w->b.booked_ma) {
        most_ma = least(held_ma, most_ma - most_ma % 1000);
        w->offer_ma = most_ma >= w->floor_ma ? most_ma : 0;
        take(s, i, left_ma, w->offer_ma - least(w->offer_ma, w->b.booked_ma));
    }
}

/* Lower first, raise later: a raise takes only what no booking holds now. */
static void gate(struct step *s)
{
    int32_t left_ma[ROWS_MAX];

    memcpy(left_ma, s->rows.limit_ma, sizeof(left_ma));
    for (int i = 0; i < s->n; i++) {
        take(s, i, left_ma, s->w[i].b.gate_ma);
    }
    for (int k = 0; k < s->n; k++) {
        if (s->w[s->order[k]].linking || !control_away(s, s->order[k])) {
            pass(s, s->order[k], left_ma);
        }
    }
    for (int k = 0; k < s->n; k++) {
        if (!s->w[s->order[k]].linking && control_away(s, s->order[k])) {
            keep(s, s->order[k], left_ma);
        }
    }
}

/* What the tightest row leaves for this charger: the row's own limit. */
static int32_t tightest(const struct step *s, int i)
{
    int row;

    return rows_room(&s->rows, s->rows.limit_ma, i, &row);
}

static void make(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];
    struct control_out *o = &s->c->out[i];
    struct work *w = &s->w[i];
    const struct control_charger *cfg = &s->config->charger[i];
    const struct charger_report *r = &s->in->report[i];
    bool allowed = s->in->allowed[i] && s->in->site_allowed;
    struct envelope_in in = {
            .want_ma = w->offer_ma,
            .floor_ma = w->floor_ma,
            .hardware_ma = w->hardware_known ? r->hw_max_ma
                           : cfg->max_is_set ? cfg->max_ma
                                             : w->floor_ma,
            .charger_ma = cfg->max_ma,
            .circuit_ma = tightest(s, i),
            .ceiling_ma = !allowed     ? 0
                          : w->ceiling ? w->ceiling->value_ma
                                       : MA_MAX,
            .in_force_ma = control_away(s, i) ? c->offer_ma : in_force(s, i),
            .fresh = w->may_raise,
    };

    o->offer = envelope_make(&c->box, &in, s->now_ms);
    w->offer_ma = offer_ma(o->offer);
}

static void remember(struct step *s, int i)
{
    struct control_state_charger *c = &s->c->c[i];
    int32_t ma = s->w[i].offer_ma;

    if (c->first_ms == 0) {
        c->first_ms = s->now_ms;
    }
    if (s->in->report[i].link == CHARGER_ONLINE) {
        c->heard_ma = s->w[i].b.booked_ma;
    }
    if (c->offer_ma > 0 && s->c->stepped_ms != 0 && s->c->contended) {
        c->served_ms += s->now_ms - s->c->stepped_ms;
    }
    if (ma > c->offer_ma) {
        c->raised_ms = s->now_ms;
    } else if (ma < c->offer_ma) {
        c->lowered_ms = s->now_ms;
    }
    if (ma > 0 && c->offer_ma == 0) {
        c->on_ms = s->now_ms;
    } else if (ma == 0 && c->offer_ma > 0) {
        c->off_ms = s->now_ms;
        c->off_asked = s->w[i].asked_ma < s->w[i].floor_ma;
    }
    c->off_asked = c->off_asked && ma == 0;
    s->c->out[i].changed = ma != c->offer_ma || !c->offered;
    c->offer_ma = ma;
    c->offered = true;
}

static void tell(struct step *s, int i, struct decision *d)
{
    const struct work *w = &s->w[i];
    struct control_out *o = &s->c->out[i];
    int32_t before = s->c->c[i].offer_ma;

    o->offer_ma = w->offer_ma;
    o->booked_ma = w->b.booked_ma;
    o->cap_ma = w->cap_ma;
    o->floor_ma = w->floor_ma;
    o->fault = control_fault(s, i);
    o->asked = w->winner != NULL;
    o->requested_ma = w->asked_ma;
    o->winner = w->winner ? w->winner->id : 0;
    o->stops_left = control_stops_left(s, i);
    control_words(s, i, o);
    o->transmit =
            w->admitted && w->spoken_to && !control_stopped(s, i); /* words know the last */
    remember(s, i);
    if (d) {
        *d = (struct decision){
                .id = ++s->c->decision_id,
                .charger = i,
                .before_ma = before,
                .after_ma = w->offer_ma,
                .requested_ma = w->asked_ma,
                .booked_ma = w->b.booked_ma,
                .limited_by = o->limited_by,
        };
        str_copy(d->owner, sizeof(d->owner), w->winner ? w->winner->owner : "");
        str_copy(d->reason, sizeof(d->reason), o->reason);
    }
}

static void tell_circuits(struct step *s)
{
    s->c->site_offered_ma = 0;
    for (int i = 0; i < s->config->circuits; i++) {
        struct control_circuit_out *o = &s->c->circuit[i];
        const struct control_meter *meter =
                s->in->meter && s->config->circuit[i].metered ? &s->in->meter[i] : NULL;
        bool over = false;

        o->limit_ma = s->rows.ceiling_ma[i * PHASES];
        o->limiting = false;
        for (int p = 0; p < PHASES; p++) {
            o->headroom_ma[p] = s->rows.limit_ma[i * PHASES + p];
            o->offered_ma[p] = o->drawn_ma[p] = 0;
        }
        for (int k = 0; k < s->n; k++) {
            for (int x = 0; x < s->rows.use_n[k]; x++) {
                int row = s->rows.use[k][x];

                if (row_circuit(&s->rows, row) != i) {
                    continue;
                }
                o->headroom_ma[row_phase(row)] -= s->w[k].b.booked_ma;
                o->offered_ma[row_phase(row)] += s->w[k].offer_ma;
                o->drawn_ma[row_phase(row)] += charger_draw_ma(&s->in->report[k]);
                o->limiting = o->limiting ||
                              (s->w[k].row == row && s->w[k].offer_ma < s->w[k].want_ma);
            }
        }
        for (int p = 0; p < PHASES; p++) {
            over = over || o->drawn_ma[p] > s->rows.settings_ma[i * PHASES + p] ||
                   (meter && meter->known[p] &&
                           meter->total_ma[p] > s->rows.settings_ma[i * PHASES + p]);
        }
        s->c->over_since_ms[i] = !over                         ? 0
                                 : s->c->over_since_ms[i] != 0 ? s->c->over_since_ms[i]
                                                               : s->now_ms;
        o->over = over && s->now_ms - s->c->over_since_ms[i] >= OVER_MS;
    }
    for (int p = 0; p < PHASES; p++) {
        int32_t sum = 0;

        for (int k = 0; k < s->n; k++) {
            sum += phase_bits(s->config->charger[k].phases) >> p & 1 ? s->w[k].offer_ma : 0;
        }
        s->c->site_offered_ma = sum > s->c->site_offered_ma ? sum : s->c->site_offered_ma;
    }
}

int64_t control_step(struct control *c, const struct control_in *in, int64_t now_ms,
        struct decision decisions[static DECISIONS_MAX], int *n)
{
    struct step s = {.c = c,
            .in = in,
            .config = in->config,
            .now_ms = now_ms,
            .n = in->config->chargers};
    int64_t next_ms = now_ms + STEP_MS;
    int64_t lease_ms;

    *n = 0;
    lease_expire(in->leases, now_ms, in->config->fallback_ma, in->ended, in->ended_user);
    rows_build(&s.rows, in->config, in->meter, in->leases);
    control_book(&s);
    control_watch(&s); /* before the wants: what it finds counts in this step */
    control_wants(&s);
    control_order(&s);
    admit(&s);
    link_up(&s);
    share_out(&s);
    gate(&s);
    for (int i = 0; i < s.n; i++) {
        make(&s, i);
        bool changed = s.w[i].offer_ma != c->c[i].offer_ma || !c->c[i].offered;

        tell(&s, i, changed ? &decisions[*n] : NULL);
        *n += changed;
    }
    tell_circuits(&s);
    c->stepped_ms = now_ms;
    lease_ms = lease_next_ms(in->leases);
    return lease_ms < next_ms ? lease_ms : next_ms;
}
