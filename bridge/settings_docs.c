/*
 * settings_docs - the page about the settings, from the option tables. SPDX-License-Identifier: MIT
 */
#include "bridge/base/json.h"
#include "bridge/settings_tables.h"

#include <inttypes.h>

static void docs_number(struct buf *out, const struct opt *o, int64_t v)
{
    if (o->type != OPT_INT) {
        struct jw w;

        jw_init(&w, out);
        jw_decimal(&w, NULL, v, opt_digits(o->type), opt_digits(o->type));
    } else {
        buf_addf(out, "%" PRId64, v);
    }
}

static void docs_value(struct buf *out, const struct opt *o)
{
    switch (o->type) {
    case OPT_BOOL:
        buf_addf(out, "true or false | %s", o->fallback ? "true" : "false");
        break;
    case OPT_INT:
    case OPT_AMPS:
    case OPT_MICRO:
        docs_number(out, o, o->min);
        buf_adds(out, " to ");
        docs_number(out, o, o->max);
        buf_addf(out, "%s%s | ", o->unit ? " " : "", o->unit ? o->unit : "");
        if (o->fallback == OPT_UNSET) {
            buf_adds(out, "not set");
        } else {
            docs_number(out, o, o->fallback);
        }
        break;
    case OPT_STRING:
        buf_addf(out, o->fallback_str ? "text | `%s`" : "text | not set", o->fallback_str);
        break;
    case OPT_CHOICE:
        for (int i = 0; o->choices[i]; i++) {
            buf_addf(out, "%s`%s`", i > 0 ? " " : "", o->choices[i]);
        }
        buf_addf(out, " | `%s`", o->choices[o->fallback]);
        break;
    }
}

void settings_docs_table(struct buf *out, const struct opt *table)
{
    buf_adds(out, "\n| option | values | default | |\n|---|---|---|---|\n");
    for (const struct opt *o = table; o->name; o++) {
        buf_addf(out, "| `%s` | ", o->name);
        docs_value(out, o);
        buf_addf(out, " | %s%s%s |\n", o->flags & OPT_REQUIRED ? "**Required.** " : "", o->text,
                o->flags & OPT_RESTART ? " *Restart.*" : "");
    }
}

void settings_docs(struct buf *out)
{
    buf_adds(out,
            "# Settings\n\n"
            "One JSON file. The smallest useful one:\n\n"
            "```json\n"
            "{\n"
            "  \"mqtt\": {\"url\": \"mqtt://127.0.0.1:1883\"},\n"
            "  \"circuits\": [{\"name\": \"garage\", \"limit_a\": 32}],\n"
            "  \"buses\": [{\"port\": \"/dev/ttyUSB0\", \"circuit\": \"garage\"}]\n"
            "}\n"
            "```\n\n"
            "`twcbridge check FILE` says all that is wrong with one and opens no port. What does\n"
            "not exist is an error. A change marked *restart* waits for one; all others apply on\n"
            "SIGHUP. Editors may use `schemas/settings.schema.json`; name it in `$schema`.\n\n"
            "This page is generated from the option tables (`twcbridge schema --docs`).\n");
    for (size_t i = 0; i < section_count; i++) {
        const struct section *x = &sections[i];

        buf_addf(out, "\n## %s\n\n%s%s\n", x->name, x->text, x->max > 0 ? " A list." : "");
        settings_docs_table(out, x->table);
        if (x->sources) {
            buf_adds(out,
                    "\nBeside these each system has options of its own: [all systems](systems.md).\n");
        }
    }
}
