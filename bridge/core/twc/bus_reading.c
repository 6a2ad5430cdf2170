/*
 * bus_reading - answers to queries: energy, voltage, plug, VIN, serial, firmware. Each is checked
 * before it is believed: one broken frame in 256 passes the checksum.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/bus_private.h"

#include <string.h>

enum {
    VOLTS_MAX = 500,
    WH_UNIT_ABOVE = 1000000,  /* a counter above this cannot be kWh */
    JUMP_WH = 50000,          /* between two polls */
    JUMP_WH_PER_HOUR = 60000, /* 80 A on three phases */
    VIN_TRIES = 3,
    VIN_AFTER_PLUG_MS = 2000, /* the car's handshake */
    VIN_RETRY_MS = 5000,
    VIN_WATCH_MS = 30000,
    VIN_ZEROS = 3,
    DRAW_EVIDENCE_MS = 60000,
};

bool bus_plug_answers(const struct bus_slot *s)
{
    return s->ask[QUERY_PLUG].ever && s->ask[QUERY_PLUG].misses < 3 &&
           (s->plug_code == TWC_PLUG_NO || s->plug_code == TWC_PLUG_CHARGING ||
                   s->plug_code == TWC_PLUG_WAITING);
}

static void set_vin(struct bus *b, int slot, const char *vin)
{
    struct bus_slot *s = &b->slot[slot];

    if (strcmp(s->report.vin, vin) != 0) {
        memset(s->report.vin, 0, sizeof(s->report.vin));
        memcpy(s->report.vin, vin, strlen(vin));
        bus_emit(b, BUS_EV_VIN, slot, s->id);
    }
}

/* Protocol 1 units cannot tell, and a car that takes nothing looks like none: always unknown. */
void bus_set_plugged(struct bus *b, int slot, enum tristate plugged, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (s->report.protocol != 2 || s->report.plugged == plugged) {
        return;
    }
    s->report.plugged = plugged;
    s->vin_zeros = 0;
    s->vin_tries = 0;
    if (plugged == TRI_YES) {
        s->report.plugged_ms = now_ms;
        if (s->report.vin[0] == '\0' && !s->vin_wanted) {
            bus_vin_want(s, now_ms + VIN_AFTER_PLUG_MS);
        }
    } else {
        s->vin_wanted = false;
        set_vin(b, slot, "");
    }
    bus_emit(b, BUS_EV_REPORT, slot, s->id);
}

/* Without an answer to FB B4 a car that was seen by its draw or its VIN has to be seen leaving. */
void bus_watch_plug(struct bus *b, int64_t now_ms)
{
    for (int i = 0; i < b->slot_count; i++) {
        struct bus_slot *s = &b->slot[i];

        if (s->report.plugged != TRI_YES || s->drawing || bus_plug_answers(s)) {
            continue;
        }
        if (s->report.vin[0] != '\0') {
            if (!s->vin_wanted && now_ms >= s->ask[QUERY_VIN].due_ms) {
                s->vin_part = 0;
                s->vin_wanted = true;
            }
        } else if (!s->vin_wanted && now_ms - s->drew_ms > DRAW_EVIDENCE_MS) {
            bus_set_plugged(b, i, TRI_UNKNOWN, now_ms);
        }
    }
}

static void on_plug(struct bus *b, int slot, const struct message *m, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    s->plug_code = m->plug;
    if (m->plug == TWC_PLUG_CHARGING || m->plug == TWC_PLUG_WAITING) {
        bus_set_plugged(b, slot, TRI_YES, now_ms);
    } else if (m->plug == TWC_PLUG_NO && !s->drawing) {
        bus_set_plugged(b, slot, TRI_NO, now_ms);
    }
}

