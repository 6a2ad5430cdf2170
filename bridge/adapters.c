/*
 * adapters - `twcbridge adapters`: the energy systems, for people, programs and the docs.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/base/str.h"
#include "bridge/settings_tables.h"
#include "bridge/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
        "usage: twcbridge adapters [--json | --docs [ADAPTER]]\n"
        "Lists the energy systems and their options.\n"
        "  --json            for programs\n"
        "  --docs            the page docs/systems.md; with ADAPTER the page of that system\n";

/* ---- what can be said of a system without settings ---- */

/* Its settings as they are when nothing is set, for the functions that want some. */
static void *defaults(const struct ems_adapter *a)
{
    void *config = calloc(1, EMS_CONFIG_MAX);

    if (config) {
        opt_defaults(a->options, config);
    }
    return config;
}

static const char *over(const struct ems_adapter *a, const void *config)
{
    if (a->over) {
        return a->over;
    }
    switch (ems_transport_of(a, config)) {
    case EMS_OVER_HTTP:
        return "HTTP";
    case EMS_OVER_MODBUS:
        return "Modbus";
    case EMS_OVER_MQTT:
        return "MQTT";
    case EMS_OVER_LINE:
        return "serial line, TCP";
    }
    return "";
}

/* "grid, sun, battery"; which of them a device has, it shows itself. */
static void gives(const struct ems_adapter *a, const void *config, struct buf *out)
{
    static const struct {
        enum ems_field field;
        const char *name;
    } rows[] = {{EMS_GRID_W, "grid"}, {EMS_PV_W, "sun"}, {EMS_BATTERY_W, "battery"},
            {EMS_SOC_PERMILLE, "charge"}, {EMS_CONSUMPTION_W, "house"},
            {EMS_CURRENT_L1_MA, "currents"}, {EMS_VOLTAGE_L1_MV, "voltages"}};
    uint32_t fields = a->fields(config);
    int n = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (fields & EMS_BIT(rows[i].field)) {
            buf_addf(out, "%s%s", n++ > 0 ? ", " : "", rows[i].name);
        }
    }
    if (n == 0) {
        buf_adds(out, a->gives ? a->gives : "what the settings name");
    }
}

static const char *where(const struct ems_adapter *a)
{
    return a->where ? a->where : a->cloud ? "cloud" : "local";
}

static char *text_option(const struct ems_adapter *a, const char *name, void *config)
{
    for (const struct opt *o = a->options; o->name; o++) {
        if (o->type == OPT_STRING && strcmp(o->name, name) == 0) {
            return (char *)config + o->offset;
        }
    }
    return NULL;
}

/* Whether the checks miss this option where nothing but an address is set. */
static bool is_missed(const struct opt_errors *errs, const char *name)
{
    char start[80];

    (void)str_format(start, sizeof(start), ".%s:", name);
    for (int i = 0; i < errs->count && i < OPT_ERRORS_MAX; i++) {
        if (strstr(errs->text[i], start)) {
            return true;
        }
    }
    return false;
}

/* What it wants to be logged in with: "token"; in brackets what only some devices want. */
static void login(const struct ems_adapter *a, void *config, struct buf *out)
{
    struct opt_errors *errs = calloc(2, sizeof(*errs));
    char *url = text_option(a, "url", config), *host = text_option(a, "host", config);
    int n = 0;

    if (errs && a->check) {
        (void)str_copy(url ? url : host ? host : (char[8]){""}, 8, url ? "http://x" : "x");
        a->check(config, "x", &errs[0], &errs[1]);
    }
    for (const struct opt *o = a->options; errs && o->name; o++) {
        if (o->flags & OPT_SECRET) {
            bool must = (o->flags & OPT_REQUIRED) || is_missed(&errs[0], o->name);

            buf_addf(out, must ? "%s%s" : "%s(%s)", n++ > 0 ? ", " : "", o->name);
        }
    }
    buf_adds(out, n > 0 ? "" : "none");
    free(errs);
}

/* The note that says what nobody tried. */
static const char *unproven(const struct ems_adapter *a)
{
    for (int i = 0; a->notes && a->notes[i]; i++) {
        if (strstr(a->notes[i], "not tried") || strstr(a->notes[i], "either was tried") ||
                strstr(a->notes[i], "against a fake")) {
            return a->notes[i];
        }
    }
    return "";
}

/* ---- the pages ---- */

enum { ADAPTERS_MAX = 128 };

static int by_title(const void *a, const void *b)
{
    const struct ems_adapter *const *x = a, *const *y = b;

    return strcmp((*x)->title, (*y)->title);
}

static void list_row(const struct ems_adapter *a, struct buf *out)
{
    void *config = defaults(a);

    if (config) {
        buf_addf(out, "| %s | [`%s`](systems/%s.md) | ", a->title, a->name, a->name);
        gives(a, config, out);
        buf_addf(out, " | %s | %s | ", where(a), over(a, config));
        login(a, config, out);
        buf_addf(out, " | %s | %s |\n", a->tested, unproven(a));
    }
    free(config);
}

