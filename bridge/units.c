/*
 * units - the chargers of the bridge: from the settings, from the store, from the bus.
 * SPDX-License-Identifier: MIT
 */
#include "bridge/base/log.h"
#include "bridge/base/str.h"
#include "bridge/daemon.h"
#include "bridge/io/loop.h"

#include <string.h>

enum {
    PUT_MS = 5000,           /* energy goes to the store at most this often */
    GAP_MAX_MS = 600 * 1000, /* longer absences are not bridged */
    SETTLE_MS = 30000,       /* a unit that has not told its voltages by then never will */
};

static const struct unit_run run_defaults = {
        .allowed = true, .mode = MODE_MANUAL, .max_ma = -1, .min_ma = -1, .boost_ma = -1,
        .boost_min = 60};

int unit_find(const struct daemon *d, const char *id)
{
    for (int i = 0; i < d->units; i++) {
        if (strcmp(d->unit[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

static bool is_virtual(const struct daemon *d, int bus)
{
    return bus >= 0 && strncmp(d->settings.bus[bus].port, "virtual:", 8) == 0;
}

/* The id that a charger has in the settings and, without a clash, on topics. */
static void plain_id(const struct daemon *d, int bus, uint16_t twc_id, char *dst, size_t room)
{
    if (is_virtual(d, bus)) {
        str_format(dst, room, "v%u", (unsigned)twc_id);
    } else {
        str_format(dst, room, "%04x", (unsigned)twc_id);
    }
}

static int settings_of(const struct daemon *d, int bus, const char *id)
{
    for (int i = 0; i < d->settings.charger_count; i++) {
        const struct charger_settings *s = &d->settings.charger[i];

        if (strcmp(s->id, id) == 0 && (s->bus_index < 0 || bus < 0 || s->bus_index == bus)) {
            return i;
        }
    }
    return -1;
}

static void name_of(const struct daemon *d, const struct unit *u, char *dst, size_t room)
{
    char upper[16];

    if (u->run.name[0] != '\0') {
        str_copy(dst, room, u->run.name);
        return;
    }
    if (u->settings >= 0 && d->settings.charger[u->settings].name[0] != '\0') {
        str_copy(dst, room, d->settings.charger[u->settings].name);
        return;
    }
    str_copy(upper, sizeof(upper), u->id);
    for (char *p = upper; *p != '\0'; p++) {
        if (*p >= 'a' && *p <= 'z') {
            *p = (char)(*p - 'a' + 'A');
        }
    }
    str_format(dst, room, "Wall Connector %s", upper);
}

/* The least that a person may choose: not what is chosen now, or it could only ever be raised. */
static int32_t floor_of(const struct unit *u, const struct charger_settings *s)
{
    bool five = s && s->min_ma != OPT_UNSET && s->min_ma < FLOOR_MA && u->report.protocol == 1;

    return five ? (s->min_ma + 999) / 1000 * 1000 : FLOOR_MA;
}

/* Descriptive members of the device, told to discovery when one differs. */
static void describe(struct daemon *d, struct unit *u)
{
    struct model_device *m = &d->model.device[u->device];
    struct model_device before;
    const struct charger_settings *s = u->settings >= 0 ? &d->settings.charger[u->settings] : NULL;
    const struct control_out *o = &d->control.out[u - d->unit];
    uint32_t phases = phase_bits(s ? (enum phase_map)s->phases : PHASE_MAP_UNKNOWN);

    /* Only the head is compared: values tell their own changes. */
    memcpy(&before, m, offsetof(struct model_device, updated_utc_ms));
    name_of(d, u, m->name, sizeof(m->name));
    str_copy(m->area, sizeof(m->area), s ? s->area : "");
    str_copy(m->serial, sizeof(m->serial), u->report.serial);
    str_copy(m->sw_version, sizeof(m->sw_version), u->report.firmware);
    if (u->report.protocol != 0) {
        str_format(m->hw_version, sizeof(m->hw_version), "%u", (unsigned)u->report.protocol);
    }
    m->features = (u->report.protocol == 2 ? (uint32_t)FEATURE_P2 : 0) |
            (phases & 1 ? (uint32_t)FEATURE_L1 : 0) | (phases & 2 ? (uint32_t)FEATURE_L2 : 0) |
            (phases & 4 ? (uint32_t)FEATURE_L3 : 0);
    m->gone = u->gone;
    if (o->cap_ma > 0) {
        m->max_ma = o->cap_ma / 1000 * 1000;
        m->floor_ma = floor_of(u, s);
    }
    if (memcmp(&before, m, offsetof(struct model_device, updated_utc_ms)) != 0) {
        model_touch(&d->model, u->device);
    }
}

static struct unit *add(struct daemon *d, const char *id, uint16_t twc_id, int bus)
{
    struct unit *u = &d->unit[d->units];
    char plain[16];

    if (d->units == CHARGERS_MAX) {
        log_error("bridge", "more than %d chargers: %s is not taken", CHARGERS_MAX, id);
        return NULL;
    }
    memset(u, 0, sizeof(*u));
    u->device = model_add(&d->model, MODEL_CHARGER, id, id);
    if (u->device < 0) {
        return NULL;
    }
    u->daemon = d;
    str_copy(u->id, sizeof(u->id), id);
    u->twc_id = twc_id;
    u->bus = bus;
    u->slot = -1;
    u->run = run_defaults;
    plain_id(d, bus, twc_id, plain, sizeof(plain));
    u->settings = settings_of(d, bus, plain);
    u->report.link = CHARGER_UNHEARD;
    u->report.plugged = TRI_UNKNOWN;
    u->report.counter_wh = -1;
    u->report.answer_share_permille = UINT32_MAX;
    for (int p = 0; p < PHASES; p++) {
        u->report.phase_ma[p] = -1;
    }
    session_init(&u->session);
    d->units++;
    return u;
}

static int bus_by_id(const struct daemon *d, const char *id)
{
    for (int i = 0; i < d->settings.bus_count; i++) {
        if (strcmp(d->settings.bus[i].id, id) == 0) {
            return i;
        }
    }
    return -1;
}

/* How long ago a moment was that the store tells. In the same boot a wall clock that was set since
 * the last write does not matter. */
static int64_t age_of(const struct store_image *image, int64_t utc_ms)
{
    if (image->same_boot && image->written_boot_ms > 0) {
        return loop_now_ms() - image->written_boot_ms + (image->written_utc_ms - utc_ms);
    }
    return loop_utc_ms() - utc_ms;
}

/* Written at most warm_store_s ago: the chargers are where we left them. */
static bool fresh(const struct daemon *d, const struct store_image *image)
{
    int64_t age_ms = age_of(image, image->written_utc_ms);

    return image->written_utc_ms > 0 && age_ms >= 0 &&
            age_ms <= (int64_t)d->settings.safety.warm_store_s * 1000;
}

/* Control goes on from the amps on the wire: nothing rises, nothing drops before it is read back. */
static void resume(struct daemon *d, int i, const struct store_charger *c)
{
    struct control_state_charger *s = &d->control.c[i];

    s->stored_ma = c->told_ma;
    s->offer_ma = c->told_ma;
    s->offered = true;
    s->warm = true;
    s->on_ms = c->told_ma > 0 ? loop_now_ms() : 0;
}

static void load_one(struct daemon *d, const struct store_charger *c, const struct store_image *image)
{
    int64_t age_ms = age_of(image, c->seen_utc_ms);
    int bus = bus_by_id(d, c->bus);
    struct unit *u = bus >= 0 && !c->removed ? add(d, c->id, c->twc_id, bus) : NULL;

    if (!u) {
        return; /* its bus is not in the settings any more, or a person removed it */
    }
    u->row = *c;
    u->row.sent_boot_ms = image->same_boot ? c->sent_boot_ms : 0;
    u->report.protocol = c->protocol;
    u->report.sign = c->sign;
    u->report.hw_max_ma = c->hw_max_ma;
    u->report.told_known = c->told_ma >= 0;
    u->report.told_ma = c->told_ma >= 0 ? c->told_ma : 0;
    str_copy(u->report.serial, sizeof(u->report.serial), c->serial);
    str_copy(u->report.firmware, sizeof(u->report.firmware), c->firmware);
    session_restore(&u->session, c->energy_wh, c->energy_mws, c->counter_wh, c->anchor_wh);
    unit_session_load(u, c);
    u->shown_wh = c->energy_wh;
    u->shown_session_wh = c->session_wh;
    u->gap_due = c->seen_utc_ms > 0;
    u->gap_from_ms = loop_now_ms() - age_ms;
    u->gap_power_w = c->power_w;
    u->loaded_ms = loop_now_ms();
    u->session.waiting = u->gap_due;
    d->control.c[u - d->unit].stops_used = c->stops_used;
    /* At most PUT_MS too early: rather a stop too many is counted than one too few. */
    if (image->same_boot && c->sent_boot_ms > 0 && c->sent_boot_ms <= loop_now_ms()) {
        d->control.c[u - d->unit].sent_ms = c->sent_boot_ms;
    } else if (c->seen_utc_ms > 0 && age_ms > 0) {
        d->control.c[u - d->unit].sent_ms = loop_now_ms() - age_ms;
    }
    if (fresh(d, image) && c->told_ma >= 0 && strcmp(c->port, d->settings.bus[bus].port) == 0) {
        resume(d, (int)(u - d->unit), c);
    }
    describe(d, u);
}

/* bus -1: on any. */
static int known_on(const struct daemon *d, int bus, uint16_t twc_id)
{
    for (int i = 0; i < d->units; i++) {
        int on = d->unit[i].bus;

        if (d->unit[i].twc_id == twc_id && (on == bus || on < 0 || bus < 0)) {
            return i;
        }
    }
    return -1;
}

/* The id on topics and in the store: two buses may have chargers with one number. */
static void new_id(const struct daemon *d, int bus, const char *plain, char *dst, size_t room)
{
    if (unit_find(d, plain) < 0 || bus < 0) {
        str_copy(dst, room, plain);
    } else {
        str_format(dst, room, "%.40s_%.5s", d->settings.bus[bus].id, plain);
    }
}

/* The number behind an id of the settings: "a1b2" or "v1". */
static uint16_t twc_id_of(const char *id)
{
    unsigned v = 0;

    if (id[0] == 'v') {
        return (uint16_t)(id[1] - '0');
    }
    for (const char *p = id; *p != '\0'; p++) {
        v = v * 16 + (unsigned)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    }
    return (uint16_t)v;
}

void units_load(struct daemon *d, const struct store_image *image)
{
    for (int i = 0; i < image->chargers; i++) {
        load_one(d, &image->charger[i], image);
    }
    for (int i = 0; i < d->settings.charger_count; i++) {
        const struct charger_settings *s = &d->settings.charger[i];
        uint16_t twc_id = twc_id_of(s->id);
        int bus = s->bus_index >= 0 ? s->bus_index : d->settings.bus_count == 1 ? 0 : -1;

        if (known_on(d, bus, twc_id) < 0) {
            char id[48];
            struct unit *u;

            new_id(d, bus, s->id, id, sizeof(id));
            u = add(d, id, twc_id, bus);
            if (u) {
                u->settings = i;
                describe(d, u);
            }
        }
    }
}

void unit_describe(struct daemon *d, int i)
{
    describe(d, &d->unit[i]);
}

void units_settings(struct daemon *d)
{
    for (int i = 0; i < d->units; i++) {
        struct unit *u = &d->unit[i];
        char plain[16];

        plain_id(d, u->bus, u->twc_id, plain, sizeof(plain));
        u->settings = settings_of(d, u->bus, plain);
        describe(d, u);
    }
}

void bus_config_of(struct daemon *d, int bus, const struct store_image *image, struct bus_config *out)
{
    const struct safety_settings *f = &d->settings.safety;
    bool warm = fresh(d, image);

    *out = (struct bus_config){
            .id = 0x4357,
            .sign = 0x77,
            .query = true,
            .warm_listen_ms = f->warm_listen_ms,
            .cold_listen_ms = f->cold_listen_ms,
            .idle_wait_ms = f->idle_wait_ms,
            .stamp_max_ms = f->stamp_max_ms,
            .foreign_window_ms = f->foreign_window_ms,
            .foreign_clear_ms = f->foreign_clear_s * 1000,
            .silent_ms = 10000,
            .silent_stop_ms = f->silent_stop_s * 1000,
    };
    for (int i = 0; i < d->units && out->known_count < BUS_KNOWN_MAX; i++) {
        const struct unit *u = &d->unit[i];
        bool stored = u->row.id[0] != '\0' && warm &&
                strcmp(u->row.port, d->settings.bus[bus].port) == 0;

        if (u->gone || (u->bus != bus && u->bus >= 0)) {
            continue;
        }
        out->known[out->known_count++] = (struct bus_known){
                .id = u->twc_id,
                .configured = true,
                .stored = stored,
                .protocol = u->report.protocol,
                .sign = u->report.sign,
                .hw_max_ma = u->report.hw_max_ma,
                .told_ma = stored ? u->row.told_ma : -1,
                .sent_ms = d->control.c[i].sent_ms,
        };
    }
}

int unit_adopt(struct daemon *d, int bus, int slot, uint16_t twc_id, const struct charger_report *r)
{
    int i = known_on(d, bus, twc_id);
    struct unit *u = i >= 0 ? &d->unit[i] : NULL;

    if (!u) {
        char plain[16], id[48];

        plain_id(d, bus, twc_id, plain, sizeof(plain));
        new_id(d, bus, plain, id, sizeof(id));
        u = add(d, id, twc_id, bus);
        if (!u) {
            return -1;
        }
        d->control.c[u - d->unit].stored_ma = -1;
    }
    for (int k = 0; k < d->units; k++) {
        if (d->unit[k].bus == bus && d->unit[k].slot == slot) {
            d->unit[k].slot = -1; /* a slot that was taken over from a tentative charger */
        }
    }
    u->bus = bus;
    u->slot = slot;
    u->gone = false;
    u->report = *r;
    describe(d, u);
    step_config(d);
    unit_put(d, u);
    daemon_dirty(d);
    log_notice("bus", "%s: a charger of protocol %u, at most %d A", d->model.device[u->device].name,
            (unsigned)r->protocol, r->hw_max_ma / 1000);
    return (int)(u - d->unit);
}

static void on_put(void *user, bool ok)
{
    struct unit *u = user;

    u->putting = false; /* without a store, what we count is what we show */
    u->session_written = ok && u->row.session.end_utc_ms != 0 &&
            u->row.session_number == u->session.number;
    u->shown_wh = u->row.energy_wh;
    u->shown_session_wh = u->row.session_wh;
    if (u->put_again) {
        u->put_again = false;
        unit_put(u->daemon, u);
    }
    daemon_dirty_soon(u->daemon);
}

void unit_put(struct daemon *d, struct unit *u)
{
    struct store_charger *c = &u->row;
    const struct session *s = &u->session;

    if (u->putting) {
        u->put_again = true; /* the row must not change before it is acknowledged */
        return;
    }
    str_copy(c->id, sizeof(c->id), u->id);
    if (u->bus >= 0) {
        str_copy(c->bus, sizeof(c->bus), d->settings.bus[u->bus].id);
        str_copy(c->port, sizeof(c->port), d->settings.bus[u->bus].port);
    }
    c->twc_id = u->twc_id;
    c->protocol = u->report.protocol;
    c->sign = u->report.sign;
    c->hw_max_ma = u->report.hw_max_ma;
    c->told_ma = u->report.told_known ? u->report.told_ma : -1;
    c->energy_wh = s->energy_wh;
    c->energy_mws = s->rest_mwms / 1000;
    c->counter_wh = s->counter_wh;
    c->anchor_wh = s->anchored ? s->anchor_wh : INT64_MIN;
    c->power_w = u->gap_due ? u->gap_power_w : s->power_known ? s->power_w : 0;
    unit_session_row(u);
    c->stops_used = d->control.c[u - d->unit].stops_used;
    str_copy(c->serial, sizeof(c->serial), u->report.serial);
    str_copy(c->firmware, sizeof(c->firmware), u->report.firmware);
    if (u->report.link == CHARGER_ONLINE && !u->gap_due) {
        c->seen_utc_ms = loop_utc_ms();
    }
    if (u->report.sent_ms > 0) {
        c->sent_boot_ms = u->report.sent_ms;
    }
    c->removed = u->gone;
    u->put_ms = loop_now_ms();
    u->putting = true;
    if (d->store) {
        store_put_charger(d->store, c, on_put, u);
    } else {
        on_put(u, false);
    }
}

/* The power now is worth as much as the one before: measured, or nothing to wait for. */
static bool power_settled(const struct unit *u, int64_t now_ms)
{
    const struct charger_report *r = &u->report;

    return r->heard_ms != 0 && u->session.power_known &&
            (!u->session.power_estimated || r->protocol == 1 || now_ms - u->loaded_ms > SETTLE_MS);
}

/* Until then nothing is counted; then the whole time since the last row in the store is. */
static void bridge_gap(struct unit *u, int64_t now_ms)
{
    int64_t gap_ms = now_ms - u->gap_from_ms;

    u->session.waiting = u->gap_due && !power_settled(u, now_ms);
    if (!u->gap_due || u->session.waiting) {
        return;
    }
    u->gap_due = false;
    if (gap_ms > 0 && gap_ms <= GAP_MAX_MS) {
        session_bridge_gap(&u->session, u->gap_power_w, gap_ms);
    }
}

/* What is due soon goes along: one write to the disk for all chargers, not one for each. */
static void put_all(struct daemon *d, int64_t now_ms)
{
    if (d->store) {
        store_group(d->store);
    }
    for (int i = 0; i < d->units; i++) {
        if (now_ms - d->unit[i].put_ms >= PUT_MS / 2) {
            unit_put(d, &d->unit[i]);
        }
    }
    if (d->store) {
        store_group_end(d->store);
    }
}

void unit_report(struct daemon *d, int i, const struct charger_report *r)
{
    struct unit *u = &d->unit[i];
    int64_t now_ms = loop_now_ms();
    int64_t utc_ms = loop_utc_ms();
    const struct charger_settings *s = u->settings >= 0 ? &d->settings.charger[u->settings] : NULL;
    struct session_config c = {
            .phases = s ? (enum phase_map)s->phases : PHASE_MAP_UNKNOWN,
            .nominal_mv = s ? s->nominal_v * 1000 : 230000,
    };
    bool told = r->told_ma != u->row.told_ma;
    bool vin = strcmp(r->vin, u->report.vin) != 0;
    bool answers_otherwise = r->link != u->report.link || r->state != u->report.state ||
                             r->mirror_ma != u->report.mirror_ma || r->plugged != u->report.plugged;

    u->report = *r;

    uint32_t ev = session_step(&u->session, &c, r, now_ms, utc_ms);

    bridge_gap(u, now_ms);
    unit_sessions(d, i, ev);
    if (vin && r->vin[0] != '\0') {
        event_emit(d, i, "vehicle_identified", "%s", "");
    }
    describe(d, u);
    if (told) {
        unit_put(d, u);
    } else if (now_ms - u->put_ms >= PUT_MS) {
        put_all(d, now_ms);
    }
    if (told || ev != 0 || answers_otherwise) {
        daemon_dirty(d);
    } else {
        daemon_dirty_soon(d);
    }
}

void unit_remove(struct daemon *d, int i)
{
    struct unit *u = &d->unit[i];

    u->gone = true;
    d->model.device[u->device].gone = true;
    unit_sessions(d, i, session_finish(&u->session, loop_utc_ms(), SESSION_REMOVED));
    lease_drop(&d->leases, LEASE_REQUEST, LEASE_CHARGER, i, NULL, lease_over, d);
    unit_put(d, u);
    model_touch(&d->model, u->device);
    daemon_dirty(d);
}
