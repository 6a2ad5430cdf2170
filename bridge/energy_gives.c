/*
 * energy_gives - which values a system has: what it was seen to give, kept over restarts, so that
 * Home Assistant is told of those alone and keeps them. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/energy.h"
#include "bridge/store/store.h"

#include <stdlib.h>
#include <string.h>

/* A row of the settings of the run: device "source/<id>", this key, "<adapter> <fields>". */
static const char key[] = "gives";

struct source_gives {
    char device[64];
    char value[64];
};

void energy_gives_load(struct daemon *d, const struct store_image *image)
{
    d->gives = calloc((size_t)image->settings + 1, sizeof(*d->gives));
    for (int i = 0; d->gives && i < image->settings; i++) {
        const struct store_setting *row = &image->setting[i];

        if (strcmp(row->key, key) == 0) {
            struct source_gives *g = &d->gives[d->gives_count++];

            (void)str_copy(g->device, sizeof(g->device), row->device);
            (void)str_copy(g->value, sizeof(g->value), row->value);
        }
    }
}

static void device_of(const struct source_settings *s, char dst[static 64])
{
    (void)str_format(dst, 64, "source/%.56s", s->id);
}

/* The fields in "fronius 7", if it is this adapter's. */
static uint32_t stored(const char *value, const char *adapter)
{
    size_t n = strlen(adapter);
    int64_t fields = 0;

    return strncmp(value, adapter, n) == 0 && value[n] == ' ' &&
                           str_int(value + n + 1, strlen(value + n + 1), &fields)
                   ? (uint32_t)fields
                   : 0;
}

void energy_gives_open(struct daemon *d, int source)
{
    struct energy *x = d->energy;
    const struct source_settings *s = x->source[source].settings;
    char device[64];

    if (!s->adapter->finds_out) {
        return;
    }
    device_of(s, device);
    x->config[source].fields = 0;
    for (int i = 0; i < d->gives_count; i++) {
        if (strcmp(d->gives[i].device, device) == 0) {
            x->config[source].fields = stored(d->gives[i].value, s->adapter->name) &
                                       s->adapter->fields(s->options);
        }
    }
}

void energy_gives(struct daemon *d, int source)
{
    struct energy *x = d->energy;
    const struct source_settings *s = x->source[source].settings;
    struct store_setting row = {0};
    uint32_t fields = x->config[source].fields |
                      (x->reading[source].seen & s->adapter->fields(s->options));

    if (!s->adapter->finds_out || fields == x->config[source].fields) {
        return;
    }
    x->config[source].fields = fields;
    d->model.device[x->source[source].device].features |= energy_features(fields);
    model_touch(&d->model, x->source[source].device);
    d->model.device[1].features |= energy_features(ems_site_fields(x->config, x->n));
    model_touch(&d->model, 1);
    if (d->store) {
        device_of(s, row.device);
        (void)str_copy(row.key, sizeof(row.key), key);
        (void)str_format(
                row.value, sizeof(row.value), "%s %u", s->adapter->name, (unsigned)fields);
        store_put_setting(d->store, &row);
    }
}
