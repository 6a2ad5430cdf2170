/*
 * The P1 adapter over telegrams of our own; checksums and ciphers are made here.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "tests/support/ems_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#define HOST "{\"host\":\"192.0.2.7\"}"

enum { ROOM = 20000 };

/* What was made, and what is fed. */
struct bytes {
    size_t n;
    char p[ROOM];
};

static void add(struct bytes *b, const void *p, size_t n)
{
    assert_true(b->n + n <= sizeof(b->p));
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void adds(struct bytes *b, const char *s)
{
    add(b, s, strlen(s));
}

static void add_all(struct bytes *b, const struct bytes *more)
{
    add(b, more->p, more->n);
}

/* CRC-16/ARC the long way: the message as one number, divided bit by bit, least bit first. */
static unsigned arc(const struct bytes *b)
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
static void telegram(struct bytes *b, const char *text, const char *end)
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

static int feed(struct ems_rig *r, const char *p, size_t n, size_t step)
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
    }
    return messages;
}

static int feed_all(struct ems_rig *r, const struct bytes *b)
{
    return feed(r, b->p, b->n, b->n);
}

static void check_time(const struct ems_rig *r, enum ems_field f, const char *want)
{
    char time[STR_TIME_ROOM];

    str_time(time, r->reports.field[f].source_utc_ms);
    check_str(time, want);
}

/* ---- telegrams ---- */

/* Whole amps, as in the Netherlands; L1 gives to the grid. */
static const char dutch[] =
        "/OWN5\\4METER-1\n\n1-3:0.2.8(50)\n0-0:1.0.0(260724143005S)\n"
        "0-0:96.1.1(4F574E)\n1-0:1.8.1(000123.456*kWh)\n1-0:1.7.0(00.000*kW)\n"
        "1-0:2.7.0(01.250*kW)\n0-0:96.13.0()\n1-0:32.7.0(231.0*V)\n"
        "1-0:52.7.0(229.5*V)\n1-0:72.7.0(230.0*V)\n1-0:31.7.0(010*A)\n"
        "1-0:51.7.0(003*A)\n1-0:71.7.0(002*A)\n1-0:21.7.0(00.000*kW)\n"
        "1-0:41.7.0(00.700*kW)\n1-0:61.7.0(00.460*kW)\n1-0:22.7.0(02.410*kW)\n"
        "1-0:42.7.0(00.000*kW)\n1-0:62.7.0(00.000*kW)\n0-1:24.1.0(003)\n"
        "0-1:24.2.1(260724143000S)(00042.001*m3)\n";
/* Two decimals, as in Belgium. */
static const char belgian[] =
        "/OWN5\\1BE\n\n0-0:96.1.4(50221)\n0-0:1.0.0(260112080910W)\n"
        "1-0:1.4.0(00.100*kW)\n1-0:1.6.0(260101000000W)(02.000*kW)\n"
        "1-0:1.7.0(00.900*kW)\n1-0:2.7.0(00.000*kW)\n1-0:21.7.0(01.000*kW)\n"
        "1-0:22.7.0(00.000*kW)\n1-0:41.7.0(00.000*kW)\n1-0:42.7.0(00.100*kW)\n"
        "1-0:32.7.0(230.1*V)\n1-0:52.7.0(230.2*V)\n1-0:31.7.0(004.52*A)\n"
        "1-0:51.7.0(000.61*A)\n0-1:24.2.3(632525252525W)(00001.000*m3)\n";
/* No clock, no checksum. */
static const char old[] =
        "/OWN5\\2OLD\n\n0-0:96.1.1(00)\n1-0:1.7.0(0001.01*kW)\n"
        "1-0:2.7.0(0000.00*kW)\n0-1:24.3.0(161107190000)(00)(60)(1)(0-1:24.2.1)(m3)\n"
        "(00001.001)\n0-1:24.4.0(1)\n";

static void check_dutch(const struct ems_rig *r)
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

static void whole_amps_are_replaced_by_power_and_voltage(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    check_i64(r.errs.count + r.warnings.count, 0);
    telegram(&b, dutch, NULL);
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_OK);
    check_dutch(&r);
    check_str(r.reports.field[EMS_GRID_W].raw, "00.000*kW - 01.250*kW");
}

