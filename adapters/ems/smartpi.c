/*
 * smartpi - a SmartPi: a Raspberry Pi with a board that measures three phases.
 *
 *     GET /api/all/all/now                  all values of all phases; every firmware
 *     GET /api/all/power/now                power alone; where the first is missing
 *     GET /api/v1/smartpiac/livedata        as the first, newer firmware
 *     GET /api/v1/smartpiac/livepower       the sum alone, newer firmware
 * {"time":..., "datasets":[{"time":..., "phases":[{"phase":1,"values":[{"type":"power","unity":"W","info":"",
 * "data":1.2}]}]}]}. Phase 4 is the neutral conductor. + is import. A value that could not be read is 0 with
 * a word in info. Newer firmware answers an unknown path with its web page. Both times are local, without an
 * offset: only their difference counts. Facts from the device's source and a recorded answer.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/json_path.h"
#include "bridge/base/str.h"

#include <string.h>

enum { PHASES = 3, OLD_MS = 5000 };

struct config {
    struct ems_http http;
};

struct memo {
    bool found;
    int32_t page; /* found: that one gives values */
};

static const struct opt rows[] = {
        EMS_HTTP_ROWS(struct config, http,
                "The address of the SmartPi: http://HOST:1080, newer firmware http://HOST."),
        {.name = NULL},
};

/* clang-format off */
static const char *const notes[] = {
    "Older firmware has its API at port 1080, newer at 80.",
    "Its clock is written without a time zone; a measurement counts as old when it is older than the answer that carries it.",
    "The direction of each transformer is set in the SmartPi; if the whole is the wrong way round, invert_grid.",
    "A SmartPi in the line of the sun or of the house is not a grid meter: use url_json with its address for that.",
    NULL};
/* clang-format on */

static const char *const pages[] = {"/api/all/all/now", "/api/all/power/now",
        "/api/v1/smartpiac/livedata", "/api/v1/smartpiac/livepower"};
enum { LAST = (int)ARRAY_LEN(pages) - 1 };

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_CURRENT_L1_MA) | EMS_BIT(EMS_CURRENT_L2_MA) |
           EMS_BIT(EMS_CURRENT_L3_MA) | EMS_BIT(EMS_VOLTAGE_L1_MV) |
           EMS_BIT(EMS_VOLTAGE_L2_MV) | EMS_BIT(EMS_VOLTAGE_L3_MV);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;

    ems_http_check(&c->http, path, errs, warnings);
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    const struct config *c = config;
    const struct memo *m = (const struct memo *)(const void *)s->memo;
    bool below = strstr(c->http.url, "/api/") == NULL;

    if (i > LAST || (m->found && i > 0)) {
        return false;
    }
    out->optional = true;
    return ems_page(
            out->url, sizeof(out->url), c->http.url, below, pages[m->found ? m->page : i]);
}

/* ---- values ---- */

/* The value of a type in a phase; with `info` the word beside it. */
static void path_of(char *dst, size_t room, int phase, const char *type, const char *member)
{
    (void)str_format(dst, room, "datasets[0].phases[?phase==%d].values[?type==\"%s\"].%s",
            phase, type, member);
}

static void take_text(void *user, struct json_object *v)
{
    char *text = user;

    if (v && json_kind(v) == JSON_TEXT) {
        json_as_text(v, text, EMS_WHY_ROOM);
    }
}

static struct ems_report look(
        const struct ems_tree *t, int phase, const char *type, enum ems_field f, int64_t utc_ms)
{
    struct ems_reports x = {0};
    char path[120], info[EMS_WHY_ROOM] = "", unused[EMS_WHY_ROOM];

    path_of(path, sizeof(path), phase, type, "info");
    (void)json_path_each(t->json, path, strlen(path), take_text, info, NULL);
    path_of(path, sizeof(path), phase, type, "data");
    if (!json_path_each(t->json, path, strlen(path), take_text, unused, NULL)) {
        char why[EMS_WHY_ROOM];

        (void)str_format(why, sizeof(why), "%s of phase %d is not in the answer", type, phase);
        ems_say_none(&x, f, why, NULL);
        return x.field[f];
    }
    ems_expr_say(t, path, f, utc_ms, &x);
    if (info[0] != '\0' && x.field[f].said == EMS_SAID_VALUE) {
        char why[EMS_WHY_ROOM], raw[EMS_RAW_ROOM];

        (void)str_format(why, sizeof(why), "the SmartPi says: %.90s", info);
        (void)str_copy(raw, sizeof(raw), x.field[f].raw);
        ems_say_none(&x, f, why, raw);
    }
    return x.field[f];
}

