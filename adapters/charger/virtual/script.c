/*
 * script - see script.h. SPDX-License-Identifier: MIT
 */
#include "adapters/charger/virtual/script.h"

#include "bridge/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { TIME_MAX_MS = 604800000, BLANKS_ROOM = 64 };

struct row {
    int number;
    int64_t from_ms, to_ms, step_ms;
    int64_t due_ms;   /* next, in this round; INT64_MAX: done */
    int64_t rounds;   /* of a repeat; 0: it is a control line */
    const char *text; /* in the script's own copy */
};

struct script {
    char *copy, *name;
    struct row row[SCRIPT_LINES_MAX];
    int rows;
    int64_t seed, base_ms, left; /* rounds that are left of the repeat; -1: none was met */
    bool seeded, with_master;
};

static enum err_code refuse(
        const struct script *s, struct err *e, int number, const char *what, const char *word)
{
    return err_set(e, ERR_INVALID, "%s:%d: '%.60s': %s", s->name, number, word, what);
}

static bool take_ms(const char *text, size_t n, int64_t *ms)
{
    return str_scaled(text, n, 1000, ms) && *ms >= 0 && *ms <= TIME_MAX_MS;
}

/* "10" or "20..60/5". */
static bool take_time(const char *word, struct row *r)
{
    const char *to = strstr(word, ".."), *step = to ? strchr(to, '/') : NULL;

    r->step_ms = 1;
    if (!to) {
        bool ok = take_ms(word, strlen(word), &r->from_ms);

        r->to_ms = r->from_ms;
        return ok;
    }
    return step && take_ms(word, (size_t)(to - word), &r->from_ms) &&
           take_ms(to + 2, (size_t)(step - to - 2), &r->to_ms) && r->to_ms >= r->from_ms &&
           take_ms(step + 1, strlen(step + 1), &r->step_ms) &&
           r->step_ms >= SCRIPT_EVERY_MIN_MS;
}

/* Cuts the first word off; returns the rest without blanks before it. */
static char *cut(char *s)
{
    s += strcspn(s, " \t");
    if (*s != '\0') {
        *s++ = '\0';
    }
    return s + strspn(s, " \t");
}

static enum err_code head_line(
        struct script *s, int number, const char *word, char *value, struct err *e)
{
    (void)cut(value);
    if (s->rows > 0) {
        return refuse(s, e, number, "stands before the first line with a time", word);
    }
    if (strcmp(word, "seed") == 0) {
        s->seeded = true;
        return str_int(value, strlen(value), &s->seed) && s->seed >= 0 && s->seed <= INT32_MAX
                       ? ERR_OK
                       : refuse(s, e, number, "seed: allowed is 0 to 2147483647", value);
    }
    s->with_master = strcmp(value, "master") == 0;
    return s->with_master || strcmp(value, "ready") == 0
                   ? ERR_OK
                   : refuse(s, e, number, "start: allowed is master or ready", value);
}

static enum err_code take_repeat(struct script *s, struct row *r, struct err *e)
{
    const char *value = r->text + strlen("repeat");

    if (!str_scaled(value, strlen(value), 1, &r->rounds) || r->rounds < 1 ||
            r->rounds > SCRIPT_REPEAT_MAX) {
        return refuse(s, e, r->number, "repeat: allowed is 1 to 1000000 times",
                value + strspn(value, " \t"));
    }
    if (r->from_ms < SCRIPT_EVERY_MIN_MS || r->from_ms != r->to_ms) {
        return refuse(s, e, r->number, "wants one time of its own, from 0.05 s on", "repeat");
    }
    for (int i = 0; i < s->rows; i++) {
        if (s->row[i].rounds > 0) {
            return refuse(s, e, r->number, "stands once in a script", "repeat");
        }
    }
    return ERR_OK;
}

static enum err_code take_line(struct script *s, int number, char *word, struct err *e)
{
    struct row r = {.number = number};
    char *rest;

    word[strcspn(word, "#\r")] = '\0';
    word += strspn(word, " \t");
    if (*word == '\0') {
        return ERR_OK;
    }
    rest = cut(word);
    if (strcmp(word, "seed") == 0 || strcmp(word, "start") == 0) {
        return head_line(s, number, word, rest, e);
    }
    if (!take_time(word, &r)) {
        return refuse(s, e, number,
                "allowed is a time of 0 to 604800 seconds, or FROM..TO/EVERY, EVERY at least "
                "0.05",
                word);
    }
    if (*rest == '\0') {
        return refuse(s, e, number, "wants a command after the time", word);
    }
    if (s->rows == SCRIPT_LINES_MAX || strlen(rest) >= SCRIPT_LINE_ROOM) {
        return refuse(s, e, number, "allowed are 4096 lines of at most 511 characters", word);
    }
    r.due_ms = r.from_ms;
    r.text = rest;
    if (strncmp(rest, "repeat", 6) == 0 && take_repeat(s, &r, e) != ERR_OK) {
        return ERR_INVALID;
    }
    s->row[s->rows++] = r;
    return ERR_OK;
}

