/*
 * modbus_link - the connection to one device as its thread sees it; everything here may block.
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_MODBUS_LINK_H
#define IO_MODBUS_LINK_H

#include "bridge/io/modbus.h"

enum { MODBUS_HOST_ROOM = 128, MODBUS_DEVICE_ROOM = 256, MODBUS_WHY_ROOM = 240 };

struct modbus_link;

/* Loads the library. On the loop's thread, as the two below. */
bool modbus_library(struct err *e);
/* Whether a serial line has this speed. */
bool modbus_baud_ok(int32_t baud);

/* Opens nothing yet; a is copied. NULL: no memory. */
struct modbus_link *modbus_link_create(const struct modbus_address *a);
void modbus_link_destroy(struct modbus_link *l); /* on the thread, or once it is gone */

struct modbus_reading {
    enum modbus_result result;
    int exception;
    uint16_t word[MODBUS_WORDS_MAX];
    char why[MODBUS_WHY_ROOM];
};

/* Until deadline_ms of the boot clock. */
void modbus_link_read(struct modbus_link *l, const struct modbus_request *r,
        int64_t deadline_ms, struct modbus_reading *out);

#endif
