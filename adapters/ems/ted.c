/*
 * ted - The Energy Detective: gateways TED 5000 and TED 6000 (Pro), XML over plain HTTP.
 *
 * Older firmware answers /api/LiveData.xml: the power of each MTU (a clamp unit) and their total, which
 * is what flows at the grid. An MTU that sees solar panels counts negative, in power and energy. Newer
 * firmware has no such page (404) but /api/DashData.xml, with T=0 for power and D=0 for the grid,
 * D=1 for what the house takes, D=2 for the sun (negative). T=1 is money and looks the same. Voltages
 * are tenths, of one leg. The clock of the gateway has no zone. Facts from recorded pages.
 * SPDX-License-Identifier: MIT
 */
#include "adapters/ems/ems.h"
#include "bridge/base/str.h"

#include <string.h>

enum { LIVE, NET, HOUSE, SUN, PAGES };
enum { MTUS = 4 };

struct config {
    struct ems_http http;
    int32_t solar_mtu;
};

struct memo {
    bool dash;     /* the newer firmware */
    uint8_t page;  /* that comes next; PAGES: none */
    uint8_t solar; /* bit i: MTU i+1 was seen to give power */
};
_Static_assert(sizeof(struct memo) <= EMS_MEMO_ROOM, "the session has no room for it");

/* clang-format off */
static const struct opt rows[] = {
    EMS_HTTP_ROWS(struct config, http, "The address of the gateway: http://HOST, without a path."),
    OPTION(struct config, "solar_mtu", solar_mtu, OPT_INT, .min = 0, .max = MTUS, .flags = OPT_RESTART,
        .text = "The number of the MTU that sees the solar panels (TED 5000 with older firmware); 0: the one that is negative."),
    {.name = NULL},
};
/* clang-format on */

static uint32_t fields(const void *config)
{
    (void)config;
    return EMS_BIT(EMS_GRID_W) | EMS_BIT(EMS_PV_W) | EMS_BIT(EMS_CONSUMPTION_W) |
           EMS_BIT(EMS_VOLTAGE_L1_MV);
}

static void check(const void *config, const char *path, struct opt_errors *errs,
        struct opt_errors *warnings)
{
    ems_http_check(&((const struct config *)config)->http, path, errs, warnings);
}

static struct memo *memo_of(struct ems_session *s)
{
    return (struct memo *)(void *)s->memo;
}

static int page_of(const struct memo *m, int i)
{
    return i > 0 ? m->page : m->dash ? NET : LIVE;
}

static bool request(
        const void *config, const struct ems_session *s, int i, struct ems_request *out)
{
    static const char *const paths[PAGES] = {"/api/LiveData.xml",
            "/api/DashData.xml?T=0&D=0&M=0", "/api/DashData.xml?T=0&D=1&M=0",
            "/api/DashData.xml?T=0&D=2&M=0"};
    const struct config *c = config;
    int page = page_of((const struct memo *)(const void *)s->memo, i);

    out->optional = true;
    return page < PAGES &&
           ems_page(out->url, sizeof(out->url), c->http.url, false, paths[page]);
}

/* ---- the older pages ---- */

/* A whole number, 0 where there is none. */
static int64_t whole(struct json_object *v, const char *key)
{
    int64_t n = 0;
    char text[32];

    json_as_text(json_member(v, key), text, sizeof(text));
    return str_int(text, strlen(text), &n) ? n : 0;
}

static bool gives(struct json_object *mtu)
{
    return whole(mtu, "PowerNow") < 0 || whole(mtu, "PowerTDY") < 0 ||
           whole(mtu, "PowerMTD") < 0;
}

static void read_live(const struct config *c, struct memo *m, const struct ems_tree *t,
        struct ems_reports *out)
{
    struct json_object *power = json_member(json_member(t->json, "LiveData"), "Power");
    char sun[EMS_EXPR_ROOM] = "", house[EMS_EXPR_ROOM] = "LiveData.Power.Total.PowerNow";

