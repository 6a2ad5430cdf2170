/*
 * control/mqtt - commands by MQTT: <base>/<kind>/<id>/<key>/set and <base>/bridge/request/<key>.
 * Kinds that there are not are answered too, but what another bridge below our base is asked
 * (<base>/<its name>/site/<key>/set) is its own.
 *
 * Every command is answered once on the MQTT 5 response topic, if one was given, and always on
 * the command's topic with /set replaced by /result (request by response). Retained and empty
 * messages are ignored. More than 20 a second on one topic: the last is kept and answered when
 * the second is over, the others are told so. SPDX-License-Identifier: MIT
 */
#include "adapters/adapter.h"
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/io/loop.h"
#include "bridge/io/oneshot.h"

#include <stdlib.h>
#include <string.h>

enum {
    RATE_MAX = 20,
    LOWER_MAX = 80,
    RATE_WINDOW_MS = 1000,
    COPY_MS = 500, /* what a broker sends twice comes within this */
    RATE_TOPICS = 64,
    TOPIC_ROOM = 256
};

/* A copy of what a message said, owned by whoever holds the pointer. */
struct request {
    struct control *owner; /* borrowed */
    char topic[TOPIC_ROOM];
    char response[TOPIC_ROOM]; /* "": none */
    uint8_t correlation[MQTT_CORRELATION_MAX];
    size_t correlation_len;
    size_t len;
    char payload[]; /* NUL-terminated */
};

struct rate {
    char topic[TOPIC_ROOM];
    int64_t since_ms;
    int count, lowers;    /* in this window: of all, of those that lowered after too many */
    struct request *held; /* owned; the last of too many */
};

struct control {
    struct adapter_host *host; /* borrowed */
    struct oneshot *timer;     /* owned */
    struct rate rate[RATE_TOPICS];
    int64_t twice_ms; /* when a message that two filters match came first; 0: it did not */
};

static struct request *request_copy(struct control *c, const struct mqtt_message *m)
{
    struct request *r = malloc(sizeof(*r) + m->len + 1);

    if (!r) {
        return NULL;
    }
    memset(r, 0, sizeof(*r));
    r->owner = c;
    r->len = m->len;
    memcpy(r->payload, m->payload, m->len);
    r->payload[m->len] = '\0';
    str_copy(r->topic, sizeof(r->topic), m->topic);
    if (m->response_topic) {
        str_copy(r->response, sizeof(r->response), m->response_topic);
        r->correlation_len =
                m->correlation_len <= sizeof(r->correlation) ? m->correlation_len : 0;
        if (r->correlation_len > 0) {
            memcpy(r->correlation, m->correlation, r->correlation_len);
        }
    }
    return r;
}

/* "<base>/site/mode/set" -> "<base>/site/mode/result", ".../request/x" -> ".../response/x". */
static void result_topic(char *dst, size_t room, const char *topic)
{
    size_t n = strlen(topic);
    const char *request = strstr(topic, "/bridge/request/");

    if (request && strchr(request + strlen("/bridge/request/"), '/')) {
        request = NULL;
    }
    if (!request && n > 4 && strcmp(topic + n - 4, "/set") == 0) {
        str_format(dst, room, "%.*s/result", (int)(n - 4), topic);
    } else if (request) {
        str_format(dst, room, "%.*s/bridge/response/%s", (int)(request - topic), topic,
                request + strlen("/bridge/request/"));
    } else {
        str_copy(dst, room, "");
    }
}

static void on_done(void *user, const char *json)
{
    struct request *r = user;
    struct adapter_host *h = r->owner->host;
    char topic[TOPIC_ROOM + 8];

    if (r->response[0] != '\0') {
        h->ops->reply(h, r->response, json, strlen(json), r->correlation, r->correlation_len);
    }
    result_topic(topic, sizeof(topic), r->topic);
    if (topic[0] != '\0' && strcmp(topic, r->response) != 0) {
        h->ops->publish(h, topic, json, strlen(json), MQTT_VOLATILE);
    }
    free(r);
}

static bool our_kind(const char *word)
{
    for (int i = 0; i < MODEL_KINDS; i++) {
        if (strcmp(model_kind_names[i], word) == 0) {
            return true;
        }
    }
    return false;
}

