/*
 * settings_tables - tables only: every option of the settings file. SPDX-License-Identifier: MIT
 */
#include "bridge/settings_tables.h"

#include "bridge/base/log.h"

static const char *const regions[] = {"eu", "na", NULL};
static const char *const formats[] = {"human", "json", "journal", NULL};
static const char *const phase_words[] = {"unknown", "L1", "L2", "L3", "L1L2", "L1L2L3", NULL};

#define TEXT(T, name, member, ...)  OPTION(T, name, member, OPT_STRING, __VA_ARGS__)
#define AMPS(T, name, member, ...)  OPTION(T, name, member, OPT_AMPS, .unit = "A", __VA_ARGS__)
#define COUNT(T, name, member, ...) OPTION(T, name, member, OPT_INT, __VA_ARGS__)

/* clang-format off */
static const struct opt mqtt_rows[] = {
    TEXT(struct mqtt_settings, "url", url, .flags = OPT_RESTART,
        .text = "The broker: mqtt://HOST[:PORT], or mqtts://HOST[:PORT] for TLS; without it nothing is shown or taken."),
    TEXT(struct mqtt_settings, "username", username, .flags = OPT_RESTART,
        .text = "The user at the broker."),
    TEXT(struct mqtt_settings, "password", password, .flags = OPT_RESTART | OPT_SECRET,
        .text = "The password at the broker."),
    TEXT(struct mqtt_settings, "ca_file", ca_file, .flags = OPT_RESTART,
        .text = "A file with the certificates that sign the broker's; without it the system's are used."),
    TEXT(struct mqtt_settings, "cert_file", cert_file, .flags = OPT_RESTART,
        .text = "A file with our certificate (PEM), for a broker that wants one; with key_file."),
    TEXT(struct mqtt_settings, "key_file", key_file, .flags = OPT_RESTART,
        .text = "A file with the key of cert_file (PEM, no passphrase)."),
    OPTION(struct mqtt_settings, "insecure", insecure, OPT_BOOL, .flags = OPT_RESTART,
        .text = "Takes any certificate of the broker; only for a test at home."),
    TEXT(struct mqtt_settings, "client_id", client_id, .flags = OPT_RESTART,
        .text = "The client id at the broker; without it one is made from the base topic."),
    TEXT(struct mqtt_settings, "base_topic", base_topic, .min = 1, .fallback_str = "twcbridge", .flags = OPT_RESTART,
        .text = "The first part of every topic; two bridges on one broker need two of them."),
    TEXT(struct mqtt_settings, "discovery_prefix", discovery_prefix, .min = 1, .fallback_str = "homeassistant", .flags = OPT_RESTART,
        .text = "The prefix under which Home Assistant looks for devices."),
    OPTION(struct mqtt_settings, "discovery", discovery, OPT_BOOL, .fallback = 1, .flags = OPT_RESTART,
        .text = "Whether devices are announced to Home Assistant."),
    TEXT(struct mqtt_settings, "birth_topic", birth_topic, .min = 1, .fallback_str = "homeassistant/status", .flags = OPT_RESTART,
        .text = "The topic on which Home Assistant says that it is there or gone."),
    {.name = NULL},
};

static const struct opt site_rows[] = {
    TEXT(struct site_settings, "name", name, .min = 1, .fallback_str = "Site", .flags = OPT_RESTART,
        .text = "The name of the site's device."),
    OPTION(struct site_settings, "region", region, OPT_CHOICE, .choices = regions,
        .text = "Where the house stands: na applies the 80 % rule to breaker_a."),
    TEXT(struct site_settings, "currency", currency, .min = 3, .fallback_str = "EUR", .flags = OPT_RESTART,
        .text = "The currency of prices and costs, by its code of three letters such as EUR or GBP."),
    {.name = NULL},
};

static const struct opt lease_rows[] = {
    COUNT(struct lease_settings, "grace_s", grace_s, .min = 0, .max = 3600, .fallback = 120, .unit = "s",
        .text = "How long values that hold while Home Assistant lives outlast it."),
    {.name = NULL},
};

static const struct opt publish_rows[] = {
    COUNT(struct publish_settings, "interval_s", interval_s, .min = 1, .max = 300, .fallback = 5, .unit = "s",
        .text = "The least time between two documents of one device that carry measured values only."),
    {.name = NULL},
};

static const struct opt store_rows[] = {
    TEXT(struct store_settings, "path", path, .flags = OPT_RESTART,
        .text = "The folder of the store; without it /var/lib/twcbridge, or the folder of this file where that cannot be written."),
    COUNT(struct store_settings, "sessions_days", sessions_days, .min = 1, .max = 36500, .fallback = 3650, .unit = "d",
        .text = "How long charging sessions are kept; the newest 100 of each charger always are."),
    COUNT(struct store_settings, "history_days", history_days, .min = 1, .max = 3650, .fallback = 365, .unit = "d",
        .text = "How long decisions (at most 100000) and events (at most 10000) are kept; the newest 1000 always are."),
    {.name = NULL},
};

