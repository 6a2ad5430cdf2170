/*
 * tape - the last minutes of a line: bytes of both directions with their times, in bounded memory.
 *
 * Memory grows with what is kept, up to a bound; beyond that the oldest bytes go first. Nothing
 * here opens a file: tape_text gives the text that `twcbridge bus` reads (docs/bus.md).
 * SPDX-License-Identifier: MIT
 */
#ifndef IO_TAPE_H
#define IO_TAPE_H

#include "bridge/base/buf.h"

#include <stddef.h>
#include <stdint.h>

enum tape_direction { TAPE_HEARD = '<', TAPE_SENT = '>' };

/* A chunk holds at most this many bytes; longer ones are kept as several. */
enum { TAPE_CHUNK_MAX = 255 };

struct tape;

/* keep_ms: how far back; room: most bytes of memory, 1 KiB or more. NULL: no memory. */
struct tape *tape_create(int64_t keep_ms, size_t room) MUST_CHECK;
void tape_destroy(struct tape *t); /* accepts NULL */

/* now_ms never goes back; bytes of one direction that follow within 10 ms are one chunk, with the
 * time of its first byte. Accepts NULL as t. */
void tape_add(
        struct tape *t, enum tape_direction dir, const uint8_t *p, size_t n, int64_t now_ms);

/* One line a chunk, oldest first: "<ms> <dir> <hex>". Accepts NULL as t. */
void tape_text(const struct tape *t, struct buf *out);

size_t tape_bytes(const struct tape *t); /* memory held now */

#endif
