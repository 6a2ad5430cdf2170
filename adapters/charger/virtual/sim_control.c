/*
 * sim_control - the control lines of the virtual chargers. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/sim.h"
#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 12, WORD_ROOM = 64 };

static PRINTF_LIKE(2, 3) void fail(struct buf *out, const char *fmt, ...)
{
    char text[200];
    struct jw w;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    jw_init(&w, out);
    jw_open(&w, NULL);
    jw_bool(&w, "ok", false);
    jw_str(&w, "error", text);
    jw_close(&w);
}

static void fine(struct buf *out)
{
    buf_adds(out, "{\"ok\":true}");
}

static void write_charger(const struct sim_charger *c, const struct sim *s, struct jw *w)
{
    char id[8];
    int64_t wh = c->energy_mwms / INT64_C(3600000000);

    str_format(id, sizeof(id), "%04x", (unsigned)c->id);
    jw_open(w, NULL);
    jw_str(w, "id", id);
    jw_int(w, "protocol", c->protocol);
    jw_int(w, "state", c->state);
    jw_decimal(w, "told_a", c->told_ma > 0 ? c->told_ma : 0, 3, 2);
    jw_decimal(w, "offered_a", sim_limit(c), 3, 2);
    jw_decimal(w, "drawn_a", c->draw_ma, 3, 2);
    jw_bool(w, "plugged", c->car.plugged);
    jw_bool(w, "contactor", c->contactor);
    jw_str(w, "vin", c->car.plugged && c->car.vin[0] != '\0' ? c->car.vin : NULL);
    jw_str(w, "car", sim_mood_names[c->car.mood]);
    jw_decimal(w, "energy_kwh", wh, 3, 3);
    jw_int(w, "counter_kwh", c->energy_kwh0 + wh / 1000);
    jw_int(w, "interruptions", c->car.interruptions);
    jw_int(w, "closings", c->closings);
    jw_bool(w, "locked", c->car.locked);
    jw_bool(w, "handshake_failed", c->car.failed);
    jw_bool(w, "linked", c->heard_ms != 0 && c->linkready_ms == INT64_MAX);
    jw_decimal(w, "max_a", c->hw_max_ma, 3, 2);
    jw_int(w, "phases", c->car.phases);
    jw_int(w, "volts", s->config.volts);
    jw_close(w);
}

static void status(const struct sim *s, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_open(&w, NULL);
    jw_bool(&w, "ok", true);
    jw_array(&w, "chargers");
    for (int i = 0; i < s->n; i++) {
        write_charger(&s->charger[i], s, &w);
    }
    jw_array_end(&w);
    jw_int(&w, "frames_in", s->frames_in);
    jw_int(&w, "frames_out", s->frames_out);
    jw_int(&w, "bad_frames", s->bad_frames);
    jw_int(&w, "collisions", s->collisions);
    if (s->min_spacing_ms == UINT32_MAX) {
        jw_null(&w, "least_spacing_ms");
    } else {
        jw_int(&w, "least_spacing_ms", s->min_spacing_ms);
    }
    jw_int(&w, "dangerous", s->dangerous);
    jw_str(&w, "danger", s->danger[0] != '\0' ? s->danger : NULL);
    jw_close(&w);
}

static bool set_ma(const char *value, int32_t max_ma, int32_t *out)
{
    int64_t v = 0;

    if (!str_scaled(value, strlen(value), 1000, &v) || v < 0 || v > max_ma) {
        return false;
    }
    *out = (int32_t)v;
    return true;
}

static bool set_max(struct sim_charger *c, const char *v)
{
    return set_ma(v, MA_MAX, &c->car.max_ma);
}

static bool set_ramp(struct sim_charger *c, const char *v)
{
    return set_ma(v, 1000000, &c->car.ramp_ma_s);
}

static bool set_draw(struct sim_charger *c, const char *v)
{
    if (strcmp(v, "auto") == 0) {
        c->car.draw_ma = -1;
        return true;
    }
    return set_ma(v, MA_MAX, &c->car.draw_ma);
}

static bool set_lag(struct sim_charger *c, const char *v)
{
    int32_t ma;

    if (!set_ma(v, 600000, &ma)) {
        return false;
    }
    c->car.lag_ms = ma; /* seconds in thousandths are ms */
    return true;
}

