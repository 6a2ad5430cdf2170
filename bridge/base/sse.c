/*
 * sse - the lines of an event stream. SPDX-License-Identifier: MIT
 */
#include "bridge/base/sse.h"

#include "bridge/base/str.h"

#include <string.h>

static const unsigned char mark[] = {0xef, 0xbb, 0xbf};

void sse_init(struct sse *s, size_t max, sse_fn *fn, void *user)
{
    memset(s, 0, sizeof(*s));
    s->fn = fn;
    s->user = user;
    buf_init(&s->data, max);
}

void sse_finish(struct sse *s)
{
    buf_finish(&s->data);
}

void sse_stop(struct sse *s)
{
    s->dead = true;
}

static bool named(const struct sse *s, const char *name)
{
    return s->name_len == strlen(name) && memcmp(s->name, name, s->name_len) == 0;
}

/* The name of the field is over, its value begins. */
static void begin_value(struct sse *s)
{
    s->in_value = true;
    s->blank_next = true;
    if (named(s, "data")) {
        if (s->any_data) {
            buf_addc(&s->data, '\n');
        }
        s->any_data = true;
    } else if (named(s, "event")) {
        s->event_len = 0;
    }
}

static void add_value(struct sse *s, char c)
{
    if (s->blank_next) {
        s->blank_next = false;
        if (c == ' ') {
            return;
        }
    }
    if (named(s, "data")) {
        buf_addc(&s->data, c);
    } else if (named(s, "event")) {
        if (s->event_len + 1 < sizeof(s->event)) {
            s->event[s->event_len++] = c;
        }
    }
}

static void end_event(struct sse *s)
{
    if (s->any_data && buf_ok(&s->data)) {
        s->event[s->event_len] = '\0';
        s->fn(s->user, &(struct sse_event){.event = s->event_len > 0 ? s->event : "message",
                               .data = buf_text(&s->data),
                               .len = s->data.len});
    }
    if (!s->dead) {
        buf_reset(&s->data);
        s->any_data = false;
        s->event_len = 0;
    }
}

static void end_line(struct sse *s)
{
    if (!s->line_begun) {
        end_event(s);
    } else if (!s->in_value) {
        begin_value(s); /* a field without a colon has the value "" */
    }
    if (!s->dead) {
        s->line_begun = s->in_value = s->blank_next = false;
        s->name_len = 0;
    }
}

static void add_char(struct sse *s, char c)
{
    s->line_begun = true;
    if (s->in_value) {
        add_value(s, c);
    } else if (c == ':') {
        begin_value(s);
    } else if (s->name_len < sizeof(s->name)) {
        s->name[s->name_len++] = c; /* one that is longer is none that we know */
    }
}

bool sse_feed(struct sse *s, const char *p, size_t n)
{
    for (const char *end = p + n; p < end && !s->dead; p++) {
        if (s->bom >= 0 && s->bom < (int)sizeof(mark) && (unsigned char)*p == mark[s->bom]) {
            s->bom++;
            continue;
        }
        s->bom = -1;
        if (*p == '\n' && s->after_cr) {
            s->after_cr = false;
        } else if (*p == '\n' || *p == '\r') {
            s->after_cr = *p == '\r';
            end_line(s);
        } else {
            s->after_cr = false;
            add_char(s, *p);
        }
        if (!s->dead && !buf_ok(&s->data)) {
            return false;
        }
    }
    return true;
}
