/*
 * ems - the contract of energy systems: one file and one row each, and nothing but pure functions.
 *
 * An adapter says what to ask (`request`), and reads what came back (`parse`): values in, values
 * out, no clock, no socket, no state but the session it is given. All the rest is done once, for
 * all of them, by who runs it (bridge/ems_round.c): fetching, login, TLS, time-outs, size limits, retry
 * and back-off, pace, redaction, ageing, ranges. So the daemon, `twcbridge probe`, the unit tests
 * and the fuzz targets run the very same code.
 *
 * A round: request(0), parse; request(1), parse; ... until request says no. Each parse adds to the
 * reports what its answer says; what it cannot find it reports as none, with why, and goes on: one
 * bad field costs no other. Adapters with a login of their own have `login`: its requests run
 * before a round while the session is empty, and once more after an answer of class EMS_AUTH.
 *
 * docs/internals/write-an-adapter.md shows the way; template.c is one with remarks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ADAPTERS_EMS_EMS_H
#define ADAPTERS_EMS_EMS_H

#include "bridge/base/err.h"
#include "bridge/base/json.h"
#include "bridge/base/opt.h"
#include "bridge/core/ems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what went wrong: decides about retry, the status that is shown, the exit code ---- */

enum ems_class {
    EMS_OK,
    EMS_UNREACHABLE, /* no name, no route, refused, cut off */
    EMS_TIMEOUT,
    EMS_TLS,       /* its certificate is not the one that the settings allow */
    EMS_AUTH,      /* it does not take our login: no more tries for ten minutes */
    EMS_RATE,      /* it wants to be asked less often */
    EMS_NOT_FOUND, /* it is there, what was asked for is not */
    EMS_SERVER,    /* it says that it has a fault */
    EMS_DATA,      /* the answer cannot be read */
    EMS_CLASSES
};
extern const char *const ems_class_words[EMS_CLASSES + 1];
/* For exit codes: UNREACHABLE, SERVER, DATA: IO; TIMEOUT, RATE: TIMEOUT; TLS, AUTH: REFUSED. */
enum err_code ems_class_code(enum ems_class c);

/* ---- options ---- */

enum {
    EMS_URL_ROOM = 512,
    EMS_EXPR_ROOM = 200,
    EMS_CONFIG_MAX = 6 * 1024,
    EMS_OPTIONS_MAX = 48
};

enum ems_auth {
    EMS_AUTH_NONE,
    EMS_AUTH_BASIC,  /* username, password */
    EMS_AUTH_DIGEST, /* MD5 and SHA-256 */
    EMS_AUTH_BEARER, /* token, as "Authorization: Bearer" */
    EMS_AUTH_HEADER, /* token, in the header auth_name */
    EMS_AUTH_QUERY,  /* token, as the parameter auth_name of the address */
};

/* What every adapter that speaks HTTP has; a member of its config. */
struct ems_http {
    char url[EMS_URL_ROOM];
    int32_t auth; /* enum ems_auth */
    char username[128], password[256], token[1024], auth_name[64];
    char ca_file[256], fingerprint[100];
    bool insecure;
};
extern const char *const ems_auth_words[];

/* The rows of struct ems_http, for the table of an adapter whose config struct T has it as its
 * member h. url_ is a sentence that says what to write there. */
/* clang-format off */
#define EMS_HTTP_ROWS(T, h, url_) \
    OPTION(T, "url", h.url, OPT_STRING, .min = 1, .flags = OPT_REQUIRED | OPT_RESTART | OPT_ADDRESS, .text = (url_)), \
    OPTION(T, "auth", h.auth, OPT_CHOICE, .choices = ems_auth_words, .flags = OPT_RESTART, \
        .text = "How it wants to be logged in to: basic and digest take username and password, the others token."), \
    OPTION(T, "username", h.username, OPT_STRING, .flags = OPT_RESTART, .text = "The user, for basic and digest."), \
    OPTION(T, "password", h.password, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET, .text = "The password, for basic and digest."), \
    OPTION(T, "token", h.token, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET, .text = "The token or key, for bearer, header and query."), \
    OPTION(T, "auth_name", h.auth_name, OPT_STRING, .flags = OPT_RESTART, \
        .text = "The name of the header or of the parameter that carries the token, for header and query."), \
    OPTION(T, "ca_file", h.ca_file, OPT_STRING, .flags = OPT_RESTART, \
        .text = "A file with the certificates that sign its own (PEM); without it the system's are used."), \
    OPTION(T, "fingerprint", h.fingerprint, OPT_STRING, .flags = OPT_RESTART, \
        .text = "The SHA-256 fingerprint of its certificate (64 hex digits); that certificate is taken, whoever signed it, and no other."), \
    OPTION(T, "insecure", h.insecure, OPT_BOOL, .flags = OPT_RESTART, \
        .text = "Takes any certificate; better is fingerprint.")
/* clang-format on */

/* ---- requests and answers ---- */

