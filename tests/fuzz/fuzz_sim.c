/*
 * fuzz_sim - the virtual chargers: bytes and frames of any master, control lines, time. First
 * byte: what stands on the bus. They say only what a slave says, one at a time; a control line has
 * one answer in JSON, and a refused one changes nothing; no car draws what it cannot, energy never
 * falls. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/wire.h"
#include "bridge/core/twc/message_slave.h"
#include "tests/fuzz/fuzz.h"

enum {
    FIRST_ID = 0x1A2B,
    LINE_ROOM = 300,
#ifdef FUZZ_LIBFUZZER
    STEPS_MAX = 250, /* for many runs; the corpus is replayed to the end */
#else
    STEPS_MAX = 3000,
#endif
};

static struct wire bus;
static struct sim *const sim = &bus.sim;
static int64_t now, next, busy_until;
static int64_t energy[SIM_CHARGERS_MAX];
static uint32_t overlaps;
static int steps;

/* Second units stand behind the others; where one goes the next takes its place. */
static void twins_moved(void)
{
    for (int i = 0; i < SIM_CHARGERS_MAX; i++) {
        if (i >= sim->n || sim->charger[i].twin) {
            energy[i] = i < sim->n ? sim->charger[i].energy_mwms : 0;
        }
    }
}

static void cars(void)
{
    for (int i = 0; i < sim->n; i++) {
        const struct sim_charger *c = &sim->charger[i];

        fuzz_check(c->draw_ma >= 0 && c->draw_ma <= 1000000, "%04x draws %d mA", c->id,
                c->draw_ma);
        fuzz_check(c->energy_mwms >= energy[i], "%04x lost energy", c->id);
        fuzz_check(
                !c->contactor || c->car.plugged || c->draw_ma == 0, "%04x feeds nobody", c->id);
        fuzz_check(sim_limit(c) >= -2000 && sim_limit(c) <= 657350, "%04x shows %d mA", c->id,
                sim_limit(c));
        energy[i] = c->energy_mwms;
    }
    fuzz_check(
            sim->queued >= 0 && sim->queued <= SIM_QUEUE_MAX, "%d answers wait", sim->queued);
}

static void said(const uint8_t *p, size_t n)
{
    struct frame_decoder d = {0};
    struct frame f;
    struct message m;
    bool mixed = sim->overlaps != overlaps; /* two units with one id at once: bits of both */
    int ready = 0;

    overlaps = sim->overlaps;
    fuzz_check(n <= SIM_OUT_MAX && p[n - 1] == 0xFC, "%zu bytes, tail %02X", n, p[n - 1]);
    for (size_t i = 0; i < n; i++) {
        if (frame_decode(&d, p[i], &f) == FRAME_READY) {
            ready++;
            fuzz_check(mixed || (message_decode(&f, &m) && !m.from_master),
                    "not what a slave says");
            fuzz_check(mixed || m.sender == 0 || m.sender - FIRST_ID < sim->n,
                    "nobody is %04x", m.sender);
        }
    }
    fuzz_check(mixed ? ready <= 2 : ready == 1, "%d frames at once", ready);
    fuzz_check(now >= busy_until, "two talk at once");
    busy_until = now + (int64_t)(n * 10 * 1000 / 9600);
}

static void tick(void)
{
    uint8_t out[SIM_OUT_MAX];
    size_t n = sim_tick(sim, now, out, &next);

    steps++;
    if (n > 0) {
        said(out, n);
    }
    cars();
}

static void run(int64_t ms)
{
    for (int64_t end = now + ms; steps < STEPS_MAX;) {
        int64_t at = next > now ? next : now + 1;

        if (at > end) {
            now = end;
            return;
        }
        now = at;
        tick();
    }
}

static void control(struct fuzz_in *in)
{
    static struct wire before;
    CLEANUP(buf_finish) struct buf out;
    char line[LINE_ROOM], text[16];
    struct json_object *v;

    fuzz_line(in, line, sizeof(line));
    buf_init(&out, 64 * 1024);
    before = bus;
    wire_control(&bus, line, now, &out);
    fuzz_check(
            buf_ok(&out) && !strchr(buf_text(&out), '\n'), "an answer of %zu bytes", out.len);
    v = fuzz_json(buf_text(&out), out.len);
    json_as_text(json_member(v, "ok"), text, sizeof(text));
    if (strcmp(text, "false") == 0) {
        fuzz_check(json_kind(json_member(v, "error")) == JSON_TEXT, "no error: %s",
                buf_text(&out));
        fuzz_check(memcmp(&before, &bus, sizeof(bus)) == 0, "refused and done: %s", line);
    } else {
        fuzz_check(strcmp(text, "true") == 0, "neither: %s", buf_text(&out));
    }
    json_put(v);
    if (sim->twins != before.sim.twins) {
        twins_moved();
    }
    cars();
}

/* A frame of a master: kind, whom, amps. */
static void master(struct fuzz_in *in, uint8_t op)
{
    static const uint8_t heads[16][2] = {{0xFB, 0xE0}, {0xFB, 0xE0}, {0xFB, 0xE2}, {0xFC, 0xE1},
            {0xFB, 0xEB}, {0xFB, 0xEC}, {0xFB, 0xED}, {0xFB, 0xEE}, {0xFB, 0xEF}, {0xFB, 0xF1},
            {0xFB, 0xB4}, {0xFB, 0x19}, {0xFB, 0x1B}, {0xFC, 0xB1}, {0xFC, 0xB2}, {0xFC, 0x19}};
    uint8_t who = fuzz_u8(in), wire[FRAME_WIRE_MAX];
    uint16_t id = (uint16_t)(FIRST_ID + (who & 15));
    uint8_t body[15] = {heads[op & 15][0], heads[op & 15][1], 0x77, 0x77, (uint8_t)(id >> 8),
            (uint8_t)id, who >> 4};
    struct frame f;

    if ((op & 15) < 2) {
        uint16_t centi = fuzz_u16(in);

        body[7] = (uint8_t)(centi >> 8);
        body[8] = (uint8_t)centi;
    }
    fuzz_check(frame_seal(&f, body, (op & 1) != 0 ? 13 : 15), "not sealed");
    sim_rx(sim, wire, frame_encode(&f, wire), now);
    next = now;
}

static void raw(struct fuzz_in *in, size_t n)
{
    uint8_t p[16];

    fuzz_bytes(in, p, n);
    sim_rx(sim, p, n, now);
    next = now;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};
    uint8_t how = fuzz_u8(&in);
    struct sim_config c = {.chargers = 1 + (how & 7),
            .protocol = (how & 8) != 0 ? 1 : 2,
            .plugged = (how & 16) != 0,
            .old_firmware = (how & 32) != 0,
            .idle_ma = (how & 64) != 0 ? 240 : 0,
            .max_ma = (how & 128) != 0 ? 80000 : 32000,
            .volts = 230,
            .phases = (how & 128) != 0 ? 1 : 3,
            .first_id = FIRST_ID,
            .seed = how};

    now = next = 1000;
    busy_until = 0;
    steps = 0;
    overlaps = 0;
    memset(energy, 0, sizeof(energy));
    wire_init(&bus, &c, now);
    while (fuzz_more(&in) && steps < STEPS_MAX) {
        uint8_t op = fuzz_u8(&in);

        if (op < 0x40) {
            run(1 + op * 8);
        } else if (op < 0x60) {
            raw(&in, 1 + (op & 15));
        } else if (op < 0x80) {
            control(&in);
        } else if (op < 0x90) {
            run(5000);
        } else {
            master(&in, op);
        }
    }
    run(1000);
    return 0;
}
