/*
 * mqtt_probe - asks an MQTT 5 broker whether anybody subscribes to a topic, on a connection of
 * its own; part of mqtt, nobody else includes it.
 *
 * Why a second connection: the reason code of a successful PUBACK is what we are after, and
 * paho-mqtt-c (1.3.10 to 1.3.14) reads it and throws it away: onSuccess5 always says 0. So this
 * speaks the five packets it needs by itself: client id with "-probe" behind it, no will, no
 * subscription. It connects at the first probe, and again at a later one when it was lost.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_MQTT_PROBE_H
#define IO_MQTT_PROBE_H

#include "bridge/io/mqtt_impl.h"

struct mqtt_prober;

/* l and w are borrowed; l has the texts. host: where the main connection lives; NULL: every
 * probe is answered with -1 (MQTT 3.1.1). */
struct mqtt_prober *mqtt_prober_create(uv_loop_t *loop, struct mqtt_link *l, struct worker *w,
        const char *host, struct err *e) MUST_CHECK;

/* fn is called once, never from inside this function, unless the prober is destroyed first.
 * False when MQTT_PROBES_MAX are under way. */
bool mqtt_prober_send(
        struct mqtt_prober *p, const char *topic, mqtt_probe_fn *fn, void *user) MUST_CHECK;

/* Answers -1 to all that are under way, now. */
void mqtt_prober_fail(struct mqtt_prober *p);
void mqtt_prober_destroy(struct mqtt_prober *p); /* accepts NULL */

#endif
