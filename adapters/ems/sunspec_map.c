/*
 * sunspec_map - finding and reading models. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems_sunspec.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    SUNS_HIGH = 0x5375,
    SUNS_LOW = 0x6e53,
    END = 0xffff,
    COMMON = 1,
    MAKER = 2, /* where the maker's name stands in the common model */
    MAKER_WORDS = 16,
    HEADER = 2,
    MODULES_AT = 10,
    MODULE = 20,      /* words of a module of model 160 */
    MODULES_READ = 5, /* in one request */
    MODULES_MAX = 20,
    SCALE_MAX = 10,
    PATIENCE_MS = 2000, /* for a unit id that may be none */
};

enum stage { SEEK, WALK, FIXED, READ, DONE };

/* ---- what of which model is read ---- */

enum kind {
    NOTHING,
    INVERTER,
    INVERTER_FLOAT,
    DER,
    METER,
    METER_FLOAT,
    STORAGE,
    BATTERY,
    STRINGS
};

static enum kind kind_of(unsigned id)
{
    switch (id) {
    case 101:
    case 102:
    case 103:
        return INVERTER;
    case 111:
    case 112:
    case 113:
        return INVERTER_FLOAT;
    case 701:
        return DER;
    case 201:
    case 202:
    case 203:
    case 204:
        return METER;
    case 211:
    case 212:
    case 213:
    case 214:
        return METER_FLOAT;
    case 124:
        return STORAGE;
    case 802:
        return BATTERY;
    case 160:
        return STRINGS;
    default:
        return NOTHING;
    }
}

struct point {
    enum kind kind;
    enum sun_value value;
    uint8_t at, scale; /* from the model's number on; scale 0: none */
    enum reg_type type;
};

/* clang-format off */
static const struct point points[] = {
    {INVERTER, SUN_AC_W, 14, 15, REG_S16}, {INVERTER, SUN_DC_W, 31, 32, REG_S16}, {INVERTER, SUN_STATUS, 38, 0, REG_U16},
    {INVERTER, SUN_AC_V1, 10, 13, REG_U16}, {INVERTER, SUN_AC_V2, 11, 13, REG_U16}, {INVERTER, SUN_AC_V3, 12, 13, REG_U16},
    {INVERTER_FLOAT, SUN_AC_W, 22, 0, REG_F32}, {INVERTER_FLOAT, SUN_DC_W, 38, 0, REG_F32}, {INVERTER_FLOAT, SUN_STATUS, 48, 0, REG_U16},
    {INVERTER_FLOAT, SUN_AC_V1, 16, 0, REG_F32}, {INVERTER_FLOAT, SUN_AC_V2, 18, 0, REG_F32}, {INVERTER_FLOAT, SUN_AC_V3, 20, 0, REG_F32},
    {DER, SUN_AC_W, 10, 116, REG_S16}, {DER, SUN_AC_V1, 47, 114, REG_U16}, {DER, SUN_AC_V2, 70, 114, REG_U16}, {DER, SUN_AC_V3, 93, 114, REG_U16},
    {METER, SUN_METER_W, 18, 22, REG_S16}, {METER, SUN_METER_W1, 19, 22, REG_S16}, {METER, SUN_METER_W2, 20, 22, REG_S16}, {METER, SUN_METER_W3, 21, 22, REG_S16},
    {METER, SUN_METER_A1, 3, 6, REG_S16}, {METER, SUN_METER_A2, 4, 6, REG_S16}, {METER, SUN_METER_A3, 5, 6, REG_S16},
    {METER, SUN_METER_V1, 8, 15, REG_S16}, {METER, SUN_METER_V2, 9, 15, REG_S16}, {METER, SUN_METER_V3, 10, 15, REG_S16},
    {METER_FLOAT, SUN_METER_W, 28, 0, REG_F32}, {METER_FLOAT, SUN_METER_W1, 30, 0, REG_F32}, {METER_FLOAT, SUN_METER_W2, 32, 0, REG_F32}, {METER_FLOAT, SUN_METER_W3, 34, 0, REG_F32},
    {METER_FLOAT, SUN_METER_A1, 4, 0, REG_F32}, {METER_FLOAT, SUN_METER_A2, 6, 0, REG_F32}, {METER_FLOAT, SUN_METER_A3, 8, 0, REG_F32},
    {METER_FLOAT, SUN_METER_V1, 12, 0, REG_F32}, {METER_FLOAT, SUN_METER_V2, 14, 0, REG_F32}, {METER_FLOAT, SUN_METER_V3, 16, 0, REG_F32},
    {STORAGE, SUN_SOC, 8, 22, REG_U16},
    {BATTERY, SUN_SOC, 11, 56, REG_U16}, {BATTERY, SUN_BATTERY_W, 47, 63, REG_S16},
};

