/*
 * cloud - the API V2: quarters of an hour of power, meters and storage, each value with its time; by a key
 * (X-API-Key) or OAuth2. And V1 for who still has a server of it. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/solaredge/solaredge.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

enum { SPAN_S = 3 * 3600, PATH_ROOM = 320, WHOLE = 1000000 };

static const char server[] = "https://monitoringapi.solaredge.com";

struct memo {
    bool overview; /* V1: the flow is empty, what is left is the overview */
    bool v1;       /* there is no V2 */
};

/* ---- requests ---- */

/* Whether the address is that of one page, to be taken as it is: it has more of a path than the version. */
static bool whole_page(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;

    return path && strcmp(path, "/") != 0 && strcmp(path, "/v2") != 0 &&
           strcmp(path, "/v2/") != 0;
}

bool solaredge_page(const struct solaredge *c, const char *path, struct ems_request *out)
{
    const char *url = c->http.url[0] ? c->http.url : server;

    return ems_page(out->url, sizeof(out->url), url, false, path);
}

static void log_in_with(
        const struct solaredge *c, const struct ems_session *s, struct ems_request *out)
{
    if (s->token[0] != '\0') {
        out->bearer = s->token;
    } else if (c->http.token[0] != '\0') {
        (void)str_format(
                out->header[0], sizeof(out->header[0]), "X-API-Key: %s", c->http.token);
    }
    (void)str_copy(out->header[1], sizeof(out->header[1]), "Accept: application/json");
}

static bool v1_request(
        const struct solaredge *c, const struct memo *m, int i, struct ems_request *out)
{
    char path[PATH_ROOM];

    if (i > 1 || (i == 1 && !m->overview)) {
        return false;
    }
    (void)str_format(path, sizeof(path), "/site/%s/%s.json?api_key=%s", c->site_id,
            i == 0 ? "currentPowerFlow" : "overview", c->api_key);
    out->any_status = i == 0;
    out->optional = i == 1;
    return solaredge_page(c, path, out);
}

/* Neither key nor login: then it may be a server of either version. */
static bool either(const struct solaredge *c)
{
    return c->api_key[0] == '\0' && c->http.token[0] == '\0' && !solaredge_oauth(c);
}

bool solaredge_cloud_request(
        const struct solaredge *c, const struct ems_session *s, int i, struct ems_request *out)
{
    static const char *const pages[] = {"power", "meters/telemetry", "storage/telemetry"};
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    char path[PATH_ROOM], from[STR_TIME_ROOM], to[STR_TIME_ROOM];

    if (c->api_key[0] != '\0') {
        return v1_request(c, m, i, out);
    }
    log_in_with(c, s, out);
    out->any_status = i == 0;
    out->optional = i > 0; /* meters and storage are not in every site, and scope */
    if (whole_page(c->http.url)) {
        return i == 0 && str_copy(out->url, sizeof(out->url), c->http.url);
    }
    if (i > 0 && m->v1) {
        return v1_request(c, m, i - 1, out);
    }
    if (i >= (int)ARRAY_LEN(pages)) {
        return false;
    }
    str_time(from, s->utc_ms - (int64_t)SPAN_S * 1000);
    str_time(to, s->utc_ms);
    (void)str_format(path, sizeof(path),
            "/v2/sites/%s/%s?from=%s&to=%s&resolution=QUARTER_HOUR%s", c->site_id, pages[i],
            from, to, i == 0 ? "&unit=W" : "");
    return solaredge_page(c, path, out);
}

/* ---- series ---- */

struct newest {
    bool there, known;
    int64_t utc_s, micro;
    char raw[EMS_RAW_ROOM];
};

/* The newest bucket that has a value, or that of one time (only_s, 0: any). */
static struct newest newest_of(struct json_object *series, int64_t only_s)
{
    struct json_object *list = json_member(series, "values");
    struct newest n = {.there = list != NULL};
    char unit[16] = "";