static void amps_with_decimals_have_the_direction_of_their_phase(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, belgian, NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_GRID_W, 900);
    check_value(&r, EMS_CURRENT_L1_MA, 4520);
    check_value(&r, EMS_CURRENT_L2_MA, -610);
    check_none(&r, EMS_CURRENT_L3_MA, "1-0:71.7.0 is not in the telegram");
    check_none(&r, EMS_VOLTAGE_L3_MV, "1-0:72.7.0 is not in the telegram");
    check_time(&r, EMS_VOLTAGE_L1_MV, "2026-01-12T07:09:10Z"); /* winter: UTC + 1 */
}

static void an_old_telegram_has_neither_checksum_nor_clock(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, old, "\r\n");
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_OK);
    check_value(&r, EMS_GRID_W, 1010);
    check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, 0);
    check_none(&r, EMS_CURRENT_L1_MA, "1-0:31.7.0 is not in the telegram");
}

static void the_unit_that_is_written_counts(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/EST5\\X\n\n1-0:1.7.0(000000286*W)\n1-0:2.7.0(000000000*W)\n1-0:21.7.0(0.3*KW)\n"
            "1-0:31.7.0(1304*mA)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_GRID_W, 286);
    check_value(&r, EMS_CURRENT_L1_MA, 1304);
}

static void one_bad_object_costs_no_other(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(1.5)\n1-0:32.7.0(x30.1*V)\n1-0:52.7.0(230.0*A)\n1-0:72.7.0()\n"
            "1-0:21.7.0(00.500*kW)\n1-0:31.7.0(2.5*A)\n1-0:41.7.0(0.1*kW)\n1-0:42.7.0(-*kW)\n"
            "1-0:51.7.0(1.5*A)\n1-0:71.7.0(3,5*A)\n1-0:31.7.0(9*A)\n",
            "\r\n");
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_OK);
    check_none(&r, EMS_GRID_W, "1-0:1.7.0 has no unit");
    check_none(&r, EMS_VOLTAGE_L1_MV, "1-0:32.7.0 is not a number");
    check_none(&r, EMS_VOLTAGE_L2_MV, "1-0:52.7.0 has a unit that does not belong here");
    check_none(&r, EMS_VOLTAGE_L3_MV, "1-0:72.7.0 has no value");
    check_value(&r, EMS_CURRENT_L1_MA, 2500);
    check_none(&r, EMS_CURRENT_L2_MA, "1-0:51.7.0 has no direction");
    check_none(&r, EMS_CURRENT_L3_MA, "1-0:71.7.0 is not a number");
}

static void a_meter_of_one_phase_takes_the_direction_of_the_whole(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, "/OWN5\n\n1-0:1.7.0(00.000*kW)\n1-0:2.7.0(00.480*kW)\n1-0:31.7.0(002*A)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_CURRENT_L1_MA, -2000);
    check_none(&r, EMS_CURRENT_L2_MA, "not in the telegram");
    /* With three phases the direction of one is not that of the whole. */
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(00.000*kW)\n1-0:2.7.0(00.480*kW)\n1-0:31.7.0(002*A)\n"
            "1-0:51.7.0(000*A)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_none(&r, EMS_CURRENT_L1_MA, "no direction");
    check_value(&r, EMS_CURRENT_L2_MA, 0);
    /* Nothing goes out: what flows comes in. Power of none is no reason for a current of none. */
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(00.480*kW)\n1-0:2.7.0(00.000*kW)\n1-0:31.7.0(002*A)\n"
            "1-0:51.7.0(5.1*A)\n1-0:41.7.0(0*kW)\n1-0:42.7.0(0*kW)\n1-0:52.7.0(230*V)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_CURRENT_L1_MA, 2000);
    check_value(&r, EMS_CURRENT_L2_MA, 5100);
}

static void a_voltage_of_none_divides_nothing(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/OWN5\n\n1-0:1.7.0(1*kW)\n1-0:21.7.0(1*kW)\n1-0:31.7.0(004*A)\n1-0:32.7.0(0.0*V)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_CURRENT_L1_MA, 4000);
    check_value(&r, EMS_VOLTAGE_L1_MV, 0);
}

/* ---- checksums ---- */

