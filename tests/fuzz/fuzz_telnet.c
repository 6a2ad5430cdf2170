/*
 * fuzz_telnet - a gateway behind RFC 2217, and what the client makes of it. First byte: 1 the port
 * is agreed on before, 2 the time for answers is over after half, 4 in and out are one buffer; second:
 * how the rest is cut. A second reader of telnet finds the same bytes of the line; however the
 * input is cut, data, replies and phase are the same; what is said is bounded, each refusal once, and
 * only what the client knows; escaped bytes come out as they were. SPDX-License-Identifier: MIT
 */
#include "bridge/io/telnet.h"
#include "tests/fuzz/fuzz.h"

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240 };
enum { SAID_MAX = TELNET_REPLY_MAX, HALF = 2, ONE_BUFFER = 4, ANSWERS_MAX = 6 };

struct heard {
    struct telnet t;
    uint8_t *data; /* of the line */
    size_t n, at;  /* at: how much of the input was taken before a fault */
    uint8_t said[SAID_MAX];
    size_t said_n;
};

static const uint8_t agreement[] = {IAC, WILL, 0, IAC, DO, 0, IAC, DO, 44, IAC, SB, 44, 101, 0,
        0, 0x25, 0x80, IAC, SE, IAC, SB, 44, 102, 8, IAC, SE, IAC, SB, 44, 103, 1, IAC, SE, IAC,
        SB, 44, 104, 1, IAC, SE, IAC, SB, 44, 105, 1, IAC, SE};

static void *room(size_t n)
{
    void *p = malloc(n > 0 ? n : 1);

    fuzz_check(p, "out of memory");
    return p;
}

static void drain(struct heard *h)
{
    uint8_t reply[TELNET_REPLY_MAX];
    size_t n = h->t.reply_len > 0 ? telnet_take(&h->t, reply) : 0;

    if (n == 0) {
        return;
    }
    fuzz_check(n <= SAID_MAX - h->said_n, "says %zu bytes after %zu", n, h->said_n);
    memcpy(h->said + h->said_n, reply, n);
    h->said_n += n;
    fuzz_check(telnet_take(&h->t, reply) == 0, "says it twice");
}

static void piece(struct heard *h, const uint8_t *p, size_t n, bool one_buffer)
{
    enum telnet_phase was = h->t.phase;
    uint8_t one, *out = n == 1 ? &one : room(n);
    size_t got;

    if (one_buffer) {
        memcpy(out, p, n);
    }
    got = telnet_feed(&h->t, one_buffer ? out : p, n, out);
    fuzz_check(got <= n, "%zu bytes out of %zu", got, n);
    fuzz_check(got == 0 || was != TELNET_FAULT, "data after a fault");
    fuzz_check(h->t.phase >= was, "phase %u after %u", h->t.phase, was);
    memcpy(h->data + h->n, out, got);
    h->n += got;
    h->at += h->t.phase == TELNET_FAULT ? 0 : n;
    drain(h);
    if (out != &one) {
        free(out);
    }
}

/* cut 0: in one piece; else in pieces of 1.. bytes. */
static void hear(struct heard *h, const uint8_t *p, size_t n, uint8_t how, uint8_t cut)
{
    uint32_t random = cut;
    bool late = (how & HALF) != 0;

    memset(h, 0, sizeof(*h));
    h->data = room(n);
    telnet_start(&h->t);
    drain(h);
    if ((how & 1) != 0) {
        piece(h, agreement, sizeof(agreement), false);
        fuzz_check(h->t.phase == TELNET_READY && h->n == 0, "not agreed");
        h->at = 0;
    }
    for (size_t i = 0, part; i < n; i += part) {
        size_t end = late && i < n / 2 ? n / 2 : n;

        if (late && i == n / 2) {
            telnet_deadline(&h->t);
            fuzz_check(h->t.phase != TELNET_ASKING, "asks for ever");
        }
        random = random * 1664525 + 1013904223;
        part = cut == 0 ? end - i : cut == 1 ? 1 : 1 + (random >> 24) % 23;
        part = part < end - i ? part : end - i;
        piece(h, p + i, part, (how & ONE_BUFFER) != 0);
    }
}

/* Bytes of the line in an input, read in another way: by what stands behind each IAC. */
static size_t line_bytes(const uint8_t *p, size_t n, uint8_t *out)
{
    size_t len = 0, i = 0;

    while (i < n) {
        const uint8_t *iac = memchr(p + i, IAC, n - i);
        size_t plain = iac ? (size_t)(iac - p) - i : n - i;
        uint8_t verb;

        memcpy(out + len, p + i, plain);
        len += plain;
        i += plain + 2;
        if (!iac || i > n) {
            break;
        }
        verb = p[i - 1];
        if (verb == IAC) {
            out[len++] = IAC;
        }
        i += verb >= WILL && verb <= DONT;
        while (verb == SB && i < n) { /* to its end, or to a command that takes its place */
            iac = memchr(p + i, IAC, n - i);
            i = iac ? (size_t)(iac - p) + 2 : n;
            if (!iac || i > n) {
                break;
            }
            if (p[i - 1] == SE) {
                verb = SE;
            } else if (p[i - 1] != IAC && p[i - 1] != SB) {
                verb = p[i - 1];
                i += verb >= WILL;
            }
        }
    }
    return len;
}