/* Points that stand together with their scale factor: what is read where a model is not given whole. */
static const struct part {
    enum kind kind;
    uint8_t at, count;
} parts[] = {
    {INVERTER, 14, 2}, {INVERTER, 10, 4}, {INVERTER, 31, 2}, {INVERTER, 38, 1},
    {INVERTER_FLOAT, 22, 2}, {INVERTER_FLOAT, 16, 6}, {INVERTER_FLOAT, 38, 2}, {INVERTER_FLOAT, 48, 1},
    {METER, 18, 5}, {METER, 2, 5}, {METER, 7, 9},
    {METER_FLOAT, 28, 8}, {METER_FLOAT, 4, 6}, {METER_FLOAT, 12, 6},
};
/* clang-format on */

/* The words of a model that hold all of its points. */
static unsigned need(enum kind k)
{
    unsigned most = HEADER;

    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        unsigned end = points[i].at + reg_words(points[i].type);

        if (points[i].kind == k) {
            most = end > most ? end : most;
            most = points[i].scale + 1u > most ? points[i].scale + 1u : most;
        }
    }
    return most;
}

/* The part-th request for a model that is read so; false: there is none. */
static bool span_of(const struct sun_map *m, unsigned *at, unsigned *count)
{
    const struct sun_model *x = &m->list[m->model];
    enum kind k = kind_of(x->id);
    unsigned n = 0, words = x->len + HEADER;

    *at = 0;
    if (k == STRINGS) {
        unsigned from = MODULES_AT + m->part * MODULES_READ * MODULE;

        *at = m->part == 0 ? 0 : from;
        *count = (m->part == 0 ? MODULES_AT : 0) + MODULES_READ * MODULE;
        if (*at + *count > words) {
            *count = words > *at ? words - *at : 0;
        }
        return *count > 0 && m->part < MODULES_MAX / MODULES_READ;
    }
    if (!x->narrow) {
        *count = need(k) < words ? need(k) : words;
        return m->part == 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].kind == k && n++ == m->part) {
            *at = parts[i].at;
            *count = parts[i].count;
            return true;
        }
    }
    return false;
}

/* ---- asking ---- */

static enum stage stage_at(const struct sun_map *m, int i)
{
    return i > 0 ? (enum stage)m->stage : m->known ? READ : SEEK;
}

uint8_t sun_unit(const struct sun_map *m, const struct sun_place *p)
{
    return p->units[m->unit_index];
}

bool sun_request(
        const struct sun_map *m, const struct sun_place *p, int i, struct ems_request *out)
{
    struct sun_map first = *m;
    unsigned at = 0, count = 0;

    if (i == 0) {
        first.model = first.part = 0;
        first.unit_index = m->known ? m->unit_index : 0;
        first.base_index = m->known ? m->base_index : 0;
        m = &first;
    }
    out->optional = true;
    out->function = 3;
    out->unit = sun_unit(m, p);
    switch (stage_at(m, i)) {
    case SEEK:
        out->start = p->bases[m->base_index];
        out->count = 2;
        out->patience_ms = p->units[1] != 0 ? PATIENCE_MS : 0;
        return true;
    case WALK:
        out->start = m->at;
        out->count = m->steps == 0 && !m->bare ? HEADER + MAKER_WORDS : HEADER;
        return true;
    case FIXED:
        out->start = p->fixed[m->base_index];
        out->count = HEADER;
        return true;
    case READ:
        (void)span_of(m, &at, &count);
        out->start = (uint16_t)(m->list[m->model].at + at);
        out->count = (uint16_t)count;
        return true;
    case DONE:
        break;
    }
    return false;
}

