/*
 * WebSocket frames: whole, in pieces, cut anywhere, and what no server may send.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/ws_frame.h"
#include "tests/support/test.h"

enum { MAX = 70000 };

struct heard {
    struct ws_reader r;
    char log[400]; /* "text:hello ping:x " */
    const char *wrong;
};

static const char *word_of(enum ws_opcode kind)
{
    switch (kind) {
    case WS_CONTINUED:
        break;
    case WS_TEXT:
        return "text";
    case WS_BINARY:
        return "binary";
    case WS_CLOSE:
        return "close";
    case WS_PING:
        return "ping";
    case WS_PONG:
        return "pong";
    }
    return "?";
}

static void feed(struct heard *h, const char *p, size_t n)
{
    struct ws_got got = {.body = NULL};
    enum ws_result x = WS_GOT;

    while (!h->wrong && (x = ws_read(&h->r, &p, &n, &got)) != WS_MORE) {
        size_t have = strlen(h->log);

        if (x == WS_WRONG) {
            h->wrong = got.body;
        } else {
            check_i64(got.body[got.len], 0);
            snprintf(h->log + have, sizeof(h->log) - have, "%s:%.20s/%zu ", word_of(got.kind),
                    got.body, got.len);
        }
    }
}

/* All of it at once, then byte by byte: the same must come out. */
static void check_bytes(const char *p, size_t n, const char *log, const char *wrong)
{
    for (size_t step = 1; step <= n; step += n > 1 ? n - 1 : 1) {
        struct heard h = {.wrong = NULL};

        ws_reader_init(&h.r, MAX);
        for (size_t i = 0; i < n; i += step) {
            size_t some = n - i < step ? n - i : step;
            char *copy = malloc(some); /* a sanitizer sees who reads on */

            assert_non_null(copy);
            memcpy(copy, p + i, some);
            feed(&h, copy, some);
            free(copy);
        }
        check_str(h.log, log);
        if (wrong) {
            check_has(h.wrong, wrong);
        } else {
            assert_null(h.wrong);
        }
        ws_reader_finish(&h.r);
    }
}

#define BYTES(s, log, wrong) check_bytes((s), sizeof(s) - 1, (log), (wrong))

static void a_message_comes_whole_however_it_is_cut(void **state)
{
    (void)state;
    BYTES("\x81\x05hello", "text:hello/5 ", NULL);
    BYTES("\x81\x00\x82\x01x", "text:/0 binary:x/1 ", NULL);
    BYTES("\x01\x03hel\x80\x02lo\x81\x01!", "text:hello/5 text:!/1 ", NULL);
    BYTES("\x01\x03hel\x89\x01p\x00\x01l\x8a\x00\x80\x01o", "ping:p/1 pong:/0 text:hello/5 ",
            NULL);
    BYTES("\x88\x02\x03\xe8", "close:\x03\xe8/2 ", NULL);
    BYTES("\x81\x05hel", "", NULL);
}

static void lengths_of_two_and_eight_bytes_are_read(void **state)
{
    static char big[66000];

    (void)state;
    memset(big, 'x', sizeof(big));
    memcpy(big, "\x81\x7e\x01\x00", 4);
    check_bytes(big, 4 + 256, "text:xxxxxxxxxxxxxxxxxxxx/256 ", NULL);
    memcpy(big, "\x81\x7f\0\0\0\0\0\x01\x00\x00", 10);
    check_bytes(big, 10 + 65536, "text:xxxxxxxxxxxxxxxxxxxx/65536 ", NULL);
}

static void what_no_server_may_send_ends_it(void **state)
{
    (void)state;
    BYTES("\xc1\x01x", "", "reserved bits");
    BYTES("\x81\x81....x", "", "masks");
    BYTES("\x80\x01x", "", "never began");
    BYTES("\x01\x01x\x81\x01y", "", "inside of another");
    BYTES("\x83\x01x", "", "unknown kind");
    BYTES("\x8b\x00", "", "unknown kind");
    BYTES("\x09\x00", "", "control frame");
    BYTES("\x89\x7e\x00\x80", "", "control frame");
    BYTES("\x81\x02\xc3\x28", "", "not UTF-8");
    BYTES("\x82\x02\xc3\x28", "binary:\xc3\x28/2 ", NULL);
    BYTES("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "", "too long");
    BYTES("\x81\x7f\0\0\0\0\0\x01\x11\x71", "", "too long"); /* one more than the cap */
}

static void fragments_together_may_not_pass_the_cap(void **state)
{
    static char big[50004];

    (void)state;
    memset(big, 'x', sizeof(big));
    memcpy(big, "\x01\x7e\xc3\x50", 4); /* 50,000 bytes */
    struct heard h = {.wrong = NULL};

    ws_reader_init(&h.r, MAX);
    feed(&h, big, sizeof(big));
    assert_null(h.wrong);
    big[0] = 0;
    feed(&h, big, sizeof(big));
    check_has(h.wrong, "too long");
    ws_reader_finish(&h.r);
}

static void what_we_send_is_masked_and_says_its_length(void **state)
{
    static const uint8_t mask[WS_MASK_BYTES] = {1, 2, 3, 4};
    static const struct {
        size_t len;
        const char *head;
        size_t head_len;
    } rows[] = {{5, "\x81\x85", 2}, {125, "\x81\xfd", 2}, {126, "\x81\xfe\x00\x7e", 4},
            {65535, "\x81\xfe\xff\xff", 4}, {65536, "\x81\xff\0\0\0\0\0\x01\0\0", 10}};
    static char text[65536];

    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 100000);
        ws_write(&out, WS_TEXT, text, rows[i].len, mask);
        assert_true(buf_ok(&out));
        check_i64((int64_t)out.len, (int64_t)(rows[i].head_len + 4 + rows[i].len));
        assert_memory_equal(out.data, rows[i].head, rows[i].head_len);
        assert_memory_equal(out.data + rows[i].head_len, mask, 4);
        for (size_t k = 0; k < rows[i].len; k++) {
            check_i64(out.data[rows[i].head_len + 4 + k], 'a' ^ mask[k % 4]);
        }
        buf_finish(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_message_comes_whole_however_it_is_cut),
            cmocka_unit_test(lengths_of_two_and_eight_bytes_are_read),
            cmocka_unit_test(what_no_server_may_send_ends_it),
            cmocka_unit_test(fragments_together_may_not_pass_the_cap),
            cmocka_unit_test(what_we_send_is_masked_and_says_its_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
