/*
 * modbus - reads registers over Modbus TCP, RTU over TCP or a serial line: one request, one callback.
 *
 * libmodbus does the talking. It blocks, so each device or gateway has a thread of its own (worker.h);
 * all calls to one address share that thread and its one connection, which most devices want: their
 * requests go one after the other, with a pause between them where one is asked for. The connection
 * stays open; one that the other side closed meanwhile is opened again without a word. The library is
 * loaded when the first call is made, so a bridge without such sources never has it.
 * All functions belong to the loop's thread. SPDX-License-Identifier: MIT
 */
#ifndef IO_MODBUS_H
#define IO_MODBUS_H

#include "bridge/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

enum { MODBUS_WORDS_MAX = 125 };

struct modbus_address { /* texts are copied; host or device */
    const char *host;   /* "": device */
    uint16_t port;
    bool rtu;           /* RTU frames over TCP */
    const char *device; /* an absolute path */
    int32_t baud;
    char parity; /* 'N', 'E', 'O' */
    uint8_t data_bits, stop_bits;
};

struct modbus_request {
    uint8_t unit;          /* 0..247, 255 */
    uint8_t function;      /* 3 holding, 4 input registers */
    uint16_t start, count; /* as on the wire, 0 is the first; up to MODBUS_WORDS_MAX */
    int32_t timeout_ms;    /* for all of it, the wait for others included */
    int32_t delay_ms;      /* since the answer before it */
};

enum modbus_result {
    MODBUS_ANSWERED,
    MODBUS_REFUSED, /* exception says how */
    MODBUS_UNREACHABLE,
    MODBUS_TIMEOUT,
    MODBUS_CUT,     /* it closed the connection */
    MODBUS_GARBAGE, /* what came back is no answer to what was asked */
};

struct modbus_answer { /* valid during the call */
    enum modbus_result result;
    int exception;    /* MODBUS_REFUSED: 1..11 */
    const char *data; /* MODBUS_ANSWERED: count registers, high byte first; data[len] is NUL */
    size_t len;
    int32_t latency_ms;
    const char *why; /* not MODBUS_ANSWERED: one sentence that says what to change */
};

typedef void modbus_done_fn(void *user, const struct modbus_answer *a);

struct modbus_call; /* one request at a time */

/* NULL where the library is not there (e says which package has it), for a speed that no line has,
 * and where another call has the same device with other settings. */
struct modbus_call *modbus_call_create(uv_loop_t *loop, const struct modbus_address *address,
        modbus_done_fn *fn, void *user, struct err *e) MUST_CHECK;
/* Ends what is under way without a callback. May be called in its own. Accepts NULL. The last call
 * of an address closes its connection; waits 100 ms for that at most. */
void modbus_call_destroy(struct modbus_call *call);

/* fn is called once, never from inside this function; ERR_INVALID and no call of fn for a request that
 * cannot be. One that is under way is ended first. */
enum err_code modbus_start(
        struct modbus_call *call, const struct modbus_request *r, struct err *e) MUST_CHECK;
void modbus_cancel(struct modbus_call *call);

#endif
