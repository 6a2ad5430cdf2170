/*
 * reg_plan - runs of registers, and their parts. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_reg_plan.h"
#include "bridge/base/str.h"

#include <string.h>

void reg_plan_begin(struct reg_values *v)
{
    v->run = v->item = 0;
    v->answered = false;
    memset(v->value, 0, sizeof(v->value));
}

static int first_of(const struct reg_plan *p, int run)
{
    int n = 0;

    for (int i = 0; i < run; i++) {
        n += p->runs[i];
    }
    return n;
}

static bool split(const struct reg_values *v)
{
    return v->split >> v->run & 1;
}

/* The items that the next request is for. */
static void wanted(const struct reg_plan *p, const struct reg_values *v, int *first, int *last)
{
    *first = first_of(p, v->run) + (split(v) ? v->item : 0);
    *last = split(v) ? *first : *first + p->runs[v->run] - 1;
}

bool reg_plan_request(
        const struct reg_plan *p, const struct reg_values *v, struct ems_request *out)
{
    int first, last;

    if (v->run >= p->run_count) {
        return false;
    }
    wanted(p, v, &first, &last);
    out->optional = true;
    out->function = 3;
    out->start = p->items[first].at;
    out->count =
            (uint16_t)(p->items[last].at + reg_words(p->items[last].type) - p->items[first].at);
    return true;
}

static void take(const struct reg_plan *p, struct reg_values *v, const struct ems_answer *a)
{
    int first, last;

    wanted(p, v, &first, &last);
    for (int i = first; i <= last && i < REG_ITEMS_MAX; i++) {
        const struct reg_block b = {a->body, a->len, p->items[first].at};
        bool read = true;

        for (unsigned w = 0; w < reg_words(p->items[i].type); w++) {
            read = read && reg_word(&b, (uint16_t)(p->items[i].at + w), &v->value[i].word[w]);
        }
        v->value[i].read = read;
    }
}

enum ems_class reg_plan_parse(
        const struct reg_plan *p, struct reg_values *v, const struct ems_answer *a)
{
    if (v->run >= p->run_count) {
        return EMS_DATA;
    }
    if (a->status == 0 || a->status == 10 || a->status == 11) {
        return reg_class(a->status);
    }
    if (a->status != 200 && !split(v) && p->runs[v->run] > 1) {
        v->split |= UINT32_C(1) << v->run;
        v->item = 0;
        return EMS_OK;
    }
    if (a->status == 200) {
        take(p, v, a);
        v->answered = true;
    }
    if (split(v) && ++v->item < p->runs[v->run]) {
        return EMS_OK;
    }
    v->item = 0;
    v->run++;
    return v->run == p->run_count && !v->answered ? reg_class(a->status) : EMS_OK;
}

static void bytes_of(
        const struct reg_plan *p, const struct reg_values *v, int item, char body[static 4])
{
    (void)p;
    for (int w = 0; w < 2; w++) {
        body[2 * w] = (char)(v->value[item].word[w] >> 8);
        body[2 * w + 1] = (char)(v->value[item].word[w] & 0xff);
    }
}

enum reg_result reg_plan_value(const struct reg_plan *p, const struct reg_values *v, int item,
        bool low_first, int64_t *micro)
{
    char body[4];

    if (!v->value[item].read) {
        return REG_OUTSIDE;
    }
    bytes_of(p, v, item, body);
    return reg_value(
            reg_bits(body, p->items[item].type, low_first), p->items[item].type, true, micro);
}

void reg_plan_raw(const struct reg_plan *p, const struct reg_values *v, int item,
        char dst[static EMS_RAW_ROOM])
{
    char body[4];
    const struct reg_block b = {body, v->value[item].read ? sizeof(body) : 0, 0};

    bytes_of(p, v, item, body);
    reg_raw(dst, &b, 0, reg_words(p->items[item].type));
}

void reg_plan_why(
        const struct reg_plan *p, int item, enum reg_result r, char dst[static EMS_WHY_ROOM])
{
    (void)str_format(dst, EMS_WHY_ROOM, "register %u %s", p->items[item].at,
            r == REG_OUTSIDE  ? "is not given by the device"
            : r == REG_ABSENT ? "holds no value"
                              : "is too large: is the order of its words right?");
}
