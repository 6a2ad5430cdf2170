/*
 * message_slave - see message_slave.h; layouts: docs/protocol.md. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/message_slave.h"

#include <string.h>

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* Hundredths of an ampere, as near as two bytes come. */
static void put_centi(uint8_t *p, int32_t ma)
{
    int32_t centi = ma > 0 ? ma / 10 : 0;

    put16(p, centi < 0xFFFF ? (uint32_t)centi : 0xFFFF);
}

static void put_text(uint8_t *p, size_t room, const char *text)
{
    size_t n = text ? strlen(text) : 0;

    memcpy(p, text ? text : "", n < room ? n : room);
}

/* Second byte of the body, and the body's length without checksum on protocol 2. */
static bool shape(enum message_kind k, uint8_t *cmd, size_t *len)
{
    static const struct {
        enum message_kind kind;
        uint8_t cmd, len;
    } table[] = {
            {MSG_SLAVE_LINKREADY, 0xE2, 15},
            {MSG_SLAVE_HEARTBEAT, 0xE0, 15},
            {MSG_POWER, 0xEB, 19},
            {MSG_FIRMWARE, 0xEC, 15},
            {MSG_SERIAL, 0xED, 19},
            {MSG_VIN1, 0xEE, 19},
            {MSG_VIN2, 0xEF, 19},
            {MSG_VIN3, 0xF1, 19},
            {MSG_PLUG, 0xB4, 15},
            {MSG_OLD_SERIAL, 0x19, 15},
            {MSG_OLD_MODEL, 0x1A, 15},
            {MSG_OLD_FIRMWARE, 0x1B, 15},
            {MSG_START_ACK, 0xB1, 15},
            {MSG_STOP_ACK, 0xB2, 15},
    };

    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].kind == k) {
            *cmd = table[i].cmd;
            *len = table[i].len;
            return true;
        }
    }
    return false;
}

static void put_power(uint8_t *b, const struct slave_out *m)
{
    put16(b + 4, m->energy >> 16);
    put16(b + 6, m->energy & 0xFFFF);
    for (int p = 0; p < PHASES; p++) {
        put16(b + 8 + 2 * p, m->volts[p]);
        if (!m->old_power) {
            b[14 + p] = m->half_amps[p];
        }
    }
}

static void put_heartbeat(uint8_t *b, const struct slave_out *m)
{
    put16(b + 4, m->to);
    b[6] = m->state;
    put_centi(b + 7, m->max_ma);
    put_centi(b + 9, m->draw_ma);
}

/* The old answers carry no id: text or version start at once. */
static bool old_answer(uint8_t *b, const struct slave_out *m)
{
    if (m->kind == MSG_OLD_FIRMWARE) {
        memcpy(b + 2, m->version, 3);
        return true;
    }
    if (m->kind == MSG_OLD_SERIAL || m->kind == MSG_OLD_MODEL) {
        put_text(b + 2, 12, m->text);
        return true;
    }
    return false;
}

bool message_slave_pack(const struct slave_out *m, struct frame *out)
{
    uint8_t b[FRAME_BODY_MAX] = {MESSAGE_ANSWER};
    size_t len = 0;

    if (!shape(m->kind, &b[1], &len)) {
        return false;
    }
    if (m->protocol == 1) {
        len = 13;
    } else if (m->kind == MSG_POWER && m->old_power) {
        len = 15;
    }
    if (!old_answer(b, m)) {
        put16(b + 2, m->from);
    }
    if (m->kind == MSG_SLAVE_LINKREADY) {
        b[4] = m->sign;
        put_centi(b + 5, m->hw_max_ma);
    } else if (m->kind == MSG_SLAVE_HEARTBEAT) {
        put_heartbeat(b, m);
    } else if (m->kind == MSG_POWER) {
        put_power(b, m);
    } else if (m->kind == MSG_FIRMWARE) {
        memcpy(b + 4, m->version, 4);
    } else if (m->kind == MSG_SERIAL) {
        put_text(b + 4, 11, m->text);
    } else if (m->kind == MSG_VIN1 || m->kind == MSG_VIN2) {
        put_text(b + 4, 7, m->text);
    } else if (m->kind == MSG_VIN3) {
        put_text(b + 4, 3, m->text);
    } else if (m->kind == MSG_PLUG) {
        b[4] = m->plug;
    }
    return frame_seal(out, b, len);
}
