/*
 * bus_words - see bus_words.h. SPDX-License-Identifier: MIT
 */
#include "bridge/bus_words.h"

#include <stdio.h>

static void amps(struct buf *out, const char *before, int32_t ma)
{
    buf_addf(out, "%s%g A", before, ma / 1000.0);
}

static const char *command_words(uint8_t code)
{
    switch ((enum twc_command)code) {
    case TWC_CMD_GO_ON:
        return "go on";
    case TWC_CMD_ERROR:
        return "error";
    case TWC_CMD_LIMIT_P1:
    case TWC_CMD_LIMIT_P2:
        return "limit";
    case TWC_CMD_PLUS:
        return "2 A more";
    case TWC_CMD_MINUS:
        return "2 A less";
    case TWC_CMD_STOPPED:
        return "stopped";
    }
    return "unknown command";
}

static const char *plug_words(uint8_t plug)
{
    switch ((enum twc_plug)plug) {
    case TWC_PLUG_NO:
        return "unplugged";
    case TWC_PLUG_CHARGING:
        return "charging";
    case TWC_PLUG_UNKNOWN:
        return "not known";
    case TWC_PLUG_WAITING:
        return "plugged in";
    }
    return "a value nobody knows";
}

static void heartbeat(const struct message *m, struct buf *out)
{
    if (m->from_master) {
        buf_addf(out, ", %s", command_words(m->code));
        if (m->code == TWC_CMD_LIMIT_P1 || m->code == TWC_CMD_LIMIT_P2) {
            amps(out, " ", m->max_ma);
        }
        return;
    }
    buf_addf(out, ", %s (%02x)", twc_state_name(m->code), (unsigned)m->code);
    amps(out, ", limit ", m->max_ma);
    amps(out, ", draws ", m->draw_ma);
}

static void power(const struct message *m, struct buf *out)
{
    buf_addf(out, ", counter %u, %u/%u/%u V", m->energy_raw, (unsigned)m->volts[0],
            (unsigned)m->volts[1], (unsigned)m->volts[2]);
    if (m->has_half_amps) {
        buf_addf(out, ", %g/%g/%g A", m->half_amps[0] / 2.0, m->half_amps[1] / 2.0,
                m->half_amps[2] / 2.0);
    }
}

static void details(const struct message *m, struct buf *out)
{
    switch (m->kind) {
    case MSG_MASTER_HEARTBEAT:
    case MSG_SLAVE_HEARTBEAT:
        heartbeat(m, out);
        break;
    case MSG_SLAVE_LINKREADY:
        amps(out, ", at most ", m->hw_max_ma);
        buf_addf(out, ", sign %02x", (unsigned)m->sign);
        break;
    case MSG_MASTER_LINKREADY1:
    case MSG_MASTER_LINKREADY2:
        buf_addf(out, ", sign %02x", (unsigned)m->sign);
        break;
    case MSG_POWER:
        power(m, out);
        break;
    case MSG_FIRMWARE:
        buf_addf(out, ", %u.%u.%u", (unsigned)m->version[0], (unsigned)m->version[1],
                (unsigned)m->version[2]);
        break;
    case MSG_PLUG:
        buf_addf(out, ", %s", plug_words(m->plug));
        break;
    case MSG_SERIAL:
    case MSG_VIN1:
    case MSG_VIN2:
    case MSG_VIN3:
    case MSG_OLD_SERIAL:
    case MSG_OLD_MODEL:
        buf_addf(out, ", \"%s\"", m->text);
        break;
    case MSG_UNKNOWN:
        buf_addf(out, ", %02x %02x, %u bytes", (unsigned)m->type, (unsigned)m->cmd,
                (unsigned)m->len);
        break;
    case MSG_DANGEROUS:
        buf_adds(out, ", never sent by this bridge");
        break;
    case MSG_MASTER_IDLE:
    case MSG_GET_POWER:
    case MSG_GET_FIRMWARE:
    case MSG_GET_SERIAL:
    case MSG_GET_VIN1:
    case MSG_GET_VIN2:
    case MSG_GET_VIN3:
    case MSG_GET_PLUG:
    case MSG_GET_OLD_SERIAL:
    case MSG_GET_OLD_MODEL:
    case MSG_GET_OLD_FIRMWARE:
    case MSG_START:
    case MSG_STOP:
    case MSG_OLD_FIRMWARE:
    case MSG_START_ACK:
    case MSG_STOP_ACK:
    case MSG_KIND_COUNT:
        break;
    }
}

void bus_words(const struct message *m, struct buf *out)
{
    if (m->sender != 0) {
        buf_addf(out, "%04x", (unsigned)m->sender);
    } else {
        buf_adds(out, m->from_master ? "a master" : "a charger");
    }
    if (m->receiver != 0) {
        buf_addf(out, " to %04x", (unsigned)m->receiver);
    }
    buf_addf(out, ": %s", message_kind_name(m->kind));
    details(m, out);
}

static void jw_id(struct jw *w, const char *key, uint16_t id)
{
    char text[8];

    snprintf(text, sizeof(text), "%04x", (unsigned)id);
    jw_str(w, key, id != 0 ? text : NULL);
}

void bus_members(const struct message *m, struct jw *w)
{
    jw_str(w, "kind", message_kind_name(m->kind));
    jw_id(w, "from", m->sender);
    jw_id(w, "to", m->receiver);
    jw_bool(w, "master", m->from_master);
    if (m->kind == MSG_MASTER_HEARTBEAT || m->kind == MSG_SLAVE_HEARTBEAT) {
        jw_int(w, m->from_master ? "command" : "state", m->code);
        jw_decimal(w, "limit", m->max_ma, 3, 2);
        if (!m->from_master) {
            jw_decimal(w, "draw", m->draw_ma, 3, 2);
        }
    } else if (m->kind == MSG_SLAVE_LINKREADY) {
        jw_decimal(w, "max", m->hw_max_ma, 3, 2);
        jw_int(w, "sign", m->sign);
    } else if (m->kind == MSG_PLUG) {
        jw_int(w, "plug", m->plug);
    } else if (m->kind == MSG_POWER) {
        jw_int(w, "counter", m->energy_raw);
    } else if (m->text[0] != '\0') {
        jw_str(w, "text", m->text);
    }
}
