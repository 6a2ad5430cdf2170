/*
 * host - the services that adapters get (adapters/adapter.h), on top of the daemon.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/port.h"

#include <string.h>

static struct daemon *daemon_of(struct adapter_host *h)
{
    return CONTAINER_OF(h, struct daemon, host);
}

static int charger_adopted(struct adapter_host *h, int bus, int slot, uint16_t twc_id,
        const struct charger_report *r)
{
    return unit_adopt(daemon_of(h), bus, slot, twc_id, r);
}

static void charger_report(struct adapter_host *h, int charger, const struct charger_report *r)
{
    unit_report(daemon_of(h), charger, r);
}

static void bus_up(struct adapter_host *h, int bus, bool up, const char *why)
{
    struct daemon *d = daemon_of(h);
    struct bus_unit *b = &d->bus[bus];
    const char *name = d->settings.bus[bus].name;

    if (up) {
        log_notice("bus", "bus %s: %s is open", name, d->settings.bus[bus].port);
        if (b->why[0] != '\0') {
            event_emit(d, -1, "bus_back", ",\"bus\":\"%s\"", d->settings.bus[bus].id);
        }
        b->why[0] = '\0';
    } else {
        char devices[400] = "";

        if (d->settings.bus[bus].port[0] == '/') {
            port_list(devices, sizeof(devices));
        }
        log_warning("bus", "bus %s: %s: %s; trying again%s%s", name, d->settings.bus[bus].port, why,
                devices[0] != '\0' ? "; serial devices: " : "", devices);
        event_emit(d, -1, "bus_lost", ",\"bus\":\"%s\"", d->settings.bus[bus].id);
        str_copy(b->why, sizeof(b->why), why);
    }
    b->up = up;
    daemon_dirty(d);
}

static void gap(struct daemon *d, int charger, const struct bus_event *ev)
{
    const struct unit *u = charger >= 0 ? &d->unit[charger] : NULL;
    const char *cause = ev->not_linked && u && u->not_linked ? u->not_linked : ev->text;

    if (!u) {
        return; /* the bridge has no room for it */
    }
    log_info("bus", "%s: %d.%d s without a message: %s", d->model.device[u->device].name,
            ev->gap_ms / 1000, ev->gap_ms % 1000 / 100, cause);
    event_emit(d, charger, "heartbeat_gap", ",\"gap_ms\":%d,\"cause\":\"%s\"", ev->gap_ms,
            cause);
}

static void our_id(struct daemon *d, int bus, const struct bus_event *ev)
{
    log_error("bus", "bus %s: a charger has the id that the bridge itself uses there and is not "
                     "taken: name it in `chargers` of the settings and start the bridge anew",
            d->settings.bus[bus].name);
    log_debug("bus", "the id of both is %04x", (unsigned)ev->id);
    event_emit(d, -1, "problem",
            ",\"message\":\"charger %04x on bus %s has the id of the bridge and is not taken: name "
            "it in `chargers` of the settings and start the bridge anew\"",
            (unsigned)ev->id, d->settings.bus[bus].id);
}

static void foreign(struct daemon *d, int bus, const struct bus_event *ev)
{
    d->bus[bus].foreign = true;
    log_error("bus", "bus %s: a second master is on the bus: we are silent until it has been quiet "
                     "for %d s", d->settings.bus[bus].name, d->settings.safety.foreign_clear_s);
    log_debug("bus", "the second master is %04x", (unsigned)ev->id);
    event_emit(d, -1, "second_master", ",\"bus\":\"%s\",\"master\":\"%04x\"",
            d->settings.bus[bus].id, (unsigned)ev->id);
    evidence_of(d, bus, "second_master");
}

/* Its charger tells it as a fault; two units that are not adopted have no charger to tell it. */
static void duplicate(struct daemon *d, int bus, int charger, const struct bus_event *ev)
{
    const char *name = d->settings.bus[bus].name;

    log_error("bus", "bus %s: two chargers have the id %04x: %s; disconnect one of them, then send "
                     "bridge/request/resume",
            name, (unsigned)ev->id, charger >= 0 ? "both are told 0 A" : "neither is adopted");
    if (charger < 0) {
        event_emit(d, -1, "problem", ",\"message\":\"two chargers on bus %s have the id %04x: "
                                     "neither is adopted\"",
                d->settings.bus[bus].id, (unsigned)ev->id);
    }
    evidence_of(d, bus, "duplicate_id");
}

static void duplicate_gone(struct daemon *d, int bus, int charger, const struct bus_event *ev)
{
    log_notice("bus", "bus %s: one charger with the id %04x is left", d->settings.bus[bus].name,
            (unsigned)ev->id);
    if (charger < 0) {
        event_emit(d, -1, "recovered", ",\"bus\":\"%s\"", d->settings.bus[bus].id);
    }
}

