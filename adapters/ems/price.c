/*
 * price - what all adapters of prices and forecasts share. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/quantity.h"
#include "bridge/base/str.h"

#include <string.h>

bool ems_scaled(struct json_object *v, int64_t scale, int64_t *out)
{
    char text[64] = "";
    int64_t tenths = 0;

    if (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT) {
        return false;
    }
    json_as_text(v, text, sizeof(text));
    if (strlen(text) == sizeof(text) - 1 ||
            !str_scaled(text, strlen(text), scale * 10, &tenths)) {
        return false;
    }
    *out = (tenths + (tenths < 0 ? -5 : 5)) / 10;
    return true;
}

bool ems_moment_text(const char *text, int64_t *utc_s)
{
    char full[64];
    int64_t ms = 0;
    size_t n = strlen("2026-07-01T22:00");

    if (!str_time_parse(text, &ms)) {
        /* "2026-07-01T22:00Z", as XML of the energy market has it. */
        if (strlen(text) <= n ||
                !str_format(full, sizeof(full), "%.*s:00%s", (int)n, text, text + n) ||
                !str_time_parse(full, &ms)) {
            return false;
        }
    }
    *utc_s = ms / 1000 - (ms % 1000 < 0);
    return true;
}

bool ems_moment(struct json_object *v, int64_t *utc_s)
{
    char text[64] = "";
    int64_t ms = 0;

    if (json_kind(v) != JSON_NUMBER && json_kind(v) != JSON_TEXT) {
        return false;
    }
    json_as_text(v, text, sizeof(text));
    if (ems_moment_text(text, utc_s)) {
        return true;
    }
    if (!str_scaled(text, strlen(text), 1000, &ms) || ms <= 0) {
        return false;
    }
    /* Seconds reach 10^11 in the year 5138; what is above counts milliseconds. */
    *utc_s = ms >= INT64_C(100000000000) * 1000 ? ms / 1000 / 1000 : ms / 1000;
    return true;
}

int64_t ems_duration(const char *text)
{
    size_t digits = strncmp(text, "PT", 2) == 0 ? strspn(text + 2, "0123456789") : 0;
    int64_t n = 0;

    if (digits == 0 || digits > 4 || !str_int(text + 2, digits, &n)) {
        return 0;
    }
    text += 2 + digits;
    return strcmp(text, "M") == 0 ? n * 60 : strcmp(text, "H") == 0 ? n * 3600 : 0;
}

/* Charges and tax on a price of the market. */
static int64_t full_price(const struct ems_price *p, int64_t v)
{
    if (!p || v < -EMS_PRICE_MAX || v > EMS_PRICE_MAX) {
        return v; /* refused as it is */
    }
    /* Millionths of a percent: 100 % are 10^8. */
    return quantity_mul(v + p->charges_micro, QUANTITY_ONE + (p->tax_micro + 50) / 100);
}

void ems_say_price(struct ems_reports *r, enum slots_kind k, const struct ems_price *p,
        const struct slot *x, struct json_object *raw)
{
    char text[EMS_RAW_ROOM] = "";
    struct slot y = *x;

    y.value = full_price(p, x->value);
    if (raw) {
        json_as_text(raw, text, sizeof(text));
    }
    ems_say_slot(r, k, &y, text);
}

void ems_say_end(struct ems_reports *r, enum slots_kind k, const char *why)
{
    if (r->slots && r->slots->list[k].n == 0 && r->slots->why[k][0] == '\0') {
        ems_say_no_slots(r, k, why);
    }
}

/* ---- values that hold until the next ---- */

static void close_at(struct ems_series *s, int64_t end_s)
{
    const struct slot x = {
            .start_s = s->start_s, .end_s = end_s, .value = full_price(s->price, s->value)};

    ems_say_slot(s->out, s->kind, &x, s->raw);
    s->has = false;
}

void ems_series_add(
        struct ems_series *s, int64_t start_s, const int64_t *v, struct json_object *raw)
{
    if (s->has) {
        int64_t length_s = start_s - s->start_s;

        if (length_s > 0 && length_s <= s->longest_s) {
            s->step_s = length_s;
        }
        close_at(s, s->start_s + s->step_s);
    }
    s->has = v != NULL;
    if (v) {
        s->start_s = start_s;
        s->value = *v;
        s->raw[0] = '\0';
        if (raw) {
            json_as_text(raw, s->raw, sizeof(s->raw));
        }
    }
}

void ems_series_end(struct ems_series *s)
{
    if (s->has) {
        close_at(s, s->start_s + s->step_s);
    }
}

/* ---- what all of them have alike ---- */

uint32_t ems_no_fields(const void *config)
{
    (void)config;
    return 0;
}

uint32_t ems_gives_price(const void *config)
{
    (void)config;
    return SLOTS_BIT(SLOTS_PRICE);
}

uint32_t ems_gives_forecast(const void *config)
{
    (void)config;
    return SLOTS_BIT(SLOTS_FORECAST);
}

void ems_token_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    struct ems_http x = *h;

    if (x.auth == EMS_AUTH_NONE && x.token[0] != '\0') {
        x.auth = EMS_AUTH_BEARER; /* or what is as good */
    }
    if (strpbrk(x.token, " ?#&\"\\")) {
        opt_errors_add(errs, "%s.token: holds a blank or one of ? # & \" \\", path);
    }
    ems_http_check(&x, path, errs, warnings);
}

void ems_roof_check(const struct ems_roof *r, const struct ems_http *h, const char *path,
        struct opt_errors *warnings)
{
    if (r->latitude == 0 && r->longitude == 0 && !ems_has_path(h->url)) {
        opt_errors_add(warnings,
                "%s.latitude: latitude and longitude are 0: is the roof at sea?", path);
    }
}

bool ems_has_path(const char *url)
{
    const char *host = strstr(url, "://");
    const char *p = host ? strpbrk(host + 3, "/?#") : NULL;

    return p && p[0] != '\0' && p[1] != '\0';
}

bool ems_list_page(struct ems_request *out, const char *url, const char *path)
{
    size_t n = strlen(url);

    if (ems_has_path(url)) {
        return str_copy(out->url, sizeof(out->url), url);
    }
    n -= n > 0 && url[n - 1] == '/';
    return str_format(out->url, sizeof(out->url), "%.*s%s", (int)n, url, path);
}

const char *ems_micro(char dst[static EMS_MICRO_ROOM], int64_t v)
{
    int64_t whole = v / 1000000, part = v % 1000000;
    size_t n;

    (void)str_format(dst, EMS_MICRO_ROOM, "%s%lld.%06lld", v < 0 ? "-" : "",
            (long long)(whole < 0 ? -whole : whole), (long long)(part < 0 ? -part : part));
    n = strlen(dst);
    while (dst[n - 1] == '0') {
        dst[--n] = '\0';
    }
    if (dst[n - 1] == '.') {
        dst[n - 1] = '\0';
    }
    return dst;
}

const char *ems_date(char dst[static EMS_MICRO_ROOM], int64_t utc_s, int32_t offset_s)
{
    char time[STR_TIME_ROOM];

    str_time(time, (utc_s + offset_s) * 1000);
    (void)str_format(dst, EMS_MICRO_ROOM, "%.10s", time);
    return dst;
}
