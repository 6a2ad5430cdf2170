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
 * What a system sends by itself is listened to: listen(0), listen(1)... name it (topics, a stream),
 * and each message comes to parse. An adapter may have both: the rounds then wait while messages
 * come. `transport` says, for a config, what all of this goes over.
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
#include "bridge/core/ems_plan.h"
#include "bridge/core/ems_slots.h"

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
    EMS_CONFIG_MAX = 8 * 1024,
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

/* What every adapter that speaks HTTP or MQTT has; a member of its config. */
struct ems_http {
    char url[EMS_URL_ROOM];
    int32_t auth; /* enum ems_auth */
    char username[128], password[256], token[1024], auth_name[64];
    char ca_file[256], fingerprint[100];
    bool insecure;
    char cert_file[256], key_file[256]; /* MQTT: ours; both or neither */
};
extern const char *const ems_auth_words[];

/* The rows of struct ems_http, for the table of an adapter whose config struct T has it as its
 * member h. url_ is a sentence that says what to write there. */
/* clang-format off */
#define EMS_HTTP_ROWS(T, h, url_) EMS_HTTP_ROWS_AS(T, h, EMS_AUTH_NONE, url_)
/* With a login of its own where the settings name none. */
#define EMS_HTTP_ROWS_AS(T, h, auth_, url_) \
    OPTION(T, "url", h.url, OPT_STRING, .min = 1, .flags = OPT_REQUIRED | OPT_RESTART | OPT_ADDRESS, .text = (url_)), \
    OPTION(T, "auth", h.auth, OPT_CHOICE, .choices = ems_auth_words, .fallback = (auth_), .flags = OPT_RESTART, \
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

/* ---- what it goes over ---- */

enum ems_transport {
    EMS_OVER_HTTP, /* rounds; and a stream, where listen names one: http: events, ws: WebSocket */
    EMS_OVER_MODBUS, /* rounds */
    EMS_OVER_MQTT,   /* messages */
    EMS_OVER_LINE,   /* messages, cut out of the bytes of a serial line or a TCP connection */
};

/* The rows of struct ems_http for MQTT alone. url: mqtt://HOST[:PORT] or mqtts://HOST[:PORT]; "": the
 * broker of the bridge, with all that belongs to it. */
/* clang-format off */
#define EMS_MQTT_ROWS(T, h) \
    OPTION(T, "url", h.url, OPT_STRING, .flags = OPT_RESTART | OPT_ADDRESS, \
        .text = "The broker, mqtt://HOST[:PORT] or mqtts://HOST[:PORT]; without it the bridge's own (mqtt.url)."), \
    OPTION(T, "username", h.username, OPT_STRING, .flags = OPT_RESTART, .text = "The user at the broker of url."), \
    OPTION(T, "password", h.password, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET, .text = "The user's password."), \
    OPTION(T, "ca_file", h.ca_file, OPT_STRING, .flags = OPT_RESTART, \
        .text = "mqtts: a file with the certificates that sign the broker's (PEM); without it the system's are used."), \
    OPTION(T, "cert_file", h.cert_file, OPT_STRING, .flags = OPT_RESTART, \
        .text = "mqtts: our certificate (PEM), for brokers that want one."), \
    OPTION(T, "key_file", h.key_file, OPT_STRING, .flags = OPT_RESTART, .text = "mqtts: its key (PEM)."), \
    OPTION(T, "insecure", h.insecure, OPT_BOOL, .flags = OPT_RESTART, .text = "mqtts: takes any certificate.")
/* clang-format on */

enum ems_format { EMS_8N1, EMS_7E1, EMS_8E1, EMS_8O1, EMS_8N2 };

/* What every adapter over Modbus or a line has; a member of its config. */
struct ems_wire {
    char host[128]; /* one of host and device */
    int32_t port;
    char device[256]; /* an absolute path */
    int32_t baud, format;
    bool rtu;         /* Modbus: RTU frames over TCP */
    int32_t delay_ms; /* Modbus: between two requests */
};
extern const char *const ems_format_words[];

/* The rows of struct ems_wire, for the config struct T with its member w. */
/* clang-format off */
#define EMS_LINE_ROWS(T, w, port_, baud_, format_) \
    OPTION(T, "host", w.host, OPT_STRING, .flags = OPT_RESTART, .text = "The name or address of the device or of its gateway; or device."), \
    OPTION(T, "port", w.port, OPT_INT, .min = 1, .max = 65535, .fallback = (port_), .flags = OPT_RESTART, .text = "Its TCP port."), \
    OPTION(T, "device", w.device, OPT_STRING, .flags = OPT_RESTART, .text = "The serial device, best by /dev/serial/by-id/...; or host."), \
    OPTION(T, "baud", w.baud, OPT_INT, .min = 300, .max = 921600, .fallback = (baud_), .flags = OPT_RESTART, .text = "The speed of device."), \
    OPTION(T, "format", w.format, OPT_CHOICE, .choices = ems_format_words, .fallback = (format_), .flags = OPT_RESTART, \
        .text = "Data bits, parity and stop bits of device.")
#define EMS_MODBUS_ROWS(T, w, port_) \
    EMS_LINE_ROWS(T, w, port_, 9600, EMS_8N1), \
    OPTION(T, "rtu", w.rtu, OPT_BOOL, .flags = OPT_RESTART, .text = "The gateway at host takes RTU frames as they are (RTU over TCP), not Modbus TCP."), \
    OPTION(T, "delay_ms", w.delay_ms, OPT_INT, .min = 0, .max = 5000, .unit = "ms", .flags = OPT_RESTART, \
        .text = "How long it is left alone between two requests.")
/* clang-format on */

/* ---- prices ---- */

/* What every adapter with prices has; a member of its config. The price of a kWh is
 * (what the market says + charges) * (1 + tax). */
struct ems_price {
    int32_t charges_micro; /* of the currency per kWh */
    int32_t tax_micro;     /* millionths of a percent */
};

/* clang-format off */
#define EMS_PRICE_ROWS(T, p) \
    OPTION(T, "charges", p.charges_micro, OPT_MICRO, .min = -10000000, .max = 1000000000, .flags = OPT_RESTART, \
        .text = "What grid, supplier and state take for each kWh, before tax: added to the price of the market."), \
    OPTION(T, "tax", p.tax_micro, OPT_MICRO, .min = 0, .max = 200000000, .unit = "%", .flags = OPT_RESTART, \
        .text = "The tax on price and charges.")
/* clang-format on */

/* ---- roofs ---- */

/* What every forecast that is computed for a roof wants; a member of its config. */
struct ems_roof {
    int32_t latitude, longitude, tilt, azimuth, kwp; /* millionths of a degree and of a kW */
};

/* clang-format off */
#define EMS_ROOF_ROWS(T, r) \
    OPTION(T, "latitude", r.latitude, OPT_MICRO, .min = -90000000, .max = 90000000, .flags = OPT_RESTART, \
        .text = "Where the roof is, north of the equator."), \
    OPTION(T, "longitude", r.longitude, OPT_MICRO, .min = -180000000, .max = 180000000, .flags = OPT_RESTART, \
        .text = "Where the roof is, east of Greenwich."), \
    OPTION(T, "tilt", r.tilt, OPT_MICRO, .min = 0, .max = 90000000, .fallback = 30000000, .flags = OPT_RESTART, \
        .text = "The slope of the panels in degrees: 0 lies flat, 90 stands."), \
    OPTION(T, "azimuth", r.azimuth, OPT_MICRO, .min = -180000000, .max = 180000000, .flags = OPT_RESTART, \
        .text = "Where the panels look, in degrees: 0 south, -90 east, 90 west."), \
    OPTION(T, "kwp", r.kwp, OPT_MICRO, .min = 10000, .max = 1000000000, .fallback = 5000000, .unit = "kWp", .flags = OPT_RESTART, \
        .text = "The peak power of the panels.")
/* clang-format on */

/* ---- requests and answers ---- */

enum {
    EMS_HEADERS_MAX = 4,
    EMS_HEADER_ROOM = 1024,
    EMS_BODY_ROOM = 2048,
    EMS_TOKEN_ROOM = 2048,
    EMS_KEEP_ROOM = 2048,
    EMS_MEMO_ROOM = 1024,
    EMS_REGISTERS_MAX = 125
};

struct ems_request {
    char url[EMS_URL_ROOM + 512];                  /* http or https */
    bool post;                                     /* else GET */
    char header[EMS_HEADERS_MAX][EMS_HEADER_ROOM]; /* "Accept: application/json"; "": unused */
    char body[EMS_BODY_ROOM];                      /* of a POST */
    bool bare;                                     /* without the login of the options */
    /* Sent as "Authorization: Bearer", in place of the login of the options; of the config or the
     * session. NULL or "": none. */
    const char *bearer;
    /* Digest or basic with these, in place of the login of the options; borrowed. NULL: none. */
    const char *login_user, *login_password;
    bool login_basic;
    /* To another server than that of url: without the login and the certificates of the options. */
    bool elsewhere;

    /* It may fail: whatever comes back goes to parse, an answer of any status (401 and 403 too),
     * a Modbus exception (status is its code), or nothing at all (status 0). Where parse cannot do
     * without it after all, it fails without a sentence: class and sentence are then those of what
     * happened. Over Modbus a device that cannot be reached ends the round all the same; and a round
     * in which a request was not answered and nothing was reported fails for that. */
    bool optional;
    /* An answer of any status goes to parse or logged_in; one that does not come is a failure. */
    bool any_status;

    uint8_t unit, function; /* Modbus: 3 or 4 */
    uint16_t start, count;  /* registers; count up to EMS_REGISTERS_MAX */
    int32_t patience_ms;    /* Modbus: no longer than that; 0: as long as the source's timeout_s */

    char topic[256]; /* MQTT: to listen to; no wildcards but + */
};

struct ems_answer {   /* borrowed, during the call */
    int i;            /* the number of the request, or of what is listened to */
    bool pushed;      /* i counts what is listened to */
    int status;       /* 200..299 unless the request was optional */
    const char *body; /* body[len] is NUL; Modbus: the registers, high byte first */
    size_t len;
    const char *cookies;      /* what its Set-Cookie headers gave: "a=1; b=2"; "": none */
    const char *content_type; /* a hint, no more; "": it did not say */
    const char *topic;        /* MQTT; of an event stream: the event; else "" */
    bool retained;            /* MQTT: kept by the broker, who knows how long */
};

/* What an adapter remembers between answers; token and memo are dropped when a login is refused. */
struct ems_session {
    int64_t utc_ms;             /* now, set before each call: the only clock there is */
    int64_t fixed_utc_ms;       /* the host's: not 0: that is now (probe --now) */
    char token[EMS_TOKEN_ROOM]; /* secret; "": not logged in */
    /* Secret, and kept over restarts: a refresh token that changes with each use. What parse or
     * logged_in changes here is on the disk before the next request goes out. */
    char keep[EMS_KEEP_ROOM];
    /* With EMS_RATE or EMS_SERVER: for how long it wants to be left alone, where its answer did not
     * say; zeroed before each call. */
    int32_t wait_s;
    uint32_t opened; /* how often its stream was opened: the host's */
    /* Facts learnt: a serial number, a firmware generation; a struct of the adapter's own. Zeroed at
     * the start. */
    _Alignas(8) char memo[EMS_MEMO_ROOM];
};

/* ---- an adapter ---- */

/* How often it is asked where the settings say nothing, and how long its values hold. */
struct ems_habit {
    int32_t interval_s, max_age_s;
    bool cloud; /* back-off up to 30 minutes, not 5 */
};

struct ems_adapter {
    const char *name;    /* in settings, docs and logs; never changes once released */
    const char *title;   /* what people call the system */
    const char *summary; /* one sentence */
    const char
            *tested; /* what it was tried on: "constructed", "vendor sample", "real capture" */
    const char *where, *over,
            *gives; /* for its page; NULL: as cloud, transport and fields tell */
    const char *const
            *notes; /* for its page: traps, what is unproven; sentences, NULL behind */

    const struct opt
            *options;   /* at most EMS_OPTIONS_MAX rows, none named like a row of sources */
    size_t config_size; /* at most EMS_CONFIG_MAX */
    size_t http_offset; /* of the struct ems_http in the config, for HTTP and MQTT */
    size_t wire_offset; /* of the struct ems_wire in the config, for Modbus and lines */
    int32_t interval_s,
            max_age_s; /* where the settings say nothing; ems.md: pace of the system */
    bool cloud;        /* back-off up to 30 minutes, not 5 */
    /* Where a config has a pace of its own (a cloud in place of the device): changes *h, which holds
     * the above. Optional. */
    void (*habit)(const void *config, struct ems_habit *h);
    bool supervisor; /* url may be "supervisor": Home Assistant as its own apps reach it */

    /* Which lists it can give (SLOTS_BIT), and when they are fetched; both optional. A plan of
     * EMS_PLAN_DAYLIGHT wants calls, a number >= 1. */
    uint32_t (*slots)(const void *config);
    const struct ems_plan *plan; /* NULL: every interval */
    int (*calls)(const void *config);

    /* What it knows without asking anybody; reported at the beginning of each round. Optional. */
    void (*know)(const void *config, const struct ems_session *s, struct ems_reports *out);

    /* Which fields this config can ever give (EMS_BIT): decides what is announced. */
    uint32_t (*fields)(const void *config);
    /* Which of them a device has shows in its answers: one that never had a value is neither
     * announced nor missed. */
    bool finds_out;
    /* What the rows cannot say; path is "sources[0]". Optional. */
    void (*check)(const void *config, const char *path, struct opt_errors *errs,
            struct opt_errors *warnings);

    /* What this config goes over; NULL: HTTP. */
    enum ems_transport (*transport)(const void *config);

    /* The i-th request of a round into *out, which is zeroed; false: there is none. May be NULL where
     * all is listened to. */
    bool (*request)(
            const void *config, const struct ems_session *s, int i, struct ems_request *out);
    /* Reads one answer. Anything but EMS_OK ends the round, with a sentence in e. */
    enum ems_class (*parse)(const void *config, struct ems_session *s,
            const struct ems_answer *a, struct ems_reports *out, struct err *e);

    /* The i-th thing to listen to: a topic (MQTT), the address of a stream (one at most). Optional.
     * A line needs none: all of it is listened to. */
    bool (*listen)(
            const void *config, const struct ems_session *s, int i, struct ems_request *out);
    /* WebSocket: the i-th text to send since it is open into out->body, as soon as it is due; asked
     * after opening, after each message and every few seconds. Optional. */
    bool (*say)(
            const void *config, const struct ems_session *s, int i, struct ems_request *out);
    /* A line: of the n bytes at p, how many to drop and how long the message behind them is; *len 0:
     * it is not whole yet. What does not begin anything is to be dropped. */
    void (*cut)(const void *config, const char *p, size_t n, size_t *drop, size_t *len);

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

static inline const struct ems_wire *ems_wire_of(
        const struct ems_adapter *a, const void *config)
{
    return (const struct ems_wire *)(const void *)((const char *)config + a->wire_offset);
}

static inline enum ems_transport ems_transport_of(
        const struct ems_adapter *a, const void *config)
{
    return a->transport ? a->transport(config) : EMS_OVER_HTTP;
}

static inline struct ems_habit ems_habit_of(const struct ems_adapter *a, const void *config)
{
    struct ems_habit h = {a->interval_s, a->max_age_s, a->cloud};

    if (a->habit) {
        a->habit(config, &h);
    }
    return h;
}

/* What all adapters over a wire must have right: one of host and device. For `check`. */
void ems_wire_check(const struct ems_wire *w, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);

/* What all HTTP adapters must have right: scheme, login, certificate. For `check`. */
void ems_http_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);

/* The same for MQTT. */
void ems_mqtt_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);
/* Whether the address is a broker's. */
bool ems_is_mqtt(const char *url);
/* The value of a message that the broker kept and whose age nobody knows is none: says so for the
 * field. */
