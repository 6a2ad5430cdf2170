/*
 * entities - one row per entity of the contract, in the order of its tables.
 *
 * A row whose input or feature a device lacks is not announced; its key stays in the state
 * document as null. SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/macros.h"
#include "bridge/core/control.h"
#include "bridge/core/session.h"
#include "bridge/core/words.h"
#include "discovery/rows.h"

#include <stddef.h>

const char *const entity_platform_names[] = {"sensor", "binary_sensor", "number", "switch",
        "select", "button", "event", "datetime", NULL};

/* clang-format off */

/* Category, and whether the entity starts disabled. */
#define PRIMARY        .category = NULL
#define PRIMARY_OFF    .category = NULL, .off = true
#define DIAGNOSTIC     .category = "diagnostic"
#define DIAGNOSTIC_OFF .category = "diagnostic", .off = true
#define CONFIG         .category = "config"
#define CONFIG_OFF     .category = "config", .off = true

/* State classes. */
#define MEASURED "measurement"
#define RISING   "total_increasing"
#define SUMMED   "total"

#define ROW(kind_, key_, platform_, name_) \
    .kind = MODEL_##kind_, .key = (key_), .platform = ENTITY_##platform_, .name = (name_)

#define NUMERIC(kind, key, name, class_, unit_, state_, precision_, ...)                     \
    {ROW(kind, key, SENSOR, name), .device_class = (class_), .unit = (unit_),                \
     .state_class = (state_), .precision = (precision_), __VA_ARGS__},
#define PLAIN(kind, key, name, class_, ...)                                                  \
    {ROW(kind, key, SENSOR, name), .device_class = (class_), .precision = -1, __VA_ARGS__},
#define WORDS(kind, key, name, words_, ...)                                                  \
    {ROW(kind, key, SENSOR, name), .device_class = "enum", .options = (words_),              \
     .precision = -1, __VA_ARGS__},
#define STATUS(kind, words_, ...)                                                            \
    {ROW(kind, "status", SENSOR, NULL), .main_entity = true, .device_class = "enum",         \
     .options = (words_), .precision = -1, __VA_ARGS__},
#define BINARY(kind, key, name, class_, ...)                                                 \
    {ROW(kind, key, BINARY, name), .device_class = (class_), .precision = -1, __VA_ARGS__},
#define SWITCH(kind, key, name, ...)                                                         \
    {ROW(kind, key, SWITCH, name), .precision = -1, __VA_ARGS__},
#define SELECT(kind, key, name, words_, ...)                                                 \
    {ROW(kind, key, SELECT, name), .options = (words_), .precision = -1, __VA_ARGS__},
#define BUTTON(kind, key, name, class_, ...)                                                 \
    {ROW(kind, key, BUTTON, name), .device_class = (class_), .precision = -1, __VA_ARGS__},
#define EVENTS(kind, words_, ...)                                                            \
    {ROW(kind, "event", EVENT, "Events"), .options = (words_), .precision = -1, __VA_ARGS__},
#define DATETIME(kind, key, name, ...)                                                       \
    {ROW(kind, key, DATETIME, name), .precision = -1, __VA_ARGS__},
/* low and high in the unit, step in thousandths of it. */
#define NUMBER(kind, key, name, class_, unit_, low, high, step_, mode_, ...)                 \
    {ROW(kind, key, NUMBER, name), .device_class = (class_), .unit = (unit_),                \
     .min_from = BOUND_FIXED, .min = INT64_C(1000) * (low), .max_from = BOUND_FIXED,         \
     .max = INT64_C(1000) * (high), .step = (step_), .mode = (mode_), .precision = -1,       \
     __VA_ARGS__},
/* Amps from `from` (0 or the floor) to what the device can take. */
#define AMPS(kind, key, name, from, mode_, ...)                                              \
    {ROW(kind, key, NUMBER, name), .device_class = "current", .unit = "A",                   \
     .min_from = BOUND_##from, .max_from = BOUND_DEVICE_MAX, .step = 1000, .mode = (mode_),  \
     .precision = -1, __VA_ARGS__},

