/*
 * state_schema - JSON Schema of the state documents, out of the tables.
 * SPDX-License-Identifier: MIT
 */
#include "discovery/rows.h"

/* "type": [type, "null"] */
static void nullable(struct jw *w, const char *type)
{
    jw_array(w, "type");
    jw_str(w, NULL, type);
    jw_str(w, NULL, "null");
    jw_array_end(w);
}

static void enumeration(struct jw *w, const char *const *words)
{
    jw_array(w, "enum");
    for (int i = 0; words[i]; i++) {
        jw_str(w, NULL, words[i]);
    }
    jw_null(w, NULL);
    jw_array_end(w);
}

static void number(struct jw *w, enum field_id f)
{
    const struct entity *e = field_entity(f);

    nullable(w, "number");
    if (e && e->platform == ENTITY_NUMBER && e->min_from == BOUND_FIXED) {
        jw_decimal(w, "minimum", e->min, 3, 3);
    }
    if (e && e->platform == ENTITY_NUMBER && e->max_from == BOUND_FIXED) {
        jw_decimal(w, "maximum", e->max, 3, 3);
    }
    if (e && e->unit) {
        jw_str(w, "description", e->unit);
    }
}

static void property(struct jw *w, enum field_id f)
{
    const struct field_info *info = &field_table[f];

    jw_open(w, info->key);
    switch (info->type) {
    case TYPE_MA:
    case TYPE_W:
    case TYPE_MV:
    case TYPE_WH:
    case TYPE_PERMILLE:
    case TYPE_COUNT:
    case TYPE_BYTES:
    case TYPE_MONEY:
    case TYPE_MILLI:
        number(w, f);
        break;
    case TYPE_FLAG:
        nullable(w, "boolean");
        break;
    case TYPE_ENUM:
        enumeration(w, info->words);
        break;
    case TYPE_TEXT:
        nullable(w, "string");
        jw_int(w, "maxLength", MODEL_TEXT_ROOM - 1);
        break;
    case TYPE_TIME:
        nullable(w, "string");
        jw_str(w, "format", "date-time");
        break;
    case TYPE_JSON: /* a list or an object; its members belong to who makes it */
        break;
    }
    jw_close(w);
}

static void head(struct jw *w, enum model_kind kind)
{
    jw_open(w, "contract");
    jw_int(w, "const", 1);
    jw_close(w);
    jw_open(w, "id");
    if (kind == MODEL_BRIDGE || kind == MODEL_SITE) {
        jw_str(w, "type", "null");
    } else {
        jw_str(w, "type", "string");
        jw_str(w, "pattern", "^[a-z0-9_]+$");
    }
    jw_close(w);
    jw_open(w, "name");
    jw_str(w, "type", "string");
    jw_close(w);
    jw_open(w, "updated");
    nullable(w, "string");
    jw_str(w, "format", "date-time");
    jw_close(w);
}

static void document_schema(struct jw *w, enum model_kind kind)
{
    int first = (int)field_first(kind);
    int end = first + field_count(kind);

    jw_open(w, model_kind_names[kind]);
    jw_str(w, "type", "object");
    jw_open(w, "properties");
    head(w, kind);
    for (int i = first; i < end; i++) {
        property(w, (enum field_id)i);
    }
    jw_close(w);
    jw_array(w, "required");
    jw_str(w, NULL, "contract");
    jw_str(w, NULL, "id");
    jw_str(w, NULL, "name");
    jw_str(w, NULL, "updated");
    for (int i = first; i < end; i++) {
        jw_str(w, NULL, field_table[i].key);
    }
    jw_array_end(w);
    jw_bool(w, "additionalProperties", false);
    jw_close(w);
}

void state_schema(struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_open(&w, NULL);
    jw_str(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jw_str(&w, "title", "State documents of twcbridge, by kind");
    jw_open(&w, "$defs");
    for (int k = 0; k < MODEL_KINDS; k++) {
        document_schema(&w, (enum model_kind)k);
    }
    jw_close(&w);
    jw_close(&w);
    buf_addc(out, '\n');
}
