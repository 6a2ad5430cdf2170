/*
 * control_want - the arbiter: what each charger should get before the circuits have their say, who
 * may rise, and who is served first. SPDX-License-Identifier: MIT
 */
#include "bridge/core/control_private.h"

#include <stddef.h>

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static void limits(struct step *s, int i)
{
    const struct control_charger *cfg = &s->config->charger[i];
    const struct charger_report *r = &s->in->report[i];
    struct work *w = &s->w[i];

    w->floor_ma = cfg->min_ma < FLOOR_MA && r->protocol != 1 ? FLOOR_MA : cfg->min_ma;
    w->floor_ma = (w->floor_ma + 999) / 1000 * 1000; /* the wire carries whole amps */
    w->hardware_known = r->hw_max_ma > 0;
    w->reach_ma = least(w->hardware_known ? r->hw_max_ma : MA_MAX, circuit_cap(s->config, i));
    w->cap_ma = least(cfg->max_ma, circuit_cap(s->config, i));
    w->cap_ma = least(w->cap_ma, MA_MAX);
    if (w->hardware_known) {
        w->cap_ma = least(w->cap_ma, r->hw_max_ma);
    } else if (!cfg->max_is_set) {
        w->cap_ma = least(w->cap_ma, w->floor_ma); /* no figure to go by: the least it can do */
    }
    w->ceiling = lease_ceiling(s->in->leases, LEASE_CHARGER, i);
}

/* 0, or at least the floor: above 0 and below it counts as 0. */
static int32_t whole(const struct work *w, int32_t ma)
{
    ma -= ma % 1000;
    return ma >= w->floor_ma ? ma : 0;
}

static void ask(struct step *s, int i)
{
    const struct control_charger *cfg = &s->config->charger[i];
    struct work *w = &s->w[i];
    int32_t default_ma = cfg->default_ma >= 0 ? cfg->default_ma : w->floor_ma;

    w->winner = s->in->closing ? NULL : lease_winner(s->in->leases, i);
    w->asked_ma = w->winner ? w->winner->value_ma : default_ma;
    if (s->in->closing) {
        w->asked_ma = least(default_ma, s->c->c[i].offer_ma);
    }
    w->want_ma = whole(w, least(w->asked_ma, w->cap_ma));
    w->own_limit = w->asked_ma > w->cap_ma ? LIMITED_CHARGER : LIMITED_NOTHING;
    if (w->own_limit == LIMITED_CHARGER && w->cap_ma == circuit_cap(s->config, i)) {
        w->own_limit = LIMITED_CIRCUIT;
    }
}

/* A policy, a lease's end or the default does not switch within a minute of a plug-in or of the
 * last switch: it would break the car's handshake or wear the contactor. What a ceiling switched
 * off is not held off: its end is its own. */
static void rest(struct step *s, int i)
{
    const struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    struct work *w = &s->w[i];
    int64_t rest_ms = s->config->time.rest_ms;
    bool just_plugged = r->plugged == TRI_YES && r->plugged_ms != 0 &&
                        s->now_ms - r->plugged_ms < rest_ms && w->b.booked_ma >= w->floor_ma;
    bool just_on = c->offer_ma > 0 && c->on_ms != 0 && s->now_ms - c->on_ms < rest_ms;

    bool just_off =
            c->off_asked && s->now_ms - c->off_ms < rest_ms && c->owner_spoke_ms <= c->off_ms;

    if (w->winner || s->in->closing || r->link != CHARGER_ONLINE || w->cap_ma < w->floor_ma) {
        return;
    }
    if (w->want_ma > 0) {
        if (just_off) {
            w->want_ma = 0;
            w->own_limit = LIMITED_START_STOP_REST;
        }
    } else if (just_plugged || just_on) {
        w->want_ma = w->floor_ma;
        w->own_limit = LIMITED_START_STOP_REST;
    }
}

/* Ceilings and "not allowed" act at once, whatever rests. */
static void ceilings(struct step *s, int i)
{
    const struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    struct work *w = &s->w[i];

    if (w->ceiling && w->ceiling->value_ma < w->want_ma) {
        w->want_ma = whole(w, w->ceiling->value_ma);
        w->own_limit = w->ceiling->fallen_back ? LIMITED_FALLBACK : LIMITED_CEILING;
    }
    if (!s->in->allowed[i] || !s->in->site_allowed) {
        w->want_ma = 0;
        w->own_limit = LIMITED_NOT_ALLOWED;
    }
    if (r->duplicate || c->zeroed_ms != 0) {
        w->want_ma = 0;
        w->own_limit = LIMITED_FAULT;
    }
    if (r->link == CHARGER_SILENT || r->rebooted || c->overdraw) {
        int32_t most = r->link == CHARGER_SILENT ? w->floor_ma : c->offer_ma;

        most = r->rebooted && most > w->floor_ma ? w->floor_ma : most;
        if (w->want_ma > most) {
            w->want_ma = whole(w, most);
            w->own_limit = LIMITED_FAULT;
        }
    }
}

