/*
 * fuzz_discovery - what Home Assistant is told about any names, features and values, and what is
 * made of documents of others. Input: base topic, prefix, raw document, then devices. Our
 * documents (of the last device) parse, pass our lint, have the full key set and unique ids, and
 * are swept exactly when nobody stands behind them, and their state with them; any document gets a
 * verdict in words, and no topic of others leads to a state that is blanked. SPDX-License-Identifier: MIT
 */
#include "bridge/core/topic.h"
#include "discovery/discovery.h"
#include "tests/fuzz/fuzz.h"

enum { DEVICES_EXTRA = 3, LINE_ROOM = 3000 };

/* What is judged of a document of ours; each makes and reads one of up to 20 kB. */
enum law { LAW_LINT, LAW_PARSES, LAW_SWEPT, LAW_STATE, LAWS };

static struct model model;
static enum law law; /* of this input */
static char base[64], prefix[64];
static const struct discovery_config config = {.base = base,
        .prefix = prefix,
        .version = "1",
        .support_url = "https://example.org/",
        .configuration_url = ""};

/* One for each input while searching, for four times as many of them; all in the replay. */
static bool judged(enum law l)
{
#ifdef FUZZ_LIBFUZZER
    const bool all = false;
#else
    const bool all = true;
#endif

    return all || l == law;
}

/* Emptied, not made anew: most of the time would go into its memory. */
static struct buf *scratch(void)
{
    static struct buf b;

    if (b.cap == 0) {
        buf_init(&b, BUF_CAP_DISCOVERY);
    }
    buf_reset(&b);
    return &b;
}

static void texts(struct fuzz_in *in, char *dst, size_t room)
{
    char line[LINE_ROOM];

    fuzz_line(in, line, sizeof(line));
    fuzz_clean(dst, room, line);
}

static void values(struct fuzz_in *in, int device)
{
    struct model_device *d = &model.device[device];
    uint8_t n = fuzz_u8(in) & 15;

    for (int i = 0; i < n; i++) {
        enum field_id f =
                (enum field_id)((int)field_first(d->kind) + fuzz_u8(in) % field_count(d->kind));
        int64_t v = (int64_t)fuzz_u16(in) << (fuzz_u8(in) % 48);
        char text[80];

        if (field_table[f].type == TYPE_TEXT) {
            fuzz_line(in, text, sizeof(text));
            model_set_text(&model, device, f, text);
        } else if (field_table[f].type == TYPE_JSON) {
            model_set_json(&model, device, f, "{\"1\":{\"up\":true}}");
        } else {
            model_set(&model, device, f, (v & 1) != 0 ? -v : v);
        }
    }
}

/* Only the parts in use: the whole model is large. */
static void empty(void)
{
    for (int i = 0; i < model.devices; i++) {
        memset(&model.device[i], 0, offsetof(struct model_device, text));
        for (int k = 0; k < MODEL_TEXTS_MAX; k++) {
            model.device[i].text[k][0] = '\0';
        }
        for (int k = 0; k < MODEL_JSONS_MAX; k++) {
            model.device[i].json[k][0] = '\0';
        }
    }
    model.devices = 0;
    model.buses = 0;
    model.on_change = (struct watch_list){0};
    model.on_devices = (struct watch_list){0};
}

static void device(struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in);
    char name[64], id[48];
    int i;

    texts(in, name, sizeof(name));
    str_slug(id, sizeof(id), name);
    i = model_add(&model, (how & 1) != 0 ? MODEL_CHARGER : MODEL_CIRCUIT,
            id[0] != '\0' ? id : "a1b2", name[0] != '\0' ? name : "a");
    if (i < 0) {
        return;
    }
    model.device[i].features = (uint32_t)fuzz_u16(in) & 0x1FF;
    model.device[i].max_ma = (fuzz_u8(in) % 81) * 1000;
    model.device[i].floor_ma = (how & 2) != 0 ? 5000 : 6000;
    model.device[i].available = (how & 4) != 0;
    model.device[i].gone = (how & 8) != 0;
    texts(in, model.device[i].area, sizeof(model.device[i].area));
    values(in, i);
}