static void a_checksum_is_a_number(void **state)
{
    static struct bytes b;
    struct ems_rig r;
    char text[100], end[20];
    int found = 0;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    for (int i = 0; i < 20000 && found < 3; i++) {
        snprintf(text, sizeof(text), "/OWN5\n\n1-0:1.7.0(%05d*W)\n", i);
        telegram(&b, text, "");
        if (arc(&b) >= 0x1000) {
            continue;
        }
        found++;
        snprintf(end, sizeof(end), found == 2 ? "%x\r\n" : "%X\r\n", arc(&b));
        if (found == 3) { /* a zero byte before the end of the line */
            add(&b, end, strlen(end) - 2);
            add(&b, "\0\r\n", 3);
        } else {
            telegram(&b, text, end);
        }
        check_i64(feed_all(&r, &b), 1);
        check_i64(last, EMS_OK);
        check_value(&r, EMS_GRID_W, i);
    }
    check_i64(found, 3);
}

static void a_telegram_is_whole_with_its_fourth_digit(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, dutch, NULL);
    check_i64(feed(&r, b.p, b.n - 2, 7), 1); /* without the end of its line */
    check_dutch(&r);
}

static void one_damaged_telegram_among_good_ones_is_dropped(void **state)
{
    static struct bytes good, bad;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&good, dutch, NULL);
    telegram(&bad, dutch, NULL);
    strstr(bad.p, "01.250")[1] = '9';
    check_i64(feed_all(&r, &bad), 1);
    check_i64(last, EMS_DATA); /* the first one: nothing good is known of this line */
    check_has(r.e.text, "its checksum is");
    check_i64(ems_said(&r.reports), 0);
    check_i64(feed_all(&r, &good), 1);
    check_dutch(&r);
    for (int i = 0; i < 4; i++) {
        check_i64(feed_all(&r, &bad), 1);
        check_i64(last, i < 2 ? EMS_OK : EMS_DATA);
        check_i64(ems_said(&r.reports), 0);
    }
    check_i64(feed_all(&r, &good), 1);
    check_i64(last, EMS_OK);
    check_dutch(&r);
}

static void a_checksum_that_is_missing_is_missed(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, dutch, "\r\n"); /* it says that it is of DSMR 5 */
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
    check_has(r.e.text, "has no checksum");
    telegram(&b, belgian, "\r\n");
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
    ems_rig_init(&r, "dsmr", "{\"device\":\"/dev/ttyUSB0\",\"profile\":\"4\"}");
    telegram(&b, old, "\r\n");
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
}

static void a_gateway_that_drops_cr_is_understood(void **state)
{
    static struct bytes b, bare;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, dutch, NULL);
    bare.n = 0;
    for (size_t i = 0; i < b.n; i++) {
        add(&bare, b.p + i, b.p[i] != '\r');
    }
    check_i64(feed_all(&r, &bare), 1);
    check_i64(last, EMS_OK);
    check_dutch(&r);
}

/* ---- where one ends and the next begins ---- */

static void a_telegram_that_breaks_off_anywhere_costs_only_itself(void **state)
{
    static const char *const texts[] = {dutch, old};
    static struct bytes whole, b;
    struct ems_rig r;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        telegram(&whole, texts[t], t == 0 ? NULL : "\r\n");
        for (size_t k = 0; k <= whole.n; k++) {
            b.n = 0;
            add(&b, whole.p, k);
            add_all(&b, &whole);
            for (size_t step = 1; step <= b.n; step = step == 1 ? 64 : b.n + 1) {
                ems_rig_init(&r, "dsmr", HOST);
                assert_true(feed(&r, b.p, b.n, step) >= 1);
                check_i64(last, EMS_OK);
                check_value(&r, EMS_GRID_W, t == 0 ? -1250 : 1010);
            }
        }
        for (size_t k = 0; k < whole.n; k++) { /* joined in the middle */
            b.n = 0;
            add(&b, whole.p + k, whole.n - k);
            add_all(&b, &whole);
            ems_rig_init(&r, "dsmr", HOST);
            assert_true(feed(&r, b.p, b.n, 64) >= 1);
            check_i64(last, EMS_OK);
            check_value(&r, EMS_GRID_W, t == 0 ? -1250 : 1010);
        }
    }
}

