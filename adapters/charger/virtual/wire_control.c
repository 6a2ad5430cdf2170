/*
 * wire_control - the control lines of the virtual bus: one table of commands, run on a wire.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire_keys.h"
#include "bridge/base/json.h"
#include "bridge/base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 16, WORD_ROOM = 64, BOOT_USUAL_MS = 4000, BOOT_MAX_MS = 600000 };

struct call {
    struct wire *w;
    char word[WORDS_MAX][WORD_ROOM];
    int n;
    int64_t now_ms;
    struct buf *out;
};

struct command {  /* beside its row of wire_commands */
    int min, max; /* words after its name */
    bool (*run)(struct call *c);
};

static PRINTF_LIKE(2, 3) bool fail(struct buf *out, const char *fmt, ...)
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
    return false;
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
    jw_str(w, "unit", sim_talk_names[c->talk]);
    jw_int(w, "reboots", c->reboots);
    jw_close(w);
}

static void write_faults(const struct line *l, struct jw *w)
{
    jw_open(w, "faults");
    for (int f = 0; f < LINE_FAULTS; f++) {
        jw_int(w, line_fault_names[f], l->count[f]);
    }
    jw_close(w);
}

static bool status(struct call *c)
{
    const struct sim *s = &c->w->sim;
    struct jw w;

    jw_init(&w, c->out);
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
    write_faults(&c->w->line, &w);
    jw_int(&w, "second_master", c->w->rival.frames);
    jw_close(&w);
    return true;
}

/* ---- words ---- */

/* False: there are too many words, or one is too long. */
static bool split(struct call *c, const char *line)
{
    for (;;) {
        size_t len;

        line += strspn(line, " \t\r\n");
        len = strcspn(line, " \t\r\n");
        if (len == 0) {
            return true;
        }
        if (c->n == WORDS_MAX || len >= WORD_ROOM) {
            return fail(c->out, "wants at most %d words of at most %d characters", WORDS_MAX,
                    WORD_ROOM - 1);
        }
        str_format(c->word[c->n++], WORD_ROOM, "%.*s", (int)len, line);
        line += len;
    }
}

/* By its id, or by its number from 1 on. */
static struct sim_charger *find(struct call *c)
{
    struct sim *s = &c->w->sim;
    const char *id = c->word[1];

    if (id[0] >= '1' && id[0] <= '9' && id[1] == '\0' && id[0] - '0' <= s->n) {
        return &s->charger[id[0] - '1'];
    }
    for (int i = 0; i < s->n; i++) {
        char have[8];

        str_format(have, sizeof(have), "%04x", (unsigned)s->charger[i].id);
        if (str_iequal(have, id)) {
            return &s->charger[i];
        }
    }
    fail(c->out, "there is no charger '%s'", id);
    return NULL;
}

static bool no_key(struct call *c, const struct wire_key *table, const char *word)
{
    char all[160] = "";

    for (int i = 0; table[i].key; i++) {
        size_t n = strlen(all);

        str_format(all + n, sizeof(all) - n, " %s", table[i].key);
    }
    return fail(c->out, "%s: there is no key '%s':%s", c->word[0], word, all);
}

/* All words from number `from` on as key=value. False: the answer was written. */
static bool set_keys(struct call *c, int from, const struct wire_key *table, void *subject)
{
    for (int i = from; i < c->n; i++) {
        char *word = c->word[i], *eq = strchr(word, '=');
        const struct wire_key *k = table;

        if (!eq) {
            return fail(c->out, "%s: '%s' wants key=value", c->word[0], word);
        }
        *eq = '\0';
        while (k->key && strcmp(k->key, word) != 0) {
            k++;
        }
        if (!k->key) {
            return no_key(c, table, word);
        }
        if (!k->set(subject, eq + 1)) {
            return fail(
                    c->out, "%s: %s=%s: allowed is %s", c->word[0], word, eq + 1, k->allowed);
        }
    }
    return true;
}

/* The last word of "... on" or "... off". */
static bool on_off(struct call *c, int at, bool *on)
{
    *on = strcmp(c->word[at], "on") == 0;
    return *on || strcmp(c->word[at], "off") == 0 ||
           fail(c->out, "%s: '%s': allowed is on or off", c->word[0], c->word[at]);
}

/* ---- commands ---- */

static bool plug(struct call *c)
{
    struct sim_charger *u = find(c);

    if (u) {
        sim_car_plug(&c->w->sim, u, strcmp(c->word[0], "plug") == 0, c->now_ms);
    }
    return u != NULL;
}