enum {
    EMS_HEADERS_MAX = 4,
    EMS_HEADER_ROOM = 256,
    EMS_BODY_ROOM = 2048,
    EMS_TOKEN_ROOM = 2048
};

struct ems_request {
    char url[EMS_URL_ROOM + 512];                  /* http or https */
    bool post;                                     /* else GET */
    char header[EMS_HEADERS_MAX][EMS_HEADER_ROOM]; /* "Accept: application/json"; "": unused */
    char body[EMS_BODY_ROOM];                      /* of a POST */
    bool bare;                                     /* without the login of the options */
};

struct ems_answer {   /* borrowed, during the call */
    int i;            /* the number of the request */
    int status;       /* 200..299: everything else is dealt with before */
    const char *body; /* body[len] is NUL */
    size_t len;
    const char *cookies; /* what its Set-Cookie headers gave: "a=1; b=2"; "": none */
};

/* What an adapter remembers between answers; all of it is dropped when a login is refused. */
struct ems_session {
    char token[EMS_TOKEN_ROOM]; /* secret; "": not logged in */
    char memo[256];             /* facts learnt: a serial number, a firmware generation */
};

/* ---- an adapter ---- */

struct ems_adapter {
    const char *name;    /* in settings, docs and logs; never changes once released */
    const char *title;   /* what people call the system */
    const char *summary; /* one sentence */
    const char
            *tested; /* what it was tried on: "constructed", "vendor sample", "real capture" */

    const struct opt
            *options;   /* at most EMS_OPTIONS_MAX rows, none named like a row of sources */
    size_t config_size; /* at most EMS_CONFIG_MAX */
    size_t http_offset; /* of the struct ems_http in the config */
    int32_t interval_s,
            max_age_s; /* where the settings say nothing; ems.md: pace of the system */
    bool cloud;        /* back-off up to 30 minutes, not 5 */

    /* Which fields this config can ever give (EMS_BIT): decides what is announced. */
    uint32_t (*fields)(const void *config);
    /* What the rows cannot say; path is "sources[0]". Optional. */
    void (*check)(const void *config, const char *path, struct opt_errors *errs,
            struct opt_errors *warnings);

    /* The i-th request of a round into *out, which is zeroed; false: there is none. */
    bool (*request)(
            const void *config, const struct ems_session *s, int i, struct ems_request *out);
    /* Reads one answer. Anything but EMS_OK ends the round, with a sentence in e. */
    enum ems_class (*parse)(const void *config, struct ems_session *s,
            const struct ems_answer *a, struct ems_reports *out, struct err *e);

    /* The same for a login of its own; both or none. */
    bool (*login)(
            const void *config, const struct ems_session *s, int i, struct ems_request *out);
    enum ems_class (*logged_in)(const void *config, struct ems_session *s,
            const struct ems_answer *a, struct err *e);
};

#define EMS_ADAPTER(sym) extern const struct ems_adapter ems_##sym;
#include "adapters/ems/ems_rows.def"
#undef EMS_ADAPTER

const struct ems_adapter *ems_at(size_t i); /* NULL behind the last row */
const struct ems_adapter *ems_find(const char *name);
/* The nearest name for a "did you mean", or NULL. */
const char *ems_near(const char *name);

static inline const struct ems_http *ems_http_of(
        const struct ems_adapter *a, const void *config)
{
    return (const struct ems_http *)(const void *)((const char *)config + a->http_offset);
}

/* What all HTTP adapters must have right: scheme, login, certificate. For `check`. */
void ems_http_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);

/* ---- helpers for parse ---- */

/* The body as JSON; NULL with a sentence that says what it is instead (empty, HTML, cut off).
 * Release with json_put. */
struct json_object *ems_json(const struct ems_answer *a, struct err *e) MUST_CHECK;

/* What an expression looks into: JSON, or a plain text that is one value. */
struct ems_tree {
    struct json_object *json; /* NULL: text */
    const char *text;
    size_t len;
};

/* Expressions: paths (base/json_path.h), added, subtracted and scaled.
 *     site.grid.power      -a.b      p1 + p2 + p3     in - out     power * 1000     ac // 0
 * '-' in front inverts. '*' and '//' take a number; '//' gives what counts where nothing is there
 * or null. Operators stand between blanks. A list by [*] is summed. Texts may carry a unit; a
 * number without one is in W, A, V or %. */
bool ems_expr_check(const char *expr, struct err *e);
/* Reports field f by the expression; what is wrong becomes a none with why. */
void ems_expr_say(const struct ems_tree *t, const char *expr, enum ems_field f,
        int64_t source_utc_ms, struct ems_reports *out);
/* A time by a path: seconds or milliseconds since 1970, or ISO 8601 with an offset. False: none
 * there, or not a time. */
bool ems_expr_time(const struct ems_tree *t, const char *path, int64_t *utc_ms);

/* "1234.5 W" of a field into its base unit; else *why. */
bool ems_number(const char *s, size_t n, enum ems_field f, int64_t *v, const char **why);

#endif
