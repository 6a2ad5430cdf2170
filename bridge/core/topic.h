/*
 * topic - build, validate, match and take apart the MQTT topics of the contract.
 *
 *   <base>/bridge/health            <base>/bridge/request/<key>     <base>/bridge/response/<key>
 *   <base>/site                     <base>/site/<key>/set           <base>/site/<key>/result
 *   <base>/<kind>/<id>              <base>/<kind>/<id>/<key>/set    <base>/<kind>/<id>/<key>/result
 *   <base>/bridge/<leaf>            <base>/<kind>/<id>/<leaf>       (event, availability, state...)
 *
 * Builders return false when the topic did not fit. SPDX-License-Identifier: MIT
 */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include "bridge/core/model.h"

#include <stdbool.h>
#include <stddef.h>

enum { TOPIC_ROOM = 256, TOPIC_WORD_ROOM = 48 };

/* What may be published to: not empty, no wildcard, no control character, shorter than TOPIC_ROOM. */
bool topic_valid(const char *topic);
/* What may be subscribed to: '+' fills a level, '#' only as the last one. */
bool topic_filter_valid(const char *filter);
/* What may stand in mqtt.base_topic: valid, no empty level, does not begin with '$'. */
bool topic_base_valid(const char *base);
/* Both must be valid. '$' topics are not matched by a leading wildcard. */
bool topic_match(const char *filter, const char *topic);

bool topic_state(
        char *dst, size_t room, const char *base, enum model_kind kind, const char *id);
bool topic_leaf(char *dst, size_t room, const char *base, const struct model_device *d,
        const char *leaf);
bool topic_command(char *dst, size_t room, const char *base, const struct model_device *d,
        const char *key);
/* Where the answer to a command goes, from the topic the command came on; false: no command. */
bool topic_result(char *dst, size_t room, const char *command_topic);

struct topic_target {
    enum model_kind kind;
    char id[TOPIC_WORD_ROOM]; /* "" for bridge and site */
    char key[TOPIC_WORD_ROOM];
};

/* False: not the topic of a command of ours. Neither id nor key is looked up. */
bool topic_parse(const char *base, const char *topic, struct topic_target *out);

#endif