/* Our words are options and questions that we know; each is said once. */
static void vocabulary(const uint8_t *p, size_t n)
{
    bool seen[4][256] = {{false}};
    int questions = 0;

    for (size_t i = 0; i < n;) {
        uint8_t verb = i + 2 < n ? p[i + 1] : 0, option = i + 2 < n ? p[i + 2] : 0;
        bool ours = option == 0 || option == 3 || option == 44;

        fuzz_check(p[i] == IAC && verb >= SB && verb <= DONT, "says %02X %02X", p[i], verb);
        if (verb != SB) {
            fuzz_check(!seen[verb - WILL][option], "%u %u twice", verb, option);
            fuzz_check(ours == (verb == WILL || verb == DO), "says %u %u", verb, option);
            seen[verb - WILL][option] = true;
            i += 3;
            continue;
        }
        i += option == 44 && p[i + 3] == 1 ? 10 : 7;
        fuzz_check(i <= n && p[i - 2] == IAC && p[i - 1] == SE, "a question is cut");
        questions++;
    }
    fuzz_check(questions == 0 || questions == 9, "%d questions", questions);
}

static void words(const struct telnet *t)
{
    const char *said = telnet_said(t);

    fuzz_check((t->phase == TELNET_FAULT) == (t->why[0] != '\0'), "phase %u: %s", t->phase,
            t->why);
    if (t->phase == TELNET_FAULT) {
        fuzz_sentence(t->why, sizeof(t->why));
    }
    if (said[0] != '\0') {
        fuzz_sentence(said, sizeof(t->said));
        fuzz_check(fuzz_utf8(said) && said[0] != ' ', "'%s'", said);
    }
}

static void same(const struct heard *a, const struct heard *b)
{
    fuzz_check(a->t.phase == b->t.phase && strcmp(a->t.why, b->t.why) == 0 &&
                       a->t.suspended == b->t.suspended,
            "%u '%s' and %u '%s'", a->t.phase, a->t.why, b->t.phase, b->t.why);
    fuzz_check(a->n == b->n && memcmp(a->data, b->data, a->n) == 0, "%zu and %zu bytes", a->n,
            b->n);
    fuzz_check(a->said_n == b->said_n && memcmp(a->said, b->said, a->said_n) == 0,
            "says %zu and %zu bytes", a->said_n, b->said_n);
    fuzz_check(strcmp(telnet_said(&a->t), telnet_said(&b->t)) == 0, "'%s' and '%s'",
            telnet_said(&a->t), telnet_said(&b->t));
}

/* h was fed byte by byte with the port agreed on. */
static void second_reader(const struct heard *h, const uint8_t *p)
{
    uint8_t *line = room(h->at);
    size_t n = line_bytes(p, h->at, line);

    fuzz_check(n == h->n && memcmp(line, h->data, n) == 0,
            "%zu bytes of the line, not %zu, of %zu", h->n, n, h->at);
    free(line);
}

/* What we write comes out at the other end of a line that speaks telnet. */
static void both_ways(const uint8_t *p, size_t n)
{
    uint8_t *wire = room(2 * n), *back = room(2 * n), reply[TELNET_REPLY_MAX];
    size_t len = telnet_escape(p, n, wire);
    struct telnet t;

    telnet_start(&t);
    fuzz_check(telnet_feed(&t, agreement, sizeof(agreement), reply) == 0, "not agreed");
    (void)!telnet_take(&t, reply);
    fuzz_check(len >= n && len <= 2 * n, "%zu bytes out of %zu", len, n);
    fuzz_check(telnet_feed(&t, wire, len, back) == n && memcmp(back, p, n) == 0,
            "it is not what it was");
    fuzz_check(t.phase == TELNET_READY && telnet_take(&t, reply) == 0, "it was a command");
    free(wire);
    free(back);
}

/* Another client at the other end: they do not answer each other for ever. */
static void two_clients(const struct heard *h)
{
    uint8_t words_now[TELNET_REPLY_MAX], data[TELNET_REPLY_MAX];
    struct telnet t[2];
    size_t n = h->said_n;
    int rounds = 0;

    telnet_start(&t[0]);
    telnet_start(&t[1]);
    memcpy(words_now, h->said, n);
    while (n > 0) {
        fuzz_check(rounds++ < ANSWERS_MAX, "they go on");
        (void)!telnet_feed(&t[rounds & 1], words_now, n, data);
        n = telnet_take(&t[rounds & 1], words_now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};
    uint8_t how = fuzz_u8(&in), cut = fuzz_u8(&in);
    size_t n = (size_t)(in.end - in.p);
    static struct heard whole, bytes, parts;

    hear(&bytes, in.p, n, how & ~ONE_BUFFER, 1);
    hear(&whole, in.p, n, how, 0);
    hear(&parts, in.p, n, how, cut);
    same(&whole, &bytes);
    same(&parts, &bytes);
    vocabulary(bytes.said, bytes.said_n);
    words(&bytes.t);
    if ((how & 1) != 0) {
        second_reader(&bytes, in.p);
    }
    both_ways(in.p, n);
    two_clients(&bytes);
    free(whole.data);
    free(bytes.data);
    free(parts.data);
    return 0;
}
