/*
 * bench_baseline URL - the least that a program of libuv and paho costs: an event loop with one
 * timer, one connection to the broker, one small message a second. What twcbridge is compared to.
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <stdlib.h>

#include <MQTTAsync.h>
#include <uv.h>

static MQTTAsync client;

static void on_timer(uv_timer_t *t)
{
    static char text[300];
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    (void)t;
    (void)snprintf(text, sizeof(text), "%0299d", 0);
    (void)MQTTAsync_send(client, "baseline/state", sizeof(text) - 1, text, 1, 0, &options);
}

static int on_message(void *context, char *topic, int length, MQTTAsync_message *m)
{
    (void)context;
    (void)length;
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1;
}

int main(int argc, char **argv)
{
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer5;
    MQTTAsync_SSLOptions tls = MQTTAsync_SSLOptions_initializer;
    uv_timer_t timer;
    uv_loop_t loop;

    if (argc < 2) {
        (void)fputs("usage: bench_baseline URL [CA_FILE]\n", stderr);
        return 64;
    }
    create.MQTTVersion = MQTTVERSION_5;
    if (MQTTAsync_createWithOptions(&client, argv[1], "baseline", MQTTCLIENT_PERSISTENCE_NONE,
                NULL, &create) != MQTTASYNC_SUCCESS ||
            MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL) != MQTTASYNC_SUCCESS) {
        return 1;
    }
    if (argc > 2) {
        tls.trustStore = argv[2];
        connect.ssl = &tls;
    }
    connect.MQTTVersion = MQTTVERSION_5;
    if (MQTTAsync_connect(client, &connect) != MQTTASYNC_SUCCESS || uv_loop_init(&loop) != 0 ||
            uv_timer_init(&loop, &timer) != 0) {
        return 1;
    }
    uv_timer_start(&timer, on_timer, 1000, 1000);
    return uv_run(&loop, UV_RUN_DEFAULT);
}
