/*
 * kostal - the two ways to inverters of Kostal: Modbus (Plenticore, PIKO IQ), pages (PIKO).
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_KOSTAL_KOSTAL_H
#define ADAPTERS_EMS_KOSTAL_KOSTAL_H

#include "adapters/ems/ems_registers.h"

struct kostal_config {
    struct ems_http http; /* url, username, password */
    struct ems_wire wire; /* host, port */
    int32_t unit;
};

bool kostal_modbus_request(const struct kostal_config *c, const struct ems_session *s, int i,
        struct ems_request *out);
enum ems_class kostal_modbus_parse(const struct kostal_config *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

bool kostal_piko_request(const struct kostal_config *c, const struct ems_session *s, int i,
        struct ems_request *out);
enum ems_class kostal_piko_parse(const struct kostal_config *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

#endif
