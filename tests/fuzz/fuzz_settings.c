/*
 * fuzz_settings - a settings file: what is wrong has a path and a sentence; what is taken is
 * complete, sound, understood by port, broker and topics, and reads the same when it is written
 * and read again; no secret is ever printed. SPDX-License-Identifier: MIT
 */
#include "bridge/core/topic.h"
#include "bridge/io/mqtt.h"
#include "bridge/io/port.h"
#include "bridge/settings.h"
#include "bridge/settings_tables.h"
#include "tests/fuzz/fuzz.h"

static const char secret[] = "hunter2";

/* The secret stands in the file once, and that is the password. */
static bool has_secret(const char *text, const struct settings *s)
{
    const char *at = strstr(text, secret);

    return at && !strstr(at + 1, secret) && strstr(s->mqtt.password, secret);
}

static void sentences(const struct opt_errors *x, bool hide)
{
    for (int i = 0; i < x->count && i < OPT_ERRORS_MAX; i++) {
        const char *s = x->text[i];

        fuzz_sentence(s, sizeof(x->text[i]));
        fuzz_check(strncmp(s, "JSON, line ", 11) == 0 || strstr(s, ": "), "no path: %s", s);
        fuzz_check(fuzz_utf8(s), "no UTF-8: %s", s);
        fuzz_check(!hide || !strstr(s, secret), "told: %s", s);
    }
}

static void tree(const struct settings *s)
{
    for (int i = 0; i < s->circuit_count; i++) {
        int at = i, steps = 0;

        for (; at >= 0; at = s->circuit[at].parent_index) {
            fuzz_check(at < s->circuit_count && steps++ <= CIRCUITS_MAX, "circuit %d: a circle",
                    i);
        }
        fuzz_check(s->circuit[i].effective_limit_ma >= 0, "circuit %d: limit %d", i,
                s->circuit[i].effective_limit_ma);
    }
    for (int i = 0; i < s->bus_count; i++) {
        fuzz_check(s->bus[i].circuit_index >= -1 && s->bus[i].circuit_index < s->circuit_count,
                "bus %d: circuit %d", i, s->bus[i].circuit_index);
    }
    for (int i = 0; i < s->charger_count; i++) {
        fuzz_check(s->charger[i].bus_index >= -1 && s->charger[i].bus_index < s->bus_count,
                "charger %d: bus %d", i, s->charger[i].bus_index);
        fuzz_check(s->charger[i].phases >= 0 && s->charger[i].phases <= PHASE_MAP_L1L2L3,
                "charger %d: phases %d", i, s->charger[i].phases);
    }
}

/* Without errors every part must be usable by whoever gets it. */
static void usable(const struct settings *s)
{
    struct err e = {0};

    fuzz_check(topic_base_valid(s->mqtt.base_topic), "base '%s'", s->mqtt.base_topic);
    fuzz_check(topic_base_valid(s->mqtt.discovery_prefix), "prefix '%s'",
            s->mqtt.discovery_prefix);
    fuzz_check(s->mqtt.birth_topic[0] == '\0' || topic_valid(s->mqtt.birth_topic), "birth '%s'",
            s->mqtt.birth_topic);
    fuzz_check(s->mqtt.url[0] == '\0' || mqtt_url_ok(s->mqtt.url, &e), "'%s': %s", s->mqtt.url,
            e.text);
    for (int i = 0; i < s->circuit_count; i++) {
        fuzz_check(s->circuit[i].id[0] != '\0', "circuit %d has no id", i);
        for (int k = 0; k < i; k++) {
            fuzz_check(strcmp(s->circuit[i].id, s->circuit[k].id) != 0, "two circuits '%s'",
                    s->circuit[i].id);
        }
    }
    for (int i = 0; i < s->bus_count; i++) {
        const char *port = s->bus[i].port;

        fuzz_check(s->bus[i].circuit_index >= 0 && s->bus[i].id[0] != '\0', "bus %d hangs", i);
        fuzz_check(settings_virtual_count(port) > 0 || port_spec_ok(port, &e), "'%s': %s", port,
                e.text);
    }
}

static struct settings first, second;
static struct opt_errors errs, warnings;

/* What is not written as it is. */
static void reveal(struct settings *to, const struct settings *from)
{
    str_copy(to->mqtt.password, sizeof(to->mqtt.password), from->mqtt.password);
    for (int i = 0; i < from->source_count; i++) {
        const struct ems_adapter *a = from->source[i].adapter;

        for (const struct opt *o = a->options; o->name; o++) {
            if (o->flags & (OPT_SECRET | OPT_ADDRESS)) {
                memcpy(to->source[i].options + o->offset, from->source[i].options + o->offset,
                        o->size);
            }
        }
    }
}

static void again(void)
{
    CLEANUP(buf_finish) struct buf a;
    CLEANUP(buf_finish) struct buf b;

    buf_init(&a, BUF_CAP_SETTINGS);
    buf_init(&b, BUF_CAP_SETTINGS);
    settings_write(&first, &a);
    fuzz_check(buf_ok(&a), "not written");
    memset(&errs, 0, sizeof(errs.count));
    memset(&warnings, 0, sizeof(warnings.count));
    settings_parse(buf_text(&a), a.len, &second, &errs, &warnings);
    fuzz_check(
            errs.count == 0, "what we wrote we refuse: %s in %s", errs.text[0], buf_text(&a));
    settings_write(&second, &b);
    fuzz_check(strcmp(buf_text(&a), buf_text(&b)) == 0, "%s became %s", buf_text(&a),
            buf_text(&b));
    reveal(&second, &first);
    fuzz_check(!settings_restart_reason(&first, &second), "%s differs",
            settings_restart_reason(&first, &second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    bool hide;

    fuzz_check(text, "out of memory");
    memcpy(text, data, size);
    text[size] = '\0';
    errs.count = warnings.count = 0;
    settings_parse(text, size, &first, &errs, &warnings);
    hide = has_secret(text, &first);
    sentences(&errs, hide);
    sentences(&warnings, hide);
    tree(&first);
    if (hide) {
        struct buf b;

        buf_init(&b, BUF_CAP_SETTINGS);
        settings_write(&first, &b);
        fuzz_check(!strstr(buf_text(&b), secret), "told: %s", buf_text(&b));
        buf_finish(&b);
    }
    if (errs.count == 0) {
        usable(&first);
        again();
    }
    free(text);
    return 0;
}