struct script *script_parse(const char *text, size_t len, const char *name, struct err *e)
{
    struct script *s = calloc(1, sizeof(*s));
    int number = 0;

    if (!s || !(s->copy = calloc(1, len + 1)) || !(s->name = calloc(1, strlen(name) + 1))) {
        script_destroy(s);
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", name);
        return NULL;
    }
    memcpy(s->copy, text, len);
    memcpy(s->name, name, strlen(name));
    s->left = -1;
    if (memchr(text, '\0', len)) {
        err_set(e, ERR_INVALID, "%s: is no text: it holds a zero byte", name);
        script_destroy(s);
        return NULL;
    }
    for (char *line = s->copy, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end) {
            *end++ = '\0';
        }
        if (take_line(s, ++number, line, e) != ERR_OK) {
            script_destroy(s);
            return NULL;
        }
    }
    return s;
}

void script_destroy(struct script *s)
{
    if (s) {
        free(s->copy);
        free(s->name);
        free(s);
    }
}

bool script_seed(const struct script *s, int64_t *seed)
{
    *seed = s->seeded ? s->seed : *seed;
    return s->seeded;
}

bool script_starts_with_master(const struct script *s)
{
    return s->with_master;
}

/* The row that is due first; of two, the one that stands first. -1: all is done. */
static int first(const struct script *s)
{
    int best = -1;

    for (int i = 0; i < s->rows; i++) {
        if (s->row[i].due_ms != INT64_MAX &&
                (best < 0 || s->row[i].due_ms < s->row[best].due_ms)) {
            best = i;
        }
    }
    return best;
}

static void again(struct script *s, const struct row *repeat)
{
    s->left = s->left < 0 ? repeat->rounds : s->left;
    if (s->left == 0) {
        return; /* and on with what stands after it */
    }
    s->left--;
    s->base_ms += repeat->from_ms;
    for (int i = 0; i < s->rows; i++) {
        s->row[i].due_ms = s->row[i].from_ms;
    }
}

const char *script_next(struct script *s, int64_t at_ms, int *line, int64_t *due_ms)
{
    for (int i; (i = first(s)) >= 0 && s->base_ms + s->row[i].due_ms <= at_ms;) {
        struct row *r = &s->row[i];

        *due_ms = s->base_ms + r->due_ms;
        r->due_ms = r->due_ms + r->step_ms <= r->to_ms ? r->due_ms + r->step_ms : INT64_MAX;
        if (r->rounds == 0) {
            *line = r->number;
            return r->text;
        }
        again(s, r);
    }
    return NULL;
}

int64_t script_due_ms(const struct script *s)
{
    int i = first(s);

    return i >= 0 ? s->base_ms + s->row[i].due_ms : INT64_MAX;
}

/* In the order in which they first happen, so that what one needs is there. */
static int earliest_unchecked(const struct script *s, const bool *done)
{
    int best = -1;

    for (int i = 0; i < s->rows; i++) {
        if (!done[i] && (best < 0 || s->row[i].from_ms < s->row[best].from_ms)) {
            best = i;
        }
    }
    return best;
}

bool script_check(const struct script *s, const struct wire *w, struct err *e)
{
    struct wire *copy = malloc(sizeof(*copy));
    bool done[SCRIPT_LINES_MAX] = {false}, ok = copy != NULL;

    if (!copy) {
        err_set(e, ERR_NO_MEMORY, "%s: out of memory", s->name);
        return false;
    }
    *copy = *w;
    copy->log = NULL;
    for (int i; ok && (i = earliest_unchecked(s, done)) >= 0; done[i] = true) {
        const struct row *r = &s->row[i];
        struct buf b;

        buf_init(&b, BUF_CAP_DOCUMENT);
        if (r->rounds == 0 && !wire_control(copy, r->text, 0, &b)) {
            const char *why = strstr(buf_text(&b), "\"error\":\"");

            err_set(e, ERR_INVALID, "%s:%d: %.*s", s->name, r->number,
                    why ? (int)strcspn(why + 9, "\"") : 0, why ? why + 9 : "");
            ok = false;
        }
        buf_finish(&b);
    }
    free(copy);
    return ok;
}
