/*
 * wire_keys - see wire_keys.h. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire_keys.h"

#include "bridge/base/str.h"

#include <string.h>

bool wire_number(const char *value, int64_t min, int64_t max, int32_t *out)
{
    int64_t v = 0;

    if (!str_scaled(value, strlen(value), 1000, &v) || v < min || v > max) {
        return false;
    }
    *out = (int32_t)v;
    return true;
}

/* Without a fraction. */
static bool whole(const char *value, int64_t max, int32_t *out)
{
    int64_t v = 0;

    if (!str_int(value, strlen(value), &v) || v < 0 || v > max) {
        return false;
    }
    *out = (int32_t)v;
    return true;
}

static int one_of(const char *value, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], value) == 0) {
            return i;
        }
    }
    return -1;
}

static bool on_off(const char *value, bool *out)
{
    *out = strcmp(value, "on") == 0;
    return *out || strcmp(value, "off") == 0;
}

/* ---- the car ---- */

static struct sim_car *car(void *charger)
{
    return &((struct sim_charger *)charger)->car;
}

static bool set_max(void *u, const char *v)
{
    return wire_number(v, 0, MA_MAX, &car(u)->max_ma);
}

static bool set_ramp(void *u, const char *v)
{
    return wire_number(v, 0, 1000000, &car(u)->ramp_ma_s);
}

static bool set_draw(void *u, const char *v)
{
    if (strcmp(v, "auto") == 0) {
        car(u)->draw_ma = -1;
        return true;
    }
    return wire_number(v, 0, MA_MAX, &car(u)->draw_ma);
}

static bool set_over(void *u, const char *v)
{
    return wire_number(v, 0, MA_MAX, &car(u)->over_ma);
}

static bool set_lag(void *u, const char *v)
{
    return wire_number(v, 0, 600000, &car(u)->lag_ms); /* seconds in thousandths are ms */
}

static bool set_phases(void *u, const char *v)
{
    if (strcmp(v, "1") != 0 && strcmp(v, "3") != 0) {
        return false;
    }
    car(u)->phases = v[0] - '0';
    return true;
}

static bool set_mood(void *u, const char *v)
{
    int i = one_of(v, sim_mood_names);

    car(u)->mood = i >= 0 ? (enum sim_mood)i : SIM_AWAKE;
    car(u)->asleep_ms = 0;
    return i >= 0;
}

static bool set_lock(void *u, const char *v)
{
    return on_off(v, &car(u)->lock);
}

static bool set_handshake(void *u, const char *v)
{
    car(u)->strict = strcmp(v, "strict") == 0;
    return car(u)->strict || strcmp(v, "easy") == 0;
}

static bool set_vin(void *u, const char *v)
{
    if (strcmp(v, "none") != 0 && !vin_valid(v)) {
        return false;
    }
    return str_copy(car(u)->vin, CHARGER_VIN_ROOM, strcmp(v, "none") == 0 ? "" : v);
}