/* An increase needs fresh data of everything it depends on. */
static void raising(struct step *s, int i)
{
    const struct control_state_charger *c = &s->c->c[i];
    const struct charger_report *r = &s->in->report[i];
    struct work *w = &s->w[i];
    bool cold = r->warm_ms == 0 && !c->warm;
    bool held = !cold && s->now_ms - r->warm_ms < s->config->time.warm_hold_ms &&
                c->owner_spoke_ms <= r->warm_ms;

    w->no_raise = NULL;
    if (r->foreign_suspect) {
        w->no_raise = "a message of another master was heard";
    } else if (r->duplicate) {
        w->no_raise = "two chargers have its id";
    } else if (r->link != CHARGER_ONLINE && !(r->link == CHARGER_UNHEARD && cold)) {
        w->no_raise = "it does not answer";
    } else if (r->readback_due && !cold) {
        w->no_raise = "its limit is not read back yet";
    } else if (held) {
        w->no_raise = "the bridge has just restarted";
    } else if (s->in->closing) {
        w->no_raise = "the bridge is stopping";
    } else if (circuit_unmetered(s->config, s->in->meter, i) >= 0) {
        w->no_raise = "the meter of its circuit tells nothing now";
    }
    w->may_raise = w->no_raise == NULL;
    /* Without an answer it gets the default at most, which depends on settings alone. */
    if (cold && (r->heard_ms == 0 || r->link == CHARGER_UNHEARD)) {
        int32_t d = s->config->charger[i].default_ma;
        int32_t first = whole(w, least(d >= 0 ? d : w->floor_ma, w->cap_ma));

        if (first < w->want_ma) {
            w->want_ma = first;
            w->own_limit = LIMITED_NO_DATA;
        }
    }
    /* Read back after a warm start: never above what the charger itself says. */
    if (!cold && r->heard_ms >= r->warm_ms && r->told_ms < r->warm_ms &&
            r->mirror_ma < w->want_ma && held) {
        w->want_ma = whole(w, r->mirror_ma);
        w->own_limit = LIMITED_NO_DATA;
    }
}

bool control_away(const struct step *s, int i)
{
    const struct charger_report *r = &s->in->report[i];

    switch (r->link) {
    case CHARGER_ONLINE:
    case CHARGER_SILENT:
        return false;
    case CHARGER_UNHEARD:
        return !s->config->charger[i].present;
    case CHARGER_QUIET:
    case CHARGER_BUS_DOWN:
    case CHARGER_FOREIGN:
        return true;
    }
    return true;
}

static void book(struct step *s, int i)
{
    s->w[i].b = booking_of(&s->config->time, &s->in->report[i], &s->c->c[i], s->w[i].reach_ma,
            s->w[i].floor_ma, s->now_ms);
}

void control_book(struct step *s)
{
    for (int i = 0; i < s->n; i++) {
        limits(s, i);
        booking_note(&s->config->time, &s->c->c[i], &s->in->report[i], s->now_ms);
        book(s, i);
        ask(s, i);
    }
}

void control_wants(struct step *s)
{
    for (int i = 0; i < s->n; i++) {
        book(s, i); /* anew: a draw above the offer may have been found since */
        rest(s, i);
        ceilings(s, i);
        raising(s, i);
    }
}

/* Protocol 1 shares by turns: one that had its turn goes behind those that wait. */
static bool had_its_turn(const struct step *s, int i)
{
    const struct control_state_charger *c = &s->c->c[i];

    return s->in->report[i].protocol == 1 && c->offer_ma > 0 &&
           s->now_ms - c->on_ms >= s->config->time.rotate_ms;
}

static bool before(const struct step *s, int a, int b)
{
    const struct control_state_charger *x = &s->c->c[a], *y = &s->c->c[b];
    const struct charger_report *p = &s->in->report[a], *q = &s->in->report[b];

    if (s->config->charger[a].priority != s->config->charger[b].priority) {
        return s->config->charger[a].priority > s->config->charger[b].priority;
    }
    bool on_a = x->offer_ma > 0 && !had_its_turn(s, a);
    bool on_b = y->offer_ma > 0 && !had_its_turn(s, b);

    if (on_a != on_b) {
        return on_a; /* whoever charges goes on */
    }
    if (p->protocol == 1 && q->protocol == 1 && x->served_ms != y->served_ms) {
        return x->served_ms < y->served_ms;
    }
    if (p->protocol != 1 && q->protocol != 1 && p->plugged_ms != q->plugged_ms) {
        return p->plugged_ms != 0 && (q->plugged_ms == 0 || p->plugged_ms < q->plugged_ms);
    }
    return a < b;
}

void control_order(struct step *s)
{
    for (int i = 0; i < s->n; i++) {
        int k = i;

        for (; k > 0 && before(s, i, s->order[k - 1]); k--) {
            s->order[k] = s->order[k - 1];
        }
        s->order[k] = i;
    }
}