static void pieces_of_any_size_and_several_at_once_are_the_same(void **state)
{
    static struct bytes one, b;
    struct ems_rig r;

    (void)state;
    telegram(&one, dutch, NULL);
    b.n = 0;
    add_all(&b, &one);
    add_all(&b, &one);
    adds(&b, "\r\nnoise\xFF\xFF");
    add_all(&b, &one);
    for (size_t step = 1; step < 200; step += 13) {
        ems_rig_init(&r, "dsmr", HOST);
        check_i64(feed(&r, b.p, b.n, step), 3);
        check_dutch(&r);
    }
    check_i64(feed_all(&r, &b), 3);
}

static void what_never_ends_is_dropped(void **state)
{
    static struct bytes one, b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&one, dutch, NULL);
    b.n = 0;
    adds(&b, "/OWN5\r\n");
    for (int i = 0; i < 1000; i++) {
        adds(&b, "1-0:1.8.0()\n");
    }
    add_all(&b, &one);
    check_i64(feed(&r, b.p, b.n, 500), 1);
    check_dutch(&r);
}

static void a_d0_meter_has_suffixes_and_goes_on_behind_its_end(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", "{\"device\":\"/dev/ttyUSB0\",\"baud\":9600}");
    telegram(&b,
            "/OWN5Q V1.0\n\n1-0:0.0.0*255(1!2)\n1-0:21.7.0*255(000100.45*W)\n"
            "1-0:41.7.0*255(-000300.00*W)\n1-0:61.7.0*255(000000.00*W)\n"
            "1-0:1.7.0*255(-000199.55*W)\n0-0:96.1.255*255(X)\n",
            "\r\n  25803103\r\n\xFF\xFF\xFF\xFF");
    add(&b, b.p, b.n);
    check_i64(feed(&r, b.p, b.n, 11), 2);
    check_i64(last, EMS_OK);
    check_value(&r, EMS_GRID_W, -200);
    /* Some give one register with a sign. */
    telegram(&b,
            "/OWN5\n\n\x02"
            "1-0:16.7.0*255(-0001.5*kW)\n1-0:36.7.0*255(-500*W)\n"
            "1-0:31.7.0*255(2.2*A)\n1-0:56.7.0*255(400*W)\n1-0:51.7.0*255(2.1*A)\n",
            "\r\n\x03");
    check_i64(feed_all(&r, &b), 1);
    check_value(&r, EMS_GRID_W, -1500);
    check_value(&r, EMS_CURRENT_L1_MA, -2200);
    check_value(&r, EMS_CURRENT_L2_MA, 2100);
}

static void a_control_byte_in_the_name_is_a_part_of_the_checksum(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b, "/OWN5\x02/T-200\n\n1-0:1.7.0(00.100*kW)\n1-0:2.7.0(00.250*kW)\n", NULL);
    check_i64(feed(&r, b.p, b.n, 1), 1);
    check_i64(last, EMS_OK);
    check_value(&r, EMS_GRID_W, -150);
}

/* ---- parity ---- */

static void seven_bits_with_parity_are_read_as_eight(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    for (int t = 0; t < 2; t++) {
        telegram(&b, t == 0 ? old : dutch, t == 0 ? "\r\n" : NULL);
        for (size_t i = 0; i < b.n; i++) {
            b.p[i] = (char)(b.p[i] | __builtin_parity((unsigned)b.p[i] & 0x7F) << 7);
        }
        add(&b, b.p, b.n);
        ems_rig_init(&r, "dsmr", HOST);
        check_i64(feed(&r, b.p, b.n, 9), 2);
        check_i64(last, EMS_OK);
        check_value(&r, EMS_GRID_W, t == 0 ? 1010 : -1250);
        b.n /= 2;
        b.p[b.n / 2] ^= 0x10;
        ems_rig_init(&r, "dsmr", HOST);
        check_i64(feed_all(&r, &b), 1);
        check_i64(last, EMS_DATA);
        check_has(r.e.text, "parity");
    }
}

/* ---- time ---- */

static void times_that_are_none_are_told_as_a_clock_that_was_never_set(void **state)
{
    static const struct {
        const char *time;
        int64_t utc_ms;
    } rows[] = {{"261124120000W", 1795518000000}, /* 11:00 UTC */
            {"261124120000S", 1795514400000}, {"240229235959W", 1709247599000},
            {"632525252525W", 1}, {"260230120000W", 1}, {"261124120000X", 1},
            {"26112412000W", 1}, {"2611241200000W", 1}, {"261124120000", 0}, {"", 0}};
    static struct bytes b;
    struct ems_rig r;
    char text[200];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "dsmr", HOST);
        snprintf(text, sizeof(text), "/OWN5\n\n0-0:1.0.0(%s)\n1-0:1.7.0(1*kW)\n", rows[i].time);
        telegram(&b, text, NULL);
        check_i64(feed_all(&r, &b), 1);
        check_value(&r, EMS_GRID_W, 1000);
        check_i64(r.reports.field[EMS_GRID_W].source_utc_ms, rows[i].utc_ms);
    }
}

