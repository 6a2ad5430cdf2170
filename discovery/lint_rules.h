/*
 * lint_rules - the small checks that the linter is made of. SPDX-License-Identifier: MIT
 */
#ifndef DISCOVERY_LINT_RULES_H
#define DISCOVERY_LINT_RULES_H

#include "bridge/base/err.h"
#include "bridge/base/json.h"
#include "discovery/lint_tables.h"

#include <stdbool.h>
#include <stdint.h>

enum { LINT_PLACE_ROOM = 160 };

struct lint {
    struct err *e;
    struct json_object *root;
    char at[LINT_PLACE_ROOM]; /* where we are: "", "device", "components.power" */
};

/* Says why, at member of the present place (NULL: the place itself); always false. */
bool lint_bad(struct lint *l, const char *member, const char *why);

/* True if the words of a list (between blanks) hold this one. */
bool lint_listed(const char *words, const char *word);

/* The text of a member, NULL: none or no text. */
const char *lint_text(struct json_object *v, const char *key);

/* Each is true where the member is missing, unless it says otherwise. */
bool lint_is_text(struct lint *l, struct json_object *v, const char *key); /* and not empty */
bool lint_is_bool(struct lint *l, struct json_object *v, const char *key);
bool lint_is_url(struct lint *l, struct json_object *v, const char *key, bool home_assistant);
bool lint_is_topic(struct lint *l, struct json_object *v, const char *key);
bool lint_is_template(struct lint *l, struct json_object *v, const char *key);
bool lint_is_int(
        struct lint *l, struct json_object *v, const char *key, int64_t min, int64_t max);
/* Not empty, texts, none twice. */
bool lint_is_words(struct lint *l, struct json_object *v, const char *key);

/* Every member stands in one of the lists. */
bool lint_only(struct lint *l, struct json_object *v, const char *const *lists);

/* availability, its mode, its topic, qos and expiry: the same at the root and in a component. */
bool lint_shared(struct lint *l, struct json_object *v);

/* lint_component.c: all that stands in components.<key>. */
bool lint_component(struct lint *l, const char *key, struct json_object *v);

#endif