/* Splits what stands behind "<base>/" in place. False: not a command's topic. */
static bool split(char *rest, struct command_in *in)
{
    char *part[4] = {rest, NULL, NULL, NULL};
    int n = 1;

    for (char *p = rest; *p != '\0'; p++) {
        if (*p == '/') {
            if (n == 4) {
                return false;
            }
            *p = '\0';
            part[n++] = p + 1;
        }
    }
    if (n == 3 && strcmp(part[0], "bridge") == 0 && strcmp(part[1], "request") == 0) {
        *in = (struct command_in){.kind = MODEL_BRIDGE, .id = "", .key = part[2]};
        return true;
    }
    if (n == 3 && strcmp(part[0], "site") == 0 && strcmp(part[2], "set") == 0) {
        *in = (struct command_in){.kind = MODEL_SITE, .id = "", .key = part[1]};
        return true;
    }
    if (n < 3 || strcmp(part[n - 1], "set") != 0) {
        return false;
    }
    bool charger = strcmp(part[0], "charger") == 0;

    if (n == 4 && (charger || strcmp(part[0], "circuit") == 0)) {
        *in = (struct command_in){
                .kind = charger ? MODEL_CHARGER : MODEL_CIRCUIT, .id = part[1], .key = part[2]};
        return true;
    }
    if (n == 4 && strcmp(part[1], "site") == 0 && !our_kind(part[0])) {
        return false; /* of a bridge below our base topic */
    }
    if (strcmp(part[0], "bridge") == 0 && strcmp(part[1], "response") == 0) {
        return false; /* our own answer to bridge/request/set */
    }
    *in = (struct command_in){.unknown = part[0], .id = "", .key = part[n - 2]};
    return true;
}

/* What a request asks; its words lie in r and rest. */
static bool read_request(const struct control *c, const struct request *r,
        char rest[static TOPIC_ROOM], struct command_in *in)
{
    str_copy(rest, TOPIC_ROOM, r->topic + strlen(c->host->base_topic) + 1);
    if (!split(rest, in)) {
        return false;
    }
    in->payload = r->payload;
    in->len = r->len;
    in->owner = "mqtt";
    return true;
}

static void perform(struct control *c, struct request *r, bool too_many)
{
    struct adapter_host *h = c->host;
    struct command_in in;
    char rest[TOPIC_ROOM];

    if (!read_request(c, r, rest, &in)) {
        free(r);
        return;
    }
    in.too_many = too_many;
    h->ops->command(h, &in, on_done, r);
}

static bool lowers(const struct control *c, const struct request *r)
{
    struct command_in in;
    char rest[TOPIC_ROOM];

    return read_request(c, r, rest, &in) && c->host->ops->command_lowers(c->host, &in);
}

static struct rate *rate_of(struct control *c, const char *topic, int64_t now_ms)
{
    struct rate *oldest = &c->rate[0];

    for (int i = 0; i < RATE_TOPICS; i++) {
        struct rate *r = &c->rate[i];

        if (strcmp(r->topic, topic) == 0) {
            return r;
        }
        if (!r->held && (oldest->held || r->since_ms < oldest->since_ms)) {
            oldest = r;
        }
    }
    if (oldest->held) {
        return NULL; /* every row is under a flood: count nothing, answer "too many" */
    }
    *oldest = (struct rate){.since_ms = now_ms};
    str_copy(oldest->topic, sizeof(oldest->topic), topic);
    return oldest;
}

static void take(struct control *c, struct request *r)
{
    int64_t now_ms = loop_now_ms();
    struct rate *rate = rate_of(c, r->topic, now_ms);

    if (!rate) {
        perform(c, r, true);
        return;
    }
    if (!rate->held && now_ms - rate->since_ms >= RATE_WINDOW_MS) {
        rate->since_ms = now_ms;
        rate->count = rate->lowers = 0;
    }
    if (++rate->count <= RATE_MAX) {
        perform(c, r, false);
        return;
    }
    if (rate->held) {
        perform(c, rate->held, true);
        rate->held = NULL; /* the newer one counts */
    }
    /* A decrease waits for nothing; so many fit between 80 A and 0. */
    if (rate->lowers < LOWER_MAX && lowers(c, r)) {
        rate->lowers++;
        perform(c, r, false);
        return;
    }
    rate->held = r;
    oneshot_start(c->timer, (uint64_t)(rate->since_ms + RATE_WINDOW_MS > now_ms
                                               ? rate->since_ms + RATE_WINDOW_MS - now_ms
                                               : 1));
}

