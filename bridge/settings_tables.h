/*
 * settings_tables - the option rows of the settings file, section by section.
 * SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_SETTINGS_TABLES_H
#define BRIDGE_SETTINGS_TABLES_H

#include "bridge/settings.h"

/* One section: an object, or a list of objects. */
struct section {
    const char *name;
    const char *text; /* one sentence for the docs */
    const struct opt *table;
    size_t offset;       /* of the struct or the first of the array in struct settings */
    size_t size;         /* of one */
    int max;             /* entries of a list; 0: an object */
    size_t count_offset; /* of the int that counts a list */
    bool sources;        /* its rows depend on the adapter: settings_sources.c */
};
extern const struct section sections[];
extern const size_t section_count;

/* settings_sources.c: the common rows and those of an adapter (NULL: none) in one table. */
enum { SOURCE_ROWS_MAX = 64 };
extern const struct opt source_rows[];
void source_table(const struct ems_adapter *a, struct opt out[SOURCE_ROWS_MAX]);
/* The rows of the adapter alone, offsets of its own struct; how many. */
int source_own_table(const struct ems_adapter *a, struct opt out[SOURCE_ROWS_MAX]);
/* The same for a schema, in which `adapter` is this one. choice: room that out points to. */
void source_schema_table(
        const struct ems_adapter *a, const char *choice[2], struct opt out[SOURCE_ROWS_MAX]);
/* What ties sources together: topic names, one primary for a field. */
void settings_check_sources(struct settings *s, struct opt_errors *errs);
/* Circuits and their meters; after the circuits. */
void settings_check_meters(
        struct settings *s, struct opt_errors *errs, struct opt_errors *warnings);

/* settings_docs.c: a table of options as Markdown. */
void settings_docs_table(struct buf *out, const struct opt *table);

/* settings_check.c: what the tables cannot say; fills ids and indexes. */
void settings_check(struct settings *s, struct opt_errors *errs, struct opt_errors *warnings);

/* settings_check_text.c: the parts of it that look at one text. */
void settings_check_mqtt(
        const struct mqtt_settings *m, struct opt_errors *errs, struct opt_errors *warnings);
void settings_check_port(const char *port, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);

/* Index of the circuit of that name or id; -1, with an error at path, where there is none. */
int settings_find_circuit(
        const struct settings *s, const char *name, const char *path, struct opt_errors *errs);

/* N of "virtual:N"; 0 for every other port. */
int settings_virtual_count(const char *port);

#endif
