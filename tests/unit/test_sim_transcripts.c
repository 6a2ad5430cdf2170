/*
 * What a master and a virtual charger say to each other, line by line: tests/data/transcripts.
 *
 *   set protocol=1 plugged=1 idle_ma=250 max_ma=32000    first line that is no comment
 *   1000 > FBE077771A2B090640..       master to charger, the body without its checksum
 *   1070 < FDE01A2B7777010640..       charger to master, within 50 ms of that time
 *   1070 = C0FDE0...C0FC              the same, as bytes on the wire
 *   2000..9000/1000 > FBE0...         repeated; the answers to these are not looked at
 *   9500 ! unplug 1a2b                a control line
 *   9500 ? "drawn_a":5.2              a part of the status
 *
 * ".." fills with zeros to the length of a heartbeat. Nothing else may be heard.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire.h"
#include "bridge/base/str.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { LINES_MAX = 200, LINE_ROOM = 256, EPOCH_MS = 1000000, NEAR_MS = 50, ANSWER_MS = 200 };

struct talk_line {
    int number;
    int64_t from_ms, to_ms, step_ms;
    char what; /* > < = ! ? */
    char text[LINE_ROOM];
};

struct talk {
    const char *name;
    struct wire wire;
    struct talk_line line[LINES_MAX];
    int lines, at;    /* at: the next line that was not reached */
    int64_t quiet_ms; /* answers up to here are not looked at */
    int64_t now_ms;   /* since the start */
    char wrong[600];  /* "": all is well */
};

static void wrong(struct talk *t, int number, const char *fmt, const char *a, const char *b)
{
    if (t->wrong[0] == '\0') {
        snprintf(t->wrong, sizeof(t->wrong), "%s:%d: at %lld ms: %s%s%s%s", t->name, number,
                (long long)t->now_ms, fmt, a, b[0] != '\0' ? ", wanted " : "", b);
    }
}

/* ---- reading ---- */

static bool read_line(struct talk_line *l, const char *s)
{
    long long from = 0, to = 0, step = 0;
    int n = 0;

    if (sscanf(s, "%lld..%lld/%lld %c %n", &from, &to, &step, &l->what, &n) != 4) {
        if (sscanf(s, "%lld %c %n", &from, &l->what, &n) != 2) {
            return false;
        }
        to = from;
        step = 1;
    }
    l->from_ms = from;
    l->to_ms = to;
    l->step_ms = step;
    snprintf(l->text, sizeof(l->text), "%s", s + n);
    return strchr("><=!?", l->what) && step > 0 && to >= from;
}

static void configure(struct talk *t, char *s)
{
    struct sim_config c = {.chargers = 1,
            .protocol = 2,
            .max_ma = 32000,
            .volts = 230,
            .phases = 3,
            .first_id = 0x1A2B,
            .seed = 1};
    char *save = NULL;

    for (char *w = strtok_r(s, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char key[32] = "";
        int v = 0;

        assert_int_equal(sscanf(w, "%31[a-z_]=%d", key, &v), 2);
        if (strcmp(key, "protocol") == 0) {
            c.protocol = (uint8_t)v;
        } else if (strcmp(key, "plugged") == 0) {
            c.plugged = v != 0;
        } else if (strcmp(key, "old_firmware") == 0) {
            c.old_firmware = v != 0;
        } else if (strcmp(key, "idle_ma") == 0) {
            c.idle_ma = v;
        } else if (strcmp(key, "max_ma") == 0) {
            c.max_ma = v;
        } else {
            check_str(key, "a key that 'set' knows");
        }
    }
    wire_init(&t->wire, &c, EPOCH_MS);
}

static void load(struct talk *t, const char *name)
{
    char path[512], s[LINE_ROOM];
    FILE *f;
    bool set = false;

    t->name = name;
    snprintf(path, sizeof(path), "%s/transcripts/%s.txt", TEST_DATA, name);
    f = fopen(path, "r");
    if (!f) {
        check_str("no such file", path);
        return;
    }
    for (int n = 1; fgets(s, sizeof(s), f); n++) {
        s[strcspn(s, "\n")] = '\0';
        if (s[0] == '#' || s[0] == '\0') {
            continue;
        }
        if (strncmp(s, "set", 3) == 0 && !set) {
            configure(t, s + 3);
            set = true;
            continue;
        }
        assert_true(t->lines < LINES_MAX);
        t->line[t->lines].number = n;
        if (!read_line(&t->line[t->lines++], s)) {
            wrong(t, n, "not understood: ", s, "");
        }
    }
    fclose(f);
    assert_true(set);
}

static size_t hex(const char *s, uint8_t *out, size_t room)
{
    size_t n = 0;
    unsigned v;

    while (n < room && sscanf(s, "%2x", &v) == 1 && strlen(s) >= 2) {
        out[n++] = (uint8_t)v;
        s += 2;
        s += strspn(s, " ");
    }
    return n;
}

/* A body as it stands in a line to the bytes on the wire. */
static size_t wire_of(const struct talk *t, const char *text, uint8_t *out)
{
    uint8_t body[FRAME_BODY_MAX] = {0};
    size_t n = hex(text, body, sizeof(body));
    size_t full = t->wire.sim.config.protocol == 1 ? 13 : 15;
    struct frame f;

    if (strstr(text, "..") && n < full) {
        n = full;
    }
    return frame_seal(&f, body, n) ? frame_encode(&f, out) : 0;
}

/* ---- running ---- */

static void say(struct talk *t, const struct talk_line *l)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = wire_of(t, l->text, wire);

    if (n == 0) {
        wrong(t, l->number, "no frame has this length: ", l->text, "");
    }
    wire_rx(&t->wire, wire, n, EPOCH_MS + t->now_ms);
}

