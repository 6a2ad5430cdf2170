/*
 * The encoder of a slave against bytes written by hand. SPDX-License-Identifier: MIT
 */
#include "bridge/core/twc/message_slave.h"
#include "tests/support/test.h"

#include <stdio.h>

static const struct {
    struct slave_out m;
    const char *body; /* with checksum */
} table[] = {
        {{.kind = MSG_SLAVE_LINKREADY,
                 .protocol = 2,
                 .from = 0x4085,
                 .sign = 0x1D,
                 .hw_max_ma = 32000},
                "FDE240851D0C80000000000000000050"},
        {{.kind = MSG_SLAVE_LINKREADY,
                 .protocol = 1,
                 .from = 0x4085,
                 .sign = 0x1D,
                 .hw_max_ma = 80000},
                "FDE240851D1F4000000000000023"},
        {{.kind = MSG_SLAVE_HEARTBEAT,
                 .protocol = 2,
                 .from = 0x2019,
                 .to = 0x7777,
                 .state = 8,
                 .max_ma = 6000,
                 .draw_ma = 5280},
                "FDE0201977770802580210000000007B"},
        {{.kind = MSG_SLAVE_HEARTBEAT,
                 .protocol = 1,
                 .from = 0x032E,
                 .to = 0x7777,
                 .state = 3,
                 .max_ma = 6000,
                 .draw_ma = 250},
                "FDE0032E77770302580019000075"},
        {{.kind = MSG_POWER,
                 .protocol = 2,
                 .from = 0x1A2B,
                 .energy = 0x01020304,
                 .volts = {230, 241, 232},
                 .half_amps = {32, 31, 2}},
                "FDEB1A2B0102030400E600F100E8201F0200003A"},
        {{.kind = MSG_POWER,
                 .protocol = 2,
                 .from = 0x1A2B,
                 .energy = 5,
                 .volts = {230},
                 .half_amps = {32},
                 .old_power = true},
                "FDEB1A2B0000000500E600000000001B"},
        {{.kind = MSG_FIRMWARE, .protocol = 2, .from = 0x5850, .version = {4, 5, 3, 2}},
                "FDEC58500405030200000000000000A2"},
        {{.kind = MSG_PLUG, .protocol = 2, .from = 0x1A2B, .plug = 3},
                "FDB41A2B0300000000000000000000FC"},
        {{.kind = MSG_START_ACK, .protocol = 2, .from = 0x5850},
                "FDB15850000000000000000000000059"},
        {{.kind = MSG_STOP_ACK, .protocol = 2, .from = 0x5850},
                "FDB2585000000000000000000000005A"},
};

static void hex(const struct frame *f, char *out, size_t room)
{
    out[0] = '\0';
    for (int i = 0; i < f->len; i++) {
        snprintf(out + 2 * i, room - 2 * (size_t)i, "%02X", (unsigned)f->data[i]);
    }
}

static void bodies_are_what_real_units_send(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct frame f;
        char got[64];

        assert_true(message_slave_pack(&table[i].m, &f));
        hex(&f, got, sizeof(got));
        check_str(got, table[i].body);
    }
}

static void text_comes_back_through_the_decoder(void **state)
{
    static const struct {
        enum message_kind kind;
        const char *text, *want;
        uint16_t sender;
    } texts[] = {
            {MSG_SERIAL, "A17I0039393", "A17I0039393", 0x1A2B},
            {MSG_SERIAL, "A17I0039393 and more", "A17I0039393", 0x1A2B},
            {MSG_VIN1, "5YJ3E1E", "5YJ3E1E", 0x1A2B},
            {MSG_VIN2, "A7KF000", "A7KF000", 0x1A2B},
            {MSG_VIN3, "316", "316", 0x1A2B},
            {MSG_VIN3, "316xyz", "316", 0x1A2B},
            {MSG_VIN1, NULL, "", 0x1A2B},
            {MSG_OLD_SERIAL, "A17I0039393", "A17I0039393", 0},
            {MSG_OLD_MODEL, "EVWTS80HL", "EVWTS80HL", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct frame f;
        struct message m;

        assert_true(message_slave_pack(&(struct slave_out){.kind = texts[i].kind,
                                               .protocol = 2,
                                               .from = 0x1A2B,
                                               .text = texts[i].text},
                &f));
        assert_true(message_decode(&f, &m));
        check_i64(m.kind, texts[i].kind);
        check_str(m.text, texts[i].want);
        check_i64(m.sender, texts[i].sender);
    }
}

static void amps_are_cut_to_what_two_bytes_can_say(void **state)
{
    static const struct {
        int32_t ma, want_ma;
    } amps[] = {{0, 0}, {-2000, 0}, {9, 0}, {48000, 48000}, {655350, 655350}, {655360, 655350},
            {INT32_MAX, 655350}, {INT32_MIN, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(amps); i++) {
        struct frame f;
        struct message m;

        assert_true(message_slave_pack(&(struct slave_out){.kind = MSG_SLAVE_HEARTBEAT,
                                               .protocol = 2,
                                               .from = 1,
                                               .to = 2,
                                               .max_ma = amps[i].ma,
                                               .draw_ma = amps[i].ma},
                &f));
        assert_true(message_decode(&f, &m));
        check_i64(m.max_ma, amps[i].want_ma);
        check_i64(m.draw_ma, amps[i].want_ma);
    }
}

static void what_a_master_says_is_refused(void **state)
{
    (void)state;
    for (int k = MSG_UNKNOWN; k < MSG_KIND_COUNT; k++) {
        struct frame f;
        bool want = k >= MSG_SLAVE_LINKREADY && k <= MSG_STOP_ACK;

        check_i64(message_slave_pack(
                          &(struct slave_out){.kind = (enum message_kind)k, .protocol = 2}, &f),
                want);
        if (want) {
            check_i64(f.data[0], MESSAGE_ANSWER);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(bodies_are_what_real_units_send),
            cmocka_unit_test(text_comes_back_through_the_decoder),
            cmocka_unit_test(amps_are_cut_to_what_two_bytes_can_say),
            cmocka_unit_test(what_a_master_says_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
