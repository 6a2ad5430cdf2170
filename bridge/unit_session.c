/*
 * unit_session - the sessions of a charger: told as events, kept in the store.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

/* A charger that hears nobody opens its contactor after 20 to 30 s. */
enum { CONTACTOR_HOLDS_MS = 20000 };

static void tell_end(struct daemon *d, int i)
{
    const struct session *s = &d->unit[i].session;
    char start[STR_TIME_ROOM], end[STR_TIME_ROOM];

    str_time(start, s->session_start_utc_ms);
    str_time(end, s->session_end_utc_ms);
    event_emit(d, i, "session_ended",
            ",\"start\":\"%s\",\"end\":\"%s\",\"energy\":%lld.%03lld,\"duration_s\":%lld,"
            "\"charging_s\":%lld,\"max_power\":%lld,\"vehicle\":null,\"solar_share\":null,"
            "\"cost\":null,\"currency\":null,\"energy_is\":\"%s\",\"why\":\"%s\"",
            start, end, (long long)(s->session_wh / 1000), (long long)(s->session_wh % 1000),
            (long long)((s->session_end_utc_ms - s->session_start_utc_ms) / 1000),
            (long long)(s->charging_ms / 1000), (long long)s->max_power_w,
            s->power_estimated ? "estimated" : "measured", session_why_words[s->why]);
}

static void tell(struct daemon *d, int i, uint32_t ev)
{
    struct unit *u = &d->unit[i];

    if (ev & SESSION_UNPLUGGED) {
        lease_unplugged(&d->leases, i, lease_over, d);
        event_emit(d, i, "unplugged", "%s", "");
    }
    if (ev & SESSION_PLUGGED) {
        event_emit(d, i, "plugged", "%s", "");
        d->control.c[i].stops_used = 0;
    }
    if (ev & SESSION_STARTED) {
        u->vehicle[0] = '\0';
        u->session_written = false;
        event_emit(d, i, "session_started", "%s", "");
    }
    if (ev & SESSION_CHARGING) {
        event_emit(d, i, "charging_started", "%s", "");
    }
    if (ev & SESSION_STOPPED) {
        event_emit(d, i, "charging_stopped", "%s", "");
    }
    if (ev & SESSION_ENDED) {
        tell_end(d, i);
    }
}

/* An event and the state that it tells of are written together: after a kill it would be told
 * twice or never. */
void unit_sessions(struct daemon *d, int i, uint32_t ev)
{
    struct unit *u = &d->unit[i];

    if (d->store) {
        store_group(d->store);
    }
    tell(d, i, ev);
    if (u->session.open && u->report.vin[0] != '\0') {
        str_copy(u->vehicle, sizeof(u->vehicle), u->report.vin);
    }
    if (ev != SESSION_NOTHING) {
        unit_put(d, u);
    }
    if (d->store) {
        store_group_end(d->store);
    }
}

/* A session goes on where the store left it. */
void unit_session_load(struct unit *u, const struct store_charger *c)
{
    struct session *s = &u->session;

    s->session_wh = c->session_wh;
    s->session_start_utc_ms = c->session_start_utc_ms;
    s->session_end_utc_ms = c->session.end_utc_ms;
    s->number = c->session_number;
    s->open = c->session_open;
    s->starts = c->starts;
    if (c->power_w > 0 && loop_utc_ms() - c->seen_utc_ms < CONTACTOR_HOLDS_MS) {
        s->charging = true; /* the same closing of the contactor: it is not counted again */
        s->drew_ms = loop_now_ms();
    }
    s->charging_ms = c->session.charging_ms;
    s->max_power_w = c->session.max_power_w;
    s->power_estimated = c->session.estimated;
    str_copy(u->vehicle, sizeof(u->vehicle), c->session.vehicle);
    u->session_written = !c->session_open;
}

void unit_session_row(struct unit *u)
{
    struct store_charger *c = &u->row;
    const struct session *s = &u->session;

    c->session_wh = s->session_wh;
    c->session_start_utc_ms = s->session_start_utc_ms;
    c->session_number = s->number;
    c->session_open = s->open;
    c->starts = s->starts;
    c->session = (struct store_session){
            .end_utc_ms = s->open ? 0 : s->session_end_utc_ms,
            .charging_ms = s->charging_ms,
            .max_power_w = s->max_power_w,
            .estimated = s->power_estimated,
            .why = session_why_words[s->why],
            .due = s->number > 0 && !u->session_written,
    };
    str_copy(c->session.vehicle, sizeof(c->session.vehicle), u->vehicle);
}
