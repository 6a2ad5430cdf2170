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

#endif
