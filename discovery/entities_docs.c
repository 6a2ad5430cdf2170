/*
 * entities_docs - docs/entities.md out of the tables. SPDX-License-Identifier: MIT
 */
#include "bridge/base/macros.h"
#include "discovery/rows.h"

#include <string.h>

static const char *const titles[MODEL_KINDS] = {
        [MODEL_BRIDGE] = "Bridge",
        [MODEL_SITE] = "Site",
        [MODEL_CIRCUIT] = "Circuit",
        [MODEL_CHARGER] = "Charger",
        [MODEL_SOURCE] = "Energy source",
};

static const char *const intros[MODEL_KINDS] = {
        [MODEL_BRIDGE] =
                "State document `<base>/bridge/health`, commands `<base>/bridge/request/<key>`.",
        [MODEL_SITE] = "State document `<base>/site`, commands `<base>/site/<key>/set`.",
        [MODEL_CIRCUIT] =
                "State document `<base>/circuit/<id>`, commands "
                "`<base>/circuit/<id>/<key>/set`. A circuit is a device of its own when "
                "there is more than one, or when it has a meter.",
        [MODEL_CHARGER] =
                "State document `<base>/charger/<id>`, commands `<base>/charger/<id>/<key>/set`.",
        [MODEL_SOURCE] =
                ("State document `<base>/source/<id>`; one device for each entry of `sources`. Its "
                 "values are as the source gives them; the site's are what counts."),
};

struct condition {
    uint32_t feature;
    const char *text;
};

static const struct condition conditions[] = {
        {FEATURE_NEVER, "(later)"},
        {FEATURE_GEN3, "Gen 3 (later)"},
        {FEATURE_EMS, "an energy source"},
        {FEATURE_GRID, "grid power"},
        {FEATURE_PV, "solar power"},
        {FEATURE_BATTERY, "battery power"},
        {FEATURE_SOC, "charge of a battery"},
        {FEATURE_HOUSE, "house power"},
        {FEATURE_PRICE, "a source with prices"},
        {FEATURE_METER, "a meter (`sources`, `circuit`)"},
        {FEATURE_POLICY, "a policy, tariff or vehicle (later)"},
        {FEATURE_P2, "protocol 2"},
        {FEATURE_L1, "wired to L1"},
        {FEATURE_L2, "wired to L2"},
        {FEATURE_L3, "wired to L3"},
};

static void needs(struct buf *out, uint32_t features)
{
    bool first = true;

    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if ((features & conditions[i].feature) != 0) {
            buf_addf(out, "%s%s", first ? "" : ", ", conditions[i].text);
            first = false;
        }
    }
}

static void thousandths(struct buf *out, int64_t v)
{
    struct jw w;

    jw_init(&w, out);
    jw_decimal(&w, NULL, v, 3, 3);
}

static void bound(struct buf *out, enum entity_bound from, int64_t fixed)
{
    switch (from) {
    case BOUND_FIXED:
        thousandths(out, fixed);
        break;
    case BOUND_DEVICE_MAX:
        buf_adds(out, "the most it can take");
        break;
    case BOUND_DEVICE_FLOOR:
        buf_adds(out, "the floor");
        break;
    }
}

static void values(struct buf *out, const struct entity *e)
{
    if (e->platform == ENTITY_NUMBER) {
        bound(out, e->min_from, e->min);
        buf_adds(out, " to ");
        bound(out, e->max_from, e->max);
        buf_adds(out, ", step ");
        thousandths(out, e->step);
        return;
    }
    for (int i = 0; e->options && e->options[i]; i++) {
        buf_addf(out, "%s`%s`", i > 0 ? " " : "", e->options[i]);
    }
}

static const char *or_blank(const char *text)
{
    return text ? text : "";
}

/* Placeholders such as %s of the rows per bus become {bus}. */
static void with_bus(struct buf *out, const char *text)
{
    const char *mark = strstr(text, "%s");

    if (mark) {
        buf_add(out, text, (size_t)(mark - text));
        buf_adds(out, "{bus}");
        text = mark + 2;
    }
    buf_adds(out, text);
}

static void row(struct buf *out, const struct entity *e)
{
    buf_adds(out, "| `");
    with_bus(out, e->key);
    buf_addf(out, "` | %s | ", entity_platform_names[e->platform]);
    if (e->main_entity) {
        buf_adds(out, "(the device's)");
    } else if (e->name) {
        with_bus(out, e->name);
    } else {
        buf_adds(out, "(of its class)");
    }
    buf_addf(out, " | %s | %s | %s | ", or_blank(e->device_class), or_blank(e->unit),
            or_blank(e->state_class));
    values(out, e);
    buf_addf(out, " | %s | %s | ", or_blank(e->category), e->off ? "no" : "yes");
    needs(out, e->needs);
    buf_adds(out, " |\n");
}

/* Keys of the document that no entity shows. */
static void other_keys(struct buf *out, enum model_kind kind)
{
    bool first = true;

    for (int i = (int)field_first(kind); i < (int)field_first(kind) + field_count(kind); i++) {
        if (!field_entity((enum field_id)i)) {
            buf_addf(out, "%s`%s`", first ? "\nIn the document only: " : ", ",
                    field_table[i].key);
            first = false;
        }
    }
    buf_adds(out, first ? "" : ".\n");
}

static void kind_section(struct buf *out, enum model_kind kind)
{
    buf_addf(out, "\n## %s\n\n%s\n\n", titles[kind], intros[kind]);
    buf_adds(out, "| key | platform | name | class | unit | state class | values | category | "
                  "enabled | announced with |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < entity_count; i++) {
        if (entity_table[i].kind == kind) {
            row(out, &entity_table[i]);
        }
    }
    for (int i = 0; kind == MODEL_BRIDGE && i < BUS_ENTITIES; i++) {
        row(out, &bus_entity_table[i].row);
    }
    other_keys(out, kind);
}

void entities_docs(struct buf *out)
{
    buf_adds(out,
            "# Entities\n\n<!-- Generated by `twcbridge schema --entities`; do not edit. -->\n\n"
            "Every row is a component of the discovery document and, except buttons, events and "
            "`connection`, a key of the state document. `null` there means: not known. `<base>` "
            "is `mqtt.base_topic`, by default `twcbridge`. Entities that are not enabled can be "
            "enabled on the device's page in Home Assistant. \"(later)\" marks what no setting of "
            "this version brings yet.\n");
    for (int k = 0; k < MODEL_KINDS; k++) {
        kind_section(out, (enum model_kind)k);
    }
}