static bool change(struct call *c, const struct wire_key *table)
{
    struct sim_charger *u = find(c), changed;

    if (!u) {
        return false;
    }
    changed = *u; /* all keys or none */
    if (!set_keys(c, 2, table, &changed)) {
        return false;
    }
    *u = changed;
    return true;
}

static bool car(struct call *c)
{
    return change(c, wire_car_keys);
}

static bool unit(struct call *c)
{
    return change(c, wire_unit_keys);
}

static bool reboot(struct call *c)
{
    struct sim_charger *u = find(c);
    int32_t boot_ms = BOOT_USUAL_MS;

    if (!u) {
        return false;
    }
    if (c->n > 2 && !wire_number(c->word[2], 0, BOOT_MAX_MS, &boot_ms)) {
        return fail(c->out, "reboot: '%s': allowed is 0 to 600 seconds", c->word[2]);
    }
    sim_reboot(&c->w->sim, u, c->now_ms, boot_ms);
    return true;
}

static bool duplicate(struct call *c)
{
    struct sim_charger *u = find(c);
    bool on;

    if (!u || !on_off(c, 2, &on)) {
        return false;
    }
    return sim_twin(&c->w->sim, u, on, c->now_ms) ||
           fail(c->out, "duplicate: there are %d chargers, which is the most",
                   SIM_CHARGERS_MAX);
}

static bool fault(struct call *c)
{
    struct line_config changed = c->w->line.config;

    if (c->n == 2 && strcmp(c->word[1], "off") == 0) {
        struct line usual;

        line_init(&usual, 0);
        changed = usual.config;
    } else if (!set_keys(c, 1, wire_fault_keys, &changed)) {
        return false;
    }
    c->w->line.config = changed;
    return true;
}

static bool master(struct call *c)
{
    struct rival changed = c->w->rival;

    if (!on_off(c, 1, &changed.on) || !set_keys(c, 2, wire_master_keys, &changed)) {
        return false;
    }
    if (changed.on && !c->w->rival.on) {
        changed.next_ms = c->now_ms;
    }
    c->w->rival = changed;
    return true;
}

static bool leave(struct call *c)
{
    c->w->exit = true;
    return true;
}

const struct wire_help wire_commands[] = {
        {"plug", "ID", "a car is plugged in"},
        {"unplug", "ID", "and taken away"},
        {"car", "ID key=value ...", "changes the car; all keys or, if one is wrong, none"},
        {"unit", "ID key=value ...", "changes the charger, likewise"},
        {"reboot", "ID [SECONDS]",
                "dead for so long (0 to 600, default 4), then back with a new sign, its limit "
                "forgotten"},
        {"duplicate", "ID on|off", "a second charger with the same id"},
        {"fault", "key=value ... or off", "faults of the line"},
        {"master", "on|off key=value ...", "a second master"},
        {"status", "", "everything that there is to see"},
        {"exit", "", "ends the simulation, exit code 0"},
        {NULL, NULL, NULL},
};

static const struct command commands[] = {
        {1, 1, plug},
        {1, 1, plug},
        {2, WORDS_MAX, car},
        {2, WORDS_MAX, unit},
        {1, 2, reboot},
        {2, 2, duplicate},
        {1, WORDS_MAX, fault},
        {1, WORDS_MAX, master},
        {0, 0, status},
        {0, 0, leave},
};

static_assert(ARRAY_LEN(commands) + 1 == ARRAY_LEN(wire_commands), "one row each");

static bool no_command(struct call *c)
{
    char all[160] = "";

    for (int i = 0; wire_commands[i].name; i++) {
        size_t n = strlen(all);

        str_format(all + n, sizeof(all) - n, " %s", wire_commands[i].name);
    }
    return fail(c->out, "there is no command '%s':%s", c->n > 0 ? c->word[0] : "", all);
}

bool wire_control(struct wire *w, const char *line, int64_t now_ms, struct buf *out)
{
    struct call c = {.w = w, .now_ms = now_ms, .out = out};
    size_t before = out->len;

    if (!split(&c, line)) {
        return false;
    }
    for (int i = 0; c.n > 0 && wire_commands[i].name; i++) {
        if (strcmp(wire_commands[i].name, c.word[0]) != 0) {
            continue;
        }
        if (c.n - 1 < commands[i].min || c.n - 1 > commands[i].max) {
            return fail(out, "wants: %s %s", wire_commands[i].name, wire_commands[i].args);
        }
        if (!commands[i].run(&c)) {
            return false;
        }
        if (out->len == before) {
            buf_adds(out, "{\"ok\":true}");
        }
        return true;
    }
    return no_command(&c);
}
