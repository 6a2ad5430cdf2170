/*
 * devices - a model with one device of each kind, for the tests of discovery.
 * SPDX-License-Identifier: MIT
 */
#ifndef TESTS_SUPPORT_DEVICES_H
#define TESTS_SUPPORT_DEVICES_H

#include "bridge/base/str.h"
#include "bridge/core/model.h"
#include "discovery/discovery.h"

#include <string.h>

static const struct discovery_config devices_config = {
        .base = "twcbridge",
        .prefix = "homeassistant",
        .version = "0.1.0",
        .support_url = "https://example.org/twcbridge",
        .configuration_url = "",
};

enum {
    DEVICE_BRIDGE,
    DEVICE_SITE,
    DEVICE_CIRCUIT,
    DEVICE_P2,     /* protocol 2, three phases */
    DEVICE_P1,     /* protocol 1, three phases */
    DEVICE_SINGLE, /* protocol 2, L1 */
    DEVICE_SOURCE, /* a meter that gives grid power and solar power */
};

static inline void devices_describe(struct model_device *d, uint32_t features, int32_t max_ma)
{
    d->features = features;
    d->max_ma = max_ma;
    d->floor_ma = 6000;
}

static inline void devices_init(struct model *m)
{
    const uint32_t three = FEATURE_L1 | FEATURE_L2 | FEATURE_L3;

    memset(m, 0, sizeof(*m));
    m->utc_ms = INT64_C(1795500000000); /* 2026-11-24T06:00:00Z */
    model_init(m, "TWC Bridge", "Site");
    (void)model_add(m, MODEL_CIRCUIT, "garage", "Garage");
    (void)model_add(m, MODEL_CHARGER, "a1b2", "Wall Connector A1B2");
    (void)model_add(m, MODEL_CHARGER, "c3d4", "Garage");
    (void)model_add(m, MODEL_CHARGER, "e5f6", "Yard");
    (void)model_add(m, MODEL_SOURCE, "meter", "Meter");
    devices_describe(&m->device[DEVICE_SITE], 0, 32000);
    devices_describe(&m->device[DEVICE_CIRCUIT], FEATURE_DEVICE, 32000);
    devices_describe(&m->device[DEVICE_P2], FEATURE_P2 | three, 32000);
    devices_describe(&m->device[DEVICE_P1], three, 16000);
    devices_describe(&m->device[DEVICE_SINGLE], FEATURE_P2 | FEATURE_L1, 13900);
    devices_describe(&m->device[DEVICE_SOURCE], FEATURE_EMS | FEATURE_GRID | FEATURE_PV, 0);
    (void)str_copy(m->device[DEVICE_P2].serial, sizeof(m->device[0].serial), "A16B0001234");
    (void)str_copy(m->device[DEVICE_P2].sw_version, sizeof(m->device[0].sw_version), "4.5.3");
    (void)str_copy(m->device[DEVICE_P2].hw_version, sizeof(m->device[0].hw_version), "2");
    (void)str_copy(m->device[DEVICE_P1].hw_version, sizeof(m->device[0].hw_version), "1");
    (void)str_copy(m->device[DEVICE_P1].area, sizeof(m->device[0].area), "Garage");
    m->buses = 2;
    m->bus[0] = (struct model_bus){.id = "1", .name = "1"};
    m->bus[1] = (struct model_bus){.id = "yard", .name = "Yard"};
}

#endif
