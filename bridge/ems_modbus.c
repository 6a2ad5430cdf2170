/*
 * ems_modbus - options to an address, results to classes. SPDX-License-Identifier: MIT
 */
#include "bridge/ems_modbus.h"

#include "adapters/ems/ems_registers.h"

struct modbus_address ems_modbus_address(const struct ems_wire *w)
{
    static const struct {
        char parity;
        uint8_t data_bits, stop_bits;
    } formats[] = {[EMS_8N1] = {'N', 8, 1},
            [EMS_7E1] = {'E', 7, 1},
            [EMS_8E1] = {'E', 8, 1},
            [EMS_8O1] = {'O', 8, 1},
            [EMS_8N2] = {'N', 8, 2}};

    return (struct modbus_address){.host = w->host,
            .port = (uint16_t)w->port,
            .rtu = w->rtu,
            .device = w->device,
            .baud = w->baud,
            .parity = formats[w->format].parity,
            .data_bits = formats[w->format].data_bits,
            .stop_bits = formats[w->format].stop_bits};
}

enum ems_class ems_modbus_class(const struct modbus_answer *a)
{
    switch (a->result) {
    case MODBUS_ANSWERED:
        break;
    case MODBUS_REFUSED:
        return reg_class(a->exception);
    case MODBUS_UNREACHABLE:
    case MODBUS_CUT:
        return EMS_UNREACHABLE;
    case MODBUS_TIMEOUT:
        return EMS_TIMEOUT;
    case MODBUS_GARBAGE:
        return EMS_DATA;
    }
    return EMS_OK;
}

bool ems_modbus_optional(const struct modbus_answer *a)
{
    return a->result == MODBUS_REFUSED || a->result == MODBUS_TIMEOUT;
}
