/*
 * fuzz_frame - bytes of a bus: the decoder against a second one that splits and judges in another
 * way; what is decoded encodes to the same; a slave's message packs to the same message; no input
 * leaves the decoder deaf. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/message_master.h"
#include "bridge/core/twc/message_slave.h"
#include "tests/fuzz/fuzz.h"

struct offer {
    int32_t ma;
};

int32_t offer_ma(const struct offer *o)
{
    return o->ma;
}

int64_t offer_stamp_ms(const struct offer *o)
{
    (void)o;
    return 0;
}

/* The body between two marks, by the page of the protocol; 0: none. */
static size_t body_of(const uint8_t *p, size_t n, uint8_t body[static FRAME_RAW_MAX])
{
    size_t len = 0;
    unsigned sum = 0;

    if (n > FRAME_RAW_MAX) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i] != FRAME_ESC) {
            body[len++] = p[i];
        } else if (i + 1 < n && p[i + 1] == FRAME_ESC_MARK) {
            body[len++] = FRAME_MARK;
            i++;
        } else if (i + 1 < n && p[i + 1] == FRAME_ESC_ESC) {
            body[len++] = FRAME_ESC;
            i++;
        } else {
            return 0;
        }
    }
    if (n < 13 || !((len >= 13 && len <= 16) || len == 20)) {
        return 0;
    }
    for (size_t i = 1; i + 1 < len; i++) {
        sum += body[i];
    }
    return (sum & 0xFF) == body[len - 1] ? len : 0;
}

static void there_and_back(const struct frame *f)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t n = frame_encode(f, wire);
    struct frame_decoder d = {0};
    struct frame again = {0};
    int ready = 0;

    fuzz_check(n >= f->len + 2u && n <= FRAME_WIRE_MAX, "%zu bytes on the wire", n);
    for (size_t i = 0; i < n; i++) {
        ready += frame_decode(&d, wire[i], &again) == FRAME_READY;
        fuzz_check((wire[i] == FRAME_MARK) == (i == 0 || i + 1 == n), "a mark inside");
    }
    fuzz_check(ready == 1 && again.len == f->len && memcmp(again.data, f->data, f->len) == 0,
            "a frame of %u bytes is another one after the wire", f->len);
}

static void same_reading(const struct message *a, const struct message *b)
{
    fuzz_check(a->kind == b->kind && a->sender == b->sender && a->sign == b->sign &&
                       a->code == b->code && a->plug == b->plug,
            "%s: another head", message_kind_name(a->kind));
    fuzz_check(a->max_ma == b->max_ma && a->draw_ma == b->draw_ma &&
                       a->hw_max_ma == b->hw_max_ma && a->energy_raw == b->energy_raw,
            "%s: other values", message_kind_name(a->kind));
    fuzz_check(memcmp(a->volts, b->volts, sizeof(a->volts)) == 0 &&
                       memcmp(a->half_amps, b->half_amps, sizeof(a->half_amps)) == 0 &&
                       memcmp(a->version, b->version, sizeof(a->version)) == 0,
            "%s: other readings", message_kind_name(a->kind));
}

static void slave_says_the_same(const struct message *m)
{
    struct slave_out o = {.kind = m->kind,
            .protocol = m->protocol != 0 ? m->protocol
                        : m->len == 14   ? 1
                                         : 2,
            .from = m->sender,
            .to = m->receiver,
            .sign = m->sign,
            .state = m->code,
            .hw_max_ma = m->hw_max_ma,
            .max_ma = m->max_ma,
            .draw_ma = m->draw_ma,
            .energy = m->energy_raw,
            .old_power = m->kind == MSG_POWER && !m->has_half_amps,
            .plug = m->plug,
            .text = m->text};
    struct message again;
    struct frame f;

    memcpy(o.volts, m->volts, sizeof(o.volts));
    memcpy(o.half_amps, m->half_amps, sizeof(o.half_amps));
    memcpy(o.version, m->version, sizeof(o.version));
    if (m->kind == MSG_POWER) {
        o.protocol = 2;
    }
    fuzz_check(message_slave_pack(&o, &f), "%s: not packed", message_kind_name(m->kind));
    fuzz_check(message_decode(&f, &again), "%s: not read", message_kind_name(m->kind));
    same_reading(m, &again);
    fuzz_check(!again.odd && again.receiver == m->receiver, "reserved bytes are set");
    /* Texts of 14-byte bodies and old answers longer than 12 are cut: a prefix is left. */
    fuzz_check(strncmp(m->text, again.text, strlen(again.text)) == 0, "'%s' became '%s'",
            m->text, again.text);
}