void ems_say_kept(struct ems_reports *out, enum ems_field f, const struct ems_answer *a);

/* Scheme, host and certificate alone, for those with a login of their own. */
void ems_url_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);

/* ---- helpers for requests ---- */

/* url with the path (from '/') in place of what stands behind its host, or behind it where `below`;
 * a '/' at its end counts once, a query is left out. False: does not fit. */
bool ems_page(char *dst, size_t room, const char *url, bool below, const char *path) MUST_CHECK;
/* Text behind what is in dst. False: does not fit. */
bool ems_add(char *dst, size_t room, const char *text) MUST_CHECK;
/* src as a JSON text with its quotes, appended to dst. False: does not fit. */
bool ems_add_json(char *dst, size_t room, const char *src) MUST_CHECK;
/* src as the value of a form field or a query (RFC 3986), appended to dst. False: does not fit. */
bool ems_add_form(char *dst, size_t room, const char *src) MUST_CHECK;

/* ---- helpers for parse ---- */

/* The body as JSON; NULL with a sentence that says what it is instead (empty, HTML, cut off).
 * Release with json_put. */
struct json_object *ems_json(const struct ems_answer *a, struct err *e) MUST_CHECK;

/* The body as XML, in the shape that paths lead into: an element is an object, or its text where it
 * holds nothing else; elements of one name are a list; attributes are members named "@name", text
 * beside them "#text". Namespaces are left out. NULL with a sentence; release with json_put. */
