/*
 * energy_slots - prices and forecasts of the running sources. SPDX-License-Identifier: MIT
 */
#include "bridge/energy_slots.h"

#include "bridge/base/str.h"
#include "bridge/io/loop.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_ROOM = 96, MERGE_MS = 60000, DAY_S = 86400, WS_PER_WH = 3600 };

static int64_t utc_s(void)
{
    return loop_utc_ms() / 1000;
}

static bool gives(const struct energy_source *s, enum slots_kind k)
{
    return (s->kinds & SLOTS_BIT(k)) != 0;
}

/* What of its adapter decides about the list: another tariff must not get the old one's prices. Secrets
 * have no part in it. */
static uint32_t options_hash(const struct source_settings *s)
{
    CLEANUP(buf_finish) struct buf b;
    uint32_t h = 2166136261u; /* FNV-1a */
    struct jw w;

    buf_init(&b, BUF_CAP_DOCUMENT);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    jw_str(&w, "adapter", s->adapter_name);
    opt_write(s->adapter->options, s->options, &w);
    jw_close(&w);
    for (const char *p = buf_text(&b); *p; p++) {
        h = (h ^ (unsigned char)*p) * 16777619u;
    }
    return h;
}

/* ---- the disk: "<hash> <currency or -> <kind> <fetched> <slots>", one line per list ---- */

static void key_of(const struct energy_source *s, char key[static KEY_ROOM])
{
    (void)str_format(key, KEY_ROOM, "slots/%s", s->settings->id);
}

static void save(struct daemon *d, const struct energy_source *s)
{
    CLEANUP(buf_finish) struct buf b;
    char *line = malloc(SLOTS_TEXT_ROOM);
    char key[KEY_ROOM];

    buf_init(&b, SLOTS_KINDS * (SLOTS_TEXT_ROOM + 100));
    for (int k = 0; line && k < SLOTS_KINDS; k++) {
        if (s->kept->fetched_s[k] != 0 &&
                slots_text(&s->kept->list[k], line, SLOTS_TEXT_ROOM)) {
            buf_addf(&b, "%08x %s %s %lld ", (unsigned)options_hash(s->settings),
                    s->kept->currency[0] != '\0' ? s->kept->currency : "-", slots_kind_words[k],
                    (long long)s->kept->fetched_s[k]);
            buf_adds(&b, line);
            buf_addc(&b, '\n');
        }
    }
    free(line);
    key_of(s, key);
    if (d->store && buf_ok(&b) && b.len > 0) {
        store_put_text(d->store, key, buf_text(&b));
    }
}

/* The next word of the line into dst; false: none, or too long. */
static bool word(const char **p, const char *end, char *dst, size_t room)
{
    const char *blank = memchr(*p, ' ', (size_t)(end - *p));
    size_t n = blank ? (size_t)(blank - *p) : 0;

    if (!blank || n >= room) {
        return false;
    }
    memcpy(dst, *p, n);
    dst[n] = '\0';
    *p = blank + 1;
    return true;
}

static void load_line(struct energy_source *s, const char *p, const char *end)
{
    char hash[12], want[12], currency[8], kind[16], fetched[24], *text;
    int64_t fetched_s = 0;

    (void)str_format(want, sizeof(want), "%08x", (unsigned)options_hash(s->settings));
    if (!word(&p, end, hash, sizeof(hash)) || strcmp(hash, want) != 0 ||
            !word(&p, end, currency, sizeof(currency)) || !word(&p, end, kind, sizeof(kind)) ||
            !word(&p, end, fetched, sizeof(fetched)) ||
            !str_int(fetched, strlen(fetched), &fetched_s) || fetched_s > utc_s()) {
        return;
    }
    text = strndup(p, (size_t)(end - p));
    for (int k = 0; text && k < SLOTS_KINDS; k++) {
        if (gives(s, (enum slots_kind)k) && strcmp(kind, slots_kind_words[k]) == 0 &&
                slots_parse(&s->kept->list[k], text)) {
            slots_keep(&s->kept->list[k], utc_s() - SLOTS_BEHIND_S, utc_s() + SLOTS_AHEAD_S);
            s->kept->fetched_s[k] = fetched_s;
            (void)str_copy(s->kept->currency, sizeof(s->kept->currency),
                    currency[0] != '-' ? currency : "");
        }
    }
    free(text);
}

static void load(struct energy_source *s, const struct store_image *image)
{
    const char *p, *end;
    char key[KEY_ROOM];

    key_of(s, key);
    p = store_text_of(image, key);
    while (p && (end = strchr(p, '\n')) != NULL) {
        load_line(s, p, end);
        p = end + 1;
    }
}

/* ---- making ---- */

bool energy_slots_open(struct daemon *d, int i, const struct store_image *image, struct err *e)
{
    struct energy *x = d->energy;
    struct energy_source *s = &x->source[i];
    const struct ems_adapter *a = s->settings->adapter;

    s->kinds = a->slots ? a->slots(s->settings->options) : 0;
    if (s->kinds == 0) {
        return true;
    }
    s->kept = calloc(1, sizeof(*s->kept));
    if (!x->site_slots) {
        x->site_slots = calloc(SLOTS_KINDS + 1, sizeof(*x->site_slots));
    }
    if (!s->kept || !x->site_slots) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", s->settings->name);
        return false;
    }
    if (image) {
        load(s, image);
    }
    x->slots_due_ms = 0;
    return true;
}

