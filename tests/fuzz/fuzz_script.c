/*
 * fuzz_script - any text as a script of the virtual bus. First byte: chargers - 1, 8 protocol 1. A
 * refusal names its line, and a word that stands there; what is taken names the line of any command
 * that the bus refuses, on a copy; what is checked runs to its end: each line in its turn, at its
 * time, as often as a second count says, while a master talks to the chargers. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/script.h"
#include "tests/fuzz/fuzz.h"

enum {
    COUNTED_MAX = 64,
    RUN_MAX = 600,       /* lines of a run */
    TIME_MAX_MS = 90000, /* of bus time between them */
    STEPS_MAX = 4000,
    BEAT_MS = 1000,
};
static const char file[] = "a/b c.script";

static struct wire bus;
static int64_t now, next, beat;
static int steps;

/* Line number n of the text, as the input has it. */
static size_t line_at(const char *text, int n, const char **line)
{
    while (--n > 0 && text) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    *line = text;
    return text ? strcspn(text, "\n") : 0;
}

/* "NAME:LINE: ..." with a line that there is. */
static int names_a_line(const char *error, const char *text)
{
    const char *at = error + strlen(file), *line;
    char *end;
    long n;

    fuzz_sentence(error, sizeof(((struct err *)0)->text));
    fuzz_check(strncmp(error, file, strlen(file)) == 0 && *at == ':', "which file? %s", error);
    n = strtol(at + 1, &end, 10);
    fuzz_check(end[0] == ':' && end[1] == ' ' && end[2] != '\0', "what? %s", error);
    fuzz_check(n > 0 && n < 1000000, "line %ld: %s", n, error);
    (void)line_at(text, (int)n, &line);
    fuzz_check(line, "there is no line %ld: %s", n, error);
    return (int)n;
}

/* A sentence has blanks for control characters, and nothing for what is no UTF-8. */
static size_t tidied(char *dst, size_t room, const char *line, size_t len)
{
    size_t out = 0;

    for (size_t n; len > 0; line += n, len -= n) {
        bool control = str_control(line, len) > 0;

        n = str_utf8(line, len);
        if (n > 0 && out + n < room) {
            memcpy(dst + out, control ? " " : line, control ? 1 : n);
            out += control ? 1 : n;
        }
        n = n > 0 ? n : 1;
    }
    dst[out] = '\0';
    return out;
}

/* The quoted word stands in that line. */
static void names_a_word(const char *error, const char *text, int number)
{
    const char *word = strchr(error + strlen(file) + 2, '\''), *close, *line;
    size_t len = line_at(text, number, &line);
    char tidy[4096];

    fuzz_check(word, "no word: %s", error);
    close = strstr(++word, "': ");
    fuzz_check(close, "no word: %s", error);
    len = tidied(tidy, sizeof(tidy), line, len);
    for (size_t n = (size_t)(close - word), i = 0; i + n <= len; i++) {
        if (memcmp(tidy + i, word, n) == 0) {
            return;
        }
    }
    fuzz_check(false, "not in line %d: %s", number, error);
}

/* ---- how often ---- */

struct count {
    int64_t from, to, step;
    int64_t before, after; /* the repeat, and as it or behind it */
};

static int64_t ms(const char *text, size_t n)
{
    int64_t v = 0;

    fuzz_check(str_scaled(text, n, 1000, &v), "no time: %.*s", (int)n, text);
    return v;
}

static void times_of(const char *word, size_t n, struct count *c)
{
    const char *dots = memmem(word, n, "..", 2), *slash = memchr(word, '/', n);

    c->from = ms(word, dots ? (size_t)(dots - word) : n);
    c->to = dots ? ms(dots + 2, (size_t)(slash - dots - 2)) : c->from;
    c->step = dots ? ms(slash + 1, (size_t)(word + n - slash - 1)) : 1;
}

/* All that the text says will happen; -1: more than is counted here. */
static int64_t count(const char *text)
{
    struct count row[COUNTED_MAX];
    int rows = 0, repeat = -1;
    int64_t rounds = 0, total = 0;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        size_t n;

        line += *line == '\n';
        line += strspn(line, " \t");
        n = strcspn(line, "#\r\n \t");
        if (n == 0 || strncmp(line, "seed", n) == 0 || strncmp(line, "start", n) == 0) {
            continue;
        }
        if (rows == COUNTED_MAX) {
            return -1;
        }
        times_of(line, n, &row[rows]);
        line += n + strspn(line + n, " \t");
        if (strncmp(line, "repeat", 6) == 0) {
            repeat = rows;
            line += 6 + strspn(line + 6, " \t");
            fuzz_check(str_scaled(line, strcspn(line, "#\r\n"), 1, &rounds), "no number");
        }
        rows++;
    }
    for (int i = 0; i < rows; i++) {
        struct count *c = &row[i];
        int64_t all = 1 + (c->to - c->from) / c->step, early = 0;
        int64_t end = repeat >= 0 ? row[repeat].from - (i > repeat) : -1; /* and as late */

        if (i != repeat && end >= c->from) {
            early = 1 + (end - c->from) / c->step;
            early = early < all ? early : all;
        }
        if (all > RUN_MAX || early * rounds > RUN_MAX) {
            return -1;
        }
        total += i == repeat ? 0 : early * rounds + all;
    }
    return total;
}

