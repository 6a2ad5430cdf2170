/*
 * command - the one door: whoever knocks, a command is read, checked, done and answered here.
 *
 * command_parse.c reads payloads, command_rows.c does what a key means, command.c answers. The
 * contract is docs/commands.md. SPDX-License-Identifier: MIT
 */
#ifndef BRIDGE_COMMAND_H
#define BRIDGE_COMMAND_H

#include "bridge/daemon.h"

enum command_code {
    COMMAND_OK,
    COMMAND_BAD_JSON,
    COMMAND_BAD_VALUE,
    COMMAND_UNKNOWN_MEMBER,
    COMMAND_UNKNOWN_KEY,
    COMMAND_UNKNOWN_DEVICE,
    COMMAND_OUT_OF_RANGE,
    COMMAND_NO_DATA,
    COMMAND_NOT_SUPPORTED,
    COMMAND_NOT_ALLOWED,
    COMMAND_OFFLINE,
    COMMAND_STALE,
    COMMAND_TOO_MANY,
    COMMAND_FAILED,
};

enum { COMMAND_TEXT_ROOM = 256, FOR_MAX_S = 604800 };

/* What a payload said. */
struct command_args {
    char value[COMMAND_TEXT_ROOM]; /* trimmed text of the value; "" when absent */
    bool has_value, is_json;
    bool has_for, has_owner, has_priority;
    int64_t for_s;
    int64_t priority;
    char owner[LEASE_OWNER_ROOM];
    char reason[LEASE_REASON_ROOM];
    char transaction[COMMAND_TRANSACTION_ROOM]; /* "": none */
    char charger[48], name[64]; /* of bridge requests */
};

/* The answer under way. */
struct command_result {
    enum command_code code;
    char message[240];
    bool has_range;
    int64_t min, max;        /* thousandths */
    const char *unit_text;   /* " A", "": behind a bound in a message */
    const char *note;        /* NULL: none */
    char value_json[128];    /* what holds now; "": null */
    int64_t until_ms;        /* end of what was set, by the clock of the loop; 0: none of its own */
    const char *owner;       /* of what was set on a site or circuit; NULL: nobody */
    int unit;                /* >= 0: offered, limited_by, owner, until of this charger follow */
    bool late;               /* ok so far: answered by command_finish when it is done */
    char more[4096];         /* of `health`: the document; "": none */
};

struct command_call {
    struct daemon *d;
    const struct command_in *in;
    struct command_args args;
    struct command_result out;
    int unit;    /* of a charger command, else -1 */
    int circuit; /* of a circuit command, else -1 */
};

/* A command that is answered later; one at a time. */
struct command_late {
    struct command_call call;
    struct command_in in; /* of call */
    char key[16];
    int pending;    /* files that are still being written */
    struct err err; /* of the first that failed */
    command_done_fn *done;
    void *user;
};

/* command_late.c */
enum command_code command_diagnostics(struct command_call *c);
enum command_code command_backup(struct command_call *c);
/* Keeps a call that is `late` until its answer is known. */
void command_keep(struct daemon *d, const struct command_call *c, command_done_fn *done, void *user);

/* Counts, logs and answers; command_run does this for all that are not late. */
void command_finish(struct command_call *c, command_done_fn *done, void *user);

/* Sets code and message; returns code. */
enum command_code command_refuse(struct command_call *c, enum command_code code, const char *fmt,
        ...) PRINTF_LIKE(3, 4);

/* Fills args from the payload; COMMAND_OK or the refusal (already set in out). */
enum command_code command_parse(struct command_call *c);

/* A decimal of the value in thousandths inside min..max, else refused. */
enum command_code command_number(struct command_call *c, int64_t min, int64_t max, int64_t *out);

/* Does it; the value that holds afterwards goes to out.value_json. */
typedef enum command_code command_do_fn(struct command_call *c);
/* What holds now, to out.value_json: refusals tell it too. */
typedef void command_holds_fn(struct command_call *c);
struct command_row {
    enum model_kind kind;
    const char *key;
    command_do_fn *run;
    command_holds_fn *holds; /* NULL: a button, or a request of the bridge */
};
extern const struct command_row command_rows[];
extern const size_t command_row_count;
/* Needs no value: a button, or a request of the bridge. */
bool command_is_button(const struct command_row *row);

#endif
