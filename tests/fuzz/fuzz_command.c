/*
 * fuzz_command - the one door with real rows and a small house behind it. First byte: which
 * command; then the payload. Every command is answered once, in JSON; a refusal says why and
 * changes nothing; what is taken holds inside its range and is what the answer says; a plain value
 * and the same value in JSON are one command; and what is said to lower, before it is run, does,
 * as all that lowers is said to. SPDX-License-Identifier: MIT
 */
#include "bridge/command.h"
#include "bridge/io/loop.h"
#include "tests/fuzz/fuzz.h"

#include <stdarg.h>

enum { ROWS = 4 }; /* a run puts two leases at most */
enum { HELD_MA = 16000, HELD_MAX_MA = 24000 };

static struct daemon house;
static struct lease before[ROWS];
static char answer[BUF_CAP_DOCUMENT];
static int answers;
static int32_t number;
static int64_t clock_ms = 1000000;

/* ---- what the door calls; each keeps to its header ---- */

int64_t loop_now_ms(void)
{
    return clock_ms;
}

int64_t loop_utc_ms(void)
{
    return 1700000000000 + clock_ms;
}

/* Later answers want a worker and a disk: here they are refused, as where no store is. */
enum command_code command_backup(struct command_call *c)
{
    return command_refuse(c, COMMAND_FAILED, "%s: there is no store", c->in->key);
}

enum command_code command_diagnostics(struct command_call *c)
{
    return command_refuse(c, COMMAND_FAILED, "%s: there is no store", c->in->key);
}

void command_keep(
        struct daemon *d, const struct command_call *c, command_done_fn *done, void *user)
{
    (void)d;
    (void)done;
    (void)user;
    fuzz_check(false, "%s is late", c->in->key);
}