/* The counter never falls and never jumps; the first value needs a second one that agrees. */
static void on_energy(struct bus_slot *s, uint32_t raw, int64_t now_ms)
{
    int64_t wh = raw > WH_UNIT_ABOVE ? (int64_t)raw : (int64_t)raw * 1000;
    int64_t hours = s->report.power_ms ? (now_ms - s->report.power_ms) / 3600000 : 0;

    if (s->report.counter_wh >= 0) {
        if (wh >= s->report.counter_wh &&
                wh - s->report.counter_wh <= JUMP_WH + hours * JUMP_WH_PER_HOUR) {
            s->report.counter_wh = wh;
        }
        return;
    }
    if (s->energy_hits > 0 && wh >= s->energy_first_wh && wh - s->energy_first_wh <= JUMP_WH) {
        s->report.counter_wh = wh;
        return;
    }
    s->energy_first_wh = wh;
    s->energy_hits = 1;
    s->ask[QUERY_POWER].due_ms = now_ms;
}

static bool power_plausible(const struct bus_slot *s, const struct message *m)
{
    int32_t hw = s->report.hw_max_ma ? s->report.hw_max_ma : MA_MAX;

    for (int i = 0; i < PHASES; i++) {
        if (m->volts[i] > VOLTS_MAX || m->half_amps[i] * 500 > hw + hw / 10 + 1000) {
            return false;
        }
    }
    return true;
}

static void on_power(struct bus *b, int slot, const struct message *m, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (!power_plausible(s, m)) {
        b->counters.bad_frames++;
        return;
    }
    on_energy(s, m->energy_raw, now_ms);
    s->report.power_ms = now_ms;
    for (int i = 0; i < PHASES; i++) {
        s->report.volt_mv[i] = m->volts[i] * 1000;
        s->report.phase_ma[i] = m->has_half_amps ? m->half_amps[i] * 500 : -1;
    }
}

/* Writes "4.5.3". */
static void write_version(char *out, const uint8_t v[4])
{
    size_t n = 0;

    for (int i = 0; i < 3; i++) {
        if (i > 0) {
            out[n++] = '.';
        }
        if (v[i] >= 100) {
            out[n++] = (char)('0' + v[i] / 100);
        }
        if (v[i] >= 10) {
            out[n++] = (char)('0' + v[i] / 10 % 10);
        }
        out[n++] = (char)('0' + v[i] % 10);
    }
    out[n] = '\0';
}

static void on_serial(struct bus_slot *s, const struct message *m)
{
    size_t n = strlen(m->text);

    if (!m->text_bad && n >= 4 && n < sizeof(s->report.serial)) {
        memcpy(s->report.serial, m->text, n + 1);
    }
}

static void vin_failed(struct bus_slot *s, int64_t now_ms)
{
    s->vin_tries++;
    s->vin_part = 0;
    s->vin_wanted = s->vin_tries < VIN_TRIES;
    s->ask[QUERY_VIN].due_ms = now_ms + VIN_RETRY_MS;
}

/* All zero: no car, not a Tesla, or talk with the car switched off (DIP 2). It is a final answer
 * for this plug-in, and no proof that the cable is out unless a VIN was there before. */
static void vin_zero(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    s->vin_wanted = false;
    s->vin_part = 0;
    s->ask[QUERY_VIN].due_ms = now_ms + VIN_RETRY_MS;
    if (s->report.vin[0] == '\0') {
        s->vin_tries++;
        return;
    }
    s->vin_zeros++;
    if (s->vin_zeros >= VIN_ZEROS && !s->drawing && !bus_plug_answers(s)) {
        bus_set_plugged(b, slot, TRI_NO, now_ms);
    }
}

static void vin_complete(struct bus *b, int slot, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    if (!vin_valid(s->vin)) {
        vin_failed(s, now_ms);
        return;
    }
    s->vin_wanted = false;
    s->vin_part = 0;
    s->ask[QUERY_VIN].due_ms = now_ms + VIN_WATCH_MS;
    set_vin(b, slot, s->vin);
}

