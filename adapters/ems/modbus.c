/*
 * modbus - any device that answers Modbus: for each value an expression (ems_reg_expr.h) says which
 * registers it is made of. Registers that follow each other are read in one request. What a device
 * refuses costs only the values that are made of it. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_reg_expr.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { REFS_MAX = 48, WORD_BYTES = 2 * REG_WORDS_MAX };

struct config {
    struct ems_wire wire;
    int32_t unit, gap, block;
    char expr[EMS_FIELDS][EMS_EXPR_ROOM]; /* "": this device does not give it */
};

/* What was read for the n-th register of all expressions. */
struct memo {
    struct {
        uint8_t state; /* enum state */
        uint8_t status;
        char words[WORD_BYTES];
    } ref[REFS_MAX];
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");
enum state { PENDING, READ, REFUSED };

/* clang-format off */
#define FIELD_ROW(f, name_, text_) \
    {.name = (name_), .type = OPT_STRING, .offset = offsetof(struct config, expr) + (f) * EMS_EXPR_ROOM, \
     .size = EMS_EXPR_ROOM, .flags = OPT_RESTART, .text = (text_)}

static const struct opt rows[] = {
    EMS_MODBUS_ROWS(struct config, wire, 502),
    EMS_UNIT_ROW(struct config, unit, 1, "The unit id (slave address) of the device."),
    OPTION(struct config, "gap", gap, OPT_INT, .max = 50, .flags = OPT_RESTART,
        .text = "How many registers that nobody asked for may be read along, to save a request."),
    OPTION(struct config, "block", block, OPT_INT, .min = 4, .max = EMS_REGISTERS_MAX, .fallback = 100, .flags = OPT_RESTART,
        .text = "How many registers are read at once at most."),
    FIELD_ROW(EMS_GRID_W, "grid_w", "The registers of the grid power in W, such as input:s32:820 or -s16:37113 * 10; import is positive."),
    FIELD_ROW(EMS_PV_W, "pv_w", "The registers of the solar power, such as u16:672 * 10 + u16:673 * 10."),
    FIELD_ROW(EMS_BATTERY_W, "battery_w", "The registers of the battery power; discharging is positive."),
    FIELD_ROW(EMS_SOC_PERMILLE, "soc", "The register of the charge of the battery, in %."),
    FIELD_ROW(EMS_CONSUMPTION_W, "consumption_w", "The registers of the power of the house; see includes_chargers."),
    FIELD_ROW(EMS_CURRENT_L1_MA, "current_l1", "The register of the current of phase L1 of the grid, in A; import is positive."),
    FIELD_ROW(EMS_CURRENT_L2_MA, "current_l2", "The same for L2."),
    FIELD_ROW(EMS_CURRENT_L3_MA, "current_l3", "The same for L3."),
    FIELD_ROW(EMS_VOLTAGE_L1_MV, "voltage_l1", "The register of the voltage of phase L1, in V, such as u16:5018 * 0.1."),
    FIELD_ROW(EMS_VOLTAGE_L2_MV, "voltage_l2", "The same for L2."),
    FIELD_ROW(EMS_VOLTAGE_L3_MV, "voltage_l3", "The same for L3."),
    {.name = NULL},
};
/* clang-format on */

static const char *row_of(int f)
{
    for (const struct opt *o = rows; o->name; o++) {
        if (o->offset == offsetof(struct config, expr) + (size_t)f * EMS_EXPR_ROOM) {
            return o->name;
        }
    }
    return "";
}

static uint32_t fields(const void *config)
{
    const struct config *c = config;
    uint32_t set = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        set |= c->expr[f][0] != '\0' ? EMS_BIT(f) : 0;
    }
    return set;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct err e = {0};
    struct reg_expr x;
    int n = 0;

    reg_check(&c->wire, c->unit, path, errs, warnings);
    for (int f = 0; f < EMS_FIELDS; f++) {
        if (!reg_expr_parse(c->expr[f], &x, &e)) {
            opt_errors_add(errs, "%s.%s: %s", path, row_of(f), e.text);
        }
        for (int t = 0; t < x.terms; t++) {
            n += x.term[t].ref.function != 0;
        }
    }
    if (fields(config) == 0) {
        opt_errors_add(errs,
                "%s.grid_w: nothing is read: set at least one of grid_w, pv_w, battery_w, soc, "
                "consumption_w, current_l1, voltage_l1...",
                path);
    } else if (n == 0) {
        opt_errors_add(
                errs, "%s.grid_w: no register is read, numbers alone are no values", path);
    }
    if (n > REFS_MAX) {
        opt_errors_add(errs, "%s.grid_w: all values together read %d registers, more than %d",
                path, n, REFS_MAX);
    }
}

