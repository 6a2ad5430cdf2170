/*
 * check - `twcbridge check FILE` and `twcbridge schema`. SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/settings.h"
#include "bridge/verbs.h"
#include "discovery/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void summary(const char *file, const struct settings *s)
{
    printf("%s: ok\n", file);
    for (int i = 0; i < s->circuit_count; i++) {
        const struct circuit_settings *c = &s->circuit[i];

        printf("  circuit %s: at most %g A on each phase%s%s\n", c->name,
                c->effective_limit_ma / 1000.0, c->parent[0] != '\0' ? ", fed by " : "",
                c->parent);
    }
    for (int i = 0; i < s->bus_count; i++) {
        printf("  bus %s: %s on circuit %s\n", s->bus[i].name, s->bus[i].port,
                s->bus[i].circuit);
    }
    for (int i = 0; i < s->charger_count; i++) {
        printf("  charger %s%s%s\n", s->charger[i].id,
                s->charger[i].name[0] != '\0' ? ": " : "", s->charger[i].name);
    }
}

/* All sentences that were kept, and how many there were beyond. */
static void say(const char *file, const char *kind, const struct opt_errors *errs)
{
    for (int i = 0; i < errs->count && i < OPT_ERRORS_MAX; i++) {
        fprintf(stderr, "%s: %s%s\n", file, kind, errs->text[i]);
    }
    if (errs->count > OPT_ERRORS_MAX) {
        fprintf(stderr, "%s: %sand %d more\n", file, kind, errs->count - OPT_ERRORS_MAX);
    }
}

static int check_file(const char *file)
{
    struct settings *s = calloc(1, sizeof(*s));
    struct opt_errors *errs = calloc(2, sizeof(*errs));
    struct err e = {0};
    char *text = NULL;
    size_t len = 0;
    int code = 0;

    if (!s || !errs) {
        free(s);
        free(errs);
        return err_exit_code(ERR_NO_MEMORY);
    }
    if (settings_read(file, &text, &len, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.text);
        code = err_exit_code(e.code);
        goto out;
    }
    settings_parse(text, len, s, &errs[0], &errs[1]);
    say(file, "", &errs[0]);
    say(file, "warning: ", &errs[1]);
    if (errs[0].count > 0) {
        code = err_exit_code(ERR_INVALID);
    } else {
        summary(file, s);
    }
out:
    free(text);
    free(s);
    free(errs);
    return code;
}

int verb_check(int argc, char **argv)
{
    static const char usage[] = "usage: twcbridge check FILE\n"
                                "Says all that is wrong with a settings file; opens no port.\n"
                                "Exit code 0: fine, 64: wrong, 66: no such file.\n";
    static const char *const options[] = {"--help", NULL};
    const char *file = NULL;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (argv[i][0] == '-' || file) {
            return verb_refuse("check", argv[i], options);
        }
        file = argv[i];
    }
    if (!file) {
        fprintf(stderr, "twcbridge check: which file?\n%s", usage);
        return err_exit_code(ERR_INVALID);
    }
    return check_file(file);
}

static const struct {
    const char *option, *text;
    void (*write)(struct buf *);
} outputs[] = {
        {"--settings", "JSON Schema of the settings file (default)", settings_schema},
        {"--docs", "docs/settings.md", settings_docs},
        {"--entities", "docs/entities.md", entities_docs},
        {"--state", "JSON Schema of the state documents", state_schema},
};

static void schema_usage(void)
{
    puts("usage: twcbridge schema [OPTION]");
    for (size_t k = 0; k < ARRAY_LEN(outputs); k++) {
        printf("  %-11s %s\n", outputs[k].option, outputs[k].text);
    }
}

int verb_schema(int argc, char **argv)
{
    const char *options[ARRAY_LEN(outputs) + 2] = {"--help"};
    CLEANUP(buf_finish) struct buf b = {0};
    size_t which = 0;

    for (size_t k = 0; k < ARRAY_LEN(outputs); k++) {
        options[k + 1] = outputs[k].option;
    }
    for (int i = 0; i < argc; i++) {
        size_t k = 0;

        if (strcmp(argv[i], "--help") == 0) {
            schema_usage();
            return 0;
        }
        while (k < ARRAY_LEN(outputs) && strcmp(outputs[k].option, argv[i]) != 0) {
            k++;
        }
        if (k == ARRAY_LEN(outputs)) {
            return verb_refuse("schema", argv[i], options);
        }
        which = k;
    }
    buf_init(&b, BUF_CAP_SETTINGS);
    outputs[which].write(&b);
    if (!buf_ok(&b)) {
        return err_exit_code(ERR_NO_MEMORY);
    }
    fputs(buf_text(&b), stdout);
    if (b.len > 0 && b.data[b.len - 1] != '\n') {
        putchar('\n');
    }
    return fflush(stdout) == 0 ? 0 : err_exit_code(ERR_IO);
}