static const struct opt log_rows[] = {
    OPTION(struct log_settings, "level", level, OPT_CHOICE, .choices = log_level_names, .fallback = LOG_LEVEL_NOTICE,
        .text = "How much is logged; debug is the only level that shows ids of vehicles."),
    OPTION(struct log_settings, "format", format, OPT_CHOICE, .choices = formats, .flags = OPT_RESTART,
        .text = "How a line looks: for people, as JSON, or with journal levels."),
    {.name = NULL},
};

static const struct opt safety_rows[] = {
    COUNT(struct safety_settings, "warm_store_s", warm_store_s, .min = 0, .max = 86400, .fallback = 600, .unit = "s",
        .text = "A store older than this gives a cold start."),
    COUNT(struct safety_settings, "warm_listen_ms", warm_listen_ms, .min = 0, .max = 10000, .fallback = 250, .unit = "ms",
        .text = "How long a bus is listened to before the first message of a warm start."),
    COUNT(struct safety_settings, "cold_listen_ms", cold_listen_ms, .min = 1000, .max = 60000, .fallback = 12000, .unit = "ms",
        .text = "How long a bus is listened to before the first message of a cold start."),
    COUNT(struct safety_settings, "warm_hold_s", warm_hold_s, .min = 0, .max = 3600, .fallback = 60, .unit = "s",
        .text = "No raise for this time after a warm start, unless somebody asks."),
    COUNT(struct safety_settings, "idle_wait_ms", idle_wait_ms, .min = 0, .max = 500, .fallback = 150, .unit = "ms",
        .text = "How long a message waits for an idle line before it is sent anyway."),
    COUNT(struct safety_settings, "stamp_max_ms", stamp_max_ms, .min = 1000, .max = 5000, .fallback = 2000, .unit = "ms",
        .text = "An offer that no control step confirmed for this time is not sent."),
    COUNT(struct safety_settings, "foreign_window_ms", foreign_window_ms, .min = 1000, .max = 60000, .fallback = 5000, .unit = "ms",
        .text = "Two messages of another master within this time silence us."),
    COUNT(struct safety_settings, "foreign_clear_s", foreign_clear_s, .min = 10, .max = 3600, .fallback = 120, .unit = "s",
        .text = "We go on when the other master has been quiet for this time."),
    COUNT(struct safety_settings, "silent_book_s", silent_book_s, .min = 30, .max = 600, .fallback = 60, .unit = "s",
        .text = "The amps of a charger that does not answer, or whose bus is gone, stay booked for this time."),
    COUNT(struct safety_settings, "silent_stop_s", silent_stop_s, .min = 60, .max = 86400, .fallback = 600, .unit = "s",
        .text = "A charger that does not answer for this time is not called any more."),
    COUNT(struct safety_settings, "rotate_s", rotate_s, .min = 60, .max = 86400, .fallback = 900, .unit = "s",
        .text = "Chargers of protocol 1 that do not fit together take turns, each at least this long."),
    COUNT(struct safety_settings, "overdraw_s", overdraw_s, .min = 5, .max = 60, .fallback = 10, .unit = "s",
        .text = "A draw above the offer for this time is a fault, and others make room."),
    COUNT(struct safety_settings, "overdraw_stop_s", overdraw_stop_s, .min = 5, .max = 120, .fallback = 15, .unit = "s",
        .text = "A circuit that is still over its limit after this time stops the charger at fault."),
    COUNT(struct safety_settings, "stop_budget", stop_budget, .min = 0, .max = 3, .fallback = 2,
        .text = "How often a charger may be stopped by silence while a car is plugged in; the last time is kept for limits."),
    COUNT(struct safety_settings, "hold_unseen_min", hold_unseen_min, .min = 1, .max = 1440, .fallback = 60, .unit = "min",
        .text = "How long a plain value holds when Home Assistant was not seen."),
    {.name = NULL},
};

static const struct opt circuit_rows[] = {
    TEXT(struct circuit_settings, "name", name, .min = 1, .flags = OPT_REQUIRED | OPT_RESTART,
        .text = "The name of the circuit."),
    AMPS(struct circuit_settings, "limit_a", limit_ma, .min = 0, .max = 1000000, .fallback = OPT_UNSET,
        .text = "What the circuit carries continuously on each phase; a circuit without it has 6 A."),
    AMPS(struct circuit_settings, "breaker_a", breaker_ma, .min = 1000, .max = 1000000, .fallback = OPT_UNSET,
        .text = "Its breaker; where site.region is na, 80 % of it may flow continuously."),
    AMPS(struct circuit_settings, "stale_headroom_a", stale_headroom_ma, .min = 0, .max = 1000000, .fallback = 0,
        .text = "A circuit with a meter (sources, circuit): what its chargers may take together on each phase while the meter tells nothing."),
    TEXT(struct circuit_settings, "parent", parent, .flags = OPT_RESTART,
        .text = "The name of the circuit that feeds it."),
    TEXT(struct circuit_settings, "area", area,
        .text = "The area that Home Assistant suggests for it."),
    {.name = NULL},
};

