/*
 * store_copy - a store as one file: backup while a bridge writes, restore while none does.
 *
 * Both write beside the target, check what they wrote, and rename: the target is the old file or
 * the whole new one, never a part. They block on the disk: a worker's or the command line's
 * business, never the loop's. SPDX-License-Identifier: MIT
 */
#ifndef STORE_STORE_COPY_H
#define STORE_STORE_COPY_H

#include "bridge/base/err.h"

#include <stddef.h>

enum { STORE_PATH_ROOM = 512 };

/* Copies dir/twcbridge.db to the file `to` (mode 0600: the store may hold the broker's password)
 * by SQLite's online backup. A `to` that exists is replaced where it is a store, else refused.
 * ERR_NOT_FOUND: no store there; ERR_REFUSED: foreign, newer or in the way; ERR_IO: the rest. */
enum err_code store_backup(const char *dir, const char *to, struct err *e) MUST_CHECK;

/* Puts the backup `from` in the place of dir/twcbridge.db. What was there is kept as `aside` (""
 * where nothing was). ERR_REFUSED: a bridge holds the store, or `from` is foreign, newer or
 * damaged. The bridge that starts next makes a cold start, and sends no old events. */
enum err_code store_restore(const char *dir, const char *from,
        char aside[static STORE_PATH_ROOM], struct err *e) MUST_CHECK;

/* Takes dir/twcbridge.lock for as long as the descriptor lives. -1 and ERR_REFUSED: somebody else
 * has it; -1 and ERR_IO: it cannot be made (a read-only or full disk). */
int store_lock(const char *dir, struct err *e);

#endif