static void control(struct talk *t, const struct talk_line *l)
{
    struct buf b;

    buf_init(&b, BUF_CAP_DOCUMENT);
    (void)wire_control(&t->wire, l->what == '!' ? l->text : "status", EPOCH_MS + t->now_ms, &b);
    if (!strstr(buf_text(&b), l->what == '!' ? "\"ok\":true" : l->text)) {
        wrong(t, l->number, "answer is ", buf_text(&b), l->text);
    }
    buf_finish(&b);
}

/* A frame of the charger: it must be what the next line says. */
static void heard(struct talk *t, const uint8_t *p, size_t n)
{
    const struct talk_line *l = t->at < t->lines ? &t->line[t->at] : NULL;
    int number = l ? l->number : t->line[t->lines - 1].number;
    uint8_t want[SIM_OUT_MAX];
    char got_hex[160], want_hex[160];
    size_t len;

    if (t->now_ms <= t->quiet_ms) {
        return;
    }
    str_hex(got_hex, sizeof(got_hex), p, n);
    if (!l || (l->what != '<' && l->what != '=')) {
        wrong(t, number, "heard ", got_hex, "nothing");
        return;
    }
    if (l->what == '=') {
        len = hex(l->text, want, sizeof(want));
    } else {
        len = wire_of(t, l->text, want);
        want[len++] = 0xFC; /* the tail */
    }
    str_hex(want_hex, sizeof(want_hex), want, len);
    if (len != n || memcmp(want, p, n) != 0) {
        wrong(t, number, "heard ", got_hex, want_hex);
    } else if (t->now_ms > l->from_ms + NEAR_MS || t->now_ms < l->from_ms - NEAR_MS) {
        wrong(t, number, "heard too early or too late: ", got_hex, "");
    }
    t->at++;
}

/* What the lines order at this time. */
static void orders(struct talk *t)
{
    while (t->at < t->lines) {
        const struct talk_line *l = &t->line[t->at];

        if (l->what == '<' || l->what == '=') {
            if (t->now_ms > l->from_ms + NEAR_MS) {
                wrong(t, l->number, "nothing was heard", "", l->text);
                t->at++;
            }
            return;
        }
        if (t->now_ms < l->from_ms) {
            return;
        }
        if (l->what != '>') {
            control(t, l);
        } else if ((t->now_ms - l->from_ms) % l->step_ms == 0) {
            say(t, l);
        }
        if (l->to_ms > l->from_ms) {
            t->quiet_ms = t->now_ms + ANSWER_MS;
        }
        if (t->now_ms < l->to_ms) {
            return;
        }
        t->at++;
    }
}

static void run(struct talk *t)
{
    uint8_t out[SIM_OUT_MAX];
    int64_t next_ms, end_ms = t->line[t->lines - 1].to_ms + ANSWER_MS;

    for (t->now_ms = 0; t->now_ms <= end_ms && t->wrong[0] == '\0'; t->now_ms++) {
        size_t n;

        orders(t);
        n = wire_tick(&t->wire, EPOCH_MS + t->now_ms, out, &next_ms);
        if (n > 0) {
            heard(t, out, n);
        }
    }
    if (t->at < t->lines) {
        wrong(t, t->line[t->at].number, "never came: ", t->line[t->at].text, "");
    }
}

static void play(void **state, const char *name)
{
    struct talk *t = test_calloc(1, sizeof(*t));

    (void)state;
    load(t, name);
    if (t->lines > 0) {
        run(t);
    }
    check_str(t->wrong, "");
    test_free(t);
}

/* ---- the reader itself can fail ---- */

static void a_wrong_byte_in_a_transcript_is_found(void **state)
{
    struct talk *t = test_calloc(1, sizeof(*t));

    (void)state;
    load(t, "unplugged_shows_nothing");
    for (int i = 0; i < t->lines; i++) {
        char *state_byte = strstr(t->line[i].text, "777700");

        if (t->line[i].what == '<' && state_byte) {
            state_byte[5] = '1';
        }
    }
    run(t);
    check_has(t->wrong, "heard c0fde01a2b777700");
    test_free(t);
}

static void a_missing_answer_is_found(void **state)
{
    struct talk *t = test_calloc(1, sizeof(*t));

    (void)state;
    load(t, "unplugged_shows_nothing");
    t->line[0].text[11] = 'C'; /* to another charger */
    run(t);
    check_has(t->wrong, "nothing was heard");
    test_free(t);
}

#define TRANSCRIPTS(X)                      \
    X(announces_itself_without_a_master)    \
    X(announces_itself_again_after_silence) \
    X(charge_is_lost_without_a_master)      \
    X(amps_at_once_after_an_outage)         \
    X(the_third_interruption_is_too_many)   \
    X(protocol_1_stops_at_zero)             \
    X(protocol_1_swings_if_not_repeated)    \
    X(protocol_2_goes_on_at_zero)           \
    X(protocol_2_takes_05_before_charging)  \
    X(two_amps_more)                        \
    X(two_amps_less_for_a_while)            \
    X(mirrors_any_value)                    \
    X(idle_offset)                          \
    X(tail_byte)                            \
    X(answers_of_new_firmware)              \
    X(answers_of_old_firmware)              \
    X(unplugged_shows_nothing)              \
    X(six_amp_lock)                         \
    X(strict_handshake)

#define X(name)                    \
    static void name(void **state) \
    {                              \
        play(state, #name);        \
    }
TRANSCRIPTS(X)
#undef X

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_wrong_byte_in_a_transcript_is_found),
            cmocka_unit_test(a_missing_answer_is_found),
#define X(name) cmocka_unit_test(name),
            TRANSCRIPTS(X)
#undef X
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