struct json_object *ems_xml(const struct ems_answer *a, struct err *e) MUST_CHECK;

/* What an expression looks into: JSON, a plain text that is one value, or names that look knows. */
struct ems_tree {
    struct json_object *json; /* NULL: text */
    const char *text;
    size_t len;
    const char *(*look)(void *user, const char *name, size_t n); /* NULL: not known */
    void *user;
};

/* The current f, which is counted without a direction, gets that of the power of its phase; where it
 * flows and that is not known, it becomes none. */
void ems_direct(struct ems_reports *out, enum ems_field f, const struct ems_report *power);

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

/* ---- helpers for prices and forecasts (adapters/ems/price.c) ---- */

/* A number, or a text that is one, times scale (1 to 10^8), rounded half away from zero. */
bool ems_scaled(struct json_object *v, int64_t scale, int64_t *out) MUST_CHECK;
/* Seconds since 1970 out of a time as in ems_expr_time; a time of ISO 8601 may lack its seconds. */
bool ems_moment(struct json_object *v, int64_t *utc_s) MUST_CHECK;
bool ems_moment_text(const char *text, int64_t *utc_s) MUST_CHECK;

/* "PT30M", "PT1H" in s; 0: something else. */
int64_t ems_duration(const char *text);

/* A slot of a price of the market, in micro-currency per kWh: charges and tax are put on it here. raw: what it
 * was read from; may be NULL. */
