/*
 * sse - the lines of an event stream (text/event-stream of the HTML standard).
 *
 * Takes bytes in any pieces. Lines end with LF, CR or CRLF; a byte order mark at the start and
 * comments are left out; an event is given at its empty line, and not at all without data. The id
 * is not kept: a meter's values from before the connection are of no use; nor is retry, since
 * trying again is backed off elsewhere. SPDX-License-Identifier: MIT
 */
#ifndef BASE_SSE_H
#define BASE_SSE_H

#include "bridge/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { SSE_EVENT_ROOM = 80, SSE_NAME_ROOM = 16 };

struct sse_event {     /* valid during the call */
    const char *event; /* "message" where it has no name; a longer one is cut */
    const char *data;  /* its lines, LF between them; data[len] is NUL */
    size_t len;
};

typedef void sse_fn(void *user, const struct sse_event *e);

struct sse {
    sse_fn *fn;
    void *user;
    struct buf data;
    char event[SSE_EVENT_ROOM], name[SSE_NAME_ROOM];
    size_t event_len, name_len;
    int bom; /* bytes of the mark that were seen; -1: the start is over */
    bool in_value, blank_next, after_cr, any_data, line_begun;
    bool dead; /* fn called sse_stop */
};

/* The data of an event is at most max bytes. */
void sse_init(struct sse *s, size_t max, sse_fn *fn, void *user);
void sse_finish(struct sse *s); /* accepts a zeroed struct */
/* In fn: no more calls. */
void sse_stop(struct sse *s);

/* False: an event is too long; the stream is worth nothing any more. */
bool sse_feed(struct sse *s, const char *p, size_t n) MUST_CHECK;

#endif
