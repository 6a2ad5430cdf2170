/*
 * tariff - a fixed price, or one by the time of the day: known without asking anybody.
 *
 * zones is a table of "DAYS HH:MM-HH:MM PRICE", apart by commas: "mo-fr 07:00-23:00 0.32, sa+su 0.24".
 * Days, hours, or both may be left out; hours may run over midnight and then belong to the day that they
 * begin on. The first that fits counts, else price. All by the clock on the wall of time_zone.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"
#include "bridge/core/zone.h"

#include <string.h>

enum { QUARTER_S = 900, DAYS = 4, DAY_MIN = 1440, ZONES_MAX = 24, ALL_DAYS = 0x7f };

struct config {
    struct ems_http http; /* never used: there is nothing to ask */
    int32_t price_micro, export_micro;
    char zones[400], time_zone[64];
};

/* clang-format off */
static const struct opt rows[] = {
    OPTION(struct config, "price", price_micro, OPT_MICRO, .min = -1000000000, .max = 1000000000, .flags = OPT_REQUIRED | OPT_RESTART,
        .text = "What a kWh costs, all included, where no zone fits."),
    OPTION(struct config, "zones", zones, OPT_STRING, .flags = OPT_RESTART,
        .text = "Other prices by day and hour, such as: mo-fr 07:00-23:00 0.32, sa+su 0.24, 00:00-06:00 0.19. The first that fits counts."),
    OPTION(struct config, "time_zone", time_zone, OPT_STRING, .min = 1, .fallback_str = "Europe/Berlin", .flags = OPT_RESTART,
        .text = "Whose clock the zones go by: a name such as Europe/London, or a rule such as CET-1CEST,M3.5.0,M10.5.0/3."),
    OPTION(struct config, "export_price", export_micro, OPT_MICRO, .min = -1000000000, .max = 1000000000, .fallback = OPT_UNSET, .flags = OPT_RESTART,
        .text = "What a kWh into the grid brings."),
    {.name = NULL},
};
/* clang-format on */

static const char *const notes[] = {
        "Nothing is asked: the prices follow from the clock and the settings.",
        "Days are mo tu we th fr sa su, ranges with -, lists with +; a zone without hours is for the whole "
        "day, one without days for every day.",
        "On the days of the clock change the zones follow the clock on the wall: such a day has 92 or 100 "
        "quarters of an hour.",
        "Public holidays are days like others.", NULL};

/* ---- the table ---- */

struct zone_row {
    unsigned days;        /* bit 0: Sunday */
    int from_min, to_min; /* to before from: over midnight; equal: the whole day */
    int32_t price_micro;
};

static const char *blanks(const char *s)
{
    return s + strspn(s, " \t");
}

static int day_of(const char *s)
{
    static const char names[] = "su mo tu we th fr sa ";

    for (int d = 0; d < 7; d++) {
        if ((s[0] | 0x20) == names[3 * d] && s[0] != '\0' &&
                (s[1] | 0x20) == names[3 * d + 1]) {
            return d;
        }
    }
    return -1;
}

/* "mo-fr+su"; false: it begins with a letter and is none. */
static bool read_days(const char **s, unsigned *days)
{
    *days = 0;
    while (day_of(*s) >= 0) {
        int first = day_of(*s), last = first;

        *s += 2;
        if (**s == '-' && day_of(*s + 1) >= 0) {
            last = day_of(*s + 1);
            *s += 3;
        }
        for (int d = first;; d = (d + 1) % 7) {
            *days |= 1u << (unsigned)d;
            if (d == last) {
                break;
            }
        }
        if (**s != '+') {
            break;
        }
        (*s)++;
    }
    *days = *days == 0 ? (unsigned)ALL_DAYS : *days;
    return (**s | 0x20) < 'a' || (**s | 0x20) > 'z';
}

/* "07:00" */
static bool read_clock(const char **s, int *minute)
{
    const char *p = *s;
    int64_t h = 0, m = 0;
    size_t digits = strspn(p, "0123456789");

    if (digits < 1 || digits > 2 || p[digits] != ':' || !str_int(p, digits, &h) ||
            strspn(p + digits + 1, "0123456789") != 2 || !str_int(p + digits + 1, 2, &m) ||
            m > 59 || h * 60 + m > DAY_MIN) {
        return false;
    }
    *minute = (int)(h * 60 + m);
    *s += digits + 3;
    return true;
}

