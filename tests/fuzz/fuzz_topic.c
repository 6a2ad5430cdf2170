/*
 * fuzz_topic - topics, filters, slugs and ids. Lines of the input: base, topic, filter, name.
 * What is taken apart builds the same topic again; a match agrees with a second matcher; ids hold
 * the characters that Home Assistant takes. SPDX-License-Identifier: MIT
 */
#include "bridge/core/topic.h"
#include "discovery/discovery.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_ROOM = 400 };

/* By recursion over levels; both are valid. */
static bool levels_match(const char *f, const char *t)
{
    size_t nf = strcspn(f, "/"), nt = strcspn(t, "/");

    if (strcmp(f, "#") == 0) {
        return true;
    }
    if (!(nf == 1 && *f == '+') && !(nf == nt && strncmp(f, t, nf) == 0)) {
        return false;
    }
    if (t[nt] == '\0') {
        return f[nf] == '\0' || strcmp(f + nf, "/#") == 0;
    }
    return f[nf] == '/' && levels_match(f + nf + 1, t + nt + 1);
}

static void matching(const char *filter, const char *topic)
{
    bool hidden = topic[0] == '$' && (filter[0] == '+' || filter[0] == '#');

    fuzz_check(!topic_valid(topic) || topic_filter_valid(topic), "'%s' is no filter", topic);
    fuzz_check(!topic_valid(topic) || strlen(topic) < TOPIC_ROOM, "too long a topic");
    fuzz_check(!topic_base_valid(topic) || topic_valid(topic), "a base that is no topic");
    if (!topic_valid(topic)) {
        return;
    }
    fuzz_check(topic_match(topic, topic), "'%s' does not match itself", topic);
    fuzz_check(topic_match("#", topic) == (topic[0] != '$'), "# and '%s'", topic);
    if (topic_filter_valid(filter)) {
        fuzz_check(topic_match(filter, topic) == (!hidden && levels_match(filter, topic)),
                "'%s' and '%s'", filter, topic);
    }
}

static void command(const char *base, const char *topic)
{
    struct topic_target t, again;
    char built[TOPIC_ROOM], result[TOPIC_ROOM];
    struct model_device d = {.kind = MODEL_BRIDGE};

    if (!topic_base_valid(base) || !topic_valid(topic) || !topic_parse(base, topic, &t)) {
        return;
    }
    fuzz_check(t.key[0] != '\0' && !strchr(t.key, '/') && !strchr(t.id, '/'), "'%s': %s %s",
            topic, t.id, t.key);
    d.kind = t.kind;
    str_copy(d.id, sizeof(d.id), t.id);
    fuzz_check(
            topic_command(built, sizeof(built), base, &d, t.key) && strcmp(built, topic) == 0,
            "'%s' was built from '%s'", built, topic);
    fuzz_check(topic_result(result, sizeof(result), topic) ||
                       strlen(topic) + strlen("result") >= TOPIC_ROOM - 4,
            "no answer to '%s'", topic);
    fuzz_check(strcmp(result, topic) != 0 && !topic_parse(base, result, &again),
            "the answer to '%s' is a command", topic);
    fuzz_check(strncmp(result, base, strlen(base)) == 0 && topic_valid(result), "'%s'", result);
}

static bool only(const char *s, bool underscores_anywhere)
{
    size_t n = strlen(s);

    if (strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") != n) {
        return false;
    }
    return underscores_anywhere || n == 0 ||
           (s[0] != '_' && s[n - 1] != '_' && strstr(s, "__") == NULL);
}

static void slug(const char *name)
{
    char once[64], twice[64], small[8];

    str_slug(once, sizeof(once), name);
    fuzz_check(only(once, false), "slug '%s'", once);
    str_slug(twice, sizeof(twice), once);
    fuzz_check(strcmp(once, twice) == 0, "'%s' became '%s'", once, twice);
    str_slug(small, sizeof(small), name);
    fuzz_check(strlen(small) < sizeof(small) && only(small, false), "slug '%s'", small);
}

static void ids(const char *base, const char *name)
{
    struct discovery_config c = {.base = base, .prefix = "homeassistant"};
    struct model_device d = {.kind = MODEL_CHARGER};
    char id[DISCOVERY_TOPIC_ROOM], topic[DISCOVERY_TOPIC_ROOM], state[DISCOVERY_TOPIC_ROOM];

    if (!topic_base_valid(base) || strlen(base) > 63) {
        return;
    }
    str_slug(d.id, sizeof(d.id), name);
    if (d.id[0] == '\0') {
        str_copy(d.id, sizeof(d.id), "a1b2");
    }
    for (int kind = 0; kind < MODEL_KINDS; kind++) {
        d.kind = (enum model_kind)kind;
        if (d.kind != MODEL_CHARGER && d.kind != MODEL_CIRCUIT) {
            d.id[0] = '\0';
        } else if (d.id[0] == '\0') {
            str_copy(d.id, sizeof(d.id), "a1b2");
        }
        discovery_identifier(id, sizeof(id), &c, &d);
        discovery_topic(topic, sizeof(topic), &c, &d);
        discovery_state_topic(state, sizeof(state), &c, &d);
        fuzz_check(id[0] != '\0' && only(id, true), "identifier '%s'", id);
        fuzz_check(topic_valid(topic) && strstr(topic, id), "'%s'", topic);
        fuzz_check(
                strncmp(state, base, strlen(base)) == 0 && topic_valid(state), "'%s'", state);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, data + size};
    char base[TEXT_ROOM], topic[TEXT_ROOM], filter[TEXT_ROOM], name[TEXT_ROOM];

    fuzz_line(&in, base, sizeof(base));
    fuzz_line(&in, topic, sizeof(topic));
    fuzz_line(&in, filter, sizeof(filter));
    fuzz_line(&in, name, sizeof(name));
    matching(filter, topic);
    command(base, topic);
    slug(name);
    ids(base, name);
    return 0;
}
