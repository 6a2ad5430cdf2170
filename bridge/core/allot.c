/*
 * allot - see allot.h. SPDX-License-Identifier: MIT
 */
#include "bridge/core/allot.h"

#include "bridge/core/fits.h"

#include <string.h>

enum { AMP = 1000 };

struct filling {
    const struct rows *r;
    const struct allot_want *want;
    int n;
    struct allot_out *out;
    int32_t left_ma[ROWS_MAX]; /* limit - cost of all so far; may be negative */
    int32_t spare_ma[ROWS_MAX]; /* left - excess of all that want something: for rises */
    int32_t free_ma[ROWS_MAX]; /* limit - shares of all so far */
    bool done[CHARGERS_MAX];
};

static int32_t cost(const struct allot_want *w, int32_t share_ma)
{
    return share_ma > w->fixed_ma ? share_ma : w->fixed_ma;
}

/* Gives charger i the share if what it adds fits all its rows. What is fixed flows in any case,
 * but even then no more is offered than the rows carry. */
static bool give(struct filling *f, int i, int32_t share_ma)
{
    int32_t extra = cost(&f->want[i], share_ma) - cost(&f->want[i], f->out->share_ma[i]);
    int32_t more = share_ma - f->out->share_ma[i];
    int row;

    const int32_t *left_ma = f->out->share_ma[i] > 0 ? f->spare_ma : f->left_ma;

    if ((extra > 0 && rows_room(f->r, left_ma, i, &row) < extra) ||
            rows_room(f->r, f->free_ma, i, &row) < more) {
        f->out->row[i] = (int16_t)row;
        return false;
    }
    for (int k = 0; k < f->r->use_n[i]; k++) {
        f->left_ma[f->r->use[i][k]] -= extra;
        f->spare_ma[f->r->use[i][k]] -= extra;
        f->free_ma[f->r->use[i][k]] -= more;
    }
    f->out->share_ma[i] = share_ma;
    return true;
}

static void floors(struct filling *f, uint8_t priority)
{
    bool tried[CHARGERS_MAX] = {false};

    for (;;) {
        int next = -1;

        for (int i = 0; i < f->n; i++) {
            if (!tried[i] && f->want[i].priority == priority && f->want[i].want_ma > 0 &&
                    (next < 0 || f->want[i].rank < f->want[next].rank)) {
                next = i;
            }
        }
        if (next < 0) {
            return;
        }
        tried[next] = true;
        f->done[next] = !give(f, next, (f->want[next].floor_ma + AMP - 1) / AMP * AMP);
    }
}

static bool growing(const struct filling *f, int i, uint8_t priority)
{
    return !f->done[i] && f->want[i].priority == priority && f->out->share_ma[i] > 0 &&
           f->out->share_ma[i] + AMP <= f->want[i].want_ma;
}

/* How far the whole group at the lowest share may rise in one go: to the next share above it, to
 * the smallest want in it, and as far as every row carries. */
static int32_t stride(const struct filling *f, uint8_t priority, int32_t level_ma)
{
    int32_t step = INT32_MAX;
    int32_t users[ROWS_MAX] = {0};

    for (int i = 0; i < f->n; i++) {
        if (!growing(f, i, priority)) {
            continue;
        }
        int32_t share = f->out->share_ma[i];
        int32_t to = share == level_ma ? f->want[i].want_ma - share : share - level_ma;

        step = to < step ? to : step;
        for (int k = 0; share == level_ma && k < f->r->use_n[i]; k++) {
            users[f->r->use[i][k]]++;
        }
    }
    for (int x = 0; x < f->r->n; x++) {
        int32_t left = f->spare_ma[x] > 0 ? f->spare_ma[x] : 0;

        if (users[x] > 0 && left / users[x] < step) {
            step = left / users[x];
        }
    }
    return step / AMP * AMP;
}

static void rise(struct filling *f, uint8_t priority)
{
    for (;;) {
        int32_t level_ma = INT32_MAX;

        for (int i = 0; i < f->n; i++) {
            if (growing(f, i, priority) && f->out->share_ma[i] < level_ma) {
                level_ma = f->out->share_ma[i];
            }
        }
        if (level_ma == INT32_MAX) {
            return;
        }
        int32_t step = stride(f, priority, level_ma);

        step = step < AMP ? AMP : step;
        for (int i = 0; i < f->n; i++) {
            if (growing(f, i, priority) && f->out->share_ma[i] == level_ma &&
                    !give(f, i, level_ma + step)) {
                f->done[i] = true;
            }
        }
    }
}

void allot_rows(
        const struct rows *r, const struct allot_want want[], int n, struct allot_out *out)
{
    struct filling f = {.r = r, .want = want, .n = n, .out = out};

    memset(out, 0, sizeof(*out));
    memcpy(f.left_ma, r->limit_ma, sizeof(f.left_ma));
    memcpy(f.free_ma, r->limit_ma, sizeof(f.free_ma));
    for (int i = 0; i < n; i++) {
        out->row[i] = ROW_NONE;
        for (int k = 0; k < r->use_n[i]; k++) {
            f.left_ma[r->use[i][k]] -= want[i].fixed_ma;
        }
    }
    memcpy(f.spare_ma, f.left_ma, sizeof(f.spare_ma));
    for (int i = 0; i < n; i++) {
        for (int k = 0; want[i].want_ma > 0 && k < r->use_n[i]; k++) {
            f.spare_ma[r->use[i][k]] -= want[i].excess_ma;
        }
    }
    for (int p = 9; p >= 0; p--) {
        floors(&f, (uint8_t)p);
        rise(&f, (uint8_t)p);
    }
}

bool allot_fits(
        const struct rows *r, const struct allot_want want[], int n, const int32_t share_ma[])
{
    struct fits_in in = {.chargers = n, .rows = r->n};

    for (int i = 0; i < n; i++) {
        in.share_ma[i] = share_ma[i];
        in.floor_ma[i] = want[i].floor_ma;
        in.want_ma[i] = want[i].want_ma;
        in.fixed_ma[i] = want[i].fixed_ma;
        for (int k = 0; k < r->use_n[i]; k++) {
            in.use[r->use[i][k]][i] = 1;
        }
    }
    for (int x = 0; x < r->n; x++) {
        in.limit_ma[x] = r->limit_ma[x];
    }
    return fits(&in);
}
