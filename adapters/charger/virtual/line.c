/*
 * line - see line.h. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/line.h"

const char *const line_fault_names[] = {
        "noise", "flip", "lost_byte", "collision", "missing", "late", "echo", NULL};

static uint32_t draw(struct line *l)
{
    l->random ^= l->random << 13; /* xorshift, Marsaglia 2003 */
    l->random ^= l->random >> 17;
    l->random ^= l->random << 5;
    return l->random;
}

void line_init(struct line *l, uint32_t seed)
{
    *l = (struct line){.config = {.late_ms = 1000}, .random = seed ^ 0x6C696E65u};
    l->random = l->random != 0 ? l->random : 1; /* xorshift stays at 0 */
}

static bool happens(struct line *l, int32_t permille)
{
    return permille > 0 && draw(l) % 1000 < (uint32_t)permille;
}

static void add(struct line *l, struct line_plan *p, enum line_fault f)
{
    p->hits |= 1u << f;
    l->count[f]++;
}

struct line_plan line_plan(struct line *l, enum line_side side)
{
    const struct line_config *c = &l->config;
    struct line_plan p = {0};

    if (side == LINE_TO_MASTER && happens(l, c->late)) {
        add(l, &p, LINE_LATE);
    }
    if (c->spares[side]) {
        return p;
    }
    if (happens(l, c->missing)) {
        p.hits = 0;
        add(l, &p, LINE_MISSING);
        return p;
    }
    if (happens(l, c->flips)) {
        add(l, &p, LINE_FLIP);
        p.flip_at = (uint8_t)(draw(l) % LINE_FRAME_MIN);
        p.flip_bit = (uint8_t)(draw(l) % 8);
    }
    if (happens(l, c->lost)) {
        add(l, &p, LINE_LOST_BYTE);
        p.lost_at = (uint8_t)(draw(l) % LINE_FRAME_MIN);
    }
    if (happens(l, c->collisions)) {
        add(l, &p, LINE_COLLISION);
        p.hit_at = (uint8_t)(draw(l) % LINE_FRAME_MIN);
        p.other = draw(l);
    }
    return p;
}

bool line_byte(const struct line_plan *p, size_t at, uint8_t *byte)
{
    if (line_hit(p, LINE_MISSING) || (line_hit(p, LINE_LOST_BYTE) && at == p->lost_at)) {
        return false;
    }
    if (line_hit(p, LINE_FLIP) && at == p->flip_at) {
        *byte ^= (uint8_t)(1u << p->flip_bit);
    }
    if (line_hit(p, LINE_COLLISION) && at >= p->hit_at) {
        /* Two drivers at once: where they differ the line reads low. */
        *byte &= (uint8_t)((p->other + (uint32_t)at * 2654435761u) >> 13);
    }
    return true;
}

size_t line_frame(const struct line_plan *p, uint8_t *frame, size_t n)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t b = frame[i];

        if (line_byte(p, i, &b)) {
            frame[left++] = b;
        }
    }
    return left;
}

bool line_noise(struct line *l, int64_t now_ms, uint8_t *byte, int64_t *next_ms)
{
    bool due = false;

    if (l->config.noise == 0) {
        l->noise_ms = 0;
        return false;
    }
    if (l->noise_ms != 0 && now_ms >= l->noise_ms) {
        *byte = (uint8_t)(draw(l) >> 8);
        l->count[LINE_NOISE]++;
        due = true;
    }
    if (l->noise_ms == 0 || due) { /* on average the wanted rate, never two at once */
        l->noise_ms = now_ms + 1 + draw(l) % (2000u / (uint32_t)l->config.noise);
    }
    *next_ms = l->noise_ms < *next_ms ? l->noise_ms : *next_ms;
    return due;
}