static void build(struct fuzz_in *in)
{
    uint8_t how = fuzz_u8(in);
    char name[64];

    empty();
    texts(in, name, sizeof(name));
    model_init(&model, "TWC Bridge", name[0] != '\0' ? name : "Site");
    model.utc_ms = INT64_C(1800000000000);
    model.buses = how & 3;
    law = (enum law)((how >> 2) % LAWS);
    for (int i = 0; i < model.buses; i++) {
        str_format(model.bus[i].id, sizeof(model.bus[i].id), "%d", i + 1);
        str_copy(model.bus[i].name, sizeof(model.bus[i].name), name);
    }
    values(in, 0);
    values(in, 1);
    for (int i = 0; i < DEVICES_EXTRA && fuzz_more(in); i++) {
        device(in);
    }
}

static void judge_document(int i)
{
    struct err e = {0};
    char topic[DISCOVERY_TOPIC_ROOM];
    struct model_device *d = &model.device[i];
    struct buf *b = scratch();
    bool gone = d->gone;

    discovery_topic(topic, sizeof(topic), &config, d);
    fuzz_check(topic_valid(topic), "topic '%s'", topic);
    discovery_document(&config, &model, i, b);
    fuzz_check(buf_ok(b), "no document");
    if (judged(LAW_PARSES)) {
        struct json_object *v = fuzz_json(buf_text(b), b->len);

        fuzz_check(json_length(json_member(json_member(v, "device"), "identifiers")) == 1, "%s",
                buf_text(b));
        json_put(v);
    }
    fuzz_check(!judged(LAW_LINT) || discovery_lint(topic, buf_text(b), b->len, &e) == ERR_OK,
            "%s: %s in %s", topic, e.text, buf_text(b));
    if (judged(LAW_SWEPT)) {
        fuzz_check(sweep_orphan(&config, &model, topic, buf_text(b), b->len) !=
                           discovery_wanted(d),
                "swept or not: %s", topic);
        d->gone = true;
        fuzz_check(
                sweep_orphan(&config, &model, topic, buf_text(b), b->len), "left: %s", topic);
        d->gone = gone;
    }
}

/* The state of a device is blanked when the device is gone from the model, and no sooner. */
static void judge_sweep(int i)
{
    char topic[DISCOVERY_TOPIC_ROOM], state[DISCOVERY_TOPIC_ROOM], got[DISCOVERY_TOPIC_ROOM];

    discovery_topic(topic, sizeof(topic), &config, &model.device[i]);
    discovery_state_topic(state, sizeof(state), &config, &model.device[i]);
    fuzz_check(!sweep_state_topic(&config, &model, topic, got, sizeof(got)),
            "%s is there, and %s blanked", topic, got);
    if (i < 2) {
        return; /* bridge and site are never gone */
    }
    model.devices--; /* the last one */
    fuzz_check(sweep_state_topic(&config, &model, topic, got, sizeof(got)), "left: %s", state);
    fuzz_check(strcmp(got, state) == 0, "%s blanked for %s", got, state);
    fuzz_check(!sweep_state_topic(&config, &model, topic, got, strlen(state)), "%s was cut",
            state);
    model.devices++;
}

/* Any topic: what is blanked for it is a state topic of ours, and building the document's topic
 * for that kind and id gives the topic that was asked about. */
static void blanked_is_ours(const char *topic)
{
    char got[DISCOVERY_TOPIC_ROOM], again[2 * DISCOVERY_TOPIC_ROOM];
    char node[DISCOVERY_TOPIC_ROOM];
    const char *kind = got + strlen(base) + 1, *id;

    if (!sweep_state_topic(&config, &model, topic, got, sizeof(got))) {
        return;
    }
    fuzz_check(strncmp(got, base, strlen(base)) == 0 && got[strlen(base)] == '/', "%s", got);
    id = strchr(kind, '/');
    fuzz_check(id && id[1] != '\0', "no id: %s", got);
    id++;
    fuzz_check(!strpbrk(id, "/+#"), "'%s' leads to '%s'", topic, got);
    discovery_node(node, sizeof(node), base);
    fuzz_check(str_format(again, sizeof(again), "%s/device/%s_%.*s_%s/config", prefix, node,
                       (int)(id - 1 - kind), kind, id),
            "too long");
    fuzz_check(strcmp(again, topic) == 0, "'%s' leads to '%s'", topic, got);
    for (int i = 0; i < model.devices; i++) {
        char state[DISCOVERY_TOPIC_ROOM];

        discovery_state_topic(state, sizeof(state), &config, &model.device[i]);
        fuzz_check(strcmp(state, got) != 0, "%s is in use", state);
    }
}