const struct wire_key wire_car_keys[] = {
        {"vin", "17 characters with the right check digit, or none", "made from the seed",
                "none: a car that does not tell", set_vin},
        {"max_a", "0 to 80", "--max-a", "takes at most this", set_max},
        {"draw_a", "0 to 80, or auto", "auto",
                "takes exactly this whatever it is offered; auto: 0.8 A less than offered",
                set_draw},
        {"over_a", "0 to 80", "0",
                "above 0: takes this much more than it is offered, its own maximum ignored",
                set_over},
        {"ramp_a_s", "0 to 1000", "4", "how fast it follows, A per second", set_ramp},
        {"lag_s", "0 to 600", "0.5", "how late it begins to follow", set_lag},
        {"phases", "1 or 3", "--phases", "that it takes current from", set_phases},
        {"state", "awake, asleep or refuses", "awake",
                "asleep: wakes up after an offer has stood for 20 s; refuses: takes nothing",
                set_mood},
        {"lock", "on or off", "off",
                "on: clamps itself to 6 A when its limit rises a little, until 16 A (at an 80 A "
                "unit 21 A) hold for 5 s",
                set_lock},
        {"handshake", "strict or easy", "easy",
                "strict: 0 A held for 10 s in the first minute after a plug-in spoils it until "
                "the next plug-in",
                set_handshake},
        {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the unit ---- */

static bool set_talk(void *u, const char *v)
{
    int i = one_of(v, sim_talk_names);

    ((struct sim_charger *)u)->talk = i >= 0 ? (enum sim_talk)i : SIM_WELL;
    return i >= 0;
}

static bool set_stops(void *u, const char *v)
{
    int i = one_of(v, sim_stops_names);

    ((struct sim_charger *)u)->stops = i >= 0 ? (enum sim_stops)i : SIM_STOPS;
    return i >= 0;
}

const struct wire_key wire_unit_keys[] = {
        {"state", "well, mute or deaf", "well",
                "mute: hears and obeys, says nothing; deaf: its cable is cut, it neither hears nor says anything",
                set_talk},
        {"stops", "normal, silence or never", "normal",
                "silence: 0 A is taken as 6 A on protocol 1 too; never: it goes on without a "
                "master too",
                set_stops},
        {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the line ---- */

static struct line_config *line(void *config)
{
    return config;
}

static bool set_noise(void *u, const char *v)
{
    return whole(v, LINE_NOISE_MAX, &line(u)->noise);
}

static bool set_flips(void *u, const char *v)
{
    return whole(v, 1000, &line(u)->flips);
}

static bool set_lost(void *u, const char *v)
{
    return whole(v, 1000, &line(u)->lost);
}

static bool set_collisions(void *u, const char *v)
{
    return whole(v, 1000, &line(u)->collisions);
}

static bool set_missing(void *u, const char *v)
{
    return whole(v, 1000, &line(u)->missing);
}

static bool set_late(void *u, const char *v)
{
    return whole(v, 1000, &line(u)->late);
}

static bool set_late_ms(void *u, const char *v)
{
    return whole(v, LINE_LATE_MAX_MS, &line(u)->late_ms);
}

static bool set_echo(void *u, const char *v)
{
    return on_off(v, &line(u)->echo);
}

static bool set_echo_ms(void *u, const char *v)
{
    return whole(v, LINE_ECHO_MAX_MS, &line(u)->echo_ms);
}

static bool set_to(void *u, const char *v)
{
    line(u)->spares[LINE_TO_CHARGERS] = strcmp(v, "master") == 0;
    line(u)->spares[LINE_TO_MASTER] = strcmp(v, "chargers") == 0;
    return line(u)->spares[LINE_TO_CHARGERS] || line(u)->spares[LINE_TO_MASTER] ||
           strcmp(v, "both") == 0;
}

const struct wire_key wire_fault_keys[] = {
        {"noise", "0 to 200", "0", "bytes of nobody a second, on the idle line", set_noise},
        {"flips", "0 to 1000", "0", "per mille of frames with one bit flipped", set_flips},
        {"lost", "0 to 1000", "0", "per mille of frames that lose one byte", set_lost},
        {"collisions", "0 to 1000", "0",
                "per mille of frames over whose end somebody else talks", set_collisions},
        {"missing", "0 to 1000", "0", "per mille of frames that do not arrive at all",
                set_missing},
        {"to", "master, chargers or both", "both",
                "the direction of flips, lost, collisions and missing", set_to},
        {"late", "0 to 1000", "0", "per mille of answers that come late", set_late},
        {"late_ms", "0 to 60000", "1000", "how late", set_late_ms},
        {"echo", "on or off", "off", "the master hears what it says, as on some adapters",
                set_echo},
        {"echo_ms", "0 to 1000", "0", "how late the echo comes", set_echo_ms},
        {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the second master ---- */

static bool set_id(void *u, const char *v)
{
    unsigned id = 0;

    for (size_t i = 0; v[i]; i++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, v[i] | 0x20);

        if (i == 4 || !at || v[i] == ' ') {
            return false;
        }
        id = id << 4 | (unsigned)(at - hex);
    }
    ((struct rival *)u)->id = (uint16_t)id;
    return strlen(v) == 4 && id != 0;
}

static bool set_offer(void *u, const char *v)
{
    struct rival *r = u;

    if (strcmp(v, "none") == 0) {
        r->ma = RIVAL_GO_ON;
        return true;
    }
    return wire_number(v, 0, MA_MAX, &r->ma);
}

static bool set_every(void *u, const char *v)
{
    return wire_number(
            v, RIVAL_EVERY_MIN_MS, RIVAL_EVERY_MAX_MS, &((struct rival *)u)->every_ms);
}

const struct wire_key wire_master_keys[] = {
        {"id", "4 hex digits, not 0000", "8888", "its own id", set_id},
        {"offer_a", "0 to 80, or none", "16", "what it offers; none: \"go on\"", set_offer},
        {"every_s", "0.1 to 600", "1", "between two of its frames; the chargers take turns",
                set_every},
        {NULL, NULL, NULL, NULL, NULL},
};