/* ---- the map ---- */

static uint16_t word_of(const struct ems_answer *a, unsigned i)
{
    const struct reg_block b = {a->body, a->len, 0};
    uint16_t w = 0;

    (void)reg_word(&b, (uint16_t)i, &w);
    return w;
}

/* Another one of what is taken once alone: an inverter in whole and in floating numbers is one. */
static void add_model(
        struct sun_map *m, const struct sun_place *p, uint16_t id, uint16_t at, uint16_t len)
{
    enum kind k = kind_of(id);
    bool meter = k == METER || k == METER_FLOAT;
    bool inverter = k == INVERTER || k == INVERTER_FLOAT || k == DER;
    bool wanted = k != NOTHING;

    if (at + HEADER + len > UINT16_MAX + 1) {
        return; /* it says that it reaches beyond the last register */
    }
    if (meter) {
        m->meter_kind = m->meters == 0 ? (uint8_t)k : m->meter_kind;
        m->meters = (uint8_t)(m->meters + (m->meter_kind == (uint8_t)k));
        wanted = m->meter_kind == (uint8_t)k && m->meters == p->meter;
    } else if (inverter) {
        wanted = m->inverters++ == 0;
    } else {
        for (int i = 0; i < m->count; i++) {
            wanted = wanted && m->list[i].id != id;
        }
    }
    m->storage = m->storage || k == STORAGE || k == BATTERY;
    if (wanted && m->count < SUN_MODELS_MAX) {
        m->list[m->count++] = (struct sun_model){.id = id, .at = at, .len = len};
    }
}

static void begin_reading(struct sun_map *m)
{
    m->stage = READ;
    m->model = m->part = m->modules = 0;
    m->answered = false;
    memset(m->value, 0, sizeof(m->value));
}

static enum ems_class walked(struct sun_map *m, struct err *e)
{
    if (m->count == 0) {
        err_set(e, ERR_IO, "SunSpec is there, and no inverter, meter or battery in it");
        return EMS_NOT_FOUND;
    }
    m->known = true;
    begin_reading(m);
    return EMS_OK;
}

static bool silent(int status)
{
    return status == 0 || status == 10 || status == 11;
}

static enum ems_class next_unit(
        struct sun_map *m, const struct sun_place *p, int status, struct err *e)
{
    m->base_index = 0;
    m->stage = SEEK;
    if (p->units[++m->unit_index] != 0) {
        return EMS_OK;
    }
    if (m->unit_index > 1) {
        err_set(e, ERR_IO,
                "no unit id from %u to %u shows SunSpec: switch it on in the device, or set unit",
                p->units[0], p->units[m->unit_index - 1]);
        return EMS_NOT_FOUND;
    }
    if (silent(status)) {
        return reg_class(status); /* the host's sentence */
    }
    err_set(e, ERR_IO,
            "unit id %u shows no SunSpec: check the unit id (unit), and switch SunSpec on in the device",
            p->units[0]);
    return EMS_NOT_FOUND;
}

static enum ems_class seek(
        struct sun_map *m, const struct sun_place *p, const struct ems_answer *a, struct err *e)
{
    if (a->status == 200 && word_of(a, 0) == SUNS_HIGH && word_of(a, 1) == SUNS_LOW) {
        m->at = (uint16_t)(p->bases[m->base_index] + 2);
        m->stage = WALK;
        return EMS_OK;
    }
    if (silent(a->status)) {
        return next_unit(m, p, a->status, e);
    }
    if (++m->base_index < p->bases_count) {
        return EMS_OK;
    }
    if (p->fixed_count > 0) {
        m->base_index = 0;
        m->stage = FIXED;
        return EMS_OK;
    }
    return next_unit(m, p, a->status, e);
}

