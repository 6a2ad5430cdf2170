/*
 * model - the table of fields and the values of every device. SPDX-License-Identifier: MIT
 */
#include "bridge/core/model.h"

#include "bridge/base/log.h"
#include "bridge/base/macros.h"
#include "bridge/base/str.h"
#include "bridge/core/control.h"
#include "bridge/core/session.h"
#include "bridge/core/words.h"

#include <assert.h>
#include <string.h>

const char *const model_kind_names[] = {"bridge", "site", "circuit", "charger", "source", NULL};

const struct field_info field_table[FIELD_COUNT] = {
/* clang-format off */
#define FIELD(kind_, id, key_, type_, rate_, words_)                        \
    [FIELD_##kind_##_##id] = {.key = (key_), .kind = MODEL_##kind_,         \
            .type = TYPE_##type_, .rate = RATE_##rate_, .words = (words_)},
#include "bridge/core/fields.def"
#undef FIELD
        /* clang-format on */
};

/* The rows of a kind begin with these and stand together (test_model looks). */
static const struct kind_span {
    int first, end;
} spans[MODEL_KINDS] = {
        [MODEL_BRIDGE] = {FIELD_BRIDGE_PROBLEM, FIELD_SITE_STATUS},
        [MODEL_SITE] = {FIELD_SITE_STATUS, FIELD_CIRCUIT_STATUS},
        [MODEL_CIRCUIT] = {FIELD_CIRCUIT_STATUS, FIELD_CHARGER_STATUS},
        [MODEL_CHARGER] = {FIELD_CHARGER_STATUS, FIELD_SOURCE_PROBLEM},
        [MODEL_SOURCE] = {FIELD_SOURCE_PROBLEM, FIELD_COUNT},
};

_Static_assert(
        (int)FIELD_SITE_STATUS - (int)FIELD_BRIDGE_PROBLEM <= (int)MODEL_FIELDS_MAX &&
                (int)FIELD_CIRCUIT_STATUS - (int)FIELD_SITE_STATUS <= (int)MODEL_FIELDS_MAX &&
                (int)FIELD_CHARGER_STATUS - (int)FIELD_CIRCUIT_STATUS <=
                        (int)MODEL_FIELDS_MAX &&
                (int)FIELD_SOURCE_PROBLEM - (int)FIELD_CHARGER_STATUS <=
                        (int)MODEL_FIELDS_MAX &&
                (int)FIELD_COUNT - (int)FIELD_SOURCE_PROBLEM <= (int)MODEL_FIELDS_MAX,
        "a kind has more fields than a device has room for");
_Static_assert((int)MODEL_FIELDS_MAX <= 128, "model_device.known is a set of 128 bits");

enum field_id field_first(enum model_kind k)
{
    return (enum field_id)spans[k].first;
}

int field_count(enum model_kind k)
{
    return spans[k].end - spans[k].first;
}

/* Which text or JSON slot of its device a field has: the number of fields of that type before. */
static int slot_of(enum field_id f)
{
    int slot = 0;

    for (int i = spans[field_table[f].kind].first; i < (int)f; i++) {
        slot += field_table[i].type == field_table[f].type;
    }
    return slot;
}

static int index_of(enum field_id f)
{
    return (int)f - spans[field_table[f].kind].first;
}

static void check(const struct model *m, int device, enum field_id f)
{
    assert(device >= 0 && device < m->devices);
    assert(f < FIELD_COUNT && field_table[f].kind == m->device[device].kind);
    (void)m;
    (void)device;
    (void)f;
}

static bool known_at(const struct model_device *d, int i)
{
    return (d->known[i / 64] >> (i % 64)) & 1u;
}

/* Writes one value, stamps the device and tells the watchers. Ages do not count as a change of
 * the document: `updated` would tick with them. */
static void store(struct model *m, int device, enum field_id f, bool known, int64_t v)
{
    struct model_device *d = &m->device[device];
    int i = index_of(f);
    uint64_t bit = (uint64_t)1 << (i % 64);
    struct model_change ch = {
            .device = device,
            .field = f,
            .before = d->value[i],
            .after = v,
            .known_before = known_at(d, i),
            .known_after = known,
    };

    d->value[i] = v;
    d->known[i / 64] = known ? d->known[i / 64] | bit : d->known[i / 64] & ~bit;
    if (field_table[f].rate != RATE_QUIET) {
        d->updated_utc_ms = m->utc_ms;
    }
    watch_emit(&m->on_change, &ch);
}

void model_init(struct model *m, const char *bridge_name, const char *site_name)
{
    (void)str_copy(m->currency, sizeof(m->currency), "EUR");
    (void)model_add(m, MODEL_BRIDGE, "", bridge_name);
    (void)model_add(m, MODEL_SITE, "", site_name);
}

int model_add(struct model *m, enum model_kind kind, const char *id, const char *name)
{
    int i = model_find(m, kind, id);

    if (i < 0) {
        if (m->devices >= MODEL_DEVICES_MAX || strlen(id) >= sizeof(m->device[0].id)) {
            return -1;
        }
        i = m->devices++;
        m->device[i] = (struct model_device){.kind = kind};
        (void)str_copy(m->device[i].id, sizeof(m->device[i].id), id);
    }
    (void)str_copy(m->device[i].name, sizeof(m->device[i].name), name);
    m->device[i].gone = false;
    m->device[i].updated_utc_ms = m->utc_ms;
    model_touch(m, i);
    return i;
}

int model_find(const struct model *m, enum model_kind kind, const char *id)
{
    for (int i = 0; i < m->devices; i++) {
        if (m->device[i].kind == kind && strcmp(m->device[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

void model_touch(struct model *m, int device)
{
    assert(device >= 0 && device < m->devices);
    watch_emit(&m->on_devices, &m->device[device]);
}

bool model_set(struct model *m, int device, enum field_id f, int64_t v)
{
    const struct model_device *d = &m->device[device];
    int i = index_of(f);

    check(m, device, f);
    assert(field_table[f].type != TYPE_TEXT && field_table[f].type != TYPE_JSON);
    if (known_at(d, i) && d->value[i] == v) {
        return false;
    }
    store(m, device, f, true, v);
    return true;
}

/* room: of the slot at dst, which holds what was set before. */
static bool set_string(struct model *m, int device, enum field_id f, char *dst, const char *v)
{
    bool is_text = field_table[f].type == TYPE_TEXT;
    size_t room = is_text ? MODEL_TEXT_ROOM : MODEL_JSON_ROOM;
    char cut[MODEL_TEXT_ROOM];

    if (v && is_text) {
        (void)str_copy(cut, sizeof(cut), v);
        str_line(cut, ' '); /* it is shown on one line, wherever it came from */
        v = cut;
    }
    /* Half a JSON value is none. */
    if (!v || v[0] == '\0' || strlen(v) >= room) {
        return model_set_unknown(m, device, f);
    }
    if (model_known(m, device, f) && strcmp(dst, v) == 0) {
        return false;
    }
    (void)str_copy(dst, room, v);
    store(m, device, f, true, 0);
    return true;
}

bool model_set_text(struct model *m, int device, enum field_id f, const char *v)
{
    check(m, device, f);
    assert(field_table[f].type == TYPE_TEXT);
    return set_string(m, device, f, m->device[device].text[slot_of(f)], v);
}

bool model_set_json(struct model *m, int device, enum field_id f, const char *json)
{
    check(m, device, f);
    assert(field_table[f].type == TYPE_JSON);
    return set_string(m, device, f, m->device[device].json[slot_of(f)], json);
}

bool model_set_unknown(struct model *m, int device, enum field_id f)
{
    if (!model_known(m, device, f)) {
        return false;
    }
    if (field_table[f].type == TYPE_TEXT) {
        m->device[device].text[slot_of(f)][0] = '\0';
    } else if (field_table[f].type == TYPE_JSON) {
        m->device[device].json[slot_of(f)][0] = '\0';
    }
    store(m, device, f, false, 0);
    return true;
}

bool model_known(const struct model *m, int device, enum field_id f)
{
    check(m, device, f);
    return known_at(&m->device[device], index_of(f));
}

bool model_get(const struct model *m, int device, enum field_id f, int64_t *out)
{
    if (!model_known(m, device, f)) {
        return false;
    }
    *out = m->device[device].value[index_of(f)];
    return true;
}

const char *model_text(const struct model *m, int device, enum field_id f)
{
    if (!model_known(m, device, f)) {
        return NULL;
    }
    return field_table[f].type == TYPE_JSON ? m->device[device].json[slot_of(f)]
                                            : m->device[device].text[slot_of(f)];
}

bool field_beyond(enum field_id f, int64_t last, int64_t now)
{
    int64_t deadband = 0;
    uint64_t distance =
            now > last ? (uint64_t)now - (uint64_t)last : (uint64_t)last - (uint64_t)now;

    switch (field_table[f].type) {
    case TYPE_MA:
        deadband = 100;
        break;
    case TYPE_W:
        deadband = 10;
        break;
    case TYPE_MV:
        deadband = 2000;
        break;
    case TYPE_WH:
        deadband = 10;
        break;
    case TYPE_BYTES: /* what its one decimal can show */
        deadband = 100000;
        break;
    case TYPE_PERMILLE:
    case TYPE_COUNT:
    case TYPE_FLAG:
    case TYPE_ENUM:
    case TYPE_TEXT:
    case TYPE_TIME:
    case TYPE_JSON:
    case TYPE_MONEY:
    case TYPE_MILLI:
        break;
    }
    return distance > (uint64_t)deadband;
}
