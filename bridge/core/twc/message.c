/*
 * message - see message.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/message.h"

#include <string.h>

/* Lengths of a body, as bits. */
enum {
    L13 = 1 << 0,
    L14 = 1 << 1,
    L15 = 1 << 2,
    L16 = 1 << 3,
    L20 = 1 << 4,
    L_BOTH = L14 | L16,              /* by protocol version */
    L_QUERY = L13 | L14 | L15 | L16, /* other controllers pad as they like */
    L_ANSWER = L14 | L16 | L20,
};

static unsigned length_bit(unsigned len)
{
    return len == 20 ? L20 : len >= 13 && len <= 16 ? 1u << (len - 13) : 0;
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(((unsigned)p[0] << 8) | p[1]);
}

static int32_t centi_amps(const uint8_t *p)
{
    return (int32_t)be16(p) * 10;
}

/* True if a byte from..len-2 is not 0. */
static bool any_set(const struct frame *f, unsigned from)
{
    for (unsigned i = from; i + 1 < f->len; i++) {
        if (f->data[i] != 0) {
            return true;
        }
    }
    return false;
}

/* Copies at most max characters from offset from; zeros end or pad the text, FF is padding. */
static void read_text(const struct frame *f, unsigned from, unsigned max, struct message *m)
{
    size_t n = 0;

    for (unsigned i = from; i + 1 < f->len && i < from + max; i++) {
        uint8_t b = f->data[i];

        if (b == 0x00 || b == 0xFF) {
            continue;
        }
        if (b < 0x20 || b > 0x7E || n + 1 >= sizeof(m->text)) {
            m->text_bad = true;
            m->text[0] = '\0';
            return;
        }
        m->text[n++] = (char)b;
        m->text[n] = '\0';
    }
}

static void read_power(const struct frame *f, struct message *m)
{
    const uint8_t *p = f->data;

    m->energy_raw =
            ((uint32_t)p[4] << 24) | ((uint32_t)p[5] << 16) | ((uint32_t)p[6] << 8) | p[7];
    for (unsigned i = 0; i < PHASES; i++) {
        m->volts[i] = be16(p + 8 + 2 * i);
    }
    m->has_half_amps = f->len == 20;
    for (unsigned i = 0; i < PHASES && m->has_half_amps; i++) {
        m->half_amps[i] = p[14 + i];
    }
}

static void read_master_heartbeat(const struct frame *f, struct message *m)
{
    m->receiver = be16(f->data + 4);
    m->code = f->data[6];
    m->master_plugged = f->data[9];
    m->odd = any_set(f, 10);
    if (m->code == TWC_CMD_ERROR) {
        m->error_bits = f->data[7];
    } else {
        m->max_ma = centi_amps(f->data + 7);
    }
}

static void read_slave_heartbeat(const struct frame *f, struct message *m)
{
    m->receiver = be16(f->data + 4);
    m->code = f->data[6];
    m->max_ma = centi_amps(f->data + 7);
    m->draw_ma = centi_amps(f->data + 9);
    m->odd = any_set(f, 11);
}

static void read_slave_linkready(const struct frame *f, struct message *m)
{
    m->sign = f->data[4];
    m->hw_max_ma = centi_amps(f->data + 5);
    m->odd = any_set(f, 7);
}

static void read_firmware(const struct frame *f, struct message *m)
{
    memcpy(m->version, f->data + 4, 4);
}

static void read_old_firmware(const struct frame *f, struct message *m)
{
    memcpy(m->version, f->data + 2, 3);
}

static void read_serial(const struct frame *f, struct message *m)
{
    read_text(f, 4, 11, m);
}

static void read_vin_part(const struct frame *f, struct message *m)
{
    read_text(f, 4, m->kind == MSG_VIN3 ? 3 : 7, m);
}

static void read_old_text(const struct frame *f, struct message *m)
{
    read_text(f, 2, 17, m);
}

static void read_plug(const struct frame *f, struct message *m)
{
    m->plug = f->data[4];
    m->odd = any_set(f, 5);
}

static void read_master_linkready(const struct frame *f, struct message *m)
{
    m->sign = f->data[4];
    m->hw_max_ma = centi_amps(f->data + 5);
}

/* A query, or a command to one slave. */
static void read_addressed(const struct frame *f, struct message *m)
{
    m->receiver = be16(f->data + 4);
}

static void read_nothing(const struct frame *f, struct message *m)
{
    (void)f;
    (void)m;
}

struct kind_row {
    uint8_t type, cmd;
    uint8_t lengths;
    enum message_kind kind;
    void (*read)(const struct frame *f, struct message *m);
};

