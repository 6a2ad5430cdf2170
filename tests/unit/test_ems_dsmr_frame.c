/*
 * Where a P1 telegram begins and ends: checksums, pieces, parity, cipher; made here by other means than
 * those of the product. SPDX-License-Identifier: MIT
 */
#include "tests/support/dsmr_rig.h"

#include <openssl/evp.h>

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

static void a_damaged_telegram_is_refused_and_the_next_is_read(void **state)
{
    static struct bytes good, bad;
    struct ems_rig r;

    (void)state;
    ems_rig_init(&r, "dsmr", HOST);
    telegram(&good, dutch, NULL);
    telegram(&bad, dutch, NULL);
    strstr(bad.p, "01.250")[1] = '9';
    for (int i = 0; i < 3; i++) {
        check_i64(feed_all(&r, &bad), 1);
        check_i64(last, EMS_DATA);
        check_has(r.e.text, "its checksum is");
        check_i64(ems_said(&r.reports), 0);
        check_i64(feed_all(&r, &good), 1);
        check_i64(last, EMS_OK);
        check_dutch(&r);
    }
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
    check_i64(feed(&r, b.p, b.n, 500), 0);
    assert_true(kept <= 8 * 1024 + 500);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_checksum_is_a_number),
            cmocka_unit_test(a_telegram_is_whole_with_its_fourth_digit),
            cmocka_unit_test(a_damaged_telegram_is_refused_and_the_next_is_read),
            cmocka_unit_test(a_checksum_that_is_missing_is_missed),
            cmocka_unit_test(a_gateway_that_drops_cr_is_understood),
            cmocka_unit_test(a_telegram_that_breaks_off_anywhere_costs_only_itself),
            cmocka_unit_test(pieces_of_any_size_and_several_at_once_are_the_same),
            cmocka_unit_test(what_never_ends_is_dropped),
            cmocka_unit_test(a_d0_meter_has_suffixes_and_goes_on_behind_its_end),
            cmocka_unit_test(a_control_byte_in_the_name_is_a_part_of_the_checksum),
            cmocka_unit_test(seven_bits_with_parity_are_read_as_eight),
            cmocka_unit_test(an_encrypted_telegram_is_opened_with_its_keys),
            cmocka_unit_test(a_wrong_or_missing_key_says_what_to_set),
            cmocka_unit_test(what_is_no_telegram_is_refused_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