    for (int i = 1; i <= MTUS; i++) {
        char name[8], term[64];

        (void)str_format(name, sizeof(name), "MTU%d", i);
        if (c->solar_mtu == 0 && gives(json_member(power, name))) {
            m->solar |= (uint8_t)(1u << i);
        }
        if (c->solar_mtu == i || (c->solar_mtu == 0 && (m->solar & (1u << i)))) {
            (void)str_format(term, sizeof(term), " - LiveData.Power.MTU%d.PowerNow", i);
            (void)(ems_add(sun, sizeof(sun), sun[0] != '\0' ? term : "-") &&
                    (sun[1] != '\0' || ems_add(sun, sizeof(sun), term + 3)) &&
                    ems_add(house, sizeof(house), term));
        }
    }
    ems_expr_say(t, "LiveData.Power.Total.PowerNow", EMS_GRID_W, 0, out);
    if (sun[0] != '\0') {
        ems_expr_say(t, sun, EMS_PV_W, 0, out);
        ems_expr_say(t, house, EMS_CONSUMPTION_W, 0, out);
    } else {
        ems_say_none(out, EMS_PV_W,
                "no MTU gives power so far: set solar_mtu if one sees the sun", NULL);
        ems_say_none(out, EMS_CONSUMPTION_W,
                "without an MTU for the sun the total is the grid's alone", NULL);
    }
    ems_expr_say(t, "LiveData.Voltage.Total.VoltageNow * 0.1", EMS_VOLTAGE_L1_MV, 0, out);
}

/* ---- answers ---- */

static enum ems_class read_page(const struct config *c, struct memo *m, int page,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct ems_tree t = {.json = ems_xml(a, e)};

    if (!t.json) {
        return EMS_DATA;
    }
    if (!json_member(t.json, page == LIVE ? "LiveData" : "DashData")) {
        err_set(e, ERR_IO, "the answer is XML, but not that of a TED gateway; check url");
        json_put(t.json);
        return EMS_DATA;
    }
    switch (page) {
    case LIVE:
        read_live(c, m, &t, out);
        break;
    case NET:
        ems_expr_say(&t, "DashData.Now", EMS_GRID_W, 0, out);
        ems_expr_say(&t, "DashData.Voltage * 0.1", EMS_VOLTAGE_L1_MV, 0, out);
        break;
    case HOUSE:
        ems_expr_say(&t, "DashData.Now", EMS_CONSUMPTION_W, 0, out);
        break;
    default:
        ems_expr_say(&t, "-DashData.Now", EMS_PV_W, 0, out);
        break;
    }
    json_put(t.json);
    return EMS_OK;
}

static enum ems_class parse(const void *config, struct ems_session *s,
        const struct ems_answer *a, struct ems_reports *out, struct err *e)
{
    struct memo *m = memo_of(s);
    int page = page_of(m, a->i);
    enum ems_class class = EMS_UNREACHABLE;

    m->page = PAGES;
    if (a->status >= 200 && a->status <= 299) {
        class = read_page(config, m, page, a, out, e);
        m->page = page == LIVE ? PAGES : (uint8_t)(page + 1);
    } else if (a->status == 404 && page == LIVE) {
        m->dash = true;
        m->page = NET;
        return EMS_OK;
    } else if (a->status == 404 && page == NET) {
        m->dash = false;
        class = EMS_NOT_FOUND;
        err_set(e, ERR_NOT_FOUND,
                "there is neither LiveData.xml nor DashData.xml: is url that of a TED gateway?");
    }
    if (class != EMS_OK && page > NET) {
        /* The grid is known; the two others are what is missing. */
        ems_say_none(out, page == HOUSE ? EMS_CONSUMPTION_W : EMS_PV_W,
                "its page (DashData.xml) does not answer", NULL);
        m->page = a->status == 0 ? PAGES : (uint8_t)(page + 1);
        return EMS_OK;
    }
    return class;
}

static const char *const notes[] = {
        "The total of a TED 5000 is taken for what flows at the grid: the sum of all MTUs, those of "
        "the sun negative.",
        "The gateway is slow: leave interval_s at 10 and timeout_s at 20.",
        "The voltage is that of one leg (about 120 V in North America).",
        "The newer pages were recorded on one gateway, published as a TED 5000 whose settings call "
        "it TED6000; the older page was constructed.",
        NULL,
};

const struct ems_adapter ems_ted = {
        .name = "ted",
        .title = "TED (The Energy Detective) 5000, 6000, Pro",
        .summary =
                "Gateways of The Energy Detective with their clamps at the grid and at the sun.",
        .tested = "real capture (newer firmware), constructed (older)",
        .notes = notes,
        .options = rows,
        .config_size = sizeof(struct config),
        .http_offset = offsetof(struct config, http),
        .interval_s = 10,
        .max_age_s = 60,
        .fields = fields,
        .finds_out = true,
        .check = check,
        .request = request,
        .parse = parse,
};
_Static_assert(sizeof(struct config) <= EMS_CONFIG_MAX, "the settings have no room for it");
