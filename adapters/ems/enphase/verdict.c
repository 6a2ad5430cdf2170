/*
 * enphase/verdict - what a round without any value was about. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/enphase/enphase.h"
#include "bridge/base/str.h"

static void say_refused(const struct enphase *c, const struct ems_session *s, struct err *e)
{
    const struct enphase_memo *m = enphase_recall(s);
    int64_t begins_s = 0, ends_s = 0;
    char ended[STR_TIME_ROOM];

    if (!m->tokens || c->http.auth == EMS_AUTH_BASIC || c->http.auth == EMS_AUTH_DIGEST) {
        err_set(e, ERR_REFUSED,
                "it answers %d: the login is not taken; username and password are envoy and the last 6 digits of the serial number, unless somebody changed them",
                m->refused);
    } else if (!c->http.token[0] && !c->enlighten_user[0]) {
        err_set(e, ERR_REFUSED,
                "it answers %d: this firmware wants a token; set enlighten_user and enlighten_password, or token (made at entrez.enphaseenergy.com)",
                m->refused);
    } else if (!c->enlighten_user[0] &&
               enphase_token_times(c->http.token, &begins_s, &ends_s) &&
               ends_s < s->utc_ms / 1000) {
        str_time(ended, ends_s * 1000);
        err_set(e, ERR_REFUSED, "it answers %d: token ended at %s; make a new one", m->refused,
                ended);
    } else {
        err_set(e, ERR_REFUSED,
                "it answers %d: the token is not taken; is it for the gateway %s, made by its owner?",
                m->refused, m->serial);
    }
}

/* The round is over and has nothing to say. */
enum ems_class enphase_verdict(const struct enphase *c, struct ems_session *s, struct err *e)
{
    struct enphase_memo *m = enphase_memo(s);
    enum ems_class class = EMS_NOT_FOUND;

    if (m->refused == 401 || m->refused == 403) {
        say_refused(c, s, e);
        return EMS_AUTH;
    }
    if (m->refused >= 500) {
        err_set(e, ERR_IO, "it answers %d: it has a fault of its own, or restarts", m->refused);
        class = EMS_SERVER;
    } else if (m->refused >= 300 && m->refused <= 399) {
        err_set(e, ERR_NOT_FOUND,
                "it answers %d: it sends us to another address; url is https://HOST for firmware 7 and later",
                m->refused);
    } else if (m->junk) {
        class = EMS_DATA;
        if (e->text[0] == '\0') {
            err_set(e, ERR_IO, "what it answers holds no values: is it a gateway of Enphase?");
        }
    } else {
        err_set(e, ERR_NOT_FOUND, "it has none of the pages of an Enphase gateway; check url");
    }
    m->missing = 0; /* look for all of it again */
    m->meters = 0;
    m->info_ms = 0;
    return class;
}
