/*
 * ems_backends - what brings messages, by transport. SPDX-License-Identifier: MIT
 */
#include "bridge/ems_listen.h"

const struct ems_backend *const ems_backends[EMS_BACKENDS] = {
        [EMS_OVER_LINE] = &ems_over_line,
        [EMS_OVER_MQTT] = &ems_over_mqtt,
        [EMS_OVER_HTTP] = &ems_over_stream,
        [EMS_OVER_MODBUS] = NULL, /* asked, never listened to */
};