/* ---- encrypted ---- */

static const uint8_t key[16] = "0123456789ABCDEF", auth[16] = "authenticate me!";
static const char keys[] =
        "{\"host\":\"192.0.2.7\",\"key\":\"30313233343536373839414243444546\","
        "\"auth_key\":\"61757468656e746963617465206d6521\"}";

static void encrypt(struct bytes *out, const struct bytes *in, const uint8_t *auth_key)
{
    uint8_t head[18] = {
            0xDB, 8, 'O', 'W', 'N', '/', 0xDB, '!', 7, 8, 0x82, 0, 0, 0x30, 0, 0, 1, 2};
    uint8_t iv[12], aad[17], tag[12];
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    size_t count = 1 + 4 + in->n + 12;
    int n = 0;

    head[11] = (uint8_t)(count >> 8);
    head[12] = (uint8_t)count;
    memcpy(iv, head + 2, 8);
    memcpy(iv + 8, head + 14, 4);
    aad[0] = 0x30;
    memcpy(aad + 1, auth_key, 16);
    out->n = 0;
    add(out, head, sizeof(head));
    assert_true(out->n + in->n <= sizeof(out->p));
    assert_int_equal(EVP_EncryptInit_ex(x, EVP_aes_128_gcm(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(x, NULL, &n, aad, 17), 1);
    assert_int_equal(EVP_EncryptUpdate(x, (uint8_t *)out->p + out->n, &n,
                             (const uint8_t *)in->p, (int)in->n),
            1);
    out->n += in->n;
    assert_int_equal(EVP_EncryptFinal_ex(x, (uint8_t *)out->p + out->n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, 12, tag), 1);
    add(out, tag, 12);
    EVP_CIPHER_CTX_free(x);
}

static void an_encrypted_telegram_is_opened_with_its_keys(void **state)
{
    static struct bytes plain, b, two;
    struct ems_rig r;

    (void)state;
    telegram(&plain, dutch, NULL);
    encrypt(&b, &plain, auth);
    ems_rig_init(&r, "dsmr", keys);
    check_i64(r.errs.count, 0);
    check_i64(feed(&r, b.p, b.n, 1), 1);
    check_i64(last, EMS_OK);
    check_dutch(&r);
    for (size_t k = 1; k < b.n; k += 7) { /* joined in the middle, and broken off */
        two.n = 0;
        add(&two, b.p + k, b.n - k);
        add_all(&two, &b);
        add_all(&two, &b);
        ems_rig_init(&r, "dsmr", keys);
        assert_true(feed(&r, two.p, two.n, 64) >= 1);
        check_i64(last, EMS_OK);
        check_dutch(&r);
    }
}

static void a_wrong_or_missing_key_says_what_to_set(void **state)
{
    static struct bytes plain, b;
    struct ems_rig r;

    (void)state;
    telegram(&plain, dutch, NULL);
    encrypt(&b, &plain, auth);
    ems_rig_init(&r, "dsmr", HOST);
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_AUTH);
    check_has(r.e.text, "set key, 32 hex digits");
    ems_rig_init(&r, "dsmr", keys);
    b.p[60] ^= 1;
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
    check_has(r.e.text, "key or auth_key");
    encrypt(&b, &plain, key); /* another authentication key */
    ems_rig_init(&r, "dsmr", keys);
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
    check_i64(ems_said(&r.reports), 0);
    encrypt(&b, &plain, auth);
    b.p[13] = 0x20; /* encrypted, not authenticated */
    check_i64(feed_all(&r, &b), 1);
    check_has(r.e.text, "security control 0x20");
    check_i64(last, EMS_DATA);
}

/* ---- advice, settings ---- */

static void a_meter_of_heat_is_told(void **state)
{
    static struct bytes b;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&b,
            "/HEAT\n\n1-3:0.2.8(50)\n0-0:1.0.0(260215200523W)\n0-1:24.2.1(260215200523W)(1.0*GJ)\n",
            NULL);
    check_i64(feed_all(&r, &b), 1);
    check_i64(last, EMS_DATA);
    check_has(r.e.text, "holds no electric power");
    check_none(&r, EMS_GRID_W, "1-0:1.7.0 is not in the telegram");
}