/* One row up to its comma; NULL: why says what is wrong. */
static const char *read_row(const char *s, struct zone_row *r, const char **why)
{
    size_t n;
    int64_t micro = 0;

    *r = (struct zone_row){.from_min = 0, .to_min = DAY_MIN};
    s = blanks(s);
    *why = "has a day that is none of mo tu we th fr sa su";
    if (!read_days(&s, &r->days)) {
        return NULL;
    }
    s = blanks(s);
    n = strcspn(s, ", \t");
    if (memchr(s, ':', n)) {
        *why = "has hours that are not HH:MM-HH:MM";
        if (!read_clock(&s, &r->from_min) || *s++ != '-' || !read_clock(&s, &r->to_min) ||
                (*s != ' ' && *s != '\t')) {
            return NULL;
        }
        s = blanks(s);
        n = strcspn(s, ", \t");
    }
    *why = "lacks a price, or has one that is not a number below 1000 in between";
    if (n == 0 || !str_scaled(s, n, 1000000, &micro) || micro < -EMS_PRICE_MAX ||
            micro > EMS_PRICE_MAX) {
        return NULL;
    }
    r->price_micro = (int32_t)micro;
    s = blanks(s + n);
    *why = "has something behind the price";
    return *s == ',' || *s == '\0' ? s : NULL;
}

/* How many there are; -1: *why, and the row of that number (from 1) in *bad. */
static int read_table(
        const char *s, struct zone_row rows_[static ZONES_MAX], const char **why, int *bad)
{
    int n = 0;

    s = blanks(s);
    while (*s) {
        *bad = n + 1;
        if (n == ZONES_MAX) {
            *why = "is one too many";
            return -1;
        }
        s = read_row(s, &rows_[n], why);
        if (!s) {
            return -1;
        }
        n++;
        s += *s == ',';
    }
    return n;
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    struct zone_row table[ZONES_MAX];
    const char *why = "";
    struct zone z;
    int bad = 0;

    (void)warnings;
    if (read_table(c->zones, table, &why, &bad) < 0) {
        opt_errors_add(errs, "%s.zones: entry %d %s (such as: mo-fr 07:00-23:00 0.32)", path,
                bad, why);
    }
    if (!zone_find(&z, c->time_zone)) {
        opt_errors_add(errs,
                "%s.time_zone: '%s' is not known here; its rule is taken as well, such as "
                "CET-1CEST,M3.5.0,M10.5.0/3",
                path, c->time_zone);
    }
}

/* ---- the slots ---- */

static bool fits(const struct zone_row *r, struct zone_time t)
{
    unsigned today = 1u << (unsigned)t.weekday,
             yesterday = 1u << (unsigned)((t.weekday + 6) % 7);

    if (r->from_min < r->to_min) {
        return (r->days & today) && t.minute >= r->from_min && t.minute < r->to_min;
    }
    if (r->from_min == r->to_min) {
        return (r->days & today) != 0;
    }
    return ((r->days & today) && t.minute >= r->from_min) ||
           ((r->days & yesterday) && t.minute < r->to_min);
}

static void know(const void *config, const struct ems_session *s, struct ems_reports *out)
{
    const struct config *c = config;
    struct zone_row table[ZONES_MAX];
    const char *why = "";
    struct zone z;
    int bad = 0, n = read_table(c->zones, table, &why, &bad);
    int64_t end_s;

    if (!zone_find(&z, c->time_zone)) {
        return;
    }
    end_s = zone_day(&z, s->utc_ms / 1000, DAYS);
    for (int64_t at_s = zone_day(&z, s->utc_ms / 1000, 0); at_s < end_s; at_s += QUARTER_S) {
        struct slot x = {at_s, at_s + QUARTER_S, c->price_micro, QUARTER_S};
        struct zone_time t = zone_local(&z, at_s);

        for (int i = n - 1; i >= 0; i--) {
            x.value = fits(&table[i], t) ? table[i].price_micro : x.value;
        }
        ems_say_slot(out, SLOTS_PRICE, &x, "");
        if (c->export_micro != OPT_UNSET) {
            x.value = c->export_micro;
            ems_say_slot(out, SLOTS_EXPORT, &x, "");
        }
    }
}

static uint32_t slots(const void *config)
{
    return SLOTS_BIT(SLOTS_PRICE) |
           (((const struct config *)config)->export_micro != OPT_UNSET ? SLOTS_BIT(SLOTS_EXPORT)
                                                                       : 0);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    (void)config; /* nothing is asked, so nothing is answered */
    (void)s;
    (void)a;
    (void)out;
    (void)e;
    return EMS_OK;
}

const struct ems_adapter ems_tariff = {
        .name = "tariff",
        .title = "Fixed price, or prices by the time of the day",
        .summary = "A price that follows from the settings: one for all, or by day and hour.",
        .tested = "constructed",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 3600,
        .max_age_s = 43200,
        .gives = "prices, also of export",
        .where = "here",
        .over = "the clock",
        .fields = ems_no_fields,
        .slots = slots,
        .know = know,
        .check = check,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
