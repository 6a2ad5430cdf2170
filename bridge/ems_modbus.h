/*
 * ems_modbus - what a source's options and Modbus answers are to each other. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_EMS_MODBUS_H
#define BRIDGE_EMS_MODBUS_H

#include "adapters/ems/ems.h"
#include "bridge/io/modbus.h"

/* Where the device is; texts borrowed from w. */
struct modbus_address ems_modbus_address(const struct ems_wire *w);
/* EMS_OK for an answer only, not for an exception. */
enum ems_class ems_modbus_class(const struct modbus_answer *a);
/* What an optional request may come back with, and parse sees: an exception, or silence. */
bool ems_modbus_optional(const struct modbus_answer *a);

#endif
