/*
 * rows - what can be asked of the table of entities. SPDX-License-Identifier: MIT
 */
#include "discovery/rows.h"

#include "bridge/base/str.h"

#include <string.h>

const struct entity *entity_find(enum model_kind kind, const char *key)
{
    for (int i = 0; i < entity_count; i++) {
        if (entity_table[i].kind == kind && strcmp(entity_table[i].key, key) == 0) {
            return &entity_table[i];
        }
    }
    return NULL;
}

bool entity_announced(const struct entity *e, const struct model_device *d)
{
    return e->kind == d->kind && (e->needs & ~d->features) == 0;
}

void entity_range(
        const struct entity *e, const struct model_device *d, int64_t *min, int64_t *max)
{
    /* Whole amps, in thousandths; a device that can take nothing has 0..0. */
    int64_t device_max = d->max_ma > 0 ? d->max_ma / 1000 * 1000 : 0;
    int64_t floor = d->floor_ma > 0 ? d->floor_ma / 1000 * 1000 : 0;

    *min = e->min_from == BOUND_DEVICE_FLOOR ? floor : e->min;
    *max = e->max_from == BOUND_DEVICE_MAX ? device_max : e->max;
    if (*min > *max) {
        /* Home Assistant drops a number whose min is above its max: a circuit below the floor. */
        *min = 0;
    }
}

bool entity_is_connection(const struct entity *e)
{
    return e->kind == MODEL_BRIDGE && strcmp(e->key, "connection") == 0;
}

bool entity_takes_commands(enum entity_platform p)
{
    switch (p) {
    case ENTITY_NUMBER:
    case ENTITY_SWITCH:
    case ENTITY_SELECT:
    case ENTITY_BUTTON:
    case ENTITY_DATETIME:
        return true;
    case ENTITY_SENSOR:
    case ENTITY_BINARY:
    case ENTITY_EVENT:
    case ENTITY_PLATFORMS:
        break;
    }
    return false;
}

enum field_id entity_field(const struct entity *e)
{
    int first = (int)field_first(e->kind);

    for (int i = first; i < first + field_count(e->kind); i++) {
        if (strcmp(field_table[i].key, e->key) == 0) {
            return (enum field_id)i;
        }
    }
    return FIELD_COUNT;
}

const struct entity *field_entity(enum field_id f)
{
    return entity_find(field_table[f].kind, field_table[f].key);
}

/* Writes pattern to dst with its "%s" replaced by word. */
static void fill(char *dst, size_t room, const char *pattern, const char *word)
{
    const char *mark = strstr(pattern, "%s");

    (void)str_format(dst, room, "%.*s%s%s", (int)(mark - pattern), pattern, word, mark + 2);
}

static bool bus_rows(const struct model_bus *bus, row_fn *fn, void *user)
{
    for (int i = 0; i < BUS_ENTITIES; i++) {
        const struct bus_entity *b = &bus_entity_table[i];
        struct entity e = b->row;
        char key[96];
        char name[96];
        char value[128];

        fill(key, sizeof(key), b->row.key, bus->id);
        fill(name, sizeof(name), b->row.name, bus->id);
        e.key = key;
        e.name = name;
        /* Brackets: an id may begin with a digit or be called like a method of a dictionary. */
        (void)str_format(
                value, sizeof(value), "{{ value_json.buses['%s'].%s }}", bus->id, b->member);
        if (!fn(user, &e, value)) {
            return false;
        }
    }
    return true;
}

void rows_each(const struct model *m, int device, row_fn *fn, void *user)
{
    const struct model_device *d = &m->device[device];
    char value[128];

    for (int i = 0; i < entity_count; i++) {
        const struct entity *e = &entity_table[i];

        if (!entity_announced(e, d)) {
            continue;
        }
        (void)str_format(value, sizeof(value), "{{ value_json.%s }}",
                entity_is_connection(e) ? "state" : e->key);
        if (!fn(user, e, value)) {
            return;
        }
    }
    for (int i = 0; d->kind == MODEL_BRIDGE && i < m->buses; i++) {
        if (!bus_rows(&m->bus[i], fn, user)) {
            return;
        }
    }
}