static void bus_event(struct adapter_host *h, int bus, int charger, const struct bus_event *ev)
{
    struct daemon *d = daemon_of(h);
    const char *name = d->settings.bus[bus].name;
    const char *who = charger >= 0 ? d->model.device[d->unit[charger].device].name : "";

    switch (ev->kind) {
    case BUS_EV_ADOPTED:
    case BUS_EV_REPORT:
    case BUS_EV_VIN:
        break;
    case BUS_EV_ONLINE:
        log_notice("bus", "bus %s: %s answers", name, who);
        break;
    case BUS_EV_SILENT:
        log_warning("bus", "bus %s: %s does not answer", name, who);
        break;
    case BUS_EV_QUIET:
        log_warning("bus", "bus %s: %s was silent too long; it may come back by itself", name, who);
        break;
    case BUS_EV_REBOOTED:
        log_warning("bus", "bus %s: %s restarted", name, who);
        break;
    case BUS_EV_FULL:
        log_warning("bus", "bus %s: a fourth charger is not taken: a bus has three", name);
        log_debug("bus", "the fourth charger is %04x", (unsigned)ev->id);
        event_emit(d, -1, "problem",
                ",\"message\":\"a fourth charger (%04x) on bus %s is not taken\"",
                (unsigned)ev->id, d->settings.bus[bus].id);
        break;
    case BUS_EV_OUR_ID:
        our_id(d, bus, ev);
        break;
    case BUS_EV_DUPLICATE:
        duplicate(d, bus, charger, ev);
        break;
    case BUS_EV_DUPLICATE_GONE:
        duplicate_gone(d, bus, charger, ev);
        break;
    case BUS_EV_FOREIGN:
        foreign(d, bus, ev);
        break;
    case BUS_EV_FOREIGN_GONE:
        d->bus[bus].foreign = false;
        log_notice("bus", "bus %s: the second master is gone, going on", name);
        event_emit(d, -1, "recovered", ",\"bus\":\"%s\"", d->settings.bus[bus].id);
        break;
    case BUS_EV_GAP:
        gap(d, charger, ev);
        break;
    case BUS_EV_LINKREADY_LOOP:
        log_warning("bus", "bus %s: %s keeps announcing itself although we answer: check wiring "
                           "polarity, termination and the adapter", name, who);
        break;
    }
    daemon_dirty(d);
}

static void command(struct adapter_host *h, const struct command_in *in, command_done_fn *done,
        void *user)
{
    command_run(daemon_of(h), in, done, user);
}

static bool command_is_lower(struct adapter_host *h, const struct command_in *in)
{
    return command_lowers(daemon_of(h), in);
}

static bool publish(struct adapter_host *h, const char *topic, const char *payload, size_t len,
        enum mqtt_retain retain)
{
    return broker_publish(daemon_of(h), topic, payload, len, retain);
}

static bool reply(struct adapter_host *h, const char *topic, const char *payload, size_t len,
        const uint8_t *correlation, size_t correlation_len)
{
    struct daemon *d = daemon_of(h);

    return d->broker.mqtt && d->broker.up && !d->broker.foreign &&
            mqtt_reply(d->broker.mqtt, topic, payload, len, correlation, correlation_len);
}

static bool subscribe(struct adapter_host *h, const char *filter, int qos)
{
    struct daemon *d = daemon_of(h);

    return d->broker.mqtt && mqtt_subscribe(d->broker.mqtt, filter, qos);
}

static bool unsubscribe(struct adapter_host *h, const char *filter)
{
    struct daemon *d = daemon_of(h);

    return d->broker.mqtt && mqtt_unsubscribe(d->broker.mqtt, filter);
}

static bool probe(struct adapter_host *h, const char *topic, mqtt_probe_fn *fn, void *user)
{
    struct daemon *d = daemon_of(h);

    return d->broker.mqtt && d->broker.up && mqtt_probe(d->broker.mqtt, topic, fn, user);
}

static void announce(struct adapter_host *h)
{
    broker_announce(daemon_of(h));
}

static void home_assistant(struct adapter_host *h, bool alive, const char *why)
{
    broker_ha(daemon_of(h), alive, why);
}

void host_init(struct daemon *d)
{
    static const struct adapter_host_ops ops = {
            .charger_adopted = charger_adopted,
            .charger_report = charger_report,
            .bus_up = bus_up,
            .bus_event = bus_event,
            .command = command,
            .command_lowers = command_is_lower,
            .publish = publish,
            .reply = reply,
            .subscribe = subscribe,
            .unsubscribe = unsubscribe,
            .probe = probe,
            .announce = announce,
            .home_assistant = home_assistant,
    };

    d->host = (struct adapter_host){
            .ops = &ops,
            .loop = &d->loop,
            .model = &d->model,
            .on_change = &d->model.on_change,
            .on_devices = &d->model.on_devices,
            .base_topic = d->settings.mqtt.base_topic,
            .prefix = d->settings.mqtt.discovery_prefix,
            .birth_topic = d->settings.mqtt.birth_topic,
            .instance = d->instance,
            .version = TWCBRIDGE_VERSION,
            .discovery = d->settings.mqtt.discovery,
            .publish_interval_s = d->settings.publish.interval_s,
    };
}