void ems_say_price(struct ems_reports *r, enum slots_kind k, const struct ems_price *p,
        const struct slot *x, struct json_object *raw);
/* After the last: says why where no slot came at all. */
void ems_say_end(struct ems_reports *r, enum slots_kind k, const char *why);

/* Values that each hold until the next begins, in their order; the last one as long as the one before. */
struct ems_series {
    struct ems_reports *out;
    enum slots_kind kind;
    const struct ems_price *price; /* NULL: none is put on */
    int64_t step_s;                /* of a value alone; then of the last */
    int64_t longest_s;             /* what is longer is a gap */
    bool has;                      /* one is open */
    int64_t start_s, value;
    char raw[EMS_RAW_ROOM];
};
/* v NULL: nothing is known from start_s on. */
void ems_series_add(
        struct ems_series *s, int64_t start_s, const int64_t *v, struct json_object *raw);
void ems_series_end(struct ems_series *s);

/* For adapters whose config begins with its struct ems_http and which have lists alone. */
uint32_t ems_no_fields(const void *config);
uint32_t ems_gives_price(const void *config);
uint32_t ems_gives_forecast(const void *config);
/* ems_http_check for those whose token goes where the adapter says (auth none) or as auth says. */
void ems_token_check(const struct ems_http *h, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings);

/* Warns of a roof that is nowhere. */
void ems_roof_check(const struct ems_roof *r, const struct ems_http *h, const char *path,
        struct opt_errors *warnings);

/* The address of a page into out->url: path behind url; url alone where it has a path of its own. */
bool ems_list_page(struct ems_request *out, const char *url, const char *path);
bool ems_has_path(const char *url);
/* "52.1" of 52100000. */
enum { EMS_MICRO_ROOM = 24 };
const char *ems_micro(char dst[static EMS_MICRO_ROOM], int64_t v);
/* "2026-11-24" of an instant, by the clock of UTC plus offset_s. */
const char *ems_date(char dst[static EMS_MICRO_ROOM], int64_t utc_s, int32_t offset_s);
/* Whether people usually call what a field measures so: "Solar", "grid_power". */
bool ems_usual_name(enum ems_field f, const char *name);

/* "1234.5 W" of a field into its base unit; else *why. */
bool ems_number(const char *s, size_t n, enum ems_field f, int64_t *v, const char **why);

#endif
