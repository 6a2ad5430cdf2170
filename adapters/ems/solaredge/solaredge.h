/*
 * solaredge - the ways to SolarEdge: Modbus, the cloud's V2, and what is left of its V1.
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_SOLAREDGE_SOLAREDGE_H
#define ADAPTERS_EMS_SOLAREDGE_SOLAREDGE_H

#include "adapters/ems/ems_registers.h"

enum { SOLAREDGE_TOKEN_ROOM = 900 };

struct solaredge {
    struct ems_wire wire; /* host, port, delay_ms */
    int32_t unit, meter;
    struct ems_http http; /* url, token, the certificate */
    char site_id[32];
    char client_id[128], client_secret[256];
    char code[SOLAREDGE_TOKEN_ROOM], refresh_token[SOLAREDGE_TOKEN_ROOM];
    char api_key[64]; /* V1 */
};

bool solaredge_modbus_request(
        const struct solaredge *c, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class solaredge_modbus_parse(const struct solaredge *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

bool solaredge_cloud_request(
        const struct solaredge *c, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class solaredge_cloud_parse(const struct solaredge *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e);

/* The flow of V1; true: there is nothing in it but that the site has no meter. */
bool solaredge_v1_flow(struct json_object *flow, struct ems_reports *out);

/* OAuth2: a token of two hours by the refresh token, which changes each time. */
bool solaredge_oauth(const struct solaredge *c);
bool solaredge_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class solaredge_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e);
/* The address of a page of the cloud. */
bool solaredge_page(const struct solaredge *c, const char *path, struct ems_request *out);

#endif