static bool is_zero(const struct ems_report *r)
{
    return r->said != EMS_SAID_VALUE || r->value == 0;
}

static void say_phase(const struct ems_tree *t, int k, int64_t utc_ms, struct ems_reports *out)
{
    const enum ems_field f = (enum ems_field)(EMS_CURRENT_L1_MA + k),
                         g = (enum ems_field)(EMS_VOLTAGE_L1_MV + k);
    struct ems_report *amps = &out->field[f], *volts = &out->field[g];
    const struct ems_report power = look(t, k + 1, "power", EMS_GRID_W, 0);

    *amps = look(t, k + 1, "current", f, utc_ms);
    *volts = look(t, k + 1, "voltage", g, utc_ms);
    if (volts->said == EMS_SAID_VALUE && volts->value == 0 && is_zero(amps) &&
            is_zero(&power)) {
        ems_say_none(out, g, "0 V: this phase is not wired", volts->raw);
        ems_say_none(out, f, "0 V: this phase is not wired", amps->raw);
    } else {
        ems_direct(out, f, &power);
    }
}

static void say_all(const struct ems_tree *t, int64_t utc_ms, struct ems_reports *out)
{
    char expr[360] = "", path[120];

    for (int k = 1; k <= PHASES; k++) {
        struct ems_report power = look(t, k, "power", EMS_GRID_W, 0);

        if (power.said != EMS_SAID_VALUE && out->field[EMS_GRID_W].said == EMS_SAID_NOTHING) {
            ems_say_none(out, EMS_GRID_W, power.why, power.raw);
        }
        path_of(path, sizeof(path), k, "power", "data");
        (void)(ems_add(expr, sizeof(expr), k > 1 ? " + " : "") &&
                ems_add(expr, sizeof(expr), path));
    }
    if (out->field[EMS_GRID_W].said == EMS_SAID_NOTHING) {
        ems_expr_say(t, expr, EMS_GRID_W, utc_ms, out);
    }
    for (int k = 0; k < PHASES; k++) {
        say_phase(t, k, utc_ms, out);
    }
}

/* ---- time ---- */

/* "2026-11-24 12:00:00" of no zone as if it were UTC; false: something else. */
static bool local_time(const struct ems_tree *t, const char *path, int64_t *ms)
{
    char text[EMS_WHY_ROOM] = "", iso[32];

    (void)json_path_each(t->json, path, strlen(path), take_text, text, NULL);
    (void)str_format(
            iso, sizeof(iso), "%.10sT%.8sZ", text, strlen(text) == 19 ? text + 11 : "");
    return str_time_parse(iso, ms);
}

/* When it was measured, where the answer is younger than the measurement it carries. */
static int64_t time_of(const struct ems_tree *t, const struct ems_session *s)
{
    int64_t told = 0, measured = 0;

    if (ems_expr_time(t, "datasets[0].time", &measured)) {
        return measured; /* with an offset after all */
    }
    if (local_time(t, "time", &told) && local_time(t, "datasets[0].time", &measured) &&
            told - measured > OLD_MS) {
        return s->utc_ms - (told - measured);
    }
    return 0;
}

/* ---- pages ---- */

static bool read_page(const struct ems_tree *t, const struct ems_session *s,
        struct ems_reports *out, struct err *e)
{
    int64_t utc_ms = 0;

    if (json_member(t->json, "datasets")) {
        say_all(t, time_of(t, s), out);
        return true;
    }
    if (json_has(t->json, "power")) {
        (void)ems_expr_time(t, "time", &utc_ms);
        ems_expr_say(t, "power", EMS_GRID_W, utc_ms, out);
        return true;
    }
    err_set(e, ERR_IO, "the answer has neither datasets nor power: is this a SmartPi?");
    return false;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = (struct memo *)(void *)s->memo;
    bool there = a->status >= 200 && a->status <= 299, last = m->found || a->i == LAST;
    struct ems_tree t = {0};
    bool good;

    (void)config;
    if (!there) {
        m->found = false;
        return a->status == 404 && !last ? EMS_OK : EMS_DATA; /* in the words of the host */
    }
    t.json = ems_json(a, e);
    good = t.json && read_page(&t, s, out, e);
    json_put(t.json);
    if (good && !m->found) {
        m->found = true;
        m->page = a->i;
    } else if (!good) {
        m->found = false;
    }
    return good || !last ? EMS_OK : EMS_DATA;
}

const struct ems_adapter ems_smartpi = {
        .name = "smartpi",
        .title = "SmartPi",
        .summary =
                "A SmartPi with its transformers at the grid: power, phase currents, voltages.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 5,
        .max_age_s = 30,
        .finds_out = true,
        .fields = fields,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");
