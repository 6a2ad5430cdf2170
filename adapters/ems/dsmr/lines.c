/*
 * dsmr/lines - "1-0:21.7.0(00.070*kW)" and the like. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/dsmr/lines.h"

#include "bridge/base/macros.h"
#include "bridge/base/str.h"

#include <string.h>

/* C of the OBIS codes C.7.0; those of L2 and L3 are 20 and 40 above. */
static const int first_code[DSMR_REGS] = {[DSMR_IMPORT] = 21,
        [DSMR_EXPORT] = 22,
        [DSMR_NET] = 36,
        [DSMR_VOLTS] = 32,
        [DSMR_AMPS] = 31};
static const int total_code[] = {[DSMR_IMPORT] = 1, [DSMR_EXPORT] = 2, [DSMR_NET] = 16};

static const char *number(const char *p, const char *end, int *v)
{
    *v = 0;
    if (p == end || *p < '0' || *p > '9') {
        return NULL;
    }
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        *v = *v < 100000 ? *v * 10 + (*p - '0') : *v;
    }
    return p;
}

/* "1-0:21.7.0(", "1-0:1.7.0*255(", "1.7.0(": a, b and c, d, e; a and b are -1 where they are not.
 * Returns what stands behind '(', or NULL. */
static const char *read_code(const char *p, const char *end, int code[5])
{
    const char *next = number(p, end, &code[2]);

    code[0] = -1;
    code[1] = -1;
    if (next && next < end && *next == '-') {
        code[0] = code[2];
        next = number(next + 1, end, &code[1]);
        next = next && next < end && *next == ':' ? number(next + 1, end, &code[2]) : NULL;
    }
    for (int i = 3; i < 5; i++) {
        next = next && next < end && (*next == '.' || *next == ':')
                       ? number(next + 1, end, &code[i])
                       : NULL;
    }
    if (next && next < end && *next == '*') {
        int which;

        next = number(next + 1, end, &which);
    }
    return next && next < end && *next == '(' ? next + 1 : NULL;
}

static struct dsmr_value *place(struct dsmr_readings *r, const int code[5])
{
    bool electric = code[0] == 1 || code[0] == -1;

    if (code[0] == 0 && code[2] == 1 && code[3] == 0 && code[4] == 0) {
        return &r->time;
    }
    if (!electric || code[3] != 7 || code[4] != 0) {
        return NULL;
    }
    for (int i = 0; i < (int)ARRAY_LEN(total_code); i++) {
        if (code[2] == total_code[i]) {
            return &r->total[i];
        }
    }
    for (int i = 0; i < DSMR_PHASES * DSMR_REGS; i++) {
        if (code[2] == first_code[i % DSMR_REGS] + i / DSMR_REGS * 20) {
            return &r->phase[i / DSMR_REGS][i % DSMR_REGS];
        }
    }
    return NULL;
}

static void read_line(struct dsmr_readings *r, const char *p, const char *end)
{
    int code[5] = {0};
    const char *open, *close;
    struct dsmr_value *v;

    while (p < end && (unsigned char)*p <= ' ') {
        p++;
    }
    open = read_code(p, end, code);
    if (!open) {
        return;
    }
    r->versioned =
            r->versioned ||
            (code[0] == 1 && code[1] == 3 && code[2] == 0 && code[3] == 2 && code[4] == 8) ||
            (code[0] == 0 && code[1] == 0 && code[2] == 96 && code[3] == 1 && code[4] == 4);
    v = place(r, code);
    close = memchr(open, ')', (size_t)(end - open));
    if (!v || v->there || !close) {
        return;
    }
    v->there = true;
    r->any = r->any || v != &r->time;
    (void)str_format(v->text, sizeof(v->text), "%.*s", (int)(close - open), open);
    for (char *c = v->text; *c; c++) {
        *c = (unsigned char)*c < ' ' || (unsigned char)*c > '~' ? '?' : *c;
    }
}

void dsmr_read(const char *lines, size_t n, struct dsmr_readings *r)
{
    const char *end = lines + n;

    memset(r, 0, sizeof(*r));
    for (const char *p = lines; p < end;) {
        const char *line = p;

        while (p < end && *p != '\r' && *p != '\n') {
            p++;
        }
        read_line(r, line, p);
        p += p < end;
    }
}