static bool set_phases(struct sim_charger *c, const char *v)
{
    if (strcmp(v, "1") != 0 && strcmp(v, "3") != 0) {
        return false;
    }
    c->car.phases = v[0] - '0';
    return true;
}

static bool set_mood(struct sim_charger *c, const char *v)
{
    for (int i = 0; i < SIM_MOODS; i++) {
        if (strcmp(sim_mood_names[i], v) == 0) {
            c->car.mood = (enum sim_mood)i;
            c->car.asleep_ms = 0;
            return true;
        }
    }
    return false;
}

static bool set_lock(struct sim_charger *c, const char *v)
{
    c->car.lock = strcmp(v, "on") == 0;
    return c->car.lock || strcmp(v, "off") == 0;
}

static bool set_handshake(struct sim_charger *c, const char *v)
{
    c->car.strict = strcmp(v, "strict") == 0;
    return c->car.strict || strcmp(v, "easy") == 0;
}

static bool set_vin(struct sim_charger *c, const char *v)
{
    if (strcmp(v, "none") != 0 && !vin_valid(v)) {
        return false;
    }
    str_copy(c->car.vin, sizeof(c->car.vin), strcmp(v, "none") == 0 ? "" : v);
    return true;
}

static const struct {
    const char *key, *allowed;
    bool (*set)(struct sim_charger *c, const char *value);
} keys[] = {
        {"vin", "17 characters with the right check digit, or none", set_vin},
        {"max_a", "0 to 80", set_max},
        {"ramp_a_s", "0 to 1000", set_ramp},
        {"lag_s", "0 to 600", set_lag},
        {"draw_a", "0 to 80, or auto", set_draw},
        {"phases", "1 or 3", set_phases},
        {"state", "awake, asleep or refuses", set_mood},
        {"lock", "on or off", set_lock},
        {"handshake", "strict or easy", set_handshake},
};

/* One key=value; false: the answer was written. */
static bool set_one(struct sim_charger *c, char *word, struct buf *out)
{
    char *eq = strchr(word, '=');

    if (!eq) {
        fail(out, "car: '%s' wants key=value", word);
        return false;
    }
    *eq = '\0';
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (strcmp(keys[i].key, word) != 0) {
            continue;
        }
        if (!keys[i].set(c, eq + 1)) {
            fail(out, "car: %s=%s: allowed is %s", word, eq + 1, keys[i].allowed);
            return false;
        }
        return true;
    }
    fail(out,
            "car: there is no key '%s': vin max_a ramp_a_s lag_s draw_a phases state lock "
            "handshake",
            word);
    return false;
}

static int split(const char *line, char word[WORDS_MAX][WORD_ROOM])
{
    int n = 0;

    for (;;) {
        size_t len;

        line += strspn(line, " \t\r\n");
        len = strcspn(line, " \t\r\n");
        if (len == 0 || n == WORDS_MAX) {
            return n;
        }
        str_format(word[n++], WORD_ROOM, "%.*s", (int)len, line);
        line += len;
    }
}

static struct sim_charger *find(struct sim *s, const char *id, struct buf *out)
{
    for (int i = 0; i < s->n; i++) {
        char have[8];

        str_format(have, sizeof(have), "%04x", (unsigned)s->charger[i].id);
        if (str_iequal(have, id)) {
            return &s->charger[i];
        }
    }
    fail(out, "there is no charger '%s'", id);
    return NULL;
}

void sim_control(struct sim *s, const char *line, int64_t now_ms, struct buf *out)
{
    char word[WORDS_MAX][WORD_ROOM];
    int n = split(line, word);
    struct sim_charger *c, changed;
    bool is_car;

    if (n == 1 && strcmp(word[0], "status") == 0) {
        status(s, out);
        return;
    }
    is_car = n > 2 && strcmp(word[0], "car") == 0;
    if (!is_car &&
            (n != 2 || (strcmp(word[0], "plug") != 0 && strcmp(word[0], "unplug") != 0))) {
        fail(out, "wants: plug ID, unplug ID, car ID key=value..., or status");
        return;
    }
    c = find(s, word[1], out);
    if (!c) {
        return;
    }
    if (is_car) {
        changed = *c; /* all keys or none */
        for (int i = 2; i < n; i++) {
            if (!set_one(&changed, word[i], out)) {
                return;
            }
        }
        *c = changed;
    } else {
        sim_car_plug(s, c, strcmp(word[0], "plug") == 0, now_ms);
    }
    fine(out);
}
