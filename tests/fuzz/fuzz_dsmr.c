/*
 * fuzz_dsmr - a P1 line that carries anything: what is cut out lies inside what came and is no longer
 * than a telegram may be, what is read of it is a value or a reason, and whatever came before, a meter
 * that goes on is read again. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/dsmr/cipher.h"
#include "adapters/ems/dsmr/frame.h"
#include "adapters/ems/dsmr/lines.h"
#include "adapters/ems/ems.h"
#include "tests/fuzz/fuzz.h"

enum { COLLECT = 16 * 1024, AGAIN = DSMR_FRAME_MAX + 1000 };

static const char good[] = "/OWN5\r\n\r\n1-0:1.7.0(00.123*kW)\r\n!F4DB\r\n";

static char config[EMS_CONFIG_MAX] __attribute__((aligned(8)));

static void configure(void)
{
    static const char text[] =
            "{\"host\":\"meter\",\"key\":\"000102030405060708090A0B0C0D0E0F\"}";
    struct opt_errors *errs = calloc(1, sizeof(*errs));
    struct json_object *v = json_parse(text, strlen(text), NULL);

    fuzz_check(errs && v, "out of memory");
    memset(config, 0, sizeof(config));
    opt_parse(ems_dsmr.options, config, v, "", errs);
    fuzz_check(errs->count == 0, "%s", errs->text[0]);
    json_put(v);
    free(errs);
}

static void check_reports(const struct ems_reports *r)
{
    for (int f = 0; f < EMS_FIELDS; f++) {
        const struct ems_report *x = &r->field[f];

        fuzz_check((x->said == EMS_SAID_NONE) == (x->why[0] != '\0'), "%s: '%s'",
                ems_field_table[f].name, x->why);
        if (x->said == EMS_SAID_NONE) {
            fuzz_sentence(x->why, sizeof(x->why));
        }
        if (x->raw[0] != '\0') {
            fuzz_sentence(x->raw, sizeof(x->raw));
        }
    }
}

/* ---- a line ---- */

struct line {
    struct ems_session session;
    struct ems_reports reports; /* of the last message */
    enum ems_class class;
    size_t n;
    char data[COLLECT];
};

static void message(struct line *l, const char *p, size_t n)
{
    char *exact = malloc(n + 1);
    struct ems_answer a = {.pushed = true,
            .status = 200,
            .body = exact,
            .len = n,
            .cookies = "",
            .content_type = "",
            .topic = ""};
    struct err e = {0};

    fuzz_check(exact && n > 0 && n <= DSMR_FRAME_MAX + 16, "a message of %zu bytes", n);
    memcpy(exact, p, n);
    exact[n] = '\0';
    memset(&l->reports, 0, sizeof(l->reports));
    l->class = ems_dsmr.parse(config, &l->session, &a, &l->reports, &e);
    if (l->class != EMS_OK) {
        fuzz_sentence(e.text, sizeof(e.text));
    }
    check_reports(&l->reports);
    free(exact);
}

static void feed(struct line *l, const char *p, size_t n)
{
    size_t at = 0, drop = 1, len = 1;

    fuzz_check(l->n + n <= sizeof(l->data), "what is no telegram is kept: %zu bytes", l->n);
    memcpy(l->data + l->n, p, n);
    l->n += n;
    while (at < l->n && (drop > 0 || len > 0)) {
        ems_dsmr.cut(config, l->data + at, l->n - at, &drop, &len);
        fuzz_check(drop <= l->n - at && len <= l->n - at - drop, "%zu and %zu of %zu", drop,
                len, l->n - at);
        if (len > 0) {
            message(l, l->data + at + drop, len);
        }
        at += drop + len;
    }
    memmove(l->data, l->data + at, l->n - at);
    l->n -= at;
}

static void line(const char *p, size_t n, size_t step, bool goes_on)
{
    struct line *l = calloc(1, sizeof(*l));

    fuzz_check(l, "out of memory");
    for (size_t i = 0; i < n; i += step) {
        feed(l, p + i, n - i < step ? n - i : step);
    }
    for (size_t i = 0; goes_on && i < AGAIN; i += 10 * (sizeof(good) - 1)) {
        for (int k = 0; k < 10; k++) {
            feed(l, good, sizeof(good) - 1);
        }
    }
    fuzz_check(!goes_on || (l->class == EMS_OK &&
                                   l->reports.field[EMS_GRID_W].said == EMS_SAID_VALUE &&
                                   l->reports.field[EMS_GRID_W].value == 123),
            "a meter that goes on is not read");
    free(l);
}

/* ---- what no checksum guards ---- */

static void lines(const char *p, size_t n)
{
    struct dsmr_readings *r = calloc(1, sizeof(*r));
    struct ems_reports *out = calloc(1, sizeof(*out));

    fuzz_check(r && out, "out of memory");
    dsmr_read(p, n, r);
    dsmr_say(r, out);
    check_reports(out);
    free(r);
    free(out);
}

static void find(const char *p, size_t n)
{
    char *plain = malloc(n + 1);
    struct dsmr_telegram t;

    fuzz_check(plain, "out of memory");
    (void)dsmr_plain(plain, p, n);
    if (dsmr_find(plain, n, &t)) {
        fuzz_check(t.lines >= plain && t.lines + t.len <= plain + n && t.lines[0] == '/' &&
                           t.lines[t.len - 1] == '!',
                "a telegram outside of what came");
    }
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {.p = data, .end = data + size};
    uint8_t first = fuzz_u8(&in);
    int how = first % 3;
    size_t step = (size_t)fuzz_u8(&in) + 1, n = (size_t)(in.end - in.p);
    char *body = malloc(n + 1);

    fuzz_check(body, "out of memory");
    memcpy(body, in.p, n);
    configure();
    if (how == 0) {
        line(body, n, step, first >= 128);
    } else if (how == 1) {
        lines(body, n);
    } else {
        find(body, n);
    }
    free(body);
    return 0;
}
