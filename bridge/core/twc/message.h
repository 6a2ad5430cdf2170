/*
 * message - what the frames of a Gen 2 bus say, in both directions. Decoding only: the master's
 * encoder is message_master.h, the slave's is message_slave.h and is never linked into the bus
 * path of the bridge. SPDX-License-Identifier: MIT
 */
#ifndef CORE_TWC_MESSAGE_H
#define CORE_TWC_MESSAGE_H

#include "bridge/base/macros.h"
#include "bridge/core/limits.h"
#include "bridge/core/twc/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* First byte of a body. */
enum { MESSAGE_REQUEST = 0xFB, MESSAGE_COMMAND = 0xFC, MESSAGE_ANSWER = 0xFD };

enum message_kind {
    MSG_UNKNOWN,
    /* from a master */
    MSG_MASTER_LINKREADY1, /* FC E1; FC E2 is heard too */
    MSG_MASTER_LINKREADY2, /* FB E2; FB E1 is heard too */
    MSG_MASTER_IDLE,       /* FC 1D */
    MSG_MASTER_HEARTBEAT,  /* FB E0 */
    MSG_GET_POWER,         /* FB EB */
    MSG_GET_FIRMWARE,      /* FB EC */
    MSG_GET_SERIAL,        /* FB ED */
    MSG_GET_VIN1,          /* FB EE */
    MSG_GET_VIN2,          /* FB EF */
    MSG_GET_VIN3,          /* FB F1 */
    MSG_GET_PLUG,          /* FB B4 */
    MSG_GET_OLD_SERIAL,    /* FB 19, not addressed: every slave answers */
    MSG_GET_OLD_MODEL,     /* FB 1A */
    MSG_GET_OLD_FIRMWARE,  /* FB 1B */
    MSG_START,             /* FC B1 */
    MSG_STOP,              /* FC B2 */
    MSG_DANGEROUS, /* FC 19, FC 1A, FB E8, FC E5, FC A1: heard from others, never sent */
    /* from a slave */
    MSG_SLAVE_LINKREADY, /* FD E2 */
    MSG_SLAVE_HEARTBEAT, /* FD E0 */
    MSG_POWER,           /* FD EB */
    MSG_FIRMWARE,        /* FD EC */
    MSG_SERIAL,          /* FD ED */
    MSG_VIN1,            /* FD EE */
    MSG_VIN2,            /* FD EF */
    MSG_VIN3,            /* FD F1 */
    MSG_PLUG,            /* FD B4 */
    MSG_OLD_SERIAL,      /* FD 19: carries no id */
    MSG_OLD_MODEL,       /* FD 1A */
    MSG_OLD_FIRMWARE,    /* FD 1B */
    MSG_START_ACK,       /* FD B1 */
    MSG_STOP_ACK,        /* FD B2 */
    MSG_KIND_COUNT
};

/* Byte 6 of a slave's heartbeat. The state does not say whether current flows. */
enum twc_state {
    TWC_READY = 0x00,
    TWC_CHARGING = 0x01,
    TWC_ERROR = 0x02,
    TWC_PLUGGED_NO_CHARGE = 0x03,
    TWC_PLUGGED_READY = 0x04,
    TWC_BUSY = 0x05,
    TWC_ACK_PLUS = 0x06,
    TWC_ACK_MINUS = 0x07,
    TWC_STARTING = 0x08,
    TWC_ACK_LIMIT = 0x09,
    TWC_ADJUSTED = 0x0A,
};

/* Byte 6 of a master's heartbeat. */
enum twc_command {
    TWC_CMD_GO_ON = 0x00,
    TWC_CMD_ERROR = 0x02, /* never sent */
    TWC_CMD_LIMIT_P1 = 0x05,
    TWC_CMD_PLUS = 0x06,    /* never sent */
    TWC_CMD_MINUS = 0x07,   /* never sent */
    TWC_CMD_STOPPED = 0x08, /* never sent */
    TWC_CMD_LIMIT_P2 = 0x09,
};

/* Byte 4 of FD B4. */
enum twc_plug { TWC_PLUG_NO, TWC_PLUG_CHARGING, TWC_PLUG_UNKNOWN, TWC_PLUG_WAITING };

enum { MESSAGE_TEXT_ROOM = 20, VIN_LEN = 17 };

/* Members that a kind does not have are 0 (text: ""). */
struct message {
    enum message_kind kind;
    uint8_t type, cmd;
    uint8_t len;
    uint8_t protocol;   /* by the length of a linkready or heartbeat: 1 or 2; 0: cannot tell */
    bool from_master;   /* type FB or FC */
    bool odd;           /* reserved bytes that every known unit leaves 0 are not 0 */
    uint16_t sender;    /* 0 in the kinds that carry no id */
    uint16_t receiver;  /* 0: not addressed */
    uint8_t sign;       /* linkreadys */
    uint8_t code;       /* heartbeats: state of a slave, command of a master */
    uint8_t error_bits; /* master's heartbeat with command 02 */
    uint8_t master_plugged; /* master's heartbeat */
    int32_t max_ma;         /* heartbeats: limit in force, or the limit told */
    int32_t draw_ma;        /* slave's heartbeat, raw */
    int32_t hw_max_ma;      /* linkreadys */
    uint32_t energy_raw;    /* kWh on most units, Wh on some */
    uint16_t volts[PHASES];
    uint8_t half_amps[PHASES]; /* in steps of 0.5 A */
    bool has_half_amps;        /* firmware 4.5.3 and later */
    uint8_t version[4];
    uint8_t plug;  /* enum twc_plug, or a value nobody knows */
    bool text_bad; /* the text held bytes that are no printable ASCII: text is "" */
    char text[MESSAGE_TEXT_ROOM]; /* serial, model or part of a VIN */
};

/* False: unknown type and command, or a length that this kind never has. m is written always
 * (kind MSG_UNKNOWN, type, cmd and len at least). */
bool message_decode(const struct frame *f, struct message *m) MUST_CHECK;

/* Such as "slave heartbeat"; "unknown" for MSG_UNKNOWN. */
const char *message_kind_name(enum message_kind k);

/* Such as "charging"; "state 0f" is not among them: "unknown". */
const char *twc_state_name(uint8_t state);

/* 17 characters of the right alphabet with the right check digit. */
bool vin_valid(const char *vin);

#endif