static const struct kind_row rows[] = {
        {0xFC, 0xE1, L_QUERY, MSG_MASTER_LINKREADY1, read_master_linkready},
        {0xFC, 0xE2, L_QUERY, MSG_MASTER_LINKREADY1, read_master_linkready},
        {0xFB, 0xE2, L_QUERY, MSG_MASTER_LINKREADY2, read_master_linkready},
        {0xFB, 0xE1, L_QUERY, MSG_MASTER_LINKREADY2, read_master_linkready},
        {0xFC, 0x1D, L_QUERY, MSG_MASTER_IDLE, read_nothing},
        {0xFB, 0xE0, L_QUERY, MSG_MASTER_HEARTBEAT, read_master_heartbeat},
        {0xFB, 0xEB, L_QUERY, MSG_GET_POWER, read_addressed},
        {0xFB, 0xEC, L_QUERY, MSG_GET_FIRMWARE, read_addressed},
        {0xFB, 0xED, L_QUERY, MSG_GET_SERIAL, read_addressed},
        {0xFB, 0xEE, L_QUERY, MSG_GET_VIN1, read_addressed},
        {0xFB, 0xEF, L_QUERY, MSG_GET_VIN2, read_addressed},
        {0xFB, 0xF1, L_QUERY, MSG_GET_VIN3, read_addressed},
        {0xFB, 0xB4, L_QUERY, MSG_GET_PLUG, read_addressed},
        {0xFB, 0x19, L_QUERY, MSG_GET_OLD_SERIAL, read_addressed},
        {0xFB, 0x1A, L_QUERY, MSG_GET_OLD_MODEL, read_addressed},
        {0xFB, 0x1B, L_QUERY, MSG_GET_OLD_FIRMWARE, read_addressed},
        {0xFC, 0xB1, L_QUERY, MSG_START, read_addressed},
        {0xFC, 0xB2, L_QUERY, MSG_STOP, read_addressed},
        {0xFC, 0x19, L_QUERY | L20, MSG_DANGEROUS, read_nothing},
        {0xFC, 0x1A, L_QUERY | L20, MSG_DANGEROUS, read_nothing},
        {0xFB, 0xE8, L_QUERY | L20, MSG_DANGEROUS, read_nothing},
        {0xFC, 0xE5, L_QUERY | L20, MSG_DANGEROUS, read_nothing},
        {0xFC, 0xA1, L_QUERY | L20, MSG_DANGEROUS, read_nothing},
        {0xFD, 0xE2, L_BOTH, MSG_SLAVE_LINKREADY, read_slave_linkready},
        {0xFD, 0xE0, L_BOTH, MSG_SLAVE_HEARTBEAT, read_slave_heartbeat},
        {0xFD, 0xEB, L16 | L20, MSG_POWER, read_power},
        {0xFD, 0xEC, L_ANSWER, MSG_FIRMWARE, read_firmware},
        {0xFD, 0xED, L_ANSWER, MSG_SERIAL, read_serial},
        {0xFD, 0xEE, L_ANSWER, MSG_VIN1, read_vin_part},
        {0xFD, 0xEF, L_ANSWER, MSG_VIN2, read_vin_part},
        {0xFD, 0xF1, L_ANSWER, MSG_VIN3, read_vin_part},
        {0xFD, 0xB4, L_ANSWER, MSG_PLUG, read_plug},
        {0xFD, 0x19, L_ANSWER, MSG_OLD_SERIAL, read_old_text},
        {0xFD, 0x1A, L_ANSWER, MSG_OLD_MODEL, read_old_text},
        {0xFD, 0x1B, L_ANSWER, MSG_OLD_FIRMWARE, read_old_firmware},
        {0xFD, 0xB1, L_ANSWER, MSG_START_ACK, read_nothing},
        {0xFD, 0xB2, L_ANSWER, MSG_STOP_ACK, read_nothing},
};

static bool carries_no_id(enum message_kind k)
{
    return k == MSG_OLD_SERIAL || k == MSG_OLD_MODEL || k == MSG_OLD_FIRMWARE ||
           k == MSG_DANGEROUS;
}

static const struct kind_row *find_row(const struct frame *f)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == f->data[0] && rows[i].cmd == f->data[1] &&
                (rows[i].lengths & length_bit(f->len)) != 0) {
            return &rows[i];
        }
    }
    return NULL;
}