void energy_slots_site(struct daemon *d)
{
    struct energy *x = d->energy;

    for (int k = 0; k < SLOTS_KINDS; k++) {
        d->model.list[k] = NULL;
        for (int i = 0; x && i < x->n; i++) {
            if (gives(&x->source[i], (enum slots_kind)k)) {
                d->model.list[k] = &x->site_slots[k];
            }
        }
    }
    if (d->model.list[SLOTS_PRICE]) {
        d->model.device[1].features |= FEATURE_PRICE;
    } else {
        model_set_unknown(&d->model, 1, FIELD_SITE_PRICE);
        model_set_json(&d->model, 1, FIELD_SITE_TARIFF, NULL);
    }
    if (!d->model.list[SLOTS_FORECAST]) {
        model_set_json(&d->model, 1, FIELD_SITE_FORECAST, NULL);
    }
    if (x) {
        x->slots_due_ms = 0;
    }
}

void energy_slots_close(struct energy *x)
{
    for (int i = 0; i < x->n; i++) {
        free(x->source[i].kept);
    }
    free(x->site_slots);
}

void energy_slots_take(struct daemon *d, int i, const struct ems_reports *r)
{
    struct energy_source *s = &d->energy->source[i];

    if (!s->kept || !r->slots) {
        return;
    }
    if (ems_slots_take(s->kept, r->slots, utc_s())) {
        save(d, s);
    }
    d->energy->slots_due_ms = 0;
}

/* ---- when ---- */

static struct ems_planning planning_of(const struct energy_source *s)
{
    const struct ems_adapter *a = s->settings->adapter;

    return (struct ems_planning){.plan = a->plan,
            .have = &s->kept->list[gives(s, SLOTS_FORECAST) ? SLOTS_FORECAST : SLOTS_PRICE],
            .interval_s = s->settings->interval_s,
            .calls = a->calls ? a->calls(s->settings->options) : 1};
}

int64_t energy_slots_wait_ms(
        const struct energy_source *s, bool ok, int64_t wait_ms, uint32_t random)
{
    struct ems_planning p;
    int64_t least_ms;

    if (!s->kept || !s->settings->adapter->plan) {
        return wait_ms;
    }
    p = planning_of(s);
    least_ms = ems_plan_least(&p, utc_s()) * 1000;
    return ok                   ? ems_plan_wait(&p, utc_s(), random) * 1000
           : least_ms > wait_ms ? least_ms
                                : wait_ms;
}

int64_t energy_slots_start_ms(const struct energy_source *s)
{
    const struct ems_plan steady = {.kind = EMS_PLAN_STEADY};
    int64_t fetched_s = energy_slots_fetched_ms(s) / 1000;
    struct ems_planning p;

    if (fetched_s == 0) {
        return 0;
    }
    p = planning_of(s);
    p.plan = p.plan ? p.plan : &steady;
    return ems_plan_start(&p, fetched_s, utc_s()) * 1000;
}

/* ---- showing a source ---- */

static bool currency_fits(const struct energy *x, const struct energy_source *s)
{
    return s->kept->currency[0] == '\0' ||
           strcmp(s->kept->currency, x->source[0].daemon->settings.site.currency) == 0;
}

static const struct slot *now_of(const struct energy *x, const struct energy_source *s,
        enum slots_kind k, const char **why)
{
    const struct slot *slot =
            ems_slots_now(s->kept, k, utc_s(), (int64_t)s->settings->max_age_s, why);

    if (slot && k != SLOTS_FORECAST && !currency_fits(x, s)) {
        *why = "its prices are in another currency than site.currency";
        return NULL;
    }
    return slot;
}

bool energy_slots_fresh(const struct energy *x, int i, const char **why)
{
    const struct energy_source *s = &x->source[i];

    for (int k = 0; s->kept && k < SLOTS_KINDS; k++) {
        if (gives(s, (enum slots_kind)k) && !now_of(x, s, (enum slots_kind)k, why)) {
            return false;
        }
    }
    return true;
}

int64_t energy_slots_fetched_ms(const struct energy_source *s)
{
    int64_t newest_s = 0;

    for (int k = 0; s->kept && k < SLOTS_KINDS; k++) {
        newest_s = s->kept->fetched_s[k] > newest_s ? s->kept->fetched_s[k] : newest_s;
    }
    return newest_s * 1000;
}

static void write_time(struct jw *w, const char *key, int64_t s)
{
    char time[STR_TIME_ROOM];

    str_time(time, s * 1000);
    jw_str(w, key, s != 0 ? time : NULL);
}

static void write_amount(struct jw *w, const char *key, enum slots_kind k, int64_t v)
{
    int digits = k == SLOTS_FORECAST ? 0 : 6;

    jw_decimal(w, key, v, digits, digits);
}

