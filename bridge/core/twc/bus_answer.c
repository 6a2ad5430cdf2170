/*
 * bus_answer - what the answers to our heartbeats say, and what it means when none comes.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

enum {
    SLICE_MS = 30000, /* answer_share: 10 slices are 5 minutes */
    LATE_MS = 300,    /* later than this, an answer does not come any more */
    LATE_GATEWAY_MS = 800,
};

void bus_slide_share(struct bus_slot *s, int64_t now_ms)
{
    int64_t slice = now_ms / SLICE_MS;
    uint32_t asked = 0, got = 0;

    if (slice == s->slice) {
        return;
    }
    for (int64_t k = bus_max(s->slice + 1, slice - BUS_SHARE_SLICES + 1); k <= slice; k++) {
        s->asked[k % BUS_SHARE_SLICES] = 0;
        s->got[k % BUS_SHARE_SLICES] = 0;
    }
    s->slice = slice;
    for (int i = 0; i < BUS_SHARE_SLICES; i++) {
        asked += s->asked[i];
        got += s->got[i];
    }
    s->report.answer_share_permille = asked ? got * 1000u / asked : UINT32_MAX;
}

static void count_share(struct bus_slot *s, int64_t now_ms, bool answer)
{
    uint32_t asked = 0, got = 0;
    int i;

    bus_slide_share(s, now_ms);
    i = (int)(s->slice % BUS_SHARE_SLICES);
    if (answer) {
        s->got[i]++;
    } else {
        s->asked[i]++;
    }
    for (i = 0; i < BUS_SHARE_SLICES; i++) {
        asked += s->asked[i];
        got += s->got[i];
    }
    if (got > asked) {
        got = asked; /* the heartbeat fell out of the 5 minutes, its answer did not */
    }
    /* The heartbeat in flight is no miss. */
    asked -= !answer && asked > got ? 1u : 0u;
    s->report.answer_share_permille = asked ? got * 1000u / asked : UINT32_MAX;
}

void bus_count_heartbeat(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (s->base_ms == BUS_NEVER || (!s->silent && now_ms - s->start_ms > 3000)) {
        s->base_ms = now_ms; /* we were not heard either: it is not the charger's silence */
        s->unanswered = 0;
    }
    s->older_awaited =
            s->awaited && now_ms - s->end_ms < (b->config.gateway ? LATE_GATEWAY_MS : LATE_MS);
    s->unanswered = s->unanswered < 255 ? (uint8_t)(s->unanswered + 1) : (uint8_t)255;
    s->awaited = true;
    s->report.heartbeats++;
    count_share(s, now_ms, false);
}

void bus_learn_latency(struct bus *b, int64_t took_ms)
{
    int32_t took8 = (int32_t)bus_min(bus_max(took_ms, 0), 2000) * 8;
    int32_t off = took8 - b->latency8;

    if (!b->latency_known) {
        b->latency_known = true;
        b->latency8 = took8;
        return;
    }
    b->latency8 += off / 8;
    b->jitter8 += ((off < 0 ? -off : off) - b->jitter8) / 8;
}

void bus_flight_done(struct bus *b)
{
    b->bunch = b->flight.heartbeat;
    b->flight.on = false;
}

void bus_flight_lost(struct bus *b, int64_t now_ms)
{
    struct bus_flight f = b->flight;

    bus_flight_done(b);
    if (f.heartbeat) {
        bus_twin_trace(b, f.slot, now_ms); /* two answers at once are none */
    } else {
        bus_query_overdue(b, f.slot, f.query, now_ms);
    }
}

/* More amps than the unit can give: no unit says so, a broken frame may. */
static bool plausible(const struct bus_slot *s, const struct message *m)
{
    int32_t hw = s->report.hw_max_ma ? s->report.hw_max_ma : MA_MAX;

    return !m->odd && m->max_ma <= hw + hw / 10 && m->draw_ma <= hw + hw / 10;
}

/* True: believe it. An odd reading is believed when the next one agrees. */
static bool believe(struct bus_slot *s, const struct message *m)
{
    struct bus_doubt d = {
            .set = true, .state = m->code, .max_ma = m->max_ma, .draw_ma = m->draw_ma};
    bool agrees = s->doubt.set && s->doubt.max_ma == d.max_ma &&
                  s->doubt.draw_ma - d.draw_ma <= 1000 && d.draw_ma - s->doubt.draw_ma <= 1000;

    if (plausible(s, m)) {
        s->doubt.set = false;
        return true;
    }
    s->doubt = d;
    return agrees;
}