int unit_find(const struct daemon *d, const char *id)
{
    for (int i = 0; i < d->units; i++) {
        if (strcmp(d->unit[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

void event_emit(struct daemon *d, int unit, const char *type, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    int n;

    (void)d;
    (void)unit;
    text[0] = '{';
    n = snprintf(text, sizeof(text), "{\"event_type\":\"%s\"", type);
    va_start(ap, fmt);
    n += vsnprintf(text + n, sizeof(text) - (size_t)n - 2, fmt, ap);
    va_end(ap);
    fuzz_check(n > 0 && n < (int)sizeof(text) - 2, "an event of %d bytes", n);
    memcpy(text + n, "}", 2);
    json_put(fuzz_json(text, (size_t)n + 1));
}

void daemon_dirty(struct daemon *d)
{
    d->dirty = true;
}

void daemon_stop(struct daemon *d, int exit_code, const char *why)
{
    (void)d;
    (void)exit_code;
    fuzz_check(why[0] != '\0', "stopped without a reason");
}

void step_run(struct daemon *d)
{
    d->stepped_ms = clock_ms;
}

void step_config(struct daemon *d)
{
    (void)d;
}

void show_health(struct daemon *d)
{
    (void)d;
}

void broker_announce(struct daemon *d)
{
    (void)d;
}

bool broker_publish(struct daemon *d, const char *topic, const char *payload, size_t len,
        enum mqtt_retain retain)
{
    (void)d;
    (void)payload;
    (void)retain;
    fuzz_check(topic[0] != '\0' && len == 0, "a document of %zu bytes", len);
    return true;
}

int32_t *run_number(struct daemon *d, int unit, const char *key)
{
    bool hold = strcmp(key, "hold_minutes") == 0;

    return unit < 0 ? &d->grace_s : hold ? &d->unit[unit].run.hold_min : &number;
}

void run_put(struct daemon *d, int unit, const char *key)
{
    (void)d;
    fuzz_check(unit >= -1 && unit < d->units && key[0] != '\0', "stored for unit %d", unit);
}

void run_rename(struct daemon *d, int unit, const char *name)
{
    fuzz_check(unit >= 0 && unit < d->units, "unit %d gets a name", unit);
    str_copy(d->model.device[d->unit[unit].device].name, SETTINGS_NAME_ROOM, name);
}

void run_ceiling(struct daemon *d, int unit)
{
    (void)d;
    (void)unit;
}

void unit_remove(struct daemon *d, int unit)
{
    (void)d;
    (void)unit;
}

void lease_store(struct daemon *d, const struct lease *l)
{
    (void)d;
    fuzz_check(l->value_ma >= 0 && l->value_ma <= MA_MAX * CHARGERS_MAX && l->owner[0] != '\0',
            "a lease of %d mA for '%s'", l->value_ma, l->owner);
    fuzz_check(fuzz_utf8(l->reason) && fuzz_utf8(l->owner), "no UTF-8 in a lease");
}

void lease_over(void *user, const struct lease_end *end)
{
    (void)user;
    (void)end;
}

void store_drop_lease(struct store *s, uint32_t id)
{
    (void)s;
    (void)id;
}

/* ---- the house ---- */

static void build(void)
{
    static const char *const ids[] = {"a1b2", "v1"};

    house.fallback_ma = 6000;
    model_init(&house.model, "Bridge", "Site");
    house.model.device[1].max_ma = 63000;
    house.settings.circuit_count = 1;
    str_copy(house.settings.circuit[0].id, sizeof(house.settings.circuit[0].id), "garage");
    str_copy(house.settings.circuit[0].name, sizeof(house.settings.circuit[0].name), "Garage");
    str_copy(house.settings.mqtt.base_topic, sizeof(house.settings.mqtt.base_topic), "twc");
    str_copy(house.settings.mqtt.discovery_prefix, sizeof(house.settings.mqtt.discovery_prefix),
            "ha");
    house.settings.circuit[0].effective_limit_ma = 32000;
    house.settings.safety.hold_unseen_min = 60;
    for (int i = 0; i < 2; i++) {
        struct unit *u = &house.unit[house.units++];

        str_copy(u->id, sizeof(u->id), ids[i]);
        u->device = model_add(&house.model, MODEL_CHARGER, ids[i], "Wall Connector");
        u->settings = -1;
        house.model.device[u->device].max_ma = 32000;
        house.model.device[u->device].floor_ma = 6000;
        house.control.out[i].floor_ma = 6000;
    }
}

static const struct lease *lease_of(const struct command_in *in, const char *owner)
{
    bool charger = in->kind == MODEL_CHARGER;

    return lease_find(&house.leases, charger ? LEASE_REQUEST : LEASE_CEILING,
            charger                     ? LEASE_CHARGER
            : in->kind == MODEL_CIRCUIT ? LEASE_CIRCUIT
                                        : LEASE_SITE,
            0, owner);
}

/* What holds before the command: 4 Home Assistant lives, 16 a limit of 16 A for mqtt, 32 charging
 * is not allowed, 64 mode stop, 128 an offer of 20 A, else 10 A. */
static void furnish(uint8_t how)
{
    struct lease l = {.value_ma = HELD_MA, .hold = LEASE_STORED, .owner = "mqtt"};

    memset(house.leases.row, 0, sizeof(before));
    house.leases.next_id = 1;
    house.ha = (how & 4) != 0 ? HA_ALIVE : HA_NOT_SEEN;
    house.grace_s = 120;
    house.site_allowed = (how & 32) == 0;
    house.site_mode = (how & 64) != 0 ? MODE_STOP : MODE_MANUAL;
    for (int i = 0; i < house.units; i++) {
        house.unit[i].run = (struct unit_run){.allowed = house.site_allowed,
                .mode = house.site_mode,
                .max_ma = -1,
                .min_ma = -1,
                .boost_ma = -1};
        house.control.out[i].offer_ma = (how & 128) != 0 ? 20000 : 10000;
        model_set(&house.model, house.unit[i].device, FIELD_CHARGER_MAX_CURRENT, HELD_MAX_MA);
    }
    for (int i = 0; i < 3 && (how & 16) != 0; i++) {
        l.kind = i == 0 ? LEASE_REQUEST : LEASE_CEILING;
        l.scope = i == 0 ? LEASE_CHARGER : i == 1 ? LEASE_CIRCUIT : LEASE_SITE;
        fuzz_check(lease_put(&house.leases, &l, &(struct lease_end){0}), "no room");
    }
}

static void on_answer(void *user, const char *json)
{
    (void)user;
    answers++;
    fuzz_check(str_copy(answer, sizeof(answer), json), "an answer too long");
}

/* Runs one command; the answer as a value, which the caller puts. */
static struct json_object *ask(const struct command_in *in)
{
    answers = 0;
    command_run(&house, in, on_answer, NULL);
    fuzz_check(answers == 1, "%d answers", answers);
    return fuzz_json(answer, strlen(answer));
}

static bool is(struct json_object *v, const char *key, const char *want)
{
    char text[64];

    json_as_text(json_member(v, key), text, sizeof(text));
    return strcmp(text, want) == 0;
}

static bool refused(struct json_object *v)
{
    char message[512];

    if (is(v, "status", "ok")) {
        return false;
    }
    fuzz_check(is(v, "status", "refused"), "status in %s", answer);
    fuzz_check(json_kind(json_member(v, "code")) == JSON_TEXT, "no code in %s", answer);
    json_as_text(json_member(v, "message"), message, sizeof(message));
    fuzz_check(message[0] != '\0', "no message in %s", answer);
    return true;
}

/* The answer's value of an accepted limit is the lease in force. */
static void holds(const struct command_in *in, struct json_object *v)
{
    bool charger = in->kind == MODEL_CHARGER;
    enum lease_kind kind = charger ? LEASE_REQUEST : LEASE_CEILING;
    enum lease_scope scope = charger                     ? LEASE_CHARGER
                             : in->kind == MODEL_CIRCUIT ? LEASE_CIRCUIT
                                                         : LEASE_SITE;
    int32_t max = charger ? 32000 : in->kind == MODEL_CIRCUIT ? 32000 : 63000;
    int64_t ma = 0;

    if (strcmp(in->key, "current_limit") != 0 ||
            json_kind(json_member(v, "value")) == JSON_NULL) {
        return;
    }
    fuzz_check(json_get_scaled(json_member(v, "value"), "value", 1000, &ma, NULL) == ERR_OK &&
                       ma >= 0 && ma <= max,
            "%lld mA in %s", (long long)ma, answer);
    for (int i = 0; i < ROWS; i++) {
        const struct lease *l = &house.leases.row[i];

        if (l->id != 0 && l->kind == kind && l->scope == scope && l->value_ma == ma) {
            fuzz_check(l->hold != LEASE_FOR || l->expires_ms > clock_ms, "over at once");
            return;
        }
    }
    fuzz_check(false, "no lease of %lld mA for %s", (long long)ma, answer);
}

/* The owner that a payload names, or the sender's. */
static void owner_of(const struct command_in *in, char dst[static LEASE_OWNER_ROOM])
{
    struct json_object *v =
            strchr(in->payload, '{') ? json_parse(in->payload, in->len, NULL) : NULL;

    str_copy(dst, LEASE_OWNER_ROOM, in->owner);
    if (json_has(v, "owner")) {
        json_as_text(json_member(v, "owner"), dst, LEASE_OWNER_ROOM);
    }
    json_put(v);
}

/* held: what the owner had in force (-1: nothing); was: the house before the command, which was
 * taken. Did it lower? */
static bool lowered(const struct command_in *in, struct json_object *v, int64_t held,
        const struct unit_run *was)
{
    int64_t ma = 0;

    if (strcmp(in->key, "charging_allowed") == 0) {
        return was->allowed && is(v, "value", "false");
    }
    if (strcmp(in->key, "mode") == 0) {
        return was->mode != MODE_STOP && is(v, "value", "stop");
    }
    if (strcmp(in->key, "max_current") == 0) {
        return number < HELD_MAX_MA;
    }
    if (strcmp(in->key, "current_limit") != 0 ||
            json_get_scaled(json_member(v, "value"), "value", 1000, &ma, NULL) != ERR_OK) {
        return false; /* a release is no order to lower */
    }
    held = held < 0 && in->kind == MODEL_CHARGER ? house.control.out[0].offer_ma : held;
    return held < 0 || ma < held;
}

/* Runs one command, after asking whether it lowers. */
static struct json_object *ask_and_judge(const struct command_in *in)
{
    char owner[LEASE_OWNER_ROOM];
    const struct lease *l;
    struct unit_run was = house.unit[0].run;
    int64_t held;
    struct json_object *v;
    bool said;

    owner_of(in, owner);
    l = lease_of(in, owner);
    held = l ? l->value_ma : -1;
    memcpy(before, house.leases.row, sizeof(before));
    answers = 0;
    said = command_lowers(&house, in);
    fuzz_check(answers == 0 && memcmp(before, house.leases.row, sizeof(before)) == 0 &&
                       memcmp(&was, &house.unit[0].run, sizeof(was)) == 0,
            "asked about, and done: %s", in->payload);
    v = ask(in);
    if (is(v, "status", "ok")) {
        fuzz_check(said == lowered(in, v, held, &was), "%s is said to lower: %d, and: %s",
                in->payload, said, answer);
    }
    return v;
}

/* Of the keys that are a number (all of them have a '_'): a number as a plain payload and as {"value":number}. */
static void both_ways(struct command_in *in, bool was_refused)
{
    struct json_object *v;
    char text[200];
    int64_t n = 0;

    if (!strchr(in->key, '_') || strcmp(in->key, "charging_allowed") == 0 ||
            !str_scaled(in->payload, in->len, 1, &n) || strpbrk(in->payload, " \t\r\n") ||
            in->len > 100 ||
            json_kind(v = json_parse(in->payload, in->len, NULL)) != JSON_NUMBER) {
        return;
    }
    json_put(v);
    fuzz_check(str_format(text, sizeof(text), "{\"value\":%s}", in->payload), "too long");
    in->payload = text;
    in->len = strlen(text);
    v = ask_and_judge(in);
    fuzz_check(refused(v) == was_refused, "%s is not what its plain value is", text);
    json_put(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const owners[] = {"mqtt", "http"};
    static const char *const kinds[] = {
            "vehicle", "bridge", "site", "charger", "chargr", "", "x", "circuits"};
    struct fuzz_in in = {data, data + size};
    size_t row = fuzz_u8(&in) % (command_row_count + 1);
    uint8_t how = fuzz_u8(&in);
    size_t n = (size_t)(in.end - in.p);
    char *payload = malloc(n + 1);
    struct command_in c = {.kind = MODEL_CHARGER, .id = "", .key = "nothing"};
    struct json_object *v;

    fuzz_check(payload, "out of memory");
    memcpy(payload, in.p, n);
    payload[n] = '\0';
    if (house.units == 0) {
        build();
    }
    furnish(how);
    if (row < command_row_count) {
        c.kind = command_rows[row].kind;
        c.key = command_rows[row].key;
    }
    if ((how & 16) != 0) { /* a topic of no kind that there is */
        c.unknown = kinds[how >> 5];
        c.key = "charge";
    }
    c.id = c.kind == MODEL_CHARGER ? "a1b2" : c.kind == MODEL_CIRCUIT ? "garage" : "";
    c.id = (how & 8) != 0 && c.id[0] != '\0' ? "a1c2" : c.id;
    c.payload = payload;
    c.len = n;
    c.owner = owners[how & 1];
    c.too_many = (how & 2) != 0;
    v = ask_and_judge(&c);
    if (refused(v)) {
        fuzz_check(is(v, "code", "no_data") ||
                           memcmp(before, house.leases.row, sizeof(before)) == 0,
                "refused and done: %s", answer);
        both_ways(&c, true);
    } else {
        holds(&c, v);
        both_ways(&c, false);
    }
    json_put(v);
    free(payload);
    return 0;
}