    json_as_text(json_member(series, "unit"), unit, sizeof(unit));
    for (int i = 0; i < json_length(list); i++) {
        struct json_object *x = json_item(list, i);
        int64_t s = 0, v = 0;

        if (!ems_moment(json_member(x, "timestamp"), &s) ||
                !ems_scaled(json_member(x, "value"), WHOLE, &v) || (n.known && s <= n.utc_s) ||
                (only_s != 0 && s != only_s)) {
            continue;
        }
        n.known = true;
        n.utc_s = s;
        n.micro = v;
        json_as_text(json_member(x, "value"), n.raw, sizeof(n.raw));
    }
    if (str_iequal(unit, "kW") && __builtin_mul_overflow(n.micro, (int64_t)1000, &n.micro)) {
        n.known = false;
    }
    return n;
}

static void say_newest(
        const struct newest *n, const char *what, enum ems_field f, struct ems_reports *out)
{
    char why[EMS_WHY_ROOM];

    if (n->known) {
        ems_say(out, f, reg_field(n->micro, f), n->utc_s * 1000, n->raw);
    } else {
        (void)str_format(why, sizeof(why),
                n->there ? "%s has no value in the last hours" : "%s is not in the answer",
                what);
        ems_say_none(out, f, why, NULL);
    }
}

/* The difference of two series in the newest bucket that has both; one that is missing counts nothing. */
static struct newest difference(struct json_object *plus, struct json_object *minus)
{
    struct newest n = newest_of(plus, 0), m;

    if (!minus || !plus) {
        n = plus ? n : newest_of(minus, 0);
        n.micro = plus ? n.micro : -n.micro;
        return n;
    }
    m = newest_of(minus, n.utc_s);
    if (!m.known && n.known) {
        n = newest_of(plus, newest_of(minus, 0).utc_s);
        m = newest_of(minus, n.utc_s);
    }
    n.known = n.known && m.known && !__builtin_sub_overflow(n.micro, m.micro, &n.micro);
    return n;
}

/* Values of several meters or batteries: a sum, of the oldest of their times. */
struct total {
    bool any;
    int parts;
    struct newest sum;
};

static void add_to(struct total *t, const struct newest *n)
{
    if (t->parts++ == 0) {
        t->sum = *n;
    } else {
        t->sum.known = t->sum.known && n->known &&
                       !__builtin_add_overflow(t->sum.micro, n->micro, &t->sum.micro);
        t->sum.utc_s = n->utc_s < t->sum.utc_s ? n->utc_s : t->sum.utc_s;
    }
}

struct meters {
    struct total grid, house;
};

static bool take_meter(const char *serial, struct json_object *v, void *user)
{
    struct meters *m = user;
    struct json_object *in = json_member(v, "importPower"),
                       *back = json_member(v, "exportPower");
    struct newest n;

    (void)serial;
    if (in || back) {
        n = difference(in, back);
        add_to(&m->grid, &n);
    }
    if (json_member(v, "consumptionPower")) {
        n = newest_of(json_member(v, "consumptionPower"), 0);
        add_to(&m->house, &n);
    }
    return true;
}

static void read_meters(struct json_object *meters, struct ems_reports *out)
{
    struct meters m = {.grid = {.any = false}};

    (void)json_each(meters, take_meter, &m);
    say_newest(&m.grid.sum, "importPower", EMS_GRID_W, out);
    say_newest(&m.house.sum, "consumptionPower", EMS_CONSUMPTION_W, out);
}

struct storage {
    struct total power, charge;
};

static bool take_battery(const char *serial, struct json_object *v, void *user)
{
    struct storage *s = user;
    struct newest n =
            difference(json_member(v, "dischargePower"), json_member(v, "chargePower"));

    (void)serial;
    add_to(&s->power, &n);
    n = newest_of(json_member(v, "stateOfEnergy"), 0);
    /* Its unit says percent, and it is a share of one. */
    n.micro *= n.micro <= WHOLE && n.micro >= 0 ? 100 : 1;
    add_to(&s->charge, &n);
    return true;
}

