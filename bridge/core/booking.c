/*
 * booking - see booking.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/booking.h"

static int32_t most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int64_t most64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool booking_stuck(
        const struct control_times *t, const struct charger_report *r, int64_t now_ms)
{
    bool silent_us = r->sent_ms == 0 || now_ms - r->sent_ms >= t->quiet_book_ms;

    return r->protocol != 1 && r->plugged != TRI_NO && !silent_us;
}

/* A protocol 2 unit that was told 0 shows its stuck floor; without a car that is no amps. */
static bool only_shows_floor(const struct charger_report *r)
{
    return r->protocol == 2 && r->plugged == TRI_NO && r->told_known && r->told_ma == 0 &&
           r->heard_ms > r->told_ms && r->mirror_ma <= STUCK_FLOOR_MA;
}

/* Known from before the restart, and that was less than a minute ago. */
static bool remembered(const struct control_times *t, const struct control_state_charger *s,
        int64_t now_ms)
{
    return s->stored_ma >= 0 && (s->first_ms == 0 || now_ms - s->first_ms < t->silent_book_ms);
}

/* A lost bus, as time goes by: its last offer for a minute, then nothing. */
static bool gone_long(const struct control_times *t, const struct charger_report *r,
        const struct control_state_charger *s, int64_t now_ms)
{
    int64_t last_ms = most64(r->heard_ms, r->sent_ms);

    return !remembered(t, s, now_ms) && (last_ms == 0 || now_ms - last_ms >= t->silent_book_ms);
}

/* What begins anew after a lost bus ends with our first message. */
static bool still_lapsed(const struct control_times *t, const struct control_state_charger *s,
        const struct charger_report *r, int64_t now_ms)
{
    switch (r->link) {
    case CHARGER_BUS_DOWN:
        return gone_long(t, r, s, now_ms);
    case CHARGER_UNHEARD:
    case CHARGER_QUIET:
        return s->lapsed && r->sent_ms < r->warm_ms;
    case CHARGER_ONLINE:
    case CHARGER_SILENT:
    case CHARGER_FOREIGN:
        return false;
    }
    return false;
}

void booking_note(const struct control_times *t, struct control_state_charger *s,
        const struct charger_report *r, int64_t now_ms)
{
    int32_t ma = r->told_known ? r->told_ma : 0;

    s->lapsed = still_lapsed(t, s, r, now_ms);

    if ((r->heard_ms != 0 || r->warm_ms != 0) && !only_shows_floor(r)) {
        ma = most(ma, r->mirror_ma);
    }
    s->peak_ma = r->heard_ms >= r->told_ms ? ma : most(ma, s->peak_ma);
    if (s->offered && r->readback_due) {
        s->unsure =
                true; /* our last lowering may not have reached it, or another master spoke */
    } else if (r->link == CHARGER_ONLINE) {
        s->unsure = false;
    }
}

/* Known from before the restart, not heard yet: its last offer for a minute after we began. */
static int32_t unheard(const struct control_times *t, const struct charger_report *r,
        const struct control_state_charger *s, int32_t all_ma, int64_t now_ms)
{
    if (r->sent_ms != 0) {
        return all_ma; /* adopted: we transmit to it */
    }
    if (remembered(t, s, now_ms)) {
        return most(s->stored_ma, STUCK_FLOOR_MA);
    }
    return 0;
}

struct booking booking_of(const struct control_times *t, const struct charger_report *r,
        const struct control_state_charger *s, int32_t reach_ma, int32_t floor_ma,
        int64_t now_ms)
{
    struct booking b = {.offer_ma = most(s->offered ? s->offer_ma : 0, s->peak_ma)};
    int32_t draw_ma = charger_draw_ma(r);
    int32_t all_ma = most(most(b.offer_ma, draw_ma), s->heard_ma);
    int32_t stuck_ma = booking_stuck(t, r, now_ms) ? STUCK_FLOOR_MA : 0;
    int64_t known_ms = most64(r->heard_ms, r->warm_ms);
    int64_t since_ms = known_ms != 0 ? known_ms : s->first_ms;

    if (s->lapsed) {
        return b;
    }
    switch (r->link) {
    case CHARGER_ONLINE:
        b.booked_ma = most(most(b.offer_ma, draw_ma), stuck_ma);
        b.fixed_ma = s->overdraw ? most(stuck_ma, draw_ma) : stuck_ma;
        break;
    case CHARGER_UNHEARD:
        b.booked_ma = most(unheard(t, r, s, most(b.offer_ma, draw_ma), now_ms), stuck_ma);
        b.fixed_ma = r->sent_ms != 0 ? stuck_ma : b.booked_ma;
        break;
    case CHARGER_SILENT:
        b.booked_ma = now_ms - since_ms < t->silent_book_ms ? most(all_ma, stuck_ma)
                                                            : most(floor_ma, stuck_ma);
        b.fixed_ma = b.booked_ma;
        break;
    case CHARGER_QUIET:
        if (now_ms - r->quiet_ms < t->quiet_book_ms) {
            b.booked_ma = r->quiet_ms - r->heard_ms > t->silent_book_ms
                                  ? floor_ma
                                  : most(all_ma, stuck_ma);
        }
        b.fixed_ma = b.booked_ma;
        break;
    case CHARGER_BUS_DOWN:
        b.booked_ma = gone_long(t, r, s, now_ms) ? 0 : most(all_ma, stuck_ma);
        b.fixed_ma = b.booked_ma;
        break;
    case CHARGER_FOREIGN:
        b.booked_ma = most(reach_ma, all_ma);
        b.fixed_ma = b.booked_ma;
        break;
    }
    if (r->duplicate) {
        b.booked_ma *= 2; /* both follow what one is told */
        b.fixed_ma *= 2;
    }
    b.gate_ma = b.booked_ma;
    if (s->unsure && now_ms - since_ms < t->silent_book_ms) {
        b.gate_ma = most(b.booked_ma, r->duplicate ? 2 * reach_ma : reach_ma);
    }
    return b;
}