static void write_slot(struct jw *w, const char *key, enum slots_kind k, const struct slot *x)
{
    if (!x) {
        jw_null(w, key);
        return;
    }
    jw_open(w, key);
    write_time(w, "start", x->start_s);
    write_time(w, "end", x->end_s);
    write_amount(w, "value", k, x->value);
    jw_close(w);
}

void energy_slots_write(struct jw *w, const struct energy *x, int i)
{
    const struct energy_source *s = &x->source[i];

    for (int k = 0; s->kept && k < SLOTS_KINDS; k++) {
        const char *why = NULL;
        const struct slot *slot;

        if (!gives(s, (enum slots_kind)k)) {
            continue;
        }
        slot = now_of(x, s, (enum slots_kind)k, &why);
        jw_open(w, slots_kind_words[k]);
        if (slot) {
            write_amount(w, "value", (enum slots_kind)k, slot->value);
        } else {
            jw_null(w, "value");
            jw_str(w, "why", why);
        }
        write_time(w, "time", s->kept->fetched_s[k]);
        if (s->kept->fetched_s[k] != 0) {
            jw_int(w, "age_s", utc_s() - s->kept->fetched_s[k]);
        } else {
            jw_null(w, "age_s");
        }
        jw_int(w, "slots", s->kept->list[k].n);
        jw_str(w, "raw", s->kept->raw[k][0] != '\0' ? s->kept->raw[k] : NULL);
        jw_close(w);
    }
}

/* ---- the site ---- */

static void merge(struct daemon *d)
{
    struct energy *x = d->energy;
    struct ems_slot_source from[EMS_SOURCES_MAX];

    for (int k = 0; k < SLOTS_KINDS; k++) {
        struct slots *out = calloc(2, sizeof(*out));

        for (int i = 0; i < x->n; i++) {
            const struct energy_source *s = &x->source[i];
            bool fits = s->kept && (k == SLOTS_FORECAST || currency_fits(x, s));

            from[i] = (struct ems_slot_source){.kept = fits ? s->kept : NULL,
                    .role = (enum ems_role)s->settings->role,
                    .kinds = s->kinds,
                    .ttl_s = s->settings->max_age_s};
        }
        if (out && d->model.list[k]) {
            ems_slots_site(from, x->n, (enum slots_kind)k, utc_s(), out);
            slots_keep(&out[0], utc_s() - SLOTS_BEHIND_S, utc_s() + SLOTS_AHEAD_S);
            if (memcmp(&out[0], &x->site_slots[k], sizeof(out[0])) != 0) {
                x->site_slots[k] = out[0];
                d->model.list_version[k]++;
            }
        }
        free(out);
    }
}

/* What of the list matters now, for the site's document; the whole list has a topic of its own. */
static void show_summary(struct daemon *d, enum slots_kind k, enum field_id field)
{
    const struct slots *s = &d->energy->site_slots[k];
    CLEANUP(buf_finish) struct buf b;
    int64_t now_s = utc_s(), until_s = s->n > 0 ? s->slot[s->n - 1].end_s : 0;
    const struct slot *now = slots_at(s, now_s);
    struct jw w;

    buf_init(&b, MODEL_JSON_ROOM - 1);
    jw_init(&w, &b);
    jw_open(&w, NULL);
    write_slot(&w, "now", k, now);
    write_slot(&w, "next", k, slots_next(s, now_s));
    if (k == SLOTS_FORECAST) {
        jw_int(&w, "next_24h_wh", slots_integral(s, now_s, now_s + DAY_S) / WS_PER_WH);
    } else {
        jw_str(&w, "currency", d->settings.site.currency);
        write_slot(&w, "cheapest", k, slots_lowest(s, now ? now->start_s : now_s, until_s));
        if (d->model.list[SLOTS_EXPORT]) {
            write_slot(&w, "export", SLOTS_EXPORT,
                    slots_at(&d->energy->site_slots[SLOTS_EXPORT], now_s));
        }
    }
    write_time(&w, "until", until_s);
    jw_int(&w, "slots", s->n);
    jw_close(&w);
    model_set_json(&d->model, 1, field, buf_ok(&b) ? buf_text(&b) : NULL);
}

void energy_slots_show(struct daemon *d)
{
    struct energy *x = d->energy;
    const struct slot *price;

    if (!x->site_slots) {
        return;
    }
    if (loop_now_ms() >= x->slots_due_ms) {
        merge(d);
        x->slots_due_ms = loop_now_ms() + MERGE_MS;
    }
    if (d->model.list[SLOTS_PRICE]) {
        price = slots_at(&x->site_slots[SLOTS_PRICE], utc_s());
        if (price) { /* ten-thousandths of the currency */
            model_set(&d->model, 1, FIELD_SITE_PRICE,
                    (price->value + (price->value < 0 ? -50 : 50)) / 100);
        } else {
            model_set_unknown(&d->model, 1, FIELD_SITE_PRICE);
        }
        show_summary(d, SLOTS_PRICE, FIELD_SITE_TARIFF);
    }
    if (d->model.list[SLOTS_FORECAST]) {
        show_summary(d, SLOTS_FORECAST, FIELD_SITE_FORECAST);
    }
}