static void list_page(struct buf *out)
{
    const struct ems_adapter *all[ADAPTERS_MAX];
    size_t n = 0;

    buf_adds(out,
            "# Energy systems\n\n"
            "<!-- Generated by `twcbridge adapters --docs`; do not edit. -->\n\n"
            "What the bridge can read meters, inverters, batteries, prices and forecasts from. What is not\n"
            "here often works with one of the generic ones: [`url_json`](systems/url_json.md) (HTTP),\n"
            "[`mqtt`](systems/mqtt.md), [`modbus`](systems/modbus.md), or over\n"
            "[Home Assistant](systems/homeassistant.md). How sources go together: [energy](energy.md).\n\n"
            "\"Tried on\": *real capture* is what a device of somebody sent; *vendor sample* comes from the\n"
            "maker's own text; *constructed* is made after the documented form, and nothing more is known.\n"
            "\"Login\": what it wants; in brackets what only some want.\n\n"
            "| system | adapter | gives | where | over | login | tried on | unproven |\n|---|---|---|---|---|---|---|---|\n");
    while (n < ADAPTERS_MAX && ems_at(n)) {
        all[n] = ems_at(n);
        n++;
    }
    qsort(all, n, sizeof(all[0]), by_title);
    for (size_t i = 0; i < n; i++) {
        list_row(all[i], out);
    }
}

static void page(const struct ems_adapter *a, struct buf *out)
{
    struct opt own[SOURCE_ROWS_MAX];
    void *config = defaults(a);

    if (!config) {
        return;
    }
    buf_addf(out,
            "# %s\n\n<!-- Generated by `twcbridge adapters --docs %s`; do not edit. -->\n\n%s\n\n"
            "| | |\n|---|---|\n| adapter | `%s` |\n| gives | ",
            a->title, a->name, a->summary, a->name);
    gives(a, config, out);
    buf_addf(out, "%s |\n| where | %s |\n| over | %s |\n",
            a->finds_out ? ", as far as it has them" : "", where(a), over(a, config));
    buf_addf(out, "| asked every | %d s, a value counts for %d s |\n| tried on | %s |\n\n",
            a->interval_s, a->max_age_s, a->tested);
    buf_adds(out, "## Options\n");
    source_own_table(a, own);
    settings_docs_table(out, own);
    buf_adds(out,
            "\nEvery source has [more](../settings.md#sources), such as `name`, `role`, `interval_s`.\n");
    if (a->notes && a->notes[0]) {
        buf_adds(out, "\n## Good to know\n\n");
        for (int i = 0; a->notes[i]; i++) {
            buf_addf(out, "* %s\n", a->notes[i]);
        }
    }
    buf_addf(out, "\n[All systems](../systems.md)\n");
    free(config);
}

static int print_docs(const char *name)
{
    CLEANUP(buf_finish) struct buf b;
    const struct ems_adapter *a = name ? ems_find(name) : NULL;
    const char *near = name && !a ? ems_near(name) : NULL;

    if (name && !a) {
        fprintf(stderr, "twcbridge adapters: there is no adapter '%s'%s%s%s\n", name,
                near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return err_exit_code(ERR_NOT_FOUND);
    }
    buf_init(&b, BUF_CAP_SETTINGS);
    if (a) {
        page(a, &b);
    } else {
        list_page(&b);
    }
    if (!buf_ok(&b)) {
        return err_exit_code(ERR_NO_MEMORY);
    }
    fputs(buf_text(&b), stdout);
    return 0;
}

/* ---- for programs ---- */

static void write_adapter(struct jw *w, const struct ems_adapter *a)
{
    struct opt table[SOURCE_ROWS_MAX];
    const char *choice[2];

    source_schema_table(a, choice, table);
    jw_open(w, NULL);
    jw_str(w, "name", a->name);
    jw_str(w, "title", a->title);
    jw_str(w, "summary", a->summary);
    jw_str(w, "tested", a->tested);
    jw_bool(w, "cloud", a->cloud);
    jw_int(w, "interval_s", a->interval_s);
    jw_int(w, "max_age_s", a->max_age_s);
    jw_open(w, "options");
    opt_schema(table, w);
    jw_close(w);
    jw_close(w);
}

static int print_json(void)
{
    CLEANUP(buf_finish) struct buf b;
    struct jw w;

    buf_init(&b, BUF_CAP_SETTINGS);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (size_t i = 0; ems_at(i); i++) {
        write_adapter(&w, ems_at(i));
    }
    jw_array_end(&w);
    if (!buf_ok(&b)) {
        return err_exit_code(ERR_NO_MEMORY);
    }
    puts(buf_text(&b));
    return 0;
}

/* ---- for people ---- */

static void print_rows(const struct opt *table)
{
    for (const struct opt *o = table; o->name; o++) {
        printf("    %-18s %s%s\n", o->name, o->flags & OPT_REQUIRED ? "Required. " : "",
                o->text);
    }
}

static int print_all(void)
{
    for (size_t i = 0; ems_at(i); i++) {
        const struct ems_adapter *a = ems_at(i);

        printf("%s: %s\n  %s Asked every %d s.\n", a->name, a->title, a->summary,
                a->interval_s);
        print_rows(a->options);
        puts("");
    }
    puts("Every source has these, too:");
    print_rows(source_rows);
    return 0;
}

int verb_adapters(int argc, char **argv)
{
    static const char *const options[] = {"--json", "--docs", "--help", NULL};

    if (argc > 0 && strcmp(argv[0], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc > 0 && strcmp(argv[0], "--docs") == 0 && (argc == 1 || argv[1][0] != '-')) {
        return argc > 2 ? verb_refuse("adapters", argv[2], options)
                        : print_docs(argc > 1 ? argv[1] : NULL);
    }
    if (argc > 0 && strcmp(argv[0], "--json") != 0) {
        return verb_refuse("adapters", argv[0], options);
    }
    if (argc > 1) {
        return verb_refuse("adapters", argv[1], options);
    }
    return argc == 1 ? print_json() : print_all();
}