/* ---- what is read in one request ---- */

struct span {
    uint8_t function;
    uint32_t start, end; /* end: behind the last */
};

/* All registers of the expressions, in the order of the memo. */
static int collect(const struct config *c, struct reg_ref ref[static REFS_MAX])
{
    struct reg_expr x;
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        if (!reg_expr_parse(c->expr[f], &x, NULL)) {
            continue;
        }
        for (int t = 0; t < x.terms && n < REFS_MAX; t++) {
            if (x.term[t].ref.function != 0) {
                ref[n++] = x.term[t].ref;
            }
        }
    }
    return n;
}

static void sort(struct span s[], int n)
{
    for (int i = 1; i < n; i++) {
        struct span x = s[i];
        int k = i;

        while (k > 0 && (s[k - 1].function > x.function || (s[k - 1].function == x.function &&
                                                                   s[k - 1].start > x.start))) {
            s[k] = s[k - 1];
            k--;
        }
        s[k] = x;
    }
}

/* The requests of a round; how many. */
static int plan(const struct config *c, struct span s[static REFS_MAX])
{
    struct reg_ref ref[REFS_MAX];
    int n = collect(c, ref), out = 0;

    for (int i = 0; i < n; i++) {
        s[i] = (struct span){ref[i].function, ref[i].at, ref[i].at + reg_words(ref[i].type)};
    }
    sort(s, n);
    for (int i = 1; i < n; i++) {
        struct span *last = &s[out];

        if (s[i].function == last->function && s[i].start <= last->end + (uint32_t)c->gap &&
                s[i].end <= last->start + (uint32_t)c->block) {
            last->end = s[i].end > last->end ? s[i].end : last->end;
        } else {
            s[++out] = s[i];
        }
    }
    return n > 0 ? out + 1 : 0;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    struct span span[REFS_MAX];

    (void)s;
    if (i >= plan(c, span)) {
        return false;
    }
    out->optional = true; /* what is refused costs no other value */
    out->unit = (uint8_t)c->unit;
    out->function = span[i].function;
    out->start = (uint16_t)span[i].start;
    out->count = (uint16_t)(span[i].end - span[i].start);
    return true;
}

/* ---- values ---- */

/* The largest signed number, which some makers take for "not there". */
static bool highest(uint64_t bits, enum reg_type t)
{
    return (t == REG_S16 && bits == INT16_MAX) || (t == REG_S32 && bits == INT32_MAX) ||
           (t == REG_S64 && bits == INT64_MAX);
}

/* The n-th register into *micro; else why. */
static enum reg_result read_ref(const struct memo *m, int n, const struct reg_ref *r,
        int64_t *micro, char why[static EMS_WHY_ROOM])
{
    const char *kind = r->function == 3 ? "holding" : "input";
    enum reg_result x;
    uint64_t bits;

    if (m->ref[n].state == REFUSED) {
        (void)str_format(why, EMS_WHY_ROOM,
                m->ref[n].status == 0 ? "%s register %u: no answer"
                                      : "%s register %u is refused (exception %u)",
                kind, r->at, m->ref[n].status);
        return REG_OUTSIDE;
    }
    bits = reg_bits(m->ref[n].words, r->type, r->swapped);
    x = r->nan && highest(bits, r->type) ? REG_ABSENT : reg_value(bits, r->type, r->nan, micro);
    if (x != REG_OK) {
        (void)str_format(why, EMS_WHY_ROOM, "%s register %u %s", kind, r->at,
                x == REG_ABSENT ? "holds no value" : "is too large: is its type right?");
    }
    return x;
}

/* Whether all registers of x have been asked for; *n: of its first one in the memo. */
static bool ready(const struct memo *m, const struct reg_expr *x, int n)
{
    bool all = true;

    for (int t = 0; t < x->terms; t++) {
        if (x->term[t].ref.function != 0) {
            all = all && n < REFS_MAX && m->ref[n].state != PENDING;
            n++;
        }
    }
    return all;
}