static enum ems_class walk(
        struct sun_map *m, const struct sun_place *p, const struct ems_answer *a, struct err *e)
{
    uint16_t id = word_of(a, 0), len = word_of(a, 1);

    if (a->status != 200 && silent(a->status)) {
        return reg_class(a->status);
    }
    if (a->status != 200 && m->steps == 0 && !m->bare) {
        m->bare = true;
        return EMS_OK;
    }
    if (a->status != 200 || id == END || len == 0) {
        return walked(m, e);
    }
    if (id == COMMON && a->len >= 2 * (HEADER + MAKER_WORDS)) {
        m->solaredge = memcmp(a->body + 2 * MAKER, "SolarEdge", 9) == 0;
    }
    add_model(m, p, id, m->at, len);
    if (m->at + len + HEADER + HEADER > UINT16_MAX || ++m->steps > 100) {
        return walked(m, e);
    }
    m->at = (uint16_t)(m->at + len + HEADER);
    return EMS_OK;
}

static enum ems_class fixed(
        struct sun_map *m, const struct sun_place *p, const struct ems_answer *a, struct err *e)
{
    uint16_t id = word_of(a, 0), len = word_of(a, 1);

    if (a->status == 200 && kind_of(id) != NOTHING && len > 0) {
        add_model(m, p, id, p->fixed[m->base_index], len);
    }
    if (++m->base_index < p->fixed_count) {
        return EMS_OK;
    }
    return m->count > 0 ? walked(m, e) : next_unit(m, p, a->status, e);
}

/* ---- values ---- */

static enum reg_result scaled(int64_t *micro, int scale)
{
    if (scale > SCALE_MAX || scale < -SCALE_MAX) {
        return REG_TOO_LARGE;
    }
    for (; scale > 0; scale--) {
        if (__builtin_mul_overflow(*micro, (int64_t)10, micro)) {
            return REG_TOO_LARGE;
        }
    }
    if (scale < 0) {
        int64_t by = 1;

        for (; scale < 0; scale++) {
            by *= 10;
        }
        *micro = (*micro + (*micro < 0 ? -by : by) / 2) / by;
    }
    return REG_OK;
}

static int scale_at(const struct reg_block *b, uint16_t at)
{
    uint16_t w = 0;

    return reg_word(b, at, &w) && w != 0x8000 ? (int16_t)w : 0;
}

static void take_points(struct sun_map *m, const struct reg_block *b)
{
    const struct sun_model *x = &m->list[m->model];
    enum kind k = kind_of(x->id);

    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        const struct point *p = &points[i];
        struct sun_reading *r = &m->value[p->value];
        char raw[EMS_RAW_ROOM];
        int64_t micro = 0;
        enum reg_result result;

        if (p->kind != k || p->at + reg_words(p->type) > x->len + (unsigned)HEADER) {
            continue;
        }
        result = reg_read(b, (uint16_t)(x->at + p->at), p->type, false, &micro);
        /* Two models may have one value: what is known stays. */
        if (result == REG_OUTSIDE || r->state == REG_OK + 1) {
            continue;
        }
        if (result == REG_OK && p->scale != 0) {
            result = scaled(&micro, scale_at(b, (uint16_t)(x->at + p->scale)));
        }
        reg_raw(raw, b, (uint16_t)(x->at + p->at), reg_words(p->type));
        r->micro = micro;
        r->state = (uint8_t)(result + 1);
        (void)str_copy(r->raw, sizeof(r->raw), raw);
    }
}

static bool has_name(const char *name, const char *part)
{
    return memmem(name, 16, part, strlen(part)) != NULL;
}

/* Which sum a module of model 160 belongs to. */
static enum sun_value module_value(const struct sun_map *m, const char *name, unsigned i)
{
    if (has_name(name, "StDisCha")) {
        return SUN_DISCHARGE_W;
    }
    if (has_name(name, "StCha")) {
        return SUN_CHARGE_W;
    }
    /* Inverters with storage that name nothing: two strings, then charging, then discharging. */
    if (m->storage && m->modules == 4 && i >= 2 && name[0] == '\0') {
        return i == 2 ? SUN_CHARGE_W : SUN_DISCHARGE_W;
    }
    return SUN_STRINGS_W;
}

