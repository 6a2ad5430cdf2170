/*
 * ems_keep - what sessions of energy systems keep over restarts: refresh tokens that change with each
 * use, of which only the last one counts.
 *
 * One file for each source, DIR/sessions/ID, for the bridge's user alone (0600); it is no part of the
 * store, so no backup has it and no backup brings an old one back. A new text is written beside the
 * old one, synced and renamed, on a thread; what waits for that goes on when it is on the disk.
 * SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_EMS_KEEP_H
#define BRIDGE_EMS_KEEP_H

#include "adapters/ems/ems.h"

enum { EMS_KEEP_PATH_ROOM = 512 };

/* Reads a file into session->keep; nothing there is no error. ERR_IO: it cannot be read. */
enum err_code ems_keep_read(
        const char *file, char keep[static EMS_KEEP_ROOM], struct err *e) MUST_CHECK;
/* Puts text into its place, blocking; "" removes the file. Its folder is made (0700) where it is
 * missing. */
enum err_code ems_keep_write(const char *file, const char *text, struct err *e) MUST_CHECK;
/* Removes what is in the folder and none of the n names. */
void ems_keep_sweep(const char *folder, const char *const names[], int n);

struct ems_keep; /* one file */
struct worker;

/* w does the writing; borrowed, and outlives k. NULL: out of memory, or the name is too long. */
struct ems_keep *ems_keep_create(struct worker *w, const char *file, struct err *e) MUST_CHECK;
/* What is being written is written. Accepts NULL. */
void ems_keep_destroy(struct ems_keep *k);

/* fn (NULL: nobody waits) once, never from inside this function: it is on the disk, or e says why not. False: out of
 * memory, or too many wait; fn is not called. One that is under way is written as well, without its fn. */
typedef void ems_keep_fn(void *user, const struct err *e);
bool ems_keep_save(struct ems_keep *k, const char *text, ems_keep_fn *fn, void *user);
/* Without fn. */
void ems_keep_forget(struct ems_keep *k);

#endif