static void note_state(struct bus_slot *s, uint8_t state)
{
    if (state != TWC_ERROR || s->error_seen) {
        s->report.state = state;
    }
    s->error_seen = state == TWC_ERROR;
}

static void note_protocol(struct bus_slot *s, uint8_t protocol)
{
    if (s->report.protocol == 0 || s->protocol_seen == protocol) {
        s->report.protocol = protocol;
    }
    s->protocol_seen = protocol;
}

static void note_draw(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];
    bool drawing = s->report.draw_ma >= DRAW_ZERO_MA;
    bool started = drawing && !s->drawing;

    s->drawing = drawing;
    if (drawing) {
        s->drew_ms = now_ms;
        if (s->report.protocol == 2) {
            bus_set_plugged(b, slot, TRI_YES, now_ms);
        }
    }
    if (started) {
        s->ask[QUERY_POWER].due_ms = bus_min(s->ask[QUERY_POWER].due_ms, now_ms);
        if (s->report.vin[0] == '\0') {
            bus_vin_want(s, now_ms);
        }
    }
}

static void take(struct bus *b, int slot, const struct message *m, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];
    struct charger_report *r = &s->report;

    r->heard_ms = now_ms;
    r->mirror_ma = m->max_ma;
    r->draw_ma = m->draw_ma;
    bus_twin_hold(s, now_ms);
    s->mirror_valid = true;
    r->readback_due = false;
    note_state(s, m->code);
    if (r->rebooted && r->told_known && r->told_ms >= s->reboot_ms &&
            (m->max_ma == r->told_ma || (r->told_ma == 0 && r->protocol == 2))) {
        r->rebooted = false; /* protocol 2 shows 6 A where it was told 0 */
    }
    note_draw(b, slot, now_ms);
}

static void note_heard(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    s->base_ms = now_ms;
    s->unanswered = 0;
    s->tentative = false;
    s->silent = false;
    if (s->quiet) {
        s->quiet = false;
        s->kick = true;
    }
    s->report.linkready_loop = false;
    s->loop_last_ms = BUS_NEVER;
    if (!s->online) {
        s->online = true;
        bus_query_start(s, now_ms);
        bus_refresh(b);
        bus_emit(b, BUS_EV_ONLINE, slot, s->id);
    }
}

/* Which of our heartbeats this answers. */
static void note_answer(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (s->older_awaited) {
        s->older_awaited = false;
        s->report.answers++;
        b->counters.late_answers++;
        return;
    }
    if (s->awaited) {
        s->awaited = false;
        s->report.answers++;
        bus_learn_latency(b, now_ms - s->end_ms);
        count_share(s, now_ms, true);
    }
    if (b->flight.on && b->flight.heartbeat && b->flight.slot == slot) {
        bus_echo_missed(b);
        bus_flight_done(b);
    } else {
        b->counters.late_answers++;
    }
}

void bus_on_heartbeat(struct bus *b, const struct message *m, int64_t now_ms)
{
    int slot = bus_find(b, m->sender);
    struct bus_slot *s;

    if (m->receiver != b->config.id && m->receiver != 0) {
        return; /* an answer to another master */
    }
    if (slot < 0) {
        if (m->receiver == b->config.id && m->sender != 0 && !m->odd) {
            bus_on_unknown_heartbeat(b, m, now_ms);
        }
        return;
    }
    s = &b->slot[slot];
    bus_twin_heartbeat(b, slot, m, now_ms);
    note_answer(b, slot, now_ms);
    note_protocol(s, m->protocol);
    if (believe(s, m)) {
        take(b, slot, m, now_ms);
    }
    note_heard(b, slot, now_ms);
    bus_emit(b, BUS_EV_REPORT, slot, s->id);
}

static void fall_quiet(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    s->quiet = true;
    s->report.quiet_ms = now_ms;
    if (b->flight.on && b->flight.slot == slot) {
        b->flight.on = false;
    }
    bus_refresh(b);
    bus_emit(b, BUS_EV_QUIET, slot, s->id);
}

void bus_watch_silence(struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        if (!bus_is_mine(b, s) || s->base_ms == BUS_NEVER || s->unanswered < 3) {
            continue;
        }
        if (!s->silent && now_ms - s->base_ms >= b->config.silent_ms) {
            s->silent = true;
            s->online = false;
            s->mirror_valid = false;
            bus_refresh(b);
            bus_emit(b, BUS_EV_SILENT, i, s->id);
        }
        if (s->silent && (s->tentative || now_ms - s->base_ms >= b->config.silent_stop_ms)) {
            fall_quiet(b, i, now_ms);
        }
    }
}