/* The master's encoder: nothing but the allow-list, and amps never but by an offer. */
static void master_says_no_more(const struct frame *f, const struct message *m)
{
    struct offer offer = {m->max_ma};
    struct message_out o = {.type = m->type,
            .cmd = m->cmd,
            .command = m->code,
            .protocol = f->len == 16 ? 2 : 1,
            .from = m->sender,
            .to = m->receiver,
            .sign = m->sign,
            .offer = &offer};
    struct message again;
    struct frame out;
    bool packed = message_master_pack(&o, &out);

    fuzz_check(!packed || (message_decode(&out, &again) && again.kind == m->kind),
            "%02X %02X became something else", m->type, m->cmd);
    if (m->kind == MSG_MASTER_HEARTBEAT) {
        bool may = m->code == 0 || (m->code == 5 && o.protocol == 1) ||
                   (m->code == 9 && o.protocol == 2);

        fuzz_check(packed == (may && (m->code == 0 || m->max_ma <= MA_MAX)),
                "command %02X with %d mA: packed %d", m->code, m->max_ma, packed);
        fuzz_check(!packed || m->code == 0 || again.max_ma == m->max_ma, "other amps");
    } else {
        fuzz_check(packed == ((m->kind >= MSG_GET_POWER && m->kind <= MSG_GET_PLUG) ||
                                     (m->type == 0xFC && m->cmd == 0xE1) ||
                                     (m->type == 0xFB && m->cmd == 0xE2)),
                "%02X %02X: packed %d", m->type, m->cmd, packed);
        o.single_charger = o.stop_allowed = true; /* all that may ever be sent */
        fuzz_check(message_master_pack(&o, &out) ==
                           (packed || (m->kind >= MSG_GET_OLD_SERIAL && m->kind <= MSG_STOP)),
                "%02X %02X with everything allowed", m->type, m->cmd);
    }
}

static void read_frame(const struct frame *f)
{
    struct message m;
    bool known = message_decode(f, &m);

    fuzz_check(known == (m.kind != MSG_UNKNOWN) && m.kind < MSG_KIND_COUNT, "kind %u", m.kind);
    fuzz_check(m.type == f->data[0] && m.cmd == f->data[1] && m.len == f->len, "no head");
    fuzz_check(strnlen(m.text, sizeof(m.text)) < sizeof(m.text), "a text without end");
    for (const char *c = m.text; *c; c++) {
        fuzz_check(*c >= 0x20 && *c < 0x7f, "byte %02X in a text", (unsigned)*c);
    }
    fuzz_check(m.max_ma >= 0 && m.draw_ma >= 0 && m.hw_max_ma >= 0, "negative amps");
    if (!known) {
        return;
    }
    fuzz_check(
            strcmp(message_kind_name(m.kind), "unknown") != 0, "kind %u has no name", m.kind);
    fuzz_check(m.from_master == (m.type == 0xFB || m.type == 0xFC), "who spoke?");
    if (m.from_master) {
        master_says_no_more(f, &m);
    } else {
        slave_says_the_same(&m);
    }
}

/* The second decoder's next frame from *at on; false: none. */
static bool next_body(const uint8_t *p, size_t n, size_t *at, struct frame *f)
{
    while (*at < n) {
        const uint8_t *start = p + *at;
        const uint8_t *end = memchr(start, FRAME_MARK, n - *at);
        uint8_t body[FRAME_RAW_MAX];
        size_t len;

        if (!end) {
            *at = n;
            return false;
        }
        *at = (size_t)(end - p) + 1;
        len = body_of(start, (size_t)(end - start), body);
        if (len > 0) {
            f->len = (uint8_t)len;
            memcpy(f->data, body, len);
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t body[13] = {0xFD, 0xE2, 0x12, 0x34, 0x77, 0x0C, 0x80};
    const uint8_t *first = memchr(data, FRAME_MARK, size);
    size_t at = first ? (size_t)(first - data) + 1 : size;
    struct frame_decoder d = {0};
    struct frame got = {0}, want = {0}, last;
    uint8_t wire[FRAME_WIRE_MAX];
    bool heard = false;
    size_t n;

    for (size_t i = 0; i < size; i++) {
        enum frame_result r = frame_decode(&d, data[i], &got);

        fuzz_check(r < FRAME_RESULT_COUNT && strcmp(frame_result_name(r), "?") != 0,
                "result %u", r);
        fuzz_check(d.len <= FRAME_RAW_MAX, "%u bytes collected", d.len);
        (void)frame_in_progress(&d);
        if (r == FRAME_READY) {
            fuzz_check(next_body(data, size, &at, &want) && at == i + 1 &&
                               got.len == want.len && memcmp(got.data, want.data, got.len) == 0,
                    "the frame that ends at %zu is no frame for the other decoder", i);
            there_and_back(&got);
            read_frame(&got);
        }
    }
    fuzz_check(!next_body(data, size, &at, &want), "a frame before %zu was not heard", at);
    fuzz_check(frame_seal(&last, body, sizeof(body)), "not sealed");
    n = frame_encode(&last, wire);
    for (size_t i = 0; i < n; i++) {
        heard = frame_decode(&d, wire[i], &got) == FRAME_READY;
    }
    fuzz_check(heard && got.len == last.len, "deaf after this input");
    return 0;
}
