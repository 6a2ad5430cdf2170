/*
 * efergy - Efergy Engage, a cloud: hubs that send what clamps at the mains measure.
 *
 * GET <base>/getCurrentValuesSummary?token=T gives a list of sensors, each with one reading: cid PWER
 * is what the house takes, PWER_GAC what the sun gives, PWER_SUB a part of the house; data is
 * [{"<milliseconds since 1970>": W}], W whatever `units` says. The sensor "0" is a sum that may be days
 * old. GET <base>/getInstant?token=T is the house alone. Errors come with status 200. The content
 * type is text/html. A clamp has no sign. Facts from recorded answers and an open client.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { SUMMARY, INSTANT, PAGES };
enum { SENSORS_MAX = 64 };

struct config {
    struct ems_http http;
    char sid[32];
};

struct memo {
    bool bare;    /* the pages stand at the root, as at a relay of one's own */
    uint8_t page; /* that comes next; PAGES: none */
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http,
        "The address of the service, https://engage.efergy.com, or of a proxy before it."),
    OPTION(struct config, "sid", sid, OPT_STRING, .flags = OPT_RESTART,
        .text = "The sensor that sees the house (sid in the app's data); without it all of them are added."),
    {.name = NULL},
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_CONSUMPTION_W);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_url_check(&c->http, path, errs, warnings);
    if (c->http.token[0] == '\0') {
        opt_errors_add(errs,
                "%s.token: is missing; make an app token on engage.efergy.com (settings, app "
                "tokens)",
                path);
    }
    if (c->http.auth != EMS_AUTH_NONE) {
        opt_errors_add(
                warnings, "%s.auth: is not used, the token goes where Efergy wants it", path);
    }
}

/* ---- what to ask ---- */

static struct memo *memo_of(struct ems_session *s)
{
    return (struct memo *)(void *)s->memo;
}

