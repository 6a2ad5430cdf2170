/*
 * backup - `twcbridge backup FILE` and `twcbridge restore FILE`. SPDX-License-Identifier: MIT
 */
#include "bridge/base/err.h"
#include "bridge/store/store_copy.h"
#include "bridge/verbs.h"

#include <stdio.h>
#include <string.h>

static const char *const options[] = {"--help", "--state", NULL};

struct wish {
    const char *file, *state;
};

/* -1: go on with what was asked for; else the exit code. */
static int parse(const char *verb, const char *usage, int argc, char **argv, struct wish *w)
{
    *w = (struct wish){.state = VERB_STATE_DIR};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--state") == 0 && i + 1 < argc) {
            w->state = argv[++i];
        } else if (argv[i][0] == '-' || w->file) {
            return verb_refuse(verb, argv[i], options);
        } else {
            w->file = argv[i];
        }
    }
    if (!w->file) {
        fprintf(stderr, "twcbridge %s: which file?\n%s", verb, usage);
        return err_exit_code(ERR_INVALID);
    }
    return -1;
}

int verb_backup(int argc, char **argv)
{
    static const char usage[] =
            "usage: twcbridge backup FILE [--state DIR]\n"
            "Copies the store of the bridge into FILE, also while it runs; a backup that is there\n"
            "already is replaced when the new one is whole. FILE may hold the broker's password.\n"
            "  --state DIR   where the store lives (default: " VERB_STATE_DIR ")\n";
    struct err e = {0};
    struct wish w;
    int code = parse("backup", usage, argc, argv, &w);

    if (code >= 0) {
        return code;
    }
    if (store_backup(w.state, w.file, &e) != ERR_OK) {
        fprintf(stderr, "twcbridge backup: %s\n", e.text);
        return err_exit_code(e.code);
    }
    printf("%s: ok\n", w.file);
    return 0;
}

int verb_restore(int argc, char **argv)
{
    static const char usage[] =
            "usage: twcbridge restore FILE [--state DIR]\n"
            "Puts a backup in the place of the store, which is kept beside it. Stop the bridge first.\n"
            "  --state DIR   where the store lives (default: " VERB_STATE_DIR ")\n";
    char aside[STORE_PATH_ROOM] = "";
    struct err e = {0};
    struct wish w;
    int code = parse("restore", usage, argc, argv, &w);

    if (code >= 0) {
        return code;
    }
    if (store_restore(w.state, w.file, aside, &e) != ERR_OK) {
        fprintf(stderr, "twcbridge restore: %s\n", e.text);
        return err_exit_code(e.code);
    }
    printf("%s: the store is that of the backup\n", w.state);
    if (aside[0] != '\0') {
        printf("what was there is kept as %s\n", aside);
    }
    return 0;
}