static void say(const struct memo *m, const struct reg_expr *x, int n, enum ems_field f,
        struct ems_reports *out)
{
    char why[EMS_WHY_ROOM] = "", raw[EMS_RAW_ROOM] = "";
    enum reg_result result = REG_OK;
    int64_t total = 0, v;

    for (int t = 0; t < x->terms; t++) {
        const struct reg_term *term = &x->term[t];

        v = term->factor;
        if (term->ref.function != 0) {
            const struct reg_block b = {
                    m->ref[n].words, (size_t)2 * reg_words(term->ref.type), 0};

            if (raw[0] == '\0' && m->ref[n].state == READ) {
                reg_raw(raw, &b, 0, reg_words(term->ref.type));
            }
            result = read_ref(m, n++, &term->ref, &v, why);
            if (result != REG_OK) {
                break;
            }
            v = quantity_mul(v, term->factor);
        }
        if (__builtin_add_overflow(total, term->minus ? -v : v, &total)) {
            (void)str_copy(why, sizeof(why), "the sum is too large");
            break;
        }
    }
    if (why[0] == '\0') {
        ems_say(out, f, reg_field(total, f), 0, raw);
    } else if (x->has_default && result == REG_ABSENT) {
        ems_say(out, f, reg_field(x->fallback, f), 0, raw);
    } else {
        ems_say_none(out, f, why, raw);
    }
}

/* Every value whose registers are all there now. */
static void say_what_is_ready(
        const struct config *c, const struct memo *m, struct ems_reports *out)
{
    struct reg_expr x;
    int n = 0;

    for (int f = 0; f < EMS_FIELDS; f++) {
        if (!reg_expr_parse(c->expr[f], &x, NULL)) {
            continue;
        }
        if (x.terms > 0 && out->field[f].said == EMS_SAID_NOTHING && ready(m, &x, n)) {
            say(m, &x, n, (enum ems_field)f, out);
        }
        for (int t = 0; t < x.terms; t++) {
            n += x.term[t].ref.function != 0;
        }
    }
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct memo *m = (struct memo *)(void *)s->memo;
    struct span span[REFS_MAX];
    struct reg_ref ref[REFS_MAX];
    int n = collect(c, ref), requests = plan(c, span);

    if (a->i == 0) {
        memset(m, 0, sizeof(*m));
    }
    if (a->i >= requests ||
            (a->status == 200 && a->len != 2 * (size_t)(span[a->i].end - span[a->i].start))) {
        err_set(e, ERR_IO, "the answer has %zu bytes, not those that were asked for", a->len);
        return EMS_DATA;
    }
    for (int i = 0; i < n; i++) {
        unsigned words = reg_words(ref[i].type);

        if (ref[i].function != span[a->i].function || ref[i].at < span[a->i].start ||
                ref[i].at + words > span[a->i].end) {
            continue;
        }
        m->ref[i].state = a->status == 200 ? READ : REFUSED;
        m->ref[i].status = (uint8_t)a->status;
        if (a->status == 200) {
            memcpy(m->ref[i].words, a->body + 2 * (ref[i].at - span[a->i].start), 2 * words);
        }
    }
    say_what_is_ready(c, m, out);
    /* Nothing at all was taken: the sentence of the last refusal is in e. */
    return a->status != 200 && a->i + 1 == requests && ems_said(out) == 0 ? reg_class(a->status)
                                                                          : EMS_OK;
}

static enum ems_transport transport(const void *config)
{
    (void)config;
    return EMS_OVER_MODBUS;
}

static const char *const notes[] = {
        "The parts of an expression, and the registers of many devices: [modbus](../modbus.md).",
        "Addresses are those on the wire: a document that counts from 1 or from 40001 needs one less, "
        "and no leading 4 or 3.",
        "Two registers of one number stand high word first; `:swapped` is for devices that send the low "
        "word first. A value that jumps wildly while it should creep is a wrong order.",
        "Most devices serve one Modbus client alone; all sources of one host and port share one "
        "connection.",
        NULL};

const struct ems_adapter ems_modbus = {
        .name = "modbus",
        .title = "Modbus (TCP, RTU over TCP, RTU)",
        .summary = "Any inverter, battery or meter that answers Modbus, register by register.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .wire_offset = offsetof(struct config, wire),
        .interval_s = 5,
        .max_age_s = 30,
        .fields = fields,
        .check = check,
        .transport = transport,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