/* raw as a topic, and as the identifier in one. */
static void topics(const char *raw)
{
    char topic[LINE_ROOM + 2 * DISCOVERY_TOPIC_ROOM], node[DISCOVERY_TOPIC_ROOM];

    blanked_is_ours(raw);
    discovery_node(node, sizeof(node), base);
    (void)str_format(topic, sizeof(topic), "%s/device/%s_%s", prefix, node, raw);
    blanked_is_ours(topic);
    (void)str_format(topic, sizeof(topic), "%s/device/%s_%s/config", prefix, node, raw);
    blanked_is_ours(topic);
}

static void judge_state(int i)
{
    enum model_kind kind = model.device[i].kind;
    struct buf *b = scratch();
    struct json_object *v;

    state_document(&model, i, b);
    fuzz_check(buf_ok(b) && b->len <= BUF_CAP_DOCUMENT, "no state");
    v = fuzz_json(buf_text(b), b->len);
    for (int f = (int)field_first(kind); f < (int)field_first(kind) + field_count(kind); f++) {
        fuzz_check(json_has(v, field_table[f].key), "%s lacks %s", buf_text(b),
                field_table[f].key);
    }
    json_put(v);
}

/* Documents of others: a verdict in words, never ours by mistake, tombstones that parse. */
static void strangers(const char *text, size_t n)
{
    struct err e = {0};
    struct buf *b = scratch();
    char topic[DISCOVERY_TOPIC_ROOM];
    bool parses = false;
    struct json_object *v = n > 0 ? json_parse(text, n, NULL) : NULL;

    parses = v != NULL;
    json_put(v);
    fuzz_check(discovery_lint(base, text, n, &e) == ERR_OK || e.text[0] != '\0', "no reason");
    discovery_topic(topic, sizeof(topic), &config, &model.device[0]);
    if (discovery_lint(topic, text, n, &e) != ERR_OK) {
        fuzz_sentence(e.text, sizeof(e.text));
    } else {
        fuzz_check(n == 0 || parses, "no JSON, and fine: %s", text);
    }
    fuzz_check(!sweep_orphan(&config, &model, topic, text, n), "the bridge was swept");
    if (discovery_tombstones(&config, &model, 0, text, n, b)) {
        fuzz_check(parses && buf_ok(b), "tombstones out of nothing");
        json_put(fuzz_json(buf_text(b), b->len));
    } else {
        fuzz_check(b->len == 0, "nothing to bury, and %zu bytes", b->len);
    }
}

static void unique(void)
{
    char seen[2 + DEVICES_EXTRA][DISCOVERY_TOPIC_ROOM];

    for (int i = 0; i < model.devices; i++) {
        discovery_identifier(seen[i], sizeof(seen[i]), &config, &model.device[i]);
        for (int k = 0; k < i; k++) {
            fuzz_check(strcmp(seen[i], seen[k]) != 0, "two devices %s", seen[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};
    char raw[LINE_ROOM];

    texts(&in, base, sizeof(base));
    texts(&in, prefix, sizeof(prefix));
    if (!topic_base_valid(base)) {
        str_copy(base, sizeof(base), "twcbridge");
    }
    if (!topic_base_valid(prefix) || strcmp(base, prefix) == 0) {
        str_copy(prefix, sizeof(prefix), "homeassistant");
    }
    if (strcmp(base, prefix) == 0) {
        str_copy(base, sizeof(base), "twcbridge");
    }
    fuzz_line(&in, raw, sizeof(raw));
    build(&in);
    strangers(raw, strlen(raw));
    topics(raw);
    if (raw[0] == '\0') { /* one thing at a time: a stranger's document, or one of ours */
        unique();
        if (judged(LAW_STATE)) {
            judge_state(model.devices - 1);
        }
        if (law != LAW_STATE || judged(LAW_LINT)) {
            judge_document(model.devices - 1);
        }
        judge_sweep(model.devices - 1);
    }
    return 0;
}
