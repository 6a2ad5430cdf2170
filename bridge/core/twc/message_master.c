/*
 * message_master - see message_master.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/message_master.h"

#include "bridge/core/limits.h"

#include <string.h>

/* When a pair of type and command may be sent. */
enum allow { ALLOW_NEVER, ALLOW_ALWAYS, ALLOW_HEARTBEAT, ALLOW_SINGLE, ALLOW_STOP };

static enum allow allow_request(uint8_t cmd)
{
    switch (cmd) {
    case 0xE0:
        return ALLOW_HEARTBEAT;
    case 0xE2:
    case 0xEB:
    case 0xEC:
    case 0xED:
    case 0xEE:
    case 0xEF:
    case 0xF1:
    case 0xB4:
        return ALLOW_ALWAYS;
    case 0x19:
    case 0x1A:
    case 0x1B:
        return ALLOW_SINGLE;
    default:
        return ALLOW_NEVER;
    }
}

static enum allow allow_pair(uint8_t type, uint8_t cmd)
{
    if (type == 0xFB) {
        return allow_request(cmd);
    }
    if (type == 0xFC && cmd == 0xE1) {
        return ALLOW_ALWAYS;
    }
    if (type == 0xFC && (cmd == 0xB1 || cmd == 0xB2)) {
        return ALLOW_STOP;
    }
    return ALLOW_NEVER;
}

static bool heartbeat_allowed(const struct message_out *m)
{
    if (!m->offer) {
        return false;
    }
    switch (m->command) {
    case 0x00:
        return true;
    case 0x05:
        return m->protocol != 2;
    case 0x09:
        return m->protocol == 2;
    default:
        return false;
    }
}

static bool allowed(const struct message_out *m)
{
    switch (allow_pair(m->type, m->cmd)) {
    case ALLOW_NEVER:
        return false;
    case ALLOW_ALWAYS:
        return true;
    case ALLOW_HEARTBEAT:
        return heartbeat_allowed(m);
    case ALLOW_SINGLE:
        return m->single_charger;
    case ALLOW_STOP:
        return m->stop_allowed;
    }
    return false;
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)(v & 0xFFu);
}

bool message_master_pack(const struct message_out *m, struct frame *out)
{
    uint8_t body[FRAME_BODY_MAX] = {m->type, m->cmd};
    bool announce = (m->type == 0xFC && m->cmd == 0xE1) || (m->type == 0xFB && m->cmd == 0xE2);

    memset(out, 0, sizeof(*out));
    if (!allowed(m)) {
        return false;
    }
    put16(body + 2, m->from);
    if (announce) {
        body[4] = m->sign;
        return frame_seal(out, body, 13); /* 14 bytes for either protocol */
    }
    put16(body + 4, m->to);
    if (m->type == 0xFB && m->cmd == 0xE0 && m->command != 0x00) {
        int32_t ma = offer_ma(m->offer);

        if (ma < 0 || ma > MA_MAX) {
            return false; /* 128.00 A acts as 0 A and a slave mirrors anything: never send it */
        }
        body[6] = m->command;
        put16(body + 7, (unsigned)(ma / 10));
    }
    return frame_seal(out, body, m->protocol == 2 ? 15 : 13);
}

/* One query with everything allowed: does it come out? */
static bool comes_out(uint8_t type, uint8_t cmd)
{
    struct message_out m = {.type = type,
            .cmd = cmd,
            .protocol = 2,
            .from = 1,
            .to = 2,
            .single_charger = true,
            .stop_allowed = true};
    struct frame f;

    return message_master_pack(&m, &f);
}

bool message_master_self_test(void)
{
    static const uint8_t power[] = {0xFB, 0xEB, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0x00, 0x00, 0x00, 0xEE};
    struct message_out m = {.type = 0xFB, .cmd = 0xEB, .protocol = 2, .from = 1, .to = 2};
    unsigned count = 0;
    struct frame f;

    for (unsigned pair = 0; pair < 0x10000; pair++) {
        count += comes_out((uint8_t)(pair >> 8), (uint8_t)(pair & 0xFFu)) ? 1 : 0;
    }
    /* FC E1 B1 B2, FB E2 EB EC ED EE EF F1 B4 19 1A 1B; no heartbeat without an offer. */
    if (count != 14 || comes_out(0xFC, 0x19) || comes_out(0xFC, 0x1A) ||
            comes_out(0xFB, 0xE8) || comes_out(0xFB, 0xE0)) {
        return false;
    }
    return message_master_pack(&m, &f) && f.len == sizeof(power) &&
           memcmp(f.data, power, sizeof(power)) == 0;
}