static const struct opt bus_rows[] = {
    TEXT(struct bus_settings, "port", port, .min = 1, .flags = OPT_REQUIRED | OPT_RESTART,
        .text = "An absolute path (best one of /dev/serial/by-id); a gateway: tcp://HOST:PORT (raw bytes) or rfc2217://HOST:PORT (telnet, sets 9600 baud); tcp-listen://HOST:PORT: a gateway calls, without HOST from this machine only; virtual:N for N virtual chargers."),
    TEXT(struct bus_settings, "circuit", circuit, .min = 1, .flags = OPT_REQUIRED | OPT_RESTART,
        .text = "The name of the circuit that feeds its chargers."),
    TEXT(struct bus_settings, "name", name, .flags = OPT_RESTART,
        .text = "The name of the bus; without it its number."),
    {.name = NULL},
};

static const struct opt charger_rows[] = {
    TEXT(struct charger_settings, "id", id, .min = 1, .flags = OPT_REQUIRED,
        .text = "The last four characters of its serial number, as hex digits; v1, v2 on a virtual bus."),
    TEXT(struct charger_settings, "bus", bus,
        .text = "The name of its bus; may be left out where the id is unique."),
    TEXT(struct charger_settings, "name", name,
        .text = "What it is called in Home Assistant."),
    TEXT(struct charger_settings, "area", area,
        .text = "The area that Home Assistant suggests for it."),
    AMPS(struct charger_settings, "max_a", max_ma, .min = 6000, .max = 80000, .fallback = OPT_UNSET,
        .text = "The most that it is ever offered; without it its hardware and the circuits decide."),
    AMPS(struct charger_settings, "default_a", default_ma, .min = 0, .max = 80000, .fallback = OPT_UNSET,
        .text = "What it is offered when nobody asks; without it the least it can do if that fits, else 0."),
    AMPS(struct charger_settings, "min_a", min_ma, .min = 5000, .max = 32000, .fallback = OPT_UNSET,
        .text = "The least that it is offered above 0; 6 A unless set, 5 A only with protocol 1."),
    COUNT(struct charger_settings, "priority", priority, .min = 0, .max = 9, .fallback = 5,
        .text = "Who is served first where not all fit: 9 before 0."),
    OPTION(struct charger_settings, "phases", phases, OPT_CHOICE, .choices = phase_words,
        .text = "The phases of its circuit that it is wired to; unknown counts on every phase."),
    COUNT(struct charger_settings, "nominal_v", nominal_v, .min = 100, .max = 300, .fallback = 230, .unit = "V",
        .text = "The voltage of one phase, for chargers that report none."),
    {.name = NULL},
};

#define OBJECT(name_, member, table_, text_) \
    {.name = (name_), .text = (text_), .table = (table_), .offset = offsetof(struct settings, member), \
     .size = sizeof(((struct settings *)0)->member)}
#define LIST(name_, member, count_, max_, table_, text_) \
    {.name = (name_), .text = (text_), .table = (table_), .offset = offsetof(struct settings, member), \
     .size = sizeof(((struct settings *)0)->member[0]), .max = (max_), \
     .count_offset = offsetof(struct settings, count_)}

const struct section sections[] = {
    OBJECT("mqtt", mqtt, mqtt_rows, "The broker and the topics."),
    OBJECT("site", site, site_rows, "The house."),
    LIST("circuits", circuit, circuit_count, CIRCUITS_MAX, circuit_rows, "What carries how much; the sum over each circuit and phase never exceeds its limit."),
    LIST("buses", bus, bus_count, BUSES_MAX, bus_rows, "One RS-485 bus each, with up to three chargers."),
    LIST("chargers", charger, charger_count, CHARGERS_MAX, charger_rows, "Names and limits of chargers; optional, chargers are found without it."),
    {.name = "sources", .text = "Energy systems: meters, inverters, batteries. An entry holds the options of its adapter, too.",
     .table = source_rows, .offset = offsetof(struct settings, source), .size = sizeof(struct source_settings),
     .max = EMS_SOURCES_MAX, .count_offset = offsetof(struct settings, source_count), .sources = true},
    OBJECT("lease", lease, lease_rows, "How long values outlive their owner."),
    OBJECT("publish", publish, publish_rows, "How often values are sent."),
    OBJECT("store", store, store_rows, "What outlives the process."),
    OBJECT("log", log, log_rows, "What is logged."),
    OBJECT("safety", safety, safety_rows, "Times of the safety rules that no standard gives; change them only if you know why."),
};
const size_t section_count = ARRAY_LEN(sections);
/* clang-format on */
