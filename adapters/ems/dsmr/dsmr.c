/*
 * dsmr - smart meters with a P1 port: the Netherlands (DSMR 2.2, 3, 4, 5), Belgium, Luxembourg,
 * Sweden, Hungary, Sagemcom T210-D in Austria; and D0 meters that write alike.
 *
 * One object a line, "1-0:21.7.0(00.070*kW)". What counts is the OBIS code and the unit that is
 * written, not the country. Import and export are two registers, currents have no sign and in the
 * Netherlands no decimals. SPDX-License-Identifier: MIT
 */
#include "adapters/ems/dsmr/cipher.h"
#include "adapters/ems/dsmr/frame.h"
#include "adapters/ems/dsmr/lines.h"
#include "adapters/ems/ems.h"

enum profile { AUTO, DSMR_2, DSMR_4, DSMR_5, BELGIUM, LUXEMBOURG, AUSTRIA, SWEDEN, HUNGARY };

struct config {
    struct ems_wire wire;
    int32_t profile;
    char key[64], auth_key[64];
};

static const char *const profiles[] = {
        "auto", "2.2", "4", "5", "be", "lu", "at", "se", "hu", NULL};

/* clang-format off */
static const struct opt rows[] = {
    EMS_LINE_ROWS(struct config, wire, 2001, OPT_UNSET, EMS_8N1),
    OPTION(struct config, "profile", profile, OPT_CHOICE, .choices = profiles, .flags = OPT_RESTART,
        .text = "The standard of the meter; auto looks at what comes. From 4 on a telegram without a checksum is refused, lu and at want a key."),
    OPTION(struct config, "key", key, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .text = "The key of a meter that encrypts (Luxembourg, Austria), 32 hex digits from the operator of the grid."),
    OPTION(struct config, "auth_key", auth_key, OPT_STRING, .flags = OPT_RESTART | OPT_SECRET,
        .fallback_str = "00112233445566778899AABBCCDDEEFF",
        .text = "Its authentication key, 32 hex digits; Luxembourg has the same for all."),
    {.name = NULL},
};

static const char *const notes[] = {
    "The request line of the port (RTS) must be high; cables that are sold for it do that. In Belgium the operator of the grid switches the port on.",
    "Without baud 115200 (DSMR 4 and later) and 9600 (DSMR 2.2 and 3) are tried in turn, 15 seconds each. 7E1 is understood without setting format.",
    "Currents have the direction of the power of their phase. Where the meter gives whole amps only (the Netherlands), power by voltage is taken instead, which leaves out reactive current.",
    "A meter of one phase gives nothing for L2 and L3. DSMR 2.2 has no clock: the time of arrival counts.",
    "A gateway (ser2net, an ESP bridge) must pass the bytes as they are; many serve one program at a time.",
    "Not tried on a live meter: Luxembourg and Austria (frames made for tests), Sweden, Hungary.",
    NULL};
/* clang-format on */

/* ---- settings ---- */

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_CURRENT_L1_MA) | EMS_BIT(EMS_CURRENT_L2_MA) |
           EMS_BIT(EMS_CURRENT_L3_MA) | EMS_BIT(EMS_VOLTAGE_L1_MV) |
           EMS_BIT(EMS_VOLTAGE_L2_MV) | EMS_BIT(EMS_VOLTAGE_L3_MV);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    const struct config *c = config;
    uint8_t key[DSMR_KEY];

    ems_wire_check(&c->wire, path, errs, warnings);
    if (c->key[0] != '\0' && !dsmr_key_parse(c->key, key)) {
        opt_errors_add(errs, "%s.key: is not 32 hex digits", path);
    }
    if (!dsmr_key_parse(c->auth_key, key)) {
        opt_errors_add(errs, "%s.auth_key: is not 32 hex digits", path);
    }
    if (c->key[0] == '\0' && (c->profile == LUXEMBOURG || c->profile == AUSTRIA)) {
        opt_errors_add(
                errs, "%s.key: is missing, profile %s wants one", path, profiles[c->profile]);
    }
}

static enum ems_transport transport(const void *config)
{
    (void)config;
    return EMS_OVER_LINE;
}

static void cut(const void *config, const char *p, size_t n, size_t *drop, size_t *len)
{
    (void)config;
    dsmr_cut(p, n, drop, len);
}

/* ---- telegrams ---- */

struct memo {
    bool sums; /* this meter has checksums */
};

/* The text of a telegram, without parity and cipher; false with a sentence. */
static bool open_telegram(const struct config *c, const struct ems_answer *a,
        char text[static DSMR_FRAME_MAX], size_t *n, struct err *e)
{
    struct dsmr_keys keys;

    if ((unsigned char)a->body[0] != DSMR_CIPHER_START) {
        *n = a->len;
        if (!dsmr_plain(text, a->body, a->len)) {
            err_set(e, ERR_IO, "a telegram is damaged: a byte breaks its parity");
            return false;
        }
        return true;
    }
    return dsmr_key_parse(c->key, keys.key) && dsmr_key_parse(c->auth_key, keys.auth) &&
           dsmr_decrypt(&keys, a->body, a->len, text, n, e);
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    const struct config *c = config;
    struct memo *m = (struct memo *)(void *)s->memo;
    char text[DSMR_FRAME_MAX];
    struct dsmr_telegram t;
    struct dsmr_readings r;
    size_t n = 0;

    if (a->len > sizeof(text)) {
        err_set(e, ERR_IO, "a telegram of %zu bytes is none", a->len);
        return EMS_DATA;
    }
    if ((unsigned char)a->body[0] == DSMR_CIPHER_START && c->key[0] == '\0') {
        err_set(e, ERR_REFUSED,
                "the meter encrypts its telegrams: set key, 32 hex digits that the operator of the "
                "grid gives");
        return EMS_AUTH;
    }
    if (!open_telegram(c, a, text, &n, e)) {
        return EMS_DATA;
    }
    if (!dsmr_find(text, n, &t)) {
        err_set(e, ERR_IO, "what came is no telegram: it has no / or no end");
        return EMS_DATA;
    }
    dsmr_read(t.lines, t.len, &r);
    if (t.sum == DSMR_SUM_BAD) {
        err_set(e, ERR_IO, "a telegram is damaged: its checksum is %04X, not %04X", t.written,
                t.computed);
        return EMS_DATA;
    }
    if (t.sum == DSMR_NO_SUM && (m->sums || r.versioned || c->profile >= DSMR_4)) {
        err_set(e, ERR_IO, "a telegram is damaged: it has no checksum");
        return EMS_DATA;
    }
    m->sums = m->sums || t.sum == DSMR_SUM_GOOD;
    dsmr_say(&r, out);
    if (!r.any) {
        err_set(e, ERR_IO,
                "the telegram holds no electric power (1-0:1.7.0): the meter of heat or "
                "gas has a port of its own?");
        return EMS_DATA;
    }
    return EMS_OK;
}

const struct ems_adapter ems_dsmr = {
        .name = "dsmr",
        .title = "Smart meter (P1 port)",
        .summary =
                "Smart meters with a P1 port: DSMR 2.2 to 5, Belgium, Luxembourg, Sweden, Hungary, D0.",
        .tested = "real capture",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .wire_offset = offsetof(struct config, wire),
        .interval_s = 10,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .transport = transport,
        .parse = parse,
        .cut = cut,
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");