bool message_decode(const struct frame *f, struct message *m)
{
    const struct kind_row *row;

    memset(m, 0, sizeof(*m));
    m->len = f->len;
    if (f->len < FRAME_BODY_MIN || f->len > FRAME_BODY_MAX) {
        return false;
    }
    m->type = f->data[0];
    m->cmd = f->data[1];
    row = find_row(f);
    if (!row) {
        return false;
    }
    m->kind = row->kind;
    m->from_master = m->type != MESSAGE_ANSWER;
    m->sender = carries_no_id(m->kind) ? 0 : be16(f->data + 2);
    if (m->kind == MSG_SLAVE_LINKREADY || m->kind == MSG_SLAVE_HEARTBEAT ||
            m->kind == MSG_MASTER_HEARTBEAT) {
        m->protocol = f->len >= 16 ? 2 : 1;
    }
    row->read(f, m);
    return true;
}

const char *message_kind_name(enum message_kind k)
{
    static const char *const names[MSG_KIND_COUNT] = {
            [MSG_UNKNOWN] = "unknown",
            [MSG_MASTER_LINKREADY1] = "master linkready 1",
            [MSG_MASTER_LINKREADY2] = "master linkready 2",
            [MSG_MASTER_IDLE] = "master idle",
            [MSG_MASTER_HEARTBEAT] = "master heartbeat",
            [MSG_GET_POWER] = "get power",
            [MSG_GET_FIRMWARE] = "get firmware",
            [MSG_GET_SERIAL] = "get serial",
            [MSG_GET_VIN1] = "get VIN part 1",
            [MSG_GET_VIN2] = "get VIN part 2",
            [MSG_GET_VIN3] = "get VIN part 3",
            [MSG_GET_PLUG] = "get plug state",
            [MSG_GET_OLD_SERIAL] = "get serial (old)",
            [MSG_GET_OLD_MODEL] = "get model (old)",
            [MSG_GET_OLD_FIRMWARE] = "get firmware (old)",
            [MSG_START] = "start charging",
            [MSG_STOP] = "stop charging",
            [MSG_DANGEROUS] = "dangerous command",
            [MSG_SLAVE_LINKREADY] = "slave linkready",
            [MSG_SLAVE_HEARTBEAT] = "slave heartbeat",
            [MSG_POWER] = "power",
            [MSG_FIRMWARE] = "firmware",
            [MSG_SERIAL] = "serial",
            [MSG_VIN1] = "VIN part 1",
            [MSG_VIN2] = "VIN part 2",
            [MSG_VIN3] = "VIN part 3",
            [MSG_PLUG] = "plug state",
            [MSG_OLD_SERIAL] = "serial (old)",
            [MSG_OLD_MODEL] = "model (old)",
            [MSG_OLD_FIRMWARE] = "firmware (old)",
            [MSG_START_ACK] = "start acknowledged",
            [MSG_STOP_ACK] = "stop acknowledged",
    };

    return k < MSG_KIND_COUNT ? names[k] : names[MSG_UNKNOWN];
}

const char *twc_state_name(uint8_t state)
{
    static const char *const names[] = {
            [TWC_READY] = "ready",
            [TWC_CHARGING] = "charging",
            [TWC_ERROR] = "error",
            [TWC_PLUGGED_NO_CHARGE] = "plugged in, does not charge",
            [TWC_PLUGGED_READY] = "plugged in, ready",
            [TWC_BUSY] = "busy",
            [TWC_ACK_PLUS] = "raising",
            [TWC_ACK_MINUS] = "lowering",
            [TWC_STARTING] = "starting",
            [TWC_ACK_LIMIT] = "limit taken",
            [TWC_ADJUSTED] = "adjusted",
    };

    return state < ARRAY_LEN(names) ? names[state] : "unknown";
}

/* Value of a character in the check sum of a VIN; -1: not allowed there. */
static int vin_value(char c)
{
    static const int8_t letters[26] = {
            1, 2, 3, 4, 5, 6, 7, 8, -1, 1, 2, 3, 4, 5, -1, 7, -1, 9, 2, 3, 4, 5, 6, 7, 8, 9};

    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'A' && c <= 'Z' ? letters[c - 'A'] : -1;
}

bool vin_valid(const char *vin)
{
    static const int8_t weights[VIN_LEN] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    int sum = 0;

    for (int i = 0; i < VIN_LEN; i++) {
        int v = vin_value(vin[i]);

        if (v < 0) {
            return false; /* the end of a short text too */
        }
        sum += v * weights[i];
    }
    return vin[VIN_LEN] == '\0' && vin[8] == (sum % 11 == 10 ? 'X' : (char)('0' + sum % 11));
}
