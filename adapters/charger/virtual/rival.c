/*
 * rival - see rival.h. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/rival.h"

#include <string.h>

void rival_init(struct rival *r)
{
    *r = (struct rival){.id = 0x8888, .ma = 16000, .every_ms = 1000};
}

static size_t heartbeat(
        const struct rival *r, const struct sim_charger *to, uint8_t out[static FRAME_WIRE_MAX])
{
    int32_t centi = r->ma == RIVAL_GO_ON ? 0 : r->ma / 10;
    uint8_t body[15] = {MESSAGE_REQUEST, 0xE0, (uint8_t)(r->id >> 8), (uint8_t)r->id,
            (uint8_t)(to->id >> 8), (uint8_t)to->id, TWC_CMD_GO_ON, (uint8_t)(centi >> 8),
            (uint8_t)centi};
    struct frame f;

    if (r->ma != RIVAL_GO_ON) {
        body[6] = to->protocol == 1 ? TWC_CMD_LIMIT_P1 : TWC_CMD_LIMIT_P2;
    }
    return frame_seal(&f, body, to->protocol == 1 ? 13 : 15) ? frame_encode(&f, out) : 0;
}

size_t rival_tick(struct rival *r, const struct sim *s, int64_t now_ms,
        uint8_t out[static FRAME_WIRE_MAX], int64_t *next_ms)
{
    size_t n = 0;

    if (!r->on || s->n == 0) {
        return 0;
    }
    if (now_ms >= r->next_ms) {
        n = heartbeat(r, &s->charger[r->turn % s->n], out);
        r->turn++;
        r->frames++;
        r->next_ms = now_ms + r->every_ms;
    }
    *next_ms = r->next_ms < *next_ms ? r->next_ms : *next_ms;
    return n;
}