static void on_vin(struct bus *b, int slot, const struct message *m, int64_t now_ms)
{
    static const uint8_t lengths[] = {7, 7, 3};
    struct bus_slot *s = &b->slot[slot];
    unsigned part = m->kind == MSG_VIN1 ? 0 : m->kind == MSG_VIN2 ? 1 : 2;

    if (!s->vin_wanted || part != s->vin_part) {
        return; /* a late answer: the part is asked for again */
    }
    if (part == 0 && !m->text_bad && m->text[0] == '\0') {
        vin_zero(b, slot, now_ms);
        return;
    }
    if (strlen(m->text) != lengths[part]) {
        vin_failed(s, now_ms);
        return;
    }
    memcpy(s->vin + 7 * part, m->text, lengths[part]);
    s->vin[7 * part + lengths[part]] = '\0';
    s->vin_zeros = 0;
    s->ask[QUERY_VIN].due_ms = now_ms;
    if (part == 0) {
        bus_set_plugged(b, slot, TRI_YES, now_ms);
    }
    if (part == 0 && strncmp(s->report.vin, s->vin, 7) == 0) {
        s->vin_wanted = false; /* the same car is still there */
        s->ask[QUERY_VIN].due_ms = now_ms + VIN_WATCH_MS;
        return;
    }
    if (part == 2) {
        vin_complete(b, slot, now_ms);
    } else {
        s->vin_part++;
    }
}

/* Which query this answers; QUERY_COUNT: none. */
static enum bus_query query_of(enum message_kind k)
{
    static const struct {
        enum message_kind kind;
        enum bus_query query;
    } pairs[] = {
            {MSG_PLUG, QUERY_PLUG},
            {MSG_POWER, QUERY_POWER},
            {MSG_VIN1, QUERY_VIN},
            {MSG_VIN2, QUERY_VIN},
            {MSG_VIN3, QUERY_VIN},
            {MSG_SERIAL, QUERY_SERIAL},
            {MSG_FIRMWARE, QUERY_FIRMWARE},
            {MSG_OLD_SERIAL, QUERY_OLD_SERIAL},
            {MSG_OLD_FIRMWARE, QUERY_OLD_FIRMWARE},
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (pairs[i].kind == k) {
            return pairs[i].query;
        }
    }
    return QUERY_COUNT;
}

static void take(
        struct bus *b, int slot, enum bus_query q, const struct message *m, int64_t now_ms)
{
    struct bus_slot *s = &b->slot[slot];

    switch (q) {
    case QUERY_PLUG:
        on_plug(b, slot, m, now_ms);
        break;
    case QUERY_POWER:
        on_power(b, slot, m, now_ms);
        break;
    case QUERY_VIN:
        on_vin(b, slot, m, now_ms);
        break;
    case QUERY_SERIAL:
    case QUERY_OLD_SERIAL:
        on_serial(s, m);
        break;
    case QUERY_FIRMWARE:
    case QUERY_OLD_FIRMWARE:
        write_version(s->report.firmware, m->version);
        break;
    case QUERY_COUNT:
        break;
    }
}

void bus_on_reading(struct bus *b, const struct message *m, int64_t now_ms)
{
    enum bus_query q = query_of(m->kind);
    bool mine = b->flight.on && !b->flight.heartbeat && b->flight.query == q;
    int slot = m->sender ? bus_find(b, m->sender) : -1;

    if (q == QUERY_COUNT) {
        return;
    }
    if (q == QUERY_OLD_SERIAL || q == QUERY_OLD_FIRMWARE) {
        slot = mine ? b->flight.slot : -1; /* these carry no id */
    }
    if (slot < 0) {
        return; /* of a master that tells about itself, or of nobody we know */
    }
    if (mine && b->flight.slot == slot) {
        bus_echo_missed(b);
        bus_flight_done(b);
    } else {
        b->counters.late_answers++;
    }
    bus_query_answered(b, slot, q);
    bus_twin_reading(b, slot, q, m, now_ms);
    take(b, slot, q, m, now_ms);
    bus_emit(b, BUS_EV_REPORT, slot, b->slot[slot].id);
}
