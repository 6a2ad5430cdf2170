/*
 * main - the command line: one row per verb. SPDX-License-Identifier: MIT
 */
#include "bridge/base/err.h"
#include "bridge/base/str.h"
#include "bridge/verbs.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int (*run)(int argc, char **argv);
} verbs[] = {
        {"run", "run the bridge in the foreground: run FILE [--state DIR]", verb_run},
        {"check", "say all that is wrong with a settings file: check FILE", verb_check},
        {"schema", "print the JSON Schema of the settings file", verb_schema},
        {"why", "the decisions in words, at any time: why [--at TIME] [--charger ID]", verb_why},
        {"bus", "say in words what a recording of a bus holds: bus FILE [--json]", verb_bus},
        {"backup", "copy the store into a file, also while it is in use: backup FILE", verb_backup},
        {"restore", "put a backup in the place of the store: restore FILE", verb_restore},
        {"adapters", "list the energy systems and their options: adapters [--json]", verb_adapters},
        {"probe", "read an energy system once: probe ADAPTER --set KEY=VALUE...", verb_probe},
        {"simulate", "offer virtual chargers on a pty or a TCP port", verb_simulate},
};
enum { VERBS = ARRAY_LEN(verbs) };

static void help(FILE *to)
{
    fputs("usage: twcbridge VERB ...\n\n", to);
    for (size_t i = 0; i < VERBS; i++) {
        fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].text);
    }
    fputs("\n  --version  print the version\n  --help     print this; after a verb: its own\n", to);
}

int verb_refuse(const char *verb, const char *arg, const char *const *options)
{
    const char *near = arg[0] == '-' ? str_nearest(arg, options) : NULL;

    fprintf(stderr, "twcbridge %s: %s is not understood%s%s%s\n", verb, arg,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return err_exit_code(ERR_INVALID);
}

int main(int argc, char **argv)
{
    const char *names[VERBS + 1] = {NULL};
    const char *near;

    if (argc < 2) {
        help(stderr);
        return 64;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("twcbridge " TWCBRIDGE_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return 0;
    }
    for (size_t i = 0; i < VERBS; i++) {
        names[i] = verbs[i].name;
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return verbs[i].run(argc - 2, argv + 2);
        }
    }
    near = str_nearest(argv[1], names);
    fprintf(stderr, "twcbridge: there is no verb '%s'%s%s%s\n", argv[1],
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    help(stderr);
    return 64;
}
