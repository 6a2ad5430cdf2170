/*
 * powerwall - the options of a Powerwall, and reading what it answers. SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_POWERWALL_POWERWALL_H
#define ADAPTERS_EMS_POWERWALL_POWERWALL_H

#include "adapters/ems/ems.h"

struct powerwall {
    struct ems_http http;
    char email[128], site_id[24];
    bool app_percent;
};

/* What is remembered between answers. */
struct powerwall_memo {
    char cookies[640]; /* of the login; "": none */
    bool bearer;       /* the token is one for Authorization */
    bool no_site_page; /* there is no /api/meters/site */
    bool found;        /* this round has looked for the site */
    char site[24];
};
_Static_assert(
        sizeof(struct powerwall_memo) <= EMS_MEMO_ROOM, "the session has no room for it");

bool powerwall_in_cloud(const struct powerwall *c);
/* The address of a page; of a url with a path of the API only what stands before it counts. */
bool powerwall_page(const struct powerwall *c, struct ems_request *out, const char *path);
bool powerwall_login(
        const void *config, const struct ems_session *s, int i, struct ems_request *out);
enum ems_class powerwall_logged_in(
        const void *config, struct ems_session *s, const struct ems_answer *a, struct err *e);
/* The class of a status, with a sentence where it is no answer. */
enum ems_class powerwall_refused(const struct powerwall *c, struct ems_session *s,
        const struct ems_answer *a, struct err *e);

/* One answer, told by its shape; false with a sentence: it is none of those. */
bool powerwall_read(const struct powerwall *c, struct powerwall_memo *m, struct json_object *v,
        struct ems_reports *out, struct err *e);

#endif
