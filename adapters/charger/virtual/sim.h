/*
 * sim - virtual Wall Connectors with cars on one bus: pure, bytes and times in and out.
 *
 * The slave side of the bus: each unit announces itself every 10 s until a master calls, answers
 * heartbeats, mirrors what it is told, and lets a car draw. Behaviour of real units as far as it
 * is known (docs/simulate.md lists it). SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_CHARGER_VIRTUAL_SIM_H
#define ADAPTERS_CHARGER_VIRTUAL_SIM_H

#include "bridge/base/buf.h"
#include "bridge/base/err.h"
#include "bridge/core/charger.h"
#include "bridge/core/twc/message_slave.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_CHARGERS_MAX = 8,
    SIM_QUEUE_MAX = 16,
    SIM_OUT_MAX = 2 * (FRAME_WIRE_MAX + 1), /* two units that talk at once */
};

enum sim_mood { SIM_AWAKE, SIM_ASLEEP, SIM_REFUSES, SIM_MOODS };
extern const char *const sim_mood_names[SIM_MOODS + 1];

enum sim_talk {
    SIM_WELL,
    SIM_MUTE, /* hears and obeys, says nothing */
    SIM_DEAF, /* neither hears nor says anything: its cable is cut */
    SIM_TALKS
};
extern const char *const sim_talk_names[SIM_TALKS + 1];

enum sim_stops {
    SIM_STOPS,            /* as its protocol does */
    SIM_STOPS_BY_SILENCE, /* 0 A is shown and taken as 6 A */
    SIM_STOPS_NEVER,      /* goes on without a master too */
    SIM_STOPS_COUNT
};
extern const char *const sim_stops_names[SIM_STOPS_COUNT + 1];

struct sim_car {
    bool plugged;
    enum sim_mood mood;
    char vin[CHARGER_VIN_ROOM]; /* "": not a car that tells */
    int32_t max_ma;             /* its own limit */
    int32_t ramp_ma_s;          /* how fast it follows */
    int32_t lag_ms;             /* how late it begins to follow */
    int32_t draw_ma;            /* takes exactly this; -1: offer less 0.8 A */
    int32_t over_ma;            /* above 0: takes this much more than it is offered */
    int32_t phases;             /* 1 or 3 */
    int32_t interruptions;      /* since it was plugged in; the third one is too many */
    int64_t asleep_ms;          /* since when it sleeps; 0: the next step tells */
    bool lock;                  /* clamps itself to 6 A when its limit rises a little */
    bool locked;
    int64_t spike_ms;    /* its limit is high enough to unlock it since; 0: it is not */
    bool strict;         /* 0 A held at plug-in spoils the handshake */
    bool shaken, failed; /* how the handshake of this plug-in ended */
};

struct sim_charger {
    uint16_t id;
    uint8_t sign, protocol;
    bool old_firmware; /* protocol 2 before 4.5.3: no VIN, no plug state, short power answer */
    int32_t hw_max_ma, idle_ma;
    int32_t meter_ma; /* its meter shows this much more than what flows */
    int32_t told_ma; /* last limit a master sent; -1: none yet */
    uint8_t state;
    int64_t state_ms;     /* since */
    int64_t change_ms;    /* the limit changed: the car follows after its lag */
    int64_t heard_ms;     /* last heartbeat from a master; 0: none */
    int64_t linkready_ms; /* next announcement */
    int64_t plug_ms;
    bool contactor;
    uint32_t closings; /* of the contactor */
    bool lost;         /* charge was lost for want of a master: amps start it again */
    bool resumes;      /* and they came */
    bool zero_told;    /* protocol 1: the last limit was 0 A */
    bool swings;       /* it was not repeated */
    uint8_t ack;       /* state to show in the next answer; 0: none */
    int32_t draw_ma;   /* what the car takes */
    int32_t adjust_ma; /* command 07, for a while */
    int64_t adjust_ms;
    int64_t energy_mwms; /* since start */
    uint32_t energy_kwh0;
    char serial[12];
    enum sim_talk talk;
    enum sim_stops stops;
    int64_t boot_ms; /* it boots until then */
    bool twin;       /* the second unit with its id */
    uint32_t reboots;
    struct sim_car car;
};

struct sim_config {
    int chargers;     /* 1..8 */
    uint8_t protocol; /* 1 or 2 */
    bool plugged;
    int32_t idle_ma, max_ma, volts, phases;
    uint16_t first_id; /* 0: made from the seed */
    uint32_t seed;
    bool old_firmware;
};

struct sim_queued {
    int64_t due_ms;
    uint16_t id; /* of the unit */
    struct frame frame;
};

struct sim {
    struct sim_config config;
    int n, twins;
    struct sim_charger charger[SIM_CHARGERS_MAX];
    struct frame_decoder decoder;
    struct sim_queued queue[SIM_QUEUE_MAX];
    int queued;
    int64_t stepped_ms, tx_end_ms, rx_end_ms;
    uint32_t random;
    uint32_t frames_in, frames_out, bad_frames, collisions;
    uint32_t overlaps;  /* two units with one id talked at once */
    uint32_t dangerous; /* messages that damage or lock a real unit */
    char danger[80];    /* the last of them, in words */
    uint32_t
            min_spacing_ms; /* least time between two heartbeats to one unit; UINT32_MAX: none */
};

void sim_init(struct sim *s, const struct sim_config *c, int64_t now_ms);

/* Bytes from the master; they are taken to need their time at 9600 baud. */
void sim_rx(struct sim *s, const uint8_t *p, size_t n, int64_t now_ms);

/* n bytes that no unit hears pass over the line; a frame of n bytes that no unit says. */
void sim_line_used(struct sim *s, size_t n, int64_t now_ms);
void sim_line_taken(struct sim *s, size_t n, int64_t now_ms);

/* Lets time pass; when something is due it is written to out (with the tail byte that real units
 * leave) and its length returned. *next_ms: when to call again. */
size_t sim_tick(
        struct sim *s, int64_t now_ms, uint8_t out[static SIM_OUT_MAX], int64_t *next_ms);

/* sim_unit.c: what goes wrong with a unit */

/* It is dead for boot_ms, then announces itself with another sign; limit and charge are lost. */
void sim_reboot(struct sim *s, struct sim_charger *c, int64_t now_ms, int64_t boot_ms);
/* A second unit with the id of c, on or off. False: there is no room for one. */
bool sim_twin(struct sim *s, const struct sim_charger *c, bool on, int64_t now_ms) MUST_CHECK;
bool sim_hears(const struct sim_charger *c, int64_t now_ms);
void sim_forget(struct sim *s, uint16_t id); /* what a unit was about to say */

/* sim_car.c */
void sim_car_step(struct sim *s, struct sim_charger *c, int64_t now_ms, int64_t dt_ms);
void sim_car_plug(struct sim *s, struct sim_charger *c, bool plugged, int64_t now_ms);
void sim_car_told(struct sim_charger *c, int32_t ma, int64_t now_ms); /* a new limit */
void sim_contactor(struct sim_charger *c, bool closed);
int32_t sim_limit(const struct sim_charger *c); /* what the unit shows as its limit */
uint32_t sim_random(struct sim *s);
void sim_enter(struct sim_charger *c, uint8_t state, int64_t now_ms);
void sim_vin(struct sim *s, char dst[static CHARGER_VIN_ROOM]);
void sim_unit_init(struct sim *s, struct sim_charger *c, uint16_t id, int64_t now_ms);

#endif