/* Whether url names a host alone. */
static bool host_alone(const struct config *c)
{
    const char *host = strstr(c->http.url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;

    return !path || path[1] == '\0';
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    static const char *const pages[PAGES] = {"getCurrentValuesSummary", "getInstant"};
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    int page = i == 0 ? SUMMARY : m->page;
    char path[64];

    if (page >= PAGES) {
        return false;
    }
    (void)str_format(path, sizeof(path),
            "%s/%s?token=", host_alone(c) && !m->bare ? "/mobile_proxy" : "", pages[page]);
    out->bare = true;
    out->optional = true;
    return ems_page(out->url, sizeof(out->url), c->http.url, true, path) &&
           ems_add_form(out->url, sizeof(out->url), c->http.token);
}

/* ---- answers ---- */

/* What sensors of one kind give together. */
struct sum {
    const char *cid;
    const char *sid; /* that one alone; NULL: all but "0" */
    bool zero;       /* the sensor "0" alone */
    int n;
    bool wrong;
    int64_t milli, utc_ms; /* of the oldest */
    char raw[EMS_RAW_ROOM];
};

struct reading {
    int64_t utc_ms;
    char text[32];
};

static bool newest(const char *key, struct json_object *v, void *user)
{
    struct reading *r = user;
    int64_t ms = 0;

    if (str_int(key, strlen(key), &ms) && ms > r->utc_ms) {
        r->utc_ms = ms;
        json_as_text(v, r->text, sizeof(r->text));
    }
    return true;
}

static void add_sensor(struct sum *s, struct json_object *sensor)
{
    struct json_object *data = json_member(sensor, "data");
    struct reading r = {0, ""};
    char cid[16] = "", sid[32] = "";
    int64_t milli = 0;

    json_as_text(json_member(sensor, "cid"), cid, sizeof(cid));
    json_as_text(json_member(sensor, "sid"), sid, sizeof(sid));
    if (strcmp(cid, s->cid) != 0 || (s->sid && strcmp(sid, s->sid) != 0) ||
            (!s->sid && (strcmp(sid, "0") == 0) != s->zero)) {
        return;
    }
    for (int i = 0; i < json_length(data) && i < SENSORS_MAX; i++) {
        (void)json_each(json_item(data, i), newest, &r);
    }
    s->n++;
    if (r.utc_ms == 0 || !str_scaled(r.text, strlen(r.text), 1000, &milli) ||
            __builtin_add_overflow(s->milli, milli, &s->milli)) {
        s->wrong = true;
    }
    if (s->utc_ms == 0 || r.utc_ms < s->utc_ms) {
        s->utc_ms = r.utc_ms;
    }
    if (s->raw[0] == '\0') {
        (void)str_copy(s->raw, sizeof(s->raw), r.text);
    }
}

static void say_sum(
        struct json_object *list, struct sum s, enum ems_field f, struct ems_reports *out)
{
    for (int i = 0; i < json_length(list) && i < SENSORS_MAX; i++) {
        add_sensor(&s, json_item(list, i));
    }
    if (s.n > 0 && s.wrong) {
        ems_say_none(out, f, "a sensor has no reading", s.raw);
    } else if (s.n > 0) {
        ems_say(out, f, (s.milli + (s.milli < 0 ? -500 : 500)) / 1000, s.utc_ms, s.raw);
    }
}

/* Errors come with any status, 200 as well. */
static enum ems_class refused(struct ems_session *s, struct json_object *v, struct err *e)
{
    struct json_object *error = json_member(v, "error");
    char text[80] = "", more[100] = "";
    int64_t id = 0;

    json_as_text(json_member(v, "description"), text, sizeof(text));
    if (error) {
        json_as_text(json_member(error, "id"), text, sizeof(text));
        id = str_int(text, strlen(text), &id) ? id : 0;
        json_as_text(json_member(error, "desc"), text, sizeof(text));
        json_as_text(json_member(error, "more"), more, sizeof(more));
    }
    if (id == 403 || strstr(text, "token")) {
        err_set(e, ERR_REFUSED,
                "Efergy does not take the token (%s): make a new app token on its site", text);
        return EMS_AUTH;
    }
    if (id == 404) {
        s->wait_s = 300;
        err_set(e, ERR_IO, "Efergy was asked too often (%s %s): raise interval_s", text, more);
        return EMS_RATE;
    }
    err_set(e, ERR_IO, "Efergy answers with an error: %s %s", text, more);
    return id >= 500 ? EMS_SERVER : EMS_DATA;
}

static enum ems_class read_values(const struct config *c, struct ems_session *s, int page,
        struct json_object *v, struct ems_reports *out, struct err *e)
{
    const struct ems_tree t = {.json = v};
    const char *sid = c->sid[0] != '\0' ? c->sid : NULL;
    int64_t utc_ms = 0;

    if (json_member(v, "error") || json_has(v, "description")) {
        return refused(s, v, e);
    }
    if (json_has(v, "reading")) {
        (void)ems_expr_time(&t, "last_reading_time", &utc_ms);
        ems_expr_say(&t, "reading", EMS_CONSUMPTION_W, utc_ms, out);
    } else if (json_kind(v) == JSON_LIST) {
        const struct sum house = {.cid = "PWER", .sid = sid};
        const struct sum all = {.cid = "PWER", .zero = true};

        say_sum(v, house, EMS_CONSUMPTION_W, out);
        if (!sid && out->field[EMS_CONSUMPTION_W].said == EMS_SAID_NOTHING) {
            say_sum(v, all, EMS_CONSUMPTION_W, out);
        }
        say_sum(v, (struct sum){.cid = "PWER_GAC"}, EMS_PV_W, out);
    } else {
        err_set(e, ERR_IO, "the answer is not one of Efergy's; check url");
        return EMS_DATA;
    }
    if (page == SUMMARY && !sid && out->field[EMS_CONSUMPTION_W].said == EMS_SAID_NOTHING) {
        memo_of(s)->page = INSTANT;
    } else if (out->field[EMS_CONSUMPTION_W].said == EMS_SAID_NOTHING) {
        ems_say_none(out, EMS_CONSUMPTION_W,
                sid ? "there is no such sensor (sid)" : "no sensor sends: is the hub online?",
                NULL);
    }
    return EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct memo *m = memo_of(s);
    int page = a->i == 0 ? SUMMARY : m->page;
    bool good = a->status >= 200 && a->status <= 299;
    struct json_object *v = a->status != 0 ? ems_json(a, e) : NULL;
    enum ems_class class = EMS_DATA;

    m->page = PAGES;
    if (good && !v) {
        return EMS_DATA; /* with the sentence of ems_json */
    }
    if (good || json_member(v, "error") || json_has(v, "description")) {
        class = read_values(c, s, page, v, out, e);
    } else {
        e->text[0] = '\0'; /* the host says it */
        if (a->status == 404 && host_alone(c) && a->i == 0) {
            m->bare = !m->bare;
            m->page = SUMMARY;
            class = EMS_OK;
        }
    }
    json_put(v);
    return class;
}

static const char *const notes[] = {
        "A clamp has no sign: a house that exports looks as if it took that power. Use consumption "
        "only where the clamp sees the house alone.",
        "Values are watts, though the service calls the unit kWm.",
        "The sensor \"0\" of an account is a sum that may be days old; it is used only where there is "
        "no other, and never when it is older than max_age_s.",
        "The cloud API of 2026 was not tried against a live account.",
        NULL,
};

const struct ems_adapter ems_efergy = {
        .name = "efergy",
        .title = "Efergy Engage (cloud)",
        .summary =
                "Hubs of Efergy over the Engage service: the house, and the sun with its own sensor.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 60,
        .max_age_s = 300,
        .cloud = true,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
