/*
 * solarlog/read - its time without a zone, sun, house, battery. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/solarlog/solarlog.h"
#include "bridge/base/str.h"

#include <string.h>

enum {
    ZONE_MS = 15 * 60 * 1000, /* zones are whole quarters of an hour */
    ZONE_MAX_MS = 14 * 3600 * 1000
};

/* "26.08.24 14:19:45", or with a year of four digits, as if it were UTC. */
static bool local_time(const char *text, int64_t *ms)
{
    const char *year = text + 6;
    size_t digits = strspn(year, "0123456789");
    int64_t yy;
    char iso[40];

    if (strlen(text) < 17 || text[2] != '.' || text[5] != '.' || (digits != 2 && digits != 4) ||
            !str_int(year, digits, &yy) || year[digits] != ' ') {
        return false;
    }
    yy += digits == 4 ? 0 : yy < 70 ? 2000 : 1900;
    return str_format(iso, sizeof(iso), "%04d-%.2s-%.2sT%.8sZ", (int)yy, text + 3, text,
                   year + digits + 1) &&
           str_time_parse(iso, ms);
}

/* When it measured. The zone is taken from the first look at its clock, and anew each time that its
 * time moves: so a time that stands still ages. 0: it does not say. */
static int64_t time_of(struct solarlog_memo *m, struct json_object *v, int64_t now_ms)
{
    char text[40] = "";
    int64_t local_ms, ahead;

    json_as_text(json_member(v, "100"), text, sizeof(text));
    if (!local_time(text, &local_ms)) {
        return 0;
    }
    if (local_ms != m->local_ms) {
        ahead = local_ms - now_ms;
        ahead = (ahead + (ahead < 0 ? -ZONE_MS / 2 : ZONE_MS / 2)) / ZONE_MS * ZONE_MS;
        m->zone_ms = ahead >= -ZONE_MAX_MS && ahead <= ZONE_MAX_MS ? ahead : 0;
        m->local_ms = local_ms;
    }
    return local_ms - m->zone_ms;
}

/* Whether anything ever counted for the house: without its meter all of it is 0. */
static bool has_house(struct json_object *v)
{
    static const char *const counts[] = {"110", "111", "112", "113", "114", "115"};
    int64_t x = 0;

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct json_object *n = json_member(v, counts[i]);

        if (json_kind(n) == JSON_TEXT ||
                (json_kind(n) == JSON_NUMBER && json_get_scaled(n, "", 1, &x, NULL) == ERR_OK &&
                        x != 0)) {
            return true;
        }
    }
    return false;
}

/* What the house draws and neither sun nor battery give. */
static void say_grid(struct ems_reports *out, int64_t battery_w)
{
    const struct ems_report *house = &out->field[EMS_CONSUMPTION_W],
                            *sun = &out->field[EMS_PV_W];

    if (house->said == EMS_SAID_VALUE && sun->said == EMS_SAID_VALUE) {
        ems_say(out, EMS_GRID_W, house->value - sun->value - battery_w, house->source_utc_ms,
                house->raw);
    } else {
        ems_say_none(out, EMS_GRID_W,
                "without a meter of the house the power of the grid is not known", NULL);
    }
}

void solarlog_read_basic(struct ems_session *s, struct json_object *v, struct ems_reports *out)
{
    struct solarlog_memo *m = (struct solarlog_memo *)(void *)s->memo;
    struct ems_tree t = {.json = v};
    int64_t utc_ms = time_of(m, v, s->utc_ms);

    ems_expr_say(&t, "101", EMS_PV_W, utc_ms, out);
    if (has_house(v)) {
        ems_expr_say(&t, "110", EMS_CONSUMPTION_W, utc_ms, out);
    } else {
        ems_say_none(out, EMS_CONSUMPTION_W,
                "all counters of the house are 0: it has no meter there", NULL);
    }
    say_grid(out, 0); /* the battery's answer comes later, if there is one */
}

/* [V, %, W charged, W discharged] */
void solarlog_read_battery(
        struct ems_session *s, const struct ems_answer *a, struct ems_reports *out)
{
    struct solarlog_memo *m = (struct solarlog_memo *)(void *)s->memo;
    int64_t utc_ms = out->field[EMS_PV_W].source_utc_ms;
    struct err ignored = {0};
    struct json_object *v = solarlog_good(a) ? ems_json(a, &ignored) : NULL;
    struct ems_tree t = {.json = v};
    bool none = a->status == 404 || (v && json_length(json_member(v, "858")) == 0);

    if (a->status == 0 || (strstr(a->body, "ACCESS DENIED") && solarlog_good(a))) {
        const char *why = a->status == 0 ? "the battery's page gives no answer"
                                         : "the battery is behind the login: set password";

        ems_say_none(out, EMS_BATTERY_W, why, NULL);
        ems_say_none(out, EMS_SOC_PERMILLE, why, NULL);
        ems_say_none(out, EMS_GRID_W, why, NULL);
    } else if (none || strstr(a->body, "QUERY IMPOSSIBLE")) {
        m->no_cell_ms = s->utc_ms;
    } else {
        ems_expr_say(&t, "858[1]", EMS_SOC_PERMILLE, utc_ms, out);
        ems_expr_say(&t, "858[3] - 858[2]", EMS_BATTERY_W, utc_ms, out);
        if (out->field[EMS_BATTERY_W].said == EMS_SAID_VALUE) {
            say_grid(out, out->field[EMS_BATTERY_W].value);
        } else {
            ems_say_none(out, EMS_GRID_W, "the power of the battery is not known", NULL);
        }
    }
    json_put(v);
}
