/*
 * control_words - what limits a charger, and why, in one sentence without ticking numbers.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/str.h"
#include "bridge/core/control_private.h"

const char *const limited_by_names[] = {"nothing", "request", "policy", "charger", "circuit",
        "site", "ceiling", "vehicle", "not_allowed", "vehicle_denied", "no_data", "fallback",
        "start_stop_rest", "fault", NULL};

enum { WHO_ROOM = 96, WHY_ROOM = 140 };

/* "16 A asked by node-red" or "nobody asks". */
static void who(const struct work *w, char dst[static WHO_ROOM])
{
    if (w->winner) {
        str_format(dst, WHO_ROOM, "%d A asked by %s", w->winner->value_ma / 1000,
                w->winner->owner);
    } else {
        str_copy(dst, WHO_ROOM, "nobody asks, default");
    }
}

/* Whether a meter has a part in what is left; without its figure, which ticks. */
static const char *metered_words(const struct step *s, int row)
{
    int circuit = row_circuit(&s->rows, row);

    if (!s->config->circuit[circuit].metered) {
        return "";
    }
    return s->in->meter && s->in->meter[circuit].known[row_phase(row)]
                   ? " beside what its meter shows"
                   : " while its meter tells nothing";
}

/* Which row held it, and what is left there. */
static enum limited_by row_words(const struct step *s, int i, char why[static WHY_ROOM])
{
    const struct work *w = &s->w[i];
    int circuit = row_circuit(&s->rows, w->row);
    const char *gives = w->waits ? "waits for amps that others still draw" : "leaves";

    if (circuit < 0) {
        str_format(why, WHY_ROOM, w->waits ? "the site %s" : "the site's limit %s %d A", gives,
                w->offer_ma / 1000);
        return LIMITED_SITE;
    }
    if (w->waits) {
        str_format(why, WHY_ROOM, "circuit %.60s %s", s->config->circuit[circuit].name, gives);
    } else {
        str_format(why, WHY_ROOM, "circuit %.60s leaves %d A on L%d%s",
                s->config->circuit[circuit].name, w->offer_ma / 1000, row_phase(w->row) + 1,
                metered_words(s, w->row));
    }
    return LIMITED_CIRCUIT;
}

static enum limited_by own_words(const struct step *s, int i, char why[static WHY_ROOM])
{
    const struct work *w = &s->w[i];

    switch (w->own_limit) {
    case LIMITED_NOT_ALLOWED:
        str_copy(why, WHY_ROOM, "charging is not allowed");
        break;
    case LIMITED_CEILING:
        str_format(why, WHY_ROOM, "limit %d A by %s", w->ceiling->value_ma / 1000,
                w->ceiling->owner);
        break;
    case LIMITED_FALLBACK:
        str_format(why, WHY_ROOM, "the limit of %s lapsed to %d A", w->ceiling->owner,
                w->ceiling->value_ma / 1000);
        break;
    case LIMITED_CHARGER:
        str_format(why, WHY_ROOM,
                w->hardware_known ? "the charger can do %d A"
                                  : "%d A until the charger tells its maximum",
                w->cap_ma / 1000);
        break;
    case LIMITED_CIRCUIT:
        str_format(why, WHY_ROOM, "its circuit carries %d A", w->cap_ma / 1000);
        break;
    case LIMITED_START_STOP_REST:
        str_copy(why, WHY_ROOM,
                w->want_ma > 0 ? "no stop within a minute of the start"
                               : "no start within a minute of the stop");
        break;
    case LIMITED_FAULT:
        str_copy(why, WHY_ROOM,
                control_fault(s, i) != FAULT_OK
                        ? charger_fault_texts[control_fault(s, i)]
                        : "it restarted and has not confirmed its limit");
        break;
    case LIMITED_NO_DATA:
        str_copy(why, WHY_ROOM,
                s->in->report[i].heard_ms == 0
                        ? "more when it has answered"
                        : "more when the minute after the restart is over");
        break;
    case LIMITED_NOTHING:
    case LIMITED_REQUEST:
    case LIMITED_POLICY:
    case LIMITED_SITE:
    case LIMITED_VEHICLE:
    case LIMITED_VEHICLE_DENIED:
    case LIMITED_COUNT:
        str_copy(why, WHY_ROOM, "");
        break;
    }
    return w->own_limit;
}

/* Its rows would carry more: that it may not rise holds it. */
static bool unraised(const struct work *w)
{
    return !w->may_raise && w->offer_ma < w->target_ma;
}

void control_words(const struct step *s, int i, struct control_out *o)
{
    const struct work *w = &s->w[i];
    const struct charger_report *r = &s->in->report[i];
    char asked[WHO_ROOM], why[WHY_ROOM] = "";

    who(w, asked);
    if (w->cap_ma < w->floor_ma && w->want_ma == 0 && w->own_limit != LIMITED_NOT_ALLOWED) {
        o->limited_by = w->own_limit == LIMITED_NOTHING ? LIMITED_CHARGER : w->own_limit;
        str_format(why, sizeof(why), "its minimum of %d A is above the %d A that it may take",
                w->floor_ma / 1000, w->cap_ma / 1000);
    } else if (control_stopped(s, i)) {
        o->limited_by =
                w->own_limit == LIMITED_NOT_ALLOWED ? LIMITED_NOT_ALLOWED : LIMITED_FAULT;
        str_copy(why, sizeof(why), "stopped by silence");
    } else if (r->link == CHARGER_FOREIGN) {
        o->limited_by = LIMITED_FAULT;
        str_copy(why, sizeof(why), charger_fault_texts[FAULT_SECOND_MASTER]);
    } else if (!w->admitted) {
        o->limited_by = LIMITED_CIRCUIT;
        str_copy(why, sizeof(why),
                "not linked: its 6 A do not fit its circuit beside the others");
    } else if (w->own_limit == LIMITED_NOT_ALLOWED || w->own_limit == LIMITED_FAULT) {
        o->limited_by = own_words(s, i, why);
    } else if (w->row != ROW_NONE && w->offer_ma < w->want_ma && !unraised(w)) {
        o->limited_by = row_words(s, i, why);
    } else if (!w->may_raise && w->offer_ma < w->want_ma) {
        o->limited_by = LIMITED_NO_DATA;
        str_format(why, sizeof(why), "no raise: %s", w->no_raise);
    } else if (w->own_limit != LIMITED_NOTHING) {
        o->limited_by = own_words(s, i, why);
    } else {
        o->limited_by = w->winner ? LIMITED_REQUEST : LIMITED_NOTHING;
    }
    str_format(o->reason, sizeof(o->reason), "%d A: %s%s%s", w->offer_ma / 1000, asked,
            why[0] != '\0' ? ", " : "", why);
}