/* ---- the bus under it ---- */

static void heartbeat(void)
{
    uint8_t wire[FRAME_WIRE_MAX];
    uint16_t id = bus.sim.charger[(now / BEAT_MS) % bus.sim.n].id;
    uint8_t body[15] = {
            0xFB, 0xE0, 0x77, 0x77, (uint8_t)(id >> 8), (uint8_t)id, 9, 16000 / 10 / 256, 0x40};
    struct frame f;

    fuzz_check(frame_seal(&f, body, 15), "not sealed");
    wire_rx(&bus, wire, frame_encode(&f, wire), now);
    beat = now + BEAT_MS;
    next = now;
}

static void pass(int64_t to_ms)
{
    to_ms = to_ms < now + TIME_MAX_MS ? to_ms : now + TIME_MAX_MS;
    while (now < to_ms && steps++ < STEPS_MAX) {
        uint8_t out[SIM_OUT_MAX];
        size_t n;

        now = next > now ? next : now + 1;
        now = now < to_ms ? now : to_ms;
        if (now >= beat) {
            heartbeat();
        }
        n = wire_tick(&bus, now, out, &next);
        fuzz_check(n <= SIM_OUT_MAX && next > now, "%zu bytes, next %lld at %lld", n,
                (long long)next, (long long)now);
        next = next < beat ? next : beat;
    }
    now = to_ms;
}

static bool has(const char *text, int number, const char *line)
{
    const char *at;
    size_t n = line_at(text, number, &at), len = strlen(line);

    for (size_t i = 0; at && i + len <= n; i++) {
        if (memcmp(at + i, line, len) == 0) {
            return true;
        }
    }
    return false;
}

/* What the head of the script says. */
static void head(const struct script *s, const char *text)
{
    int64_t seed = -7;

    if (script_seed(s, &seed)) {
        fuzz_check(seed >= 0 && seed <= INT32_MAX && strstr(text, "seed"), "a seed of %lld",
                (long long)seed);
    } else {
        fuzz_check(seed == -7, "no seed, and %lld", (long long)seed);
    }
    fuzz_check(!script_starts_with_master(s) || strstr(text, "master"), "who starts?");
}

static void run(struct script *s, const char *text)
{
    int64_t want = count(text), start = now, last = 0, due;
    int64_t ran = 0;

    while ((due = script_due_ms(s)) != INT64_MAX && ran < RUN_MAX && !bus.exit) {
        int64_t was;
        int number = 0;
        const char *line;

        fuzz_check(due >= last, "%lld ms after %lld", (long long)due, (long long)last);
        pass(start + due);
        start = now - due; /* where time was skipped */
        while (!bus.exit && ran < RUN_MAX && (line = script_next(s, due, &number, &was))) {
            struct buf b;

            fuzz_check(was >= last && was <= due, "at %lld, after %lld", (long long)was,
                    (long long)last);
            fuzz_check(has(text, number, line), "line %d is not '%s'", number, line);
            last = was;
            ran++;
            buf_init(&b, BUF_CAP_DOCUMENT);
            (void)wire_control(&bus, line, now, &b); /* the check saw each line once */
            json_put(fuzz_json(buf_text(&b), b.len));
            buf_finish(&b);
        }
    }
    fuzz_check(bus.exit || ran >= RUN_MAX || want < 0 || ran == want,
            "%lld lines ran, not %lld", (long long)ran, (long long)want);
    pass(now + 2000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};
    uint8_t how = fuzz_u8(&in);
    size_t n = (size_t)(in.end - in.p);
    struct sim_config c = {.chargers = 1 + (how & 7),
            .protocol = (how & 8) != 0 ? 1 : 2,
            .plugged = true,
            .max_ma = 32000,
            .volts = 230,
            .phases = 3,
            .first_id = 0x1A2B,
            .seed = 1};
    static struct wire before;
    struct err e = {0};
    char *text = malloc(n + 1);
    struct script *s;

    fuzz_check(text, "out of memory");
    memcpy(text, in.p, n);
    text[n] = '\0';
    s = script_parse((const char *)in.p, n, file, &e);
    now = next = 1000;
    beat = now;
    steps = 0;
    wire_init(&bus, &c, now);
    before = bus;
    if (strlen(text) != n) {
        fuzz_check(!s, "a zero byte was taken");
        fuzz_sentence(e.text, sizeof(e.text));
    } else if (!s) {
        names_a_word(e.text, text, names_a_line(e.text, text));
    } else if (!script_check(s, &bus, &e)) {
        (void)names_a_line(e.text, text);
    } else {
        fuzz_check(memcmp(&before, &bus, sizeof(bus)) == 0, "the check did something");
        head(s, text);
        run(s, text);
    }
    script_destroy(s);
    free(text);
    return 0;
}
