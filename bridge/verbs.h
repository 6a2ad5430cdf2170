/*
 * verbs - what the command line can do; one row in main.c, one function each.
 *
 * argv holds what stands after the verb; options may stand before or after the file. A verb
 * prints to stdout, complains to stderr, and returns an exit code of sysexits.h (0, 64 usage or
 * invalid, 66 missing file, 74 I/O). SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_VERBS_H
#define BRIDGE_VERBS_H

int verb_run(int argc, char **argv);      /* daemon.c */
int verb_check(int argc, char **argv);    /* check.c */
int verb_schema(int argc, char **argv);   /* check.c */
int verb_simulate(int argc, char **argv); /* simulate.c */
int verb_why(int argc, char **argv);      /* why.c */
int verb_bus(int argc, char **argv);      /* bus.c */
int verb_adapters(int argc, char **argv); /* probe.c */
int verb_probe(int argc, char **argv);    /* probe.c */
int verb_backup(int argc, char **argv);   /* backup.c */
int verb_restore(int argc, char **argv);  /* backup.c */

/* Where the store of the service lives; `run` looks there too. */
#define VERB_STATE_DIR "/var/lib/twcbridge"

/* Complains about an argument that means nothing, names the nearest option; main.c. */
int verb_refuse(const char *verb, const char *arg, const char *const *options);

#endif