static void on_window(void *user)
{
    struct control *c = user;
    int64_t now_ms = loop_now_ms();
    int64_t next_ms = INT64_MAX;

    for (int i = 0; i < RATE_TOPICS; i++) {
        struct rate *rate = &c->rate[i];

        if (!rate->held) {
            continue;
        }
        if (now_ms - rate->since_ms >= RATE_WINDOW_MS) {
            struct request *r = rate->held;

            rate->held = NULL;
            rate->since_ms = now_ms;
            rate->count = 1;
            rate->lowers = 0;
            perform(c, r, false);
        } else if (rate->since_ms + RATE_WINDOW_MS < next_ms) {
            next_ms = rate->since_ms + RATE_WINDOW_MS;
        }
    }
    if (next_ms != INT64_MAX) {
        oneshot_start(c->timer, (uint64_t)(next_ms - now_ms));
    }
}

static void control_destroy(void *self)
{
    struct control *c = self;

    if (c) {
        for (int i = 0; i < RATE_TOPICS; i++) {
            free(c->rate[i].held);
        }
        oneshot_destroy(c->timer);
        free(c);
    }
}

static void *control_create(struct adapter_host *h, const void *config, struct err *e)
{
    struct control *c = calloc(1, sizeof(*c));

    (void)config;
    if (!c) {
        err_set(e, ERR_NO_MEMORY, "control by MQTT: out of memory");
        return NULL;
    }
    c->host = h;
    c->timer = oneshot_create(h->loop, on_window, c, e);
    if (!c->timer) {
        free(c);
        return NULL;
    }
    return c;
}

static void control_mqtt_up(void *self, int protocol)
{
    /* A broker may send a message once for each filter that it matches: these share nothing but
     * bridge/request/set, which is no request that there is (see is_copy). */
    static const char *const filters[] = {"+/+/+/set", "+/+/set", "bridge/request/+"};
    struct control *c = self;

    (void)protocol;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        char filter[TOPIC_ROOM];

        str_format(filter, sizeof(filter), "%s/%s", c->host->base_topic, filters[i]);
        if (!c->host->ops->subscribe(c->host, filter, 1)) {
            log_warning("mqtt", "cannot subscribe to %s", filter);
        }
    }
}

/* bridge/request/set matches two filters, so it may come twice at once; it is answered once. */
static bool is_copy(struct control *c, const struct command_in *in)
{
    int64_t now_ms = loop_now_ms();
    bool copy;

    if (in->unknown || in->kind != MODEL_BRIDGE || strcmp(in->key, "set") != 0) {
        return false;
    }
    copy = c->twice_ms != 0 && now_ms - c->twice_ms < COPY_MS;
    c->twice_ms = copy ? 0 : now_ms;
    return copy;
}

static bool control_message(void *self, const struct mqtt_message *m)
{
    struct control *c = self;
    size_t base = strlen(c->host->base_topic);
    size_t n = strlen(m->topic);
    struct command_in in;
    char rest[TOPIC_ROOM];

    if (strncmp(m->topic, c->host->base_topic, base) != 0 || m->topic[base] != '/' ||
            n >= TOPIC_ROOM) {
        return false;
    }
    str_copy(rest, sizeof(rest), m->topic + base + 1);
    if (!split(rest, &in)) {
        return false;
    }
    if (m->retained || m->len == 0) {
        return true; /* a broker replaying, or somebody clearing a topic: not a command */
    }
    if (is_copy(c, &in)) {
        return true;
    }

    struct request *r = request_copy(c, m);

    if (r) {
        take(c, r);
    }
    return true;
}

const struct adapter adapter_control_mqtt = {
        .name = "control_mqtt",
        .summary = "Commands by MQTT topics, each with an answer.",
        .create = control_create,
        .destroy = control_destroy,
        .mqtt_up = control_mqtt_up,
        .mqtt_message = control_message,
};