static void read_storage(struct json_object *storage, struct ems_reports *out)
{
    struct storage s = {.power = {.any = false}};

    (void)json_each(storage, take_battery, &s);
    if (s.power.parts == 0) {
        ems_say(out, EMS_BATTERY_W, 0, 0, "{}"); /* no battery: nothing flows */
        ems_say_none(out, EMS_SOC_PERMILLE, "there is no battery", NULL);
        return;
    }
    say_newest(&s.power.sum, "dischargePower", EMS_BATTERY_W, out);
    s.charge.sum.micro /= s.charge.parts;
    say_newest(&s.charge.sum, "stateOfEnergy", EMS_SOC_PERMILLE, out);
}

/* ---- answers ---- */

static enum ems_class refusal(
        const struct solaredge *c, const struct ems_answer *a, struct err *e)
{
    switch (a->status) {
    case 410:
        err_set(e, ERR_NOT_FOUND,
                "SolarEdge has retired this API (V1): better use Modbus (host), or make a key of V2 (token)");
        return EMS_NOT_FOUND;
    case 401:
    case 403:
        if (solaredge_oauth(c)) {
            err_set(e, ERR_REFUSED,
                    "the access is refused: does the authorisation hold SITE_DATA and DEVICE_DATA, "
                    "for this site_id?");
        } else {
            err_set(e, ERR_REFUSED,
                    c->http.token[0] != '\0'
                            ? "the key is not taken: check token and site_id; a key of V1 is none of V2"
                    : c->api_key[0] != '\0' ? "the key is not taken: check api_key and site_id"
                                            : "it wants a key: set token (V2)");
        }
        return EMS_AUTH;
    case 429:
        err_set(e, ERR_TIMEOUT,
                "asked too often: raise interval_s (2000 requests a month are free)");
        return EMS_RATE;
    case 404:
    case 400:
        err_set(e, ERR_NOT_FOUND, "there is no such site: check site_id (%d)", a->status);
        return EMS_NOT_FOUND;
    default:
        err_set(e, ERR_IO,
                a->status >= 500 ? "the cloud answers %d: it has a fault of its own"
                                 : "the cloud answers %d: check url",
                a->status);
        return a->status >= 500 ? EMS_SERVER : EMS_NOT_FOUND;
    }
}

static bool read_any(struct json_object *v, struct memo *m, struct ems_reports *out)
{
    struct json_object *flow = json_member(v, "siteCurrentPowerFlow");
    struct newest n;

    if (flow) {
        m->overview = solaredge_v1_flow(flow, out);
    } else if (json_has(v, "meters")) {
        read_meters(json_member(v, "meters"), out);
    } else if (json_has(v, "storage")) {
        read_storage(json_member(v, "storage"), out);
    } else if (json_has(v, "values")) {
        n = newest_of(v, 0);
        say_newest(&n, "power", EMS_PV_W, out);
    } else if (json_has(v, "overview")) {
        const struct ems_tree t = {.json = v};

        ems_expr_say(&t, "overview.currentPower.power", EMS_PV_W, 0, out);
    } else {
        return false;
    }
    return true;
}

enum ems_class solaredge_cloud_parse(const struct solaredge *c, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    struct json_object *v;
    bool read;

    if (a->i == 0) {
        *m = (struct memo){.v1 = false};
    }
    if (a->status < 200 || a->status > 299) {
        m->v1 = a->i == 0 && a->status == 404 && either(c) && !whole_page(c->http.url);
        /* What a site or a scope does not have costs no other value. */
        if (m->v1 || (a->i > 0 && (a->status == 403 || a->status == 404 || a->status == 0))) {
            return EMS_OK;
        }
        return refusal(c, a, e);
    }
    v = ems_json(a, e);
    if (!v) {
        return EMS_DATA;
    }
    read = read_any(v, m, out);
    json_put(v);
    if (!read) {
        err_set(e, ERR_IO, "the answer holds neither values, meters, storage nor a power flow");
        return EMS_DATA;
    }
    return EMS_OK;
}
