/*
 * dsmr_rig - telegrams of a P1 meter, made here with their checksums, and a line that brings them in
 * pieces. SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_DSMR_RIG_H
#define TESTS_SUPPORT_DSMR_RIG_H

#include "bridge/base/str.h"
#include "tests/support/ems_rig.h"

#define HOST "{\"host\":\"192.0.2.7\"}"

enum { ROOM = 20000 };

/* What was made, and what is fed. */
struct bytes {
    size_t n;
    char p[ROOM];
};

static inline void add(struct bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof(b->p));
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static inline void adds(struct bytes *b, const char *s)
{
    add(b, s, strlen(s));
}

static inline void add_all(struct bytes *b, const struct bytes *more)
{
    add(b, more->p, more->n);
}

/* CRC-16/ARC the long way: the message as one number, divided bit by bit, least bit first. */
static inline unsigned arc(const struct bytes *b)
{
    unsigned rest = 0;

    for (size_t i = 0; i < b->n * 8; i++) {
        unsigned bit = ((unsigned char)b->p[i / 8] >> (i % 8)) & 1, out = rest >> 15;

        rest = rest << 1 & 0xFFFF;
        rest ^= out ^ bit ? 0x8005u : 0;
    }
    unsigned mirrored = 0;
    for (int i = 0; i < 16; i++) {
        mirrored |= (rest >> i & 1) << (15 - i);
    }
    return mirrored;
}

/* Lines are parted by '\n' in text; "!" and the checksum are put behind. */
static inline void telegram(struct bytes *b, const char *text, const char *end)
{
    char sum[32];

    b->n = 0;
    for (; *text; text++) {
        adds(b, *text == '\n' ? "\r\n" : "");
        add(b, text, *text != '\n');
    }
    adds(b, "!");
    snprintf(sum, sizeof(sum), "%04X\r\n", arc(b));
    adds(b, end ? end : sum);
}

/* The bytes come in pieces of `step` and go through cut, as in the daemon. Returns how many messages
 * there were; the reports and the class are those of the last. */
static enum ems_class last;
static size_t kept; /* bytes that wait for more */

static inline int feed(struct ems_rig *r, const char *p, size_t n, size_t step)
{
    static char box[ROOM];
    size_t have = 0;
    int messages = 0;

    for (size_t at = 0; at < n; at += step) {
        size_t some = n - at < step ? n - at : step, drop = 1, len = 1, done = 0;

        assert_true(have + some <= sizeof(box));
        memcpy(box + have, p + at, some);
        have += some;
        while (done < have && (drop > 0 || len > 0)) {
            char *exact = malloc(have - done); /* a sanitizer sees who reads on */

            memcpy(exact, box + done, have - done);
            r->a->cut(r->config, exact, have - done, &drop, &len);
            assert_true(drop <= have - done && len <= have - done - drop);
            if (len > 0) {
                messages++;
                memset(&r->reports, 0, sizeof(r->reports));
                last = ems_rig_parse(r, (struct ems_answer){.pushed = true,
                                                .status = 200,
                                                .body = exact + drop,
                                                .len = len});
            }
            done += drop + len;
            free(exact);
        }
        memmove(box, box + done, have - done);
        have -= done;
        kept = have;
    }
    return messages;
}

static inline int feed_all(struct ems_rig *r, const struct bytes *b)
{
    return feed(r, b->p, b->n, b->n);
}

static inline void check_time(const struct ems_rig *r, enum ems_field f, const char *want)
{
    char time[STR_TIME_ROOM];

    str_time(time, r->reports.field[f].source_utc_ms);
    check_str(time, want);
}

/* ---- telegrams ---- */

/* Whole amps, as in the Netherlands; L1 gives to the grid. */
static const char dutch[] __attribute__((unused)) =
        "/OWN5\\4METER-1\n\n1-3:0.2.8(50)\n0-0:1.0.0(260724143005S)\n"
        "0-0:96.1.1(4F574E)\n1-0:1.8.1(000123.456*kWh)\n1-0:1.7.0(00.000*kW)\n"
        "1-0:2.7.0(01.250*kW)\n0-0:96.13.0()\n1-0:32.7.0(231.0*V)\n"
        "1-0:52.7.0(229.5*V)\n1-0:72.7.0(230.0*V)\n1-0:31.7.0(010*A)\n"
        "1-0:51.7.0(003*A)\n1-0:71.7.0(002*A)\n1-0:21.7.0(00.000*kW)\n"
        "1-0:41.7.0(00.700*kW)\n1-0:61.7.0(00.460*kW)\n1-0:22.7.0(02.410*kW)\n"
        "1-0:42.7.0(00.000*kW)\n1-0:62.7.0(00.000*kW)\n0-1:24.1.0(003)\n"
        "0-1:24.2.1(260724143000S)(00042.001*m3)\n";
/* Two decimals, as in Belgium. */
static const char belgian[] __attribute__((unused)) =
        "/OWN5\\1BE\n\n0-0:96.1.4(50221)\n0-0:1.0.0(260112080910W)\n"
        "1-0:1.4.0(00.100*kW)\n1-0:1.6.0(260101000000W)(02.000*kW)\n"
        "1-0:1.7.0(00.900*kW)\n1-0:2.7.0(00.000*kW)\n1-0:21.7.0(01.000*kW)\n"
        "1-0:22.7.0(00.000*kW)\n1-0:41.7.0(00.000*kW)\n1-0:42.7.0(00.100*kW)\n"
        "1-0:32.7.0(230.1*V)\n1-0:52.7.0(230.2*V)\n1-0:31.7.0(004.52*A)\n"
        "1-0:51.7.0(000.61*A)\n0-1:24.2.3(632525252525W)(00001.000*m3)\n";
/* No clock, no checksum. */
static const char old[] __attribute__((unused)) =
        "/OWN5\\2OLD\n\n0-0:96.1.1(00)\n1-0:1.7.0(0001.01*kW)\n"
        "1-0:2.7.0(0000.00*kW)\n0-1:24.3.0(161107190000)(00)(60)(1)(0-1:24.2.1)(m3)\n"
        "(00001.001)\n0-1:24.4.0(1)\n";

static inline void check_dutch(const struct ems_rig *r)
{
    check_value(r, EMS_GRID_W, -1250);
    check_value(r, EMS_CURRENT_L1_MA, -10433); /* 2410 W / 231.0 V */
    check_value(r, EMS_CURRENT_L2_MA, 3050);
    check_value(r, EMS_CURRENT_L3_MA, 2000);
    check_value(r, EMS_VOLTAGE_L1_MV, 231000);
    check_value(r, EMS_VOLTAGE_L2_MV, 229500);
    check_value(r, EMS_VOLTAGE_L3_MV, 230000);
    check_time(r, EMS_GRID_W, "2026-07-24T12:30:05Z"); /* summer: UTC + 2 */
}

#endif
