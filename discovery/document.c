/*
 * document - the state document of a device. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "discovery/rows.h"

#include <string.h>

enum { CONTRACT = 1 };

/* How a type is shown: v / 10^digits with at most `show` decimals. */
struct decimals {
    int digits, show;
};

static struct decimals decimals_of(enum field_type type)
{
    switch (type) {
    case TYPE_MA:
        return (struct decimals){3, 2};
    case TYPE_MV:
        return (struct decimals){3, 0};
    case TYPE_WH:
        return (struct decimals){3, 3};
    case TYPE_PERMILLE:
        return (struct decimals){1, 1};
    case TYPE_BYTES:
        return (struct decimals){6, 1};
    case TYPE_MONEY:
        return (struct decimals){4, 4};
    case TYPE_MILLI:
        return (struct decimals){3, 2};
    case TYPE_W:
    case TYPE_COUNT:
    case TYPE_FLAG:
    case TYPE_ENUM:
    case TYPE_TEXT:
    case TYPE_TIME:
    case TYPE_JSON:
        break;
    }
    return (struct decimals){0, 0};
}

/* A state outside its row's range is an error in Home Assistant's log: a value stored under a
 * higher max is shown as the max. */
static int64_t clamp(enum field_id f, const struct model_device *d, int64_t v)
{
    const struct entity *e = field_entity(f);
    int digits = decimals_of(field_table[f].type).digits;
    int64_t min = 0;
    int64_t max = 0;
    int64_t scale = 1; /* thousandths per unit of the field */

    if (!e || e->platform != ENTITY_NUMBER) {
        return v;
    }
    entity_range(e, d, &min, &max);
    for (; digits < 3; digits++) {
        scale *= 10;
    }
    if (digits > 3) { /* money: finer than thousandths */
        min *= 10;
        max *= 10;
    }
    if (v > max / scale) {
        return max / scale;
    }
    return v < min / scale ? min / scale : v;
}

static void write_number(struct jw *w, const struct model *m, int device, enum field_id f)
{
    const struct field_info *info = &field_table[f];
    struct decimals shown = decimals_of(info->type);
    int64_t v = 0;

    if (!model_get(m, device, f, &v)) {
        jw_null(w, info->key);
        return;
    }
    jw_decimal(w, info->key, clamp(f, &m->device[device], v), shown.digits, shown.show);
}

static void write_enum(struct jw *w, const struct model *m, int device, enum field_id f)
{
    const struct field_info *info = &field_table[f];
    int64_t v = 0;
    int64_t n = 0;

    while (info->words[n]) {
        n++;
    }
    if (!model_get(m, device, f, &v) || v < 0 || v >= n) {
        jw_null(w, info->key);
        return;
    }
    jw_str(w, info->key, info->words[v]);
}

/* Home Assistant reads these words as "no value", whoever chose them as a name. */
static bool means_nothing(const char *text)
{
    return str_iequal(text, "unknown") || str_iequal(text, "unavailable") ||
           str_iequal(text, "none");
}

static void write_text(struct jw *w, const struct model *m, int device, enum field_id f)
{
    const char *text = model_text(m, device, f);

    jw_str(w, field_table[f].key, text && !means_nothing(text) ? text : NULL);
}

/* The rows of a bus look into the object even before anybody knows a value. */
static void write_empty_buses(struct jw *w, const struct model *m)
{
    jw_open(w, field_table[FIELD_BRIDGE_BUSES].key);
    for (int i = 0; i < m->buses; i++) {
        jw_open(w, m->bus[i].id);
        for (int k = 0; k < BUS_ENTITIES; k++) {
            jw_null(w, bus_entity_table[k].member);
        }
        jw_close(w);
    }
    jw_close(w);
}

static void write_json(struct jw *w, const struct model *m, int device, enum field_id f)
{
    const char *json = model_text(m, device, f);

    if (json) {
        jw_raw(w, field_table[f].key, json);
    } else if (f == FIELD_BRIDGE_BUSES) {
        write_empty_buses(w, m);
    } else {
        jw_null(w, field_table[f].key);
    }
}

static void write_field(struct jw *w, const struct model *m, int device, enum field_id f)
{
    const char *key = field_table[f].key;
    char time[STR_TIME_ROOM];
    int64_t v = 0;

    switch (field_table[f].type) {
    case TYPE_MA:
    case TYPE_W:
    case TYPE_MV:
    case TYPE_WH:
    case TYPE_PERMILLE:
    case TYPE_COUNT:
    case TYPE_BYTES:
    case TYPE_MONEY:
    case TYPE_MILLI:
        write_number(w, m, device, f);
        break;
    case TYPE_FLAG:
        if (model_get(m, device, f, &v)) {
            jw_bool(w, key, v != 0);
        } else {
            jw_null(w, key);
        }
        break;
    case TYPE_ENUM:
        write_enum(w, m, device, f);
        break;
    case TYPE_TEXT:
        write_text(w, m, device, f);
        break;
    case TYPE_TIME:
        if (model_get(m, device, f, &v)) {
            str_time(time, v);
            jw_str(w, key, time);
        } else {
            jw_null(w, key);
        }
        break;
    case TYPE_JSON:
        write_json(w, m, device, f);
        break;
    }
}

const char *const state_list_topics[SLOTS_KINDS] = {
        "site/tariff", "site/export_tariff", "site/forecast"};

void state_list(const struct model *m, enum slots_kind k, struct buf *out)
{
    const struct slots *s = m->list[k];
    int digits = k == SLOTS_FORECAST ? 0 : 6;
    char time[STR_TIME_ROOM];
    struct jw w;

    if (!s) {
        return;
    }
    jw_init(&w, out);
    jw_array(&w, NULL);
    for (int i = 0; i < s->n; i++) {
        jw_open(&w, NULL);
        str_time(time, s->slot[i].start_s * 1000);
        jw_str(&w, "start", time);
        str_time(time, s->slot[i].end_s * 1000);
        jw_str(&w, "end", time);
        jw_decimal(&w, "value", s->slot[i].value, digits, digits);
        jw_close(&w);
    }
    jw_array_end(&w);
}

void state_document(const struct model *m, int device, struct buf *out)
{
    const struct model_device *d = &m->device[device];
    int first = (int)field_first(d->kind);
    char time[STR_TIME_ROOM];
    struct jw w;

    jw_init(&w, out);
    jw_open(&w, NULL);
    jw_int(&w, "contract", CONTRACT);
    jw_str(&w, "id", d->id[0] != '\0' ? d->id : NULL);
    jw_str(&w, "name", d->name);
    str_time(time, d->updated_utc_ms);
    jw_str(&w, "updated", d->updated_utc_ms != 0 ? time : NULL);
    for (int i = first; i < first + field_count(d->kind); i++) {
        write_field(&w, m, device, (enum field_id)i);
    }
    jw_close(&w);
}