static void what_is_no_telegram_is_refused_with_a_sentence(void **state)
{
    static const char *const bodies[] = {"", "x", "/", "/OWN5", "/OWN5\r\n!x", "\xDB",
            "\xDB\x08",
            "\xDB\x08"
            "12345678\x05"
            "1234",
            "!\r\n"};
    struct ems_rig r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        ems_rig_init(&r, "dsmr", keys);
        check_i64(ems_rig_parse(&r, (struct ems_answer){.pushed = true,
                                            .status = 200,
                                            .body = bodies[i],
                                            .len = strlen(bodies[i])}),
                EMS_DATA);
        assert_true(r.e.text[0] != '\0');
    }
}

static void settings_are_checked(void **state)
{
    static const struct {
        const char *options, *part;
    } rows[] = {
            {"{}", "host: is missing: set host (and port) or device"},
            {"{\"host\":\"a\",\"device\":\"/dev/x\"}", "exclude each other"},
            {"{\"host\":\"a\",\"key\":\"00\"}", "key: is not 32 hex digits"},
            {"{\"host\":\"a\",\"auth_key\":\"xx112233445566778899AABBCCDDEEFF\"}",
                    "auth_key: is not 32 hex digits"},
            {"{\"host\":\"a\",\"profile\":\"lu\"}", "key: is missing, profile lu wants one"},
            {"{\"device\":\"/dev/x\",\"baud\":9601}", "9601 is not a speed"},
            {"{\"device\":\"/dev/x\",\"profile\":\"3\"}", "profile"},
    };
    struct ems_rig r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ems_rig_init(&r, "dsmr", rows[i].options);
        check_i64(r.errs.count, 1);
        check_has(r.errs.text[0], rows[i].part);
    }
    ems_rig_init(&r, "dsmr", "{\"device\":\"/dev/ttyUSB0\",\"baud\":9600,\"format\":\"7e1\"}");
    check_i64(r.errs.count + r.warnings.count, 0);
    check_i64(ems_transport_of(r.a, r.config), EMS_OVER_LINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(whole_amps_are_replaced_by_power_and_voltage),
            cmocka_unit_test(amps_with_decimals_have_the_direction_of_their_phase),
            cmocka_unit_test(an_old_telegram_has_neither_checksum_nor_clock),
            cmocka_unit_test(the_unit_that_is_written_counts),
            cmocka_unit_test(one_bad_object_costs_no_other),
            cmocka_unit_test(a_meter_of_one_phase_takes_the_direction_of_the_whole),
            cmocka_unit_test(a_voltage_of_none_divides_nothing),
            cmocka_unit_test(a_checksum_is_a_number),
            cmocka_unit_test(a_telegram_is_whole_with_its_fourth_digit),
            cmocka_unit_test(one_damaged_telegram_among_good_ones_is_dropped),
            cmocka_unit_test(a_checksum_that_is_missing_is_missed),
            cmocka_unit_test(a_gateway_that_drops_cr_is_understood),
            cmocka_unit_test(a_telegram_that_breaks_off_anywhere_costs_only_itself),
            cmocka_unit_test(pieces_of_any_size_and_several_at_once_are_the_same),
            cmocka_unit_test(what_never_ends_is_dropped),
            cmocka_unit_test(a_d0_meter_has_suffixes_and_goes_on_behind_its_end),
            cmocka_unit_test(a_control_byte_in_the_name_is_a_part_of_the_checksum),
            cmocka_unit_test(seven_bits_with_parity_are_read_as_eight),
            cmocka_unit_test(times_that_are_none_are_told_as_a_clock_that_was_never_set),
            cmocka_unit_test(an_encrypted_telegram_is_opened_with_its_keys),
            cmocka_unit_test(a_wrong_or_missing_key_says_what_to_set),
            cmocka_unit_test(a_meter_of_heat_is_told),
            cmocka_unit_test(what_is_no_telegram_is_refused_with_a_sentence),
            cmocka_unit_test(settings_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