/* What a per-phase row of a charger needs. */
#define ON_L1 .needs = (FEATURE_P2 | FEATURE_L1)
#define ON_L2 .needs = (FEATURE_P2 | FEATURE_L2)
#define ON_L3 .needs = (FEATURE_P2 | FEATURE_L3)
#define METER  .needs = FEATURE_METER
#define GEN3   .needs = FEATURE_GEN3
#define P2     .needs = FEATURE_P2
#define EMS    .needs = FEATURE_EMS
#define GIVES(what) .needs = FEATURE_##what
#define POLICY .needs = FEATURE_POLICY
#define NEVER  .needs = FEATURE_NEVER

const struct entity entity_table[] = {
    /* ---- bridge ---- */
    BINARY(BRIDGE, "connection", NULL, "connectivity", DIAGNOSTIC)
    BINARY(BRIDGE, "problem", NULL, "problem", DIAGNOSTIC)
    BINARY(BRIDGE, "restart_required", "Restart required", "problem", DIAGNOSTIC_OFF)
    PLAIN(BRIDGE, "started", "Started", "uptime", DIAGNOSTIC_OFF)
    PLAIN(BRIDGE, "version", "Version", NULL, DIAGNOSTIC_OFF, .icon = "mdi:tag")
    NUMERIC(BRIDGE, "chargers_online", "Chargers online", NULL, NULL, MEASURED, 0, DIAGNOSTIC_OFF, .icon = "mdi:ev-station")
    NUMERIC(BRIDGE, "commands_refused", "Commands refused", NULL, NULL, RISING, 0, DIAGNOSTIC_OFF, .icon = "mdi:cancel")
    NUMERIC(BRIDGE, "mqtt_reconnects", "Broker reconnects", NULL, NULL, RISING, 0, DIAGNOSTIC_OFF, .icon = "mdi:connection")
    NUMERIC(BRIDGE, "loop_lag", "Loop lag", "duration", "ms", MEASURED, 0, DIAGNOSTIC_OFF)
    NUMERIC(BRIDGE, "memory", "Memory", "data_size", "MB", MEASURED, 1, DIAGNOSTIC_OFF)
    SELECT(BRIDGE, "log_level", "Log level", log_level_names, CONFIG_OFF, .icon = "mdi:text-box-search")
    BUTTON(BRIDGE, "restart", NULL, "restart", CONFIG)
    BUTTON(BRIDGE, "announce", "Announce again", NULL, CONFIG_OFF, .icon = "mdi:bullhorn")
    EVENTS(BRIDGE, bridge_event_words, DIAGNOSTIC, .icon = "mdi:bell")

    /* ---- site ---- */
    STATUS(SITE, site_status_words, PRIMARY, .icon = "mdi:home-lightning-bolt")
    NUMERIC(SITE, "grid_power", "Grid power", "power", "W", MEASURED, 0, PRIMARY, GIVES(GRID))
    NUMERIC(SITE, "pv_power", "Solar power", "power", "W", MEASURED, 0, PRIMARY, GIVES(PV))
    NUMERIC(SITE, "battery_power", "Battery power", "power", "W", MEASURED, 0, PRIMARY, GIVES(BATTERY))
    NUMERIC(SITE, "battery_soc", "Battery", "battery", "%", MEASURED, 0, PRIMARY, GIVES(SOC))
    NUMERIC(SITE, "house_power", "House power", "power", "W", MEASURED, 0, PRIMARY, GIVES(HOUSE))
    NUMERIC(SITE, "charger_power", "Charging power", "power", "W", MEASURED, 0, PRIMARY)
    NUMERIC(SITE, "surplus_power", "Surplus", "power", "W", MEASURED, 0, PRIMARY_OFF, GIVES(GRID))
    NUMERIC(SITE, "grid_current_l1", "Grid current L1", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF, .needs = (FEATURE_EMS | FEATURE_L1))
    NUMERIC(SITE, "grid_current_l2", "Grid current L2", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF, .needs = (FEATURE_EMS | FEATURE_L2))
    NUMERIC(SITE, "grid_current_l3", "Grid current L3", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF, .needs = (FEATURE_EMS | FEATURE_L3))
    NUMERIC(SITE, "charger_energy", "Charging energy", "energy", "kWh", RISING, 2, PRIMARY_OFF)
    NUMERIC(SITE, "offered", "Offered current", "current", "A", MEASURED, 1, PRIMARY)
    BINARY(SITE, "data_problem", "Energy data", "problem", DIAGNOSTIC, EMS)
    PLAIN(SITE, "data_updated", "Energy data updated", "timestamp", DIAGNOSTIC_OFF, EMS)
    NUMERIC(SITE, "price", "Price", NULL, "cur/kWh", MEASURED, 4, PRIMARY, GIVES(PRICE), .icon = "mdi:cash")
    SWITCH(SITE, "charging_allowed", "Charging allowed", PRIMARY, .icon = "mdi:ev-plug-type2")
    AMPS(SITE, "current_limit", "Current limit", FIXED, "slider", PRIMARY)
    SELECT(SITE, "mode", "Mode", site_mode_words, PRIMARY, .icon = "mdi:tune")
    BUTTON(SITE, "release", "Release", NULL, PRIMARY, .icon = "mdi:hand-back-left-off")
    AMPS(SITE, "fallback_current", "Fallback current", FIXED, "box", CONFIG_OFF)
    NUMBER(SITE, "lease_grace", "Grace time", "duration", "s", 0, 3600, 1000, "box", CONFIG_OFF)
    NUMBER(SITE, "battery_first_soc", "Battery first up to", "battery", "%", 0, 100, 1000, "slider", CONFIG, POLICY)
    NUMBER(SITE, "solar_offset", "Solar offset", "power", "W", -5000, 5000, 10000, "box", CONFIG, POLICY)
    NUMBER(SITE, "price_limit", "Price limit", NULL, "cur/kWh", -10, 10, 1, "box", CONFIG, NEVER, .icon = "mdi:cash-lock")
    BINARY(SITE, "battery_hold", "Hold battery discharge", NULL, PRIMARY, NEVER, .icon = "mdi:battery-lock")
    BINARY(SITE, "dimming", "Grid operator limit", NULL, PRIMARY, NEVER, .icon = "mdi:transmission-tower")

    /* ---- circuit ---- */
    STATUS(CIRCUIT, circuit_status_words, PRIMARY, .icon = "mdi:fuse")
    NUMERIC(CIRCUIT, "limit", "Limit", "current", "A", MEASURED, 1, DIAGNOSTIC)
    NUMERIC(CIRCUIT, "headroom", "Headroom", "current", "A", MEASURED, 1, PRIMARY)
    NUMERIC(CIRCUIT, "current_l1", "Current L1", "current", "A", MEASURED, 1, PRIMARY, METER)
    NUMERIC(CIRCUIT, "current_l2", "Current L2", "current", "A", MEASURED, 1, PRIMARY, METER)
    NUMERIC(CIRCUIT, "current_l3", "Current L3", "current", "A", MEASURED, 1, PRIMARY, METER)
    NUMERIC(CIRCUIT, "offered_l1", "Offered L1", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF)
    NUMERIC(CIRCUIT, "offered_l2", "Offered L2", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF)
    NUMERIC(CIRCUIT, "offered_l3", "Offered L3", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF)
    BINARY(CIRCUIT, "over_limit", "Over limit", "problem", PRIMARY)
    AMPS(CIRCUIT, "current_limit", "Current limit", FIXED, "box", CONFIG_OFF)

    /* ---- charger ---- */
    STATUS(CHARGER, charger_status_names, PRIMARY, .icon = "mdi:ev-station")
    NUMERIC(CHARGER, "power", NULL, "power", "W", MEASURED, 0, PRIMARY)
    NUMERIC(CHARGER, "current", NULL, "current", "A", MEASURED, 1, PRIMARY)
    NUMERIC(CHARGER, "offered", "Offered current", "current", "A", MEASURED, 1, PRIMARY)
    NUMERIC(CHARGER, "energy", NULL, "energy", "kWh", RISING, 2, PRIMARY)
    NUMERIC(CHARGER, "session_energy", "Session energy", "energy", "kWh", RISING, 2, PRIMARY)
    PLAIN(CHARGER, "session_start", "Session start", "timestamp", PRIMARY)
    BINARY(CHARGER, "plugged", NULL, "plug", PRIMARY)
    BINARY(CHARGER, "charging", NULL, "battery_charging", PRIMARY)
    BINARY(CHARGER, "problem", NULL, "problem", DIAGNOSTIC)
    WORDS(CHARGER, "limited_by", "Limited by", limited_by_names, PRIMARY, .icon = "mdi:car-speed-limiter")
    PLAIN(CHARGER, "reason", "Reason", NULL, PRIMARY, .icon = "mdi:comment-question")
    PLAIN(CHARGER, "owner", "Set by", NULL, DIAGNOSTIC, .icon = "mdi:account-key")
    PLAIN(CHARGER, "lease_end", "Set until", "timestamp", DIAGNOSTIC)
    WORDS(CHARGER, "fault", "Fault", charger_fault_names, DIAGNOSTIC, .icon = "mdi:alert")
    NUMERIC(CHARGER, "phases", "Phases in use", NULL, NULL, MEASURED, 0, DIAGNOSTIC, .icon = "mdi:sine-wave")
    NUMERIC(CHARGER, "current_l1", "Current L1", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF, ON_L1)
    NUMERIC(CHARGER, "current_l2", "Current L2", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF, ON_L2)
    NUMERIC(CHARGER, "current_l3", "Current L3", "current", "A", MEASURED, 1, DIAGNOSTIC_OFF, ON_L3)
    NUMERIC(CHARGER, "voltage_l1", "Voltage L1", "voltage", "V", MEASURED, 0, DIAGNOSTIC_OFF, ON_L1)
    NUMERIC(CHARGER, "voltage_l2", "Voltage L2", "voltage", "V", MEASURED, 0, DIAGNOSTIC_OFF, ON_L2)
    NUMERIC(CHARGER, "voltage_l3", "Voltage L3", "voltage", "V", MEASURED, 0, DIAGNOSTIC_OFF, ON_L3)
    PLAIN(CHARGER, "vehicle", "Vehicle", NULL, PRIMARY, P2, .icon = "mdi:car-electric")
    PLAIN(CHARGER, "vin", "VIN", NULL, DIAGNOSTIC_OFF, P2, .icon = "mdi:identifier")
    NUMERIC(CHARGER, "handle_temperature", "Handle temperature", "temperature", "°C", MEASURED, 1, DIAGNOSTIC, GEN3)
    NUMERIC(CHARGER, "board_temperature", "Board temperature", "temperature", "°C", MEASURED, 1, DIAGNOSTIC_OFF, GEN3)
    NUMERIC(CHARGER, "frequency", NULL, "frequency", "Hz", MEASURED, 2, DIAGNOSTIC_OFF, GEN3)
    BINARY(CHARGER, "contactor", "Contactor", NULL, DIAGNOSTIC_OFF, GEN3, .icon = "mdi:electric-switch-closed")
    NUMERIC(CHARGER, "energy_counter", "Charger counter", "energy", "kWh", RISING, 0, DIAGNOSTIC_OFF, P2)
    NUMERIC(CHARGER, "starts", "Starts", NULL, NULL, RISING, 0, DIAGNOSTIC_OFF, .icon = "mdi:counter")
    NUMERIC(CHARGER, "stops_left", "Stops left", NULL, NULL, MEASURED, 0, DIAGNOSTIC_OFF, P2, .icon = "mdi:stop-circle")
    NUMERIC(CHARGER, "answers", "Heartbeats answered", NULL, "%", MEASURED, 1, DIAGNOSTIC_OFF, .icon = "mdi:message-reply")
    AMPS(CHARGER, "current_limit", "Current limit", FIXED, "slider", PRIMARY)
    SWITCH(CHARGER, "charging_allowed", "Charging allowed", PRIMARY, .icon = "mdi:ev-plug-type2")
    SELECT(CHARGER, "mode", "Mode", charger_mode_words, PRIMARY, .icon = "mdi:tune")
    BUTTON(CHARGER, "boost", "Boost", NULL, PRIMARY, .icon = "mdi:rocket-launch")
    BUTTON(CHARGER, "release", "Release", NULL, PRIMARY, .icon = "mdi:hand-back-left-off")
    AMPS(CHARGER, "max_current", "Maximum current", DEVICE_FLOOR, "box", CONFIG)
    AMPS(CHARGER, "min_current", "Minimum current", DEVICE_FLOOR, "box", CONFIG_OFF)
    AMPS(CHARGER, "boost_current", "Boost current", DEVICE_FLOOR, "box", CONFIG)
    NUMBER(CHARGER, "hold_minutes", "Hold time", "duration", "min", 0, 1440, 1000, "box", CONFIG_OFF)
    NUMBER(CHARGER, "boost_minutes", "Boost time", "duration", "min", 1, 1440, 1000, "box", CONFIG)
    EVENTS(CHARGER, charger_event_words, PRIMARY, .icon = "mdi:bell")

    /* ---- charger, where a policy, tariff or vehicle is configured ---- */
    NUMBER(CHARGER, "priority", "Priority", NULL, NULL, 0, 9, 1000, "box", CONFIG, POLICY, .icon = "mdi:priority-high")
    NUMBER(CHARGER, "target_energy", "Target energy", "energy", "kWh", 0, 200, 500, "box", PRIMARY, POLICY)
    NUMBER(CHARGER, "target_soc", "Target charge", "battery", "%", 0, 100, 1000, "slider", PRIMARY, POLICY)
    DATETIME(CHARGER, "ready_by", "Ready by", PRIMARY, POLICY, .icon = "mdi:clock-end")
    SWITCH(CHARGER, "schedule_active", "Schedule", CONFIG, POLICY, .icon = "mdi:calendar-clock")
    PLAIN(CHARGER, "plan_start", "Planned start", "timestamp", PRIMARY, POLICY)
    PLAIN(CHARGER, "plan_end", "Planned end", "timestamp", PRIMARY, POLICY)
    NUMERIC(CHARGER, "session_solar", "Session solar share", NULL, "%", MEASURED, 0, PRIMARY, POLICY, .icon = "mdi:solar-power")
    NUMERIC(CHARGER, "session_cost", "Session cost", "monetary", "cur", NULL, 2, PRIMARY, NEVER)
    NUMERIC(CHARGER, "solar_energy", "Solar energy", "energy", "kWh", RISING, 2, PRIMARY_OFF, POLICY)
    NUMERIC(CHARGER, "cost", "Cost", "monetary", "cur", SUMMED, 2, PRIMARY_OFF, NEVER)

    /* ---- source of energy values ---- */
    BINARY(SOURCE, "problem", NULL, "problem", DIAGNOSTIC)
    WORDS(SOURCE, "status", "Status", source_status_words, DIAGNOSTIC, .icon = "mdi:transit-connection-variant")
    PLAIN(SOURCE, "error", "Last error", NULL, DIAGNOSTIC_OFF, .icon = "mdi:message-alert")
    PLAIN(SOURCE, "data_updated", "Updated", "timestamp", DIAGNOSTIC_OFF)
    NUMERIC(SOURCE, "latency", "Response time", "duration", "ms", MEASURED, 0, DIAGNOSTIC_OFF)
    NUMERIC(SOURCE, "grid_power", "Grid power", "power", "W", MEASURED, 0, PRIMARY_OFF, GIVES(GRID))
    NUMERIC(SOURCE, "pv_power", "Solar power", "power", "W", MEASURED, 0, PRIMARY_OFF, GIVES(PV))
    NUMERIC(SOURCE, "battery_power", "Battery power", "power", "W", MEASURED, 0, PRIMARY_OFF, GIVES(BATTERY))
    NUMERIC(SOURCE, "battery_soc", "Battery", "battery", "%", MEASURED, 0, PRIMARY_OFF, GIVES(SOC))
    NUMERIC(SOURCE, "house_power", "House power", "power", "W", MEASURED, 0, PRIMARY_OFF, GIVES(HOUSE))
};
const int entity_count = ARRAY_LEN(entity_table);

/* Per bus, on the bridge's device; %s is the bus. */
const struct bus_entity bus_entity_table[BUS_ENTITIES] = {
    {.member = "problem",
     .row = {ROW(BRIDGE, "bus_%s_problem", BINARY, "Bus %s"), .device_class = "problem",
             .precision = -1, DIAGNOSTIC}},
    {.member = "answers",
     .row = {ROW(BRIDGE, "bus_%s_answers", SENSOR, "Bus %s answers"), .unit = "%",
             .state_class = MEASURED, .precision = 1, DIAGNOSTIC_OFF, .icon = "mdi:message-reply"}},
    {.member = "errors",
     .row = {ROW(BRIDGE, "bus_%s_errors", SENSOR, "Bus %s errors"), .state_class = RISING,
             .precision = 0, DIAGNOSTIC_OFF, .icon = "mdi:alert-circle"}},
};
/* clang-format on */