static void take_modules(struct sun_map *m, const struct reg_block *b)
{
    const struct sun_model *x = &m->list[m->model];
    unsigned first = m->part * MODULES_READ;
    uint16_t n = 0;

    if (m->part == 0) {
        unsigned room =
                x->len + HEADER > MODULES_AT ? (x->len + HEADER - MODULES_AT) / MODULE : 0;

        m->scale = (int16_t)scale_at(b, (uint16_t)(x->at + 4));
        (void)reg_word(b, (uint16_t)(x->at + 8), &n);
        m->modules = (uint8_t)(n < room ? n : room < MODULES_MAX ? room : MODULES_MAX);
    }
    for (unsigned i = first; i < first + MODULES_READ && i < m->modules; i++) {
        uint16_t at = (uint16_t)(x->at + MODULES_AT + i * MODULE);
        size_t offset = (size_t)2 * (at + 1u - b->start);
        struct sun_reading *r;
        int64_t micro = 0;

        if (offset + 16 > b->len ||
                reg_read(b, (uint16_t)(at + 11), REG_U16, false, &micro) != REG_OK ||
                scaled(&micro, m->scale) != REG_OK) {
            continue;
        }
        r = &m->value[module_value(m, b->body + offset, i)];
        r->micro += micro; /* twenty times what a scale of ten digits leaves fits */
        r->state = REG_OK + 1;
        (void)str_copy(r->raw, sizeof(r->raw), "model 160");
    }
}

static void next_part(struct sun_map *m)
{
    unsigned at, count;

    m->part++;
    while (m->model < m->count && !span_of(m, &at, &count)) {
        m->model++;
        m->part = 0;
    }
    m->stage = m->model < m->count ? READ : DONE;
}

static bool has_parts(enum kind k)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].kind == k) {
            return true;
        }
    }
    return false;
}

static enum ems_class read_model(struct sun_map *m, const struct ems_answer *a, struct err *e)
{
    struct sun_model *x = &m->list[m->model];
    unsigned at = 0, count = 0;
    struct reg_block b = {a->body, a->len, 0};

    (void)span_of(m, &at, &count);
    b.start = (uint16_t)(x->at + at);
    if (silent(a->status)) {
        return reg_class(a->status);
    }
    if (a->status != 200 && !x->narrow && has_parts(kind_of(x->id))) {
        x->narrow = true;
        m->part = 0;
        return EMS_OK;
    }
    if (a->status == 200 && at == 0 && (word_of(a, 0) != x->id || word_of(a, 1) != x->len)) {
        memset(m, 0, sizeof(*m));
        m->stage = DONE;
        err_set(e, ERR_IO, "the models of the device have changed: they are looked up anew");
        return EMS_DATA;
    }
    if (a->status == 200 && kind_of(x->id) == STRINGS) {
        take_modules(m, &b);
    } else if (a->status == 200) {
        take_points(m, &b);
    }
    m->answered = m->answered || a->status == 200;
    next_part(m);
    if (m->stage == DONE && !m->answered) {
        m->known = false;
        return reg_class(a->status);
    }
    return EMS_OK;
}

enum ems_class sun_parse(
        struct sun_map *m, const struct sun_place *p, const struct ems_answer *a, struct err *e)
{
    enum stage stage = stage_at(m, a->i);

    if (a->i == 0 && m->known) {
        begin_reading(m);
    } else if (a->i == 0) {
        memset(m, 0, sizeof(*m));
    }
    switch (stage) {
    case SEEK:
        return seek(m, p, a, e);
    case WALK:
        return walk(m, p, a, e);
    case FIXED:
        return fixed(m, p, a, e);
    case READ:
        return read_model(m, a, e);
    case DONE:
        break;
    }
    return EMS_OK;
}
