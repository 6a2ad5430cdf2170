/*
 * lint_tables - units, classes and keys of Home Assistant's MQTT integration, as of 2026.11.
 *
 * Platforms that we do not announce are listed as soon as a document may hold a tombstone of
 * them; the linter knows no more than the bridge needs. SPDX-License-Identifier: MIT
 */
#include "discovery/lint_tables.h"

#include <stddef.h>

/* clang-format off */
#define ENERGY_UNITS "Wh kWh MWh mWh GWh TWh J kJ MJ GJ cal kcal Mcal Gcal thm"
#define ANY_STATE    "measurement total total_increasing"

const struct lint_class lint_sensor_classes[] = {
    {"apparent_power", "VA kVA mVA", "measurement"},
    {"battery", "%", "measurement"},
    {"current", "A mA μA", "measurement"},
    {"data_size", "bit kbit Mbit Gbit B kB MB GB TB PB EB ZB YB KiB MiB GiB TiB PiB EiB ZiB YiB", ANY_STATE},
    {"date", "", ""},
    {"distance", "m km cm mm mi ft yd in nmi", ANY_STATE},
    {"duration", "s min h d ms μs", ANY_STATE},
    {"energy", ENERGY_UNITS, "total total_increasing"},
    {"energy_distance", "kWh/100km Wh/km mi/kWh km/kWh", "measurement"},
    {"energy_storage", ENERGY_UNITS, "measurement"},
    {"enum", "", ""},
    {"frequency", "Hz kHz MHz GHz mHz", "measurement"},
    {"humidity", "%", "measurement"},
    {"monetary", NULL, "total"},
    {"power", "W kW mW MW GW TW", "measurement"},
    {"power_factor", "%", "measurement"},
    {"reactive_power", "var kvar mvar", "measurement"},
    {"signal_strength", "dB dBm", "measurement"},
    {"temperature", "°C °F K", "measurement"},
    {"temperature_delta", "°C °F K", "measurement"},
    {"timestamp", "", ""},
    {"uptime", "", ""},
    {"voltage", "V mV μV kV MV", "measurement"},
    {NULL, NULL, NULL},
};

#define COMMANDED " command_template retain optimistic "

const struct lint_platform lint_platforms[] = {
    {"sensor", "state_topic",
        "value_template device_class unit_of_measurement state_class suggested_display_precision "
        "options expire_after force_update last_reset_value_template", NULL},
    {"binary_sensor", "state_topic",
        "value_template device_class payload_on payload_off off_delay expire_after force_update",
        "battery battery_charging carbon_monoxide cold connectivity door garage_door gas heat "
        "light lock moisture motion moving occupancy opening plug power presence problem running "
        "safety smoke sound tamper update vibration window"},
    {"number", "command_topic",
        "state_topic value_template device_class unit_of_measurement min max step mode "
        "payload_reset" COMMANDED, NULL},
    {"switch", "command_topic",
        "state_topic value_template device_class payload_on payload_off state_on state_off"
        COMMANDED, "outlet switch"},
    {"select", "command_topic options", "state_topic value_template" COMMANDED, ""},
    {"button", "command_topic", "device_class payload_press command_template retain",
        "identify restart update"},
    {"event", "state_topic event_types", "value_template device_class", "button doorbell motion"},
    {"text", "command_topic", "state_topic value_template min max mode pattern" COMMANDED, ""},
    {"date", "command_topic", "state_topic value_template" COMMANDED, ""},
    {"time", "command_topic", "state_topic value_template" COMMANDED, ""},
    {"datetime", "command_topic", "state_topic value_template timezone" COMMANDED, ""},
    {"device_tracker", "",
        "state_topic value_template source_type payload_home payload_not_home payload_reset", ""},
    {NULL, NULL, NULL, NULL},
};

const char *const lint_common_keys =
        "platform unique_id name default_entity_id device origin availability availability_topic "
        "availability_mode availability_template payload_available payload_not_available "
        "enabled_by_default visible_by_default entity_category entity_picture icon "
        "json_attributes_topic json_attributes_template qos encoding message_expiry_interval group ~";

/* child_devices came with 2026.11: older releases refuse the whole document. */
const char *const lint_root_keys =
        "device origin components availability availability_topic availability_mode "
        "availability_template payload_available payload_not_available state_topic command_topic "
        "qos encoding message_expiry_interval";
const char *const lint_device_keys =
        "identifiers connections manufacturer model model_id name hw_version sw_version "
        "serial_number via_device suggested_area configuration_url";
const char *const lint_origin_keys = "name sw_version support_url";
const char *const lint_availability_keys =
        "topic payload_available payload_not_available value_template";
/* clang-format on */
